//! A call prepared: which names are given what, what is differentiated by, and the evaluator for that.
//!
//! **Invariants**
//! - A plan fits a call whose names, forms and `wrt` are its own, in its order; what the numbers are makes no
//!   difference.
//! - A plan is used by one call at a time.

use crate::inputs::{Argument, Form};
use crate::interrupt::{Flag, watched};
use dmci::{Bindings, Error, Evaluator, Input, Limits, Model, Threads};
use pyo3::prelude::*;
use pyo3::types::PyString;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How many calls of different forms are kept prepared.
const MOST: usize = 32;

/// With respect to what derivatives are taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// Nothing.
    Nothing,
    /// All inputs given and all params.
    All,
    /// These names.
    Names(Vec<String>),
}

/// A call prepared.
pub(crate) struct Plan {
    names: Vec<Py<PyString>>,
    forms: Vec<Form>,
    by: By,
    /// The object that `by` was, where it cannot change.
    by_object: Option<Py<PyAny>>,
    /// What derivatives are by, with what each looks like and which argument it is.
    pub(crate) wrt: Vec<(String, Form, Option<usize>)>,
    pub(crate) evaluator: Evaluator,
    /// The axes of a lane's value, once that is known.
    pub(crate) dims: Option<Vec<usize>>,
    /// Whether a value is known to have been something else than a number.
    pub(crate) other: bool,
    pub(crate) watch: Watch,
}

/// What ends a call's lanes early, and how long they take.
pub(crate) struct Watch {
    flag: Flag,
    /// Of one lane, of the last call that had many; none where there was none.
    time: Option<Duration>,
    /// What a handler of signals raised.
    raised: Option<PyErr>,
}

/// How long calls may be whose signals are looked at afterwards: to look meanwhile takes a thread.
const BRIEF: Duration = Duration::from_millis(5);

impl Watch {
    fn new() -> Self {
        Self {
            flag: Flag::new(),
            time: None,
            raised: None,
        }
    }

    /// Runs lanes without the interpreter lock; where they may take long, Ctrl-C ends them.
    pub(crate) fn run<T: Send>(
        &mut self,
        py: Python<'_>,
        lanes: usize,
        run: impl FnOnce() -> T + Send,
    ) -> T {
        let start = Instant::now();
        let count = u32::try_from(lanes).unwrap_or(u32::MAX).max(1);
        let is_brief = self
            .time
            .is_some_and(|time| time.saturating_mul(count) < BRIEF);
        let answer = if is_brief {
            py.detach(run)
        } else {
            // Where no thread is to be had, nothing is watched.
            let mut run = Some(run);
            let work = Mutex::new(&mut run);
            let watched = watched(py, &self.flag, || {
                let run = work.lock().unwrap_or_else(PoisonError::into_inner).take();
                run.map(|run| run())
            });
            match (watched, run) {
                (Ok((Some(answer), raised)), _) => {
                    self.raised = raised;
                    answer
                }
                (_, Some(run)) => py.detach(run),
                (_, None) => unreachable!("work that is taken is done"),
            }
        };
        self.time = Some(start.elapsed() / count);
        answer
    }

    /// What was raised meanwhile.
    ///
    /// # Errors
    /// That.
    pub(crate) fn check(&mut self) -> PyResult<()> {
        self.raised.take().map_or(Ok(()), Err)
    }
}

impl Plan {
    /// Prepares calls with such arguments.
    pub(crate) fn new(
        model: &Model,
        arguments: &[Argument<'_>],
        by: By,
        by_object: Option<Py<PyAny>>,
        limits: &Limits,
        threads: Threads,
    ) -> Result<Self, Error> {
        let mut fixed = Bindings::new();
        let mut names = Vec::with_capacity(arguments.len());
        for argument in arguments {
            let name = argument.name.to_string();
            let input = argument.first().unwrap_or_else(|| {
                // Without lanes any numbers do.
                argument.form.input(&vec![0.0; argument.form.width()])
            });
            if !matches!(input, Input::Number(_)) {
                fixed.set(name.as_str(), input);
            }
            names.push(name);
        }
        let forms: Vec<Form> = arguments.iter().map(|argument| argument.form).collect();
        let wrt: Vec<String> = match &by {
            By::Nothing => Vec::new(),
            By::Names(names) => names.clone(),
            By::All => {
                let params = model.params().iter().map(|param| &param.name);
                let more = params.filter(|name| !names.contains(name));
                names.iter().chain(more).cloned().collect()
            }
        };
        let given: Vec<&str> = names.iter().map(String::as_str).collect();
        let asked: Vec<&str> = wrt.iter().map(String::as_str).collect();
        let watch = Watch::new();
        let limits = limits.interrupt(watch.flag.shared());
        let evaluator = model.evaluator(&fixed, &given, &asked, &limits)?;
        let wrt = wrt.into_iter().map(|name| {
            let at = names.iter().position(|given| *given == name);
            let form = at.map_or(Form::Number, |at| forms[at]);
            (name, form, at)
        });
        Ok(Self {
            wrt: wrt.collect(),
            names: arguments
                .iter()
                .map(|argument| argument.name.clone().unbind())
                .collect(),
            forms,
            by,
            by_object,
            evaluator: evaluator.threads(threads),
            dims: None,
            other: false,
            watch,
        })
    }

    /// Whether it is for these numbers' names and this `wrt`.
    pub(crate) fn fits_numbers(
        &self,
        py: Python<'_>,
        names: &[Bound<'_, PyString>],
        by: &Asked<'_, '_>,
    ) -> bool {
        self.names.len() == names.len()
            && self.asks(by)
            && self.forms.iter().all(|form| *form == Form::Number)
            && self
                .names
                .iter()
                .zip(names)
                .all(|(a, b)| same(a.bind(py), b))
    }

    /// Whether it is for such arguments and this `wrt`.
    pub(crate) fn fits(
        &self,
        py: Python<'_>,
        arguments: &[Argument<'_>],
        by: &Asked<'_, '_>,
    ) -> bool {
        self.names.len() == arguments.len()
            && self.asks(by)
            && self.forms.iter().zip(arguments).all(|(a, b)| *a == b.form)
            && self
                .names
                .iter()
                .zip(arguments)
                .all(|(a, b)| same(a.bind(py), &b.name))
    }

    fn asks(&self, by: &Asked<'_, '_>) -> bool {
        if let (Some(mine), Some(theirs)) = (&self.by_object, by.object)
            && mine.is(theirs)
        {
            return true;
        }
        match by.by.get() {
            Some(by) => *by == self.by,
            None => by.read().is_ok_and(|by| by == self.by),
        }
    }
}

fn same(a: &Bound<'_, PyString>, b: &Bound<'_, PyString>) -> bool {
    a.is(b) || matches!((a.to_cow(), b.to_cow()), (Ok(a), Ok(b)) if a == b)
}

/// What a call differentiates by, read when it is needed.
pub(crate) struct Asked<'a, 'py> {
    pub(crate) object: Option<&'a Bound<'py, PyAny>>,
    by: std::cell::OnceCell<By>,
}

impl<'a, 'py> Asked<'a, 'py> {
    /// Nothing.
    pub(crate) fn nothing() -> Self {
        Self {
            object: None,
            by: By::Nothing.into(),
        }
    }

    /// What an object says: a name, a sequence of names, or None for all.
    pub(crate) fn of(object: &'a Bound<'py, PyAny>) -> Self {
        if object.is_none() {
            return Self {
                object: None,
                by: By::All.into(),
            };
        }
        Self {
            object: Some(object),
            by: std::cell::OnceCell::new(),
        }
    }

    /// These names.
    pub(crate) fn names(names: Vec<String>) -> Self {
        Self {
            object: None,
            by: By::Names(names).into(),
        }
    }

    /// Whether it is one name, whose derivatives are given without it.
    pub(crate) fn is_bare(&self) -> bool {
        self.object
            .is_some_and(PyAnyMethods::is_instance_of::<PyString>)
    }

    /// What it says.
    pub(crate) fn read(&self) -> PyResult<By> {
        if let Some(by) = self.by.get() {
            return Ok(by.clone());
        }
        let by = match self.object {
            None => By::All,
            Some(object) => {
                if let Ok(name) = object.cast::<PyString>() {
                    By::Names(vec![name.to_cow()?.into_owned()])
                } else {
                    let names = object.try_iter();
                    let names = names
                        .and_then(|names| names.map(|name| name?.extract::<String>()).collect());
                    By::Names(names.map_err(|_| {
                        crate::error::request(
                            object.py(),
                            "`wrt` is a name, several names, or None for all inputs and params",
                        )
                    })?)
                }
            }
        };
        Ok(self.by.get_or_init(|| by).clone())
    }

    /// The object, where it stays what it is.
    pub(crate) fn immutable(&self) -> Option<Py<PyAny>> {
        let object = self.object?;
        let fixed = object.is_instance_of::<PyString>()
            || object
                .cast_exact::<pyo3::types::PyTuple>()
                .is_ok_and(|tuple| tuple.iter().all(|item| item.is_instance_of::<PyString>()));
        fixed.then(|| object.clone().unbind())
    }
}

/// Plans that wait for the next call, the latest last.
#[derive(Default)]
pub(crate) struct Plans {
    /// Which process made them: see [`crate::process`].
    generation: u64,
    #[expect(
        clippy::vec_box,
        reason = "plans are large, and go out and back at every call"
    )]
    plans: Vec<Box<Plan>>,
}

impl Plans {
    /// Takes one that fits.
    pub(crate) fn take(&mut self, mut fits: impl FnMut(&Plan) -> bool) -> Option<Box<Plan>> {
        let generation = crate::process::generation();
        if self.generation != generation {
            // Their threads stayed behind in another process, and cannot be ended.
            std::mem::forget(std::mem::take(&mut self.plans));
            self.generation = generation;
        }
        let at = self.plans.iter().rposition(|plan| fits(plan))?;
        Some(self.plans.remove(at))
    }

    /// Keeps one for the next call.
    pub(crate) fn keep(&mut self, plan: Box<Plan>) {
        if self.plans.len() >= MOST {
            self.plans.remove(0);
        }
        self.plans.push(plan);
    }
}
