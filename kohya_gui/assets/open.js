// Settings files, chosen from the menu or dropped anywhere on the page, are read by the server and put into the form.

const HEADER_LIMIT = 100 * 2 ** 20; // bytes

async function openSettings(file) {
  const answer = await fetch(`form/train/open?name=${encodeURIComponent(file.name)}`, {
    method: "POST", body: await contentOf(file),
  }).catch(() => null);
  if (!answer) return; // the server is away; gradio says so
  if (!answer.ok) return crucible.toast(await answer.text());
  const {refused, values, report} = await answer.json();
  if (refused) return refused.forEach((words) => crucible.toast(words));
  document.getElementById("tab-train-button")?.click();
  document.querySelector("#panel-mode label")?.click();
  crucible.put(values);
  document.getElementById("report").innerHTML = report;
  document.getElementById("report").scrollIntoView({block: "nearest"});
}

// Of weights only what their header says of the training travels, since they may have gigabytes.
async function contentOf(file) {
  if (!file.name.toLowerCase().endsWith(".safetensors")) return file.slice(0, 2 ** 24 - 1);
  const start = new DataView(await file.slice(0, 8).arrayBuffer());
  const length = start.byteLength === 8 ? Number(start.getBigUint64(0, true)) : 0;
  if (!length || length > HEADER_LIMIT) return "";
  try {
    return JSON.stringify(JSON.parse(await file.slice(8, 8 + length).text()).__metadata__ || {});
  } catch {
    return ""; // the server says that it cannot be read
  }
}

document.addEventListener("click", (event) => {
  if (!event.target.closest) return;
  if (event.target.closest("#report-close")) document.getElementById("report").replaceChildren();
  if (!event.target.closest("#open-file")) return;
  const chooser = document.createElement("input");
  chooser.type = "file";
  chooser.id = "file-chooser";
  chooser.hidden = true;
  chooser.addEventListener("change", () => { if (chooser.files[0]) openSettings(chooser.files[0]); chooser.remove(); });
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
  if (event.dataTransfer.files[0]) openSettings(event.dataTransfer.files[0]);
});
