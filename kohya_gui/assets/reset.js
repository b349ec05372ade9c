// One setting back to its default: a small button in each field that differs; and how much of the form is shown.

const DEPTH = "crucible_depth";

// Gives `field`, of the setting `name`, its button while it differs from the default, and takes it away again.
crucible.offerReset = async (field, name, differs) => {
  const there = field.querySelector(":scope > .reset-one");
  if (!differs) return there?.remove();
  if (there) return;
  const known = (await crucible.names()).find((one) => one.name === name);
  if (!known || field.querySelector(":scope > .reset-one") || !field.classList.contains("changed")) return;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "reset-one";
  button.textContent = "↺";
  button.title = known.reset;
  button.setAttribute("aria-label", `${known.label}: ${known.reset}`);
  button.addEventListener("click", () => crucible.put({[name]: known.default}));
  field.append(button);
};

// gradio draws the choice as it is at first; what this browser remembers is shown instead.
crucible.drawn(() => document.querySelector("#depth input")).then(() => {
  const kept = document.querySelector(`#depth input[value="${localStorage.getItem(DEPTH) || "usual"}"]`);
  if (kept && !kept.checked) kept.click();
});
