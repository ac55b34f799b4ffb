//! How observed columns scatter, as the program and the caller's options declare it.
//!
//! Observations, a table, options and the numbers of the data go in; the numbers with their standard
//! deviations and limits come out, and how they are scored.
//!
//! **Invariants**
//! - A column with normal noise and no standard deviation has one of its own, which is estimated; all
//!   columns with lognormal noise share one, because relative noise has no unit.
//! - A group has more numbers than the params that they depend on: otherwise these could fit it exactly, and
//!   its standard deviation would be none. Where one has not, all share one.
//! - Which numbers are censored is settled before the search: no param moves a limit.
//! - What is refused names its form, or its place in the data.

use super::declared::{Unknown, column_of};
use super::error::FitError;
use super::mentions::mentions;
use super::noise::Loss;
use super::options::FitOptions;
use super::scores::{ColumnNoise, KnownBefore, Observed, Scoring, Spread, on_scale};
use super::table::Table;
use crate::source::Span;
use crate::syntax::{Amount, Noise, Observation, Program, Side};

/// What is known of how numbers scatter.
pub(super) struct Amounts {
    pub(super) numbers: Vec<Observed>,
    /// For each column where its standard deviation is among what the program computes, if it varies
    /// with params.
    pub(super) sds: Vec<Option<usize>>,
    pub(super) scoring: Scoring,
}

/// What is asked of.
pub(super) struct Declared<'a> {
    pub(super) program: &'a Program,
    pub(super) table: &'a Table<'a>,
    pub(super) observations: &'a [Observation],
    pub(super) unknowns: &'a [Unknown],
    /// The names that the program has for them.
    pub(super) names: &'a [String],
    pub(super) options: &'a FitOptions,
}

/// Where an amount comes from.
#[derive(Clone, Copy)]
enum Source<'a> {
    Number(f64),
    Column(&'a [f64]),
    /// Among what the program computes.
    Computed(usize),
}

impl Source<'_> {
    fn of(self, number: &Observed, computed: &dyn Fn(usize, &Observed) -> f64) -> f64 {
        match self {
            Self::Number(amount) => amount,
            Self::Column(column) => column[number.row as usize],
            Self::Computed(output) => computed(output, number),
        }
    }
}

impl<'a> Declared<'a> {
    /// Whether anything but params' predictions is to be computed before the numbers are known.
    pub(super) fn needs_values(&self) -> bool {
        let several = |one: &&Observation| one.expressions().count() > 1;
        self.observations.iter().any(|one| several(&one))
    }

    /// Settles how the numbers scatter. `computed` gives what the program computed for a number at the
    /// initial values, by its place in what it gives.
    pub(super) fn settle(
        &self,
        mut numbers: Vec<Observed>,
        computed: &dyn Fn(usize, &Observed) -> f64,
    ) -> Result<Amounts, FitError> {
        let given = self.given()?;
        let (mut columns, mut sds) = (Vec::new(), Vec::new());
        let (mut groups, mut lognormal) = (0, None);
        let mut outputs = 0;
        let mut first = 0;
        for observation in self.observations {
            // The prediction comes first.
            let mut next = outputs + 1;
            outputs += observation.expressions().count();
            let mut source = |amount: &'a Amount, span| self.source(amount, span, &mut next);
            let own = match &observation.sd {
                Some(amount) => Some(source(amount, observation.span)?),
                None => None,
            };
            let mut limits = Vec::new();
            for censoring in &observation.censored {
                let limit = source(&censoring.limit, censoring.span)?;
                if let Amount::Expression(expr) = &censoring.limit
                    && mentions(self.program, *expr, self.names)
                {
                    return Err(FitError::Form {
                        message:
                            "a limit of censored numbers is known before the fit: it depends on no \
                                  param"
                                .into(),
                        span: censoring.span,
                    });
                }
                limits.push((censoring.side, limit));
            }
            let of_columns = observation.columns.len();
            let range = first as u32..(first + of_columns) as u32;
            first += of_columns;
            self.check(observation, given.is_some())?;
            let varies = match (&observation.sd, own) {
                (Some(Amount::Expression(expr)), Some(Source::Computed(output)))
                    if mentions(self.program, *expr, self.names) =>
                {
                    Some(output)
                }
                _ => None,
            };
            let known = match (varies, own, given) {
                (None, Some(own), _) => Some((own, false)),
                (None, None, Some((column, is_weight))) => {
                    Some((Source::Column(column), is_weight))
                }
                _ => None,
            };
            for number in numbers.iter_mut().filter(|n| range.contains(&n.column)) {
                let noise = observation.noise;
                for &(side, limit) in &limits {
                    let limit = limit.of(number, computed);
                    let beyond = match side {
                        Side::Below => number.value <= limit,
                        Side::Above => number.value >= limit,
                    };
                    if limit.is_nan() || noise == Noise::Lognormal && limit <= 0.0 {
                        return Err(self.wrong(
                            number,
                            observation,
                            limit,
                            "limit of censored numbers",
                            match noise {
                                Noise::Lognormal => "lognormal noise needs limits above 0",
                                _ => "give a number",
                            },
                        ));
                    }
                    if beyond {
                        number.value = limit;
                        number.censored = Some(side);
                    }
                }
                self.check_number(number, observation)?;
                number.value = on_scale(noise, number.value);
                let Some((source, is_weight)) = known else {
                    continue;
                };
                let amount = source.of(number, computed);
                if !amount.is_finite() || amount <= 0.0 {
                    let what = if is_weight {
                        "weight"
                    } else {
                        "standard deviation of the noise"
                    };
                    return Err(self.wrong(
                        number,
                        observation,
                        amount,
                        what,
                        "give finite numbers above 0, and leave out rows that are not to count",
                    ));
                }
                number.sd = if is_weight {
                    amount.sqrt().recip()
                } else {
                    amount
                };
            }
            for name in &observation.columns {
                let relative = matches!(known, Some((_, true)));
                let spread = match (observation.noise, varies, known.is_some() && !relative) {
                    (Noise::Poisson, ..) => Spread::Counts,
                    (_, Some(_), _) => Spread::Predicted,
                    (_, None, true) => Spread::Known,
                    (Noise::Normal, None, false) => {
                        groups += 1;
                        Spread::Group(groups - 1)
                    }
                    (Noise::Lognormal, None, false) => {
                        let group = *lognormal.get_or_insert(groups);
                        groups = groups.max(group + 1);
                        Spread::Group(group)
                    }
                };
                columns.push(ColumnNoise {
                    name: name.clone(),
                    noise: observation.noise,
                    spread,
                });
                sds.push(varies);
            }
        }
        let options = self.options;
        self.share(&mut columns, &numbers)?;
        let scoring = Scoring::new(
            columns,
            &numbers,
            self.priors(),
            options.loss,
            options.loss_scale,
        );
        Ok(Amounts {
            numbers,
            sds,
            scoring,
        })
    }

    /// The column of standard deviations or of weights that the caller names; and whether of weights.
    fn given(&self) -> Result<Option<(&'a [f64], bool)>, FitError> {
        let options = self.options;
        let (name, is_weight) = match (&options.sigma, &options.weights) {
            (None, None) => return Ok(None),
            (Some(_), Some(_)) => {
                let message =
                    "standard deviations and weights are both given; leave out one of the two";
                return Err(FitError::Noise(message.into()));
            }
            (Some(name), None) => (name, false),
            (None, Some(name)) => (name, true),
        };
        let mut columns = self.observations.iter().flat_map(|one| &one.columns);
        if !is_weight && let (Some(_), Some(other)) = (columns.next(), columns.next()) {
            return Err(FitError::Noise(format!(
                "the column `{name}` of standard deviations (--sigma) is for one observed column, and \
                 `{other}` is another; write `(observe column prediction (normal {name}))` for each"
            )));
        }
        Ok(Some((self.table.column(name)?, is_weight)))
    }

    fn source(
        &self,
        amount: &'a Amount,
        span: Span,
        next: &mut usize,
    ) -> Result<Source<'a>, FitError> {
        Ok(match amount {
            Amount::Number(number) => Source::Number(*number),
            Amount::Column(name) => {
                let is_unknown = self.unknowns.iter().any(|u| u.name == *name);
                if is_unknown && !self.table.has_column(name) {
                    let message = format!(
                        "`{name}` is estimated, and part of the noise: declare it, `(param {name} init (> 0))`"
                    );
                    return Err(FitError::Form { message, span });
                }
                Source::Column(column_of(self.table, name, span)?)
            }
            Amount::Expression(_) => {
                *next += 1;
                Source::Computed(*next - 1)
            }
        })
    }

    /// Refuses what an observation cannot be beside what the caller's options say.
    fn check(&self, observation: &Observation, is_given: bool) -> Result<(), FitError> {
        let refused = |message: &str| {
            Err(FitError::Form {
                message: message.to_owned(),
                span: observation.span,
            })
        };
        let counts = observation.noise == Noise::Poisson;
        if is_given && (observation.sd.is_some() || counts) {
            return refused(
                "the form says how the column scatters; leave out --sigma or --weights, or what it says",
            );
        }
        if self.options.loss == Loss::Squares {
            return Ok(());
        }
        if counts || !observation.censored.is_empty() {
            return refused(
                "a robust loss (--loss) is for residuals: `poisson` and censored columns have none; leave it \
                 out",
            );
        }
        if let Some(Amount::Expression(expr)) = &observation.sd
            && mentions(self.program, *expr, self.names)
        {
            return refused(
                "a robust loss (--loss) needs a standard deviation that depends on no param; leave out one \
                 of the two",
            );
        }
        Ok(())
    }

    /// Refuses a number that its noise excludes.
    fn check_number(&self, number: &Observed, observation: &Observation) -> Result<(), FitError> {
        let value = number.value;
        match observation.noise {
            Noise::Lognormal if value <= 0.0 => Err(FitError::NotPositive {
                place: self.table.place(number.row as usize),
                column: observation.columns[number.place as usize].clone(),
                value,
            }),
            Noise::Poisson if value < 0.0 || value.fract() != 0.0 => Err(FitError::NotCount {
                place: self.table.place(number.row as usize),
                column: observation.columns[number.place as usize].clone(),
                value,
            }),
            _ => Ok(()),
        }
    }

    fn wrong(
        &self,
        number: &Observed,
        observation: &Observation,
        amount: f64,
        what: &str,
        advice: &str,
    ) -> FitError {
        FitError::Noise(format!(
            "{}: the {what} of `{}` is {amount}; {advice}",
            self.table.place(number.row as usize),
            observation.columns[number.place as usize],
        ))
    }

    /// The priors, one for each unknown that is a value of their param.
    fn priors(&self) -> Vec<KnownBefore> {
        let mut all = Vec::new();
        for prior in self.program.priors() {
            let unknowns = self.unknowns.iter().enumerate();
            let of_param = unknowns.filter(|(_, unknown)| {
                let group = unknown.group.as_ref();
                unknown.name == prior.param || group.is_some_and(|group| group.param == prior.param)
            });
            all.extend(of_param.map(|(unknown, _)| KnownBefore {
                unknown,
                mean: prior.mean,
                sd: prior.sd,
            }));
        }
        for (name, mean, sd) in &self.options.priors {
            let mut unknowns = self.unknowns.iter();
            // One that is held is not estimated.
            all.extend(
                unknowns
                    .position(|unknown| unknown.name == *name)
                    .map(|unknown| KnownBefore {
                        unknown,
                        mean: *mean,
                        sd: *sd,
                    }),
            );
        }
        all
    }

    /// Lets all columns share one standard deviation where one of them has too few numbers for its own;
    /// refuses what nothing tells the standard deviation of.
    fn share(&self, columns: &mut [ColumnNoise], numbers: &[Observed]) -> Result<(), FitError> {
        let group_of = |column: &ColumnNoise| match column.spread {
            Spread::Group(group) => Some(group),
            _ => None,
        };
        let is_alone = |columns: &[ColumnNoise]| {
            let groups: Vec<Option<usize>> = columns.iter().map(group_of).collect();
            groups.iter().all(|group| *group == Some(0))
        };
        let any_censored = numbers.iter().any(|number| number.censored.is_some());
        let has_priors = !self.program.priors().is_empty() || !self.options.priors.is_empty();
        let is_plain = !any_censored && !has_priors;
        if is_plain && is_alone(columns) {
            return Ok(());
        }
        let Some(poor) = self.poor(columns, numbers) else {
            return Ok(());
        };
        if !any_censored && columns.iter().all(|column| group_of(column).is_some()) {
            for column in &mut *columns {
                column.spread = Spread::Group(0);
            }
            if is_plain || self.poor(columns, numbers).is_none() {
                return Ok(());
            }
        }
        let name = &columns[poor].name;
        let is_seen =
            |number: &&Observed| number.column as usize == poor && number.censored.is_none();
        let seen = numbers.iter().filter(is_seen).count();
        let message = match seen {
            0 => format!("all numbers of `{name}` are censored, so nothing tells how they scatter"),
            seen => format!(
                "`{name}` has no more numbers ({seen}) than params that fit them, so nothing tells how they scatter"
            ),
        };
        Err(FitError::Noise(format!(
            "{message}; give the standard deviation, as in `(normal 0.1)`"
        )))
    }

    /// A column of a group that has no more numbers than the params that they depend on.
    fn poor(&self, columns: &[ColumnNoise], numbers: &[Observed]) -> Option<usize> {
        let owners = self.observations.iter();
        let owners: Vec<&Observation> = owners
            .flat_map(|one| one.columns.iter().map(move |_| one))
            .collect();
        let mut seen = vec![0; columns.len()];
        for number in numbers.iter().filter(|number| number.censored.is_none()) {
            seen[number.column as usize] += 1;
        }
        let of_group = |group: usize| {
            let columns = columns.iter().enumerate();
            let own = columns.filter(move |(_, column)| column.spread == Spread::Group(group));
            own.map(|(at, _)| at)
        };
        (0..columns.len()).find(|&at| {
            let Spread::Group(group) = columns[at].spread else {
                return false;
            };
            let spent = self.unknowns.iter().filter(|unknown| {
                let name = unknown
                    .group
                    .as_ref()
                    .map_or(&unknown.name, |group| &group.param);
                let name = std::slice::from_ref(name);
                of_group(group).any(|at| mentions(self.program, owners[at].expr, name))
            });
            of_group(group).map(|at| seen[at]).sum::<usize>() <= spent.count()
        })
    }
}
