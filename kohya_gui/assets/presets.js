// The dialog about presets: choosing, comparing, renaming, deleting, and the one to start with (server/presets.py).

const dialog = document.createElement("dialog");
dialog.id = "presets-dialog";
dialog.className = "card";
dialog.innerHTML = '<button type="button" class="close" data-preset-act="close">×</button><div class="preset-body"></div>'
  + '<div class="preset-said" role="status"></div>';
document.querySelector(".gradio-container .contain").append(dialog); // rules for narrow windows hold in there alone
const body = dialog.querySelector(".preset-body"), said = dialog.querySelector(".preset-said");
let compared = {key: "", other: ""};

async function ask(asked) {
  said.replaceChildren();
  let answer;
  try {
    answer = await crucible.post("form/train/presets", asked);
  } catch (error) {
    if (error instanceof TypeError) return {}; // the server is away; gradio says so
    answer = {error: error.message};
  }
  if (answer.html !== undefined) body.innerHTML = answer.html;
  said.innerHTML = answer.error ?? answer.told ?? "";
  if (answer.changed) crucible.put({"@preset": ""}); // the list in the bar
  return answer;
}

async function askInRow(row, act) {
  const answer = await ask({act, key: row.dataset.key});
  if (answer.row === undefined) return;
  row.querySelector(".preset-acts").innerHTML = answer.row;
  row.classList.add("asking");
  const field = row.querySelector("input");
  if (field) field.select();
  else row.querySelector(".danger").focus();
}

const compare = (change) => ask({act: "compare", ...Object.assign(compared, change)});

dialog.addEventListener("click", (event) => {
  if (event.target === dialog) return dialog.close(); // the backdrop
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.take) {
    crucible.put(JSON.parse(button.dataset.take));
    const [, taken, form] = button.closest("tr").children;
    form.textContent = taken.textContent;
    button.closest("tr").classList.add("taken");
    return button.remove();
  }
  const row = button.closest(".preset-row"), key = row?.dataset.key;
  const act = button.dataset.presetAct;
  if (act === "close") dialog.close();
  else if (act === "choose") {
    crucible.put({"@preset": key});
    dialog.close();
  } else if (act === "compare") compare({key, other: ""});
  else if (act === "rename" || act === "delete") askInRow(row, act);
  else if (act === "renamed") ask({act, key, name: row.querySelector("input").value});
  else if (act) ask({act, key});
});
dialog.addEventListener("change", (event) => {
  if (event.target.dataset.side === "first") compare({key: event.target.value});
  if (event.target.dataset.side === "second") compare({other: event.target.value});
});
dialog.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && event.target.tagName === "INPUT") event.target.closest(".preset-row").querySelector(".primary").click();
});
document.addEventListener("click", (event) => {
  const target = event.target.closest && event.target.closest("#manage-presets, #preset-state .pill");
  if (!target) return;
  const differs = target.id !== "manage-presets"; // what differs from the preset that was loaded
  (differs ? compare({key: target.dataset.preset, other: ""}) : ask({act: "list"})).then(() => {
    if (!dialog.open) dialog.showModal();
  });
});
