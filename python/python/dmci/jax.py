"""Programs in JAX: `function(model)` may be jitted, differentiated and batched.

Programs compute in float64; with JAX's default of float32, values come back in that. Needs JAX:
`pip install dmci[jax]`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dmci._dmci import Array, Model, _Kernel

__all__ = ["function"]


def _given(
    model: Model, names: tuple[str, ...], arrays: Any, own: tuple[int, ...]
) -> dict[str, Any]:
    """The arrays by name; axes that vmap put before those that each had itself are before all others'."""
    ranks = model.options["arrays"]
    most = max(count - ranks.get(name, 0) for name, count in zip(names, own))
    given: dict[str, Any] = {}
    for name, array, count in zip(names, arrays, own):
        rank = ranks.get(name, 0)
        array = np.asarray(array, dtype=np.float64)
        batch = array.ndim - count
        array = array.reshape(
            array.shape[:batch] + (1,) * (most - count + rank) * (batch > 0) + array.shape[batch:]
        )
        given[name] = Array(array, rank) if rank else array
    return given


def _dtype(arrays: Any) -> Any:
    return jnp.result_type(float, *arrays)


def _ndims(arrays: Any) -> tuple[int, ...]:
    return tuple(np.ndim(x) for x in arrays)


def _shape(model: Model, names: tuple[str, ...], arrays: Any, shape: tuple[int, ...]) -> tuple[int, ...]:
    ranks = model.options["arrays"]
    leads = [np.shape(x)[: np.ndim(x) - ranks.get(name, 0)] for name, x in zip(names, arrays)]
    return np.broadcast_shapes(*leads) + shape


def _targets() -> Any:
    """Registers the handlers of XLA's foreign function interface; None where JAX has none."""
    try:
        import ctypes

        from jax import ffi

        for name, address in zip(("dmci_value", "dmci_vjp"), _Kernel.handlers()):
            ffi.register_ffi_target(name, ffi.pycapsule(ctypes.c_void_p(address)), platform="cpu")
        return ffi
    except (ImportError, AttributeError):
        return None


_FFI = _targets()


def _is_direct(model: Model, shape: tuple[int, ...], dtype: Any) -> bool:
    """Whether XLA calls the program itself: of numbers, in float64, on the CPU."""
    return (
        _FFI is not None
        and shape == ()
        and not model.options["arrays"]
        and dtype == np.float64
        and jax.default_backend() == "cpu"
    )


def _broadcast(arrays: Any, whole: tuple[int, ...]) -> list[Any]:
    """Arrays of the whole shape, but for numbers."""
    return [x if np.shape(x) in ((), whole) else jnp.broadcast_to(x, whole) for x in arrays]


def _gathered(x: Any, like: tuple[int, ...]) -> Any:
    """Sums over the axes that an array was broadcast along."""
    if np.shape(x) == like:
        return x
    more = x.ndim - len(like)
    axes = tuple(range(more)) + tuple(
        more + at for at, n in enumerate(like) if n == 1 and x.shape[more + at] != 1
    )
    return x.sum(axis=axes).reshape(like)


def function(model: Model, shape: tuple[int, ...] = ()) -> Callable[..., jax.Array]:
    """A function of arrays by keyword, differentiable by all of them.

    `shape` is that of the program's value: () for a number, (n,) for a vector of n. The result has the shape
    that the arrays broadcast to, then `shape`. Programs of numbers are called by XLA itself, on the CPU in float64; others
    are called back in Python. Under `vmap` it is called once for the whole batch. Reverse mode, twice where the value is one number; forward mode is refused by JAX.
    """

    def host_value(names: tuple[str, ...], own: tuple[int, ...], dtype: Any, *arrays: Any) -> Any:
        return np.asarray(model(**_given(model, names, arrays, own)), dtype=dtype)

    def host_vjp(names: tuple[str, ...], own: tuple[int, ...], dtype: Any, ct: Any, *arrays: Any) -> Any:
        given = _given(model, names, arrays, own)
        found = model.vjp(np.asarray(ct, dtype=np.float64), names, **given)
        return tuple(
            np.asarray(found[name], dtype=dtype).reshape(np.shape(x)) for name, x in zip(names, arrays)
        )

    def host_hvp(names: tuple[str, ...], own: tuple[int, ...], dtype: Any, ct: Any, *both: Any) -> Any:
        arrays, directions = both[: len(names)], both[len(names) :]
        given = _given(model, names, arrays, own)
        along = _given(model, names, directions, own)
        ranks = model.options["arrays"]
        weight = np.asarray(ct, dtype=np.float64)
        _, jacobian = model.value_and_grad(names, **given)
        moved = np.zeros(weight.shape)
        scaled = {}
        for name in names:
            rank = ranks.get(name, 0)
            direction = along[name].value if rank else along[name]
            product = jacobian[name] * direction
            moved = moved + (product.sum(axis=tuple(range(-rank, 0))) if rank else product)
            scaled[name] = direction * weight.reshape(weight.shape + (1,) * rank)
        bent = model.hvp(scaled, **given)
        by_inputs = tuple(
            np.asarray(bent[name], dtype=dtype).reshape(np.shape(x)) for name, x in zip(names, arrays)
        )
        return (np.asarray(moved, dtype=dtype), *by_inputs)

    def callback(host: Any, like: Any, names: tuple[str, ...], dtype: Any, own: Any, *arrays: Any) -> Any:
        return jax.pure_callback(
            lambda *a: host(names, own, dtype, *a), like, *arrays, vmap_method="broadcast_all"
        )

    kernels: dict[tuple[str, ...], _Kernel] = {}

    def kernel(names: tuple[str, ...]) -> np.int64:
        if names not in kernels:
            kernels[names] = _Kernel(model, list(names))
        return np.int64(kernels[names].id)

    def value(names: tuple[str, ...], *arrays: Any) -> Any:
        dtype = _dtype(arrays)
        if _is_direct(model, shape, dtype):
            whole = _shape(model, names, arrays, shape)
            called = _FFI.ffi_call(
                "dmci_value", jax.ShapeDtypeStruct(whole, dtype), vmap_method="broadcast_all"
            )
            return called(*_broadcast(arrays, whole), kernel=kernel(names))
        like = jax.ShapeDtypeStruct(_shape(model, names, arrays, shape), dtype)
        return callback(host_value, like, names, dtype, _ndims(arrays), *arrays)

    def pullback(names: tuple[str, ...], ct: Any, *arrays: Any) -> Any:
        dtype = _dtype(arrays)
        if _is_direct(model, shape, dtype):
            given = _broadcast(arrays, np.shape(ct))
            like = tuple(jax.ShapeDtypeStruct(np.shape(x), dtype) for x in given)
            called = _FFI.ffi_call("dmci_vjp", like, vmap_method="broadcast_all")
            found = called(ct, *given, kernel=kernel(names))
            return tuple(_gathered(x, np.shape(array)) for x, array in zip(found, arrays))
        like = tuple(jax.ShapeDtypeStruct(np.shape(x), dtype) for x in arrays)
        return callback(host_vjp, like, names, dtype, _ndims(arrays), ct, *arrays)

    def bend(names: tuple[str, ...], ct: Any, arrays: Any, directions: Any) -> Any:
        if shape != ():
            raise NotImplementedError("second derivatives are of programs whose value is one number")
        dtype = _dtype(arrays)
        like = tuple(jax.ShapeDtypeStruct(np.shape(x), dtype) for x in (ct, *arrays))
        return callback(host_hvp, like, names, dtype, _ndims(arrays), ct, *arrays, *directions)

    def made(names: tuple[str, ...]) -> Any:
        @jax.custom_vjp
        def of_arrays(*arrays: Any) -> Any:
            return value(names, *arrays)

        @jax.custom_vjp
        def back(ct: Any, *arrays: Any) -> Any:
            return pullback(names, ct, *arrays)

        def back_forward(ct: Any, *arrays: Any) -> Any:
            return back(ct, *arrays), (ct, arrays)

        @jax.custom_vjp
        def bent(ct: Any, arrays: Any, directions: Any) -> Any:
            return bend(names, ct, arrays, directions)

        def refused(*_: Any) -> Any:
            raise NotImplementedError("third derivatives of a program are not computed")

        bent.defvjp(refused, refused)

        def back_backward(kept: Any, directions: Any) -> Any:
            ct, arrays = kept
            return bent(ct, arrays, directions)

        back.defvjp(back_forward, back_backward)
        of_arrays.defvjp(
            lambda *arrays: (of_arrays(*arrays), arrays), lambda arrays, ct: back(ct, *arrays)
        )
        return of_arrays

    functions: dict[tuple[str, ...], Any] = {}

    def call(**inputs: Any) -> jax.Array:
        names = tuple(inputs)
        if names not in functions:
            functions[names] = made(names)
        arrays = [jnp.asarray(x, dtype=jnp.result_type(float)) for x in inputs.values()]
        result: jax.Array = functions[names](*arrays)
        return result

    return call
