// The table of the export's dialog: which folders it would write, how often each is repeated, and so how much it weighs.

import {set, at, say, made, figure} from "./state.js";
import {ask} from "./asking.js";

const SOON = 300; // milliseconds after a key
let own = {}, owner = "", asked = 0, timer = 0;
// Repeats that somebody has typed, by folder.
export const ownRepeats = () => (owner === set.id ? own : {});

// `wanted` is what the export would be asked for.
export function weighSoon(wanted, wait = SOON) {
  clearTimeout(timer);
  timer = setTimeout(look, wait, wanted);
}

async function look(wanted) {
  const mine = ++asked;
  let folders = [];
  try {
    ({folders} = await ask("balance", wanted()));
  } catch {
    // what cannot be is told when it is to be written
  }
  if (mine !== asked) return;
  draw(folders, wanted);
  if (folders.length < 2) return;
  const all = folders.reduce((sum, [use, , pictures, repeats]) => sum + (use === "train" ? pictures * repeats : 0), 0);
  at("studio-export-sum").hidden = false;
  at("studio-export-sum").textContent = say("export_all", {all});
}

function draw(folders, wanted) {
  const place = at("studio-export-folders"), isOwn = wanted().by_folder;
  place.hidden = folders.length < 2;
  if (place.hidden || place.contains(document.activeElement)) return weigh(place, folders);
  place.replaceChildren(
    made("tr", {}, ...["name", "pictures", "repeats", "all"].map((name) => made("th", {}, say(`balance_${name}`)))),
    ...folders.map(([use, name, pictures, repeats, words]) => made("tr", {data: {pictures, use}},
      made("td", {}, name, " ", made("small", {}, words)), made("td", {}, figure(pictures)),
      made("td", {}, isOwn && use === "train" ? field(name, repeats, wanted) : figure(repeats)), made("td", {}))),
  );
  weigh(place, folders);
}

function field(name, repeats, wanted) {
  const input = made("input", {type: "number", min: 1, max: 10000, step: 1, value: repeats, ariaLabel: `${say("balance_repeats")}: ${name}`});
  input.addEventListener("input", () => {
    if (owner !== set.id) [owner, own] = [set.id, {}];
    own[name] = Math.trunc(Number(input.value)) || 1;
    weighSoon(wanted);
  });
  return input;
}

// The last column: pictures times repeats.
function weigh(place, folders) {
  [...place.rows].slice(1).forEach((row, number) => {
    if (folders[number]) row.cells[3].textContent = figure(folders[number][2] * folders[number][3]);
  });
}
