// Everything works without this file. It adds comfort: focus, copying, showing a password, counting, progress.
// Text goes in by textContent only; no markup is ever made from a string.

const all = (selector) => [...document.querySelectorAll(selector)];
const make = (tag, props = {}, ...children) => {
  const node = Object.assign(document.createElement(tag), props);
  node.append(...children);
  return node;
};

// One place that speaks: a polite status for everything announced by this file.
const voice = make("p", { className: "vh" });
voice.setAttribute("role", "status");
document.body.append(voice);
const say = (text) => { voice.textContent = text; };

// After an error the summary gets the focus, as on a page that says so itself.
document.querySelector("[data-focus]")?.focus();

// Copy buttons appear only where copying can work.
if (navigator.clipboard) {
  for (const button of all("[data-copy]")) {
    const label = button.querySelector("span");
    const before = label.textContent;
    button.hidden = false;
    button.addEventListener("click", async () => {
      const source = document.getElementById(button.dataset.copy);
      try {
        await navigator.clipboard.writeText((source.dataset.text ?? source.innerText ?? source.value).trim());
      } catch {
        getSelection().selectAllChildren(source);
        return;
      }
      label.textContent = button.dataset.done;
      say(button.dataset.done);
      setTimeout(() => { label.textContent = before; }, 2500);
    });
  }
}

// Print buttons.
for (const button of all("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => print());
}

// Show or hide what is typed into a password field.
for (const input of all("input[data-reveal]")) {
  const button = make("button", { type: "button", className: "reveal", textContent: input.dataset.show });
  button.setAttribute("aria-controls", input.id);
  const label = document.querySelector(`label[for="${input.id}"]`);
  button.setAttribute("aria-label", `${input.dataset.show}: ${label.textContent}`);
  const box = make("div", { className: "revealing" });
  input.before(box);
  box.append(input, button);
  const show = (on) => {
    input.type = on ? "text" : "password";
    button.textContent = on ? input.dataset.hide : input.dataset.show;
    button.setAttribute("aria-label", `${button.textContent}: ${label.textContent}`);
  };
  button.addEventListener("click", () => show(input.type === "password"));
  input.form.addEventListener("submit", () => show(false));
}

// Characters typed, of those that fit.
for (const area of all("textarea[data-count]")) {
  const line = make("p", { className: "hint count-line" });
  area.after(line);
  const update = () => {
    const used = [...area.value].length;
    line.textContent = area.dataset.text.replace("%n", used).replace("%m", area.dataset.count);
    line.classList.toggle("over", used > Number(area.dataset.count));
  };
  area.addEventListener("input", update);
  update();
}

// Leaving a form half filled in asks first; sending one twice by a double click is not possible.
const dirty = new Set();
for (const form of all("form[data-guard]")) {
  form.addEventListener("input", () => dirty.add(form));
}
addEventListener("beforeunload", (event) => { if (dirty.size) event.preventDefault(); });
for (const form of all('form[method="post"]')) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "1";
    setTimeout(() => { delete form.dataset.sent; }, 4000); // a download leaves the page as it is
    dirty.delete(form);
  });
}
addEventListener("pageshow", () => { for (const form of all("form[data-sent]")) delete form.dataset.sent; });

// Escape closes the menu and gives the focus back to it.
for (const menu of all("details.menu")) {
  menu.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && menu.open) { menu.open = false; menu.querySelector("summary").focus(); }
  });
}

// Upload with progress. The server answers {"href"} on success, {"detail"} otherwise.
for (const form of all("form[data-upload]")) {
  const inputs = [...form.querySelectorAll('input[type="file"]')];
  const words = form.dataset;
  const bar = make("progress", { max: 100, value: 0 });
  bar.setAttribute("aria-label", words.uploading);
  const line = make("p", { className: "hint" });
  const box = make("div", { className: "uploading", hidden: true }, bar, line);
  form.append(box);
  let busy = false;

  const stop = (text) => {
    busy = false;
    delete form.dataset.sent;
    bar.hidden = true;
    line.textContent = text;
    line.className = "wrong";
    say(text);
  };

  form.addEventListener("submit", (event) => {
    const files = inputs.flatMap((input) => [...input.files]);
    if (event.defaultPrevented || !files.length) return;
    event.preventDefault();
    if (busy) return;
    box.hidden = false;
    bar.hidden = false;
    line.className = "hint";
    const big = files.find((file) => file.size > Number(words.max));
    if (big) { stop(files.length > 1 ? `${big.name}: ${words.tooBig}` : words.tooBig); return; }
    if (files.length === 1 && files[0].size === 0) { stop(words.empty); return; }

    busy = true;
    let told = -1;
    const request = new XMLHttpRequest();
    request.open("POST", form.action);
    request.setRequestHeader("Accept", "application/json");
    request.setRequestHeader("X-CSRF-Token", document.querySelector('meta[name="csrf-token"]').content);
    request.upload.addEventListener("progress", (progress) => {
      const percent = Math.floor((100 * progress.loaded) / progress.total);
      bar.value = percent;
      line.textContent = percent < 100 ? `${words.uploading} ${percent} %` : words.checking;
      const step = Math.floor(percent / 25);
      if (step > told) { told = step; say(line.textContent); }
    });
    request.addEventListener("error", () => stop(words.failed));
    request.addEventListener("load", () => {
      let answer = {};
      try { answer = JSON.parse(request.responseText); } catch { /* a proxy's own page */ }
      if (request.status < 300) {
        const next = new URL(answer.href ?? form.action, location.href);
        location.assign(next.origin === location.origin ? next : form.action);
      }
      else stop(answer.detail ?? (request.status === 413 ? words.proxy : words.failed));
    });
    request.send(new FormData(form));
  });
}

// `/` goes to the search of the page, unless somebody is typing.
addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || event.target.closest?.("input, textarea, select")) return;
  const search = document.querySelector('main input[type="search"]');
  if (search) { event.preventDefault(); search.focus(); }
});

// A campaign that runs says how far it is; without this its page is read again by hand.
for (const box of all("[data-live]")) {
  const source = new EventSource(box.dataset.live);
  source.addEventListener("progress", ({ data }) => {
    const { progress, counts } = JSON.parse(data);
    box.querySelector("progress").value = progress;
    for (const [name, n] of Object.entries({ progress, ...counts })) {
      const place = box.querySelector(`[data-of="${name}"]`);
      if (place) place.textContent = n;
    }
  });
  source.addEventListener("end", () => { source.close(); location.reload(); });
}
