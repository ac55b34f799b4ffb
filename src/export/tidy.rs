//! What nothing uses is left out of a [`Code`], and loops lose the variables that only count.
//!
//! **Invariants**
//! - What is left computes what it did.

use super::code::{Atom, Block, Body, Code, End, Step, Var};

/// Which variables are needed.
struct Live(Vec<bool>);

impl Live {
    fn read(&mut self, atom: Atom) {
        if let Atom::Var(var) = atom {
            self.0[var.0 as usize] = true;
        }
    }

    fn is(&self, var: Var) -> bool {
        self.0[var.0 as usize]
    }
}

/// Leaves out what nothing uses.
pub(super) fn tidy(code: &mut Code) {
    let mut live = Live(vec![false; code.vars.len()]);
    for atom in code.answer.atoms() {
        live.read(atom);
    }
    steps(&mut code.steps, &mut live);
}

fn steps(all: &mut Vec<Step>, live: &mut Live) {
    let mut kept = Vec::with_capacity(all.len());
    while let Some(mut step) = all.pop() {
        if !step.gives().iter().any(|&var| live.is(var)) {
            continue;
        }
        match &mut step {
            Step::If {
                vars,
                test,
                then,
                otherwise,
            } => {
                let keep: Vec<bool> = vars.iter().map(|&var| live.is(var)).collect();
                retain(vars, &keep);
                for arm in [then, otherwise] {
                    retain(&mut arm.results, &keep);
                    block(arm, live);
                }
                live.read(*test);
            }
            Step::Repeat {
                vars, inits, body, ..
            } => {
                // A variable is needed behind the loop, or for the next value of one that is.
                loop {
                    let before: Vec<bool> = vars.iter().map(|&var| live.is(var)).collect();
                    let mut trial = body.clone();
                    retain(&mut trial.results, &before);
                    block(&mut trial, live);
                    let after: Vec<bool> = vars.iter().map(|&var| live.is(var)).collect();
                    if after == before {
                        *body = trial;
                        retain(vars, &after);
                        retain(inits, &after);
                        break;
                    }
                }
                for &atom in &*inits {
                    live.read(atom);
                }
            }
            Step::Loop {
                vars,
                inits,
                body,
                outs,
            } => {
                let keep_outs: Vec<bool> = outs.iter().map(|&var| live.is(var)).collect();
                retain(outs, &keep_outs);
                loop {
                    let before: Vec<bool> = vars.iter().map(|&var| live.is(var)).collect();
                    let mut trial = body.clone();
                    ends(&mut trial, &keep_outs, &before);
                    passes(&mut trial, live);
                    let after: Vec<bool> = vars.iter().map(|&var| live.is(var)).collect();
                    if after == before {
                        *body = trial;
                        retain(vars, &after);
                        retain(inits, &after);
                        break;
                    }
                }
                for &atom in &*inits {
                    live.read(atom);
                }
            }
            Step::Op { .. } | Step::Select { .. } | Step::Look { .. } => {
                step.reads(&mut |atom| live.read(atom));
            }
        }
        kept.push(step);
    }
    kept.reverse();
    *all = kept;
}

fn retain<T>(items: &mut Vec<T>, keep: &[bool]) {
    let mut at = 0;
    items.retain(|_| {
        at += 1;
        keep[at - 1]
    });
}

fn block(block: &mut Block, live: &mut Live) {
    for &atom in &block.results {
        live.read(atom);
    }
    steps(&mut block.steps, live);
}

fn ends(body: &mut Body, outs: &[bool], vars: &[bool]) {
    match &mut body.end {
        End::Exit(atoms) => retain(atoms, outs),
        End::Again(atoms) => retain(atoms, vars),
        End::If(_, then, otherwise) => {
            ends(then, outs, vars);
            ends(otherwise, outs, vars);
        }
    }
}

fn passes(body: &mut Body, live: &mut Live) {
    match &mut body.end {
        End::Exit(atoms) | End::Again(atoms) => atoms.iter().for_each(|&atom| live.read(atom)),
        End::If(test, then, otherwise) => {
            live.read(*test);
            passes(then, live);
            passes(otherwise, live);
        }
    }
    steps(&mut body.steps, live);
}
