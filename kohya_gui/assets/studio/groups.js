// Look-alikes: the grid shows pictures in groups, each with its best one first.

import {set, on, at, say, button, made, takeOrder, tell, markOf} from "./state.js";
import {ask, complain, mark} from "./asking.js";

const EVERY = 1500; // milliseconds between two looks, while pictures are measured and none is known to look like another
let timer = 0;

export function startGroups() {
  on("opened", () => draw());
}

export async function showGroups() {
  clearTimeout(timer);
  const id = set.id;
  try {
    const {filter} = set;
    const {groups, measured} = await ask("groups", {filter});
    if (id !== set.id || filter !== set.filter) return;
    const known = groups.map(({kind, pictures}) => {
      const there = pictures.filter((pid) => set.row.has(pid));
      return {kind, pictures: there, get best() { return bestOf(there); }};
    });
    set.groups = known.filter((group) => group.pictures.length > 1);
    draw(measured);
    takeOrder(set.groups.flatMap((group) => group.pictures));
    tell("chosen");
    if (!set.groups.length && measured[0] < measured[1]) timer = setTimeout(() => set.groups && showGroups(), EVERY);
  } catch (error) {
    complain(error);
  }
}

export function leaveGroups() {
  set.groups = null;
  draw();
}

// Of a group, the best ones first: one that somebody keeps, else one about which nothing is decided.
function bestOf(pids) {
  return pids.find((pid) => markOf(pid) === "k") ?? pids.find((pid) => markOf(pid) === ".") ?? pids[0];
}

// Rejects all but the best of each group; what was kept by hand stays, and nothing goes for one that is not wanted itself.
export function keepBest(groups) {
  const pids = groups.filter(({best}) => "k.".includes(markOf(best))).flatMap(({best, pictures}) =>
    pictures.filter((pid) => pid !== best && !"kr".includes(markOf(pid))));
  if (pids.length) mark([...new Set(pids)], "r");
}

function draw(measured = [0, 0]) {
  const place = at("studio-groups");
  place.hidden = !set.groups;
  if (!set.groups) return place.replaceChildren();
  const same = set.groups.filter((group) => group.kind === "same");
  place.replaceChildren(
    made("b", {}, say("alike")),
    ...(measured[0] < measured[1] ? [button({className: "small", onclick: showGroups}, say("measured", {done: measured[0], all: measured[1]}), " ↻")] : []),
    ...(same.length ? [button({className: "small", onclick: () => keepBest(same)}, say("group_all"))] : []),
    button({className: "small", data: {do: "alike"}}, say("alike_back")),
  );
  if (set.groups.length) return;
  const [done, all] = measured;
  at("studio-none").textContent = done < all ? say("alike_wait", {done, all}) : say("alike_none");
}
