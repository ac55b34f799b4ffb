// What makes a module of WebAssembly smaller that compilers leave as it is.
//
// Rust puts the file, line and column into whatever may panic, and a message; here nobody hears of them, a
// panic is a trap. So what panics traps at once, and what is then told to nobody is zeros.
//
// Invariants
// - A module does what it did before: where it trapped it traps, and what it computes it computes.
// - What is not known for certain to be of no use stays.

import { CODE, CUSTOM, DATA, TRAP, importedFunctions, joined, leb, sections, text, withBodies } from "./binary.mjs";

// The names of functions by their numbers, from the section for debuggers.
function names(bytes) {
  const found = new Map();
  for (const { id, body } of sections(bytes)) {
    if (id !== CUSTOM || text(body, 0)[0] !== "name") continue;
    let at = text(body, 0)[1];
    while (at < body.length) {
      const kind = body[at];
      const [length, start] = leb(body, at + 1);
      at = start + length;
      if (kind !== 1) continue;
      let [count, next] = leb(body, start);
      while (count--) {
        let [number, name] = leb(body, next);
        [name, next] = text(body, name);
        found.set(number, name);
      }
    }
  }
  return found;
}

// The standard library's functions that panic: none of them returns.
const PANICS = [
  /4core9panicking\d+(panic|assert_failed|unreachable_display)/,
  /4core6option\d+(unwrap_failed|expect_failed)/,
  /4core6result\d+unwrap_failed/,
  /4core5slice5index\d+slice_\w+_fail/,
  /4core5slice\d+copy_from_slice_impl\d*len_mismatch_fail/,
  /4core3str\d+slice_error_fail/,
  /4core4cell\d+panic_already/,
  /5alloc5alloc\d+handle_alloc_error/,
  /5alloc7raw_vec\d+(handle_error|capacity_overflow)/,
  /3std9panicking\d+(begin_panic|rust_panic|panic_handler)/,
  /3std5alloc\d+rust_oom/,
  /\d(assert_failed|panic_access_error|panic_for_nonpositive_argument|panic_on_ord_violation|panic_poisoned)/,
  /7equator\d+do_panic_impl/,
];

// The same module where each of these traps at once.
export function silenced(bytes) {
  const imported = importedFunctions(bytes);
  const panics = new Set();
  for (const [number, name] of names(bytes)) {
    if (number >= imported && PANICS.some((pattern) => pattern.test(name))) panics.add(number - imported);
  }
  return { bytes: withBodies(bytes, (body, number) => (panics.has(number) ? TRAP : body)), count: panics.size };
}

// The module without its custom sections, the names of functions among them.
export function stripped(bytes) {
  return joined(bytes, [...sections(bytes)].filter(({ id }) => id !== CUSTOM));
}

// The pieces of data: where each is put in memory, and its bytes, which are the module's own.
function pieces(bytes) {
  const found = [];
  for (const { id, body } of sections(bytes)) {
    if (id !== DATA) continue;
    let [count, at] = leb(body, 0);
    while (count--) {
      // 0, `i32.const`, the place, `end`; another kind of piece is not looked into.
      const [kind, begins] = leb(body, at);
      if (kind !== 0 || body[begins] !== 0x41) return [];
      let [place, end] = leb(body, begins + 1);
      const [length, start] = leb(body, end + 1);
      found.push({ place, data: body.subarray(start, start + length) });
      at = start + length;
    }
  }
  return found;
}

// The same module with zeros for places in source files that nothing speaks of any more.
export function withoutPlaces(original) {
  const bytes = Buffer.from(original);
  const all = pieces(bytes);
  // Everything in the code that could be an address, be it one or not.
  const spoken = new Set();
  for (const { id, body } of sections(bytes)) {
    if (id !== CODE) continue;
    for (let at = 0; at + 5 < body.length; at++) if (body[at] & 128 && body[at + 1] & 128) spoken.add(leb(body, at)[0] % 2 ** 32);
  }
  const at = (address, length) => {
    for (const { place, data } of all) {
      if (place <= address && address + length <= place + data.length) return data.subarray(address - place, address - place + length);
    }
    return null;
  };
  const isName = (address, length) => length > 5 && length < 200 && /^[\w./@+-]+\.rs$/.test(at(address, length)?.toString("latin1") ?? "");
  // A place is the name of a file, a line and a column: four words.
  const places = [];
  for (const { place, data } of all) {
    for (let i = -place & 3; i + 16 <= data.length; i += 4) {
      const [name, length, line, column] = [0, 4, 8, 12].map((word) => data.readUInt32LE(i + word));
      if (line > 0 && line < 50_000 && column > 0 && column < 500 && isName(name, length)) {
        places.push({ address: place + i, data: data.subarray(i, i + 16), name, length });
      }
    }
  }
  const isPlace = new Set(places.map(({ address }) => address));
  const pointed = new Set();
  const point = () => {
    pointed.clear();
    for (const { place, data } of all) {
      for (let i = 0; i + 4 <= data.length; i++) pointed.add(data.readUInt32LE(i));
    }
  };
  point();
  const isSpokenOf = (from, to) => {
    for (let address = from; address < to; address++) if (spoken.has(address) || pointed.has(address)) return true;
    return false;
  };
  let count = 0;
  for (const { address, data } of places) {
    if (isSpokenOf(address, address + 16)) continue;
    data.fill(0);
    count++;
  }
  // Names of files that nothing else is in.
  point();
  for (const { name, length } of places) {
    if (!isSpokenOf(name, name + length)) at(name, length).fill(0);
  }
  return { bytes, count };
}
