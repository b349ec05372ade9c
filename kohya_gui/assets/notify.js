// Says on the desktop that a run has ended, if this is switched on and allowed; else in a corner and in the title.

const EVERY = 3000; // milliseconds between two looks
const CHOICE = "crucible_notify", SEEN = "crucible_seen_runs", MARK = "● ";
let state = JSON.parse(sessionStorage.getItem(SEEN) || "{}"), words = {};

const isWanted = () => localStorage.getItem(CHOICE) === "on";
const isAllowed = () => "Notification" in window && Notification.permission === "granted";

// Says it where it is seen: `tag` keeps several pages from saying the same.
crucible.notify = function (title, body, tag) {
  if (isWanted() && isAllowed()) {
    try {
      const note = new Notification(title, {body, tag});
      note.onclick = () => { window.focus(); note.close(); };
      return;
    } catch {
      // some systems allow notifications to installed pages alone
    }
  }
  crucible.toast(body ? `${title}\n${body}` : title, true);
  if (!document.title.startsWith(MARK)) document.title = MARK + document.title;
};

// Whoever does something on the page has seen it.
for (const kind of ["pointerdown", "keydown", "focus"]) {
  window.addEventListener(kind, () => {
    if (document.title.startsWith(MARK)) document.title = document.title.slice(MARK.length);
  });
}

async function look() {
  try {
    const answer = await crucible.post("runs/ended", state);
    state = {seen: answer.seen, newest: answer.newest};
    sessionStorage.setItem(SEEN, JSON.stringify(state));
    words = answer.words;
    showSwitches();
    for (const one of answer.ended) crucible.notify(one.title, one.words, one.run);
  } catch {
    // the page is closing, or the server is away; the next look tells
  }
  setTimeout(look, EVERY);
}

function showSwitches() {
  const on = isWanted() && isAllowed();
  for (const button of document.querySelectorAll("[data-notify]")) {
    button.setAttribute("aria-pressed", String(on));
    button.title = (on ? words.on : words.off) || "";
    button.setAttribute("aria-label", button.title);
  }
  const theme = document.getElementById("theme");
  if (theme && words.theme) theme.setAttribute("aria-label", theme.title = words.theme);
}

document.addEventListener("click", async (event) => {
  if (!event.target.closest || !event.target.closest("[data-notify]")) return;
  if (isWanted() && isAllowed()) {
    localStorage.setItem(CHOICE, "off");
  } else {
    const answer = "Notification" in window ? await Notification.requestPermission() : "denied";
    localStorage.setItem(CHOICE, answer === "granted" ? "on" : "off");
    if (answer === "denied") crucible.toast(words.blocked || "", true);
  }
  showSwitches();
});
document.addEventListener("preferences-shown", showSwitches);
look();
