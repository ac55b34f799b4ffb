//! Grammars: what programs are made of, and programs made at random of it.
//!
//! A task and random numbers go in; trees come out, and what a tree counts in complexity.
//!
//! **Invariants**
//! - What is made is well formed: operators have as many arguments as they take, tests stand in `if` alone.
//! - Equal random numbers make equal trees.

use super::task::{Form, Task};
use super::tree::{RECURRENCE, STATE, Tree, gives_number};
use super::units::Units;
use crate::Random;
use crate::prim::{Kind, Prim};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What stands where in a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    Number,
    Truth,
    /// Nothing that another thing may be put in place of.
    Fixed,
}

/// What programs are made of.
#[derive(Debug)]
pub(super) struct Grammar {
    pub(super) inputs: Vec<Arc<str>>,
    pub(super) unary: Vec<Arc<str>>,
    pub(super) binary: Vec<Arc<str>>,
    pub(super) has_if: bool,
    pub(super) form: Form,
    pub(super) most: f64,
    weights: BTreeMap<String, f64>,
    units: Units,
}

impl Grammar {
    pub(super) fn new(task: &Task) -> Self {
        let (mut unary, mut binary): (Vec<Arc<str>>, Vec<Arc<str>>) = (Vec::new(), Vec::new());
        for name in &task.grammar.operators {
            let Some(prim) = Prim::from_name(name) else {
                continue;
            };
            let spec = prim.spec();
            if !gives_number(prim) {
                continue;
            }
            // Of those that choose, the simpler one.
            let chooses = spec.kind == Kind::Structural;
            if spec.accepts(2) && !chooses {
                binary.push(name.as_str().into());
            } else if spec.accepts(1) {
                unary.push(name.as_str().into());
            }
        }
        Self {
            inputs: task
                .data
                .inputs
                .iter()
                .map(|name| name.as_str().into())
                .collect(),
            unary,
            binary,
            has_if: task.grammar.operators.iter().any(|name| name == "if"),
            form: task.search.form,
            most: task.grammar.most_complexity,
            weights: task.grammar.weights.clone(),
            units: Units::new(&task.units, &task.data.target, task.grammar.misfit),
        }
    }

    /// What a program counts: its data, and what of it does not agree in its unit.
    pub(super) fn complexity(&self, program: &[Tree]) -> f64 {
        let data: f64 = program.iter().map(|tree| self.weight(tree)).sum();
        data + self.units.complexity(program)
    }

    fn weight(&self, tree: &Tree) -> f64 {
        let of = |name: &str| self.weights.get(name).copied().unwrap_or(1.0);
        match tree {
            Tree::Constant(_) => of("constant"),
            Tree::Int(_) => of("int"),
            Tree::Name(name) => of(name),
            Tree::Other(_) => 1.0,
            // A call counts its operator, and nothing for the parentheses.
            Tree::List(items) => items.iter().map(|item| self.weight(item)).sum(),
        }
    }

    /// A constant to begin with.
    pub(super) fn constant(random: &mut Random) -> Tree {
        let value = match random.below(3) {
            0 => 1.0,
            1 => 4.0 * random.unit() - 2.0,
            _ => 2.0 * random.normal(),
        };
        // Two digits are enough to start from, and keep texts short.
        let value = (value * 100.0).round() / 100.0;
        Tree::Constant(if value == 0.0 { 1.0 } else { value })
    }

    /// An input, or a constant.
    pub(super) fn leaf(&self, random: &mut Random) -> Tree {
        let names = self.inputs.len() + usize::from(self.form == Form::Recurrence);
        if names == 0 || random.below(5) < 2 {
            return Self::constant(random);
        }
        match self.inputs.get(random.below(names)) {
            Some(name) => Tree::Name(name.clone()),
            None => Tree::name(STATE),
        }
    }

    /// An expression of at most so many operators one in another.
    pub(super) fn expression(&self, depth: usize, random: &mut Random) -> Tree {
        if depth == 0 || random.below(6) == 0 {
            return self.leaf(random);
        }
        let choices = 2 * self.binary.len() + self.unary.len() + usize::from(self.has_if);
        if choices == 0 {
            return self.leaf(random);
        }
        let choice = random.below(choices);
        if choice < 2 * self.binary.len() {
            let name = self.binary[choice / 2].clone();
            let left = self.expression(depth - 1, random);
            let right = self.expression(depth - 1, random);
            return Tree::List(vec![Tree::Name(name), left, right]);
        }
        if let Some(name) = self.unary.get(choice - 2 * self.binary.len()) {
            let inner = self.expression(depth - 1, random);
            return Tree::List(vec![Tree::Name(name.clone()), inner]);
        }
        let then = self.expression(depth - 1, random);
        let otherwise = self.expression(depth - 1, random);
        Tree::call("if", [self.test(random), then, otherwise])
    }

    /// A comparison of an input with a constant.
    pub(super) fn test(&self, random: &mut Random) -> Tree {
        let sign = if random.below(2) == 0 { "<" } else { ">" };
        let left = self.leaf(random);
        Tree::call(sign, [left, Self::constant(random)])
    }

    /// A program.
    pub(super) fn program(&self, depth: usize, random: &mut Random) -> Vec<Tree> {
        match self.form {
            Form::Expression => vec![self.expression(depth, random)],
            Form::Recurrence => {
                let start = Self::constant(random);
                let next = self.expression(depth, random);
                vec![Tree::call(RECURRENCE, [start, next])]
            }
        }
    }

    /// What the parts of a list are, its head being the first.
    pub(super) fn sorts(items: &[Tree]) -> Vec<Sort> {
        use Sort::{Fixed, Number, Truth};
        let mut sorts = vec![Fixed; items.len()];
        let Some(Tree::Name(head)) = items.first() else {
            return sorts;
        };
        match &**head {
            "if" => {
                for (sort, is) in sorts[1..].iter_mut().zip([Truth, Number, Number]) {
                    *sort = is;
                }
            }
            RECURRENCE => sorts[1..].fill(Number),
            "let" | "let*" | "letrec" | "begin" | "observe" => {
                if let Some(last) = sorts.last_mut() {
                    *last = Number;
                }
            }
            name => {
                let takes_numbers =
                    |prim| gives_number(prim) || prim.spec().kind == Kind::Predicate;
                if Prim::from_name(name).is_some_and(takes_numbers) {
                    sorts[1..].fill(Number);
                }
            }
        }
        sorts
    }
}
