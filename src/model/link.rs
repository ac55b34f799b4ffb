//! Models that call models: what a program's `(model "name" …)` stands for.
//!
//! A program goes in with the models that it calls, itself and through others; it comes out linked, as one
//! program. What fails in a model that is called is told with its name and its own places.
//!
//! **Invariants**
//! - A program that was linked keeps the models it was linked with, whatever the registry does.
//! - A model is linked once to a program, however many call it.
//! - Models that call one another in a circle are refused.

use super::callees::Callees;
use super::error::Error;
use super::interpreter::{Callable, Interpreter};
use super::registry::Registry;
use super::{Literal, Mode, Model};
use crate::error::{CalledModel, Kind, cut};
use crate::source::{Position, Span};
use crate::syntax::link::{Module, link, place_in};
use crate::syntax::{ExpandError, Goal, Program};
use crate::walk::EvalError;
use std::sync::Arc;

/// How many models of a circle a message tells.
const NAMES: usize = 8;

/// `` `a` calls `b` calls `a` ``: a circle, told from `first` on where that is of it.
fn in_words(mut circle: Vec<Arc<str>>, first: Option<&str>) -> String {
    circle.pop();
    if let Some(at) = circle.iter().position(|name| Some(&**name) == first) {
        circle.rotate_left(at);
    }
    circle.extend(circle.first().cloned());
    let last = circle.len().saturating_sub(1);
    let told = circle.iter().enumerate();
    let told = told.filter(|&(at, _)| at < NAMES || at == last);
    let mut circle: Vec<String> = told.map(|(_, name)| format!("`{}`", cut(name))).collect();
    if last > NAMES {
        circle.insert(NAMES, format!("{} others", last - NAMES));
    }
    format!(
        "{}, and a model cannot call itself; let one of them take what it needs of the others as arguments",
        circle.join(" calls ")
    )
}

impl Interpreter {
    /// The same interpreter, for programs that call the models of a registry by their names: `(model
    /// "decay" x)` is the value of the model `decay` at its inputs, in the order of [`Model::inputs`] and
    /// without its params.
    ///
    /// A program is linked when it is prepared, with the models that there are then, and goes on with them.
    /// Who wants models that are swapped later to be called at once puts the program into the registry, too:
    /// [`Registry::get`] gives it linked with what there is.
    ///
    /// ```
    /// use dmci::{Bindings, Interpreter, Registry, Workspace, Wrt};
    ///
    /// let registry = Registry::new();
    /// let interpreter = Interpreter::embedded().with_models(&registry);
    /// registry.insert("decay", interpreter.model("(param k 0.5) (exp (* (- k) t))")?);
    /// let model = interpreter.model("(* a (model \"decay\" (/ t 2.0)))")?;
    ///
    /// let inputs = Bindings::from([("a", 3.0), ("t", 0.0)]);
    /// // The callee's param is a constant, which can be asked for all the same.
    /// let wrt = Wrt::Names(&["a", "t", "decay/k"]);
    /// let (y, by) = model.value_and_grad(&inputs, wrt, &mut Workspace::new())?;
    /// assert_eq!(y.number(), Some(3.0));
    /// assert_eq!([by.get("a"), by.get("t"), by.get("decay/k")], [Some(1.0), Some(-0.75), Some(0.0)]);
    /// # Ok::<(), dmci::Error>(())
    /// ```
    #[must_use]
    pub fn with_models(&self, registry: &Registry) -> Self {
        Self {
            callable: Callable::Live(registry.clone()),
            ..self.clone()
        }
    }

    /// Links a program of this interpreter, expanded for a mode and inputs of some names.
    pub(super) fn link(
        &self,
        program: Program,
        inputs: &[String],
        mode: Mode,
        callees: &Callees,
        name: Option<&str>,
    ) -> Result<Program, Error> {
        let order = callees.order(&program.called()).map_err(|circle| {
            // The call that leads there first.
            let leads = |name: &Arc<str>| {
                let below = callees.order(std::slice::from_ref(name));
                below.is_err()
            };
            let callee = program.callees.iter().find(|callee| leads(&callee.name));
            Error::Expand(ExpandError {
                kind: Kind::Unsupported,
                message: in_words(circle, name),
                span: callee.map_or(Span::default(), |callee| callee.span),
                also: Vec::new(),
            })
        })?;
        let mut modules = Vec::with_capacity(order.len());
        for name in order {
            let model = &callees.found[&name];
            if model.interpreter().is_none() {
                return Err(Error::Request(format!(
                    "the model `{name}` is a compiled program, which cannot be called; insert the model of \
                     its text"
                )));
            }
            let given = model.given();
            let expanded = self.expand_alone(model.text(), &given, mode, Goal::Value);
            let program = expanded.map_err(|error| {
                if error.kind() == Kind::Resource {
                    return error;
                }
                let name = cut(&name);
                Error::Request(format!("the model `{name}` cannot be called: {error}"))
            })?;
            let arguments = model
                .inputs()
                .iter()
                .filter(|input| !model.has_param(input));
            modules.push(Module {
                arguments: arguments.cloned().collect(),
                name,
                program,
            });
        }
        let missing = |name: &str| callees.missing(name);
        link(program, modules, inputs, &missing).ok_or_else(|| {
            Error::Request("the program and the models that it calls are longer than 4 GiB".into())
        })
    }
}

impl Model {
    /// The models that its program calls itself, by their names, in the order of the first calls.
    pub fn calls(&self) -> &[Arc<str>] {
        &self.inner.calls
    }

    fn has_param(&self, name: &str) -> bool {
        self.inner.params.iter().any(|param| param.name == name)
    }

    /// What a name of `wrt` stands for in a model that is called: `decay/k` is its param `k`, `decay@1:4` the
    /// literal at that place of its text.
    pub(super) fn constant_of_callee(&self, name: &str) -> Option<Literal> {
        self.inner.parts.iter().find_map(|part| {
            let rest = name.strip_prefix(&*part.name)?;
            if let Some(param) = rest.strip_prefix('/') {
                let found = part.params.iter().find(|(name, ..)| name == param);
                let &(_, span, value) = found?;
                return Some(Literal { span, value });
            }
            let (line, column) = rest.strip_prefix('@')?.split_once(':')?;
            let position = Position {
                line: line.parse().ok()?,
                column: column.parse().ok()?,
            };
            let start = position.offset(part.span.text(&self.inner.whole))?;
            let start = start + part.span.start;
            let mut literals = self.inner.literals.iter();
            literals
                .find(|literal| literal.span.start == start)
                .copied()
        })
    }

    /// Whether a name of `wrt` means a constant of a model that is called.
    pub(crate) fn is_of_callee(&self, name: &str) -> bool {
        !name.starts_with('@')
            && !self.inner.places.contains_key(name)
            && self.constant_of_callee(name).is_some()
    }

    /// An error with its places in the texts that they are of.
    pub(super) fn placed(&self, mut error: EvalError) -> EvalError {
        if self.inner.parts.is_empty() {
            return error;
        }
        if let Some((part, span)) = error
            .span
            .and_then(|span| place_in(&self.inner.parts, span))
        {
            let text = part.span.text(&self.inner.whole);
            error.span = Some(span);
            error.position = Some(span.position(text));
            error.message = format!("{}, in the model `{}`", error.message, part.name);
            error.model = Some(Box::new(CalledModel {
                name: part.name.clone(),
                text: text.into(),
            }));
        }
        for call in &mut error.calls {
            if let Some(model) = called(call.span.text(&self.inner.whole)) {
                call.name = model;
            }
            if let Some((part, span)) = place_in(&self.inner.parts, call.span) {
                call.span = span;
                call.position = span.position(part.span.text(&self.inner.whole));
                call.model = Some(part.name.clone());
            }
        }
        error
    }

    /// The same program linked with other models.
    pub(super) fn linked_with(&self, callees: Arc<Callees>, name: &str) -> Result<Self, Error> {
        let Some(interpreter) = self.interpreter() else {
            return Ok(self.clone());
        };
        let given = self.given();
        let made =
            interpreter.prepare_with(self.text(), &given, self.mode(), callees, Some(name))?;
        made.inner.paths.keep_as(&self.inner.paths);
        Ok(Self {
            inner: made.inner,
            relaxation: self.relaxation,
            threads: self.threads.clone(),
        })
    }
}

/// What a call of a model is called in a chain of calls; none of another call.
fn called(application: &str) -> Option<String> {
    let rest = application.strip_prefix("(model")?.trim_start();
    let name = rest.strip_prefix('"')?.split('"').next()?;
    Some(format!("model \"{name}\""))
}
