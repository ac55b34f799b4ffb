//! `dmci time`: what an evaluation costs, the first time and again.
//!
//! A program, its inputs and the names to differentiate by go in; medians of times come out, as a
//! table or as one JSON object in nanoseconds, with what was recorded.
//!
//! **Invariants**
//! - Times are of all lanes together, on the wall's clock.
//! - Every evaluation is on other numbers than the one before, so nothing but paths can be kept. An
//!   input stays as it is where another value of it takes another path: a count, an index.
//!
//! ```text
//! $ dmci time -e '(* a (exp (* (- b) x)))' --inputs '{"a":2.5,"b":0.8,"x":1.5}' --wrt a,b
//!                      median  fastest  slowest
//! cold                6.94 µs  6.83 µs  7.07 µs
//! value                216 ns   215 ns   233 ns
//! value and gradient   410 ns   404 ns   415 ns
//!
//! trace operations            4
//! paths                       1
//! bytes of paths             64
//! lanes                       1
//! threads                     1
//! ```

use super::fields::{Content, Field, lines, members};
use super::json;
use super::limits::LimitArgs;
use super::program::{
    InputArgs, Loaded, MachineArgs, Prepared, ProgramArgs, at_least_one, distinct, of_json_or_file,
    prepare, thread_count,
};
use super::report::{self, Failure, significant};
use crate::error::cut;
use crate::model::json::JsonNumber;
use crate::{
    Bindings, Error, Evaluator, Input, Lane, Limits, Model, PathTotals, Threads, Workspace, Wrt,
};
use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;
use std::hint::black_box;
use std::time::Instant;

/// How long a sample takes at least, in nanoseconds: long beside the clock's own time.
const SAMPLE: f64 = 5e6;

/// By how much inputs differ from one evaluation to the next, relative to themselves.
const NUDGE: f64 = 1e-6;

/// How many lanes a spread may have.
const MOST_LANES: usize = 1 << 26;

/// Measure how long a program's value and gradient take
///
/// Prints medians, for all lanes together: cold, from the text to the first value and gradient; and of
/// the value, and of value and gradient, again on other numbers. With lanes, gradients are those of the
/// sum of all lanes' values; where --wrt names a lane input, each lane has a gradient of its own.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  dmci time -e '(* a (exp (* (- b) x)))' --inputs '{\"a\":2.5,\"b\":0.8,\"x\":1.5}' --wrt a,b
  dmci time model.scm --inputs @inputs.json --wrt k --lane-inputs '{\"x\":[0.5,1,2]}'
  dmci time model.scm --inputs @inputs.json --wrt k \\
    --lane-inputs '{\"x\":{\"from\":0,\"to\":5,\"count\":65536}}' --threads 2 --json

The keys of --json: cold, value and value_grad, medians in nanoseconds; operations, paths and bytes, of
all paths recorded; lanes; threads; and changed, the inputs that differ between evaluations.")]
pub(super) struct Time {
    #[command(flatten)]
    program: ProgramArgs,
    #[command(flatten)]
    inputs: InputArgs,

    /// Give inputs one number a lane, as a JSON object such as '{"x":[0.5,1]}', or spread evenly, such
    /// as '{"x":{"from":0,"to":5,"count":1024}}', or as a file with one
    #[arg(long, value_name = "JSON|@FILE")]
    lane_inputs: Option<String>,

    /// Differentiate by these inputs and params
    #[arg(long, value_name = "NAMES", value_delimiter = ',', required = true,
        value_parser = NonEmptyStringValueParser::new())]
    wrt: Vec<String>,

    #[command(flatten)]
    machine: MachineArgs,
    #[command(flatten)]
    limits: LimitArgs,

    /// How many threads lanes are spread over, 1 to 1024
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = thread_count)]
    threads: usize,

    /// How many samples a median is of
    #[arg(long, value_name = "N", default_value_t = 21, value_parser = at_least_one)]
    repetitions: usize,

    /// Print one JSON object instead of a table
    #[arg(long)]
    json: bool,
}

/// What an input is given: one number, or one a lane.
#[derive(Clone, Debug, PartialEq)]
enum Column {
    Shared(f64),
    Each(Vec<f64>),
}

/// What is evaluated, on one set of numbers and on another close to it.
#[derive(Debug)]
struct Question<'a> {
    /// All inputs; those that have a number a lane have the first lane's.
    bindings: [Bindings; 2],
    fixed: Bindings,
    varied: Vec<&'a str>,
    columns: [Vec<Column>; 2],
    wrt: Vec<&'a str>,
    /// None where no input has lanes.
    lanes: Option<usize>,
    limits: Limits,
    changed: Vec<&'a str>,
}

/// Samples in nanoseconds an evaluation, in order of size.
#[derive(Debug)]
struct Samples(Vec<f64>);

/// All that was measured.
#[derive(Debug)]
struct Times {
    cold: Samples,
    value: Samples,
    value_and_grad: Samples,
    recorded: PathTotals,
}

/// What is counted beside the times.
struct Counts {
    recorded: PathTotals,
    lanes: usize,
    threads: usize,
}

/// Something measured: what people and what machines call it, and its samples.
type Measured = (&'static str, &'static str, fn(&Times) -> &Samples);

const TIMES: [Measured; 3] = [
    ("cold", "cold", |times| &times.cold),
    ("value", "value", |times| &times.value),
    ("value and gradient", "value_grad", |times| {
        &times.value_and_grad
    }),
];

const COUNTS: [Field<Counts>; 5] = [
    Field::new("trace operations", "operations", |c| {
        Content::Count(c.recorded.operations as u64)
    }),
    Field::new("paths", "paths", |c| {
        Content::Count(c.recorded.paths as u64)
    }),
    Field::new("bytes of paths", "bytes", |c| {
        Content::Count(c.recorded.bytes as u64)
    }),
    Field::new("lanes", "lanes", |c| Content::Count(c.lanes as u64)),
    Field::new("threads", "threads", |c| Content::Count(c.threads as u64)),
];

impl Time {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let limits = self.limits.limits();
        let loaded = self.program.load(&limits)?;
        let mut bindings = self.inputs.bindings(&loaded, &self.machine)?;
        let lane_inputs = match &self.lane_inputs {
            Some(json) => of_json_or_file("--lane-inputs", json, lane_inputs_of)?,
            None => Vec::new(),
        };
        for (name, column) in &lane_inputs {
            bindings.set(name, column[0]);
        }
        let Prepared {
            model,
            source,
            cautions,
        } = prepare(&loaded, &bindings, &self.machine, &limits)?;
        let interpreter = self.machine.interpreter()?.within(&limits);
        let relaxation = self.machine.relaxation();
        let fresh = || {
            let model = match &loaded {
                Loaded::Text(source) => {
                    interpreter.model_for(&source.text, &bindings, self.machine.mode())
                }
                Loaded::Compiled(graph, _) => Model::from_graph(graph),
            };
            model?.with_relaxation(relaxation)
        };
        let threads = Threads::of(self.threads);
        let model = model.with_threads(threads.clone());
        let fresh = || Ok(fresh()?.with_threads(threads.clone()));
        let wrt = distinct(self.wrt.iter().map(String::as_str));
        let measure = || {
            let question = Question::new(&fresh()?, &bindings, &lane_inputs, wrt, limits)?;
            let times = question.measure(&model, &fresh, self.repetitions)?;
            Ok((question, times))
        };
        let result = measure();
        let (question, times) = report::outcome(result, cautions, &source)?;
        if self.json {
            return report::print(&self.to_json(&question, &times));
        }
        for name in &question.varied {
            if !question.changed.contains(name) {
                report::note(&format!(
                    "`{name}` stays as it is: near values of it take other paths"
                ));
            }
        }
        report::print(&self.to_table(&question, &times))
    }

    fn to_table(&self, question: &Question<'_>, times: &Times) -> String {
        let mut header = vec!["", "median", "fastest", "slowest"];
        if question.lanes.is_some() {
            header.push("a lane");
        }
        let row = |(label, _, samples): &Measured| {
            let samples = samples(times);
            let all = &samples.0;
            let mut row = vec![
                (*label).to_owned(),
                duration(samples.median()),
                duration(all[0]),
                duration(all[all.len() - 1]),
            ];
            if let Some(lanes) = question.lanes {
                row.push(duration(samples.median() / lanes as f64));
            }
            row
        };
        let rows: Vec<Vec<String>> = TIMES.iter().map(row).collect();
        let mut out = report::table(&header, &rows);
        out.push('\n');
        lines(&COUNTS, &self.counts(question, times), [18, 9], &mut out);
        out
    }

    fn to_json(&self, question: &Question<'_>, times: &Times) -> String {
        json::line(|all| {
            for (_, name, samples) in &TIMES {
                all.number(name, samples(times).median());
            }
            members(&COUNTS, &self.counts(question, times), all);
            all.texts("changed", &question.changed);
        })
    }

    fn counts(&self, question: &Question<'_>, times: &Times) -> Counts {
        Counts {
            recorded: times.recorded,
            lanes: question.lanes.unwrap_or(1),
            threads: self.threads,
        }
    }
}

/// The members of a JSON object, all of them: of a name that stands twice, both.
struct Pairs(Vec<(String, serde_json::Value)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Pairs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Pairs, M::Error> {
                let mut all = Vec::new();
                while let Some(member) = map.next_entry()? {
                    all.push(member);
                }
                Ok(Pairs(all))
            }
        }
        from.deserialize_map(Members)
    }
}

/// Lane inputs of a JSON object; there is one at least, and all have as many lanes.
fn lane_inputs_of(json: &str) -> Result<Vec<(String, Vec<f64>)>, String> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum JsonColumn {
        Numbers(Vec<JsonNumber>),
        Spread(Spread),
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Spread {
        from: f64,
        to: f64,
        count: usize,
    }
    let Pairs(pairs) = serde_json::from_str(json)
        .map_err(|error| format!("{error}; write a JSON object such as {{\"x\":[0.5,1]}}"))?;
    let mut columns: Vec<(String, Vec<f64>)> = Vec::new();
    for (name, value) in pairs {
        if columns.iter().any(|(other, _)| *other == name) {
            let name = cut(&name);
            return Err(format!(
                "the lane input `{name}` is given twice; give it once"
            ));
        }
        let all = |numbers: &[JsonNumber]| -> Option<Vec<f64>> {
            numbers.iter().map(JsonNumber::value).collect()
        };
        let wrong = || {
            format!(
                "the lane input `{name}` is {}; write a list of numbers, or how they are \
                 spread, such as {{\"from\":0,\"to\":5,\"count\":1024}}",
                cut(&value.to_string())
            )
        };
        let column = match JsonColumn::deserialize(&value) {
            Ok(JsonColumn::Numbers(numbers)) => all(&numbers).ok_or_else(wrong)?,
            Ok(JsonColumn::Spread(Spread { count, .. })) if count > MOST_LANES => {
                return Err(format!(
                    "the lane input `{name}` has {count} values; {MOST_LANES} is the most"
                ));
            }
            Ok(JsonColumn::Spread(Spread { from, to, count })) => {
                let steps = count.saturating_sub(1).max(1) as f64;
                let at = |k| from + (to - from) * k as f64 / steps;
                (0..count).map(at).collect()
            }
            Err(_) => return Err(wrong()),
        };
        columns.push((name, column));
    }
    let count = columns.first().map_or(0, |(_, column)| column.len());
    if count == 0 {
        return Err("there are no lanes; give an input one number or more".into());
    }
    match columns.iter().find(|(_, column)| column.len() != count) {
        Some((name, column)) => Err(format!(
            "the lane input `{name}` has {} values, the first has {count}; all need one a lane",
            column.len()
        )),
        None => Ok(columns),
    }
}

impl<'a> Question<'a> {
    /// What to evaluate, and what of it to change; `model` is run for that, and is no longer cold.
    fn new(
        model: &Model,
        given: &'a Bindings,
        lane_inputs: &'a [(String, Vec<f64>)],
        wrt: Vec<&'a str>,
        limits: Limits,
    ) -> Result<Self, Error> {
        let mut bindings = given.clone();
        let mut fixed = Bindings::new();
        let mut varied = Vec::new();
        for name in given.names() {
            match given.get(name) {
                Some(Input::Number(_)) if model.inputs().iter().any(|i| i == name) => {
                    varied.push(name);
                }
                Some(input) => {
                    fixed.set(name, input.clone());
                }
                None => {}
            }
        }
        // Of the params that have the values they are declared with, those asked about.
        for &name in &wrt {
            if let Some(param) = model.params().iter().find(|param| param.name == name)
                && given.get(name).is_none()
            {
                bindings.set(name, param.init);
                varied.push(name);
            }
        }
        let changed = changeable(model, &bindings, &varied, &wrt, &limits)?;
        let mut nudged = bindings.clone();
        for &name in &changed {
            nudged.set(name, nudge(number(&bindings, name)));
        }
        let column = |bindings: &Bindings, name: &str, moved: bool| match lane_inputs
            .iter()
            .find(|(lane, _)| lane == name)
        {
            Some((_, column)) if moved => Column::Each(column.iter().copied().map(nudge).collect()),
            Some((_, column)) => Column::Each(column.clone()),
            None => Column::Shared(number(bindings, name)),
        };
        let columns = [(&bindings, false), (&nudged, true)].map(|(bindings, second)| {
            let columns = varied.iter();
            columns
                .map(|name| column(bindings, name, second && changed.contains(name)))
                .collect()
        });
        Ok(Self {
            columns,
            bindings: [bindings, nudged],
            fixed,
            varied,
            wrt,
            lanes: lane_inputs.first().map(|(_, column)| column.len()),
            limits,
            changed,
        })
    }

    fn evaluator(&self, model: &Model) -> Result<Evaluator, Error> {
        model.evaluator(&self.fixed, &self.varied, &self.wrt, &self.limits)
    }

    fn measure(
        &self,
        model: &Model,
        fresh: &dyn Fn() -> Result<Model, Error>,
        repetitions: usize,
    ) -> Result<Times, Error> {
        let mut evaluation = Evaluation::new(self);
        let mut workspace = Workspace::new();
        let cold = sample(repetitions, |turn| {
            let model = fresh()?;
            if self.lanes.is_some() {
                return evaluation.run(&mut self.evaluator(&model)?, turn, true);
            }
            let wrt = Wrt::Names(&self.wrt);
            model.evaluate(&self.bindings[turn], wrt, &self.limits, &mut workspace)?;
            Ok(())
        })?;
        let mut evaluator = self.evaluator(model)?;
        let mut warm = |gradient| {
            sample(repetitions, |turn| {
                evaluation.run(&mut evaluator, turn, gradient)
            })
        };
        Ok(Times {
            cold,
            value: warm(false)?,
            value_and_grad: warm(true)?,
            recorded: model.path_totals(),
        })
    }
}

/// The inputs that take the same path with another number: the others are counted by, or index.
fn changeable<'a>(
    model: &Model,
    bindings: &Bindings,
    varied: &[&'a str],
    wrt: &[&str],
    limits: &Limits,
) -> Result<Vec<&'a str>, Error> {
    let mut workspace = Workspace::new();
    let wrt = Wrt::Names(wrt);
    let first = model.evaluate(bindings, wrt, limits, &mut workspace)?;
    // A loop that counts to a number it never meets must not go on for long.
    let limits = Limits {
        fuel: limits.fuel.min(first.stats.applications),
        ..*limits
    };
    let mut nudged = bindings.clone();
    let mut changeable = Vec::new();
    for &name in varied {
        let before = number(bindings, name);
        nudged.set(name, nudge(before));
        if let Ok(evaluation) = model.evaluate(&nudged, wrt, &limits, &mut workspace)
            && evaluation.stats.replayed
        {
            changeable.push(name);
        }
        nudged.set(name, before);
    }
    Ok(changeable)
}

fn number(bindings: &Bindings, name: &str) -> f64 {
    match bindings.get(name) {
        Some(Input::Number(x)) => *x,
        _ => f64::NAN,
    }
}

/// A number close by; what is not finite has none.
fn nudge(x: f64) -> f64 {
    if x.is_finite() {
        x + NUDGE * x.abs().max(NUDGE)
    } else {
        x
    }
}

/// What evaluations of a question write to.
struct Evaluation<'q> {
    lanes: Option<[Vec<Lane<'q>>; 2]>,
    numbers: [Vec<f64>; 2],
    /// Of each lane, where `wrt` has a lane input.
    values: Vec<f64>,
    gradients: Vec<f64>,
}

impl<'q> Evaluation<'q> {
    fn new(question: &'q Question<'_>) -> Self {
        let lane = |column: &'q Column| match column {
            Column::Shared(x) => Lane::Shared(*x),
            Column::Each(numbers) => Lane::Each(numbers),
        };
        let each = |columns: &'q Vec<Column>| columns.iter().map(lane).collect();
        let [first, second] = &question.columns;
        let mut names = question.varied.iter().zip(first);
        let is_each = |(name, column): (&&str, &Column)| {
            matches!(column, Column::Each(_)) && question.wrt.contains(name)
        };
        let apart = names.any(is_each);
        let values = if apart {
            question.lanes.unwrap_or(0)
        } else {
            0
        };
        let numbers = |bindings: &Bindings| {
            let names = question.varied.iter();
            names.map(|name| number(bindings, name)).collect()
        };
        Self {
            lanes: question.lanes.map(|_| [each(first), each(second)]),
            numbers: question.bindings.each_ref().map(numbers),
            values: vec![0.0; values],
            gradients: Vec::new(),
        }
    }

    fn run(&mut self, evaluator: &mut Evaluator, turn: usize, gradient: bool) -> Result<(), Error> {
        let gradients = if gradient {
            // A name may stand for many numbers.
            let length = evaluator.gradient_len() * self.values.len().max(1);
            self.gradients.resize(length, 0.0);
            &mut self.gradients[..]
        } else {
            &mut []
        };
        match &self.lanes {
            Some(lanes) if !self.values.is_empty() => {
                evaluator.lanes(&lanes[turn], &mut self.values, gradients)?;
            }
            Some(lanes) => {
                black_box(evaluator.sum(&lanes[turn], gradients)?);
            }
            None if gradient => {
                black_box(evaluator.value_and_grad(&self.numbers[turn], gradients)?);
            }
            None => {
                black_box(evaluator.value(&self.numbers[turn])?);
            }
        }
        black_box(&self.gradients);
        Ok(())
    }
}

/// Runs something again and again, on the one and the other numbers in turn.
fn sample(
    repetitions: usize,
    mut run: impl FnMut(usize) -> Result<(), Error>,
) -> Result<Samples, Error> {
    let mut timed = |count: usize| -> Result<f64, Error> {
        let start = Instant::now();
        for turn in 0..count {
            run(turn % 2)?;
        }
        Ok(start.elapsed().as_nanos() as f64 / count as f64)
    };
    // What comes first meets cold caches, and paths not recorded yet.
    timed(2)?;
    let once = timed(2)?;
    // An even count, so that the last numbers of a sample are not the first of the next.
    let count = 2 * ((SAMPLE / once.max(1.0) / 2.0).ceil() as usize);
    let samples: Result<Vec<f64>, Error> = (0..repetitions).map(|_| timed(count)).collect();
    let mut samples = samples?;
    samples.sort_by(f64::total_cmp);
    Ok(Samples(samples))
}

impl Samples {
    fn median(&self) -> f64 {
        let (low, high) = ((self.0.len() - 1) / 2, self.0.len() / 2);
        f64::midpoint(self.0[low], self.0[high])
    }
}

/// A time of so many nanoseconds, with three digits.
fn duration(nanoseconds: f64) -> String {
    let units = [(1.0, "ns"), (1e3, "µs"), (1e6, "ms"), (1e9, "s")];
    // What rounds to a thousand of a unit is one of the next.
    let fits = |&&(unit, _): &&(f64, &str)| nanoseconds < 999.5 * unit;
    let (unit, name) = units.iter().find(fits).unwrap_or(&units[3]);
    format!("{} {name}", significant(nanoseconds / unit, 3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_three_digits_and_a_unit() {
        for (nanoseconds, said) in [
            (0.0512, "0.0512 ns"),
            (367.4, "367 ns"),
            (999.7, "1.00 µs"),
            (12_345.0, "12.3 µs"),
            (2.5e9, "2.50 s"),
        ] {
            assert_eq!(duration(nanoseconds), said);
        }
    }

    #[test]
    fn spreads_hold_both_ends() {
        let columns = lane_inputs_of(r#"{"x":{"from":1,"to":2,"count":3},"y":[0,"inf",2]}"#);
        let y = vec![0.0, f64::INFINITY, 2.0];
        let expected = vec![("x".into(), vec![1.0, 1.5, 2.0]), ("y".into(), y)];
        assert_eq!(columns, Ok(expected));
        assert_eq!(
            lane_inputs_of(r#"{"x":{"from":1,"to":2,"count":1}}"#),
            Ok(vec![("x".into(), vec![1.0])])
        );
    }

    #[test]
    fn a_median_of_an_even_number_lies_between() {
        assert_eq!(Samples(vec![1.0, 2.0, 4.0, 9.0]).median(), 3.0);
        assert_eq!(Samples(vec![1.0, 2.0, 9.0]).median(), 2.0);
    }
}
