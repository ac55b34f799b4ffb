// Modules of WebAssembly as bytes: their sections, and the functions in them, read and written.
//
// Invariants
// - What is not spoken of stays as it is, to the byte.

export const CUSTOM = 0;
export const IMPORT = 2;
export const CODE = 10;
export const DATA = 11;

// A number in LEB128, and where it ends.
export function leb(bytes, at) {
  let [number, shift, byte] = [0, 0, 0];
  do {
    byte = bytes[at++];
    number += (byte & 127) * 2 ** shift;
    shift += 7;
  } while (byte & 128);
  return [number, at];
}

export function written(number) {
  const bytes = [];
  do {
    const rest = Math.floor(number / 128);
    bytes.push((number % 128) | (rest ? 128 : 0));
    number = rest;
  } while (number);
  return Buffer.from(bytes);
}

// The sections: an id, and what is after the length.
export function* sections(bytes) {
  let at = 8;
  while (at < bytes.length) {
    const id = bytes[at];
    const [length, start] = leb(bytes, at + 1);
    yield { id, body: bytes.subarray(start, start + length) };
    at = start + length;
  }
}

export function joined(bytes, all) {
  const parts = all.flatMap(({ id, body }) => [Buffer.from([id]), written(body.length), body]);
  return Buffer.concat([bytes.subarray(0, 8), ...parts]);
}

export function text(bytes, at) {
  const [length, start] = leb(bytes, at);
  return [bytes.toString("utf8", start, start + length), start + length];
}

// The same module where each function of its own has the body that `change` gives for its body and number:
// declarations of locals, then instructions.
export function withBodies(bytes, change) {
  const all = [...sections(bytes)].map(({ id, body }) => {
    if (id !== CODE) return { id, body };
    let [count, at] = leb(body, 0);
    const parts = [written(count)];
    for (let number = 0; number < count; number++) {
      const [length, start] = leb(body, at);
      at = start + length;
      const changed = change(body.subarray(start, at), number);
      parts.push(written(changed.length), changed);
    }
    return { id, body: Buffer.concat(parts) };
  });
  return joined(bytes, all);
}

// No locals, `unreachable`, `end`.
export const TRAP = Buffer.from([0, 0, 11]);

// How many functions come before the module's own.
export function importedFunctions(bytes) {
  let functions = 0;
  for (const { id, body } of sections(bytes)) {
    if (id !== IMPORT) continue;
    let [count, at] = leb(body, 0);
    while (count--) {
      at = text(body, text(body, at)[1])[1];
      // The engine imports functions alone: a kind and a type each.
      if (body[at] !== 0) throw new Error("an import is no function");
      functions++;
      at = leb(body, at + 1)[1];
    }
  }
  return functions;
}

// The bodies of the module's own functions.
export function bodies(bytes) {
  const all = [];
  withBodies(bytes, (body) => {
    all.push(body);
    return body;
  });
  return all;
}

// The same module where functions have names: those of its own sort by their places in `order`.
export function named(bytes, order) {
  const imported = importedFunctions(bytes);
  const name = (number, text) => [written(number), written(text.length), Buffer.from(text)];
  const places = [];
  order.forEach((number, place) => (places[number] = place));
  const all = Array.from({ length: imported }, (_, i) => name(i, `a${i}`));
  for (const [number, place] of places.entries()) all.push(name(imported + number, `f${String(place).padStart(6, "0")}`));
  const names = Buffer.concat([written(all.length), ...all.flat()]);
  // A section of the name "name", in it names of functions.
  const body = Buffer.concat([Buffer.from([4]), Buffer.from("name"), Buffer.from([1]), written(names.length), names]);
  return joined(bytes, [...sections(bytes), { id: CUSTOM, body }]);
}
