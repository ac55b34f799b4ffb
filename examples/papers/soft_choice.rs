//! Soft choice between operators, as the paper has it: both choices are shares, softmax of weights that
//! gradients move, here with a temperature that falls and many restarts as lanes of one call.
//!
//! The rows of a data set and the operators go in; the pair that each restart ends at comes out.
//!
//! **Invariants**
//! - All restarts of a data set are lanes: one recorded path is replayed for all of them at every step.

use crate::report::Failure;
use dmci::{Bindings, Evaluator, Interpreter, Lane, Limits, Mode, Random, Threads};

/// How many steps of Adam, and how large.
const STEPS: i32 = 400;
const RATE: f64 = 0.05;
/// From which size on a residual counts for less than its square: a few blends of operators are off by
/// thousands, and would be all that is looked at.
const SIZE: f64 = 0.1;

/// The program: the logarithm of one and the squared residual, in the mean. `cold` is the inverse of the
/// temperature.
fn text(inner: &[&str], outer: &[&str]) -> String {
    let weights = |name: char| {
        let all = (0..8).map(|place| format!(" {name}{place}"));
        format!("(* cold (vec{}))", all.collect::<String>())
    };
    let outer: Vec<String> = outer
        .iter()
        .map(|one| match *one {
            // What overflows, or has no logarithm, on the way to a choice is no reason to end.
            "(exp I)" => "(exp (min i 30))".to_owned(),
            "(log (abs I))" => "(log (+ 1e-12 (abs i)))".to_owned(),
            one => one.replace('I', "i"),
        })
        .collect();
    format!(
        "(let* ((i (soft-choice ({}) {})) (o (soft-choice ({}) {})))\n  \
           (/ (vsum (log (+ 1 (square (/ (- (* s o) y) {SIZE}))))) (vlen x)))",
        inner.join(" "),
        weights('a'),
        outer.join(" "),
        weights('b'),
    )
}

/// The pairs, outer and inner, that so many restarts end at.
pub(crate) fn ends(
    [inner, outer]: [&[&str]; 2],
    [x, y]: [&[f64]; 2],
    restarts: usize,
    random: &mut Random,
) -> Result<Vec<(usize, usize)>, Failure> {
    let names: Vec<String> = ('a'..='b')
        .flat_map(|name| (0..8).map(move |place| format!("{name}{place}")))
        .chain(["s".to_owned(), "cold".to_owned()])
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut bindings = Bindings::new();
    bindings.set("x", x.to_vec());
    bindings.set("y", y.to_vec());
    for name in &names {
        bindings.set(*name, 1.0);
    }
    let interpreter = Interpreter::embedded();
    let model = interpreter.model_for(&text(inner, outer), &bindings, Mode::Interpreter)?;
    let unknowns = names.len() - 1;
    let limits = Limits::default().fuel(u64::MAX);
    let evaluator = model.evaluator(&bindings, &names, &names[..unknowns], &limits)?;
    let mut evaluator: Evaluator = evaluator.threads(Threads::ONE);
    let mut columns: Vec<Vec<f64>> = (0..unknowns)
        .map(|at| {
            let begin = |random: &mut Random| if at < 16 { random.normal() } else { 1.0 };
            (0..restarts).map(|_| begin(random)).collect()
        })
        .collect();
    let (mut values, mut gradients) = (vec![0.0; restarts], vec![0.0; restarts * unknowns]);
    let [mut means, mut squares] = [(); 2].map(|()| vec![0.0; restarts * unknowns]);
    for step in 1..=STEPS {
        let cold = 10_f64.powf(f64::from(step) / f64::from(STEPS));
        let lanes: Vec<Lane<'_>> = columns
            .iter()
            .map(|column| Lane::Each(column))
            .chain([Lane::Shared(cold)])
            .collect();
        evaluator.lanes(&lanes, &mut values, &mut gradients)?;
        let unbiased = [1.0 - 0.9_f64.powi(step), 1.0 - 0.999_f64.powi(step)];
        for (at, column) in columns.iter_mut().enumerate() {
            let all = at * restarts..(at + 1) * restarts;
            let moments = means[all.clone()].iter_mut().zip(&mut squares[all.clone()]);
            for ((x, slope), (mean, square)) in column.iter_mut().zip(&gradients[all]).zip(moments)
            {
                let slope = if slope.is_nan() {
                    0.0
                } else {
                    slope.clamp(-10.0, 10.0)
                };
                *mean = 0.9 * *mean + 0.1 * slope;
                *square = 0.999 * *square + 0.001 * slope * slope;
                *x -= RATE * (*mean / unbiased[0]) / ((*square / unbiased[1]).sqrt() + 1e-8);
            }
        }
    }
    let heaviest = |lane: usize, from: usize| {
        let weight = |at: &usize| columns[from + at][lane];
        let best = (0..8).max_by(|a, b| weight(a).total_cmp(&weight(b)));
        best.unwrap_or(0)
    };
    Ok((0..restarts)
        .map(|lane| (heaviest(lane, 8), heaviest(lane, 0)))
        .collect())
}
