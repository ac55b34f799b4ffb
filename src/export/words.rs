//! What targets have in common: expressions with as few parentheses as they need, lines, and which variables are
//! written where they are used.
//!
//! **Invariants**
//! - A variable that is used once, where it is made, has no line of its own, unless the program names it.
//! - Expressions are bounded in size, so that no reader of the target runs out of stack.

use super::code::{Atom, Code, Step, Table, Var};
use super::names::Names;
use crate::error::Kind;
use crate::prim::Prim;
use crate::source::Span;
use crate::syntax::ExpandError;
use crate::{Error, Output};
use rustc_hash::FxHashMap;
use std::fmt::Write as _;

/// How large an expression grows before it gets a line.
const SIZE: usize = 24;

/// How tightly an expression binds.
pub(super) mod binds {
    pub(in super::super) const COMPARISON: u8 = 4;
    pub(in super::super) const SUM: u8 = 5;
    pub(in super::super) const PRODUCT: u8 = 6;
    pub(in super::super) const SIGN: u8 = 7;
    pub(in super::super) const WHOLE: u8 = 10;
}

/// An expression of a target.
#[derive(Clone, Debug)]
pub(super) struct Said {
    pub(super) text: String,
    /// How tightly it binds.
    pub(super) binds: u8,
    pub(super) size: usize,
    /// The number that it is, where it is one.
    pub(super) constant: Option<f64>,
}

impl Said {
    pub(super) fn whole(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            binds: binds::WHOLE,
            size: 1,
            constant: None,
        }
    }

    pub(super) fn of(text: impl Into<String>, binds: u8, parts: &[&Said]) -> Self {
        let size = 1 + parts.iter().map(|part| part.size).sum::<usize>();
        Self {
            text: text.into(),
            binds,
            size,
            constant: None,
        }
    }

    /// In parentheses, if it binds less than is wanted.
    pub(super) fn within(&self, least: u8) -> String {
        if self.binds >= least {
            self.text.clone()
        } else {
            format!("({})", self.text)
        }
    }
}

/// How a target says a primitive.
#[derive(Clone, Copy, Debug)]
pub(super) enum Form {
    /// `a op b`, how tightly that binds, and whether parentheses around an equal right side may be left out.
    Infix(&'static str, u8, bool),
    /// `op a`.
    Prefix(&'static str, u8),
    /// `name(a)` or `name(a, b)`.
    Call(&'static str),
    /// A text with `{a}` and `{b}` in it, each between commas or parentheses, and how tightly it binds.
    Text(&'static str, u8),
}

/// A target's words.
pub(super) trait Language {
    /// What it is called in errors.
    fn name(&self) -> &'static str;
    fn form(&self, prim: Prim) -> Option<Form>;
    fn number(&self, x: f64) -> Said;
    /// A boolean constant.
    fn bool(&self, holds: bool) -> Said;
    /// A number where a call wants one of the target's own kind.
    fn argument(&self, said: &Said) -> String {
        said.text.clone()
    }
    fn select(&self, test: &Said, then: &Said, otherwise: &Said, is_bool: bool) -> Said;
    /// A number of a table, whose own text is given.
    fn look(&self, table: &str, index: &Said) -> Said;
}

/// Writes a code's steps.
pub(super) struct Writer<'a, L> {
    pub(super) language: L,
    pub(super) code: &'a Code,
    pub(super) names: Names,
    /// What inputs are called.
    pub(super) inputs: Vec<String>,
    pub(super) out: String,
    pub(super) indent: usize,
    uses: FxHashMap<Var, u32>,
    pending: FxHashMap<Var, Said>,
    /// Numbers of inputs that are arrays, by their variables.
    elements: FxHashMap<Var, String>,
    /// What tables of constants are called, in the order they were met.
    pub(super) tables: Vec<(String, Vec<f64>)>,
    text: &'a str,
}

impl<'a, L: Language> Writer<'a, L> {
    pub(super) fn new(language: L, code: &'a Code, reserved: &[&str], text: &'a str) -> Self {
        let (names, inputs) = Names::new(code, reserved);
        let mut uses = FxHashMap::default();
        let mut count = |atom: Atom| {
            if let Atom::Var(var) = atom {
                *uses.entry(var).or_insert(0) += 1;
            }
        };
        code.steps.iter().for_each(|step| step.reads(&mut count));
        code.answer.atoms().into_iter().for_each(count);
        Self {
            language,
            code,
            names,
            inputs,
            out: String::new(),
            indent: 0,
            uses,
            pending: FxHashMap::default(),
            elements: FxHashMap::default(),
            tables: Vec::new(),
            text,
        }
    }

    /// What a number of an array is called.
    pub(super) fn element(&mut self, var: Var, text: String) {
        self.elements.insert(var, text);
    }

    pub(super) fn line(&mut self, text: impl AsRef<str>) {
        if text.as_ref().is_empty() {
            self.out.push('\n');
            return;
        }
        let _ = writeln!(
            self.out,
            "{:indent$}{}",
            "",
            text.as_ref(),
            indent = self.indent
        );
    }

    pub(super) fn name(&mut self, var: Var) -> String {
        self.names.of(self.code, var)
    }

    pub(super) fn is_bool(&self, var: Var) -> bool {
        self.code.vars[var.0 as usize].is_bool
    }

    /// An atom that is a number.
    pub(super) fn atom(&mut self, atom: Atom) -> Said {
        self.atom_as(atom, false)
    }

    pub(super) fn atom_as(&mut self, atom: Atom, is_bool: bool) -> Said {
        match atom {
            Atom::Constant(x) if is_bool => self.language.bool(x != 0.0),
            Atom::Constant(x) => Said {
                constant: Some(x),
                ..self.language.number(x)
            },
            Atom::Var(var) => match self.pending.remove(&var) {
                Some(said) => said,
                None => match self.elements.get(&var) {
                    Some(text) => Said::whole(text.clone()),
                    None => Said::whole(self.name(var)),
                },
            },
        }
    }

    /// That a primitive has no form here, and where the program uses it.
    pub(super) fn missing(&self, prim: Prim) -> Error {
        let name = prim.to_string();
        let found = self
            .text
            .match_indices(&format!("({name}"))
            .find(|(at, found)| {
                let after = self.text[at + found.len()..].chars().next();
                after.is_none_or(|c| c.is_whitespace() || c == ')')
            });
        let start = found.map_or(0, |(at, _)| at);
        let end = found.map_or(self.text.len(), |(at, found)| at + found.len());
        Error::Expand(ExpandError {
            kind: Kind::Unsupported,
            message: format!("`{name}` has no form in {}", self.language.name()),
            span: Span::new(start as u32, end as u32),
            also: Vec::new(),
        })
    }

    pub(super) fn op(&mut self, prim: Prim, args: [Atom; 2]) -> Result<Said, Error> {
        let Some(form) = self.language.form(prim) else {
            return Err(self.missing(prim));
        };
        let of_bools = matches!(prim, Prim::Not | Prim::Both | Prim::Either)
            || prim == Prim::NumEq
                && args
                    .iter()
                    .any(|&atom| atom.var().is_some_and(|var| self.is_bool(var)));
        let a = self.atom_as(args[0], of_bools);
        let b = if prim.operands() > 1 {
            self.atom_as(args[1], of_bools)
        } else {
            a.clone()
        };
        Ok(formed(&self.language, form, &a, &b, prim.operands() > 1))
    }

    /// What a step says that is one expression.
    pub(super) fn said(&mut self, step: &Step) -> Result<Option<(Var, Said)>, Error> {
        Ok(match step {
            Step::Op { var, prim, args } => Some((*var, self.op(*prim, *args)?)),
            Step::Select {
                var,
                test,
                then,
                otherwise,
            } => {
                let is_bool = self.is_bool(*var);
                let test = self.atom_as(*test, true);
                let [then, otherwise] = [*then, *otherwise].map(|atom| self.atom_as(atom, is_bool));
                Some((
                    *var,
                    self.language.select(&test, &then, &otherwise, is_bool),
                ))
            }
            Step::Look { var, table, index } => {
                let index = self.atom(*index);
                let table = self.table(table);
                Some((*var, self.language.look(&table, &index)))
            }
            Step::If { .. } | Step::Repeat { .. } | Step::Loop { .. } => None,
        })
    }

    /// What a table is called; `{i}` stands for the index in that of an input.
    fn table(&mut self, table: &Table) -> String {
        match table {
            Table::Constants(numbers) => {
                let bits =
                    |numbers: &[f64]| -> Vec<u64> { numbers.iter().map(|x| x.to_bits()).collect() };
                let known = self
                    .tables
                    .iter()
                    .find(|(_, known)| bits(known) == bits(numbers));
                if let Some((name, _)) = known {
                    return name.clone();
                }
                let name = self.names.fresh("table");
                self.tables.push((name.clone(), numbers.to_vec()));
                name
            }
            Table::Input {
                input,
                offset,
                stride,
            } => {
                format!("{}\0{offset}\0{stride}\0{input}", self.inputs[*input])
            }
        }
    }

    /// Those of a list of steps whose variables need no lines; `results` are read behind it.
    pub(super) fn nested(&self, steps: &[Step], results: &[Atom]) -> Vec<Var> {
        let mut direct = FxHashMap::default();
        let mut count = |atom: Atom| {
            if let Atom::Var(var) = atom {
                *direct.entry(var).or_insert(0) += 1;
            }
        };
        for step in steps {
            match step {
                Step::Op { .. } | Step::Select { .. } | Step::Look { .. } => step.reads(&mut count),
                Step::If { test, .. } => count(*test),
                Step::Repeat { inits, .. } | Step::Loop { inits, .. } => {
                    for &atom in inits {
                        count(atom);
                    }
                }
            }
        }
        for &atom in results {
            count(atom);
        }
        let once = |var: &Var| self.uses.get(var) == Some(&1) && direct.get(var) == Some(&1);
        let plain = |step: &&Step| {
            matches!(
                step,
                Step::Op { .. } | Step::Select { .. } | Step::Look { .. }
            )
        };
        let unnamed = |var: &Var| self.code.vars[var.0 as usize].name.is_none();
        let vars = steps
            .iter()
            .filter(plain)
            .flat_map(|step| step.gives().to_vec());
        vars.filter(once).filter(unnamed).collect()
    }

    /// Keeps an expression for where its variable is used, if that is to be and it is small enough.
    pub(super) fn keep(&mut self, var: Var, said: Said, nested: &[Var]) -> Option<Said> {
        if said.size <= SIZE && nested.contains(&var) {
            self.pending.insert(var, said);
            return None;
        }
        Some(said)
    }

    /// Writes steps that are one expression as `name = expression`, or keeps them for the one place that has a use
    /// for them; `control` writes the others.
    pub(super) fn steps(
        &mut self,
        all: &[Step],
        results: &[Atom],
        control: &mut dyn FnMut(&mut Self, &Step) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let nested = self.nested(all, results);
        for step in all {
            let Some((var, said)) = self.said(step)? else {
                control(self, step)?;
                continue;
            };
            if let Some(said) = self.keep(var, said, &nested) {
                let name = self.name(var);
                self.line(format!("{name} = {}", said.text));
            }
        }
        Ok(())
    }

    /// The names of variables.
    pub(super) fn named(&mut self, vars: &[Var]) -> Vec<String> {
        vars.iter().map(|&var| self.name(var)).collect()
    }
}

/// A primitive's form with its arguments in it.
pub(super) fn formed(language: &impl Language, form: Form, a: &Said, b: &Said, both: bool) -> Said {
    let parts: &[&Said] = if both { &[a, b] } else { &[a] };
    match form {
        Form::Infix(op, binds, loose) => {
            let right = if loose { binds } else { binds + 1 };
            Said::of(
                format!("{} {op} {}", a.within(binds), b.within(right)),
                binds,
                parts,
            )
        }
        Form::Prefix(op, binds) => Said::of(format!("{op}{}", a.within(binds)), binds, parts),
        Form::Call(name) => {
            let arguments: Vec<String> = parts.iter().map(|part| language.argument(part)).collect();
            Said::of(
                format!("{name}({})", arguments.join(", ")),
                binds::WHOLE,
                parts,
            )
        }
        Form::Text(text, binds) => {
            let [a, b] = [a, b].map(|part| language.argument(part));
            // In one go, so that what stands for `a` is not looked through.
            let mut out = String::new();
            let mut rest = text;
            while let Some(at) = rest.find("{a}").into_iter().chain(rest.find("{b}")).min() {
                out.push_str(&rest[..at]);
                out.push_str(if rest[at..].starts_with("{a}") {
                    &a
                } else {
                    &b
                });
                rest = &rest[at + 3..];
            }
            out.push_str(rest);
            Said::of(out, binds, parts)
        }
    }
}

/// A number as programs write it.
pub(super) fn scheme_number(x: f64) -> String {
    Output::of(x).to_scheme()
}

/// Splits the text of an input's table into its name, offset, stride and number.
pub(super) fn of_input(table: &str) -> Option<(&str, usize, usize, usize)> {
    let mut parts = table.split('\0');
    let name = parts.next()?;
    Some((
        name,
        parts.next()?.parse().ok()?,
        parts.next()?.parse().ok()?,
        parts.next()?.parse().ok()?,
    ))
}

/// The index of a number in an array whose rows have so many numbers, as one expression a dimension.
pub(super) fn flat_index(offset: usize, stride: usize, index: &str) -> String {
    match (offset, stride) {
        (0, 1) => index.to_owned(),
        (0, stride) => format!("{stride} * {index}"),
        (offset, 1) => format!("{offset} + {index}"),
        (offset, stride) => format!("{offset} + {stride} * {index}"),
    }
}
