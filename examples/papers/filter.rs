//! NDVM's filter: a Kalman filter of 2 x 2 matrices over 80 steps, its value and gradient.

use crate::Effort;
use crate::report::{Failure, Findings, NOT_TOLD, Verdict, median, three_digits, time, times};
use dmci::{Bindings, Input, Interpreter, Workspace, Wrt};
use serde_json::Value;
use std::time::Instant;

/// Programs, inputs, values and gradients that `examples/kalman.rs` and the benches have too.
const WORKLOADS: &str = include_str!("../../benches/workloads.json");

/// Seconds of an evaluation in the papers: the interpreter in `PyTorch`, NDVM, JAX and C++ by hand.
const PAPER: [f64; 4] = [10.2, 0.47e-3, 0.61e-3, 3.5e-6];

pub(crate) fn run(effort: Effort) -> Result<Findings, Failure> {
    let runs = effort.of(5000, 500);
    let mut findings = Findings::new(format!(
        "A filter of 2 x 2 matrices, 80 observations, value and gradient by both variances; medians of {runs} \
         evaluations at other numbers each, one thread. The paper's figures are of its own machine."
    ));
    let workloads: Value = serde_json::from_str(WORKLOADS)?;
    let mut all = workloads.as_array().into_iter().flatten();
    let workload = all.find(|workload| workload["name"] == "W6b_kalman2");
    let workload = workload.ok_or("benches/workloads.json has no W6b_kalman2")?;
    let numbers = |row: &Value| -> Vec<f64> {
        let row = row.as_array().into_iter().flatten();
        row.filter_map(Value::as_f64).collect()
    };
    let rows = workload["inputs"]["obs"].as_array().into_iter().flatten();
    let observed = Input::matrix(&rows.map(numbers).collect::<Vec<_>>())?;
    let at = |name: &str| workload["inputs"][name].as_f64().unwrap_or(f64::NAN);
    let mut inputs = Bindings::from([("q", at("q")), ("r", at("r"))]);
    inputs.set("obs", observed);

    let (wrt, mut workspace) = (Wrt::Names(&["q", "r"]), Workspace::new());
    let source = workload["source"].as_str().unwrap_or_default();
    let began = Instant::now();
    let model = Interpreter::embedded().model(source)?;
    let (value, gradient) = model.value_and_grad(&inputs, wrt, &mut workspace)?;
    let first = began.elapsed().as_secs_f64();
    let stated = &workload["grad"];
    let stated = [&workload["value"], &stated["q"], &stated["r"]].map(Value::as_f64);
    let found = [value.number(), gradient.get("q"), gradient.get("r")];
    let off = found.into_iter().zip(stated).map(|(found, stated)| {
        let pair = found.zip(stated);
        pair.map_or(f64::NAN, |(found, stated)| (found / stated - 1.0).abs())
    });
    let off = off.fold(
        0.0,
        |worst: f64, off| if off <= worst { worst } else { off },
    );
    findings.row(
        "value and gradient, off what is stated with them by",
        NOT_TOLD,
        three_digits(off),
        Verdict::must(off < 1e-12),
    );
    findings.row(
        "first evaluation, from the text",
        format!("DMCI {}", time(PAPER[0])),
        format!("{}, {} as fast", time(first), times(PAPER[0] / first)),
        Verdict::must(first < PAPER[0]),
    );
    let mut seconds = Vec::new();
    for run in 1..=runs {
        inputs.set("q", 0.05 + 1e-6 * run as f64);
        let began = Instant::now();
        model.value_and_grad(&inputs, wrt, &mut workspace)?;
        seconds.push(began.elapsed().as_secs_f64());
    }
    let again = median(seconds);
    findings.row(
        "evaluation again",
        format!("NDVM {}, JAX {}", time(PAPER[1]), time(PAPER[2])),
        format!(
            "{}, {} as fast as NDVM",
            time(again),
            times(PAPER[1] / again)
        ),
        Verdict::of(again < PAPER[1], "the machine is busy with other work"),
    );
    findings.row(
        "the same beside C++ by hand",
        time(PAPER[3]),
        time(again),
        Verdict::of(
            again <= PAPER[3],
            "the program multiplies and inverts whole matrices, where the code by hand has one derivation for \
             symmetric ones of two rows; `cargo bench --bench ratios -- --only W6b` has both on one machine",
        ),
    );
    Ok(findings)
}
