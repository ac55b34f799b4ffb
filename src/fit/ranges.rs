//! Where a program says that a parameter lies: in the range of a column that it compares it with.
//!
//! A program and a table go in; a range for each parameter that is subtracted from a column, or the other
//! way round, or compared with one, comes out.
//!
//! **Invariants**
//! - A range is a hint for where to begin a search, and no bound.

use super::declared::Unknown;
use super::points::Range;
use super::table::Table;
use crate::syntax::Program;
use crate::syntax::ast::Expr;

/// The primitives between whose arguments there is a unit in common, and a distance.
const COMPARED: [&str; 6] = ["-", "<", "<=", ">", ">=", "="];

/// The range of each unknown; none where the program says none.
pub(super) fn ranges(
    program: &Program,
    table: &Table<'_>,
    unknowns: &[Unknown],
) -> Vec<Option<Range>> {
    let mut ranges = vec![None; unknowns.len()];
    for expr in program.exprs() {
        let Expr::Call { operator, args, .. } = expr else {
            continue;
        };
        let Expr::Primitive(_, prim) = program.expr(*operator) else {
            continue;
        };
        if !COMPARED.contains(&prim.name()) {
            continue;
        }
        let names = args.iter().filter_map(|&arg| match program.expr(arg) {
            Expr::Free(sym) => Some(program.free_name(*sym)),
            _ => None,
        });
        let names: Vec<&str> = names.collect();
        let unknown = |name: &&str| unknowns.iter().position(|unknown| unknown.name == **name);
        let Some(at) = names.iter().find_map(unknown) else {
            continue;
        };
        let columns = names.iter().filter(|name| unknown(name).is_none());
        let columns = columns.filter_map(|name| table.observed(name).ok());
        for column in columns {
            let low = column.iter().copied().fold(f64::INFINITY, f64::min);
            let high = column.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            if low < high && ranges[at].is_none() {
                ranges[at] = Some(Range { low, high });
            }
        }
    }
    ranges
}
