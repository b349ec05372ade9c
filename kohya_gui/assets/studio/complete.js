// Tags to complete what is typed in a field with data-complete: arrows choose, Tab or Enter take, Esc closes.
// "line" puts a comma behind what is taken.

import {set, say, made, figure} from "./state.js";
import {ask} from "./asking.js";

const SOON = 90, LONGEST = 40; // milliseconds after a key; letters of a tag, more are a sentence
const BREAK = /[,，、\n]/;
let field = null, offers = [], chosen = -1, asked = 0, timer = 0, list = null;

export function startComplete() {
  list = made("div", {id: "studio-complete", hidden: true});
  list.setAttribute("role", "listbox");
  document.getElementById("studio").append(list);
  document.addEventListener("input", typed);
  document.addEventListener("keydown", pressed, true); // before the field's own keys
  document.addEventListener("focusout", close);
  document.addEventListener("scroll", (event) => { if (field && event.target !== list) close(); }, true);
  document.addEventListener("selectionchange", () => { if (field && document.activeElement === field && !wanted(field)) close(); });
  list.addEventListener("pointerdown", (event) => event.preventDefault()); // the field keeps the focus
  list.addEventListener("click", (event) => {
    const one = event.target.closest("[data-number]");
    if (one) take(Number(one.dataset.number));
  });
}

function typed(event) {
  if (!event.target.matches?.("[data-complete]")) return;
  clearTimeout(timer);
  if (event.isComposing || event.target.readOnly || !wanted(event.target)) return close();
  timer = setTimeout(look, SOON, event.target);
}

// The letters of the tag before the caret, and where they begin; null where none is being typed.
function wanted(one) {
  if (one.selectionStart !== one.selectionEnd) return null;
  const before = one.value.slice(0, one.selectionStart), start = before.length - before.split(BREAK).pop().trimStart().length;
  const letters = before.slice(start);
  return letters && letters.length <= LONGEST ? {letters, start} : null;
}

async function look(one) {
  const mine = ++asked, word = wanted(one);
  if (!word || !set.id) return close();
  try {
    const answer = await ask("complete", {letters: word.letters});
    if (mine !== asked || document.activeElement !== one || wanted(one)?.letters !== word.letters) return;
    const there = new Set(one.value.split(BREAK).map((tag) => tag.trim().toLowerCase())); // with what is being typed
    offers = answer.offers.filter(([tag]) => !there.has(tag.toLowerCase()));
    if (!offers.length) return close();
    field = one;
    chosen = -1;
    draw(word.start);
  } catch {
    close(); // without offers people type as before
  }
}

function draw(start) {
  (field.closest("dialog") || document.getElementById("studio")).append(list); // nothing can lie over a dialog that is not in it
  list.replaceChildren(...offers.map(([tag, here, there, alias, category], number) => {
    const row = made("div", {id: `studio-complete-${number}`, className: "offer", data: {number, category}},
      made("span", {}, ...(alias ? [made("i", {}, `${alias} → `)] : []), tag), made("small", {}, say(`category_${category}`)),
      made("b", {className: here ? "here" : ""}, figure(here || there || "")));
    row.setAttribute("role", "option");
    return row;
  }));
  list.hidden = false;
  const place = caret(field, start), height = list.offsetHeight;
  const below = place.bottom + height + 6 < innerHeight || place.top < height + 6;
  list.style.top = `${below ? place.bottom + 3 : place.top - height - 3}px`;
  list.style.left = `${Math.max(6, Math.min(place.left, innerWidth - list.offsetWidth - 6))}px`;
  field.setAttribute("aria-controls", list.id);
  choose(-1);
}

// Where the letter at `start` of a field is in the window: a copy of the field is laid out as it is, up to that letter.
function caret(one, start) {
  const box = one.getBoundingClientRect();
  if (one.tagName !== "TEXTAREA") return {left: box.left, top: box.top, bottom: box.bottom};
  const style = getComputedStyle(one), mark = made("span", {}, "."), copy = made("div", {}, one.value.slice(0, start), mark);
  for (const name of ["font", "letterSpacing", "padding", "border", "boxSizing", "wordSpacing", "tabSize"]) copy.style[name] = style[name];
  Object.assign(copy.style, {position: "fixed", visibility: "hidden", whiteSpace: "pre-wrap", overflowWrap: "break-word", width: `${one.clientWidth}px`, left: 0, top: 0});
  document.body.append(copy);
  const [inside, whole] = [mark.getBoundingClientRect(), copy.getBoundingClientRect()];
  copy.remove();
  const top = Math.max(box.top, Math.min(box.bottom - inside.height, box.top + inside.top - whole.top - one.scrollTop));
  return {left: box.left + inside.left - whole.left, top, bottom: top + inside.height};
}

function choose(number) {
  chosen = number;
  [...list.children].forEach((row, place) => row.setAttribute("aria-selected", place === number));
  if (number >= 0) list.children[number].scrollIntoView({block: "nearest"});
  if (number >= 0) field.setAttribute("aria-activedescendant", list.children[number].id);
  else field.removeAttribute("aria-activedescendant");
}

function pressed(event) {
  if (!field || event.target !== field || event.isComposing) return;
  const plain = !event.ctrlKey && !event.metaKey && !event.altKey && !event.shiftKey;
  if (!plain) return event.key === "Enter" ? close() : undefined;
  const last = offers.length - 1;
  const doing = {
    ArrowDown: () => choose(chosen >= last ? -1 : chosen + 1), ArrowUp: () => choose(chosen < 0 ? last : chosen - 1),
    Tab: () => take(Math.max(0, chosen)), Escape: close, ...(chosen >= 0 ? {Enter: () => take(chosen)} : {}),
  }[event.key];
  if (!doing) return;
  event.preventDefault();
  event.stopPropagation();
  doing();
}

function take(number) {
  const word = wanted(field), behind = field.value.slice(field.selectionStart);
  if (!word) return close();
  const comma = field.dataset.complete === "line" && !/^\s*[,，、]/.test(behind) ? ", " : "";
  field.setSelectionRange(word.start, field.selectionStart);
  const text = offers[number][0] + comma;
  // so that the browser's own undo knows of it
  if (!document.execCommand("insertText", false, text)) {
    field.setRangeText(text, word.start, field.selectionEnd, "end");
    field.dispatchEvent(new Event("input", {bubbles: true}));
  }
  close();
}

function close() {
  clearTimeout(timer);
  asked++;
  if (field) field.removeAttribute("aria-activedescendant");
  field = null;
  list.hidden = true;
}
