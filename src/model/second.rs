//! Second derivatives of a model: its Hessian, and that times a direction.
//!
//! The gradient along the path taken is itself arithmetic; it is written down as a trace and
//! differentiated again.
//!
//! **Invariants**
//! - Value and gradient are those of [`Model::value_and_grad`], to the bit.
//! - The path taken decides, as with gradients: where it changes, second derivatives are those of one
//!   side.

use super::error::Error;
use super::{Model, Want};
use crate::error::Kind;
use crate::model::bindings::{Bindings, Wrt};
use crate::model::gradient::{Gradient, by_name, columns};
use crate::model::hessian::{Hessian, HessianProduct, Layout};
use crate::paths::Workspace;
use crate::source::Span;
use crate::walk::{EvalError, Limits, Stats};
use std::borrow::Cow;

/// A run that second derivatives are taken along.
struct First {
    value: f64,
    gradient: Gradient,
    layout: Layout,
}

impl Model {
    /// The program's value `f`, its gradient, and its Hessian: the matrix of second derivatives
    ///
    /// ```text
    /// H[i,j] = d²f / dx[i] dx[j]
    /// ```
    ///
    /// by all numbers `x[0] … x[n-1]` of `wrt`: inputs, params and literals, those of lists, vectors
    /// and matrices one after the other, row by row. It is `n` x `n`, row-major, exact up to rounding,
    /// and symmetric to the bit: the upper triangle is a copy of the lower one.
    ///
    /// The derivatives are those of the path taken, and an untaken branch never contaminates them. A
    /// step or a kink adds nothing: the second derivative of `abs` is 0, at 0 too. It takes about as
    /// long as `n` gradients of the gradient; where the product with a few directions will do,
    /// [`Model::hvp`] takes as long as one each.
    ///
    /// ```
    /// use dmci::{Bindings, Interpreter, Workspace, Wrt};
    ///
    /// let model = Interpreter::embedded().model("(* a (exp (* b x)))")?;
    /// let inputs = Bindings::from([("a", 2.0), ("b", 0.0), ("x", 3.0)]);
    /// let hessian = model.hessian(&inputs, Wrt::Names(&["a", "b"]), &mut Workspace::new())?;
    /// assert_eq!(hessian.value(), 2.0);
    /// assert_eq!(hessian.gradient().get("b"), Some(6.0)); // a x e^(bx)
    /// assert_eq!(hessian.get("a", "b"), Some(3.0)); // x e^(bx)
    /// assert_eq!(hessian.matrix(), [0.0, 3.0, 3.0, 18.0]);
    /// # Ok::<(), dmci::Error>(())
    /// ```
    ///
    /// # Errors
    /// When the program fails, `wrt` names nothing, the value is not a number, the run has more than
    /// two million operations, the matrix takes more than a GiB, or the model is for the reference
    /// engine.
    pub fn hessian(
        &self,
        bindings: &Bindings,
        wrt: Wrt<'_>,
        workspace: &mut Workspace,
    ) -> Result<Hessian, Error> {
        self.hessian_within(bindings, wrt, &Limits::default(), workspace)
    }

    /// The same within limits: those of the run, and of its derivatives the deadline, and `heap_bytes`,
    /// which the matrix is held against before anything is run.
    ///
    /// ```
    /// use dmci::{Bindings, Input, Interpreter, Kind, Limits, Workspace, Wrt};
    ///
    /// let model = Interpreter::embedded().model("(dot w w)")?;
    /// let inputs = Bindings::from([("w", Input::Vector(vec![0.5; 100_000]))]);
    /// let (limits, mut workspace) = (Limits::default(), Workspace::new());
    /// // It would take 80 GB.
    /// let error = model.hessian_within(&inputs, Wrt::All, &limits, &mut workspace).unwrap_err();
    /// assert_eq!(error.kind(), Kind::Resource);
    /// # Ok::<(), dmci::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Model::hessian`]; and when a limit is met.
    pub fn hessian_within(
        &self,
        bindings: &Bindings,
        wrt: Wrt<'_>,
        limits: &Limits,
        workspace: &mut Workspace,
    ) -> Result<Hessian, Error> {
        let First {
            value,
            gradient,
            layout,
        } = self.twice(bindings, wrt, None, limits, workspace)?;
        Ok(layout.hessian(value, gradient, &workspace.derivatives))
    }

    /// The program's value `f`, its gradient, and its Hessian times a direction, without the matrix:
    ///
    /// ```text
    /// p[i] = sum over j of H[i,j] direction[j]
    /// ```
    ///
    /// with a number of the direction, and of the product, for each row of [`Model::hessian`]. It takes
    /// as long as the gradient of a gradient, however many numbers there are.
    ///
    /// ```
    /// use dmci::{Bindings, Interpreter, Workspace, Wrt};
    ///
    /// let model = Interpreter::embedded().model("(* x x y)")?;
    /// let inputs = Bindings::from([("x", 2.0), ("y", 5.0)]);
    /// let product = model.hvp(&inputs, Wrt::All, &[1.0, -1.0], &mut Workspace::new())?;
    /// assert_eq!(product.product(), [10.0 - 4.0, 4.0]); // H = [2y 2x; 2x 0]
    /// # Ok::<(), dmci::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Model::hessian`]; and when the direction has not as many numbers as `wrt`.
    pub fn hvp(
        &self,
        bindings: &Bindings,
        wrt: Wrt<'_>,
        direction: &[f64],
        workspace: &mut Workspace,
    ) -> Result<HessianProduct, Error> {
        self.hvp_within(bindings, wrt, direction, &Limits::default(), workspace)
    }

    /// The same within limits: those of the run, and the deadline for its derivatives too.
    ///
    /// # Errors
    /// As [`Model::hvp`]; and when a limit is met.
    pub fn hvp_within(
        &self,
        bindings: &Bindings,
        wrt: Wrt<'_>,
        direction: &[f64],
        limits: &Limits,
        workspace: &mut Workspace,
    ) -> Result<HessianProduct, Error> {
        let First {
            value,
            gradient,
            layout,
        } = self.twice(bindings, wrt, Some(direction), limits, workspace)?;
        Ok(layout.product(value, gradient, &workspace.derivatives))
    }

    /// Runs the model; second derivatives, or their product with a direction, are in
    /// `workspace.derivatives` afterwards, nothing where all are 0.
    fn twice(
        &self,
        bindings: &Bindings,
        wrt: Wrt<'_>,
        direction: Option<&[f64]>,
        limits: &Limits,
        workspace: &mut Workspace,
    ) -> Result<First, Error> {
        let asked = self.ask(bindings, wrt, workspace)?;
        let layout = Layout::new(&asked.wrt);
        if let Some(direction) = direction
            && direction.len() != layout.size()
        {
            return Err(Error::Request(format!(
                "the direction has {} numbers, and wrt {}",
                direction.len(),
                layout.size()
            )));
        }
        let by = columns(&asked.wrt);
        if direction.is_none() {
            matrix_fits(layout.size(), by.len(), limits)?;
        }
        let run = self.run(&asked, Some(&by), Want::Path, limits, workspace)?;
        let (Some(value), Some(path)) = (run.output.number(), &run.path) else {
            return Err(self.no_number_to_differentiate(run.stats));
        };
        let gradient = by_name(asked.wrt, 1, by.len(), &workspace.derivatives);
        workspace.derivatives.clear();
        if let (Some(&Some(output)), false) = (path.leaves.first(), by.is_empty()) {
            let direction: Option<Cow<'_, [f64]>> = direction.map(|d| layout.used(d).collect());
            path.differentiate_twice(output, &by, direction.as_deref(), limits, workspace)
                .map_err(|error| Error::from(*error))?;
        }
        Ok(First {
            value,
            gradient,
            layout,
        })
    }

    fn no_number_to_differentiate(&self, stats: Stats) -> Error {
        let whole = Span::new(0, self.inner.text.len() as u32);
        let mut error = EvalError::new(
            Kind::Type,
            "only a number has second derivatives, and the value is something else",
        );
        error.span = Some(whole);
        error.position = Some(whole.position(&self.inner.text));
        error.stats = stats;
        error.into()
    }
}

/// Fails unless there may be memory for a Hessian, and for the derivatives it is made of.
fn matrix_fits(size: usize, used: usize, limits: &Limits) -> Result<(), Error> {
    let squared = |n: usize| n.saturating_mul(n);
    let numbers = squared(size).saturating_add(squared(used));
    let bytes = numbers.saturating_mul(size_of::<f64>());
    if bytes <= limits.heap_bytes {
        return Ok(());
    }
    let message = format!(
        "out of heap: a Hessian by {size} numbers takes {bytes} bytes, and the limit is {}",
        limits.heap_bytes
    );
    Err(EvalError::new(Kind::Resource, message).into())
}
