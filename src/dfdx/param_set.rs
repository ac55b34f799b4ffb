//! `ParamSet`: learnable constants whose number is known only when the program is.
//!
//! Names with initial values and ranges go in, or a program's params; a dfdx collection of tensors
//! comes out, which any dfdx optimizer steps and which saves and loads by name.
//!
//! **Invariants**
//! - A tensor holds a *coordinate*, any real number; the value it stands for is inside the param's
//!   range, strictly, wherever an optimizer goes. Without a range the two are the same number.
//! - One rank 0 tensor a param; its name, with its range if it has one, is the tensor's key in a
//!   `.safetensors` or `.npz` file, so a file never gives a value by the coordinate of another range.
//! - Tensors keep their identity when values are set, loaded or restored: optimizers and gradients go
//!   on knowing them.
//!
//! ```text
//! (param k 2.0)             tensor  2.0        value  2.0
//! (param tau 0.5 (> 0))     tensor  ln 0.5     value  0.5
//! ```

use super::constants::{self, Constant, narrow, widen};
use super::error::ModuleError;
use crate::fit::bounds::Bound;
use crate::model::Model;
use crate::model::bindings::Bindings;
use crate::syntax::{Constraint, Param};
use ::dfdx::nn::{ModuleFields, ModuleVisitor, TensorCollection, TensorOptions, ZeroGrads};
use ::dfdx::shapes::{Dtype, Rank0};
use ::dfdx::tensor::{Cpu, Gradients, PutTape, SplitTape, Storage, Tape, Tensor, TensorFromVec};
use ::dfdx::tensor_ops::Device;
use std::cell::RefCell;
use std::path::Path;
use std::sync::Arc;

/// Learnable constants by name, as tensors of a dfdx device.
///
/// ```
/// use ::dfdx::optim::{Adam, AdamConfig, Optimizer};
/// use ::dfdx::tensor::Cpu;
/// use dmci::dfdx::ParamSet;
/// use dmci::{Interpreter, Workspace, Wrt};
///
/// // Half of an exponential's height is lost by t = 3: what is its time constant?
/// let text = "(param tau 1.0 (> 0)) (square (- (exp (/ -3 tau)) 0.5))";
/// let model = Interpreter::embedded().model(text)?;
/// let mut params: ParamSet<f64> = ParamSet::of_model(&Cpu::default(), &model)?;
/// let mut adam = Adam::new(&params, AdamConfig { lr: 0.1, ..AdamConfig::default() });
/// let mut workspace = Workspace::new();
/// for _ in 0..300 {
///     let inputs = params.bindings();
///     let (_, slopes) = model.value_and_grad(&inputs, Wrt::All, &mut workspace)?;
///     let gradients = params.gradients(|name| slopes.get(name).unwrap_or(0.0))?;
///     adam.update(&mut params, &gradients).unwrap();
/// }
/// assert!((params.value("tau").unwrap() - 3.0 / 2_f64.ln()).abs() < 1e-3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct ParamSet<E: Dtype, D: Storage<E> = Cpu> {
    coordinates: Vec<Tensor<Rank0, E, D>>,
    constants: Arc<[Constant]>,
    /// What a visitor is shown first; see [`TensorCollection::iter_tensors`] below.
    nothing: (),
}

impl<E: Dtype> ParamSet<E>
where
    Cpu: Device<E>,
{
    /// Makes a set of names, initial values and ranges, in their order.
    ///
    /// # Errors
    /// [`ModuleError::Request`] when a name comes twice or an initial value is outside its range.
    pub fn new<'n>(
        device: &Cpu,
        params: impl IntoIterator<Item = (&'n str, f64, Constraint)>,
    ) -> Result<Self, ModuleError> {
        let mut constants: Vec<Constant> = Vec::new();
        let mut coordinates = Vec::new();
        for (name, init, constraint) in params {
            if constants.iter().any(|constant| constant.name == name) {
                return Err(ModuleError::Request(format!("`{name}` is given twice")));
            }
            let constant = Constant::new(name, init, constraint)?;
            let coordinate = narrow(constant.coordinate(init)?);
            coordinates.push(device.try_tensor_from_vec(vec![coordinate], ())?);
            constants.push(constant);
        }
        Ok(Self {
            coordinates,
            constants: constants.into(),
            nothing: (),
        })
    }

    /// Makes the set of a program's params, with their initial values and ranges.
    ///
    /// # Errors
    /// As [`ParamSet::new`].
    pub fn of_model(device: &Cpu, model: &Model) -> Result<Self, ModuleError> {
        let param = |param: &Param| (param.init, param.constraint);
        let params = model.params().iter().map(|p| (p.name.as_str(), param(p)));
        Self::new(
            device,
            params.map(|(name, (init, range))| (name, init, range)),
        )
    }

    /// The value of a param.
    pub fn value(&self, name: &str) -> Option<f64> {
        self.index(name).map(|index| self.value_at(index))
    }

    /// Names and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, f64)> {
        let names = self.names().enumerate();
        names.map(|(index, name)| (name, self.value_at(index)))
    }

    /// The values, as inputs of an evaluation.
    pub fn bindings(&self) -> Bindings {
        self.iter().collect()
    }

    /// Gives a param another value; its tensor stays the leaf that it is.
    ///
    /// # Errors
    /// [`ModuleError::Request`] when there is no such param or the value is outside its range.
    pub fn set(&mut self, name: &str, value: f64) -> Result<(), ModuleError> {
        let index = self
            .index(name)
            .ok_or_else(|| ModuleError::Request(format!("`{name}` is no param of the set")))?;
        let coordinate = narrow(self.constants[index].coordinate(value)?);
        self.coordinates[index].copy_from(&[coordinate]);
        Ok(())
    }

    /// Gives all params their initial values, which dfdx's `reset_params` does not know.
    pub fn restore(&mut self) {
        for (constant, tensor) in self.constants.iter().zip(&mut self.coordinates) {
            tensor.copy_from(&[narrow(constant.bound.coordinate(constant.init))]);
        }
    }

    /// Writes names, values and ranges to a file that [`ParamSet::load_constants`] reads, and people.
    ///
    /// # Errors
    /// [`ModuleError::File`] when a value is not finite or the file cannot be written.
    pub fn save_constants(&self, path: impl AsRef<Path>) -> Result<(), ModuleError> {
        let all = self.constants.iter().enumerate();
        let all = all.map(|(index, constant)| (constant, self.coordinate_at(index)));
        constants::save(path.as_ref(), all)
    }

    /// Gives the params the values of a file, by their names; the tensors stay the leaves that they
    /// are.
    ///
    /// # Errors
    /// [`ModuleError::File`] when the file cannot be read, has other names than the set, or a value
    /// that is outside its range here. Nothing is changed then.
    pub fn load_constants(&mut self, path: impl AsRef<Path>) -> Result<(), ModuleError> {
        let all: Vec<&Constant> = self.constants.iter().collect();
        let coordinates: Vec<E> = constants::load(path.as_ref(), &all)?;
        for (tensor, coordinate) in self.coordinates.iter_mut().zip(coordinates) {
            tensor.copy_from(&[coordinate]);
        }
        Ok(())
    }

    /// The gradients by the tensors, for an optimizer, given the derivatives by the values.
    ///
    /// # Errors
    /// [`ModuleError::Device`] when there is no memory.
    pub fn gradients(
        &self,
        derivative: impl Fn(&str) -> f64,
    ) -> Result<Gradients<E, Cpu>, ModuleError> {
        let mut gradients = self.try_alloc_grads()?;
        for (index, tensor) in self.coordinates.iter().enumerate() {
            let ct = derivative(&self.constants[index].name) * self.slope_at(index);
            buffer::<E>(gradients.get_or_alloc_mut(tensor)?)[0] = narrow(ct);
        }
        Ok(gradients)
    }

    /// The value of a param as a tensor of rank 0 whose gradient reaches the set. None where there
    /// is no such param.
    ///
    /// # Errors
    /// [`ModuleError::Device`] when there is no memory.
    pub fn on_tape<T: Tape<E, Cpu>>(
        &self,
        name: &str,
    ) -> Result<Option<Tensor<Rank0, E, Cpu, T>>, ModuleError> {
        let Some(index) = self.index(name) else {
            return Ok(None);
        };
        let leaf = self.coordinates[index].retaped::<T>();
        if self.constants[index].bound == Bound::Free {
            return Ok(Some(leaf));
        }
        let (leaf, mut tape) = leaf.split_tape();
        let value = vec![narrow(self.value_at(index))];
        let value = leaf.device().try_tensor_from_vec(value, ())?;
        let slope = self.slope_at(index);
        let (of_leaf, of_value) = (leaf.ghost(), value.ghost());
        tape.add_backward_op(move |gradients| {
            let ct = buffer::<E>(gradients.get_or_alloc_mut(&of_value)?)[0];
            buffer::<E>(gradients.get_or_alloc_mut(&of_leaf)?)[0] += narrow(widen(ct) * slope);
            Ok(())
        });
        Ok(Some(value.put_tape(tape)))
    }

    fn coordinate_at(&self, index: usize) -> f64 {
        widen(self.coordinates[index].as_vec()[0])
    }

    fn value_at(&self, index: usize) -> f64 {
        self.constants[index].bound.value(self.coordinate_at(index))
    }

    fn slope_at(&self, index: usize) -> f64 {
        self.constants[index].bound.slope(self.coordinate_at(index))
    }
}

impl<E: Dtype, D: Storage<E>> ParamSet<E, D> {
    /// The names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.constants.iter().map(|constant| constant.name.as_str())
    }

    /// How many params there are.
    pub fn len(&self) -> usize {
        self.constants.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.constants.is_empty()
    }

    /// The coordinate of a param: the tensor that optimizers step and that gradients are asked of.
    pub fn coordinate(&self, name: &str) -> Option<&Tensor<Rank0, E, D>> {
        Some(&self.coordinates[self.index(name)?])
    }

    fn index(&self, name: &str) -> Option<usize> {
        self.names().position(|known| known == name)
    }
}

/// One tensor a param, by its name and range. dfdx lets a collection's *type* say which tensors there are, so
/// the set is first shown to the visitor as a collection of nothing: the accessor that takes it
/// there sees which set it is. A visitor that builds a collection out of nothing
/// ([`BuildModule::build`](::dfdx::nn::BuildModule)) builds the empty set; `reset_params` leaves
/// values as they are ([`ParamSet::restore`] sets them back).
impl<E: Dtype, D: Device<E>> TensorCollection<E, D> for ParamSet<E, D> {
    type To<E2: Dtype, D2: Device<E2>> = ParamSet<E2, D2>;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
        visitor: &mut V,
    ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        let seen = RefCell::new(Arc::from([]));
        Self::module(
            "",
            |set| {
                seen.replace(Arc::clone(&set.constants));
                &set.nothing
            },
            |set| {
                seen.replace(Arc::clone(&set.constants));
                &mut set.nothing
            },
        )
        .visit_fields(visitor)?;
        let constants: Arc<[Constant]> = seen.into_inner();
        let keys: Vec<String> = constants.iter().map(Constant::key).collect();
        let field = |(index, key)| {
            let key: &String = key;
            Self::tensor(
                key,
                move |set| &set.coordinates[index],
                move |set| &mut set.coordinates[index],
                TensorOptions::reset_with(|_| Ok(())),
            )
        };
        let fields: Vec<_> = keys.iter().enumerate().map(field).collect();
        visitor.visit_fields(fields, |coordinates| ParamSet {
            coordinates,
            constants: constants.clone(),
            nothing: (),
        })
    }
}

/// The numbers of a gradient. A function of its own because where `Cpu: Device<E>` is assumed, the
/// compiler knows no more of the storage than that trait says.
pub(super) fn buffer<E: Dtype>(storage: &mut <Cpu as Storage<E>>::Vec) -> &mut [E] {
    storage
}
