//! What people type that is no Scheme, and what they mean by it.
//!
//! A name that nothing binds, or the text of an application that cannot be, goes in; advice comes out.
//!
//! **Invariants**
//! - A spelling is proposed where the two words could be one; never a name of another meaning, such as
//!   `vector?` for `vector` or `sqrt` for `sort`.
//! - What is proposed for infix text is that text, operator first.

use super::datum::{Data, Datum, DatumId};
use super::number::read_number;
use super::reader::{ReadOptions, read};
use crate::prim::Prim;
use crate::sorted;
use crate::symbol::{Symbols, nearest};
use std::fmt::Write;

/// Texts longer than this are not looked at closely.
const LONGEST: usize = 80;

/// With how many names that are about as long one is compared.
const MOST_COMPARED: usize = 2000;

/// What to write instead of a name that nothing binds, as the end of a message. `applied` says whether it
/// stands where a procedure is applied: elsewhere most words may well be inputs.
pub(crate) fn instead_of(name: &str, applied: bool) -> Option<String> {
    let advice = sign(name)
        .or_else(|| value(name))
        .or_else(|| known_elsewhere(name));
    let advice = advice.or_else(|| word(name).filter(|_| applied));
    match advice {
        Some(advice) => Some(advice.to_owned()),
        None => exponent(name)
            .or_else(|| of_module(name, applied))
            .or_else(|| {
                let prefix = infix_name(name)?;
                Some(format!("infix? write `{prefix}`"))
            }),
    }
}

/// What a procedure of a module of another language is here, such as `math.sin`.
fn of_module(name: &str, applied: bool) -> Option<String> {
    let at = name.rfind(['.', ':']).filter(|_| applied)?;
    let (module, own) = (&name[..at], &name[at + 1..]);
    if !module.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return None;
    }
    if Prim::names().any(|prim| prim == own) {
        return Some(format!("it is `{own}`"));
    }
    // No deeper than a name of another language: what that has is no module.
    let advice = sign(own).or_else(|| known_elsewhere(own))?;
    Some(advice.to_owned())
}

/// The application that is meant by a name right before one, such as `(sin x)` by `sin(x)`; `start` is
/// where the parenthesis stands.
pub(crate) fn name_outside(text: &str, start: usize) -> Option<String> {
    let outside = text.get(..start)?;
    let name = outside
        .rsplit(|c: char| c.is_whitespace() || "()[]\"';`,|".contains(c))
        .next()?;
    // Behind a parenthesis it is what is applied itself, written without a blank.
    let begins = outside[..outside.len() - name.len()].chars().next_back();
    let is_name = name.starts_with(|c: char| c.is_alphabetic())
        && name.len() < LONGEST
        && begins.is_none_or(char::is_whitespace);
    let rest = application_at(text, start + 1)?.strip_prefix('(')?;
    let rest = rest.trim_start();
    let blank = if rest == ")" { "" } else { " " };
    is_name.then(|| format!("({name}{blank}{rest}"))
}

/// The number that is meant by one whose exponent has another letter, such as `1d2`.
fn exponent(name: &str) -> Option<String> {
    if name.len() > LONGEST {
        return None;
    }
    let at = name.rfind(['d', 'D', 'f', 'F', 's', 'S', 'l', 'L'])?;
    let (mantissa, rest) = (&name[..at], &name[at + 1..]);
    let number = format!("{mantissa}e{rest}");
    let is_number = matches!(read_number(&number), Some((_, false)));
    (is_number && !mantissa.is_empty()).then(|| format!("exponents are written `{number}`"))
}

/// What stands for a sign of other languages.
fn sign(name: &str) -> Option<&'static str> {
    Some(match name {
        "^" | "**" => "powers are `(expt x 2)`, or `(square x)`",
        "%" => "it is `(modulo a b)`",
        "//" => "it is `(quotient a b)`, or `(floor-quotient a b)`",
        "1+" | "++" => "it is `(+ x 1)`",
        "-1+" | "1-" | "--" => "it is `(- x 1)`",
        "==" | "===" => "numbers are equal by `(= a b)`, anything by `(equal? a b)`",
        "!=" | "<>" | "/=" | "≠" => "it is `(not (= a b))`",
        "≤" | "=<" => "it is `(<= a b)`",
        "≥" => "it is `(>= a b)`",
        "&&" | "&" => "it is `(and a b)`",
        "||" => "it is `(or a b)`",
        "!" | "~" => "it is `(not a)`",
        "->" | "->>" => "nest the calls: `(f (g x))`",
        _ => return None,
    })
}

/// What stands for a value of other languages.
fn value(name: &str) -> Option<&'static str> {
    Some(match name {
        "pi" | "PI" | "π" => "write it out, `3.141592653589793`, or `(acos -1)`",
        "inf" | "Inf" | "infinity" | "Infinity" | "INFINITY" => "it is written `+inf.0`",
        "nan" | "NaN" | "NAN" => "it is written `+nan.0`",
        "NA" | "None" | "NULL" | "null" | "nil" => "the empty list is `'()`, false is `#f`",
        "true" | "True" | "TRUE" => "it is written `#t`",
        "false" | "False" | "FALSE" => "it is written `#f`",
        _ => return None,
    })
}

/// What stands for a procedure that other languages call so, and nobody an input.
fn known_elsewhere(name: &str) -> Option<&'static str> {
    Some(match name {
        "ln" => "the natural logarithm is `(log x)`",
        "sqr" => "it is `(square x)`",
        "arcsin" | "arccos" | "arctan" | "arctan2" | "atan2" => {
            "they are `(asin x)`, `(acos x)`, `(atan x)` and `(atan y x)`"
        }
        "fabs" => "it is `(abs x)`",
        "add1" => "it is `(+ x 1)`",
        "sub1" => "it is `(- x 1)`",
        "foldl" => "it is `(fold f start items)`, whose `f` gets the item first, or `fold-left`",
        "foldr" => "it is `(fold-right f start items)`",
        "empty?" | "nil?" => "it is `(null? items)`",
        "list-head" => "it is `(take items count)`",
        "linspace" => "it is `(iota count start step)`",
        "vector-sum" => "it is `(vsum v)`",
        "defn" | "defun" | "setq" => {
            "definitions are `(define name value)` and `(define (name argument …) body …)`"
        }
        "for/list" | "dotimes" => LOOPS,
        "floor->exact" | "exact-floor" => "it is `(exact (floor x))`",
        "round->exact" | "exact-round" => "it is `(exact (round x))`",
        _ => return None,
    })
}

const LOOPS: &str = "loops are `(let loop ((i 0)) …)` and `do`; `map` and `fold` go through lists";

/// What stands for a procedure or form of other languages whose name is a word like others.
fn word(name: &str) -> Option<&'static str> {
    Some(match name {
        "power" => "powers are `(expt x 2)`, or `(square x)`",
        "mod" => "it is `(modulo a b)`",
        "rem" => "it is `(remainder a b)`",
        "div" => "it is `(quotient a b)`, or `(floor-quotient a b)`",
        "ceil" => "it is `(ceiling x)`",
        "inc" => "it is `(+ x 1)`",
        "dec" => "it is `(- x 1)`",
        "len" | "size" => "it is `(length items)`, of a vector `(vlen v)`",
        "head" | "hd" => "it is `(car items)`",
        "rest" | "tail" | "tl" => "it is `(cdr items)`",
        "nth" | "elt" => "it is `(list-ref items index)`, of a vector `(ref v index)`",
        "range" | "seq" => "it is `(iota count start step)`",
        "def" | "var" | "const" => {
            "definitions are `(define name value)` and `(define (name argument …) body …)`"
        }
        "fn" | "func" | "function" => "procedures are `(lambda (argument …) body …)`",
        "while" | "for" | "repeat" => LOOPS,
        "elif" | "elseif" | "then" | "switch" | "match" => {
            "choices are `(if test then else)`, `cond` and `case`"
        }
        "assert" => "write `(if test value (error \"message\"))`",
        "return" => "a procedure's value is that of its last expression",
        _ => return None,
    })
}

/// The spelling that may have been meant by a name.
pub(crate) fn misspelt<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    if name.len() > LONGEST {
        return None;
    }
    let length = name.chars().count();
    // In each word one letter of three may differ, and one of a short word.
    let as_long = |other: &&str| {
        other.len() <= 8 * LONGEST && {
            let other = other.chars().count();
            3 * length.abs_diff(other) <= length.max(other) + 3 * words(name).count()
        }
    };
    let comparable = known.filter(as_long).take(MOST_COMPARED);
    nearest(name, comparable.filter(|other| could_be(name, other)))
}

/// Whether a name may be another one written wrongly: word by word, with the same end.
fn could_be(name: &str, other: &str) -> bool {
    // What ends in `?`, `!` or `*` is of another meaning than what does not.
    let bare = |text: &str| text.trim_end_matches(['?', '!', '*', '/']).len();
    if name[bare(name)..] != other[bare(other)..] {
        return false;
    }
    words(name).count() == words(other).count()
        && words(name).zip(words(other)).all(|(a, b)| is_close(a, b))
}

fn words(name: &str) -> std::str::Split<'_, [char; 2]> {
    name.split(['-', '>'])
}

/// Whether two words are one but for a slip: a letter more or less, two in the wrong order, and in longer
/// words another letter.
fn is_close(a: &str, b: &str) -> bool {
    let (longer, shorter) = (
        a.chars().count().max(b.chars().count()),
        a.chars().count().min(b.chars().count()),
    );
    let distance = strsim::damerau_levenshtein(a, b);
    let sorted = |text: &str| {
        let mut letters: Vec<char> = text.chars().collect();
        sorted::plainly(&mut letters);
        letters
    };
    match distance {
        0 => true,
        1 if longer <= 4 => longer != shorter || sorted(a) == sorted(b),
        _ => distance * 3 <= longer,
    }
}

/// The application that a text in infix notation stands for: `(* 2 3)` for `(2 * 3)`.
pub(crate) fn operator_first(application: &str) -> Option<String> {
    if application.len() > LONGEST {
        return None;
    }
    let mut symbols = Symbols::new();
    let data = read(application, &mut symbols, ReadOptions::default()).ok()?;
    let &[root] = data.roots() else {
        return None;
    };
    let Datum::List(items) = data.get(root) else {
        return None;
    };
    let mut terms = Vec::new();
    for (index, &item) in items.iter().enumerate() {
        let word = operator(&data, &symbols, item);
        if (index % 2 == 1) != word.is_some() {
            return None;
        }
        terms.push(if let Some(sign) = word {
            Term::Sign(sign)
        } else {
            let mut text = String::new();
            data.write(item, &symbols, &mut text);
            Term::Operand(text)
        });
    }
    // An application of one term is none of a sign.
    if terms.len() < 3 { None } else { prefix(terms) }
}

/// The application whose operator begins at a place of a text; none if it is long.
pub(crate) fn application_at(text: &str, operator: usize) -> Option<&str> {
    let start = text.get(..operator)?.trim_end().strip_suffix('(')?.len();
    let mut depth = 0_usize;
    for (at, c) in text[start..].char_indices().take(LONGEST) {
        match c {
            '(' => depth += 1,
            ')' if depth == 1 => return Some(&text[start..=start + at]),
            ')' => depth -= 1,
            // What brackets and strings hold is not looked into.
            '[' | '"' | ';' | '|' => return None,
            _ => {}
        }
    }
    None
}

/// The sign of infix notation that a datum is.
fn operator(data: &Data, symbols: &Symbols, item: DatumId) -> Option<char> {
    let Datum::Symbol(sym) = data.get(item) else {
        return None;
    };
    match symbols.name(sym) {
        "+" => Some('+'),
        "-" => Some('-'),
        "*" => Some('*'),
        "/" => Some('/'),
        "^" | "**" => Some('^'),
        "<" => Some('<'),
        ">" => Some('>'),
        "=" | "==" => Some('='),
        _ => None,
    }
}

enum Term {
    Operand(String),
    Sign(char),
}

/// What a name stands for that is written in infix notation, such as `-ke*t`; a name that has nothing
/// but hyphens in it is a name.
fn infix_name(name: &str) -> Option<String> {
    let is_sign = |c: char| "+-*/^".contains(c);
    let plain = |c: char| c.is_alphanumeric() || "._()".contains(c) || is_sign(c);
    let begins = name.strip_prefix('-').unwrap_or(name);
    let inner = begins.trim_end_matches(is_sign);
    let has_sign = begins.len() < name.len() || inner.contains(['*', '/', '^', '+']);
    if name.len() > LONGEST
        || !has_sign
        || inner.len() < begins.len()
        || inner.is_empty()
        || !name.chars().all(plain)
        || name.contains(['(', ')'])
    {
        return None;
    }
    let mut terms = Vec::new();
    let mut word = String::new();
    for c in inner.chars() {
        if is_sign(c) {
            if word.is_empty() {
                return None;
            }
            terms.push(Term::Operand(std::mem::take(&mut word)));
            terms.push(Term::Sign(c));
        } else {
            word.push(c);
        }
    }
    terms.push(Term::Operand(word));
    let letters =
        |term: &Term| matches!(term, Term::Operand(text) if text.starts_with(char::is_alphabetic));
    if !terms.iter().any(letters) {
        return None;
    }
    if begins.len() == name.len() {
        return prefix(terms);
    }
    // The sign before the first term is that of the first product: -a*b + c.
    let sum = terms
        .iter()
        .position(|term| matches!(term, Term::Sign('+' | '-')));
    let rest = sum.map(|at| terms.split_off(at));
    let first = format!("(- {})", prefix(terms)?);
    let mut all = vec![Term::Operand(first)];
    all.extend(rest.into_iter().flatten());
    prefix(all)
}

/// Operands with signs between them, operator first: by the signs' precedence, from the left, powers
/// from the right.
fn prefix(terms: Vec<Term>) -> Option<String> {
    const LEVELS: [&str; 3] = ["<>=", "+-", "*/"];
    let mut terms: Vec<Term> = terms;
    // Powers first, from the right.
    while let Some(at) = terms
        .iter()
        .rposition(|term| matches!(term, Term::Sign('^')))
    {
        join(&mut terms, at)?;
    }
    for level in LEVELS.iter().rev() {
        let is_of = |term: &Term| matches!(term, Term::Sign(sign) if level.contains(*sign));
        while let Some(at) = terms.iter().position(is_of) {
            join(&mut terms, at)?;
        }
    }
    match terms.pop()? {
        Term::Operand(text) if terms.is_empty() => Some(text),
        _ => None,
    }
}

/// Applies the sign at a place to its neighbours.
fn join(terms: &mut Vec<Term>, at: usize) -> Option<()> {
    if at == 0 || at + 1 >= terms.len() {
        return None;
    }
    let mut taken = terms.drain(at - 1..=at + 1);
    let (Some(Term::Operand(a)), Some(Term::Sign(sign)), Some(Term::Operand(b))) =
        (taken.next(), taken.next(), taken.next())
    else {
        return None;
    };
    drop(taken);
    let mut text = String::new();
    let word = match sign {
        '^' => "expt".to_owned(),
        sign => sign.to_string(),
    };
    let _ = write!(text, "({word} {a} {b})");
    terms.insert(at - 1, Term::Operand(text));
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn infix_is_written_operator_first() {
        let cases = [
            ("(2 * 3)", Some("(* 2 3)")),
            ("(x ^ 2)", Some("(expt x 2)")),
            ("(a + b * c - d)", Some("(- (+ a (* b c)) d)")),
            ("((f x) / 2)", Some("(/ (f x) 2)")),
            ("(a ^ b ** c)", Some("(expt a (expt b c))")),
            ("(x < 3)", Some("(< x 3)")),
            ("(2 3)", None),
            ("(x)", None),
            ("(* 2 3)", None),
            ("(a *)", None),
            ("()", None),
        ];
        for (text, expected) in cases {
            assert_eq!(operator_first(text).as_deref(), expected, "{text}");
        }
        let names = [
            ("-ke*t", Some("(- (* ke t))")),
            ("a*b+c", Some("(+ (* a b) c)")),
            ("-a+b", Some("(+ (- a) b)")),
            ("2*x", Some("(* 2 x)")),
            ("x^2", Some("(expt x 2)")),
            ("km/h", Some("(/ km h)")),
            ("birth-rate", None),
            ("let*", None),
            ("a->b", None),
            ("-", None),
            ("*x*", None),
            ("1/2", None),
            ("-x", Some("(- x)")),
            ("a**b", None),
            ("call/cc!", None),
        ];
        for (name, expected) in names {
            assert_eq!(infix_name(name).as_deref(), expected, "{name}");
        }
    }

    #[test]
    fn exponents_of_other_letters_are_numbers() {
        assert_eq!(
            exponent("1d2").as_deref(),
            Some("exponents are written `1e2`")
        );
        assert_eq!(
            exponent("-1.5F-3").as_deref(),
            Some("exponents are written `-1.5e-3`")
        );
        for name in ["d2", "1d", "speed", "d", "1d2d3", "x1d2"] {
            assert_eq!(exponent(name), None, "{name}");
        }
    }

    #[test]
    fn spellings_are_never_of_another_meaning() {
        let known = "sqrt vector? vector-ref vector-map exact length filter fold-left map zero? \
                     list-ref string-append square number->string x y rate";
        let cases = [
            ("sort", None),
            ("vector", None),
            ("exact?", None),
            ("vector-set", None),
            ("vector-sum", None),
            ("zero", None),
            ("lenght", Some("length")),
            ("fold-lft", Some("fold-left")),
            ("filtre", Some("filter")),
            ("mapp", Some("map")),
            ("sqare", Some("square")),
            ("sqr", Some("sqrt")),
            ("list-sort", None),
            ("nubmer->string", Some("number->string")),
            ("hash-ref", None),
        ];
        for (name, expected) in cases {
            assert_eq!(misspelt(name, known.split_whitespace()), expected, "{name}");
        }
    }
}
