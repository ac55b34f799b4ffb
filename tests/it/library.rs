//! Libraries of the register machine: calls and stacks against the integer machine, soft libraries
//! against the machine's kernel and central differences, frozen parts, numbers and circuits.

use crate::random::{base_seed, programs};
use dmci::Random;
use dmci::Threads;
use dmci::machine::circuits::{Arithmetic, Circuit};
use dmci::machine::library::{
    Argument, Code, CodeLine, CodeWeights, Controller, Frozen, Group, LibraryError, Mask,
    MemoriseOptions, OPERATIONS, Operation, TrainOptions, assembly, columns, kernel, memorise,
    oracle, train,
};
use dmci::machine::{
    Compilation, Definition, Example, Instruction, Kernel, Scratch, Shape, SoftState, State,
    Wanted, Weights, numbers,
};

const ONE_HOT: Compilation = Compilation {
    gamma: 0.0,
    epsilon: 0.0,
    seed: 0,
};

/// Calls two deep, and a recursion with its stack in memory.
const LIBRARY: &str = "
.base 64
.registers 8
.program double
add r0 r0 r0
return
.program quadruple       ; calls double, so it keeps where to return to
copy r7 r5
call double
call double
return r5
.program twelve-times    ; calls quadruple, which calls double
copy r7 r4
copy r0 r3
call quadruple
copy r0 r2
add r2 r2 r2
add r2 r0 r0
return r4
.program fibonacci       ; the stack begins at cell 0; r6 is where it ends
       jump r0 done
       dec r0 r1
       jump r1 done
       write r6 r7
       inc r6 r6
       write r6 r0
       inc r6 r6
       copy r1 r0
       call fibonacci
       dec r6 r6
       read r6 r1
       write r6 r0
       inc r6 r6
       dec r1 r0
       dec r0 r0
       call fibonacci
       dec r6 r6
       read r6 r1
       add r0 r1 r0
       dec r6 r6
       read r6 r7
done:  return
";

fn library() -> Code {
    assembly::read(LIBRARY).unwrap_or_else(|error| panic!("{error}"))
}

fn fibonacci(n: usize) -> usize {
    (0..n).fold((0, 1), |(a, b), _| (b, a + b)).0
}

/// The soft library of one-hot weights, from a state of whole numbers.
fn soft(code: &Code, start: &State, steps: usize) -> State {
    let weights = [CodeWeights::compile(code, &ONE_HOT)];
    let start = [SoftState::of(code.shape(), start)];
    let ends = kernel::run(&weights, &start, steps, &Threads::ONE).expect("they fit");
    // No chance is between 0 and 1.
    let without_taken = &ends[0].numbers()[..ends[0].numbers().len() - 1];
    assert!(without_taken.iter().all(|&p| p == 0.0 || p == 1.0));
    ends[0].likeliest()
}

#[test]
fn nested_calls_are_the_integer_machines() {
    let code = library();
    for n in 0..64 {
        assert_eq!(oracle::call(&code, "double", &[n], 100), Ok(2 * n % 64));
        assert_eq!(oracle::call(&code, "quadruple", &[n], 100), Ok(4 * n % 64));
        let twelve = oracle::call(&code, "twelve-times", &[n], 100);
        assert_eq!(twelve, Ok(12 * n % 64));
    }
    let start = oracle::start(&code, "twelve-times", &[5]).expect("a start");
    let mut end = start.clone();
    let taken = oracle::run(&code, &mut end, 100);
    assert!(end.halted && taken < 100);
    assert_eq!(soft(&code, &start, taken), end);
    // Frozen, it is arithmetic on distributions.
    let frozen = Frozen::new(&code, "twelve-times", &[Argument::Soft], 100).expect("it halts");
    let mut row = vec![0.0; 64];
    row[7] = 1.0;
    let mut out = vec![0.0; 64];
    frozen.run(&row, &mut out).expect("a row");
    assert_eq!(numbers_of(&out), [(84 % 64, 1.0)]);
}

fn numbers_of(distribution: &[f64]) -> Vec<(usize, f64)> {
    let chances = distribution.iter().copied().enumerate();
    chances.filter(|(_, p)| *p != 0.0).collect()
}

#[test]
fn a_recursion_keeps_its_stack_in_memory() {
    let code = library();
    for n in 0..10 {
        let found = oracle::call(&code, "fibonacci", &[n], 10_000);
        assert_eq!(found, Ok(fibonacci(n) % 64), "{n}");
    }
    let start = oracle::start(&code, "fibonacci", &[4]).expect("a start");
    let mut end = start.clone();
    let taken = oracle::run(&code, &mut end, 10_000);
    assert_eq!(soft(&code, &start, taken), end);
    // By cases it is frozen too.
    let cases = [Argument::Cases(9)];
    let frozen = Frozen::new(&code, "fibonacci", &cases, 10_000).expect("it halts");
    let row = [0.0, 0.0, 0.0, 0.0, 0.25, 0.0, 0.0, 0.0, 0.75];
    let mut out = vec![0.0; 64];
    frozen.run(&row, &mut out).expect("a row");
    assert_eq!(numbers_of(&out), [(3, 0.25), (21, 0.75)]);
    // A soft number would steer it.
    let steered = Frozen::new(&code, "fibonacci", &[Argument::Soft], 100).unwrap_err();
    assert!(matches!(steered, LibraryError::Steered { .. }), "{steered}");
}

fn random_code(shape: Shape, random: &mut Random) -> Code {
    let mut lines = Vec::new();
    for _ in 0..shape.lines - 1 {
        lines.push(CodeLine {
            operation: Operation::ALL[random.below(OPERATIONS)],
            operands: std::array::from_fn(|_| random.below(shape.registers)),
            label: random.below(shape.lines),
            number: random.below(shape.base),
        });
    }
    let sizes = (shape.base, shape.registers);
    Code::new(sizes, lines, Vec::new(), shape.registers - 1).expect("code")
}

const SMALL: Shape = Shape {
    base: 7,
    registers: 3,
    lines: 6,
};

#[test]
fn of_whole_numbers_the_soft_library_is_the_integer_one() {
    let seed = base_seed();
    let mut random = Random::at(&[seed, 21]);
    let mut halted = 0;
    let all = programs(300) as usize;
    for program in 0..all {
        let code = random_code(SMALL, &mut random);
        let mut state = State::of(SMALL);
        for number in state.registers.iter_mut().chain(&mut state.memory) {
            *number = random.below(SMALL.base);
        }
        let found = soft(&code, &state, 20);
        oracle::run(&code, &mut state, 20);
        halted += usize::from(state.halted);
        assert_eq!(found, state, "program {program} of seed {seed}");
        // Written and read it is the same code, operands aside that are not used.
        let named = vec![dmci::machine::library::Named {
            name: "all".into(),
            lines: 0..SMALL.lines - 1,
            arguments: 1,
            result: 0,
        }];
        let lines = code.lines()[..SMALL.lines - 1].to_vec();
        let code = Code::new((SMALL.base, SMALL.registers), lines, named, 2).expect("code");
        let text = assembly::write(&code);
        let again = assembly::read(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        assert_eq!(
            assembly::write(&again),
            text,
            "program {program} of seed {seed}"
        );
    }
    assert!(all < 100 || (halted > all / 20 && halted < all), "{halted}");
}

fn soft_state(shape: Shape, random: &mut Random) -> SoftState {
    let mut state = SoftState::zeros(shape);
    let fill = |numbers: &mut [f64], random: &mut Random| {
        let mut sum = 0.0;
        for x in &mut *numbers {
            *x = 0.05 + random.unit();
            sum += *x;
        }
        for x in numbers {
            *x /= sum;
        }
    };
    for row in state.registers_mut().chunks_exact_mut(shape.base) {
        fill(row, random);
    }
    for row in state.memory_mut().chunks_exact_mut(shape.base) {
        fill(row, random);
    }
    fill(state.line_mut(), random);
    *state.halted_mut() = 0.2 * random.unit();
    state
}

fn random_weights(shape: Shape, random: &mut Random) -> CodeWeights {
    let count = shape.lines * columns(shape);
    let numbers = (0..count).map(|_| random.normal()).collect();
    CodeWeights::from_numbers(shape, numbers).expect("as many as there are")
}

/// A sum of all numbers of a last state, each with a factor of its own.
fn factors(lane: usize, end: &SoftState, by: &mut SoftState) -> f64 {
    let mut random = Random::new(lane as u64);
    let mut value = 0.0;
    for (x, by) in end.numbers().iter().zip(by.numbers_mut()) {
        *by = random.normal();
        value += *by * x;
    }
    value
}

#[test]
fn gradients_are_central_differences() {
    let seed = base_seed();
    let mut random = Random::at(&[seed, 22]);
    // More lines than numbers, and fewer: lines are numbers modulo the base, numbers lines modulo theirs.
    for (base, registers, lines) in [(4, 2, 5), (5, 3, 3)] {
        let shape = Shape {
            base,
            registers,
            lines,
        };
        let weights = [0, 1].map(|_| random_weights(shape, &mut random));
        let starts = [0, 1].map(|_| soft_state(shape, &mut random));
        let at = |weights: &[CodeWeights], starts: &[SoftState]| {
            kernel::pull_back(weights, starts, 4, &factors, &Threads::ONE).expect("they fit")
        };
        let pulled = at(&weights, &starts);
        let close = |got: f64, high: f64, low: f64, what: &str| {
            let wanted = (high - low) / 2e-5;
            assert!(
                (got - wanted).abs() < 1e-7 + 1e-6 * wanted.abs(),
                "{what} of seed {seed}: {got} {wanted}"
            );
        };
        let size = weights[0].numbers().len();
        for place in 0..2 * size {
            let mut moved = weights.clone();
            let mut value = |by: f64| {
                moved[place / size].numbers_mut()[place % size] += by;
                at(&moved, &starts).value
            };
            let (high, low) = (value(1e-5), value(-2e-5));
            close(pulled.weights[place], high, low, &format!("weight {place}"));
        }
        for place in 0..starts[1].numbers().len() {
            let mut moved = starts.clone();
            let mut value = |by: f64| {
                moved[1].numbers_mut()[place] += by;
                at(&weights, &moved).value
            };
            let (high, low) = (value(1e-5), value(-2e-5));
            let got = pulled.starts[1].numbers()[place];
            close(got, high, low, &format!("number {place}"));
        }
        // Weights that all lanes share get the sum, on any number of threads.
        let shared = [weights[0].clone()];
        let one = at(&shared, &starts);
        let threads = Threads::of(2);
        let two = kernel::pull_back(&shared, &starts, 4, &factors, &threads).expect("they fit");
        assert_eq!(one, two);
    }
}

#[test]
fn without_its_own_operations_it_is_the_machines_kernel() {
    let seed = base_seed();
    let mut random = Random::at(&[seed, 23]);
    let core = Weights::random(SMALL, 1.0, seed);
    let mut numbers = Vec::new();
    let (instructions, old) = (Instruction::ALL.len(), SMALL.columns());
    for row in core.numbers().chunks_exact(old) {
        numbers.extend(&row[..instructions]);
        numbers.extend([-1e4; OPERATIONS - 13]);
        numbers.extend(&row[instructions..]);
        numbers.extend(vec![0.0; SMALL.base]);
    }
    let weights = [CodeWeights::from_numbers(SMALL, numbers).expect("as many as there are")];
    let starts: Vec<SoftState> = (0..3).map(|_| soft_state(SMALL, &mut random)).collect();
    let machine = Kernel::<f64>::new(SMALL, Definition::default()).expect("a shape");
    let mut scratch = Scratch::default();
    let states = (&starts[..], true);
    let wanted = machine
        .pull_back(&core, states, 6, &factors, &Threads::ONE, &mut scratch)
        .expect("they fit");
    let got = kernel::pull_back(&weights, &starts, 6, &factors, &Threads::ONE).expect("they fit");
    let close = |a: f64, b: f64| (a - b).abs() < 1e-11 * (1.0 + b.abs());
    assert!(close(got.value, wanted.value), "seed {seed}");
    for (a, b) in got.starts.iter().zip(&wanted.starts) {
        let pairs = a.numbers().iter().zip(b.numbers());
        assert!(pairs.into_iter().all(|(a, b)| close(*a, *b)), "seed {seed}");
    }
    let rows = got.weights.chunks_exact(columns(SMALL));
    for (row, wanted) in rows.zip(wanted.weights.chunks_exact(old)) {
        let kept = row[..instructions].iter().chain(&row[OPERATIONS..]);
        let mut pairs = kept.zip(wanted);
        assert!(pairs.all(|(a, b)| close(*a, *b)), "seed {seed}");
    }
}

#[test]
fn a_frozen_program_is_the_soft_library_of_one_hot_weights() {
    let seed = base_seed();
    let mut random = Random::at(&[seed, 24]);
    let text = "
        .base 13
        .registers 6
        .program mixed
        .arguments 3
        .result r3
        max r0 r1 r3
        sub r3 r0 r3
        mod r1 r3 r1
        inc r1 r1
        set 9 r4
        write r4 r1
        read r4 r0
        min r0 r3 r3
        jump r2 done
        add r3 r0 r3
        done: return";
    let code = assembly::read(text).expect("code");
    let arguments = [Argument::Soft, Argument::Soft, Argument::Cases(2)];
    let frozen = Frozen::new(&code, "mixed", &arguments, 100).expect("it halts");
    let mut row: Vec<f64> = (0..28).map(|_| random.unit()).collect();
    for part in [0..13, 13..26, 26..28] {
        let sum: f64 = row[part.clone()].iter().sum();
        row[part].iter_mut().for_each(|x| *x /= sum);
    }
    let mut out = vec![0.0; 13];
    frozen.run(&row, &mut out).expect("a row");
    let weights = [CodeWeights::compile(&code, &ONE_HOT)];
    let mut wanted = vec![0.0; 13];
    for (case, chance) in row[26..].iter().enumerate() {
        let start = oracle::start(&code, "mixed", &[0, 0, case]).expect("a start");
        let mut start = SoftState::of(code.shape(), &start);
        start.registers_mut()[..26].copy_from_slice(&row[..26]);
        let end = kernel::run(&weights, &[start], 30, &Threads::ONE).expect("they fit");
        assert_eq!(end[0].halted(), 1.0);
        for (to, p) in wanted.iter_mut().zip(&end[0].registers()[39..52]) {
            *to += chance * p;
        }
    }
    for (a, b) in out.iter().zip(&wanted) {
        assert!((a - b).abs() < 1e-12, "seed {seed}: {out:?} {wanted:?}");
    }
}

// ---- training --------------------------------------------------------------------------------------

/// Examples of one program: arguments and what r0 is to be.
fn examples(code: &Code, name: &str, pairs: &[(usize, usize)]) -> Vec<Example> {
    let each = pairs.iter().map(|&(argument, result)| Example {
        start: oracle::start(code, name, &[argument]).expect("a start"),
        wanted: Wanted {
            registers: vec![Some(result)],
            memory: Vec::new(),
        },
    });
    each.collect()
}

#[test]
fn frozen_parts_keep_their_bits_while_others_learn() {
    let text = "
        .base 16
        .registers 4
        .program double
        add r0 r0 r0
        return
        .program more
        inc r0 r0
        return
        .program main
        copy r3 r2
        call more
        return r2";
    let code = assembly::read(text).expect("code");
    let shape = code.shape();
    let call = code.program("main").expect("it is there").lines.start + 1;
    let weights = CodeWeights::compile(&code, &Compilation::default());
    // Which program is called is left open: that term alone trains.
    let mut open = weights.clone();
    let label = OPERATIONS + 3 * shape.registers;
    let row = call * columns(shape);
    open.numbers_mut()[row + label..row + label + shape.lines].fill(0.0);
    let mask = Mask::none(shape).term(call, Group::Label, true);
    let pairs: Vec<(usize, usize)> = (1..16).map(|n| (n, 2 * n % 16)).collect();
    let examples = examples(&code, "main", &pairs);
    let examples: Vec<_> = examples.into_iter().map(|one| (Vec::new(), one)).collect();
    let mut controller = Controller::new(open.clone(), 0);
    let options = TrainOptions {
        steps: 8,
        iterations: 200,
        rate: 0.1,
        threads: Threads::ONE,
        ..TrainOptions::default()
    };
    train(&mut controller, &mask, &examples, &options).expect("it trains");
    let after = controller.weights();
    let bits = |weights: &CodeWeights| -> Vec<u64> {
        weights.numbers().iter().map(|w| w.to_bits()).collect()
    };
    let (before, now) = (bits(&open), bits(after));
    let mut changed = 0;
    for ((before, now), trains) in before.iter().zip(&now).zip(mask.trains()) {
        assert!(*trains || before == now, "a frozen weight has changed");
        changed += usize::from(before != now);
    }
    assert_eq!(changed, shape.lines);
    // It has found out whom to call.
    let learned = after.read_as(&code).expect("code");
    assert_eq!(
        learned.lines()[call].label,
        code.program("double").expect("it").lines.start
    );
    for &(argument, result) in &pairs {
        assert_eq!(oracle::call(&learned, "main", &[argument], 100), Ok(result));
    }
    // Programs and lines freeze too.
    let all = Mask::all(shape)
        .program(&code, "double", false)
        .expect("it is there");
    let frozen = all.trains().iter().filter(|trains| !**trains).count();
    assert_eq!(frozen, 2 * columns(shape));
    assert_eq!(all.lines(0..2, true), Mask::all(shape));
}

#[test]
fn what_a_line_does_may_depend_on_a_context() {
    let code = assembly::read(".base 8\n.registers 2\n.program step\nnoop\nreturn").expect("code");
    let shape = code.shape();
    let mut weights = CodeWeights::compile(&code, &Compilation::default());
    weights.numbers_mut()[..OPERATIONS].fill(0.0);
    let mask = Mask::none(shape).term(0, Group::Operation, true);
    let mut all = Vec::new();
    for n in 0..8 {
        for (context, result) in [(1.0, (n + 1) % 8), (-1.0, (n + 7) % 8)] {
            let one = examples(&code, "step", &[(n, result)]).remove(0);
            all.push((vec![context], one));
        }
    }
    let mut controller = Controller::new(weights, 1);
    let options = TrainOptions {
        steps: 4,
        iterations: 300,
        rate: 0.1,
        threads: Threads::ONE,
        ..TrainOptions::default()
    };
    train(&mut controller, &mask, &all, &options).expect("it trains");
    for (context, wanted) in [(1.0, Instruction::Inc), (-1.0, Instruction::Dec)] {
        let weights = controller.at(&[context]).expect("a context");
        assert_eq!(weights.decompile()[0].operation, Operation::Core(wanted));
    }
    // What is frozen does not depend on it.
    let by = controller.by(0).expect("one number");
    let others = by.numbers().iter().zip(mask.trains());
    assert!(others.into_iter().all(|(w, trains)| *trains || *w == 0.0));
    assert!(controller.at(&[]).is_err());
}

#[test]
fn a_small_network_memorises_a_library() {
    let text = ".base 16\n.registers 3\n.program double\nadd r0 r0 r0\nreturn\n.program more
        copy r2 r1\ncall double\ninc r0 r0\nset 9 r2\nmax r0 r2 r0\nreturn r1";
    let code = assembly::read(text).expect("code");
    let options = MemoriseOptions {
        steps: 400,
        ..MemoriseOptions::default()
    };
    let memorised = memorise(&code, &options).expect("it trains");
    let step = memorised.exact_at.expect("it becomes exact");
    assert!(step > 10, "it cannot know the library before: {step}");
    assert_eq!(memorised.weights.read_as(&code).expect("code"), code);
    let few = MemoriseOptions {
        steps: step - 1,
        ..options
    };
    let early = memorise(&code, &few).expect("it trains");
    assert_eq!(early.exact_at, None);
    assert!(early.loss > memorised.loss);
}

#[test]
fn what_is_wrong_with_a_library_is_told_where_it_stands() {
    let cases = [
        ("inc r0 r0", "begin with `.program NAME` at 1:1"),
        (
            ".program a\nincc r0 r0",
            "there is no operation `incc`; is it `inc`? at 2:1",
        ),
        (
            ".program a\ninc r0 r9",
            "there is no r9: the library has 4 registers at 2:8",
        ),
        (
            ".program a\ncall doubel\n.program double\nhalt",
            "no label or program is called `doubel`; is it `double`? at 2:6",
        ),
        (
            ".base 8\n.program a\nset 8 r0",
            "`8` is no whole number from 0 to 7 at 3:5",
        ),
        (
            ".program a\nhalt\n.program a\nhalt",
            "`a` is given twice; call it otherwise at 3:10",
        ),
        (".program a", "the program `a` has no lines at 1:10"),
        (
            ".program a\ncall a r1 r2",
            "`call` takes 1 or 2 operands, and has 3 at 2:1",
        ),
        (".bas 8", "there is no `.bas`; is it `.base`? at 1:1"),
        (".base 2\n.program a\ncall a", "the base must be 2 or more"),
        (
            ".base 2\n.program a\ncall a\nreturn",
            "so the base must be 3 or more at 2:10",
        ),
    ];
    for (text, wanted) in cases {
        let told = assembly::read(text).map(|_| String::new());
        let told = told.unwrap_or_else(|error| error.to_string());
        if wanted == "the base must be 2 or more" {
            assert_eq!(told, "", "{text}");
        } else {
            assert!(told.contains(wanted), "{text}: {told}");
        }
    }
}

// ---- numbers and circuits --------------------------------------------------------------------------

#[test]
fn digits_to_numbers_and_back() {
    let seed = base_seed();
    let mut random = Random::at(&[seed, 25]);
    for width in 0..=8 {
        for _ in 0..20 {
            let bits: Vec<f64> = (0..width).map(|_| random.unit()).collect();
            let mut distribution = vec![0.0; 1 << width];
            numbers::from_bits(&bits, &mut distribution);
            let sum: f64 = distribution.iter().sum();
            let mut again = vec![0.0; width];
            numbers::to_bits(&distribution, &mut again);
            let apart = bits.iter().zip(&again).map(|(a, b)| (a - b).abs());
            assert!(
                apart.fold((sum - 1.0).abs(), f64::max) < 1e-12,
                "seed {seed}"
            );
        }
        // The other way round numbers come back, and mixtures of independent digits.
        for number in 0..1_u64 << width {
            let bits = numbers::digits(number, width);
            assert_eq!(numbers::likeliest(&bits), number);
            let mut distribution = vec![0.0; 1 << width];
            numbers::from_bits(&bits, &mut distribution);
            assert_eq!(numbers_of(&distribution), [(number as usize, 1.0)]);
        }
    }
    let mut bits = [0.0; 2];
    numbers::to_bits(&[0.5, 0.0, 0.0, 0.5], &mut bits);
    let mut mixed = [0.0; 4];
    numbers::from_bits(&bits, &mut mixed);
    assert_eq!((bits, mixed), ([0.5; 2], [0.25; 4]));
    assert_eq!([1, 2, 3, 128, 129].map(numbers::width), [0, 1, 2, 7, 8]);
}

#[test]
fn adjoints_of_digits_are_central_differences() {
    let seed = base_seed();
    let mut random = Random::at(&[seed, 26]);
    let bits: Vec<f64> = (0..4).map(|_| random.unit()).collect();
    // Fewer numbers than the digits reach, as many, and more.
    for count in [11, 16, 19] {
        let cts: Vec<f64> = (0..count).map(|_| random.normal()).collect();
        let value = |bits: &[f64]| {
            let mut distribution = vec![0.0; count];
            numbers::from_bits(bits, &mut distribution);
            distribution
                .iter()
                .zip(&cts)
                .map(|(p, ct)| p * ct)
                .sum::<f64>()
        };
        let mut by = vec![0.0; 4];
        numbers::from_bits_back(&bits, &cts, &mut by);
        for (at, by) in by.into_iter().enumerate() {
            let [high, low] = [1e-6, -1e-6].map(|step| {
                let mut moved = bits.clone();
                moved[at] += step;
                value(&moved)
            });
            assert!((by - (high - low) / 2e-6).abs() < 1e-8, "seed {seed}");
        }
    }
    let mut by = vec![0.0; 4];
    numbers::to_bits_back(&[1.0, 10.0], &mut by);
    assert_eq!(by, [0.0, 1.0, 10.0, 11.0]);
}

#[test]
fn circuits_are_exact_on_all_pairs_of_eight_digits() {
    for operation in Arithmetic::ALL {
        let circuit = Circuit::new(operation, 8).expect("a width");
        assert_eq!(circuit.inputs(), 16);
        let digits: Vec<Vec<f64>> = (0..256).map(|n| numbers::digits(n, 8)).collect();
        let mut out = vec![0.0; circuit.outputs()];
        for a in 0..256 {
            for b in 0..256 {
                let inputs = [&digits[a][..], &digits[b]].concat();
                circuit.run(&inputs, &mut out);
                assert!(out.iter().all(|&q| q == 0.0 || q == 1.0));
                let wanted = operation.of(a as u64, b as u64, 8);
                let found = numbers::likeliest(&out);
                assert_eq!(found, wanted, "{} of {a} and {b}", operation.name());
            }
        }
    }
}

#[test]
fn circuits_are_exact_on_random_pairs_of_sixty_four_digits() {
    let seed = base_seed();
    let mut random = Random::at(&[seed, 27]);
    for operation in Arithmetic::ALL {
        let circuit = Circuit::new(operation, 64).expect("a width");
        let mut draw = || {
            // Of all lengths, so that quotients are of all lengths.
            let bits = random.bits();
            bits >> random.below(64)
        };
        // 64 pairs at a time, 100,032 in all, and the first of each on chances.
        for round in 0..1563 {
            let pairs: Vec<[u64; 2]> = (0..64).map(|_| [draw(), draw()]).collect();
            let word = |at: usize, which: usize| {
                let bits = pairs.iter().enumerate();
                bits.fold(0, |word, (lane, pair)| {
                    word | (pair[which] >> at & 1) << lane
                })
            };
            let inputs: Vec<u64> = (0..128).map(|at| word(at % 64, at / 64)).collect();
            let words = circuit.run_words(&inputs);
            for (lane, &[a, b]) in pairs.iter().enumerate() {
                let bits = words.iter().enumerate();
                let found = bits.fold(0, |n, (at, word)| n | (word >> lane & 1) << at);
                let wanted = operation.of(a, b, 64);
                assert_eq!(
                    found,
                    wanted,
                    "{} of {a} and {b}, seed {seed}",
                    operation.name()
                );
            }
            if round % 16 == 0 {
                let [a, b] = pairs[0];
                let inputs = [numbers::digits(a, 64), numbers::digits(b, 64)].concat();
                let mut out = vec![0.0; circuit.outputs()];
                circuit.run(&inputs, &mut out);
                assert!(out.iter().all(|&q| q == 0.0 || q == 1.0));
                assert_eq!(numbers::likeliest(&out), operation.of(a, b, 64));
            }
        }
    }
}

#[test]
fn between_numbers_circuits_are_off_by_what_is_said_of_them() {
    let mut random = Random::new(28);
    for (operation, least, most) in [
        (Arithmetic::Add, 0.05, 0.25),
        (Arithmetic::Multiply, 0.1, 0.45),
    ] {
        let circuit = Circuit::new(operation, 4).expect("a width");
        let mut off = 0.0_f64;
        for _ in 0..2000 {
            let bits: Vec<f64> = (0..8).map(|_| random.unit()).collect();
            let mut soft = vec![0.0; 4];
            circuit.run(&bits, &mut soft);
            let mut exact = [0.0; 4];
            for pair in 0..256_u64 {
                let digits = numbers::digits(pair, 8);
                let each = digits.iter().zip(&bits);
                let chance: f64 = each
                    .map(|(d, q)| if *d == 1.0 { *q } else { 1.0 - q })
                    .product();
                let result = operation.of(pair & 15, pair >> 4, 4);
                for (to, d) in exact.iter_mut().zip(numbers::digits(result, 4)) {
                    *to += chance * d;
                }
            }
            for (a, b) in soft.iter().zip(&exact) {
                assert!((-1e-12..=1.0 + 1e-12).contains(a));
                off = off.max((a - b).abs());
            }
        }
        assert!((least..most).contains(&off), "{}: {off}", operation.name());
    }
}

#[test]
fn adjoints_of_circuits_are_central_differences() {
    let seed = base_seed();
    let mut random = Random::at(&[seed, 29]);
    for operation in Arithmetic::ALL {
        let circuit = Circuit::new(operation, 4).expect("a width");
        let bits: Vec<f64> = (0..8).map(|_| random.unit()).collect();
        let cts: Vec<f64> = (0..circuit.outputs()).map(|_| random.normal()).collect();
        let value = |bits: &[f64]| {
            let mut out = vec![0.0; cts.len()];
            circuit.run(bits, &mut out);
            out.iter().zip(&cts).map(|(q, ct)| q * ct).sum::<f64>()
        };
        let mut by = vec![0.0; 8];
        circuit.pull_back(&bits, &cts, &mut by);
        for (at, by) in by.into_iter().enumerate() {
            let [high, low] = [1e-6, -1e-6].map(|step| {
                let mut moved = bits.clone();
                moved[at] += step;
                value(&moved)
            });
            let wanted = (high - low) / 2e-6;
            assert!(
                (by - wanted).abs() < 1e-7 * (1.0 + wanted.abs()),
                "{} by {at}, seed {seed}: {by} {wanted}",
                operation.name()
            );
        }
    }
}
