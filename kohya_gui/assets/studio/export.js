// The dialog that writes the kept pictures as folders to train on, and takes them to the Train tab.

import {set, at, say} from "./state.js";
import {ask, post, settled, Refusal} from "./asking.js";
import {ownRepeats, weighSoon} from "./balance.js";

const form = () => at("studio-export").querySelector("form");
const field = (name) => form().elements[name];
let written = null; // where the last export went
let writes = false, stops = false; // whether one is under way, and is to end

export function startExport() {
  at("studio-export-open").addEventListener("click", show);
  form().addEventListener("submit", (event) => {
    event.preventDefault();
    write();
  });
  form().addEventListener("input", forget);
  at("studio-export-pick").addEventListener("click", () => crucible.pick({
    form: "train", setting: "train_data_dir", at: field("folder").value,
    done(path) {
      field("folder").value = path;
      forget();
    },
  }));
  at("studio-export").addEventListener("click", (event) => {
    if (event.target === at("studio-export") || event.target.closest("[data-shut]")) at("studio-export").close();
  });
  at("studio-export-train").addEventListener("click", train);
  at("studio-export-stop").addEventListener("click", () => { stops = true; });
}

async function show() {
  forget();
  at("studio-export").showModal();
  const names = ["name", "repeats", "folder"], before = Object.fromEntries(names.map((name) => [name, field(name).value]));
  try {
    await settled(); // else marks that are on their way would not count
    const plan = await ask("plan");
    if (form().dataset.set !== set.id) {
      form().dataset.set = set.id;
      for (const name of names) if (field(name).value === before[name]) field(name).value = plan[name]; // else somebody has typed already
      field("held_out").value = 0;
    }
    form().querySelector(".what").hidden = !plan.boxed;
    field("captions").parentElement.hidden = !plan.both;
    if (!plan.both) field("captions").value = "whole";
    if (form().dataset.boxed !== `${set.id} ${plan.boxed > 0}`) {
      form().dataset.boxed = `${set.id} ${plan.boxed > 0}`;
      field("whole").checked = true;
      field("boxes").checked = plan.boxed > 0;
    }
    at("studio-export-kept").textContent = say("export_kept", {count: plan.kept});
    weigh(plan.kept);
    field("by_folder").parentElement.hidden = plan.folders < 2;
    if (plan.folders < 2) field("by_folder").checked = false;
    weighSoon(wanted, 0);
    form().oninput = () => {
      weigh(plan.kept);
      weighSoon(wanted);
    };
    if (plan.writes) follow(() => ask("exported"));
  } catch (error) {
    refuse(error);
  }
}

// How many pictures an epoch shows.
function weigh(kept) {
  const held = Math.max(0, kept - Number(field("held_out").value || 0)), trained = field("regular_half").checked ? Math.ceil(held / 2) : held;
  at("studio-export-sum").hidden = field("by_folder").checked; // the table says it of each folder
  at("studio-export-sum").textContent = say("export_sum", {count: trained, repeats: Number(field("repeats").value || 0), all: trained * Number(field("repeats").value || 0)});
}

function forget() {
  if (writes) return;
  written = null;
  at("studio-export-told").replaceChildren();
  at("studio-export-train").hidden = true;
}

function write() {
  forget();
  follow(() => ask("export", wanted()));
}

// What the form asks for.
function wanted() {
  return {
    name: field("name").value.trim(), folder: field("folder").value.trim(), repeats: Math.trunc(Number(field("repeats").value)),
    held_out: Math.trunc(Number(field("held_out").value || 0)), whole: field("whole").checked, boxes: field("boxes").checked,
    form: field("form").value, zip: field("zip").checked, captions: field("captions").value,
    by_folder: field("by_folder").checked, own_repeats: field("by_folder").checked ? ownRepeats() : {}, regular_half: field("regular_half").checked,
  };
}

// Asks how far it is until everything is written; the answers wait for that a while by themselves.
async function follow(begin) {
  if (writes) return;
  const id = set.id;
  [writes, stops] = [true, false];
  const go = at("studio-export-go");
  go.disabled = true;
  go.textContent = say("export_writing");
  try {
    let answer = await begin();
    while (answer.writes) {
      far(answer.writes);
      answer = await post("exported", {id, stop: stops});
    }
    written = answer;
    at("studio-export-told").innerHTML = answer.left;
    at("studio-export-told").prepend(Object.assign(document.createElement("p"), {className: "done", textContent: answer.told}));
    at("studio-export-train").hidden = !answer.trains;
    if (answer.trains) at("studio-export-train").focus();
  } catch (error) {
    refuse(error);
  } finally {
    writes = false;
    far(null);
    go.disabled = false;
    go.textContent = say("export_go");
  }
}

function far(counts) {
  const [done, all] = counts ?? [0, 0], place = at("studio-export-far");
  place.hidden = at("studio-export-stop").hidden = !counts;
  place.firstElementChild.textContent = say("export_far", {done, all: all || "…"});
  place.querySelector("i").style.width = `${all ? (100 * done) / all : 0}%`;
}

function refuse(error) {
  at("studio-export-told")[error instanceof Refusal ? "innerHTML" : "textContent"] = error.html ?? error.message;
}

// Only one field can say where images are, so the others become empty.
function train() {
  if (!written) return;
  crucible.put({
    train_data_dir: written.description ? "" : written.train, dataset_config: written.description, validation_data_dir: written.validation,
    ...(written.regularisation ? {reg_data_dir: written.regularisation} : {}),
    ...(written.masks ? {masked_loss: true, conditioning_data_dir: written.masks} : {}), in_json: "", class_folders: false,
    caption_extension: ".txt", output_name: written.name, ...(written.picks_lines ? {enable_wildcard: true} : {}), ...(written.keep_tokens ? {when_tags_move: {keep_tokens: written.keep_tokens}} : {}),
  });
  at("studio-export").close();
  at("tab-train-button").click();
}
