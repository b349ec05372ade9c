// An opened run, loaded when the first one is opened: asks what is new about it (server/opened.py) and shows that.

import {Charts} from "./charts.js";
import {Viewer} from "./viewer.js";

const ACTIVE = 2000, ENDED = 6000, SOON = 150; // milliseconds between two looks, and after a key
const REMEMBERED = "crucible-opened-run";
const at = (id) => document.getElementById(id);

let run = "", known = {}, timer = 0, number = 0, viewer = null, charts = null, tools = null, typing = 0;
const console_ = {asked: 0, sum: 0};

// Shows the run `id`; `given` are `post`, `act` and `tell` of the tab.
export async function open(id, given) {
  shut();
  tools = given;
  run = id;
  sessionStorage.setItem(REMEMBERED, id);
  at("run-details").replaceChildren();
  at("run-details").hidden = false;
  window.scrollTo({top: 0});
  await look();
}

export function shut() {
  clearTimeout(timer);
  clearTimeout(typing);
  if (charts) charts.close();
  run = "";
  known = {};
  viewer = charts = null;
  number += 1;
  sessionStorage.removeItem(REMEMBERED);
  at("run-details").hidden = true;
  at("run-details").replaceChildren();
}

async function look() {
  clearTimeout(timer);
  const mine = ++number, asked = run;
  let wait = ACTIVE;
  if (document.visibilityState === "visible" && at("run-details") && at("run-details").offsetParent) {
    try {
      const answer = await tools.post("opened", {run: asked, known});
      if (mine !== number) return;
      if (answer.error || answer.gone) {
        shut();
        if (answer.error) tools.tell(answer.error);
        return;
      }
      show(answer);
      wait = answer.active ? ACTIVE : ENDED;
    } catch {
      // the page is closing, or the server is away; the next look tells
    }
  }
  if (mine === number && run) timer = setTimeout(look, wait);
}

function show(answer) {
  if (answer.shell) {
    at("run-details").innerHTML = answer.shell;
    viewer = new Viewer(run, {act: tools.act, address: answer.address, pictures: answer.pictures});
    charts = new Charts(run);
    console_.sum = 0;
    at("console-search").addEventListener("input", () => {
      clearTimeout(typing);
      typing = setTimeout(readConsole, SOON);
    });
  }
  for (const [id, html] of Object.entries(answer.parts)) at(id).innerHTML = html;
  if (answer.sheet) viewer.show(answer.sheet);
  if (known.curves !== answer.sums.curves) charts.load().catch((error) => tools.tell(error.message, true));
  known = answer.sums;
  readConsole();
}

// Shows the console's lines with the words that are searched; whoever looks at its end goes on seeing its end.
async function readConsole() {
  const mine = ++console_.asked;
  try {
    const answer = await tools.post("console", {run, words: at("console-search").value, known: console_.sum});
    if (mine !== console_.asked || !at("console-lines") || answer.error) return;
    at("console-count").textContent = answer.count;
    if (answer.html === null) return;
    const lines = at("console-lines"), atEnd = !console_.sum || lines.scrollTop + lines.clientHeight > lines.scrollHeight - 30;
    console_.sum = answer.sum;
    lines.innerHTML = answer.html;
    if (atEnd) lines.scrollTop = lines.scrollHeight;
  } catch {
    // the page is closing, or the server is away; the next look tells
  }
}

// Copies a text about the run that the server writes; where the browser allows no copying, it is shown instead.
async function copy(what, file) {
  const answer = await tools.post(what, {run, file});
  if (answer.error) return tools.tell(answer.error);
  try {
    await navigator.clipboard.writeText(answer.text);
    tools.tell(answer.told, true);
  } catch {
    const dialog = at("runs-dialog"), text = Object.assign(document.createElement("textarea"), {rows: 20, readOnly: true});
    text.value = answer.text;
    text.id = "report-text";
    dialog.replaceChildren(text);
    dialog.showModal();
    text.select();
  }
}

document.addEventListener("click", (event) => {
  const inside = event.target.closest && event.target.closest("#run-details");
  if (!inside) return;
  if (event.target.closest("[data-shut]")) return shut();
  const copied = event.target.closest("[data-report], [data-prompt]");
  if (copied) {
    const what = copied.dataset.prompt === undefined ? "report" : "prompt";
    return copy(what, copied.dataset.file).catch((error) => tools.tell(error.message, true));
  }
  const shown = event.target.closest("[data-show]");
  if (shown && viewer) viewer.choose(shown.dataset.show, !shown.closest("#viewer-sheet"));
});
document.addEventListener("runs-acted", () => run && look());
document.addEventListener("visibilitychange", () => run && look());
