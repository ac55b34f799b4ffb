// The engine on a thread of its own: messages in, answers out, in order.
//
// {id, name, text} is answered by {id, text}; a fit tells {id, progress} meanwhile, a few times a second.

import { Abi } from "./abi.mjs";

// How often a fit tells how far it is, in milliseconds.
const OFTEN = 60;

let abi, stop, id;
let told = 0;

function goOn(steps, ended, starts, best) {
  const now = performance.now();
  if (now - told > OFTEN) {
    told = now;
    postMessage({ id, progress: { steps, ended, starts, best } });
  }
  return !stop || Atomics.load(stop, 0) === 0;
}

onmessage = ({ data }) => {
  if (data.module) {
    stop = data.stop && new Int32Array(data.stop);
    abi = new Abi(data.module, goOn);
    return;
  }
  id = data.id;
  postMessage({ id, text: abi.call(data.name, data.text) });
};
