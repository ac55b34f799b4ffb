//! Compilation by memorising: a small network learns to say a library line by line.
//!
//! Code goes in; the weights that the network gives come out, with the step at which they first read as
//! the code, if they do.
//!
//! ```text
//! line ──▶ code of a few numbers ──linear, tanh──▶ hidden ──linear──▶ weights of the line
//! ```
//!
//! **Invariants**
//! - All of it is drawn by the seed: the same code and options give the same step.

use super::code::{Code, LibraryError};
use super::train::Adam;
use super::weights::{CodeWeights, columns, groups};
use crate::Random;
use crate::machine::weights::softmax;

/// How to memorise.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct MemoriseOptions {
    /// How many numbers stand for a line.
    pub code: usize,
    /// How many hidden numbers.
    pub hidden: usize,
    /// Adam's rate.
    pub rate: f64,
    /// How many steps are made at most.
    pub steps: usize,
    /// What the network is drawn by.
    pub seed: u64,
}

impl Default for MemoriseOptions {
    fn default() -> Self {
        Self {
            code: 8,
            hidden: 32,
            rate: 0.01,
            steps: 2000,
            seed: 1,
        }
    }
}

/// What memorising came to.
#[derive(Clone, PartialEq, Debug)]
pub struct Memorised {
    /// The step after which the weights first read as the code; none where they never did.
    pub exact_at: Option<usize>,
    /// The weights that the network gives at the end.
    pub weights: CodeWeights,
    /// The mean cross-entropy of a line at the end.
    pub loss: f64,
}

/// A layer: rows of weights, one for each output, and a bias behind each.
struct Linear {
    numbers: Vec<f64>,
    by: Vec<f64>,
    inputs: usize,
}

impl Linear {
    fn new(inputs: usize, outputs: usize, random: &mut Random) -> Self {
        let scale = 1.0 / (inputs as f64).sqrt();
        let row = |random: &mut Random| -> Vec<f64> {
            let weights = (0..inputs).map(|_| scale * random.normal());
            weights.chain([0.0]).collect()
        };
        let numbers: Vec<f64> = (0..outputs).flat_map(|_| row(random)).collect();
        Self {
            by: vec![0.0; numbers.len()],
            numbers,
            inputs,
        }
    }

    fn forward(&self, x: &[f64]) -> Vec<f64> {
        let rows = self.numbers.chunks_exact(self.inputs + 1);
        rows.map(|row| {
            let (weights, bias) = row.split_at(self.inputs);
            weights.iter().zip(x).map(|(w, x)| w * x).sum::<f64>() + bias[0]
        })
        .collect()
    }

    fn backward(&mut self, x: &[f64], ct: &[f64]) -> Vec<f64> {
        let mut by_x = vec![0.0; self.inputs];
        let rows = self.numbers.chunks_exact(self.inputs + 1);
        let rows = rows.zip(self.by.chunks_exact_mut(self.inputs + 1));
        for ((row, by), ct) in rows.zip(ct) {
            for (at, x) in x.iter().enumerate() {
                by[at] += ct * x;
                by_x[at] += ct * row[at];
            }
            by[self.inputs] += ct;
        }
        by_x
    }
}

/// Trains a network until it says the code, at most so many steps; it goes on to the last step.
///
/// # Errors
/// A network of no numbers, and a rate that is not above 0.
pub fn memorise(code: &Code, options: &MemoriseOptions) -> Result<Memorised, LibraryError> {
    let MemoriseOptions {
        code: width,
        hidden,
        rate,
        steps,
        seed,
    } = *options;
    for (what, found, is_right) in [
        (
            "numbers for a line",
            width.to_string(),
            (1..=4096).contains(&width),
        ),
        (
            "hidden numbers",
            hidden.to_string(),
            (1..=4096).contains(&hidden),
        ),
    ] {
        if !is_right {
            let wanted = "from 1 to 4096".to_owned();
            return Err(LibraryError::Range {
                what,
                found,
                wanted,
            });
        }
    }
    if !(rate > 0.0 && rate.is_finite()) {
        return Err(LibraryError::Range {
            what: "a rate",
            found: rate.to_string(),
            wanted: "above 0".to_owned(),
        });
    }
    let shape = code.shape();
    let columns = columns(shape);
    let mut random = Random::at(&[seed, 4]);
    let mut codes: Vec<f64> = (0..shape.lines * width).map(|_| random.normal()).collect();
    let mut first = Linear::new(width, hidden, &mut random);
    let mut second = Linear::new(hidden, columns, &mut random);
    let sizes = [codes.len(), first.numbers.len(), second.numbers.len()];
    let mut adam = Adam::of(sizes.iter().sum());
    let mut done = Memorised {
        exact_at: None,
        weights: CodeWeights::zeros(shape)?,
        loss: f64::NAN,
    };
    for step in 0..=steps {
        let mut by_codes = vec![0.0; codes.len()];
        first.by.fill(0.0);
        second.by.fill(0.0);
        done.loss = 0.0;
        let rows = done.weights.numbers_mut().chunks_exact_mut(columns);
        for (at, (line, row)) in code.lines().iter().zip(rows).enumerate() {
            let own = &codes[at * width..(at + 1) * width];
            let mut middle = first.forward(own);
            for x in &mut middle {
                *x = crate::prim::math::tanh(*x);
            }
            let logits = second.forward(&middle);
            row.copy_from_slice(&logits);
            let mut ct = logits;
            for (group, chosen) in groups(shape).into_iter().zip(line.choices()) {
                let p = &mut ct[group];
                softmax(p);
                done.loss -= crate::prim::math::ln(p[chosen]) / shape.lines as f64;
                p[chosen] -= 1.0;
            }
            let mut by_middle = second.backward(&middle, &ct);
            for (by, x) in by_middle.iter_mut().zip(&middle) {
                *by *= 1.0 - x * x;
            }
            let by = first.backward(own, &by_middle);
            by_codes[at * width..(at + 1) * width].copy_from_slice(&by);
        }
        if done.exact_at.is_none() && done.weights.decompile() == code.lines() {
            done.exact_at = Some(step);
        }
        if step == steps {
            break;
        }
        adam.begin();
        let all = [
            (&mut codes, &by_codes),
            (&mut first.numbers, &first.by),
            (&mut second.numbers, &second.by),
        ];
        let mut place = 0;
        for ((numbers, by), size) in all.into_iter().zip(sizes) {
            let each = numbers.iter_mut().zip(by).map(|(x, by)| (x, *by, true));
            adam.update(place, each, rate);
            place += size;
        }
    }
    Ok(done)
}
