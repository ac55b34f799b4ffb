//! Blocks: operations on whole matrices, in compiled code.
//!
//! A [`BlockCode`] and a file go in; the results are in the file's slots afterwards, or in the sums over
//! lanes.
//!
//! **Invariants**
//! - What lies in one piece is read and written where it is; the rest is gathered first.
//! - Lanes have the bits that each would have alone: a product of matrices is done for a whole chunk of
//!   them only where that keeps the bits ([`lanes::fits`]).
//! - Slots are read and written unchecked, by the contract of [`super`].

use super::code::{BlockCode, Part};
use super::vectors::{CHUNK, Slots, WIDTH};
use crate::prim::block::BlockKind;
use crate::prim::block::lanes::{self, Factor};
use crate::trace::flow::Work;
use crate::trace::runs::Runs;
use std::borrow::Cow;
use std::ops::Range;

/// Memory for blocks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scratch {
    numbers: Vec<f64>,
    results: Vec<f64>,
    kernel: Vec<f64>,
}

/// The sums over a chunk of lanes that products of matrices make.
#[derive(Clone, Debug, Default)]
pub(super) struct Leaf {
    numbers: Vec<f64>,
    /// How many lanes there have been.
    lanes: usize,
}

impl Leaf {
    /// No lanes yet, of so many sums.
    pub(super) fn begin(&mut self, sums: usize) {
        self.numbers.resize(sums, 0.0);
        self.lanes = 0;
    }

    /// Notes that lanes are done; gives the sums where these were the last of a chunk, or of all.
    pub(super) fn after(&mut self, lanes: usize, is_end: bool) -> Option<&[f64]> {
        self.lanes += lanes;
        if self.numbers.is_empty() || (self.lanes < CHUNK && !is_end) {
            return None;
        }
        self.lanes = 0;
        Some(&self.numbers)
    }
}

/// A file of single numbers, while that is borrowed.
#[derive(Clone, Copy)]
pub(super) struct OneFile {
    pub(super) start: *mut f64,
    pub(super) length: usize,
}

impl OneFile {
    fn check(self, first: u32, count: usize) {
        debug_assert!(
            first as usize + count <= self.length,
            "slots {first} to {} of {}",
            first as usize + count,
            self.length
        );
    }

    /// The numbers of slots from one on. They are not to be written meanwhile.
    pub(super) fn numbers<'f>(self, first: u32, count: usize) -> &'f [f64] {
        self.check(first, count);
        // SAFETY: points 1, 2 and 5: the slots are within the file, and filled; 4: what is written at the
        // same time is apart. The file is borrowed for longer than the block runs.
        unsafe { std::slice::from_raw_parts(self.start.add(first as usize), count) }
    }

    /// The same, to be written. No other slice of these slots is to be there.
    pub(super) fn numbers_mut<'f>(self, first: u32, count: usize) -> &'f mut [f64] {
        self.check(first, count);
        // SAFETY: as in `numbers`, and by point 4 nobody else has these slots' numbers.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(first as usize), count) }
    }
}

/// Where the numbers of an operand are: where they were, or from a place in a buffer on.
enum Found<'a> {
    There(&'a [f64]),
    Gathered(Range<usize>),
}

impl<'a> Found<'a> {
    fn numbers(&'a self, buffer: &'a [f64]) -> &'a [f64] {
        match self {
            Found::There(numbers) => numbers,
            Found::Gathered(range) => &buffer[range.clone()],
        }
    }
}

/// Gathers numbers of a file by their slots.
fn gather<'a>(runs: &Runs, file: &'a [f64], buffer: &mut Vec<f64>) -> Found<'a> {
    if let Some(first) = runs.as_one() {
        return Found::There(&file[first as usize..][..runs.len()]);
    }
    let start = buffer.len();
    for run in runs.runs() {
        let (first, length) = (run.first as usize, run.length as usize);
        if run.step == 1 {
            buffer.extend_from_slice(&file[first..first + length]);
        } else {
            buffer.extend(std::iter::repeat_n(file[first], length));
        }
    }
    Found::Gathered(start..buffer.len())
}

/// A product of matrices for lanes.
#[derive(Clone, Copy)]
struct Product {
    sizes: [usize; 3],
    transposed: [bool; 2],
    lanes: usize,
}

/// A matrix of lanes, a row for each of its entries.
fn rows(factor: Factor<'_>, stride: usize) -> Cow<'_, [f64]> {
    match factor {
        Factor::Lanes(rows) => Cow::Borrowed(rows),
        Factor::Shared(numbers) => {
            let rows = numbers.iter().flat_map(|&x| std::iter::repeat_n(x, stride));
            Cow::Owned(rows.collect())
        }
    }
}

impl BlockCode {
    /// Computes the results from the operands' numbers: those of [`Work::Forward`]'s two operands, or of
    /// [`Work::Reverse`]'s two operands, own numbers and cotangents.
    fn compute(&self, operands: [&[f64]; 4], results: &mut [f64], kernel: &mut Vec<f64>) {
        let [a, b, own, cts] = operands;
        match self.work {
            Work::Forward(block) => block.forward(a, b, results, kernel),
            Work::Reverse { block, to_a, to_b } => {
                let [first, _] = block.operands();
                let (da, db) = results.split_at_mut(if to_a { first } else { 0 });
                let (da, db) = (to_a.then_some(da), to_b.then_some(db));
                block.vjp(a, b, own, cts, da, db, kernel);
            }
        }
    }

    /// Runs it on a file of single numbers.
    pub(super) fn run_one(&self, file: OneFile, shared: &[f64], scratch: &mut Scratch) {
        let Scratch {
            numbers,
            results,
            kernel,
        } = scratch;
        numbers.clear();
        let whole = file.numbers(0, file.length);
        let found: Vec<Found<'_>> = self
            .operands
            .iter()
            .map(|part| match part {
                Part::Own(runs) => gather(runs, whole, numbers),
                Part::Shared(runs) => gather(runs, shared, numbers),
                Part::Fixed(fixed) => Found::There(fixed),
            })
            .collect();
        let mut operands: [&[f64]; 4] = [&[]; 4];
        for (operand, found) in operands.iter_mut().zip(&found) {
            *operand = found.numbers(numbers);
        }
        let kept = self.kept as usize;
        if self.kept == self.length {
            let results = file.numbers_mut(self.first, kept);
            self.compute(operands, results, kernel);
        } else {
            results.clear();
            results.resize(self.length as usize, 0.0);
            self.compute(operands, results, kernel);
            let slots = file.numbers_mut(self.first, kept);
            slots.copy_from_slice(&results[..kept]);
        }
    }

    /// Runs it for the first lanes of a chunk.
    pub(super) fn run_lanes<const V: usize>(
        &self,
        slots: &Slots<V>,
        shared: &[f64],
        lanes: usize,
        leaf: &mut Leaf,
        scratch: &mut Scratch,
    ) {
        if let Work::Forward(block) | Work::Reverse { block, .. } = self.work
            && let BlockKind::Matmul { n, k, m, ta, tb } = block
            && lanes::fits([n, k, m].map(|size| size as usize))
        {
            let product = Product {
                sizes: [n, k, m].map(|size| size as usize),
                transposed: [ta, tb],
                lanes,
            };
            self.multiply(product, slots, shared, leaf, scratch);
        } else {
            debug_assert_eq!(self.sums, [None; 2], "products alone are summed");
            self.run_each(slots, shared, lanes, scratch);
        }
    }

    /// Lane by lane.
    fn run_each<const V: usize>(
        &self,
        slots: &Slots<V>,
        shared: &[f64],
        lanes: usize,
        scratch: &mut Scratch,
    ) {
        let Scratch {
            numbers,
            results,
            kernel,
        } = scratch;
        for lane in 0..lanes {
            numbers.clear();
            let found: Vec<Found<'_>> = self
                .operands
                .iter()
                .map(|part| match part {
                    Part::Own(runs) => {
                        let start = numbers.len();
                        numbers.extend(runs.iter().map(|slot| slots.number(slot, lane)));
                        Found::Gathered(start..numbers.len())
                    }
                    Part::Shared(runs) => gather(runs, shared, numbers),
                    Part::Fixed(fixed) => Found::There(fixed),
                })
                .collect();
            let mut operands: [&[f64]; 4] = [&[]; 4];
            for (operand, found) in operands.iter_mut().zip(&found) {
                *operand = found.numbers(numbers);
            }
            results.clear();
            results.resize(self.length as usize, 0.0);
            self.compute(operands, results, kernel);
            for (slot, &number) in self.results().zip(&*results) {
                slots.set_number(slot, lane, number);
            }
        }
    }

    /// A product of matrices, or its reverse rule, for all lanes at once.
    fn multiply<const V: usize>(
        &self,
        product: Product,
        slots: &Slots<V>,
        shared: &[f64],
        leaf: &mut Leaf,
        scratch: &mut Scratch,
    ) {
        let Scratch {
            numbers,
            results,
            kernel,
        } = scratch;
        let stride = V * WIDTH;
        numbers.clear();
        let found: Vec<(Found<'_>, bool)> = self
            .operands
            .iter()
            .map(|part| match part {
                Part::Own(runs) => {
                    let rows = slots.rows_of(runs, numbers);
                    (rows.map_or_else(Found::Gathered, Found::There), true)
                }
                Part::Shared(runs) => (gather(runs, shared, numbers), false),
                Part::Fixed(fixed) => (Found::There(fixed), false),
            })
            .collect();
        let factor = |at: usize| {
            let (found, is_own) = &found[at];
            let numbers = found.numbers(numbers);
            if *is_own {
                Factor::Lanes(numbers)
            } else {
                Factor::Shared(numbers)
            }
        };
        let kept = self.kept as usize;
        let is_there = self.kept == self.length && kept > 0;
        let out = if is_there {
            slots.rows_mut(self.first, kept)
        } else {
            results.clear();
            results.resize(self.length as usize * stride, 0.0);
            results.as_mut_slice()
        };
        let Product {
            sizes: [n, k, m],
            transposed: [ta, tb],
            lanes,
        } = product;
        match self.work {
            Work::Forward(_) => {
                let (a, b) = ((factor(0), ta), (factor(1), tb));
                lanes::multiply([n, k, m], a, b, stride, out, kernel);
            }
            Work::Reverse { to_a, to_b, .. } => {
                // As `BlockKind::vjp` has it.
                let (a, b, ct) = (factor(0), factor(1), factor(3));
                let of_a = if ta {
                    ((b, tb), (ct, true), [k, m, n])
                } else {
                    ((ct, false), (b, !tb), [n, m, k])
                };
                let of_b = if tb {
                    ((ct, true), (a, ta), [m, n, k])
                } else {
                    ((a, !ta), (ct, false), [k, n, m])
                };
                let mut out = out;
                let wanted = [(to_a, of_a, n * k), (to_b, of_b, k * m)];
                for (at, (is_wanted, (x, y, sizes), count)) in wanted.into_iter().enumerate() {
                    if !is_wanted {
                        continue;
                    }
                    if let Some(first) = self.sums[at] {
                        let is_first = leaf.lanes == 0;
                        let sums = &mut leaf.numbers[first as usize..][..count];
                        let pair = [x.0, y.0].map(|factor| rows(factor, stride));
                        let pair = [&*pair[0], &*pair[1]];
                        lanes::outer_sums(pair, lanes, stride, is_first, sums, kernel);
                    } else {
                        let (cts, rest) = out.split_at_mut(count * stride);
                        lanes::multiply(sizes, x, y, stride, cts, kernel);
                        out = rest;
                    }
                }
            }
        }
        if !is_there && kept > 0 {
            let to = slots.rows_mut(self.first, kept);
            to.copy_from_slice(&results[..kept * stride]);
        }
    }
}
