// The head of the page: the language, light or dark, the menu, and the keys that work everywhere.

const THEMES = "crucible_theme";

function showTheme(dark) {
  document.body.classList.toggle("dark", dark);
}

const kept = localStorage.getItem(THEMES);
const asked = new URLSearchParams(location.search).get("__theme");
if (kept && !asked) showTheme(kept === "dark");

document.addEventListener("click", (event) => {
  const target = event.target;
  if (!target.closest) return;
  if (target.closest("#theme")) {
    const dark = !document.body.classList.contains("dark");
    localStorage.setItem(THEMES, dark ? "dark" : "light");
    showTheme(dark);
  }
  const language = target.closest("[data-language]");
  if (language) {
    event.preventDefault();
    document.cookie = `${language.dataset.cookie}=${language.dataset.language};path=/;max-age=31536000;samesite=lax`;
    location.reload();
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
