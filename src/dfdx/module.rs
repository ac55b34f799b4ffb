//! `ProgramModule`: a program as a layer of a dfdx network.
//!
//! A model goes in, with the names of its row inputs and of its learnable constants; a dfdx module
//! comes out: vectors of `I` numbers to vectors of `O`, or batches of them, with exact gradients for
//! the layers before it and for its own constants.
//!
//! **Invariants**
//! - The program computes in `f64` whatever the network's numbers are; they are rounded once, where
//!   tensors begin.
//! - One operation on the tape a call: it keeps the Jacobian of each row, and adds cotangent times
//!   Jacobian to the gradients of input and constants.
//! - Rows know nothing of each other: a batch has the same bits, values and gradients by inputs, as
//!   its rows one at a time. Gradients by constants are the sum over rows, in `f64`, in their order.
//! - An output whose cotangent is 0 contributes nothing, even where its derivative is infinite.
//! - The tensor of constants holds *coordinates*, any real numbers; the constants themselves stay
//!   strictly inside their ranges. Without a range the two are the same number.
//!
//! ```text
//! (batch, I) ──▶ row by row: replay, Jacobian (O x (I + P)) ──▶ (batch, O)
//!                          ▲
//!                  P constants ◀── Bound::value ── coordinates: Tensor<Rank1<P>>
//! ```

use super::error::ModuleError;
use super::param_set::{Constant, buffer, narrow, widen};
use crate::model::Model;
use crate::model::bindings::Bindings;
use crate::model::interpreter::{Interpreter, Mode};
use crate::prim::relaxation::Relaxation;
use crate::symbol::nearest;
use crate::syntax::Constraint;
use crate::walk::{Item, Limits, Output};
use ::dfdx::nn::{
    BuildOnDevice, Module, ModuleMut, ModuleVisitor, NonMutableModule, TensorCollection,
    TensorOptions,
};
use ::dfdx::shapes::{Const, Dim, Dtype, HasShape, Rank1, Shape};
use ::dfdx::tensor::{Cpu, PutTape, SplitTape, Storage, Tape, Tensor, TensorFromVec};
use ::dfdx::tensor_ops::{Device, ReshapeTo};
use std::cell::RefCell;
use std::sync::Arc;

/// A program as a dfdx module: `I` numbers in, `O` numbers out, `P` learnable constants.
///
/// The program's value is a number where `O` is 1, or a list of `O` numbers. The module applies to
/// tensors of `(Const<I>,)` and to batches of `(B, Const<I>)`, with or without a tape.
///
/// ```
/// use ::dfdx::losses::mse_loss;
/// use ::dfdx::nn::{Module, ZeroGrads};
/// use ::dfdx::optim::{Optimizer, Sgd, SgdConfig};
/// use ::dfdx::shapes::Rank2;
/// use ::dfdx::tensor::{Cpu, Tensor, TensorFrom, Trace};
/// use ::dfdx::tensor_ops::Backward;
/// use dmci::Interpreter;
/// use dmci::dfdx::ProgramModule;
///
/// let device = Cpu::default();
/// let text = "(param k 1.0) (if (> x 0) (* k x) 0.0)";
/// let mut spring: ProgramModule<1, 1, 1, f32> =
///     ProgramModule::compile(&device, &Interpreter::embedded(), text, ["x"])?;
/// let mut sgd = Sgd::new(&spring, SgdConfig { lr: 0.2, ..SgdConfig::default() });
/// let x: Tensor<Rank2<3, 1>, f32, _> = device.tensor([[1.0], [2.0], [-1.0]]);
/// let y: Tensor<Rank2<3, 1>, f32, _> = device.tensor([[3.0], [6.0], [0.0]]);
/// for _ in 0..30 {
///     let predicted = spring.try_forward(x.trace(spring.alloc_grads()))?;
///     let gradients = mse_loss(predicted, y.clone()).backward();
///     sgd.update(&mut spring, &gradients).unwrap();
/// }
/// assert!((spring.value("k").unwrap() - 3.0).abs() < 1e-3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// `reset_params` leaves the constants as they are ([`ProgramModule::restore`] sets them back), and
/// `BuildModule::build`, which knows no program, makes a module that answers
/// [`ModuleError::NoProgram`].
#[derive(Clone, Debug)]
pub struct ProgramModule<
    const I: usize,
    const O: usize,
    const P: usize,
    E: Dtype,
    D: Storage<E> = Cpu,
> {
    /// The coordinates of the constants: for each, its value, or, where its param has a range, the
    /// number that stands for the value (`exp` and the logistic function lead back).
    pub constants: Tensor<Rank1<P>, E, D>,
    program: Option<Arc<Definition>>,
}

/// What of a module is not numbers.
#[derive(Clone, Debug)]
struct Definition {
    model: Model,
    /// The row inputs, then the constants.
    names: Vec<String>,
    constants: Vec<Constant>,
    fixed: Bindings,
    limits: Limits,
}

impl<const I: usize, const O: usize, const P: usize, E: Dtype> ProgramModule<I, O, P, E>
where
    Cpu: Device<E>,
{
    /// Makes a module of a prepared program: `inputs` are its row inputs, in the order of the
    /// tensors' numbers; its constants are the params that are not among them, in the order written.
    ///
    /// # Errors
    /// [`ModuleError::Request`] when the model has no such input, has inputs beside, or has another
    /// number of params.
    pub fn new(device: &Cpu, model: &Model, inputs: [&str; I]) -> Result<Self, ModuleError> {
        let params = model.params().iter();
        let constants: Vec<(&str, f64)> = params
            .filter(|param| !inputs.contains(&param.name.as_str()))
            .map(|param| (param.name.as_str(), param.init))
            .collect();
        let names: Vec<&str> = constants.iter().map(|constant| constant.0).collect();
        let constants = <[(&str, f64); P]>::try_from(constants).map_err(|_| {
            ModuleError::Request(format!(
                "the program has {} params ({}), the module has {P} constants",
                names.len(),
                names.join(", ")
            ))
        })?;
        Self::with_constants(device, model, inputs, constants, &Bindings::new())
    }

    /// Makes a module of a program's text; see [`ProgramModule::new`]. The row inputs shadow
    /// primitives and forms of the same name, and the program need not use them all.
    ///
    /// # Errors
    /// [`ModuleError::Program`] when something is wrong with the text, and those of
    /// [`ProgramModule::new`].
    pub fn compile(
        device: &Cpu,
        interpreter: &Interpreter,
        text: &str,
        inputs: [&str; I],
    ) -> Result<Self, ModuleError> {
        let bindings: Bindings = inputs.iter().map(|&name| (name, 0.0)).collect();
        let model = interpreter.model_for(text, &bindings, Mode::Interpreter);
        let model = model.map_err(|error| ModuleError::Program {
            position: error.position(text),
            error,
        })?;
        Self::new(device, &model, inputs)
    }

    /// Makes a module whose constants are the inputs and params named, with their initial values.
    /// Other params keep the value written; the remaining inputs, numbers or lists, are `fixed`.
    ///
    /// # Errors
    /// [`ModuleError::Request`] when a name comes twice or is no input of the model, when an initial
    /// value is outside the param's range, or when an input is left without a value.
    pub fn with_constants(
        device: &Cpu,
        model: &Model,
        inputs: [&str; I],
        constants: [(&str, f64); P],
        fixed: &Bindings,
    ) -> Result<Self, ModuleError> {
        let constants = constants.map(|(name, init)| {
            let param = model.params().iter().find(|param| param.name == name);
            let constraint = param.map_or(Constraint::Free, |param| param.constraint);
            Constant::new(name, init, constraint)
        });
        let constants = constants.into_iter().collect::<Result<Vec<_>, _>>()?;
        let names = inputs.iter().map(|&name| name.to_owned());
        let program = Definition {
            model: model.clone(),
            names: names
                .chain(constants.iter().map(|constant| constant.name.clone()))
                .collect(),
            constants,
            fixed: fixed.clone(),
            limits: Limits::default(),
        };
        program.check_names()?;
        let inits = program.constants.iter();
        let inits = inits.map(|constant| narrow(constant.bound.coordinate(constant.init)));
        Ok(Self {
            constants: device.try_tensor_from_vec(inits.collect(), (Const,))?,
            program: Some(Arc::new(program)),
        })
    }

    /// The same module with other limits for each row's evaluation.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        if let Some(program) = &mut self.program {
            Arc::make_mut(program).limits = limits;
        }
        self
    }

    /// Relaxes the program's soft choices another way from now on; paths recorded before serve on.
    ///
    /// # Errors
    /// [`ModuleError::Request`] when the temperature or the seed is out of range.
    pub fn relax(&mut self, relaxation: Relaxation) -> Result<(), ModuleError> {
        if let Some(program) = &mut self.program {
            let model = program.model.with_relaxation(relaxation);
            let model = model.map_err(|error| ModuleError::Request(error.to_string()))?;
            Arc::make_mut(program).model = model;
        }
        Ok(())
    }

    /// The names of the constants, in the order of their tensor's numbers.
    pub fn constant_names(&self) -> impl Iterator<Item = &str> {
        self.specifications().map(|constant| constant.name.as_str())
    }

    /// The values of the constants, in the order of their tensor's numbers.
    pub fn values(&self) -> Vec<f64> {
        let coordinates = wide(&self.constants);
        let constants = self.specifications().zip(coordinates);
        constants
            .map(|(constant, z)| constant.bound.value(z))
            .collect()
    }

    /// The value of a constant.
    pub fn value(&self, name: &str) -> Option<f64> {
        let index = self.constant_names().position(|known| known == name)?;
        Some(self.values()[index])
    }

    /// Gives a constant another value; the tensor stays the leaf that it is.
    ///
    /// # Errors
    /// [`ModuleError::Request`] when there is no such constant or the value is outside its range.
    pub fn set(&mut self, name: &str, value: f64) -> Result<(), ModuleError> {
        let mut coordinates = self.constants.as_vec();
        let known = self.specifications().zip(&mut coordinates);
        let mut known = known.filter(|(constant, _)| constant.name == name);
        let (constant, coordinate) = known.next().ok_or_else(|| {
            ModuleError::Request(format!("`{name}` is no constant of the module"))
        })?;
        *coordinate = narrow(constant.coordinate(value)?);
        drop(known);
        self.constants.copy_from(&coordinates);
        Ok(())
    }

    /// Gives all constants their initial values, which dfdx's `reset_params` does not know.
    pub fn restore(&mut self) {
        let inits = self.specifications();
        let inits = inits.map(|constant| narrow(constant.bound.coordinate(constant.init)));
        let inits: Vec<E> = inits.collect();
        if !inits.is_empty() {
            self.constants.copy_from(&inits);
        }
    }

    fn specifications(&self) -> impl Iterator<Item = &Constant> {
        let program = self.program.iter();
        program.flat_map(|program| &program.constants)
    }

    fn apply<S: Shape, R: Shape, T: Tape<E, Cpu>>(
        &self,
        input: Tensor<S, E, Cpu, T>,
        rows: usize,
        shape: R,
    ) -> Result<Tensor<R, E, Cpu, T>, ModuleError> {
        let program = self.program.as_ref().ok_or(ModuleError::NoProgram)?;
        // Gradients have the layout of the memory, so that of a broadcast or permuted input would
        // not be one number an element.
        let (input, mut tape) = input.try_contiguous()?.split_tape();
        let coordinates = wide(&self.constants);
        let bounds = || program.constants.iter().zip(&coordinates);
        let constants: Vec<f64> = bounds().map(|(c, &z)| c.bound.value(z)).collect();
        let numbers = wide(&input);
        let (outputs, jacobian) =
            program.evaluate([I, O], rows, &numbers, &constants, T::OWNS_TAPE)?;
        let outputs = outputs.into_iter().map(narrow).collect();
        let output = input.device().try_tensor_from_vec(outputs, shape)?;
        let jacobian = Jacobian {
            numbers: jacobian,
            size: [I, O, P],
            rows,
            slopes: bounds().map(|(c, &z)| c.bound.slope(z)).collect(),
        };
        let (of_input, of_constants) = (input.ghost(), self.constants.ghost());
        let of_output = output.ghost();
        tape.add_backward_op(move |gradients| {
            let cts = buffer::<E>(gradients.get_or_alloc_mut(&of_output)?);
            let cts: Vec<f64> = cts.iter().map(|&ct| widen(ct)).collect();
            let (by_input, by_constants) = jacobian.pull_back(&cts);
            add(
                buffer::<E>(gradients.get_or_alloc_mut(&of_input)?),
                &by_input,
            );
            add(
                buffer::<E>(gradients.get_or_alloc_mut(&of_constants)?),
                &by_constants,
            );
            Ok(())
        });
        Ok(output.put_tape(tape))
    }
}

impl Definition {
    /// Evaluates all rows: values, and Jacobians where they are asked for, one row after another.
    fn evaluate(
        &self,
        [inputs, outputs]: [usize; 2],
        rows: usize,
        numbers: &[f64],
        constants: &[f64],
        jacobians: bool,
    ) -> Result<(Vec<f64>, Vec<f64>), ModuleError> {
        let size = if jacobians {
            outputs * self.names.len()
        } else {
            0
        };
        let mut values = Vec::with_capacity(rows * outputs);
        let mut jacobian = vec![0.0; rows * size];
        let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        let run = self
            .model
            .evaluator(&self.fixed, &names, &names, &self.limits);
        let mut run = run.map_err(|error| ModuleError::Program {
            error,
            position: None,
        })?;
        let mut variables = vec![0.0; inputs];
        variables.extend_from_slice(constants);
        for row in 0..rows {
            variables[..inputs].copy_from_slice(&numbers[row * inputs..(row + 1) * inputs]);
            run.run_at(&variables, jacobians)
                .map_err(|error| ModuleError::Row {
                    row,
                    position: error.position(self.model.text()),
                    error,
                })?;
            if !is_vector(run.output(), outputs) {
                return Err(ModuleError::Output {
                    row,
                    found: describe(run.output()),
                    expected: match outputs {
                        1 => "a number".into(),
                        _ => format!("a list of {outputs} numbers"),
                    },
                });
            }
            values.extend(run.output().numbers());
            if jacobians {
                jacobian[row * size..(row + 1) * size].copy_from_slice(run.derivatives());
            }
        }
        Ok((values, jacobian))
    }

    fn check_names(&self) -> Result<(), ModuleError> {
        let known = self.model.inputs();
        for (index, name) in self.names.iter().enumerate() {
            if self.names[..index].contains(name) || self.fixed.get(name).is_some() {
                return Err(ModuleError::Request(format!("`{name}` is given twice")));
            }
            if !known.contains(name) {
                let hint = nearest(name, known.iter().map(String::as_str))
                    .map_or(String::new(), |near| format!("; is it `{near}`?"));
                return Err(ModuleError::Request(format!(
                    "`{name}` is no input of the program{hint}"
                )));
            }
        }
        let has_value = |name: &String| {
            self.names.contains(name)
                || self.fixed.get(name).is_some()
                || self.model.params().iter().any(|param| param.name == *name)
        };
        match known.iter().find(|name| !has_value(name)) {
            Some(name) => Err(ModuleError::Request(format!(
                "the program's input `{name}` is no row input, no constant and not fixed"
            ))),
            None => Ok(()),
        }
    }
}

/// Whether a value is what a module with so many outputs gives.
fn is_vector(output: &Output, outputs: usize) -> bool {
    let number = |item: &Item| matches!(item, Item::Number { .. });
    match output.items() {
        [item] if outputs == 1 => number(item),
        [Item::List(length) | Item::Vector(length), items @ ..] => {
            *length as usize == outputs && items.len() == outputs && items.iter().all(number)
        }
        _ => false,
    }
}

fn describe(output: &Output) -> String {
    match output.items() {
        [Item::Number { .. }] => "a number".into(),
        [Item::List(length), ..] if output.is_numeric() => format!("a list of {length}"),
        [Item::Vector(length), ..] => format!("a vector of {length}"),
        _ => {
            let text = output.to_scheme();
            match text.char_indices().nth(40) {
                Some((end, _)) => format!("{}…", &text[..end]),
                None => text,
            }
        }
    }
}

/// The derivatives of all rows' outputs by the row's inputs and the constants.
struct Jacobian {
    /// Row after row, each output after output, each by inputs and then by constants.
    numbers: Vec<f64>,
    /// How many inputs, outputs, constants.
    size: [usize; 3],
    rows: usize,
    /// The derivatives of the constants by their coordinates.
    slopes: Vec<f64>,
}

impl Jacobian {
    /// Cotangents of all outputs to those of inputs and of coordinates.
    fn pull_back(&self, cts: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let [inputs, outputs, constants] = self.size;
        let width = inputs + constants;
        let mut by_inputs = vec![0.0; self.rows * inputs];
        let mut by_constants = vec![0.0; constants];
        let mut sums = vec![0.0; width];
        for row in 0..self.rows {
            let own = row * outputs..(row + 1) * outputs;
            let partials = &self.numbers[own.start * width..own.end * width];
            sums.fill(0.0);
            for (&ct, partials) in cts[own].iter().zip(partials.chunks(width.max(1))) {
                if ct != 0.0 {
                    for (sum, partial) in sums.iter_mut().zip(partials) {
                        *sum += ct * partial;
                    }
                }
            }
            let (by_row, by_all) = sums.split_at(inputs);
            by_inputs[row * inputs..(row + 1) * inputs].copy_from_slice(by_row);
            for ((sum, ct), slope) in by_constants.iter_mut().zip(by_all).zip(&self.slopes) {
                *sum += ct * slope;
            }
        }
        (by_inputs, by_constants)
    }
}

/// The numbers of a tensor in the order of its shape.
fn wide<S: Shape, E: Dtype>(tensor: &Tensor<S, E, Cpu>) -> Vec<f64> {
    // dfdx reads one number of a tensor that has none.
    if tensor.shape().num_elements() == 0 {
        return Vec::new();
    }
    tensor.as_vec().into_iter().map(widen).collect()
}

fn add<E: Dtype>(gradient: &mut [E], cts: &[f64]) {
    for (sum, &ct) in gradient.iter_mut().zip(cts) {
        *sum += narrow(ct);
    }
}

impl<const I: usize, const O: usize, const P: usize, E, T> Module<Tensor<Rank1<I>, E, Cpu, T>>
    for ProgramModule<I, O, P, E>
where
    E: Dtype,
    T: Tape<E, Cpu>,
    Cpu: Device<E>,
{
    type Output = Tensor<Rank1<O>, E, Cpu, T>;
    type Error = ModuleError;

    fn try_forward(&self, input: Tensor<Rank1<I>, E, Cpu, T>) -> Result<Self::Output, ModuleError> {
        self.apply(input, 1, (Const,))
    }
}

impl<B, const I: usize, const O: usize, const P: usize, E, T>
    Module<Tensor<(B, Const<I>), E, Cpu, T>> for ProgramModule<I, O, P, E>
where
    B: Dim,
    E: Dtype,
    T: Tape<E, Cpu>,
    Cpu: Device<E>,
{
    type Output = Tensor<(B, Const<O>), E, Cpu, T>;
    type Error = ModuleError;

    fn try_forward(
        &self,
        input: Tensor<(B, Const<I>), E, Cpu, T>,
    ) -> Result<Self::Output, ModuleError> {
        let rows = input.shape().0;
        self.apply(input, rows.size(), (rows, Const))
    }
}

impl<const I: usize, const O: usize, const P: usize, E: Dtype, D: Storage<E>> NonMutableModule
    for ProgramModule<I, O, P, E, D>
{
}

impl<const I: usize, const O: usize, const P: usize, E: Dtype, D: Device<E>> TensorCollection<E, D>
    for ProgramModule<I, O, P, E, D>
{
    type To<E2: Dtype, D2: Device<E2>> = ProgramModule<I, O, P, E2, D2>;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
        visitor: &mut V,
    ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        // A conversion makes a module of tensors alone; the accessors see which program it is of.
        let program = RefCell::new(None);
        visitor.visit_fields(
            Self::tensor(
                "constants",
                |module| {
                    program.replace(module.program.clone());
                    &module.constants
                },
                |module| {
                    program.replace(module.program.clone());
                    &mut module.constants
                },
                TensorOptions::reset_with(|_| Ok(())),
            ),
            |constants| ProgramModule {
                constants,
                program: program.take(),
            },
        )
    }
}

/// A dfdx layer whose errors are [`ModuleError`]s, so that a tuple of layers and programs is a module.
///
/// ```
/// use ::dfdx::nn::builders::Linear;
/// use ::dfdx::nn::{DeviceBuildExt, Module};
/// use ::dfdx::shapes::Rank2;
/// use ::dfdx::tensor::{AsArray, Cpu, ZerosTensor};
/// use dmci::Interpreter;
/// use dmci::dfdx::{Layer, ProgramModule};
///
/// let device = Cpu::default();
/// let text = "(param k 0.5) (list (* k (- a b)) (tanh a))";
/// let program = ProgramModule::<2, 2, 1, f32>::compile(
///     &device,
///     &Interpreter::embedded(),
///     text,
///     ["a", "b"],
/// )?;
/// let network = (
///     device.build_module::<Layer<Linear<3, 2>>, f32>(),
///     program,
///     device.build_module::<Layer<Linear<2, 1>>, f32>(),
/// );
/// let y = network.forward(device.zeros::<Rank2<5, 3>>());
/// assert_eq!(y.array().len(), 5);
/// # Ok::<(), dmci::dfdx::ModuleError>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Layer<M>(
    /// The layer.
    pub M,
);

impl<X, M: Module<X>> Module<X> for Layer<M>
where
    ModuleError: From<M::Error>,
{
    type Output = M::Output;
    type Error = ModuleError;

    fn try_forward(&self, input: X) -> Result<Self::Output, ModuleError> {
        Ok(self.0.try_forward(input)?)
    }
}

impl<X, M: ModuleMut<X>> ModuleMut<X> for Layer<M>
where
    ModuleError: From<M::Error>,
{
    type Output = M::Output;
    type Error = ModuleError;

    fn try_forward_mut(&mut self, input: X) -> Result<Self::Output, ModuleError> {
        Ok(self.0.try_forward_mut(input)?)
    }
}

impl<E: Dtype, D: Device<E>, M: TensorCollection<E, D>> TensorCollection<E, D> for Layer<M> {
    type To<E2: Dtype, D2: Device<E2>> = Layer<M::To<E2, D2>>;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
        visitor: &mut V,
    ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        visitor.visit_fields(
            Self::module("layer", |layer| &layer.0, |layer| &mut layer.0),
            Layer,
        )
    }
}

impl<E: Dtype, D: Device<E>, M: BuildOnDevice<D, E>> BuildOnDevice<D, E> for Layer<M> {
    type Built = Layer<M::Built>;
}
