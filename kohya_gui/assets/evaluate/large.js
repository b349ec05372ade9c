// The large picture over everything: another one behind it while a key is held, or both with a line to wipe; one zoom for both.

import {at, made, say} from "./elements.js";
import {SIGNS, about, addressOf, chosen, grid, isDrawn, markOf, nameOfMark, on, originalAt, pictureAt, remember, remembered, shape, withoutAt} from "./state.js";

const MOST = 16, FAR = 50; // times larger; pixels that a finger moves to turn
const fetchedImages = new Map(); // by address
let mode = "one", heldDown = false, line = 50;
const fingers = new Map(); // by pointer, where each is that is on the pictures
let pinches = false; // whether two were there since the last time that none was
let view = {scale: 1, x: 0, y: 0}; // of both pictures, from the middle, in pixels
let factsOf = () => Promise.resolve("");
const large = () => at("evaluate-large");
const stage = () => large().querySelector(".stage");
const layers = () => [...stage().querySelectorAll(".layer")];

export const isLarge = () => Boolean(large()) && !large().hidden;

// `facts` gives the HTML of how a picture is drawn.
export function startLarge(facts) {
  factsOf = facts;
  stage().addEventListener("wheel", zoomed, {passive: false});
  stage().addEventListener("pointerdown", grabbed);
  stage().addEventListener("pointerdown", (event) => { fingers.set(event.pointerId, event); pinches ||= fingers.size > 1; });
  document.addEventListener("pointermove", pinched);
  for (const end of ["pointerup", "pointercancel"]) document.addEventListener(end, lifted);
  stage().addEventListener("dblclick", () => { setView(view.scale > 1 ? {scale: 1, x: 0, y: 0} : {scale: natural(), x: 0, y: 0}); });
  at("evaluate-large-zoom").addEventListener("click", () => setView({scale: view.scale === 1 ? natural() : 1, x: 0, y: 0}));
  at("evaluate-large-facts").addEventListener("click", () => showFacts(at("evaluate-facts").hidden));
  new ResizeObserver(() => isLarge() && applyView()).observe(stage());
  on("chosen layout", () => { if (isLarge()) drawLarge(); });
  on("marks drawn", () => { if (isLarge()) drawLarge(); });
  on("renewed", () => { if (isLarge()) drawLarge(); });
  on("opened blind", () => { closeLarge(); forgetFacts(); });
  showFacts(remembered("facts", innerWidth > 900));
}

export function openLarge() {
  if (!grid.id) return;
  large().hidden = false;
  at("evaluate-work").inert = true; // Tab stays in here
  setView({scale: 1, x: 0, y: 0});
  drawLarge();
  large().focus({preventScroll: true});
}
export function closeLarge() {
  if (!isLarge()) return;
  large().hidden = true;
  heldDown = false;
  at("evaluate-work").inert = false;
  fetchedImages.clear();
  at("evaluate-grid").focus({preventScroll: true});
}

function showFacts(shows) {
  at("evaluate-facts").hidden = !shows;
  at("evaluate-large-facts").setAttribute("aria-pressed", shows);
  remember("facts", shows);
}

// The picture without the adapter, or the one that was pinned, instead of the chosen one while `is`.
export function holdLarge(is) {
  if (heldDown === is) return;
  heldDown = is;
  drawLarge();
}
export function toggleWipe() {
  mode = mode === "wipe" ? "one" : "wipe";
  if (isLarge()) drawLarge();
  else if (mode === "wipe") openLarge();
}
// What the chosen picture is compared with, and that in words: the pinned picture, or the one without the adapter.
const isPinned = () => grid.pinned !== null && grid.pinned.picture !== chosen();
const compared = () => (isPinned() ? grid.pinned.picture : withoutAt(grid.row, grid.column));
const comparedWords = () => (isPinned() ? grid.pinned.words : say("without_label"));

// Pictures that were fetched are kept, so that they are there at once when they are shown.
function fetchImage(picture) {
  const address = addressOf(picture, "full");
  if (!fetchedImages.has(address)) {
    const image = new Image();
    image.src = address;
    fetchedImages.set(address, image);
  }
  return address;
}

function drawLarge() {
  const picture = chosen(), other = compared(), wipes = mode === "wipe" && !heldDown;
  const [one, two] = layers();
  put(one, picture);
  put(two, other);
  one.hidden = heldDown;
  two.hidden = !heldDown && !wipes;
  const missing = heldDown ? !isDrawn(other) : !isDrawn(picture) || (wipes && !isDrawn(other));
  stage().querySelector(".waits").hidden = !missing;
  stage().querySelector(".line").hidden = !wipes;
  wipeAt(line);
  const [left, right] = stage().querySelectorAll(".caption");
  left.textContent = heldDown || wipes ? comparedWords() : "";
  right.textContent = wipes ? about(grid.row, grid.column) : "";
  at("evaluate-large-about").textContent = about(grid.row, grid.column);
  large().dataset.mark = markOf(picture);
  large().dataset.sign = SIGNS[markOf(picture)];
  for (const act of large().querySelectorAll("[data-do]")) {
    const on = {wipe: mode === "wipe", pin: grid.pinned?.picture === picture, without: heldDown}[act.dataset.do];
    act.setAttribute("aria-pressed", on ?? (markOf(picture) !== "." && act.dataset.do === nameOfMark(markOf(picture))));
  }
  ahead();
  applyView();
  tellFacts(heldDown ? other : picture);
}

function put(layer, picture) {
  const image = layer.firstElementChild, address = isDrawn(picture) ? fetchImage(picture) : "";
  if (image.dataset.shown === address) return;
  image.dataset.shown = address;
  image.hidden = !address;
  if (address) image.src = address;
  else image.removeAttribute("src");
}

// Neighbours are fetched before they are asked for; others are let go.
function ahead() {
  const {rows, columns} = shape(), near = [chosen(), compared()];
  for (const [down, across] of [[0, 1], [0, -1], [1, 0], [-1, 0]]) {
    const [row, column] = [grid.row + down, grid.column + across];
    if (row >= 0 && column >= 0 && row < rows && column < columns) near.push(pictureAt(row, column));
  }
  const wanted = new Set(near.filter(isDrawn).map(fetchImage));
  for (const [address, image] of fetchedImages) {
    if (wanted.has(address)) continue;
    fetchedImages.delete(address);
    if (!image.complete) image.removeAttribute("src"); // nobody waits for it any more
  }
}

let asked = -1;
async function tellFacts(picture) {
  if (asked === picture || grid.blind) return;
  asked = picture;
  const html = await factsOf(picture);
  if (asked !== picture || grid.blind) return;
  at("evaluate-facts").innerHTML = html;
  const original = originalAt(grid.row, grid.column);
  if (original) at("evaluate-facts").prepend(made("div", {className: "original"}, made("dt", {}, say("original")), made("dd", {}, made("img", {alt: "", src: original}))));
}
export function forgetFacts() {
  asked = -1;
  for (const one of [at("evaluate-facts"), at("evaluate-large-about"), ...stage().querySelectorAll(".caption")]) one.replaceChildren();
}

// How much larger one pixel of the picture is than it is shown at scale 1, so that it is one of the screen.
function natural() {
  const image = layers()[0].firstElementChild, width = image.clientWidth * (devicePixelRatio || 1);
  return width && image.naturalWidth ? Math.max(1.001, Math.min(MOST, image.naturalWidth / width)) : 2;
}
function setView(next) {
  view = next;
  applyView();
}
function applyView() {
  const [width, height] = [stage().clientWidth, stage().clientHeight], room = (view.scale - 1) / 2;
  view.x = Math.max(-width * room, Math.min(width * room, view.x));
  view.y = Math.max(-height * room, Math.min(height * room, view.y));
  for (const layer of layers()) layer.firstElementChild.style.transform = `translate(${view.x}px, ${view.y}px) scale(${view.scale})`;
  stage().classList.toggle("zoomed", view.scale > 1);
  at("evaluate-large-zoom").textContent = view.scale === 1 ? say("fit") : `× ${view.scale.toFixed(1)}`;
}
// Zooms in so many times; what is at that place of the window stays there.
function zoomAt(left, top, times) {
  const place = stage().getBoundingClientRect();
  const [x, y] = [left - place.left - place.width / 2, top - place.top - place.height / 2];
  const scale = Math.max(1, Math.min(MOST, view.scale * times)), by = scale / view.scale;
  setView({scale, x: x - (x - view.x) * by, y: y - (y - view.y) * by});
}
function zoomed(event) {
  event.preventDefault();
  zoomAt(event.clientX, event.clientY, 1.0015 ** -event.deltaY);
}

// Two fingers zoom by how far they are apart.
function pinched(event) {
  if (!fingers.has(event.pointerId)) return;
  const apart = () => {
    const [one, other] = [...fingers.values()];
    return Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY);
  };
  const before = fingers.size === 2 ? apart() : 0;
  fingers.set(event.pointerId, event);
  if (!before) return;
  const [one, other] = [...fingers.values()];
  zoomAt((one.clientX + other.clientX) / 2, (one.clientY + other.clientY) / 2, apart() / before);
}
function lifted(event) {
  fingers.delete(event.pointerId);
  if (!fingers.size) setTimeout(() => { pinches = false; }); // whoever hears of the last finger still asks
}

function wipeAt(percent) {
  line = Math.max(0, Math.min(100, percent));
  const [, two] = layers();
  two.style.clipPath = mode === "wipe" && !heldDown ? `inset(0 ${100 - line}% 0 0)` : "";
  stage().querySelector(".line").style.left = `${line}%`;
}

// Dragging moves the line, or the pictures where they are zoomed in; a finger turns to a neighbour.
function grabbed(event) {
  if (event.button || event.target.closest("button")) return;
  const place = stage().getBoundingClientRect(), from = {...view}, wipes = mode === "wipe";
  const onLine = wipes && (view.scale === 1 || Math.abs(event.clientX - place.left - place.width * line / 100) < 30);
  const drag = (moved) => {
    if (pinches || moved.pointerId !== event.pointerId) return;
    if (onLine) wipeAt(100 * (moved.clientX - place.left) / place.width);
    else if (view.scale > 1) setView({scale: view.scale, x: from.x + moved.clientX - event.clientX, y: from.y + moved.clientY - event.clientY});
  };
  if (onLine) drag(event);
  const drop = (up) => {
    if (up.pointerId !== event.pointerId) return;
    document.removeEventListener("pointermove", drag);
    document.removeEventListener("pointerup", drop);
    document.removeEventListener("pointercancel", drop);
    if (pinches || onLine || view.scale > 1 || event.pointerType === "mouse" || up.type === "pointercancel") return;
    const [across, down] = [up.clientX - event.clientX, up.clientY - event.clientY];
    if (Math.max(Math.abs(across), Math.abs(down)) < FAR) return;
    const sideways = Math.abs(across) > Math.abs(down);
    turned(sideways ? (across < 0 ? "ArrowRight" : "ArrowLeft") : (down < 0 ? "ArrowDown" : "ArrowUp"));
  };
  document.addEventListener("pointermove", drag);
  document.addEventListener("pointerup", drop);
  document.addEventListener("pointercancel", drop);
}
let turned = () => {};
export const onTurn = (listener) => { turned = listener; };
