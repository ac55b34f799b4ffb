//! Learned with tables, used with circuits: numbers as binary digits, of any width afterwards.
//!
//! The reader sees the words of a sentence, its numbers all as one word, and decides which entry to call
//! and which of the sentence's numbers goes where; the numbers' digits go past it to the entry. So what
//! it learns holds for any width. It learns from the digits of answers alone.
//!
//! ```text
//! "subtract N from N" ──reader──▶ entry, two pointers ──▶ table of 5 digits, or circuit of 5 … 64
//! ```

use super::reader::{self, Reader, WORDS, reader};
use super::training::{Loss, Schedule, Taped, shuffled, tensor, train};
use dfdx::tensor::{Cpu, Gradients, WithEmptyTape};
use dfdx::tensor_ops::MeanTo;
use dmci::Random;
use dmci::dfdx::ModuleError;
use dmci::dfdx::library::{Choice, CircuitEntry, Entry, EntryModule, Pointed, Softmaxed, Table};
use dmci::machine::circuits::Arithmetic;
use dmci::machine::numbers::digits;
use std::sync::Arc;

/// The width that is trained on, in digits.
pub(crate) const WIDTH: usize = 5;

/// The arithmetic that is learned.
pub(crate) const OPERATIONS: [Arithmetic; 7] = [
    Arithmetic::Add,
    Arithmetic::Subtract,
    Arithmetic::Multiply,
    Arithmetic::Divide,
    Arithmetic::Remainder,
    Arithmetic::Max,
    Arithmetic::Min,
];

/// Sentences: which operation, whether the second number is its first, and the words.
const SENTENCES: [(Arithmetic, bool, &str); 12] = [
    (Arithmetic::Add, false, "add N and N"),
    (Arithmetic::Add, false, "the sum of N and N"),
    (Arithmetic::Subtract, true, "subtract N from N"),
    (Arithmetic::Subtract, false, "N less N"),
    (Arithmetic::Multiply, false, "multiply N by N"),
    (Arithmetic::Multiply, false, "N times N"),
    (Arithmetic::Divide, false, "divide N by N"),
    (Arithmetic::Divide, true, "how often goes N into N"),
    (Arithmetic::Remainder, false, "N modulo N"),
    (Arithmetic::Remainder, false, "what N divided by N leaves"),
    (Arithmetic::Max, false, "the larger of N and N"),
    (Arithmetic::Min, false, "the smaller of N and N"),
];

/// How many words there are: the reader's V.
pub(crate) const VOCABULARY: usize = 32;

/// How many logits: an entry of seven, and two pointers to two numbers.
pub(crate) const OUT: usize = OPERATIONS.len() + 4;

/// Which kind of entries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// Tables of all pairs.
    Tables,
    /// Circuits.
    Circuits,
}

/// The library on numbers of a width; `hard` has it call the likeliest entry with the likeliest numbers.
///
/// # Errors
/// A width that there are no tables of.
pub(crate) fn library(kind: Kind, width: usize, hard: bool) -> Result<Arc<dyn Entry>, ModuleError> {
    let mut entries: Vec<(Arc<dyn Entry>, Vec<usize>)> = Vec::new();
    for one in OPERATIONS {
        let entry: Arc<dyn Entry> = match kind {
            Kind::Tables => Arc::new(Table::on_digits(one, width)?),
            Kind::Circuits => Arc::new(CircuitEntry::on_digits(one, width)?),
        };
        entries.push((entry, vec![0, 1]));
    }
    let choice = Choice::new("arithmetic", &[width, width], entries)?;
    let pointed = Pointed::new(Arc::new(choice), 1, 2)?;
    let soft = Softmaxed::new(Arc::new(pointed), &[0, 1, 2])?;
    Ok(Arc::new(if hard { soft.hard() } else { soft }))
}

/// The words of a sentence by number; 0 is a blank.
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

/// A question: a sentence and two numbers.
#[derive(Clone, Copy)]
struct Question {
    sentence: usize,
    numbers: [u64; 2],
}

impl Question {
    fn answer(self, width: usize) -> u64 {
        let (operation, turned, _) = SENTENCES[self.sentence];
        let [a, b] = self.numbers;
        let (a, b) = if turned { (b, a) } else { (a, b) };
        operation.of(a, b, width)
    }
}

type Network<const W: usize> = (Reader<VOCABULARY, OUT>, EntryModule<OUT, W, 0, f32>);

fn chances<const W: usize>(
    (reader, library): &Network<W>,
    questions: &[Question],
    gradients: Gradients<f32, Cpu>,
) -> Result<Taped<W>, ModuleError> {
    let sentences: Vec<_> = questions
        .iter()
        .map(|q| words(SENTENCES[q.sentence].2))
        .collect();
    let logits = reader::logits(reader, &sentences, gradients)?;
    let numbers = questions.iter().flat_map(|q| q.numbers);
    let bits: Vec<f64> = numbers.flat_map(|n| digits(n, W)).collect();
    library.try_forward_with(logits, &bits)
}

/// The part of questions of which all digits of the answer are right.
fn accuracy<const W: usize>(
    network: &Network<W>,
    questions: &[Question],
) -> Result<f64, ModuleError> {
    let mut right = 0;
    for part in questions.chunks(256) {
        let found = chances(network, part, Gradients::leaky())?.as_vec();
        for (question, row) in part.iter().zip(found.chunks_exact(W)) {
            let wanted = digits(question.answer(W), W);
            let mut pairs = row.iter().zip(wanted);
            right += usize::from(pairs.all(|(p, d)| (*p > 0.5) == (d > 0.5)));
        }
    }
    Ok(right as f64 / questions.len().max(1) as f64)
}

/// What came of it: the parts of held-out questions answered rightly.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    /// With the tables that were trained with.
    pub(crate) table: f64,
    /// With circuits in their place.
    pub(crate) circuit: f64,
    /// With circuits on wider numbers, by width.
    pub(crate) wider: Vec<(usize, f64)>,
}

/// Questions about random numbers of a width.
fn random_questions(width: usize, count: usize, random: &mut Random) -> Vec<Question> {
    let draw = |random: &mut Random| random.bits() >> (64 - width) >> random.below(width);
    (0..count)
        .map(|at| Question {
            sentence: at % SENTENCES.len(),
            numbers: [draw(random), draw(random)],
        })
        .collect()
}

fn wider<const W: usize>(
    reader: &Reader<VOCABULARY, OUT>,
    random: &mut Random,
) -> Result<(usize, f64), ModuleError> {
    let entry = library(Kind::Circuits, W, true)?;
    let network: Network<W> = (reader.clone(), EntryModule::new(&Cpu::default(), entry)?);
    Ok((W, accuracy(&network, &random_questions(W, 1200, random))?))
}

/// Trains with tables, then asks with circuits.
///
/// # Errors
/// What the library fails with.
pub(crate) fn run(seed: u64, steps: usize) -> Result<Found, ModuleError> {
    let device = Cpu::seed_from_u64(seed);
    let pairs = 1_usize << (2 * WIDTH);
    let mut questions: Vec<Question> = Vec::new();
    for at in shuffled(SENTENCES.len() * pairs, seed) {
        let (sentence, pair) = (at / pairs, at % pairs);
        let numbers = [pair & ((1 << WIDTH) - 1), pair >> WIDTH].map(|n| n as u64);
        questions.push(Question { sentence, numbers });
    }
    let (held, seen) = questions.split_at(questions.len() / 5);
    let tables = EntryModule::new(&device, library(Kind::Tables, WIDTH, false)?)?;
    let mut network: Network<WIDTH> = (reader(&device), tables);
    let schedule = Schedule {
        steps,
        batch: 128,
        rate: 3e-3,
        decay: 0.1,
        seed,
    };
    let loss = |network: &_, which: &[usize], gradients| -> Result<Loss, ModuleError> {
        let asked: Vec<Question> = which.iter().map(|&at| seen[at]).collect();
        let wanted = asked.iter().flat_map(|q| digits(q.answer(WIDTH), WIDTH));
        let wanted = tensor::<WIDTH>(wanted.map(|d| d as f32).collect());
        // Binary cross-entropy, of chances that are kept from 0 and 1.
        let chances = chances(network, &asked, gradients)? * 0.998 + 0.001;
        let others = (chances.with_empty_tape() * -1.0 + 1.0).ln() * (wanted.clone() * -1.0 + 1.0);
        Ok((chances.ln() * wanted + others).mean() * -1.0)
    };
    train(
        &mut network,
        seen.len(),
        &schedule,
        &loss,
        &mut |_, _, _| true,
    )?;
    let held = &held[..held.len().min(2400)];
    let table = accuracy(&network, held)?;
    network.1.swap(library(Kind::Circuits, WIDTH, false)?)?;
    let circuit = accuracy(&network, held)?;
    let mut random = Random::at(&[seed, 6]);
    let wider = vec![
        wider::<8>(&network.0, &mut random)?,
        wider::<16>(&network.0, &mut random)?,
        wider::<32>(&network.0, &mut random)?,
        wider::<64>(&network.0, &mut random)?,
    ];
    Ok(Found {
        table,
        circuit,
        wider,
    })
}
