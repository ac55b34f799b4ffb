//! `report.html`: all that is to be told of a fit, on one page.
//!
//! A fit, its figures and its program go in; the text of an HTML file comes out.
//!
//! **Invariants**
//! - The page needs no other file, and no text of a program or table is markup.
//! - Its numbers are those that the terminal shows: both are made of the same fields.

use super::figure::escaped;
use super::told::{
    COLUMNS, DERIVED, EFFORT, FIGURES, LOSS_DERIVED, LOSS_PARAMS, PARAMS, loss_derived,
    loss_figures, loss_params, particulars,
};
use crate::cli::at_fit::{AtFit, VERIFIED};
use crate::cli::fields::{Field, cells, told};
use crate::cli::report::significant;
use crate::fit::{Fit as Fitted, FittedLoss};
use std::fmt::Write as _;
use std::path::Path;

/// What the page holds.
pub(super) struct Contents<'a> {
    pub(super) fitted: &'a Fitted,
    pub(super) model: &'a str,
    /// None where a loss takes params alone.
    pub(super) data: Option<&'a Path>,
    pub(super) text: &'a str,
    pub(super) warnings: &'a [String],
    pub(super) verified: Option<&'a AtFit>,
    /// As SVG.
    pub(super) figures: &'a [&'a str],
}

/// More params than this have no table of correlations: nobody reads it.
const MOST_CORRELATED: usize = 12;

const STYLE: &str = "
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
table { border-collapse: collapse; }
th, td { padding: .2rem .9rem .2rem 0; text-align: right; font-variant-numeric: tabular-nums; }
th { font-weight: 600; border-bottom: 1px solid #8888; }
th:first-child, td:first-child { text-align: left; }
pre { overflow-x: auto; padding: .8rem; border: 1px solid #8888; border-radius: .3rem; }
.warning { border-left: .25rem solid #d08000; padding: .2rem .8rem; margin: .6rem 0; }
svg { max-width: 100%; height: auto; }
@media print { pre { white-space: pre-wrap; } }
.note { color: #808791; font-size: .9rem; }
";

/// The text of the page.
pub(super) fn html(contents: &Contents<'_>) -> String {
    let Contents { fitted, text, .. } = contents;
    let mut out = String::new();
    // Where the files were is nobody's business who gets the page.
    let last = |path: &Path| {
        let name = path.file_name().unwrap_or(path.as_os_str());
        escaped(&name.to_string_lossy())
    };
    let model = last(Path::new(contents.model));
    let (what, joined) = match fitted.loss {
        Some(_) => ("Minimum", "with"),
        None => ("Fit", "to"),
    };
    let title = match contents.data {
        Some(data) => format!("{what} of {model} {joined} {}", last(data)),
        None => format!("{what} of {model}"),
    };
    let _ = writeln!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>"
    );
    for warning in contents.warnings {
        let _ = writeln!(out, "<p class=\"warning\">{}</p>", escaped(warning));
    }
    match &fitted.loss {
        Some(loss) => of_loss(contents, loss, &mut out),
        None => of_fit(contents, &mut out),
    }
    let _ = writeln!(
        out,
        "<h2>Program</h2>\n<pre>{}</pre>\n<p class=\"note\">dmci {}</p>\n</body>\n</html>",
        escaped(text),
        env!("CARGO_PKG_VERSION")
    );
    out
}

/// What there is to tell of a fit.
fn of_fit(contents: &Contents<'_>, out: &mut String) {
    let fitted = contents.fitted;
    out.push_str("<h2>Parameters</h2>\n");
    records(&PARAMS, &fitted.params, out);
    held(fitted, out);
    if !fitted.derived.is_empty() {
        out.push_str("<h2>Derived quantities</h2>\n");
        records(&DERIVED, &fitted.derived, out);
    }
    for figure in contents.figures {
        let _ = writeln!(out, "<figure style=\"margin:1.5rem 0\">{figure}</figure>");
    }
    out.push_str(
        "<p class=\"note\">Bands are 95 % intervals of the mean, by the covariances of the params; \
         measurements scatter more widely.</p>\n<h2>The fit</h2>\n<table>\n",
    );
    figures(&FIGURES, fitted, out);
    for (label, text) in particulars(fitted) {
        let (label, text) = (escaped(&label), escaped(&text));
        let _ = writeln!(out, "<tr><td>{label}</td><td>{text}</td></tr>");
    }
    figures(&EFFORT, fitted, out);
    if let Some(at_fit) = contents.verified {
        figures(&VERIFIED, at_fit, out);
    }
    out.push_str("</table>\n<h2>Data</h2>\n");
    records(&COLUMNS, &fitted.columns, out);
    correlations(fitted, out);
}

/// What there is to tell of a loss that was minimized.
fn of_loss(contents: &Contents<'_>, loss: &FittedLoss, out: &mut String) {
    let fitted = contents.fitted;
    out.push_str("<h2>Parameters</h2>\n");
    grid(&LOSS_PARAMS, loss_params(fitted, loss), out);
    held(fitted, out);
    if !fitted.derived.is_empty() {
        out.push_str("<h2>Derived quantities</h2>\n");
        grid(&LOSS_DERIVED, loss_derived(fitted), out);
    }
    out.push_str("<h2>The minimum</h2>\n<table>\n");
    for (label, text) in loss_figures(fitted, loss) {
        let (label, text) = (escaped(&label), escaped(&text));
        let _ = writeln!(out, "<tr><td>{label}</td><td>{text}</td></tr>");
    }
    figures(&EFFORT, fitted, out);
    out.push_str("</table>\n");
}

/// The params that are held, if any.
fn held(fitted: &Fitted, out: &mut String) {
    if !fitted.held.is_empty() {
        let held = fitted
            .held
            .iter()
            .map(|(name, value)| format!("<i>{}</i> = {}", escaped(name), significant(*value, 6)));
        let held: Vec<String> = held.collect();
        let _ = writeln!(out, "<p>Held: {}.</p>", held.join(", "));
    }
}

/// A table with a row for each record.
fn records<T>(fields: &'static [Field<T>], records: &[T], out: &mut String) {
    let (header, rows) = cells(fields, records);
    grid(&header, rows, out);
}

/// A table of texts.
fn grid(header: &[&str], rows: Vec<Vec<String>>, out: &mut String) {
    out.push_str("<table>\n<tr>");
    for label in header {
        let _ = write!(out, "<th>{}</th>", escaped(label));
    }
    out.push_str("</tr>\n");
    for row in rows {
        out.push_str("<tr>");
        for cell in row {
            let _ = write!(out, "<td>{}</td>", escaped(&cell));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</table>\n");
}

/// A row for each field.
fn figures<T>(fields: &'static [Field<T>], record: &T, out: &mut String) {
    for (label, text) in told(fields, record) {
        let _ = writeln!(
            out,
            "<tr><td>{}</td><td>{}</td></tr>",
            escaped(label),
            escaped(&text)
        );
    }
}

fn correlations(fitted: &Fitted, out: &mut String) {
    let n = fitted.params.len();
    if !(2..=MOST_CORRELATED).contains(&n) {
        return;
    }
    out.push_str("<h2>Correlations</h2>\n<table>\n<tr><th></th>");
    for param in &fitted.params {
        let _ = write!(out, "<th>{}</th>", escaped(&param.name));
    }
    out.push_str("</tr>\n");
    for (row, param) in fitted.params.iter().enumerate() {
        let _ = write!(out, "<tr><td>{}</td>", escaped(&param.name));
        for column in 0..=row {
            let correlation = fitted.correlation[row * n + column];
            let _ = if correlation.is_nan() {
                write!(out, "<td>–</td>")
            } else {
                write!(out, "<td>{correlation:.3}</td>")
            };
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</table>\n");
}
