//! Sentences answered by five programs of the language, whose constants are learned with the reader.
//!
//! The reader sees words, numbers all as one word, and decides which program to call with which numbers;
//! it learns from answers alone, and so do the programs' constants.
//!
//! ```text
//! "a pendulum of N metres" ──reader──▶ entry, two pointers ──▶ programs, with g, R, … ──▶ a number
//! ```

use super::reader::{self, Reader, WORDS, reader};
use super::training::{Loss, Schedule, Taped, tensor, train};
use dfdx::tensor::{Cpu, Gradients};
use dfdx::tensor_ops::MeanTo;
use dmci::Interpreter;
use dmci::Random;
use dmci::dfdx::ModuleError;
use dmci::dfdx::library::{Choice, Entry, EntryModule, Pointed, SchemeEntry, Softmaxed};
use std::sync::Arc;

/// The programs: a name, its text, where a constant starts, and what it is.
const PROGRAMS: [(&str, &str, f64); 5] = [
    (
        "period",
        "(param g 4.0 (> 0)) (* 6.283185307179586 (sqrt (/ x g)))",
        9.81,
    ),
    (
        "fall",
        "(param half-g 2.0 (> 0)) (* half-g (square x))",
        4.905,
    ),
    (
        "spring",
        "(param half 1.0 (> 0)) (* half (* x (square y)))",
        0.5,
    ),
    (
        "power",
        "(param gain 2.0 (> 0)) (* gain (* x (square y)))",
        1.0,
    ),
    ("gas", "(param r 4.0 (> 0)) (* r (* x y))", 8.314),
];

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

/// How many logits: an entry of five, and two pointers to two numbers.
pub(crate) const OUT: usize = PROGRAMS.len() + 4;

/// How many constants all programs have.
pub(crate) const CONSTANTS: usize = PROGRAMS.len();

/// The library.
///
/// # Errors
/// Never: the programs are programs.
pub(crate) fn library() -> Result<Arc<dyn Entry>, ModuleError> {
    let mut entries: Vec<(Arc<dyn Entry>, Vec<usize>)> = Vec::new();
    for (name, text, _) in PROGRAMS {
        // Programs that do not use y take it all the same.
        let text = format!("{text} ");
        let inputs = dmci::Bindings::from([("x", 0.0), ("y", 0.0)]);
        let model = Interpreter::embedded().model_for(&text, &inputs, dmci::Mode::Interpreter);
        let model = model.map_err(|error| ModuleError::Request(error.to_string()))?;
        entries.push((
            Arc::new(SchemeEntry::new(name, &model, &["x", "y"], 1)?),
            vec![0, 1],
        ));
    }
    let choice = Choice::new("physics", &[1, 1], entries)?;
    let pointed = Pointed::new(Arc::new(choice), 1, 2)?;
    Ok(Arc::new(Softmaxed::new(Arc::new(pointed), &[0, 1, 2])?))
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
        let constant = PROGRAMS[program].2;
        match program {
            0 => std::f64::consts::TAU * (x / constant).sqrt(),
            1 => constant * x * x,
            2 | 3 => constant * x * y * y,
            _ => constant * x * y,
        }
    }
}

type Network = (Reader<VOCABULARY, OUT>, EntryModule<OUT, 1, CONSTANTS, f32>);

fn values(
    (reader, library): &Network,
    questions: &[Question],
    gradients: Gradients<f32, Cpu>,
) -> Result<Taped<1>, ModuleError> {
    let sentences: Vec<_> = questions
        .iter()
        .map(|q| words(SENTENCES[q.sentence].2))
        .collect();
    let logits = reader::logits(reader, &sentences, gradients)?;
    let numbers: Vec<f64> = questions.iter().flat_map(|q| q.numbers).collect();
    library.try_forward_with(logits, &numbers)
}

/// What came of it.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    /// The part of new questions whose answer is within 1 %.
    pub(crate) within: f64,
    /// Constants by name: as found, and as they are.
    pub(crate) constants: Vec<(String, f64, f64)>,
}

/// Trains reader and constants, and asks new questions.
///
/// # Errors
/// What a program fails with.
pub(crate) fn run(seed: u64, steps: usize) -> Result<Found, ModuleError> {
    let device = Cpu::seed_from_u64(seed);
    let library = EntryModule::new(&device, library()?)?;
    let mut network: Network = (reader(&device), library);
    let mut random = Random::at(&[seed, 7]);
    let seen: Vec<Question> = (0..4000).map(|_| Question::draw(&mut random)).collect();
    let schedule = Schedule {
        steps,
        batch: 128,
        rate: 3e-3,
        decay: 0.0,
        seed,
    };
    let loss = |network: &_, which: &[usize], gradients| -> Result<Loss, ModuleError> {
        let asked: Vec<Question> = which.iter().map(|&at| seen[at]).collect();
        let wanted = asked.iter().map(|q| q.answer().ln() as f32);
        let wanted = tensor::<1>(wanted.collect());
        // Errors in parts of the answer: answers are of different sizes.
        let off = values(network, &asked, gradients)?.ln() - wanted;
        Ok(off.abs().mean())
    };
    train(
        &mut network,
        seen.len(),
        &schedule,
        &loss,
        &mut |_, _, _| {},
    )?;
    let asked: Vec<Question> = (0..1000).map(|_| Question::draw(&mut random)).collect();
    let found = values(&network, &asked, Gradients::leaky())?.as_vec();
    let close = asked.iter().zip(&found);
    let close = close.filter(|(q, y)| (f64::from(**y) / q.answer() - 1.0).abs() < 0.01);
    let within = close.count() as f64 / asked.len() as f64;
    let constants = network.1.values().into_iter().zip(PROGRAMS);
    let constants = constants.map(|((name, value), program)| (name, value, program.2));
    Ok(Found {
        within,
        constants: constants.collect(),
    })
}
