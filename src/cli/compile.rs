//! `dmci compile`: programs, and the interpreter itself, as files.
//!
//! A program's text goes in, its graph comes out as an `.ncg` file; with `--interpreter`, the graph
//! of the evaluator that this program was built with.
//!
//! **Invariants**
//! - A file is written whole or not at all; nothing is written of a program at fault.
//! - What is no regular file (`/dev/null`, a pipe) is written to and never replaced.

use super::cautions::cautions_without_inputs;
use super::limits::LimitArgs;
use super::program::{Loaded, ProgramArgs};
use super::report::{self, Failure};
use crate::graph::{Graph, ncg};
use crate::syntax::Goal;
use crate::{Interpreter, compile_interpreter};
use clap::Args;
use std::path::{Path, PathBuf};

/// Compile a program, or the interpreter, to a file
#[derive(Args, Debug)]
#[command(mut_group("ProgramArgs", |group| group.required(false)), after_help = "\
Examples:
  dmci compile model.scm -o model.ncg
  dmci run model.ncg --input x=1
  dmci compile --interpreter -o interpreter.ncg
  dmci run model.scm --interpreter interpreter.ncg")]
pub(super) struct Compile {
    #[command(flatten)]
    program: Option<ProgramArgs>,

    /// Compile the interpreter from the sources that dmci was built with
    #[arg(long, conflicts_with = "ProgramArgs")]
    interpreter: bool,

    /// File to write; `-` for standard output
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,

    #[command(flatten)]
    limits: LimitArgs,
}

impl Compile {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let Some(program) = &self.program else {
            if !self.interpreter {
                let message = "give a FILE with a program to compile, or --interpreter";
                return Err(Failure::Usage(message.into()));
            }
            let interpreter = compile_interpreter().map_err(|e| Failure::Data(e.to_string()))?;
            return self.write(interpreter.graph());
        };
        let limits = self.limits.limits();
        let source = match program.load(&limits)? {
            Loaded::Text(source) => source,
            Loaded::Compiled(..) => {
                return Err(Failure::Data("this program is compiled already".into()));
            }
        };
        let interpreter = Interpreter::embedded().within(&limits);
        let expanded = interpreter
            .expand(&source.text, &[], Goal::Value)
            .map_err(Failure::of(&source))?;
        Interpreter::check_compiles(&expanded).map_err(Failure::of(&source))?;
        let cautions = cautions_without_inputs(&expanded, &interpreter);
        report::cautions(&cautions, &source);
        let graph = interpreter.build(&expanded, &[]);
        self.write(&graph.map_err(Failure::of(&source))?)
    }

    fn write(&self, graph: &Graph) -> Result<(), Failure> {
        let path = self.output.as_path();
        if path.as_os_str() == "-" {
            return report::print(&ncg::write(graph));
        }
        match std::fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => Err(Failure::Data(format!(
                "{}: a directory; name a file in it",
                path.display()
            ))),
            Ok(metadata) if !metadata.is_file() => write_to(path, &ncg::write(graph)),
            _ => ncg::save(graph, path).map_err(|error| Failure::file(path, &error)),
        }
    }
}

/// Writes to a device or a pipe.
fn write_to(path: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text).map_err(|error| match error.kind() {
        std::io::ErrorKind::BrokenPipe => Failure::ClosedPipe,
        _ => Failure::Data(format!("{}: cannot be written: {error}", path.display())),
    })
}
