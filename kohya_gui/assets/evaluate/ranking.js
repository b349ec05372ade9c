// Which epochs and weights people like: the share of good marks of each, with the interval in which it may lie.

import {at, made, say} from "./elements.js";
import {grid, on} from "./state.js";

export function startRanking() {
  on("marks opened layout", drawRanking);
}

function drawRanking() {
  const marked = !grid.blind && grid.marks.some((mark) => mark !== ".");
  at("evaluate-marks-none").hidden = marked;
  at("evaluate-ranking").replaceChildren(...(marked ? grid.ranking.map(axisOf) : []));
}

function axisOf({axis, values}) {
  const {title, labels} = grid.axes[axis];
  return made("section", {}, made("h4", {}, title), made("ol", {}, ...values.filter((one) => one[1] + one[2]).map((one) => rowOf(labels, one))));
}

function rowOf(labels, [value, good, bad, low, middle, high]) {
  const bar = made("span", {className: "interval"}, made("i"), made("b"));
  bar.style.setProperty("--low", `${100 * low}%`);
  bar.style.setProperty("--high", `${100 * high}%`);
  bar.style.setProperty("--middle", `${100 * middle}%`);
  const count = say("ranking_count", {good, all: good + bad}), percent = (share) => `${Math.round(100 * share)} %`;
  bar.title = say("ranking_interval", {low: percent(low), high: percent(high)});
  return made("li", {}, made("span", {className: "name", title: labels[value]}, labels[value]), bar, made("span", {className: "figure"}, count));
}
