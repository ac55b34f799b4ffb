//! Numeric primitives and predicates on values: tags, any number of arguments, recording.
//!
//! **Invariants**
//! - Tags of results follow the tags of arguments, never values.
//! - A result has a node exactly if an argument has one.
//! - What control or structure takes from a number with a node is guarded.

use super::checks::in_short;
use super::fork::number;
use super::layout::SITE_COUNTS;
use super::reasons::Unjoined;
use super::text::LARGEST_WHOLE;
use super::{Outcome, Stop, Walk};
use crate::error::Kind;
use crate::prim::value::{Tag, Value};
use crate::prim::{Prim, Variadic};
use crate::trace::record::Number;

/// Beyond what a heap can hold every index is out of range all the same.
const FARTHEST: f64 = 1e15;

impl Walk<'_> {
    /// Relies on a number or boolean being what it is; inside an arm nothing may be relied on.
    #[inline]
    pub(super) fn guard(&mut self, value: Value) -> Outcome<()> {
        self.guard_at(value, self.at.site & !SITE_COUNTS)
    }

    /// The same for a primitive applied at a site.
    pub(super) fn guard_for(&mut self, value: Value, site: u32) -> Outcome<()> {
        match site & !SITE_COUNTS {
            0 => self.guard(value),
            place => self.guard_at(value, place),
        }
    }

    /// The same for a place of the program.
    #[inline]
    pub(super) fn guard_at(&mut self, value: Value, place: u32) -> Outcome<()> {
        if value.node.is_none() {
            return Ok(());
        }
        if !self.forks.open.is_empty() {
            return Err(Stop::fork(Unjoined::Guard, place));
        }
        self.recorder.guard(number(value), place);
        Ok(())
    }

    /// One operation of the trace, or of its constants.
    #[inline]
    pub(super) fn operation(&mut self, prim: Prim, a: Number, b: Number) -> Outcome<Number> {
        let result = self.recorded(prim, a, b);
        if a.node.either(b.node) && !self.forks.open.is_empty() {
            self.spend(1)?;
        }
        Ok(result)
    }

    /// The same where no fork is under way.
    #[inline]
    fn recorded(&mut self, prim: Prim, a: Number, b: Number) -> Number {
        if !a.node.either(b.node) {
            return Number::constant(prim.forward(a.value, b.value));
        }
        let result = self.recorder.operation(prim, a, b);
        match self.recorder.squared_norm(prim, a, b) {
            Some(squares) => self
                .recorder
                .operation(Prim::StraightThrough, result, squares),
            None => result,
        }
    }

    /// Arithmetic on two numbers, or their comparison, outside of forks.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "a part of the loop that runs code")]
    pub(super) fn of_two(&mut self, prim: Prim, a: &Value, b: &Value) -> Value {
        let [x, y] = [a, b].map(|of| Number {
            value: of.number(),
            node: of.node,
        });
        let result = self.recorded(prim, x, y);
        if (Prim::NumEq as u8..=Prim::Ge as u8).contains(&(prim as u8)) {
            return Value {
                tag: Tag::Bool,
                node: result.node,
                bits: u64::from(result.value != 0.0),
            };
        }
        if matches!(prim, Prim::Add | Prim::Sub) && result.node.is_none() {
            // Of counters nothing is counted, as where they are walked.
            let ints = a.tag == Tag::Int && b.tag == Tag::Int;
            return Value {
                tag: if ints { Tag::Int } else { Tag::Float },
                node: result.node,
                bits: result.value.to_bits(),
            };
        }
        self.arithmetic(prim, a, b, result)
    }

    /// The result of a row of two arguments as a value.
    #[inline]
    fn arithmetic(&mut self, prim: Prim, a: &Value, b: &Value, result: Number) -> Value {
        let int = prim.keeps_int() && a.tag == Tag::Int && b.tag == Tag::Int;
        // Division by 0 rounds nothing.
        if int && result.value.abs() > LARGEST_WHOLE && result.value.is_finite() {
            self.meter.rounded += 1;
        }
        Value {
            tag: if int { Tag::Int } else { Tag::Float },
            node: result.node,
            bits: result.value.to_bits(),
        }
    }

    #[inline]
    pub(super) fn need_number(&self, prim: Prim, value: Value, site: u32) -> Outcome<()> {
        if value.is_number() {
            return Ok(());
        }
        let message = format!("`{prim}` wants numbers, got {}", value.kind());
        self.fail(Kind::Type, site, message)
    }

    /// The same where a vector or matrix will do.
    pub(super) fn need_numbers(&self, prim: Prim, value: Value, site: u32) -> Outcome<()> {
        if value.tag == Tag::Vector {
            return Ok(());
        }
        self.need_number(prim, value, site)
    }

    /// A numeric row of two arguments.
    #[inline]
    pub(super) fn numeric2(&mut self, prim: Prim, a: Value, b: Value, site: u32) -> Outcome<Value> {
        if a.tag == Tag::Vector || b.tag == Tag::Vector {
            return self.elementwise(prim, &[a, b], site);
        }
        self.need_number(prim, a, site)?;
        self.need_number(prim, b, site)?;
        if matches!(prim, Prim::Gcd | Prim::Lcm) {
            self.need_whole(prim, a, site)?;
            self.need_whole(prim, b, site)?;
        }
        let result = self.operation(
            prim,
            Number {
                value: a.number(),
                node: a.node,
            },
            Number {
                value: b.number(),
                node: b.node,
            },
        )?;
        Ok(self.arithmetic(prim, &a, &b, result))
    }

    /// A numeric row of one argument.
    #[inline]
    pub(super) fn numeric1(&mut self, prim: Prim, a: Value, site: u32) -> Outcome<Value> {
        if a.tag == Tag::Vector {
            return self.elementwise(prim, &[a], site);
        }
        self.need_number(prim, a, site)?;
        let argument = Number {
            value: a.number(),
            node: a.node,
        };
        let result = self.operation(prim, argument, argument)?;
        let int = prim.keeps_int() && a.tag == Tag::Int;
        Ok(Value {
            tag: if int { Tag::Int } else { Tag::Float },
            node: result.node,
            bits: result.value.to_bits(),
        })
    }

    /// A comparison of two numbers.
    #[inline]
    pub(super) fn compare(&mut self, prim: Prim, a: Value, b: Value, site: u32) -> Outcome<Value> {
        self.need_number(prim, a, site)?;
        self.need_number(prim, b, site)?;
        self.boolean(prim, number(a), number(b))
    }

    #[inline]
    pub(super) fn boolean(&mut self, prim: Prim, a: Number, b: Number) -> Outcome<Value> {
        let result = self.operation(prim, a, b)?;
        Ok(Value {
            tag: Tag::Bool,
            node: result.node,
            bits: u64::from(result.value != 0.0),
        })
    }

    /// A predicate of one argument.
    pub(super) fn predicate1(&mut self, prim: Prim, a: Value, site: u32) -> Outcome<Value> {
        match prim {
            Prim::Not if a.tag == Tag::Bool => {}
            Prim::Not => return Ok(Value::bool(false)),
            Prim::IsInteger if !a.is_number() => return Ok(Value::bool(false)),
            _ => self.need_number(prim, a, site)?,
        }
        if matches!(prim, Prim::IsEven | Prim::IsOdd) {
            self.need_whole(prim, a, site)?;
        }
        self.boolean(prim, number(a), number(a))
    }

    /// Fails unless a number is whole; that it is becomes a guard.
    fn need_whole(&mut self, prim: Prim, a: Value, site: u32) -> Outcome<()> {
        if a.tag == Tag::Int && a.node.is_none() {
            return Ok(());
        }
        let whole = self.boolean(Prim::IsInteger, number(a), number(a))?;
        if whole.is_false() {
            let message = format!("`{prim}` wants whole numbers, got {}", in_short(a.number()));
            return self.fail(Kind::Type, site, message);
        }
        self.guard_for(whole, site)
    }

    /// A non-negative whole number that structure depends on: an index, a size.
    pub(super) fn index(&mut self, prim: Prim, value: Value, site: u32) -> Outcome<usize> {
        if !value.is_number() {
            let message = format!("`{prim}` wants an index, got {}", value.kind());
            return self.fail(Kind::Type, site, message);
        }
        let x = value.number();
        if !(x.is_finite() && x.fract() == 0.0) {
            let x = in_short(x);
            let message = format!("`{prim}` wants a whole number as index, got {x}");
            return self.fail(Kind::Type, site, message);
        }
        if x < 0.0 {
            let x = in_short(x);
            let message = format!("`{prim}` got the index {x}, and indices start at 0");
            return self.fail(Kind::Index, site, message);
        }
        self.guard_for(value, site)?;
        Ok(x.min(FARTHEST) as usize)
    }

    /// A numeric or predicate row on any number of staged arguments.
    pub(super) fn numeric(&mut self, prim: Prim, count: usize, site: u32) -> Outcome<Value> {
        let top = self.at.top as usize;
        let binary_predicate = (Prim::NumEq as u8..=Prim::Ge as u8).contains(&(prim as u8));
        match (prim.variadic(), count) {
            (Variadic::No, 1) if prim.operands() == 1 => {
                let a = self.stack[top];
                self.numeric_or_predicate1(prim, a, site)
            }
            (Variadic::Fold(unit), 0) => Ok(Value::int(unit)),
            (Variadic::Inverse, 1) => {
                let a = self.stack[top];
                if prim == Prim::Sub {
                    // The name people know is `-`.
                    self.need_numbers(prim, a, site)?;
                    self.numeric1(Prim::Neg, a, site)
                } else {
                    self.numeric2(prim, Value::int(1.0), a, site)
                }
            }
            (Variadic::Chain, _) if binary_predicate => {
                self.need_number(prim, self.stack[top], site)?;
                let mut all = Value::bool(true);
                for at in top + 1..top + count {
                    let (a, b) = (self.stack[at - 1], self.stack[at]);
                    let link = self.compare(prim, a, b, site)?;
                    all = if at == top + 1 {
                        link
                    } else {
                        self.boolean(Prim::Both, number(all), number(link))?
                    };
                }
                Ok(all)
            }
            (Variadic::Fold(_) | Variadic::Fold1, 1) => {
                let a = self.stack[top];
                self.need_numbers(prim, a, site)?;
                if matches!(prim, Prim::Gcd | Prim::Lcm) {
                    return self.numeric2(prim, a, a, site);
                }
                Ok(a)
            }
            _ => {
                let mut result = self.stack[top];
                for at in top + 1..top + count {
                    result = self.numeric2(prim, result, self.stack[at], site)?;
                }
                Ok(result)
            }
        }
    }

    #[inline]
    pub(super) fn numeric_or_predicate1(
        &mut self,
        prim: Prim,
        a: Value,
        site: u32,
    ) -> Outcome<Value> {
        if (prim as u8) < Prim::Add as u8 {
            self.numeric1(prim, a, site)
        } else {
            self.predicate1(prim, a, site)
        }
    }
}
