// An order of functions in which like stands beside like: who compresses a module sees 32 kB at a time.
//
// By halves: functions are swapped between two halves as long as pieces of code that both halves have become
// fewer; then each half likewise. Pieces are what any five bytes in a row make.
//
// Invariants
// - The order is a function of the bodies alone.

const PIECE = 5;
const ROUNDS = 20;
const DEPTH = 14;

// The pieces of each function that others have too, as numbers from 0 on.
function pieces(bodies) {
  const all = bodies.map((body) => {
    const found = new Set();
    for (let at = 0; at + PIECE <= body.length; at++) {
      let hash = 2_166_136_261;
      for (let i = 0; i < PIECE; i++) hash = Math.imul(hash ^ body[at + i], 16_777_619);
      found.add((hash ^ (hash >>> 15)) >>> 0);
    }
    return found;
  });
  const counts = new Map();
  for (const found of all) for (const piece of found) counts.set(piece, (counts.get(piece) ?? 0) + 1);
  const numbers = new Map();
  for (const [piece, count] of counts) if (count > 1 && count < bodies.length / 2) numbers.set(piece, numbers.size);
  return { count: numbers.size, of: all.map((found) => Uint32Array.from([...found].map((piece) => numbers.get(piece)).filter((number) => number !== undefined))) };
}

// The numbers of the functions with these bodies, in that order.
export function order(bodies) {
  const { count, of } = pieces(bodies);
  const logarithm = Float64Array.from({ length: bodies.length + 3 }, (_, i) => i * Math.log2(i + 1));
  // How many functions of either half have a piece.
  const here = new Int32Array(count);
  const there = new Int32Array(count);
  // What is gained where a function of the first half changes sides, and of the other.
  const gain = (from, to) => (number) => {
    let sum = 0;
    for (const piece of of[number]) sum += logarithm[from[piece] - 1] + logarithm[to[piece] + 1] - logarithm[from[piece]] - logarithm[to[piece]];
    return { number, sum };
  };
  const best = (half, from, to) => half.map(gain(from, to)).sort((a, b) => b.sum - a.sum);
  const move = (number, from, to) => {
    for (const piece of of[number]) {
      from[piece]--;
      to[piece]++;
    }
  };
  const halved = (functions, depth) => {
    if (functions.length < 2 || depth === DEPTH) return functions;
    let [left, right] = [functions.slice(0, functions.length >> 1), functions.slice(functions.length >> 1)];
    for (const number of left) for (const piece of of[number]) here[piece]++;
    for (const number of right) for (const piece of of[number]) there[piece]++;
    for (let round = 0; round < ROUNDS; round++) {
      const [ours, theirs] = [best(left, here, there), best(right, there, here)];
      let swapped = 0;
      while (swapped < ours.length && ours[swapped].sum + theirs[swapped].sum > 1e-9) {
        move(ours[swapped].number, here, there);
        move(theirs[swapped].number, there, here);
        swapped++;
      }
      const rest = (all) => all.slice(swapped).map(({ number }) => number);
      const first = (all) => all.slice(0, swapped).map(({ number }) => number);
      [left, right] = [[...first(theirs), ...rest(ours)], [...first(ours), ...rest(theirs)]];
      if (swapped === 0) break;
    }
    for (const number of functions) {
      for (const piece of of[number]) here[piece] = there[piece] = 0;
    }
    return [...halved(left, depth + 1), ...halved(right, depth + 1)];
  };
  return halved(bodies.map((_, number) => number), 0);
}
