//! Primitives on values whose structure is known: lists, identity, checks, and numbers written down as steps.
//!
//! **Invariants**
//! - An answer that depends on a number which is not known is a step.
//! - What is refused is refused by the program too, or has no form in a target; the words say which.

use super::code::Atom;
use super::partial::{Partial, Result};
use super::value::{Leaf, Val};
use crate::error::Kind;
use crate::prim::{Kind as RowKind, Prim, TagRule, Variadic, no_clause_in_words, values_in_words};
use crate::walk::{in_words, kind_of, kind_without, no_count};
use std::cell::RefCell;
use std::rc::Rc;

/// The kind of several values.
const VALUES: f64 = 2.0;

impl Partial<'_> {
    /// A primitive on values.
    pub(super) fn prim(&mut self, prim: Prim, args: Vec<Val>) -> Result<Val> {
        let spec = prim.spec();
        if !spec.accepts(args.len()) {
            let message = format!("`{prim}` takes {}, got {}", spec.arity(), args.len());
            return self.fail(Kind::Arity, message);
        }
        match spec.kind {
            RowKind::Numeric(rule) => self.numeric(prim, rule, &args),
            RowKind::Predicate => self.predicate(prim, &args),
            RowKind::Structural => self.structural(prim, args),
        }
    }

    fn number(&self, prim: Prim, value: &Val) -> Result<(Atom, bool)> {
        match value {
            &Val::Number(atom, exact) => Ok((atom, exact)),
            other => self.fail(
                Kind::Type,
                format!("`{prim}` wants numbers, got {}", other.kind()),
            ),
        }
    }

    fn numeric(&mut self, prim: Prim, rule: TagRule, args: &[Val]) -> Result<Val> {
        if args.iter().any(|arg| matches!(arg, Val::Array(_))) {
            return self.elementwise(prim, args);
        }
        let mut numbers = Vec::with_capacity(args.len());
        for arg in args {
            numbers.push(self.number(prim, arg)?);
        }
        let exact = numbers.iter().all(|&(_, exact)| exact) && matches!(rule, TagRule::Same);
        let atom = match (prim.variadic(), &numbers[..]) {
            (Variadic::Fold(none), []) => return Ok(Val::int(none)),
            (Variadic::Inverse, &[(a, _)]) => {
                let one = if prim == Prim::Sub {
                    None
                } else {
                    Some(Atom::Constant(1.0))
                };
                match one {
                    None => self.builder.op(Prim::Neg, a, a),
                    Some(one) => self.builder.op(prim, one, a),
                }
            }
            (Variadic::Fold(_) | Variadic::Fold1, &[(a, _)]) => a,
            (_, &[(a, _)]) => self.builder.op(prim, a, a),
            (_, &[(first, _), ref rest @ ..]) => rest
                .iter()
                .fold(first, |sum, &(next, _)| self.builder.op(prim, sum, next)),
            (_, []) => Atom::Constant(f64::NAN),
        };
        Ok(Val::Number(atom, exact))
    }

    /// A numeric row with arrays among its arguments: of one and of several, as of numbers.
    fn elementwise(&mut self, prim: Prim, args: &[Val]) -> Result<Val> {
        match (prim.variadic(), args) {
            (Variadic::Inverse, [_]) if prim == Prim::Sub => self.linalg(Prim::Neg, args),
            (Variadic::Inverse, [array]) => self.linalg(prim, &[Val::int(1.0), array.clone()]),
            (Variadic::Fold(_) | Variadic::Fold1, [array]) => Ok(array.clone()),
            (_, [first, second, rest @ ..]) if !rest.is_empty() => {
                let mut sum = self.prim(prim, vec![first.clone(), second.clone()])?;
                for next in rest {
                    sum = self.prim(prim, vec![sum, next.clone()])?;
                }
                Ok(sum)
            }
            _ => self.linalg(prim, args),
        }
    }

    fn predicate(&mut self, prim: Prim, args: &[Val]) -> Result<Val> {
        match (prim, args) {
            (Prim::Not, [Val::Bool(test)]) => {
                return Ok(Val::Bool(self.builder.op(Prim::Not, *test, *test)));
            }
            (Prim::Not, _) => return Ok(Val::FALSE),
            (Prim::IsInteger, [value]) if !matches!(value, Val::Number(..)) => {
                return Ok(Val::FALSE);
            }
            (Prim::Both | Prim::Either, [Val::Bool(a), Val::Bool(b)]) => {
                return Ok(Val::Bool(self.builder.op(prim, *a, *b)));
            }
            _ => {}
        }
        let mut numbers = Vec::with_capacity(args.len());
        for arg in args {
            numbers.push(self.number(prim, arg)?.0);
        }
        if let &[a] = &numbers[..] {
            if prim.operands() == 1 {
                return Ok(Val::Bool(self.builder.op(prim, a, a)));
            }
            return Ok(Val::bool(true));
        }
        let mut all = Atom::Constant(1.0);
        for pair in numbers.windows(2) {
            let holds = self.builder.op(prim, pair[0], pair[1]);
            all = self.builder.op(Prim::Both, all, holds);
        }
        Ok(Val::Bool(all))
    }

    pub(super) fn of_list<T>(&self, prim: Prim, value: &Val) -> Result<T> {
        if let Val::Rest(..) = value {
            return self.unsupported(format!("`{prim}` of a list of a length that is not known"));
        }
        self.fail(
            Kind::Type,
            format!("`{prim}` wants a list, got {}", value.kind()),
        )
    }

    fn list(&self, prim: Prim, value: &Val) -> Result<Vec<Val>> {
        match value.items() {
            Some(items) => Ok(items),
            None => self.of_list(prim, value),
        }
    }

    /// A whole number that structure depends on.
    fn index(&self, prim: Prim, value: &Val) -> Result<usize> {
        let (atom, _) = self.number(prim, value)?;
        let Some(x) = atom.constant() else {
            return self.unsupported(format!("`{prim}` at an index that depends on the inputs"));
        };
        match no_count(prim.name(), x) {
            Some((kind, message)) => self.fail(kind, message),
            None => Ok(x as usize),
        }
    }

    fn test(&mut self, prim: Prim, a: Atom, b: f64) -> Val {
        Val::Bool(self.builder.op(prim, a, Atom::Constant(b)))
    }

    fn structural(&mut self, prim: Prim, mut args: Vec<Val>) -> Result<Val> {
        let value = match (prim, &args[..]) {
            (Prim::AtanAny, [_]) => return self.numeric(Prim::Atan, TagRule::Float, &args),
            (Prim::AtanAny, _) => return self.numeric(Prim::Atan2, TagRule::Float, &args),
            (Prim::LogAny, [_]) => return self.numeric(Prim::Ln, TagRule::Float, &args),
            (Prim::LogAny, _) => return self.numeric(Prim::LogBase, TagRule::Float, &args),
            (Prim::Exact | Prim::Inexact, [a]) => {
                let (atom, _) = self.number(prim, a)?;
                Val::Number(atom, prim == Prim::Exact)
            }
            (Prim::Cons, _) => {
                let cdr = args.pop().unwrap_or(Val::Nil);
                let car = args.pop().unwrap_or(Val::Nil);
                Val::cons(car, cdr)
            }
            (Prim::List, _) => Val::list(args),
            (Prim::Length, [Val::Rest(items, index)]) => {
                let len = Atom::Constant(items.len() as f64);
                Val::Number(self.builder.op(Prim::Sub, len, *index), true)
            }
            (Prim::Length, [list]) => Val::int(self.list(prim, list)?.len() as f64),
            (Prim::Append, _) => {
                let last = args.pop().unwrap_or(Val::Nil);
                let mut all = Vec::new();
                for list in &args {
                    all.extend(self.list(prim, list)?);
                }
                Val::list_onto(all, last)
            }
            (Prim::Reverse, [list]) => {
                let mut items = self.list(prim, list)?;
                items.reverse();
                Val::list(items)
            }
            (Prim::ListRef, [list, index]) => return self.list_ref(list, index),
            (Prim::ListTail, [list, index]) => {
                let index = self.index(prim, index)?;
                let mut at = list.clone();
                for passed in 0..index {
                    let Val::Pair(pair) = &at else {
                        let message =
                            format!("`list-tail` wants index {index} of a list of {passed}");
                        return self.fail(Kind::Index, message);
                    };
                    let next = pair.cdr.borrow().clone();
                    at = next;
                }
                at
            }
            (
                Prim::Memq | Prim::Memv | Prim::Member | Prim::Assq | Prim::Assv | Prim::Assoc,
                [key, list],
            ) => {
                return self.search(prim, key, list);
            }
            (Prim::CaseMatch, [key, data]) => {
                let mut any = Atom::Constant(0.0);
                for datum in self.list(prim, data)? {
                    let same = self.identical(key, &datum);
                    any = self.builder.op(Prim::Either, any, same);
                }
                Val::Bool(any)
            }
            (Prim::IsEq | Prim::IsEqv, [a, b]) => Val::Bool(self.identical(a, b)),
            (Prim::IsEqual, [a, b]) => Val::Bool(self.equal(a, b)),
            (Prim::IsNull, [Val::Rest(items, index)]) => {
                self.test(Prim::Ge, *index, items.len() as f64)
            }
            (Prim::IsPair, [Val::Rest(items, index)]) => {
                self.test(Prim::Lt, *index, items.len() as f64)
            }
            (Prim::IsExact | Prim::IsInexact, [a]) => {
                Val::bool(self.number(prim, a)?.1 == (prim == Prim::IsExact))
            }
            (
                Prim::IsNumber
                | Prim::IsBoolean
                | Prim::IsSymbol
                | Prim::IsPair
                | Prim::IsNull
                | Prim::IsList
                | Prim::IsProcedure
                | Prim::IsString
                | Prim::IsChar
                | Prim::IsVector,
                [value],
            ) => Val::bool(is(prim, value)),
            (Prim::Check, [Val::Prim(row), name, value]) => {
                if is(*row, value) {
                    return Ok(value.clone());
                }
                let what = in_words(*row).unwrap_or("something else");
                let message = format!("`{}` wants {what}, got {}", told(name), value.kind());
                return self.fail(kind_without(*row), message);
            }
            (Prim::Whole, [name, value]) => {
                let name = told(name);
                let Val::Number(atom, _) = value else {
                    let message = format!("`{name}` wants a whole number, got {}", value.kind());
                    return self.fail(Kind::Type, message);
                };
                let Some(x) = atom.constant() else {
                    return self
                        .unsupported(format!("`{name}` of a number that depends on the inputs"));
                };
                if let Some((kind, message)) = no_count(&name, x) {
                    return self.fail(kind, message);
                }
                Val::int(x)
            }
            (Prim::AtMost, [more, _, most, name]) => {
                let count = self.list(prim, more)?.len();
                // As many arguments stand before these.
                let (most, _) = self.number(prim, most)?;
                let least = self.number(prim, &args[1])?.0.constant().unwrap_or(0.0);
                let most = most.constant().unwrap_or(f64::INFINITY);
                if count as f64 + least > most {
                    let message = format!(
                        "`{}` takes at most {most} arguments, got {}",
                        told(name),
                        count as f64 + least
                    );
                    return self.fail(Kind::Arity, message);
                }
                Val::Unspecified
            }
            (Prim::Wants, [name, what, value]) => {
                let message = format!(
                    "`{}` wants {}, got {}",
                    told(name),
                    told(what),
                    value.kind()
                );
                return self.fail(Kind::Type, message);
            }
            (Prim::Refuse, [kind, rest @ ..]) => {
                let words: Vec<String> = rest.iter().map(told).collect();
                return self.fail(kind_of(&told(kind)), words.join(" "));
            }
            (Prim::Spend, _) => Val::Unspecified,
            (Prim::Error, _) => {
                let words: Vec<String> = args.iter().map(told).collect();
                return self.fail(Kind::User, words.join(" "));
            }
            (Prim::SoftChoice, _) => return self.soft_choice(&args),
            (Prim::SoftIf, _) => return self.soft_if(&args),
            (Prim::Pick, [Val::Bool(test), then, otherwise]) => {
                let (then, otherwise) =
                    (self.number(prim, then)?.0, self.number(prim, otherwise)?.0);
                Val::float(self.builder.select(*test, then, otherwise, false))
            }
            (Prim::Drawn, _) => Val::bool(false),
            (Prim::Monitor | Prim::Given | Prim::TestAt, [_, value]) => value.clone(),
            (Prim::Cell, _) => Val::Cell(Rc::new(RefCell::new(None))),
            (Prim::CellFill, [Val::Cell(cell), value]) => {
                *cell.borrow_mut() = Some(value.clone());
                Val::Unspecified
            }
            (Prim::IsFilled, [Val::Cell(cell)]) => Val::bool(cell.borrow().is_some()),
            (Prim::CellRef, [name, Val::Cell(cell)]) => {
                let content = cell.borrow().clone();
                let Some(value) = content else {
                    let message = format!("`{}` is used before its definition", told(name));
                    return self.fail(Kind::Unbound, message);
                };
                value
            }
            (Prim::Wrap, [Val::Number(Atom::Constant(kind), _), head, content]) => {
                Val::Opaque(Rc::new((*kind, head.clone(), content.clone())))
            }
            (Prim::IsWrapped, [kind, head, value]) => {
                Val::bool(wrapped(kind, head, value).is_some())
            }
            (Prim::Unwrap, [kind, head, value, name]) => {
                let Some(content) = wrapped(kind, head, value) else {
                    let name = told(name);
                    let message = format!("`{name}` wants another record, got {}", value.kind());
                    return self.fail(Kind::Type, message);
                };
                content
            }
            (Prim::Received, [value, required, rest]) => {
                let list = match value {
                    Val::Opaque(opaque) if opaque.0 == VALUES => opaque.2.clone(),
                    _ => Val::list([value.clone()]),
                };
                let count = self.list(prim, &list)?.len();
                let required = self.index(prim, required)?;
                let or_more = !matches!(rest, Val::Bool(Atom::Constant(0.0)));
                if count != required && !(or_more && count > required) {
                    return self.fail(Kind::Arity, values_in_words(required, or_more, count));
                }
                list
            }
            (Prim::NoClause, [count]) => {
                let count = self.index(prim, count)?;
                return self.fail(Kind::Arity, no_clause_in_words(count));
            }
            (Prim::FailAt, [_, _, name]) => {
                let message = format!("`{}` is used before its definition", told(name));
                return self.fail(Kind::Unbound, message);
            }
            (Prim::Vlen, [Val::Array(array)]) => Val::int(match array.0 {
                crate::prim::linalg::Shape::Vector(n)
                | crate::prim::linalg::Shape::Matrix(n, _) => n as f64,
            }),
            (Prim::Rows | Prim::Cols, [Val::Array(array)]) => {
                let crate::prim::linalg::Shape::Matrix(rows, columns) = array.0 else {
                    let message = format!("`{prim}` wants a matrix, got {}", array.0);
                    return self.fail(Kind::Type, message);
                };
                Val::int(if prim == Prim::Rows { rows } else { columns } as f64)
            }
            (Prim::Ref, [Val::Array(array), indices @ ..]) if indices.iter().any(is_unknown) => {
                return self.ref_unknown(array, indices);
            }
            _ if prim.is_linalg() => return self.linalg(prim, &args),
            _ if prim.is_accessor() => {
                return self.accessor(prim, &args[0]);
            }
            _ if (Prim::StringLength as u8..=Prim::CharTo as u8).contains(&(prim as u8)) => {
                return self.unsupported(format!(
                    "`{prim}`: texts and characters are not exported, only numbers"
                ));
            }
            (Prim::Variable | Prim::Slope, _) => {
                return self.unsupported(
                    "`root` and `fixed-point` search until they find, and have derivatives of their own: they are \
                     not exported",
                );
            }
            _ => return self.unsupported(format!("`{prim}` is not exported")),
        };
        Ok(value)
    }

    fn accessor(&mut self, prim: Prim, value: &Val) -> Result<Val> {
        let name = prim.name().as_bytes();
        let mut value = value.clone();
        for &letter in name[1..name.len() - 1].iter().rev() {
            value = match value {
                Val::Pair(pair) if letter == b'a' => pair.car.clone(),
                Val::Pair(pair) => pair.cdr.borrow().clone(),
                Val::Rest(items, index) if letter == b'a' => self.item_at(&items, index)?,
                Val::Rest(items, index) => {
                    let next = self.builder.op(Prim::Add, index, Atom::Constant(1.0));
                    Val::Rest(items, next)
                }
                other => return self.fail(Kind::Type, format!("`{prim}` of {}", other.kind())),
            };
        }
        Ok(value)
    }

    fn list_ref(&mut self, list: &Val, index: &Val) -> Result<Val> {
        let items = self.list(Prim::ListRef, list)?;
        if is_unknown(index) {
            let (atom, _) = self.number(Prim::ListRef, index)?;
            return self.item_at(&items, atom);
        }
        let index = self.index(Prim::ListRef, index)?;
        if let Some(item) = items.get(index) {
            return Ok(item.clone());
        }
        let count = items.len();
        self.fail(
            Kind::Index,
            format!("`list-ref` wants index {index} of a list of {count}"),
        )
    }

    /// `ref` at an index that is not known.
    fn ref_unknown(
        &mut self,
        array: &(crate::prim::linalg::Shape, Vec<Atom>),
        indices: &[Val],
    ) -> Result<Val> {
        use crate::prim::linalg::Shape;
        let (shape, numbers) = array;
        let mut atoms = Vec::new();
        for index in indices {
            atoms.push(self.number(Prim::Ref, index)?.0);
        }
        let mut look = |numbers: &[Atom], index: Atom| match self.looked_up(numbers, index) {
            Some(atom) => Ok(atom),
            None => self.unsupported(
                "`ref` at an index that depends on the inputs, of numbers that are computed",
            ),
        };
        match (*shape, &atoms[..]) {
            (Shape::Vector(_), &[index]) => Ok(Val::float(look(numbers, index)?)),
            (Shape::Matrix(_, columns), &[row]) => {
                let mut found = Vec::with_capacity(columns);
                for column in 0..columns {
                    let column: Vec<Atom> = numbers
                        .iter()
                        .copied()
                        .skip(column)
                        .step_by(columns)
                        .collect();
                    found.push(look(&column, row)?);
                }
                Ok(Val::Array(Rc::new((Shape::Vector(columns), found))))
            }
            (Shape::Matrix(_, columns), &[row, column]) => {
                match (row.constant(), column.constant()) {
                    (Some(row), _) => {
                        let row: Vec<Atom> = numbers
                            .iter()
                            .copied()
                            .skip(row as usize * columns)
                            .take(columns)
                            .collect();
                        Ok(Val::float(look(&row, column)?))
                    }
                    (None, Some(column)) => {
                        let column: Vec<Atom> = numbers
                            .iter()
                            .copied()
                            .skip(column as usize)
                            .step_by(columns)
                            .collect();
                        Ok(Val::float(look(&column, row)?))
                    }
                    (None, None) => {
                        let columns = Atom::Constant(columns as f64);
                        let start = self.builder.op(Prim::Mul, row, columns);
                        let at = self.builder.op(Prim::Add, start, column);
                        match self.looked_up(numbers, at) {
                            Some(atom) => Ok(Val::float(atom)),
                            None => self.unsupported("`ref` at indices that depend on the inputs"),
                        }
                    }
                }
            }
            _ => self.fail(
                Kind::Shape,
                format!("`ref` of {shape} with {} indices", atoms.len()),
            ),
        }
    }

    fn search(&mut self, prim: Prim, key: &Val, list: &Val) -> Result<Val> {
        let pairs = matches!(prim, Prim::Assq | Prim::Assv | Prim::Assoc);
        let deep = matches!(prim, Prim::Member | Prim::Assoc);
        let mut at = list.clone();
        loop {
            let Val::Pair(pair) = &at else {
                return if matches!(at, Val::Nil) {
                    Ok(Val::FALSE)
                } else {
                    self.of_list(prim, list)
                };
            };
            let item = &pair.car;
            let candidate = match item {
                Val::Pair(inner) if pairs => inner.car.clone(),
                other if pairs => {
                    let message = format!("`{prim}` wants a list of pairs, met {}", other.kind());
                    return self.fail(Kind::Type, message);
                }
                other => other.clone(),
            };
            let same = if deep {
                self.equal(key, &candidate)
            } else {
                self.identical(key, &candidate)
            };
            match same.constant() {
                None => {
                    return self
                        .unsupported(format!("`{prim}` of a number that depends on the inputs"));
                }
                Some(holds) if holds != 0.0 => {
                    return Ok(if pairs { item.clone() } else { at.clone() });
                }
                Some(_) => {}
            }
            let next = pair.cdr.borrow().clone();
            at = next;
        }
    }

    fn identical(&mut self, a: &Val, b: &Val) -> Atom {
        let same = match (a, b) {
            (Val::Number(a, _), Val::Number(b, _)) | (Val::Bool(a), Val::Bool(b)) => {
                return self.builder.op(Prim::NumEq, *a, *b);
            }
            (Val::Nil, Val::Nil) | (Val::Unspecified, Val::Unspecified) => true,
            (Val::Char(a), Val::Char(b)) => a == b,
            (Val::Symbol(a), Val::Symbol(b)) | (Val::String(a), Val::String(b)) => a == b,
            (Val::Prim(a), Val::Prim(b)) => a == b,
            (Val::Pair(a), Val::Pair(b)) => Rc::ptr_eq(a, b),
            (Val::Closure(a), Val::Closure(b)) => Rc::ptr_eq(a, b),
            (Val::Array(a), Val::Array(b)) => Rc::ptr_eq(a, b),
            (Val::Opaque(a), Val::Opaque(b)) => Rc::ptr_eq(a, b),
            (Val::Cell(a), Val::Cell(b)) => Rc::ptr_eq(a, b),
            _ => false,
        };
        Atom::Constant(f64::from(u8::from(same)))
    }

    fn equal(&mut self, a: &Val, b: &Val) -> Atom {
        let no = Atom::Constant(0.0);
        let mut all = Atom::Constant(1.0);
        let mut open = vec![(a.clone(), b.clone())];
        while let Some((a, b)) = open.pop() {
            let same = match (&a, &b) {
                (Val::Pair(x), Val::Pair(y)) => {
                    if !Rc::ptr_eq(x, y) {
                        open.push((x.cdr.borrow().clone(), y.cdr.borrow().clone()));
                        open.push((x.car.clone(), y.car.clone()));
                    }
                    continue;
                }
                (Val::Array(x), Val::Array(y)) => {
                    if x.0 != y.0 {
                        return no;
                    }
                    open.extend(
                        x.1.iter()
                            .zip(&y.1)
                            .map(|(&a, &b)| (Val::float(a), Val::float(b))),
                    );
                    continue;
                }
                (Val::Opaque(x), Val::Opaque(y)) if x.0 == y.0 && x.0 != 1.0 => {
                    open.push((x.2.clone(), y.2.clone()));
                    self.identical(&x.1, &y.1)
                }
                _ => self.identical(&a, &b),
            };
            all = self.builder.op(Prim::Both, all, same);
            if all.constant() == Some(0.0) {
                return no;
            }
        }
        all
    }

    // ---- blends ------------------------------------------------------------------------------------

    /// The leaves of options that are blended, which are numbers or arrays of one shape.
    fn options(&mut self, prim: Prim, options: &[Val]) -> Result<Vec<Vec<Atom>>> {
        let mut all = Vec::with_capacity(options.len());
        for option in options {
            let fits = matches!(option, Val::Number(..) | Val::Array(_))
                && super::value::alike(&options[0], option);
            if !fits {
                let message = format!(
                    "`{prim}` blends numbers, or arrays of one shape, got {}",
                    option.kind()
                );
                return self.fail(Kind::Type, message);
            }
            let mut numbers = Vec::new();
            option.leaves(&mut |atom, _| numbers.push(atom));
            all.push(numbers);
        }
        Ok(all)
    }

    fn blend(&mut self, shares: &[Atom], options: &[Val], numbers: &[Vec<Atom>]) -> Val {
        let mut blend = Vec::with_capacity(numbers[0].len());
        for at in 0..numbers[0].len() {
            let mut sum = self.builder.op(Prim::Mul, shares[0], numbers[0][at]);
            for (&share, option) in shares.iter().zip(numbers).skip(1) {
                let term = self.builder.op(Prim::Mul, share, option[at]);
                sum = self.builder.op(Prim::Add, sum, term);
            }
            blend.push(sum);
        }
        let mut blend = blend.into_iter();
        options[0].with_leaves(&mut |atom, _| (blend.next().unwrap_or(atom), Leaf::Float))
    }

    fn soft_if(&mut self, args: &[Val]) -> Result<Val> {
        let (a, b) = (
            self.number(Prim::SoftIf, &args[0])?.0,
            self.number(Prim::SoftIf, &args[1])?.0,
        );
        let numbers = self.options(Prim::SoftIf, &args[2..])?;
        let gap = self.builder.op(Prim::Sub, b, a);
        let steep = self
            .builder
            .op(Prim::Div, gap, Atom::Constant(self.temperature));
        let share = self.builder.op(Prim::Sigmoid, steep, steep);
        let rest = self.builder.op(Prim::Sub, Atom::Constant(1.0), share);
        Ok(self.blend(&[share, rest], &args[2..], &numbers))
    }

    fn soft_choice(&mut self, args: &[Val]) -> Result<Val> {
        let Some((weights, options)) = args.split_last() else {
            return self.fail(Kind::Arity, "`soft-choice` wants options and weights");
        };
        let numbers = self.options(Prim::SoftChoice, options)?;
        let mut logits = Vec::new();
        match weights {
            Val::Array(array) => logits.extend(array.1.iter().copied()),
            list => {
                for weight in self.list(Prim::SoftChoice, list)? {
                    logits.push(self.number(Prim::SoftChoice, &weight)?.0);
                }
            }
        }
        if logits.len() != options.len() {
            let message = format!(
                "`soft-choice` of {} options has {} weights",
                options.len(),
                logits.len()
            );
            return self.fail(Kind::Shape, message);
        }
        let temperature = Atom::Constant(self.temperature);
        for logit in &mut logits {
            *logit = self.builder.op(Prim::Div, *logit, temperature);
        }
        let largest = logits.iter().skip(1).fold(logits[0], |most, &next| {
            self.builder.op(Prim::Max, most, next)
        });
        let shift = self.builder.op(Prim::Detach, largest, largest);
        for logit in &mut logits {
            let shifted = self.builder.op(Prim::Sub, *logit, shift);
            *logit = self.builder.op(Prim::Exp, shifted, shifted);
        }
        let total = logits.iter().skip(1).fold(logits[0], |sum, &next| {
            self.builder.op(Prim::Add, sum, next)
        });
        for logit in &mut logits {
            *logit = self.builder.op(Prim::Div, *logit, total);
        }
        Ok(self.blend(&logits, options, &numbers))
    }
}

fn is_unknown(value: &Val) -> bool {
    matches!(value, Val::Number(Atom::Var(_), _))
}

/// Whether a value is of a type.
fn is(row: Prim, value: &Val) -> bool {
    match row {
        Prim::IsNumber => matches!(value, Val::Number(..)),
        Prim::IsBoolean => matches!(value, Val::Bool(_)),
        Prim::IsSymbol => matches!(value, Val::Symbol(_)),
        Prim::IsPair => matches!(value, Val::Pair(_)),
        Prim::IsNull => matches!(value, Val::Nil),
        Prim::IsList => matches!(value, Val::Rest(..)) || value.items().is_some(),
        Prim::IsProcedure => matches!(value, Val::Closure(_) | Val::Prim(_)),
        Prim::IsString => matches!(value, Val::String(_)),
        Prim::IsChar => matches!(value, Val::Char(_)),
        Prim::IsVector => matches!(value, Val::Array(_)),
        _ => false,
    }
}

/// The content of a value of a kind and a type.
fn wrapped(kind: &Val, head: &Val, value: &Val) -> Option<Val> {
    let (Val::Number(Atom::Constant(kind), _), Val::Opaque(opaque)) = (kind, value) else {
        return None;
    };
    let same = match (&opaque.1, head) {
        (Val::Pair(a), Val::Pair(b)) => Rc::ptr_eq(a, b),
        (Val::Nil, Val::Nil) => true,
        _ => false,
    };
    (opaque.0 == *kind && same).then(|| opaque.2.clone())
}

/// A word of a message.
fn told(value: &Val) -> String {
    match value {
        Val::Symbol(text) | Val::String(text) => text.to_string(),
        Val::Number(Atom::Constant(x), _) => x.to_string(),
        other => other.kind(),
    }
}
