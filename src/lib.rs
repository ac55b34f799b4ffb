//! Programs in, exact gradients of their constants out.
//!
//! dmci evaluates Scheme programs with a Scheme evaluator that is itself compiled: a model written
//! as a *program* with unknown constants is passed to it as data, and exact derivatives reach every
//! constant, through branches, loops, recursion, lists and closures.
//!
//! ```
//! use dmci::{Bindings, Interpreter, Workspace, Wrt};
//!
//! let interpreter = Interpreter::embedded();
//! let model = interpreter.model("(* a (exp (* (- b) x)))")?;
//! let inputs = Bindings::from([("a", 2.5), ("b", 0.8), ("x", 1.5)]);
//! let (y, grad) = model.value_and_grad(&inputs, Wrt::Names(&["a", "b"]), &mut Workspace::new())?;
//! assert!((y.number().unwrap() - 0.7529855).abs() < 1e-6);
//! assert!((grad.get("b").unwrap() + 1.1294783).abs() < 1e-6);
//! # Ok::<(), dmci::Error>(())
//! ```
//!
//! # From text to numbers
//!
//! ```text
//! text ──read──▶ Datum ──expand──▶ Expr ──normalize──▶ Anf ──tail_calls──▶ Anf ──build──▶ Graph ⇄ .ncg
//!                                    │                                                     │
//!                                    └── as data ──▶ the evaluator's Graph ──▶ walk ◀──────┘
//!                                                                               │
//!                                                           Trace ──▶ replay, gradient, tangents
//! ```
//!
//! - [`syntax`] reads and expands, [`graph`] is what programs are compiled to, [`walk`] runs it and
//!   records a trace, which runs the arithmetic again and is differentiated.
//! - [`Interpreter`] holds the compiled evaluator, [`Model`] a program prepared once, [`fit`] fits
//!   params to data, [`verify`] certifies derivatives; [`Registry`] keeps models that
//!   are swapped while they run; [`dfdx`], behind the
//!   feature of that name, holds programs as layers of networks and a second opinion on every
//!   derivative.
//! - [`docs`] is the book: start with its tutorial.
//!
//! # What is differentiated
//!
//! Structure is discrete, numbers are differentiable: tags, addresses, symbols, indices and branch
//! outcomes are never differentiated. The gradient is that of the path taken. Where an `if` on a
//! number that depends on the inputs joins soon, both arms are recorded and the untaken one never
//! contaminates a gradient: `(if (> x 0) (log x) 0)` has gradient 0 at 0 and at -1.

mod anf;
#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "dfdx")]
pub mod dfdx;
pub mod docs;
pub mod error;
pub mod fit;
pub mod graph;
mod model;
mod paths;
pub mod prim;
#[cfg(feature = "dfdx")]
mod reference;
pub mod source;
mod symbol;
pub mod syntax;
mod threads;
mod trace;
pub mod verify;
pub mod walk;

pub use error::Kind;
pub use model::Error;
pub use model::bindings::{Bindings, Input, Wrt};
pub use model::gradient::{Evaluation, Gradient};
pub use model::hessian::{Hessian, HessianProduct};
pub use model::interpreter::{
    Interpreter, Mode, compile_interpreter, compile_program, evaluate, evaluate_program,
    load_compiled, run_scheme, save_compiled,
};
pub use model::lanes::{Lanes, OnError};
pub use model::many::Request;
pub use model::registry::{Handle, Registry, RegistryError};
pub use model::render::Rendered;
pub use model::{Evaluator, Explanation, GuardReason, Lane, LaneError, LaneMut, Model, PathTotals};
pub use model::{Operand, RecordedGuard, RecordedNode, RecordedPath, Recording};
pub use paths::Workspace;
pub use prim::relaxation::Relaxation;
pub use prim::tagged::{Tagged, TaggedError, TypeTag};
pub use symbol::nearest;
pub use threads::Threads;
pub use walk::{Divergence, ForkGivenUp, Uncompiled, Unjoined, Way};
pub use walk::{EvalError, Item, Limits, Monitored, Output, Stats};
