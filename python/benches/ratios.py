"""What calls cost beside `jax.jit`, SciPy and the command line's library: medians, in one run.

    python benches/ratios.py [--quick]

Each line has a figure, what it is beside, and the ratio with what it is to be at the most. What cannot be had
here is skipped, with the reason. Times are in microseconds.
"""

import os

# Neither may use more threads than the other.
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")

import statistics
import subprocess
import sys
import threading
import time

import numpy as np

import dmci

QUICK = "--quick" in sys.argv
ROUNDS = 7 if QUICK else 25


def timed(run, least=2e-3):
    """How long one call takes, in microseconds: the time of as many as take 2 ms or more, by their number."""
    count = 1
    while True:
        begin = time.perf_counter()
        for _ in range(count):
            run()
        took = time.perf_counter() - begin
        if took >= least:
            return took / count * 1e6
        count = max(count * 2, int(count * least / max(took, 1e-7)))


def beside(*runs):
    """The medians of several, taken in turn."""
    for run in runs:
        run()
    rounds = [[timed(run) for run in runs] for _ in range(ROUNDS)]
    return [statistics.median(column) for column in zip(*rounds)]


def told(what, ours, theirs=None, most=None):
    line = f"{what:<58} {ours:12.2f}"
    if theirs is not None:
        line += f" {theirs:12.2f} {ours / theirs:8.2f}"
    if most is not None:
        reached = ours / theirs if theirs is not None else ours
        line += f"  ({'≤' if reached <= most else '>'} {most})"
    print(line, flush=True)


def skipped(what, why):
    print(f"{what:<58} skipped: {why}", flush=True)


m = dmci.Model("(* a (exp (* (- b) x)))")
one = dmci.Model("(* a (exp (* (- b) x)))", threads=1)
rng = np.random.default_rng(20261129)
lanes = {n: rng.uniform(0, 2, n) for n in (1000, 100_000, 1_000_000)}

print(f"{'what':<58} {'ours, µs':>12} {'theirs, µs':>12} {'ratio':>8}")
told("a call with three numbers", beside(lambda: m(a=2.5, b=0.8, x=1.5))[0], most=2.5)

try:
    import jax
except ImportError as error:
    skipped("value and gradient beside jax.jit", error)
else:
    jax.config.update("jax_enable_x64", True)
    jnp = jax.numpy

    def decay(a, b, x):
        return a * jnp.exp(-b * x)

    both = jax.value_and_grad(decay, (0, 1))
    wrt = ("a", "b")
    alone = jax.jit(both)
    many = jax.jit(jax.vmap(both, (None, None, 0)))
    ours, theirs = beside(
        lambda: m.value_and_grad(wrt, a=2.5, b=0.8, x=1.5),
        lambda: jax.block_until_ready(alone(2.5, 0.8, 1.5)),
    )
    told("value and gradient, 1 lane", ours, theirs, 0.35)
    for n, most in ((1000, 0.25), (1_000_000, 1.0)):
        x = lanes[n]
        ours, theirs = beside(
            lambda: m.value_and_grad(wrt, a=2.5, b=0.8, x=x),
            lambda: jax.block_until_ready(many(2.5, 0.8, x)),
        )
        told(f"value and gradient, {n} lanes", ours, theirs, most)

    from dmci.jax import function

    f = function(m)
    within = jax.jit(lambda a, b, x: f(a=a, b=b, x=x))
    plain = jax.jit(decay)
    for n in (1, 1000, 1_000_000):
        x = lanes[1_000_000][:n].copy()
        ours, theirs = beside(
            lambda: jax.block_until_ready(within(2.5, 0.8, x)),
            lambda: jax.block_until_ready(plain(2.5, 0.8, x)),
        )
        told(f"in jax.jit by a callback, {n} lanes", ours, theirs, 1.5)

x = lanes[1_000_000]
ours, theirs = beside(
    lambda: m.vjp(1.0, ("a", "b"), a=2.5, b=0.8, x=x), lambda: m(a=2.5, b=0.8, x=x)
)
told("vjp of 1000000 lanes, beside their values", ours, theirs)

x = lanes[100_000]


def in_threads(count):
    def work():
        for _ in range(10):
            one(a=2.5, b=0.8, x=x)

    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


alone, both_at_once = beside(lambda: in_threads(1), lambda: in_threads(2))
print(f"{'two threads of Python, 100000 lanes each, times one':<58} {2 * alone / both_at_once:12.2f}  (≥ 1.6)")

try:
    from scipy.optimize import curve_fit
except ImportError as error:
    skipped("a fit of 200 rows beside curve_fit", error)
else:
    x = np.linspace(0, 5, 200)
    y = 2.5 * np.exp(-0.8 * x) + 0.5 + rng.normal(scale=0.02, size=200)
    model = dmci.Model("(+ c (* a (exp (* (- b) x))))")
    table, init = {"x": x, "y": y}, {"a": 1.0, "b": 1.0, "c": 0.0}
    ours, theirs = beside(
        lambda: model.fit(table, target="y", init=init, starts=1, threads=1),
        lambda: curve_fit(lambda x, a, b, c: a * np.exp(-b * x) + c, x, y, [1.0, 1.0, 0.0]),
    )
    told("a fit of three params to 200 rows, one start", ours, theirs, 2.0)


def imported(text):
    begin = time.perf_counter()
    subprocess.run([sys.executable, "-c", text], check=True)
    return time.perf_counter() - begin


rounds = [(imported("import dmci"), imported("import numpy")) for _ in range(ROUNDS)]
ours, theirs = (statistics.median(column) * 1e3 for column in zip(*rounds))
print(f"{'import, ms more than NumPy':<58} {ours - theirs:12.1f}  (≤ 20)")
