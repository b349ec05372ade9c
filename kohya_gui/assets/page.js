// The head of the page: the language, light or dark, the menu, and the keys that work everywhere.

const THEMES = "crucible_theme";

function showTheme(dark) {
  document.body.classList.toggle("dark", dark);
}

// What is chosen: "light", "dark", or "" for what the system has.
crucible.theme = () => localStorage.getItem(THEMES) || "";
crucible.chooseTheme = (chosen) => {
  if (chosen) localStorage.setItem(THEMES, chosen);
  else localStorage.removeItem(THEMES);
  showTheme(chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches);
};
// Sets or forgets ("") the language, and shows the page in it.
crucible.chooseLanguage = (cookie, language) => {
  const kept = language ? `path=/;max-age=31536000` : `path=/;max-age=0`;
  document.cookie = `${cookie}=${language};${kept};samesite=lax`;
  location.reload();
};

const kept = localStorage.getItem(THEMES);
const asked = new URLSearchParams(location.search).get("__theme");
if (kept && !asked) showTheme(kept === "dark");

document.addEventListener("click", (event) => {
  const target = event.target;
  if (!target.closest) return;
  if (target.closest("#theme")) {
    crucible.chooseTheme(document.body.classList.contains("dark") ? "light" : "dark");
  }
  const language = target.closest("[data-language]");
  if (language) {
    event.preventDefault();
    crucible.chooseLanguage(language.dataset.cookie, language.dataset.language);
  }
  document.body.classList.toggle("menu-open", !!target.closest("#more") && !document.body.classList.contains("menu-open"));
});

document.addEventListener("keydown", (event) => {
  const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName);
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey) {
    const search = document.querySelector("#search input:not([type=hidden])");
    if (search && search.offsetParent) {
      event.preventDefault();
      search.focus();
    }
  }
  if (event.key === "Escape") document.body.classList.remove("menu-open");
});

const current = document.documentElement.lang;
const marked = document.getElementById(`language-${current}`);
if (marked) marked.setAttribute("aria-current", "true");
document.body.dataset.panel ??= "will";
document.body.dataset.depth ??= localStorage.getItem("crucible_depth") || "usual";
