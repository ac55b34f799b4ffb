//! Primitives: what each is called, takes, computes and how it differentiates.
//!
//! A row of `table` goes in; the [`Prim`] enum and everything the stages ask of a primitive come
//! out: [`Prim::spec`], [`Prim::from_name`], [`Prim::forward`], [`Prim::vjp`].
//!
//! **Invariants**
//! - One primitive, one row: no other list of names, arities or derivatives exists.
//! - A row's VJP fixes the operations and their order, so gradients are equal to the bit wherever
//!   the same trace is swept.
//! - Structure is discrete, numbers are differentiable: structural rows have no VJP.

pub(crate) mod block;
pub(crate) mod linalg;
pub(crate) mod math;
mod real;
pub(crate) mod relaxation;
mod rules;
mod table;
pub(crate) mod tagged;
pub(crate) mod value;

pub use real::Real;
pub use table::Prim;

use crate::symbol::{Sym, Symbols};
use rustc_hash::FxHashMap;
use std::fmt;
use std::sync::LazyLock;

/// What kind of row a primitive has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Numbers to a number: recorded in traces, differentiable.
    Numeric(TagRule),
    /// Numbers or booleans to a boolean: recorded in traces, derivative zero.
    Predicate,
    /// Works on the heap, on tags or on control: never recorded.
    Structural,
}

/// How the tag of a numeric result follows from the tags of its arguments (never from values).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TagRule {
    /// Int when all arguments are ints, float otherwise.
    Same,
    /// Always float.
    Float,
}

/// Where a numeric primitive is probed by the gradient tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Domain {
    /// All reals.
    Real,
    /// Greater than zero.
    Positive,
    /// Strictly between -1 and 1.
    Unit,
    /// Away from zero.
    NonZero,
    /// Both arguments greater than zero, the second not 1.
    Base,
    /// Less than zero.
    Negative,
    /// Strictly between 0 and 1.
    Share,
    /// Greater than 1.
    AboveOne,
    /// Both arguments greater than zero.
    Above,
    /// The first a whole number from 2 up, the second greater than zero; no derivative by the first.
    Order,
    /// Whole numbers.
    Whole,
    /// None: the derivative is by design not that of the values.
    Held,
}

/// How a numeric or predicate row takes more or fewer arguments than its rule is written for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Variadic {
    /// Exactly as many as the rule.
    No,
    /// Folds from the left; the number is the value without arguments.
    Fold(f64),
    /// Folds from the left; at least one argument.
    Fold1,
    /// As `-` and `/`: folds from the left; one argument goes to the inverse.
    Inverse,
    /// Every neighbouring pair must hold; at least one argument.
    Chain,
}

/// What a row says of its primitive.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Spec {
    /// The name in programs and `.ncg` files; internal rows begin with `%`.
    pub name: &'static str,
    /// Other names that mean the same.
    pub aliases: &'static [&'static str],
    /// Numeric, predicate or structural.
    pub kind: Kind,
    /// The smallest number of arguments.
    pub min_args: u32,
    /// The largest number of arguments; none for "any number".
    pub max_args: Option<u32>,
    /// How other numbers of arguments are taken.
    pub variadic: Variadic,
    /// Where tests probe it.
    pub domain: Domain,
    /// One line of documentation.
    pub doc: &'static str,
}

impl Spec {
    /// Whether a call with `count` arguments is well formed.
    pub fn accepts(&self, count: usize) -> bool {
        count >= self.min_args as usize && self.max_args.is_none_or(|max| count <= max as usize)
    }

    /// The numbers of arguments taken, in words: "1 argument", "at least 2 arguments".
    pub fn arity(&self) -> String {
        arity_in_words(self.min_args, self.max_args)
    }
}

/// A range of argument counts in words: "1 argument", "1 to 2 arguments", "at least 2 arguments".
pub fn arity_in_words(min: u32, max: Option<u32>) -> String {
    let plural = |n: u32| if n == 1 { "" } else { "s" };
    match max {
        Some(max) if max == min => format!("{min} argument{}", plural(min)),
        Some(max) => format!("{min} to {max} arguments"),
        None => format!("at least {min} argument{}", plural(min)),
    }
}

/// What is wrong where several values are received and there are others.
pub(crate) fn values_in_words(required: usize, or_more: bool, count: usize) -> String {
    let at_least = if or_more { "at least " } else { "" };
    let (s, are) = if required == 1 {
        ("", "is")
    } else {
        ("s", "are")
    };
    format!("{at_least}{required} value{s} {are} received here, got {count}")
}

/// What is wrong where a `case-lambda` has no clause for a number of arguments.
pub(crate) fn no_clause_in_words(count: usize) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("no clause of the procedure takes {count} argument{s}")
}

impl Prim {
    /// The primitive that a program means by `name`; internal rows are not found.
    pub fn from_name(name: &str) -> Option<Self> {
        BY_NAME.get(name).copied().filter(|p| !p.is_internal())
    }

    /// The primitive of an `.ncg` operation or a bootstrap file, internal rows included.
    pub fn from_internal_name(name: &str) -> Option<Self> {
        BY_NAME.get(name).copied()
    }

    /// The primitive that a symbol means as a name; internal rows have reserved names.
    pub(crate) fn of_symbol(symbols: &Symbols, sym: Sym) -> Option<Self> {
        let name = symbols.name(sym);
        if symbols.is_reserved(sym) {
            Self::from_internal_name(name)
        } else {
            Self::from_name(name)
        }
    }

    /// The row's main name.
    pub fn name(self) -> &'static str {
        self.spec().name
    }

    /// Whether it works on vectors and matrices.
    pub(crate) fn is_linalg(self) -> bool {
        (Prim::Vec as u8..=Prim::VecToList as u8).contains(&(self as u8))
    }

    /// Whether it is `car`, `cdr` or one of their compositions.
    pub(crate) fn is_accessor(self) -> bool {
        (Prim::Car as u8..=Prim::Cddddr as u8).contains(&(self as u8))
    }

    /// Whether it stands in traces alone.
    pub(crate) const fn is_of_traces(self) -> bool {
        matches!(self, Prim::Select | Prim::Block | Prim::Part)
    }

    /// Whether derivatives flow through an operation of a trace.
    pub(crate) fn passes_derivatives(self) -> bool {
        self == Prim::Select || self.vjp(0.5, 0.5, 0.5, 1.0).is_some()
    }

    /// Whether each argument counts at two numbers: see [`Prim::counts`].
    #[inline]
    pub(crate) fn counting(self, a: f64, b: f64) -> [bool; 2] {
        if !self.is_selective() {
            return [true; 2];
        }
        self.counts(a, b)
            .map_or([true; 2], |tests| tests.map(|test| test != 0.0))
    }

    /// Whether a kernel serves it: a function of mathematics of the crate's own, the same for one number
    /// and over lanes.
    ///
    /// ```
    /// use dmci::prim::Prim;
    ///
    /// assert!(Prim::Exp.has_kernel() && !Prim::Add.has_kernel());
    /// ```
    pub fn has_kernel(self) -> bool {
        math::unary(self).is_some() || math::binary(self).is_some()
    }

    /// Whether programs cannot name it.
    pub fn is_internal(self) -> bool {
        self.name().starts_with('%')
    }

    /// The names of all primitives that programs can use, in table order.
    pub fn names() -> impl Iterator<Item = &'static str> {
        Self::ALL.iter().filter(|p| !p.is_internal()).flat_map(|p| {
            let spec = p.spec();
            std::iter::once(spec.name).chain(spec.aliases.iter().copied())
        })
    }
}

impl fmt::Display for Prim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name().trim_start_matches('%'))
    }
}

static BY_NAME: LazyLock<FxHashMap<&'static str, Prim>> = LazyLock::new(|| {
    let mut map = FxHashMap::default();
    for &prim in Prim::ALL {
        let spec = prim.spec();
        map.insert(spec.name, prim);
        for alias in spec.aliases {
            map.insert(*alias, prim);
        }
    }
    map
});

#[cfg(test)]
pub(crate) mod broken;
