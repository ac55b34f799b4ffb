"""The posterior of lynx and hare's constants, sampled by blackjax: the program is the density, dmci its gradient.

    pip install blackjax
    python sample_lynx_hare.py [--short]

Priors are those of the case study that samples the same data with Stan: rates about 1 (alpha, gamma) and 0.05 (beta,
delta), the first year's pelts about 10 thousand each, and one deviation of logarithms a species.
"""

from __future__ import annotations

import csv
import pathlib
import sys
from typing import Any

import blackjax
import jax
import jax.numpy as jnp
import numpy as np

import dmci
import dmci.jax

DATA = pathlib.Path(__file__).parent.parent.parent / "examples" / "lynx_hare"
NAMES = ["alpha", "beta", "gamma", "delta", "hare0", "lynx0", "sd_hare", "sd_lynx"]

# Everything is above 0, so its logarithm is sampled: (exp log-x), with the density of the logarithm.
PROGRAM = """
(define (normal x mean sd) (- (- (log sd)) (/ (square (/ (- x mean) sd)) 2)))
(define alpha (exp log_alpha)) (define beta (exp log_beta))
(define gamma (exp log_gamma)) (define delta (exp log_delta))
(define hare0 (exp log_hare0)) (define lynx0 (exp log_lynx0))
(define sd_hare (exp log_sd_hare)) (define sd_lynx (exp log_sd_lynx))
{dynamics}
(define (likelihood states hares lynxes sum)
  (if (null? hares)
      sum
      (likelihood (cdr states) (cdr hares) (cdr lynxes)
        (+ sum (normal (log (car hares)) (log (car (car states))) sd_hare)
               (normal (log (car lynxes)) (log (cadr (car states))) sd_lynx)))))
(+ (likelihood (years {years} (list hare0 lynx0)) '({hares}) '({lynxes}) 0.0)
   (normal alpha 1 0.5) (normal gamma 1 0.5) (normal beta 0.05 0.05) (normal delta 0.05 0.05)
   (normal log_hare0 {ten} 1) (normal log_lynx0 {ten} 1) (normal log_sd_hare -1 1) (normal log_sd_lynx -1 1)
   log_alpha log_beta log_gamma log_delta)
"""


def program() -> str:
    with (DATA / "pelts.csv").open() as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    hares, lynxes = ([row[name] for row in rows] for name in ("hare", "lynx"))
    # The model's own equations, from its text: what stands between its params and its observations.
    text = (DATA / "model.scm").read_text()
    dynamics = text[text.index("(define steps-per-year") : text.index("(observe-series")]
    return PROGRAM.format(
        dynamics=dynamics, years=len(rows), hares=" ".join(hares), lynxes=" ".join(lynxes), ten=float(np.log(10))
    )


def main(short: bool) -> None:
    jax.config.update("jax_enable_x64", True)
    density = dmci.jax.function(dmci.Model(program()))

    def log_density(point: Any) -> Any:
        return density(**{f"log_{name}": x for name, x in point.items()})

    start = dict(zip(NAMES, np.log([0.5, 0.025, 0.8, 0.025, 30.0, 4.0, 0.25, 0.25])))
    point = {name: jnp.asarray(x) for name, x in start.items()}
    steps, draws = (100, 100) if short else (1000, 1000)
    warmup, sampling = jax.random.split(jax.random.key(7))
    adapted = blackjax.window_adaptation(blackjax.nuts, log_density)
    (state, parameters), _ = adapted.run(warmup, point, num_steps=steps)
    kernel = jax.jit(blackjax.nuts(log_density, **parameters).step)

    def one(state: Any, key: Any) -> Any:
        state, _ = kernel(key, state)
        return state, state.position

    _, samples = jax.lax.scan(one, state, jax.random.split(sampling, draws))
    print(f"{'':8} {'mean':>9} {'sd':>9} {'5 %':>9} {'95 %':>9}")
    for name in NAMES:
        x = np.exp(np.asarray(samples[name]))
        low, high = np.quantile(x, [0.05, 0.95])
        print(f"{name:8} {x.mean():9.4f} {x.std():9.4f} {low:9.4f} {high:9.4f}")


if __name__ == "__main__":
    main("--short" in sys.argv[1:])
