//! Programs as layers over one vector or matrix, and over batches: the same bits as rows one at a time.

use dfdx::nn::Module;
use dfdx::shapes::{Const, Dtype, Rank0, Rank1, Rank2};
use dfdx::tensor::{AsArray, Cpu, SampleTensor, Tensor, TensorFrom, TensorFromVec, Trace};
use dfdx::tensor_ops::{Backward, Device, PermuteTo, SumTo};
use dmci::dfdx::{ModuleError, ProgramModule, RowInputs};
use dmci::{Bindings, Input, Interpreter, Kind, Limits, Model, Relaxation, Workspace, Wrt};

/// Two outputs, three paths, and constants of which one has a range.
const PROGRAM: &str = "
(param gain 1.5)
(param knee 0.4 (> 0))
(define s (vsum v))
(define bent
  (if (< s (- knee)) (list s) (if (> s knee) (list (* 2 s)) (list (* s s)))))
[(* gain (car bent)) (vsum (tanh (* knee v)))]";

const WIDTH: usize = 5;

type Wide<E> = ProgramModule<WIDTH, 2, 2, E>;

fn module<const I: usize, const O: usize, const P: usize, E: Dtype>(
    text: &str,
    inputs: RowInputs<'_, I>,
) -> ProgramModule<I, O, P, E>
where
    Cpu: Device<E>,
{
    ProgramModule::compile(&Cpu::default(), &Interpreter::embedded(), text, inputs).unwrap()
}

fn numbers(count: usize) -> Vec<f64> {
    let number = |i: usize| ((i * 7919 + 13) % 1009) as f64 / 504.5 - 1.0;
    (0..count).map(number).collect()
}

/// What the model alone says of a row: values, and the gradients by the input and the constants that
/// cotangents come to.
fn expected(
    model: &Model,
    x: &[f64],
    values: &[f64],
    cts: &[f64],
) -> (Vec<f64>, Vec<f64>, [f64; 2]) {
    let mut bindings = Bindings::from([("v", Input::from(x))]);
    bindings.set("gain", values[0]).set("knee", values[1]);
    let wrt = Wrt::Names(&["v", "gain", "knee"]);
    let (value, slopes) = model
        .value_and_grad(&bindings, wrt, &mut Workspace::new())
        .unwrap();
    let pulled = |name: &str, width: usize| {
        let rows = slopes.jacobian(name).unwrap().chunks(width);
        let mut sums = vec![0.0; width];
        for (row, ct) in rows.zip(cts) {
            for (sum, slope) in sums.iter_mut().zip(row) {
                *sum += ct * slope;
            }
        }
        sums
    };
    let constants = [pulled("gain", 1)[0], pulled("knee", 1)[0]];
    (value.numbers().collect(), pulled("v", x.len()), constants)
}

#[test]
fn batches_of_vectors_have_the_bits_of_rows() {
    let module: Wide<f64> = module(PROGRAM, RowInputs::Vector("v"));
    let device = Cpu::default();
    let model = Interpreter::embedded().model(PROGRAM).unwrap();
    let (values, slope) = (module.values(), slope_of_knee(&module));
    for count in [1, 3, 15, 16, 33, 100, 1500] {
        let x = numbers(count * WIDTH);
        let cts: Vec<f64> = numbers(count * 2).iter().map(|x| x + 0.25).collect();
        let input = device.tensor_from_vec(x.clone(), (count, Const::<WIDTH>));
        let weights = device.tensor_from_vec(cts.clone(), (count, Const::<2>));
        let alone = module.forward(input.clone()).as_vec();
        let output = module.forward(input.leaky_trace());
        let found = output.as_vec();
        let grads = (output * weights).sum::<Rank0, _>().backward();
        let by_input = grads.get(&input).as_vec();
        let mut sums = [0.0; 2];
        for row in 0..count {
            let x = &x[row * WIDTH..(row + 1) * WIDTH];
            let (value, by_x, by_constants) =
                expected(&model, x, &values, &cts[row * 2..row * 2 + 2]);
            assert_eq!(found[row * 2..row * 2 + 2], value, "row {row} of {count}");
            assert_eq!(by_input[row * WIDTH..(row + 1) * WIDTH], by_x);
            // By its coordinate: the derivative of exp.
            let slopes = [1.0, slope];
            for ((sum, ct), slope) in sums.iter_mut().zip(by_constants).zip(slopes) {
                *sum += ct * slope;
            }
        }
        assert_eq!(alone, found);
        assert_eq!(grads.get(&module.constants).array(), sums);
    }
}

/// The slope of `knee` by its coordinate, as the module has it.
fn slope_of_knee(module: &Wide<f64>) -> f64 {
    let z = module.constants.array()[1];
    let model = Interpreter::embedded().model("(exp z)").unwrap();
    let value = model.value(&Bindings::from([("z", z)]), &mut Workspace::new());
    value.unwrap().number().unwrap()
}

#[test]
fn a_vector_is_its_numbers_by_name() {
    let names = ["a", "b", "c", "d", "e"];
    let by_name = format!("(define v (vec a b c d e)) {PROGRAM}");
    let by_name: Wide<f32> = module(&by_name, names.into());
    let vector: Wide<f32> = module(PROGRAM, RowInputs::Vector("v"));
    let device = Cpu::seed_from_u64(3);
    for rows in [2, 40] {
        let x = device.sample_normal_like(&(rows, Const::<WIDTH>));
        let results = [&by_name, &vector].map(|module| {
            let y = module.forward(x.leaky_trace());
            let values = y.as_vec();
            let grads = y.square().sum::<Rank0, _>().backward();
            (
                values,
                grads.get(&x).as_vec(),
                grads.get(&module.constants).array(),
            )
        });
        assert_eq!(results[0], results[1]);
    }
}

#[test]
fn a_matrix_is_read_row_by_row() {
    let inputs = RowInputs::Matrix { name: "m", rows: 2 };
    let second: ProgramModule<6, 3, 0, f64> = module("(ref m 1)", inputs);
    let x: Tensor<Rank1<6>, f64, _> = Cpu::default().tensor([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    assert_eq!(second.forward(x.clone()).array(), [4.0, 5.0, 6.0]);
    let y = second.forward(x.leaky_trace());
    let grads = y.sum::<Rank0, _>().backward();
    assert_eq!(grads.get(&x).array(), [0.0, 0.0, 0.0, 1.0, 1.0, 1.0]);
}

#[test]
fn rows_laid_out_otherwise_are_the_same_rows() {
    let sum: ProgramModule<3, 1, 0, f64> = module("(dot v [1 10 100])", RowInputs::Vector("v"));
    let device = Cpu::seed_from_u64(8);
    let columns: Tensor<Rank2<3, 20>, f64, _> = device.sample_normal();
    let rows: Tensor<Rank2<20, 3>, f64, _, _> = columns.leaky_trace().permute();
    let y = sum.forward(rows);
    let x = columns.array();
    for (row, [y]) in y.array().into_iter().enumerate() {
        assert_eq!(y, x[0][row] * 1.0 + x[1][row] * 10.0 + x[2][row] * 100.0);
    }
    let grads = y.sum::<Rank0, _>().backward();
    let by = grads.get(&columns).array();
    assert_eq!(by, [[1.0; 20], [10.0; 20], [100.0; 20]]);
}

#[test]
fn an_output_that_is_not_used_contributes_nothing_in_a_batch() {
    // At 0 the second output's derivatives are infinite.
    let text = "(param k 2.0) (list (* k (vsum v)) (* k (sqrt (ref v 0))))";
    let module: ProgramModule<2, 2, 1, f64> = module(text, RowInputs::Vector("v"));
    let device = Cpu::default();
    let x: Tensor<Rank2<50, 2>, f64, _> = device.tensor([[0.0, 1.0]; 50]);
    let weights: Tensor<Rank2<50, 2>, f64, _> = device.tensor([[1.0, 0.0]; 50]);
    let y = module.forward(x.leaky_trace());
    let grads = (y * weights).sum::<Rank0, _>().backward();
    assert_eq!(grads.get(&x).array(), [[2.0, 2.0]; 50]);
    assert_eq!(grads.get(&module.constants).array(), [50.0]);
}

#[test]
fn faults_of_a_batch_name_the_first_row() {
    let text =
        "(param k 1.0)\n(if (> (ref v 0) 2) (car v) (if (< (ref v 0) -2) 'low (* k (vsum v))))";
    let module: ProgramModule<2, 1, 1, f64> = module(text, RowInputs::Vector("v"));
    let device = Cpu::default();
    let refused = |faults: &[(usize, f64)]| {
        let mut x = vec![0.5; 60];
        for (row, number) in faults {
            x[row * 2] = *number;
        }
        let x = device.tensor_from_vec(x, (30, Const::<2>));
        module.try_forward(x.leaky_trace()).unwrap_err()
    };
    let error = refused(&[(21, 5.0), (25, -5.0)]);
    assert!(
        matches!(&error, ModuleError::Row { row: 21, error, position: Some(place) }
            if error.kind() == Kind::Type && (place.line, place.column) == (2, 21)),
        "{error}"
    );
    let error = refused(&[(29, 3.0), (17, -3.0)]);
    let message = "row 17: the program's value is low, and the module gives a number";
    assert_eq!(error.to_string(), message);
    // The module goes on.
    let x = device.tensor_from_vec(vec![0.5; 40], (20, Const::<2>));
    assert_eq!(module.forward(x).as_vec(), [1.0; 20]);
}

#[test]
fn what_is_kept_between_calls_is_of_the_limits_and_relaxation_of_now() {
    let text = "(soft-choice ((vsum v) 0) [1 0])";
    let mut module: ProgramModule<2, 1, 0, f64> = module(text, RowInputs::Vector("v"));
    let x: Tensor<Rank2<20, 2>, f64, _> = Cpu::default().tensor([[1.0, 2.0]; 20]);
    let soft = module.forward(x.clone()).array();
    module.relax(Relaxation::default().hard(true)).unwrap();
    let hard = module.forward(x.clone()).array();
    assert!(soft[0][0] < 2.9 && hard == [[3.0]; 20], "{soft:?} {hard:?}");
    let module = module.with_limits(Limits::default().fuel(1));
    let error = module.try_forward(x).unwrap_err();
    assert!(matches!(&error, ModuleError::Row { row: 0, error, .. }
        if error.kind() == Kind::Resource));
}

#[test]
fn arrays_that_do_not_fit_are_refused() {
    let (device, interpreter) = (Cpu::default(), Interpreter::embedded());
    let refused = |text: &str, inputs: RowInputs<'_, 6>| {
        let module: Result<ProgramModule<6, 1, 0, f64>, _> =
            ProgramModule::compile(&device, &interpreter, text, inputs);
        match module {
            Err(ModuleError::Request(message)) => message,
            other => panic!("{other:?}"),
        }
    };
    for rows in [0, 4] {
        let message = refused("(vsum m)", RowInputs::Matrix { name: "m", rows });
        assert_eq!(
            message,
            format!("6 numbers are no matrix `m` of {rows} rows")
        );
    }
    let message = refused("(* x (vsum v))", RowInputs::Vector("v"));
    let left = "the program's input `x` is no row input, no constant and not fixed";
    assert_eq!(message, left);
    let none: Result<ProgramModule<0, 1, 0, f64>, _> =
        ProgramModule::compile(&device, &interpreter, "1", RowInputs::Vector("v"));
    assert!(matches!(none, Err(ModuleError::Request(_))));
    let model = interpreter.model("(dot v w)").unwrap();
    let fixed = Bindings::from([("v", [1.0, 2.0]), ("w", [3.0, 4.0])]);
    let twice: Result<ProgramModule<2, 1, 0, f64>, _> =
        ProgramModule::with_constants(&device, &model, RowInputs::Vector("v"), [], &fixed);
    assert!(matches!(twice, Err(ModuleError::Request(m)) if m == "`v` is given twice"));
    let fixed = Bindings::from([("w", [3.0, 4.0])]);
    let fits: ProgramModule<2, 1, 0, f64> =
        ProgramModule::with_constants(&device, &model, RowInputs::Vector("v"), [], &fixed).unwrap();
    let x: Tensor<Rank1<2>, f64, _> = device.tensor([1.0, 2.0]);
    assert_eq!(fits.forward(x).array(), [11.0]);
}
