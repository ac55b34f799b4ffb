// Lesson 7: the plane of two inputs divided by guards, and a point to drag.

import { Editor, fromBytes } from "./editor.mjs";
import { engine } from "./engine.mjs";
import { $, color, debounced, el, frame, number, scheme, short } from "./ui.mjs";

frame();

const TEXT = `; How many steps it takes steers what is computed.
(let walk ((x a) (y b) (n 0))
  (cond ((> (+ (* x x) (* y y)) 4) (list-ref (list x y (+ x y)) (modulo n 3)))
        ((= n 5) (* x y))
        (else (walk (- (* x x) (* y y) -0.4) (+ (* 2 x y) b) (+ n 1)))))`;
const RANGE = [-2, 2];
const COUNT = 90;
const canvas = $("#plane");
const context = canvas.getContext("2d");
let plane, at = { a: 0.6, b: 0.5 }, gradient;

const names = () => editor.names.inputs.slice(0, 2);

async function survey() {
  const [x, y] = names();
  if (!y) return editor.show({ shown: "this lesson wants a program with two inputs" });
  const { source, inputs } = { source: editor.text, inputs: editor.given() };
  for (const name of names()) at[name] ??= 0.5;
  const axis = (name, count) => ({ name, low: RANGE[0], high: RANGE[1], count });
  const told = await engine.ask({ do: "plane", source, inputs, x: axis(x, COUNT), y: axis(y, Math.round((COUNT * canvas.height) / canvas.width)) });
  editor.show(told.error);
  if (told.error) return;
  plane = told.ok;
  await look();
}

// Colors of paths: around the circle by steps that come to no repetition soon.
function shade(path) {
  const dark = document.documentElement.dataset.theme === "dark";
  return path == null ? color("wrong-soft") : `oklch(${dark ? 0.42 : 0.86} 0.07 ${(path * 137.5 + 190) % 360})`;
}

const toX = (x) => ((x - RANGE[0]) / (RANGE[1] - RANGE[0])) * canvas.width;
const toY = (y) => (1 - (y - RANGE[0]) / (RANGE[1] - RANGE[0])) * canvas.height;

function draw() {
  if (!plane) return;
  const rows = plane.paths.length / COUNT;
  const [w, h] = [canvas.width / COUNT, canvas.height / rows];
  plane.paths.forEach((path, i) => {
    context.fillStyle = shade(path);
    context.fillRect((i % COUNT) * w, canvas.height - (Math.floor(i / COUNT) + 1) * h, w + 1, h + 1);
  });
  const [x, y] = names().map((name) => at[name]);
  context.strokeStyle = context.fillStyle = color("ink");
  context.lineWidth = 2.5;
  const length = gradient && Math.hypot(...gradient);
  if (length > 0 && Number.isFinite(length)) {
    const reach = 26 + 30 * Math.tanh(length / 3);
    const [dx, dy] = [(gradient[0] / length) * reach, (-gradient[1] / length) * reach];
    context.beginPath();
    context.moveTo(toX(x), toY(y));
    context.lineTo(toX(x) + dx, toY(y) + dy);
    context.stroke();
    context.beginPath();
    context.arc(toX(x) + dx, toY(y) + dy, 3.5, 0, 7);
    context.fill();
  }
  context.beginPath();
  context.arc(toX(x), toY(y), 8, 0, 7);
  context.fillStyle = color("card");
  context.fill();
  context.stroke();
}

let asked = 0;
async function look() {
  const mine = ++asked;
  const wrt = names();
  const inputs = { ...editor.given(), ...Object.fromEntries(wrt.map((name) => [name, at[name]])) };
  const told = await engine.answer({ source: editor.text, inputs, wrt });
  const run = await engine.ask({ do: "recording", source: editor.text, inputs });
  if (mine !== asked) return;
  gradient = told.grad && wrt.map((name) => number(told.grad[name]));
  $("#value").textContent = told.error ? told.error.message : scheme(short(number(told.value), 9));
  Object.assign($("#value").dataset, { value: told.value, x: at[wrt[0]], y: at[wrt[1]], gradient: JSON.stringify(gradient) });
  $("#point").textContent = `${wrt.map((name) => `${name} = ${short(at[name], 4)}`).join(", ")}; gradient ${gradient ? gradient.map((x) => short(x, 4)).join(", ") : "–"}`;
  const place = fromBytes(editor.text);
  // Of a clause of `cond`, its test.
  const form = (start) => editor.text.slice(start, start + editor.formAt(start)).split("\n")[0];
  const said = (span) => form(place(span.start) + Number(editor.text.startsWith("((", place(span.start))));
  const guards = (run.ok?.guards ?? []).map(({ reason }) => [reason.span ? said(reason.span) : "a number", reason.is_test ? (number(reason.expected) ? "holds" : "does not hold") : `is ${short(number(reason.expected))}`]);
  $("#guards").replaceChildren(el("p.note", {}, `${guards.length} guards on this path, ${plane.guards.length} paths in the plane`),
    el("ol.note", {}, guards.slice(0, 8).map(([text, said]) => el("li", {}, el("code", {}, text), ` ${said}`))));
  draw();
}

function move(x, y) {
  const clamp = (value) => Math.max(RANGE[0], Math.min(RANGE[1], value));
  const [first, second] = names();
  [at[first], at[second]] = [clamp(x), clamp(y)];
  draw();
  looked();
}
const looked = debounced(look, 15);

function drag(event) {
  if (event.buttons === 0 && event.type !== "pointerdown") return;
  const box = canvas.getBoundingClientRect();
  const part = (low, high, share) => low + (high - low) * share;
  move(part(...RANGE, (event.clientX - box.left) / box.width), part(...RANGE, 1 - (event.clientY - box.top) / box.height));
}
canvas.addEventListener("pointerdown", (event) => {
  canvas.setPointerCapture(event.pointerId);
  drag(event);
});
canvas.addEventListener("pointermove", drag);
canvas.addEventListener("keydown", (event) => {
  const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
  if (!by) return;
  event.preventDefault();
  const [x, y] = names().map((name) => at[name]);
  move(x + 0.02 * by[0], y + 0.02 * by[1]);
});
addEventListener("theme", draw);

const editor = new Editor($("#editor"), { changed: survey, chips: false });
editor.set(TEXT);
