//! Procedures and bodies: definitions at the start, then expressions.
//!
//! **Invariants**
//! - A body with definitions is a `letrec` that fills in order.
//! - Names bound together are distinct.

use super::{DefinedValue, Definition, Expander, Result};
use crate::symbol::Sym;
use crate::syntax::ast::{Expr, ExprId, VarId};
use crate::syntax::datum::{Datum, DatumId};
use crate::syntax::forms::Form;
use rustc_hash::FxHashSet;

/// Up to how many names are compared one by one: most lists of names are short.
const FEW_NAMES: usize = 8;

impl Expander<'_> {
    /// What a form defines, one after the other.
    pub(super) fn parse_definitions(&mut self, id: DatumId, form: Form) -> Result<Vec<Definition>> {
        match form {
            Form::DefineValues => self.parse_define_values(id),
            Form::DefineRecordType => self.parse_record_type(id),
            _ => Ok(vec![self.parse_definition(id)?]),
        }
    }

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
            Datum::Bracket(_) => self.brackets(target, USAGE),
            _ => self.fail(id, USAGE),
        }
    }

    pub(super) fn definition(
        &mut self,
        id: DatumId,
        definition: &Definition,
        var: VarId,
    ) -> Result<ExprId> {
        let init = match &definition.value {
            DefinedValue::Expression(value) => self.expand(*value)?,
            DefinedValue::Procedure { params, rest, body } => {
                self.lambda(id, Some(definition.name), params, *rest, body)?
            }
            &DefinedValue::Values {
                expr,
                required,
                rest,
            } => self.received(expr, required, rest)?,
            &DefinedValue::Part { list, index, rest } => {
                let span = self.data.span(id);
                let list = self.reference(id, list)?;
                self.part(list, index, rest, span)
            }
            DefinedValue::Record(part) => self.record_part(id, definition.name, part, var)?,
        };
        self.note_lambda(var, init);
        Ok(init)
    }

    /// Remembers what a variable is bound to, if it is a procedure: for names and warnings.
    pub(super) fn note_lambda(&mut self, var: VarId, init: ExprId) {
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

    pub(super) fn lambda(
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
        // A mistake leaves what is bound to whoever goes on after it.
        let body = self.body(id, body)?;
        self.procedure_depth -= 1;
        self.unbind(&vars);
        let lambda = Expr::Lambda {
            name,
            params: vars.into(),
            rest: rest.is_some(),
            body,
        };
        Ok(self.push(lambda, self.data.span(id)))
    }

    pub(super) fn distinct(&mut self, id: DatumId, names: &[Sym]) -> Result<()> {
        self.step(id, names.len())?;
        let mut seen = FxHashSet::default();
        for (index, &name) in names.iter().enumerate() {
            let again = if names.len() <= FEW_NAMES {
                names[..index].contains(&name)
            } else {
                !seen.insert(name)
            };
            if again {
                let name = self.symbols.name(name);
                return self.fail(id, format!("`{name}` is bound twice here; rename one"));
            }
        }
        Ok(())
    }

    /// A body: definitions, then expressions.
    pub(super) fn body(&mut self, owner: DatumId, forms: &[DatumId]) -> Result<ExprId> {
        // Procedures that bodies define nest without an expression in between.
        stacker::maybe_grow(64 * 1024, 1024 * 1024, || self.body_here(owner, forms))
    }

    fn body_here(&mut self, owner: DatumId, forms: &[DatumId]) -> Result<ExprId> {
        if let &[only] = forms
            && self.macro_of(only).is_none()
            && !self
                .form_of(only)
                .is_some_and(|(form, _)| form.defines() || form == Form::Begin)
        {
            return self.expand(only);
        }
        let mut open: Vec<DatumId> = forms.iter().rev().copied().collect();
        let mut definitions = Vec::new();
        let mut macros = Vec::new();
        while let Some(&id) = open.last() {
            match self.form_of(id) {
                Some((Form::DefineSyntax, _)) => {
                    open.pop();
                    macros.push(self.define_body_syntax(id)?);
                }
                Some((form, _)) if form.defines() => {
                    open.pop();
                    for definition in self.parse_definitions(id, form)? {
                        definitions.push((id, definition));
                    }
                }
                // A `begin` that is empty or starts with a definition is opened.
                Some((Form::Begin, items))
                    if items.get(1).is_none_or(|&first| {
                        self.form_of(first)
                            .is_some_and(|(form, _)| form.defines() || form == Form::Begin)
                    }) =>
                {
                    let inner: Vec<DatumId> = items[1..].iter().rev().copied().collect();
                    open.pop();
                    open.extend(inner);
                }
                None if let Some(made) = self.macro_of(id) => {
                    let datum = self.use_macro(made, id)?;
                    open.pop();
                    open.push(datum);
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
            self.settle_macros(&macros);
            let body = self.sequence(owner, &open)?;
            self.unbind(&macros);
            return Ok(body);
        }
        let names: Vec<Sym> = definitions.iter().map(|(_, d)| d.name).collect();
        self.distinct(owner, &names)?;
        let vars: Vec<VarId> = names.iter().map(|&n| self.variable(n)).collect();
        for &var in &vars {
            self.bind(var);
        }
        self.settle_macros(&macros);
        let mut inits = Vec::with_capacity(vars.len());
        for (&var, (id, definition)) in vars.iter().zip(&definitions) {
            inits.push(self.definition(*id, definition, var)?);
        }
        let body = self.sequence(owner, &open)?;
        self.unbind(&vars);
        self.unbind(&macros);
        let letrec = Expr::Letrec {
            vars: vars.into(),
            inits: inits.into(),
            body,
        };
        Ok(self.push(letrec, self.data.span(owner)))
    }

    pub(super) fn sequence(&mut self, owner: DatumId, forms: &[DatumId]) -> Result<ExprId> {
        if let [only] = forms {
            return self.expand(*only);
        }
        if forms.is_empty() {
            return self.fail(owner, "an expression is missing");
        }
        let exprs = self.expand_all(forms.iter().copied())?;
        Ok(self.push(Expr::Begin(exprs.into()), self.data.span(owner)))
    }
}
