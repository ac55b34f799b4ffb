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
//!   are swapped while they run; [`machine`] is the differentiable register machine; [`search`] finds
//!   programs themselves, their constants fitted; [`dfdx`], behind
//!   the feature of that name, holds programs as layers of networks and a second opinion on every
//!   derivative.
//! - [`export`] says programs in other languages: LaTeX, `SymPy`, `NumPy`, `PyTorch`, JAX, C and plain Scheme.
//! - [`docs`] is the book: start with its tutorial.
//!
//! # The front door
//!
//! What there is to call, with an example each; all of them use
//!
//! ```
//! use dmci::{Bindings, Interpreter, Limits, Workspace, Wrt};
//!
//! let interpreter = Interpreter::embedded();
//! let model = interpreter.model("(* a (square x))")?;
//! let inputs = Bindings::from([("a", 2.0), ("x", 3.0)]);
//! let mut workspace = Workspace::new();
//! # Ok::<(), dmci::Error>(())
//! ```
//!
//! **A value, its gradient, its Hessian**: [`Model::value`], [`Model::value_and_grad`],
//! [`Model::evaluate`] within limits, [`Model::hessian`], [`Model::hvp`].
//!
//! ```
//! # use dmci::{Bindings, Interpreter, Limits, Workspace, Wrt};
//! # let interpreter = Interpreter::embedded();
//! # let model = interpreter.model("(* a (square x))")?;
//! # let inputs = Bindings::from([("a", 2.0), ("x", 3.0)]);
//! # let mut workspace = Workspace::new();
//! assert_eq!(model.value(&inputs, &mut workspace)?.number(), Some(18.0));
//! let limits = Limits::default().fuel(10_000);
//! let evaluation = model.evaluate(&inputs, Wrt::All, &limits, &mut workspace)?;
//! assert_eq!(evaluation.gradient.get("x"), Some(12.0));
//! let hessian = model.hessian(&inputs, Wrt::All, &mut workspace)?;
//! assert_eq!(hessian.get("a", "x"), Some(6.0));
//! # Ok::<(), dmci::Error>(())
//! ```
//!
//! **One model at many numbers**: [`Evaluator`], for one lane or many: values, sums with gradients,
//! vector-Jacobian products ([`Evaluator::vjp`]), Hessians times directions, in the caller's buffers.
//!
//! ```
//! # use dmci::{Bindings, Interpreter, Lane, Limits};
//! # let model = Interpreter::embedded().model("(* a (square x))")?;
//! let names = ["a", "x"];
//! let mut squares = model.evaluator(&Bindings::new(), &names, &["a"], &Limits::default())?;
//! let (lanes, mut by_a) = ([1.0, 2.0, 3.0], [0.0]);
//! let sum = squares.sum(&[Lane::Shared(2.0), Lane::Each(&lanes)], &mut by_a)?;
//! assert_eq!((sum, by_a), (28.0, [14.0]));
//! # Ok::<(), dmci::Error>(())
//! ```
//!
//! **Many programs at once**: [`Interpreter::evaluate_many`].
//!
//! ```
//! # use dmci::{Bindings, Interpreter};
//! # let interpreter = Interpreter::embedded();
//! let answers = interpreter.evaluate_many(&["(+ x 1)", "(car x)"], &Bindings::from([("x", 3.0)]));
//! assert!(answers[0].is_ok() && answers[1].is_err());
//! ```
//!
//! **Constants from data**: [`fit::fit`], on columns of the caller's or a CSV file.
//!
//! ```
//! # use dmci::Interpreter;
//! use dmci::fit::{FitOptions, Table, fit};
//!
//! let (x, y) = ([0.0, 1.0, 2.0, 3.0], [1.1, 2.9, 5.2, 6.8]);
//! let table = Table::from_columns([("x", &x[..]), ("y", &y[..])])?;
//! let line = Interpreter::embedded().model("(param k 1.0) (param c 0.0) (observe y (+ c (* k x)))")?;
//! let fitted = fit(&line, &table, &FitOptions::default())?;
//! assert!((fitted.param("k").unwrap().estimate - 1.94).abs() < 1e-9);
//! # Ok::<(), dmci::fit::FitError>(())
//! ```
//!
//! **Models swapped while they run**: [`Registry`].
//!
//! ```
//! # use dmci::{Interpreter, Registry};
//! # let interpreter = Interpreter::embedded();
//! let registry = Registry::new();
//! let handle = registry.insert("law", interpreter.model("(* a x)")?);
//! registry.swap(handle, interpreter.model("(* a x x)")?)?;
//! assert_eq!(registry.get(handle)?.text(), "(* a x x)");
//! # Ok::<(), dmci::Error>(())
//! ```
//!
//! **Why, and how**: [`Model::explain`] tells why a run went as it did, [`Model::recording`] lays it
//! open node by node, [`Error::render`] draws an error, [`verify`] certifies derivatives.
//!
//! ```
//! # use dmci::{Bindings, Interpreter, Limits, Workspace};
//! # let model = Interpreter::embedded().model("(* a (square x))")?;
//! # let inputs = Bindings::from([("a", 2.0), ("x", 3.0)]);
//! # let mut workspace = Workspace::new();
//! let recording = model.recording(&inputs, &Limits::default(), &mut workspace)?;
//! let names: Vec<&str> = recording.nodes.iter().map(|node| &*node.name).collect();
//! assert_eq!(names, ["a", "x", "square", "*"]);
//! # Ok::<(), dmci::Error>(())
//! ```
//!
//! **In networks, and from elsewhere**: [`dfdx`] has programs as layers; `dmci eval --jsonl` answers
//! lines of JSON ([for agents](docs::agents)); `include/dmci.h` is the same from C.
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
pub mod export;
pub mod fit;
pub mod graph;
pub mod machine;
mod meter;
mod model;
mod paths;
pub mod prim;
mod random;
#[cfg(feature = "dfdx")]
mod reference;
#[cfg(feature = "search")]
pub mod search;
mod sorted;
pub mod source;
mod symbol;
pub mod syntax;
mod threads;
mod trace;
pub mod verify;
pub mod walk;

pub use error::Kind;
pub use model::Error;
pub use model::MachineError;
pub use model::Stages;
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
pub use model::{NotFinite, Origin, OriginSort};
pub use model::{Operand, RecordedGuard, RecordedNode, RecordedPath, Recording};
pub use paths::Workspace;
pub use prim::relaxation::Relaxation;
pub use prim::tagged::{Tagged, TaggedError, TypeTag};
pub use random::Random;
pub use symbol::nearest;
pub use threads::Threads;
pub use walk::{Budget, EvalError, Item, Limits, Monitored, Output, Stats};
pub use walk::{Divergence, ForkGivenUp, Uncompiled, Unjoined, Way};
pub use walk::{HeapCell, Pause, Paused};
