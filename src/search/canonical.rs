//! Canonical keys: one number for all programs that are the same model.
//!
//! A program goes in; a key comes out that does not change with the names of variables, the values of
//! constants, the order of sums, products and other commutative arguments, with constants among constants,
//! or with a constant that another makes redundant.
//!
//! **Invariants**
//! - Two programs of one key can be calibrated to the same predictions, but where one of them has no value
//!   (`(/ x x)` at 0); the converse does not hold: what is not recognized costs time alone.
//! - A key depends on the program alone: on no run, thread or machine.
//!
//! A number is seen as a sum: an offset, and terms that are products with a coefficient. A coefficient is
//! either *free*, where a constant stands in it, or exact. `(* 1.5 (+ x 2.5))`, `(+ 3.0 (* 0.1 x))` and
//! `(- 0.5 (/ x 7.0))` are all *free + free·x*.

use super::tree::{Tree, gives_number};
use crate::prim::{Kind, Prim};
use std::sync::Arc;

/// Mixes two numbers into one.
const fn join(a: u64, b: u64) -> u64 {
    let mut z = a.rotate_left(23) ^ b.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn of_text(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |seed, byte| {
        join(seed, u64::from(byte))
    })
}

/// A number that a model has in front of a term.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Coefficient {
    /// It is calibrated.
    Free,
    Exact(f64),
}

use Coefficient::{Exact, Free};

impl Coefficient {
    fn plus(self, other: Self) -> Self {
        match (self, other) {
            (Exact(a), Exact(b)) => Exact(a + b),
            _ => Free,
        }
    }

    fn times(self, other: Self) -> Self {
        match (self, other) {
            (Exact(a), Exact(b)) => Exact(a * b),
            // Nothing is left of a constant times nothing.
            (Exact(a), Free) | (Free, Exact(a)) if a == 0.0 => Exact(0.0),
            _ => Free,
        }
    }

    fn is_nothing(self) -> bool {
        self == Exact(0.0)
    }

    fn key(self) -> u64 {
        match self {
            Free => 0x517c_c1b7_2722_0a95,
            Exact(value) => join(1, (value + 0.0).to_bits()),
        }
    }
}

/// A term: factors with their exponents, in the order of their keys.
#[derive(Clone, Debug, PartialEq)]
struct Term {
    coefficient: Coefficient,
    factors: Vec<(u64, i32)>,
}

/// What a number is made of.
#[derive(Clone, Debug, PartialEq)]
struct Sum {
    offset: Coefficient,
    terms: Vec<Term>,
}

impl Sum {
    fn number(offset: Coefficient) -> Self {
        Self {
            offset,
            terms: Vec::new(),
        }
    }

    fn atom(key: u64) -> Self {
        Self {
            offset: Exact(0.0),
            terms: vec![Term {
                coefficient: Exact(1.0),
                factors: vec![(key, 1)],
            }],
        }
    }

    fn plus(mut self, other: Self) -> Self {
        self.offset = self.offset.plus(other.offset);
        for term in other.terms {
            match self
                .terms
                .iter_mut()
                .find(|mine| mine.factors == term.factors)
            {
                Some(mine) => mine.coefficient = mine.coefficient.plus(term.coefficient),
                None => self.terms.push(term),
            }
        }
        self.terms.retain(|term| !term.coefficient.is_nothing());
        self
    }

    fn parts(&self) -> usize {
        self.terms.len() + usize::from(!self.offset.is_nothing())
    }

    /// How many of its coefficients are no constants.
    fn exact(&self) -> usize {
        let terms = self.terms.iter();
        let exact = terms.filter(|term| term.coefficient != Free).count();
        exact + usize::from(!self.offset.is_nothing() && self.offset != Free)
    }

    fn all_free(mut self) -> Self {
        if !self.offset.is_nothing() {
            self.offset = Free;
        }
        for term in &mut self.terms {
            term.coefficient = Free;
        }
        self
    }

    fn scaled(mut self, by: Coefficient) -> Self {
        self.offset = self.offset.times(by);
        for term in &mut self.terms {
            term.coefficient = term.coefficient.times(by);
        }
        self.terms.retain(|term| !term.coefficient.is_nothing());
        self
    }

    fn key(&self) -> u64 {
        let mut keys: Vec<u64> = self
            .terms
            .iter()
            .map(|term| {
                let factors = term.factors.iter();
                factors.fold(term.coefficient.key(), |seed, &(key, exponent)| {
                    join(join(seed, key), exponent as u64)
                })
            })
            .collect();
        keys.sort_unstable();
        keys.into_iter().fold(join(2, self.offset.key()), join)
    }
}

/// A product under way: sums to powers of 1 and -1 are taken apart or become factors.
fn product(sums: Vec<(Sum, i32)>) -> Sum {
    let mut coefficient = Exact(1.0);
    let mut factors: Vec<(u64, i32)> = Vec::new();
    let mut wide: Vec<(Sum, i32)> = Vec::new();
    let put = |factors: &mut Vec<(u64, i32)>, key: u64, exponent: i32| match factors
        .iter_mut()
        .find(|(other, _)| *other == key)
    {
        Some((_, power)) => *power += exponent,
        None => factors.push((key, exponent)),
    };
    for (sum, exponent) in sums {
        match (sum.parts(), sum.terms.first()) {
            (0, _) | (1, None) => {
                let by = match sum.offset {
                    Exact(value) if exponent < 0 => Exact(1.0 / value),
                    by => by,
                };
                coefficient = coefficient.times(by);
            }
            (1, Some(term)) => {
                let by = match term.coefficient {
                    Exact(value) if exponent < 0 => Exact(1.0 / value),
                    by => by,
                };
                coefficient = coefficient.times(by);
                for &(key, power) in &term.factors {
                    put(&mut factors, key, exponent * power);
                }
            }
            _ => wide.push((sum, exponent)),
        }
    }
    // A sum of constants alone has room for any factor, and gives its own away.
    if wide.iter().any(|(sum, _)| sum.exact() == 0) && !coefficient.is_nothing() {
        coefficient = Free;
    }
    factors.retain(|&(_, exponent)| exponent != 0);
    if factors.is_empty() && wide.len() == 1 && wide[0].1 == 1 {
        let (sum, _) = wide.pop().expect("there is one");
        if coefficient != Free {
            return sum.scaled(coefficient);
        }
        if sum.exact() <= 1 {
            return sum.all_free();
        }
        wide.push((sum, 1));
    }
    for (sum, exponent) in wide {
        let sum = if coefficient == Free && sum.exact() <= 1 {
            sum.all_free()
        } else {
            sum
        };
        put(&mut factors, sum.key(), exponent);
    }
    factors.retain(|&(_, exponent)| exponent != 0);
    factors.sort_unstable();
    if coefficient.is_nothing() {
        return Sum::number(Exact(0.0));
    }
    if factors.is_empty() {
        return Sum::number(coefficient);
    }
    Sum {
        offset: Exact(0.0),
        terms: vec![Term {
            coefficient,
            factors,
        }],
    }
}

/// The variables that are bound where something stands, and how many were bound before it.
struct Scope {
    names: Vec<(Arc<str>, u64)>,
    bound: u64,
}

impl Scope {
    fn bind(&mut self, name: &Arc<str>) {
        self.names.push((name.clone(), self.bound));
        self.bound += 1;
    }

    fn find(&self, name: &str) -> Option<u64> {
        let mut inner = self.names.iter().rev();
        inner.find(|(other, _)| &**other == name).map(|(_, n)| *n)
    }
}

/// The key of a program.
pub(super) fn key(program: &[Tree]) -> u64 {
    let mut scope = Scope {
        names: Vec::new(),
        bound: 0,
    };
    for tree in program {
        if tree.head() == Some("define") {
            bind_head(tree.arguments().first(), &mut scope);
        }
    }
    program
        .iter()
        .fold(3, |seed, tree| join(seed, sum(tree, &mut scope).key()))
}

fn bind_head(head: Option<&Tree>, scope: &mut Scope) {
    match head {
        Some(Tree::Name(name)) => scope.bind(name),
        Some(Tree::List(items)) => {
            if let Some(Tree::Name(name)) = items.first() {
                scope.bind(name);
            }
        }
        _ => {}
    }
}

fn sum(tree: &Tree, scope: &mut Scope) -> Sum {
    match tree {
        Tree::Constant(_) => Sum::number(Free),
        Tree::Int(value) => Sum::number(Exact(*value)),
        Tree::Name(name) => Sum::atom(match scope.find(name) {
            Some(place) => join(5, place),
            None => join(6, of_text(name)),
        }),
        Tree::Other(text) => Sum::atom(join(7, of_text(text))),
        Tree::List(items) => {
            let Some(Tree::Name(head)) = items.first() else {
                return structural(items, scope);
            };
            if scope.find(head).is_some() {
                return structural(items, scope);
            }
            let arguments = &items[1..];
            match &**head {
                "+" => arguments.iter().fold(Sum::number(Exact(0.0)), |all, one| {
                    let one = sum(one, scope);
                    all.plus(one)
                }),
                "-" if !arguments.is_empty() => {
                    let mut all: Vec<Sum> = arguments.iter().map(|one| sum(one, scope)).collect();
                    let rest = all.split_off(usize::from(arguments.len() > 1));
                    let first = all.pop().unwrap_or_else(|| Sum::number(Exact(0.0)));
                    rest.into_iter()
                        .fold(first, |all, one| all.plus(one.scaled(Exact(-1.0))))
                }
                "*" | "/" if !arguments.is_empty() => {
                    let mut factors = Vec::new();
                    each_factor(tree, 1, scope, &mut factors);
                    product(factors)
                }
                "square" if arguments.len() == 1 => {
                    let inner = sum(&arguments[0], scope);
                    match inner.terms.first() {
                        // The square of a constant is none: it is never below 0.
                        Some(term) if inner.parts() == 1 && term.coefficient != Free => {
                            product(vec![(inner.clone(), 1), (inner, 1)])
                        }
                        _ => function("square", &[inner]),
                    }
                }
                name => match Prim::from_name(name) {
                    Some(prim) if gives_number(prim) || prim.spec().kind == Kind::Predicate => {
                        let arguments: Vec<Sum> =
                            arguments.iter().map(|one| sum(one, scope)).collect();
                        function(prim.name(), &arguments)
                    }
                    _ => structural(items, scope),
                },
            }
        }
    }
}

/// The factors of products and quotients in each other, with their exponents.
fn each_factor(tree: &Tree, exponent: i32, scope: &mut Scope, factors: &mut Vec<(Sum, i32)>) {
    let arguments = tree.arguments();
    match tree.head() {
        Some("*") if scope.find("*").is_none() => {
            for argument in arguments {
                each_factor(argument, exponent, scope, factors);
            }
        }
        Some("/") if scope.find("/").is_none() && !arguments.is_empty() => {
            let is_inverse = arguments.len() == 1;
            for (place, argument) in arguments.iter().enumerate() {
                let below = place > 0 || is_inverse;
                let exponent = if below { -exponent } else { exponent };
                each_factor(argument, exponent, scope, factors);
            }
        }
        _ => factors.push((sum(tree, scope), exponent)),
    }
}

/// A primitive of numbers.
fn function(name: &str, arguments: &[Sum]) -> Sum {
    if !arguments.is_empty()
        && arguments.iter().all(|sum| sum.terms.is_empty())
        && arguments.iter().any(|sum| sum.offset == Free)
    {
        return Sum::number(Free);
    }
    let mut keys: Vec<u64> = arguments.iter().map(Sum::key).collect();
    if matches!(name, "min" | "max" | "hypot" | "=" | "lbeta") {
        keys.sort_unstable();
    }
    Sum::atom(keys.into_iter().fold(join(8, of_text(name)), join))
}

/// Any other form: what binds names renames them, all else is as it is written.
fn structural(items: &[Tree], scope: &mut Scope) -> Sum {
    let outer = scope.names.len();
    let head = match items.first() {
        Some(Tree::Name(name)) if scope.find(name).is_none() => &**name,
        _ => "",
    };
    let mut seed = join(9, items.len() as u64);
    match head {
        "lambda" | "define" => {
            let mut parts = items[1..].iter();
            match parts.next() {
                Some(Tree::List(names)) => {
                    seed = join(seed, names.len() as u64);
                    let own = names.iter().skip(usize::from(head == "define"));
                    for name in own {
                        if let Tree::Name(name) = name {
                            scope.bind(name);
                        }
                    }
                }
                // The name was bound when the program was begun.
                Some(Tree::Name(name)) if head == "lambda" => scope.bind(name),
                _ => {}
            }
            seed = join(seed, of_text(head));
            seed = parts.fold(seed, |seed, part| join(seed, sum(part, scope).key()));
        }
        "let" | "let*" | "letrec" | "letrec*" => {
            seed = join(seed, of_text(head));
            let mut rest = &items[1..];
            let mut own: Vec<Arc<str>> = Vec::new();
            if let Some(Tree::Name(name)) = rest.first() {
                own.push(name.clone());
                rest = &rest[1..];
            }
            let early = head != "let";
            if let Some(Tree::List(bindings)) = rest.first() {
                if head.starts_with("letrec") {
                    for binding in bindings {
                        bind_head(Some(binding), scope);
                    }
                }
                for binding in bindings {
                    let Tree::List(pair) = binding else { continue };
                    let value = pair.get(1).map_or(0, |value| sum(value, scope).key());
                    seed = join(seed, value);
                    if let Some(Tree::Name(name)) = pair.first() {
                        if !early {
                            own.push(name.clone());
                        } else if head == "let*" {
                            scope.bind(name);
                        }
                    }
                }
                rest = &rest[1..];
            }
            for name in &own {
                scope.bind(name);
            }
            seed = rest
                .iter()
                .fold(seed, |seed, part| join(seed, sum(part, scope).key()));
        }
        _ => {
            for item in items {
                seed = join(seed, sum(item, scope).key());
            }
        }
    }
    scope.names.truncate(outer);
    Sum::atom(seed)
}

#[cfg(test)]
mod tests {
    use super::super::tree::read_program;
    use super::*;

    fn key_of(text: &str) -> u64 {
        key(&read_program(text, 200).unwrap())
    }

    #[test]
    fn what_is_the_same_model_has_one_key() {
        for same in [
            &[
                "(+ x (* 1.5 y))",
                "(+ (* y 0.1) x)",
                "(- x (* 2.0 y))",
                "(- x (/ y 3.0))",
            ][..],
            &[
                "(* 1.5 (+ x 2.5))",
                "(+ 3.0 (* 0.1 x))",
                "(- 0.5 (/ x 7.0))",
                "(+ 1.0 (+ 2.0 (* x 0.3)))",
            ],
            &[
                "(* 2.0 (* 3.0 x))",
                "(* x 1.0)",
                "(* (exp 1.5) x)",
                "(/ x 4.0)",
                "(- (* 1.0 x))",
            ],
            &["(min x (+ 1.0 y))", "(min (+ y 2.0) x)"],
            &["(let ((a (sin x))) (* a a))", "(let ((b (sin x))) (* b b))"],
            &["(lambda (u v) (- u v))", "(lambda (a b) (- a b))"],
            &[
                "(define (f q) (* q 1.5)) (f x)",
                "(define (g z) (* z 2.5)) (g x)",
            ],
            &["(square x)", "(* x x)", "(/ (* x (* x x)) x)"],
            &["(* 1.5 (* (+ x 2.0) y))", "(* (+ 1.0 (* 2.0 x)) y)"],
            &[
                "(/ (* 1.0 x y) (+ 1.0 (* 0.5 (square x))))",
                "(/ (* y x) (+ 0.1 (* x x 2.0)))",
            ],
            &["1.5", "(* 2.0 3.0)", "(sin 0.5)"],
        ] {
            let first = key_of(same[0]);
            for other in same {
                assert_eq!(key_of(other), first, "{other} and {}", same[0]);
            }
        }
    }

    #[test]
    fn what_is_another_model_has_another_key() {
        let different = [
            "x",
            "y",
            "(* 1.5 x)",
            "(* 2 x)",
            "(+ x 1.5)",
            "(+ x 1)",
            "(- x y)",
            "(- y x)",
            "(/ x y)",
            "(/ y x)",
            "(sin x)",
            "(sin (* 1.5 x))",
            "(+ (* 1.5 x) (* 2.5 y))",
            "(+ (* 1.5 x) y)",
            "(* 1.5 (+ x y))",
            "(+ 1.5 (* 2.5 (+ x y)))",
            "(exp (* x y))",
            "(square (* 1.5 x))",
            "(* 1.5 (* x x))",
            "(if (< x 1.5) x y)",
            "(if (< x 1.5) y x)",
            "(min x y)",
            "(max x y)",
            "(lambda (a b) (- a b))",
            "(lambda (a b) (- b a))",
            "(let ((x y)) x)",
            "1",
            "0",
            "1.5",
            "(expt x y)",
            "(expt y x)",
            "(* (+ x 1.5) (+ y 2.5))",
            "(* 3.0 (+ x 1.5) (+ y 2.5))",
        ];
        for (at, a) in different.iter().enumerate() {
            for b in &different[..at] {
                assert_ne!(key_of(a), key_of(b), "{a} and {b}");
            }
        }
    }
}
