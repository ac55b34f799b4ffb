// Cells of the heap as pages show them, and the fourteen numbers of one.

import { el, number, short } from "./ui.mjs";

const TYPES = ["nil", "bool", "int", "float", "char", "symbol", "pair", "string", "closure", "vector"];
const OF = {
  nil: ["", "", "", ""], bool: ["value"], int: ["value"], float: ["value"], char: ["code point"], symbol: ["number"],
  pair: ["car at", "cdr at", "kind"], string: ["address", "length"], vector: ["address", "length", "rank", "rows"], closure: ["code", "environment"],
};
const SAID = {
  nil: "The empty list.", bool: "A truth value: discrete, without a derivative.", int: "An int: a number like any other, whose derivative is kept.",
  float: "A number: the first of the last four has a derivative.", char: "A character, by its code point.", symbol: "A symbol, by its number in the table of names.",
  pair: "A pair: the addresses of its halves.", string: "A string: where its characters begin, and how many.", closure: "A procedure: its code, and where its environment is.",
  vector: "A vector or matrix: where it begins, how many numbers, its rank and rows.",
};

// Fills a grid with the numbers of a cell; gives in words what it is.
export function fourteen(host, cell) {
  const numbers = cell.numbers.map(number);
  const type = TYPES[numbers.findIndex((x, i) => i < 10 && x === 1)];
  host.hidden = false;
  host.replaceChildren(...numbers.map((x, i) => {
    const label = i < 10 ? TYPES[i] : (OF[type]?.[i - 10] ?? "");
    const kind = i >= 10 ? ".payload" : x ? ".on" : "";
    return el(`div${kind}`, { "data-number": x, title: String(x) }, short(x, 5), el("small", {}, label || "\u00a0"));
  }));
  const own = { empty: "A cell that is to be filled once and is empty yet.", shape: "The first cell of a vector: its rows and columns.", environment: "An environment of the evaluator: its ribs of values.", rib: "Values that one form binds, side by side.", place: "Where a variable is: how many ribs out, and where in it." };
  return own[cell.kind] ?? SAID[type];
}

// A cell in short.
function content({ kind, text, numbers, target }) {
  const at = target ? `→${target[0]}` : "";
  if (kind === "pair") return `(${numbers[10]} . ${numbers[11]})`;
  if (kind === "nil") return "()";
  if (kind === "closure") return `λ ${text.replace(/^#<procedure[: ]?(.*)>$/, (all, name) => name || "primitive")} ${at}`;
  return text ? short(Number.isNaN(Number(text)) ? text : Number(text), 5) : `${kind} ${at}`;
}

// Shows cells from an address on; those from the index `fresh` on were written last. `chosen` hears of the
// cell that is clicked.
export function drawCells(host, cells, first, fresh, chosen) {
  const most = 600;
  const nodes = cells.slice(0, most).map((cell, i) => el(i >= fresh ? "button.cell.fresh" : "button.cell", {
    "data-address": first + i,
    title: `${first + i}: ${cell.kind} ${cell.text}`,
    onclick: () => {
      for (const node of host.children) {
        const address = Number(node.dataset.address);
        const [from, count] = cell.target ?? [0, 0];
        node.classList.toggle("seen", address >= from && address < from + count);
      }
      chosen(cell);
    },
  }, el("small", {}, String(first + i)), content(cell)));
  if (cells.length > most) nodes.push(el("span.note", {}, `… and ${cells.length - most} more`));
  host.replaceChildren(...nodes);
  // Within the box: the page stays where it is.
  const seen = host.querySelector(".fresh");
  if (seen) host.scrollTop = seen.offsetTop - host.offsetTop - 40;
}
