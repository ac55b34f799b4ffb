//! A generator of programs: a seed goes in, a well-formed program with inputs comes out.
//!
//! Programs use all core and derived forms, soft ones too, closures, lists, quasiquotes, params and literals, macros,
//! records, several values, promises, densities, roots and the prelude's lists; they steer by inputs, shadow names, and fail now and then. Loops have bounded trips, but programs may be
//! long: run them with little fuel, running out of which is an answer as good as any.
//!
//! **Invariants**
//! - Equal seeds give equal programs.
//! - Names are used where they are bound, with the type they are bound to, but for the failures
//!   that are made on purpose.
//!
//! ```text
//! (define (f a n) (if (<= n 0) (* a 1.5) (f (+ a x) (- n 1))))
//! (let* ((u (f y 3)) (v (if (> u 2.5) (sin u) 0))) (list u v))
//! ```

mod arrays;
mod further;

pub(crate) use arrays::{ARRAYS, array_inputs, generate_with_arrays};

use crate::random::Random;
use std::fmt::Write as _;

/// The inputs of programs that are numbers: all, but for [`ARRAYS`] where they are asked for.
pub(crate) const INPUTS: [&str; 3] = ["x", "y", "z"];

/// Input values where branches change: ties with each other and with literals.
const STEEP: [f64; 12] = [
    0.0, 1.0, -1.0, 0.5, 2.0, -2.5, 3.0, 1.5, -0.0, 100.0, 1e-3, -7.0,
];

/// A program.
pub(crate) struct Generated {
    pub(crate) seed: u64,
    pub(crate) source: String,
    /// The float literals of its code, as `@line:column`.
    pub(crate) literals: Vec<String>,
    /// Its params.
    pub(crate) params: Vec<String>,
}

/// Inputs at which branches are likely to change.
pub(crate) fn steep_inputs(random: &mut Random) -> [f64; 3] {
    [(); 3].map(|()| {
        if random.percent(70) {
            STEEP[random.below(STEEP.len())]
        } else {
            random.between(-3.0, 3.0)
        }
    })
}

/// Numbers where arithmetic leaves the reals or nearly so, and where slopes have become 0.
const SPECIAL: [f64; 9] = [
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::NAN,
    1e308,
    5e-324,
    -1e-170,
    9_007_199_254_740_993.0,
    40.0,
    -40.0,
];

/// Inputs of which one or more are special.
pub(crate) fn special_inputs(random: &mut Random) -> [f64; 3] {
    let mut inputs = steep_inputs(random);
    inputs[random.below(3)] = SPECIAL[random.below(SPECIAL.len())];
    if random.percent(30) {
        inputs[random.below(3)] = SPECIAL[random.below(SPECIAL.len())];
    }
    inputs
}

/// Inputs at which nothing special happens, almost surely.
pub(crate) fn smooth_inputs(random: &mut Random) -> [f64; 3] {
    [(); 3].map(|()| random.between(-2.0, 2.0))
}

/// Marks the start of a literal in the text; removed in the end.
const MARK: char = '\u{1}';

/// Makes a program of about `size` expressions.
pub(crate) fn generate(seed: u64, size: usize) -> Generated {
    Generator::new(seed, size).generated(seed)
}

fn unmark(marked: &str) -> (String, Vec<String>) {
    let mut source = String::new();
    let mut literals = Vec::new();
    let (mut line, mut column) = (1, 1);
    for c in marked.chars() {
        match c {
            MARK => literals.push(format!("@{line}:{column}")),
            '\n' => {
                source.push(c);
                line += 1;
                column = 1;
            }
            c => {
                source.push(c);
                column += 1;
            }
        }
    }
    (source, literals)
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Type {
    Number,
    Boolean,
    /// A list of numbers.
    List,
    /// A vector of three numbers.
    Vector,
    /// A matrix of three rows and columns.
    Matrix,
    /// A procedure from so many numbers to a number.
    Procedure(usize),
    /// A name that must not be used where it is bound: it hides a primitive or a form.
    Hidden,
}

struct Generator {
    random: Random,
    scope: Vec<(String, Type)>,
    params: Vec<String>,
    names: usize,
    /// How many more expressions there may be before all become leaves.
    fuel: usize,
    failures: bool,
    /// Whether there are lists, vectors and matrices among the inputs.
    arrays: bool,
    /// Whether a macro's template is made, in which there are no macros: `...` would be its own.
    in_template: bool,
}

impl Generator {
    fn new(seed: u64, size: usize) -> Self {
        let mut random = Random::new(seed);
        let failures = random.percent(15);
        Self {
            random,
            scope: Vec::new(),
            params: Vec::new(),
            names: 0,
            fuel: size,
            failures,
            arrays: false,
            in_template: false,
        }
    }

    fn generated(mut self, seed: u64) -> Generated {
        let marked = self.program();
        let (source, literals) = unmark(&marked);
        Generated {
            seed,
            source,
            literals,
            params: self.params,
        }
    }

    fn program(&mut self) -> String {
        let mut out = String::new();
        for name in INPUTS {
            self.scope.push((name.to_owned(), Type::Number));
        }
        if self.arrays {
            self.array_inputs();
        }
        for (index, constraint) in ["", " (> -10.0)", " (between -3 3)"].iter().enumerate() {
            if self.random.percent(25) {
                let name = format!("p{index}");
                let init = self.random.between(-2.0, 2.0);
                let _ = writeln!(out, "(param {name} {init:.2}{constraint})");
                self.params.push(name.clone());
                self.scope.push((name, Type::Number));
            }
        }
        for _ in 0..self.random.below(3) {
            out += &self.definition();
            out.push('\n');
        }
        let body = match self.random.below(10) {
            0..=7 if self.arrays => self.steered_number(),
            0..=5 => self.number(5),
            6 => self.boolean(5),
            7 => self.list(5),
            _ => {
                let items = [self.number(4), self.list(3), self.number(4)];
                self.application("list", &items)
            }
        };
        out + &body
    }

    fn definition(&mut self) -> String {
        match self.random.below(4) {
            0 => {
                let init = self.number(3);
                let name = self.fresh();
                self.scope.push((name.clone(), Type::Number));
                format!("(define {name} {init})")
            }
            1 => {
                let (name, lambda) = (self.fresh(), self.lambda(1, 3));
                self.scope.push((name.clone(), Type::Procedure(1)));
                format!("(define {name} {lambda})")
            }
            _ => {
                // Recursion with a counter, tail or not.
                let (name, a, n) = (self.fresh(), self.fresh(), self.fresh());
                let depth = self.scope.len();
                self.scope.push((a.clone(), Type::Number));
                self.scope.push((n.clone(), Type::Number));
                let stop = self.number(3);
                let step = self.number(3);
                let call = if self.random.percent(50) {
                    format!("({name} {step} (- {n} 1))")
                } else {
                    format!("(+ {step} ({name} {a} (- {n} 1)))")
                };
                self.scope.truncate(depth);
                let trips = self.random.below(4) + 1;
                let test = self.random.pick(&["<= n 0", "zero? n", "< n 1", "> 1 n"]);
                let test = test.replace('n', &n);
                let wrapped = self.fresh();
                self.scope.push((wrapped.clone(), Type::Procedure(1)));
                format!(
                    "(define ({name} {a} {n}) (if ({test}) {stop} {call}))\n\
                     (define ({wrapped} {a}) ({name} {a} {trips}))"
                )
            }
        }
    }

    // ---- names ---------------------------------------------------------------------------------

    fn fresh(&mut self) -> String {
        self.names += 1;
        format!("v{}", self.names)
    }

    /// A name for a new variable of a type: a fresh one, or one that hides another.
    fn bind(&mut self, kind: Type) -> String {
        let name = if self.random.percent(12) {
            let hidden = ["abs", "max", "map", "list", "when", "x", "case", "else"];
            self.random.pick(&hidden).to_owned()
        } else {
            self.fresh()
        };
        let standard = !name.starts_with('v') && name != "x";
        let kind = if standard { Type::Hidden } else { kind };
        self.scope.push((name.clone(), kind));
        name
    }

    /// Whether a name means what it usually does.
    fn is_free(&self, name: &str) -> bool {
        self.scope.iter().all(|(bound, _)| bound != name)
    }

    fn variable(&mut self, kind: Type) -> Option<String> {
        let visible: Vec<&str> = self
            .scope
            .iter()
            .enumerate()
            .filter(|(index, (name, found))| {
                *found == kind
                    && self.scope[index + 1..]
                        .iter()
                        .all(|(later, _)| later != name)
            })
            .map(|(_, (name, _))| name.as_str())
            .collect();
        if visible.is_empty() {
            return None;
        }
        let index = self.random.below(visible.len());
        Some(visible[index].to_owned())
    }

    fn application(&self, name: &str, arguments: &[String]) -> String {
        assert!(!arguments.is_empty());
        if self.is_free(name) {
            format!("({name} {})", arguments.join(" "))
        } else {
            // Whoever hides the name has one number for it.
            match name {
                "list" => {
                    let items: Vec<String> = arguments.iter().map(|a| format!(",{a}")).collect();
                    format!("`({})", items.join(" "))
                }
                _ => format!("(+ {})", arguments.join(" ")),
            }
        }
    }

    // ---- numbers -------------------------------------------------------------------------------

    fn leaf(&mut self) -> String {
        match self.random.below(10) {
            0..=1 => format!("{}", self.random.below(7) as f64 - 2.0),
            2..=3 => self.literal(),
            _ => self.variable(Type::Number).unwrap_or_else(|| "1".into()),
        }
    }

    fn literal(&mut self) -> String {
        let literals = [
            "0.5", "1.5", "2.5", "-1.0", "0.0", "3.", ".25", "1e-1", "2.0", "-2.5", "1e2",
        ];
        format!("{MARK}{}", self.random.pick(&literals))
    }

    fn number(&mut self, depth: usize) -> String {
        if depth == 0 || self.fuel == 0 {
            return self.leaf();
        }
        self.fuel -= 1;
        let depth = depth - 1;
        if self.failures && self.random.percent(6) {
            return if self.arrays {
                self.steered_failure(depth)
            } else {
                self.failure(depth)
            };
        }
        match self.random.below(39) {
            0..=1 => self.leaf(),
            34..=38 => self.further(depth),
            30..=31 => self.soft(depth),
            32..=33 => self.of_vectors(depth),
            2..=4 if self.arrays => self.of_arrays(depth),
            2..=7 => self.arithmetic(depth),
            8..=13 => self.choice(Type::Number, depth),
            14..=16 => self.binding(Type::Number, depth),
            17..=19 => self.repetition(depth),
            20..=21 => self.call(depth),
            22..=24 => self.of_list(depth),
            25 => {
                let (first, second) = (self.number(depth), self.number(depth));
                format!("(begin {first} {second})")
            }
            26 => self.equal_test_as_key(depth),
            27 => {
                let (list, count) = (self.list(depth), self.random.below(3));
                format!("(+ {count} (length {list}))")
            }
            28 => {
                let (a, b) = (self.number(depth), self.number(depth));
                let name = self
                    .random
                    .pick(&["apply + ", "apply * 2 ", "apply max 1 "]);
                if self.is_free("list") && self.is_free("max") {
                    format!("({name}(list {a} {b}))")
                } else {
                    a
                }
            }
            _ => {
                let (test, a) = (self.boolean(depth), self.number(depth));
                format!("(or (and {test} {a}) {})", self.leaf())
            }
        }
    }

    /// A number that comes by vectors or matrices, small ones or some that are blocks.
    fn of_vectors(&mut self, depth: usize) -> String {
        if self.arrays && self.random.percent(60) {
            return self.of_arrays(depth);
        }
        let (a, b) = (self.number(depth), self.number(depth));
        let (c, d) = (self.leaf(), self.leaf());
        let forms = [
            ("vec dot", format!("(dot [{a} {b}] [{c} {d}])")),
            ("vec vsum", format!("(vsum (* {c} [{a} {b} 1]))")),
            (
                "vec ref floor abs modulo",
                format!("(ref [{a} {b} {c}] (modulo (floor {d}) 3))"),
            ),
            ("vec mat det", format!("(det (mat [{a} {b}] [{c} {d}]))")),
            (
                "vec mat inv trace",
                format!("(trace (inv (mat [{a} {c}] [{d} {b}])))"),
            ),
            (
                "vec norm normalize",
                format!("(vsum (normalize [{a} {b} 2.5]))"),
            ),
            (
                "vec mat solve vsum",
                format!("(vsum (solve (mat [{a} {c} 1] [2 {b} 0] [{d} 1 3]) [1 {c} {d}]))"),
            ),
            (
                "vec outer matmul eye trace transpose",
                format!(
                    "(let ((m (+ (eye 5) (outer [{a} {b} 1 2 {c}] [{d} 1 {a} 0 1])))) \
                       (trace (matmul m (transpose m))))"
                ),
            ),
            (
                "vec outer eye logdet cholesky matvec vsum",
                format!(
                    "(let ((m (+ (eye 5) (outer [{c} {d} 1 2 3] [{c} {d} 1 2 3])))) \
                       (+ (logdet m) (vsum (matvec (cholesky m) [{a} {b} 0 1 2]))))"
                ),
            ),
            (
                "vec sum variance list prod mean",
                format!(
                    "(+ (sum (list {a} {b} 2)) (variance [{a} {c} 1]) (prod [{b} 2]) (mean [{d} 1]))"
                ),
            ),
            (
                "vec list sort list-ref cumsum ref argmax",
                format!(
                    "(+ (list-ref (sort (list {a} {b} {c})) 1) (ref (cumsum [{a} {d}]) 1) (argmax [{a} {b} 1]))"
                ),
            ),
            (
                "vec list softmax logsumexp ref",
                format!("(+ (ref (softmax [{a} {b} 1]) 0) (logsumexp (list {c} {d})))"),
            ),
            (
                "vec interp",
                format!(
                    "(interp {a} [-1 0.25 2] [{b} 3 {c}] '{})",
                    ["linear", "constant"][self.random.below(2)]
                ),
            ),
            (
                "vec mat vsum expm",
                format!("(vsum (expm (/ (mat [{a} {c}] [{d} {b}]) 8)))"),
            ),
            (
                "vec mat vsum solve-triangular concat slice",
                format!(
                    "(vsum (solve-triangular (mat [2 {a}] [{b} 3]) (slice (concat {c} [1 {d}]) 1 3)))"
                ),
            ),
            (
                "vec vlen rows equal?",
                format!("(if (equal? [{a} 1] [{c} 1]) (vlen [1 2]) {b})"),
            ),
        ];
        let (names, form) = &forms[self.random.below(forms.len())];
        let usable = names.split(' ').all(|name| self.is_free(name));
        if usable && self.is_free("let") && self.is_free("if") && self.is_free("+") {
            form.clone()
        } else {
            a
        }
    }

    /// A blend where a choice could be.
    fn soft(&mut self, depth: usize) -> String {
        let (a, b) = (self.number(depth), self.number(depth));
        let (c, d) = (self.number(depth), self.leaf());
        if self.random.percent(50) && self.is_free("soft-if") {
            format!("(soft-if {c} {d} {a} {b})")
        } else if self.is_free("soft-choice") && self.is_free("list") {
            format!("(soft-choice ({a} {b} {d}) (list {c} {d} 0))")
        } else {
            b
        }
    }

    fn arithmetic(&mut self, depth: usize) -> String {
        const BINARY: [&str; 9] = ["+", "-", "*", "+", "*", "min", "max", "-", "/"];
        const UNARY: [&str; 16] = [
            "sin", "cos", "exp", "tanh", "sqrt", "log", "abs", "-", "square", "sigmoid", "floor",
            "atan", "softplus", "round", "exact", "/",
        ];
        const FURTHER: [&str; 20] = [
            "log1p",
            "expm1",
            "erf",
            "erfc",
            "cbrt",
            "asinh",
            "acosh",
            "atanh",
            "sinc",
            "sign",
            "log-sigmoid",
            "logit",
            "log1mexp",
            "log2",
            "log10",
            "exp2",
            "log-normal-cdf",
            "lgamma",
            "digamma",
            "trigamma",
        ];
        if self.random.percent(15) {
            if self.random.percent(15) {
                let name = self.random.pick(&["hypot", "lbeta"]);
                let arguments = [self.number(depth), self.number(depth)];
                return self.application(name, &arguments);
            }
            let name = self.random.pick(&FURTHER);
            let argument = self.number(depth);
            return self.application(name, &[argument]);
        }
        match self.random.below(10) {
            0..=5 => {
                let name = self.random.pick(&BINARY);
                let mut arguments = vec![self.number(depth), self.number(depth)];
                if self.random.percent(15) && name != "atan" {
                    arguments.push(self.number(depth));
                }
                self.application(name, &arguments)
            }
            6..=8 => {
                let name = self.random.pick(&UNARY);
                let argument = self.number(depth);
                self.application(name, &[argument])
            }
            _ => {
                let name = self
                    .random
                    .pick(&["expt", "modulo", "atan", "log", "quotient"]);
                let arguments = [self.number(depth), self.number(depth)];
                self.application(name, &arguments)
            }
        }
    }

    /// `case` on a number, which depends on inputs or not.
    fn equal_test_as_key(&mut self, depth: usize) -> String {
        let key = self.number(depth);
        let (a, b, c) = (self.number(depth), self.number(depth), self.number(depth));
        if self.is_free("case") && self.is_free("else") {
            format!("(case (round {key}) ((0 1) {a}) ((2 -1 3) {b}) (else {c}))")
        } else {
            format!("(if (= {key} 1) {a} {b})")
        }
    }

    // ---- forms that give any type --------------------------------------------------------------

    fn any(&mut self, kind: Type, depth: usize) -> String {
        match kind {
            Type::Boolean => self.boolean(depth),
            Type::List => self.list(depth),
            Type::Vector => self.vector(depth),
            Type::Matrix => self.matrix(depth),
            _ => self.number(depth),
        }
    }

    fn choice(&mut self, kind: Type, depth: usize) -> String {
        let test = self.boolean(depth);
        let (a, b) = (self.any(kind, depth), self.any(kind, depth));
        match self.random.below(6) {
            0 if self.is_free("else") => {
                let (other, c) = (self.boolean(depth), self.any(kind, depth));
                format!("(cond ({test} {a}) ({other} {c}) (else {b}))")
            }
            1 if self.is_free("else") => {
                let key = self.leaf();
                format!(
                    "(cond ((assv {key} '((1 . 2) (0 . 3))) {a}) ((memv 2 (cons {key} '())) => (lambda (found) {b})) (else {b}))"
                )
            }
            2 if self.is_free("when") => format!("(begin (when {test} {a}) {b})"),
            _ => format!("(if {test} {a} {b})"),
        }
    }

    fn binding(&mut self, kind: Type, depth: usize) -> String {
        let outside = self.scope.len();
        let form = self
            .random
            .pick(&["let", "let*", "letrec", "body", "letrec*"]);
        let mut bindings = Vec::new();
        let mut bound = Vec::new();
        for _ in 0..=self.random.below(3) {
            let sequential = form != "let";
            let (init, init_type) = match self.random.below(if self.arrays { 9 } else { 6 }) {
                6..=7 => (self.vector(depth), Type::Vector),
                8 => (self.matrix(depth), Type::Matrix),
                0 => (self.list(depth), Type::List),
                1 => (self.boolean(depth), Type::Boolean),
                2 => (self.lambda(1, depth), Type::Procedure(1)),
                _ => (self.number(depth), Type::Number),
            };
            // The name is bound after its init is made, so that the init does not use it.
            let name = loop {
                let before = self.scope.len();
                let name = self.bind(init_type);
                let twice = bindings.iter().any(|(other, _)| *other == name);
                // Sibling inits of a letrec must not meet the name.
                if (twice && form != "let*") || (!name.starts_with('v') && form != "let") {
                    self.scope.truncate(before);
                    continue;
                }
                break name;
            };
            if !sequential {
                bound.extend(self.scope.pop());
            }
            bindings.push((name, init));
        }
        self.scope.extend(bound);
        let body = self.any(kind, depth);
        self.scope.truncate(outside);
        let list: Vec<String> = bindings
            .iter()
            .map(|(name, init)| format!("({name} {init})"))
            .collect();
        if form == "body" {
            let defines: Vec<String> = bindings
                .iter()
                .map(|(name, init)| format!("(define {name} {init})"))
                .collect();
            return format!("(let ()\n {}\n {body})", defines.join("\n "));
        }
        format!("({form} ({})\n {body})", list.join(" "))
    }

    /// A loop to a number, of few trips; its exit depends on inputs or not.
    fn repetition(&mut self, depth: usize) -> String {
        let trips = self.random.below(5);
        let (i, acc) = (self.fresh(), self.fresh());
        let start = self.number(depth);
        let outside = self.scope.len();
        self.scope.push((acc.clone(), Type::Number));
        self.scope.push((i.clone(), Type::Number));
        let step = self.number(depth);
        let early = self.boolean(depth.min(2));
        let result = self.number(depth.min(1));
        self.scope.truncate(outside);
        match self.random.below(5) {
            0 => format!(
                "(do (({i} 0 (+ {i} 1)) ({acc} {start} {step}))\n  ((= {i} {trips}) {result}))"
            ),
            1 => format!(
                "(do (({i} {trips} (- {i} 1)) ({acc} {start} {step})) ((or (< {i} 1) {early}) {acc}) {result})"
            ),
            2 => format!(
                "(loop (({i} 0) ({acc} {start}))\n  (if (and (< {i} {trips}) {early}) (recur (+ {i} 1) {step}) {result}))"
            ),
            3 => {
                let name = self.fresh();
                format!(
                    "(let {name} (({i} 0) ({acc} {start})) (cond ((>= {i} {trips}) {acc}) ({early} {result}) (#t ({name} (+ {i} 1) {step}))))"
                )
            }
            _ => {
                let name = self.fresh();
                format!(
                    "(let {name} (({i} 0) ({acc} {start}))\n  (if (= {i} {trips}) {result} (+ {acc} ({name} (+ {i} 1) {step}))))"
                )
            }
        }
    }

    fn lambda(&mut self, count: usize, depth: usize) -> String {
        let outside = self.scope.len();
        let names: Vec<String> = (0..count).map(|_| self.fresh()).collect();
        for name in &names {
            self.scope.push((name.clone(), Type::Number));
        }
        let body = self.number(depth);
        self.scope.truncate(outside);
        format!("(lambda ({}) {body})", names.join(" "))
    }

    fn call(&mut self, depth: usize) -> String {
        let argument = self.number(depth);
        if let Some(f) = self.variable(Type::Procedure(1))
            && self.random.percent(70)
        {
            return format!("({f} {argument})");
        }
        match self.random.below(3) {
            0 => {
                let (lambda, second) = (self.lambda(2, depth), self.number(depth));
                format!("({lambda} {argument} {second})")
            }
            1 => {
                let name = self.fresh();
                let body = self.number(depth);
                format!("((lambda {name} {body}) {argument} 2)")
            }
            _ => {
                let lambda = self.lambda(1, depth);
                let f = self.fresh();
                format!("(((lambda ({f}) (lambda () ({f} {argument}))) {lambda}))")
            }
        }
    }

    // ---- booleans ------------------------------------------------------------------------------

    fn boolean(&mut self, depth: usize) -> String {
        if depth == 0 || self.fuel == 0 {
            let name = self.random.pick(&["<", ">", "<=", ">=", "="]);
            return match self.variable(Type::Boolean) {
                Some(name) if self.random.percent(40) => name,
                _ => format!("({name} {} {})", self.leaf(), self.leaf()),
            };
        }
        self.fuel -= 1;
        let depth = depth - 1;
        let (a, b) = (self.number(depth), self.number(depth));
        match self.random.below(20) {
            0..=6 => format!(
                "({} {a} {b})",
                self.random.pick(&["<", ">", "<=", ">=", "="])
            ),
            7 => format!("(< {a} {b} {})", self.leaf()),
            8 => format!("(not {})", self.boolean(depth)),
            9 => format!("(and {} {})", self.boolean(depth), self.boolean(depth)),
            10 => format!("(or {} {})", self.boolean(depth), self.boolean(depth)),
            11 => format!(
                "({} {a})",
                self.random
                    .pick(&["zero?", "positive?", "negative?", "integer?"])
            ),
            12 => format!("({} {a} {b})", self.random.pick(&["eqv?", "eq?", "equal?"])),
            13 => {
                let lists = [self.list(depth), self.list(depth)];
                // Two literals are two objects.
                let same = self.random.pick(&["equal?", "equal?", "eq?", "eqv?"]);
                format!("({same} {})", lists.join(" "))
            }
            14 => format!("(null? {})", self.list(depth)),
            15 => format!("(even? (round {a}))"),
            16 => format!("(pair? (member {a} {}))", self.list(depth)),
            17 if self.random.percent(50) => {
                // Two evaluations of a lambda are two procedures.
                let (f, g) = (self.fresh(), self.fresh());
                let made = self.random.pick(&["(lambda (v) v)", "(lambda () '(1))"]);
                let same = self.random.pick(&["eq?", "eqv?", "equal?"]);
                let other = if self.random.percent(50) {
                    format!("({f})")
                } else {
                    g.clone()
                };
                format!("(let (({f} (lambda () {made}))) (let (({g} ({f}))) ({same} {g} {other})))")
            }
            17 => format!("(number? {a})"),
            18 => self.choice(Type::Boolean, depth),
            _ => self.binding(Type::Boolean, depth),
        }
    }

    // ---- lists ---------------------------------------------------------------------------------

    fn list(&mut self, depth: usize) -> String {
        if depth == 0 || self.fuel == 0 {
            return match self.variable(Type::List) {
                Some(name) if self.random.percent(60) => name,
                _ => self
                    .random
                    .pick(&["'()", "'(1 2.5 3)", "(iota 3)", "'(0)"])
                    .to_owned(),
            };
        }
        self.fuel -= 1;
        let depth = depth - 1;
        match self.random.below(18) {
            16..=17 => self.further_list(depth),
            0..=2 => {
                let items = [self.number(depth), self.number(depth)];
                self.application("list", &items)
            }
            3 => format!("(cons {} {})", self.number(depth), self.list(depth)),
            4 => format!("`(1 ,{} ,@{})", self.number(depth), self.list(depth)),
            5..=6 if self.is_free("map") => {
                let lambda = self.lambda(1, depth);
                format!("(map {lambda} {})", self.list(depth))
            }
            7 if self.is_free("map") => {
                let lambda = self.lambda(2, depth);
                format!("(map {lambda} {} {})", self.list(depth), self.list(depth))
            }
            8 => {
                let outside = self.scope.len();
                let name = self.fresh();
                self.scope.push((name.clone(), Type::Number));
                let test = self.boolean(depth);
                self.scope.truncate(outside);
                format!("(filter (lambda ({name}) {test}) {})", self.list(depth))
            }
            9 => format!("(append {} {})", self.list(depth), self.list(depth)),
            10 => format!("(reverse {})", self.list(depth)),
            11 => self.choice(Type::List, depth),
            12 => self.binding(Type::List, depth),
            13 => {
                let (a, b) = (self.number(depth), self.list(depth));
                format!("(fold-right cons (cons {a} '()) {b})")
            }
            14 => format!(
                "(iota {} {} {})",
                self.random.below(4),
                self.leaf(),
                self.leaf()
            ),
            _ if self.is_free("map") => format!("(map sin {})", self.list(depth)),
            _ => "'(1 2)".to_owned(),
        }
    }

    fn of_list(&mut self, depth: usize) -> String {
        let list = self.list(depth);
        match self.random.below(8) {
            0..=1 => {
                let (lambda, start) = (self.lambda(2, depth), self.number(depth));
                let name = self.random.pick(&["fold-left", "fold", "fold-right"]);
                format!("({name} {lambda} {start} {list})")
            }
            2 => format!("(fold-left + {} {list})", self.number(depth)),
            3 => format!("(reduce {} 0 {list})", self.random.pick(&["+", "*", "min"])),
            4 => format!("(apply + {list})"),
            5 => {
                let name = self.fresh();
                format!(
                    "(let (({name} {list})) (if (null? {name}) {} (car {name})))",
                    self.leaf()
                )
            }
            6 if self.failures => format!("(list-ref {list} {})", self.random.below(3)),
            _ => format!("(car (append {list} '(1.25)))"),
        }
    }

    fn failure(&mut self, depth: usize) -> String {
        let number = self.number(depth);
        match self.random.below(10) {
            0 => "(car '())".to_owned(),
            1 => format!("(car {number})"),
            2 => format!("(error \"no\" {number} 'symbol \"text\" '(1 (2)))"),
            3 => format!("((lambda (a b) a) {number})"),
            4 => format!("(+ {number} 'a)"),
            5 => format!("(list-ref '(1 2) {number})"),
            6 => format!("({number} 1)"),
            7 => "nowhere".to_owned(),
            8 => format!("(letrec ((early (+ later {number})) (later 1)) early)"),
            _ => format!("(fold-left (lambda (a) a) {number} '(1 2))"),
        }
    }
}
