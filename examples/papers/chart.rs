//! Charts as SVG: numbers as curves over a few places, one chart below the other.
//!
//! Numbers and names go in, the text of a picture comes out.
//!
//! **Invariants**
//! - The ground is clear and all colors are of a middling lightness: it reads on white and on black.
//! - No name is markup, and there is no empty line, at which HTML in Markdown would end.
//! - Numbers that are not finite, or not positive where the ordinate is logarithmic, are left out.

use crate::report::{Chart, three_digits};
use std::fmt::Write as _;

const INK: &str = "#808791";
const COLORS: [&str; 6] = [
    "#3b82d6", "#e07020", "#2f9e6e", "#c2559d", "#a08000", "#7a6fd0",
];
const WIDTH: f64 = 640.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 30.0;
const HIGH: f64 = 180.0;
/// From the lower end of the ordinate to that of the picture; and for each line of the legend.
const BELOW: f64 = 30.0;
const LINE: f64 = 18.0;
const BETWEEN: f64 = 24.0;

fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('>', "&gt;").replace('"', "&quot;")
}

/// Where numbers are on the ordinate, from 0 at its lower end to 1.
struct Scale {
    low: f64,
    high: f64,
    logarithmic: bool,
}

impl Scale {
    fn of(chart: &Chart) -> Self {
        let logarithmic = chart.logarithmic;
        let numbers = chart.series.iter().flat_map(|series| &series.values);
        let fit = numbers.filter(|x| x.is_finite() && (!logarithmic || **x > 0.0));
        let [mut low, mut high] = [f64::INFINITY, f64::NEG_INFINITY];
        for x in fit {
            let x = if logarithmic { x.log10() } else { *x };
            low = low.min(x);
            high = high.max(x);
        }
        if logarithmic {
            (low, high) = (low.floor(), high.ceil());
        } else {
            low = low.min(0.0);
        }
        if low.is_nan() || low >= high {
            (low, high) = if low.is_finite() {
                (low, low + 1.0)
            } else {
                (0.0, 1.0)
            };
        }
        Self {
            low,
            high,
            logarithmic,
        }
    }

    fn at(&self, x: f64) -> Option<f64> {
        let x = if self.logarithmic { x.log10() } else { x };
        x.is_finite()
            .then(|| (x - self.low) / (self.high - self.low))
    }

    /// How a tick's number is written.
    fn label(&self, tick: f64) -> String {
        if self.logarithmic {
            format!("1e{:.0}", tick.log10())
        } else {
            three_digits(tick)
        }
    }

    /// Numbers for ticks.
    fn ticks(&self) -> Vec<f64> {
        if self.logarithmic {
            let step = ((self.high - self.low) / 5.0).ceil().max(1.0);
            let count = ((self.high - self.low) / step).floor() as i32;
            let powers = (0..=count).map(|tick| self.low + f64::from(tick) * step);
            return powers.map(|power| 10_f64.powf(power)).collect();
        }
        let rough = (self.high - self.low) / 4.0;
        let unit = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|n| n * unit);
        let step = step.into_iter().find(|step| *step >= rough * 0.999);
        let step = step.unwrap_or(rough);
        let first = (self.low / step).ceil();
        let count = ((self.high / step).floor() - first) as i32;
        (0..=count)
            .map(|tick| (first + f64::from(tick)) * step)
            .collect()
    }
}

/// Draws charts, one below the other.
pub(crate) fn draw<'c>(charts: impl Iterator<Item = &'c Chart>) -> String {
    let (mut height, mut all) = (0.0, String::new());
    for chart in charts {
        let _ = writeln!(all, "<g transform=\"translate(0,{height})\">");
        height += draw_one(&mut all, chart) + BETWEEN;
        all.push_str("</g>\n");
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" \
         height=\"{height}\" font-family=\"sans-serif\" font-size=\"12\" fill=\"{INK}\" role=\"img\">\n\
         {all}</svg>\n"
    )
}

/// Draws a chart at the origin, and gives its height.
fn draw_one(out: &mut String, chart: &Chart) -> f64 {
    let scale = Scale::of(chart);
    let bottom = TOP + HIGH;
    let _ = writeln!(
        out,
        "<text x=\"8\" y=\"18\" font-size=\"14\">{}</text>",
        escaped(&chart.title)
    );
    for tick in scale.ticks() {
        let Some(part) = scale.at(tick) else { continue };
        let y = bottom - HIGH * part;
        let _ = writeln!(
            out,
            "<line x1=\"{LEFT}\" y1=\"{y:.1}\" x2=\"{:.1}\" y2=\"{y:.1}\" stroke=\"{INK}\" \
             stroke-opacity=\"0.35\"/>\n<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            WIDTH - RIGHT,
            LEFT - 6.0,
            y + 4.0,
            scale.label(tick)
        );
    }
    let wide = (WIDTH - LEFT - RIGHT) / chart.places.len().max(1) as f64;
    let middle = |place: usize| LEFT + wide * (place as f64 + 0.5);
    for (place, name) in chart.places.iter().enumerate() {
        let _ = writeln!(
            out,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            middle(place),
            bottom + 16.0,
            escaped(name)
        );
    }
    for (at, series) in chart.series.iter().enumerate() {
        let color = COLORS[at % COLORS.len()];
        let points = series.values.iter().enumerate();
        let points = points.filter_map(|(place, x)| Some((middle(place), scale.at(*x)?)));
        let points: Vec<(f64, f64)> = points
            .map(|(x, part)| (x, bottom - HIGH * part.clamp(0.0, 1.0)))
            .collect();
        let line: Vec<String> = points
            .iter()
            .map(|(x, y)| format!("{x:.1},{y:.1}"))
            .collect();
        let _ = writeln!(
            out,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"2\"/>",
            line.join(" ")
        );
        for (x, y) in &points {
            let _ = writeln!(
                out,
                "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{color}\"/>"
            );
        }
        let y = bottom + BELOW + LINE * at as f64;
        let _ = writeln!(
            out,
            "<rect x=\"{LEFT}\" y=\"{:.1}\" width=\"14\" height=\"4\" fill=\"{color}\"/>\n\
             <text x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            y + 4.0,
            LEFT + 20.0,
            y + 10.0,
            escaped(&series.name)
        );
    }
    bottom + BELOW + LINE * chart.series.len() as f64
}
