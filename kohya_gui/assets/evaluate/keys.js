// The keys, and the buttons that do the same.

import {at} from "./elements.js";
import {isPlain, nameOfKey} from "./key_names.js";
import {holdCell, moved} from "./cells.js";
import {closeLarge, holdLarge, isLarge, onTurn, openLarge, toggleWipe} from "./large.js";
import {grid, toggleBlind, togglePin} from "./state.js";

const KEYS = {open: "Enter", back: "Escape", without: "B", wipe: "W", pin: "P", good: "1", bad: "2", none: "0", blind: "H", help: "?"};
const SHOWN = {open: "↵", back: "Esc", moves: "← → ↑ ↓"};
const shownOf = (act) => SHOWN[act] || KEYS[act];

// `acts` has what the keys do that are not about looking, by name.
export function startKeys(acts) {
  const doing = {
    open: openLarge, back: closeLarge, wipe: toggleWipe, pin: togglePin, blind: toggleBlind, help: () => at("evaluate-keys").showModal(), ...acts,
  };
  const offered = (act) => act === "without" || act in doing;
  for (const one of document.querySelectorAll("#evaluate [data-do] > kbd")) one.textContent = shownOf(one.parentElement.dataset.do);
  for (const one of document.querySelectorAll("#evaluate [data-key]")) {
    one.textContent = shownOf(one.dataset.key);
    one.parentElement.hidden = one.dataset.key !== "moves" && !offered(one.dataset.key);
  }
  for (const one of document.querySelectorAll("#evaluate [data-do]")) one.hidden = !offered(one.dataset.do);
  onTurn(moved);
  const isSeen = () => Boolean(grid.id) && at("evaluate-work").offsetParent !== null;
  document.addEventListener("keydown", (event) => {
    if (!isSeen() || at("evaluate-keys").open || !isPlain(event) || event.target.closest("input, select, textarea, dialog")) return;
    const act = Object.keys(KEYS).find((name) => KEYS[name] === nameOfKey(event));
    if (act === "open" && event.target.closest("button")) return; // that button is pressed
    if (act === "without") hold(true);
    else if (!(act && doing[act] && !event.repeat ? (doing[act](), true) : moved(event.key))) return;
    event.preventDefault();
  });
  document.addEventListener("keyup", (event) => nameOfKey(event).split("+").pop() === KEYS.without && hold(false));
  addEventListener("blur", () => hold(false));
  at("evaluate").addEventListener("click", (event) => {
    const act = event.target.closest("[data-do]")?.dataset.do, turn = event.target.closest("[data-turn]");
    if (doing[act]) doing[act]();
    if (turn) moved(turn.dataset.turn > 0 ? "ArrowRight" : "ArrowLeft");
    if (event.target === at("evaluate-keys") || event.target.closest("[data-shut]")) at("evaluate-keys").close();
  });
  at("evaluate").addEventListener("pointerdown", (event) => {
    if (!event.target.closest("[data-do=without]")) return;
    hold(true);
    for (const end of ["pointerup", "pointercancel"]) document.addEventListener(end, () => hold(false), {once: true});
  });
  at("evaluate").addEventListener("contextmenu", (event) => event.target.closest("[data-do=without]") && event.preventDefault());
}

function hold(is) {
  if (isLarge()) holdLarge(is);
  else holdCell(is);
  if (!is) { holdLarge(false); holdCell(false); }
}
