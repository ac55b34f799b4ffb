//! `dmci show`: a program as each stage sees it.
//!
//! A program goes in; its text as data, its core forms, its normal form, its graph, or the trace of
//! one run and its gradient come out.
//!
//! **Invariants**
//! - Every stage shows what the machines use: names that inputs shadow are inputs here too.
//! - Printing is linear in what is printed and never recurses.

use super::limits::LimitArgs;
use super::program::{InputArgs, Loaded, MachineArgs, Prepared, ProgramArgs, prepare};
use super::report::{self, Failure, Source};
use crate::graph::Graph;
use crate::symbol::Symbols;
use crate::syntax::{Goal, ReadOptions, core_forms, read};
use crate::{Bindings, Limits, Workspace};
use clap::{Args, ValueEnum};

/// Print a program as a stage of the compiler sees it
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  dmci show -e '(let loop ((i 0)) (if (< i 9) (loop (+ i 1)) i))' --stage core
  dmci show model.scm --stage graph --dot | dot -Tsvg > model.svg
  dmci show -e '(if (> x 0) (log x) 0)' --stage trace --input x=2

In core forms a name that begins with % is one that the program cannot use: a temporary, a
primitive whatever its name means in the program, or, as x%2, the second definition of x.")]
pub(super) struct Show {
    #[command(flatten)]
    program: ProgramArgs,

    /// What to print
    #[arg(short, long, value_enum)]
    stage: Stage,

    /// Draw the graph in the language of Graphviz
    #[arg(long)]
    dot: bool,

    #[command(flatten)]
    inputs: InputArgs,
    #[command(flatten)]
    machine: MachineArgs,
    #[command(flatten)]
    limits: LimitArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Stage {
    /// The text as data, one datum a line
    Datum,
    /// Core forms, every derived form expanded
    Core,
    /// Administrative normal form, each step named
    Anf,
    /// The graph that direct mode runs
    Graph,
    /// What a run with these inputs recorded: the operations on numbers and the guards
    Trace,
    /// The same, simplified, with the gradient by all inputs and params as further operations
    Gradient,
}

impl Show {
    pub(super) fn run(&self) -> Result<(), Failure> {
        if self.dot && self.stage != Stage::Graph {
            return Err(Failure::Usage("--dot draws the stage graph alone".into()));
        }
        let limits = self.limits.limits();
        let program = self.program.load(&limits)?;
        let bindings = self.inputs.bindings(&program, &self.machine)?;
        let text = if matches!(self.stage, Stage::Trace | Stage::Gradient) {
            self.trace(&program, &bindings, &limits)?
        } else {
            let names: Vec<&str> = bindings.names().collect();
            match program {
                Loaded::Text(source) => self.text(&source, &names, &limits)?,
                Loaded::Compiled(graph, _) if self.stage == Stage::Graph => self.graph(&graph),
                Loaded::Compiled(..) => {
                    let message = "a compiled program has the stages graph, trace and gradient; give its \
                                   source to see the others";
                    return Err(Failure::Data(message.into()));
                }
            }
        };
        report::print(&text)
    }

    fn text(&self, source: &Source, names: &[&str], limits: &Limits) -> Result<String, Failure> {
        if self.stage == Stage::Datum {
            return data(&source.text).map_err(Failure::of(source));
        }
        let interpreter = self.machine.interpreter()?.within(limits);
        if self.stage == Stage::Anf {
            let text = interpreter.print_anf(&source.text, names);
            return text.map_err(Failure::of(source));
        }
        let program = interpreter
            .expand(&source.text, names, Goal::Value)
            .map_err(Failure::of(source))?;
        Ok(if self.stage == Stage::Core {
            core_forms::print(&program).text
        } else {
            let graph = interpreter.build(&program, names);
            self.graph(&graph.map_err(Failure::of(source))?)
        })
    }

    fn graph(&self, graph: &Graph) -> String {
        if self.dot {
            graph.to_dot()
        } else {
            graph.print()
        }
    }

    fn trace(
        &self,
        program: &Loaded,
        bindings: &Bindings,
        limits: &Limits,
    ) -> Result<String, Failure> {
        let Prepared {
            model,
            source,
            cautions,
        } = prepare(program, bindings, &self.machine, limits)?;
        let workspace = &mut Workspace::new();
        let result = if self.stage == Stage::Trace {
            model.print_trace(bindings, limits, workspace)
        } else {
            model.print_gradient(bindings, limits, workspace)
        };
        report::outcome(result, cautions, &source)
    }
}

/// The data of a text, one a line.
fn data(text: &str) -> Result<String, crate::Error> {
    let mut symbols = Symbols::new();
    let data = read(text, &mut symbols, ReadOptions::default())?;
    Ok(data.list(&symbols).text)
}
