// Lesson 4: the fourteen numbers of any part of a program.

import { Editor, fromBytes } from "./editor.mjs";
import { engine } from "./engine.mjs";
import { fourteen } from "./cells.mjs";
import { $, frame } from "./ui.mjs";

frame();

const TEXT = `(define (area r) (* 3.14159 (square r)))
(define shapes (list (cons 'circle r) (cons 'ring (/ r 2))))
(define total
  (fold-left + 0 (map (lambda (shape) (area (cdr shape))) shapes)))
(list total (> total 5) "done" #\\d (vector r 2 3) area '())`;

let data = [];

async function read() {
  const told = await engine.ask({ do: "stages", source: editor.text, inputs: Object.keys(editor.given()) });
  editor.show(told.error);
  if (told.error) return;
  data = told.ok.datum.marks.map((mark) => mark.from);
  look();
}

// The innermost datum that holds the selection; `monitor` around it tells its value.
async function look() {
  const { selectionStart: start, selectionEnd: end } = editor.area;
  const text = editor.text;
  const place = fromBytes(text);
  const around = data.map((span) => ({ start: place(span.start), end: place(span.end) }));
  around.sort((a, b) => a.end - a.start - (b.end - b.start));
  for (const span of around.filter((span) => span.start <= start && end <= span.end)) {
    const source = `${text.slice(0, span.start)}(monitor "here" ${text.slice(span.start, span.end)})${text.slice(span.end)}`;
    const told = await engine.ask({ do: "paused", source, inputs: editor.given(), at: "value" });
    // Not every datum is an expression, and not every expression is reached.
    if (told.error || told.ok.value != null || !told.ok.subject) continue;
    if (text !== editor.text) return;
    editor.draw([{ ...span, kind: "mark" }]);
    $("#what").textContent = text.slice(span.start, span.end).split("\n")[0];
    $("#meaning").textContent = fourteen($("#fourteen"), told.ok.subject);
    return;
  }
}

const editor = new Editor($("#editor"), { changed: read });
editor.set(TEXT, { r: 1.5 });
// The cursor begins in the call of `area`.
const at = TEXT.indexOf("(* 3.14159");
editor.area.setSelectionRange(at, at);
document.addEventListener("selectionchange", () => document.activeElement === editor.area && look());
