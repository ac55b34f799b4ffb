//! Experiment E: which two operators made the data.

use crate::Effort;
use crate::report::{Failure, Findings, Verdict};
use crate::searches::{Folder, table};
use crate::soft_choice;
use dmci::Random;

/// The inner operators as programs.
const INNER: [&str; 8] = [
    "(* 2 x)",
    "(- x)",
    "(square x)",
    "(/ x)",
    "(sin x)",
    "(cos x)",
    "(exp x)",
    "(log (abs x))",
];

/// The outer ones; `I` is the inner.
const OUTER: [&str; 8] = [
    "(+ x I)",
    "(- x I)",
    "(* x I)",
    "(/ x I)",
    "(sin I)",
    "(cos I)",
    "(exp I)",
    "(log (abs I))",
];

/// The targets: outer, inner, scale.
const TARGETS: [(usize, usize, f64); 12] = [
    (2, 0, 0.5),
    (2, 4, 0.5),
    (2, 6, 0.5),
    (0, 2, 0.5),
    (4, 2, 1.0),
    (0, 5, 1.0),
    (1, 4, 1.0),
    (5, 2, 1.0),
    (0, 2, 2.0),
    (5, 0, 2.0),
    (4, 0, 2.0),
    (2, 5, 2.0),
];

fn value(outer: usize, inner: usize, x: f64) -> f64 {
    let i = match inner {
        0 => 2.0 * x,
        1 => -x,
        2 => x * x,
        3 => 1.0 / x,
        4 => x.sin(),
        5 => x.cos(),
        6 => x.exp(),
        _ => x.abs().ln(),
    };
    match outer {
        0 => x + i,
        1 => x - i,
        2 => x * i,
        3 => x / i,
        4 => i.sin(),
        5 => i.cos(),
        6 => i.exp(),
        _ => i.abs().ln(),
    }
}

fn program(outer: usize, inner: usize) -> String {
    format!("(* 1.0 {})", OUTER[outer].replace('I', INNER[inner]))
}

pub(crate) fn run(effort: Effort) -> Result<Findings, Failure> {
    let folder = Folder::new("operators")?;
    let mut findings = Findings::new(format!(
        "y = s o(x, i(x)) at 64 points with noise 0.01, eight inner and eight outer operators. \
         12 targets of {} data sets each; all 64 programs are calibrated and ranked by BIC. \
         Programs that are equal, such as x (2x) and x / (1/x), count as one.",
        effort.of(20, 4)
    ));
    let all = (0..64).map(|place| serde_json::Value::from(program(place / 8, place % 8)));
    let all: Vec<serde_json::Value> = all.collect();
    let answer = serde_json::json!({"step": 0, "island": 0, "by": "all", "programs": all});
    folder.write("all.jsonl", &format!("{answer}\n"))?;
    let task = "[data]\nfile = 'd.csv'\ntarget = 'y'\ninputs = ['x']\nselect = 0\ntest = 0\n\
                [search]\nproposer = 'replay'\nislands = 1\n[replay]\nfile = 'all.jsonl'\n";
    let (mut found, mut all) = (0, 0);
    for (place, (outer, inner, scale)) in TARGETS.into_iter().enumerate() {
        for set in 0..effort.of(20, 4) as u64 {
            let mut random = Random::at(&[place as u64, set]);
            let rows = (0..64).map(|_| {
                let size = 0.2 + 2.8 * random.unit();
                let x = if random.below(2) == 0 { size } else { -size };
                (x, scale * value(outer, inner, x) + 0.01 * random.normal())
            });
            folder.write("d.csv", &table(rows))?;
            let report = folder.run(task)?;
            let best = &report.by_bic[0].program;
            // The scale is its first number.
            let end = best[3..].find(' ').map_or(best.len(), |at| 3 + at);
            found += usize::from(format!("(* 1.0{}", &best[end..]) == program(outer, inner));
            all += 1;
        }
    }
    findings.row(
        "both operators recovered",
        "10.8 % by soft choice, 82.9 % by evolution, 100 % exhaustively; 689 s a restart",
        format!("{found} of {all}"),
        Verdict::must(found == all),
    );
    let (ended, best) = softly(effort)?;
    let restarts = effort.of(20, 4);
    findings.row(
        format!(
            "of {} restarts of soft choice, with a temperature that falls",
            12 * restarts
        ),
        "10.8 %",
        format!("{:.1} %", 100.0 * ended as f64 / (12 * restarts) as f64),
        Verdict::of(
            1000 * ended > 108 * 12 * restarts,
            "the restarts are few in the short form",
        ),
    );
    findings.row(
        format!("by the best of {restarts} such restarts, calibrated"),
        "not told",
        format!("{best} of 12"),
        Verdict::of(best == 12, "no restart of a target ended at its operators"),
    );
    Ok(findings)
}

/// How many restarts of soft choice ended at the operators, or at what equals them; and of how many targets
/// the restart with the least error did.
fn softly(effort: Effort) -> Result<(usize, usize), Failure> {
    let (mut ended, mut best) = (0, 0);
    for (place, (outer, inner, scale)) in TARGETS.into_iter().enumerate() {
        let mut random = Random::at(&[place as u64, 1000]);
        let x: Vec<f64> = (0..64)
            .map(|_| {
                let size = 0.2 + 2.8 * random.unit();
                if random.below(2) == 0 { size } else { -size }
            })
            .collect();
        let truth: Vec<f64> = x.iter().map(|&x| value(outer, inner, x)).collect();
        let y: Vec<f64> = truth
            .iter()
            .map(|f| scale * f + 0.01 * random.normal())
            .collect();
        let operators = [&INNER[..], &OUTER[..]];
        let ends = soft_choice::ends(operators, [&x, &y], effort.of(20, 4), &mut random)?;
        let mut least = (f64::INFINITY, false);
        for (outer, inner) in ends {
            let f: Vec<f64> = x.iter().map(|&x| value(outer, inner, x)).collect();
            // Equal but for the scale, which is calibrated.
            let is_it = truth
                .iter()
                .zip(&f)
                .all(|(a, b)| (a * f[0] - b * truth[0]).abs() <= 1e-9 * (a * f[0]).abs());
            let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
            let scale = dot(&f, &y) / dot(&f, &f);
            let error = f.iter().zip(&y).map(|(f, y)| (scale * f - y).powi(2));
            let error = error.sum::<f64>();
            ended += usize::from(is_it);
            if error < least.0 {
                least = (error, is_it);
            }
        }
        best += usize::from(least.1);
    }
    Ok((ended, best))
}
