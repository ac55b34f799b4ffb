//! Many evaluations of one model: one value of some inputs for each lane.
//!
//! Shared inputs and columns of lane inputs go in; a value or an error for each lane comes out, with
//! gradients summed over lanes for what is shared, and lane by lane for what is not.
//!
//! **Invariants**
//! - A lane that fails leaves the others as they are; sums are over the lanes that did not fail.
//! - Lanes run in order, so sums have the same bits each time.

use crate::bindings::{Bindings, Input, Wrt};
use crate::engine::{Limits, Output, Workspace};
use crate::error::Error;
use crate::model::Model;

/// What to do when a lane fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum OnError {
    /// Stop with its error.
    #[default]
    Stop,
    /// Go on with the others.
    Collect,
}

/// The values and gradients of several lanes.
#[derive(Debug)]
pub struct Lanes {
    /// Each lane's value.
    pub values: Vec<Result<Output, Error>>,
    /// The gradients by shared names: sums over the lanes that did not fail.
    pub shared: Vec<(String, f64)>,
    /// The gradients by lane names: one number a lane, none where it failed.
    pub per_lane: Vec<(String, Vec<Option<f64>>)>,
    /// The gradients by shared lists, vectors and matrices (row by row), likewise summed.
    pub shared_lists: Vec<(String, Vec<f64>)>,
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
        let is_lane = |name: &str| per_lane.iter().any(|(lane, _)| *lane == name);
        let mut lanes = Lanes {
            values: Vec::with_capacity(count),
            shared: Vec::new(),
            per_lane: Vec::new(),
            shared_lists: Vec::new(),
        };
        for &name in wrt {
            if is_lane(name) {
                lanes.per_lane.push((name.to_owned(), Vec::new()));
            } else if let Some(input) = shared.get(name).filter(|i| !matches!(i, Input::Number(_)))
            {
                let zeros = vec![0.0; input.numbers().len()];
                lanes.shared_lists.push((name.to_owned(), zeros));
            } else {
                lanes.shared.push((name.to_owned(), 0.0));
            }
        }
        let mut bindings = shared.clone();
        let asked = if wrt.is_empty() {
            Wrt::Nothing
        } else {
            Wrt::Names(wrt)
        };
        for lane in 0..count {
            for (name, column) in per_lane {
                bindings.set(*name, column[lane]);
            }
            let result = self.evaluate(&bindings, asked, limits, workspace);
            match result {
                Ok(evaluation) => {
                    if !wrt.is_empty() && evaluation.value.number().is_none() {
                        return Err(Error::Request(
                            "gradients over lanes need a program whose value is a number".into(),
                        ));
                    }
                    lanes.add(&evaluation.gradient);
                    lanes.values.push(Ok(evaluation.value));
                }
                Err(error @ Error::Eval(_)) if on_error == OnError::Collect => {
                    for (_, column) in &mut lanes.per_lane {
                        column.push(None);
                    }
                    lanes.values.push(Err(error));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(lanes)
    }
}

impl Lanes {
    fn add(&mut self, gradient: &crate::Gradient) {
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
    }
}
