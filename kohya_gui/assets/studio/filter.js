// The words of a filter: which it has, and a filter with one more or less.

const WORD = /-?[^\s"]*"(?:[^"\\]|\\.)*"?|\S+/g;
// Of these only one can hold at a time.
const ALONE = [/^mark:/, /^shot:/, /^faces[:<>=]/];

export const wordsOf = (filter) => filter.match(WORD) || [];
export const has = (filter, word) => wordsOf(filter).includes(word);

// `filter` without `word`, or with it where it was not there.
export function toggled(filter, word) {
  const words = wordsOf(filter);
  if (words.includes(word)) return words.filter((one) => one !== word).join(" ");
  const alone = ALONE.find((start) => start.test(word));
  return [...words.filter((one) => !alone?.test(one)), word].join(" ");
}

// `name:value` with the value in quotes where it needs them.
export function word(name, value) {
  const plain = /^[^\s"\\]+$/.test(value);
  return plain ? `${name}:${value}` : `${name}:"${value.replace(/[\\"]/g, "\\$&")}"`;
}
