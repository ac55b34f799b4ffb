//! `--out`: the files of a fit.
//!
//! A fit goes in with what was made of it; files come out.
//!
//! **Invariants**
//! - A file is there whole or as it was before.
//! - The files say the same: one fit, one set of numbers.

use super::curves::Curves;
use super::fitted_text;
use super::page;
use super::pictures;
use crate::cli::at_fit::AtFit;
use crate::cli::report::{Failure, Source, note};
use crate::fit::{Fit as Fitted, Profile};
use crate::graph::ncg::whole;
use crate::syntax::Program;
use std::fs;
use std::path::Path;

/// What there is to write.
pub(super) struct Results<'a> {
    pub(super) fitted: &'a Fitted,
    /// None of a loss: it predicts nothing.
    pub(super) curves: Option<&'a Curves>,
    pub(super) source: &'a Source,
    pub(super) program: &'a Program,
    /// Where the data were read, if any were.
    pub(super) data: Option<&'a Path>,
    pub(super) json: &'a str,
    pub(super) warnings: &'a [String],
    pub(super) verified: Option<&'a AtFit>,
    pub(super) profiles: Option<&'a [Profile]>,
}

/// Writes all files into a folder, which is made if need be.
pub(super) fn write(folder: &Path, results: &Results<'_>) -> Result<(), Failure> {
    let failed = |path: &Path, error: &std::io::Error| {
        Failure::Data(format!("{}: cannot be written: {error}", path.display()))
    };
    if folder.is_file() {
        let folder = folder.display();
        return Err(Failure::Data(format!(
            "{folder}: cannot be written: it is a file; give the name of a folder, which is made if need be"
        )));
    }
    fs::create_dir_all(folder).map_err(|error| failed(folder, &error))?;
    let Results {
        fitted,
        curves,
        source,
        program,
        ..
    } = results;
    let estimates = fitted.params.iter().map(|p| (p.name.clone(), p.estimate));
    let values: Vec<(String, f64)> = estimates.chain(fitted.held.iter().cloned()).collect();
    let model = fitted_text::with_values(&source.text, program.params(), &values);
    let drawn = curves.map(|curves| (pictures::fit(curves), pictures::residuals(curves)));
    let profiles = results.profiles.map(pictures::profiles);
    let mut figures: Vec<&str> = Vec::new();
    if let Some((fit, residuals)) = &drawn {
        figures.extend([fit.as_str(), residuals.as_str()]);
    }
    figures.extend(profiles.as_deref());
    let report = page::html(&page::Contents {
        fitted,
        model: source.file(),
        data: results.data,
        text: &source.text,
        warnings: results.warnings,
        verified: results.verified,
        figures: &figures,
    });
    let table = curves.map(predictions).transpose()?;
    let mut files: Vec<(&str, &str)> = vec![
        ("fit.json", results.json),
        ("model.fitted.scm", &model),
        ("report.html", &report),
    ];
    if let Some(table) = &table {
        files.push(("predictions.csv", table));
    }
    if let Some((fit, residuals)) = &drawn {
        files.extend([("fit.svg", fit.as_str()), ("residuals.svg", residuals)]);
    }
    if let Some(profiles) = &profiles {
        files.push(("profile.svg", profiles));
    }
    for (name, text) in files {
        let path = folder.join(name);
        whole::save(&path, text.as_bytes()).map_err(|error| failed(&path, &error))?;
    }
    note(&format!("wrote {}", folder.join("report.html").display()));
    Ok(())
}

/// A row for each of the data: what the program takes, then for each observed column what was observed
/// and predicted.
fn predictions(curves: &Curves) -> Result<String, Failure> {
    let mut columns: Vec<(String, &[f64])> = Vec::new();
    for (name, numbers) in &curves.inputs {
        columns.push((name.clone(), numbers));
    }
    for curve in &curves.columns {
        let name = &curve.name;
        columns.push((name.clone(), &curve.observed));
        columns.push((format!("{name} fit"), &curve.rows.fit));
        columns.push((format!("{name} residual"), &curve.residuals));
        columns.push((format!("{name} low"), &curve.rows.low));
        columns.push((format!("{name} high"), &curve.rows.high));
    }
    crate::cli::data::csv_text(&columns)
}
