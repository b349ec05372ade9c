// Pictures that are dropped on or pasted into the tab: sent to the dataset's own folder as new files, named by date.

import {set, at, say, choose} from "./state.js";
import {ask, complain, list} from "./asking.js";
import {reveal} from "./grid.js";

const FOLDER = {name: "added", repeats: 1};
let sends = false;
const isOpen = () => set.id && at("studio").offsetParent && !at("studio-work").hidden && !document.querySelector("dialog[open]");
const hasFiles = (transfer) => [...(transfer?.types || [])].includes("Files");

export function startArriving() {
  document.addEventListener("drop", (event) => {
    if (!isOpen() || !hasFiles(event.dataTransfer)) return;
    event.preventDefault();
    event.stopPropagation();
    document.body.classList.remove("dropping");
    take(event.dataTransfer);
  }, true);
  document.addEventListener("paste", (event) => {
    if (!isOpen() || !hasFiles(event.clipboardData)) return;
    event.preventDefault();
    take(event.clipboardData);
  });
}

async function take(transfer) {
  if (sends) return;
  sends = true;
  try {
    const files = dated(await crucible.filesOf(transfer)), id = set.id; // what a transfer holds is gone after the event
    at("studio-about").textContent = say("adding", {count: files.length});
    const {folder} = await ask("place");
    const ended = await crucible.transfer(files, {...FOLDER, into: folder});
    if (ended.error) return crucible.toast(ended.error);
    const answer = await ask("added", {id});
    if (id !== set.id) return;
    set.sources = answer.sources;
    await list({anew: true});
    const seen = answer.new.find((pid) => set.place.has(pid));
    if (seen !== undefined) {
      choose(seen);
      reveal(seen, "center");
    }
    crucible.toast(answer.new.length ? say("added", {count: answer.new.length}) : ended.html, answer.new.length > 0);
  } catch (error) {
    complain(error);
  } finally {
    sends = false;
  }
}

// Files by the date, a caption by that of its picture; a zip keeps its name.
function dated(files) {
  const now = new Date(), two = (number) => String(number).padStart(2, "0");
  const day = [now.getFullYear(), two(now.getMonth() + 1), two(now.getDate())].join("-");
  const time = [now.getHours(), now.getMinutes(), now.getSeconds()].map(two).join("");
  const stems = new Map();
  return files.map(([path, file]) => {
    const [, stem, ending] = /^(.*?)(\.[^./]+)?$/s.exec(path);
    if (!stems.has(stem)) stems.set(stem, stems.size + 1);
    return /^\.zip$/i.test(ending) ? [path, file] : [`${day} ${time} ${two(stems.get(stem))}${(ending ?? "").toLowerCase()}`, file];
  });
}
