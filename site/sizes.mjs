// Says which functions of the engine are compiled to be small:  node sizes.mjs RLIB CSV
//
// Cargo sets how code is compiled for a whole crate, and the engine is one: its loops have to be fast, and what
// surrounds them has to be loaded. So functions are told apart by their modules here, and LLVM reads the list.
// A name of it that is gone costs bytes and nothing else.

import { readFileSync, writeFileSync } from "node:fs";

// As fast as can be: what runs once a number, or once a step of a fit.
const FAST = [
  /^dmci::prim::(math|block|table)\b/,
  /^dmci::trace::routine::(lanes|scalar|vectors|sums|many|blocks|weighed|rolled::_)/,
  /^dmci::trace::routine::rolled$/,
  /^dmci::trace::(replay|sweep|tangents|blocks)\b/,
  /^dmci::(paths|walk::heap|walk::call|walk::numbers)\b/,
  /^dmci::fit::(triangle|levenberg_marquardt|problem|objective|desk|descents|separable|space|lbfgs)\b/,
];

// Small, but no smaller than it can be at some speed: what runs once a program.
const MIDDLING = [
  /^dmci::(syntax|anf|walk|model::(interpreter|evaluator|lanes|Model|ask|bindings|gradient)|trace|graph::build|symbol|prim)\b/,
  /^dmci::fit::(noise|scores|starts|points)\b/,
  /^hashbrown\b/,
  /^(alloc|core|rustc_hash|smallvec|slotmap|lexpr)::(?!slice::sort|fmt|ptr)/,
];

// The path that a mangled name spells; of an implementation, that of the type or trait in it that is ours.
function path(name) {
  const parts = [];
  let at = 3;
  while (name[at] !== "E") {
    const digits = /^\d+/.exec(name.slice(at, at + 5))[0];
    at += digits.length + Number(digits);
    parts.push(name.slice(at - Number(digits), at));
  }
  parts.pop();
  const ours = /dmci(?:\.\.\w+)+/.exec(parts[0]);
  const first = ours ? ours[0] : parts[0].replace(/^_?\$LT\$/, "");
  return [...first.split(".."), ...parts.slice(1)].join("::");
}

const [rlib, csv] = process.argv.slice(2);
const names = new Set(readFileSync(rlib, "latin1").match(/_ZN(?:\d+[\w.$]+?)17h[0-9a-f]{16}E/g));
const counts = { fast: 0, middling: 0, small: 0 };
const lines = [];
for (const name of names) {
  let where;
  try {
    where = path(name);
  } catch {
    continue;
  }
  if (FAST.some((pattern) => pattern.test(where))) {
    counts.fast++;
    continue;
  }
  lines.push(`${name},optsize`);
  if (MIDDLING.some((pattern) => pattern.test(where))) {
    counts.middling++;
  } else {
    counts.small++;
    lines.push(`${name},minsize`);
  }
}
writeFileSync(csv, `${lines.join("\n")}\n`);
console.log(`functions: ${counts.fast} fast, ${counts.middling} in between, ${counts.small} small`);
