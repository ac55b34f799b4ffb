//! What an experiment found: rows of the paper's figure beside ours, and how they are told.
//!
//! Experiments make [`Findings`]; tables for people and one JSON object for programs come out.
//!
//! **Invariants**
//! - A row says what it took in seconds, by itself: the time since the row before it, or since the start.
//! - A row that does not meet the paper's figure gives the reason, where there is one that is known. Without
//!   one it is a fault, and the run ends with 1.

use crate::elsewhere::ELSEWHERE;
use serde_json::{Value, json};
use std::path::Path;
use std::time::Instant;

/// What may go wrong in an experiment.
pub(crate) type Failure = Box<dyn std::error::Error>;

/// What stands in place of a figure that the papers do not tell.
pub(crate) const NOT_TOLD: &str = "not told";

/// Whether a figure is met, or beaten.
pub(crate) enum Verdict {
    Met,
    /// Not met, and why; empty where that is not known.
    Missed(String),
}

impl Verdict {
    /// Met where that holds; otherwise for a reason that is known beforehand.
    pub(crate) fn of(met: bool, reason: &str) -> Self {
        if met {
            Self::Met
        } else {
            Self::Missed(reason.to_owned())
        }
    }

    /// Met where that holds; that it should not is not known.
    pub(crate) fn must(met: bool) -> Self {
        Self::of(met, "")
    }
}

/// One figure beside the paper's.
pub(crate) struct Row {
    pub(crate) what: String,
    pub(crate) paper: String,
    pub(crate) ours: String,
    pub(crate) verdict: Verdict,
    pub(crate) seconds: f64,
}

/// A curve or a group of bars, by name.
pub(crate) struct Series {
    pub(crate) name: String,
    /// One number for each place of the chart's abscissa.
    pub(crate) values: Vec<f64>,
}

/// A picture of what was found: numbers over a few places.
pub(crate) struct Chart {
    pub(crate) title: String,
    /// What the places are called.
    pub(crate) places: Vec<String>,
    pub(crate) series: Vec<Series>,
    /// Whether the ordinate is logarithmic.
    pub(crate) logarithmic: bool,
}

/// What an experiment found.
pub(crate) struct Findings {
    /// What was done, in a few sentences.
    pub(crate) setting: String,
    pub(crate) rows: Vec<Row>,
    pub(crate) charts: Vec<Chart>,
    last: Instant,
}

impl Findings {
    pub(crate) fn new(setting: impl Into<String>) -> Self {
        Self {
            setting: setting.into(),
            rows: Vec::new(),
            charts: Vec::new(),
            last: Instant::now(),
        }
    }

    /// Adds a row that took all the time since the last.
    pub(crate) fn row(
        &mut self,
        what: impl Into<String>,
        paper: impl Into<String>,
        ours: impl Into<String>,
        verdict: Verdict,
    ) {
        let now = Instant::now();
        self.rows.push(Row {
            what: what.into(),
            paper: paper.into(),
            ours: ours.into(),
            verdict,
            seconds: (now - self.last).as_secs_f64(),
        });
        self.last = now;
    }
}

/// Findings with the name and title of their experiment.
pub(crate) struct Told {
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) findings: Findings,
}

impl Told {
    /// Prints the setting and a table.
    #[expect(clippy::print_stdout, reason = "the table is what was asked for")]
    pub(crate) fn print(&self) {
        let Self {
            name,
            title,
            findings,
        } = self;
        println!("{name}: {title}");
        for line in wrapped(&findings.setting, 96) {
            println!("  {line}");
        }
        let head = ["", "paper", "ours", "met", "s"].map(str::to_owned);
        let cells = findings.rows.iter().map(|row| {
            let met = if matches!(row.verdict, Verdict::Met) {
                "yes"
            } else {
                "no"
            };
            let seconds = format!("{:.1}", row.seconds);
            [
                row.what.clone(),
                row.paper.clone(),
                row.ours.clone(),
                met.to_owned(),
                seconds,
            ]
        });
        let lines: Vec<[String; 5]> = std::iter::once(head).chain(cells).collect();
        let width = |at: usize| lines.iter().map(|line| line[at].chars().count()).max();
        let widths = [0, 1, 2, 3, 4].map(|at| width(at).unwrap_or(0));
        for (at, line) in lines.iter().enumerate() {
            let padded = line.iter().zip(widths).map(|(cell, wide)| {
                let blanks = wide - cell.chars().count();
                format!("{cell}{}", " ".repeat(blanks))
            });
            println!("  {}", padded.collect::<Vec<_>>().join("  ").trim_end());
            let verdict = at.checked_sub(1).map(|row| &findings.rows[row].verdict);
            if let Some(Verdict::Missed(reason)) = verdict {
                let reason = if reason.is_empty() {
                    "no reason is known: this is a fault"
                } else {
                    reason
                };
                for line in wrapped(reason, 88) {
                    println!("      | {line}");
                }
            }
        }
        println!();
    }

    /// The rows as JSON.
    fn rows(&self) -> impl Iterator<Item = Value> {
        self.findings.rows.iter().map(|row| {
            let reason = match &row.verdict {
                Verdict::Met => Value::Null,
                Verdict::Missed(reason) => reason.as_str().into(),
            };
            json!({
                "experiment": self.name,
                "what": row.what,
                "paper": row.paper,
                "ours": row.ours,
                "met": matches!(row.verdict, Verdict::Met),
                "seconds": row.seconds,
                "reason": reason,
            })
        })
    }

    /// What is not in rows, as JSON; numbers that are not finite are null.
    fn frame(&self) -> Value {
        let charts = self.findings.charts.iter().map(|chart| {
            let series = chart.series.iter();
            let series = series.map(|series| json!({"name": series.name, "values": series.values}));
            json!({
                "title": chart.title,
                "places": chart.places,
                "logarithmic": chart.logarithmic,
                "series": series.collect::<Vec<_>>(),
            })
        });
        json!({
            "experiment": self.name,
            "title": self.title,
            "setting": self.findings.setting,
            "charts": charts.collect::<Vec<_>>(),
        })
    }

    /// The rows that are not met and have no reason.
    pub(crate) fn faults(&self) -> impl Iterator<Item = &str> {
        let rows = self.findings.rows.iter();
        rows.filter(|row| matches!(&row.verdict, Verdict::Missed(reason) if reason.is_empty()))
            .map(|row| row.what.as_str())
    }
}

/// All that was found as one JSON object.
pub(crate) fn to_json(all: &[Told]) -> Value {
    let rows: Vec<Value> = all.iter().flat_map(Told::rows).collect();
    let elsewhere = ELSEWHERE.map(|(name, what, paper, command)| {
        json!({"experiment": name, "what": what, "paper": paper, "command": command})
    });
    let experiments: Vec<Value> = all.iter().map(Told::frame).collect();
    json!({"rows": rows, "experiments": experiments, "elsewhere": elsewhere})
}

/// What an earlier run found, from the JSON that it printed.
pub(crate) fn from_json(path: &Path) -> Result<Vec<Told>, Failure> {
    let place = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| format!("{place}: {error}"))?;
    let run: Value = serde_json::from_str(&text).map_err(|error| format!("{place}: {error}"))?;
    let wrong = || format!("{place}: this is not what `--json` prints; run the experiment again");
    let frames = run["experiments"].as_array().ok_or_else(wrong)?;
    let told = frames.iter().map(|frame| read_told(frame, &run["rows"]));
    Ok(told.collect::<Option<_>>().ok_or_else(wrong)?)
}

/// A text of a JSON object.
fn text_of(object: &Value, key: &str) -> Option<String> {
    object[key].as_str().map(str::to_owned)
}

fn read_told(frame: &Value, rows: &Value) -> Option<Told> {
    let name = text_of(frame, "experiment")?;
    let mut findings = Findings::new(text_of(frame, "setting")?);
    for row in rows
        .as_array()?
        .iter()
        .filter(|row| row["experiment"] == name)
    {
        findings.rows.push(Row {
            what: text_of(row, "what")?,
            paper: text_of(row, "paper")?,
            ours: text_of(row, "ours")?,
            verdict: if row["met"].as_bool()? {
                Verdict::Met
            } else {
                Verdict::Missed(text_of(row, "reason")?)
            },
            seconds: row["seconds"].as_f64()?,
        });
    }
    let charts = frame["charts"].as_array()?.iter().map(read_chart);
    findings.charts = charts.collect::<Option<_>>()?;
    Some(Told {
        name,
        title: text_of(frame, "title")?,
        findings,
    })
}

fn read_chart(chart: &Value) -> Option<Chart> {
    let places = chart["places"].as_array()?.iter();
    let series = chart["series"].as_array()?.iter().map(|series| {
        let values = series["values"].as_array()?.iter();
        Some(Series {
            name: text_of(series, "name")?,
            values: values.map(|x| x.as_f64().unwrap_or(f64::NAN)).collect(),
        })
    });
    Some(Chart {
        title: text_of(chart, "title")?,
        places: places
            .map(|place| place.as_str().map(str::to_owned))
            .collect::<Option<_>>()?,
        series: series.collect::<Option<_>>()?,
        logarithmic: chart["logarithmic"].as_bool()?,
    })
}

/// A text in lines of about so many characters.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + word.chars().count() < width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// A duration in the unit that suits it.
pub(crate) fn time(seconds: f64) -> String {
    for (unit, name) in [(1.0, "s"), (1e-3, "ms"), (1e-6, "us")] {
        if seconds >= unit {
            return format!("{} {name}", three_digits(seconds / unit));
        }
    }
    format!("{} ns", three_digits(seconds * 1e9))
}

/// A number with three digits that count, however large or small.
pub(crate) fn three_digits(number: f64) -> String {
    let size = number.abs();
    if size == 0.0 {
        "0".to_owned()
    } else if !(1e-3..1e6).contains(&size) {
        format!("{number:.2e}")
    } else {
        let decimals = (2 - size.log10().floor() as i32).max(0) as usize;
        format!("{number:.decimals$}")
    }
}

/// How many times faster or better, or the like.
pub(crate) fn times(factor: f64) -> String {
    format!("{}x", three_digits(factor))
}

/// The median; NaN of none.
pub(crate) fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(f64::NAN)
}
