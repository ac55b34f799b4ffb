//! Networks in files: the `.safetensors` and `.npz` that dfdx's own features write and read.
//!
//! A collection of tensors and a path go in; a file comes out, or a file's numbers go into the
//! tensors, which stay the leaves that they are.
//!
//! **Invariants**
//! - Keys, shapes and numbers are those of dfdx's own files, so either reads what the other wrote.
//! - A file that lacks a tensor, or has one of another shape or width, is refused, and nothing is
//!   changed then.
//!
//! ```text
//! (Linear<3, 4>, ProgramModule)     0.weight  0.bias  1.constants[knee,leak]
//! ```

use super::constants::{fault, narrow, widen};
use super::error::ModuleError;
use super::npz::{self, Array};
use ::dfdx::nn::tensor_collection::{
    RecursiveWalker, ScalarOptions, TensorCollection, TensorOptions, TensorVisitor, ViewTensorMut,
    ViewTensorName, ViewTensorRef,
};
use ::dfdx::shapes::{Dtype, HasShape, Shape};
use ::dfdx::tensor::Tensor;
use ::dfdx::tensor_ops::Device;
use num_traits::NumCast;
use safetensors::tensor::{SafeTensors, TensorView};
use std::collections::HashMap;
use std::path::Path;

/// Saving and loading whole networks; every collection of dfdx's tensors has it.
///
/// ```
/// use ::dfdx::nn::{DeviceBuildExt, builders::Linear};
/// use ::dfdx::tensor::{AsArray, Cpu};
/// use dmci::dfdx::TensorFiles;
///
/// let path = std::env::temp_dir().join(format!("dmci-doc-{}.safetensors", std::process::id()));
/// let learned = Cpu::default().build_module::<Linear<2, 1>, f32>();
/// learned.save_safetensors(&path)?;
/// let mut other = Cpu::default().build_module::<Linear<2, 1>, f32>();
/// other.load_safetensors(&path)?;
/// assert_eq!(other.weight.array(), learned.weight.array());
/// # std::fs::remove_file(path).unwrap();
/// # Ok::<(), dmci::dfdx::ModuleError>(())
/// ```
pub trait TensorFiles<E: Dtype, D: Device<E>>: TensorCollection<E, D> {
    /// Writes all tensors to a `.safetensors` file.
    ///
    /// # Errors
    /// [`ModuleError::File`] when the file cannot be written.
    fn save_safetensors(&self, path: impl AsRef<Path>) -> Result<(), ModuleError> {
        save(self, path.as_ref(), |arrays| {
            let views: Result<Vec<_>, _> = arrays
                .iter()
                .map(|(name, array)| {
                    let shape = array.shape.clone();
                    let view = TensorView::new(dtype(array.width), shape, &array.bytes)?;
                    Ok((name, view))
                })
                .collect();
            let written = views.and_then(|views| safetensors::serialize(views, None));
            written.map_err(|error| format!("cannot be written: {error}"))
        })
    }

    /// Gives all tensors the numbers of a `.safetensors` file, by their names.
    ///
    /// # Errors
    /// [`ModuleError::File`] when the file cannot be read, or has no tensor of a name, a shape and a
    /// width that is wanted. Nothing is changed then.
    fn load_safetensors(&mut self, path: impl AsRef<Path>) -> Result<(), ModuleError> {
        load(self, path.as_ref(), |bytes| {
            let file = SafeTensors::deserialize(bytes)
                .map_err(|error| format!("is no file of tensors: {error}"))?;
            let array = |(name, view): (String, TensorView<'_>)| {
                let width = [4, 8].into_iter().find(|&w| dtype(w) == view.dtype())?;
                let (shape, bytes) = (view.shape().to_vec(), view.data().to_vec());
                Some((
                    name,
                    Array {
                        width,
                        shape,
                        bytes,
                    },
                ))
            };
            // Tensors of other types may stand beside those that are wanted.
            Ok(file.tensors().into_iter().filter_map(array).collect())
        })
    }

    /// Writes all tensors to a `.npz` file, which numpy reads.
    ///
    /// # Errors
    /// [`ModuleError::File`] when the file cannot be written, or would have more than 4 GiB.
    fn save_npz(&self, path: impl AsRef<Path>) -> Result<(), ModuleError> {
        save(self, path.as_ref(), npz::write)
    }

    /// Gives all tensors the numbers of a `.npz` file, by their names.
    ///
    /// # Errors
    /// As [`TensorFiles::load_safetensors`], and when the file is compressed.
    fn load_npz(&mut self, path: impl AsRef<Path>) -> Result<(), ModuleError> {
        load(self, path.as_ref(), npz::read)
    }
}

impl<E: Dtype, D: Device<E>, T: TensorCollection<E, D>> TensorFiles<E, D> for T {}

fn dtype(width: usize) -> safetensors::Dtype {
    match width {
        4 => safetensors::Dtype::F32,
        _ => safetensors::Dtype::F64,
    }
}

fn save<E: Dtype, D: Device<E>, T: TensorCollection<E, D>>(
    collection: &T,
    path: &Path,
    write: impl Fn(&[(String, Array)]) -> Result<Vec<u8>, String>,
) -> Result<(), ModuleError> {
    let mut arrays = Arrays(Vec::new());
    let m = (collection, String::new());
    let f = &mut arrays;
    let walked = T::iter_tensors(&mut RecursiveWalker { m, f });
    let bytes = walked.and_then(|_| write(&arrays.0));
    let bytes = bytes.map_err(|reason| fault(path, reason))?;
    std::fs::write(path, bytes).map_err(|error| fault(path, format!("cannot be written: {error}")))
}

fn load<E: Dtype, D: Device<E>, T: TensorCollection<E, D>>(
    collection: &mut T,
    path: &Path,
    read: impl Fn(&[u8]) -> Result<Vec<(String, Array)>, String>,
) -> Result<(), ModuleError> {
    let bytes =
        std::fs::read(path).map_err(|error| fault(path, format!("cannot be read: {error}")))?;
    let arrays = read(&bytes).map_err(|reason| fault(path, reason))?;
    let mut found = Found {
        arrays: arrays.into_iter().collect(),
        take: false,
    };
    // Once to see that all is there, and once more to take it.
    for take in [false, true] {
        found.take = take;
        let m = (&mut *collection, String::new());
        let f = &mut found;
        T::iter_tensors(&mut RecursiveWalker { m, f }).map_err(|reason| fault(path, reason))?;
    }
    Ok(())
}

/// Tensors on their way to a file, in order.
struct Arrays(Vec<(String, Array)>);

impl<E: Dtype, D: Device<E>> TensorVisitor<E, D> for Arrays {
    type Viewer = (ViewTensorRef, ViewTensorName);
    type Err = String;
    type E2 = E;
    type D2 = D;

    fn visit<S: Shape>(
        &mut self,
        _: TensorOptions<S, E, D>,
        (tensor, name): (&Tensor<S, E, D>, String),
    ) -> Result<Option<Tensor<S, E, D>>, String> {
        let width = width::<E>(&name)?;
        let numbers = tensor.as_vec().into_iter().map(widen);
        let bytes = match width {
            4 => numbers.flat_map(|x| (x as f32).to_le_bytes()).collect(),
            _ => numbers.flat_map(f64::to_le_bytes).collect(),
        };
        let shape = tensor.shape().concrete().into();
        self.0.push((
            name,
            Array {
                width,
                shape,
                bytes,
            },
        ));
        Ok(None)
    }

    fn visit_scalar<N: NumCast>(
        &mut self,
        _: ScalarOptions<N>,
        (scalar, name): (&N, String),
    ) -> Result<Option<N>, String> {
        let bytes = scalar.to_f64().unwrap_or(f64::NAN).to_le_bytes().to_vec();
        let (width, shape) = (8, Vec::new());
        self.0.push((
            name,
            Array {
                width,
                shape,
                bytes,
            },
        ));
        Ok(None)
    }
}

/// Arrays on their way from a file, by name.
struct Found {
    arrays: HashMap<String, Array>,
    take: bool,
}

impl Found {
    /// The numbers of a tensor of a name, a width and a shape.
    fn numbers(&self, name: &str, width: usize, shape: &[usize]) -> Result<Vec<f64>, String> {
        let array = self.arrays.get(name);
        let array = array.ok_or_else(|| format!("has no tensor `{name}` of floats"))?;
        if array.shape != shape || array.width != width {
            let bits = |width: usize| 8 * width;
            return Err(format!(
                "has `{name}` with shape {:?} of f{}, and shape {shape:?} of f{} is wanted",
                array.shape,
                bits(array.width),
                bits(width)
            ));
        }
        let chunks = array.bytes.chunks_exact(width);
        Ok(chunks
            .map(|bytes| match *bytes {
                [a, b, c, d] => widen(f32::from_le_bytes([a, b, c, d])),
                [a, b, c, d, e, f, g, h] => f64::from_le_bytes([a, b, c, d, e, f, g, h]),
                _ => f64::NAN,
            })
            .collect())
    }
}

impl<E: Dtype, D: Device<E>> TensorVisitor<E, D> for Found {
    type Viewer = (ViewTensorMut, ViewTensorName);
    type Err = String;
    type E2 = E;
    type D2 = D;

    fn visit<S: Shape>(
        &mut self,
        _: TensorOptions<S, E, D>,
        (tensor, name): (&mut Tensor<S, E, D>, String),
    ) -> Result<Option<Tensor<S, E, D>>, String> {
        let shape: Vec<usize> = tensor.shape().concrete().into();
        let numbers = self.numbers(&name, width::<E>(&name)?, &shape)?;
        if self.take {
            let numbers: Vec<E> = numbers.into_iter().map(narrow).collect();
            tensor.copy_from(&numbers);
        }
        Ok(None)
    }

    fn visit_scalar<N: NumCast>(
        &mut self,
        _: ScalarOptions<N>,
        (scalar, name): (&mut N, String),
    ) -> Result<Option<N>, String> {
        let found = self.numbers(&name, 8, &[])?[0];
        let found = N::from(found).ok_or_else(|| format!("has {found} for `{name}`"))?;
        if self.take {
            *scalar = found;
        }
        Ok(None)
    }
}

/// How many bytes a number of a tensor takes in a file.
fn width<E: Dtype>(name: &str) -> Result<usize, String> {
    let width = size_of::<E>();
    let floats = E::from_f64(0.5).is_some_and(|half| widen(half) == 0.5);
    if floats && matches!(width, 4 | 8) {
        Ok(width)
    } else {
        Err(format!(
            "keeps floats of 4 or 8 bytes, and `{name}` is none"
        ))
    }
}
