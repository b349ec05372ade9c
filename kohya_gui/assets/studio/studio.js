// The dataset studio: puts its parts together, and does what keys and buttons say.

import {set, MARKS, on, at, say, setWords, remember, remembered, setMode, choose, select, tell, figure, isCaptioned, nameOf, sizeOf, starsOf} from "./state.js";
import {act, list, listSoon, mark, rate, shoot, startWatching} from "./asking.js";
import {startGrid, moved, chooseAll, reveal} from "./grid.js";
import {startKeys, showKeys, areShown, actOf} from "./keys.js";
import {nameOfKey, isPlain} from "./key_names.js";
import * as viewer from "./viewer.js";
import {startSide} from "./side.js";
import {startCaption, edit} from "./caption.js";
import {startComplete} from "./complete.js";
import {startCategories} from "./categories.js";
import {startCoverage} from "./coverage.js";
import {startGrouping} from "./grouping.js";
import {startBulk, removeTag} from "./bulk.js";
import {startSaid} from "./said.js";
import {startOpening, begin, offer} from "./opening.js";
import {startExport} from "./export.js";
import {startArriving} from "./arriving.js";
import {startListed} from "./listed.js";
import {startCrops} from "./crops.js";
import {startPaint} from "./paint.js";
import {startProofread} from "./proofread.js";
import {startGroups, showGroups, leaveGroups, keepBest} from "./groups.js";
import {toggled, wordsOf} from "./filter.js";

// Words of a filter that marks, and changes of captions, may make untrue; a word alone may be one of a caption.
const OF_MARKS = /^-?(mark|shot)[:=]|^-?rating/, OF_CAPTIONS = /^-?(caption|tag|missing)[:=]|^-?tags[<>=]|^[^:<>=]+$/;

const SLOW = 400; // milliseconds after which it is said that undoing is under way

export function start(words) {
  setWords(words);
  set.mode = remembered("mode", "cull");
  startGrid({view: () => viewer.open(), keepBest});
  viewer.startViewer();
  startKeys();
  startSide(toggleWord);
  startCaption(removeTag);
  startBulk();
  startComplete();
  startCoverage();
  startGrouping(groupBy);
  startWatching();
  startCategories();
  startSaid();
  startGroups();
  startProofread();
  startExport();
  startCrops();
  startPaint();
  startListed();
  startArriving();
  startOpening((pid) => {
    choose(pid);
    reveal(pid, "center");
  });
  startBar();
  document.addEventListener("keydown", pressed);
  document.addEventListener("click", clicked);
  on("opened", opened);
  on("listed", listed);
  on("list chosen current marks captions", describe);
  on("list chosen marks", describeStars);
  on("counts", offerUndo);
  on("marks", () => noteChange(OF_MARKS, ["mark", "rating", "shot", "stars"]));
  on("captions", () => noteChange(OF_CAPTIONS, ["changed", "caption"]));
  on("mode", showMode);
  on("current", () => { if (set.id && set.current !== null) remember("at", {id: set.id, pid: set.current}); });
  showMode();
  begin();
}

const isSeen = () => at("studio").offsetParent !== null;

// The bar.
function startBar() {
  at("studio-name").addEventListener("click", offer);
  at("studio-filter").addEventListener("input", () => setFilter(at("studio-filter").value, listSoon));
  at("studio-filter").addEventListener("keydown", (event) => {
    if (event.isComposing || !["Enter", "Escape"].includes(event.key)) return;
    event.preventDefault();
    if (event.key === "Enter") list();
    toGrid();
  });
  at("studio-filter-clear").addEventListener("click", () => { setFilter("", list); toGrid(); });
  at("studio-filter-help").addEventListener("click", () => showWays(at("studio-filter-ways").hidden));
  at("studio-again").addEventListener("click", () => { list(); toGrid(); });
  at("studio-sort").addEventListener("change", () => { set.sort = at("studio-sort").value; backToAll(); toGrid(); });
  at("studio-down").addEventListener("click", () => {
    set.down = !set.down;
    at("studio-down").setAttribute("aria-pressed", set.down);
    at("studio-down").textContent = set.down ? "↓" : "↑";
    backToAll();
  });
  at("studio-size").addEventListener("change", toGrid);
}

// Look-alikes are a way of grouping that the server knows.
function groupBy(way) {
  if (set.groups) leaveGroups();
  set.group = way === "alike" ? "" : way;
  if (way === "alike") showGroups();
  else list();
  toGrid();
}

function showWays(shows) {
  at("studio-filter-ways").hidden = !shows;
  at("studio-filter-help").setAttribute("aria-expanded", shows);
}

function setFilter(filter, then) {
  set.filter = filter;
  if (set.chosen.size > 1) select(set.current, [set.current]); // else pictures out of sight would stay chosen
  if (at("studio-filter").value !== filter) at("studio-filter").value = filter;
  at("studio-filter-clear").hidden = !filter;
  if (set.groups) leaveGroups();
  then();
}
function toggleWord(word) {
  setFilter(toggled(set.filter, word), list);
}

function opened() {
  at("studio-work").hidden = false;
  at("studio-name").textContent = set.name;
  at("studio-name").append(" ▾");
  Object.assign(set, {sort: "name", down: false});
  at("studio-sort").value = "name";
  at("studio-down").textContent = "↑";
  at("studio-down").setAttribute("aria-pressed", false);
  at("studio-filter").value = "";
  at("studio-filter-clear").hidden = true;
  toGrid();
}

function listed(bad) {
  at("studio-filter-bad").innerHTML = bad || "";
  at("studio-again").disabled = true;
}

// Pictures stay where they are while they are marked; the button says that the filter or the order is no longer true.
function noteChange(words, sorts) {
  const matters = sorts.includes(set.sort) || sorts.includes(set.group) || wordsOf(set.filter).some((word) => words.test(word));
  if (matters && set.order.length && !set.groups) at("studio-again").disabled = false;
}

function describe() {
  const all = set.pictures ? set.pictures.id.length : 0, shown = set.place.size; // a picture may be in two groups
  at("studio-count").textContent = shown === all ? say("known_count", {count: all}) : say("of", {count: shown, all});
  at("studio-none").hidden = shown > 0;
  if (!shown && !set.groups) at("studio-none").textContent = say(all ? "none" : "none_inside");
  const about = at("studio-about");
  if (!set.row.has(set.current)) about.textContent = "";
  else if (set.chosen.size > 1) about.textContent = say("chosen", {count: set.chosen.size});
  else {
    about.textContent = [
      nameOf(set.current), sizeOf(set.current).map(figure).join(" × "), say(isCaptioned(set.current) ? "captioned" : "uncaptioned"),
    ].join(" · ");
  }
  about.title = about.textContent;
}

// How many stars all chosen pictures have.
function describeStars() {
  const has = [...new Set([...set.chosen].filter((pid) => set.row.has(pid)).map(starsOf))], stars = has.length === 1 ? has[0] : 0;
  for (const one of document.querySelectorAll("#studio [data-stars]")) one.classList.toggle("on", Number(one.dataset.stars) <= stars);
}

function offerUndo() {
  for (const one of document.querySelectorAll("#studio [data-do=undo]")) {
    one.title = set.undo ? say("would_undo", {what: set.undo}) : say("nothing_undo");
  }
}

function showMode() {
  at("studio").dataset.mode = set.mode;
  for (const one of document.querySelectorAll("#studio [data-mode]")) {
    if (one.tagName === "BUTTON") one.setAttribute("aria-pressed", one.dataset.mode === set.mode);
  }
}

function toGrid() {
  at("studio-grid").focus({preventScroll: true});
}

// What keys and buttons do.
const targets = () => (viewer.isOpen() ? [viewer.active()] : [...set.chosen]).filter((pid) => set.row.has(pid));

function cull(letter) {
  const pids = targets();
  if (!pids.length) return;
  mark(pids, letter);
  if (viewer.isPair() || pids.length > 1) return;
  const next = set.order[set.place.get(pids[0]) + 1];
  if (next !== undefined) choose(next);
}

async function goBack(what) {
  const slow = setTimeout(() => told(say(`${what}_slow`, {what: set[what]})), SLOW); // thousands of captions take a while
  const answer = await act(what, () => ({seen: set[what]}));
  clearTimeout(slow);
  if (!answer) return list({anew: true}); // another window has done something since
  const pids = (answer.changed || []).map(([pid]) => pid), captions = answer.captions || [];
  if (captions.length) tell("captions", captions);
  tell("boxes");
  const place = [...pids, ...captions].find((pid) => set.place.has(pid));
  if (place !== undefined && !viewer.isPair()) {
    choose(place);
    if (!viewer.isOpen()) reveal(place, "nearest");
  }
  if (answer.told) told(say(what === "undo" ? "undone" : "redone", {what: answer.told}));
  else told(say(what === "undo" ? "nothing_undo" : "nothing_redo"));
}
function told(words) {
  at("studio-about").textContent = words;
}

function compare() {
  if (viewer.isPair()) return viewer.close();
  let two = [...set.chosen].filter((pid) => set.place.has(pid)).sort((one, other) => set.place.get(one) - set.place.get(other));
  if (two.length < 2 && set.current !== null) two = [set.current, set.order[set.place.get(set.current) + 1]].filter((pid) => pid !== undefined);
  if (two.length !== 2) return crucible.toast(say("compare_how"), true);
  viewer.open(two);
}

const DOING = {
  ...Object.fromEntries(Object.entries(MARKS).map(([name, letter]) => [name, () => cull(letter)])),
  undo: () => goBack("undo"), redo: () => goBack("redo"),
  view: () => (viewer.isOpen() ? viewer.close() : viewer.open()), compare, help: showKeys,
  zoom: () => (viewer.isOpen() ? viewer.zoom() : viewer.open()),
  alike: () => { if (!viewer.isOpen()) (set.groups ? backToAll() : showGroups()); },
  filter: () => { if (!viewer.isOpen()) { at("studio-filter").focus(); at("studio-filter").select(); } },
  better: () => more(1), worse: () => more(-1),
  caption: () => { if (!viewer.isOpen()) { setMode("captions"); edit(); } },
};
function backToAll() {
  if (set.groups) leaveGroups();
  list();
}
function more(by) {
  const pids = targets();
  if (!pids.length) return;
  const now = starsOf(pids[0]), stars = Math.max(0, Math.min(5, now + by));
  if (stars !== now) rate(pids, stars);
}
function doAct(name) {
  const shot = /^shot(\d)$/.exec(name);
  if (!shot) return DOING[name]();
  const pids = targets(), index = Number(shot[1]) - 1;
  if (pids.length && index < set.shots.length) shoot(pids, index);
}

const isTyping = (target) => /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) || target.isContentEditable;
// Enter and Space press the button that has the focus.
const isPressing = (event) => ["Enter", " "].includes(event.key) && event.target.closest("button, a, summary");

function pressed(event) {
  if (event.defaultPrevented || !isSeen() || !set.id || at("studio-work").hidden) return;
  if (event.target.closest && (event.target.closest("dialog") || isTyping(event.target))) return;
  if (areShown() || document.querySelector("dialog[open]")) return;
  if (event.key === "Escape") return leave(event);
  if (isPressing(event)) return;
  if (event.ctrlKey || event.metaKey) return withControl(event);
  if (!isPlain(event)) return;
  const name = actOf(nameOfKey(event));
  if (name) {
    event.preventDefault();
    doAct(name);
  } else if (viewer.isOpen() ? turned(event) : moved(event)) {
    event.preventDefault();
  }
}

function withControl(event) {
  const key = event.key.toLowerCase();
  const doing = {a: () => !viewer.isOpen() && chooseAll(), z: () => goBack(event.shiftKey ? "redo" : "undo"), y: () => goBack("redo")}[key];
  if (!doing || event.altKey) return;
  event.preventDefault();
  doing();
}

function turned(event) {
  const by = {ArrowLeft: -1, ArrowRight: 1, ArrowUp: -1, ArrowDown: 1, PageUp: -10, PageDown: 10}[event.key];
  if (by) viewer.go(by);
  return Boolean(by);
}

// Esc leads back, one step at a time.
function leave(event) {
  event.preventDefault();
  if (viewer.isOpen()) viewer.close();
  else if (!at("studio-filter-ways").hidden) showWays(false);
  else if (set.groups) backToAll();
  else if (set.chosen.size > 1) select(set.current, [set.current]);
  else toGrid();
}

function clicked(event) {
  if (!event.target.closest || !event.target.closest("#studio")) return;
  const stars = event.target.closest("[data-stars]"), pids = stars ? targets() : [];
  if (pids.length) rate(pids, Number(stars.dataset.stars));
  const act = event.target.closest("[data-do]"), mode = event.target.closest("button[data-mode]"), way = event.target.closest("#studio-filter-ways [data-word]");
  if (act) doAct(act.dataset.do);
  if (mode) setMode(mode.dataset.mode);
  if (way) toggleWord(way.dataset.word);
  if (!event.target.closest(".filter")) showWays(false);
  const shows = event.target.closest("#studio-side [data-word], #studio-side [data-do=alike]");
  if (shows && matchMedia("(max-width: 900px)").matches) at("studio-work").scrollIntoView({block: "start"}); // the grid lies above
  // whoever uses the mouse goes on with keys on the grid
  const pressed = event.target.closest("#studio-work button");
  if (pressed && event.detail && !areShown() && !pressed.closest("form, #studio-caption, .filter") && pressed.id !== "studio-shots-edit" && pressed.id !== "studio-name") {
    (viewer.isOpen() ? at("studio-viewer") : at("studio-grid")).focus({preventScroll: true});
  }
}
