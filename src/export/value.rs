//! Values of a program that is followed without all numbers known: structure is there, numbers are atoms.
//!
//! **Invariants**
//! - The leaves of a value are its numbers and booleans, always in the same order.
//! - Long lists are gone through in loops, and dropped in loops.

use super::code::Atom;
use crate::prim::Prim;
use crate::prim::linalg::Shape;
use crate::syntax::ast::{ExprId, VarId};
use rustc_hash::FxHashMap;
use std::cell::RefCell;
use std::rc::Rc;

/// A value.
#[derive(Clone, Debug)]
pub(super) enum Val {
    /// Whether it is an int.
    Number(Atom, bool),
    Bool(Atom),
    Nil,
    Unspecified,
    Char(char),
    Symbol(Rc<str>),
    String(Rc<str>),
    Pair(Rc<Pair>),
    Closure(Rc<Closure>),
    Prim(Prim),
    Array(Rc<(Shape, Vec<Atom>)>),
    /// What programs do not see as a pair: its kind, its type and its content.
    Opaque(Rc<(f64, Val, Val)>),
    /// A place that is filled once.
    Cell(Rc<RefCell<Option<Val>>>),
    /// The rest of a list from an index on that is not known.
    Rest(Rc<Vec<Val>>, Atom),
}

/// A pair.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) car: Val,
    pub(super) cdr: RefCell<Val>,
}

impl Drop for Pair {
    fn drop(&mut self) {
        let mut next = self.cdr.replace(Val::Nil);
        while let Val::Pair(pair) = next {
            let Ok(pair) = Rc::try_unwrap(pair) else {
                break;
            };
            next = pair.cdr.replace(Val::Nil);
        }
    }
}

/// An expression of one of the programs: the caller's, or the prelude.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct At {
    pub(super) is_prelude: bool,
    pub(super) id: ExprId,
}

/// A procedure.
#[derive(Debug)]
pub(super) struct Closure {
    pub(super) lambda: At,
    pub(super) env: Option<Rc<Env>>,
}

/// What makes two procedures one.
pub(super) type Key = (At, *const Env);

impl Closure {
    pub(super) fn key(&self) -> Key {
        (
            self.lambda,
            self.env.as_ref().map_or(std::ptr::null(), Rc::as_ptr),
        )
    }
}

/// How many variables a scope has from which on they are found by a map.
const MANY: usize = 12;

/// The variables of a scope.
#[derive(Debug)]
pub(super) struct Env {
    vars: Box<[VarId]>,
    places: FxHashMap<VarId, usize>,
    pub(super) values: RefCell<Vec<Option<Val>>>,
    parent: Option<Rc<Env>>,
}

impl Env {
    pub(super) fn new(
        vars: &[VarId],
        values: Vec<Option<Val>>,
        parent: Option<Rc<Env>>,
    ) -> Rc<Self> {
        let places = if vars.len() < MANY {
            FxHashMap::default()
        } else {
            vars.iter()
                .enumerate()
                .map(|(place, &var)| (var, place))
                .collect()
        };
        Rc::new(Self {
            vars: vars.into(),
            places,
            values: RefCell::new(values),
            parent,
        })
    }

    fn place(&self, var: VarId) -> Option<usize> {
        if self.vars.len() < MANY {
            return self.vars.iter().position(|&own| own == var);
        }
        self.places.get(&var).copied()
    }

    /// A variable's value; none where it has none yet.
    pub(super) fn get(&self, var: VarId) -> Option<Val> {
        let mut env = self;
        loop {
            if let Some(place) = env.place(var) {
                return env.values.borrow()[place].clone();
            }
            env = env.parent.as_deref()?;
        }
    }
}

/// What a leaf is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leaf {
    Int,
    Float,
    Bool,
}

impl Val {
    pub(super) const FALSE: Val = Val::Bool(Atom::Constant(0.0));

    pub(super) fn bool(holds: bool) -> Self {
        Self::Bool(Atom::Constant(f64::from(u8::from(holds))))
    }

    pub(super) fn int(x: f64) -> Self {
        Self::Number(Atom::Constant(x), true)
    }

    pub(super) fn float(atom: Atom) -> Self {
        Self::Number(atom, false)
    }

    pub(super) fn cons(car: Val, cdr: Val) -> Self {
        Self::Pair(Rc::new(Pair {
            car,
            cdr: RefCell::new(cdr),
        }))
    }

    pub(super) fn list(
        items: impl IntoIterator<Item = Val, IntoIter: DoubleEndedIterator>,
    ) -> Self {
        Self::list_onto(items, Val::Nil)
    }

    pub(super) fn list_onto(
        items: impl IntoIterator<Item = Val, IntoIter: DoubleEndedIterator>,
        end: Val,
    ) -> Self {
        items
            .into_iter()
            .rev()
            .fold(end, |rest, item| Self::cons(item, rest))
    }

    /// The items of a proper list.
    pub(super) fn items(&self) -> Option<Vec<Val>> {
        let (items, end) = self.spine();
        matches!(end, Val::Nil).then_some(items)
    }

    /// The items of a list, and how it ends.
    pub(super) fn spine(&self) -> (Vec<Val>, Val) {
        let mut items = Vec::new();
        let mut at = self.clone();
        while let Val::Pair(pair) = at {
            items.push(pair.car.clone());
            let next = pair.cdr.borrow().clone();
            at = next;
        }
        (items, at)
    }

    /// How many steps behind another list's beginning this is, if it is a rest of it.
    pub(super) fn is_rest_of(&self, list: &Val) -> Option<usize> {
        let mut at = list.clone();
        let mut steps = 0;
        loop {
            match (&at, self) {
                (Val::Pair(a), Val::Pair(b)) if Rc::ptr_eq(a, b) => return Some(steps),
                (Val::Nil, Val::Nil) => return Some(steps),
                (Val::Pair(pair), _) => {
                    let next = pair.cdr.borrow().clone();
                    at = next;
                    steps += 1;
                }
                _ => return None,
            }
        }
    }

    /// What errors call it.
    pub(super) fn kind(&self) -> String {
        match self {
            Self::Number(..) => "a number".into(),
            Self::Bool(_) => "a boolean".into(),
            Self::Nil => "the empty list".into(),
            Self::Unspecified => "an unspecified value".into(),
            Self::Char(_) => "a character".into(),
            Self::Symbol(_) => "a symbol".into(),
            Self::String(_) => "a string".into(),
            Self::Pair(_) => match self.items() {
                Some(items) => format!("a list of {}", items.len()),
                None => "a pair".into(),
            },
            Self::Closure(_) | Self::Prim(_) => "a procedure".into(),
            Self::Array(array) => array.0.to_string(),
            Self::Opaque(_) | Self::Cell(_) => "a record, a promise or several values".into(),
            Self::Rest(..) => "a list of a length that depends on numbers".into(),
        }
    }

    /// Goes through its leaves.
    pub(super) fn leaves(&self, seen: &mut dyn FnMut(Atom, Leaf)) {
        match self {
            &Self::Number(atom, true) | &Self::Rest(_, atom) => seen(atom, Leaf::Int),
            &Self::Number(atom, false) => seen(atom, Leaf::Float),
            &Self::Bool(atom) => seen(atom, Leaf::Bool),
            Self::Pair(_) => {
                let (items, end) = self.spine();
                for item in items {
                    deeper(|| item.leaves(seen));
                }
                end.leaves(seen);
            }
            Self::Array(array) => array.1.iter().for_each(|&atom| seen(atom, Leaf::Float)),
            Self::Opaque(opaque) => {
                deeper(|| opaque.1.leaves(seen));
                deeper(|| opaque.2.leaves(seen));
            }
            _ => {}
        }
    }

    /// The same structure with other leaves.
    pub(super) fn with_leaves(&self, leaf: &mut dyn FnMut(Atom, Leaf) -> (Atom, Leaf)) -> Val {
        match self {
            &Self::Number(atom, exact) => {
                let (atom, kind) = leaf(atom, if exact { Leaf::Int } else { Leaf::Float });
                Self::Number(atom, kind == Leaf::Int)
            }
            &Self::Bool(atom) => Self::Bool(leaf(atom, Leaf::Bool).0),
            Self::Pair(_) => {
                let (items, end) = self.spine();
                let items: Vec<Val> = items
                    .iter()
                    .map(|item| deeper(|| item.with_leaves(leaf)))
                    .collect();
                let end = end.with_leaves(leaf);
                Self::list_onto(items, end)
            }
            Self::Array(array) => {
                let numbers = array.1.iter().map(|&atom| leaf(atom, Leaf::Float).0);
                Self::Array(Rc::new((array.0, numbers.collect())))
            }
            Self::Opaque(opaque) => {
                let head = deeper(|| opaque.1.with_leaves(leaf));
                let content = deeper(|| opaque.2.with_leaves(leaf));
                // The type of a record is known by what it is: it stays the same object.
                let head = if same(&head, &opaque.1) {
                    opaque.1.clone()
                } else {
                    head
                };
                Self::Opaque(Rc::new((opaque.0, head, content)))
            }
            &Self::Rest(ref items, atom) => Self::Rest(items.clone(), leaf(atom, Leaf::Int).0),
            other => other.clone(),
        }
    }
}

/// Goes deeper on a stack that grows.
pub(super) fn deeper<T>(work: impl FnOnce() -> T) -> T {
    stacker::maybe_grow(128 << 10, 4 << 20, work)
}

/// Whether two values have the same leaves in the same structure.
fn same(a: &Val, b: &Val) -> bool {
    let mut all = Vec::new();
    a.leaves(&mut |atom, _| all.push(atom));
    let mut at = 0;
    let mut equal = true;
    b.leaves(&mut |atom, _| {
        equal &= all.get(at) == Some(&atom);
        at += 1;
    });
    equal && at == all.len() && alike(a, b)
}

/// Whether two values have the same structure, whatever their leaves are.
pub(super) fn alike(a: &Val, b: &Val) -> bool {
    match (a, b) {
        (Val::Number(..), Val::Number(..))
        | (Val::Bool(_), Val::Bool(_))
        | (Val::Nil, Val::Nil)
        | (Val::Unspecified, Val::Unspecified) => true,
        (Val::Char(a), Val::Char(b)) => a == b,
        (Val::Symbol(a), Val::Symbol(b)) | (Val::String(a), Val::String(b)) => a == b,
        (Val::Prim(a), Val::Prim(b)) => a == b,
        (Val::Closure(a), Val::Closure(b)) => a.key() == b.key(),
        (Val::Array(a), Val::Array(b)) => a.0 == b.0,
        (Val::Pair(x), Val::Pair(y)) => {
            if Rc::ptr_eq(x, y) {
                return true;
            }
            let ((a, a_end), (b, b_end)) = (a.spine(), b.spine());
            a.len() == b.len()
                && a.iter().zip(&b).all(|(a, b)| deeper(|| alike(a, b)))
                && alike(&a_end, &b_end)
        }
        (Val::Opaque(a), Val::Opaque(b)) => {
            Rc::ptr_eq(a, b)
                || a.0 == b.0 && deeper(|| alike(&a.1, &b.1)) && deeper(|| alike(&a.2, &b.2))
        }
        (Val::Cell(a), Val::Cell(b)) => Rc::ptr_eq(a, b),
        (Val::Rest(a, _), Val::Rest(b, _)) => Rc::ptr_eq(a, b),
        _ => false,
    }
}
