#!/usr/bin/env python3
"""What does a fit cost beside SciPy's curve_fit?

The same models and data go to `dmci fit`, with its default options, and to `curve_fit`, with its own, from
the same start; processor time and peak memory come out as a Markdown table.

    cargo build --release && cargo build --release --example fit_many
    python3 benches/beside_scipy.py [target/release/dmci] [--rounds 3] [--only rows5,rows2,enso,small]

The binary may also be named by DMCI_BINARY. Without NumPy and SciPy nothing is measured, and that is told.

Invariants:
- Both sides run as processes of their own, in turn, in one run: processor time is user and system time of
  all threads, memory is the peak of what was resident.
- SciPy's time is that of `curve_fit` alone; dmci's is that of the whole process, reading the file included.
  What SciPy's whole process takes stands beside it.
- This process holds no data: a process that it starts would inherit its peak memory.
"""

import argparse
import json
import math
import os
import re
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

ROWS5 = """(param a 0.5) (param b 1.0) (param c 1.0) (param d 0.3) (param e 0.2)
(observe y (+ a (* b u) (* c v) (exp (* d w)) (* e (sin (* 1.2 u)))))
"""
ROWS2 = """(param a 1.0) (param b 0.5)
(observe y (* a (exp (- (* b x)))))
"""


# ---- what both fit -----------------------------------------------------------------------------


def rows5(u, v, w):
    import numpy as np

    f = lambda _, a, b, c, d, e: a + b * u + c * v + np.exp(d * w) + e * np.sin(1.2 * u)
    return f, [0.5, 1.0, 1.0, 0.3, 0.2]


def rows2(x):
    import numpy as np

    return lambda _, a, b: a * np.exp(-b * x), [1.0, 0.5]


def enso(x):
    import numpy as np

    def cycle(period, of_cosine, of_sine):
        angle = 2 * np.pi * x / period
        return of_cosine * np.cos(angle) + of_sine * np.sin(angle)

    def f(_, b1, b2, b3, b4, b5, b6, b7, b8, b9):
        return b1 + cycle(12, b2, b3) + cycle(b4, b5, b6) + cycle(b7, b8, b9)

    return f, [11, 3, 0.5, 40, -0.7, -1.3, 25, -0.3, 1.4]


def make_rows5(path):
    """Writes 10^5 rows of u, v, w, y; the noise is the same each time."""
    import numpy as np

    row = np.arange(100_000)
    u, v, w, noise = (np.sin(k * row) for k in (1.3, 1.7, 2.3, 97.1))
    y = 1 + 2 * u - v + np.exp(0.5 * w) + 0.3 * np.sin(1.2 * u) + 0.05 * noise
    np.savetxt(path, np.stack([u, v, w, y], 1), "%.17g", ",", header="u,v,w,y", comments="")


def make_rows2(path):
    """Writes 10^6 rows of x, y."""
    import numpy as np

    row = np.arange(1_000_000)
    x = row / 200_000
    y = 2.5 * np.exp(-0.8 * x) + 0.05 * np.sin(97.1 * row)
    np.savetxt(path, np.stack([x, y], 1), "%.17g", ",", header="x,y", comments="")


# Of each case: what it is, how the data are made, the model's text or file, SciPy's model, its columns.
CASES = {
    "rows5": ("10^5 rows x 5 params", make_rows5, ROWS5, rows5, ("u", "v", "w")),
    "rows2": ("10^6 rows x 2 params", make_rows2, ROWS2, rows2, ("x",)),
    "enso": ("NIST's ENSO, 168 x 9", "examples/nist/ENSO.csv", "examples/nist/ENSO.scm", enso, ("x",)),
}


def small_fits(seconds=3.0):
    """Fits a second of processor time: 200 rows, four params, as in `examples/fit_many.rs`."""
    import numpy as np
    from scipy.optimize import curve_fit

    rows, tables = 200, 50
    row = np.arange(rows)
    x = row / 40
    f = lambda x, a, b, c, d: d + a * np.exp(-b * x) * np.cos(c * x)
    noise = lambda table: 0.05 * np.sin(97.1 * (row + rows * table))
    data = [f(x, 2.5, 0.8, 2.0, 0.3) + noise(table) for table in range(tables)]
    curve_fit(f, x, data[0], p0=[1, 0.5, 1.8, 0.1])
    start, count = time.process_time(), 0
    while time.process_time() - start < seconds:
        curve_fit(f, x, data[count % tables], p0=[1, 0.5, 1.8, 0.1])
        count += 1
    return count / (time.process_time() - start)


# ---- SciPy's side, in a process of its own -------------------------------------------------------


def scipy_side(case, path):
    """Fits a case's data; prints processor time and the sum of squares as JSON."""
    import numpy as np
    from scipy.optimize import curve_fit

    if case == "small":
        print(json.dumps({"rate": small_fits()}))
        return
    with open(path, encoding="utf-8") as file:
        names = file.readline().strip().split(",")
    data = np.loadtxt(path, delimiter=",", skiprows=1)
    columns = {name: np.ascontiguousarray(data[:, at]) for at, name in enumerate(names)}
    model, start_values = CASES[case][3](*(columns[name] for name in CASES[case][4]))
    y = columns["y"]
    start = time.process_time()
    found, _ = curve_fit(model, y, y, p0=start_values)
    seconds = time.process_time() - start
    sse = float(np.sum((model(None, *found) - y) ** 2))
    print(json.dumps({"seconds": seconds, "sse": sse}))


# ---- measuring -----------------------------------------------------------------------------------


def measured(command):
    """Runs a command: its standard output, processor seconds and peak memory in MB."""
    environment = dict(os.environ, OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1", OMP_NUM_THREADS="1")
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen(command, stdout=out, stderr=err, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        if process.returncode:
            sys.exit(f"{' '.join(command)} failed: {err.read().decode(errors='replace').strip()}")
        # Of kilobytes on Linux, of bytes on macOS.
        unit = 1e6 if sys.platform == "darwin" else 1e3
        return out.read().decode(), usage.ru_utime + usage.ru_stime, usage.ru_maxrss / unit


def itself(*arguments):
    return [sys.executable, os.path.abspath(__file__), *arguments]


def compare(case, binary, folder, rounds):
    """A row of the table."""
    title, data, model, _, _ = CASES[case]
    if callable(data):
        path, program = os.path.join(folder, case + ".csv"), os.path.join(folder, case + ".scm")
        measured(itself("--make", case, path))
        with open(program, "w", encoding="utf-8") as file:
            file.write(model)
    else:
        path, program = os.path.join(ROOT, data), os.path.join(ROOT, model)
    ours, theirs = [], []
    for _ in range(rounds):
        out, seconds, peak = measured([binary, "fit", program, path, "--json", "--quiet"])
        ours.append((seconds, peak, json.loads(out)["sse"]))
        out, seconds, peak = measured(itself("--scipy", case, path))
        fit = json.loads(out)
        theirs.append((fit["seconds"], peak, fit["sse"], seconds))
    best, best_of_scipy = min(ours), min(theirs)
    ratio = best[0] / best_of_scipy[0]
    sums = f"{best[2]:.6g}" if math.isclose(best[2], best_of_scipy[2], rel_tol=1e-6) else (
        f"{best[2]:.6g}, SciPy {best_of_scipy[2]:.6g}"
    )
    print(
        f"| {title} | {best[0]:.3g} s | {best[1]:.0f} MB | {best_of_scipy[0]:.3g} s "
        f"| {best_of_scipy[3]:.3g} s | {best_of_scipy[1]:.0f} MB | {ratio:.2f} | {sums} |",
        flush=True,
    )


def compare_small(binary):
    """Fits a second on each side, as a line of text."""
    example = os.path.join(os.path.dirname(binary), "examples", "fit_many")
    if not os.path.exists(example):
        print(f"skipped: no {example}; cargo build --release --example fit_many")
        return
    out, _, _ = measured([example])
    rate = float(re.match(r"\d+", out).group())
    theirs = json.loads(measured(itself("--scipy", "small", "-"))[0])["rate"]
    print(
        f"200 rows x 4 params, one start: {rate:.0f} fits a second of processor time, SciPy {theirs:.0f} "
        f"({rate / theirs:.2f} times as many)"
    )


def main():
    if len(sys.argv) == 4 and sys.argv[1] == "--make":
        CASES[sys.argv[2]][1](sys.argv[3])
        return
    if len(sys.argv) == 4 and sys.argv[1] == "--scipy":
        scipy_side(sys.argv[2], sys.argv[3])
        return
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    release = os.environ.get("DMCI_BINARY", os.path.join(ROOT, "target", "release", "dmci"))
    parser.add_argument("binary", nargs="?", default=release, help="dmci to time; or DMCI_BINARY")
    parser.add_argument("--rounds", type=int, default=3, help="the best of so many is told")
    parser.add_argument("--only", default="rows5,rows2,enso,small", help="cases, with commas")
    options = parser.parse_args()
    cases = options.only.split(",")
    for case in cases:
        if case not in [*CASES, "small"]:
            parser.error(f"`{case}` is no case; there are {', '.join([*CASES, 'small'])}")
    if options.rounds < 1:
        parser.error("--rounds: at least 1")
    if not os.path.exists(options.binary):
        parser.error(f"{options.binary}: not there; cargo build --release makes it")
    binary = os.path.abspath(options.binary)
    asked = subprocess.run(
        [sys.executable, "-c", "import numpy, scipy.optimize"], capture_output=True, text=True
    )
    if asked.returncode:
        reason = (asked.stderr.strip().splitlines() or ["it does not start"])[-1]
        print(f"skipped: no NumPy or no SciPy in {sys.executable} ({reason}); pip install scipy")
        return
    if any(case != "small" for case in cases):
        print("| case | dmci | peak | SciPy, the fit alone | its process | peak | ratio | sum of squares |")
        print("|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for case in cases:
            if case != "small":
                compare(case, binary, folder, options.rounds)
    if "small" in cases:
        compare_small(binary)


if __name__ == "__main__":
    main()
