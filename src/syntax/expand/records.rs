//! Records: `(define-record-type name (maker field …) test (field reader) …)`.
//!
//! The form goes in; definitions of the type, the maker, the test and the readers come out.
//!
//! **Invariants**
//! - Each evaluation of the form makes a type of its own, a list of its name and its fields.
//! - A record is immutable: a modifier is refused where it stands.

use super::{DefinedValue, Definition, ExpandError, Expander, Result};
use crate::error::Kind;
use crate::prim::Prim;
use crate::symbol::Sym;
use crate::syntax::ast::{Constant, Expr, ExprId, VarId};
use crate::syntax::datum::{Datum, DatumId};

/// What one of a record's definitions makes.
#[derive(Clone)]
pub(super) enum RecordPart {
    /// The type, of a name and fields.
    Type { name: Sym, fields: Vec<DatumId> },
    /// The same, by the name that the program knows it by.
    Known { name: DatumId },
    /// The maker: for each field, which of the arguments it takes, if one.
    Maker {
        class: Sym,
        params: Vec<DatumId>,
        fields: Vec<Option<usize>>,
    },
    /// The test.
    Test { class: Sym },
    /// What reads a field.
    Reader { class: Sym, index: usize },
}

const USAGE: &str =
    "write `(define-record-type name (make-name field …) name? (field name-field) …)`";

impl Expander<'_> {
    pub(super) fn parse_record_type(&mut self, id: DatumId) -> Result<Vec<Definition>> {
        let Datum::List([_, name, maker, test, specs @ ..]) = self.data.get(id) else {
            return self.fail(id, USAGE);
        };
        let class = self.symbols.reserve(&format!("%record-{id}"));
        let type_name = self.name_in(*name, USAGE)?;
        let mut fields = Vec::with_capacity(specs.len());
        let mut names = Vec::with_capacity(specs.len());
        let mut readers = Vec::with_capacity(specs.len());
        for (index, &spec) in specs.iter().enumerate() {
            let parts = match self.data.get(spec) {
                Datum::List(parts @ [_, ..]) => parts,
                Datum::Symbol(_) => &[spec][..],
                Datum::Bracket(_) => return self.brackets(spec, "a field is `(field name-field)`"),
                _ => return self.fail(spec, "a field is `(field name-field)`"),
            };
            names.push(self.name_in(parts[0], "a field is `(field name-field)`")?);
            fields.push(parts[0]);
            if let Some(&modifier) = parts.get(2) {
                return Err(ExpandError {
                    kind: Kind::Unsupported,
                    message: "records do not change, so a field has no modifier: make another \
                              record, `(make-name new-value (name-other record))`"
                        .into(),
                    span: self.data.span(modifier),
                    also: Vec::new(),
                });
            }
            if let Some(&reader) = parts.get(1) {
                readers.push(Definition {
                    name: self.name_in(reader, "a field is `(field name-field)`")?,
                    value: DefinedValue::Record(RecordPart::Reader { class, index }),
                });
            }
        }
        self.distinct(id, &names)?;
        let mut definitions = vec![
            Definition {
                name: class,
                value: DefinedValue::Record(RecordPart::Type {
                    name: type_name,
                    fields: fields.clone(),
                }),
            },
            Definition {
                name: type_name,
                value: DefinedValue::Record(RecordPart::Known { name: *name }),
            },
        ];
        let made = match self.data.get(*maker) {
            Datum::Bool(false) => None,
            Datum::Symbol(name) => Some((name, fields)),
            Datum::List([name, params @ ..]) => {
                Some((self.name_in(*name, USAGE)?, params.to_vec()))
            }
            Datum::Bracket(_) => return self.brackets(*maker, USAGE),
            _ => return self.fail(*maker, USAGE),
        };
        if let Some((name, params)) = made {
            let mut places = vec![None; names.len()];
            for (index, &param) in params.iter().enumerate() {
                let field = self.name_in(param, USAGE)?;
                let Some(place) = names.iter().position(|&name| name == field) else {
                    let message = format!(
                        "the record has no field `{}`; name it after the test",
                        self.symbols.name(field)
                    );
                    return self.fail(param, message);
                };
                places[place] = Some(index);
            }
            definitions.push(Definition {
                name,
                value: DefinedValue::Record(RecordPart::Maker {
                    class,
                    params,
                    fields: places,
                }),
            });
        }
        if !matches!(self.data.get(*test), Datum::Bool(false)) {
            definitions.push(Definition {
                name: self.name_in(*test, USAGE)?,
                value: DefinedValue::Record(RecordPart::Test { class }),
            });
        }
        definitions.extend(readers);
        Ok(definitions)
    }

    fn name_in(&self, id: DatumId, usage: &str) -> Result<Sym> {
        match self.data.get(id) {
            Datum::Symbol(sym) => Ok(sym),
            _ => self.fail(id, usage),
        }
    }

    pub(super) fn record_part(
        &mut self,
        id: DatumId,
        name: Sym,
        part: &RecordPart,
        var: VarId,
    ) -> Result<ExprId> {
        let span = self.data.span(id);
        match part {
            RecordPart::Type { name, fields } => {
                let mut items = vec![self.symbol_constant(*name, span)];
                for &field in fields {
                    items.push(self.quote(field, span)?);
                }
                Ok(self.call_hidden(Prim::List, items, span))
            }
            RecordPart::Known { name } => {
                let name = self.quote(*name, span)?;
                let content = self.call_hidden(Prim::List, vec![name], span);
                let head = self.constant(Constant::String("record-type".into()), span);
                let head = self.call_hidden(Prim::List, vec![head], span);
                let kind = self.constant(Constant::Int(0.0), span);
                Ok(self.call_hidden(Prim::Wrap, vec![kind, head, content], span))
            }
            RecordPart::Test { class } => {
                let class = self.reference(id, *class)?;
                self.lambdas.insert(var, (1, Some(1)));
                Ok(self.call_helper("%record-test", vec![class], span))
            }
            RecordPart::Reader { class, index } => {
                let class = self.reference(id, *class)?;
                let index = self.constant(Constant::Int(*index as f64), span);
                let name = self.symbol_constant(name, span);
                self.lambdas.insert(var, (1, Some(1)));
                Ok(self.call_helper("%record-field", vec![class, index, name], span))
            }
            RecordPart::Maker {
                class,
                params,
                fields,
            } => {
                let names: Vec<Sym> = params
                    .iter()
                    .map(|&param| self.name_in(param, USAGE))
                    .collect::<Result<_>>()?;
                self.distinct(id, &names)?;
                self.procedure_depth += 1;
                let class = self.reference(id, *class);
                self.procedure_depth -= 1;
                let class = class?;
                let vars: Vec<VarId> = names.iter().map(|&n| self.variable(n)).collect();
                let mut items = Vec::with_capacity(fields.len());
                for field in fields {
                    items.push(match field {
                        Some(index) => self.push(Expr::Variable(vars[*index]), span),
                        None => self.constant(Constant::Unspecified, span),
                    });
                }
                let kind = self.constant(Constant::Int(0.0), span);
                let content = self.call_hidden(Prim::List, items, span);
                let body = self.call_hidden(Prim::Wrap, vec![kind, class, content], span);
                let lambda = Expr::Lambda {
                    name: Some(name),
                    params: vars.into(),
                    rest: false,
                    body,
                };
                Ok(self.push(lambda, span))
            }
        }
    }

    /// The name as a string: what errors call it by.
    fn symbol_constant(&mut self, name: Sym, span: crate::source::Span) -> ExprId {
        let text = self.symbols.name(name).into();
        self.constant(Constant::String(text), span)
    }
}
