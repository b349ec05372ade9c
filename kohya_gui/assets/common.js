// What several scripts of the page do; page.py puts it before them.

// The place of what is told, which stays clear of what gradio tells in the same corner.
function toldPlace() {
  let place = document.getElementById("told");
  if (!place) {
    place = document.createElement("div");
    place.id = "told";
    document.querySelector(".gradio-container").append(place);
    const others = document.querySelector(".toast-wrap");
    if (others) {
      new ResizeObserver(() => {
        place.style.setProperty("--beside", others.offsetHeight ? `${others.offsetHeight + 8}px` : "0px");
      }).observe(others);
    }
  }
  return place;
}

// Whether the window is as narrow as a phone, for rules that gradio does not serve by the window's width.
const narrow = matchMedia("(max-width: 900px)");
const showWidth = () => document.body.classList.toggle("narrow", narrow.matches);
narrow.addEventListener("change", showWidth);
showWidth();

window.crucible = {
  // Says something in the corner for a while; `words` are HTML unless they are `plain`.
  toast(words, plain) {
    const note = document.createElement("div");
    note.className = "told";
    note.setAttribute("role", "status");
    note[plain ? "textContent" : "innerHTML"] = words;
    toldPlace().append(note);
    setTimeout(() => note.remove(), 12000);
  },
  // What a route of ours answers to a question in JSON. Throws what it says instead, and where the server is away.
  async post(address, asked) {
    const response = await fetch(address, {
      method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(asked),
    });
    if (!response.ok) throw new Error(await response.text());
    return response.json();
  },
  // The button of a tab of gradio's; a narrow window has it without its id, in a menu of further tabs.
  tab(id, words) {
    const further = [...document.querySelectorAll(".overflow-dropdown button")];
    return document.getElementById(id) || further.find((one) => one.textContent.trim() === words);
  },
  // What `find` finds, once it is there; tabs draw what is on them when they are first opened.
  async drawn(find) {
    for (let frame = 0; frame < 600; frame++) {
      const found = find();
      if (found) return found;
      await new Promise(requestAnimationFrame);
    }
    return null;
  },
  // Puts HTML into a place of gradio's, if that is drawn. What is within is the script's own, since gradio may draw its
  // components anew at any time; it stays as it is while the HTML does.
  fill(id, html) {
    const place = document.getElementById(id);
    if (!place) return;
    let own = place.querySelector(".filled");
    if (!own) {
      own = document.createElement("div");
      own.className = "filled";
      place.append(own);
    }
    if (own.from !== html) own.innerHTML = own.from = html;
  },
  // Types into a field of gradio's, which only the browser's own events can fill.
  type(id, text) {
    const field = document.querySelector(`#${id} textarea, #${id} input`);
    const proto = field.tagName === "INPUT" ? HTMLInputElement : HTMLTextAreaElement;
    Object.getOwnPropertyDescriptor(proto.prototype, "value").set.call(field, text);
    field.dispatchEvent(new Event("input", {bubbles: true}));
    field.dispatchEvent(new KeyboardEvent("keypress", {bubbles: true})); // what gradio takes for typing
  },
};
