//! What is told of a fit: to people in tables, lines and warnings, to machines as JSON.
//!
//! A fit goes in, with what was looked into besides; text comes out.
//!
//! **Invariants**
//! - What people are warned of is in the JSON too, in the same words.
//! - The JSON of a fit depends on nothing but the program, the data and the arguments: no time is in it.

use crate::cli::at_fit::{AtFit, VERIFIED};
use crate::cli::fields::{Content, Field, members, told};
use crate::cli::json;
use crate::cli::report::{significant, table};
use crate::fit::{
    Estimates, Fit as Fitted, FitNotFinite, FittedColumn, FittedDerived, FittedLoss, FittedNoise,
    FittedParam, Profile, ProfileEnd, SdOrigin,
};
use std::fmt::Write as _;

/// Of each param.
pub(super) const PARAMS: [Field<FittedParam>; 5] = [
    Field::new("param", "name", |p| Content::Text(&p.name)),
    Field::new("estimate", "estimate", |p| Content::Number(p.estimate, 6)),
    Field::new("std. error", "std_err", |p| Content::Number(p.std_err, 3)),
    Field::new("95 % from", "low", |p| Content::Number(p.low, 6)),
    Field::new("to", "high", |p| Content::Number(p.high, 6)),
];

/// Of each profile.
pub(super) const PROFILES: [Field<Profile>; 5] = [
    Field::new("profile", "name", |p| Content::Text(&p.name)),
    Field::new("estimate", "estimate", |p| Content::Number(p.estimate, 6)),
    Field::new("95 % from", "low", |p| Content::Number(end(p.low, -1.0), 6)),
    Field::new("to", "high", |p| Content::Number(end(p.high, 1.0), 6)),
    Field::new("interval", "shape", |p| Content::Text(p.shape())),
];

/// An end as a number; infinite where there is none on that side.
fn end(end: ProfileEnd, side: f64) -> f64 {
    match end {
        ProfileEnd::Open(_) => side * f64::INFINITY,
        end => end.value(),
    }
}

/// Of each quantity that is made of them.
pub(super) const DERIVED: [Field<FittedDerived>; 5] = [
    Field::new("derived", "name", |d| Content::Text(&d.name)),
    Field::new("estimate", "estimate", |d| Content::Number(d.estimate, 6)),
    Field::new("std. error", "std_err", |d| Content::Number(d.std_err, 3)),
    Field::new("95 % from", "low", |d| Content::Number(d.low, 6)),
    Field::new("to", "high", |d| Content::Number(d.high, 6)),
];

/// How each column scatters.
const NOISE: [Field<FittedNoise>; 5] = [
    Field::untold("column", |n| Content::Text(&n.column)),
    Field::untold("noise", |n| Content::Text(n.noise.name())),
    Field::untold("sd", |n| Content::Number(n.sd, 5)),
    Field::untold("origin", |n| Content::Text(n.origin.name())),
    Field::untold("censored", |n| count(n.censored)),
];

/// What is told of some fits only, in words: a label and what it is. Chi squared, where standard deviations
/// are given; params that are strongly correlated; how each column scatters, but where one estimated
/// standard deviation is that of all residuals, which the figures tell.
pub(super) fn particulars(fitted: &Fitted) -> Vec<(String, String)> {
    let mut told = Vec::new();
    if let Some(all) = fitted.chi_squared {
        let mut text = significant(all, 6);
        if let Some(reduced) = fitted.reduced_chi_squared {
            let _ = write!(text, ", reduced {}", significant(reduced, 4));
        }
        told.push(("chi squared".to_owned(), text));
    }
    let n = fitted.params.len();
    let pairs = (0..n).flat_map(|i| (i + 1..n).map(move |j| (i, j)));
    let mut strong: Vec<(f64, String)> = pairs
        .map(|(i, j)| (fitted.correlation[i * n + j], i, j))
        .filter(|(r, ..)| r.abs() >= STRONG)
        .map(|(r, i, j)| {
            let (one, other) = (&fitted.params[i].name, &fitted.params[j].name);
            (r.abs(), format!("{one}, {other} {}", significant(r, 3)))
        })
        .collect();
    strong.sort_by(|a, b| b.0.total_cmp(&a.0));
    if !strong.is_empty() {
        let more = if strong.len() > MOST_STRONG {
            "; …"
        } else {
            ""
        };
        let strong: Vec<String> = strong
            .into_iter()
            .take(MOST_STRONG)
            .map(|one| one.1)
            .collect();
        told.push(("correlations".to_owned(), strong.join("; ") + more));
    }
    let is_plain = |noise: &FittedNoise| {
        noise.origin == SdOrigin::Estimated && noise.censored == 0 && noise.sd == fitted.residual_sd
    };
    if fitted.noise.iter().all(is_plain) {
        return told;
    }
    let of_columns = fitted.noise.iter().map(|noise| {
        let sd = significant(noise.sd, 5);
        let mut text = match noise.origin {
            SdOrigin::Counts => "counts, by Poisson's law".to_owned(),
            SdOrigin::Given if noise.sd.is_nan() => {
                "given for each row: errors are absolute".into()
            }
            SdOrigin::Given => format!("{sd}, given: errors are absolute"),
            SdOrigin::Predicted if noise.sd.is_nan() => "predicted for each row".to_owned(),
            SdOrigin::Predicted => format!("{sd}, predicted"),
            SdOrigin::Weighted => format!("{sd} at weight 1: errors are relative to the residuals"),
            SdOrigin::Estimated => format!("{sd}, estimated"),
        };
        if noise.censored > 0 {
            let _ = write!(text, "; {} censored", noise.censored);
        }
        (format!("sd of {}", noise.column), text)
    });
    told.extend(of_columns);
    told
}

/// Correlations are told from this size on,
const STRONG: f64 = 0.95;

/// and so many of them.
const MOST_STRONG: usize = 3;

/// Of the whole fit.
pub(super) const FIGURES: [Field<Fitted>; 11] = [
    Field::new("sum of squares", "sse", |f| Content::Number(f.sse, 8)),
    Field::new("residual sd", "residual_sd", |f| {
        Content::Number(f.residual_sd, 5)
    }),
    Field::new("degrees of freedom", "degrees_of_freedom", |f| {
        count(f.degrees_of_freedom)
    }),
    Field::new("R squared", "r_squared", |f| {
        Content::Number(f.r_squared, 6)
    }),
    Field::untold("value", |f| Content::Number(f.value, 8)),
    Field::untold("log_likelihood", |f| Content::Number(f.log_likelihood, 8)),
    Field::untold("residuals", |f| count(f.residuals)),
    Field::untold("starts", |f| count(f.starts)),
    Field::new("starts that agree", "agree", |f| {
        Content::Share(f.agree, f.starts)
    }),
    Field::new("AIC", "aic", |f| Content::Number(f.aic, 6)),
    Field::new("BIC", "bic", |f| Content::Number(f.bic, 6)),
];

/// Of a loss that was minimized.
const LOSS: [Field<Fitted>; 2] = [
    Field::new("loss", "value", |f| Content::Number(f.value, 8)),
    Field::new("starts that agree", "agree", |f| {
        Content::Share(f.agree, f.starts)
    }),
];

/// Of each param of a loss that was minimized.
pub(super) const LOSS_PARAMS: [&str; 4] = ["param", "value", "derivative", "at a bound"];

/// A row of these for each param.
pub(super) fn loss_params(fitted: &Fitted, loss: &FittedLoss) -> Vec<Vec<String>> {
    let params = fitted.params.iter().zip(&loss.gradient);
    let rows = params.map(|(param, slope)| {
        let at_bound = if fitted.at_edge.contains(&param.name) {
            "yes"
        } else {
            "no"
        };
        vec![
            param.name.clone(),
            significant(param.estimate, 6),
            significant(*slope, 2),
            at_bound.to_owned(),
        ]
    });
    rows.collect()
}

/// Of each quantity that is made of them, where there are no errors.
pub(super) const LOSS_DERIVED: [&str; 2] = ["derived", "value"];

/// A row of these for each quantity.
pub(super) fn loss_derived(fitted: &Fitted) -> Vec<Vec<String>> {
    let derived = fitted.derived.iter();
    derived
        .map(|one| vec![one.name.clone(), significant(one.estimate, 6)])
        .collect()
}

/// What there is to tell of a minimum beside: labels and texts.
pub(super) fn loss_figures(fitted: &Fitted, loss: &FittedLoss) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = told(&LOSS, fitted)
        .map(|(label, text)| (label.to_owned(), text))
        .collect();
    let norm = significant(loss.gradient_norm, 2);
    all.push(("gradient norm".to_owned(), norm));
    let none = "none: a loss does not say how its data scatter";
    all.push(("standard errors".to_owned(), none.to_owned()));
    all
}

/// The minimum of a loss, as people are told of it.
pub(super) fn minimized(fitted: &Fitted, loss: &FittedLoss) -> String {
    let mut out = table(&LOSS_PARAMS, &loss_params(fitted, loss));
    if !fitted.derived.is_empty() {
        out.push('\n');
        out.push_str(&table(&LOSS_DERIVED, &loss_derived(fitted)));
    }
    out.push('\n');
    for (label, text) in loss_figures(fitted, loss) {
        let _ = writeln!(out, "{label:<18}  {text}");
    }
    held(fitted, &mut out);
    out
}

/// Writes a line for each param that only steers.
pub(super) fn steering(fitted: &Fitted, out: &mut String) {
    for one in &fitted.steering {
        let label = format!("{} only steers", one.name);
        let [low, high] = [one.low, one.high].map(|end| significant(end, 6));
        let _ = writeln!(
            out,
            "{label:<18}  all from {low} to {high} fit as well; the estimate is the middle"
        );
    }
}

/// Writes a line for each param that is held.
pub(super) fn held(fitted: &Fitted, out: &mut String) {
    for (name, value) in &fitted.held {
        let label = format!("{name} held at");
        let _ = writeln!(out, "{label:<18}  {}", significant(*value, 6));
    }
}

/// What it took, which people are told with `--stats`.
pub(super) const EFFORT: [Field<Fitted>; 2] = [
    Field::new("starts dropped", "dropped", |f| count(f.dropped)),
    Field::new("evaluations", "evaluations", |f| count(f.evaluations)),
];

/// What people are warned of.
const DOUBTS: [Field<Fitted>; 5] = [
    Field::untold("converged", |f| Content::Flag(f.converged)),
    Field::untold("held_back", |f| Content::Flag(f.held_back)),
    Field::untold("interrupted", |f| Content::Flag(f.interrupted)),
    Field::untold("undetermined", |f| Content::Texts(&f.undetermined)),
    Field::untold("at_edge", |f| Content::Texts(&f.at_edge)),
];

/// Of each observed column.
pub(super) const COLUMNS: [Field<FittedColumn>; 3] = [
    Field::new("column", "name", |c| Content::Text(&c.name)),
    Field::new("rows used", "used", |c| count(c.used)),
    Field::new("dropped", "dropped", |c| count(c.dropped)),
];

/// Of all columns.
const ROWS: [Field<Fitted>; 2] = [
    Field::untold("rows", |f| count(f.rows)),
    Field::untold("rows_dropped", |f| count(f.rows_dropped)),
];

fn count(n: usize) -> Content<'static> {
    Content::Count(n as u64)
}

/// What is told beside the fit itself.
pub(super) struct Beside<'a> {
    pub(super) verified: Option<&'a AtFit>,
    pub(super) traced: Option<&'a Option<FitNotFinite>>,
    pub(super) warnings: &'a [String],
    pub(super) target: Option<&'a str>,
    pub(super) profiles: Option<&'a [Profile]>,
}

/// One JSON object.
pub(super) fn json(fitted: &Fitted, beside: &Beside<'_>) -> String {
    json::line(|all| {
        all.plain("schema", Estimates::SCHEMA);
        all.objects("params", &fitted.params, |param, one| {
            members(&PARAMS, param, one);
        });
        all.objects("derived", &fitted.derived, |derived, one| {
            members(&DERIVED, derived, one);
        });
        members(&FIGURES, fitted, all);
        all.serialized("chi_squared", &fitted.chi_squared);
        all.serialized("reduced_chi_squared", &fitted.reduced_chi_squared);
        if let Some(loss) = &fitted.loss {
            all.serialized("loss", loss);
        }
        if !fitted.steering.is_empty() {
            all.serialized("steering", &fitted.steering);
        }
        members(&EFFORT, fitted, all);
        members(&DOUBTS, fitted, all);
        all.texts("warnings", beside.warnings);
        all.object("held", |held| {
            for (name, value) in &fitted.held {
                held.number(name, *value);
            }
        });
        match beside.target {
            Some(target) => all.text("target", target),
            None => all.raw("target", "null"),
        }
        members(&ROWS, fitted, all);
        all.objects("columns", &fitted.columns, |column, one| {
            members(&COLUMNS, column, one);
        });
        all.objects("noise", &fitted.noise, |noise, one| {
            members(&NOISE, noise, one);
            match noise.group {
                Some(group) => one.plain("group", group),
                None => one.raw("group", "null"),
            }
        });
        all.numbers("covariance", &fitted.covariance);
        all.numbers("correlation", &fitted.correlation);
        if let Some(profiles) = beside.profiles {
            all.serialized("profiles", &profiles);
        }
        if let Some(at_fit) = beside.verified {
            members(&VERIFIED, at_fit, all);
        }
        if let Some(traced) = beside.traced {
            all.serialized("trace_nan", traced);
        }
    })
}
