// Captions that stand only in a metadata file: told of, and written beside their pictures when somebody agrees.

import {set, on, at, say, made, tell} from "./state.js";
import {act, list} from "./asking.js";

const box = () => at("studio-listed");

export function startListed() {
  on("opened", () => draw(set.listed));
  const [take, shut] = box().querySelectorAll("button");
  take.addEventListener("click", async () => {
    take.disabled = true;
    const answer = await act("take_listed");
    take.disabled = false;
    if (!answer) return;
    draw(answer.listed);
    tell("captions", answer.captions);
    list();
    crucible.toast(say("listed_done", {count: answer.count}), true);
  });
  shut.addEventListener("click", () => { box().hidden = true; });
}

function draw({count, files, examples}) {
  box().hidden = !count;
  box().querySelector("span").textContent = say("listed", {count, files: files.join(", ")});
  box().querySelector("details").open = false;
  box().querySelector("dl").replaceChildren(...examples.flatMap(([name, text]) => [made("dt", {}, name), made("dd", {}, text)]));
}
