//! What callers say: values for names, and what to differentiate by.

use super::error::Error;
use crate::prim::linalg::Shape;
use std::collections::BTreeMap;

/// What a caller binds to a name.
///
/// An array means what it means in JSON: a `Vec<f64>`, slice or array of numbers is a vector, one of
/// rows a matrix. A list of the language is asked for by its name.
///
/// ```
/// use dmci::{Bindings, Input, Interpreter, Workspace};
///
/// let bindings = Bindings::from([
///     ("v", Input::from([1.0, 2.0])),
///     ("m", Input::from([[1.0, 0.0], [0.0, 3.0]])),
///     ("items", Input::List(vec![4.0, 5.0])),
/// ]);
/// let model = Interpreter::embedded().model("(list (vsum v) (det m) (length items))")?;
/// let value = model.value(&bindings, &mut Workspace::new())?;
/// assert_eq!(value.to_scheme(), "(3.0 3.0 2)");
/// # Ok::<(), dmci::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// A number.
    Number(f64),
    /// A list of numbers, for `car`, `map` and the like; `{"list":[1,2,3]}` in JSON.
    List(Vec<f64>),
    /// A vector, of one number or more.
    Vector(Vec<f64>),
    /// A matrix, row by row, of one number or more.
    Matrix {
        /// How many rows.
        rows: usize,
        /// How many columns.
        columns: usize,
        /// All numbers, as many as rows times columns.
        numbers: Vec<f64>,
    },
}

impl Input {
    /// The matrix of some rows.
    ///
    /// # Errors
    /// When there is no number, or rows have different lengths.
    pub fn matrix(rows: &[impl AsRef<[f64]>]) -> Result<Self, Error> {
        let columns = rows.first().map_or(0, |row| row.as_ref().len());
        if let Some(row) = rows.iter().position(|row| row.as_ref().len() != columns) {
            return Err(Error::Request(format!(
                "row {row} of a matrix has {} numbers, and row 0 has {columns}",
                rows[row].as_ref().len()
            )));
        }
        let numbers = rows.iter().flat_map(AsRef::as_ref).copied().collect();
        let input = Self::Matrix {
            rows: rows.len(),
            columns,
            numbers,
        };
        input.shape()?;
        Ok(input)
    }

    /// The shape of a vector or matrix; none of what is neither.
    pub(crate) fn shape(&self) -> Result<Option<Shape>, Error> {
        let shape = match self {
            Self::Number(_) | Self::List(_) => return Ok(None),
            Self::Vector(numbers) => Shape::Vector(numbers.len()),
            Self::Matrix { rows, columns, .. } => Shape::Matrix(*rows, *columns),
        };
        let count = self.numbers().len();
        if count > 0 && shape.size() == count {
            return Ok(Some(shape));
        }
        let message = if count == 0 {
            "vectors and matrices have a number or more; an empty list is `Input::List`, \
             {\"list\":[]} in JSON"
                .to_owned()
        } else {
            format!("{count} numbers are given for {shape}")
        };
        Err(Error::Request(message))
    }

    /// All its numbers.
    pub(crate) fn numbers(&self) -> &[f64] {
        match self {
            Self::Number(x) => std::slice::from_ref(x),
            Self::List(numbers) | Self::Vector(numbers) | Self::Matrix { numbers, .. } => numbers,
        }
    }
}

impl From<f64> for Input {
    fn from(x: f64) -> Self {
        Self::Number(x)
    }
}

impl From<Vec<f64>> for Input {
    /// A vector.
    fn from(numbers: Vec<f64>) -> Self {
        Self::Vector(numbers)
    }
}

impl From<&[f64]> for Input {
    /// A vector.
    fn from(numbers: &[f64]) -> Self {
        Self::Vector(numbers.to_vec())
    }
}

impl From<&Vec<f64>> for Input {
    /// A vector.
    fn from(numbers: &Vec<f64>) -> Self {
        Self::from(numbers.as_slice())
    }
}

impl<const N: usize> From<[f64; N]> for Input {
    /// A vector.
    fn from(numbers: [f64; N]) -> Self {
        Self::from(numbers.as_slice())
    }
}

impl<const N: usize> From<&[f64; N]> for Input {
    /// A vector.
    fn from(numbers: &[f64; N]) -> Self {
        Self::from(numbers.as_slice())
    }
}

impl<const R: usize, const C: usize> From<[[f64; C]; R]> for Input {
    /// A matrix, row by row.
    fn from(rows: [[f64; C]; R]) -> Self {
        Self::Matrix {
            rows: R,
            columns: C,
            numbers: rows.concat(),
        }
    }
}

impl From<Vec<Vec<f64>>> for Input {
    /// A matrix, row by row. Rows of different lengths make an input that every evaluation refuses;
    /// [`Input::matrix`] refuses them at once, and says which.
    fn from(rows: Vec<Vec<f64>>) -> Self {
        // The longest row's length: with shorter ones among them, there are too few numbers for it.
        let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
        Self::Matrix {
            rows: rows.len(),
            columns,
            numbers: rows.concat(),
        }
    }
}

/// The inputs of an evaluation, by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bindings(BTreeMap<String, Input>);

impl Bindings {
    /// No inputs.
    pub fn new() -> Self {
        Self::default()
    }

    /// Binds a name, in place of what it was bound to.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<Input>) -> &mut Self {
        self.0.insert(name.into(), value.into());
        self
    }

    /// What a name is bound to.
    pub fn get(&self, name: &str) -> Option<&Input> {
        self.0.get(name)
    }

    /// The names, in alphabetical order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

impl<S: Into<String>, V: Into<Input>, const N: usize> From<[(S, V); N]> for Bindings {
    fn from(pairs: [(S, V); N]) -> Self {
        pairs.into_iter().collect()
    }
}

impl<S: Into<String>, V: Into<Input>> FromIterator<(S, V)> for Bindings {
    fn from_iter<I: IntoIterator<Item = (S, V)>>(pairs: I) -> Self {
        Self(
            pairs
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        )
    }
}

/// With respect to what a gradient is taken: inputs, params, and float literals as `@line:column`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wrt<'a> {
    /// No gradient.
    #[default]
    Nothing,
    /// All inputs given and all params.
    All,
    /// The names listed.
    Names(&'a [&'a str]),
}
