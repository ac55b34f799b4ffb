//! The 14-number form: a value as a one-hot tag and four payload numbers.
//!
//! Fourteen numbers, or the parts of a value, go in; a [`Tagged`] comes out, which gives both back.
//!
//! **Invariants**
//! - The first ten numbers are 0 but for one 1, at the position of the tag.
//! - The last four are as the table says; what a type does not use is 0.
//! - Structure is discrete, numbers are differentiable: only payload 0 of an int or a float has a
//!   derivative.
//!
//! | type | payload |
//! |---|---|
//! | nil | 0 0 0 0; the value of an `if` without else, which prints as nothing, has 1 first |
//! | bool, int, float | value 0 0 0 |
//! | char, symbol | code point or interned number, 0 0 0 |
//! | pair | address of the car, address of the cdr, 0 0; a record, a promise and several values are pairs with 1, 2, 3 third, and no program sees that they are |
//! | string | heap address, length, 0 0 |
//! | vector | heap address, length, rank, rows |
//! | closure | code number, environment address, 0 0 |
//!
//! ```
//! use dmci::{Tagged, TypeTag};
//!
//! let value = Tagged::float(2.5);
//! assert_eq!(value.tag(), TypeTag::Float);
//! assert_eq!(value.to_array()[3], 1.0);
//! assert_eq!(value.to_array()[10..], [2.5, 0.0, 0.0, 0.0]);
//! assert_eq!(Tagged::from_array(value.to_array())?, value);
//! # Ok::<(), dmci::TaggedError>(())
//! ```

use crate::prim::value::{Tag, Value, Wrapped};
use std::fmt;

/// How many types there are: the length of the one-hot part.
pub(crate) const TAGS: usize = 10;

/// How many payload numbers there are.
pub(crate) const PAYLOAD: usize = 4;

/// How many numbers a value takes.
pub(crate) const NUMBERS: usize = TAGS + PAYLOAD;

/// The ten types, in the order of their one-hot positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TypeTag {
    /// The empty list.
    Nil,
    /// #t or #f.
    Bool,
    /// A number written or computed as an int.
    Int,
    /// Any other number.
    Float,
    /// A character.
    Char,
    /// A symbol.
    Symbol,
    /// A pair.
    Pair,
    /// A string.
    String,
    /// A procedure.
    Closure,
    /// A vector or matrix of numbers.
    Vector,
}

impl TypeTag {
    /// All types; the index is the one-hot position.
    pub const ALL: [TypeTag; TAGS] = [
        TypeTag::Nil,
        TypeTag::Bool,
        TypeTag::Int,
        TypeTag::Float,
        TypeTag::Char,
        TypeTag::Symbol,
        TypeTag::Pair,
        TypeTag::String,
        TypeTag::Closure,
        TypeTag::Vector,
    ];

    /// The one-hot position.
    pub const fn position(self) -> usize {
        self as usize
    }

    /// Whether it is an int or a float.
    pub const fn is_number(self) -> bool {
        matches!(self, TypeTag::Int | TypeTag::Float)
    }
}

impl fmt::Display for TypeTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl TypeTag {
    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            TypeTag::Nil => "nil",
            TypeTag::Bool => "bool",
            TypeTag::Int => "int",
            TypeTag::Float => "float",
            TypeTag::Char => "char",
            TypeTag::Symbol => "symbol",
            TypeTag::Pair => "pair",
            TypeTag::String => "string",
            TypeTag::Closure => "closure",
            TypeTag::Vector => "vector",
        }
    }
}

/// A value in its 14-number form.
///
/// Two are equal if all their numbers are, so one that holds NaN equals none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tagged {
    tag: TypeTag,
    payload: [f64; PAYLOAD],
}

/// Fourteen numbers that are no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TaggedError(String);

impl Tagged {
    /// The empty list.
    pub const NIL: Tagged = Tagged::new(TypeTag::Nil, [0.0; PAYLOAD]);

    /// What an `if` without else gives when its test is false, and a definition: nil that prints as
    /// nothing.
    pub const UNSPECIFIED: Tagged = Tagged::new(TypeTag::Nil, [1.0, 0.0, 0.0, 0.0]);

    const fn new(tag: TypeTag, payload: [f64; PAYLOAD]) -> Self {
        Self { tag, payload }
    }

    /// #t or #f.
    pub const fn bool(value: bool) -> Self {
        Self::new(TypeTag::Bool, [value as u8 as f64, 0.0, 0.0, 0.0])
    }

    /// An int. Tags follow tags, never values: `(expt 2 -1)` is the int 0.5.
    pub const fn int(value: f64) -> Self {
        Self::new(TypeTag::Int, [value, 0.0, 0.0, 0.0])
    }

    /// A float.
    pub const fn float(value: f64) -> Self {
        Self::new(TypeTag::Float, [value, 0.0, 0.0, 0.0])
    }

    /// A character.
    pub const fn char(value: char) -> Self {
        Self::new(TypeTag::Char, [value as u32 as f64, 0.0, 0.0, 0.0])
    }

    /// A symbol, by its number in the table that interned it.
    pub const fn symbol(number: u32) -> Self {
        Self::new(TypeTag::Symbol, [number as f64, 0.0, 0.0, 0.0])
    }

    /// A pair, by the addresses of its halves.
    pub const fn pair(car: u32, cdr: u32) -> Self {
        Self::new(TypeTag::Pair, [car as f64, cdr as f64, 0.0, 0.0])
    }

    /// A record, a promise or several values, by the addresses of its type and its content: a pair
    /// that programs do not see as one.
    pub(crate) const fn opaque(wrapped: Wrapped, car: u32, cdr: u32) -> Self {
        let mark = wrapped as u32 as f64 + 1.0;
        Self::new(TypeTag::Pair, [car as f64, cdr as f64, mark, 0.0])
    }

    /// A string of so many characters.
    pub const fn string(address: u32, length: u32) -> Self {
        Self::new(TypeTag::String, [address as f64, length as f64, 0.0, 0.0])
    }

    /// A vector of so many numbers: its rank is 1, and each number is a row.
    pub const fn vector(address: u32, length: u32) -> Self {
        let numbers = length as f64;
        Self::new(TypeTag::Vector, [address as f64, numbers, 1.0, numbers])
    }

    /// A matrix, row by row: its rank is 2, its length the product of rows and columns.
    pub const fn matrix(address: u32, rows: u32, columns: u32) -> Self {
        let (rows, columns) = (rows as f64, columns as f64);
        Self::new(TypeTag::Vector, [address as f64, rows * columns, 2.0, rows])
    }

    /// A procedure: the number of its code, the address of its environment.
    pub const fn closure(code: u32, environment: u32) -> Self {
        Self::new(
            TypeTag::Closure,
            [code as f64, environment as f64, 0.0, 0.0],
        )
    }

    /// The type.
    pub const fn tag(self) -> TypeTag {
        self.tag
    }

    /// The payload.
    pub const fn payload(self) -> [f64; PAYLOAD] {
        self.payload
    }

    /// The fourteen numbers.
    pub fn to_array(self) -> [f64; NUMBERS] {
        let mut numbers = [0.0; NUMBERS];
        numbers[self.tag.position()] = 1.0;
        numbers[TAGS..].copy_from_slice(&self.payload);
        numbers
    }

    /// The value of fourteen numbers.
    ///
    /// # Errors
    /// When the tag is not one-hot, or the payload is none of its type's. Whether addresses lead
    /// anywhere only their heap can tell.
    pub fn from_array(numbers: [f64; NUMBERS]) -> Result<Self, TaggedError> {
        let [tags @ .., p0, p1, p2, p3] = numbers;
        let mut hot = TypeTag::ALL.iter().zip(tags).filter(|&(_, x)| x != 0.0);
        let (Some((&tag, 1.0)), None) = (hot.next(), hot.next()) else {
            return Err(TaggedError(format!("the tag {tags:?} is not one-hot")));
        };
        let rest_is_zero = match tag {
            TypeTag::Pair => matches!(p2, 0.0 | 1.0 | 2.0 | 3.0) && p3 == 0.0,
            TypeTag::String | TypeTag::Closure => p2 == 0.0 && p3 == 0.0,
            TypeTag::Vector => true,
            _ => p1 == 0.0 && p2 == 0.0 && p3 == 0.0,
        };
        let fits = rest_is_zero
            && match tag {
                TypeTag::Nil | TypeTag::Bool => p0 == 0.0 || p0 == 1.0,
                TypeTag::Int | TypeTag::Float => true,
                TypeTag::Char => whole(p0).and_then(char::from_u32).is_some(),
                TypeTag::Symbol => whole(p0).is_some(),
                TypeTag::Pair | TypeTag::String | TypeTag::Closure => {
                    whole(p0).is_some() && whole(p1).is_some()
                }
                TypeTag::Vector => {
                    let rows = match p2 {
                        1.0 => p3 == p1,
                        2.0 if p3 == 0.0 => p1 == 0.0,
                        2.0 => whole(p3).is_some() && p1 % p3 == 0.0,
                        _ => false,
                    };
                    whole(p0).is_some() && whole(p1).is_some() && rows
                }
            };
        let payload = [p0, p1, p2, p3];
        if !fits {
            return Err(TaggedError(format!("{payload:?} is no payload of a {tag}")));
        }
        Ok(Self { tag, payload })
    }
}

/// The number as an address or a length, if it is one.
fn whole(x: f64) -> Option<u32> {
    (x >= 0.0 && x <= f64::from(u32::MAX) && x.fract() == 0.0).then_some(x as u32)
}

/// The engine's value of two words, which every one of its own values has a 14-number form for.
///
/// An empty cell is nobody's value, and has nil's.
impl From<Value> for Tagged {
    fn from(value: Value) -> Self {
        let (low, high) = (value.bits as u32, (value.bits >> 32) as u32);
        match value.tag {
            Tag::Nil if value.bits == 0 => Self::NIL,
            Tag::Nil => Self::UNSPECIFIED,
            Tag::Bool => Self::bool(value.bits != 0),
            Tag::Int => Self::int(value.number()),
            Tag::Float => Self::float(value.number()),
            Tag::Char => Self::new(TypeTag::Char, [f64::from(low), 0.0, 0.0, 0.0]),
            Tag::Symbol => Self::symbol(low),
            Tag::Pair => Self::pair(low, low + 1),
            Tag::Opaque => match Wrapped::at(high) {
                Some(wrapped) => Self::opaque(wrapped, low, low + 1),
                None => Self::pair(low, low + 1),
            },
            Tag::String => Self::string(low, high),
            Tag::Closure => Self::closure(value.code(), value.address()),
            Tag::Vector => Self::vector(low, high),
            Tag::Place | Tag::Env | Tag::Rib | Tag::Empty | Tag::Shape | Tag::Moved => Self::NIL,
        }
    }
}

/// The engine's value, without the trace node that computed it. Vectors are of rank 1.
impl From<Tagged> for Value {
    fn from(tagged: Tagged) -> Self {
        let [first, second, ..] = tagged.payload;
        let (low, high) = (first as u64, second as u64);
        match tagged.tag {
            TypeTag::Nil => Value::new(Tag::Nil, low),
            TypeTag::Bool => Value::bool(first != 0.0),
            TypeTag::Int => Value::int(first),
            TypeTag::Float => Value::float(first),
            TypeTag::Char => Value::new(Tag::Char, low),
            TypeTag::Symbol => Value::new(Tag::Symbol, low),
            TypeTag::Pair => match Wrapped::at((tagged.payload[2] as u32).wrapping_sub(1)) {
                Some(wrapped) => Value::opaque(wrapped, low as u32),
                None => Value::pair(low as u32),
            },
            TypeTag::String => Value::new(Tag::String, high << 32 | low),
            TypeTag::Closure => Value::closure(low as u32, high as u32),
            TypeTag::Vector => Value::new(Tag::Vector, high << 32 | low),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prim::Prim;
    use crate::symbol::Sym;

    /// One of each type and the unspecified value, as the engine has them and as arrays.
    fn examples() -> Vec<(Value, [f64; NUMBERS])> {
        let form = |tag: usize, payload: [f64; PAYLOAD]| {
            let mut numbers = [0.0; NUMBERS];
            numbers[tag] = 1.0;
            numbers[TAGS..].copy_from_slice(&payload);
            numbers
        };
        vec![
            (Value::NIL, form(0, [0.0; 4])),
            (Value::UNSPECIFIED, form(0, [1.0, 0.0, 0.0, 0.0])),
            (Value::bool(false), form(1, [0.0; 4])),
            (Value::bool(true), form(1, [1.0, 0.0, 0.0, 0.0])),
            (Value::int(-7.0), form(2, [-7.0, 0.0, 0.0, 0.0])),
            (Value::float(2.5), form(3, [2.5, 0.0, 0.0, 0.0])),
            (
                Value::new(Tag::Char, u64::from(u32::from('λ'))),
                form(4, [955.0, 0.0, 0.0, 0.0]),
            ),
            (Value::symbol(Sym::new(12)), form(5, [12.0, 0.0, 0.0, 0.0])),
            (Value::pair(40), form(6, [40.0, 41.0, 0.0, 0.0])),
            (
                Value::opaque(Wrapped::Promise, 40),
                form(6, [40.0, 41.0, 2.0, 0.0]),
            ),
            (
                Value::new(Tag::String, 5 << 32 | 3),
                form(7, [3.0, 5.0, 0.0, 0.0]),
            ),
            (Value::closure(256, 9), form(8, [256.0, 9.0, 0.0, 0.0])),
            (
                Value::prim(Prim::Sin),
                form(8, [f64::from(Prim::Sin as u8), 0.0, 0.0, 0.0]),
            ),
            (
                Value::new(Tag::Vector, 3 << 32 | 8),
                form(9, [8.0, 3.0, 1.0, 3.0]),
            ),
        ]
    }

    #[test]
    fn every_type_goes_both_ways() {
        let mut seen = std::collections::BTreeSet::new();
        for (value, numbers) in examples() {
            let tagged = Tagged::from(value);
            assert_eq!(tagged.to_array(), numbers);
            let back = Tagged::from_array(numbers).unwrap();
            assert_eq!(back, tagged);
            let again = Value::from(back);
            assert_eq!((again.tag, again.bits), (value.tag, value.bits));
            seen.insert(tagged.tag());
        }
        assert_eq!(seen.len(), TAGS);
    }

    #[test]
    fn positions_follow_the_engine() {
        let tags = [
            Tag::Nil,
            Tag::Bool,
            Tag::Int,
            Tag::Float,
            Tag::Char,
            Tag::Symbol,
            Tag::Pair,
            Tag::String,
            Tag::Closure,
            Tag::Vector,
        ];
        for (tag, public) in tags.into_iter().zip(TypeTag::ALL) {
            assert_eq!(tag as usize, public.position());
        }
    }

    #[test]
    fn special_numbers_and_matrices_survive() {
        for x in [f64::INFINITY, f64::NEG_INFINITY, -0.0, f64::MIN_POSITIVE] {
            let back = Tagged::from_array(Tagged::float(x).to_array()).unwrap();
            assert_eq!(back.payload()[0].to_bits(), x.to_bits());
        }
        let nan = Tagged::from_array(Tagged::int(f64::NAN).to_array()).unwrap();
        assert!(nan.payload()[0].is_nan());
        let matrix = Tagged::matrix(16, 2, 3);
        assert_eq!(matrix.payload(), [16.0, 6.0, 2.0, 2.0]);
        assert_eq!(Tagged::from_array(matrix.to_array()), Ok(matrix));
    }

    #[test]
    fn what_is_no_value_is_refused() {
        let break_at = |tagged: Tagged, position: usize, x: f64| {
            let mut numbers = tagged.to_array();
            numbers[position] = x;
            Tagged::from_array(numbers).is_err()
        };
        // Tags: none, two, half a one, not a number.
        assert!(break_at(Tagged::NIL, 0, 0.0));
        assert!(break_at(Tagged::NIL, 5, 1.0));
        assert!(break_at(Tagged::NIL, 0, 0.5));
        assert!(break_at(Tagged::NIL, 3, f64::NAN));
        // Payloads.
        assert!(break_at(Tagged::NIL, 10, 2.0));
        assert!(break_at(Tagged::bool(true), 10, 0.5));
        assert!(break_at(Tagged::float(1.0), 11, 1.0));
        assert!(break_at(Tagged::char('a'), 10, f64::from(0xd800)));
        assert!(break_at(Tagged::symbol(1), 10, -1.0));
        assert!(break_at(Tagged::pair(2, 3), 11, 2.5));
        assert!(break_at(Tagged::string(2, 3), 12, 1.0));
        assert!(break_at(Tagged::closure(2, 3), 10, f64::INFINITY));
        assert!(break_at(Tagged::vector(2, 3), 13, 2.0));
        assert!(break_at(Tagged::matrix(2, 3, 2), 13, 4.0));
    }
}
