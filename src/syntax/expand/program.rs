//! The top level: definitions in any order and again, declarations, expressions.
//!
//! **Invariants**
//! - Names that the top level defines are known before any form is expanded.
//! - Expressions between definitions keep their place: the program is one `letrec` in order.

use super::{DefinedValue, Definition, ExpandError, Expander, Item, Result};
use crate::prim::Prim;
use crate::sorted;
use crate::source::Span;
use crate::symbol::Sym;
use crate::syntax::ast::{Constant, Expr, ExprId, Observation, VarId};
use crate::syntax::datum::{Datum, DatumId};
use crate::syntax::forms::Form;
use crate::syntax::goal::Goal;
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::VecDeque;

/// A form of the top level, and what is wrong with it, as far as that is known before it is expanded.
type TopForm = (DatumId, Option<Box<ExpandError>>);

/// The bytes of a definition that is taken apart, with its lists and what an allocator adds.
const DEFINITION: usize = size_of::<Definition>() + 80;

impl Expander<'_> {
    pub(super) fn program(&mut self, roots: &[DatumId], goal: Goal) -> Result<ExprId> {
        let whole = Span::new(0, self.text.len() as u32);
        self.find_params(roots)?;
        let forms = self.find_definitions(roots)?;
        let items = self.items(forms)?;
        self.live = self.live(&items);
        let mut vars = Vec::new();
        let mut inits = Vec::new();
        let mut pending: Vec<ExprId> = Vec::new();
        for (index, item) in items.into_iter().enumerate() {
            self.item = index;
            match item {
                Item::Define(id, definition) => {
                    for expr in pending.drain(..) {
                        vars.push(self.hidden("%unused"));
                        inits.push(expr);
                    }
                    let versions = &self.top[&definition.name];
                    let at = versions.partition_point(|&(item, _)| item < index);
                    let version = versions.get(at).filter(|version| version.0 == index);
                    let var = version.map(|&(_, var)| var);
                    let Some(var) = var else {
                        return self.fail(id, "this definition cannot be placed");
                    };
                    let init =
                        self.recovering(id, |expander| expander.definition(id, &definition, var))?;
                    vars.push(var);
                    inits.push(init);
                }
                Item::Syntax => {}
                Item::Param(id) => {
                    if let Err(mistake) = self.param(id) {
                        self.spoil(id);
                        self.mistake(mistake)?;
                    }
                }
                Item::DataMatrix(id) => {
                    if let Err(mistake) = self.data_matrix(id) {
                        self.spoil(id);
                        self.mistake(mistake)?;
                    }
                }
                Item::Observe(id, form) => {
                    let expr = self.recovering(id, |expander| match form {
                        Form::Observe => expander.observe(id),
                        _ => expander.observe_series(id),
                    })?;
                    if goal == Goal::Value {
                        pending.push(expr);
                    }
                }
                Item::Prior(id) => {
                    if let Err(mistake) = self.prior(id) {
                        self.mistake(mistake)?;
                    }
                }
                Item::Derive(id) => {
                    self.recovering(id, |expander| expander.derive(id))?;
                }
                Item::Expression(id) => pending.push(self.expand(id)?),
                Item::Mistake(mistake) => self.mistake(*mistake)?,
            }
        }
        let wanted: Option<Vec<ExprId>> = match goal {
            Goal::Value => None,
            Goal::Observations => {
                let all = self.observations.iter();
                Some(all.flat_map(Observation::expressions).collect())
            }
            Goal::Derived => Some(self.derived.iter().map(|derived| derived.expr).collect()),
        };
        if let Some(wanted) = wanted {
            let list = self.constant(Constant::Primitive(Prim::List), whole);
            let call = Expr::Call {
                operator: list,
                args: wanted.into(),
                counts: false,
            };
            pending.push(self.push(call, whole));
        }
        let body = match pending.len() {
            0 => self.constant(Constant::Unspecified, whole),
            1 => pending[0],
            _ => self.push(Expr::Begin(pending.into()), whole),
        };
        let (vars, inits) = self.flagged(vars, inits, whole);
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

    /// For each item the first, from it on, that may run procedures of the program: until then no
    /// reference inside one is met.
    fn live(&self, items: &[Item]) -> Vec<usize> {
        let mut live = vec![items.len(); items.len()];
        let mut next = items.len();
        for (index, item) in items.iter().enumerate().rev() {
            let inert = match item {
                Item::Param(_)
                | Item::DataMatrix(_)
                | Item::Prior(_)
                | Item::Syntax
                | Item::Mistake(_) => true,
                Item::Define(_, definition) => match &definition.value {
                    DefinedValue::Expression(value) => self.is_inert(*value),
                    DefinedValue::Values { .. } => false,
                    _ => true,
                },
                Item::Observe(..) | Item::Derive(_) | Item::Expression(_) => false,
            };
            if !inert {
                next = index;
            }
            live[index] = next;
        }
        live
    }

    /// Whether evaluating an expression calls nothing of the program's.
    fn is_inert(&self, id: DatumId) -> bool {
        match self.data.get(id) {
            Datum::List(_) => matches!(
                self.form_of(id),
                Some((
                    Form::Lambda | Form::CaseLambda | Form::Delay | Form::DelayForce | Form::Quote,
                    _
                ))
            ),
            Datum::Dotted(..) | Datum::Bracket(_) => false,
            _ => true,
        }
    }

    /// The bindings of the top level, with the flags that references look at: each is a cell, filled
    /// once its definition is made.
    fn flagged(
        &mut self,
        vars: Vec<VarId>,
        inits: Vec<ExprId>,
        whole: Span,
    ) -> (Vec<VarId>, Vec<ExprId>) {
        if self.flags.is_empty() {
            return (vars, inits);
        }
        let mut flags: Vec<VarId> = self.flags.values().copied().collect();
        sorted::plainly(&mut flags);
        let mut all_inits = Vec::with_capacity(inits.len() + 2 * flags.len());
        for _ in &flags {
            all_inits.push(self.call_hidden(Prim::Cell, Vec::new(), whole));
        }
        let mut all_vars = flags;
        for (var, init) in vars.into_iter().zip(inits) {
            all_vars.push(var);
            all_inits.push(init);
            if let Some(&flag) = self.flags.get(&var) {
                let flag = self.push(Expr::Variable(flag), whole);
                let up = self.constant(Constant::Bool(true), whole);
                all_vars.push(self.hidden("%unused"));
                all_inits.push(self.call_hidden(Prim::CellFill, vec![flag, up], whole));
            }
        }
        (all_vars, all_inits)
    }

    /// Collects the names of params and data matrices, which shadow forms in the whole program.
    fn find_params(&mut self, roots: &[DatumId]) -> Result<()> {
        let mut open: Vec<DatumId> = roots.iter().rev().copied().collect();
        let mut defined: FxHashSet<Sym> = FxHashSet::default();
        while let Some(id) = open.pop() {
            self.step(id, 1)?;
            if self.begins_with_any(id, &defined) {
                continue;
            }
            match self.form_of(id) {
                Some((Form::Begin, items)) => open.extend(items[1..].iter().rev()),
                Some((Form::Define | Form::DefineSyntax, &[_, target, ..])) => {
                    let name = match self.data.get(target) {
                        Datum::List([name, ..]) | Datum::Dotted([name, ..], _) => *name,
                        _ => target,
                    };
                    if let Datum::Symbol(sym) = self.data.get(name) {
                        defined.insert(sym);
                    }
                }
                Some((form @ (Form::Param | Form::DataMatrix), items)) => {
                    self.note_param(form, items);
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn note_param(&mut self, form: Form, items: &[DatumId]) {
        if let Some(&name) = items.get(1)
            && let Datum::Symbol(sym) = self.data.get(name)
        {
            let sym = self.root(sym);
            match form {
                Form::Param => self.param_names.insert(sym),
                _ => self.matrix_names.insert(sym),
            };
        }
    }

    /// The forms of the top level, with `begin`s opened and uses of macros expanded. Collects the names
    /// that they define, so that forms they shadow are not taken for forms, and makes a variable for
    /// each definition. With a form stands what is wrong with it, if that is known.
    fn find_definitions(&mut self, roots: &[DatumId]) -> Result<Vec<TopForm>> {
        let mut open: Vec<DatumId> = roots.iter().rev().copied().collect();
        let mut forms = Vec::with_capacity(roots.len());
        let mut defined: FxHashSet<Sym> = FxHashSet::default();
        let mut names = Vec::new();
        while let Some(id) = open.pop() {
            self.listed = size_of_val(&forms[..]) + size_of_val(&open[..]);
            self.step(id, 1)?;
            self.item = forms.len();
            if self.begins_with_any(id, &defined) {
                forms.push((id, None));
                continue;
            }
            match self.form_of(id) {
                Some((Form::Begin, items)) if items.len() > 1 => {
                    open.extend(items[1..].iter().rev());
                    continue;
                }
                Some((Form::DefineSyntax, _)) => match self.define_top_syntax(id) {
                    Ok(name) => {
                        defined.remove(&name);
                    }
                    Err(mistake) => {
                        self.unless_exhausted(&mistake)?;
                        self.spoil(id);
                        forms.push((id, Some(Box::new(mistake))));
                        continue;
                    }
                },
                Some((form, _)) if form.defines() => match self.parse_definitions(id, form) {
                    Ok(definitions) => {
                        for definition in definitions {
                            names.push(definition.name);
                            defined.insert(definition.name);
                        }
                    }
                    // It is told in its turn.
                    Err(_) => self.spoil(id),
                },
                Some((form @ (Form::Param | Form::DataMatrix), items)) => {
                    self.note_param(form, items);
                }
                None if let Some(made) = self.macro_of(id) => {
                    match self.use_macro(made, id) {
                        Ok(datum) => open.push(datum),
                        Err(mistake) => {
                            self.unless_exhausted(&mistake)?;
                            forms.push((id, Some(Box::new(mistake))));
                        }
                    }
                    continue;
                }
                _ => {}
            }
            forms.push((id, None));
        }
        self.item = 0;
        // Until its items are counted a definition stands at the end, so that its name shadows.
        for name in names {
            if self.declared_as(name).is_some() {
                continue;
            }
            let var = self.variable(name);
            self.top.entry(name).or_default().push((usize::MAX, var));
        }
        for (&name, versions) in &self.top {
            // In programs with macros each variable has a name of its own.
            if !self.macros.is_empty() {
                break;
            }
            let text = self.symbols.name(name);
            let hides =
                self.is_input(name) || Prim::from_name(text).is_some() || self.is_of_prelude(text);
            if versions.len() > 1 || hides {
                for (count, &(_, var)) in versions.iter().enumerate() {
                    let unique = format!("{}%{}", self.symbols.name(name), count + 1);
                    let unique = self.symbols.reserve(&unique);
                    self.vars[var.0 as usize].core_name = unique;
                }
            }
        }
        Ok(forms)
    }

    /// Nothing else is looked for once a limit is met.
    fn unless_exhausted(&self, mistake: &ExpandError) -> Result<()> {
        if self.exhausted {
            return Err(mistake.clone());
        }
        Ok(())
    }

    /// What a name that a definition may not have is declared as.
    fn declared_as(&self, name: Sym) -> Option<&'static str> {
        if self.param_names.contains(&name) {
            return Some("param");
        }
        self.matrix_names.contains(&name).then_some("data matrix")
    }

    /// Takes a form of the top level that defines apart.
    fn definitions_of_top(&mut self, id: DatumId, form: Form) -> Result<Vec<Definition>> {
        let definitions = self.parse_definitions(id, form)?;
        for definition in &definitions {
            if let Some(what) = self.declared_as(definition.name) {
                let name = self.symbols.name(definition.name);
                let message =
                    format!("`{name}` is a {what} already; give the definition another name");
                return self.fail(id, message);
            }
        }
        Ok(definitions)
    }

    /// Notes the name that a definition or declaration meant to define, if it has one.
    fn spoil(&mut self, id: DatumId) {
        let (Datum::List(&[_, target, ..]) | Datum::Dotted(&[_, target, ..], _)) =
            self.data.get(id)
        else {
            return;
        };
        let name = match self.data.get(target) {
            Datum::List([first, ..]) | Datum::Dotted([first, ..], _) => *first,
            _ => target,
        };
        if let Datum::Symbol(sym) = self.data.get(name) {
            self.spoiled.insert(sym);
        }
    }

    /// Whether a form begins with one of some names.
    fn begins_with_any(&self, id: DatumId, names: &FxHashSet<Sym>) -> bool {
        match self.data.get(id) {
            Datum::List([head, ..]) | Datum::Dotted([head, ..], _) => {
                matches!(self.data.get(*head), Datum::Symbol(sym) if names.contains(&sym))
            }
            _ => false,
        }
    }

    /// The macros of the top level by their forms, each with its name and its place among those of that
    /// name; until its form is met, none is made.
    fn unplaced_macros(&mut self) -> FxHashMap<DatumId, VecDeque<(Sym, usize)>> {
        let mut places: FxHashMap<DatumId, VecDeque<(Sym, usize)>> = FxHashMap::default();
        for (&name, entries) in &mut self.top_macros {
            for (at, entry) in entries.iter_mut().enumerate() {
                entry.0 = usize::MAX;
                places.entry(entry.2).or_default().push_back((name, at));
            }
        }
        places
    }

    fn items(&mut self, forms: Vec<TopForm>) -> Result<Vec<Item>> {
        let listed = size_of_val(&forms[..]);
        let mut items = Vec::with_capacity(forms.len());
        let mut definitions_bytes = 0;
        let mut made: FxHashMap<Sym, usize> = FxHashMap::default();
        let mut macros = self.unplaced_macros();
        for (id, mistake) in forms {
            if let Some(mistake) = mistake {
                items.push(Item::Mistake(mistake));
                continue;
            }
            // Definitions before this item shadow forms.
            self.item = items.len();
            self.listed = listed + size_of_val(&items[..]) + definitions_bytes;
            self.step(id, 1)?;
            match self.form_of(id) {
                Some((Form::DefineSyntax, _)) => {
                    let next = macros.get_mut(&id).and_then(VecDeque::pop_front);
                    if let Some((name, at)) = next
                        && let Some(entry) = self
                            .top_macros
                            .get_mut(&name)
                            .and_then(|all| all.get_mut(at))
                    {
                        entry.0 = items.len();
                    }
                    items.push(Item::Syntax);
                }
                Some((form, _)) if form.defines() => {
                    let definitions = match self.definitions_of_top(id, form) {
                        Ok(definitions) => definitions,
                        Err(mistake) => {
                            items.push(Item::Mistake(Box::new(mistake)));
                            continue;
                        }
                    };
                    for definition in definitions {
                        let count = made.entry(definition.name).or_insert(0);
                        if let Some(versions) = self.top.get_mut(&definition.name)
                            && let Some(version) = versions.get_mut(*count)
                        {
                            version.0 = items.len();
                        }
                        *count += 1;
                        definitions_bytes += DEFINITION;
                        items.push(Item::Define(id, Box::new(definition)));
                    }
                }
                Some((Form::Param, _)) => items.push(Item::Param(id)),
                Some((Form::DataMatrix, _)) => items.push(Item::DataMatrix(id)),
                Some((form @ (Form::Observe | Form::ObserveSeries), _)) => {
                    items.push(Item::Observe(id, form));
                }
                Some((Form::Prior, _)) => items.push(Item::Prior(id)),
                Some((Form::Derive, _)) => items.push(Item::Derive(id)),
                _ => items.push(Item::Expression(id)),
            }
        }
        // For each, where it is live, and its part of the program.
        let each = size_of::<Item>() + size_of::<usize>() + 2 * size_of::<ExprId>();
        self.listed = items.len() * each + definitions_bytes;
        Ok(items)
    }
}
