// The image folders as a table, under the field of the image folder; it is written as a dataset file (server/tables.py).

const COLUMNS = ["folder", "repeats", "words", "reg", "size"], WAIT = 250; // milliseconds without a key
let place = null, rows = [], timer = 0, number = 0;

crucible.showTable = async (field) => {
  if (place && place.isConnected) return close();
  const words = await crucible.words();
  place = document.createElement("div");
  place.className = "image-table";
  place.innerHTML = FRAME;
  for (const one of place.querySelectorAll("[data-words]")) one.textContent = words[one.dataset.words];
  field.append(place);
  const answer = await ask({what: "open"});
  if (!answer || !place) return undefined;
  part("told").innerHTML = answer.told;
  rows = [];
  part("rows").replaceChildren();
  answer.rows.forEach((row) => add(row, words));
  figures(answer);
  return undefined;
};

function close() {
  place.remove();
  place = null;
}

const part = (name) => place.querySelector(`[data-part="${name}"]`);

async function ask(body) {
  const mine = ++number;
  try {
    const answer = await crucible.post("files/table", body);
    if (answer.error && place) part("told").innerHTML = answer.error;
    return mine === number && !answer.error ? answer : null;
  } catch (error) {
    crucible.toast(error.message, true);
    return null;
  }
}

function add([folder, repeats, caption, reg, size], words) {
  const row = document.createElement("tr");
  const cell = (name, input, attributes) => {
    Object.assign(input, attributes);
    input.setAttribute("aria-label", words[`table_${name}`]);
    input.dataset.column = name;
    const box = document.createElement("td");
    box.dataset.label = words[`table_${name}`];
    box.className = `column-${name}`;
    box.append(input);
    row.append(box);
    return box;
  };
  const input = () => document.createElement("input");
  const box = cell("folder", input(), {type: "text", value: folder, spellcheck: false, title: folder});
  const pick = document.createElement("button");
  box.firstChild.scrollLeft = box.firstChild.scrollWidth; // the end of a path says most
  pick.type = "button";
  pick.className = "small";
  pick.textContent = "…";
  pick.dataset.act = "pick";
  pick.setAttribute("aria-label", words.pick);
  box.append(pick);
  cell("repeats", input(), {type: "number", min: 1, max: 10000, value: repeats});
  cell("words", input(), {type: "text", value: caption});
  cell("reg", input(), {type: "checkbox", checked: reg});
  cell("size", input(), {type: "text", value: size, placeholder: words.table_size_empty});
  for (const name of ["images", "steps"]) {
    const figure = document.createElement("td");
    figure.className = "figure";
    figure.dataset.label = words[`table_${name}`];
    figure.dataset.figure = name;
    row.append(figure);
  }
  const last = document.createElement("td");
  const remove = document.createElement("button");
  remove.type = "button";
  remove.className = "small icon";
  remove.dataset.act = "remove";
  remove.textContent = "✕";
  remove.setAttribute("aria-label", words.table_remove);
  last.append(remove);
  row.append(last);
  rows.push(row);
  part("rows").append(row);
  return row;
}

const valueOf = (row, name) => row.querySelector(`[data-column="${name}"]`);
function values() {
  return rows.map((row) => COLUMNS.map((name) => {
    const input = valueOf(row, name);
    if (name === "reg") return input.checked;
    return name === "repeats" ? Math.round(Number(input.value)) : input.value.trim();
  }));
}

function figures({figures: found, total}) {
  found.forEach(([images, steps], at) => {
    if (!rows[at]) return;
    rows[at].querySelector('[data-figure="images"]').textContent = images;
    rows[at].querySelector('[data-figure="steps"]').textContent = steps;
    rows[at].classList.toggle("without", !images);
  });
  part("total").textContent = rows.length ? total : "";
}

function recount() {
  clearTimeout(timer);
  timer = setTimeout(async () => {
    const answer = await ask({what: "count", rows: values()});
    if (answer && place) figures(answer);
  }, WAIT);
}

async function addFolder() {
  const words = await crucible.words();
  const last = rows.length ? valueOf(rows[rows.length - 1], "folder").value : document.querySelector("#setting-train_data_dir input").value;
  crucible.pick({
    form: "train", setting: "train_data_dir", at: last,
    done(path) {
      const numbered = path.split(/[\\/]/).pop().match(/^(\d+)_(.+)$/);
      add([path, numbered ? Number(numbered[1]) : 10, numbered ? numbered[2] : path.split(/[\\/]/).pop(), false, ""], words);
      recount();
    },
  });
}

async function use() {
  part("told").innerHTML = "";
  const answer = await ask({what: "write", rows: values()});
  if (!answer) return;
  const words = await crucible.words();
  crucible.put({dataset_config: answer.path, train_data_dir: "", reg_data_dir: "", in_json: "", class_folders: false});
  if (place) part("told").textContent = `${words.table_used} ${answer.path}`;
}

document.addEventListener("input", (event) => {
  if (!place || !place.contains(event.target)) return;
  recount();
});
document.addEventListener("click", (event) => {
  const button = place && event.target.closest && place.contains(event.target) && event.target.closest("button");
  if (!button) return;
  const row = button.closest("tr");
  if (button.dataset.act === "remove") {
    rows = rows.filter((one) => one !== row);
    row.remove();
    recount();
  }
  if (button.dataset.act === "pick") {
    const input = valueOf(row, "folder");
    crucible.pick({form: "train", setting: "train_data_dir", at: input.value, done(path) { input.value = path; recount(); input.focus(); }});
  }
  if (button.dataset.act === "add") addFolder();
  if (button.dataset.act === "use") use();
  if (button.dataset.act === "close") close();
});

const FRAME = `
  <div data-part="told" role="status"></div>
  <div class="image-rows"><table><thead><tr>
    <th data-words="table_folder"></th><th data-words="table_repeats"></th><th data-words="table_words"></th>
    <th data-words="table_reg"></th><th data-words="table_size"></th><th data-words="table_images"></th>
    <th data-words="table_steps"></th><th></th></tr></thead><tbody data-part="rows"></tbody></table></div>
  <div class="image-acts"><button type="button" class="small" data-act="add" data-words="table_add"></button>
    <span data-part="total"></span>
    <button type="button" class="small" data-act="close" data-words="table_close"></button>
    <button type="button" class="small primary" data-act="use" data-words="table_use"></button></div>`;
