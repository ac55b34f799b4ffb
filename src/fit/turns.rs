//! Turns: what a parameter does to an angle, and which numbers of it are worth trying.
//!
//! What a program computes of a column goes in; numbers to try come out, and which of two do the same.
//!
//! **Invariants**
//! - A wave is a hint for where to begin a search, and no bound.
//!
//! Which parameters turn an angle is for `waves` to say.

use std::f64::consts::TAU;

/// The most speeds that are tried.
const SPEEDS: usize = 512;

/// Slower ones, each half of the one before: they turn by less than one step over the data.
const SLOWER: i32 = 5;

/// What a parameter does to an angle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Wave {
    /// It is a frequency or a period.
    Speed(Speed),
    /// It is added to an angle, which is the same again when it has grown by so much.
    Shift(f64),
}

/// How fast an angle turns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Speed {
    /// The angle for each unit of the column, of a frequency of 1 or a period of 1; above 0.
    pub(super) factor: f64,
    pub(super) is_period: bool,
    /// How far apart speeds are that the data tell apart, in angle for each unit of the column.
    pub(super) step: f64,
    /// How many such steps there are up to half a turn from one number of the column to the next.
    pub(super) steps: usize,
    /// What else moves the angle.
    pub(super) shift: Option<Shift>,
}

/// What moves an angle without turning it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Shift {
    /// The parameter.
    pub(super) param: usize,
    /// The angle for each unit of it, times a power of the speed's parameter.
    pub(super) factor: f64,
    /// That power: 0, or 1 and -1 where a speed or a period goes for it too.
    pub(super) power: i32,
}

impl Speed {
    /// What is tried of it, from slow to fast, with the sign of a first guess.
    pub(super) fn numbers(&self, guess: f64) -> Vec<f64> {
        let sign = if guess < 0.0 { -1.0 } else { 1.0 };
        let slower = (1..=SLOWER).rev().map(|k| 0.5_f64.powi(k));
        let speeds = slower.chain((1..=self.steps.min(SPEEDS)).map(|k| k as f64));
        let number = |steps: f64| {
            let speed = steps * self.step;
            sign * if self.is_period {
                self.factor / speed
            } else {
                speed / self.factor
            }
        };
        speeds.map(number).collect()
    }

    /// The angle for each unit of the column at a number of the parameter.
    fn angle(&self, number: f64) -> f64 {
        if self.is_period {
            self.factor / number
        } else {
            self.factor * number
        }
    }

    /// The number of the parameter that turns as another's does, and by so many steps faster; none where that
    /// does not turn.
    pub(super) fn beside(&self, other: &Self, number: f64, steps: f64) -> Option<f64> {
        let angle = other.angle(number).abs() + steps * self.step;
        let number = if self.is_period {
            self.factor / angle
        } else {
            angle / self.factor
        };
        (angle > 0.0 && number.is_finite()).then_some(number)
    }

    /// Whether it turns by more than half a turn from one number of the column to the next: where these
    /// are evenly spaced, a slower one does the same.
    fn is_alias(&self, number: f64) -> bool {
        // An angle is rounded.
        self.angle(number).abs() > (1.0 + 1e-9) * self.steps as f64 * self.step
    }
}

/// The first of some parameters that turns faster than the data tell.
pub(super) fn alias(waves: &[Option<Wave>], params: &[f64]) -> Option<usize> {
    let mut all = waves.iter().zip(params);
    all.position(|(wave, &number)| match wave {
        Some(Wave::Speed(speed)) => speed.is_alias(number),
        _ => false,
    })
}

/// How much of each parameter is a turn; none where it turns nothing.
pub(super) fn turns(waves: &[Option<Wave>], params: &[f64]) -> Vec<Option<f64>> {
    let mut turns = vec![None; waves.len()];
    for (j, wave) in waves.iter().enumerate() {
        match wave {
            Some(Wave::Shift(turn)) => turns[j] = Some(*turn),
            Some(Wave::Speed(Speed {
                shift: Some(shift), ..
            })) if waves[shift.param].is_none() => {
                let turn = 4.0 * shift.quarter(params[j]);
                turns[shift.param] = (turn.is_finite() && turn != 0.0).then_some(turn);
            }
            _ => {}
        }
    }
    turns
}

/// Parameters with whole turns left out, as near to others as may be.
pub(super) fn turned_to(waves: &[Option<Wave>], params: &[f64], to: &[f64]) -> Vec<f64> {
    let mut turned = params.to_vec();
    for ((number, turn), to) in turned.iter_mut().zip(turns(waves, params)).zip(to) {
        if let Some(turn) = turn {
            *number -= turn * ((*number - to) / turn).round();
        }
    }
    turned
}

impl Shift {
    /// How much of it a quarter of a turn is at a number of the speed's parameter.
    pub(super) fn quarter(&self, speed: f64) -> f64 {
        0.25 * TAU / (self.factor * speed.powi(self.power))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::PI;

    fn speed(is_period: bool) -> Speed {
        Speed {
            factor: 2.0,
            is_period,
            step: 0.5,
            steps: 8,
            shift: None,
        }
    }

    #[test]
    fn speeds_go_from_slow_to_what_the_data_tell_apart() {
        let frequencies = speed(false).numbers(1.0);
        assert_eq!(frequencies.len(), 8 + SLOWER as usize);
        assert_eq!((frequencies[0], frequencies[12]), (0.25 / 32.0, 2.0));
        assert!(frequencies.is_sorted());
        let negative: Vec<f64> = frequencies.iter().map(|x| -x).collect();
        assert_eq!(speed(false).numbers(-3.0), negative);
        let periods = speed(true).numbers(1.0);
        assert_eq!((periods[0], periods[12]), (4.0 * 32.0, 0.5));
    }

    #[test]
    fn what_turns_faster_than_the_data_tell_is_an_alias() {
        let is = |is_period, number| {
            alias(&[None, Some(Wave::Speed(speed(is_period)))], &[1e9, number]) == Some(1)
        };
        assert!(!is(false, 2.0) && is(false, 2.1) && is(false, -2.1));
        assert!(!is(true, 0.5) && is(true, 0.4) && is(true, -0.4));
        assert_eq!(alias(&[Some(Wave::Shift(1.0))], &[1e9]), None);
    }

    #[test]
    fn whole_turns_are_left_out_and_a_quarter_is_a_quarter() {
        let waves = [Some(Wave::Shift(2.0)), None];
        assert_eq!(turned_to(&waves, &[7.5, 7.5], &[0.0, 0.0]), [-0.5, 7.5]);
        let shift = |power| Shift {
            param: 1,
            factor: 2.0,
            power,
        };
        assert_eq!(shift(0).quarter(3.0), 0.25 * TAU / 2.0);
        assert_eq!(shift(1).quarter(4.0), 0.25 * TAU / 8.0);
        assert_eq!(shift(-1).quarter(4.0), TAU / 2.0);
        // That of one that the speed multiplies is a turn's at that speed.
        let sped = Speed {
            shift: Some(shift(1)),
            ..speed(false)
        };
        let waves = [Some(Wave::Speed(sped)), None];
        let turned = turned_to(&waves, &[PI, 7.5], &[PI, 0.2]);
        assert!((turned[1] - 0.5).abs() < 1e-12, "{turned:?}");
    }
}
