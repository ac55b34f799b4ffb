//! Verification: several independent ways to a program's value and gradient, and how far they agree.
//!
//! A program and inputs go in; a [`Certificate`] comes out. The interpreter's answer is held against:
//! the program's own graph and the evaluator evaluating itself, which must give the same bits; dfdx's
//! tensors and tape; dual numbers swept forwards; and central differences of walks that record
//! nothing. Besides it tells which constants only steer, and which tests are nearest to flipping.
//!
//! **Invariants**
//! - Differences are relative to the largest derivative by the same constant (of values, to the
//!   largest value), or to the derivative that would change the value by a millionth, relatively, if
//!   that is larger; NaN agrees with NaN, an infinity with itself.
//! - What is too large for a slow way is left out of that way by counting, never by the clock: the
//!   same program has the same certificate.
//!
//! ```
//! use dmci::{Bindings, Interpreter, verify::{Verdict, verify}};
//!
//! let inputs = Bindings::from([("a", 2.5), ("b", 0.8), ("x", 1.5)]);
//! let certificate = verify(&Interpreter::embedded(), "(* a (exp (* (- b) x)))", &inputs)?;
//! assert_eq!(certificate.verdict, Verdict::Pass);
//! assert!(certificate.constants.iter().all(|constant| constant.largest_difference < 1e-8));
//! # Ok::<(), dmci::Error>(())
//! ```

mod certificate;
mod differences;
mod guards;

pub use certificate::{
    Certificate, Check, ConstantRecord, Difference, GuardRecord, InputRecord, Status, Verdict, Way,
};

use crate::graph::Graph;
use crate::graph::ncg::{self, sha256};
use crate::model::Error;
use crate::model::bindings::{Bindings, Input, Wrt};
use crate::model::gradient::{Evaluation, Gradient};
use crate::model::interpreter::{Interpreter, Mode};
use crate::model::{Model, Recorded};
use crate::paths::Workspace;
use crate::prim::relaxation::Relaxation;
use crate::trace::Ref;
use crate::walk::{Item, Limits, Output};
use differences::{Estimate, central, max_or_nan};

/// How far the reference engine may be off: dfdx computes some functions another way.
const REFERENCE: [f64; 2] = [1e-12, 1e-10];

/// How far forward sweeps may be off: they add in another order.
const FORWARD: f64 = 1e-10;

/// How far central differences may be off whatever they say themselves.
const CENTRAL: f64 = 1e-7;

/// How many times their own estimate they may be off.
const TRUST: f64 = 10.0;

/// Relative changes of a value that are fainter than this, per relative change of a constant, are
/// judged as if they were this: their derivatives drown in the value's rounding.
const FAINT: f64 = 1e-6;

/// Estimates above this tell nothing.
const ROUGH: f64 = 1e-3;

/// The most applications of a program that the evaluator evaluates inside itself.
const NESTED_APPLICATIONS: u64 = 500_000;

/// The most operations that the reference engine does for one program, runs for several numbers of
/// the value together.
#[cfg(feature = "dfdx")]
const REFERENCE_OPERATIONS: u64 = 1 << 20;

/// The most operations of backward sweeps, all numbers of the value together.
const SWEPT_OPERATIONS: u64 = 1 << 30;

/// How many tests nearest to flipping are told.
const GUARDS: usize = 5;

/// What to verify, beyond a program and its inputs.
#[derive(Clone, Debug, PartialEq, Default)]
#[non_exhaustive]
pub struct VerifyOptions {
    /// The constants: inputs, params and literals (`@line:column`), all numbers. None for all params
    /// and all inputs that are numbers.
    pub wrt: Option<Vec<String>>,
    /// How soft choices relax; hard ones cannot be verified, their derivatives are by design not
    /// those of their values.
    pub relaxation: Relaxation,
    /// Limits of each evaluation.
    pub limits: Limits,
}

impl VerifyOptions {
    /// The same for constants of these names.
    #[must_use]
    pub fn wrt<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.wrt = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// The same with soft choices relaxed another way.
    #[must_use]
    pub fn relaxation(mut self, relaxation: Relaxation) -> Self {
        self.relaxation = relaxation;
        self
    }

    /// The same within limits.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
}

/// Verifies a program's gradient by all params and numbers given, at `bindings`.
///
/// # Errors
/// When the program fails, its value holds anything but numbers, or it has no constants.
pub fn verify(
    interpreter: &Interpreter,
    text: &str,
    bindings: &Bindings,
) -> Result<Certificate, Error> {
    verify_with(interpreter, text, bindings, &VerifyOptions::default())
}

/// Verifies a program's gradient as [`verify`] does, with options.
///
/// # Errors
/// As [`verify`]; and when `wrt` names nothing or a list, or choices are to be hard.
pub fn verify_with(
    interpreter: &Interpreter,
    text: &str,
    bindings: &Bindings,
    options: &VerifyOptions,
) -> Result<Certificate, Error> {
    let direct = interpreter.model_for(text, bindings, Mode::Direct)?;
    certify(interpreter, text, &direct, bindings, options)
}

/// Verifies a compiled program: its graph is held against the interpreter on the text it was
/// compiled from.
///
/// # Errors
/// As [`verify_with`]; and when the graph is damaged.
pub fn verify_graph(
    interpreter: &Interpreter,
    graph: &Graph,
    bindings: &Bindings,
    options: &VerifyOptions,
) -> Result<Certificate, Error> {
    let direct = Model::from_graph(graph)?;
    certify(interpreter, &graph.text, &direct, bindings, options)
}

/// A verification under way.
struct Job<'a> {
    interpreter: &'a Interpreter,
    text: &'a str,
    bindings: &'a Bindings,
    options: &'a VerifyOptions,
    names: Vec<&'a str>,
    /// The program's own graph, and its run.
    direct: &'a Model,
    recorded: Recorded,
    /// The value of every node of the run.
    values: Vec<f64>,
    /// The interpreter's answer.
    usual: Evaluation,
    /// For each constant the largest derivative by it.
    scales: Vec<f64>,
    differences: Vec<Vec<Difference>>,
}

fn certify(
    interpreter: &Interpreter,
    text: &str,
    direct: &Model,
    bindings: &Bindings,
    options: &VerifyOptions,
) -> Result<Certificate, Error> {
    let relaxation = options.relaxation;
    if relaxation.hard {
        return Err(Error::Request(
            "the derivative of hard choices is by design not that of their values; verify the soft ones"
                .into(),
        ));
    }
    let direct = &direct.with_relaxation(relaxation)?;
    let names: Vec<&str> = match &options.wrt {
        Some(names) => names.iter().map(String::as_str).collect(),
        None => constants(direct, bindings),
    };
    if names.is_empty() {
        return Err(Error::Request(
            "there is nothing to differentiate by: give inputs, or declare `(param name value)`"
                .into(),
        ));
    }
    let mut workspace = Workspace::new();
    let limits = &options.limits;
    let model = interpreter.model_for(text, bindings, Mode::Interpreter)?;
    let model = model.with_relaxation(relaxation)?;
    let usual = model.evaluate(bindings, Wrt::Names(&names), limits, &mut workspace)?;
    let recorded = direct.record(bindings, &names, limits, &mut workspace)?;
    let mut job = Job {
        interpreter,
        text,
        bindings,
        options,
        differences: vec![Vec::new(); names.len()],
        direct,
        recorded,
        values: workspace.values.clone(),
        usual,
        scales: Vec::new(),
        names,
    };
    job.scales = job.scales();
    let mut checks = vec![
        job.check_direct(&mut workspace)?,
        job.check_nested(&mut workspace)?,
    ];
    checks.push(job.check_reference()?);
    checks.push(job.check_forward(&mut workspace));
    let (central, estimates) = job.check_central(&mut workspace);
    checks.push(central);
    Ok(job.certificate(checks, &estimates))
}

/// All params, and all inputs that are numbers.
fn constants<'a>(model: &'a Model, bindings: &'a Bindings) -> Vec<&'a str> {
    let params = model.params().iter().map(|param| param.name.as_str());
    let mut names: Vec<&str> = params.collect();
    let numbers = bindings
        .names()
        .filter(|name| matches!(bindings.get(name), Some(Input::Number(_))));
    for name in numbers {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn column<'g>(gradient: &'g Gradient, name: &str) -> &'g [f64] {
    gradient.jacobian(name).unwrap_or_default()
}

impl Job<'_> {
    // ---- the ways ----------------------------------------------------------------------------

    fn check_direct(&mut self, workspace: &mut Workspace) -> Result<Check, Error> {
        let wrt = Wrt::Names(&self.names);
        let limits = &self.options.limits;
        let found = self
            .direct
            .evaluate(self.bindings, wrt, limits, workspace)?;
        Ok(self.same_bits(Way::Direct, &found))
    }

    fn check_nested(&mut self, workspace: &mut Workspace) -> Result<Check, Error> {
        let applications = self.recorded.stats.applications;
        if applications > NESTED_APPLICATIONS {
            let note = format!(
                "the program makes {applications} applications, more than {NESTED_APPLICATIONS}"
            );
            return Ok(skipped(Way::Nested, [0.0; 2], note));
        }
        let model = self
            .interpreter
            .model_for(self.text, self.bindings, Mode::Nested)?;
        let model = model.with_relaxation(self.options.relaxation)?;
        let wrt = Wrt::Names(&self.names);
        let found = model.evaluate(self.bindings, wrt, &self.options.limits, workspace)?;
        Ok(self.same_bits(Way::Nested, &found))
    }

    /// Compares what must be equal to the bit.
    fn same_bits(&mut self, way: Way, found: &Evaluation) -> Check {
        let value = values_differ(&self.usual.value, &found.value);
        let rows: Vec<usize> = (0..self.outputs()).collect();
        let mut same = same_items(&self.usual.value, &found.value);
        let gradient = self.compare(way, &rows, |_, name| column(&found.gradient, name).to_vec());
        for name in &self.names {
            let [a, b] = [&self.usual, found].map(|e| column(&e.gradient, name));
            same &= a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_number(*a, *b));
        }
        Check {
            way,
            status: pass_if(same),
            value: value.unwrap_or(f64::INFINITY),
            gradient,
            allowed: [0.0; 2],
            note: None,
        }
    }

    #[cfg(feature = "dfdx")]
    fn check_reference(&mut self) -> Result<Check, Error> {
        let way = Way::Reference;
        let model = self
            .interpreter
            .model_for(self.text, self.bindings, Mode::Reference)?;
        let model = model.with_relaxation(self.options.relaxation)?;
        let operations = self.recorded.stats.operations.max(1);
        let rows = self.sample(REFERENCE_OPERATIONS / operations);
        let limits = &self.options.limits;
        let found = match model.reference_rows(self.bindings, &self.names, &rows, limits) {
            Ok(found) => found,
            // What the engine's other limits allowed is too large for this one alone.
            Err(Error::Eval(error)) if error.kind == crate::Kind::Resource => {
                return Ok(skipped(way, REFERENCE, error.message));
            }
            Err(error) => {
                let check = failed(way, REFERENCE, format!("it fails: {error}"));
                return Ok(check);
            }
        };
        let value = values_differ(&self.usual.value, &found.value).unwrap_or(f64::INFINITY);
        let gradient = self.compare(way, &rows, |_, name| column(&found.gradient, name).to_vec());
        Ok(Check {
            way,
            status: pass_if(value <= REFERENCE[0] && gradient <= REFERENCE[1]),
            value,
            gradient,
            allowed: REFERENCE,
            note: self.sampled(&rows),
        })
    }

    #[cfg(not(feature = "dfdx"))]
    #[expect(
        clippy::unnecessary_wraps,
        clippy::unused_self,
        reason = "as with the feature `dfdx`"
    )]
    fn check_reference(&mut self) -> Result<Check, Error> {
        let note = "built without the feature `dfdx`".to_owned();
        Ok(skipped(Way::Reference, REFERENCE, note))
    }

    /// Dual numbers forwards against cotangents backwards, through the trace of the program's graph.
    fn check_forward(&mut self, workspace: &mut Workspace) -> Check {
        let path = self.recorded.path.clone();
        let trace = &path.trace;
        let outputs: Vec<Ref> = path
            .leaves
            .iter()
            .map(|node| node.unwrap_or(Ref::constant(0)))
            .collect();
        let columns: Vec<u32> = self.recorded.columns.iter().copied().flatten().collect();
        let width = columns.len();
        let mut forward = vec![0.0; outputs.len() * width];
        let tangents = &mut workspace.tangents;
        if width > 0 {
            trace.jacobian(&self.values, &columns, &outputs, tangents, &mut forward);
        }
        let length = trace.len().max(1) as u64;
        let rows = self.sample(SWEPT_OPERATIONS / length);
        let mut backward = vec![0.0; rows.len() * width];
        let adjoints = &mut workspace.adjoints;
        for (&row, derivatives) in rows.iter().zip(backward.chunks_mut(width.max(1))) {
            trace.sweep(&self.values, &[(outputs[row], 1.0)], adjoints);
            for (derivative, &column) in derivatives.iter_mut().zip(&columns) {
                *derivative = adjoints.of(column as usize);
            }
        }
        // Both against the interpreter's: it swept one way or the other.
        let mut used = 0;
        let places: Vec<Option<usize>> = self
            .recorded
            .columns
            .iter()
            .map(|column| {
                used += usize::from(column.is_some());
                column.map(|_| used - 1)
            })
            .collect();
        let all: Vec<usize> = (0..outputs.len()).collect();
        let mut gradient = 0.0;
        for (matrix, rows) in [(&forward, &all), (&backward, &rows)] {
            let found = self.compare(Way::Forward, rows, |constant, _| {
                let entry = |row: usize| places[constant].map_or(0.0, |p| matrix[row * width + p]);
                (0..rows.len()).map(entry).collect()
            });
            gradient = max_or_nan(gradient, found);
        }
        Check {
            way: Way::Forward,
            status: pass_if(gradient <= FORWARD),
            value: 0.0,
            gradient,
            allowed: [0.0, FORWARD],
            note: self.sampled(&rows),
        }
    }

    fn check_central(&mut self, workspace: &mut Workspace) -> (Check, Vec<Option<Estimate>>) {
        let way = Way::Central;
        let mut estimates = Vec::with_capacity(self.names.len());
        let mut status = Status::Pass;
        let mut worst = 0.0;
        let mut rough = Vec::new();
        for index in 0..self.names.len() {
            let name = self.names[index];
            let estimate = self.central(index, workspace);
            let derivatives = column(&self.usual.gradient, name);
            let judged = estimate.as_ref().map(|estimate| {
                let found = &estimate.derivatives;
                let wrong = derivatives.iter().zip(found).map(|(a, b)| apart(*a, *b));
                let wrong = wrong.fold(0.0, max_or_nan);
                let scale = self.scales[index].max(largest(found));
                (wrong, estimate.error, scale)
            });
            let (one, relative) = match judged {
                None => (Status::Inconclusive, 0.0),
                Some((wrong, error, scale)) => {
                    let relative = if scale == 0.0 { 0.0 } else { wrong / scale };
                    let trusted = wrong <= (TRUST * error).max(CENTRAL * scale);
                    if error.is_nan() || (scale > 0.0 && error > ROUGH * scale) {
                        (Status::Inconclusive, relative)
                    } else {
                        (pass_if(trusted), relative)
                    }
                }
            };
            if one == Status::Inconclusive {
                rough.push(name);
            } else {
                self.differences[index].push(Difference { way, relative });
                worst = max_or_nan(worst, relative);
            }
            status = match (status, one) {
                (Status::Fail, _) | (_, Status::Fail) => Status::Fail,
                (Status::Inconclusive, _) | (_, Status::Inconclusive) => Status::Inconclusive,
                _ => Status::Pass,
            };
            estimates.push(estimate);
        }
        let note = (!rough.is_empty()).then(|| {
            format!(
                "no step serves `{}`: a jump or a kink is near, or the derivative drowns in rounding",
                rough.join("`, `")
            )
        });
        let check = Check {
            way,
            status,
            value: 0.0,
            gradient: worst,
            allowed: [0.0, CENTRAL],
            note,
        };
        (check, estimates)
    }

    /// Differentiates the program's values by one constant, by walks on the same path that record
    /// nothing.
    fn central(&self, index: usize, workspace: &mut Workspace) -> Option<Estimate> {
        let name = self.names[index];
        let at = self.constant(index)?;
        let outputs = self.outputs();
        let mut numbers = self.recorded.numbers.clone();
        let mut values = Vec::new();
        let mut f = |x: f64| {
            if let Some(column) = self.recorded.columns[index] {
                numbers[column as usize] = x;
                if !self.stays_on_the_path(&numbers, &mut values) {
                    return None;
                }
            }
            let value = self.value_at(name, x, workspace)?;
            let found: Vec<f64> = value.numbers().collect();
            (found.len() == outputs && found.iter().all(|y| y.is_finite())).then_some(found)
        };
        central(at, &mut f)
    }

    /// Whether all tests come out as in the run.
    fn stays_on_the_path(&self, numbers: &[f64], values: &mut Vec<f64>) -> bool {
        let trace = &self.recorded.path.trace;
        trace.replay(numbers, values).is_ok()
            && trace.joins.iter().all(|&(operation, _)| {
                let test = trace.operations[operation as usize].c;
                trace.number(test, values) == trace.number(test, &self.values)
            })
    }

    /// The program's value with one constant changed: a literal, in the text.
    fn value_at(&self, name: &str, x: f64, workspace: &mut Workspace) -> Option<Output> {
        let limits = &self.options.limits;
        if let Some(span) = self.direct.span_of_literal(name) {
            let (start, end) = (span.start as usize, span.end as usize);
            let text = format!("{}{x:?}{}", &self.text[..start], &self.text[end..]);
            let model = self
                .interpreter
                .model_for(&text, self.bindings, Mode::Direct);
            let model = model.ok()?.with_relaxation(self.options.relaxation).ok()?;
            return model.value_once(self.bindings, limits, workspace).ok();
        }
        let mut bindings = self.bindings.clone();
        bindings.set(name, x);
        self.direct.value_once(&bindings, limits, workspace).ok()
    }

    // ---- comparing ---------------------------------------------------------------------------

    /// For each constant what differences are relative to.
    fn scales(&self) -> Vec<f64> {
        let value: Vec<f64> = self.usual.value.numbers().collect();
        let value = largest(&value);
        let scale = |(index, name): (usize, &&str)| {
            let derivative = largest(column(&self.usual.gradient, name));
            let size = match self.constant(index) {
                Some(x) if x != 0.0 && x.is_finite() => x.abs(),
                _ => 1.0,
            };
            derivative.max(FAINT * value / size)
        };
        self.names.iter().enumerate().map(scale).collect()
    }

    fn outputs(&self) -> usize {
        self.recorded.path.leaves.len()
    }

    /// The value of a constant.
    fn constant(&self, index: usize) -> Option<f64> {
        match self.recorded.columns[index] {
            Some(column) => Some(self.recorded.numbers[column as usize]),
            None => match self.bindings.get(self.names[index]) {
                Some(Input::Number(x)) => Some(*x),
                _ => None,
            },
        }
    }

    /// At most `count` numbers of the value, at least one, evenly over all.
    fn sample(&self, count: u64) -> Vec<usize> {
        let outputs = self.outputs();
        let count = usize::try_from(count)
            .unwrap_or(usize::MAX)
            .clamp(1, outputs.max(1));
        (0..count.min(outputs))
            .map(|i| i * outputs / count)
            .collect()
    }

    fn sampled(&self, rows: &[usize]) -> Option<String> {
        let outputs = self.outputs();
        (rows.len() < outputs).then(|| {
            format!(
                "of {outputs} numbers of the value, the derivatives of {} were compared",
                rows.len()
            )
        })
    }

    /// Holds the derivatives that `found` gives for each constant, of some rows, against the
    /// interpreter's; gives the largest difference.
    fn compare(
        &mut self,
        way: Way,
        rows: &[usize],
        found: impl Fn(usize, &str) -> Vec<f64>,
    ) -> f64 {
        let mut worst = 0.0;
        for (index, name) in self.names.iter().enumerate() {
            let usual = column(&self.usual.gradient, name);
            let other = found(index, name);
            let scale = self.scales[index].max(largest(&other));
            let pairs = rows.iter().zip(&other);
            let apart = pairs.map(|(&row, b)| apart(usual[row], *b));
            let apart = apart.fold(0.0, max_or_nan);
            let relative = if apart == 0.0 { 0.0 } else { apart / scale };
            let relative = if other.len() == rows.len() {
                relative
            } else {
                f64::INFINITY
            };
            let differences = &mut self.differences[index];
            match differences.iter_mut().find(|d| d.way == way) {
                Some(difference) => difference.relative = max_or_nan(difference.relative, relative),
                None => differences.push(Difference { way, relative }),
            }
            worst = max_or_nan(worst, relative);
        }
        worst
    }

    // ---- the certificate ---------------------------------------------------------------------

    fn certificate(&self, checks: Vec<Check>, estimates: &[Option<Estimate>]) -> Certificate {
        let failed = checks.iter().any(|check| check.status == Status::Fail);
        Certificate {
            version: Certificate::version(),
            generator: concat!("dmci ", env!("CARGO_PKG_VERSION")).into(),
            program: sha256(self.text.as_bytes()),
            interpreter: ncg::hash(self.interpreter.graph()),
            inputs: self
                .bindings
                .names()
                .filter_map(|name| Some((name.to_owned(), record_of(self.bindings.get(name)?))))
                .collect(),
            temperature: self.options.relaxation.temperature,
            gumbel_seed: self.options.relaxation.gumbel_seed,
            outputs: self.outputs(),
            largest: signed_largest(self.usual.value.numbers()),
            checks,
            constants: self.constants(estimates),
            guards: self.guards(),
            verdict: if failed { Verdict::Fail } else { Verdict::Pass },
        }
    }

    fn constants(&self, estimates: &[Option<Estimate>]) -> Vec<ConstantRecord> {
        let path = &self.recorded.path;
        let outputs: Vec<Ref> = path.leaves.iter().copied().flatten().collect();
        let steers = path.trace.only_steers(&outputs);
        let record = |(index, name): (usize, &&str)| {
            let estimate = estimates[index].as_ref();
            let differences = self.differences[index].clone();
            let worst = differences.iter().map(|d| d.relative).fold(0.0, max_or_nan);
            let column = column(&self.usual.gradient, name);
            let scale = self.scales[index];
            let only_steers = self.recorded.columns[index].is_some_and(|c| steers[c as usize]);
            ConstantRecord {
                name: (*name).to_owned(),
                value: self.constant(index).unwrap_or(f64::NAN),
                derivative: signed_largest(column.iter().copied()),
                only_steers,
                differences,
                largest_difference: worst,
                step: estimate.map_or(f64::NAN, |e| e.step),
                estimate: estimate.map_or(f64::NAN, |e| {
                    let scale = scale.max(largest(&e.derivatives));
                    if scale == 0.0 {
                        e.error
                    } else {
                        e.error / scale
                    }
                }),
            }
        };
        self.names.iter().enumerate().map(record).collect()
    }

    fn guards(&self) -> Vec<GuardRecord> {
        let trace = &self.recorded.path.trace;
        let turnings = guards::nearest(trace, &self.values, &self.recorded.columns, GUARDS);
        let record = |turning: guards::Turning| {
            let span = self.direct.span_of_place(turning.place);
            let (place, text) = GuardRecord::at(self.text, span);
            GuardRecord {
                place,
                text,
                constant: self.names[turning.constant].to_owned(),
                by: turning.by,
                relative: turning.relative,
                joined: turning.joined,
            }
        };
        turnings.into_iter().map(record).collect()
    }
}

fn pass_if(holds: bool) -> Status {
    if holds { Status::Pass } else { Status::Fail }
}

fn skipped(way: Way, allowed: [f64; 2], note: String) -> Check {
    Check {
        way,
        status: Status::Skipped,
        value: 0.0,
        gradient: 0.0,
        allowed,
        note: Some(note),
    }
}

#[cfg(feature = "dfdx")]
fn failed(way: Way, allowed: [f64; 2], note: String) -> Check {
    Check {
        status: Status::Fail,
        value: f64::INFINITY,
        gradient: f64::INFINITY,
        ..skipped(way, allowed, note)
    }
}

fn record_of(input: &Input) -> InputRecord {
    match input {
        Input::Number(x) => InputRecord::Number(*x),
        Input::List(items) | Input::Vector(items) | Input::Matrix { numbers: items, .. } => {
            let bytes: Vec<u8> = items.iter().flat_map(|x| x.to_le_bytes()).collect();
            InputRecord::List {
                length: items.len(),
                sha256: sha256(&bytes),
            }
        }
    }
}

/// Whether two numbers have the same bits; any two NaNs do.
fn same_number(a: f64, b: f64) -> bool {
    a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())
}

/// Whether two values are the same: numbers to the bit.
fn same_items(a: &Output, b: &Output) -> bool {
    let same = |(a, b): (&Item, &Item)| match (a, b) {
        (Item::Number { value: x, int: i }, Item::Number { value: y, int: j }) => {
            i == j && same_number(*x, *y)
        }
        (a, b) => a == b,
    };
    let (a, b) = (a.items(), b.items());
    a.len() == b.len() && a.iter().zip(b).all(same)
}

/// How far two numbers are apart: 0 if they are the same, infinite or NaN ones too.
fn apart(a: f64, b: f64) -> f64 {
    if same_number(a, b) {
        return 0.0;
    }
    let apart = (a - b).abs();
    if apart.is_nan() { f64::INFINITY } else { apart }
}

/// The largest magnitude among finite numbers.
fn largest(numbers: &[f64]) -> f64 {
    let finite = numbers.iter().filter(|x| x.is_finite());
    finite.fold(0.0, |largest, x| largest.max(x.abs()))
}

/// The number of largest magnitude, NaN first of all.
fn signed_largest(numbers: impl Iterator<Item = f64>) -> f64 {
    numbers.fold(0.0, |largest: f64, x| {
        if x.is_nan() || x.abs() > largest.abs() {
            x
        } else {
            largest
        }
    })
}

/// The largest difference between two values, relative to the largest number; none if they are of
/// another shape, or differ in what is no number.
fn values_differ(a: &Output, b: &Output) -> Option<f64> {
    let shape = |value: &Output| value.to_json_with(&mut |_, out| out.push('0'));
    if shape(a) != shape(b) {
        return None;
    }
    let [x, y]: [Vec<f64>; 2] = [a, b].map(|value| value.numbers().collect());
    let pairs = x.iter().zip(&y);
    let worst = pairs.map(|(a, b)| apart(*a, *b)).fold(0.0, max_or_nan);
    Some(if worst == 0.0 {
        0.0
    } else {
        worst / largest(&x)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prim::{Prim, broken};

    #[test]
    fn wrong_rules_get_no_certificate() {
        let interpreter = Interpreter::embedded();
        let bindings = Bindings::from([("a", 2.0), ("x", 0.7)]);
        let text = "(* a (exp (sin x)))";
        let verdict = || verify(&interpreter, text, &bindings).unwrap().verdict;
        for prim in [Prim::Mul, Prim::Exp, Prim::Sin] {
            for factor in [-1.0, 0.0, 1.0 + 1e-5] {
                let found = broken::with(prim, factor, verdict);
                assert_eq!(found, Verdict::Fail, "{prim} off by {factor}");
            }
        }
        assert_eq!(broken::with(Prim::Cos, -1.0, verdict), Verdict::Pass);
    }
}
