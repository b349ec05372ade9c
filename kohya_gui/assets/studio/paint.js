// Painting on the chosen picture with a brush or a lasso: what is covered is erased, or left out of the loss. Strokes are kept as
// points in the picture's pixels, each at once.

import {on, at, addressOf, sizeOf, remember, remembered} from "./state.js";
import {act, ask, complain} from "./asking.js";

const SVG = "http://www.w3.org/2000/svg", KINDS = ["fill", "inpaint", "mask"];
const SMOOTH = 0.7; // pixels of the screen that a point may lie beside the line between others to be left out
const LEAST = 4; // pixels of the screen that a lasso goes around
let shown = null, strokes = [], asked = 0, kept = 0;
let results = 0; // that were looked at, so that each has an address of its own
let tool = "box", kind = "fill", drawing = null; // {pointer, points, path} while a stroke is drawn
let layer, ring;
const card = () => at("studio-crops");
const sheet = () => card().querySelector(".sheet");

export function startPaint() {
  layer = document.createElementNS(SVG, "svg");
  layer.id = "studio-paint";
  layer.setAttribute("preserveAspectRatio", "none");
  layer.setAttribute("aria-hidden", "true");
  layer.append(hatch());
  ring = document.createElement("div");
  ring.className = "ring";
  ring.hidden = true;
  sheet().append(layer, ring);
  kind = remembered("paint", "fill");
  if (!KINDS.includes(kind)) kind = "fill";
  at("studio-paint-size").value = remembered("brush", 36);
  on("sheet", look);
  card().addEventListener("click", pick);
  at("studio-paint-size").addEventListener("change", () => remember("brush", Number(at("studio-paint-size").value)));
  at("studio-paint-clear").addEventListener("click", () => { strokes = []; keep(); });
  at("studio-paint-result").addEventListener("click", () => showResult(!isResult()));
  layer.addEventListener("pointerdown", begin);
  layer.addEventListener("pointermove", go);
  layer.addEventListener("pointerup", end);
  layer.addEventListener("pointercancel", () => { drawing = null; draw(); });
  layer.addEventListener("pointerleave", () => { ring.hidden = true; });
  show();
}

// The pattern of what is not learnt.
function hatch() {
  const all = document.createElementNS(SVG, "defs");
  all.innerHTML = '<pattern id="studio-hatch" patternUnits="userSpaceOnUse"><rect class="under"/><path/></pattern>';
  return all;
}
function fitHatch(width) {
  const step = width / 45, pattern = layer.querySelector("pattern"), line = pattern.querySelector("path");
  for (const side of ["width", "height"]) {
    pattern.setAttribute(side, step);
    pattern.querySelector("rect").setAttribute(side, step);
  }
  pattern.setAttribute("patternTransform", "rotate(45)");
  line.setAttribute("d", `M0 ${step / 2}H${step}`);
  line.setAttribute("stroke-width", step / 2.6);
}

function pick(event) {
  const draws = event.target.closest("button[data-draws]"), paints = event.target.closest("button[data-paints]");
  if (draws) tool = draws.dataset.draws;
  else if (paints) remember("paint", kind = paints.dataset.paints);
  else return;
  show();
}

// Which tool is at hand.
function show() {
  const paints = tool !== "box";
  showResult(false);
  for (const one of card().querySelectorAll("button[data-draws]")) one.setAttribute("aria-pressed", one.dataset.draws === tool);
  for (const one of card().querySelectorAll("button[data-paints]")) one.setAttribute("aria-pressed", one.dataset.paints === kind);
  card().querySelector(".paints").hidden = !paints;
  card().querySelector(".boxes-line").hidden = paints;
  at("studio-crops-how").hidden = paints;
  at("studio-paint-how").hidden = !paints;
  at("studio-paint-thick").hidden = tool !== "brush";
  at("studio-paint-clear").hidden = !paints;
  sheet().dataset.draws = tool;
  ring.hidden = true;
}

// The picture as it is exported, in place of what is painted on it.
const isResult = () => at("studio-paint-result").getAttribute("aria-pressed") === "true";
function showResult(is) {
  if (is === isResult()) return;
  at("studio-paint-result").setAttribute("aria-pressed", is);
  sheet().classList.toggle("result", is);
  if (shown !== null) sheet().querySelector("img").src = is ? `${addressOf(shown, "erased")}&v=${++results}` : addressOf(shown, "full");
}

// What is painted on the picture that the panel shows.
async function look(pid) {
  const mine = ++asked;
  showResult(false);
  if (pid !== shown) {
    [strokes, drawing] = [[], null];
    shown = pid;
    draw();
  }
  if (pid === null) return;
  try {
    const answer = await ask("painted", {picture: pid});
    if (mine !== asked || drawing) return;
    strokes = answer.strokes;
    draw();
  } catch (error) {
    if (mine === asked) complain(error);
  }
}

// Keeps what is painted as it is.
async function keep() {
  const picture = shown, mine = ++kept;
  asked++;
  showResult(false);
  draw();
  const answer = await act("paint", {picture, strokes});
  if (shown !== picture || mine !== kept || drawing) return;
  if (!answer) return look(shown);
  strokes = answer.strokes;
  draw();
}

function draw() {
  const groups = KINDS.map((name) => {
    const group = document.createElementNS(SVG, "g");
    group.setAttribute("class", name);
    group.append(...strokes.filter((one) => one.what === name).map(pathOf));
    return group;
  });
  layer.querySelectorAll("g").forEach((group) => group.remove());
  layer.append(...groups);
  at("studio-paint-clear").disabled = !strokes.length;
  at("studio-paint-result").disabled = !strokes.some((one) => one.what !== "mask");
  if (shown === null) return;
  const [width, height] = sizeOf(shown);
  layer.setAttribute("viewBox", `0 0 ${width} ${height}`);
  fitHatch(width);
}

function pathOf(stroke) {
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("class", stroke.radius ? "brush" : "lasso");
  if (stroke.radius) path.setAttribute("stroke-width", 2 * stroke.radius);
  path.setAttribute("d", lineOf(stroke));
  return path;
}
function lineOf({radius, points}) {
  const [first, ...rest] = points;
  return `M${first.join(" ")}${rest.map((point) => `L${point.join(" ")}`).join("")}${radius ? (rest.length ? "" : "h.01") : "Z"}`;
}

// The pointer: a finger, a pen or a mouse. While one draws, others are of no account, such as a hand that rests beside a pen.
const perPixel = () => sizeOf(shown)[0] / sheet().getBoundingClientRect().width;
function spot(event) {
  const area = sheet().getBoundingClientRect(), [width, height] = sizeOf(shown);
  return [Math.round(((event.clientX - area.left) / area.width) * width), Math.round(((event.clientY - area.top) / area.height) * height)];
}

function begin(event) {
  event.stopPropagation(); // else a box would be drawn
  if (event.button || shown === null || drawing) return;
  event.preventDefault();
  showResult(false);
  at("studio-grid").focus({preventScroll: true}); // so that Z is a key again after the slider was moved
  layer.setPointerCapture(event.pointerId);
  const radius = tool === "brush" ? Math.max(1, Math.round((at("studio-paint-size").value / 2) * perPixel())) : 0;
  const stroke = {what: kind, radius, points: [spot(event)]};
  drawing = {pointer: event.pointerId, stroke, path: pathOf(stroke)};
  layer.querySelector(`g.${kind}`).append(drawing.path);
}

function go(event) {
  follow(event);
  if (event.pointerId !== drawing?.pointer) return;
  const between = event.getCoalescedEvents?.() ?? [];
  for (const one of between.length ? between : [event]) drawing.stroke.points.push(spot(one));
  drawing.path.setAttribute("d", lineOf(drawing.stroke));
}

function end(event) {
  if (event.pointerId !== drawing?.pointer) return;
  const {stroke} = drawing, far = perPixel();
  drawing = null;
  stroke.points = simplified(stroke.points, SMOOTH * far);
  const across = stroke.points.map(([x]) => x), down = stroke.points.map(([, y]) => y);
  const small = Math.min(Math.max(...across) - Math.min(...across), Math.max(...down) - Math.min(...down)) < LEAST * far;
  if (!stroke.radius && (stroke.points.length < 3 || small)) return draw();
  strokes = [...strokes, stroke];
  keep();
}

// A ring as large as the brush, for pointers that hover.
function follow(event) {
  ring.hidden = tool !== "brush" || event.pointerType === "touch";
  if (ring.hidden) return;
  const area = sheet().getBoundingClientRect(), size = Number(at("studio-paint-size").value);
  Object.assign(ring.style, {width: `${size}px`, height: `${size}px`, left: `${event.clientX - area.left}px`, top: `${event.clientY - area.top}px`});
}

// The points without those that lie nearly on the line between others (Douglas and Peucker, 1973).
function simplified(points, most) {
  if (points.length < 3) return points;
  const kept = new Set([0, points.length - 1]), parts = [[0, points.length - 1]];
  while (parts.length) {
    const [from, to] = parts.pop();
    let farthest = most, place = -1;
    for (let at = from + 1; at < to; at++) {
      const away = beside(points[at], points[from], points[to]);
      if (away > farthest) [farthest, place] = [away, at];
    }
    if (place < 0) continue;
    kept.add(place);
    parts.push([from, place], [place, to]);
  }
  return points.filter((_, at) => kept.has(at));
}
function beside([x, y], [fromX, fromY], [toX, toY]) {
  const across = toX - fromX, down = toY - fromY, length = across * across + down * down;
  const along = length ? Math.max(0, Math.min(1, ((x - fromX) * across + (y - fromY) * down) / length)) : 0;
  return Math.hypot(x - fromX - along * across, y - fromY - along * down);
}
