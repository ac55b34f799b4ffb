//! `slope`: derivatives that a run computes with, recorded like everything else.
//!
//! A number of a run and the variables it came from go in; its derivatives by them come out, as further
//! operations of the run's own trace. So they follow the inputs in every replay, compiled and over
//! lanes, and cost what the operations cost.
//!
//! **Invariants**
//! - What is differentiated are the operations between the variables and the number, forks included;
//!   what else these read stands for itself.
//! - The rules are those of gradients that are differentiated again: see [`super::second`].

use super::record::{Number, Recorder};
use super::{BlockOperation, Numbers, Operation, Ref, Trace, narrow};
use crate::prim::Prim;
use crate::prim::block::BlockKind;
use rustc_hash::FxHashMap;

impl Recorder {
    /// The same number as a node of its own, whatever it depends on; no derivative passes it.
    pub(crate) fn variable(&mut self, number: Number) -> Number {
        let a = self.operand(number);
        let operation = Operation {
            prim: Prim::Detach,
            a,
            b: a,
            c: a,
        };
        self.push(operation, number.value)
    }

    /// The derivatives of a number by variables, in their order; how many operations lie between is
    /// noted in `work`.
    pub(crate) fn slopes(&mut self, y: Number, by: &[Number], work: &mut usize) -> Vec<Number> {
        let zero = |_| Number::constant(0.0);
        let nodes: Option<Vec<u32>> = by.iter().map(|x| x.node.index()).collect();
        let (Some(y), Some(nodes)) = (y.node.index(), nodes) else {
            return by.iter().map(zero).collect();
        };
        let mut part = Part::new(&self.trace, &nodes);
        part.copy(y);
        *work = part.trace.len();
        let Some(&Some(output)) = part.nodes.get(&y) else {
            return by.iter().map(zero).collect();
        };
        let columns: Vec<u32> = (0..narrow(nodes.len())).collect();
        let inputs = part.inputs;
        let gradient = part.trace.gradient_trace(output, &columns, false);
        let number = |node: &u32| Number {
            value: self.values[*node as usize],
            node: crate::prim::value::Node::at(*node),
        };
        let mut known: Vec<Number> = inputs.iter().map(number).collect();
        self.append(&gradient.trace, &mut known);
        let outputs = gradient.outputs.iter();
        outputs
            .map(|&r| number_of(r, &gradient.trace, &known))
            .collect()
    }

    /// Does the operations of another trace; `known` are the numbers of its inputs, then of its nodes.
    fn append(&mut self, trace: &Trace, known: &mut Vec<Number>) {
        for (index, op) in trace.operations.iter().enumerate() {
            let number = |r: Ref, known: &[Number]| number_of(r, trace, known);
            match op.prim {
                Prim::Part => {}
                Prim::Block => {
                    let block = trace.block_at(index);
                    let of = |numbers: Numbers| -> Vec<Number> {
                        let refs = trace.refs_of(numbers);
                        refs.into_iter().map(|r| number(r, known)).collect()
                    };
                    let (a, b) = (of(block.a), of(block.b));
                    let found = match block.block {
                        None => a,
                        Some(kind) => self.block_as_stored(kind, &a, &b),
                    };
                    known.extend(found);
                }
                Prim::Select => {
                    let [a, b, c] = [op.a, op.b, op.c].map(|r| number(r, known));
                    let chosen = if c.node.is_none() {
                        if c.value == 0.0 { b } else { a }
                    } else {
                        self.select(c, a, b, 0)
                    };
                    known.push(chosen);
                }
                prim => {
                    let [a, b] = [op.a, op.b].map(|r| number(r, known));
                    let found = if a.node.is_none() && b.node.is_none() {
                        Number::constant(prim.forward(a.value, b.value))
                    } else {
                        self.operation(prim, a, b)
                    };
                    known.push(found);
                }
            }
        }
    }

    /// A block whose operands may be stored transposed.
    fn block_as_stored(&mut self, kind: BlockKind, a: &[Number], b: &[Number]) -> Vec<Number> {
        let BlockKind::Matmul { n, k, m, ta, tb } = kind else {
            return self.block(kind, a, b);
        };
        let a = if ta { columns_first(a, k) } else { a.to_vec() };
        let b = if tb { columns_first(b, m) } else { b.to_vec() };
        let plain = BlockKind::Matmul {
            n,
            k,
            m,
            ta: false,
            tb: false,
        };
        self.block(plain, &a, &b)
    }
}

/// A matrix of so many rows, its columns as rows.
fn columns_first(matrix: &[Number], rows: u32) -> Vec<Number> {
    let rows = rows as usize;
    let columns = matrix.len() / rows.max(1);
    let places = (0..matrix.len()).map(|at| at % rows * columns + at / rows);
    places.map(|place| matrix[place]).collect()
}

fn number_of(r: Ref, trace: &Trace, known: &[Number]) -> Number {
    if r.is_node() {
        known[r.index()]
    } else {
        Number::constant(trace.constants[r.index()])
    }
}

/// The part of a trace that lies between variables and a number, as a trace of its own.
struct Part<'t> {
    from: &'t Trace,
    /// The nodes that are its inputs: the variables, then what else is read.
    inputs: Vec<u32>,
    /// For each node of the whole trace that was looked at its node here; none for one that does not
    /// depend on the variables and has not been read.
    nodes: FxHashMap<u32, Option<Ref>>,
    trace: Trace,
}

impl<'t> Part<'t> {
    fn new(from: &'t Trace, variables: &[u32]) -> Self {
        let inputs = variables.to_vec();
        let places = (0..).zip(variables);
        let nodes = places.map(|(at, &node)| (node, Some(Ref::node(at))));
        Self {
            from,
            nodes: nodes.collect(),
            trace: Trace {
                inputs: narrow(inputs.len()),
                ..Trace::default()
            },
            inputs,
        }
    }

    /// Copies the operations that `y` depends on the variables by.
    fn copy(&mut self, y: u32) {
        let from = self.from;
        let first = self.inputs.iter().copied().min().unwrap_or(y) + 1;
        if y < first {
            return;
        }
        let wanted = self.wanted(first, y);
        self.number_inputs(first, y, &wanted);
        self.trace.inputs = narrow(self.inputs.len());
        for node in first..=y {
            let op = from.operations[(node - from.inputs) as usize];
            if !wanted[(node - first) as usize] || op.prim == Prim::Part {
                continue;
            }
            if op.prim == Prim::Block {
                self.copy_block((node - from.inputs) as usize);
                continue;
            }
            let [a, b, c] = [op.a, op.b, op.c].map(|r| self.of(r));
            let here = Ref::node(narrow(self.trace.len()));
            self.trace.operations.push(Operation { a, b, c, ..op });
            self.nodes.insert(node, Some(here));
        }
    }

    /// Which nodes from `first` to `y` depend on the variables, and are needed for `y`.
    fn wanted(&self, first: u32, y: u32) -> Vec<bool> {
        let from = self.from;
        let count = (y - first + 1) as usize;
        let place = |node: u32| (node >= first).then(|| (node - first) as usize);
        let mut depends = vec![false; count];
        for at in 0..count {
            let node = first + at as u32;
            if matches!(self.nodes.get(&node), Some(Some(_))) {
                depends[at] = true;
                continue;
            }
            let operation = (node - from.inputs) as usize;
            if from.operations[operation].prim == Prim::Part {
                depends[at] = at > 0 && depends[at - 1];
                continue;
            }
            let mut any = false;
            self.each_read(operation, &mut |node| {
                any |= place(node).is_some_and(|at| depends[at])
                    || matches!(self.nodes.get(&node), Some(Some(_)));
            });
            depends[at] = any;
        }
        let mut needed = vec![false; count];
        needed[count - 1] = true;
        for at in (0..count).rev() {
            let node = first + at as u32;
            let operation = (node - from.inputs) as usize;
            if !needed[at] || !depends[at] {
                continue;
            }
            if from.operations[operation].prim == Prim::Part {
                // Its block comes with the first of its numbers.
                let block = from.block_at(operation).first + from.inputs;
                if let Some(at) = place(block) {
                    needed[at] = true;
                }
                continue;
            }
            self.each_read(operation, &mut |node| {
                if let Some(at) = place(node) {
                    needed[at] = true;
                }
            });
        }
        let both = needed.iter().zip(&depends).enumerate();
        both.map(|(at, (&needed, &depends))| {
            // The variables are there already.
            needed && depends && !self.nodes.contains_key(&(first + at as u32))
        })
        .collect()
    }

    /// Makes inputs of what is read besides, in the order that it is read.
    fn number_inputs(&mut self, first: u32, y: u32, wanted: &[bool]) {
        let from = self.from;
        let mut read = Vec::new();
        for node in first..=y {
            let operation = (node - from.inputs) as usize;
            let op = from.operations[operation];
            if wanted[(node - first) as usize] && op.prim != Prim::Part {
                self.each_read(operation, &mut |node| read.push(node));
            }
        }
        for node in read {
            let copied = node >= first && node <= y && self.is_copied(node, first, wanted);
            if !copied && !self.nodes.contains_key(&node) {
                let at = Ref::node(narrow(self.inputs.len()));
                self.nodes.insert(node, Some(at));
                self.inputs.push(node);
            }
        }
    }

    /// Whether a node is copied, by itself or with the block that it is a number of.
    fn is_copied(&self, node: u32, first: u32, wanted: &[bool]) -> bool {
        let operation = (node - self.from.inputs) as usize;
        let head = match self.from.operations[operation].prim {
            Prim::Part => self.from.block_at(operation).first + self.from.inputs,
            _ => node,
        };
        head >= first && wanted[(head - first) as usize]
    }

    fn each_read(&self, operation: usize, see: &mut dyn FnMut(u32)) {
        let op = self.from.operations[operation];
        if op.prim == Prim::Block {
            let block = self.from.block_at(operation);
            self.from.each_operand(&block, &mut |r| {
                if let Some(node) = r.as_node() {
                    see(node);
                }
            });
            return;
        }
        for r in [op.a, op.b, op.c] {
            if let Some(node) = r.as_node() {
                see(node);
            }
        }
    }

    fn of(&mut self, r: Ref) -> Ref {
        if let Some(node) = r.as_node() {
            return self.nodes[&node].expect("what is read has been numbered");
        }
        self.trace.constants.push(self.from.constants[r.index()]);
        Ref::constant(narrow(self.trace.constants.len() - 1))
    }

    fn copy_block(&mut self, operation: usize) {
        let block = self.from.block_at(operation);
        let [a, b] = [block.a, block.b].map(|numbers| self.gathered(numbers));
        let first = if block.block.is_none() {
            // Its operand was gathered just now.
            let Numbers::Run(first, _) = a else { return };
            first
        } else {
            Ref::node(self.trace.add_block(BlockOperation {
                first: 0,
                a,
                b,
                ..block
            }))
        };
        let old = block.first + self.from.inputs;
        for at in 0..block.length {
            let here = Ref::node(narrow(first.index()) + at);
            self.nodes.insert(old + at, Some(here));
        }
    }

    /// An operand of a block, as a run.
    fn gathered(&mut self, numbers: Numbers) -> Numbers {
        let refs: Vec<Ref> = self.from.refs_of(numbers);
        let refs: Vec<Ref> = refs.into_iter().map(|r| self.of(r)).collect();
        let length = narrow(refs.len());
        if length == 0 {
            return Numbers::Run(Ref::constant(0), 0);
        }
        let start = narrow(self.trace.listed.len());
        self.trace.listed.extend(refs);
        let first = self.trace.add_block(BlockOperation {
            first: 0,
            length,
            block: None,
            repeats: None,
            a: Numbers::Listed(start, length),
            b: Numbers::Listed(start, 0),
        });
        Numbers::Run(Ref::node(first), length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prim::value::Node;

    fn input(node: u32, value: f64) -> Number {
        Number {
            value,
            node: Node::at(node),
        }
    }

    #[test]
    fn slopes_follow_the_inputs_in_a_replay() {
        // x^2 sin p + x at x = 3 by x, for p an input and x none.
        let mut recorder = Recorder::default();
        recorder.reset(&[0.5]);
        let p = input(0, 0.5);
        let x = recorder.variable(Number::constant(3.0));
        let sine = recorder.operation(Prim::Sin, p, p);
        let square = recorder.operation(Prim::Mul, x, x);
        let product = recorder.operation(Prim::Mul, square, sine);
        let y = recorder.operation(Prim::Add, product, x);
        let mut work = 0;
        let [slope] = recorder.slopes(y, &[x], &mut work)[..] else {
            panic!("one variable has one slope");
        };
        assert!((slope.value - (6.0 * 0.5_f64.sin() + 1.0)).abs() < 1e-15);
        let mut values = Vec::new();
        recorder
            .trace
            .replay(&[1.25], &mut values)
            .expect("no guards");
        let node = slope.node.index().expect("it depends on p") as usize;
        assert!((values[node] - (6.0 * 1.25_f64.sin() + 1.0)).abs() < 1e-15);
        // By what it does not depend on, and of a constant.
        let other = recorder.variable(Number::constant(1.0));
        assert_eq!(recorder.slopes(y, &[other], &mut work)[0].value, 0.0);
        let constant = Number::constant(2.0);
        assert_eq!(recorder.slopes(constant, &[x], &mut work)[0].value, 0.0);
    }

    #[test]
    fn blocks_between_are_differentiated() {
        // The determinant of x I plus a constant, of 5 rows.
        let mut recorder = Recorder::default();
        recorder.reset(&[0.25]);
        let p = input(0, 0.25);
        let x = recorder.variable(Number::constant(2.0));
        let sum = recorder.operation(Prim::Add, x, p);
        let entry = |at: usize| {
            if at.is_multiple_of(6) {
                sum
            } else {
                Number::constant(0.5)
            }
        };
        let matrix: Vec<Number> = (0..25).map(entry).collect();
        let y = recorder.block(BlockKind::Det { n: 5 }, &matrix, &[])[0];
        let slope = recorder.slopes(y, &[x], &mut 0)[0];
        // (s - 1/2)^4 (s + 2), whose derivative is as follows.
        let s: f64 = 2.25;
        let expected = 4.0 * (s - 0.5).powi(3) * (s + 2.0) + (s - 0.5).powi(4);
        assert!((y.value - (s - 0.5).powi(4) * (s + 2.0)).abs() < 1e-12);
        assert!(
            (slope.value - expected).abs() < 1e-11 * expected,
            "{slope:?}"
        );
    }
}
