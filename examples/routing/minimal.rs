//! The minimal network: a linear layer, a program of the register machine, a linear layer.
//!
//! Two numbers and a depth go in, each one-hot. The network sees answers alone, and must find out which
//! of its inputs the program wants where, and what the program's numbers mean.
//!
//! ```text
//! one-hot a, b, depth ──Linear──▶ logits ──softmax──▶ fibonacci ──Linear──▶ logits of the answer
//! ```

use crate::training::{
    Loss, Schedule, cross_entropy, picked, right, shuffled, tensor, train,
};
use dfdx::nn::builders::Linear;
use dfdx::nn::{BuildOnDevice, DeviceBuildExt, Module};
use dfdx::tensor::{Cpu, Gradients, Trace};
use dmci::dfdx::library::{EntryModule, MachineEntry, Softmaxed};
use dmci::dfdx::{Layer, ModuleError};
use dmci::machine::library::{Argument, Code, assembly};
use std::sync::Arc;

/// The depths that there are answers for.
pub(crate) const DEPTHS: usize = 3;

/// The program, for numbers below a base.
///
/// # Panics
/// On a base that no machine has.
pub(crate) fn fibonacci(base: usize) -> Code {
    let text = include_str!("fibonacci.rasm").replace("BASE", &base.to_string());
    assembly::read(&text).expect("the library is a library")
}

/// The program as an entry: the numbers are soft, the depth, 0 to 3, is given by cases.
///
/// # Errors
/// Never, for bases from 9 on.
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

/// The network, for a base B: IN is 2 B + 3, OUT is 2 B + 4.
pub(crate) type Minimal<const B: usize, const IN: usize, const OUT: usize> = (
    Built<Layer<Linear<IN, OUT>>>,
    EntryModule<OUT, B, 0, f32>,
    Built<Layer<Linear<B, B>>>,
);

/// A network with weights drawn by a seed.
///
/// # Errors
/// Sizes that are not those of the base.
pub(crate) fn network<const B: usize, const IN: usize, const OUT: usize>(
    seed: u64,
) -> Result<Minimal<B, IN, OUT>, ModuleError> {
    let device = Cpu::seed_from_u64(seed);
    let entry = Softmaxed::new(Arc::new(entry(B)?), &[0, 1, 2])?;
    Ok((
        device.build_module::<Layer<Linear<IN, OUT>>, f32>(),
        EntryModule::new(&device, Arc::new(entry))?,
        device.build_module::<Layer<Linear<B, B>>, f32>(),
    ))
}

/// Pairs and depths as rows of one-hot numbers, with their answers.
pub(crate) struct Examples<const IN: usize> {
    rows: Vec<[f32; IN]>,
    answers: Vec<usize>,
}

impl<const IN: usize> Examples<IN> {
    /// All pairs whose places are given, at each of the depths.
    pub(crate) fn new(base: usize, depths: &[usize], pairs: &[usize]) -> Self {
        let (mut rows, mut answers) = (Vec::new(), Vec::new());
        for &pair in pairs {
            let (a, b) = (pair / base, pair % base);
            for &depth in depths {
                let mut row = [0.0; IN];
                for at in [a, base + b, 2 * base + depth - 1] {
                    row[at] = 1.0;
                }
                rows.push(row);
                answers.push(answer(base, a, b, depth));
            }
        }
        Self { rows, answers }
    }
}

/// The loss of some of the examples.
///
/// # Errors
/// What the program fails with.
pub(crate) fn loss<const B: usize, const IN: usize, const OUT: usize>(
    network: &Minimal<B, IN, OUT>,
    examples: &Examples<IN>,
    which: &[usize],
    gradients: Gradients<f32, Cpu>,
) -> Result<Loss, ModuleError> {
    let logits = network.try_forward(picked(&examples.rows, which).traced(gradients))?;
    let answers: Vec<usize> = which.iter().map(|&at| examples.answers[at]).collect();
    Ok(cross_entropy(logits, &answers))
}

/// The part of examples that are answered rightly.
fn accuracy<const B: usize, const IN: usize, const OUT: usize>(
    network: &Minimal<B, IN, OUT>,
    examples: &Examples<IN>,
) -> Result<f64, ModuleError> {
    let logits = network.try_forward(tensor::<IN>(examples.rows.concat()))?;
    let right = right::<B>(&logits.as_vec(), &examples.answers);
    Ok(right as f64 / examples.answers.len().max(1) as f64)
}

/// Trains on answers at some depths, and gives the part of right answers at each of them, on the fifth of
/// the pairs that was held out.
///
/// # Errors
/// What the program fails with.
pub(crate) fn run<const B: usize, const IN: usize, const OUT: usize>(
    depths: &[usize],
    seed: u64,
    steps: usize,
) -> Result<Vec<f64>, ModuleError> {
    let order = shuffled(B * B, seed);
    let (held, seen) = order.split_at(B * B / 5);
    let training = Examples::new(B, depths, seen);
    let mut network = network::<B, IN, OUT>(seed)?;
    let schedule = Schedule {
        steps,
        batch: 256,
        rate: 0.02,
        decay: 0.3,
        seed,
    };
    let loss = |network: &_, which: &[usize], gradients| loss(network, &training, which, gradients);
    let count = training.answers.len();
    train(&mut network, count, &schedule, &loss, &mut |_, _, _| {})?;
    let found = depths.iter().map(|&depth| accuracy(&network, &Examples::new(B, &[depth], held)));
    found.collect()
}
