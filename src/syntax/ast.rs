//! `Expr`: a program in core forms, every name resolved.
//!
//! The expander makes it; [`crate::anf`] compiles it, and [`crate::walk`] lays it out on the heap
//! for the self-hosted evaluator.
//!
//! **Invariants**
//! - No derived forms: what remains is constants, references, `if`, `lambda`, `let`, `letrec`,
//!   `begin` and application.
//! - An expression is an index into one arena, so nothing recurses when a program is dropped.
//! - Each expression has one span; the index of an expression is also its *site*, the place that
//!   errors, fuel and forks are told by.
//! - `letrec` fills its variables in order; a lambda's parameters are distinct.

use super::datum::{Data, DatumId};
use crate::prim::Prim;
use crate::source::{Position, Span};
use crate::symbol::{Sym, Symbols};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// An expression of a [`Program`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ExprId(pub(crate) u32);

impl fmt::Display for ExprId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "e{}", self.0)
    }
}

/// A variable of a [`Program`]: a parameter, or bound by `let` or `letrec`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct VarId(pub(crate) u32);

/// A constant that stands for itself.
#[derive(Clone, Debug, PartialEq)]
pub enum Constant {
    /// The empty list.
    Nil,
    /// What an `if` without an else gives when its test is false.
    Unspecified,
    /// #t or #f.
    Bool(bool),
    /// A number written without point or exponent.
    Int(f64),
    /// Any other number.
    Float(f64),
    /// A character.
    Char(char),
    /// A string.
    String(Arc<str>),
    /// A primitive, whatever its name means where it stands.
    Primitive(Prim),
}

/// A core form.
#[derive(Clone, Debug)]
pub(crate) enum Expr {
    /// A constant.
    Constant(Constant),
    /// Quoted data.
    Quote(DatumId),
    /// A bound variable.
    Variable(VarId),
    /// A primitive by its name.
    Primitive(Sym, Prim),
    /// A procedure of the prelude.
    Prelude(Sym),
    /// An input, a param, or a name that nothing binds.
    Free(Sym),
    /// `(if test then otherwise)`.
    If {
        /// Decides.
        test: ExprId,
        /// Taken unless the test is #f.
        then: ExprId,
        /// Taken when the test is #f.
        otherwise: ExprId,
    },
    /// A procedure.
    Lambda {
        /// What it is called, for people.
        name: Option<Sym>,
        /// Its parameters; with `rest`, the last takes all further arguments.
        params: Box<[VarId]>,
        /// Whether the last parameter takes all further arguments.
        rest: bool,
        /// The body.
        body: ExprId,
    },
    /// Variables with values computed outside their scope.
    Let {
        /// The variables.
        vars: Box<[VarId]>,
        /// One initial value each.
        inits: Box<[ExprId]>,
        /// The body.
        body: ExprId,
    },
    /// Variables filled in order, each in scope of all.
    Letrec {
        /// The variables.
        vars: Box<[VarId]>,
        /// One initial value each.
        inits: Box<[ExprId]>,
        /// The body.
        body: ExprId,
    },
    /// Expressions in order; the value is the last one's.
    Begin(Box<[ExprId]>),
    /// An application.
    Call {
        /// The operator.
        operator: ExprId,
        /// The arguments.
        args: Box<[ExprId]>,
        /// Whether it is the program's own: it costs fuel and stands in call chains.
        counts: bool,
    },
}

/// The allowed range of a param.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Constraint {
    /// Any number.
    Free,
    /// Greater than the number.
    Above(f64),
    /// Less than the number.
    Below(f64),
    /// From the one to the other: both ends are in it.
    Between(f64, f64),
}

impl Constraint {
    /// Whether `x` satisfies it.
    pub fn admits(self, x: f64) -> bool {
        match self {
            Self::Free => true,
            Self::Above(lo) => x > lo,
            Self::Below(hi) => x < hi,
            Self::Between(lo, hi) => lo <= x && x <= hi,
        }
    }
}

/// `(param name init constraint)`: a learnable constant.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Param {
    /// Its name, also as an input and in `wrt`.
    pub name: String,
    /// Its initial value.
    pub init: f64,
    /// The range it stays in while it is fitted.
    pub constraint: Constraint,
    /// The column that it has a value for each distinct number of, in a fit.
    pub by: Option<String>,
    /// The form.
    pub span: Span,
}

/// How observations scatter around predictions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Noise {
    /// Additive with one standard deviation: the residual is prediction minus observation.
    Normal,
    /// Multiplicative: the residual is the difference of logarithms.
    Lognormal,
    /// Counts, whose mean is the prediction.
    Poisson,
}

impl Noise {
    /// As programs write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Lognormal => "lognormal",
            Self::Poisson => "poisson",
        }
    }
}

/// A number that noise is made of: a standard deviation or a limit.
#[derive(Clone, Debug, PartialEq)]
pub enum Amount {
    /// The same for all rows.
    Number(f64),
    /// That of a column, row by row.
    Column(String),
    /// What the program computes, with derivatives.
    Expression(ExprId),
}

/// A side of a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// What is at the limit or less.
    Below,
    /// What is at the limit or more.
    Above,
}

impl Side {
    /// As programs write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Below => "below",
            Self::Above => "above",
        }
    }
}

/// `(censored below limit)`: of an observed number on that side of the limit no more is known than that.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Censoring {
    /// Which side.
    pub side: Side,
    /// Where it begins.
    pub limit: Amount,
    /// The form.
    pub span: Span,
}

/// `(observe-series (column …) expr noise)`: rows predicted by an expression; or
/// `(observe column expr noise)`: one number predicted for each row.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Observation {
    /// The columns observed, in the order of a row's numbers.
    pub columns: Vec<String>,
    /// Whether rows are predicted one by one (`observe`): columns are then numbers, not lists.
    pub by_row: bool,
    /// The number, or the list of rows.
    pub expr: ExprId,
    /// The noise.
    pub noise: Noise,
    /// Its standard deviation, of logarithms where it is lognormal; none where a fit estimates it.
    pub sd: Option<Amount>,
    /// Which numbers are known to be beyond a limit alone; one for each side at the most.
    pub censored: Vec<Censoring>,
    /// The form.
    pub span: Span,
}

impl Observation {
    /// What the program computes of it, in the order in which it gives it to a fit: the prediction first.
    pub(crate) fn expressions(&self) -> impl Iterator<Item = ExprId> + '_ {
        let limits = self.censored.iter().map(|censoring| &censoring.limit);
        let amounts = self.sd.iter().chain(limits);
        let computed = amounts.filter_map(|amount| match amount {
            Amount::Expression(expr) => Some(*expr),
            Amount::Number(_) | Amount::Column(_) => None,
        });
        std::iter::once(self.expr).chain(computed)
    }
}

/// `(prior name mean sd)`: what is known of a param before the data.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Prior {
    /// The param.
    pub param: String,
    /// The mean of its normal distribution.
    pub mean: f64,
    /// The standard deviation of that.
    pub sd: f64,
    /// The form.
    pub span: Span,
}

/// `(derive name expr)`: a quantity made of params, which a fit tells with its standard error.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Derived {
    /// What it is called.
    pub name: String,
    /// The number.
    pub expr: ExprId,
    /// The form.
    pub span: Span,
}

/// `(data-matrix name (column …))`: columns of the data as one input.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DataMatrix {
    /// Its name, as an input.
    pub name: String,
    /// The columns of the data that are its columns.
    pub columns: Vec<String>,
    /// The form.
    pub span: Span,
}

/// Something that would fail if it were reached, found before the run.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Warning {
    /// What, and what to do.
    pub message: String,
    /// Where.
    pub span: Span,
}

/// A model that a program calls by its name.
#[derive(Clone, Debug)]
pub(crate) struct Callee {
    pub(crate) name: Arc<str>,
    /// What stands for it in the program.
    pub(crate) var: VarId,
    /// The first call.
    pub(crate) span: Span,
    /// All calls.
    pub(crate) calls: Vec<ExprId>,
}

/// A linked module's part of the text.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) name: Arc<str>,
    /// Its text among all.
    pub(crate) span: Span,
    /// Its params: names, places and values.
    pub(crate) params: Vec<(String, Span, f64)>,
}

/// What was linked to a program.
#[derive(Clone, Debug, Default)]
pub(crate) struct Linked {
    pub(crate) parts: Vec<Part>,
    /// The inputs that have another symbol than their name's, because a module has a use for that.
    pub(crate) renamed: Vec<(String, Sym)>,
}

impl Linked {
    /// How long the program's own text is.
    pub(crate) fn own_len(&self, whole: &str) -> usize {
        self.parts
            .first()
            .map_or(whole.len(), |part| part.span.start as usize - 1)
    }
}

/// A bound variable.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Var {
    /// As written.
    pub(crate) name: Sym,
    /// As core forms are printed: differs where one name stands for several variables of one frame.
    pub(crate) core_name: Sym,
}

/// A program in core forms.
#[derive(Clone, Debug)]
pub struct Program {
    pub(crate) text: Arc<str>,
    pub(crate) symbols: Symbols,
    pub(crate) data: Data,
    pub(crate) exprs: Vec<Expr>,
    pub(crate) spans: Vec<Span>,
    /// Float literals of the code: those that `wrt` can name by position.
    pub(crate) literals: Vec<ExprId>,
    pub(crate) vars: Vec<Var>,
    pub(crate) root: ExprId,
    pub(crate) free: Vec<(Sym, Span)>,
    pub(crate) params: Vec<Param>,
    pub(crate) matrices: Vec<DataMatrix>,
    pub(crate) observations: Vec<Observation>,
    pub(crate) priors: Vec<Prior>,
    pub(crate) derived: Vec<Derived>,
    pub(crate) warnings: Vec<Warning>,
    /// The models that it calls itself.
    pub(crate) callees: Vec<Callee>,
    /// What was linked to it.
    pub(crate) linked: Linked,
}

impl Program {
    /// The bytes that it takes, about: room to grow aside.
    pub(crate) fn bytes(&self) -> usize {
        let exprs = self.exprs.len() * (size_of::<Expr>() + size_of::<Span>() + 12);
        exprs + self.data.bytes() + self.symbols.bytes() + self.vars.len() * size_of::<Var>()
    }

    /// The text; behind its own, that of the models which are linked to it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The params, in the order written.
    pub fn params(&self) -> &[Param] {
        &self.params
    }

    /// The matrices of data, in the order written.
    pub fn matrices(&self) -> &[DataMatrix] {
        &self.matrices
    }

    /// What the program says of data.
    pub fn observations(&self) -> &[Observation] {
        &self.observations
    }

    /// What is known of params before the data, in the order written.
    pub fn priors(&self) -> &[Prior] {
        &self.priors
    }

    /// The quantities made of params, in the order written.
    pub fn derived(&self) -> &[Derived] {
        &self.derived
    }

    /// The names that nothing in the program binds, in order of first use: its inputs.
    pub fn free_names(&self) -> impl Iterator<Item = (&str, Span)> + Clone {
        self.free
            .iter()
            .map(|&(sym, span)| (self.symbols.name(sym), span))
    }

    /// The names of the models that it calls itself.
    pub(crate) fn called(&self) -> Vec<Arc<str>> {
        self.callees.iter().map(|c| c.name.clone()).collect()
    }

    /// Whether an expression names one of these primitives.
    pub(crate) fn calls_any(&self, prims: &[Prim]) -> bool {
        self.exprs.iter().any(|expr| match expr {
            Expr::Primitive(_, prim) | Expr::Constant(Constant::Primitive(prim)) => {
                prims.contains(prim)
            }
            _ => false,
        })
    }

    /// Calls that would fail if they were reached.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// The float literal of the code that starts at a position.
    pub fn literal_at(&self, position: Position) -> Option<ExprId> {
        let start = position.offset(&self.text)?;
        self.literals
            .iter()
            .copied()
            .find(|&id| self.span(id).start == start)
    }

    /// Where an expression stands in the text; nowhere, if it is none of this program.
    pub fn span(&self, id: ExprId) -> Span {
        self.spans.get(id.0 as usize).copied().unwrap_or_default()
    }

    pub(crate) fn expr(&self, id: ExprId) -> &Expr {
        &self.exprs[id.0 as usize]
    }

    /// All expressions, in no order.
    pub(crate) fn exprs(&self) -> &[Expr] {
        &self.exprs
    }

    /// What an input, a param or an unbound name is called.
    pub(crate) fn free_name(&self, sym: Sym) -> &str {
        self.symbols.name(sym)
    }

    pub(crate) fn var(&self, id: VarId) -> Var {
        self.vars[id.0 as usize]
    }
}
