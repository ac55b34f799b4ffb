//! `evaluate_many`: a corpus of programs, each another, evaluated in parallel.
//!
//! Program texts and one set of bindings go in; for each program its value, with its gradient where
//! one is asked for, or its error comes out, in the order of the programs.
//!
//! **Invariants**
//! - A program gives what it would give alone, to the bit, on any number of threads: nothing is
//!   shared but the interpreter, which never changes.
//! - A program that is wrong, or fails, is an error in its own place and leaves the others as they
//!   are.
//! - There are never more workspaces than programs under way at once; each serves one program after
//!   the other.

use super::error::Error;
use crate::model::bindings::{Bindings, Wrt};
use crate::model::gradient::Evaluation;
use crate::model::interpreter::{Interpreter, Mode};
use crate::paths::Workspace;
use crate::threads::{Threads, in_tasks};
use crate::walk::{Limits, Output};

/// What [`Interpreter::evaluate_many_with`] asks of each program.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Request<'a> {
    /// What to differentiate by.
    pub wrt: Wrt<'a>,
    /// How the programs are run.
    pub mode: Mode,
    /// The limits of each program; a deadline is the same moment for all.
    pub limits: Limits,
    /// Who shares the programs.
    pub threads: Threads,
}

impl<'a> Request<'a> {
    /// The same with gradients by some names.
    #[must_use]
    pub fn wrt(mut self, wrt: Wrt<'a>) -> Self {
        self.wrt = wrt;
        self
    }

    /// The same in a mode.
    #[must_use]
    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// The same within limits.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The same with so many threads, or others.
    #[must_use]
    pub fn threads(mut self, threads: impl Into<Threads>) -> Self {
        self.threads = threads.into();
        self
    }
}

impl Interpreter {
    /// Evaluates many programs with the same inputs, on all threads. Nothing is
    /// compiled for a program, and nothing is kept of it.
    ///
    /// ```
    /// use dmci::{Bindings, Interpreter, Kind};
    ///
    /// let interpreter = Interpreter::embedded();
    /// let programs = ["(* a a)", "(+ a", "(exp (- a 3))", "(car a)"];
    /// let values = interpreter.evaluate_many(&programs, &Bindings::from([("a", 3.0)]));
    /// assert_eq!(values[0].as_ref().unwrap().number(), Some(9.0));
    /// assert_eq!(values[1].as_ref().unwrap_err().kind(), Kind::Syntax);
    /// assert_eq!(values[2].as_ref().unwrap().number(), Some(1.0));
    /// assert_eq!(values[3].as_ref().unwrap_err().kind(), Kind::Type);
    /// ```
    pub fn evaluate_many<S: AsRef<str> + Sync>(
        &self,
        programs: &[S],
        bindings: &Bindings,
    ) -> Vec<Result<Output, Error>> {
        let request = Request::default();
        each(programs, &request.threads, |program, workspace| {
            let model = self.model_for(program, bindings, request.mode)?;
            model.value_once(bindings, &request.limits, workspace)
        })
    }

    /// The same with gradients, in any mode and within any limits.
    ///
    /// ```
    /// use dmci::{Bindings, Interpreter, Request, Wrt};
    ///
    /// let interpreter = Interpreter::embedded();
    /// let request = Request::default().wrt(Wrt::Names(&["a"]));
    /// let programs = ["(* a a)", "(exp (- a 3))"];
    /// let bindings = Bindings::from([("a", 3.0)]);
    /// let slopes: Result<Vec<_>, dmci::Error> = interpreter
    ///     .evaluate_many_with(&programs, &bindings, &request)
    ///     .into_iter()
    ///     .map(|evaluation| Ok(evaluation?.gradient.get("a")))
    ///     .collect();
    /// assert_eq!(slopes?, [Some(6.0), Some(1.0)]);
    /// # Ok::<(), dmci::Error>(())
    /// ```
    pub fn evaluate_many_with<S: AsRef<str> + Sync>(
        &self,
        programs: &[S],
        bindings: &Bindings,
        request: &Request<'_>,
    ) -> Vec<Result<Evaluation, Error>> {
        each(programs, &request.threads, |program, workspace| {
            let model = self.model_for(program, bindings, request.mode)?;
            model.evaluate(bindings, request.wrt, &request.limits, workspace)
        })
    }
}

/// Does something with each program; the results are in the order of the programs.
fn each<S: AsRef<str> + Sync, T: Send>(
    programs: &[S],
    threads: &Threads,
    run: impl Fn(&str, &mut Workspace) -> T + Sync,
) -> Vec<T> {
    let run = |program: &S, workspace: &mut Workspace| run(program.as_ref(), workspace);
    in_tasks(programs.iter().collect(), threads, &mut Vec::new(), &run)
}
