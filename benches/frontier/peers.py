"""A peer on one case: python3 peers.py numpy|jax DIRECTORY, where frontier has written the case.

Prints one JSON object: nanoseconds of processor time for value and gradient, warm, on one core, and the value.
Each is written as its users would: whole arrays, no loops over elements. Exit status 3: not for this case.
"""
import json
import os
import resource
import sys
import time

os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
import numpy as np  # noqa: E402


def numbers(directory):
    with open(os.path.join(directory, "case.json")) as file:
        case = json.load(file)
    arrays = {}
    for name, shape in case["shapes"].items():
        flat = np.fromfile(os.path.join(directory, name + ".f64"))
        arrays[name] = flat.reshape(shape) if shape else float(flat[0])
    return case, arrays


def with_numpy(group, v):
    """The hand-derived value and gradient of a case, as a function of a factor near 1."""
    if group == "heat":
        a, u0, lap = v["a"], v["u0"], v["lap"]
        turned = np.ascontiguousarray(lap.T)

        def run(factor):
            k = a * factor
            states = [u0]
            flows = []
            for _ in range(100):
                flows.append(lap @ states[-1])
                states.append(states[-1] + k * flows[-1])
            cotangent, by_a = 2 * states[-1], 0.0
            for flow in reversed(flows):
                by_a += cotangent @ flow
                cotangent = cotangent + k * (turned @ cotangent)
            return states[-1] @ states[-1], by_a, cotangent
    elif group == "mlp":
        x, W1, b1, W2, b2, w3 = (v[k] for k in ("x", "W1", "b1", "W2", "b2", "w3"))

        def run(factor):
            h1 = np.tanh(x[:, None] * W1 + b1)
            h2 = np.tanh(h1 @ W2.T + b2)
            e = h2 @ w3 + v["b3"] * factor - np.sin(x)
            by_e = 2 * e
            by_2 = np.outer(by_e, w3) * (1 - h2 * h2)
            by_1 = (by_2 @ W2) * (1 - h1 * h1)
            return e @ e, x @ by_1, by_1.sum(0), by_2.T @ h1, by_2.sum(0), by_e @ h2, by_e.sum()
    elif group == "nbody":
        p = np.stack([v["px"], v["py"], v["pz"]])
        n = p.shape[1]

        def run(factor):
            g = v["g"] * factor
            d = p[:, :, None] - p[:, None, :]
            square = (d * d).sum(0) + 0.01
            inverse = 1 / np.sqrt(square)
            return -0.5 * (g * inverse.sum() - 10 * g * n), g * (d * (inverse / square)).sum(2)
    elif group == "params":
        w, x = v["w"], v["x"]

        def run(factor):
            s = v["s"] * factor
            t = s * x
            e = np.exp(w * t)
            return (x * np.log(1 + e)).sum(), x * t * e / (1 + e)
    elif group == "gp":
        import scipy.linalg as sl
        y, d2 = v["y"], v["d2"]
        n = len(y)

        def run(factor):
            s2, scale, noise = v["s2"] * factor, v["l"], v["noise"]
            E = np.exp(-0.5 / scale**2 * d2)
            K = s2 * E
            K[np.diag_indices(n)] += noise
            L = sl.cholesky(K, lower=True, check_finite=False)
            a = sl.cho_solve((L, True), y, check_finite=False)
            inverse, _ = sl.lapack.dpotri(L, lower=1)
            inverse = np.tril(inverse) + np.tril(inverse, -1).T
            M = 0.5 * (inverse - np.outer(a, a))
            ME = M * E
            value = 0.5 * y @ a + np.log(np.diag(L)).sum()
            return value, ME.sum(), s2 / scale**3 * (ME * d2).sum(), np.trace(M)
    elif group == "matmul":
        A, B = v["A"], v["B"]

        def run(_):
            AB = A @ B
            return (A * AB).sum(), AB + A @ B.T, A.T @ A
    elif group == "fold":
        x = v["xs"]

        def run(factor):
            e = v["c0"] * factor + x * (v["c1"] + x * v["c2"]) - 0.5
            by_e = 2 * e
            return e @ e, by_e.sum(), by_e @ x, by_e @ (x * x)
    else:
        sys.exit(3)
    return run


def with_jax(group, v, by):
    import jax
    import jax.numpy as jnp
    from jax import lax

    jax.config.update("jax_enable_x64", True)
    v = {name: jnp.asarray(array, dtype=jnp.float64) for name, array in v.items()}

    def value(p):
        q = {**v, **p}
        if group == "heat":
            step = lambda u, _: (u + q["a"] * (q["lap"] @ u), None)
            u, _ = lax.scan(step, q["u0"], None, length=100)
            return u @ u
        if group == "mlp":
            x = q["x"]
            h = jnp.tanh(x[:, None] * q["W1"] + q["b1"])
            h = jnp.tanh(h @ q["W2"].T + q["b2"])
            e = h @ q["w3"] + q["b3"] - jnp.sin(x)
            return e @ e
        if group == "nbody":
            d = [q[name][:, None] - q[name][None, :] for name in ("px", "py", "pz")]
            r = jnp.sqrt(d[0] ** 2 + d[1] ** 2 + d[2] ** 2 + 0.01)
            return -0.5 * (jnp.sum(q["g"] / r) - 10 * q["g"] * len(d[0]))
        if group == "params":
            return jnp.sum(q["x"] * jnp.log(1 + jnp.exp(q["w"] * (q["s"] * q["x"]))))
        if group == "gp":
            import jax.scipy.linalg as jl
            K = q["s2"] * jnp.exp(-0.5 / q["l"] ** 2 * q["d2"]) + q["noise"] * jnp.eye(len(q["y"]))
            L = jl.cholesky(K, lower=True)
            z = jl.solve_triangular(L, q["y"], lower=True)
            return 0.5 * z @ z + jnp.sum(jnp.log(jnp.diag(L)))
        if group == "matmul":
            return jnp.sum(q["A"] * (q["A"] @ q["B"]))
        if group == "pendulum":
            def step(s, _):
                om = s[1] + 0.02 * (-q["gl"] * jnp.sin(s[0]) - q["c"] * s[1])
                return (s[0] + 0.02 * om, om), None
            return lax.scan(step, (jnp.float64(1.2), jnp.float64(0.0)), None, length=size)[0][0]
        if group == "lotka":
            slope = lambda x, y: (q["al"] * x - q["be"] * x * y, q["de"] * x * y - q["ga"] * y)
            def step(s, _):
                (x, y), h = s, 0.005
                k1 = slope(x, y)
                k2 = slope(x + h / 2 * k1[0], y + h / 2 * k1[1])
                k3 = slope(x + h / 2 * k2[0], y + h / 2 * k2[1])
                k4 = slope(x + h * k3[0], y + h * k3[1])
                ends = (z + h / 6 * (k1[n] + 2 * k2[n] + 2 * k3[n] + k4[n]) for n, z in enumerate(s))
                return tuple(ends), None
            return sum(lax.scan(step, (jnp.float64(1.0), jnp.float64(0.5)), None, length=size)[0])
        if group == "kalman":
            def step(s, y):
                x, p, nll = s
                pp = p + q["q"]
                spread = pp + q["r"]
                e, gain = y - x, pp / spread
                return (x + gain * e, (1 - gain) * pp, nll + 0.5 * (jnp.log(spread) + e * e / spread)), None
            start = (jnp.float64(0.0), jnp.float64(1.0), jnp.float64(0.0))
            return lax.scan(step, start, q["ys"])[0][2]
        if group == "fold":
            x = q["xs"]
            e = q["c0"] + x * (q["c1"] + x * q["c2"]) - 0.5
            return e @ e
        if group == "trips":
            def trip(s, i):
                return jnp.where(i < q["n"], q["r"] * (s * (1 - s)), s), None
            most = 100 if size == 1 else size
            s = lax.scan(trip, q["x"], jnp.arange(most))[0]
            return jnp.sum(s * s)
        sys.exit(3)

    both = jax.jit(jax.value_and_grad(value))
    given = {name: v[name] for name in by}
    other = {name: array * (1 + 1e-9) for name, array in given.items()}

    def run(factor):
        out = both(given if factor == 1 else other)
        jax.block_until_ready(out)
        return out
    return run


def median_time(run):
    run(1)
    run(1 + 1e-9)
    clock = time.process_time
    start = clock()
    run(1)
    once = max(clock() - start, 1e-7)
    count = max(2, int(5e-3 / once))
    samples = []
    while len(samples) < 3 or (len(samples) < 15 and sum(samples) * count < 0.7):
        start = clock()
        for i in range(count):
            run(1 if i & 1 else 1 + 1e-9)
        samples.append((clock() - start) / count)
    return 1e9 * float(np.median(samples))


if __name__ == "__main__":
    peer, directory = sys.argv[1:3]
    case, arrays = numbers(directory)
    size = case["size"]
    if peer == "numpy":
        run = with_numpy(case["group"], arrays)
    else:
        run = with_jax(case["group"], arrays, case["by"])
    ns = median_time(run)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"ns": ns, "value": float(run(1)[0]), "peak_kb": peak}))
