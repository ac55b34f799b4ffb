//! `report.html` of a search: the front, the best program beside the data, where it comes from.
//!
//! A run and its report go in; the text of an HTML file comes out.
//!
//! **Invariants**
//! - The page needs no other file, and no text of a program or table is markup.

use super::told;
use crate::cli::fit::figure::{COLORS, Figure, Mark, Panel, Sign, escaped};
use crate::cli::report::significant;
use crate::search::{Report, Run};
use std::fmt::Write as _;

const STYLE: &str = "
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 52rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
pre { overflow-x: auto; padding: .8rem; border: 1px solid #8888; border-radius: .3rem; }
svg { max-width: 100%; height: auto; }
li { margin: .3rem 0; overflow-wrap: anywhere; }
.note { color: #808791; font-size: .9rem; }
";

/// The front: the logarithm of the loss by complexity.
fn front(report: &Report) -> String {
    let log = |loss: f64| loss.max(1e-300).log10();
    let of = |loss: &dyn Fn(&crate::search::FrontRow) -> Option<f64>| -> (Vec<f64>, Vec<f64>) {
        let rows = report.front.iter();
        rows.filter_map(|row| Some((row.complexity, log(loss(row)?))))
            .unzip()
    };
    let (x, y) = of(&|row| Some(row.loss));
    let (test_x, test_y) = of(&|row| row.test_loss);
    let mut marks = vec![
        Mark::Line {
            x: x.clone(),
            y: y.clone(),
            color: COLORS[0],
        },
        Mark::Points {
            x,
            y,
            color: COLORS[0],
            hollow: false,
        },
    ];
    let mut legend = vec![(Sign::Point, COLORS[0], "loss".to_owned())];
    if !test_x.is_empty() {
        marks.push(Mark::Points {
            x: test_x,
            y: test_y,
            color: COLORS[1],
            hollow: true,
        });
        legend.push((Sign::Hollow, COLORS[1], "rows that test".to_owned()));
    }
    Figure {
        title: "Loss by complexity along the front".to_owned(),
        x_label: "complexity".to_owned(),
        panels: vec![Panel {
            y_label: "log10 of the mean squared error".to_owned(),
            marks,
        }],
        legend,
        height: 260.0,
    }
    .svg()
}

/// Data and the best program.
fn fit(run: &Run, report: &Report) -> Option<String> {
    let [x, y, predicted] = run.curve(&report.best.as_ref()?.program)?;
    Some(
        Figure {
            title: "Data and the best program".to_owned(),
            x_label: "the first input".to_owned(),
            panels: vec![Panel {
                y_label: "target".to_owned(),
                marks: vec![
                    Mark::Points {
                        x: x.clone(),
                        y,
                        color: COLORS[0],
                        hollow: false,
                    },
                    Mark::Points {
                        x,
                        y: predicted,
                        color: COLORS[1],
                        hollow: true,
                    },
                ],
            }],
            legend: vec![
                (Sign::Point, COLORS[0], "observed".to_owned()),
                (Sign::Hollow, COLORS[1], "predicted".to_owned()),
            ],
            height: 300.0,
        }
        .svg(),
    )
}

/// The text of the page.
pub(super) fn html(run: &Run, report: &Report) -> String {
    let title = "A search for programs";
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n"
    );
    if let Some(best) = &report.best {
        let _ = writeln!(
            out,
            "<h2>The best program</h2>\n<pre>{}</pre>\n<p>Mean squared error {}{}.</p>",
            escaped(&best.program),
            significant(best.loss, 4),
            best.test_loss.map_or_else(String::new, |loss| {
                format!(", {} on rows that nothing has seen", significant(loss, 4))
            })
        );
    }
    if let Some(figure) = fit(run, report) {
        out.push_str(&figure);
    }
    let _ = writeln!(out, "<h2>The front</h2>\n{}", front(report));
    let _ = writeln!(out, "<pre>{}</pre>", escaped(&told::report(report)));
    if report.genealogy.len() > 1 {
        out.push_str("<h2>Where it comes from</h2>\n<ol reversed>\n");
        for (n, program) in &report.genealogy {
            let _ = writeln!(
                out,
                "<li><code>{}</code> <span class=\"note\">{n}</span></li>",
                escaped(program)
            );
        }
        out.push_str("</ol>\n");
    }
    let _ = writeln!(
        out,
        "<p class=\"note\">dmci {}</p>\n</body>\n</html>",
        env!("CARGO_PKG_VERSION")
    );
    out
}
