// Plots as SVG: lines and points over axes with round numbers.

import { short } from "./ui.mjs";

const NS = "http://www.w3.org/2000/svg";
const WIDE = 640;

export function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS(NS, tag);
  for (const [key, value] of Object.entries(attributes)) if (value != null) node.setAttribute(key, value);
  node.append(...children.flat());
  return node;
}

// Round numbers from one to another, about so many.
export function ticks(low, high, count = 6) {
  const rough = (high - low) / count;
  if (!(rough > 0)) return [low];
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((times) => times * power >= rough) * power;
  const all = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) all.push(i * step + 0);
  return all;
}

function range(numbers, given) {
  if (given) return given;
  const finite = numbers.filter(Number.isFinite);
  if (finite.length === 0) return [0, 1];
  const low = finite.reduce((a, b) => Math.min(a, b));
  const high = finite.reduce((a, b) => Math.max(a, b));
  const room = low === high ? Math.abs(low) * 0.1 || 1 : (high - low) * 0.06;
  return [low - room, high + room];
}

// What a plot shows: `lines` of {points: [[x, y]], color, name, dashed}, `dots` likewise, `rules` {x or y,
// color}; `log` for a logarithmic y. Gives the element, with `toX`, `toY` and `fromX` on it.
export function plot({ lines = [], dots = [], rules = [], x, y, height = 300, log = false, label = "" }) {
  const all = [...lines, ...dots].flatMap((series) => series.points);
  const of = (value) => (log ? Math.log10(Math.max(value, 1e-300)) : value);
  const [x0, x1] = range(all.map((p) => p[0]), x);
  const [y0, y1] = range(all.map((p) => of(p[1])), y?.map(of));
  const [left, right, top, bottom] = [58, WIDE - 12, 10, height - 26];
  const toX = (value) => left + ((value - x0) / (x1 - x0)) * (right - left);
  const toY = (value) => bottom - ((of(value) - y0) / (y1 - y0)) * (bottom - top);
  const root = svg("svg", { class: "plot", viewBox: `0 0 ${WIDE} ${height}`, role: "img", "aria-label": label });
  for (const tick of ticks(x0, x1)) {
    root.append(svg("line", { class: "grid", x1: toX(tick), x2: toX(tick), y1: top, y2: bottom }),
      svg("text", { x: toX(tick), y: bottom + 16, "text-anchor": "middle" }, short(tick, 4)));
  }
  for (const tick of log ? ticks(y0, y1, 5).filter(Number.isInteger) : ticks(y0, y1, 5)) {
    const at = toY(log ? 10 ** tick : tick);
    root.append(svg("line", { class: "grid", x1: left, x2: right, y1: at, y2: at }),
      svg("text", { x: left - 7, y: at + 4, "text-anchor": "end" }, short(log ? 10 ** tick : tick, 4)));
  }
  root.append(svg("path", { class: "axis", fill: "none", d: `M${left} ${top}V${bottom}H${right}` }));
  for (const rule of rules) {
    const place = rule.x != null ? { x1: toX(rule.x), x2: toX(rule.x), y1: top, y2: bottom } : { x1: left, x2: right, y1: toY(rule.y), y2: toY(rule.y) };
    root.append(svg("line", { ...place, stroke: rule.color ?? "var(--warm)", "stroke-dasharray": "4 4" }));
  }
  const clip = `clip-${Math.random().toString(36).slice(2)}`;
  root.append(svg("clipPath", { id: clip }, svg("rect", { x: left, y: top, width: right - left, height: bottom - top })));
  const inside = svg("g", { "clip-path": `url(#${clip})` });
  root.append(inside);
  for (const { points, color, dashed } of lines) {
    let d = "";
    for (const [a, b] of points) d += Number.isFinite(b) ? `${d === "" || d.endsWith(" ") ? "M" : "L"}${toX(a).toFixed(1)} ${toY(b).toFixed(1)}` : " ";
    inside.append(svg("path", { class: "line", d, stroke: color ?? "var(--accent)", "stroke-dasharray": dashed ? "5 4" : null }));
  }
  for (const { points, color, size = 3.2 } of dots) {
    for (const [a, b] of points) if (Number.isFinite(b)) inside.append(svg("circle", { cx: toX(a), cy: toY(b), r: size, fill: color ?? "var(--warm)" }));
  }
  // Where in the plot a pointer is.
  const fromX = (event) => {
    const box = root.getBoundingClientRect();
    return x0 + (((event.clientX - box.left) * WIDE) / box.width - left) / (right - left) * (x1 - x0);
  };
  return Object.assign(root, { toX, toY, fromX });
}

// What the colors of a plot mean.
export function key(...names) {
  const all = document.createElement("div");
  for (const [name, color] of names) {
    const one = document.createElement("span");
    one.className = "key";
    const line = document.createElement("i");
    line.style.background = color;
    one.append(line, name);
    all.append(one);
  }
  return all;
}
