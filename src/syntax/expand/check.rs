//! Warnings: what would fail if it were reached, found before the run.

use super::Expander;
use crate::prim::arity_in_words;
use crate::syntax::ast::{Constant, Expr, Warning};
use crate::syntax::hints;

impl Expander<'_> {
    /// Calls with a wrong number of arguments, as far as that is known before the run.
    pub(super) fn check(&self) -> Vec<Warning> {
        let mut warnings = Vec::new();
        for (index, expr) in self.exprs.iter().enumerate() {
            let Expr::Call { operator, args, .. } = expr else {
                continue;
            };
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
                    message: format!(
                        "`{name}` takes {}, and gets {count} here",
                        arity_in_words(min, max)
                    ),
                    span: self.spans[index],
                });
            }
        }
        warnings
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
