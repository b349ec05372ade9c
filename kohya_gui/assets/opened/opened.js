// An opened run, loaded when the first one is opened: asks what is new about it (server/opened.py) and shows that.

import {Viewer} from "./viewer.js";

const ACTIVE = 2000, ENDED = 6000; // milliseconds between two looks
const REMEMBERED = "crucible-opened-run";
const at = (id) => document.getElementById(id);

let run = "", known = {}, timer = 0, number = 0, viewer = null, tools = null;

// Shows the run `id`; `given` are `post`, `act` and `tell` of the tab.
export async function open(id, given) {
  tools = given;
  run = id;
  known = {};
  viewer = null;
  sessionStorage.setItem(REMEMBERED, id);
  at("run-details").replaceChildren();
  at("run-details").hidden = false;
  window.scrollTo({top: 0});
  await look();
}

export function shut() {
  clearTimeout(timer);
  run = "";
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
  }
  for (const [id, html] of Object.entries(answer.parts)) at(id).innerHTML = html;
  if (answer.sheet) viewer.show(answer.sheet);
  known = answer.sums;
}

document.addEventListener("click", (event) => {
  const inside = event.target.closest && event.target.closest("#run-details");
  if (!inside) return;
  if (event.target.closest("[data-shut]")) return shut();
  const shown = event.target.closest("[data-show]");
  if (shown && viewer) viewer.choose(shown.dataset.show, !shown.closest("#viewer-sheet"));
});
document.addEventListener("runs-acted", () => run && look());
document.addEventListener("visibilitychange", () => run && look());
