// Keeps the shell of the inspection pages and the blank check-lists for when there is no connection.
// No page with data, no answer to a form and nothing of another room is ever kept.

const SHELL = "recore-shell-" + "VERSION";
const SHEETS = "recore-sheets";
const FILES = [/*FILES*/];
const OFFLINE = "/inspect/offline";

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(SHELL).then((cache) => cache.addAll(FILES)).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  event.waitUntil((async () => {
    for (const name of await caches.keys()) {
      if (name.startsWith("recore-") && name !== SHELL && name !== SHEETS) await caches.delete(name);
    }
    await self.clients.claim();
  })());
});

// what was begun on this phone may not be on the server yet, or the server may be down behind its gateway
async function page(request) {
  let answer, problem;
  try { answer = await fetch(request); } catch (error) { problem = error; }
  if (answer && answer.status !== 404 && answer.status < 500) return answer;
  const found = await caches.match(OFFLINE, { ignoreVary: true });
  if (found ?? answer) return found ?? answer;
  throw problem;
}

async function sheet(request) {
  const cache = await caches.open(SHEETS);
  try {
    const answer = await fetch(request);
    if (answer.ok) await cache.put(request, answer.clone());
    return answer;
  } catch (problem) {
    const found = await cache.match(request, { ignoreVary: true });
    if (found) return found;
    throw problem;
  }
}

self.addEventListener("fetch", (event) => {
  const request = event.request, url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== location.origin) return;
  if (FILES.includes(url.pathname + url.search) && url.pathname !== OFFLINE) {
    event.respondWith(caches.match(url.pathname + url.search).then((found) => found ?? fetch(request)));
  } else if (url.pathname.startsWith("/inspect/sheet/")) {
    event.respondWith(sheet(request));
  } else if (request.mode === "navigate" && /^\/inspect(\/[0-9a-f-]{36})?\/?$/.test(url.pathname)) {
    event.respondWith(page(request));
  }
});
