// Lesson 9: the evaluator's text beside its graph, while it evaluates a one-line program.

import { Editor, colored, fromBytes } from "./editor.mjs";
import { engine } from "./engine.mjs";
import { $, debounced, el, frame } from "./ui.mjs";

frame();

const MOST = 3000;
let steps = [], functions = [], timer;

// The definitions of the evaluator's text, by name: where each begins and ends.
const source = await (await fetch("compiler.scm")).text();
const definitions = new Map();
for (const match of source.matchAll(/^\(define \(([^\s)]+)[^]*?(?=\n\n|\n*(?![^]))/gm)) {
  definitions.set(match[1], [match.index, match.index + match[0].length]);
}

// The graph's text from the evaluator on, a stretch for each function.
const { ok: about } = await engine.ask({ do: "about" });
functions = about.functions;
const begins = [...about.graph.matchAll(/^f(\d+) .*$/gm)].map((match) => [Number(match[1]), match.index]);
const ends = begins.map(([, start], i) => (begins[i + 1]?.[1] ?? about.graph.search(/\nexport /)) || about.graph.length);
const graphText = new Map(begins.map(([index, start], i) => [index, about.graph.slice(start, ends[i] > start ? ends[i] : undefined)]));

// A function without a name is a closure that the definition before it makes.
function owner(index) {
  for (let i = index; i >= 0; i--) if (functions[i].name && definitions.has(functions[i].name)) return functions[i].name;
  return null;
}
// Functions are numbered in the order they are met, so closures stand behind their makers, or before.
function definitionOf(index) {
  if (definitions.has(functions[index].name)) return functions[index].name;
  for (const [maker, text] of graphText) if (new RegExp(`closure f${index}\\b`).test(text)) return maker === index ? owner(index) : definitionOf(maker);
  return owner(index);
}

function drawSource(name) {
  const [start, end] = definitions.get(name) ?? [0, 0];
  const host = $("#source");
  host.replaceChildren(colored(source.slice(0, start)), el("span.at", {}, colored(source.slice(start, end))), colored(source.slice(end)));
  const at = host.querySelector(".at");
  if (end > start) host.scrollTop = at.offsetTop - host.offsetTop - 40;
}

function show() {
  const at = Number($("#at").value);
  const step = steps[at];
  if (!step) return;
  const place = fromBytes(editor.text);
  editor.draw(step.span ? [{ start: place(step.span.start), end: place(step.span.end), kind: "mark" }] : []);
  const ended = step.value != null;
  const name = ended ? null : definitionOf(step.function);
  const called = step.name ? `\`${step.name}\`` : `a closure of \`${name}\``;
  $("#where").textContent = ended ? `ended after ${at} procedures: the value is ${step.value}` : `step ${at + 1} of ${steps.length}: ${called} is entered, ${step.depth} deep, ${step.cells} cells written`;
  Object.assign($("#where").dataset, { value: step.value ?? "", name: step.name, steps: steps.length });
  if (ended) return;
  drawSource(name);
  const text = graphText.get(step.function) ?? "";
  $("#graph").textContent = text.trimEnd();
}

async function read() {
  const told = await engine.ask({ do: "steps", source: editor.text, inputs: editor.given(), by: "entries", most: MOST });
  editor.show(told.error);
  if (told.error) return;
  steps = told.ok;
  $("#at").max = steps.length - 1;
  $("#at").value = 0;
  show();
}

function move(by) {
  $("#at").value = Number($("#at").value) + by;
  show();
}

function play() {
  clearInterval(timer);
  const playing = $("#play").textContent === "pause";
  $("#play").textContent = playing ? "play" : "pause";
  if (playing) return;
  timer = setInterval(() => {
    move(1);
    if ($("#at").value === $("#at").max) play();
  }, 350);
}

$("#on").addEventListener("click", () => move(1));
$("#back").addEventListener("click", () => move(-1));
$("#play").addEventListener("click", play);
$("#at").addEventListener("input", show);
const editor = new Editor($("#editor"), { changed: debounced(read, 30) });
editor.set("(let ((y (* 2 x))) (if (> y 1) (+ y 1) y))", { x: 1.5 });
