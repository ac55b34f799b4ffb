//! The shared workloads: programs with inputs, what they must give, and how they spread over lanes.
//!
//! `workloads.json` goes in; [`Workload`]s come out, and [`Run`]s of them through an [`Evaluator`].
//!
//! **Invariants**
//! - A run is on two sets of numbers in turn, close to each other, so that nothing but paths can be
//!   kept from one evaluation to the next. Rows of data stay as they are, as in training: what they
//!   share changes.
//! - Lanes over rows share what is differentiated by, and are summed; lanes of a population each have
//!   params of their own, and a value and gradient each.
#![allow(dead_code, reason = "each bench uses a part of it")]

pub(crate) mod by_hand;

use dmci::{Bindings, Evaluator, Input, Interpreter, Lane, LaneMut, Limits, Mode, Model};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How much the second set of numbers is of the first.
const NUDGE: f64 = 1.000_001;

/// A program with its inputs, and what it must give for them.
#[derive(Deserialize)]
pub(crate) struct Workload {
    pub(crate) name: String,
    pub(crate) source: String,
    inputs: BTreeMap<String, serde_json::Value>,
    wrt: Vec<String>,
    lanes: Option<Lanes>,
    value: f64,
    grad: BTreeMap<String, f64>,
}

/// How a workload spreads over lanes.
#[derive(Deserialize)]
struct Lanes {
    over: Over,
    ranges: BTreeMap<String, [f64; 2]>,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Over {
    Rows,
    Population,
}

impl Workload {
    pub(crate) fn all() -> Vec<Self> {
        let text = include_str!("../workloads.json");
        serde_json::from_str(text).expect("workloads.json is valid")
    }

    /// The workloads of those names.
    pub(crate) fn named(names: &[&str]) -> Vec<Self> {
        let mut all = Self::all();
        all.retain(|workload| names.contains(&workload.name.as_str()));
        assert_eq!(all.len(), names.len(), "every name is a workload");
        all
    }

    /// Whether it can run on so many lanes: each can on one.
    pub(crate) fn takes(&self, lanes: usize) -> bool {
        lanes == 1 || self.lanes.is_some()
    }

    /// The inputs, each multiplied by `factor`.
    pub(crate) fn bindings(&self, factor: f64) -> Bindings {
        let number = |value: &serde_json::Value| factor * value.as_f64().expect("a number");
        let numbers = |value: &serde_json::Value| -> Vec<f64> {
            value.as_array().into_iter().flatten().map(number).collect()
        };
        let input = |value: &serde_json::Value| match value.as_array() {
            None => Input::Number(number(value)),
            Some(rows) => {
                let rows: Vec<Vec<f64>> = rows.iter().map(numbers).collect();
                Input::matrix(&rows).expect("arrays are matrices")
            }
        };
        let inputs = self.inputs.iter();
        inputs
            .map(|(name, value)| (name.as_str(), input(value)))
            .collect()
    }

    /// The value of an input that is a number.
    pub(crate) fn number(&self, name: &str) -> f64 {
        self.inputs[name].as_f64().expect("the input is a number")
    }

    pub(crate) fn wrt(&self) -> Vec<&str> {
        self.wrt.iter().map(String::as_str).collect()
    }

    pub(crate) fn model(&self, interpreter: &Interpreter, mode: Mode) -> Model {
        interpreter
            .model_for(&self.source, &self.bindings(1.0), mode)
            .expect("the workload is a program")
    }

    /// Panics unless value and derivatives are those that `workloads.json` says.
    pub(crate) fn check(&self, value: Option<f64>, derivative: impl Fn(&str) -> Option<f64>) {
        self.check_value(value);
        for (name, &want) in &self.grad {
            self.check_close(derivative(name), want, name);
        }
    }

    /// The same, of the value alone.
    pub(crate) fn check_value(&self, value: Option<f64>) {
        self.check_close(value, self.value, "the value");
    }

    fn check_close(&self, got: Option<f64>, want: f64, what: &str) {
        let got = got.unwrap_or(f64::NAN);
        let near = (got - want).abs() <= 1e-9 * (1.0 + want.abs());
        assert!(near, "{}: {what} is {got}, not {want}", self.name);
    }

    /// The numbers of an input over lanes; none for what all lanes share.
    ///
    /// Rows are spread evenly over the range. The j-th param of a population is spread evenly too, but
    /// taken in strides of 2j + 1, so that params do not go up together.
    pub(crate) fn column(&self, name: &str, lanes: usize) -> Option<Vec<f64>> {
        let spread = self.lanes.as_ref().filter(|_| lanes > 1)?;
        let [low, high] = *spread.ranges.get(name)?;
        let stride = match spread.over {
            Over::Rows => 1,
            Over::Population => {
                let place = self.wrt.iter().position(|param| param == name);
                2 * place.expect("a population is of params") + 1
            }
        };
        let last = (lanes - 1) as f64;
        let at = |lane| low + (high - low) * ((lane * stride) % lanes) as f64 / last;
        Some((0..lanes).map(at).collect())
    }

    /// Whether each of so many lanes has a gradient of its own.
    pub(crate) fn is_population(&self, lanes: usize) -> bool {
        let over = self.lanes.as_ref().map(|lanes| lanes.over);
        lanes > 1 && over == Some(Over::Population)
    }

    /// The numbers of the first list that the program quotes.
    pub(crate) fn quoted(&self) -> Vec<f64> {
        let (_, rest) = self.source.split_once("(quote (").expect("a quoted list");
        let (list, _) = rest.split_once(')').expect("the end of the list");
        let number = |word: &str| word.parse().expect("a number");
        list.split_whitespace().map(number).collect()
    }
}

/// What an input is given: one number, or one a lane.
enum Column {
    Shared(f64),
    Each(Arc<[f64]>),
}

/// The numbers of a workload over lanes.
pub(crate) struct Numbers {
    fixed: Bindings,
    varied: Vec<String>,
    wrt: Vec<String>,
    columns: [Vec<Column>; 2],
    lanes: usize,
    population: bool,
}

impl Numbers {
    pub(crate) fn new(workload: &Workload, lanes: usize) -> Self {
        let all = workload.bindings(1.0);
        let mut fixed = Bindings::new();
        let mut varied = Vec::new();
        let mut columns = [Vec::new(), Vec::new()];
        for name in all.names() {
            let x = match all.get(name) {
                Some(Input::Number(x)) => *x,
                Some(input) => {
                    fixed.set(name, input.clone());
                    continue;
                }
                None => continue,
            };
            varied.push(name.to_owned());
            let [first, second] = &mut columns;
            let Some(column) = workload.column(name, lanes) else {
                first.push(Column::Shared(x));
                second.push(Column::Shared(NUDGE * x));
                continue;
            };
            let column: Arc<[f64]> = column.into();
            second.push(Column::Each(if workload.is_population(lanes) {
                column.iter().map(|x| NUDGE * x).collect()
            } else {
                column.clone()
            }));
            first.push(Column::Each(column));
        }
        Self {
            fixed,
            varied,
            wrt: workload.wrt.clone(),
            columns,
            lanes,
            population: workload.is_population(lanes),
        }
    }

    /// The bytes of what one evaluation reads and writes.
    pub(crate) fn bytes(&self) -> usize {
        let inputs = self.columns[0].iter().map(|column| match column {
            Column::Shared(_) => 1,
            Column::Each(numbers) => numbers.len(),
        });
        let outputs = if self.population { self.lanes } else { 1 };
        (inputs.sum::<usize>() + outputs * (1 + self.wrt.len())) * size_of::<f64>()
    }
}

/// Where a workload's values and gradients go.
pub(crate) struct Outputs {
    /// One number for each lane of a population; else one, the sum.
    pub(crate) values: Vec<f64>,
    /// A column of as many numbers for each name of `wrt`.
    pub(crate) gradients: Vec<f64>,
}

impl Outputs {
    pub(crate) fn new(numbers: &Numbers) -> Self {
        let count = if numbers.population { numbers.lanes } else { 1 };
        // Other numbers than 0, so that the pages are there before anything is measured.
        Self {
            values: vec![1.0; count],
            gradients: vec![1.0; count * numbers.wrt.len()],
        }
    }

    pub(crate) fn bits(&self) -> Vec<u64> {
        let all = self.values.iter().chain(&self.gradients);
        all.map(|x| x.to_bits()).collect()
    }
}

/// A workload ready to run on its numbers, the one and the other in turn.
pub(crate) struct Run<'n> {
    evaluator: Evaluator,
    single: Option<[Vec<f64>; 2]>,
    lanes: [Vec<Lane<'n>>; 2],
    population: bool,
    turn: usize,
    pub(crate) outputs: Outputs,
}

impl<'n> Run<'n> {
    pub(crate) fn new(model: &Model, numbers: &'n Numbers, outputs: Outputs) -> Self {
        let names =
            |names: &'n [String]| -> Vec<&'n str> { names.iter().map(String::as_str).collect() };
        let (varied, wrt) = (names(&numbers.varied), names(&numbers.wrt));
        let evaluator = model
            .evaluator(&numbers.fixed, &varied, &wrt, &Limits::default())
            .expect("the workload has those inputs");
        let lane = |column: &'n Column| match column {
            Column::Shared(x) => Lane::Shared(*x),
            Column::Each(numbers) => Lane::Each(numbers),
        };
        let number = |column: &Column| match column {
            Column::Shared(x) => *x,
            Column::Each(numbers) => numbers[0],
        };
        let columns = numbers.columns.each_ref();
        Self {
            evaluator,
            single: (numbers.lanes == 1)
                .then(|| columns.map(|columns| columns.iter().map(number).collect())),
            lanes: columns.map(|columns| columns.iter().map(lane).collect()),
            population: numbers.population,
            turn: 1,
            outputs,
        }
    }

    /// Evaluates on the numbers whose turn it is: first those of the workload.
    pub(crate) fn evaluate(&mut self, gradient: bool) {
        self.turn = 1 - self.turn;
        let Outputs { values, gradients } = &mut self.outputs;
        let gradients = if gradient {
            &mut gradients[..]
        } else {
            &mut []
        };
        let (evaluator, lanes) = (&mut self.evaluator, &self.lanes[self.turn]);
        let result = match &self.single {
            Some(numbers) if gradient => evaluator.value_and_grad(&numbers[self.turn], gradients),
            Some(numbers) => evaluator.value(&numbers[self.turn]),
            None if self.population => evaluator
                .lanes(lanes, values, gradients)
                .map(|()| values[0]),
            None => evaluator.sum(lanes, gradients),
        };
        values[0] = result.expect("the workload runs");
    }

    /// The gradient of the sum of all lanes' values, each times its cotangent, on the numbers whose turn
    /// it is.
    pub(crate) fn weigh(&mut self, cotangents: &[f64]) {
        self.turn = 1 - self.turn;
        let lanes = &self.lanes[self.turn];
        let grads = &mut [LaneMut::Sums(&mut self.outputs.gradients)];
        let failed = self.evaluator.vjp(lanes, &[Lane::Each(cotangents)], grads);
        assert!(failed.expect("the workload runs").is_empty());
    }

    /// Evaluates on the workload's own numbers, whoever's turn it is.
    pub(crate) fn evaluate_first(&mut self) {
        self.turn = 1;
        self.evaluate(true);
    }

    /// On one lane, panics unless value and gradient are those that `workloads.json` says.
    pub(crate) fn check(&mut self, workload: &Workload) {
        self.evaluate_first();
        if self.single.is_some() {
            let Outputs { values, gradients } = &self.outputs;
            workload.check(Some(values[0]), |name| {
                let place = workload.wrt.iter().position(|other| other == name)?;
                gradients.get(place).copied()
            });
        }
    }

    /// The sum of all lanes' values.
    pub(crate) fn total(&self) -> f64 {
        self.outputs.values.iter().sum()
    }
}
