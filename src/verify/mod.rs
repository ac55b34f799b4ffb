//! Verification: several independent ways to a program's value and gradient, and how far they agree.
//!
//! A program and inputs go in; a [`Certificate`] comes out. The interpreter's answer is held against:
//! the program's own graph and the evaluator evaluating itself, which must give the same bits; dfdx's
//! tensors and tape; dual numbers swept forwards; and central differences of walks that record
//! nothing. Second derivatives are held against differences of first ones. Besides it tells which
//! constants only steer, which tests are nearest to flipping, and where the derivative of the path
//! taken is not how the value moves close by.
//!
//! **Invariants**
//! - Differences are relative to the largest derivative by the same constant (of values, to the
//!   largest value), or to the derivative that would change the value by a millionth, relatively, if
//!   that is larger; NaN agrees with NaN, an infinity with itself.
//! - What rounding explains fails nothing: each run says how far it may have moved its numbers.
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

mod central;
mod certificate;
mod course;
mod differences;
mod guards;
#[cfg(test)]
mod mutants;
mod outside;
mod rounding;

pub use certificate::{
    Certificate, Check, ConstantRecord, Difference, GuardRecord, InputRecord, Status, Verdict,
    Warning, Way,
};

use crate::graph::Graph;
use crate::graph::ncg::{self, sha256};
use crate::model::Error;
use crate::model::bindings::{Bindings, Input, Wrt};
use crate::model::gradient::{Evaluation, Gradient};
use crate::model::interpreter::{Interpreter, Mode};
use crate::model::{AskedNumber, Model, Recorded};
use crate::paths::Workspace;
use crate::prim::relaxation::Relaxation;
use crate::trace::Ref;
use crate::walk::{Item, Limits, Output};
use differences::{Estimate, max_or_nan};
use rounding::with_rounding;

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
    /// The constants: inputs, params and literals (`@line:column`). None for all params and all inputs
    /// that are numbers, vectors or matrices, lists being data; where there is none, the lists.
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
/// As [`verify`]; and when `wrt` names nothing, or choices are to be hard.
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
    /// The numbers of all names: what derivatives are by.
    entries: Vec<AskedNumber>,
    /// The interpreter's model.
    model: Model,
    /// The program's own graph, and its run.
    direct: &'a Model,
    recorded: Recorded,
    /// The value of every node of the run.
    values: Vec<f64>,
    /// The interpreter's answer.
    usual: Evaluation,
    /// How far rounding may have moved each number of the value.
    noise: Vec<f64>,
    /// For each constant what differences are relative to.
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
    // The models that the program calls are those of one moment.
    let linked = direct.interpreter().cloned();
    let interpreter = linked.as_ref().unwrap_or(interpreter);
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
    if let Some(name) = names.iter().find(|name| direct.is_of_callee(name)) {
        return Err(Error::Request(format!(
            "`{name}` is a constant of a model that the program calls; verify that model by itself"
        )));
    }
    let mut workspace = Workspace::new();
    let limits = &options.limits;
    let model = interpreter.model_for(text, bindings, Mode::Interpreter)?;
    let model = model.with_relaxation(relaxation)?;
    let usual = model.evaluate(bindings, Wrt::Names(&names), limits, &mut workspace)?;
    let recorded = direct.record(bindings, &names, limits, &mut workspace)?;
    let entries = recorded.asked.clone();
    let mut job = Job {
        interpreter,
        text,
        bindings,
        options,
        differences: vec![Vec::new(); entries.len()],
        entries,
        model,
        direct,
        recorded,
        values: workspace.values.clone(),
        usual,
        noise: Vec::new(),
        scales: Vec::new(),
        names,
    };
    let path = &job.recorded.path;
    let noise = path.trace.noise(&job.values);
    let of = |leaf: &Option<Ref>| {
        leaf.and_then(Ref::as_node)
            .map_or(0.0, |n| noise[n as usize])
    };
    job.noise = path.leaves.iter().map(of).collect();
    job.scales = job.scales();
    let mut checks = vec![
        job.check_direct(&mut workspace)?,
        job.check_nested(&mut workspace)?,
    ];
    checks.push(job.check_reference(&mut workspace)?);
    checks.push(job.check_forward(&mut workspace));
    let moved = job.moved();
    let (central, estimates) = job.check_central(&moved, &mut workspace);
    checks.push(central);
    checks.push(job.check_second(&moved, &mut workspace)?);
    let warnings = job.warnings(&moved, &mut workspace);
    Ok(job.certificate(checks, &estimates, warnings))
}

/// All params, and all inputs that are numbers, vectors and matrices; if there are none, lists.
fn constants<'a>(model: &'a Model, bindings: &'a Bindings) -> Vec<&'a str> {
    let params = model.params().iter().map(|param| param.name.as_str());
    let mut names: Vec<&str> = params.collect();
    for lists in [false, true] {
        let inputs = bindings.names().filter(|name| match bindings.get(name) {
            Some(Input::List(items)) => lists && !items.is_empty(),
            input => !lists && input.is_some(),
        });
        for name in inputs {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        if !names.is_empty() {
            break;
        }
    }
    names
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
        let apart = self.compare(&rows, |entry| self.column_of(&found.gradient, entry));
        let gradient = self.note(way, &apart);
        for name in &self.names {
            let [a, b] =
                [&self.usual, found].map(|e| e.gradient.jacobian(name).unwrap_or_default());
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
    fn check_reference(&mut self, workspace: &mut Workspace) -> Result<Check, Error> {
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
                return Ok(skipped(way, REFERENCE, error.message.clone()));
            }
            Err(error) => {
                let check = failed(way, REFERENCE, format!("it fails: {error}"));
                return Ok(check);
            }
        };
        let value = values_differ(&self.usual.value, &found.value).unwrap_or(f64::INFINITY);
        let others = |entry: usize| self.column_of(&found.gradient, entry);
        let apart = self.compare(&rows, others);
        let explained = !(near_all(&apart, REFERENCE[1]) && value <= REFERENCE[0])
            && self.rounding_explains(&rows, REFERENCE, others, workspace)
            && self.values_explained(&found.value, REFERENCE[0]);
        let gradient = self.note(way, &apart);
        let near = value <= REFERENCE[0] && gradient <= REFERENCE[1];
        Ok(Check {
            way,
            status: pass_if(near || explained),
            value,
            gradient,
            allowed: REFERENCE,
            note: with_rounding(explained, self.sampled(&rows)),
        })
    }

    #[cfg(not(feature = "dfdx"))]
    #[expect(
        clippy::unnecessary_wraps,
        clippy::unused_self,
        reason = "as with the feature `dfdx`"
    )]
    fn check_reference(&mut self, _: &mut Workspace) -> Result<Check, Error> {
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
        let columns: Vec<u32> = self.entries.iter().filter_map(|e| e.column).collect();
        let width = columns.len();
        let mut forward = vec![0.0; outputs.len() * width];
        let tangents = &mut workspace.tangents;
        if width > 0 {
            trace.jacobian(
                &self.values,
                &columns,
                &outputs,
                &|| false,
                tangents,
                &mut forward,
            );
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
            .entries
            .iter()
            .map(|entry| {
                used += usize::from(entry.column.is_some());
                entry.column.map(|_| used - 1)
            })
            .collect();
        let all: Vec<usize> = (0..outputs.len()).collect();
        let (mut gradient, mut near, mut explained) = (0.0, true, false);
        for (matrix, rows) in [(&forward, &all), (&backward, &rows)] {
            let others = |entry: usize| -> Vec<f64> {
                let of = |row: usize| places[entry].map_or(0.0, |p| matrix[row * width + p]);
                (0..rows.len()).map(of).collect()
            };
            let apart = self.compare(rows, others);
            if !near_all(&apart, FORWARD) {
                explained = self.rounding_explains(rows, [0.0, FORWARD], others, workspace);
                near &= explained;
            }
            gradient = max_or_nan(gradient, self.note(Way::Forward, &apart));
        }
        Check {
            way: Way::Forward,
            status: pass_if(near),
            value: 0.0,
            gradient,
            allowed: [0.0, FORWARD],
            note: with_rounding(explained, self.sampled(&rows)),
        }
    }

    // ---- comparing ---------------------------------------------------------------------------

    /// The derivatives of the value's numbers by a constant, in a gradient by all names.
    fn column_of(&self, gradient: &Gradient, entry: usize) -> Vec<f64> {
        let AskedNumber { name, at, of, .. } = self.entries[entry];
        let jacobian = gradient.jacobian(self.names[name]).unwrap_or_default();
        jacobian.iter().skip(at).step_by(of).copied().collect()
    }

    /// The interpreter's derivatives by a constant.
    fn usual_by(&self, entry: usize) -> Vec<f64> {
        self.column_of(&self.usual.gradient, entry)
    }

    /// For each constant what differences are relative to.
    fn scales(&self) -> Vec<f64> {
        let value: Vec<f64> = self.usual.value.numbers().collect();
        let value = largest(&value);
        let scale = |entry: usize| {
            let derivative = largest(&self.usual_by(entry));
            let size = match self.constant(entry) {
                Some(x) if x != 0.0 && x.is_finite() => x.abs(),
                _ => 1.0,
            };
            derivative.max(FAINT * value / size)
        };
        (0..self.entries.len()).map(scale).collect()
    }

    fn outputs(&self) -> usize {
        self.recorded.path.leaves.len()
    }

    /// The value of a constant.
    fn constant(&self, index: usize) -> Option<f64> {
        let entry = &self.entries[index];
        match entry.column {
            Some(column) => Some(self.recorded.numbers[column as usize]),
            None => match self.bindings.get(self.names[entry.name]) {
                Some(Input::Number(x)) => Some(*x),
                _ => None,
            },
        }
    }

    /// Whether it is a list, vector or matrix that the program has no use for.
    fn is_unused(&self, index: usize) -> bool {
        self.entries[index].column.is_none() && self.constant(index).is_none()
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

    /// How far the derivatives that `found` gives for each constant, of some rows, are from the
    /// interpreter's, relatively.
    fn compare(&self, rows: &[usize], found: impl Fn(usize) -> Vec<f64>) -> Vec<f64> {
        let of = |entry: usize| {
            let usual = self.usual_by(entry);
            let other = found(entry);
            if other.len() != rows.len() {
                return f64::INFINITY;
            }
            let scale = self.scales[entry].max(largest(&other));
            let pairs = rows.iter().zip(&other);
            let apart = pairs.map(|(&row, b)| apart(usual[row], *b));
            let apart = apart.fold(0.0, max_or_nan);
            if apart == 0.0 { 0.0 } else { apart / scale }
        };
        (0..self.entries.len()).map(of).collect()
    }

    /// Notes how far each constant's derivatives are off by one way; gives the largest.
    fn note(&mut self, way: Way, apart: &[f64]) -> f64 {
        for (differences, &relative) in self.differences.iter_mut().zip(apart) {
            match differences.iter_mut().find(|d| d.way == way) {
                Some(difference) => difference.relative = max_or_nan(difference.relative, relative),
                None => differences.push(Difference { way, relative }),
            }
        }
        apart.iter().copied().fold(0.0, max_or_nan)
    }

    // ---- the certificate ---------------------------------------------------------------------

    fn certificate(
        &self,
        checks: Vec<Check>,
        estimates: &[Option<Estimate>],
        warnings: Vec<Warning>,
    ) -> Certificate {
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
            warnings,
            verdict: if failed { Verdict::Fail } else { Verdict::Pass },
        }
    }

    fn constants(&self, estimates: &[Option<Estimate>]) -> Vec<ConstantRecord> {
        let path = &self.recorded.path;
        let outputs: Vec<Ref> = path.leaves.iter().copied().flatten().collect();
        let steers = path.trace.only_steers(&outputs);
        let record = |(index, entry): (usize, &AskedNumber)| {
            let estimate = estimates[index].as_ref();
            let differences = self.differences[index].clone();
            let worst = differences.iter().map(|d| d.relative).fold(0.0, max_or_nan);
            let scale = self.scales[index];
            let only_steers = entry.column.is_some_and(|c| steers[c as usize]);
            ConstantRecord {
                name: entry.label.clone(),
                value: self.constant(index).unwrap_or(f64::NAN),
                derivative: signed_largest(self.usual_by(index).into_iter()),
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
        self.entries.iter().enumerate().map(record).collect()
    }

    fn guards(&self) -> Vec<GuardRecord> {
        let trace = &self.recorded.path.trace;
        let columns: Vec<Option<u32>> = self.entries.iter().map(|e| e.column).collect();
        let turnings = guards::nearest(trace, &self.values, &columns, GUARDS);
        let record = |turning: guards::Turning| {
            let span = self.direct.span_of_place(turning.place);
            let (place, text) = GuardRecord::at(self.text, span);
            GuardRecord {
                place,
                text,
                constant: self.entries[turning.constant].label.clone(),
                by: turning.by,
                relative: turning.relative,
                joined: turning.joined,
            }
        };
        turnings.into_iter().map(record).collect()
    }
}

/// Whether no difference is larger than allowed.
fn near_all(apart: &[f64], allowed: f64) -> bool {
    apart.iter().copied().fold(0.0, max_or_nan) <= allowed
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
        // Second derivatives come by the rule of the cosine.
        assert_eq!(broken::with(Prim::Cos, -1.0, verdict), Verdict::Fail);
        assert_eq!(broken::with(Prim::Tan, -1.0, verdict), Verdict::Pass);
    }
}
