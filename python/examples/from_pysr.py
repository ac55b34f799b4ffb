"""One task, the formula behind 100 rows of five columns, as PySR has it and as `dmci search` does.

The task is that of PySR's own first example. What is not installed is left out. Each line says the formula that was
found and its mean squared error; what dmci found is a program, which is exported and fitted as any other.

    python python/examples/from_pysr.py [dmci]

The search is the command's: it is looked for under the name that is given, or in DMCI_BINARY, or on the path.
"""

from __future__ import annotations

import csv
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import numpy as np

import dmci

rng = np.random.default_rng(0)
X = rng.normal(size=(100, 5))
y = 2.5382 * np.cos(X[:, 3]) + X[:, 0] ** 2 - 0.5

TASK = """
[data]
file = "rows.csv"
target = "y"
inputs = ["x0", "x1", "x2", "x3", "x4"]
[search]
proposer = "genetic"
seed = 1
budget_evals = 100000
done = 1e-12
[grammar]
operators = ["+", "-", "*", "cos", "exp", "square"]
"""


def pysr_search() -> None:
    import pysr

    model = pysr.PySRRegressor(
        niterations=40,
        binary_operators=["+", "-", "*"],
        unary_operators=["cos", "exp", "square"],
        progress=False,
    )
    model.fit(X, y)
    error = float(np.mean((model.predict(X) - y) ** 2))
    print(f"PySR: {model.sympy()} {error:.1e}")


def dmci_search(binary: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        rows = np.column_stack([X, y])
        np.savetxt(folder / "rows.csv", rows, "%.17g", ",", header="x0,x1,x2,x3,x4,y", comments="")
        (folder / "task.toml").write_text(TASK)
        for arguments in (["search", "task.toml", "--out", "run"], ["search", "report", "run"]):
            subprocess.run([binary, *arguments], cwd=folder, check=True, capture_output=True)
        # The best of each length; the error that chose it, and its program.
        with open(folder / "run" / "front.csv", newline="") as file:
            front = list(csv.reader(file))[1:]
    program = next(row[-1] for row in front if float(row[1]) < 1e-9)
    model = dmci.Model(program)
    found = model(**{name: X[:, int(name[1:])] for name in model.inputs})
    print(f"dmci: {program} {np.mean((np.asarray(found) - y) ** 2):.1e}")
    print(model.export("latex"))


if __name__ == "__main__":
    given = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("DMCI_BINARY")
    binary = given or shutil.which("dmci")
    if binary is None:
        print("left out: the command dmci")
    else:
        dmci_search(binary)
    try:
        pysr_search()
    except ImportError as error:
        print(f"left out: {error.name}")
