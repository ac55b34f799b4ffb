//! `dmci info`: what there is to know of the interpreter and of a program before it runs.
//!
//! Nothing, an `.ncg` file or a program goes in; a summary comes out.
//!
//! **Invariants**
//! - Nothing runs.
//! - Literals are named as `wrt` names them.

use super::cautions::{Caution, cautions_without_inputs};
use super::program::{Loaded, ProgramArgs, interpreter};
use super::report::{self, Failure, Source};
use crate::Interpreter;
use crate::graph::{Graph, GraphConstant, ncg};
use crate::source::{Position, Span};
use crate::syntax::ast::{Constant, Expr};
use crate::syntax::{Constraint, DataMatrix, Goal, Noise, Observation, Param, Program};
use crate::verify::Certificate;
use crate::walk::output::{json_number, json_string};
use clap::Args;
use std::fmt::Write;
use std::path::PathBuf;

/// Print what is known of the interpreter, and of a program before it runs
#[derive(Args, Debug)]
#[command(mut_group("ProgramArgs", |group| group.required(false)), after_help = "\
Examples:
  dmci info
  dmci info model.scm
  dmci info model.ncg --json")]
pub(super) struct Info {
    #[command(flatten)]
    program: Option<ProgramArgs>,

    /// Interpreter to look at, as `dmci compile --interpreter` writes it
    #[arg(long, value_name = "FILE")]
    interpreter: Option<PathBuf>,

    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Info {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let mut machine = None;
        let mut summary = None;
        match self.program.as_ref().map(ProgramArgs::load).transpose()? {
            None => {}
            Some(Loaded::Text(source)) => {
                let interpreter = interpreter(self.interpreter.as_deref())?;
                summary = Some(Summary::of_text(&source, &interpreter)?);
                machine = Some(interpreter);
            }
            Some(Loaded::Compiled(graph, source)) => {
                match Interpreter::from_graph((*graph).clone()) {
                    Ok(interpreter) => machine = Some(interpreter),
                    Err(_) => summary = Some(Summary::of_graph(&graph, source)),
                }
            }
        }
        let machine = match machine {
            Some(machine) => machine,
            None => interpreter(self.interpreter.as_deref())?,
        };
        let machine = Compiled::of(machine.graph());
        report::print(&if self.json {
            json(&machine, summary.as_ref())
        } else {
            text(&machine, summary.as_ref())
        })
    }
}

/// What is known of a graph.
struct Compiled {
    nodes: usize,
    functions: usize,
    bytes: usize,
    hash: String,
}

impl Compiled {
    fn of(graph: &Graph) -> Self {
        Self {
            nodes: graph.nodes.len(),
            functions: graph.functions.len(),
            bytes: ncg::write(graph).len(),
            hash: ncg::hash(graph),
        }
    }

    fn json(&self) -> String {
        let mut out = format!(
            "{{\"nodes\":{},\"functions\":{},\"bytes\":{},\"hash\":",
            self.nodes, self.functions, self.bytes
        );
        json_string(&self.hash, &mut out);
        out.push('}');
        out
    }
}

/// What is known of a program.
struct Summary {
    source: Source,
    inputs: Vec<String>,
    params: Vec<Param>,
    /// Unknown for a compiled program, which keeps none.
    observations: Option<Vec<Observation>>,
    /// Likewise.
    matrices: Option<Vec<DataMatrix>>,
    literals: Vec<(Position, f64)>,
    cautions: Vec<Caution>,
    graph: Compiled,
    /// What a compiled program carries, or what is wrong with it.
    certificate: Option<Result<Certificate, String>>,
}

impl Summary {
    fn of_text(source: &Source, interpreter: &Interpreter) -> Result<Self, Failure> {
        let program = interpreter
            .expand(&source.text, &[], Goal::Value)
            .map_err(Failure::of(source))?;
        let params = program.params().to_vec();
        let names = program.free_names().map(|(name, _)| name);
        let inputs = names.filter(|name| params.iter().all(|param| param.name != *name));
        let inputs: Vec<String> = inputs.map(str::to_owned).collect();
        let cautions = cautions_without_inputs(&program, interpreter);
        Ok(Self {
            source: source.clone(),
            inputs,
            observations: Some(program.observations().to_vec()),
            matrices: Some(program.matrices().to_vec()),
            literals: literals_of(&program),
            cautions,
            graph: Compiled::of(&interpreter.build(&program, &[])),
            certificate: None,
            params,
        })
    }

    fn of_graph(graph: &Graph, source: Source) -> Self {
        let is_param = |name: &String| graph.params.iter().any(|param| param.name == *name);
        Self {
            source,
            inputs: graph
                .inputs
                .iter()
                .filter(|name| !is_param(name))
                .cloned()
                .collect(),
            params: graph.params.clone(),
            observations: None,
            matrices: None,
            literals: literals_of_graph(graph),
            cautions: Vec::new(),
            graph: Compiled::of(graph),
            certificate: Certificate::of_graph(graph)
                .map_err(|error| error.to_string())
                .transpose(),
        }
    }

    fn place(&self, caution: &Caution) -> Option<Position> {
        caution.span.map(|span| span.position(&self.source.text))
    }
}

fn text(machine: &Compiled, summary: Option<&Summary>) -> String {
    let mut out = format!("dmci         {}\n", env!("CARGO_PKG_VERSION"));
    let _ = writeln!(
        out,
        "interpreter  {} nodes, {} functions, {} bytes\n             {}",
        machine.nodes, machine.functions, machine.bytes, machine.hash
    );
    let Some(summary) = summary else { return out };
    let graph = &summary.graph;
    let _ = writeln!(
        out,
        "\n{}\n  graph  {} nodes, {} functions, {} bytes\n         {}",
        summary.source.file(),
        graph.nodes,
        graph.functions,
        graph.bytes,
        graph.hash
    );
    section("inputs", summary.inputs.clone(), &mut out);
    let params = summary.params.iter().map(|param| {
        let range = constraint_text(param.constraint);
        format!("{} = {:?}{range}", param.name, param.init)
    });
    section("params", params.collect(), &mut out);
    section("certificate", certificate_text(summary), &mut out);
    let observations = summary.observations.iter().flatten().map(|observation| {
        let position = observation.span.position(&summary.source.text);
        let columns = observation.columns.join(", ");
        let rows = if observation.by_row {
            ", row by row"
        } else {
            ""
        };
        format!(
            "{columns} with {} noise{rows}, at {position}",
            noise_text(observation.noise)
        )
    });
    section("observations", observations.collect(), &mut out);
    let matrices = summary.matrices.iter().flatten();
    let matrices =
        matrices.map(|matrix| format!("{} = {}", matrix.name, matrix.columns.join(", ")));
    section("data matrices", matrices.collect(), &mut out);
    let literals = summary
        .literals
        .iter()
        .map(|(position, value)| format!("@{position} = {value:?}"));
    section("literals", literals.collect(), &mut out);
    let warnings = summary
        .cautions
        .iter()
        .map(|caution| match summary.place(caution) {
            Some(position) => format!("{position}: {}", caution.message),
            None => caution.message.clone(),
        });
    section("warnings", warnings.collect(), &mut out);
    out
}

/// The verdict of a certificate, and the derivatives it is about.
fn certificate_text(summary: &Summary) -> Vec<String> {
    match &summary.certificate {
        None => Vec::new(),
        Some(Err(message)) => vec![message.clone()],
        Some(Ok(certificate)) => {
            let verdict = certificate.verdict.name();
            let names = certificate.constants.iter().map(|c| c.name.as_str());
            let names: Vec<&str> = names.collect();
            let constants = certificate.constants.iter();
            let worst = constants.map(|c| c.largest_difference).fold(0.0, f64::max);
            vec![
                format!("{verdict}, by {}", certificate.generator),
                format!("derivatives by {}", names.join(", ")),
                format!("largest difference {worst:.1e}"),
            ]
        }
    }
}

fn section(title: &str, lines: Vec<String>, out: &mut String) {
    if lines.is_empty() {
        return;
    }
    let _ = writeln!(out, "  {title}");
    for line in lines {
        let _ = writeln!(out, "    {line}");
    }
}

fn noise_text(noise: Noise) -> &'static str {
    match noise {
        Noise::Normal => "normal",
        Noise::Lognormal => "lognormal",
    }
}

fn constraint_text(constraint: Constraint) -> String {
    match constraint {
        Constraint::Free => String::new(),
        Constraint::Above(low) => format!(", > {low}"),
        Constraint::Below(high) => format!(", < {high}"),
        Constraint::Between(low, high) => format!(", between {low} and {high}"),
    }
}

fn json(machine: &Compiled, summary: Option<&Summary>) -> String {
    let mut out = String::from("{\"version\":");
    json_string(env!("CARGO_PKG_VERSION"), &mut out);
    let _ = write!(out, ",\"interpreter\":{}", machine.json());
    if let Some(summary) = summary {
        out.push_str(",\"program\":");
        summary_json(summary, &mut out);
    }
    out.push_str("}\n");
    out
}

fn summary_json(summary: &Summary, out: &mut String) {
    let _ = write!(out, "{{\"graph\":{},\"inputs\":", summary.graph.json());
    list(&summary.inputs, out, |name, out| json_string(name, out));
    out.push_str(",\"params\":");
    list(&summary.params, out, |param, out| {
        out.push_str("{\"name\":");
        json_string(&param.name, out);
        out.push_str(",\"init\":");
        json_number(param.init, out);
        let (low, high) = match param.constraint {
            Constraint::Free => (f64::NEG_INFINITY, f64::INFINITY),
            Constraint::Above(low) => (low, f64::INFINITY),
            Constraint::Below(high) => (f64::NEG_INFINITY, high),
            Constraint::Between(low, high) => (low, high),
        };
        out.push_str(",\"above\":");
        json_number(low, out);
        out.push_str(",\"below\":");
        json_number(high, out);
        out.push('}');
    });
    if let Some(observations) = &summary.observations {
        out.push_str(",\"observations\":");
        list(observations, out, |observation, out| {
            out.push_str("{\"columns\":");
            list(&observation.columns, out, |name, out| {
                json_string(name, out);
            });
            let position = observation.span.position(&summary.source.text);
            let _ = write!(
                out,
                ",\"by_row\":{},\"noise\":\"{}\",\"line\":{},\"column\":{}}}",
                observation.by_row,
                noise_text(observation.noise),
                position.line,
                position.column
            );
        });
    }
    if let Some(matrices) = &summary.matrices {
        out.push_str(",\"matrices\":");
        list(matrices, out, |matrix, out| {
            out.push_str("{\"name\":");
            json_string(&matrix.name, out);
            out.push_str(",\"columns\":");
            list(&matrix.columns, out, |name, out| json_string(name, out));
            out.push('}');
        });
    }
    if let Some(Ok(certificate)) = &summary.certificate {
        let _ = write!(out, ",\"certificate\":{}", certificate.to_json());
    }
    out.push_str(",\"literals\":");
    list(&summary.literals, out, |(position, value), out| {
        let _ = write!(out, "{{\"name\":\"@{position}\",\"value\":");
        json_number(*value, out);
        out.push('}');
    });
    out.push_str(",\"warnings\":");
    list(&summary.cautions, out, |caution, out| {
        out.push_str("{\"message\":");
        json_string(&caution.message, out);
        if let Some(position) = summary.place(caution) {
            let _ = write!(
                out,
                ",\"line\":{},\"column\":{}",
                position.line, position.column
            );
        }
        out.push('}');
    });
    out.push('}');
}

fn list<T>(items: &[T], out: &mut String, mut write: impl FnMut(&T, &mut String)) {
    out.push('[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write(item, out);
    }
    out.push(']');
}

/// The float literals of a program: where `wrt` can name them, and their values.
fn literals_of(program: &Program) -> Vec<(Position, f64)> {
    let literals = program.literals.iter();
    let literals = literals.filter_map(|&id| match program.expr(id) {
        Expr::Constant(Constant::Float(value)) => Some((program.span(id), *value)),
        _ => None,
    });
    placed(literals.collect(), program.text())
}

/// The float literals of a compiled program.
fn literals_of_graph(graph: &Graph) -> Vec<(Position, f64)> {
    let literals = graph.constants.iter();
    let literals = literals.filter_map(|constant| match constant {
        GraphConstant::Value(Constant::Float(value), Some(span)) => Some((*span, *value)),
        _ => None,
    });
    placed(literals.collect(), &graph.text)
}

/// Positions for spans, in the order of the text, in one pass over it.
fn placed(mut literals: Vec<(Span, f64)>, text: &str) -> Vec<(Position, f64)> {
    literals.sort_by_key(|(span, _)| span.start);
    let mut position = Position { line: 1, column: 1 };
    let mut chars = text.char_indices().peekable();
    let place = |(span, value): (Span, f64)| {
        while let Some((_, c)) = chars.next_if(|&(at, _)| at < span.start as usize) {
            if c == '\n' {
                position.line += 1;
                position.column = 1;
            } else {
                position.column += 1;
            }
        }
        (position, value)
    };
    literals.into_iter().map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_placed_in_one_pass() {
        let text = "(é\r\n 1.5\t2.5)";
        let at = |part| Span::new(text.find(part).unwrap() as u32, 0);
        let literals = vec![(at("2.5"), 2.5), (at("1.5"), 1.5)];
        let expected = [("1.5", 1.5), ("2.5", 2.5)].map(|(p, x)| (at(p).position(text), x));
        assert_eq!(placed(literals, text), expected);
    }
}
