// A fit as it is asked for and shown: progress, the table of params, plots of data and residuals, a report.

import { engine } from "./engine.mjs";
import { key, plot } from "./plot.mjs";
import { el, number, short, table } from "./ui.mjs";

const COLORS = ["var(--accent)", "var(--warm)", "var(--third)"];

// Columns of numbers of a table as it was typed: by name, with NaN for what is none.
export async function columns(text) {
  const told = await engine.ask({ do: "table", table: text });
  if (told.error) return told;
  const all = told.ok.columns.map(({ name, numbers }) => [name, (numbers ?? []).map((x) => x ?? NaN)]);
  return { rows: told.ok.rows, columns: Object.fromEntries(all) };
}

// The column along which rows are drawn: the first that is not observed, or their numbers.
function along(fitted, data) {
  const observed = new Set(fitted.columns.map((column) => column.name));
  const name = Object.keys(data).find((name) => !observed.has(name) && data[name].some(Number.isFinite));
  const rows = fitted.columns[0]?.predictions.length ?? 0;
  return { name: name ?? "row", x: name ? data[name] : Array.from({ length: rows }, (_, i) => i + 1) };
}

function sorted(x, y) {
  return x.map((a, i) => [a, number(y[i])]).sort((a, b) => a[0] - b[0]);
}

// The data with predictions, and the residuals below.
export function plots(fitted, data) {
  const { name, x } = along(fitted, data);
  const shown = fitted.columns.slice(0, 3);
  const lines = shown.map((column, i) => ({ points: sorted(x, column.predictions), color: COLORS[i] }));
  const dots = shown.map((column, i) => ({ points: sorted(x, data[column.name] ?? []), color: COLORS[i] }));
  const left = shown.map((column, i) => ({ points: sorted(x, column.residuals), color: COLORS[i] }));
  return el("div", {},
    key(...shown.map((column, i) => [column.name, COLORS[i]])),
    plot({ lines, dots, height: 290, label: `Data and predictions along ${name}` }),
    el("p.note", {}, `Along ${name}. Below, residuals: prediction less observation.`),
    plot({ dots: left, rules: [{ y: 0 }], height: 130, label: `Residuals along ${name}` }));
}

export function params(fitted) {
  const rows = fitted.params.map((param) => [param.name, ...["estimate", "std_err", "low", "high"].map((k) => short(number(param[k])))]);
  return table(["param", "estimate", "std. error", "95 % from", "to"], rows);
}

function figures(fitted) {
  return table(["figure", ""], [
    ["sum of squares", el("span", { "data-figure": "sse", title: String(fitted.sse) }, short(number(fitted.sse), 8))],
    ["residual sd", short(number(fitted.residual_sd))],
    ["degrees of freedom", String(fitted.degrees_of_freedom)],
    ["R squared", short(number(fitted.r_squared))],
    ["starts that agree", `${fitted.agree} of ${fitted.starts}`],
    ["AIC", short(number(fitted.aic))],
    ["evaluations", String(fitted.evaluations)],
    ["seconds", short(number(fitted.seconds), 3)],
  ]);
}

// A page of its own, with the plots as they are and the program.
function report(host, source) {
  const style = "body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem;color:#22262b}table{border-collapse:collapse}" +
    "td,th{padding:.2rem .9rem .2rem 0;text-align:right}td:first-child,th:first-child{text-align:left}svg{max-width:100%}.plot text{fill:#62696f;font:11px system-ui}" +
    ".axis,.grid{stroke:#dedbd3}.line{fill:none;stroke-width:2}:root{--accent:#0b6e69;--warm:#b3541e;--third:#5b4aa0}pre{white-space:pre-wrap}";
  const program = el("pre", {}, source);
  const title = "A fit by dmci";
  return `<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>${title}</title><style>${style}</style><h1>${title}</h1>${host.innerHTML}<h2>Program</h2>${program.outerHTML}</html>`;
}

export function download(name, text, type = "text/html") {
  const link = el("a", { href: URL.createObjectURL(new Blob([text], { type })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

// Buttons to fit and to stop, how far it is, and what comes of it. `asked()` gives {source, table}.
export class FitPanel {
  constructor(host, asked) {
    this.asked = asked;
    this.go = el("button.main", { id: "fit", onclick: () => this.fit() }, "Fit");
    this.stop = el("button", { id: "stop", disabled: true, onclick: () => engine.stop() }, "Stop");
    this.starts = el("input", { type: "number", min: 1, max: 100000, value: 64, "aria-label": "Starts" });
    this.progress = el("i");
    this.said = el("span.note", { id: "said", role: "status" });
    this.result = el("div", { id: "fitted" });
    host.append(el("div.row", {}, this.go, this.stop, el("label", {}, "starts ", this.starts), this.said),
      el("div.progress", {}, this.progress), this.result);
  }

  async fit() {
    const { source, table } = this.asked();
    const began = performance.now();
    this.go.disabled = true;
    this.stop.disabled = false;
    this.result.replaceChildren();
    this.said.textContent = "fitting";
    const told = await engine.ask({ do: "fit", source, table, starts: Number(this.starts.value) || 64 }, ({ ended, starts, best }) => {
      this.progress.style.width = `${(100 * ended) / starts}%`;
      this.best = best;
      this.said.textContent = `${ended} of ${starts} starts, lowest sum of squares ${short(best)}`;
    });
    this.go.disabled = false;
    this.stop.disabled = true;
    this.progress.style.width = "0";
    if (told.error) return this.complain(told.error);
    await this.show(told.ok, source, table, performance.now() - began);
  }

  complain(error) {
    const lowest = Number.isFinite(this.best) ? `, at a sum of squares of ${short(this.best)}` : "";
    this.said.textContent = error.kind === "stopped" ? `stopped${lowest}` : "";
    if (error.kind !== "stopped") this.result.replaceChildren(el("pre.complaint", {}, error.shown));
  }

  async show(fitted, source, text, took) {
    this.said.textContent = fitted.interrupted ? "stopped: the best so far" : `done in ${short(took, 3)} ms`;
    const data = (await columns(text)).columns ?? {};
    const shown = el("div", {}, fitted.warnings.map((warning) => el("p.note", {}, `⚠ ${warning}`)), params(fitted), plots(fitted, data), figures(fitted));
    this.result.replaceChildren(shown, el("div.row", {},
      el("button", { onclick: () => download("report.html", report(shown, source)) }, "Download the report"),
      el("button", { onclick: () => download("fit.json", JSON.stringify(fitted, null, 1), "application/json") }, "…as JSON")));
  }
}

// A place to drop a table of values, or to type one.
export function dropper(host, changed) {
  const area = el("textarea", { spellcheck: "false", "aria-label": "Table, as CSV", placeholder: "Drop a CSV file here, or type: a line of names, then numbers", oninput: () => changed(area.value) });
  const take = async (file) => {
    if (!file) return;
    area.value = await file.text();
    changed(area.value);
  };
  const over = (is) => (event) => {
    event.preventDefault();
    drop.classList.toggle("over", is);
  };
  const file = el("input", { type: "file", accept: ".csv,.tsv,.txt", hidden: true, onchange: (event) => take(event.target.files[0]) });
  const drop = el("div.drop", {
    ondragover: over(true),
    ondragleave: over(false),
    ondrop: (event) => {
      over(false)(event);
      take(event.dataTransfer.files[0]);
    },
  }, area);
  host.append(drop, el("div.row", {}, el("button", { onclick: () => file.click() }, "Open a file"), file));
  return area;
}
