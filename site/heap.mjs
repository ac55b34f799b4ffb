// Lesson 5: the heap as a run fills it, direct and interpreted side by side.

import { drawCells, fourteen } from "./cells.mjs";
import { Editor, fromBytes } from "./editor.mjs";
import { engine } from "./engine.mjs";
import { $, debounced, frame } from "./ui.mjs";

frame();

const TEXT = `(define (squares n)
  (if (= n 0)
      '()
      (cons (* x n n) (squares (- n 1)))))
(squares 3)`;
const MODES = ["direct", "interpreter"];
const MOST = 500;
let steps = {};
let mine = 0;

async function read() {
  const now = ++mine;
  const run = { source: editor.text, inputs: editor.given() };
  const told = {};
  for (const mode of MODES) {
    told[mode] = await engine.ask({ do: "steps", ...run, mode, by: "applications", most: MOST });
    editor.show(told[mode].error);
    if (told[mode].error || now !== mine) return;
  }
  steps = Object.fromEntries(MODES.map((mode) => [mode, told[mode].ok]));
  // Both modes count the same applications.
  $("#at").max = Math.min(...MODES.map((mode) => steps[mode].length)) - 1;
  $("#at").value = Math.min(Number($("#at").value), Number($("#at").max));
  show();
}

async function show() {
  const now = mine;
  const at = Number($("#at").value);
  const run = { source: editor.text, inputs: editor.given() };
  for (const mode of MODES) {
    const told = await engine.ask({ do: "paused", ...run, mode, at: { applications: at } });
    if (now !== mine || at !== Number($("#at").value) || told.error) return;
    const { cells, first, span, value } = told.ok;
    const before = at > 0 ? steps[mode][at - 1].cells : 0;
    drawCells($(`#${mode}`), cells, first, before, (cell) => ($("#meaning").textContent = fourteen($("#fourteen"), cell)));
    const said = $(`#${mode}-said`);
    said.textContent = `${cells.length} cells written by the run, from address ${first} on`;
    said.dataset.cells = cells.length;
    if (mode !== "direct") continue;
    const place = fromBytes(editor.text);
    const place2 = span && { start: place(span.start), end: place(span.end), kind: "mark" };
    editor.draw(value == null && place2 ? [place2] : []);
    $("#where").textContent = value == null ? `step ${at} of ${$("#at").max}: next, ${place2 ? editor.text.slice(place2.start, place2.end).split("\n")[0] : "…"}` : `ended: ${steps[mode].at(-1).value}`;
  }
}

const shown = debounced(show, 10);
const move = (by) => {
  $("#at").value = Number($("#at").value) + by;
  shown();
};
$("#on").addEventListener("click", () => move(1));
$("#back").addEventListener("click", () => move(-1));
$("#at").addEventListener("input", shown);
const editor = new Editor($("#editor"), { changed: read });
editor.set(TEXT, { x: 1.5 });
