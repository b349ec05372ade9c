// The Data tab: loads the dataset studio (assets/studio/) from the server when the tab is first shown.

const place = () => document.getElementById("studio-place");
const isSeen = () => Boolean(place()) && place().offsetParent !== null;
const address = (name) => new URL(`data/assets/${name}`, document.baseURI).href;
let loaded = null, waits = false, failed = false;

// Resolves once the browser has the style sheet, so that nothing is shown without it.
function style(name) {
  return new Promise((done) => {
    const link = Object.assign(document.createElement("link"), {rel: "stylesheet", href: address(name)});
    link.onload = link.onerror = done;
    document.head.append(link);
  });
}

async function load() {
  if (loaded || waits || failed || !isSeen()) return;
  waits = true;
  loaded = Promise.all([import(address("studio.js")), crucible.post("data/shell", {}), style("studio.css"), style("panel.css")]);
  try {
    const [studio, shell] = await loaded;
    if (shell.error) { // the program is another one than this page
      place().innerHTML = shell.error;
      loaded = null;
      failed = true;
      waits = false;
      return;
    }
    place().innerHTML = shell.html;
    studio.start(shell.words);
    watch.disconnect();
  } catch (error) {
    loaded = null; // the server was away: the next press on a tab tries again
    failed = true;
    crucible.toast(error.message, true);
  }
  waits = false;
}

document.addEventListener("click", (event) => {
  const tab = event.target.closest && event.target.closest("#tabs > .tab-wrapper [role=tab]");
  if (tab) sessionStorage.setItem("crucible-data-tab", tab.id === "tab-data-button" ? "1" : "");
  if (loaded || !event.target.closest || !event.target.closest("[role=tab]")) return;
  failed = false;
  crucible.drawn(isSeen).then(load);
});
const watch = new MutationObserver(load);
watch.observe(document.body, {childList: true, subtree: true, attributes: true, attributeFilter: ["style", "class"]});
load();
// Who loads the page again goes on where they were.
if (sessionStorage.getItem("crucible-data-tab")) crucible.drawn(() => document.getElementById("tab-data-button")).then((tab) => tab?.click());
