//! A program as the stages of the compiler see it, and its runs paused on their way: for pages that show
//! them.
//!
//! **Invariants**
//! - Each listing's text is what `dmci show` prints of the stage.
//! - A paused run is a walk of its own: the model's paths stay as they are.

use super::interpreter::{Interpreter, normal_form};
use super::{Error, Model, Prepared};
use crate::model::bindings::Bindings;
use crate::paths::Workspace;
use crate::source::Listing;
use crate::symbol::Symbols;
use crate::syntax::{Goal, ReadOptions, core_forms, read};
use crate::walk::{Limits, Pause, Paused, walk_until};
use serde::Serialize;

/// A program as text, stage by stage, each part with its place in the program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Stages {
    /// The text as data, one datum a line.
    pub datum: Listing,
    /// Core forms, every derived form expanded.
    pub core: Listing,
    /// Administrative normal form, each step named.
    pub anf: Listing,
    /// The graph that direct mode runs.
    pub graph: Listing,
}

impl Interpreter {
    /// A program with inputs of the given names, as each stage sees it.
    ///
    /// ```
    /// use dmci::Interpreter;
    ///
    /// let text = "(* a (square x))";
    /// let stages = Interpreter::embedded().stages(text, &["a", "x"])?;
    /// assert_eq!(stages.core.text, "(* a (square x))\n");
    /// let mark = stages.anf.marks[0];
    /// assert_eq!(mark.part.text(&stages.anf.text), "v0 = square input:x");
    /// assert_eq!(mark.from.text(text), "(square x)");
    /// # Ok::<(), dmci::Error>(())
    /// ```
    ///
    /// # Errors
    /// Whatever is wrong with the program's syntax, with its place.
    pub fn stages(&self, text: &str, inputs: &[&str]) -> Result<Stages, Error> {
        let mut symbols = Symbols::new();
        let datum = read(text, &mut symbols, ReadOptions::default())?.list(&symbols);
        let program = self.expand(text, inputs, Goal::Value)?;
        Self::check_compiles(&program)?;
        Ok(Stages {
            datum,
            core: core_forms::print(&program),
            anf: normal_form(&program, inputs, &self.meter())?.print(&program),
            graph: self.build(&program, inputs)?.list(),
        })
    }
}

impl Model {
    /// Runs the program on `bindings` up to a pause, and gives where it is and what it has written to the
    /// heap.
    ///
    /// ```
    /// use dmci::{Bindings, Interpreter, Limits, Mode, Pause, Workspace};
    ///
    /// let (text, inputs) = ("(cons 1 (cons (+ x 1) (quote ())))", Bindings::from([("x", 2.5)]));
    /// let model = Interpreter::embedded().model_for(text, &inputs, Mode::Direct)?;
    /// let mut workspace = Workspace::new();
    /// let mut paused = |after| {
    ///     model.paused(&inputs, Pause::Applications(after), &Limits::default(), &mut workspace)
    /// };
    /// assert_eq!(paused(1)?.span.unwrap().text(text), "(cons (+ x 1) (quote ()))");
    /// let ended = paused(10)?;
    /// assert_eq!(ended.value.unwrap().to_scheme(), "(1 3.5)");
    /// let kinds: Vec<_> = ended.cells.iter().map(|cell| cell.kind).collect();
    /// assert_eq!(kinds, ["float", "nil", "int", "pair"]);
    /// # Ok::<(), dmci::Error>(())
    /// ```
    ///
    /// # Errors
    /// When the program fails or a limit is met before; when the model is for the reference engine.
    pub fn paused(
        &self,
        bindings: &Bindings,
        pause: Pause,
        limits: &Limits,
        workspace: &mut Workspace,
    ) -> Result<Paused, Error> {
        let given = self.given_once(bindings)?;
        let Workspace {
            memory, recorder, ..
        } = workspace;
        let mut paused = self.with_job(&given, limits, |job| {
            walk_until(job, pause, memory, recorder)
        })?;
        if let (Prepared::Core { .. }, Some(interpreter), Some(function)) = (
            &self.inner.prepared,
            &self.inner.interpreter,
            paused.function,
        ) {
            let function = interpreter.graph().functions.get(function as usize);
            paused.name = function.map_or(String::new(), |function| function.name.clone());
        }
        Ok(paused)
    }
}
