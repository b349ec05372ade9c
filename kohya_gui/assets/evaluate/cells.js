// The grid: of thousands of cells only those in view exist, and are used again for others. Labels stay in sight.

import {at, made, say} from "./elements.js";
import {
  SIGNS, addressOf, about, choose, columnLabel, columnNote, columnOriginal, grid, isBase, isDrawn, markOf, nameOfMark, on, pictureAt, remember, remembered, rowLabel, rowNote, rowOriginal, setFit, shape, withoutAt,
} from "./state.js";
import {Thumbnails} from "./thumbnails.js";

const GAP = 6, EDGE = 4, HEAD = 34, HEAD_NOTED = 48, HEAD_PICTURED = 104, MORE = 1; // pixels; rows and columns that are drawn beyond what is in view
const cells = new Map(), heads = new Map(), sides = new Map(), spare = []; // by "row column", by their number
const thumbnails = new Thumbnails((picture) => addressOf(picture, "small"));
let size = 0, high = 0, side = 0, head = HEAD, drawing = 0, held = false, laidOut = "";
const box = () => at("evaluate-grid");
const part = (name) => box().querySelector(`:scope > .${name}`);
const drawSoon = () => { drawing ||= requestAnimationFrame(drawCells); };

// `open` shows a cell large.
export function startCells(open) {
  const narrow = innerWidth < 700, kept = narrow ? "size_narrow" : "size";
  size = remembered(kept, narrow ? 110 : 160);
  at("evaluate-size").value = size;
  at("evaluate-size").addEventListener("input", () => {
    size = Number(at("evaluate-size").value);
    remember(kept, size);
    layOut();
  });
  box().addEventListener("scroll", drawSoon);
  box().addEventListener("click", (event) => pick(event, open));
  box().addEventListener("dblclick", (event) => event.target.closest(".cell") && open());
  new ResizeObserver(() => (grid.blind ? layOut() : drawSoon())).observe(box());
  on("layout", layOut);
  on("chosen", () => { dressAll(); reveal(); });
  on("marks", dressAll);
  on("drawn", drawCells);
}

// On a phone a tap shows a picture large, with a mouse a second press does.
function pick(event, open) {
  const cell = event.target.closest(".cell");
  if (!cell || !grid.id) return;
  choose(Number(cell.dataset.row), Number(cell.dataset.column));
  if (matchMedia("(pointer: coarse)").matches) open();
  else box().focus({preventScroll: true});
}

function layOut() {
  if (!box().clientWidth) return;
  if (grid.blind) setFit(Math.max(1, Math.floor((box().clientWidth - 2 * EDGE + GAP) / (size + GAP))));
  const {rows, columns} = shape(), wide = innerWidth < 700 ? 74 : 118;
  side = !grid.blind && (rows > 1 || grid.down >= 0) ? wide : 0;
  head = grid.blind ? 0 : columnOriginal(columns - 1) ? HEAD_PICTURED : grid.notes[grid.across] ? HEAD_NOTED : HEAD;
  high = Math.round(size * Math.min(2, Math.max(0.5, grid.ratio)));
  const shown = [grid.id, grid.stamp, grid.blind, grid.across, grid.down, rows, columns, size, high, side, JSON.stringify(grid.notes)].join(" ");
  if (shown === laidOut) return dressAll(); // other pictures in the same places
  laidOut = shown;
  box().style.setProperty("--side", `${side}px`);
  box().style.setProperty("--head", `${head}px`);
  Object.assign(part("space").style, {width: `${columns * (size + GAP) + 2 * EDGE}px`, height: `${rows * (high + GAP) + 2 * EDGE}px`});
  for (const kind of [cells, heads, sides]) {
    kind.forEach((one) => (kind === cells ? release(one) : one.remove()));
    kind.clear();
  }
  drawCells();
}

// The first and the last number of lines that are in view.
function within(scrolled, length, step, count) {
  return [Math.max(0, Math.floor(scrolled / step) - MORE), Math.min(count - 1, Math.floor((scrolled + length) / step) + MORE)];
}

function drawCells() {
  drawing = 0;
  if (!grid.id || !box().clientWidth) return;
  const {rows, columns} = shape();
  const [top, bottom] = within(box().scrollTop, box().clientHeight - head, high + GAP, rows);
  const [left, right] = within(box().scrollLeft, box().clientWidth - side, size + GAP, columns);
  const wanted = new Set();
  for (let row = top; row <= bottom; row++) {
    for (let column = left; column <= right; column++) if (pictureAt(row, column) !== undefined) wanted.add(`${row} ${column}`);
  }
  for (const [key, cell] of cells) if (!wanted.has(key)) { release(cell); cells.delete(key); }
  for (const key of wanted) if (!cells.has(key)) showCell(key);
  labels(heads, part("heads"), left, right, columnLabel, columnNote, columnOriginal, (label, column) => {
    Object.assign(label.style, {transform: `translateX(${EDGE + column * (size + GAP)}px)`, width: `${size}px`});
  });
  labels(sides, part("sides"), top, bottom, rowLabel, rowNote, rowOriginal, (label, row) => {
    Object.assign(label.style, {transform: `translateY(${EDGE + row * (high + GAP)}px)`, height: `${high}px`});
  });
  while (spare.length > columns) spare.pop().remove();
  for (const cell of spare) cell.hidden = true;
  dressAll();
}

function labels(shown, place, first, last, words, noteOf, originalOf, put) {
  for (const [number, label] of shown) if (number < first || number > last) { label.remove(); shown.delete(number); }
  for (let number = first; number <= last; number++) {
    if (shown.has(number)) continue;
    const note = noteOf(number), said = [words(number), note?.long].filter(Boolean).join("\n");
    const label = made("div", {className: "label", title: said}, made("span", {}, words(number)));
    if (originalOf(number)) label.prepend(made("img", {alt: say("original"), src: originalOf(number), loading: "lazy"}));
    if (note?.short) label.append(made("small", {}, note.short));
    put(label, number);
    place.append(label);
    shown.set(number, label);
  }
}

function release(cell) {
  thumbnails.drop(cell);
  for (const said of ["id", "aria-label", "aria-selected"]) cell.removeAttribute(said); // of which labels may be hidden now
  cell.className = "cell";
  spare.push(cell);
}

function showCell(key) {
  const [row, column] = key.split(" ").map(Number);
  let cell = spare.pop();
  if (!cell) {
    cell = made("div", {className: "cell"}, made("img", {alt: "", draggable: false}));
    cell.setAttribute("role", "gridcell");
    part("space").append(cell);
  }
  cell.hidden = false;
  cell.id = `evaluate-cell-${row}-${column}`;
  Object.assign(cell.dataset, {row, column});
  Object.assign(cell.style, {
    transform: `translate(${EDGE + column * (size + GAP)}px, ${EDGE + row * (high + GAP)}px)`, width: `${size}px`, height: `${high}px`,
  });
  cells.set(key, cell);
}

// How each cell looks, and which pictures are to be fetched: those in the middle first.
function dressAll() {
  const middle = [box().scrollTop + box().clientHeight / 2, box().scrollLeft + box().clientWidth / 2], wanted = [];
  for (const cell of cells.values()) {
    const [row, column] = [Number(cell.dataset.row), Number(cell.dataset.column)];
    const isChosen = row === grid.row && column === grid.column;
    const picture = held && isChosen ? withoutAt(row, column) : pictureAt(row, column), mark = markOf(picture);
    if (cell.dataset.pid !== String(picture)) {
      thumbnails.drop(cell);
      cell.dataset.pid = picture;
    }
    cell.dataset.mark = mark;
    cell.dataset.sign = SIGNS[mark];
    cell.classList.toggle("base", isBase(row, column));
    cell.classList.toggle("current", isChosen);
    cell.classList.toggle("pinned", grid.pinned?.picture === picture);
    cell.setAttribute("aria-selected", isChosen);
    cell.setAttribute("aria-label", [about(row, column), say(isDrawn(picture) ? nameOfMark(mark) : "waits")].filter(Boolean).join(", "));
    if (isChosen) box().setAttribute("aria-activedescendant", cell.id);
    if (isDrawn(picture)) wanted.push([cell, picture, Math.hypot(row * high - middle[0], column * size - middle[1])]);
    else cell.dataset.state = "waits";
  }
  thumbnails.want(wanted);
}

// Shows the picture without the adapter in the chosen cell while `is`.
export function holdCell(is) {
  held = is;
  dressAll();
}

// Scrolls until the chosen cell is in view.
function reveal() {
  if (!grid.id || !box().clientWidth) return;
  const [top, left] = [grid.row * (high + GAP), grid.column * (size + GAP)];
  const [height, width] = [box().clientHeight - head, box().clientWidth - side];
  if (top < box().scrollTop) box().scrollTop = top;
  else if (top + high + 2 * EDGE > box().scrollTop + height) box().scrollTop = top + high + 2 * EDGE - height;
  if (left < box().scrollLeft) box().scrollLeft = left;
  else if (left + size + 2 * EDGE > box().scrollLeft + width) box().scrollLeft = left + size + 2 * EDGE - width;
}

const MOVES = {ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0]};
// Goes to the neighbour where an arrow key points, or to an end; says whether it was such a key.
export function moved(key) {
  const {rows, columns} = shape(), sideways = MOVES[key] && MOVES[key][1];
  if (grid.blind && sideways) { // on to the next row
    const place = Math.max(0, Math.min(grid.order.length - 1, grid.row * columns + grid.column + sideways));
    choose(Math.floor(place / columns), place % columns);
  } else if (key === "Home") choose(grid.row, 0);
  else if (key === "End") choose(grid.row, columns - 1);
  else if (key === "PageUp") choose(0, grid.column);
  else if (key === "PageDown") choose(rows - 1, grid.column);
  else if (MOVES[key]) choose(grid.row + MOVES[key][0], grid.column + MOVES[key][1]);
  else return false;
  return true;
}
