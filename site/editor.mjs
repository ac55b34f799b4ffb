// An editor of programs: a text area over its own text in colors, with chips for inputs, and errors
// underlined where they are.

import { engine } from "./engine.mjs";
import { debounced, el } from "./ui.mjs";

const FORMS = new Set(("define define-values define-record-type define-syntax lambda let let* letrec letrec* let-values let*-values if cond case when unless and or do begin " +
  "quote quasiquote named-lambda case-lambda delay delay-force param observe observe-series derive prior soft-choice soft-if set! else => model data").split(" "));
const TOKEN = /;[^\n]*|"(?:\\.|[^"\\])*"?|[()[\]]|[^\s()[\]";]+|\s+/g;
let primitives = new Set();
engine.ask({ do: "about" }).then(({ ok }) => {
  primitives = new Set([...ok.primitives, ...ok.exports]);
  dispatchEvent(new Event("names"));
});

function sort(token) {
  if (token[0] === ";") return "tok-comment";
  if (token[0] === '"') return "tok-string";
  if ("()[]".includes(token)) return "tok-paren";
  if (/^[+-]?(\d|\.\d)/.test(token)) return "tok-number";
  if (FORMS.has(token)) return "tok-form";
  return primitives.has(token) ? "tok-prim" : "";
}

// Places come in bytes of the text; pages count in UTF-16. Gives what turns the one into the other.
export function fromBytes(text) {
  if (/^[\x00-\x7f]*$/.test(text)) return (byte) => byte;
  const places = [];
  let at = 0;
  for (const character of text) {
    const code = character.codePointAt(0);
    for (let i = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4; i > 0; i--) places.push(at);
    at += character.length;
  }
  return (byte) => places[byte] ?? text.length;
}

// The text as spans in colors; `marks` are {start, end, kind}, in UTF-16.
export function colored(text, marks = []) {
  const out = document.createDocumentFragment();
  let at = 0;
  for (const [token] of text.matchAll(TOKEN)) {
    const edges = [at, at + token.length];
    for (const { start, end } of marks) edges.push(start, end);
    const inner = [...new Set(edges)].filter((e) => e >= at && e <= at + token.length).sort((a, b) => a - b);
    for (let i = 0; i + 1 < inner.length; i++) {
      const piece = text.slice(inner[i], inner[i + 1]);
      const within = marks.filter((m) => m.start <= inner[i] && inner[i + 1] <= m.end).map((m) => `tok-${m.kind}`);
      const kind = [sort(token), ...within].filter(Boolean).join(" ");
      out.append(kind ? el("span", { class: kind }, piece) : piece);
    }
    at += token.length;
  }
  return out;
}

export class Editor {
  // `changed(editor)` is called when the text or an input has changed and the text can be read.
  constructor(host, { text = "", inputs = {}, changed, chips = true, params = false }) {
    this.inputs = { ...inputs };
    this.changed = debounced(changed ?? (() => {}));
    this.wanted = { chips, params };
    this.names = { inputs: [], params: [] };
    this.area = el("textarea", { spellcheck: "false", autocapitalize: "off", autocomplete: "off", wrap: "off", "aria-label": "Program" });
    this.shown = el("pre", { "aria-hidden": "true" });
    this.complaint = el("pre.complaint", { role: "status", "aria-live": "polite" });
    this.chips = el("div.chips");
    host.append(el("div.editor", {}, this.shown, this.area), this.chips, this.complaint);
    this.area.addEventListener("input", () => this.edited());
    this.area.addEventListener("scroll", () => this.shown.scrollTo(this.area.scrollLeft, this.area.scrollTop));
    this.area.addEventListener("keydown", (event) => this.key(event));
    addEventListener("names", () => this.draw());
    this.look = debounced(() => this.lookAtNames(), 60);
    this.set(text, inputs);
  }

  get text() {
    return this.area.value;
  }

  set(text, inputs = {}) {
    this.inputs = { ...inputs };
    this.area.value = text;
    this.edited();
  }

  edited() {
    this.marks = [];
    this.draw();
    this.look();
  }

  draw(marks = this.marks ?? []) {
    this.shown.replaceChildren(colored(this.text, marks), "\n");
  }

  // A new line is as far to the right as its brackets are open.
  key(event) {
    if (event.key !== "Enter" || event.isComposing) return;
    event.preventDefault();
    const before = this.text.slice(0, this.area.selectionStart);
    const line = before.slice(before.lastIndexOf("\n") + 1).replace(/;.*|"(?:\\.|[^"\\])*"/g, "");
    const open = [...line].reduce((depth, c) => depth + (c === "(") - (c === ")"), 0);
    const indent = Math.max(0, /^ */.exec(line)[0].length + 2 * open);
    this.area.setRangeText(`\n${" ".repeat(indent)}`, this.area.selectionStart, this.area.selectionEnd, "end");
    this.edited();
  }

  // Chips for what the program takes; an error of its syntax where it has one.
  async lookAtNames() {
    const { text } = this;
    const told = await engine.ask({ do: "names", source: text });
    if (text !== this.text) return;
    this.show(told.error);
    if (told.error) return;
    this.names = told.ok;
    this.drawChips();
    this.changed(this);
  }

  drawChips() {
    const { inputs, params } = this.names;
    const chip = (name, kind, value) => {
      const change = (event) => {
        this.inputs[name] = Number(event.target.value);
        this.changed(this);
      };
      const step = value !== 0 && Math.abs(value) < 1 ? 0.01 : 0.1;
      return el(`label.chip${kind}`, {}, el("b", {}, name), el("input", { type: "number", value, step, "aria-label": name, oninput: change }));
    };
    const all = [];
    if (this.wanted.chips) for (const name of inputs) all.push(chip(name, "", (this.inputs[name] ??= 1)));
    if (this.wanted.params) for (const { name, init } of params) all.push(chip(name, ".param", this.inputs[name] ?? init));
    const now = all.map((one) => one.textContent).join(" ");
    // Whoever is typing a number keeps the chip.
    if (this.chipNames !== now || !this.chips.contains(document.activeElement)) this.chips.replaceChildren(...all);
    this.chipNames = now;
  }

  // The inputs that the program has, with their numbers.
  given() {
    const names = [...this.names.inputs, ...this.names.params.map((param) => param.name).filter((name) => name in this.inputs)];
    return Object.fromEntries(names.filter((name) => Number.isFinite(this.inputs[name])).map((name) => [name, this.inputs[name]]));
  }

  // Shows an error where it is; none clears it.
  show(error) {
    this.complaint.textContent = error ? (error.shown ?? this.drawn(error)) : "";
    let { span } = error ?? {};
    if (error?.line) {
      const lines = this.text.split("\n");
      const start = lines.slice(0, error.line - 1).reduce((sum, line) => sum + line.length + 1, 0) + error.column - 1;
      return this.draw((this.marks = [{ start, end: start + this.formAt(start), kind: "wrong" }]));
    }
    const place = fromBytes(this.text);
    this.draw((this.marks = span ? [{ start: place(span.start), end: place(span.end), kind: "wrong" }] : []));
  }

  // How long the form is that begins at a place.
  formAt(start) {
    let depth = 0;
    for (const match of this.text.slice(start).matchAll(TOKEN)) {
      if ("([".includes(match[0])) depth++;
      if (")]".includes(match[0])) depth--;
      if (depth <= 0 && match[0].trim()) return match.index + match[0].length;
    }
    return this.text.length - start;
  }

  // An error with a caret, of an answer that has lines and columns.
  drawn({ kind, message, line, column }) {
    if (!line) return `error[${kind}]: ${message}`;
    const text = this.text.split("\n")[line - 1];
    return `error[${kind}]: ${message}\n ${line}:${column}\n   ${text}\n   ${" ".repeat(column - 1)}^`;
  }
}
