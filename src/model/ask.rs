//! What callers ask for, as the stages below take it: inputs with their nodes, names resolved.
//!
//! [`Bindings`] and [`Wrt`] go in; what a walk takes and what is differentiated comes out.
//!
//! **Invariants**
//! - The trace's inputs are those of the names in order, then literals, then the relaxation.

use super::bindings::{Bindings, Input, Wrt};
use super::error::Error;
use super::gradient::{Extent, Variable};
use super::{Literal, Model};
use crate::paths::{InputKind, PathKey, Workspace};
use crate::prim::value::Node;
use crate::source::{Position, Span};
use crate::symbol::nearest;
use crate::trace::MOST;
use crate::trace::record::Number;
use crate::walk::{InputValue, RelaxationInputs};
use std::borrow::Cow;

/// What a walk takes.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    pub(super) inputs: Vec<InputValue>,
    pub(crate) key: PathKey,
    /// Literals that are inputs of the trace: place and index.
    pub(super) literals: Vec<(Span, u32)>,
    pub(super) relaxation: RelaxationInputs,
}

/// An evaluation about to begin, and what it is differentiated by.
pub(crate) struct Asked<'n> {
    pub(crate) given: Given,
    pub(crate) wrt: Vec<(Cow<'n, str>, Variable)>,
}

impl Model {
    /// What an evaluation takes; the numbers of its trace's inputs are in `workspace.inputs`.
    pub(crate) fn ask<'n>(
        &'n self,
        bindings: &'n Bindings,
        wrt: Wrt<'n>,
        workspace: &mut Workspace,
    ) -> Result<Asked<'n>, Error> {
        let (inputs, kinds) = self.resolve(bindings)?;
        let mut numbers = std::mem::take(&mut workspace.inputs);
        numbers.clear();
        push_numbers(&inputs, &mut numbers);
        let mut literals = Vec::new();
        let wrt = self.wrt(wrt, bindings, &inputs, &mut numbers, &mut literals)?;
        let relaxation = self.relaxation_inputs(Some(&mut numbers));
        workspace.inputs = numbers;
        let given = Given {
            inputs,
            key: self.path_key(kinds, literals.iter().map(|l| l.0).collect()),
            literals,
            relaxation,
        };
        Ok(Asked { given, wrt })
    }

    pub(super) fn path_key(&self, kinds: Vec<InputKind>, literals: Vec<Span>) -> PathKey {
        PathKey {
            kinds,
            literals,
            relaxation: self.inner.relaxed.then(|| self.relaxation.kind()),
        }
    }

    /// The seed of the noise, of a program that may draw any: one that does not is the same with and
    /// without, in what its roots take too.
    pub(super) fn noise(&self) -> Option<u64> {
        self.relaxation.gumbel_seed.filter(|_| self.inner.relaxed)
    }

    /// The relaxation as the walk sees it: inputs of the trace, after all others, if the program has
    /// a use for them and `numbers` takes them.
    pub(super) fn relaxation_inputs(&self, numbers: Option<&mut Vec<f64>>) -> RelaxationInputs {
        let mut numbers = numbers.filter(|_| self.inner.relaxed);
        let mut input = |value| Number {
            value,
            node: match &mut numbers {
                Some(numbers) => {
                    numbers.push(value);
                    Node::at(numbers.len() as u32 - 1)
                }
                None => Node::NONE,
            },
        };
        RelaxationInputs {
            temperature: input(self.relaxation.temperature),
            hard: self.relaxation.hard,
            gumbel_seed: self.noise().map(|seed| input(seed as f64)),
        }
    }

    /// The trace's inputs of what a name is bound to, number by number; none where the program has no
    /// use for the name.
    pub(crate) fn inputs_of(
        &self,
        name: &str,
        bindings: &Bindings,
        given: &Given,
    ) -> Vec<Option<u32>> {
        let place = self.inner.places.get(name);
        match place.map(|&place| &given.inputs[place]) {
            Some(InputValue::Number(x)) => vec![x.node.index()],
            Some(InputValue::List(items) | InputValue::Array(_, items)) => {
                items.iter().map(|item| item.node.index()).collect()
            }
            Some(InputValue::Missing) | None => {
                let numbers = bindings.get(name).map_or(0, |input| input.numbers().len());
                vec![None; numbers]
            }
        }
    }

    /// The inputs in order, with their places among the trace's inputs, and what each is.
    pub(super) fn resolve(
        &self,
        bindings: &Bindings,
    ) -> Result<(Vec<InputValue>, Vec<InputKind>), Error> {
        let mut inputs = Vec::with_capacity(self.inner.names.len());
        let mut kinds = Vec::with_capacity(self.inner.names.len());
        let counts = self.inner.names.iter().map(|name| bindings.get(name));
        let count = counts.flatten().map(|input| input.numbers().len());
        let count = count.fold(self.inner.names.len(), usize::saturating_add);
        if count > MOST {
            return Err(Error::Request(format!(
                "the inputs have more than the {MOST} numbers of a trace"
            )));
        }
        let mut nodes = 0;
        let mut number = |value| {
            nodes += 1;
            let node = Node::at(nodes - 1);
            Number { value, node }
        };
        for (index, name) in self.inner.names.iter().enumerate() {
            match (bindings.get(name), self.inner.initial[index]) {
                (Some(&Input::Number(x)), _) | (None, Some(x)) => {
                    inputs.push(InputValue::Number(number(x)));
                    kinds.push(InputKind::Number);
                }
                (Some(input), _) => {
                    let numbers = input.numbers().iter();
                    let numbers: Vec<Number> = numbers.map(|&x| number(x)).collect();
                    let shape = input
                        .shape()
                        .map_err(|error| Error::Request(format!("the input `{name}`: {error}")))?;
                    kinds.push(
                        shape.map_or(InputKind::List(numbers.len() as u32), InputKind::Array),
                    );
                    inputs.push(match shape {
                        Some(shape) => InputValue::Array(shape, numbers),
                        None => InputValue::List(numbers),
                    });
                }
                (None, None) if index < self.inner.required => {
                    return Err(Error::Request(format!(
                        "the model was prepared for an input `{name}`, which is not given"
                    )));
                }
                (None, None) => {
                    inputs.push(InputValue::Missing);
                    kinds.push(InputKind::Missing);
                }
            }
        }
        Ok((inputs, kinds))
    }

    /// Resolves `wrt`; literals become inputs of the trace after all others.
    fn wrt<'n>(
        &'n self,
        wrt: Wrt<'n>,
        bindings: &'n Bindings,
        inputs: &[InputValue],
        numbers: &mut Vec<f64>,
        literals: &mut Vec<(Span, u32)>,
    ) -> Result<Vec<(Cow<'n, str>, Variable)>, Error> {
        let names: Vec<&str> = match wrt {
            Wrt::Nothing => Vec::new(),
            Wrt::Names(names) => names.to_vec(),
            Wrt::All => {
                let names = self.inner.names.iter().zip(&self.inner.initial);
                let given = names
                    .filter(|(name, initial)| bindings.get(name).is_some() || initial.is_some());
                given.map(|(name, _)| name.as_str()).collect()
            }
        };
        let first = |items: &[Number], extent| {
            let first = items.first().and_then(|item| item.node.index());
            Variable::Inputs(first.unwrap_or(0), extent)
        };
        let mut variables = Vec::with_capacity(names.len());
        for name in names {
            // A fit makes inputs of literals, by the same names.
            let is_input = self.inner.places.contains_key(name);
            let variable = if name.starts_with('@') && !is_input {
                let literal = self.literal(name)?;
                of_literal(literal, numbers, literals)
            } else if let Some(position) = self.inner.places.get(name).copied() {
                match &inputs[position] {
                    InputValue::Number(x) => first(std::slice::from_ref(x), Extent::Number),
                    InputValue::List(items) => first(items, Extent::List(items.len())),
                    InputValue::Array(shape, items) => first(items, Extent::of(*shape)),
                    InputValue::Missing => Variable::Unused,
                }
            } else if let Some(constant) = self.constant_of_callee(name) {
                of_literal(constant, numbers, literals)
            } else if bindings.get(name).is_some() {
                Variable::Unused
            } else {
                return Err(self.no_such_name(name));
            };
            variables.push((Cow::Borrowed(name), variable));
        }
        Ok(variables)
    }

    pub(super) fn literal(&self, name: &str) -> Result<Literal, Error> {
        let position = Position::of_literal(name);
        let start = position.and_then(|position| position.offset(&self.inner.text));
        let literals = self.inner.literals.iter();
        let found = literals.clone().find(|l| Some(l.span.start) == start);
        found.copied().ok_or_else(|| {
            Error::Request(format!(
                "`{name}` in wrt: no float literal of the code starts there; \
                 write `@line:column` of a number with a point or exponent"
            ))
        })
    }

    fn no_such_name(&self, name: &str) -> Error {
        let names = self.inner.names.iter().map(String::as_str);
        let hint = match nearest(name, names) {
            Some(near) => format!("; is it `{near}`?"),
            None => String::new(),
        };
        Error::Request(format!(
            "`{name}` in wrt names no input, param or literal of the program{hint}"
        ))
    }
}

/// A literal as an input of the trace, after all others; once, however often it is asked for.
fn of_literal(
    literal: Literal,
    numbers: &mut Vec<f64>,
    literals: &mut Vec<(Span, u32)>,
) -> Variable {
    let known = literals.iter().find(|known| known.0 == literal.span);
    let index = if let Some(&(_, index)) = known {
        index
    } else {
        numbers.push(literal.value);
        let index = numbers.len() as u32 - 1;
        literals.push((literal.span, index));
        index
    };
    Variable::Inputs(index, Extent::Number)
}

fn push_numbers(inputs: &[InputValue], numbers: &mut Vec<f64>) {
    for input in inputs {
        match input {
            InputValue::Number(x) => numbers.push(x.value),
            InputValue::List(items) | InputValue::Array(_, items) => {
                numbers.extend(items.iter().map(|item| item.value));
            }
            InputValue::Missing => {}
        }
    }
}
