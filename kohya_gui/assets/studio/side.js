// The panel beside the grid: how far the choice is, shots and their targets, what to find, and the tags with their counts.

import {set, on, at, say, titleOf, made, button, figure, tell} from "./state.js";
import {ask, complain} from "./asking.js";
import {has, word} from "./filter.js";

const SOON = 250, EVERY = 1500; // milliseconds after a change, and between two looks while pictures are measured
const COUNTS = [["k", "mark:keep"], ["r", "mark:reject"], ["s", "mark:skip"], [".", "mark:undecided"]];
const MOST = 300; // tags that are drawn
let timer = 0, asked = 0, tags = [], editing = false, toggle = () => {};

// `toggleWord` puts a word into the filter, or takes it out.
export function startSide(toggleWord) {
  toggle = toggleWord;
  at("studio-side").addEventListener("click", (event) => {
    const found = event.target.closest("[data-word]");
    if (found) toggle(found.dataset.word);
  });
  at("studio-tags-search").addEventListener("input", drawTags);
  at("studio-tags-kind").addEventListener("change", drawTags);
  on("categories", () => soon(0));
  at("studio-shots-edit").addEventListener("click", editShots);
  on("counts", () => { drawCounts(); if (!editing) drawShots(); });
  on("opened", () => {
    tags = [];
    editing = false;
    drawTags();
    at("studio-facets").replaceChildren();
    at("studio-finder").dataset.path = set.sources[0] ?? "";
  });
  on("listed", () => look());
  on("mode", () => { at("studio-side").scrollTop = 0; });
  on("captions", () => soon(SOON));
  // Whoever comes back from another tab may have had something looked for there.
  new IntersectionObserver(([work]) => { if (work.isIntersecting) soon(0); }).observe(at("studio-work"));
}

function soon(wait) {
  clearTimeout(timer);
  timer = setTimeout(look, wait);
}

async function look() {
  clearTimeout(timer);
  if (!set.id || at("studio-work").hidden) return;
  if (!at("studio").offsetParent || document.visibilityState !== "visible") return soon(EVERY);
  const mine = ++asked, id = set.id;
  try {
    const answer = await ask("side", {filter: set.filter});
    if (mine !== asked || id !== set.id) return;
    Object.assign(set, {undo: answer.undo, redo: answer.redo, shotCounts: answer.shots});
    tags = answer.tags;
    tell("counts");
    drawFacets(answer.facets);
    drawTags();
    drawMeasured(answer.measured);
    drawLooked(answer.looked);
    if (answer.measured[0] < answer.measured[1]) soon(EVERY);
  } catch (error) {
    if (mine === asked) complain(error);
  }
}

function drawCounts() {
  const place = at("studio-counts");
  if (!place.children.length) {
    place.append(...COUNTS.map(([mark, word]) => button(
      {className: `count mark-${{".": "u"}[mark] || mark}`, data: {word}},
      made("span", {}, say(`count_${{".": "u"}[mark] || mark}`)), made("b", {}),
    )));
    place.append(made("div", {className: "meter"}, made("i", {className: "k"}), made("i", {className: "r"}), made("i", {className: "s"})));
  }
  COUNTS.forEach(([mark, word], number) => {
    const one = place.children[number];
    one.lastElementChild.textContent = figure(set.counts[mark]);
    one.setAttribute("aria-pressed", has(set.filter, word));
  });
  const all = Math.max(1, set.marks.length);
  ["k", "r", "s"].forEach((mark, number) => {
    place.querySelector(".meter").children[number].style.width = `${(100 * set.counts[mark]) / all}%`;
  });
}

function drawShots() {
  const rows = set.shots.map((shot, number) => {
    const count = set.shotCounts[number] ?? 0, full = shot.target > 0 && count >= shot.target, wanted = word("shot", shot.name);
    const row = button(
      {className: "shot", data: {word: wanted}},
      made("span", {}, made("kbd", {}, String(number + 1)), titleOf(shot)),
      made("b", {}, shot.target ? `${figure(count)} / ${figure(shot.target)}` : figure(count), full ? " ✓" : ""),
      made("span", {className: "meter"}, made("i", {})),
    );
    row.classList.toggle("full", full);
    row.setAttribute("aria-pressed", has(set.filter, wanted));
    row.querySelector("i").style.width = `${shot.target ? Math.min(100, (100 * count) / shot.target) : 0}%`;
    return row;
  });
  const focused = [...at("studio-shots").children].indexOf(document.activeElement);
  at("studio-shots").replaceChildren(...rows);
  if (focused >= 0) rows[focused]?.focus();
}

// Names and targets as fields, in place of the meters.
function editShots() {
  if (editing) return stopEditing();
  editing = true;
  const field = (name, value, more) => {
    const input = made("input", {name, value, ...more});
    input.setAttribute("aria-label", say(`shots_${name}`));
    return input;
  };
  const form = made(
    "form", {},
    ...set.shots.map((shot) => made("div", {className: "edit"},
      field("name", shot.name, {type: "text", maxLength: 60, required: true}),
      field("target", shot.target, {type: "number", min: 0, max: 99999, required: true}))),
    made("div", {className: "line"},
      button({className: "small", onclick: stopEditing}, say("shots_cancel")),
      made("button", {type: "submit", className: "small primary"}, say("shots_save"))),
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const shots = [...form.querySelectorAll(".edit")].map((row) => ({
      name: row.children[0].value.trim(), target: Math.round(Number(row.children[1].value)),
    }));
    try {
      set.shots = (await ask("shots", {shots})).shots;
      stopEditing();
      tell("shots");
      soon(0);
    } catch (error) {
      complain(error);
    }
  });
  at("studio-shots").replaceChildren(form);
  form.querySelector("input").focus();
}
function stopEditing() {
  editing = false;
  drawShots();
}

function drawFacets(facets) {
  at("studio-facets-card").hidden = !facets.length;
  const focused = document.activeElement?.dataset?.word;
  at("studio-facets").replaceChildren(...facets.map(({key, words, count}) => {
    const one = button({className: "facet", data: {word: key}}, made("span", {}, words), made("b", {}, figure(count)));
    one.setAttribute("aria-pressed", has(set.filter, key));
    one.classList.toggle("none", !count);
    return one;
  }));
  if (focused) [...at("studio-facets").children].find((one) => one.dataset.word === focused)?.focus();
}

function drawMeasured([done, all]) {
  const place = at("studio-measured");
  place.hidden = done >= all;
  if (place.hidden) return;
  const meter = made("div", {className: "meter"}, made("i", {}));
  meter.firstElementChild.style.width = `${(100 * done) / all}%`;
  place.replaceChildren(made("span", {}, say("measured", {done, all})), meter);
}

function drawLooked([done, all]) {
  at("studio-looked").textContent = done && done < all ? say("looked", {done, all}) : "";
}

// The tags, of all categories or one; "groups" draws them by category.
function drawTags() {
  drawKinds();
  const letters = at("studio-tags-search").value.trim().toLowerCase(), kind = at("studio-tags-kind").value;
  const fits = ([tag, , category]) => tag.toLowerCase().includes(letters) && (["", "groups"].includes(kind) || category === kind);
  const found = tags.filter(fits).slice(0, MOST), most = Math.max(1, ...tags.map(([, count]) => count));
  if (!found.length) {
    return at("studio-tags").replaceChildren(made("p", {className: "soft"}, say(tags.length ? "tags_unfound" : "tags_none")));
  }
  const row = ([tag, count, category]) => {
    const wanted = word("tag", tag), one = button({className: "tag-row", data: {word: wanted}}, made("span", {}, tag), made("small", {}, kind ? "" : say(`category_${category}`)), made("b", {}, figure(count)));
    one.style.setProperty("--share", `${(100 * count) / most}%`);
    one.setAttribute("aria-pressed", has(set.filter, wanted));
    return one;
  };
  if (kind !== "groups") return at("studio-tags").replaceChildren(...found.map(row));
  at("studio-tags").replaceChildren(...categories().flatMap((category) => {
    const its = found.filter((one) => one[2] === category);
    return its.length ? [made("h4", {}, say(`category_${category}`), made("b", {}, figure(its.length))), ...its.map(row)] : [];
  }));
}

// The categories that tags have, the one with the most tags first.
function categories() {
  const counts = {};
  for (const [, , category] of tags) counts[category] = (counts[category] || 0) + 1;
  return Object.keys(counts).sort((one, other) => counts[other] - counts[one]);
}

function drawKinds() {
  const select = at("studio-tags-kind"), before = select.value;
  const offered = [["", say("category_all")], ["groups", say("category_groups")], ...categories().map((one) => [one, say(`category_${one}`)])];
  if (select.dataset.offered === String(offered)) return;
  select.dataset.offered = String(offered);
  select.replaceChildren(...offered.map(([value, words]) => new Option(words, value)));
  select.value = offered.some(([value]) => value === before) ? before : "";
}
