// Boxes on the chosen picture: drawn, moved and named; each is kept at once, and comes back as it lies within the picture.

import {set, on, tell, at, say, made, button, figure, addressOf, nameOf, sizeOf} from "./state.js";
import {act, ask, complain} from "./asking.js";
import {startKinds} from "./kinds.js";

const SOON = 120, LEAST = 8; // milliseconds on a picture until its boxes are asked for; pixels of the screen that are a drag
const EDGES = ["nw", "n", "ne", "e", "se", "s", "sw", "w"];
const STEPS = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};
let shown = null, boxes = [], chosen = 0, timer = 0, asked = 0, kept = 0;
const card = () => at("studio-crops");
const sheet = () => card().querySelector(".sheet");

export function startCrops() {
  startKinds(offerKinds);
  on("current mode", () => soon(SOON));
  on("opened", () => {
    show(null, []);
    offerKinds();
    at("studio-preprocessor").dataset.path = set.sources[0] ?? "";
  });
  on("boxes", () => look(true));
  sheet().addEventListener("pointerdown", grab);
  sheet().addEventListener("keydown", nudge);
  at("studio-crops-snap").addEventListener("change", () => change({snap: at("studio-crops-snap").value}, false));
  sheet().querySelector("img").addEventListener("load", draw);
  at("studio-crops-propose").addEventListener("click", propose);
}

function offerKinds() {
  at("studio-crops-kinds").replaceChildren(...set.kinds.map((kind) => made("option", {value: kind.name})));
  if (!at("studio-crops-kind").value && set.kinds.length) at("studio-crops-kind").value = set.kinds[0].name;
}

function soon(wait) {
  clearTimeout(timer);
  if (set.mode === "crops" && set.id) timer = setTimeout(look, wait);
}

async function look(anew = false) {
  clearTimeout(timer);
  if (set.mode !== "crops" || !set.id) return;
  const mine = ++asked, pid = set.current;
  if (pid === null || !set.row.has(pid)) return show(null, []);
  if (pid === shown && !anew) return;
  try {
    const answer = await ask("boxes", {picture: pid});
    if (mine === asked) show(pid, answer.boxes);
  } catch (error) {
    if (mine === asked) complain(error);
  }
}

function show(pid, its) {
  if (pid !== shown) chosen = 0;
  shown = pid;
  boxes = its;
  at("studio-crops-file").textContent = pid === null ? "" : nameOf(pid);
  const image = sheet().querySelector("img"), address = pid === null ? "" : addressOf(pid, "full");
  if (image.getAttribute("src") !== address) {
    image.removeAttribute("src"); // else the picture before would be seen until this one is there
    if (address) image.src = address;
  }
  if (pid !== null) {
    const [width, height] = sizeOf(pid);
    image.alt = nameOf(pid);
    Object.assign(image, {width, height});
  }
  sheet().hidden = pid === null;
  draw();
  tell("sheet", pid);
}

// Keeps the boxes as they are; what comes back is drawn unless something else was done meanwhile.
async function keep() {
  const picture = shown, mine = ++kept;
  draw();
  const answer = await act("put_boxes", {picture, boxes});
  if (shown !== picture || mine !== kept) return;
  if (!answer) return look(true);
  boxes = answer.boxes;
  draw();
}

// Boxes for the faces and people that are found on the picture.
async function propose() {
  const picture = shown, there = boxes.length, go = at("studio-crops-propose");
  if (picture === null) return;
  go.disabled = true;
  const answer = await act("propose", {picture, snap: at("studio-crops-snap").value});
  go.disabled = false;
  if (!answer) return;
  if (!answer.proposed) crucible.toast(say("crops_proposed_none"), true);
  if (shown !== picture) return;
  if (answer.proposed) chosen = there;
  boxes = answer.boxes;
  draw();
}

// Changes the chosen box. `anew` draws its fields again.
function change(values, anew = true) {
  if (!boxes[chosen]) return;
  const before = boxes[chosen].name;
  Object.assign(boxes[chosen], values);
  if (values.name) for (const one of boxes) if (one.minus === before && !boxes.some((other) => other.name === before)) one.minus = values.name;
  keep();
  if (anew) draw();
}

function remove(number) {
  const [gone] = boxes.splice(number, 1);
  for (const one of boxes) if (one.minus === gone.name && !boxes.some((other) => other.name === gone.name)) one.minus = "";
  chosen = Math.max(0, Math.min(chosen, boxes.length - 1));
  keep();
}

// Drawing

const share = (value, all) => `${(100 * value) / all}%`;
function place(element, box) {
  const [width, height] = sizeOf(shown);
  Object.assign(element.style, {
    left: share(box.left, width), top: share(box.top, height),
    width: share(box.right - box.left, width), height: share(box.bottom - box.top, height),
  });
}

function draw() {
  const layer = sheet().querySelector(".boxes"), focused = [...layer.children].indexOf(document.activeElement);
  layer.replaceChildren(...(shown === null ? [] : boxes.map((box, number) => {
    const element = made("div", {className: "box", tabIndex: 0, data: {number}}, made("span", {}, labelOf(box)),
      ...(number === chosen ? EDGES.map((edge) => made("i", {data: {edge}})) : []));
    element.classList.toggle("on", number === chosen);
    element.classList.toggle("less", boxes.some((one) => one.minus === box.name));
    element.setAttribute("role", "group");
    element.setAttribute("aria-label", labelOf(box));
    place(element, box);
    return element;
  })));
  if (focused >= 0) layer.children[Math.min(focused, boxes.length - 1)]?.focus({preventScroll: true});
  drawRows();
}
const labelOf = (box) => `${box.name} · ${figure(box.right - box.left)} × ${figure(box.bottom - box.top)}`;

function drawRows() {
  at("studio-crops-none").hidden = boxes.length > 0;
  if (boxes[chosen]) at("studio-crops-snap").value = boxes[chosen].snap;
  if (at("studio-crops-rows").contains(document.activeElement) && document.activeElement.matches("textarea, input")) {
    return; // somebody types there
  }
  at("studio-crops-rows").replaceChildren(...boxes.map((box, number) => {
    const row = made("div", {className: "row", data: {number}});
    row.classList.toggle("on", number === chosen);
    row.append(made("div", {className: "top"},
      button({className: "name", onclick: () => choose(number)}, box.name, made("small", {}, `${figure(box.right - box.left)} × ${figure(box.bottom - box.top)}`)),
      button({className: "icon", title: say("crops_remove"), ariaLabel: `${say("crops_remove")}: ${box.name}`, onclick: () => remove(number)}, "×")));
    if (number === chosen) row.append(fields(box));
    return row;
  }));
}

function fields(box) {
  const name = made("input", {type: "text", value: box.name, maxLength: 60});
  name.setAttribute("list", "studio-crops-kinds");
  name.addEventListener("change", () => { name.blur(); change({name: name.value.trim() || box.name}); });
  const others = [...new Set(boxes.map((one) => one.name))].filter((one) => one !== box.name);
  const minus = choice([["", say("crops_minus_none")], ...others.map((one) => [one, one])], box.minus, (value) => change({minus: value}));
  const how = choice([["fill", say("crops_fill")], ["mask", say("crops_mask")]], box.how, (value) => change({how: value}));
  how.hidden = !box.minus;
  const caption = made("textarea", {rows: 3, value: box.caption, placeholder: say("crops_caption_usual"), spellcheck: false});
  caption.addEventListener("change", () => change({caption: caption.value.trim()}, false));
  const labelled = (words, ...inputs) => made("label", {}, say(words), ...inputs);
  return made("div", {className: "fields"}, labelled("crops_name", name), ...(others.length ? [labelled("crops_minus", minus, how)] : []), labelled("crops_caption", caption));
}
function choice(options, value, changed) {
  const one = made("select", {}, ...options.map(([key, words]) => made("option", {value: key}, words)));
  one.value = value;
  one.addEventListener("change", () => changed(one.value));
  return one;
}

function choose(number) {
  chosen = number;
  document.activeElement?.blur?.();
  draw();
}

// The pointer draws a new box wherever it is dragged, also within another; a box's name moves it, an edge of the chosen one pulls.
function grab(event) {
  if (event.button || shown === null) return;
  event.preventDefault();
  const [width, height] = sizeOf(shown), area = sheet().getBoundingClientRect();
  const spot = (one) => [
    Math.max(0, Math.min(width, ((one.clientX - area.left) / area.width) * width)),
    Math.max(0, Math.min(height, ((one.clientY - area.top) / area.height) * height)),
  ];
  const from = spot(event), edge = event.target.dataset?.edge;
  const on = edge || event.target.closest(".box > span") ? event.target.closest(".box") : null;
  const number = on ? Number(on.dataset.number) : -1;
  if (on && number !== chosen) choose(number);
  const before = on ? {...boxes[number]} : null;
  const layer = sheet().querySelector(".boxes"), ghost = on ? layer.children[number] : layer.appendChild(made("div", {className: "box on"}));
  let now = before || {left: from[0], top: from[1], right: from[0], bottom: from[1]};
  const drag = (moved) => {
    now = pulled(before, edge, from, spot(moved), width, height);
    place(ghost, now);
  };
  const drop = (up) => {
    removeEventListener("pointermove", drag);
    removeEventListener("pointerup", drop);
    removeEventListener("pointercancel", cancel);
    const far = Math.max(Math.abs(up.clientX - event.clientX), Math.abs(up.clientY - event.clientY)) >= LEAST;
    if (!before) ghost.remove();
    if (!far) return pick(on ? number : innermost(from));
    if (before) Object.assign(boxes[number], rounded(now));
    else {
      const name = at("studio-crops-kind").value.trim() || set.kinds[0]?.name || "box";
      boxes.push({name, minus: "", how: "fill", caption: "", snap: at("studio-crops-snap").value, ...rounded(now)});
      chosen = boxes.length - 1;
    }
    keep();
  };
  const cancel = () => { removeEventListener("pointermove", drag); removeEventListener("pointerup", drop); draw(); };
  addEventListener("pointermove", drag);
  addEventListener("pointerup", drop);
  addEventListener("pointercancel", cancel, {once: true});
}

// The smallest box around a place, -1 where there is none.
function innermost([x, y]) {
  const area = (box) => (box.right - box.left) * (box.bottom - box.top);
  const around = boxes.filter((box) => box.left <= x && x <= box.right && box.top <= y && y <= box.bottom);
  return boxes.indexOf(around.sort((one, other) => area(one) - area(other))[0]);
}
function pick(number) {
  if (number < 0) return draw();
  choose(number);
  sheet().querySelector(".boxes").children[number].focus({preventScroll: true});
}

function pulled(before, edge, from, to, width, height) {
  if (!before) return {left: Math.min(from[0], to[0]), top: Math.min(from[1], to[1]), right: Math.max(from[0], to[0]), bottom: Math.max(from[1], to[1])};
  const by = [to[0] - from[0], to[1] - from[1]];
  if (!edge) {
    const across = Math.max(-before.left, Math.min(width - before.right, by[0])), down = Math.max(-before.top, Math.min(height - before.bottom, by[1]));
    return {left: before.left + across, right: before.right + across, top: before.top + down, bottom: before.bottom + down};
  }
  const now = {...before};
  if (edge.includes("w")) now.left = Math.min(before.left + by[0], before.right - 1);
  if (edge.includes("e")) now.right = Math.max(before.right + by[0], before.left + 1);
  if (edge.includes("n")) now.top = Math.min(before.top + by[1], before.bottom - 1);
  if (edge.includes("s")) now.bottom = Math.max(before.bottom + by[1], before.top + 1);
  return now;
}
const rounded = (box) => Object.fromEntries(["left", "top", "right", "bottom"].map((side) => [side, Math.round(box[side])]));

// Keys on a box: arrows move it, with Shift by 16 pixels, Delete takes it away.
function nudge(event) {
  const on = event.target.closest(".box"), step = STEPS[event.key];
  if (!on || event.ctrlKey || event.metaKey || event.altKey) return;
  const number = Number(on.dataset.number);
  if (["Delete", "Backspace"].includes(event.key)) remove(number);
  else if (event.key === "Enter" || event.key === " ") choose(number);
  else if (step) {
    chosen = number;
    const [width, height] = sizeOf(shown), by = event.shiftKey ? 16 : 1, box = boxes[number];
    Object.assign(box, rounded(pulled(box, "", [0, 0], [step[0] * by, step[1] * by], width, height)));
    keep();
  } else return;
  event.preventDefault();
  event.stopPropagation();
}
