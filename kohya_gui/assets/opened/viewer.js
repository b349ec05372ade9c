// The sample pictures of a run: rows are prompts, columns are steps; two of them, or one and a training picture, compared.

const MODES = ["one", "wipe", "beside"];
const at = (id) => document.getElementById(id);

export class Viewer {
  // `how` has `act`, the address of what belongs to the run, and that of its pictures.
  constructor(run, how) {
    Object.assign(this, {run, how, sheet: null, row: 0, column: 0, mode: "one", other: "", training: null});
    at("opened-pictures").addEventListener("click", (event) => this.clicked(event));
    at("opened-pictures").addEventListener("keydown", (event) => this.pressed(event));
    at("viewer-step").addEventListener("input", () => this.go(this.row, Number(at("viewer-step").value)));
    at("viewer-wipe").addEventListener("input", () => this.wipe(Number(at("viewer-wipe").value)));
    at("viewer-other").addEventListener("change", () => {
      this.other = at("viewer-other").value;
      this.draw();
    });
    at("viewer-stage").addEventListener("pointermove", (event) => event.buttons && this.drag(event));
    at("viewer-stage").addEventListener("pointerdown", (event) => this.drag(event));
  }

  // Takes the pictures there are now; whoever looked at the newest step looks at the newest one again.
  show(sheet) {
    const before = this.sheet;
    const newest = !before || this.column === before.columns.length - 1;
    const step = before && before.columns[this.column] ? before.columns[this.column].step : 0;
    this.sheet = sheet;
    at("opened-pictures").hidden = !sheet.cells.length;
    if (!sheet.cells.length) return;
    this.row = Math.min(this.row, sheet.prompts.length - 1);
    const same = sheet.columns.findIndex((column) => column.step === step);
    this.column = newest || same < 0 ? sheet.columns.length - 1 : same;
    this.at = new Map(sheet.cells.map(([row, column, name, seed]) => [`${row} ${column}`, {name, seed}]));
    if (!before || JSON.stringify([before.cells, before.prompts]) !== JSON.stringify([sheet.cells, sheet.prompts])) {
      this.drawSheet();
    }
    this.draw();
  }

  picture(row = this.row, column = this.column) {
    return this.at.get(`${row} ${column}`);
  }

  go(row, column) {
    this.row = Math.max(0, Math.min(row, this.sheet.prompts.length - 1));
    this.column = Math.max(0, Math.min(column, this.sheet.columns.length - 1));
    this.draw();
  }

  choose(name, scroll) {
    const cell = this.sheet && this.sheet.cells.find((one) => one[2] === name);
    if (!cell) return;
    this.go(cell[0], cell[1]);
    at("viewer").focus({preventScroll: !scroll});
    if (scroll) at("opened-pictures").scrollIntoView({block: "start"});
  }

  clicked(event) {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.mode) this.setMode(button.dataset.mode);
    if (button.dataset.mark) this.mark(button.dataset.mark);
    if (button.id === "viewer-use") {
      this.how.act({act: "use", run: this.run, value: String(this.sheet.columns[this.column].step)});
    }
  }

  pressed(event) {
    if (["INPUT", "SELECT"].includes(event.target.tagName) || event.ctrlKey || event.metaKey || event.altKey) return;
    const [row, column] = [this.row, this.column];
    const doing = {
      ArrowLeft: () => this.go(row - 1, column), ArrowRight: () => this.go(row + 1, column),
      ArrowUp: () => this.go(row, column + 1), ArrowDown: () => this.go(row, column - 1),
      g: () => this.mark("good"), b: () => this.mark("bad"),
    }[event.key];
    if (!doing) return;
    event.preventDefault();
    doing();
  }

  async setMode(mode) {
    this.mode = MODES.includes(mode) ? mode : "one";
    if (this.mode !== "one" && this.training === null) {
      this.training = 0;
      const response = await fetch(`${this.how.address}training`);
      this.training = response.ok ? Number(await response.text()) : 0;
    }
    this.draw();
  }

  mark(mark) {
    const picture = this.picture();
    if (!picture) return;
    const value = this.sheet.marks[picture.name] === mark ? "" : mark;
    this.sheet.marks[picture.name] = value;
    this.draw();
    this.how.act({act: "mark", run: this.run, picture: picture.name, value});
  }

  draw() {
    const {columns, prompts, marks} = this.sheet, picture = this.picture(), column = columns[this.column];
    at("viewer-step").max = columns.length - 1;
    at("viewer-step").value = this.column;
    at("viewer-when").textContent = column.label;
    at("viewer-prompt").textContent = prompts[this.row];
    at("viewer-seed").textContent = picture ? `${at("viewer-seed").dataset.word} ${picture.seed}` : "";
    for (const button of document.querySelectorAll("#opened-pictures [data-mode]")) {
      button.setAttribute("aria-pressed", button.dataset.mode === this.mode);
    }
    const mark = picture ? marks[picture.name] || "" : "";
    for (const button of document.querySelectorAll("#opened-pictures [data-mark]")) {
      button.setAttribute("aria-pressed", button.dataset.mark === mark);
      button.disabled = !picture;
    }
    at("viewer-use").hidden = mark !== "good" || !column.use;
    at("viewer-use").textContent = column.use;
    at("viewer-use").classList.toggle("primary", column.own);
    at("viewer-send").hidden = mark !== "good" || !column.file;
    Object.assign(at("viewer-send").dataset, {file: column.file, run: this.run});
    at("viewer-data").hidden = !picture;
    Object.assign(at("viewer-data").dataset, {toData: picture ? picture.name : "", run: this.run});
    at("viewer-told").textContent = mark === "good" ? column.told : "";
    this.drawOthers();
    this.drawStage(picture);
    for (const cell of document.querySelectorAll("#viewer-sheet [data-show]")) {
      cell.classList.toggle("on", Boolean(picture) && cell.dataset.show === picture.name);
      cell.dataset.marked = marks[cell.dataset.show] || "";
    }
  }

  // What can be compared with: the other steps of this prompt, and pictures that the run learns from.
  drawOthers() {
    const compares = this.mode !== "one", select = at("viewer-other");
    at("viewer-with").hidden = !compares;
    at("viewer-wipe-row").hidden = this.mode !== "wipe";
    if (!compares) return;
    const offered = this.sheet.columns.map((column, number) => [`c${number}`, column.label]);
    for (let number = 0; number < (this.training || 0); number++) {
      offered.push([`t${number}`, `${select.dataset.training} ${number + 1}`]);
    }
    select.replaceChildren(...offered.map(([value, words]) => new Option(words, value)));
    if (!offered.some(([value]) => value === this.other)) this.other = "c0";
    select.value = this.other;
  }

  drawStage(picture) {
    const stage = at("viewer-stage");
    const first = picture ? this.how.pictures + encodeURIComponent(picture.name) : "";
    const wanted = JSON.stringify([this.mode, first, this.mode === "one" ? "" : this.otherAddress()]);
    if (stage.dataset.shown === wanted) return;
    stage.dataset.shown = wanted;
    stage.className = `stage ${this.mode}`;
    const column = this.sheet.columns[this.column];
    const images = [figure(first, column.label)];
    if (this.mode !== "one") images.unshift(figure(this.otherAddress(), this.otherLabel()));
    stage.replaceChildren(...images);
    this.wipe(Number(at("viewer-wipe").value));
  }

  otherAddress() {
    const number = Number(this.other.slice(1));
    if (this.other[0] === "t") return `${this.how.address}training/${number}`;
    const picture = this.picture(this.row, number);
    return picture ? this.how.pictures + encodeURIComponent(picture.name) : "";
  }

  otherLabel() {
    const option = at("viewer-other").selectedOptions[0];
    return option ? option.textContent : "";
  }

  // Shows the left `percent` of the other picture, and the rest of this one.
  wipe(percent) {
    const [, second] = at("viewer-stage").children;
    at("viewer-stage").style.setProperty("--wipe", `${percent}%`);
    if (second) second.style.clipPath = this.mode === "wipe" ? `inset(0 0 0 ${percent}%)` : "";
  }

  drag(event) {
    if (this.mode !== "wipe") return;
    const place = at("viewer-stage").getBoundingClientRect();
    const percent = Math.round(100 * Math.max(0, Math.min(1, (event.clientX - place.left) / place.width)));
    at("viewer-wipe").value = percent;
    this.wipe(percent);
    event.preventDefault();
  }

  drawSheet() {
    const {prompts, columns} = this.sheet;
    const head = made("tr", made("td"), ...columns.map((column) => made("th", column.label)));
    const rows = prompts.map((prompt, row) => {
      const title = made("th", made("div", prompt));
      title.title = prompt;
      return made("tr", title, ...columns.map((column, number) => made("td", this.cell(row, number, column))));
    });
    at("viewer-sheet").replaceChildren(made("thead", head), made("tbody", ...rows));
  }

  cell(row, number, column) {
    const picture = this.picture(row, number);
    if (!picture) return "";
    const button = made("button", image(`${this.how.address}small/${encodeURIComponent(picture.name)}`));
    button.type = "button";
    button.className = "cell";
    button.dataset.show = picture.name;
    button.setAttribute("aria-label", `${this.sheet.prompts[row]}, ${column.label}`);
    return button;
  }
}

function made(tag, ...children) {
  const element = document.createElement(tag);
  element.append(...children);
  return element;
}

function image(address) {
  const found = document.createElement("img");
  found.loading = "lazy";
  found.alt = "";
  found.draggable = false;
  found.src = address;
  return found;
}

function figure(address, words) {
  const picture = address ? image(address) : "";
  if (picture) picture.loading = "eager";
  return made("figure", picture, made("figcaption", words));
}
