// The Evaluate tab: puts its parts together, opens an evaluation, keeps marks, and sees what is drawn meanwhile.

import {at, button, figure, made, say, setWords} from "./elements.js";
import {shownNow, startBar} from "./bar.js";
import {startCells} from "./cells.js";
import {startKeys} from "./keys.js";
import {forgetFacts, openLarge, startLarge} from "./large.js";
import {startRanking} from "./ranking.js";
import {MARKS, chosen, grid, isDrawn, keepPlace, on, remember, remembered, takeGrid, takeState, tell} from "./state.js";
import {startVerdict} from "./verdict.js";

const EVERY = 2000; // milliseconds between two looks at what is drawn
const factsKept = new Map(); // HTML by the name of a picture
let marking = Promise.resolve(), marksOnTheWay = 0, looking = false;
const ask = (name, asked = {}, lasting = false) => crucible.post(`evaluate/${name}`, asked, lasting);

export function start(words) {
  setWords(words);
  startCells(openLarge);
  startLarge(facts);
  startBar();
  startRanking();
  startVerdict();
  startKeys(Object.fromEntries(Object.keys(MARKS).map((name) => [name, () => mark(name)])));
  on("chosen layout", () => grid.id && keepPlace());
  at("evaluate-export").addEventListener("toggle", offerFiles);
  at("evaluate-export").addEventListener("click", (event) => event.target.closest("a") && at("evaluate-export").removeAttribute("open"));
  document.addEventListener("click", (event) => event.target.closest("#evaluate-export") || at("evaluate-export").removeAttribute("open"));
  at("evaluate-name").addEventListener("click", offer);
  at("evaluate-draw").addEventListener("click", () => at("tool-draw_grid-button").click()); // the form beside this
  // A grid may have been begun on another part of the tab.
  document.addEventListener("click", ({target}) => target.closest?.("#evaluate-grids-button, #tab-evaluate-button") && comeBack());
  setInterval(look, EVERY);
  document.addEventListener("visibilitychange", look);
  const last = remembered("last", "");
  if (last) openGrid(last);
  else offer();
}

// Files are of what is shown when they are asked for.
function offerFiles() {
  for (const link of at("evaluate-export").querySelectorAll("a")) {
    link.href = `evaluate/${encodeURIComponent(grid.id)}/${link.dataset.export}?${shownNow()}`;
  }
}

// Keys work at once where a grid is open.
async function comeBack() {
  if (!grid.id) return offer();
  tell("back");
  if (await crucible.drawn(() => at("evaluate-work").offsetParent)) at("evaluate-grid").focus({preventScroll: true});
}

// Shows which evaluations there are.
async function offer() {
  const {evaluations} = await ask("list");
  Object.assign(grid, {id: "", names: []});
  remember("last", "");
  at("evaluate-work").hidden = true;
  at("evaluate-start").hidden = false;
  at("evaluate-how").hidden = evaluations.length > 0;
  at("evaluate-known").hidden = !evaluations.length;
  at("evaluate-known").querySelector(".list").replaceChildren(...evaluations.map(cardOf));
}

function cardOf({id, name, refused, changed, axes, cells, drawn, good, bad, shown}) {
  if (!id) {
    const told = made("div", {className: "told-here"});
    told.innerHTML = refused;
    return made("div", {className: "card known"}, made("b", {}, name), told);
  }
  const pictures = shown.map((picture) => made("img", {alt: "", loading: "lazy", src: `evaluate/${encodeURIComponent(id)}/small/${picture}`}));
  const pills = [say(drawn === cells ? "count" : "count_of", {count: drawn, all: cells})];
  if (good + bad) pills.push(say("list_marks", {good, bad}));
  return button(
    {className: "card known", onclick: () => openGrid(id)}, made("span", {className: "cover"}, ...pictures), made("b", {}, name),
    made("span", {className: "soft"}, axes.map(([title, count]) => `${title} (${figure(count)})`).join(" × ")),
    made("span", {className: "pills"}, ...pills.map((words) => made("span", {className: "pill"}, words)), made("small", {}, changed)),
  );
}

// Opens an evaluation; `again` if it is the one that is open and its file has changed, as when an epoch is added.
async function openGrid(id, again) {
  let found;
  try {
    found = await ask("open", {id});
  } catch (error) {
    return crucible.toast(error.message, true);
  }
  if (found.error) {
    crucible.toast(found.error);
    return offer();
  }
  at("evaluate-start").hidden = true;
  at("evaluate-work").hidden = false;
  at("evaluate-name").textContent = found.name;
  at("evaluate-name").append(" ▾");
  at("evaluate-again").hidden = !Object.keys(found.settings).length; // of grids of earlier versions
  at("evaluate-again").dataset.values = JSON.stringify(found.settings);
  factsKept.clear();
  forgetFacts();
  takeGrid(found);
  if (again) return tell("renewed");
  remember("last", id);
  tell("opened");
  at("evaluate-grid").focus({preventScroll: true});
}

// Asks what is drawn and marked by now, while somebody looks.
async function look() {
  const id = grid.id;
  if (!id || looking || marksOnTheWay || document.visibilityState !== "visible" || at("evaluate-work").offsetParent === null) return;
  looking = true;
  try {
    const found = await ask("pulse", {id, sum: grid.sum});
    if (grid.id === id && !marksOnTheWay) {
      if (found.error) offer();
      else if (found.stamp !== grid.stamp) await openGrid(id, true);
      else if ("sum" in found) takeState(found);
    }
  } catch {
    // the page is closing, or the server is away; the next look tells
  }
  looking = false;
}

// Draws a mark at once, sends marks one after the other, and takes one back that was refused.
function mark(name) {
  const picture = chosen(), id = grid.id;
  if (!isDrawn(picture)) return crucible.toast(say("mark_waits"), true);
  const before = grid.marks[picture];
  grid.marks[picture] = MARKS[name];
  marksOnTheWay++;
  tell("marks");
  marking = marking.then(async () => {
    let refused = "", state = null;
    try {
      state = await ask("mark", {id, picture: grid.names[picture], mark: name}, true);
      refused = state.error || "";
    } catch (error) {
      refused = made("span", {}, error.message).innerHTML;
    }
    marksOnTheWay--;
    if (grid.id !== id) return;
    if (refused) {
      grid.marks[picture] = before;
      tell("marks");
      crucible.toast(refused);
    } else if (!marksOnTheWay) takeState(state);
  });
}

async function facts(picture) {
  const name = grid.names[picture];
  if (!factsKept.has(name)) {
    const found = await ask("facts", {id: grid.id, picture: name}).catch(() => ({html: ""}));
    factsKept.set(name, found.html || found.error || "");
  }
  return factsKept.get(name);
}
