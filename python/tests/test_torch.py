"""PyTorch: gradcheck, vmap, double backward, modules."""

import numpy as np
import pytest

import dmci

torch = pytest.importorskip("torch")
dt = pytest.importorskip("dmci.torch")

MODEL = dmci.Model("(* a (exp (* (- b) x)))")
DECAY = dt.function(MODEL)


def inputs(rng, *shapes, dtype=torch.float64):
    return [torch.tensor(rng.uniform(0.5, 1.5, s), dtype=dtype, requires_grad=True) for s in shapes]


@pytest.mark.parametrize("shapes", [((), (), ()), ((), (), (5,)), ((3, 1), (4,), ()), ((5,), (5,), (5,))])
def test_gradcheck(rng, shapes):
    a, b, x = inputs(rng, *shapes)

    def f(a, b, x):
        return DECAY(a=a, b=b, x=x)

    assert torch.autograd.gradcheck(f, (a, b, x))
    assert torch.autograd.gradgradcheck(f, (a, b, x))


def test_values_and_gradients_are_torchs(rng):
    a, b, x = inputs(rng, (), (), (7,))
    y = DECAY(a=a, b=b, x=x)
    expected = a * torch.exp(-b * x)
    torch.testing.assert_close(y, expected, rtol=1e-14, atol=0)
    found = torch.autograd.grad(y.square().sum(), (a, b, x))
    for one, other in zip(found, torch.autograd.grad(expected.square().sum(), (a, b, x))):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-14)


def test_vectors(rng):
    f = dt.function(dmci.Model("(* a (dot v v))", arrays={"v": 1}))
    a, v = inputs(rng, (4,), (4, 3))
    assert torch.autograd.gradcheck(lambda a, v: f(a=a, v=v), (a, v))
    assert torch.autograd.gradgradcheck(lambda a, v: f(a=a, v=v), (a, v))
    pair = dt.function(dmci.Model("(list (* a x) (* x x))"))
    a, x = inputs(rng, (), (3,))
    assert pair(a=a, x=x).shape == (3, 2)
    assert torch.autograd.gradcheck(lambda a, x: pair(a=a, x=x), (a, x))
    (g,) = torch.autograd.grad(pair(a=a, x=x).sum(), x, create_graph=True)
    with pytest.raises(dmci.DmciError, match="one number"):
        g.sum().backward()


@pytest.mark.parametrize("dims", [(0, None, None), (None, None, 0), (0, 0, 1), (None, 0, None)])
def test_vmap_is_a_loop(rng, dims):
    own = [(), (), (4,)]
    shapes = []
    for shape, dim in zip(own, dims):
        if dim is not None:
            shape = shape[:dim] + (6,) + shape[dim:]
        shapes.append(shape)
    args = inputs(rng, *shapes)

    def f(a, b, x):
        return DECAY(a=a, b=b, x=x)

    def at(i):
        return [t if d is None else t.select(d, i) for t, d in zip(args, dims)]

    looped = torch.stack([f(*at(i)) for i in range(6)])
    torch.testing.assert_close(torch.func.vmap(f, in_dims=dims)(*args), looped, rtol=0, atol=0)
    grad = torch.func.grad(lambda *t: f(*t).sum(), argnums=(0, 1, 2))
    found = torch.func.vmap(grad, in_dims=dims)(*args)
    for k in range(3):
        expected = torch.stack([grad(*at(i))[k] for i in range(6)])
        torch.testing.assert_close(found[k], expected, rtol=1e-13, atol=1e-14)


def test_third_derivatives_are_refused(rng):
    (x,) = inputs(rng, ())
    f = dt.function(dmci.Model("(* x x x x)"))
    (g,) = torch.autograd.grad(f(x=x), x, create_graph=True)
    (h,) = torch.autograd.grad(g, x, create_graph=True)
    torch.testing.assert_close(h, 12 * x.detach() ** 2)
    with pytest.raises(RuntimeError):
        torch.autograd.grad(h, x)


def test_float32(rng):
    a, b, x = inputs(rng, (), (), (5,), dtype=torch.float32)
    y = DECAY(a=a, b=b, x=x)
    assert y.dtype == torch.float32
    y.sum().backward()
    assert a.grad.dtype == torch.float32 and x.grad.shape == (5,)


def test_a_module_learns(rng):
    program = dt.Program(dmci.Model("(param a 1.0) (param b 1.0) (* a (exp (* (- b) x)))"))
    x = torch.linspace(0, 3, 50, dtype=torch.float64)
    y = 2.5 * torch.exp(-0.8 * x)
    optimizer = torch.optim.LBFGS(program.parameters(), max_iter=60, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = (program(x=x) - y).square().mean()
        loss.backward()
        return loss

    optimizer.step(closure)
    found = {name: p.item() for name, p in program.named_parameters()}
    np.testing.assert_allclose([found["a"], found["b"]], [2.5, 0.8], rtol=1e-4)
