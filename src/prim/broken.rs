//! Rules that are wrong on purpose, in test builds alone: whoever judges rules must notice.
//!
//! **Invariants**
//! - One rule is broken at a time, on one thread, while a closure runs; also if that panics.

use super::block::BlockKind;
use super::{Prim, Real};
use std::cell::Cell;

/// What is wrong with the rule of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Wrong {
    /// Each cotangent is off by a factor.
    Scaled([f64; 2]),
    /// They go to the other argument.
    Swapped,
    /// The derivatives are 1.
    One,
    /// A factor too much: the first argument, or the result.
    TimesA,
    TimesY,
    /// Off by a factor where the first argument is below 0, or beyond 1 on either side, or above the
    /// second.
    Below(f64),
    Beyond(f64),
    Above(f64),
    /// At a tie all goes to the first argument.
    Tie,
    /// A row without derivatives has some.
    Leak,
}

/// Which of a block's rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sweep {
    Reverse,
    Forward,
    /// Reverse rules as operations, for second derivatives.
    Expressed,
}

/// What is wrong with the rule of a block.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum WrongBlock {
    /// Each number is off by a factor.
    Scaled(f64),
    /// The first, or the last, number is.
    First(f64),
    Last(f64),
    /// An operand gets nothing.
    DropA,
    DropB,
    /// The first operand gets the transposed matrix.
    Transposed,
}

/// A rule that is wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Mutant {
    Row(Prim, Wrong),
    /// The block by the name of its primitive.
    Block(&'static str, Sweep, WrongBlock),
}

thread_local! {
    static BROKEN: Cell<Option<Mutant>> = const { Cell::new(None) };
}

struct Mended;

impl Drop for Mended {
    fn drop(&mut self) {
        BROKEN.set(None);
    }
}

/// Runs `f` on this thread while the rule of a primitive is off by a factor.
pub(crate) fn with<T>(prim: Prim, factor: f64, f: impl FnOnce() -> T) -> T {
    with_mutant(Mutant::Row(prim, Wrong::Scaled([factor; 2])), f)
}

/// Runs `f` on this thread while a rule is broken.
pub(crate) fn with_mutant<T>(mutant: Mutant, f: impl FnOnce() -> T) -> T {
    let _mended = Mended;
    BROKEN.set(Some(mutant));
    f()
}

/// The cotangents of a row, broken if it is the one.
pub(super) fn rule<R: Real>(
    prim: Prim,
    [a, b, y, ct]: [R; 4],
    cotangents: Option<[R; 2]>,
) -> Option<[R; 2]> {
    let wrong = match BROKEN.get() {
        Some(Mutant::Row(broken, wrong)) if broken == prim => wrong,
        _ => return cotangents,
    };
    if wrong == Wrong::Leak {
        return Some([ct, ct]);
    }
    let one = |x: R| x.lift(1.0);
    let [to_a, to_b] = cotangents?;
    let scaled = |test: R, factor: f64| {
        let factor = test.select(ct.lift(factor), one(ct));
        [factor * to_a, factor * to_b]
    };
    Some(match wrong {
        Wrong::Scaled([f, g]) => [ct.lift(f) * to_a, ct.lift(g) * to_b],
        Wrong::Swapped => [to_b, to_a],
        Wrong::One => [ct, ct],
        Wrong::TimesA => [a * to_a, a * to_b],
        Wrong::TimesY => [y * to_a, y * to_b],
        Wrong::Below(factor) => scaled(a.lift(0.0).above(a), factor),
        Wrong::Beyond(factor) => scaled((a * a).above(one(a)), factor),
        Wrong::Above(factor) => scaled(a.above(b), factor),
        Wrong::Tie => {
            let tie = (a - b).is_zero();
            [tie.select(ct, to_a), tie.select(ct.lift(0.0), to_b)]
        }
        Wrong::Leak => return Some([ct, ct]),
    })
}

/// What is wrong with a rule of a block.
pub(crate) fn of_block(block: BlockKind, sweep: Sweep) -> Option<WrongBlock> {
    match BROKEN.get() {
        Some(Mutant::Block(name, broken, wrong)) if name == block.name() && broken == sweep => {
            Some(wrong)
        }
        _ => None,
    }
}

/// Breaks what a block's rule has written for its first and second operand, or for its result.
pub(super) fn block(block: BlockKind, sweep: Sweep, [first, second]: [Option<&mut [f64]>; 2]) {
    let Some(wrong) = of_block(block, sweep) else {
        return;
    };
    let scale = |numbers: &mut [f64], factor: f64| numbers.iter_mut().for_each(|x| *x *= factor);
    match wrong {
        WrongBlock::Scaled(factor) => {
            for numbers in [first, second].into_iter().flatten() {
                scale(numbers, factor);
            }
        }
        WrongBlock::First(factor) => {
            if let Some([number, ..]) = first {
                *number *= factor;
            }
        }
        WrongBlock::Last(factor) => {
            if let Some([.., number]) = first {
                *number *= factor;
            }
        }
        WrongBlock::DropA => scale(first.unwrap_or_default(), 0.0),
        WrongBlock::DropB => scale(second.unwrap_or_default(), 0.0),
        WrongBlock::Transposed => {
            let numbers = first.unwrap_or_default();
            let n = numbers.len().isqrt();
            for (i, j) in (0..n).flat_map(|i| (0..i).map(move |j| (i, j))) {
                numbers.swap(i * n + j, j * n + i);
            }
        }
    }
}
