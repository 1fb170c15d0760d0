// Only comfort: every page works without this file.

const text = (element, words) => { if (element && element.textContent !== words) element.textContent = words; };

function drop(field) {
  const input = field.querySelector("input[type=file]");
  for (const kind of ["dragenter", "dragover"]) {
    field.addEventListener(kind, (event) => { event.preventDefault(); field.classList.add("over"); });
  }
  for (const kind of ["dragleave", "drop"]) field.addEventListener(kind, () => field.classList.remove("over"));
  field.addEventListener("drop", (event) => {
    event.preventDefault();
    if (input.multiple || event.dataTransfer.files.length === 1) input.files = event.dataTransfer.files;
  });
}

function upload(form) {
  form.addEventListener("submit", (event) => {
    const size = [...form.querySelectorAll("input[type=file]")].flatMap((input) => [...input.files]).reduce((sum, file) => sum + file.size, 0);
    if (size < 2e6) return;
    event.preventDefault();
    const bar = document.createElement("progress");
    const button = form.querySelector("button.main, .actions button");
    bar.max = 1;
    bar.setAttribute("aria-label", button.textContent);
    form.append(bar);
    button.disabled = true;
    const request = new XMLHttpRequest();
    request.upload.addEventListener("progress", (step) => { if (step.lengthComputable) bar.value = step.loaded / step.total; });
    request.addEventListener("load", () => {
      if (request.status < 400) location.assign(request.responseURL);
      else {
        const answer = new DOMParser().parseFromString(request.responseText, "text/html");
        document.querySelector("main").replaceWith(answer.querySelector("main"));
        start(document.querySelector("main"));
        document.querySelector("#problem")?.focus();
      }
    });
    request.addEventListener("error", () => { bar.remove(); button.disabled = false; form.submit(); });
    request.open("POST", form.action);
    request.send(new FormData(form));
  });
}

function follow(section) {
  const events = new EventSource(section.dataset.job);
  const bar = section.querySelector("progress");
  events.addEventListener("progress", (event) => {
    const job = JSON.parse(event.data);
    if (job.share > 0) bar.value = job.share;
    text(section.querySelector("[data-doing]"), job.doing);
  });
  events.addEventListener("end", (event) => {
    events.close();
    location.replace(JSON.parse(event.data).address);
  });
}

function start(root) {
  root.querySelectorAll("[data-drop]").forEach(drop);
  root.querySelectorAll("form[data-upload]").forEach(upload);
  root.querySelectorAll("[data-job]").forEach(follow);
  root.querySelector("#problem")?.focus();
}

start(document);
