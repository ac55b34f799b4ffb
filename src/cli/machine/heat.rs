//! Heatmaps as SVG: rows of cells whose darkness is a chance.
//!
//! Rows of numbers from 0 to 1 and names go in; the text of an SVG file comes out.
//!
//! **Invariants**
//! - Nothing outside the file is referred to, and no text is markup.
//! - The text is of bounded size: of more rows than are drawn, the first are.

use std::fmt::Write as _;

const INK: &str = "#808791";
const DARK: &str = "#3b82d6";
const CELL: f64 = 16.0;
const LEFT: f64 = 52.0;
const TOP: f64 = 44.0;
const GAP: f64 = 18.0;

/// How many rows and columns are drawn.
const MOST: usize = 300;

/// A block of columns with a name of its own, and names of its columns.
pub(super) struct Block {
    pub(super) title: String,
    pub(super) columns: Vec<String>,
    /// By rows: a chance for each column.
    pub(super) rows: Vec<Vec<f64>>,
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// Draws blocks side by side, with the rows' names at the left.
pub(super) fn draw(title: &str, rows: &[String], blocks: &[Block]) -> String {
    let shown = rows.len().min(MOST);
    let wide = |block: &Block| block.columns.len().min(MOST) as f64 * CELL;
    let names = blocks.iter().flat_map(|block| &block.columns);
    let longest = names.map(|name| name.chars().count()).max().unwrap_or(0);
    let top = TOP + 7.0 * longest as f64;
    let width = LEFT + blocks.iter().map(|block| wide(block) + GAP).sum::<f64>();
    let width = width.max(8.0 * title.len() as f64);
    let height = top + shown as f64 * CELL + GAP;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         height=\"{height}\" font-family=\"sans-serif\" font-size=\"11\" fill=\"{INK}\">\n\
         <text x=\"8\" y=\"16\" font-size=\"13\">{}</text>\n",
        escaped(title)
    );
    for (at, name) in rows.iter().take(shown).enumerate() {
        let y = top + at as f64 * CELL + 12.0;
        let x = LEFT - 6.0;
        let _ = writeln!(
            out,
            "<text x=\"{x}\" y=\"{y}\" text-anchor=\"end\">{}</text>",
            escaped(name)
        );
    }
    let mut left = LEFT;
    for block in blocks {
        let _ = writeln!(
            out,
            "<text x=\"{left}\" y=\"34\">{}</text>",
            escaped(&block.title)
        );
        for (at, name) in block.columns.iter().take(MOST).enumerate() {
            let (x, y) = (left + at as f64 * CELL + 11.0, top - 5.0);
            let _ = writeln!(
                out,
                "<text transform=\"translate({x} {y}) rotate(-90)\">{}</text>",
                escaped(name)
            );
        }
        for (row, chances) in block.rows.iter().take(shown).enumerate() {
            for (column, &chance) in chances.iter().take(MOST).enumerate() {
                let (x, y) = (left + column as f64 * CELL, top + row as f64 * CELL);
                let shade = if chance.is_finite() {
                    chance.clamp(0.0, 1.0)
                } else {
                    0.0
                };
                let size = CELL - 1.0;
                let _ = writeln!(
                    out,
                    "<rect x=\"{x}\" y=\"{y}\" width=\"{size}\" height=\"{size}\" fill=\"{DARK}\" \
                     fill-opacity=\"{shade:.3}\" stroke=\"{INK}\" stroke-opacity=\"0.25\" stroke-width=\"0.5\"/>"
                );
            }
        }
        left += wide(block) + GAP;
    }
    out.push_str("</svg>\n");
    out
}
