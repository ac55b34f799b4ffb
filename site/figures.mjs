// Lesson 8: figures of the papers beside the same kind of work, measured here.

import { engine } from "./engine.mjs";
import { GALLERY, entry } from "./gallery.mjs";
import { $, el, frame, short, table } from "./ui.mjs";

frame();

const KALMAN = `(define (filter n x p sum)
  (if (= n 80)
      sum
      (let* ((m (* a x)) (v (+ (* a a p) q))
             (z (sin (* 0.3 n))) (s (+ v r)) (k (/ v s)) (e (- z m)))
        (filter (+ n 1) (+ m (* k e)) (* (- 1 k) v) (+ sum (log s) (/ (* e e) s))))))
(filter 0 0.0 1.0 0.0)`;
const time = (nanoseconds) => (nanoseconds < 1e3 ? `${short(nanoseconds, 3)} ns` : nanoseconds < 1e6 ? `${short(nanoseconds / 1e3, 3)} µs` : `${short(nanoseconds / 1e6, 3)} ms`);
const times = async (request) => (await engine.ask({ do: "time", milliseconds: 250, ...request })).ok;

// What is measured: what the papers report, and how it is measured here.
const FIGURES = [
  ["A new program, from text to value and gradient", "hot swap 20–35 ms; compiling a program 30–150 µs", async () => {
    const told = await times({ source: "(* a (exp (* (- b) x)))", inputs: { a: 2.5, b: 0.8, x: 1.5 } });
    return [time(told.cold), told.cold];
  }],
  ["Value and gradient of a program seen before", "12–95 µs at batch 1, compiled; 14 times that, interpreted", async () => {
    const told = await times({ source: "(* a (exp (* (- b) x)))", inputs: { a: 2.5, b: 0.8, x: 1.5 } });
    return [time(told.value_grad), told.value_grad];
  }],
  ["A lane of 1000, value and gradient", "852 times faster in batches of 1,024", async () => {
    const told = await times({ source: "(* a (exp (* (- b) x)))", inputs: { a: 2.5, b: 0.8, x: 1.5 }, lane: ["x", 1000] });
    return [`${time(told.lane)} a lane`, told.lane];
  }],
  ["A Kalman filter of 80 steps, value and gradient", "10.2 s interpreted, 0.47 ms in native code, 3.5 µs by hand in C++ (2 x 2; here 1 x 1)", async () => {
    const told = await times({ source: KALMAN, inputs: { a: 0.9, q: 0.1, r: 0.2 } });
    return [time(told.value_grad), told.value_grad];
  }],
  ["Lynx and hare, six constants from 64 starts", "four constants to 0.2–1.1 % by multiple shooting, 2 % noise", async () => {
    const { source, table: data } = await entry(GALLERY.find(({ name }) => name.startsWith("Lynx")));
    const { ok } = await engine.ask({ do: "fit", source, table: data, starts: 64 });
    return [`${short(ok.seconds * 1000, 3)} ms, sum of squares ${short(ok.sse, 8)}`, ok.sse];
  }],
];

function draw(measured) {
  const rows = FIGURES.map(([what, paper], i) => [el("span", { style: "font-family:system-ui" }, what), el("span.note", {}, paper), el("b", { "data-measured": measured[i]?.[1] }, measured[i]?.[0] ?? "–")]);
  $("#figures").replaceChildren(table(["", "the papers, on their machines", "here, now"], rows));
}

$("#measure").addEventListener("click", async () => {
  $("#measure").disabled = true;
  const measured = [];
  for (const [what, , measure] of FIGURES) {
    $("#said").textContent = `${what} …`;
    measured.push(await measure());
    draw(measured);
  }
  $("#said").textContent = "done";
  $("#measure").disabled = false;
});
draw([]);
