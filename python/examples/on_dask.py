"""Many starts of a fit on two workers of Dask, one of which is killed meanwhile; what it had is done again.

    python on_dask.py
"""

from __future__ import annotations

import os
import signal
import threading

import numpy as np
from distributed import Client, LocalCluster

import dmci

SOURCE = """(param a 1.0) (param b 1.0 (> 0)) (param c 0.1 (> 0))
(observe y (* a (exp (* (- c) x)) (sin (* b x))))"""


def main() -> None:
    rng = np.random.default_rng(3)
    x = np.linspace(0.0, 10.0, 150)
    table = {"x": x, "y": 2.0 * np.exp(-0.2 * x) * np.sin(1.3 * x) + rng.normal(scale=0.05, size=x.size)}
    model = dmci.Model(SOURCE)
    alone = model.fit(table, starts=400)
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        with Client(cluster) as client:
            workers = list(client.run(os.getpid).values())
            killer = threading.Timer(0.3, lambda: os.kill(workers[0], signal.SIGKILL))
            killer.start()
            # A client is an executor of `concurrent.futures`; Dask gives what a lost worker had to another.
            spread = model.fit(table, starts=400, executor=client.get_executor(retries=10))
            killer.cancel()
    assert all(np.isclose(spread.params[name], x, rtol=1e-6) for name, x in alone.params.items())
    print("the same as alone:", spread.params)


if __name__ == "__main__":
    main()
