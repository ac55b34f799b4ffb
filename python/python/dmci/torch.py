"""Programs in PyTorch: `function(model)` for tensors, `Program(model)` as a module.

Tensors are float64 or float32 on the CPU; they are computed in float64. What broadcasts in `Model` broadcasts
here. Needs PyTorch: `pip install dmci[torch]`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Optional

import numpy as np
import torch

from dmci._dmci import Array, DmciError, Model

__all__ = ["Program", "function"]


def _array(tensor: torch.Tensor) -> Any:
    return tensor.detach().to("cpu", torch.float64).numpy()


def _given(model: Model, names: Sequence[str], tensors: Sequence[torch.Tensor]) -> dict[str, Any]:
    ranks = model.options["arrays"]
    given: dict[str, Any] = {}
    for name, tensor in zip(names, tensors):
        array = _array(tensor)
        given[name] = Array(array, ranks[name]) if ranks.get(name) else array
    return given


def _tensor(x: Any, like: torch.Tensor) -> torch.Tensor:
    return torch.as_tensor(np.asarray(x, dtype=np.float64), dtype=like.dtype, device=like.device)


def _lifted(
    model: Model, names: Sequence[str], in_dims: Sequence[Optional[int]], tensors: Sequence[torch.Tensor]
) -> list[torch.Tensor]:
    """The tensors with the axis of vmap first, and others with none, of one number of broadcast axes."""
    ranks = model.options["arrays"]
    most = max(
        tensor.dim() - (dim is not None) - ranks.get(name, 0)
        for name, dim, tensor in zip(names, in_dims, tensors)
    )
    lifted = []
    for name, dim, tensor in zip(names, in_dims, tensors):
        if dim is not None:
            own = tensor.dim() - 1 - ranks.get(name, 0)
            tensor = tensor.movedim(dim, 0)
            tensor = tensor.reshape(tensor.shape[:1] + (1,) * (most - own) + tensor.shape[1:])
        lifted.append(tensor)
    return lifted


class _Value(torch.autograd.Function):
    """The value of a model; `names` are those of the tensors."""

    @staticmethod
    def forward(model: Model, names: tuple[str, ...], *tensors: torch.Tensor) -> torch.Tensor:
        return _tensor(model(**_given(model, names, tensors)), tensors[0])

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: torch.Tensor) -> None:
        ctx.model, ctx.names, *tensors = inputs
        ctx.save_for_backward(*tensors)

    @staticmethod
    def backward(ctx: Any, ct: torch.Tensor) -> Any:  # type: ignore[override]
        needs = ctx.needs_input_grad[2:]
        wanted = tuple(name for name, needed in zip(ctx.names, needs) if needed)
        if not wanted:
            return (None,) * len(ctx.needs_input_grad)
        found = iter(_Vjp.apply(ctx.model, ctx.names, wanted, ct, *ctx.saved_tensors))
        return (None, None, *(next(found) if needed else None for needed in needs))

    @staticmethod
    def vmap(
        info: Any, in_dims: tuple[Optional[int], ...], model: Model, names: tuple[str, ...],
        *tensors: torch.Tensor,
    ) -> tuple[torch.Tensor, int]:
        return _Value.apply(model, names, *_lifted(model, names, in_dims[2:], tensors)), 0


class _Vjp(torch.autograd.Function):
    """The derivatives of a model by `wanted`, weighted by a cotangent; differentiable once more."""

    @staticmethod
    def forward(
        model: Model, names: tuple[str, ...], wanted: tuple[str, ...], ct: torch.Tensor,
        *tensors: torch.Tensor,
    ) -> tuple[torch.Tensor, ...]:
        found = model.vjp(_array(ct), wanted, **_given(model, names, tensors))
        return tuple(_tensor(found[name], tensors[names.index(name)]) for name in wanted)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        ctx.model, ctx.names, ctx.wanted, *tensors = inputs
        ctx.save_for_backward(*tensors)

    @staticmethod
    def backward(ctx: Any, *directions: torch.Tensor) -> Any:
        model, names, wanted = ctx.model, ctx.names, ctx.wanted
        ct, *tensors = ctx.saved_tensors
        if any(torch.is_grad_enabled() and d.requires_grad for d in directions):
            raise DmciError("third derivatives of a program are not computed")
        given = _given(model, names, tensors)
        along = {name: _array(direction) for name, direction in zip(wanted, directions)}
        value, jacobian = model.value_and_grad(wanted, **given)
        weight = _array(ct)
        # By the cotangent: the derivative of the value along the direction.
        shape = np.shape(value)
        if shape != np.broadcast_shapes(*(_lead(model, n, t) for n, t in zip(names, tensors))):
            raise DmciError("second derivatives are of programs whose value is one number")
        moved = np.zeros(shape)
        for name in wanted:
            rank = model.options["arrays"].get(name, 0)
            product = jacobian[name] * along[name]
            moved += product.sum(axis=tuple(range(-rank, 0))) if rank else product
        # By the inputs: the Hessian times the direction, which takes the cotangent of each element.
        scaled = {}
        for name in wanted:
            rank = model.options["arrays"].get(name, 0)
            scaled[name] = along[name] * weight.reshape(weight.shape + (1,) * rank)
        rest = [n for n, needed in zip(names, ctx.needs_input_grad[4:]) if needed]
        for name in rest:
            if name not in scaled:
                tensor = tensors[names.index(name)]
                scaled[name] = np.zeros(tensor.shape)
        bent = model.hvp(scaled, **given)
        by_inputs = [
            _tensor(bent[name], tensors[at]) if name in rest else None for at, name in enumerate(names)
        ]
        return (None, None, None, _tensor(moved, ct), *by_inputs)

    @staticmethod
    def vmap(
        info: Any, in_dims: tuple[Optional[int], ...], model: Model, names: tuple[str, ...],
        wanted: tuple[str, ...], ct: torch.Tensor, *tensors: torch.Tensor,
    ) -> tuple[tuple[torch.Tensor, ...], tuple[int, ...]]:
        size = info.batch_size
        dims = in_dims[4:]
        # What is wanted gets a number for each of the batch, so each has to have numbers of its own.
        own = [
            tensor.expand(size, *tensor.shape) if dim is None and name in wanted else tensor
            for name, dim, tensor in zip(names, dims, tensors)
        ]
        at = [0 if dim is None and name in wanted else dim for name, dim in zip(names, dims)]
        axes = {name: 0 if dim is None else dim for name, dim in zip(names, at)}
        lifted = _lifted(model, names, at, own)
        ct = ct.expand(size, *ct.shape) if in_dims[3] is None else ct.movedim(in_dims[3], 0)
        found = _Vjp.apply(model, names, wanted, ct, *lifted)
        shapes = [own[names.index(name)] for name in wanted]
        moved = [
            x.reshape(t.movedim(axes[name], 0).shape)
            for x, t, name in zip(found, shapes, wanted)
        ]
        return tuple(moved), (0,) * len(moved)


def _lead(model: Model, name: str, tensor: torch.Tensor) -> tuple[int, ...]:
    rank = model.options["arrays"].get(name, 0)
    return tuple(tensor.shape[: tensor.dim() - rank])


def function(model: Model) -> Callable[..., torch.Tensor]:
    """A function of tensors by keyword, differentiable by all of them.

    Its value has the shape that the tensors broadcast to, then the value's own; gradients have the shapes of
    the tensors. It may be batched by `torch.func.vmap`, and differentiated twice where the value is one number:
    a third time is a `DmciError`. Numbers that are no tensors are constants.
    """

    def call(**inputs: Any) -> torch.Tensor:
        names = tuple(inputs)
        tensors = [
            x if isinstance(x, torch.Tensor) else torch.as_tensor(x, dtype=torch.float64)
            for x in inputs.values()
        ]
        if not tensors:
            return torch.as_tensor(model(), dtype=torch.float64)
        value: torch.Tensor = _Value.apply(model, names, *tensors)
        return value

    return call


class Program(torch.nn.Module):
    """A module whose parameters are the program's params, at their initial values.

    The other inputs are given by keyword.
    """

    def __init__(self, model: Model, dtype: torch.dtype = torch.float64) -> None:
        super().__init__()
        self.model = model
        self.names = list(model.params)
        for name, value in model.params.items():
            if "." in name:
                raise DmciError(f"the param `{name}` has a point in its name, which PyTorch refuses")
            self.register_parameter(name, torch.nn.Parameter(torch.tensor(value, dtype=dtype)))
        self._function = function(model)

    def forward(self, **inputs: Any) -> torch.Tensor:
        params = {name: self.get_parameter(name) for name in self.names}
        return self._function(**params, **inputs)
