// Pictures, captions, folders and zip files that are dropped on the page, or chosen: sent in pieces (server/uploads.py).

const TAKEN = /\.(png|jpe?g|webp|bmp|avif|txt|caption|zip)$/i, PIECE = 4 * 2 ** 20; // bytes
const dialog = document.createElement("dialog");
dialog.id = "upload";
dialog.className = "card";
dialog.setAttribute("aria-labelledby", "upload-title");
document.querySelector(".gradio-container .contain").append(dialog);
const part = (name) => dialog.querySelector(`[data-part="${name}"]`);
let files = [], sending = null; // [path, File]; the upload under way

function sized(bytes) {
  if (bytes < 2 ** 20) return bytes < 1024 ? `${bytes} B` : `${Math.round(bytes / 1024)} KiB`;
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}

// Takes what is dropped if it is pictures, captions, a zip or a folder; says whether it has.
crucible.takeDropped = (transfer) => {
  const entries = entriesOf(transfer);
  if (!entries.some((entry) => entry.isDirectory || TAKEN.test(entry.name))) return false;
  found(entries).then(ask, (error) => crucible.toast(error.message, true));
  return true;
};

function entriesOf(transfer) {
  const items = [...transfer.items].filter((item) => item.kind === "file");
  return items.map((item) => (item.webkitGetAsEntry && item.webkitGetAsEntry()) || item.getAsFile());
}

// All files of what is dropped or pasted: [[path, File], …].
crucible.filesOf = (transfer) => found(entriesOf(transfer));

async function found(entries) {
  const all = [];
  for (const entry of entries) {
    if (entry instanceof File) {
      all.push([entry.name, entry]);
    } else if (entry.isFile) {
      all.push([entry.fullPath.replace(/^\//, ""), await new Promise((done, fail) => entry.file(done, fail))]);
    } else {
      const reader = entry.createReader();
      for (;;) { // a hundred at a time
        const some = await new Promise((done, fail) => reader.readEntries(done, fail));
        if (!some.length) break;
        all.push(...await found(some));
      }
    }
  }
  return all;
}

crucible.chooseUpload = () => {
  const chooser = document.createElement("input");
  chooser.type = "file";
  chooser.multiple = true;
  chooser.id = "upload-chooser";
  chooser.hidden = true;
  chooser.accept = ".png,.jpg,.jpeg,.webp,.bmp,.avif,.txt,.caption,.json,.jsonl,.zip";
  chooser.addEventListener("change", () => { ask([...chooser.files].map((file) => [file.name, file])); chooser.remove(); });
  document.getElementById("upload-chooser")?.remove();
  document.body.append(chooser);
  chooser.click();
};

async function ask(all) {
  if (sending || !all.length) return;
  files = all;
  const words = await crucible.words();
  dialog.innerHTML = FRAME;
  for (const place of dialog.querySelectorAll("[data-words]")) place.textContent = words[place.dataset.words];
  const size = all.reduce((sum, [, file]) => sum + file.size, 0);
  part("summary").textContent = words.upload_summary.replace("{count}", all.length).replace("{size}", sized(size));
  const guess = guessed(all);
  part("name").value = guess.name;
  part("repeats").value = guess.repeats;
  const into = document.querySelector("#setting-train_data_dir input")?.value.trim();
  const there = document.querySelector('#setting-train_data_dir .path-mark')?.dataset.sign === "ok";
  part("into-row").hidden = !(into && there);
  part("into-path").textContent = into || "";
  dialog.showModal();
  part("name").select();
}

// The name and repeats that a dropped folder or zip proposes.
function guessed(all) {
  const top = all[0][0].includes("/") ? all[0][0].split("/")[0] : all.length === 1 ? all[0][0].replace(/\.[^.]*$/, "") : "";
  const numbered = top.match(/^(\d+)_(.+)$/);
  return {name: numbered ? numbered[2] : top || "images", repeats: numbered ? numbered[1] : "10"};
}

const post = (what, body) => crucible.post(`files/upload/${what}`, body);

async function send() {
  const mine = sending = {id: "", stopped: false};
  const total = files.reduce((sum, [, file]) => sum + file.size, 0);
  part("error").innerHTML = "";
  part("send").disabled = true;
  part("progress").hidden = false;
  try {
    const into = !part("into-row").hidden && part("into").checked ? part("into-path").textContent : "";
    const ended = await crucible.transfer(files, {name: part("name").value, repeats: Number(part("repeats").value), into}, mine, (sent) => {
      part("progress").value = total ? sent / total : 1;
    });
    if (ended?.error) return complain(ended.error);
    if (ended) show(ended);
  } catch (error) {
    complain(error.message);
  } finally {
    sending = null;
  }
  return undefined;
}

// Sends files in pieces, and resolves to what has become of them, {error} where that is refused, or null once `mine.stopped` is set.
crucible.transfer = async (files, {name, repeats, into}, mine = {}, progress = () => {}) => {
  mine.id = "";
  try {
    const begun = await post("begin", {name, repeats, into, files: files.map(([path, file]) => [path, file.size])});
    if (begun.error) return begun;
    mine.id = begun.id;
    let sent = 0;
    for (const number of begun.wanted) {
      const file = files[number][1];
      for (let at = 0; at < file.size && !mine.stopped; at += PIECE) {
        const piece = file.slice(at, at + PIECE);
        const response = await fetch(`files/upload/part?id=${mine.id}&number=${number}&at=${at}`, {method: "POST", body: piece});
        const answer = response.ok ? await response.json() : {error: await response.text()};
        if (answer.error) return answer;
        sent += piece.size;
        progress(sent);
      }
      if (mine.stopped) return null;
    }
    const ended = await post("end", {id: mine.id});
    if (!ended.error) mine.id = "";
    return ended;
  } finally {
    if (mine.id) post("drop", {id: mine.id}).catch(() => null); // the server is away, and forgets it by itself
  }
};

function complain(html) {
  if (!dialog.open) return;
  part("error").innerHTML = html;
  part("send").disabled = false;
  part("progress").hidden = true;
}

function show(ended) {
  part("form").hidden = true;
  part("send").hidden = true;
  part("progress").hidden = true;
  part("report").innerHTML = ended.html;
  crucible.words().then((words) => { part("cancel").textContent = words.upload_done; });
  part("cancel").focus();
  if (ended.folder) crucible.put({train_data_dir: ended.folder, dataset_config: ""}); // only one can say where images are
}

dialog.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.part === "send") send();
  else dialog.close();
});
dialog.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && event.target.tagName === "INPUT" && !sending) send();
});
dialog.addEventListener("close", () => { if (sending) sending.stopped = true; });
addEventListener("pagehide", () => {
  if (sending && sending.id) navigator.sendBeacon("files/upload/drop", JSON.stringify({id: sending.id}));
});

const FRAME = `
  <header><h3 id="upload-title" data-words="upload_title"></h3></header>
  <div class="upload-body">
    <p data-part="summary"></p>
    <div data-part="form" class="upload-form">
      <label><span data-words="upload_name"></span><input type="text" data-part="name" maxlength="100" spellcheck="false"></label>
      <label><span data-words="upload_repeats"></span><input type="number" data-part="repeats" min="1" max="10000"></label>
      <label class="upload-into" data-part="into-row"><input type="checkbox" data-part="into"><span data-words="upload_into"></span>
        <code data-part="into-path"></code></label>
      <small data-words="upload_help"></small>
    </div>
    <progress data-part="progress" max="1" value="0" hidden></progress>
    <div data-part="error" role="alert"></div><div data-part="report" role="status"></div>
  </div>
  <footer><button type="button" class="small" data-part="cancel" data-words="upload_cancel"></button>
    <button type="button" class="small primary" data-part="send" data-words="upload_send"></button></footer>`;
