//! `ProgramModule`: a program as a layer of a dfdx network.
//!
//! A model goes in, with its row inputs and the names of its learnable constants; a dfdx module comes
//! out: vectors of `I` numbers to vectors of `O`, or batches of them, with exact gradients for the
//! layers before it and for its own constants.
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
//! (batch, I) ──▶ `rows`: values, and Jacobians (O x (I + P)) ──▶ (batch, O)
//!                  ▲
//!          P constants ◀── Bound::value ── coordinates: Tensor<Rank1<P>>
//! ```

use super::constants::{self, Constant, key_of_all, narrow, widen};
use super::error::ModuleError;
use super::param_set::buffer;
use super::rows::{Backward, Definition, Kept, Outputs};
use crate::model::Model;
use crate::model::bindings::{Bindings, Input};
use crate::model::interpreter::{Interpreter, Mode};
use crate::prim::relaxation::Relaxation;
use crate::syntax::Constraint;
use crate::walk::Limits;
use ::dfdx::nn::{
    BuildOnDevice, Module, ModuleFields, ModuleMut, ModuleVisitor, NonMutableModule,
    TensorCollection, TensorOptions,
};
use ::dfdx::shapes::{Const, Dim, Dtype, HasShape, Rank1, Shape};
use ::dfdx::tensor::{Cpu, PutTape, SplitTape, Storage, Tape, Tensor, TensorFromVec};
use ::dfdx::tensor_ops::{Device, ReshapeTo};
use std::cell::RefCell;
use std::path::Path;
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
/// The numbers may also be one vector of the program, or a matrix: see [`RowInputs`]. The page
/// [on dfdx](crate::docs::dfdx) has examples of wide inputs, batches and files.
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
    /// What a visitor is shown first; see [`TensorCollection::iter_tensors`] below.
    nothing: (),
}

/// What the `I` numbers of a row are to the program.
///
/// ```
/// use ::dfdx::nn::Module;
/// use ::dfdx::shapes::Rank2;
/// use ::dfdx::tensor::{AsArray, Cpu, Tensor, TensorFrom};
/// use dmci::Interpreter;
/// use dmci::dfdx::{ProgramModule, RowInputs};
///
/// let device = Cpu::default();
/// let model = Interpreter::embedded().model("(param k 2.0) (* k (norm v))")?;
/// let length: ProgramModule<2, 1, 1, f64> =
///     ProgramModule::new(&device, &model, RowInputs::Vector("v"))?;
/// let x: Tensor<Rank2<2, 2>, f64, _> = device.tensor([[3.0, 4.0], [0.0, 1.0]]);
/// assert_eq!(length.forward(x).array(), [[10.0], [2.0]]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub enum RowInputs<'a, const I: usize> {
    /// Inputs of these names, a number each. An array of names is this.
    Numbers([&'a str; I]),
    /// One input, a vector of all numbers.
    Vector(&'a str),
    /// One input, a matrix of all numbers, row by row.
    Matrix {
        /// Its name.
        name: &'a str,
        /// How many rows it has.
        rows: usize,
    },
}

impl<'a, const I: usize> From<[&'a str; I]> for RowInputs<'a, I> {
    fn from(names: [&'a str; I]) -> Self {
        Self::Numbers(names)
    }
}

impl<const I: usize> RowInputs<'_, I> {
    /// The names of the inputs.
    fn names(&self) -> &[&str] {
        match self {
            Self::Numbers(names) => names,
            Self::Vector(name) | Self::Matrix { name, .. } => std::slice::from_ref(name),
        }
    }

    /// What each is bound to where its numbers do not matter.
    fn shapes(&self) -> Result<Bindings, ModuleError> {
        let refuse = |what: String| Err(ModuleError::Request(what));
        let input = match *self {
            Self::Numbers(_) => Input::Number(0.0),
            Self::Vector(name) | Self::Matrix { name, .. } if I == 0 => {
                return refuse(format!("`{name}` would be an array without numbers"));
            }
            Self::Vector(_) => Input::Vector(vec![0.0; I]),
            Self::Matrix { name, rows } if !I.is_multiple_of(rows.max(1)) || rows == 0 => {
                return refuse(format!("{I} numbers are no matrix `{name}` of {rows} rows"));
            }
            Self::Matrix { rows, .. } => Input::Matrix {
                rows,
                columns: I / rows,
                numbers: vec![0.0; I],
            },
        };
        let names = self.names().iter();
        Ok(names.map(|&name| (name, input.clone())).collect())
    }
}

impl<const I: usize, const O: usize, const P: usize, E: Dtype> ProgramModule<I, O, P, E>
where
    Cpu: Device<E>,
{
    /// Makes a module of a prepared program: `inputs` are its row inputs, names in the order of the
    /// tensors' numbers or one array of them all; its constants are the params that are not among them,
    /// in the order written.
    ///
    /// # Errors
    /// [`ModuleError::Request`] when the model has no such input, has inputs beside, or has another
    /// number of params.
    pub fn new<'n>(
        device: &Cpu,
        model: &Model,
        inputs: impl Into<RowInputs<'n, I>>,
    ) -> Result<Self, ModuleError> {
        let inputs = inputs.into();
        let params = model.params().iter();
        let constants: Vec<(&str, f64)> = params
            .filter(|param| !inputs.names().contains(&param.name.as_str()))
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
    pub fn compile<'n>(
        device: &Cpu,
        interpreter: &Interpreter,
        text: &str,
        inputs: impl Into<RowInputs<'n, I>>,
    ) -> Result<Self, ModuleError> {
        let inputs = inputs.into();
        let model = interpreter.model_for(text, &inputs.shapes()?, Mode::Interpreter);
        let model = model.map_err(|error| ModuleError::Program {
            position: error.position(text),
            error,
        })?;
        Self::new(device, &model, inputs)
    }

    /// Makes a module whose constants are the inputs and params named, with their initial values.
    /// Other params keep the value written; the remaining inputs, numbers, arrays or lists, are
    /// `fixed`.
    ///
    /// # Errors
    /// [`ModuleError::Request`] when a name comes twice or is no input of the model, when an initial
    /// value is outside the param's range, or when an input is left without a value.
    pub fn with_constants<'n>(
        device: &Cpu,
        model: &Model,
        inputs: impl Into<RowInputs<'n, I>>,
        constants: [(&str, f64); P],
        fixed: &Bindings,
    ) -> Result<Self, ModuleError> {
        let inputs = inputs.into();
        let constants = constants.map(|(name, init)| {
            let param = model.params().iter().find(|param| param.name == name);
            let constraint = param.map_or(Constraint::Free, |param| param.constraint);
            Constant::new(name, init, constraint)
        });
        let constants = constants.into_iter().collect::<Result<Vec<_>, _>>()?;
        let program = Definition::new(model, inputs.names(), inputs.shapes()?, constants, fixed)?;
        let inits = program.constants.iter();
        let inits = inits.map(|constant| narrow(constant.bound.coordinate(constant.init)));
        Ok(Self {
            constants: device.try_tensor_from_vec(inits.collect(), (Const,))?,
            program: Some(Arc::new(program)),
            nothing: (),
        })
    }

    /// The same module with other limits for each row's evaluation.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        if let Some(program) = &mut self.program {
            let program = Arc::make_mut(program);
            program.limits = limits;
            program.kept = Kept::default();
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
            let program = Arc::make_mut(program);
            program.model = model;
            program.kept = Kept::default();
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

    /// Writes the constants' names, values and ranges to a file that
    /// [`ProgramModule::load_constants`] reads, and people.
    ///
    /// ```
    /// use ::dfdx::tensor::Cpu;
    /// use dmci::Interpreter;
    /// use dmci::dfdx::ProgramModule;
    ///
    /// let (device, interpreter) = (Cpu::default(), Interpreter::embedded());
    /// let text = "(param k 1.0) (param tau 2.0 (> 0)) (* k (exp (- (/ x tau))))";
    /// let mut module: ProgramModule<1, 1, 2, f32> =
    ///     ProgramModule::compile(&device, &interpreter, text, ["x"])?;
    /// module.set("tau", 0.5)?;
    /// let path = std::env::temp_dir().join(format!("constants-{}.json", std::process::id()));
    /// module.save_constants(&path)?;
    ///
    /// let turned = "(param tau 0.1 (between 0 1)) (param k 3.0) (* k (exp (- (/ x tau))))";
    /// let mut other: ProgramModule<1, 1, 2, f32> =
    ///     ProgramModule::compile(&device, &interpreter, turned, ["x"])?;
    /// other.load_constants(&path)?;
    /// assert_eq!(other.value("k"), Some(1.0));
    /// assert!((other.value("tau").unwrap() - 0.5).abs() < 1e-7);
    /// # std::fs::remove_file(&path).unwrap();
    /// # Ok::<(), dmci::dfdx::ModuleError>(())
    /// ```
    ///
    /// # Errors
    /// [`ModuleError::File`] when a value is not finite or the file cannot be written, and
    /// [`ModuleError::NoProgram`].
    pub fn save_constants(&self, path: impl AsRef<Path>) -> Result<(), ModuleError> {
        let program = self.program.as_ref().ok_or(ModuleError::NoProgram)?;
        let coordinates = wide(&self.constants);
        constants::save(path.as_ref(), program.constants.iter().zip(coordinates))
    }

    /// Gives the constants the values of a file, by their names, whatever their order there; the tensor
    /// stays the leaf that it is.
    ///
    /// # Errors
    /// [`ModuleError::File`] when the file cannot be read, has other names than the module, or a value
    /// that is outside its range here; nothing is changed then. And [`ModuleError::NoProgram`].
    pub fn load_constants(&mut self, path: impl AsRef<Path>) -> Result<(), ModuleError> {
        let program = self.program.as_ref().ok_or(ModuleError::NoProgram)?;
        let all: Vec<&Constant> = program.constants.iter().collect();
        let coordinates: Vec<E> = constants::load(path.as_ref(), &all)?;
        if !coordinates.is_empty() {
            self.constants.copy_from(&coordinates);
        }
        Ok(())
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
        let mut numbers = vec![E::default(); rows * I];
        if !numbers.is_empty() {
            input.copy_into(&mut numbers);
        }
        let Outputs { values, jacobian } =
            program.evaluate([I, O], &numbers, rows, &constants, T::OWNS_TAPE)?;
        let values = values.into_iter().map(narrow).collect();
        let output = input.device().try_tensor_from_vec(values, shape)?;
        let backward = Backward {
            jacobian,
            size: [I, O],
            rows,
            slopes: bounds().map(|(c, &z)| c.bound.slope(z)).collect(),
            program: program.clone(),
        };
        let (of_input, of_constants) = (input.ghost(), self.constants.ghost());
        let of_output = output.ghost();
        tape.add_backward_op(move |gradients| {
            let cts = buffer::<E>(gradients.get_or_alloc_mut(&of_output)?).to_vec();
            let by_inputs = buffer::<E>(gradients.get_or_alloc_mut(&of_input)?);
            let by_constants = backward.pull_back(&cts, by_inputs);
            add(
                buffer::<E>(gradients.get_or_alloc_mut(&of_constants)?),
                &by_constants,
            );
            Ok(())
        });
        Ok(output.put_tape(tape))
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

/// One tensor, called by the names and ranges of the constants, in order: dfdx's files hold their
/// coordinates. The visitor is first shown a collection of nothing, as in [`super::ParamSet`], because
/// the accessor that takes it there sees which program it is.
impl<const I: usize, const O: usize, const P: usize, E: Dtype, D: Device<E>> TensorCollection<E, D>
    for ProgramModule<I, O, P, E, D>
{
    type To<E2: Dtype, D2: Device<E2>> = ProgramModule<I, O, P, E2, D2>;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
        visitor: &mut V,
    ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        let program: RefCell<Option<Arc<Definition>>> = RefCell::new(None);
        Self::module(
            "",
            |module| {
                program.replace(module.program.clone());
                &module.nothing
            },
            |module| {
                program.replace(module.program.clone());
                &mut module.nothing
            },
        )
        .visit_fields(visitor)?;
        // A conversion makes a module of tensors alone.
        let program = program.into_inner();
        let constants = program.as_ref().map(|program| program.constants.as_slice());
        let key = key_of_all(constants.unwrap_or_default());
        visitor.visit_fields(
            Self::tensor(
                &key,
                |module| &module.constants,
                |module| &mut module.constants,
                TensorOptions::reset_with(|_| Ok(())),
            ),
            |constants| ProgramModule {
                constants,
                program: program.clone(),
                nothing: (),
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
