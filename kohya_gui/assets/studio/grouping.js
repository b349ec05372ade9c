// Pictures in groups by something that is known of them, each under a head: a choice beside the order.

import {set, on, at, say, titleOf, nameOfMark, markOf, shotOf, starsOf, sizeOf, isCaptioned, figure} from "./state.js";

const SIDES = [0, 512, 768, 1024]; // pixels of the shorter side from which a class begins
const MARKS_ORDER = "k.sr"; // what is kept first, what is rejected last

// For each way the key by which groups are sorted, a number, and the words for it.
const WAYS = {
  mark: [(pid) => MARKS_ORDER.indexOf(markOf(pid)), (key) => say(nameOfMark(MARKS_ORDER[key]))],
  shot: [(pid) => (shotOf(pid) < 0 ? set.shots.length : shotOf(pid)), (key) => (set.shots[key] ? titleOf(set.shots[key]) : say("group_no_shot"))],
  stars: [(pid) => -starsOf(pid), (key) => (key ? "★".repeat(-key) : say("group_no_stars"))],
  folder: [(pid) => set.pictures.folder[set.row.get(pid)], (key) => set.pictures.folders[key] || say("group_top_folder")],
  side: [
    (pid) => SIDES.findLastIndex((side) => Math.min(...sizeOf(pid)) >= side),
    (key) => (key ? say("group_side", {side: figure(SIDES[key])}) : say("group_small", {side: figure(SIDES[1])})),
  ],
  caption: [(pid) => Number(!isCaptioned(pid)), (key) => say(key ? "uncaptioned" : "captioned")],
};

// `changing` draws the pictures in other groups, "" for none; "alike" are look-alikes.
export function startGrouping(changing) {
  at("studio-group").addEventListener("change", () => changing(at("studio-group").value));
  on("opened", () => { set.group = ""; });
  on("list opened", () => { at("studio-group").value = set.groups ? "alike" : set.group; });
}

// The pictures of `order` in their groups, each in that order; null where they are in none.
export function groupsOf(order) {
  if (!WAYS[set.group]) return null;
  const [keyOf, titleOfKey] = WAYS[set.group], found = new Map();
  for (const pid of order) {
    const key = keyOf(pid);
    if (!found.has(key)) found.set(key, []);
    found.get(key).push(pid);
  }
  return [...found].sort(([one], [other]) => one - other).map(([key, pictures]) => ({title: titleOfKey(key), pictures}));
}
