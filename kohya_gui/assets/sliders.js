// Numbers for each block of the U-Net as small sliders under their text field, which stays the truth.

const CURVES = { // as in train_core/config/syntax/block_rates.py
  cosine: (x) => Math.cos(Math.PI / 2 * x), sine: (x) => Math.sin(Math.PI / 2 * x), linear: (x) => x,
  reverse_linear: (x) => 1 - x, zeros: () => 0,
};
const open = new Set(); // the settings whose sliders are shown
const inputOf = (field) => field.querySelector("textarea, input");
const rounded = (value) => String(Number(value.toFixed(3)));

// The numbers that `text` stands for, one for each of `count` blocks; null where it says none that can be drawn.
function numbersIn(text, count, missing) {
  const plain = text.trim();
  if (!plain) return Array(count).fill(missing);
  const [name, offset] = plain.split("+").map((part) => part.trim());
  if (CURVES[name]) {
    return Array.from({length: count}, (_, place) => CURVES[name](place / Math.max(1, count - 1)) + Number(offset || 0));
  }
  const found = plain.split(/[,，\n]/).map((part) => (part.trim() ? Number(part) : 0));
  if (found.some((value) => !Number.isFinite(value)) || found.length > count) return null;
  return [...found, ...Array(count - found.length).fill(missing)];
}

// Gives `field` of the setting `name` its sliders; `about` says how many, up to what, and the words beside them.
crucible.offerBlocks = (field, name, about) => {
  let box = field.querySelector(":scope > .blocks");
  if (!about) return box?.remove();
  if (!box) {
    box = document.createElement("div");
    box.className = "blocks";
    box.innerHTML = '<button type="button" class="blocks-open"></button><div class="blocks-body" hidden></div>';
    field.append(box);
    box.querySelector(".blocks-open").addEventListener("click", () => {
      open[open.has(name) ? "delete" : "add"](name);
      draw(field, box, name);
    });
  }
  box.about = about;
  if (!box.contains(document.activeElement) || document.activeElement.type !== "range") draw(field, box, name);
};

function draw(field, box, name) {
  const {count, most, step, missing, curves, words} = box.about, shown = open.has(name);
  const button = box.querySelector(".blocks-open"), body = box.querySelector(".blocks-body");
  button.textContent = words.open;
  button.setAttribute("aria-expanded", shown);
  body.hidden = !shown;
  field.classList.toggle("with-blocks", shown);
  if (!shown) return;
  const text = inputOf(field).value, numbers = numbersIn(text, count, missing);
  body.replaceChildren();
  if (curves) body.append(chooser(name, text, words));
  if (!numbers) {
    body.append(Object.assign(document.createElement("p"), {textContent: words.unreadable, className: "soft"}));
    return;
  }
  const row = document.createElement("div");
  row.className = "blocks-row";
  numbers.forEach((value, place) => row.append(slider(name, row, value, place, {most: Math.max(most, ...numbers), step})));
  body.append(row);
}

function slider(name, row, value, place, {most, step}) {
  const label = document.createElement("label"), range = document.createElement("input");
  const number = document.createElement("output"), at = document.createElement("span");
  Object.assign(range, {type: "range", min: 0, max: most, step: "any", value});
  range.dataset.value = rounded(value);
  range.setAttribute("aria-label", `${place}`);
  at.textContent = place;
  number.textContent = rounded(value);
  range.addEventListener("input", () => {
    const now = rounded(Math.round(range.value / step) * step);
    range.dataset.value = now;
    number.textContent = now;
    crucible.type(`setting-${name}`, [...row.querySelectorAll("input")].map((one) => one.dataset.value).join(","));
  });
  label.append(number, range, at);
  return label;
}

// The named curves, and a way to write nothing.
function chooser(name, text, words) {
  const select = document.createElement("select"), chosen = text.trim().split("+")[0].trim();
  select.setAttribute("aria-label", words.curve);
  const choices = [["", words.even], ...Object.keys(CURVES).map((curve) => [curve, curve])];
  if (chosen && !CURVES[chosen]) choices.push([text, words.own]);
  for (const [value, shown] of choices) select.append(new Option(shown, value, false, value === (CURVES[chosen] ? chosen : text)));
  select.addEventListener("change", () => {
    crucible.type(`setting-${name}`, select.value);
    const field = document.getElementById(`setting-${name}`);
    draw(field, field.querySelector(":scope > .blocks"), name);
  });
  return select;
}
