// Usual training sizes under the field for them, and a way to turn one on its side; the text stays the truth.

const SIZES = ["512", "768", "1024", "512,768", "832,1216"];
const shown = (size) => size.replace(",", " × ");
const plain = (text) => text.trim().replace(/\s*[x×，]\s*/i, ",").replace(/\s/g, "");
// One number means a square.
const squared = (text) => (/^(\d+),\1$/.test(text) ? text.split(",")[0] : text);

crucible.offerSizes = (field) => {
  const input = field.querySelector("input, textarea");
  if (!input) return;
  let box = field.querySelector(":scope > .sizes");
  if (!box) {
    box = document.createElement("div");
    box.className = "sizes";
    for (const size of SIZES) {
      const button = Object.assign(document.createElement("button"), {type: "button", textContent: shown(size)});
      button.dataset.size = size;
      box.append(button);
    }
    const turn = Object.assign(document.createElement("button"), {type: "button", textContent: "⇄", className: "turn"});
    turn.setAttribute("aria-label", "width ⇄ height");
    box.append(turn);
    box.addEventListener("click", (event) => {
      const chosen = event.target.dataset.size ?? (event.target === turn ? plain(input.value).split(",").reverse().join(",") : null);
      if (chosen !== null) crucible.type(field.id, chosen);
    });
    field.append(box);
  }
  const now = squared(plain(input.value));
  for (const button of box.querySelectorAll("[data-size]")) button.setAttribute("aria-pressed", button.dataset.size === now);
  box.querySelector(".turn").disabled = !now.includes(",");
};
