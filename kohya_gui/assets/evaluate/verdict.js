// Which file at which weight to use, as scores and marks say, beside the grid; and what is done with it.

import {at, say} from "./elements.js";
import {grid, on, takeNotes} from "./state.js";

const SOON = 400; // milliseconds after a mark or a new picture
let timer = 0;
const ask = (name, asked = {}) => crucible.post(`evaluate/${name}`, {id: grid.id, ...asked});

export function startVerdict() {
  on("opened blind back", look); // files may have been scored meanwhile
  on("opened renewed", note);
  on("marks drawn", () => {
    clearTimeout(timer);
    timer = setTimeout(look, SOON);
  });
  at("evaluate-verdict-place").addEventListener("click", ({target}) => {
    const button = target.closest("[data-use], [data-go-on]");
    if (!button) return;
    if (button.dataset.use !== undefined) use(button);
    else goOn(button.dataset.goOn);
  });
}

// While people judge blind nothing is said of files.
async function look() {
  const place = at("evaluate-verdict-place"), id = grid.id;
  place.hidden = grid.blind;
  if (grid.blind) return place.replaceChildren();
  const found = await ask("verdict").catch(() => null); // the page is closing, or the server is away
  if (!found || grid.id !== id || grid.blind) return;
  place.innerHTML = found.html || found.error;
}

// What trainings have told of the files.
async function note() {
  const id = grid.id, found = await ask("notes").catch(() => ({})); // the page is closing, or the server is away
  if (found.notes && grid.id === id) takeNotes(found.notes);
}

async function use(button) {
  const {use: file, weight} = button.dataset;
  const found = await ask("use", {file, weight: Number(weight)}).catch((error) => ({error: error.message}));
  if (found.error) return crucible.toast(found.error);
  crucible.toast(found.told);
  at("evaluate-used").innerHTML = found.html;
}

// Trains on from a file: it goes into the form that is open, as it stands.
function goOn(path) {
  document.getElementById("tab-train-button")?.click();
  crucible.put({training_method: "LoRA", network_weights: path});
  crucible.toast(say("gone_on", {file: path.split(/[\\/]/).pop()}), true);
}
