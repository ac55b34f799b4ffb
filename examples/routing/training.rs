//! What all networks here are trained by: answers alone, Adam with decoupled decay of the weights.
//!
//! A network and examples go in; its weights come out changed, or the part of examples that it answers.

use dfdx::losses::cross_entropy_with_logits_loss;
use dfdx::nn::{TensorCollection, ZeroGrads};
use dfdx::optim::{Adam, AdamConfig, Optimizer, WeightDecay};
use dfdx::shapes::{Const, Rank0};
use dfdx::tensor::{AsArray, Cpu, Gradients, NoneTape, OwnedTape, Tensor, TensorFromVec};
use dfdx::tensor_ops::{Backward, SumTo};
use dmci::Random;
use dmci::dfdx::ModuleError;

/// A batch on its way to a loss.
pub(crate) type Taped<const N: usize> = Tensor<(usize, Const<N>), f32, Cpu, OwnedTape<f32, Cpu>>;

/// A batch of numbers.
pub(crate) type Numbers<const N: usize> = Tensor<(usize, Const<N>), f32, Cpu, NoneTape>;

/// A loss, on its tape.
pub(crate) type Loss = Tensor<Rank0, f32, Cpu, OwnedTape<f32, Cpu>>;

/// Rows of a batch as a tensor.
pub(crate) fn tensor<const N: usize>(rows: Vec<f32>) -> Numbers<N> {
    let count = rows.len() / N;
    Cpu::default().tensor_from_vec(rows, (count, Const))
}

/// Which of the rows stand in a batch.
pub(crate) fn picked<const N: usize>(rows: &[[f32; N]], which: &[usize]) -> Numbers<N> {
    tensor(which.iter().flat_map(|&at| rows[at]).collect())
}

/// How to train.
#[derive(Clone, Copy)]
pub(crate) struct Schedule {
    /// How many steps.
    pub(crate) steps: usize,
    /// Examples a step.
    pub(crate) batch: usize,
    /// Adam's rate, warmed up over the first twentieth; it falls to a hundredth along half a cosine.
    pub(crate) rate: f64,
    /// The decoupled decay: what a weight loses a step, over the rate.
    pub(crate) decay: f64,
    /// What examples are drawn by.
    pub(crate) seed: u64,
}

impl Schedule {
    /// The rate at a step.
    fn rate(&self, step: usize) -> f64 {
        let part = step as f64 / self.steps as f64;
        let warm = (part / 0.05 + 0.01).min(1.0);
        self.rate * warm * (0.505 + 0.495 * (std::f64::consts::PI * part).cos())
    }
}

/// What makes of a network and of the examples of a step their loss, on the tape of gradients.
pub(crate) type LossOf<'a, N> =
    dyn Fn(&N, &[usize], Gradients<f32, Cpu>) -> Result<Loss, ModuleError> + 'a;

/// Trains a network on so many examples: `loss` makes of those of a step their loss, on the tape of these
/// gradients. `told` is given each step and its loss, and says whether to go on.
///
/// # Errors
/// What a program in the network fails with.
pub(crate) fn train<N: TensorCollection<f32, Cpu>>(
    network: &mut N,
    examples: usize,
    schedule: &Schedule,
    loss: &LossOf<'_, N>,
    told: &mut dyn FnMut(&N, usize, f32) -> bool,
) -> Result<(), ModuleError> {
    let mut random = Random::at(&[schedule.seed, 2]);
    let config = AdamConfig {
        weight_decay: Some(WeightDecay::Decoupled(schedule.decay)),
        ..AdamConfig::default()
    };
    let mut adam = Adam::new(network, config);
    let mut gradients = network.alloc_grads();
    for step in 0..schedule.steps {
        adam.cfg.lr = schedule.rate(step);
        let which: Vec<usize> = (0..schedule.batch)
            .map(|_| random.below(examples))
            .collect();
        let loss = loss(network, &which, gradients)?;
        if !told(network, step, loss.array()) {
            break;
        }
        gradients = loss.backward();
        let done = adam.update(network, &gradients);
        // A weight without a gradient is a fault of the network.
        done.map_err(|error| ModuleError::Request(format!("{error:?}")))?;
        network.zero_grads(&mut gradients);
    }
    Ok(())
}

/// Rows with a mark at the answer, each one of `N`, and nothing beside it.
fn marked<const N: usize>(answers: &[usize], mark: f32) -> Numbers<N> {
    let mut rows = vec![0.0; answers.len() * N];
    for (row, &answer) in rows.chunks_exact_mut(N).zip(answers) {
        row[answer] = mark;
    }
    tensor(rows)
}

/// The cross-entropy of answers, each one of `N`.
pub(crate) fn cross_entropy<const N: usize>(logits: Taped<N>, answers: &[usize]) -> Loss {
    cross_entropy_with_logits_loss(logits, marked(answers, 1.0))
}

/// Less than it no answer is likely: what is impossible has a gradient too.
const FLOOR: f32 = 1e-20;

/// The mean of minus the logarithms of how likely the right answers are, each one of `N`.
pub(crate) fn unlikelihood<const N: usize>(likely: Taped<N>, answers: &[usize]) -> Loss {
    let shares = marked(answers, -1.0 / answers.len() as f32);
    ((likely + FLOOR).ln() * shares).sum()
}

/// How many rows have their largest logit at the answer.
pub(crate) fn right<const N: usize>(logits: &[f32], answers: &[usize]) -> usize {
    let rows = logits.chunks_exact(N).zip(answers);
    rows.filter(|(row, answer)| {
        let best = (0..N).fold(0, |best, n| if row[n] > row[best] { n } else { best });
        best == **answer
    })
    .count()
}

/// The numbers from 0 up to `count` in an order drawn by a seed.
pub(crate) fn shuffled(count: usize, seed: u64) -> Vec<usize> {
    let mut random = Random::at(&[seed, 1]);
    let mut order: Vec<usize> = (0..count).collect();
    for at in (1..count).rev() {
        order.swap(at, random.below(at + 1));
    }
    order
}
