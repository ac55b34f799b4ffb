//! What iterations read in turn: elements of lists and vectors that they go along.
//!
//! A way through an iteration goes in; the part of it comes out that goes from pair to pair and from index
//! to index, without its arithmetic, and the numbers that this part comes by.
//!
//! **Invariants**
//! - Nothing of that part is recorded, allocates or depends on a number with a node: what it comes by is what
//!   the iterations come by.
//! - The numbers read at one place of the code are all floats or all ints, and all have nodes or none has.

use super::Operand;
use super::code::{Op, Way, What, value_of};
use crate::prim::Prim;
use crate::prim::value::{Tag, Value};
use crate::trace::record::Number;
use crate::walk::Walk;
use crate::walk::fork::number;

/// The part of an iteration that goes along structure.
#[derive(Default)]
pub(super) struct Along {
    /// For each operation of the way whether it is in this part.
    is_in: Vec<bool>,
    /// The operations that give a number: one that is read in turn, or the same one each time.
    pub(super) in_turn: Vec<usize>,
    pub(super) always: Vec<usize>,
    /// All operations that give one that is read in turn, and which of these it is.
    pub(super) readers: Vec<(usize, usize)>,
    /// What of what is carried on is structure, and where it comes from.
    moves: Vec<(u32, Operand)>,
}

/// Somebody who goes along.
pub(super) struct Reader<'a> {
    along: &'a Along,
    /// The registers, as far as they are structure.
    registers: Vec<Value>,
    /// What was read, iteration by iteration.
    pub(super) numbers: Vec<Number>,
    /// The first numbers, with their tags.
    kinds: Vec<(Tag, bool)>,
}

impl Along {
    /// Of a way whose last iteration left its values in `registers`, and began with others; none where
    /// something is carried on that is neither a number nor such structure.
    pub(super) fn of(way: &Way, registers: &[Value]) -> Option<Self> {
        let mut is_counter: Vec<bool> = (0..way.carried.len())
            .map(|at| registers[at].tag == Tag::Int)
            .collect();
        loop {
            let (along, from) = Self::assuming(way, registers, &is_counter);
            let mut is_settled = true;
            for &(to, operand) in &way.moves {
                if registers[to as usize].is_number() {
                    let counts = &mut is_counter[to as usize];
                    is_settled &= !*counts || from.is_structure(operand, way);
                    *counts &= from.is_structure(operand, way);
                } else if !from.is_structure(operand, way) {
                    return None;
                }
            }
            if is_settled {
                return Some(along);
            }
        }
    }

    /// The same where those registers are counters.
    fn assuming(way: &Way, registers: &[Value], is_counter: &[bool]) -> (Self, Known) {
        let mut known = Known {
            structure: vec![false; way.registers],
            always: vec![false; way.registers],
            first: (0..way.registers as u32).map(u32::cast_signed).collect(),
        };
        for (at, value) in registers[..way.carried.len()].iter().enumerate() {
            let is = value.node.is_none() && (!value.is_number() || is_counter[at]);
            known.structure[at] = is;
            let mut moves = way.moves.iter();
            let moved = moves.find(|(to, _)| *to as usize == at);
            known.always[at] = is && moved.is_none_or(|&(_, from)| way.keeps(*value, from));
        }
        let mut along = Self::default();
        // What is taken from where, and by which operation first.
        let mut taken: Vec<([Operand; 2], Prim, usize)> = Vec::new();
        for (index, op) in way.code.iter().enumerate() {
            let operands = op.operands(way);
            let is = operands.iter().all(|&from| known.is_structure(from, way)) && goes_along(op);
            along.is_in.push(is);
            if !is || !op.what.gives() {
                continue;
            }
            let always = operands
                .iter()
                .all(|&from| from < 0 || known.always[from as usize]);
            let value = registers[op.dst as usize];
            let dst = op.dst as usize;
            let takes = matches!(op.what, What::One | What::Two) && is_selector(op.prim);
            let from = [op.a, if op.what == What::Two { op.b } else { op.a }];
            let from = from.map(|from| known.first(from));
            let known_as = taken
                .iter()
                .find(|(of, prim, _)| (of, prim) == (&from, &op.prim));
            let known_as = known_as.map(|&(_, _, index)| index);
            if takes && known_as.is_none() {
                taken.push((from, op.prim, index));
            }
            if value.is_number() && takes {
                if always {
                    along.always.push(index);
                    continue;
                }
                let nth = along.in_turn.iter().position(|&of| Some(of) == known_as);
                along
                    .readers
                    .push((index, nth.unwrap_or(along.in_turn.len())));
                if nth.is_none() {
                    along.in_turn.push(index);
                }
                continue;
            }
            known.structure[dst] = value.node.is_none();
            known.always[dst] = always;
            if op.what == What::Copy {
                known.first[dst] = known.first(op.a);
            } else if let Some(same) = known_as.filter(|_| takes) {
                known.first[dst] = way.code[same].dst.cast_signed();
            }
        }
        let structure = |&&(to, _): &&(u32, Operand)| known.structure[to as usize];
        along.moves = way.moves.iter().filter(structure).copied().collect();
        (along, known)
    }

    /// Whether an operation of the way is one of this part.
    pub(super) fn has(&self, index: usize) -> bool {
        self.is_in[index]
    }

    /// Whether what is carried on in a register is structure.
    pub(super) fn carries(&self, register: u32) -> bool {
        self.moves.iter().any(|&(to, _)| to == register)
    }

    /// Whether it goes on from one iteration to the next through something else than numbers.
    pub(super) fn goes_on(&self, way: &Way, registers: &[Value]) -> bool {
        let mut moves = self.moves.iter();
        moves.any(|&(to, from)| {
            let value = registers[to as usize];
            !value.is_number() && !way.keeps(value, from)
        })
    }

    /// Somebody who begins where iterations began, with these registers.
    pub(super) fn reader(&self, registers: &[Value]) -> Reader<'_> {
        Reader {
            along: self,
            registers: registers.to_vec(),
            numbers: Vec::new(),
            kinds: Vec::new(),
        }
    }
}

/// What is known of registers.
struct Known {
    structure: Vec<bool>,
    /// Structure that is the same each time.
    always: Vec<bool>,
    /// Where the same structure was first.
    first: Vec<Operand>,
}

impl Known {
    fn first(&self, operand: Operand) -> Operand {
        usize::try_from(operand).map_or(operand, |register| self.first[register])
    }

    fn is_structure(&self, operand: Operand, way: &Way) -> bool {
        match usize::try_from(operand) {
            Ok(register) => self.structure[register],
            Err(_) => way.constants[!operand as usize].node.is_none(),
        }
    }
}

impl Reader<'_> {
    /// How many numbers are read in an iteration.
    pub(super) fn each(&self) -> usize {
        self.along.in_turn.len()
    }

    /// How many iterations were gone along.
    pub(super) fn iterations(&self) -> usize {
        self.numbers.len() / self.each().max(1)
    }

    /// The structure carried on, as it is after the last iteration.
    pub(super) fn carried(&self) -> impl Iterator<Item = (u32, Value)> {
        let moves = self.along.moves.iter();
        moves.map(|&(to, _)| (to, self.registers[to as usize]))
    }

    /// Where it stands.
    pub(super) fn stands(&self) -> (Vec<Value>, usize) {
        (self.registers.clone(), self.numbers.len())
    }

    /// Goes back to where it stood.
    pub(super) fn go_back(&mut self, (registers, length): (Vec<Value>, usize)) {
        self.registers = registers;
        self.numbers.truncate(length);
    }
}

impl Walk<'_> {
    /// Goes along so many iterations, or fewer where structure ends; what that costs is the iterations'.
    pub(super) fn read(&mut self, way: &Way, reader: &mut Reader<'_>, most: u64) -> u64 {
        let (cost, rounded) = (self.meter.cost(), self.meter.rounded);
        let mut done = 0;
        while done < most && self.read_once(way, reader) {
            done += 1;
        }
        self.meter.set_cost(cost);
        self.meter.rounded = rounded;
        self.meter.wanted = 0;
        done
    }

    fn read_once(&mut self, way: &Way, reader: &mut Reader<'_>) -> bool {
        let length = reader.numbers.len();
        let is_done = self.read_all(way, reader);
        if !is_done {
            reader.numbers.truncate(length);
        }
        is_done
    }

    fn read_all(&mut self, way: &Way, reader: &mut Reader<'_>) -> bool {
        let Reader {
            along,
            registers,
            numbers,
            kinds,
        } = reader;
        let mut sources = along.in_turn.iter().copied().peekable();
        let is_first = numbers.is_empty();
        for (index, op) in way
            .code
            .iter()
            .enumerate()
            .filter(|(nth, _)| along.is_in[*nth])
        {
            let a = *value_of(op.a, registers, &way.constants);
            let value = match op.what {
                What::Copy => a,
                What::One => {
                    self.be_at(op.at);
                    match self.primitive1(op.prim, a, op.site) {
                        Ok(value) => value,
                        Err(_) => return false,
                    }
                }
                test if !test.gives() => {
                    if !test.holds(&a) {
                        return false;
                    }
                    continue;
                }
                _ => {
                    let b = *value_of(op.b, registers, &way.constants);
                    self.be_at(op.at);
                    match self.primitive2(op.prim, a, b, op.site) {
                        Ok(value) => value,
                        Err(_) => return false,
                    }
                }
            };
            if sources.next_if_eq(&index).is_some() {
                let kind = (value.tag, value.node.is_some());
                let nth = numbers.len() % along.in_turn.len();
                if is_first {
                    kinds.truncate(nth);
                    kinds.push(kind);
                }
                if !value.is_number() || kinds[nth] != kind {
                    return false;
                }
                numbers.push(number(value));
            }
            registers[op.dst as usize] = value;
        }
        for &(to, from) in &along.moves {
            registers[to as usize] = *value_of(from, registers, &way.constants);
        }
        true
    }
}

/// Whether an operation may be one of those that go along structure.
fn goes_along(op: &Op) -> bool {
    match op.what {
        What::Copy
        | What::IsTrue
        | What::IsFalse
        | What::IsPair
        | What::IsNoPair
        | What::IsNull
        | What::IsNotNull
        // On counters.
        | What::Add
        | What::Sub
        | What::NumEq
        | What::Lt
        | What::Gt
        | What::Le
        | What::Ge => true,
        What::One | What::Two => {
            is_selector(op.prim) || matches!(op.prim, Prim::IsNull | Prim::IsPair)
        }
        _ => false,
    }
}

/// Whether a primitive gives what is in a list or a vector.
fn is_selector(prim: Prim) -> bool {
    prim.is_accessor() || prim == Prim::Ref
}
