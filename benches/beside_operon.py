#!/usr/bin/env python3
"""What does a search for programs find and cost beside Operon?

The same data, operators, seeds and seconds of processor time go to `dmci search`, on one thread, and to
Operon (`pip install pyoperon`), on one thread: how many of its seeds found each law to rounding, and in what
time. Then: how many candidates a second of processor time each calibrates.

    cargo build --release
    python3 benches/beside_operon.py [target/release/dmci] [--seeds 3] [--seconds 5] [--only laws,rates]

The binary may also be named by DMCI_BINARY. Without pyoperon dmci's half is measured alone, and that is told.

Invariants:
- Both are processes of their own, in turn, in one run; time is user and system time. dmci's is that of the
  whole process; of Operon that of `fit` alone, without the imports.
- A law counts as found where the mean squared error at all rows is below 1e-7 of the targets' variance, which
  is what single precision, that Operon computes in, tells from zero; and as exact below 1e-18.
- A budget of evaluations ends dmci's, seconds Operon's; both end before where the error is as good as zero.
"""

import argparse
import json
import math
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


# ---- data --------------------------------------------------------------------------------------


def trajectories(slopes, starts, place):
    """Four trajectories of 100 points, 0.05 apart, by Runge and Kutta; the target is one of the slopes."""
    rows = []
    for at in starts:
        at = list(at)
        for _ in range(100):
            rows.append([*at, slopes(*at)[place]])
            for _ in range(10):
                h = 0.005
                a = slopes(*at)
                b = slopes(*(x + h / 2 * k for x, k in zip(at, a)))
                c = slopes(*(x + h / 2 * k for x, k in zip(at, b)))
                d = slopes(*(x + h * k for x, k in zip(at, c)))
                at = [x + h / 6 * (p + 2 * q + 2 * r + s) for x, p, q, r, s in zip(at, a, b, c, d)]
    return ["u", "v"], rows


def points(law, low, high, count, inputs=1, seed=7):
    drawn = random.Random(seed)
    rows = []
    for _ in range(count):
        xs = [drawn.uniform(low, high) for _ in range(inputs)]
        rows.append([*xs, law(*xs)])
    return ["u", "v", "w", "z"][:inputs], rows


def grid(law, low, high, count):
    xs = [low + (high - low) * row / (count - 1) for row in range(count)]
    return ["u"], [[x, law(x)] for x in xs]


def bacres(x, y):
    eaten = x * y / (1 + 0.5 * x * x)
    return 20 - x - eaten, 10 - eaten


def barmag(x, y):
    return 0.5 * math.sin(x - y) - math.sin(x), 0.5 * math.sin(y - x) - math.sin(y)


def glider(x, y):
    return -0.05 * x * x - math.sin(y), x - math.cos(y) / x


def lotka(x, y):
    return 3 * x - 2 * x * y - x * x, 2 * y - x * y - y * y


def predprey(x, y):
    return x * (4 - x - y / (1 + x)), y * (x / (1 + x) - 0.075 * y)


def vdp(x, y):
    return 10 * (y - (x * x * x - x) / 3), -x / 10


sin, cos, log, sqrt = math.sin, math.cos, math.log, math.sqrt

# Name, data: D, Coulomb, bacres1, then six more of Strogatz' systems and Nguyen's.
LAWS = [
    ("a sin(bx) + c x^2", lambda: grid(lambda x: 2 * sin(3 * x) + 0.5 * x * x, 0.5, 3, 20)),
    ("Coulomb", lambda: points(lambda a, b, e, r: a * b / (4 * math.pi * e * r * r), 1, 5, 200, 4)),
    ("bacres1", lambda: trajectories(bacres, [(5, 10), (10, 5), (2, 14), (15, 3)], 0)),
    ("bacres2", lambda: trajectories(bacres, [(5, 10), (10, 5), (2, 14), (15, 3)], 1)),
    ("barmag1", lambda: trajectories(barmag, [(0.3, 2.5), (2, 0.5), (4, 1), (5.5, 3)], 0)),
    ("glider1", lambda: trajectories(glider, [(2, 0.5), (3, 1), (1.5, 2), (4, 0)], 0)),
    ("lv1", lambda: trajectories(lotka, [(1, 0.3), (0.5, 1.5), (3, 1), (2, 2)], 0)),
    ("predprey1", lambda: trajectories(predprey, [(1, 3), (2, 8), (3, 1), (0.5, 5)], 0)),
    ("vdp1", lambda: trajectories(vdp, [(0.5, 0.5), (2, 0), (-1, 1), (1.5, -0.5)], 0)),
    ("Nguyen 5", lambda: grid(lambda x: sin(x * x) * cos(x) - 1, -1, 1, 20)),
    ("Nguyen 6", lambda: grid(lambda x: sin(x) + sin(x + x * x), -1, 1, 20)),
    ("Nguyen 7", lambda: grid(lambda x: log(x + 1) + log(x * x + 1), 0, 2, 20)),
    ("Nguyen 10", lambda: points(lambda x, y: 2 * sin(x) * cos(y), 0, 1, 100, 2)),
]

# Both have these.
OURS = ["+", "-", "*", "/", "sin", "cos", "exp", "log", "square", "sqrt"]
THEIRS = "add,sub,mul,div,sin,cos,exp,log,square,sqrt,constant,variable"


def written(folder, data):
    names, rows = data
    path = os.path.join(folder, "data.csv")
    with open(path, "w", encoding="utf-8") as file:
        file.write(",".join([*names, "y"]) + "\n")
        for row in rows:
            file.write(",".join(repr(float(x)) for x in row) + "\n")
    return path, names, rows


def variance(rows):
    return statistics.pvariance([row[-1] for row in rows])


# ---- dmci --------------------------------------------------------------------------------------


def dmci(binary, folder, names, search):
    """Loss, candidates, evaluations and seconds of processor time of a search."""
    task = os.path.join(folder, "task.toml")
    run = os.path.join(folder, "run")
    subprocess.run(["rm", "-rf", run], check=True)
    with open(task, "w", encoding="utf-8") as file:
        file.write(
            f"[data]\nfile = 'data.csv'\ntarget = 'y'\ninputs = {names}\nselect = 0\ntest = 0\n[search]\n{search}"
        )
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [binary, "search", "--quiet", "--threads", "1", task, "--out", run],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    told = subprocess.run(
        [binary, "search", "report", "--json", run], check=True, capture_output=True, text=True
    )
    report = json.loads(told.stdout)
    loss = report["front"][-1]["loss"]
    return loss, report["candidates"], report["evaluations"], seconds, report["front"][-1]["program"]


# ---- Operon ------------------------------------------------------------------------------------

# Its own process: memory and threads of one search are not those of the next.
OPERON = """
import json, sys, time
import numpy as np
from pyoperon.sklearn import SymbolicRegressor
asked = json.load(sys.stdin)
rows = np.asarray(asked["rows"], dtype=float)
x, y = rows[:, :-1], rows[:, -1]
model = SymbolicRegressor(n_threads=1, random_state=asked["seed"] + 1, **asked["options"])
begin = time.process_time()
model.fit(x, y)
seconds = time.process_time() - begin
error = float(np.mean((model.predict(x).ravel() - y) ** 2))
stats = model.stats_
print(json.dumps({"loss": error, "seconds": seconds, "text": model.get_model_string(model.model_, 6),
                  "stats": {k: float(v) for k, v in stats.items() if isinstance(v, (int, float))}}))
"""


def operon(rows, seed, options):
    asked = json.dumps({"rows": rows, "seed": seed, "options": options})
    told = subprocess.run([sys.executable, "-c", OPERON], input=asked, capture_output=True, text=True)
    if told.returncode:
        raise SystemExit(told.stderr)
    return json.loads(told.stdout)


def has_operon():
    told = subprocess.run([sys.executable, "-c", "import pyoperon"], capture_output=True)
    return told.returncode == 0


# ---- tables ------------------------------------------------------------------------------------


def laws(binary, folder, arguments, both):
    print("| law | dmci: found, exact | s | Operon: found, exact | s |\n|---|---|---|---|---|", flush=True)
    for name, data in LAWS:
        if arguments.law and arguments.law not in name:
            continue
        _, names, rows = written(folder, data())
        bars = [bar * variance(rows) for bar in (1e-7, 1e-18)]
        found, seconds, theirs, their_seconds = [0, 0], [], [0, 0], []
        for seed in range(arguments.seeds):
            search = (
                f"seed = {seed}\nbudget_evals = {arguments.evaluations}\n"
                f"[grammar]\noperators = {OURS}\n"
            )
            loss, *_, cpu, _ = dmci(binary, folder, names, search)
            found = [n + (loss < bar) for n, bar in zip(found, bars)]
            seconds.append(cpu)
            if both:
                told = operon(
                    rows,
                    seed,
                    {
                        "allowed_symbols": THEIRS,
                        "max_time": arguments.seconds,
                        "optimizer_iterations": 5,
                        "max_evaluations": 10**9,
                        "generations": 10**6,
                        "model_selection_criterion": "mean_squared_error",
                        "epsilon": 1e-12,
                    },
                )
                theirs = [n + (told["loss"] < bar) for n, bar in zip(theirs, bars)]
                their_seconds.append(told["seconds"])
        of = arguments.seeds
        cells = [name, f"{found[0]}, {found[1]} of {of}", f"{statistics.median(seconds):.1f}"]
        if both:
            cells += [f"{theirs[0]}, {theirs[1]} of {of}", f"{statistics.median(their_seconds):.1f}"]
        else:
            cells += ["not here", ""]
        print("| " + " | ".join(cells) + " |", flush=True)


def rates(binary, folder, arguments, both):
    print("\n| rows | starts x evaluations | dmci: candidates/s | Operon: candidates/s |\n|---|---|---|---|")
    for count in (20, 200):
        drawn = random.Random(9)
        names, rows = grid(
            lambda x: 2 * sin(3 * x) + 0.5 * x * x + 0.1 * drawn.gauss(0, 1), 0, 3, count
        )
        written(folder, (names, rows))
        for starts, each in ((1, 8), (4, 20)):
            search = (
                f"seed = 1\nbudget_evals = {arguments.evaluations}\n"
                f"[calibrate]\nstarts = {starts}\nevaluations = {each}\n"
            )
            _, candidates, _, seconds, _ = dmci(binary, folder, names, search)
            cells = [str(count), f"{starts} x {each}", f"{candidates / seconds:.0f}"]
            if both and starts == 1:
                told = operon(
                    rows,
                    1,
                    {
                        "allowed_symbols": "add,sub,mul,div,sin,exp,square,sqrt,constant,variable",
                        "optimizer_iterations": each,
                        "generations": 60,
                        "max_evaluations": 10**9,
                        "epsilon": 0.0,
                    },
                )
                stats = told["stats"]
                cells.append(f"{stats['evaluation_count'] / told['seconds']:.0f}")
            else:
                cells.append("" if both else "not here")
            print("| " + " | ".join(cells) + " |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("binary", nargs="?")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--evaluations", type=int, default=300_000)
    parser.add_argument("--only", default="laws,rates")
    parser.add_argument("--law", default="")
    arguments = parser.parse_args()
    binary = arguments.binary or os.environ.get("DMCI_BINARY")
    binary = os.path.abspath(binary or os.path.join(ROOT, "target", "release", "dmci"))
    if not os.path.exists(binary):
        raise SystemExit(f"{binary}: not there; cargo build --release, or name it")
    both = has_operon()
    if not both:
        print("Operon is not measured: pip install pyoperon\n")
    with tempfile.TemporaryDirectory() as folder:
        if "laws" in arguments.only:
            laws(binary, folder, arguments, both)
        if "rates" in arguments.only:
            rates(binary, folder, arguments, both)


if __name__ == "__main__":
    main()
