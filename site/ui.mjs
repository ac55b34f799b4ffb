// What all pages are made of: elements, the head of the page with its lessons, numbers as people read them.

export const LESSONS = [
  ["index.html", "Playground"],
  ["program.html", "1 A program"],
  ["stages.html", "2 Text to trace"],
  ["fitting.html", "3 Fitting"],
  ["numbers.html", "4 Fourteen numbers"],
  ["heap.html", "5 The heap"],
  ["gate.html", "6 A soft gate"],
  ["plane.html", "7 Guards"],
  ["figures.html", "8 Figures"],
  ["evaluator.html", "9 The evaluator"],
];

// An element: its tag with classes, attributes or listeners, children.
export function el(tag, attributes = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const node = document.createElement(name || "div");
  if (classes.length) node.className = classes.join(" ");
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (value === true) node.setAttribute(key, "");
    else if (value !== false && value != null) node.setAttribute(key, value);
  }
  node.append(...children.flat().filter((child) => child != null));
  return node;
}

export const $ = (selector) => document.querySelector(selector);

// A number in six digits, and what is no number as it is written.
export function short(x, digits = 6) {
  if (typeof x !== "number") return String(x ?? "–");
  if (x === 0) return Object.is(x, -0) ? "-0" : "0";
  const text = x.toPrecision(digits);
  return text.includes("e") ? text.replace(/\.?0+e/, "e") : text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

// Numbers come as numbers, or as "inf", "-inf" and "nan".
export function number(x) {
  return typeof x === "number" ? x : x === "inf" ? Infinity : x === "-inf" ? -Infinity : NaN;
}

// A value as Scheme has it, of what the engine writes as JSON.
export function scheme(value) {
  if (Array.isArray(value)) return `(${value.map(scheme).join(" ")})`;
  if (value && typeof value === "object") return JSON.stringify(value);
  return String(value);
}

export function debounced(work, wait = 90) {
  let timer;
  return (...args) => {
    clearTimeout(timer);
    timer = setTimeout(() => work(...args), wait);
  };
}

// A table of rows of texts and elements.
export function table(head, rows) {
  const line = (tag, cells) => el("tr", {}, cells.map((cell) => el(tag, {}, cell)));
  return el("div.scroll", {}, el("table", {}, el("thead", {}, line("th", head)), el("tbody", {}, rows.map((row) => line("td", row)))));
}

// A bar from the middle, to the right for numbers above 0, of so much of the largest.
export function bar(x, largest) {
  const part = largest > 0 && Number.isFinite(x) ? (50 * Math.abs(x)) / largest : 0;
  const style = x < 0 ? `right:50%;width:${part}%` : `left:50%;width:${part}%`;
  return el("div.bar", { role: "presentation" }, el(x < 0 ? "i.minus" : "i", { style }));
}

function themed() {
  const stored = localStorage.getItem("theme");
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  return stored ?? (dark ? "dark" : "light");
}

// The head of the page, with the theme as it was chosen last; and the way on at its foot.
export function frame() {
  document.documentElement.dataset.theme = themed();
  const here = location.pathname.split("/").pop() || "index.html";
  const toggle = () => {
    const theme = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
    document.documentElement.dataset.theme = theme;
    localStorage.setItem("theme", theme);
    dispatchEvent(new Event("theme"));
  };
  const links = LESSONS.map(([file, name]) => el("a", { href: file, "aria-current": file === here ? "page" : null }, name));
  document.body.prepend(
    el("header.site", {}, el("div", {}, el("a.brand", { href: "index.html" }, "dmci"), el("nav", { "aria-label": "Lessons" }, links),
      el("button.plain", { id: "theme", title: "Light or dark", "aria-label": "Light or dark", onclick: toggle }, "◐"))));
  $("nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
  const at = LESSONS.findIndex(([file]) => file === here);
  const link = (index, text) => (LESSONS[index] ? el("a", { href: LESSONS[index][0] }, text(LESSONS[index][1])) : el("span"));
  $("main").append(el("div.next", {}, link(at - 1, (name) => `← ${name}`), link(at + 1, (name) => `${name} →`)));
  document.body.append(el("footer", {}, "The engine on this page is dmci itself, as WebAssembly, in a worker. Nothing leaves your browser."));
}

// What is in colors of the theme, for canvases.
export const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
