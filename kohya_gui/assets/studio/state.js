// The dataset that is open: its pictures in columns, in which order they are shown, which are chosen, and who wants to know.

import {isSaid, keeper, say, teller} from "./elements.js";
export {at, button, figure, made, say, setWords} from "./elements.js";

export const set = {
  id: "", name: "", count: 0, sources: [], shots: [], tagger: "", listed: {count: 0, files: [], examples: []},
  revision: null, last: null, pictures: null, row: new Map(), // the columns, and the row in them of each picture
  marks: [], shotOf: [], stars: [], captioned: [], // of the columns those that change
  order: [], place: new Map(), // what is shown, and where in it each picture is
  groups: null, // of look-alikes, while these are shown
  group: "", heads: null, // by what pictures are grouped, and these groups
  chosen: new Set(), current: null, anchor: null,
  filter: "", sort: "name", down: false,
  counts: {k: 0, r: 0, s: 0, ".": 0}, shotCounts: [], undo: "", redo: "",
  mode: "cull", kinds: [],
};
export const MARKS = {keep: "k", reject: "r", skip: "s", undecided: "."};
export const nameOfMark = (letter) => Object.keys(MARKS).find((name) => MARKS[name] === letter) || "undecided";

// Whoever shows something listens here: "opened", "list", "marks", "current", "chosen", "counts", "captions", "mode", "shots", "boxes", "sheet".
export const {on, tell} = teller();
export const {remember, remembered} = keeper("studio");

// The usual kinds of shots in the reader's language; what somebody has named is called so.
export const titleOf = (shot) => (isSaid(`kind_${shot.name}`) ? say(`kind_${shot.name}`) : shot.name);

// One picture.
export const nameOf = (pid) => set.pictures.name[set.row.get(pid)];
export const markOf = (pid) => set.marks[set.row.get(pid)];
export const starsOf = (pid) => set.stars[set.row.get(pid)];
export const shotOf = (pid) => set.shotOf[set.row.get(pid)];
export const sizeOf = (pid) => [set.pictures.width[set.row.get(pid)], set.pictures.height[set.row.get(pid)]];
export const isCaptioned = (pid) => set.captioned[set.row.get(pid)];
export function setCaptioned(pid, is) {
  if (set.row.has(pid)) set.captioned[set.row.get(pid)] = is;
}
export function addressOf(pid, kind) {
  const stamp = encodeURIComponent(set.pictures.stamp[set.row.get(pid)]);
  return `data/${encodeURIComponent(set.id)}/${kind}/${pid}?s=${stamp}`;
}

export function takePictures(pictures) {
  set.pictures = pictures;
  set.row = new Map(pictures.id.map((pid, row) => [pid, row]));
  set.marks = [...pictures.mark];
  set.shotOf = [...pictures.shot];
  set.stars = [...pictures.rating].map(Number);
  set.captioned = [...pictures.captioned].map((one) => one === "1");
}

// Draws marks, shots and stars: [[pid, mark, shot, stars], …].
export function apply(changed) {
  for (const [pid, mark, shot, stars] of changed) {
    const row = set.row.get(pid);
    if (row === undefined) continue;
    set.marks[row] = mark;
    set.shotOf[row] = shot;
    set.stars[row] = stars;
  }
  recount();
  tell("marks", changed.map(([pid]) => pid));
}

export function recount() {
  const counts = {k: 0, r: 0, s: 0, ".": 0};
  for (const mark of set.marks) counts[mark]++;
  set.counts = counts;
  tell("counts");
}

// Shows pictures in `order`; whoever looked at one goes on looking at it, or at what is in its place.
// `heads` are groups of them, as they stand in it.
export function takeOrder(order, heads = null) {
  set.heads = heads;
  const before = set.place.get(set.current) ?? 0;
  set.order = order;
  set.place = new Map(order.map((pid, place) => [pid, place]));
  set.chosen = new Set([...set.chosen].filter((pid) => set.place.has(pid)));
  tell("list");
  if (!set.place.has(set.current)) choose(order[Math.min(before, order.length - 1)] ?? null);
  else tell("chosen");
}

// Makes one picture the current one, and the only one that is chosen.
export function choose(pid) {
  set.anchor = pid;
  select(pid, pid === null ? [] : [pid]);
}
export function select(current, chosen) {
  set.chosen = new Set(chosen);
  const moved = set.current !== current;
  set.current = current;
  tell("chosen");
  if (moved) tell("current");
}
export function toggle(pid) {
  const chosen = new Set(set.chosen);
  if (!chosen.delete(pid)) chosen.add(pid);
  set.anchor = pid;
  select(pid, chosen.size ? chosen : [pid]);
}
// Chooses everything between the anchor and `pid`.
export function extend(pid) {
  const ends = [set.place.get(set.anchor) ?? 0, set.place.get(pid)];
  select(pid, set.order.slice(Math.min(...ends), Math.max(...ends) + 1));
}

export function setMode(mode) {
  set.mode = mode;
  remember("mode", mode);
  tell("mode");
}
