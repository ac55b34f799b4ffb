//! Sentences answered by calling a library: "add 3 and 4", "run fibonacci from 6 and 2 to depth 3".
//!
//! The transformer reads words, numbers being words like others, and learns from answers alone which
//! entry to call, with which numbers, to which depth.
//!
//! ```text
//! sentence ──reader──▶ logits of entry, two numbers, depth ──▶ library ──▶ how likely each answer is
//! ```
//!
//! What is learned is the likelihood of the right answer: a call's share of it tells how far the call is
//! to be believed in.

use super::minimal::{self, DEPTHS};
use super::reader::{self, Reader, WORDS, reader};
use super::training::{Loss, Schedule, Taped, right, train, unlikelihood};
use dfdx::nn::{Module, NumParams};
use dfdx::tensor::{Cpu, Gradients};
use dmci::Random;
use dmci::dfdx::ModuleError;
use dmci::dfdx::library::{Choice, Entry, EntryModule, Softmaxed, Table};
use dmci::machine::circuits::Arithmetic;
use std::sync::Arc;

/// The words beside numbers. The first fills sentences up.
const VOCABULARY: [&str; 16] = [
    "",
    "add",
    "subtract",
    "multiply",
    "larger",
    "smaller",
    "of",
    "and",
    "from",
    "by",
    "run",
    "fibonacci",
    "to",
    "depth",
    "the",
    "numbers",
];

/// What sentences ask for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Ask {
    /// Arithmetic of two numbers, modulo the base.
    Of(Arithmetic),
    /// Fibonacci's numbers at a depth.
    Fibonacci(usize),
}

/// Arithmetic that sentences ask for; the last two only where the library is asked for them too.
pub(crate) const ARITHMETIC: [Arithmetic; 5] = [
    Arithmetic::Add,
    Arithmetic::Subtract,
    Arithmetic::Multiply,
    Arithmetic::Max,
    Arithmetic::Min,
];

impl Ask {
    fn answer(self, base: usize, a: usize, b: usize) -> usize {
        match self {
            Self::Of(Arithmetic::Subtract) => (a + base - b) % base,
            Self::Of(one) => (one.of(a as u64, b as u64, 64) % base as u64) as usize,
            Self::Fibonacci(depth) => minimal::answer(base, a, b, depth),
        }
    }

    /// The sentence, as words.
    fn sentence(self, base: usize, a: usize, b: usize) -> [usize; WORDS] {
        let (first, second) = (a.to_string(), b.to_string());
        let text = match self {
            Self::Of(Arithmetic::Add) => format!("add {first} and {second}"),
            Self::Of(Arithmetic::Subtract) => format!("subtract {second} from {first}"),
            Self::Of(Arithmetic::Multiply) => format!("multiply {first} by {second}"),
            Self::Of(Arithmetic::Max) => format!("the larger of {first} and {second}"),
            Self::Of(_) => format!("the smaller of {first} and {second}"),
            Self::Fibonacci(depth) => {
                format!("run fibonacci from {first} and {second} to depth {depth}")
            }
        };
        let mut words = [base; WORDS];
        for (to, word) in words.iter_mut().zip(text.split(' ')) {
            let known = VOCABULARY.iter().position(|known| *known == word);
            *to = known.map_or_else(|| word.parse().unwrap_or(0), |at| base + at);
        }
        words
    }
}

/// The network, for V words, OUT logits and a base of B: OUT is 2 B + 10, V is B + 16.
pub(crate) type Parts<const V: usize, const OUT: usize, const B: usize> =
    (Reader<V, OUT>, EntryModule<OUT, B, 0, f32>);

/// The library: five tables and a program of the register machine.
///
/// # Errors
/// Bases that there are no tables of.
pub(crate) fn library(base: usize) -> Result<Arc<dyn Entry>, ModuleError> {
    let mut entries: Vec<(Arc<dyn Entry>, Vec<usize>)> = Vec::new();
    for one in ARITHMETIC {
        entries.push((Arc::new(Table::of(one, base)?), vec![0, 1]));
    }
    entries.push((Arc::new(minimal::entry(base)?), vec![0, 1, 2]));
    let choice = Choice::new("library", &[base, base, DEPTHS + 1], entries)?;
    Ok(Arc::new(Softmaxed::new(Arc::new(choice), &[0, 1, 2, 3])?))
}

/// A network with weights drawn by a seed.
///
/// # Errors
/// As [`library`].
pub(crate) fn network<const V: usize, const OUT: usize, const B: usize>(
    seed: u64,
) -> Result<Parts<V, OUT, B>, ModuleError> {
    let device = Cpu::seed_from_u64(seed);
    Ok((reader(&device), EntryModule::new(&device, library(B)?)?))
}

/// How likely each answer is to sentences, rows of numbers that add up to one.
///
/// # Errors
/// What the library fails with.
pub(crate) fn answers<const V: usize, const OUT: usize, const B: usize>(
    (reader, library): &Parts<V, OUT, B>,
    sentences: &[[usize; WORDS]],
    gradients: Gradients<f32, Cpu>,
) -> Result<Taped<B>, ModuleError> {
    let logits = reader::logits(reader, sentences, gradients)?;
    library.try_forward(logits)
}

/// Sentences and their answers.
#[derive(Default)]
pub(crate) struct Examples {
    pub(crate) sentences: Vec<[usize; WORDS]>,
    pub(crate) answers: Vec<usize>,
}

impl Examples {
    /// Questions of each sort about pairs of numbers; which pairs, `is_of` says.
    pub(crate) fn new(base: usize, asks: &[Ask], is_of: &dyn Fn(usize, usize) -> bool) -> Self {
        let mut all = Self::default();
        for (sort, ask) in asks.iter().enumerate() {
            for pair in (0..base * base).filter(|&pair| is_of(sort, pair)) {
                let (a, b) = (pair / base, pair % base);
                all.sentences.push(ask.sentence(base, a, b));
                all.answers.push(ask.answer(base, a, b));
            }
        }
        all
    }
}

/// What training came to: the parts of held-out questions that are answered rightly.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    /// By sort of question.
    pub(crate) sorts: Vec<(Ask, f64)>,
    /// How many weights the network has.
    pub(crate) weights: usize,
}

impl Found {
    /// The mean of sums, differences and products, and of the largest and smallest where asked for.
    pub(crate) fn arithmetic(&self) -> f64 {
        let mut parts = Vec::new();
        for (ask, part) in &self.sorts {
            if let Ask::Of(_) = ask {
                parts.push(part);
            }
        }
        let count = parts.len().max(1) as f64;
        parts.into_iter().sum::<f64>() / count
    }

    /// That of Fibonacci's numbers at a depth.
    pub(crate) fn depth(&self, depth: usize) -> f64 {
        let mut sorts = self.sorts.iter();
        let found = sorts.find(|(ask, _)| *ask == Ask::Fibonacci(depth));
        found.map_or(0.0, |(_, part)| *part)
    }
}

/// Trains on four fifths of all questions, and asks the others, at most so many of each sort.
///
/// # Errors
/// What the library fails with.
pub(crate) fn run<const V: usize, const OUT: usize, const B: usize>(
    with_extremes: bool,
    seed: u64,
    (steps, most): (usize, usize),
    told: &mut dyn FnMut(usize, f32),
) -> Result<Found, ModuleError> {
    let count = if with_extremes { 5 } else { 3 };
    let mut asks: Vec<Ask> = ARITHMETIC[..count]
        .iter()
        .map(|&one| Ask::Of(one))
        .collect();
    asks.extend((1..=DEPTHS).map(Ask::Fibonacci));
    let mut random = Random::at(&[seed, 5]);
    let held: Vec<bool> = (0..asks.len() * B * B)
        .map(|_| random.below(5) == 0)
        .collect();
    let training = Examples::new(B, &asks, &|sort, pair| !held[sort * B * B + pair]);
    let mut network = network::<V, OUT, B>(seed)?;
    let schedule = Schedule {
        steps,
        batch: 128,
        rate: 2e-3,
        decay: 1.0,
        seed,
    };
    let loss =
        |network: &Parts<V, OUT, B>, which: &[usize], gradients| -> Result<Loss, ModuleError> {
            let sentences: Vec<_> = which.iter().map(|&at| training.sentences[at]).collect();
            let wanted: Vec<_> = which.iter().map(|&at| training.answers[at]).collect();
            Ok(unlikelihood(
                answers(network, &sentences, gradients)?,
                &wanted,
            ))
        };
    let examples = training.answers.len();
    train(
        &mut network,
        examples,
        &schedule,
        &loss,
        &mut |_, step, loss| told(step, loss),
    )?;
    let mut sorts = Vec::new();
    for (sort, ask) in asks.iter().enumerate() {
        let own = &asks[sort..=sort];
        let mut asked = Examples::new(B, own, &|_, pair| held[sort * B * B + pair]);
        let order = super::training::shuffled(asked.answers.len(), seed);
        let order = &order[..order.len().min(most)];
        asked = Examples {
            sentences: order.iter().map(|&at| asked.sentences[at]).collect(),
            answers: order.iter().map(|&at| asked.answers[at]).collect(),
        };
        let mut correct = 0;
        let parts = asked.sentences.chunks(256).zip(asked.answers.chunks(256));
        for (sentences, wanted) in parts {
            let found = answers(&network, sentences, Gradients::leaky())?;
            correct += right::<B>(&found.as_vec(), wanted);
        }
        sorts.push((*ask, correct as f64 / asked.answers.len().max(1) as f64));
    }
    let weights = network.num_trainable_params();
    Ok(Found { sorts, weights })
}
