//! Comparisons with params, relaxed: `(if (< x x0) a b)` as a blend of `a` and `b`.
//!
//! A program, the names of its params and a width for each go in; the program with soft choices in place of
//! such tests comes out, and which params are compared.
//!
//! **Invariants**
//! - Only the test of an `if` is relaxed, and only comparisons of two numbers one of which depends on a
//!   param: alone, in a chain, and under `and`, `or`, `not` and `if`. What else a test asks for it asks as ever.
//! - A comparison has one soft choice, and each arm is computed once, however a test is made of them.
//! - An `if` with an arm or a test that leads back to it is left as it is: a blend computes both arms, so a
//!   recursion that such a test ends would have no end.
//!
//! ```text
//! (if (and (> x lo) (< x hi)) a b)
//! (let ((yes a) (no b))
//!   (let ((then (soft-if x hi yes no)))
//!     (soft-if lo x then no)))
//! ```
//!
//! So `and` is the product of what its parts are true by, and `or` that of what they are false by.

use super::error::FitError;
use super::mentions::{definitions, each};
use crate::prim::Prim;
use crate::sorted;
use crate::source::Span;
use crate::syntax::Program;
use crate::syntax::ast::{Constant, Expr, ExprId, Var, VarId};
use rustc_hash::FxHashMap;

/// A program with relaxed comparisons.
pub(super) struct Relaxed {
    pub(super) program: Program,
    /// The params that are compared, by their places among the names.
    pub(super) compared: Vec<usize>,
}

/// Relaxes a program's comparisons with params. A difference of `widths[i]` is as much to a comparison with
/// param i as the temperature is to others.
///
/// # Errors
/// When there is none to relax.
pub(super) fn relax(
    program: Program,
    names: &[String],
    widths: &[f64],
) -> Result<Relaxed, FitError> {
    let mut relaxing = Relaxing {
        definitions: definitions(&program),
        program,
        names,
        widths,
        compared: Vec::new(),
    };
    let mut changes = Vec::new();
    let mut recursive: Option<Span> = None;
    for index in 0..relaxing.program.exprs().len() {
        let id = ExprId(index as u32);
        let Expr::If {
            test,
            then,
            otherwise,
        } = *relaxing.program.expr(id)
        else {
            continue;
        };
        // One that gives a truth value is itself a test, or part of one.
        if [then, otherwise].iter().any(|&arm| relaxing.is_truth(arm)) || !relaxing.is_soft(test) {
            continue;
        }
        let single =
            matches!(&relaxing.form(test), Form::Compare(numbers, _) if numbers.len() == 2);
        let mut from = vec![then, otherwise];
        from.extend((!single).then_some(test));
        if reaches(&relaxing.program, &relaxing.definitions, &from, id) {
            recursive.get_or_insert(relaxing.program.span(id));
            relaxing.compare(test);
            continue;
        }
        changes.push((id, test, then, otherwise));
    }
    if changes.is_empty() {
        return Err(match recursive {
            Some(span) => FitError::Form {
                message: "this test cannot be relaxed: an arm calls the procedure that it stands in, and a \
                          relaxed `if` computes both arms, so the recursion would have no end; let the test \
                          choose a number, and recur outside of it"
                    .to_owned(),
                span,
            },
            None => FitError::Soften(
                "there is nothing to soften (--soften): no `if` or `cond` tests whether a param is above or \
                 below something, as in `(if (< x x0) lo hi)`"
                    .to_owned(),
            ),
        });
    }
    for (id, test, then, otherwise) in changes {
        let blend = relaxing.blend(test, then, otherwise);
        relaxing.program.exprs[id.0 as usize] = blend;
    }
    let Relaxing {
        program,
        mut compared,
        ..
    } = relaxing;
    sorted::plainly(&mut compared);
    compared.dedup();
    Ok(Relaxed { program, compared })
}

/// What a test is made of.
enum Form {
    /// Numbers that ascend, by one of `<` and `<=`.
    Compare(Vec<ExprId>, Prim),
    Not(ExprId),
    /// `(if first then otherwise)`; `and` is one whose last is #f.
    If(ExprId, ExprId, ExprId),
    /// `(or first rest)`
    Or(ExprId, ExprId),
    Constant(bool),
    Other,
}

struct Relaxing<'a> {
    program: Program,
    definitions: FxHashMap<VarId, ExprId>,
    names: &'a [String],
    widths: &'a [f64],
    compared: Vec<usize>,
}

impl Relaxing<'_> {
    fn form(&self, test: ExprId) -> Form {
        match self.program.expr(test) {
            Expr::Constant(Constant::Bool(value)) => Form::Constant(*value),
            Expr::If {
                test,
                then,
                otherwise,
            } => Form::If(*test, *then, *otherwise),
            Expr::Let { vars, inits, body } => match (&vars[..], self.program.expr(*body)) {
                (
                    &[var],
                    Expr::If {
                        test,
                        then,
                        otherwise,
                    },
                ) if [test, then].iter().all(|&&id| self.is_variable(id, var)) => {
                    Form::Or(inits[0], *otherwise)
                }
                _ => Form::Other,
            },
            Expr::Call { operator, args, .. } => {
                let prim = match self.program.expr(*operator) {
                    Expr::Primitive(_, prim) | Expr::Constant(Constant::Primitive(prim)) => *prim,
                    _ => return Form::Other,
                };
                match (prim, &args[..]) {
                    (Prim::Not, &[test]) => Form::Not(test),
                    (Prim::Lt | Prim::Le, [_, _, ..]) => Form::Compare(args.to_vec(), prim),
                    (Prim::Gt, [_, _, ..]) => {
                        Form::Compare(args.iter().rev().copied().collect(), Prim::Lt)
                    }
                    (Prim::Ge, [_, _, ..]) => {
                        Form::Compare(args.iter().rev().copied().collect(), Prim::Le)
                    }
                    _ => Form::Other,
                }
            }
            _ => Form::Other,
        }
    }

    fn is_variable(&self, id: ExprId, var: VarId) -> bool {
        matches!(self.program.expr(id), Expr::Variable(other) if *other == var)
    }

    /// Whether an expression gives true or false, as far as its form says.
    fn is_truth(&self, id: ExprId) -> bool {
        let mut open = vec![id];
        while let Some(id) = open.pop() {
            match self.form(id) {
                Form::Compare(..) | Form::Not(_) | Form::Constant(_) => return true,
                Form::If(_, then, otherwise) => open.extend([then, otherwise]),
                Form::Or(first, rest) => open.extend([first, rest]),
                Form::Other => {}
            }
        }
        false
    }

    /// The comparisons with params that a test is made of.
    fn comparisons(&self, test: ExprId) -> Vec<[ExprId; 2]> {
        let (mut open, mut found) = (vec![test], Vec::new());
        while let Some(id) = open.pop() {
            match self.form(id) {
                Form::Compare(numbers, _) => {
                    let pairs = numbers.windows(2).map(|pair| [pair[0], pair[1]]);
                    found.extend(pairs.filter(|pair| !self.params_of(pair).is_empty()));
                }
                Form::Not(test) => open.push(test),
                Form::If(first, then, otherwise) => open.extend([first, then, otherwise]),
                Form::Or(first, rest) => open.extend([first, rest]),
                Form::Constant(_) | Form::Other => {}
            }
        }
        found
    }

    fn is_soft(&self, test: ExprId) -> bool {
        !self.comparisons(test).is_empty()
    }

    fn params_of(&self, numbers: &[ExprId]) -> Vec<usize> {
        names_of(&self.program, &self.definitions, numbers, self.names)
    }

    /// Takes down which params a test compares.
    fn compare(&mut self, test: ExprId) {
        for pair in self.comparisons(test) {
            let params = self.params_of(&pair);
            self.compared.extend(params);
        }
    }

    /// What stands for `(if test then otherwise)`.
    fn blend(&mut self, test: ExprId, then: ExprId, otherwise: ExprId) -> Expr {
        let nothing =
            |id: ExprId| matches!(self.program.expr(id), Expr::Constant(Constant::Unspecified));
        // Where there is nothing else, the other is what counts.
        if nothing(otherwise) || nothing(then) {
            let counts = if nothing(then) { otherwise } else { then };
            self.compare(test);
            return Expr::Begin([counts].into());
        }
        if let Form::Compare(numbers, _) = self.form(test)
            && let [low, high] = numbers[..]
        {
            return self.soft_if([low, high], then, otherwise);
        }
        let (yes, no) = (self.variable(), self.variable());
        let body = self.decide(test, yes, no);
        Expr::Let {
            vars: [yes, no].into(),
            inits: [then, otherwise].into(),
            body,
        }
    }

    /// One variable where a test is true, the other where it is false, and a blend between.
    fn decide(&mut self, test: ExprId, yes: VarId, no: VarId) -> ExprId {
        stacker::maybe_grow(64 * 1024, 1024 * 1024, || self.decide_here(test, yes, no))
    }

    fn decide_here(&mut self, test: ExprId, yes: VarId, no: VarId) -> ExprId {
        let span = self.program.span(test);
        let form = self.form(test);
        if !matches!(form, Form::Constant(_)) && !self.is_soft(test) {
            return self.hard(test, yes, no);
        }
        match form {
            Form::Constant(value) => self.push(Expr::Variable(if value { yes } else { no }), span),
            Form::Compare(numbers, prim) => self.chain(&numbers, prim, yes, no, span),
            Form::Not(test) => self.decide(test, no, yes),
            Form::Or(first, rest) => {
                if self.is_soft(first) {
                    let (rest, bound) = self.bound(rest, yes, no);
                    let body = self.decide(first, yes, rest);
                    self.within(bound, body, span)
                } else {
                    let then = self.push(Expr::Variable(yes), span);
                    let otherwise = self.decide(rest, yes, no);
                    self.if_expr(first, then, otherwise, span)
                }
            }
            Form::If(first, then, otherwise) => {
                if self.is_soft(first) {
                    let (then, bound_then) = self.bound(then, yes, no);
                    let (otherwise, bound_otherwise) = self.bound(otherwise, yes, no);
                    let body = self.decide(first, then, otherwise);
                    let body = self.within(bound_otherwise, body, span);
                    self.within(bound_then, body, span)
                } else {
                    // What the first keeps from being computed is not computed.
                    let then = self.decide(then, yes, no);
                    let otherwise = self.decide(otherwise, yes, no);
                    self.if_expr(first, then, otherwise, span)
                }
            }
            Form::Other => self.hard(test, yes, no),
        }
    }

    /// A variable that is what a test decides, and what it is bound to if it is a new one.
    fn bound(&mut self, test: ExprId, yes: VarId, no: VarId) -> (VarId, Option<(VarId, ExprId)>) {
        if let Form::Constant(value) = self.form(test) {
            return (if value { yes } else { no }, None);
        }
        let decided = self.decide(test, yes, no);
        let var = self.variable();
        (var, Some((var, decided)))
    }

    /// `(let ((var init)) body)`, where there is a variable to bind.
    fn within(&mut self, bound: Option<(VarId, ExprId)>, body: ExprId, span: Span) -> ExprId {
        let Some((var, init)) = bound else {
            return body;
        };
        let expr = Expr::Let {
            vars: [var].into(),
            inits: [init].into(),
            body,
        };
        self.push(expr, span)
    }

    /// Numbers that ascend: each next to the one before it.
    fn chain(
        &mut self,
        numbers: &[ExprId],
        prim: Prim,
        yes: VarId,
        no: VarId,
        span: Span,
    ) -> ExprId {
        let vars: Vec<VarId> = numbers.iter().map(|_| self.variable()).collect();
        let mut body = self.push(Expr::Variable(yes), span);
        for place in (1..numbers.len()).rev() {
            let pair = [numbers[place - 1], numbers[place]];
            let [low, high] = [place - 1, place].map(|at| {
                let expr = Expr::Variable(vars[at]);
                self.push(expr, self.program.span(numbers[at]))
            });
            let otherwise = self.push(Expr::Variable(no), span);
            let width = self.width(&pair);
            let expr = if let Some(width) = width {
                self.soft_call([low, high], width, body, otherwise)
            } else {
                let operator = self.push(primitive(prim), span);
                let test = Expr::Call {
                    operator,
                    args: [low, high].into(),
                    counts: false,
                };
                Expr::If {
                    test: self.push(test, span),
                    then: body,
                    otherwise,
                }
            };
            body = self.push(expr, span);
        }
        let expr = Expr::Let {
            vars: vars.into(),
            inits: numbers.into(),
            body,
        };
        self.push(expr, span)
    }

    /// How wide a step is to a comparison; none where it depends on no param. Takes the params down.
    fn width(&mut self, pair: &[ExprId]) -> Option<f64> {
        let params = self.params_of(pair);
        let widths = params.iter().map(|&at| self.widths[at]);
        let width = widths.reduce(f64::min);
        self.compared.extend(params);
        width
    }

    /// A soft choice in place of a comparison of two numbers.
    fn soft_if(&mut self, pair: [ExprId; 2], then: ExprId, otherwise: ExprId) -> Expr {
        let width = self.width(&pair).unwrap_or(1.0);
        self.soft_call(pair, width, then, otherwise)
    }

    fn soft_call(
        &mut self,
        [low, high]: [ExprId; 2],
        width: f64,
        then: ExprId,
        otherwise: ExprId,
    ) -> Expr {
        let span = self.program.span(low);
        let low = self.scaled(low, width);
        let high = self.scaled(high, width);
        let operator = self.push(primitive(Prim::SoftIf), span);
        Expr::Call {
            operator,
            args: [low, high, then, otherwise].into(),
            counts: false,
        }
    }

    /// An expression divided by a width.
    fn scaled(&mut self, expr: ExprId, width: f64) -> ExprId {
        let span = self.program.span(expr);
        let operator = self.push(primitive(Prim::Div), span);
        let width = self.push(Expr::Constant(Constant::Float(width)), span);
        let divided = Expr::Call {
            operator,
            args: [expr, width].into(),
            counts: false,
        };
        self.push(divided, span)
    }

    fn hard(&mut self, test: ExprId, yes: VarId, no: VarId) -> ExprId {
        let span = self.program.span(test);
        let then = self.push(Expr::Variable(yes), span);
        let otherwise = self.push(Expr::Variable(no), span);
        self.if_expr(test, then, otherwise, span)
    }

    fn if_expr(&mut self, test: ExprId, then: ExprId, otherwise: ExprId, span: Span) -> ExprId {
        let expr = Expr::If {
            test,
            then,
            otherwise,
        };
        self.push(expr, span)
    }

    /// A variable that no text can name.
    fn variable(&mut self) -> VarId {
        let name = self.program.symbols.reserve("%blended");
        let var = VarId(self.program.vars.len() as u32);
        self.program.vars.push(Var {
            name,
            core_name: name,
        });
        var
    }

    fn push(&mut self, expr: Expr, span: Span) -> ExprId {
        let id = ExprId(self.program.exprs.len() as u32);
        self.program.exprs.push(expr);
        self.program.spans.push(span);
        id
    }
}

fn primitive(prim: Prim) -> Expr {
    Expr::Constant(Constant::Primitive(prim))
}

/// Which of some names expressions depend on.
fn names_of(
    program: &Program,
    definitions: &FxHashMap<VarId, ExprId>,
    from: &[ExprId],
    names: &[String],
) -> Vec<usize> {
    let mut found = Vec::new();
    each(program, definitions, from, |id| {
        if let Expr::Free(sym) = program.expr(id) {
            let free = program.free_name(*sym);
            found.extend(names.iter().position(|name| name == free));
        }
    });
    found
}

/// Whether evaluating some expressions may lead to another.
fn reaches(
    program: &Program,
    definitions: &FxHashMap<VarId, ExprId>,
    from: &[ExprId],
    to: ExprId,
) -> bool {
    let mut is_met = false;
    each(program, definitions, from, |id| is_met |= id == to);
    is_met
}
