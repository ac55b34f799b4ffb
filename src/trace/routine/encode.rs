//! `encode`: instructions as replay of one lane takes them.
//!
//! Instructions go in; the same come out with one code each that says both what to do and which
//! operand, if any, the instruction before has just computed: that one need not come from memory.
//!
//! **Invariants**
//! - Same operations, same order, same slots.

use super::{Opcode, SlotInstr};
use crate::prim::Prim;

/// An instruction, its operation as one code of [`codes`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Coded {
    pub(super) code: u16,
    pub(super) d: u32,
    pub(super) a: u32,
    pub(super) b: u32,
    pub(super) c: u32,
}

/// The codes of operations: four for each that takes two or three operands, by which of these is the
/// last result.
pub(super) mod codes {
    macro_rules! groups {
        ($($name:ident = $number:literal)*) => {$(
            pub(in super::super) mod $name {
                #![allow(dead_code, reason = "operations of two operands have no third")]
                pub(in super::super::super) const NEITHER: u16 = 4 * $number;
                pub(in super::super::super) const A: u16 = 4 * $number + 1;
                pub(in super::super::super) const B: u16 = 4 * $number + 2;
                pub(in super::super::super) const C: u16 = 4 * $number + 3;
            }
        )*};
    }

    groups! {
        add = 0 sub = 1 mul = 2 div = 3 add_add = 4 add_sub = 5 add_from = 6 add_mul = 7
        sub_add = 8 sub_sub = 9 sub_from = 10 sub_mul = 11 mul_add = 12 mul_sub = 13 mul_from = 14
        mul_mul = 15 mul_div = 16
    }

    pub(in super::super) const NEG: u16 = 68;
    pub(in super::super) const SELECT: u16 = 69;
    pub(in super::super) const SIN_COS: u16 = 70;
    pub(in super::super) const EXP: u16 = 71;
    pub(in super::super) const LN: u16 = 72;
    /// A row of the table; `c` is its number.
    pub(in super::super) const ROW: u16 = 73;
    pub(in super::super) const GUARD: u16 = 74;
    pub(in super::super) const BLOCK: u16 = 75;
    pub(in super::super) const SUM: u16 = 76;
    /// Operations many at a time; sums side by side where `b` is 1.
    pub(in super::super) const MANY: u16 = 77;
}

/// Whether the first two operands may change places.
fn commutes(op: Opcode) -> bool {
    matches!(
        op,
        Opcode::Add
            | Opcode::Mul
            | Opcode::AddAdd
            | Opcode::AddSub
            | Opcode::AddFrom
            | Opcode::AddMul
            | Opcode::MulAdd
            | Opcode::MulSub
            | Opcode::MulFrom
            | Opcode::MulMul
            | Opcode::MulDiv
    )
}

/// The code without last operand, and how many operands there are to choose from.
fn code_of(op: Opcode) -> (u16, usize) {
    match op {
        Opcode::Add => (codes::add::NEITHER, 2),
        Opcode::Sub => (codes::sub::NEITHER, 2),
        Opcode::Mul => (codes::mul::NEITHER, 2),
        Opcode::Div => (codes::div::NEITHER, 2),
        Opcode::AddAdd => (codes::add_add::NEITHER, 3),
        Opcode::AddSub => (codes::add_sub::NEITHER, 3),
        Opcode::AddFrom => (codes::add_from::NEITHER, 3),
        Opcode::AddMul => (codes::add_mul::NEITHER, 3),
        Opcode::SubAdd => (codes::sub_add::NEITHER, 3),
        Opcode::SubSub => (codes::sub_sub::NEITHER, 3),
        Opcode::SubFrom => (codes::sub_from::NEITHER, 3),
        Opcode::SubMul => (codes::sub_mul::NEITHER, 3),
        Opcode::MulAdd => (codes::mul_add::NEITHER, 3),
        Opcode::MulSub => (codes::mul_sub::NEITHER, 3),
        Opcode::MulFrom => (codes::mul_from::NEITHER, 3),
        Opcode::MulMul => (codes::mul_mul::NEITHER, 3),
        Opcode::MulDiv => (codes::mul_div::NEITHER, 3),
        Opcode::Neg => (codes::NEG, 0),
        Opcode::Select => (codes::SELECT, 0),
        Opcode::SinCos => (codes::SIN_COS, 0),
        Opcode::One(Prim::Exp) => (codes::EXP, 0),
        Opcode::One(Prim::Ln) => (codes::LN, 0),
        Opcode::One(_) | Opcode::Two(_) => (codes::ROW, 0),
        Opcode::Guard => (codes::GUARD, 0),
        Opcode::Block => (codes::BLOCK, 0),
        Opcode::Sum => (codes::SUM, 0),
        Opcode::Many | Opcode::Fold => (codes::MANY, 0),
    }
}

/// Encodes instructions.
pub(super) fn encode(code: &[SlotInstr]) -> Vec<Coded> {
    let mut before = None;
    let encode = |instr: &SlotInstr| {
        let SlotInstr { op, d, a, b, c } = *instr;
        let (mut code, operands) = code_of(op);
        let (mut a, mut b, mut c) = (a, b, c);
        if let Some(last) = before {
            if operands > 0 && b == last && a != last && commutes(op) {
                (a, b) = (b, a);
            }
            if let Some(which) = [a, b, c][..operands].iter().position(|&slot| slot == last) {
                code += which as u16 + 1;
            }
        }
        match op {
            Opcode::One(prim) => {
                b = a;
                c = prim as u32;
            }
            Opcode::Two(prim) => c = prim as u32,
            Opcode::Many => b = 0,
            Opcode::Fold => b = 1,
            _ => {}
        }
        match op {
            // These leave the last result as it is.
            Opcode::Guard | Opcode::Sum => {}
            Opcode::SinCos | Opcode::Block | Opcode::Many | Opcode::Fold => before = None,
            _ => before = Some(d),
        }
        Coded { code, d, a, b, c }
    };
    code.iter().map(encode).collect()
}
