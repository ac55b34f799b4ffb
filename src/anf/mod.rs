//! `Anf`: a program in administrative normal form.
//!
//! `normalize` makes it of a [`Program`](crate::syntax::Program), [`tail_calls()`] turns recursion in tail
//! position into jumps, [`crate::graph::build()`] takes it on.
//!
//! **Invariants**
//! - Every operand is an [`Atom`]: a variable, a constant, a known function.
//! - Each variable is bound by exactly one step or parameter.
//! - A block is a list of steps and an end; only an end transfers control.
//! - Steps stand in evaluation order: operator first, then arguments from the left.
//!
//! ```text
//! (lambda (x) (f (* x 2) (g x)))   =>   v3 = * v1 2;  v4 = call g v1;  tail f v3 v4
//! ```

mod normalize;
mod print;
mod scopes;
mod tail_calls;

#[cfg(test)]
pub(crate) use normalize::normalize;
pub(crate) use normalize::normalize_within;
pub(crate) use tail_calls::blocks_of;
pub(crate) use tail_calls::tail_calls;

use crate::prim::Prim;
use crate::symbol::Sym;
use crate::syntax::ast::{Constant, ExprId};
use crate::syntax::datum::DatumId;
use smallvec::SmallVec;
use std::fmt;

/// A variable of an [`Anf`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Var(pub(crate) u32);

/// A procedure of an [`Anf`]; 0 is the program itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct LambdaId(pub(crate) u32);

/// A block of an [`Anf`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct BlockId(pub(crate) u32);

impl fmt::Display for Var {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}", self.0)
    }
}

impl fmt::Display for LambdaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "f{}", self.0)
    }
}

/// The place in the program that a step stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Site {
    /// The expression, where the program has one.
    pub(crate) expr: Option<ExprId>,
    /// Whether it is an application by the program, which costs fuel.
    pub(crate) counts: bool,
}

/// Something computed already.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Atom {
    /// A variable.
    Var(Var),
    /// A constant, and the literal it was written as.
    Constant(Constant, ExprId),
    /// Quoted data, and the literal they were written as: two literals are two objects.
    Quote(DatumId, ExprId),
    /// A named input.
    Input(Sym),
    /// A primitive as a value.
    Prim(Prim),
    /// A procedure of the prelude.
    Prelude(Sym),
    /// A procedure that needs no environment.
    Function(LambdaId),
}

/// Operands, mostly few.
pub(crate) type Atoms = SmallVec<[Atom; 3]>;

/// What a step computes.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    /// A primitive with a number of arguments it accepts.
    Prim(Prim, Atoms),
    /// A call; `known` is the procedure where it is certain and takes that many arguments.
    Call {
        /// The procedure.
        operator: Atom,
        /// Its arguments.
        args: Atoms,
        /// Which procedure that is, if known.
        known: Option<LambdaId>,
    },
    /// A procedure with its environment.
    Lambda(LambdaId),
    /// The value of one of two blocks, both of which yield.
    If {
        /// Decides.
        test: Atom,
        /// Runs unless the test is #f.
        then: BlockId,
        /// Runs when the test is #f.
        otherwise: BlockId,
    },
}

/// A variable and how it is computed.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    /// The variable.
    pub(crate) var: Var,
    /// Its value.
    pub(crate) op: Op,
    /// The place in the program.
    pub(crate) site: Site,
}

/// How a block ends.
#[derive(Clone, Debug)]
pub(crate) enum End {
    /// Gives a value: of the procedure, or of the `if` whose arm the block is.
    Return(Atom),
    /// A call in tail position.
    TailCall {
        /// The procedure.
        operator: Atom,
        /// Its arguments.
        args: Atoms,
        /// Which procedure that is, if known.
        known: Option<LambdaId>,
        /// The place in the program.
        site: Site,
    },
    /// The procedure around it again, from its start, with other arguments: a loop.
    Again {
        /// The arguments.
        args: Atoms,
        /// The place in the program.
        site: Site,
    },
    /// Goes on in one of two blocks.
    If {
        /// Decides.
        test: Atom,
        /// Runs unless the test is #f.
        then: BlockId,
        /// Runs when the test is #f.
        otherwise: BlockId,
        /// The place in the program.
        site: Site,
    },
}

/// Steps and an end.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    /// In order of evaluation.
    pub(crate) steps: Vec<Step>,
    /// What comes after them.
    pub(crate) end: End,
}

/// A procedure.
#[derive(Clone, Debug)]
pub(crate) struct Lambda {
    /// What it is called.
    pub(crate) name: Option<Sym>,
    /// Its parameters; with `rest`, the last takes all further arguments as a list.
    pub(crate) params: Vec<Var>,
    /// Whether the last parameter takes all further arguments.
    pub(crate) rest: bool,
    /// Where it starts.
    pub(crate) body: BlockId,
}

/// A program in administrative normal form.
#[derive(Clone, Debug)]
pub(crate) struct Anf {
    /// The procedures; the first is the program itself.
    pub(crate) lambdas: Vec<Lambda>,
    /// All blocks of all procedures.
    pub(crate) blocks: Vec<Block>,
    /// What variables are called, where they have names.
    pub(crate) names: Vec<Option<Sym>>,
    /// The procedures that the program's top level names and that need no environment.
    pub(crate) top_level: Vec<(Sym, LambdaId)>,
}

impl Anf {
    /// A procedure.
    pub(crate) fn lambda(&self, id: LambdaId) -> &Lambda {
        &self.lambdas[id.0 as usize]
    }

    /// A block.
    pub(crate) fn block(&self, id: BlockId) -> &Block {
        &self.blocks[id.0 as usize]
    }
}
