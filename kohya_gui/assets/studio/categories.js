// The dialog about categories of tags: their order, by which captions are sorted, and the tags that somebody has put into others.

import {at, say, made, button, tell} from "./state.js";
import {post, Refusal} from "./asking.js";

let order = [], tags = {}, orders = {};
const dialog = () => at("studio-categories");

export function startCategories() {
  for (const one of document.querySelectorAll("#studio [data-categories]")) one.addEventListener("click", show);
  dialog().addEventListener("click", (event) => {
    if (event.target === dialog() || event.target.closest("[data-shut]")) return dialog().close();
    const ready = event.target.closest("[data-order]"), way = event.target.closest("[data-way]"), gone = event.target.closest("[data-gone]");
    if (ready) keep([...orders[ready.dataset.order]], tags);
    if (way) move(order.indexOf(way.dataset.category), Number(way.dataset.way));
    if (gone) keep(order, Object.fromEntries(Object.entries(tags).filter(([tag]) => tag !== gone.dataset.gone)));
  });
  at("studio-categories-add").addEventListener("submit", (event) => {
    event.preventDefault();
    const {tag, category} = event.target.elements;
    if (!tag.value.trim()) return tag.focus();
    keep(order, {...tags, [tag.value.trim()]: category.value});
    tag.value = "";
  });
}

async function show() {
  dialog().showModal();
  await ask("categories", {});
}

function keep(newOrder, newTags) {
  return ask("put_categories", {order: newOrder, tags: newTags}).then(() => tell("categories"));
}

async function ask(what, body) {
  at("studio-categories-refused").replaceChildren();
  try {
    ({order, tags, orders} = await post(what, body));
    draw();
  } catch (error) {
    at("studio-categories-refused")[error instanceof Refusal ? "innerHTML" : "textContent"] = error.html ?? error.message;
  }
}

async function move(place, way) {
  const moved = [...order], [one] = moved.splice(place, 1);
  moved.splice(place + way, 0, one);
  await keep(moved, tags);
  const row = at("studio-categories-order").children[place + way];
  (row?.querySelector(`[data-way="${way}"]:enabled`) || row?.querySelector("[data-way]:enabled"))?.focus();
}

function draw() {
  const title = (category) => say(`category_${category}`);
  at("studio-categories-order").replaceChildren(...order.map((category, place) => made("li", {}, made("span", {}, title(category)), ...[[-1, "↑", "categories_up"], [1, "↓", "categories_down"]].map(
    ([way, sign, words]) => button({
      className: "icon", data: {way, category}, ariaLabel: say(words, {category: title(category)}),
      title: say(words, {category: title(category)}), disabled: place + way < 0 || place + way >= order.length,
    }, sign)))));
  for (const one of dialog().querySelectorAll("[data-order]")) one.setAttribute("aria-pressed", String(orders[one.dataset.order]) === String(order));
  at("studio-categories-own").replaceChildren(...Object.entries(tags).map(([tag, category]) => made("div", {className: "of-several"},
    made("span", {}, tag), made("b", {}, title(category)),
    button({className: "icon", data: {gone: tag}, title: say("categories_gone", {tag}), ariaLabel: say("categories_gone", {tag})}, "✕"))));
}
