// Runs the library, built for wasm32-unknown-unknown, in node.
//
//   node node.mjs MODULE.wasm answer               lines of `dmci eval --jsonl` in, their answers out
//   node node.mjs MODULE.wasm fit DMCI MODEL DATA  fits, and compares with what the program DMCI says
//
// Invariants
// - The library imports nothing. What the module does is the clock of the progress bars that come with
//   the requests; calling it is an error.
// - A trap ends nothing: the line gets an error of kind "internal", and a fresh instance goes on.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

const [path, command, ...rest] = process.argv.slice(2);
const module = new WebAssembly.Module(readFileSync(path));
let library = fresh();

function fresh() {
  const imports = {};
  for (const { module: from, name } of WebAssembly.Module.imports(module)) {
    imports[from] ??= {};
    imports[from][name] = () => {
      throw new Error(`${name} is called`);
    };
  }
  return new WebAssembly.Instance(module, imports).exports;
}

// Calls a function of the library with texts; gives the text that it gives.
function call(name, ...texts) {
  const args = texts.flatMap((text) => {
    const bytes = new TextEncoder().encode(text);
    const at = library.room(bytes.length) >>> 0;
    new Uint8Array(library.memory.buffer, at, bytes.length).set(bytes);
    return [at, bytes.length];
  });
  const at = library[name](...args) >>> 0;
  // The memory may have grown, and then it is another buffer.
  const bytes = new Uint8Array(library.memory.buffer, at, library.length());
  return new TextDecoder().decode(bytes);
}

function answer(line) {
  try {
    return call("answer", line);
  } catch (trap) {
    library = fresh();
    const error = { kind: "internal", message: String(trap.stack) };
    return JSON.stringify({ id: JSON.parse(line).id, error });
  }
}

function fit(dmci, model, data) {
  const arguments_ = ["fit", model, data, "--json", "--quiet"];
  const expected = JSON.parse(execFileSync(dmci, arguments_, { encoding: "utf8" }));
  const lines = call("estimates", readFileSync(model, "utf8"), readFileSync(data, "utf8"));
  const names = ["estimate", "std_err", "low", "high"];
  const rows = expected.params.map((param) => [param.name, ...names.map((name) => param[name])]);
  rows.push(["sse", expected.sse]);
  const actual = lines.trimEnd().split("\n").map((line) => line.split(" "));
  // Values and derivatives have the same bits; a fit solves its steps with one library, whose sums are in
  // the order that suits the processor.
  const near = (x, word) => Math.abs(x - Number(word)) <= 1e-9 * Math.abs(x);
  const same = (row, words) => row.every((x, i) => (i === 0 ? x === words[0] : near(x, words[i])));
  const all = rows.length === actual.length && rows.every((row, i) => same(row, actual[i]));
  console.log(lines + (all ? "as dmci says, to 1e-9" : `dmci says ${JSON.stringify(rows)}`));
  process.exitCode = all ? 0 : 1;
}

if (command === "answer") {
  for await (const line of createInterface({ input: process.stdin })) {
    process.stdout.write(answer(line) + "\n");
  }
} else if (command === "fit") {
  fit(...rest);
} else {
  console.error("usage: node.mjs MODULE.wasm answer | fit DMCI MODEL DATA");
  process.exitCode = 2;
}
