//! A trace's cotangents sent back, and nothing else of it: what loops do in each iteration.
//!
//! A trace, and which of its nodes get cotangents from which inputs, go in; a [`Routine`] comes out that
//! gives the adjoints of inputs.
//!
//! **Invariants**
//! - Cotangents are added to nodes in the order given, before the sweep: the bits are those of
//!   [`Trace::sweep`] with these seeds.
//! - Guards are not looked at: the numbers are some that fit.

use super::{Form, Place, Routine, compile};
use crate::trace::flow::{Class, Flow};
use crate::trace::gradient::Gradient;
use crate::trace::simplify::simplify;
use crate::trace::{Ref, Trace};

/// A cotangent that comes in: of which node, the input that it is, and the one that tells whether it is there
/// at all, unless it always is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seed {
    pub(crate) node: Ref,
    pub(crate) ct: u32,
    pub(crate) holds: Option<u32>,
}

/// Where an adjoint is, and the number that tells whether anything has arrived there, unless it always has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Adjoint {
    pub(crate) ct: Place,
    pub(crate) holds: Option<Place>,
}

/// A trace compiled so.
#[derive(Debug)]
pub(crate) struct Pullback {
    pub(crate) routine: Routine,
    /// For each input of the trace its adjoint; none where nothing arrives.
    pub(crate) results: Vec<Option<Adjoint>>,
}

impl Pullback {
    /// Of a trace of single numbers: cotangents come in as inputs after the trace's own, so many in all;
    /// adjoints are those of the inputs `by`, one or two outputs each: for one lane `alone` or for several.
    pub(crate) fn new(trace: &Trace, seeds: &[Seed], inputs: u32, by: &[u32], alone: bool) -> Self {
        let mut flow = Flow::new(&vec![Class::Lane; inputs as usize]);
        let (nodes, _) = simplify(trace, &mut flow);
        let mut gradient = Gradient::new(trace, &nodes, by, &mut flow);
        for seed in seeds {
            let ct = Ref::node(seed.ct);
            match seed.holds {
                None => gradient.seed(seed.node, ct, &mut flow),
                Some(holds) => gradient.seed_where(seed.node, ct, Ref::node(holds), &mut flow),
            }
        }
        gradient.sweep(&|_| true, &mut flow);
        let arrived: Vec<Option<(Ref, Option<Ref>)>> = (0..trace.inputs)
            .map(|input| gradient.arrived(input))
            .collect();
        let adjoints = arrived.iter().flatten();
        let adjoints = adjoints.flat_map(|&(ct, holds)| std::iter::once(ct).chain(holds));
        let adjoints: Vec<Ref> = adjoints.collect();
        let form = Form {
            summed: false,
            alone,
        };
        let routine = compile(&flow, &[], [&adjoints, &[]], form, 0);
        let mut places = routine.outputs.iter().copied();
        let results = arrived.into_iter().map(|arrived| {
            let (_, holds) = arrived?;
            Some(Adjoint {
                ct: places.next()?,
                holds: holds.and_then(|_| places.next()),
            })
        });
        let results = results.collect();
        Self { routine, results }
    }
}
