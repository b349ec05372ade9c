// The evaluation that is open: its axes and pictures, which of its cells are shown where, and which of them is chosen.

import {keeper, say, teller} from "./elements.js";

export const grid = {
  id: "", name: "", stamp: "", sum: null, ratio: 1, axes: [], names: [], cells: [], without: [],
  originals: [], // addresses of the pictures whose captions the values of the last axis are
  notes: {}, // what stands beside the labels of an axis, by its number: {short, long}
  drawn: "", marks: [], ranking: [], // of pictures, which are places in `names`
  across: -1, down: -1, at: [], // the axes that are columns and rows, -1 for none, and the value of each of the others
  row: 0, column: 0, // what is chosen
  pinned: null, // the picture that others are compared with, and what that is called: {picture, words}
  blind: false, order: [], fit: 1, // whether labels are hidden; then all pictures shuffled, and how many fit into a row
};
export const MARKS = {good: "g", bad: "b", none: "."};
export const SIGNS = {g: "✓", b: "✕", ".": ""};
export const nameOfMark = (letter) => Object.keys(MARKS).find((name) => MARKS[name] === letter);

// Whoever shows something listens here: "opened", "layout" (what stands where), "chosen", "marks", "drawn", "blind", "renewed", "back" (on the tab).
export const {on, tell} = teller();
export const {remember, remembered} = keeper("evaluate");

const KINDS_DOWN = ["replace", "prompt", "weight"], KINDS_ACROSS = ["file", "weight"]; // the usual ones first
const NUMBERED = ["weight", "seed", "steps", "scale"]; // kinds whose labels say nothing by themselves
let strides = [], base = ""; // how far apart neighbours on each axis are; where pictures without the adapter stand

export function takeGrid(found) {
  const same = found.id === grid.id, before = same ? grid.order.map((picture) => grid.names[picture]) : [];
  Object.assign(grid, {notes: {}}, found, {marks: [...found.marks], pinned: null});
  grid.blind = remembered(`blind_${grid.id}`, false);
  shuffle(before);
  strides = grid.axes.map((_, axis) => grid.axes.slice(axis + 1).reduce((count, one) => count * one.labels.length, 1));
  const kept = same ? grid : found.shown ?? remembered(`at_${grid.id}`, {});
  const long = grid.axes.map((_, axis) => axis).filter((axis) => grid.axes[axis].labels.length > 1);
  const firstOf = (kinds, axes) => kinds.map((kind) => axes.find((axis) => grid.axes[axis].kind === kind)).find((axis) => axis !== undefined)
    ?? axes.reduce((most, axis) => (most < 0 || grid.axes[axis].labels.length > grid.axes[most].labels.length ? axis : most), -1);
  const fits = (axis) => Number.isInteger(axis) && axis >= -1 && axis < grid.axes.length;
  if (fits(kept.across) && fits(kept.down) && (kept.across !== kept.down || kept.across < 0)) {
    [grid.across, grid.down] = [kept.across, kept.down];
  } else {
    grid.across = firstOf(KINDS_ACROSS, long);
    grid.down = firstOf(KINDS_DOWN, long.filter((axis) => axis !== grid.across));
  }
  grid.at = grid.axes.map((axis, number) => clamp((kept.at || [])[number], axis.labels.length));
  [grid.row, grid.column] = [kept.row ?? 0, kept.column ?? 0];
  arrange();
  if (!("row" in kept)) leaveBase();
}
// Chooses the first picture with the adapter instead of one without it.
function leaveBase() {
  if (isBase(grid.row, grid.column)) choose(leading("row"), leading("column"));
}
const clamp = (value, count) => Math.max(0, Math.min(count - 1, Number(value) || 0));

export function takeState({drawn, marks, ranking, sum}) {
  const newly = drawn !== grid.drawn;
  Object.assign(grid, {drawn, ranking, sum, marks: [...marks]});
  if (newly) tell("drawn");
  tell("marks");
}

// Puts all pictures of cells in an order that nobody has chosen; those of `before`, which are names, stay in theirs.
function shuffle(before) {
  const pictures = [...new Set(grid.cells)], places = new Map(before.map((name, place) => [name, place]));
  for (let last = pictures.length - 1; last > 0; last--) {
    const other = Math.floor(Math.random() * (last + 1));
    [pictures[last], pictures[other]] = [pictures[other], pictures[last]];
  }
  const rank = (picture) => places.get(grid.names[picture]) ?? Infinity;
  grid.order = pictures.map((picture) => [rank(picture), picture]).sort(([one], [other]) => (one < other ? -1 : one > other ? 1 : 0)).map(([, picture]) => picture);
  grid.bare = new Map(grid.cells.map((picture, place) => [picture, grid.without[place]]));
}
// Hides all labels and shuffles the pictures, or shows what stands where again.
export function toggleBlind() {
  grid.blind = !grid.blind;
  grid.pinned = null; // its words would tell
  remember(`blind_${grid.id}`, grid.blind);
  if (grid.blind) shuffle([]);
  [grid.row, grid.column] = [0, 0];
  tell("blind");
  arrange();
  leaveBase();
}
// How many pictures fit into a row where they are shuffled.
export function setFit(fit) {
  const place = grid.row * grid.fit + grid.column;
  grid.fit = fit;
  if (grid.blind) keepInside(Math.floor(place / fit), place % fit);
}

// Works out what stands where after the axes, or the values of those that are not shown, have changed. What is chosen
// stays so by its labels where it is to `follow`, as the pictures without the adapter come and go before it.
export function arrange(follow = false) {
  const before = [leading("row"), leading("column")];
  const rows = lengthOf(grid.down), columns = lengthOf(grid.across);
  const ways = [];
  if (columns > 1 && alike(rows, columns, false)) ways.push("column");
  if (rows > 1 && alike(columns, rows, true)) ways.push("row");
  if (grid.axes[grid.down]?.kind === "file") ways.reverse(); // beside the first epoch, if it can be chosen
  base = ways[0] || "";
  if (follow && !grid.blind) [grid.row, grid.column] = [grid.row + leading("row") - before[0], grid.column + leading("column") - before[1]];
  keepInside(grid.row, grid.column);
  tell("layout");
  tell("chosen");
}
// How many rows or columns stand before those of the axis: that without the adapter, or none.
const leading = (line) => (base === line ? 1 : 0);
const lengthOf = (axis) => (axis < 0 ? 1 : grid.axes[axis].labels.length);

// Whether without the adapter all pictures of a row (of a column, if `turned`) are the same one, which no value shows.
function alike(lines, length, turned) {
  const at = (line, other) => (turned ? placeOf(other, line) : placeOf(line, other));
  const bare = (other) => Array.from({length: lines}, (_, line) => at(line, other)).every((place) => grid.cells[place] === grid.without[place]);
  if (Array.from({length}, (_, other) => other).some(bare)) return false;
  for (let line = 0; line < lines; line++) {
    const first = grid.without[turned ? placeOf(0, line) : placeOf(line, 0)];
    for (let other = 1; other < length; other++) {
      if (grid.without[turned ? placeOf(other, line) : placeOf(line, other)] !== first) return false;
    }
  }
  return true;
}

// The place in `cells` of values of the axes that are shown.
function placeOf(down, across) {
  return grid.at.reduce((place, value, axis) => (
    place + strides[axis] * (axis === grid.down ? down : axis === grid.across ? across : value)
  ), 0);
}

// What is shown: the first column, or the first row, may be that without the adapter.
export const shape = () => (grid.blind ? {rows: Math.ceil(grid.order.length / grid.fit), columns: grid.fit} : {
  rows: lengthOf(grid.down) + leading("row"), columns: lengthOf(grid.across) + leading("column"),
});
export const baseLine = () => base;
export const isBase = (row, column) => !grid.blind && ((base === "row" && row === 0) || (base === "column" && column === 0));
const inside = (row, column) => placeOf(Math.max(0, row - leading("row")), Math.max(0, column - leading("column")));
// The picture of a cell, undefined behind the last one where they are shuffled; and the same without the adapter.
export const pictureAt = (row, column) => (
  grid.blind ? grid.order[row * grid.fit + column] : (isBase(row, column) ? grid.without : grid.cells)[inside(row, column)]
);
export const withoutAt = (row, column) => (grid.blind ? grid.bare.get(pictureAt(row, column)) : grid.without[inside(row, column)]);
export const isDrawn = (picture) => grid.drawn[picture] === "1";
export const markOf = (picture) => grid.marks[picture] || ".";

export function labelOf(axis, number, hasBase) {
  if (hasBase && number === 0) return say("without_label");
  return axis < 0 ? "" : grid.axes[axis].labels[number - (hasBase ? 1 : 0)];
}
export const columnLabel = (column) => (grid.blind ? "" : labelOf(grid.across, column, base === "column"));
export const rowLabel = (row) => (grid.blind ? "" : labelOf(grid.down, row, base === "row"));
// What stands beside such a label, undefined for nothing.
const noteOf = (axis, number, hasBase) => (grid.blind ? undefined : grid.notes[axis]?.[number - (hasBase ? 1 : 0)]);
export const columnNote = (column) => noteOf(grid.across, column, base === "column");
export const rowNote = (row) => noteOf(grid.down, row, base === "row");
// The address of the picture whose caption a row, a column or a cell has as its prompt; "" or undefined for none.
const original = (axis, value) => (!grid.blind && axis === grid.axes.length - 1 ? grid.originals[value] : undefined);
export const columnOriginal = (column) => original(grid.across, column - leading("column"));
export const rowOriginal = (row) => original(grid.down, row - leading("row"));
export const originalAt = (row, column) => {
  const last = grid.axes.length - 1;
  return original(last, last === grid.across ? column - leading("column") : last === grid.down ? row - leading("row") : grid.at[last]);
};
export function takeNotes(notes) {
  grid.notes = notes;
  tell("layout");
}
// The axes that are neither columns nor rows, and have something to choose.
export const others = () => (grid.blind ? [] : grid.axes).map((_, axis) => axis).filter((axis) => axis !== grid.across && axis !== grid.down && grid.axes[axis].labels.length > 1);
// A label by itself, where it is a number with what that counts.
const titled = (axis, label) => (label && NUMBERED.includes(grid.axes[axis]?.kind) ? `${grid.axes[axis].title} ${label}` : label);
// What a cell shows, in words.
export function about(row, column) {
  if (grid.blind) return say("blind_cell", {number: row * grid.fit + column + 1, all: grid.order.length});
  const shown = [base === "column" && column === 0 ? columnLabel(column) : titled(grid.across, columnLabel(column))];
  shown.push(base === "row" && row === 0 ? rowLabel(row) : titled(grid.down, rowLabel(row)));
  return [...shown, ...others().map((axis) => titled(axis, grid.axes[axis].labels[grid.at[axis]]))].filter(Boolean).join(" · ");
}

function keepInside(row, column) {
  const {rows, columns} = shape();
  [grid.row, grid.column] = [clamp(row, rows), clamp(column, columns)];
  if (grid.blind && pictureAt(grid.row, grid.column) === undefined) grid.column = (grid.order.length - 1) % grid.fit;
}
export function choose(row, column) {
  keepInside(row, column);
  tell("chosen");
}
// Keeps the chosen picture to compare others with, or lets it go.
export function togglePin() {
  const isIt = grid.pinned !== null && grid.pinned.picture === chosen();
  grid.pinned = isIt ? null : {picture: chosen(), words: about(grid.row, grid.column)};
  tell("chosen");
}
export const chosen = () => pictureAt(grid.row, grid.column);

export function setAxes(across, down) {
  if (across === down && across >= 0) [across, down] = [grid.down === across ? across : grid.across, grid.down];
  [grid.across, grid.down] = [across, down];
  [grid.row, grid.column] = [0, 0];
  arrange();
  leaveBase();
}
export function setValue(axis, value) {
  grid.at[axis] = value;
  arrange(true);
}
export function keepPlace() {
  if (grid.blind) return;
  const {across, down, at, row, column} = grid;
  remember(`at_${grid.id}`, {across, down, at, row, column});
}

// Where a picture comes from: the server, unless the file brings it along.
export const addressOf = (picture, kind) => (
  grid.addressOf ? grid.addressOf(picture) : `evaluate/${encodeURIComponent(grid.id)}/${kind}/${grid.names[picture]}`
);
