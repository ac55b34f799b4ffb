//! Sentences answered by five programs of the language, whose constants are learned with the reader.
//!
//! The reader sees words, numbers all as one word, and decides which program to call with which numbers;
//! it learns from answers alone, and so do the programs' constants.
//!
//! ```text
//! "a pendulum of N metres" ──reader──▶ chances of each call ─┐
//!  the sentence's numbers ──programs, with g, R, …──▶ answers ┴─▶ how likely the right answer is
//! ```
//!
//! A mixture of answers of different sizes says little, and a wrong program with a wrong constant may come
//! nearer to it than the right one. So a call is not mixed with others: what is learned is how likely the
//! right answer is, if calls are off by so many parts of it. The programs are one entry that gives the
//! answers of all calls.

use super::reader::{self, Reader, WORDS, reader};
use super::training::{Loss, Schedule, Taped, tensor, train};
use dfdx::shapes::Axis;
use dfdx::tensor::{Cpu, Gradients, Trace};
use dfdx::tensor_ops::{LogSumExpTo, MeanTo};
use dmci::Interpreter;
use dmci::Random;
use dmci::dfdx::ModuleError;
use dmci::dfdx::library::{EntryModule, SchemeEntry};
use std::cell::Cell;
use std::sync::Arc;

/// The programs: all answers to two numbers, taken as x and y in each of four ways.
const PROGRAMS: &str = "
    (param g 6.0 (> 0))
    (param half-g 7.0 (> 0))
    (param half 0.25 (> 0))
    (param gain 2.0 (> 0))
    (param r 18.0 (> 0))
    (define (period x y) (* 6.283185307179586 (sqrt (/ x g))))
    (define (fall x y) (* half-g (square x)))
    (define (spring x y) (* half (* x (square y))))
    (define (power x y) (* gain (* x (square y))))
    (define (gas x y) (* r (* x y)))
    (define (answers x y)
      (map (lambda (program) (program x y)) (list period fall spring power gas)))
    (append (answers a a) (answers a b) (answers b a) (answers b b))";

/// What the constants are.
const CONSTANTS_ARE: [f64; CONSTANTS] = [9.81, 4.905, 0.5, 1.0, 8.314];

/// How far off a call's answer may be, in parts of it, to be likely: at first, and at last.
const OFF: [f64; 2] = [0.5, 0.02];

/// What part of the steps it may be as far off as at first.
const HELD: f64 = 0.5;

/// How often any call is made instead, at first: programs that the reader does not call yet learn too. It
/// falls to nothing.
const ANY: f64 = 0.5;

/// How many tries there are at the most: one that does not answer what it has seen is followed by another.
const TRIES: u64 = 5;

/// Sentences: which program, which of the sentence's numbers is x and which y, and the words.
const SENTENCES: [(usize, [usize; 2], &str); 10] = [
    (0, [0, 1], "period of a pendulum of N metres"),
    (0, [0, 1], "how long swings N metres of pendulum"),
    (1, [0, 1], "how deep falls a stone in N seconds"),
    (1, [0, 1], "N seconds of falling"),
    (2, [0, 1], "energy of a spring of N stretched by N"),
    (2, [1, 0], "stretch by N a spring of N"),
    (3, [0, 1], "heat of N ohms at N amperes"),
    (3, [1, 0], "N amperes through N ohms"),
    (4, [0, 1], "pressure times volume of N moles at N"),
    (4, [1, 0], "at N kelvin N moles of gas"),
];

/// How many words there are.
pub(crate) const VOCABULARY: usize = 40;

/// How many calls there are: four ways to take the numbers, and five programs each.
pub(crate) const OUT: usize = 4 * CONSTANTS;

/// How many programs there are, with a constant each.
pub(crate) const CONSTANTS: usize = 5;

/// The programs as one entry.
///
/// # Errors
/// Never: the programs are programs.
fn library() -> Result<SchemeEntry, ModuleError> {
    let inputs = dmci::Bindings::from([("a", 1.0), ("b", 1.0)]);
    let model = Interpreter::embedded().model_for(PROGRAMS, &inputs, dmci::Mode::Interpreter);
    let model = model.map_err(|error| ModuleError::Request(error.to_string()))?;
    SchemeEntry::new("physics", &model, &["a", "b"], OUT)
}

fn words(sentence: &str) -> [usize; WORDS] {
    let mut known: Vec<&str> = SENTENCES
        .iter()
        .flat_map(|(_, _, text)| text.split(' '))
        .collect();
    known.sort_unstable();
    known.dedup();
    assert!(known.len() < VOCABULARY, "more words than the reader has");
    let mut numbers = [0; WORDS];
    for (to, word) in numbers.iter_mut().zip(sentence.split(' ')) {
        *to = 1 + known.iter().position(|other| *other == word).unwrap_or(0);
    }
    numbers
}

/// A question: a sentence and its numbers; of one number, the second is 1.
#[derive(Clone, Copy)]
struct Question {
    sentence: usize,
    numbers: [f64; 2],
}

impl Question {
    fn draw(random: &mut Random) -> Self {
        let sentence = random.below(SENTENCES.len());
        let mut draw = || 0.5 + 4.5 * random.unit();
        let numbers = if SENTENCES[sentence].2.matches('N').count() == 2 {
            [draw(), draw()]
        } else {
            [draw(), 1.0]
        };
        Self { sentence, numbers }
    }

    fn answer(self) -> f64 {
        let (program, [x, y], _) = SENTENCES[self.sentence];
        let [x, y] = [x, y].map(|at| self.numbers[at]);
        let constant = CONSTANTS_ARE[program];
        match program {
            0 => std::f64::consts::TAU * (x / constant).sqrt(),
            1 => constant * x * x,
            2 | 3 => constant * x * y * y,
            _ => constant * x * y,
        }
    }
}

type Network = (Reader<VOCABULARY, OUT>, EntryModule<2, OUT, CONSTANTS, f32>);

/// The logits of all calls.
fn logits(
    network: &Network,
    questions: &[Question],
    gradients: Gradients<f32, Cpu>,
) -> Result<Taped<OUT>, ModuleError> {
    let sentences: Vec<_> = questions
        .iter()
        .map(|q| words(SENTENCES[q.sentence].2))
        .collect();
    reader::logits(&network.0, &sentences, gradients)
}

/// The answers of all calls.
fn answers(network: &Network, questions: &[Question]) -> Result<Taped<OUT>, ModuleError> {
    let numbers = questions.iter().flat_map(|q| q.numbers.map(|x| x as f32));
    let numbers = tensor::<2>(numbers.collect());
    network.1.try_forward_with(numbers.leaky_traced(), &[])
}

/// How unlikely the right answers are, where calls are off by `off` and any call is made so often.
fn unlikely(
    network: &Network,
    questions: &[Question],
    (off, any): (f64, f64),
    gradients: Gradients<f32, Cpu>,
) -> Result<Loss, ModuleError> {
    let wanted = questions.iter().flat_map(|q| [q.answer().ln() as f32; OUT]);
    let wanted = tensor::<OUT>(wanted.collect());
    let chances = logits(network, questions, gradients)?.log_softmax::<Axis<1>>();
    let any = any as f32;
    let chances = ((chances.exp() * (1.0 - any)) + any / OUT as f32).ln();
    // Parts of the answer: answers are of different sizes.
    let apart = (answers(network, questions)?.ln() - wanted).abs() / off as f32;
    Ok(-(chances - apart).logsumexp::<_, Axis<1>>().mean())
}

/// What came of it.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    /// The part of new questions whose answer is within 1 %.
    pub(crate) within: f64,
    /// Constants by name: as found, and as they are.
    pub(crate) constants: Vec<(String, f64, f64)>,
}

/// The part of questions whose answer is within 1 %, if the likeliest call is made.
fn within(network: &Network, questions: &[Question]) -> Result<f64, ModuleError> {
    let logits = logits(network, questions, Gradients::leaky())?.as_vec();
    let answers = answers(network, questions)?.as_vec();
    let called = logits.chunks_exact(OUT).zip(answers.chunks_exact(OUT));
    let called = called.map(|(logits, answers)| {
        let best = (0..OUT).fold(
            0,
            |best, at| {
                if logits[at] > logits[best] { at } else { best }
            },
        );
        f64::from(answers[best])
    });
    let close = questions.iter().zip(called);
    let close = close.filter(|(q, y)| (y / q.answer() - 1.0).abs() < 0.01);
    Ok(close.count() as f64 / questions.len() as f64)
}

/// Trains reader and constants from weights of a try.
fn trained(seed: u64, seen: &[Question], steps: usize) -> Result<Network, ModuleError> {
    let device = Cpu::seed_from_u64(seed);
    let library = EntryModule::new(&device, Arc::new(library()?))?;
    let mut network: Network = (reader(&device), library);
    let schedule = Schedule {
        steps,
        batch: 128,
        rate: 3e-3,
        decay: 0.0,
        seed,
    };
    let step = Cell::new(0);
    let loss = |network: &_, which: &[usize], gradients| -> Result<Loss, ModuleError> {
        let asked: Vec<Question> = which.iter().map(|&at| seen[at]).collect();
        let part = f64::from(step.get()) / steps as f64;
        let later = ((part - HELD) / (1.0 - HELD)).max(0.0);
        let off = OFF[0] * (OFF[1] / OFF[0]).powf(later);
        let any = ANY * (1.0 - part / 0.8).max(0.0);
        unlikely(network, &asked, (off, any), gradients)
    };
    train(
        &mut network,
        seen.len(),
        &schedule,
        &loss,
        &mut |_, at, _| {
            step.set(at as u32 + 1);
            true
        },
    )?;
    Ok(network)
}

/// Trains reader and constants, and asks new questions.
///
/// # Errors
/// What a program fails with.
pub(crate) fn run(seed: u64, steps: usize, is_short: bool) -> Result<Found, ModuleError> {
    let mut random = Random::at(&[seed, 7]);
    let seen: Vec<Question> = (0..4000).map(|_| Question::draw(&mut random)).collect();
    let tries = if is_short { 1 } else { TRIES };
    let mut best: Option<(f64, Network)> = None;
    for attempt in 0..tries {
        let network = trained(seed + 1000 * attempt, &seen, steps)?;
        let right = within(&network, &seen)?;
        if best.as_ref().is_none_or(|(most, _)| right > *most) {
            best = Some((right, network));
        }
        if right > 0.99 {
            break;
        }
    }
    let Some((_, network)) = best else {
        unreachable!("there is a try");
    };
    let asked: Vec<Question> = (0..1000).map(|_| Question::draw(&mut random)).collect();
    let constants = network.1.values().into_iter().zip(CONSTANTS_ARE);
    let constants = constants.map(|((name, value), is)| (name, value, is));
    Ok(Found {
        within: within(&network, &asked)?,
        constants: constants.collect(),
    })
}
