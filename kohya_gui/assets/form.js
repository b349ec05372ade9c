// Forms in use: asks the server what the values being typed mean, and shows its answer (kohya_gui/form/live.py).

const WAIT = 120; // milliseconds without a key before the server is asked
const forms = new Map(); // by name: what the server has said, and what it said last

function formOf(name) {
  if (!forms.has(name)) {
    const prefix = name === "train" ? "" : `${name}-`;
    forms.set(name, {name, prefix, sums: {}, said: {}, timer: 0, asked: 0, shown: 0});
  }
  return forms.get(name);
}

// The form to which an element belongs, told by its fields' ids: `setting-…`, or `TOOL-setting-…`.
function formAround(element) {
  const field = element.closest && element.closest('[id*="setting-"]');
  if (!field) return null;
  const prefix = field.id.slice(0, field.id.indexOf("setting-"));
  return formOf(prefix ? prefix.slice(0, -1) : "train");
}

function fieldsOf(form) {
  return [...document.querySelectorAll(`[id^="${form.prefix}setting-"]`)];
}

function nameOf(form, field) {
  return field.id.slice(form.prefix.length + "setting-".length);
}

// What a field shows; undefined while a list of choices is open, in which people type to search.
function valueOf(field) {
  const input = field.querySelector("input, textarea");
  if (!input) return undefined;
  if (input.type === "checkbox") return input.checked;
  if (input.getAttribute("role") === "combobox" && input.getAttribute("aria-expanded") === "true") return undefined;
  if (input.type === "number") return input.value === "" ? null : Number(input.value);
  return input.value;
}

function typedValues(form) {
  const values = {};
  for (const field of fieldsOf(form)) {
    const value = valueOf(field);
    if (value !== undefined) values[nameOf(form, field)] = value;
  }
  return values;
}

function soon(form, wait = WAIT) {
  clearTimeout(form.timer);
  form.timer = setTimeout(() => look(form), wait);
}

// A name for this window that a reload leaves, so that the server tells two windows apart.
function ownWindow() {
  let name = sessionStorage.getItem("crucible-window");
  if (!name) sessionStorage.setItem("crucible-window", name = Math.random().toString(36).slice(2));
  return name;
}

// What the fields show is nobody's choice until gradio has filled them; until then it is asked what they will show.
async function look(form) {
  const number = ++form.asked;
  const target = document.querySelector("#target-steps input");
  const values = form.name === "train" && !form.stamp ? undefined : typedValues(form);
  const body = {values, sums: form.sums, target: target ? target.value : "", window: ownWindow()};
  let answer;
  try {
    answer = await crucible.post(`form/${form.name}`, body);
  } catch {
    return; // the page is closing, or the server is away; gradio says so
  }
  if (number < form.shown) return; // a later question has been answered
  form.shown = number;
  form.sums = answer.sums;
  Object.assign(form.said, answer.news);
  show(form);
}

function show(form) {
  for (const [name, html] of Object.entries(form.said)) {
    const element = name.startsWith("#") && document.getElementById(name.slice(1));
    if (element && element.told !== html) element.innerHTML = element.told = html;
  }
  for (const words of form.said.told || []) crucible.toast(words);
  form.said.told = [];
  mark(form);
}

// Marks what is on the page now; sections draw their fields when they are first unfolded.
function mark(form) {
  const {
    hidden = {}, away = [], wrong = [], changed = [], messages = {}, notes = {}, summaries = {}, blocks = {},
  } = form.said;
  const rules = [
    [[...Object.keys(hidden).map((name) => `setting-${name}`), ...away.map((key) => `section-${key}`)],
     ":not(.found)", "display:none!important"],
    [[...new Set([...wrong, ...(form.refused || [])])].map((name) => `setting-${name}`), " :is(input,textarea)",
     "border-color:var(--bad)!important"],
  ];
  const text = rules.filter(([ids]) => ids.length)
    .map(([ids, rest, rule]) => `${ids.map((id) => `#${form.prefix}${id}${rest}`).join(",")}{${rule}}`).join("\n");
  styleOf(form).textContent = text;
  for (const field of fieldsOf(form)) {
    const name = nameOf(form, field);
    field.classList.toggle("changed", changed.includes(name));
    if (form.name === "train") crucible.offerReset(field, name, changed.includes(name));
    under(field, "field-note", notes[name] || "");
    under(field, "field-message", messages[name] || "");
    if (form.name === "train") crucible.offerBlocks(field, name, blocks[name]);
    if (name === "resolution") crucible.offerSizes(field);
    if (field.classList.contains("path")) crucible.markPath?.(field, (form.said.paths || {})[name]);
  }
  for (const section of document.querySelectorAll(`[id^="${form.prefix}section-"]`)) {
    const head = section.querySelector(".label-wrap > span");
    const key = section.id.slice(form.prefix.length + "section-".length);
    if (head) head.dataset.summary = summaries[key] || "";
    const names = new Set(changed.concat(Object.keys(messages)));
    section.classList.toggle("has-changed", (form.sections || {})[key]?.some((name) => names.has(name)) ?? false);
  }
  if (form.name === "train") crucible.countQuestions?.(form.said);
}

function styleOf(form) {
  let style = document.getElementById(`${form.name}-style`);
  if (!style) {
    style = document.createElement("style");
    style.id = `${form.name}-style`;
    document.head.append(style);
  }
  return style;
}

function under(field, kind, html) {
  let place = field.querySelector(`:scope > .${kind}`);
  if (!html && !place) return;
  if (!place) {
    place = document.createElement("div");
    place.className = kind;
    field.append(place);
  }
  if (place.told === html) return; // a menu that is open in it stays open
  place.told = html;
  place.innerHTML = html;
}

// Puts values into the form: the server fills the fields, which only gradio can. It notices what differs from before,
// so the time makes a second press of the same button another one.
function put(values) {
  crucible.type("put", JSON.stringify({...values, at: Date.now()}));
}

document.addEventListener("input", (event) => {
  const form = formAround(event.target);
  if (form) {
    form.refused = [];
    soon(form);
    offerPaths(form, event.target);
  }
  if (event.target.closest && event.target.closest("#target-steps")) soon(formOf("train"));
});
for (const kind of ["change", "focusout"]) {
  document.addEventListener(kind, (event) => {
    const form = formAround(event.target);
    if (form) soon(form);
  });
}
document.addEventListener("click", (event) => {
  if (!event.target.closest) return;
  const form = formAround(event.target);
  if (form) soon(form); // a choice was picked from a list
  // These take what the fields show with them. Asked for meanwhile, it would count as typed after they were pressed.
  if (event.target.closest("#undo, #redo, #reset")) clearTimeout(formOf("train").timer);
  const cure = event.target.closest("button.cure");
  if (cure) {
    event.preventDefault();
    put(JSON.parse(cure.dataset.put));
  }
  const link = event.target.closest('a[href*="#setting-"], a[href*="-setting-"]');
  if (link && link.getAttribute("href").startsWith("#")) {
    event.preventDefault();
    reveal(link.getAttribute("href").slice(1));
  }
});

// What a handler on the server has filled in is noticed by its stamp.
const stamps = new MutationObserver((changes) => {
  for (const change of changes) {
    const node = change.target.nodeType === 1 ? change.target : change.target.parentElement;
    const place = node && node.closest && node.closest('[id$="-stamp"]');
    if (!place) continue;
    document.dispatchEvent(new Event("crucible:stamp"));
    const form = formOf(place.id.slice(0, -"-stamp".length));
    const seen = place.querySelector("[data-stamp]");
    if (!seen || seen.dataset.stamp === form.stamp) continue;
    form.stamp = seen.dataset.stamp;
    form.refused = (seen.dataset.wrong || "").split(" ").filter(Boolean);
    requestAnimationFrame(() => requestAnimationFrame(() => look(form)));
  }
});
stamps.observe(document.body, {childList: true, subtree: true, attributes: true, attributeFilter: ["data-stamp", "data-controls"]});

look(formOf("train"));

// Sections draw their fields late; they are marked then.
let markTimer = 0;
new MutationObserver((changes) => {
  const drawn = changes.some((change) => [...change.addedNodes].some(
    (node) => node.nodeType === 1 && (node.matches('[id*="setting-"]') || node.querySelector('[id*="setting-"]'))));
  if (!drawn) return;
  clearTimeout(markTimer);
  markTimer = setTimeout(() => forms.forEach(mark), 20);
}).observe(document.body, {childList: true, subtree: true});

// ---- paths -------------------------------------------------------------------------------------------------------

let pathTimer = 0;
async function offerPaths(form, input) {
  const field = input.closest(".path");
  if (!field || input.tagName !== "INPUT" || (input.dataset.column || "folder") !== "folder") return;
  clearTimeout(pathTimer);
  pathTimer = setTimeout(async () => {
    const name = nameOf(form, field);
    const response = await fetch(`form/${form.name}/paths/${name}?typed=${encodeURIComponent(input.value)}`);
    if (!response.ok) return;
    const list = listOf(field);
    list.replaceChildren(...(await response.json()).map((path) => {
      const option = document.createElement("option");
      option.value = path;
      return option;
    }));
    input.setAttribute("list", list.id);
  }, WAIT);
}
document.addEventListener("focusin", (event) => {
  const form = formAround(event.target);
  if (form) offerPaths(form, event.target);
});
function listOf(field) {
  const id = `paths-${field.id}`;
  let list = document.getElementById(id);
  if (!list) {
    list = document.createElement("datalist");
    list.id = id;
    document.body.append(list);
  }
  return list;
}

// ---- finding settings --------------------------------------------------------------------------------------------

let index = null; // one request, however many ask
async function names() {
  index ??= fetch("form/train/names").then((response) => response.json()).catch(() => { index = null; return {settings: []}; });
  const found = (await index).settings;
  const form = formOf("train");
  form.sections ??= found.reduce((all, one) => ({...all, [one.section]: [...(all[one.section] || []), one.name]}), {});
  return found;
}

document.addEventListener("focusin", (event) => {
  if (event.target.closest("#search")) names();
});
document.addEventListener("input", async (event) => {
  if (event.target.closest && event.target.closest("#search")) findNow(event.target.value);
});
// The place of what is found is the script's own, since gradio may draw its components anew at any time.
function foundPlace() {
  let place = document.getElementById("found");
  if (!place) {
    place = document.createElement("div");
    place.id = "found";
    document.getElementById("found-box").append(place);
  }
  return place;
}
function nothing(typed, words) {
  const note = document.createElement("div");
  note.className = "no-hit";
  note.textContent = words.replace("{words}", typed);
  return note;
}
async function findNow(typed) {
  const wanted = typed.trim().toLowerCase().split(/\s+/).filter(Boolean);
  if (!wanted.length) return foundPlace().replaceChildren();
  const rank = (one) => {
    if (wanted.every((word) => one.words[0].includes(word))) return 0;
    return wanted.every((word) => one.words[0].includes(word) || one.words[1].includes(word)) ? 1 : 2;
  };
  const hidden = formOf("train").said.hidden || {};
  const hits = (await names()).map((one) => [rank(one), one]).filter(([at]) => at < 2)
    .sort((a, b) => a[0] - b[0]).slice(0, 12);
  if (!hits.length) return foundPlace().replaceChildren(nothing(typed.trim(), (await index)?.none || ""));
  foundPlace().replaceChildren(...hits.map(([, one]) => {
    const row = document.createElement("button");
    row.type = "button";
    row.className = "hit";
    const label = document.createElement("b");
    label.textContent = one.label;
    const where = document.createElement("span");
    where.textContent = `${one.title} · ${one.name}`;
    row.append(label, where);
    if (hidden[one.name]) {
      const why = document.createElement("i");
      why.textContent = hidden[one.name];
      row.append(why);
    }
    row.addEventListener("click", () => reveal(`setting-${one.name}`));
    return row;
  }));
}
document.addEventListener("keydown", (event) => {
  if (!event.target.closest || !event.target.closest("#search")) return;
  const first = document.querySelector("#found .hit");
  if (event.key === "Enter" && first) first.click();
  if (event.key === "Escape") foundPlace().replaceChildren();
});

// Shows a field wherever it is: its section is unfolded, and it is shown even if it is rare or does not apply.
async function reveal(id) {
  if (!id.includes("setting-")) return;
  document.getElementById("found")?.replaceChildren();
  const name = id.slice(id.indexOf("setting-") + "setting-".length);
  let field = document.getElementById(id);
  if (!field) {
    const section = (await names()).find((one) => one.name === name)?.section;
    document.querySelector(`#section-${section} .label-wrap`)?.click();
    field = await appears(id);
  } else if (!field.offsetParent && field.closest(".section")) {
    const content = field.closest('[data-testid="accordion-content"]');
    if (content && content.style.display === "none") field.closest(".section").querySelector(".label-wrap").click();
  }
  if (!field) return;
  document.querySelectorAll(".found").forEach((one) => one.classList.remove("found"));
  field.classList.add("found");
  field.closest(".section")?.classList.add("found");
  for (let frame = 0; frame < 120 && !field.offsetParent; frame++) await new Promise(requestAnimationFrame);
  field.scrollIntoView({behavior: "smooth", block: "center"});
  field.querySelector("input, textarea")?.focus({preventScroll: true});
}
function appears(id) {
  return new Promise((done) => {
    const watch = new MutationObserver(() => {
      const field = document.getElementById(id);
      if (field) { watch.disconnect(); done(field); }
    });
    watch.observe(document.body, {childList: true, subtree: true});
  });
}

// How much of the form is shown is remembered in this browser.
document.addEventListener("change", (event) => {
  if (!event.target.closest || !event.target.closest("#depth")) return;
  document.body.dataset.depth = event.target.value;
  localStorage.setItem("crucible_depth", event.target.value);
  if (event.target.value === "changed") names().then(() => mark(formOf("train")));
});

crucible.put = put; // for the other scripts
crucible.names = names;
crucible.settingOf = (field) => { const form = formAround(field); return {form: form.name, setting: nameOf(form, field)}; };
