"""Calls: what goes in and comes out, against NumPy and central differences."""

import pickle
from fractions import Fraction

import numpy as np
import pytest

import dmci

DECAY = "(* a (exp (* (- b) x)))"


def decay(a, b, x):
    return a * np.exp(-b * x)


@pytest.fixture(scope="module")
def m():
    return dmci.Model(DECAY)


def test_names(m):
    assert sorted(m.inputs) == ["a", "b", "x"]
    assert m.source == DECAY
    assert dmci.Model("(param k 2.5 (> 0)) (* k x)").params == {"k": 2.5}
    assert m.warnings == []
    assert repr(m) == f'dmci.Model("{DECAY}")'


def test_scalar_in_float_out(m):
    for _ in range(3):
        y = m(a=2.5, b=0.8, x=1.5)
        assert type(y) is float
        assert y == pytest.approx(decay(2.5, 0.8, 1.5), rel=1e-15)
    assert m(a=2, b=0, x=np.float32(1.5)) == 2.0
    assert m(a=Fraction(1, 2), b=0.0, x=np.array(3.0)) == 0.5
    assert m(a=True, b=0, x=0) == 1.0


@pytest.mark.parametrize(
    "shapes",
    [
        ((), (), (7,)),
        ((7,), (), (7,)),
        ((3, 1), (1, 4), ()),
        ((2, 3, 4), (3, 1), (4,)),
        ((1,), (1, 1), ()),
        ((0,), (), ()),
        ((3, 1), (0,), ()),
        ((200,), (200,), (200,)),
    ],
)
def test_broadcasts_as_numpy(m, rng, shapes):
    a, b, x = (rng.uniform(0.5, 2.0, shape) for shape in shapes)
    y = m(a=a, b=b, x=x)
    assert y.shape == np.broadcast_shapes(*shapes)
    np.testing.assert_allclose(y, decay(a, b, x), rtol=1e-14)
    v, g = m.value_and_grad(a=a, b=b, x=x)
    np.testing.assert_array_equal(v, y)
    e = np.exp(-b * x)
    for name, expected in (("a", e), ("b", -a * x * e), ("x", -a * b * e)):
        assert g[name].shape == y.shape
        np.testing.assert_allclose(g[name], np.broadcast_to(expected, y.shape), rtol=1e-13)
    # What is shared gets the sum; what is not, each its own.
    ct = rng.normal(size=y.shape)
    back = m.vjp(ct, a=a, b=b, x=x)
    for name, value, expected in (("a", a, e), ("b", b, -a * x * e), ("x", x, -a * b * e)):
        full = np.broadcast_to(expected, y.shape) * ct
        extra = y.ndim - np.ndim(value)
        axes = tuple(range(extra)) + tuple(
            at + extra for at, n in enumerate(np.shape(value)) if n == 1 and y.shape[at + extra] != 1
        )
        assert np.shape(back[name]) == np.shape(value)
        np.testing.assert_allclose(
            back[name], full.sum(axis=axes).reshape(np.shape(value)), rtol=1e-11, atol=1e-12
        )


def test_arrays_of_any_layout_and_type(m, rng):
    x = rng.uniform(0, 2, (6, 10))
    expected = decay(2.0, 0.5, x)
    for view in (x, np.asfortranarray(x), x[::-1][::-1], x.astype(">f8")):
        np.testing.assert_allclose(m(a=2.0, b=0.5, x=view), expected, rtol=1e-14)
    np.testing.assert_allclose(m(a=2.0, b=0.5, x=x[:, ::3]), expected[:, ::3], rtol=1e-14)
    np.testing.assert_allclose(m(a=2.0, b=0.5, x=x[2, ::2]), expected[2, ::2], rtol=1e-14)
    np.testing.assert_allclose(m(a=2.0, b=0.5, x=x[2, ::-1]), expected[2, ::-1], rtol=1e-14)
    np.testing.assert_allclose(m(a=2.0, b=0.5, x=x.T), expected.T, rtol=1e-14)
    whole = np.arange(5)
    np.testing.assert_allclose(m(a=2, b=1, x=whole), decay(2.0, 1.0, whole), rtol=1e-14)
    unaligned = np.frombuffer(b"\0" + x[0].tobytes(), dtype=np.uint8)[1:].view(np.float64)
    np.testing.assert_allclose(m(a=2.0, b=0.5, x=unaligned), expected[0], rtol=1e-14)
    read_only = x[0].copy()
    read_only.flags.writeable = False
    np.testing.assert_allclose(m(a=2.0, b=0.5, x=read_only), expected[0], rtol=1e-14)


def test_gradient_names(m):
    v, g = m.value_and_grad(("a", "b"), a=2.5, b=0.8, x=1.5)
    assert list(g) == ["a", "b"] and all(type(x) is float for x in g.values())
    assert g["b"] == pytest.approx(-2.5 * 1.5 * np.exp(-1.2))
    assert m.value_and_grad("b", a=2.5, b=0.8, x=1.5) == (v, g["b"])
    assert m.jacobian(["b"], a=2.5, b=0.8, x=1.5) == {"b": g["b"]}
    literal = dmci.Model("(* 2.5 x)")
    assert literal.jacobian("@1:4", x=3.0) == 3.0
    params = dmci.Model("(param k 2.0) (* k x)")
    assert params.jacobian(x=3.0) == {"x": 2.0, "k": 3.0}
    np.testing.assert_array_equal(params.jacobian("k", x=np.array([3.0, 4.0])), [3.0, 4.0])
    assert params.vjp(np.array([1.0, 2.0]), "k", x=np.array([3.0, 4.0])) == 11.0


def test_plans_follow_the_call():
    m = dmci.Model("(param k 2.0) (* k x y)")
    for _ in range(3):
        assert m(x=1.0, y=2.0) == 4.0
        assert m(y=2.0, x=1.0) == 4.0
        assert m(x=1.0, y=2.0, k=5.0) == 10.0
        np.testing.assert_array_equal(m(x=np.ones(3), y=2.0), [4.0] * 3)
        assert m.value_and_grad("x", x=1.0, y=2.0) == (4.0, 4.0)
        assert m.value_and_grad("y", y=2.0, x=1.0) == (4.0, 2.0)
        wrt = ["x"]
        assert m.value_and_grad(wrt, x=1.0, y=2.0)[1] == {"x": 4.0}
        wrt[0] = "y"
        assert m.value_and_grad(wrt, x=1.0, y=2.0)[1] == {"y": 2.0}


def test_values_of_other_kinds():
    m = dmci.Model("(list x (* 2 x))")
    assert m(x=1.5) == [1.5, 3.0]
    assert m(x=np.arange(3.0)).tolist() == [[0, 0], [1, 2], [2, 4]]
    assert dmci.Model("(list x (list (> x 0) \"a\" 'b (cons x 2)))")(x=1.0) == [
        1.0,
        [True, "a", "b", (1.0, 2.0)],
    ]
    vector = dmci.Model("(vec x 2 3)")(x=1.0)
    assert isinstance(vector, np.ndarray) and vector.tolist() == [1, 2, 3]
    matrix = dmci.Model("(mat (vec x 2) (vec 3 4))")(x=1.0)
    assert matrix.tolist() == [[1, 2], [3, 4]]
    assert dmci.Model("(> x 1)")(x=np.array([[0.0, 2.0]])).tolist() == [[False, True]]
    assert dmci.Model("(list)")() == []
    deep = dmci.Model("(define (nest n) (if (= n 0) x (list (nest (- n 1))))) (nest 20000)")(x=1.0)
    for _ in range(20000):
        (deep,) = deep
    assert deep == 1.0


def test_a_value_that_changes_its_form():
    m = dmci.Model("(if (> x 0) (list x x) x)")
    assert m(x=-1.0) == -1.0
    assert m(x=1.0) == [1.0, 1.0]
    assert m(x=-1.0) == -1.0
    assert m(x=np.array([-1.0, -2.0])).tolist() == [-1.0, -2.0]
    assert m(x=np.array([1.0, 2.0])).tolist() == [[1.0, 1.0], [2.0, 2.0]]
    assert m(x=np.array([-1.0, -2.0])).tolist() == [-1.0, -2.0]
    with pytest.raises(dmci.DmciError) as caught:
        m(x=np.array([1.0, -2.0]))
    assert caught.value.lane == 1


def test_vectors_matrices_lists(rng):
    m = dmci.Model("(* a (dot v v))")
    v = rng.normal(size=3)
    assert m(a=2.0, v=dmci.vector(v)) == pytest.approx(2 * v @ v)
    y, g = m.value_and_grad(a=2.0, v=dmci.vector(v))
    np.testing.assert_allclose(g["v"], 4 * v, rtol=1e-14)
    many = rng.normal(size=(5, 3))
    y, g = m.value_and_grad(a=np.arange(5.0), v=dmci.vector(many))
    np.testing.assert_allclose(y, np.arange(5) * (many * many).sum(axis=1), rtol=1e-14)
    np.testing.assert_allclose(g["v"], 2 * np.arange(5)[:, None] * many, rtol=1e-14)
    back = m.vjp(1.0, a=2.0, v=dmci.vector(many))
    np.testing.assert_allclose(back["v"], 4 * many, rtol=1e-14)
    assert back["a"] == pytest.approx((many * many).sum())
    # Some axes of a vector's are shared.
    wide = m.vjp(1.0, "v", a=np.ones((4, 5)), v=dmci.vector(many))
    np.testing.assert_allclose(wide, 8 * many, rtol=1e-14)
    declared = dmci.Model("(* a (dot v v))", arrays={"v": 1})
    np.testing.assert_array_equal(declared(a=2.0, v=many), m(a=2.0, v=dmci.vector(many)))
    assert dmci.Model("(det w)")(w=dmci.matrix(np.diag([2.0, 3.0]))) == pytest.approx(6.0)
    lists = dmci.Model("(fold-left + 0 l)")
    assert lists(l=[1, 2.5, 3]) == 6.5
    assert lists.jacobian("l", l=[1.0, 2.0]).tolist() == [1.0, 1.0]
    outer = dmci.Model("(list (* a (ref v 0)) (* a (ref v 1)))")
    y, g = outer.value_and_grad(a=np.array([2.0, 3.0]), v=dmci.vector(np.array([5.0, 7.0])))
    assert y.tolist() == [[10, 14], [15, 21]]
    assert g["a"].tolist() == [[5, 7], [5, 7]]
    assert g["v"].tolist() == [[[2, 0], [0, 2]], [[3, 0], [0, 3]]]


def test_hessian_and_hvp(rng):
    m = dmci.Model("(* a x x (exp b))")
    x = rng.normal(size=4)
    h = m.hessian(("a", "x"), a=2.0, x=x, b=0.5)
    assert h.shape == (4, 2, 2)
    e = np.exp(0.5)
    expected = [[[0, 2 * t * e], [2 * t * e, 4 * e]] for t in x]
    np.testing.assert_allclose(h, expected, rtol=1e-13, atol=1e-13)
    one = m.hessian(("a", "x"), a=2.0, x=x[0], b=0.5)
    np.testing.assert_array_equal(one, h[0])
    u = rng.normal(size=4)
    p = m.hvp({"a": 1.5, "x": u}, a=2.0, x=x, b=0.5)
    assert p["a"] == pytest.approx((2 * x * e * u).sum())
    np.testing.assert_allclose(p["x"], 2 * x * e * 1.5 + 4 * e * u, rtol=1e-12)
    with pytest.raises(dmci.DmciError, match="second derivatives"):
        dmci.Model("(list x x)").hessian("x", x=np.ones(3))


def test_errors_have_a_place():
    with pytest.raises(dmci.DmciError) as caught:
        dmci.Model("(+ 1\n  (foo x))")(x=1.0)
    error = caught.value
    assert isinstance(error, ValueError)
    assert (error.kind, error.line, error.column) == ("unbound", 2, 4)
    assert "foo" in error.message and "(foo x)" in str(error) and "│" in str(error)
    with pytest.raises(dmci.DmciError) as caught:
        dmci.Model("(+ 1")
    assert caught.value.kind == "syntax"
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.kind, again.line) == (str(error), "unbound", 2)


def test_lanes_that_fail():
    text = '(if (< x 0) (error "below" x) (sqrt x))'
    x = np.array([1.0, 4.0, -1.0, 9.0])
    with pytest.raises(dmci.DmciError) as caught:
        dmci.Model(text)(x=x)
    assert (caught.value.lane, caught.value.kind) == (2, "user")
    m = dmci.Model(text, on_error="nan")
    np.testing.assert_array_equal(m(x=x), [1.0, 2.0, np.nan, 3.0])
    v, g = m.value_and_grad("x", x=x)
    np.testing.assert_array_equal(g, [0.5, 0.25, np.nan, 0.5 / 3])
    assert np.isnan(m(x=np.array([-1.0, -2.0]))).all()


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda m: m(a=1.0, b=1.0), "`x` is an input of the program, and the call does not give it"),
        (lambda m: m(a=1.0, b=1.0, x=1.0, xx=2.0), "is it `x`"),
        (lambda m: m(a=1.0, b=1.0, x=1.0, time=None), "no input `time`; it has `a`, `b`, `x`"),
        (lambda m: m.value_and_grad(wrt="a", a=1.0, b=1.0, x=1.0), "without its name"),
        (lambda m: m(a=np.array([1.0, "s"], dtype=object), b=1.0, x=1.0), "of object, .*astype"),
        (lambda m: m(a=np.array(["s"]), b=1.0, x=1.0), "`a` is a `ndarray` of <U1"),
        (lambda m: m(a=np.array([1j]), b=1.0, x=1.0), "real numbers"),
        (lambda m: m(a=dmci.vector([[1.0], []]), b=1.0, x=1.0), "`a` is no array"),
        (lambda m: m(a=[1.0, 2.0], b=1.0, x=1.0), r"numpy.array\(a\) broadcasts"),
        (lambda m: dmci.Model("(dot v v)")(v=np.ones(3)), r"dmci.vector\(v\)"),
        (lambda m: m.vjp("s", "a", a=1.0, b=1.0, x=np.ones(2)), "the cotangent is a `str`"),
        (lambda m: m(a=np.ones(3), b=np.ones(4), x=1.0), "broadcast"),
        (lambda m: m(a="s", b=1.0, x=1.0), "`a` is a `str`"),
        (lambda m: m(a=None, b=1.0, x=1.0), "numbers"),
        (lambda m: m(a=1j, b=1.0, x=1.0), "numbers"),
        (lambda m: m(a=[[1.0]], b=1.0, x=1.0), "list"),
        (lambda m: m(a=dmci.vector(1.0), b=1.0, x=1.0), "vector"),
        (lambda m: m.value_and_grad("z", a=1.0, b=1.0, x=1.0), "z"),
        (lambda m: m.value_and_grad(3, a=1.0, b=1.0, x=1.0), "wrt"),
        (lambda m: m.vjp(np.ones(3), a=1.0, b=1.0, x=np.ones(2)), "cotangent"),
        (lambda m: m.hvp({"a": np.ones(3)}, a=1.0, b=1.0, x=np.ones(2)), "direction"),
    ],
)
def test_what_does_not_fit(m, call, words):
    with pytest.raises(dmci.DmciError, match=words):
        call(m)


def test_a_file_is_no_program(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert dmci.Model("decay.scm").inputs == ["decay.scm"]
    (tmp_path / "decay.scm").write_text("(* a x)")
    with pytest.raises(dmci.DmciError, match="a file's name"):
        dmci.Model("decay.scm")


def test_what_is_masked_is_nan(m):
    x = np.ma.masked_array([0.0, 1.0, 2.0], mask=[False, True, False])
    for given in (x, x.astype(np.float32), x.astype(int), x[::-1][::-1]):
        found = m(a=2.0, b=0.5, x=given)
        assert type(found) is np.ndarray and np.isnan(found[1])
        np.testing.assert_array_equal(found[[0, 2]], m(a=2.0, b=0.5, x=np.array([0.0, 2.0])))
    assert np.isnan(m(a=2.0, b=0.5, x=np.ma.masked))
    plain = np.ma.masked_array([1.0, 2.0])
    np.testing.assert_array_equal(m(a=2.0, b=0.5, x=plain), m(a=2.0, b=0.5, x=plain.data))


def test_names_of_wrt_may_come_from_anywhere(m):
    given = {"a": 2.0, "b": 0.5, "x": np.ones(3)}
    expected = m.value_and_grad(("a", "b"), **given)[1]
    for names in (["a", "b"], {"a": 1, "b": 2}.keys(), (name for name in "ab"), np.array(["a", "b"])):
        found = m.value_and_grad(names, **given)[1]
        assert list(found) == ["a", "b"]
        np.testing.assert_array_equal(found["b"], expected["b"])


def test_arrays_are_shown():
    assert repr(dmci.vector([1.0, 2.0])) == "dmci.vector([1.0, 2.0])"
    assert repr(dmci.matrix(np.eye(1))) == "dmci.matrix(array([[1.]]))"


def test_pickle(m):
    assert pickle.loads(pickle.dumps(m)) == m
    n = dmci.Model(
        "(param k 1.0) (* k (dot v v))", threads=2, arrays={"v": 1}, on_error="nan", mode="direct"
    )
    again = pickle.loads(pickle.dumps(n))
    assert again == n and again != m and again.options == n.options
    assert hash(again) == hash(n)
    assert again(v=np.ones(2)) == 2.0


def test_modes_agree(rng):
    x = rng.normal(size=10)
    modes = [dmci.Model(DECAY, mode=mode)(a=1.5, b=0.3, x=x) for mode in ("interpreter", "direct", "nested")]
    np.testing.assert_array_equal(modes[0], modes[1])
    np.testing.assert_array_equal(modes[0], modes[2])


def test_threads_give_the_same_bits(rng):
    x = rng.normal(size=50_000)
    answers = [dmci.Model(DECAY, threads=n).vjp(1.0, a=1.5, b=0.3, x=x) for n in (None, 1, 3)]
    for answer in answers[1:]:
        assert answer["a"] == answers[0]["a"] and answer["b"] == answers[0]["b"]
        np.testing.assert_array_equal(answer["x"], answers[0]["x"])


def test_one_program_is_run(m):
    assert dmci.evaluate_program(None, "(+ a (vsum v))", a=1, v=np.array([1.0, 2.0])) == 4.0
    values = dmci.evaluate_many(["(+ x 1)", "(car x)"], x=3)
    assert values[0] == 4.0 and isinstance(values[1], dmci.DmciError)


def test_registry():
    r = dmci.Registry()
    r["half"] = dmci.Model("(/ x 2.0)")
    m = r.model('(model "half" y)')
    assert m(y=3.0) == 1.5
    assert m.jacobian("y", y=3.0) == 0.5
    r["half"] = dmci.Model("(/ x 4.0)")
    assert r["half"](x=4.0) == 1.0
    assert list(r) == ["half"] and len(r) == 1 and "half" in r and r.keys() == ["half"]
    with pytest.raises(dmci.DmciError, match="more than its text"):
        pickle.dumps(m)
    del r["half"]
    with pytest.raises(KeyError):
        r["half"]


def test_verify(m):
    certificate = dmci.verify(m, a=2.0, b=0.5, x=1.0)
    assert certificate and certificate.difference < 1e-6
    assert certificate.record["verdict"] == "pass"
    assert dmci.verify("(* 2.0 x)", wrt=["@1:4"], x=1.0)


def test_html(m):
    assert "(exp" in m._repr_html_() and "<pre>" in m._repr_html_()
