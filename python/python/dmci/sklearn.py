"""Programs in scikit-learn: `ProgramRegressor`. Needs scikit-learn: `pip install dmci[sklearn]`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Optional

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from dmci._dmci import DmciError, Estimates, Fit, Model

__all__ = ["ProgramRegressor"]


class ProgramRegressor(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """A program whose value is a prediction, fitted row by row.

    `source` is a program of params and features, such as `"(param a 1) (param b 0) (+ b (* a x0))"`. Features
    are called as the columns of a DataFrame are, or x0, x1, … otherwise. Without a source it is a straight line
    in all features. `init`, `bounds`, `fix`, `loss`, `starts` and `seed` are as those of `Model.fit`.

    After `fit` there are `fit_`, the `dmci.Fit`; `params_`, the estimates by name; `model_`; `n_features_in_`.
    A pickle keeps all but `fit_`: it predicts, and `estimates_` has the estimates with their covariances.
    Raises `DmciError` where the program is at fault or names what is neither a param nor a feature.
    """

    def __init__(
        self,
        source: Optional[str] = None,
        *,
        init: Optional[Mapping[str, float]] = None,
        bounds: Optional[Mapping[str, tuple[Optional[float], Optional[float]]]] = None,
        fix: Optional[Mapping[str, Optional[float]]] = None,
        loss: str = "squares",
        starts: int = 8,
        seed: int = 0,
        threads: Optional[int] = None,
    ) -> None:
        self.source = source
        self.init = init
        self.bounds = bounds
        self.fix = fix
        self.loss = loss
        self.starts = starts
        self.seed = seed
        self.threads = threads

    def _names(self) -> list[str]:
        names = getattr(self, "feature_names_in_", None)
        if names is not None:
            return [str(name) for name in names]
        return [f"x{at}" for at in range(self.n_features_in_)]

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = super().__getstate__()
        return {name: value for name, value in state.items() if name != "fit_"}

    def fit(self, X: Any, y: Any) -> ProgramRegressor:
        """Fits the params to rows `X`, (rows, features), and targets `y`, (rows,)."""
        X, y = validate_data(self, X, y, y_numeric=True, dtype=np.float64)
        names = self._names()
        source = self.source
        if source is None:
            params = "".join(f"(param slope-{at} 0) " for at in range(len(names)))
            terms = " ".join(f"(* slope-{at} |{name}|)" for at, name in enumerate(names))
            source = f"(param intercept 0) {params}(+ intercept {terms})"
        target = "y"
        while target in names:
            target += "_"
        table = {name: X[:, at] for at, name in enumerate(names)}
        table[target] = y
        model = Model(source, threads=self.threads)
        self.fit_: Fit = model.fit(
            table,
            target=target,
            init=self.init,
            bounds=self.bounds,
            fix=self.fix,
            loss=self.loss,
            starts=self.starts,
            seed=self.seed,
        )
        self.model_ = model
        self.estimates_: Estimates = self.fit_.estimates
        self.params_: dict[str, float] = self.fit_.params
        return self

    def predict(self, X: Any) -> npt.NDArray[np.float64]:
        """The predictions of rows `X`, (rows, features): (rows,)."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=np.float64)
        table = {name: X[:, at] for at, name in enumerate(self._names())}
        found = self.estimates_.predict(table)
        if isinstance(found, dict):
            raise DmciError("a regressor predicts one column")
        return found
