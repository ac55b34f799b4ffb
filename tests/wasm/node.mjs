// Runs the engine's module of WebAssembly in node, and compares it with the program for this machine.
//
//   node node.mjs MODULE.wasm answer               lines of `dmci eval --jsonl` in, their answers out
//   node node.mjs MODULE.wasm fit DMCI MODEL DATA  fits, and compares with what the program DMCI says
//   node node.mjs MODULE.wasm bits DMCI            functions at thousands of arguments, to the bit
//   node node.mjs MODULE.wasm ask                  what pages ask beside values
//   node node.mjs MODULE.wasm bench DMCI           what things cost

import { strict as assert } from "node:assert";
import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { gzipSync } from "node:zlib";
import { Abi } from "../../site/abi.mjs";

const [path, command, dmci, ...rest] = process.argv.slice(2);
const module = () => new WebAssembly.Module(readFileSync(path));
const ask = (abi, request) => JSON.parse(abi.call("ask", JSON.stringify(request)));

async function answer() {
  const abi = new Abi(module());
  for await (const line of createInterface({ input: process.stdin })) {
    const told = abi.call("answer", line);
    // A trap is an answer without the line's id.
    const trapped = told.startsWith('{"error":{"kind":"internal"') && JSON.parse(line).id !== undefined;
    process.stdout.write(`${trapped ? JSON.stringify({ id: JSON.parse(line).id, ...JSON.parse(told) }) : told}\n`);
  }
}

// Values and derivatives have the same bits; a fit solves its steps with one library, whose sums are in the
// order that suits the processor.
const near = (a, b) => a === b || Math.abs(a - b) <= 1e-9 * Math.abs(a);

function fit(model, data) {
  const native = JSON.parse(execFileSync(dmci, ["fit", model, data, "--json", "--quiet"], { encoding: "utf8" }));
  let calls = 0;
  const abi = new Abi(module(), () => ++calls);
  const told = ask(abi, { do: "fit", source: readFileSync(model, "utf8"), table: readFileSync(data, "utf8") });
  assert.ok(told.ok, JSON.stringify(told.error));
  assert.ok(calls > 64, `the host was told ${calls} times`);
  const fields = ["estimate", "std_err", "low", "high"];
  assert.equal(told.ok.params.length, native.params.length);
  told.ok.params.forEach((param, i) => {
    assert.equal(param.name, native.params[i].name);
    for (const field of fields) assert.ok(near(native.params[i][field], param[field]), `${param.name} ${field}: ${param[field]}, natively ${native.params[i][field]}`);
  });
  assert.ok(near(native.sse, told.ok.sse), `${told.ok.sse}, natively ${native.sse}`);
  // A host that says no ends it, with the best so far.
  let left = 500;
  const found = (steps, ended, starts, best) => Number.isFinite(best);
  const stopped = ask(new Abi(module(), (...progress) => !found(...progress) || left-- > 0), { do: "fit", source: readFileSync(model, "utf8"), table: readFileSync(data, "utf8") });
  assert.ok(stopped.ok?.interrupted && Number.isFinite(stopped.ok.sse), "a fit that is stopped gives its best");
  console.log(`sum of squares ${told.ok.sse}: as ${dmci} says, to 1e-9`);
}

// ---- bits ----------------------------------------------------------------------------------------------

// Splitmix64, by a seed.
function random(seed) {
  let state = BigInt(seed);
  const mask = (1n << 64n) - 1n;
  return () => {
    state = (state + 0x9e3779b97f4a7c15n) & mask;
    let z = state;
    z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & mask;
    z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & mask;
    return z ^ (z >> 31n);
  };
}

const bits = new DataView(new ArrayBuffer(8));
function double(word) {
  bits.setBigUint64(0, word);
  return bits.getFloat64(0);
}

const ONE = "exp log sin cos tan asin acos atan sinh cosh tanh sigmoid softplus expm1 log1p exp2 log2 log10 log1mexp logit log-sigmoid asinh acosh atanh cbrt sinc erf erfc log-normal-cdf lgamma digamma trigamma sqrt".split(" ");
const TWO = "expt hypot lbeta".split(" ").concat("atan");

// Where the bits may differ: the ends of the range of doubles, where an exact product over- or underflows.
// Elsewhere they are the same. A difference there is at most so many units in the last place.
const EDGE = { low: 2 ** -960, high: 2 ** 990 };
const MOST_ULPS = 2n;

// The largest doubles, whose upper halves round to infinity: what is made of one may be NaN.
const LARGEST = Number.MAX_VALUE * (1 - 2 ** -27);

const ordered = (x) => {
  bits.setFloat64(0, x);
  const word = bits.getBigInt64(0);
  return word < 0n ? -(word & 0x7fffffffffffffffn) : word;
};

function compare() {
  const seed = process.env.DMCI_SEED ?? 1;
  const next = random(seed);
  const points = Number(process.env.DMCI_POINTS ?? 3000);
  const numbers = () => {
    const all = [0, -0, Infinity, -Infinity, NaN, 1, -1, 0.5, -0.5, 2, 5e-324, Number.MIN_VALUE * 2 ** 52, Number.MAX_VALUE];
    // One of every second exponent and sign, then ordinary ones.
    for (let exponent = 0n; exponent < 2047n; exponent += 2n) for (const sign of [0n, 1n]) all.push(double((sign << 63n) | (exponent << 52n) | (next() >> 12n)));
    while (all.length < points + 2061) all.push((Number(next() >> 11n) / 2 ** 53 - 0.5) * 2 ** Number(next() % 12n));
    return all;
  };
  const written = (x) => (Number.isFinite(x) ? x : Number.isNaN(x) ? "nan" : x > 0 ? "inf" : "-inf");
  const abi = new Abi(module());
  const requests = [];
  const rows = [...ONE.map((name) => [name, `(${name} x)`, ["x"]]), ...TWO.map((name) => [`${name}/2`, `(${name} x y)`, ["x", "y"]])];
  for (const [, source, names] of rows) {
    const columns = Object.fromEntries(names.map((name) => [name, numbers()]));
    // -0 is written as JSON has it: `JSON.stringify` would lose its sign.
    const lanes = Object.entries(columns).map(([name, all]) => `"${name}":[${all.map((x) => (Object.is(x, -0) ? "-0.0" : JSON.stringify(written(x)))).join(",")}]`);
    requests.push({ columns, line: `{"source":${JSON.stringify(source)},"lanes":{${lanes.join(",")}},"fuel":100000000}` });
  }
  const native = execFileSync(dmci, ["eval", "--jsonl"], { input: requests.map(({ line }) => `${line}\n`).join(""), encoding: "utf8", maxBuffer: 1 << 28 }).trimEnd().split("\n");
  let [all, edges] = [0, 0];
  const complaints = [];
  rows.forEach(([name], row) => {
    const expected = JSON.parse(native[row]).values;
    const told = JSON.parse(abi.call("answer", requests[row].line)).values;
    assert.ok(expected && told, `${name}: ${native[row].slice(0, 200)}`);
    const columns = Object.values(requests[row].columns);
    expected.forEach((value, lane) => {
      all++;
      const same = typeof value === "number" ? Object.is(value, told[lane]) : JSON.stringify(value) === JSON.stringify(told[lane]);
      if (same) return;
      const args = columns.map((column) => column[lane]);
      const at_edge = [...args, value, told[lane]].some((x) => typeof x === "number" && x !== 0 && (Math.abs(x) < EDGE.low || Math.abs(x) > EDGE.high));
      const far = typeof value === "number" && typeof told[lane] === "number" ? ordered(value) - ordered(told[lane]) : 1n << 60n;
      const largest = args.some((x) => Math.abs(x) >= LARGEST) && told[lane] === "nan";
      if (largest || (at_edge && -MOST_ULPS <= far && far <= MOST_ULPS)) return edges++;
      complaints.push(`${name} of ${args.join(", ")} is ${JSON.stringify(told[lane])}, natively ${JSON.stringify(value)}`);
    });
  });
  console.log(`seed ${seed}: ${all} values of ${rows.length} functions, ${edges} at the ends of the range differ, ${complaints.length} otherwise`);
  for (const complaint of complaints.slice(0, 40)) console.log(complaint);
  process.exitCode = complaints.length ? 1 : 0;
}

// ---- what pages ask ------------------------------------------------------------------------------------

function asked() {
  const abi = new Abi(module());
  const source = "(define (f x) (if (> x 0) (list x) (list 0 x)))\n(car (f (* a x)))";
  const inputs = { a: 2, x: 3 };
  const { ok: names } = ask(abi, { do: "names", source });
  assert.deepEqual([...names.inputs].sort(), ["a", "x"]);
  const { ok: stages } = ask(abi, { do: "stages", source, inputs: ["a", "x"] });
  const [mark] = stages.anf.marks.filter(({ from }) => source.slice(from.start, from.end) === "(* a x)");
  assert.match(stages.anf.text.slice(mark.part.start, mark.part.end), /^v\d+ = \* /);
  const { ok: run } = ask(abi, { do: "recording", source, inputs });
  assert.equal(run.nodes.find((node) => node.name === "*").value, 6);
  assert.equal(run.guards.length, 1);
  for (const mode of ["direct", "interpreter"]) {
    const { ok: steps } = ask(abi, { do: "steps", source, inputs, mode, by: "applications", most: 100 });
    assert.equal(steps.at(-1).value, "6.0");
    assert.ok(steps.every((step, i) => i === 0 || step.cells >= steps[i - 1].cells), "cells are written once, and stay");
    // Applications: f, *, >, list, car, in one order in every mode.
    assert.equal(source.slice(steps[0].span?.start, steps[0].span?.end).length > 0, true);
  }
  const { ok: entered } = ask(abi, { do: "steps", source, inputs, by: "entries", most: 1000 });
  assert.equal(entered[0].name, "evaluate");
  assert.equal(entered[1].name, "analyze");
  const value = ask(abi, { do: "paused", source: '(+ 1 (monitor "here" (* a x)))', inputs, at: "value" }).ok;
  assert.deepEqual(value.subject.numbers, [0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0].map((x, i) => (i === 2 ? 0 : i === 3 ? 1 : x)));
  const axis = (name) => ({ name, low: -1, high: 1, count: 4 });
  const { ok: plane } = ask(abi, { do: "plane", source, inputs, x: axis("a"), y: axis("x") });
  assert.equal(plane.guards.length, 2);
  assert.deepEqual(plane.paths.slice(0, 4), [0, 0, 1, 1]);
  for (const [request, kind, place] of [
    [{ do: "names", source: "(* a" }, "syntax", 0],
    [{ do: "recording", source: "(car 1)" }, "type", 0],
    [{ do: "paused", source: "(let loop ((n 0)) (loop (+ n 1)))", at: { applications: 10_000_000 } }, "resource", null],
    [{ do: "fit", source: "(observe y (* k x))", table: "x,z\n1,2\n" }, "unbound", 14],
    [{ do: "nothing" }, "request", null],
  ]) {
    const { error } = ask(abi, request);
    assert.equal(error?.kind, kind, JSON.stringify([request, error]));
    assert.ok(error.message.length > 3 && error.shown.length > 3);
    if (place !== null) assert.equal(error.span?.start, place, JSON.stringify(error));
  }
  for (const text of ["", "{", "[]", "null", '{"do":"time"}', '{"do":"plane","source":1}']) assert.ok(JSON.parse(abi.call("ask", text)).error);
  console.log("what pages ask is answered");
}

// ---- bench ---------------------------------------------------------------------------------------------

const median = (all) => all.sort((a, b) => a - b)[all.length >> 1];

// Milliseconds of the processor's time: on a machine that others use, clocks on the wall tell of them.
function processor() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

// The same of a program for this machine, from its start to its end.
function nativeFit(model, data) {
  const script = `TIMEFORMAT='%3U %3S'; time "$0" fit "$1" "$2" --threads 1 --json --quiet >/dev/null`;
  const told = spawnSync("bash", ["-c", script, dmci, model, data], { encoding: "utf8" }).stderr;
  return told.trim().split(" ").reduce((sum, seconds) => sum + 1000 * Number(seconds), 0);
}

function bench() {
  const bytes = readFileSync(path);
  const told = (what, figure, promise) => console.log(`${what.padEnd(46)} ${figure.padStart(10)}   ${promise}`);
  console.log("times are the processor's");
  told("size, gzipped", `${(gzipSync(bytes, { level: 9 }).length / 1000).toFixed(0)} kB`, "wanted: 700 kB");
  const one = { source: "(* a (exp (* (- b) x)))", inputs: { a: 2.5, b: 0.8, x: 1.5 } };
  const line = JSON.stringify({ ...one, wrt: ["a", "b"] });
  const first = Array.from({ length: 7 }, () => {
    const began = processor();
    new Abi(new WebAssembly.Module(bytes)).call("answer", line);
    return processor() - began;
  });
  told("first answer, from bytes", `${median(first).toFixed(1)} ms`, "wanted: 150 ms");
  const abi = new Abi(new WebAssembly.Module(bytes), () => true, processor);
  const time = (request) => {
    ask(abi, { do: "time", milliseconds: 600, ...request });
    return ask(abi, { do: "time", milliseconds: 600, ...request }).ok;
  };
  const figures = time({ ...one, lane: ["x", 1000] });
  told("new program, to value and gradient", `${(figures.cold / 1000).toFixed(1)} µs`, "wanted: 100 µs");
  told("value and gradient of a program seen before", `${figures.value_grad.toFixed(0)} ns`, "");
  for (const name of ["exp", "sin", "tanh", "log", "square"]) {
    const request = { source: `(* a (${name} (* b x)))`, inputs: one.inputs, lane: ["x", 1000] };
    told(`a lane of 1000 of ${name}, value and gradient`, `${time(request).lane.toFixed(1)} ns`, name === "exp" ? "wanted: 60 ns" : "");
  }
  const [model, data] = ["examples/lynx_hare/model.scm", "examples/lynx_hare/pelts.csv"];
  const request = { do: "fit", source: readFileSync(model, "utf8"), table: readFileSync(data, "utf8") };
  const here = 1000 * median(Array.from({ length: 7 }, () => ask(abi, request).ok.seconds));
  const there = median(Array.from({ length: 5 }, () => nativeFit(model, data)));
  told("lynx and hare from 64 starts", `${here.toFixed(0)} ms`, `natively ${there.toFixed(0)} ms on one thread: ${(here / there).toFixed(2)} times; wanted: 3`);
}

const commands = { answer, fit: () => fit(...rest), bits: compare, ask: asked, bench };
if (commands[command]) {
  await commands[command]();
} else {
  console.error("usage: node node.mjs MODULE.wasm answer | fit DMCI MODEL DATA | bits DMCI | ask | bench DMCI");
  process.exitCode = 2;
}
