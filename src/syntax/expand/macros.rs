//! Macros: `define-syntax`, `let-syntax`, `letrec-syntax`, their scopes and their uses.
//!
//! A use of a macro goes in; the datum that a rule makes of it comes out, in which every name that the
//! rule puts in is an *alias*.
//!
//! **Invariants**
//! - Hygiene both ways: an alias that a binding form binds is a variable of its own, which no name of
//!   the program reaches; one that nothing binds means what its original means where the macro was
//!   defined, whatever the use's surroundings bind.
//! - Expansion is metered, beside the caller's limits: the data that macros make, the steps of matching rules and names, how deep these nest, how deep uses nest and the
//!   expressions that come of it are bounded, and passing a bound is an error at the use.
//! - Errors inside what a macro makes point to its use; parts of the use keep their own places.

use super::syntax_rules::{MacroId, Rules};
use super::{Denotation, ExpandError, Expander, Result};
use crate::error::Kind;
use crate::symbol::Sym;
use crate::syntax::ast::{ExprId, VarId};
use crate::syntax::datum::{Datum, DatumId};
use crate::syntax::forms::Form;
use std::rc::Rc;

/// How many data and items of them macros may make, and how many expressions may come of a program
/// with macros.
const MOST_DATA: u64 = 1 << 18;
const MOST_EXPRESSIONS: usize = 1 << 18;

/// How many steps looking up the names that macros put in and matching rules may take.
const MOST_WORK: u64 = 1 << 23;

/// How deep nodes that macros make, and uses of macros inside what macros made, may nest.
const DEEPEST_NODES: u32 = if CAN_GROW { 2_000 } else { 250 };
const DEEPEST_USES: u32 = if CAN_GROW { 2_000 } else { 250 };

/// Whether the machine's stack grows as expansion needs it; that of wasm does not.
const CAN_GROW: bool = cfg!(not(target_arch = "wasm32"));

/// What a macro does, and the bindings it sees: the outermost so many of those around a use.
pub(super) struct Macro {
    rules: Rc<Rules>,
    height: u32,
}

/// A name that a rule put in.
#[derive(Clone, Copy)]
pub(super) struct Alias {
    /// The name in the rule.
    of: Sym,
    made_by: MacroId,
    /// Which use it was put in at.
    use_number: u32,
}

/// What a name is bound by: the same for two names exactly if they mean the same.
#[derive(PartialEq, Eq)]
pub(super) enum Binding {
    Variable(VarId),
    Elsewhere(Sym),
}

impl Expander<'_> {
    // ---- what names mean ---------------------------------------------------------------------

    /// The name in the text that a name comes from.
    pub(super) fn root(&self, mut sym: Sym) -> Sym {
        if !self.aliases.is_empty() {
            while let Some(alias) = self.aliases.get(&sym) {
                self.work.set(self.work.get() + 1);
                sym = alias.of;
            }
        }
        sym
    }

    /// The variable that a name is bound to here, or the name by which the top level knows it.
    pub(super) fn binding(&self, sym: Sym) -> Binding {
        self.binding_within(sym, u32::MAX)
    }

    /// The same among the outermost so many bindings.
    fn binding_within(&self, mut sym: Sym, mut height: u32) -> Binding {
        loop {
            let mut found = self.scope.get(sym.index() as usize).copied().flatten();
            while let Some(var) = found
                && self.heights[var.0 as usize] > height
            {
                self.work.set(self.work.get() + 1);
                found = self.shadowed[var.0 as usize];
            }
            if let Some(var) = found {
                return Binding::Variable(var);
            }
            match self.aliases.get(&sym) {
                Some(alias) if !self.is_defined_at_top(sym) => {
                    self.work.set(self.work.get() + 1);
                    height = height.min(self.macros[alias.made_by.0 as usize].height);
                    sym = alias.of;
                }
                _ => return Binding::Elsewhere(sym),
            }
        }
    }

    fn is_defined_at_top(&self, sym: Sym) -> bool {
        self.top.contains_key(&sym) || self.top_macros.contains_key(&sym)
    }

    /// Whether a name of a use means what a literal of a macro's rules means.
    pub(super) fn means_literal(&self, sym: Sym, literal: Sym, made_by: MacroId) -> bool {
        let height = self.macros[made_by.0 as usize].height;
        self.binding(sym) == self.binding_within(literal, height)
    }

    /// The macro of the top level that a name means here, unless a later definition hides it.
    pub(super) fn top_macro(&self, sym: Sym) -> Option<MacroId> {
        let macros = self.top_macros.get(&sym)?;
        // Both stand in the order of their items.
        let before = macros.partition_point(|entry| entry.0 < self.item);
        let &(at, id, _) = macros.get(before.saturating_sub(1))?;
        let hidden = self.top.get(&sym).is_some_and(|versions| {
            let made = versions.partition_point(|version| version.0 < self.item);
            made > 0 && versions[made - 1].0 > at
        });
        (!hidden).then_some(id)
    }

    // ---- definitions -------------------------------------------------------------------------

    /// `(define-syntax name rules)` of the top level.
    pub(super) fn define_top_syntax(&mut self, id: DatumId) -> Result<Sym> {
        let (name, rules) = self.parse_define_syntax(id)?;
        let made = self.add_macro(rules)?;
        self.macros[made.0 as usize].height = 0;
        let entry = (self.item, made, id);
        self.top_macros.entry(name).or_default().push(entry);
        Ok(name)
    }

    /// The same at the start of a body: the name is bound at once, for the definitions after it.
    pub(super) fn define_body_syntax(&mut self, id: DatumId) -> Result<VarId> {
        let (name, rules) = self.parse_define_syntax(id)?;
        let made = self.add_macro(rules)?;
        Ok(self.bind_macro(name, made))
    }

    fn parse_define_syntax(&mut self, id: DatumId) -> Result<(Sym, DatumId)> {
        const USAGE: &str =
            "write `(define-syntax name (syntax-rules (literal …) (pattern template) …))`";
        match self.data.get(id) {
            Datum::List(&[_, name, rules]) => match self.data.get(name) {
                Datum::Symbol(name) => Ok((name, rules)),
                _ => self.fail(id, USAGE),
            },
            _ => self.fail(id, USAGE),
        }
    }

    /// A macro of rules, which sees all bindings until it is told otherwise.
    fn add_macro(&mut self, rules: DatumId) -> Result<MacroId> {
        let rules = Rc::new(self.parse_rules(rules)?);
        let id = MacroId(self.macros.len() as u32);
        let height = u32::MAX;
        self.macros.push(Macro { rules, height });
        Ok(id)
    }

    fn bind_macro(&mut self, name: Sym, made: MacroId) -> VarId {
        let var = self.variable(name);
        self.bind(var);
        self.macro_vars.insert(var, made);
        var
    }

    /// Sets what the macros of a body or form see: the bindings there are now.
    pub(super) fn settle_macros(&mut self, vars: &[VarId]) {
        for var in vars {
            if let Some(made) = self.macro_vars.get(var) {
                self.macros[made.0 as usize].height = self.bound.len() as u32;
            }
        }
    }

    /// `(let-syntax ((name rules) …) body …)` and `letrec-syntax`.
    pub(super) fn let_syntax(
        &mut self,
        id: DatumId,
        form: Form,
        rest: &[DatumId],
    ) -> Result<ExprId> {
        let [list, body @ ..] = rest else {
            return self.fail(
                id,
                "write `(let-syntax ((name (syntax-rules …)) …) body …)`",
            );
        };
        let bindings = self.bindings(id, *list)?;
        let names: Vec<Sym> = bindings.iter().map(|binding| binding.0).collect();
        self.distinct(*list, &names)?;
        let outside = self.bound.len() as u32;
        let mut made = Vec::with_capacity(bindings.len());
        for &(_, rules) in &bindings {
            made.push(self.add_macro(rules)?);
        }
        let bound = names.iter().zip(&made);
        let vars: Vec<VarId> = bound
            .map(|(&name, &id)| self.bind_macro(name, id))
            .collect();
        let height = match form {
            Form::LetSyntax => outside,
            _ => self.bound.len() as u32,
        };
        for id in made {
            self.macros[id.0 as usize].height = height;
        }
        let body = self.body(id, body)?;
        self.unbind(&vars);
        Ok(body)
    }

    /// `(syntax-error message datum …)`: an error of the program's macros, at their use.
    pub(super) fn syntax_error(&mut self, id: DatumId, rest: &[DatumId]) -> Result<ExprId> {
        let mut message = match rest.first().map(|&first| self.data.get(first)) {
            Some(Datum::String(text)) => text.to_owned(),
            _ => return self.fail(id, "write `(syntax-error \"message\" datum …)`"),
        };
        for &datum in &rest[1..] {
            message.push(' ');
            match self.data.get(datum) {
                Datum::Symbol(sym) => message.push_str(self.symbols.name(sym)),
                Datum::Int(x) | Datum::Float(x) => message.push_str(&x.to_string()),
                _ if self.data.is_added(datum) => message.push('…'),
                _ => message.push_str(self.data.span(datum).text(self.text)),
            }
        }
        self.fail(id, message)
    }

    // ---- uses --------------------------------------------------------------------------------

    /// The macro that a form is a use of.
    pub(super) fn macro_of(&self, id: DatumId) -> Option<MacroId> {
        if self.macros.is_empty() {
            return None;
        }
        if let Datum::List([head, ..]) | Datum::Dotted([head, ..], _) = self.data.get(id)
            && let Datum::Symbol(sym) = self.data.get(*head)
            && let Denotation::Macro(made) = self.denote(sym)
        {
            return Some(made);
        }
        None
    }

    /// What a use of a macro becomes, until that is none any more.
    pub(super) fn use_macro(&mut self, made: MacroId, id: DatumId) -> Result<DatumId> {
        let mut made = made;
        let mut datum = id;
        loop {
            self.uses += 1;
            self.step(id, 1)?;
            let rules = self.macros[made.0 as usize].rules.clone();
            datum = self.apply_rules(&rules, made, datum, self.uses)?;
            self.meter(datum, id)?;
            match self.macro_of(datum) {
                Some(next) => made = next,
                None => return Ok(datum),
            }
        }
    }

    /// Expands a use of a macro in the place of an expression.
    pub(super) fn expand_use(&mut self, made: MacroId, id: DatumId) -> Result<ExprId> {
        let datum = self.use_macro(made, id)?;
        self.nested_uses += 1;
        if self.nested_uses > DEEPEST_USES {
            return self.too_much(id, "uses of macros nest too deep");
        }
        let expr = self.expand(datum);
        self.nested_uses -= 1;
        expr
    }

    /// The alias that a name gets in what a use of a macro becomes.
    pub(super) fn alias(&mut self, of: Sym, made_by: MacroId, use_number: u32) -> Sym {
        if let Some(&alias) = self.renamed.get(&(use_number, of)) {
            return alias;
        }
        let alias = self.symbols.alias(of);
        let record = Alias {
            of,
            made_by,
            use_number,
        };
        self.aliases.insert(alias, record);
        self.renamed.insert((use_number, of), alias);
        alias
    }

    /// The name as it would stand beside another: an alias of the same use, if that is one.
    pub(super) fn beside(&mut self, other: DatumId, name: &str) -> Sym {
        let sym = self.symbols.intern(name);
        match self.data.get(other) {
            Datum::Symbol(other) => match self.aliases.get(&other).copied() {
                Some(alias) => self.alias(sym, alias.made_by, alias.use_number),
                None => sym,
            },
            _ => sym,
        }
    }

    /// Data with the names of the text in place of aliases: what quoting them gives.
    pub(super) fn stripped(&mut self, id: DatumId) -> Result<DatumId> {
        if !self.data.is_added(id) {
            return Ok(id);
        }
        // The depth of what macros make is bounded.
        stacker::maybe_grow(64 * 1024, 1024 * 1024, || {
            let span = self.data.span(id);
            let all = |this: &mut Self, items: &[DatumId]| -> Result<Vec<DatumId>> {
                items.iter().map(|&item| this.stripped(item)).collect()
            };
            let data = self.data;
            let stripped = match data.get(id) {
                Datum::Symbol(sym) => data.push(Datum::Symbol(self.root(sym)), span),
                Datum::List(items) => {
                    let items = all(self, items)?;
                    data.push(Datum::List(&items), span)
                }
                Datum::Bracket(items) => {
                    let items = all(self, items)?;
                    data.push(Datum::Bracket(&items), span)
                }
                Datum::Dotted(items, tail) => {
                    let items = all(self, items)?;
                    let tail = self.stripped(tail)?;
                    data.push(Datum::Dotted(&items, tail), span)
                }
                _ => id,
            };
            self.meter(stripped, id)?;
            Ok(stripped)
        })
    }

    // ---- limits ------------------------------------------------------------------------------

    /// Makes sure that macros have not made too much, of which a datum is the last.
    pub(super) fn meter(&mut self, last: DatumId, at: DatumId) -> Result<()> {
        if self.data.weight() > MOST_DATA {
            let message = format!("macros make more than {MOST_DATA} data");
            return self.too_much(at, &message);
        }
        if self.work.get() > MOST_WORK {
            return self.too_much(at, "macros take too long");
        }
        if self.data.depth(last) > DEEPEST_NODES {
            return self.too_much(at, "what macros make nests too deep");
        }
        Ok(())
    }

    /// The same of the expressions of a program with macros.
    pub(super) fn meter_expressions(&mut self, at: DatumId) -> Result<()> {
        if self.exprs.len() > MOST_EXPRESSIONS + self.data.text_len() {
            let message = format!("macros make more than {MOST_EXPRESSIONS} expressions");
            return self.too_much(at, &message);
        }
        if self.work.get() > MOST_WORK {
            return self.too_much(at, "macros take too long");
        }
        Ok(())
    }

    /// Nothing else is looked for after that.
    fn too_much<T>(&mut self, at: DatumId, message: &str) -> Result<T> {
        self.exhausted = true;
        Err(ExpandError {
            kind: Kind::Syntax,
            message: format!("{message}; does the expansion end?"),
            span: self.data.span(at),
            also: Vec::new(),
        })
    }
}
