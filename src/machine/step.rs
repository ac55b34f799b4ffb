//! One step of the soft machine on sixteen lanes, and its adjoint, written by hand.
//!
//! A record that begins with a state goes in; the state after the step and, in the record, what the
//! way back needs come out. Back, the cotangent of the state after becomes that of the state before,
//! and the cotangents of the controller's mixtures are left for the kernel to sum.
//!
//! With l the chances of the lines, the controller mixes its rows to f (instructions), r1, r2, r3 and
//! d (label). v1 = r1 R, v2 = r2 R, o the mixture of results, g the sum of f over the instructions
//! that have one, a the chance of being alive:
//!
//! ```text
//! R' = R + a r3 ⊗ (o - g R)             l' = l + a (n + j z (d - n) - l),  n_k = l_{k-1}
//! M' = M + a w v1 ⊗ (v2 - M)            h' = h + a f_halt
//! ```
//!
//! **Invariants**
//! - Where h is above 0.99, a is 0 and has no derivative, so the state stays as it is, to the bit.
//! - Of one-hot states all products are with 0 and 1, so the result is the integer machine's, exactly.
//! - The tables of add, sub and mod come from [`Instruction::result`]; max and min are sums over the
//!   pairs in another order.

#![allow(
    clippy::inline_always,
    reason = "compiled for several kinds of processor"
)]

use super::definition::{Definition, Destination, Halting, Mixture};
use super::instruction::Instruction;
use super::lanes::{LANES, Number, Vector, Wide, exp};
use super::program::Shape;
use super::soft::SoftState;
use super::weights::groups;

/// The chance above which a machine has stopped.
pub const STOPPED: f64 = 0.99;

const INSTRUCTIONS: usize = Instruction::ALL.len();

/// A machine laid out for stepping: sizes, places in a record, and tables.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    pub(super) shape: Shape,
    pub(super) definition: Definition,
    /// How many numbers a state has.
    pub(super) state: usize,
    /// How many mixtures the controller makes.
    pub(super) columns: usize,
    /// For `add` and `sub`, at b i + k: the j of which the result with i is k.
    add: Vec<u8>,
    sub: Vec<u8>,
    /// For `mod`, at b i + j: the result.
    modulo: Vec<u8>,
}

/// A record: the state, then mixtures, operands, results by instruction, their mixture, and a.
struct Record<'a, T> {
    registers: &'a mut [Wide<T>],
    memory: &'a mut [Wide<T>],
    line: &'a mut [Wide<T>],
    halted: &'a mut Wide<T>,
    taken: &'a mut Wide<T>,
    mixed: &'a mut [Wide<T>],
    first: &'a mut [Wide<T>],
    second: &'a mut [Wide<T>],
    result: &'a mut [Wide<T>],
    results: &'a mut [Wide<T>],
    alive: &'a mut Wide<T>,
}

/// Of the results that are kept by instruction, in this order.
const KEPT: [Instruction; 6] = [
    Instruction::Add,
    Instruction::Sub,
    Instruction::Max,
    Instruction::Min,
    Instruction::Mod,
    Instruction::Read,
];

impl Layout {
    pub(super) fn new(shape: Shape, definition: Definition) -> Self {
        let base = shape.base;
        // For each a, `result` goes through all numbers once as b does: the table is a permutation,
        // and what is kept is its inverse.
        let inverse = |one: Instruction| {
            let mut table = vec![0; base * base];
            for a in 0..base {
                for b in 0..base {
                    let result = one.result(base, a, b).unwrap_or(0);
                    table[base * a + result] = b as u8;
                }
            }
            table
        };
        let modulo = (0..base * base).map(|at| {
            Instruction::Mod
                .result(base, at / base, at % base)
                .unwrap_or(0) as u8
        });
        Self {
            shape,
            definition,
            state: SoftState::len(shape),
            columns: shape.columns(),
            add: inverse(Instruction::Add),
            sub: inverse(Instruction::Sub),
            modulo: modulo.collect(),
        }
    }

    /// How many numbers a record has.
    pub(super) fn record(&self) -> usize {
        self.state + self.columns + (3 + KEPT.len()) * self.shape.base + 1
    }

    fn parts<'a, T>(&self, record: &'a mut [Wide<T>]) -> Record<'a, T> {
        let Shape {
            base,
            registers,
            lines,
        } = self.shape;
        let (registers, rest) = record.split_at_mut(registers * base);
        let (memory, rest) = rest.split_at_mut(base * base);
        let (line, rest) = rest.split_at_mut(lines);
        let (halted, rest) = rest.split_first_mut().expect("a record is that long");
        let (taken, rest) = rest.split_first_mut().expect("a record is that long");
        let (mixed, rest) = rest.split_at_mut(self.columns);
        let (first, rest) = rest.split_at_mut(base);
        let (second, rest) = rest.split_at_mut(base);
        let (result, rest) = rest.split_at_mut(base);
        let (results, rest) = rest.split_at_mut(KEPT.len() * base);
        let alive = &mut rest[0];
        Record {
            registers,
            memory,
            line,
            halted,
            taken,
            mixed,
            first,
            second,
            result,
            results,
            alive,
        }
    }

    /// One step: fills the record behind its state, and writes the state after to `next`.
    #[inline(always)]
    pub(super) fn forward<V: Vector>(
        &self,
        controller: &[V::Number],
        record: &mut [Wide<V::Number>],
        next: &mut [Wide<V::Number>],
    ) {
        let Shape {
            base,
            registers,
            lines,
        } = self.shape;
        let at = self.parts(record);
        mix::<V>(controller, at.line, at.mixed);
        if self.definition.mixture == Mixture::Logits {
            for group in groups(self.shape) {
                softmax(&mut at.mixed[group]);
            }
        }
        let (f, operands) = at.mixed.split_at(INSTRUCTIONS);
        let (r1, operands) = operands.split_at(registers);
        let (r2, operands) = operands.split_at(registers);
        let (r3, label) = operands.split_at(registers);

        for v in 0..base {
            let (mut first, mut second) = (V::zero(), V::zero());
            for i in 0..registers {
                let number = V::load(&at.registers[i * base + v]);
                first = first + V::load(&r1[i]) * number;
                second = second + V::load(&r2[i]) * number;
            }
            first.store(&mut at.first[v]);
            second.store(&mut at.second[v]);
        }
        let (v1, v2) = (&*at.first, &*at.second);
        self.results::<V>(v1, v2, at.memory, at.results);

        let chance = |one: Instruction| V::load(&f[one as usize]);
        let (zero, inc, dec) = (
            chance(Instruction::Zero),
            chance(Instruction::Inc),
            chance(Instruction::Dec),
        );
        let kept = KEPT.map(chance);
        for v in 0..base {
            let before = if v == 0 { base - 1 } else { v - 1 };
            let after = if v + 1 == base { 0 } else { v + 1 };
            let mut result = inc * V::load(&v1[before]) + dec * V::load(&v1[after]);
            if v == 0 {
                result = result + zero;
            }
            for (at_one, &chance) in kept.iter().enumerate() {
                result = result + chance * V::load(&at.results[at_one * base + v]);
            }
            result.store(&mut at.result[v]);
        }

        // Alive until the chance to have halted is above the limit.
        let mut is_alive = Wide::splat(V::Number::default());
        for (alive, halted) in is_alive.0.iter_mut().zip(&at.halted.0) {
            let halted = halted.to_f64();
            if halted <= STOPPED {
                *alive = V::Number::from_f64(1.0 - halted);
            }
        }
        *at.alive = is_alive;
        let alive = V::load(at.alive);

        let (next_registers, next) = next.split_at_mut(registers * base);
        let (next_memory, next) = next.split_at_mut(base * base);
        let (next_line, next) = next.split_at_mut(lines);
        let has_result = kept
            .iter()
            .fold(zero + inc + dec, |sum, &chance| sum + chance);
        for i in 0..registers {
            let share = alive * V::load(&r3[i]);
            for v in 0..base {
                let old = V::load(&at.registers[i * base + v]);
                let new = old + share * (V::load(&at.result[v]) - has_result * old);
                new.store(&mut next_registers[i * base + v]);
            }
        }
        let written = alive * chance(Instruction::Write);
        for x in 0..base {
            let share = written * V::load(&v1[x]);
            for v in 0..base {
                let old = V::load(&at.memory[x * base + v]);
                let new = old + share * (V::load(&v2[v]) - old);
                new.store(&mut next_memory[x * base + v]);
            }
        }
        let jump = chance(Instruction::Jump) * V::load(&v1[self.definition.jumps_on()]);
        for (k, to) in next_line.iter_mut().enumerate() {
            let old = V::load(&at.line[k]);
            let following = V::load(&at.line[if k == 0 { lines - 1 } else { k - 1 }]);
            let destination = self.destination::<V>(label, v2, k);
            let new = old + alive * (following + jump * (destination - following) - old);
            new.store(to);
        }
        let halted = V::load(at.halted);
        match self.definition.halting {
            Halting::Sum => {
                (halted + alive * chance(Instruction::Halt)).store(&mut next[0]);
            }
            Halting::Max => {
                let halt = &f[Instruction::Halt as usize];
                next[0] = *at.halted;
                for (to, (&alive, &halt)) in
                    next[0].0.iter_mut().zip(at.alive.0.iter().zip(&halt.0))
                {
                    if alive > V::Number::default() && halt > *to {
                        *to = halt;
                    }
                }
            }
        }
        (V::load(at.taken) + alive).store(&mut next[1]);
    }

    /// The chance that a jump goes to line k.
    #[inline(always)]
    fn destination<V: Vector>(
        &self,
        label: &[Wide<V::Number>],
        v2: &[Wide<V::Number>],
        k: usize,
    ) -> V {
        match self.definition.destination {
            Destination::Label => V::load(&label[k]),
            Destination::Register => {
                let numbers = v2.iter().skip(k).step_by(self.shape.lines);
                numbers.fold(V::zero(), |sum, x| sum + V::load(x))
            }
        }
    }

    /// The distributions of what the instructions in [`KEPT`] give.
    #[inline(always)]
    fn results<V: Vector>(
        &self,
        v1: &[Wide<V::Number>],
        v2: &[Wide<V::Number>],
        memory: &[Wide<V::Number>],
        results: &mut [Wide<V::Number>],
    ) {
        let base = self.shape.base;
        let (add, rest) = results.split_at_mut(base);
        let (sub, rest) = rest.split_at_mut(base);
        let (max, rest) = rest.split_at_mut(base);
        let (min, rest) = rest.split_at_mut(base);
        let (modulo, read) = rest.split_at_mut(base);
        for k in 0..base {
            let (mut sum, mut difference, mut held) = (V::zero(), V::zero(), V::zero());
            for i in 0..base {
                let a = V::load(&v1[i]);
                sum = sum + a * V::load(&v2[self.add[base * i + k] as usize]);
                difference = difference + a * V::load(&v2[self.sub[base * i + k] as usize]);
                held = held + a * V::load(&memory[base * i + k]);
            }
            sum.store(&mut add[k]);
            difference.store(&mut sub[k]);
            held.store(&mut read[k]);
            V::zero().store(&mut modulo[k]);
        }
        for i in 0..base {
            let a = V::load(&v1[i]);
            for j in 0..base {
                let to = &mut modulo[self.modulo[base * i + j] as usize];
                (V::load(to) + a * V::load(&v2[j])).store(to);
            }
        }
        // k is the larger: a = k and b ≤ k, or b = k and a < k.
        let (mut below, mut up_to) = (V::zero(), V::zero());
        for k in 0..base {
            let (a, b) = (V::load(&v1[k]), V::load(&v2[k]));
            up_to = up_to + b;
            (a * up_to + b * below).store(&mut max[k]);
            below = below + a;
        }
        let (mut above, mut from) = (V::zero(), V::zero());
        for k in (0..base).rev() {
            let (a, b) = (V::load(&v1[k]), V::load(&v2[k]));
            from = from + b;
            (a * from + b * above).store(&mut min[k]);
            above = above + a;
        }
    }

    /// The way back through a step. `adjoint` is a state's cotangent, after the step and then before
    /// it; `by_mixed` becomes that of the controller's mixtures.
    #[inline(always)]
    pub(super) fn backward<V: Vector>(
        &self,
        controller: &[V::Number],
        record: &mut [Wide<V::Number>],
        adjoint: &mut [Wide<V::Number>],
        by_mixed: &mut [Wide<V::Number>],
        scratch: &mut [Wide<V::Number>],
    ) {
        let Shape {
            base,
            registers,
            lines,
        } = self.shape;
        let at = self.parts(record);
        let (v1, v2) = (&*at.first, &*at.second);
        let (f, operands) = at.mixed.split_at(INSTRUCTIONS);
        let (r1, operands) = operands.split_at(registers);
        let (r2, operands) = operands.split_at(registers);
        let (r3, label) = operands.split_at(registers);
        let chance = |one: Instruction| V::load(&f[one as usize]);
        let kept = KEPT.map(chance);
        let singles =
            chance(Instruction::Zero) + chance(Instruction::Inc) + chance(Instruction::Dec);
        let has_result = kept.iter().fold(singles, |sum, &chance| sum + chance);
        let alive = V::load(at.alive);

        let (ct_registers, rest) = adjoint.split_at_mut(registers * base);
        let (ct_memory, rest) = rest.split_at_mut(base * base);
        let (ct_line, rest) = rest.split_at_mut(lines);
        let (ct_halted, ct_taken) = rest.split_at_mut(1);
        let (by_f, by_operands) = by_mixed.split_at_mut(INSTRUCTIONS);
        let (by_r1, by_operands) = by_operands.split_at_mut(registers);
        let (by_r2, by_operands) = by_operands.split_at_mut(registers);
        let (by_r3, by_label) = by_operands.split_at_mut(registers);
        let (by_v1, rest) = scratch.split_at_mut(base);
        let (by_v2, rest) = rest.split_at_mut(base);
        let (by_result, old_line) = rest.split_at_mut(base);
        for x in by_v1.iter_mut().chain(&mut *by_v2).chain(&mut *by_result) {
            V::zero().store(x);
        }
        let mut by_alive = V::load(&ct_taken[0]);

        // Registers.
        let mut by_has_result = V::zero();
        for i in 0..registers {
            let r = V::load(&r3[i]);
            let share = alive * r;
            let stays = V::splat(V::Number::from_f64(1.0)) - share * has_result;
            let (mut with_result, mut with_old) = (V::zero(), V::zero());
            for v in 0..base {
                let ct = V::load(&ct_registers[i * base + v]);
                with_result = with_result + ct * V::load(&at.result[v]);
                with_old = with_old + ct * V::load(&at.registers[i * base + v]);
                (V::load(&by_result[v]) + share * ct).store(&mut by_result[v]);
                (ct * stays).store(&mut ct_registers[i * base + v]);
            }
            let by_share = with_result - has_result * with_old;
            (alive * by_share).store(&mut by_r3[i]);
            by_alive = by_alive + r * by_share;
            by_has_result = by_has_result - share * with_old;
        }

        // Memory, written and read.
        let write = chance(Instruction::Write);
        let read = chance(Instruction::Read);
        let written = alive * write;
        let (mut by_written, mut by_read) = (V::zero(), V::zero());
        for x in 0..base {
            let a = V::load(&v1[x]);
            let share = written * a;
            let stays = V::splat(V::Number::from_f64(1.0)) - share;
            let reads = read * a;
            let (mut change, mut held) = (V::zero(), V::zero());
            for v in 0..base {
                let cell = x * base + v;
                let (ct, old) = (V::load(&ct_memory[cell]), V::load(&at.memory[cell]));
                let result = V::load(&by_result[v]);
                change = change + ct * (V::load(&v2[v]) - old);
                held = held + result * old;
                (V::load(&by_v2[v]) + share * ct).store(&mut by_v2[v]);
                (ct * stays + reads * result).store(&mut ct_memory[cell]);
            }
            (written * change + read * held).store(&mut by_v1[x]);
            by_written = by_written + a * change;
            by_read = by_read + a * held;
        }
        by_alive = by_alive + write * by_written;
        V::zero().store(&mut by_f[Instruction::Noop as usize]);
        (alive * by_written).store(&mut by_f[Instruction::Write as usize]);
        (by_read + by_has_result).store(&mut by_f[Instruction::Read as usize]);

        self.back_through_results::<V>(&at, &*by_result, by_v1, by_v2, by_f, by_has_result);

        // Lines. What is written is read one place further on, so the old cotangent is kept.
        let jumps_on = self.definition.jumps_on();
        let (jump, on) = (chance(Instruction::Jump), V::load(&v1[jumps_on]));
        let taken = jump * on;
        let stays = V::splat(V::Number::from_f64(1.0)) - alive;
        let moves = alive * (V::splat(V::Number::from_f64(1.0)) - taken);
        let jumped = alive * taken;
        old_line[..lines].copy_from_slice(ct_line);
        let (mut by_move, mut by_taken) = (V::zero(), V::zero());
        for k in 0..lines {
            let ct = V::load(&old_line[k]);
            let old = V::load(&at.line[k]);
            let following = V::load(&at.line[if k == 0 { lines - 1 } else { k - 1 }]);
            let destination = self.destination::<V>(label, v2, k);
            by_move = by_move + ct * (following - old);
            by_taken = by_taken + ct * (destination - following);
            let after = V::load(&old_line[if k + 1 == lines { 0 } else { k + 1 }]);
            (stays * ct + moves * after).store(&mut ct_line[k]);
            match self.definition.destination {
                Destination::Label => (jumped * ct).store(&mut by_label[k]),
                Destination::Register => {
                    V::zero().store(&mut by_label[k]);
                    for to in by_v2.iter_mut().skip(k).step_by(lines) {
                        (V::load(to) + jumped * ct).store(to);
                    }
                }
            }
        }
        by_alive = by_alive + by_move + taken * by_taken;
        let by_taken = alive * by_taken;
        (on * by_taken).store(&mut by_f[Instruction::Jump as usize]);
        let to = &mut by_v1[jumps_on];
        (V::load(to) + jump * by_taken).store(to);

        // Halting.
        let halt = chance(Instruction::Halt);
        let ct = V::load(&ct_halted[0]);
        match self.definition.halting {
            Halting::Sum => {
                by_alive = by_alive + halt * ct;
                (alive * ct).store(&mut by_f[Instruction::Halt as usize]);
            }
            Halting::Max => {
                // At a tie, half to each side.
                let halt = &f[Instruction::Halt as usize];
                let share = halt.zip(at.halted, |halt, halted| {
                    f64::from(u8::from(halt > halted)) + 0.5 * f64::from(u8::from(halt == halted))
                });
                let share = share.zip(
                    at.alive,
                    |share, alive| if alive > 0.0 { share } else { 0.0 },
                );
                let passed = V::load(&share) * ct;
                passed.store(&mut by_f[Instruction::Halt as usize]);
                (ct - passed).store(&mut ct_halted[0]);
            }
        }
        // a = 1 - h where the machine is alive.
        let mut by_halted = Wide::splat(V::Number::default());
        by_alive.store(&mut by_halted);
        for (by, alive) in by_halted.0.iter_mut().zip(&at.alive.0) {
            // A chance of exactly 1 is beyond the limit, so an a of 0 is one that has stopped.
            if *alive <= V::Number::default() {
                *by = V::Number::default();
            }
        }
        (V::load(&ct_halted[0]) - V::load(&by_halted)).store(&mut ct_halted[0]);

        // Operands.
        for i in 0..registers {
            let (first, second) = (V::load(&r1[i]), V::load(&r2[i]));
            let (mut by_first, mut by_second) = (V::zero(), V::zero());
            for v in 0..base {
                let number = V::load(&at.registers[i * base + v]);
                let (a, b) = (V::load(&by_v1[v]), V::load(&by_v2[v]));
                by_first = by_first + a * number;
                by_second = by_second + b * number;
                let to = &mut ct_registers[i * base + v];
                (V::load(to) + (first * a + second * b)).store(to);
            }
            by_first.store(&mut by_r1[i]);
            by_second.store(&mut by_r2[i]);
        }

        // The controller.
        if self.definition.mixture == Mixture::Logits {
            for group in groups(self.shape) {
                back_through_softmax(&at.mixed[group.clone()], &mut by_mixed[group]);
            }
        }
        back_to_lines::<V>(controller, by_mixed, ct_line);
    }

    /// The way back through the results of instructions on two operands, and on one.
    #[inline(always)]
    fn back_through_results<V: Vector>(
        &self,
        at: &Record<'_, V::Number>,
        by_result: &[Wide<V::Number>],
        by_v1: &mut [Wide<V::Number>],
        by_v2: &mut [Wide<V::Number>],
        by_f: &mut [Wide<V::Number>],
        by_has_result: V,
    ) {
        let base = self.shape.base;
        let (v1, v2) = (&*at.first, &*at.second);
        let chance = |one: Instruction| V::load(&at.mixed[one as usize]);
        let (inc, dec) = (chance(Instruction::Inc), chance(Instruction::Dec));
        let (mut by_inc, mut by_dec) = (by_has_result, by_has_result);
        let mut by_kept = [by_has_result; 5];
        for v in 0..base {
            let before = if v == 0 { base - 1 } else { v - 1 };
            let after = if v + 1 == base { 0 } else { v + 1 };
            let ct = V::load(&by_result[v]);
            by_inc = by_inc + ct * V::load(&v1[before]);
            by_dec = by_dec + ct * V::load(&v1[after]);
            let (up, down) = (V::load(&by_result[after]), V::load(&by_result[before]));
            (V::load(&by_v1[v]) + (inc * up + dec * down)).store(&mut by_v1[v]);
            for (one, by) in by_kept.iter_mut().enumerate() {
                *by = *by + ct * V::load(&at.results[one * base + v]);
            }
        }
        (by_has_result + V::load(&by_result[0])).store(&mut by_f[Instruction::Zero as usize]);
        by_inc.store(&mut by_f[Instruction::Inc as usize]);
        by_dec.store(&mut by_f[Instruction::Dec as usize]);
        for (one, by) in KEPT.into_iter().zip(by_kept) {
            by.store(&mut by_f[one as usize]);
        }

        let (add, sub, modulo) = (
            chance(Instruction::Add),
            chance(Instruction::Sub),
            chance(Instruction::Mod),
        );
        // For each pair of numbers what its chance is worth: of (i, j) that is the cotangent of its
        // results, by way of j for `mod` and of the result for the permutations.
        for i in 0..base {
            let a = V::load(&v1[i]);
            let (mut by_a, row) = (V::load(&by_v1[i]), base * i..base * (i + 1));
            let (adds, subs) = (&self.add[row.clone()], &self.sub[row.clone()]);
            for (k, (&to_add, &to_sub)) in adds.iter().zip(subs).enumerate() {
                let ct = V::load(&by_result[k]);
                let (of_add, of_sub) = (add * ct, sub * ct);
                let to = &mut by_v2[to_add as usize];
                (V::load(to) + a * of_add).store(to);
                let to = &mut by_v2[to_sub as usize];
                (V::load(to) + a * of_sub).store(to);
                by_a = by_a
                    + (of_add * V::load(&v2[to_add as usize])
                        + of_sub * V::load(&v2[to_sub as usize]));
            }
            for (j, &k) in self.modulo[row].iter().enumerate() {
                let worth = modulo * V::load(&by_result[k as usize]);
                by_a = by_a + worth * V::load(&v2[j]);
                (V::load(&by_v2[j]) + a * worth).store(&mut by_v2[j]);
            }
            by_a.store(&mut by_v1[i]);
        }

        // max: of a = k and b ≤ k, and of b = k and a < k; min the other way round.
        let (max, min) = (chance(Instruction::Max), chance(Instruction::Min));
        let zero = V::zero();
        let (mut below, mut up_to, mut mins_with_a, mut mins_with_b) = (zero, zero, zero, zero);
        for k in 0..base {
            let (a, b, ct) = (V::load(&v1[k]), V::load(&v2[k]), V::load(&by_result[k]));
            let (largest, smallest) = (max * ct, min * ct);
            up_to = up_to + b;
            mins_with_a = mins_with_a + smallest * a;
            let by_a = largest * up_to + mins_with_b;
            let by_b = largest * below + mins_with_a;
            (V::load(&by_v1[k]) + by_a).store(&mut by_v1[k]);
            (V::load(&by_v2[k]) + by_b).store(&mut by_v2[k]);
            below = below + a;
            mins_with_b = mins_with_b + smallest * b;
        }
        let (mut above, mut from, mut maxes_with_a, mut maxes_with_b) = (zero, zero, zero, zero);
        for k in (0..base).rev() {
            let (a, b, ct) = (V::load(&v1[k]), V::load(&v2[k]), V::load(&by_result[k]));
            let (largest, smallest) = (max * ct, min * ct);
            from = from + b;
            maxes_with_a = maxes_with_a + largest * a;
            let by_a = smallest * from + maxes_with_b;
            let by_b = smallest * above + maxes_with_a;
            (V::load(&by_v1[k]) + by_a).store(&mut by_v1[k]);
            (V::load(&by_v2[k]) + by_b).store(&mut by_v2[k]);
            above = above + a;
            maxes_with_b = maxes_with_b + largest * b;
        }
    }
}

/// The controller's rows mixed by the chances of the lines: mixed = Pᵀ l.
#[inline(always)]
fn mix<V: Vector>(
    controller: &[V::Number],
    line: &[Wide<V::Number>],
    mixed: &mut [Wide<V::Number>],
) {
    /// Columns at once: as many sums as fit into registers.
    const BLOCK: usize = 8;
    let columns = mixed.len();
    let mut blocks = mixed.chunks_exact_mut(BLOCK);
    let mut at = 0;
    for block in &mut blocks {
        let mut sums = [V::zero(); BLOCK];
        for (chance, row) in line.iter().zip(controller.chunks_exact(columns)) {
            let chance = V::load(chance);
            for (sum, &weight) in sums.iter_mut().zip(&row[at..at + BLOCK]) {
                *sum = *sum + chance * V::splat(weight);
            }
        }
        for (sum, to) in sums.into_iter().zip(block) {
            sum.store(to);
        }
        at += BLOCK;
    }
    for to in blocks.into_remainder() {
        let mut sum = V::zero();
        for (chance, row) in line.iter().zip(controller.chunks_exact(columns)) {
            sum = sum + V::load(chance) * V::splat(row[at]);
        }
        sum.store(to);
        at += 1;
    }
}

/// The cotangents of the lines' chances, added to: P times those of the mixtures.
#[inline(always)]
fn back_to_lines<V: Vector>(
    controller: &[V::Number],
    by_mixed: &[Wide<V::Number>],
    ct_line: &mut [Wide<V::Number>],
) {
    /// Lines at once.
    const BLOCK: usize = 4;
    let columns = by_mixed.len();
    let mut blocks = ct_line.chunks_exact_mut(BLOCK);
    let mut rows = controller.chunks_exact(columns);
    for block in &mut blocks {
        let rows: [&[V::Number]; BLOCK] =
            std::array::from_fn(|_| rows.next().expect("a row for each line"));
        let mut sums = [V::zero(); BLOCK];
        for (k, by) in by_mixed.iter().enumerate() {
            let by = V::load(by);
            for (sum, row) in sums.iter_mut().zip(rows) {
                *sum = *sum + by * V::splat(row[k]);
            }
        }
        for (sum, to) in sums.into_iter().zip(block) {
            (V::load(to) + sum).store(to);
        }
    }
    for (to, row) in blocks.into_remainder().iter_mut().zip(rows) {
        let mut sum = V::zero();
        for (by, &weight) in by_mixed.iter().zip(row) {
            sum = sum + V::load(by) * V::splat(weight);
        }
        (V::load(to) + sum).store(to);
    }
}

/// The gradient by the controller, added to, of all steps of a chunk: one product of matrices,
/// summed over steps and lanes.
#[inline(always)]
pub(super) fn gradient<V: Vector>(
    lines: &[Wide<V::Number>],
    by_mixed: &[Wide<V::Number>],
    sizes: (usize, usize),
    gradient: &mut [f64],
) {
    const ROWS: usize = 2;
    const COLUMNS: usize = 4;
    let (p, columns) = sizes;
    let mut row = 0;
    while row < p {
        let mut column = 0;
        while column < columns {
            // At the edges fewer are summed than there are sums.
            let high = ROWS.min(p - row);
            let wide = COLUMNS.min(columns - column);
            let mut sums = [[V::zero(); COLUMNS]; ROWS];
            let steps = lines.chunks_exact(p).zip(by_mixed.chunks_exact(columns));
            if (high, wide) == (ROWS, COLUMNS) {
                for (line, by) in steps {
                    let (line, by) = (&line[row..row + ROWS], &by[column..column + COLUMNS]);
                    let by: [V; COLUMNS] = std::array::from_fn(|c| V::load(&by[c]));
                    for (sums, line) in sums.iter_mut().zip(line) {
                        let chance = V::load(line);
                        for (sum, by) in sums.iter_mut().zip(by) {
                            *sum = *sum + chance * by;
                        }
                    }
                }
            } else {
                for (line, by) in steps {
                    for (sums, line) in sums.iter_mut().zip(&line[row..row + high]) {
                        let chance = V::load(line);
                        for (sum, by) in sums.iter_mut().zip(&by[column..column + wide]) {
                            *sum = *sum + chance * V::load(by);
                        }
                    }
                }
            }
            for (r, sums) in sums.into_iter().take(high).enumerate() {
                for (c, sum) in sums.into_iter().take(wide).enumerate() {
                    let mut lanes = Wide::splat(V::Number::default());
                    sum.store(&mut lanes);
                    gradient[(row + r) * columns + column + c] += lanes.sum();
                }
            }
            column += COLUMNS;
        }
        row += ROWS;
    }
}

/// The softmax of a group of mixtures, lane by lane.
fn softmax<T: Number>(group: &mut [Wide<T>]) {
    let most = group[1..]
        .iter()
        .fold(group[0], |most, x| most.zip(x, f64::max));
    let mut sum = Wide::splat(T::default());
    for x in &mut *group {
        *x = exp(&x.zip(&most, |x, most| x - most));
        sum = sum.zip(x, |sum, x| sum + x);
    }
    for x in group {
        *x = x.zip(&sum, |x, sum| x / sum);
    }
}

/// Cotangents of a softmax's results become those of what it is of: p (d - Σ p d).
fn back_through_softmax<T: Number>(results: &[Wide<T>], by: &mut [Wide<T>]) {
    let mut mean = [0.0; LANES];
    for (p, d) in results.iter().zip(&*by) {
        for (mean, (p, d)) in mean.iter_mut().zip(p.0.iter().zip(&d.0)) {
            *mean += p.to_f64() * d.to_f64();
        }
    }
    for (p, d) in results.iter().zip(by) {
        for ((p, d), mean) in p.0.iter().zip(&mut d.0).zip(mean) {
            *d = T::from_f64(p.to_f64() * (d.to_f64() - mean));
        }
    }
}
