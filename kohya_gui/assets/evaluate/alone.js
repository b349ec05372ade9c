// A grid in a file of its own: the same view, with the pictures that are in the file, and marks as they were.

import {at, setWords} from "./elements.js";
import {startBar} from "./bar.js";
import {startCells} from "./cells.js";
import {startKeys} from "./keys.js";
import {openLarge, startLarge} from "./large.js";
import {startRanking} from "./ranking.js";
import {takeGrid, tell} from "./state.js";

const content = (id) => JSON.parse(document.getElementById(id).textContent);

function startAlone({grid: found, facts, words}, pictures) {
  const dark = matchMedia("(prefers-color-scheme: dark)"), addresses = new Map();
  const show = () => document.documentElement.classList.toggle("dark", dark.matches);
  dark.addEventListener("change", show);
  show();
  setWords(words);
  startCells(openLarge);
  startLarge((picture) => Promise.resolve(facts[picture]));
  startBar();
  startRanking();
  startKeys({});
  at("evaluate-work").hidden = false;
  at("evaluate-name").textContent = found.name;
  at("evaluate-name").disabled = true;
  // An address of its own for each picture that is looked at, since data in place of one is slow.
  const addressOf = (picture) => {
    if (!addresses.has(picture)) addresses.set(picture, URL.createObjectURL(blobOf(pictures[picture])));
    return addresses.get(picture);
  };
  takeGrid({...found, addressOf});
  tell("opened");
  at("evaluate-grid").focus({preventScroll: true});
}

function blobOf(address) {
  const [head, body] = address.split(",");
  return new Blob([Uint8Array.from(atob(body), (letter) => letter.charCodeAt(0))], {type: head.slice(5, head.indexOf(";"))});
}

startAlone(content("evaluate-data"), content("evaluate-pictures"));
