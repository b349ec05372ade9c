// What the cards are doing, while a run is looked at that is at work.

const EVERY = 4000; // milliseconds between two looks

async function look() {
  const place = document.getElementById("card-state");
  const at = document.querySelector("#run-state:is(.running, .stopping)");
  if (place && at && at.offsetParent && document.visibilityState === "visible") {
    try {
      crucible.fill("card-state", (await crucible.post("runs/cards", {})).html);
    } catch {
      // the page is closing, or the server is away; the next look tells
    }
  } else if (place && !at) {
    crucible.fill("card-state", "");
  }
  setTimeout(look, EVERY);
}
look();
