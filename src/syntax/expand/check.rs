//! Warnings: what would fail if it were reached, found before the run.

use super::Expander;
use crate::prim::arity_in_words;
use crate::syntax::ast::{Expr, Warning};

impl Expander<'_> {
    /// Calls with a wrong number of arguments, as far as that is known before the run.
    pub(super) fn check(&self) -> Vec<Warning> {
        let mut warnings = Vec::new();
        for (index, expr) in self.exprs.iter().enumerate() {
            let Expr::Call { operator, args, .. } = expr else {
                continue;
            };
            let (name, min, max) = match &self.exprs[operator.0 as usize] {
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
}
