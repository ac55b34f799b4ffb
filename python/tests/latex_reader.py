"""A reader of the formulas that exports to LaTeX are made of.

It reads as a reader of mathematics does, and knows nothing of how the text came about: a sign after a thin
space is a sum, powers bind before products, a function takes what stands in the brackets after it.

    value(text, {"a": 2.5, "x": [1.0, 2.0]}) -> a number, truth, or list of them

A formula is worked out only where it is asked for: an arm that is not taken may be anything.
"""

import re

import numpy as np
from scipy import special

TOKEN = re.compile(r"\s+|\\[A-Za-z]+\*?|\\.|\d+(?:\.\d+)?|[A-Za-z]|.", re.DOTALL)
GREEK = """alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon phi chi
psi omega""".split()
SPACES = {"\\,", "\\;", "\\quad"}
ENDS = {"&", "\\\\", "\\end", "\\right", "}", "]", ")", ",", None}


def half_even(x):
    return np.round(x)


FUNCTIONS = {
    "\\ln": np.log,
    "\\sin": np.sin,
    "\\cos": np.cos,
    "\\tan": np.tan,
    "\\arcsin": np.arcsin,
    "\\arccos": np.arccos,
    "\\arctan": np.arctan,
    "\\sinh": np.sinh,
    "\\cosh": np.cosh,
    "\\tanh": np.tanh,
    "\\sigma": special.expit,
    "\\psi": special.digamma,
    "\\Phi": special.ndtr,
    "\\Gamma": special.gamma,
    "\\mathrm{B}": special.beta,
    "\\min": np.minimum,
    "\\max": np.maximum,
    "\\gcd": lambda a, b: float(np.gcd(int(a), int(b))),
    "lcm": lambda a, b: float(np.lcm(int(a), int(b))),
    "atan2": np.arctan2,
    "erf": special.erf,
    "erfc": special.erfc,
    "round": half_even,
    "trunc": np.trunc,
    "arsinh": np.arcsinh,
    "arcosh": np.arccosh,
    "artanh": np.arctanh,
    "sinc": lambda x: np.float64(1.0) if x == 0 else np.sin(x) / x,
    "sgn": np.sign,
    "rem": np.fmod,
    "logit": special.logit,
}


class Unread(Exception):
    """What no reader of formulas would understand."""


class Reader:
    """Makes a procedure, of the numbers that names stand for, out of a formula."""

    def __init__(self, text):
        self.tokens = [t for t in TOKEN.findall(text) if not t.isspace()]
        self.at = 0

    def peek(self, ahead=0):
        at = self.at + ahead
        return self.tokens[at] if at < len(self.tokens) else None

    def take(self, *expected):
        token = self.peek()
        for one in expected or [token]:
            if self.peek() != one:
                raise Unread(f"`{one}` where `{self.peek()}` stands, after {''.join(self.tokens[max(0, self.at - 12) : self.at])}")
            self.at += 1
        return token

    def takes(self, token):
        if self.peek() != token:
            return False
        self.at += 1
        return True

    def raw(self):
        """What stands in braces, as text."""
        self.take("{")
        depth, text = 1, ""
        while True:
            token = self.take()
            depth += (token == "{") - (token == "}")
            if depth == 0:
                return text
            if token is None:
                raise Unread("a brace is open")
            text += token

    # ---- from what binds last to what binds first ----

    def formula(self):
        left = self.conjunction()
        while self.takes("\\lor"):
            left = (lambda a, b: lambda env: a(env) or b(env))(left, self.conjunction())
        return left

    def conjunction(self):
        left = self.relation()
        while self.takes("\\land"):
            left = (lambda a, b: lambda env: a(env) and b(env))(left, self.relation())
        return left

    def relation(self):
        left = self.sum()
        relations = {
            "=": lambda a, b: a == b,
            "<": lambda a, b: a < b,
            ">": lambda a, b: a > b,
            "\\le": lambda a, b: a <= b,
            "\\ge": lambda a, b: a >= b,
            "\\mid": lambda a, b: b % a == 0,
            "\\nmid": lambda a, b: b % a != 0,
        }
        if self.takes("\\in"):
            self.take("\\mathbb", "{", "Z", "}")
            return lambda env: left(env) == np.floor(left(env))
        if self.peek() not in relations:
            return left
        holds, right = relations[self.take()], self.sum()
        if self.peek() in relations:
            raise Unread("a chain of relations")
        return lambda env: bool(holds(left(env), right(env)))

    def sum(self):
        left = self.product()
        while True:
            while self.peek() in SPACES and self.peek(1) in ("+", "-"):
                self.take()
            if self.takes("+"):
                left = (lambda a, b: lambda env: a(env) + b(env))(left, self.product())
            elif self.takes("-"):
                left = (lambda a, b: lambda env: a(env) - b(env))(left, self.product())
            else:
                return left

    def product(self):
        if self.takes("-"):
            return (lambda a: lambda env: -a(env))(self.product())
        left = self.power()
        while True:
            ahead = self.peek(1)
            if self.peek() in SPACES and ahead not in ENDS and ahead not in ("+", "-"):
                self.take()
                left = (lambda a, b: lambda env: a(env) * b(env))(left, self.power())
            elif self.takes("\\cdot"):
                left = (lambda a, b: lambda env: a(env) * b(env))(left, self.power())
            elif self.takes("\\bmod"):
                left = (lambda a, b: lambda env: np.mod(a(env), b(env)))(left, self.power())
            else:
                return left

    def power(self):
        base = self.atom()
        if not self.takes("^"):
            return base
        exponent = self.group()
        if self.peek() == "^":
            raise Unread("two powers of one base")
        return lambda env: np.power(np.float64(base(env)), np.float64(exponent(env)))

    def group(self):
        if not self.takes("{"):
            return self.atom()
        inner = self.formula()
        self.take("}")
        return inner

    def bracket(self, begin="(", end=")"):
        """The formulas in a bracket, with commas between."""
        self.take("\\left", begin)
        inner = [] if self.peek() == "\\right" else [self.formula()]
        while self.takes(","):
            inner.append(self.formula())
        self.take("\\right", end)
        return inner

    def called(self, function):
        inner = self.bracket()
        return lambda env: function(*(np.float64(one(env)) for one in inner))

    def atom(self):
        token = self.peek()
        if token is None or token in ENDS:
            raise Unread(f"nothing before `{token}`")
        if token[0].isdigit():
            number = np.float64(self.take())
            return lambda env: number
        if token == "\\frac":
            self.take()
            above, below = self.group(), self.group()
            return lambda env: np.divide(np.float64(above(env)), np.float64(below(env)))
        if token == "\\sqrt":
            self.take()
            if self.takes("["):
                self.take("3", "]")
                inner = self.group()
                return lambda env: np.cbrt(inner(env))
            inner = self.group()
            return lambda env: np.sqrt(inner(env))
        if token == "\\left":
            kind = self.peek(1)
            if kind == "|":
                [inner] = self.bracket("|", "|")
                return lambda env: abs(inner(env))
            if kind in ("\\lfloor", "\\lceil"):
                [inner] = self.bracket(kind, kind.replace("\\l", "\\r"))
                down = np.floor if kind == "\\lfloor" else np.ceil
                return lambda env: down(inner(env))
            inner = self.bracket()
            if len(inner) == 1:
                return inner[0]
            return lambda env: [one(env) for one in inner]
        if token == "(":
            self.take()
            inner = self.formula()
            self.take(")")
            return inner
        if token == "\\lnot":
            self.take()
            [inner] = self.bracket()
            return lambda env: not inner(env)
        if token == "\\begin":
            return self.environment()
        if token in ("\\infty", "\\top", "\\bot"):
            self.take()
            constant = {"\\infty": np.float64(np.inf), "\\top": True, "\\bot": False}[token]
            return lambda env: constant
        if token == "e" and self.peek(1) == "^":
            self.take("e", "^")
            exponent = self.group()
            return lambda env: np.exp(exponent(env))
        if token == "\\log":
            self.take("\\log", "_")
            base = self.group()
            [inner] = self.bracket()
            by = {2.0: np.log2, 10.0: np.log10}

            def log(env):
                of, x = base(env), inner(env)
                return by[of](x) if of in by else np.divide(np.log(x), np.log(of))

            return log
        if token == "\\ln" and self.tokens[self.at + 1 : self.at + 4] == ["\\left", "|", "\\Gamma"]:
            # Of what the function is by itself, beyond which it is too large a number.
            self.take("\\ln", "\\left", "|", "\\Gamma")
            inner = self.called(special.gammaln)
            self.take("\\right", "|")
            return inner
        if token == "\\ln" and self.tokens[self.at + 1 : self.at + 4] == ["\\left", "(", "\\mathrm"]:
            self.take("\\ln", "\\left", "(", "\\mathrm", "{", "B", "}")
            inner = self.called(special.betaln)
            self.take("\\right", ")")
            return inner
        if token == "\\operatorname":
            self.take()
            return self.called(FUNCTIONS[self.raw()])
        if token == "\\mathrm":
            self.take()
            word = self.raw()
            if word == "undefined":
                return lambda env: np.float64(np.nan)
            return self.called(FUNCTIONS[f"\\mathrm{{{word}}}"])
        if token == "\\psi" and self.tokens[self.at + 1 : self.at + 6] == ["_", "{", "1", "}", "\\left"]:
            self.take("\\psi", "_", "{", "1", "}")
            return self.called(lambda x: special.polygamma(1, x))
        if token in FUNCTIONS and self.peek(1) == "\\left":
            self.take()
            return self.called(FUNCTIONS[token])
        return self.name()

    def environment(self):
        self.take("\\begin")
        kind = self.raw()
        rows = [[]]
        while True:
            if kind == "cases" and self.peek() == "\\text":
                self.take()
                rows[-1].append(self.formula() if self.raw().strip() == "if" else lambda env: True)
            else:
                rows[-1].append(self.formula())
            if self.takes("\\\\"):
                rows.append([])
            elif not self.takes("&"):
                break
        self.take("\\end")
        if self.raw() != kind:
            raise Unread(f"{kind} is not ended")
        if kind == "pmatrix":
            return lambda env: [[one(env) for one in row] for row in rows]
        if kind != "cases":
            raise Unread(kind)

        def chosen(env):
            return next(value(env) for value, test in rows if test(env))

        return chosen

    def name(self):
        name = self.spelled()
        places = None
        if self.takes("["):
            places = [self.formula()]
            while self.takes(","):
                places.append(self.formula())
            self.take("]")

        def looked(env):
            found = env[name]
            for place in places or []:
                found = found[int(place(env)) - 1]
            return found

        return looked

    def spelled(self):
        """A name as it is spelled: a letter or word, with an index."""
        token = self.take()
        if token == "\\mathit":
            name = self.raw().replace("\\_", "_")
        elif token.startswith("\\") and token[1:] in GREEK:
            name = token[1:]
        elif token.isalpha() and len(token) == 1:
            name = token
        else:
            raise Unread(f"`{token}`")
        if self.takes("_"):
            # Apart from a word that has an underscore itself.
            name += "_{" + self.raw().replace("\\_", "_") + "}"
        return name


class Formulas(dict):
    """Names with their numbers, worked out when they are asked for."""

    def __init__(self, formulas, given):
        super().__init__(given)
        self.formulas = formulas

    def __missing__(self, name):
        if name not in self.formulas:
            raise Unread(f"`{name}` stands for nothing")
        self[name] = self.formulas[name](self)
        return self[name]


def value(text, given):
    """What a text comes to, given numbers in the order of its arguments: a number, a truth, or lists of them."""
    body = "\n".join(line for line in text.splitlines() if not line.startswith("%"))
    begin, end = "\\begin{aligned}", "\\end{aligned}"
    if not (body.strip().startswith(begin) and body.strip().endswith(end)):
        raise Unread("no aligned formulas")
    reader = Reader(body.strip()[len(begin) : -len(end)])
    formulas, arguments, last = {}, [], None
    while reader.peek() is not None:
        if reader.takes("&"):
            # What params are by default.
            reader.take("\\phantom", "{", "=", "}", "\\text")
            break
        name = reader.spelled()
        if reader.peek() == "\\left":
            reader.take("\\left", "(")
            while not reader.takes("\\right"):
                arguments.append(reader.spelled())
                reader.takes(",")
            reader.take(")")
            last = name
        reader.take("&", "=")
        if name in formulas or name in arguments:
            raise Unread(f"`{name}` is two things")
        formulas[name] = reader.formula()
        if not reader.takes("\\\\") and reader.peek() is not None:
            raise Unread(f"`{reader.peek()}` after a formula")
    if len(arguments) != len(given):
        raise Unread(f"{len(arguments)} arguments, and numbers for {len(given)}")
    given = dict(zip(arguments, given.values()))
    with np.errstate(all="ignore"):
        return Formulas(formulas, given)[last]
