//! `dmci verify`: a certificate of a program's gradient.
//!
//! A program, inputs and perhaps a table go in; the certificate comes out as tables or JSON, and on
//! demand a compiled program that carries it.
//!
//! **Invariants**
//! - Exit code 1 if a check fails; the certificate is printed all the same, and no file is written.

use super::cautions::{cautions_of, names_used, unused_inputs};
use super::limits::LimitArgs;
use super::program::{
    InputArgs, Loaded, ModelArgs, ProgramArgs, RelaxationArgs, check_program, interpreter,
};
use super::report::{self, Failure, significant};
use crate::Error;
use crate::graph::{Graph, ncg};
use crate::syntax::Goal;
use crate::verify::{
    Certificate, Check, ConstantRecord, GuardRecord, Status, Verdict, VerifyOptions, Warning, Way,
    verify_graph, verify_with,
};
use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use std::fmt::Write as _;
use std::path::PathBuf;

/// Certify the derivatives of a program by independent ways to compute them
///
/// The interpreter's value and derivatives are held against the program's own graph and the
/// interpreter interpreting itself (the same bits), dfdx's tensors and tape, dual numbers swept
/// forwards, and central differences; second derivatives against differences of first ones. Besides it
/// tells which constants only decide branches, which tests are nearest to flipping, and where a small
/// move flips one so that the value moves otherwise than the derivative says.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  dmci verify -e '(* a (exp (* (- b) x)))' --input a=2 --input b=0.5 --input x=1
  dmci verify model.scm --data data.csv
  dmci verify model.scm --data data.csv --json >certificate.json
  dmci verify model.scm --input x=1 -o model.ncg

A compiled program (model.ncg) is held against the interpreter on its own text.
Exit code 1: a check fails, and no file is written.")]
pub(super) struct Verify {
    #[command(flatten)]
    program: ProgramArgs,
    #[command(flatten)]
    inputs: InputArgs,

    /// Verify the derivatives by these inputs, params and literals (@LINE:COLUMN); without it by all
    /// params and all inputs that are numbers, vectors or matrices
    #[arg(long, value_name = "NAMES", value_delimiter = ',',
        value_parser = NonEmptyStringValueParser::new())]
    wrt: Option<Vec<String>>,

    /// Interpreter to verify with, as `dmci compile --interpreter` writes it
    #[arg(long, value_name = "FILE")]
    interpreter: Option<PathBuf>,

    #[command(flatten)]
    relaxation: RelaxationArgs,
    #[command(flatten)]
    models: ModelArgs,
    #[command(flatten)]
    limits: LimitArgs,

    /// Write the program, compiled, with its certificate, if no check fails
    #[arg(short, long, value_name = "FILE.ncg")]
    output: Option<PathBuf>,

    /// Print the certificate as one JSON object instead of tables
    #[arg(long)]
    json: bool,
}

impl Verify {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let limits = self.limits.limits();
        let given = self.inputs.given()?;
        let interpreter = self
            .models
            .with(interpreter(self.interpreter.as_deref())?)?
            .within(&limits);
        let (source, compiled) = match self.program.load(&limits)? {
            Loaded::Text(source) => (source, None),
            Loaded::Compiled(graph, source) => {
                check_program(&graph, &source)?;
                (source, Some(graph))
            }
        };
        let bindings = self
            .inputs
            .with_data(given, &source, || Ok(interpreter.clone()))?;
        let names: Vec<&str> = bindings.names().collect();
        let program = interpreter
            .expand(&source.text, &names, Goal::Value)
            .map_err(Failure::of(&source))?;
        let mut cautions = unused_inputs(&bindings, &names_used(&program));
        cautions.extend(cautions_of(&program, &interpreter, &names));
        let options = VerifyOptions {
            wrt: self.wrt.clone(),
            relaxation: self.relaxation.relaxation(),
            limits,
        };
        let result = match &compiled {
            Some(graph) => verify_graph(&interpreter, graph, &bindings, &options),
            None => verify_with(&interpreter, &source.text, &bindings, &options),
        };
        let result = match result {
            // What was asked for cannot be done, whatever the program.
            Err(Error::Request(message)) => return Err(Failure::Usage(message)),
            result => result,
        };
        let certificate = report::outcome(result, cautions, &source)?;
        if self.json {
            report::print(&format!("{}\n", certificate.to_json()))?;
        } else {
            report::print(&text(&certificate))?;
        }
        if certificate.verdict == Verdict::Fail {
            let message = disagreement(&certificate);
            return Err(Failure::Data(message));
        }
        if let Some(path) = &self.output {
            let mut graph: Graph = match compiled {
                Some(graph) => *graph,
                None => interpreter
                    .expand(&source.text, &[], Goal::Value)
                    .and_then(|program| {
                        crate::Interpreter::check_compiles(&program)?;
                        interpreter.build(&program, &[])
                    })
                    .map_err(Failure::of(&source))?,
            };
            certificate
                .attach(&mut graph)
                .map_err(|error| Failure::Data(error.to_string()))?;
            ncg::save(&graph, path).map_err(|error| Failure::file(path, &error))?;
        }
        Ok(())
    }
}

/// Which checks failed.
pub(super) fn disagreement(certificate: &Certificate) -> String {
    let failed = certificate.checks.iter();
    let failed = failed.filter(|check| check.status == Status::Fail);
    let failed: Vec<&str> = failed.map(|check| check.way.name()).collect();
    format!(
        "the derivatives do not hold: {} disagree",
        failed.join(", ")
    )
}

/// The certificate for people.
pub(super) fn text(certificate: &Certificate) -> String {
    let count = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    let mut out = format!(
        "value of {} by {}\n\n",
        count(certificate.outputs, "number"),
        count(certificate.constants.len(), "constant")
    );
    let rows: Vec<Vec<String>> = certificate.checks.iter().map(check_row).collect();
    let header = [
        "interpreter against",
        "values differ",
        "derivatives differ",
        "allowed",
        "",
    ];
    out.push_str(&report::table(&header, &rows));
    for check in &certificate.checks {
        if let Some(note) = &check.note {
            let _ = writeln!(out, "  {}: {note}", check.way.name());
        }
    }
    out.push('\n');
    let shown = shown(&certificate.constants);
    let rows: Vec<Vec<String>> = shown
        .iter()
        .map(|constant| constant_row(constant))
        .collect();
    let header = [
        "constant",
        "value",
        "derivative",
        "largest difference",
        "reference",
        "central",
        "its estimate",
        "step",
    ];
    out.push_str(&report::table(&header, &rows));
    let left = certificate.constants.len() - shown.len();
    if left > 0 {
        let _ = writeln!(
            out,
            "  and {left} more, no further off; --json tells them all"
        );
    }
    for constant in shown.iter().filter(|c| c.only_steers) {
        let name = &constant.name;
        let _ = writeln!(
            out,
            "  `{name}` only steers: it decides branches or indices, and its derivative is 0"
        );
    }
    if !certificate.guards.is_empty() {
        out.push_str("\ntests nearest to flipping, to first order\n");
        let rows: Vec<Vec<String>> = certificate.guards.iter().map(guard_row).collect();
        let header = ["at", "test", "flips if", "relative"];
        out.push_str(&report::table(&header, &rows));
    }
    for warning in &certificate.warnings {
        let _ = writeln!(out, "\nwarning: {}", warning_text(warning));
    }
    let _ = writeln!(out, "\nverdict  {}", certificate.verdict.name());
    out
}

/// The constants that a table shows: all, or of many those that are furthest off, in their order.
fn shown(constants: &[ConstantRecord]) -> Vec<&ConstantRecord> {
    const SHOWN: usize = 24;
    let mut order: Vec<usize> = (0..constants.len()).collect();
    let off = |index: usize| constants[index].largest_difference;
    order.sort_by(|&a, &b| off(b).total_cmp(&off(a)).then(a.cmp(&b)));
    order.truncate(SHOWN);
    order.sort_unstable();
    order.into_iter().map(|index| &constants[index]).collect()
}

/// What a small move flips, and how the value moves there.
pub(super) fn warning_text(warning: &Warning) -> String {
    let Warning { constant, text, .. } = warning;
    let what = match warning.place {
        Some([line, column]) => format!("the test at {line}:{column}, `{text}`,"),
        None => "a kink or a step".into(),
    };
    let mut out = if warning.step == 0.0 {
        format!(
            "`{constant}` lies exactly on {}",
            what.trim_end_matches(',')
        )
    } else {
        let step = difference(warning.step);
        format!("{what} flips when `{constant}` moves by {step}")
    };
    let slope = |x: f64| {
        if x.is_nan() {
            "none that can be told".into()
        } else {
            significant(x, 6)
        }
    };
    let taken = significant(warning.derivative, 6);
    let _ = if warning.sides_agree() {
        let outside = slope(0.5 * (warning.below + warning.above));
        write!(
            out,
            "; around it the value has slope {outside} on both sides, and the derivative, that of the \
             path taken, is {taken}"
        )
    } else {
        let [below, above] = [warning.below, warning.above].map(slope);
        write!(
            out,
            "; the value has slope {below} below and {above} above, and the derivative, that of the \
             path taken, is {taken}"
        )
    };
    if warning.derivative == 0.0 && warning.sides_agree() && warning.above != 0.0 {
        out.push_str("; a search by tests has no derivative, `root` and `fixed-point` have");
    }
    if warning.jump != 0.0 {
        let _ = write!(out, "; the value jumps by {}", significant(warning.jump, 3));
    }
    out
}

fn difference(relative: f64) -> String {
    if relative == 0.0 {
        "0".into()
    } else {
        significant(relative, 2)
    }
}

fn check_row(check: &Check) -> Vec<String> {
    let made = check.status != Status::Skipped;
    let shown = |x: f64| if made { difference(x) } else { "-".into() };
    let values = match check.way {
        Way::Forward | Way::Central | Way::Second => "-".into(),
        _ => shown(check.value),
    };
    let allowed = match check.allowed[1] {
        0.0 => "same bits".into(),
        x => difference(x),
    };
    vec![
        check.way.name().into(),
        values,
        shown(check.gradient),
        allowed,
        check.status.name().into(),
    ]
}

fn constant_row(constant: &ConstantRecord) -> Vec<String> {
    let of = |way: Way| {
        let found = constant.differences.iter().find(|d| d.way == way);
        found.map_or("-".into(), |d| difference(d.relative))
    };
    let shown = |x: f64| {
        if x.is_nan() {
            "-".into()
        } else {
            difference(x)
        }
    };
    vec![
        constant.name.clone(),
        significant(constant.value, 6),
        significant(constant.derivative, 6),
        difference(constant.largest_difference),
        of(Way::Reference),
        of(Way::Central),
        shown(constant.estimate),
        shown(constant.step),
    ]
}

fn guard_row(guard: &GuardRecord) -> Vec<String> {
    let place = guard
        .place
        .map_or("-".into(), |[line, column]| format!("{line}:{column}"));
    let sign = if guard.by < 0.0 { "-" } else { "+" };
    vec![
        place,
        guard.text.clone(),
        format!("{} {sign} {}", guard.constant, difference(guard.by.abs())),
        difference(guard.relative),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::{Cli, Command, finish};
    use super::*;
    use crate::prim::{Prim, broken};
    use clap::Parser;
    use std::process::ExitCode;

    fn command(arguments: &[&str]) -> Command {
        let all = ["dmci", "verify"].iter().chain(arguments);
        Cli::try_parse_from(all).unwrap().command
    }

    fn run(arguments: &[&str]) -> ExitCode {
        let command = command(arguments);
        finish(&command, command.run())
    }

    #[test]
    fn a_wrong_primitive_is_exit_code_1_and_writes_nothing() {
        let folder = std::env::temp_dir().join(format!("dmci-verify-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("out.ncg");
        let path = file.to_str().unwrap();
        let program = "(* a (exp (* (- b) (sin x))))";
        let arguments = [
            "-e", program, "-i", "a=2", "-i", "b=0.5", "-i", "x=1", "-o", path,
        ];
        for (prim, factor) in [
            (Prim::Exp, -1.0),
            (Prim::Sin, 1.0 + 1e-7),
            (Prim::Neg, 0.0),
            (Prim::Mul, 1.0 + 1e-9),
        ] {
            // Differences alone do not see as closely as dfdx does.
            if !cfg!(feature = "dfdx") && f64::abs(factor - 1.0) < 1e-5 {
                continue;
            }
            let code = broken::with(prim, factor, || run(&arguments));
            assert_eq!(code, ExitCode::FAILURE, "{prim} off by {factor}");
            assert!(!file.exists(), "{prim}");
        }
        assert_eq!(run(&arguments), ExitCode::SUCCESS);
        let graph = ncg::load(&file).unwrap();
        let certificate = Certificate::of_graph(&graph).unwrap().unwrap();
        assert_eq!(certificate.verdict, Verdict::Pass);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
