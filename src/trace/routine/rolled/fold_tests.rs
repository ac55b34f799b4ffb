//! Loops that carry sums against their traces: same numbers, to the bit, and the same guards.
//!
//! A failure names its seed: `DMCI_SEED=<seed> DMCI_PROGRAMS=1 cargo test --lib fold_tests`.

use super::super::Routine;
use super::Repeat;
use super::tests::{between, compare, percent, recorder};
use crate::Random;
use crate::prim::Prim;
use crate::random::from_environment;
use crate::trace::Ref;
use crate::trace::record::{Number, Recorder};

const SCALARS: usize = 3;
/// How many numbers each of two lists has.
const LIST: usize = 800;

/// What a step of an iteration reads.
#[derive(Clone, Copy, Debug)]
enum Reads {
    Scalar(usize),
    /// A list's number for the iteration, from the first on or from the last on, so many further on.
    Listed(usize, bool, usize),
    /// Every other number of a list.
    Other(usize),
    Local(usize),
    /// What an earlier step came to an iteration before.
    Before(usize),
    /// What an earlier loop came to, in its order or the other way round.
    Made(usize, bool),
    Table(f64),
    Constant(f64),
}

/// What is done with a sum: a step, and whether it is added or taken away; or something else.
#[derive(Clone, Copy, Debug)]
enum Adds {
    Sum(Prim),
    /// The other way round.
    Turned(Prim),
    Square,
}

#[derive(Clone, Copy, Debug)]
enum Does {
    Prim(Prim, Reads, Reads),
    Select([Reads; 4]),
    Guard(Reads, Reads),
    /// The sum of so many products.
    Inner(usize, Reads, Reads),
}

struct Loop {
    body: Vec<Does>,
    /// For each sum what is done with it, and by which steps.
    sums: Vec<Vec<(Adds, usize)>>,
    /// A sum that is read by a step of the next iteration, after all.
    read: Option<usize>,
    count: usize,
}

fn random_loop(random: &mut Random, made: usize) -> Loop {
    let count = 1 + random.below(12);
    let mut body = Vec::new();
    for at in 0..count {
        let reads = |random: &mut Random| match random.below(16) {
            0..3 => Reads::Scalar(random.below(SCALARS)),
            3..6 => Reads::Listed(random.below(2), percent(random, 25), random.below(3)),
            6 if percent(random, 40) => Reads::Other(random.below(2)),
            7..11 if at > 0 => Reads::Local(at - 1 - random.below(at.min(3))),
            11 if at > 0 => Reads::Before(random.below(at)),
            12 if made > 0 => Reads::Made(random.below(made), percent(random, 50)),
            13 => Reads::Table(between(random, -1.0, 1.0)),
            14 => Reads::Constant(between(random, -1.0, 1.0)),
            _ => Reads::Listed(0, false, 0),
        };
        let does = match random.below(20) {
            0 => Does::Select([(); 4].map(|()| reads(random))),
            1 if percent(random, 50) => Does::Guard(reads(random), reads(random)),
            2 if percent(random, 50) => {
                Does::Inner(2 + random.below(4), reads(random), reads(random))
            }
            _ => {
                const PRIMS: [Prim; 14] = [
                    Prim::Add,
                    Prim::Sub,
                    Prim::Mul,
                    Prim::Mul,
                    Prim::Mul,
                    Prim::Div,
                    Prim::Sin,
                    Prim::Cos,
                    Prim::Exp,
                    Prim::Tanh,
                    Prim::Neg,
                    Prim::Max,
                    Prim::Abs,
                    Prim::Lt,
                ];
                let prim = PRIMS[random.below(PRIMS.len())];
                Does::Prim(prim, reads(random), reads(random))
            }
        };
        body.push(does);
    }
    let sums = 1 + random.below(4);
    let sums = (0..sums).map(|_| {
        let terms = 1 + random.below(3) / 2;
        let terms = (0..terms).map(|_| {
            let adds = match random.below(20) {
                0 => Adds::Sum(Prim::Min),
                1 => Adds::Turned(Prim::Sub),
                2..5 => Adds::Turned(Prim::Add),
                5..9 => Adds::Sum(Prim::Sub),
                9..12 => Adds::Square,
                _ => Adds::Sum(Prim::Add),
            };
            (adds, random.below(count))
        });
        terms.collect()
    });
    let sums: Vec<Vec<(Adds, usize)>> = sums.collect();
    let read = percent(random, 5).then(|| random.below(sums.len()));
    Loop {
        body,
        sums,
        read,
        count: match random.below(8) {
            0 => random.below(4),
            1 => [127, 128, 129, 256, 257, 384, 32, 64][random.below(8)],
            _ => 130 + random.below(LIST / 2 - 140),
        },
    }
}

struct Machine<'r> {
    recorder: &'r mut Recorder,
    inputs: Vec<Number>,
    /// What steps of the earlier loops came to.
    made: Vec<Vec<Number>>,
}

impl Machine<'_> {
    fn operation(&mut self, prim: Prim, a: Number, b: Number) -> Number {
        let b = if prim.operands() == 1 { a } else { b };
        if a.node.is_none() && b.node.is_none() {
            Number::constant(prim.forward(a.value, b.value))
        } else {
            self.recorder.operation(prim, a, b)
        }
    }

    fn run(&mut self, of: &Loop) -> Vec<Number> {
        let mut sums: Vec<Number> = (0..of.sums.len())
            .map(|nth| match nth {
                0 => Number::constant(0.0),
                nth => self.inputs[nth - 1],
            })
            .collect();
        let mut before: Vec<Number> = vec![self.inputs[1]; of.body.len()];
        let mut made = Vec::new();
        for index in 0..of.count {
            let mut locals: Vec<Number> = Vec::new();
            for does in &of.body {
                let read = |reads: Reads| {
                    let listed = |list: usize, at: usize| self.inputs[SCALARS + list * LIST + at];
                    match reads {
                        Reads::Scalar(nth) => self.inputs[nth],
                        Reads::Listed(list, is_back, further) if is_back => {
                            listed(list, LIST - 1 - index - further)
                        }
                        Reads::Listed(list, _, further) => listed(list, index + further),
                        Reads::Other(list) => listed(list, 2 * index),
                        Reads::Local(nth) => locals[nth],
                        Reads::Before(nth) => before[nth],
                        Reads::Made(which, is_forward) => {
                            let all = &self.made[which];
                            let Some(last) = all.len().checked_sub(1) else {
                                return self.inputs[0];
                            };
                            let at = index.min(last);
                            all[if is_forward { at } else { last - at }]
                        }
                        Reads::Table(x) => Number::constant(x + (index % 11) as f64 * 0.125),
                        Reads::Constant(x) => Number::constant(x),
                    }
                };
                let number = match *does {
                    Does::Prim(prim, a, b) => {
                        let (a, b) = (read(a), read(b));
                        self.operation(prim, a, b)
                    }
                    Does::Select(reads) => {
                        let [x, a, b, y] = reads.map(read);
                        let test = self.operation(Prim::Lt, a, b);
                        match test.node.index() {
                            Some(_) => self.recorder.select(test, x, y, 0),
                            None if test.value == 0.0 => y,
                            None => x,
                        }
                    }
                    Does::Guard(a, b) => {
                        let (a, b) = (read(a), read(b));
                        let test = self.operation(Prim::Lt, a, b);
                        if test.node.index().is_some() {
                            self.recorder.guard(test, 7);
                        }
                        a
                    }
                    Does::Inner(count, a, b) => {
                        let (a, b) = (read(a), read(b));
                        let mut sum = Number::constant(0.0);
                        let mut product = a;
                        for _ in 0..count {
                            product = self.operation(Prim::Mul, product, b);
                            sum = self.operation(Prim::Add, sum, product);
                        }
                        sum
                    }
                };
                locals.push(number);
            }
            for (nth, terms) in of.sums.iter().enumerate() {
                for &(adds, local) in terms {
                    let (sum, x) = (sums[nth], locals[local]);
                    sums[nth] = match adds {
                        Adds::Sum(prim) => self.operation(prim, sum, x),
                        Adds::Turned(prim) => self.operation(prim, x, sum),
                        Adds::Square => {
                            let square = self.operation(Prim::Mul, x, x);
                            self.operation(Prim::Add, sum, square)
                        }
                    };
                }
            }
            if let Some(read) = of.read {
                locals[0] = sums[read];
            }
            made.push(locals[locals.len() - 1]);
            before = locals;
        }
        self.made.push(made);
        sums
    }
}

/// Whether loops were compiled, and whether some are done many iterations at a time.
fn check(seed: u64) -> (bool, bool) {
    let mut random = Random::new(seed);
    let inputs: Vec<f64> = (0..SCALARS + 2 * LIST)
        .map(|_| between(&mut random, -1.0, 1.0))
        .collect();
    let (mut recorder, numbers) = recorder(&inputs);
    let mut machine = Machine {
        inputs: numbers,
        recorder: &mut recorder,
        made: Vec::new(),
    };
    let mut results = Vec::new();
    for made in 0..=random.below(3) {
        let of = random_loop(&mut random, made);
        let sums = machine.run(&of);
        let sums = sums.into_iter().reduce(|a, b| {
            let prim = [Prim::Add, Prim::Mul][random.below(2)];
            machine.operation(prim, a, b)
        });
        results.extend(sums);
    }
    if percent(&mut random, 50) {
        let one = results
            .into_iter()
            .reduce(|a, b| machine.operation(Prim::Mul, a, b));
        results = one.into_iter().collect();
    }
    let outputs = results.iter().filter_map(|number| number.node.index());
    let outputs: Vec<Ref> = outputs.map(Ref::node).collect();
    let by: Vec<u32> = match random.below(4) {
        0 => Vec::new(),
        count => (0..count as u32).collect(),
    };
    let trace = recorder.take_trace();
    let Some(routine) = Routine::rolled(&trace, &outputs, &by, usize::MAX) else {
        return (false, false);
    };
    compare(&routine, &trace, &outputs, &by, &inputs, &mut random, seed);
    let rolled = routine.rolled.expect("it has loops");
    let mut segments = rolled.segments.iter();
    let is_wide = segments.any(|segment| matches!(segment.repeat, Repeat::Columns(_)));
    (true, is_wide)
}

#[test]
fn sums_have_the_bits_of_their_traces() {
    let first = from_environment("DMCI_SEED", 1);
    let count = from_environment("DMCI_PROGRAMS", 120);
    let (mut rolled, mut wide) = (0, 0);
    for seed in first..first + count {
        let (is_rolled, is_wide) = check(seed);
        rolled += u64::from(is_rolled);
        wide += u64::from(is_wide);
    }
    assert!(
        count < 100 || (3 * rolled > count && 3 * wide > rolled),
        "{rolled} of {count} have loops, {wide} of them ones that are done many iterations at a time"
    );
}
