// Files that are chosen from the menu or dropped anywhere on the page: settings are put into the form, models are named.
// A picture that is dropped while a form of drawing is shown fills that form, elsewhere on the Evaluate tab the first one.

const SETTINGS = 2 ** 24 - 1, HEADER = 8 * 2 ** 20, PICKLE = 4 * 2 ** 20, TELLS_WHAT_IT_IS_NOT = 512; // bytes sent

const PICTURE = /\.(png|jpe?g|webp)$/i;

// What the server finds in a file for a form; nothing if it is refused, which is said.
async function askAbout(file, form) {
  const answer = await fetch(`form/${form}/open?name=${encodeURIComponent(file.name)}&size=${file.size}`, {
    method: "POST", body: await contentOf(file),
  }).catch(() => null);
  if (!answer) return null; // the server is away; gradio says so
  if (!answer.ok) return crucible.toast(await answer.text());
  const found = await answer.json();
  if (!found.refused) return found;
  found.refused.forEach((words) => crucible.toast(words));
  return null;
}

async function openFile(file) {
  const found = await askAbout(file, "train");
  if (!found) return;
  const {values, report} = found;
  document.getElementById("tab-train-button")?.click();
  document.querySelector("#panel-mode label")?.click();
  if (values) crucible.put({...values, "@opened": true});
  document.getElementById("report").innerHTML = report;
  document.getElementById("report").scrollIntoView({block: "nearest"});
}

// The name of the form of drawing that is shown.
function shownDrawing() {
  const prompts = [...document.querySelectorAll('[id$="-setting-draw_prompts"]')].find((field) => field.offsetParent);
  return prompts?.id.slice(0, -"-setting-draw_prompts".length);
}

// The name of the form that a picture fills: the one that is shown, or on the rest of the Evaluate tab the first.
async function drawingForm() {
  if (shownDrawing() || !document.getElementById("evaluate-parts")?.offsetParent) return shownDrawing();
  document.getElementById("tool-draw_pictures-button")?.click();
  await crucible.drawn(shownDrawing);
  return shownDrawing();
}

// The report stands above the form in a place of the script's own, since gradio may draw its components anew.
async function openPicture(file, form) {
  const found = await askAbout(file, form);
  if (!found) return;
  crucible.type(`${form}-put`, JSON.stringify({...found.values, at: Date.now()}));
  let place = document.getElementById(`${form}-report`);
  if (!place) {
    place = document.createElement("div");
    place.id = `${form}-report`;
    document.getElementById(`${form}-open-picture`).after(place);
  }
  place.innerHTML = found.report;
  place.scrollIntoView({block: "nearest"});
}

function chooseFile(accept, open) {
  const chooser = document.createElement("input");
  chooser.type = "file";
  chooser.id = "file-chooser";
  chooser.accept = accept;
  chooser.hidden = true;
  chooser.addEventListener("change", () => { if (chooser.files[0]) open(chooser.files[0]); chooser.remove(); });
  document.getElementById("file-chooser")?.remove();
  document.body.append(chooser);
  chooser.click();
}

// A question of the report is about a path, and answered once its field holds one that nothing is wrong with.
crucible.countQuestions = ({wrong = [], paths = {}}) => {
  const questions = [...document.querySelectorAll("#import-needs dt[data-setting]")];
  for (const question of questions) {
    const name = question.dataset.setting;
    const good = !wrong.includes(name) && paths[name] !== undefined && paths[name][0] !== "bad";
    for (const part of [question, question.nextElementSibling]) part.classList.toggle("answered", good);
  }
  const open = questions.filter((question) => !question.classList.contains("answered")).length;
  for (const count of document.querySelectorAll("#import-needs > summary > b, .import-count.needs > b")) count.textContent = open;
  document.querySelector(".import-count.needs")?.classList.toggle("answered", questions.length > 0 && !open);
};

// Of weights only the beginning travels, which lists what is in them, since they may have gigabytes.
async function contentOf(file) {
  if (/\.(ckpt|pt|pth|bin)$/i.test(file.name)) return file.slice(0, PICKLE);
  if (!/\.safetensors$/i.test(file.name)) return file.slice(0, SETTINGS);
  const start = new DataView(await file.slice(0, 8).arrayBuffer());
  const length = start.byteLength === 8 ? Number(start.getBigUint64(0, true)) : 0;
  return file.slice(0, length <= HEADER ? 8 + length : TELLS_WHAT_IT_IS_NOT);
}

document.addEventListener("click", (event) => {
  if (!event.target.closest) return;
  if (event.target.closest("#report-close, #undo")) document.getElementById("report").replaceChildren();
  event.target.closest(".picture-said > .close")?.parentElement.remove();
  const picture = event.target.closest(".open-picture");
  if (picture) chooseFile("image/png,image/jpeg,image/webp", (file) => openPicture(file, shownDrawing()));
  if (event.target.closest("#open-file")) chooseFile("", openFile);
});

// Over fields that take files themselves a drop is theirs.
const ofFiles = (event) => [...(event.dataTransfer?.types || [])].includes("Files");
document.addEventListener("dragover", (event) => {
  if (!ofFiles(event)) return;
  event.preventDefault();
  document.body.classList.add("dropping");
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) document.body.classList.remove("dropping");
});
document.addEventListener("drop", (event) => {
  document.body.classList.remove("dropping");
  if (!ofFiles(event)) return;
  event.preventDefault();
  const [file, ...others] = event.dataTransfer.files, evaluates = document.getElementById("evaluate-parts")?.offsetParent;
  if ((shownDrawing() || evaluates) && file && !others.length && PICTURE.test(file.name)) {
    drawingForm().then((form) => form && openPicture(file, form));
    return;
  }
  if (crucible.takeDropped?.(event.dataTransfer)) return;
  if (event.dataTransfer.files[0]) openFile(event.dataTransfer.files[0]);
});
