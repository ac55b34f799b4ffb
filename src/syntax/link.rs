//! `link`: the programs that a program calls become procedures of it.
//!
//! A [`Program`] and the [`Module`]s that it calls, themselves or through others, go in; it comes out as
//! one program of all their core forms.
//!
//! **Invariants**
//! - Names of a module and of those who call it do not meet: its variables are called otherwise, what it
//!   does not bind is an argument, and inputs of the program shadow nothing of it.
//! - A module's params are constants, which stand where they are declared.
//! - The texts stand one after the other, so that a span belongs to one of them.
//! - A call of what is not there, or with another number of arguments, fails when it is evaluated.
//!
//! ```text
//! (* 2 (model "half" y))   half: (/ x 2)
//! (letrec ((half (lambda (x) (/ x 2)))) (* 2 (half y)))
//! ```

use super::ast::{Callee, Constant, Expr, ExprId, Part, Program, Var, VarId, Warning};
use crate::prim::{Prim, arity_in_words};
use crate::sorted;
use crate::source::Span;
use crate::symbol::{Sym, Symbols};
use rustc_hash::{FxHashMap, FxHashSet};
use std::sync::Arc;

/// How many arguments a message tells.
const NAMES: usize = 8;

/// A program that others call by its name. It is expanded on the symbols that theirs extend.
#[derive(Debug)]
pub(crate) struct Module {
    pub(crate) name: Arc<str>,
    pub(crate) program: Program,
    /// The inputs that are its arguments, in order: all but its params.
    pub(crate) arguments: Vec<String>,
}

/// The part that a span belongs to; none where that is the program's own text.
fn part_of(parts: &[Part], span: Span) -> Option<&Part> {
    let after = parts.partition_point(|part| part.span.start <= span.start);
    parts.get(after.checked_sub(1)?)
}

/// The part that a span belongs to, and the span in that part's own text.
pub(crate) fn place_in(parts: &[Part], span: Span) -> Option<(&Part, Span)> {
    let part = part_of(parts, span)?;
    let start = part.span.start;
    Some((part, Span::new(span.start - start, span.end - start)))
}

/// Links modules to a program whose inputs are `inputs`; each stands behind those that it calls.
/// `missing` says what is wrong with a name that is none of theirs. None where the texts are too long.
pub(crate) fn link(
    mut program: Program,
    modules: Vec<Module>,
    inputs: &[String],
    missing: &dyn Fn(&str) -> String,
) -> Option<Program> {
    if program.callees.is_empty() {
        return Some(program);
    }
    let lengths = modules.iter().map(|module| module.program.text.len() + 1);
    let length = lengths.fold(program.text.len(), usize::saturating_add);
    u32::try_from(length).ok()?;
    let mut text = String::with_capacity(length);
    text.push_str(&program.text);
    let mut linker = Linker {
        made: FxHashMap::default(),
        used: FxHashSet::default(),
        missing,
    };
    let own = program.exprs.len();
    let callees = std::mem::take(&mut program.callees);
    let direct: FxHashMap<&str, VarId> = callees.iter().map(|c| (&*c.name, c.var)).collect();
    let mut bindings = Vec::with_capacity(modules.len());
    for module in modules {
        text.push('\n');
        let start = text.len() as u32;
        text.push_str(&module.program.text);
        let var = direct.get(&*module.name).copied();
        bindings.push(linker.add(&mut program, module, start, var));
    }
    linker.settle(&mut program, &callees, true);
    program.callees = callees;
    linker.rename(&mut program, inputs, own);
    sorted::plainly(&mut program.literals);
    bind(&mut program, bindings);
    program.text = text.into();
    Some(program)
}

/// Puts the modules' procedures around the program, in order.
fn bind(program: &mut Program, bindings: Vec<(VarId, ExprId)>) {
    if bindings.is_empty() {
        return;
    }
    let (mut all_vars, mut all_inits): (Vec<VarId>, Vec<ExprId>) = bindings.into_iter().unzip();
    let root = program.root;
    if let Expr::Letrec { vars, inits, .. } = &mut program.exprs[root.0 as usize] {
        // One frame for both: a variable is as near as it was.
        all_vars.extend_from_slice(vars);
        all_inits.extend_from_slice(inits);
        *vars = all_vars.into();
        *inits = all_inits.into();
        return;
    }
    let letrec = Expr::Letrec {
        vars: all_vars.into(),
        inits: all_inits.into(),
        body: root,
    };
    program.root = push(program, letrec, program.span(root));
}

fn push(program: &mut Program, expr: Expr, span: Span) -> ExprId {
    program.exprs.push(expr);
    program.spans.push(span);
    ExprId(program.exprs.len() as u32 - 1)
}

struct Linker<'a> {
    /// The modules so far: what stands for each, and its arguments.
    made: FxHashMap<Arc<str>, (VarId, Vec<String>)>,
    /// The names by which modules mean primitives and the prelude.
    used: FxHashSet<Sym>,
    missing: &'a dyn Fn(&str) -> String,
}

impl Linker<'_> {
    /// Adds a module's expressions, and its procedure: a variable and its value.
    fn add(
        &mut self,
        program: &mut Program,
        module: Module,
        start: u32,
        var: Option<VarId>,
    ) -> (VarId, ExprId) {
        let Module {
            name,
            program: mut from,
            arguments,
        } = module;
        let callees = std::mem::take(&mut from.callees);
        self.settle(&mut from, &callees, false);
        let span = Span::new(start, start + from.text.len() as u32);
        let moved = |span: Span| Span::new(span.start + start, span.end + start);
        let mut map = SymbolMap::new(&from.symbols, &program.symbols);
        let data = if from.exprs.iter().any(|e| matches!(e, Expr::Quote(_))) {
            let symbols = &mut program.symbols;
            let symbol = |sym| map.of(sym, symbols);
            program.data.append(&from.data, start, symbol)
        } else {
            0
        };
        let vars = program.vars.len() as u32;
        for var in &from.vars {
            let name = map.of(var.name, &mut program.symbols);
            let core_name = program.symbols.alias(name);
            program.vars.push(Var { name, core_name });
        }
        let mut argument = |name: &str| {
            let name = program.symbols.intern(name);
            let core_name = program.symbols.alias(name);
            program.vars.push(Var { name, core_name });
            VarId(program.vars.len() as u32 - 1)
        };
        let params: Box<[VarId]> = arguments.iter().map(|name| argument(name)).collect();
        let of_argument: FxHashMap<&str, VarId> = arguments
            .iter()
            .map(String::as_str)
            .zip(params.iter().copied())
            .collect();
        let constants: Vec<(String, Span, f64)> = from
            .params
            .iter()
            .map(|param| (param.name.clone(), moved(param.span), param.init))
            .collect();
        let called: FxHashMap<VarId, VarId> = callees
            .iter()
            .filter_map(|callee| Some((callee.var, self.made.get(&callee.name)?.0)))
            .collect();
        let exprs = program.exprs.len() as u32;
        let expr_at = |id: ExprId| ExprId(id.0 + exprs);
        let var_at = |var: VarId| VarId(var.0 + vars);
        let all_exprs = |mut ids: Box<[ExprId]>| {
            ids.iter_mut().for_each(|id| *id = expr_at(*id));
            ids
        };
        let all_vars = |mut ids: Box<[VarId]>| {
            ids.iter_mut().for_each(|var| *var = var_at(*var));
            ids
        };
        let literals = from.literals.iter().map(|&id| expr_at(id));
        program.literals.extend(literals);
        for (expr, span) in from.exprs.into_iter().zip(from.spans) {
            let mut span = moved(span);
            let expr = match expr {
                Expr::Constant(constant) => Expr::Constant(constant),
                Expr::Quote(datum) => Expr::Quote(datum.later(data)),
                Expr::Variable(var) => {
                    Expr::Variable(called.get(&var).copied().unwrap_or_else(|| var_at(var)))
                }
                Expr::Primitive(sym, prim) => {
                    let sym = map.of(sym, &mut program.symbols);
                    self.used.insert(sym);
                    Expr::Primitive(sym, prim)
                }
                Expr::Prelude(sym) => {
                    let sym = map.of(sym, &mut program.symbols);
                    self.used.insert(sym);
                    Expr::Prelude(sym)
                }
                Expr::Free(sym) => {
                    let name = from.symbols.name(sym);
                    let param = constants.iter().find(|(param, ..)| param == name);
                    match (of_argument.get(name), param) {
                        (_, Some(&(_, place, value))) => {
                            span = place;
                            let id = ExprId(program.exprs.len() as u32);
                            program.literals.push(id);
                            Expr::Constant(Constant::Float(value))
                        }
                        (Some(&var), None) => Expr::Variable(var),
                        (None, None) => unreachable!("`{name}` is an input of the module"),
                    }
                }
                Expr::If {
                    test,
                    then,
                    otherwise,
                } => Expr::If {
                    test: expr_at(test),
                    then: expr_at(then),
                    otherwise: expr_at(otherwise),
                },
                Expr::Lambda {
                    name,
                    params,
                    rest,
                    body,
                } => Expr::Lambda {
                    name: name.map(|name| map.of(name, &mut program.symbols)),
                    params: all_vars(params),
                    rest,
                    body: expr_at(body),
                },
                Expr::Let { vars, inits, body } => Expr::Let {
                    vars: all_vars(vars),
                    inits: all_exprs(inits),
                    body: expr_at(body),
                },
                Expr::Letrec { vars, inits, body } => Expr::Letrec {
                    vars: all_vars(vars),
                    inits: all_exprs(inits),
                    body: expr_at(body),
                },
                Expr::Begin(exprs) => Expr::Begin(all_exprs(exprs)),
                Expr::Call {
                    operator,
                    args,
                    counts,
                } => Expr::Call {
                    operator: expr_at(operator),
                    args: all_exprs(args),
                    counts,
                },
            };
            program.exprs.push(expr);
            program.spans.push(span);
        }
        let sym = program.symbols.intern(&name);
        let var = var.unwrap_or_else(|| {
            let core_name = program.symbols.alias(sym);
            program.vars.push(Var {
                name: sym,
                core_name,
            });
            VarId(program.vars.len() as u32 - 1)
        });
        let lambda = Expr::Lambda {
            name: Some(sym),
            params,
            rest: false,
            body: expr_at(from.root),
        };
        let lambda = push(program, lambda, span);
        program.linked.parts.push(Part {
            name: name.clone(),
            span,
            params: constants,
        });
        self.made.insert(name, (var, arguments));
        (var, lambda)
    }

    /// Puts failures in the place of calls that cannot be made; with `warns`, they are told before the
    /// run, too.
    fn settle(&self, program: &mut Program, callees: &[Callee], warns: bool) {
        for Callee { name, calls, .. } in callees {
            let made = self.made.get(name);
            for &call in calls {
                let Expr::Call { args, .. } = program.expr(call) else {
                    continue;
                };
                let count = args.len();
                let (kind, message) = match made {
                    Some((_, arguments)) if arguments.len() == count => continue,
                    Some((_, arguments)) => {
                        let takes =
                            arity_in_words(arguments.len() as u32, Some(arguments.len() as u32));
                        let named = match &arguments[..] {
                            [] => String::new(),
                            all if all.len() > NAMES => {
                                format!(" ({}, …)", all[..NAMES].join(", "))
                            }
                            all => format!(" ({})", all.join(", ")),
                        };
                        let message = format!(
                            "the model `{name}` takes {takes}{named}, and gets {count} here"
                        );
                        ("arity", message)
                    }
                    None => ("model", (self.missing)(name)),
                };
                let span = program.span(call);
                if warns {
                    let message = message.clone();
                    program.warnings.push(Warning { message, span });
                }
                let operator = Expr::Constant(Constant::Primitive(Prim::FailAt));
                let operator = push(program, operator, span);
                let args = [
                    Constant::Nil,
                    Constant::String(kind.into()),
                    Constant::String(message.into()),
                ];
                let args = args.map(|constant| push(program, Expr::Constant(constant), span));
                program.exprs[call.0 as usize] = Expr::Call {
                    operator,
                    args: args.into(),
                    counts: false,
                };
            }
        }
    }

    /// The evaluator goes by names: an input that is called as something that a module has a use for
    /// gets another symbol.
    fn rename(&self, program: &mut Program, inputs: &[String], own: usize) {
        for name in inputs {
            let Some(sym) = program.symbols.find(name) else {
                continue;
            };
            if !self.used.contains(&sym) {
                continue;
            }
            let alias = program.symbols.alias(sym);
            for expr in &mut program.exprs[..own] {
                if matches!(expr, Expr::Free(free) if *free == sym) {
                    *expr = Expr::Free(alias);
                }
            }
            program.linked.renamed.push((name.clone(), alias));
        }
    }
}

/// The symbols of one table as another has them, which extends the same one.
struct SymbolMap<'a> {
    from: &'a Symbols,
    shared: u32,
    known: FxHashMap<Sym, Sym>,
}

impl<'a> SymbolMap<'a> {
    fn new(from: &'a Symbols, to: &Symbols) -> Self {
        Self {
            from,
            shared: from.base_len().min(to.base_len()),
            known: FxHashMap::default(),
        }
    }

    fn of(&mut self, sym: Sym, to: &mut Symbols) -> Sym {
        if sym.index() < self.shared {
            return sym;
        }
        let from = self.from;
        *self.known.entry(sym).or_insert_with(|| {
            let name = from.name(sym);
            if !from.is_reserved(sym) {
                to.intern(name)
            } else if from.find_reserved(name) == Some(sym) {
                to.reserve(name)
            } else {
                let like = to.intern(name);
                to.alias(like)
            }
        })
    }
}
