// The bar and the axes that are neither columns nor rows: which are shown, and sliders for the others.

import {at, figure, made, say} from "./elements.js";
import {about, grid, isDrawn, on, others, setAxes, setValue} from "./state.js";

export function startBar() {
  at("evaluate-across").addEventListener("change", () => chooseAxis("across"));
  at("evaluate-down").addEventListener("change", () => chooseAxis("down"));
  at("evaluate-swap").addEventListener("click", () => setAxes(grid.down, grid.across));
  at("evaluate-axes").addEventListener("input", (event) => {
    const axis = Number(event.target.dataset.axis);
    setValue(axis, Number(event.target.value));
  });
  on("layout", drawBar);
  on("drawn", count);
  on("chosen drawn", describe);
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
  if (place.dataset.axes !== `${grid.id} ${axes}`) {
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
