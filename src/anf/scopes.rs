//! Which procedures need no environment, and which variables need a cell.
//!
//! A [`Program`] goes in; for each of its `letrec` variables comes out where it may live.
//!
//! **Invariants**
//! - Each expression is looked at once, whatever the nesting: time and memory are linear.
//! - A procedure refers to a variable that is bound outside of it exactly if it is one of the
//!   procedures around the reference and inside the binding, so procedures know the one around them and
//!   how many there are, and variables how many are around their binding.
//! - What reaches a variable of a `letrec` from inside it goes by way of variables of that `letrec`
//!   alone: those outside of it cannot refer to it, those deeper inside cannot be referred to.

use crate::meter::{Meter, Overrun};
use crate::syntax::Program;
use crate::syntax::ast::{Expr, ExprId, VarId};
use rustc_hash::FxHashSet;

/// Where `letrec` variables live, by their numbers.
pub(super) struct Scopes {
    /// Bound to procedures that refer to nothing that lives in a frame, and of which there is one, or
    /// that nothing compares: two evaluations of a lambda are two procedures.
    environment_free: Vec<bool>,
    /// Others that an initial value up to their own refers to.
    read_early: Vec<bool>,
}

impl Scopes {
    /// Looks at a program.
    ///
    /// # Errors
    /// When a limit is met.
    pub(super) fn of(program: &Program, meter: &Meter) -> Result<Self, Overrun> {
        let is_letrec = |expr: &Expr| matches!(expr, Expr::Letrec { .. });
        if !program.exprs.iter().any(is_letrec) {
            // Most formulas: there is nothing to find.
            let none = vec![false; program.vars.len()];
            return Ok(Self {
                environment_free: none.clone(),
                read_early: none,
            });
        }
        let mut finder = Finder::new(program);
        finder.look(meter)?;
        let reads = finder.reads_of_siblings();
        let mut bad = vec![false; finder.candidates.len()];
        let mut open = Vec::new();
        finder.reached_early(&reads, &mut |candidate| {
            if !std::mem::replace(&mut bad[candidate as usize], true) {
                open.push(candidate);
            }
        });
        finder.spread(&mut bad, open, meter)?;
        let mut environment_free = vec![false; program.vars.len()];
        for (candidate, bad) in finder.candidates.iter().zip(bad) {
            environment_free[candidate.var.0 as usize] = !bad;
        }
        let mut read_early = vec![false; program.vars.len()];
        for &(from, to) in &finder.siblings {
            let plain = |var: VarId| !environment_free[var.0 as usize];
            let place = |var: VarId| finder.bindings[var.0 as usize].index;
            if plain(from) && plain(to) && place(to) >= place(from) {
                read_early[to.0 as usize] = true;
            }
        }
        Ok(Self {
            environment_free,
            read_early,
        })
    }

    pub(super) fn is_environment_free(&self, var: VarId) -> bool {
        self.environment_free[var.0 as usize]
    }

    pub(super) fn is_read_early(&self, var: VarId) -> bool {
        self.read_early[var.0 as usize]
    }
}

const NONE: u32 = u32::MAX;

/// A procedure that a `letrec` binds and that may need no environment.
struct Candidate {
    var: VarId,
    /// The candidate around it, or [`NONE`].
    around: u32,
    /// How many candidates there are from the outside up to it.
    depth: u32,
}

/// Where a variable is bound.
#[derive(Clone, Copy)]
struct Binding {
    /// How many candidates are around its scope.
    depth: u32,
    /// The `letrec` that binds it, or [`NONE`], and its place there.
    letrec: u32,
    index: u32,
    /// The candidate that it is bound to, or [`NONE`].
    candidate: u32,
}

enum Visit {
    Expr(ExprId),
    /// The value of a `letrec`'s variable, a lambda that is a candidate.
    Candidate(VarId, ExprId),
    /// Back behind a candidate.
    Leave,
    /// The initial value of a variable of a `letrec`, or its body.
    Init(u32, Option<VarId>),
}

struct Finder<'a> {
    program: &'a Program,
    candidates: Vec<Candidate>,
    bindings: Vec<Binding>,
    letrecs: Vec<&'a Expr>,
    /// References: the variable, and the innermost candidate around.
    references: Vec<(VarId, u32)>,
    /// References from the initial value of a `letrec`'s variable to another of the same.
    siblings: Vec<(VarId, VarId)>,
}

impl<'a> Finder<'a> {
    fn new(program: &'a Program) -> Self {
        let free = Binding {
            depth: 0,
            letrec: NONE,
            index: 0,
            candidate: NONE,
        };
        Self {
            program,
            candidates: Vec::new(),
            bindings: vec![free; program.vars.len()],
            letrecs: Vec::new(),
            references: Vec::new(),
            siblings: Vec::new(),
        }
    }

    fn binding(&mut self, var: VarId) -> &mut Binding {
        &mut self.bindings[var.0 as usize]
    }

    /// Goes through the program, from the outside to the inside.
    fn look(&mut self, meter: &Meter) -> Result<(), Overrun> {
        let program = self.program;
        let once = evaluated_once(program);
        let used = used_as_values(program);
        // The variable of each `letrec` whose initial value is looked at.
        let mut at: Vec<Option<VarId>> = Vec::new();
        let mut inside = NONE;
        let mut open = vec![Visit::Expr(program.root)];
        while let Some(visit) = open.pop() {
            meter.step(1)?;
            let expr = match visit {
                Visit::Expr(expr) => expr,
                Visit::Init(letrec, var) => {
                    at[letrec as usize] = var;
                    continue;
                }
                Visit::Leave => {
                    inside = self.candidates[inside as usize].around;
                    continue;
                }
                Visit::Candidate(var, expr) => {
                    let number = self.candidates.len() as u32;
                    let depth = self.depth(inside) + 1;
                    self.candidates.push(Candidate {
                        var,
                        around: inside,
                        depth,
                    });
                    self.binding(var).candidate = number;
                    inside = number;
                    open.push(Visit::Leave);
                    expr
                }
            };
            match program.expr(expr) {
                Expr::Variable(var) => {
                    self.references.push((*var, inside));
                    let letrec = self.binding(*var).letrec;
                    if letrec != NONE
                        && let Some(from) = at[letrec as usize]
                    {
                        self.siblings.push((from, *var));
                    }
                }
                Expr::Lambda { params, body, .. } => {
                    self.bind(params, inside);
                    open.push(Visit::Expr(*body));
                }
                Expr::Let { vars, inits, body } => {
                    self.bind(vars, inside);
                    open.push(Visit::Expr(*body));
                    open.extend(inits.iter().map(|&init| Visit::Expr(init)));
                }
                letrec @ Expr::Letrec { vars, inits, body } => {
                    self.bind(vars, inside);
                    let number = self.letrecs.len() as u32;
                    self.letrecs.push(letrec);
                    at.push(None);
                    for (index, &var) in vars.iter().enumerate() {
                        let binding = self.binding(var);
                        (binding.letrec, binding.index) = (number, index as u32);
                    }
                    open.push(Visit::Expr(*body));
                    open.push(Visit::Init(number, None));
                    let alone = once.contains(&expr);
                    for (&var, &init) in vars.iter().zip(inits).rev() {
                        let is_one = alone || !used[var.0 as usize];
                        open.push(match program.expr(init) {
                            Expr::Lambda { .. } if is_one => Visit::Candidate(var, init),
                            _ => Visit::Expr(init),
                        });
                        open.push(Visit::Init(number, Some(var)));
                    }
                }
                other => children(other, |part| open.push(Visit::Expr(part))),
            }
        }
        Ok(())
    }

    fn depth(&self, candidate: u32) -> u32 {
        let candidate = self.candidates.get(candidate as usize);
        candidate.map_or(0, |candidate| candidate.depth)
    }

    fn bind(&mut self, vars: &[VarId], inside: u32) {
        let depth = self.depth(inside);
        for &var in vars {
            self.binding(var).depth = depth;
        }
    }

    /// For each variable of a `letrec`, those of the same that its initial value refers to.
    fn reads_of_siblings(&self) -> Lists {
        Lists::new(
            self.program.vars.len(),
            self.siblings.iter().map(|&(from, to)| (from.0, to.0)),
        )
    }

    /// The procedures that an initial value reaches which runs before their definition: their cells must
    /// be there to be found empty.
    fn reached_early(&self, reads: &Lists, found: &mut dyn FnMut(u32)) {
        let is_candidate = |var: VarId| self.bindings[var.0 as usize].candidate != NONE;
        let mut seen = vec![false; self.program.vars.len()];
        for letrec in &self.letrecs {
            let Expr::Letrec { vars, inits, .. } = letrec else {
                continue;
            };
            // Where the last procedure is bound.
            let last = vars.iter().rposition(|&var| is_candidate(var));
            let Some(last) = last else {
                continue;
            };
            // What an earlier value reached, it reached when more was still to come.
            for (index, (&var, &init)) in vars.iter().zip(inits).enumerate().take(last) {
                if let Expr::Lambda { .. } | Expr::Constant(_) | Expr::Quote(_) =
                    self.program.expr(init)
                {
                    continue;
                }
                let mut open = vec![var.0];
                while let Some(from) = open.pop() {
                    for &to in reads.of(from) {
                        let binding = self.bindings[to as usize];
                        if std::mem::replace(&mut seen[to as usize], true) {
                            continue;
                        }
                        if binding.candidate != NONE {
                            if binding.index as usize > index {
                                found(binding.candidate);
                            }
                            open.push(to);
                        }
                    }
                }
            }
        }
    }

    /// Marks all candidates that refer to what lives in a frame, or to one that is marked; those in
    /// `open` are marked already.
    fn spread(&self, bad: &mut [bool], mut open: Vec<u32>, meter: &Meter) -> Result<(), Overrun> {
        let to_candidates = self.references.iter().filter_map(|&(var, inside)| {
            let candidate = self.bindings[var.0 as usize].candidate;
            (candidate != NONE && inside != NONE).then_some((candidate, inside))
        });
        let referrers = Lists::new(self.candidates.len(), to_candidates);
        // From each candidate on outwards, the first that may not be marked: itself, unless told.
        let mut next: Vec<u32> = (0..self.candidates.len() as u32).collect();
        let mut mark = |bad: &mut [bool], open: &mut Vec<u32>, inside: u32, depth: u32| {
            let mut at = find(&mut next, inside);
            while at != NONE && self.candidates[at as usize].depth > depth {
                if !std::mem::replace(&mut bad[at as usize], true) {
                    open.push(at);
                }
                next[at as usize] = self.candidates[at as usize].around;
                at = find(&mut next, at);
            }
        };
        for &(var, inside) in &self.references {
            meter.step(1)?;
            let binding = self.bindings[var.0 as usize];
            if binding.candidate == NONE {
                mark(bad, &mut open, inside, binding.depth);
            }
        }
        while let Some(candidate) = open.pop() {
            let var = self.candidates[candidate as usize].var;
            let depth = self.bindings[var.0 as usize].depth;
            for &inside in referrers.of(candidate) {
                meter.step(1)?;
                mark(bad, &mut open, inside, depth);
            }
        }
        Ok(())
    }
}

/// Follows a chain to its end, and shortens it.
fn find(next: &mut [u32], from: u32) -> u32 {
    let mut at = from;
    while at != NONE && next[at as usize] != at {
        let after = next[at as usize];
        if after != NONE {
            next[at as usize] = next[after as usize];
        }
        at = after;
    }
    at
}

/// A list of numbers for each number.
struct Lists {
    starts: Vec<u32>,
    items: Vec<u32>,
}

impl Lists {
    fn new(count: usize, pairs: impl Iterator<Item = (u32, u32)> + Clone) -> Self {
        let mut starts = vec![0; count + 1];
        for (from, _) in pairs.clone() {
            starts[from as usize + 1] += 1;
        }
        for index in 0..count {
            starts[index + 1] += starts[index];
        }
        let mut at = starts.clone();
        let mut items = vec![0; starts[count] as usize];
        for (from, to) in pairs {
            let place = &mut at[from as usize];
            items[*place as usize] = to;
            *place += 1;
        }
        Self { starts, items }
    }

    fn of(&self, number: u32) -> &[u32] {
        let (start, end) = (
            self.starts[number as usize],
            self.starts[number as usize + 1],
        );
        &self.items[start as usize..end as usize]
    }
}

/// Gives the direct subexpressions of an expression.
fn children(expr: &Expr, mut out: impl FnMut(ExprId)) {
    match expr {
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
        } => [*test, *then, *otherwise].into_iter().for_each(out),
        Expr::Lambda { body, .. } => out(*body),
        Expr::Let { inits, body, .. } | Expr::Letrec { inits, body, .. } => {
            inits.iter().chain([body]).copied().for_each(out);
        }
        Expr::Begin(exprs) => exprs.iter().copied().for_each(out),
        Expr::Call { operator, args, .. } => {
            out(*operator);
            args.iter().copied().for_each(out);
        }
    }
}

/// The `letrec`s that no procedure contains: they are evaluated once.
fn evaluated_once(program: &Program) -> FxHashSet<ExprId> {
    let mut once = FxHashSet::default();
    let mut open = vec![program.root];
    while let Some(id) = open.pop() {
        let expr = program.expr(id);
        match expr {
            Expr::Lambda { .. } => continue,
            Expr::Letrec { .. } => {
                once.insert(id);
            }
            _ => {}
        }
        children(expr, |part| open.push(part));
    }
    once
}

/// The variables that are more than called: whose values a program may compare.
fn used_as_values(program: &Program) -> Vec<bool> {
    let mut called = vec![false; program.exprs.len()];
    for expr in &program.exprs {
        if let Expr::Call { operator, .. } = expr {
            called[operator.0 as usize] = true;
            // `((letrec ((loop (lambda …))) loop) init …)`
            if let Expr::Letrec { body, .. } = program.expr(*operator) {
                called[body.0 as usize] = true;
            }
        }
    }
    let mut used = vec![false; program.vars.len()];
    for (expr, called) in program.exprs.iter().zip(called) {
        if let Expr::Variable(var) = expr
            && !called
        {
            used[var.0 as usize] = true;
        }
    }
    used
}
