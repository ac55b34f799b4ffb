//! The second opinion: what each primitive means, on dfdx's tensors.
//!
//! A row and numbers go in; a number comes out whose derivative is dfdx's affair.
//!
//! **Invariants**
//! - One `match`, no `_`: a row of the table without an opinion here does not compile.
//! - Derivatives come from dfdx's own rules, of operations that compose the function; values too,
//!   but for the inverse trigonometric functions, which no composition gives, and remainders, which
//!   none gives exactly.
//! - A number is read once, or through operations that give it a new identity: dfdx cannot
//!   differentiate an operation whose two operands are one tensor.
//! - Conventions as in LANGUAGE: half to each side of a tie, 0 for `abs` at 0, no derivative for
//!   steps.

use super::tape::{Number, SharedTape, constant, derivative, fresh, leaf, value, with_value};
use super::{gamma, normal, special};
use crate::prim::Prim;
use dfdx::prelude::{AsArray, Cpu, eq, ge, gt, le, lt};
use std::f64::consts::{FRAC_1_SQRT_2, FRAC_PI_2, LN_2, LOG2_E, LOG10_E, PI};

/// What a row gives.
pub(super) enum Meaning {
    /// A number on the tape.
    Number(Number),
    /// A number that no derivative passes through.
    Step(f64),
    /// A boolean.
    Truth(bool),
    /// Nothing: it works on structure.
    Structure,
}

/// The value and the derivatives of a row at two numbers, as dfdx has them; rows of one argument
/// ignore the second. Truth is 1, falsehood 0, with derivatives 0.
///
/// None for rows that work on structure.
///
/// ```
/// use dmci::{dfdx::prim::differentiate, prim::Prim};
///
/// assert_eq!(differentiate(Prim::Mul, 3.0, 5.0), Some((15.0, [5.0, 3.0])));
/// ```
pub fn differentiate(prim: Prim, a: f64, b: f64) -> Option<(f64, [f64; 2])> {
    let (device, tape) = (Cpu::default(), SharedTape::new());
    let leaves = [leaf(&device, a, &tape), leaf(&device, b, &tape)];
    let operands = leaves.clone();
    match meaning(prim, operands) {
        Meaning::Number(number) => {
            let entry = tape.entry(Vec::new());
            let result = value(&number);
            let mut gradients = tape.gradients(number, entry);
            Some((result, leaves.map(|l| derivative(&mut gradients, &l))))
        }
        Meaning::Step(step) => Some((step, [0.0; 2])),
        Meaning::Truth(truth) => Some((f64::from(u8::from(truth)), [0.0; 2])),
        Meaning::Structure => None,
    }
}

/// Whether each argument counts. One that the convention of its row gives derivative 0 does not: it is
/// a constant there, and whatever it came from is not asked.
pub(super) fn counts(prim: Prim, x: f64, y: f64) -> [bool; 2] {
    match prim {
        Prim::Abs => [x != 0.0, true],
        // Of two numbers the one that lost; there is no loser beside NaN.
        Prim::Min | Prim::Max if x.is_nan() || y.is_nan() => [true, true],
        Prim::Min => [x <= y, y <= x],
        Prim::Max => [x >= y, y >= x],
        // x^0 and 1^x are 1, and 0 to any power above 0 is 0.
        Prim::Pow => [y != 0.0, x != 1.0 && !(x == 0.0 && y > 0.0)],
        Prim::StraightThrough => [false, true],
        _ => [true, true],
    }
}

/// What a row means.
pub(super) fn meaning(prim: Prim, [a, b]: [Number; 2]) -> Meaning {
    let (x, y) = (value(&a), value(&b));
    let [to_a, to_b] = counts(prim, x, y);
    let a = if to_a { a } else { still(&a) };
    let b = if to_b { b } else { still(&b) };
    let number = match prim {
        // One number.
        Prim::Neg => -a,
        // dfdx takes NaN for a number without sign.
        Prim::Abs if x.is_nan() => nowhere(a),
        Prim::Abs => a.abs(),
        Prim::Floor => return Meaning::Step(x.floor()),
        Prim::Ceiling => return Meaning::Step(x.ceil()),
        Prim::Round => return Meaning::Step(x.round_ties_even()),
        Prim::Truncate => return Meaning::Step(x.trunc()),
        Prim::Sin => a.sin(),
        Prim::Cos => a.cos(),
        Prim::Tan => tan(a),
        Prim::Asin => asin(a),
        Prim::Acos => acos(a),
        Prim::Atan => atan(a),
        Prim::Sinh => sinh(a),
        Prim::Cosh => cosh(a),
        Prim::Tanh => tanh(a),
        Prim::Exp => a.exp(),
        Prim::Ln => ln(a),
        Prim::Sqrt => a.sqrt(),
        Prim::Square => a.square(),
        Prim::Sigmoid => sigmoid(a),
        Prim::Softplus => softplus(a),
        Prim::Log1p => special::log1p(a),
        Prim::Expm1 => special::expm1(a),
        Prim::Log1mexp => special::log1mexp(a),
        Prim::Logit => special::logit(a),
        Prim::LogSigmoid => -softplus(-a),
        Prim::Exp2 => (a * LN_2).exp(),
        Prim::Log2 => special::log(a, LOG2_E),
        Prim::Log10 => special::log(a, LOG10_E),
        Prim::Asinh => special::asinh(a),
        Prim::Acosh => special::acosh(a),
        Prim::Atanh => special::atanh(a),
        Prim::Cbrt => special::cbrt(a),
        Prim::Sinc => special::sinc(a),
        Prim::SincSlope => special::sinc_slope(a),
        Prim::Erf => normal::erf(a),
        Prim::Erfc => normal::erfc(a),
        Prim::Gauss => (-a.square()).exp(),
        Prim::LogNormalCdf => normal::log_normal_cdf(a),
        Prim::Mills => normal::mills(a),
        Prim::MillsExcess => normal::mills_excess(a),
        Prim::Lgamma => gamma::lgamma(a),
        Prim::Digamma => gamma::digamma(a),
        Prim::Trigamma => gamma::trigamma(a),
        Prim::Sign if x == 0.0 || x.is_nan() => return Meaning::Step(x),
        Prim::Sign => return Meaning::Step(1.0_f64.copysign(x)),
        Prim::SigmoidSlope => sigmoid_slope(a),
        Prim::NotBelowZero if x < 0.0 => nowhere(a),
        Prim::NotBelowZero => fresh(&a),
        Prim::Detach => return Meaning::Step(x),
        Prim::NormAtZero => return Meaning::Step(x.sqrt()),
        // Two numbers.
        Prim::Add => a + b,
        Prim::Mul => a * b,
        Prim::Sub => a - b,
        Prim::Div => ratio(a, b),
        // dfdx, as IEEE's minNum, prefers a number to NaN.
        Prim::Min | Prim::Max if x.is_nan() || y.is_nan() => nowhere(a + b),
        Prim::Min => a.minimum(b),
        Prim::Max => a.maximum(b),
        Prim::Quotient => return Meaning::Step((x / y).trunc()),
        Prim::FloorQuotient => return Meaning::Step((x / y).floor()),
        Prim::Remainder => remainder(a, b, x % y),
        Prim::Modulo => {
            let rest = x % y;
            let other_sign = rest != 0.0 && (rest < 0.0) != (y < 0.0);
            remainder(a, b, if other_sign { rest + y } else { rest })
        }
        Prim::Atan2 => atan2(a, b),
        Prim::LogBase => ln(a) / ln(b),
        Prim::Pow => pow(a, b),
        Prim::Hypot => special::hypot(a, b),
        Prim::Lbeta => gamma::lbeta(a, b),
        Prim::Polygamma => gamma::polygamma(x, b),
        Prim::Gcd => return Meaning::Step(gcd(x, y)),
        Prim::Lcm if x == 0.0 || y == 0.0 => return Meaning::Step(0.0),
        Prim::Lcm => return Meaning::Step((x / gcd(x, y) * y).abs()),
        Prim::StraightThrough => with_value(b, x),
        // Noise is what the table says it is.
        Prim::Gumbel => return Meaning::Step(prim.forward(x, y)),
        // Truth.
        Prim::Not | Prim::IsZero => return Meaning::Truth(eq(&a, &constant(&a, 0.0)).array()),
        Prim::IsPositive => return Meaning::Truth(gt(&a, &constant(&a, 0.0)).array()),
        Prim::IsNegative => return Meaning::Truth(lt(&a, &constant(&a, 0.0)).array()),
        Prim::IsEven => return Meaning::Truth(x % 2.0 == 0.0),
        Prim::IsOdd => return Meaning::Truth(x % 2.0 != 0.0),
        Prim::IsInteger => return Meaning::Truth(x.is_finite() && x.fract() == 0.0),
        Prim::NumEq => return Meaning::Truth(eq(&a, &b).array()),
        Prim::Lt => return Meaning::Truth(lt(&a, &b).array()),
        Prim::Gt => return Meaning::Truth(gt(&a, &b).array()),
        Prim::Le => return Meaning::Truth(le(&a, &b).array()),
        Prim::Ge => return Meaning::Truth(ge(&a, &b).array()),
        Prim::Both => return Meaning::Truth(x != 0.0 && y != 0.0),
        Prim::Either => return Meaning::Truth(x != 0.0 || y != 0.0),
        // Structure.
        Prim::Select
        | Prim::Block
        | Prim::Part
        | Prim::AtanAny
        | Prim::LogAny
        | Prim::Exact
        | Prim::Inexact
        | Prim::Cons
        | Prim::Car
        | Prim::Cdr
        | Prim::Caar
        | Prim::Cadr
        | Prim::Cdar
        | Prim::Cddr
        | Prim::Caaar
        | Prim::Caadr
        | Prim::Cadar
        | Prim::Caddr
        | Prim::Cdaar
        | Prim::Cdadr
        | Prim::Cddar
        | Prim::Cdddr
        | Prim::Caaaar
        | Prim::Caaadr
        | Prim::Caadar
        | Prim::Caaddr
        | Prim::Cadaar
        | Prim::Cadadr
        | Prim::Caddar
        | Prim::Cadddr
        | Prim::Cdaaar
        | Prim::Cdaadr
        | Prim::Cdadar
        | Prim::Cdaddr
        | Prim::Cddaar
        | Prim::Cddadr
        | Prim::Cdddar
        | Prim::Cddddr
        | Prim::List
        | Prim::Length
        | Prim::Append
        | Prim::Reverse
        | Prim::ListRef
        | Prim::ListTail
        | Prim::Memq
        | Prim::Memv
        | Prim::Member
        | Prim::Assq
        | Prim::Assv
        | Prim::Assoc
        | Prim::IsEq
        | Prim::IsEqv
        | Prim::IsEqual
        | Prim::IsNumber
        | Prim::IsBoolean
        | Prim::IsSymbol
        | Prim::IsPair
        | Prim::IsNull
        | Prim::IsList
        | Prim::IsProcedure
        | Prim::IsString
        | Prim::IsChar
        | Prim::IsVector
        | Prim::IsExact
        | Prim::IsInexact
        | Prim::StringLength
        | Prim::StringToList
        | Prim::ListToString
        | Prim::NumberToString
        | Prim::StringToNumber
        | Prim::SymbolToString
        | Prim::StringToSymbol
        | Prim::CharToInteger
        | Prim::IntegerToChar
        | Prim::CharIs
        | Prim::CharTo
        | Prim::Check
        | Prim::Whole
        | Prim::AtMost
        | Prim::Wants
        | Prim::Refuse
        | Prim::Spend
        | Prim::Vec
        | Prim::Mat
        | Prim::Ref
        | Prim::Dot
        | Prim::Cross
        | Prim::Norm
        | Prim::Normalize
        | Prim::Vsum
        | Prim::Vlen
        | Prim::Scale
        | Prim::Matmul
        | Prim::Matvec
        | Prim::Transpose
        | Prim::Trace
        | Prim::Det
        | Prim::Logdet
        | Prim::Inv
        | Prim::Solve
        | Prim::Cholesky
        | Prim::Outer
        | Prim::Eye
        | Prim::Zeros
        | Prim::Ones
        | Prim::Rows
        | Prim::Cols
        | Prim::Sum
        | Prim::Prod
        | Prim::Mean
        | Prim::Variance
        | Prim::Argmax
        | Prim::Cumsum
        | Prim::Sort
        | Prim::Interp
        | Prim::Logsumexp
        | Prim::Softmax
        | Prim::Diag
        | Prim::Slice
        | Prim::Concat
        | Prim::Hstack
        | Prim::Vstack
        | Prim::Col
        | Prim::Row
        | Prim::Reshape
        | Prim::OuterSum
        | Prim::SolveTriangular
        | Prim::CholeskySolve
        | Prim::Lu
        | Prim::Qr
        | Prim::Eigh
        | Prim::Svd
        | Prim::Expm
        | Prim::ListToVec
        | Prim::VecToList
        | Prim::Apply
        | Prim::Error
        | Prim::Monitor
        | Prim::CaseMatch
        | Prim::SoftChoice
        | Prim::SoftIf
        | Prim::Pick
        | Prim::Variable
        | Prim::Slope
        | Prim::Drawn
        | Prim::ApplyAt
        | Prim::TestAt
        | Prim::Given
        | Prim::FailAt
        | Prim::Cell
        | Prim::CellFill
        | Prim::CellRef
        | Prim::IsFilled
        | Prim::Wrap
        | Prim::IsWrapped
        | Prim::Unwrap
        | Prim::Received
        | Prim::NoClause
        | Prim::IsPlace
        | Prim::EnvRef
        | Prim::GlobalRef
        | Prim::Enter
        | Prim::EnterRest
        | Prim::EnterEmpty
        | Prim::Fill => return Meaning::Structure,
    };
    Meaning::Number(number)
}

/// The same value as a constant.
fn still(number: &Number) -> Number {
    constant(number, value(number))
}

/// NaN, with derivatives that are NaN.
fn nowhere(a: Number) -> Number {
    a * f64::NAN
}

/// dfdx has the slope 1/x below 0 too.
fn ln(a: Number) -> Number {
    if value(&a) < 0.0 { nowhere(a) } else { a.ln() }
}

fn tan(a: Number) -> Number {
    let cos = a.clone().cos();
    a.sin() / cos
}

/// Arc tangent between -1 and 1: one step of Newton's method on `tan(y) = x` from where it already
/// holds. The step moves the value by no more than rounding, and its derivative is the inverse's.
fn atan_inside(a: Number) -> Number {
    let start = constant(&a, value(&a).atan());
    let slope = start.clone().cos().square();
    (a - tan(start.clone())) * slope + start
}

fn atan(a: Number) -> Number {
    let x = value(&a);
    if x.abs() > 1.0 {
        // atan(x) + atan(1/x) is a right angle.
        -atan_inside(a.recip()) + FRAC_PI_2.copysign(x)
    } else {
        atan_inside(a)
    }
}

fn atan2(a: Number, b: Number) -> Number {
    let (y, x) = (value(&a), value(&b));
    let angle = if y.abs() > x.abs() {
        -atan_inside(ratio(b, a))
    } else {
        atan_inside(ratio(a, b))
    };
    // The ratio says the angle but for the quadrant, a constant.
    with_value(angle, y.atan2(x))
}

/// The other side of a right triangle with hypotenuse 1.
fn other_side(a: Number) -> Number {
    if value(&a).abs() < 1.0 {
        let near = a.clone() + 1.0;
        (near * (-a + 1.0)).sqrt()
    } else {
        // At the end the product rule would be infinity minus infinity.
        (-a.square() + 1.0).sqrt()
    }
}

fn asin(a: Number) -> Number {
    let x = value(&a);
    let side = other_side(a.clone());
    let angle = if x.abs() > FRAC_1_SQRT_2 {
        -atan_inside(side / a)
    } else {
        atan_inside(a / side)
    };
    with_value(angle, x.asin())
}

fn acos(a: Number) -> Number {
    let x = value(&a);
    let side = other_side(a.clone());
    if x > FRAC_1_SQRT_2 {
        atan_inside(side / a)
    } else if x < -FRAC_1_SQRT_2 {
        atan_inside(side / a) + PI
    } else {
        -atan_inside(a / side) + FRAC_PI_2
    }
}

fn sinh(a: Number) -> Number {
    let x = value(&a);
    if x.abs() < 0.5 {
        // The difference of exponentials would cancel: x (1 + x^2/6 (1 + x^2/20 (1 + …))).
        let square = a.clone().square();
        let mut series = constant(&a, 1.0);
        for k in (1..=8).rev() {
            let factor = f64::from(2 * k * (2 * k + 1));
            series = series * (fresh(&square) / factor) + 1.0;
        }
        a * series
    } else if x.abs() < 20.0 {
        let down = (-a.clone()).exp();
        (a.exp() - down) * 0.5
    } else {
        half_exponential(a) * 1.0_f64.copysign(x)
    }
}

fn cosh(a: Number) -> Number {
    if value(&a).abs() < 20.0 {
        let down = (-a.clone()).exp();
        (a.exp() + down) * 0.5
    } else {
        half_exponential(a)
    }
}

/// e^|x| / 2, which overflows later than e^|x|.
fn half_exponential(a: Number) -> Number {
    let root = (a.abs() * 0.5).exp();
    let half = root.clone() * 0.5;
    root * half
}

/// 1 / (1 + e^-x), by whichever exponential is below 1: dfdx's own slope y (1 - y) cancels.
fn sigmoid(a: Number) -> Number {
    if value(&a) > 0.0 {
        ((-a).exp() + 1.0).recip()
    } else {
        let small = a.exp();
        let below = fresh(&small) + 1.0;
        small / below
    }
}

/// 2 / (1 + e^-2x) - 1, which loses digits near 0 in its value and none in its slope.
fn tanh(a: Number) -> Number {
    let x = value(&a);
    with_value(sigmoid(a * 2.0) * 2.0 - 1.0, x.tanh())
}

/// (1 / (2 cosh(x/2)))².
fn sigmoid_slope(a: Number) -> Number {
    (cosh(a * 0.5) * 2.0).recip().square()
}

/// a / b, both divided by the power of two below |b|: dfdx has b² in its slope, which would over- or
/// underflow.
fn ratio(a: Number, b: Number) -> Number {
    let (x, y) = (value(&a), value(&b));
    let scale = f64::from_bits(y.to_bits() & 0x7ff0_0000_0000_0000);
    let unit = 1.0 / scale;
    if !(unit.is_normal() && scale.is_normal()) {
        return a / b;
    }
    with_value((a * unit) / (b * unit), x / y)
}

/// max(x, 0) + log(1 + e^-|x|).
fn softplus(a: Number) -> Number {
    if value(&a) > 0.0 {
        let tail = log_one_plus_exp(-a.clone());
        a + tail
    } else {
        log_one_plus_exp(a)
    }
}

/// log(1 + e^x) for x up to 0.
fn log_one_plus_exp(a: Number) -> Number {
    let small = a.exp();
    if value(&small) > 0.01 {
        return (small + 1.0).ln();
    }
    // 1 + e would lose the digits of e: e (1 - e/2 + e^2/3 - …).
    let mut series = constant(&small, 0.0);
    for k in (1..=9).rev() {
        series = -(series * fresh(&small)) + 1.0 / f64::from(k);
    }
    small * series
}

/// a - b q for the whole q that it took: the remainder is exact, the difference would round.
fn remainder(a: Number, b: Number, rest: f64) -> Number {
    if rest.is_nan() {
        return nowhere(a + b);
    }
    let q = ((value(&a) - rest) / value(&b)).round();
    with_value(a - b * q, rest)
}

/// By the base dfdx's power, by the exponent its exponential: the sum of the two, each with the
/// other operand held still.
fn pow(a: Number, b: Number) -> Number {
    let (x, y) = (value(&a), value(&b));
    let held = still(&a);
    let power = a.powf(y);
    if x == 0.0 && y > 0.0 {
        return power;
    }
    let log = held.ln();
    let exponential = if y == 0.0 {
        // The same line at 0, without 0 times infinity.
        b * log
    } else {
        (b * log).exp()
    };
    power + with_value(exponential, 0.0)
}

fn gcd(a: f64, b: f64) -> f64 {
    let (mut a, mut b) = (a.abs(), b.abs());
    while b != 0.0 && !b.is_nan() {
        (a, b) = (b, a % b);
    }
    if b.is_nan() { b } else { a }
}
