//! Many evaluations of one model: one value of some inputs for each lane.
//!
//! Shared inputs and columns of lane inputs go in; a value or an error for each lane comes out, with
//! gradients summed over lanes for what is shared, and lane by lane for what is not.
//!
//! **Invariants**
//! - A lane that fails leaves the others as they are; sums are over the lanes that did not fail.
//! - Sums are trees over the lanes in their order, so they have the same bits each time, on any
//!   number of threads.

use super::error::Error;
use super::evaluator::AskedOfLanes;
use crate::model::Model;
use crate::model::bindings::{Bindings, Input, Wrt};
use crate::model::gradient::Variable;
use crate::paths::Workspace;
use crate::paths::tally::{Special, Tally, Target, Values};
use crate::trace::routine::lanes::LaneInput;
use crate::walk::serial::Number;
use crate::walk::{Limits, Output};
use serde::{Serialize, Serializer};

/// What to do when a lane fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum OnError {
    /// Stop with its error.
    #[default]
    Stop,
    /// Go on with the others.
    Collect,
}

/// The values and gradients of several lanes. A lane that failed serializes as
/// `{"error":{"kind":…,"message":…}}`, with line and column where they are known; gradients as objects
/// by name.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct Lanes {
    /// Each lane's value.
    #[serde(serialize_with = "values")]
    pub values: Vec<Result<Output, Error>>,
    /// The gradients by shared names: sums over the lanes that did not fail.
    #[serde(serialize_with = "sums")]
    pub shared: Vec<(String, f64)>,
    /// The gradients by lane names: one number a lane, none where it failed.
    #[serde(serialize_with = "by_lane")]
    pub per_lane: Vec<(String, Vec<Option<f64>>)>,
    /// The gradients by shared lists, vectors and matrices (row by row), likewise summed.
    #[serde(serialize_with = "lists")]
    pub shared_lists: Vec<(String, Vec<f64>)>,
    /// How many lanes were walked; all others ran on a path that one of these, or an earlier
    /// evaluation, had recorded.
    pub walks: u64,
}

impl Model {
    /// Values and gradients over lanes: `per_lane` gives one number a lane for some names, `shared`
    /// is the same for all. Gradients are those of the sum of all lanes' values.
    ///
    /// # Errors
    /// When columns have different lengths, `wrt` names nothing, a value asked a gradient of is no
    /// number, or, with [`OnError::Stop`], a lane fails.
    pub fn value_and_grad_lanes(
        &self,
        shared: &Bindings,
        per_lane: &[(&str, &[f64])],
        wrt: &[&str],
        on_error: OnError,
        limits: &Limits,
        workspace: &mut Workspace,
    ) -> Result<Lanes, Error> {
        let count = per_lane.first().map_or(0, |(_, column)| column.len());
        if let Some((name, column)) = per_lane.iter().find(|(_, c)| c.len() != count) {
            return Err(Error::Request(format!(
                "the lane input `{name}` has {} values, the first has {count}; all need one a lane",
                column.len()
            )));
        }
        let mut bindings = shared.clone();
        for (name, column) in per_lane {
            bindings.set(*name, column.first().copied().unwrap_or(0.0));
        }
        let asked = if wrt.is_empty() {
            Wrt::Nothing
        } else {
            Wrt::Names(wrt)
        };
        let mut lanes = Lanes::new(wrt, shared, per_lane);
        if count == 0 {
            return Ok(lanes);
        }
        #[cfg(feature = "dfdx")]
        if self.is_reference() {
            for lane in 0..count {
                for (name, column) in per_lane {
                    bindings.set(*name, column[lane]);
                }
                let result = self.evaluate(&bindings, asked, limits, workspace);
                lanes.push(result, wrt, on_error)?;
            }
            return Ok(lanes);
        }
        let asked = self.ask(&bindings, asked, workspace)?;
        let numbers = std::mem::take(&mut workspace.inputs);
        let mut inputs: Vec<LaneInput<'_>> =
            numbers.iter().map(|&x| LaneInput::Shared(x)).collect();
        for (name, column) in per_lane {
            if let Some(index) = self.number_input(name, &asked.given) {
                inputs[index as usize] = LaneInput::Each(column);
            }
        }
        // For each name its columns: whether they are lanes' own, and where they begin.
        let by = crate::model::gradient::columns(&asked.wrt);
        let is_each = |input: u32| matches!(inputs[input as usize], LaneInput::Each(_));
        let mut values = vec![f64::NAN; count];
        let mut columns: Vec<Vec<f64>> = by
            .iter()
            .map(|&input| {
                if is_each(input) {
                    vec![0.0; count]
                } else {
                    Vec::new()
                }
            })
            .collect();
        let of_values = Target::Each(&mut values);
        let mut targets = vec![of_values];
        targets.extend(columns.iter_mut().zip(&by).map(|(column, &input)| {
            if is_each(input) {
                Target::Each(column)
            } else {
                Target::Sum
            }
        }));
        let of_lanes = AskedOfLanes {
            given: &asked.given,
            inputs: &inputs,
            lanes: count,
            by: (!wrt.is_empty()).then_some(by.as_slice()),
            weights: None,
            limits,
            values: Values::Any,
            threads: &self.threads,
        };
        let tally = self.with_batch(&of_lanes, |batch| {
            Ok(batch.each(targets, Vec::new(), &mut workspace.tasks)?)
        })?;
        workspace.inputs = numbers;
        let Tally {
            special,
            sums,
            walks,
            ..
        } = tally;
        lanes.walks = walks;
        lanes.values = values.into_iter().map(|x| Ok(Output::of(x))).collect();
        for (lane, special) in special {
            let lane = lane as usize;
            lanes.values[lane] = match special {
                Special::Output(output) => Ok(output),
                Special::Failed(error) if on_error == OnError::Stop => return Err(error.into()),
                Special::Failed(error) => Err(error.into()),
            };
        }
        let mut sums = sums.into_iter();
        let mut columns = by.iter().zip(columns);
        for (name, variable) in &asked.wrt {
            let size = match variable {
                Variable::Unused => 0,
                Variable::Inputs(_, extent) => extent.size(),
            };
            if let Some((_, all)) = lanes.shared_lists.iter_mut().find(|(n, _)| n == name) {
                for (entry, _) in all.iter_mut().zip(columns.by_ref().take(size)) {
                    *entry = sums.next().unwrap_or(0.0) + 0.0;
                }
                continue;
            }
            let column = if size == 0 { None } else { columns.next() };
            if let Some((_, numbers)) = lanes.per_lane.iter_mut().find(|(n, _)| n == name) {
                let all = column.map_or_else(|| vec![0.0; count], |(_, column)| column);
                let numbers_of = all.into_iter().zip(&lanes.values);
                *numbers = numbers_of.map(|(x, v)| v.is_ok().then_some(x)).collect();
            } else if let Some((_, sum)) = lanes.shared.iter_mut().find(|(n, _)| n == name)
                && column.is_some()
            {
                *sum = sums.next().unwrap_or(0.0) + 0.0;
            }
        }
        Ok(lanes)
    }
}

impl Lanes {
    /// No lanes, and a place for the derivatives by each name.
    fn new(wrt: &[&str], shared: &Bindings, per_lane: &[(&str, &[f64])]) -> Self {
        let mut lanes = Self {
            values: Vec::new(),
            shared: Vec::new(),
            per_lane: Vec::new(),
            shared_lists: Vec::new(),
            walks: 0,
        };
        for &name in wrt {
            let input = shared.get(name).filter(|i| !matches!(i, Input::Number(_)));
            if per_lane.iter().any(|(lane, _)| *lane == name) {
                lanes.per_lane.push((name.to_owned(), Vec::new()));
            } else if let Some(input) = input {
                let zeros = vec![0.0; input.numbers().len()];
                lanes.shared_lists.push((name.to_owned(), zeros));
            } else {
                lanes.shared.push((name.to_owned(), 0.0));
            }
        }
        lanes
    }

    /// Adds a lane that was evaluated alone.
    #[cfg(feature = "dfdx")]
    fn push(
        &mut self,
        result: Result<crate::Evaluation, Error>,
        wrt: &[&str],
        on_error: OnError,
    ) -> Result<(), Error> {
        let evaluation = match result {
            Ok(evaluation) => evaluation,
            Err(error @ Error::Eval(_)) if on_error == OnError::Collect => {
                for (_, column) in &mut self.per_lane {
                    column.push(None);
                }
                self.values.push(Err(error));
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        if !wrt.is_empty() && evaluation.value.number().is_none() {
            return Err(Error::Request(
                "gradients over lanes need a program whose value is a number".into(),
            ));
        }
        self.walks += 1;
        let gradient = &evaluation.gradient;
        for (name, sum) in &mut self.shared {
            *sum += gradient.get(name).unwrap_or(0.0);
        }
        for (name, sums) in &mut self.shared_lists {
            let row = gradient.jacobian(name).unwrap_or(&[]);
            for (sum, &number) in sums.iter_mut().zip(row) {
                *sum += number;
            }
        }
        for (name, column) in &mut self.per_lane {
            column.push(gradient.get(name));
        }
        self.values.push(Ok(evaluation.value));
        Ok(())
    }
}

// ---- as serde writes them --------------------------------------------------------------------

fn values<S: Serializer>(
    values: &[Result<Output, Error>],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    #[serde(untagged)]
    enum Value<'v> {
        Given(&'v Output),
        Failed { error: &'v Error },
    }
    serializer.collect_seq(values.iter().map(|value| match value {
        Ok(output) => Value::Given(output),
        Err(error) => Value::Failed { error },
    }))
}

fn sums<S: Serializer>(sums: &[(String, f64)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(sums.iter().map(|(name, x)| (name, Number(*x))))
}

fn lists<S: Serializer>(lists: &[(String, Vec<f64>)], serializer: S) -> Result<S::Ok, S::Error> {
    let list = |numbers: &Vec<f64>| numbers.iter().map(|&x| Number(x)).collect::<Vec<_>>();
    serializer.collect_map(lists.iter().map(|(name, numbers)| (name, list(numbers))))
}

fn by_lane<S: Serializer>(
    columns: &[(String, Vec<Option<f64>>)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let column = |lanes: &Vec<Option<f64>>| lanes.iter().map(|x| x.map(Number)).collect::<Vec<_>>();
    serializer.collect_map(columns.iter().map(|(name, lanes)| (name, column(lanes))))
}
