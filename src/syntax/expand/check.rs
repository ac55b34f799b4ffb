//! Warnings: what would fail if it were reached, and literals that are rounded, found before the run.

use super::Expander;
use crate::error::bounded;
use crate::prim::arity_in_words;
use crate::syntax::ast::{Constant, Expr, Warning};
use crate::syntax::datum::Datum;
use crate::syntax::hints;

/// How many calls, and how many literals, are told of.
const MOST_TOLD: usize = 20;

/// Whole numbers up to 2^53 are doubles, each of them.
const MOST_WHOLE: f64 = 9_007_199_254_740_992.0;

/// What is said of a literal that is no double: one beyond 2^53, and one that over- or underflows.
fn rounded(literal: &str, value: f64) -> Option<String> {
    let digits = literal.trim_start_matches(['+', '-']);
    if value.is_infinite() || value == 0.0 {
        let begins = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.');
        let mantissa = digits.split(['e', 'E', '/']).next().unwrap_or_default();
        let is_zero = !mantissa.contains(|c: char| c.is_ascii_digit() && c != '0');
        if !begins || is_zero {
            return None;
        }
        let (what, written) = match value.is_infinite() {
            true if value > 0.0 => ("large", "+inf.0"),
            true => ("large", "-inf.0"),
            false => ("small", "0"),
        };
        return Some(format!(
            "`{literal}` is too {what} for a double; its value is {written}"
        ));
    }
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let kept = format!("{:.0}", value.abs());
    let is_kept = kept == digits.trim_start_matches('0');
    if is_kept && value.abs() == MOST_WHOLE {
        return None;
    }
    Some(if is_kept {
        format!("`{literal}` is beyond 2^53, from where on not all whole numbers are doubles")
    } else {
        let sign = if value < 0.0 { "-" } else { "" };
        format!("`{literal}` is beyond 2^53 and no double; its value is {sign}{kept}")
    })
}

impl Expander<'_> {
    /// Calls with a wrong number of arguments, as far as that is known before the run.
    pub(super) fn check(&self) -> Vec<Warning> {
        let mut warnings = Vec::new();
        for (index, expr) in self.exprs.iter().enumerate() {
            let Expr::Call { operator, args, .. } = expr else {
                continue;
            };
            if warnings.len() >= MOST_TOLD {
                break;
            }
            let (name, min, max) = match &self.exprs[operator.0 as usize] {
                Expr::Constant(constant) => {
                    if let Some(message) = self.no_procedure(constant, index) {
                        let span = self.spans[index];
                        warnings.push(Warning { message, span });
                    }
                    continue;
                }
                Expr::Prelude(sym) => {
                    let name = self.symbols.name(*sym);
                    match self.prelude.and_then(|prelude| prelude.get(name)) {
                        Some(&(min, max)) => (name, min, max),
                        None => continue,
                    }
                }
                Expr::Primitive(sym, prim) => {
                    let spec = prim.spec();
                    (self.symbols.name(*sym), spec.min_args, spec.max_args)
                }
                Expr::Variable(var) => match self.lambdas.get(var) {
                    Some(&(min, max)) => {
                        (self.symbols.name(self.vars[var.0 as usize].name), min, max)
                    }
                    None => continue,
                },
                _ => continue,
            };
            let count = args.len() as u32;
            if count < min || max.is_some_and(|max| count > max) {
                warnings.push(Warning {
                    message: bounded(format!(
                        "`{name}` takes {}, and gets {count} here",
                        arity_in_words(min, max)
                    )),
                    span: self.spans[index],
                });
            }
        }
        self.check_literals(&mut warnings);
        warnings
    }

    /// Literals whose numbers are not what is written, quoted ones too.
    fn check_literals(&self, warnings: &mut Vec<Warning>) {
        let most = warnings.len() + MOST_TOLD;
        for id in self.data.ids_of_text() {
            let about = match self.data.get(id) {
                Datum::Int(value) if value.abs() >= MOST_WHOLE => value,
                Datum::Float(value) if value.is_infinite() || value == 0.0 => value,
                _ => continue,
            };
            let span = self.data.span(id);
            if let Some(message) = rounded(span.text(self.text), about) {
                let message = bounded(message);
                warnings.push(Warning { message, span });
                if warnings.len() >= most {
                    return;
                }
            }
        }
    }

    /// What is said of an application of a constant; none of a procedure.
    fn no_procedure(&self, constant: &Constant, call: usize) -> Option<String> {
        let what = match constant {
            Constant::Primitive(_) => return None,
            Constant::Int(_) | Constant::Float(_) => "a number",
            Constant::Bool(_) => "a boolean",
            Constant::Char(_) => "a character",
            Constant::String(_) => "a string",
            Constant::Nil => "the empty list",
            Constant::Unspecified => "no value",
        };
        let advice = match hints::operator_first(self.spans[call].text(self.text)) {
            Some(prefix) => format!("; operator first: `{prefix}`"),
            None => String::new(),
        };
        Some(format!(
            "{what} cannot be applied; only procedures can{advice}"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_that_are_rounded_say_so() {
        let said = |literal: &str, value: f64| rounded(literal, value).unwrap_or_default();
        let kept = "`9007199254740993` is beyond 2^53 and no double; its value is 9007199254740992";
        assert_eq!(said("9007199254740993", 9_007_199_254_740_992.0), kept);
        assert!(
            said("-09007199254740993", -9_007_199_254_740_992.0).ends_with("-9007199254740992")
        );
        assert_eq!(said("9007199254740992", 9_007_199_254_740_992.0), "");
        assert!(said("10000000000000000", 1e16).contains("not all whole numbers"));
        assert!(said("1.5e400", f64::INFINITY).ends_with("+inf.0"));
        assert!(said("-1e400", f64::NEG_INFINITY).ends_with("-inf.0"));
        assert!(said("1e-400", 0.0).contains("too small"));
        for literal in ["+inf.0", "0.0", "-0.0", "0e5", "0/3", ".0"] {
            let value = if literal == "+inf.0" {
                f64::INFINITY
            } else {
                0.0
            };
            assert_eq!(said(literal, value), "", "{literal}");
        }
    }
}
