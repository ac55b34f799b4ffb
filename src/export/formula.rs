//! What targets without loops have in common: how large a formula may be.
//!
//! **Invariants**
//! - A code without loops that has too many steps to be read is refused.

use super::code::{Code, Step};
use crate::Error;
use crate::error::Kind;
use crate::source::Span;
use crate::syntax::ExpandError;

/// Operations that a formula may have.
const MOST: usize = 500;

fn count(steps: &[Step]) -> usize {
    let of = |step: &Step| match step {
        Step::If {
            then, otherwise, ..
        } => 1 + count(&then.steps) + count(&otherwise.steps),
        Step::Op { .. }
        | Step::Select { .. }
        | Step::Look { .. }
        | Step::Repeat { .. }
        | Step::Loop { .. } => 1,
    };
    steps.iter().map(of).sum()
}

/// Refuses what is no formula any more.
pub(super) fn check(code: &Code, language: &str, source: &str) -> Result<(), Error> {
    let operations = count(&code.steps);
    if operations <= MOST {
        return Ok(());
    }
    Err(Error::Expand(ExpandError {
        kind: Kind::Unsupported,
        message: format!(
            "{operations} operations are too many for a formula in {language}, which has no loops; the limit is {MOST}. \
             numpy, torch, jax, c and scheme keep loops"
        ),
        span: Span::new(0, source.len() as u32),
        also: Vec::new(),
    }))
}
