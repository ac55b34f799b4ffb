//! Vectors and matrices, number by number: the crate's own algorithms, over atoms.
//!
//! **Invariants**
//! - What an algorithm decides by a number that is not known (a pivot, whether a matrix is singular) is a branch:
//!   the algorithm is done once for each outcome, and what they have in common is shared.

use super::code::Atom;
use super::code::Builder;
use super::partial::{Arm, Out, Partial, Result, Stop};
use super::value::Val;
use crate::error::Kind;
use crate::prim::Prim;
use crate::prim::linalg::{self, Arithmetic, Array, Operand, Shape, Trouble};
use std::rc::Rc;

/// How many decisions there may be, one after the other.
const DECISIONS: usize = 9;

/// Numbers that an array may have.
const NUMBERS: usize = 100_000;

/// Why an algorithm stops.
enum Halt {
    /// It needs to know whether this holds.
    Undecided(Atom),
    Unknown(&'static str),
}

struct Steps<'b> {
    builder: &'b mut Builder,
    decided: &'b [bool],
    next: usize,
}

impl Arithmetic for Steps<'_> {
    type Number = Atom;
    type Stop = Halt;

    fn constant(&mut self, value: f64) -> Atom {
        Atom::Constant(value)
    }

    fn apply(&mut self, prim: Prim, a: &Atom, b: &Atom) -> std::result::Result<Atom, Halt> {
        Ok(self.builder.op(prim, *a, *b))
    }

    fn decide(&mut self, test: &Atom) -> std::result::Result<bool, Halt> {
        if let Some(holds) = test.constant() {
            return Ok(holds != 0.0);
        }
        match self.decided.get(self.next) {
            Some(&holds) => {
                self.next += 1;
                Ok(holds)
            }
            None => Err(Halt::Undecided(*test)),
        }
    }

    fn reserve(&mut self, operations: usize, numbers: usize) -> std::result::Result<(), Halt> {
        if operations.max(numbers) > NUMBERS {
            return Err(Halt::Unknown(
                "arrays of this size are not exported: each number is written down",
            ));
        }
        Ok(())
    }

    fn value(&self, number: &Atom) -> f64 {
        number.constant().unwrap_or(f64::NAN)
    }

    fn index(&mut self, _: Prim, number: &Atom) -> std::result::Result<usize, Halt> {
        match number.constant() {
            Some(x) if x >= 0.0 && x.fract() == 0.0 && x < 1e9 => Ok(x as usize),
            Some(_) => Err(Halt::Unknown(
                "an index or size is no whole number from 0 on",
            )),
            None => Err(Halt::Unknown("an index or size depends on the inputs")),
        }
    }
}

impl Partial<'_> {
    /// A row on arrays, or a numeric row with arrays among its arguments.
    pub(super) fn linalg(&mut self, prim: Prim, args: &[Val]) -> Result<Val> {
        match (prim, args) {
            (Prim::ListToVec, [list]) => return self.list_to_array(list),
            (Prim::VecToList, [Val::Array(array)]) => {
                let (shape, numbers) = &**array;
                return Ok(match *shape {
                    Shape::Vector(_) => Val::list(numbers.iter().map(|&atom| Val::float(atom))),
                    Shape::Matrix(_, columns) => Val::list(
                        numbers
                            .chunks(columns)
                            .map(|row| Val::Array(Rc::new((Shape::Vector(columns), row.to_vec())))),
                    ),
                });
            }
            _ => {}
        }
        let lists = linalg::takes_lists(prim);
        let operands: Vec<Operand<Atom>> = args.iter().map(|arg| operand(arg, lists)).collect();
        self.decided(prim, args, &operands, &mut Vec::new())
    }

    fn decided(
        &mut self,
        prim: Prim,
        args: &[Val],
        operands: &[Operand<Atom>],
        decided: &mut Vec<bool>,
    ) -> Result<Val> {
        let mut steps = Steps {
            builder: &mut self.builder,
            decided,
            next: 0,
        };
        match linalg::evaluate(&mut steps, prim, operands) {
            Ok(result) => self.result(prim, args, result),
            Err(Trouble::Fail(kind, message)) => self.fail(kind, message),
            Err(Trouble::Stop(Halt::Unknown(message))) => {
                self.unsupported(format!("`{prim}`: {message}"))
            }
            Err(Trouble::Stop(Halt::Undecided(test))) => {
                if decided.len() >= DECISIONS {
                    return self.unsupported(format!(
                        "`{prim}` of so many numbers is not exported: too much is decided by what they are, such as \
                         which of them is the largest"
                    ));
                }
                let then = self.outcome(prim, args, operands, decided, true)?;
                let otherwise = self.outcome(prim, args, operands, decided, false)?;
                match self.joined(test, then, otherwise, self.site)? {
                    Out::Value(value) => Ok(value),
                    Out::Fail(stop) => Err(stop),
                    Out::Tail(..) | Out::Branch(..) => {
                        self.unsupported(format!("`{prim}` is not exported here"))
                    }
                }
            }
        }
    }

    fn outcome(
        &mut self,
        prim: Prim,
        args: &[Val],
        operands: &[Operand<Atom>],
        decided: &mut Vec<bool>,
        holds: bool,
    ) -> Result<Arm> {
        let state = self.state();
        self.builder.open();
        decided.push(holds);
        let value = self.decided(prim, args, operands, decided);
        decided.pop();
        match value {
            Ok(value) => Ok(Arm {
                steps: self.builder.close(),
                out: Out::Value(value),
            }),
            Err(stop @ Stop::Program(..)) => {
                self.back_to(state);
                Ok(Arm {
                    steps: Vec::new(),
                    out: Out::Fail(stop),
                })
            }
            Err(stop) => Err(stop),
        }
    }

    fn result(&mut self, prim: Prim, args: &[Val], result: Operand<Atom>) -> Result<Val> {
        Ok(match result {
            Operand::Number(atom) => Val::float(atom),
            Operand::Array(Array { shape, numbers }) => Val::Array(Rc::new((shape, numbers))),
            Operand::Index(index) => Val::int(index as f64),
            Operand::Order(order) => match &args[0] {
                Val::Array(array) => {
                    let numbers = order.iter().map(|&at| array.1[at]).collect();
                    Val::Array(Rc::new((array.0, numbers)))
                }
                list => {
                    let items = list.items().unwrap_or_default();
                    Val::list(
                        order
                            .iter()
                            .map(|&at| items[at].clone())
                            .collect::<Vec<_>>(),
                    )
                }
            },
            Operand::List(items) => {
                let mut all = Vec::with_capacity(items.len());
                for item in items {
                    all.push(self.result(prim, args, item)?);
                }
                Val::list(all)
            }
            Operand::Symbol(_) | Operand::Other(_) => {
                return self.unsupported(format!("`{prim}` is not exported here"));
            }
        })
    }

    fn list_to_array(&mut self, list: &Val) -> Result<Val> {
        let Some(items) = list.items() else {
            return self.of_list(Prim::ListToVec, list);
        };
        let mut numbers = Vec::with_capacity(items.len());
        for item in &items {
            match item {
                Val::Number(atom, _) => numbers.push(*atom),
                Val::Array(_) => return self.linalg(Prim::Mat, &items),
                other => {
                    let message =
                        format!("`list->vec` wants numbers or vectors, got {}", other.kind());
                    return self.fail(Kind::Type, message);
                }
            }
        }
        if numbers.is_empty() {
            return self.fail(
                Kind::Shape,
                "`list->vec` of the empty list; vectors have a number or more",
            );
        }
        Ok(Val::Array(Rc::new((Shape::Vector(numbers.len()), numbers))))
    }
}

fn operand(value: &Val, lists: bool) -> Operand<Atom> {
    match value {
        Val::Number(atom, _) => Operand::Number(*atom),
        Val::Array(array) => Operand::Array(Array {
            shape: array.0,
            numbers: array.1.clone(),
        }),
        Val::Symbol(name) => Operand::Symbol(name.to_string()),
        Val::Nil if lists => Operand::List(Vec::new()),
        Val::Pair(_) if lists => match value.items() {
            Some(items) => Operand::List(items.iter().map(|item| operand(item, false)).collect()),
            None => Operand::Other("a pair"),
        },
        Val::Bool(_) => Operand::Other("a boolean"),
        Val::Nil | Val::Pair(_) => Operand::Other(linalg::A_LIST),
        Val::Closure(_) | Val::Prim(_) => Operand::Other("a procedure"),
        _ => Operand::Other("something else"),
    }
}
