//! Code of a loop that is done many iterations at a time: each step on numbers in a row, one for each
//! iteration, and sums one iteration after the other.
//!
//! A lane's numbers, the inputs, tables and the tape go in; the results of the last iterations are in the
//! lane's slots afterwards, and those that are read later on the tape.
//!
//! **Invariants**
//! - The numbers of iterations lie in a row, those of a later one after those of an earlier one or, where
//!   the loop runs backwards through memory, before.
//! - Slots are read and written by the contract of [`super::super`]: those of a step's results are no
//!   other's, and what it reads is apart from them.
//! - A guard that fails is the first one that does, as if iterations came one after the other.

use super::super::blocks::OneFile;
use super::super::code::Opcode;
use super::super::folds::{self, Way};
use super::super::many::{self, Operand};
use super::super::scalar::Failed;
use super::Fed;
use crate::prim::math::{self, Cpu};
use smallvec::SmallVec;

/// Where numbers of iterations are: for the first iteration, among what they are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Slots; the first one for those that are done at a time.
    File(u32),
    /// A stream or the tape, from which each iteration reads the next number.
    Fed(Fed, i64),
}

/// A step on many iterations at a time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) op: Opcode,
    /// The first slot of its results, and of the second ones.
    pub(super) d: u32,
    pub(super) e: u32,
    pub(super) operands: [Place; 3],
}

/// A guard: its number in the code, and where what it looks at is.
#[derive(Debug)]
pub(super) struct Guarded {
    pub(super) number: u32,
    pub(super) of: Place,
}

/// A sum: its slot, and its terms in an iteration, each taken away or not.
#[derive(Debug)]
pub(super) struct Sum {
    pub(super) slot: u32,
    pub(super) terms: Vec<(Place, bool)>,
}

/// Numbers that lie apart, which are written in a row first.
#[derive(Debug)]
pub(super) struct Gathered {
    pub(super) slot: u32,
    pub(super) from: Fed,
    pub(super) first: i64,
    pub(super) stride: i64,
}

/// A loop.
#[derive(Debug)]
pub(super) struct Columns {
    pub(super) count: usize,
    /// How many iterations are done at a time.
    pub(super) length: usize,
    pub(super) is_backwards: bool,
    /// Slots in a row that all hold one number: the first, how many, and the number's slot.
    pub(super) fills: Vec<(u32, usize, u32)>,
    pub(super) gathered: Vec<Gathered>,
    pub(super) rows: Vec<Row>,
    pub(super) guards: Vec<Guarded>,
    /// Sums whose slots follow one another: of one term in each iteration all of which are added, or taken
    /// away, or of several.
    pub(super) sums: Vec<Vec<Sum>>,
    /// Results that go to the tape: the first slot, the place there of the first iteration's, and how far on
    /// the next one's is, or 0 where they lie there as they do in slots.
    pub(super) stores: Vec<(u32, usize, usize)>,
    /// Results that are read in later iterations: the first slot, and how many iterations later.
    pub(super) kept: Vec<(u32, usize)>,
}

/// What a loop reads and writes.
pub(super) struct Around<'a> {
    pub(super) lane: &'a mut [f64],
    pub(super) tape: &'a mut [f64],
    pub(super) inputs: &'a [f64],
    pub(super) tables: &'a [Vec<f64>],
}

/// Iterations that are done at a time: the first one, and how many.
#[derive(Clone, Copy)]
struct Span {
    start: usize,
    count: usize,
}

impl Columns {
    /// How many steps there are.
    pub(super) fn len(&self) -> usize {
        self.rows.len() + self.guards.len() + self.sums.iter().map(Vec::len).sum::<usize>()
    }

    /// The memory it takes, in bytes.
    pub(super) fn bytes(&self) -> usize {
        let terms = self.sums.iter().flatten().map(|sum| sum.terms.len() + 1);
        self.rows.len() * size_of::<Row>()
            + (self.guards.len() + terms.sum::<usize>()) * size_of::<Sum>()
    }

    /// Runs the loop. A guard that fails comes with its iteration; none where it is too late.
    pub(super) fn run(
        &self,
        around: &mut Around<'_>,
        expected: &[f64],
        late: &dyn Fn() -> bool,
    ) -> Result<(), Option<(Failed, usize)>> {
        let cpu = Cpu::detect();
        for &(slot, count, from) in &self.fills {
            let x = around.lane[from as usize];
            around.lane[slot as usize..slot as usize + count].fill(x);
        }
        let asked_after = (super::ASKED_AFTER / (self.length * self.len().max(1))).max(1);
        for (run, start) in (0..self.count).step_by(self.length).enumerate() {
            if run % asked_after == asked_after - 1 && late() {
                return Err(None);
            }
            let count = self.length.min(self.count - start);
            self.run_span(around, Span { start, count }, expected, cpu)?;
        }
        Ok(())
    }

    fn run_span(
        &self,
        around: &mut Around<'_>,
        span: Span,
        expected: &[f64],
        cpu: Cpu,
    ) -> Result<(), Option<(Failed, usize)>> {
        self.gather(around, span);
        let file = OneFile {
            start: around.lane.as_mut_ptr(),
            length: around.lane.len(),
        };
        let from = self.offset(span);
        for row in &self.rows {
            let numbers = |nth: usize| self.numbers(row.operands[nth], file, around, span);
            let out = file.numbers_mut(row.d + from, span.count);
            match row.op {
                Opcode::One(prim) => {
                    let x = Operand::Each(numbers(0));
                    many::row(prim, x, x, out, cpu);
                }
                Opcode::SinCos => {
                    let cosines = file.numbers_mut(row.e + from, span.count);
                    math::sin_cos_lanes(cpu, numbers(0), out, cosines);
                }
                op => match op.as_row() {
                    Some(prim) => {
                        let [x, y] = [0, 1].map(|nth| Operand::Each(numbers(nth)));
                        many::row(prim, x, y, out, cpu);
                    }
                    None => many::pairs(op, [0, 1, 2].map(numbers), out, cpu),
                },
            }
        }
        self.check(around, file, span, expected)?;
        self.add(around, file, span);
        for &(slot, to, stride) in &self.stores {
            let slot = (slot + from) as usize;
            let numbers = &around.lane[slot..slot + span.count];
            if stride == 0 {
                let to = self.address(to as i64, span);
                around.tape[to..to + span.count].copy_from_slice(numbers);
            } else {
                let to = to + span.start * stride;
                let places = around.tape[to..].iter_mut().step_by(stride);
                self.in_order(numbers)
                    .zip(places)
                    .for_each(|(&x, place)| *place = x);
            }
        }
        let is_last = span.start + span.count == self.count;
        for &(slot, back) in self.kept.iter().filter(|_| !is_last) {
            let slot = slot as usize;
            // Where those before the first one at a time are.
            if self.is_backwards {
                let last = slot + self.length - span.count;
                around
                    .lane
                    .copy_within(last..last + back, slot + self.length);
            } else {
                let end = slot + span.count;
                around.lane.copy_within(end - back..end, slot - back);
            }
        }
        Ok(())
    }

    /// How far from the first slot of a row the numbers of iterations begin.
    fn offset(&self, span: Span) -> u32 {
        if self.is_backwards {
            (self.length - span.count) as u32
        } else {
            0
        }
    }

    /// Where the numbers of iterations begin, of which the first one's is there for all of them.
    fn address(&self, first: i64, span: Span) -> usize {
        let start = if self.is_backwards {
            first - (span.start + span.count - 1) as i64
        } else {
            first + span.start as i64
        };
        start as usize
    }

    /// Numbers in a row in the order of iterations.
    fn in_order<'n>(&self, numbers: &'n [f64]) -> impl Iterator<Item = &'n f64> {
        let count = numbers.len();
        let is_backwards = self.is_backwards;
        (0..count).map(move |at| {
            if is_backwards {
                &numbers[count - 1 - at]
            } else {
                &numbers[at]
            }
        })
    }

    fn numbers<'n>(
        &self,
        place: Place,
        file: OneFile,
        around: &'n Around<'_>,
        span: Span,
    ) -> &'n [f64] {
        let (from, first) = match place {
            Place::File(slot) => return file.numbers(slot + self.offset(span), span.count),
            Place::Fed(from, first) => (from, first),
        };
        let start = self.address(first, span);
        &around.fed(from)[start..start + span.count]
    }

    fn gather(&self, around: &mut Around<'_>, span: Span) {
        for gathered in &self.gathered {
            let slot = (gathered.slot + self.offset(span)) as usize;
            for at in 0..span.count {
                let from = gathered.first + gathered.stride * (span.start + at) as i64;
                let x = around.fed(gathered.from)[from as usize];
                let place = if self.is_backwards {
                    span.count - 1 - at
                } else {
                    at
                };
                around.lane[slot + place] = x;
            }
        }
    }

    /// Looks at the guards.
    fn check(
        &self,
        around: &Around<'_>,
        file: OneFile,
        span: Span,
        expected: &[f64],
    ) -> Result<(), Option<(Failed, usize)>> {
        let mut first: Option<(usize, Failed)> = None;
        for guard in &self.guards {
            let numbers = self.numbers(guard.of, file, around, span);
            let expected = expected[guard.number as usize];
            let holds = numbers
                .iter()
                .fold(1, |all, &x| all & u8::from(x == expected));
            if holds == 1 {
                continue;
            }
            let failed = self.in_order(numbers).position(|&x| x != expected);
            if let Some(at) = failed
                && first.is_none_or(|(before, _)| at < before)
            {
                let value = self.in_order(numbers).nth(at).copied().unwrap_or_default();
                let guard = guard.number;
                first = Some((at, Failed { guard, value }));
            }
        }
        match first {
            Some((at, failed)) => Err(Some((failed, span.start + at))),
            None => Ok(()),
        }
    }

    /// Goes on with the sums.
    fn add(&self, around: &Around<'_>, file: OneFile, span: Span) {
        let numbers = |sum: &Sum, nth: usize| self.numbers(sum.terms[nth].0, file, around, span);
        for sums in &self.sums {
            let is_less = sums[0].terms[0].1;
            let is_single = sums[0].terms.len() == 1;
            let all = file.numbers_mut(sums[0].slot, sums.len());
            if is_single {
                let way = Way {
                    is_backwards: self.is_backwards,
                    is_less,
                };
                folds::add_all(all, way, |nth| numbers(&sums[nth], 0));
                continue;
            }
            for (sum, x) in sums.iter().zip(all) {
                let terms = sum.terms.iter().enumerate();
                let rows = terms.map(|(nth, &(_, is_less))| (numbers(sum, nth), is_less));
                let rows: SmallVec<[(&[f64], bool); 4]> = rows.collect();
                for at in 0..span.count {
                    let at = if self.is_backwards {
                        span.count - 1 - at
                    } else {
                        at
                    };
                    for &(row, is_less) in &rows {
                        *x = if is_less { *x - row[at] } else { *x + row[at] };
                    }
                }
            }
        }
    }
}

impl Around<'_> {
    fn fed(&self, from: Fed) -> &[f64] {
        match from {
            Fed::Inputs => self.inputs,
            Fed::Table(which) => &self.tables[which],
            Fed::Tape => self.tape,
        }
    }
}
