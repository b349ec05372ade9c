// One change to many captions: first what it would do, then the button that does it.

import {set, on, at, say, made, tell} from "./state.js";
import {act, ask, Refusal} from "./asking.js";
import {keyOf, shownKey} from "./keys.js";

const WITH_SECOND = ["rename", "replace", "bind"]; // they need what it becomes
let isOwn = false; // whether somebody has chosen the scope
let previewed = ""; // the change whose examples are shown, as JSON
const form = () => at("studio-bulk");
const value = (name) => form().elements[name].value;

export function startBulk() {
  form().addEventListener("submit", (event) => {
    event.preventDefault();
    preview();
  });
  form().addEventListener("input", stale);
  form().elements.do.addEventListener("change", fields);
  form().elements.scope.addEventListener("change", () => { isOwn = true; });
  at("studio-bulk-go").addEventListener("click", go);
  on("opened", () => {
    for (const name of ["studio-tagger", "studio-captioner"]) at(name).dataset.path = set.sources[0] ?? "";
    at("studio-tagger").dataset.more = JSON.stringify(set.tagger ? {tagger: set.tagger} : {}); // the demo's pictures have one
  });
  on("chosen list opened mode", () => { scopes(); stale(); });
  on("opened", clear);
  on("captions", (pids) => { if (!pids || pids.length) clear(); }); // what was previewed, or done, is so no longer
  fields();
}

// Fills in that a tag is to go from the chosen pictures.
export function removeTag(tag) {
  form().elements.do.value = "remove";
  fields();
  form().elements.scope.value = "pictures";
  form().elements.tag.value = tag;
  preview();
}

function fields() {
  const words = {replace: "bulk_text", bind: "bulk_trigger", sort: "bulk_first"}[value("do")] || "bulk_tag";
  form().querySelector("[data-field=tag] span").textContent = say(words);
  form().querySelector("[data-field=into] span").textContent = say(value("do") === "bind" ? "bulk_bound" : "bulk_into");
  form().querySelector("[data-field=into]").hidden = !WITH_SECOND.includes(value("do"));
  stale();
}

// Which pictures can be meant now, with how many they are.
function scopes() {
  const offered = [["all", "bulk_all", set.pictures ? set.pictures.id.length : 0]];
  if (set.filter) offered.unshift(["filter", "bulk_filter", set.order.length]);
  if (set.chosen.size) offered.unshift(["pictures", "bulk_chosen", set.chosen.size]);
  const select = form().elements.scope, before = select.value, several = set.chosen.size > 1;
  const wanted = offered.map(([scope, name, count]) => [scope, say(name, {count})]);
  if (JSON.stringify(wanted) === select.dataset.offered) return;
  select.dataset.offered = JSON.stringify(wanted);
  select.replaceChildren(...wanted.map(([scope, words]) => new Option(words, scope)));
  const usual = several ? "pictures" : set.filter ? "filter" : "all";
  isOwn &&= offered.length === Number(select.dataset.count) && offered.some(([scope]) => scope === before);
  select.dataset.count = offered.length;
  select.value = isOwn && !several ? before : usual;
}

function asked() {
  return {
    scope: value("scope"), pictures: value("scope") === "pictures" ? [...set.chosen] : [],
    filter: value("scope") === "filter" ? set.filter : "", do: value("do"), tag: value("tag"),
    into: WITH_SECOND.includes(value("do")) ? value("into") : "",
  };
}

function stale() {
  if (!previewed || JSON.stringify(asked()) === previewed) return;
  clear();
}
function clear() {
  previewed = "";
  at("studio-examples").replaceChildren();
  at("studio-bulk-go").hidden = true;
}

async function preview() {
  clear();
  at("studio-bulk-refused").replaceChildren();
  if (!value("tag") && value("do") !== "sort") return form().elements.tag.focus();
  const change = asked();
  try {
    const answer = await ask("tags", {...change, preview: true});
    if (JSON.stringify(asked()) !== JSON.stringify(change)) return;
    previewed = JSON.stringify(change);
    at("studio-examples").replaceChildren(
      made("p", {}, answer.count ? say("bulk_count", {count: answer.count}) : say("bulk_nothing")),
      ...(answer.same ? [made("p", {className: "soft"}, say("bulk_same", {count: answer.same}))] : []),
      ...(answer.unread ? [made("p", {className: "soft"}, say("bulk_unread", {count: answer.unread, names: answer.unread_names}))] : []),
      ...answer.examples.map(([before, after, file]) => made("div", {className: "example"}, made("small", {}, file), ...compared(before, after))),
    );
    at("studio-bulk-go").textContent = say("bulk_go", {count: answer.count});
    at("studio-bulk-go").hidden = !answer.count;
  } catch (error) {
    at("studio-bulk-refused")[error instanceof Refusal ? "innerHTML" : "textContent"] = error.html ?? error.message;
  }
}

// A caption before and after, what only one of them has marked.
function compared(before, after) {
  const parts = (text) => text.split(/(,\s*)/);
  const [old, fresh] = [parts(before), parts(after)];
  const drawn = (own, other, tag) => own.map((part) => (other.includes(part) ? part : made(tag, {}, part)));
  if (!before.trim() || !after.trim() || (old.length < 2 && fresh.length < 2)) {
    return [made("div", {}, made("del", {}, before || say("empty_caption"))), made("div", {}, made("ins", {}, after || say("empty_caption")))];
  }
  return [made("div", {}, ...drawn(old, fresh, "del")), made("div", {}, ...drawn(fresh, old, "ins"))];
}

async function go() {
  const change = previewed;
  if (!change) return;
  at("studio-bulk-go").disabled = true;
  const answer = await act("tags", {...JSON.parse(change), preview: false});
  at("studio-bulk-go").disabled = false;
  if (!answer) return;
  clear();
  tell("captions", null);
  if (answer.count) at("studio-examples").replaceChildren(made("p", {className: "done"}, say("bulk_done", {count: answer.count, key: shownKey(keyOf("undo"))})));
}
