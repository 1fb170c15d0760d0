// Fills in an inspection on the phone: everything goes into IndexedDB first, and to the server when there is one.
// Without this file, or without a secure context, the pages work as plain forms.

const $ = (selector, root = document) => root.querySelector(selector);
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const words = $("#words").dataset;
const SIDE = 1600, QUALITY = 0.82, OFFLINE = "/inspect/offline";
const UUID = /^\/inspect\/([0-9a-f-]{36})\/?$/;
const make = (tag, text = "", more = {}) => Object.assign(document.createElement(tag), { textContent: text }, more);

// ---- what stands on the phone: `inspections` as the server last told them, `changes` not sent yet, `photos`, `own` facts

const wrap = (request) => new Promise((resolve, reject) => {
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
});

let database;
function base() {
  return database ??= new Promise((resolve, reject) => {
    const request = indexedDB.open("recore", 1);
    request.onupgradeneeded = () => {
      const db = request.result;
      db.createObjectStore("inspections", { keyPath: "id" });
      db.createObjectStore("changes", { keyPath: ["id", "key"] });
      db.createObjectStore("photos", { keyPath: ["id", "sha256"] });
      db.createObjectStore("own");
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

// `work` must make all its requests before it waits for anything else, or the transaction ends under it
async function stored(stores, mode, work) {
  const transaction = (await base()).transaction(stores, mode, { durability: "strict" });
  const done = new Promise((resolve, reject) => {
    transaction.oncomplete = resolve;
    transaction.onabort = transaction.onerror = () => reject(transaction.error);
  });
  const result = await work(...[stores].flat().map((name) => transaction.objectStore(name)));
  await done;
  return result;
}

const span = (id) => IDBKeyRange.bound([id], [id, []]);
const load = (id) => stored("inspections", "readonly", (store) => wrap(store.get(id)));
const changesOf = (id) => stored("changes", "readonly", (store) => wrap(store.getAll(span(id))));

function write(record, changes) {
  return stored(["inspections", "changes", "own"], "readwrite", async (inspections, waiting, own) => {
    const [device, last, there] = await Promise.all([wrap(own.get("device")), wrap(own.get("last")), wrap(inspections.get(record.id))]);
    const name = device ?? "phone-" + crypto.randomUUID().slice(0, 12);
    // later than any change of this phone before, whatever its clock does
    const at = new Date(Math.max(Date.now(), (last ?? 0) + 1));
    own.put(name, "device");
    own.put(at.getTime(), "last");
    const now = there ?? record;
    if (!there) inspections.put(record);
    for (const [key, value, known] of changes) {
      const before = await wrap(waiting.get([record.id, key]));
      const seen = known ?? before?.change.seen ?? now.fields[key]?.known ?? {};
      waiting.put({ id: record.id, key, change: { value, at: at.toISOString(), device: name, seen } });
    }
  });
}

// ---- sync

let told = "";
async function send(path, options = {}) {
  const answer = await fetch(path, { ...options, signal: AbortSignal.timeout(60000) });
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) throw Object.assign(new Error(body.text ?? answer.statusText), { status: answer.status });
  return body;
}

async function syncOne(id) {
  const record = await load(id), sent = await changesOf(id);
  if (!record) return;
  const address = `/api/inspections/${id}`;
  const put = (changes) => send(address, {
    method: "PUT", headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ family: record.family, profile: record.profile, changes }),
  });
  let state = await put(Object.fromEntries(sent.map((one) => [one.key, one.change])));
  if (state.revision < record.revision) {
    // the server has lost something, such as a day since its last backup: give back all that this phone knows
    const known = {};
    for (const [key, entry] of Object.entries(record.fields)) {
      const { value, at, device } = entry.heads[0];
      if (!state.fields[key] || !(state.fields[key].known[device] >= at)) known[key] = { value, at, device, seen: entry.known };
    }
    state = await put(known);
  }
  const photos = await stored("photos", "readonly", (store) => wrap(store.getAll(span(id))));
  for (const sha256 of state.missing_photos) {
    const photo = photos.find((one) => one.sha256 === sha256);
    if (photo) await send(`${address}/photos/${sha256}`, { method: "PUT", headers: { "Content-Type": "image/jpeg" }, body: photo.blob });
  }
  await stored(["inspections", "changes"], "readwrite", async (inspections, waiting) => {
    for (const one of sent) {
      const now = await wrap(waiting.get([id, one.key]));
      if (now && now.change.at === one.change.at) waiting.delete([id, one.key]);
    }
    const { family, profile, machine, revision, state: stage, finding, fields, missing_photos: missing } = state;
    inspections.put({ id, family, profile, machine, revision, stage, finding, fields, synced: Date.now(),
      missing: missing.filter((sha256) => !photos.some((one) => one.sha256 === sha256)) });
  });
}

let again = false;
async function sync() {
  if (!navigator.onLine) return tell();
  again = true;
  await navigator.locks.request("recore-sync", { ifAvailable: true }, async (lock) => {
    if (!lock) return;
    while (again) {
      again = false;
      const [records, waiting] = await stored(["inspections", "changes"], "readonly", (a, b) => Promise.all([wrap(a.getAll()), wrap(b.getAll())]));
      told = "";
      for (const record of records) {
        if (record.id !== form?.id && record.synced && !waiting.some((one) => one.id === record.id) && !record.missing?.length) continue;
        // one inspection that is refused must not keep the others waiting
        try { await syncOne(record.id); } catch (problem) { told ||= problem.status ? problem.message : words.offline; }
      }
    }
  });
  if (form) await form.draw(); else await list();
  await tell();
}

let timer;
const soon = () => { clearTimeout(timer); timer = setTimeout(sync, 1500); };

async function tell() {
  const [records, waiting] = await stored(["inspections", "changes"], "readonly", (a, b) => Promise.all([wrap(a.getAll()), wrap(b.getAll())]));
  const mine = form ? records.filter((one) => one.id === form.id) : records;
  const count = waiting.filter((one) => !form || one.id === form.id).length;
  const when = Math.min(...mine.map((one) => one.synced ?? 0));
  const clock = new Date(when).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  const parts = [words.saved, `${count} ${words.waiting}`, mine.length && when ? `${words.synced} ${clock}` : words.never];
  if (!navigator.onLine) parts.push(words.offline); else if (told) parts.push(told === words.offline ? told : `${words.failed}: ${told}`);
  for (const line of all("[data-state]")) if (line.textContent !== parts.join(" · ")) line.textContent = parts.join(" · ");
}

// ---- the form

const number = (text) => /^[+-]?(\d+[.,]?\d*|[.,]\d+)$/.test(text.trim()) ? Number(text.trim().replace(",", ".")) : NaN;

class Form {
  constructor(root, record) { this.root = root; this.id = record.id; this.record = record; this.pictures = new Map(); }

  async open() {
    const answer = await fetch(`/inspect/sheet/${encodeURIComponent(this.record.family)}?for=${document.documentElement.lang}`).catch(() => null);
    if (!answer?.ok) { this.root.append(make("p", words.nolist, { className: "note flag" })); return; }
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    this.title = make("h1");
    this.stage = make("p");
    this.root.replaceChildren(this.title, this.stage, ...page.body.childNodes);
    this.parts = all("[data-part]", this.root);
    this.parts.forEach((part) => part.addEventListener("change", (event) => this.changed(event.target)));
    this.root.addEventListener("click", (event) => this.clicked(event));
    this.root.addEventListener("input", (event) => {
      const ask = event.target.closest(".ask");
      if (ask) this.judge(ask);
      // a closed tab must not take the last word with it
      clearTimeout(this.typing);
      if (event.target.matches("input:not([type]), textarea, [type=date]")) this.typing = setTimeout(() => this.changed(event.target), 400);
    });
    const from = this.root.dataset.section || location.hash.replace("#s-", "") || this.parts[1].dataset.part;
    await this.draw();
    this.show(from);
  }

  async draw() {
    this.record = await load(this.id) ?? this.record;
    if (!this.parts) return;
    const waiting = Object.fromEntries((await changesOf(this.id)).map((one) => [one.key, one.change.value]));
    this.value = {};
    for (const [key, entry] of Object.entries(this.record.fields)) this.value[key] = entry.heads[0].value;
    Object.assign(this.value, waiting);
    for (const field of all("input[name], textarea[name]", this.root)) {
      if (field.type === "file" || field === document.activeElement && field.type !== "radio") continue;
      const [, key, part] = /^(answer\.\w+)\.([avr])$/.exec(field.name) ?? [null, field.name, ""];
      const value = part ? this.value[key]?.[part] ?? "" : this.value[key] ?? "";
      if (field.type === "radio") field.checked = field.value === value; else field.value = value;
    }
    this.title.textContent = ["maker", "model", "serial"].map((name) => this.value[`machine.${name}`]).filter(Boolean).join(" ") || words.noplate;
    this.stage.replaceChildren(make("span", this.record.stage === "submitted" ? words.submitted : words.draft, { className: "tag" }), " ");
    if (this.record.finding) {
      this.stage.append(make("a", words.result, { href: `/inspect/findings/${this.record.finding}` }));
      if (this.record.stage !== "submitted") this.stage.append(" ", make("span", words.since, { className: "soft" }));
    }
    all(".ask", this.root).forEach((ask) => this.judge(ask));
    this.disagree(waiting);
    await this.thumbs();
    this.count();
    await tell();
  }

  show(name) {
    const part = this.parts.find((one) => one.dataset.part === name) ?? this.parts[0];
    this.parts.forEach((one) => { one.hidden = one !== part; });
    for (const step of all("[data-step]", this.root)) {
      if (step.dataset.step === part.dataset.part) {
        step.setAttribute("aria-current", "step");
        const row = step.closest("ol");
        row.scrollLeft = step.offsetLeft - 16;
      } else step.removeAttribute("aria-current");
    }
    history.replaceState(null, "", `/inspect/${this.id}#s-${part.dataset.part}`);
    this.now = part;
    $("[data-next]", this.root).hidden = part === this.parts.at(-1);
  }

  clicked(event) {
    const step = event.target.closest("[data-step]");
    if (step) { event.preventDefault(); this.show(step.dataset.step); return; }
    if (event.target.closest("[data-next]")) {
      this.show(this.parts[this.parts.indexOf(this.now) + 1].dataset.part);
      this.now.focus({ preventScroll: true });
      $(".steps", this.root).scrollIntoView();
    } else if (event.target.closest("[data-sync]")) sync();
    else if (event.target.closest("[data-submit]")) this.submit(event.target);
  }

  answer(ask) {
    const name = `answer.${ask.dataset.item}`;
    const found = {
      a: $(`[name="${name}.a"]:checked`, ask)?.value, v: $(`[name="${name}.v"]`, ask)?.value.trim(), r: $(`[name="${name}.r"]`, ask).value.trim(),
    };
    return Object.fromEntries(Object.entries(found).filter(([, text]) => text));
  }

  async changed(field) {
    if (field.type === "file") return this.photo(field);
    clearTimeout(this.typing);
    const ask = field.closest(".ask");
    const own = ask && field.name.startsWith("answer.");
    const key = own ? `answer.${ask.dataset.item}` : field.name;
    const value = own ? this.answer(ask) : field.value.trim();
    const empty = own ? !Object.keys(value).length : !value;
    if (JSON.stringify(value) === JSON.stringify(this.value[key] ?? (own ? {} : ""))) return;
    await this.put([[key, empty ? null : value]]);
  }

  async put(changes) {
    try { await write(this.record, changes); } catch (problem) { told = words.full; throw problem; }
    for (const [key, value] of changes) this.value[key] = value;
    all(".ask", this.root).forEach((ask) => this.judge(ask));
    this.count();
    await tell();
    soon();
  }

  judge(ask) {
    const { a, v } = this.answer(ask), { kind, good, op, number: fixed, where, name, factor } = ask.dataset;
    let verdict = "";
    if (a === "nt" || a === "na") verdict = a === "nt" ? "unknown" : "";
    else if (kind === "yes_no" || kind === "choice") verdict = a && good ? (a === good ? "pass" : "fail") : "";
    else if (v && kind !== "text") {
      const text = fixed ?? (where === "nominal" ? $(`[name="nominal.${name}"]`, this.root)?.value : $(`[name="answer.${name}.v"]`, this.root)?.value) ?? "";
      const limit = number(text) * Number(factor ?? 1), value = number(v);
      verdict = isNaN(value) ? "number" : !op || isNaN(limit) ? "unknown" : { "≤": value <= limit, "≥": value >= limit, "<": value < limit, ">": value > limit }[op] ? "pass" : "fail";
    }
    const line = $(".judge", ask), plain = kind === "yes_no" || kind === "choice";
    const said = { pass: "✓ " + (plain ? words.good : words.within), fail: "✕ " + (plain ? words.bad : words.beyond), unknown: "? " + words.unknown, number: "✕ " + words.number }[verdict] ?? "";
    line.className = "judge " + (verdict === "number" ? "fail" : verdict);
    if (line.textContent !== said) line.textContent = said;
    ask.classList.toggle("bad", verdict === "fail");
    ask.dataset.verdict = verdict;
  }

  count() {
    for (const part of this.parts.slice(1)) {
      const asks = all(".ask", part), done = asks.filter((ask) => { const { a, v } = this.answer(ask); return a || v; }).length;
      const step = $(`[data-step="${part.dataset.part}"]`, this.root);
      $("span", step).textContent = `${done} / ${asks.length}`;
      step.classList.toggle("full", done === asks.length);
    }
    const stops = all(".ask[data-stop][data-verdict=fail]", this.root), box = $("[data-stops]", this.root);
    if (!stops.length) { box.replaceChildren(); return; }
    const rows = make("ul", "", { className: "plain" });
    rows.append(...stops.map((ask) => make("li", $("legend", ask).textContent)));
    const note = make("div", "", { className: "note fail" });
    note.append(make("p", "■ " + words.stop, { className: "label" }), rows);
    box.replaceChildren(note);
  }

  disagree(waiting) {
    const shown = (value) => value === null || value === "" ? words.emptied
      : typeof value === "object" ? [words[value.a] ?? value.a?.replace("=", ""), value.v, value.r && `(${value.r})`].filter(Boolean).join(" ") : String(value);
    const open = Object.entries(this.record.fields).filter(([key, entry]) => !(key in waiting) && new Set(entry.heads.map((head) => JSON.stringify(head.value))).size > 1);
    $("[data-conflicts]", this.root).replaceChildren(...open.map(([key, entry]) => {
      const note = make("div", "", { className: "note flag" }), picks = make("div", "", { className: "picks" });
      const label = $(`#i-${key.split(".")[1]} legend`, this.root) ?? $(`label[for="${CSS.escape(key)}"]`, this.root);
      for (const head of entry.heads) {
        const button = make("button", shown(head.value) + " ", { type: "button" });
        button.append(make("small", `${head.at.slice(11, 16)} · ${head.device.slice(0, 10)}`));
        button.addEventListener("click", async () => { await this.put([[key, head.value, entry.known]]); await this.draw(); await sync(); });
        picks.append(button);
      }
      note.append(make("p", words.conflict, { className: "label" }), make("p", label?.textContent ?? key), picks);
      return note;
    }));
  }

  async photo(field) {
    const file = field.files[0], item = field.closest(".ask").dataset.item;
    if (!file) return;
    let blob;
    try { blob = await reduced(file); } catch { told = words.nophoto; await tell(); field.value = ""; return; }
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", await blob.arrayBuffer()));
    const sha256 = [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    const name = file.name.replace(/\.\w+$/, "").replace(/[^\p{L}\p{N} ._-]/gu, "_").slice(0, 80) || item;
    try { await stored("photos", "readwrite", (store) => wrap(store.put({ id: this.id, sha256, item, blob }))); } catch { told = words.full; await tell(); return; }
    await this.put([[`photo.${item}.${sha256}`, `${name}.jpg`]]);
    field.value = "";
    await this.thumbs();
  }

  async thumbs() {
    const photos = await stored("photos", "readonly", (store) => wrap(store.getAll(span(this.id))));
    for (const ask of all(".ask", this.root)) {
      const row = $(".thumbs", ask);
      if (!row) continue;
      const start = `photo.${ask.dataset.item}.`;
      const keys = Object.keys(this.value).filter((key) => key.startsWith(start) && this.value[key]);
      if (row.dataset.keys === keys.join()) continue;
      row.dataset.keys = keys.join();
      row.replaceChildren(...await Promise.all(keys.map(async (key) => {
        const sha256 = key.slice(start.length), photo = photos.find((one) => one.sha256 === sha256), entry = make("li");
        if (photo) {
          const picture = await createImageBitmap(photo.blob, { resizeWidth: 224, resizeQuality: "medium" });
          const canvas = make("canvas", "", { width: picture.width, height: picture.height, role: "img", ariaLabel: this.value[key] });
          canvas.getContext("2d").drawImage(picture, 0, 0);
          entry.append(canvas);
        } else entry.append(make("img", "", { src: `/inspect/${this.id}/photos/${sha256}`, alt: this.value[key], loading: "lazy" }));
        const button = make("button", words.remove, { type: "button", className: "plain" });
        button.addEventListener("click", async () => { await this.put([[key, null]]); await this.thumbs(); });
        entry.append(button);
        return entry;
      })));
    }
  }

  async submit(button) {
    if (!navigator.onLine) { told = words.submitting; return tell(); }
    button.disabled = true;
    try {
      await sync();
      if ((await changesOf(this.id)).length) return;
      location.assign((await send(`/api/inspections/${this.id}/submit`, { method: "POST" })).see);
    } catch (problem) { told = problem.status ? problem.message : words.offline; await tell(); } finally { button.disabled = false; }
  }
}

// at most SIDE pixels, JPEG: a photo of a phone is forty times what a report needs
async function reduced(file) {
  const whole = await createImageBitmap(file), share = Math.min(1, SIDE / Math.max(whole.width, whole.height));
  const canvas = make("canvas", "", { width: Math.round(whole.width * share), height: Math.round(whole.height * share) });
  canvas.getContext("2d").drawImage(whole, 0, 0, canvas.width, canvas.height);
  whole.close();
  return new Promise((resolve, reject) => canvas.toBlob((blob) => blob ? resolve(blob) : reject(new Error("no picture")), "image/jpeg", QUALITY));
}

// ---- the list, and beginning

async function list() {
  const box = $("#phone");
  if (!box) return;
  const [records, waiting] = await stored(["inspections", "changes"], "readonly", (a, b) => Promise.all([wrap(a.getAll()), wrap(b.getAll())]));
  box.hidden = !records.length;
  $("[data-list]", box).replaceChildren(...records.map((record) => {
    const row = make("li"), count = waiting.filter((one) => one.id === record.id).length;
    const value = (name) => waiting.find((one) => one.id === record.id && one.key === name)?.change.value ?? record.fields[name]?.heads[0].value;
    const name = ["maker", "model", "serial"].map((part) => value(`machine.${part}`)).filter(Boolean).join(" ") || words.noplate;
    row.append(make("a", name, { href: `/inspect/${record.id}` }), " ",
      make("span", [record.family, record.stage === "submitted" ? words.submitted : words.draft, count && `${count} ${words.waiting}`].filter(Boolean).join(" · "), { className: "aside" }));
    if (record.synced && !count) {
      const button = make("button", words.forget, { type: "button", className: "plain" });
      button.addEventListener("click", async () => { await forget(record.id); await list(); });
      row.append(" ", button);
    }
    return row;
  }));
}

const forget = (id) => stored(["inspections", "changes", "photos"], "readwrite", (a, b, c) => {
  a.delete(id);
  b.delete(span(id));
  c.delete(span(id));
});

async function begin(event) {
  event.preventDefault();
  const form = event.target, fields = new FormData(form);
  const record = { id: crypto.randomUUID(), family: fields.get("family"), profile: form.dataset.profile, revision: 0, stage: "draft", fields: {} };
  const names = [...fields.keys()].filter((name) => !["token", "family"].includes(name) && fields.get(name).trim());
  await write(record, names.map((name) => [name, fields.get(name).trim()]));
  await syncOne(record.id).catch(() => {});
  location.assign(`/inspect/${record.id}`);
}

let form = null;
async function start() {
  if (navigator.serviceWorker) {
    navigator.serviceWorker.register("/sw.js").then(async () => {
      await navigator.serviceWorker.ready;
      if (!navigator.onLine || !$("[data-new]")) return;
      // in the language and colours of now
      for (const name of await caches.keys()) if (name.startsWith("recore-shell-")) await (await caches.open(name)).add(OFFLINE);
      const sheets = await caches.open("recore-sheets"), language = document.documentElement.lang;
      for (const option of all("#family option[value]:not([value=''])")) {
        const address = `/inspect/sheet/${encodeURIComponent(option.value)}?for=${language}`;
        if (!await sheets.match(address, { ignoreVary: true }) || sessionStorage.fetched !== language) await sheets.add(address).catch(() => {});
      }
      sessionStorage.fetched = language;
      document.documentElement.dataset.kept = "";
    }).catch(() => {});
  }
  navigator.storage?.persist?.();
  const root = $("#inspection"), id = UUID.exec(location.pathname)?.[1];
  if (root && id) {
    let record = await load(id);
    if (!record && root.dataset.family) {
      record = { id, family: root.dataset.family, profile: root.dataset.profile, revision: 0, stage: "draft", fields: {} };
      await stored("inspections", "readwrite", (store) => wrap(store.put(record)));
      await syncOne(id).catch(() => {});
      record = await load(id);
    }
    if ("shell" in root.dataset) {
      root.hidden = false;
      for (const part of all("#inspections, #begin, #phone")) part.remove();
    }
    if (!record) { root.replaceChildren(make("p", words.missing, { className: "note flag" })); return; }
    form = new Form(root, record);
    await form.open();
  } else {
    root?.remove();
    await list();
    const when = $("[data-new] [name=when]");
    if (when && !when.value) when.value = new Date().toISOString().slice(0, 10);
    $("[data-new]")?.addEventListener("submit", begin);
    $("#phone [data-sync]")?.addEventListener("click", sync);
  }
  addEventListener("online", sync);
  addEventListener("offline", tell);
  await sync();
}

if (isSecureContext && globalThis.indexedDB && navigator.locks) start();
