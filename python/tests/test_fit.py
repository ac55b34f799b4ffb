"""Fits: against the known answer, against scipy, against the command line's numbers."""

import io
import json
import pathlib
import signal
import threading
import time
import os

import numpy as np
import pytest

import dmci

HERE = pathlib.Path(__file__).parent
LYNX = HERE.parent.parent / "examples" / "lynx_hare"
COOLING = """(param room 20 (between 0 40)) (param rate 0.1 (> 0)) (param start 80)
(observe temp (+ room (* (- start room) (exp (- (* rate minute))))))"""
TABLE = {
    "minute": np.array([0.0, 5.0, 10.0, 15.0, 20.0, 30.0]),
    "temp": np.array([90.1, 66.4, 50.3, 40.8, 33.9, 26.8]),
}


@pytest.fixture(scope="module")
def fitted():
    return dmci.Model(COOLING).fit(TABLE, starts=8)


def test_params(fitted):
    assert fitted.converged and not fitted.interrupted
    assert fitted.params["rate"] == pytest.approx(0.0848, abs=1e-3)
    assert list(fitted.params) == ["room", "rate", "start"] == list(fitted.stderr)
    assert fitted.covar.shape == (3, 3)
    errors = np.sqrt(np.diag(fitted.covar))
    np.testing.assert_allclose(errors, list(fitted.stderr.values()), rtol=1e-12)
    low, high = fitted.intervals["rate"]
    assert low < fitted.params["rate"] < high
    np.testing.assert_allclose(fitted.fitted - TABLE["temp"], fitted.residuals, atol=1e-12)
    assert fitted.sse == pytest.approx((fitted.residuals**2).sum())
    assert fitted.model.source == COOLING
    assert "rate" in repr(fitted) and "<table>" in fitted._repr_html_()


def test_predict(fitted):
    new = fitted.predict({"minute": np.array([60.0, 600.0])})
    p = fitted.params
    expected = p["room"] + (p["start"] - p["room"]) * np.exp(-p["rate"] * np.array([60.0, 600.0]))
    np.testing.assert_allclose(new, expected, rtol=1e-12)
    mean, low, high = fitted.predict({"minute": np.array([60.0])}, interval=True)
    assert low < mean < high


def test_profile(fitted):
    profile = fitted.profile("rate")
    assert profile.shape == "two-sided" and profile.low < fitted.params["rate"] < profile.high
    assert set(fitted.profile()) == set(fitted.params)


def test_against_scipy(rng):
    optimize = pytest.importorskip("scipy.optimize")
    x = np.linspace(0, 5, 200)
    y = 2.5 * np.exp(-0.8 * x) + 0.5 + rng.normal(scale=0.02, size=200)
    f = dmci.Model("(+ c (* a (exp (* (- b) x))))").fit(
        {"x": x, "y": y}, target="y", init={"a": 1.0, "b": 1.0, "c": 0.0}, starts=1
    )
    best, covar = optimize.curve_fit(lambda x, a, b, c: a * np.exp(-b * x) + c, x, y, [1, 1, 0])
    np.testing.assert_allclose([f.params[n] for n in "abc"], best, rtol=1e-6)
    order = [list(f.params).index(n) for n in "abc"]
    np.testing.assert_allclose(f.covar[np.ix_(order, order)], covar, rtol=1e-4)


def test_sigma_fix_bounds_and_loss(rng):
    x = np.arange(20.0)
    table = {"x": x, "y": 3 * x + 1, "sd": np.full(20, 0.5)}
    line = dmci.Model("(+ c (* k x))")
    f = line.fit(table, target="y", sigma="sd", init={"k": 1.0, "c": 0.0}, starts=4)
    assert f.params["k"] == pytest.approx(3) and f.stderr["k"] == pytest.approx(
        0.5 / np.sqrt(((x - x.mean()) ** 2).sum())
    )
    held = line.fit(table, target="y", fix={"c": 2.0}, init={"k": 1.0}, starts=4)
    assert held.held == {"c": 2.0} and list(held.params) == ["k"]
    bound = line.fit(table, target="y", bounds={"k": (None, 2.0)}, init={"k": 1.0, "c": 0.0}, starts=4)
    assert bound.params["k"] == pytest.approx(2.0) and bound.warnings
    robust = dict(table, y=table["y"] + (x == 3) * 1000)
    f = line.fit(robust, target="y", init={"k": 1.0, "c": 0.0}, loss="cauchy", starts=8)
    assert f.params["k"] == pytest.approx(3, abs=1e-3)


def test_tables():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({**TABLE, "note": ["a"] * 6, "gap": [1.0, None, 1, 1, 1, 1]})
    m = dmci.Model(COOLING)
    answer = m.fit(TABLE, starts=4).params
    assert m.fit(frame, starts=4).params == answer
    structured = np.rec.fromarrays(list(TABLE.values()), names=list(TABLE))
    assert m.fit(structured, starts=4).params == answer
    assert m.fit(frame.convert_dtypes(), starts=4).params == answer
    objects = frame.assign(minute=frame["minute"].astype(object))
    assert m.fit(objects, starts=4).params == answer
    with pytest.raises(dmci.DmciError, match="two columns `temp`"):
        m.fit(pandas.concat([frame, frame["temp"]], axis=1), starts=1)
    with pytest.raises(dmci.DmciError, match="`minute` holds no numbers: it is of the type"):
        m.fit(frame.assign(minute=frame["minute"].astype(str)), starts=1)
    with pytest.raises(dmci.DmciError, match="columns of numbers are `time`, `temp`"):
        m.fit(frame.drop(columns=["gap"]).rename(columns={"minute": "time"}), starts=1)


def test_polars():
    polars = pytest.importorskip("polars")
    m = dmci.Model(COOLING)
    answer = m.fit(TABLE, starts=4).params
    assert m.fit(polars.DataFrame(TABLE), starts=4).params == answer
    frame = polars.DataFrame({**TABLE, "note": ["a"] * 6, "ok": [True] * 6})
    assert m.fit(frame, starts=4).params == answer
    gap = frame.with_columns(temp=polars.Series([90.1, None, 50.3, 40.8, 33.9, 26.8]))
    with pytest.raises(dmci.DmciError, match="NaN in row 2"):
        m.fit(gap, starts=1)
    assert np.isnan(m.fit(gap, starts=2, missing="drop").residuals[1])
    with pytest.raises(dmci.DmciError, match="`minute` holds no numbers: it is of the type String"):
        m.fit(frame.with_columns(minute=polars.Series(["a"] * 6)), starts=1)


def test_what_is_masked_is_missing():
    m = dmci.Model(COOLING)
    masked = np.ma.masked_array(np.where(TABLE["minute"] == 5, 1e9, TABLE["temp"]), mask=TABLE["minute"] == 5)
    with pytest.raises(dmci.DmciError, match="(?s)NaN in row 2.*missing=\"drop\""):
        m.fit(dict(TABLE, temp=masked), starts=1)
    gap = np.where(masked.mask, np.nan, TABLE["temp"])
    found = m.fit(dict(TABLE, temp=masked), starts=2, missing="drop").params
    assert found == m.fit(dict(TABLE, temp=gap), starts=2, missing="drop").params


def test_options_are_named_as_in_python():
    line = dmci.Model("(param k 1.0) (* k x)")
    table = {"x": [1.0, 2.0], "y": [1.0, 2.0]}
    for call, words in [
        (lambda: line.fit(table), "give `target`, the column"),
        (lambda: line.fit(table, target="y", bounds={"k": (2.0, 3.0)}), r'`init={"k": …}`'),
        (lambda: dmci.Model("(param k 1.0) (observe y (* k x))").fit(table, target="y"), "leave out `target`"),
    ]:
        with pytest.raises(dmci.DmciError) as caught:
            call()
        assert words in str(caught.value) and "--" not in caught.value.message, caught.value
    assert "--" not in "".join(dmci.Model("(param k 1.0) (* k x)").fit(table, target="y").warnings)


def test_one_start_is_the_fit_of_a_long_one(rng):
    """A fit of one start has no thread of its own unless it takes long: the numbers are the same."""
    x = np.linspace(0, 5, 200_000)
    y = 2.5 * np.exp(-0.8 * x) + 0.5 + rng.normal(scale=0.02, size=x.size)
    m = dmci.Model("(+ c (* a (exp (* (- b) x))))")
    init = {"a": 1.0, "b": 1.0, "c": 0.0}
    long = m.fit({"x": x, "y": y}, target="y", init=init, starts=1)
    limited = m.fit({"x": x, "y": y}, target="y", init=init, starts=1, timeout=600.0)
    assert long.params == limited.params and not long.interrupted and long.seconds > 0


def test_interchange():
    """A frame of the interchange protocol alone."""
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({**TABLE, "n": np.arange(6), "flag": [True] * 6, "text": list("abcdef")})
    if not hasattr(frame, "__dataframe__"):
        pytest.skip("pandas has no interchange protocol")

    class Only:
        def __dataframe__(self, *args, **kwargs):
            return frame.__dataframe__()

    from dmci._tables import columns

    found = columns(Only())
    assert set(found) >= {"minute", "temp", "n"}
    np.testing.assert_array_equal(found["temp"], TABLE["temp"])
    np.testing.assert_array_equal(found["n"], np.arange(6))


def test_gaps():
    table = dict(TABLE, temp=np.array([90.1, np.nan, 50.3, 40.8, 33.9, 26.8]))
    m = dmci.Model(COOLING)
    with pytest.raises(dmci.DmciError, match="temp"):
        m.fit(table, starts=2)
    f = m.fit(table, starts=2, missing="drop")
    assert np.isnan(f.residuals[1]) and not np.isnan(f.fitted[1])


def test_lynx_hare_to_the_bit():
    """The numbers that the command line printed: `dmci fit model.scm pelts.csv --json`."""
    fixture = HERE / "fixtures" / "lynx_hare.json"
    told = json.loads(fixture.read_text())
    m = dmci.Model((LYNX / "model.scm").read_text())
    f = m.fit(LYNX / "pelts.csv")
    assert f.params == {param["name"]: param["estimate"] for param in told["params"]}
    assert f.stderr == {param["name"]: param["std_err"] for param in told["params"]}
    assert f.covar.ravel().tolist() == told["covariance"]
    assert set(f.residuals) == set(f.columns)


def test_json(fitted):
    text = fitted.to_json()
    again = dmci.Estimates.from_json(text, fitted.model)
    assert again.params == fitted.params
    new = {"minute": np.array([7.0])}
    np.testing.assert_array_equal(again.predict(new), fitted.predict(new))
    assert json.loads(text)["schema"] == 1


def test_pickle(fitted):
    import pickle

    again = pickle.loads(pickle.dumps(fitted))
    assert again.params == fitted.params and again.stderr == fitted.stderr
    np.testing.assert_array_equal(again.covar, fitted.covar)
    np.testing.assert_array_equal(again.residuals, fitted.residuals)
    assert json.loads(again.to_json()) == {
        **json.loads(fitted.to_json()), "stats": json.loads(again.to_json())["stats"]
    }
    assert again.profile("rate").low == fitted.profile("rate").low
    new = {"minute": np.array([7.0])}
    np.testing.assert_array_equal(again.predict(new), fitted.predict(new))


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda m: m.fit(3), "table"),
        (lambda m: m.fit({}), "no column"),
        (lambda m: m.fit({"a": [1.0]}), "minute|temp"),
        (lambda m: m.fit("no such file.csv"), "no such file"),
        (lambda m: m.fit(TABLE, target="temp"), "target"),
        (lambda m: m.fit(TABLE, loss="cube"), "cube"),
        (lambda m: m.fit(TABLE, init={"rat": 1.0}), "rat"),
        (lambda m: m.fit({"minute": ["a"], "temp": [1.0]}), "minute"),
        (lambda m: m.fit({"minute": [1.0, 2.0], "temp": [1.0]}), "temp"),
        (lambda m: m.fit(TABLE, starts=10**9), "starts"),
        (lambda m: m.fit(TABLE, timeout=-1.0), "timeout"),
        (lambda m: m.fit(TABLE, timeout=0.0), "time"),
    ],
)
def test_what_does_not_fit(call, words):
    with pytest.raises(dmci.DmciError, match=words):
        call(dmci.Model(COOLING))


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers")
def test_ctrl_c_gives_the_best_so_far(rng):
    if threading.current_thread() is not threading.main_thread():
        pytest.skip("signals go to the main thread")
    x = np.linspace(0, 10, 1_900)
    y = np.sin(1.3 * x) * np.exp(-0.2 * x) + rng.normal(scale=0.1, size=x.size)
    m = dmci.Model(
        """(param a 1.0) (param b 1.0) (param c 0.1) (param d 0.0)
        (observe y (* a (exp (* (- c) x)) (sin (+ d (* b x)))))"""
    )
    pressed = []

    def press():
        pressed.append(time.perf_counter())
        os.kill(os.getpid(), signal.SIGINT)

    # A shell starts what it leaves in the background with the signal ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        timer = threading.Timer(1.5, press)
        timer.start()
        with pytest.warns(RuntimeWarning, match="interrupted"):
            f = m.fit({"x": x, "y": y}, starts=50_000, all_starts=True)
        late = time.perf_counter() - pressed[0]
        timer.join()
    finally:
        signal.signal(signal.SIGINT, before)
    assert f.interrupted and set(f.params) == {"a", "b", "c", "d"}
    print(f"ended after {late:.3f} s")
    assert late < 2.0


def test_executor(fitted):
    from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
    import multiprocessing

    with ThreadPoolExecutor(2) as pool:
        f = dmci.Model(COOLING).fit(TABLE, starts=200, executor=pool)
        values = dmci.evaluate_many([f"(+ x {i})" for i in range(250)], executor=pool, x=1.0)
    np.testing.assert_allclose(list(f.params.values()), list(fitted.params.values()), rtol=1e-6)
    assert values == [1.0 + i for i in range(250)]
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        again = dmci.Model(COOLING).fit(TABLE, starts=200, executor=pool)
    assert again.params == f.params


def test_plot(fitted):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    figure = fitted.plot(x="minute")
    with pytest.raises(dmci.DmciError, match="nothing"):
        fitted.plot(x="nothing")
    out = io.BytesIO()
    figure.savefig(out)
    assert len(out.getvalue()) > 1000
    assert "base64" in fitted._repr_html_()
