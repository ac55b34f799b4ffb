//! What is told of a search, as text.
//!
//! A standing or a report goes in; lines come out.

use crate::cli::report::{significant, table};
use crate::search::{FrontRow, Report, Standing};
use std::fmt::Write as _;

/// A program in a table: its numbers with six digits, and no longer than a line.
fn short(program: &str, most: usize) -> String {
    let mut out = String::new();
    let is_end = |c: char| c.is_whitespace() || "()".contains(c);
    for piece in program.split_inclusive(is_end) {
        let (word, end) = match piece.char_indices().next_back() {
            Some((at, c)) if is_end(c) => piece.split_at(at),
            _ => (piece, ""),
        };
        match word.parse::<f64>() {
            Ok(value) if word.contains(['.', 'e']) => out.push_str(&significant(value, 6)),
            _ => out.push_str(word),
        }
        out.push_str(end);
    }
    if out.chars().count() > most {
        out = out.chars().take(most - 1).chain(['…']).collect();
    }
    out
}

/// The last members of a front.
pub(super) fn front(front: &[(f64, f64, String)], most: usize) -> String {
    let rows: Vec<Vec<String>> = front
        .iter()
        .skip(front.len().saturating_sub(most))
        .map(|(complexity, loss, program)| {
            vec![
                significant(*complexity, 4),
                significant(*loss, 4),
                short(program, 90),
            ]
        })
        .collect();
    left_last(&["complexity", "loss", "program"], &rows)
}

/// A table whose last column is flush left.
fn left_last(header: &[&str], rows: &[Vec<String>]) -> String {
    let last = header.len() - 1;
    let numbers: Vec<Vec<String>> = rows.iter().map(|row| row[..last].to_vec()).collect();
    let mut out = String::new();
    let texts = [header[last]]
        .into_iter()
        .chain(rows.iter().map(|row| row[last].as_str()));
    for (line, text) in table(&header[..last], &numbers).lines().zip(texts) {
        let _ = writeln!(out, "{line}  {text}");
    }
    out
}

/// How a search stands.
pub(super) fn standing(standing: &Standing) -> String {
    let Standing {
        candidates,
        evaluations,
        ..
    } = standing;
    let mut out = front(&standing.front, usize::MAX);
    let _ = writeln!(out, "\n{candidates} candidates, {evaluations} evaluations");
    out
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| significant(value, 4))
}

/// A report.
pub(super) fn report(report: &Report) -> String {
    let mut out = String::new();
    let row = |row: &FrontRow| {
        vec![
            significant(row.complexity, 4),
            significant(row.fit_loss, 4),
            significant(row.loss, 4),
            number(row.test_loss),
            short(&row.program, 90),
        ]
    };
    let rows: Vec<Vec<String>> = report.front.iter().map(row).collect();
    out.push_str(&left_last(
        &["complexity", "fit", "loss", "test", "program"],
        &rows,
    ));
    if let Some(best) = &report.best {
        let _ = writeln!(out, "\nbest: {}", best.program);
    }
    let baselines = report.baselines.iter();
    let rows: Vec<Vec<String>> = baselines
        .map(|base| vec![base.name.clone(), number(base.loss), number(base.test_loss)])
        .collect();
    let _ = writeln!(
        out,
        "\n{}",
        table(&["baseline", "loss", "test"], &rows).trim_end()
    );
    let [fit, select, test] = report.rows;
    let share = 100.0 * report.repeated as f64 / (report.proposed.max(1)) as f64;
    let _ = writeln!(
        out,
        "\nrows: {fit} calibrated on, {select} that choose, {test} that test; losses are mean squared errors\n\
         {} steps: {} programs made, {} ({share:.0} %) known, {} candidates, {} evaluations",
        report.steps, report.proposed, report.repeated, report.candidates, report.evaluations
    );
    for (kind, count) in &report.errors {
        let _ = writeln!(out, "refused, {kind}: {count}");
    }
    if report.usd > 0.0 {
        let _ = writeln!(out, "dollars: {}", significant(report.usd, 4));
    }
    if let Some(seconds) = report.cpu_s {
        let _ = writeln!(out, "processor time: {} s", significant(seconds, 3));
    }
    out
}
