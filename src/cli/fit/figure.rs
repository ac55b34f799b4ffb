//! Figures as SVG: panels of points, lines and bands over one abscissa, with ticks and a legend.
//!
//! Numbers and names go in; the text of an SVG file comes out.
//!
//! **Invariants**
//! - Nothing outside the file is referred to, and no text of a program or table is markup.
//! - Colors are of a middling lightness and the ground is left clear, so a figure reads on white and on
//!   black.
//! - Numbers that are not finite are not drawn; a line has a gap there. The text is of bounded size,
//!   however many points there are.

use std::fmt::Write as _;

/// What axes and words are drawn in.
const INK: &str = "#808791";
/// The colors of columns, in their order.
pub(in crate::cli) const COLORS: [&str; 6] = [
    "#3b82d6", "#e07020", "#2f9e6e", "#c2559d", "#a08000", "#7a6fd0",
];

/// How many points of one kind are drawn.
const MOST_POINTS: usize = 2000;

/// More points than this are drawn small and clear.
const CROWDED: usize = 300;

/// What is shorter is nothing: numbers of so few digits have no ticks.
const TINY: f64 = 1e-290;

const WIDTH: f64 = 640.0;
const LEFT: f64 = 78.0;
const RIGHT: f64 = 18.0;
const TOP: f64 = 36.0;
const BOTTOM: f64 = 48.0;
const GAP: f64 = 18.0;

/// What is drawn.
pub(in crate::cli) enum Mark {
    Points {
        x: Vec<f64>,
        y: Vec<f64>,
        color: &'static str,
        hollow: bool,
    },
    Line {
        x: Vec<f64>,
        y: Vec<f64>,
        color: &'static str,
    },
    /// Between two lines.
    Band {
        x: Vec<f64>,
        low: Vec<f64>,
        high: Vec<f64>,
        color: &'static str,
    },
    /// From one to the other, at each point.
    Bars {
        x: Vec<f64>,
        low: Vec<f64>,
        high: Vec<f64>,
        color: &'static str,
    },
    /// A level over the whole width.
    Level(f64),
}

impl Mark {
    /// What is drawn first, below the others: areas.
    pub(in crate::cli) fn is_above_areas(&self) -> bool {
        !matches!(self, Self::Band { .. })
    }
}

/// What a word of the legend stands beside.
#[derive(Clone, Copy)]
pub(in crate::cli) enum Sign {
    Point,
    Hollow,
    Line,
    Band,
}

/// One over the other, with one abscissa.
pub(in crate::cli) struct Figure {
    /// For those who do not see it.
    pub(in crate::cli) title: String,
    pub(in crate::cli) x_label: String,
    pub(in crate::cli) panels: Vec<Panel>,
    pub(in crate::cli) legend: Vec<(Sign, &'static str, String)>,
    /// Of one panel.
    pub(in crate::cli) height: f64,
}

pub(in crate::cli) struct Panel {
    pub(in crate::cli) y_label: String,
    pub(in crate::cli) marks: Vec<Mark>,
}

/// The numbers of an axis: where they are on it, and what stands beside them.
struct Axis {
    low: f64,
    high: f64,
    ticks: Vec<(f64, String)>,
    /// The power of ten that all of them are to be multiplied by.
    power: i32,
}

impl Axis {
    /// An axis over all numbers, a little longer than they reach.
    fn over(numbers: [f64; 2], most_ticks: usize) -> Self {
        let [mut low, mut high] = numbers;
        if !(low.is_finite() && high.is_finite() && low <= high) {
            (low, high) = (0.0, 1.0);
        }
        let size = low.abs().max(high.abs());
        if high - low <= 1e-12 * size || high == low {
            let half = if size == 0.0 { 1.0 } else { 0.05 * size };
            (low, high) = (low - half, high + half);
        }
        if high - low < TINY {
            (low, high) = (-1.0, 1.0);
        }
        let margin = 0.04 * (high - low);
        (low, high) = (low - margin, high + margin);
        if !(high - low).is_finite() {
            (low, high) = (-1.0, 1.0);
        }
        let size = low.abs().max(high.abs());
        let exponent = size.log10().floor() as i32;
        let power = if (-3..5).contains(&exponent) {
            0
        } else {
            exponent
        };
        let step = nice_step((high - low) / most_ticks as f64);
        let first = (low / step).ceil();
        // Numbers that need so many digits are too close to be told apart on an axis.
        let scaled_step = step / 10_f64.powi(power);
        let decimals = (-(scaled_step * 1.0001).log10().floor()).clamp(0.0, 12.0) as usize;
        let ticks = (0..=most_ticks + 1).map(|place| (first + place as f64) * step);
        let ticks = ticks.take_while(|&at| at <= high);
        let ticks = ticks.map(|at| {
            let scaled = at / 10_f64.powi(power);
            // Without the sign of a zero that rounding left.
            let scaled = if scaled.abs() < 1e-9 * scaled_step {
                0.0
            } else {
                scaled
            };
            (at, format!("{scaled:.decimals$}").replace('-', "\u{2212}"))
        });
        Self {
            low,
            high,
            ticks: ticks.collect(),
            power,
        }
    }

    fn place(&self, x: f64, from: f64, to: f64) -> f64 {
        from + (x - self.low) / (self.high - self.low) * (to - from)
    }

    fn label(&self, label: &str) -> String {
        if self.power == 0 {
            return label.to_owned();
        }
        let digits = "⁰¹²³⁴⁵⁶⁷⁸⁹";
        let power = self.power.to_string();
        let raised = power.chars().map(|c| match c.to_digit(10) {
            Some(digit) => digits.chars().nth(digit as usize).unwrap_or(c),
            None => '⁻',
        });
        format!("{label}, in 10{}", raised.collect::<String>())
    }
}

/// 1, 2 or 5 times a power of ten, so much or the next above.
fn nice_step(least: f64) -> f64 {
    let power = 10_f64.powf(least.log10().floor());
    let nice = [1.0, 2.0, 5.0]
        .into_iter()
        .find(|nice| nice * power >= least * 0.9999);
    (nice.unwrap_or(10.0) * power).max(f64::MIN_POSITIVE)
}

/// Text that is no markup.
pub(in crate::cli) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // No character of XML.
            c if c.is_control() && !matches!(c, '\n' | '\t') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// The first and last finite numbers in their order.
fn reach<'n>(numbers: impl Iterator<Item = &'n f64>) -> [f64; 2] {
    let finite = numbers.filter(|x| x.is_finite());
    finite.fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], &x| {
        [low.min(x), high.max(x)]
    })
}

impl Panel {
    /// What the ordinates reach over: points and lines; a band, if it is not much wider.
    fn reach(&self) -> [f64; 2] {
        let mut sharp: Vec<&f64> = Vec::new();
        let mut wide: Vec<&f64> = Vec::new();
        for mark in &self.marks {
            match mark {
                Mark::Points { y, .. } | Mark::Line { y, .. } => sharp.extend(y),
                Mark::Band { low, high, .. } | Mark::Bars { low, high, .. } => {
                    wide.extend(low.iter().chain(high));
                }
                Mark::Level(y) => sharp.push(y),
            }
        }
        let [low, high] = reach(sharp.into_iter());
        let [wide_low, wide_high] = reach(wide.into_iter());
        let room = 0.5 * (high - low);
        [
            low.min(wide_low.max(low - room)),
            high.max(wide_high.min(high + room)),
        ]
    }

    fn abscissas(&self) -> impl Iterator<Item = &f64> {
        self.marks.iter().flat_map(|mark| match mark {
            Mark::Points { x, .. }
            | Mark::Line { x, .. }
            | Mark::Band { x, .. }
            | Mark::Bars { x, .. } => x.as_slice(),
            Mark::Level(_) => &[],
        })
    }
}

impl Figure {
    /// The text of the SVG file.
    pub(in crate::cli) fn svg(&self) -> String {
        let count = self.panels.len();
        let height = TOP + count as f64 * (self.height + GAP) - GAP + BOTTOM;
        let mut out = String::new();
        let title = escaped(&self.title);
        let _ = writeln!(
            out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
             width=\"{WIDTH}\" height=\"{height}\" role=\"img\" font-family=\"system-ui, sans-serif\" \
             font-size=\"13\" fill=\"{INK}\">\n<title>{title}</title>"
        );
        self.write_legend(&mut out);
        let x = Axis::over(reach(self.panels.iter().flat_map(Panel::abscissas)), 8);
        for (index, panel) in self.panels.iter().enumerate() {
            let top = TOP + index as f64 * (self.height + GAP);
            let is_last = index + 1 == count;
            panel.write(
                &x,
                index,
                [top, top + self.height],
                is_last,
                &self.title,
                &mut out,
            );
        }
        let middle = f64::midpoint(LEFT, WIDTH - RIGHT);
        let label = escaped(&x.label(&self.x_label));
        let below = height - 10.0;
        let _ = writeln!(
            out,
            "<text x=\"{middle}\" y=\"{below}\" text-anchor=\"middle\">{label}</text>\n</svg>"
        );
        out
    }

    fn write_legend(&self, out: &mut String) {
        let mut at = LEFT;
        for (sign, color, text) in &self.legend {
            let y = 18.0;
            let _ = match sign {
                Sign::Point => writeln!(
                    out,
                    "<circle cx=\"{:.1}\" cy=\"{y}\" r=\"3.5\" fill=\"{color}\"/>",
                    at + 10.0
                ),
                Sign::Hollow => writeln!(
                    out,
                    "<circle cx=\"{:.1}\" cy=\"{y}\" r=\"3.5\" fill=\"none\" stroke=\"{color}\"/>",
                    at + 10.0
                ),
                Sign::Line => writeln!(
                    out,
                    "<path d=\"M{at:.1} {y}h20\" stroke=\"{color}\" stroke-width=\"2\"/>"
                ),
                Sign::Band => writeln!(
                    out,
                    "<rect x=\"{at:.1}\" y=\"{}\" width=\"20\" height=\"12\" fill=\"{color}\" fill-opacity=\"0.25\"/>",
                    y - 6.0
                ),
            };
            let text: String = match text.chars().count() {
                ..=24 => text.clone(),
                _ => text.chars().take(23).chain(['…']).collect(),
            };
            let _ = writeln!(
                out,
                "<text x=\"{:.1}\" y=\"{}\">{}</text>",
                at + 26.0,
                y + 4.5,
                escaped(&text)
            );
            // A character is about so wide.
            at += 26.0 + 7.2 * text.chars().count() as f64 + 18.0;
        }
    }
}

impl Panel {
    fn write(
        &self,
        x: &Axis,
        index: usize,
        [top, bottom]: [f64; 2],
        is_last: bool,
        title: &str,
        out: &mut String,
    ) {
        let right = WIDTH - RIGHT;
        let y = Axis::over(self.reach(), 6);
        let at_x = |value: f64| x.place(value, LEFT, right);
        let at_y = |value: f64| y.place(value, bottom, top);
        for (value, text) in &y.ticks {
            let at = at_y(*value);
            let _ = writeln!(
                out,
                "<path d=\"M{LEFT} {at:.1}H{right}\" stroke=\"{INK}\" stroke-opacity=\"0.2\"/>\
                 <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{text}</text>",
                LEFT - 8.0,
                at + 4.5
            );
        }
        for (value, text) in &x.ticks {
            let at = at_x(*value);
            let _ = writeln!(out, "<path d=\"M{at:.1} {bottom}v5\" stroke=\"{INK}\"/>");
            if is_last {
                let _ = writeln!(
                    out,
                    "<text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">{text}</text>",
                    bottom + 19.0
                );
            }
        }
        let _ = writeln!(
            out,
            "<path d=\"M{LEFT} {top}V{bottom}H{right}\" fill=\"none\" stroke=\"{INK}\"/>"
        );
        let middle = f64::midpoint(top, bottom);
        let label = escaped(&y.label(&self.y_label));
        let _ = writeln!(
            out,
            "<text x=\"15\" y=\"{middle}\" text-anchor=\"middle\" transform=\"rotate(-90 15 {middle})\">\
             {label}</text>"
        );
        // Ids are those of a whole page, where several figures may stand.
        let id = title.bytes().fold(index as u32 + 1, |id, byte| {
            id.wrapping_mul(31).wrapping_add(u32::from(byte))
        });
        let _ = writeln!(
            out,
            "<clipPath id=\"c{id}\"><rect x=\"{LEFT}\" y=\"{top}\" width=\"{}\" height=\"{}\"/></clipPath>\n\
             <g clip-path=\"url(#c{id})\">",
            right - LEFT,
            bottom - top
        );
        // Far outside, where a number would lose its digits.
        let at_y = |value: f64| at_y(value).clamp(top - 1e4, bottom + 1e4);
        for mark in &self.marks {
            write_mark(mark, at_x, at_y, out);
        }
        out.push_str("</g>\n");
    }
}

fn write_mark(mark: &Mark, at_x: impl Fn(f64) -> f64, at_y: impl Fn(f64) -> f64, out: &mut String) {
    // Of many points some will do, evenly.
    let some = |count: usize| (0..count).step_by(count.div_ceil(MOST_POINTS).max(1));
    match mark {
        Mark::Points {
            x,
            y,
            color,
            hollow,
        } => {
            let look = if *hollow {
                format!("fill=\"none\" stroke=\"{color}\"")
            } else {
                format!("fill=\"{color}\"")
            };
            // Many points are let through, so that what is behind them is seen, and how dense they are.
            let count = x.len().min(y.len());
            let (radius, opacity) = if count > CROWDED {
                (2.2, 0.4)
            } else {
                (3.5, 1.0)
            };
            let _ = writeln!(
                out,
                "<g {look} fill-opacity=\"{opacity}\" stroke-opacity=\"{opacity}\">"
            );
            for row in some(count) {
                if x[row].is_finite() && y[row].is_finite() {
                    let (x, y) = (at_x(x[row]), at_y(y[row]));
                    let _ = writeln!(out, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\"/>");
                }
            }
            out.push_str("</g>\n");
        }
        Mark::Line { x, y, color } => {
            let _ = write!(
                out,
                "<path fill=\"none\" stroke=\"{color}\" stroke-width=\"2\" d=\""
            );
            let mut pen = 'M';
            for row in some(x.len().min(y.len())) {
                if x[row].is_finite() && y[row].is_finite() {
                    let _ = write!(out, "{pen}{:.1} {:.1}", at_x(x[row]), at_y(y[row]));
                    pen = 'L';
                } else {
                    pen = 'M';
                }
            }
            out.push_str("\"/>\n");
        }
        Mark::Band {
            x,
            low,
            high,
            color,
        } => {
            let rows = some(x.len().min(low.len()).min(high.len()));
            let is_there = |row: &usize| {
                [x[*row], low[*row], high[*row]]
                    .iter()
                    .all(|x| x.is_finite())
            };
            let rows: Vec<usize> = rows.filter(is_there).collect();
            if rows.len() < 2 {
                return;
            }
            let _ = write!(out, "<path fill=\"{color}\" fill-opacity=\"0.25\" d=\"");
            let there = rows.iter().map(|&row| (x[row], high[row]));
            let back = rows.iter().rev().map(|&row| (x[row], low[row]));
            let mut pen = 'M';
            for (x, y) in there.chain(back) {
                let _ = write!(out, "{pen}{:.1} {:.1}", at_x(x), at_y(y));
                pen = 'L';
            }
            out.push_str("Z\"/>\n");
        }
        Mark::Bars {
            x,
            low,
            high,
            color,
        } => {
            let _ = write!(out, "<path stroke=\"{color}\" stroke-opacity=\"0.5\" d=\"");
            for row in some(x.len().min(low.len()).min(high.len())) {
                if [x[row], low[row], high[row]].iter().all(|x| x.is_finite()) {
                    let _ = write!(
                        out,
                        "M{:.1} {:.1}V{:.1}",
                        at_x(x[row]),
                        at_y(low[row]),
                        at_y(high[row])
                    );
                }
            }
            out.push_str("\"/>\n");
        }
        Mark::Level(y) => {
            let at = at_y(*y);
            let (from, to) = (LEFT, WIDTH - RIGHT);
            let _ = writeln!(
                out,
                "<path d=\"M{from} {at:.1}H{to}\" stroke=\"{INK}\" stroke-dasharray=\"5 4\"/>"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(numbers: [f64; 2]) -> Vec<String> {
        let axis = Axis::over(numbers, 6);
        axis.ticks.into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn ticks_are_round_numbers() {
        assert_eq!(texts([0.0, 10.0]), ["0", "2", "4", "6", "8", "10"]);
        assert_eq!(
            texts([1900.0, 1920.0]),
            ["1900", "1905", "1910", "1915", "1920"]
        );
        assert_eq!(texts([-0.12, 0.31]), ["−0.1", "0.0", "0.1", "0.2", "0.3"]);
        let small = Axis::over([0.0, 1.2e-19], 6);
        assert_eq!(small.label("y"), "y, in 10⁻¹⁹");
        assert_eq!(small.ticks[1].1, "0.5");
        for odd in [
            [f64::INFINITY, f64::NEG_INFINITY],
            [5.0, 5.0],
            [0.0, 0.0],
            [-f64::MAX, f64::MAX],
            [1e300, 1.1e300],
            [0.0, 5e-324],
            [1e15, 1e15 + 1.0],
            [f64::NAN, 1.0],
        ] {
            let axis = Axis::over(odd, 6);
            assert!(axis.low < axis.high && axis.ticks.len() <= 8, "{odd:?}");
            assert!(axis.place(1.0, 0.0, 1.0).is_finite(), "{odd:?}");
        }
    }

    #[test]
    fn figures_hold_no_foreign_markup_and_no_odd_numbers() {
        let odd = vec![0.0, f64::NAN, f64::INFINITY, 1e300, 2.0];
        let (x, color) = (vec![1.0, 2.0, 3.0, f64::NAN, 5.0], COLORS[0]);
        let figure = Figure {
            title: "<b>&\u{1}".to_owned(),
            x_label: "time (s) <i>".to_owned(),
            panels: vec![Panel {
                y_label: "a & b".to_owned(),
                marks: vec![
                    Mark::Points {
                        x: x.clone(),
                        y: odd.clone(),
                        color,
                        hollow: true,
                    },
                    Mark::Line {
                        x: x.clone(),
                        y: odd.clone(),
                        color,
                    },
                    Mark::Band {
                        x: x.clone(),
                        low: odd.clone(),
                        high: odd.clone(),
                        color,
                    },
                    Mark::Bars {
                        x,
                        low: odd.clone(),
                        high: odd,
                        color,
                    },
                    Mark::Level(0.0),
                ],
            }],
            legend: vec![(Sign::Point, color, "\"observed\"".to_owned())],
            height: 200.0,
        };
        let svg = figure.svg();
        for wrong in ["NaN", "inf", "<b>", "<i>", "a & b", "\u{1}"] {
            assert!(!svg.contains(wrong), "{wrong} in {svg}");
        }
        let many: Vec<f64> = (0..100_000).map(f64::from).collect();
        let marks = vec![Mark::Points {
            x: many.clone(),
            y: many,
            color,
            hollow: false,
        }];
        let panels = vec![Panel {
            y_label: String::new(),
            marks,
        }];
        let figure = Figure { panels, ..figure };
        assert!(figure.svg().len() < 200_000);
        let empty = Figure {
            panels: Vec::new(),
            ..figure
        };
        assert!(empty.svg().ends_with("</svg>\n"));
    }
}
