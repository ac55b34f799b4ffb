//! `check`: compiled code against the contract of unchecked accesses.
//!
//! A routine just compiled goes in; what is wrong with it comes out in words, if anything is. Debug
//! builds look at every routine so.
//!
//! **Invariants**
//! - What passes is in range, of one width and apart, as [`super`] says; and every slot is written
//!   before it is read.

use super::code::{Opcode, Part, SlotInstr};
use super::{Place, Routine};
use rustc_hash::FxHashSet;

/// What is wrong.
type Wrong = Result<(), String>;

/// A file while the code that runs on it is looked at.
struct Slots<'p> {
    routine: &'p Routine,
    /// Whose numbers they are.
    of: &'static str,
    written: Vec<bool>,
    /// How many of the first are there from the start and never written.
    fixed: usize,
    /// Which slots of the shared file are written, where this is another one.
    shared: Vec<bool>,
}

/// Looks through a routine whose code before and after the lanes is given.
pub(super) fn check(routine: &Routine, [before, after]: [&[SlotInstr]; 2]) -> Wrong {
    let constants = routine.constants.len();
    let mut shared = Slots::new(routine, "the shared file", routine.shared_slots, constants)?;
    for &(_, slot) in &routine.shared_inputs {
        shared.write(slot)?;
    }
    before.iter().try_for_each(|instr| shared.once(instr))?;
    let imports = &routine.imports;
    imports.iter().try_for_each(|&slot| shared.read(slot))?;
    let mut lane = Slots::new(routine, "a lane's file", routine.lane_slots, imports.len())?;
    for &(_, slot) in &routine.lane_inputs {
        lane.write(slot)?;
    }
    lane.shared.clone_from(&shared.written);
    for instr in &routine.body {
        lane.each(instr)?;
    }
    for &slot in routine.sums.iter().chain(&routine.count) {
        shared.write(slot)?;
    }
    after.iter().try_for_each(|instr| shared.once(instr))?;
    let mut places = routine.outputs.iter().chain(&routine.derivatives);
    places.try_for_each(|&place| match place {
        Place::Lane(slot) => lane.read(slot),
        Place::Shared(slot) => shared.read(slot),
    })
}

impl<'p> Slots<'p> {
    fn new(
        routine: &'p Routine,
        of: &'static str,
        count: u32,
        fixed: usize,
    ) -> Result<Self, String> {
        let mut written = vec![false; count as usize];
        match written.get_mut(..fixed) {
            Some(there) => there.fill(true),
            None => {
                return Err(format!(
                    "{of} has {count} slots, and {fixed} of them are given"
                ));
            }
        }
        Ok(Self {
            routine,
            of,
            written,
            fixed,
            shared: Vec::new(),
        })
    }

    fn read(&self, slot: u32) -> Wrong {
        match self.written.get(slot as usize) {
            Some(true) => Ok(()),
            Some(false) => Err(format!("slot {slot} of {} is read too early", self.of)),
            None => Err(self.no_such(slot)),
        }
    }

    fn write(&mut self, slot: u32) -> Wrong {
        if (slot as usize) < self.fixed {
            return Err(format!("slot {slot} of {} is written", self.of));
        }
        let Some(written) = self.written.get_mut(slot as usize) else {
            return Err(self.no_such(slot));
        };
        *written = true;
        Ok(())
    }

    fn no_such(&self, slot: u32) -> String {
        format!("{} has no slot {slot}", self.of)
    }

    /// An instruction of a lane.
    fn each(&mut self, instr: &SlotInstr) -> Wrong {
        let SlotInstr { op, a, b, .. } = *instr;
        match op {
            Opcode::One(_) | Opcode::SinCos if (a as usize) < self.fixed => {
                return Err(format!(
                    "{op:?} takes slot {a}, which lanes share, as a slice"
                ));
            }
            Opcode::Guard if b as usize >= self.routine.expected.len() => {
                return Err(format!("there is no guard {b}"));
            }
            Opcode::Sum if b >= self.routine.vector_sums => {
                return Err(format!("there is no sum {b}"));
            }
            _ => {}
        }
        self.instr(instr)
    }

    /// An instruction on what lanes share.
    fn once(&mut self, instr: &SlotInstr) -> Wrong {
        if matches!(instr.op, Opcode::Guard | Opcode::Sum) {
            return Err(format!("{:?} stands outside the lanes", instr.op));
        }
        self.instr(instr)
    }

    fn instr(&mut self, instr: &SlotInstr) -> Wrong {
        let SlotInstr { op, d, a, b, c } = *instr;
        let mut reads = [a, b, c][..op.reads()].to_vec();
        let mut writes = match op {
            Opcode::Guard | Opcode::Sum => Vec::new(),
            Opcode::SinCos => vec![d, b],
            Opcode::Block => {
                let block = self.routine.blocks.get(a as usize);
                let block = block.ok_or_else(|| format!("there is no block {a}"))?;
                for part in &block.operands {
                    match part {
                        Part::Own(runs) => reads.extend(runs.iter()),
                        Part::Shared(runs) => {
                            let is_there = |slot| self.shared.get(slot as usize) == Some(&true);
                            if !runs.iter().all(is_there) {
                                return Err(format!("block {a} reads what lanes do not share"));
                            }
                        }
                        Part::Fixed(_) => {}
                    }
                }
                let leaves = self.routine.leaf_sums();
                if block
                    .sums
                    .iter()
                    .flatten()
                    .any(|&sum| sum as usize >= leaves)
                {
                    return Err(format!("block {a} has sums that there are not"));
                }
                block.results().collect()
            }
            Opcode::Many => {
                let many = self.routine.many.get(a as usize);
                let many = many.ok_or_else(|| format!("there are no operations {a}"))?;
                for run in many.operands {
                    if run.length < many.length {
                        return Err(format!("operations {a} have too few operands"));
                    }
                    reads.extend(run.places());
                }
                (many.first..many.first + many.length).collect()
            }
            Opcode::Fold => {
                let folds = self.routine.folds.get(a as usize);
                let folds = folds.ok_or_else(|| format!("there are no sums {a}"))?;
                for fold in folds {
                    reads.push(fold.start);
                    reads.extend(fold.terms.slots());
                }
                folds.iter().map(|fold| fold.d).collect()
            }
            _ => vec![d],
        };
        reads.iter().try_for_each(|&slot| self.read(slot))?;
        writes.iter().try_for_each(|&slot| self.write(slot))?;
        let read: FxHashSet<u32> = reads.into_iter().collect();
        if let Some(slot) = writes.iter().find(|slot| read.contains(slot)) {
            return Err(format!("{op:?} writes slot {slot}, which it reads"));
        }
        writes.sort_unstable();
        match writes.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(format!("{op:?} writes slot {} twice", pair[0])),
            None => Ok(()),
        }
    }
}
