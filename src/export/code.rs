//! `Code`: what a program computes of numbers, with its branches and loops, before any target's words.
//!
//! [`Builder`] makes it step by step: it folds constants, shares what is computed twice, and takes back what was
//! tried in vain.
//!
//! **Invariants**
//! - A variable is given its value once, before it is used, in the block where it is used or around it; those of a
//!   repeated block have the last pass's values behind it.
//! - Steps have no effects, so what nothing uses may be left out.
//! - A boolean is 1 or 0; variables say whether they are booleans.

use crate::prim::Prim;
use crate::prim::linalg::Shape;
use rustc_hash::FxHashMap;
use std::rc::Rc;

/// A variable of a [`Code`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Var(pub(super) u32);

/// A number: a constant, or a variable's.
#[derive(Clone, Copy, Debug)]
pub(super) enum Atom {
    Constant(f64),
    Var(Var),
}

impl PartialEq for Atom {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Constant(a), Self::Constant(b)) => a.to_bits() == b.to_bits(),
            (Self::Var(a), Self::Var(b)) => a == b,
            _ => false,
        }
    }
}

impl Atom {
    pub(super) fn constant(self) -> Option<f64> {
        match self {
            Self::Constant(x) => Some(x),
            Self::Var(_) => None,
        }
    }

    pub(super) fn var(self) -> Option<Var> {
        match self {
            Self::Constant(_) => None,
            Self::Var(var) => Some(var),
        }
    }
}

/// Numbers that are looked up by an index.
#[derive(Clone, Debug)]
pub(super) enum Table {
    Constants(Rc<[f64]>),
    /// Of an input's numbers those from an offset on, so far apart.
    Input {
        input: usize,
        offset: usize,
        stride: usize,
    },
}

/// What one step does.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// A numeric row or predicate; rows of one argument have it twice.
    Op {
        var: Var,
        prim: Prim,
        args: [Atom; 2],
    },
    /// The first where the test holds, else the second.
    Select {
        var: Var,
        test: Atom,
        then: Atom,
        otherwise: Atom,
    },
    /// A number of a table.
    Look { var: Var, table: Table, index: Atom },
    /// What one of two blocks gives.
    If {
        vars: Vec<Var>,
        test: Atom,
        then: Block,
        otherwise: Block,
    },
    /// A block done so many times, whose results are the variables' next values.
    Repeat {
        vars: Vec<Var>,
        inits: Vec<Atom>,
        body: Block,
        passes: u64,
    },
    /// A body done until it exits.
    Loop {
        vars: Vec<Var>,
        inits: Vec<Atom>,
        body: Body,
        outs: Vec<Var>,
    },
}

/// Steps and what they give.
#[derive(Clone, Debug, Default)]
pub(super) struct Block {
    pub(super) steps: Vec<Step>,
    pub(super) results: Vec<Atom>,
}

/// Steps of a loop's pass and how it ends.
#[derive(Clone, Debug)]
pub(super) struct Body {
    pub(super) steps: Vec<Step>,
    pub(super) end: End,
}

/// The end of a loop's pass.
#[derive(Clone, Debug)]
pub(super) enum End {
    /// The loop is over: its results.
    Exit(Vec<Atom>),
    /// Another pass: the variables' values.
    Again(Vec<Atom>),
    If(Atom, Box<Body>, Box<Body>),
}

/// What a variable is.
#[derive(Clone, Debug, Default)]
pub(super) struct VarInfo {
    pub(super) is_bool: bool,
    pub(super) name: Option<Rc<str>>,
}

/// How an input is given.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Form {
    Number,
    Array(Shape),
    List(usize),
}

impl Form {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Number => 1,
            Self::Array(shape) => shape.size(),
            Self::List(len) => *len,
        }
    }
}

/// An input, or a param with its value.
#[derive(Clone, Debug)]
pub(super) struct Given {
    pub(super) name: String,
    pub(super) form: Form,
    /// One a number, row by row.
    pub(super) vars: Vec<Var>,
    pub(super) default: Option<f64>,
}

/// What the program gives.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    Number(Atom),
    Bool(Atom),
    Array(Shape, Vec<Atom>),
    List(Vec<Answer>),
}

impl Answer {
    /// Its numbers, in order.
    pub(super) fn atoms(&self) -> Vec<Atom> {
        let mut atoms = Vec::new();
        let mut open = vec![self];
        while let Some(answer) = open.pop() {
            match answer {
                Self::Number(atom) | Self::Bool(atom) => atoms.push(*atom),
                Self::Array(_, numbers) => atoms.extend(numbers),
                Self::List(items) => open.extend(items.iter().rev()),
            }
        }
        atoms
    }
}

/// A program as a function of numbers.
#[derive(Clone, Debug)]
pub(super) struct Code {
    pub(super) given: Vec<Given>,
    pub(super) steps: Vec<Step>,
    pub(super) answer: Answer,
    pub(super) vars: Vec<VarInfo>,
    /// What holds only sometimes, in sentences.
    pub(super) notes: Vec<String>,
}

/// What makes two operations one.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    Constant(u64),
    Var(u32),
}

impl From<Atom> for Key {
    fn from(atom: Atom) -> Self {
        match atom {
            Atom::Constant(x) => Self::Constant(x.to_bits()),
            Atom::Var(var) => Self::Var(var.0),
        }
    }
}

type Made = (u16, [Key; 3]);

#[derive(Default)]
struct Scope {
    steps: Vec<Step>,
    made: FxHashMap<Made, Var>,
    /// In the order made, with how many steps there were: what is taken back is forgotten.
    log: Vec<(usize, Made)>,
}

/// A place to come back to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    depth: usize,
    steps: usize,
}

/// Makes steps.
pub(super) struct Builder {
    scopes: Vec<Scope>,
    pub(super) vars: Vec<VarInfo>,
    /// How many steps there are, in all scopes that are open or closed.
    pub(super) made: usize,
}

const SELECT: u16 = 1000;

impl Builder {
    pub(super) fn new() -> Self {
        Self {
            scopes: vec![Scope::default()],
            vars: Vec::new(),
            made: 0,
        }
    }

    pub(super) fn var(&mut self, is_bool: bool) -> Var {
        self.vars.push(VarInfo {
            is_bool,
            name: None,
        });
        Var(self.vars.len() as u32 - 1)
    }

    /// Calls a variable what the program calls it, if it has no name yet.
    pub(super) fn name(&mut self, atom: Atom, name: &str) {
        if let Some(var) = atom.var() {
            self.vars[var.0 as usize]
                .name
                .get_or_insert_with(|| name.into());
        }
    }

    pub(super) fn mark(&self) -> Mark {
        Mark {
            depth: self.scopes.len(),
            steps: self.top().steps.len(),
        }
    }

    /// Whether anything was made since.
    pub(super) fn is_beyond(&self, mark: Mark) -> bool {
        self.scopes.len() != mark.depth || self.top().steps.len() > mark.steps
    }

    /// Takes back all steps since, and what scopes were opened.
    pub(super) fn back_to(&mut self, mark: Mark) {
        self.scopes.truncate(mark.depth);
        let scope = self.scopes.last_mut().expect("a scope is open");
        scope.steps.truncate(mark.steps);
        while let Some(&(at, made)) = scope.log.last() {
            if at < mark.steps {
                break;
            }
            scope.made.remove(&made);
            scope.log.pop();
        }
    }

    fn top(&self) -> &Scope {
        self.scopes.last().expect("a scope is open")
    }

    pub(super) fn open(&mut self) {
        self.scopes.push(Scope::default());
    }

    pub(super) fn close(&mut self) -> Vec<Step> {
        self.scopes.pop().map_or_else(Vec::new, |scope| scope.steps)
    }

    pub(super) fn push(&mut self, step: Step) {
        self.made += 1;
        self.scopes
            .last_mut()
            .expect("a scope is open")
            .steps
            .push(step);
    }

    fn shared(&mut self, made: Made, is_bool: bool, step: impl FnOnce(Var) -> Step) -> Atom {
        if let Some(&var) = self
            .scopes
            .iter()
            .rev()
            .find_map(|scope| scope.made.get(&made))
        {
            return Atom::Var(var);
        }
        let var = self.var(is_bool);
        let scope = self.scopes.last_mut().expect("a scope is open");
        scope.log.push((scope.steps.len(), made));
        scope.made.insert(made, var);
        self.push(step(var));
        Atom::Var(var)
    }

    /// A numeric row or predicate of one or two numbers.
    pub(super) fn op(&mut self, prim: Prim, a: Atom, b: Atom) -> Atom {
        let unary = prim.operands() < 2;
        let b = if unary { a } else { b };
        if let (Atom::Constant(x), Atom::Constant(y)) = (a, b) {
            return Atom::Constant(prim.forward(x, y));
        }
        match (prim, a, b) {
            (Prim::Mul, x, Atom::Constant(one)) | (Prim::Mul, Atom::Constant(one), x)
                if one == 1.0 =>
            {
                return x;
            }
            (Prim::Div, x, Atom::Constant(1.0)) => return x,
            (Prim::Sub, x, Atom::Constant(zero)) if zero.to_bits() == 0 => return x,
            (Prim::Both, x, Atom::Constant(t)) | (Prim::Both, Atom::Constant(t), x) => {
                return if t == 0.0 { Atom::Constant(0.0) } else { x };
            }
            (Prim::Either, x, Atom::Constant(t)) | (Prim::Either, Atom::Constant(t), x) => {
                return if t == 0.0 { x } else { Atom::Constant(1.0) };
            }
            _ => {}
        }
        let is_bool = prim.spec().kind == crate::prim::Kind::Predicate;
        let made = (prim as u16, [a.into(), b.into(), Key::Constant(0)]);
        self.shared(made, is_bool, |var| Step::Op {
            var,
            prim,
            args: [a, b],
        })
    }

    /// The first number where a test holds, else the second.
    pub(super) fn select(
        &mut self,
        test: Atom,
        then: Atom,
        otherwise: Atom,
        is_bool: bool,
    ) -> Atom {
        if let Some(test) = test.constant() {
            return if test == 0.0 { otherwise } else { then };
        }
        if then == otherwise {
            return then;
        }
        if is_bool {
            match (then.constant(), otherwise.constant()) {
                (Some(t), Some(_)) if t != 0.0 => return test,
                (Some(_), Some(_)) => return self.op(Prim::Not, test, test),
                (_, Some(0.0)) => return self.op(Prim::Both, test, then),
                (Some(t), _) if t != 0.0 => return self.op(Prim::Either, test, otherwise),
                _ => {}
            }
        }
        let made = (SELECT, [test.into(), then.into(), otherwise.into()]);
        self.shared(made, is_bool, |var| Step::Select {
            var,
            test,
            then,
            otherwise,
        })
    }

    /// A number of a table; NaN beyond it.
    pub(super) fn look(&mut self, table: Table, index: Atom) -> Atom {
        let var = self.var(false);
        self.push(Step::Look { var, table, index });
        Atom::Var(var)
    }

    pub(super) fn finish(mut self) -> (Vec<Step>, Vec<VarInfo>) {
        let steps = self.close();
        (steps, self.vars)
    }
}

impl Step {
    /// The variables it gives values.
    pub(super) fn gives(&self) -> &[Var] {
        match self {
            Self::Op { var, .. } | Self::Select { var, .. } | Self::Look { var, .. } => {
                std::slice::from_ref(var)
            }
            Self::If { vars, .. } | Self::Repeat { vars, .. } => vars,
            Self::Loop { outs, .. } => outs,
        }
    }

    /// All that it reads, inside blocks too.
    pub(super) fn reads(&self, read: &mut dyn FnMut(Atom)) {
        let block = |block: &Block, read: &mut dyn FnMut(Atom)| {
            block.steps.iter().for_each(|step| step.reads(read));
            for &atom in &block.results {
                read(atom);
            }
        };
        match self {
            Self::Op { args, prim, .. } => args[..prim.operands().max(1)]
                .iter()
                .for_each(|&atom| read(atom)),
            Self::Select {
                test,
                then,
                otherwise,
                ..
            } => [*test, *then, *otherwise].into_iter().for_each(read),
            Self::Look { index, .. } => read(*index),
            Self::If {
                test,
                then,
                otherwise,
                ..
            } => {
                read(*test);
                block(then, read);
                block(otherwise, read);
            }
            Self::Repeat { inits, body, .. } => {
                for &atom in inits {
                    read(atom);
                }
                block(body, read);
            }
            Self::Loop { inits, body, .. } => {
                for &atom in inits {
                    read(atom);
                }
                body.reads(read);
            }
        }
    }
}

impl Body {
    fn reads(&self, read: &mut dyn FnMut(Atom)) {
        self.steps.iter().for_each(|step| step.reads(read));
        match &self.end {
            End::Exit(atoms) | End::Again(atoms) => atoms.iter().for_each(|&atom| read(atom)),
            End::If(test, then, otherwise) => {
                read(*test);
                then.reads(read);
                otherwise.reads(read);
            }
        }
    }
}
