// What keys are called.

const NUMBERS = /^(Digit|Numpad)(\d)$/, LETTERS = /^Key([A-Z])$/;
const PLACES = {Slash: "/", Minus: "-", Equal: "=", Comma: ",", Period: ".", Semicolon: ";", Quote: "'", Backquote: "`"};

// What a key is called. Where an input method or another alphabet gives no Latin letter, its place on the keyboard says it.
export function nameOfKey(event) {
  let name = event.key === " " ? "Space" : event.key;
  const foreign = name === "Process" || event.isComposing || (name.length === 1 && name.charCodeAt(0) > 126);
  const letter = LETTERS.exec(event.code), number = NUMBERS.exec(event.code);
  if (foreign && letter) name = letter[1];
  else if (foreign && number) name = number[2];
  else if (foreign && event.code === "Slash") name = event.shiftKey ? "?" : "/";
  else if (foreign) name = PLACES[event.code] || name;
  if (name.length > 1 || /[a-z\d]/i.test(name)) {
    return `${event.shiftKey ? "Shift+" : ""}${name.length === 1 ? name.toUpperCase() : name}`;
  }
  return name; // a sign is another one with Shift
}
export const isPlain = (event) => !event.ctrlKey && !event.metaKey && !event.altKey;
