//! How often a loop is done, where its inputs do not matter for that.
//!
//! **Invariants**
//! - A count is certain: every test on the way was on known numbers.

use super::code::{Atom, Body, End, Step, Table, Var};
use rustc_hash::FxHashMap;

/// Operations until it is given up.
const MOST: usize = 30_000_000;

/// How many passes come before the one that exits; none where that is not known.
pub(super) fn passes(vars: &[Var], inits: &[Atom], body: &Body) -> Option<u64> {
    let mut known: FxHashMap<Var, f64> = FxHashMap::default();
    let mut values: Vec<Option<f64>> = inits.iter().map(|atom| atom.constant()).collect();
    let mut work = 0;
    let mut count = 0;
    loop {
        known.clear();
        for (&var, value) in vars.iter().zip(&values) {
            if let Some(value) = value {
                known.insert(var, *value);
            }
        }
        let mut at = body;
        loop {
            for step in &at.steps {
                work += 1;
                learn(step, &mut known);
            }
            if work > MOST {
                return None;
            }
            match &at.end {
                End::Exit(_) => return Some(count),
                End::Again(next) => {
                    work += next.len() + 1;
                    values = next.iter().map(|&atom| value(atom, &known)).collect();
                    count += 1;
                    break;
                }
                End::If(test, then, otherwise) => {
                    at = if value(*test, &known)? == 0.0 {
                        otherwise
                    } else {
                        then
                    };
                }
            }
        }
    }
}

fn value(atom: Atom, known: &FxHashMap<Var, f64>) -> Option<f64> {
    match atom {
        Atom::Constant(x) => Some(x),
        Atom::Var(var) => known.get(&var).copied(),
    }
}

/// What a step gives, if that is known.
fn learn(step: &Step, known: &mut FxHashMap<Var, f64>) {
    let found = match step {
        Step::Op { var, prim, args } => value(args[0], known)
            .zip(value(args[1], known))
            .map(|(a, b)| (*var, prim.forward(a, b))),
        Step::Select {
            var,
            test,
            then,
            otherwise,
        } => value(*test, known)
            .and_then(|test| value(if test == 0.0 { *otherwise } else { *then }, known))
            .map(|x| (*var, x)),
        Step::Look {
            var,
            table: Table::Constants(numbers),
            index,
        } => value(*index, known).and_then(|index| numbers.get(index as usize).map(|&x| (*var, x))),
        Step::Look { .. } | Step::If { .. } | Step::Repeat { .. } | Step::Loop { .. } => None,
    };
    if let Some((var, x)) = found {
        known.insert(var, x);
    }
}
