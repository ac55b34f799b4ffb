//! Outside the course: what a small move of a constant flips, and how the value moves there.
//!
//! A verified run goes in, warnings come out.
//!
//! **Invariants**
//! - Nothing is told where the value is smooth across what flips, with the slope of the path taken.
//! - Slopes outside are taken some steps off, on either side, and carried back to the point in first
//!   order. Those that are others a quarter as far off are none.

use super::certificate::{GuardRecord, Warning};
use super::differences::{Estimate, central, scale_of};
use super::{FAINT, Job, TRUST, largest};
use crate::paths::Workspace;

/// Moves larger than two to this power, relatively, are not small.
const LARGEST: i32 = -10;

/// Moves smaller than two to this power are none: the point lies on what flips.
const SMALLEST: i32 = -50;

/// How far off slopes are taken, at the least, relatively.
const OFF: i32 = -12;

/// How many warnings there are at the most.
const WARNINGS: usize = 8;

/// What a side of the point looks like: the slopes there, the values that they lead to at the point,
/// and how far the slopes may be off.
struct Side {
    slopes: Vec<f64>,
    values: Vec<f64>,
    error: f64,
}

impl Job<'_> {
    pub(super) fn warnings(&self, moved: &[bool], workspace: &mut Workspace) -> Vec<Warning> {
        let mut warnings = Vec::new();
        for (index, &moved) in moved.iter().enumerate() {
            if warnings.len() == WARNINGS {
                break;
            }
            if moved {
                warnings.extend(self.warning(index, workspace));
            }
        }
        warnings
    }

    fn warning(&self, index: usize, workspace: &mut Workspace) -> Option<Warning> {
        let at = self.constant(index).filter(|at| at.is_finite())?;
        let (step, place) = self.flipped_by(index, at)?;
        let scale = scale_of(at);
        let off = (32.0 * step).max(scale * 2.0_f64.powi(OFF));
        let below = self.side(index, at, -off, workspace);
        let above = self.side(index, at, off, workspace);
        let derivatives = self.usual_by(index);
        let usual: Vec<f64> = self.usual.value.numbers().collect();
        let noise = self.noise_of_value();
        let mut worst: Option<(f64, Warning)> = None;
        let span = self.direct.span_of_place(place);
        let (place, text) = GuardRecord::at(self.text, span);
        for (row, &derivative) in derivatives.iter().enumerate() {
            let slope = |side: &Option<Side>| side.as_ref().map_or(f64::NAN, |s| s.slopes[row]);
            let jump = |side: &Option<Side>| {
                side.as_ref().map_or(0.0, |s| {
                    let jump = s.values[row] - usual[row];
                    let steepest = s.slopes[row].abs().max(FAINT * usual[row].abs() / scale);
                    let seen = Warning::ALIKE * off * steepest.max(derivative.abs()) + 1e2 * noise;
                    if jump.abs() > seen { jump } else { 0.0 }
                })
            };
            let [down, up] = [slope(&below), slope(&above)];
            let [jump_down, jump_up] = [jump(&below), jump(&above)];
            let jump = if jump_up.abs() > jump_down.abs() {
                jump_up
            } else {
                jump_down
            };
            let off_by = |slope: f64, side: &Option<Side>| {
                let error = side.as_ref().map_or(0.0, |side| side.error);
                let size = derivative.abs().max(slope.abs());
                let size = size.max(FAINT * usual[row].abs() / scale);
                let apart = (slope - derivative).abs() - TRUST * error;
                // No slope at all tells nothing.
                if apart > Warning::ALIKE * size {
                    apart / size
                } else {
                    0.0
                }
            };
            let mut wrong = off_by(down, &below).max(off_by(up, &above));
            if jump != 0.0 {
                wrong = wrong.max(jump.abs() / (off * derivative.abs()).max(f64::MIN_POSITIVE));
            }
            if wrong > 0.0 && worst.as_ref().is_none_or(|(most, _)| wrong > *most) {
                let warning = Warning {
                    constant: self.entries[index].label.clone(),
                    step,
                    place,
                    text: text.clone(),
                    derivative,
                    below: down,
                    above: up,
                    jump,
                };
                worst = Some((wrong, warning));
            }
        }
        worst.map(|(_, warning)| warning)
    }

    /// The smallest move of a constant that was seen to flip something, 0 if any does, and the place of
    /// what it flips; none where a small move does not.
    fn flipped_by(&self, index: usize, at: f64) -> Option<(f64, u32)> {
        let column = self.entries[index].column? as usize;
        let course = self.course();
        let mut numbers = self.recorded.numbers.clone();
        let mut values = Vec::new();
        let scale = scale_of(at);
        let mut found = None;
        for power in (SMALLEST..=LARGEST).rev() {
            let step = scale * 2.0_f64.powi(power);
            let place = [at + step, at - step].into_iter().find_map(|x| {
                numbers[column] = x;
                course.left_at(&numbers, &mut values)
            });
            let Some(place) = place else {
                return found;
            };
            found = Some((step, place));
        }
        found.map(|(_, place)| (0.0, place))
    }

    /// One side of the point as it looks from two distances; a slope or value is NaN where these say
    /// otherwise.
    fn side(&self, index: usize, at: f64, off: f64, workspace: &mut Workspace) -> Option<Side> {
        let far = self.side_from(index, at, off, workspace)?;
        let near = self.side_from(index, at, 0.25 * off, workspace)?;
        let error = far.error + near.error;
        let agreed = |near: &[f64], far: &[f64], allowed: &dyn Fn(f64) -> f64| -> Vec<f64> {
            let pairs = near.iter().zip(far);
            let agreed = pairs.map(|(&near, &far)| {
                let apart = (near - far).abs();
                if apart <= allowed(near.abs().max(far.abs())) {
                    near
                } else {
                    f64::NAN
                }
            });
            agreed.collect()
        };
        let size = largest(&far.slopes);
        let slopes = agreed(&near.slopes, &far.slopes, &|size| {
            Warning::ALIKE * size + TRUST * error
        });
        let values = agreed(&near.values, &far.values, &|value| {
            Warning::ALIKE * off.abs() * size + 1e-9 * value
        });
        Some(Side {
            slopes,
            values,
            error,
        })
    }

    /// Slopes and values beside the point, `off` away, wherever the program goes there; carried back to
    /// it. None where the value is not made of as many finite numbers.
    fn side_from(
        &self,
        index: usize,
        at: f64,
        off: f64,
        workspace: &mut Workspace,
    ) -> Option<Side> {
        let noise = self.noise_of_value();
        let mut slopes_at = |x: f64| -> Option<Estimate> {
            let mut f = |x: f64| self.values_at(index, x, workspace);
            central(x, 4.0 * off.abs(), noise, &mut f)
        };
        let near = slopes_at(at + off)?;
        let far = slopes_at(at + 2.0 * off)?;
        let there = self.values_at(index, at + off, workspace)?;
        let pairs = near.derivatives.iter().zip(&far.derivatives);
        let slopes: Vec<f64> = pairs.map(|(near, far)| 2.0 * near - far).collect();
        let error = 2.0 * near.error + far.error;
        let size = largest(&slopes).max(FAINT * largest(&there) / scale_of(at));
        if error.is_nan() || error > size {
            return None;
        }
        let middle = slopes.iter().zip(&near.derivatives);
        let values = there.iter().zip(middle);
        let values = values.map(|(y, (at, off_there))| y - off * 0.5 * (at + off_there));
        Some(Side {
            values: values.collect(),
            slopes,
            error,
        })
    }
}
