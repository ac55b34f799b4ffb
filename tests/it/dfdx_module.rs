//! Programs as layers of dfdx networks: training, gradients, files, errors; params by name.

use dfdx::losses::mse_loss;
use dfdx::nn::builders::Linear;
use dfdx::nn::{
    BuildModule, DeviceBuildExt, Module, ModuleMut, NumParams, RecursiveWalker, ResetParams,
    TensorCollection, TensorOptions, TensorVisitor, ToDtype, ViewTensorMut, ViewTensorRef,
    ZeroGrads,
};
use dfdx::optim::{Adam, AdamConfig, Optimizer, Sgd, SgdConfig};
use dfdx::shapes::{Const, Dtype, HasShape, Rank0, Rank1, Rank2, Shape};
use dfdx::tensor::{AsArray, Cpu, CpuError, Gradients, NoneTape, OwnedTape, Tensor, TensorFrom};
use dfdx::tensor::{SampleTensor, SplitTape, TensorFromVec, Trace, ZerosTensor};
use dfdx::tensor_ops::{Backward, BroadcastTo, Device, PermuteTo, SelectTo, SumTo};
use dmci::dfdx::{Layer, ModuleError, ParamSet, ProgramModule, TensorFiles};
use dmci::syntax::Constraint;
use dmci::{Bindings, Input, Interpreter, Limits, Relaxation, Workspace, Wrt};
use std::path::PathBuf;

/// Branches, a loop whose length depends on the numbers, and a param with two ends. Everything is
/// continuous, so that differences may straddle a kink.
const PROGRAM: &str = "
(param gain 1.5)
(param leak 0.3 (between 0 1))
(param knee 0.8 (> 0))
(define (settle x n)
  (if (= n 0) x (settle (- x (* leak (- x (tanh (* gain x))))) (- n 1))))
(define (reflect x)
  (cond ((> x knee) (reflect (- (* 2 knee) x)))
        ((< x (- knee)) (reflect (- (* -2 knee) x)))
        (else x)))
(define (soft x) (if (> x 0) (log (+ 1 x)) (* leak x)))
(list (reflect (settle (+ (* 3 a) (* b c)) 3))
      (* gain (soft (- c d))))";

type Program<E> = ProgramModule<4, 2, 3, E>;

fn program<E: Dtype>() -> Program<E>
where
    Cpu: Device<E>,
{
    let names = ["a", "b", "c", "d"];
    Program::compile(&Cpu::default(), &Interpreter::embedded(), PROGRAM, names).unwrap()
}

fn compile<const I: usize, const O: usize, const P: usize>(
    text: &str,
    names: [&str; I],
) -> ProgramModule<I, O, P, f64> {
    ProgramModule::compile(&Cpu::default(), &Interpreter::embedded(), text, names).unwrap()
}

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// The numbers of a collection, in order.
fn numbers<E: Dtype, M: TensorCollection<E, Cpu>>(collection: &M) -> Vec<f64>
where
    Cpu: Device<E>,
{
    struct Read(Vec<f64>);
    impl<E: Dtype> TensorVisitor<E, Cpu> for Read
    where
        Cpu: Device<E>,
    {
        type Viewer = ViewTensorRef;
        type Err = CpuError;
        type E2 = E;
        type D2 = Cpu;
        fn visit<S: Shape>(
            &mut self,
            _: TensorOptions<S, E, Cpu>,
            tensor: &Tensor<S, E, Cpu>,
        ) -> Result<Option<Tensor<S, E, Cpu>>, CpuError> {
            let numbers = tensor.as_vec().into_iter();
            self.0.extend(numbers.map(|x| x.to_f64().unwrap()));
            Ok(None)
        }
    }
    let mut read = Read(Vec::new());
    let walked = M::iter_tensors(&mut RecursiveWalker {
        m: collection,
        f: &mut read,
    });
    walked.unwrap();
    read.0
}

/// The gradients of a collection, in the same order; tensor after tensor.
fn gradients<E: Dtype, M: TensorCollection<E, Cpu>>(
    collection: &M,
    gradients: &Gradients<E, Cpu>,
) -> Vec<Vec<f64>>
where
    Cpu: Device<E>,
{
    struct Read<'g, E: Dtype>(&'g Gradients<E, Cpu>, Vec<Vec<f64>>)
    where
        Cpu: Device<E>;
    impl<E: Dtype> TensorVisitor<E, Cpu> for Read<'_, E>
    where
        Cpu: Device<E>,
    {
        type Viewer = ViewTensorRef;
        type Err = CpuError;
        type E2 = E;
        type D2 = Cpu;
        fn visit<S: Shape>(
            &mut self,
            _: TensorOptions<S, E, Cpu>,
            tensor: &Tensor<S, E, Cpu>,
        ) -> Result<Option<Tensor<S, E, Cpu>>, CpuError> {
            let numbers = self.0.get(tensor).as_vec().into_iter();
            self.1.push(numbers.map(|x| x.to_f64().unwrap()).collect());
            Ok(None)
        }
    }
    let mut read = Read(gradients, Vec::new());
    let walked = M::iter_tensors(&mut RecursiveWalker {
        m: collection,
        f: &mut read,
    });
    walked.unwrap();
    read.1
}

/// Gives a collection other numbers.
fn assign<M: TensorCollection<f64, Cpu>>(collection: &mut M, numbers: &[f64]) {
    struct Write<'n>(&'n [f64]);
    impl TensorVisitor<f64, Cpu> for Write<'_> {
        type Viewer = ViewTensorMut;
        type Err = CpuError;
        type E2 = f64;
        type D2 = Cpu;
        fn visit<S: Shape>(
            &mut self,
            _: TensorOptions<S, f64, Cpu>,
            tensor: &mut Tensor<S, f64, Cpu>,
        ) -> Result<Option<Tensor<S, f64, Cpu>>, CpuError> {
            let (own, rest) = self.0.split_at(tensor.shape().num_elements());
            tensor.copy_from(own);
            self.0 = rest;
            Ok(None)
        }
    }
    let walked = M::iter_tensors(&mut RecursiveWalker {
        m: collection,
        f: &mut Write(numbers),
    });
    walked.unwrap();
}

/// The largest error of `found` against `expected`, relative to the number, or to a hundredth of
/// its tensor's largest where the number is smaller than that.
fn largest_error(found: &[Vec<f64>], expected: &[f64]) -> f64 {
    let mut expected = expected.iter();
    let mut largest: f64 = 0.0;
    for tensor in found {
        let truth: Vec<f64> = expected.by_ref().take(tensor.len()).copied().collect();
        let floor = truth.iter().fold(0.0_f64, |max, x| max.max(x.abs())) * 1e-2;
        for (found, truth) in tensor.iter().zip(&truth) {
            largest = largest.max((found - truth).abs() / truth.abs().max(floor));
        }
    }
    largest
}

/// Derivatives of a network's loss by central differences with one step of extrapolation.
macro_rules! differences {
    ($network:expr, $loss:expr) => {{
        let mut network = $network.clone();
        let center = numbers(&network);
        let mut by = |index: usize, step: f64| {
            let mut at = center.clone();
            let mut loss = |delta: f64| {
                at[index] = center[index] + delta;
                assign(&mut network, &at);
                $loss(&network)
            };
            (loss(step) - loss(-step)) / (2.0 * step)
        };
        let derivative = |index| {
            let (coarse, fine) = (by(index, 2e-4), by(index, 1e-4));
            fine + (fine - coarse) / 3.0
        };
        (0..center.len()).map(derivative).collect::<Vec<f64>>()
    }};
}

/// Everything about Linear, program, Linear, in numbers of one type.
macro_rules! network_tests {
    ($float:ident, tolerance $tolerance:expr) => {
        mod $float {
            use super::*;

            type E = $float;
            type Network = (
                Layer<dfdx::nn::modules::Linear<3, 4, E, Cpu>>,
                Program<E>,
                Layer<dfdx::nn::modules::Linear<2, 1, E, Cpu>>,
            );

            fn network(seed: u64) -> Network {
                let device = Cpu::seed_from_u64(seed);
                (
                    device.build_module::<Layer<Linear<3, 4>>, E>(),
                    program::<E>(),
                    device.build_module::<Layer<Linear<2, 1>>, E>(),
                )
            }

            fn data() -> (Tensor<Rank2<32, 3>, E, Cpu>, Tensor<Rank2<32, 1>, E, Cpu>) {
                let device = Cpu::seed_from_u64(7);
                let x: Tensor<Rank2<32, 3>, E, _> = device.sample_normal();
                let y = x.array().map(|[p, q, r]| [(p - 0.5 * q).tanh() + 0.3 * r]);
                (x, device.tensor(y))
            }

            #[test]
            fn trains() {
                let mut network = network(1);
                let (x, y) = data();
                let config = AdamConfig {
                    lr: 0.02,
                    ..AdamConfig::default()
                };
                let mut adam = Adam::new(&network, config);
                let mut losses = Vec::new();
                for _ in 0..400 {
                    let predicted = network.forward_mut(x.trace(network.alloc_grads()));
                    let loss = mse_loss(predicted, y.clone());
                    losses.push(loss.array());
                    let gradients = loss.backward();
                    adam.update(&mut network, &gradients).unwrap();
                }
                let (first, last) = (losses[0], losses[losses.len() - 1]);
                assert!(last < 0.1 * first, "{first} {last}");
                assert!(network.1.values() != program::<E>().values());
            }

            #[test]
            fn all_gradients_agree_with_differences() {
                for seed in 1..4 {
                    let network = network(seed);
                    let (x, y) = data();
                    let predicted = network.forward(x.trace(network.alloc_grads()));
                    let grads = mse_loss(predicted, y.clone()).backward();
                    let found = gradients(&network, &grads);
                    assert_eq!(
                        found.iter().map(Vec::len).sum::<usize>(),
                        12 + 4 + 3 + 2 + 1
                    );
                    let wide = network.to_dtype::<f64>();
                    let (x, y) = (x.to_dtype::<f64>(), y.to_dtype::<f64>());
                    let expected = differences!(wide, |network: &_| {
                        mse_loss(Module::forward(network, x.clone()), y.clone()).array()
                    });
                    assert!(expected.iter().all(|&x| x != 0.0));
                    let error = largest_error(&found, &expected);
                    assert!(error < $tolerance, "seed {seed}: {error:e}");
                }
            }

            #[test]
            fn files_bring_back_every_bit() {
                let mut saved = network(3);
                saved.1.set("knee", 0.25).unwrap();
                saved.1.set("leak", 0.9).unwrap();
                let path = file(concat!("network-", stringify!($float), ".safetensors"));
                saved.save_safetensors(&path).unwrap();
                let mut loaded = network(4);
                let x: Tensor<Rank1<3>, E, _> = Cpu::default().tensor([0.3, -0.8, 1.7]);
                let y = saved.forward(x.clone()).array();
                assert_ne!(y, loaded.forward(x.clone()).array());
                loaded.load_safetensors(&path).unwrap();
                assert_eq!(numbers(&saved), numbers(&loaded));
                assert_eq!(saved.1.values(), loaded.1.values());
                assert_eq!(y, loaded.forward(x.clone()).array());
                let path = file(concat!("network-", stringify!($float), ".npz"));
                saved.save_npz(&path).unwrap();
                let mut loaded = network(5);
                loaded.load_npz(&path).unwrap();
                assert_eq!(y, loaded.forward(x).array());
            }

            /// Its features `safetensors` and `numpy` wrote them.
            #[test]
            fn files_that_dfdx_wrote_are_read() {
                let name = concat!("tests/dfdx/network-", stringify!($float));
                let old = |kind: &str| PathBuf::from(format!("{name}.{kind}"));
                let (mut one, mut other) = (network(4), network(5));
                one.load_safetensors(old("safetensors")).unwrap();
                other.load_npz(old("npz")).unwrap();
                assert_eq!(numbers(&one), numbers(&other));
                assert_ne!(numbers(&one), numbers(&network(4)));
                assert_eq!(one.1.value("knee"), other.1.value("knee"));
                assert!((one.1.value("knee").unwrap() - 0.25).abs() < 1e-6);
                let path = file(concat!("again-", stringify!($float), ".safetensors"));
                one.save_safetensors(&path).unwrap();
                assert_eq!(
                    std::fs::read(path).unwrap(),
                    std::fs::read(old("safetensors")).unwrap()
                );
            }

            #[test]
            fn a_batch_is_its_rows() {
                let module = program::<E>();
                let device = Cpu::seed_from_u64(11);
                let x: Tensor<Rank2<9, 4>, E, _> = device.sample_normal();
                let weights: Tensor<Rank2<9, 2>, E, _> = device.sample_normal();
                let batch = module.forward(x.clone());
                let traced = module.forward(x.leaky_trace());
                assert_eq!(traced.array(), batch.array());
                let grads = (traced * weights.clone()).sum::<Rank0, _>().backward();
                let by_x = grads.get(&x).array();

                let model = Interpreter::embedded();
                let names = ["a", "b", "c", "d"];
                let given = Bindings::from(names.map(|name| (name, 0.0)));
                let model = model
                    .model_for(PROGRAM, &given, dmci::Mode::Interpreter)
                    .unwrap();
                let mut workspace = Workspace::new();
                let mut by_constants = [0.0; 3];
                for (row, (numbers, weights)) in x.array().iter().zip(weights.array()).enumerate() {
                    let single: Tensor<Rank1<4>, E, _> = device.tensor(*numbers);
                    let weight: Tensor<Rank1<2>, E, _> = device.tensor(weights);
                    let y = module.forward(single.leaky_trace());
                    assert_eq!(y.array(), batch.array()[row]);
                    let grads = (y * weight).sum::<Rank0, _>().backward();
                    assert_eq!(grads.get(&single).array(), by_x[row]);

                    // The constants, from the model: f64, row after row, rounded once.
                    let mut inputs = given.clone();
                    for (name, &number) in names.iter().zip(numbers) {
                        inputs.set(*name, f64::from(number));
                    }
                    for (name, value) in module.constant_names().zip(module.values()) {
                        inputs.set(name, value);
                    }
                    let names = ["gain", "leak", "knee"];
                    let (_, slopes) = model
                        .value_and_grad(&inputs, Wrt::Names(&names), &mut workspace)
                        .unwrap();
                    for ((sum, name), z) in
                        by_constants.iter_mut().zip(names).zip(slopes_at(&module))
                    {
                        let slopes = slopes.jacobian(name).unwrap();
                        let mut ct = 0.0;
                        for (weight, slope) in weights.iter().zip(slopes) {
                            ct += f64::from(*weight) * slope;
                        }
                        *sum += ct * z;
                    }
                }
                let found = grads.get(&module.constants).array().map(f64::from);
                for (found, expected) in found.iter().zip(by_constants) {
                    let error = (found - expected).abs() / expected.abs();
                    assert!(error <= $tolerance * 1e-3, "{found} {expected}");
                }
            }

            /// The slopes of gain, leak and knee, by the formulas of their ranges.
            fn slopes_at(module: &Program<E>) -> [f64; 3] {
                let [_, leak, knee] = <[f64; 3]>::try_from(module.values()).unwrap();
                [1.0, leak * (1.0 - leak), knee]
            }
        }
    };
}

network_tests!(f32, tolerance 1e-4);
network_tests!(f64, tolerance 1e-8);

#[test]
fn values_are_those_of_the_model_to_the_bit() {
    let module = program::<f64>();
    let x = [0.7, -1.3, 2.9, 0.1];
    let bindings: Bindings = ["a", "b", "c", "d"].into_iter().zip(x).collect();
    let interpreter = Interpreter::embedded();
    let mode = dmci::Mode::Direct;
    let model = interpreter.model_for(PROGRAM, &bindings, mode).unwrap();
    let expected = model.value(&bindings, &mut Workspace::new()).unwrap();
    let expected: Vec<f64> = expected.numbers().collect();
    let x: Tensor<Rank1<4>, f64, _> = Cpu::default().tensor(x);
    // The params' initial values survive the way through their coordinates here.
    assert_eq!(module.values(), [1.5, 0.3, 0.8]);
    assert_eq!(module.forward(x.clone()).array().to_vec(), expected);
    assert_eq!(module.forward(x.leaky_trace()).array().to_vec(), expected);
}

#[test]
fn gradients_of_constants_in_a_batch_are_those_of_accumulated_rows() {
    let module = program::<f64>();
    let device = Cpu::seed_from_u64(5);
    let x: Tensor<Rank2<6, 4>, f64, _> = device.sample_normal();
    let batch = module.forward(x.leaky_trace()).sum::<Rank0, _>().backward();
    let mut grads = module.alloc_grads();
    for numbers in x.array() {
        let row: Tensor<Rank1<4>, f64, _> = device.tensor(numbers);
        grads = module
            .forward(row.traced(grads))
            .sum::<Rank0, _>()
            .backward();
    }
    let (batch, rows) = (batch.get(&module.constants), grads.get(&module.constants));
    assert_eq!(
        batch.array().map(f64::to_bits),
        rows.array().map(f64::to_bits)
    );
}

#[test]
fn batches_of_a_size_known_at_run_time() {
    let module = compile::<2, 1, 1>("(param k 2.0) (* k (- x y))", ["x", "y"]);
    let device = Cpu::default();
    let x = device.tensor_from_vec(vec![1.0, 0.0, 5.0, 2.0, 0.0, 1.0], (3, Const::<2>));
    let y = module.forward(x.leaky_trace());
    assert_eq!(*y.shape(), (3, Const::<1>));
    assert_eq!(y.as_vec(), [2.0, 6.0, -2.0]);
    let grads = y.sum::<Rank0, _>().backward();
    assert_eq!(grads.get(&x).as_vec(), [2.0, -2.0, 2.0, -2.0, 2.0, -2.0]);
    assert_eq!(grads.get(&module.constants).array(), [3.0]);
    let none = device.tensor_from_vec(Vec::new(), (0, Const::<2>));
    assert_eq!(*module.forward(none).shape(), (0, Const::<1>));
}

#[test]
fn an_output_that_is_not_used_contributes_nothing() {
    // At 0 the second output's derivatives are infinite.
    let module = compile::<1, 2, 1>("(param k 2.0) (list (* k x) (* k (sqrt x)))", ["x"]);
    let device = Cpu::default();
    let x: Tensor<Rank1<1>, f64, _> = device.zeros();
    let y: Tensor<Rank1<2>, f64, _, OwnedTape<f64, Cpu>> = module.forward(x.leaky_trace());
    let first: Tensor<Rank0, f64, _, _> = y.select(device.tensor(0));
    let grads = first.backward();
    assert_eq!(grads.get(&x).array(), [2.0]);
    assert_eq!(grads.get(&module.constants).array(), [0.0]);
}

#[test]
fn an_output_that_reaches_no_loss_leaves_zeros() {
    let module = compile::<1, 1, 1>("(param k 2.0) (* k x)", ["x"]);
    let x: Tensor<Rank1<1>, f64, _> = Cpu::default().tensor([3.0]);
    let (_, tape) = module.forward(x.leaky_trace()).split_tape();
    let other: Tensor<Rank1<1>, f64, _> = Cpu::default().tensor([5.0]);
    let loss = (dfdx::tensor::PutTape::put_tape(other, tape) * 2.0).sum::<Rank0, _>();
    let grads = loss.backward();
    assert_eq!(grads.get(&module.constants).array(), [0.0]);
    assert_eq!(grads.get(&x).array(), [0.0]);
}

#[test]
fn a_module_applied_twice_sums_its_gradients() {
    let module = compile::<1, 1, 1>("(param k 3.0) (* k (square x))", ["x"]);
    let x: Tensor<Rank1<1>, f64, _> = Cpu::default().tensor([0.5]);
    // k (k x²)² = k³ x⁴
    let y = module.forward(module.forward(x.leaky_trace()));
    assert_eq!(y.array(), [27.0 / 16.0]);
    let grads = y.sum::<Rank0, _>().backward();
    assert_eq!(grads.get(&module.constants).array(), [27.0 / 16.0]);
    assert_eq!(grads.get(&x).array(), [27.0 / 2.0]);
    // The same input twice: k x² + k x²
    let twice = module.forward(x.leaky_trace()) + module.forward(x.clone());
    let grads = twice.sum::<Rank0, _>().backward();
    assert_eq!(grads.get(&module.constants).array(), [0.25]);
}

#[test]
fn inputs_laid_out_otherwise_get_their_own_gradients() {
    let module = compile::<2, 1, 0>("(* x (square y))", ["x", "y"]);
    let device = Cpu::default();
    let row: Tensor<Rank1<2>, f64, _> = device.tensor([2.0, 3.0]);
    let batch: Tensor<Rank2<3, 2>, f64, _, _> = row.leaky_trace().broadcast();
    let grads = module.forward(batch).sum::<Rank0, _>().backward();
    assert_eq!(grads.get(&row).array(), [27.0, 36.0]);
    let columns: Tensor<Rank2<2, 2>, f64, _> = device.tensor([[1.0, 2.0], [3.0, 4.0]]);
    let rows: Tensor<Rank2<2, 2>, f64, _, _> = columns.leaky_trace().permute();
    let y = module.forward(rows);
    assert_eq!(y.array(), [[9.0], [32.0]]);
    let grads = y.sum::<Rank0, _>().backward();
    assert_eq!(grads.get(&columns).array(), [[9.0, 16.0], [6.0, 16.0]]);
}

#[test]
fn without_constants_there_is_nothing_to_learn() {
    let mut module = compile::<1, 1, 0>("(* x x)", ["x"]);
    assert_eq!(module.num_trainable_params(), 0);
    let x: Tensor<Rank1<1>, f64, _> = Cpu::default().tensor([3.0]);
    let y = module.forward(x.trace(module.alloc_grads()));
    let grads = y.sum::<Rank0, _>().backward();
    let mut sgd = Sgd::new(&module, SgdConfig::default());
    sgd.update(&mut module, &grads).unwrap();
    module.restore();
    assert!(module.values().is_empty());
}

#[test]
fn a_failing_row_is_an_error_with_its_number_and_place() {
    let module = compile::<1, 1, 1>("(param k 1.0)\n(if (> x 2) (car x) (* k x))", ["x"]);
    let device = Cpu::default();
    let x: Tensor<Rank2<3, 1>, f64, _> = device.tensor([[1.0], [3.0], [4.0]]);
    let error = module.try_forward(x.clone()).unwrap_err();
    let ModuleError::Row {
        row,
        error: cause,
        position,
    } = &error
    else {
        panic!("{error}");
    };
    assert_eq!(*row, 1);
    assert_eq!(cause.kind(), dmci::Kind::Type);
    assert_eq!((position.unwrap().line, position.unwrap().column), (2, 13));
    let message = error.to_string();
    assert!(
        message.starts_with("row 1: `car`") && message.ends_with("at 2:13"),
        "{message}"
    );
    // dfdx's own `forward` panics with the same words, in a network too.
    let network = (module.clone(), module);
    let panic = std::panic::catch_unwind(|| network.forward(x)).unwrap_err();
    let panic = panic.downcast::<String>().unwrap();
    assert!(panic.contains(&message), "{panic}");
}

#[test]
fn limits_are_the_modules_own() {
    let text = "(define (f x) (if (> x 1000000) x (f (+ x 1)))) (f x)";
    let module = compile::<1, 1, 0>(text, ["x"]);
    let module = module.with_limits(Limits::default().fuel(100));
    let error = module
        .try_forward(Cpu::default().tensor([0.0]))
        .unwrap_err();
    assert!(matches!(&error, ModuleError::Row { row: 0, error, .. }
        if error.kind() == dmci::Kind::Resource));
}

#[test]
fn values_of_another_size_are_refused() {
    let device = Cpu::default();
    let x: Tensor<Rank1<1>, f64, _> = device.tensor([1.0]);
    let message = |text: &str| {
        let module = compile::<1, 2, 0>(text, ["x"]);
        module.try_forward(x.clone()).unwrap_err().to_string()
    };
    let ends = ", and the module gives a list of 2 numbers";
    let starts = "row 0: the program's value is ";
    assert_eq!(message("x"), format!("{starts}a number{ends}"));
    assert_eq!(
        message("(list x x x)"),
        format!("{starts}a list of 3{ends}")
    );
    assert_eq!(message("(list x #t)"), format!("{starts}(1.0 #t){ends}"));
    assert_eq!(
        message("(list (list x x))"),
        format!("{starts}a list of 1{ends}")
    );
    let single = compile::<1, 1, 0>("(list x)", ["x"]);
    assert_eq!(single.forward(x).array(), [1.0]);
}

#[test]
fn names_that_do_not_fit_are_refused() {
    let device = Cpu::default();
    let interpreter = Interpreter::embedded();
    let request = |result: Result<ProgramModule<1, 1, 1, f64>, ModuleError>| match result {
        Err(ModuleError::Request(message)) => message,
        other => panic!("{other:?}"),
    };
    let model = interpreter.model("(param k 1.0) (* k angle)").unwrap();
    let message = request(ProgramModule::new(&device, &model, ["angel"]));
    assert_eq!(
        message,
        "`angel` is no input of the program; is it `angle`?"
    );
    let model = interpreter.model("(param k 1.0) (* k x y)").unwrap();
    let message = request(ProgramModule::new(&device, &model, ["x"]));
    assert_eq!(
        message,
        "the program's input `y` is no row input, no constant and not fixed"
    );
    let model = interpreter
        .model("(param k 1.0) (param l 2.0) (* k l x)")
        .unwrap();
    let message = request(ProgramModule::new(&device, &model, ["x"]));
    assert_eq!(
        message,
        "the program has 2 params (k, l), the module has 1 constants"
    );
    let twice =
        ProgramModule::with_constants(&device, &model, ["x"], [("x", 1.0)], &Bindings::new());
    assert_eq!(request(twice), "`x` is given twice");
    let model = interpreter.model("(param k 1.0 (> 0)) (* k x)").unwrap();
    let outside =
        ProgramModule::with_constants(&device, &model, ["x"], [("k", -1.0)], &Bindings::new());
    assert_eq!(request(outside), "-1 is outside the range of `k`");
    let wrong = ProgramModule::<1, 1, 1, f64>::compile(&device, &interpreter, "(* k x", ["x"]);
    assert!(matches!(
        wrong,
        Err(ModuleError::Program {
            position: Some(_),
            ..
        })
    ));
}

#[test]
fn constants_by_name_and_fixed_inputs() {
    let device = Cpu::default();
    let interpreter = Interpreter::embedded();
    let text = "(param k 1.0) (+ (* k x) (fold-left + offset table))";
    let model = interpreter.model(text).unwrap();
    let fixed = Bindings::from([("table", Input::List(vec![1.0, 2.0]))]);
    let module: ProgramModule<1, 1, 1, f64> =
        ProgramModule::with_constants(&device, &model, ["x"], [("offset", 0.5)], &fixed).unwrap();
    let x: Tensor<Rank1<1>, f64, _> = device.tensor([4.0]);
    let y = module.forward(x.leaky_trace());
    assert_eq!(y.array(), [7.5]);
    let grads = y.sum::<Rank0, _>().backward();
    assert_eq!(grads.get(&module.constants).array(), [1.0]);
    assert_eq!(module.constant_names().collect::<Vec<_>>(), ["offset"]);
    // A param among the row inputs is no constant.
    let rows: ProgramModule<2, 1, 0, f64> =
        ProgramModule::with_constants(&device, &model, ["k", "x"], [], &{
            let mut fixed = fixed.clone();
            fixed.set("offset", 0.0);
            fixed
        })
        .unwrap();
    assert_eq!(rows.forward(device.tensor([2.0, 5.0])).array(), [13.0]);
}

#[test]
fn no_step_leaves_a_range() {
    let mut module = compile::<1, 1, 2>(
        "(param a 0.5 (between 0 1)) (param b 1.0 (> 0)) (* a b x)",
        ["x"],
    );
    let mut sgd = Sgd::new(
        &module,
        SgdConfig {
            lr: 1e3,
            ..SgdConfig::default()
        },
    );
    let x: Tensor<Rank1<1>, f64, _> = Cpu::default().tensor([1.0]);
    for _ in 0..5 {
        let y = module.forward(x.trace(module.alloc_grads()));
        let grads = y.sum::<Rank0, _>().backward();
        sgd.update(&mut module, &grads).unwrap();
        let [a, b] = <[f64; 2]>::try_from(module.values()).unwrap();
        assert!(0.0 < a && a < 1.0 && 0.0 < b, "{a} {b}");
    }
    assert!(module.set("a", 1.0).is_err());
    module.reset_params();
    assert!(module.value("a").unwrap() < 0.5);
    module.restore();
    assert_eq!(module.values(), [0.5, 1.0]);
}

#[test]
fn a_module_built_of_nothing_says_so() {
    let module: ProgramModule<1, 1, 1, f64> = BuildModule::build(&Cpu::default());
    let x: Tensor<Rank1<1>, f64, _> = Cpu::default().zeros();
    let error = module.try_forward(x).unwrap_err();
    assert!(matches!(error, ModuleError::NoProgram));
}

#[test]
fn other_number_types_keep_the_program() {
    let mut module = program::<f64>();
    module.set("gain", 0.25).unwrap();
    let narrow: Program<f32> = module.to_dtype();
    assert!((narrow.value("gain").unwrap() - 0.25).abs() < 1e-7);
    let x: Tensor<Rank1<4>, f32, _> = Cpu::default().tensor([0.5, 1.0, -1.0, 0.25]);
    let wide = module.forward(x.clone().to_dtype::<f64>()).array();
    for (narrow, wide) in narrow.forward(x).array().iter().zip(wide) {
        assert!((f64::from(*narrow) - wide).abs() < 1e-6);
    }
}

const SET: [(&str, f64, Constraint); 4] = [
    ("k", 2.0, Constraint::Free),
    ("tau", 0.5, Constraint::Above(0.0)),
    ("top", 3.0, Constraint::Below(4.0)),
    ("share", 0.25, Constraint::Between(0.0, 1.0)),
];

fn set<E: Dtype>() -> ParamSet<E>
where
    Cpu: Device<E>,
{
    ParamSet::new(&Cpu::default(), SET).unwrap()
}

#[test]
fn a_set_gives_and_takes_values() {
    let mut set = set::<f64>();
    let fresh = numbers(&set);
    assert_eq!(set.len(), 4);
    assert_eq!(set.num_trainable_params(), 4);
    for ((name, value), (expected, init, _)) in set.iter().zip(SET) {
        assert_eq!(name, expected);
        assert!((value - init).abs() <= 1e-15 * init, "{name} {value}");
    }
    set.set("top", -10.0).unwrap();
    assert!((set.value("top").unwrap() + 10.0).abs() < 1e-13);
    assert!(set.set("top", 4.0).is_err() && set.set("bottom", 4.0).is_err());
    assert_eq!(set.value("bottom"), None);
    set.restore();
    assert_eq!(numbers(&set), fresh);
    let twice = [SET[0], SET[0]];
    assert!(ParamSet::<f64>::new(&Cpu::default(), twice).is_err());
    let none: ParamSet<f64> = BuildModule::build(&Cpu::default());
    assert!(none.is_empty());
}

#[test]
fn a_set_saves_by_name() {
    let mut saved = set::<f32>();
    saved.set("tau", 7.0).unwrap();
    saved.set("share", 0.75).unwrap();
    let path = file("set.safetensors");
    saved.save_safetensors(&path).unwrap();
    let mut loaded = set::<f32>();
    loaded.load_safetensors(&path).unwrap();
    assert_eq!(numbers(&saved), numbers(&loaded));
    // The names are the keys: order does not matter, and a name that the file lacks is an error.
    let turned = [SET[3], SET[1]];
    let mut turned = ParamSet::<f32>::new(&Cpu::default(), turned).unwrap();
    turned.load_safetensors(&path).unwrap();
    assert_eq!(turned.value("tau"), saved.value("tau"));
    let other = [("kappa", 1.0, Constraint::Free)];
    let mut other = ParamSet::<f32>::new(&Cpu::default(), other).unwrap();
    assert!(other.load_safetensors(&path).is_err());
    let wide = saved.to_dtype::<f64>();
    assert_eq!(wide.value("tau"), saved.value("tau"));
}

#[test]
fn gradients_of_a_set_agree_with_differences() {
    fn loss(
        value: impl Fn(&str) -> Tensor<Rank0, f64, Cpu, OwnedTape<f64, Cpu>>,
    ) -> Tensor<Rank0, f64, Cpu, OwnedTape<f64, Cpu>> {
        let product = value("k") * value("tau");
        product / value("top") + value("share").square()
    }
    let set = set::<f64>();
    let on_tape = loss(|name| set.on_tape(name).unwrap().unwrap()).backward();
    let (k, tau, top, share) = (2.0, 0.5, 3.0, 0.25);
    let by_value = [tau / top, k / top, -k * tau / (top * top), 2.0 * share];
    let by_name = |name: &str| by_value[set.names().position(|n| n == name).unwrap()];
    let given = set.gradients(by_name).unwrap();
    let plain = |set: &ParamSet<f64>| {
        let value = |name| set.value(name).unwrap();
        value("k") * value("tau") / value("top") + value("share").powi(2)
    };
    let expected = differences!(set, plain);
    assert!(largest_error(&gradients(&set, &on_tape), &expected) < 1e-9);
    assert!(largest_error(&gradients(&set, &given), &expected) < 1e-9);
    let value: Tensor<Rank0, f64, _, NoneTape> = set.on_tape("tau").unwrap().unwrap();
    assert_eq!(value.array(), set.value("tau").unwrap());
}

#[test]
fn a_set_of_a_programs_params_is_fitted_inside_their_ranges() {
    let text = "(param k 1.0) (param tau 5.0 (> 0)) (* k (exp (/ (- x) tau)))";
    let model = Interpreter::embedded().model(text).unwrap();
    let mut set: ParamSet<f64> = ParamSet::of_model(&Cpu::default(), &model).unwrap();
    let config = AdamConfig {
        lr: 0.1,
        ..AdamConfig::default()
    };
    let mut adam = Adam::new(&set, config);
    let mut workspace = Workspace::new();
    let data: Vec<(f64, f64)> = (0..8)
        .map(|i| (f64::from(i), 3.0 * (-f64::from(i) / 2.0).exp()))
        .collect();
    let names = ["k", "tau"];
    for _ in 0..500 {
        let mut inputs = set.bindings();
        let mut sums = [0.0; 2];
        for &(x, y) in &data {
            inputs.set("x", x);
            let (value, slopes) = model
                .value_and_grad(&inputs, Wrt::Names(&names), &mut workspace)
                .unwrap();
            let residual = value.number().unwrap() - y;
            for (sum, name) in sums.iter_mut().zip(names) {
                *sum += 2.0 * residual * slopes.get(name).unwrap();
            }
        }
        let grads = set
            .gradients(|name| sums[usize::from(name == "tau")])
            .unwrap();
        adam.update(&mut set, &grads).unwrap();
        assert!(set.value("tau").unwrap() > 0.0);
    }
    assert!((set.value("k").unwrap() - 3.0).abs() < 1e-4);
    assert!((set.value("tau").unwrap() - 2.0).abs() < 1e-4);
}

#[test]
fn soft_choices_are_annealed_while_a_module_trains() {
    // Which of three operations made the data? Their weights are learned, and sharpen.
    let text = "(param u 0.0) (param v 0.0) (param w 0.0)
        (soft-choice ((sin x) (* x x) (exp x)) (list u v w))";
    let mut module: ProgramModule<1, 1, 3, f64> = compile(text, ["x"]);
    let device = Cpu::default();
    let xs: Vec<f64> = (0..32).map(|i| f64::from(i) / 16.0 - 1.0).collect();
    let ys: Vec<f64> = xs.iter().map(|x| x * x).collect();
    let x: Tensor<Rank2<32, 1>, f64, Cpu> = device.tensor_from_vec(xs, (Const, Const));
    let y: Tensor<Rank2<32, 1>, f64, Cpu> = device.tensor_from_vec(ys, (Const, Const));
    let mut adam = Adam::new(
        &module,
        AdamConfig {
            lr: 0.1,
            ..AdamConfig::default()
        },
    );
    let mut loss = f64::INFINITY;
    for step in 0..100 {
        let relaxation = Relaxation::default().temperature(0.97_f64.powi(step));
        module.relax(relaxation).unwrap();
        let found = module.forward(x.trace(module.alloc_grads()));
        let error = mse_loss(found, y.clone());
        loss = error.array();
        adam.update(&mut module, &error.backward()).unwrap();
    }
    let hard = Relaxation::default().hard(true);
    module.relax(hard).unwrap();
    assert_eq!(module.forward(x).as_vec(), y.as_vec());
    assert!(loss < 1e-4, "{loss}");
    let never = hard.temperature(0.0);
    assert!(matches!(module.relax(never), Err(ModuleError::Request(_))));
}
