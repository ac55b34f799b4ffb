//! How long things take here, by the host's clock.
//!
//! **Invariants**
//! - Inputs change between repetitions, and nothing is cached across them but recorded paths, as `dmci time`
//!   has it.

use crate::asked::{Answer, Refused};
use crate::host::milliseconds;
use crate::shown::{Run, limits};
use dmci::{Bindings, Lane, Workspace, Wrt};
use serde_json::json;

/// The median of what a piece of work takes, in nanoseconds, repeated until the time is over.
fn median(time: f64, mut work: impl FnMut(usize) -> Result<(), Refused>) -> Result<f64, Refused> {
    let end = milliseconds() + time;
    let (mut all, mut done, mut batch) = (Vec::new(), 0, 1);
    while milliseconds() < end || all.len() < 3 {
        let began = milliseconds();
        for _ in 0..batch {
            work(done)?;
            done += 1;
        }
        let took = milliseconds() - began;
        // Clocks of browsers tick coarsely.
        if took < 2.0 {
            batch *= 2;
            continue;
        }
        all.push(took * 1e6 / f64::from(batch));
    }
    all.sort_by(f64::total_cmp);
    Ok(all[all.len() / 2])
}

/// Nanoseconds from text to the first value and gradient of a program that was not seen before; of value and
/// gradient of one that was; and of value and gradient of a lane of many: `lane` is the input that differs
/// between lanes, and how many lanes there are. Goes on so many milliseconds with each.
pub(crate) fn time(run: &Run, lane: Option<(String, usize)>, time: f64) -> Answer {
    let mut bindings = run.bindings();
    let names: Vec<String> = bindings.names().map(str::to_owned).collect();
    let refused = Refused::by(&run.source);
    let mut workspace = Workspace::new();
    let cold = median(time, |_| {
        let model = run.model(&bindings)?;
        let run = model.value_and_grad(&bindings, Wrt::All, &mut workspace);
        run.map(|_| ()).map_err(&refused)
    })?;
    let model = run.model(&bindings)?;
    let numbers: Vec<Option<f64>> = names.iter().map(|name| number(&bindings, name)).collect();
    let warm = median(time, |done| {
        for (name, number) in names.iter().zip(&numbers) {
            if let Some(number) = number {
                bindings.set(name.as_str(), number * (1.0 + 1e-9 * (done % 1024) as f64));
            }
        }
        let run = model.value_and_grad(&bindings, Wrt::All, &mut workspace);
        run.map(|_| ()).map_err(&refused)
    })?;
    let Some((lane, count)) = lane else {
        return Ok(json!({"cold": cold, "value_grad": warm}));
    };
    let all: Vec<&str> = names.iter().map(String::as_str).collect();
    let by: Vec<&str> = all.iter().copied().filter(|name| *name != lane).collect();
    let evaluator = model.evaluator(&Bindings::new(), &all, &by, &limits());
    let mut evaluator = evaluator.map_err(&refused)?;
    let mut column = vec![0.0; count];
    let mut gradient = vec![0.0; by.len()];
    let each = median(time, |done| {
        for (index, x) in column.iter_mut().enumerate() {
            *x = (index + done % 7) as f64 / count as f64;
        }
        let lanes: Vec<Lane<'_>> = (all.iter().zip(&numbers))
            .map(|(name, number)| match number {
                _ if *name == lane => Lane::Each(&column),
                number => Lane::Shared(number.unwrap_or(0.0)),
            })
            .collect();
        let sum = evaluator.sum(&lanes, &mut gradient);
        sum.map(|_| ()).map_err(&refused)
    })?;
    Ok(json!({"cold": cold, "value_grad": warm, "lane": each / count as f64}))
}

fn number(bindings: &Bindings, name: &str) -> Option<f64> {
    match bindings.get(name) {
        Some(dmci::Input::Number(number)) => Some(*number),
        _ => None,
    }
}
