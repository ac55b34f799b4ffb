//! A program followed without its inputs' numbers: what is known is done, what is not is written down as [`Code`].
//!
//! An expanded program goes in, with the forms of its inputs; steps come out. Structure is all done here: lists,
//! procedures, the shapes of arrays. What is left is arithmetic, branches and loops on numbers.
//!
//! **Invariants**
//! - What the code computes is what the program computes, wherever that does not fail.
//! - Work is bounded: by [`FUEL`] applications and [`STEPS`] steps made.
//! - Whatever cannot be followed is an error that says why and where.

use super::code::{Atom, Builder, Mark, Step};
use super::value::{At, Closure, Env, Key, Val, alike, deeper};
use crate::error::Kind;
use crate::prim::Prim;
use crate::source::Span;
use crate::syntax::Program;
use crate::syntax::ast::{Constant, Expr, ExprId};
use crate::syntax::datum::{Datum, DatumId};
use rustc_hash::{FxHashMap, FxHashSet};
use std::rc::Rc;

/// Applications that are followed.
const FUEL: u64 = 20_000_000;

/// Steps that are made, those taken back too.
const STEPS: usize = 4_000_000;

/// How deep applications that are not in tail position may be nested.
const DEPTH: usize = 10_000;

/// Why a program is not followed.
#[derive(Clone, Debug)]
pub(super) enum Stop {
    /// It fails, whatever its inputs are, or in this branch.
    Program(Kind, String, Span),
    /// It has no such form.
    Export(String, Span),
}

pub(super) type Result<T> = std::result::Result<T, Stop>;

/// What an expression in tail position comes to.
#[derive(Clone, Debug)]
pub(super) enum Out {
    Value(Val),
    Tail(Rc<Closure>, Vec<Val>),
    /// It fails here.
    Fail(Stop),
    /// It depends on a test; in one of the arms is a call of a procedure that is being followed.
    Branch(Atom, Box<Arm>, Box<Arm>),
}

/// Steps and what they come to.
#[derive(Clone, Debug)]
pub(super) struct Arm {
    pub(super) steps: Vec<Step>,
    pub(super) out: Out,
}

/// A procedure that is being followed, in tail position of the one before.
struct Entry {
    closure: Rc<Closure>,
    args: Vec<Val>,
    mark: Mark,
    /// Whether it is followed for any numbers, not for those of its arguments.
    rolling: bool,
}

/// What there is to come back to.
#[derive(Clone, Copy)]
pub(super) struct State {
    mark: Mark,
    chain: usize,
    base: usize,
    depth: usize,
    pub(super) arms: usize,
    site: Span,
}

/// Follows a program.
pub(super) struct Partial<'a> {
    pub(super) program: &'a Program,
    prelude: &'a Program,
    globals: FxHashMap<Rc<str>, Val>,
    pub(super) builder: Builder,
    pub(super) inputs: FxHashMap<String, Val>,
    /// For each variable of an input: which input, and its place there.
    pub(super) of_input: FxHashMap<u32, (usize, usize)>,
    quotes: FxHashMap<At, Val>,
    /// The innermost application by the program.
    pub(super) site: Span,
    depth: usize,
    /// How many arms of branches are being followed, one in the other.
    pub(super) arms: usize,
    fuel: u64,
    chain: Vec<Entry>,
    base: usize,
    /// Loops that cannot be kept.
    unrolled: FxHashSet<(At, Span)>,
    /// Whether loops are kept at all.
    pub(super) keeps_loops: bool,
    pub(super) temperature: f64,
    /// What holds only sometimes.
    pub(super) notes: Vec<String>,
}

impl<'a> Partial<'a> {
    pub(super) fn new(
        program: &'a Program,
        prelude: &'a Program,
        keeps_loops: bool,
    ) -> Result<Self> {
        let mut partial = Self {
            program,
            prelude,
            globals: FxHashMap::default(),
            builder: Builder::new(),
            inputs: FxHashMap::default(),
            of_input: FxHashMap::default(),
            quotes: FxHashMap::default(),
            site: program.span(program.root),
            depth: 0,
            arms: 0,
            fuel: FUEL,
            chain: Vec::new(),
            base: 0,
            unrolled: FxHashSet::default(),
            keeps_loops,
            temperature: 1.0,
            notes: Vec::new(),
        };
        let root = At {
            is_prelude: true,
            id: prelude.root,
        };
        if let Expr::Letrec { vars, inits, .. } = prelude.expr(root.id) {
            let env = Env::new(vars, vec![None; vars.len()], None);
            for (place, (&var, &init)) in vars.iter().zip(inits).enumerate() {
                let init = At {
                    is_prelude: true,
                    id: init,
                };
                let value = partial.value(init, Some(&env))?;
                let name: Rc<str> = prelude.symbols.name(prelude.var(var).name).into();
                partial.globals.insert(name, value.clone());
                env.values.borrow_mut()[place] = Some(value);
            }
        }
        Ok(partial)
    }

    fn text(&self, at: At) -> &'a Program {
        if at.is_prelude {
            self.prelude
        } else {
            self.program
        }
    }

    pub(super) fn unsupported<T>(&self, message: impl Into<String>) -> Result<T> {
        Err(Stop::Export(message.into(), self.site))
    }

    pub(super) fn fail<T>(&self, kind: Kind, message: impl Into<String>) -> Result<T> {
        Err(Stop::Program(kind, message.into(), self.site))
    }

    pub(super) fn spend(&mut self) -> Result<()> {
        if self.fuel == 0 || self.builder.made > STEPS {
            return self.unsupported(
                "the program does too much to be written down: its loops and recursion are too long where they \
                 cannot be kept",
            );
        }
        self.fuel -= 1;
        Ok(())
    }

    pub(super) fn state(&self) -> State {
        State {
            mark: self.builder.mark(),
            chain: self.chain.len(),
            base: self.base,
            depth: self.depth,
            arms: self.arms,
            site: self.site,
        }
    }

    pub(super) fn back_to(&mut self, state: State) {
        self.builder.back_to(state.mark);
        self.chain.truncate(state.chain);
        self.base = state.base;
        self.depth = state.depth;
        self.arms = state.arms;
        self.site = state.site;
    }

    /// The program's value.
    pub(super) fn run_program(&mut self) -> Result<Val> {
        let root = At {
            is_prelude: false,
            id: self.program.root,
        };
        self.value(root, None)
    }

    /// An expression's value, where it is not in tail position.
    fn value(&mut self, at: At, env: Option<&Rc<Env>>) -> Result<Val> {
        match self.eval(at, env, false)? {
            Out::Value(value) => Ok(value),
            Out::Fail(stop) => Err(stop),
            Out::Tail(..) | Out::Branch(..) => {
                self.unsupported("a loop leaves here in a way that cannot be followed")
            }
        }
    }

    pub(super) fn eval(&mut self, at: At, env: Option<&Rc<Env>>, tail: bool) -> Result<Out> {
        deeper(|| self.expression(at, env, tail))
    }

    fn expression(&mut self, mut at: At, env: Option<&Rc<Env>>, tail: bool) -> Result<Out> {
        let mut env = env.cloned();
        loop {
            let program = self.text(at);
            let within = |id: ExprId| At { id, ..at };
            let value = match program.expr(at.id) {
                Expr::Constant(constant) => constant_value(constant),
                Expr::Quote(datum) => self.quoted(at, *datum),
                Expr::Variable(var) => {
                    let Some(value) = env.as_ref().and_then(|env| env.get(*var)) else {
                        let name = program.symbols.name(program.var(*var).name);
                        let message = format!("`{name}` is used before its definition");
                        let span = if at.is_prelude {
                            self.site
                        } else {
                            program.span(at.id)
                        };
                        return Err(Stop::Program(Kind::Unbound, message, span));
                    };
                    value
                }
                Expr::Primitive(_, prim) => Val::Prim(*prim),
                Expr::Prelude(sym) => {
                    let name = program.symbols.name(*sym);
                    match self.globals.get(name) {
                        Some(value) => value.clone(),
                        None => return self.unsupported(format!("`{name}` cannot be exported")),
                    }
                }
                Expr::Free(sym) => {
                    let name = program.free_name(*sym);
                    let Some(value) = self.inputs.get(name) else {
                        let message = format!("`{name}` is not bound to anything");
                        return Err(Stop::Program(Kind::Unbound, message, program.span(at.id)));
                    };
                    value.clone()
                }
                Expr::If {
                    test,
                    then,
                    otherwise,
                } => {
                    let test = self.value(within(*test), env.as_ref())?;
                    match test {
                        Val::Bool(Atom::Constant(holds)) => {
                            at = within(if holds == 0.0 { *otherwise } else { *then });
                            continue;
                        }
                        Val::Bool(test) => {
                            let span = if at.is_prelude {
                                self.site
                            } else {
                                program.span(at.id)
                            };
                            return self.branch(
                                test,
                                within(*then),
                                within(*otherwise),
                                env.as_ref(),
                                tail,
                                span,
                            );
                        }
                        _ => {
                            at = within(*then);
                            continue;
                        }
                    }
                }
                Expr::Lambda { .. } => Val::Closure(Rc::new(Closure {
                    lambda: at,
                    env: env.clone(),
                })),
                Expr::Let { vars, inits, body } => {
                    let mut values = Vec::with_capacity(inits.len());
                    for (&var, &init) in vars.iter().zip(inits) {
                        let value = self.value(within(init), env.as_ref())?;
                        if let (Val::Number(atom, _), false) = (&value, at.is_prelude) {
                            self.builder
                                .name(*atom, program.symbols.name(program.var(var).name));
                        }
                        values.push(Some(value));
                    }
                    env = Some(Env::new(vars, values, env.clone()));
                    at = within(*body);
                    continue;
                }
                Expr::Letrec { vars, inits, body } => {
                    let scope = Env::new(vars, vec![None; vars.len()], env.clone());
                    for (place, (&var, &init)) in vars.iter().zip(inits).enumerate() {
                        let value = self.value(within(init), Some(&scope))?;
                        if let (Val::Number(atom, _), false) = (&value, at.is_prelude) {
                            self.builder
                                .name(*atom, program.symbols.name(program.var(var).name));
                        }
                        scope.values.borrow_mut()[place] = Some(value);
                    }
                    env = Some(scope);
                    at = within(*body);
                    continue;
                }
                Expr::Begin(all) => {
                    let Some((&last, before)) = all.split_last() else {
                        return Ok(Out::Value(Val::Unspecified));
                    };
                    for &id in before {
                        self.value(within(id), env.as_ref())?;
                    }
                    at = within(last);
                    continue;
                }
                Expr::Call { operator, args, .. } => {
                    let operator = self.value(within(*operator), env.as_ref())?;
                    let mut values = Vec::with_capacity(args.len());
                    for &arg in args {
                        values.push(self.value(within(arg), env.as_ref())?);
                    }
                    let outer = self.site;
                    if !at.is_prelude {
                        self.site = program.span(at.id);
                    }
                    let out = self.call(operator, values, tail);
                    if out.is_ok() {
                        self.site = outer;
                    }
                    return out;
                }
            };
            return Ok(Out::Value(value));
        }
    }

    /// An application. Where it stands in tail position, that of a procedure is left to whoever follows it.
    fn call(&mut self, operator: Val, args: Vec<Val>, tail: bool) -> Result<Out> {
        let (mut operator, mut args) = (operator, args);
        while let Val::Prim(Prim::Apply) = operator {
            if args.len() < 2 {
                return self.fail(Kind::Arity, "`apply` takes at least 2 arguments");
            }
            let list = args.pop().unwrap_or(Val::Nil);
            let Some(items) = list.items() else {
                return self.of_list(Prim::Apply, &list);
            };
            operator = args.remove(0);
            args.extend(items);
        }
        match operator {
            Val::Prim(prim) => Ok(Out::Value(self.prim(prim, args)?)),
            Val::Closure(closure) if tail => Ok(Out::Tail(closure, args)),
            Val::Closure(closure) => Ok(Out::Value(self.apply(closure, args)?)),
            other => self.fail(
                Kind::NotAFunction,
                format!("{} is no procedure", other.kind()),
            ),
        }
    }

    pub(super) fn too_deep<T>(&self) -> Result<T> {
        self.unsupported(
            "recursion that is too deep, or whose depth depends on the inputs: write it as a loop, whose call of \
             itself is the last thing it does",
        )
    }

    /// An application that is not in tail position.
    pub(super) fn apply(&mut self, closure: Rc<Closure>, args: Vec<Val>) -> Result<Val> {
        if self.depth >= DEPTH {
            return self.too_deep();
        }
        self.depth += 1;
        let base = std::mem::replace(&mut self.base, self.chain.len());
        let out = self.run(closure, args);
        match out {
            Ok(out) => {
                self.base = base;
                self.depth -= 1;
                match out {
                    Out::Value(value) => Ok(value),
                    Out::Fail(stop) => Err(stop),
                    Out::Tail(..) | Out::Branch(..) => {
                        self.unsupported("a loop leaves here in a way that cannot be followed")
                    }
                }
            }
            Err(stop) => Err(stop),
        }
    }

    /// Follows a procedure, and those it calls in tail position, until there is a value, or a call of one that is
    /// followed already farther out.
    pub(super) fn run(&mut self, closure: Rc<Closure>, args: Vec<Val>) -> Result<Out> {
        deeper(|| self.follow(closure, args))
    }

    fn follow(&mut self, closure: Rc<Closure>, args: Vec<Val>) -> Result<Out> {
        let start = self.chain.len();
        let mut next = (closure, args);
        loop {
            self.spend()?;
            let (closure, args) = next;
            let mut out = match self.place_in_chain(closure.key()) {
                Some(place) if place < start || self.chain[place].rolling => {
                    self.chain.truncate(start);
                    return Ok(Out::Tail(closure, args));
                }
                Some(place) => {
                    self.chain.truncate(place + 1);
                    if let Some(out) = self.try_to_roll(place, &args)? {
                        out
                    } else {
                        let mark = self.builder.mark();
                        let entry = &mut self.chain[place];
                        entry.args.clone_from(&args);
                        entry.mark = mark;
                        self.body(&closure, args)?
                    }
                }
                None => {
                    let mark = self.builder.mark();
                    self.chain.push(Entry {
                        closure: closure.clone(),
                        args: args.clone(),
                        mark,
                        rolling: false,
                    });
                    self.body(&closure, args)?
                }
            };
            // A branch that goes on in a procedure which is followed here makes that a loop.
            while let Out::Branch(..) = out {
                let Some(place) = self.outermost(&out) else {
                    break;
                };
                if place < start {
                    self.chain.truncate(start);
                    return Ok(out);
                }
                let (closure, args) = (
                    self.chain[place].closure.clone(),
                    self.chain[place].args.clone(),
                );
                if !self.keeps_loops {
                    return self.unsupported(
                        "a loop whose number of passes depends on the inputs has no form in this target; \
                         numpy, torch, jax, c and scheme have loops",
                    );
                }
                let mark = self.chain[place].mark;
                self.builder.back_to(mark);
                self.chain.truncate(place);
                out = self.roll(&closure, args, None)?;
            }
            match out {
                Out::Tail(closure, args) => next = (closure, args),
                out => {
                    self.chain.truncate(start);
                    return Ok(out);
                }
            }
        }
    }

    fn place_in_chain(&self, key: Key) -> Option<usize> {
        let found = self.chain[self.base..]
            .iter()
            .rposition(|entry| entry.closure.key() == key);
        found.map(|place| place + self.base)
    }

    /// The outermost of the procedures that a branch goes on in.
    fn outermost(&self, out: &Out) -> Option<usize> {
        match out {
            Out::Tail(closure, _) => self.place_in_chain(closure.key()),
            Out::Branch(_, then, otherwise) => {
                let [a, b] = [then, otherwise].map(|arm| deeper(|| self.outermost(&arm.out)));
                a.into_iter().chain(b).min()
            }
            Out::Value(_) | Out::Fail(_) => None,
        }
    }

    /// Keeps a loop that could be done pass by pass, where it does anything and can be kept.
    fn try_to_roll(&mut self, place: usize, args: &[Val]) -> Result<Option<Out>> {
        let entry = &self.chain[place];
        let code = (entry.closure.lambda, self.site);
        if !self.keeps_loops
            || self.unrolled.contains(&code)
            || !self.builder.is_beyond(entry.mark)
            || entry.args.len() != args.len()
            || !entry
                .args
                .iter()
                .zip(args)
                .all(|(a, b)| alike(a, b) || b.is_rest_of(a).is_some())
        {
            return Ok(None);
        }
        let (closure, before, mark) = (entry.closure.clone(), entry.args.clone(), entry.mark);
        // What was done of the pass is not taken back before it is known that the loop can be kept.
        let state = self.state();
        self.builder.open();
        let kept_base = self.base;
        let chained = self.chain.pop();
        let out = self.roll(&closure, before.clone(), Some(args));
        self.base = kept_base;
        if out.is_ok() {
            self.builder.back_to(mark);
            self.chain.truncate(place);
            return Ok(Some(self.roll(&closure, before, Some(args))?));
        }
        self.builder.back_to(state.mark);
        self.base = state.base;
        self.depth = state.depth;
        self.arms = state.arms;
        self.site = state.site;
        self.chain.truncate(place);
        self.chain.extend(chained);
        self.unrolled.insert(code);
        Ok(None)
    }

    /// The body of a procedure, with these arguments.
    pub(super) fn body(&mut self, closure: &Rc<Closure>, args: Vec<Val>) -> Result<Out> {
        let program = self.text(closure.lambda);
        let Expr::Lambda {
            params, rest, body, ..
        } = program.expr(closure.lambda.id)
        else {
            return self.unsupported("what is applied is no procedure");
        };
        let fits = if *rest {
            args.len() + 1 >= params.len()
        } else {
            args.len() == params.len()
        };
        if !fits {
            let wanted = params.len() - usize::from(*rest);
            let least = if *rest { "at least " } else { "" };
            let message = format!(
                "the procedure takes {least}{wanted} arguments, got {}",
                args.len()
            );
            return self.fail(Kind::Arity, message);
        }
        let mut values = args;
        if *rest {
            let more = Val::list(values.split_off(params.len() - 1));
            values.push(more);
        }
        if !closure.lambda.is_prelude {
            for (&var, value) in params.iter().zip(&values) {
                if let Val::Number(atom, _) = value {
                    self.builder
                        .name(*atom, program.symbols.name(program.var(var).name));
                }
            }
        }
        let env = Env::new(
            params,
            values.into_iter().map(Some).collect(),
            closure.env.clone(),
        );
        let body = At {
            id: *body,
            ..closure.lambda
        };
        self.eval(body, Some(&env), true)
    }

    fn quoted(&mut self, at: At, datum: DatumId) -> Val {
        if let Some(value) = self.quotes.get(&at) {
            return value.clone();
        }
        let value = quoted(self.text(at), datum);
        self.quotes.insert(at, value.clone());
        value
    }
}

// What `roll` has to do with the chain.
impl Partial<'_> {
    /// Follows a loop's body for any numbers, and what it goes on to before it comes back.
    pub(super) fn pass(&mut self, closure: &Rc<Closure>, args: Vec<Val>) -> Result<Out> {
        let mark = self.builder.mark();
        let place = self.chain.len();
        let entry = Entry {
            closure: closure.clone(),
            args: args.clone(),
            mark,
            rolling: true,
        };
        self.chain.push(entry);
        let out = self.body(closure, args).and_then(|out| match out {
            Out::Tail(next, args) => self.run(next, args),
            out => Ok(out),
        });
        if out.is_ok() {
            self.chain.truncate(place);
        }
        out
    }

    /// What a parameter of a procedure is called.
    pub(super) fn param_name(&self, closure: &Closure, place: usize) -> Option<Rc<str>> {
        let program = self.text(closure.lambda);
        if closure.lambda.is_prelude {
            return None;
        }
        match program.expr(closure.lambda.id) {
            Expr::Lambda { params, .. } => {
                let var = params.get(place)?;
                Some(program.symbols.name(program.var(*var).name).into())
            }
            _ => None,
        }
    }
}

fn constant_value(constant: &Constant) -> Val {
    match constant {
        Constant::Nil => Val::Nil,
        Constant::Unspecified => Val::Unspecified,
        Constant::Bool(holds) => Val::bool(*holds),
        Constant::Int(x) => Val::int(*x),
        Constant::Float(x) => Val::float(Atom::Constant(*x)),
        Constant::Char(c) => Val::Char(*c),
        Constant::String(text) => Val::String((&**text).into()),
        Constant::Primitive(prim) => Val::Prim(*prim),
    }
}

/// Quoted data as values; the reader bounds how deep they are.
fn quoted(program: &Program, id: DatumId) -> Val {
    let all = |ids: &[DatumId]| -> Vec<Val> {
        ids.iter()
            .map(|&id| deeper(|| quoted(program, id)))
            .collect()
    };
    match program.data.get(id) {
        Datum::Bool(holds) => Val::bool(holds),
        Datum::Int(x) => Val::int(x),
        Datum::Float(x) => Val::float(Atom::Constant(x)),
        Datum::Char(c) => Val::Char(c),
        Datum::Symbol(sym) => Val::Symbol(program.symbols.name(sym).into()),
        Datum::String(text) => Val::String(text.into()),
        Datum::List(items) | Datum::Bracket(items) => Val::list(all(items)),
        Datum::Dotted(items, tail) => Val::list_onto(all(items), quoted(program, tail)),
        Datum::Numbers(numbers) => {
            let atoms = numbers.iter().map(|&x| Atom::Constant(x)).collect();
            Val::Array(Rc::new((
                crate::prim::linalg::Shape::Vector(numbers.len()),
                atoms,
            )))
        }
    }
}
