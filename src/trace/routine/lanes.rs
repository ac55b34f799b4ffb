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

use super::blocks::{Leaf, Scratch};
use super::scalar::Failed;
pub(crate) use super::sums::{Sums, sum_of_lanes};
use super::vectors::{Flattened, MOST, Slots, Vector};
use super::{Identity, Opcode, Place, Routine, SlotInstr};
use crate::prim::math::{self, Cpu};
use rustc_hash::FxHashSet;

pub(crate) use super::vectors::{CHUNK, WIDTH};

/// How many bytes the numbers of a chunk should not outgrow: about half of a second-level cache.
const CACHE: usize = 512 << 10;

/// How many lanes ahead columns are asked for: those of few operations a lane wait for memory else.
const AHEAD: usize = 4 * CHUNK;

/// Asks for numbers that are read soon.
#[inline]
fn ask_for(numbers: &[f64]) {
    #[cfg(target_arch = "x86_64")]
    for line in numbers.chunks(WIDTH) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a hint at an address within a slice; nothing is read or written.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = numbers;
}

/// An input of a batch.
#[derive(Clone, Copy, Debug)]
pub(crate) enum LaneInput<'a> {
    /// The same for all lanes.
    Shared(f64),
    /// One number a lane.
    Each(&'a [f64]),
    /// One number a lane, so many places apart.
    Strided(&'a [f64], usize),
}

impl LaneInput<'_> {
    /// Its number for a lane.
    #[inline]
    pub(crate) fn at(&self, lane: usize) -> f64 {
        match self {
            Self::Shared(x) => *x,
            Self::Each(column) => column[lane],
            Self::Strided(numbers, stride) => numbers[lane * stride],
        }
    }

    /// Whether lanes share it.
    pub(crate) fn is_shared(&self) -> bool {
        matches!(self, Self::Shared(_))
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

    /// The first `done` lanes but for those that failed.
    pub(crate) fn others(self, failed: &[FailedLane], done: usize) -> impl Iterator<Item = u32> {
        let failed: FxHashSet<u32> = failed.iter().map(|f| f.lane).collect();
        let all = (0..done).map(move |place| self.at(place) as u32);
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
    routine: Option<(Identity, usize)>,
    shared: Vec<f64>,
    vectors: Vec<Vector>,
    sums: Vec<Vector>,
    leaf: Leaf,
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

/// What a batch writes: columns of one number for each lane of a range.
#[derive(Default)]
pub(crate) struct Columns<'a> {
    /// The first lane of the range.
    pub(crate) first: usize,
    pub(crate) outputs: Vec<&'a mut [f64]>,
    pub(crate) derivatives: Vec<&'a mut [f64]>,
    /// What goes elsewhere besides.
    pub(crate) scattered: Scattered<'a>,
}

impl Columns<'_> {
    /// Whether nothing is written: of sums alone.
    fn is_empty(&self) -> bool {
        let Scattered {
            outputs,
            derivatives,
            ..
        } = &self.scattered;
        let scattered = outputs.iter().chain(derivatives);
        let mut columns = self.outputs.iter().chain(&self.derivatives);
        columns.all(|column| column.is_empty()) && scattered.flatten().next().is_none()
    }
}

/// Columns that lie in buffers in any way, several in one too.
#[derive(Debug, Default)]
pub(crate) struct Scattered<'a> {
    /// From the first lane of the range on.
    pub(crate) buffers: Vec<&'a mut [f64]>,
    /// Where each output goes, if anywhere.
    pub(crate) outputs: Vec<Option<ColumnAt>>,
    /// Likewise each derivative.
    pub(crate) derivatives: Vec<Option<ColumnAt>>,
    /// Set where a derivative is NaN.
    pub(crate) nan: bool,
}

/// Where a column lies: in a buffer, from a place on, so many numbers apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ColumnAt {
    pub(crate) buffer: usize,
    pub(crate) first: usize,
    pub(crate) stride: usize,
}

impl Routine {
    /// A number that lanes share, or a sum over them, once everything has run.
    pub(crate) fn common(&self, place: Place, file: &LaneFile) -> f64 {
        let slot = match place {
            Place::Shared(slot) => Some(slot),
            Place::Lane(slot) => self.imports.get(slot as usize).copied(),
        };
        let number = slot.and_then(|slot| file.shared.get(slot as usize));
        number.copied().unwrap_or(f64::NAN)
    }

    /// How many vectors of lanes to do at once, so that their numbers stay in cache.
    fn vectors_for(&self, lanes: usize) -> usize {
        let fits =
            |vectors: usize| self.lane_slots as usize * vectors * size_of::<Vector>() <= CACHE;
        if cfg!(target_family = "wasm") {
            // The loop over instructions is compiled for 1 and for 4: pages wait for bytes.
            return if lanes > 2 * WIDTH && fits(4) { 4 } else { 1 };
        }
        let mut vectors = lanes.div_ceil(WIDTH).next_power_of_two().min(MOST);
        while vectors > 1 && !fits(vectors) {
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
        let _ = self.run_code(&self.before, shared, &[], scratch);
        if let Some((_, vectors)) = &mut file.routine {
            *vectors = 0;
        }
    }

    /// The same for a routine that lanes share nothing of, unless the file has run it last.
    pub(crate) fn begin_once(&self, inputs: &[LaneInput<'_>], file: &mut LaneFile) {
        let is_begun = matches!(&file.routine, Some((routine, _)) if *routine == self.identity);
        if !is_begun || !self.shared_inputs.is_empty() {
            self.begin(inputs, file);
        }
    }

    /// How many bytes the numbers of the fewest lanes done at once take.
    pub(crate) fn chunk_bytes(&self) -> usize {
        self.lane_slots as usize * size_of::<Vector>()
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
        let _ = self.run_code(&self.after, shared, &[], scratch);
    }

    /// Runs lanes. [`Routine::begin`] comes first. Gives up between chunks where the job is late, and
    /// tells how many lanes it has done: the first ones.
    pub(crate) fn run_lanes(
        &self,
        job: &LaneJob<'_>,
        results: &mut LaneResults<'_, '_>,
        file: &mut LaneFile,
    ) -> usize {
        let count = job.which.len();
        let cpu = job.cpu.min(Cpu::detect());
        let vectors = self.vectors_for(count);
        self.prepare(vectors, file);
        file.leaf.begin(self.leaf_sums());
        let stores = !results.columns.is_empty();
        let mut start = 0;
        while start < count {
            if (job.late)() {
                return start;
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
                #[cfg(not(target_family = "wasm"))]
                2 => self.run_chunk::<2>(cpu, &mut chunk, file),
                4 => self.run_chunk::<4>(cpu, &mut chunk, file),
                #[cfg(not(target_family = "wasm"))]
                8 => self.run_chunk::<8>(cpu, &mut chunk, file),
                _ => unreachable!("there are 1, 2, 4 or 8 vectors, in pages 1 or 4"),
            }
            if stores && chunk.active != 0 {
                self.store(cpu, job.which, span, &mut results.columns, file);
            }
            start += lanes;
            if !self.sums.is_empty() {
                results.sums.push(&file.sums);
                let leaf = file.leaf.after(lanes, start == count);
                if let Some(leaf) = leaf {
                    results.sums.push_leaf(leaf);
                }
            }
        }
        count
    }

    fn prepare(&self, vectors: usize, file: &mut LaneFile) {
        if let Some((routine, at)) = &file.routine
            && (routine, *at) == (&self.identity, vectors)
        {
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
        file.sums.resize(self.vector_sums as usize, Vector::ZERO);
        match &mut file.routine {
            // The count of a routine that several threads run is left alone.
            Some((routine, at)) if *routine == self.identity => *at = vectors,
            other => *other = Some((self.identity.clone(), vectors)),
        }
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
                    let next = first + start + AHEAD;
                    ask_for(column.get(next..next + CHUNK).unwrap_or_default());
                }
                (LaneInput::Strided(numbers, stride), Which::Range(first, _)) => {
                    let column = numbers[(first + start) * stride..].iter().step_by(stride);
                    for (number, &x) in target[..lanes].iter_mut().zip(column) {
                        *number = x;
                    }
                }
                (input, _) => {
                    for (place, number) in target[..lanes].iter_mut().enumerate() {
                        *number = input.at(which.at(start + place));
                    }
                }
            }
            // Lanes that are not there do as the first one does.
            if lanes < target.len() {
                let first = target[0];
                target[lanes..].fill(first);
            }
        }
    }

    /// Puts what lanes came to in its columns, with the vectors of the processor: that takes as long as a short
    /// routine otherwise.
    fn store(
        &self,
        cpu: Cpu,
        which: Which<'_>,
        span: Span,
        columns: &mut Columns<'_>,
        file: &LaneFile,
    ) {
        #[cfg(target_arch = "x86_64")]
        if cpu != Cpu::Baseline {
            // SAFETY: point 6: `cpu` is no more than was found, and each level above the baseline has AVX2.
            return unsafe { self.store_avx2(which, span, columns, file) };
        }
        let _ = cpu;
        self.store_on(which, span, columns, file);
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn store_avx2(&self, which: Which<'_>, span: Span, columns: &mut Columns<'_>, file: &LaneFile) {
        self.store_on(which, span, columns, file);
    }

    #[inline(always)]
    fn store_on(&self, which: Which<'_>, span: Span, columns: &mut Columns<'_>, file: &LaneFile) {
        let Span { start, lanes, .. } = span;
        let Columns {
            first,
            outputs,
            derivatives,
            scattered,
        } = columns;
        let outputs = self.outputs.iter().zip(outputs).map(|(p, c)| (p, c, -0.0));
        // Derivatives are never -0.
        let derivatives = self.derivatives.iter().zip(derivatives);
        let mut all = None;
        for (&place, column, zero) in outputs.chain(derivatives.map(|(p, c)| (p, c, 0.0))) {
            if column.is_empty() {
                continue;
            }
            let numbers = self.numbers(place, span, &mut all, file);
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
        let Scattered {
            buffers,
            outputs,
            derivatives,
            nan,
        } = scattered;
        let first = *first;
        let mut scatter = Scatter {
            buffers,
            which,
            start,
            first,
        };
        for (&place, at) in self.outputs.iter().zip(outputs) {
            if let Some(at) = at {
                scatter.put(at, self.numbers(place, span, &mut all, file), -0.0);
            }
        }
        for (&place, at) in self.derivatives.iter().zip(derivatives) {
            if let Some(at) = at {
                let numbers = self.numbers(place, span, &mut all, file);
                *nan |= numbers.iter().fold(false, |nan, x| nan | x.is_nan());
                scatter.put(at, numbers, 0.0);
            }
        }
    }

    /// The numbers of a place for the lanes of a span; those that lanes share are written out in `all`.
    #[inline(always)]
    fn numbers<'n>(
        &self,
        place: Place,
        span: Span,
        all: &'n mut Option<[f64; CHUNK]>,
        file: &'n LaneFile,
    ) -> &'n [f64] {
        let Span { lanes, vectors, .. } = span;
        let shared = match place {
            Place::Lane(slot) if (slot as usize) < self.imports.len() => {
                file.vectors[slot as usize].0[0]
            }
            Place::Lane(slot) => {
                let at = self.at(slot, vectors);
                return &file.vectors[at..at + vectors].as_flattened_numbers()[..lanes];
            }
            Place::Shared(slot) => file.shared[slot as usize],
        };
        &all.insert([shared; CHUNK])[..lanes]
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
        debug_assert!(
            matches!(&file.routine, Some((routine, at)) if *routine == self.identity && *at == V),
            "the file is another's"
        );
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
                // That is for one lane alone.
                Opcode::Many | Opcode::Fold => {
                    debug_assert!(false, "lanes have no operations many at a time");
                }
                Opcode::Block => {
                    let LaneFile {
                        shared,
                        leaf,
                        scratch,
                        ..
                    } = &mut *file;
                    let block = &self.blocks[a as usize];
                    block.run_lanes(&slots, shared, chunk.span.lanes, leaf, scratch);
                }
            }
        }
    }
}

/// Where the numbers of a chunk's lanes go that lie in buffers.
struct Scatter<'s, 'b> {
    buffers: &'s mut [&'b mut [f64]],
    which: Which<'s>,
    /// The place of the chunk's first lane, and the first lane of the range.
    start: usize,
    first: usize,
}

impl Scatter<'_, '_> {
    #[inline(always)]
    fn put(&mut self, at: &ColumnAt, numbers: &[f64], zero: f64) {
        let column = &mut self.buffers[at.buffer][at.first..];
        match self.which {
            Which::Range(from, _) if at.stride == 1 => {
                let target = &mut column[from + self.start - self.first..][..numbers.len()];
                for (to, &number) in target.iter_mut().zip(numbers) {
                    *to = number + zero;
                }
            }
            which => {
                for (place, &number) in (self.start..).zip(numbers) {
                    column[(which.at(place) - self.first) * at.stride] = number + zero;
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
