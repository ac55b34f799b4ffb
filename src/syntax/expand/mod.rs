//! The expander: data to core forms.
//!
//! [`Data`] goes in; a [`Program`] comes out, in which every name is resolved and only core forms
//! are left.
//!
//! **Invariants**
//! - Scope is lexical; a binding shadows forms, primitives, the prelude and inputs alike.
//! - What a derived form needs (a temporary, `cons` in a quasiquote) can be neither seen nor
//!   shadowed by the program.
//! - A mistake ends the form that has it and no other: what stands beside it is expanded all the same,
//!   so that all mistakes are told at once.
//! - Forms that grow long (`cond`, `let*`, bodies, …) expand in loops; recursion follows the
//!   nesting of the text, which the reader bounds, and of what macros make, which `macros` bounds.
//! - Time and memory are linear in the text and in what macros make, and metered.
//! - At top level a name may be defined again. A reference means the definition made last when it
//!   runs; where that is not known before, flags tell which have been made.

mod binding;
mod body;
mod check;
mod choice;
mod declarations;
mod limits;
mod macros;
mod models;
mod names;
mod procedure;
mod program;
mod quasiquote;
mod records;
mod syntax_rules;
mod values;
mod weight;

pub(crate) use models::MACHINE;

use self::macros::{Alias, Macro};
use self::records::RecordPart;
use self::syntax_rules::MacroId;
use super::ast::{
    Callee, Constant, DataMatrix, Derived, Expr, ExprId, Linked, Observation, Param, Prior,
    Program, Var, VarId,
};
use super::datum::{Data, Datum, DatumId};
use super::forms::Form;
use super::goal::Goal;
use super::grown::Grown;
use super::left_out::may_be_input;
use crate::error::{Kind, bounded};
use crate::meter::Meter;
use crate::prim::Prim;
use crate::sorted;
use crate::source::Span;
use crate::symbol::{Sym, Symbols};
use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::SmallVec;
use std::cell::{Cell, RefCell};
use std::sync::Arc;

/// A malformed form, or one that the language leaves out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
#[non_exhaustive]
pub struct ExpandError {
    /// `syntax`, `unsupported`, or `resource` where a limit was met.
    pub kind: Kind,
    /// What is wrong and what to do.
    pub message: String,
    /// The form.
    pub span: Span,
    /// What else is wrong with the program, in the order of the text: other forms that are malformed or left out,
    /// and calls with a wrong number of arguments (kind `arity`). These have no further ones.
    pub also: Vec<ExpandError>,
}

/// How many mistakes are looked for.
const MISTAKES: usize = 20;

/// Procedures by their names, with how few and how many arguments they take.
pub(crate) type Procedures = FxHashMap<String, (u32, Option<u32>)>;

/// What the expander knows beside the program.
#[derive(Clone, Debug, Default)]
pub(crate) struct ExpandOptions<'a> {
    /// Names that the caller binds: they shadow primitives and forms.
    pub(crate) inputs: &'a [&'a str],
    /// The procedures of the prelude.
    pub(crate) prelude: Option<&'a Procedures>,
    /// Which value the program is run for.
    pub(crate) goal: Goal,
    /// Whether internal rows of the primitive table (`%apply-at`, …) can be named: bootstrap files
    /// only.
    pub(crate) internal: bool,
}

/// Expands all data of a program.
///
/// # Errors
/// Malformed forms (`syntax`) and forms that the language leaves out (`unsupported`).
pub(crate) fn expand(
    text: &Arc<str>,
    data: Data,
    symbols: Symbols,
    options: &ExpandOptions<'_>,
) -> Result<Program> {
    expand_within(text, data, symbols, options, &Meter::default())
}

/// The same within limits; what the program holds is added to what the meter knows of.
///
/// # Errors
/// As [`expand`], and `resource` when a limit is met.
pub(crate) fn expand_within(
    text: &Arc<str>,
    data: Data,
    symbols: Symbols,
    options: &ExpandOptions<'_>,
    meter: &Meter,
) -> Result<Program> {
    let (program, mut mistakes) = expand_leniently(text, data, symbols, options, meter);
    if mistakes.is_empty() {
        return Ok(program);
    }
    let is_limit = |mistake: &ExpandError| mistake.kind == Kind::Resource;
    if let Some(at) = mistakes.iter().position(is_limit) {
        return Err(mistakes.swap_remove(at));
    }
    let mut first = mistakes.remove(0);
    let warnings = program.warnings.into_iter().map(|warning| ExpandError {
        kind: Kind::Arity,
        message: warning.message,
        span: warning.span,
        also: Vec::new(),
    });
    mistakes.extend(warnings);
    sorted::by_key(&mut mistakes, |mistake| mistake.span.start);
    mistakes.truncate(MISTAKES);
    first.also = mistakes;
    Err(first)
}

/// Expands all that can be: a program, in which nothing stands for each form that is wrong, and what is
/// wrong with those, the first one first.
pub(crate) fn expand_leniently(
    text: &Arc<str>,
    mut data: Data,
    symbols: Symbols,
    options: &ExpandOptions<'_>,
    meter: &Meter,
) -> (Program, Vec<ExpandError>) {
    let outside = vec![None; symbols.len() as usize];
    let scope = vec![None; symbols.len() as usize];
    let nodes = data.len() as usize;
    let grown = Grown::new(&data);
    let mut expander = Expander {
        text,
        data: &grown,
        meter,
        boxed: 0,
        listed: 0,
        symbol_bytes: symbols.bytes(),
        work: Cell::new(0),
        templates: FxHashMap::default(),
        symbols,
        inputs: FxHashSet::default(),
        prelude: options.prelude,
        internal: options.internal,
        exprs: Vec::with_capacity(nodes),
        spans: Vec::with_capacity(nodes),
        literals: Vec::new(),
        vars: Vec::new(),
        shadowed: Vec::new(),
        bound: Vec::new(),
        mistakes: Vec::new(),
        spoiled: FxHashSet::default(),
        heights: Vec::new(),
        macros: Vec::new(),
        macro_vars: FxHashMap::default(),
        top_macros: FxHashMap::default(),
        aliases: FxHashMap::default(),
        renamed: FxHashMap::default(),
        uses: 0,
        nested_uses: 0,
        exhausted: false,
        lambdas: FxHashMap::default(),
        scope,
        outside: RefCell::new(outside),
        top: FxHashMap::default(),
        item: 0,
        live: Vec::new(),
        flags: FxHashMap::default(),
        procedure_depth: 0,
        free: Vec::new(),
        free_names: FxHashSet::default(),
        params: Vec::new(),
        param_names: FxHashSet::default(),
        matrices: Vec::new(),
        matrix_names: FxHashSet::default(),
        declared: FxHashSet::default(),
        observations: Vec::new(),
        priors: Vec::new(),
        derived: Vec::new(),
        callees: Vec::new(),
    };
    for name in options.inputs {
        let sym = expander.symbols.intern(name);
        expander.inputs.insert(sym);
    }
    let root = match expander.program(grown.roots(), options.goal) {
        Ok(root) => root,
        // More than are looked for.
        Err(mistake) => {
            expander.mistakes.push(mistake);
            expander.constant(Constant::Unspecified, Span::new(0, 0))
        }
    };
    // Nothing is looked for once a limit is met.
    let warnings = if expander.exhausted {
        Vec::new()
    } else {
        expander.check()
    };
    if !options.internal && !expander.exhausted {
        expander.weigh();
    }
    if let Err(overrun) = meter.hold(expander.bytes()) {
        let whole = Span::new(0, text.len() as u32);
        let mistake = expander.over(overrun, whole);
        expander.mistakes.push(mistake);
    }
    let Expander {
        symbols,
        exprs,
        spans,
        literals,
        vars,
        free,
        params,
        matrices,
        observations,
        priors,
        derived,
        callees,
        mistakes,
        ..
    } = expander;
    grown.finish().append(&mut data);
    let program = Program {
        text: text.clone(),
        symbols,
        data,
        exprs,
        spans,
        literals,
        vars,
        root,
        free,
        params,
        matrices,
        observations,
        priors,
        derived,
        warnings,
        callees,
        linked: Linked::default(),
    };
    (program, mistakes)
}

/// One top-level form, with `begin`s already opened.
enum Item {
    Define(DatumId, Box<Definition>),
    /// A macro, made already.
    Syntax,
    Param(DatumId),
    DataMatrix(DatumId),
    Observe(DatumId, Form),
    Prior(DatumId),
    Derive(DatumId),
    Expression(DatumId),
    /// What is no definition although it begins as one.
    Mistake(Box<ExpandError>),
}

/// `(define name init)` or `(define (name . params) body …)`, taken apart.
#[derive(Clone)]
struct Definition {
    name: Sym,
    value: DefinedValue,
}

#[derive(Clone)]
enum DefinedValue {
    Expression(DatumId),
    Procedure {
        params: Vec<DatumId>,
        rest: Option<DatumId>,
        body: Vec<DatumId>,
    },
    /// The list of values that `define-values` takes apart.
    Values {
        expr: DatumId,
        required: usize,
        rest: bool,
    },
    /// An element of such a list, or the rest of it.
    Part {
        list: Sym,
        index: usize,
        rest: bool,
    },
    Record(RecordPart),
}

/// What a name means where it stands.
#[derive(Clone, Copy)]
enum Denotation {
    Variable(VarId),
    /// A name of the top level whose definition made last is known in the run alone.
    Newest,
    Free,
    Form(Form),
    Primitive(Prim),
    Prelude,
    Macro(MacroId),
}

/// The definitions of one name at top level: the item that makes each, and its variable.
type Versions = SmallVec<[(usize, VarId); 1]>;

struct Expander<'a> {
    text: &'a str,
    data: &'a Grown<'a>,
    meter: &'a Meter,
    /// The bytes of the lists in expressions.
    boxed: usize,
    /// The bytes of the lists of the top level's forms.
    listed: usize,
    /// What the symbols took before.
    symbol_bytes: usize,
    /// Steps of looking macros' names up and of matching their rules.
    work: Cell<u64>,
    /// Whether parts of the template under way hold an unquote of a level.
    templates: FxHashMap<(DatumId, u32), bool>,
    symbols: Symbols,
    inputs: FxHashSet<Sym>,
    prelude: Option<&'a Procedures>,
    internal: bool,
    exprs: Vec<Expr>,
    spans: Vec<Span>,
    literals: Vec<ExprId>,
    vars: Vec<Var>,
    /// For each variable, the one of the same name that it shadows while it is bound.
    shadowed: Vec<Option<VarId>>,
    /// The variables that are bound where the expander is, outermost first.
    bound: Vec<VarId>,
    /// What is wrong, as far as that has been found.
    mistakes: Vec<ExpandError>,
    /// Names whose definition is wrong: that they are not defined is no further mistake.
    spoiled: FxHashSet<Sym>,
    /// For each variable that is bound, how many were when it was, itself included.
    heights: Vec<u32>,
    /// All macros; which variables stand for one, and those of the top level: the item that makes it,
    /// and its definition.
    macros: Vec<Macro>,
    macro_vars: FxHashMap<VarId, MacroId>,
    top_macros: FxHashMap<Sym, Vec<(usize, MacroId, DatumId)>>,
    /// The names that macros put in, and which one a use has for a name.
    aliases: FxHashMap<Sym, Alias>,
    renamed: FxHashMap<(u32, Sym), Sym>,
    /// How many uses of macros there were, and inside how many the expander is.
    uses: u32,
    nested_uses: u32,
    /// Whether macros made too much.
    exhausted: bool,
    /// The argument counts of variables known to be procedures, for warnings.
    lambdas: FxHashMap<VarId, (u32, Option<u32>)>,
    /// The innermost binding of each name, by its index.
    scope: Vec<Option<VarId>>,
    /// What each name means where nothing binds it, by its index, once that has been asked.
    outside: RefCell<Vec<Option<Denotation>>>,
    top: FxHashMap<Sym, Versions>,
    /// The top-level form under way, and how many procedures enclose the place in it.
    item: usize,
    /// For each top-level form the first, from it on, that may run procedures.
    live: Vec<usize>,
    /// For definitions that not every reference knows to be made: the variable with the cell that is
    /// filled when they are.
    flags: FxHashMap<VarId, VarId>,
    procedure_depth: u32,
    free: Vec<(Sym, Span)>,
    free_names: FxHashSet<Sym>,
    params: Vec<Param>,
    matrices: Vec<DataMatrix>,
    /// The names of all params and data matrices, known before the first is expanded.
    param_names: FxHashSet<Sym>,
    matrix_names: FxHashSet<Sym>,
    /// Those of them that are expanded.
    declared: FxHashSet<Sym>,
    observations: Vec<Observation>,
    priors: Vec<Prior>,
    derived: Vec<Derived>,
    /// The models that are called, in the order of the first calls.
    callees: Vec<Callee>,
}

type Result<T> = std::result::Result<T, ExpandError>;

impl<'a> Expander<'a> {
    fn fail<T>(&self, id: DatumId, message: impl Into<String>) -> Result<T> {
        Err(ExpandError {
            kind: Kind::Syntax,
            message: bounded(message.into()),
            span: self.data.span(id),
            also: Vec::new(),
        })
    }

    /// Brackets where parentheses belong.
    fn brackets<T>(&self, id: DatumId, usage: &str) -> Result<T> {
        self.fail(
            id,
            format!("brackets make vectors; use parentheses: {usage}"),
        )
    }

    fn push(&mut self, expr: Expr, span: Span) -> ExprId {
        let id = ExprId(self.exprs.len() as u32);
        self.boxed += limits::boxed(&expr);
        self.exprs.push(expr);
        self.spans.push(span);
        id
    }

    fn constant(&mut self, constant: Constant, span: Span) -> ExprId {
        self.push(Expr::Constant(constant), span)
    }

    fn variable(&mut self, name: Sym) -> VarId {
        let id = VarId(self.vars.len() as u32);
        // A name that a macro puts in may mean a variable behind a nearer one of the same name: where core
        // forms are printed, each is called otherwise.
        let core_name = if self.macros.is_empty() {
            name
        } else {
            self.symbols.alias(name)
        };
        self.vars.push(Var { name, core_name });
        self.shadowed.push(None);
        self.heights.push(0);
        id
    }

    /// A variable that no program text can name.
    fn hidden(&mut self, name: &str) -> VarId {
        let sym = self.symbols.reserve(name);
        self.variable(sym)
    }

    fn bind(&mut self, var: VarId) {
        let name = self.vars[var.0 as usize].name.index() as usize;
        if name >= self.scope.len() {
            self.scope.resize(name + 1, None);
        }
        self.shadowed[var.0 as usize] = self.scope[name].replace(var);
        self.bound.push(var);
        self.heights[var.0 as usize] = self.bound.len() as u32;
    }

    /// Ends the scope of the variables that were bound last.
    fn unbind(&mut self, vars: &[VarId]) {
        for var in vars.iter().rev() {
            let name = self.vars[var.0 as usize].name.index() as usize;
            self.scope[name] = self.shadowed[var.0 as usize];
            self.bound.pop();
        }
    }

    /// What `expand` gives for a form; where that is wrong, nothing, with the mistake kept and all bound
    /// that was bound before.
    ///
    /// # Errors
    /// The last mistake that is looked for.
    fn recovering(
        &mut self,
        id: DatumId,
        expand: impl FnOnce(&mut Self) -> Result<ExprId>,
    ) -> Result<ExprId> {
        let (bound, depth) = (self.bound.len(), self.procedure_depth);
        let mistake = match expand(self) {
            Ok(expr) => return Ok(expr),
            Err(mistake) => mistake,
        };
        let left = self.bound[bound..].to_vec();
        self.unbind(&left);
        self.procedure_depth = depth;
        self.mistake(mistake)?;
        Ok(self.constant(Constant::Unspecified, self.data.span(id)))
    }

    /// Keeps a mistake; gives it back if it is the last that is looked for.
    fn mistake(&mut self, mistake: ExpandError) -> Result<()> {
        if self.exhausted || self.mistakes.len() + 1 >= MISTAKES {
            return Err(mistake);
        }
        self.mistakes.push(mistake);
        Ok(())
    }

    /// The form that a datum begins with, and its whole list.
    fn form_of(&self, id: DatumId) -> Option<(Form, &'a [DatumId])> {
        let data = self.data;
        if let Datum::List(items) | Datum::Dotted(items, _) = data.get(id)
            && let Some(&head) = items.first()
            && let Datum::Symbol(sym) = data.get(head)
            && let Denotation::Form(form) = self.denote(sym)
        {
            return Some((form, items));
        }
        None
    }

    fn expand(&mut self, id: DatumId) -> Result<ExprId> {
        // Recursion follows the nesting of the text, which the reader bounds; the stack grows as
        // it needs to.
        stacker::maybe_grow(64 * 1024, 1024 * 1024, || {
            self.recovering(id, |expander| expander.expand_here(id))
        })
    }

    fn expand_here(&mut self, id: DatumId) -> Result<ExprId> {
        let span = self.data.span(id);
        self.step(id, 1)?;
        if !self.macros.is_empty() {
            self.meter_expressions(id)?;
        }
        match self.data.get(id) {
            Datum::Bool(b) => Ok(self.constant(Constant::Bool(b), span)),
            Datum::Int(x) => Ok(self.constant(Constant::Int(x), span)),
            Datum::Float(x) => {
                let literal = self.constant(Constant::Float(x), span);
                // What a macro puts in has no place of its own, by which it could be asked for.
                let placed = !self.data.is_added(id);
                if placed && span.text(self.text).contains(['.', 'e', 'E']) {
                    self.literals.push(literal);
                }
                Ok(literal)
            }
            Datum::Char(c) => Ok(self.constant(Constant::Char(c), span)),
            Datum::String(s) => Ok(self.constant(Constant::String(s.into()), span)),
            Datum::Symbol(sym) => self.reference(id, sym),
            Datum::Numbers(_) => Ok(self.push(Expr::Quote(id), span)),
            // `vec` itself, whatever the program binds that name to.
            Datum::Bracket(items) => {
                let operator = self.constant(Constant::Primitive(Prim::Vec), span);
                let args = self.expand_all(items.iter().copied())?;
                Ok(self.call(operator, args, true, span))
            }
            Datum::Dotted(..) => match self.macro_of(id) {
                Some(made) => self.expand_use(made, id),
                None => self.fail(id, "a `.` cannot stand in an expression; remove it"),
            },
            Datum::List([]) => {
                self.fail(id, "`()` is no expression; write `'()` for the empty list")
            }
            Datum::List(items) => {
                if let Some((form, _)) = self.form_of(id) {
                    return self.form(id, form, items);
                }
                if let Some(made) = self.macro_of(id) {
                    return self.expand_use(made, id);
                }
                let operator = self.expand(items[0])?;
                let args = self.expand_all(items[1..].iter().copied())?;
                Ok(self.call(operator, args, true, span))
            }
        }
    }

    /// Expands in order; the vector has no room to spare, so that it becomes a slice as it is.
    fn expand_all(&mut self, data: impl ExactSizeIterator<Item = DatumId>) -> Result<Vec<ExprId>> {
        let mut exprs = Vec::with_capacity(data.len());
        for id in data {
            exprs.push(self.expand(id)?);
        }
        Ok(exprs)
    }

    fn call(&mut self, operator: ExprId, args: Vec<ExprId>, counts: bool, span: Span) -> ExprId {
        let call = Expr::Call {
            operator,
            args: args.into(),
            counts,
        };
        self.push(call, span)
    }

    /// An application of a procedure of the prelude that no program can spell.
    fn call_helper(&mut self, name: &str, args: Vec<ExprId>, span: Span) -> ExprId {
        let sym = self.symbols.reserve(name);
        let operator = self.push(Expr::Prelude(sym), span);
        self.call(operator, args, false, span)
    }

    /// An application of a primitive that the program does not see.
    fn call_hidden(&mut self, prim: Prim, args: Vec<ExprId>, span: Span) -> ExprId {
        let operator = self.constant(Constant::Primitive(prim), span);
        self.call(operator, args, false, span)
    }

    fn reference(&mut self, id: DatumId, sym: Sym) -> Result<ExprId> {
        let span = self.data.span(id);
        let (sym, denotation) = self.resolve(sym);
        Ok(match denotation {
            Denotation::Variable(var) => self.push(Expr::Variable(var), span),
            Denotation::Newest => self.newest(sym, span),
            Denotation::Primitive(prim) => self.push(Expr::Primitive(sym, prim), span),
            Denotation::Prelude => self.push(Expr::Prelude(sym), span),
            Denotation::Free
            | Denotation::Form(Form::Model | Form::Machine | Form::Prior | Form::Derive) => {
                self.free_name(sym, span)
            }
            Denotation::Form(Form::Unsupported(_)) if may_be_input(self.symbols.name(sym)) => {
                self.free_name(sym, span)
            }
            // A name that many programs have for an input.
            Denotation::Form(Form::Unsupported(instead)) => {
                return self.unsupported(id, sym, instead);
            }
            Denotation::Macro(_) => {
                let name = self.symbols.name(sym);
                return self.fail(id, format!("`{name}` is a macro, not a value"));
            }
            Denotation::Form(_) => {
                let name = self.symbols.name(sym);
                return self.fail(id, format!("`{name}` is a form, not a value"));
            }
        })
    }

    fn free_name(&mut self, sym: Sym, span: Span) -> ExprId {
        if !self.spoiled.contains(&sym) && self.free_names.insert(sym) {
            self.free.push((sym, span));
        }
        self.push(Expr::Free(sym), span)
    }

    fn unsupported<T>(&self, id: DatumId, sym: Sym, instead: &str) -> Result<T> {
        Err(ExpandError {
            kind: Kind::Unsupported,
            message: bounded(format!(
                "`{}` is not in the language: {instead}",
                self.symbols.name(sym)
            )),
            span: self.data.span(id),
            also: Vec::new(),
        })
    }

    fn form(&mut self, id: DatumId, form: Form, items: &[DatumId]) -> Result<ExprId> {
        let span = self.data.span(id);
        let rest = &items[1..];
        match form {
            Form::Quote => match rest {
                [datum] => self.quote(*datum, span),
                _ => self.fail(id, "`quote` takes one datum"),
            },
            Form::Quasiquote => match rest {
                [template] => self.quasiquote_form(*template),
                _ => self.fail(id, "`quasiquote` takes one template"),
            },
            Form::Unquote | Form::UnquoteSplicing => {
                self.fail(id, "an unquote stands outside any quasiquote")
            }
            Form::If => self.if_form(id, rest),
            Form::Lambda => self.lambda_form(id, rest),
            Form::Let => self.let_form(id, rest),
            Form::LetStar => self.let_star(id, rest),
            Form::Letrec => self.letrec(id, rest),
            Form::Begin => match rest {
                [] => self.fail(id, "`begin` needs an expression"),
                _ => self.sequence(id, rest),
            },
            Form::Do => self.do_form(id, rest),
            Form::Cond => self.cond(id, rest),
            Form::Case => self.case(id, rest),
            Form::When | Form::Unless => {
                if rest.len() < 2 {
                    return self.fail(id, "a test and at least one expression are needed");
                }
                let test = self.expand(rest[0])?;
                let body = self.sequence(id, &rest[1..])?;
                let nothing = self.constant(Constant::Unspecified, span);
                let (then, otherwise) = match form {
                    Form::When => (body, nothing),
                    _ => (nothing, body),
                };
                Ok(self.if_expr(test, then, otherwise, span))
            }
            Form::And => self.and(id, rest),
            Form::Or => self.or(id, rest),
            Form::Loop => {
                let recur = self.beside(items[0], "recur");
                match rest {
                    [bindings, body @ ..] => self.named_let(id, recur, *bindings, body),
                    [] => self.fail(id, "write `(loop ((name init) …) body …)`"),
                }
            }
            Form::Recur => self.fail(id, "`recur` stands outside any `loop`"),
            Form::Define | Form::DefineValues | Form::DefineRecordType | Form::DefineSyntax => self
                .fail(
                    id,
                    "a definition must stand at top level or at the start of a body",
                ),
            Form::Else | Form::Arrow => self.fail(id, "this belongs inside `cond` or `case`"),
            Form::Param
            | Form::DataMatrix
            | Form::Observe
            | Form::ObserveSeries
            | Form::Prior
            | Form::Derive => self.fail(id, "this form must stand at top level"),
            Form::LetValues => self.let_values(id, rest, false),
            Form::LetStarValues => self.let_values(id, rest, true),
            Form::Receive => self.receive(id, rest),
            Form::CaseLambda => self.case_lambda(id, rest),
            Form::Delay | Form::DelayForce => self.delay(id, form, rest),
            Form::LetSyntax | Form::LetrecSyntax => self.let_syntax(id, form, rest),
            Form::SyntaxRules => self.fail(
                id,
                "`syntax-rules` belongs into `define-syntax` or `let-syntax`",
            ),
            Form::SyntaxError => self.syntax_error(id, rest),
            Form::SoftChoice => self.soft_choice(id, rest),
            Form::SoftIf => self.soft_if(id, rest),
            Form::Model => self.model(id, rest),
            Form::Machine => self.machine(id, rest),
            Form::Unsupported(instead) => {
                let Datum::Symbol(sym) = self.data.get(items[0]) else {
                    return self.fail(id, instead);
                };
                self.unsupported(id, sym, instead)
            }
        }
    }

    fn quote(&mut self, datum: DatumId, span: Span) -> Result<ExprId> {
        let datum = self.stripped(datum)?;
        let constant = match self.data.get(datum) {
            Datum::Bool(b) => Constant::Bool(b),
            Datum::Int(x) => Constant::Int(x),
            Datum::Float(x) => Constant::Float(x),
            Datum::Char(c) => Constant::Char(c),
            Datum::String(s) => Constant::String(s.into()),
            Datum::List([]) => Constant::Nil,
            _ => return Ok(self.push(Expr::Quote(datum), span)),
        };
        Ok(self.constant(constant, span))
    }

    fn if_expr(&mut self, test: ExprId, then: ExprId, otherwise: ExprId, span: Span) -> ExprId {
        let expr = Expr::If {
            test,
            then,
            otherwise,
        };
        self.push(expr, span)
    }

    fn if_form(&mut self, id: DatumId, rest: &[DatumId]) -> Result<ExprId> {
        let (2 | 3) = rest.len() else {
            return self.fail(id, "`if` takes a test, a value and perhaps another value");
        };
        let span = self.data.span(id);
        let test = self.expand(rest[0])?;
        let then = self.expand(rest[1])?;
        let otherwise = match rest.get(2) {
            Some(&otherwise) => self.expand(otherwise)?,
            None => self.constant(Constant::Unspecified, span),
        };
        Ok(self.if_expr(test, then, otherwise, span))
    }

    fn lambda_form(&mut self, id: DatumId, rest: &[DatumId]) -> Result<ExprId> {
        let [params, body @ ..] = rest else {
            return self.fail(id, "write `(lambda (argument …) body …)`");
        };
        let written = *params;
        let (params, rest) = match self.data.get(written) {
            Datum::Symbol(_) => (Vec::new(), Some(written)),
            Datum::List(params) => (params.to_vec(), None),
            Datum::Dotted(params, rest) => (params.to_vec(), Some(rest)),
            Datum::Bracket(_) => {
                return self.brackets(written, "write `(lambda (argument …) body …)`");
            }
            _ => return self.fail(id, "write `(lambda (argument …) body …)`"),
        };
        self.lambda(id, None, &params, rest, body)
    }
}
