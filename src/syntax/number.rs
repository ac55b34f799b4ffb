//! The spelling of numbers: which words are numbers, and which.
//!
//! A word of a program's text goes in; an int, a float, nothing, or what is wrong with it comes out.
//!
//! **Invariants**
//! - What is a number by R7RS is a number or an error, never a symbol.
//! - Decimals are rounded correctly: the digits go to `str::parse` as they stand.

use super::datum::Datum;

/// None for what is no number; the end of a message that begins with the literal for what is one and
/// cannot be had.
pub(super) type Number = Result<Option<Datum<'static>>, String>;

/// The number that a word is.
pub(super) fn number(word: &str) -> Number {
    let [first, rest @ ..] = word.as_bytes() else {
        return Ok(None);
    };
    match first {
        b'0'..=b'9' => {}
        b'.' | b'+' | b'-' if !rest.is_empty() => {}
        _ => return Ok(None),
    }
    let real = real(word, 10);
    if matches!(real, Ok(None)) && is_complex(word) {
        return Err("is a complex number; only real ones are in the language".into());
    }
    real
}

/// The number that a word with prefixes (`#x`, `#e`, `#x#e`) is.
pub(super) fn prefixed_number(word: &str) -> Number {
    let mut rest = word;
    let (mut radix, mut exact) = (None, None);
    while let [b'#', prefix, ..] = rest.as_bytes() {
        let fresh = match prefix.to_ascii_lowercase() {
            b'b' => radix.replace(2).is_none(),
            b'o' => radix.replace(8).is_none(),
            b'd' => radix.replace(10).is_none(),
            b'x' => radix.replace(16).is_none(),
            b'e' => exact.replace(true).is_none(),
            b'i' => exact.replace(false).is_none(),
            _ => false,
        };
        if !fresh {
            return Ok(None);
        }
        rest = &rest[2..];
    }
    if rest.len() == word.len() {
        return Ok(None);
    }
    let number = real(rest, radix.unwrap_or(10))?;
    Ok(match (number, exact) {
        (Some(Datum::Float(value)), Some(true)) => {
            if !value.is_finite() {
                return Err("has no exact value; remove the `#e`".into());
            }
            let whole = value.trunc() == value;
            Some(if whole {
                Datum::Int(value)
            } else {
                Datum::Float(value)
            })
        }
        (Some(Datum::Int(value)), Some(false)) => Some(Datum::Float(value)),
        (number, _) => number,
    })
}

/// The number that a text is, prefixes included, and whether it is an int; none for what is none.
pub(crate) fn read_number(text: &str) -> Option<(f64, bool)> {
    let datum = if text.starts_with('#') {
        prefixed_number(text)
    } else {
        number(text)
    };
    match datum.ok().flatten()? {
        Datum::Int(value) => Some((value, true)),
        Datum::Float(value) => Some((value, false)),
        _ => None,
    }
}

/// A signed integer, fraction, decimal, infinity or NaN.
fn real(word: &str, radix: u32) -> Number {
    let unsigned = word.strip_prefix(['+', '-']).unwrap_or(word);
    let negative = word.starts_with('-');
    let signed = |value: f64| if negative { -value } else { value };
    if unsigned.len() < word.len() {
        if unsigned.eq_ignore_ascii_case("inf.0") {
            return Ok(Some(Datum::Float(signed(f64::INFINITY))));
        }
        if unsigned.eq_ignore_ascii_case("nan.0") {
            return Ok(Some(Datum::Float(f64::NAN)));
        }
    }
    let is_digit = |b: &u8| char::from(*b).is_digit(radix);
    let digits = unsigned.bytes().take_while(is_digit).count();
    let (whole, rest) = unsigned.split_at(digits);
    if rest.is_empty() && digits > 0 {
        // Adding 0 makes -0 an exact 0.
        return Ok(Some(Datum::Int(signed(natural(whole, radix)?) + 0.0)));
    }
    if digits > 0
        && let Some(below) = rest.strip_prefix('/')
    {
        if below.is_empty() || !below.bytes().all(|b| is_digit(&b)) {
            return Ok(None);
        }
        let (above, below) = (natural(whole, radix)?, natural(below, radix)?);
        if below == 0.0 {
            return Err("divides by zero; write `+inf.0`, `-inf.0` or `+nan.0`".into());
        }
        return Ok(Some(Datum::Float(signed(above / below) + 0.0)));
    }
    if radix != 10 || !is_decimal(unsigned) {
        return Ok(None);
    }
    Ok(unsigned.parse().ok().map(|v| Datum::Float(signed(v))))
}

/// The value of a row of digits.
fn natural(digits: &str, radix: u32) -> Result<f64, String> {
    let value = if radix == 10 {
        digits.parse::<f64>().ok()
    } else {
        // Not larger than 128 bits, so that the value is rounded once.
        u128::from_str_radix(digits, radix).ok().map(|v| v as f64)
    };
    value
        .filter(|value| value.is_finite())
        .ok_or_else(|| "is too large; write it with an exponent, as in `1e30`".into())
}

/// Whether a text is digits with a point or an exponent: `2.`, `.5`, `1e-3`.
fn is_decimal(text: &str) -> bool {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let all_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mantissa_fits = all_digits(whole) && all_digits(part) && whole.len() + part.len() > 0;
    let exponent_fits = exponent.is_none_or(|exponent| {
        let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        !digits.is_empty() && all_digits(digits)
    });
    mantissa_fits && exponent_fits
}

/// Whether a word is a complex number by R7RS: `1+2i`, `-i`, `1@2`.
fn is_complex(word: &str) -> bool {
    let is_real = |text: &str| !matches!(real(text, 10), Ok(None));
    if let Some((magnitude, angle)) = word.split_once('@') {
        return is_real(magnitude) && is_real(angle);
    }
    let Some(parts) = word.strip_suffix(['i', 'I']) else {
        return false;
    };
    // The imaginary part's sign is the last one, or the one before that of its exponent.
    let is_sign = |b: &u8| matches!(b, b'+' | b'-');
    let signs = parts.bytes().enumerate().filter(|(_, b)| is_sign(b));
    signs.rev().take(2).any(|(at, _)| {
        let (re, im) = parts.split_at(at);
        (re.is_empty() || is_real(re)) && (im.len() == 1 || is_real(im))
    })
}
