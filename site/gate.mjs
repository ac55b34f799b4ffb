// Lesson 6: a soft gate, its temperature, and the derivative that the temperature lets through.

import { Editor } from "./editor.mjs";
import { engine } from "./engine.mjs";
import { key, plot } from "./plot.mjs";
import { $, frame, number, short } from "./ui.mjs";

frame();

const TEXT = "; The arms are blended by how far x is beyond the threshold.\n(soft-if x threshold low high)";
// The same with a step: `soft-if` takes what it compares.
const HARD = (text) => text.replace(/\(soft-if ([^\s()]+) ([^\s()]+)/g, "(if (< $1 $2)");
const X = Array.from({ length: 201 }, (_, i) => i / 25 - 4);

async function lanes(source, inputs, temperature) {
  const { x: _, ...shared } = inputs;
  // The threshold differs between lanes too, so that each has a derivative of its own.
  const { threshold, ...rest } = shared;
  return engine.answer({ source, inputs: rest, lanes: { x: X, threshold: X.map(() => threshold ?? 0) }, wrt: ["threshold"], temperature, fuel: 1e8 });
}

async function draw() {
  const temperature = 10 ** Number($("#temperature").value);
  const inputs = editor.given();
  const soft = await lanes(editor.text, inputs, temperature);
  editor.show(soft.error);
  if (soft.error) return;
  const hard = await lanes(HARD(editor.text), inputs, temperature);
  const points = (values) => X.map((x, i) => [x, number(values?.[i])]);
  const slopes = points(soft.grad?.threshold);
  $("#said").textContent = short(temperature, 3);
  const middle = X.findIndex((x) => x >= (inputs.threshold ?? 0));
  Object.assign($("#said").dataset, { temperature, x: X[middle], value: number(soft.values[middle]), slope: slopes[middle][1] });
  $("#value").replaceChildren(key(["soft", "var(--accent)"], ["hard", "var(--soft)"]),
    plot({ lines: [{ points: points(hard.values), color: "var(--soft)", dashed: true }, { points: points(soft.values) }], rules: [{ x: inputs.threshold ?? 0 }], height: 250, label: "Value along x" }));
  const low = Math.min(-0.01, ...slopes.map((p) => p[1]));
  const high = Math.max(0.01, ...slopes.map((p) => p[1]));
  $("#slope").replaceChildren(key(["derivative by the threshold", "var(--warm)"]),
    plot({ lines: [{ points: slopes, color: "var(--warm)" }], rules: [{ x: inputs.threshold ?? 0 }, { y: 0, color: "var(--line)" }], y: [low * 1.1, high * 1.1], height: 200, label: "Derivative by the threshold along x" }));
}

const editor = new Editor($("#editor"), { changed: draw });
editor.set(TEXT, { x: 1, threshold: 0.5, high: 2, low: -1 });
$("#temperature").addEventListener("input", draw);
