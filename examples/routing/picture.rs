//! Figures as bars of an SVG: ours, and the paper's where it has one.
//!
//! Parts from 0 to 1 go in, the text of a picture comes out.

use std::fmt::Write as _;

const INK: &str = "#808791";
const OURS: &str = "#3b82d6";
const LEFT: f64 = 250.0;
const WIDE: f64 = 400.0;
const ROW: f64 = 22.0;

/// One figure.
pub(crate) struct Figure {
    /// The part of the example that it is of.
    pub(crate) part: String,
    /// What it is.
    pub(crate) name: String,
    /// What was found.
    pub(crate) found: f64,
    /// What the paper has.
    pub(crate) paper: Option<f64>,
}

/// Draws figures, a row each.
pub(crate) fn draw(figures: &[Figure]) -> String {
    let (width, height) = (LEFT + WIDE + 80.0, 40.0 + ROW * figures.len() as f64 + 10.0);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         height=\"{height}\" font-family=\"sans-serif\" font-size=\"12\" fill=\"{INK}\">\n\
         <text x=\"8\" y=\"20\" font-size=\"14\">Right answers to held-out questions; a line is the \
         paper's</text>\n"
    );
    for (at, figure) in figures.iter().enumerate() {
        let top = 34.0 + ROW * at as f64;
        let middle = top + 14.0;
        let found = figure.found.clamp(0.0, 1.0);
        let _ = writeln!(
            out,
            "<text x=\"{}\" y=\"{middle}\" text-anchor=\"end\">{}: {}</text>\n\
             <rect x=\"{LEFT}\" y=\"{top}\" width=\"{:.1}\" height=\"16\" fill=\"{OURS}\"/>\n\
             <text x=\"{:.1}\" y=\"{middle}\">{:.1} %</text>",
            LEFT - 8.0,
            figure.part,
            figure.name,
            WIDE * found,
            LEFT + WIDE * found + 6.0,
            100.0 * figure.found
        );
        if let Some(paper) = figure.paper {
            let x = LEFT + WIDE * paper.clamp(0.0, 1.0);
            let bottom = top + 18.0;
            let _ = writeln!(
                out,
                "<line x1=\"{x:.1}\" y1=\"{}\" x2=\"{x:.1}\" y2=\"{bottom}\" stroke=\"#d97706\" \
                 stroke-width=\"2\"/>",
                top - 2.0
            );
        }
    }
    out.push_str("</svg>\n");
    out
}
