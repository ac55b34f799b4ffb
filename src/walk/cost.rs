//! What a run costs where its arms are taken another way.
//!
//! The walk notes what each arm of a joined fork took; for any outcomes of the tests out comes what a walk
//! would take.
//!
//! **Invariants**
//! - Forks are listed as they began: one stands after the fork whose arm it stands in.
//! - A fork is listed where its arms cost differently, or one around it does; others are part of what they
//!   stand in.

use super::ELEMENTS;
use crate::prim::Prim;
use crate::trace::{Operation, Ref, Trace, narrow};
use std::ops::{Add, AddAssign, Sub};

/// Applications, and elements that primitives went through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cost {
    pub(crate) applications: u64,
    pub(crate) work: u64,
}

impl Cost {
    /// What it is of the fuel.
    pub(crate) fn fuel(self) -> u64 {
        self.applications.saturating_add(self.work / ELEMENTS)
    }

    /// The larger of either count.
    fn max(self, other: Self) -> Self {
        Self {
            applications: self.applications.max(other.applications),
            work: self.work.max(other.work),
        }
    }
}

impl Add for Cost {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            applications: self.applications.saturating_add(other.applications),
            work: self.work.saturating_add(other.work),
        }
    }
}

impl AddAssign for Cost {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Cost {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self {
            applications: self.applications.saturating_sub(other.applications),
            work: self.work.saturating_sub(other.work),
        }
    }
}

/// A joined fork, and what each of its arms costs without the forks in there that are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ForkCost {
    /// The node of the test.
    pub(crate) test: u32,
    /// The fork whose arm it stands in, and whether that is the one where the test holds.
    pub(crate) around: Option<(u32, bool)>,
    pub(crate) then: Cost,
    pub(crate) otherwise: Cost,
}

/// What a run costs, by the outcomes of its tests.
#[derive(Clone, Debug, Default)]
pub(crate) struct Costs {
    /// What it costs in any case.
    base: Cost,
    forks: Box<[ForkCost]>,
    /// No less than what any outcomes come to.
    most: Cost,
}

impl Costs {
    pub(super) fn new(base: Cost, forks: Vec<ForkCost>) -> Self {
        let mut arms: Vec<[Cost; 2]> = forks.iter().map(|f| [f.then, f.otherwise]).collect();
        let mut most = base;
        for (index, fork) in forks.iter().enumerate().rev() {
            let [then, otherwise] = arms[index];
            let larger = then.max(otherwise);
            match fork.around {
                Some((around, then)) => arms[around as usize][usize::from(!then)] += larger,
                None => most += larger,
            }
        }
        let forks = forks.into_boxed_slice();
        Self { base, forks, most }
    }

    /// Takes something away that is counted elsewhere.
    pub(crate) fn leave_out(&mut self, cost: Cost) {
        self.base = self.base - cost;
        self.most = self.most - cost;
    }

    /// Whether it is the same for all outcomes.
    pub(crate) fn is_fixed(&self) -> bool {
        self.forks.is_empty()
    }

    /// No less than what any outcomes come to.
    pub(crate) fn most(&self) -> Cost {
        self.most
    }

    /// What it costs in any case.
    pub(crate) fn base(&self) -> Cost {
        self.base
    }

    pub(crate) fn forks(&self) -> &[ForkCost] {
        &self.forks
    }

    /// What it costs where the nodes have these numbers.
    pub(crate) fn at(&self, number: impl Fn(u32) -> f64) -> Cost {
        let mut total = self.base;
        // The arms taken of the forks so far; none of those that are not come to.
        let mut taken: Vec<Option<bool>> = Vec::with_capacity(self.forks.len());
        for fork in &self.forks {
            let is_met = fork
                .around
                .is_none_or(|(around, then)| taken[around as usize] == Some(then));
            let holds = number(fork.test) != 0.0;
            taken.push(is_met.then_some(holds));
            if is_met {
                total += if holds { fork.then } else { fork.otherwise };
            }
        }
        total
    }

    /// The memory it takes, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&*self.forks)
    }
}

/// Writes into a trace what forks cost, by the outcomes of their tests.
pub(crate) fn sum_of_forks(
    trace: &mut Trace,
    base: Cost,
    forks: &[ForkCost],
    part: impl Fn(Cost) -> f64,
) -> Ref {
    let constant = |trace: &mut Trace, x: f64| {
        trace.constants.push(x);
        Ref::constant(narrow(trace.constants.len() - 1))
    };
    let push = |trace: &mut Trace, prim, a, b, c| {
        trace.operations.push(Operation { prim, a, b, c });
        Ref::node(narrow(trace.len() - 1))
    };
    let arms = forks.iter().map(|fork| {
        let [then, otherwise] = [fork.then, fork.otherwise].map(&part);
        [constant(trace, then), constant(trace, otherwise)]
    });
    let mut arms: Vec<[Ref; 2]> = arms.collect();
    let mut total = constant(trace, part(base));
    for (index, fork) in forks.iter().enumerate().rev() {
        let [then, otherwise] = arms[index];
        let chosen = push(trace, Prim::Select, then, otherwise, Ref::node(fork.test));
        let sum = match fork.around {
            Some((around, then)) => &mut arms[around as usize][usize::from(!then)],
            None => &mut total,
        };
        *sum = push(trace, Prim::Add, *sum, chosen, *sum);
    }
    total
}

#[cfg(test)]
mod tests {
    use super::{Cost, Costs, ForkCost};

    fn cost(applications: u64, work: u64) -> Cost {
        Cost { applications, work }
    }

    #[test]
    fn forks_in_arms_count_where_these_are_taken() {
        let fork = |test, around, then, otherwise| ForkCost {
            test,
            around,
            then,
            otherwise,
        };
        let forks = vec![
            fork(0, None, cost(1, 0), cost(2, 0)),
            fork(1, Some((0, true)), cost(10, 5), cost(0, 9)),
            fork(2, None, cost(0, 0), cost(100, 0)),
        ];
        let costs = Costs::new(cost(1000, 1), forks);
        let at = |tests: [f64; 3]| costs.at(|node| tests[node as usize]);
        assert_eq!(at([1.0, 1.0, 1.0]), cost(1011, 6));
        assert_eq!(at([1.0, 0.0, 0.0]), cost(1101, 10));
        assert_eq!(at([0.0, 1.0, 1.0]), cost(1002, 1));
        assert_eq!(costs.most(), cost(1111, 10));
        assert!(!costs.is_fixed() && costs.base() == cost(1000, 1));
    }
}
