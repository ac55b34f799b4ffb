"""One task, a decay with a background fitted to 200 rows, as other libraries have it and as dmci does.

Those that are not installed are left out. Each line says a, b and c, to four digits.
"""

from __future__ import annotations

import numpy as np

import dmci

rng = np.random.default_rng(1)
x = np.linspace(0.0, 5.0, 200)
y = 2.5 * np.exp(-0.8 * x) + 0.5 + rng.normal(scale=0.02, size=x.size)


def told(library: str, a: float, b: float, c: float) -> None:
    print(f"{library}: {a:.4g} {b:.4g} {c:.4g}")


def dmci_fit() -> None:
    model = dmci.Model("(param a 1) (param b 1 (> 0)) (param c 0) (observe y (+ c (* a (exp (* (- b) x)))))")
    told("dmci", **model.fit({"x": x, "y": y}).params)


def scipy_fit() -> None:
    from scipy.optimize import curve_fit

    best, _ = curve_fit(lambda x, a, b, c: a * np.exp(-b * x) + c, x, y, p0=[1.0, 1.0, 0.0])
    told("SciPy", *best)


def lmfit_fit() -> None:
    import lmfit

    model = lmfit.Model(lambda x, a, b, c: a * np.exp(-b * x) + c)
    params = model.make_params(a=1.0, b={"value": 1.0, "min": 0.0}, c=0.0)
    told("lmfit", **model.fit(y, params, x=x).best_values)


def torch_fit() -> None:
    import torch

    import dmci.torch

    model = dmci.torch.Program(dmci.Model("(param a 1) (param b 1) (param c 0) (+ c (* a (exp (* (- b) x))))"))
    at, observed = torch.from_numpy(x), torch.from_numpy(y)
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=200, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = ((model(x=at) - observed) ** 2).sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    told("PyTorch", **{name: float(value) for name, value in model.named_parameters()})


if __name__ == "__main__":
    for fit in (dmci_fit, scipy_fit, lmfit_fit, torch_fit):
        try:
            fit()
        except ImportError as error:
            print(f"left out: {error.name}")
