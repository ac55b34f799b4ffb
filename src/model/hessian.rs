//! Second derivatives as callers get them: a symmetric matrix by name, or its product with a direction.
//!
//! The derivatives of a gradient by a trace's inputs go in; a [`Hessian`] or a [`HessianProduct`] comes
//! out.
//!
//! **Invariants**
//! - Rows and columns are the numbers of the names asked for, in that order: lists, vectors and
//!   matrices have a row for each of their numbers.
//! - A Hessian is symmetric to the bit: what is above the diagonal is a copy of what is below.

use crate::model::gradient::{Extent, Gradient, Nested, Variable};
use crate::walk::serial;
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};
use std::borrow::Cow;
use std::ops::Range;

/// A number with its gradient and its second derivatives. It serializes as [`Hessian::to_json`] writes
/// it.
#[derive(Clone, Debug, PartialEq)]
pub struct Hessian {
    value: f64,
    gradient: Gradient,
    layout: Layout,
    /// Row-major.
    matrix: Vec<f64>,
}

/// A number with its gradient and its Hessian times a direction. It serializes as
/// `{"names":[…],"product":[…]}`, the names being [`HessianProduct::labels`].
#[derive(Clone, Debug, PartialEq)]
pub struct HessianProduct {
    value: f64,
    gradient: Gradient,
    layout: Layout,
    product: Vec<f64>,
}

impl Hessian {
    /// The program's value.
    pub fn value(&self) -> f64 {
        self.value
    }

    /// The first derivatives: those of [`Model::value_and_grad`](crate::Model::value_and_grad), to the
    /// bit.
    pub fn gradient(&self) -> &Gradient {
        &self.gradient
    }

    /// The names, in the order asked for.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.layout.names()
    }

    /// What each row and column is by: a name, or one with indices, as `xs[0]` and `m[0,1]`.
    pub fn labels(&self) -> Vec<String> {
        self.layout.labels()
    }

    /// How many rows and columns there are.
    pub fn size(&self) -> usize {
        self.layout.size()
    }

    /// All second derivatives, row-major: as many rows and columns as [`Hessian::labels`].
    pub fn matrix(&self) -> &[f64] {
        &self.matrix
    }

    /// The second derivative by two numbers; the first ones of several.
    pub fn get(&self, a: &str, b: &str) -> Option<f64> {
        let [row, column] = [self.layout.range(a)?, self.layout.range(b)?];
        let is_there = !row.is_empty() && !column.is_empty();
        is_there.then(|| self.matrix[row.start * self.size() + column.start])
    }

    /// The second derivatives by all numbers of two names, row-major: a row for each number of `a`, a
    /// column for each of `b`.
    pub fn block(&self, a: &str, b: &str) -> Option<Vec<f64>> {
        let [rows, columns] = [self.layout.range(a)?, self.layout.range(b)?];
        let rows = rows.map(|row| &self.matrix[row * self.size()..][columns.clone()]);
        Some(rows.flatten().copied().collect())
    }

    /// `{"names":[…],"matrix":[[…],…]}`, the names being [`Hessian::labels`].
    pub fn to_json(&self) -> String {
        serial::to_json(self).unwrap_or_default()
    }
}

impl Serialize for Hessian {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let size = self.size();
        let matrix = Nested(Extent::Matrix(size, size), &self.matrix);
        let mut fields = serializer.serialize_struct("Hessian", 2)?;
        fields.serialize_field("names", &self.labels())?;
        fields.serialize_field("matrix", &matrix)?;
        fields.end()
    }
}

impl Serialize for HessianProduct {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let product = Nested(Extent::List(self.product.len()), &self.product);
        let mut fields = serializer.serialize_struct("HessianProduct", 2)?;
        fields.serialize_field("names", &self.labels())?;
        fields.serialize_field("product", &product)?;
        fields.end()
    }
}

impl HessianProduct {
    /// The program's value.
    pub fn value(&self) -> f64 {
        self.value
    }

    /// The first derivatives: those of [`Model::value_and_grad`](crate::Model::value_and_grad), to the
    /// bit.
    pub fn gradient(&self) -> &Gradient {
        &self.gradient
    }

    /// The names, in the order asked for.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.layout.names()
    }

    /// What each number of the product is by, as [`Hessian::labels`].
    pub fn labels(&self) -> Vec<String> {
        self.layout.labels()
    }

    /// The Hessian times the direction.
    pub fn product(&self) -> &[f64] {
        &self.product
    }

    /// The numbers of the product that belong to a name.
    pub fn get(&self, name: &str) -> Option<&[f64]> {
        Some(&self.product[self.layout.range(name)?])
    }
}

/// Which names are asked for, and where their numbers are.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Layout {
    names: Vec<LaidOut>,
    /// For each number its place among the derivatives; none where the program has no use for it.
    places: Vec<Option<usize>>,
}

#[derive(Clone, Debug, PartialEq)]
struct LaidOut {
    name: String,
    extent: Extent,
    first: usize,
}

impl Layout {
    pub(crate) fn new(wrt: &[(Cow<'_, str>, Variable)]) -> Self {
        let mut names = Vec::with_capacity(wrt.len());
        let mut places = Vec::new();
        let mut next = 0;
        for (name, variable) in wrt {
            let first = places.len();
            let extent = match variable {
                Variable::Unused => {
                    places.push(None);
                    Extent::Number
                }
                Variable::Inputs(_, extent) => {
                    places.extend((next..next + extent.size()).map(Some));
                    next += extent.size();
                    *extent
                }
            };
            let name = name.clone().into_owned();
            names.push(LaidOut {
                name,
                extent,
                first,
            });
        }
        Self { names, places }
    }

    /// How many numbers there are.
    pub(crate) fn size(&self) -> usize {
        self.places.len()
    }

    /// The numbers that derivatives are by, of those laid out.
    pub(crate) fn used<'n>(&'n self, numbers: &'n [f64]) -> impl Iterator<Item = f64> + 'n {
        let both = self.places.iter().zip(numbers);
        both.filter_map(|(place, &number)| place.map(|_| number))
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|laid_out| laid_out.name.as_str())
    }

    fn range(&self, name: &str) -> Option<Range<usize>> {
        let found = self.names.iter().find(|laid_out| laid_out.name == name)?;
        Some(found.first..found.first + found.extent.size())
    }

    /// What each number is called.
    pub(crate) fn labels(&self) -> Vec<String> {
        let mut labels = Vec::with_capacity(self.size());
        for LaidOut { name, extent, .. } in &self.names {
            match *extent {
                Extent::Number => labels.push(name.clone()),
                Extent::List(n) => labels.extend((0..n).map(|i| format!("{name}[{i}]"))),
                Extent::Matrix(rows, columns) => {
                    let places = (0..rows * columns).map(|at| (at / columns, at % columns));
                    labels.extend(places.map(|(i, j)| format!("{name}[{i},{j}]")));
                }
            }
        }
        labels
    }

    /// The Hessian of derivatives, row-major, of which those on and below the diagonal count; none
    /// where all are 0.
    pub(crate) fn hessian(self, value: f64, gradient: Gradient, derivatives: &[f64]) -> Hessian {
        let size = self.size();
        let used = self.places.iter().flatten().count();
        let mut matrix = vec![0.0; size * size];
        for (row, of_row) in self.places.iter().enumerate() {
            for (column, of_column) in self.places.iter().enumerate().take(row + 1) {
                if let (Some(i), Some(j)) = (of_row, of_column)
                    && let Some(&derivative) = derivatives.get(i * used + j)
                {
                    matrix[row * size + column] = derivative;
                    matrix[column * size + row] = derivative;
                }
            }
        }
        Hessian {
            value,
            gradient,
            layout: self,
            matrix,
        }
    }

    /// The product of derivatives; none where all are 0.
    pub(crate) fn product(
        self,
        value: f64,
        gradient: Gradient,
        derivatives: &[f64],
    ) -> HessianProduct {
        let number = |place: &Option<usize>| {
            let derivative = place.and_then(|place| derivatives.get(place));
            derivative.copied().unwrap_or(0.0)
        };
        HessianProduct {
            value,
            gradient,
            product: self.places.iter().map(number).collect(),
            layout: self,
        }
    }
}
