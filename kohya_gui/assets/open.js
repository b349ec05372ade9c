// Files that are chosen from the menu or dropped anywhere on the page: settings are put into the form, models are named.

const SETTINGS = 2 ** 24 - 1, HEADER = 8 * 2 ** 20, PICKLE = 4 * 2 ** 20, TELLS_WHAT_IT_IS_NOT = 512; // bytes sent

async function openFile(file) {
  const answer = await fetch(`form/train/open?name=${encodeURIComponent(file.name)}&size=${file.size}`, {
    method: "POST", body: await contentOf(file),
  }).catch(() => null);
  if (!answer) return; // the server is away; gradio says so
  if (!answer.ok) return crucible.toast(await answer.text());
  const {refused, values, report} = await answer.json();
  if (refused) return refused.forEach((words) => crucible.toast(words));
  document.getElementById("tab-train-button")?.click();
  document.querySelector("#panel-mode label")?.click();
  if (values) crucible.put({...values, "@opened": true});
  document.getElementById("report").innerHTML = report;
  document.getElementById("report").scrollIntoView({block: "nearest"});
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
  if (!event.target.closest("#open-file")) return;
  const chooser = document.createElement("input");
  chooser.type = "file";
  chooser.id = "file-chooser";
  chooser.hidden = true;
  chooser.addEventListener("change", () => { if (chooser.files[0]) openFile(chooser.files[0]); chooser.remove(); });
  document.getElementById("file-chooser")?.remove();
  document.body.append(chooser);
  chooser.click();
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
  if (crucible.takeDropped?.(event.dataTransfer)) return;
  if (event.dataTransfer.files[0]) openFile(event.dataTransfer.files[0]);
});
