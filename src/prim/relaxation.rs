//! How `soft-choice` and `soft-if` relax: temperature, hard choices, noise.
//!
//! A caller's [`Relaxation`] goes into [`Model::with_relaxation`](crate::Model::with_relaxation); the
//! walk reads it as inputs of the trace.
//!
//! **Invariants**
//! - Chosen by the caller for a model, never globally, and never by the program.
//! - Temperature and seed are inputs of the trace like any other: annealing runs recorded paths again.
//! - Noise is a pure function of the seed and of how many numbers were drawn before in the same
//!   evaluation, so the same seed gives the same bits in every mode and on every replay.

/// The largest seed: whole numbers are exact up to there.
const MAX_SEED: u64 = 1 << 53;

/// How the choices of `soft-choice` and `soft-if` are relaxed.
///
/// ```
/// use dmci::{Bindings, Interpreter, Relaxation, Workspace, Wrt};
///
/// let model = Interpreter::embedded().model("(soft-choice (1 10) (list w 0))")?;
/// let (inputs, mut workspace) = (Bindings::from([("w", 1.0)]), Workspace::new());
/// let cold = Relaxation::default().temperature(0.1);
/// let hard = cold.hard(true);
/// let soft = model.with_relaxation(cold)?.value_and_grad(&inputs, Wrt::All, &mut workspace)?;
/// let hard = model.with_relaxation(hard)?.value_and_grad(&inputs, Wrt::All, &mut workspace)?;
/// assert_eq!(hard.0.number(), Some(1.0));
/// assert_eq!(hard.1, soft.1);
/// # Ok::<(), dmci::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Relaxation {
    /// What weights and comparisons are divided by before they become shares: above 0. Towards 0
    /// choices become sharp. 1 unless said otherwise.
    pub temperature: f64,
    /// Whether `soft-choice` has the value of its option of the largest weight, the first of several,
    /// with the gradient of the blend (the straight-through estimator).
    pub hard: bool,
    /// Adds Gumbel noise, drawn by this seed, to the weights of `soft-choice`: with `hard`, options
    /// are then drawn with their shares at temperature 1 (the Gumbel-max trick; Jang, Gu, Poole 2017).
    /// At most 2^53. A new seed for each evaluation gives a new sample.
    pub gumbel_seed: Option<u64>,
}

impl Default for Relaxation {
    /// Temperature 1, soft, no noise.
    fn default() -> Self {
        Self {
            temperature: 1.0,
            hard: false,
            gumbel_seed: None,
        }
    }
}

impl Relaxation {
    /// The same at a temperature.
    #[must_use]
    pub const fn temperature(mut self, temperature: f64) -> Self {
        self.temperature = temperature;
        self
    }

    /// The same with `soft-choice` hard, or soft.
    #[must_use]
    pub const fn hard(mut self, hard: bool) -> Self {
        self.hard = hard;
        self
    }

    /// The same with Gumbel noise of a seed, or without.
    #[must_use]
    pub fn gumbel_seed(mut self, seed: impl Into<Option<u64>>) -> Self {
        self.gumbel_seed = seed.into();
        self
    }

    /// Refuses what no evaluation could use.
    pub(crate) fn check(&self) -> Result<(), String> {
        let t = self.temperature;
        if !(t > 0.0 && t.is_finite()) {
            return Err(format!(
                "the temperature is {t}; it must be above 0 and finite"
            ));
        }
        if self.gumbel_seed.is_some_and(|seed| seed > MAX_SEED) {
            return Err(format!(
                "the seed of the noise is too large; give one up to {MAX_SEED}"
            ));
        }
        Ok(())
    }

    /// What of it a path depends on beside numbers.
    pub(crate) fn kind(&self) -> RelaxationKind {
        RelaxationKind {
            hard: self.hard,
            noisy: self.gumbel_seed.is_some(),
        }
    }
}

/// What recorded paths depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RelaxationKind {
    hard: bool,
    noisy: bool,
}
