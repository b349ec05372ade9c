// What is happening, beside the form and under the tools: asks once a second what is new (server/watched.py). Only the
// list of runs and the buttons are gradio's; where they are to change, it is asked by a button that nobody sees.

const EVERY = 1000, PATIENCE = 5000; // milliseconds between two looks, and until gradio is asked again
const html = {}; // by the id of its place; a tab that is drawn later is filled then
let sums = {}, asking = false, again = false, pressed = {controls: null, at: 0};

const stamp = () => document.querySelector("#run-stamp [data-controls]")?.dataset;

async function look() {
  if (document.visibilityState !== "visible") return;
  again = asking;
  if (asking) return;
  asking = true;
  const seen = {...stamp()};
  for (const id of ["stop", "pause"]) {
    const button = document.getElementById(id);
    if (button) button.title = seen[id] || "";
  }
  try {
    const answer = await crucible.post("runs/watch", {shown: seen.shown, newest: seen.newest, known: sums});
    sums = answer.sums;
    Object.assign(html, answer.parts);
    document.body.dataset.cancel = answer.tool ? "tool" : "";
    askGradio(answer.controls, seen.controls);
  } catch {
    // the page is closing, or the server is away; the next look tells
  }
  asking = false;
  for (const [id, part] of Object.entries(html)) crucible.fill(id, part);
  if (again) look();
}

function askGradio(wanted, has) {
  const waits = pressed.controls === wanted && Date.now() - pressed.at < PATIENCE;
  if (has === undefined || has === wanted || waits) return;
  pressed = {controls: wanted, at: Date.now()};
  document.getElementById("run-again").click();
}

setInterval(look, EVERY);
document.addEventListener("visibilitychange", look);
document.addEventListener("crucible:stamp", look);
look();
