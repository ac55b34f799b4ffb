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

use super::{Anf, Atom, Atoms, Block, BlockId, End, Lambda, LambdaId, Op, Site, Step, Var};
use crate::prim::Prim;
use crate::symbol::Sym;
use crate::syntax::Program;
use crate::syntax::ast::{Constant, Expr, ExprId, VarId};
use rustc_hash::{FxHashMap, FxHashSet};

/// Normalizes a program; `is_input` says which free names the caller binds for certain. Of the
/// others each use is checked.
pub(crate) fn normalize(program: &Program, is_input: &dyn Fn(&str) -> bool) -> Anf {
    let environment_free = environment_free(program);
    let mut normalizer = Normalizer {
        program,
        is_input,
        environment_free,
        anf: Anf {
            lambdas: Vec::new(),
            blocks: Vec::new(),
            names: Vec::new(),
            top_level: Vec::new(),
        },
        steps: Vec::new(),
        places: FxHashMap::default(),
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
                && normalizer.environment_free.contains(&var)
            {
                let name = program.var(var).name;
                normalizer.anf.top_level.push((name, id));
            }
        }
    }
    normalizer.anf
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
    environment_free: FxHashSet<VarId>,
    anf: Anf,
    /// The steps of the block under construction.
    steps: Vec<Step>,
    places: FxHashMap<VarId, Place>,
    lambda_ids: FxHashMap<ExprId, LambdaId>,
    lambda_exprs: FxHashMap<LambdaId, ExprId>,
    /// Variables that are certainly bound to one procedure.
    known: FxHashMap<VarId, LambdaId>,
}

impl Normalizer<'_> {
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
            let outer = std::mem::take(&mut self.steps);
            let end = self.end(expr, tail);
            let steps = std::mem::replace(&mut self.steps, outer);
            let id = BlockId(self.anf.blocks.len() as u32);
            self.anf.blocks.push(Block { steps, end });
            id
        })
    }

    fn end(&mut self, expr: ExprId, tail: bool) -> End {
        let expr = self.lead(expr);
        match self.program.expr(expr) {
            &Expr::If {
                test,
                then,
                otherwise,
            } => End::If {
                test: self.value(test),
                then: self.block(then, tail),
                otherwise: self.block(otherwise, tail),
                site: Self::site(expr),
            },
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
                    self.places.insert(var, Place::Value(value));
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
        let mut plain: Vec<(VarId, ExprId)> = Vec::new();
        for (&var, &init) in vars.iter().zip(inits) {
            self.note_known(var, init);
            if self.environment_free.contains(&var) {
                let id = self.lambda_id(init);
                self.places.insert(var, Place::Value(Atom::Function(id)));
            } else {
                plain.push((var, init));
            }
        }
        let early = self.read_early(&plain);
        for &(var, _) in &plain {
            if early.contains(&var) {
                let name = self.program.var(var).name;
                let cell = self.fresh(Some(name));
                self.steps.push(Step {
                    var: cell,
                    op: Op::Prim(Prim::Cell, Atoms::new()),
                    site: Site::default(),
                });
                self.places.insert(var, Place::Cell(cell));
            }
        }
        for (&var, &init) in vars.iter().zip(inits) {
            if self.environment_free.contains(&var) {
                self.lambda(init);
                continue;
            }
            let value = self.value(init);
            match self.places.get(&var) {
                Some(&Place::Cell(cell)) => {
                    let args = [Atom::Var(cell), value].into_iter().collect();
                    self.step(None, Op::Prim(Prim::CellFill, args), Site::default());
                }
                _ => {
                    self.places.insert(var, Place::Value(value));
                }
            }
        }
    }

    /// The variables of a `letrec` that an initial value up to their own refers to.
    fn read_early(&self, bindings: &[(VarId, ExprId)]) -> FxHashSet<VarId> {
        let order: FxHashMap<VarId, usize> =
            bindings.iter().enumerate().map(|(i, b)| (b.0, i)).collect();
        let mut early = FxHashSet::default();
        for (index, &(_, init)) in bindings.iter().enumerate() {
            let mut open = vec![init];
            while let Some(expr) = open.pop() {
                if let Expr::Variable(var) = self.program.expr(expr)
                    && order.get(var).is_some_and(|&bound| bound >= index)
                {
                    early.insert(*var);
                }
                children(self.program, expr, &mut open);
            }
        }
        early
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
                self.places.insert(param, Place::Value(Atom::Var(var)));
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
        match self.places.get(&var).cloned() {
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
            let args: Atoms = args.iter().map(|&arg| self.value(arg)).collect();
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
        let args: Atoms = args.iter().map(|&arg| self.value(arg)).collect();
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

/// Pushes the direct subexpressions of an expression.
fn children(program: &Program, expr: ExprId, out: &mut Vec<ExprId>) {
    match program.expr(expr) {
        Expr::Constant(_)
        | Expr::Quote(_)
        | Expr::Variable(_)
        | Expr::Primitive(..)
        | Expr::Prelude(_)
        | Expr::Free(_) => {}
        Expr::If {
            test,
            then,
            otherwise,
        } => out.extend([*test, *then, *otherwise]),
        Expr::Lambda { body, .. } => out.push(*body),
        Expr::Let { inits, body, .. } | Expr::Letrec { inits, body, .. } => {
            out.extend(inits);
            out.push(*body);
        }
        Expr::Begin(exprs) => out.extend(exprs),
        Expr::Call { operator, args, .. } => {
            out.push(*operator);
            out.extend(args);
        }
    }
}

/// The procedures that an initial value reaches which runs before their definition: their cells must
/// be there to be found empty.
fn reached_early(program: &Program, candidates: &[(VarId, Vec<VarId>)]) -> FxHashSet<VarId> {
    let reads: FxHashMap<VarId, &[VarId]> =
        candidates.iter().map(|(v, r)| (*v, r.as_slice())).collect();
    let mut early = FxHashSet::default();
    for expr in &program.exprs {
        let Expr::Letrec { vars, inits, .. } = expr else {
            continue;
        };
        let mut later: FxHashSet<VarId> = vars.iter().copied().collect();
        later.retain(|var| reads.contains_key(var));
        // What an earlier value reached, it reached when more was still to come.
        let mut seen = FxHashSet::default();
        for (var, &init) in vars.iter().zip(inits) {
            later.remove(var);
            if later.is_empty() {
                break;
            }
            if let Expr::Lambda { .. } | Expr::Constant(_) | Expr::Quote(_) = program.expr(init) {
                continue;
            }
            let mut open = free_variables(program, init);
            while let Some(var) = open.pop() {
                if seen.insert(var) {
                    early.extend(later.get(&var));
                    open.extend(reads.get(&var).copied().into_iter().flatten());
                }
            }
        }
    }
    early
}

/// The `letrec`s that no procedure contains: they are evaluated once.
fn evaluated_once(program: &Program) -> FxHashSet<ExprId> {
    let mut once = FxHashSet::default();
    let mut open = vec![program.root];
    while let Some(expr) = open.pop() {
        match program.expr(expr) {
            Expr::Lambda { .. } => continue,
            Expr::Letrec { .. } => {
                once.insert(expr);
            }
            _ => {}
        }
        children(program, expr, &mut open);
    }
    once
}

/// The variables that are more than called: whose values a program may compare.
fn used_as_values(program: &Program) -> FxHashSet<VarId> {
    let mut called: FxHashSet<ExprId> = FxHashSet::default();
    for expr in &program.exprs {
        if let Expr::Call { operator, .. } = expr {
            called.insert(*operator);
            // `((letrec ((loop (lambda …))) loop) init …)`
            if let Expr::Letrec { body, .. } = program.expr(*operator) {
                called.insert(*body);
            }
        }
    }
    let mut used = FxHashSet::default();
    for (index, expr) in program.exprs.iter().enumerate() {
        if let Expr::Variable(var) = expr
            && !called.contains(&ExprId(index as u32))
        {
            used.insert(*var);
        }
    }
    used
}

/// The `letrec` variables bound to procedures that refer to nothing that lives in a frame, and of
/// which there is one, or that nothing compares: two evaluations of a lambda are two procedures.
fn environment_free(program: &Program) -> FxHashSet<VarId> {
    let once = evaluated_once(program);
    let used = used_as_values(program);
    // Who refers to what: for each lambda bound by a letrec, the variables its body reads that are
    // bound outside of it.
    let mut candidates: Vec<(VarId, Vec<VarId>)> = Vec::new();
    for (index, expr) in program.exprs.iter().enumerate() {
        if let Expr::Letrec { vars, inits, .. } = expr {
            let alone = once.contains(&ExprId(index as u32));
            for (&var, &init) in vars.iter().zip(inits) {
                if !alone && used.contains(&var) {
                    continue;
                }
                if let Expr::Lambda { .. } = program.expr(init) {
                    candidates.push((var, free_variables(program, init)));
                }
            }
        }
    }
    let mut free: FxHashSet<VarId> = candidates.iter().map(|c| c.0).collect();
    for var in reached_early(program, &candidates) {
        free.remove(&var);
    }
    loop {
        let before = free.len();
        for (var, reads) in &candidates {
            if free.contains(var) && !reads.iter().all(|read| free.contains(read)) {
                free.remove(var);
            }
        }
        if free.len() == before {
            return free;
        }
    }
}

/// The variables an expression reads that are bound outside of it.
fn free_variables(program: &Program, expr: ExprId) -> Vec<VarId> {
    let mut bound = FxHashSet::default();
    let mut reads = FxHashSet::default();
    let mut open = vec![expr];
    while let Some(expr) = open.pop() {
        match program.expr(expr) {
            Expr::Variable(var) => {
                reads.insert(*var);
            }
            Expr::Lambda { params: vars, .. }
            | Expr::Let { vars, .. }
            | Expr::Letrec { vars, .. } => bound.extend(vars.iter().copied()),
            _ => {}
        }
        children(program, expr, &mut open);
    }
    // Every variable is bound once, so bound anywhere inside means bound inside.
    reads.difference(&bound).copied().collect()
}
