//! THE table: one row a primitive, and the macro that turns rows into code.
//!
//! A numeric row reads `Variant = "name" | "alias" (arguments) variadic -> tag on domain { forward,
//! vjp, counts }`, `counts` where there is need of it. In `vjp(y, ct)`, `y` is the result and `ct` the
//! cotangent; the rule gives one cotangent an argument. Conventions at ties, poles and clamps stand with their row and in LANGUAGE: a tie of
//! `min`/`max` gives half to each side, `abs` at 0 has derivative 0, steps have derivative 0.
//!
//! **Invariants**
//! - `forward` follows IEEE 754 without clamping: `(/ 1 0)` is +inf, `(log 0)` is -inf.
//! - Rules read nothing but their arguments, `y` and `ct`.
//! - `flat` rows have derivative zero everywhere: no cotangent is passed on at all.
//! - Where the convention of a row gives an argument derivative 0, its `counts` says so: there it is no
//!   dependency, as the arm that a `Select` does not take.
//! - A rule whose value is NaN gives no finite derivative; sums and products need not ask.

use super::real::Real;
use super::rules::{
    gcd, gumbel, is_fixed, minimum, modulo, not_below_zero, nothing, one, sign, split, turned,
    valued, zero,
};
use super::{Domain, Kind, Spec, TagRule, Variadic, math};

/// Two cotangents, or none for a flat row.
macro_rules! vjp_rule {
    (flat) => {
        None
    };
    ($rule:expr) => {
        Some($rule)
    };
}

macro_rules! primitives {
    (
        unary { $($(#[doc = $udoc:literal])+ $U:ident = $uname:literal $(| $ualias:literal)* ($ua:ident)
            -> $utag:ident on $udomain:ident { forward: $uforward:expr, vjp($uy:ident, $uct:ident): $uvjp:tt $(, counts: $ucounts:tt)? })* }
        binary { $($(#[doc = $bdoc:literal])+ $B:ident = $bname:literal $(| $balias:literal)* ($ba:ident, $bb:ident) $bvariadic:expr, $bmin:literal
            -> $btag:ident on $bdomain:ident { forward: $bforward:expr, vjp($by:ident, $bct:ident): $bvjp:tt $(, counts: $bcounts:tt)? })* }
        predicates1 { $($(#[doc = $pdoc:literal])+ $P:ident = $pname:literal $(| $palias:literal)* ($pa:ident) { $pforward:expr })* }
        predicates2 { $($(#[doc = $qdoc:literal])+ $Q:ident = $qname:literal ($qa:ident, $qb:ident) $qvariadic:expr, $qmin:literal { $qforward:expr })* }
        structural { $($(#[doc = $sdoc:literal])+ $S:ident = $sname:literal $(| $salias:literal)* ($smin:literal, $smax:expr))* }
    ) => {
        /// A primitive: one row of the table.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Prim {
            $($(#[doc = $udoc])+ $U,)*
            $($(#[doc = $bdoc])+ $B,)*
            $($(#[doc = $pdoc])+ $P,)*
            $($(#[doc = $qdoc])+ $Q,)*
            $($(#[doc = $sdoc])+ $S,)*
        }

        /// The rows, by the numbers of the variants.
        static SPECS: [Spec; Prim::ALL.len()] = {
            let mut specs = [Prim::ALL[0].row(); Prim::ALL.len()];
            let mut at = 0;
            while at < specs.len() {
                specs[at] = Prim::ALL[at].row();
                at += 1;
            }
            specs
        };

        impl Prim {
            /// All primitives, in table order; the position is the variant's number.
            pub const ALL: &'static [Prim] =
                &[$(Prim::$U,)* $(Prim::$B,)* $(Prim::$P,)* $(Prim::$Q,)* $(Prim::$S,)*];

            /// What the row says.
            #[inline]
            pub const fn spec(self) -> Spec {
                SPECS[self as usize]
            }

            const fn row(self) -> Spec {
                match self {
                    $(Prim::$U => Spec {
                        name: $uname, aliases: &[$($ualias),*], kind: Kind::Numeric(TagRule::$utag),
                        min_args: 1, max_args: Some(1), variadic: Variadic::No,
                        domain: Domain::$udomain, doc: concat!($($udoc),+),
                    },)*
                    $(Prim::$B => Spec {
                        name: $bname, aliases: &[$($balias),*], kind: Kind::Numeric(TagRule::$btag),
                        min_args: $bmin, max_args: if matches!($bvariadic, Variadic::No) { Some(2) } else { None },
                        variadic: $bvariadic, domain: Domain::$bdomain, doc: concat!($($bdoc),+),
                    },)*
                    $(Prim::$P => Spec {
                        name: $pname, aliases: &[$($palias),*], kind: Kind::Predicate,
                        min_args: 1, max_args: Some(1), variadic: Variadic::No,
                        domain: Domain::Real, doc: concat!($($pdoc),+),
                    },)*
                    $(Prim::$Q => Spec {
                        name: $qname, aliases: &[], kind: Kind::Predicate,
                        min_args: $qmin, max_args: if matches!($qvariadic, Variadic::No) { Some(2) } else { None },
                        variadic: $qvariadic, domain: Domain::Real, doc: concat!($($qdoc),+),
                    },)*
                    $(Prim::$S => Spec {
                        name: $sname, aliases: &[$($salias),*], kind: Kind::Structural,
                        min_args: $smin, max_args: $smax, variadic: Variadic::No,
                        domain: Domain::Real, doc: concat!($($sdoc),+),
                    },)*
                }
            }

            /// The value at `a` (and `b`, for a row of two arguments). Truth is 1, falsehood 0.
            /// NaN for structural rows, which compute on the heap instead.
            #[inline]
            pub fn forward(self, a: f64, b: f64) -> f64 {
                match self {
                    $(Prim::$U => { let $ua = a; $uforward })*
                    $(Prim::$B => { let ($ba, $bb) = (a, b); let _ = ($ba, $bb); $bforward })*
                    $(Prim::$P => { let $pa = a; f64::from(u8::from($pforward)) })*
                    $(Prim::$Q => { let ($qa, $qb) = (a, b); f64::from(u8::from($qforward)) })*
                    $(Prim::$S)|* => f64::NAN,
                }
            }

            /// The text of `forward`, without blanks.
            #[cfg(test)]
            pub(crate) fn written(self) -> String {
                let text = match self {
                    $(Prim::$U => stringify!($uforward),)*
                    $(Prim::$B => stringify!($bforward),)*
                    $(Prim::$P => stringify!($pforward),)*
                    $(Prim::$Q => stringify!($qforward),)*
                    $(Prim::$S)|* => "",
                };
                text.split_whitespace().collect()
            }

            /// The cotangents of `a` and `b` for the cotangent `ct` of the result `y`; none where
            /// the derivative is zero everywhere. Rows of one argument leave the second at 0.
            #[inline]
            pub fn vjp<R: Real>(self, a: R, b: R, y: R, ct: R) -> Option<[R; 2]> {
                let cotangents = match self {
                    $(Prim::$U => { let ($ua, $uy, $uct) = (a, y, ct); let _ = ($ua, $uy, $uct); let r: Option<R> = vjp_rule!($uvjp); r.map(|c| [c, zero(ct)]) })*
                    $(Prim::$B => { let ($ba, $bb, $by, $bct) = (a, b, y, ct); let _ = ($ba, $bb, $by, $bct); vjp_rule!($bvjp) })*
                    _ => None,
                };
                // Tests break a rule here, the one place that sweeps, tangents and compiled gradients
                // take it from, to see that whoever judges rules notices.
                #[cfg(test)]
                let cotangents = super::broken::rule(self, [a, b, y, ct], cotangents);
                cotangents
            }

            /// Tests that are not 0 where `a` and `b` count. Where an argument does not, nothing flows to or
            /// from it, not even a zero, which an infinite derivative would make NaN; the rule gives it
            /// a zero there. None for rows whose arguments always count.
            #[inline]
            pub(crate) fn counts<R: Real>(self, a: R, b: R) -> Option<[R; 2]> {
                match self {
                    $($(Prim::$U => { let $ua = a; let test: R = $ucounts; Some([test, test]) })?)*
                    $($(Prim::$B => { let ($ba, $bb) = (a, b); let _ = ($ba, $bb); Some($bcounts) })?)*
                    _ => None,
                }
            }

            /// Whether its arguments count at some numbers alone.
            #[inline]
            pub(crate) const fn is_selective(self) -> bool {
                match self {
                    $($(Prim::$U => { let _ = stringify!($ucounts); true })?)*
                    $($(Prim::$B => { let _ = stringify!($bcounts); true })?)*
                    _ => false,
                }
            }

            /// Whether ints give an int.
            #[inline]
            pub const fn keeps_int(self) -> bool {
                match self {
                    $(Prim::$U => matches!(TagRule::$utag, TagRule::Same),)*
                    $(Prim::$B => matches!(TagRule::$btag, TagRule::Same),)*
                    _ => false,
                }
            }

            /// How it takes other numbers of arguments than its rule is written for.
            #[inline]
            pub const fn variadic(self) -> Variadic {
                match self {
                    $(Prim::$B => $bvariadic,)*
                    $(Prim::$Q => $qvariadic,)*
                    _ => Variadic::No,
                }
            }

            /// How many arguments [`Prim::forward`] reads: 1 or 2; 0 for structural rows.
            pub const fn operands(self) -> usize {
                match self {
                    $(Prim::$U)|* $(| Prim::$P)* => 1,
                    $(Prim::$B)|* $(| Prim::$Q)* => 2,
                    $(Prim::$S)|* => 0,
                }
            }
        }
    };
}

#[rustfmt::skip]
primitives! {
    unary {
        /// Negation; `(- x)`.
        Neg = "%neg" (a) -> Same on Real { forward: -a, vjp(y, ct): (-ct) }
        /// Absolute value; derivative 0 at 0.
        Abs = "abs" (a) -> Same on NonZero { forward: a.abs(), vjp(y, ct): (a.above(zero(a)).select(ct, zero(a).above(a).select(-ct, y))), counts: a }
        /// Largest whole number not above; derivative 0.
        Floor = "floor" (a) -> Float on Real { forward: a.floor(), vjp(y, ct): flat }
        /// Smallest whole number not below; derivative 0.
        Ceiling = "ceiling" (a) -> Float on Real { forward: a.ceil(), vjp(y, ct): flat }
        /// Nearest whole number, ties to even; derivative 0.
        Round = "round" (a) -> Float on Real { forward: a.round_ties_even(), vjp(y, ct): flat }
        /// The whole part, towards zero; derivative 0.
        Truncate = "truncate" (a) -> Float on Real { forward: a.trunc(), vjp(y, ct): flat }
        /// Sine of an angle in radians.
        Sin = "sin" (a) -> Float on Real { forward: math::sin(a), vjp(y, ct): (ct * a.cos()) }
        /// Cosine of an angle in radians.
        Cos = "cos" (a) -> Float on Real { forward: math::cos(a), vjp(y, ct): (-(ct * a.sin())) }
        /// Tangent of an angle in radians.
        Tan = "tan" (a) -> Float on Unit { forward: math::tan(a), vjp(y, ct): (ct * (one(y) + y * y)) }
        /// Arc sine in radians; NaN outside [-1, 1].
        Asin = "asin" (a) -> Float on Unit { forward: math::asin(a), vjp(y, ct): (ct / ((one(a) - a) * (one(a) + a)).sqrt()) }
        /// Arc cosine in radians; NaN outside [-1, 1].
        Acos = "acos" (a) -> Float on Unit { forward: math::acos(a), vjp(y, ct): (-(ct / ((one(a) - a) * (one(a) + a)).sqrt())) }
        /// Arc tangent of one argument, in radians.
        Atan = "%atan1" (a) -> Float on Real { forward: math::atan(a), vjp(y, ct): (ct / (one(a) + a * a)) }
        /// Hyperbolic sine.
        Sinh = "sinh" (a) -> Float on Real { forward: math::sinh(a), vjp(y, ct): (ct * a.cosh()) }
        /// Hyperbolic cosine.
        Cosh = "cosh" (a) -> Float on Real { forward: math::cosh(a), vjp(y, ct): (ct * a.sinh()) }
        /// Hyperbolic tangent.
        Tanh = "tanh" (a) -> Float on Real { forward: math::tanh(a), vjp(y, ct): (ct * (a.lift(4.0) * (a + a).sigmoid_slope())) }
        /// The exponential function.
        Exp = "exp" (a) -> Float on Real { forward: math::exp(a), vjp(y, ct): (ct * y) }
        /// Natural logarithm of one argument; -inf at 0, NaN below.
        Ln = "%ln" (a) -> Float on Positive { forward: math::ln(a), vjp(y, ct): (ct / a.not_below_zero()) }
        /// Square root; NaN below zero.
        Sqrt = "sqrt" (a) -> Float on Positive { forward: a.sqrt(), vjp(y, ct): (ct * y.lift(0.5) / y) }
        /// `x` times `x`.
        Square = "square" (a) -> Float on Real { forward: a * a, vjp(y, ct): (ct * (a.lift(2.0) * a)) }
        /// The logistic function, 1 / (1 + e^-x).
        Sigmoid = "sigmoid" (a) -> Float on Real { forward: math::sigmoid(a), vjp(y, ct): (ct * a.sigmoid_slope()) }
        /// log(1 + e^x), without overflow.
        Softplus = "softplus" (a) -> Float on Real { forward: math::softplus(a), vjp(y, ct): (ct * a.sigmoid()) }
        /// The slope of `sigmoid`, σ(x) σ(-x): y (1 - y) would cancel where y is nearly 1.
        SigmoidSlope = "%sigmoid-slope" (a) -> Float on Real { forward: math::sigmoid_slope(a), vjp(y, ct): (-(ct * (y * (a.lift(0.5) * a).tanh()))) }
        /// The same number; NaN below 0, where a function of it has no value and its slope is not to have one.
        NotBelowZero = "%not-below-zero" (a) -> Float on Positive { forward: not_below_zero(a), vjp(y, ct): ct }
        /// The root of a sum of squares that is 0 because all its numbers are: derivative 0. The square of it
        /// has the derivatives of the sum, which whoever records it sees to.
        NormAtZero = "%norm-at-zero" (a) -> Float on Held { forward: a.sqrt(), vjp(y, ct): flat }
        /// log(1 + x), exact for small x; -inf at -1, NaN below.
        Log1p = "log1p" (a) -> Float on Positive { forward: math::ln_1p(a), vjp(y, ct): (valued(y, ct / (one(a) + a))) }
        /// e^x - 1, exact for small x.
        Expm1 = "expm1" (a) -> Float on Real { forward: math::expm1(a), vjp(y, ct): (ct * a.exp()) }
        /// log(1 - e^x), for x below 0, without cancellation; -inf at 0, NaN above.
        Log1mexp = "log1mexp" (a) -> Float on Negative { forward: math::log1mexp(a), vjp(y, ct): (valued(y, -(ct * (a.exp() / (zero(a) - a.expm1()))))) }
        /// log(p / (1 - p)), the logarithm of the odds; -inf at 0, inf at 1, NaN outside.
        Logit = "logit" (a) -> Float on Share { forward: math::logit(a), vjp(y, ct): ({ let s = a * (one(a) - a); valued(y, ct / s) }) }
        /// log(sigmoid(x)), without underflow.
        LogSigmoid = "log-sigmoid" (a) -> Float on Real { forward: math::log_sigmoid(a), vjp(y, ct): (ct * (-a).sigmoid()) }
        /// 2^x.
        Exp2 = "exp2" (a) -> Float on Real { forward: math::exp2(a), vjp(y, ct): (ct * (y * y.lift(std::f64::consts::LN_2))) }
        /// Logarithm to the base 2; -inf at 0, NaN below.
        Log2 = "log2" (a) -> Float on Positive { forward: math::log2(a), vjp(y, ct): (valued(y, ct * (a.lift(std::f64::consts::LOG2_E) / a))) }
        /// Logarithm to the base 10; -inf at 0, NaN below.
        Log10 = "log10" (a) -> Float on Positive { forward: math::log10(a), vjp(y, ct): (valued(y, ct * (a.lift(std::f64::consts::LOG10_E) / a))) }
        /// Inverse hyperbolic sine.
        Asinh = "asinh" (a) -> Float on Real { forward: math::asinh(a), vjp(y, ct): (ct / one(a).apply(Prim::Hypot, a)) }
        /// Inverse hyperbolic cosine; NaN below 1.
        Acosh = "acosh" (a) -> Float on AboveOne { forward: math::acosh(a), vjp(y, ct): (ct / ((a - one(a)).sqrt() * (a + one(a)).sqrt())) }
        /// Inverse hyperbolic tangent; infinite at -1 and 1, NaN outside.
        Atanh = "atanh" (a) -> Float on Unit { forward: math::atanh(a), vjp(y, ct): ({ let s = (one(a) - a) * (one(a) + a); valued(y, ct / s) }) }
        /// Cube root.
        Cbrt = "cbrt" (a) -> Float on NonZero { forward: math::cbrt(a), vjp(y, ct): (ct / (y.lift(3.0) * (y * y))) }
        /// sin(x) / x; 1 at 0.
        Sinc = "sinc" (a) -> Float on Real { forward: math::sinc(a), vjp(y, ct): (ct * a.apply(Prim::SincSlope, a)) }
        /// The derivative of sin(x) / x.
        SincSlope = "%sinc-slope" (a) -> Float on Real { forward: math::sinc_slope(a), vjp(y, ct): ({
            let bend = -(a.apply(Prim::Sinc, a) + a.lift(2.0) * y / a);
            ct * a.is_zero().select(a.lift(-1.0 / 3.0), bend)
        }) }
        /// The error function.
        Erf = "erf" (a) -> Float on Real { forward: math::erf(a), vjp(y, ct): (ct * (a.lift(std::f64::consts::FRAC_2_SQRT_PI) * a.apply(Prim::Gauss, a))) }
        /// 1 less the error function, without cancellation.
        Erfc = "erfc" (a) -> Float on Real { forward: math::erfc(a), vjp(y, ct): (-(ct * (a.lift(std::f64::consts::FRAC_2_SQRT_PI) * a.apply(Prim::Gauss, a)))) }
        /// e^(-x²), to the last bit however large the square.
        Gauss = "%gauss" (a) -> Float on Real { forward: math::gauss(a), vjp(y, ct): (ct * (a.lift(-2.0) * a * y)) }
        /// Logarithm of the standard normal distribution function, without underflow.
        LogNormalCdf = "log-normal-cdf" (a) -> Float on Real { forward: math::log_normal_cdf(a), vjp(y, ct): (ct * a.apply(Prim::Mills, a)) }
        /// The slope of that: the normal density over the distribution function.
        Mills = "%mills" (a) -> Float on Real { forward: math::mills(a), vjp(y, ct): (-(ct * (y * a.apply(Prim::MillsExcess, a)))) }
        /// What that slope is above -x; in the far negative tail their sum would cancel.
        MillsExcess = "%mills-excess" (a) -> Float on Real { forward: math::mills_excess(a), vjp(y, ct): (ct * (one(a) - y * a.apply(Prim::Mills, a))) }
        /// Logarithm of the magnitude of the gamma function; infinite at 0 and at negative whole numbers.
        Lgamma = "lgamma" (a) -> Float on Positive { forward: math::lgamma(a), vjp(y, ct): (ct * a.apply(Prim::Digamma, a)) }
        /// Derivative of lgamma; NaN at negative whole numbers.
        Digamma = "digamma" (a) -> Float on Positive { forward: math::digamma(a), vjp(y, ct): (y.apply(Prim::NumEq, y).select(ct * a.apply(Prim::Trigamma, a), y)) }
        /// Derivative of digamma; infinite at 0 and at negative whole numbers.
        Trigamma = "trigamma" (a) -> Float on Positive { forward: math::trigamma(a), vjp(y, ct): (ct * a.lift(2.0).apply(Prim::Polygamma, a)) }
        /// -1, 0 or 1 by the sign of a number; derivative 0.
        Sign = "sign" (a) -> Same on NonZero { forward: sign(a), vjp(y, ct): flat }
        /// The same number, which no derivative passes: the shift of `soft-choice`'s exponents.
        Detach = "%detach" (a) -> Float on Held { forward: a, vjp(y, ct): flat }
    }
    binary {
        /// Sum.
        Add = "+" (a, b) Variadic::Fold(0.0), 0 -> Same on Real { forward: a + b, vjp(y, ct): ([ct, ct]) }
        /// Product.
        Mul = "*" (a, b) Variadic::Fold(1.0), 0 -> Same on Real { forward: a * b, vjp(y, ct): ([ct * b, ct * a]) }
        /// Difference; with one argument its negation.
        Sub = "-" (a, b) Variadic::Inverse, 1 -> Same on Real { forward: a - b, vjp(y, ct): ([ct, -ct]) }
        /// Quotient; with one argument its reciprocal.
        Div = "/" (a, b) Variadic::Inverse, 1 -> Float on NonZero { forward: a / b, vjp(y, ct): ([ct / b, -(ct * y / b)]) }
        /// The smallest argument; NaN if one is; a tie gives half to each side.
        Min = "min" (a, b) Variadic::Fold1, 1 -> Same on Real { forward: minimum(a, b), vjp(y, ct): (split(b.above(a), a.above(b), a.equals(b).select(ct.lift(0.5) * ct, y), ct)), counts: [a.above(b).is_zero(), b.above(a).is_zero()] }
        /// The largest argument; NaN if one is; a tie gives half to each side.
        Max = "max" (a, b) Variadic::Fold1, 1 -> Same on Real { forward: -minimum(-a, -b), vjp(y, ct): (split(a.above(b), b.above(a), a.equals(b).select(ct.lift(0.5) * ct, y), ct)), counts: [b.above(a).is_zero(), a.above(b).is_zero()] }
        /// Division rounded towards zero; derivative 0.
        Quotient = "quotient" | "truncate-quotient" (a, b) Variadic::No, 2 -> Same on NonZero { forward: (a / b).trunc(), vjp(y, ct): flat }
        /// Division rounded down; derivative 0.
        FloorQuotient = "floor-quotient" (a, b) Variadic::No, 2 -> Same on NonZero { forward: (a / b).floor(), vjp(y, ct): flat }
        /// What division rounded towards zero leaves: the sign is the dividend's.
        Remainder = "remainder" | "truncate-remainder" (a, b) Variadic::No, 2 -> Same on NonZero { forward: a % b, vjp(y, ct): ([valued(y, ct), -(ct * ((a - y) / b).round())]) }
        /// What division rounded down leaves: the sign is the divisor's.
        Modulo = "modulo" | "floor-remainder" (a, b) Variadic::No, 2 -> Same on NonZero { forward: modulo(a, b), vjp(y, ct): ([valued(y, ct), -(ct * ((a - y) / b).round())]) }
        /// Arc tangent of y / x in radians, by quadrant.
        Atan2 = "%atan2" (a, b) Variadic::No, 2 -> Float on NonZero { forward: math::atan2(a, b), vjp(y, ct): (turned(a, b, ct)) }
        /// Logarithm to a base.
        LogBase = "%log-base" (a, b) Variadic::No, 2 -> Float on Base { forward: math::log_base(a, b), vjp(y, ct): ({ let l = b.ln(); [valued(y, ct / (a * l)), -(ct * y / (b * l))] }) }
        /// Power; `(expt x 0)` is 1; the derivative by an exponent above 0 is 0 at base 0, and by any at base 1.
        Pow = "expt" | "pow" (a, b) Variadic::No, 2 -> Float on Positive { forward: math::powf(a, b), vjp(y, ct): ([
            b.is_zero().select(nothing(b), ct * (b * a.pow(b - one(b)))),
            is_fixed(a, b).select(nothing(a), ct * (y * a.ln())),
        ]), counts: [b, is_fixed(a, b).is_zero()] }
        /// √(x² + y²), without overflow; derivative 0 where both are 0.
        Hypot = "hypot" (a, b) Variadic::No, 2 -> Float on NonZero { forward: math::hypot(a, b), vjp(y, ct): ([
            y.is_zero().select(nothing(a), ct * (a / y)),
            y.is_zero().select(nothing(b), ct * (b / y)),
        ]), counts: { let both = a.is_zero().both(b.is_zero()).is_zero(); [both, both] } }
        /// Logarithm of the beta function of two numbers above 0; infinite where one is 0, NaN below.
        Lbeta = "lbeta" (a, b) Variadic::No, 2 -> Float on Above { forward: math::lbeta(a, b), vjp(y, ct): ({
            let both = (a + b).apply(Prim::Digamma, a);
            [a, b].map(|x| valued(y, ct * (x.apply(Prim::Digamma, x) - both)))
        }) }
        /// Derivative of an order, 2 or more, of digamma.
        Polygamma = "%polygamma" (a, b) Variadic::No, 2 -> Float on Order { forward: math::polygamma(a, b), vjp(y, ct): ([zero(a), ct * (a + one(a)).apply(Prim::Polygamma, b)]) }
        /// Greatest common divisor of whole numbers; derivative 0.
        Gcd = "gcd" (a, b) Variadic::Fold(0.0), 0 -> Float on Whole { forward: gcd(a, b), vjp(y, ct): flat }
        /// Least common multiple of whole numbers; derivative 0.
        Lcm = "lcm" (a, b) Variadic::Fold(1.0), 0 -> Float on Whole { forward: if a == 0.0 || b == 0.0 { 0.0 } else { (a / gcd(a, b) * b).abs() }, vjp(y, ct): flat }
        /// The first number with the derivative of the second: a hard choice with the gradient of the soft one.
        StraightThrough = "%straight-through" (a, b) Variadic::No, 2 -> Float on Held { forward: a, vjp(y, ct): ([zero(ct), ct]), counts: [zero(a), one(b)] }
        /// Gumbel noise: of a seed, the number at a position from 0; derivative 0.
        Gumbel = "%gumbel" (a, b) Variadic::No, 2 -> Float on Held { forward: gumbel(a, b), vjp(y, ct): flat }
    }
    predicates1 {
        /// Whether a boolean is false; of any other value, #f.
        Not = "not" (a) { a == 0.0 }
        /// Whether a number is 0.
        IsZero = "zero?" (a) { a == 0.0 }
        /// Whether a number is above 0.
        IsPositive = "positive?" (a) { a > 0.0 }
        /// Whether a number is below 0.
        IsNegative = "negative?" (a) { a < 0.0 }
        /// Whether a whole number is divisible by 2.
        IsEven = "even?" (a) { a % 2.0 == 0.0 }
        /// Whether a whole number is not divisible by 2.
        IsOdd = "odd?" (a) { a % 2.0 != 0.0 }
        /// Whether the value is a whole number; 2.0 is.
        IsInteger = "integer?" (a) { a.is_finite() && a.fract() == 0.0 }
    }
    predicates2 {
        /// Whether all numbers are equal.
        NumEq = "=" (a, b) Variadic::Chain, 1 { a == b }
        /// Whether numbers increase.
        Lt = "<" (a, b) Variadic::Chain, 1 { a < b }
        /// Whether numbers decrease.
        Gt = ">" (a, b) Variadic::Chain, 1 { a > b }
        /// Whether numbers do not decrease.
        Le = "<=" (a, b) Variadic::Chain, 1 { a <= b }
        /// Whether numbers do not increase.
        Ge = ">=" (a, b) Variadic::Chain, 1 { a >= b }
        /// Whether both booleans are true: joins the links of a comparison.
        Both = "%both" (a, b) Variadic::No, 2 { a != 0.0 && b != 0.0 }
        /// Whether one of two booleans is true: joins the data of a `case` clause.
        Either = "%either" (a, b) Variadic::No, 2 { a != 0.0 || b != 0.0 }
    }
    structural {
        /// The first of three where the test holds, the second otherwise: an `if` whose arms were both recorded.
        Select = "%select" (3, Some(3))
        /// The first number of an operation on whole matrices.
        Block = "%block" (0, Some(0))
        /// Each further number of the block before it.
        Part = "%part" (0, Some(0))
        /// Arc tangent in radians, of x or of y / x.
        AtanAny = "atan" (1, Some(2))
        /// Logarithm, natural or to a base.
        LogAny = "log" (1, Some(2))
        /// The same number, as an int.
        Exact = "exact" | "inexact->exact" (1, Some(1))
        /// The same number, as a float.
        Inexact = "inexact" | "exact->inexact" (1, Some(1))
        /// A pair.
        Cons = "cons" (2, Some(2))
        /// The first of a pair.
        Car = "car" (1, Some(1))
        /// The second of a pair.
        Cdr = "cdr" (1, Some(1))
        /// `(car (car x))`.
        Caar = "caar" (1, Some(1))
        /// `(car (cdr x))`.
        Cadr = "cadr" (1, Some(1))
        /// `(cdr (car x))`.
        Cdar = "cdar" (1, Some(1))
        /// `(cdr (cdr x))`.
        Cddr = "cddr" (1, Some(1))
        /// `car` of `caar`.
        Caaar = "caaar" (1, Some(1))
        /// `car` of `cadr`.
        Caadr = "caadr" (1, Some(1))
        /// `car` of `cdar`.
        Cadar = "cadar" (1, Some(1))
        /// `car` of `cddr`.
        Caddr = "caddr" (1, Some(1))
        /// `cdr` of `caar`.
        Cdaar = "cdaar" (1, Some(1))
        /// `cdr` of `cadr`.
        Cdadr = "cdadr" (1, Some(1))
        /// `cdr` of `cdar`.
        Cddar = "cddar" (1, Some(1))
        /// `cdr` of `cddr`.
        Cdddr = "cdddr" (1, Some(1))
        /// `car` of `caaar`.
        Caaaar = "caaaar" (1, Some(1))
        /// `car` of `caadr`.
        Caaadr = "caaadr" (1, Some(1))
        /// `car` of `cadar`.
        Caadar = "caadar" (1, Some(1))
        /// `car` of `caddr`.
        Caaddr = "caaddr" (1, Some(1))
        /// `car` of `cdaar`.
        Cadaar = "cadaar" (1, Some(1))
        /// `car` of `cdadr`.
        Cadadr = "cadadr" (1, Some(1))
        /// `car` of `cddar`.
        Caddar = "caddar" (1, Some(1))
        /// `car` of `cdddr`.
        Cadddr = "cadddr" (1, Some(1))
        /// `cdr` of `caaar`.
        Cdaaar = "cdaaar" (1, Some(1))
        /// `cdr` of `caadr`.
        Cdaadr = "cdaadr" (1, Some(1))
        /// `cdr` of `cadar`.
        Cdadar = "cdadar" (1, Some(1))
        /// `cdr` of `caddr`.
        Cdaddr = "cdaddr" (1, Some(1))
        /// `cdr` of `cdaar`.
        Cddaar = "cddaar" (1, Some(1))
        /// `cdr` of `cdadr`.
        Cddadr = "cddadr" (1, Some(1))
        /// `cdr` of `cddar`.
        Cdddar = "cdddar" (1, Some(1))
        /// `cdr` of `cdddr`.
        Cddddr = "cddddr" (1, Some(1))
        /// A list of the arguments.
        List = "list" (0, None)
        /// How many elements a list has.
        Length = "length" (1, Some(1))
        /// Lists joined; the last is shared.
        Append = "append" (0, None)
        /// A list backwards.
        Reverse = "reverse" (1, Some(1))
        /// The element of a list at an index from 0.
        ListRef = "list-ref" (2, Some(2))
        /// A list without its first elements.
        ListTail = "list-tail" (2, Some(2))
        /// The rest of a list from the first element that is `eq?`, or #f.
        Memq = "memq" (2, Some(2))
        /// The rest of a list from the first element that is `eqv?`, or #f.
        Memv = "memv" (2, Some(2))
        /// The rest of a list from the first element that is `equal?`, or #f.
        Member = "%member" (2, Some(2))
        /// The first pair of a list whose car is `eq?`, or #f.
        Assq = "assq" (2, Some(2))
        /// The first pair of a list whose car is `eqv?`, or #f.
        Assv = "assv" (2, Some(2))
        /// The first pair of a list whose car is `equal?`, or #f.
        Assoc = "%assoc" (2, Some(2))
        /// Whether two values are the same; numbers by value.
        IsEq = "eq?" (2, Some(2))
        /// Whether two values are the same; numbers by value, whatever their tags.
        IsEqv = "eqv?" (2, Some(2))
        /// Whether two values have the same structure.
        IsEqual = "equal?" (2, Some(2))
        /// Whether it is a number.
        IsNumber = "number?" | "real?" | "complex?" (1, Some(1))
        /// Whether it is #t or #f.
        IsBoolean = "boolean?" (1, Some(1))
        /// Whether it is a symbol.
        IsSymbol = "symbol?" (1, Some(1))
        /// Whether it is a pair.
        IsPair = "pair?" (1, Some(1))
        /// Whether it is the empty list.
        IsNull = "null?" (1, Some(1))
        /// Whether it is a list that ends in the empty list.
        IsList = "list?" (1, Some(1))
        /// Whether it can be applied.
        IsProcedure = "procedure?" (1, Some(1))
        /// Whether it is a string.
        IsString = "string?" (1, Some(1))
        /// Whether it is a character.
        IsChar = "char?" (1, Some(1))
        /// Whether it is a vector.
        IsVector = "vector?" (1, Some(1))
        /// Whether a number's tag is int.
        IsExact = "exact?" (1, Some(1))
        /// Whether a number's tag is float.
        IsInexact = "inexact?" (1, Some(1))
        /// How many characters a string has.
        StringLength = "string-length" (1, Some(1))
        /// The list of a string's characters.
        StringToList = "%string->list" (1, Some(1))
        /// The string of a list of characters.
        ListToString = "list->string" (1, Some(1))
        /// A number as it is written, or a whole one in base 2, 8, 10 or 16.
        NumberToString = "number->string" (1, Some(2))
        /// The number that a string is written as, perhaps in base 2, 8, 10 or 16; #f if it is none.
        StringToNumber = "string->number" (1, Some(2))
        /// The name of a symbol.
        SymbolToString = "symbol->string" (1, Some(1))
        /// The symbol of a name.
        StringToSymbol = "string->symbol" (1, Some(1))
        /// The code point of a character.
        CharToInteger = "char->integer" (1, Some(1))
        /// The character of a code point.
        IntegerToChar = "integer->char" (1, Some(1))
        /// Whether a character is of the class of a name: `(%char-is 'numeric c)`.
        CharIs = "%char-is" (2, Some(2))
        /// Another case of a character: `(%char-to 'upcase c)`.
        CharTo = "%char-to" (2, Some(2))
        /// A value that a predicate holds of; else an error of the procedure of a name: `(%check list? 'last x)`.
        Check = "%check" (3, Some(3))
        /// A whole number of 0 or more; else an error: `(%whole 'iota count)`.
        Whole = "%whole" (2, Some(2))
        /// The further arguments of a procedure, if they are no more than it takes: `(%at-most more 1 3 'iota)`.
        AtMost = "%at-most" (4, Some(4))
        /// A type error of the procedure of a name: `(%wants 'map 'lists x)`.
        Wants = "%wants" (3, Some(3))
        /// An error of a kind and the procedure of a name, and its text in pieces: `(%refuse 'index 'take 'wants k 'elements)`.
        Refuse = "%refuse" (3, None)
        /// Accounts for so many steps of a loop of the prelude.
        Spend = "%spend" (1, Some(1))
        /// A vector of numbers; `[a b c]` is the same.
        Vec = "vec" | "vector" (1, None)
        /// A matrix of vectors, its rows.
        Mat = "mat" (1, None)
        /// The element of a vector at an index from 0; of a matrix, a row, or with two indices a number.
        Ref = "ref" | "vector-ref" (2, Some(3))
        /// The sum of the products of two vectors' numbers.
        Dot = "dot" (2, Some(2))
        /// The cross product of two vectors of 3.
        Cross = "cross" (2, Some(2))
        /// The square root of the sum of the squares of all numbers.
        Norm = "norm" (1, Some(1))
        /// All numbers divided by the norm.
        Normalize = "normalize" (1, Some(1))
        /// The sum of all numbers.
        Vsum = "vsum" (1, Some(1))
        /// How many numbers a vector has, or rows a matrix.
        Vlen = "vlen" | "vector-length" (1, Some(1))
        /// All numbers times a number, which stands before or after.
        Scale = "scale" (2, Some(2))
        /// The product of two matrices.
        Matmul = "matmul" (2, Some(2))
        /// The product of a matrix and a vector.
        Matvec = "matvec" (2, Some(2))
        /// Rows become columns.
        Transpose = "transpose" (1, Some(1))
        /// The sum of a square matrix's diagonal.
        Trace = "trace" (1, Some(1))
        /// The determinant.
        Det = "det" (1, Some(1))
        /// The logarithm of the determinant's magnitude, exact where that over- or underflows.
        Logdet = "logdet" (1, Some(1))
        /// The inverse; a singular matrix is an error.
        Inv = "inv" (1, Some(1))
        /// The solution x of A x = b, or of each column of a matrix b; a singular A is an error.
        Solve = "solve" (2, Some(2))
        /// The lower triangular L with L Lᵀ = A, by A's lower triangle; an error unless A is positive definite.
        Cholesky = "cholesky" (1, Some(1))
        /// The products of each number of one vector with each of another.
        Outer = "outer" (2, Some(2))
        /// The identity matrix of a size.
        Eye = "eye" (1, Some(1))
        /// A vector or matrix of zeros.
        Zeros = "zeros" (1, Some(2))
        /// A vector or matrix of ones.
        Ones = "ones" (1, Some(2))
        /// How many rows a matrix has.
        Rows = "rows" (1, Some(1))
        /// How many columns a matrix has.
        Cols = "cols" (1, Some(1))
        /// The sum of a list's, vector's or matrix's numbers; of none 0.
        Sum = "sum" (1, Some(1))
        /// The product of a list's, vector's or matrix's numbers; of none 1.
        Prod = "prod" (1, Some(1))
        /// The arithmetic mean of one number or more.
        Mean = "mean" (1, Some(1))
        /// The sample variance of two numbers or more: squared deviations from the mean, over one less than their count.
        Variance = "variance" (1, Some(1))
        /// The index of the first largest number of a list or vector, where NaN counts as largest; no derivative.
        Argmax = "argmax" (1, Some(1))
        /// The sums of the first number, the first two, and so on.
        Cumsum = "cumsum" (1, Some(1))
        /// Numbers in ascending order, equal ones as they stood, NaN last; the derivative goes with its number.
        Sort = "%sort" (1, Some(1))
        /// The piecewise linear function through knots and values, at a number or at each of several; constant beyond the knots or, with 'linear, going on. Right derivatives at knots.
        Interp = "interp" (3, Some(4))
        /// log(Σ e^x) without overflow; derivatives are the softmax. Of all -inf it is -inf with derivatives 0; with +inf it is that, and the derivative is shared by those that are.
        Logsumexp = "logsumexp" (1, Some(1))
        /// e^x over Σ e^x without overflow; numbers that are +inf share 1, all -inf give NaN.
        Softmax = "softmax" (1, Some(1))
        /// The diagonal matrix of a vector, or the diagonal of a matrix.
        Diag = "diag" (1, Some(1))
        /// The numbers of a vector, or rows of a matrix, from an index up to another (by default the end) that is not taken.
        Slice = "slice" (2, Some(3))
        /// Vectors and numbers joined to one vector.
        Concat = "concat" (1, None)
        /// Matrices side by side, a vector standing for a column; of vectors alone, as `concat`.
        Hstack = "hstack" (1, None)
        /// Matrices one above the other, a vector standing for a row.
        Vstack = "vstack" (1, None)
        /// A column of a matrix, as a vector.
        Col = "col" (2, Some(2))
        /// A row of a matrix, as a vector.
        Row = "row" (2, Some(2))
        /// The same numbers, row by row, as a vector of a length or a matrix of rows and columns.
        Reshape = "reshape" (2, Some(3))
        /// The sums of each number of one vector with each of another.
        OuterSum = "outer-sum" (2, Some(2))
        /// The solution x of L x = b, or of each column of a matrix b, where of the matrix only the triangle is read that is named, 'lower (by default) or 'upper; a zero on its diagonal is an error.
        SolveTriangular = "solve-triangular" (2, Some(3))
        /// The solution x of L Lᵀ x = b, or of each column of a matrix b, by L, which `cholesky` gives.
        CholeskySolve = "cholesky-solve" (2, Some(2))
        /// The list (L U P) with P A = L U, by partial pivoting: the first largest of a column.
        Lu = "lu" (1, Some(1))
        /// The list (Q R) with A = Q R, of thin shapes; R's diagonal is not negative.
        Qr = "qr" (1, Some(1))
        /// The list of a symmetric matrix's eigenvalues, ascending, and its eigenvectors, columns whose largest number is positive; the lower triangle is read.
        Eigh = "eigh" (1, Some(1))
        /// The list (U s V) with A = U diag(s) Vᵀ, of thin shapes; s descends, and the largest number of each column of U is positive.
        Svd = "svd" (1, Some(1))
        /// The exponential of a square matrix.
        Expm = "expm" (1, Some(1))
        /// The vector of a list of numbers, or the matrix of a list of vectors.
        ListToVec = "list->vec" | "list->vector" (1, Some(1))
        /// The list of a vector's numbers, or of a matrix's rows.
        VecToList = "vec->list" (1, Some(1))
        /// Applies a procedure to leading arguments and a list of the rest.
        Apply = "apply" (2, None)
        /// Fails with a message and irritants.
        Error = "error" (1, None)
        /// The second argument; it is told by the name that is the first, a string.
        Monitor = "monitor" (2, Some(2))
        /// Whether a key is `eqv?` to one of a list: a clause of `case`.
        CaseMatch = "%case-match" (2, Some(2))
        /// Options blended by the softmax of weights, which come last: `soft-choice`.
        SoftChoice = "%soft-choice" (3, None)
        /// Two numbers blended by how far a second number is above a first: `soft-if`.
        SoftIf = "%soft-if" (4, Some(4))
        /// The first of two numbers where a test holds, the second otherwise: an `if` of the prelude that leaves no guard.
        Pick = "%pick" (3, Some(3))
        /// The same number or vector, as a variable that slopes are by; no derivative passes it.
        Variable = "%variable" (1, Some(1))
        /// The derivative of a number by a variable; by a vector of them, the vector.
        Slope = "%slope" (2, Some(2))
        /// How many numbers of noise were drawn so far, #f where none are; given such a number, the next is that one again.
        Drawn = "%drawn" (0, Some(1))
        /// Applies a procedure to a list, for the expression in the car of `here`.
        ApplyAt = "%apply-at" (3, Some(3))
        /// The value of an `if`'s test, for the expression in the car of `here`.
        TestAt = "%test-at" (2, Some(2))
        /// The input of a name, which the caller may not have given.
        Given = "%given" (2, Some(2))
        /// Fails for the expression in the car of `here`.
        FailAt = "%fail-at" (3, Some(3))
        /// An empty cell.
        Cell = "%cell" (0, Some(0))
        /// Fills a cell, once.
        CellFill = "%cell-fill" (2, Some(2))
        /// Whether a cell has been filled.
        IsFilled = "%filled?" (1, Some(1))
        /// A value that is no pair to programs: its kind (a record, a promise, several values), its
        /// type and its content.
        Wrap = "%wrap" (3, Some(3))
        /// Whether a value is of a kind and a type.
        IsWrapped = "%wrapped?" (3, Some(3))
        /// The content of a value of a kind and a type; the name is of what wants one.
        Unwrap = "%unwrap" (4, Some(4))
        /// The list of several values, of which there must be so many, or at least so many.
        Received = "%received" (3, Some(3))
        /// Fails for a number of arguments that no clause of a `case-lambda` takes.
        NoClause = "%no-clause" (1, Some(1))
        /// The content of a cell, for the variable in the car of `here`.
        CellRef = "%cell-ref" (2, Some(2))
        /// Whether the car of a pair of a program is the place of a variable.
        IsPlace = "%place?" (1, Some(1))
        /// The value of the variable in the car of `here`, in an environment.
        EnvRef = "%env-ref" (2, Some(2))
        /// The primitive or prelude procedure of a name, or #f.
        GlobalRef = "%global-ref" (1, Some(1))
        /// An environment with one rib more, an argument list of so many elements.
        Enter = "%enter" (3, Some(3))
        /// The same, with all arguments after the first so many gathered into a list.
        EnterRest = "%enter-rest" (3, Some(3))
        /// An environment with one rib more, of so many values that are still to come.
        EnterEmpty = "%enter-empty" (2, Some(2))
        /// Gives the innermost rib of an environment its value at an index, once.
        Fill = "%fill" (3, Some(3))
    }
}
