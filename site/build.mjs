// Makes a folder of files to serve:  node site/build.mjs MODULE.wasm FOLDER
//
// MODULE.wasm is what `cargo build --package dmci-web --target wasm32-unknown-unknown` made. What panics only
// traps in the folder's, custom sections are left out, and `wasm-opt` goes over it where it is: on the path,
// or as `npm install --no-save binaryen` puts it into node_modules. The rest are copies.

import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { bodies, named } from "./binary.mjs";
import { order } from "./order.mjs";
import { silenced, stripped, withoutPlaces } from "./small.mjs";

const SITE = dirname(fileURLToPath(import.meta.url));
const ROOT = dirname(SITE);
const [wasm, folder] = process.argv.slice(2);
if (!folder) {
  console.error("usage: node site/build.mjs MODULE.wasm FOLDER");
  process.exit(2);
}

mkdirSync(join(folder, "examples/lynx_hare"), { recursive: true });
const tools = new Set(["binary.mjs", "build.mjs", "order.mjs", "serve.mjs", "sizes.mjs", "small.mjs"]);
for (const file of readdirSync(SITE)) {
  if (/\.(html|css|mjs)$/.test(file) && !tools.has(file)) cpSync(join(SITE, file), join(folder, file));
}
for (const file of ["lynx_hare/model.scm", "lynx_hare/pelts.csv"]) cpSync(join(ROOT, "examples", file), join(folder, "examples", file));
cpSync(join(ROOT, "bootstrap/compiler.scm"), join(folder, "compiler.scm"));

const told = (what, module) => console.log(`${what}: ${module.length} bytes, ${gzipSync(module, { level: 9 }).length} gzipped`);
const beside = join(ROOT, "node_modules/.bin/wasm-opt");
const program = existsSync(beside) ? beside : "wasm-opt";
const FEATURES = ["--enable-simd", "--enable-bulk-memory", "--enable-sign-ext", "--enable-mutable-globals", "--enable-nontrapping-float-to-int", "--enable-multivalue", "--enable-reference-types"];
const hasOptimizer = spawnSync(program, ["--version"]).status === 0;

function optimized(module, ...options) {
  const scratch = mkdtempSync(join(tmpdir(), "dmci-"));
  try {
    const [from, to] = ["from.wasm", "to.wasm"].map((name) => join(scratch, name));
    writeFileSync(from, module);
    const run = spawnSync(program, [...options, ...FEATURES, from, "-o", to], { stdio: ["ignore", "inherit", "inherit"] });
    if (run.status !== 0) throw new Error(`wasm-opt ended with ${run.status ?? run.error}`);
    return readFileSync(to);
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

const made = readFileSync(wasm);
told("as it was made", stripped(made));
const { bytes: quiet, count: panics } = silenced(made);
let module = stripped(quiet);
told(`where ${panics} functions that panic only trap`, module);
if (hasOptimizer) {
  // What is called once is inlined already where it pays; inlined everywhere it compresses worse.
  module = optimized(module, "-Oz", "--one-caller-inline-max-function-size=0");
  told("by wasm-opt", module);
  // It sorts functions by names, too: these say which stands where.
  module = stripped(optimized(named(module, order(bodies(module))), "-g", "--reorder-functions-by-name"));
  told("with like functions beside each other", module);
} else {
  console.log("no wasm-opt here (`npm install --no-save binaryen`): the module stays a tenth larger");
}
const { bytes, count } = withoutPlaces(module);
writeFileSync(join(folder, "dmci.wasm"), bytes);
told(`without ${count} places in source files`, bytes);
