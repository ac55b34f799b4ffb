//! Experiment A: constants of six families of programs, by five methods that ought to agree.

use crate::Effort;
use crate::descent::adam;
use crate::objective::{Law, Objective};
use crate::report::{Failure, Findings, NOT_TOLD, Verdict, three_digits};
use dmci::Random;
use dmci::fit::{FitOptions, Table, fit};
use dmci::{Interpreter, Mode, Threads};

const POINTS: usize = 8;
const X: &[(&str, [f64; 2])] = &[("x", [0.5, 3.0])];

/// A value with its derivatives by the constants, written by hand.
type ByHand = fn(&[f64], f64) -> (f64, Vec<f64>);

/// The value alone, as laws have it.
macro_rules! value {
    ($by_hand:ident) => {
        |c, x| $by_hand(c, x[0]).0
    };
}

fn line(c: &[f64], x: f64) -> (f64, Vec<f64>) {
    (c[0] * x + c[1], vec![x, 1.0])
}

fn parabola(c: &[f64], x: f64) -> (f64, Vec<f64>) {
    (c[0] * (x * x) + c[1] * x + c[2], vec![x * x, x, 1.0])
}

fn decay(c: &[f64], x: f64) -> (f64, Vec<f64>) {
    let e = (-c[1] * x).exp();
    (c[0] * e, vec![e, -x * (c[0] * e)])
}

fn saturation(c: &[f64], x: f64) -> (f64, Vec<f64>) {
    let d = c[1] + x;
    (c[0] * x / d, vec![x / d, -(c[0] * x / d) / d])
}

/// A bend at 1.5.
fn bend(c: &[f64], x: f64) -> (f64, Vec<f64>) {
    if x < 1.5 {
        (c[0] * x, vec![x, 0.0])
    } else {
        (c[0] * 1.5 + c[1] * (x - 1.5), vec![1.5, x - 1.5])
    }
}

/// a + bx/2 (a + bx/2 (a + bx/2 a)).
fn recursion(c: &[f64], x: f64) -> (f64, Vec<f64>) {
    let half = x / 2.0;
    let (mut y, mut by_a, mut by_b) = (c[0], 1.0, 0.0);
    for _ in 0..3 {
        by_b = half * y + c[1] * half * by_b;
        by_a = 1.0 + c[1] * half * by_a;
        y = c[0] + c[1] * half * y;
    }
    (y, vec![by_a, by_b])
}

const FAMILIES: [(Law, ByHand); 6] = [
    (
        Law {
            name: "line",
            text: "(define (model x) (+ (* a x) b))",
            constants: &[("a", 1.0), ("b", 1.0)],
            inputs: X,
            by_hand: value!(line),
        },
        line,
    ),
    (
        Law {
            name: "parabola",
            text: "(define (model x) (+ (* a (* x x)) (* b x) c))",
            constants: &[("a", 1.0), ("b", 1.0), ("c", 1.0)],
            inputs: X,
            by_hand: value!(parabola),
        },
        parabola,
    ),
    (
        Law {
            name: "decay",
            text: "(define (model x) (* a (exp (* (- b) x))))",
            constants: &[("a", 1.0), ("b", 1.0)],
            inputs: X,
            by_hand: value!(decay),
        },
        decay,
    ),
    (
        Law {
            name: "saturation",
            text: "(define (model x) (/ (* a x) (+ b x)))",
            constants: &[("a", 1.0), ("b", 1.0)],
            inputs: X,
            by_hand: value!(saturation),
        },
        saturation,
    ),
    (
        Law {
            name: "bend",
            text: "(define (model x) (if (< x 1.5) (* a x) (+ (* a 1.5) (* b (- x 1.5)))))",
            constants: &[("a", 1.0), ("b", 1.0)],
            inputs: X,
            by_hand: value!(bend),
        },
        bend,
    ),
    (
        Law {
            name: "recursion",
            text: "(define (go x n) (if (= n 0) a (+ a (* b (/ x 2) (go x (- n 1))))))
                   (define (model x) (go x 3))",
            constants: &[("a", 1.0), ("b", 1.0)],
            inputs: X,
            by_hand: value!(recursion),
        },
        recursion,
    ),
];

/// The mean squared error and its gradient, by hand.
fn by_hand(law: ByHand, x: &[f64], y: &[f64], c: &[f64], gradient: &mut [f64]) -> f64 {
    gradient.fill(0.0);
    let mut sum = 0.0;
    for (x, y) in x.iter().zip(y) {
        let (value, slopes) = law(c, *x);
        let off = value - y;
        sum += off * off;
        for (gradient, slope) in gradient.iter_mut().zip(slopes) {
            *gradient += 2.0 * off * slope / POINTS as f64;
        }
    }
    sum / POINTS as f64
}

/// The final loss of a fit by the library's own method, from one start.
fn least_squares(law: &Law, start: &[f64], x: &[f64], y: &[f64]) -> Result<f64, Failure> {
    let params = law.constants.iter().zip(start);
    let params: String = params
        .map(|(constant, start)| format!("(param {} {start:?})\n", constant.0))
        .collect();
    let text = format!("{params}{}\n(observe y (model x))", law.text);
    let model = Interpreter::embedded().model(&text)?;
    let table = Table::from_columns([("x", x), ("y", y)])?;
    let options = FitOptions::default().starts(1).threads(Threads::ONE);
    Ok(fit(&model, &table, &options)?.sse / POINTS as f64)
}

/// What became of all fits.
#[derive(Default)]
struct Tally {
    fits: usize,
    /// How many of each method came below 1e-3.
    converged: [usize; 5],
    /// The largest relative differences of gradients: direct and nested beside interpreted, and by hand.
    modes_apart: f64,
    by_hand_apart: f64,
    /// How far losses by Adam are apart, and how many are equal to the bit between modes.
    losses_apart: f64,
    equal: usize,
}

impl Tally {
    fn fit(&mut self, law: &Law, hand: ByHand, seed: u64, steps: usize) -> Result<(), Failure> {
        let mut random = Random::at(&[u64::from(law.name.as_bytes()[0]), seed]);
        let mut draw = |_: &f64| 0.5 + 2.0 * random.unit();
        let truth: Vec<f64> = law.truth().iter().map(&mut draw).collect();
        let start: Vec<f64> = truth.iter().map(&mut draw).collect();
        let columns = law.columns(POINTS);
        let y = law.targets(&truth, &columns);
        let x = &columns[0];
        let mut losses = Vec::new();
        let mut gradients: Vec<Vec<f64>> = Vec::new();
        for mode in [Mode::Interpreter, Mode::Direct, Mode::Nested] {
            let mut objective = Objective::new(law, &columns, &y, mode)?;
            let mut gradient = vec![0.0; start.len()];
            objective.at(&start, &mut gradient)?;
            gradients.push(gradient);
            losses.push(adam(|c, g| objective.at(c, g), &start, 0.05, steps)?.1);
        }
        let mut gradient = vec![0.0; start.len()];
        by_hand(hand, x, &y, &start, &mut gradient);
        let found = adam(|c, g| Ok(by_hand(hand, x, &y, c, g)), &start, 0.05, steps)?;
        losses.push(found.1);
        losses.push(least_squares(law, &start, x, &y)?);

        let apart = |a: &[f64], b: &[f64]| {
            let pairs = a.iter().zip(b);
            let relative = pairs.map(|(a, b)| (a - b).abs() / b.abs().max(1e-12));
            relative.fold(0.0, f64::max)
        };
        self.fits += 1;
        for other in &gradients[1..] {
            self.modes_apart = self.modes_apart.max(apart(other, &gradients[0]));
        }
        self.by_hand_apart = self.by_hand_apart.max(apart(&gradients[0], &gradient));
        for (converged, loss) in self.converged.iter_mut().zip(&losses) {
            *converged += usize::from(*loss < 1e-3);
        }
        for loss in &losses[1..4] {
            self.losses_apart = self.losses_apart.max((loss - losses[0]).abs());
        }
        let bits = |at: usize| losses[at].to_bits();
        self.equal += usize::from(bits(0) == bits(1) && bits(1) == bits(2));
        Ok(())
    }
}

pub(crate) fn run(effort: Effort) -> Result<Findings, Failure> {
    let (seeds, steps) = (effort.of(10, 3), 2000);
    let mut findings = Findings::new(format!(
        "Six families (line, parabola, decay, saturation, a bend, a recursion), {seeds} seeds each, constants and \
         starts drawn from [0.5, 2.5], 8 points on [0.5, 3]. Five methods: Adam, 0.05, {steps} steps, through the \
         interpreter, through direct compilation, through the evaluator evaluating itself, and on value and \
         gradient written in Rust by hand; and least squares of this library, from the same start. \
         Converged: a mean squared error below 1e-3."
    ));
    let mut tally = Tally::default();
    for (law, hand) in FAMILIES {
        for seed in 0..seeds as u64 {
            tally.fit(&law, hand, seed, steps)?;
        }
    }
    let fits = tally.fits;
    findings.row(
        "converged, by method",
        "interpreter = direct = by hand",
        format!("{:?} of {fits}", tally.converged),
        Verdict::must(
            tally.converged[..4]
                .iter()
                .all(|n| *n == tally.converged[0]),
        ),
    );
    findings.row(
        "gradients of interpreter, direct and nested, relative difference",
        "0",
        three_digits(tally.modes_apart),
        Verdict::must(tally.modes_apart == 0.0),
    );
    findings.row(
        "gradients beside those by hand, relative difference",
        "0, in single precision",
        three_digits(tally.by_hand_apart),
        // Half a unit in the last place of single precision.
        Verdict::must(tally.by_hand_apart < 6e-8),
    );
    findings.row(
        "final losses by Adam, largest difference",
        "7e-7",
        three_digits(tally.losses_apart),
        Verdict::must(tally.losses_apart <= 7e-7),
    );
    findings.row(
        "final losses of the three modes equal to the bit",
        NOT_TOLD,
        format!("{} of {fits}", tally.equal),
        Verdict::must(tally.equal == fits),
    );
    Ok(findings)
}
