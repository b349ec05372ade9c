// What is asked of the server (server/studio/): questions at any time, acts one after the other, drawn before they are answered.

import {set, at, apply, say, takeOrder, takePictures, tell, markOf, shotOf, starsOf, recount} from "./state.js";
import {groupsOf} from "./grouping.js";

const SOON = 180, AGAIN = 4000, WATCH = 3000; // milliseconds after a key, in which the same complaint isn't repeated, between two looks
let waiting = []; // acts that are not answered yet
let trusted = true; // whether the columns are as the server has them; what a change to captions made of them is not known here
let line = Promise.resolve(), asked = 0, timer = 0, lastSaid = "", lastTime = 0;

// What is refused, as HTML from the server.
export class Refusal extends Error {
  constructor(html) {
    super(html);
    this.html = html;
  }
}

export const ask = (what, body = {}) => post(what, {id: set.id, ...body});
export async function post(what, body) {
  const answer = await crucible.post(`data/${what}`, body).catch((error) => {
    throw error instanceof TypeError ? new Error(say("away")) : error; // nobody listens
  });
  if (answer.error) throw new Refusal(answer.error);
  return answer;
}

export function complain(error) {
  const words = error.html ?? error.message;
  if (words === lastSaid && Date.now() - lastTime < AGAIN) return;
  [lastSaid, lastTime] = [words, Date.now()];
  crucible.toast(words, error.html === undefined);
}

// Does `what` once everything before it is done, and resolves to the answer, or null where it was refused. `before` is how the
// pictures were drawn until now, and are drawn again if it is. `body` may be a function, called when it is sent.
export function act(what, body = {}, before = []) {
  const mine = {pictures: before.map(([pid]) => pid), id: set.id};
  waiting.push(mine);
  const done = line.then(async () => {
    try {
      const answer = await ask(what, {id: mine.id, ...(typeof body === "function" ? body() : body)});
      answered(mine);
      if (mine.id === set.id) take(answer);
      return answer;
    } catch (error) {
      answered(mine);
      if (mine.id === set.id) apply(still(before));
      complain(error);
      return null;
    }
  });
  line = done;
  return done;
}

// Another dataset may have been opened meanwhile, for which other acts wait.
function answered(mine) {
  waiting = waiting.filter((one) => one !== mine);
}

// Resolves when everything that was done so far has been answered.
export const settled = () => line;

// Those of `changed` that nothing which waits will change again.
function still(changed) {
  const later = new Set(waiting.flatMap((one) => one.pictures));
  return changed.filter(([pid]) => !later.has(pid));
}

function take(answer) {
  set.last = answer.last ?? set.last;
  set.revision = answer.revision ?? set.revision;
  if (answer.captions && answer.captions.length > 1) trusted = false;
  if (answer.left) crucible.toast(answer.left);
  if (answer.undo !== undefined) set.undo = answer.undo;
  if (answer.redo !== undefined) set.redo = answer.redo;
  if (answer.shots && typeof answer.shots[0] === "number") set.shotCounts = answer.shots;
  if (answer.changed) apply(still(answer.changed));
  else tell("counts");
  const differs = answer.counts && Object.keys(set.counts).some((mark) => set.counts[mark] !== (answer.counts[mark] ?? 0));
  if (differs && !waiting.length) list({anew: true}); // another window has marked pictures as well
}

const asDrawn = (pids) => pids.map((pid) => [pid, markOf(pid), shotOf(pid), starsOf(pid)]);

// Marks pictures; drawn at once.
export function mark(pids, letter) {
  const before = asDrawn(pids);
  apply(before.map(([pid, , shot, stars]) => [pid, letter, shot, stars]));
  return act("mark", {pictures: pids, mark: letter}, before);
}
// Gives pictures a type of shot; the one that all have is taken away.
export function shoot(pids, index) {
  const before = asDrawn(pids);
  const shot = before.every(([, , had]) => had === index) ? -1 : index;
  apply(before.map(([pid, letter, , stars]) => [pid, letter, shot, stars]));
  return act("mark", {pictures: pids, shot}, before);
}
// Gives pictures so many stars; those that all have are taken away.
export function rate(pids, stars) {
  const before = asDrawn(pids);
  const rating = before.every(([, , , had]) => had === stars) ? 0 : stars;
  apply(before.map(([pid, letter, shot]) => [pid, letter, shot, rating]));
  return act("mark", {pictures: pids, rating}, before);
}

// Asks which pictures fit the filter, in their order; `anew` where the columns that are known cannot be trusted.
export async function list({anew = false} = {}) {
  clearTimeout(timer);
  const mine = ++asked, {id, filter, sort, down} = set;
  await line;
  try {
    const answer = await ask("list", {filter, sort, down, revision: anew || !trusted ? null : set.revision});
    if (mine !== asked || id !== set.id) return;
    set.revision = answer.revision;
    set.last = answer.last;
    if (answer.pictures) {
      trusted = true;
      takePictures(answer.pictures);
      recount();
      if (set.groups) tell("marks", set.order); // which stay in their groups
    }
    if (!set.groups && (!answer.bad || !set.order.length)) takeInGroups(answer.order);
    tell("listed", answer.bad);
  } catch (error) {
    if (mine === asked) complain(error);
  }
}
function takeInGroups(order) {
  const heads = groupsOf(order);
  takeOrder(heads ? heads.flatMap((one) => one.pictures) : order, heads);
}
export function listSoon() {
  clearTimeout(timer);
  timer = setTimeout(list, SOON);
}

// Looks now and then, and when somebody comes back, whether another window, or a tool, has changed something.
export function startWatching() {
  const look = async () => {
    const {id, last} = set;
    if (!id || last === null || waiting.length || document.visibilityState !== "visible" || !at("studio-work").offsetParent) return;
    try {
      const answer = await ask("pulse");
      if (id !== set.id || waiting.length || last !== set.last || answer.last === last) return;
      await list({anew: true});
      tell("captions", null);
    } catch {
      // whoever does something is told that nobody listens
    }
  };
  setInterval(look, WATCH);
  addEventListener("focus", look);
  document.addEventListener("visibilitychange", look);
}

// Opens a folder, a zip or a dataset that is known, and says whether it did; not if it is no longer `wanted` by then.
// Throws what is refused.
export async function open(what, wanted) {
  await line;
  const answer = await post("open", what);
  if (!wanted()) return false;
  asked++;
  waiting = [];
  Object.assign(set, {
    id: answer.id, name: answer.name, count: answer.count, sources: answer.sources, shots: answer.shots, kinds: answer.kinds,
    tagger: answer.tagger, listed: answer.listed, revision: null, last: null,
    filter: "", chosen: new Set(), current: null, anchor: null, order: [], place: new Map(), groups: null, undo: "", redo: "",
  });
  tell("opened");
  if (answer.finished) crucible.toast(say("finished", {what: answer.finished}), true);
  if (answer.skipped) crucible.toast(say("skipped", {count: answer.skipped, names: answer.skipped_names}), true);
  await list();
  return true;
}
