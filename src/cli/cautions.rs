//! What may go wrong with a program, told before it does.
//!
//! An expanded or compiled program and its inputs go in; [`Caution`]s come out.
//!
//! **Invariants**
//! - A caution is no error: what it tells of may never be reached.
//! - The first few names are told of only, so a text of nothing but unknown names takes no longer than
//!   others.

use crate::error::bounded;
use crate::fit::Table;
use crate::graph::Graph;
use crate::model::Error;
use crate::prim::Prim;
use crate::source::Span;
use crate::symbol::Sym;
use crate::syntax::ast::Expr;
use crate::syntax::{Program, hints};
use crate::{Bindings, Interpreter, Stats, nearest};
use rustc_hash::FxHashSet;
use std::mem::take;

/// How many names that nothing defines are told of.
const MOST_NAMES: usize = 20;

/// Something to tell before or beside the result.
#[derive(Clone, Debug)]
pub(super) struct Caution {
    pub(super) message: String,
    pub(super) span: Option<Span>,
    /// The name that nothing defines, where that is the matter.
    pub(super) name: Option<String>,
    /// What to do about it.
    pub(super) help: Option<String>,
}

impl Caution {
    /// Whether an error says the same.
    pub(super) fn is_said_by(&self, error: &Error) -> bool {
        match &self.name {
            Some(name) => {
                error.kind() == crate::Kind::Unbound
                    && error.to_string().contains(&format!("`{name}`"))
            }
            None => self.span.is_some() && self.span == error.span(),
        }
    }
}

/// The inputs of a compiled program that have no value.
pub(super) fn missing_inputs(graph: &Graph, bindings: &Bindings) -> Vec<Caution> {
    let params: FxHashSet<&str> = graph.params.iter().map(|p| p.name.as_str()).collect();
    let has_value = |name: &str| bindings.get(name).is_some() || params.contains(name);
    let missing = graph.inputs.iter().filter(|name| !has_value(name));
    let missing = missing.take(MOST_NAMES);
    let caution = |name: &String| Caution {
        message: format!("the input `{name}` has no value"),
        span: None,
        name: Some(name.clone()),
        help: Some(help_with_input(name)),
    };
    missing.map(caution).collect()
}

/// What a run says of ints that are not told apart any more.
pub(super) fn rounded_ints(stats: &Stats) -> Option<Caution> {
    (stats.rounded_ints > 0).then(|| Caution {
        message: format!(
            "ints passed 2^53 {} times in this run: beyond it whole numbers are rounded, and \
             remainders of them are of the rounded ones",
            stats.rounded_ints
        ),
        span: None,
        name: None,
        help: None,
    })
}

fn help_with_input(name: &str) -> String {
    format!("if `{name}` is an input, give its value: --input {name}=1.5")
}

/// The inputs that a program's text uses.
pub(super) fn names_used(program: &Program) -> Vec<&str> {
    let params = program.params().iter().map(|param| param.name.as_str());
    program
        .free_names()
        .map(|(name, _)| name)
        .chain(params)
        .collect()
}

/// The inputs given that nothing uses.
pub(super) fn unused_inputs(bindings: &Bindings, used: &[&str]) -> Vec<Caution> {
    let all: FxHashSet<&str> = used.iter().copied().collect();
    let unused = bindings.names().filter(|name| !all.contains(name));
    let unused = unused.take(MOST_NAMES);
    let caution = |name: &str| {
        let free = used
            .iter()
            .copied()
            .filter(|other| bindings.get(other).is_none());
        let near = near(name, free);
        let hint = near.map_or(String::new(), |near| format!("; is it `{near}`?"));
        Caution {
            message: format!("the program does not use the input `{name}`{hint}"),
            span: None,
            name: None,
            help: None,
        }
    };
    unused.map(caution).collect()
}

/// Columns of data that a program has a name of its own for, so that it does not see them. Those that it
/// predicts may be called what the prediction is.
pub(super) fn shadowed_columns(program: &Program, data: &Table<'_>) -> Vec<Caution> {
    let observed = program.observations().iter().flat_map(|one| &one.columns);
    let observed: FxHashSet<&str> = observed.map(String::as_str).collect();
    let mut defined: Vec<(&str, &str, Option<Span>)> = Vec::new();
    if let Expr::Letrec { vars, inits, .. } = program.expr(program.root) {
        let names = vars
            .iter()
            .map(|&var| program.symbols.name(program.var(var).name));
        let spans = inits.iter().map(|&init| Some(program.span(init)));
        defined.extend(
            names
                .zip(spans)
                .map(|(name, span)| (name, "definition", span)),
        );
    }
    let params = program.params().iter();
    defined.extend(params.map(|param| (param.name.as_str(), "param", Some(param.span))));
    let shadowed = defined.into_iter();
    let shadowed = shadowed.filter(|(name, ..)| data.has_column(name) && !observed.contains(name));
    let caution = |(name, what, span): (&str, &str, Option<Span>)| Caution {
        message: format!(
            "the column `{name}` of the data is not used: the program's {what} of that name is"
        ),
        span,
        name: None,
        help: Some("rename one of them, if the column was meant".to_owned()),
    };
    shadowed.take(MOST_NAMES).map(caution).collect()
}

/// What may go wrong with a program: wrong numbers of arguments, names that nothing defines.
pub(super) fn cautions_of(
    program: &Program,
    interpreter: &Interpreter,
    given: &[&str],
) -> Vec<Caution> {
    let warnings = program.warnings().iter().map(|warning| Caution {
        message: warning.message.clone(),
        span: Some(warning.span),
        name: None,
        help: None,
    });
    let mut cautions: Vec<Caution> = warnings.collect();
    let applied = applied(program);
    let params = program.params().iter().map(|param| param.name.as_str());
    let has_value: FxHashSet<&str> = params.chain(given.iter().copied()).collect();
    let without = program
        .free_names()
        .filter(|(name, _)| !has_value.contains(name));
    let count = without.clone().count();
    let known = if count > 0 {
        known_names(program, interpreter)
    } else {
        Vec::new()
    };
    for (name, span) in without.take(MOST_NAMES) {
        if program.matrices().iter().any(|matrix| matrix.name == name) {
            cautions.push(Caution {
                message: format!("`{name}` is a matrix of data, and there are no data"),
                span: Some(span),
                name: Some(name.to_owned()),
                help: Some(format!(
                    "give the data: --data DATA.csv; or its numbers: --inputs \
                     '{{\"{name}\":[[1,2],[3,4]]}}'"
                )),
            });
            continue;
        }
        let mut series = program.observations().iter().filter(|o| !o.by_row);
        if series.any(|o| o.columns.iter().any(|column| column == name)) {
            cautions.push(Caution {
                message: format!("`{name}` is a column of data, and there are none of that name"),
                span: Some(span),
                name: Some(name.to_owned()),
                help: Some("give the data: --data DATA.csv".to_owned()),
            });
            continue;
        }
        let application = hints::application_at(program.text(), span.start as usize);
        if let Some(prefix) = application.and_then(hints::operator_first) {
            cautions.push(Caution {
                message: format!("`{name}` is applied here; operator first: `{prefix}`"),
                span: Some(span),
                name: Some(name.to_owned()),
                help: None,
            });
            continue;
        }
        let before = program.text().get(..span.start as usize);
        let open = before.and_then(|before| before.trim_end().strip_suffix('('));
        if let Some(meant) = open.and_then(|open| hints::name_outside(program.text(), open.len())) {
            cautions.push(Caution {
                message: format!("`{name}` is applied here; the name goes inside: `{meant}`"),
                span: Some(span),
                name: Some(name.to_owned()),
                help: None,
            });
            continue;
        }
        let near = misspelt(name, &known);
        let (message, help) = match (hints::instead_of(name, applied.contains(name)), near) {
            (Some(advice), _) => (format!("`{name}` is not defined; {advice}"), None),
            (None, Some(near)) => (format!("`{name}` is not defined; is it `{near}`?"), None),
            // What is applied is no number, so that no value given for it would help.
            (None, None) if applied.contains(name) => (
                format!("`{name}` is applied here, and no procedure of that name is defined"),
                None,
            ),
            (None, None) => (
                format!("`{name}` is not defined"),
                Some(match program.observations() {
                    [first, ..] if !first.by_row => format!(
                        "if it is a column of data, give those: --data DATA.csv; if it is another \
                         input, its value: --input {name}=1.5"
                    ),
                    _ => format!("if it is an input, give its value: --input {name}=1.5"),
                }),
            ),
        };
        cautions.push(Caution {
            message,
            span: Some(span),
            name: Some(name.to_owned()),
            help,
        });
    }
    for caution in &mut cautions {
        caution.message = bounded(take(&mut caution.message));
        caution.help = caution.help.take().map(bounded);
    }
    if count > MOST_NAMES {
        cautions.push(Caution {
            message: format!("{} more names are not defined", count - MOST_NAMES),
            span: None,
            name: None,
            help: Some("define them, or give their values".to_owned()),
        });
    }
    cautions
}

/// What is wrong with a program whose free names are all inputs: names that look misspelt are told,
/// others not.
pub(super) fn cautions_without_inputs(
    program: &Program,
    interpreter: &Interpreter,
) -> Vec<Caution> {
    let mut cautions = cautions_of(program, interpreter, &[]);
    cautions.retain(|caution| caution.help.is_none());
    cautions
}

/// The names that nothing binds and that stand where a procedure is applied.
fn applied(program: &Program) -> FxHashSet<&str> {
    let applied = program.exprs.iter().filter_map(|expr| match expr {
        Expr::Call { operator, .. } => match program.expr(*operator) {
            Expr::Free(sym) => Some(*sym),
            _ => None,
        },
        _ => None,
    });
    let syms: FxHashSet<Sym> = applied.collect();
    syms.into_iter()
        .map(|sym| program.symbols.name(sym))
        .collect()
}

/// The closest spelling; a name of one or two letters is close to everything.
fn near<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    if name.chars().count() < 3 {
        return None;
    }
    nearest(name, names)
}

/// The primitives, procedures and variables that a name may have been meant as.
fn known_names<'a>(program: &'a Program, interpreter: &'a Interpreter) -> Vec<&'a str> {
    let mut known: Vec<&str> = Prim::names().collect();
    let exports = interpreter.graph().exports.iter();
    known.extend(
        exports
            .map(|(name, _)| name.as_str())
            .filter(|name| !name.starts_with('%')),
    );
    let variables = program.vars.iter().map(|var| var.name);
    let visible = variables.filter(|&name| !program.symbols.is_reserved(name));
    known.extend(visible.map(|name| program.symbols.name(name)));
    known
}

/// The one of some names whose spelling is closest to a name that nothing defines.
fn misspelt(name: &str, known: &[&str]) -> Option<String> {
    let others = known.iter().copied().filter(|known| *known != name);
    if name.chars().count() < 3 {
        return None;
    }
    hints::misspelt(name, others).map(str::to_owned)
}
