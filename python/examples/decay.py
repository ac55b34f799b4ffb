"""A decay fitted to noisy data: values, derivatives, a fit with its intervals.

    python examples/decay.py
"""

from __future__ import annotations

import numpy as np

import dmci


def main() -> None:
    model = dmci.Model("(param a 1.0) (param b 1.0 (> 0)) (observe y (* a (exp (* (- b) x))))")
    rng = np.random.default_rng(7)
    x = np.linspace(0.0, 4.0, 40)
    y = 2.5 * np.exp(-0.8 * x) + rng.normal(scale=0.02, size=x.size)

    fitted = model.fit({"x": x, "y": y}, starts=8)
    print(fitted)
    for name, (low, high) in fitted.intervals.items():
        print(f"{name}: 95 % from {low:.4f} to {high:.4f}")
    print("in an hour:", fitted.predict({"x": np.array([60.0])}))

    curve = dmci.Model("(* a (exp (* (- b) x)))")
    value, slope = curve.value_and_grad("b", a=2.5, b=0.8, x=x)
    print("steepest in b at x =", x[np.argmin(slope)], "of", value.shape)


if __name__ == "__main__":
    main()
