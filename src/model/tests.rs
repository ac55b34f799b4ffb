//! Programs at numbers that are easy to get wrong: compiled paths and lanes of tangents have the bits
//! of sweeps through the trace as it is.

use super::bindings::{Bindings, Wrt};
use super::interpreter::{Interpreter, Mode};
use super::{Model, Recorded};
use crate::Workspace;
use crate::trace::Ref;
use crate::trace::routine::lanes::LaneFile;
use crate::trace::routine::seeds::Seeded;
use crate::trace::tangents::Tangents;
use crate::walk::Limits;

/// Lists that are longer than there are inputs `a` and `b`.
const PROGRAMS: [&str; 8] = [
    "(list (* a b) (+ a b) (/ a b) (- a))",
    "(list (exp (* a (sin b))) (sqrt a) (log (abs b)) 3.0 a (- 0 (* b b)))",
    // The derivative by b is none of the pole's business.
    "(list (sqrt (if (> a 0) a 0)) (* b (sqrt a)) (expt a 0.5) (atan a b) (max a b))",
    "(define (f x) (if (> x 0) (log x) (* 2 x)))
     (list (f a) (f b) (f (* a b)) (/ (f a) (if (< b 0) b 1)))",
    "(let go ((i 0) (x a) (y b) (all '()))
       (if (= i 30) all
         (go (+ i 1) (+ x (* 0.01 (- x (* x y)))) (+ y (* 0.01 (- (* x y) y))) (cons x all))))",
    "(if (> a b) (list a (* a a) (* b b)) (list b (min a b) (abs a)))",
    "(list (* 0 a) (* -1 (* 0 b)) (- (* a 0) (* b 0)) (round a) (modulo a 3))",
    "(list 1 2 3)",
];

const NUMBERS: [f64; 9] = [
    0.0,
    -0.0,
    1.5,
    -2.25,
    1e-300,
    1e200,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::NAN,
];

fn recorded(source: &str, inputs: &Bindings, workspace: &mut Workspace) -> Option<Recorded> {
    let model = Interpreter::embedded()
        .model_for(source, inputs, Mode::Direct)
        .expect("the program can be prepared");
    model
        .record(inputs, &["a", "b"], &Limits::default(), workspace)
        .ok()
}

/// Bits, all NaNs alike.
fn bits(numbers: &[f64]) -> Vec<u64> {
    let bits = |x: &f64| if x.is_nan() { u64::MAX } else { x.to_bits() };
    numbers.iter().map(bits).collect()
}

#[test]
fn seeds_in_lanes_have_the_bits_of_a_sweep() {
    let (mut exact, mut others) = (0, 0);
    for source in PROGRAMS {
        let mut workspace = Workspace::new();
        let start = Bindings::from([("a", 1.25), ("b", 0.75)]);
        let recorded = recorded(source, &start, &mut workspace).expect("the program runs");
        let path = &recorded.path;
        let outputs: Vec<Ref> = path.leaves.iter().copied().flatten().collect();
        let by: Vec<u32> = (0..path.trace.inputs).collect();
        let seeded = Seeded::new(&path.trace, &outputs, &by).expect("there are no matrices");
        let (mut file, mut numbers) = (LaneFile::default(), Vec::new());
        for x in NUMBERS {
            for y in NUMBERS {
                let inputs = [x, y];
                let mut jacobian = vec![0.5; outputs.len() * 2];
                let rows = jacobian.chunks_mut(2).collect();
                let done = seeded.run(&inputs, &mut numbers, rows, &mut file);
                let mut values = Vec::new();
                let replayed = path.trace.replay(&inputs, &mut values);
                let Ok(is_exact) = done else {
                    assert!(replayed.is_err(), "{source} at {inputs:?}");
                    continue;
                };
                assert!(replayed.is_ok(), "{source} at {inputs:?}");
                let expected: Vec<f64> = outputs
                    .iter()
                    .map(|&r| path.trace.number(r, &values))
                    .collect();
                assert_eq!(bits(&numbers), bits(&expected), "{source} at {inputs:?}");
                if !is_exact {
                    others += 1;
                    continue;
                }
                exact += 1;
                let mut swept = vec![0.0; jacobian.len()];
                let mut tangents = Tangents::default();
                path.trace
                    .jacobian(&values, &by, &outputs, &|| false, &mut tangents, &mut swept);
                assert_eq!(bits(&jacobian), bits(&swept), "{source} at {inputs:?}");
            }
        }
    }
    assert!(exact > 200 && others > 20, "{exact} {others}");
}

#[test]
fn replays_have_the_same_bits_before_and_after_they_are_compiled() {
    for source in PROGRAMS {
        let start = Bindings::from([("a", 1.25), ("b", 0.75)]);
        let prepare = || {
            let model = Interpreter::embedded().model_for(source, &start, Mode::Interpreter);
            model.expect("the program can be prepared")
        };
        let model = prepare();
        let mut workspace = Workspace::new();
        let mut evaluate = |model: &Model, inputs: &Bindings| {
            let wrt = Wrt::Names(&["a", "b"]);
            let all = model.evaluate(inputs, wrt, &Limits::default(), &mut workspace);
            let all = all.expect("the program runs");
            let of = |name| all.gradient.jacobian(name).unwrap_or_default().to_vec();
            let values: Vec<f64> = all.value.numbers().collect();
            [bits(&values), bits(&of("a")), bits(&of("b"))]
        };
        for _ in 0..12 {
            evaluate(&model, &start);
        }
        for x in NUMBERS {
            for y in NUMBERS {
                let inputs = Bindings::from([("a", x), ("b", y)]);
                let fresh = prepare();
                assert_eq!(
                    evaluate(&model, &inputs),
                    evaluate(&fresh, &inputs),
                    "{source} at {x}, {y}"
                );
            }
        }
    }
}
