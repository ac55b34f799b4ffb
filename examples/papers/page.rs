//! The page `results.md`: what was found, as a page of the book, with its charts in `results.svg`.
//!
//! Findings go in; both files are written to a folder.
//!
//! **Invariants**
//! - Each sentence has a line of its own, as everywhere in the book; nothing on the page was typed in.

use crate::chart;
use crate::elsewhere::ELSEWHERE;
use crate::report::{Failure, NOT_TOLD, Told, Verdict};
use std::fmt::Write as _;
use std::path::Path;

/// What stands before the findings.
const HEAD: &str = "# Results beside the papers\n\n\
    The experiments of the papers, done again: each row has the paper's figure, ours, whether ours meets or beats \
    it, and what it took in seconds of wall time.\n\
    Where a figure is not met, the reason is below the table.\n\
    The page is written by the program that does them, of what it found; seconds depend on what else the machine \
    does.\n\
    The charts are `src/docs/results.svg`; the book has them at the end of this page.\n\n\
    ```text\n\
    cargo run --release --example papers -- all --page src/docs\n\
    cargo run --release --example papers -- A I --json          # or some of them, as JSON\n\
    ```\n\n";

/// A cell's text: a bar would end it.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

/// Each sentence in a line of its own.
fn lines(text: &str) -> String {
    text.replace(". ", ".\n")
}

/// Writes the page into a folder.
pub(crate) fn write(folder: &Path, all: &[Told]) -> Result<(), Failure> {
    let mut page = HEAD.to_owned();
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let rows = all.iter().flat_map(|told| &told.findings.rows);
    let told = rows.clone().filter(|row| !row.paper.starts_with(NOT_TOLD));
    let met = told
        .clone()
        .filter(|row| matches!(row.verdict, Verdict::Met));
    let minutes = rows.map(|row| row.seconds).sum::<f64>() / 60.0;
    let _ = write!(
        page,
        "Of {} figures that the papers tell, {} are met or beaten.\nIt took {minutes:.1} minutes on {processors} \
         processors.\n\n",
        told.count(),
        met.count()
    );
    for told in all {
        section(&mut page, told);
    }
    page.push_str("## Elsewhere\n\nOther figures of the papers are those of other commands.\n\n");
    page.push_str("| experiment | paper | command |\n|---|---|---|\n");
    for (name, what, paper, command) in ELSEWHERE {
        let _ = writeln!(page, "| {name}: {what} | {} | `{command}` |", cell(paper));
    }
    page.push_str("\n## Charts\n");
    let charts = all.iter().flat_map(|told| &told.findings.charts);
    std::fs::create_dir_all(folder)?;
    for (name, text) in [("results.md", page), ("results.svg", chart::draw(charts))] {
        let path = folder.join(name);
        std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(())
}

fn section(page: &mut String, told: &Told) {
    let findings = &told.findings;
    let _ = write!(page, "## {}: {}\n\n", told.name, told.title);
    let _ = write!(page, "{}\n\n", lines(&findings.setting));
    page.push_str("| figure | paper | ours | met | s |\n|---|---|---|---|---|\n");
    for row in &findings.rows {
        let met = match row.verdict {
            Verdict::Met => "yes",
            Verdict::Missed(_) => "no",
        };
        let _ = writeln!(
            page,
            "| {} | {} | {} | {met} | {:.1} |",
            cell(&row.what),
            cell(&row.paper),
            cell(&row.ours),
            row.seconds
        );
    }
    page.push('\n');
    let missed = findings.rows.iter().filter_map(|row| match &row.verdict {
        Verdict::Missed(reason) => Some((&row.what, reason)),
        Verdict::Met => None,
    });
    let missed: Vec<_> = missed.collect();
    for (what, reason) in &missed {
        let reason = if reason.is_empty() {
            "no reason is known"
        } else {
            reason
        };
        let _ = writeln!(page, "Not met, {what}: {reason}.");
    }
    if !missed.is_empty() {
        page.push('\n');
    }
}
