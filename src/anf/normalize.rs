//! `normalize`: core forms to administrative normal form.
//!
//! A [`Program`] goes in; an [`Anf`] comes out in which every operand is an atom.
//!
//! **Invariants**
//! - Evaluation order is made explicit: operator, then arguments from the left.
//! - A procedure that refers to nothing but inputs, constants and other such procedures needs no
//!   environment: it becomes [`Atom::Function`].
//! - A `letrec` variable lives in a cell only where something may read it before it is filled or
//!   must reach it from a procedure made before.

use super::scopes::Scopes;
use super::{Anf, Atom, Atoms, Block, BlockId, End, Lambda, LambdaId, Op, Site, Step, Var};
use crate::meter::{Meter, Overrun};
use crate::prim::Prim;
use crate::symbol::Sym;
use crate::syntax::Program;
use crate::syntax::ast::{Constant, Expr, ExprId, VarId};
use rustc_hash::FxHashMap;
use std::mem::take;

/// Normalizes a program; `is_input` says which free names the caller binds for certain. Of the
/// others each use is checked.
///
/// # Errors
/// When a limit is met.
pub(crate) fn normalize_within(
    program: &Program,
    is_input: &dyn Fn(&str) -> bool,
    meter: &Meter,
) -> Result<Anf, Overrun> {
    let scopes = Scopes::of(program, meter)?;
    let mut normalizer = Normalizer {
        program,
        is_input,
        scopes,
        meter,
        overrun: None,
        atoms: 0,
        anf: Anf {
            lambdas: Vec::new(),
            blocks: Vec::new(),
            names: Vec::new(),
            top_level: Vec::new(),
        },
        steps: Vec::new(),
        places: vec![None; program.vars.len()],
        lambda_ids: FxHashMap::default(),
        lambda_exprs: FxHashMap::default(),
        known: FxHashMap::default(),
    };
    let main = normalizer.reserve_lambda();
    let body = normalizer.block(program.root, true);
    normalizer.anf.lambdas[main.0 as usize].body = body;
    if let Expr::Letrec { vars, inits, .. } = program.expr(program.root) {
        for (&var, &init) in vars.iter().zip(inits) {
            if let Some(&id) = normalizer.lambda_ids.get(&init)
                && normalizer.scopes.is_environment_free(var)
            {
                let name = program.var(var).name;
                normalizer.anf.top_level.push((name, id));
            }
        }
    }
    if let Some(overrun) = normalizer.overrun {
        Err(overrun)
    } else {
        meter.hold(normalizer.bytes())?;
        Ok(normalizer.anf)
    }
}

/// The same without limits.
#[cfg(test)]
pub(crate) fn normalize(program: &Program, is_input: &dyn Fn(&str) -> bool) -> Anf {
    normalize_within(program, is_input, &Meter::default()).expect("there is no limit")
}

/// Where a source variable's value is found.
#[derive(Clone)]
enum Place {
    Value(Atom),
    Cell(Var),
}

struct Normalizer<'a> {
    program: &'a Program,
    is_input: &'a dyn Fn(&str) -> bool,
    scopes: Scopes,
    meter: &'a Meter,
    /// The limit that was met; what is made after that is of no use.
    overrun: Option<Overrun>,
    /// How many operands of many there are.
    atoms: usize,
    anf: Anf,
    /// The steps of the block under construction.
    steps: Vec<Step>,
    /// Of each variable, once it has one.
    places: Vec<Option<Place>>,
    lambda_ids: FxHashMap<ExprId, LambdaId>,
    lambda_exprs: FxHashMap<LambdaId, ExprId>,
    /// Variables that are certainly bound to one procedure.
    known: FxHashMap<VarId, LambdaId>,
}

impl Normalizer<'_> {
    /// Counts a step; whether a limit has been met.
    fn is_over(&mut self) -> bool {
        if self.overrun.is_none() && self.meter.is_due(1) {
            self.overrun = self.meter.check(self.bytes()).err();
        }
        self.overrun.is_some()
    }

    /// What has been made so far.
    fn bytes(&self) -> usize {
        // Steps that no block has yet are few, or soon have one; there is a name for each.
        size_of_val(&self.anf.names[..])
            + self.anf.names.len() * size_of::<Step>()
            + size_of_val(&self.anf.lambdas[..])
            + size_of_val(&self.anf.blocks[..])
            + self.atoms * size_of::<Atom>()
            + size_of_val(&self.places[..])
    }

    fn place(&mut self, var: VarId, place: Place) {
        self.places[var.0 as usize] = Some(place);
    }

    /// The values of operands.
    fn atoms(&mut self, exprs: &[ExprId]) -> Atoms {
        let atoms: Atoms = exprs.iter().map(|&expr| self.value(expr)).collect();
        if atoms.spilled() {
            self.atoms += atoms.len();
        }
        atoms
    }

    fn fresh(&mut self, name: Option<Sym>) -> Var {
        let var = Var(self.anf.names.len() as u32);
        self.anf.names.push(name);
        var
    }

    fn reserve_lambda(&mut self) -> LambdaId {
        let id = LambdaId(self.anf.lambdas.len() as u32);
        self.anf.lambdas.push(Lambda {
            name: None,
            params: Vec::new(),
            rest: false,
            body: BlockId(0),
        });
        id
    }

    fn step(&mut self, name: Option<Sym>, op: Op, site: Site) -> Atom {
        let var = self.fresh(name);
        self.steps.push(Step { var, op, site });
        Atom::Var(var)
    }

    fn site(expr: ExprId) -> Site {
        Site {
            expr: Some(expr),
            counts: false,
        }
    }

    /// A block of its own for an expression. In tail position calls may leave the procedure; else
    /// the block yields its value to the `if` around it.
    fn block(&mut self, expr: ExprId, tail: bool) -> BlockId {
        stacker::maybe_grow(64 * 1024, 1024 * 1024, || {
            let outer = take(&mut self.steps);
            // What waits for the block that its test leads to otherwise: chains of tests are long.
            let mut waiting = Vec::new();
            let mut expr = self.lead(expr);
            while let &Expr::If {
                test,
                then,
                otherwise,
            } = self.program.expr(expr)
            {
                if self.is_over() {
                    break;
                }
                let site = Self::site(expr);
                let test = self.value(test);
                let then = self.block(then, tail);
                waiting.push((take(&mut self.steps), test, then, site));
                expr = self.lead(otherwise);
            }
            let end = self.end(expr, tail);
            let mut id = self.finish_block(end);
            for (steps, test, then, site) in waiting.into_iter().rev() {
                self.steps = steps;
                id = self.finish_block(End::If {
                    test,
                    then,
                    otherwise: id,
                    site,
                });
            }
            self.steps = outer;
            id
        })
    }

    /// The block of the steps that were made last.
    fn finish_block(&mut self, end: End) -> BlockId {
        let steps = take(&mut self.steps);
        let id = BlockId(self.anf.blocks.len() as u32);
        self.anf.blocks.push(Block { steps, end });
        id
    }

    /// The end of a block, of an expression that is no `if`.
    fn end(&mut self, expr: ExprId, tail: bool) -> End {
        match self.program.expr(expr) {
            Expr::Call { .. } if tail => match self.call(expr) {
                (
                    Op::Call {
                        operator,
                        args,
                        known,
                    },
                    site,
                ) => End::TailCall {
                    operator,
                    args,
                    known,
                    site,
                },
                (op, site) => End::Return(self.step(None, op, site)),
            },
            _ => End::Return(self.value(expr)),
        }
    }

    /// The steps of all that comes before the last part of an expression, which is neither a `let`
    /// nor a sequence; gives that part.
    fn lead(&mut self, mut expr: ExprId) -> ExprId {
        loop {
            match self.program.expr(expr) {
                Expr::Let { body, .. } | Expr::Letrec { body, .. } => {
                    self.bindings(expr);
                    expr = *body;
                }
                Expr::Begin(exprs) => {
                    let (last, effects) = exprs.split_last().expect("a sequence has a last");
                    for &effect in effects {
                        self.value(effect);
                    }
                    expr = *last;
                }
                _ => return expr,
            }
        }
    }

    /// The steps of a `let`'s or `letrec`'s bindings.
    fn bindings(&mut self, expr: ExprId) {
        match self.program.expr(expr) {
            Expr::Let { vars, inits, .. } => {
                let values: Vec<Atom> = inits.iter().map(|&init| self.value(init)).collect();
                for ((&var, &init), value) in vars.iter().zip(inits).zip(values) {
                    self.note_known(var, init);
                    self.place(var, Place::Value(value));
                }
            }
            Expr::Letrec { vars, inits, .. } => self.letrec(vars, inits),
            _ => {}
        }
    }

    fn note_known(&mut self, var: VarId, init: ExprId) {
        if let Expr::Lambda { .. } = self.program.expr(init) {
            let id = self.lambda_id(init);
            self.known.insert(var, id);
        }
    }

    fn lambda_id(&mut self, expr: ExprId) -> LambdaId {
        if let Some(&id) = self.lambda_ids.get(&expr) {
            return id;
        }
        let id = self.reserve_lambda();
        self.lambda_ids.insert(expr, id);
        self.lambda_exprs.insert(id, expr);
        id
    }

    fn letrec(&mut self, vars: &[VarId], inits: &[ExprId]) {
        // Procedures without environment first: they can be referred to from anywhere.
        let mut plain: Vec<VarId> = Vec::new();
        for (&var, &init) in vars.iter().zip(inits) {
            self.note_known(var, init);
            if self.scopes.is_environment_free(var) {
                let id = self.lambda_id(init);
                self.place(var, Place::Value(Atom::Function(id)));
            } else {
                plain.push(var);
            }
        }
        for var in plain {
            if self.scopes.is_read_early(var) {
                let name = self.program.var(var).name;
                let cell = self.fresh(Some(name));
                self.steps.push(Step {
                    var: cell,
                    op: Op::Prim(Prim::Cell, Atoms::new()),
                    site: Site::default(),
                });
                self.place(var, Place::Cell(cell));
            }
        }
        for (&var, &init) in vars.iter().zip(inits) {
            if self.scopes.is_environment_free(var) {
                self.lambda(init);
                continue;
            }
            let value = self.value(init);
            match self.places[var.0 as usize] {
                Some(Place::Cell(cell)) => {
                    let args = [Atom::Var(cell), value].into_iter().collect();
                    self.step(None, Op::Prim(Prim::CellFill, args), Site::default());
                }
                _ => {
                    self.place(var, Place::Value(value));
                }
            }
        }
    }

    /// Makes a procedure's body; its own variables are in scope by then.
    fn lambda(&mut self, expr: ExprId) -> LambdaId {
        let id = self.lambda_id(expr);
        let Expr::Lambda {
            name,
            params,
            rest,
            body,
        } = self.program.expr(expr)
        else {
            unreachable!("only lambdas are made into procedures");
        };
        let vars: Vec<Var> = params
            .iter()
            .map(|&param| {
                let var = self.fresh(Some(self.program.var(param).name));
                self.place(param, Place::Value(Atom::Var(var)));
                var
            })
            .collect();
        let body = self.block(*body, true);
        self.anf.lambdas[id.0 as usize] = Lambda {
            name: *name,
            params: vars,
            rest: *rest,
            body,
        };
        id
    }

    fn value(&mut self, expr: ExprId) -> Atom {
        stacker::maybe_grow(64 * 1024, 1024 * 1024, || self.value_here(expr))
    }

    fn value_here(&mut self, expr: ExprId) -> Atom {
        if self.is_over() {
            return Atom::Constant(Constant::Nil, expr);
        }
        let expr = self.lead(expr);
        let site = Self::site(expr);
        match self.program.expr(expr) {
            Expr::Constant(Constant::Primitive(prim)) | Expr::Primitive(_, prim) => {
                Atom::Prim(*prim)
            }
            Expr::Constant(constant) => Atom::Constant(constant.clone(), expr),
            Expr::Quote(datum) => Atom::Quote(*datum, expr),
            Expr::Prelude(name) => Atom::Prelude(*name),
            Expr::Free(name) => {
                if (self.is_input)(self.program.symbols.name(*name)) {
                    return Atom::Input(*name);
                }
                let text = Constant::String(self.program.symbols.name(*name).into());
                let args = [Atom::Constant(text, expr), Atom::Input(*name)];
                let op = Op::Prim(Prim::Given, args.into_iter().collect());
                self.step(Some(*name), op, site)
            }
            Expr::Variable(var) => self.variable(*var, site),
            Expr::Let { .. } | Expr::Letrec { .. } | Expr::Begin(_) => {
                unreachable!("what these lead to is their value")
            }
            &Expr::If {
                test,
                then,
                otherwise,
            } => {
                let op = Op::If {
                    test: self.value(test),
                    then: self.block(then, false),
                    otherwise: self.block(otherwise, false),
                };
                self.step(None, op, site)
            }
            Expr::Lambda { name, .. } => {
                let name = *name;
                let id = self.lambda(expr);
                self.step(name, Op::Lambda(id), site)
            }
            Expr::Call { .. } => {
                let (op, site) = self.call(expr);
                self.step(None, op, site)
            }
        }
    }

    fn variable(&mut self, var: VarId, site: Site) -> Atom {
        let name = self.program.var(var).name;
        match self.places[var.0 as usize].clone() {
            Some(Place::Value(atom)) => atom,
            Some(Place::Cell(cell)) => {
                let text = self.program.symbols.name(name).into();
                let expr = site.expr.expect("a variable stands somewhere");
                let args = [
                    Atom::Constant(Constant::String(text), expr),
                    Atom::Var(cell),
                ];
                self.step(
                    Some(name),
                    Op::Prim(Prim::CellRef, args.into_iter().collect()),
                    site,
                )
            }
            // Referred to before its definition, outside any procedure.
            None => {
                let expr = site.expr.expect("a variable stands somewhere");
                self.fail(name, expr)
            }
        }
    }

    /// `(%fail-at '() "undefined" name)`, at an expression.
    fn fail(&mut self, name: Sym, expr: ExprId) -> Atom {
        let name = Constant::String(self.program.symbols.name(name).into());
        let args = [Constant::Nil, Constant::String("undefined".into()), name];
        let args = args.into_iter().map(|c| Atom::Constant(c, expr)).collect();
        self.step(None, Op::Prim(Prim::FailAt, args), Self::site(expr))
    }

    fn call(&mut self, expr: ExprId) -> (Op, Site) {
        let Expr::Call {
            operator,
            args,
            counts,
        } = self.program.expr(expr)
        else {
            unreachable!("only calls are called");
        };
        let site = Site {
            expr: Some(expr),
            counts: *counts,
        };
        let prim = match self.program.expr(*operator) {
            Expr::Primitive(_, prim) | Expr::Constant(Constant::Primitive(prim)) => Some(*prim),
            _ => None,
        };
        if let Some(prim) = prim
            && prim.spec().accepts(args.len())
            && prim != Prim::Apply
        {
            let args = self.atoms(args);
            return (Op::Prim(prim, args), site);
        }
        let known = match self.program.expr(*operator) {
            Expr::Variable(var) => self.known.get(var).copied(),
            // `((letrec ((loop (lambda …))) loop) init …)`
            Expr::Letrec { vars, inits, body } => match self.program.expr(*body) {
                Expr::Variable(var) if vars.contains(var) => {
                    for (&v, &init) in vars.iter().zip(inits) {
                        self.note_known(v, init);
                    }
                    self.known.get(var).copied()
                }
                _ => None,
            },
            _ => None,
        };
        let count = args.len();
        let known = known.filter(|id| self.takes(*id, count));
        let operator = self.value(*operator);
        let args = self.atoms(args);
        (
            Op::Call {
                operator,
                args,
                known,
            },
            site,
        )
    }

    fn takes(&self, id: LambdaId, count: usize) -> bool {
        match self
            .lambda_exprs
            .get(&id)
            .map(|&expr| self.program.expr(expr))
        {
            Some(Expr::Lambda { params, rest, .. }) => !rest && params.len() == count,
            _ => false,
        }
    }
}
