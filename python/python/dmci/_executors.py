"""Work for executors: many starts of one fit, and many programs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import Executor
from typing import Any, Optional, Union

import numpy as np

from dmci import _tables
from dmci._dmci import DmciError, Interpreter, Model

__all__ = ["evaluate_many"]

# Programs and starts are sent in lots of so many: to send one takes longer than to run it.
LOT = 100


def _starts(
    source: str, options: dict[str, Any], data: Any, starts: int, seed: int, fit: dict[str, Any]
) -> tuple[float, dict[str, float]]:
    model = Model(source, **options)
    fitted = model.fit(data, starts=starts, seed=seed, threads=1, **fit)
    return fitted.value, fitted.params


def best_start(
    model: Model, data: Any, executor: Executor, starts: int, seed: int, fit: dict[str, Any]
) -> dict[str, float]:
    """The params of the best of many starts, which an executor makes in lots.

    Which lots there are depends on `starts` and `seed` alone, so the same are made on any executor.
    """
    if data is not None and not isinstance(data, (str, os.PathLike)):
        # Columns travel; frames may not.
        data = {name: np.ascontiguousarray(column) for name, column in _tables.columns(data).items()}
    lots = max(1, -(-starts // LOT))
    share = -(-starts // lots)
    source, options = model.source, model.options
    futures = [
        executor.submit(_starts, source, options, data, share, seed + lot, fit) for lot in range(lots)
    ]
    found: list[tuple[float, dict[str, float]]] = []
    failed: Optional[DmciError] = None
    for future in futures:
        try:
            found.append(future.result())
        except DmciError as error:
            failed = failed or error
    if not found:
        assert failed is not None
        raise failed
    # The first of the best, so that who is quicker makes no difference.
    return min(found, key=lambda one: one[0])[1]


def _values(sources: Sequence[str], inputs: dict[str, Any]) -> list[Any]:
    interpreter = Interpreter()
    answers: list[Any] = []
    for source in sources:
        try:
            answers.append(interpreter.evaluate(source, **inputs))
        except DmciError as error:
            answers.append(error)
    return answers


def evaluate_many(
    sources: Sequence[str], /, *, executor: Union[Executor, None] = None, **inputs: Any
) -> list[Any]:
    """The value of each of many programs with the same inputs; a `DmciError` in place of one that fails.

    An executor gets them in lots of 100. Inputs are as those of `evaluate_program`.
    """
    if executor is None:
        return _values(sources, inputs)
    lots = [list(sources[at : at + LOT]) for at in range(0, len(sources), LOT)]
    futures = [executor.submit(_values, lot, inputs) for lot in lots]
    return [answer for future in futures for answer in future.result()]
