// Opens a file in a tool: its tab, and the file in its form.

document.addEventListener("click", async (event) => {
  const choice = event.target.closest && event.target.closest("[data-tool]");
  if (!choice) return;
  const {tool, setting, path} = choice.dataset, id = `${tool}-setting-${setting}`;
  choice.closest("dialog")?.close();
  document.getElementById("tab-tools-button")?.click();
  const tab = await drawn(`tool-${tool}-button`);
  tab?.click();
  const field = await drawn(id);
  if (!field) return;
  field.scrollIntoView({block: "center"});
  await fill(id, path);
  field.querySelector("textarea, input").focus({preventScroll: true});
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

// The element, once it is drawn; tabs draw what is on them when they are first opened.
async function drawn(id) {
  for (let frame = 0; frame < 600; frame++) {
    const element = document.getElementById(id);
    if (element && (element.offsetParent || element.getAttribute("role") === "tab")) return element;
    await new Promise(requestAnimationFrame);
  }
  return null;
}
