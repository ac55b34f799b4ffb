//! Training libraries: what is not frozen is changed until the code does what examples show.
//!
//! A [`Controller`], a mask and examples go in, each with a context if the controller is of one; the
//! controller comes out changed, with its loss.
//!
//! **Invariants**
//! - A weight that is frozen, and its dependence on the context, has the same bits after as before.
//! - Results are a function of what goes in: the same on any number of threads.

use super::code::LibraryError;
use super::kernel::pull_back;
use super::weights::{CodeWeights, Mask};
use crate::Random;
use crate::machine::loss::{Example, Loss};
use crate::machine::program::{ProgramError, Shape};
use crate::machine::soft::SoftState;
use crate::threads::Threads;

/// What gives a library's weights: in a context x they are W + Σ xᵢ Wᵢ, without one W.
#[derive(Clone, PartialEq, Debug)]
pub struct Controller {
    weights: CodeWeights,
    by: Vec<CodeWeights>,
}

impl Controller {
    /// A controller of a context of so many numbers, on which nothing depends yet.
    pub fn new(weights: CodeWeights, context: usize) -> Self {
        let mut zeros = weights.clone();
        zeros.numbers_mut().fill(0.0);
        let by = vec![zeros; context];
        Self { weights, by }
    }

    /// The sizes of its machine.
    pub fn shape(&self) -> Shape {
        self.weights.shape()
    }

    /// How many numbers a context has.
    pub fn context(&self) -> usize {
        self.by.len()
    }

    /// The weights where the context is zero.
    pub fn weights(&self) -> &CodeWeights {
        &self.weights
    }

    /// How the weights grow with a number of the context; none beyond.
    pub fn by(&self, number: usize) -> Option<&CodeWeights> {
        self.by.get(number)
    }

    /// The weights in a context.
    ///
    /// # Errors
    /// A context of another number of numbers.
    pub fn at(&self, context: &[f64]) -> Result<CodeWeights, LibraryError> {
        if context.len() != self.by.len() {
            return Err(LibraryError::Range {
                what: "a context",
                found: format!("{} numbers", context.len()),
                wanted: self.by.len().to_string(),
            });
        }
        let mut all = self.weights.clone();
        for (x, by) in context.iter().zip(&self.by) {
            for (to, w) in all.numbers_mut().iter_mut().zip(by.numbers()) {
                *to += x * w;
            }
        }
        Ok(all)
    }
}

/// How to train.
#[derive(Clone, PartialEq, Debug)]
pub struct TrainOptions {
    /// Steps that the soft machine is run.
    pub steps: usize,
    /// How many times the weights are changed.
    pub iterations: usize,
    /// How many examples are drawn each time.
    pub batch: usize,
    /// Adam's rate.
    pub rate: f64,
    /// What missing costs.
    pub loss: Loss,
    /// What examples are drawn by.
    pub seed: u64,
    /// Threads that share the examples.
    pub threads: Threads,
}

impl Default for TrainOptions {
    fn default() -> Self {
        Self {
            steps: 32,
            iterations: 300,
            batch: 8,
            rate: 0.05,
            loss: Loss::default(),
            seed: 1,
            threads: Threads::ALL,
        }
    }
}

/// Adam on numbers of which some are frozen.
#[derive(Clone, Debug)]
pub(super) struct Adam {
    moments: Vec<[f64; 2]>,
    step: i32,
}

impl Adam {
    pub(super) fn of(count: usize) -> Self {
        let moments = vec![[0.0; 2]; count];
        Self { moments, step: 0 }
    }

    pub(super) fn begin(&mut self) {
        self.step = self.step.saturating_add(1);
    }

    /// Changes numbers that begin at a place among all.
    pub(super) fn update<'g>(
        &mut self,
        first: usize,
        numbers: impl Iterator<Item = (&'g mut f64, f64, bool)>,
        rate: f64,
    ) {
        let (mean, square) = (
            1.0 - 0.9_f64.powi(self.step),
            1.0 - 0.999_f64.powi(self.step),
        );
        let moments = self.moments[first..].iter_mut();
        for ((x, by, trains), [m, v]) in numbers.zip(moments) {
            if trains {
                *m = 0.9 * *m + 0.1 * by;
                *v = 0.999 * *v + 0.001 * by * by;
                *x -= rate * (*m / mean) / ((*v / square).sqrt() + 1e-8);
            }
        }
    }
}

/// Trains a controller on examples, each in its context, and gives the mean loss of the last batch.
///
/// # Errors
/// No examples, contexts of another size, a mask or examples of another shape, options that make no
/// sense, and a loss that is no finite number; the controller is then as it was before that step.
pub fn train(
    controller: &mut Controller,
    mask: &Mask,
    examples: &[(Vec<f64>, Example)],
    options: &TrainOptions,
) -> Result<f64, LibraryError> {
    let shape = controller.shape();
    if mask.shape() != shape {
        let (found, wanted) = (mask.shape(), shape);
        return Err(ProgramError::Shape { found, wanted }.into());
    }
    let above = options.rate > 0.0 && options.rate.is_finite();
    for (what, found, is_right, wanted) in [
        (
            "a number of examples",
            examples.len().to_string(),
            !examples.is_empty(),
            "1 or more",
        ),
        (
            "a batch",
            options.batch.to_string(),
            options.batch > 0,
            "1 or more",
        ),
        ("a rate", options.rate.to_string(), above, "above 0"),
    ] {
        if !is_right {
            let wanted = wanted.to_owned();
            return Err(LibraryError::Range {
                what,
                found,
                wanted,
            });
        }
    }
    let size = mask.trains().len();
    let mut adam = Adam::of(size * (1 + controller.context()));
    let mut random = Random::at(&[options.seed, 3]);
    let mut loss = f64::NAN;
    for iteration in 0..options.iterations {
        let drawn: Vec<&(Vec<f64>, Example)> = (0..options.batch)
            .map(|_| &examples[random.below(examples.len())])
            .collect();
        let starts = drawn.iter().map(|(_, example)| &example.start);
        let starts: Vec<SoftState> = starts.map(|start| SoftState::of(shape, start)).collect();
        let weights = drawn.iter().map(|(context, _)| controller.at(context));
        let mut weights = weights.collect::<Result<Vec<_>, _>>()?;
        // Without a context all are one.
        if controller.context() == 0 {
            weights.truncate(1);
        }
        let by = |lane: usize, end: &SoftState, by: &mut SoftState| {
            options.loss.of(&drawn[lane].1.wanted, end, by)
        };
        let pulled = pull_back(&weights, &starts, options.steps, &by, &options.threads)?;
        let scale = 1.0 / options.batch as f64;
        loss = pulled.value * scale;
        if !loss.is_finite() || pulled.weights.iter().any(|by| !by.is_finite()) {
            return Err(LibraryError::Diverged {
                iteration,
                rate: options.rate,
            });
        }
        adam.begin();
        for set in 0..=controller.context() {
            let mut sums = vec![0.0; size];
            for (lane, own) in pulled.weights.chunks_exact(size).enumerate() {
                let factor = match set {
                    0 => scale,
                    _ => scale * drawn[lane].0[set - 1],
                };
                for (sum, by) in sums.iter_mut().zip(own) {
                    *sum += factor * by;
                }
            }
            let numbers = match set {
                0 => controller.weights.numbers_mut(),
                _ => controller.by[set - 1].numbers_mut(),
            };
            let each = numbers.iter_mut().zip(sums).zip(mask.trains());
            let each = each.map(|((x, by), &trains)| (x, by, trains));
            adam.update(set * size, each, options.rate);
        }
    }
    Ok(loss)
}
