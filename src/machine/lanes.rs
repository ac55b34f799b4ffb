//! Sixteen lanes of numbers, side by side, and vectors of a processor that do one operation on all.
//!
//! **Invariants**
//! - An operation on a lane is the IEEE operation on its numbers, never contracted: a lane has the
//!   same bits on every processor, whatever stands in the other lanes.
//! - [`dispatch`] alone chooses the instructions, and no more of them than were found.

#![allow(
    clippy::inline_always,
    reason = "compiled for several kinds of processor"
)]

use crate::prim::math::{self, Cpu};
use std::ops::{Add, Mul, Sub};

/// How many lanes go together.
pub(super) const LANES: usize = 16;

/// The numbers of sixteen lanes, in memory.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub struct Wide<T>(pub(super) [T; LANES]);

/// A kind of number that the kernel runs on: `f32` or `f64`.
pub trait Number: Copy + Default + PartialOrd + Send + Sync + Sealed + 'static {
    /// Rounds.
    fn from_f64(x: f64) -> Self;
    /// As it is.
    fn to_f64(self) -> f64;
}

/// What the kernel needs of a number, and its vectors.
pub trait Sealed: Sized + Copy {
    #[doc(hidden)]
    type Plain: Vector<Number = Self>;
    #[cfg(target_arch = "x86_64")]
    #[doc(hidden)]
    type Avx2: Vector<Number = Self>;
    #[cfg(target_arch = "x86_64")]
    #[doc(hidden)]
    type Avx512: Vector<Number = Self>;
}

impl Number for f32 {
    fn from_f64(x: f64) -> Self {
        x as Self
    }

    fn to_f64(self) -> f64 {
        f64::from(self)
    }
}

impl Number for f64 {
    fn from_f64(x: f64) -> Self {
        x
    }

    fn to_f64(self) -> f64 {
        self
    }
}

impl Sealed for f32 {
    type Plain = Plain<f32>;
    #[cfg(target_arch = "x86_64")]
    type Avx2 = x86::Avx2F32;
    #[cfg(target_arch = "x86_64")]
    type Avx512 = x86::Avx512F32;
}

impl Sealed for f64 {
    type Plain = Plain<f64>;
    #[cfg(target_arch = "x86_64")]
    type Avx2 = x86::Avx2F64;
    #[cfg(target_arch = "x86_64")]
    type Avx512 = x86::Avx512F64;
}

impl<T: Number> Wide<T> {
    /// One number in all lanes.
    #[inline(always)]
    pub(super) fn splat(x: T) -> Self {
        Self([x; LANES])
    }

    /// A function of each lane's number, in binary64.
    pub(super) fn map(&self, f: impl Fn(f64) -> f64) -> Self {
        Self(self.0.map(|x| T::from_f64(f(x.to_f64()))))
    }

    /// A function of two numbers of each lane.
    pub(super) fn zip(&self, other: &Self, f: impl Fn(f64, f64) -> f64) -> Self {
        let at = |lane: usize| f(self.0[lane].to_f64(), other.0[lane].to_f64());
        Self(std::array::from_fn(|lane| T::from_f64(at(lane))))
    }

    /// The sum of all lanes, in their order.
    pub(super) fn sum(&self) -> f64 {
        self.0.iter().fold(0.0, |sum, x| sum + x.to_f64())
    }
}

/// The exponential of each lane.
pub(super) fn exp<T: Number>(x: &Wide<T>) -> Wide<T> {
    x.map(math::exp)
}

/// Sixteen lanes in a processor's registers.
pub trait Vector: Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> {
    #[doc(hidden)]
    type Number: Number;
    #[doc(hidden)]
    fn load(from: &Wide<Self::Number>) -> Self;
    #[doc(hidden)]
    fn store(self, to: &mut Wide<Self::Number>);
    #[doc(hidden)]
    fn splat(x: Self::Number) -> Self;
    #[doc(hidden)]
    fn zero() -> Self;
}

/// Vectors for any processor: the compiler makes of them what it can.
#[derive(Clone, Copy)]
pub struct Plain<T>([T; LANES]);

macro_rules! plain {
    ($number:ty) => {
        plain!($number, Add, add, +=);
        plain!($number, Sub, sub, -=);
        plain!($number, Mul, mul, *=);

        impl Vector for Plain<$number> {
            type Number = $number;

            #[inline(always)]
            fn load(from: &Wide<$number>) -> Self {
                Self(from.0)
            }

            #[inline(always)]
            fn store(self, to: &mut Wide<$number>) {
                to.0 = self.0;
            }

            #[inline(always)]
            fn splat(x: $number) -> Self {
                Self([x; LANES])
            }

            #[inline(always)]
            fn zero() -> Self {
                Self([0.0; LANES])
            }
        }
    };
    ($number:ty, $trait:ident, $name:ident, $op:tt) => {
        impl $trait for Plain<$number> {
            type Output = Self;

            #[inline(always)]
            fn $name(mut self, other: Self) -> Self {
                for (a, b) in self.0.iter_mut().zip(other.0) {
                    *a $op b;
                }
                self
            }
        }
    };
}

plain!(f32);
plain!(f64);

#[cfg(target_arch = "x86_64")]
mod x86 {
    //! Vectors of x86-64: what the compiler makes of arrays is fifty times slower with AVX-512.
    //!
    //! **Invariants**
    //! - Values of these types are made by [`super::dispatch`] alone, on processors that have the
    //!   instructions.

    use super::{LANES, Vector, Wide};
    #[allow(
        clippy::wildcard_imports,
        reason = "a name for each operation and width says no more"
    )]
    use std::arch::x86_64::*;
    use std::ops::{Add, Mul, Sub};

    macro_rules! vectors {
        ($name:ident: $number:ty, $count:literal of $register:ty;
         $zero:ident $splat:ident $load:ident $store:ident $add:ident $sub:ident $mul:ident) => {
            #[derive(Clone, Copy)]
            pub struct $name([$register; $count]);

            vectors!($name, $count, Add, add, $add);
            vectors!($name, $count, Sub, sub, $sub);
            vectors!($name, $count, Mul, mul, $mul);

            impl Vector for $name {
                type Number = $number;

                #[inline(always)]
                fn load(from: &Wide<$number>) -> Self {
                    let mut vector = Self::zero();
                    let wide = LANES / $count;
                    for (register, at) in vector.0.iter_mut().zip(from.0.chunks_exact(wide)) {
                        // SAFETY: the processor has the instruction, by the invariant; `at` is as
                        // long as a register and, being such a part of what is aligned, aligned.
                        *register = unsafe { $load(at.as_ptr()) };
                    }
                    vector
                }

                #[inline(always)]
                fn store(self, to: &mut Wide<$number>) {
                    let wide = LANES / $count;
                    for (register, at) in self.0.into_iter().zip(to.0.chunks_exact_mut(wide)) {
                        // SAFETY: as for `load`.
                        unsafe { $store(at.as_mut_ptr(), register) };
                    }
                }

                #[inline(always)]
                fn splat(x: $number) -> Self {
                    // SAFETY: the processor has the instruction, by the invariant.
                    Self([unsafe { $splat(x) }; $count])
                }

                #[inline(always)]
                fn zero() -> Self {
                    // SAFETY: the processor has the instruction, by the invariant.
                    Self([unsafe { $zero() }; $count])
                }
            }
        };
        ($name:ident, $count:literal, $trait:ident, $method:ident, $op:ident) => {
            impl $trait for $name {
                type Output = Self;

                #[inline(always)]
                fn $method(mut self, other: Self) -> Self {
                    for (a, b) in self.0.iter_mut().zip(other.0) {
                        // SAFETY: the processor has the instruction, by the invariant.
                        *a = unsafe { $op(*a, b) };
                    }
                    self
                }
            }
        };
    }

    vectors!(Avx512F32: f32, 1 of __m512; _mm512_setzero_ps _mm512_set1_ps _mm512_load_ps
        _mm512_store_ps _mm512_add_ps _mm512_sub_ps _mm512_mul_ps);
    vectors!(Avx512F64: f64, 2 of __m512d; _mm512_setzero_pd _mm512_set1_pd _mm512_load_pd
        _mm512_store_pd _mm512_add_pd _mm512_sub_pd _mm512_mul_pd);
    vectors!(Avx2F32: f32, 2 of __m256; _mm256_setzero_ps _mm256_set1_ps _mm256_load_ps
        _mm256_store_ps _mm256_add_ps _mm256_sub_ps _mm256_mul_ps);
    vectors!(Avx2F64: f64, 4 of __m256d; _mm256_setzero_pd _mm256_set1_pd _mm256_load_pd
        _mm256_store_pd _mm256_add_pd _mm256_sub_pd _mm256_mul_pd);
}

/// Work on vectors of whichever kind.
pub(super) trait Work {
    /// What its numbers are.
    type Number: Number;

    /// Does it. Implementations are `#[inline(always)]`, or they do not get the instructions.
    fn run<V: Vector<Number = Self::Number>>(self);
}

/// Does work with the instructions of the processor, or of an older one.
pub(super) fn dispatch<W: Work>(cpu: Cpu, work: W) {
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw,avx2,fma")]
    fn avx512<W: Work>(work: W) {
        work.run::<<W::Number as Sealed>::Avx512>();
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    fn avx2<W: Work>(work: W) {
        work.run::<<W::Number as Sealed>::Avx2>();
    }

    match cpu.min(Cpu::detect()) {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the processor was found to have these features.
        Cpu::Avx512 => unsafe { avx512(work) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the processor was found to have these features.
        Cpu::Avx2 => unsafe { avx2(work) },
        _ => work.run::<<W::Number as Sealed>::Plain>(),
    }
}
