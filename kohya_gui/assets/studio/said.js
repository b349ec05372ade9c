// What taggers and captioners said of the chosen picture, side by side, to be taken into its caption or added to it.

import {set, on, at, say, made, button, figure, remember, remembered} from "./state.js";
import {ask, complain} from "./asking.js";
import {put, typed, isApart} from "./caption.js";

const SOON = 150; // milliseconds on a picture until what was said of it is asked for
let timer = 0, asked = 0;
const box = () => at("studio-said");

export function startSaid() {
  on("current chosen mode captions", soon);
  on("opened", () => draw([]));
  box().open = remembered("said", false);
  box().addEventListener("toggle", () => {
    remember("said", box().open);
    if (box().open) soon(); // a tool may have said more meanwhile
  });
}

function soon() {
  clearTimeout(timer);
  if (set.mode === "captions") timer = setTimeout(look, SOON);
}

async function look() {
  const mine = ++asked, pids = [...set.chosen];
  if (!set.id || pids.length !== 1) return draw([]);
  try {
    const answer = await ask("said", {pictures: pids});
    if (mine === asked) draw(answer.said);
  } catch (error) {
    if (mine === asked) complain(error);
  }
}

function draw(said) {
  box().hidden = !said.length;
  box().querySelector("summary b").textContent = said.length ? figure(said.length) : "";
  box().querySelector("div").replaceChildren(...said.map(drawOne));
}

function drawOne(one) {
  const words = one.tags.length
    ? made("p", {className: "tags-said"}, ...one.tags.map(([tag, score]) => made("span", {}, tag, " ", made("i", {}, score.toFixed(2)))))
    : made("p", {}, one.text || say("said_nothing"));
  return made("article", {},
    made("header", {}, made("b", {}, one.by), made("span", {}, one.prompt), made("time", {}, one.at)),
    words,
    made("div", {className: "line"},
      button({className: "small", disabled: !one.text, onclick: () => use(one)}, say("said_use")),
      button({className: "small", disabled: !one.text, onclick: () => add(one)}, say("said_add"))));
}

// Where tags and sentence have fields of their own, what was said goes into its field.
function use(one) {
  const [tags, ...sentences] = typed().split("\n");
  if (!isApart()) put(one.text);
  else if (one.tags.length) put([one.text, ...sentences].join("\n"));
  else put(`${tags}\n${one.text}`);
}

async function add(one) {
  if (isApart() && !one.tags.length) {
    const [tags, ...sentences] = typed().split("\n");
    return put(`${tags}\n${[...sentences, one.text].filter(Boolean).join(" ")}`);
  }
  const picture = set.current, text = typed();
  const what = one.tags.length ? {tags: one.tags.map(([tag]) => tag)} : {sentence: one.text};
  try {
    const answer = await ask("merge", {text, ...what});
    if (set.current === picture && typed() === text) put(answer.text); // else somebody went on typing
  } catch (error) {
    complain(error);
  }
}
