// Copies a sample picture, with its prompt as caption, into a dataset of the Data tab: which one is asked, the last one first.

const toData = document.createElement("dialog");
toData.id = "to-data";
toData.className = "card";
document.querySelector(".gradio-container .contain").append(toData);
let sample = null;

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-to-data]");
  if (button) {
    event.preventDefault();
    askWhichSet({run: button.dataset.run, name: button.dataset.toData});
  } else if (event.target === toData || event.target.closest?.("#to-data [data-close]")) {
    toData.close();
  } else if (event.target.closest?.("#to-data [data-set]")) {
    copyTo(event.target.closest("[data-set]").dataset.set);
  }
});

async function askWhichSet(wanted) {
  sample = wanted;
  try {
    const answer = await crucible.post("data/to_data", {...sample, last: localStorage.getItem("crucible_to_data")});
    if (answer.error) return crucible.toast(answer.error);
    toData.innerHTML = answer.html;
    toData.showModal();
  } catch (error) {
    crucible.toast(error.message, true);
  }
  return undefined;
}

async function copyTo(set) {
  const place = toData.querySelector(".dialog-error");
  try {
    const answer = await crucible.post("data/to_data", {...sample, set});
    if (answer.error) {
      place.innerHTML = answer.error;
      return;
    }
    localStorage.setItem("crucible_to_data", set);
    toData.close();
    crucible.toast(answer.told, true);
  } catch (error) {
    place.textContent = error.message;
  }
}
