//! Where numbers that are not finite come from: the first NaN of a run, the infinity that led there, and
//! the first derivative that is not finite.
//!
//! Inputs of a run go in; a [`NotFinite`] comes out, which is data and can be printed.
//!
//! **Invariants**
//! - Looking is a run of its own: the model's paths stay as they are, and its evaluations take no longer.
//! - What comes from what is told in the order of evaluation: an operation is at fault whose operands are
//!   finite and whose result is not; an input or literal where it is not finite itself.
//! - An arm of an `if` that is not taken is not looked at.
//!
//! ```text
//! the first NaN: `-` of inf and inf
//!    ╭─[ <program>:1:1 ]
//!    │
//!  1 │ (- (/ 1 x) (/ 2 x))
//!    │ ─────────┬─────────
//!    │          ╰─────────── here
//! ───╯
//! led to by inf: `/` of 1.0 and 0.0
//! …
//! ```

use super::error::Error;
use super::render::{NamedText, Severity, printable, snippet};
use super::{Mode, Model};
use crate::model::bindings::{Bindings, Wrt};
use crate::model::gradient::columns;
use crate::paths::{self, Miss, Paths, Query, Workspace};
use crate::prim::Prim;
use crate::prim::value::Node;
use crate::source::{Position, Span};
use crate::syntax::Goal;
use crate::syntax::ast::Part;
use crate::syntax::link::place_in;
use crate::trace::{Ref, Trace};
use crate::walk::serial::{number, numbers, optional};
use crate::walk::{Job, Limits, Output, walk};
use serde::Serialize;
use std::fmt::{self, Write as _};
use std::sync::Arc;

/// How many operations are looked at.
const OPERATIONS: usize = 1 << 22;

/// How many numbers of a value are differentiated.
const SWEEPS: usize = 256;

/// How many operands are shown.
const SHOWN: usize = 8;

/// What a number that is not finite came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum OriginSort {
    /// It was given, as an input or the initial value of a param.
    Input,
    /// It stands in the text.
    Literal,
    /// An operation on finite numbers gave it; or, of a NaN, on infinities.
    Operation,
    /// The rule of an operation's derivative gave it.
    Derivative,
}

/// Where a number that is not finite came from.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Origin {
    /// What it came from.
    pub sort: OriginSort,
    /// The operation, as [`Recording`](crate::Recording)s name it; or the input's name, or the literal's
    /// text.
    pub name: String,
    /// The operation's operands.
    #[serde(serialize_with = "numbers")]
    pub operands: Vec<f64>,
    /// The number itself; of a derivative, that by the operand `by`.
    #[serde(with = "number")]
    pub value: f64,
    /// Of a derivative, that of the program's value by the operation's result.
    #[serde(serialize_with = "optional")]
    pub cotangent: Option<f64>,
    /// Of a derivative, which of the operands it is by, from 0.
    pub by: Option<usize>,
    /// The model that it is in, where that is one that the program calls.
    pub model: Option<String>,
    /// Where it is in the text.
    pub position: Option<Position>,
    /// The application of the program's text, or the literal; none for inputs.
    pub text: Option<String>,
    /// Its place in [`Model::linked_text`].
    pub span: Option<Span>,
}

/// Where numbers that are not finite came from; by [`Model::trace_nan`].
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct NotFinite {
    /// The program's value; none where it failed.
    pub value: Option<Output>,
    /// Why it failed.
    pub error: Option<Error>,
    /// The first NaN; where there is none, the first infinity.
    pub first: Option<Origin>,
    /// The infinity that the first NaN was computed from.
    pub led_by: Option<Origin>,
    /// The first derivative that is not finite, from the value backwards.
    pub derivative: Option<Origin>,
    /// Whether the whole run was looked at: it may have more operations than are kept.
    pub is_whole: bool,
    #[serde(skip)]
    text: Arc<str>,
    #[serde(skip)]
    parts: Arc<[Part]>,
}

impl Model {
    /// Runs the program and tells where the first NaN, or infinity, of the run came from, and the first
    /// that derivatives by `wrt` meet. A program that fails is no error: what it met until then is told.
    ///
    /// ```
    /// use dmci::{Bindings, Interpreter, Limits, Workspace, Wrt};
    ///
    /// let text = "(define (rate a) (/ a b))\n(- (rate 1) (rate 2))";
    /// let model = Interpreter::embedded().model(text)?;
    /// let inputs = Bindings::from([("b", 0.0)]);
    /// let traced = model.trace_nan(&inputs, Wrt::All, &Limits::default(), &mut Workspace::new())?;
    /// let first = traced.first.as_ref().unwrap();
    /// assert_eq!((&*first.name, &*first.operands), ("-", &[f64::INFINITY; 2][..]));
    /// assert_eq!(first.position.unwrap().to_string(), "2:1");
    /// let inf = traced.led_by.as_ref().unwrap();
    /// assert_eq!((inf.text.as_deref(), &*inf.operands), (Some("(/ a b)"), &[1.0, 0.0][..]));
    ///
    /// // A value that is finite may have a derivative that is not.
    /// let model = Interpreter::embedded().model("(* 2 (sqrt b))")?;
    /// let traced = model.trace_nan(&inputs, Wrt::All, &Limits::default(), &mut Workspace::new())?;
    /// assert!(traced.first.is_none());
    /// let derivative = traced.derivative.unwrap();
    /// assert_eq!((&*derivative.name, derivative.cotangent), ("sqrt", Some(2.0)));
    /// # Ok::<(), dmci::Error>(())
    /// ```
    ///
    /// # Errors
    /// When `wrt` names nothing, or an input is missing that the model was prepared for.
    pub fn trace_nan(
        &self,
        bindings: &Bindings,
        wrt: Wrt<'_>,
        limits: &Limits,
        workspace: &mut Workspace,
    ) -> Result<NotFinite, Error> {
        match (self.mode(), self.interpreter()) {
            // The evaluator has the numbers of the text before it, and all modes compute with the same.
            (mode, Some(interpreter)) if mode != Mode::Interpreter => {
                let given = self.given();
                let goal = Goal::Value;
                let model = interpreter.prepare(self.text(), &given, Mode::Interpreter, goal)?;
                let model = model.with_relaxation(self.relaxation)?;
                model.looked_into(bindings, wrt, limits, workspace)
            }
            _ => self.looked_into(bindings, wrt, limits, workspace),
        }
    }

    /// The same, of a program that is run by the interpreter, or compiled.
    pub(crate) fn looked_into(
        &self,
        bindings: &Bindings,
        wrt: Wrt<'_>,
        limits: &Limits,
        workspace: &mut Workspace,
    ) -> Result<NotFinite, Error> {
        let mut told = NotFinite {
            value: None,
            error: None,
            first: None,
            led_by: None,
            derivative: None,
            is_whole: true,
            text: self.inner.whole.clone(),
            parts: self.inner.parts.clone(),
        };
        self.look_forwards(bindings, limits, workspace, &mut told)?;
        if told.error.is_none() {
            told.derivative = self.look_backwards(bindings, wrt, limits, workspace)?;
        }
        Ok(told)
    }

    /// Walks with all numbers of the text as inputs of the trace, so that it holds every operation.
    fn look_forwards(
        &self,
        bindings: &Bindings,
        limits: &Limits,
        workspace: &mut Workspace,
        told: &mut NotFinite,
    ) -> Result<(), Error> {
        let asked = self.ask(bindings, Wrt::Nothing, workspace)?;
        let mut names = self.trace_names(&asked);
        let given = workspace.inputs.clone();
        names.truncate(given.len());
        let mut literals = Vec::new();
        workspace.recorder.note_places();
        let result = self.with_job(&asked.given, limits, |job| {
            let first = given.len() as u32;
            let alone = match job.programs {
                [program] => Some(program.with_numbers_as_inputs(first)),
                _ => None,
            };
            let (program, programs, changed);
            let job = match alone {
                Some((with, numbers)) => {
                    literals = numbers;
                    program = with;
                    programs = [&program];
                    changed = Job {
                        programs: &programs,
                        ..*job
                    };
                    &changed
                }
                None => job,
            };
            let mut inputs = given;
            inputs.extend(literals.iter().map(|literal| literal.0));
            workspace.recorder.reset(&inputs);
            workspace.recorder.limit = OPERATIONS;
            let finished = walk(job, &mut workspace.memory, &mut workspace.recorder)?;
            finished.take()
        });
        let places = workspace.recorder.take_places();
        let mut leaves = Vec::new();
        match result {
            Ok((value, nodes)) => {
                told.value = Some(value);
                leaves = nodes.into_iter().filter_map(Node::index).collect();
            }
            Err(error) => told.error = Some(error),
        }
        told.is_whole = !workspace.recorder.overflowed();
        let run = Seen {
            model: self,
            trace: &workspace.recorder.trace,
            values: &workspace.recorder.values,
            places: &places,
            names: &names,
            literals: &literals,
            leaves: &leaves,
        };
        (told.first, told.led_by) = run.first();
        Ok(())
    }

    /// Sweeps from each number of the value until a derivative is not finite.
    fn look_backwards(
        &self,
        bindings: &Bindings,
        wrt: Wrt<'_>,
        limits: &Limits,
        workspace: &mut Workspace,
    ) -> Result<Option<Origin>, Error> {
        let asked = self.ask(bindings, wrt, workspace)?;
        let names = self.trace_names(&asked);
        let by = columns(&asked.wrt);
        let own = Paths::default();
        let query = Query {
            key: &asked.given.key,
            // So that the trace is kept however long it is.
            by: Some(&[]),
            all_nodes: true,
            rolls: None,
            limits: *limits,
        };
        workspace.recorder.note_places();
        let run = self.with_job(&asked.given, limits, |job| {
            paths::record(&own, &query, job, Miss::Unknown, workspace)
        });
        let places = workspace.recorder.take_places();
        let Ok(run) = run else {
            return Ok(None);
        };
        let Some(path) = run.path.filter(|_| run.output.is_numeric()) else {
            return Ok(None);
        };
        let seen = Seen {
            model: self,
            trace: &path.trace,
            values: &workspace.values,
            places: &places,
            names: &names,
            literals: &[],
            leaves: &[],
        };
        let leaves = path.leaves.iter().flatten().take(SWEEPS);
        let adjoints = &mut workspace.adjoints;
        for &leaf in leaves.filter(|leaf| leaf.is_node()) {
            let trace = &path.trace;
            if let Some(spoiled) = trace.first_spoiled(seen.values, leaf, &by, adjoints) {
                let mut origin = seen.operation(spoiled.operation);
                let operands = seen.operands(spoiled.operation);
                origin.sort = OriginSort::Derivative;
                origin.value = spoiled.adjoint;
                origin.cotangent = Some(spoiled.cotangent);
                origin.by = operands.iter().position(|&r| r == spoiled.operand);
                return Ok(Some(origin));
            }
        }
        Ok(None)
    }
}

/// A run whose numbers are looked at.
struct Seen<'a> {
    model: &'a Model,
    trace: &'a Trace,
    /// Of all nodes.
    values: &'a [f64],
    /// The place of each operation.
    places: &'a [u32],
    /// The names of the first inputs; the others are literals.
    names: &'a [String],
    literals: &'a [(f64, Span)],
    /// The nodes of the program's value.
    leaves: &'a [u32],
}

impl Seen<'_> {
    /// The first NaN and the infinity that led there; where there is no NaN, the first infinity.
    fn first(&self) -> (Option<Origin>, Option<Origin>) {
        if let Some(origin) = self.first_of(f64::is_nan) {
            return match origin {
                Found::Given(node) => (Some(self.given(node)), None),
                Found::Operation(index) => {
                    let operands = self.operands(index);
                    let mut infinite = operands.iter();
                    let infinite = infinite.find(|&&r| self.number(r).is_infinite());
                    let led_by = infinite.map(|&r| self.source_of_infinity(r));
                    (Some(self.operation(index)), led_by)
                }
            };
        }
        let first = self.first_of(f64::is_infinite).map(|found| match found {
            Found::Given(node) => self.given(node),
            Found::Operation(index) => self.operation(index),
        });
        (first, None)
    }

    /// The first operation, of those that count, that makes such a number of others; or an input that is
    /// one and that an operation reads before.
    fn first_of(&self, is_it: fn(f64) -> bool) -> Option<Found> {
        let taken = self.taken();
        let inputs = self.trace.inputs as usize;
        for index in (0..self.trace.operations.len()).filter(|&index| taken[index]) {
            let prim = self.trace.operations[index].prim;
            if matches!(prim, Prim::Part | Prim::Select) {
                continue;
            }
            let mut made = 1;
            if prim == Prim::Block {
                match self.trace.block_at(index).block {
                    Some(block) => made = block.outputs(),
                    // It gathers.
                    None => continue,
                }
            }
            let operands = self.operands(index);
            if let Some(&read) = operands.iter().find(|&&r| is_it(self.number(r))) {
                if !read.is_node() || read.index() < inputs {
                    return Some(Found::Given(read));
                }
                continue;
            }
            let results = &self.values[inputs + index..][..made];
            if results.iter().any(|&y| is_it(y)) {
                return Some(Found::Operation(index));
            }
        }
        // What no operation reads may be the value.
        let given = self.leaves.iter().map(|&leaf| Ref::node(leaf));
        let mut given = given.filter(|leaf| leaf.index() < inputs);
        given
            .find(|&leaf| is_it(self.number(leaf)))
            .map(Found::Given)
    }

    /// Which operations are in no arm that was not taken.
    fn taken(&self) -> Vec<bool> {
        let mut taken = vec![true; self.trace.operations.len()];
        for arm in &self.trace.arms {
            if (self.number(arm.test) != 0.0) != arm.when {
                taken[arm.start as usize..arm.end as usize].fill(false);
            }
        }
        taken
    }

    /// Where an infinite number came from.
    fn source_of_infinity(&self, mut of: Ref) -> Origin {
        loop {
            let inputs = self.trace.inputs as usize;
            let Some(mut index) = of.index().checked_sub(inputs).filter(|_| of.is_node()) else {
                return self.given(of);
            };
            while self.trace.operations[index].prim == Prim::Part {
                index = self.trace.block_at(index).first as usize;
            }
            let op = self.trace.operations[index];
            let read = match op.prim {
                Prim::Select if self.number(op.c) != 0.0 => vec![op.a],
                Prim::Select => vec![op.b],
                _ => self.operands(index),
            };
            match read.iter().find(|&&r| self.number(r).is_infinite()) {
                Some(&before) => of = before,
                None => return self.operation(index),
            }
        }
    }

    fn number(&self, r: Ref) -> f64 {
        self.trace.number(r, self.values)
    }

    fn operands(&self, index: usize) -> Vec<Ref> {
        let op = self.trace.operations[index];
        match op.prim {
            Prim::Block => {
                let block = self.trace.block_at(index);
                [self.trace.refs_of(block.a), self.trace.refs_of(block.b)].concat()
            }
            Prim::Part => Vec::new(),
            prim if prim.operands() == 1 => vec![op.a],
            _ => vec![op.a, op.b],
        }
    }

    fn operation(&self, index: usize) -> Origin {
        let prim = self.trace.operations[index].prim;
        let name = match prim {
            Prim::Block => match self.trace.block_at(index).block {
                Some(block) => block.name().to_owned(),
                None => "gather".to_owned(),
            },
            // As programs call them.
            Prim::Neg => "-".to_owned(),
            Prim::Ln => "log".to_owned(),
            prim => prim.to_string(),
        };
        let operands = self.operands(index);
        let inputs = self.trace.inputs as usize;
        let place = self.places.get(index).copied().unwrap_or(0);
        let results = self.values[inputs + index..].iter();
        let made = match prim {
            Prim::Block => self.trace.block_at(index).length as usize,
            _ => 1,
        };
        let mut results = results.take(made).copied();
        let value = results.clone().find(|y| y.is_nan());
        let value = value.or_else(|| results.find(|y| !y.is_finite()));
        Origin {
            operands: operands.iter().map(|&r| self.number(r)).collect(),
            value: value.unwrap_or(self.values[inputs + index]),
            ..self.origin(OriginSort::Operation, name, self.model.span_of_place(place))
        }
    }

    /// What an input of the trace, or a constant that it does not know, is.
    fn given(&self, r: Ref) -> Origin {
        let (sort, name, span) = match (r.is_node(), self.names.get(r.index())) {
            (true, Some(name)) => (OriginSort::Input, name.clone(), None),
            (true, None) => {
                let literal = self.literals.get(r.index() - self.names.len());
                let span = literal.map(|literal| literal.1);
                let text = span.map_or("", |span| span.text(&self.model.inner.whole));
                (OriginSort::Literal, text.to_owned(), span)
            }
            (false, _) => (OriginSort::Literal, "a constant".to_owned(), None),
        };
        Origin {
            value: self.number(r),
            ..self.origin(sort, name, span)
        }
    }

    fn origin(&self, sort: OriginSort, name: String, span: Option<Span>) -> Origin {
        let whole = &self.model.inner.whole;
        let part = span.and_then(|span| place_in(&self.model.inner.parts, span));
        let position = match part {
            Some((part, own)) => Some(own.position(part.span.text(whole))),
            None => span.map(|span| span.position(whole)),
        };
        Origin {
            sort,
            name,
            operands: Vec::new(),
            value: f64::NAN,
            cotangent: None,
            by: None,
            model: part.map(|(part, _)| part.name.to_string()),
            position,
            text: span.map(|span| span.text(whole).to_owned()),
            span,
        }
    }
}

#[derive(Clone, Copy)]
enum Found {
    /// An input of the trace, or a constant.
    Given(Ref),
    Operation(usize),
}

/// A number as people know it.
fn written(x: f64) -> String {
    match x {
        x if x.is_nan() => "NaN".into(),
        x if x.is_infinite() => if x > 0.0 { "inf" } else { "-inf" }.into(),
        x => format!("{x:?}"),
    }
}

impl Origin {
    /// `` `-` of inf and inf ``
    fn says(&self) -> String {
        let mut operands: Vec<String> = self
            .operands
            .iter()
            .take(SHOWN)
            .map(|&x| written(x))
            .collect();
        if self.operands.len() > SHOWN {
            operands.push(format!("{} more", self.operands.len() - SHOWN));
        }
        let last = operands.pop().unwrap_or_default();
        let operands = if operands.is_empty() {
            last
        } else {
            format!("{} and {last}", operands.join(", "))
        };
        let name = &self.name;
        match self.sort {
            OriginSort::Input => format!("the input `{name}` is {}", written(self.value)),
            OriginSort::Literal => format!("the number `{name}` of the text"),
            OriginSort::Operation => format!("`{name}` of {operands}"),
            OriginSort::Derivative => {
                let by = match (self.operands.len(), self.by) {
                    (2, Some(0)) => " by the first",
                    (2, Some(1)) => " by the second",
                    _ => "",
                };
                let times = self.cotangent.map_or_else(String::new, |ct| {
                    format!(", times {} from what is computed with it", written(ct))
                });
                format!("the derivative of `{name}` of {operands}{by}{times}")
            }
        }
    }
}

impl NotFinite {
    /// Whether all numbers were finite, and all derivatives.
    pub fn is_clean(&self) -> bool {
        self.first.is_none() && self.derivative.is_none()
    }

    /// The account as the command line shows it: each origin with its place in the text, which is called
    /// `name`.
    pub fn shown(&self, name: &str, colors: bool) -> String {
        let mut out = String::new();
        let word = |origin: &Origin| {
            if origin.value.is_nan() {
                "NaN"
            } else {
                "infinity"
            }
        };
        if let Some(first) = &self.first {
            let _ = writeln!(
                out,
                "the first {}: {}",
                word(first),
                printable(&first.says())
            );
            self.place(first, name, colors, &mut out);
        }
        if let Some(inf) = &self.led_by {
            let value = written(inf.value);
            let _ = writeln!(out, "led to by {value}: {}", printable(&inf.says()));
            self.place(inf, name, colors, &mut out);
        }
        if let Some(derivative) = &self.derivative {
            let value = written(derivative.value);
            let says = derivative.says();
            let _ = writeln!(
                out,
                "the first derivative that is {value}: {}",
                printable(&says)
            );
            self.place(derivative, name, colors, &mut out);
        }
        if self.is_clean() {
            out.push_str("no NaN, no infinity and no derivative that is either\n");
        }
        if !self.is_whole {
            let _ = writeln!(
                out,
                "the run is longer than the {OPERATIONS} operations that are looked at"
            );
        }
        out
    }

    fn place(&self, origin: &Origin, name: &str, colors: bool, out: &mut String) {
        let Some(span) = origin.span else {
            return;
        };
        if let Some((part, span)) = place_in(&self.parts, span) {
            let name = format!("<model {}>", part.name);
            let text = part.span.text(&self.text);
            let of = NamedText { name: &name, text };
            snippet(Severity::Warning, of, span, colors, out);
        } else {
            let text = match self.parts.first() {
                Some(part) => &self.text[..part.span.start as usize - 1],
                None => &self.text,
            };
            snippet(
                Severity::Warning,
                NamedText { name, text },
                span,
                colors,
                out,
            );
        }
    }
}

impl fmt::Display for NotFinite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown("<program>", false))
    }
}
