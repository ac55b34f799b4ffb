//! Code with loops, written down: slots, segments and what moves between tape, streams and slots.
//!
//! **Invariants**
//! - Every result has a slot of its own, but that the code of a loop is run again and again; slots are
//!   given out by counting, as the contract of [`super::super`] asks.
//! - What goes to the tape lies in a row, as it lies there.

#![allow(
    clippy::cast_possible_wrap,
    reason = "counts of what is in memory are below 2^63"
)]

use super::super::super::narrow;
use super::super::super::roll::abridge::Stream;
use super::super::super::runs::Runs;
use super::super::code::{BlockCode, Opcode, Part, SlotInstr};
use super::super::encode::encode;
use super::super::{Identity, Place, Routine, runs_of};
use super::columns::Columns;
use super::numbers::{Number, Reads};
use super::reads::Planned;
use super::steps::Short;
use super::{Fed, Feed, Repeat, Repeated, Rolled, Segment, Window};
use rustc_hash::FxHashMap;

/// Writes the code.
pub(super) struct Writer<'a> {
    pub(super) of: Planned<'a>,
    pub(super) short: &'a Short,
    constants: Vec<f64>,
    known_constants: FxHashMap<u64, u32>,
    /// Slots are given out after those of constants, when all of these are known.
    slots: u32,
    slots_of: FxHashMap<Number, u32>,
    inputs: Vec<(u32, u32)>,
    blocks: Vec<BlockCode>,
    guards: Vec<(u32, u32)>,
    expected: Vec<f64>,
    tables: Vec<Vec<f64>>,
    tables_of: FxHashMap<u32, usize>,
    /// What the segment being written loads from the tape first.
    loads: Vec<(u32, usize)>,
}

/// Slots of constants are counted from here until all constants are known.
const CONSTANTS: u32 = 1 << 30;

impl<'a> Writer<'a> {
    pub(super) fn new(of: Planned<'a>) -> Self {
        Self {
            short: of.short,
            of,
            constants: Vec::new(),
            known_constants: FxHashMap::default(),
            slots: 0,
            slots_of: FxHashMap::default(),
            inputs: Vec::new(),
            blocks: Vec::new(),
            guards: Vec::new(),
            expected: Vec::new(),
            tables: Vec::new(),
            tables_of: FxHashMap::default(),
            loads: Vec::new(),
        }
    }

    /// The routine of a trace with derivatives by so many inputs.
    pub(super) fn write(mut self, by: usize) -> Option<Routine> {
        let mut segments = Vec::new();
        let mut from = 0;
        for which in 0..self.of.loops.len() {
            let code = self.straight(from..self.short.loops[which].start, which)?;
            let segment = self.segment_with_loop(which, code)?;
            segments.push(segment);
            from = self.short.loops[which].end();
        }
        let code = self.straight(from..self.short.steps.len(), self.of.loops.len())?;
        let mut places = Vec::with_capacity(self.short.results.len());
        for nth in 0..self.short.results.len() {
            let number = self.of.result(nth)?;
            places.push(self.slot(number)?);
        }
        let loads = std::mem::take(&mut self.loads);
        segments.push(Draft {
            loads,
            code,
            copies: Vec::new(),
            repeat: DraftRepeat::None,
        });
        Some(self.finish(segments, &places, by))
    }

    /// Gives constants their slots before all others.
    fn finish(mut self, segments: Vec<Draft>, places: &[u32], by: usize) -> Routine {
        let constants = narrow(self.constants.len());
        let placed = |slot: u32| {
            if slot >= CONSTANTS {
                slot - CONSTANTS
            } else {
                slot + constants
            }
        };
        let code = |mut code: Vec<SlotInstr>| {
            for instr in &mut code {
                if instr.op == Opcode::Block {
                    continue;
                }
                debug_assert!(is_apart(instr), "{instr:?} writes what it reads");
                instr.d = placed(instr.d);
                instr.a = placed(instr.a);
                if instr.op.reads() > 1 || instr.op == Opcode::SinCos {
                    instr.b = placed(instr.b);
                }
                if instr.op.reads() > 2 {
                    instr.c = placed(instr.c);
                }
            }
            encode(&code)
        };
        for block in &mut self.blocks {
            for part in &mut block.operands {
                if let Part::Own(slots) = part {
                    *slots = slots.iter().map(placed).collect();
                }
            }
            block.first = placed(block.first);
        }
        let at = |pairs: Vec<(u32, usize)>| -> Vec<(u32, usize)> {
            pairs
                .into_iter()
                .map(|(slot, at)| (placed(slot), at))
                .collect()
        };
        let segments = segments.into_iter().map(|draft| Segment {
            loads: at(draft.loads),
            code: code(draft.code.0),
            stores: at(draft.code.1),
            copies: draft
                .copies
                .into_iter()
                .map(|(to, from)| (placed(to), placed(from)))
                .collect(),
            repeat: match draft.repeat {
                DraftRepeat::None => Repeat::None,
                DraftRepeat::Columns(columns) => Repeat::Columns(columns.place(&placed)),
                DraftRepeat::Code(repeat) => Repeat::Code(Repeated {
                    count: repeat.count,
                    code: code(repeat.code),
                    windows: repeat
                        .windows
                        .into_iter()
                        .map(|window| Window {
                            slot: placed(window.slot),
                            ..window
                        })
                        .collect(),
                    feeds: repeat
                        .feeds
                        .into_iter()
                        .map(|feed| Feed {
                            slot: placed(feed.slot),
                            ..feed
                        })
                        .collect(),
                    store: (placed(repeat.store.0), repeat.store.1, repeat.store.2),
                }),
            },
        });
        let segments: Vec<Segment> = segments.collect();
        let mut outputs: Vec<Place> = places
            .iter()
            .map(|&slot| Place::Lane(placed(slot)))
            .collect();
        let derivatives = outputs.split_off(self.short.outputs);
        debug_assert_eq!(derivatives.len(), self.short.outputs * by);
        let inputs = self
            .inputs
            .iter()
            .map(|&(input, slot)| (input, placed(slot)));
        let inputs: Vec<(u32, u32)> = inputs.collect();
        Routine {
            identity: Identity::default(),
            before: Vec::new(),
            after: Vec::new(),
            body: Vec::new(),
            one: Vec::new(),
            blocks: self.blocks,
            expected: self.expected,
            shared_inputs: Vec::new(),
            shared_slots: constants,
            imports: (0..constants).collect(),
            input_runs: runs_of(&inputs),
            lane_inputs: inputs,
            lane_slots: self.slots + constants,
            sums: Vec::new(),
            vector_sums: 0,
            many: Vec::new(),
            folds: Vec::new(),
            count: None,
            outputs,
            derivatives,
            constants: self.constants,
            rolled: Some(Box::new(Rolled {
                segments,
                guards: self.guards,
                tables: self.tables,
                tape: self.of.tape,
            })),
        }
    }

    pub(super) fn give(&mut self, count: usize) -> u32 {
        let first = self.slots;
        self.slots += narrow(count);
        first
    }

    /// Where a number is while code between loops runs; it is loaded from the tape if need be.
    pub(super) fn slot(&mut self, number: Number) -> Option<u32> {
        if let Number::Constant(bits) = number {
            let constants = &mut self.constants;
            let slot = *self.known_constants.entry(bits).or_insert_with(|| {
                constants.push(f64::from_bits(bits));
                narrow(constants.len() - 1)
            });
            return Some(CONSTANTS + slot);
        }
        if let Some(&slot) = self.slots_of.get(&number) {
            return Some(slot);
        }
        match number {
            Number::Input(input) => {
                let slot = self.give(1);
                self.inputs.push((input, slot));
                self.slots_of.insert(number, slot);
                Some(slot)
            }
            Number::Loop(which, iteration, place, nth) => {
                let of = &self.of.loops[which];
                if iteration < of.done() && iteration >= of.last() {
                    return of.slot(iteration, place, nth);
                }
                let from = self.of.on_tape(which, iteration, place, nth)?;
                let slot = self.give(1);
                self.loads.push((slot, from));
                self.slots_of.insert(number, slot);
                Some(slot)
            }
            // Nothing computes it before.
            _ => None,
        }
    }

    /// Code of steps between loops; with what is left of the loop before.
    fn straight(&mut self, range: std::ops::Range<usize>, after: usize) -> Option<Straight> {
        let mut code = Vec::new();
        let mut stores = Vec::new();
        if let Some(which) = after.checked_sub(1) {
            let (from, to) = {
                let of = &self.of.loops[which];
                (of.done(), of.count)
            };
            for iteration in from..to {
                self.rest(which, iteration, &mut code, &mut stores)?;
            }
        }
        for step in range {
            let mut operands = Vec::new();
            for (nth, source) in self.short.sources(step).into_iter().enumerate() {
                let number = self.of.number(source, self.of.moves_with_end(step, nth))?;
                operands.push(self.slot(number)?);
            }
            let guard = self.guard(step, 0, 0);
            let instr = self.instr(step, &operands, guard, &mut |writer, nth| {
                let slot = writer.give(1);
                writer.slots_of.insert(Number::Straight(step, nth), slot);
                slot
            })?;
            code.push(instr);
        }
        Some((code, stores))
    }

    /// Code of an iteration of a loop that stands after it.
    fn rest(
        &mut self,
        which: usize,
        iteration: usize,
        code: &mut Vec<SlotInstr>,
        stores: &mut Vec<(u32, usize)>,
    ) -> Option<()> {
        let (start, period) = (self.of.loops[which].start, self.of.loops[which].period);
        for place in 0..period {
            let step = start + place;
            let mut operands = Vec::new();
            for nth in 0..self.of.loops[which].reads[place].len() {
                let read = self.of.loops[which].reads[place][nth];
                let number = self.of.number_in(which, iteration, read)?;
                operands.push(self.slot(number)?);
            }
            let guard = self.guard(step, iteration, 0);
            let instr = self.instr(step, &operands, guard, &mut |writer, nth| {
                let slot = writer.give(1);
                let number = Number::Loop(which, iteration, place, nth);
                writer.slots_of.insert(number, slot);
                slot
            })?;
            code.push(instr);
        }
        for column in 0..self.of.loops[which].columns.len() {
            let (place, nth) = self.of.loops[which].columns[column];
            let slot = self.slot(Number::Loop(which, iteration, place, nth))?;
            stores.push((slot, self.of.on_tape(which, iteration, place, nth)?));
        }
        Some(())
    }

    /// The guard of a step in an iteration of its loop: its number in the code.
    pub(super) fn guard(&mut self, step: usize, iteration: usize, unrolled: usize) -> u32 {
        let of = &self.short.steps[step];
        if of.op != Opcode::Guard {
            return 0;
        }
        let all = &self.short.abridged.guards;
        let first = all[of.number as usize];
        let each = match self.short.loop_of(step) {
            Some((which, ..)) => {
                let next = step + self.of.loops[which].period;
                all[self.short.steps[next].number as usize] - first
            }
            None => 0,
        };
        let number = narrow(self.guards.len());
        self.guards
            .push((first + each * narrow(iteration), each * narrow(unrolled)));
        self.expected.push(self.short.expected[of.number as usize]);
        number
    }

    /// An instruction whose operands are at the given slots; `give` gives those of results.
    fn instr(
        &mut self,
        step: usize,
        operands: &[u32],
        guard: u32,
        give: &mut dyn FnMut(&mut Self, u32) -> u32,
    ) -> Option<SlotInstr> {
        let of = &self.short.steps[step];
        let at = |nth: usize| operands.get(nth).or(operands.first()).copied().unwrap_or(0);
        let mut instr = SlotInstr {
            op: of.op,
            d: 0,
            a: at(0),
            b: at(1),
            c: at(2),
        };
        match of.op {
            Opcode::Guard | Opcode::Sum => instr.b = guard,
            Opcode::Block => {
                let block = &self.short.flow.blocks[of.number as usize];
                let slots: Runs = (0..block.length).map(|nth| give(self, nth)).collect();
                instr.a = narrow(self.blocks.len());
                let mut rest = operands.iter().copied();
                let parts = block.operands.iter();
                let parts = parts.map(|part| Part::Own(rest.by_ref().take(part.len()).collect()));
                self.blocks.push(BlockCode {
                    work: block.work,
                    operands: parts.collect(),
                    first: slots.as_one()?,
                    kept: block.length,
                    length: block.length,
                    sums: [None; 2],
                });
            }
            Opcode::SinCos => {
                instr.d = give(self, 0);
                instr.b = give(self, 1);
            }
            _ => instr.d = give(self, 0),
        }
        Some(instr)
    }

    /// A loop, and the code before it.
    fn segment_with_loop(&mut self, which: usize, code: Straight) -> Option<Draft> {
        if let Some(wide) = self.of.loops[which].wide.clone() {
            let (columns, copies) = self.columns(which, &wide)?;
            return Some(Draft {
                loads: std::mem::take(&mut self.loads),
                code,
                copies,
                repeat: DraftRepeat::Columns(columns),
            });
        }
        let (unrolled, period, start, runs) = {
            let of = &self.of.loops[which];
            (of.unrolled, of.period, of.start, of.runs)
        };
        // Slots of results: first those that go to the tape, as they lie there.
        let columns = self.of.loops[which].columns.clone();
        let stored = self.give(unrolled * columns.len());
        let mut slots: FxHashMap<(usize, usize, u32), u32> = FxHashMap::default();
        for iteration in 0..unrolled {
            for (column, &(place, nth)) in columns.iter().enumerate() {
                let slot = stored + narrow(iteration * columns.len() + column);
                slots.insert((iteration, place, nth), slot);
            }
            for place in 0..period {
                for nth in 0..self.short.results_of(start + place) {
                    slots
                        .entry((iteration, place, nth))
                        .or_insert_with(|| self.give(1));
                }
            }
        }
        self.of.loops[which].slots = slots;
        let (windows, window_of) = self.windows(which)?;
        let mut feeds: Vec<Feed> = Vec::new();
        let mut feed_of: FxHashMap<(u32, i64, i64), u32> = FxHashMap::default();
        let mut copies: Vec<(u32, u32)> = Vec::new();
        let mut body = Vec::with_capacity(unrolled * period);
        for iteration in 0..unrolled {
            for place in 0..period {
                let step = start + place;
                let mut operands = Vec::new();
                for nth in 0..self.of.loops[which].reads[place].len() {
                    let read = self.of.loops[which].reads[place][nth];
                    operands.push(match read {
                        Reads::Fixed(number) => self.slot(number)?,
                        Reads::Own(back, place, nth) if back <= iteration => {
                            self.of.loops[which].slots[&(iteration - back, place, nth)]
                        }
                        Reads::Own(back, place, nth) => {
                            let slot = self.of.loops[which].slots
                                [&(unrolled + iteration - back, place, nth)];
                            let number = self.of.number_in(which, iteration, read)?;
                            let from = self.slot(number)?;
                            if !copies.contains(&(slot, from)) {
                                copies.push((slot, from));
                            }
                            slot
                        }
                        Reads::Other(read, first, step, place, nth) => {
                            let (slot, low) = window_of[&(read, step)];
                            let of = &self.of.loops[read];
                            let column = of.column_of[&(place, nth)];
                            let at = first + step * iteration as i64 - low;
                            slot + narrow(at as usize * of.columns.len() + column)
                        }
                        Reads::Fed(stream, first, step) => {
                            let known = feed_of.get(&(stream, first, step)).copied();
                            let slot = known.unwrap_or_else(|| {
                                let slot = self.give(unrolled);
                                feeds.push(self.feed(stream, first, step, slot, unrolled));
                                feed_of.insert((stream, first, step), slot);
                                slot
                            });
                            slot + narrow(iteration)
                        }
                    });
                }
                let guard = self.guard(step, iteration, unrolled);
                let instr = self.instr(step, &operands, guard, &mut |writer, nth| {
                    writer.of.loops[which].slots[&(iteration, place, nth)]
                })?;
                body.push(instr);
            }
        }
        let repeat = DraftLoop {
            count: runs,
            code: body,
            windows,
            feeds,
            store: (stored, unrolled * columns.len(), self.of.loops[which].tape),
        };
        Some(Draft {
            loads: std::mem::take(&mut self.loads),
            code,
            copies,
            repeat: DraftRepeat::Code(repeat),
        })
    }

    /// What a loop reads of others' parts of the tape: for each, by where it moves, the slots, and the first
    /// iteration there in the first run.
    #[allow(clippy::type_complexity, reason = "two lists that belong together")]
    fn windows(
        &mut self,
        which: usize,
    ) -> Option<(Vec<Window>, FxHashMap<(usize, i64), (u32, i64)>)> {
        let mut ranges: FxHashMap<(usize, i64), (i64, i64)> = FxHashMap::default();
        let mut order = Vec::new();
        for read in self.of.loops[which].reads.iter().flatten() {
            if let Reads::Other(read, first, step, ..) = *read {
                let range = ranges.entry((read, step)).or_insert_with(|| {
                    order.push((read, step));
                    (first, first)
                });
                *range = (range.0.min(first), range.1.max(first));
            }
        }
        let further = self.of.loops[which].unrolled as i64 - 1;
        let mut windows = Vec::new();
        let mut slots = FxHashMap::default();
        for (read, step) in order {
            let (low, high) = ranges[&(read, step)];
            let (low, high) = if step > 0 {
                (low, high + further)
            } else {
                (low - further, high)
            };
            let columns = self.of.loops[read].columns.len();
            let length = usize::try_from(high - low + 1).ok()? * columns;
            let slot = self.give(length);
            let of = &self.of.loops[read];
            windows.push(Window {
                slot,
                from: of.tape as i64 + low * columns as i64,
                step: step * (further + 1) * columns as i64,
                length,
            });
            slots.insert((read, step), (slot, low));
        }
        Some((windows, slots))
    }

    pub(super) fn feed(
        &mut self,
        stream: u32,
        first: i64,
        step: i64,
        slot: u32,
        slots: usize,
    ) -> Feed {
        let (from, at, stride) = match &self.of.plan.streams()[stream as usize] {
            Stream::Inputs(input, stride) => (
                Fed::Inputs,
                i64::from(*input) + stride * first,
                stride * step,
            ),
            Stream::Table(numbers) => {
                let tables = &mut self.tables;
                let which = *self.tables_of.entry(stream).or_insert_with(|| {
                    tables.push(numbers.clone());
                    tables.len() - 1
                });
                (Fed::Table(which), first, step)
            }
        };
        Feed {
            slot,
            slots,
            from,
            first: at,
            stride,
        }
    }
}

/// Whether an instruction writes no slot that it reads.
fn is_apart(instr: &SlotInstr) -> bool {
    let reads = [instr.a, instr.b, instr.c];
    let reads = &reads[..instr.op.reads()];
    match instr.op {
        Opcode::Guard | Opcode::Sum => true,
        Opcode::SinCos => {
            instr.d != instr.b && !reads[..1].contains(&instr.d) && instr.a != instr.b
        }
        _ => !reads.contains(&instr.d),
    }
}

/// Code between loops, and what goes to the tape after it.
type Straight = (Vec<SlotInstr>, Vec<(u32, usize)>);

/// A loop whose constants have no slots yet.
struct DraftLoop {
    count: usize,
    code: Vec<SlotInstr>,
    windows: Vec<Window>,
    feeds: Vec<Feed>,
    store: (u32, usize, usize),
}

enum DraftRepeat {
    None,
    Code(DraftLoop),
    Columns(Columns),
}

/// The same of a segment.
struct Draft {
    loads: Vec<(u32, usize)>,
    code: Straight,
    copies: Vec<(u32, u32)>,
    repeat: DraftRepeat,
}
