//! Wrong rules, one by one: none of them gets a certificate.
//!
//! **Invariants**
//! - Each mutant is another rule than the right one at a point of its programs; those that are not are
//!   left out by name, with the reason.
//! - `DMCI_MUTANTS` says how many are tried, `all` for each of them; without it an even sample.

use super::{Verdict, verify};
use crate::model::bindings::{Bindings, Input};
use crate::model::interpreter::Interpreter;
use crate::prim::Prim;
use crate::prim::broken::{Mutant, Sweep, Wrong, WrongBlock, with_mutant};

/// How many are tried where nothing else is said.
const SAMPLE: usize = 40;

/// A millionth off: more than any way but central differences allows.
const FAINT: f64 = 1.0 + 1e-6;

/// Rows of one argument, as programs write them, and where they are tried.
const ONE: [(Prim, &str, &[f64]); 17] = [
    (Prim::Neg, "(- x)", REAL),
    (Prim::Abs, "(abs x)", REAL),
    (Prim::Sin, "(sin x)", REAL),
    (Prim::Cos, "(cos x)", REAL),
    (Prim::Tan, "(tan x)", REAL),
    (Prim::Asin, "(asin x)", UNIT),
    (Prim::Acos, "(acos x)", UNIT),
    (Prim::Atan, "(atan x)", REAL),
    (Prim::Sinh, "(sinh x)", REAL),
    (Prim::Cosh, "(cosh x)", REAL),
    (Prim::Tanh, "(tanh x)", REAL),
    (Prim::Exp, "(exp x)", REAL),
    (Prim::Ln, "(log x)", POSITIVE),
    (Prim::Sqrt, "(sqrt x)", POSITIVE),
    (Prim::Square, "(square x)", REAL),
    (Prim::Sigmoid, "(sigmoid x)", REAL),
    (Prim::Softplus, "(softplus x)", REAL),
];
const REAL: &[f64] = &[0.7, -0.6, 1.8, -1.2];
const UNIT: &[f64] = &[0.7, -0.6];
const POSITIVE: &[f64] = &[0.7, 1.8];

/// Rows of two arguments.
const TWO: [(Prim, &str, &[[f64; 2]]); 12] = [
    (Prim::Add, "(+ x y)", PAIRS),
    (Prim::Mul, "(* x y)", PAIRS),
    (Prim::Sub, "(- x y)", PAIRS),
    (Prim::Div, "(/ x y)", PAIRS),
    (Prim::Min, "(min x y)", TIES),
    (Prim::Max, "(max x y)", TIES),
    (Prim::Remainder, "(remainder x y)", WHOLES),
    (Prim::Modulo, "(modulo x y)", WHOLES),
    (Prim::Atan2, "(atan x y)", PAIRS),
    (Prim::LogBase, "(log x y)", BASES),
    (Prim::Pow, "(expt x y)", BASES),
    // Whose second argument has the derivative: a root's.
    (
        Prim::StraightThrough,
        "(root (lambda (z) (- (* z z z) x y)) 0 9)",
        PAIRS,
    ),
];
const PAIRS: &[[f64; 2]] = &[[1.7, 0.6], [0.6, 1.9]];
const TIES: &[[f64; 2]] = &[[1.7, 0.6], [0.6, 1.9], [1.3, 1.3]];
const WHOLES: &[[f64; 2]] = &[[5.3, 1.7], [1.1, 0.4], [-0.9, 0.4]];
const BASES: &[[f64; 2]] = &[[1.7, 0.6], [1.3, 2.9]];

/// Rows without derivatives. Whether those of `Detach` are 0 does not matter where the language uses it:
/// what it holds back cancels.
const FLAT: [(Prim, &str); 8] = [
    (Prim::Floor, "(floor x)"),
    (Prim::Ceiling, "(ceiling x)"),
    (Prim::Round, "(round x)"),
    (Prim::Truncate, "(truncate x)"),
    (Prim::Quotient, "(quotient x 0.3)"),
    (Prim::FloorQuotient, "(floor-quotient x 0.3)"),
    (Prim::Gcd, "(gcd (* 4 x) 10)"),
    (Prim::Lcm, "(lcm (* 4 x) 10)"),
];

/// Blocks: their primitive and a program of a matrix m of 5 rows, and another p.
const BLOCKS: [(&str, &str); 6] = [
    ("matmul", "(matmul m p)"),
    ("solve", "(solve m p)"),
    ("inv", "(inv m)"),
    ("logdet", "(logdet m)"),
    ("det", "(det m)"),
    ("cholesky", "(cholesky m)"),
];

fn mutants() -> Vec<Mutant> {
    let mut all = Vec::new();
    for (prim, _, points) in ONE {
        let kinds = [
            Wrong::Scaled([FAINT; 2]),
            Wrong::Scaled([-1.0; 2]),
            Wrong::Scaled([0.0; 2]),
            Wrong::Scaled([0.5; 2]),
            Wrong::One,
            Wrong::TimesA,
            Wrong::TimesY,
            Wrong::Below(-1.0),
            Wrong::Beyond(1.001),
        ];
        for wrong in kinds {
            let same = match wrong {
                Wrong::Below(_) => points.iter().all(|&x| x >= 0.0),
                Wrong::Beyond(_) => points.iter().all(|x| x.abs() <= 1.0),
                _ => false,
            };
            if !same {
                all.push(Mutant::Row(prim, wrong));
            }
        }
    }
    for (prim, ..) in TWO {
        let kinds = [
            Wrong::Scaled([FAINT, 1.0]),
            Wrong::Scaled([1.0, FAINT]),
            Wrong::Scaled([-1.0, 1.0]),
            Wrong::Scaled([1.0, -1.0]),
            Wrong::Scaled([0.0, 1.0]),
            Wrong::Scaled([1.0, 0.0]),
            Wrong::Swapped,
            Wrong::One,
            Wrong::Above(1.001),
            Wrong::Tie,
        ];
        for wrong in kinds {
            let same = match prim {
                // Both derivatives are 1.
                Prim::Add => matches!(wrong, Wrong::Swapped | Wrong::One),
                // Its first argument has derivative 0, is detached, and is as large as the second but
                // for rounding.
                Prim::StraightThrough => {
                    let first_alone = matches!(wrong, Wrong::Scaled([_, second]) if second == 1.0);
                    first_alone || matches!(wrong, Wrong::Above(_) | Wrong::One)
                }
                _ => false,
            };
            // Other rows have no ties.
            let same = same || (wrong == Wrong::Tie && !matches!(prim, Prim::Min | Prim::Max));
            if !same {
                all.push(Mutant::Row(prim, wrong));
            }
        }
    }
    all.extend(FLAT.map(|(prim, _)| Mutant::Row(prim, Wrong::Leak)));
    for (name, _) in BLOCKS {
        let matrix = !matches!(name, "logdet" | "det");
        let two = matches!(name, "matmul" | "solve");
        for factor in [FAINT, -1.0, 0.0, 0.5] {
            for sweep in [Sweep::Reverse, Sweep::Forward, Sweep::Expressed] {
                all.push(Mutant::Block(name, sweep, WrongBlock::Scaled(factor)));
            }
        }
        for factor in [1.0 + 1e-4, 0.0] {
            for wrong in [WrongBlock::First(factor), WrongBlock::Last(factor)] {
                // Nothing flows to what is last of the upper triangle but through the diagonal.
                all.push(Mutant::Block(name, Sweep::Reverse, wrong));
                if matrix {
                    all.push(Mutant::Block(name, Sweep::Forward, wrong));
                }
            }
        }
        all.push(Mutant::Block(name, Sweep::Reverse, WrongBlock::DropA));
        all.push(Mutant::Block(name, Sweep::Reverse, WrongBlock::Transposed));
        if two {
            all.push(Mutant::Block(name, Sweep::Reverse, WrongBlock::DropB));
        }
    }
    all
}

/// A matrix of 5 rows that is far from singular, and positive definite; not symmetric with `skew`.
fn matrix(skew: f64) -> Input {
    let entry = |at: usize| {
        let (i, j) = (at / 5, at % 5);
        let base = 0.3 * ((i * j + i + j) as f64).sin();
        let upper = if j > i { skew * (1.0 + i as f64) } else { 0.0 };
        base + upper + if i == j { 3.0 + i as f64 } else { 0.0 }
    };
    Input::Matrix {
        rows: 5,
        columns: 5,
        numbers: (0..25).map(entry).collect(),
    }
}

/// The programs that a mutant is to be noticed by, with inputs.
fn programs(mutant: Mutant) -> Vec<(String, Bindings)> {
    let (prim, wrong) = match mutant {
        Mutant::Block(name, ..) => {
            let found = BLOCKS.iter().find(|(block, _)| *block == name);
            let (_, text) = found.expect("every block has a program");
            let mut bindings = Bindings::from([("m", matrix(0.1))]);
            if text.contains(" p)") {
                bindings.set("p", matrix(-0.2));
            }
            // The squares of a Cholesky factor add up to the trace, which has no second derivatives.
            let cube = format!("(let ((y {text})) (* y y y))");
            let one = if matches!(name, "logdet" | "det") {
                cube
            } else {
                format!("(vsum {cube})")
            };
            // And its numbers one by one, which are swept forwards.
            let text = format!("(list {text} 1)");
            return vec![(one, bindings.clone()), (text, bindings)];
        }
        Mutant::Row(prim, wrong) => (prim, wrong),
    };
    if wrong == Wrong::Leak {
        let found = FLAT.iter().find(|row| row.0 == prim);
        let (_, text) = found.expect("every flat row has a program");
        return vec![((*text).to_owned(), Bindings::from([("x", 0.5)]))];
    }
    if let Some((_, text, points)) = ONE.iter().find(|row| row.0 == prim) {
        let program = |&x: &f64| ((*text).to_owned(), Bindings::from([("x", x)]));
        return points.iter().map(program).collect();
    }
    let found = TWO.iter().find(|row| row.0 == prim);
    let (_, text, points) = found.expect("every row has a program");
    let program = |&[x, y]: &[f64; 2]| {
        let bindings = Bindings::from([("x", x), ("y", y)]);
        ((*text).to_owned(), bindings)
    };
    points.iter().map(program).collect()
}

#[test]
fn wrong_rules_fail_and_right_ones_pass() {
    let interpreter = Interpreter::embedded();
    let all = mutants();
    assert!(all.len() >= 300, "{} mutants", all.len());
    let count = match std::env::var("DMCI_MUTANTS").as_deref() {
        Ok("all") => all.len(),
        Ok(count) => count.parse().expect("DMCI_MUTANTS is a number or `all`"),
        Err(_) => SAMPLE,
    };
    let fails = |(text, bindings): &(String, Bindings)| {
        let certificate =
            verify(&interpreter, text, bindings).unwrap_or_else(|error| panic!("{text}: {error}"));
        certificate.verdict == Verdict::Fail
    };
    let count = count.min(all.len());
    let mut missed = Vec::new();
    for at in 0..count {
        let mutant = all[at * all.len() / count];
        let programs = programs(mutant);
        if !programs
            .iter()
            .any(|program| with_mutant(mutant, || fails(program)))
        {
            missed.push(mutant);
        }
        if at % 8 == 0 {
            assert!(!programs.iter().any(fails), "{programs:?}");
        }
    }
    assert!(missed.is_empty(), "{} of {count}: {missed:?}", missed.len());
}
