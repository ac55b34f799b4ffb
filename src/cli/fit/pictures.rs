//! The figures of a fit: data and predictions, and residuals.
//!
//! [`Curves`] go in; SVG files come out, and for terminals a plot in characters.
//!
//! **Invariants**
//! - A column has one color in all figures, and columns of like scale share a panel.

use super::curves::{Bands, Curve, Curves};
use super::figure::{COLORS, Figure, Mark, Panel, Sign};
use crate::cli::report::significant;
use crate::fit::Profile;
use crate::syntax::Noise;
use std::fmt::Write as _;

/// Columns share a panel if none reaches so many times as far as another.
const LIKE: f64 = 6.0;

fn color(place: usize) -> &'static str {
    COLORS[place % COLORS.len()]
}

/// How far a column's numbers reach.
fn reach(curve: &Curve) -> f64 {
    let finite = curve.observed.iter().filter(|x| x.is_finite());
    let [low, high] = finite.fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], &x| {
        [low.min(x), high.max(x)]
    });
    high - low
}

/// Data and predictions with their bands.
pub(super) fn fit(curves: &Curves) -> String {
    // Of one column the fit has a color of its own, so that it is seen among many points.
    let color_of_fit = |place: usize| color(place + usize::from(curves.columns.len() == 1));
    let marks = |place: usize, curve: &Curve| {
        let (color, of_fit) = (color(place), color_of_fit(place));
        let mut marks: Vec<Mark> = Vec::new();
        for Bands { x, low, high, .. } in &curve.lines {
            let (x, low, high) = (x.clone(), low.clone(), high.clone());
            let color = of_fit;
            marks.push(Mark::Band {
                x,
                low,
                high,
                color,
            });
        }
        if curve.lines.is_empty() {
            let Bands { x, fit, low, high } = &curve.rows;
            marks.push(Mark::Bars {
                x: x.clone(),
                low: low.clone(),
                high: high.clone(),
                color: of_fit,
            });
            marks.push(Mark::Points {
                x: x.clone(),
                y: fit.clone(),
                color: of_fit,
                hollow: true,
            });
        }
        marks.push(Mark::Points {
            x: curves.x.clone(),
            y: curve.observed.clone(),
            color,
            hollow: false,
        });
        let lines = curve.lines.iter().map(|line| Mark::Line {
            x: line.x.clone(),
            y: line.fit.clone(),
            color: of_fit,
        });
        marks.extend(lines);
        marks
    };
    let all = curves.columns.iter().enumerate();
    let reaches: Vec<f64> = curves.columns.iter().map(reach).collect();
    let [least, most] = [
        reaches.iter().copied().fold(f64::INFINITY, f64::min),
        reaches.iter().copied().fold(0.0, f64::max),
    ];
    let share = curves.columns.len() > 1 && most <= LIKE * least;
    let names: Vec<&str> = curves
        .columns
        .iter()
        .map(|curve| curve.name.as_str())
        .collect();
    let panels = if share {
        let mut marks: Vec<Mark> = all.flat_map(|(place, curve)| marks(place, curve)).collect();
        // No column's band is to hide the points of another.
        marks.sort_by_key(Mark::is_above_areas);
        vec![Panel {
            y_label: names.join(", "),
            marks,
        }]
    } else {
        let panel = |(place, curve): (usize, &Curve)| Panel {
            y_label: curve.name.clone(),
            marks: marks(place, curve),
        };
        all.map(panel).collect()
    };
    let mut legend: Vec<(Sign, &'static str, String)> = if names.len() == 1 {
        vec![(Sign::Point, color(0), "observed".to_owned())]
    } else {
        let shown = names.iter().enumerate().take(4);
        let point = |(place, name): (usize, &&str)| (Sign::Point, color(place), (*name).to_owned());
        shown.map(point).collect()
    };
    let has_lines = curves.columns.iter().any(|curve| !curve.lines.is_empty());
    let sign = if has_lines { Sign::Line } else { Sign::Hollow };
    let of_fit = color_of_fit(0);
    legend.push((sign, of_fit, "fit".to_owned()));
    legend.push((Sign::Band, of_fit, "95 % band of the mean".to_owned()));
    let height = if panels.len() > 1 { 190.0 } else { 300.0 };
    Figure {
        title: format!("Data and fit of {} by {}", names.join(", "), curves.x_name),
        x_label: curves.x_name.clone(),
        panels,
        legend,
        height,
    }
    .svg()
}

/// Residuals, a panel for each column.
pub(super) fn residuals(curves: &Curves) -> String {
    let panels = curves
        .columns
        .iter()
        .enumerate()
        .map(|(place, curve)| Panel {
            y_label: match curve.noise {
                Noise::Lognormal => format!("{}: ln fit − ln observed", curve.name),
                Noise::Normal | Noise::Poisson => format!("{}: fit − observed", curve.name),
            },
            marks: vec![
                Mark::Level(0.0),
                Mark::Points {
                    x: curves.x.clone(),
                    y: curve.residuals.clone(),
                    color: color(place),
                    hollow: false,
                },
            ],
        });
    let names: Vec<&str> = curves
        .columns
        .iter()
        .map(|curve| curve.name.as_str())
        .collect();
    let all = names.iter().enumerate().take(6);
    Figure {
        title: format!("Residuals of {} by {}", names.join(", "), curves.x_name),
        x_label: curves.x_name.clone(),
        panels: panels.collect(),
        legend: all
            .map(|(place, name)| (Sign::Point, color(place), format!("residuals of {name}")))
            .take(if names.len() > 3 { 0 } else { 3 })
            .collect(),
        height: 190.0,
    }
    .svg()
}

/// Profiles, a panel for each param: the deviance by how far the param is from its estimate, in units of the
/// interval's half.
pub(super) fn profiles(profiles: &[Profile]) -> String {
    let panels = profiles.iter().enumerate().map(|(place, profile)| {
        let (x, y): (Vec<f64>, Vec<f64>) = profile
            .points
            .iter()
            .filter(|point| point.deviance <= 2.0 * profile.bound)
            .map(|point| (point.value, point.deviance))
            .unzip();
        (place, profile, x, y)
    });
    // Each param has a unit of its own, so each has its own axis: positions in the interval.
    let panels = panels.map(|(place, profile, x, y)| {
        let half = 0.5 * (profile.high.value() - profile.low.value());
        let unit = if half > 0.0 && half.is_finite() {
            half
        } else {
            1.0
        };
        let x: Vec<f64> = x.iter().map(|x| (x - profile.estimate) / unit).collect();
        Panel {
            y_label: format!("{}: deviance", profile.name),
            marks: vec![
                Mark::Level(profile.bound),
                Mark::Line {
                    x: x.clone(),
                    y: y.clone(),
                    color: color(place),
                },
                Mark::Points {
                    x,
                    y,
                    color: color(place),
                    hollow: false,
                },
            ],
        }
    });
    Figure {
        title: "Profiles: likelihood lost by the distance from the estimate".to_owned(),
        x_label: "distance from the estimate, in halves of the 95 % interval".to_owned(),
        panels: panels.collect(),
        legend: vec![(Sign::Line, color(0), "deviance; dashed: 95 %".to_owned())],
        height: 150.0,
    }
    .svg()
}

/// How many characters a plot in characters is wide and high.
const COLUMNS: usize = 70;
const LINES: usize = 18;
const RESIDUAL_LINES: usize = 7;

/// Abscissas, ordinates, and what stands there.
type Marks = (Vec<f64>, Vec<f64>, char);

/// Data, predictions and residuals in characters.
pub(super) fn plot(curves: &Curves) -> String {
    let mut out = String::new();
    for curve in &curves.columns {
        let _ = writeln!(out, "\n{}   o observed   · fit", curve.name);
        let mut marks: Vec<Marks> = if curve.lines.is_empty() {
            vec![(curve.rows.x.clone(), curve.rows.fit.clone(), '·')]
        } else {
            curve.lines.iter().map(filled).collect()
        };
        marks.push((curves.x.clone(), curve.observed.clone(), 'o'));
        write_grid(&marks, LINES, &mut out);
        let _ = writeln!(out, "\nresiduals of {}", curve.name);
        let ends = curves.x.iter().copied().filter(|x| x.is_finite());
        let ends: Vec<f64> = ends.collect();
        let level = (0..COLUMNS).map(|place| {
            let [low, high] = ends
                .iter()
                .fold([f64::INFINITY, f64::NEG_INFINITY], |[l, h], &x| {
                    [l.min(x), h.max(x)]
                });
            low + (high - low) * place as f64 / (COLUMNS - 1) as f64
        });
        let level: Vec<f64> = level.collect();
        let zeros = vec![0.0; level.len()];
        let marks = [
            (level, zeros, '-'),
            (curves.x.clone(), curve.residuals.clone(), 'o'),
        ];
        write_grid(&marks, RESIDUAL_LINES, &mut out);
        let _ = writeln!(out, "{:>12}{:^COLUMNS$}", "", curves.x_name);
    }
    out
}

/// A line with a point for each character.
fn filled(line: &Bands) -> Marks {
    let (mut x, mut y) = (Vec::new(), Vec::new());
    for (xs, ys) in line.x.windows(2).zip(line.fit.windows(2)) {
        // As many as would do if this piece were all.
        let pieces = COLUMNS.div_ceil(line.x.len() - 1).max(1);
        for piece in 0..=pieces {
            let share = piece as f64 / pieces as f64;
            x.push(xs[0] + share * (xs[1] - xs[0]));
            y.push(ys[0] + share * (ys[1] - ys[0]));
        }
    }
    if x.is_empty() {
        (x, y) = (line.x.clone(), line.fit.clone());
    }
    (x, y, '·')
}

/// Writes marks in characters, later ones over earlier ones, with the ends of both axes.
fn write_grid(marks: &[Marks], lines: usize, out: &mut String) {
    let over = |numbers: &mut dyn Iterator<Item = f64>| {
        numbers.fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], x| {
            [low.min(x), high.max(x)]
        })
    };
    let points = || {
        marks.iter().flat_map(|(x, y, mark)| {
            let both = x.iter().zip(y).map(|(&x, &y)| (x, y, *mark));
            both.filter(|(x, y, _)| x.is_finite() && y.is_finite())
        })
    };
    let [left, right] = over(&mut points().map(|(x, ..)| x));
    let [bottom, top] = over(&mut points().map(|(_, y, _)| y));
    let at = |x: f64, low: f64, high: f64, cells: usize| {
        let share = if high > low {
            (x - low) / (high - low)
        } else {
            0.5
        };
        ((share * (cells - 1) as f64).round() as usize).min(cells - 1)
    };
    let mut grid = vec![vec![' '; COLUMNS]; lines];
    for (x, y, mark) in points() {
        grid[lines - 1 - at(y, bottom, top, lines)][at(x, left, right, COLUMNS)] = mark;
    }
    for (index, cells) in grid.iter().enumerate() {
        let label = match index {
            0 if top.is_finite() => significant(top, 4),
            last if last + 1 == lines && bottom.is_finite() => significant(bottom, 4),
            _ => String::new(),
        };
        let row: String = cells.iter().collect();
        let _ = writeln!(out, "{label:>11} |{}", row.trim_end());
    }
    if left.is_finite() {
        let (left, right) = (significant(left, 4), significant(right, 4));
        let between = COLUMNS.saturating_sub(left.len());
        let _ = writeln!(
            out,
            "{:>11} +{}\n{:>13}{left}{right:>between$}",
            "",
            "-".repeat(COLUMNS),
            ""
        );
    }
}
