//! Soft libraries: states forwards, gradients by weights and states backwards, a lane at a time.
//!
//! Weights, the same for all lanes or its own for each, starting states and a number of steps go in; the
//! last states come out, or, for what the caller makes of them, gradients.
//!
//! To the machine's step (`machine/step.rs`, whose letters these are) come, with n the line behind, ñ its
//! number as a distribution, c the number of `set`, and t(v) the line that a number names:
//!
//! ```text
//! o  gets  f_set c + f_copy v1 + (f_store + f_call) ñ
//! l' gets  f_call (d - n) + f_return (t(v1) - n) + f_goto z (t(v2) - n),   z = v1 at 0
//! ```
//!
//! **Invariants**
//! - Of one-hot weights and states it is the integer machine, to the bit; of weights that use the
//!   machine's instructions alone it is the machine's kernel, to rounding.
//! - A lane's numbers depend on no other lane; sums over lanes are in their order, on any number of
//!   threads.

use super::code::{LibraryError, OPERATIONS, Operation};
use super::frozen::{pair, pair_back};
use super::weights::{CodeWeights, columns, groups};
use crate::machine::instruction::Instruction;
use crate::machine::kernel::{Cotangent, Pulled};
use crate::machine::program::{ProgramError, Shape};
use crate::machine::soft::SoftState;
use crate::machine::step::STOPPED;
use crate::threads::{Threads, in_tasks};

/// The most bytes that the states of a lane may take on their way.
const MOST_BYTES: usize = 1 << 30;

/// The instructions of two operands, whose results are mixed pair by pair.
const PAIRS: [Instruction; 5] = [
    Instruction::Add,
    Instruction::Sub,
    Instruction::Max,
    Instruction::Min,
    Instruction::Mod,
];

/// A step's mixtures and operands.
struct Mixed {
    columns: Vec<f64>,
    v1: Vec<f64>,
    v2: Vec<f64>,
    result: Vec<f64>,
    has_result: f64,
    /// The chances of the line behind.
    behind: Vec<f64>,
    alive: f64,
}

/// The chance of an operation among mixtures.
fn chance(mixed: &[f64], one: Operation) -> f64 {
    mixed[one.column()]
}

fn core(mixed: &[f64], one: Instruction) -> f64 {
    mixed[one as usize]
}

/// Runs states through so many steps.
///
/// # Errors
/// States or weights of another shape; another number of weights than one or that of the states.
pub fn run(
    weights: &[CodeWeights],
    starts: &[SoftState],
    steps: usize,
    threads: &Threads,
) -> Result<Vec<SoftState>, LibraryError> {
    check(weights, starts, 1)?;
    let probabilities: Vec<Vec<f64>> = weights.iter().map(CodeWeights::probabilities).collect();
    let tasks: Vec<_> = starts.iter().enumerate().collect();
    let ends = in_tasks(
        tasks,
        threads,
        &mut Vec::new(),
        &|(lane, start), (): &mut ()| {
            let shape = start.shape();
            let own = &probabilities[if probabilities.len() > 1 { lane } else { 0 }];
            let mut state = start.clone();
            for _ in 0..steps {
                let mixed = mix(shape, own, &state);
                state = forward(shape, &mixed, &state);
            }
            state
        },
    );
    Ok(ends)
}

/// The sum over lanes of what `cotangent` makes of their last states, and its gradients: by the weights,
/// those of each set after the other, and by the starting states.
///
/// # Errors
/// As [`run`]; more steps than fit into a gigabyte.
pub fn pull_back(
    weights: &[CodeWeights],
    starts: &[SoftState],
    steps: usize,
    cotangent: &Cotangent<'_>,
    threads: &Threads,
) -> Result<Pulled, LibraryError> {
    check(weights, starts, steps.saturating_add(1))?;
    let probabilities: Vec<Vec<f64>> = weights.iter().map(CodeWeights::probabilities).collect();
    let Some(shape) = weights.first().map(CodeWeights::shape) else {
        return Ok(Pulled {
            value: 0.0,
            weights: Vec::new(),
            starts: Vec::new(),
        });
    };
    let size = shape.lines * columns(shape);
    let mut pulled = Pulled {
        value: 0.0,
        weights: vec![0.0; weights.len() * size],
        starts: Vec::with_capacity(starts.len()),
    };
    // A lane's gradient is as large as the weights: no more are kept than threads work on.
    for (wave, starts) in starts.chunks(64).enumerate() {
        let tasks: Vec<_> = starts.iter().enumerate().collect();
        let parts = in_tasks(
            tasks,
            threads,
            &mut Vec::new(),
            &|(lane, start), (): &mut ()| {
                let lane = 64 * wave + lane;
                let which = if probabilities.len() > 1 { lane } else { 0 };
                let mut by_weights = vec![0.0; size];
                let mut states = vec![start.clone()];
                for step in 0..steps {
                    let mixed = mix(shape, &probabilities[which], &states[step]);
                    states.push(forward(shape, &mixed, &states[step]));
                }
                let mut by = SoftState::zeros(shape);
                let value = cotangent(lane, &states[steps], &mut by);
                for state in states[..steps].iter().rev() {
                    let own = &probabilities[which];
                    let mixed = mix(shape, own, state);
                    by = backward(shape, own, &mixed, state, &by, &mut by_weights);
                }
                (which, value, by_weights, by)
            },
        );
        for (which, value, by_weights, by) in parts {
            pulled.value += value;
            let own = &mut pulled.weights[which * size..(which + 1) * size];
            for (sum, part) in own.iter_mut().zip(&by_weights) {
                *sum += part;
            }
            pulled.starts.push(by);
        }
    }
    for (own, probabilities) in pulled.weights.chunks_exact_mut(size).zip(&probabilities) {
        CodeWeights::through_softmax(shape, probabilities, own);
    }
    Ok(pulled)
}

fn check(
    weights: &[CodeWeights],
    starts: &[SoftState],
    records: usize,
) -> Result<(), LibraryError> {
    if weights.len() != 1 && weights.len() != starts.len() {
        return Err(LibraryError::Range {
            what: "a number of sets of weights",
            found: weights.len().to_string(),
            wanted: format!("1, or {} as there are states", starts.len()),
        });
    }
    let Some(wanted) = weights.first().map(CodeWeights::shape) else {
        return Ok(());
    };
    let shapes = weights.iter().map(CodeWeights::shape);
    for found in shapes.chain(starts.iter().map(SoftState::shape)) {
        if found != wanted {
            return Err(ProgramError::Shape { found, wanted }.into());
        }
    }
    let record = size_of_val(SoftState::zeros(wanted).numbers());
    if records.saturating_mul(record) > MOST_BYTES {
        let (steps, most) = (records - 1, (MOST_BYTES / record).saturating_sub(1));
        return Err(ProgramError::Steps { steps, most }.into());
    }
    Ok(())
}

/// Mixes the lines, reads the operands and makes the mixture of results.
fn mix(shape: Shape, probabilities: &[f64], state: &SoftState) -> Mixed {
    let Shape { base, lines, .. } = shape;
    let width = columns(shape);
    let mut mixed = vec![0.0; width];
    for (&l, row) in state.line().iter().zip(probabilities.chunks_exact(width)) {
        if l != 0.0 {
            for (to, p) in mixed.iter_mut().zip(row) {
                *to += l * p;
            }
        }
    }
    let [_, first, second, _, _, number] = groups(shape);
    let read = |shares: &[f64]| {
        let mut v = vec![0.0; base];
        for (share, register) in shares.iter().zip(state.registers().chunks_exact(base)) {
            if *share != 0.0 {
                for (to, p) in v.iter_mut().zip(register) {
                    *to += share * p;
                }
            }
        }
        v
    };
    let (v1, v2) = (read(&mixed[first]), read(&mixed[second]));
    let line = state.line();
    let mut behind = line.to_vec();
    behind.rotate_right(1);

    let f = |one: Instruction| core(&mixed, one);
    let mut result = vec![0.0; base];
    result[0] += f(Instruction::Zero);
    let (inc, dec, copy) = (
        f(Instruction::Inc),
        f(Instruction::Dec),
        chance(&mixed, Operation::Copy),
    );
    for n in 0..base {
        let (before, after) = ((n + base - 1) % base, (n + 1) % base);
        result[n] += inc * v1[before] + dec * v1[after] + copy * v1[n];
    }
    let set = chance(&mixed, Operation::Set);
    for (to, c) in result.iter_mut().zip(&mixed[number]) {
        *to += set * c;
    }
    let store = chance(&mixed, Operation::Store) + chance(&mixed, Operation::Call);
    if store != 0.0 {
        for (k, p) in behind.iter().enumerate() {
            result[k % base] += store * p;
        }
    }
    let mut has_result = f(Instruction::Zero) + inc + dec + copy + set + store;
    let mut kept = vec![0.0; base];
    for one in PAIRS {
        let f = f(one);
        has_result += f;
        if f != 0.0 {
            kept.fill(0.0);
            pair(one, &v1, &v2, &mut kept);
            for (to, p) in result.iter_mut().zip(&kept) {
                *to += f * p;
            }
        }
    }
    let reads = f(Instruction::Read);
    has_result += reads;
    if reads != 0.0 {
        for (p, cell) in v1.iter().zip(state.memory().chunks_exact(base)) {
            for (to, q) in result.iter_mut().zip(cell) {
                *to += reads * (p * q);
            }
        }
    }
    debug_assert_eq!(line.len(), lines);
    let halted = state.halted();
    let alive = if halted <= STOPPED { 1.0 - halted } else { 0.0 };
    Mixed {
        columns: mixed,
        v1,
        v2,
        result,
        has_result,
        behind,
        alive,
    }
}

/// The chance that a number names each line.
fn named(shape: Shape, v: &[f64]) -> Vec<f64> {
    let mut lines = vec![0.0; shape.lines];
    for (n, p) in v.iter().enumerate() {
        lines[n % shape.lines] += p;
    }
    lines
}

fn forward(shape: Shape, at: &Mixed, state: &SoftState) -> SoftState {
    let base = shape.base;
    let [_, _, _, third, label, _] = groups(shape);
    let mut next = state.clone();
    let alive = at.alive;
    for (r, register) in at.columns[third]
        .iter()
        .zip(next.registers_mut().chunks_exact_mut(base))
    {
        let share = alive * r;
        if share != 0.0 {
            for (to, o) in register.iter_mut().zip(&at.result) {
                *to += share * (o - at.has_result * *to);
            }
        }
    }
    let written = alive * core(&at.columns, Instruction::Write);
    if written != 0.0 {
        for (p, cell) in at.v1.iter().zip(next.memory_mut().chunks_exact_mut(base)) {
            let share = written * p;
            if share != 0.0 {
                for (to, q) in cell.iter_mut().zip(&at.v2) {
                    *to += share * (q - *to);
                }
            }
        }
    }
    let (jump, call, back, goto) = ways(at);
    let (first, second) = (named(shape, &at.v1), named(shape, &at.v2));
    for (k, (to, d)) in next
        .line_mut()
        .iter_mut()
        .zip(&at.columns[label])
        .enumerate()
    {
        let n = at.behind[k];
        let goes = n + (jump + call) * (d - n) + back * (first[k] - n) + goto * (second[k] - n);
        *to += alive * (goes - *to);
    }
    *next.halted_mut() += alive * core(&at.columns, Instruction::Halt);
    *next.taken_mut() += alive;
    next
}

/// The chances to go to the label by a jump, by a call, to a's line and to b's.
fn ways(at: &Mixed) -> (f64, f64, f64, f64) {
    let zero = at.v1[0];
    (
        core(&at.columns, Instruction::Jump) * zero,
        chance(&at.columns, Operation::Call),
        chance(&at.columns, Operation::Return),
        chance(&at.columns, Operation::Goto) * zero,
    )
}

/// The way back through a step: the cotangent of the state before, of that of the state after. What the
/// probabilities' comes to is added.
fn backward(
    shape: Shape,
    probabilities: &[f64],
    at: &Mixed,
    state: &SoftState,
    after: &SoftState,
    by_weights: &mut [f64],
) -> SoftState {
    let Shape { base, lines, .. } = shape;
    let [_, first, second, third, label, number] = groups(shape);
    let mut before = after.clone();
    let mut by_mixed = vec![0.0; at.columns.len()];
    let (mut by_v1, mut by_v2) = (vec![0.0; base], vec![0.0; base]);
    let mut by_result = vec![0.0; base];
    let mut by_behind = vec![0.0; lines];
    let (alive, mut by_alive) = (at.alive, after.taken());
    let mut by_has_result = 0.0;

    // Registers.
    let registers = state.registers().chunks_exact(base);
    let cts = after.registers().chunks_exact(base);
    let befores = before.registers_mut().chunks_exact_mut(base);
    for (i, ((old, ct), to)) in registers.zip(cts).zip(befores).enumerate() {
        let r = at.columns[third.start + i];
        let share = alive * r;
        let (mut with_result, mut with_old) = (0.0, 0.0);
        for v in 0..base {
            with_result += ct[v] * at.result[v];
            with_old += ct[v] * old[v];
            by_result[v] += share * ct[v];
            to[v] = ct[v] * (1.0 - share * at.has_result);
        }
        let by_share = with_result - at.has_result * with_old;
        by_has_result -= share * with_old;
        by_mixed[third.start + i] += alive * by_share;
        by_alive += r * by_share;
    }
    // Memory.
    let write = core(&at.columns, Instruction::Write);
    let cells = state.memory().chunks_exact(base);
    let cts = after.memory().chunks_exact(base);
    let befores = before.memory_mut().chunks_exact_mut(base);
    let mut by_written = 0.0;
    for (x, ((old, ct), to)) in cells.zip(cts).zip(befores).enumerate() {
        let share = alive * write * at.v1[x];
        let mut by_share = 0.0;
        for v in 0..base {
            by_share += ct[v] * (at.v2[v] - old[v]);
            by_v2[v] += share * ct[v];
            to[v] = ct[v] * (1.0 - share);
        }
        by_v1[x] += alive * write * by_share;
        by_written += at.v1[x] * by_share;
    }
    by_mixed[Instruction::Write as usize] += alive * by_written;
    by_alive += write * by_written;

    // The line.
    let (jump, call, back, goto) = ways(at);
    let (to_first, to_second) = (named(shape, &at.v1), named(shape, &at.v2));
    let (mut by_label, mut by_back, mut by_goto) = (0.0, 0.0, 0.0);
    let cts = after.line();
    for (k, &ct) in cts.iter().enumerate() {
        let (n, d) = (at.behind[k], at.columns[label.start + k]);
        let goes =
            n + (jump + call) * (d - n) + back * (to_first[k] - n) + goto * (to_second[k] - n);
        by_alive += ct * (goes - state.line()[k]);
        by_label += alive * ct * (d - n);
        by_back += alive * ct * (to_first[k] - n);
        by_goto += alive * ct * (to_second[k] - n);
        by_behind[k] += alive * ct * (1.0 - jump - call - back - goto);
        by_mixed[label.start + k] += alive * ct * (jump + call);
    }
    for v in 0..base {
        let ct = alive * cts[v % lines];
        by_v1[v] += back * ct;
        by_v2[v] += goto * ct;
    }
    for (to, ct) in before.line_mut().iter_mut().zip(cts) {
        *to = (1.0 - alive) * ct;
    }
    let zero = at.v1[0];
    let goes_by_goto = chance(&at.columns, Operation::Goto);
    by_v1[0] += core(&at.columns, Instruction::Jump) * by_label + goes_by_goto * by_goto;
    by_mixed[Instruction::Jump as usize] += zero * by_label;
    by_mixed[Operation::Call.column()] += by_label;
    by_mixed[Operation::Return.column()] += by_back;
    by_mixed[Operation::Goto.column()] += zero * by_goto;

    // Halting, and being alive.
    let ct = after.halted();
    by_mixed[Instruction::Halt as usize] += alive * ct;
    by_alive += core(&at.columns, Instruction::Halt) * ct;
    *before.halted_mut() = ct - if alive > 0.0 { by_alive } else { 0.0 };

    // Results.
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let core_f = |one: Instruction| core(&at.columns, one);
    let mut by_f = [0.0; OPERATIONS];
    by_f[Instruction::Zero as usize] = by_result[0];
    let (inc, dec) = (core_f(Instruction::Inc), core_f(Instruction::Dec));
    let copy = chance(&at.columns, Operation::Copy);
    for n in 0..base {
        let (less, more) = ((n + base - 1) % base, (n + 1) % base);
        by_f[Instruction::Inc as usize] += by_result[n] * at.v1[less];
        by_f[Instruction::Dec as usize] += by_result[n] * at.v1[more];
        by_v1[less] += inc * by_result[n];
        by_v1[more] += dec * by_result[n];
        by_v1[n] += copy * by_result[n];
    }
    by_f[Operation::Copy.column()] = dot(&by_result, &at.v1);
    by_f[Operation::Set.column()] = dot(&by_result, &at.columns[number.clone()]);
    let set = chance(&at.columns, Operation::Set);
    for (to, ct) in by_mixed[number].iter_mut().zip(&by_result) {
        *to += set * ct;
    }
    let stores = chance(&at.columns, Operation::Store) + chance(&at.columns, Operation::Call);
    let mut stored = 0.0;
    for (k, by) in by_behind.iter_mut().enumerate() {
        stored += by_result[k % base] * at.behind[k];
        *by += stores * by_result[k % base];
    }
    by_f[Operation::Store.column()] = stored;
    by_f[Operation::Call.column()] = stored;
    let (mut by_a, mut by_b) = (vec![0.0; base], vec![0.0; base]);
    for one in PAIRS {
        by_a.fill(0.0);
        by_b.fill(0.0);
        pair_back(one, [&at.v1, &at.v2], &by_result, &mut by_a, &mut by_b);
        // The result is linear in either operand.
        by_f[one as usize] = dot(&by_a, &at.v1);
        let f = core_f(one);
        for v in 0..base {
            by_v1[v] += f * by_a[v];
            by_v2[v] += f * by_b[v];
        }
    }
    let reads = core_f(Instruction::Read);
    let cells = state.memory().chunks_exact(base);
    let befores = before.memory_mut().chunks_exact_mut(base);
    for (x, (cell, to)) in cells.zip(befores).enumerate() {
        let held = dot(cell, &by_result);
        by_f[Instruction::Read as usize] += at.v1[x] * held;
        by_v1[x] += reads * held;
        let share = reads * at.v1[x];
        for (to, ct) in to.iter_mut().zip(&by_result) {
            *to += share * ct;
        }
    }
    for (column, by) in by_f.into_iter().enumerate() {
        by_mixed[column] += by;
        let gives = match Operation::ALL[column] {
            Operation::Core(one) => one.has_result(),
            Operation::Return | Operation::Goto => false,
            _ => true,
        };
        if gives {
            by_mixed[column] += by_has_result;
        }
    }

    // Operands.
    let registers = state.registers().chunks_exact(base);
    let befores = before.registers_mut().chunks_exact_mut(base);
    for (i, (held, to)) in registers.zip(befores).enumerate() {
        by_mixed[first.start + i] += dot(&by_v1, held);
        by_mixed[second.start + i] += dot(&by_v2, held);
        let (r1, r2) = (at.columns[first.start + i], at.columns[second.start + i]);
        for v in 0..base {
            to[v] += r1 * by_v1[v] + r2 * by_v2[v];
        }
    }
    // Mixtures, and the line behind.
    by_behind.rotate_left(1);
    let width = columns(shape);
    let rows = probabilities.chunks_exact(width);
    let by_rows = by_weights.chunks_exact_mut(width);
    let befores = before.line_mut().iter_mut();
    for (k, ((to, row), by_row)) in befores.zip(rows).zip(by_rows).enumerate() {
        *to += dot(&by_mixed, row) + by_behind[k];
        let l = state.line()[k];
        if l != 0.0 {
            for (to, ct) in by_row.iter_mut().zip(&by_mixed) {
                *to += l * ct;
            }
        }
    }
    before
}
