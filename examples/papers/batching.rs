//! Experiment H: models of an Earth system and of an economy, on many sets of constants at once.

use crate::Effort;
use crate::clock;
use crate::report::{
    Chart, Failure, Findings, NOT_TOLD, Series, Verdict, median, three_digits, time, times,
};
use dmci::Random;
use dmci::{
    Bindings, Evaluator, Input, Interpreter, Lane, Limits, Mode, Model, Threads, Workspace, Wrt,
};

/// How many sets of constants stand beside each other, as in the paper.
const LANES: usize = 1024;

/// The squares of what the years that models give are off, from the numbers `seen`.
const LOSS: &str =
    "(fold-left + 0 (map (lambda (found there) (square (- found there))) next seen))";

/// A model, with its constants and what else goes in.
struct Subject {
    name: &'static str,
    text: &'static str,
    /// How many operations of arithmetic the paper's has.
    nodes: u64,
    constants: Vec<(String, Input)>,
    /// State, and what drives it.
    state: Vec<(&'static str, Input)>,
}

fn earth() -> Subject {
    // Of each four: a process' size, where it is centered, how wide it is, what it is there.
    let centers = [[0.3, 0.5, 1.0, 0.1], [0.2, 0.4, 1.5, 0.05]];
    let number = |at: usize| centers[at / 4 % 2][at % 4] * (1.0 + 0.05 * (at as f64).sin());
    let numbered = (0..68).map(|at| (format!("k{:02}", at + 1), Input::from(number(at))));
    let forcing = [("sun", 1.0), ("burnt", 0.1)];
    let forcing = forcing.map(|(name, x)| (name.to_owned(), Input::from(x)));
    let state = [("T", 0.8), ("C", 1.2), ("O", 1.5), ("V", 0.9), ("S", 1.1)];
    Subject {
        name: "Earth system",
        text: include_str!("earth.scm"),
        nodes: 97,
        constants: numbered.chain(forcing).collect(),
        state: state.map(|(name, x)| (name, Input::from(x))).into(),
    }
}

fn economy() -> Subject {
    let list = |around: f64, spread: f64| {
        let number = |at: i32| around + spread * (1.7 * f64::from(at)).sin();
        Input::List((0..7).map(number).collect())
    };
    let sectors = [
        ("as", list(1.0, 0.1)),
        ("shares", list(0.35, 0.05)),
        ("wears", list(0.08, 0.02)),
        ("markups", list(0.1, 0.02)),
        ("speeds", list(0.2, 0.05)),
        ("quits", list(0.03, 0.01)),
    ];
    let whole = [
        ("wage", 0.6),
        ("interest", 0.04),
        ("tax", 0.3),
        ("propensity", 0.8),
        ("saving", 0.5),
        ("demand", 1.2),
        ("pressure", 0.02),
    ];
    let whole = whole.map(|(name, x)| (name.to_owned(), Input::from(x)));
    let sectors = sectors.map(|(name, list)| (name.to_owned(), list));
    Subject {
        name: "economy",
        text: include_str!("economy.scm"),
        nodes: 206,
        constants: sectors.into_iter().chain(whole).collect(),
        state: vec![
            ("capitals", list(2.0, 0.5)),
            ("labors", list(1.0, 0.2)),
            ("prices", list(1.0, 0.1)),
        ],
    }
}

fn numbers(input: &Input) -> &[f64] {
    match input {
        Input::Number(x) => std::slice::from_ref(x),
        Input::List(numbers) | Input::Vector(numbers) | Input::Matrix { numbers, .. } => numbers,
    }
}

impl Subject {
    fn names(&self) -> Vec<&str> {
        self.constants
            .iter()
            .map(|(name, _)| name.as_str())
            .collect()
    }

    /// All constants' numbers, one after the other.
    fn truth(&self) -> Vec<f64> {
        self.constants
            .iter()
            .flat_map(|(_, input)| numbers(input))
            .copied()
            .collect()
    }

    fn bindings(&self) -> Bindings {
        let mut bindings = Bindings::new();
        for (name, input) in &self.constants {
            bindings.set(name, input.clone());
        }
        for (name, input) in &self.state {
            bindings.set(*name, input.clone());
        }
        bindings
    }

    /// The model with its loss, beside the year that the true constants give, and how many operations the
    /// model itself has.
    fn loss(&self) -> Result<(Model, Bindings, u64), Failure> {
        let mut bindings = self.bindings();
        let mut workspace = Workspace::new();
        let (interpreter, mode) = (Interpreter::embedded(), Mode::Interpreter);
        let year = interpreter.model_for(&format!("{} next", self.text), &bindings, mode)?;
        let run = year.evaluate(&bindings, Wrt::All, &Limits::default(), &mut workspace)?;
        bindings.set("seen", Input::List(run.value.numbers().collect()));
        let text = format!("{}\n{LOSS}", self.text);
        let model = interpreter.model_for(&text, &bindings, mode)?;
        Ok((model, bindings, run.stats.operations))
    }
}

/// Sets of constants around the true ones, a column for each constant.
fn population(truth: &[f64], lanes: usize) -> Vec<Vec<f64>> {
    let mut random = Random::at(&[97, lanes as u64]);
    let mut column = |x: &f64| {
        let around = (0..lanes).map(|_| x * (1.0 + 0.1 * random.normal()));
        around.collect::<Vec<f64>>()
    };
    truth.iter().map(&mut column).collect()
}

/// Seconds of a call, the median of several.
fn seconds<T>(runs: usize, mut run: impl FnMut() -> Result<T, Failure>) -> Result<f64, Failure> {
    let mut all = Vec::new();
    for _ in 0..runs {
        let began = clock::seconds();
        run()?;
        all.push(clock::seconds() - began);
    }
    Ok(median(all))
}

/// Seconds of 1,024 values with gradients: walked one by one, replayed one by one, and in one call.
struct Costs {
    walked: f64,
    replayed: f64,
    together: f64,
}

/// Values with gradients of all lanes of a population, in one call.
fn together(
    evaluator: &mut Evaluator,
    columns: &[Vec<f64>],
    values: &mut [f64],
    gradients: &mut [f64],
) -> Result<(), Failure> {
    let lanes: Vec<Lane<'_>> = columns.iter().map(|column| Lane::Each(column)).collect();
    Ok(evaluator.lanes(&lanes, values, gradients)?)
}

fn costs(
    subject: &Subject,
    model: &Model,
    bindings: &Bindings,
    evaluator: &mut Evaluator,
    effort: Effort,
) -> Result<Costs, Failure> {
    let (truth, names) = (subject.truth(), subject.names());
    let columns = population(&truth, LANES);
    let row = |lane: usize| {
        columns
            .iter()
            .map(|column| column[lane])
            .collect::<Vec<f64>>()
    };
    let (mut values, mut gradients) = (vec![0.0; LANES], vec![0.0; LANES * truth.len()]);
    together(evaluator, &columns, &mut values, &mut gradients)?;
    let together = seconds(effort.of(51, 11), || {
        together(evaluator, &columns, &mut values, &mut gradients)
    })?;

    let mut gradient = vec![0.0; truth.len()];
    let mut lane = 0;
    let mut most = 0.0_f64;
    let replayed = seconds(LANES, || {
        let value = evaluator.value_and_grad(&row(lane), &mut gradient)?;
        most = most.max((value - values[lane]).abs());
        let same = gradient.iter().enumerate();
        for (at, slope) in same {
            most = most.max((slope - gradients[at * LANES + lane]).abs());
        }
        lane += 1;
        Ok(())
    })?;
    if most != 0.0 {
        return Err(format!("lanes are off from one by one, by {most:e}").into());
    }

    // A model that keeps no paths interprets the program each time.
    let fresh = Interpreter::embedded().model_for(model.text(), bindings, Mode::Interpreter)?;
    fresh.keep_paths(0);
    let mut workspace = Workspace::new();
    let walked = seconds(effort.of(101, 21), || {
        Ok(fresh.value_and_grad(bindings, Wrt::Names(&names), &mut workspace)?)
    })?;
    let each = LANES as f64;
    Ok(Costs {
        walked: walked * each,
        replayed: replayed * each,
        together,
    })
}

/// Steps of Adam for all members of a population at once: the losses before and after, in the median, and
/// seconds.
fn fit(
    evaluator: &mut Evaluator,
    truth: &[f64],
    members: usize,
    steps: i32,
) -> Result<[f64; 3], Failure> {
    let mut columns = population(truth, members);
    let (mut values, mut gradients) = (vec![0.0; members], vec![0.0; members * truth.len()]);
    let [mut means, mut squares] = [(); 2].map(|()| vec![0.0; members * truth.len()]);
    together(evaluator, &columns, &mut values, &mut gradients)?;
    let before = median(values.clone());
    let began = clock::seconds();
    for step in 1..=steps {
        together(evaluator, &columns, &mut values, &mut gradients)?;
        let unbiased = [1.0 - 0.9_f64.powi(step), 1.0 - 0.999_f64.powi(step)];
        for (at, column) in columns.iter_mut().enumerate() {
            let all = at * members..(at + 1) * members;
            let moments = means[all.clone()].iter_mut().zip(&mut squares[all.clone()]);
            for ((x, slope), (mean, square)) in column.iter_mut().zip(&gradients[all]).zip(moments)
            {
                *mean = 0.9 * *mean + 0.1 * slope;
                *square = 0.999 * *square + 0.001 * slope * slope;
                *x -= 0.01 * (*mean / unbiased[0]) / ((*square / unbiased[1]).sqrt() + 1e-8);
            }
        }
    }
    let took = clock::seconds() - began;
    together(evaluator, &columns, &mut values, &mut gradients)?;
    Ok([before, median(values), took])
}

pub(crate) fn run(effort: Effort) -> Result<Findings, Failure> {
    let mut findings = Findings::new(format!(
        "A year of an Earth system (five reservoirs, seventeen processes, 70 constants) and of an economy (seven \
         sectors): the squared difference from what is seen, with its gradient by all constants, at {LANES} sets of \
         constants, on one thread. One by one as in the paper, the program interpreted each time; one by one, \
         replayed; and all in one call, which is checked to have the bits of the others."
    ));
    let mut speedups = Vec::new();
    for subject in [earth(), economy()] {
        let (model, bindings, operations) = subject.loss()?;
        let names = subject.names();
        let limits = Limits::default().fuel(u64::MAX);
        let evaluator = model.evaluator(&bindings, &names, &names, &limits)?;
        let mut evaluator = evaluator.threads(Threads::ONE);
        let name = subject.name;
        findings.row(
            format!("{name}: operations, constants"),
            if name == "economy" {
                "206 nodes"
            } else {
                "97 nodes, 70 constants"
            },
            format!("{operations}, {}", subject.truth().len()),
            Verdict::must(operations == subject.nodes),
        );
        let costs = costs(&subject, &model, &bindings, &mut evaluator, effort)?;
        let (faster, warm) = (
            costs.walked / costs.together,
            costs.replayed / costs.together,
        );
        findings.row(
            format!("{name}: {LANES} lanes in one call, beside as many interpreted calls"),
            "852x to 875x",
            format!(
                "{} ({} beside {})",
                times(faster),
                time(costs.together),
                time(costs.walked)
            ),
            Verdict::of(
                faster >= 852.0,
                "an interpreted call takes so little here that a batch has less to save; what counts is the time \
                 of a lane, below",
            ),
        );
        findings.row(
            format!("{name}: the same beside as many replayed calls"),
            NOT_TOLD,
            format!(
                "{}, {} a lane in one call",
                times(warm),
                time(costs.together / LANES as f64)
            ),
            Verdict::Met,
        );
        speedups.push((name, costs));
        if name == "economy" {
            continue;
        }
        let steps = if effort.short { 60 } else { 300 };
        let [before, after, took] = fit(&mut evaluator, &subject.truth(), LANES, steps)?;
        let alone = speedups[0].1.walked * f64::from(steps);
        findings.row(
            format!("{name}: {LANES} members fitted at once, {steps} steps, beside one by one, interpreted"),
            "3,848x",
            format!(
                "{} ({} beside {}), loss {} to {} in the median",
                times(alone / took),
                time(took),
                time(alone),
                three_digits(before),
                three_digits(after)
            ),
            Verdict::of(
                alone / took >= 3848.0,
                "as above: one by one takes so little that there is less to save",
            ),
        );
    }
    let series = |name: &str, of: fn(&Costs) -> f64| Series {
        name: name.to_owned(),
        values: speedups
            .iter()
            .map(|(_, costs)| of(costs) / LANES as f64)
            .collect(),
    };
    findings.charts.push(Chart {
        title: "H: seconds of a value with its gradient".to_owned(),
        places: speedups
            .iter()
            .map(|(name, _)| (*name).to_owned())
            .collect(),
        series: vec![
            series("interpreted each time", |costs| costs.walked),
            series("replayed, one by one", |costs| costs.replayed),
            series("a lane of 1,024", |costs| costs.together),
        ],
        logarithmic: true,
    });
    Ok(findings)
}
