//! What people are to be warned of in a fit, in words.
//!
//! A fit goes in, with what is known of it from its program and its options; sentences come out.
//!
//! **Invariants**
//! - Every door says the same; options have the names that the door has for them.

use super::options::FitOptions;
use super::result::{Ending, Fit, StartEnd};
use crate::Model;
use crate::syntax::Goal;

/// Who tells of a fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    /// The command line, whose options begin with two dashes.
    #[cfg_attr(
        not(feature = "cli"),
        expect(dead_code, reason = "there is no command line")
    )]
    CommandLine,
    /// A library, whose options are names.
    Library,
}

impl Door {
    fn option(self, name: &str) -> String {
        match self {
            Self::CommandLine => format!("--{name}"),
            Self::Library => format!("`{}`", name.replace('-', "_")),
        }
    }
}

impl Fit {
    /// What there is to be wary of in it, a sentence each: what the data do not determine, other optima, starts that
    /// disagree, ends that are none. The model and options are those that it was made with.
    pub fn warnings(&self, model: &Model, options: &FitOptions) -> Vec<String> {
        let goal = match options.target {
            None if !options.minimize => Goal::Observations,
            _ => Goal::Value,
        };
        let program = model
            .interpreter()
            .and_then(|interpreter| interpreter.expand(model.text(), &[], goal).ok());
        let is_used = |name: &str| {
            program
                .as_ref()
                .is_none_or(|program| program.free_names().any(|(free, _)| free == name))
        };
        let unused = self.params.iter().map(|param| param.name.clone());
        let unused: Vec<String> = unused.filter(|name| !is_used(name)).collect();
        let initial = |name: &str| {
            let given = options
                .init
                .iter()
                .find(|(given, _)| given == name)
                .map(|&(_, x)| x);
            let declared = || model.params().iter().find(|param| param.name == name);
            given.or_else(|| declared().map(|param| param.init))
        };
        let known = Known {
            unused: &unused,
            stayed: self
                .params
                .iter()
                .all(|param| initial(&param.name).is_some_and(|x| stays(x, param.estimate))),
            max_iterations: options.max_iterations,
            max_evaluations: options.max_evaluations,
        };
        warnings(self, &known, Door::Library)
    }
}

/// Whether an estimate is where it started: a range maps its values to a line and back, with rounding.
pub(crate) fn stays(from: f64, to: f64) -> bool {
    (to - from).abs() <= 1e-12 * from.abs()
}

/// A number with so many significant digits, in scientific notation where it is large or small.
pub(crate) fn significant(x: f64, digits: u8) -> String {
    if !x.is_finite() {
        return if x.is_nan() {
            "nan".into()
        } else {
            format!("{x}")
        };
    }
    let places = usize::from(digits - 1);
    let scientific = format!("{x:.places$e}");
    let exponent = scientific.split_once('e').and_then(|(_, e)| e.parse().ok());
    // Of the rounded number: 9.9996 with four digits is 10.00.
    let exponent: i32 = exponent.unwrap_or(0);
    if (-5..i32::from(digits)).contains(&exponent) {
        let decimals = (i32::from(digits) - 1 - exponent) as usize;
        return format!("{x:.decimals$}");
    }
    scientific
}

/// What is known of a fit from its program and its arguments.
pub(crate) struct Known<'a> {
    /// The params that no prediction depends on.
    pub(crate) unused: &'a [String],
    /// Whether the estimates are the values that the fit started from.
    pub(crate) stayed: bool,
    pub(crate) max_iterations: usize,
    pub(crate) max_evaluations: Option<usize>,
}

/// Fewer starts that agree than this leave a doubt.
const FEW: usize = 3;

/// How many other optima are told.
const OTHERS: usize = 3;

/// The other optima, in words to go on with.
fn others(fitted: &Fit) -> String {
    let mut told = String::new();
    for optimum in fitted.optima.iter().take(OTHERS) {
        told.push_str("; another ");
        if let Some(symmetry) = &optimum.symmetry {
            told.push_str("has ");
            told.push_str(symmetry);
        } else {
            let params = fitted.params.iter().zip(&optimum.params);
            let each = params.map(|(p, x)| format!("{} = {}", p.name, significant(*x, 4)));
            told.push_str("is at ");
            told.push_str(&each.collect::<Vec<_>>().join(", "));
        }
    }
    if fitted.optima.len() > OTHERS {
        told.push_str("; …");
    }
    told
}

/// What people are to be warned of; options are called as a door calls them.
pub(crate) fn warnings(fitted: &Fit, known: &Known<'_>, door: Door) -> Vec<String> {
    let option = |name: &str| door.option(name);
    let mut warnings = Vec::new();
    if fitted.interrupted {
        warnings.push(format!(
            "the fit was stopped before it was done: this is the best of {} evaluations",
            fitted.evaluations
        ));
    }
    let quoted = |names: &[String]| {
        let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        names.join(", ")
    };
    let n = fitted.params.len();
    let is_loss = fitted.loss.is_some();
    if n == 0 {
        let other = if fitted.held.is_empty() {
            format!(
                "the model has no params: nothing was fitted, and the figures are those of the model as it \
                 is; `(param name init)` declares one, and {} fits its float literals",
                option("literals")
            )
        } else {
            "every param is held: nothing was fitted, and the figures are those of the model as it is"
                .to_owned()
        };
        return vec![other];
    }
    if known.max_iterations == 0 {
        warnings.push(format!(
            "no step was taken ({} 0): the figures are those of the initial values",
            option("max-iterations")
        ));
        return warnings;
    }
    let what = if is_loss { "loss" } else { "prediction" };
    if !is_loss && fitted.residuals < n {
        warnings.push(format!(
            "{} cannot determine {n} params; hold some with {}, or give more rows",
            numbers(fitted.residuals),
            option("fix")
        ));
    }
    // Nothing tells of a loss what data determine.
    let undetermined: &[String] = if is_loss {
        known.unused
    } else {
        &fitted.undetermined
    };
    let only_steers = |name: &String| fitted.steering.iter().any(|one| one.name == *name);
    let (unused, undetermined): (Vec<String>, Vec<String>) = undetermined
        .iter()
        .filter(|name| !only_steers(name))
        .cloned()
        .partition(|name| known.unused.contains(name));
    if !unused.is_empty() {
        warnings.push(format!(
            "no {what} depends on {}; leave it out, or hold it with {}",
            quoted(&unused),
            option("fix")
        ));
    }
    if !undetermined.is_empty() && fitted.residuals >= n {
        let determined = fitted.combinations.iter();
        let determined =
            determined.map(|one| format!("`{}` = {}", one.text, significant(one.value, 6)));
        let but = match &determined.collect::<Vec<_>>()[..] {
            [] => String::new(),
            all => format!("; they do determine {}", all.join(", ")),
        };
        warnings.push(format!(
            "the data do not determine {}{but}",
            quoted(&undetermined)
        ));
    }
    if !is_loss && fitted.residuals >= n && fitted.degrees_of_freedom == 0 {
        warnings.push(format!(
            "{} for {n} params leave no degree of freedom: the errors cannot be told",
            numbers(fitted.residuals)
        ));
    }
    for name in &fitted.at_edge {
        let errors = if is_loss {
            String::new()
        } else {
            format!(", and the errors of the others hold with `{name}` there")
        };
        warnings.push(format!(
            "`{name}` ended at an edge of its range: the minimum may be beyond it{errors}"
        ));
    }
    if !fitted.optima.is_empty() {
        warnings.push(format!(
            "{} optima {} equally {}; this is the nearest to the initial values{}",
            fitted.optima.len() + 1,
            if is_loss { "are" } else { "fit" },
            if is_loss { "low" } else { "well" },
            others(fitted),
        ));
    }
    let few = fitted.starts >= FEW && fitted.as_good < FEW;
    if few && fitted.converged && !fitted.interrupted {
        warnings.push(format!(
            "{} of {} starts got here: there may be a better minimum; try other initial values, bounds, or \
             more {}",
            fitted.as_good,
            fitted.starts,
            option("starts")
        ));
    }
    if fitted.held_back {
        warnings.push(format!(
            "points that {} were not moved to, because derivatives are infinite or NaN there: this may be no \
             minimum; `dmci grad` at nearby values shows which derivative it is",
            if is_loss { "are lower" } else { "fit better" }
        ));
    }
    if let Some(start) = fitted.ends.first()
        && start.ending == Ending::Failed
    {
        warnings.push(if is_loss {
            "the loss is not finite at the model's own initial values: the minimum is from other starts"
                .to_owned()
        } else {
            let shows = match door {
                Door::CommandLine => "; --trace-nan shows the operation at fault",
                Door::Library => "",
            };
            format!(
                "the model's own initial values give no finite residuals: the fit is from other starts{shows}"
            )
        });
    }
    let nothing_gained = known.stayed && (!fitted.converged || !undetermined.is_empty());
    let is_stuck = |end: &StartEnd| end.ending == Ending::Stuck;
    // What nothing is left of cannot fit better.
    let is_exact = !is_loss && fitted.sse == 0.0;
    if fitted.interrupted || is_exact {
        return warnings;
    }
    if is_loss && fitted.ends.get(fitted.best).is_some_and(is_stuck) {
        warnings.push(
            "the best start stopped where no step leads down, though the derivatives are not 0: a loss with \
             kinks or jumps (`abs`, `max`, `if`) may have its minimum there; others have derivatives that \
             `dmci verify` shows to be wrong"
                .to_owned(),
        );
    } else if nothing_gained {
        warnings.push(format!(
            "no step from the initial values led to a {}: the {what}{} may hardly depend on the params there; \
             give values nearer to the answer with {}, or more {}",
            if is_loss { "lower loss" } else { "better fit" },
            if is_loss { "" } else { "s" },
            option("init"),
            option("starts"),
        ));
    } else if !fitted.converged {
        let within = match known.max_evaluations {
            Some(most) if fitted.evaluations + FEW >= most => {
                format!("{most} evaluations; raise {}", option("max-evaluations"))
            }
            _ => format!(
                "{} steps; raise {}",
                known.max_iterations,
                option("max-iterations")
            ),
        };
        let or = if is_loss {
            "; it may have no lower bound"
        } else {
            ""
        };
        warnings.push(format!(
            "no start converged within {within}, or give better values with {}{or}",
            option("init")
        ));
    }
    warnings
}

fn numbers(count: usize) -> String {
    match count {
        1 => "1 number".to_owned(),
        count => format!("{count} numbers"),
    }
}
