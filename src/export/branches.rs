//! Branches on what is not known: both arms are followed, and what they come to is one value, or the loop's that they
//! are in.
//!
//! A test and two arms go in; a value comes out whose leaves are chosen by the test, or both arms as they are, where one
//! of them goes on in a procedure that is being followed.
//!
//! **Invariants**
//! - Arms that give values give one structure; anything else is refused.
//! - An arm that fails is NaN, and noted.

use super::code::{Atom, Block, Step};
use super::partial::{Arm, Out, Partial, Result, Stop};
use super::value::{At, Env, Leaf, Val, alike};
use crate::source::Span;
use std::rc::Rc;

/// How many arms there may be, one in the other.
const ARMS: usize = 300;

impl Partial<'_> {
    /// An arm of a branch.
    fn arm(&mut self, at: At, env: Option<&Rc<Env>>, tail: bool) -> Result<Arm> {
        if self.arms >= ARMS {
            return self.too_deep();
        }
        let state = self.state();
        self.arms += 1;
        self.builder.open();
        let out = self.eval(at, env, tail).and_then(|out| match out {
            Out::Tail(closure, args) => self.run(closure, args),
            out => Ok(out),
        });
        self.arms = state.arms;
        match out {
            Ok(out) => Ok(Arm {
                steps: self.builder.close(),
                out,
            }),
            Err(stop @ Stop::Program(..)) => {
                self.back_to(state);
                Ok(Arm {
                    steps: Vec::new(),
                    out: Out::Fail(stop),
                })
            }
            Err(stop) => Err(stop),
        }
    }

    pub(super) fn branch(
        &mut self,
        test: Atom,
        then: At,
        otherwise: At,
        env: Option<&Rc<Env>>,
        tail: bool,
        span: Span,
    ) -> Result<Out> {
        self.spend()?;
        let then = self.arm(then, env, tail)?;
        let otherwise = self.arm(otherwise, env, tail)?;
        self.joined(test, then, otherwise, span)
    }

    /// What two arms come to together.
    pub(super) fn joined(
        &mut self,
        test: Atom,
        then: Arm,
        otherwise: Arm,
        span: Span,
    ) -> Result<Out> {
        match (&then.out, &otherwise.out) {
            (Out::Fail(stop), Out::Fail(_)) => Ok(Out::Fail(stop.clone())),
            (Out::Value(a), Out::Value(b)) => {
                if !alike(a, b) {
                    let message = format!(
                        "the arms of this branch give {} and {}, and which depends on the inputs: both must have \
                         one form",
                        a.kind(),
                        b.kind()
                    );
                    return Err(Stop::Export(message, span));
                }
                let (a, b) = (a.clone(), b.clone());
                Ok(Out::Value(self.merged(
                    test,
                    (then.steps, &a),
                    (otherwise.steps, &b),
                )))
            }
            (Out::Value(value), Out::Fail(stop)) | (Out::Fail(stop), Out::Value(value)) => {
                self.note(stop);
                let value = value.clone();
                let nothing = value.with_leaves(&mut |_, leaf| match leaf {
                    Leaf::Bool => (Atom::Constant(0.0), leaf),
                    _ => (Atom::Constant(f64::NAN), Leaf::Float),
                });
                let is_first = matches!(then.out, Out::Value(_));
                let (a, b) = if is_first {
                    (&value, &nothing)
                } else {
                    (&nothing, &value)
                };
                Ok(Out::Value(self.merged(
                    test,
                    (then.steps, a),
                    (otherwise.steps, b),
                )))
            }
            (Out::Tail(f, a), Out::Tail(g, b))
                if f.key() == g.key()
                    && a.len() == b.len()
                    && a.iter().zip(b).all(|(a, b)| alike(a, b)) =>
            {
                let f = f.clone();
                let [a, b] = [a, b].map(|args| Val::list(args.iter().cloned()));
                let merged = self.merged(test, (then.steps, &a), (otherwise.steps, &b));
                Ok(Out::Tail(f, merged.items().unwrap_or_default()))
            }
            _ => Ok(Out::Branch(test, Box::new(then), Box::new(otherwise))),
        }
    }

    pub(super) fn note(&mut self, stop: &Stop) {
        if let Stop::Program(_, message, span) = stop {
            let place = span.position(self.program.text());
            let note = format!("NaN where the program fails, at {place}: {message}");
            if !self.notes.contains(&note) {
                self.notes.push(note);
            }
        }
    }

    /// The value of one of two arms, which are alike.
    fn merged(&mut self, test: Atom, then: (Vec<Step>, &Val), otherwise: (Vec<Step>, &Val)) -> Val {
        let mut pairs = Vec::new();
        then.1.leaves(&mut |atom, leaf| pairs.push((atom, leaf)));
        let mut sides = Vec::with_capacity(pairs.len());
        let mut at = 0;
        otherwise.1.leaves(&mut |atom, leaf| {
            let (other, kind) = pairs[at];
            let kind = if kind == Leaf::Int && leaf == Leaf::Float {
                Leaf::Float
            } else {
                kind
            };
            sides.push((other, atom, kind));
            at += 1;
        });
        let simple = then.0.is_empty() && otherwise.0.is_empty();
        let mut vars = Vec::new();
        let (mut a, mut b) = (Vec::new(), Vec::new());
        let mut joined = Vec::with_capacity(sides.len());
        for (x, y, kind) in sides {
            if x == y {
                joined.push((x, kind));
            } else if simple {
                joined.push((self.builder.select(test, x, y, kind == Leaf::Bool), kind));
            } else {
                let var = self.builder.var(kind == Leaf::Bool);
                vars.push(var);
                a.push(x);
                b.push(y);
                joined.push((Atom::Var(var), kind));
            }
        }
        if !vars.is_empty() {
            let block = |steps, results| Block { steps, results };
            let (then, otherwise) = (block(then.0, a), block(otherwise.0, b));
            self.builder.push(Step::If {
                vars,
                test,
                then,
                otherwise,
            });
        }
        let mut joined = joined.into_iter();
        then.1
            .with_leaves(&mut |atom, leaf| joined.next().unwrap_or((atom, leaf)))
    }
}
