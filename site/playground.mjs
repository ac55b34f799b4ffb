// The playground: a program with its value and gradient as one types, and a fit to a table.
//
// The program, its inputs and its table are in the address behind #, so a link holds all of it.

import { Editor } from "./editor.mjs";
import { engine } from "./engine.mjs";
import { FitPanel, columns, dropper } from "./fit.mjs";
import { GALLERY, entry } from "./gallery.mjs";
import { $, bar, debounced, el, frame, number, scheme, short, table } from "./ui.mjs";

frame();

// A program that runs longer than this is no model but a mistake.
const FUEL = 5_000_000;

function inAddress({ source, inputs, table }) {
  const bytes = new TextEncoder().encode(JSON.stringify({ source, inputs, ...(table ? { table } : {}) }));
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

function ofAddress(text) {
  try {
    const bytes = Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
    const told = JSON.parse(new TextDecoder().decode(bytes));
    return typeof told.source === "string" ? told : null;
  } catch {
    return null;
  }
}

const gallery = $("#gallery");
gallery.append(el("option", { value: "" }, "Gallery…"), ...GALLERY.map(({ name }, i) => el("option", { value: i }, name)));
gallery.addEventListener("change", async () => {
  if (gallery.value !== "") load(await entry(GALLERY[gallery.value]));
});

const remember = debounced(() => {
  const now = { source: editor.text, inputs: editor.inputs, table: data.value };
  if (now.table.length < 8000) history.replaceState(null, "", `#${inAddress(now)}`);
}, 400);

$("#share").addEventListener("click", async () => {
  const now = { source: editor.text, inputs: editor.inputs, table: data.value };
  history.replaceState(null, "", `#${inAddress(now)}`);
  await navigator.clipboard?.writeText(location.href).catch(() => {});
  $("#share").textContent = "Copied";
  setTimeout(() => ($("#share").textContent = "Copy link"), 1500);
});

let asked = 0;
async function evaluate() {
  remember();
  const mine = ++asked;
  const inputs = editor.given();
  const source = editor.text;
  const observes = /\((observe|observe-series)\b/.test(source.replace(/;.*/g, ""));
  if (observes) return tell("to be fitted", null, "It observes columns of a table: press Fit.");
  const wrt = [...new Set([...Object.keys(inputs), ...editor.names.params.map((param) => param.name)])];
  const began = performance.now();
  let told = await engine.answer({ source, inputs, wrt, fuel: FUEL });
  // What holds more than numbers has a value and no gradient.
  if (told.error?.kind === "type") told = await engine.answer({ source, inputs, fuel: FUEL });
  if (mine !== asked) return;
  editor.show(told.error);
  if (told.error) return tell("–", null, told.error.message);
  tell(scheme(told.value), told.grad, `in ${short(performance.now() - began, 3)} ms, there and back`);
}

function tell(value, gradient, note) {
  $("#value").textContent = value;
  $("#took").textContent = note;
  const all = Object.entries(gradient ?? {});
  const numbers = all.map(([, x]) => (typeof x === "object" ? NaN : number(x)));
  const largest = Math.max(0, ...numbers.filter(Number.isFinite).map(Math.abs));
  const rows = all.map(([name, x], i) => [name, Number.isNaN(numbers[i]) ? scheme(x) : short(numbers[i], 9), bar(numbers[i], largest)]);
  $("#gradient").replaceChildren(...(rows.length ? [table(["by", "derivative", ""], rows)] : []));
}

const data = dropper($("#table"), debounced(preview, 200));
async function preview() {
  remember();
  const told = await columns(data.value);
  if (told.error) return $("#preview").replaceChildren(el("pre.complaint", {}, told.error.shown));
  const names = Object.keys(told.columns);
  $("#preview").replaceChildren(el("p.note", {}, data.value.trim() ? `${told.rows} rows: ${names.join(", ")}` : ""));
}

const editor = new Editor($("#editor"), { changed: evaluate, params: true });
const panel = new FitPanel($("#fit-panel"), () => ({ source: editor.text, table: data.value }));

function load({ source, inputs = {}, table = "" }) {
  data.value = table;
  panel.result.replaceChildren();
  panel.said.textContent = "";
  editor.set(source, inputs);
  preview();
}

const ofLink = () => ofAddress(location.hash.slice(1));
addEventListener("hashchange", () => ofLink() && load(ofLink()));
load(ofLink() ?? GALLERY[0]);
