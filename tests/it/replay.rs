//! Batches: each lane answers as a model that has never run would answer it alone, to the bit.
//!
//! **Invariants**
//! - What is expected of a lane is a walk: the first evaluation of a fresh model.
//! - Derivatives are compared after adding 0.0, because -0.0 and 0.0 are one derivative.
//!
//! A failure names the seed of the program: `DMCI_SEED=<seed> DMCI_PROGRAMS=1 cargo test --test it replay`
//! runs that one alone.

mod evaluator;
mod limits;
mod memory;
mod paths;
mod sums;
mod traps;

use crate::agree::{on_programs_of, relaxation};
use crate::generate::{
    ARRAYS, Generated, INPUTS, array_inputs, generate_with_arrays, steep_inputs,
};
use crate::random::{Random, programs};
use dmci::{
    Bindings, Error, Interpreter, Item, Lanes, Limits, Mode, Model, OnError, Output, Workspace, Wrt,
};
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::cell::Cell;

/// Little of each lane's own, because programs without end run out of it.
const LIMITS: Limits = Limits::new()
    .fuel(2_000)
    .heap_bytes(1 << 30)
    .depth(100_000_000);

// ---- what is equal -----------------------------------------------------------------------------

fn same_bits(a: f64, b: f64) -> bool {
    a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())
}

fn same_derivative(a: f64, b: f64) -> bool {
    same_bits(a + 0.0, b + 0.0)
}

fn same_value(a: &Output, b: &Output) -> bool {
    let same = |(a, b): (&Item, &Item)| match (a, b) {
        (Item::Number { value: x, int: i }, Item::Number { value: y, int: j }) => {
            same_bits(*x, *y) && i == j
        }
        _ => a == b,
    };
    a.items().len() == b.items().len() && a.items().iter().zip(b.items()).all(same)
}

/// All that an error says.
fn error_text(error: &Error) -> String {
    format!(
        "{:?} {error} {:?} {:?}",
        error.kind(),
        error.span(),
        error.calls()
    )
}

/// What is wrong with a sum of terms: it may be off by 1e-12 of the sum of their magnitudes.
fn sum_complaint(found: f64, terms: &[f64]) -> Option<String> {
    if terms.iter().any(|term| !term.is_finite()) {
        return found
            .is_finite()
            .then(|| format!("the sum is {found}, and a term is not finite"));
    }
    // Neumaier's sum: the rounding of each addition is summed beside.
    let (mut sum, mut lost, mut magnitude) = (0.0_f64, 0.0, 0.0);
    for &term in terms {
        let next = sum + term;
        lost += if sum.abs() >= term.abs() {
            (sum - next) + term
        } else {
            (term - next) + sum
        };
        sum = next;
        magnitude += term.abs();
    }
    let expected = sum + lost;
    // The smallest normal number stands for what is lost where products underflow.
    let tolerance = 1e-12 * magnitude + f64::MIN_POSITIVE;
    let close = (found - expected).abs() <= tolerance || tolerance.is_infinite();
    (!close).then(|| format!("the sum is {found:e}, not {expected:e} within {tolerance:e}"))
}

/// The sums over lanes, in order.
fn sums(lanes: &Lanes) -> Vec<f64> {
    let numbers = lanes.shared.iter().map(|(_, sum)| *sum);
    let lists = lanes.shared_lists.iter();
    numbers
        .chain(lists.flat_map(|(_, sums)| sums.iter().copied()))
        .collect()
}

fn pool(threads: usize) -> ThreadPool {
    let builder = ThreadPoolBuilder::new().num_threads(threads);
    builder.build().expect("threads")
}

// ---- lanes and what they answer alone ----------------------------------------------------------

/// What a lane answers alone: its value, and its derivatives by each name asked for.
type Alone = Result<(Output, Vec<Vec<f64>>), Error>;

/// A program, which of its inputs differ between lanes, and what it is asked.
struct Question<'p> {
    interpreter: &'p Interpreter,
    program: &'p Generated,
    mode: Mode,
    shared: Bindings,
    lane_names: Vec<&'p str>,
    wrt: Vec<&'p str>,
}

/// Values of the lane inputs, in the order of their names, and what is expected of them.
struct Point {
    numbers: Vec<f64>,
    alone: Alone,
}

impl Question<'_> {
    fn model(&self) -> Model {
        let mut all = self.shared.clone();
        for name in &self.lane_names {
            all.set(*name, 0.0);
        }
        let source = &self.program.source;
        let model = self.interpreter.model_for(source, &all, self.mode);
        let model = model.unwrap_or_else(|error| panic!("not well formed: {error}\n{source}"));
        let relaxed = model.with_relaxation(relaxation(source));
        relaxed.expect("a relaxation as it should be")
    }

    /// The walk of a lane.
    fn alone(&self, numbers: &[f64]) -> Alone {
        let mut bindings = self.shared.clone();
        for (name, &number) in self.lane_names.iter().zip(numbers) {
            bindings.set(*name, number);
        }
        let wrt = match self.wrt.as_slice() {
            [] => Wrt::Nothing,
            names => Wrt::Names(names),
        };
        let evaluation = self
            .model()
            .evaluate(&bindings, wrt, &LIMITS, &mut Workspace::new())?;
        assert!(!evaluation.stats.replayed, "a fresh model walks");
        let derivatives = self.wrt.iter().map(|name| {
            let row = evaluation.gradient.jacobian(name).expect("asked for");
            row.to_vec()
        });
        let derivatives = derivatives.collect();
        Ok((evaluation.value, derivatives))
    }

    fn points(&self, numbers: impl Iterator<Item = Vec<f64>>) -> Vec<Point> {
        let point = |numbers: Vec<f64>| Point {
            alone: self.alone(&numbers),
            numbers,
        };
        numbers.map(point).collect()
    }

    fn run(
        &self,
        model: &Model,
        lanes: &[&Point],
        on_error: OnError,
        workspace: &mut Workspace,
    ) -> Result<Lanes, Error> {
        let columns: Vec<Vec<f64>> = (0..self.lane_names.len())
            .map(|place| lanes.iter().map(|lane| lane.numbers[place]).collect())
            .collect();
        let columns: Vec<(&str, &[f64])> = self
            .lane_names
            .iter()
            .copied()
            .zip(columns.iter().map(Vec::as_slice))
            .collect();
        let (shared, wrt) = (&self.shared, &self.wrt);
        // None runs out of it alone.
        let limits = LIMITS.fuel(LIMITS.fuel * lanes.len() as u64);
        model.value_and_grad_lanes(shared, &columns, wrt, on_error, &limits, workspace)
    }

    /// Compares what lanes answer together with what they answer alone.
    fn check(&self, lanes: &[&Point], found: &Lanes) -> Result<(), String> {
        if found.values.len() != lanes.len() {
            return Err(format!("{} values", found.values.len()));
        }
        for (index, (point, found)) in lanes.iter().zip(&found.values).enumerate() {
            let same = match (&point.alone, found) {
                (Ok((alone, _)), Ok(found)) => same_value(alone, found),
                (Err(alone), Err(found)) => error_text(alone) == error_text(found),
                _ => false,
            };
            if !same {
                let text = |answer: Result<&Output, &Error>| match answer {
                    Ok(value) => value.to_scheme(),
                    Err(error) => error_text(error),
                };
                return Err(format!(
                    "lane {index}, {:?}\nalone    {}\ntogether {}",
                    point.numbers,
                    text(point.alone.as_ref().map(|(value, _)| value)),
                    text(found.as_ref())
                ));
            }
        }
        let mut shared = found.shared.iter();
        let mut lists = found.shared_lists.iter();
        let mut columns = found.per_lane.iter();
        for (place, &name) in self.wrt.iter().enumerate() {
            if self.lane_names.contains(&name) {
                let Some((found_name, column)) = columns.next() else {
                    return Err(format!("no column of derivatives by {name}"));
                };
                if name != found_name || column.len() != lanes.len() {
                    return Err(format!("{found_name}, {} lanes, for {name}", column.len()));
                }
                for (index, (point, found)) in lanes.iter().zip(column).enumerate() {
                    let alone = point.alone.as_ref().ok().map(|(_, by)| by[place][0]);
                    let same = match (alone, *found) {
                        (Some(alone), Some(found)) => same_derivative(alone, found),
                        (alone, found) => alone.is_none() && found.is_none(),
                    };
                    if !same {
                        return Err(format!(
                            "lane {index}, {:?}: d/d{name} is {alone:?} alone, {found:?} together",
                            point.numbers
                        ));
                    }
                }
                continue;
            }
            let sums: &[f64] = if ARRAYS.contains(&name) {
                let Some((_, sums)) = lists.next().filter(|(found, _)| found == name) else {
                    return Err(format!("no sums of derivatives by {name}"));
                };
                sums
            } else {
                let Some((_, sum)) = shared.next().filter(|(found, _)| found == name) else {
                    return Err(format!("no sum of derivatives by {name}"));
                };
                std::slice::from_ref(sum)
            };
            for (entry, &sum) in sums.iter().enumerate() {
                let terms: Vec<f64> = lanes
                    .iter()
                    .filter_map(|point| Some(point.alone.as_ref().ok()?.1[place][entry]))
                    .collect();
                if let Some(complaint) = sum_complaint(sum, &terms) {
                    return Err(format!("d/d{name}, entry {entry}: {complaint}"));
                }
            }
        }
        Ok(())
    }

    /// Runs batches one after another, each twice, on one model and one workspace. Gives the sums of
    /// each batch.
    fn check_batches(&self, batches: &[Vec<&Point>]) -> Result<Vec<Vec<f64>>, String> {
        let model = self.model();
        let mut workspace = Workspace::new();
        let mut all = Vec::new();
        for lanes in batches {
            let mut first: Option<Vec<f64>> = None;
            for run in ["cold", "warm"] {
                let context = |complaint| format!("{run}, {} lanes: {complaint}", lanes.len());
                let found = self.run(&model, lanes, OnError::Collect, &mut workspace);
                let found = found.map_err(|error| context(format!("refused: {error}")))?;
                self.check(lanes, &found).map_err(context)?;
                let sums = sums(&found);
                let known = first.get_or_insert_with(|| sums.clone());
                if !known
                    .iter()
                    .zip(&sums)
                    .all(|(a, b)| same_derivative(*a, *b))
                {
                    return Err(context(format!("sums were {known:?}, are {sums:?}")));
                }
            }
            all.extend(first);
        }
        Ok(all)
    }

    /// With [`OnError::Stop`] the first lane that fails is all there is.
    fn check_stop(&self, lanes: &[&Point]) -> Result<(), String> {
        let model = self.model();
        let mut workspace = Workspace::new();
        for run in ["cold", "warm"] {
            let found = self.run(&model, lanes, OnError::Stop, &mut workspace);
            let first = lanes.iter().find_map(|point| point.alone.as_ref().err());
            match (first, found) {
                (None, Ok(found)) => self.check(lanes, &found)?,
                (Some(first), Err(found)) if error_text(first) == error_text(&found) => {}
                (first, found) => {
                    let (first, found) = (first.map(error_text), found.err());
                    let found = found.as_ref().map(error_text);
                    return Err(format!("{run}: stops with {found:?}, not {first:?}"));
                }
            }
        }
        Ok(())
    }
}

/// Inputs where branches change, and now and then a number that is none.
fn lane_numbers(names: usize, random: &mut Random) -> Vec<f64> {
    let mut numbers = Vec::new();
    while numbers.len() < names {
        numbers.extend(steep_inputs(random));
    }
    numbers.truncate(names);
    if random.percent(4) {
        let place = random.below(names);
        numbers[place] = [f64::INFINITY, f64::NEG_INFINITY, f64::NAN][random.below(3)];
    }
    numbers
}

/// Asks a program on lanes of `lane_names`; everything else is the same for all lanes.
fn question<'p>(
    interpreter: &'p Interpreter,
    program: &'p Generated,
    lane_names: Vec<&'p str>,
    random: &mut Random,
) -> Question<'p> {
    let numbers = INPUTS.into_iter().zip(steep_inputs(random));
    let mut shared: Bindings = numbers.collect();
    for (name, input) in ARRAYS.into_iter().zip(array_inputs(random)) {
        shared.set(name, input);
    }
    let wrt: Vec<&str> = match random.below(8) {
        0 => Vec::new(),
        1 => lane_names.clone(),
        2 => ["y", "m"].into_iter().collect(),
        _ => {
            let names = INPUTS.into_iter().chain(ARRAYS);
            let params = program.params.iter().map(String::as_str);
            let literals = program.literals.iter().map(String::as_str);
            names.chain(params).chain(literals).collect()
        }
    };
    Question {
        interpreter,
        program,
        mode: [Mode::Interpreter, Mode::Direct][random.below(2)],
        shared,
        lane_names,
        wrt,
    }
}

/// What a property has seen, to be sure that it has seen enough.
#[derive(Default)]
struct Seen {
    lanes: Cell<usize>,
    failed: Cell<usize>,
    /// Programs where some lanes fail and others do not.
    mixed: Cell<usize>,
    derivatives: Cell<usize>,
}

impl Seen {
    fn note(&self, question: &Question<'_>, points: &[Point]) {
        let failed = points.iter().filter(|point| point.alone.is_err()).count();
        let add = |cell: &Cell<usize>, count: usize| cell.set(cell.get() + count);
        add(&self.lanes, points.len());
        add(&self.failed, failed);
        add(
            &self.mixed,
            usize::from(failed > 0 && failed < points.len()),
        );
        add(
            &self.derivatives,
            (points.len() - failed) * question.wrt.len(),
        );
    }
}

/// Checks a program on batches of some sizes, with lanes drawn from `count` points.
fn check_program(
    question: &mut Question<'_>,
    sizes: &[usize],
    count: usize,
    pools: &[ThreadPool],
    random: &mut Random,
    seen: &Seen,
) -> Result<(), String> {
    let names = question.lane_names.len();
    let numbers: Vec<Vec<f64>> = (0..count).map(|_| lane_numbers(names, random)).collect();
    let mut points = question.points(numbers.iter().cloned());
    // Lanes have fuel together.
    let has_fuel = |point: &Point| {
        let error = point.alone.as_ref().err();
        error.is_none_or(|error| !error.to_string().starts_with("out of fuel"))
    };
    points.retain(has_fuel);
    if points.is_empty() {
        return Ok(());
    }
    let is_list =
        |point: &Point| matches!(&point.alone, Ok((value, _)) if value.number().is_none());
    if !question.wrt.is_empty() && points.iter().any(is_list) {
        // Gradients over lanes are those of a sum of numbers.
        let lanes: Vec<&Point> = points.iter().collect();
        let (model, workspace) = (question.model(), &mut Workspace::new());
        let refused = question.run(&model, &lanes, OnError::Collect, workspace);
        if !matches!(refused, Err(Error::Request(_))) {
            return Err("a gradient of lists is not refused".into());
        }
        question.wrt.clear();
        points = question.points(numbers.into_iter());
        points.retain(has_fuel);
    }
    seen.note(question, &points);
    let mut batches: Vec<Vec<&Point>> = sizes
        .iter()
        .map(|&size| {
            let lanes = 0..size;
            lanes.map(|_| &points[random.below(points.len())]).collect()
        })
        .collect();
    let context = |complaint: String| {
        let Question {
            mode,
            shared,
            lane_names,
            wrt,
            ..
        } = &*question;
        format!("{mode:?}, lanes of {lane_names:?}, wrt {wrt:?}, {shared:?}\n{complaint}")
    };
    let mut first: Option<Vec<Vec<f64>>> = None;
    for pool in pools {
        let threads = pool.current_num_threads();
        let on_threads = |complaint| context(format!("{threads} threads, {complaint}"));
        let sums = pool.install(|| question.check_batches(&batches));
        let sums = sums.map_err(on_threads)?;
        let known = first.get_or_insert_with(|| sums.clone());
        let pairs = known.iter().flatten().zip(sums.iter().flatten());
        if !pairs.into_iter().all(|(a, b)| same_derivative(*a, *b)) {
            return Err(on_threads(format!("sums {sums:?}, elsewhere {known:?}")));
        }
    }
    // In another order other lanes are walked.
    batches.truncate(1);
    batches[0].reverse();
    question.check_batches(&batches).map_err(context)?;
    question.check_stop(&batches[0]).map_err(context)
}

#[test]
fn lanes_of_any_batch_answer_as_they_would_alone() {
    let interpreter = Interpreter::embedded();
    let pools = [pool(1), pool(2)];
    let seen = Seen::default();
    on_programs_of(generate_with_arrays, 60, |program, random| {
        let param = program.params.first().map_or("z", String::as_str);
        for lane_names in [vec!["x", "y", "z"], vec!["x"], vec!["x", param]] {
            let mut question = question(&interpreter, program, lane_names, random);
            check_program(&mut question, &[64, 1, 7], 24, &pools, random, &seen)?;
        }
        Ok(())
    });
    let (lanes, failed) = (seen.lanes.get(), seen.failed.get());
    let enough = failed * 20 > lanes && failed * 2 < lanes && seen.mixed.get() > 10;
    assert!(
        enough && seen.derivatives.get() > lanes || programs(60) < 60,
        "{failed} of {lanes} lanes fail; programs with lanes that do and lanes that do not: {}; \
         derivatives: {}",
        seen.mixed.get(),
        seen.derivatives.get()
    );
}

#[test]
fn lanes_of_large_batches_answer_as_they_would_alone() {
    let interpreter = Interpreter::embedded();
    let pools = [pool(1), pool(2)];
    let seen = Seen::default();
    on_programs_of(generate_with_arrays, 6, |program, random| {
        let names = [vec!["x", "y", "z"], vec!["y"]];
        for lane_names in names {
            let mut question = question(&interpreter, program, lane_names, random);
            let sizes = [1000, 1, 64, 7];
            check_program(&mut question, &sizes, 300, &pools, random, &seen)?;
        }
        Ok(())
    });
}

#[test]

fn no_derivative_is_minus_zero() {
    let programs = [
        "(* x -0.0)",
        "(- (* x y))",
        "(if (> x 0) (* -0.0 x) (* y (- x)))",
    ];
    for source in programs {
        let inputs = Bindings::from([("x", 0.0), ("y", 0.0)]);
        let column = [0.0, 1.0, -1.0];
        let model = Interpreter::embedded().model_for(source, &inputs, Mode::Interpreter);
        let model = model.expect("well formed");
        let workspace = &mut Workspace::new();
        let (limits, wrt) = (Limits::default(), ["x", "y"]);
        let columns = [("x", column.as_slice())];
        let found =
            model.value_and_grad_lanes(&inputs, &columns, &wrt, OnError::Stop, &limits, workspace);
        let found = found.expect("no lane fails");
        let derivatives = found.per_lane[0]
            .1
            .iter()
            .map(|d| d.expect("no lane fails"));
        for derivative in derivatives.chain(sums(&found)) {
            assert_ne!(derivative.to_bits(), (-0.0_f64).to_bits(), "{source}");
        }
        let evaluation = model.value_and_grad(&inputs, Wrt::Names(&wrt), workspace);
        let gradient = evaluation.expect("it runs").1;
        for name in wrt {
            let derivative = gradient.get(name).expect("asked for");
            assert_ne!(derivative.to_bits(), (-0.0_f64).to_bits(), "{source}");
        }
    }
}
