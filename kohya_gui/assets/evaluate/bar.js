// The bar and the axes that are neither columns nor rows: which are shown, and sliders for the others.

import {at, figure, made, say} from "./elements.js";
import {about, baseLine, grid, isDrawn, markOf, on, others, setAxes, setValue, toggleBlind} from "./state.js";

export function startBar() {
  at("evaluate-across").addEventListener("change", () => chooseAxis("across"));
  at("evaluate-down").addEventListener("change", () => chooseAxis("down"));
  at("evaluate-swap").addEventListener("click", () => setAxes(grid.down, grid.across));
  at("evaluate-axes").addEventListener("input", (event) => {
    const axis = Number(event.target.dataset.axis);
    setValue(axis, Number(event.target.value));
  });
  at("evaluate-blind").addEventListener("click", () => { toggleBlind(); at("evaluate-grid").focus({preventScroll: true}); });
  at("evaluate-reveal").addEventListener("click", toggleBlind);
  on("opened layout", fitHeight);
  addEventListener("resize", fitHeight);
  on("layout", drawBar);
  on("layout marks", drawBlind);
  on("drawn", count);
  on("chosen drawn", describe);
}

// The grid reaches to the end of the window, whatever stands above it.
function fitHeight() {
  at("evaluate-work").style.setProperty("--above", `${at("evaluate-work").getBoundingClientRect().top + scrollY}px`);
}

// An axis cannot be both; whichever is chosen for one is taken from the other.
function chooseAxis(which) {
  const chosenAxis = Number(at(`evaluate-${which}`).value), other = which === "across" ? grid.down : grid.across;
  const rest = other === chosenAxis ? grid[which] : other;
  if (which === "across") setAxes(chosenAxis, rest);
  else setAxes(rest, chosenAxis);
  at("evaluate-grid").focus({preventScroll: true});
}

function drawBar() {
  for (const which of ["across", "down"]) {
    const options = grid.axes.map((axis, number) => new Option(`${axis.title} (${figure(axis.labels.length)})`, number));
    at(`evaluate-${which}`).replaceChildren(new Option("–", -1), ...options);
    at(`evaluate-${which}`).value = grid[which];
  }
  const axes = others(), place = at("evaluate-axes");
  place.hidden = !axes.length;
  if (grid.blind || place.dataset.axes !== `${grid.id} ${axes}`) {
    place.dataset.axes = `${grid.id} ${axes}`;
    place.replaceChildren(...axes.map(sliderOf));
  }
  for (const slider of place.querySelectorAll("input")) {
    const axis = Number(slider.dataset.axis), label = grid.axes[axis].labels[grid.at[axis]];
    slider.value = grid.at[axis];
    slider.setAttribute("aria-valuetext", label);
    Object.assign(slider.parentElement.querySelector("output"), {textContent: label, title: label});
  }
  count();
  describe();
}

// While labels are hidden nothing is said that tells which picture is which.
function drawBlind() {
  at("evaluate").classList.toggle("blind", grid.blind);
  at("evaluate-blind").setAttribute("aria-pressed", grid.blind);
  at("evaluate-blind-card").hidden = !grid.blind;
  at("evaluate-marks").hidden = grid.blind;
  const marked = grid.order.filter((picture) => markOf(picture) !== ".").length;
  at("evaluate-blind-count").textContent = say("blind_count", {count: marked, all: grid.order.length});
}

// What the exports are to show.
export const shownNow = () => new URLSearchParams({across: grid.across, down: grid.down, at: grid.at, base: baseLine()});

function sliderOf(axis) {
  const slider = made("input", {type: "range", min: 0, max: grid.axes[axis].labels.length - 1, step: 1, data: {axis}});
  return made("label", {}, made("span", {}, grid.axes[axis].title), slider, made("output"));
}

function count() {
  const drawn = grid.cells.filter(isDrawn).length, all = grid.cells.length;
  at("evaluate-count").textContent = say(drawn === all ? "count" : "count_of", {count: drawn, all});
}

function describe() {
  const words = about(grid.row, grid.column);
  Object.assign(at("evaluate-about"), {textContent: words, title: words});
}
