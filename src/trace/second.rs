//! `second`: the gradient of a trace, written back as a trace, which can be differentiated again.
//!
//! A [`Trace`] and its output go in; out comes the trace whose outputs are the derivatives of that, or
//! their sum weighted by further inputs, a direction. Its derivatives are second derivatives: the
//! rows of the Hessian, or the Hessian times the direction.
//!
//! ```text
//! trace ──simplify──▶ flow ──gradient──▶ flow ──trace_of──▶ trace ──gradient──▶ second derivatives
//! ```
//!
//! **Invariants**
//! - The inputs are those of the trace, then the direction's. Guards keep their numbers, so a path
//!   that fits by one fits by the other.
//! - Whatever the flow holds under a condition reaches the outputs through a `Select` alone, so the
//!   untaken side of a branch contaminates second derivatives as little as first ones.
//! - No operation is there that neither an output nor a guard needs.

use super::flow::{Class, Flow, Work};
use super::gradient::Gradient;
use super::simplify::{FlowGuard, simplify};
use super::{BlockOperation, Guard, Numbers, Operation, Ref, Trace, narrow};
use crate::prim::Prim;
use rustc_hash::FxHashMap;

/// A trace and which of its nodes are asked for.
#[derive(Clone, Debug)]
pub(crate) struct GradientTrace {
    pub(crate) trace: Trace,
    /// The derivatives by each input asked for; or one, their sum weighted by the direction.
    pub(crate) outputs: Vec<Ref>,
}

impl Trace {
    /// The trace of the derivatives of `output` by the inputs `by`; with `directed`, of their sum
    /// weighted by as many inputs more.
    pub(crate) fn gradient_trace(&self, output: Ref, by: &[u32], directed: bool) -> GradientTrace {
        let further = if directed { narrow(by.len()) } else { 0 };
        let inputs = self.inputs + further;
        let mut flow = Flow::new(&vec![Class::Lane; inputs as usize]);
        let (nodes, guards) = simplify(self, &mut flow);
        let mut gradient = Gradient::new(self, &nodes, by, &mut flow).expressed();
        let one = flow.constant(1.0);
        gradient.seed(output, one, &mut flow);
        gradient.sweep(&|_| true, &mut flow);
        let mut roots: Vec<Ref> = by.iter().map(|&r| gradient.of(r, &mut flow)).collect();
        if directed {
            roots = vec![weighted(&roots, self.inputs, &mut flow)];
        }
        let (trace, outputs) = trace_of(&flow, &guards, &self.guards, &roots);
        GradientTrace { trace, outputs }
    }
}

/// The sum of numbers, each times the input of its place from `first` on. Constants are left out:
/// they have no derivatives.
fn weighted(numbers: &[Ref], first: u32, flow: &mut Flow) -> Ref {
    let mut sum = None;
    for (weight, &number) in (first..).zip(numbers) {
        if number.is_node() {
            let term = flow.operation(Prim::Mul, number, Ref::node(weight));
            sum = Some(match sum {
                None => term,
                Some(sum) => flow.operation(Prim::Add, sum, term),
            });
        }
    }
    sum.unwrap_or_else(|| flow.constant(0.0))
}

/// Writes what `roots` and guards need of a flow as a trace; gives the roots' nodes there. `known`
/// are the guards of the trace that the flow's guards come from: those that cannot fail any more
/// stay, on constants.
///
/// # Panics
/// If the flow has sums over lanes, or reverse rules that are not expressed.
pub(crate) fn trace_of(
    flow: &Flow,
    guards: &[FlowGuard],
    known: &[Guard],
    roots: &[Ref],
) -> (Trace, Vec<Ref>) {
    let nodes = roots.iter().chain(guards.iter().map(|guard| &guard.node));
    let mut writer = Writer {
        flow,
        live: live(flow, nodes),
        nodes: (0..flow.inputs).map(Ref::node).collect(),
        runs: FxHashMap::default(),
        trace: Trace {
            inputs: flow.inputs,
            constants: flow.constants.clone(),
            ..Trace::default()
        },
    };
    let mut pending = guards.iter().peekable();
    for index in 0..=flow.operations.len() {
        while let Some(guard) = pending.next_if(|guard| guard.at as usize <= index) {
            writer.guards_before(guard.index, known);
            writer.guard(writer.of(guard.node), &known[guard.index as usize]);
        }
        if let Some(operation) = flow.operations.get(index) {
            writer.operation(index, operation);
        }
    }
    writer.guards_before(narrow(known.len()), known);
    let roots = roots.iter().map(|&r| writer.of(r)).collect();
    (writer.trace, roots)
}

/// Which nodes are needed.
fn live<'r>(flow: &Flow, roots: impl Iterator<Item = &'r Ref>) -> Vec<bool> {
    let mut live = vec![false; flow.classes.len()];
    let note = |r: Ref, live: &mut Vec<bool>| {
        if r.is_node() {
            live[r.index()] = true;
        }
    };
    roots.for_each(|&r| note(r, &mut live));
    for (index, operation) in flow.operations.iter().enumerate().rev() {
        let node = flow.inputs as usize + index;
        match operation.prim {
            Prim::Part => {}
            Prim::Block => {
                let block = &flow.blocks[operation.c.index()];
                let numbers = node..node + block.length as usize;
                if live[numbers.clone()].iter().any(|&l| l) {
                    live[numbers].fill(true);
                    block.reads().for_each(|r| note(r, &mut live));
                }
            }
            // Rows of fewer operands repeat the first.
            _ if live[node] => {
                let operands = [operation.a, operation.b, operation.c];
                for r in operands {
                    note(r, &mut live);
                }
            }
            _ => {}
        }
    }
    live
}

struct Writer<'f> {
    flow: &'f Flow,
    live: Vec<bool>,
    /// For each node of the flow so far its node in the trace; of those not needed, anything.
    nodes: Vec<Ref>,
    /// Where the operands of blocks are.
    runs: FxHashMap<Vec<Ref>, Numbers>,
    trace: Trace,
}

impl Writer<'_> {
    fn of(&self, r: Ref) -> Ref {
        if r.is_node() {
            self.nodes[r.index()]
        } else {
            r
        }
    }

    fn guard(&mut self, node: Ref, known: &Guard) {
        let at = narrow(self.trace.operations.len());
        self.trace.guards.push(Guard { at, node, ..*known });
    }

    /// Guards that cannot fail, up to that of a number.
    fn guards_before(&mut self, number: u32, known: &[Guard]) {
        for guard in &known[self.trace.guards.len()..number as usize] {
            self.trace.constants.push(guard.expected);
            let node = Ref::constant(narrow(self.trace.constants.len() - 1));
            self.guard(node, guard);
        }
    }

    fn operation(&mut self, index: usize, operation: &Operation) {
        let node = self.flow.inputs as usize + index;
        // A block has written down its parts.
        if self.nodes.len() > node {
            return;
        }
        if operation.prim == Prim::Block && self.live[node] {
            self.block(operation.c.index());
            return;
        }
        let next = Ref::node(narrow(self.trace.len()));
        self.nodes.push(next);
        if !self.live[node] {
            return;
        }
        assert!(operation.prim != Prim::Part, "sums over lanes are no trace");
        let [a, b, c] = [operation.a, operation.b, operation.c].map(|r| self.of(r));
        let prim = operation.prim;
        self.trace.operations.push(Operation { prim, a, b, c });
    }

    fn block(&mut self, which: usize) {
        let block = &self.flow.blocks[which];
        let Work::Forward(kind) = block.work else {
            unreachable!("the rules of blocks are expressed where a trace is written")
        };
        let operands = [&block.operands[0], &block.operands[1]];
        let [a, b] = operands.map(|runs| {
            let refs: Vec<Ref> = runs.iter().map(Ref::at_place).collect();
            self.numbers(&refs)
        });
        let first = self.trace.add_block(BlockOperation {
            first: 0,
            length: block.length,
            block: Some(kind),
            repeats: None,
            a,
            b,
        });
        let numbers = first..first + block.length;
        self.nodes.extend(numbers.map(Ref::node));
    }

    /// Numbers as an operand of a block: where they are a run, or gathered.
    fn numbers(&mut self, numbers: &[Ref]) -> Numbers {
        if let Some(&known) = self.runs.get(numbers) {
            return known;
        }
        let refs: Vec<Ref> = numbers.iter().map(|&r| self.of(r)).collect();
        let length = narrow(refs.len());
        let run = match refs.first() {
            None => Numbers::Run(Ref::constant(0), 0),
            Some(&first) if first.is_node() && (first.0..).zip(&refs).all(|(n, r)| r.0 == n) => {
                Numbers::Run(first, length)
            }
            Some(_) if refs.iter().all(|r| !r.is_node()) => {
                let at = narrow(self.trace.constants.len());
                let numbers = refs.iter().map(|r| self.trace.constants[r.index()]);
                let numbers: Vec<f64> = numbers.collect();
                self.trace.constants.extend(numbers);
                Numbers::Run(Ref::constant(at), length)
            }
            Some(_) => {
                let start = narrow(self.trace.listed.len());
                self.trace.listed.extend(refs);
                let gathered = self.trace.add_block(BlockOperation {
                    first: 0,
                    length,
                    block: None,
                    repeats: None,
                    a: Numbers::Listed(start, length),
                    b: Numbers::Listed(start, 0),
                });
                Numbers::Run(Ref::node(gathered), length)
            }
        };
        self.runs.insert(numbers.to_vec(), run);
        run
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::sweep::Adjoints;

    /// Some operations on inputs; what is not a node is a constant.
    struct Build(Trace);

    impl Build {
        fn new(inputs: u32) -> Self {
            Self(Trace {
                inputs,
                ..Trace::default()
            })
        }

        fn constant(&mut self, x: f64) -> Ref {
            self.0.constants.push(x);
            Ref::constant(self.0.constants.len() as u32 - 1)
        }

        fn op(&mut self, prim: Prim, a: Ref, b: Ref) -> Ref {
            self.0.operations.push(Operation { prim, a, b, c: a });
            Ref::node(self.0.len() as u32 - 1)
        }

        fn select(&mut self, c: Ref, a: Ref, b: Ref) -> Ref {
            let prim = Prim::Select;
            self.0.operations.push(Operation { prim, a, b, c });
            Ref::node(self.0.len() as u32 - 1)
        }

        fn guard(&mut self, node: Ref, expected: f64) {
            self.0.guards.push(Guard {
                at: self.0.operations.len() as u32,
                node,
                expected,
                place: 7,
            });
        }
    }

    /// The rows of derivatives of a gradient.
    fn rows(of: &GradientTrace, inputs: &[f64], by: &[u32]) -> Vec<Vec<f64>> {
        let mut values = Vec::new();
        let trace = &of.trace;
        trace.replay(inputs, &mut values).expect("the same path");
        let mut adjoints = Adjoints::default();
        let rows = of.outputs.iter().map(|&output| {
            trace.sweep(&values, &[(output, 1.0)], &mut adjoints);
            let row = by.iter().map(|&input| adjoints.of(input as usize));
            row.collect()
        });
        rows.collect()
    }

    #[test]
    fn the_gradient_of_a_product_is_a_trace_with_derivatives() {
        // x² y
        let mut b = Build::new(2);
        let [x, y] = [Ref::node(0), Ref::node(1)];
        let square = b.op(Prim::Mul, x, x);
        let output = b.op(Prim::Mul, square, y);
        let gradient = b.0.gradient_trace(output, &[0, 1], false);
        let mut values = Vec::new();
        gradient
            .trace
            .replay(&[3.0, 5.0], &mut values)
            .expect("no guards");
        let number = |&r: &Ref| gradient.trace.number(r, &values);
        let first: Vec<f64> = gradient.outputs.iter().map(number).collect();
        assert_eq!(first, [30.0, 9.0]);
        let second = rows(&gradient, &[3.0, 5.0], &[0, 1]);
        assert_eq!(second, [[10.0, 6.0], [6.0, 0.0]]);
        // The direction's numbers are inputs, so they come with the others.
        let directed = b.0.gradient_trace(output, &[0, 1], true);
        assert_eq!(directed.trace.inputs, 4);
        let product = rows(&directed, &[3.0, 5.0, 1.0, -2.0], &[0, 1]);
        assert_eq!(product, [[-2.0, 6.0]]);
    }

    #[test]
    fn an_untaken_side_contaminates_nothing() {
        // log x where x is above 0, else 0
        let mut b = Build::new(1);
        let x = Ref::node(0);
        let zero = b.constant(0.0);
        let test = b.op(Prim::Gt, x, zero);
        let log = b.op(Prim::Ln, x, x);
        let output = b.select(test, log, zero);
        let gradient = b.0.gradient_trace(output, &[0], false);
        for (x, expected) in [(2.0, -0.25), (0.0, 0.0), (-1.0, 0.0)] {
            assert_eq!(rows(&gradient, &[x], &[0]), [[expected]]);
        }
    }

    #[test]
    fn guards_keep_their_numbers_and_places() {
        let mut b = Build::new(1);
        let x = Ref::node(0);
        let zero = b.constant(0.0);
        let above = b.op(Prim::Gt, x, zero);
        b.guard(above, 1.0);
        // The same again, which the flow leaves out.
        let again = b.op(Prim::Gt, x, zero);
        b.guard(again, 1.0);
        let square = b.op(Prim::Mul, x, x);
        let nine = b.constant(9.0);
        let small = b.op(Prim::Lt, square, nine);
        b.guard(small, 1.0);
        let output = b.op(Prim::Mul, square, x);
        let gradient = b.0.gradient_trace(output, &[0], false);
        let guards = &gradient.trace.guards;
        assert_eq!(guards.len(), 3);
        assert!(guards.iter().all(|g| g.place == 7 && g.expected == 1.0));
        assert!(guards.is_sorted_by_key(|g| g.at));
        let diverged = |x: f64| gradient.trace.replay(&[x], &mut Vec::new()).err();
        assert_eq!(diverged(1.0), None);
        assert_eq!(diverged(-1.0).map(|d| d.guard), Some(0));
        assert_eq!(diverged(5.0).map(|d| d.guard), Some(2));
    }

    #[test]
    fn what_nobody_needs_is_left_out() {
        let mut b = Build::new(2);
        let [x, y] = [Ref::node(0), Ref::node(1)];
        let sine = b.op(Prim::Sin, y, y);
        let square = b.op(Prim::Mul, x, x);
        let output = b.op(Prim::Add, square, sine);
        // By x alone, it is x + x: neither the sine nor the output is part of it.
        let gradient = b.0.gradient_trace(output, &[0], false);
        assert_eq!(gradient.trace.operations.len(), 1);
        assert_eq!(rows(&gradient, &[4.0, 1.0], &[0]), [[2.0]]);
    }
}
