//! A Jacobian by one run: each lane carries the tangents by one input.
//!
//! A trace goes in once, compiled to what all lanes share, its numbers, and what each lane does, its
//! tangents; inputs go in then, and outputs and their derivatives come out.
//!
//! **Invariants**
//! - The bits of replaying the trace and sweeping it forwards; where that cannot be told, the caller
//!   is to do so.

use super::lanes::{Columns, LaneFile, LaneInput, Sums, Which};
use super::{Failed, Program, compile};
use crate::trace::flow::{Class, Flow};
use crate::trace::forward::forward;
use crate::trace::simplify::simplify;
use crate::trace::{Ref, Trace};

/// A path compiled with its tangents.
#[derive(Debug)]
pub(crate) struct Seeded {
    pub(crate) program: Program,
    /// How many inputs derivatives are by.
    seeds: usize,
    /// A column for each of them: 1 in its own lane, 0 in others.
    units: Vec<f64>,
}

impl Seeded {
    /// Compiles a trace; none where it has operations on whole matrices.
    pub(crate) fn new(trace: &Trace, outputs: &[Ref], by: &[u32]) -> Option<Self> {
        let seeds = by.len();
        let mut classes = vec![Class::Shared; trace.inputs as usize];
        classes.resize(classes.len() + seeds, Class::Lane);
        let mut flow = Flow::new(&classes);
        let (nodes, guards) = simplify(trace, &mut flow);
        let own = (trace.inputs..).map(Ref::node);
        let own: Vec<(u32, Ref)> = by.iter().copied().zip(own).collect();
        let tangents = forward(trace, &nodes, &own, &mut flow)?;
        let zero = flow.constant(0.0);
        let [mut values, mut derivatives] = [Vec::new(), Vec::new()];
        for output in outputs {
            let tangent = output.as_node().and_then(|node| tangents[node as usize]);
            values.push(trace.in_flow(*output, &nodes, &mut flow));
            derivatives.push(tangent.unwrap_or(zero));
        }
        let results = [values.as_slice(), &derivatives];
        let program = compile(&flow, &guards, results, false, trace.guards.len());
        let mut units = vec![0.0; seeds * seeds];
        units.iter_mut().step_by(seeds + 1).for_each(|x| *x = 1.0);
        Some(Self {
            program,
            seeds,
            units,
        })
    }

    /// Runs the path: its outputs go to `outputs`, and to the rows of `jacobian` their derivatives.
    /// Tells whether these are what a sweep gives.
    ///
    /// # Errors
    /// When a guard fails.
    pub(crate) fn run(
        &self,
        inputs: &[f64],
        outputs: &mut Vec<f64>,
        jacobian: Vec<&mut [f64]>,
        file: &mut LaneFile,
    ) -> Result<bool, Failed> {
        let shared = inputs.iter().map(|&x| LaneInput::Shared(x));
        let own = self.units.chunks(self.seeds).map(LaneInput::Each);
        let inputs: Vec<LaneInput<'_>> = shared.chain(own).collect();
        let program = &self.program;
        program.begin(&inputs, file);
        let mut columns = Columns {
            first: 0,
            outputs: program.outputs.iter().map(|_| Default::default()).collect(),
            derivatives: jacobian,
        };
        let mut failed = Vec::new();
        program.run_lanes(
            &inputs,
            Which::Range(0, self.seeds),
            &mut columns,
            &mut Sums::default(),
            &mut failed,
            &|| false,
            file,
        );
        // Guards are on numbers that lanes share.
        if let Some(lane) = failed.first() {
            return Err(lane.failed);
        }
        outputs.clear();
        outputs.extend(program.outputs.iter().map(|&place| file.at(place)));
        let mut all = columns.derivatives.iter().flat_map(|row| row.iter());
        Ok(all.all(|x| !x.is_nan()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::bindings::Bindings;
    use crate::model::interpreter::{Interpreter, Mode};
    use crate::trace::tangents::Tangents;
    use crate::walk::Limits;
    use crate::{Workspace, model::Recorded};

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
                        .jacobian(&values, &by, &outputs, &mut tangents, &mut swept);
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
            let mut evaluate = |model: &crate::Model, inputs: &Bindings| {
                let wrt = crate::Wrt::Names(&["a", "b"]);
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
}
