//! Loops kept as loops: a procedure that calls itself last is followed once, for any numbers.
//!
//! A procedure and its first arguments go in. Which of their numbers change from pass to pass is found by following
//! the body until no further one does; a list that is gone through becomes an index into a table.
//!
//! **Invariants**
//! - Structure does not change from pass to pass: where it would, the loop is not kept.
//! - A loop whose passes can be counted beforehand is a [`Step::Repeat`].

use super::code::{Atom, Block, Body, End, Step, Table, Var};
use super::count::passes;
use super::partial::{Arm, Out, Partial, Result};
use super::value::{Closure, Key, Leaf, Val, alike};
use rustc_hash::FxHashMap;
use std::rc::Rc;

/// How often a body is followed to find what changes; from then on all numbers do.
const ROUNDS: usize = 12;

/// How a loop is left.
enum Exit {
    Value(Val),
    Tail(Rc<Closure>, Vec<Val>),
}

impl Exit {
    fn alike(&self, other: &Exit) -> bool {
        match (self, other) {
            (Self::Value(a), Self::Value(b)) => alike(a, b),
            (Self::Tail(f, a), Self::Tail(g, b)) => {
                f.key() == g.key()
                    && a.len() == b.len()
                    && a.iter().zip(b).all(|(a, b)| alike(a, b))
            }
            _ => false,
        }
    }

    fn leaves(&self) -> Vec<(Atom, Leaf)> {
        let mut leaves = Vec::new();
        let mut seen = |atom, leaf| leaves.push((atom, leaf));
        match self {
            Self::Value(value) => value.leaves(&mut seen),
            Self::Tail(_, args) => args.iter().for_each(|arg| arg.leaves(&mut seen)),
        }
        leaves
    }
}

/// What the passes of a loop come to.
#[derive(Default)]
struct Ends {
    again: Vec<Vec<(Atom, Leaf)>>,
    exits: Vec<Exit>,
    fails: bool,
}

fn leaves_of(args: &[Val]) -> Vec<(Atom, Leaf)> {
    let mut leaves = Vec::new();
    for arg in args {
        arg.leaves(&mut |atom, leaf| leaves.push((atom, leaf)));
    }
    leaves
}

impl Partial<'_> {
    /// The loop that a procedure is from some arguments on; `second` are those of its second pass, where known.
    pub(super) fn roll(
        &mut self,
        closure: &Rc<Closure>,
        args: Vec<Val>,
        second: Option<&[Val]>,
    ) -> Result<Out> {
        let mut template: Vec<Val> = args;
        if let Some(second) = second {
            for (arg, next) in template.iter_mut().zip(second) {
                if next.is_rest_of(arg).is_some_and(|steps| steps > 0) {
                    let items = arg.items();
                    let items = items
                        .filter(|items| items.iter().skip(1).all(|item| alike(&items[0], item)));
                    let Some(items) = items else {
                        return self
                            .unsupported("a loop goes through a list of several kinds of things");
                    };
                    *arg = Val::Rest(Rc::new(items), Atom::Constant(0.0));
                }
            }
        }
        let first = leaves_of(&template);
        let mut kinds: Vec<Leaf> = first.iter().map(|&(_, kind)| kind).collect();
        let mut varies = vec![false; first.len()];
        if let Some(second) = second
            && template.iter().zip(second).all(|(a, b)| alike(a, b))
        {
            for (place, ((was, _), (is, _))) in first.iter().zip(leaves_of(second)).enumerate() {
                varies[place] = *was != is;
            }
        }
        let mut round = 0;
        loop {
            if round == ROUNDS {
                varies.fill(true);
            }
            round += 1;
            let state = self.state();
            let from = self.builder.vars.len();
            let vars: Vec<Option<Var>> = varies
                .iter()
                .zip(&kinds)
                .map(|(&varies, &kind)| varies.then(|| self.builder.var(kind == Leaf::Bool)))
                .collect();
            let mut place = 0;
            let mut names = Vec::new();
            let symbolic: Vec<Val> = template
                .iter()
                .enumerate()
                .map(|(position, arg)| {
                    let is_plain = matches!(arg, Val::Number(..) | Val::Bool(_));
                    arg.with_leaves(&mut |atom, _| {
                        let at = place;
                        place += 1;
                        if let (Some(var), true) = (vars[at], is_plain) {
                            names.push((var, position));
                        }
                        (vars[at].map_or(atom, Atom::Var), kinds[at])
                    })
                })
                .collect();
            for (var, position) in names {
                if let Some(name) = self.param_name(closure, position) {
                    self.builder.name(Atom::Var(var), &name);
                }
            }
            self.builder.open();
            let out = self.pass(closure, symbolic)?;
            let steps = self.builder.close();
            let mut ends = Ends::default();
            self.gather(&out, closure.key(), &template, &mut ends)?;
            let mut changed = false;
            for next in &ends.again {
                for (place, &(atom, kind)) in next.iter().enumerate() {
                    let stays = vars[place].map_or(first[place].0, Atom::Var) == atom;
                    if !stays && !varies[place] {
                        varies[place] = true;
                        changed = true;
                    }
                    if kinds[place] == Leaf::Int && kind == Leaf::Float {
                        kinds[place] = Leaf::Float;
                        changed = true;
                    }
                }
            }
            if changed {
                self.back_to(state);
                continue;
            }
            let Some(exit) = ends.exits.first() else {
                return self.unsupported("a loop without an end");
            };
            if let Some(other) = ends.exits.iter().find(|other| !exit.alike(other)) {
                let kind = |exit: &Exit| match exit {
                    Exit::Value(value) => value.kind(),
                    Exit::Tail(..) => "a call of another procedure".into(),
                };
                let message = format!(
                    "a loop ends with {} or with {}, and which depends on the inputs: both must have one form",
                    kind(exit),
                    kind(other)
                );
                return self.unsupported(message);
            }
            if ends.again.is_empty() {
                // It comes back on no way: no loop after all.
                self.back_to(state);
                return self.pass(closure, template);
            }
            return Ok(self.kept(closure.key(), &first, &vars, from, (out, steps), &ends));
        }
    }

    fn gather(&mut self, out: &Out, key: Key, template: &[Val], ends: &mut Ends) -> Result<()> {
        match out {
            Out::Value(value) => ends.exits.push(Exit::Value(value.clone())),
            Out::Fail(stop) => {
                self.note(stop);
                ends.fails = true;
            }
            Out::Tail(closure, args) if closure.key() == key => {
                if args.len() != template.len()
                    || !template.iter().zip(args).all(|(a, b)| alike(a, b))
                {
                    return self.unsupported(
                        "the form of a loop's values changes from pass to pass, and how often depends on the inputs",
                    );
                }
                ends.again.push(leaves_of(args));
            }
            Out::Tail(closure, args) => ends.exits.push(Exit::Tail(closure.clone(), args.clone())),
            Out::Branch(_, then, otherwise) => {
                self.gather(&then.out, key, template, ends)?;
                self.gather(&otherwise.out, key, template, ends)?;
            }
        }
        Ok(())
    }

    /// Writes the loop down.
    fn kept(
        &mut self,
        key: Key,
        first: &[(Atom, Leaf)],
        vars: &[Option<Var>],
        from: usize,
        (out, steps): (Out, Vec<Step>),
        ends: &Ends,
    ) -> Out {
        let exit = &ends.exits[0];
        let all: Vec<Vec<(Atom, Leaf)>> = ends.exits.iter().map(Exit::leaves).collect();
        let is_outer = |atom: Atom| atom.var().is_none_or(|var| (var.0 as usize) < from);
        // What all ways out agree on, and what none has to be told.
        let results: Vec<Option<Atom>> = all[0]
            .iter()
            .enumerate()
            .map(|(place, &(atom, _))| {
                let agreed = !ends.fails
                    && is_outer(atom)
                    && all.iter().all(|leaves| leaves[place].0 == atom);
                agreed.then_some(atom)
            })
            .collect();
        let kinds: Vec<Leaf> = (0..results.len())
            .map(|place| {
                let float = all.iter().any(|leaves| leaves[place].1 == Leaf::Float);
                if float { Leaf::Float } else { all[0][place].1 }
            })
            .collect();
        let places: Vec<usize> = (0..results.len())
            .filter(|&place| results[place].is_none())
            .collect();
        let loop_vars: Vec<Var> = vars.iter().copied().flatten().collect();
        let inits: Vec<Atom> = first
            .iter()
            .zip(vars)
            .filter(|(_, var)| var.is_some())
            .map(|(leaf, _)| leaf.0)
            .collect();
        let shape = Shape {
            key,
            vars,
            places: &places,
            kinds: &kinds,
        };
        let body = shape.body(steps, out);
        let count = passes(&loop_vars, &inits, &body);
        let outs: Vec<Atom> = if let (Some(passes), Some((exit, again))) = (count, counted(&body)) {
            self.builder.push(Step::Repeat {
                vars: loop_vars,
                inits,
                body: again,
                passes,
            });
            // What is done of the last pass, whose variables have names of their own.
            let mut renamed = FxHashMap::default();
            for step in &exit.steps {
                let step = self.renamed(step, &mut renamed);
                self.builder.push(step);
            }
            exit.results
                .iter()
                .map(|&atom| rename(atom, &renamed))
                .collect()
        } else {
            let outs: Vec<Var> = places
                .iter()
                .map(|&place| self.builder.var(kinds[place] == Leaf::Bool))
                .collect();
            self.builder.push(Step::Loop {
                vars: loop_vars,
                inits,
                body,
                outs: outs.clone(),
            });
            outs.into_iter().map(Atom::Var).collect()
        };
        let mut outs = outs.into_iter();
        let mut place = 0;
        let mut leaf = |atom: Atom, _: Leaf| {
            let at = place;
            place += 1;
            (
                results[at].or_else(|| outs.next()).unwrap_or(atom),
                kinds[at],
            )
        };
        match exit {
            Exit::Value(value) => Out::Value(value.with_leaves(&mut leaf)),
            Exit::Tail(closure, args) => {
                let args = args.iter().map(|arg| arg.with_leaves(&mut leaf)).collect();
                Out::Tail(closure.clone(), args)
            }
        }
    }

    fn renamed(&mut self, step: &Step, names: &mut FxHashMap<Var, Var>) -> Step {
        let mut step = step.clone();
        self.rename_step(&mut step, names);
        step
    }

    fn rename_step(&mut self, step: &mut Step, names: &mut FxHashMap<Var, Var>) {
        match step {
            Step::Op { var, args, .. } => {
                rename_all(args, names);
                self.fresh_all(std::slice::from_mut(var), names);
            }
            Step::Select {
                var,
                test,
                then,
                otherwise,
            } => {
                for atom in [test, then, otherwise] {
                    *atom = rename(*atom, names);
                }
                self.fresh_all(std::slice::from_mut(var), names);
            }
            Step::Look { var, index, .. } => {
                *index = rename(*index, names);
                self.fresh_all(std::slice::from_mut(var), names);
            }
            Step::If {
                vars,
                test,
                then,
                otherwise,
            } => {
                *test = rename(*test, names);
                self.rename_block(then, names);
                self.rename_block(otherwise, names);
                self.fresh_all(vars, names);
            }
            Step::Repeat {
                vars, inits, body, ..
            } => {
                rename_all(inits, names);
                self.fresh_all(vars, names);
                self.rename_block(body, names);
            }
            Step::Loop {
                vars,
                inits,
                body,
                outs,
            } => {
                rename_all(inits, names);
                self.fresh_all(vars, names);
                self.rename_body(body, names);
                self.fresh_all(outs, names);
            }
        }
    }

    fn fresh_all(&mut self, vars: &mut [Var], names: &mut FxHashMap<Var, Var>) {
        for var in vars {
            let new = self.builder.var(false);
            self.builder.vars[new.0 as usize] = self.builder.vars[var.0 as usize].clone();
            names.insert(*var, new);
            *var = new;
        }
    }

    fn rename_block(&mut self, block: &mut Block, names: &mut FxHashMap<Var, Var>) {
        for step in &mut block.steps {
            self.rename_step(step, names);
        }
        rename_all(&mut block.results, names);
    }

    fn rename_body(&mut self, body: &mut Body, names: &mut FxHashMap<Var, Var>) {
        for step in &mut body.steps {
            self.rename_step(step, names);
        }
        match &mut body.end {
            End::Exit(atoms) | End::Again(atoms) => rename_all(atoms, names),
            End::If(test, then, otherwise) => {
                *test = rename(*test, names);
                self.rename_body(then, names);
                self.rename_body(otherwise, names);
            }
        }
    }

    // ---- lists that are gone through ---------------------------------------------------------------

    /// An item of a list, by an index that is not known.
    pub(super) fn item_at(&mut self, items: &[Val], index: Atom) -> Result<Val> {
        let Some(one) = items.first() else {
            return self.unsupported("a loop goes through an empty list");
        };
        if let Some(at) = index.constant() {
            return match items.get(at as usize) {
                Some(item) => Ok(item.clone()),
                None => self.fail(crate::error::Kind::Type, "`car` of the empty list"),
            };
        }
        let columns: Vec<Vec<(Atom, Leaf)>> = items
            .iter()
            .map(|item| leaves_of(std::slice::from_ref(item)))
            .collect();
        let mut place = 0;
        let mut trouble = false;
        let found = one.with_leaves(&mut |_, _| {
            let column: Vec<Atom> = columns.iter().map(|leaves| leaves[place].0).collect();
            let kinds = || columns.iter().map(|leaves| leaves[place].1);
            let kind = if kinds().any(|kind| kind == Leaf::Float) {
                Leaf::Float
            } else {
                columns[0][place].1
            };
            place += 1;
            match self.looked_up(&column, index) {
                Some(atom) if kind != Leaf::Bool => (atom, kind),
                _ => {
                    trouble = true;
                    (column[0], kind)
                }
            }
        });
        if trouble {
            return self.unsupported("a loop goes through a list of numbers that are computed");
        }
        Ok(found)
    }

    /// One of several numbers by an index that is not known: all one, constants, or in even steps those of an input.
    pub(super) fn looked_up(&mut self, numbers: &[Atom], index: Atom) -> Option<Atom> {
        let first = *numbers.first()?;
        if numbers.iter().all(|&atom| atom == first) {
            return Some(first);
        }
        let constants: Option<Vec<f64>> = numbers.iter().map(|atom| atom.constant()).collect();
        if let Some(constants) = constants {
            return Some(self.builder.look(Table::Constants(constants.into()), index));
        }
        let places: Option<Vec<(usize, usize)>> = numbers
            .iter()
            .map(|atom| self.of_input.get(&atom.var()?.0).copied())
            .collect();
        let places = places?;
        let (input, offset) = places[0];
        let stride = places.get(1)?.1.checked_sub(offset)?;
        let even = places
            .iter()
            .enumerate()
            .all(|(at, &place)| place == (input, offset + at * stride));
        (even && stride > 0).then(|| {
            self.builder.look(
                Table::Input {
                    input,
                    offset,
                    stride,
                },
                index,
            )
        })
    }
}

fn rename_all(atoms: &mut [Atom], names: &FxHashMap<Var, Var>) {
    for atom in atoms {
        *atom = rename(*atom, names);
    }
}

fn rename(atom: Atom, names: &FxHashMap<Var, Var>) -> Atom {
    match atom {
        Atom::Var(var) => Atom::Var(names.get(&var).copied().unwrap_or(var)),
        constant @ Atom::Constant(_) => constant,
    }
}

/// How a loop's ends are written.
struct Shape<'a> {
    key: Key,
    vars: &'a [Option<Var>],
    places: &'a [usize],
    kinds: &'a [Leaf],
}

impl Shape<'_> {
    fn body(&self, steps: Vec<Step>, out: Out) -> Body {
        let again = |shape: &Self, args: &[Val]| {
            let leaves = leaves_of(args);
            let next = leaves
                .iter()
                .zip(shape.vars)
                .filter(|(_, var)| var.is_some());
            End::Again(next.map(|(leaf, _)| leaf.0).collect())
        };
        let exit = |shape: &Self, exit: &Exit| {
            let leaves = exit.leaves();
            End::Exit(shape.places.iter().map(|&place| leaves[place].0).collect())
        };
        let end = match out {
            Out::Value(value) => exit(self, &Exit::Value(value)),
            Out::Tail(closure, args) if closure.key() == self.key => again(self, &args),
            Out::Tail(closure, args) => exit(self, &Exit::Tail(closure, args)),
            Out::Fail(_) => {
                let nothing = |&place: &usize| match self.kinds[place] {
                    Leaf::Bool => Atom::Constant(0.0),
                    _ => Atom::Constant(f64::NAN),
                };
                End::Exit(self.places.iter().map(nothing).collect())
            }
            Out::Branch(test, then, otherwise) => {
                let [then, otherwise] = [then, otherwise].map(|arm| {
                    let Arm { steps, out } = *arm;
                    Box::new(self.body(steps, out))
                });
                End::If(test, then, otherwise)
            }
        };
        Body { steps, end }
    }
}

/// A loop that begins with what its test needs, as what is done in each pass and what after the last.
fn counted(body: &Body) -> Option<(Block, Block)> {
    let End::If(_, then, otherwise) = &body.end else {
        return None;
    };
    let (exit, again) = match (&then.end, &otherwise.end) {
        (End::Exit(_), End::Again(_)) => (then, otherwise),
        (End::Again(_), End::Exit(_)) => (otherwise, then),
        _ => return None,
    };
    let block = |part: &Body| {
        let steps = body.steps.iter().chain(&part.steps).cloned().collect();
        match &part.end {
            End::Exit(results) | End::Again(results) => Block {
                steps,
                results: results.clone(),
            },
            End::If(..) => Block::default(),
        }
    };
    Some((block(exit), block(again)))
}
