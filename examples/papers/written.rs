//! Experiment B: fifteen models as a language model writes them, run as they are, beside a network.

use crate::Effort;
use crate::descent::adam;
use crate::network;
use crate::objective::{Law, Objective};
use crate::report::{Chart, Failure, Findings, Series, Verdict, median, three_digits, times};
use dmci::Mode;
use dmci::Random;

const ROWS: usize = network::ROWS;

/// The models, as texts that nobody adapted, and the same by hand.
pub(crate) const MODELS: [Law; 15] = [
    Law {
        name: "Coulomb",
        text: "(define (model q1 q2 r) (/ (* k (* q1 q2)) (expt r 2)))",
        constants: &[("k", 1.4)],
        inputs: &[("q1", [0.5, 2.0]), ("q2", [0.5, 2.0]), ("r", [1.0, 2.0])],
        by_hand: |c, x| c[0] * (x[0] * x[1]) / x[2].powi(2),
    },
    Law {
        name: "Beer-Lambert",
        text: "(define (absorbance conc len) (* eps conc len))
               (define (model conc len) (* i0 (exp (- (absorbance conc len)))))",
        constants: &[("i0", 1.7), ("eps", 0.8)],
        inputs: &[("conc", [0.1, 2.0]), ("len", [0.5, 1.5])],
        by_hand: |c, x| c[0] * (-(c[1] * x[0] * x[1])).exp(),
    },
    Law {
        name: "Michaelis-Menten",
        text: "(define (model s) (/ (* vmax s) (+ km s)))",
        constants: &[("vmax", 2.1), ("km", 0.7)],
        inputs: &[("s", [0.1, 4.0])],
        by_hand: |c, x| c[0] * x[0] / (c[1] + x[0]),
    },
    Law {
        name: "Arrhenius",
        text: "(define gas 1.0)
               (define (model temp) (* pre (exp (/ (- ea) (* gas temp)))))",
        constants: &[("pre", 2.0), ("ea", 1.2)],
        inputs: &[("temp", [0.6, 3.0])],
        by_hand: |c, x| c[0] * (-c[1] / x[0]).exp(),
    },
    Law {
        name: "spring",
        text: "(define (model pos vel)
                 (let ((spring-force (* (- k) pos)) (damping-force (* (- c) vel)))
                   (+ spring-force damping-force)))",
        constants: &[("k", 1.8), ("c", 0.6)],
        inputs: &[("pos", [-1.0, 1.0]), ("vel", [-2.0, 2.0])],
        by_hand: |c, x| -c[0] * x[0] - c[1] * x[1],
    },
    Law {
        name: "logistic growth",
        text: "(define (model t)
                 (let ((ratio (/ (- cap p0) p0)))
                   (/ cap (+ 1 (* ratio (exp (* (- r) t)))))))",
        constants: &[("cap", 2.2), ("p0", 0.4), ("r", 1.3)],
        inputs: &[("t", [0.0, 5.0])],
        by_hand: |c, x| c[0] / (1.0 + (c[0] - c[1]) / c[1] * (-c[2] * x[0]).exp()),
    },
    Law {
        name: "power law",
        text: "(define (model x) (* a (expt x b)))",
        constants: &[("a", 1.3), ("b", 1.6)],
        inputs: &[("x", [0.2, 2.0])],
        by_hand: |c, x| c[0] * x[0].powf(c[1]),
    },
    Law {
        name: "Euler ODE",
        text: "(define (step y h) (+ y (* h (- source (* rate y)))))
               (define (model t)
                 (let loop ((i 0) (y 0.2))
                   (if (= i 20) y (loop (+ i 1) (step y (/ t 20))))))",
        constants: &[("source", 1.5), ("rate", 0.9)],
        inputs: &[("t", [0.1, 4.0])],
        by_hand: |c, x| {
            let h = x[0] / 20.0;
            (0..20).fold(0.2, |y, _| y + h * (c[0] - c[1] * y))
        },
    },
    Law {
        name: "Taylor exp",
        text: "(define (factorial n) (if (<= n 1) 1 (* n (factorial (- n 1)))))
               (define (taylor x n)
                 (if (< n 0) 0 (+ (/ (expt x n) (factorial n)) (taylor x (- n 1)))))
               (define (model x) (* a (taylor (* b x) 8)))",
        constants: &[("a", 0.9), ("b", 1.1)],
        inputs: &[("x", [0.1, 1.5])],
        by_hand: |c, x| {
            let (mut term, mut sum) = (1.0, 1.0);
            for n in 1..=8 {
                term *= c[1] * x[0] / f64::from(n);
                sum += term;
            }
            c[0] * sum
        },
    },
    Law {
        name: "smooth activation",
        text: "(define (logistic z) (/ 1.0 (+ 1.0 (exp (- z)))))
               (define (model x) (* gain x (logistic (* beta x))))",
        constants: &[("gain", 1.4), ("beta", 1.9)],
        inputs: &[("x", [-2.0, 2.0])],
        by_hand: |c, x| c[0] * x[0] / (1.0 + (-c[1] * x[0]).exp()),
    },
    Law {
        name: "recursive filter",
        text: "(define (filter-all signal state)
                 (if (null? signal)
                     state
                     (filter-all (cdr signal) (+ (* alpha (car signal)) (* (- 1 alpha) state)))))
               (define (model x)
                 (* gain (filter-all (map (lambda (k) (sin (* k x))) '(1 2 3 4 5)) 0.0)))",
        constants: &[("alpha", 0.4), ("gain", 1.6)],
        inputs: &[("x", [0.1, 1.5])],
        by_hand: |c, x| {
            let signal = (1..=5).map(|k| (f64::from(k) * x[0]).sin());
            c[1] * signal.fold(0.0, |state, u| c[0] * u + (1.0 - c[0]) * state)
        },
    },
    Law {
        name: "Newton sqrt",
        text: "(define (improve guess n) (/ (+ guess (/ n guess)) 2))
               (define (newton guess n steps)
                 (if (= steps 0) guess (newton (improve guess n) n (- steps 1))))
               (define (model x) (newton 1.0 (+ (* a x) b) 6))",
        constants: &[("a", 1.7), ("b", 0.6)],
        inputs: &[("x", [0.1, 3.0])],
        by_hand: |c, x| {
            let n = c[0] * x[0] + c[1];
            (0..6).fold(1.0, |guess, _| f64::midpoint(guess, n / guess))
        },
    },
    Law {
        name: "composed transforms",
        text: "(define (compose . fs)
                 (fold-right (lambda (f g) (lambda (x) (f (g x)))) (lambda (x) x) fs))
               (define (scale-by k) (lambda (x) (* k x)))
               (define (shift-by k) (lambda (x) (+ x k)))
               (define (model x) ((compose tanh (scale-by a) (shift-by b)) x))",
        constants: &[("a", 0.8), ("b", 0.5)],
        inputs: &[("x", [-2.0, 2.0])],
        by_hand: |c, x| (c[0] * (x[0] + c[1])).tanh(),
    },
    Law {
        name: "anomaly scorer",
        text: "(define (z-score x) (/ (abs (- x mu)) sd))
               (define (model x) (/ 1 (+ 1 (exp (- 1.5 (z-score x))))))",
        constants: &[("mu", 0.6), ("sd", 0.5)],
        inputs: &[("x", [-1.0, 2.0])],
        by_hand: |c, x| 1.0 / (1.0 + (1.5 - (x[0] - c[0]).abs() / c[1]).exp()),
    },
    Law {
        name: "Horner",
        text: "(define (horner coefficients x)
                 (fold-left (lambda (acc c) (+ (* acc x) c)) 0 coefficients))
               (define (model x) (horner (list c3 c2 c1 c0) x))",
        constants: &[("c3", 0.5), ("c2", -1.1), ("c1", 0.7), ("c0", 1.2)],
        inputs: &[("x", [-1.5, 1.5])],
        by_hand: |c, x| c.iter().fold(0.0, |sum, c| sum * x[0] + c),
    },
];

/// What one model came to.
struct Beside {
    equal: usize,
    fits: usize,
    /// Losses through the interpreter, and by the network.
    ours: Vec<f64>,
    network: Vec<f64>,
}

fn compare(law: &Law, seeds: usize, steps: usize) -> Result<Beside, Failure> {
    let columns = law.columns(ROWS);
    let mut beside = Beside {
        equal: 0,
        fits: seeds,
        ours: Vec::new(),
        network: Vec::new(),
    };
    for seed in 0..seeds as u64 {
        let mut random = Random::at(&[15, seed, law.name.len() as u64]);
        let truth = law.truth();
        // Starts are off by up to half of each constant.
        let start = truth.iter().map(|c| c * (0.5 + random.unit()));
        let start: Vec<f64> = start.collect();
        let y = law.targets(&truth, &columns);
        let mut losses = Vec::new();
        for mode in [Mode::Interpreter, Mode::Direct] {
            let mut objective = Objective::new(law, &columns, &y, mode)?;
            losses.push(adam(|c, g| objective.at(c, g), &start, 0.05, steps)?.1);
        }
        beside.equal += usize::from(losses[0].to_bits() == losses[1].to_bits());
        beside.ours.push(losses[0]);
        beside
            .network
            .push(network::fit(&columns, &y, seed, steps)?);
    }
    Ok(beside)
}

/// How far the programs are from the laws written by hand: the largest relative difference of a value.
fn off(law: &Law) -> Result<f64, Failure> {
    let columns = law.columns(ROWS);
    let truth = law.truth();
    let y = law.targets(&truth, &columns);
    let loss = Objective::new(law, &columns, &y, Mode::Interpreter)?.at(&truth, &mut [])?;
    let size = y.iter().map(|y| y * y).sum::<f64>() / y.len() as f64;
    Ok((loss / size).sqrt())
}

pub(crate) fn run(effort: Effort) -> Result<Findings, Failure> {
    let (seeds, steps) = (effort.of(5, 1), effort.of(1000, 300));
    let mut findings = Findings::new(format!(
        "Fifteen models in the styles that language models write: recursion, folds, closures, named lets. \
         {ROWS} points without noise, {seeds} starts each that are off by up to half of a constant, Adam 0.05, \
         {steps} steps, through the interpreter and through direct compilation. Beside them a network of two \
         hidden layers of 32 (dfdx), with as many steps of Adam at 0.01 on the same points."
    ));
    let mut most_off = 0.0_f64;
    for law in &MODELS {
        most_off = most_off.max(off(law)?);
    }
    findings.row(
        "models that run unchanged",
        "15 of 15",
        format!(
            "{} of 15, values off those by hand by {}",
            MODELS.len(),
            three_digits(most_off)
        ),
        Verdict::must(most_off < 1e-12),
    );
    let mut all = Vec::new();
    for law in &MODELS {
        all.push(compare(law, seeds, steps)?);
    }
    let fits: usize = all.iter().map(|beside| beside.fits).sum();
    let equal: usize = all.iter().map(|beside| beside.equal).sum();
    findings.row(
        "final losses of interpreter and direct, equal to the bit",
        "75 of 75",
        format!("{equal} of {fits}"),
        Verdict::must(equal == fits),
    );
    let ours: Vec<f64> = all.iter().map(|b| median(b.ours.clone())).collect();
    let network: Vec<f64> = all.iter().map(|b| median(b.network.clone())).collect();
    // Losses below rounding say nothing of how good a program is.
    let ratio = |(ours, network): (&f64, &f64)| network / ours.max(1e-30);
    let ratios: Vec<f64> = ours.iter().zip(&network).map(ratio).collect();
    let best = ratios.iter().copied().fold(0.0, f64::max);
    let below = ratios.iter().filter(|ratio| **ratio > 1.0).count();
    findings.row(
        "loss of the network by that of the program, most (median)",
        "4,100x",
        format!(
            "{} ({}), above 1 in {below} of 15",
            times(best),
            times(median(ratios))
        ),
        Verdict::of(
            best >= 4100.0,
            "so few steps of Adam leave the programs' constants as far off",
        ),
    );
    findings.charts.push(Chart {
        title: "B: mean squared error after as many steps of Adam, median of the starts".to_owned(),
        places: (1..=15).map(|model| model.to_string()).collect(),
        series: vec![
            Series {
                name: "program, in the order of the papers' list: Coulomb is 1, Horner 15"
                    .to_owned(),
                values: ours.iter().map(|loss| loss.max(1e-33)).collect(),
            },
            Series {
                name: "network".to_owned(),
                values: network,
            },
        ],
        logarithmic: true,
    });
    Ok(findings)
}
