// The grid: of thousands of pictures only the cells that are in view exist, and are used again for others.

import {
  set, on, at, say, made, button, remember, remembered, nameOf, markOf, shotOf, starsOf, nameOfMark, choose, toggle, extend, select, figure,
  titleOf, addressOf,
} from "./state.js";
import {Thumbnails} from "./thumbnails.js";

const GAP = 8, HEAD = 44, HIGH = 1.25, MORE = 1; // pixels; height of a cell by its width; rows drawn beyond what is in view
export const SIGNS = {k: "✓", r: "✕", s: "»", ".": ""};
let size = 0, columns = 1, width = 0, height = 0, sections = [], total = 0;
let acts = {}, drawing = 0, drawnWidth = 0;
const cells = new Map(), heads = new Map(), spare = []; // by picture, by group; cells to be used again
const thumbnails = new Thumbnails((pid) => addressOf(pid, "small"));
const grid = () => at("studio-grid");
const space = () => grid().firstElementChild;

// `doing` has `view` (shows a picture large) and `keepBest` (of a group).
export function startGrid(doing) {
  acts = doing;
  const narrow = innerWidth < 700;
  size = remembered(narrow ? "size_narrow" : "size", narrow ? 110 : 170);
  at("studio-size").value = size;
  at("studio-size").addEventListener("input", () => {
    size = Number(at("studio-size").value);
    remember(narrow ? "size_narrow" : "size", size);
    layOut();
    reveal(set.current, "center");
  });
  grid().addEventListener("scroll", () => { drawing ||= requestAnimationFrame(draw); });
  grid().addEventListener("click", clicked);
  grid().addEventListener("dblclick", (event) => event.target.closest(".cell") && acts.view());
  grid().addEventListener("mousedown", (event) => { if (event.shiftKey) event.preventDefault(); }); // else text is selected
  new ResizeObserver(() => {
    if (!grid().clientWidth || grid().clientWidth === drawnWidth) return drawSoon();
    layOut();
    reveal(set.current, "nearest");
  }).observe(grid());
  on("list", () => { layOut(); if (set.place.has(set.current)) reveal(set.current, "nearest"); else grid().scrollTop = 0; });
  on("marks", (pids) => pids.forEach((pid) => cells.has(pid) && dress(cells.get(pid), pid)));
  on("shots", () => cells.forEach(dress));
  on("chosen", () => cells.forEach(dress));
  on("current", () => reveal(set.current, "nearest"));
  on("opened", () => { cells.forEach(release); grid().scrollTop = 0; });
}

const drawSoon = () => { drawing ||= requestAnimationFrame(draw); };

// Where everything lies: one section with all pictures, or one for each group with a head above it.
function layOut() {
  drawnWidth = grid().clientWidth;
  if (!drawnWidth) return;
  const inner = drawnWidth - 2 * GAP;
  columns = Math.max(1, Math.floor((inner + GAP) / (size + GAP)));
  width = Math.floor((inner - GAP * (columns - 1)) / columns);
  height = Math.round(width * HIGH);
  let top = GAP, start = 0;
  sections = (set.groups || set.heads || [null]).map((group) => {
    const count = group ? group.pictures.length : set.order.length, head = group ? HEAD : 0;
    const section = {group, start, count, top: top + head, head: top};
    top += head + Math.ceil(count / columns) * (height + GAP);
    start += count;
    return section;
  });
  total = top;
  space().style.height = `${total}px`;
  heads.forEach((head) => head.remove());
  heads.clear();
  for (const cell of cells.values()) cell.style.transform = "";
  draw();
}

// The section in which the picture at `place` of the order lies, or, by "top", that at a height.
function sectionAt(value, by = "start") {
  let low = 0, high = sections.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (sections[middle][by === "start" ? "start" : "head"] <= value) low = middle;
    else high = middle - 1;
  }
  return low;
}
function spot(place) {
  const section = sections[sectionAt(place)], inside = place - section.start;
  return [GAP + (inside % columns) * (width + GAP), section.top + Math.floor(inside / columns) * (height + GAP)];
}

function draw() {
  drawing = 0;
  if (!drawnWidth || !sections.length || !set.id) return;
  const seen = [grid().scrollTop, grid().scrollTop + grid().clientHeight], more = MORE * (height + GAP);
  const wanted = [], wantedHeads = new Set();
  for (let number = sectionAt(seen[0] - more, "head"); number < sections.length; number++) {
    const section = sections[number];
    if (section.head > seen[1] + more) break;
    if (section.group) wantedHeads.add(number);
    const row = (edge) => Math.floor((edge - section.top) / (height + GAP));
    const first = Math.max(0, row(seen[0] - more)) * columns;
    const last = Math.min(section.count, (row(seen[1] + more) + 1) * columns);
    for (let inside = first; inside < last; inside++) wanted.push(section.start + inside);
  }
  const pids = new Set(wanted.map((place) => set.order[place]));
  for (const [pid, cell] of cells) if (!pids.has(pid)) release(cell, pid);
  for (const place of wanted) show(set.order[place], place);
  while (spare.length > columns) spare.pop().remove();
  for (const cell of spare) cell.hidden = true;
  for (const [number, head] of heads) if (!wantedHeads.has(number)) { head.remove(); heads.delete(number); }
  for (const number of wantedHeads) if (!heads.has(number)) drawHead(number);
  // what is in view is fetched first
  const middle = (seen[0] + seen[1]) / 2;
  thumbnails.want([...cells].map(([pid, cell]) => [cell, pid, Math.abs(spot(set.place.get(pid))[1] + height / 2 - middle)]));
}

function release(cell, pid) {
  cells.delete(pid);
  thumbnails.drop(cell);
  spare.push(cell);
}

function show(pid, place) {
  let cell = cells.get(pid);
  if (!cell) {
    cell = spare.pop() || newCell();
    cell.hidden = false;
    cell.id = `studio-cell-${pid}`;
    cell.dataset.pid = pid;
    cells.set(pid, cell);
    dress(cell, pid);
  }
  const [left, top] = spot(place), moved = `translate(${left}px, ${top}px)`;
  if (cell.style.transform !== moved) {
    Object.assign(cell.style, {transform: moved, width: `${width}px`, height: `${height}px`});
    cell.setAttribute("aria-posinset", place + 1);
    cell.setAttribute("aria-setsize", set.order.length);
  }
}

function newCell() {
  const cell = made("div", {className: "cell"}, made("img", {alt: "", draggable: false}));
  cell.setAttribute("role", "option");
  space().append(cell);
  return cell;
}

// How a picture is marked, by colour and by a sign.
function dress(cell, pid) {
  const mark = markOf(pid), shot = set.shots[shotOf(pid)];
  cell.dataset.mark = mark;
  cell.dataset.sign = SIGNS[mark];
  const stars = "★".repeat(starsOf(pid));
  cell.dataset.shot = [...(stars ? [stars] : []), ...(shot ? [titleOf(shot)] : [])].join(" ");
  cell.dataset.best = set.groups && sections[sectionAt(set.place.get(pid))]?.group?.best === pid ? say("best") : "";
  cell.classList.toggle("current", pid === set.current);
  cell.setAttribute("aria-selected", set.chosen.has(pid));
  cell.title = nameOf(pid);
  cell.setAttribute("aria-label", [nameOf(pid), say(nameOfMark(mark)), ...(stars ? [stars] : []), ...(shot ? [titleOf(shot)] : [])].join(", "));
  if (pid === set.current) grid().setAttribute("aria-activedescendant", cell.id);
}

function drawHead(number) {
  const {group, head} = sections[number];
  const row = made(
    "div", {className: "head"},
    ...(group.kind ? [
      made("b", {}, say(`group_${group.kind}`, {count: group.pictures.length})),
      button({className: "small", onclick: () => acts.keepBest([group])}, say("group_keep")),
    ] : [
      made("b", {}, group.title), made("span", {className: "pill"}, figure(group.pictures.length)),
      button({className: "small", onclick: () => select(group.pictures[0], group.pictures)}, say("group_choose")),
    ]),
  );
  row.style.transform = `translateY(${head}px)`;
  space().append(row);
  heads.set(number, row);
}

// Scrolls until a picture is in view.
export function reveal(pid, where) {
  const place = set.place.get(pid);
  if (place === undefined || !drawnWidth || !sections.length) return;
  const [, top] = spot(place), view = grid().clientHeight, above = grid().scrollTop;
  const first = sections[sectionAt(place)].start === place || place < columns ? HEAD : 0; // its head, or the edge
  if (where === "center") grid().scrollTop = top - (view - height) / 2;
  else if (top - GAP < above) grid().scrollTop = top - GAP - first;
  else if (top + height + GAP > above + view) grid().scrollTop = top + height + GAP - view;
  draw();
}

function clicked(event) {
  const cell = event.target.closest(".cell");
  if (!cell) return;
  const pid = Number(cell.dataset.pid);
  if (event.shiftKey) extend(pid);
  else if (event.ctrlKey || event.metaKey) toggle(pid);
  else choose(pid);
  grid().focus({preventScroll: true});
}

// The picture beside the current one in a direction.
function beside(key) {
  const place = set.place.get(set.current) ?? 0, last = set.order.length - 1;
  const rows = Math.max(1, Math.floor(grid().clientHeight / (height + GAP)));
  switch (key) {
    case "ArrowLeft": return place - 1;
    case "ArrowRight": return place + 1;
    case "ArrowUp": return below(place, -1);
    case "ArrowDown": return below(place, 1);
    case "PageUp": return Math.max(place % columns, place - rows * columns);
    case "PageDown": return Math.min(last, place + rows * columns);
    case "Home": return 0;
    default: return last;
  }
}
// The place one row below, or above with `way` -1, also across the head of a group.
function below(place, way) {
  const number = sectionAt(place), section = sections[number], column = (place - section.start) % columns;
  const next = place + way * columns;
  const lastRow = section.start + Math.floor((section.count - 1) / columns) * columns;
  if (next >= section.start && next < section.start + section.count) return next;
  if (way > 0 && place < lastRow) return section.start + section.count - 1; // the last row is shorter
  const other = sections[number + way];
  if (!other) return place;
  const row = way > 0 ? 0 : Math.floor((other.count - 1) / columns) * columns;
  return other.start + Math.min(other.count - 1, row + column);
}

const MOVES = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "PageUp", "PageDown", "Home", "End"];
// Goes where an arrow or a like key leads; says whether it was one.
export function moved(event) {
  if (!MOVES.includes(event.key) || event.altKey || !set.order.length) return false;
  const pid = set.order[Math.max(0, Math.min(set.order.length - 1, beside(event.key)))];
  if (event.shiftKey) extend(pid);
  else choose(pid);
  return true;
}
export function chooseAll() {
  select(set.current, set.order);
}
