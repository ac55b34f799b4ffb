// A headless Chromium, driven by its own protocol over two pipes: nothing but node is needed.
//
// Invariants
// - Messages are JSON, a zero byte after each.
// - A page's exceptions and errors of its console fail whatever waits on the page next.

import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

// The first that is there; none otherwise.
export function find() {
  return [process.env.CHROMIUM, ...NAMES].find((name) => name && spawnSync(name, ["--version"]).status === 0);
}

export class Browser {
  constructor(program) {
    this.profile = mkdtempSync(join(tmpdir(), "chromium-"));
    const flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--remote-debugging-pipe", `--user-data-dir=${this.profile}`];
    this.process = spawn(program, [...flags, "about:blank"], { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
    this.waiting = new Map();
    this.heard = [];
    this.next = 1;
    let rest = "";
    this.process.stdio[4].on("data", (bytes) => {
      const messages = (rest + bytes).split("\0");
      rest = messages.pop();
      for (const message of messages) this.hear(JSON.parse(message));
    });
  }

  hear(message) {
    const waiting = this.waiting.get(message.id);
    this.waiting.delete(message.id);
    if (waiting) return message.error ? waiting.reject(new Error(message.error.message)) : waiting.resolve(message.result);
    for (const heard of this.heard) heard(message);
  }

  send(method, params = {}, sessionId) {
    const id = this.next++;
    this.process.stdio[3].write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    return new Promise((resolve, reject) => this.waiting.set(id, { resolve, reject }));
  }

  async page() {
    const { targetId } = await this.send("Target.createTarget", { url: "about:blank" });
    const { sessionId } = await this.send("Target.attachToTarget", { targetId, flatten: true });
    const page = new Page(this, sessionId);
    await Promise.all(["Page.enable", "Runtime.enable", "Network.enable"].map((method) => page.send(method)));
    return page;
  }

  async close() {
    const gone = new Promise((resolve) => this.process.on("exit", resolve));
    this.send("Browser.close").catch(() => {});
    await gone;
    rmSync(this.profile, { recursive: true, force: true });
  }
}

class Page {
  constructor(browser, session) {
    this.browser = browser;
    this.session = session;
    this.wrong = [];
    this.addresses = [];
    browser.heard.push(({ method, params, sessionId }) => {
      if (sessionId !== session) return;
      if (method === "Runtime.exceptionThrown") this.wrong.push(params.exceptionDetails.exception?.description ?? params.exceptionDetails.text);
      if (method === "Runtime.consoleAPICalled" && params.type === "error") this.wrong.push(params.args.map((arg) => arg.value).join(" "));
      if (method === "Network.requestWillBeSent") this.addresses.push(params.request.url);
    });
  }

  send(method, params) {
    return this.browser.send(method, params, this.session);
  }

  async open(url) {
    await this.send("Page.navigate", { url });
    await this.until("document.readyState === 'complete'");
  }

  // What an expression is in the page; promises are waited for.
  async value(expression) {
    const { result, exceptionDetails } = await this.send("Runtime.evaluate", { expression, returnByValue: true, awaitPromise: true });
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  }

  // Waits until an expression holds; gives what it is.
  async until(expression, seconds = 60) {
    const end = Date.now() + 1000 * seconds;
    for (;;) {
      if (this.wrong.length) throw new Error(`in the page: ${this.wrong.join("\n")}`);
      const value = await this.value(`(() => { try { return ${expression}; } catch { return null; } })()`).catch(() => null);
      if (value) return value;
      if (Date.now() > end) throw new Error(`${seconds} s went by, and this did not hold: ${expression}`);
      await new Promise((done) => setTimeout(done, 30));
    }
  }

  // Clicks in the middle of an element, with a pointer.
  async click(selector) {
    const { x, y } = await this.value(`(() => { const e = document.querySelector(${JSON.stringify(selector)}); e.scrollIntoView({ block: "center", behavior: "instant" }); const b = e.getBoundingClientRect(); return { x: b.x + b.width / 2, y: b.y + b.height / 2 }; })()`);
    await this.pointer("mousePressed", x, y);
    await this.pointer("mouseReleased", x, y);
  }

  pointer(type, x, y) {
    return this.send("Input.dispatchMouseEvent", { type, x, y, button: "left", buttons: type === "mouseReleased" ? 0 : 1, clickCount: 1 });
  }

  async key(key) {
    await this.send("Input.dispatchKeyEvent", { type: "keyDown", key, code: key });
    await this.send("Input.dispatchKeyEvent", { type: "keyUp", key, code: key });
  }

  // Sets what an input or a text area holds, as typing would.
  type(selector, text) {
    return this.value(`(() => { const e = document.querySelector(${JSON.stringify(selector)}); e.value = ${JSON.stringify(text)}; e.dispatchEvent(new Event("input", { bubbles: true })); e.dispatchEvent(new Event("change", { bubbles: true })); })()`);
  }

  async screenshot(file, width = 1280, height = 900) {
    await this.send("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: 1, mobile: false });
    const full = await this.value("document.documentElement.scrollHeight");
    const clip = { x: 0, y: 0, width, height: Math.min(full, 2400), scale: 1 };
    const { data } = await this.send("Page.captureScreenshot", { format: "png", clip, captureBeyondViewport: true });
    writeFileSync(file, Buffer.from(data, "base64"));
  }
}
