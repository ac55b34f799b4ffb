//! Walks with hot loops beside walks without: programs written for each thing that loops do, and random
//! ones. `DMCI_SEED` and `DMCI_HOT_LOOPS` say which of these, and how many.

use crate::random::{Random, from_environment};
use crate::{Bindings, Interpreter, Limits, Mode, Workspace, Wrt};
use std::fmt::Write as _;

/// All that there is to be told of a run, and how many of its iterations were run as code.
fn told(source: &str, mode: Mode, inputs: &Bindings, limits: &Limits, hot: bool) -> (String, u64) {
    let mut workspace = Workspace::new();
    if !hot {
        workspace.memory.hot.rest_for_good();
    }
    let model = Interpreter::embedded()
        .model_for(source, inputs, mode)
        .unwrap_or_else(|error| panic!("{source}\n{error}"));
    let mut text = String::new();
    let iterations;
    match model.evaluate(inputs, Wrt::All, limits, &mut workspace) {
        Ok(run) => {
            let _ = writeln!(text, "comes to a value");
            let stats = crate::Stats {
                bytes: 0,
                ..run.stats
            };
            let slopes = ["a", "b", "n"].map(|name| run.gradient.get(name).map(f64::to_bits));
            let _ = writeln!(text, "{:?}\n{slopes:?}\n{stats:?}", run.value);
            iterations = workspace.memory.hot.iterations();
            // Further runs on the path that was recorded, by what it says that it costs.
            for scale in [0.9, 1.3, -1.0] {
                let mut others = inputs.clone();
                for (name, x) in [("a", 0.7), ("b", -1.3)] {
                    others.set(name, scale * x);
                }
                let again = model.evaluate(&others, Wrt::All, limits, &mut workspace);
                let _ = match again {
                    Ok(run) => writeln!(text, "{:?} {:?}", run.value, run.stats),
                    Err(error) => writeln!(text, "{error:?}"),
                };
            }
            let trace = model.print_trace(inputs, limits, &mut workspace);
            let _ = writeln!(text, "{trace:?}");
        }
        Err(error) => {
            iterations = workspace.memory.hot.iterations();
            let _ = writeln!(text, "{error:?}");
        }
    }
    // What is counted is said; how many bytes are in use at once is not the same.
    let text = without_bytes(&text);
    (text, iterations)
}

/// Without what an error tells of bytes in use.
fn without_bytes(text: &str) -> String {
    let mut rest = text;
    let mut out = String::new();
    while let Some(at) = rest.find("bytes: ") {
        out.push_str(&rest[..at]);
        rest = rest[at + 7..].trim_start_matches(|c: char| c.is_ascii_digit());
    }
    out + rest
}

/// Holds a program with hot loops against the same without; gives how many iterations were run as code.
fn check(source: &str, inputs: &Bindings, limits: &Limits) -> u64 {
    check_of(source, inputs, limits, "")
}

/// The same of a program that is one of many.
fn check_of(source: &str, inputs: &Bindings, limits: &Limits, which: &str) -> u64 {
    let mut iterations = 0;
    for mode in [Mode::Interpreter, Mode::Direct] {
        let (cold, none) = told(source, mode, inputs, limits, false);
        let (hot, some) = told(source, mode, inputs, limits, true);
        assert_eq!(none, 0);
        assert!(
            cold == hot,
            "{which}{mode:?} {inputs:?} fuel {}\n{source}\nwithout hot loops:\n{cold:.4000}\nwith them:\n{hot:.4000}",
            limits.fuel
        );
        iterations += some;
    }
    iterations
}

pub(super) fn inputs() -> Bindings {
    Bindings::from([("a", 0.7), ("b", -1.3), ("n", 60.0)])
}

pub(super) fn fuel(fuel: u64) -> Limits {
    Limits {
        fuel,
        ..Limits::default()
    }
}

/// Programs, and the least of 100 iterations, in both modes together, that are to be run as code.
const PROGRAMS: [(&str, u64); 39] = [
    (
        "(loop ((i 0) (s a)) (if (< i 100) (recur (+ i 1) (* s (- 1 (* b s)))) s))",
        150,
    ),
    // The end depends on an input, on what is computed, on both.
    (
        "(loop ((i 0) (s a)) (if (< i n) (recur (+ i 1) (+ (* 0.9 s) b)) (list s i)))",
        80,
    ),
    (
        "(let go ((x 100) (k 0)) (if (< (abs (- (* x x) 2)) 1e-12) (list x k) (go (- x (* 0.1 (/ (- (* x x) 2) x))) (+ k 1))))",
        80,
    ),
    // Of a procedure that is entered again, with others around it: what they captured is not the same.
    (
        "(define (power b e m) (let go ((b b) (e e) (out 1)) (cond ((= e 0) out) ((odd? e) (go (modulo (* b b) m) (quotient e 2) (modulo (* out b) m))) (else (go (modulo (* b b) m) (quotient e 2) out))))) (list (power 2 2000 1000) (power 7 9600 97) (power 3 12345 101) (* a (power 7 960000 97)))",
        1,
    ),
    // Two ways through an iteration, three ways, with names of their own.
    (
        "(let go ((i 0) (s a)) (cond ((= i 100) s) ((even? i) (go (+ i 1) (* s b))) (else (go (+ i 1) (- s a)))))",
        80,
    ),
    (
        "(let go ((n 27) (k 0)) (cond ((= n 1) k) ((even? n) (go (quotient n 2) (+ k 1))) (else (go (+ 1 (* 3 n)) (+ k 1)))))",
        60,
    ),
    (
        "(define (up i s) (if (> i 100) s (down (+ i 1) (+ s a)))) (define (down i s) (if (> i 100) s (up (+ i 1) (* s b)))) (up 0 1)",
        60,
    ),
    // Lists: consumed, grown, both, folded, mapped.
    (
        "(let go ((l (iota 100)) (s a)) (if (null? l) s (go (cdr l) (+ s (* b (car l))))))",
        150,
    ),
    (
        "(let go ((i 0) (l '())) (if (= i 100) (length l) (go (+ i 1) (cons (* a i) l))))",
        150,
    ),
    ("(fold (lambda (s x) (+ (* a s) x)) b (iota 100))", 80),
    ("(fold + 0 (map (lambda (x) (* a x x)) (iota 100)))", 80),
    (
        "(let go ((p (list a b 1)) (i 0)) (if (= i 100) p (go (list (cadr p) (caddr p) (* 0.9 (car p))) (+ i 1))))",
        100,
    ),
    // One pair stays one, wherever it is kept.
    (
        "(let go ((p '()) (q '()) (i 0) (s a)) (if (= i 100) (list (if (eq? p q) 1 0) s) (let ((r (list i s))) (go r r (+ i 1) (if (eq? p q) (* b s) 0)))))",
        100,
    ),
    (
        "(let go ((l '()) (i 0) (k 0)) (if (= i 100) (list k (length l)) (let ((r (cons i l))) (go (if (eq? (cdr r) l) r l) (+ i 1) (if (and (eq? r r) (not (eq? r (cons i l)))) (+ k a) k)))))",
        100,
    ),
    (
        "(define (sum . all) (fold + 0 all)) (let go ((i 0) (s a)) (if (= i 100) s (go (+ i 1) (* 0.3 (sum s b i)))))",
        60,
    ),
    (
        "(define (f x . more) (if (null? more) x (+ x (car more)))) (let go ((i 0) (s a)) (if (= i 100) s (go (+ i 1) (* 0.3 (f s i)))))",
        60,
    ),
    (
        "(let go ((i 0) (s a)) (if (= i 100) s (go (+ i 1) (+ (* 0.5 s) (case (modulo i 3) ((0) a) ((1 2) b) (else 0))))))",
        60,
    ),
    // Forks: both arms are in the trace, whichever is taken; in arms, in helpers, of arms that cost alike or not.
    (
        "(let go ((i 0) (s a)) (if (= i 100) s (go (+ i 1) (if (> s 0) (- s 0.3) (+ s 1)))))",
        60,
    ),
    (
        "(let go ((i 0) (s a)) (if (= i 100) s (go (+ i 1) (if (> s 0) (* 0.5 (- s 0.3 b)) 1))))",
        60,
    ),
    (
        "(define (clamp x) (if (< x -1) -1 (if (> x 1) 1 x))) (let go ((i 0) (s a)) (if (= i 100) s (go (+ i 1) (clamp (+ (* 1.1 s) (* b (sin i)))))))",
        40,
    ),
    (
        "(define (clamp x) (cond ((< x -1) (* b 0.5)) ((> x 1) (+ 1 (* 0.1 x a))) (else x))) (let go ((i 0) (s a)) (if (= i 100) s (go (+ i 1) (clamp (+ (* 1.1 s) (* b (sin i)))))))",
        40,
    ),
    (
        "(let go ((i 0) (s a)) (if (= i 100) s (go (+ i 1) (+ 0.1 (if (and (> s 0) (< s 0.5)) (* s s) (- s 0.2))))))",
        40,
    ),
    (
        "(let go ((i 0) (s a)) (if (= i 100) s (let ((t (if (> s b) (if (> s 0) (exp (- s)) (* 2 s)) (* s b a 0.3)))) (go (+ i 1) (if (> t 0.5) (- t 1) t)))))",
        40,
    ),
    (
        "(fold (lambda (s x) (if (> (* a s) (* 0.01 x)) (- s 0.1) (+ s (* b 0.01 x)))) a (iota 100))",
        40,
    ),
    // Vectors carried and looked into.
    (
        "(let go ((v [1 2 3]) (i 0)) (if (= i 100) (dot v v) (go (+ v (* 0.01 a v)) (+ i 1))))",
        100,
    ),
    (
        "(define v (vec 1 2 3 4)) (let go ((i 0) (s 0)) (if (= i 100) s (go (+ i 1) (+ (* a s) (vector-ref v (modulo i 4))))))",
        80,
    ),
    // Procedures made in an iteration, and procedures that go through all of them.
    (
        "(define (twice f) (lambda (x) (f (f x)))) (let go ((i 0) (s a)) (if (= i 100) s (go (+ i 1) ((twice (lambda (x) (- x (* 0.01 b x)))) s))))",
        100,
    ),
    (
        "(let go ((f (lambda (x) (* a x))) (i 0) (s 1)) (if (= i 100) s (go f (+ i 1) (f s))))",
        100,
    ),
    (
        "(let go ((i 0) (s a)) (if (= i 100) s (let* ((t (* s s)) (u (- t b))) (letrec ((h (lambda (k x) (if (= k 0) x (h (- k 1) (* 0.5 x)))))) (go (+ i 1) (+ (h 3 u) 0.1))))))",
        100,
    ),
    // Ints that turn to floats, and what is exact.
    (
        "(let go ((i 0) (s 1)) (if (= i 100) (list s (if (exact? s) 1 0)) (go (+ i 1) (if (< i 50) (+ s i) (/ s 2)))))",
        60,
    ),
    (
        "(let go ((i 0) (s 1)) (if (= i 100) (* a s) (go (+ i 1) (+ s s))))",
        150,
    ),
    (
        "(let go ((i 0) (s 1)) (if (= i 100) (* a s) (go (+ i 1) (* 3 s))))",
        150,
    ),
    // Procedures that are told apart; and a fork that finds a vector in its arm.
    (
        "(let go ((i 0) (l '())) (if (= i 100) (+ (if (eq? (car l) (cadr l)) 1 0) (* a (length l))) (go (+ i 1) (cons (lambda (x) 1) l))))",
        0,
    ),
    (
        "(let go ((i 0) (s a) (v b)) (if (= i 100) s (go (+ i 1) (if (> s 0) (* 0.5 (- s (dot (+ [0 0] v) [1 1]))) (+ s 1)) (if (< i 50) b [1 2]))))",
        0,
    ),
    // Loops in loops.
    (
        "(let outer ((i 0) (s a)) (if (= i 40) s (outer (+ i 1) (let inner ((j 0) (t s)) (if (= j 5) t (inner (+ j 1) (+ (* 0.5 t) b)))))))",
        40,
    ),
    (
        "(let outer ((i 0) (s a)) (if (= i 5) s (outer (+ i 1) (let inner ((j 0) (t s)) (if (= j 100) t (inner (+ j 1) (+ (* 0.5 t) b)))))))",
        100,
    ),
    (
        "(do ((i 0 (+ i 1)) (x a (+ x (* 0.1 y))) (y b (- y (* 0.1 x)))) ((>= i n) (list x y)))",
        80,
    ),
    // What is not for code.
    (
        "(let go ((i 0) (s a)) (if (= i 100) s (go (+ i 1) (+ s (monitor \"s\" (* b i))))))",
        0,
    ),
    (
        "(let go ((i 0) (s \"\")) (if (= i 100) (string-length s) (go (+ i 1) (string-append s \"x\"))))",
        0,
    ),
];

#[test]
fn what_is_written_for_loops_comes_to_the_same() {
    for (source, least) in PROGRAMS {
        let (told, _) = told(source, Mode::Direct, &inputs(), &Limits::default(), true);
        assert!(told.starts_with("comes to a value"), "{source}\n{told}");
        let iterations = check(source, &inputs(), &Limits::default());
        assert!(
            iterations >= least,
            "{iterations} iterations as code\n{source}"
        );
    }
}

#[test]
fn errors_and_limits_are_those_of_the_walk() {
    let failing = [
        "(let go ((i 0) (l (iota 50))) (go (+ i (car l)) (cdr l)))",
        "(let go ((i 0) (s a)) (go (+ i 1) (if (= i 70) (car s) (* s b))))",
        "(let go ((i 0) (s a)) (go (+ i 1) (if (= i 70) (unknown s) (* s b))))",
        "(define v (vec 1 2 3 4)) (let go ((i 0) (s a)) (go (+ i 0.125) (+ s (vector-ref v (floor i)))))",
        "(let go ((i 0) (s a)) (go (+ i 1) (if (= i 70) (error \"no\" s) (* s b))))",
        "(let go ((i 0) (l '())) (go (+ i 1) (cons i l)))",
    ];
    for source in failing {
        check(source, &inputs(), &fuel(20_000));
    }
    for (source, _) in PROGRAMS {
        for fuel in [0, 1, 50, 100, 101, 102, 103, 200, 333, 500] {
            let limits = Limits {
                fuel,
                ..Limits::default()
            };
            check(source, &inputs(), &limits);
        }
    }
}

#[test]
fn collections_between_iterations_change_nothing() {
    let sources = [
        "(let go ((i 0) (l '()) (f (lambda (x) (* a x)))) (if (= i 3000) (fold + 0 l) (go (+ i 1) (cons (f i) l) f)))",
        "(let go ((i 0) (s a)) (if (= i 6000) s (go (+ i 1) (fold + 0 (map (lambda (k) (* k s 0.1)) (list 1 2 3))))))",
        "(let go ((i 0) (s a)) (if (= i 6000) s (go (+ i 1) (if (= 0 (modulo i 7)) (dot [s 1] [b 2]) (* 0.5 (+ s b))))))",
    ];
    for source in sources {
        assert!(
            check(source, &inputs(), &Limits::default()) > 1000,
            "{source}"
        );
    }
    // A heap that is small is looked at often.
    for source in sources {
        let limits = Limits {
            heap_bytes: 8 << 20,
            ..Limits::default()
        };
        check(source, &inputs(), &limits);
    }
}

// ---- random programs ---------------------------------------------------------------------------

pub(super) struct Writer {
    random: Random,
    /// Names of numbers in scope, and of lists.
    numbers: Vec<String>,
    lists: Vec<String>,
    fresh: usize,
}

impl Writer {
    pub(super) fn new(random: Random) -> Self {
        Self {
            random,
            numbers: ["a", "b", "i"].map(str::to_owned).to_vec(),
            lists: Vec::new(),
            fresh: 0,
        }
    }

    /// A loop whose iterations compute with numbers alone.
    pub(super) fn of_numbers(&mut self) -> String {
        self.of_numbers_and(["", "", ""])
    }

    /// The same, where iterations read elements of the vectors v and w besides.
    pub(super) fn of_elements(&mut self) -> String {
        let (reads, parts) = [
            (
                "(car l)",
                [" (l (vec->list v))", " (cdr l)", "(or (null? l) "],
            ),
            (
                "(* (car l) (cadr l))",
                [" (l (vec->list v))", " (cddr l)", "(or (null? l) "],
            ),
            (
                "(- (car l) (cadr l))",
                [" (l (vec->list v))", " (cdr l)", "(or (null? (cdr l)) "],
            ),
            ("(ref v i)", ["", "", "(or (>= i 64) "]),
            ("(- (ref v i) (ref w (+ i 1)))", ["", "", "(or (>= i 62) "]),
            ("(* (ref v 3) (ref w i))", ["", "", "(or (>= i 60) "]),
            (
                "(+ (car l) (car k))",
                [
                    " (l (vec->list v)) (k (vec->list w))",
                    " (cdr l) (cdr k)",
                    "(or (null? l) ",
                ],
            ),
            (
                "(* (caar l) (cadar l))",
                [
                    " (l (map list (vec->list v) (vec->list w)))",
                    " (cdr l)",
                    "(or (null? l) ",
                ],
            ),
            (
                "(+ (car l) 1)",
                [
                    " (l (append (iota 40) (vec->list w)))",
                    " (cdr l)",
                    "(or (null? l) ",
                ],
            ),
        ][self.pick(9)];
        self.numbers.push(reads.to_owned());
        self.of_numbers_and(parts)
    }

    /// A loop that carries on other parts, which have a beginning, a next and perhaps an end of their own.
    fn of_numbers_and(&mut self, [begin, next_parts, end_of_parts]: [&str; 3]) -> String {
        let carried: Vec<String> = (0..=self.pick(3)).map(|k| format!("x{k}")).collect();
        self.numbers.extend(carried.iter().cloned());
        let end = ["(>= i n)", "(>= i 45)", "(or (>= i 300) (> (* a x0) 3))"][self.pick(3)];
        let end = if end_of_parts.is_empty() {
            end.to_owned()
        } else {
            format!("{end_of_parts}{end})")
        };
        let mut next = format!("(go (+ i 1){next_parts}");
        for name in &carried {
            let number = self.plain(3);
            let _ = match self.pick(8) {
                0 => write!(next, " {name}"),
                1 => write!(next, " {}", self.variable()),
                2 => write!(next, " (* 0.5 (+ {name} (sin {number})))"),
                _ => write!(next, " (sin {number})"),
            };
        }
        let mut program =
            format!("(define (help p q) (if (> p q) (* p q) (+ p 0.1)))\n(let go ((i 0){begin}");
        for (nth, name) in carried.iter().enumerate() {
            let _ = write!(
                program,
                " ({name} {})",
                ["a", "b", "1.0", "(* a b)"][nth % 4]
            );
        }
        let end_value = match self.pick(3) {
            0 => format!("(list i {})", carried.join(" ")),
            1 => format!("(+ (* a x0) {})", carried.join(" ")),
            _ => {
                "(let again ((j 0) (y x0)) (if (>= j 30) (* y b) (again (+ j 1) (* 0.9 (+ y a)))))"
                    .to_owned()
            }
        };
        let _ = write!(program, ")\n  (if {end} {end_value}\n    {next})))");
        program
    }

    /// A number of numbers alone.
    fn plain(&mut self, depth: usize) -> String {
        if depth == 0 || self.pick(5) == 0 {
            return match self.pick(4) {
                0 => format!("{:.2}", self.random.unit() * 2.0 - 1.0),
                _ => self.variable(),
            };
        }
        let (a, b) = (self.plain(depth - 1), self.plain(depth - 1));
        match self.pick(14) {
            0 | 1 => format!("(+ {a} {b})"),
            2 => format!("(- {a} {b})"),
            3 | 4 => format!("(* {a} {b})"),
            8 => format!("(min {a} (abs {b}))"),
            9 => format!("(if (> {a} {b}) {a} 0.3)"),
            10 => format!("(if (< {a} 0) (* 0.5 (- {b} {a})) (sqrt {a}))"),
            11 => format!("(expt (abs {a}) {b})"),
            12 => format!("(if (and (> {a} 0) (< {b} 0.5)) (help {a} {b}) (- {b}))"),
            5 => format!("(/ {a} (+ 1.5 (abs {b})))"),
            6 => format!("(let ((t {a})) (* t {b}))"),
            7 => format!("(max {a} {b})"),
            _ => format!("(exp (- (abs {a})))"),
        }
    }

    fn pick(&mut self, count: usize) -> usize {
        self.random.below(count)
    }

    fn name(&mut self, stem: &str) -> String {
        self.fresh += 1;
        format!("{stem}{}", self.fresh)
    }

    fn variable(&mut self) -> String {
        let which = self.pick(self.numbers.len());
        self.numbers[which].clone()
    }

    fn test(&mut self, depth: usize) -> String {
        let (a, b) = (self.number(depth), self.number(depth));
        match self.pick(7) {
            0 => format!("(> {a} {b})"),
            1 => format!("(<= {a} {b})"),
            2 => format!("(even? (floor {a}))"),
            3 => format!("(and (< {a} 1) (> {b} -1))"),
            4 => format!("(not (< {a} {b}))"),
            5 => format!("(or (> {a} 2) (= i 3))"),
            _ => format!("(< {a} {b})"),
        }
    }

    fn number(&mut self, depth: usize) -> String {
        if depth == 0 || self.pick(5) == 0 {
            return match self.pick(4) {
                0 => format!("{}", self.pick(5)),
                1 => format!("{:.2}", self.random.unit() * 2.0 - 1.0),
                _ => self.variable(),
            };
        }
        let (a, b) = (self.number(depth - 1), self.number(depth - 1));
        match self.pick(22) {
            0 | 1 => format!("(+ {a} {b})"),
            2 => format!("(- {a} {b})"),
            3 => format!("(* {a} {b})"),
            4 => format!("(/ {a} (+ 1.5 (abs {b})))"),
            5 => format!("(sin {a})"),
            6 => format!("(max {a} {b})"),
            7 => format!("(tanh (- {a}))"),
            8 => {
                let test = self.test(depth - 1);
                format!("(if {test} {a} {b})")
            }
            9 => {
                let name = self.name("t");
                self.numbers.push(name.clone());
                let body = self.number(depth - 1);
                self.numbers.pop();
                format!("(let (({name} {a})) {body})")
            }
            10 => {
                let name = self.name("u");
                self.numbers.push(name.clone());
                let body = self.number(depth - 1);
                self.numbers.pop();
                format!("((lambda ({name}) {body}) {a})")
            }
            11 => format!("(help {a} {b})"),
            12 => format!("(car (list {a} {b}))"),
            13 => format!("(list-ref (list {a} {b} 3) (modulo i 3))"),
            14 => format!("(fold + {a} (list {b} i 2))"),
            15 => format!("(apply + (list {a} {b}))"),
            16 => format!("(fold * 1 (map (lambda (k) (* 0.5 k)) (list {a} {b})))"),
            17 => format!("(dot [{a} 0.5] [{b} i])"),
            18 => format!(
                "(let inner ((j 0) (q {a})) (if (= j {}) q (inner (+ j 1) (* 0.5 (+ q {b})))))",
                self.pick(7)
            ),
            19 => match self.lists.last().cloned() {
                Some(list) => format!("(if (null? {list}) {a} (car {list}))"),
                None => format!("(floor {a})"),
            },
            20 => format!("(modulo (floor {a}) 5)"),
            _ => format!("(exp (- (abs {a})))"),
        }
    }

    /// A number kept small, so that what is compared is not all infinite.
    fn bounded(&mut self) -> String {
        let number = self.number(3);
        match self.pick(3) {
            0 => format!("(sin {number})"),
            1 => format!("(* 0.5 (max -4 (min 4 {number})))"),
            _ => format!("(/ {number} 3)"),
        }
    }

    fn next(&mut self, carried: &[String], has_list: bool, grows: bool) -> String {
        let mut next = format!("(go (+ i {})", if self.pick(8) == 0 { 2 } else { 1 });
        for name in carried {
            let _ = match self.pick(6) {
                0 => write!(next, " {name}"),
                1 => write!(next, " {}", self.variable()),
                _ => write!(next, " {}", self.bounded()),
            };
        }
        if has_list {
            next += if self.pick(6) == 0 {
                " l"
            } else {
                " (if (null? l) l (cdr l))"
            };
        }
        if grows {
            let item = self.number(1);
            let _ = match self.pick(3) {
                0 => write!(next, " m"),
                _ => write!(next, " (cons {item} m)"),
            };
        }
        next + ")"
    }

    fn program(&mut self) -> String {
        let carried: Vec<String> = (0..=self.pick(3)).map(|k| format!("x{k}")).collect();
        let (has_list, grows) = (self.pick(3) == 0, self.pick(3) == 0);
        self.numbers.extend(carried.iter().cloned());
        if has_list {
            self.lists.push("l".to_owned());
        }
        let end = match self.pick(4) {
            0 => "(>= i n)".to_owned(),
            1 => "(or (>= i 40) (> (abs x0) 50))".to_owned(),
            2 if has_list => "(or (null? l) (>= i 60))".to_owned(),
            _ => format!("(>= i {})", [0, 1, 2, 3, 5, 20, 45][self.pick(7)]),
        };
        let step = if self.pick(3) == 0 {
            let test = self.test(1);
            let (one, other) = (
                self.next(&carried, has_list, grows),
                self.next(&carried, has_list, grows),
            );
            format!("(if {test} {one} {other})")
        } else {
            self.next(&carried, has_list, grows)
        };
        let helper = [
            "(* 0.5 (+ p q))",
            "(if (> p q) p (* q 0.9))",
            "(fold max p (list q 0))",
        ];
        let mut program = format!(
            "(define (help p q) {})\n(let go ((i 0)",
            helper[self.pick(3)]
        );
        for (nth, name) in carried.iter().enumerate() {
            let _ = write!(program, " ({name} {})", ["a", "b", "1"][nth % 3]);
        }
        if has_list {
            program += " (l (iota 50))";
        }
        if grows {
            program += " (m '())";
        }
        let _ = write!(program, ")\n  (if {end} (list i {}", carried.join(" "));
        if grows {
            program += " (length m) (fold + 0 m)";
        }
        let _ = write!(program, ")\n    {step}))");
        if self.pick(3) == 0 {
            // The loop is a procedure's, which is called with other numbers in between.
            program = program.replace("\n(let go", "\n(define (run a b)\n(let go");
            program += ")\n(append (run a b) (run b 0.3) (run 2 a) (run a b))";
        }
        program
    }
}

#[test]
fn random_loops_come_to_the_same() {
    let seed = from_environment("DMCI_SEED", 20_261_130);
    let count = from_environment("DMCI_HOT_LOOPS", 300);
    let mut hot = 0;
    for nth in 0..count {
        let mut writer = Writer::new(Random::at(&[seed, nth]));
        let source = writer.program();
        let which = format!("seed {seed}, program {nth}: ");
        let runs = check_of(&source, &inputs(), &fuel(100_000), &which);
        hot += u64::from(runs > 0);
        let least = 10 + writer.random.below(2000) as u64;
        check_of(&source, &inputs(), &fuel(least), &which);
    }
    assert!(
        hot * 5 > count,
        "seed {seed}: {hot} of {count} had hot loops"
    );
}
