//! The expander: data to core forms.
//!
//! [`Data`] goes in; a [`Program`] comes out, in which every name is resolved and only core forms
//! are left.
//!
//! **Invariants**
//! - Scope is lexical; a binding shadows forms, primitives, the prelude and inputs alike.
//! - What a derived form needs (a temporary, `cons` in a quasiquote) can be neither seen nor
//!   shadowed by the program.
//! - Forms that grow long (`cond`, `let*`, bodies, …) expand in loops; recursion follows the
//!   nesting of the text alone, which the reader bounds.
//! - At top level a name may be defined again. A reference that runs at once means the last
//!   definition before it; one inside a procedure means the last of all.

use super::ast::{
    Constant, Constraint, Expr, ExprId, Noise, Observation, Param, Program, Var, VarId, Warning,
};
use super::datum::{Data, Datum, DatumId};
use super::forms::{Form, form};
use crate::error::Kind;
use crate::prim::{Prim, arity_in_words};
use crate::source::Span;
use crate::symbol::{Sym, Symbols};
use rustc_hash::{FxHashMap, FxHashSet};
use std::sync::Arc;

/// A malformed form, or one that the language leaves out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
#[non_exhaustive]
pub struct ExpandError {
    /// `syntax` or `unsupported`.
    pub kind: Kind,
    /// What is wrong and what to do.
    pub message: String,
    /// The form.
    pub span: Span,
}

/// Which value the program is run for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Goal {
    /// The value of the last expression.
    #[default]
    Value,
    /// A list with the predictions of each `observe-series`, in order.
    Observations,
}

/// What the expander knows beside the program.
#[derive(Clone, Debug, Default)]
pub struct ExpandOptions<'a> {
    /// Names that the caller binds: they shadow primitives and forms.
    pub inputs: &'a [&'a str],
    /// The procedures of the prelude.
    pub prelude: &'a [&'a str],
    /// Which value the program is run for.
    pub goal: Goal,
    /// Whether internal rows of the primitive table (`%apply-at`, …) can be named: bootstrap files
    /// only.
    pub internal: bool,
}

/// Expands all data of a program.
///
/// # Errors
/// Malformed forms (`syntax`) and forms that the language leaves out (`unsupported`).
pub fn expand(
    text: &Arc<str>,
    data: Data,
    symbols: Symbols,
    options: &ExpandOptions<'_>,
) -> Result<Program> {
    let roots = data.roots().to_vec();
    let mut expander = Expander {
        text,
        data: &data,
        symbols,
        inputs: FxHashSet::default(),
        prelude: FxHashSet::default(),
        internal: options.internal,
        exprs: Vec::new(),
        spans: Vec::new(),
        literals: Vec::new(),
        vars: Vec::new(),
        lambdas: FxHashMap::default(),
        scope: FxHashMap::default(),
        top: FxHashMap::default(),
        item: 0,
        procedure_depth: 0,
        defining: None,
        free: Vec::new(),
        params: Vec::new(),
        param_names: FxHashSet::default(),
        observations: Vec::new(),
    };
    for name in options.inputs {
        let sym = expander.symbols.intern(name);
        expander.inputs.insert(sym);
    }
    for name in options.prelude {
        let sym = expander.symbols.intern(name);
        expander.prelude.insert(sym);
    }
    let root = expander.program(&roots, options.goal)?;
    let warnings = expander.check();
    let Expander {
        symbols,
        exprs,
        spans,
        literals,
        vars,
        free,
        params,
        observations,
        ..
    } = expander;
    Ok(Program {
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
        observations,
        warnings,
    })
}

/// One top-level form, with `begin`s already opened.
enum Item {
    Define(DatumId, Definition),
    Param(DatumId),
    Observe(DatumId),
    Expression(DatumId),
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
}

/// What a name means where it stands.
enum Denotation {
    Variable(VarId),
    Free,
    Form(Form),
    Primitive(Prim),
    Prelude,
}

/// The definitions of one name at top level: the item that makes each, and its variable.
type Versions = Vec<(usize, VarId)>;

struct Expander<'a> {
    text: &'a str,
    data: &'a Data,
    symbols: Symbols,
    inputs: FxHashSet<Sym>,
    prelude: FxHashSet<Sym>,
    internal: bool,
    exprs: Vec<Expr>,
    spans: Vec<Span>,
    literals: Vec<ExprId>,
    vars: Vec<Var>,
    /// The argument counts of variables known to be procedures, for warnings.
    lambdas: FxHashMap<VarId, (u32, Option<u32>)>,
    /// The bindings of each name, innermost last.
    scope: FxHashMap<Sym, Vec<VarId>>,
    top: FxHashMap<Sym, Versions>,
    /// The top-level form under way, and how many procedures enclose the place in it.
    item: usize,
    procedure_depth: u32,
    /// The name being defined again by something other than a procedure.
    defining: Option<Sym>,
    free: Vec<(Sym, Span)>,
    params: Vec<Param>,
    param_names: FxHashSet<Sym>,
    observations: Vec<Observation>,
}

type Result<T> = std::result::Result<T, ExpandError>;

impl<'a> Expander<'a> {
    fn fail<T>(&self, id: DatumId, message: impl Into<String>) -> Result<T> {
        Err(ExpandError {
            kind: Kind::Syntax,
            message: message.into(),
            span: self.data.span(id),
        })
    }

    fn push(&mut self, expr: Expr, span: Span) -> ExprId {
        let id = ExprId(self.exprs.len() as u32);
        self.exprs.push(expr);
        self.spans.push(span);
        id
    }

    fn constant(&mut self, constant: Constant, span: Span) -> ExprId {
        self.push(Expr::Constant(constant), span)
    }

    fn variable(&mut self, name: Sym) -> VarId {
        let id = VarId(self.vars.len() as u32);
        self.vars.push(Var {
            name,
            core_name: name,
        });
        id
    }

    /// A variable that no program text can name.
    fn hidden(&mut self, name: &str) -> VarId {
        let sym = self.symbols.reserve(name);
        self.variable(sym)
    }

    fn bind(&mut self, var: VarId) {
        let name = self.vars[var.0 as usize].name;
        self.scope.entry(name).or_default().push(var);
    }

    fn unbind(&mut self, vars: &[VarId]) {
        for var in vars {
            let name = self.vars[var.0 as usize].name;
            if let Some(bindings) = self.scope.get_mut(&name) {
                bindings.pop();
            }
        }
    }

    fn denote(&self, sym: Sym) -> Denotation {
        if let Some(&var) = self.scope.get(&sym).and_then(|b| b.last()) {
            return Denotation::Variable(var);
        }
        let elsewhere = self.denote_outside(sym);
        match self.top.get(&sym) {
            Some(versions) => match self.version(sym, versions) {
                Some(var) => Denotation::Variable(var),
                // Nothing defines it yet: what it meant before, or a use before its definition.
                None if matches!(elsewhere, Denotation::Free) && !self.is_input(sym) => {
                    Denotation::Variable(versions[0].1)
                }
                None => elsewhere,
            },
            None => elsewhere,
        }
    }

    /// The definition that a reference at this place means, if one has been made by then.
    fn version(&self, sym: Sym, versions: &Versions) -> Option<VarId> {
        let at_once = self.procedure_depth == 0 || self.defining == Some(sym);
        if at_once {
            let before = versions.iter().rev().find(|&&(item, _)| item < self.item);
            before.map(|&(_, var)| var)
        } else {
            versions.last().map(|&(_, var)| var)
        }
    }

    fn is_input(&self, sym: Sym) -> bool {
        self.inputs.contains(&sym) || self.param_names.contains(&sym)
    }

    fn denote_outside(&self, sym: Sym) -> Denotation {
        if self.is_input(sym) {
            return Denotation::Free;
        }
        let name = self.symbols.name(sym);
        if self.symbols.is_reserved(sym) {
            return match Prim::from_internal_name(name) {
                Some(prim) if self.internal => Denotation::Primitive(prim),
                _ => Denotation::Free,
            };
        }
        if let Some(form) = form(name) {
            Denotation::Form(form)
        } else if let Some(prim) = Prim::from_name(name) {
            Denotation::Primitive(prim)
        } else if self.prelude.contains(&sym) {
            Denotation::Prelude
        } else {
            Denotation::Free
        }
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

    // ---- top level -------------------------------------------------------------------------

    fn program(&mut self, roots: &[DatumId], goal: Goal) -> Result<ExprId> {
        let whole = Span::new(0, self.text.len() as u32);
        self.find_definitions(roots)?;
        let items = self.items(roots)?;
        let mut vars = Vec::new();
        let mut inits = Vec::new();
        let mut pending: Vec<ExprId> = Vec::new();
        let mut predictions = Vec::new();
        for (index, item) in items.iter().enumerate() {
            self.item = index;
            match item {
                Item::Define(id, definition) => {
                    for expr in pending.drain(..) {
                        vars.push(self.hidden("%unused"));
                        inits.push(expr);
                    }
                    let var = self.top[&definition.name]
                        .iter()
                        .find(|&&(item, _)| item == index)
                        .map(|&(_, var)| var);
                    let Some(var) = var else {
                        return self.fail(*id, "this definition cannot be placed");
                    };
                    let again = self.top[&definition.name][0].0 < index;
                    let procedure = match &definition.value {
                        DefinedValue::Procedure { .. } => true,
                        DefinedValue::Expression(e) => {
                            matches!(self.form_of(*e), Some((Form::Lambda, _)))
                        }
                    };
                    self.defining = (again && !procedure).then_some(definition.name);
                    let init = self.definition(*id, definition, var)?;
                    self.defining = None;
                    vars.push(var);
                    inits.push(init);
                }
                Item::Param(id) => self.param(*id)?,
                Item::Observe(id) => {
                    let expr = self.observe_series(*id)?;
                    predictions.push(expr);
                    if goal == Goal::Value {
                        pending.push(expr);
                    }
                }
                Item::Expression(id) => pending.push(self.expand(*id)?),
            }
        }
        if goal == Goal::Observations {
            let list = self.constant(Constant::Primitive(Prim::List), whole);
            let call = Expr::Call {
                operator: list,
                args: predictions.into(),
                counts: false,
            };
            pending.push(self.push(call, whole));
        }
        let body = match pending.len() {
            0 => self.constant(Constant::Unspecified, whole),
            1 => pending[0],
            _ => self.push(Expr::Begin(pending.into()), whole),
        };
        Ok(if vars.is_empty() {
            body
        } else {
            let letrec = Expr::Letrec {
                vars: vars.into(),
                inits: inits.into(),
                body,
            };
            self.push(letrec, whole)
        })
    }

    /// Collects the names that the top level defines, so that forms they shadow are not taken for
    /// forms, and makes a variable for each definition.
    fn find_definitions(&mut self, roots: &[DatumId]) -> Result<()> {
        let mut open: Vec<DatumId> = roots.iter().rev().copied().collect();
        let mut defined: FxHashSet<Sym> = FxHashSet::default();
        let mut names = Vec::new();
        while let Some(id) = open.pop() {
            match self.form_of(id) {
                Some((Form::Begin, items)) => open.extend(items[1..].iter().rev()),
                Some((Form::Define, _)) => {
                    let definition = self.parse_definition(id)?;
                    names.push((definition.name, id));
                    defined.insert(definition.name);
                }
                Some((Form::Param, items)) => {
                    if let Some(&name) = items.get(1)
                        && let Datum::Symbol(sym) = self.data.get(name)
                    {
                        self.param_names.insert(sym);
                    }
                }
                _ => {}
            }
        }
        // Until its items are counted a definition stands at the end, so that its name shadows.
        for (name, id) in names {
            if self.param_names.contains(&name) {
                let message = format!(
                    "`{}` is a param already; give the definition another name",
                    self.symbols.name(name)
                );
                return self.fail(id, message);
            }
            let var = self.variable(name);
            self.top.entry(name).or_default().push((usize::MAX, var));
        }
        for (&name, versions) in &self.top {
            let hides = self.is_input(name)
                || Prim::from_name(self.symbols.name(name)).is_some()
                || self.prelude.contains(&name);
            if versions.len() > 1 || hides {
                for (count, &(_, var)) in versions.iter().enumerate() {
                    let unique = format!("{}%{}", self.symbols.name(name), count + 1);
                    let unique = self.symbols.reserve(&unique);
                    self.vars[var.0 as usize].core_name = unique;
                }
            }
        }
        Ok(())
    }

    fn items(&mut self, roots: &[DatumId]) -> Result<Vec<Item>> {
        let mut open: Vec<DatumId> = roots.iter().rev().copied().collect();
        let mut items = Vec::new();
        let mut made: FxHashMap<Sym, usize> = FxHashMap::default();
        while let Some(id) = open.pop() {
            // `(define …)` is told by its spelling where its own name would shadow `define`.
            match self.form_of(id) {
                Some((Form::Begin, items)) if items.len() > 1 => {
                    open.extend(items[1..].iter().rev());
                }
                Some((Form::Define, _)) => {
                    let definition = self.parse_definition(id)?;
                    let count = made.entry(definition.name).or_insert(0);
                    if let Some(versions) = self.top.get_mut(&definition.name)
                        && let Some(version) = versions.get_mut(*count)
                    {
                        version.0 = items.len();
                    }
                    *count += 1;
                    items.push(Item::Define(id, definition));
                }
                Some((Form::Param, _)) => items.push(Item::Param(id)),
                Some((Form::ObserveSeries, _)) => items.push(Item::Observe(id)),
                _ => items.push(Item::Expression(id)),
            }
        }
        Ok(items)
    }

    fn param(&mut self, id: DatumId) -> Result<()> {
        const USAGE: &str = "write `(param name init)` with a number, and perhaps `(> lo)`, `(< hi)` or `(between lo hi)`";
        let Some((_, items)) = self.form_of(id) else {
            return self.fail(id, USAGE);
        };
        let Datum::List(_) = self.data.get(id) else {
            return self.fail(id, USAGE);
        };
        let items = items.to_vec();
        let (3 | 4) = items.len() else {
            return self.fail(id, USAGE);
        };
        let Datum::Symbol(sym) = self.data.get(items[1]) else {
            return self.fail(id, USAGE);
        };
        let Some(init) = self.number(items[2]) else {
            return self.fail(id, USAGE);
        };
        let constraint = match items.get(3) {
            None => Constraint::Free,
            Some(&c) => match self.constraint(c) {
                Some(constraint) => constraint,
                None => return self.fail(id, USAGE),
            },
        };
        let name = self.symbols.name(sym).to_owned();
        if self.params.iter().any(|p| p.name == name) {
            return self.fail(id, format!("the param `{name}` is given twice; remove one"));
        }
        if !constraint.admits(init) || !init.is_finite() {
            return self.fail(
                id,
                format!("the param `{name}` starts at {init}, outside its constraint"),
            );
        }
        self.params.push(Param {
            name,
            init,
            constraint,
            span: self.data.span(id),
        });
        Ok(())
    }

    fn constraint(&self, id: DatumId) -> Option<Constraint> {
        let Datum::List(items) = self.data.get(id) else {
            return None;
        };
        let Datum::Symbol(sym) = self.data.get(*items.first()?) else {
            return None;
        };
        let numbers: Option<Vec<f64>> = items[1..].iter().map(|&i| self.number(i)).collect();
        match (self.symbols.name(sym), numbers?.as_slice()) {
            (">", &[lo]) => Some(Constraint::Above(lo)),
            ("<", &[hi]) => Some(Constraint::Below(hi)),
            ("between", &[lo, hi]) if lo < hi => Some(Constraint::Between(lo, hi)),
            _ => None,
        }
    }

    fn number(&self, id: DatumId) -> Option<f64> {
        match self.data.get(id) {
            Datum::Int(x) | Datum::Float(x) => Some(x),
            _ => None,
        }
    }

    fn observe_series(&mut self, id: DatumId) -> Result<ExprId> {
        const USAGE: &str = "write `(observe-series (column …) rows)`, and perhaps `normal` or `lognormal` after the rows";
        let items = match self.data.get(id) {
            Datum::List(items) if matches!(items.len(), 3 | 4) => items.to_vec(),
            _ => return self.fail(id, USAGE),
        };
        let Datum::List(columns) = self.data.get(items[1]) else {
            return self.fail(id, USAGE);
        };
        let mut names = Vec::new();
        for &column in columns {
            let Datum::Symbol(sym) = self.data.get(column) else {
                return self.fail(id, USAGE);
            };
            names.push(self.symbols.name(sym).to_owned());
        }
        if names.is_empty() {
            return self.fail(id, USAGE);
        }
        let noise = match items.get(3).map(|&n| self.data.get(n)) {
            None => Noise::Normal,
            Some(Datum::Symbol(sym)) => match self.symbols.name(sym) {
                "normal" => Noise::Normal,
                "lognormal" => Noise::Lognormal,
                _ => return self.fail(id, USAGE),
            },
            Some(_) => return self.fail(id, USAGE),
        };
        let expr = self.expand(items[2])?;
        self.observations.push(Observation {
            columns: names,
            expr,
            noise,
            span: self.data.span(id),
        });
        Ok(expr)
    }

    // ---- definitions and bodies ------------------------------------------------------------

    fn parse_definition(&self, id: DatumId) -> Result<Definition> {
        const USAGE: &str = "write `(define name value)` or `(define (name argument …) body …)`";
        let Datum::List(items) = self.data.get(id) else {
            return self.fail(id, USAGE);
        };
        let Some(&target) = items.get(1) else {
            return self.fail(id, USAGE);
        };
        match self.data.get(target) {
            Datum::Symbol(name) if items.len() == 3 => Ok(Definition {
                name,
                value: DefinedValue::Expression(items[2]),
            }),
            Datum::List(signature) | Datum::Dotted(signature, _)
                if items.len() > 2 && !signature.is_empty() =>
            {
                let rest = match self.data.get(target) {
                    Datum::Dotted(_, rest) => Some(rest),
                    _ => None,
                };
                let Datum::Symbol(name) = self.data.get(signature[0]) else {
                    return self.fail(id, USAGE);
                };
                Ok(Definition {
                    name,
                    value: DefinedValue::Procedure {
                        params: signature[1..].to_vec(),
                        rest,
                        body: items[2..].to_vec(),
                    },
                })
            }
            _ => self.fail(id, USAGE),
        }
    }

    fn definition(&mut self, id: DatumId, definition: &Definition, var: VarId) -> Result<ExprId> {
        let init = match &definition.value {
            DefinedValue::Expression(value) => self.expand(*value)?,
            DefinedValue::Procedure { params, rest, body } => {
                self.lambda(id, Some(definition.name), params, *rest, body)?
            }
        };
        self.note_lambda(var, init);
        Ok(init)
    }

    /// Remembers what a variable is bound to, if it is a procedure: for names and warnings.
    fn note_lambda(&mut self, var: VarId, init: ExprId) {
        let var_name = self.vars[var.0 as usize].name;
        if let Expr::Lambda {
            name, params, rest, ..
        } = &mut self.exprs[init.0 as usize]
        {
            name.get_or_insert(var_name);
            let required = params.len() as u32 - u32::from(*rest);
            let max = (!*rest).then_some(required);
            self.lambdas.insert(var, (required, max));
        }
    }

    fn lambda(
        &mut self,
        id: DatumId,
        name: Option<Sym>,
        params: &[DatumId],
        rest: Option<DatumId>,
        body: &[DatumId],
    ) -> Result<ExprId> {
        let mut names = Vec::with_capacity(params.len() + 1);
        for &param in params.iter().chain(&rest) {
            match self.data.get(param) {
                Datum::Symbol(sym) => names.push(sym),
                _ => return self.fail(id, "a parameter must be a name"),
            }
        }
        self.distinct(id, &names)?;
        let vars: Vec<VarId> = names.iter().map(|&n| self.variable(n)).collect();
        for &var in &vars {
            self.bind(var);
        }
        self.procedure_depth += 1;
        let body = self.body(id, body);
        self.procedure_depth -= 1;
        self.unbind(&vars);
        let lambda = Expr::Lambda {
            name,
            params: vars.into(),
            rest: rest.is_some(),
            body: body?,
        };
        Ok(self.push(lambda, self.data.span(id)))
    }

    fn distinct(&self, id: DatumId, names: &[Sym]) -> Result<()> {
        let mut seen = FxHashSet::default();
        for &name in names {
            if !seen.insert(name) {
                let name = self.symbols.name(name);
                return self.fail(id, format!("`{name}` is bound twice here; rename one"));
            }
        }
        Ok(())
    }

    /// A body: definitions, then expressions.
    fn body(&mut self, owner: DatumId, forms: &[DatumId]) -> Result<ExprId> {
        let mut open: Vec<DatumId> = forms.iter().rev().copied().collect();
        let mut definitions = Vec::new();
        while let Some(&id) = open.last() {
            match self.form_of(id) {
                Some((Form::Define, _)) => {
                    open.pop();
                    definitions.push((id, self.parse_definition(id)?));
                }
                // A `begin` that starts with a definition is opened.
                Some((Form::Begin, items))
                    if items.len() > 1
                        && matches!(self.form_of(items[1]), Some((Form::Define, _))) =>
                {
                    let inner: Vec<DatumId> = items[1..].iter().rev().copied().collect();
                    open.pop();
                    open.extend(inner);
                }
                _ => break,
            }
        }
        open.reverse();
        if open.is_empty() {
            return self.fail(
                owner,
                "the body has no expression; add the value it computes",
            );
        }
        if definitions.is_empty() {
            return self.sequence(owner, &open);
        }
        let names: Vec<Sym> = definitions.iter().map(|(_, d)| d.name).collect();
        self.distinct(owner, &names)?;
        let vars: Vec<VarId> = names.iter().map(|&n| self.variable(n)).collect();
        for &var in &vars {
            self.bind(var);
        }
        let mut inits = Vec::with_capacity(vars.len());
        for (&var, (id, definition)) in vars.iter().zip(&definitions) {
            inits.push(self.definition(*id, definition, var)?);
        }
        let body = self.sequence(owner, &open)?;
        self.unbind(&vars);
        let letrec = Expr::Letrec {
            vars: vars.into(),
            inits: inits.into(),
            body,
        };
        Ok(self.push(letrec, self.data.span(owner)))
    }

    fn sequence(&mut self, owner: DatumId, forms: &[DatumId]) -> Result<ExprId> {
        if let [only] = forms {
            return self.expand(*only);
        }
        if forms.is_empty() {
            return self.fail(owner, "an expression is missing");
        }
        let exprs: Result<Vec<ExprId>> = forms.iter().map(|&f| self.expand(f)).collect();
        Ok(self.push(Expr::Begin(exprs?.into()), self.data.span(owner)))
    }

    // ---- expressions -----------------------------------------------------------------------

    fn expand(&mut self, id: DatumId) -> Result<ExprId> {
        // Recursion follows the nesting of the text, which the reader bounds; the stack grows as
        // it needs to.
        stacker::maybe_grow(64 * 1024, 1024 * 1024, || self.expand_here(id))
    }

    fn expand_here(&mut self, id: DatumId) -> Result<ExprId> {
        let span = self.data.span(id);
        match self.data.get(id) {
            Datum::Bool(b) => Ok(self.constant(Constant::Bool(b), span)),
            Datum::Int(x) => Ok(self.constant(Constant::Int(x), span)),
            Datum::Float(x) => {
                let literal = self.constant(Constant::Float(x), span);
                if span.text(self.text).contains(['.', 'e', 'E']) {
                    self.literals.push(literal);
                }
                Ok(literal)
            }
            Datum::Char(c) => Ok(self.constant(Constant::Char(c), span)),
            Datum::String(s) => Ok(self.constant(Constant::String(s.into()), span)),
            Datum::Symbol(sym) => self.reference(id, sym),
            Datum::Bracket(items) => {
                let items = items.to_vec();
                let operator = self.vector_constructor(span);
                let args: Result<Vec<ExprId>> = items.iter().map(|&i| self.expand(i)).collect();
                Ok(self.call(operator, args?, true, span))
            }
            Datum::Dotted(..) => self.fail(id, "a `.` cannot stand in an expression; remove it"),
            Datum::List([]) => {
                self.fail(id, "`()` is no expression; write `'()` for the empty list")
            }
            Datum::List(items) => {
                let items = items.to_vec();
                if let Some((form, _)) = self.form_of(id) {
                    return self.form(id, form, &items);
                }
                let operator = self.expand(items[0])?;
                let args: Result<Vec<ExprId>> =
                    items[1..].iter().map(|&i| self.expand(i)).collect();
                Ok(self.call(operator, args?, true, span))
            }
        }
    }

    /// What `[a b c]` applies: `vec`, whatever the program binds that name to.
    fn vector_constructor(&mut self, span: Span) -> ExprId {
        let sym = self.symbols.intern("vec");
        match Prim::from_name("vec") {
            Some(prim) => self.constant(Constant::Primitive(prim), span),
            None => self.free_name(sym, span),
        }
    }

    fn call(&mut self, operator: ExprId, args: Vec<ExprId>, counts: bool, span: Span) -> ExprId {
        let call = Expr::Call {
            operator,
            args: args.into(),
            counts,
        };
        self.push(call, span)
    }

    /// An application of a primitive that the program does not see.
    fn call_hidden(&mut self, prim: Prim, args: Vec<ExprId>, span: Span) -> ExprId {
        let operator = self.constant(Constant::Primitive(prim), span);
        self.call(operator, args, false, span)
    }

    fn reference(&mut self, id: DatumId, sym: Sym) -> Result<ExprId> {
        let span = self.data.span(id);
        Ok(match self.denote(sym) {
            Denotation::Variable(var) => self.push(Expr::Variable(var), span),
            Denotation::Primitive(prim) => self.push(Expr::Primitive(sym, prim), span),
            Denotation::Prelude => self.push(Expr::Prelude(sym), span),
            Denotation::Free => self.free_name(sym, span),
            Denotation::Form(Form::Unsupported(instead)) => {
                return self.unsupported(id, sym, instead);
            }
            Denotation::Form(_) => {
                let name = self.symbols.name(sym);
                return self.fail(id, format!("`{name}` is a form, not a value"));
            }
        })
    }

    fn free_name(&mut self, sym: Sym, span: Span) -> ExprId {
        if !self.free.iter().any(|&(s, _)| s == sym) {
            self.free.push((sym, span));
        }
        self.push(Expr::Free(sym), span)
    }

    fn unsupported<T>(&self, id: DatumId, sym: Sym, instead: &str) -> Result<T> {
        Err(ExpandError {
            kind: Kind::Unsupported,
            message: format!(
                "`{}` is not in the language: {instead}",
                self.symbols.name(sym)
            ),
            span: self.data.span(id),
        })
    }

    fn form(&mut self, id: DatumId, form: Form, items: &[DatumId]) -> Result<ExprId> {
        let span = self.data.span(id);
        let rest = &items[1..];
        match form {
            Form::Quote => match rest {
                [datum] => Ok(self.quote(*datum, span)),
                _ => self.fail(id, "`quote` takes one datum"),
            },
            Form::Quasiquote => match rest {
                [template] => self.quasiquote(*template, 1),
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
                let recur = self.symbols.intern("recur");
                match rest {
                    [bindings, body @ ..] => self.named_let(id, recur, *bindings, body),
                    [] => self.fail(id, "write `(loop ((name init) …) body …)`"),
                }
            }
            Form::Recur => self.fail(id, "`recur` stands outside any `loop`"),
            Form::Define => self.fail(
                id,
                "a definition must stand at top level or at the start of a body",
            ),
            Form::Else | Form::Arrow => self.fail(id, "this belongs inside `cond` or `case`"),
            Form::Param | Form::ObserveSeries => self.fail(id, "this form must stand at top level"),
            Form::SoftChoice => match rest {
                [options, _] if matches!(self.data.get(*options), Datum::List(o) if o.len() > 1) => {
                    let Datum::Symbol(sym) = self.data.get(items[0]) else {
                        return self.fail(id, "write `(soft-choice (e1 e2 …) weights)`");
                    };
                    self.unsupported(id, sym, "blend with `sigmoid` or `exp` by hand for now")
                }
                _ => self.fail(
                    id,
                    "write `(soft-choice (e1 e2 …) weights)`, two options or more",
                ),
            },
            Form::SoftIf => {
                if rest.len() != 4 {
                    return self.fail(id, "write `(soft-if a b then else)`");
                }
                let Datum::Symbol(sym) = self.data.get(items[0]) else {
                    return self.fail(id, "write `(soft-if a b then else)`");
                };
                self.unsupported(id, sym, "blend with `sigmoid` by hand for now")
            }
            Form::Unsupported(instead) => {
                let Datum::Symbol(sym) = self.data.get(items[0]) else {
                    return self.fail(id, instead);
                };
                self.unsupported(id, sym, instead)
            }
        }
    }

    fn quote(&mut self, datum: DatumId, span: Span) -> ExprId {
        let constant = match self.data.get(datum) {
            Datum::Bool(b) => Constant::Bool(b),
            Datum::Int(x) => Constant::Int(x),
            Datum::Float(x) => Constant::Float(x),
            Datum::Char(c) => Constant::Char(c),
            Datum::String(s) => Constant::String(s.into()),
            Datum::List([]) => Constant::Nil,
            _ => return self.push(Expr::Quote(datum), span),
        };
        self.constant(constant, span)
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
        let (params, rest) = match self.data.get(*params) {
            Datum::Symbol(_) => (Vec::new(), Some(*params)),
            Datum::List(params) => (params.to_vec(), None),
            Datum::Dotted(params, rest) => (params.to_vec(), Some(rest)),
            _ => return self.fail(id, "write `(lambda (argument …) body …)`"),
        };
        self.lambda(id, None, &params, rest, body)
    }

    /// Takes `((name init) …)` apart.
    fn bindings(&self, owner: DatumId, list: DatumId) -> Result<Vec<(Sym, DatumId)>> {
        const USAGE: &str = "write bindings as `((name init) …)`";
        let Datum::List(items) = self.data.get(list) else {
            return self.fail(owner, USAGE);
        };
        let mut bindings = Vec::with_capacity(items.len());
        for &item in items {
            let Datum::List(binding) = self.data.get(item) else {
                return self.fail(list, USAGE);
            };
            let &[name, init] = binding else {
                return self.fail(item, "a binding is a name and one value: `(name init)`");
            };
            let Datum::Symbol(sym) = self.data.get(name) else {
                return self.fail(item, "a binding begins with a name: `(name init)`");
            };
            bindings.push((sym, init));
        }
        Ok(bindings)
    }

    fn let_form(&mut self, id: DatumId, rest: &[DatumId]) -> Result<ExprId> {
        let [first, body @ ..] = rest else {
            return self.fail(id, "write `(let ((name init) …) body …)`");
        };
        if let Datum::Symbol(name) = self.data.get(*first) {
            let [bindings, body @ ..] = body else {
                return self.fail(id, "write `(let name ((variable init) …) body …)`");
            };
            return self.named_let(id, name, *bindings, body);
        }
        let bindings = self.bindings(id, *first)?;
        let names: Vec<Sym> = bindings.iter().map(|b| b.0).collect();
        self.distinct(*first, &names)?;
        if bindings.is_empty() {
            return self.body(id, body);
        }
        let inits: Result<Vec<ExprId>> = bindings.iter().map(|b| self.expand(b.1)).collect();
        let inits = inits?;
        let vars: Vec<VarId> = names.iter().map(|&n| self.variable(n)).collect();
        for (&var, &init) in vars.iter().zip(&inits) {
            self.note_lambda(var, init);
            self.bind(var);
        }
        let body = self.body(id, body)?;
        self.unbind(&vars);
        let expr = Expr::Let {
            vars: vars.into(),
            inits: inits.into(),
            body,
        };
        Ok(self.push(expr, self.data.span(id)))
    }

    fn let_star(&mut self, id: DatumId, rest: &[DatumId]) -> Result<ExprId> {
        let [first, body @ ..] = rest else {
            return self.fail(id, "write `(let* ((name init) …) body …)`");
        };
        let bindings = self.bindings(id, *first)?;
        let mut vars = Vec::with_capacity(bindings.len());
        let mut inits = Vec::with_capacity(bindings.len());
        for &(name, init) in &bindings {
            let init = self.expand(init)?;
            let var = self.variable(name);
            self.note_lambda(var, init);
            self.bind(var);
            vars.push(var);
            inits.push(init);
        }
        let mut expr = self.body(id, body)?;
        for (&var, &init) in vars.iter().zip(&inits).rev() {
            self.unbind(&[var]);
            let inner = Expr::Let {
                vars: [var].into(),
                inits: [init].into(),
                body: expr,
            };
            expr = self.push(inner, self.data.span(id));
        }
        Ok(expr)
    }

    fn letrec(&mut self, id: DatumId, rest: &[DatumId]) -> Result<ExprId> {
        let [first, body @ ..] = rest else {
            return self.fail(id, "write `(letrec ((name init) …) body …)`");
        };
        let bindings = self.bindings(id, *first)?;
        let names: Vec<Sym> = bindings.iter().map(|b| b.0).collect();
        self.distinct(*first, &names)?;
        if bindings.is_empty() {
            return self.body(id, body);
        }
        let vars: Vec<VarId> = names.iter().map(|&n| self.variable(n)).collect();
        for &var in &vars {
            self.bind(var);
        }
        let mut inits = Vec::with_capacity(vars.len());
        for (&var, &(_, init)) in vars.iter().zip(&bindings) {
            let init = self.expand(init)?;
            self.note_lambda(var, init);
            inits.push(init);
        }
        let body = self.body(id, body)?;
        self.unbind(&vars);
        let expr = Expr::Letrec {
            vars: vars.into(),
            inits: inits.into(),
            body,
        };
        Ok(self.push(expr, self.data.span(id)))
    }

    fn named_let(
        &mut self,
        id: DatumId,
        name: Sym,
        list: DatumId,
        body: &[DatumId],
    ) -> Result<ExprId> {
        let bindings = self.bindings(id, list)?;
        let names: Vec<Sym> = bindings.iter().map(|b| b.0).collect();
        self.distinct(list, &names)?;
        let inits: Result<Vec<ExprId>> = bindings.iter().map(|b| self.expand(b.1)).collect();
        let inits = inits?;
        let procedure = self.variable(name);
        self.bind(procedure);
        let params: Vec<VarId> = names.iter().map(|&n| self.variable(n)).collect();
        for &param in &params {
            self.bind(param);
        }
        let body = self.body(id, body)?;
        self.unbind(&params);
        self.unbind(&[procedure]);
        Ok(self.looping(procedure, params, body, inits, self.data.span(id)))
    }

    /// `((letrec ((procedure (lambda params body))) procedure) inits …)`
    fn looping(
        &mut self,
        procedure: VarId,
        params: Vec<VarId>,
        body: ExprId,
        inits: Vec<ExprId>,
        span: Span,
    ) -> ExprId {
        let lambda = Expr::Lambda {
            name: None,
            params: params.into(),
            rest: false,
            body,
        };
        let lambda = self.push(lambda, span);
        self.note_lambda(procedure, lambda);
        let itself = self.push(Expr::Variable(procedure), span);
        let letrec = Expr::Letrec {
            vars: [procedure].into(),
            inits: [lambda].into(),
            body: itself,
        };
        let operator = self.push(letrec, span);
        self.call(operator, inits, true, span)
    }

    fn do_form(&mut self, id: DatumId, rest: &[DatumId]) -> Result<ExprId> {
        const USAGE: &str = "write `(do ((name init step) …) (test value …) body …)`";
        let span = self.data.span(id);
        let [list, exit, body @ ..] = rest else {
            return self.fail(id, USAGE);
        };
        let (Datum::List(items), Datum::List(exit)) = (self.data.get(*list), self.data.get(*exit))
        else {
            return self.fail(id, USAGE);
        };
        let (items, exit) = (items.to_vec(), exit.to_vec());
        let [test, values @ ..] = exit.as_slice() else {
            return self.fail(id, USAGE);
        };
        let mut names = Vec::new();
        let mut parts = Vec::new();
        for &item in &items {
            let binding = match self.data.get(item) {
                Datum::List(binding) if matches!(binding.len(), 2 | 3) => binding.to_vec(),
                Datum::List(_) => return self.fail(item, USAGE),
                _ => return self.fail(*list, USAGE),
            };
            let Datum::Symbol(sym) = self.data.get(binding[0]) else {
                return self.fail(item, USAGE);
            };
            names.push(sym);
            parts.push((binding[1], binding.get(2).copied()));
        }
        self.distinct(*list, &names)?;
        let inits: Result<Vec<ExprId>> = parts.iter().map(|p| self.expand(p.0)).collect();
        let inits = inits?;
        let procedure = self.hidden("%do");
        let params: Vec<VarId> = names.iter().map(|&n| self.variable(n)).collect();
        for &param in &params {
            self.bind(param);
        }
        let test = self.expand(*test)?;
        let value = match values {
            [] => self.constant(Constant::Unspecified, span),
            _ => self.sequence(id, values)?,
        };
        let mut steps = Vec::with_capacity(parts.len());
        let mut effects: Vec<ExprId> = Vec::with_capacity(body.len() + 1);
        for &form in body {
            effects.push(self.expand(form)?);
        }
        for (&param, &(_, step)) in params.iter().zip(&parts) {
            steps.push(match step {
                Some(step) => self.expand(step)?,
                None => self.push(Expr::Variable(param), span),
            });
        }
        self.unbind(&params);
        let itself = self.push(Expr::Variable(procedure), span);
        let again = self.call(itself, steps, true, span);
        let next = if effects.is_empty() {
            again
        } else {
            effects.push(again);
            self.push(Expr::Begin(effects.into()), span)
        };
        let body = self.if_expr(test, value, next, span);
        Ok(self.looping(procedure, params, body, inits, span))
    }

    fn is_form(&self, id: DatumId, wanted: Form) -> bool {
        match self.data.get(id) {
            Datum::Symbol(sym) => {
                matches!(self.denote(sym), Denotation::Form(form) if form == wanted)
            }
            _ => false,
        }
    }

    fn cond(&mut self, id: DatumId, clauses: &[DatumId]) -> Result<ExprId> {
        enum Clause {
            Then(ExprId, ExprId),
            Value(ExprId),
            Receive(ExprId, ExprId),
        }
        if clauses.is_empty() {
            return self.fail(id, "`cond` needs a clause `(test value …)`");
        }
        let mut parts = Vec::with_capacity(clauses.len());
        let mut otherwise = None;
        for (index, &clause) in clauses.iter().enumerate() {
            let items = match self.data.get(clause) {
                Datum::List([]) => return self.fail(clause, "a clause is `(test value …)`"),
                Datum::List(items) => items.to_vec(),
                _ => return self.fail(id, "a clause is `(test value …)`"),
            };
            let span = self.data.span(clause);
            if self.is_form(items[0], Form::Else) {
                if index + 1 != clauses.len() || items.len() == 1 {
                    return self.fail(clause, "`else` must come last, with a value");
                }
                otherwise = Some(self.sequence(clause, &items[1..])?);
            } else if items.len() == 1 {
                parts.push((Clause::Value(self.expand(items[0])?), span));
            } else if self.is_form(items[1], Form::Arrow) {
                if items.len() != 3 {
                    return self.fail(clause, "write `(test => procedure)`");
                }
                let test = self.expand(items[0])?;
                let receiver = self.expand(items[2])?;
                parts.push((Clause::Receive(test, receiver), span));
            } else {
                let test = self.expand(items[0])?;
                let value = self.sequence(clause, &items[1..])?;
                parts.push((Clause::Then(test, value), span));
            }
        }
        let mut expr = match otherwise {
            Some(expr) => expr,
            None => self.constant(Constant::Unspecified, self.data.span(id)),
        };
        for (clause, span) in parts.into_iter().rev() {
            expr = match clause {
                Clause::Then(test, value) => self.if_expr(test, value, expr, span),
                Clause::Value(test) => self.or_expr(test, expr, span),
                Clause::Receive(test, receiver) => {
                    let var = self.hidden("%test");
                    let argument = self.push(Expr::Variable(var), span);
                    let call = self.call(receiver, vec![argument], true, span);
                    let again = self.push(Expr::Variable(var), span);
                    let body = self.if_expr(again, call, expr, span);
                    self.let_one(var, test, body, span)
                }
            };
        }
        Ok(expr)
    }

    fn let_one(&mut self, var: VarId, init: ExprId, body: ExprId, span: Span) -> ExprId {
        let expr = Expr::Let {
            vars: [var].into(),
            inits: [init].into(),
            body,
        };
        self.push(expr, span)
    }

    /// `(let ((t first)) (if t t rest))`
    fn or_expr(&mut self, first: ExprId, rest: ExprId, span: Span) -> ExprId {
        let var = self.hidden("%test");
        let test = self.push(Expr::Variable(var), span);
        let value = self.push(Expr::Variable(var), span);
        let body = self.if_expr(test, value, rest, span);
        self.let_one(var, first, body, span)
    }

    fn case(&mut self, id: DatumId, rest: &[DatumId]) -> Result<ExprId> {
        const USAGE: &str = "a clause is `((datum …) value …)`";
        let span = self.data.span(id);
        let [key, clauses @ ..] = rest else {
            return self.fail(id, "write `(case key ((datum …) value …) …)`");
        };
        if clauses.is_empty() {
            return self.fail(id, "`case` needs a clause `((datum …) value …)`");
        }
        let key = self.expand(*key)?;
        let var = self.hidden("%key");
        let mut parts = Vec::with_capacity(clauses.len());
        let mut expr = None;
        for (index, &clause) in clauses.iter().enumerate() {
            let items = match self.data.get(clause) {
                Datum::List(items) if items.len() > 1 => items.to_vec(),
                Datum::List(_) => return self.fail(clause, USAGE),
                _ => return self.fail(id, USAGE),
            };
            let clause_span = self.data.span(clause);
            let value = if self.is_form(items[1], Form::Arrow) {
                if items.len() != 3 {
                    return self.fail(clause, "write `((datum …) => procedure)`");
                }
                let receiver = self.expand(items[2])?;
                let argument = self.push(Expr::Variable(var), clause_span);
                self.call(receiver, vec![argument], true, clause_span)
            } else {
                self.sequence(clause, &items[1..])?
            };
            if self.is_form(items[0], Form::Else) {
                if index + 1 != clauses.len() {
                    return self.fail(clause, "`else` must come last");
                }
                expr = Some(value);
            } else {
                let Datum::List(_) = self.data.get(items[0]) else {
                    return self.fail(clause, USAGE);
                };
                let data = self.quote(items[0], self.data.span(items[0]));
                parts.push((data, value, clause_span));
            }
        }
        let mut expr = match expr {
            Some(expr) => expr,
            None => self.constant(Constant::Unspecified, span),
        };
        for (data, value, clause_span) in parts.into_iter().rev() {
            let subject = self.push(Expr::Variable(var), clause_span);
            let test = self.call_hidden(Prim::CaseMatch, vec![subject, data], clause_span);
            expr = self.if_expr(test, value, expr, clause_span);
        }
        Ok(self.let_one(var, key, expr, span))
    }

    fn and(&mut self, id: DatumId, rest: &[DatumId]) -> Result<ExprId> {
        let span = self.data.span(id);
        let exprs: Result<Vec<ExprId>> = rest.iter().map(|&r| self.expand(r)).collect();
        let mut exprs = exprs?;
        let Some(mut expr) = exprs.pop() else {
            return Ok(self.constant(Constant::Bool(true), span));
        };
        while let Some(test) = exprs.pop() {
            let no = self.constant(Constant::Bool(false), span);
            expr = self.if_expr(test, expr, no, span);
        }
        Ok(expr)
    }

    fn or(&mut self, id: DatumId, rest: &[DatumId]) -> Result<ExprId> {
        let span = self.data.span(id);
        let exprs: Result<Vec<ExprId>> = rest.iter().map(|&r| self.expand(r)).collect();
        let mut exprs = exprs?;
        let Some(mut expr) = exprs.pop() else {
            return Ok(self.constant(Constant::Bool(false), span));
        };
        while let Some(first) = exprs.pop() {
            expr = self.or_expr(first, expr, span);
        }
        Ok(expr)
    }

    // ---- quasiquote ------------------------------------------------------------------------

    /// The argument of `(name x)` in a template, where `name` is spelled so.
    fn template_form(&self, id: DatumId) -> Option<(Form, DatumId)> {
        if let Datum::List(&[head, argument]) = self.data.get(id)
            && let Datum::Symbol(sym) = self.data.get(head)
            && let Denotation::Form(
                form @ (Form::Quasiquote | Form::Unquote | Form::UnquoteSplicing),
            ) = self.denote(sym)
        {
            return Some((form, argument));
        }
        None
    }

    fn quasiquote(&mut self, id: DatumId, depth: u32) -> Result<ExprId> {
        stacker::maybe_grow(64 * 1024, 1024 * 1024, || self.quasiquote_here(id, depth))
    }

    fn quasiquote_here(&mut self, id: DatumId, depth: u32) -> Result<ExprId> {
        let span = self.data.span(id);
        let nested = match self.template_form(id) {
            Some((Form::Unquote, argument)) if depth == 1 => return self.expand(argument),
            Some((Form::UnquoteSplicing, _)) if depth == 1 => {
                return self.fail(id, "`,@` must stand inside a list");
            }
            Some((Form::Quasiquote, _)) => depth + 1,
            Some(_) => depth - 1,
            None => depth,
        };
        let (items, mut tail) = match self.data.get(id) {
            Datum::List([]) => return Ok(self.quote(id, span)),
            Datum::List(items) => (items.to_vec(), None),
            Datum::Dotted(items, tail) => (items.to_vec(), Some(tail)),
            Datum::Bracket(_) => (Vec::new(), None),
            _ => return Ok(self.quote(id, span)),
        };
        if items.is_empty() || !self.has_unquote(id, depth) {
            return Ok(self.quote(id, span));
        }
        // `(a . (unquote b))` is `(a . ,b)` and reads as the list `(a unquote b)`.
        let mut items = items;
        if tail.is_none() && items.len() > 2 && self.is_form(items[items.len() - 2], Form::Unquote)
        {
            tail = items.pop();
            items.pop();
            let tail_id = tail.unwrap_or(id);
            let expr = if depth == 1 {
                self.expand(tail_id)?
            } else {
                self.quasiquote(tail_id, depth - 1)?
            };
            return self.quasi_items(&items, nested, expr, span);
        }
        let expr = match tail {
            Some(tail) => self.quasiquote(tail, nested)?,
            None => self.constant(Constant::Nil, span),
        };
        self.quasi_items(&items, nested, expr, span)
    }

    /// Puts the items of a template in front of `expr`.
    fn quasi_items(
        &mut self,
        items: &[DatumId],
        depth: u32,
        mut expr: ExprId,
        span: Span,
    ) -> Result<ExprId> {
        // Evaluated from the left, as written: the arguments are expanded in order, then joined.
        enum Part {
            Item(ExprId),
            Splice(ExprId, Span),
        }
        let mut parts = Vec::with_capacity(items.len());
        for &item in items {
            parts.push(match self.template_form(item) {
                Some((Form::UnquoteSplicing, argument)) if depth == 1 => {
                    Part::Splice(self.expand(argument)?, self.data.span(item))
                }
                _ => Part::Item(self.quasiquote(item, depth)?),
            });
        }
        for part in parts.into_iter().rev() {
            expr = match part {
                Part::Item(item) => self.call_hidden(Prim::Cons, vec![item, expr], span),
                Part::Splice(list, at) => self.call_hidden(Prim::Append, vec![list, expr], at),
            };
        }
        Ok(expr)
    }

    /// Whether a template holds an unquote of its level, or of one that would become constant.
    fn has_unquote(&self, id: DatumId, depth: u32) -> bool {
        let mut open = vec![(id, depth)];
        while let Some((id, depth)) = open.pop() {
            let inner = match self.template_form(id) {
                Some((Form::Quasiquote, _)) => depth + 1,
                Some(_) if depth == 1 => return true,
                Some(_) => depth - 1,
                None => depth,
            };
            match self.data.get(id) {
                Datum::List(items) => {
                    if items.len() > 2 && self.is_form(items[items.len() - 2], Form::Unquote) {
                        return true;
                    }
                    open.extend(items.iter().map(|&i| (i, inner)));
                }
                Datum::Dotted(items, tail) => {
                    open.extend(items.iter().map(|&i| (i, inner)));
                    open.push((tail, inner));
                }
                _ => {}
            }
        }
        false
    }

    // ---- warnings --------------------------------------------------------------------------

    /// Calls with a wrong number of arguments, as far as that is known before the run.
    fn check(&self) -> Vec<Warning> {
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
