//! The slots of a chunk of lanes: vectors of eight lanes each, and what is done with them.
//!
//! **Invariants**
//! - Each lane has the bits of the row's `forward`, whatever stands in the other lanes.
//! - Slots are read and written unchecked, by the contract of [`super`].

#![allow(
    clippy::inline_always,
    reason = "compiled for several kinds of processor"
)]

use crate::prim::Prim;
use crate::prim::math::{self, Cpu};
use crate::trace::runs::Runs;
use std::ops::Range;

/// How many lanes a vector has.
pub(crate) const WIDTH: usize = 8;

/// The most vectors of lanes done at once.
pub(super) const MOST: usize = 8;

/// The most lanes done at once.
pub(crate) const CHUNK: usize = WIDTH * MOST;

/// The numbers of eight lanes.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(super) struct Vector(pub(super) [f64; WIDTH]);

impl Vector {
    pub(super) const ZERO: Self = Self([0.0; WIDTH]);
}

#[inline]
pub(super) fn add(a: Vector, b: Vector) -> Vector {
    Vector(std::array::from_fn(|lane| a.0[lane] + b.0[lane]))
}

/// Rows over the slots of a chunk: those named are done in the loop, where their `forward` becomes a few
/// vector instructions, others by their kernel, and [`ONE_BY_ONE`] are left.
macro_rules! rows {
    (one { $($one:ident)* } two { $($two:ident)* }) => {
        /// The rows done in the loop over lanes.
        #[cfg(test)]
        pub(super) const IN_THE_LOOP: &[Prim] = &[$(Prim::$one,)* $(Prim::$two,)*];

        impl<const V: usize> Slots<V> {
            #[inline(always)]
            pub(super) fn row1(&self, prim: Prim, d: u32, a: u32) {
                match prim {
                    $(Prim::$one => self.one(d, a, |x| Prim::$one.forward(x, x)),)*
                    prim => match math::unary(prim) {
                        Some(over_lanes) => {
                            debug_assert!(d != a, "slot {d} is read and written");
                            over_lanes(self.cpu, self.numbers(a), self.numbers_mut(d));
                        }
                        None => self.one(d, a, |x| one_by_one(prim, x, x)),
                    },
                }
            }

            #[inline(always)]
            pub(super) fn row2(&self, prim: Prim, d: u32, a: u32, b: u32) {
                match prim {
                    $(Prim::$two => self.two(d, a, b, |x, y| Prim::$two.forward(x, y)),)*
                    prim => match math::binary(prim) {
                        Some(over_lanes) => {
                            let (x, y) = (self.spread(a), self.spread(b));
                            let numbers = WIDTH * V;
                            let (x, y) = (&x.as_flattened()[..numbers], &y.as_flattened()[..numbers]);
                            over_lanes(self.cpu, x, y, self.numbers_mut(d));
                        }
                        None => self.two(d, a, b, |x, y| one_by_one(prim, x, y)),
                    },
                }
            }
        }
    };
}

rows! {
    one { Abs Floor Ceiling Round Truncate Sqrt Square Sign NotBelowZero NormAtZero Detach IsZero IsPositive IsNegative IsInteger Not }
    two { Min Max Quotient FloorQuotient StraightThrough NumEq Lt Gt Le Ge Both Either }
}

/// The rows that are done lane by lane, and why no loop does all lanes at once. A function of
/// mathematics has no place here: it has a kernel.
pub(super) const ONE_BY_ONE: &[(Prim, &str)] = &[
    (Prim::Remainder, "no vector instruction leaves a remainder"),
    (Prim::Modulo, "as for the remainder"),
    (Prim::IsEven, "as for the remainder"),
    (Prim::IsOdd, "as for the remainder"),
    (Prim::Gcd, "Euclid's steps are as many as the numbers want"),
    (Prim::Lcm, "as for the divisor"),
    (
        Prim::Gumbel,
        "its seed and position are most often the same for all lanes",
    ),
];

/// A row's value in one lane.
#[inline]
fn one_by_one(row: Prim, a: f64, b: f64) -> f64 {
    debug_assert!(
        ONE_BY_ONE.iter().any(|&(known, _)| known == row),
        "`{row}` has no way over lanes: a kernel, a place in `rows!` or in `ONE_BY_ONE`"
    );
    row.forward(a, b)
}

/// The slots of a chunk of `V` vectors: those of a file prepared for a routine and `V`, while that is
/// borrowed. Only the file's vectors are reached through it.
#[derive(Clone, Copy)]
pub(super) struct Slots<const V: usize> {
    pub(super) start: *mut Vector,
    /// How many slots there are.
    pub(super) count: usize,
    /// How many slots lanes share: one vector each.
    pub(super) imports: usize,
    pub(super) cpu: Cpu,
}

impl<const V: usize> Slots<V> {
    /// Where a slot is, and how far its vectors are apart.
    #[inline(always)]
    pub(super) fn at(&self, slot: u32) -> (*mut Vector, usize) {
        let slot = slot as usize;
        debug_assert!(slot < self.count, "slot {slot} of {}", self.count);
        let is_own = slot >= self.imports;
        let index = if is_own {
            self.imports + (slot - self.imports) * V
        } else {
            slot
        };
        // SAFETY: points 1 and 2: the slot is within the file.
        (unsafe { self.start.add(index) }, usize::from(is_own))
    }

    /// Where a slot of the lanes' own is.
    #[inline(always)]
    pub(super) fn own(&self, slot: u32) -> *mut Vector {
        debug_assert!(slot as usize >= self.imports, "lanes share slot {slot}");
        self.at(slot).0
    }

    #[inline(always)]
    pub(super) fn one(&self, d: u32, a: u32, f: impl Fn(f64) -> f64) {
        debug_assert!(d != a, "slot {d} is read and written");
        let (to, (a, step_a)) = (self.own(d), self.at(a));
        for v in 0..V {
            // SAFETY: points 1 to 3: a slot of lanes' own has V vectors, another one, with step 0; and
            // 5: they are aligned and filled.
            unsafe {
                let x = (*a.add(v * step_a)).0;
                (*to.add(v)).0 = std::array::from_fn(|lane| f(x[lane]));
            }
        }
    }

    #[inline(always)]
    pub(super) fn two(&self, d: u32, a: u32, b: u32, f: impl Fn(f64, f64) -> f64) {
        debug_assert!(d != a && d != b, "slot {d} is read and written");
        let (to, (a, step_a), (b, step_b)) = (self.own(d), self.at(a), self.at(b));
        for v in 0..V {
            // SAFETY: points 1 to 3 and 5, as in `one`.
            unsafe {
                let (x, y) = ((*a.add(v * step_a)).0, (*b.add(v * step_b)).0);
                (*to.add(v)).0 = std::array::from_fn(|lane| f(x[lane], y[lane]));
            }
        }
    }

    #[inline(always)]
    pub(super) fn three(&self, d: u32, a: u32, b: u32, c: u32, f: impl Fn(f64, f64, f64) -> f64) {
        debug_assert!(d != a && d != b && d != c, "slot {d} is read and written");
        let (to, (a, step_a)) = (self.own(d), self.at(a));
        let ((b, step_b), (c, step_c)) = (self.at(b), self.at(c));
        for v in 0..V {
            // SAFETY: points 1 to 3 and 5, as in `one`.
            unsafe {
                let x = (*a.add(v * step_a)).0;
                let y = (*b.add(v * step_b)).0;
                let z = (*c.add(v * step_c)).0;
                (*to.add(v)).0 = std::array::from_fn(|lane| f(x[lane], y[lane], z[lane]));
            }
        }
    }

    /// The lanes whose number is not what is expected, one bit each.
    #[inline(always)]
    pub(super) fn differ(&self, a: u32, expected: f64) -> u64 {
        let (a, step) = self.at(a);
        let mut differ = 0;
        for v in 0..V {
            // SAFETY: points 1 to 3 and 5, as in `one`.
            let x = unsafe { (*a.add(v * step)).0 };
            let mut any = false;
            for x in x {
                any |= x != expected;
            }
            if any {
                for (lane, x) in x.into_iter().enumerate() {
                    differ |= u64::from(x != expected) << (v * WIDTH + lane);
                }
            }
        }
        differ
    }

    /// The sum of lanes, eight of them still apart; those from a number on are not there.
    #[inline(always)]
    pub(super) fn sum(&self, a: u32, lanes: usize) -> Vector {
        let (a, step) = self.at(a);
        let mut parts = [Vector::ZERO; V];
        for (v, part) in parts.iter_mut().enumerate() {
            // SAFETY: points 1 to 3 and 5, as in `one`.
            *part = unsafe { *a.add(v * step) };
        }
        if lanes < V * WIDTH {
            for (v, part) in parts.iter_mut().enumerate() {
                for (lane, x) in part.0.iter_mut().enumerate() {
                    if v * WIDTH + lane >= lanes {
                        *x = 0.0;
                    }
                }
            }
        }
        let mut apart = 1;
        while apart < V {
            let mut v = 0;
            while v < V {
                parts[v] = add(parts[v], parts[v + apart]);
                v += 2 * apart;
            }
            apart *= 2;
        }
        parts[0]
    }

    /// The numbers of a slot of the lanes' own. They are not to be written meanwhile.
    pub(super) fn numbers(&self, slot: u32) -> &[f64] {
        let start = self.own(slot);
        // SAFETY: points 1 to 3: such a slot has V vectors; 5: a vector is WIDTH numbers, aligned for
        // them, and filled; 4: what is written at the same time is apart.
        unsafe { std::slice::from_raw_parts(start.cast(), V * WIDTH) }
    }

    /// The same, to be written. No other slice of the slot is to be there.
    #[allow(
        clippy::mut_from_ref,
        reason = "slots are apart: no instruction writes what it reads"
    )]
    pub(super) fn numbers_mut(&self, slot: u32) -> &mut [f64] {
        let start = self.own(slot);
        // SAFETY: as in `numbers`, and by point 4 nobody else has the slot's numbers.
        unsafe { std::slice::from_raw_parts_mut(start.cast(), V * WIDTH) }
    }

    /// The numbers of slots of the lanes' own, which follow one another: a row for each. They are not to be
    /// written meanwhile.
    pub(super) fn rows(&self, first: u32, count: usize) -> &[f64] {
        let start = self.run_of_own(first, count);
        // SAFETY: as in `numbers`: slots that follow one another are one piece of the file.
        unsafe { std::slice::from_raw_parts(start.cast(), count * V * WIDTH) }
    }

    /// The same, to be written. No other slice of these slots is to be there.
    #[allow(
        clippy::mut_from_ref,
        reason = "slots are apart: no instruction writes what it reads"
    )]
    pub(super) fn rows_mut(&self, first: u32, count: usize) -> &mut [f64] {
        let start = self.run_of_own(first, count);
        // SAFETY: as in `rows`, and by point 4 nobody else has these slots' numbers.
        unsafe { std::slice::from_raw_parts_mut(start.cast(), count * V * WIDTH) }
    }

    fn run_of_own(&self, first: u32, count: usize) -> *mut Vector {
        debug_assert!(
            first as usize + count <= self.count,
            "slots {first} to {} of {}",
            first as usize + count,
            self.count
        );
        self.own(first)
    }

    /// The numbers of slots, a row for each: where they are, if that is one piece of the lanes' own, or
    /// gathered at the end of a buffer.
    pub(super) fn rows_of(
        &self,
        runs: &Runs,
        buffer: &mut Vec<f64>,
    ) -> Result<&[f64], Range<usize>> {
        if let Some(first) = runs.as_one()
            && first as usize >= self.imports
        {
            return Ok(self.rows(first, runs.len()));
        }
        let start = buffer.len();
        for slot in runs.iter() {
            let (at, step) = self.at(slot);
            for v in 0..V {
                // SAFETY: points 1 to 3 and 5, as in `one`.
                buffer.extend(unsafe { (*at.add(v * step)).0 });
            }
        }
        Err(start..buffer.len())
    }

    /// The numbers of any slot, one for each lane.
    pub(super) fn spread(&self, slot: u32) -> [[f64; WIDTH]; MOST] {
        let (start, step) = self.at(slot);
        let mut all = [[0.0; WIDTH]; MOST];
        for (v, part) in all.iter_mut().enumerate().take(V) {
            // SAFETY: points 1 to 3 and 5, as in `one`.
            *part = unsafe { (*start.add(v * step)).0 };
        }
        all
    }

    pub(super) fn number(&self, slot: u32, lane: usize) -> f64 {
        debug_assert!(lane < V * WIDTH, "lane {lane} of {}", V * WIDTH);
        let (start, step) = self.at(slot);
        // SAFETY: points 1 to 3 and 5, as in `one`; the lane is one of the chunk's.
        unsafe { (*start.add(lane / WIDTH * step)).0[lane % WIDTH] }
    }

    pub(super) fn set_number(&self, slot: u32, lane: usize, x: f64) {
        debug_assert!(lane < V * WIDTH, "lane {lane} of {}", V * WIDTH);
        let start = self.own(slot);
        // SAFETY: points 1 to 3, as in `one`; the lane is one of the chunk's.
        unsafe { (*start.add(lane / WIDTH)).0[lane % WIDTH] = x };
    }
}

pub(super) trait Flattened {
    fn as_flattened_numbers(&self) -> &[f64];
    fn as_flattened_mut_numbers(&mut self) -> &mut [f64];
}

impl Flattened for [Vector] {
    fn as_flattened_numbers(&self) -> &[f64] {
        // SAFETY: point 5: a vector is eight numbers and nothing else.
        unsafe { std::slice::from_raw_parts(self.as_ptr().cast(), self.len() * WIDTH) }
    }

    fn as_flattened_mut_numbers(&mut self) -> &mut [f64] {
        // SAFETY: as above.
        unsafe { std::slice::from_raw_parts_mut(self.as_mut_ptr().cast(), self.len() * WIDTH) }
    }
}
