//! What is wanted of a machine's last state, and what it costs to miss it.
//!
//! A last state and what is wanted of it go in; the loss comes out, with its derivatives:
//!
//! ```text
//! Σ -log(q + floor)  +  efficiency · taken  +  confidence · (1 - h)
//! ```
//!
//! over the cells and registers asked for, q being the chance of the number that is wanted there,
//! taken the sum over steps of the chance not to have halted before, h that of having halted.
//!
//! **Invariants**
//! - What nobody asks for has no derivative.

use super::oracle::State;
use super::soft::SoftState;

/// The numbers that are wanted of a last state; none where anything will do.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Wanted {
    /// Of memory, by address; what is beyond the end is not asked for.
    pub memory: Vec<Option<usize>>,
    /// Of the registers.
    pub registers: Vec<Option<usize>>,
}

/// Where a machine starts, and what is wanted of it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Example {
    /// The state before the first step.
    pub start: State,
    /// What is wanted after the last.
    pub wanted: Wanted,
}

/// What missing costs.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Loss {
    /// What is added to chances before their logarithm is taken: 0 is cross-entropy, and with 0.1 a
    /// chance that is small already costs little more where it is smaller still.
    pub floor: f64,
    /// What a step costs that is taken.
    pub efficiency: f64,
    /// What not having halted costs at the end.
    pub confidence: f64,
}

impl Default for Loss {
    /// The floor 0.1, and nothing for steps and halting.
    fn default() -> Self {
        Self {
            floor: 0.1,
            efficiency: 0.0,
            confidence: 0.0,
        }
    }
}

impl Wanted {
    /// How many numbers are as wanted, and how many are asked for.
    pub fn right(&self, state: &State) -> (usize, usize) {
        let pairs = [
            (&self.memory, &state.memory),
            (&self.registers, &state.registers),
        ];
        let mut counts = (0, 0);
        for (wanted, held) in pairs {
            for (at, wanted) in wanted.iter().enumerate() {
                if let Some(wanted) = wanted {
                    counts.1 += 1;
                    counts.0 += usize::from(held.get(at) == Some(wanted));
                }
            }
        }
        counts
    }

    /// Whether all numbers that are asked for are as wanted.
    pub fn holds(&self, state: &State) -> bool {
        let (right, asked) = self.right(state);
        right == asked
    }
}

impl Loss {
    /// The loss of a last state; its derivatives are added to `by`. A number that is wanted where the
    /// machine has no place or value for it has the chance 0 whatever happens.
    pub fn of(&self, wanted: &Wanted, end: &SoftState, by: &mut SoftState) -> f64 {
        let base = end.shape().base;
        let mut loss = 0.0;
        let mut part = |wanted: &[Option<usize>], held: &[f64], by: &mut [f64]| {
            let rows = held.chunks_exact(base).zip(by.chunks_exact_mut(base));
            let mut rows = rows.map(Some).chain(std::iter::repeat_with(|| None));
            for wanted in wanted {
                let row = rows.next().flatten();
                let Some(number) = *wanted else { continue };
                match row {
                    Some((row, by)) if number < base => {
                        let q = row[number] + self.floor;
                        loss -= crate::prim::math::ln(q);
                        by[number] -= 1.0 / q;
                    }
                    _ => loss -= crate::prim::math::ln(self.floor),
                }
            }
        };
        part(&wanted.memory, end.memory(), by.memory_mut());
        part(&wanted.registers, end.registers(), by.registers_mut());
        loss += self.efficiency * end.taken() + self.confidence * (1.0 - end.halted());
        *by.taken_mut() += self.efficiency;
        *by.halted_mut() -= self.confidence;
        loss
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::program::Shape;

    #[test]
    fn only_what_is_asked_for_counts() {
        let shape = Shape {
            base: 3,
            registers: 2,
            lines: 2,
        };
        let state = State {
            registers: vec![1, 2],
            memory: vec![0, 1, 2],
            ..State::of(shape)
        };
        let wanted = Wanted {
            memory: vec![Some(0), None, Some(1)],
            registers: vec![None, Some(2)],
        };
        assert_eq!(wanted.right(&state), (2, 3));
        assert!(!wanted.holds(&state));
        let end = SoftState::of(shape, &state);
        let mut by = SoftState::zeros(shape);
        let loss = Loss {
            floor: 0.5,
            efficiency: 0.25,
            confidence: 2.0,
        };
        let value = loss.of(&wanted, &end, &mut by);
        let expected = -2.0 * 1.5_f64.ln() - 0.5_f64.ln() + 2.0;
        assert!((value - expected).abs() < 1e-15, "{value}");
        assert_eq!(by.memory()[0], -1.0 / 1.5);
        assert_eq!(by.memory()[7], -1.0 / 0.5);
        assert_eq!(by.numbers().iter().filter(|x| **x != 0.0).count(), 5);
        assert_eq!((by.halted(), by.taken()), (-2.0, 0.25));
    }
}
