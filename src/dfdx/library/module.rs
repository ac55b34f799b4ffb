//! `EntryModule`: an entry of a library as a layer of a dfdx network.
//!
//! An entry goes in, a module comes out: batches of `I` numbers to batches of `O`, with exact gradients
//! for the layers before it and for the entry's `P` constants.
//!
//! **Invariants**
//! - One operation on the tape a call. Rows are done in parts of 32, in the same order on any
//!   number of threads.
//! - Entries compute in `f64` whatever the network's numbers are.

use super::entry::Entry;
use crate::dfdx::constants::{narrow, widen};
use crate::dfdx::error::ModuleError;
use crate::dfdx::param_set::buffer;
use crate::threads::{Threads, in_tasks};
use ::dfdx::nn::{
    Module, ModuleFields, ModuleVisitor, NonMutableModule, TensorCollection, TensorOptions,
};
use ::dfdx::shapes::{Const, Dim, Dtype, HasShape, Rank1};
use ::dfdx::tensor::{Cpu, PutTape, SplitTape, Storage, Tape, Tensor, TensorFromVec};
use ::dfdx::tensor_ops::{Device, ReshapeTo};
use std::cell::RefCell;
use std::sync::Arc;

/// How many rows are done together.
const PART: usize = 32;

/// An entry as a dfdx module: `I` numbers in, `O` numbers out, `P` constants to learn.
///
/// ```
/// use ::dfdx::nn::Module;
/// use ::dfdx::shapes::Rank2;
/// use ::dfdx::tensor::{AsArray, Cpu, Tensor, TensorFrom};
/// use dmci::dfdx::library::{EntryModule, Table};
/// use dmci::machine::circuits::Arithmetic;
/// use std::sync::Arc;
///
/// let device = Cpu::default();
/// let add = Arc::new(Table::of(Arithmetic::Add, 3)?);
/// let add: EntryModule<6, 3, 0, f64> = EntryModule::new(&device, add)?;
/// // 2, and half a 1 and half a 2: half a 0 and half a 1.
/// let x: Tensor<Rank2<1, 6>, f64, _> = device.tensor([[0.0, 0.0, 1.0, 0.0, 0.5, 0.5]]);
/// assert_eq!(add.forward(x).array(), [[0.5, 0.5, 0.0]]);
/// # Ok::<(), dmci::dfdx::ModuleError>(())
/// ```
#[derive(Clone, Debug)]
pub struct EntryModule<
    const I: usize,
    const O: usize,
    const P: usize,
    E: Dtype,
    D: Storage<E> = Cpu,
> {
    /// The coordinates of the entry's constants.
    pub constants: Tensor<Rank1<P>, E, D>,
    entry: Option<Arc<dyn Entry>>,
    threads: Threads,
    /// What a visitor is shown first, as in `ProgramModule`.
    nothing: (),
}

/// A part of a batch on its way back.
struct PartBack<'a> {
    rows: &'a [f64],
    by_out: &'a [f64],
    by_rows: &'a mut [f64],
}

impl<const I: usize, const O: usize, const P: usize, E: Dtype> EntryModule<I, O, P, E>
where
    Cpu: Device<E>,
{
    /// Makes a module of an entry. Of a row's numbers the first `I` come by the tensor; others, if the
    /// entry takes more, by [`EntryModule::try_forward_with`].
    ///
    /// # Errors
    /// [`ModuleError::Request`] when the entry's sizes are others, or it takes fewer than `I` numbers.
    pub fn new(device: &Cpu, entry: Arc<dyn Entry>) -> Result<Self, ModuleError> {
        let constants = entry.constants();
        if entry.row() < I || entry.outputs() != O || constants.len() != P {
            return Err(ModuleError::Request(format!(
                "`{}` takes {} numbers to {} with {} constants, the module {I} to {O} with {P}",
                entry.name(),
                entry.row(),
                entry.outputs(),
                constants.len()
            )));
        }
        let inits = constants.iter().map(|(_, init)| narrow(*init));
        Ok(Self {
            constants: device.try_tensor_from_vec(inits.collect(), (Const,))?,
            entry: Some(entry),
            threads: Threads::ALL,
            nothing: (),
        })
    }

    /// The same on other threads.
    #[must_use]
    pub fn with_threads(mut self, threads: Threads) -> Self {
        self.threads = threads;
        self
    }

    /// Calls another entry from now on, of the same sizes, with the constants as they are: what was
    /// learned with a table serves a circuit.
    ///
    /// # Errors
    /// As [`EntryModule::new`].
    pub fn swap(&mut self, entry: Arc<dyn Entry>) -> Result<(), ModuleError> {
        let (found, wanted) = (entry.row(), self.entry.as_ref().map(Entry::row));
        if wanted.is_some_and(|wanted| wanted != found) {
            return Err(ModuleError::Request(format!(
                "`{}` takes {found} numbers, and what it is to stand for another number of them",
                entry.name()
            )));
        }
        let Self { entry: to, .. } = Self::new(&Cpu::default(), entry)?;
        self.entry = to;
        Ok(())
    }

    /// The names and values of the constants, in the order of their tensor.
    pub fn values(&self) -> Vec<(String, f64)> {
        let Some(entry) = &self.entry else {
            return Vec::new();
        };
        let values = entry.values(&self.coordinates());
        let names = entry.constants().into_iter().map(|(name, _)| name);
        names.zip(values).collect()
    }

    fn coordinates(&self) -> Vec<f64> {
        // dfdx reads one number of a tensor that has none.
        if P == 0 {
            return Vec::new();
        }
        self.constants.as_vec().into_iter().map(widen).collect()
    }

    /// Applies the entry to a batch whose rows go on with other numbers, which have no derivatives: as
    /// many a row as the entry takes beyond `I`, row by row.
    ///
    /// # Errors
    /// Another number of numbers than that; what the entry fails with.
    pub fn try_forward_with<B: Dim, T: Tape<E, Cpu>>(
        &self,
        input: Tensor<(B, Const<I>), E, Cpu, T>,
        others: &[f64],
    ) -> Result<Tensor<(B, Const<O>), E, Cpu, T>, ModuleError> {
        let entry = self.entry.as_ref().ok_or(ModuleError::NoProgram)?;
        let batch = input.shape().0;
        let count = batch.size();
        let width = entry.row();
        if others.len() != count * (width - I) {
            return Err(ModuleError::Request(format!(
                "{count} rows of `{}` take {} numbers beside the tensor's, and are given {}",
                entry.name(),
                count * (width - I),
                others.len()
            )));
        }
        let (input, mut tape) = input.try_contiguous()?.split_tape();
        let constants = self.coordinates();
        let mut numbers = vec![E::default(); count * I];
        if !numbers.is_empty() {
            input.copy_into(&mut numbers);
        }
        let mut rows = Vec::with_capacity(count * width);
        for at in 0..count {
            rows.extend(numbers[at * I..(at + 1) * I].iter().copied().map(widen));
            rows.extend_from_slice(&others[at * (width - I)..(at + 1) * (width - I)]);
        }
        let mut values = vec![0.0; count * O];
        if width > 0 && O > 0 {
            let parts = rows.chunks(PART * width).zip(values.chunks_mut(PART * O));
            let done = in_tasks(
                parts.collect(),
                &self.threads,
                &mut Vec::new(),
                &|(rows, out), (): &mut ()| entry.run(rows, &constants, out),
            );
            for (part, done) in done.into_iter().enumerate() {
                done.map_err(|error| in_part(error, part * PART))?;
            }
        }
        let values = values.into_iter().map(narrow).collect();
        let output: Tensor<(B, Const<O>), E, Cpu> =
            input.device().try_tensor_from_vec(values, (batch, Const))?;
        let (of_input, of_constants) = (input.ghost(), self.constants.ghost());
        let of_output = output.ghost();
        let (entry, threads) = (entry.clone(), self.threads.clone());
        tape.add_backward_op(move |gradients| {
            let cts = buffer::<E>(gradients.get_or_alloc_mut(&of_output)?);
            let by_out: Vec<f64> = cts.iter().copied().map(widen).collect();
            let mut by_rows = vec![0.0; rows.len()];
            let mut parts = Vec::new();
            if width > 0 && O > 0 {
                let each = rows.chunks(PART * width).zip(by_out.chunks(PART * O));
                for ((rows, by_out), by_rows) in each.zip(by_rows.chunks_mut(PART * width)) {
                    parts.push(PartBack {
                        rows,
                        by_out,
                        by_rows,
                    });
                }
            }
            let sums = in_tasks(parts, &threads, &mut Vec::new(), &|part, (): &mut ()| {
                let mut by_constants = vec![0.0; constants.len()];
                let PartBack {
                    rows,
                    by_out,
                    by_rows,
                } = part;
                let done = entry.pull_back(rows, &constants, by_out, by_rows, &mut by_constants);
                // What runs forwards runs backwards: a failure would have been told before. Where it
                // does not, the gradient is no number.
                if done.is_err() {
                    by_rows.fill(f64::NAN);
                    by_constants.fill(f64::NAN);
                }
                by_constants
            });
            let to = buffer::<E>(gradients.get_or_alloc_mut(&of_input)?);
            for (to, by) in to
                .chunks_exact_mut(I.max(1))
                .zip(by_rows.chunks_exact(width.max(1)))
            {
                for (to, &ct) in to.iter_mut().zip(by) {
                    *to += narrow(ct);
                }
            }
            let to = buffer::<E>(gradients.get_or_alloc_mut(&of_constants)?);
            for (at, to) in to.iter_mut().take(P).enumerate() {
                *to += narrow(sums.iter().map(|by| by[at]).sum());
            }
            Ok(())
        });
        Ok(output.put_tape(tape))
    }
}

/// An error of a row of a part, told by its place in the batch.
fn in_part(error: ModuleError, first: usize) -> ModuleError {
    match error {
        ModuleError::Row {
            row,
            error,
            position,
        } => ModuleError::Row {
            row: first + row,
            error,
            position,
        },
        ModuleError::Output {
            row,
            found,
            expected,
        } => ModuleError::Output {
            row: first + row,
            found,
            expected,
        },
        other => other,
    }
}

impl<B, const I: usize, const O: usize, const P: usize, E, T>
    Module<Tensor<(B, Const<I>), E, Cpu, T>> for EntryModule<I, O, P, E>
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
        self.try_forward_with(input, &[])
    }
}

impl<const I: usize, const O: usize, const P: usize, E: Dtype, D: Storage<E>> NonMutableModule
    for EntryModule<I, O, P, E, D>
{
}

impl<const I: usize, const O: usize, const P: usize, E: Dtype, D: Device<E>> TensorCollection<E, D>
    for EntryModule<I, O, P, E, D>
{
    type To<E2: Dtype, D2: Device<E2>> = EntryModule<I, O, P, E2, D2>;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
        visitor: &mut V,
    ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        let kept: RefCell<Option<(Arc<dyn Entry>, Threads)>> = RefCell::new(None);
        let keep = |module: &Self| {
            let entry = module.entry.clone();
            kept.replace(entry.map(|entry| (entry, module.threads.clone())));
        };
        Self::module(
            "",
            |module| {
                keep(module);
                &module.nothing
            },
            |module| {
                keep(module);
                &mut module.nothing
            },
        )
        .visit_fields(visitor)?;
        let (entry, threads) = match kept.into_inner() {
            Some((entry, threads)) => (Some(entry), threads),
            None => (None, Threads::ALL),
        };
        visitor.visit_fields(
            Self::tensor(
                "constants",
                |module| &module.constants,
                |module| &mut module.constants,
                TensorOptions::reset_with(|_| Ok(())),
            ),
            |constants| EntryModule {
                constants,
                entry: entry.clone(),
                threads: threads.clone(),
                nothing: (),
            },
        )
    }
}
