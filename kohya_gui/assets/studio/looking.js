// Panels of a mode that show an answer of the server: asked anew once it is out of date and the panel can be seen.

import {set, on} from "./state.js";
import {ask, complain} from "./asking.js";

// Asks `what` for the pictures that the filter shows while `mode` is chosen, and has the answer drawn; one of `events`
// makes what is shown out of date.
export function whileShown(mode, what, events, draw) {
  let asked = 0, stale = true;
  async function look() {
    const mine = ++asked, id = set.id;
    stale = false;
    try {
      const answer = await ask(what, {filter: set.filter});
      if (mine === asked && id === set.id) draw(answer);
    } catch (error) {
      if (mine === asked) complain(error);
    }
  }
  const lookIfShown = () => { if (set.mode === mode && set.id && stale) look(); };
  on("mode", lookIfShown);
  on(events, () => { stale = true; lookIfShown(); });
}
