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
    const {groups, measured} = await ask("groups");
    if (id !== set.id) return;
    const first = (group) => [group.best, ...group.pictures.filter((pid) => pid !== group.best)];
    const known = groups.map((group) => ({...group, pictures: first(group).filter((pid) => set.row.has(pid))}));
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

// Rejects all but the best of each group; what was kept by hand stays.
export function keepBest(groups) {
  const pids = groups.flatMap((group) => group.pictures.filter((pid) => pid !== group.best && markOf(pid) !== "k"));
  if (pids.length) mark(pids, "r");
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
