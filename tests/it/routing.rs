//! Entries of libraries inside networks: against central differences, against dfdx's own operations, and
//! the example's networks, every weight of which must receive a gradient.

use crate::random::base_seed;
use ::dfdx::nn::{RecursiveWalker, TensorCollection, TensorOptions, TensorVisitor, ViewTensorRef};
use ::dfdx::shapes::{Rank0, Rank1, Rank2, Shape};
use ::dfdx::tensor::{
    AsArray, Cpu, Gradients, Tensor, TensorFrom, TensorFromVec, Trace, WithEmptyTape,
};
use ::dfdx::tensor_ops::{Backward, SumTo, TryMatMul};
use dmci::Random;
use dmci::dfdx::library::{
    Choice, CircuitEntry, Entry, EntryModule, MachineEntry, Pointed, SchemeEntry, Softmaxed, Table,
};
use dmci::machine::circuits::Arithmetic;
use dmci::machine::library::Argument;
use dmci::machine::numbers;
use dmci::{Bindings, Interpreter, Mode, Workspace, Wrt};
use std::sync::Arc;

#[path = "../../examples/routing/minimal.rs"]
mod minimal;
#[path = "../../examples/routing/reader.rs"]
#[expect(dead_code, reason = "other networks of the example read side by side")]
mod reader;
#[path = "../../examples/routing/training.rs"]
mod training;
#[path = "../../examples/routing/transformer.rs"]
#[expect(dead_code, reason = "the example calls it whole")]
mod transformer;

fn scheme(name: &str, text: &str) -> Arc<dyn Entry> {
    let inputs = Bindings::from([("x", 1.0), ("y", 1.0)]);
    let model = Interpreter::embedded().model_for(text, &inputs, Mode::Interpreter);
    let model = model.unwrap_or_else(|error| panic!("{error}"));
    Arc::new(SchemeEntry::new(name, &model, &["x", "y"], 1).expect("an entry"))
}

fn machine() -> Arc<dyn Entry> {
    let code = minimal::fibonacci(9);
    let arguments = [Argument::Soft, Argument::Soft, Argument::Cases(4)];
    Arc::new(MachineEntry::new(&code, "fibonacci", &arguments, 100).expect("an entry"))
}

fn entries() -> Vec<Arc<dyn Entry>> {
    let mut all: Vec<Arc<dyn Entry>> = vec![machine()];
    for operation in Arithmetic::ALL {
        let table = Table::of(operation, 8).expect("a base");
        all.push(Arc::new(table));
        all.push(Arc::new(Table::on_digits(operation, 3).expect("digits")));
        all.push(Arc::new(
            CircuitEntry::on_digits(operation, 3).expect("digits"),
        ));
        let circuit = CircuitEntry::on_distributions(operation, 8).expect("a base");
        all.push(Arc::new(circuit));
    }
    let laws = vec![
        (scheme("a", "(param k 0.5 (> 0)) (* k x)"), vec![0, 1]),
        (
            scheme(
                "b",
                "(param a 2.0) (param c -0.3) (if (> x y) (* a (sin x)) (exp (* c y)))",
            ),
            vec![1, 0],
        ),
    ];
    let laws: Arc<dyn Entry> = Arc::new(Choice::new("laws", &[1, 1], laws).expect("a choice"));
    let pointed: Arc<dyn Entry> = Arc::new(Pointed::new(laws.clone(), 1, 3).expect("pointers"));
    all.push(Arc::new(
        Softmaxed::new(pointed.clone(), &[0, 1, 2]).expect("logits"),
    ));
    all.push(laws);
    all.push(pointed);
    all
}

#[test]
fn adjoints_of_entries_are_central_differences() {
    let seed = base_seed();
    let mut random = Random::at(&[seed, 31]);
    for entry in entries() {
        const ROWS: usize = 2;
        // Small, so that sums of a distribution's numbers are chances too.
        let rows: Vec<f64> = (0..ROWS * entry.row())
            .map(|_| 0.02 + 0.2 * random.unit())
            .collect();
        let constants: Vec<f64> = entry.constants().iter().map(|one| one.1).collect();
        let count = ROWS * entry.outputs();
        let cts: Vec<f64> = (0..count).map(|_| random.normal()).collect();
        let value = |rows: &[f64], constants: &[f64]| {
            let mut out = vec![f64::NAN; count];
            entry.run(rows, constants, &mut out).expect("it runs");
            out.iter().zip(&cts).map(|(x, ct)| x * ct).sum::<f64>()
        };
        let mut by_rows = vec![0.0; rows.len()];
        let mut by_constants = vec![0.0; constants.len()];
        entry
            .pull_back(&rows, &constants, &cts, &mut by_rows, &mut by_constants)
            .expect("it runs");
        let close = |by: f64, [high, low]: [f64; 2], what: &str| {
            let wanted = (high - low) / 2e-5;
            assert!(
                (by - wanted).abs() < 1e-7 + 1e-7 * wanted.abs(),
                "`{}` by {what}, seed {seed}: {by} {wanted}",
                entry.name()
            );
        };
        for (at, &by) in by_rows.iter().enumerate() {
            let moved = [1e-5, -1e-5].map(|step| {
                let mut rows = rows.clone();
                rows[at] += step;
                value(&rows, &constants)
            });
            close(by, moved, &format!("number {at}"));
        }
        for (at, &by) in by_constants.iter().enumerate() {
            let moved = [1e-5, -1e-5].map(|step| {
                let mut constants = constants.clone();
                constants[at] += step;
                value(&rows, &constants)
            });
            close(by, moved, &format!("constant {at}"));
        }
    }
}

#[test]
fn tables_and_circuits_are_of_one_opinion_on_numbers() {
    for operation in Arithmetic::ALL {
        let entries: [Arc<dyn Entry>; 2] = [
            Arc::new(Table::on_digits(operation, 4).expect("digits")),
            Arc::new(CircuitEntry::on_digits(operation, 4).expect("digits")),
        ];
        let forms: [Arc<dyn Entry>; 2] = [
            Arc::new(Table::of(operation, 16).expect("a base")),
            Arc::new(CircuitEntry::on_distributions(operation, 16).expect("a base")),
        ];
        for pair in 0..256 {
            let [a, b] = [pair & 15, pair >> 4];
            let digits = [numbers::digits(a, 4), numbers::digits(b, 4)].concat();
            let [table, circuit] = entries.each_ref().map(|entry| {
                let mut out = vec![0.0; entry.outputs()];
                entry.run(&digits, &[], &mut out).expect("a row");
                out
            });
            assert_eq!(table, circuit, "{} of {a} and {b}", operation.name());
            let mut row = vec![0.0; 32];
            row[a as usize] = 1.0;
            row[16 + b as usize] = 1.0;
            let [table, circuit] = forms.each_ref().map(|entry| {
                let mut out = vec![0.0; entry.outputs()];
                entry.run(&row, &[], &mut out).expect("a row");
                out
            });
            assert_eq!(table, circuit, "{} of {a} and {b}", operation.name());
        }
    }
}

#[test]
fn dfdx_is_of_the_same_opinion_on_a_table() {
    const B: usize = 5;
    let seed = base_seed();
    let mut random = Random::at(&[seed, 32]);
    let device = Cpu::default();
    let table = Arc::new(Table::of(Arithmetic::Multiply, B).expect("a base"));
    let module: EntryModule<10, B, 0, f64> = EntryModule::new(&device, table).expect("a module");
    let row: [f64; 10] = std::array::from_fn(|_| random.unit());
    let cts: [f64; B] = std::array::from_fn(|_| random.normal());
    let x: Tensor<Rank2<1, 10>, f64, _> = device.tensor([row]);
    let ct: Tensor<Rank2<1, B>, f64, _> = device.tensor([cts]);
    let y = ::dfdx::nn::Module::try_forward(&module, x.leaky_trace()).expect("it runs");
    let gradients = (y * ct).sum::<Rank0, _>().backward();
    let got = gradients.get(&x).array()[0];
    // Σ ct_k a·T_k·b, with dfdx's products of matrices.
    let a: Tensor<Rank2<1, B>, f64, _> = device.tensor([std::array::from_fn(|i| row[i])]);
    let b: Tensor<Rank2<B, 1>, f64, _> = device.tensor(std::array::from_fn(|i| [row[B + i]]));
    let weights: [[f64; B]; B] = std::array::from_fn(|i| std::array::from_fn(|j| cts[i * j % B]));
    let weights: Tensor<Rank2<B, B>, f64, _> = device.tensor(weights);
    let product = a
        .leaky_trace()
        .matmul(weights)
        .matmul(b.clone().leaky_trace());
    let gradients = product.sum::<Rank0, _>().backward();
    let by_a = gradients.get(&a).array()[0];
    let by_b = gradients.get(&b).array();
    for i in 0..B {
        assert!((got[i] - by_a[i]).abs() < 1e-12, "seed {seed}");
        assert!((got[B + i] - by_b[i][0]).abs() < 1e-12, "seed {seed}");
    }
}

#[test]
fn dfdx_is_of_the_same_opinion_on_a_circuit() {
    type Bit = Tensor<Rank1<1>, f64, Cpu, ::dfdx::tensor::OwnedTape<f64, Cpu>>;
    let seed = base_seed();
    let mut random = Random::at(&[seed, 33]);
    let device = Cpu::default();
    let add = Arc::new(CircuitEntry::on_digits(Arithmetic::Add, 3).expect("digits"));
    let module: EntryModule<6, 3, 0, f64> = EntryModule::new(&device, add).expect("a module");
    let row: [f64; 6] = std::array::from_fn(|_| random.unit());
    let cts: [f64; 3] = std::array::from_fn(|_| random.normal());
    let x: Tensor<Rank2<1, 6>, f64, _> = device.tensor([row]);
    let ct: Tensor<Rank2<1, 3>, f64, _> = device.tensor([cts]);
    let y = ::dfdx::nn::Module::try_forward(&module, x.leaky_trace()).expect("it runs");
    let values = y.array()[0];
    let gradients = (y * ct).sum::<Rank0, _>().backward();
    let got = gradients.get(&x).array()[0];

    // The same adder of dfdx's operations. A tape goes on in one place; elsewhere goes a copy without.
    let bits = row.map(|q| device.tensor_from_vec(vec![q], (::dfdx::shapes::Const::<1>,)));
    let copy = |bit: &Bit| bit.with_empty_tape();
    let xor = |a: Bit, b: Bit| {
        let product = copy(&a) * copy(&b);
        a + b - product * 2.0
    };
    let or = |a: Bit, b: Bit| -((a * -1.0 + 1.0) * (b * -1.0 + 1.0)) + 1.0;
    let mut carry: Option<Bit> = None;
    let mut sum: Option<Bit> = None;
    for k in 0..3 {
        let (a, b) = (bits[k].leaky_trace(), bits[3 + k].leaky_trace());
        let both = copy(&a) * copy(&b);
        let half = xor(a, b);
        let (digit, next) = match carry {
            None => (copy(&half) + half * 0.0, both),
            Some(before) => {
                let through = copy(&half) * copy(&before);
                (xor(half, before), or(both, through))
            }
        };
        assert!((digit.array()[0] - values[k]).abs() < 1e-14, "seed {seed}");
        carry = Some(next);
        let weighed = digit * cts[k];
        sum = Some(match sum {
            None => weighed,
            Some(sum) => sum + weighed,
        });
    }
    // Operations of the last carry lie on its tape, and lead nowhere.
    let loss = sum.expect("three digits") + carry.expect("a carry") * 0.0;
    let gradients = loss.sum::<Rank0, _>().backward();
    for (k, bit) in bits.iter().enumerate() {
        let wanted = gradients.get(bit).array()[0];
        assert!(
            (got[k] - wanted).abs() < 1e-12,
            "digit {k}, seed {seed}: {} {wanted}",
            got[k]
        );
    }
}

#[test]
fn a_choice_of_programs_is_soft_choice() {
    let seed = base_seed();
    let mut random = Random::at(&[seed, 34]);
    let texts = ["(* 2 (* x y))", "(exp (- x y))", "(sqrt (+ x y))"];
    let entries = texts.iter().map(|text| (scheme(text, text), vec![0, 1]));
    let choice = Choice::new("all", &[1, 1], entries.collect()).expect("a choice");
    let choice = Softmaxed::new(Arc::new(choice), &[0]).expect("logits");
    let text = format!("(soft-choice ({}) (list u v w))", texts.join(" "));
    let row: Vec<f64> = (0..5).map(|_| 0.5 + random.unit()).collect();
    let names = ["u", "v", "w", "x", "y"];
    let inputs: Bindings = names.into_iter().zip(row.iter().copied()).collect();
    let model = Interpreter::embedded().model_for(&text, &inputs, Mode::Interpreter);
    let model = model.expect("a program");
    let (value, gradient) = model
        .value_and_grad(&inputs, Wrt::All, &mut Workspace::new())
        .expect("it runs");
    let (mut out, mut by) = ([0.0], [0.0; 5]);
    choice.run(&row, &[], &mut out).expect("it runs");
    choice
        .pull_back(&row, &[], &[1.0], &mut by, &mut [])
        .expect("it runs");
    let close = |a: f64, b: f64| (a - b).abs() < 1e-13 * (1.0 + b.abs());
    assert!(
        close(out[0], value.number().expect("a number")),
        "seed {seed}"
    );
    for (name, by) in names.into_iter().zip(by) {
        assert!(
            close(by, gradient.get(name).expect("it is there")),
            "{name}, seed {seed}"
        );
    }
}

#[test]
fn rows_of_any_batch_have_the_same_bits_on_any_threads() {
    let seed = base_seed();
    let mut random = Random::at(&[seed, 35]);
    let device = Cpu::default();
    let numbers: Vec<f64> = (0..70 * 22).map(|_| random.unit()).collect();
    let module = |threads| {
        let module: EntryModule<22, 9, 0, f64> =
            EntryModule::new(&device, machine()).expect("a module");
        module.with_threads(threads)
    };
    let run = |threads| {
        let shape = (70, ::dfdx::shapes::Const::<22>);
        let x = device.tensor_from_vec(numbers.clone(), shape);
        let y = ::dfdx::nn::Module::try_forward(&module(threads), x.leaky_trace());
        let y = y.expect("it runs");
        let values = y.as_vec();
        let gradients = y.square().sum::<Rank0, _>().backward();
        (values, gradients.get(&x).as_vec())
    };
    let one = run(dmci::Threads::ONE);
    assert_eq!(one, run(dmci::Threads::of(3)));
    let entry = machine();
    let mut alone = vec![0.0; 9];
    entry
        .run(&numbers[22 * 41..22 * 42], &[], &mut alone)
        .expect("a row");
    assert_eq!(alone, one.0[9 * 41..9 * 42]);
}

// ---- the example's networks ----------------------------------------------------------------------------

/// Looks at the gradient of each tensor: how many of its numbers are not 0.
struct Look<'g> {
    gradients: &'g Gradients<f32, Cpu>,
    tensors: Vec<(usize, usize)>,
}

impl TensorVisitor<f32, Cpu> for Look<'_> {
    type Viewer = ViewTensorRef;
    type Err = ::dfdx::tensor::CpuError;
    type E2 = f32;
    type D2 = Cpu;

    fn visit<S: Shape>(
        &mut self,
        _: TensorOptions<S, f32, Cpu>,
        tensor: &Tensor<S, f32, Cpu>,
    ) -> Result<Option<Tensor<S, f32, Cpu>>, Self::Err> {
        let count = tensor.shape_of().num_elements();
        if count > 0 {
            let found = self.gradients.get(tensor).as_vec();
            let reached = found.iter().filter(|x| **x != 0.0).count();
            self.tensors.push((reached, count));
        }
        Ok(None)
    }
}

trait ShapeOf<S> {
    fn shape_of(&self) -> S;
}

impl<S: Shape> ShapeOf<S> for Tensor<S, f32, Cpu> {
    fn shape_of(&self) -> S {
        *::dfdx::shapes::HasShape::shape(self)
    }
}

fn reached<M: TensorCollection<f32, Cpu>>(
    network: &M,
    gradients: &Gradients<f32, Cpu>,
) -> Vec<(usize, usize)> {
    let mut look = Look {
        gradients,
        tensors: Vec::new(),
    };
    M::iter_tensors(&mut RecursiveWalker {
        m: network,
        f: &mut look,
    })
    .expect("it looks");
    look.tensors
}

#[test]
fn every_weight_of_the_minimal_network_receives_a_gradient() {
    let network = minimal::network::<9, 18>(1).expect("a network");
    let pairs: Vec<usize> = (0..81).collect();
    let examples = minimal::Examples::<18>::new(&[1, 2, 3], &pairs);
    let all: Vec<usize> = (0..243).collect();
    let gradients = Gradients::leaky();
    let loss = minimal::loss::<9, 18>(&network, &examples, &all, gradients).expect("a loss");
    let tensors = reached(&network, &loss.backward());
    assert_eq!(tensors.len(), 4);
    for (at, (reached, count)) in tensors.into_iter().enumerate() {
        assert_eq!(reached, count, "tensor {at}");
    }
}

#[test]
fn every_weight_of_the_transformer_receives_a_gradient() {
    let network = transformer::network::<25, 19, 28, 9>(1).expect("a network");
    let asks = [
        transformer::Ask::Of(Arithmetic::Add),
        transformer::Ask::Fibonacci(3),
    ];
    let examples = transformer::Examples::new(9, &asks, &|_, _| true);
    let found = transformer::answers(&network, &examples.sentences, 0.1, Gradients::leaky());
    let loss = training::unlikelihood(found.expect("answers"), &examples.answers);
    let tensors = reached(&network, &loss.backward());
    // Two embeddings, twice eight tensors of attention, four of norms and four of layers, pointers, a last
    // layer.
    assert_eq!(tensors.len(), 2 + 2 * 16 + 1 + 2);
    for (at, (reached, count)) in tensors.into_iter().enumerate() {
        // Words that no sentence has get none, nor what is behind a unit that is off for all.
        let least = if at == 0 { count / 2 } else { count * 9 / 10 };
        assert!(reached >= least.max(1), "tensor {at}: {reached} of {count}");
    }
}

#[test]
fn the_minimal_network_learns_from_answers_alone() {
    let mut network = minimal::network::<9, 18>(0).expect("a network");
    let pairs: Vec<usize> = (0..81).collect();
    let examples = minimal::Examples::<18>::new(&[1, 2, 3], &pairs);
    let schedule = training::Schedule {
        steps: 300,
        batch: 64,
        rate: 0.05,
        decay: 0.3,
        seed: 0,
    };
    let mut losses = Vec::new();
    let loss = |network: &_, which: &[usize], gradients| {
        minimal::loss::<9, 18>(network, &examples, which, gradients)
    };
    training::train(&mut network, 243, &schedule, &loss, &mut |_, _, loss| {
        losses.push(loss);
        true
    })
    .expect("it trains");
    let mean = |losses: &[f32]| losses.iter().sum::<f32>() / losses.len() as f32;
    let (first, last) = (mean(&losses[..20]), mean(&losses[280..]));
    // Guessing costs ln 9, which is 2.2.
    assert!(last < 2.1 && last < first - 0.1, "{first} {last}");
    let found = minimal::run::<9, 18>(&[1, 3], 0, (2, 2)).expect("it trains");
    assert_eq!((found.parts.len(), found.tries), (2, 2));
}
