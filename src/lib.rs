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
//! - [`syntax`] reads and expands, [`anf`] and [`graph`] compile, [`engine`] walks and records,
//!   [`trace`] runs the arithmetic again and differentiates it.
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

pub mod anf;
mod bindings;
mod bounds;
#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "dfdx")]
pub mod dfdx;
pub mod docs;
pub mod engine;
pub mod error;
pub mod fit;
mod gradient;
pub mod graph;
mod hessian;
mod interpreter;
mod lanes;
mod many;
mod model;
pub mod prim;
mod registry;
mod relaxation;
pub mod source;
pub mod symbol;
pub mod syntax;
mod tagged;
mod threads;
pub mod trace;
mod value;
pub mod verify;

pub use bindings::{Bindings, Input, Wrt};
pub use engine::{EvalError, Item, Limits, Output, Stats, Workspace};
pub use error::{Error, Kind};
pub use gradient::{Evaluation, Gradient};
pub use hessian::{Hessian, HessianProduct};
pub use interpreter::{
    Interpreter, Mode, compile_interpreter, compile_program, evaluate, evaluate_program,
    load_compiled, run_scheme, save_compiled,
};
pub use lanes::{Lanes, OnError};
pub use many::Request;
pub use model::{Evaluator, Lane, Model, PathTotals, nearest};
pub use registry::{Handle, Registry, RegistryError};
pub use relaxation::Relaxation;
pub use tagged::{Tagged, TaggedError, TypeTag};
