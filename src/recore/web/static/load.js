// Picture of a load plan that can be turned: WebGL for the boxes, a second canvas on top for lines and words.
// The tables of the page say the same without it.

const root = document.querySelector("#load");
const words = root.dataset;
const [stage, over] = root.querySelectorAll("canvas");
const slider = root.querySelector("[type=range]"), pick = root.querySelector("select"), told = root.querySelector("output");
const FACES = [[0, 1, 1], [0, -1, 1], [1, 1, 2], [1, -1, 2], [2, 1, 0], [2, -1, 0]]; // axis, side, first axis of its pattern

const VERTEX = `attribute vec3 at; attribute vec3 colour; attribute vec4 more; attribute vec2 size; uniform mat4 view;
varying vec3 tint; varying vec4 kind; varying vec2 edge;
void main() { edge = size; gl_Position = view * vec4(at, 1.0); tint = colour; kind = more; }`;
// more: light of the face, pattern, place on the face in metres; patterns tell items apart without colour
const FRAGMENT = `precision mediump float; varying vec3 tint; varying vec4 kind; varying vec2 edge;
void main() {
  float stripe = 0.0, width = 0.22; vec2 p = kind.zw * 4.0;
  if (kind.y > 3.5) stripe = step(length(fract(p) - 0.5), width);
  else if (kind.y > 2.5) stripe = step(fract(p.x), width);
  else if (kind.y > 1.5) stripe = step(fract(p.y), width);
  else if (kind.y > 0.5) stripe = step(fract(p.x + p.y), width);
  vec2 rim = min(kind.zw, edge - kind.zw);
  gl_FragColor = vec4(tint * kind.x * (1.0 - 0.28 * stripe) * (min(rim.x, rim.y) < 0.015 ? 0.35 : 1.0), 1.0);
}`;

function program(gl) {
  const made = gl.createProgram();
  for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(made, shader);
  }
  gl.linkProgram(made);
  if (!gl.getProgramParameter(made, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(made));
  gl.useProgram(made);
  return made;
}

function mesh(boxes, items) {
  const data = [];
  for (const box of boxes) {
    const rgb = [1, 3, 5].map((i) => parseInt(items[box.item].colour.slice(i, i + 2), 16) / 255);
    for (const [axis, side, first] of FACES) {
      const second = 3 - axis - first, light = [0.82, 0.7, 1][axis];
      for (const [u, v] of [[0, 0], [1, 0], [1, 1], [0, 0], [1, 1], [0, 1]]) {
        const at = [...box.at];
        if (side > 0) at[axis] += box.size[axis];
        at[first] += u * box.size[first];
        at[second] += v * box.size[second];
        data.push(...at, ...rgb, light, box.item % 5, u * box.size[first] / 1000, v * box.size[second] / 1000, box.size[first] / 1000, box.size[second] / 1000);
      }
    }
  }
  return new Float32Array(data);
}

class Viewer {
  constructor(scene) {
    this.scene = scene;
    this.gl = stage.getContext("webgl", { antialias: true });
    if (!this.gl) throw new Error("no WebGL");
    this.program = program(this.gl);
    this.gl.enable(this.gl.DEPTH_TEST);
    for (const [i, one] of scene.containers.entries()) pick.append(new Option(one.name, i));
    pick.closest("p").hidden = scene.containers.length < 2;
    pick.addEventListener("change", () => this.choose(+pick.value));
    slider.addEventListener("input", () => { this.chosen = slider.value - 1; this.tell(); this.draw(); });
    root.addEventListener("click", (event) => { const move = event.target.dataset.move; if (move) this.key(move); });
    this.pointers();
    over.addEventListener("keydown", (event) => { if (this.key(event.key)) event.preventDefault(); });
    new ResizeObserver(() => this.draw()).observe(over);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
    this.choose(0);
  }

  choose(index) {
    const gl = this.gl;
    this.room = this.scene.containers[index];
    this.home();
    const data = mesh(this.room.boxes, this.scene.items);
    gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ARRAY_BUFFER, data, gl.STATIC_DRAW);
    for (const [name, size, start] of [["at", 3, 0], ["colour", 3, 12], ["more", 4, 24], ["size", 2, 40]]) {
      const place = gl.getAttribLocation(this.program, name);
      gl.enableVertexAttribArray(place);
      gl.vertexAttribPointer(place, size, gl.FLOAT, false, 48, start);
    }
    slider.max = slider.value = this.room.boxes.length;
    this.chosen = -1;
    this.tell();
    this.draw();
  }

  home() { this.yaw = -0.65; this.pitch = 0.5; this.zoom = 1; }

  // right, up and towards the eye, for a point in millimetres
  turned([x, y, z]) {
    const [l, w, h] = this.room.inner, { sin, cos } = Math;
    const a = x - l / 2, b = y - w / 2, c = z - h / 2;
    const right = a * cos(this.yaw) - b * sin(this.yaw), deep = a * sin(this.yaw) + b * cos(this.yaw);
    return [right, c * cos(this.pitch) + deep * sin(this.pitch), c * sin(this.pitch) - deep * cos(this.pitch)];
  }

  get scale() {
    const [l, w, h] = this.room.inner, wide = Math.hypot(l, w) * 1.02, high = (h + Math.hypot(l, w) * 0.55) * 1.1;
    return Math.min(over.clientWidth / wide, over.clientHeight / high) * this.zoom;
  }

  screen(point) {
    const [right, up] = this.turned(point);
    return [over.clientWidth / 2 + right * this.scale, over.clientHeight / 2 - up * this.scale];
  }

  key(name) {
    const step = 0.12;
    if (name === "ArrowLeft") this.yaw += step; else if (name === "ArrowRight") this.yaw -= step;
    else if (name === "ArrowUp") this.pitch += step; else if (name === "ArrowDown") this.pitch -= step;
    else if (name === "+" || name === "=") this.zoom *= 1.15; else if (name === "-") this.zoom /= 1.15;
    else if (name === "Home") this.home();
    else if (name === "PageUp" || name === "PageDown") { slider.value = +slider.value + (name === "PageUp" ? 1 : -1); this.chosen = slider.value - 1; this.tell(); }
    else return false;
    this.draw();
    return true;
  }

  pointers() {
    const down = new Map();
    let moved = 0;
    over.addEventListener("pointerdown", (event) => { over.setPointerCapture(event.pointerId); down.set(event.pointerId, [event.offsetX, event.offsetY]); moved = 0; });
    over.addEventListener("pointermove", (event) => {
      const before = down.get(event.pointerId);
      if (!before) return;
      const now = [event.offsetX, event.offsetY], dx = now[0] - before[0], dy = now[1] - before[1];
      if (down.size === 2) {
        const other = [...down].find(([id]) => id !== event.pointerId)[1], far = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1]) + 1;
        this.zoom *= far(now, other) / far(before, other);
      } else { this.yaw -= dx * 0.008; this.pitch += dy * 0.008; }
      moved += Math.abs(dx) + Math.abs(dy);
      down.set(event.pointerId, now);
      this.draw();
    });
    for (const kind of ["pointerup", "pointercancel"]) over.addEventListener(kind, (event) => {
      down.delete(event.pointerId);
      if (kind === "pointerup" && moved < 6) { this.chosen = this.hit(event.offsetX, event.offsetY); this.tell(); this.draw(); }
    });
    over.addEventListener("wheel", (event) => { event.preventDefault(); this.zoom *= Math.exp(-event.deltaY * 0.0015); this.draw(); }, { passive: false });
  }

  // the box under a place of the picture, nearest to the eye: the line of sight against the three pairs of faces
  hit(sx, sy) {
    const { sin, cos } = Math, [l, w, h] = this.room.inner;
    const right = (sx - over.clientWidth / 2) / this.scale, up = (over.clientHeight / 2 - sy) / this.scale;
    const axis = { right: [cos(this.yaw), -sin(this.yaw), 0], up: [sin(this.yaw) * sin(this.pitch), cos(this.yaw) * sin(this.pitch), cos(this.pitch)],
      eye: [-sin(this.yaw) * cos(this.pitch), -cos(this.yaw) * cos(this.pitch), sin(this.pitch)] };
    const from = [l, w, h].map((edge, i) => edge / 2 + right * axis.right[i] + up * axis.up[i]);
    let best = -1, nearest = -Infinity;
    this.room.boxes.slice(0, slider.value).forEach((box, index) => {
      let low = -Infinity, high = Infinity;
      for (let i = 0; i < 3; i++) {
        const a = (box.at[i] - from[i]) / axis.eye[i], b = (box.at[i] + box.size[i] - from[i]) / axis.eye[i];
        low = Math.max(low, Math.min(a, b));
        high = Math.min(high, Math.max(a, b));
      }
      if (low <= high && high > nearest) { nearest = high; best = index; }
    });
    return best;
  }

  beyond(box) {
    const [, w, h] = this.room.inner;
    return box.at[1] < 0 || box.at[1] + box.size[1] > w || box.at[2] + box.size[2] > h;
  }

  tell() {
    const box = this.room.boxes[this.chosen];
    root.querySelector("[data-count]").textContent = `${slider.value} / ${slider.max}`;
    if (!box) { told.textContent = words.hint; return; }
    const item = this.scene.items[box.item];
    told.textContent = `${this.chosen + 1}. ${item.item} · ${item.mass_kg} kg · ${words.at} ${box.at.join(", ")} mm · ${box.size.join(" × ")} mm${this.beyond(box) ? " · " + words.over : ""}`;
  }

  draw() {
    if (this.asked) return;
    this.asked = requestAnimationFrame(() => { this.asked = 0; this.paint(); });
  }

  paint() {
    this.pitch = Math.max(-0.2, Math.min(1.57, this.pitch));
    this.zoom = Math.max(0.4, Math.min(12, this.zoom));
    const ratio = Math.min(devicePixelRatio, 2), width = over.clientWidth, height = over.clientHeight, gl = this.gl;
    for (const canvas of [stage, over]) {
      if (canvas.width !== Math.round(width * ratio)) canvas.width = Math.round(width * ratio);
      if (canvas.height !== Math.round(height * ratio)) canvas.height = Math.round(height * ratio);
    }
    const [l, w, h] = this.room.inner, origin = this.turned([0, 0, 0]), far = 4 * (l + w + h), s = this.scale;
    const view = new Float32Array(16), grow = [2 * s / width, 2 * s / height, -1 / far];
    for (let i = 0; i < 3; i++) {
      const end = this.turned([0, 1, 2].map((j) => (i === j ? 1 : 0)));
      for (let row = 0; row < 3; row++) view[4 * i + row] = (end[row] - origin[row]) * grow[row];
    }
    for (let row = 0; row < 3; row++) view[12 + row] = origin[row] * grow[row];
    view[15] = 1;
    gl.viewport(0, 0, stage.width, stage.height);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    gl.uniformMatrix4fv(gl.getUniformLocation(this.program, "view"), false, view);
    if (+slider.value) gl.drawArrays(gl.TRIANGLES, 0, 36 * slider.value);
    this.lines(ratio);
  }

  path(c, points, close = true) {
    c.beginPath();
    points.forEach((point, i) => { const [x, y] = this.screen(point); if (i) c.lineTo(x, y); else c.moveTo(x, y); });
    if (close) c.closePath();
    c.stroke();
  }

  // the faces of a box that look at the eye
  outline(c, at, size) {
    for (const [axis, side, first] of FACES) {
      const unit = [0, 0, 0], zero = this.turned([0, 0, 0])[2];
      unit[axis] = side;
      if (this.turned(unit)[2] <= zero) continue;
      const second = 3 - axis - first;
      this.path(c, [[0, 0], [1, 0], [1, 1], [0, 1]].map(([u, v]) => {
        const point = [...at];
        if (side > 0) point[axis] += size[axis];
        point[first] += u * size[first];
        point[second] += v * size[second];
        return point;
      }));
    }
  }

  lines(ratio) {
    const c = over.getContext("2d"), style = getComputedStyle(root), tint = (name) => style.getPropertyValue(name);
    const [l, w, h] = this.room.inner, boxes = this.room.boxes.slice(0, slider.value);
    c.setTransform(ratio, 0, 0, ratio, 0, 0);
    c.clearRect(0, 0, over.width, over.height);
    c.lineWidth = 1;
    c.strokeStyle = tint("--line");
    for (const z of [0, h]) this.path(c, [[0, 0, z], [l, 0, z], [l, w, z], [0, w, z]]);
    for (const [x, y] of [[0, 0], [l, 0], [l, w], [0, w]]) this.path(c, [[x, y, 0], [x, y, h]], false);
    if (this.room.door) {
      const [wide, high] = this.room.door, y = (w - wide) / 2;
      c.setLineDash([6, 4]);
      this.path(c, [[l, y, 0], [l, y + wide, 0], [l, y + wide, high], [l, y, high]]);
      c.setLineDash([]);
    }
    c.font = `13px ${tint("--plain")}`;
    c.textAlign = "center";
    const word = (text, point, colour) => {
      const [x, y] = this.screen(point);
      c.lineWidth = 4; c.strokeStyle = tint("--paper"); c.strokeText(text, x, y); c.fillStyle = colour; c.fillText(text, x, y); c.lineWidth = 1;
    };
    const middle = (box) => box.at.map((edge, i) => edge + box.size[i] / 2);
    for (const box of boxes) if (this.beyond(box)) {
      c.strokeStyle = tint("--fail"); c.lineWidth = 2; c.setLineDash([8, 3]);
      this.outline(c, box.at, box.size);
      c.setLineDash([]);
    }
    const chosen = boxes[this.chosen];
    if (chosen) { c.strokeStyle = tint("--ink"); c.lineWidth = 3; this.outline(c, chosen.at, chosen.size); }
    // names of the pieces that can be seen; what is out of gauge is always named
    boxes.forEach((box, index) => {
      const top = [middle(box)[0], middle(box)[1], box.at[2] + box.size[2]], beyond = this.beyond(box);
      if (!beyond && (boxes.length > 40 || this.hit(...this.screen(top)) !== index)) return;
      word(this.scene.items[box.item].item.slice(0, 18) + (beyond ? " · " + words.over : ""), top, tint(beyond ? "--fail" : "--ink"));
    });
    if (this.room.cog) {
      const [x, y, z] = this.room.cog, offset = this.room.cog_max_offset;
      c.strokeStyle = tint("--pass"); c.lineWidth = 2;
      if (offset) {
        const a = l * offset[0], b = w * offset[1];
        this.path(c, [[l / 2 - a, w / 2 - b, 0], [l / 2 + a, w / 2 - b, 0], [l / 2 + a, w / 2 + b, 0], [l / 2 - a, w / 2 + b, 0]]);
        if (Math.abs(x - l / 2) > a || Math.abs(y - w / 2) > b) c.strokeStyle = tint("--fail");
      }
      this.path(c, [[x, y, 0], [x, y, z]], false);
      const [sx, sy] = this.screen([x, y, z]);
      c.beginPath(); c.arc(sx, sy, 7, 0, 7); c.fillStyle = tint("--paper"); c.fill(); c.stroke();
      c.beginPath(); c.moveTo(sx - 10, sy); c.lineTo(sx + 10, sy); c.moveTo(sx, sy - 10); c.lineTo(sx, sy + 10); c.stroke();
    }
    word(words.front, [0, w / 2, 0], tint("--soft"));
    word(words.door, [l, w / 2, 0], tint("--soft"));
  }
}

fetch(words.scene).then((answer) => answer.json()).then((scene) => {
  if (!scene.containers.length) return;
  root.hidden = false;
  try { new Viewer(scene); } catch { root.hidden = true; return; }
  document.querySelector("#flat").open = false;
});
