// Clicks through every page in a headless Chromium, and compares a number of each with the program for this
// machine:  node tests/site/pages.mjs SITE DMCI [PAGE]
//
// Invariants
// - Values and derivatives are compared to the bit, sums of squares to 1e-9.
// - No page asks for anything but its own files.
// - Where there is no Chromium, the reason is printed and nothing fails.

import { strict as assert } from "node:assert";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { GALLERY } from "../../site/gallery.mjs";
import { serve } from "../../site/serve.mjs";
import { Browser, find } from "./chromium.mjs";

const [site, dmci, only] = process.argv.slice(2);
const program = find();
if (!program) {
  console.log("skipped: no Chromium here");
  process.exit(0);
}

const folder = mkdtempSync(join(tmpdir(), "pages-"));
const native = (request) => JSON.parse(execFileSync(dmci, ["eval", "--jsonl"], { input: `${JSON.stringify(request)}\n`, encoding: "utf8" }));
const stage = (text, name, inputs) => execFileSync(dmci, ["show", "-e", text, "--stage", name, ...Object.entries(inputs).flatMap(([key, value]) => ["--input", `${key}=${value}`])], { encoding: "utf8" });
function fit(source, table, ...more) {
  const [model, data] = [join(folder, "model.scm"), join(folder, "data.csv")];
  writeFileSync(model, source);
  writeFileSync(data, table);
  return JSON.parse(execFileSync(dmci, ["fit", model, data, "--json", "--quiet", ...more], { encoding: "utf8" }));
}
const near = (a, b) => assert.ok(Math.abs(a - b) <= 1e-9 * Math.abs(b), `${a}, natively ${b}`);
// What depends on how fast the machine is says little where others want it too.
const isBusy = () => loadavg()[0] > cpus().length * 1.2;
function within(what, took, most) {
  console.log(`  ${what}: ${took.toFixed(0)} ms${took > most && isBusy() ? " (the machine is busy: not judged)" : ""}`);
  assert.ok(took <= most || isBusy(), `${what} took ${took} ms, more than ${most}`);
}

const text = (selector) => `document.querySelector(${JSON.stringify(selector)}).textContent`;
const data = (selector, name) => `document.querySelector(${JSON.stringify(selector)}).dataset.${name}`;
const program_of = "document.querySelector('textarea[aria-label=Program]').value";
const setProgram = (page, source) => page.type("textarea[aria-label=Program]", source);

const TESTS = {
  async index(page) {
    const { value, grad } = native({ source: "(* a (exp (* (- b) x)))", inputs: { a: 2.5, b: 0.8, x: 1.5 }, wrt: ["b"] });
    await page.until(`${text("#value")} === ${JSON.stringify(String(value))}`);
    assert.match(await page.value(text("#gradient")), new RegExp(grad.b.toPrecision(9).slice(0, 9)));
    // A program that never ends, and one that is not finished.
    await setProgram(page, "(define (f n) (f (+ n 1))) (f 0)");
    await page.until(`/out of fuel/.test(${text(".complaint")})`);
    await setProgram(page, "(car (list a b))");
    await page.until(`${text("#value")} !== "–" && ${text(".complaint")} === ""`);
    // The address holds the program.
    await page.click("#share");
    await page.value("window.isOld = true");
    await page.send("Page.reload");
    await page.until(`!window.isOld && document.readyState === "complete"`);
    await page.until(`${program_of} === "(car (list a b))"`);
    // A fit from the gallery, by frames that stay short.
    await page.value("window.longest = 0, window.last = performance.now(), (function frame() { const now = performance.now(); window.longest = Math.max(window.longest, now - window.last); window.last = now; requestAnimationFrame(frame); })()");
    await page.type("#gallery", String(GALLERY.findIndex(({ name }) => name.startsWith("Lynx"))));
    await page.until(`/lynx0/.test(${program_of}) && document.querySelector("[aria-label^=Table]").value.startsWith("year")`);
    await page.value("window.longest = 0");
    await page.click("#fit");
    const sse = await page.until(`document.querySelector("[data-figure=sse]").title`);
    const files = ["model.scm", "pelts.csv"].map((file) => readFileSync(`examples/lynx_hare/${file}`, "utf8"));
    near(Number(sse), fit(...files).sse);
    assert.equal(Number(sse).toFixed(7), "2.0186618");
    within("longest frame of a fit", await page.value("window.longest"), 100);
    assert.equal(await page.value("document.querySelectorAll('#fitted svg').length"), 2);
    // A long fit that is stopped.
    await page.type("[aria-label=Starts]", "20000");
    await page.click("#fit");
    await page.until(`/[1-9]\\d* of 20000/.test(${text("#said")})`);
    const took = await page.value(`new Promise((done) => { const began = performance.now(); new MutationObserver(() => { if (/^stopped/.test(${text("#said")})) done(performance.now() - began); }).observe(document.querySelector("#said"), { childList: true, characterData: true, subtree: true }); document.querySelector("#stop").click(); })`);
    within("from Stop to stopped", took, 200);
    // The best so far, or what is known of it where the worker had to be replaced.
    const best = await page.until(`document.querySelector("[data-figure=sse]")?.title || ${text("#said")}.match(/sum of squares of (.*)/)[1]`);
    assert.ok(Number(best) > 0.99999 * Number(sse), best);
    // The engine goes on.
    await setProgram(page, "(* 6 7)");
    await page.until(`${text("#value")} === "42"`);
  },

  async program(page) {
    const source = "(* a (sin (* b x)))";
    await setProgram(page, source);
    await page.until(`document.querySelector("[aria-label=b]")`);
    await page.type("[aria-label=b]", "1.25");
    const { grad } = native({ source, inputs: { a: 2.5, b: 1.25, x: 1.5 }, wrt: ["a", "b", "x"] });
    await page.until(`document.querySelector("[data-by=x]").title === ${JSON.stringify(String(grad.x))}`);
    assert.equal(await page.value(`document.querySelector("[data-by=b]").title`), String(grad.b));
    await page.click("[data-program*='expp']");
    await page.until(`/expp/.test(${text(".complaint")}) && document.querySelector(".tok-wrong")`);
    await page.click("[data-program*='loop']");
    await page.until(`/out of fuel/.test(${text(".complaint")})`);
    await page.click("#mend");
    await page.until(`${text("#value")}.startsWith("0.7529") && ${text(".complaint")} === ""`);
  },

  async stages(page) {
    await page.until("document.querySelector('#trace tbody tr')");
    const source = await page.value(program_of);
    for (const name of ["datum", "core", "anf", "graph"]) {
      await page.click(`[data-stage=${name}]`);
      assert.equal(await page.value(text("#stage")), stage(source, name, { k: 1.5, x: 2 }));
    }
    const { value, grad } = native({ source, inputs: { k: 1.5, x: 2 }, wrt: ["k", "x"] });
    const cells = await page.value("[...document.querySelectorAll('#trace tbody tr')].map((row) => [...row.children].map((cell) => cell.textContent))");
    assert.deepEqual(cells.slice(0, 2).map((row) => Number(row[3])), [grad.k, grad.x]);
    assert.equal(Number(cells.at(-1)[2]), value);
    // A row of the trace lights up the line of the graph that it comes from, and the text.
    await page.value("document.querySelector('[data-node=abs]').dispatchEvent(new MouseEvent('mouseover', { bubbles: true }))");
    assert.match(await page.value(text("#stage .lit")), /^n\d+ = abs/);
    assert.match(await page.value("[...document.querySelectorAll('.tok-mark')].map((e) => e.textContent).join('')"), /^\(abs x\)$/);
  },

  async fitting(page) {
    const sse = Number(await page.until(data("#descent-end", "sse"), 120));
    const T = [0, 0.4, 0.8, 1.2, 1.6, 2, 2.5, 3, 3.5, 4];
    const Y = [2.58, 1.72, 1.37, 0.91, 0.74, 0.49, 0.36, 0.2, 0.19, 0.07];
    const told = fit("(param rate 2.2)(param amount -0.2)(observe y (exp (- amount (* rate t))))", `t,y\n${T.map((t, i) => `${t},${Y[i]}`).join("\n")}\n`, "--starts", "1");
    near(sse, told.sse);
    near(Number(await page.value(data("#descent-end", "rate"))), told.params[0].estimate);
    await page.click("#fall");
    const lowest = Number(await page.until(data("#fall-said", "sse")));
    const { source, table } = GALLERY.find(({ name }) => name.startsWith("A frequency"));
    near(lowest, fit(source, table).sse);
    assert.equal(await page.value("document.querySelectorAll('#waterfall circle').length"), 64);
  },

  async numbers(page) {
    await page.until("document.querySelector('#fourteen').children.length === 14");
    const source = await page.value(program_of);
    const select = (part) => page.value(`(() => { const area = document.querySelector("textarea"); area.focus(); const at = area.value.indexOf(${JSON.stringify(part)}); area.setSelectionRange(at, at + ${part.length}); })()`);
    const shown = async (part) => {
      await select(part);
      await page.until(`${text("#what")} === ${JSON.stringify(part)}`);
      return page.value("[...document.querySelectorAll('[data-number]')].map((e) => Number(e.dataset.number))");
    };
    // Inside a procedure: its first call is with the first shape.
    const area = await shown("(square r)");
    assert.deepEqual(area, [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, native({ source: "(square r)", inputs: { r: 1.5 } }).value, 0, 0, 0]);
    const more = await shown("(> total 5)");
    assert.deepEqual([more.indexOf(1), more[10]], [1, Number(native({ source: source.replace(/\(list total.*/, "(> total 5)"), inputs: { r: 1.5 } }).value)]);
    assert.equal((await shown("(vector r 2 3)"))[11], 3);
    assert.equal((await shown('"done"')).indexOf(1), 7);
  },

  async heap(page) {
    await page.until("Number(document.querySelector('#at').max) > 5");
    const source = await page.value(program_of);
    await page.type("#at", await page.value("document.querySelector('#at').max"));
    await page.until(`${text("#where")}.startsWith("ended")`);
    const { value } = native({ source, inputs: { x: 1.5 } });
    assert.deepEqual((await page.value(text("#where"))).match(/\d[\d.]*/g).map(Number), value);
    const cells = async (mode) => Number(await page.value(data(`#${mode}-said`, "cells")));
    assert.equal(await cells("direct"), 2 * value.length);
    assert.ok((await cells("interpreter")) > 10 * value.length);
    await page.click("#direct .cell");
    await page.until("document.querySelector('#fourteen').children.length === 14");
    await page.click("#back");
    await page.until(`!${text("#where")}.startsWith("ended")`);
  },

  async gate(page) {
    await page.until(data("#said", "temperature"));
    for (const slider of ["-0.3", "-1.5"]) {
      const temperature = 10 ** Number(slider);
      await page.type("#temperature", slider);
      await page.until(`Number(${data("#said", "temperature")}) === ${temperature} && ${data("#said", "value")}`);
      const x = Number(await page.value(data("#said", "x")));
      const source = await page.value(program_of);
      const { value, grad } = native({ source, inputs: { x, threshold: 0.5, high: 2, low: -1 }, wrt: ["threshold"], temperature });
      assert.equal(Number(await page.value(data("#said", "value"))), value);
      assert.equal(Number(await page.value(data("#said", "slope"))), grad.threshold);
    }
  },

  async plane(page) {
    await page.until(data("#value", "gradient"));
    const before = await page.value(data("#value", "value"));
    const box = await page.value("(() => { const b = document.querySelector('#plane').getBoundingClientRect(); return { x: b.x + b.width * 0.4, y: b.y + b.height * 0.3 }; })()");
    await page.pointer("mousePressed", box.x, box.y);
    await page.pointer("mouseReleased", box.x, box.y);
    await page.until(`${data("#value", "value")} !== ${JSON.stringify(before)}`);
    await page.value("document.querySelector('#plane').focus()");
    const dragged = await page.value(data("#value", "x"));
    await page.key("ArrowRight");
    await page.until(`${data("#value", "x")} !== ${JSON.stringify(dragged)}`);
    const [x, y] = [Number(await page.value(data("#value", "x"))), Number(await page.value(data("#value", "y")))];
    const { value, grad } = native({ source: await page.value(program_of), inputs: { a: x, b: y }, wrt: ["a", "b"] });
    assert.equal(Number(await page.value(data("#value", "value"))), value);
    assert.deepEqual(JSON.parse(await page.value(data("#value", "gradient"))), [grad.a, grad.b]);
    assert.match(await page.value(text("#guards")), /[1-9]\d* guards on this path, [1-9]\d* paths/);
  },

  async figures(page) {
    await page.click("#measure");
    await page.until(`${text("#said")} === "done"`, 120);
    const figures = await page.value("[...document.querySelectorAll('[data-measured]')].map((e) => Number(e.dataset.measured))");
    assert.equal(figures.length, 5);
    assert.ok(figures.every((x) => x > 0));
    assert.equal(figures[4].toFixed(7), "2.0186618");
  },

  async evaluator(page) {
    await page.until(`${data("#where", "name")} === "evaluate"`);
    await page.click("#on");
    await page.until(`${data("#where", "name")} === "analyze"`);
    assert.match(await page.value(text("#source .at")), /^\(define \(analyze here\)/);
    assert.match(await page.value(text("#graph")), /^f\d+ analyze \(1\)/);
    await page.type("#at", await page.value("document.querySelector('#at').max"));
    const { value } = native({ source: await page.value(program_of), inputs: { x: 1.5 } });
    await page.until(`Number(${data("#where", "value")}) === ${value}`);
  },
};

const server = await serve(site);
const base = `http://127.0.0.1:${server.address().port}/`;
const browser = new Browser(program);
let failed = 0;
for (const [name, test] of Object.entries(TESTS)) {
  if (only && only !== name) continue;
  const page = await browser.page();
  try {
    const began = Date.now();
    await page.open(`${base}${name}.html`);
    await test(page);
    assert.deepEqual(page.wrong, []);
    const foreign = page.addresses.filter((address) => !address.startsWith(base) && !/^(data|blob|about):/.test(address));
    assert.deepEqual(foreign, [], "a page asks for nothing from elsewhere");
    console.log(`${name}: as natively (${((Date.now() - began) / 1000).toFixed(1)} s)`);
  } catch (error) {
    failed++;
    console.log(`${name}: ${error.stack}`);
    await page.screenshot(join(tmpdir(), `failed-${name}.png`)).catch(() => {});
  }
}
await browser.close();
server.close();
rmSync(folder, { recursive: true, force: true });
process.exitCode = failed ? 1 : 0;
