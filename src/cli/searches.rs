//! Loops that search for a root or a fixed point by their own tests, and the form to write instead.
//!
//! An expanded program goes in; suggestions come out, a loop each: bisection, steps of Newton's, and
//! steps that are repeated until they move little.
//!
//! **Invariants**
//! - Linear in the program: what a loop's arguments are made of is looked at a few steps deep.
//! - Nothing is suggested for a loop that only resembles a search: both halves of a bisection, both
//!   parts of a quotient, or the test that ends the loop are asked for.
//!
//! ```text
//! (define (go lo hi) (let ((m (/ (+ lo hi) 2))) … (go lo m) … (go m hi)))   =>   `root`
//! (define (go y) (let ((next (cos y))) (if (< (abs (- next y)) 1e-9) next (go next))))   =>   `fixed-point`
//! ```

use super::cautions::Caution;
use crate::prim::Prim;
use crate::symbol::Sym;
use crate::syntax::Program;
use crate::syntax::ast::{Constant, Expr, ExprId, VarId};
use rustc_hash::{FxHashMap, FxHashSet};

/// Most loops that are told of.
const MOST: usize = 20;

/// Names that are followed to what they stand for, one after the other.
const NAMES: usize = 8;

/// Expressions that are looked at for a variable.
const NEAR: usize = 64;

/// How a loop searches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Search {
    Bisection,
    Newton,
    Repetition,
}

/// What is known of a procedure that calls itself.
#[derive(Default)]
struct Loop<'p> {
    params: &'p [VarId],
    /// The pairs of parameters whose middle took the place of the first.
    halves: FxHashSet<(VarId, VarId)>,
    /// What takes the place of a parameter, where that is a name.
    nexts: FxHashSet<(VarId, VarId)>,
    /// Pairs of names whose distance is compared.
    distances: FxHashSet<(VarId, VarId)>,
    is_newton: bool,
}

impl Loop<'_> {
    fn search(&self) -> Option<Search> {
        let both = |&(a, b): &(VarId, VarId)| self.halves.contains(&(b, a));
        if self.halves.iter().any(both) {
            return Some(Search::Bisection);
        }
        let ends = |&(next, param): &(VarId, VarId)| {
            self.distances.contains(&(next, param)) || self.distances.contains(&(param, next))
        };
        match (self.is_newton, self.nexts.iter().any(ends)) {
            (true, _) => Some(Search::Newton),
            (false, true) => Some(Search::Repetition),
            (false, false) => None,
        }
    }
}

/// What could be written for loops that search, in the order of the text.
pub(super) fn searches(program: &Program) -> Vec<Caution> {
    let finder = Finder::new(program);
    let mut loops: Vec<(VarId, Search, ExprId)> = finder.loops();
    loops.sort_by_key(|&(.., lambda)| program.span(lambda).start);
    loops.truncate(MOST);
    let suggestion = |(var, search, lambda): (VarId, Search, ExprId)| {
        let name = finder.name(var);
        Caution {
            message: match search {
                Search::Bisection => format!(
                    "{name} searches by halving, and the derivative of its path is not the root's; \
                     `(root f lo hi)` has it"
                ),
                Search::Newton => format!(
                    "{name} takes steps of Newton's, and its derivative is that of the path; \
                     `(root f lo hi)` has the root's, without the steps"
                ),
                Search::Repetition => format!(
                    "{name} repeats a step until it moves little, and its derivative is that of \
                     the path; `(fixed-point f start)` has the solution's, without the steps"
                ),
            },
            span: Some(program.span(lambda)),
            name: None,
            help: None,
        }
    };
    loops.into_iter().map(suggestion).collect()
}

struct Finder<'p> {
    program: &'p Program,
    /// What names that are no procedures stand for.
    values: FxHashMap<VarId, ExprId>,
}

impl<'p> Finder<'p> {
    fn new(program: &'p Program) -> Self {
        let mut values = FxHashMap::default();
        for expr in &program.exprs {
            if let Expr::Let { vars, inits, .. } | Expr::Letrec { vars, inits, .. } = expr {
                let given = vars.iter().copied().zip(inits.iter().copied());
                let is_value = |init| !matches!(program.expr(init), Expr::Lambda { .. });
                values.extend(given.filter(|&(_, init)| is_value(init)));
            }
        }
        Self { program, values }
    }

    /// A loop's name as it is written; that of `do` is nobody's.
    fn name(&self, var: VarId) -> String {
        let name: Sym = self.program.var(var).name;
        if self.program.symbols.is_reserved(name) {
            return "the loop".into();
        }
        crate::error::bounded(format!("`{}`", self.program.symbols.name(name)))
    }

    fn loops(&self) -> Vec<(VarId, Search, ExprId)> {
        // The procedures that have a name of their own, and where each expression is.
        let mut named: Vec<(VarId, ExprId, Loop<'p>)> = Vec::new();
        let mut open: Vec<(ExprId, Option<usize>)> = vec![(self.program.root, None)];
        while let Some((id, inside)) = open.pop() {
            match self.program.expr(id) {
                Expr::If {
                    test,
                    then,
                    otherwise,
                } => {
                    if let Some((_, _, this)) = inside.and_then(|at| named.get_mut(at)) {
                        self.test(*test, this);
                    }
                    open.extend([*test, *then, *otherwise].map(|part| (part, inside)));
                }
                Expr::Lambda { body, .. } => open.push((*body, None)),
                Expr::Let { inits, body, .. } => {
                    open.extend(inits.iter().map(|&init| (init, inside)));
                    open.push((*body, inside));
                }
                Expr::Letrec { vars, inits, body } => {
                    for (&var, &init) in vars.iter().zip(inits) {
                        match self.program.expr(init) {
                            Expr::Lambda {
                                params,
                                rest: false,
                                body,
                                ..
                            } => {
                                let this = Loop {
                                    params,
                                    ..Loop::default()
                                };
                                open.push((*body, Some(named.len())));
                                named.push((var, init, this));
                            }
                            _ => open.push((init, inside)),
                        }
                    }
                    open.push((*body, inside));
                }
                Expr::Begin(all) => open.extend(all.iter().map(|&part| (part, inside))),
                Expr::Call { operator, args, .. } => {
                    if let Expr::Variable(called) = self.program.expr(*operator)
                        && let Some((var, _, this)) = inside.and_then(|at| named.get_mut(at))
                        && called == var
                        && args.len() == this.params.len()
                    {
                        self.step(args, this);
                    }
                    open.push((*operator, inside));
                    open.extend(args.iter().map(|&part| (part, inside)));
                }
                _ => {}
            }
        }
        let found = named.into_iter().filter_map(|(var, lambda, this)| {
            let search = this.search()?;
            Some((var, search, lambda))
        });
        found.collect()
    }

    /// What an expression is, names followed.
    fn value(&self, mut id: ExprId) -> ExprId {
        for _ in 0..NAMES {
            match self.program.expr(id) {
                Expr::Variable(var) => match self.values.get(var) {
                    Some(&value) => id = value,
                    None => break,
                },
                _ => break,
            }
        }
        id
    }

    fn variable(&self, id: ExprId) -> Option<VarId> {
        match self.program.expr(self.value(id)) {
            Expr::Variable(var) => Some(*var),
            _ => None,
        }
    }

    /// The primitive and its two operands, where an expression is of that kind.
    fn binary(&self, id: ExprId) -> Option<(Prim, ExprId, ExprId)> {
        let Expr::Call { operator, args, .. } = self.program.expr(self.value(id)) else {
            return None;
        };
        match (self.program.expr(*operator), &**args) {
            (Expr::Primitive(_, prim), &[a, b]) => Some((*prim, a, b)),
            _ => None,
        }
    }

    fn is_number(&self, id: ExprId, number: f64) -> bool {
        matches!(
            self.program.expr(self.value(id)),
            Expr::Constant(Constant::Int(x) | Constant::Float(x)) if *x == number
        )
    }

    /// Half of what, where an expression is that.
    fn halved(&self, id: ExprId) -> Option<ExprId> {
        match self.binary(id)? {
            (Prim::Div, a, b) if self.is_number(b, 2.0) => Some(a),
            (Prim::Mul, a, b) if self.is_number(a, 0.5) => Some(b),
            (Prim::Mul, a, b) if self.is_number(b, 0.5) => Some(a),
            _ => None,
        }
    }

    /// The two variables that an expression is the middle of.
    fn middle(&self, id: ExprId) -> Option<(VarId, VarId)> {
        if let Some(whole) = self.halved(id) {
            return match self.binary(whole)? {
                (Prim::Add, a, b) => Some((self.variable(a)?, self.variable(b)?)),
                _ => None,
            };
        }
        // lo + (hi - lo) / 2
        let (Prim::Add, a, b) = self.binary(id)? else {
            return None;
        };
        let from = self.variable(a)?;
        match self.binary(self.halved(b)?)? {
            (Prim::Sub, to, again) if self.variable(again)? == from => {
                Some((from, self.variable(to)?))
            }
            _ => None,
        }
    }

    /// What a call of a loop's own tells of it.
    fn step(&self, args: &[ExprId], this: &mut Loop<'_>) {
        for (&param, &arg) in this.params.iter().zip(args) {
            let arms = match self.program.expr(self.value(arg)) {
                Expr::If {
                    then, otherwise, ..
                } => [*then, *otherwise],
                _ => [arg, arg],
            };
            for arm in arms {
                match self.middle(arm) {
                    Some((a, b)) if a == param => this.halves.insert((a, b)),
                    Some((a, b)) if b == param => this.halves.insert((b, a)),
                    _ => false,
                };
                this.is_newton |= self.is_newton(arm, param);
                if let Expr::Variable(next) = self.program.expr(arm)
                    && self.values.contains_key(next)
                {
                    this.nexts.insert((*next, param));
                }
            }
        }
    }

    /// Whether an expression is `y - f(y) / f'(y)`.
    fn is_newton(&self, id: ExprId, y: VarId) -> bool {
        let Some((Prim::Sub, from, step)) = self.binary(id) else {
            return false;
        };
        let Some((Prim::Div, f, slope)) = self.binary(step) else {
            return false;
        };
        self.variable(from) == Some(y)
            && self.variable(f).is_none()
            && self.mentions(f, y)
            && self.mentions(slope, y)
    }

    /// Whether a variable is in an expression, as far as that is looked at.
    fn mentions(&self, id: ExprId, var: VarId) -> bool {
        let mut open = vec![id];
        for _ in 0..NEAR {
            let Some(id) = open.pop() else { break };
            match self.program.expr(self.value(id)) {
                Expr::Variable(other) if *other == var => return true,
                Expr::If {
                    test,
                    then,
                    otherwise,
                } => open.extend([*test, *then, *otherwise]),
                Expr::Let { inits, body, .. } => {
                    open.push(*body);
                    open.extend(inits.iter().take(NEAR));
                }
                Expr::Call { operator, args, .. } => {
                    open.push(*operator);
                    open.extend(args.iter().take(NEAR));
                }
                _ => {}
            }
        }
        false
    }

    /// What the test of an `if` tells of a loop: the distance that is compared.
    fn test(&self, id: ExprId, this: &mut Loop<'_>) {
        let Some((Prim::Lt | Prim::Le | Prim::Gt | Prim::Ge, a, b)) = self.binary(id) else {
            return;
        };
        for side in [a, b] {
            let Expr::Call { operator, args, .. } = self.program.expr(self.value(side)) else {
                continue;
            };
            let (Expr::Primitive(_, Prim::Abs), &[inner]) = (self.program.expr(*operator), &**args)
            else {
                continue;
            };
            if let Some((Prim::Sub, a, b)) = self.binary(inner)
                && let (Expr::Variable(a), Expr::Variable(b)) =
                    (self.program.expr(a), self.program.expr(b))
            {
                this.distances.insert((*a, *b));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Interpreter;
    use crate::syntax::Goal;

    fn told(text: &str) -> Vec<String> {
        let program = Interpreter::embedded().expand(text, &[], Goal::Value);
        let all = searches(&program.unwrap());
        all.into_iter().map(|caution| caution.message).collect()
    }

    #[test]
    fn searches_are_told_by_their_kind() {
        let halving = [
            "(define (go lo hi n) (let ((m (/ (+ lo hi) 2))) (if (= n 0) m (if (> (* m m) x) \
             (go lo m (- n 1)) (go m hi (- n 1)))))) (go 0 4 50)",
            "(let go ((a 0) (b 9) (n 0)) (define m (+ a (* 0.5 (- b a)))) (cond ((= n 60) a) \
             ((< (- (exp m) x) 0) (go m b (+ n 1))) (else (go a m (+ n 1)))))",
            "(let go ((a 0) (b 9) (n 0)) (let* ((m (* (+ b a) 0.5)) (up (> (* m m) x))) \
             (if (= n 60) m (go (if up a m) (if up m b) (+ n 1)))))",
            "(do ((lo 0 (if (> (* lo lo) x) lo (/ (+ lo hi) 2))) (hi 3 (if (> lo x) (/ (+ lo hi) 2) hi))) \
             ((< (- hi lo) 1e-9) lo))",
        ];
        for text in halving {
            let told = told(text);
            assert!(
                told.len() == 1 && told[0].contains("halving"),
                "{told:?} of {text}"
            );
        }
        let newton = [
            "(define (f y) (- (* y y) x)) (define (g y) (* 2 y)) \
             (define (go y n) (if (= n 0) y (go (- y (/ (f y) (g y))) (- n 1)))) (go 1 20)",
            "(let go ((y 1)) (let ((next (- y (/ (- (* y y) x) (* 2 y))))) \
             (if (< (abs (- next y)) 1e-12) next (go next))))",
        ];
        for text in newton {
            let told = told(text);
            assert!(
                told.len() == 1 && told[0].contains("Newton"),
                "{told:?} of {text}"
            );
        }
        let repeated = told(
            "(let go ((y 1)) (let ((next (cos (* x y)))) \
             (if (> 1e-12 (abs (- y next))) next (go next))))",
        );
        assert!(
            repeated.len() == 1 && repeated[0].contains("fixed-point"),
            "{repeated:?}"
        );
    }

    #[test]
    fn other_loops_are_not_searches() {
        for text in [
            "(let go ((i 0) (s 0)) (if (= i 9) s (go (+ i 1) (+ s (* i x)))))",
            // A middle in one place alone, a quotient that does not follow the variable.
            "(let go ((a 0) (b 9) (n 0)) (if (= n 9) a (go (/ (+ a b) 2) b (+ n 1))))",
            "(let go ((y 9) (n 0)) (if (= n 9) y (go (- y (/ y 2)) (+ n 1))))",
            "(let go ((y 9) (n 0)) (if (= n 9) y (go (- y (/ (* x y) 10)) (+ n 1))))",
            // A step whose size ends nothing.
            "(let go ((y 9) (n 0)) (let ((next (cos y))) (if (= n 9) y (go next (+ n 1)))))",
            "(root (lambda (y) (- (* y y) x)) 0 4)",
        ] {
            assert_eq!(told(text), Vec::<String>::new(), "{text}");
        }
    }
}
