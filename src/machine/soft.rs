//! Soft states: a distribution in each register and cell, over the lines, and a chance to have halted.
//!
//! A [`State`] of whole numbers goes in, its one-hot distributions come out, and back by the
//! likeliest numbers.
//!
//! **Invariants**
//! - All numbers lie in one vector: registers (r x b), memory (b x b, a row an address), line (p),
//!   halted, taken; this order is that of the kernel.

use super::oracle::State;
use super::program::Shape;

/// What a soft machine holds between two steps; the same form is that of cotangents.
#[derive(Clone, PartialEq, Debug)]
pub struct SoftState {
    shape: Shape,
    numbers: Vec<f64>,
}

/// The index of the first largest number.
pub(super) fn likeliest(distribution: &[f64]) -> usize {
    let mut best = 0;
    for (at, &p) in distribution.iter().enumerate() {
        if p > distribution[best] {
            best = at;
        }
    }
    best
}

impl SoftState {
    /// How many numbers a state of that shape has.
    pub(super) fn len(shape: Shape) -> usize {
        shape.registers * shape.base + shape.base * shape.base + shape.lines + 2
    }

    /// All zeros: no state, but the cotangent of nothing.
    pub fn zeros(shape: Shape) -> Self {
        let numbers = vec![0.0; Self::len(shape)];
        Self { shape, numbers }
    }

    /// The one-hot distributions of a state; numbers that are not there are taken modulo the shape.
    pub fn of(shape: Shape, state: &State) -> Self {
        let mut soft = Self::zeros(shape);
        let Shape {
            base,
            registers,
            lines,
        } = shape;
        let held = state.registers.iter().take(registers);
        let held = held.chain(std::iter::repeat_n(
            &0,
            registers - registers.min(state.registers.len()),
        ));
        for (row, number) in soft.numbers.chunks_exact_mut(base.max(1)).zip(held) {
            row[number % base] = 1.0;
        }
        let memory = soft.memory_mut();
        for (at, row) in memory.chunks_exact_mut(base.max(1)).enumerate() {
            row[state.memory.get(at).copied().unwrap_or(0) % base] = 1.0;
        }
        if lines > 0 {
            soft.line_mut()[state.line % lines] = 1.0;
        }
        soft.numbers[Self::len(shape) - 2] = f64::from(u8::from(state.halted));
        soft
    }

    /// The state of the likeliest numbers; it has halted where the chance is above one half.
    pub fn likeliest(&self) -> State {
        let rows = |numbers: &[f64]| {
            let rows = numbers.chunks_exact(self.shape.base.max(1));
            rows.map(likeliest).collect()
        };
        State {
            registers: rows(self.registers()),
            memory: rows(self.memory()),
            line: likeliest(self.line()),
            halted: self.halted() > 0.5,
        }
    }

    /// Its sizes.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// All numbers: registers, memory, line, halted, taken.
    pub fn numbers(&self) -> &[f64] {
        &self.numbers
    }

    /// All numbers, to be changed.
    pub fn numbers_mut(&mut self) -> &mut [f64] {
        &mut self.numbers
    }

    fn split(&self) -> (usize, usize, usize) {
        let registers = self.shape.registers * self.shape.base;
        let memory = registers + self.shape.base * self.shape.base;
        (registers, memory, memory + self.shape.lines)
    }

    /// The registers' distributions, r x b.
    pub fn registers(&self) -> &[f64] {
        &self.numbers[..self.split().0]
    }

    /// The registers' distributions, to be changed.
    pub fn registers_mut(&mut self) -> &mut [f64] {
        let end = self.split().0;
        &mut self.numbers[..end]
    }

    /// The cells' distributions, b x b: a row is an address.
    pub fn memory(&self) -> &[f64] {
        let (start, end, _) = self.split();
        &self.numbers[start..end]
    }

    /// The cells' distributions, to be changed.
    pub fn memory_mut(&mut self) -> &mut [f64] {
        let (start, end, _) = self.split();
        &mut self.numbers[start..end]
    }

    /// The distribution over the lines: which is next.
    pub fn line(&self) -> &[f64] {
        let (_, start, end) = self.split();
        &self.numbers[start..end]
    }

    /// The distribution over the lines, to be changed.
    pub fn line_mut(&mut self) -> &mut [f64] {
        let (_, start, end) = self.split();
        &mut self.numbers[start..end]
    }

    /// The chance to have halted.
    pub fn halted(&self) -> f64 {
        self.numbers[self.split().2]
    }

    /// The chance to have halted, to be changed.
    pub fn halted_mut(&mut self) -> &mut f64 {
        let at = self.split().2;
        &mut self.numbers[at]
    }

    /// How many steps were taken: the sum of the chances not to have halted before each.
    pub fn taken(&self) -> f64 {
        self.numbers[self.split().2 + 1]
    }

    /// How many steps were taken, to be changed.
    pub fn taken_mut(&mut self) -> &mut f64 {
        let at = self.split().2 + 1;
        &mut self.numbers[at]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_there_and_back() {
        let shape = Shape {
            base: 5,
            registers: 2,
            lines: 3,
        };
        let state = State {
            registers: vec![4, 0],
            memory: vec![1, 2, 3, 4, 0],
            line: 2,
            halted: true,
        };
        let soft = SoftState::of(shape, &state);
        assert_eq!(soft.likeliest(), state);
        assert_eq!(soft.numbers().iter().sum::<f64>(), 2.0 + 5.0 + 1.0 + 1.0);
        assert_eq!(soft.registers()[4], 1.0);
        assert_eq!(soft.memory()[1], 1.0);
        assert_eq!(soft.line(), [0.0, 0.0, 1.0]);
        assert_eq!((soft.halted(), soft.taken()), (1.0, 0.0));
    }
}
