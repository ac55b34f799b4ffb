"""Programs in, exact gradients of their constants out.

>>> import dmci
>>> m = dmci.Model("(* a (exp (* (- b) x)))")
>>> m(a=2.5, b=0.8, x=0.0)
2.5
>>> value, gradient = m.value_and_grad(("a", "b"), a=2.5, b=0.8, x=0.0)
>>> gradient
{'a': 1.0, 'b': -0.0}

`Model` is a program, `Model.fit` fits its params to a table. Inputs broadcast as NumPy's do; what a program
takes as a vector or matrix is given as `vector(x)` or `matrix(x)`, and a list of the language is a Python list.
"""

from __future__ import annotations

import os
from typing import Any

from dmci import _dmci
from dmci._dmci import (
    Array,
    DmciError,
    Estimates,
    Fit,
    Interpreter,
    LogDensity,
    Model,
    Registry,
    verify,
)
from dmci._executors import evaluate_many
from dmci._results import Certificate, Profile

__version__: str = _dmci.VERSION

__all__ = [
    "Array",
    "Certificate",
    "DmciError",
    "Estimates",
    "Fit",
    "Interpreter",
    "LogDensity",
    "Model",
    "Profile",
    "Registry",
    "evaluate_many",
    "evaluate_program",
    "load",
    "load_ipython_extension",
    "matrix",
    "vector",
    "verify",
]

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_dmci._after_fork)


def vector(x: Any) -> Array:
    """An array whose last axis is a vector of the program; the axes before it, if any, broadcast."""
    return Array(x, 1)


def matrix(x: Any) -> Array:
    """An array whose last two axes are a matrix of the program; the axes before them, if any, broadcast."""
    return Array(x, 2)


def load(path: str | os.PathLike[str]) -> Interpreter:
    """The interpreter that an `.ncg` file holds.

    Raises `DmciError` where the file is missing, damaged, or holds no interpreter.
    """
    return Interpreter.load(path)


def evaluate_program(interpreter: Interpreter | None, source: str, /, **inputs: Any) -> Any:
    """The value of a program that is run once by an interpreter; by the package's own where that is None.

    An array of one axis is a vector here, one of two a matrix, and a list a list: nothing broadcasts.
    Raises `DmciError` where the program fails.
    """
    return (Interpreter() if interpreter is None else interpreter).evaluate(source, **inputs)


def load_ipython_extension(ipython: Any) -> None:
    """What `%load_ext dmci` does: the cell magic `%%dmci name` makes a model of the cell."""
    from dmci._magic import register

    register(ipython)
