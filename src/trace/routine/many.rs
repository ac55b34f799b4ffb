//! Many operations of one row on numbers that follow one another, on one lane.
//!
//! A [`Many`] and a file go in; the results are in the file's slots afterwards. Or numbers go in and come out,
//! of a [`row`] or of [`pairs`].
//!
//! **Invariants**
//! - Each result has the bits of the row's `forward`.
//! - Slots are read and written unchecked, by the contract of [`super`].

#![allow(
    clippy::inline_always,
    reason = "compiled for several kinds of processor"
)]

use super::blocks::OneFile;
use super::code::Opcode;
use crate::prim::Prim;
use crate::prim::math::{self, Cpu};
use crate::trace::runs::Run;

/// How often what is the same for all is written out for kernels.
const PIECE: usize = 256;

/// Operations of one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Many {
    pub(crate) prim: Prim,
    /// The slot of the first result; the others follow.
    pub(crate) first: u32,
    pub(crate) length: u32,
    /// Where the operands are: slots that follow one another, or the same for all. Rows of one argument
    /// repeat the first.
    pub(crate) operands: [Run; 2],
}

impl Many {
    /// Joins operations that stand right behind these, if what they read and write follows, too, and they
    /// write nothing that these read.
    pub(super) fn join(&mut self, next: &Self) -> bool {
        let follows = |a: &Run, b: &Run| match a.step {
            0 => b.step == 0 && a.first == b.first,
            _ => b.step == 1 && a.first + a.length == b.first,
        };
        // What is done first is neither read nor written by what is done with it.
        let length = self.length + next.length;
        let is_apart = |operand: &Run| {
            let end = operand.first + operand.step * (length - 1) + 1;
            end <= self.first || self.first + length <= operand.first
        };
        let joins = self.prim == next.prim
            && self.first + self.length == next.first
            && self.operands.iter().all(is_apart)
            && self
                .operands
                .iter()
                .zip(&next.operands)
                .all(|(a, b)| follows(a, b));
        if joins {
            self.length += next.length;
            for operand in &mut self.operands {
                operand.length = self.length;
            }
        }
        joins
    }

    /// Runs them.
    pub(super) fn run(&self, file: OneFile, cpu: Cpu) {
        let Self {
            prim,
            first,
            length,
            operands: [a, b],
        } = *self;
        let out = file.numbers_mut(first, length as usize);
        let operand = |run: Run| match run.step {
            0 => Operand::Same(file.numbers(run.first, 1)[0]),
            _ => Operand::Each(file.numbers(run.first, length as usize)),
        };
        row(prim, operand(a), operand(b), out, cpu);
    }
}

/// A row of the table on many numbers; rows of one argument take it twice.
#[inline]
pub(super) fn row(prim: Prim, x: Operand<'_>, y: Operand<'_>, out: &mut [f64], cpu: Cpu) {
    if prim.operands() == 1 {
        if let (Some(kernel), Operand::Each(x)) = (math::unary(prim), x) {
            return kernel(cpu, x, out);
        }
    } else if let Some(kernel) = math::binary(prim) {
        return with_kernel(kernel, cpu, x, y, out);
    }
    match cpu {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: point 6: `cpu` is no more than was found.
        Cpu::Avx512 => unsafe { row_avx512(prim, x, y, out) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: point 6, as above.
        Cpu::Avx2 => unsafe { row_avx2(prim, x, y, out) },
        _ => row_on(prim, x, y, out),
    }
}

/// A pair of operations, or a choice, on many numbers.
pub(super) fn pairs(op: Opcode, of: [&[f64]; 3], out: &mut [f64], cpu: Cpu) {
    match cpu {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: point 6: `cpu` is no more than was found.
        Cpu::Avx512 => unsafe { pairs_avx512(op, of, out) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: point 6, as above.
        Cpu::Avx2 => unsafe { pairs_avx2(op, of, out) },
        _ => pairs_on(op, of, out),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw,avx2,fma")]
fn pairs_avx512(op: Opcode, of: [&[f64]; 3], out: &mut [f64]) {
    pairs_on(op, of, out);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn pairs_avx2(op: Opcode, of: [&[f64]; 3], out: &mut [f64]) {
    pairs_on(op, of, out);
}

#[inline(always)]
fn pairs_on(op: Opcode, of: [&[f64]; 3], out: &mut [f64]) {
    match op {
        Opcode::AddAdd => threes(of, out, |x, y, z| (x + y) + z),
        Opcode::AddSub => threes(of, out, |x, y, z| (x + y) - z),
        Opcode::AddFrom => threes(of, out, |x, y, z| z - (x + y)),
        Opcode::AddMul => threes(of, out, |x, y, z| (x + y) * z),
        Opcode::SubAdd => threes(of, out, |x, y, z| (x - y) + z),
        Opcode::SubSub => threes(of, out, |x, y, z| (x - y) - z),
        Opcode::SubFrom => threes(of, out, |x, y, z| z - (x - y)),
        Opcode::SubMul => threes(of, out, |x, y, z| (x - y) * z),
        Opcode::MulAdd => threes(of, out, |x, y, z| (x * y) + z),
        Opcode::MulSub => threes(of, out, |x, y, z| (x * y) - z),
        Opcode::MulFrom => threes(of, out, |x, y, z| z - (x * y)),
        Opcode::MulMul => threes(of, out, |x, y, z| (x * y) * z),
        Opcode::MulDiv => threes(of, out, |x, y, z| (x * y) / z),
        Opcode::Select => threes(of, out, |x, y, z| if z == 0.0 { y } else { x }),
        op => debug_assert!(false, "{op:?} is neither a pair nor a choice"),
    }
}

#[inline(always)]
fn threes([x, y, z]: [&[f64]; 3], out: &mut [f64], f: impl Fn(f64, f64, f64) -> f64) {
    for (((out, &x), &y), &z) in out.iter_mut().zip(x).zip(y).zip(z) {
        *out = f(x, y, z);
    }
}

/// An operand's numbers.
#[derive(Clone, Copy)]
pub(super) enum Operand<'a> {
    /// One for each operation.
    Each(&'a [f64]),
    /// The same for all.
    Same(f64),
}

/// A kernel of two arguments: what is the same for all is written out, piece by piece.
#[cold]
fn with_kernel(
    kernel: fn(Cpu, &[f64], &[f64], &mut [f64]),
    cpu: Cpu,
    x: Operand<'_>,
    y: Operand<'_>,
    out: &mut [f64],
) {
    if let (Operand::Each(x), Operand::Each(y)) = (x, y) {
        return kernel(cpu, x, y, out);
    }
    let same = [x, y].map(|operand| match operand {
        Operand::Each(_) => [0.0; PIECE],
        Operand::Same(x) => [x; PIECE],
    });
    for (piece, out) in out.chunks_mut(PIECE).enumerate() {
        let range = piece * PIECE..piece * PIECE + out.len();
        let [x, y] = [(x, &same[0]), (y, &same[1])].map(|(operand, same)| match operand {
            Operand::Each(all) => &all[range.clone()],
            Operand::Same(_) => &same[..range.len()],
        });
        kernel(cpu, x, y, out);
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw,avx2,fma")]
fn row_avx512(prim: Prim, x: Operand<'_>, y: Operand<'_>, out: &mut [f64]) {
    row_on(prim, x, y, out);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn row_avx2(prim: Prim, x: Operand<'_>, y: Operand<'_>, out: &mut [f64]) {
    row_on(prim, x, y, out);
}

/// Rows that become a few vector instructions have loops of their own.
#[inline(always)]
fn row_on(prim: Prim, x: Operand<'_>, y: Operand<'_>, out: &mut [f64]) {
    macro_rules! rows {
        ($($name:ident)*) => {
            match prim {
                $(Prim::$name => each(x, y, out, |x, y| Prim::$name.forward(x, y)),)*
                prim => each(x, y, out, |x, y| prim.forward(x, y)),
            }
        };
    }
    rows! {
        Add Sub Mul Div Neg Sqrt Square Abs Min Max Sign NotBelowZero Detach
        IsZero IsPositive IsNegative Not NumEq Lt Gt Le Ge Both Either
    }
}

#[inline(always)]
fn each(x: Operand<'_>, y: Operand<'_>, out: &mut [f64], f: impl Fn(f64, f64) -> f64) {
    match (x, y) {
        (Operand::Each(x), Operand::Each(y)) => {
            for ((out, &x), &y) in out.iter_mut().zip(x).zip(y) {
                *out = f(x, y);
            }
        }
        (Operand::Each(x), Operand::Same(y)) => {
            for (out, &x) in out.iter_mut().zip(x) {
                *out = f(x, y);
            }
        }
        (Operand::Same(x), Operand::Each(y)) => {
            for (out, &y) in out.iter_mut().zip(y) {
                *out = f(x, y);
            }
        }
        (Operand::Same(x), Operand::Same(y)) => out.fill(f(x, y)),
    }
}
