// Opens a file in a tool: its tab, and the file in its form, with the other paths in `more` (JSON, by setting).

document.addEventListener("click", async (event) => {
  const choice = event.target.closest && event.target.closest("[data-tool]");
  if (!choice) return;
  const {tool, setting, path, more} = choice.dataset, id = `${tool}-setting-${setting}`;
  choice.closest("dialog")?.close();
  crucible.tab("tab-tools-button", choice.dataset.tab)?.click();
  (await crucible.drawn(() => crucible.tab(`tool-${tool}-button`, choice.textContent)))?.click();
  const field = await crucible.drawn(() => [document.getElementById(id)].find((one) => one?.offsetParent));
  if (!field) return;
  field.scrollIntoView({block: "center"});
  const others = Object.entries(JSON.parse(more || "{}")).map(([name, other]) => fill(`${tool}-setting-${name}`, other));
  await Promise.all([fill(id, path), ...others]);
  field.querySelector("textarea, input").focus({preventScroll: true});
});

// Fills in a whole form of the Evaluate tab.
document.addEventListener("click", async (event) => {
  const choice = event.target.closest && event.target.closest("[data-fill]");
  if (!choice) return;
  const {fill: tool, tab, name, values} = choice.dataset;
  choice.closest("dialog")?.close();
  crucible.tab("tab-evaluate-button", tab)?.click();
  (await crucible.drawn(() => crucible.tab(`tool-${tool}-button`, name)))?.click();
  if (!await crucible.drawn(() => document.querySelector(`[id^="${tool}-setting-"]`)?.offsetParent)) return;
  crucible.type(`${tool}-put`, JSON.stringify({...JSON.parse(values), at: Date.now()}));
});

// From the form of grids to the pictures.
document.addEventListener("click", ({target}) => {
  if (target.closest && target.closest("[data-grids]")) document.getElementById("evaluate-grids-button")?.click();
});

// gradio empties fields for a moment after it has drawn them, so what is typed is looked after for a second.
async function fill(id, path) {
  const before = new Set();
  for (let frame = 0; frame < 60; frame++) {
    const input = document.querySelector(`#${id} textarea, #${id} input`);
    const lines = input.value.split("\n").filter((line) => line.trim());
    if (!lines.includes(path)) {
      if (input.tagName === "TEXTAREA") lines.forEach((line) => before.add(line));
      crucible.type(id, [...before, path].join("\n"));
    }
    await new Promise(requestAnimationFrame);
  }
}
