"""The examples do what they say: the notebook, the page for those who come from elsewhere, and the scripts."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

EXAMPLES = pathlib.Path(__file__).parent.parent / "examples"


def run(name, *arguments, timeout=300):
    environment = {**os.environ, "PYTHONWARNINGS": "ignore", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / name), *arguments],
        capture_output=True,
        text=True,
        timeout=timeout,
        env=environment,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_tutorial():
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    notebook = nbformat.read(EXAMPLES / "tutorial.ipynb", as_version=4)
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    shown = "".join(str(cell.get("outputs", "")) for cell in notebook.cells)
    assert "<table>" in shown and "def growth(x, " in shown and "is it `exp`" in shown or "exp" in shown


def test_coming_from_elsewhere():
    pytest.importorskip("scipy")
    told = run("from_elsewhere.py")
    print(told)
    lines = dict(re.findall(r"^(\S+): (.*)$", told, re.M))
    assert {"SciPy", "dmci"} <= set(lines)
    assert len(set(lines.values())) == 1, told


def test_coming_from_pysr():
    built = EXAMPLES.parent.parent / "target" / "release" / "dmci"
    binary = os.environ.get("DMCI_BINARY") or shutil.which("dmci") or (built if built.exists() else None)
    if binary is None:
        pytest.skip("the command dmci is not there; DMCI_BINARY names it")
    told = run("from_pysr.py", str(binary))
    found = re.search(r"^dmci: (.*) (\S+)$", told, re.M)
    assert "cos" in found[1] and float(found[2]) < 1e-9, told


@pytest.mark.parametrize("library", ["ray", "dask"])
def test_workers_that_are_killed(library):
    pytest.importorskip(library if library == "ray" else "distributed")
    told = run(f"on_{library}.py")
    assert "the same as alone" in told, told


def test_sampling_lynx_and_hare():
    pytest.importorskip("blackjax")
    told = run("sample_lynx_hare.py", "--short", timeout=900)
    assert "alpha" in told, told
