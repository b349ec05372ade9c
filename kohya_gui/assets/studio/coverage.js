// The card "What is there": sentences about what the pictures show and what they lack, each with a way to its pictures.

import {at, say, made, button, figure} from "./state.js";
import {whileShown} from "./looking.js";
import {showOnly} from "./proofread.js";

const GAPS = ["none", "few", "shot", "uncaptioned"]; // what is lacking, before what all share
let known = "";

export const startCoverage = () => whileShown("proofread", "coverage", "opened captions listed marks", draw);

function draw(answer) {
  const said = JSON.stringify(answer);
  if (said === known) return;
  known = said;
  const {statements} = answer, gaps = statements.filter((one) => GAPS.includes(one.kind)), others = statements.filter((one) => !GAPS.includes(one.kind));
  at("studio-coverage").replaceChildren(...[...others, ...gaps].map(row));
  if (!statements.length) at("studio-coverage").append(made("p", {className: "soft"}, say("coverage_none")));
}

function row({kind, words, pictures, others, parts}) {
  const way = (title, its) => button({className: "small", onclick: () => showOnly(its)}, title, " ", made("b", {}, figure(its.length)));
  const ways = parts.length ? parts.map(([name, its]) => way(name, its)) : [
    ...(pictures.length ? [way(say("finding_show"), pictures)] : []), ...(others.length ? [way(say("coverage_others"), others)] : []),
  ];
  return made("div", {className: `finding there-${kind}`}, made("span", {}, words), ...(ways.length ? [made("span", {className: "ways"}, ...ways)] : []));
}
