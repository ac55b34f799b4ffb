//! Numbers and lists by the prelude, macros, records, several values, promises, densities and
//! solvers.
//!
//! **Invariants**
//! - What a macro's template holds is not asked for as a literal, and each argument of a use is in
//!   what the use expands to: so all literals that are told are in the program.
//! - Pattern variables and fields have fresh names.

use super::{Generator, MARK, Type};

impl Generator {
    /// A number that comes by what most programs do without.
    pub(super) fn further(&mut self, depth: usize) -> String {
        match self.random.below(12) {
            0..=2 => self.by_lists(depth),
            3..=4 if !self.in_template => self.by_macro(depth),
            5 => self.by_record(depth),
            6..=7 => self.by_values(depth),
            8 => self.by_promise(depth),
            9 => self.density(depth),
            10 => self.solved(depth),
            _ => {
                let arguments = [self.number(depth), self.leaf(), self.number(depth)];
                self.application("clamp", &arguments)
            }
        }
    }

    /// A procedure of one number to a truth, as text.
    fn predicate(&mut self, depth: usize) -> String {
        let outside = self.scope.len();
        let name = self.fresh();
        self.scope.push((name.clone(), Type::Number));
        let test = self.boolean(depth.min(2));
        self.scope.truncate(outside);
        format!("(lambda ({name}) {test})")
    }

    fn by_lists(&mut self, depth: usize) -> String {
        if !self.is_free("list") || !self.is_free("map") {
            return self.leaf();
        }
        let (a, b) = (self.number(depth), self.leaf());
        let list = self.list(depth);
        let test = self.predicate(depth);
        match self.random.below(16) {
            0 => format!("(last (append {list} (list {a})))"),
            1 => format!("(count {test} (cons {a} {list}))"),
            2 => format!("(length (delete-duplicates (list {a} {b} 1 {b} {a})))"),
            3 => format!("(apply + (take (append {list} (list {a} {b})) 2))"),
            4 => format!("(apply max (drop (cons {b} (cons {a} {list})) 1))"),
            5 => format!("(cdr (assq 'k (list (cons 'j {b}) (cons 'k {a}))))"),
            6 => {
                let name = self.random.pick(&["any", "every"]);
                format!("(if ({name} {test} {list}) {a} {b})")
            }
            7 => format!("(or (find {test} {list}) {a})"),
            8 => format!("(or (list-index {test} (cons {a} {list})) {b})"),
            9 => format!("(reduce-right - {b} (cons {a} {list}))"),
            10 => {
                let (inside, outside) = (self.fresh(), self.fresh());
                format!(
                    "(call-with-values (lambda () (partition {test} {list})) \
                       (lambda ({inside} {outside}) (+ {a} (length {inside}) (apply + {outside}))))"
                )
            }
            11 => {
                let f = self.lambda(2, depth);
                format!("(fold {f} {a} (list-tabulate 3 (lambda (i) (* i {b}))))")
            }
            12 => format!("(third (append-reverse {list} (list 1 {a} {b})))"),
            13 => format!("(apply + (map car (zip (list {a} {b}) {list})))"),
            14 => {
                let f = self.lambda(1, depth.min(2));
                format!(
                    "(car (list-tail (unfold (lambda (i) (> i 3)) {f} (lambda (i) (+ i 1)) 0) 1))"
                )
            }
            _ => format!("(fold + 0 (iota 3 {a} {b}))"),
        }
    }

    /// A list by procedures of SRFI 1.
    pub(super) fn further_list(&mut self, depth: usize) -> String {
        let list = self.list(depth);
        if !self.is_free("list") || !self.is_free("map") {
            return list;
        }
        let a = self.number(depth);
        match self.random.below(10) {
            0 => format!("(take-while {} {list})", self.predicate(depth)),
            1 => format!("(drop-while {} {list})", self.predicate(depth)),
            2 => format!("(remove {} {list})", self.predicate(depth)),
            3 => format!("(delete {a} {list})"),
            4 => format!("(delete-duplicates (append {list} {list}))"),
            5 => format!("(append-map (lambda (v) (list v {a})) {list})"),
            6 => format!("(filter-map (lambda (v) (if (> v {a}) (* 2 v) #f)) {list})"),
            7 => format!("(concatenate (list {list} (make-list 2 {a}) {list}))"),
            8 => format!("(cons* {a} 2 {list})"),
            _ => {
                let (front, back) = (self.fresh(), self.fresh());
                let test = self.predicate(depth);
                let name = self.random.pick(&["span", "break"]);
                format!(
                    "(let-values ((({front} {back}) ({name} {test} {list}))) (append {back} {front}))"
                )
            }
        }
    }

    // ---- macros --------------------------------------------------------------------------------

    /// A template with pattern variables: all of them are in it, and no literal of it is told.
    fn template(&mut self, variables: &[String], depth: usize) -> String {
        let outside = self.scope.len();
        for name in variables {
            self.scope.push((name.clone(), Type::Number));
        }
        self.in_template = true;
        let body = self.number(depth.min(3)).replace(MARK, "");
        self.in_template = false;
        self.scope.truncate(outside);
        format!("(+ {} {body})", variables.join(" "))
    }

    fn by_macro(&mut self, depth: usize) -> String {
        let (name, a, b) = (self.fresh(), self.fresh(), self.fresh());
        let arguments = [self.number(depth), self.number(depth), self.leaf()];
        let [first, second, third] = &arguments;
        // A name of the template's own, which a program's name may be the same as.
        let own = match self.variable(Type::Number) {
            Some(name) if name != a && name != b => name,
            _ => self.fresh(),
        };
        let rules = match self.random.below(5) {
            0 => {
                let one = self.template(std::slice::from_ref(&a), depth);
                let two = self.template(&[a.clone(), b.clone()], depth);
                format!("((_ {a}) {one}) ((_ {a} {b}) {two})")
            }
            1 => {
                // Hygiene: what the rule binds does not catch what the use says.
                let two = self.template(&[a.clone(), b.clone()], depth);
                format!(
                    "((_ {a} {b}) (let (({own} {a})) (- {own} {two})))  ((_ {a}) (let (({own} 1.5)) (* {own} {a})))"
                )
            }
            2 => format!(
                "((_ {a}) {a}) ((_ {a} {b} ...) (let (({own} {a})) (if (> {own} 1) (+ {own} (* 0 ({name} {b} ...))) ({name} {b} ...))))"
            ),
            3 => format!("((_ {a} ...) (+ (* {a} 2) ... (max 0 {a} ...)))"),
            _ => format!("((_ {a} ...) (+ {a} ...))"),
        };
        let usage = if self.random.percent(50) {
            format!("({name} {first} {second})")
        } else {
            format!("(+ {second} ({name} {first}) ({name} {third} {first}))")
        };
        if !self.is_free("max") {
            return usage.replace(&format!("({name} "), "(+ ");
        }
        match self.random.below(3) {
            0 => format!("(let-syntax (({name} (syntax-rules () {rules})))\n {usage})"),
            1 => format!("(letrec-syntax (({name} (syntax-rules () {rules})))\n {usage})"),
            _ => format!("(let ()\n (define-syntax {name} (syntax-rules () {rules}))\n {usage})"),
        }
    }

    // ---- records, values, promises -------------------------------------------------------------

    fn by_record(&mut self, depth: usize) -> String {
        let (kind, make, is) = (self.fresh(), self.fresh(), self.fresh());
        let (p, q, record) = (self.fresh(), self.fresh(), self.fresh());
        let (a, b, c) = (self.number(depth), self.number(depth), self.leaf());
        let used = match self.random.below(4) {
            0 => format!("(if ({is} {record}) (- ({p} {record}) ({q} {record})) {c})"),
            1 => format!("(if (equal? {record} ({make} {a} {c})) ({p} {record}) ({q} {record}))"),
            2 => format!(
                "(if (or (pair? {record}) (eqv? {record} ({make} {a} {c}))) {c} ({q} {record}))"
            ),
            _ => format!("(({p} ({make} {q} {c})) {record})"),
        };
        format!(
            "(let ()\n (define-record-type {kind} ({make} f g) {is} (f {p}) (g {q}))\n (let (({record} ({make} {a} {b}))) {used}))"
        )
    }

    fn by_values(&mut self, depth: usize) -> String {
        let (a, b, c) = (self.number(depth), self.number(depth), self.leaf());
        let outside = self.scope.len();
        let (u, v, w) = (self.fresh(), self.fresh(), self.fresh());
        for name in [&u, &v, &w] {
            self.scope.push((name.clone(), Type::Number));
        }
        let body = self.number(depth);
        self.scope.truncate(outside);
        match self.random.below(7) {
            0 => format!("(call-with-values (lambda () (values {a} {b} {c})) (lambda ({u} {v} {w}) {body}))"),
            1 => format!("(receive ({u} {v} . {w}) (values {a} {b} {c}) (let (({w} (car {w}))) {body}))"),
            2 => format!("(let-values ((({u} {v}) (values {a} {b})) (({w}) {c})) {body})"),
            3 => format!("(let*-values ((({u}) {a}) (({v} {w}) (values (+ {u} 1) {b}))) {body})"),
            4 => format!("(let ()\n (define-values ({u} {v} . {w}) (values {a} {b} {c}))\n (let (({w} (apply + {w}))) {body}))"),
            5 => format!(
                "((case-lambda (({u}) (let (({v} {c}) ({w} 2)) {body})) (({u} {v}) (let (({w} 1)) {body})) (({u} {v} . {w}) {v})) {a} {b})"
            )
            .replace(MARK, ""),
            _ => format!("(call-with-values (lambda () (values {a} {b} {c})) +)"),
        }
    }

    fn by_promise(&mut self, depth: usize) -> String {
        let (a, b) = (self.number(depth), self.number(depth));
        let promise = self.fresh();
        match self.random.below(5) {
            0 => format!(
                "(let (({promise} (delay {a}))) (+ (force {promise}) (force {promise}) {b}))"
            ),
            1 => format!("(+ (force (delay-force (delay {a}))) (force {b}))"),
            2 => format!("(force (make-promise (- {a} {b})))"),
            3 => format!("(car (force (cdr (cons {b} (delay (cons {a} '()))))))"),
            _ => format!(
                "(let (({promise} (delay (error \"never forced\" {b})))) (if (promise? {promise}) {a} (force {promise})))"
            ),
        }
    }

    // ---- densities and solvers -----------------------------------------------------------------

    fn density(&mut self, depth: usize) -> String {
        let (a, b, c) = (self.number(depth), self.leaf(), self.leaf());
        let name = self.random.pick(&[
            "normal-lpdf",
            "lognormal-lpdf",
            "student-t-lpdf",
            "gamma-lpdf",
            "beta-lpdf",
            "poisson-lpmf",
            "binomial-lpmf",
            "neg-binomial-lpmf",
        ]);
        if !self.is_free("abs") {
            return a;
        }
        let scale = format!("(+ 0.25 (abs {c}))");
        let usually_valid = self.random.percent(80);
        match name {
            "student-t-lpdf" => format!("(student-t-lpdf {a} {scale} {b} (+ 1 (abs {b})))"),
            "gamma-lpdf" if usually_valid => {
                format!("(gamma-lpdf (abs {a}) (+ 1 (abs {b})) {scale})")
            }
            "beta-lpdf" if usually_valid => {
                format!("(beta-lpdf (sigmoid {a}) (+ 1 (abs {b})) {scale})")
            }
            "poisson-lpmf" => format!("(poisson-lpmf (abs (round {a})) {scale})"),
            "binomial-lpmf" => format!("(binomial-lpmf (abs (round {b})) 7 (sigmoid {a}))"),
            "neg-binomial-lpmf" => {
                format!("(neg-binomial-lpmf (abs (round {b})) (+ 1 (abs {a})) {scale})")
            }
            name => format!("({name} {a} {b} {scale})"),
        }
    }

    fn solved(&mut self, depth: usize) -> String {
        let (a, b) = (self.number(depth.min(2)), self.leaf());
        let u = self.fresh();
        match self.random.below(4) {
            0 => format!("(root (lambda ({u}) (+ {u} (* 0.5 (sin (+ {u} {b}))) (tanh {a}))) -9 9)"),
            1 => format!("(root (lambda ({u}) (- (expt {u} 3) (sigmoid {a}))) -2 3)"),
            2 => format!("(fixed-point (lambda ({u}) (+ (* 0.25 (cos {u})) (tanh {a}))) 0.5)"),
            _ => format!("(root (lambda ({u}) (- (exp {u}) {a})) {b} 5)"),
        }
        .replace(MARK, "")
    }
}
