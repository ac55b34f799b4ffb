//! What callers say: values for names, and what to differentiate by.

use std::collections::BTreeMap;

/// What a caller binds to a name.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// A number.
    Number(f64),
    /// A list of numbers.
    List(Vec<f64>),
}

impl From<f64> for Input {
    fn from(x: f64) -> Self {
        Self::Number(x)
    }
}

impl From<Vec<f64>> for Input {
    fn from(items: Vec<f64>) -> Self {
        Self::List(items)
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrt<'a> {
    /// No gradient.
    Nothing,
    /// All inputs given and all params.
    All,
    /// The names listed.
    Names(&'a [&'a str]),
}
