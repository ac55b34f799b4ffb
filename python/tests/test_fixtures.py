"""What this version wrote is read by later ones: these files are never edited."""

import json
import pathlib
import pickle

import numpy as np
import pytest

import dmci

FIXTURES = pathlib.Path(__file__).parent / "fixtures"


def test_a_pickled_model():
    model = pickle.loads((FIXTURES / "model-0.1.0.pickle").read_bytes())
    assert model.source == "(param k 2.0) (* k (dot v v))"
    assert model.options["arrays"] == {"v": 1} and model.options["threads"] == 2
    assert model(v=np.array([1.0, 2.0])) == 10.0


def test_a_fit_in_json():
    text = (FIXTURES / "fit-0.1.0.json").read_text()
    model = dmci.Model("(param a 1.0) (param b 0.0) (observe y (+ b (* a x)))")
    estimates = dmci.Estimates.from_json(text, model)
    told = {param["name"]: param["estimate"] for param in json.loads(text)["params"]}
    assert estimates.params == told
    assert estimates.predict({"x": np.array([10.0])})[0] == pytest.approx(10 * told["a"] + told["b"])
    again = pickle.loads(pickle.dumps(estimates))
    assert again.params == told and again.to_json() == text


def test_a_pickled_fit():
    fit = pickle.loads((FIXTURES / "fitted-0.1.0.pickle").read_bytes())
    assert fit.params == pytest.approx({"a": 1.94, "b": 1.09}) and fit.converged
    assert fit.predict({"x": np.array([10.0])})[0] == pytest.approx(20.49)
    np.testing.assert_allclose(fit.residuals, [-0.01, 0.13, -0.23, 0.11], atol=1e-9)
