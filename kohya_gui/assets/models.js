// The menu of models under the base model's field, which is filled when it is opened (server/models.py).

document.addEventListener("toggle", async (event) => {
  const menu = event.target;
  if (!menu.matches?.(".models-found") || !menu.open) return;
  try {
    const response = await fetch("form/train/models");
    if (!response.ok) throw new Error(await response.text());
    menu.querySelector("div").innerHTML = await response.text();
  } catch (error) {
    menu.open = false;
    crucible.toast(error.message, true);
  }
}, true);
document.addEventListener("keydown", (event) => {
  const menu = event.key === "Escape" && event.target.closest?.(".models-found[open]");
  if (!menu) return;
  menu.open = false;
  menu.querySelector("summary").focus();
});
