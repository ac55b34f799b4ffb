//! The 13 instructions and what they compute of whole numbers: the one place where that stands.
//!
//! A name or two operands go in; the instruction or its result comes out. The tables of the soft
//! machine are made from [`Instruction::result`].
//!
//! **Invariants**
//! - [`Instruction::ALL`] is in the order of the columns of a program's weights.
//! - A result is below the base, whatever the operands are.

use std::fmt;

/// One instruction of the register machine.
///
/// Of a line's operands, r1 and r2 name registers that are read (their numbers are a and b), and r3
/// the register that is written.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Instruction {
    /// Nothing.
    Noop,
    /// r3 becomes 0.
    Zero,
    /// r3 becomes a + 1.
    Inc,
    /// r3 becomes a - 1.
    Dec,
    /// r3 becomes a + b.
    Add,
    /// r3 becomes a - b.
    Sub,
    /// r3 becomes the larger of a and b.
    Max,
    /// r3 becomes the smaller of a and b.
    Min,
    /// r3 becomes a mod b; a mod 0 is a.
    Mod,
    /// r3 becomes what memory holds at a.
    Read,
    /// Memory holds b at a from now on.
    Write,
    /// The line of the label is next where a is 0.
    Jump,
    /// The machine stops.
    Halt,
}

impl Instruction {
    /// All of them, in the order of the columns of a program's weights.
    pub const ALL: [Self; 13] = [
        Self::Noop,
        Self::Zero,
        Self::Inc,
        Self::Dec,
        Self::Add,
        Self::Sub,
        Self::Max,
        Self::Min,
        Self::Mod,
        Self::Read,
        Self::Write,
        Self::Jump,
        Self::Halt,
    ];

    /// What assembly calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Noop => "noop",
            Self::Zero => "zero",
            Self::Inc => "inc",
            Self::Dec => "dec",
            Self::Add => "add",
            Self::Sub => "sub",
            Self::Max => "max",
            Self::Min => "min",
            Self::Mod => "mod",
            Self::Read => "read",
            Self::Write => "write",
            Self::Jump => "jump",
            Self::Halt => "halt",
        }
    }

    /// The instruction of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }

    /// The number that it computes of two operands, modulo the base; none for those that have no
    /// result, and for `read`, whose result is memory's.
    #[inline]
    pub fn result(self, base: usize, a: usize, b: usize) -> Option<usize> {
        let base = base.max(1);
        let below = |n: usize| if n < base { n } else { n % base };
        let (a, b) = (below(a), below(b));
        let result = match self {
            Self::Zero => 0,
            Self::Inc => below(a + 1),
            Self::Dec => below(a + base - 1),
            Self::Add => below(a + b),
            Self::Sub => below(a + base - b),
            Self::Max => a.max(b),
            Self::Min => a.min(b),
            Self::Mod if b == 0 => a,
            Self::Mod => a % b,
            Self::Noop | Self::Read | Self::Write | Self::Jump | Self::Halt => return None,
        };
        Some(result)
    }

    /// Whether it writes a result to r3.
    #[inline]
    pub fn has_result(self) -> bool {
        !matches!(self, Self::Noop | Self::Write | Self::Jump | Self::Halt)
    }
}

impl fmt::Display for Instruction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back() {
        for (at, one) in Instruction::ALL.into_iter().enumerate() {
            assert_eq!(one as usize, at);
            assert_eq!(Instruction::from_name(one.name()), Some(one));
        }
        assert_eq!(Instruction::from_name("mul"), None);
    }

    #[test]
    fn results_are_those_of_arithmetic() {
        use Instruction as I;
        for base in 1_i64..12 {
            for a in 0..base {
                for b in 0..base {
                    let got = |one: I| {
                        one.result(base as usize, a as usize, b as usize)
                            .and_then(|n| i64::try_from(n).ok())
                    };
                    assert_eq!(got(I::Zero), Some(0));
                    assert_eq!(got(I::Inc), Some((a + 1).rem_euclid(base)));
                    assert_eq!(got(I::Dec), Some((a - 1).rem_euclid(base)));
                    assert_eq!(got(I::Add), Some((a + b).rem_euclid(base)));
                    assert_eq!(got(I::Sub), Some((a - b).rem_euclid(base)));
                    assert_eq!(got(I::Max), Some(a.max(b)));
                    assert_eq!(got(I::Min), Some(a.min(b)));
                    let modulo = if b == 0 { a } else { a.rem_euclid(b) };
                    assert_eq!(got(I::Mod), Some(modulo));
                    for one in [I::Noop, I::Read, I::Write, I::Jump, I::Halt] {
                        assert_eq!(got(one), None);
                        assert_eq!(one.has_result(), one == I::Read);
                    }
                }
            }
        }
    }

    #[test]
    fn nothing_overflows() {
        for one in Instruction::ALL {
            for base in [0, 1, 2, usize::MAX / 4] {
                for a in [0, 1, usize::MAX] {
                    let result = one.result(base, a, usize::MAX - 1);
                    assert!(result.is_none_or(|n| n < base.max(1)));
                }
            }
        }
    }
}
