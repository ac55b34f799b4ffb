//! Many evaluations of one model: one value of some inputs for each lane.
//!
//! Shared inputs and columns of lane inputs (numbers, or arrays of one form) go in; a value or an error for each lane comes out, with
//! gradients summed over lanes for what is shared, and lane by lane for what is not.
//!
//! **Invariants**
//! - A lane that fails leaves the others as they are; sums are over the lanes that did not fail.
//! - Sums are trees over the lanes in their order, so they have the same bits each time, on any
//!   number of threads.

use super::error::Error;
use super::evaluator::AskedOfLanes;
use crate::error::{Kind, cut};
use crate::model::Model;
use crate::model::bindings::{Bindings, Input, Wrt};
use crate::model::gradient::Variable;
use crate::paths::Workspace;
use crate::paths::batch::Terms;
use crate::paths::tally::{Special, Specials, Tally, Target, Values};
use crate::trace::routine::lanes::LaneInput;
#[cfg(feature = "dfdx")]
use crate::walk::out_of_fuel;
use crate::walk::serial::Number;
use crate::walk::{EvalError, Limits, Output, Stats};
use rustc_hash::FxHashSet;
use serde::{Serialize, Serializer};
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::mem::discriminant;
#[cfg(any(feature = "cli", feature = "dfdx"))]
use std::sync::Arc;

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
    /// The gradients by lane names that stand for lists, vectors and matrices: each lane's numbers, row by
    /// row, none where it failed.
    #[serde(serialize_with = "lists_by_lane")]
    pub per_lane_lists: Vec<(String, Vec<Option<Vec<f64>>>)>,
    /// The gradients by shared lists, vectors and matrices (row by row), likewise summed.
    #[serde(serialize_with = "lists")]
    pub shared_lists: Vec<(String, Vec<f64>)>,
    /// How many lanes were walked; all others ran on a path that one of these, or an earlier
    /// evaluation, had recorded.
    pub walks: u64,
    /// What all lanes took together, those that failed up to there.
    #[serde(skip)]
    pub stats: Stats,
}

/// Where the derivatives by a name are: in which of the lists of [`Lanes`], and at which place.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    Shared(usize),
    SharedList(usize),
    Each(usize),
    /// With how many numbers a lane has.
    EachList(usize, usize),
}

/// What becomes of lanes that are done.
#[derive(Clone, Copy)]
enum Done {
    /// The caller has them.
    Kept(OnError),
    /// They are written, whatever becomes of the others.
    #[cfg(feature = "cli")]
    Written,
}

/// The numbers of an input that each lane has its own of.
struct Column<'a> {
    name: &'a str,
    /// The first lane's; all others are of its form.
    first: Input,
    /// How many numbers a lane has.
    width: usize,
    /// Those of all lanes, lane after lane.
    numbers: Cow<'a, [f64]>,
}

impl<'a> Column<'a> {
    /// A number a lane.
    fn of_numbers(name: &'a str, numbers: &'a [f64]) -> Self {
        Self {
            name,
            first: Input::Number(numbers.first().copied().unwrap_or(0.0)),
            width: 1,
            numbers: Cow::Borrowed(numbers),
        }
    }

    /// Anything a lane, of the same form for all.
    fn of_inputs(name: &'a str, inputs: &[Input]) -> Result<Self, Error> {
        let first = inputs.first().cloned().unwrap_or(Input::Number(0.0));
        let named = |error: Error| Error::Request(format!("the lane input `{name}`: {error}"));
        let form = form_of(&first).map_err(named)?;
        for (lane, input) in inputs.iter().enumerate().skip(1) {
            if form_of(input).map_err(named)? != form {
                let [here, form] = [input, &first].map(in_words);
                return Err(Error::Request(format!(
                    "the lane input `{name}` is {here} in lane {lane} and {form} in lane 0; all \
                     lanes need the same, so ask for others in a request of their own"
                )));
            }
        }
        let width = first.numbers().len();
        let numbers = inputs.iter().flat_map(Input::numbers).copied().collect();
        Ok(Self {
            name,
            first,
            width,
            numbers: Cow::Owned(numbers),
        })
    }

    /// What a lane is bound to.
    #[cfg(feature = "dfdx")]
    fn at(&self, lane: usize) -> Input {
        let numbers = self.numbers[lane * self.width..][..self.width].to_vec();
        match &self.first {
            Input::Number(_) => Input::Number(numbers[0]),
            Input::List(_) => Input::List(numbers),
            Input::Vector(_) => Input::Vector(numbers),
            Input::Matrix { rows, columns, .. } => Input::Matrix {
                rows: *rows,
                columns: *columns,
                numbers,
            },
        }
    }
}

/// What all lanes of an input have in common: its kind, shape and length.
fn form_of(input: &Input) -> Result<impl PartialEq + use<>, Error> {
    let shape = input.shape()?;
    Ok((discriminant(input), shape, input.numbers().len()))
}

/// What an input is.
fn in_words(input: &Input) -> String {
    match (input, input.shape()) {
        (_, Ok(Some(shape))) => shape.to_string(),
        (Input::List(numbers), _) => format!("a list of {}", numbers.len()),
        _ => "a number".to_owned(),
    }
}

/// How many lanes there are; an error unless all columns have as many.
fn lanes_of<'n>(
    mut columns: impl Iterator<Item = (&'n str, usize)> + Clone,
) -> Result<usize, Error> {
    let count = columns.clone().next().map_or(0, |(_, lanes)| lanes);
    match columns.find(|&(_, lanes)| lanes != count) {
        Some((name, lanes)) => Err(Error::Request(format!(
            "the lane input `{name}` has {lanes} values, the first has {count}; all need one a lane"
        ))),
        None => Ok(count),
    }
}

/// The names of columns, with how many lanes they have.
fn lengths<'n, T>(
    columns: &'n [(&'n str, &'n [T])],
) -> impl Iterator<Item = (&'n str, usize)> + Clone {
    columns.iter().map(|(name, column)| (*name, column.len()))
}
/// How many lanes are computed at a time, at the most.
const AT_A_TIME: usize = 8192;

/// Fails unless there may be memory for what so many lanes come to.
fn lanes_fit(
    count: usize,
    by: usize,
    wrt: &[&str],
    per_lane: &[Column<'_>],
    limits: &Limits,
) -> Result<(), Error> {
    // What is summed is computed for some thousands at a time.
    let summed = by.saturating_mul(count.min(AT_A_TIME) * size_of::<f64>());
    let wrt: HashSet<&str> = wrt.iter().copied().collect();
    let own = per_lane.iter().filter(|column| wrt.contains(column.name));
    let own = own
        .map(|column| column.width)
        .fold(0, usize::saturating_add);
    let numbers = size_of::<f64>().saturating_add(own.saturating_mul(size_of::<[f64; 3]>()));
    let bytes = count.saturating_mul(size_of::<Result<Output, Error>>().saturating_add(numbers));
    let bytes = bytes.saturating_add(summed);
    if bytes <= limits.heap_bytes {
        return Ok(());
    }
    let message = format!(
        "out of heap: what {count} lanes come to takes {bytes} bytes, and the limit is {}",
        limits.heap_bytes
    );
    Err(EvalError::new(Kind::Resource, message).into())
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
        let count = lanes_of(lengths(per_lane))?;
        let columns = per_lane.iter().map(|(n, c)| Column::of_numbers(n, c));
        let columns: Vec<Column<'_>> = columns.collect();
        let done = Done::Kept(on_error);
        let told = self.over_columns(shared, &columns, count, wrt, done, limits, workspace)?;
        Ok(told.whole())
    }

    /// The same over lanes of lists, vectors and matrices, besides numbers: `per_lane` gives an input
    /// a lane for some names, of the same form (and length) in all lanes.
    ///
    /// ```
    /// use dmci::{Bindings, Input, Interpreter, Limits, OnError, Workspace};
    ///
    /// let model = Interpreter::embedded().model("(* a (dot v v))")?;
    /// let shared = Bindings::from([("a", 2.0)]);
    /// let v = [Input::from([1.0, 2.0]), Input::from([3.0, 0.0])];
    /// let (limits, mut workspace) = (Limits::default(), Workspace::new());
    /// let lanes = model.value_and_grad_lanes_of(
    ///     &shared, &[("v", &v)], &["a", "v"], OnError::Stop, &limits, &mut workspace,
    /// )?;
    /// assert_eq!(lanes.shared[0].1, 5.0 + 9.0);
    /// assert_eq!(lanes.per_lane_lists[0].1, [Some(vec![4.0, 8.0]), Some(vec![12.0, 0.0])]);
    /// # Ok::<(), dmci::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Model::value_and_grad_lanes`]; when an input is no vector or matrix of its shape, or not of
    /// the form that lane 0 has.
    pub fn value_and_grad_lanes_of(
        &self,
        shared: &Bindings,
        per_lane: &[(&str, &[Input])],
        wrt: &[&str],
        on_error: OnError,
        limits: &Limits,
        workspace: &mut Workspace,
    ) -> Result<Lanes, Error> {
        let count = lanes_of(lengths(per_lane))?;
        let columns = per_lane.iter().map(|(n, c)| Column::of_inputs(n, c));
        let columns: Vec<Column<'_>> = columns.collect::<Result<_, _>>()?;
        let done = Done::Kept(on_error);
        let told = self.over_columns(shared, &columns, count, wrt, done, limits, workspace)?;
        Ok(told.whole())
    }

    /// The same of columns of either kind, to be written: lanes that fail leave the others, and there is to
    /// be time for the text.
    #[cfg(feature = "cli")]
    pub(crate) fn value_and_grad_lanes_of_both(
        &self,
        shared: &Bindings,
        numbers: &[(&str, &[f64])],
        inputs: &[(&str, &[Input])],
        wrt: &[&str],
        limits: &Limits,
        workspace: &mut Workspace,
    ) -> Result<Told, Error> {
        let count = lanes_of(lengths(numbers).chain(lengths(inputs)))?;
        let of_inputs = inputs.iter().map(|(n, c)| Column::of_inputs(n, c));
        let columns = numbers.iter().map(|(n, c)| Ok(Column::of_numbers(n, c)));
        let columns: Vec<Column<'_>> = columns.chain(of_inputs).collect::<Result<_, Error>>()?;
        let done = Done::Written;
        self.over_columns(shared, &columns, count, wrt, done, limits, workspace)
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "what its two doors take, and their columns"
    )]
    fn over_columns(
        &self,
        shared: &Bindings,
        per_lane: &[Column<'_>],
        count: usize,
        wrt: &[&str],
        done: Done,
        limits: &Limits,
        workspace: &mut Workspace,
    ) -> Result<Told, Error> {
        let (on_error, is_written) = match done {
            Done::Kept(on_error) => (on_error, false),
            #[cfg(feature = "cli")]
            Done::Written => (OnError::Collect, true),
        };
        let mut bindings = shared.clone();
        let mut met = FxHashSet::default();
        for column in per_lane {
            let name = column.name;
            if !met.insert(name) {
                let name = cut(name);
                return Err(Error::Request(format!(
                    "the lane input `{name}` is given twice; give it once"
                )));
            }
            bindings.set(name, column.first.clone());
        }
        let asked = if wrt.is_empty() {
            Wrt::Nothing
        } else {
            Wrt::Names(wrt)
        };
        let mut lanes = Lanes::new(wrt, shared, per_lane);
        if count == 0 {
            // What is wrong with the request is wrong without lanes too.
            self.ask(&bindings, asked, workspace)?;
            return Ok(Told::of(lanes));
        }
        #[cfg(feature = "dfdx")]
        if self.is_reference() {
            let mut left = limits.fuel;
            let mut none_left = None;
            for lane in 0..count {
                for column in per_lane {
                    bindings.set(column.name, column.at(lane));
                }
                let result = match &none_left {
                    Some(error) => Err(Error::clone(error)),
                    None => self.evaluate(&bindings, asked, &limits.fuel(left), workspace),
                };
                let result = result.map_err(|error| match error {
                    // All lanes have the fuel together, in their order.
                    Error::Eval(mut eval)
                        if eval.kind == Kind::Resource && eval.stats.fuel > left =>
                    {
                        Arc::make_mut(&mut eval).message = out_of_fuel(limits.fuel);
                        let further = EvalError::new(Kind::Resource, eval.message.clone());
                        none_left = Some(Error::from(further));
                        Error::Eval(eval)
                    }
                    error => error,
                });
                let taken = match &result {
                    Ok(evaluation) => evaluation.stats.fuel,
                    Err(Error::Eval(error)) => error.stats.fuel,
                    Err(_) => 0,
                };
                left = left.saturating_sub(taken);
                lanes.push(result, wrt, on_error)?;
            }
            return Ok(Told::of(lanes));
        }
        let asked = self.ask(&bindings, asked, workspace)?;
        let numbers = std::mem::take(&mut workspace.inputs);
        let mut inputs: Vec<LaneInput<'_>> =
            numbers.iter().map(|&x| LaneInput::Shared(x)).collect();
        for column in per_lane {
            let places = self.inputs_of(column.name, &bindings, &asked.given);
            for (offset, index) in places.into_iter().enumerate() {
                let Some(index) = index else { continue };
                inputs[index as usize] = match column.width {
                    1 => LaneInput::Each(&column.numbers),
                    width => LaneInput::Strided(&column.numbers[offset..], width),
                };
            }
        }
        // For each name its columns: whether they are lanes' own, and where they begin.
        let by = crate::model::gradient::columns(&asked.wrt);
        lanes_fit(count, by.len(), wrt, per_lane, limits)?;
        let is_each = |input: u32| !matches!(inputs[input as usize], LaneInput::Shared(_));
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
            terms: Terms {
                fuel_for_each: false,
                counts: true,
                keeps_done: on_error == OnError::Collect,
                is_written,
            },
        };
        let tally = self.with_batch(&of_lanes, |batch| {
            Ok(batch.each(targets, Vec::new(), &mut workspace.tasks)?)
        })?;
        workspace.inputs = numbers;
        let Tally {
            special,
            sums,
            walks,
            stats,
        } = tally;
        (lanes.walks, lanes.stats) = (walks, stats);
        let mut is_done = vec![true; count];
        for (run, special) in special.runs() {
            if let Special::Failed(error) = special {
                if on_error == OnError::Stop {
                    return Err(error.clone().into());
                }
                is_done[run].fill(false);
            }
        }
        let mut sums = sums.into_iter();
        let mut columns = columns.into_iter();
        let widths: HashMap<&str, usize> = per_lane.iter().map(|c| (c.name, c.width)).collect();
        let places = lanes.places(|name| widths.get(name).copied().unwrap_or(0));
        for (name, variable) in &asked.wrt {
            let size = match variable {
                Variable::Unused => 0,
                Variable::Inputs(_, extent) => extent.size(),
            };
            let own: Vec<Vec<f64>> = columns.by_ref().take(size).collect();
            let Some(&place) = places.get(&**name) else {
                continue;
            };
            if let Place::SharedList(at) = place {
                let (_, all) = &mut lanes.shared_lists[at];
                for (entry, _) in all.iter_mut().zip(own) {
                    *entry = sums.next().unwrap_or(0.0) + 0.0;
                }
            } else if let Place::EachList(at, width) = place {
                let (_, rows) = &mut lanes.per_lane_lists[at];
                // Of an input that the program has no use for, all derivatives are 0.
                let row = |lane: usize| {
                    if own.is_empty() {
                        vec![0.0; width]
                    } else {
                        own.iter().map(|column| column[lane]).collect()
                    }
                };
                let done = is_done.iter().enumerate();
                *rows = done.map(|(lane, &is)| is.then(|| row(lane))).collect();
            } else if let Place::Each(at) = place {
                let (_, numbers) = &mut lanes.per_lane[at];
                let all = own.into_iter().next().unwrap_or_else(|| vec![0.0; count]);
                let numbers_of = all.into_iter().zip(&is_done);
                *numbers = numbers_of.map(|(x, &is)| is.then_some(x)).collect();
            } else if let Place::Shared(at) = place
                && size > 0
            {
                lanes.shared[at].1 = sums.next().unwrap_or(0.0) + 0.0;
            }
        }
        Ok(Told {
            lanes,
            numbers: values,
            special,
        })
    }
}

/// What lanes came to: their numbers in a column, as most of them have nothing else.
#[derive(Debug)]
pub(crate) struct Told {
    /// All but the values; and these, where there are no others.
    pub(crate) lanes: Lanes,
    numbers: Vec<f64>,
    /// What lanes have instead, in their order.
    special: Specials,
}

/// The value of one lane.
#[cfg(feature = "cli")]
#[derive(Clone, Copy)]
pub(crate) enum LaneValue<'t> {
    /// A float.
    Number(f64),
    /// Anything.
    Output(&'t Output),
    /// Why it has none; lanes that fail alike have the same.
    Failed(&'t Arc<EvalError>),
    /// The same, of no evaluation.
    Refused(&'t Error),
}

impl Told {
    fn of(lanes: Lanes) -> Self {
        Self {
            lanes,
            numbers: Vec::new(),
            special: Specials::default(),
        }
    }

    /// How many lanes there are.
    #[cfg(feature = "cli")]
    pub(crate) fn count(&self) -> usize {
        self.numbers.len() + self.lanes.values.len()
    }

    /// The values, in the order of lanes.
    #[cfg(feature = "cli")]
    pub(crate) fn values(&self) -> impl Iterator<Item = LaneValue<'_>> {
        let mut special = self.special.each().peekable();
        let numbers = self.numbers.iter().enumerate().map(move |(lane, &x)| {
            let other = special.next_if(|(other, _)| *other == lane);
            match other {
                None => LaneValue::Number(x),
                Some((_, Special::Output(output))) => LaneValue::Output(output),
                Some((_, Special::Failed(error))) => LaneValue::Failed(error),
            }
        });
        numbers.chain(self.lanes.values.iter().map(|value| match value {
            Ok(output) => LaneValue::Output(output),
            Err(Error::Eval(error)) => LaneValue::Failed(error),
            Err(error) => LaneValue::Refused(error),
        }))
    }

    /// With the values among the rest.
    fn whole(mut self) -> Lanes {
        let values = &mut self.lanes.values;
        values.extend(self.numbers.into_iter().map(|x| Ok(Output::of(x))));
        for (lanes, special) in self.special.into_runs() {
            let value = match special {
                Special::Output(output) => Ok(output),
                Special::Failed(error) => Err(Error::from(error)),
            };
            values[lanes].fill(value);
        }
        self.lanes
    }
}

impl Lanes {
    /// No lanes, and a place for the derivatives by each name.
    fn new(wrt: &[&str], shared: &Bindings, per_lane: &[Column<'_>]) -> Self {
        let mut lanes = Self {
            values: Vec::new(),
            shared: Vec::new(),
            per_lane: Vec::new(),
            per_lane_lists: Vec::new(),
            shared_lists: Vec::new(),
            walks: 0,
            stats: Stats::default(),
        };
        let columns: HashMap<&str, &Column<'_>> = per_lane.iter().map(|c| (c.name, c)).collect();
        for &name in wrt {
            let input = shared.get(name).filter(|i| !matches!(i, Input::Number(_)));
            if let Some(column) = columns.get(name) {
                if matches!(column.first, Input::Number(_)) {
                    lanes.per_lane.push((name.to_owned(), Vec::new()));
                } else {
                    lanes.per_lane_lists.push((name.to_owned(), Vec::new()));
                }
            } else if let Some(input) = input {
                let zeros = vec![0.0; input.numbers().len()];
                lanes.shared_lists.push((name.to_owned(), zeros));
            } else {
                lanes.shared.push((name.to_owned(), 0.0));
            }
        }
        lanes
    }

    /// Where the derivatives by each name are, the first of a name; `width` is how many numbers a lane has of
    /// a name.
    pub(crate) fn places(&self, width: impl Fn(&str) -> usize) -> HashMap<String, Place> {
        let mut places = HashMap::new();
        let mut add = |name: &String, place: Place| {
            places.entry(name.clone()).or_insert(place);
        };
        for (at, (name, _)) in self.shared.iter().enumerate() {
            add(name, Place::Shared(at));
        }
        for (at, (name, _)) in self.shared_lists.iter().enumerate() {
            add(name, Place::SharedList(at));
        }
        for (at, (name, _)) in self.per_lane.iter().enumerate() {
            add(name, Place::Each(at));
        }
        for (at, (name, _)) in self.per_lane_lists.iter().enumerate() {
            add(name, Place::EachList(at, width(name)));
        }
        places
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
                for (_, rows) in &mut self.per_lane_lists {
                    rows.push(None);
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
        self.stats.add(&evaluation.stats, 1);
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
        for (name, rows) in &mut self.per_lane_lists {
            rows.push(Some(gradient.jacobian(name).unwrap_or(&[]).to_vec()));
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

fn lists_by_lane<S: Serializer>(
    columns: &[(String, Vec<Option<Vec<f64>>>)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let row = |numbers: &Vec<f64>| numbers.iter().map(|&x| Number(x)).collect::<Vec<_>>();
    let rows = |lanes: &Vec<Option<Vec<f64>>>| {
        let lanes = lanes.iter().map(|numbers| numbers.as_ref().map(row));
        lanes.collect::<Vec<_>>()
    };
    serializer.collect_map(columns.iter().map(|(name, lanes)| (name, rows(lanes))))
}
