// Makes a folder of files to serve:  node site/build.mjs MODULE.wasm FOLDER
//
// MODULE.wasm is what `cargo build --package dmci-web --target wasm32-unknown-unknown --profile web`
// made. Custom sections, names of functions for debuggers, are left out; the rest are copies.

import { cpSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const SITE = dirname(fileURLToPath(import.meta.url));
const ROOT = dirname(SITE);
const [wasm, folder] = process.argv.slice(2);
if (!folder) {
  console.error("usage: node site/build.mjs MODULE.wasm FOLDER");
  process.exit(2);
}

// The module without its custom sections: each section is an id, a length in LEB128, and so many bytes.
export function stripped(bytes) {
  const kept = [bytes.subarray(0, 8)];
  let at = 8;
  while (at < bytes.length) {
    const start = at;
    const id = bytes[at++];
    let [length, shift, byte] = [0, 0, 0];
    do {
      byte = bytes[at++];
      length += (byte & 127) * 2 ** shift;
      shift += 7;
    } while (byte & 128);
    at += length;
    if (id !== 0) kept.push(bytes.subarray(start, at));
  }
  return Buffer.concat(kept);
}

mkdirSync(join(folder, "examples/lynx_hare"), { recursive: true });
const tools = new Set(["build.mjs", "serve.mjs"]);
for (const file of readdirSync(SITE)) {
  if (/\.(html|css|mjs)$/.test(file) && !tools.has(file)) cpSync(join(SITE, file), join(folder, file));
}
for (const file of ["lynx_hare/model.scm", "lynx_hare/pelts.csv"]) cpSync(join(ROOT, "examples", file), join(folder, "examples", file));
cpSync(join(ROOT, "bootstrap/compiler.scm"), join(folder, "compiler.scm"));
const module = stripped(readFileSync(wasm));
writeFileSync(join(folder, "dmci.wasm"), module);
console.log(`${folder}: dmci.wasm has ${module.length} bytes, ${gzipSync(module, { level: 9 }).length} gzipped`);
