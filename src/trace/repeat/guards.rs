//! Guards of iterations that are written out together: which of them have to be asked.
//!
//! An iteration goes in; for each of its guards comes out whether the last iteration's tells for those
//! before it, as where a counter is compared with a number that stays as it is.
//!
//! **Invariants**
//! - Guards that are asked hold only where those of all iterations do. They may fail where these hold, if
//!   a counter goes past what it is never to be equal to: then iterations are done singly.

use super::super::{Ref, Trace};
use crate::prim::Prim;

/// Whole numbers up to this are sums of whole numbers, exactly.
pub(super) const WHOLE: f64 = 9_007_199_254_740_992.0;

/// How a guard is asked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Asked {
    /// In every iteration.
    Each,
    /// In the last one.
    Last,
    /// In the last one, whether the counter is not yet where it would be equal.
    Before(Counted),
}

/// A counter, and what it is not to be equal to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Counted {
    /// The counter, as it is compared, and as which number it is carried on.
    pub(super) counter: Ref,
    carried: usize,
    pub(super) limit: Ref,
    /// How far it goes on in an iteration.
    step: f64,
}

impl Counted {
    /// What compares the two so that the counter has not arrived.
    pub(super) fn before(&self) -> Prim {
        if self.step > 0.0 { Prim::Lt } else { Prim::Gt }
    }

    /// Whether the two are equal in one of so many iterations, of which the first is given these numbers, as
    /// far as that is plain.
    pub(super) fn arrives(&self, body: &Trace, numbers: &[f64], iterations: usize) -> bool {
        let is_given = self.counter == Ref::node(self.carried as u32);
        let first = numbers[self.carried] + if is_given { 0.0 } else { self.step };
        let limit = body.number(self.limit, numbers);
        let is_whole = |x: f64| x.fract() == 0.0 && x.abs() < WHOLE;
        let after = (limit - first) / self.step;
        [first, limit, self.step, after].into_iter().all(is_whole)
            && (0.0..iterations as f64).contains(&after)
    }
}

/// How each guard of an iteration is asked, of which the numbers carried on are `next`.
pub(super) fn asked(body: &Trace, next: &[Ref], in_turn: usize) -> Vec<Asked> {
    let guards = body.guards.iter();
    guards
        .map(|guard| {
            let is_true = match guard.expected {
                1.0 => true,
                0.0 => false,
                _ => return Asked::Each,
            };
            let inputs = body.inputs as usize;
            let op = guard.node.as_node().map(|node| node as usize);
            let Some(op) = op.and_then(|node| body.operations.get(node.checked_sub(inputs)?))
            else {
                return Asked::Each;
            };
            let stays = |r: Ref| {
                let given = next.len() + in_turn..inputs;
                r.as_node()
                    .is_none_or(|node| given.contains(&(node as usize)))
            };
            let counts = |counter: Ref, limit: Ref| {
                let (carried, step) = counter_of(body, next, counter)?;
                stays(limit).then_some(Counted {
                    counter,
                    carried,
                    limit,
                    step,
                })
            };
            let counted = counts(op.a, op.b);
            let is_first = counted.is_some();
            let Some(counted) = counted.or_else(|| counts(op.b, op.a)) else {
                return Asked::Each;
            };
            // Whether it holds for small counters, up to some.
            let below = match op.prim {
                Prim::Lt | Prim::Le => is_first == is_true,
                Prim::Gt | Prim::Ge => is_first != is_true,
                Prim::NumEq if !is_true => return Asked::Before(counted),
                _ => return Asked::Each,
            };
            if below == (counted.step > 0.0) {
                Asked::Last
            } else {
                Asked::Each
            }
        })
        .collect()
}

/// Of a number that is carried on and goes on by a constant, or is what that is in the next iteration: which
/// one, and by how much.
fn counter_of(body: &Trace, next: &[Ref], counter: Ref) -> Option<(usize, f64)> {
    let place = counter.as_node()? as usize;
    let carried = if place < next.len() {
        place
    } else {
        next.iter().position(|&r| r == counter)?
    };
    let made = (next[carried].as_node()? as usize).checked_sub(body.inputs as usize)?;
    let op = body.operations[made];
    let own = Ref::node(carried as u32);
    let number = |r: Ref| match r.as_node() {
        None => Some(body.constants[r.index()]),
        Some(_) => None,
    };
    let step = match op.prim {
        Prim::Add if op.a == own => number(op.b)?,
        Prim::Add if op.b == own => number(op.a)?,
        Prim::Sub if op.a == own => -number(op.b)?,
        _ => return None,
    };
    (step.is_finite() && step != 0.0).then_some((carried, step))
}

#[cfg(test)]
mod tests {
    use super::super::Repeat;
    use super::{Asked, asked};
    use crate::prim::Prim;
    use crate::trace::{Guard, Operation, Ref, Trace};
    use std::sync::Arc;

    /// As long as a counter and `n` compare as is said, and x is above 0.001: the counter goes on by a step,
    /// x is multiplied by 0.95.
    struct Loop {
        prim: Prim,
        expected: f64,
        /// Whether the counter is the second operand.
        is_swapped: bool,
        /// Whether what it is in the next iteration is compared.
        is_next: bool,
        step: f64,
    }

    impl Loop {
        fn body(&self) -> (Trace, Vec<Ref>) {
            let [i, x, n, next, y] = [0, 1, 2, 3, 4].map(Ref::node);
            let operation = |prim, a, b| Operation { prim, a, b, c: a };
            let counter = if self.is_next { next } else { i };
            let [a, b] = if self.is_swapped {
                [n, counter]
            } else {
                [counter, n]
            };
            let guard = |node, expected| Guard {
                at: 4,
                node: Ref::node(node),
                expected,
                place: 0,
            };
            let body = Trace {
                inputs: 3,
                operations: vec![
                    operation(Prim::Add, i, Ref::constant(0)),
                    operation(Prim::Mul, x, Ref::constant(1)),
                    operation(self.prim, a, b),
                    operation(Prim::Gt, x, Ref::constant(2)),
                ],
                constants: vec![self.step, 0.95, 0.001],
                guards: vec![guard(5, self.expected), guard(6, 1.0)],
                ..Trace::default()
            };
            (body, vec![next, y])
        }

        /// What the loop carries on at its end, and how often it was done.
        fn by_hand(&self, mut i: f64, mut x: f64, n: f64) -> [f64; 3] {
            let mut trips = 0.0;
            loop {
                let counter = if self.is_next { i + self.step } else { i };
                let [a, b] = if self.is_swapped {
                    [n, counter]
                } else {
                    [counter, n]
                };
                if self.prim.forward(a, b) != self.expected || x <= 0.001 {
                    return [i, x, trips];
                }
                i += self.step;
                x *= 0.95;
                trips += 1.0;
            }
        }
    }

    const PRIMS: [Prim; 5] = [Prim::Lt, Prim::Le, Prim::Gt, Prim::Ge, Prim::NumEq];

    #[test]
    fn loops_end_where_their_guards_say_so() {
        let limits = [50.0, 49.5, 0.0, -3.0, 200.0, f64::INFINITY, f64::NAN, -40.0];
        for prim in PRIMS {
            for choice in 0..8 {
                let [expected, swapped, next] = [1, 2, 4].map(|bit| choice & bit != 0);
                for step in [1.0, -1.0, 0.1, 3.0] {
                    let of = Loop {
                        prim,
                        expected: f64::from(u8::from(expected)),
                        is_swapped: swapped,
                        is_next: next,
                        step,
                    };
                    let (body, carried) = of.body();
                    let repeat = Repeat::new(body, carried, 0, [1, 0], false);
                    let repeat = Arc::new(repeat.expect("it is an iteration"));
                    for (start, n) in limits.iter().flat_map(|&n| [(0.0, n), (0.5, n), (64.0, n)]) {
                        let mut trace = Trace {
                            inputs: 3,
                            ..Trace::default()
                        };
                        trace.add_repeat(repeat.clone(), &[0, 1, 2].map(Ref::node));
                        let mut values = Vec::new();
                        let ran =
                            trace.replay_while(&[start, 1.0, n], &mut values, None, &mut |_| true);
                        assert_eq!(ran, Ok(()));
                        let expected = of.by_hand(start, 1.0, n);
                        let told = format!("{prim:?} {choice} by {step} from {start} to {n}");
                        assert_eq!(
                            values[3..].iter().map(|x| x.to_bits()).collect::<Vec<_>>(),
                            expected.map(f64::to_bits),
                            "{told}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn a_counter_is_compared_once_for_many_iterations() {
        let of = |prim, expected, is_swapped, step| {
            let is_next = false;
            let of = Loop {
                prim,
                expected,
                is_swapped,
                is_next,
                step,
            };
            let (body, next) = of.body();
            asked(&body, &next, 0)[0]
        };
        // (< i n), (not (> i n)), (< n i) of one that goes down.
        assert_eq!(of(Prim::Lt, 1.0, false, 1.0), Asked::Last);
        assert_eq!(of(Prim::Gt, 0.0, false, 1.0), Asked::Last);
        assert_eq!(of(Prim::Lt, 1.0, true, -2.0), Asked::Last);
        assert!(matches!(of(Prim::NumEq, 0.0, false, 1.0), Asked::Before(_)));
        // What is so later may not have been so before.
        assert_eq!(of(Prim::Lt, 0.0, false, 1.0), Asked::Each);
        assert_eq!(of(Prim::Lt, 1.0, false, -1.0), Asked::Each);
        assert_eq!(of(Prim::NumEq, 1.0, false, 1.0), Asked::Each);
    }
}
