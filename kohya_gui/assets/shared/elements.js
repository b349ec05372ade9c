// What the scripts of a tab that is loaded later share: elements, words in the visitor's language, listeners, what is kept.

export const at = (id) => document.getElementById(id);
// An element with children; what is given as text stays text.
export function made(tag, properties = {}, ...children) {
  const {data, ...rest} = properties;
  const element = Object.assign(document.createElement(tag), rest);
  Object.assign(element.dataset, data || {});
  element.append(...children);
  return element;
}
export function button(properties, ...children) {
  return made("button", {type: "button", ...properties}, ...children);
}

let texts = {};
export const setWords = (words) => { texts = words; };
export const isSaid = (name) => name in texts;
// The words called `name` with {placeholders} filled in; {count:plural} is the s of a plural.
export function say(name, params = {}) {
  return (texts[name] ?? name).replace(/\{(\w+)(:plural)?\}/g, (whole, key, plural) => {
    if (!(key in params)) return whole;
    return plural ? (String(params[key]) === "1" ? "" : "s") : figure(params[key]);
  });
}
export const figure = (value) => (typeof value === "number" ? value.toLocaleString(document.documentElement.lang || "en") : value);

// `on(names, listener)` hears what `tell(name, detail)` tells.
export function teller() {
  const listeners = {};
  return {
    on(names, listener) {
      for (const name of names.split(" ")) (listeners[name] ??= []).push(listener);
    },
    tell(name, detail) {
      for (const listener of listeners[name] || []) listener(detail);
    },
  };
}

// Keeps values in the browser under names that begin with `tab`.
export function keeper(tab) {
  return {
    remember(name, value) {
      try {
        localStorage.setItem(`crucible_${tab}_${name}`, JSON.stringify(value));
      } catch {
        // the browser keeps nothing; then it is as usual at the next visit
      }
    },
    remembered(name, usual) {
      try {
        return JSON.parse(localStorage.getItem(`crucible_${tab}_${name}`)) ?? usual;
      } catch {
        return usual;
      }
    },
  };
}
