//! `Real`: the numbers that derivative rules are written over.
//!
//! A rule of the table computes with plain numbers, or, given operations of a trace, writes down the
//! operations that compute the derivative. One rule serves both.
//!
//! **Invariants**
//! - Every method is one row of the table, so both ways give the same bits.

use super::Prim;
use std::ops::{Add, Div, Mul, Neg, Sub};

/// A number, or what stands for one in a trace.
pub trait Real:
    Copy
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
{
    /// A number that depends on nothing.
    #[must_use]
    fn lift(self, x: f64) -> Self;

    /// A numeric row or a predicate; rows of one argument ignore `other`.
    #[must_use]
    fn apply(self, prim: Prim, other: Self) -> Self;

    /// `then` where this is not 0, `otherwise` where it is.
    #[must_use]
    fn select(self, then: Self, otherwise: Self) -> Self;

    /// 1 where this is above the other, else 0.
    #[must_use]
    fn above(self, other: Self) -> Self {
        self.apply(Prim::Gt, other)
    }

    /// 1 where this is equal to the other, else 0.
    #[must_use]
    fn equals(self, other: Self) -> Self {
        self.apply(Prim::NumEq, other)
    }

    /// 1 where this is 0, else 0.
    #[must_use]
    fn is_zero(self) -> Self {
        self.apply(Prim::IsZero, self)
    }

    /// 1 where neither is 0, else 0.
    #[must_use]
    fn both(self, other: Self) -> Self {
        self.apply(Prim::Both, other)
    }

    /// Sine.
    #[must_use]
    fn sin(self) -> Self {
        self.apply(Prim::Sin, self)
    }

    /// Cosine.
    #[must_use]
    fn cos(self) -> Self {
        self.apply(Prim::Cos, self)
    }

    /// Hyperbolic sine.
    #[must_use]
    fn sinh(self) -> Self {
        self.apply(Prim::Sinh, self)
    }

    /// Hyperbolic cosine.
    #[must_use]
    fn cosh(self) -> Self {
        self.apply(Prim::Cosh, self)
    }

    /// The exponential function.
    #[must_use]
    fn exp(self) -> Self {
        self.apply(Prim::Exp, self)
    }

    /// The exponential function less 1.
    #[must_use]
    fn expm1(self) -> Self {
        self.apply(Prim::Expm1, self)
    }

    /// Hyperbolic tangent.
    #[must_use]
    fn tanh(self) -> Self {
        self.apply(Prim::Tanh, self)
    }

    /// The slope of the logistic function.
    #[must_use]
    fn sigmoid_slope(self) -> Self {
        self.apply(Prim::SigmoidSlope, self)
    }

    /// The same number; NaN where it is below 0.
    #[must_use]
    fn not_below_zero(self) -> Self {
        self.apply(Prim::NotBelowZero, self)
    }

    /// Absolute value.
    #[must_use]
    fn abs(self) -> Self {
        self.apply(Prim::Abs, self)
    }

    /// Natural logarithm.
    #[must_use]
    fn ln(self) -> Self {
        self.apply(Prim::Ln, self)
    }

    /// Square root.
    #[must_use]
    fn sqrt(self) -> Self {
        self.apply(Prim::Sqrt, self)
    }

    /// The logistic function.
    #[must_use]
    fn sigmoid(self) -> Self {
        self.apply(Prim::Sigmoid, self)
    }

    /// Power.
    #[must_use]
    fn pow(self, exponent: Self) -> Self {
        self.apply(Prim::Pow, exponent)
    }

    /// The nearest whole number, ties to even.
    #[must_use]
    fn round(self) -> Self {
        self.apply(Prim::Round, self)
    }
}

impl Real for f64 {
    #[inline]
    fn lift(self, x: f64) -> Self {
        x
    }

    #[inline]
    fn apply(self, prim: Prim, other: Self) -> Self {
        prim.forward(self, other)
    }

    #[inline]
    fn select(self, then: Self, otherwise: Self) -> Self {
        if self == 0.0 { otherwise } else { then }
    }
}
