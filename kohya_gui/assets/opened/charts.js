// The charts of an opened run, drawn by uPlot, which is loaded with the first of them (assets/vendor/uplot).

const COLOURS = ["#c2410c", "#0284c7", "#059669", "#9333ea", "#be123c", "#a16207", "#0d9488", "#4f46e5", "#db2777", "#65a30d"];
const LOGARITHMIC = 3; // uPlot's number for it
const HEIGHT = 230;
const at = (id) => document.getElementById(id);

let library = null;
function plots() {
  library ||= new Promise((resolve, reject) => {
    const style = document.createElement("link"), script = document.createElement("script");
    Object.assign(style, {rel: "stylesheet", href: new URL("uplot.css", import.meta.url).href});
    script.src = new URL("uplot.js", import.meta.url).href;
    script.onload = () => resolve(window.uPlot);
    script.onerror = () => {
      library = null;
      reject(new Error("uplot.js"));
    };
    document.head.append(style, script);
  });
  return library;
}

export class Charts {
  constructor(run) {
    Object.assign(this, {run, runs: new Map([[run, null]]), drawn: new Map(), logarithmic: new Set(), asked: 0});
    at("charts-add").addEventListener("change", () => {
      this.runs.set(at("charts-add").value, null);
      this.load();
    });
    at("charts-runs").addEventListener("click", (event) => {
      const button = event.target.closest("[data-without]");
      if (!button) return;
      this.runs.delete(button.dataset.without);
      this.draw();
    });
    at("charts-grid").addEventListener("change", (event) => {
      if (!event.target.dataset.chart) return;
      this.logarithmic[event.target.checked ? "add" : "delete"](event.target.dataset.chart);
      this.forget(event.target.dataset.chart);
      this.draw();
    });
    this.observer = new ResizeObserver(() => this.fit());
    this.observer.observe(at("charts-grid"));
  }

  // Asks for the points of the runs that are shown: of all that are new, and of this one again.
  async load() {
    const number = ++this.asked, wanted = [...this.runs].filter(([run, known]) => run === this.run || !known);
    const answers = await Promise.all(wanted.map(async ([run]) => {
      const response = await fetch(`runs/${encodeURIComponent(run)}/curves`);
      return [run, response.ok ? await response.json() : null];
    }));
    this.plot = await plots();
    if (number !== this.asked || !at("charts-grid")) return;
    for (const [run, answer] of answers) {
      if (answer && this.runs.has(run)) this.runs.set(run, answer);
      else if (!answer && run !== this.run) this.runs.delete(run);
    }
    this.draw();
  }

  draw() {
    const shown = [...this.runs].filter(([, known]) => known);
    this.drawRuns();
    const charts = new Map();
    for (const [run, known] of shown) {
      for (const chart of known.charts) {
        if (!charts.has(chart.id)) charts.set(chart.id, {id: chart.id, title: chart.title, lines: []});
        const name = shown.length > 1 ? `${known.name}${run === this.run ? "" : ` (${run.slice(0, 15)})`}: ` : "";
        for (const line of chart.lines) charts.get(chart.id).lines.push({...line, label: name + line.label});
      }
    }
    at("charts-empty").hidden = charts.size > 0 || !shown.length;
    for (const id of [...this.drawn.keys()]) if (!charts.has(id)) this.forget(id);
    for (const chart of charts.values()) this.drawChart(chart);
  }

  drawRuns() {
    const select = at("charts-add"), names = new Map([...select.options].map((one) => [one.value, one.textContent]));
    select.value = "";
    for (const option of select.options) option.disabled = this.runs.has(option.value);
    at("charts-runs").replaceChildren(...[...this.runs.keys()].filter((run) => run !== this.run).map((run) => {
      const button = Object.assign(document.createElement("button"), {type: "button", className: "tag"});
      button.dataset.without = run;
      button.title = at("charts-runs").dataset.remove;
      button.textContent = `${names.get(run) || run} ✕`;
      return button;
    }));
  }

  drawChart({id, title, lines}) {
    const isLog = this.logarithmic.has(id);
    const tables = lines.map((line) => [line.x, isLog ? line.y.map((y) => y > 0 ? y : null) : line.y]);
    const data = this.plot.join(tables), labels = lines.map((line) => line.label).join("\n");
    const known = this.drawn.get(id);
    if (known && known.labels === labels) {
      known.plot.setData(data, !known.zoomed);
      if (known.zoomed) known.plot.redraw();
      return;
    }
    this.forget(id);
    const figure = document.createElement("figure"), caption = document.createElement("figcaption");
    const log = document.createElement("label"), box = Object.assign(document.createElement("input"), {type: "checkbox"});
    box.checked = isLog;
    box.dataset.chart = id;
    log.append(box, at("charts-grid").dataset.log);
    caption.append(Object.assign(document.createElement("b"), {textContent: title}), log);
    figure.id = `charts-${id}`;
    figure.append(caption);
    const order = [...at("charts-grid").children].find((one) => one.dataset.order > place(id));
    figure.dataset.order = place(id);
    at("charts-grid").insertBefore(figure, order || null);
    const drawn = {labels, zoomed: false, figure};
    drawn.plot = new this.plot(this.options(figure, lines, isLog, drawn), data, figure);
    this.drawn.set(id, drawn);
  }

  options(figure, lines, isLog, drawn) {
    const style = getComputedStyle(figure), soft = style.getPropertyValue("--soft") || "#777";
    const axis = {stroke: soft, grid: {stroke: style.getPropertyValue("--line") || "#ddd", width: 1}, ticks: {show: false}};
    return {
      width: Math.max(200, figure.clientWidth), height: HEIGHT,
      cursor: {sync: {key: `run ${this.run}`}, drag: {x: true, y: false}},
      scales: {x: {time: false}, y: isLog ? {distr: LOGARITHMIC} : {}},
      axes: [{...axis, size: 30}, {...axis, size: 62, values: (_, ticks) => ticks.map(short)}],
      series: [{label: at("charts-grid").dataset.step, value: (_, step) => step === null || step === undefined ? "–" : String(step)}, ...lines.map((line, number) => ({
        label: line.label, stroke: COLOURS[number % COLOURS.length] + (line.faint ? "70" : ""), width: line.faint ? 1 : 2,
        spanGaps: true, points: {show: line.dots || line.x.length === 1, size: 5}, value: (_, y) => y === null || y === undefined ? "–" : short(y),
      }))],
      hooks: {setScale: [(plot, key) => {
        if (key !== "x" || !plot.data[0].length) return;
        const [first, last] = [plot.data[0][0], plot.data[0][plot.data[0].length - 1]];
        drawn.zoomed = plot.scales.x.min > first || plot.scales.x.max < last;
        figure.dataset.zoomed = drawn.zoomed;
      }]},
    };
  }

  forget(id) {
    const known = this.drawn.get(id);
    if (!known) return;
    known.plot.destroy();
    known.figure.remove();
    this.drawn.delete(id);
  }

  fit() {
    for (const {plot, figure} of this.drawn.values()) {
      if (figure.clientWidth && plot.width !== figure.clientWidth) plot.setSize({width: figure.clientWidth, height: HEIGHT});
    }
  }

  close() {
    this.asked += 1;
    this.observer.disconnect();
    for (const id of [...this.drawn.keys()]) this.forget(id);
  }
}

const place = (id) => ["loss", "lr", "d", "grad_norm", "speed", "memory"].indexOf(id);

// A number as people of this field write it: 1e-4, 0.05, 16.
function short(value) {
  if (value === null || value === undefined) return "";
  if (value && Math.abs(value) < 0.01) return value.toExponential(2).replace(/\.?0+e/, "e");
  return String(Number(value.toPrecision(4)));
}
