//! The minimal network: a linear layer, a program of the register machine, a linear layer.
//!
//! Two numbers go in, each one-hot and by itself, the second in a code of its own; a depth goes past the
//! network to the program. The network sees answers alone, and must find out which numbers its inputs are
//! to the program, and what the program's numbers mean.
//!
//! ```text
//! one-hot a ──Linear──▶ logits ──softmax──▶ fibonacci   ──Linear──▶ logits of the answer
//! one-hot b ──Linear──▶ logits ──softmax──▶ to a depth
//! ```
//!
//! **Invariants**
//! - The first layer's weights begin [`SHARP`] times as wide as dfdx draws them. A program called with
//!   mixtures of all numbers says nothing; called with wrong ones it does.

use super::training::{Loss, Schedule, cross_entropy, picked, right, shuffled, tensor, train};
use dfdx::nn::builders::Linear;
use dfdx::nn::{BuildOnDevice, DeviceBuildExt, Module};
use dfdx::shapes::Const;
use dfdx::tensor::{Cpu, Gradients, Tape, Tensor, Trace};
use dfdx::tensor_ops::ReshapeTo;
use dmci::dfdx::library::{EntryModule, MachineEntry, Softmaxed};
use dmci::dfdx::{Layer, ModuleError};
use dmci::machine::library::{Argument, Code, assembly};
use std::sync::Arc;

/// The depths that there are answers for.
pub(crate) const DEPTHS: usize = 3;

/// How much wider than usual the first layer's weights begin.
const SHARP: f32 = 50.0;

/// The part of the answers it has seen that a try must get right to be the last.
const ENOUGH: f64 = 0.995;

/// The program, for numbers below a base.
///
/// # Panics
/// On a base that no machine has, or below the program's 8 lines.
pub(crate) fn fibonacci(base: usize) -> Code {
    let text = include_str!("fibonacci.rasm").replace("BASE", &base.to_string());
    assembly::read(&text).expect("the library is a library")
}

/// The program as an entry: the numbers are soft, the depth, 0 to 3, is given by cases.
///
/// # Errors
/// Never, for bases from 8 on.
pub(crate) fn entry(base: usize) -> Result<MachineEntry, ModuleError> {
    let arguments = [Argument::Soft, Argument::Soft, Argument::Cases(DEPTHS + 1)];
    MachineEntry::new(&fibonacci(base), "fibonacci", &arguments, 100)
}

/// What the program gives.
pub(crate) fn answer(base: usize, a: usize, b: usize, depth: usize) -> usize {
    let (_, last) = (0..depth).fold((a, b), |(a, b), _| (b, (a + b) % base));
    last
}

type Built<M> = <M as BuildOnDevice<Cpu, f32>>::Built;

/// The network, for a base B; TWO is 2 B.
pub(crate) type Minimal<const B: usize, const TWO: usize> = (
    Built<Layer<Linear<TWO, B>>>,
    EntryModule<TWO, B, 0, f32>,
    Built<Layer<Linear<B, B>>>,
);

/// A network with weights drawn by a seed.
///
/// # Errors
/// Sizes that are not those of the base.
pub(crate) fn network<const B: usize, const TWO: usize>(
    seed: u64,
) -> Result<Minimal<B, TWO>, ModuleError> {
    let device = Cpu::seed_from_u64(seed);
    let entry = Softmaxed::new(Arc::new(entry(B)?), &[0, 1])?;
    let mut first = device.build_module::<Layer<Linear<TWO, B>>, f32>();
    first.0.weight = first.0.weight * SHARP;
    Ok((
        first,
        EntryModule::new(&device, Arc::new(entry))?,
        device.build_module::<Layer<Linear<B, B>>, f32>(),
    ))
}

/// Pairs, two rows each, with depths and answers.
pub(crate) struct Examples<const TWO: usize> {
    rows: Vec<[f32; TWO]>,
    depths: Vec<usize>,
    answers: Vec<usize>,
}

impl<const TWO: usize> Examples<TWO> {
    /// The pairs whose places are given, at each of the depths.
    pub(crate) fn new(depths: &[usize], pairs: &[usize]) -> Self {
        let base = TWO / 2;
        let mut all = Self {
            rows: Vec::new(),
            depths: Vec::new(),
            answers: Vec::new(),
        };
        for &pair in pairs {
            let (a, b) = (pair / base, pair % base);
            let [mut first, mut second] = [[0.0; TWO]; 2];
            first[a] = 1.0;
            second[base + b] = 1.0;
            for &depth in depths {
                all.rows.extend([first, second]);
                all.depths.push(depth);
                all.answers.push(answer(base, a, b, depth));
            }
        }
        all
    }
}

/// The logits of answers to rows, each at a depth.
fn logits<const B: usize, const TWO: usize, T: Tape<f32, Cpu>>(
    (first, entry, last): &Minimal<B, TWO>,
    rows: Tensor<(usize, Const<TWO>), f32, Cpu, T>,
    depths: &[usize],
) -> Result<Tensor<(usize, Const<B>), f32, Cpu, T>, ModuleError> {
    let mut cases = vec![0.0; depths.len() * (DEPTHS + 1)];
    for (row, &depth) in cases.chunks_exact_mut(DEPTHS + 1).zip(depths) {
        row[depth] = 1.0;
    }
    // Two rows of a pair, side by side.
    let read = first.try_forward(rows)?;
    let pairs = read.try_reshape_like(&(depths.len(), Const::<TWO>))?;
    last.try_forward(entry.try_forward_with(pairs, &cases)?)
}

/// The loss of some of the examples.
///
/// # Errors
/// What the program fails with.
pub(crate) fn loss<const B: usize, const TWO: usize>(
    network: &Minimal<B, TWO>,
    examples: &Examples<TWO>,
    which: &[usize],
    gradients: Gradients<f32, Cpu>,
) -> Result<Loss, ModuleError> {
    let depths: Vec<usize> = which.iter().map(|&at| examples.depths[at]).collect();
    let answers: Vec<usize> = which.iter().map(|&at| examples.answers[at]).collect();
    let rows: Vec<usize> = which.iter().flat_map(|at| [2 * at, 2 * at + 1]).collect();
    let rows = picked(&examples.rows, &rows).traced(gradients);
    Ok(cross_entropy(logits(network, rows, &depths)?, &answers))
}

/// The part of examples that are answered rightly.
fn accuracy<const B: usize, const TWO: usize>(
    network: &Minimal<B, TWO>,
    examples: &Examples<TWO>,
) -> Result<f64, ModuleError> {
    let rows = tensor::<TWO>(examples.rows.concat());
    let found = logits(network, rows, &examples.depths)?.as_vec();
    let right = right::<B>(&found, &examples.answers);
    Ok(right as f64 / examples.answers.len().max(1) as f64)
}

/// What training came to.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    /// At each depth, the part of right answers on the fifth of the pairs that was held out.
    pub(crate) parts: Vec<f64>,
    /// How many tries were made.
    pub(crate) tries: usize,
}

/// Trains on answers at some depths. Of several tries it is the first that answers what it has seen, or
/// else the best of them at that: what is held out has no say.
///
/// # Errors
/// What the program fails with.
pub(crate) fn run<const B: usize, const TWO: usize>(
    depths: &[usize],
    seed: u64,
    (steps, tries): (usize, usize),
) -> Result<Found, ModuleError> {
    let order = shuffled(B * B, seed);
    let (held, seen) = order.split_at(B * B / 5);
    let training = Examples::new(depths, seen);
    let count = training.answers.len();
    let loss = |network: &_, which: &[usize], gradients| loss(network, &training, which, gradients);
    let mut best: Option<(f64, Minimal<B, TWO>)> = None;
    let mut made = 0;
    while made < tries && best.as_ref().is_none_or(|(part, _)| *part < ENOUGH) {
        let seed = 1000 * seed + made as u64;
        made += 1;
        let mut network = network::<B, TWO>(seed)?;
        let schedule = Schedule {
            steps,
            batch: 64,
            rate: 0.05,
            decay: 0.3,
            seed,
        };
        train(&mut network, count, &schedule, &loss, &mut |_, _, _| true)?;
        let part = accuracy(&network, &training)?;
        if best.as_ref().is_none_or(|(other, _)| part > *other) {
            best = Some((part, network));
        }
    }
    let mut parts = Vec::new();
    if let Some((_, network)) = best {
        for &depth in depths {
            parts.push(accuracy(&network, &Examples::new(&[depth], held))?);
        }
    }
    Ok(Found { parts, tries: made })
}
