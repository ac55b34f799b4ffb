// The engine as pages have it: promises of answers from the worker.
//
// Invariants
// - The module is compiled once; a worker that was stopped is replaced by one with the same module.
// - Whoever asks gets an answer: also what was under way when the engine was stopped.

const STOPPED = { error: { kind: "stopped", message: "stopped", shown: "stopped" } };

// How long a fit may take to notice that it is to stop, in milliseconds.
const PATIENCE = 150;

export class Engine {
  constructor() {
    const url = new URL("./dmci.wasm", import.meta.url);
    this.module = WebAssembly.compileStreaming(fetch(url));
    this.waiting = new Map();
    this.next = 0;
    this.begin();
  }

  begin() {
    this.worker = new Worker(new URL("./worker.mjs", import.meta.url), { type: "module" });
    // Memory that both sides see, where the server isolates the page; elsewhere stopping ends the worker.
    this.flag = self.crossOriginIsolated ? new Int32Array(new SharedArrayBuffer(4)) : null;
    const { worker, flag } = this;
    this.ready = this.module.then((module) => worker.postMessage({ module, stop: flag?.buffer }));
    worker.onmessage = ({ data }) => {
      const waiting = this.waiting.get(data.id);
      if (data.progress) return waiting?.progress?.(data.progress);
      this.waiting.delete(data.id);
      waiting?.resolve(JSON.parse(data.text));
    };
  }

  async call(name, request, progress) {
    const id = this.next++;
    await this.ready;
    if (this.flag) Atomics.store(this.flag, 0, 0);
    return new Promise((resolve) => {
      this.waiting.set(id, { resolve, progress });
      this.worker.postMessage({ id, name, text: JSON.stringify(request) });
    });
  }

  // A line of `dmci eval --jsonl`: {value, grad} or {error}.
  answer(request) {
    return this.call("answer", request);
  }

  // What else there is to ask: {ok} or {error}.
  ask(request, progress) {
    return this.call("ask", request, progress);
  }

  // Stops what is under way. A fit gives the best that it has found, where it hears of it in time.
  async stop() {
    if (this.flag) {
      Atomics.store(this.flag, 0, 1);
      await new Promise((resolve) => setTimeout(resolve, PATIENCE));
    }
    if (this.waiting.size === 0) return;
    this.worker.terminate();
    const waiting = [...this.waiting.values()];
    this.waiting.clear();
    this.begin();
    for (const { resolve } of waiting) resolve(STOPPED);
  }
}

export const engine = new Engine();
