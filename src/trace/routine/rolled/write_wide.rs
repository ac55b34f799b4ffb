//! Loops that are done many iterations at a time, written down.
//!
//! **Invariants**
//! - Each result of a step has slots of its own, one for each iteration that is done at a time, and further
//!   ones for those that are read of iterations before.
//! - What is the same in each iteration has as many slots.

#![allow(
    clippy::cast_possible_wrap,
    reason = "counts of what is in memory are below 2^63"
)]

use super::super::super::narrow;
use super::super::code::Opcode;
use super::Fed;
use super::columns::{Columns, Gathered, Guarded, Place, Row, Sum};
use super::numbers::{Number, Reads};
use super::wide::{Term, Wide, added};
use super::write::Writer;
use rustc_hash::{FxHashMap, FxHashSet};

/// What of a loop has been written down.
struct Written {
    columns: Columns,
    filled: FxHashMap<Number, u32>,
    gathered: FxHashMap<(Fed, i64, i64), u32>,
}

/// Slots that the first iterations find as if others had left them: to, from.
type Copies = Vec<(u32, u32)>;

impl Writer<'_> {
    /// A loop that is done many iterations at a time.
    pub(super) fn columns(&mut self, which: usize, wide: &Wide) -> Option<(Columns, Copies)> {
        let mut written = Written {
            columns: Columns {
                count: self.of.loops[which].count,
                length: wide.length,
                is_backwards: wide.is_backwards,
                fills: Vec::new(),
                gathered: Vec::new(),
                rows: Vec::new(),
                guards: Vec::new(),
                sums: Vec::new(),
                stores: Vec::new(),
                kept: Vec::new(),
            },
            filled: FxHashMap::default(),
            gathered: FxHashMap::default(),
        };
        let mut copies = self.give_columns(which, wide, &mut written)?;
        let start = self.of.loops[which].start;
        for &place in &wide.order {
            let step = start + place;
            let operands = self.operands(which, place, &mut written)?;
            let op = self.short.steps[step].op;
            if op == Opcode::Guard {
                continue;
            }
            let slots = &self.of.loops[which].slots;
            let d = *slots.get(&(0, place, 0))?;
            let e = slots.get(&(0, place, 1)).copied().unwrap_or(d);
            let row = Row { op, d, e, operands };
            written.columns.rows.push(row);
        }
        // The first of those that fail in an iteration is the one that fails.
        let mut places = wide.order.clone();
        places.sort_unstable();
        for place in places {
            if self.short.steps[start + place].op == Opcode::Guard {
                let [of, ..] = self.operands(which, place, &mut written)?;
                let number = self.guard(start + place, 0, 1);
                written.columns.guards.push(Guarded { number, of });
            }
        }
        self.sums(which, wide, &mut written, &mut copies)?;
        let mut columns = written.columns;
        let outside = &self.of.loops[which].read_outside;
        let slots = self.of.loops[which].slots.iter();
        let needed = slots.filter(|((_, place, _), _)| outside.contains(place));
        columns.pair(needed.map(|(_, &slot)| slot).collect());
        let of = &self.of.loops[which];
        for (column, &(place, nth)) in of.columns.iter().enumerate() {
            let (first, gap) = of.of_column(column);
            let gap = if of.by_column { 0 } else { gap as usize };
            let slot = *of.slots.get(&(0, place, nth))?;
            columns.stores.push((slot, first, gap));
        }
        Some((columns, copies))
    }

    /// Gives all results their slots.
    fn give_columns(&mut self, which: usize, wide: &Wide, written: &mut Written) -> Option<Copies> {
        let mut farthest: FxHashMap<(usize, u32), usize> = FxHashMap::default();
        for read in self.of.loops[which].reads.iter().flatten() {
            if let Reads::Own(back, place, nth) = *read
                && !wide.is_of_sum[place]
            {
                let back = back.max(farthest.get(&(place, nth)).copied().unwrap_or(0));
                farthest.insert((place, nth), back);
            }
        }
        let mut copies = Vec::new();
        let mut slots: FxHashMap<(usize, usize, u32), u32> = FxHashMap::default();
        for &place in &wide.order {
            for nth in 0..self.short.results_of(self.of.loops[which].start + place) {
                let back = farthest.get(&(place, nth)).copied().unwrap_or(0);
                let first = self.give(wide.length + back);
                let slot = if wide.is_backwards {
                    first
                } else {
                    first + narrow(back)
                };
                slots.insert((0, place, nth), slot);
                if back == 0 {
                    continue;
                }
                written.columns.kept.push((slot, back));
                for back in 1..=back {
                    let number = self.of.number_in(which, 0, Reads::Own(back, place, nth))?;
                    let to = if wide.is_backwards {
                        slot + narrow(wide.length - 1 + back)
                    } else {
                        slot - narrow(back)
                    };
                    copies.push((to, self.slot(number)?));
                }
            }
        }
        self.of.loops[which].slots = slots;
        Some(copies)
    }

    /// Where what a step reads is; its first operand again where it has fewer.
    fn operands(
        &mut self,
        which: usize,
        place: usize,
        written: &mut Written,
    ) -> Option<[Place; 3]> {
        let count = self.of.loops[which].reads[place].len();
        let mut operands = [Place::File(0); 3];
        for (nth, operand) in operands.iter_mut().enumerate() {
            let nth = if nth < count { nth } else { 0 };
            let read = *self.of.loops[which].reads[place].get(nth)?;
            *operand = self.place(which, read, written)?;
        }
        Some(operands)
    }

    fn place(&mut self, which: usize, read: Reads, written: &mut Written) -> Option<Place> {
        let length = written.columns.length;
        Some(match read {
            Reads::Fixed(number) => {
                if let Some(&slot) = written.filled.get(&number) {
                    return Some(Place::File(slot));
                }
                let from = self.slot(number)?;
                let slot = self.give(length);
                written.filled.insert(number, slot);
                written.columns.fills.push((slot, length, from));
                Place::File(slot)
            }
            Reads::Own(back, place, nth) => {
                let slot = *self.of.loops[which].slots.get(&(0, place, nth))?;
                let back = narrow(back);
                Place::File(if written.columns.is_backwards {
                    slot + back
                } else {
                    slot - back
                })
            }
            Reads::Other(read, first, step, place, nth) => {
                let of = &self.of.loops[read];
                let (start, gap) = of.of_column(*of.column_of.get(&(place, nth))?);
                self.fed((Fed::Tape, start as i64 + gap * first, gap * step), written)
            }
            Reads::Fed(stream, first, step) => {
                let feed = self.feed(stream, first, step, 0, 0);
                self.fed((feed.from, feed.first, feed.stride), written)
            }
        })
    }

    /// Where the numbers of a stream are, with those of each iteration so far from the one before.
    fn fed(&mut self, of: (Fed, i64, i64), written: &mut Written) -> Place {
        let (from, first, stride) = of;
        let columns = &mut written.columns;
        if stride == if columns.is_backwards { -1 } else { 1 } {
            return Place::Fed(from, first);
        }
        let slot = *written.gathered.entry(of).or_insert_with(|| {
            let slot = self.give(columns.length);
            columns.gathered.push(Gathered {
                slot,
                from,
                first,
                stride,
            });
            slot
        });
        Place::File(slot)
    }

    /// The sums, those together that can go on side by side.
    fn sums(
        &mut self,
        which: usize,
        wide: &Wide,
        written: &mut Written,
        copies: &mut Copies,
    ) -> Option<()> {
        let mut sums = Vec::new();
        for sum in &wide.sums {
            let &(last, _) = sum.last()?;
            sums.push((self.terms(which, sum, written)?, last));
        }
        // Of one term, and whether that is taken away.
        let kind = |terms: &[(Place, bool)]| match *terms {
            [(_, is_less)] => Some(is_less),
            _ => None,
        };
        sums.sort_by_key(|(terms, _)| kind(terms));
        for alike in sums.chunk_by(|(one, _), (two, _)| kind(one) == kind(two)) {
            let slots = self.give(alike.len())..;
            let mut together = Vec::new();
            for (slot, (terms, last)) in slots.zip(alike) {
                let number = self.of.number_in(which, 0, Reads::Own(1, *last, 0))?;
                copies.push((slot, self.slot(number)?));
                self.of.loops[which].slots.insert((0, *last, 0), slot);
                together.push(Sum {
                    slot,
                    terms: terms.clone(),
                });
            }
            written.columns.sums.push(together);
        }
        Some(())
    }

    /// The terms of a sum, by its steps and for each which operand the sum up to there is.
    fn terms(
        &mut self,
        which: usize,
        steps: &[(usize, usize)],
        written: &mut Written,
    ) -> Option<Vec<(Place, bool)>> {
        let mut terms = Vec::new();
        for &(place, of_sum) in steps {
            let op = self.short.steps[self.of.loops[which].start + place].op;
            let added = added(op, of_sum)?;
            let read =
                |nth: usize, writer: &Self| writer.of.loops[which].reads[place].get(nth).copied();
            let mut result = None;
            if let Some(op) = added.first {
                let reads = [read(0, self)?, read(1, self)?];
                let a = self.place(which, reads[0], written)?;
                let b = self.place(which, reads[1], written)?;
                let d = self.give(written.columns.length);
                written.columns.rows.push(Row {
                    op,
                    d,
                    e: d,
                    operands: [a, b, a],
                });
                result = Some(Place::File(d));
            }
            for &(term, is_less) in added.terms {
                let of = match term {
                    Term::First => result?,
                    Term::Operand(nth) => {
                        let read = read(nth, self)?;
                        self.place(which, read, written)?
                    }
                };
                terms.push((of, is_less));
            }
        }
        Some(terms)
    }
}

impl Columns {
    /// Makes pairs of steps of which one alone reads the other. `needed` are results that are read elsewhere.
    fn pair(&mut self, mut needed: FxHashSet<u32>) {
        needed.extend(self.kept.iter().map(|&(slot, _)| slot));
        needed.extend(self.stores.iter().map(|&(slot, ..)| slot));
        let guards = self.guards.iter().map(|guard| guard.of);
        let terms = self.sums.iter().flatten().flat_map(|sum| &sum.terms);
        for place in guards.chain(terms.map(|&(place, _)| place)) {
            if let Place::File(slot) = place {
                needed.insert(slot);
            }
        }
        let mut uses: FxHashMap<u32, usize> = FxHashMap::default();
        for row in &self.rows {
            for &place in &row.operands[..row.op.reads()] {
                if let Place::File(slot) = place {
                    *uses.entry(slot).or_default() += 1;
                }
            }
        }
        // For each result that one alone reads, the step whose it is.
        let mut singles: FxHashMap<u32, usize> = FxHashMap::default();
        let mut is_absorbed = vec![false; self.rows.len()];
        for at in 0..self.rows.len() {
            let row = &self.rows[at];
            for (nth, is_left) in [(0, true), (1, false)] {
                let Place::File(slot) = row.operands[nth] else {
                    continue;
                };
                let (Some(second), Some(&first)) = (row.op.as_row(), singles.get(&slot)) else {
                    continue;
                };
                let before = &self.rows[first];
                let pair = before.op.as_row();
                let pair = pair.and_then(|before| Opcode::pair(before, second, is_left));
                if let Some(op) = pair.filter(|_| !is_absorbed[first]) {
                    let [a, b, _] = before.operands;
                    let operands = [a, b, row.operands[1 - nth]];
                    self.rows[at] = Row {
                        op,
                        operands,
                        ..self.rows[at]
                    };
                    is_absorbed[first] = true;
                    break;
                }
            }
            let row = &self.rows[at];
            if uses.get(&row.d) == Some(&1) && !needed.contains(&row.d) {
                singles.insert(row.d, at);
            }
        }
        let mut is_absorbed = is_absorbed.into_iter();
        self.rows.retain(|_| is_absorbed.next() != Some(true));
    }

    /// Gives its slots other numbers.
    pub(super) fn place(mut self, placed: &dyn Fn(u32) -> u32) -> Self {
        let of = |place: &mut Place| {
            if let Place::File(slot) = place {
                *slot = placed(*slot);
            }
        };
        for (slot, _, from) in &mut self.fills {
            (*slot, *from) = (placed(*slot), placed(*from));
        }
        for gathered in &mut self.gathered {
            gathered.slot = placed(gathered.slot);
        }
        for row in &mut self.rows {
            (row.d, row.e) = (placed(row.d), placed(row.e));
            row.operands.iter_mut().for_each(of);
        }
        for guard in &mut self.guards {
            of(&mut guard.of);
        }
        for sum in self.sums.iter_mut().flatten() {
            sum.slot = placed(sum.slot);
            sum.terms.iter_mut().for_each(|(place, _)| of(place));
        }
        for (slot, ..) in &mut self.stores {
            *slot = placed(*slot);
        }
        for (slot, _) in &mut self.kept {
            *slot = placed(*slot);
        }
        self
    }
}
