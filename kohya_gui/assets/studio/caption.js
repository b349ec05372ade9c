// The caption of the chosen picture, edited in place; of several pictures the tags that they have.

import {set, on, at, say, made, button, figure, tell, addressOf, nameOf, remember, remembered, setCaptioned} from "./state.js";
import {act, ask, complain} from "./asking.js";

const SOON = 120, MOST_DRAFTS = 200; // milliseconds on a picture until its caption is asked for
let shown = null, seen = "", timer = 0, asked = 0; // whose caption is in the field, and its text as the file has it
let anewSoon = false, told = "", removeTag = () => {}; // why the file was not written, as HTML
// What was typed and is not in its file yet, by dataset and picture; kept by the browser until it is written.
const drafts = {
  name: (pid) => `${set.id}/${pid}`,
  get: (pid) => remembered("drafts", {})[drafts.name(pid)],
  put(pid, draft) {
    const {[drafts.name(pid)]: _, ...others} = remembered("drafts", {});
    remember("drafts", Object.fromEntries([...Object.entries(others).slice(1 - MOST_DRAFTS), ...(draft ? [[drafts.name(pid), draft]] : [])]));
  },
};
const field = () => at("studio-text"), sentence = () => at("studio-sentence");
let blankLines = ""; // behind the only line that says something, which stay as they are
export const isApart = () => !sentence().hidden;
// The caption that the fields show: where they are two, the sentence is all that follows the first line.
export const typed = () => field().value + (!isApart() ? "" : sentence().value ? `\n${sentence().value}` : blankLines);
function show(text) {
  const [first, ...others] = text.split("\n");
  blankLines = others.some(Boolean) ? "" : "\n".repeat(others.length);
  field().value = isApart() ? first : text;
  sentence().value = isApart() && !blankLines ? others.join("\n") : "";
}

// `removing` opens the change that takes a tag out of the chosen pictures.
export function startCaption(removing) {
  removeTag = removing;
  on("current chosen", () => {
    if (shown !== null && (set.current !== shown || set.chosen.size > 1)) leave();
    soon(SOON);
  });
  on("mode", () => soon(0));
  on("captions", (pids) => { if (!pids || set.chosen.size > 1 || pids.includes(shown)) soon(0, true); });
  on("opened", () => fill(null));
  for (const one of [field(), sentence()]) {
    one.addEventListener("input", () => {
      drafts.put(shown, isChanged() ? {text: typed(), seen, html: told} : null);
      changed();
    });
    one.addEventListener("blur", save);
    one.addEventListener("keydown", key);
  }
  at("studio-apart-on").checked = remembered("apart", false);
  sentence().hidden = !at("studio-apart-on").checked;
  at("studio-apart-on").addEventListener("change", () => {
    const text = typed();
    sentence().hidden = !at("studio-apart-on").checked;
    remember("apart", isApart());
    show(text);
  });
  at("studio-beside").addEventListener("click", () => put(`${typed().split("\n")[0]}\n${at("studio-beside").dataset.text}`));
  at("studio-save").addEventListener("click", () => save());
  addEventListener("pagehide", () => {
    if (!isChanged() || told) return;
    const said = JSON.stringify({id: set.id, picture: shown, text: typed(), seen});
    navigator.sendBeacon("data/write", new Blob([said], {type: "application/json"}));
  });
}

function key(event) {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    save();
  } else if (event.key === "Escape" && !event.isComposing) {
    at("studio-grid").focus({preventScroll: true});
  }
}

// Puts a text into the field as if it had been typed; it is written when what is typed would be.
export function put(text) {
  if (shown === null || field().readOnly) return;
  show(text);
  field().dispatchEvent(new Event("input"));
}

const isChanged = () => shown !== null && typed() !== seen;

// Another picture is chosen: what was typed is written, or kept until somebody comes back where it cannot be.
function leave() {
  if (!told) save();
}

export async function edit() {
  if (set.chosen.size > 1 || set.current === null) return;
  await look();
  field().focus();
}

function soon(wait, anew) {
  clearTimeout(timer);
  anewSoon ||= Boolean(anew);
  if (set.mode === "captions") timer = setTimeout(() => look(anewSoon), wait);
}

async function look(anew = false) {
  clearTimeout(timer);
  anewSoon = false;
  if (set.mode !== "captions" || !set.id) return;
  const mine = ++asked, pids = [...set.chosen], one = pids.length === 1;
  at("studio-caption-one").hidden = !one;
  at("studio-caption-many").hidden = pids.length < 2;
  at("studio-caption-none").hidden = pids.length > 0;
  if (!pids.length) return fill(null);
  if (one && shown === pids[0] && !anew) return;
  try {
    const answer = await ask("caption", {pictures: pids});
    if (mine !== asked) return;
    if (!one) return drawTags(answer.tags, pids.length);
    if (shown === pids[0] && typed() !== seen) return; // somebody types; the file is compared when it is saved
    shown = pids[0];
    fill(answer);
  } catch (error) {
    if (mine === asked) complain(error);
  }
}

function fill(answer) {
  if (!answer) shown = null;
  seen = answer ? answer.text : "";
  if (typed() !== seen) show(seen);
  at("studio-saved").textContent = "";
  describe(answer, false);
  const draft = answer && drafts.get(shown);
  if (draft && draft.text === seen) drafts.put(shown, null);
  else if (draft) {
    show(draft.text);
    if (draft.seen !== seen) conflict(draft.html || made("div", {}, say("draft_kept")).outerHTML, seen);
    changed();
  }
  const image = at("studio-preview").firstElementChild, address = answer ? addressOf(shown, "full") : "";
  if (image.getAttribute("src") !== address) {
    image.alt = answer ? nameOf(shown) : "";
    image.removeAttribute("src"); // else the picture before would be seen until this one is there
    if (address) image.src = address;
  }
}

// What there is to say of a caption; the field stays as it is. `written`: the answer to what was written, which may be refused.
function describe(answer, written) {
  if (answer) setCaptioned(shown, Boolean(answer.text.trim()));
  at("studio-caption-file").textContent = answer ? answer.file : "";
  at("studio-tokens").textContent = answer ? say("tokens", {tokens: answer.tokens, limit: answer.limit}) : "";
  at("studio-tokens").classList.toggle("over", Boolean(answer) && answer.tokens > answer.limit);
  at("studio-over").hidden = !answer || !answer.over;
  at("studio-over").textContent = answer && answer.over ? say("falls_off", {words: answer.over}) : "";
  at("studio-lint").innerHTML = answer ? answer.lint || "" : "";
  if (written && answer.conflict) conflict(answer.conflict, answer.text);
  else conflict("", "");
  drawBeside(answer);
  field().readOnly = sentence().readOnly = Boolean(answer && answer.conflict && !written); // a caption that cannot be read would be lost
  if (field().readOnly) at("studio-conflict").innerHTML = answer.conflict;
  changed();
}

// A second caption file, which other programs have left beside the first.
function drawBeside(answer) {
  const [file, text] = answer?.beside ?? [], place = at("studio-beside");
  place.dataset.text = text ?? "";
  place.textContent = text ? say("sentence_beside", {file}) : "";
  place.title = text ?? "";
}

function changed() {
  const differs = isChanged(), beside = at("studio-beside");
  beside.hidden = !beside.dataset.text || typed().split("\n").slice(1).join(" ").includes(beside.dataset.text);
  at("studio-save").disabled = !differs;
  if (differs) at("studio-saved").textContent = say("caption_unsaved");
  else if (at("studio-saved").textContent === say("caption_unsaved")) at("studio-saved").textContent = "";
}

// Writes what was typed, unless nothing was; the file is left alone where it has changed since it was read.
async function save() {
  const picture = shown, text = typed();
  if (!isChanged() || told) return;
  const before = seen;
  seen = text;
  changed();
  const answer = await act("write", {picture, text, seen: before});
  if (!answer) {
    if (shown === picture) { seen = before; changed(); }
    return;
  }
  setCaptioned(picture, Boolean(answer.text.trim()));
  tell("captions", []);
  if (shown !== picture) {
    if (answer.conflict) crucible.toast(answer.conflict);
    drafts.put(picture, answer.conflict ? {text, seen: before, html: answer.conflict} : null);
    return;
  }
  const now = typed();
  drafts.put(picture, answer.conflict || now !== text ? {text: now, seen: answer.conflict ? before : answer.text, html: answer.conflict} : null);
  if (!answer.conflict) {
    seen = answer.text;
    if (now === text && now !== seen) show(seen);
  }
  describe(answer, true);
  if (!answer.conflict && typed() === seen) at("studio-saved").textContent = say("caption_saved", {file: answer.file});
}

// The file was changed by someone else: nothing is written until somebody has said whose words count.
function conflict(html, text) {
  const place = at("studio-conflict");
  place.innerHTML = html || "";
  told = html || "";
  if (!html) return;
  place.append(made("pre", {}, text || say("empty_caption"))); // what the file says now
  place.append(made("div", {className: "line"},
    button({className: "small", onclick: () => settle(text, text)}, say("conflict_theirs")),
    button({className: "small", onclick: () => settle(typed(), text)}, say("conflict_mine"))));
}
function settle(text, fileText) {
  told = "";
  at("studio-conflict").replaceChildren();
  seen = fileText;
  show(text);
  changed();
  save();
}

function drawTags(tags, count) {
  shown = null;
  at("studio-caption-file").textContent = "";
  at("studio-caption-many").replaceChildren(
    made("p", {className: "soft"}, say("several", {count})),
    ...tags.map(([tag, many]) => made("div", {className: "of-several"}, made("span", {}, tag), made("b", {}, `${figure(many)} / ${figure(count)}`),
      button({className: "icon", title: say("several_remove", {tag}), ariaLabel: say("several_remove", {tag}), onclick: () => removeTag(tag)}, "✕"))),
  );
}
