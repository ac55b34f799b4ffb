"""Many starts of a fit on two workers of Ray, one of which is killed meanwhile; what it had is done again.

    python on_ray.py
"""

from __future__ import annotations

import os
import signal
from concurrent.futures import Executor, Future
from typing import Any, Callable

import numpy as np
import ray

import dmci

SOURCE = """(param a 1.0) (param b 1.0 (> 0)) (param c 0.1 (> 0))
(observe y (* a (exp (* (- c) x)) (sin (* b x))))"""


class OnRay(Executor):
    """Tasks of Ray as an executor; those of a worker that dies are done again, so often."""

    def __init__(self, retries: int = 5) -> None:
        @ray.remote(max_retries=retries, num_cpus=1)
        def done(work: Callable[..., Any], arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
            return work(*arguments, **named)

        self.done = done

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = self.done.remote(fn, args, kwargs).future()
        return future


@ray.remote(num_cpus=1, max_retries=0)
def killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    rng = np.random.default_rng(3)
    x = np.linspace(0.0, 10.0, 150)
    table = {"x": x, "y": 2.0 * np.exp(-0.2 * x) * np.sin(1.3 * x) + rng.normal(scale=0.05, size=x.size)}
    model = dmci.Model(SOURCE)
    alone = model.fit(table, starts=400)
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, configure_logging=False)
    lost = killed.remote()
    spread = model.fit(table, starts=400, executor=OnRay())
    try:
        ray.get(lost)
    except ray.exceptions.WorkerCrashedError:
        pass
    ray.shutdown()
    assert all(np.isclose(spread.params[name], x, rtol=1e-6) for name, x in alone.params.items())
    print("the same as alone:", spread.params)


if __name__ == "__main__":
    main()
