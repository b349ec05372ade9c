// The Settings tab's own part: what is chosen for Crucible as a whole (server/preferences.py).

const ask = (what, body) => crucible.post(`preferences/${what}`, body);

function show(html) {
  const place = document.getElementById("preferences-cards");
  place.innerHTML = html;
  for (const choice of place.querySelectorAll("[name=theme]")) choice.checked = choice.value === crucible.theme();
  const languages = document.getElementById("prefer-language");
  const cookie = languages && document.cookie.split("; ").find((one) => one.startsWith(`${languages.dataset.cookie}=`));
  if (languages) languages.value = cookie ? cookie.split("=")[1] : "";
  document.dispatchEvent(new Event("preferences-shown"));
}

async function change(card, act, value) {
  const name = card.id;
  card.setAttribute("aria-busy", "true");
  let answer;
  try {
    answer = await ask("act", {act, value});
  } catch (error) {
    answer = {error: ""};
    crucible.toast(error.message, true);
  }
  card.removeAttribute("aria-busy");
  if (answer.html) show(answer.html);
  if (answer.html && act === "presets_folder") crucible.put({"@preset": ""}); // the list in the bar
  const said = document.querySelector(`#${name} .prefer-said`);
  said.innerHTML = answer.error ?? answer.told;
  said.classList.toggle("wrong", answer.error !== undefined);
}

// The tab is filled whenever it is opened; scrolling back to it leaves what is being typed.
let place = null, away = true;
const views = new IntersectionObserver(([seen]) => {
  if (seen.isIntersecting && away) {
    // What is being typed by the time that the answer is there stays.
    ask("look", {}).then((answer) => place.contains(document.activeElement) || show(answer.html))
      .catch((error) => crucible.toast(error.message, true));
  }
  away = !seen.target.offsetParent;
});
new MutationObserver(() => {
  const now = document.getElementById("preferences-cards");
  if (!now || now === place) return;
  views.disconnect();
  place = now;
  views.observe(place);
}).observe(document.body, {childList: true, subtree: true});

document.addEventListener("click", (event) => {
  const button = event.target.closest && event.target.closest("#preferences button");
  if (!button) return;
  const card = button.closest("section"), row = button.closest(".prefer-clear");
  if (button.dataset.prefer) {
    change(card, button.dataset.prefer, button.dataset.value ?? document.getElementById(`prefer-${button.dataset.prefer}`)?.value);
  } else if (button.dataset.clearNow) {
    change(card, "clear", button.dataset.clearNow);
  } else if (row) {
    const asks = button.dataset.clear !== undefined;
    row.querySelector("[data-clear]").hidden = asks;
    row.querySelector("span").hidden = !asks;
  }
});
document.addEventListener("change", (event) => {
  if (!event.target.closest || !event.target.closest("#preferences")) return;
  if (event.target.name === "theme") crucible.chooseTheme(event.target.value);
  if (event.target.id === "prefer-language") crucible.chooseLanguage(event.target.dataset.cookie, event.target.value);
});
document.addEventListener("keydown", (event) => {
  const field = event.key === "Enter" && event.target.closest && event.target.closest("#preferences input[id]");
  if (field) document.querySelector(`[data-prefer="${field.id.slice("prefer-".length)}"]`)?.click();
});
