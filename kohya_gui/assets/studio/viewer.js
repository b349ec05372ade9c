// The large picture over everything, or two of them side by side, whole or pixel by pixel; neighbours are fetched ahead.

import {set, on, at, say, made, figure, addressOf, nameOf, markOf, shotOf, starsOf, sizeOf, nameOfMark, choose, button, titleOf} from "./state.js";

const AHEAD = 3; // pictures on each side that are fetched before they are asked for
const images = new Map(); // by address
let pair = null, side = 0; // the two that are compared, and which of them keys are for
let zoomed = false, spot = [0.5, 0.5]; // what is in the middle at 100 %, as shares of width and height
const viewer = () => at("studio-viewer");
const stages = () => viewer().querySelector(".stages");

export const isOpen = () => Boolean(viewer()) && !viewer().hidden;
export const isPair = () => isOpen() && pair !== null;
// The picture that keys are for.
export const active = () => (pair ? pair[side] : set.current);

export function startViewer() {
  viewer().addEventListener("click", (event) => {
    const turn = event.target.closest("[data-turn]");
    if (turn) go(Number(turn.dataset.turn));
    if (event.target.closest("[data-shut]")) close();
    const stage = event.target.closest(".stage");
    if (stage && pair) activate([...stages().children].indexOf(stage));
  });
  stages().addEventListener("dblclick", zoom);
  stages().addEventListener("pointerdown", grab);
  on("current list", () => { if (isOpen() && !pair) draw(); });
  on("marks", () => { if (isOpen()) describe(); });
  on("opened", close);
  on("opened shots", drawShots);
}

export function open(two = null) {
  if (set.current === null) return;
  pair = two;
  side = 0;
  viewer().hidden = false;
  at("studio-work").inert = true; // Tab stays in here
  viewer().classList.toggle("pair", Boolean(two));
  stages().replaceChildren();
  draw();
  viewer().focus({preventScroll: true});
}

export function close() {
  if (!isOpen()) return;
  if (pair) choose(pair[side]);
  pair = null;
  viewer().hidden = true;
  at("studio-work").inert = false;
  stages().replaceChildren();
  images.clear();
  at("studio-grid").focus({preventScroll: true});
}

// A button for each type of shot that has a key.
function drawShots() {
  viewer().querySelector(".kinds").replaceChildren(...set.shots.slice(0, 6).map((shot, number) => button(
    {data: {do: `shot${number + 1}`}}, made("kbd"), made("span", {}, titleOf(shot)),
  )));
  if (isOpen()) describe();
}

// To the picture `by` places on, or to the other one of a pair.
export function go(by) {
  if (pair) return activate(side ? 0 : 1);
  const next = set.order[(set.place.get(set.current) ?? 0) + by];
  if (next !== undefined) choose(next);
}

function activate(which) {
  side = which;
  describe();
}

export function zoom() {
  zoomed = !zoomed;
  if (zoomed) spot = [0.5, 0.5];
  draw();
}

function fetched(pid) {
  const address = addressOf(pid, "full");
  let image = images.get(address);
  if (!image) {
    image = made("img", {alt: "", draggable: false, decoding: "sync", src: address});
    image.addEventListener("error", () => image.parentElement?.classList.add("broken"));
    image.addEventListener("load", () => image.parentElement && settle(image.parentElement));
    images.set(address, image);
  }
  return image;
}

function draw() {
  const shown = pair || [set.current];
  if (shown[0] === null || !set.place.has(shown[0])) return close();
  stages().classList.toggle("zoomed", zoomed);
  shown.forEach((pid, number) => {
    const stage = stages().children[number] || stages().appendChild(made("div", {className: "stage"}, made("figcaption")));
    const image = fetched(pid);
    if (stage.firstElementChild !== image) {
      stage.querySelector("img")?.remove();
      stage.prepend(image);
      stage.classList.toggle("broken", image.complete && !image.naturalWidth);
      stage.dataset.broken = say("unreadable");
    }
    image.alt = nameOf(pid);
    settle(stage);
  });
  describe();
  ahead();
}

// Gives a picture its size: whole within its stage, or one of its pixels for each of the screen's.
function settle(stage) {
  const image = stage.firstElementChild, ratio = devicePixelRatio || 1;
  image.style.width = zoomed && image.naturalWidth ? `${image.naturalWidth / ratio}px` : "";
  if (!zoomed) return;
  stage.scrollLeft = spot[0] * stage.scrollWidth - stage.clientWidth / 2;
  stage.scrollTop = spot[1] * stage.scrollHeight - stage.clientHeight / 2;
}

function ahead() {
  if (pair) return;
  const place = set.place.get(set.current), wanted = new Set();
  for (const by of [0, 1, -1, 2, -2, 3, -3].filter((one) => Math.abs(one) <= AHEAD)) {
    const pid = set.order[place + by];
    if (pid === undefined) continue;
    wanted.add(addressOf(pid, "full"));
    if (by) fetched(pid);
  }
  for (const [address, image] of images) {
    if (wanted.has(address)) continue;
    images.delete(address);
    if (!image.complete) image.removeAttribute("src"); // nobody waits for it any more
  }
}

function describe() {
  const pid = active();
  if (pid === null || !set.row.has(pid)) return;
  [...stages().children].forEach((stage, number) => {
    const one = pair ? pair[number] : pid;
    stage.dataset.mark = markOf(one);
    stage.classList.toggle("on", Boolean(pair) && number === side);
    stage.querySelector("figcaption").textContent = pair ? about(one) : "";
  });
  at("studio-viewer-about").textContent = about(pid);
  at("studio-viewer-place").textContent = say("of", {count: (set.place.get(pid) ?? 0) + 1, all: set.order.length});
  at("studio-viewer-zoom").textContent = zoomed ? "100 %" : say("fit");
  viewer().dataset.mark = markOf(pid);
  const holds = [nameOfMark(markOf(pid)), `shot${shotOf(pid) + 1}`];
  for (const act of viewer().querySelectorAll(".acts [data-do]")) act.setAttribute("aria-pressed", holds.includes(act.dataset.do));
}

export function about(pid) {
  const shot = set.shots[shotOf(pid)];
  return [nameOf(pid), sizeOf(pid).map(figure).join(" × "), say(nameOfMark(markOf(pid))), ...(starsOf(pid) ? ["★".repeat(starsOf(pid))] : []), ...(shot ? [titleOf(shot)] : [])].join(" · ");
}

// Draws the picture about at 100 %; two that are compared move together.
function grab(event) {
  const stage = event.target.closest(".stage");
  if (!stage || event.button) return;
  const from = [event.clientX, event.clientY, stage.scrollLeft, stage.scrollTop];
  const drag = (moved) => {
    if (!zoomed) return;
    stage.scrollLeft = from[2] - (moved.clientX - from[0]);
    stage.scrollTop = from[3] - (moved.clientY - from[1]);
    spot = [(stage.scrollLeft + stage.clientWidth / 2) / stage.scrollWidth, (stage.scrollTop + stage.clientHeight / 2) / stage.scrollHeight];
    for (const other of stages().children) if (other !== stage) settle(other);
  };
  const drop = (up) => {
    document.removeEventListener("pointermove", drag);
    document.removeEventListener("pointerup", drop);
    document.removeEventListener("pointercancel", drop);
    const [across, down] = [up.clientX - from[0], up.clientY - from[1]];
    if (!zoomed && !pair && event.pointerType !== "mouse" && Math.abs(across) > 50 && Math.abs(across) > Math.abs(down)) go(across < 0 ? 1 : -1);
  };
  document.addEventListener("pointermove", drag);
  document.addEventListener("pointerup", drop);
  document.addEventListener("pointercancel", drop);
}
