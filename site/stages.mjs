// Lesson 2: a program stage by stage, and a run node by node, linked by places in the text.

import { Editor, fromBytes } from "./editor.mjs";
import { engine } from "./engine.mjs";
import { $, el, frame, number, short } from "./ui.mjs";

frame();

const STAGES = [
  ["datum", "Data", "What the reader makes of the text: atoms and lists."],
  ["core", "Core forms", "Derived forms expanded: let*, cond and named let have become a few forms."],
  ["anf", "Normal form", "Every step has a name, and every operand is a name or a constant; recursion in tail position has become a jump."],
  ["graph", "Graph", "What direct mode runs, and what the evaluator itself was compiled to."],
];
const TEXT = `(define (smooth x) (/ x (+ 1 (abs x))))
(let* ((u (* k x))
       (v (smooth u)))
  (if (> u 0) (* v v) (- v)))`;

let stages, recording, chosen = "core";

const tabs = STAGES.map(([name, title]) => el("button", { role: "tab", "data-stage": name, onclick: () => { chosen = name; draw(); } }, title));
$("#tabs").append(...tabs);

// Lights up all that comes from a part of the text: what lies within it, or holds it most closely.
function light(span) {
  const place = fromBytes(editor.text);
  editor.draw(span ? [{ start: place(span.start), end: place(span.end), kind: "mark" }] : []);
  for (const part of document.querySelectorAll(".part")) {
    const { start, end } = part.dataset;
    part.classList.toggle("lit", Boolean(span) && Number(start) === span.start && Number(end) === span.end);
  }
}

function linked(node, span) {
  node.classList.add("part");
  Object.assign(node.dataset, { start: span.start, end: span.end });
  node.addEventListener("mouseover", (event) => {
    event.stopPropagation();
    light(span);
  });
  node.addEventListener("focus", () => light(span));
  return node;
}

// A listing with its parts as elements, inner ones within outer ones.
function listing({ text, marks }) {
  const place = fromBytes(text);
  const parts = marks.map(({ part, from }) => ({ start: place(part.start), end: place(part.end), from }));
  // Outer parts first: their ends come later.
  parts.sort((a, b) => a.start - b.start || b.end - a.end);
  let next = 0;
  const within = (node, start, end) => {
    let at = start;
    while (next < parts.length && parts[next].start < end) {
      const part = parts[next++];
      if (part.start < at || part.end > end) continue;
      node.append(text.slice(at, part.start));
      node.append(within(linked(el("span"), part.from), part.start, part.end));
      at = part.end;
    }
    node.append(text.slice(at, end));
    return node;
  };
  return within(document.createDocumentFragment(), 0, text.length);
}

function draw() {
  for (const tab of tabs) tab.setAttribute("aria-selected", tab.dataset.stage === chosen);
  $("#about").textContent = STAGES.find(([name]) => name === chosen)[2];
  $("#stage").replaceChildren(stages ? listing(stages[chosen]) : "");
}

function operand(one) {
  return "node" in one ? name(one.node) : short(number(one.constant));
}

function name(index) {
  const node = recording.nodes[index];
  return node.is_input ? node.name : `t${index}`;
}

function drawTrace() {
  const rows = recording.nodes.map((node, index) => {
    const text = node.is_input ? "input" : `${node.name} ${node.operands.map(operand).join(" ")}`;
    const cells = [name(index), text, short(number(node.value)), node.derivative == null ? "–" : short(number(node.derivative))];
    const row = el("tr", { tabindex: node.span ? 0 : null, "data-node": node.name }, cells.map((cell, i) => el(i === 1 ? "td.text" : "td", {}, i === 1 ? el("code", {}, cell) : cell)));
    return node.span ? linked(row, node.span) : row;
  });
  const head = ["", "computed", "value", "adjoint"].map((cell, i) => el(i === 1 ? "th.text" : "th", {}, cell));
  $("#trace").replaceChildren(el("div.scroll", {}, el("table", {}, el("thead", {}, el("tr", {}, head)), el("tbody", {}, rows))));
  const guards = recording.guards.map(({ node, reason }) => {
    const place = fromBytes(editor.text);
    const text = reason.span ? editor.text.slice(place(reason.span.start), place(reason.span.end)).split("\n")[0] : name(node);
    return `${name(node)} in ${text} is ${reason.is_test ? (number(reason.expected) ? "#t" : "#f") : short(number(reason.expected))}`;
  });
  $("#guards").textContent = guards.length ? `Guards: ${guards.join("; ")}.` : "No guards: any numbers run this trace.";
}

async function evaluate() {
  const inputs = editor.given();
  const source = editor.text;
  const told = await engine.ask({ do: "stages", source, inputs: Object.keys(inputs) });
  editor.show(told.error);
  if (told.error) return;
  stages = told.ok;
  draw();
  const run = await engine.ask({ do: "recording", source, inputs });
  editor.show(run.error);
  if (run.error) return;
  recording = run.ok;
  drawTrace();
}

const editor = new Editor($("#editor"), { changed: evaluate });
editor.set(TEXT, { k: 1.5, x: 2 });
document.addEventListener("mouseover", (event) => event.target.closest?.(".part") || light(null));
// In the text itself: the innermost form around the cursor.
editor.area.addEventListener("pointermove", (event) => {
  if (!stages) return;
  const style = getComputedStyle(editor.area);
  const box = editor.area.getBoundingClientRect();
  const line = Math.floor((event.clientY - box.top - parseFloat(style.paddingTop)) / parseFloat(style.lineHeight));
  const width = (editor.width ??= measured(style.font));
  const column = Math.floor((event.clientX - box.left - parseFloat(style.paddingLeft)) / width);
  const lines = editor.text.split("\n");
  if (!lines[line] || column >= lines[line].length) return light(null);
  const at = lines.slice(0, line).reduce((sum, l) => sum + l.length + 1, 0) + column;
  const place = fromBytes(editor.text);
  const around = stages.datum.marks.map((mark) => mark.from).filter((s) => place(s.start) <= at && at < place(s.end));
  around.sort((a, b) => a.end - a.start - (b.end - b.start));
  light(around[0] ?? null);
});

function measured(font) {
  const context = document.createElement("canvas").getContext("2d");
  context.font = font;
  return context.measureText("m".repeat(50)).width / 50;
}
