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
        if isinstance(value, (float, int, bool, np.ndarray)):
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


def called(function, model, given):
    """Calls with what each argument is called in Python."""
    import inspect
    import re

    # Arguments have the program's names, but for what Python does not allow.
    renamed = re.findall(r"(\w+) \(`([^`]+)` in the program\)", function.__doc__)
    own = {key: name for name, key in renamed}
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
                return numbers(found) if target == "numpy" else [symbolic(x) for x in np.ravel([found])], text
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
        # What shapes are told of comes first.
        names = [*arrays, *(name for name in model.inputs if name not in arrays)]
        try:
            return latex_reader.value(text, {name: given.get(name) for name in names}), text
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


def some(step=1):
    """Programs with numbers as inputs, and a number as their value: these have derivatives."""
    plain = [
        case
        for case in CASES
        if case[2] and isinstance(case[3], (int, float)) and not isinstance(case[3], bool) and all(isinstance(x, float) for x in case[2].values())
    ]
    return plain[::step]


def test_torch():
    torch = pytest.importorskip("torch")
    compared, wrong = 0, []
    for name, model, given, value in some():
        function, text = exported(model, "torch", given)
        if function is None:
            continue
        tensors = {key: torch.tensor(x, dtype=torch.float64, requires_grad=True) for key, x in given.items()}
        found = function(**called(function, model, tensors))
        assert near(found, value), (name, text)
        if math.isnan(value):
            continue
        _, expected = model.value_and_grad(tuple(given), **given)
        found = torch.as_tensor(found)
        if found.requires_grad:
            found.backward()
        for key, tensor in tensors.items():
            slope = 0.0 if tensor.grad is None else float(tensor.grad)
            # PyTorch's own trigamma has nine digits.
            within = 1e-8 if "digamma" in name else NEAR
            if not near(slope, expected[key], within):
                wrong.append((name, key, slope, expected[key], text))
        compared += 1
    print(f"torch: {compared} agree")
    assert not wrong, "\n".join(map(str, wrong))
    assert compared >= 40


def test_jax():
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    compared = 0
    for name, model, given, value in some(3):
        function, text = exported(model, "jax", given)
        if function is None:
            continue
        keys = list(called(function, model, given))
        arguments = list(called(function, model, given).values())
        found = function(**dict(zip(keys, arguments)))
        assert near(found, value), (name, text)
        if math.isnan(value):
            continue
        # Forwards, which a loop of an unknown number of passes has too.
        slopes = jax.jacfwd(lambda *x: function(**dict(zip(keys, x))) * 1.0, tuple(range(len(keys))))(*arguments)
        _, expected = model.value_and_grad(tuple(given), **given)
        for key, slope in zip(keys, slopes):
            if key not in expected:
                continue
            assert near(slope, expected[key]), (name, key, slope, expected[key], text)
        compared += 1
    print(f"jax: {compared} agree")
    assert compared >= 30
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
