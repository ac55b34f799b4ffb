"""Exports beside the model they are of: values, and derivatives where the target has them."""

import json
import math
import pathlib
import types
import warnings

import numpy as np
import pytest

import dmci

ROOT = pathlib.Path(__file__).parent.parent.parent
NEAR = 1e-12
UNARY = """sin cos tan asin acos atan sinh cosh tanh exp log sqrt square sigmoid softplus log1p expm1 logit log-sigmoid
exp2 log2 log10 asinh acosh atanh cbrt sinc erf erfc log-normal-cdf lgamma digamma abs"""
BINARY = "+ - * / expt min max hypot atan log modulo remainder lbeta"


def numbers(value):
    """All numbers of a value, in order."""
    if isinstance(value, (list, tuple)):
        return [x for item in value for x in numbers(item)]
    if hasattr(value, "detach"):
        value = value.detach().numpy()
    return [float(x) for x in np.ravel(np.asarray(value, dtype=float))]


def of_numbers(value):
    """Whether a value is numbers or truths, or lists of them."""
    if isinstance(value, list):
        return len(value) > 0 and all(of_numbers(item) for item in value)
    return isinstance(value, (float, int, bool, np.ndarray))


def flat(value):
    """The items of nested lists, in order."""
    if isinstance(value, (list, tuple)):
        return [x for item in value for x in flat(item)]
    if getattr(value, "is_Matrix", False):
        return list(value)
    return list(np.ravel(value)) if isinstance(value, np.ndarray) else [value]


def symbolic(x):
    """A number or truth of SymPy."""
    if str(x) in ("True", "False"):
        return float(bool(x))
    # Beyond where a real function ends its numbers are complex, and the program's NaN.
    return math.nan if complex(x).imag else complex(x).real


def cases():
    """The workloads, and programs of the corpus whose values are numbers, with their inputs."""
    found = []
    for workload in json.loads((ROOT / "benches" / "workloads.json").read_text()):
        found.append((workload["name"], workload["source"], workload["inputs"]))
    for line in (ROOT / "tests" / "corpus" / "public.jsonl").read_text().splitlines():
        case = json.loads(line)
        if case["kind"] == "value":
            found.append((case["id"], case["source"], case["inputs"]))
    # The functions of mathematics, in and out of branches and loops.
    for f in UNARY.split():
        found.append((f, f"(* a ({f} x))", {"a": 1.7, "x": 1.25 if f == "acosh" else 0.35}))
        looped = f"(let go ((i 0) (y x)) (if (= i 5) y (go (+ i 1) (+ (* 0.1 ({f} y)) (* a y)))))"
        found.append((f"{f} in a loop", looped, {"a": 0.9, "x": 1.5 if f == "acosh" else 0.3}))
        found.append((f"{f} in an arm", f"(if (> x a) 0 ({f} (- x)))", {"a": 0.5, "x": -1.25 if f == "acosh" else -0.3}))
    for f in BINARY.split():
        found.append((f, f"(* a ({f} x b))", {"a": 1.7, "x": 1.25, "b": 2.5}))
    # The examples: columns are any number, what is no number is as large as in small data.
    F = [[0.5, 0.1, -0.2], [0.0, 0.4, 0.3], [0.1, -0.1, 0.6]]
    steps = [[math.sin(7.0 * row * (at + 1.0) + at) for at in range(3)] for row in range(6)]
    sectors = {
        name: {"list": [low + 0.01 * at for at in range(7)]}
        for name, low in dict(
            capitals=2.0, labors=1.0, prices=1.1, shares=0.3, wears=0.05, markups=0.1, speeds=0.2, quits=0.02
        ).items()
    }
    sectors["as"] = {"list": [1.0 + 0.02 * at for at in range(7)]}
    arrays = {"F": F, "obs": steps, "w": steps, "v": steps[::-1], "hare": {"list": list(range(21))}, **sectors}
    waves = {
        name: [[1.5 + math.sin(7.0 * row + 3.0 * at) for at in range(columns)] for row in range(rows)]
        for name, rows, columns in (
            ("registers", 2, 4), ("memory", 4, 4), ("wanted", 4, 4), ("labels", 3, 3), ("instructions", 3, 13),
            ("first", 3, 2), ("second", 3, 2), ("third", 3, 2),
        )
    }
    for path in sorted((ROOT / "examples").glob("*/*.scm")):
        source = path.read_text()
        if path.parent.name == "papers":
            # What the example asks it for: the next year.
            source += "\nnext"
        model = dmci.Model(source)
        free = [one for one in model.inputs if one not in model.params]
        given = {one: arrays.get(one, 1.25) for one in free}
        if path.stem == "machine":
            given = {**waves, "steps": 2.0, "loss-floor": 0.01}
        found.append((f"{path.parent.name}/{path.stem}", source, given))
    kept = []
    for name, source, inputs in found:
        given = {}
        for key, value in inputs.items():
            if isinstance(value, dict):
                given[key] = [float(x) for x in value["list"]]
            elif isinstance(value, list):
                given[key] = np.array(value, dtype=float)
            else:
                given[key] = float(value)
        try:
            value = dmci.evaluate_program(None, source, **given)
            model = dmci.Model(source)
        except dmci.DmciError:
            continue
        if of_numbers(value):
            kept.append((name, model, given, value))
    return kept


CASES = cases()


def exported(model, target, given):
    """The function of an export, and its text; none where the target has no form for it."""
    arrays = {key: value for key, value in given.items() if not isinstance(value, float)}
    try:
        text = model.export(target, inputs=arrays)
    except dmci.DmciError as error:
        assert error.kind == "unsupported" and error.line is not None, error
        return None, str(error)
    module = types.ModuleType("exported")
    exec(compile(text, "<export>", "exec"), module.__dict__)
    return module.program, text


def renamed(function):
    """What arguments are called whose names in the program Python does not allow."""
    import re

    found = re.findall(r"(\w+) \(`([^`]+)` in the program\)", function.__doc__)
    return {key: name for name, key in found}


def in_order(model, given):
    """The program's names in the order of the arguments of its exports."""
    import inspect

    function, _ = exported(model, "numpy", given)
    if function is None:
        # What shapes are told of comes first, and params last.
        arrays = [key for key, one in given.items() if not isinstance(one, float)]
        free = [name for name in model.inputs if name not in arrays and name not in model.params]
        return [*arrays, *free, *model.params]
    own = {name: key for key, name in renamed(function).items()}
    return [own.get(name, name) for name in inspect.signature(function).parameters]


def called(function, model, given):
    """Calls with what each argument is called in Python."""
    import inspect

    own = renamed(function)
    parameters = inspect.signature(function).parameters.values()
    # What is not given is read by no run.
    values = {one.name: math.nan for one in parameters if one.default is one.empty}
    values.update({own.get(key, key): value for key, value in given.items()})
    return {name: value for name, value in values.items() if name in inspect.signature(function).parameters}


def near(found, expected, within=NEAR):
    found, expected = numbers(found), numbers(expected)
    return len(found) == len(expected) and all(
        a == b or (math.isnan(a) and math.isnan(b)) or abs(a - b) <= within * max(1.0, abs(b))
        for a, b in zip(found, expected)
    )


def agreeing(target, cases, worked_out):
    """How many cases come to their values; none may come to others. What is worked out is numbers, or none
    where the target refuses, and the text."""
    agree, refused, wrong = 0, [], []
    for name, model, given, value in cases:
        found, text = worked_out(model, given)
        if found is None:
            refused.append((name, text.splitlines()[0]))
        elif near(found, value):
            agree += 1
        else:
            wrong.append((name, model.source, found, value, text))
    print(f"{target}: {agree} agree; refused: {refused}")
    assert not wrong, "\n".join(map(str, wrong[:5])) + f"\n{len(wrong)}"
    return agree


@pytest.mark.parametrize("target", ["numpy", "sympy"])
def test_values(target):
    pytest.importorskip(target)
    pytest.importorskip("scipy")

    def worked_out(model, given):
        function, text = exported(model, target, given)
        if function is None:
            return None, text
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                found = function(**called(function, model, given))
                return numbers(found) if target == "numpy" else [symbolic(x) for x in flat(found)], text
            except Exception as error:
                return [], f"{error!r}\n{text}"

    assert agreeing(target, CASES, worked_out) >= 200


# Names that look alike, signs side by side, and places that are computed.
UNLIKE = [
    ("(+ x2 (* 10 x_2))", {"x2": 3.0, "x_2": 4.0}),
    ("(let go ((i 0) (x x2)) (if (= i 3) x (go (+ i 1) (+ x (* x x x_2)))))", {"x2": 0.3, "x_2": 0.7}),
    ("(+ (* e (exp x)) (expt e 2) pi)", {"e": 2.0, "x": 0.5, "pi": 3.0}),
    ("(+ (sigmoid sigma) (* sigma psi (digamma psi)))", {"sigma": 0.4, "psi": 1.7}),
    ("(- (- a) (- (* -2 x) -3.5e-9))", {"a": 2.0, "x": 0.5}),
    ("(* a -1e-9 (- x) (expt (- x) 3) (/ a (- x 7)))", {"a": 2.0, "x": 0.5}),
    ("(* program (list-ref (list 1.5 2.5 3.5) (round k)) (vector-ref (vector 1 2 3) (modulo k 3)))", {"program": 2.0, "k": 2.0}),
    ("(+ (vector-ref x (modulo k 3)) (vector-ref x 2))", {"x": np.array([1.0, 2.0, 5.0]), "k": 4.0}),
    ("(if (and (> a 1) (or (< x 1) (not (= a 2)))) (if (> a x) (- a x) 3) (- a))", {"a": 3.0, "x": 0.5}),
]


def test_latex():
    """Formulas as a reader understands them, who knows nothing of the program."""
    pytest.importorskip("scipy")
    import latex_reader

    def worked_out(model, given):
        arrays = {key: one for key, one in given.items() if not isinstance(one, float)}
        try:
            text = model.export("latex", inputs=arrays)
        except dmci.DmciError as error:
            assert error.kind == "unsupported" and error.line is not None, error
            return None, str(error)
        names = in_order(model, given)
        try:
            known = with_params(model, given)
            return latex_reader.value(text, {name: known.get(name) for name in names}), text
        except Exception as error:
            return [], f"{error!r}\n{text}"

    unlike = [(s, dmci.Model(s), g, dmci.evaluate_program(None, s, **g)) for s, g in UNLIKE]
    assert agreeing("latex", CASES + unlike, worked_out) >= 300


def test_numpy_broadcasts(rng):
    x = rng.uniform(0, 10, 1000)
    for source in [
        "(if (< x knee) (- 1.0 (* a x)) (* a (log x)))",
        "(let go ((x x) (n 0)) (if (< x 1) (+ n a) (go (/ x (+ 1 knee)) (+ n 1))))",
        "(let go ((i 0) (y x)) (if (= i 20) y (go (+ i 1) (+ y (* a (sin (/ y knee)))))))",
    ]:
        model = dmci.Model(source)
        function, text = exported(model, "numpy", {})
        found = function(a=0.02, knee=3.0, x=x)
        np.testing.assert_allclose(found, model(a=0.02, knee=3.0, x=x), rtol=1e-12, err_msg=text)


def slopes(model, given, value):
    """The derivatives of the sum of a value's numbers, by all that is given and all params; None where the
    interpreter has none."""
    if not numbers(value) or any(isinstance(x, bool) for x in flat(value)):
        return None
    names = [name for name in (*given, *model.params) if name in model.inputs]
    if not names:
        return None
    ranked = {
        name: dmci.Array(one, one.ndim) if isinstance(one, np.ndarray) else one for name, one in given.items()
    }
    ranked = {name: one for name, one in ranked.items() if name in model.inputs}
    try:
        return model.vjp(1.0, names, **ranked)
    except dmci.DmciError:
        return None


def with_params(model, given):
    """What is given, and the params' own values."""
    return {**model.params, **given}


class Compared:
    """What came of one target."""

    def __init__(self, target):
        self.target, self.values, self.gradients = target, 0, 0
        self.refused, self.wrong = [], []

    def add(self, name, found, expected, text):
        if near(found, expected):
            self.values += 1
        else:
            self.wrong.append((name, found, expected, text))

    def add_slopes(self, name, found, expected, text):
        # What has no derivative at all is not compared: a distance at 0, and its like.
        if not all(math.isfinite(x) for x in numbers(expected)):
            return
        # PyTorch's own trigamma has nine digits. A matrix squared twenty times doubles its rounding as often, and
        # XLA rounds products and sums together.
        is_rough = self.target == "torch" and "digamma" in name or name.endswith("/radius")
        within = 1e-8 if is_rough else NEAR
        if near(found, expected, within):
            self.gradients += 1
        else:
            self.wrong.append((f"{name}, derivatives", found, expected, text))

    def told(self):
        print(f"{self.target}: {self.values} values and {self.gradients} gradients agree; refused: {self.refused}")
        assert not self.wrong, "\n".join(map(str, self.wrong[:5])) + f"\n{len(self.wrong)}"


def test_torch():
    torch = pytest.importorskip("torch")
    compared = Compared("torch")
    for name, model, given, value in CASES:
        function, text = exported(model, "torch", given)
        if function is None:
            compared.refused.append((name, text.splitlines()[0]))
            continue
        tensors = {
            key: torch.tensor(np.asarray(x), dtype=torch.float64, requires_grad=True)
            for key, x in with_params(model, given).items()
        }
        found = function(**called(function, model, tensors))
        compared.add(name, found, value, text)
        expected = slopes(model, given, value)
        if expected is None:
            continue
        parts = flat(found)
        total = sum(torch.as_tensor(one, dtype=torch.float64).sum() for one in parts)
        if total.requires_grad:
            total.backward()
        own = {key: np.zeros(t.shape) if t.grad is None else t.grad.numpy() for key, t in tensors.items()}
        compared.add_slopes(name, [own[key] for key in expected], list(expected.values()), text)
    compared.told()
    assert compared.values >= 400 and compared.gradients >= 155


def test_jax():
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    compared = Compared("jax")
    for name, model, given, value in CASES:
        function, text = exported(model, "jax", given)
        if function is None:
            compared.refused.append((name, text.splitlines()[0]))
            continue
        arguments = called(function, model, with_params(model, given))
        expected = slopes(model, given, value)
        own_names = renamed(function)
        wanted = {own_names.get(key, key) for key in expected or ()}
        moved = {key: np.asarray(x, dtype=float) for key, x in arguments.items() if key in wanted}
        rest = {key: x for key, x in arguments.items() if key not in moved}

        def both(moved):
            found = function(**moved, **rest)
            parts = flat(found)
            return sum(jax.numpy.sum(jax.numpy.asarray(x, dtype=float)) for x in parts), found

        # A loop of an unknown number of passes has derivatives forwards alone.
        by = jax.jacfwd if "while_loop" in text else jax.grad
        if moved:
            own, found = jax.jit(by(both, has_aux=True))(moved)
        else:
            own, found = {}, function(**rest)
        compared.add(name, found, value, text)
        if expected is not None:
            # What the function does not take, it does not depend on.
            zero = {key: np.zeros(np.shape(x)) for key, x in expected.items()}
            own = [own.get(own_names.get(key, key), zero[key]) for key in expected]
            compared.add_slopes(name, own, list(expected.values()), text)
    compared.told()
    assert compared.values >= 400 and compared.gradients >= 155
    counted = "(let go ((i 0) (y x)) (if (= i 20) y (go (+ i 1) (+ y (* a (sin y))))))"
    function, text = exported(dmci.Model(counted), "jax", {})
    slope = jax.jit(jax.grad(function, argnums=0))(0.3, 0.1)
    assert "lax.scan" in text
    assert near(slope, dmci.Model(counted).jacobian("x" if "def program(x" in text else "a", x=0.3, a=0.1))


def test_a_fit_is_exported_with_its_estimates():
    x = np.linspace(0, 3, 20)
    model = dmci.Model("(param a 1.0) (param b 0.5) (* a (exp (* (- b) x)))")
    fit = model.fit({"x": x, "y": 2.5 * np.exp(-0.8 * x)}, target="y", starts=4)
    function, text = exported(model, "numpy", {})
    module = types.ModuleType("fitted")
    exec(fit.export("numpy", name="decay"), module.__dict__)
    np.testing.assert_allclose(module.decay(x), fit.fitted, rtol=1e-12)
    assert f"a={fit.params['a']!r}" in fit.export("numpy")
    assert ".a = " in fit.export("c") and "with" in fit.export("latex")


def test_what_does_not_fit():
    model = dmci.Model("(* a x)")
    for call, words in [
        (lambda: model.export("fortran"), "latex"),
        (lambda: model.export("c", name="a b"), "name"),
        (lambda: model.export("c", inputs={"z": 1.0}), "z"),
        (lambda: dmci.Model("(if (> x 0) '(1) '())").export("numpy"), "arms"),
        (lambda: dmci.Model("(lambda (x) x)").export("jax"), "procedure"),
    ]:
        with pytest.raises(dmci.DmciError, match=words):
            call()
