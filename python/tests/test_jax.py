"""JAX: jit, grad, vmap are those of a loop."""

import numpy as np
import pytest

import dmci

jax = pytest.importorskip("jax")
dj = pytest.importorskip("dmci.jax")
jnp = jax.numpy


@pytest.fixture(autouse=True)
def doubles():
    with jax.enable_x64(True):
        yield


MODEL = dmci.Model("(* a (exp (* (- b) x)))")
F = dj.function(MODEL)


def decay(a, b, x):
    return a * jnp.exp(-b * x)


def f(a, b, x):
    return F(a=a, b=b, x=x)


def test_jit_and_grad(rng):
    a, b, x = 2.5, 0.8, jnp.asarray(rng.uniform(0, 2, 9))
    np.testing.assert_allclose(f(a, b, x), decay(a, b, x), rtol=1e-14)
    np.testing.assert_array_equal(jax.jit(f)(a, b, x), f(a, b, x))

    def loss(g):
        return lambda a, b, x: (g(a, b, x) ** 2).sum()

    found = jax.jit(jax.grad(loss(f), (0, 1, 2)))(a, b, x)
    for one, other in zip(found, jax.grad(loss(decay), (0, 1, 2))(a, b, x)):
        np.testing.assert_allclose(one, other, rtol=1e-12)


def test_second_derivatives(rng):
    a, b, x = 2.5, 0.8, jnp.asarray(rng.uniform(0, 2, 5))
    u = jnp.asarray(rng.normal(size=5))

    def twice(g):
        def first(a, b, x):
            return jax.grad(lambda b: (u * g(a, b, x)).sum())(b)

        return jax.grad(first, (0, 1, 2))(a, b, x)

    for one, other in zip(twice(f), twice(decay)):
        np.testing.assert_allclose(one, other, rtol=1e-12)


def test_third_derivatives_are_refused():
    g = dj.function(dmci.Model("(* x x x x)"))
    assert jax.grad(jax.grad(lambda x: g(x=x)))(2.0) == 48.0
    with pytest.raises(NotImplementedError, match="third"):
        jax.grad(jax.grad(jax.grad(lambda x: g(x=x))))(2.0)


@pytest.mark.parametrize("axes", [(0, None, None), (None, None, 0), (0, 0, 1), (None, 0, None)])
def test_vmap_is_a_loop(rng, axes):
    own = [(), (), (4,)]
    args = []
    for shape, axis in zip(own, axes):
        if axis is not None:
            shape = shape[:axis] + (6,) + shape[axis:]
        args.append(jnp.asarray(rng.uniform(0.5, 1.5, shape)))

    def at(i):
        return [t if d is None else jnp.take(t, i, axis=d) for t, d in zip(args, axes)]

    looped = np.stack([f(*at(i)) for i in range(6)])
    np.testing.assert_array_equal(jax.vmap(f, in_axes=axes)(*args), looped)
    grad = jax.grad(lambda *t: f(*t).sum(), (0, 1, 2))
    found = jax.jit(jax.vmap(grad, in_axes=axes))(*args)
    for k in range(3):
        expected = np.stack([grad(*at(i))[k] for i in range(6)])
        np.testing.assert_allclose(found[k], expected, rtol=1e-13)


def test_vectors(rng):
    g = dj.function(dmci.Model("(* a v)", arrays={"v": 1}), shape=(3,))
    v = jnp.asarray(rng.normal(size=(4, 3)))
    np.testing.assert_allclose(g(a=2.0, v=v), 2 * v)
    back = jax.grad(lambda a, v: (g(a=a, v=v) ** 2).sum(), (0, 1))(2.0, v)
    np.testing.assert_allclose(back[0], 4 * (v**2).sum())
    np.testing.assert_allclose(back[1], 8 * v)
    np.testing.assert_allclose(jax.vmap(lambda v: g(a=2.0, v=v))(v), 2 * v)
    with pytest.raises(Exception, match="one number"):
        jax.grad(jax.grad(lambda a: g(a=a, v=v).sum()))(2.0)


def test_xla_calls_programs_of_numbers_itself(rng):
    """Numbers go through XLA's foreign function interface, without a callback in Python."""
    m = dmci.Model("(if (> x 1) (* a (log x)) (* b x x))")
    f = dj.function(m)
    x = jnp.asarray(rng.uniform(0.5, 1.5, (4, 5)))
    text = jax.jit(lambda a, b, x: f(a=a, b=b, x=x)).lower(1.0, 2.0, x).as_text()
    assert "dmci_value" in text and "callback" not in text
    np.testing.assert_array_equal(f(a=1.5, b=2.0, x=x), m(a=1.5, b=2.0, x=np.asarray(x)))
    b = jnp.asarray(rng.uniform(0.5, 1.5, (5,)))
    back = jax.jit(jax.grad(lambda a, b, x: f(a=a, b=b, x=x).sum(), (0, 1, 2)))(1.5, b, x)
    expected = m.vjp(np.ones((4, 5)), ("a", "b", "x"), a=1.5, b=np.asarray(b), x=np.asarray(x))
    for found, name in zip(back, "abx"):
        np.testing.assert_allclose(found, expected[name], rtol=1e-12)
    failing = dj.function(dmci.Model("(if (> x 0) x (error \"below\" x))"))
    with pytest.raises(Exception, match="below"):
        jax.block_until_ready(failing(x=jnp.asarray([1.0, -1.0])))
