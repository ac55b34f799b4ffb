"""scikit-learn: its own checks, pipelines, cross-validation."""

import numpy as np
import pytest

import dmci

pytest.importorskip("sklearn")
from sklearn.model_selection import GridSearchCV, cross_val_score  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402
from sklearn.utils.estimator_checks import check_estimator  # noqa: E402

from dmci.sklearn import ProgramRegressor  # noqa: E402


def test_check_estimator():
    results = check_estimator(ProgramRegressor(), on_fail=None)
    failed = [one for one in results if one["status"] == "failed"]
    assert failed == []
    assert sum(one["status"] == "passed" for one in results) > 30


def test_pipeline_and_cross_validation(rng):
    x = rng.uniform(0, 3, (120, 1))
    y = 2.5 * np.exp(-0.8 * x[:, 0]) + rng.normal(scale=0.01, size=120)
    decay = ProgramRegressor("(param a 1) (param b 1) (* a (exp (* (- b) x0)))")
    assert cross_val_score(decay, x, y, cv=4).min() > 0.99
    fitted = decay.fit(x, y)
    assert fitted.params_["b"] == pytest.approx(0.8, abs=0.02)
    assert fitted.fit_.stderr["b"] < 0.02
    line = make_pipeline(StandardScaler(), ProgramRegressor())
    assert line.fit(x, y).score(x, y) > 0.7
    search = GridSearchCV(decay, {"loss": ["squares", "huber"], "starts": [1, 4]}, cv=3).fit(x, y)
    assert search.best_score_ > 0.99


def test_frames(rng):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"time (s)": np.arange(10.0), "y": np.ones(10)})
    model = ProgramRegressor("(param k 1) (* k |time (s)| y)").fit(frame, 3 * np.arange(10.0))
    assert model.params_["k"] == pytest.approx(3)
    np.testing.assert_allclose(model.predict(frame), 3 * np.arange(10.0), atol=1e-9)


def test_a_program_at_fault():
    with pytest.raises(dmci.DmciError, match="no-such"):
        ProgramRegressor("(param k 1) (* k no-such)").fit([[1.0], [2.0]], [1.0, 2.0])
