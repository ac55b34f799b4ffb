"""What calls cost beside `jax.jit`, SciPy and the library from C: medians, in one run.

    python benches/ratios.py [--quick] [--wheel FILE] [--library FILE]

Each line has a figure, what it is beside, the ratio, what that is to be at the most, and whether it is. What cannot
be had here is skipped, with the reason. Times are in microseconds. `--library` is what `cargo build --release
--package dmci-c` makes, `--wheel` what `maturin build --release` does.

Whoever else uses the machine makes figures of two threads worse, and those of JAX, which hands its work to another
thread from some hundred lanes on: its times fall into two heaps then, three apart, whichever processor it is on.
"""

import argparse
import ctypes
import os

# Neither may use more threads than the other.
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")

import pathlib
import signal
import statistics
import subprocess
import sys
import threading
import time
import warnings

import numpy as np

import dmci

parser = argparse.ArgumentParser()
parser.add_argument("--quick", action="store_true")
parser.add_argument("--wheel", type=pathlib.Path)
parser.add_argument("--library", type=pathlib.Path)
options = parser.parse_args()
ROUNDS = 7 if options.quick else 25


def timed(run, least=2e-3):
    """How long one call takes, in microseconds: the time of as many as take 2 ms or more, by their number, after one
    that finds memory as others left it."""
    run()
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


def told(what, ours, theirs=None, most=None, least=None):
    figure = ours if theirs is None else ours / theirs
    line = f"{what:<58} {ours:12.2f}"
    line += f" {theirs:12.2f} {figure:8.2f}" if theirs is not None else " " * 22
    if most is not None:
        line += f"  ≤ {most}: {'met' if figure <= most else 'not met'}"
    if least is not None:
        line += f"  ≥ {least}: {'met' if figure >= least else 'not met'}"
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
        lambda: one.value_and_grad(wrt, a=2.5, b=0.8, x=1.5),
        lambda: jax.block_until_ready(alone(2.5, 0.8, 1.5)),
    )
    told("value and gradient, 1 lane", ours, theirs, 0.35)
    for n, most in ((1000, 0.25), (1_000_000, 1.0)):
        x = lanes[n]
        ours, theirs = beside(
            lambda: one.value_and_grad(wrt, a=2.5, b=0.8, x=x),
            lambda: jax.block_until_ready(many(2.5, 0.8, x)),
        )
        told(f"value and gradient, {n} lanes", ours, theirs, most)

    from dmci.jax import function

    f = function(one)
    within = jax.jit(lambda a, b, x: f(a=a, b=b, x=x))
    plain = jax.jit(decay)
    for n in (1, 1000, 1_000_000):
        x = lanes[1_000_000][:n].copy()
        ours, theirs = beside(
            lambda: jax.block_until_ready(within(2.5, 0.8, x)),
            lambda: jax.block_until_ready(plain(2.5, 0.8, x)),
        )
        told(f"called by XLA in jax.jit, {n} lanes", ours, theirs, 1.5)



class Lane(ctypes.Structure):
    """`dmci_lane`."""

    _fields_ = [("each", ctypes.c_void_p), ("shared", ctypes.c_double)]


def native_sum(path, x):
    """What sums the values of the lanes and their derivatives, called from C."""
    library = ctypes.CDLL(str(path))
    library.dmci_last_error_message.restype = ctypes.c_char_p

    def call(name, *arguments):
        if getattr(library, name)(*arguments):
            raise RuntimeError(f"{name}: {library.dmci_last_error_message().decode()}")

    interpreter, model, evaluator = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_void_p()
    size = ctypes.c_size_t
    call("dmci_interpreter_new", ctypes.byref(interpreter))
    call("dmci_model_new", interpreter, m.source.encode(), None, 0, ctypes.byref(model))
    names, wrt = (ctypes.c_char_p * 3)(b"a", b"b", b"x"), (ctypes.c_char_p * 2)(b"a", b"b")
    call("dmci_evaluator_new", model, None, names, size(3), wrt, size(2), None, ctypes.byref(evaluator))
    call("dmci_evaluator_threads", evaluator, size(1))
    inputs = (Lane * 3)(Lane(None, 2.5), Lane(None, 0.8), Lane(x.ctypes.data, 0.0))
    total, gradient = ctypes.c_double(), (ctypes.c_double * 2)()

    def run():
        call("dmci_evaluator_sum", evaluator, inputs, size(3), size(len(x)), ctypes.byref(total), gradient, size(2))
        return total.value, list(gradient)

    return run


x = lanes[1_000_000]
if options.library is None:
    skipped("vjp of 1000000 lanes, beside the library's sum", "--library says where libdmci_c.so is")
else:
    summed = native_sum(options.library, x)
    found = one.vjp(1.0, ("a", "b"), a=2.5, b=0.8, x=x)
    np.testing.assert_allclose([found["a"], found["b"]], summed()[1], rtol=1e-9)
    ours, theirs = beside(lambda: one.vjp(1.0, ("a", "b"), a=2.5, b=0.8, x=x), summed)
    told("vjp of 1000000 lanes, beside the library's sum", ours, theirs, 1.2)

x = lanes[100_000]


def in_threads(count):
    def work():
        # As many as make what it takes to begin a thread not count.
        for _ in range(100):
            one(a=2.5, b=0.8, x=x)

    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if len(os.sched_getaffinity(0)) < 2 if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1) < 2:
    skipped("two threads of Python, 100000 lanes each, times one", "one processor")
else:
    alone, both_at_once = beside(lambda: in_threads(1), lambda: in_threads(2))
    told("two threads of Python, 100000 lanes each, times one", 2 * alone / both_at_once, least=1.6)

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
told("import, ms more than NumPy", ours - theirs, most=20)


def interrupted_after():
    """How long after Ctrl-C a fit of a minute and more gives the best so far, in ms."""
    x = np.linspace(0, 10, 1_900)
    y = np.sin(1.3 * x) * np.exp(-0.2 * x) + rng.normal(scale=0.1, size=x.size)
    wave = dmci.Model(
        "(param a 1.0) (param b 1.0) (param c 0.1) (param d 0.0) (observe y (* a (exp (* (- c) x)) (sin (+ d (* b x)))))"
    )
    pressed = []

    def press():
        pressed.append(time.perf_counter())
        signal.raise_signal(signal.SIGINT) if os.name == "nt" else os.kill(os.getpid(), signal.SIGINT)

    timer = threading.Timer(1.0, press)
    timer.start()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = wave.fit({"x": x, "y": y}, starts=100_000, all_starts=True)
    late = time.perf_counter() - pressed[0]
    assert fit.interrupted
    return late * 1e3


signal.signal(signal.SIGINT, signal.default_int_handler)
late = statistics.median(interrupted_after() for _ in range(3 if options.quick else 5))
told("ms from Ctrl-C to the best so far of a long fit", late, most=200)

if options.wheel is None:
    skipped("the wheel, MB", "--wheel says where it is")
else:
    told("the wheel, MB", options.wheel.stat().st_size / 1e6, most=8)
