// The kinds of boxes: what each name is for, how often an epoch repeats its parts, and what its folder is called.

import {set, on, at, say, made, button} from "./state.js";
import {ask, complain} from "./asking.js";

const form = () => at("studio-kinds");
let told = () => {};

// `changed` is called when there are other kinds.
export function startKinds(changed) {
  told = changed;
  on("opened", draw);
  at("studio-kinds-add").addEventListener("click", () => {
    at("studio-kinds-rows").append(row({name: "", repeats: 0, use: "train", folder: ""}));
    at("studio-kinds-rows").lastElementChild.querySelector("input").focus();
    offer();
  });
  form().addEventListener("input", offer);
  form().addEventListener("submit", save);
}

const offer = () => { form().querySelector("[type=submit]").hidden = false; };

function draw() {
  const heads = ["name", "repeats", "use", "folder"].map((name) => made("span", {}, say(`kinds_${name}`)));
  at("studio-kinds-rows").replaceChildren(made("div", {className: "kind heads"}, ...heads, made("span")), ...set.kinds.map(row));
  form().querySelector("[type=submit]").hidden = true;
}

function row(kind) {
  const field = (name, more) => {
    const input = made("input", {name, value: kind[name], ...more});
    input.setAttribute("aria-label", say(`kinds_${name}`));
    return input;
  };
  const use = made("select", {name: "use"}, made("option", {value: "train"}, say("kinds_train")), made("option", {value: "reg"}, say("kinds_reg")));
  use.value = kind.use;
  use.setAttribute("aria-label", say("kinds_use"));
  const gone = button({className: "icon", title: say("crops_remove"), ariaLabel: say("crops_remove"), onclick: () => { line.remove(); offer(); }}, "×");
  const line = made("div", {className: "kind"},
    field("name", {type: "text", maxLength: 60, required: true}), field("repeats", {type: "number", min: 0, max: 10000, title: say("kinds_repeats_usual")}),
    use, field("folder", {type: "text", maxLength: 100, placeholder: kind.name}), gone);
  return line;
}

async function save(event) {
  event.preventDefault();
  const kinds = [...at("studio-kinds-rows").children].slice(1).map((line) => ({
    name: line.querySelector("[name=name]").value.trim(), repeats: Math.round(Number(line.querySelector("[name=repeats]").value || 0)),
    use: line.querySelector("[name=use]").value, folder: line.querySelector("[name=folder]").value.trim(),
  }));
  try {
    set.kinds = (await ask("box_kinds", {kinds})).kinds;
    draw();
    told();
  } catch (error) {
    complain(error);
  }
}
