// The engine's module of WebAssembly: how texts go in and out of its memory. Pages, tests and the bench
// call it by this.
//
// Invariants
// - A call copies its text to room that the engine gives, and the answer out before the next call.
// - A trap ends nothing: the call gets an error of kind "internal", and a fresh instance goes on.

const ENCODER = new TextEncoder();
const DECODER = new TextDecoder();

export class Abi {
  // `goOn(steps, ended, starts, best)` hears how far a fit is, and says whether it is to go on; `clock()`
  // gives milliseconds.
  constructor(module, goOn = () => true, clock = () => performance.now()) {
    this.module = module;
    this.goOn = goOn;
    this.clock = clock;
    this.begin();
  }

  begin() {
    const host = {
      now: () => this.clock(),
      go_on: (...progress) => Number(this.goOn(...progress)),
    };
    this.library = new WebAssembly.Instance(this.module, { host }).exports;
  }

  // Calls `answer` or `ask` with a text; gives the text that it gives.
  call(name, text) {
    try {
      return this.callOnce(name, text);
    } catch (trap) {
      this.begin();
      return JSON.stringify({ error: { kind: "internal", message: String(trap), shown: String(trap) } });
    }
  }

  callOnce(name, text) {
    const { library } = this;
    const bytes = ENCODER.encode(text);
    const at = library.room(bytes.length) >>> 0;
    new Uint8Array(library.memory.buffer, at, bytes.length).set(bytes);
    const told = library[name](at, bytes.length) >>> 0;
    // The memory may have grown, and then it is another buffer.
    return DECODER.decode(new Uint8Array(library.memory.buffer, told, library.length()));
  }
}
