//! `FitOptions`: what a caller says of how to fit.

use super::descents::Options;
use super::noise::Loss;
use crate::syntax::Constraint;
use crate::threads::Threads;
use crate::walk::{Budget, Limits};

/// How to fit. How the program is run, and how its soft choices relax, is the model's to say.
///
/// ```
/// use dmci::fit::FitOptions;
///
/// let options = FitOptions::default().starts(8).seed(1).init("k", 0.5);
/// assert_eq!(options.init, [("k".to_owned(), 0.5)]);
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
#[allow(clippy::struct_excessive_bools, reason = "each is a choice of its own")]
pub struct FitOptions {
    /// The most starts, the params' own initial values among them. Fewer are made of data of thousands of
    /// numbers, and of a loss, where a quarter of 16, 32, … agree. 100,000 at the most, and no more than have
    /// room in the limits' heap together.
    pub starts: usize,
    /// The seed of the other starts.
    pub seed: u64,
    /// The most steps of one start. With 0 nothing is searched for: the figures are those of the initial
    /// values.
    pub max_iterations: usize,
    /// The most evaluations of the model at all rows, with derivatives or without, all starts together; none
    /// for no bound. Where it is low, fewer starts are made, each of eight evaluations or more. One or two more
    /// make the figures of the best.
    pub max_evaluations: Option<usize>,
    /// Whether every start is made and run to its end. Otherwise those that will not catch up with the best
    /// are dropped on the way.
    pub all_starts: bool,
    /// Initial values: of params, in place of their own, or of free names, which are then fitted.
    pub init: Vec<(String, f64)>,
    /// Names that are held at a value and not fitted: params, or free names; a param without a value is
    /// held at its initial one.
    pub fix: Vec<(String, Option<f64>)>,
    /// The ranges of params, in place of their own, or of free names that are fitted.
    pub bounds: Vec<(String, Constraint)>,
    /// What was known of params before, beside what the program says: the name, the mean and the standard
    /// deviation of each. The noise's standard deviation is to be given then, or is estimated with them.
    pub priors: Vec<(String, f64, f64)>,
    /// Whether the float literals of the program that its predictions may depend on are params too, each with
    /// itself as its initial value, and `@line:column` as its name. Ints are none.
    pub literals: bool,
    /// The column that the program's value predicts, row by row and with normal noise; for programs
    /// that observe nothing themselves.
    pub target: Option<String>,
    /// Whether the program's value is a loss to be minimized, one number, with the table's columns as lists;
    /// for programs that observe nothing themselves. Nothing is compared with data then:
    /// [`Fit::loss`](super::Fit::loss) has what there is to tell, standard errors are NaN, and there are no
    /// residuals. See [`Table::empty`](super::Table::empty) for a loss that needs no data.
    pub minimize: bool,
    /// Whether comparisons with params, `(if (< x x0) lo hi)`, are relaxed to find those that only steer, from
    /// wide to narrow. The result is that of the program as it is, with
    /// [`Fit::steering`](super::Fit::steering); how many starts agree is told of the widest relaxation. It
    /// takes hundreds of fits from single starts.
    pub soften: bool,
    /// The column of the standard deviations of the observed one's noise; of its logarithms, where that
    /// is lognormal. They are absolute: residuals that are larger than these say make no error larger.
    pub sigma: Option<String>,
    /// The column of the weights of squared residuals, in proportion to each other: that of a number with
    /// the standard deviation s is 1/s² times any factor, and the residuals tell which.
    pub weights: Option<String>,
    /// What large residuals count for.
    pub loss: Loss,
    /// The size of a residual from which on a robust loss counts it for less than its square: in the
    /// unit of the column (of its logarithm for lognormal noise), or in standard deviations where these
    /// are given. None for that of the residuals themselves: 1.4826 times the median of their sizes, or
    /// one standard deviation where these are given.
    pub loss_scale: Option<f64>,
    /// Limits of each evaluation: where rows are evaluated one by one, of each row. A deadline is one moment for all of them, and so is an interrupt: the
    /// best that a fit found by then is its result, with [`Fit::interrupted`](super::Fit::interrupted)
    /// set; a fit that found nothing fails.
    pub limits: Limits,
    /// What all evaluations together may take, in the unit of [`Limits::fuel`]: all rows, starts and steps. Whoever
    /// has a clone of these options draws on the same, a fit of another program too. Where it does not
    /// suffice there is no result but an error, which depends neither on threads nor on time. None for no
    /// bound but the limits' own, which each row has for itself.
    pub fuel: Option<Budget>,
    /// Who shares the starts; or the rows, where there is one start. Those that the model was given for
    /// lanes have no part in it.
    pub threads: Threads,
}

/// The most starts: more are no search but a mistake.
pub(crate) const MOST_STARTS: usize = 100_000;

impl Default for FitOptions {
    fn default() -> Self {
        let search = Options::default();
        Self {
            starts: search.starts,
            seed: search.seed,
            max_iterations: search.max_iterations,
            max_evaluations: None,
            all_starts: search.all_starts,
            init: Vec::new(),
            fix: Vec::new(),
            bounds: Vec::new(),
            priors: Vec::new(),
            literals: false,
            target: None,
            minimize: false,
            soften: false,
            sigma: None,
            weights: None,
            loss: Loss::Squares,
            loss_scale: None,
            limits: Limits::default(),
            fuel: None,
            threads: Threads::ALL,
        }
    }
}

impl FitOptions {
    /// The columns that say how others scatter.
    pub(crate) fn noise_columns(&self) -> Vec<&str> {
        let both = self.sigma.iter().chain(&self.weights);
        both.map(String::as_str).collect()
    }

    /// The same with so many starts.
    #[must_use]
    pub fn starts(mut self, starts: usize) -> Self {
        self.starts = starts;
        self
    }

    /// The same with starts of a seed.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The same with at most so many steps of one start.
    #[must_use]
    pub fn max_iterations(mut self, steps: usize) -> Self {
        self.max_iterations = steps;
        self
    }

    /// The same with at most so many evaluations, all starts together.
    #[must_use]
    pub fn max_evaluations(mut self, evaluations: usize) -> Self {
        self.max_evaluations = Some(evaluations);
        self
    }

    /// The same with float literals as params, or not.
    #[must_use]
    pub fn literals(mut self, literals: bool) -> Self {
        self.literals = literals;
        self
    }

    /// The same with every start run to its end, or not.
    #[must_use]
    pub fn all_starts(mut self, all: bool) -> Self {
        self.all_starts = all;
        self
    }

    /// The same with an initial value, beside those given before.
    #[must_use]
    pub fn init(mut self, name: impl Into<String>, value: f64) -> Self {
        self.init.push((name.into(), value));
        self
    }

    /// The same with a name that is held, beside those given before: at a value, or at its initial one.
    #[must_use]
    pub fn fix(mut self, name: impl Into<String>, value: impl Into<Option<f64>>) -> Self {
        self.fix.push((name.into(), value.into()));
        self
    }

    /// The same with the range of a param, beside those given before.
    #[must_use]
    pub fn bound(mut self, name: impl Into<String>, range: Constraint) -> Self {
        self.bounds.push((name.into(), range));
        self
    }

    /// The same with a param, or a float literal that is one, that was known before as well as that, beside
    /// those given before: it counts as one more observation.
    ///
    /// ```
    /// use dmci::Interpreter;
    /// use dmci::fit::{FitContext, FitOptions, Table};
    ///
    /// // Four measurements with noise of 1, and a mean that was known as well as one of them: a fifth.
    /// let (y, noise) = ([5.0, 5.0, 5.0, 5.0], [1.0; 4]);
    /// let table = Table::from_columns([("y", &y[..]), ("noise", &noise[..])])?;
    /// let options = FitOptions::default().target("y").sigma("noise").literals(true);
    /// let options = options.prior("@1:1", 0.0, 1.0);
    /// let found = FitContext::new(&Interpreter::embedded(), &table, options).calibrate("1.5")?;
    /// assert!((found.params[0] - 4.0).abs() < 1e-12);
    /// # Ok::<(), dmci::fit::FitError>(())
    /// ```
    #[must_use]
    pub fn prior(mut self, name: impl Into<String>, mean: f64, sd: f64) -> Self {
        self.priors.push((name.into(), mean, sd));
        self
    }

    /// The same with a column that the program's value predicts.
    #[must_use]
    pub fn target(mut self, column: impl Into<String>) -> Self {
        self.target = Some(column.into());
        self
    }

    /// The same with the program's value as a loss to be minimized, or not.
    ///
    /// ```
    /// use dmci::Interpreter;
    /// use dmci::fit::{FitOptions, Table, fit};
    ///
    /// let model = Interpreter::embedded().model(
    ///     "(param x -1.2) (param y 1) (+ (square (- 1 x)) (* 100 (square (- y (square x)))))",
    /// )?;
    /// let found = fit(&model, &Table::empty(), &FitOptions::default().minimize(true))?;
    /// assert!(found.converged && found.value < 1e-15);
    /// assert!((found.param("x").unwrap().estimate - 1.0).abs() < 1e-7);
    /// assert!(found.loss.unwrap().gradient_norm < 1e-6);
    /// # Ok::<(), dmci::fit::FitError>(())
    /// ```
    #[must_use]
    pub fn minimize(mut self, minimize: bool) -> Self {
        self.minimize = minimize;
        self
    }

    /// The same with comparisons relaxed to find params that only steer, or not.
    #[must_use]
    pub fn soften(mut self, soften: bool) -> Self {
        self.soften = soften;
        self
    }

    /// The same with a column of known standard deviations.
    #[must_use]
    pub fn sigma(mut self, column: impl Into<String>) -> Self {
        self.sigma = Some(column.into());
        self
    }

    /// The same with a column of weights of squared residuals.
    #[must_use]
    pub fn weights(mut self, column: impl Into<String>) -> Self {
        self.weights = Some(column.into());
        self
    }

    /// The same with another loss.
    #[must_use]
    pub fn loss(mut self, loss: Loss) -> Self {
        self.loss = loss;
        self
    }

    /// The same with the scale of a robust loss.
    #[must_use]
    pub fn loss_scale(mut self, scale: f64) -> Self {
        self.loss_scale = Some(scale);
        self
    }

    /// The same with limits of each evaluation.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The same with so much fuel for all evaluations together, none of it taken.
    ///
    /// ```
    /// use dmci::Interpreter;
    /// use dmci::fit::{FitOptions, Table, fit};
    ///
    /// let model = Interpreter::embedded().model(
    ///     "(param k 1.0) (define (f n) (f (+ n 1))) (observe y (f (* k x)))",
    /// )?;
    /// let table = Table::from_columns([("x", &[1.0, 2.0][..]), ("y", &[2.0, 4.0][..])])?;
    /// let error = fit(&model, &table, &FitOptions::default().fuel(100_000)).unwrap_err();
    /// assert!(error.to_string().starts_with("out of fuel: "));
    /// # Ok::<(), dmci::fit::FitError>(())
    /// ```
    #[must_use]
    pub fn fuel(mut self, fuel: u64) -> Self {
        self.fuel = Some(Budget::new(fuel));
        self
    }

    /// The same with so many threads, or others.
    #[must_use]
    pub fn threads(mut self, threads: impl Into<Threads>) -> Self {
        self.threads = threads.into();
        self
    }
}
