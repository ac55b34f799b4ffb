// Lesson 1: value, gradient and a tangent, and errors where they are.

import { Editor } from "./editor.mjs";
import { engine } from "./engine.mjs";
import { plot } from "./plot.mjs";
import { $, bar, el, frame, number, scheme, short, table } from "./ui.mjs";

frame();

const BEGIN = { text: "(* a (exp (* (- b) x)))", inputs: { a: 2.5, b: 0.8, x: 1.5 } };
const FUEL = 2_000_000;

async function evaluate() {
  const inputs = editor.given();
  const source = editor.text;
  const told = await engine.answer({ source, inputs, wrt: Object.keys(inputs), fuel: FUEL });
  editor.show(told.error);
  $("#value").textContent = told.error ? "–" : scheme(told.value);
  const all = Object.entries(told.grad ?? {}).map(([name, x]) => [name, number(x)]);
  const largest = Math.max(0, ...all.map(([, x]) => Math.abs(x)).filter(Number.isFinite));
  const rows = all.map(([name, x]) => [name, el("span", { "data-by": name, title: String(x) }, short(x, 9)), bar(x, largest)]);
  $("#gradient").replaceChildren(...(rows.length ? [table(["by", "derivative", ""], rows)] : []));
  const along = "x" in inputs ? "x" : Object.keys(inputs)[0];
  $("#curve").replaceChildren(...(told.error || !along ? [] : [await curve(source, inputs, along, number(told.value), number(told.grad[along]))]));
}

// The program along one input, with the tangent at its number.
async function curve(source, inputs, along, value, slope) {
  const here = inputs[along];
  const reach = Math.max(1, Math.abs(here));
  const x = Array.from({ length: 121 }, (_, i) => here + reach * (i / 60 - 1));
  const { [along]: _, ...shared } = inputs;
  const told = await engine.answer({ source, inputs: shared, lanes: { [along]: x }, fuel: 100 * FUEL });
  const points = x.map((a, i) => [a, number(told.values?.[i])]);
  const tangent = [-0.35, 0.35].map((part) => [here + part * reach, value + slope * part * reach]);
  return el("div", {}, el("p.note", {}, `along ${along}, with its tangent`),
    plot({ lines: [{ points }, { points: tangent, color: "var(--warm)" }], dots: [{ points: [[here, value]] }], height: 230, label: `The program along ${along}` }));
}

const editor = new Editor($("#editor"), { changed: evaluate });
editor.set(BEGIN.text, BEGIN.inputs);
for (const button of document.querySelectorAll("[data-program]")) {
  button.addEventListener("click", () => editor.set(button.dataset.program, editor.inputs));
}
$("#mend").addEventListener("click", () => editor.set(BEGIN.text, BEGIN.inputs));
