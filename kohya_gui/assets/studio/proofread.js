// The panel for proofreading: what is redundant, contradicts, is rare or missing, each with its reason, its pictures and its cure.

import {set, at, say, made, button, takeOrder, tell} from "./state.js";
import {act} from "./asking.js";
import {whileShown} from "./looking.js";
import {keyOf, shownKey} from "./keys.js";

const CURES = {part: "remove", implied: "remove", contradiction: "remove", rare: "remove", doubled: "once", missing: "add", encoding: "convert"};
const ORDER = ["encoding", "contradiction", "missing", "rare", "doubled", "implied", "part"];

export const startProofread = () => whileShown("proofread", "proofread", "captions listed", draw);

function draw({findings, more}) {
  const place = at("studio-findings");
  place.replaceChildren();
  if (!findings.length) place.append(made("p", {className: "soft"}, say("findings_none")));
  for (const kind of ORDER) {
    const found = findings.filter((one) => one.kind === kind);
    if (!found.length) continue;
    place.append(made("h4", {}, say(`finding_${kind}`), made("b", {}, String(found.length))), ...found.map(row));
  }
  if (more) place.append(made("p", {className: "soft"}, say("findings_more", {count: more})));
}

// Of captions in other encodings it is shown what would be written (`reads`); those that are doubtful are no part of `clear`.
function row({kind, tag, pictures, words, clear = pictures, reads = [], doubtful = ""}) {
  const cure = CURES[kind], more = clear.length - reads.length;
  return made(
    "div", {className: `finding ${kind}`}, made("span", {}, words),
    ...reads.map(([file, encoding, text]) => made("div", {className: "read"}, made("small", {}, say("finding_read", {file, encoding})), made("div", {}, text))),
    ...(reads.length && more ? [made("small", {}, say("finding_read_more", {count: more}))] : []),
    ...(doubtful ? [made("p", {className: "soft"}, doubtful)] : []),
    made("span", {className: "ways"},
      button({className: "small", onclick: () => showOnly(pictures)}, say("finding_show")),
      ...(clear.length ? [button({className: "small", onclick: (event) => mend(event.target, cure, tag, clear)}, say(`finding_${cure}`, {tag}))] : [])),
  );
}

// Shows just these pictures, until the filter changes.
export function showOnly(pictures) {
  takeOrder(pictures.filter((pid) => set.row.has(pid)));
  tell("chosen");
  at("studio-again").disabled = false;
}

async function mend(pressed, cure, tag, pictures) {
  pressed.disabled = true;
  const answer = cure === "convert" ? await act("convert", {pictures}) : await act("tags", {scope: "pictures", pictures, do: cure, tag, into: ""});
  pressed.disabled = false;
  if (!answer) return;
  crucible.toast(say("bulk_done", {count: answer.count, key: shownKey(keyOf("undo"))}), true);
  tell("captions", answer.captions);
}
