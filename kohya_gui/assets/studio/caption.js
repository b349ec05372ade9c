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
const field = () => at("studio-text");

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
  field().addEventListener("input", () => {
    drafts.put(shown, isChanged() ? {text: field().value, seen, html: told} : null);
    changed();
  });
  field().addEventListener("blur", save);
  field().addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      save();
    } else if (event.key === "Escape" && !event.isComposing) {
      at("studio-grid").focus({preventScroll: true});
    }
  });
  at("studio-save").addEventListener("click", () => save());
  addEventListener("pagehide", () => {
    if (!isChanged() || told) return;
    const said = JSON.stringify({id: set.id, picture: shown, text: field().value, seen});
    navigator.sendBeacon("data/write", new Blob([said], {type: "application/json"}));
  });
}

// Puts a text into the field as if it had been typed; it is written when what is typed would be.
export function put(text) {
  if (shown === null || field().readOnly) return;
  field().value = text;
  field().dispatchEvent(new Event("input"));
}

const isChanged = () => shown !== null && field().value !== seen;

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
    if (shown === pids[0] && field().value !== seen) return; // somebody types; the file is compared when it is saved
    shown = pids[0];
    fill(answer);
  } catch (error) {
    if (mine === asked) complain(error);
  }
}

function fill(answer) {
  if (!answer) shown = null;
  seen = answer ? answer.text : "";
  if (field().value !== seen) field().value = seen;
  at("studio-saved").textContent = "";
  describe(answer, false);
  const draft = answer && drafts.get(shown);
  if (draft && draft.text === seen) drafts.put(shown, null);
  else if (draft) {
    field().value = draft.text;
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
  field().readOnly = Boolean(answer && answer.conflict && !written); // a caption that cannot be read would be lost
  if (field().readOnly) at("studio-conflict").innerHTML = answer.conflict;
  changed();
}

function changed() {
  const differs = isChanged();
  at("studio-save").disabled = !differs;
  if (differs) at("studio-saved").textContent = say("caption_unsaved");
  else if (at("studio-saved").textContent === say("caption_unsaved")) at("studio-saved").textContent = "";
}

// Writes what was typed, unless nothing was; the file is left alone where it has changed since it was read.
async function save() {
  const picture = shown, text = field().value;
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
  const typed = field().value;
  drafts.put(picture, answer.conflict || typed !== text ? {text: typed, seen: answer.conflict ? before : answer.text, html: answer.conflict} : null);
  if (!answer.conflict) {
    seen = answer.text;
    if (typed === text && typed !== seen) field().value = seen;
  }
  describe(answer, true);
  if (!answer.conflict && field().value === seen) at("studio-saved").textContent = say("caption_saved", {file: answer.file});
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
    button({className: "small", onclick: () => settle(field().value, text)}, say("conflict_mine"))));
}
function settle(text, fileText) {
  told = "";
  at("studio-conflict").replaceChildren();
  seen = fileText;
  field().value = text;
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
