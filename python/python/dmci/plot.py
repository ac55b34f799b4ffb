"""Plots with matplotlib, which is an extra: `pip install dmci[plot]`."""

from __future__ import annotations

from typing import Any, Optional

import numpy as np

from dmci._dmci import Fit

__all__ = ["fit"]


def fit(fitted: Fit, x: Optional[str] = None, figure: Any = None) -> Any:
    """Observations and predictions of each observed column, above each other, against one column of the data.

    `x` is that column; without it, the first that is not observed, or else the rows. Gives the figure; in a
    figure of the caller's where one is given. Raises ImportError without matplotlib.
    """
    if figure is None:
        import matplotlib.pyplot as plt

        figure = plt.figure(layout="constrained")
    observed = fitted.columns
    others = [name for name in fitted.data_columns if name not in observed]
    along = x if x is not None else (others[0] if others else None)
    axes = figure.subplots(max(len(observed), 1), 1, sharex=True, squeeze=False)[:, 0]
    for place, name in enumerate(observed):
        numbers = fitted.column(name)
        at = fitted.column(along) if along is not None else np.arange(len(numbers), dtype=np.float64)
        fits = fitted.fitted
        predicted = fits[name] if isinstance(fits, dict) else fits
        order = np.argsort(at, kind="stable")
        axes[place].plot(at, numbers, "o", markersize=3, label="observed")
        axes[place].plot(at[order], predicted[order], "-", label="predicted")
        axes[place].set_ylabel(name)
    axes[0].legend()
    axes[-1].set_xlabel(along if along is not None else "row")
    return figure
