//! The part of the front door that is the register machine's libraries.

use super::{NAN, ODD, TEXTS, fails};
use dmci::Threads;
use dmci::machine::circuits::{Arithmetic, Circuit, WIDEST};
use dmci::machine::library::{
    Argument, Code, CodeLine, CodeWeights, Controller, Frozen, Group, Mask, MemoriseOptions, Named,
    Operation, TrainOptions, assembly, columns, kernel, memorise, oracle, train,
};
use dmci::machine::{
    Compilation, Example, Instruction, Program, Shape, SoftState, State, Wanted, numbers,
};

const SHAPE: Shape = Shape {
    base: 4,
    registers: 2,
    lines: 3,
};

fn code() -> Code {
    assembly::read(".base 4\n.registers 2\n.program one\ninc r0 r0\nreturn").expect("code")
}

#[test]
fn code_of_anything() {
    for text in TEXTS {
        if !text.is_empty() {
            fails(text, assembly::read(text));
        }
    }
    for text in [
        ".program",
        ".program é\u{2003}x",
        "é:\u{a0}",
        ".program a\n:",
        ".program a\na: a: halt",
        ".base 257",
        ".lines 0",
        ".link r9",
        ".arguments 1",
        ".result r1",
        ".program a\n.arguments 99\nhalt",
        ".lines 1\n.program a\nhalt\nhalt",
    ] {
        fails(text, assembly::read(text));
    }
    for name in ["", "SET", "mul"] {
        assert_eq!(Operation::from_name(name), None);
    }
    for one in Operation::ALL {
        assert_eq!(Operation::from_name(one.name()), Some(one));
        assert_eq!(Operation::ALL[one.column()], one);
    }
    let wild = CodeLine {
        operation: Operation::Call,
        operands: [usize::MAX; 3],
        label: usize::MAX,
        number: usize::MAX,
    };
    let named = |lines, arguments, result| Named {
        name: "a".into(),
        lines,
        arguments,
        result,
    };
    let noop = || vec![CodeLine::NOOP; 3];
    fails("no base", Code::new((1, 1), noop(), Vec::new(), 0));
    fails(
        "no lines there",
        Code::new((4, 2), vec![wild], Vec::new(), 0),
    );
    fails("no such link", Code::new((4, 2), noop(), Vec::new(), 2));
    fails(
        "too many lines",
        Code::new((4, 2), vec![CodeLine::NOOP; 256], Vec::new(), 0),
    );
    for one in [
        named(0..0, 1, 0),
        named(2..9, 1, 0),
        named(0..1, 3, 0),
        named(0..1, 1, 2),
        named(usize::MAX..usize::MAX, 1, 0),
    ] {
        fails("no program", Code::new((4, 2), noop(), vec![one], 0));
    }
    let twice = vec![named(0..1, 0, 0), named(1..2, 0, 0)];
    fails("a name twice", Code::new((4, 2), noop(), twice, 0));
    let program = Program::of(SHAPE);
    let code = Code::of_program("all", &program, 1, 0).expect("code");
    assert_eq!((code.shape().lines, code.exit(), code.link()), (4, 3, 1));
    assert_eq!((code.lines().len(), code.programs().len()), (4, 1));
    fails("no program", code.program("al"));
    fails("arguments", Code::of_program("all", &program, 3, 0));
    assert!(assembly::write(&code).contains(".program all"));
}

#[test]
fn runs_of_anything() {
    let code = code();
    fails("no program", oracle::start(&code, "two", &[1]));
    fails("too few", oracle::start(&code, "one", &[]));
    fails("too large", oracle::start(&code, "one", &[4]));
    fails("no time", oracle::call(&code, "one", &[1], 1));
    let mut state = State {
        registers: vec![usize::MAX],
        memory: Vec::new(),
        line: 0,
        halted: false,
    };
    oracle::step(&code, &mut state);
    assert!(oracle::run(&code, &mut state, 10) <= 10);
    state.line = usize::MAX;
    oracle::step(&code, &mut state);

    let soft = [Argument::Soft];
    fails("no program", Frozen::new(&code, "two", &soft, 10));
    fails(
        "too many",
        Frozen::new(&code, "one", &[Argument::Soft; 2], 10),
    );
    for cases in [0, 5, usize::MAX] {
        fails(
            "cases",
            Frozen::new(&code, "one", &[Argument::Cases(cases)], 10),
        );
    }
    fails("no time", Frozen::new(&code, "one", &soft, 1));
    let frozen = Frozen::new(&code, "one", &soft, 10).expect("it halts");
    assert_eq!(
        (frozen.name(), frozen.base(), frozen.taken()),
        ("one", 4, 3)
    );
    assert_eq!((frozen.widths(), frozen.recorded()), (vec![4], 1));
    let mut out = [0.0; 4];
    fails("a short row", frozen.run(&[1.0], &mut out));
    fails("no place", frozen.run(&[1.0; 4], &mut []));
    fails("no place", frozen.pull_back(&[1.0; 4], &[1.0; 4], &mut []));
    assert!(frozen.run(&[NAN; 4], &mut out).is_ok());
}

#[test]
fn weights_of_anything() {
    let code = code();
    let shape = code.shape();
    let other = Shape { lines: 4, ..shape };
    fails("no shape", CodeWeights::zeros(Shape { base: 1, ..shape }));
    fails("too few", CodeWeights::from_numbers(shape, vec![0.0]));
    let mut weights = CodeWeights::compile(&code, &Compilation::default());
    assert_eq!(weights.numbers().len(), shape.lines * columns(shape));
    assert_eq!(weights.read_as(&code).expect("code"), code);
    let zeros = CodeWeights::zeros(other).expect("a shape");
    fails("another shape", zeros.read_as(&code));
    assert_eq!(zeros.decompile().len(), 4);
    for x in ODD {
        weights.numbers_mut()[0] = x;
        assert_eq!(weights.probabilities().len(), weights.numbers().len());
        let _ = weights.decompile();
    }
    let mask = Mask::all(shape).lines(0..usize::MAX, false);
    assert_eq!(mask, Mask::none(shape));
    assert_eq!(mask.clone().term(usize::MAX, Group::Third, true), mask);
    assert_eq!(
        (mask.trains().len(), mask.shape()),
        (weights.numbers().len(), shape)
    );
    fails("no program", mask.clone().program(&code, "two", true));
    fails(
        "another shape",
        Mask::none(other).program(&code, "one", true),
    );

    let weights = CodeWeights::zeros(shape).expect("a shape");
    let by = |_: usize, _: &SoftState, _: &mut SoftState| NAN;
    let start = SoftState::zeros(shape);
    let (one, two) = ([weights.clone()], [weights.clone(), weights.clone()]);
    fails(
        "no weights",
        kernel::run(&[], std::slice::from_ref(&start), 1, &Threads::ONE),
    );
    fails(
        "two for one",
        kernel::run(&two, std::slice::from_ref(&start), 1, &Threads::ONE),
    );
    let foreign = [SoftState::zeros(other)];
    fails(
        "another shape",
        kernel::run(&one, &foreign, 1, &Threads::ONE),
    );
    let starts = [start];
    let endless = kernel::pull_back(&one, &starts, usize::MAX, &by, &Threads::ONE);
    fails("too many steps", endless);
    assert!(kernel::pull_back(&[], &[], 1, &by, &Threads::ONE).is_ok());

    let mut controller = Controller::new(weights, 1);
    assert_eq!((controller.context(), controller.shape()), (1, shape));
    assert!(controller.by(1).is_none() && controller.by(0).is_some());
    fails("no context", controller.at(&[]));
    assert_eq!(controller.weights().shape(), shape);
    let example = Example {
        start: State::of(shape),
        wanted: Wanted {
            registers: vec![Some(0)],
            memory: Vec::new(),
        },
    };
    let examples = [(vec![1.0], example.clone())];
    let mask = Mask::all(shape);
    for options in [
        TrainOptions {
            batch: 0,
            ..TrainOptions::default()
        },
        TrainOptions {
            rate: NAN,
            ..TrainOptions::default()
        },
    ] {
        fails(
            "options",
            train(&mut controller, &mask, &examples, &options),
        );
    }
    let options = TrainOptions {
        iterations: 1,
        ..TrainOptions::default()
    };
    fails("no examples", train(&mut controller, &mask, &[], &options));
    fails(
        "a mask",
        train(&mut controller, &Mask::all(other), &examples, &options),
    );
    let foreign = [(Vec::new(), example.clone())];
    fails(
        "no context",
        train(&mut controller, &mask, &foreign, &options),
    );
    let infinite = [(vec![NAN], example)];
    fails("NaN", train(&mut controller, &mask, &infinite, &options));
    for options in [
        MemoriseOptions {
            code: 0,
            ..MemoriseOptions::default()
        },
        MemoriseOptions {
            hidden: usize::MAX,
            ..MemoriseOptions::default()
        },
        MemoriseOptions {
            rate: NAN,
            ..MemoriseOptions::default()
        },
    ] {
        fails("options", memorise(&code, &options));
    }
}

#[test]
fn digits_and_circuits_of_anything() {
    for width in [0, 1, 3, 17, 70] {
        for number in [0, 1, u64::MAX] {
            let bits = numbers::digits(number, width);
            assert_eq!(bits.len(), width);
            let wanted = if width >= 64 {
                number
            } else {
                number & ((1 << width) - 1)
            };
            assert_eq!(numbers::likeliest(&bits), wanted);
            for count in [0, 1, 5] {
                let mut distribution = vec![NAN; count];
                numbers::from_bits(&bits, &mut distribution);
                let mut by = vec![0.0; width / 2];
                numbers::from_bits_back(&bits, &distribution, &mut by);
                let mut again = vec![NAN; width];
                numbers::to_bits(&distribution, &mut again);
                numbers::to_bits_back(&again, &mut distribution);
            }
        }
    }
    assert_eq!(numbers::width(usize::MAX), 64);
    for operation in Arithmetic::ALL {
        for width in [0, WIDEST + 1, usize::MAX] {
            fails("a width", Circuit::new(operation, width));
            let _ = operation.of(u64::MAX, 0, width);
        }
        let circuit = Circuit::new(operation, 3).expect("a width");
        assert_eq!(circuit.outputs(), operation.outputs(3));
        assert!(circuit.gates() > 0 && circuit.inputs() == 6);
        for inputs in [&[][..], &[NAN], &[1.0; 99]] {
            let mut out = [0.0; 2];
            circuit.run(inputs, &mut out);
            let mut by = [0.0; 1];
            circuit.pull_back(inputs, &out, &mut by);
        }
        assert_eq!(circuit.run_words(&[]).len(), circuit.outputs());
        assert!(!operation.name().is_empty());
    }
    let _ = Instruction::ALL;
}
