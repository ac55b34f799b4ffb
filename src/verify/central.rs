//! Differences: of values against first derivatives, of first derivatives against second ones.
//!
//! **Invariants**
//! - Values come from walks that record nothing, of the program with one constant changed; first
//!   derivatives from sweeps of the recorded path.
//! - A step that leaves the course of the run does not count; but where no other serves, and differences
//!   across agree with the derivatives, they are good for these. They are never held against them.
//! - Of a list, vector or matrix as many numbers are moved as a budget of applications allows, evenly
//!   over all; constants that are one number always are.

use super::certificate::{Check, Difference, Status, Way};
use super::course::Course;
use super::differences::{Estimate, central, max_or_nan, scale_of};
use super::rounding::before;
use super::{CENTRAL, FAINT, Job, ROUGH, TRUST, apart, largest, pass_if, skipped};
use crate::model::Error;
use crate::model::bindings::{Bindings, Input, Wrt};
use crate::paths::Workspace;
use crate::trace::sweep::Adjoints;
use crate::walk::Output;

/// How many points a derivative by differences takes, about.
const POINTS: u64 = 48;

/// The most applications of all walks for the numbers of lists, vectors and matrices together.
const APPLICATIONS: u64 = 1 << 24;

/// What a walk takes at least, in applications.
const WALK: u64 = 500;

/// The numbers of a list, vector or matrix that are moved at the least.
const FEWEST: u64 = 4;

/// The most numbers by which second derivatives are checked.
const SECOND: usize = 64;

/// The most operations of the trace times numbers squared for second derivatives.
const SECOND_OPERATIONS: usize = 1 << 26;

/// What differences made of one constant.
enum Found {
    /// The largest difference, their own estimate, and what both are relative to.
    Judged(f64, f64, f64),
    /// No step serves.
    Rough,
    /// It was left out.
    Left,
}

impl Job<'_> {
    /// The constants that differences are taken by.
    pub(super) fn moved(&self) -> Vec<bool> {
        let walk = self.recorded.stats.applications.max(WALK) * POINTS;
        let count = (APPLICATIONS / walk).max(FEWEST) as usize;
        let parts: Vec<usize> = (0..self.entries.len())
            .filter(|&index| self.entries[index].of > 1)
            .collect();
        let mut moved: Vec<bool> = self.entries.iter().map(|entry| entry.of <= 1).collect();
        let count = count.min(parts.len());
        for i in 0..count {
            moved[parts[i * parts.len() / count]] = true;
        }
        moved
    }

    pub(super) fn check_central(
        &mut self,
        moved: &[bool],
        workspace: &mut Workspace,
    ) -> (Check, Vec<Option<Estimate>>) {
        let way = Way::Central;
        let noise = self.noise_of_value();
        let mut estimates = Vec::with_capacity(self.entries.len());
        let mut found = Vec::with_capacity(self.entries.len());
        for (index, &is_moved) in moved.iter().enumerate() {
            if !is_moved {
                estimates.push(None);
                found.push(Found::Left);
                continue;
            }
            let mut estimate = self.central(index, noise, workspace);
            let usual = self.usual_by(index);
            if !self.serves(index, &usual, self.scales[index], estimate.as_ref())
                && let Some(at) = self.constant(index)
            {
                let mut f = |x: f64| self.values_at(index, x, workspace);
                let across = best_of_scales(at, noise, &mut f);
                if self.agrees(index, &usual, self.scales[index], across.as_ref()) {
                    estimate = across;
                }
            }
            found.push(match &estimate {
                None if self.is_unused(index) => Found::Judged(0.0, 0.0, 0.0),
                None => Found::Rough,
                Some(estimate) if !self.sees(index, &usual, estimate) => Found::Rough,
                Some(estimate) => {
                    let others = &estimate.derivatives;
                    let wrong = usual.iter().zip(others).map(|(a, b)| apart(*a, *b));
                    let wrong = wrong.fold(0.0, max_or_nan);
                    let scale = self.scales[index].max(largest(others));
                    Found::Judged(wrong, estimate.error, scale)
                }
            });
            estimates.push(estimate);
        }
        (self.judge(way, &found), estimates)
    }

    /// Second derivatives against differences of first ones.
    pub(super) fn check_second(
        &mut self,
        moved: &[bool],
        workspace: &mut Workspace,
    ) -> Result<Check, Error> {
        let way = Way::Second;
        let allowed = [0.0, CENTRAL];
        let used = self.entries.iter().filter(|e| e.column.is_some()).count();
        let operations = self.recorded.path.trace.len();
        if self.outputs() != 1 {
            let note = format!(
                "second derivatives are of one number, and the value has {}",
                self.outputs()
            );
            return Ok(skipped(way, allowed, note));
        }
        if used > SECOND || operations.saturating_mul(used * used) > SECOND_OPERATIONS {
            let note = format!(
                "{used} numbers and {operations} operations are too many for second derivatives"
            );
            return Ok(skipped(way, allowed, note));
        }
        let names = Wrt::Names(&self.names);
        let limits = &self.options.limits;
        let hessian = match self
            .model
            .hessian_within(self.bindings, names, limits, workspace)
        {
            Ok(hessian) => hessian,
            Err(Error::Eval(error)) if error.kind == crate::Kind::Resource => {
                return Ok(skipped(way, allowed, error.message.clone()));
            }
            Err(error) => return Err(error),
        };
        let size = self.entries.len();
        let noise = self.noise_of_gradient(0, workspace);
        let noise = largest(&noise);
        let gradient: Vec<f64> = (0..size).flat_map(|index| self.usual_by(index)).collect();
        let mut found = Vec::with_capacity(size);
        let all = largest(hessian.matrix());
        for (index, &is_moved) in moved.iter().enumerate() {
            if self.entries[index].column.is_none() || !is_moved {
                found.push(Found::Left);
                continue;
            }
            let Some(at) = self.constant(index) else {
                found.push(Found::Left);
                continue;
            };
            let mut adjoints = Adjoints::default();
            let mut gradient_at = |x: f64| self.gradient_at(index, x, &mut adjoints);
            let mut estimate = best_of_scales(at, noise, &mut gradient_at);
            let row = &hessian.matrix()[index * size..(index + 1) * size];
            let size_of_row = largest(row).max(FAINT * largest(&gradient) / scale_of(at));
            if !self.serves(index, row, size_of_row, estimate.as_ref()) {
                let mut across = |x: f64| self.gradient_across(index, x, workspace);
                let across = best_of_scales(at, noise, &mut across);
                if self.agrees(index, row, size_of_row, across.as_ref()) {
                    estimate = across;
                }
            }
            found.push(match estimate {
                None => Found::Rough,
                Some(estimate) if !self.sees(index, row, &estimate) => Found::Rough,
                Some(estimate) => {
                    let others = &estimate.derivatives;
                    let wrong = row.iter().zip(others).map(|(a, b)| apart(*a, *b));
                    let wrong = wrong.fold(0.0, max_or_nan);
                    let scale = size_of_row.max(largest(others));
                    // Entries next to much larger ones drown in these.
                    Found::Judged(wrong, estimate.error, scale.max(FAINT * all))
                }
            });
        }
        let mut check = self.judge(way, &found);
        if cfg!(feature = "dfdx") {
            let note = "dfdx has no second derivatives; differences of first ones judge alone";
            check.note = Some(before(note, check.note.take()));
        }
        Ok(check)
    }

    /// Whether differences can judge derivatives of a size.
    fn serves(&self, index: usize, usual: &[f64], size: f64, found: Option<&Estimate>) -> bool {
        found.is_some_and(|estimate| {
            let scale = size.max(largest(&estimate.derivatives));
            self.sees(index, usual, estimate) && estimate.error <= ROUGH * scale
        })
    }

    /// Whether they can, and agree with them.
    fn agrees(&self, index: usize, usual: &[f64], size: f64, found: Option<&Estimate>) -> bool {
        self.serves(index, usual, size, found)
            && found.is_some_and(|estimate| {
                let pairs = usual.iter().zip(&estimate.derivatives);
                let wrong = pairs.map(|(a, b)| apart(*a, *b)).fold(0.0, max_or_nan);
                wrong <= (TRUST * estimate.error).max(CENTRAL * size)
            })
    }

    /// Whether differences could see that a constant has these derivatives.
    fn sees(&self, index: usize, derivatives: &[f64], estimate: &Estimate) -> bool {
        let at = self.constant(index).unwrap_or(0.0);
        estimate.sees(largest(derivatives), at)
    }

    /// What differences found, as a check; notes how far each constant is off.
    fn judge(&mut self, way: Way, found: &[Found]) -> Check {
        let (mut status, mut worst) = (Status::Pass, 0.0);
        let (mut rough, mut left) = (Vec::new(), 0);
        for (index, found) in found.iter().enumerate() {
            let (one, relative) = match *found {
                Found::Left => {
                    left += usize::from(self.entries[index].column.is_some());
                    continue;
                }
                Found::Rough => (Status::Inconclusive, 0.0),
                Found::Judged(wrong, error, scale) => {
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
                rough.push(self.entries[index].label.as_str());
            } else {
                self.differences[index].push(Difference { way, relative });
                worst = max_or_nan(worst, relative);
            }
            status = match (status, one) {
                (Status::Fail, _) | (_, Status::Fail) => Status::Fail,
                (Status::Inconclusive, _) | (_, Status::Inconclusive) => Status::Inconclusive,
                _ => Status::Pass,
            };
        }
        let mut notes = Vec::new();
        if !rough.is_empty() {
            const NAMED: usize = 8;
            let more = rough.len().saturating_sub(NAMED);
            rough.truncate(NAMED);
            let more = if more > 0 {
                format!(" and {more} more")
            } else {
                String::new()
            };
            notes.push(format!(
                "no step serves `{}`{more}: a jump or a kink is near, or the derivative drowns in rounding",
                rough.join("`, `")
            ));
        }
        if left > 0 {
            let all = self.entries.iter().filter(|e| e.column.is_some()).count();
            notes.push(format!("{} of {all} numbers were moved", all - left));
        }
        Check {
            way,
            status,
            value: 0.0,
            gradient: worst,
            allowed: [0.0, CENTRAL],
            note: (!notes.is_empty()).then(|| notes.join("; ")),
        }
    }

    /// Differentiates the program's values by one constant, by walks on the same course that record
    /// nothing.
    fn central(&self, index: usize, noise: f64, workspace: &mut Workspace) -> Option<Estimate> {
        let at = self.constant(index)?;
        let course = self.course();
        let mut numbers = self.recorded.numbers.clone();
        let mut values = Vec::new();
        let mut f = |x: f64| {
            if let Some(column) = self.entries[index].column {
                numbers[column as usize] = x;
                if course.left_at(&numbers, &mut values).is_some() {
                    return None;
                }
            }
            self.values_at(index, x, workspace)
        };
        best_of_scales(at, noise, &mut f)
    }

    pub(super) fn course(&self) -> Course<'_> {
        let path = &self.recorded.path;
        let outputs: Vec<_> = path.leaves.iter().copied().flatten().collect();
        Course::new(&path.trace, &self.values, &outputs)
    }

    /// The derivatives of the value, one number, with one constant changed; none off the course.
    fn gradient_at(&self, index: usize, x: f64, adjoints: &mut Adjoints) -> Option<Vec<f64>> {
        let mut numbers = self.recorded.numbers.clone();
        numbers[self.entries[index].column? as usize] = x;
        let mut values = Vec::new();
        if self.course().left_at(&numbers, &mut values).is_some() {
            return None;
        }
        let path = &self.recorded.path;
        let derivative = |column: Option<u32>, adjoints: &Adjoints| match column {
            Some(column) => adjoints.of(column as usize),
            None => 0.0,
        };
        let seeds: Vec<_> = path.leaves[0].iter().map(|&leaf| (leaf, 1.0)).collect();
        path.trace.sweep(&values, &seeds, adjoints);
        let all = self.entries.iter().map(|e| derivative(e.column, adjoints));
        let all: Vec<f64> = all.collect();
        all.iter().all(|d| d.is_finite()).then_some(all)
    }

    /// The derivatives of the value with one constant changed, wherever the program goes; none of
    /// literals.
    fn gradient_across(&self, index: usize, x: f64, workspace: &mut Workspace) -> Option<Vec<f64>> {
        let bindings = self.bindings_with(index, x)?;
        let names = Wrt::Names(&self.names);
        let limits = &self.options.limits;
        let found = self.direct.evaluate(&bindings, names, limits, workspace);
        let gradient = found.ok()?.gradient;
        let all = (0..self.entries.len()).flat_map(|entry| self.column_of(&gradient, entry));
        let all: Vec<f64> = all.collect();
        let sound = all.len() == self.entries.len() && all.iter().all(|d| d.is_finite());
        sound.then_some(all)
    }

    /// The numbers of the program's value with one constant changed; none where they are fewer or more,
    /// or not finite.
    pub(super) fn values_at(
        &self,
        index: usize,
        x: f64,
        workspace: &mut Workspace,
    ) -> Option<Vec<f64>> {
        let value = self.value_at(index, x, workspace)?;
        let found: Vec<f64> = value.numbers().collect();
        let sound = found.len() == self.outputs() && found.iter().all(|y| y.is_finite());
        sound.then_some(found)
    }

    /// The program's value with one constant changed: a literal, in the text.
    fn value_at(&self, index: usize, x: f64, workspace: &mut Workspace) -> Option<Output> {
        let limits = &self.options.limits;
        let entry = &self.entries[index];
        let name = self.names[entry.name];
        if let Some(span) = self.direct.span_of_literal(name) {
            let (start, end) = (span.start as usize, span.end as usize);
            let text = format!("{}{x:?}{}", &self.text[..start], &self.text[end..]);
            let model = self.interpreter.model_for(
                &text,
                self.bindings,
                crate::model::interpreter::Mode::Direct,
            );
            let model = model.ok()?.with_relaxation(self.options.relaxation).ok()?;
            return model.value_once(self.bindings, limits, workspace).ok();
        }
        let bindings = self.bindings_with(index, x)?;
        self.direct.value_once(&bindings, limits, workspace).ok()
    }

    /// The inputs with one number changed; none for a literal.
    fn bindings_with(&self, index: usize, x: f64) -> Option<Bindings> {
        let entry = &self.entries[index];
        let name = self.names[entry.name];
        if name.starts_with('@') {
            return None;
        }
        let mut bindings = self.bindings.clone();
        let mut input = bindings.get(name).cloned().unwrap_or(Input::Number(x));
        match &mut input {
            Input::Number(number) => *number = x,
            Input::List(numbers) | Input::Vector(numbers) | Input::Matrix { numbers, .. } => {
                *numbers.get_mut(entry.at)? = x;
            }
        }
        bindings.set(name, input);
        Some(bindings)
    }
}

/// Differences by steps relative to the number; where they are too rough for a small one, because
/// rounding drowns its steps, by steps relative to 1.
fn best_of_scales(
    at: f64,
    noise: f64,
    f: &mut dyn FnMut(f64) -> Option<Vec<f64>>,
) -> Option<Estimate> {
    let scale = scale_of(at);
    let first = central(at, scale, noise, f);
    let roughness = |estimate: &Option<Estimate>| {
        estimate.as_ref().map_or(f64::INFINITY, |estimate| {
            let largest = largest(&estimate.derivatives);
            if largest == 0.0 {
                estimate.error
            } else {
                estimate.error / largest
            }
        })
    };
    if scale >= 1.0 || roughness(&first) <= ROUGH * CENTRAL.sqrt() {
        return first;
    }
    let second = central(at, 1.0, noise, f);
    if roughness(&second) < roughness(&first) {
        second
    } else {
        first
    }
}
