"""Densities for samplers: from Python and through the pointer, against NumPy."""

import ctypes
import threading

import numpy as np
import pytest

import dmci

LIKELIHOOD = "(- (- (log s)) (/ (square (/ (- y (* a x)) s)) 2))"
PRIOR = "(- (/ (square a) -2) s)"


def expected(a, s, x, y):
    value = (-np.log(s) - ((y - a * x) / s) ** 2 / 2).sum() - a * a / 2 - s
    by_a = (x * (y - a * x) / s**2).sum() - a
    by_s = (-1 / s + (y - a * x) ** 2 / s**3).sum() - 1
    return value, [by_a, by_s]


@pytest.fixture
def density(rng):
    x = rng.uniform(0, 2, 50)
    y = 1.5 * x + rng.normal(scale=0.3, size=50)
    made = dmci.LogDensity(
        dmci.Model(LIKELIHOOD, threads=1), ["a", "s"], prior=dmci.Model(PRIOR), x=x, y=y
    )
    return made, x, y


def pointer(density):
    number = ctypes.POINTER(ctypes.c_double)
    kind = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64, number, number, number, ctypes.c_void_p)
    function = kind(density.address)

    def call(point, size=None):
        point = np.ascontiguousarray(point, dtype=np.float64)
        gradient, value = np.zeros(len(point)), ctypes.c_double()
        status = function(
            len(point) if size is None else size,
            point.ctypes.data_as(number),
            gradient.ctypes.data_as(number),
            ctypes.byref(value),
            density.user_data,
        )
        return status, value.value, gradient

    return call


def test_both_ways(density):
    made, x, y = density
    assert made.names == ["a", "s"]
    value, gradient = made([1.2, 0.4])
    told = expected(1.2, 0.4, x, y)
    assert value == pytest.approx(told[0], rel=1e-12)
    np.testing.assert_allclose(gradient, told[1], rtol=1e-11)
    status, again, other = pointer(made)([1.2, 0.4])
    assert (status, again) == (0, value)
    np.testing.assert_array_equal(other, gradient)


def test_where_there_is_none(density):
    made, _, _ = density
    call = pointer(made)
    assert call([1.0, 0.0])[0] == 1
    assert call([1.0, 1.0], size=3)[0] == -1
    failing = dmci.LogDensity(dmci.Model('(if (< a 0) (error "below" a) a)'), ["a"])
    assert pointer(failing)([-1.0])[0] == 1
    assert pointer(failing)([2.0])[:2] == (0, 2.0)
    with pytest.raises(dmci.DmciError, match="below"):
        failing([-1.0])
    with pytest.raises(dmci.DmciError, match="shape"):
        made([1.0])
    with pytest.raises(dmci.DmciError, match="no input"):
        dmci.LogDensity(dmci.Model("a"), ["a", "b"])


def test_threads_ask_at_once(density):
    made, x, y = density
    call, wrong = pointer(made), []

    def work(a):
        for _ in range(200):
            if call([a, 0.5])[1] != pytest.approx(expected(a, 0.5, x, y)[0], rel=1e-12):
                wrong.append(a)

    threads = [threading.Thread(target=work, args=(a,)) for a in (0.5, 1.0, 1.5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
