#!/usr/bin/env python3
"""What do value and gradient of the register machine cost in JAX?

`benches/machine.rs` gives a file of weights, states and wanted numbers; times and gradients come out as
JSON. The arithmetic is that of `examples/register_machine/machine.scm`, with tables as dense tensors and
`lax.scan` over the steps, compiled once; `vmap` makes the lanes.

    DMCI_PYTHON=python3 cargo bench --bench machine

Without JAX, {"skipped": reason} comes out.

Invariants:
- One thread, and compiling is not counted; times are the processor's, of the whole process.
- The results are waited for before the clock is read.
"""

import json
import os
import sys
import time

os.environ.setdefault(
    "XLA_FLAGS",
    "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
)
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("JAX_PLATFORMS", "cpu")

try:
    import jax
    import jax.numpy as jnp
except ImportError as error:
    print(json.dumps({"skipped": f"this Python has no JAX ({error})"}))
    sys.exit(0)

jax.config.update("jax_enable_x64", True)


def table(base, f):
    """T[k, i, j]: whether f(i, j) is k."""
    import numpy as np

    t = np.zeros((base, base, base))
    for i in range(base):
        for j in range(base):
            t[f(i, j) % base, i, j] = 1.0
    return t


def loss_of(case, kind):
    base = len(case["memory"][0])
    tables = jnp.stack(
        [
            table(base, f)
            for f in (
                lambda i, j: i + j,
                lambda i, j: i - j,
                max,
                min,
                lambda i, j: i % j if j else i,
            )
        ]
    ).astype(kind)
    # Dense tables are the fastest here: gathers take three times as long, one product of matrices six.
    steps, floor = case["steps"], case["floor"]

    def one(weights, registers, memory, wanted):
        f_of, r1_of, r2_of, r3_of, label_of = [jax.nn.softmax(w, axis=-1) for w in weights]
        zero = jnp.zeros(base, kind).at[0].set(1.0)

        def step(state, _):
            registers, memory, line, halted = state
            f = line @ f_of
            a = (line @ r1_of) @ registers
            b = (line @ r2_of) @ registers
            to = line @ r3_of
            pairs = jnp.einsum("tkij,i,j->tk", tables, a, b)
            results = jnp.concatenate(
                [
                    jnp.stack([zero, jnp.roll(a, 1), jnp.roll(a, -1)]),
                    pairs,
                    (a @ memory)[None],
                ]
            )
            result = f[1:10] @ results
            alive = jnp.where(halted > 0.99, 0.0, 1.0 - halted).astype(kind)
            following = jnp.roll(line, 1)
            jumps = f[11] * a[0]
            new_line = line + alive * (following + jumps * (line @ label_of - following) - line)
            new_registers = registers + (alive * to)[:, None] * (
                result[None] - f[1:10].sum() * registers
            )
            new_memory = memory + (alive * f[10] * a)[:, None] * (b[None] - memory)
            return (new_registers, new_memory, new_line, halted + alive * f[12]), None

        line = jnp.zeros(len(f_of), kind).at[0].set(1.0)
        start = (registers, memory, line, jnp.zeros((), kind))
        (_, end, _, _), _ = jax.lax.scan(step, start, None, length=steps)
        asked = wanted.sum(-1)
        right = (end * wanted).sum(-1)
        return -(asked * jnp.log(right + floor + (1.0 - asked))).sum()

    def total(weights, registers, memory, wanted):
        return jax.vmap(one, (None, 0, 0, 0))(weights, registers, memory, wanted).sum()

    return jax.jit(jax.value_and_grad(total))


def measured(case, kind, times=21):
    run = loss_of(case, kind)
    weights = [jnp.asarray(w, kind) for w in case["weights"]]
    inputs = [jnp.asarray(case[name], kind) for name in ("registers", "memory", "wanted")]
    value, gradient = jax.block_until_ready(run(weights, *inputs))
    taken = []
    for _ in range(times):
        begun = time.process_time()
        value, gradient = jax.block_until_ready(run(weights, *inputs))
        taken.append(time.process_time() - begun)
    by = jnp.concatenate([g.astype(jnp.float64) for g in gradient], axis=1)
    return {
        "seconds": sorted(taken)[times // 2],
        "value": float(value),
        "gradient": by.reshape(-1).tolist(),
    }


with open(sys.argv[1], encoding="utf-8") as file:
    CASE = json.load(file)
print(json.dumps({"f32": measured(CASE, jnp.float32), "f64": measured(CASE, jnp.float64)}))
