//! Outputs of lanes, and derivatives of these weighted by cotangents, each for each lane or summed.
//!
//! A trace and how its inputs and cotangents come go in; a [`Routine`] comes out that does both in one
//! sweep, however many outputs there are.
//!
//! **Invariants**
//! - The inputs are those of the trace, then the cotangents, one for each output.
//! - An *exact* routine has the bits of [`Trace::sweep`] from the cotangents that are not 0: one that is
//!   contributes nothing, even where a derivative is infinite. Other routines multiply by it, which
//!   differs only where that gives NaN.

use super::{Form, Routine, compile};
use crate::trace::flow::{Class, Flow};
use crate::trace::gradient::Gradient;
use crate::trace::simplify::simplify;
use crate::trace::{Ref, Trace};

/// What to compute of a trace's lanes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weighed<'a> {
    /// The outputs: nodes, or numbers that depend on nothing.
    pub(crate) outputs: &'a [Result<Ref, f64>],
    /// The inputs that derivatives are by.
    pub(crate) by: &'a [u32],
    pub(crate) wishes: &'a Wishes,
}

/// What is wanted of outputs and derivatives, apart from what these are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wishes {
    /// For each input, cotangents included, whether lanes share it.
    pub(crate) shared: Vec<bool>,
    /// Whether there are cotangents; without them each is 1.
    pub(crate) cotangents: bool,
    /// For each output whether it is summed over lanes; empty where outputs are not wanted.
    pub(crate) outputs: Vec<bool>,
    /// The same for each input that derivatives are by.
    pub(crate) derivatives: Vec<bool>,
    pub(crate) exact: bool,
}

impl Routine {
    /// Compiles a trace. There is an output for each wanted, and a derivative for each input that
    /// derivatives are by.
    pub(crate) fn weighed(trace: &Trace, weighed: &Weighed<'_>) -> Self {
        let Weighed {
            outputs,
            by,
            wishes,
        } = *weighed;
        let class = |&shared: &bool| if shared { Class::Shared } else { Class::Lane };
        let classes: Vec<Class> = wishes.shared.iter().map(class).collect();
        let mut flow = Flow::new(&classes);
        // Cotangents begin products, and what lanes share comes after them.
        flow.factors_inside = true;
        let (nodes, guards) = simplify(trace, &mut flow);
        let mut values = Vec::with_capacity(wishes.outputs.len());
        for (&is_sum, output) in wishes.outputs.iter().zip(outputs) {
            let value = match *output {
                Ok(r) => trace.in_flow(r, &nodes, &mut flow),
                Err(x) => flow.constant(x),
            };
            values.push(if is_sum { flow.sum(value) } else { value });
        }
        let derivatives = if by.is_empty() {
            Vec::new()
        } else {
            summed(trace, &nodes, weighed, &mut flow)
                .unwrap_or_else(|| lane_by_lane(trace, &nodes, weighed, &mut flow))
        };
        let results = [values.as_slice(), &derivatives];
        compile(&flow, &guards, results, Form::default(), trace.guards.len())
    }
}

/// Adjoints that the cotangents of outputs begin.
fn seeded<'t>(
    trace: &'t Trace,
    nodes: &'t [Ref],
    weighed: &Weighed<'_>,
    flow: &mut Flow,
) -> Gradient<'t> {
    let mut gradient = Gradient::new(trace, nodes, weighed.by, flow);
    for (input, output) in (trace.inputs..).zip(weighed.outputs) {
        let Ok(output) = *output else {
            continue;
        };
        if !weighed.wishes.cotangents {
            let one = flow.constant(1.0);
            gradient.seed(output, one, flow);
        } else if weighed.wishes.exact {
            gradient.seed_unless_zero(output, Ref::node(input), flow);
        } else {
            gradient.seed(output, Ref::node(input), flow);
        }
    }
    gradient
}

/// The derivatives, each swept lane by lane.
fn lane_by_lane(trace: &Trace, nodes: &[Ref], weighed: &Weighed<'_>, flow: &mut Flow) -> Vec<Ref> {
    let mut gradient = seeded(trace, nodes, weighed, flow);
    gradient.sweep(&|_| true, flow);
    results(&mut gradient, weighed, &|_| true, flow)
}

/// The same with the sweep through what lanes share done once; none where a derivative by what they
/// share is wanted lane by lane, or where it would need too many sums.
fn summed(
    trace: &Trace,
    nodes: &[Ref],
    weighed: &Weighed<'_>,
    flow: &mut Flow,
) -> Option<Vec<Ref>> {
    let by = weighed.by.iter().zip(&weighed.wishes.derivatives);
    let is_shared = |&input: &u32| flow.class(Ref::node(input)) == Class::Shared;
    let all_summed = by.clone().all(|(input, &sum)| sum || !is_shared(input));
    if !all_summed || !weighed.by.iter().any(is_shared) {
        return None;
    }
    let mut gradient = seeded(trace, nodes, weighed, flow);
    gradient.sweep(&|class| class == Class::Lane, flow);
    if gradient.shared_adjoints(flow) > super::most_sums(weighed.by) {
        return None;
    }
    gradient.sum_over_lanes(flow);
    gradient.sweep(&|class| class == Class::Shared, flow);
    let is_each = |class| class == Class::Lane;
    Some(results(&mut gradient, weighed, &is_each, flow))
}

/// The adjoints of the inputs that derivatives are by, summed where that is wanted and those of a
/// class of input are not sums yet.
fn results(
    gradient: &mut Gradient<'_>,
    weighed: &Weighed<'_>,
    is_each: &dyn Fn(Class) -> bool,
    flow: &mut Flow,
) -> Vec<Ref> {
    let by = weighed.by.iter().zip(&weighed.wishes.derivatives);
    by.map(|(&input, &is_sum)| {
        let derivative = gradient.of(input, flow);
        if is_sum && is_each(flow.class(Ref::node(input))) {
            flow.sum(derivative)
        } else {
            derivative
        }
    })
    .collect()
}
