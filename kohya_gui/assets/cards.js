// What the cards are doing, while a run is looked at that is at work.

const EVERY = 4000; // milliseconds between two looks

async function look() {
  const place = document.getElementById("card-state");
  const at = document.querySelector("#run-state:is(.running, .stopping)");
  if (place && at && at.offsetParent && document.visibilityState === "visible") {
    try {
      show(place, (await crucible.post("runs/cards", {})).html);
    } catch {
      // the page is closing, or the server is away; the next look tells
    }
  } else if (place && !at) {
    show(place, "");
  }
  setTimeout(look, EVERY);
}

// The place within gradio's element is the script's own, since gradio may draw its components anew at any time.
function show(place, html) {
  let own = place.querySelector(".card-states");
  if (!own) {
    own = document.createElement("div");
    own.className = "card-states";
    place.append(own);
  }
  if (own.innerHTML !== html) own.innerHTML = html;
}
look();
