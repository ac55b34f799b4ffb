//! `Flow`: the operations of one or more traces, simplified while they are written down.
//!
//! Operations go in one by one; what comes back is the node of an equal operation where there is one,
//! a constant where all operands are constants, an operand where the operation changes nothing.
//!
//! **Invariants**
//! - Every rewrite keeps the bits, NaN payloads aside: constants are folded by the kernels that
//!   replay uses, `x * 1`, `x / 1`, `x - 0`, `x + -0` and `-(-x)` are `x`, `x + -y` is `x - y`, and what
//!   cannot be negative needs no test for that. There is no `x + 0` (it turns -0 into
//!   0), no `x * 0`, nothing is reassociated.
//! - Static single assignment as in a [`Trace`](super::Trace): operands come before.
//! - Each node has a [`Class`], by what it depends on.

use super::runs::{Run, Runs};
use super::{Operation, Ref, narrow};
use crate::prim::block::BlockKind;
use crate::prim::{Kind, Prim};
use rustc_hash::FxHashMap;

/// How many products inside each other are looked into for a factor.
const DEEPEST: usize = 4;

/// What a node depends on, and so how often it is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    /// Inputs that all lanes share: once, before the lanes.
    Shared,
    /// Inputs with one number a lane: for each lane.
    Lane,
    /// Sums over lanes: once, after the lanes.
    Summed,
}

/// What a block computes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Work {
    /// Its numbers, the hidden ones too, from those of its operands.
    Forward(BlockKind),
    /// The cotangents of the operands asked for, from the operands' numbers, the block's own, and the
    /// cotangents of its outputs.
    Reverse {
        block: BlockKind,
        to_a: bool,
        to_b: bool,
    },
}

/// An operation on whole matrices. Among the operations it is a `Block` and `Part`s, as in a trace.
#[derive(Clone, Debug)]
pub(crate) struct FlowBlock {
    pub(crate) work: Work,
    /// The node of its first number.
    pub(crate) first: u32,
    pub(crate) length: u32,
    /// For each operand where its numbers are: references as [`Ref::place`] has them. Of an operand that
    /// is not read there are none.
    pub(crate) operands: Vec<Runs>,
}

impl FlowBlock {
    /// Every reference that it reads.
    pub(crate) fn reads(&self) -> impl Iterator<Item = Ref> {
        self.operands.iter().flat_map(Runs::iter).map(Ref::at_place)
    }
}

/// A sum over lanes: of a lane's number, or of 1, which counts them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sum {
    /// Its node; among the operations it is a `Part`.
    pub(crate) node: u32,
    pub(crate) of: Ref,
}

/// Operations, each once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flow {
    /// The class of each node, inputs first.
    pub(crate) classes: Vec<Class>,
    pub(crate) inputs: u32,
    pub(crate) operations: Vec<Operation>,
    pub(crate) constants: Vec<f64>,
    pub(crate) blocks: Vec<FlowBlock>,
    pub(crate) sums: Vec<Sum>,
    /// Whether factors that lanes share are taken out of sums from inside products too.
    pub(crate) factors_inside: bool,
    known_sums: FxHashMap<Ref, u32>,
    known: FxHashMap<(Prim, Ref, Ref, Ref), Ref>,
    known_constants: FxHashMap<u64, Ref>,
}

impl Flow {
    /// No operations, and inputs of the given classes.
    pub(crate) fn new(inputs: &[Class]) -> Self {
        Self {
            classes: inputs.to_vec(),
            inputs: narrow(inputs.len()),
            ..Self::default()
        }
    }

    /// A number that depends on nothing.
    pub(crate) fn constant(&mut self, x: f64) -> Ref {
        let constants = &mut self.constants;
        *self.known_constants.entry(x.to_bits()).or_insert_with(|| {
            constants.push(x);
            Ref::constant(narrow(constants.len() - 1))
        })
    }

    /// The number, where it depends on nothing.
    pub(crate) fn constant_of(&self, r: Ref) -> Option<f64> {
        (!r.is_node()).then(|| self.constants[r.index()])
    }

    pub(crate) fn class(&self, r: Ref) -> Class {
        if r.is_node() {
            self.classes[r.index()]
        } else {
            Class::Shared
        }
    }

    /// The highest class of a run of references.
    pub(crate) fn class_of(&self, run: &Run) -> Class {
        let first = Ref::at_place(run.first);
        if run.step == 0 || !first.is_node() {
            return self.class(first);
        }
        let classes = &self.classes[first.index()..][..run.length as usize];
        classes.iter().copied().max().unwrap_or(Class::Shared)
    }

    /// A numeric row or a predicate; rows of one argument ignore `b`.
    pub(crate) fn operation(&mut self, prim: Prim, a: Ref, b: Ref) -> Ref {
        let b = if prim.operands() == 1 { a } else { b };
        if let (Some(x), Some(y)) = (self.constant_of(a), self.constant_of(b)) {
            return self.constant(prim.forward(x, y));
        }
        if let Some(same) = self.identity(prim, a, b) {
            return same;
        }
        let (prim, a, b) = self.without_negation(prim, a, b);
        let (a, b) = match prim {
            // The order matters for the payload of a NaN alone.
            Prim::Add | Prim::Mul if b < a => (b, a),
            _ => (a, b),
        };
        self.push(Operation { prim, a, b, c: a })
    }

    /// The operand that an operation gives back as it is.
    fn identity(&self, prim: Prim, a: Ref, b: Ref) -> Option<Ref> {
        let is = |r: Ref, x: f64| self.constant_of(r).map(f64::to_bits) == Some(x.to_bits());
        match prim {
            Prim::Mul | Prim::Div if is(b, 1.0) => Some(a),
            Prim::Mul if is(a, 1.0) => Some(b),
            Prim::Sub if is(b, 0.0) => Some(a),
            Prim::NotBelowZero if self.is_not_negative(a, DEEPEST) => Some(a),
            // A test that is never met.
            Prim::Both if is(a, 0.0) => Some(a),
            Prim::Both if is(b, 0.0) => Some(b),
            // Tests are 0 or 1.
            Prim::Either if is(a, 0.0) && self.is_test(b) => Some(b),
            Prim::Either if is(b, 0.0) && self.is_test(a) => Some(a),
            // What a gradient leaves out is -0, which adds nothing to any number.
            Prim::Add if is(b, -0.0) => Some(a),
            Prim::Add if is(a, -0.0) => Some(b),
            Prim::Neg => {
                let before = self.operation_of(a)?;
                (before.prim == Prim::Neg).then_some(before.a)
            }
            _ => None,
        }
    }

    /// Whether a number is what a predicate gave.
    fn is_test(&self, r: Ref) -> bool {
        let operation = self.operation_of(r);
        operation.is_some_and(|operation| matches!(operation.prim.spec().kind, Kind::Predicate))
    }

    /// Whether a number is seen to have no sign, or to be NaN.
    fn is_not_negative(&self, r: Ref, depth: usize) -> bool {
        if let Some(x) = self.constant_of(r) {
            return x.is_sign_positive() || x.is_nan();
        }
        let Some(&Operation { prim, a, b, .. }) = self.operation_of(r) else {
            return false;
        };
        let is = |r| depth > 0 && self.is_not_negative(r, depth - 1);
        match prim {
            Prim::Exp
            | Prim::Abs
            | Prim::Square
            | Prim::Cosh
            | Prim::Sigmoid
            | Prim::SigmoidSlope
            | Prim::Softplus => true,
            Prim::Mul if a == b => true,
            Prim::Max => is(a) || is(b),
            Prim::Add | Prim::Mul | Prim::Div | Prim::Min | Prim::Select => is(a) && is(b),
            _ => false,
        }
    }

    /// A sum with a negated number is a difference, and the other way round.
    fn without_negation(&self, prim: Prim, a: Ref, b: Ref) -> (Prim, Ref, Ref) {
        let negated = |r: Ref| {
            let operation = self.operation_of(r)?;
            (operation.prim == Prim::Neg).then_some(operation.a)
        };
        match (prim, negated(a), negated(b)) {
            (Prim::Add, _, Some(x)) => (Prim::Sub, a, x),
            (Prim::Add, Some(x), _) => (Prim::Sub, b, x),
            (Prim::Sub, _, Some(x)) => (Prim::Add, a, x),
            _ => (prim, a, b),
        }
    }

    /// The operation of a node; none of an input or constant.
    pub(crate) fn operation_of(&self, r: Ref) -> Option<&Operation> {
        let index = r.as_node()?.checked_sub(self.inputs)?;
        Some(&self.operations[index as usize])
    }

    /// `then` where the test is not 0, `otherwise` where it is.
    pub(crate) fn select(&mut self, test: Ref, then: Ref, otherwise: Ref) -> Ref {
        if then == otherwise {
            return then;
        }
        match self.constant_of(test) {
            Some(0.0) => otherwise,
            Some(_) => then,
            None => self.push(Operation {
                prim: Prim::Select,
                a: then,
                b: otherwise,
                c: test,
            }),
        }
    }

    /// The operations that `again` says, where nodes in `given` are further inputs and no others are read; and
    /// where each node is there. There are no blocks or sums among them.
    pub(crate) fn part(&self, again: &[bool], given: &[Ref]) -> (Self, Vec<Option<Ref>>) {
        let mut classes = self.classes[..self.inputs as usize].to_vec();
        classes.extend(given.iter().map(|&r| self.class(r)));
        let mut part = Self::new(&classes);
        let mut places: Vec<Option<Ref>> = (0..self.inputs).map(|at| Some(Ref::node(at))).collect();
        places.resize(self.classes.len(), None);
        for (nth, r) in given.iter().enumerate() {
            places[r.index()] = Some(Ref::node(self.inputs + narrow(nth)));
        }
        for (at, operation) in (self.inputs as usize..).zip(&self.operations) {
            if !again[at] || places[at].is_some() {
                continue;
            }
            let [a, b, c] = [operation.a, operation.b, operation.c].map(|r| {
                if r.is_node() {
                    places[r.index()]
                } else {
                    Some(part.constant(self.constants[r.index()]))
                }
            });
            if let (Some(a), Some(b), Some(c)) = (a, b, c) {
                let prim = operation.prim;
                places[at] = Some(part.push(Operation { prim, a, b, c }));
            }
        }
        (part, places)
    }

    fn push(&mut self, operation: Operation) -> Ref {
        let Operation { prim, a, b, c } = operation;
        if let Some(&known) = self.known.get(&(prim, a, b, c)) {
            return known;
        }
        let class = self.class(a).max(self.class(b)).max(self.class(c));
        let node = Ref::node(narrow(self.classes.len()));
        self.classes.push(class);
        self.operations.push(operation);
        self.known.insert((prim, a, b, c), node);
        node
    }

    /// A block; gives the node of its first number.
    pub(crate) fn block(&mut self, work: Work, length: u32, operands: Vec<Runs>) -> u32 {
        let runs = operands.iter().flat_map(Runs::runs);
        let class = runs.map(|run| self.class_of(run)).max();
        let class = class.unwrap_or(Class::Shared);
        let first = narrow(self.classes.len());
        let which = Ref::constant(narrow(self.blocks.len()));
        self.blocks.push(FlowBlock {
            work,
            first,
            length,
            operands,
        });
        self.classes.extend((0..length).map(|_| class));
        self.operations.extend(Operation::of_block(which, length));
        first
    }

    /// The same with a factor that lanes share taken out of the sum, if there is one.
    fn sum_without_factor(&mut self, of: Ref) -> Option<Ref> {
        let Operation { prim, a, b, .. } = *self.operation_of(of)?;
        let is_shared = |r| self.class(r) == Class::Shared;
        Some(match (prim, is_shared(a), is_shared(b)) {
            (Prim::Neg, ..) => {
                let sum = self.sum(a);
                self.operation(Prim::Neg, sum, sum)
            }
            (Prim::Mul, true, _) => {
                let sum = self.sum(b);
                self.operation(Prim::Mul, a, sum)
            }
            (Prim::Mul, _, true) => {
                let sum = self.sum(a);
                self.operation(Prim::Mul, sum, b)
            }
            (Prim::Div, _, true) => {
                let sum = self.sum(a);
                self.operation(Prim::Div, sum, b)
            }
            (Prim::Div, true, _) if self.constant_of(a) != Some(1.0) => {
                let one = self.constant(1.0);
                let reciprocal = self.operation(Prim::Div, one, b);
                let sum = self.sum(reciprocal);
                self.operation(Prim::Mul, a, sum)
            }
            (Prim::Mul, ..) if self.factors_inside => {
                let (factor, rest) = self.without_factor(of, DEEPEST)?;
                let sum = self.sum(rest);
                self.operation(Prim::Mul, factor, sum)
            }
            _ => return None,
        })
    }

    /// A factor that lanes share from inside a product, and the product without it.
    fn without_factor(&mut self, of: Ref, depth: usize) -> Option<(Ref, Ref)> {
        let Operation { prim, a, b, .. } = *self.operation_of(of)?;
        if prim != Prim::Mul || depth == 0 {
            return None;
        }
        for (one, other) in [(a, b), (b, a)] {
            if self.class(one) == Class::Shared {
                return Some((one, other));
            }
            if let Some((factor, rest)) = self.without_factor(one, depth - 1) {
                return Some((factor, self.operation(Prim::Mul, rest, other)));
            }
        }
        None
    }

    /// The sum of a number over all lanes.
    pub(crate) fn sum(&mut self, of: Ref) -> Ref {
        if self.constant_of(of) == Some(0.0) {
            return self.constant(0.0);
        }
        if self.class(of) == Class::Shared && self.constant_of(of) != Some(1.0) {
            let one = self.constant(1.0);
            let lanes = self.sum(one);
            return self.operation(Prim::Mul, lanes, of);
        }
        if let Some(&known) = self.known_sums.get(&of) {
            return Ref::node(known);
        }
        if let Some(product) = self.sum_without_factor(of) {
            return product;
        }
        let node = narrow(self.classes.len());
        self.sums.push(Sum { node, of });
        self.known_sums.insert(of, node);
        self.classes.push(Class::Summed);
        self.operations.push(Operation {
            prim: Prim::Part,
            a: of,
            b: of,
            c: of,
        });
        Ref::node(node)
    }
}

#[cfg(test)]
mod tests {
    use super::{Class, Flow};
    use crate::prim::Prim;
    use crate::trace::Ref;

    const X: Ref = Ref::node(0);
    const Y: Ref = Ref::node(1);

    fn flow() -> Flow {
        Flow::new(&[Class::Lane, Class::Shared])
    }

    #[test]
    fn equal_operations_are_one() {
        let mut flow = flow();
        let sum = flow.operation(Prim::Add, X, Y);
        assert_eq!(flow.operation(Prim::Add, Y, X), sum);
        let difference = flow.operation(Prim::Sub, X, Y);
        assert_ne!(flow.operation(Prim::Sub, Y, X), difference);
        assert_eq!(flow.operations.len(), 3);
    }

    #[test]
    fn constants_are_folded_by_the_kernels_of_replay() {
        let mut flow = flow();
        let x = flow.constant(0.3);
        let sine = flow.operation(Prim::Sin, x, x);
        let expected = Prim::Sin.forward(0.3, 0.3);
        assert_eq!(
            flow.constant_of(sine).map(f64::to_bits),
            Some(expected.to_bits())
        );
        let (yes, no) = (flow.constant(1.0), flow.constant(0.0));
        assert_eq!(flow.select(yes, X, Y), X);
        assert_eq!(flow.select(no, X, Y), Y);
        assert!(flow.operations.is_empty());
    }

    #[test]
    fn what_changes_a_bit_stays() {
        let mut flow = flow();
        let [zero, below, one] = [0.0, -0.0, 1.0].map(|x| flow.constant(x));
        for (prim, a, b) in [
            (Prim::Mul, X, one),
            (Prim::Mul, one, X),
            (Prim::Div, X, one),
            (Prim::Sub, X, zero),
            (Prim::Add, X, below),
            (Prim::Add, below, X),
        ] {
            assert_eq!(flow.operation(prim, a, b), X, "{prim}");
        }
        let minus = flow.operation(Prim::Neg, X, X);
        assert_eq!(flow.operation(Prim::Neg, minus, minus), X);
        // -0 + 0 is 0, -0 - -0 is 0, and 0 times infinity is no number.
        for (prim, a, b) in [
            (Prim::Add, X, zero),
            (Prim::Sub, X, below),
            (Prim::Sub, zero, X),
            (Prim::Mul, X, zero),
            (Prim::Div, one, X),
        ] {
            let before = flow.operations.len();
            let node = flow.operation(prim, a, b);
            assert_eq!(flow.operations.len(), before + 1, "{prim} is {node}");
        }
    }

    #[test]
    fn a_sum_with_a_negated_number_is_a_difference() {
        let mut flow = flow();
        let minus = flow.operation(Prim::Neg, Y, Y);
        let difference = flow.operation(Prim::Sub, X, Y);
        assert_eq!(flow.operation(Prim::Add, X, minus), difference);
        assert_eq!(flow.operation(Prim::Add, minus, X), difference);
        let sum = flow.operation(Prim::Add, X, Y);
        assert_eq!(flow.operation(Prim::Sub, X, minus), sum);
    }

    #[test]
    fn what_cannot_be_negative_is_not_asked() {
        let mut flow = flow();
        let [two, minus] = [2.0, -2.0].map(|x| flow.constant(x));
        let e = flow.operation(Prim::Exp, X, X);
        let sum = flow.operation(Prim::Add, e, two);
        let ratio = flow.operation(Prim::Div, e, sum);
        let square = flow.operation(Prim::Mul, X, X);
        for r in [e, sum, ratio, square] {
            assert_eq!(flow.operation(Prim::NotBelowZero, r, r), r);
        }
        // The root of -0 is -0, and what that divides is below 0.
        let root = flow.operation(Prim::Sqrt, X, X);
        let less = flow.operation(Prim::Add, e, minus);
        let product = flow.operation(Prim::Mul, e, Y);
        for r in [X, root, less, product] {
            assert_ne!(flow.operation(Prim::NotBelowZero, r, r), r);
        }
    }

    #[test]
    fn what_lanes_share_leaves_a_sum_over_them() {
        let mut flow = flow();
        let product = flow.operation(Prim::Mul, X, Y);
        let sum = flow.sum(product);
        assert_eq!(flow.class(sum), Class::Summed);
        // The sum of x, times y.
        let of_x = flow.sum(X);
        assert_eq!(flow.operation(Prim::Mul, Y, of_x), sum);
        assert_eq!(flow.sums.len(), 1);
        // y as often as there are lanes.
        let of_y = flow.sum(Y);
        let one = flow.constant(1.0);
        let lanes = flow.sum(one);
        assert_eq!(flow.operation(Prim::Mul, lanes, Y), of_y);
        let zero = flow.constant(0.0);
        assert_eq!(flow.sum(zero), zero);
    }

    #[test]
    fn factors_inside_products_leave_a_sum_where_that_is_wanted() {
        let sums = |factors_inside| {
            let mut flow = Flow::new(&[Class::Lane, Class::Shared, Class::Lane]);
            flow.factors_inside = factors_inside;
            let [x, y, z] = [0, 1, 2].map(Ref::node);
            // (x y) z is y times x z, whose sum there is.
            let without = flow.operation(Prim::Mul, x, z);
            let without = flow.sum(without);
            let inner = flow.operation(Prim::Mul, x, y);
            let product = flow.operation(Prim::Mul, inner, z);
            let sum = flow.sum(product);
            (
                sum == flow.operation(Prim::Mul, y, without),
                flow.sums.len(),
            )
        };
        assert_eq!(sums(true), (true, 1));
        assert_eq!(sums(false), (false, 2));
    }
}
