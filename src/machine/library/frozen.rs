//! A frozen program on soft numbers: walked once for each case of what steers it, then replayed.
//!
//! Code, the name of a program and what its arguments are go in; [`Frozen`] comes out, which takes
//! distributions of the arguments to that of the result, and cotangents back.
//!
//! An argument is *soft*, a distribution over all numbers, or it is given *by cases*: a distribution
//! over the first few, each of which is a run of its own. Of cases the result is exact, the expectation
//! over them; soft numbers are taken as independent of each other, as the soft machine takes them.
//! Control is discrete: a program that a soft number would steer is refused.
//!
//! **Invariants**
//! - On whole numbers it is the integer machine; on distributions it is the soft machine of one-hot
//!   weights, to rounding.
//! - What is recorded are operations on distributions alone; whatever is known when the program is
//!   walked leaves nothing behind.
//!
//! ```text
//! fibonacci, n by cases      n = 0: a      n = 1: b      n = 2: add a b      n = 3: add b (add a b)
//! ```

use super::code::{Code, CodeLine, LibraryError, Operation};
use crate::machine::instruction::Instruction;

/// What an argument of a frozen program is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Argument {
    /// A distribution over all numbers below the base.
    Soft,
    /// A distribution over the numbers from 0 up to one less than this, a run for each.
    Cases(usize),
}

/// What a register or cell holds while a program is walked: a number, or the distribution of that place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Held {
    Known(usize),
    Soft(usize),
}

/// What makes a distribution of earlier ones.
#[derive(Clone, PartialEq, Debug)]
enum Step {
    /// Each number becomes another.
    Map { of: usize, to: Vec<usize> },
    /// An instruction of two independent numbers.
    Pair {
        instruction: Instruction,
        of: [usize; 2],
    },
}

/// One case's run.
#[derive(Clone, PartialEq, Debug)]
struct Case {
    /// The values of the arguments that are given by cases.
    values: Vec<usize>,
    steps: Vec<Step>,
    result: Held,
    /// How many lines were done.
    taken: usize,
}

/// A frozen program, recorded.
#[derive(Clone, PartialEq, Debug)]
pub struct Frozen {
    name: String,
    base: usize,
    arguments: Vec<Argument>,
    cases: Vec<Case>,
}

/// The most cases that a program is walked for.
const MOST_CASES: usize = 4096;

/// The most distributions that the runs of a program may make together.
const MOST_STEPS: usize = 1 << 16;

impl Frozen {
    /// Walks a program for each combination of its cases, in at most so many steps each.
    ///
    /// # Errors
    /// No such program, another number of arguments, cases of no number or more than there are numbers,
    /// a program that a soft number steers, that does not halt in time, or that is too long.
    pub fn new(
        code: &Code,
        name: &str,
        arguments: &[Argument],
        steps: usize,
    ) -> Result<Self, LibraryError> {
        let program = code.program(name)?;
        if arguments.len() != program.arguments {
            return Err(LibraryError::Arguments {
                name: name.to_owned(),
                wanted: program.arguments,
                found: arguments.len(),
            });
        }
        let base = code.shape().base;
        let mut count = 1_usize;
        for argument in arguments {
            if let Argument::Cases(cases) = *argument {
                if cases == 0 || cases > base {
                    return Err(LibraryError::Range {
                        what: "a number of cases",
                        found: cases.to_string(),
                        wanted: format!("from 1 to the base of {base}"),
                    });
                }
                count = count.saturating_mul(cases);
            }
        }
        if count > MOST_CASES {
            return Err(LibraryError::Range {
                what: "a number of combinations of cases",
                found: count.to_string(),
                wanted: format!("at most {MOST_CASES}"),
            });
        }
        let mut cases = Vec::with_capacity(count);
        let mut made = 0;
        for mut rest in 0..count {
            let values = arguments.iter().filter_map(|argument| match *argument {
                Argument::Soft => None,
                Argument::Cases(cases) => {
                    let value = rest % cases;
                    rest /= cases;
                    Some(value)
                }
            });
            let values: Vec<usize> = values.collect();
            let case = walk(code, name, arguments, values, steps)?;
            made += case.steps.len();
            if made > MOST_STEPS {
                return Err(LibraryError::Range {
                    what: "a number of recorded operations",
                    found: format!("more than {MOST_STEPS}"),
                    wanted: format!("at most {MOST_STEPS}"),
                });
            }
            cases.push(case);
        }
        Ok(Self {
            name: name.to_owned(),
            base,
            arguments: arguments.to_vec(),
            cases,
        })
    }

    /// The program's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many numbers the distribution of each argument has.
    pub fn widths(&self) -> Vec<usize> {
        let widths = self.arguments.iter().map(|argument| match *argument {
            Argument::Soft => self.base,
            Argument::Cases(cases) => cases,
        });
        widths.collect()
    }

    /// How many numbers the result's distribution has: the base.
    pub fn base(&self) -> usize {
        self.base
    }

    /// How many lines the longest of the runs does.
    pub fn taken(&self) -> usize {
        self.cases.iter().map(|case| case.taken).max().unwrap_or(0)
    }

    /// How many operations on distributions are recorded.
    pub fn recorded(&self) -> usize {
        self.cases.iter().map(|case| case.steps.len()).sum()
    }

    /// The places of the soft arguments and of those by cases in a row of all distributions.
    fn places(&self) -> (Vec<usize>, Vec<usize>) {
        let (mut soft, mut cases) = (Vec::new(), Vec::new());
        let mut at = 0;
        for (argument, width) in self.arguments.iter().zip(self.widths()) {
            match argument {
                Argument::Soft => soft.push(at),
                Argument::Cases(_) => cases.push(at),
            }
            at += width;
        }
        (soft, cases)
    }

    /// Distributions of a case, soft arguments first: flat, `base` numbers each.
    fn distributions(&self, case: &Case, row: &[f64], soft: &[usize]) -> Vec<f64> {
        let base = self.base;
        let mut all = Vec::with_capacity((soft.len() + case.steps.len()) * base);
        for &at in soft {
            all.extend_from_slice(&row[at..at + base]);
        }
        for step in &case.steps {
            let from = all.len();
            all.resize(from + base, 0.0);
            let (before, to) = all.split_at_mut(from);
            let part = |at: usize| &before[at * base..(at + 1) * base];
            match step {
                Step::Map { of, to: map } => {
                    for (p, &n) in part(*of).iter().zip(map) {
                        to[n] += p;
                    }
                }
                Step::Pair { instruction, of } => {
                    pair(*instruction, part(of[0]), part(of[1]), to);
                }
            }
        }
        all
    }

    fn check(&self, row: usize, out: usize) -> Result<(), LibraryError> {
        let wanted = [self.widths().iter().sum(), self.base];
        for (what, found, wanted) in [("a row", row, wanted[0]), ("a result", out, wanted[1])] {
            if found != wanted {
                return Err(LibraryError::Range {
                    what,
                    found: format!("{found} numbers"),
                    wanted: format!("{wanted} for `{}`", self.name),
                });
            }
        }
        Ok(())
    }

    fn chance(case: &Case, row: &[f64], cases: &[usize]) -> f64 {
        let chosen = case.values.iter().zip(cases);
        chosen.map(|(value, at)| row[at + value]).product()
    }

    /// Adds the result's distribution to `out`: a row of the arguments' distributions, one after the
    /// other, to `base` numbers.
    ///
    /// # Errors
    /// [`LibraryError::Range`] where `row` or `out` are of another length.
    pub fn run(&self, row: &[f64], out: &mut [f64]) -> Result<(), LibraryError> {
        self.check(row.len(), out.len())?;
        let (soft, by_cases) = self.places();
        for case in &self.cases {
            let chance = Self::chance(case, row, &by_cases);
            if chance == 0.0 {
                continue;
            }
            match case.result {
                Held::Known(number) => out[number] += chance,
                Held::Soft(place) => {
                    let all = self.distributions(case, row, &soft);
                    let result = &all[place * self.base..(place + 1) * self.base];
                    for (to, p) in out.iter_mut().zip(result) {
                        *to += chance * p;
                    }
                }
            }
        }
        Ok(())
    }

    /// Adds to the cotangent of a row what that of the result comes to.
    ///
    /// # Errors
    /// As [`Frozen::run`].
    pub fn pull_back(
        &self,
        row: &[f64],
        by_out: &[f64],
        by_row: &mut [f64],
    ) -> Result<(), LibraryError> {
        self.check(row.len(), by_out.len())?;
        self.check(by_row.len(), by_out.len())?;
        let base = self.base;
        let (soft, by_cases) = self.places();
        for case in &self.cases {
            let chance = Self::chance(case, row, &by_cases);
            let mut value = 0.0;
            match case.result {
                Held::Known(number) => value = by_out[number],
                Held::Soft(place) => {
                    let all = self.distributions(case, row, &soft);
                    let result = &all[place * base..(place + 1) * base];
                    for (ct, p) in by_out.iter().zip(result) {
                        value += ct * p;
                    }
                    if chance != 0.0 {
                        let mut by = vec![0.0; all.len()];
                        for (to, ct) in by[place * base..].iter_mut().zip(by_out) {
                            *to = chance * ct;
                        }
                        back(&case.steps, soft.len(), base, &all, &mut by);
                        for (&at, by) in soft.iter().zip(by.chunks_exact(base)) {
                            for (to, ct) in by_row[at..at + base].iter_mut().zip(by) {
                                *to += ct;
                            }
                        }
                    }
                }
            }
            for (which, (&at, &number)) in by_cases.iter().zip(&case.values).enumerate() {
                let others = by_cases.iter().zip(&case.values).enumerate();
                let others = others.filter(|(other, _)| *other != which);
                let rest: f64 = others.map(|(_, (at, number))| row[at + number]).product();
                by_row[at + number] += value * rest;
            }
        }
        Ok(())
    }
}

/// The way back through recorded steps.
fn back(steps: &[Step], inputs: usize, base: usize, all: &[f64], by: &mut [f64]) {
    for (at, step) in steps.iter().enumerate().rev() {
        let from = (inputs + at) * base;
        let (before, rest) = by.split_at_mut(from);
        let ct = &rest[..base];
        match step {
            Step::Map { of, to } => {
                for (by, &n) in before[of * base..(of + 1) * base].iter_mut().zip(to) {
                    *by += ct[n];
                }
            }
            Step::Pair { instruction, of } => {
                let part = |at: usize| &all[at * base..(at + 1) * base];
                let (a, b) = (part(of[0]), part(of[1]));
                let mut by_a = vec![0.0; base];
                let mut by_b = vec![0.0; base];
                pair_back(*instruction, [a, b], ct, &mut by_a, &mut by_b);
                for (at, own) in of.iter().zip([by_a, by_b]) {
                    for (to, ct) in before[at * base..].iter_mut().zip(own) {
                        *to += ct;
                    }
                }
            }
        }
    }
}

/// The distribution of an instruction's result of two independent numbers; it is added.
pub(super) fn pair(instruction: Instruction, a: &[f64], b: &[f64], to: &mut [f64]) {
    let base = to.len();
    if instruction == Instruction::Add {
        // A shifted copy of b for each number of a, in the two stretches that it falls into.
        for (i, &p) in a.iter().enumerate() {
            if p != 0.0 {
                let (low, high) = b.split_at(base - i);
                for (to, q) in to[i..].iter_mut().zip(low) {
                    *to += p * q;
                }
                for (to, q) in to[..i].iter_mut().zip(high) {
                    *to += p * q;
                }
            }
        }
        return;
    }
    for (i, &p) in a.iter().enumerate() {
        if p != 0.0 {
            for (j, &q) in b.iter().enumerate() {
                if let Some(n) = instruction.result(base, i, j) {
                    to[n] += p * q;
                }
            }
        }
    }
}

/// Adds what the cotangent of [`pair`]'s result comes to.
pub(super) fn pair_back(
    instruction: Instruction,
    [a, b]: [&[f64]; 2],
    ct: &[f64],
    by_a: &mut [f64],
    by_b: &mut [f64],
) {
    let base = ct.len();
    if instruction == Instruction::Add {
        for (i, &p) in a.iter().enumerate() {
            let (low, high) = b.split_at(base - i);
            let (by_low, by_high) = by_b.split_at_mut(base - i);
            let mut sum = 0.0;
            for ((q, by), ct) in low.iter().zip(by_low).zip(&ct[i..]) {
                sum += q * ct;
                *by += p * ct;
            }
            for ((q, by), ct) in high.iter().zip(by_high).zip(&ct[..i]) {
                sum += q * ct;
                *by += p * ct;
            }
            by_a[i] += sum;
        }
        return;
    }
    for (i, &p) in a.iter().enumerate() {
        let mut sum = 0.0;
        for (j, &q) in b.iter().enumerate() {
            if let Some(n) = instruction.result(base, i, j) {
                sum += q * ct[n];
                by_b[j] += p * ct[n];
            }
        }
        by_a[i] += sum;
    }
}

/// Runs a program with numbers that are known and numbers that are not, and records what happens to
/// those that are not.
fn walk(
    code: &Code,
    name: &str,
    arguments: &[Argument],
    values: Vec<usize>,
    most: usize,
) -> Result<Case, LibraryError> {
    let shape = code.shape();
    let program = code.program(name)?;
    let mut registers = vec![Held::Known(0); shape.registers];
    let mut memory = vec![Held::Known(0); shape.base];
    registers[code.link()] = Held::Known(code.exit() % shape.base);
    let mut known = values.iter();
    let mut inputs = 0;
    for (register, argument) in registers.iter_mut().zip(arguments) {
        *register = match argument {
            Argument::Soft => {
                inputs += 1;
                Held::Soft(inputs - 1)
            }
            Argument::Cases(_) => Held::Known(known.next().copied().unwrap_or(0)),
        };
    }
    let mut steps: Vec<Step> = Vec::new();
    let mut line = program.lines.start;
    for taken in 0..most {
        let at = line;
        let steered = || LibraryError::Steered {
            name: name.to_owned(),
            line: at,
        };
        let CodeLine {
            operation,
            operands: [first, second, third],
            label,
            number,
        } = code.lines()[at];
        let (a, b) = (registers[first], registers[second]);
        let next = (at + 1) % shape.lines;
        line = next;
        let of_known = |held: Held| match held {
            Held::Known(number) => Ok(number),
            Held::Soft(_) => Err(steered()),
        };
        let mut result = None;
        match operation {
            Operation::Core(Instruction::Read) => result = Some(memory[of_known(a)?]),
            Operation::Core(Instruction::Write) => memory[of_known(a)?] = b,
            Operation::Core(Instruction::Jump) => {
                if of_known(a)? == 0 {
                    line = label;
                }
            }
            Operation::Core(Instruction::Halt) => {
                return Ok(Case {
                    values,
                    steps,
                    result: registers[program.result],
                    taken: taken + 1,
                });
            }
            Operation::Core(one) => {
                if one.has_result() {
                    result = Some(record(one, shape.base, [a, b], inputs, &mut steps));
                }
            }
            Operation::Set => result = Some(Held::Known(number)),
            Operation::Copy => result = Some(a),
            Operation::Store => result = Some(Held::Known(next % shape.base)),
            Operation::Call => {
                result = Some(Held::Known(next % shape.base));
                line = label;
            }
            Operation::Return => line = of_known(a)? % shape.lines,
            Operation::Goto => {
                if of_known(a)? == 0 {
                    line = of_known(b)? % shape.lines;
                }
            }
        }
        if let Some(result) = result {
            registers[third] = result;
        }
        if steps.len() > MOST_STEPS {
            break;
        }
    }
    let name = name.to_owned();
    Err(LibraryError::Endless { name, steps: most })
}

/// What an instruction makes of two operands; what is not known is recorded.
fn record(
    one: Instruction,
    base: usize,
    [a, b]: [Held; 2],
    inputs: usize,
    steps: &mut Vec<Step>,
) -> Held {
    let result = |a: usize, b: usize| one.result(base, a, b).unwrap_or(0);
    let takes_two = one.uses()[1];
    let map = |of: usize, number: &dyn Fn(usize) -> usize| Step::Map {
        of,
        to: (0..base).map(number).collect(),
    };
    let step = match (a, b) {
        _ if one == Instruction::Zero => return Held::Known(0),
        (Held::Known(a), _) if !takes_two => return Held::Known(result(a, 0)),
        (Held::Known(a), Held::Known(b)) => return Held::Known(result(a, b)),
        (Held::Soft(of), _) if !takes_two => map(of, &|n| result(n, 0)),
        (Held::Soft(of), Held::Known(b)) => map(of, &|n| result(n, b)),
        (Held::Known(a), Held::Soft(of)) => map(of, &|n| result(a, n)),
        (Held::Soft(first), Held::Soft(second)) => Step::Pair {
            instruction: one,
            of: [first, second],
        },
    };
    steps.push(step);
    Held::Soft(inputs + steps.len() - 1)
}
