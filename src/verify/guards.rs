//! Which tests are nearest to flipping, and which constant would flip them.
//!
//! A trace with its values goes in; the tests come out that the smallest relative move of a constant
//! would decide the other way, to first order.
//!
//! **Invariants**
//! - A comparison flips where the difference of its sides is 0, a step (`floor` and the like) where
//!   its argument meets the next jump; the derivative of that difference says how far away that is.
//! - Tests that no constant moves are left out. Of those at one place the nearest is kept.

use crate::prim::Prim;
use crate::trace::sweep::Adjoints;
use crate::trace::{Ref, Trace};
use rustc_hash::FxHashMap;

/// How many tests are differentiated, those with the smallest differences first.
const CANDIDATES: usize = 64;

/// A test and the constant that flips it soonest.
#[derive(Clone, Debug)]
pub(super) struct Turning {
    /// Where in the program, as with [`crate::trace::Guard::place`].
    pub(super) place: u32,
    /// Which of the constants.
    pub(super) constant: usize,
    /// How far it would have to move.
    pub(super) by: f64,
    /// The same relative to its magnitude, or the move itself if the constant is 0.
    pub(super) relative: f64,
    pub(super) joined: bool,
}

/// A number that changes sign where a test flips.
struct Gap {
    value: f64,
    /// Relative to what is compared.
    relative: f64,
    seeds: [(Ref, f64); 2],
    place: u32,
    joined: bool,
}

/// The `count` tests nearest to flipping. `columns` are the trace's inputs that are constants, with
/// their numbers in `values`.
pub(super) fn nearest(
    trace: &Trace,
    values: &[f64],
    columns: &[Option<u32>],
    count: usize,
) -> Vec<Turning> {
    let mut gaps: FxHashMap<(u32, bool), Gap> = FxHashMap::default();
    let guards = trace.guards.iter().map(|g| (g.node, g.place, false));
    let joins = trace.joins.iter().map(|&(operation, place)| {
        let test = trace.operations[operation as usize].c;
        (test, place, true)
    });
    for (test, place, joined) in guards.chain(joins) {
        each_gap(trace, values, test, &mut |value, relative, seeds| {
            let gap = Gap {
                value,
                relative,
                seeds,
                place,
                joined,
            };
            let nearer = |kept: &Gap| gap.relative < kept.relative;
            if gaps.get(&(place, joined)).is_none_or(nearer) {
                gaps.insert((place, joined), gap);
            }
        });
    }
    let mut gaps: Vec<Gap> = gaps.into_values().collect();
    gaps.sort_by(|a, b| {
        a.relative
            .total_cmp(&b.relative)
            .then(a.place.cmp(&b.place))
    });
    let mut adjoints = Adjoints::default();
    let turnings = gaps.iter().take(CANDIDATES).filter_map(|gap| {
        trace.sweep(values, &gap.seeds, &mut adjoints);
        let moves = columns.iter().enumerate().filter_map(|(constant, column)| {
            let column = (*column)? as usize;
            let slope = adjoints.of(column);
            if slope == 0.0 || !slope.is_finite() {
                return None;
            }
            let by = -gap.value / slope;
            let size = values[column].abs();
            let relative = by.abs() / if size == 0.0 { 1.0 } else { size };
            Some(Turning {
                place: gap.place,
                constant,
                by: by + 0.0,
                relative,
                joined: gap.joined,
            })
        });
        moves.min_by(|a, b| a.relative.total_cmp(&b.relative))
    });
    let mut turnings: Vec<Turning> = turnings.collect();
    turnings.sort_by(|a, b| {
        let order = a.relative.total_cmp(&b.relative);
        order.then(a.place.cmp(&b.place))
    });
    turnings.truncate(count);
    turnings
}

/// The differences that decide a test: of a conjunction or disjunction, those of its parts.
fn each_gap(
    trace: &Trace,
    values: &[f64],
    test: Ref,
    give: &mut dyn FnMut(f64, f64, [(Ref, f64); 2]),
) {
    let mut open = vec![test];
    while let Some(test) = open.pop() {
        let Some(node) = test.as_node() else {
            continue;
        };
        let Some(op) = node
            .checked_sub(trace.inputs)
            .map(|index| trace.operations[index as usize])
        else {
            // A number of the inputs that must be what it is.
            give(0.0, 0.0, [(test, 1.0), (test, 0.0)]);
            continue;
        };
        if matches!(op.prim, Prim::Block | Prim::Part) {
            // Whether a matrix is singular: no difference says how far it is from that.
            continue;
        }
        let (a, b) = (trace.number(op.a, values), trace.number(op.b, values));
        match op.prim {
            Prim::Lt | Prim::Gt | Prim::Le | Prim::Ge | Prim::NumEq => {
                let size = a.abs() + b.abs();
                let relative = if size == 0.0 {
                    0.0
                } else {
                    (a - b).abs() / size
                };
                give(a - b, relative, [(op.a, 1.0), (op.b, -1.0)]);
            }
            Prim::IsZero | Prim::IsPositive | Prim::IsNegative => {
                give(a, a.abs(), [(op.a, 1.0), (op.a, 0.0)]);
            }
            Prim::Both | Prim::Either => open.extend([op.a, op.b]),
            Prim::Not | Prim::IsEven | Prim::IsOdd | Prim::IsInteger => open.push(op.a),
            Prim::Floor | Prim::Ceiling | Prim::Truncate | Prim::Round => {
                // The nearest whole number, or for `round` the nearest half.
                let shift = if op.prim == Prim::Round { 0.5 } else { 0.0 };
                let gap = a - ((a - shift).round() + shift);
                give(gap, gap.abs(), [(op.a, 1.0), (op.a, 0.0)]);
            }
            _ if op.prim.vjp(a, b, values[node as usize], 1.0).is_some()
                || op.prim == Prim::Select =>
            {
                give(0.0, 0.0, [(test, 1.0), (test, 0.0)]);
            }
            _ => {}
        }
    }
}
