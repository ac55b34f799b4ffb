//! `dmci info`: what there is to know of the interpreter and of a program before it runs.
//!
//! Nothing, an `.ncg` file or a program goes in; a summary comes out.
//!
//! **Invariants**
//! - Nothing runs.
//! - Literals are named as `wrt` names them.

use super::cautions::{Caution, cautions_without_inputs};
use super::fields::{Content, Field, members, told};
use super::json::{self, Object};
use super::limits::LimitArgs;
use super::program::{Loaded, ProgramArgs, interpreter};
use super::report::{self, Failure, Source};
use super::searches::searches;
use crate::Interpreter;
use crate::graph::{Graph, GraphConstant, ncg};
use crate::source::{Position, Span};
use crate::syntax::ast::{Constant, Expr};
use crate::syntax::{
    Amount, Constraint, DataMatrix, Derived, ExprId, Goal, Observation, Param, Prior, Program,
};
use crate::verify::Certificate;
use clap::Args;
use rustc_hash::{FxHashMap, FxHashSet};
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

    #[command(flatten)]
    limits: LimitArgs,
}

impl Info {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let mut machine = None;
        let mut summary = None;
        let limits = self.limits.limits();
        let loaded = self.program.as_ref().map(|program| program.load(&limits));
        match loaded.transpose()? {
            None => {}
            Some(Loaded::Text(source)) => {
                let interpreter = interpreter(self.interpreter.as_deref())?;
                summary = Some(Summary::of_text(&source, &interpreter.within(&limits))?);
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

    /// `12 nodes, 3 functions, …`
    fn sizes(&self) -> String {
        let sizes = told(&COMPILED, self).map(|(label, count)| format!("{count} {label}"));
        sizes.collect::<Vec<_>>().join(", ")
    }
}

/// Of a graph.
const COMPILED: [Field<Compiled>; 4] = [
    Field::new("nodes", "nodes", |c| Content::Count(c.nodes as u64)),
    Field::new("functions", "functions", |c| {
        Content::Count(c.functions as u64)
    }),
    Field::new("bytes", "bytes", |c| Content::Count(c.bytes as u64)),
    Field::untold("hash", |c| Content::Text(&c.hash)),
];

/// What is known of a program.
struct Summary {
    source: Source,
    inputs: Vec<String>,
    params: Vec<Param>,
    /// Unknown for a compiled program, which keeps none.
    observations: Option<Vec<Observation>>,
    /// The texts of the amounts of their noise that are expressions.
    amounts: FxHashMap<ExprId, String>,
    /// A compiled program keeps none of what a fit alone asks for.
    priors: Vec<Prior>,
    derived: Vec<Derived>,
    /// Unknown for a compiled program too.
    matrices: Option<Vec<DataMatrix>>,
    literals: Vec<(Position, f64)>,
    cautions: Vec<Caution>,
    /// Forms that would serve better than what is written.
    suggestions: Vec<Caution>,
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
        let known: FxHashSet<&str> = params.iter().map(|param| param.name.as_str()).collect();
        let inputs = names.filter(|name| !known.contains(name));
        let inputs: Vec<String> = inputs.map(str::to_owned).collect();
        let cautions = cautions_without_inputs(&program, interpreter);
        let graph = interpreter.build(&program, &[]);
        let graph = graph.map_err(Failure::of(source))?;
        Ok(Self {
            source: source.clone(),
            inputs,
            observations: Some(program.observations().to_vec()),
            priors: program.priors().to_vec(),
            derived: program.derived().to_vec(),
            amounts: amounts_of(&program),
            matrices: Some(program.matrices().to_vec()),
            literals: literals_of(&program),
            cautions,
            suggestions: searches(&program),
            graph: Compiled::of(&graph),
            certificate: None,
            params,
        })
    }

    fn of_graph(graph: &Graph, source: Source) -> Self {
        let params: FxHashSet<&str> = graph.params.iter().map(|p| p.name.as_str()).collect();
        let is_param = |name: &String| params.contains(name.as_str());
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
            priors: Vec::new(),
            derived: Vec::new(),
            amounts: FxHashMap::default(),
            matrices: None,
            literals: literals_of_graph(graph),
            cautions: Vec::new(),
            suggestions: Vec::new(),
            graph: Compiled::of(graph),
            certificate: Certificate::of_graph(graph)
                .map_err(|error| error.to_string())
                .transpose(),
        }
    }

    fn place(&self, caution: &Caution) -> Option<Position> {
        caution.span.map(|span| span.position(&self.source.text))
    }

    /// An amount of noise, as it is written.
    fn amount(&self, amount: &Amount) -> String {
        match amount {
            Amount::Number(number) => format!("{number:?}"),
            Amount::Column(column) => column.clone(),
            Amount::Expression(expr) => self.amounts.get(expr).cloned().unwrap_or_default(),
        }
    }

    /// The noise of an observation, in words.
    fn noise(&self, observation: &Observation) -> String {
        let mut out = format!("{} noise", observation.noise.name());
        if let Some(sd) = &observation.sd {
            let _ = write!(out, " of sd {}", self.amount(sd));
        }
        for censoring in &observation.censored {
            let (side, limit) = (censoring.side.name(), self.amount(&censoring.limit));
            let _ = write!(out, ", censored {side} {limit}");
        }
        out
    }
}

fn text(machine: &Compiled, summary: Option<&Summary>) -> String {
    let mut out = format!("dmci         {}\n", env!("CARGO_PKG_VERSION"));
    let _ = writeln!(
        out,
        "interpreter  {}\n             {}",
        machine.sizes(),
        machine.hash
    );
    let Some(summary) = summary else { return out };
    let graph = &summary.graph;
    let _ = writeln!(
        out,
        "\n{}\n  graph  {}\n         {}",
        summary.source.file(),
        graph.sizes(),
        graph.hash
    );
    section("inputs", summary.inputs.clone(), &mut out);
    let params = summary.params.iter().map(|param| {
        let range = constraint_text(param.constraint);
        let by = param.by.as_ref();
        let by = by.map_or(String::new(), |column| format!(", one for each {column}"));
        format!("{} = {:?}{range}{by}", param.name, param.init)
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
            "{columns} with {}{rows}, at {position}",
            summary.noise(observation)
        )
    });
    section("observations", observations.collect(), &mut out);
    let priors = summary.priors.iter();
    let priors = priors.map(|prior| format!("{} = {:?} ± {:?}", prior.param, prior.mean, prior.sd));
    section("priors", priors.collect(), &mut out);
    let derived = summary.derived.iter().map(|derived| {
        let position = derived.span.position(&summary.source.text);
        format!("{}, at {position}", derived.name)
    });
    section("derived", derived.collect(), &mut out);
    let matrices = summary.matrices.iter().flatten();
    let matrices =
        matrices.map(|matrix| format!("{} = {}", matrix.name, matrix.columns.join(", ")));
    section("data matrices", matrices.collect(), &mut out);
    let literals = summary
        .literals
        .iter()
        .map(|(position, value)| format!("@{position} = {value:?}"));
    section("literals", literals.collect(), &mut out);
    let lines = |cautions: &[Caution]| {
        let line = |caution: &Caution| match summary.place(caution) {
            Some(position) => format!("{position}: {}", caution.message),
            None => caution.message.clone(),
        };
        cautions.iter().map(line).collect()
    };
    section("warnings", lines(&summary.cautions), &mut out);
    section("suggestions", lines(&summary.suggestions), &mut out);
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

/// The text of each expression that is an amount of noise.
fn amounts_of(program: &Program) -> FxHashMap<ExprId, String> {
    let mut texts = FxHashMap::default();
    for observation in program.observations() {
        let limits = observation
            .censored
            .iter()
            .map(|censoring| &censoring.limit);
        for amount in observation.sd.iter().chain(limits) {
            if let Amount::Expression(expr) = amount {
                let text = program.span(*expr).text(program.text());
                texts.insert(*expr, text.to_owned());
            }
        }
    }
    texts
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
    json::line(|all| {
        all.text("version", env!("CARGO_PKG_VERSION"));
        all.object("interpreter", |graph| members(&COMPILED, machine, graph));
        if let Some(summary) = summary {
            all.object("program", |program| summary_json(summary, program));
        }
    })
}

fn summary_json(summary: &Summary, program: &mut Object<'_>) {
    program.object("graph", |graph| members(&COMPILED, &summary.graph, graph));
    program.texts("inputs", &summary.inputs);
    program.objects("params", &summary.params, |param, one| {
        one.text("name", &param.name);
        one.number("init", param.init);
        let (low, high) = match param.constraint {
            Constraint::Free => (f64::NEG_INFINITY, f64::INFINITY),
            Constraint::Above(low) => (low, f64::INFINITY),
            Constraint::Below(high) => (f64::NEG_INFINITY, high),
            Constraint::Between(low, high) => (low, high),
        };
        one.number("above", low);
        one.number("below", high);
        if let Some(column) = &param.by {
            one.text("by", column);
        }
    });
    if let Some(observations) = &summary.observations {
        program.objects("observations", observations, |observation, one| {
            one.texts("columns", &observation.columns);
            one.plain("by_row", observation.by_row);
            one.text("noise", observation.noise.name());
            if let Some(sd) = &observation.sd {
                one.text("sd", &summary.amount(sd));
            }
            for censoring in &observation.censored {
                let name = format!("censored_{}", censoring.side.name());
                one.text(&name, &summary.amount(&censoring.limit));
            }
            one.place(observation.span.position(&summary.source.text));
        });
    }
    if !summary.priors.is_empty() {
        program.objects("priors", &summary.priors, |prior, one| {
            one.text("param", &prior.param);
            one.number("mean", prior.mean);
            one.number("sd", prior.sd);
        });
    }
    if !summary.derived.is_empty() {
        program.objects("derived", &summary.derived, |derived, one| {
            one.text("name", &derived.name);
            one.place(derived.span.position(&summary.source.text));
        });
    }
    if let Some(matrices) = &summary.matrices {
        program.objects("matrices", matrices, |matrix, one| {
            one.text("name", &matrix.name);
            one.texts("columns", &matrix.columns);
        });
    }
    if let Some(Ok(certificate)) = &summary.certificate {
        program.raw("certificate", &certificate.to_json());
    }
    program.objects("literals", &summary.literals, |(position, value), one| {
        one.text("name", &format!("@{position}"));
        one.number("value", *value);
    });
    let told = [
        ("warnings", &summary.cautions),
        ("suggestions", &summary.suggestions),
    ];
    for (name, cautions) in told {
        program.objects(name, cautions, |caution, one| {
            one.text("message", &caution.message);
            if let Some(position) = summary.place(caution) {
                one.place(position);
            }
        });
    }
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
