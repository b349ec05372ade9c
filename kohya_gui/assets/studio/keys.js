// The keys: which does what, the sheet that lists them, and how one is changed.

import {set, at, say, made, button, remember, remembered, on, titleOf} from "./state.js";
import {nameOfKey, isPlain} from "./key_names.js";

const SHOTS = [1, 2, 3, 4, 5, 6];
// Acts by name, with the key that each has until somebody changes it. Letters mean the key, with Shift or without it.
const USUAL = {
  keep: "K", reject: "R", skip: "S", undecided: "U", ...Object.fromEntries(SHOTS.map((one) => [`shot${one}`, String(one)])),
  undo: "Z", redo: "Shift+Z", view: "Enter", compare: "C", zoom: "Space", alike: "D", filter: "/", caption: "E", better: "+", worse: "-", help: "?",
};
const FIXED = /^(Shift\+)?(Arrow\w+|Page\w+|Home|End|Tab|Escape)$/;
const NO_KEYS = ["Shift", "Control", "Alt", "Meta", "CapsLock", "Dead", "Unidentified"];
const SHOWN = {Enter: "↵", Backspace: "⌫", Delete: "Del"};
let own = {}, asking = null; // acts with another key; the act that gets the next one

export const keyOf = (act) => own[act] ?? USUAL[act];
export const actOf = (key) => Object.keys(USUAL).find((act) => keyOf(act) === key);
export const shownKey = (key) => (key === "+" ? key : key.split("+").map((one) => SHOWN[one] || one).join(" "));

export function startKeys() {
  const kept = remembered("keys", {});
  own = Object.fromEntries(Object.entries(kept).filter(([act, key]) => act in USUAL && typeof key === "string" && !FIXED.test(key)));
  at("studio-keys").addEventListener("click", clicked);
  at("studio-keys").addEventListener("keydown", pressed);
  at("studio-keys-default").addEventListener("click", () => take({}));
  on("opened shots", write);
  write();
}

export function showKeys() {
  asking = null;
  at("studio-keys-refused").textContent = "";
  drawSheet();
  at("studio-keys").showModal();
}
export const areShown = () => at("studio-keys").open;

function take(keys) {
  own = keys;
  remember("keys", own);
  asking = null;
  at("studio-keys-refused").textContent = "";
  write();
  drawSheet();
}

// Writes the keys on the buttons that do the same.
function write() {
  for (const one of document.querySelectorAll("#studio [data-do] > kbd:first-child")) {
    one.textContent = shownKey(keyOf(one.closest("[data-do]").dataset.do));
  }
  for (const one of document.querySelectorAll("#studio .acts .shots")) {
    one.querySelector("[data-first]").textContent = shownKey(keyOf("shot1"));
    one.querySelector("[data-last]").textContent = shownKey(keyOf(`shot${Math.max(1, Math.min(6, set.shots.length || 6))}`));
  }
  const said = say("step_cull_help", Object.fromEntries(["keep", "reject", "help"].map((act) => [act, shownKey(keyOf(act))])));
  document.querySelector("#studio [data-step=cull]").textContent = said;
}

const words = (act) => {
  const shot = /^shot(\d)$/.exec(act);
  if (!shot) return say(`key_${act}`);
  const kind = set.shots[Number(shot[1]) - 1];
  return kind ? say("key_shot", {name: titleOf(kind)}) : say("key_shot_place", {number: Number(shot[1])});
};

function drawSheet() {
  at("studio-keys-list").replaceChildren(...Object.keys(USUAL).map((act) => {
    const key = button({data: {act}}, made("kbd", {}, asking === act ? say("keys_press") : shownKey(keyOf(act))));
    key.setAttribute("aria-label", `${words(act)}: ${keyOf(act)}`);
    key.classList.toggle("own", act in own);
    key.classList.toggle("asking", asking === act);
    return made("div", {className: "key"}, made("span", {}, words(act)), key);
  }));
  if (asking) at("studio-keys-list").querySelector(`[data-act="${asking}"]`).focus();
}

function clicked(event) {
  if (event.target === at("studio-keys") || event.target.closest("[data-shut]")) return at("studio-keys").close();
  const key = event.target.closest("[data-act]");
  if (!key) return;
  asking = key.dataset.act;
  drawSheet();
}

function pressed(event) {
  event.stopPropagation();
  if (!asking) {
    if (nameOfKey(event) === keyOf("help") && isPlain(event)) {
      event.preventDefault();
      at("studio-keys").close();
    }
    return;
  }
  if (NO_KEYS.includes(event.key)) return;
  event.preventDefault();
  const act = asking, key = nameOfKey(event), taken = actOf(key);
  if (event.key === "Escape" || taken === act) {
    asking = null;
    drawSheet();
    at("studio-keys-list").querySelector(`[data-act="${act}"]`).focus();
  } else if (FIXED.test(key) || !isPlain(event)) {
    refuse(say("keys_fixed", {key: shownKey(key)}));
  } else if (taken) {
    refuse(say("keys_taken", {key: shownKey(key), act: words(taken)}));
  } else {
    const {[act]: _, ...others} = own;
    take(USUAL[act] === key ? others : {...others, [act]: key});
    at("studio-keys-list").querySelector(`[data-act="${act}"]`).focus();
  }
}
const refuse = (told) => { at("studio-keys-refused").textContent = told; };
