// The Runs tab: asks the server what is new about queue and history, and for what the buttons say (server/runs.py).

const SOON = 150, EVERY = 2000; // milliseconds after a key, and between two looks
const query = {words: "", group: "all", tag: "", page: 1};
const picked = new Set();
let sums = {}, timer = 0, asked = 0, shown = 0, emptied = null;

const at = (id) => document.getElementById(id);
const isSeen = () => document.visibilityState === "visible" && at("runs") && at("runs").offsetParent !== null;

const post = (what, body) => crucible.post(`runs/${what}`, body);

function soon(wait) {
  clearTimeout(timer);
  timer = setTimeout(look, wait);
}

async function look() {
  clearTimeout(timer);
  if (!isSeen()) return soon(EVERY);
  const number = ++asked;
  try {
    const answer = await post("look", {query, known: sums});
    if (number > shown) {
      shown = number;
      show(answer);
    }
  } catch {
    // the page is closing, or the server is away; the next look tells
  }
  soon(EVERY);
}

function show(answer) {
  const kept = {};
  for (const [id, html] of Object.entries(answer.parts)) {
    const focus = focusIn(at(id));
    at(id).innerHTML = html;
    refocus(at(id), focus);
  }
  for (const [id, rows] of Object.entries(answer.lists)) {
    const list = at(id), old = new Map([...list.children].map((row) => [row.dataset.run, row]));
    const wanted = rows.map(([run, html]) => {
      const row = old.get(run) || document.createElement("li");
      if (html === null) return row;
      row.dataset.run = run;
      row.className = "run-row";
      const focus = focusIn(row);
      row.innerHTML = html;
      refocus(row, focus);
      return row;
    });
    for (const [run, row] of old) if (!wanted.includes(row)) row.remove();
    wanted.forEach((row, place) => {
      if (list.children[place] !== row) list.insertBefore(row, list.children[place] || null);
    });
  }
  Object.assign(kept, answer.sums);
  sums = kept;
  showPicked();
  countDown();
  sayEmpty();
}

// The button that has the focus keeps it when its row is drawn anew, or is moved.
function focusIn(place) {
  const focused = document.activeElement;
  if (!place.contains(focused)) return null;
  if (focused.id) return `#${focused.id}`;
  const kind = ["act", "dialog", "tag", "page", "pick"].find((name) => focused.dataset[name] !== undefined);
  return kind ? `[data-${kind}="${CSS.escape(focused.dataset[kind])}"]` : null;
}
function refocus(place, selector) {
  const again = selector && place.querySelector(selector);
  if (again) again.focus({preventScroll: true});
}

async function act(body, dialog) {
  try {
    const answer = await post("act", body);
    if (answer.error) return complain(answer.error, dialog);
    if (dialog) dialog.close();
    if (answer.told) crucible.toast(answer.told);
    if (answer.load) loadSettings(answer.load);
  } catch (error) {
    complain(error.message, dialog, true);
  }
  document.dispatchEvent(new Event("runs-acted"));
  look();
}

// What an opened run needs is loaded with the first one.
let opened = null;
async function openRun(run) {
  if (!opened) {
    const address = (name) => new URL(`runs/assets/${name}`, document.baseURI).href;
    document.head.append(Object.assign(document.createElement("link"), {rel: "stylesheet", href: address("opened.css")}));
    opened = import(address("opened.js"));
  }
  try {
    (await opened).open(run, {post, act, tell: crucible.toast});
  } catch (error) {
    opened = null; // the server was away
    crucible.toast(error.message, true);
  }
}

async function openDialog(what, runs, file) {
  const answer = await post("dialog", {dialog: what, runs, file});
  if (answer.error) return complain(answer.error);
  at("runs-dialog").innerHTML = answer.html;
  at("runs-dialog").showModal();
  at("runs-dialog").scrollTop = 0; // a long one has its first button at its end, which the browser goes to
}

function complain(words, dialog, plain) {
  const place = dialog && dialog.querySelector(".dialog-error");
  if (!place) return crucible.toast(words, plain);
  if (plain) place.textContent = words;
  else place.innerHTML = words;
}

// The Train tab takes the settings in the file at `path`.
function loadSettings(path) {
  crucible.type("runs-load", path);
  const tab = at("tab-train-button");
  if (tab) tab.click();
}

function showPicked() {
  for (const box of document.querySelectorAll("#history-rows [data-pick]")) box.checked = picked.has(box.dataset.pick);
  const button = at("runs-compare");
  if (button) button.disabled = picked.size !== 2;
}

let counting = 0;
function countDown() {
  clearTimeout(counting);
  const left = document.querySelector("#queue-end [data-until]");
  if (!left) return;
  left.textContent = `${Math.max(0, Math.round(Number(left.dataset.until) - Date.now() / 1000))} s`;
  counting = setTimeout(countDown, 500);
}

// Says once that the queue has ended, on the desktop if this is allowed.
function sayEmpty() {
  const seen = at("queue-emptied");
  if (!seen) return;
  const before = emptied;
  emptied = seen.dataset.at;
  if (before === null || before === emptied || seen.dataset.when !== "notify") return;
  crucible.toast(seen.dataset.words, true);
  if ("Notification" in window && Notification.permission === "granted") new Notification(seen.dataset.words);
}

// A file that was chosen on the Evaluate tab is sent from here, where the dialog is.
document.addEventListener("click", async ({target}) => {
  const button = target.closest && target.closest("#evaluate-used [data-dialog]");
  if (!button) return;
  at("tab-runs-button")?.click();
  if (await crucible.drawn(() => at("runs")?.offsetParent)) openDialog(button.dataset.dialog, [button.dataset.run], button.dataset.file);
});
document.addEventListener("click", (event) => {
  const inside = event.target.closest && event.target.closest("#runs, #runs-dialog");
  if (!inside) return;
  const dialog = event.target.closest("#runs-dialog");
  if (event.target === dialog || event.target.closest("[data-close]")) return at("runs-dialog").close();
  const button = event.target.closest("button");
  if (!button || button.disabled) return;
  if (button.dataset.open) {
    openRun(button.dataset.open);
  } else if (button.dataset.tag !== undefined) {
    Object.assign(query, {tag: query.tag === button.dataset.tag ? "" : button.dataset.tag, page: 1});
    look();
  } else if (button.dataset.page) {
    query.page = Number(button.dataset.page);
    look();
  } else if (button.dataset.dialog) {
    const run = button.closest("[data-run]")?.dataset.run;
    openDialog(button.dataset.dialog, run ? [run] : [...picked], button.dataset.file);
  } else if (button.dataset.act) {
    const fields = dialog ? [...dialog.querySelectorAll("[name]")]
      .filter((field) => field.type !== "checkbox" || field.checked).map((field) => [field.name, field.value]) : [];
    act({...Object.fromEntries(fields), act: button.dataset.act, run: button.dataset.run || ""}, dialog);
  }
});
document.addEventListener("change", (event) => {
  const inside = event.target.closest && event.target.closest("#runs");
  if (!inside) return;
  if (event.target.dataset.pick) {
    picked[event.target.checked ? "add" : "delete"](event.target.dataset.pick);
    if (picked.size > 2) picked.delete([...picked][0]);
    showPicked();
  } else if (event.target.id === "runs-group") {
    Object.assign(query, {group: event.target.value, page: 1});
    look();
  } else if (event.target.tagName === "SELECT" && event.target.dataset.act) {
    if (event.target.value === "notify" && "Notification" in window) Notification.requestPermission();
    act({act: event.target.dataset.act, value: event.target.value});
  }
});
document.addEventListener("input", (event) => {
  if (event.target.id !== "runs-search") return;
  Object.assign(query, {words: event.target.value, page: 1});
  soon(SOON);
});
document.addEventListener("keydown", (event) => {
  if (!event.target.closest || !event.target.closest("#runs-dialog")) return;
  const single = event.target.tagName === "INPUT";
  if (event.key === "Enter" && (single || event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    at("runs-dialog").querySelector(".primary[data-act]")?.click();
  }
});

// The tab that is selected already leads back from an opened run to the list. Asked before gradio has selected it.
document.addEventListener("click", (event) => {
  const tab = event.target.closest && event.target.closest("#tab-runs-button");
  if (tab && tab.getAttribute("aria-selected") === "true" && opened) opened.then((one) => one.shut(), () => {});
}, true);

// A tab that is opened is filled at once.
new MutationObserver(() => {
  if (isSeen() && !Object.keys(sums).length && !asked) look();
}).observe(document.body, {childList: true, subtree: true, attributes: true, attributeFilter: ["style", "class"]});
document.addEventListener("visibilitychange", () => isSeen() && look());
document.addEventListener("click", (event) => {
  if (event.target.closest && event.target.closest("[role=tab]")) soon(0);
});
soon(0);

// The run that was open before the page was loaded again.
const left = sessionStorage.getItem("crucible-opened-run");
if (left) openWhenSeen();
function openWhenSeen() {
  if (isSeen()) openRun(left);
  else setTimeout(openWhenSeen, SOON);
}
