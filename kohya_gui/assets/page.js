() => {
  // Path fields offer what the server found in the folder that is being typed.
  document.addEventListener("focusin", (event) => {
    const field = event.target.closest && event.target.closest(".path");
    if (field && event.target.tagName === "INPUT") event.target.setAttribute("list", "paths-" + field.id);
  });
  // A problem leads to its field, unfolding what hides it.
  document.addEventListener("click", (event) => {
    const link = event.target.closest && event.target.closest('a[href^="#setting-"]');
    if (!link) return;
    event.preventDefault();
    const field = document.getElementById(link.getAttribute("href").slice(1));
    if (!field) return;
    field.scrollIntoView({behavior: "smooth", block: "center"});
    const input = field.querySelector("input, textarea");
    if (input) input.focus({preventScroll: true});
  });
}
