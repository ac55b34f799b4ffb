// Lesson 3: two ways down a valley, and where many starts end.

import { engine } from "./engine.mjs";
import { GALLERY } from "./gallery.mjs";
import { plot, key } from "./plot.mjs";
import { $, color, el, frame, number, short } from "./ui.mjs";

frame();

// A decay with two unknowns, its rate and the logarithm of its amount, and measurements of it.
const T = [0, 0.4, 0.8, 1.2, 1.6, 2, 2.5, 3, 3.5, 4];
const Y = [2.58, 1.72, 1.37, 0.91, 0.74, 0.49, 0.36, 0.2, 0.19, 0.07];
const RANGE = { rate: [0.05, 3], amount: [-1.5, 2] };
const MODEL = "(observe y (exp (- amount (* rate t))))";
const LOSS = "(square (- (exp (- amount (* rate t))) y))";
const TABLE = `t,y\n${T.map((t, i) => `${t},${Y[i]}`).join("\n")}\n`;
const SIDE = 72;
const MOST = 400;

const canvas = $("#valley");
const context = canvas.getContext("2d");
let start = { rate: 2.2, amount: -0.2 };
let heights, ways = [];

// The sum of squares, and its gradient if asked: all rows at once, as lanes.
async function loss(params, wrt) {
  const told = await engine.answer({ source: LOSS, inputs: params, lanes: { t: T, y: Y }, ...(wrt ? { wrt } : {}) });
  return { sum: told.values.reduce((sum, x) => sum + number(x), 0), grad: told.grad };
}

// The valley: each point is a lane for each row of data.
async function survey() {
  const along = ([low, high], i) => low + ((high - low) * i) / (SIDE - 1);
  heights = new Float64Array(SIDE * SIDE);
  for (let row = 0; row < T.length; row++) {
    const lanes = { rate: [], amount: [] };
    for (let j = 0; j < SIDE; j++) for (let i = 0; i < SIDE; i++) lanes.rate.push(along(RANGE.rate, i)), lanes.amount.push(along(RANGE.amount, j));
    const told = await engine.answer({ source: LOSS, inputs: { t: T[row], y: Y[row] }, lanes, fuel: 1e8 });
    told.values.forEach((x, i) => (heights[i] += number(x)));
  }
}

const place = ({ rate, amount }) => [((rate - RANGE.rate[0]) / (RANGE.rate[1] - RANGE.rate[0])) * canvas.width, (1 - (amount - RANGE.amount[0]) / (RANGE.amount[1] - RANGE.amount[0])) * canvas.height];

function draw() {
  if (!heights) return;
  const [low, high] = [Math.log(Math.min(...heights)), Math.log(Math.max(...heights))];
  const mix = (a, b, part) => `color-mix(in srgb, ${a} ${100 * part}%, ${b})`;
  const levels = Array.from({ length: 14 }, (_, i) => mix(color("accent"), color("card"), 0.62 * (1 - i / 13)));
  const [w, h] = [canvas.width / SIDE, canvas.height / SIDE];
  for (let j = 0; j < SIDE; j++) {
    for (let i = 0; i < SIDE; i++) {
      context.fillStyle = levels[Math.floor(13.99 * ((Math.log(heights[j * SIDE + i]) - low) / (high - low)))];
      context.fillRect(i * w, canvas.height - (j + 1) * h, w + 1, h + 1);
    }
  }
  context.fillStyle = color("soft");
  context.font = "13px system-ui";
  context.fillText("rate →", canvas.width - 52, canvas.height - 8);
  context.fillText("↑ log amount", 8, 18);
  for (const { path, ink } of ways) {
    context.strokeStyle = context.fillStyle = color(ink);
    context.lineWidth = 2;
    context.beginPath();
    path.forEach((params, i) => context[i ? "lineTo" : "moveTo"](...place(params)));
    context.stroke();
    for (const params of path) {
      context.beginPath();
      context.arc(...place(params), 3, 0, 7);
      context.fill();
    }
  }
  context.strokeStyle = color("ink");
  context.lineWidth = 2;
  context.beginPath();
  context.arc(...place(start), 7, 0, 7);
  context.stroke();
}

const frameOf = () => new Promise((done) => requestAnimationFrame(done));
let running = 0;

async function run() {
  const mine = ++running;
  const learning = 10 ** Number($("#rate").value);
  const descent = { path: [{ ...start }], sums: [], ink: "warm", name: "gradient descent" };
  const marquardt = { path: [], sums: [], ink: "third", name: "Levenberg–Marquardt" };
  ways = [descent, marquardt];
  const source = `(param rate ${start.rate})\n(param amount ${start.amount})\n${MODEL}`;
  const told = await engine.ask({ do: "descent", source, table: TABLE, steps: 40 });
  for (let step = 0; step < MOST && mine === running; step++) {
    const now = descent.path.at(-1);
    const { sum, grad } = await loss(now, ["rate", "amount"]);
    descent.sums.push([step, sum]);
    const point = told.ok?.steps[step];
    if (point) {
      marquardt.path.push({ rate: number(point.params[0]), amount: number(point.params[1]) });
      marquardt.sums.push([step, number(point.sse)]);
    }
    if (!Number.isFinite(sum) || Math.hypot(grad.rate, grad.amount) < 1e-5) break;
    descent.path.push({ rate: now.rate - learning * grad.rate, amount: now.amount - learning * grad.amount });
    if (step < 60 || step % 10 === 0) {
      draw();
      steps();
      await frameOf();
    }
  }
  if (mine !== running) return;
  draw();
  steps();
  const last = marquardt.path.at(-1);
  const end = descent.sums.at(-1);
  $("#said").replaceChildren(el("p", { id: "descent-end", "data-sse": marquardt.sums.at(-1)?.[1], "data-rate": last?.rate },
    `Levenberg–Marquardt: ${marquardt.sums.length - 1} steps to rate ${short(last?.rate)}, log amount ${short(last?.amount)}, sum of squares ${short(marquardt.sums.at(-1)?.[1])}. `,
    Number.isFinite(end?.[1]) ? `Gradient descent: ${short(end[1])} after ${end[0]} steps.` : "Gradient descent has left the valley: its learning rate is too large."));
}

function steps() {
  const lines = ways.map(({ sums, ink }) => ({ points: sums.filter(([, s]) => s < 1e6), color: `var(--${ink})` }));
  $("#steps").replaceChildren(key(...ways.map(({ name, ink }) => [name, `var(--${ink})`])),
    plot({ lines, log: true, height: 300, label: "Sum of squares by step" }));
}

async function fall() {
  const { source, table } = GALLERY.find(({ name }) => name.startsWith("A frequency"));
  $("#fall").disabled = true;
  // No bound and no scan finds the frequency for it here: the starts are spread by hand.
  const told = await engine.ask({ do: "fit", source, table, starts: 64, all_starts: true }, ({ ended, starts }) => {
    $("#fall-said").textContent = `${ended} of ${starts}`;
  });
  $("#fall").disabled = false;
  if (told.error) return ($("#fall-said").textContent = told.error.message);
  const { ends, agree, starts, sse } = told.ok;
  const sums = ends.map((end) => number(end.sse)).filter(Number.isFinite).sort((a, b) => a - b);
  $("#fall-said").textContent = `${agree} of ${starts} starts agree on the lowest sum of squares, ${short(sse, 8)}`;
  $("#fall-said").dataset.sse = sse;
  const best = sums.filter((s) => s < sse * 1.0001).length;
  $("#waterfall").replaceChildren(plot({
    dots: [{ points: sums.slice(0, best).map((s, i) => [i + 1, s]), color: "var(--accent)", size: 4 }, { points: sums.slice(best).map((s, i) => [best + i + 1, s]), size: 4 }],
    log: true, height: 260, label: "Sums of squares of all starts, sorted",
  }));
}

function said() {
  $("#rate-said").textContent = short(10 ** Number($("#rate").value), 2);
}

canvas.addEventListener("pointerdown", (event) => {
  const box = canvas.getBoundingClientRect();
  const part = (range, x) => range[0] + (range[1] - range[0]) * x;
  start = { rate: part(RANGE.rate, (event.clientX - box.left) / box.width), amount: part(RANGE.amount, 1 - (event.clientY - box.top) / box.height) };
  run();
});
$("#run").addEventListener("click", run);
$("#rate").addEventListener("input", said);
$("#fall").addEventListener("click", fall);
addEventListener("theme", draw);
said();
survey().then(() => { draw(); run(); });
