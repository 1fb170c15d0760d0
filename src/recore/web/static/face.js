// Maps of a face that can be walked over and zoomed, and the live view. The pages say the same without this file.

const dark = () => {
  const theme = document.documentElement.dataset.theme;
  return theme === "dark" || (theme === "auto" && matchMedia("(prefers-color-scheme: dark)").matches);
};

class FaceMap {
  constructor(root) {
    this.root = root;
    this.words = root.dataset;
    this.base = root.dataset.base;
    this.box = root.querySelector("#map");
    this.over = root.querySelector("#over");
    this.told = root.querySelector("#cell");
    this.form = root.querySelector("#choose");
    this.query = new URLSearchParams(root.dataset.query);
    this.at = null;
    this.over.hidden = false;
    this.events();
    this.load(false);
  }

  get wide() { return Math.max(Math.min(Math.floor(this.box.clientWidth), 1600), 300); }

  // the picture and its cells of the query; only the newest answer counts
  async load(remember = true) {
    const turn = (this.turn = (this.turn ?? 0) + 1);
    const asked = new URLSearchParams(this.query);
    asked.set("w", this.wide);
    const answer = await fetch(`${this.base}/tile.json?${asked}`);
    if (!answer.ok || turn !== this.turn) return;
    const tile = await answer.json();
    const picture = new Image();
    picture.src = `${this.base}/map.svg?${asked}&theme=${dark() ? "dark" : "light"}`;
    await picture.decode().catch(() => {});
    if (turn !== this.turn) return;
    const bytes = Uint8Array.from(atob(tile.cells), (c) => c.charCodeAt(0));
    this.cells = new Uint16Array(bytes.buffer);
    this.tile = tile;
    this.query = new URLSearchParams(tile.query);
    for (const image of this.box.querySelectorAll("input[type=image]")) {
      image.src = picture.src;
      image.width = tile.frame.width;
      image.height = tile.frame.height;
      image.tabIndex = -1;
    }
    const ratio = devicePixelRatio || 1;
    this.over.width = tile.frame.width * ratio;
    this.over.height = tile.frame.height * ratio;
    this.over.style.width = `${tile.frame.width}px`;
    this.over.style.height = `${tile.frame.height}px`;
    this.pen = this.over.getContext("2d");
    this.pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    if (this.at) this.at = [Math.min(this.at[0], tile.rows - 1), Math.min(this.at[1], tile.columns - 1)];
    this.root.dataset.ready = tile.step;
    this.draw();
    if (remember) this.remember();
  }

  // the address, the form and the sentence of the page follow the map
  async remember() {
    history.replaceState(null, "", `${this.base}?${this.query}`);
    const legend = this.root.querySelector("#legend");
    for (const image of legend.querySelectorAll("img, source")) {
      const name = image.tagName === "IMG" ? "src" : "srcset";
      image[name] = `${this.base}/legend.svg?${this.query}&theme=${dark() ? "dark" : "light"}`;
    }
    for (const [name, value] of this.query) {
      const field = this.form.elements[name];
      if (field) field.value = value;
    }
    const page = await fetch(`${this.base}?${this.query}`);
    if (!page.ok) return;
    const fresh = new DOMParser().parseFromString(await page.text(), "text/html");
    for (const id of ["steps", "said"]) this.root.querySelector(`#${id}`)?.replaceWith(fresh.querySelector(`#${id}`));
  }

  cellAt(event) {
    const { left, top, cell } = this.tile.frame, box = this.over.getBoundingClientRect();
    const column = Math.floor((event.clientX - box.left - left) / cell[0]), row = Math.floor((event.clientY - box.top - top) / cell[1]);
    return row >= 0 && column >= 0 && row < this.tile.rows && column < this.tile.columns ? [row, column] : null;
  }

  value([row, column]) {
    const found = this.cells[row * this.tile.columns + column];
    return found ? this.tile.low + (found - 1) * this.tile.width : null;
  }

  moment(column) {
    const value = this.tile.first + column * this.tile.step;
    return this.tile.axis === "time" ? `${new Date(value).toISOString().slice(0, 16).replace("T", " ")} UTC` : `${this.words.shear} ${value}`;
  }

  draw() {
    if (!this.pen) return;
    const { left, top, cell, width, height } = this.tile.frame;
    this.pen.clearRect(0, 0, width, height);
    if (this.dragged) {
      const [a, b] = this.dragged.map((column) => left + column * cell[0]);
      this.pen.fillStyle = dark() ? "#ffffff44" : "#00000033";
      this.pen.fillRect(Math.min(a, b), top, Math.abs(b - a) + cell[0], this.tile.rows * cell[1]);
    }
    if (!this.at) { this.told.textContent = this.words.hint; return; }
    const [row, column] = this.at, x = left + column * cell[0], y = top + row * cell[1];
    this.pen.lineWidth = 4;
    this.pen.strokeStyle = "#ffffff";
    for (const style of ["#ffffff", "#b2182b"]) {
      this.pen.strokeStyle = style;
      this.pen.strokeRect(x - 1.5, y - 1.5, cell[0] + 3, cell[1] + 3);
      this.pen.lineWidth = 2;
    }
    const value = this.value(this.at);
    const said = value === null ? this.words.nothing : `${Number(value.toPrecision(4))} ${this.tile.unit}`;
    this.told.textContent = `${this.words.support} ${this.tile.supports[row]} · ${this.moment(column)} · ${said}`;
  }

  open() {
    if (!this.at) return;
    const [row, column] = this.at;
    const when = this.tile.axis === "time" ? `?at=${new Date(this.tile.first + (column + 1) * this.tile.step).toISOString().slice(0, 16)}` : "";
    location.assign(`${this.base}/supports/${this.tile.supports[row]}${when}`);
  }

  // window of the axis from one column to another, at least a few cells of the finest zoom
  span(low, high) {
    const [first, last] = this.tile.span, least = this.tile.axis === "time" ? 1800000 : 8;
    if (high - low < least) { const middle = (low + high) / 2; low = middle - least / 2; high = middle + least / 2; }
    low = Math.max(Math.round(low), first);
    high = Math.min(Math.round(high), last);
    const write = (value) => (this.tile.axis === "time" ? new Date(value).toISOString().slice(0, 19) : String(value));
    this.query.set("from", write(low));
    this.query.set("to", write(high));
    this.load();
  }

  zoom(factor, column = this.at?.[1] ?? this.tile.columns / 2) {
    const { first, step, columns } = this.tile, middle = first + (column + 0.5) * step, wide = columns * step * factor;
    const share = (column + 0.5) / columns;
    this.span(middle - share * wide, middle + (1 - share) * wide);
  }

  pan(columns) {
    const { first, step, columns: all, span } = this.tile;
    const wide = all * step;
    const low = Math.max(Math.min(first + columns * step, span[1] - wide), span[0]);
    this.span(low, low + wide);
  }

  walk(rows, columns) {
    const [row, column] = this.at ?? [0, -columns];
    const across = column + columns;
    if (across < 0 || across >= this.tile.columns) this.pan(Math.sign(columns) * Math.ceil(this.tile.columns / 4));
    this.at = [Math.max(Math.min(row + rows, this.tile.rows - 1), 0), Math.max(Math.min(across, this.tile.columns - 1), 0)];
    this.draw();
  }

  key(event) {
    const far = event.shiftKey ? 10 : 1;
    const moves = { ArrowLeft: [0, -far], ArrowRight: [0, far], ArrowUp: [-far, 0], ArrowDown: [far, 0] };
    if (moves[event.key]) this.walk(...moves[event.key]);
    else if (event.key === "Enter") this.open();
    else if (event.key === "+" || event.key === "=") this.zoom(0.5);
    else if (event.key === "-") this.zoom(2);
    else if (event.key === "Home") { this.span(...this.tile.span); }
    else if (event.key === "Escape") { this.at = null; this.draw(); }
    else return;
    event.preventDefault();
  }

  events() {
    const fingers = new Map();
    let apart = 0;
    this.over.addEventListener("pointerdown", (event) => {
      if (!this.tile) return;
      fingers.set(event.pointerId, event);
      this.over.setPointerCapture(event.pointerId);
      this.begun = this.cellAt(event);
      if (fingers.size === 2) { const [a, b] = fingers.values(); apart = Math.abs(a.clientX - b.clientX) || 1; this.dragged = null; }
    });
    this.over.addEventListener("pointermove", (event) => {
      if (!this.tile) return;
      if (fingers.has(event.pointerId)) fingers.set(event.pointerId, event);
      const cell = this.cellAt(event);
      if (fingers.size === 1 && this.begun && cell && cell[1] !== this.begun[1]) this.dragged = [this.begun[1], cell[1]];
      if (cell && fingers.size < 2) { this.at = cell; this.draw(); }
    });
    const up = (event) => {
      const two = fingers.size === 2 ? [...fingers.values()] : null;
      fingers.delete(event.pointerId);
      if (event.type === "pointercancel") { // the page scrolls
        this.begun = null;
      } else if (two) {
        const now = Math.abs(two[0].clientX - two[1].clientX) || 1;
        if (Math.abs(now - apart) > 20) this.zoom(Math.max(Math.min(apart / now, 4), 0.25));
        this.begun = null;
      } else if (this.dragged && Math.abs(this.dragged[0] - this.dragged[1]) > 1) {
        const [a, b] = this.dragged.sort((x, y) => x - y), { first, step } = this.tile;
        this.span(first + a * step, first + (b + 1) * step);
      } else if (this.begun) { this.at = this.cellAt(event) ?? this.at; this.draw(); this.open(); }
      this.dragged = null;
      this.begun = null;
      this.draw();
    };
    for (const kind of ["pointerup", "pointercancel"]) this.over.addEventListener(kind, up);
    this.over.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey) return; // a plain wheel scrolls the page
      event.preventDefault();
      this.zoom(event.deltaY < 0 ? 0.7 : 1.4, this.cellAt(event)?.[1]);
    }, { passive: false });
    this.over.addEventListener("keydown", (event) => this.tile && this.key(event));
    this.over.addEventListener("focus", () => { if (this.tile && !this.at) { this.at = [0, 0]; this.draw(); } });
    this.root.addEventListener("click", (event) => {
      const step = event.target.closest("a[data-step]");
      if (!step || !this.tile || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      this.query = new URLSearchParams(new URL(step.href).search);
      this.load();
    });
    for (const field of this.form.querySelectorAll("select")) field.addEventListener("change", () => this.form.requestSubmit());
    let seen = this.wide;
    new ResizeObserver(() => { if (Math.abs(this.wide - seen) > 20) { seen = this.wide; this.load(false); } }).observe(this.box);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.load(false));
  }
}

// newest state: the picture follows the stream, and the age counts on where the stream falls silent
function live(section) {
  const age = section.querySelector("#age"), picture = section.querySelector("#live-bars");
  if (!age) { setTimeout(() => location.reload(), 5000); return; }
  let newest = Date.parse(age.dataset.newest);
  const tell = () => {
    if (Number.isNaN(newest)) return;
    const seconds = Math.max((Date.now() - newest) / 1000, 0), fresh = seconds <= +section.dataset.fresh;
    age.className = `verdict ${fresh ? "pass" : "unknown"}`;
    age.firstElementChild.textContent = `${Math.round(seconds)} ${section.dataset.ago}`;
  };
  setInterval(tell, 1000);
  const events = new EventSource(section.dataset.events);
  events.addEventListener("state", (event) => {
    const told = JSON.parse(event.data);
    if (told.problem || !told.newest) return;
    newest = Date.parse(told.newest);
    section.querySelector("#newest").textContent = `${told.newest.slice(0, 19).replace("T", " ")} UTC`;
    section.querySelector("#states").textContent = Object.entries(told.states).map(([word, count]) => `${word} ${count}`).join(" · ");
    if (section.dataset.stamp !== told.stamp) {
      section.dataset.stamp = told.stamp;
      picture.parentElement.querySelector("source")?.remove();
      picture.src = `${section.dataset.picture}?theme=${dark() ? "dark" : "light"}&stamp=${told.stamp}`;
    }
    tell();
  });
}

const map = document.querySelector("#face"), now = document.querySelector("#live");
if (map) new FaceMap(map);
if (now) live(now);
