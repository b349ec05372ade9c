// How to begin: a path that is typed or picked, or one of the datasets that there are.

import {set, at, say, made, button, remember, remembered} from "./state.js";
import {open, post, Refusal} from "./asking.js";

const EVERY = 700; // milliseconds between two looks at how far it is
let opening = null, goTo = () => {}; // what is being opened, by a word that the server knows too

// `going` shows a picture, where somebody has left off.
export function startOpening(going) {
  goTo = going;
  for (const step of ["open", "captions"]) document.querySelector(`#studio [data-step=${step}]`).textContent = say(`step_${step}_help`);
  at("studio-open").addEventListener("submit", (event) => {
    event.preventDefault();
    const path = at("studio-path").value.trim();
    if (path) show({path});
    else at("studio-path").focus();
  });
  at("studio-wait").querySelector("button").addEventListener("click", stop);
  at("studio-pick").addEventListener("click", () => crucible.pick({
    form: "train", setting: "train_data_dir", at: at("studio-path").value,
    done(path) {
      at("studio-path").value = path;
      show({path});
    },
  }));
}

// Opens the dataset that was open before the page was loaded again, or offers what there is.
export async function begin() {
  const last = remembered("open", "");
  const opened = last && await show({id: last}, true);
  if (!opened) await offer();
}

export async function offer() {
  remember("open", "");
  set.id = "";
  at("studio-work").hidden = true;
  at("studio-start").hidden = false;
  at("studio-refused").replaceChildren();
  if (matchMedia("(pointer: fine)").matches) at("studio-path").focus({preventScroll: true});
  try {
    const {sets} = await post("sets", {});
    at("studio-known").hidden = !sets.length;
    at("studio-known").querySelector(".sets").replaceChildren(...sets.map(card));
  } catch (error) {
    refuse(error);
  }
}

function card({id, name, count, kept, sources, changed}) {
  const place = made("div", {className: "set card"},
    button(
      {className: "go", onclick: () => show({id})},
      made("b", {}, name),
      ...(count === null ? [] : [made("span", {className: "pills"}, // known of those that are open
        made("span", {className: "pill"}, say("known_count", {count})), made("span", {className: "pill ok"}, say("known_kept", {count: kept})))]),
      made("small", {}, changed),
    ),
    ...sources.map((path, number) => made("div", {className: "source"}, made("span", {className: "where", title: path}, made("bdi", {}, path)), ...(number ? [button({
      className: "quiet out", title: say("source_remove"), ariaLabel: say("source_remove"), onclick: () => change("remove_source", {id, path}),
    }, "×")] : []))),
    made("div", {className: "line"},
      button({className: "quiet", onclick: () => crucible.pick({form: "train", setting: "train_data_dir", at: sources.at(-1), done: (path) => change("add_source", {id, path})})}, say("source_add")),
      button({className: "quiet", onclick: () => askToForget(place, id)}, say("forget"))),
  );
  place.addEventListener("click", (event) => { if (!event.target.closest("button, .line")) show({id}); }); // all of it, for the mouse
  return place;
}

// In place of the card's buttons, whether to take the dataset from the list.
function askToForget(place, id) {
  const line = place.querySelector(".line"), before = [...line.children];
  const stay = () => { line.replaceChildren(...before); before[1].focus(); };
  line.replaceChildren(
    made("p", {className: "soft"}, say("forget_lead")),
    button({className: "small", onclick: stay}, say("forget_not")),
    button({className: "small primary", onclick: () => change("forget", {id})}, say("forget_go")),
  );
  line.querySelector("button").focus();
}

async function change(what, body) {
  try {
    const answer = await post(what, body);
    if (what === "add_source") return await show({id: body.id});
    await offer();
    if (answer.folder) crucible.toast(say("forgotten", {folder: answer.folder}), true);
  } catch (error) {
    refuse(error);
  }
  return false;
}

// Opens what was named, and says whether it did. What somebody opens last wins; what was being opened before ends.
async function show(what, quietly = false) {
  stop();
  const token = String(Math.random()), wanted = () => opening === token;
  opening = token;
  wait(true);
  const looking = setInterval(() => far(token), EVERY);
  try {
    const last = remembered("at", {});
    if (!await open({...what, token}, wanted)) return false;
    remember("open", set.id);
    at("studio-start").hidden = true;
    if (last.id === set.id && set.place.has(last.pid)) goTo(last.pid);
    return true;
  } catch (error) {
    if (wanted() && !quietly) refuse(error);
    return false;
  } finally {
    clearInterval(looking);
    if (wanted()) {
      opening = null;
      wait(false);
    }
  }
}

// Ends what is being opened, which then refuses to; without an answer it is over by itself.
function stop() {
  if (opening) post("opening", {token: opening, stop: true}).catch(() => null);
}

async function far(token) {
  const {looked} = await post("opening", {token}).catch(() => ({}));
  if (looked && opening === token) at("studio-wait").firstElementChild.textContent = say("opening_far", {count: looked});
}

function wait(waits) {
  at("studio-wait").hidden = !waits;
  at("studio-wait").firstElementChild.textContent = say("opening");
  if (waits) at("studio-refused").replaceChildren();
  at("studio-open").querySelector("[type=submit]").textContent = say(waits ? "opening" : "open");
}

function refuse(error) {
  at("studio-refused")[error instanceof Refusal ? "innerHTML" : "textContent"] = error.html ?? error.message;
}
