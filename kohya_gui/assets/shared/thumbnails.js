// Thumbnails: fetched few at a time, so that what is pressed meanwhile does not wait behind them; what is in view comes first.

const AT_ONCE = 4; // a browser has six connections to a server
const AGAIN = 5000; // milliseconds after which one that did not come may be tried again, when it is next drawn

export class Thumbnails {
  // `addressOf` gives the address of the small copy of a picture.
  constructor(addressOf) {
    this.addressOf = addressOf;
    this.loading = new Set();
    this.waiting = [];
  }

  // Has cells show their pictures: [[cell, picture, how far it is from the middle], …].
  want(cells) {
    this.waiting = cells.filter(([cell, pid]) => cell.dataset.shown !== this.addressOf(pid))
      .sort((one, other) => one[2] - other[2]);
    this.next();
  }

  // A cell is used for something else, or not at all.
  drop(cell) {
    this.loading.delete(cell);
    delete cell.dataset.shown;
    delete cell.dataset.state;
    const image = cell.firstElementChild;
    image.onload = image.onerror = null;
    image.removeAttribute("src");
  }

  next() {
    while (this.waiting.length && this.loading.size < AT_ONCE) {
      const [cell, pid] = this.waiting.shift();
      const address = this.addressOf(pid), image = cell.firstElementChild;
      if (cell.dataset.pid !== String(pid) || cell.dataset.shown === address) continue;
      this.loading.add(cell);
      cell.dataset.shown = address;
      cell.dataset.state = "loading";
      const done = (state) => () => {
        cell.dataset.state = state;
        this.loading.delete(cell);
        if (state === "broken") setTimeout(() => { if (cell.dataset.state === "broken") delete cell.dataset.shown; }, AGAIN);
        this.next();
      };
      image.onload = done("ready");
      image.onerror = done("broken");
      image.src = address;
    }
  }
}
