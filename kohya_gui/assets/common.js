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
  // `lasting` questions are asked even if the page is left meanwhile.
  async post(address, asked, lasting = false) {
    const response = await fetch(address, {
      method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(asked), keepalive: lasting,
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
  // Has a tab's scripts and frame loaded from the server when the tab is first shown, and the tab shown again to who
  // loads the page again there. `place` is the id of what the frame is put into, `tab` that of the tab's button, `kept`
  // the name under which the browser keeps that it is shown; `from` is where the routes lie that give the frame and words
  // (`shell`) and, under `assets`, the `script` with its `start(words)`, and the `styles`.
  loadLater({place, tab, kept, from, script, styles}) {
    const isSeen = () => document.getElementById(place)?.offsetParent != null;
    const address = (name) => new URL(`${from}/assets/${name}`, document.baseURI).href;
    let loaded = null, waits = false, failed = false;
    // Resolves once the browser has the style sheet, so that nothing is shown without it.
    const style = (name) => new Promise((done) => {
      if (document.querySelector(`link[href$="/${name}"]`)) return done(); // another tab has brought it
      const link = Object.assign(document.createElement("link"), {rel: "stylesheet", href: address(name)});
      link.onload = link.onerror = done;
      document.head.append(link);
    });
    const load = async () => {
      if (loaded || waits || failed || !isSeen()) return;
      waits = true;
      loaded = Promise.all([import(address(script)), crucible.post(`${from}/shell`, {}), ...styles.map(style)]);
      try {
        const [program, shell] = await loaded;
        if (shell.error) { // the program is another one than this page
          document.getElementById(place).innerHTML = shell.error;
          loaded = null;
          failed = true;
          waits = false;
          return;
        }
        document.getElementById(place).innerHTML = shell.html;
        program.start(shell.words);
        watch.disconnect();
      } catch (error) {
        loaded = null; // the server was away: the next press on a tab tries again
        failed = true;
        crucible.toast(error.message, true);
      }
      waits = false;
    };
    document.addEventListener("click", (event) => {
      const pressed = event.target.closest && event.target.closest("#tabs > .tab-wrapper [role=tab]");
      if (pressed) sessionStorage.setItem(kept, pressed.id === tab ? "1" : "");
      if (loaded || !event.target.closest || !event.target.closest("[role=tab]")) return;
      failed = false;
      crucible.drawn(isSeen).then(load);
    });
    const watch = new MutationObserver(load);
    watch.observe(document.body, {childList: true, subtree: true, attributes: true, attributeFilter: ["style", "class"]});
    load();
    // Who loads the page again goes on where they were.
    if (sessionStorage.getItem(kept)) crucible.drawn(() => document.getElementById(tab)).then((found) => found?.click());
  },
};
