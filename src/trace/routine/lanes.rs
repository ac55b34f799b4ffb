//! Replay of many lanes, up to 64 at a time.
//!
//! A [`Routine`], inputs and a range of lanes go in; results go to the caller's columns, sums to
//! [`Sums`], and lanes whose guards fail to a list.
//!
//! **Invariants**
//! - Each lane has the bits that it would have alone: the operations are the same, and nothing flows
//!   between lanes but sums.
//! - Sums over lanes are a balanced binary tree over the lanes in their order, so their bits depend
//!   neither on how many lanes are done at a time, nor on threads.
//! - Scratch does not grow with the number of lanes.
//! - Slots are read and written unchecked, by the contract of [`super`].

#![allow(
    clippy::inline_always,
    reason = "compiled for several kinds of processor"
)]

use super::scalar::{Failed, Scratch};
use super::{Opcode, Place, Routine, SlotInstr};
use crate::prim::Prim;
use crate::prim::math::{self, Cpu};
use rustc_hash::FxHashSet;

/// How many lanes a vector has.
pub(crate) const WIDTH: usize = 8;

/// The most vectors of lanes done at once.
const MOST: usize = 8;

/// The most lanes done at once.
pub(crate) const CHUNK: usize = WIDTH * MOST;

/// How many bytes the numbers of a chunk should not outgrow: about half of a second-level cache.
const CACHE: usize = 512 << 10;

/// The numbers of eight lanes.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(super) struct Vector([f64; WIDTH]);

impl Vector {
    const ZERO: Self = Self([0.0; WIDTH]);
}

/// An input of a batch.
#[derive(Clone, Copy, Debug)]
pub(crate) enum LaneInput<'a> {
    /// The same for all lanes.
    Shared(f64),
    /// One number a lane.
    Each(&'a [f64]),
}

impl LaneInput<'_> {
    /// Its number for a lane.
    #[inline]
    pub(crate) fn at(&self, lane: usize) -> f64 {
        match self {
            Self::Shared(x) => *x,
            Self::Each(column) => column[lane],
        }
    }
}

/// Which lanes to do.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Which<'a> {
    /// So many from one on.
    Range(usize, usize),
    /// Those listed.
    Listed(&'a [u32]),
}

impl Which<'_> {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Range(_, count) => *count,
            Self::Listed(lanes) => lanes.len(),
        }
    }

    /// The lanes but for those that failed.
    pub(crate) fn others(self, failed: &[FailedLane]) -> impl Iterator<Item = u32> {
        let failed: FxHashSet<u32> = failed.iter().map(|f| f.lane).collect();
        let all = (0..self.len()).map(move |place| self.at(place) as u32);
        all.filter(move |lane| !failed.contains(lane))
    }

    /// The lane at a place.
    #[inline]
    pub(crate) fn at(&self, place: usize) -> usize {
        match self {
            Self::Range(first, _) => first + place,
            Self::Listed(lanes) => lanes[place] as usize,
        }
    }
}

/// Lanes to run.
#[derive(Clone, Copy)]
pub(crate) struct LaneJob<'a> {
    pub(crate) inputs: &'a [LaneInput<'a>],
    pub(crate) which: Which<'a>,
    /// The instructions not to go beyond.
    pub(crate) cpu: Cpu,
    /// Asked between chunks: whether to give up.
    pub(crate) late: &'a (dyn Fn() -> bool + 'a),
}

/// Where what lanes come to goes.
pub(crate) struct LaneResults<'r, 'c> {
    pub(crate) columns: Columns<'c>,
    pub(crate) sums: &'r mut Sums,
    /// Lanes whose guards fail are added: their other results are of no use.
    pub(crate) failed: &'r mut Vec<FailedLane>,
}

/// A lane whose guard failed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct FailedLane {
    pub(crate) lane: u32,
    pub(crate) failed: Failed,
}

/// The numbers of a routine's lanes while they run, in memory to be used again.
#[derive(Clone, Debug, Default)]
pub(crate) struct LaneFile {
    /// Whose constants are there, at how many vectors.
    routine: (u64, usize),
    shared: Vec<f64>,
    vectors: Vec<Vector>,
    sums: Vec<Vector>,
    scratch: Scratch,
}

impl LaneFile {
    /// A result that lanes share, once everything has run.
    pub(crate) fn shared_result(&self, place: Place) -> Option<f64> {
        match place {
            Place::Shared(slot) => Some(self.shared[slot as usize]),
            Place::Lane(_) => None,
        }
    }

    /// A result that lanes share, once they have run.
    pub(super) fn at(&self, place: Place) -> f64 {
        match place {
            Place::Lane(slot) => self.vectors[slot as usize].0[0],
            Place::Shared(slot) => self.shared[slot as usize],
        }
    }
}

/// How many levels a tree of sums has: more lanes than memory could hold.
const LEVELS: usize = 32;

/// Sums over lanes: for each a balanced tree, of which the finished branches are kept.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sums {
    /// For each sum its branches, one of each size at most, the smallest first.
    branches: Vec<[Vector; LEVELS]>,
    /// How many chunks of lanes there were: its bits tell which branches there are.
    chunks: usize,
}

impl Sums {
    /// No lanes yet.
    pub(crate) fn reset(&mut self, count: usize) {
        self.branches.resize(count, [Vector::ZERO; LEVELS]);
        self.chunks = 0;
    }

    /// Adds the sums of as many lanes as before.
    #[inline]
    fn push(&mut self, sums: &[Vector]) {
        let merges = self.chunks.trailing_ones() as usize;
        for (branches, &sum) in self.branches.iter_mut().zip(sums) {
            let (before, rest) = branches.split_at_mut(merges);
            rest[0] = before.iter().fold(sum, |sum, &before| add(before, sum));
        }
        self.chunks += 1;
    }

    /// Adds other lanes' sums, each as if of as many lanes as these sums are used to.
    pub(crate) fn append(&mut self, other: &[[f64; WIDTH]]) {
        let sums: Vec<Vector> = other.iter().map(|&lanes| Vector(lanes)).collect();
        self.push(&sums);
    }

    /// The sums of all lanes so far, eight lanes each still apart.
    pub(crate) fn vectors(&self) -> impl Iterator<Item = [f64; WIDTH]> {
        self.branches.iter().map(|branches| {
            let there = (0..LEVELS).filter(|level| self.chunks >> level & 1 == 1);
            let sum = there
                .map(|level| branches[level])
                .reduce(|sum, before| add(before, sum));
            sum.unwrap_or(Vector::ZERO).0
        })
    }

    /// The sums of all lanes.
    pub(crate) fn totals(&self) -> impl Iterator<Item = f64> {
        self.vectors()
            .map(|x| ((x[0] + x[4]) + (x[2] + x[6])) + ((x[1] + x[5]) + (x[3] + x[7])))
    }
}

#[inline]
fn add(a: Vector, b: Vector) -> Vector {
    Vector(std::array::from_fn(|lane| a.0[lane] + b.0[lane]))
}

/// The sum of lanes' numbers, by the tree that [`Sums`] builds, eight lanes each still apart.
pub(crate) fn sum_of_lanes(numbers: &[f64]) -> [f64; WIDTH] {
    let mut sums = Sums::default();
    sums.reset(1);
    for chunk in numbers.chunks(WIDTH) {
        let mut lanes = [0.0; WIDTH];
        lanes[..chunk.len()].copy_from_slice(chunk);
        sums.push(&[Vector(lanes)]);
    }
    sums.vectors().next().unwrap_or_default()
}

/// What a batch writes: columns of one number for each lane of a range.
#[derive(Default)]
pub(crate) struct Columns<'a> {
    /// The first lane of the range.
    pub(crate) first: usize,
    pub(crate) outputs: Vec<&'a mut [f64]>,
    pub(crate) derivatives: Vec<&'a mut [f64]>,
}

impl Routine {
    /// How many vectors of lanes to do at once, so that their numbers stay in cache.
    fn vectors_for(&self, lanes: usize) -> usize {
        let mut vectors = lanes.div_ceil(WIDTH).next_power_of_two().min(MOST);
        while vectors > 1 && self.lane_slots as usize * vectors * size_of::<Vector>() > CACHE {
            vectors /= 2;
        }
        vectors
    }

    /// Runs what comes before the lanes.
    pub(crate) fn begin(&self, inputs: &[LaneInput<'_>], file: &mut LaneFile) {
        let LaneFile {
            shared, scratch, ..
        } = file;
        shared.clear();
        shared.extend_from_slice(&self.constants);
        shared.resize(self.shared_slots as usize, 0.0);
        for &(input, slot) in &self.shared_inputs {
            shared[slot as usize] = inputs[input as usize].at(0);
        }
        // There are no guards before the lanes, nor after them.
        let _ = self.run_code(&self.before, shared, scratch);
        file.routine = (0, 0);
    }

    /// Runs what comes after the lanes, of which there were so many.
    ///
    /// # Panics
    /// If the file is not the one that [`Routine::begin`] was for.
    pub(crate) fn end(&self, lanes: usize, totals: impl Iterator<Item = f64>, file: &mut LaneFile) {
        let LaneFile {
            shared, scratch, ..
        } = file;
        assert_eq!(shared.len(), self.shared_slots as usize, "`begin` is first");
        for (&slot, total) in self.sums.iter().zip(totals) {
            shared[slot as usize] = total;
        }
        if let Some(slot) = self.count {
            shared[slot as usize] = lanes as f64;
        }
        let _ = self.run_code(&self.after, shared, scratch);
    }

    /// Runs lanes. [`Routine::begin`] comes first. Gives up between chunks where the job is late, and
    /// tells whether it has done all lanes.
    pub(crate) fn run_lanes(
        &self,
        job: &LaneJob<'_>,
        results: &mut LaneResults<'_, '_>,
        file: &mut LaneFile,
    ) -> bool {
        let count = job.which.len();
        let cpu = job.cpu.min(Cpu::detect());
        let vectors = self.vectors_for(count);
        self.prepare(vectors, file);
        let mut start = 0;
        while start < count {
            if (job.late)() {
                return false;
            }
            let lanes = (count - start).min(vectors * WIDTH);
            let span = Span {
                start,
                lanes,
                vectors,
            };
            self.load(job, span, file);
            let mut chunk = Chunk {
                active: if lanes == 64 {
                    u64::MAX
                } else {
                    (1 << lanes) - 1
                },
                span,
                which: job.which,
                failed: &mut *results.failed,
            };
            match vectors {
                1 => self.run_chunk::<1>(cpu, &mut chunk, file),
                2 => self.run_chunk::<2>(cpu, &mut chunk, file),
                4 => self.run_chunk::<4>(cpu, &mut chunk, file),
                8 => self.run_chunk::<8>(cpu, &mut chunk, file),
                _ => unreachable!("there are 1, 2, 4 or 8 vectors"),
            }
            if chunk.active != 0 {
                self.store(job.which, span, &mut results.columns, file);
            }
            if !self.sums.is_empty() {
                results.sums.push(&file.sums);
            }
            start += lanes;
        }
        true
    }

    fn prepare(&self, vectors: usize, file: &mut LaneFile) {
        if file.routine == (self.id, vectors) {
            return;
        }
        let own = self.lane_slots as usize - self.imports.len();
        file.vectors.clear();
        let imports = self.imports.iter();
        let shared = &file.shared;
        file.vectors
            .extend(imports.map(|&slot| Vector([shared[slot as usize]; WIDTH])));
        file.vectors
            .resize(self.imports.len() + own * vectors, Vector::ZERO);
        file.sums.clear();
        file.sums.resize(self.sums.len(), Vector::ZERO);
        file.routine = (self.id, vectors);
    }

    /// Where a lane's slot begins, in vectors.
    fn at(&self, slot: u32, vectors: usize) -> usize {
        let imports = self.imports.len();
        let slot = slot as usize;
        if slot < imports {
            slot
        } else {
            imports + (slot - imports) * vectors
        }
    }

    fn load(&self, job: &LaneJob<'_>, span: Span, file: &mut LaneFile) {
        let LaneJob { inputs, which, .. } = *job;
        let Span {
            start,
            lanes,
            vectors,
        } = span;
        for &(input, slot) in &self.lane_inputs {
            let at = self.at(slot, vectors);
            let target = &mut file.vectors[at..at + vectors];
            let target = target.as_flattened_mut_numbers();
            match (inputs[input as usize], which) {
                (LaneInput::Each(column), Which::Range(first, _)) => {
                    target[..lanes].copy_from_slice(&column[first + start..][..lanes]);
                }
                (input, _) => {
                    for (place, number) in target[..lanes].iter_mut().enumerate() {
                        *number = input.at(which.at(start + place));
                    }
                }
            }
            // Lanes that are not there do as the first one does.
            let first = target[0];
            target[lanes..].fill(first);
        }
    }

    fn store(&self, which: Which<'_>, span: Span, columns: &mut Columns<'_>, file: &LaneFile) {
        let Span {
            start,
            lanes,
            vectors,
        } = span;
        let Columns {
            first,
            outputs,
            derivatives,
        } = columns;
        let outputs = self.outputs.iter().zip(outputs).map(|(p, c)| (p, c, -0.0));
        // Derivatives are never -0.
        let derivatives = self.derivatives.iter().zip(derivatives);
        for (&place, column, zero) in outputs.chain(derivatives.map(|(p, c)| (p, c, 0.0))) {
            if column.is_empty() {
                continue;
            }
            let all;
            let numbers = match place {
                Place::Lane(slot) if (slot as usize) < self.imports.len() => {
                    all = [file.vectors[slot as usize].0[0]; CHUNK];
                    &all[..lanes]
                }
                Place::Lane(slot) => {
                    let at = self.at(slot, vectors);
                    &file.vectors[at..at + vectors].as_flattened_numbers()[..lanes]
                }
                Place::Shared(slot) => {
                    all = [file.shared[slot as usize]; CHUNK];
                    &all[..lanes]
                }
            };
            match which {
                Which::Range(from, _) => {
                    let target = &mut column[from + start - *first..][..lanes];
                    for (to, &number) in target.iter_mut().zip(numbers) {
                        *to = number + zero;
                    }
                }
                Which::Listed(listed) => {
                    for (&lane, &number) in listed[start..].iter().zip(numbers) {
                        column[lane as usize - *first] = number + zero;
                    }
                }
            }
        }
    }

    fn run_chunk<const V: usize>(&self, cpu: Cpu, chunk: &mut Chunk<'_>, file: &mut LaneFile) {
        match cpu {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: point 6: `cpu` is no more than was found.
            Cpu::Avx512 => unsafe { self.run_chunk_avx512::<V>(chunk, file) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: point 6, as above.
            Cpu::Avx2 => unsafe { self.run_chunk_avx2::<V>(chunk, file) },
            _ => self.run_chunk_on::<V>(Cpu::Baseline, chunk, file),
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw,avx2,fma")]
    fn run_chunk_avx512<const V: usize>(&self, chunk: &mut Chunk<'_>, file: &mut LaneFile) {
        self.run_chunk_on::<V>(Cpu::Avx512, chunk, file);
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    fn run_chunk_avx2<const V: usize>(&self, chunk: &mut Chunk<'_>, file: &mut LaneFile) {
        self.run_chunk_on::<V>(Cpu::Avx2, chunk, file);
    }

    #[inline(always)]
    fn run_chunk_on<const V: usize>(&self, cpu: Cpu, chunk: &mut Chunk<'_>, file: &mut LaneFile) {
        debug_assert_eq!(file.routine, (self.id, V), "the file is another's");
        let slots = Slots::<V> {
            start: file.vectors.as_mut_ptr(),
            count: self.lane_slots as usize,
            imports: self.imports.len(),
            cpu,
        };
        for &SlotInstr { op, d, a, b, c } in &self.body {
            match op {
                Opcode::Add => slots.two(d, a, b, |x, y| x + y),
                Opcode::Sub => slots.two(d, a, b, |x, y| x - y),
                Opcode::Mul => slots.two(d, a, b, |x, y| x * y),
                Opcode::Div => slots.two(d, a, b, |x, y| x / y),
                Opcode::Neg => slots.one(d, a, |x| -x),
                Opcode::AddAdd => slots.three(d, a, b, c, |x, y, z| (x + y) + z),
                Opcode::AddSub => slots.three(d, a, b, c, |x, y, z| (x + y) - z),
                Opcode::AddFrom => slots.three(d, a, b, c, |x, y, z| z - (x + y)),
                Opcode::AddMul => slots.three(d, a, b, c, |x, y, z| (x + y) * z),
                Opcode::SubAdd => slots.three(d, a, b, c, |x, y, z| (x - y) + z),
                Opcode::SubSub => slots.three(d, a, b, c, |x, y, z| (x - y) - z),
                Opcode::SubFrom => slots.three(d, a, b, c, |x, y, z| z - (x - y)),
                Opcode::SubMul => slots.three(d, a, b, c, |x, y, z| (x - y) * z),
                Opcode::MulAdd => slots.three(d, a, b, c, |x, y, z| x * y + z),
                Opcode::MulSub => slots.three(d, a, b, c, |x, y, z| x * y - z),
                Opcode::MulFrom => slots.three(d, a, b, c, |x, y, z| z - x * y),
                Opcode::MulMul => slots.three(d, a, b, c, |x, y, z| (x * y) * z),
                Opcode::MulDiv => slots.three(d, a, b, c, |x, y, z| (x * y) / z),
                Opcode::Select => {
                    slots.three(d, a, b, c, |x, y, z| if z == 0.0 { y } else { x });
                }
                Opcode::SinCos => {
                    debug_assert!(d != b && d != a && b != a, "{d}, {b} and {a} are not apart");
                    let (sin, cos) = (slots.numbers_mut(d), slots.numbers_mut(b));
                    math::sin_cos_lanes(slots.cpu, slots.numbers(a), sin, cos);
                }
                Opcode::One(prim) => slots.row1(prim, d, a),
                Opcode::Two(prim) => slots.row2(prim, d, a, b),
                Opcode::Guard => {
                    let expected = self.expected[b as usize];
                    let differ = slots.differ(a, expected) & chunk.active;
                    if differ != 0 {
                        chunk.fail(b, differ, |lane| slots.number(a, lane));
                        if chunk.active == 0 {
                            return;
                        }
                    }
                }
                Opcode::Sum => file.sums[b as usize] = slots.sum(a, chunk.span.lanes),
                Opcode::Block => {
                    let block = &self.blocks[a as usize];
                    for lane in 0..chunk.span.lanes {
                        let operands = block.operands.iter();
                        let operands = operands.map(|&slot| slots.number(slot, lane));
                        block.run_with(operands, &mut file.scratch);
                        let results = file.scratch.results();
                        for (result, &number) in block.results.iter().zip(results) {
                            if let Some(slot) = result {
                                slots.set_number(*slot, lane, number);
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The lanes of a chunk: so many from a place among all lanes on, in so many vectors.
#[derive(Clone, Copy)]
struct Span {
    start: usize,
    lanes: usize,
    vectors: usize,
}

/// A chunk of lanes under way.
struct Chunk<'a> {
    /// The lanes whose guards have held so far, one bit each.
    active: u64,
    span: Span,
    which: Which<'a>,
    failed: &'a mut Vec<FailedLane>,
}

impl Chunk<'_> {
    #[cold]
    fn fail(&mut self, guard: u32, lanes: u64, value: impl Fn(usize) -> f64) {
        self.active &= !lanes;
        let mut left = lanes;
        while left != 0 {
            let lane = left.trailing_zeros() as usize;
            left &= left - 1;
            self.failed.push(FailedLane {
                lane: self.which.at(self.span.start + lane) as u32,
                failed: Failed {
                    guard,
                    value: value(lane),
                },
            });
        }
    }
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
            fn row1(&self, prim: Prim, d: u32, a: u32) {
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
            fn row2(&self, prim: Prim, d: u32, a: u32, b: u32) {
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
    one { Abs Floor Ceiling Round Truncate Sqrt Square Detach IsZero IsPositive IsNegative IsInteger Not }
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
struct Slots<const V: usize> {
    start: *mut Vector,
    /// How many slots there are.
    count: usize,
    /// How many slots lanes share: one vector each.
    imports: usize,
    cpu: Cpu,
}

impl<const V: usize> Slots<V> {
    /// Where a slot is, and how far its vectors are apart.
    #[inline(always)]
    fn at(&self, slot: u32) -> (*mut Vector, usize) {
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
    fn own(&self, slot: u32) -> *mut Vector {
        debug_assert!(slot as usize >= self.imports, "lanes share slot {slot}");
        self.at(slot).0
    }

    #[inline(always)]
    fn one(&self, d: u32, a: u32, f: impl Fn(f64) -> f64) {
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
    fn two(&self, d: u32, a: u32, b: u32, f: impl Fn(f64, f64) -> f64) {
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
    fn three(&self, d: u32, a: u32, b: u32, c: u32, f: impl Fn(f64, f64, f64) -> f64) {
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
    fn differ(&self, a: u32, expected: f64) -> u64 {
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
    fn sum(&self, a: u32, lanes: usize) -> Vector {
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
    fn numbers(&self, slot: u32) -> &[f64] {
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
    fn numbers_mut(&self, slot: u32) -> &mut [f64] {
        let start = self.own(slot);
        // SAFETY: as in `numbers`, and by point 4 nobody else has the slot's numbers.
        unsafe { std::slice::from_raw_parts_mut(start.cast(), V * WIDTH) }
    }

    /// The numbers of any slot, one for each lane.
    fn spread(&self, slot: u32) -> [[f64; WIDTH]; MOST] {
        let (start, step) = self.at(slot);
        let mut all = [[0.0; WIDTH]; MOST];
        for (v, part) in all.iter_mut().enumerate().take(V) {
            // SAFETY: points 1 to 3 and 5, as in `one`.
            *part = unsafe { (*start.add(v * step)).0 };
        }
        all
    }

    fn number(&self, slot: u32, lane: usize) -> f64 {
        debug_assert!(lane < V * WIDTH, "lane {lane} of {}", V * WIDTH);
        let (start, step) = self.at(slot);
        // SAFETY: points 1 to 3 and 5, as in `one`; the lane is one of the chunk's.
        unsafe { (*start.add(lane / WIDTH * step)).0[lane % WIDTH] }
    }

    fn set_number(&self, slot: u32, lane: usize, x: f64) {
        debug_assert!(lane < V * WIDTH, "lane {lane} of {}", V * WIDTH);
        let start = self.own(slot);
        // SAFETY: points 1 to 3, as in `one`; the lane is one of the chunk's.
        unsafe { (*start.add(lane / WIDTH)).0[lane % WIDTH] = x };
    }
}

trait Flattened {
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
