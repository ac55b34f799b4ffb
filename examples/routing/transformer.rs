//! Sentences answered by calling a library: "add 3 and 4", "run fibonacci from 6 and 2 to depth 3".
//!
//! The transformer reads words, numbers being words like others, and learns from answers alone which
//! entry to call, with which numbers, to which depth.
//!
//! ```text
//! sentence ──reader──▶ logits of entry, two numbers, depth ──▶ library ──▶ how likely each answer is
//!            with a pointer for each of the four
//! ```
//!
//! What is learned is the likelihood of the right answer: a call's share of it tells how far the call is
//! to be believed in.

use super::minimal::{self, DEPTHS};
use super::reader::{self, Pointing, WORDS, pointing};
use super::training::{Loss, Schedule, Taped, right, tensor, train, unlikelihood};
use dfdx::nn::{Module, NumParams};
use dfdx::shapes::{Const, HasShape};
use dfdx::tensor::{Cpu, Gradients, TensorFromVec, WithEmptyTape};
use dfdx::tensor_ops::TryMatMul;
use dmci::Random;
use dmci::dfdx::ModuleError;
use dmci::dfdx::library::{Choice, Entry, EntryModule, Softmaxed, Table};
use dmci::machine::circuits::Arithmetic;
use std::cell::Cell;
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

/// How often any entry is called, and to any depth, in place of the likeliest: for two fifths of the
/// steps; at four fifths it has fallen to nothing. A call that is never made cannot turn out to be right.
const ANY: f32 = 0.08;

/// A try whose loss, after this part of its steps, is more than half that of a guess is given up: it has found
/// no code of numbers, and finds none.
const GIVEN_UP: f32 = 0.25;

/// Half the loss of a guess among so many answers.
fn half_a_guess(base: usize) -> f32 {
    0.5 * (base as f32).ln()
}

/// Over which part of the steps a loss is averaged there.
const AVERAGED: f32 = 0.05;

/// Less likely than it is no number: logarithms are of what is more than nothing.
const LEAST: f32 = 1e-20;

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

/// The network, for V words, HEAD logits behind a pointer, OUT logits and a base of B: V is B + 16, HEAD
/// is B + 10, OUT is 2 B + 10.
pub(crate) type Parts<const V: usize, const HEAD: usize, const OUT: usize, const B: usize> =
    (Pointing<V, HEAD>, EntryModule<OUT, B, 0, f32>);

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
pub(crate) fn network<const V: usize, const HEAD: usize, const OUT: usize, const B: usize>(
    seed: u64,
) -> Result<Parts<V, HEAD, OUT, B>, ModuleError> {
    let device = Cpu::seed_from_u64(seed);
    Ok((pointing(&device), EntryModule::new(&device, library(B)?)?))
}

/// Logits of distributions that lie side by side, of so many numbers each: with a part of each spread
/// evenly over its numbers.
fn with_any<const OUT: usize>(
    logits: Taped<OUT>,
    parts: [(usize, f32); 4],
) -> Result<Taped<OUT>, ModuleError> {
    let mut same = vec![0.0; OUT * OUT];
    let (mut kept, mut spread) = (Vec::new(), Vec::new());
    for (width, any) in parts {
        let from = kept.len();
        for row in from..from + width {
            same[row * OUT + from..row * OUT + from + width].fill(1.0);
            kept.push(1.0 - any);
            spread.push(any / width as f32 + LEAST);
        }
    }
    let count = logits.shape().0;
    let same = Cpu::default().tensor_from_vec(same, (Const::<OUT>, Const::<OUT>));
    // What is farther apart than this is certain.
    let exp = logits.try_clamp(-40.0, 40.0)?.try_exp()?;
    let sums = exp.with_empty_tape().try_matmul(same)?;
    let shares = exp / sums * tensor(kept.repeat(count)) + tensor(spread.repeat(count));
    Ok(shares.try_ln()?)
}

/// How likely each answer is to sentences, rows of numbers that add up to one, where any entry is called,
/// and to any depth, so often.
///
/// # Errors
/// What the library fails with.
pub(crate) fn answers<const V: usize, const HEAD: usize, const OUT: usize, const B: usize>(
    (reader, library): &Parts<V, HEAD, OUT, B>,
    sentences: &[[usize; WORDS]],
    any: f32,
    gradients: Gradients<f32, Cpu>,
) -> Result<Taped<B>, ModuleError> {
    // Behind each pointer come logits of entries, of numbers and of depths.
    let entries = ARITHMETIC.len() + 1;
    let picked = std::array::from_fn(|at| match at {
        _ if at < entries => at,
        _ if at < entries + B => HEAD + at,
        _ if at < entries + 2 * B => 2 * HEAD + at - B,
        _ => 3 * HEAD + at - B,
    });
    let logits = reader::pointed(reader, sentences, &picked, gradients)?;
    if any == 0.0 {
        return library.try_forward(logits);
    }
    let parts = [(entries, any), (B, 0.0), (B, 0.0), (DEPTHS + 1, any)];
    library.try_forward(with_any(logits, parts)?)
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
    /// How many tries were made.
    pub(crate) tries: usize,
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

/// Trains a network; gives its loss over the last steps. One of several tries that finds nothing is given up.
fn trained<const V: usize, const HEAD: usize, const OUT: usize, const B: usize>(
    network: &mut Parts<V, HEAD, OUT, B>,
    training: &Examples,
    seed: u64,
    (steps, tries): (usize, usize),
    told: &mut dyn FnMut(usize, f32),
) -> Result<f32, ModuleError> {
    let schedule = Schedule {
        steps,
        batch: 128,
        rate: 2e-3,
        decay: 1.0,
        seed,
    };
    let any = Cell::new(ANY);
    let loss = |network: &Parts<V, HEAD, OUT, B>,
                which: &[usize],
                gradients|
     -> Result<Loss, ModuleError> {
        let sentences: Vec<_> = which.iter().map(|&at| training.sentences[at]).collect();
        let wanted: Vec<_> = which.iter().map(|&at| training.answers[at]).collect();
        Ok(unlikelihood(
            answers(network, &sentences, any.get(), gradients)?,
            &wanted,
        ))
    };
    let examples = training.answers.len();
    let averaged = ((AVERAGED * steps as f32) as usize).max(1);
    let mut losses = Vec::with_capacity(steps);
    let mut mean = f32::INFINITY;
    let mut each = |_: &Parts<V, HEAD, OUT, B>, step: usize, loss: f32| {
        let part = (step + 1) as f32 / steps as f32;
        any.set(ANY * ((0.8 - part) / 0.4).clamp(0.0, 1.0));
        told(step, loss);
        losses.push(loss);
        let last = &losses[losses.len().saturating_sub(averaged)..];
        mean = last.iter().sum::<f32>() / last.len() as f32;
        let is_judged = step + 1 == (GIVEN_UP * steps as f32) as usize;
        tries == 1 || !is_judged || mean <= half_a_guess(B)
    };
    train(network, examples, &schedule, &loss, &mut each)?;
    Ok(mean)
}

/// Trains on four fifths of all questions, and asks the others, at most so many of each sort. Of several tries
/// it is the first that finds a code of numbers, by its loss: what is held out has no say.
///
/// # Errors
/// What the library fails with.
pub(crate) fn run<const V: usize, const HEAD: usize, const OUT: usize, const B: usize>(
    with_extremes: bool,
    seed: u64,
    (steps, tries, most): (usize, usize, usize),
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
    let mut best: Option<(f32, Parts<V, HEAD, OUT, B>)> = None;
    let mut made = 0;
    while made < tries
        && best
            .as_ref()
            .is_none_or(|(loss, _)| *loss > half_a_guess(B))
    {
        let seed = seed + 1000 * made as u64;
        made += 1;
        let mut network = network::<V, HEAD, OUT, B>(seed)?;
        let loss = trained(&mut network, &training, seed, (steps, tries), told)?;
        if best.as_ref().is_none_or(|(least, _)| loss < *least) {
            best = Some((loss, network));
        }
    }
    let Some((_, network)) = best else {
        unreachable!("there is a try");
    };
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
            let found = answers(&network, sentences, 0.0, Gradients::leaky())?;
            correct += right::<B>(&found.as_vec(), wanted);
        }
        sorts.push((*ask, correct as f64 / asked.answers.len().max(1) as f64));
    }
    let weights = network.num_trainable_params();
    Ok(Found {
        sorts,
        weights,
        tries: made,
    })
}
