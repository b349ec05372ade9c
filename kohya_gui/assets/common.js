// What several scripts of the page do; its name comes first, so that it is there for all of them.

window.crucible = {
  // Says something in the corner for a while; `words` are HTML unless they are `plain`.
  toast(words, plain) {
    const note = document.createElement("div");
    note.className = "told";
    note.setAttribute("role", "status");
    note[plain ? "textContent" : "innerHTML"] = words;
    document.body.append(note);
    setTimeout(() => note.remove(), 12000);
  },
  // Types into a field of gradio's, which only the browser's own events can fill.
  type(id, text) {
    const field = document.querySelector(`#${id} textarea, #${id} input`);
    const proto = field.tagName === "INPUT" ? HTMLInputElement : HTMLTextAreaElement;
    Object.getOwnPropertyDescriptor(proto.prototype, "value").set.call(field, text);
    field.dispatchEvent(new Event("input", {bubbles: true}));
    field.dispatchEvent(new KeyboardEvent("keypress", {bubbles: true})); // what gradio takes for typing
  },
};
