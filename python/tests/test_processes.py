"""Forks, threads, and calls that nobody would make."""

import os
import subprocess
import sys
import textwrap
import threading

import numpy as np
import pytest

import dmci


def python(text: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(text)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.parametrize("threads", [None, 1, 3])
def test_fork_after_a_batch_and_after_a_fit(threads):
    out = python(
        f"""
        import os, signal, numpy as np, dmci
        m = dmci.Model("(* a (exp (* (- b) x)))", threads={threads})
        x = np.linspace(0, 1, 100_000)
        before = m(a=2.0, b=0.5, x=x).sum()
        line = dmci.Model("(param k 1.0) (observe y (* k x))", threads={threads})
        table = dict(x=x[:500], y=3 * x[:500])
        k = line.fit(table, starts=16).params
        pid = os.fork()
        if pid == 0:
            signal.alarm(60)
            assert m(a=2.0, b=0.5, x=x).sum() == before
            assert line.fit(table, starts=16).params == k
            pid = os.fork()
            if pid == 0:
                signal.alarm(60)
                assert m(a=2.0, b=0.5, x=x).sum() == before
                os._exit(0)
            os._exit(os.waitpid(pid, 0)[1] != 0)
        assert os.waitpid(pid, 0)[1] == 0
        assert m(a=2.0, b=0.5, x=x).sum() == before
        print("done")
        """
    )
    assert out == "done\n"


def test_threads_share_a_model(rng):
    m = dmci.Model("(if (> x 0) (* a x) (* b x))", threads=1)
    x = rng.normal(size=5_000)
    expected = np.where(x > 0, 2.0 * x, 3.0 * x)
    wrong = []

    def work():
        for at in range(50):
            if not np.array_equal(m(a=2.0, b=3.0, x=x), expected):
                wrong.append(at)
            if m(a=2.0, b=3.0, x=1.0) != 2.0 or m.jacobian("b", a=2.0, b=3.0, x=-1.0) != -1.0:
                wrong.append(at)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_fuzzed_calls(rng):
    """Whatever is given, the answer is an answer or an error: no panic."""
    sources = ["(* a x)", "(list a x)", "(dot a x)", "(if (> x 0) a (car x))", "(vec a x)", "(+ (vsum a) x)", "#t"]
    models = [dmci.Model(source, on_error=on) for source in sources for on in ("raise", "nan")]

    def value():
        at = rng.integers(0, 18)
        shapes = [(), (0,), (1,), (3,), (4,), (2, 3), (3, 1), (1, 0)]
        array = rng.normal(size=shapes[rng.integers(0, len(shapes))])
        choices = [
            1.0, -2, True, np.nan, np.inf, 10**400, "s", None, b"x", array, array.astype(np.float32),
            array.astype(int), [1.0, 2.0], [], [array], dmci.vector(array), dmci.matrix(array), 1j,
        ]
        return choices[at]

    def wrt():
        return [None, "a", ("a", "x"), ["x"], "nothing", 3, (), ("a", "a"), b"a"][rng.integers(0, 9)]

    calls = int(os.environ.get("DMCI_FUZZ_CALLS", 10_000))
    answers = 0
    for _ in range(calls):
        m = models[rng.integers(0, len(models))]
        names = [name for name in ("a", "x", "z") if rng.random() < (0.9, 0.9, 0.03)["axz".index(name)]]
        given = {name: value() for name in names}
        try:
            match_ = rng.integers(0, 6)
            if match_ == 0:
                m(**given)
            elif match_ == 1:
                m.value_and_grad(wrt(), **given)
            elif match_ == 2:
                m.vjp(value(), wrt(), **given)
            elif match_ == 3:
                m.hessian(wrt(), **given)
            elif match_ == 4:
                m.hvp({name: value() for name in names}, **given)
            else:
                m.jacobian(wrt(), **given)
            answers += 1
        except (ValueError, TypeError, OverflowError):
            pass
    assert answers > calls // 50


@pytest.mark.parametrize("what", ["values", "vjp", "nan"])
def test_ctrl_c_ends_calls_over_many_elements(what):
    """However long the elements would take, the signal is answered; nothing is timed."""
    out = python(
        f"""
        import os, signal, threading, numpy as np, dmci
        signal.signal(signal.SIGINT, signal.default_int_handler)
        # Far more work than there is time for: 1e5 elements of 1e7 passes.
        m = dmci.Model(
            "(let go ((i 0) (y x)) (if (= i 10000000) y (go (+ i 1) (if (> y 2) (sin y) (* y 1.1)))))",
            fuel=10**18, on_error={"nan" if what == "nan" else "raise"!r}, threads=1,
        )
        x = np.linspace(1, 2, 100_000)
        timer = threading.Timer(1.0, lambda: os.kill(os.getpid(), signal.SIGINT))
        timer.start()
        try:
            m.vjp(1.0, x=x) if {what!r} == "vjp" else m(x=x)
        except KeyboardInterrupt:
            print("interrupted")
        assert dmci.Model("(* 2 x)")(x=1.5) == 3.0
        """
    )
    assert out == "interrupted\n"


def test_elements_share_the_fuel():
    m = dmci.Model("(let go ((i 0) (y x)) (if (= i 1000) y (go (+ i 1) (* y 1.0))))", fuel=100_000)
    assert m(x=1.0) == 1.0
    m(x=np.ones(10))
    with pytest.raises(dmci.DmciError, match="fuel") as caught:
        m(x=np.ones(1000))
    assert caught.value.kind == "resource"
    # Truths are looked at one by one, and have it together too.
    t = dmci.Model("(let go ((i 0)) (if (= i 1000) (> x 0) (go (+ i 1))))", fuel=100_000)
    with pytest.raises(dmci.DmciError, match="fuel"):
        t(x=np.ones(1000))


def test_a_fault_in_a_thread_is_an_error():
    caught = []

    def work():
        try:
            dmci.Model("(car x)")(x=1.0)
        except dmci.DmciError as error:
            caught.append(error.kind)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert caught == ["type"]


def test_importing_is_light():
    """No optional package is imported, and no program is run."""
    out = python(
        """
        import sys, dmci
        heavy = {"pandas", "torch", "jax", "sklearn", "matplotlib", "scipy"} & set(sys.modules)
        print(sorted(heavy))
        """
    )
    assert out == "[]\n"
