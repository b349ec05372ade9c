// Paths: a tick or a cross in each field, and the dialog in which a file or folder is picked (server/files.py).

const RECENT = "crucible_recent_folders", SOON = 120; // milliseconds without a key
const SIGNS = {ok: "✓", new: "＋", bad: "✕"};
const ICON = '<svg viewBox="0 0 20 20" aria-hidden="true"><path d="M2.5 5.5a1.5 1.5 0 0 1 1.5-1.5h3.6l1.8 2H16a1.5 1.5 0 0 1 1.5 1.5v7A1.5 1.5 0 0 1 16 16H4a1.5 1.5 0 0 1-1.5-1.5z"/></svg>';
const dialog = document.createElement("dialog");
dialog.id = "picker";
dialog.className = "card";
dialog.setAttribute("aria-labelledby", "picker-title");
document.querySelector(".gradio-container .contain").append(dialog); // rules for narrow windows hold in there alone
const at = (id) => document.getElementById(id);
let asking = null; // what is picked for: {form, setting, at, done}
let timer = 0, number = 0;

// The words of the scripts about files, in the page's language.
let words = null;
crucible.words = () => (words ??= fetch("files/words").then((response) => response.json()).catch(() => { words = null; return {}; }));

crucible.markPath = (field, mark) => {
  const box = field.querySelector(".input-container");
  if (!box) return;
  let tools = box.querySelector(":scope > .path-tools");
  if (!tools) {
    tools = document.createElement("span");
    tools.className = "path-tools";
    const sign = document.createElement("i");
    sign.className = "path-mark";
    sign.setAttribute("role", "img");
    const button = document.createElement("button");
    button.type = "button";
    button.className = "pick";
    button.innerHTML = ICON;
    const label = field.querySelector('[data-testid="block-info"]').textContent.trim();
    crucible.words().then((words) => {
      button.title = words.pick;
      button.setAttribute("aria-label", `${words.pick}: ${label}`);
    });
    button.addEventListener("click", (event) => {
      event.preventDefault(); // the label that this is in would have its field focused
      pickFor(field);
    });
    tools.append(sign, button);
    box.append(tools);
  }
  if (field.id === "setting-train_data_dir") waysUnder(field);
  const [kind, words] = mark || ["", ""];
  const sign = tools.firstChild;
  if (sign.title === words && sign.dataset.sign === kind) return;
  sign.dataset.sign = kind;
  sign.textContent = SIGNS[kind] || "";
  sign.title = words;
  sign.setAttribute("aria-label", words);
};

// Under the image folder: the other ways to images.
function waysUnder(field) {
  if (field.querySelector(":scope > .image-ways")) return;
  const ways = document.createElement("div");
  ways.className = "image-ways";
  const upload = document.createElement("button");
  upload.type = "button";
  upload.className = "way";
  upload.addEventListener("click", () => crucible.chooseUpload());
  const table = document.createElement("button");
  table.type = "button";
  table.className = "way";
  table.id = "as-table";
  table.addEventListener("click", () => crucible.showTable(field));
  crucible.words().then((words) => {
    upload.textContent = words.upload;
    table.textContent = words.table;
  });
  ways.append(upload, table);
  field.append(ways);
}

function pickFor(field) {
  const input = field.querySelector("input, textarea"), lines = input.value.split("\n");
  const many = input.tagName === "TEXTAREA" && !field.id.endsWith("-sample_prompts");
  crucible.pick({
    ...crucible.settingOf(field), at: lines[lines.length - 1],
    done(path) {
      const kept = many ? input.value.replace(/\n+$/, "") : "";
      crucible.type(field.id, kept ? `${kept}\n${path}` : path);
      input.dispatchEvent(new FocusEvent("focusout", {bubbles: true}));
      input.focus();
    },
  });
}

// Has a path picked: `{form, setting, at, done}`, where the setting says of which sort, and `done` gets the path.
crucible.pick = async (wanted) => {
  asking = wanted;
  if (await look({at: wanted.at, first: true})) {
    dialog.showModal();
    (matchMedia("(pointer: coarse)").matches ? at("picker-choose") : at("picker-filter")).focus();
  }
};

async function post(what, body) {
  try {
    return await crucible.post(`files/${what}`, {form: asking.form, setting: asking.setting, ...body});
  } catch (error) {
    return {error: error.message};
  }
}

async function look(body) {
  const mine = ++number;
  mayChoose(false); // else a folder that is on its way in would not be the one that is chosen
  const answer = await post("look", {recent: recent(), match: "", ...body});
  if (mine !== number) return false; // something else has been asked since
  if (answer.error) {
    mayChoose(asking.takes);
    if (body.first) crucible.toast(answer.error);
    else complain(answer.error);
    return false;
  }
  if (answer.html) dialog.innerHTML = answer.html;
  for (const [name, html] of Object.entries(answer.parts)) at(`picker-${name}`).innerHTML = html;
  complain("");
  asking.at = answer.at;
  asking.saves = answer.saves;
  asking.takes = answer.takes_folder || answer.saves;
  mayChoose(asking.takes);
  at("picker-crumbs").scrollLeft = at("picker-crumbs").scrollWidth;
  if (body.at !== undefined && !body.match) at("picker-list").scrollTop = 0;
  return true;
}

function mayChoose(may) {
  const button = at("picker-choose");
  if (button) button.disabled = !may;
}

function complain(html) {
  at("picker-error").innerHTML = html;
}

function recent() {
  try {
    return JSON.parse(localStorage.getItem(RECENT)) || [];
  } catch {
    return [];
  }
}

function chosen(path) {
  const folders = [asking.at, ...recent().filter((one) => one !== asking.at)].slice(0, 8);
  localStorage.setItem(RECENT, JSON.stringify(folders));
  dialog.close();
  asking.done(path);
}

async function open(path) {
  at("picker-filter").value = "";
  if (await look({at: path})) at("picker-filter").focus();
}

const separator = () => (asking.at.includes("\\") && !asking.at.startsWith("/") ? "\\" : "/");

document.addEventListener("click", async (event) => {
  if (!dialog.contains(event.target)) return;
  const button = event.target.closest("button");
  if (event.target === dialog) return dialog.close(); // the backdrop
  if (!button) return;
  if (button.dataset.close !== undefined) return dialog.close();
  if (button.dataset.open !== undefined) return open(button.dataset.open);
  if (button.dataset.pick !== undefined) {
    if (!asking.saves) return chosen(button.dataset.pick);
    at("picker-name").value = button.querySelector("span").textContent;
    return;
  }
  if (button.dataset.new !== undefined) {
    at("picker-new").hidden = !at("picker-new").hidden;
    if (!at("picker-new").hidden) at("picker-new").querySelector("input").focus();
  }
  if (button.dataset.native !== undefined) {
    button.disabled = true;
    const answer = await post("native", {at: asking.at});
    button.disabled = false;
    if (answer.error) complain(answer.error);
    else if (answer.chosen) chosen(answer.chosen);
  }
  if (button.id === "picker-choose") {
    const name = asking.saves ? at("picker-name").value.trim() : "";
    if (asking.saves && !name) return at("picker-name").focus();
    chosen(name ? `${asking.at.replace(/[\\/]$/, "")}${separator()}${name}` : asking.at);
  }
});
document.addEventListener("submit", async (event) => {
  if (event.target.id !== "picker-new") return;
  event.preventDefault();
  const answer = await post("new", {at: asking.at, name: event.target.querySelector("input").value});
  if (answer.error) return complain(answer.error);
  event.target.reset();
  event.target.hidden = true;
  open(answer.made);
});
document.addEventListener("input", (event) => {
  if (event.target.id !== "picker-filter") return;
  clearTimeout(timer);
  timer = setTimeout(() => look({at: asking.at, match: event.target.value.trim()}), SOON);
});
// Arrows move through the list, Enter opens its first entry, and Alt+↑ goes to the folder above.
document.addEventListener("keydown", (event) => {
  if (!event.target.closest || !event.target.closest("#picker")) return;
  if (event.altKey && event.key === "ArrowUp") {
    event.preventDefault();
    const crumbs = [...document.querySelectorAll("#picker-crumbs button")];
    if (crumbs.length > 1) open(crumbs[crumbs.length - 2].dataset.open);
    return;
  }
  const entries = [...document.querySelectorAll("#picker-list button")];
  const here = entries.indexOf(document.activeElement);
  if (event.key === "Enter" && event.target.id === "picker-filter" && entries.length) {
    event.preventDefault();
    entries[0].click();
  }
  if (["ArrowDown", "ArrowUp"].includes(event.key) && (here >= 0 || event.target.id === "picker-filter")) {
    event.preventDefault();
    const next = here + (event.key === "ArrowDown" ? 1 : -1);
    (entries[next] || at("picker-filter")).focus();
  }
});
