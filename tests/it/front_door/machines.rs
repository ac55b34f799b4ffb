//! The part of the front door that is the register machine's.

use super::{NAN, ODD, TEXTS, fails};
use dmci::Random;
use dmci::machine::assembly::{self, Sizes};
use dmci::machine::files;
use dmci::machine::tune::is_right;
use dmci::machine::{
    Compilation, Definition, Example, Instruction, Kernel, Line, Loss, Program, Scratch, Shape,
    SoftState, Start, State, TuneOptions, Tuned, Wanted, Weights, oracle, tune,
};
use dmci::{Bindings, Interpreter, Registry, Threads, Workspace};

#[test]
fn machines_of_anything() {
    for name in ["", "mul", "INC", "inc "] {
        assert_eq!(Instruction::from_name(name), None);
    }
    let odd = [0, 1, 2, 255, usize::MAX];
    for one in Instruction::ALL {
        assert_eq!(Instruction::from_name(one.name()), Some(one));
        for a in odd {
            let base = 7;
            let result = one.result(base, a, usize::MAX - a);
            assert!(result.is_none_or(|n| n < base));
            assert_eq!(
                result.is_some() || one == Instruction::Read,
                one.has_result()
            );
        }
    }
    for base in odd {
        for registers in [0, 1, 256, 257] {
            let shape = Shape {
                base,
                registers,
                lines: 2,
            };
            let fits = (2..=256).contains(&base) && (1..=256).contains(&registers);
            assert_eq!(shape.check().is_ok(), fits);
            if fits {
                assert_eq!(shape.columns(), 13 + 3 * registers + 2);
            }
        }
    }
    let shape = Shape {
        base: 3,
        registers: 1,
        lines: 2,
    };
    let mut program = Program::of(shape);
    for instruction in Instruction::ALL {
        program.lines[0] = Line {
            instruction,
            operands: [1, 2, usize::MAX],
            label: 7,
        };
        assert!(program.check().is_err());
        let mut state = State::of(shape);
        state.registers = vec![usize::MAX];
        state.memory.clear();
        oracle::step(&program, &mut state);
        assert!(oracle::run(&program, &mut state, 10) <= 10);
    }
}

#[test]
fn soft_machines_of_anything() {
    let shape = Shape {
        base: 3,
        registers: 1,
        lines: 2,
    };
    let small = Shape { base: 2, ..shape };
    let definition = Definition::default().with("one").expect("a variant");
    assert_eq!(Definition::default().with(""), None);
    assert_eq!(definition.jumps_on(), 1);
    let mut random = Random::at(&[]);
    assert_eq!(
        (random.below(0), random.bits() == random.bits()),
        (0, false)
    );
    assert!(random.unit() < 1.0 && random.normal().is_finite());
    let program = Program::random(shape, &mut random);
    let mut state = State::of(small);
    state.line = usize::MAX;
    oracle::step_by(&definition, &program, &mut state);
    oracle::run_by(&definition, &program, &mut state, 3);

    let mut bad = program.clone();
    bad.lines.pop();
    fails(
        "a line too few",
        Weights::compile(&bad, &Compilation::default()),
    );
    fails("no numbers", Weights::from_numbers(shape, Vec::new()));
    let mut weights = Weights::zeros(shape);
    assert_eq!(weights.group(5), Vec::<&[f64]>::new());
    for odd in ODD {
        weights.numbers_mut().fill(odd);
        assert_eq!(weights.decompile(), Program::of(shape));
        assert_eq!(weights.probabilities().len(), weights.numbers().len());
        assert!(weights.spread().iter().all(|line| line.is_doubtful(0.9)));
        assert!(weights.spread()[0].least() <= 1.0);
    }
    assert!(Weights::random(shape, NAN, 1).numbers()[0].is_nan());

    let mut soft = SoftState::of(shape, &state);
    *soft.halted_mut() = NAN;
    *soft.taken_mut() = NAN;
    soft.line_mut().fill(NAN);
    soft.memory_mut().fill(NAN);
    soft.registers_mut().fill(NAN);
    assert!(soft.halted().is_nan() && soft.taken().is_nan());
    assert_eq!(soft.likeliest(), State::of(shape));
    assert_eq!(soft.numbers_mut().len(), 16);
    let sizes = [soft.registers(), soft.memory(), soft.line(), soft.numbers()].map(<[f64]>::len);
    assert_eq!(sizes, [3, 9, 2, 16]);
    fails(
        "a shape of nothing",
        Kernel::<f32>::new(Shape { base: 0, ..shape }, definition),
    );
    let kernel = Kernel::<f64>::new(shape, definition).expect("a shape");
    assert_eq!(kernel.shape(), soft.shape());
    let mut scratch = Scratch::default();
    let ended = kernel.run(&weights, &[soft.clone()], 3, &Threads::ONE, &mut scratch);
    assert!(ended.expect("NaN is a number too")[0].halted().is_nan());
    let other = [SoftState::zeros(small)];
    fails(
        "another shape",
        kernel.run(&weights, &other, 3, &Threads::ONE, &mut scratch),
    );
    let loss = Loss::default();
    let wanted = Wanted {
        memory: vec![Some(7), None, Some(1), Some(0)],
        registers: vec![Some(9); 5],
    };
    assert_eq!(wanted.right(&state).1, 8);
    assert!(!wanted.holds(&state));
    let cotangent = |_: usize, end: &SoftState, by: &mut SoftState| loss.of(&wanted, end, by);
    let starts = ([soft], true);
    let starts = (&starts.0[..], starts.1);
    let pulled = kernel.pull_back(
        &weights,
        starts,
        usize::MAX,
        &cotangent,
        &Threads::ONE,
        &mut scratch,
    );
    fails("more steps than fit", pulled);
    let options = TuneOptions {
        tries: 1,
        iterations: 1,
        steps: 1,
        ..TuneOptions::default()
    };
    weights.numbers_mut().fill(NAN);
    let start = Start::Weights(weights);
    let example = |_: &mut Random| Example {
        start: State::of(small),
        wanted: Wanted::default(),
    };
    fails(
        "weights of NaN",
        tune(&start, &example, &[], &options, &|_| {}),
    );
    let tuned = Tuned { tries: Vec::new() };
    assert!(tuned.found().is_none() && tuned.best().is_none() && tuned.program().is_none());
    assert!(is_right(&definition, &program, &[], usize::MAX));
}

#[test]
fn tasks_searched_and_synthesised_with_anything() {
    use dmci::machine::search::{self, SearchOptions, search};
    use dmci::machine::synthesis::{SKELETONS, SynthOptions, synthesise};
    use dmci::machine::table::{self, TableError};
    use dmci::machine::tasks::{self, Sizes, Task};

    assert!(tasks::named("").is_none());
    let task = tasks::named("reduce").expect("a task").with_lines(1);
    let program = task.reference();
    assert_eq!(program.check(), Ok(()));
    let mut random = Random::new(1);
    for base in [0, 1, 2, 8] {
        for (fewest, most) in [(0, 0), (1, 0), (0, base)] {
            let filled = f64::NAN;
            let sizes = Sizes {
                base,
                fewest,
                most,
                filled,
            };
            let example = task.example(&sizes, &mut random);
            assert_eq!(example.start.memory.len(), base.max(2));
        }
    }
    assert!(task.training(0, 0).is_empty());
    assert!(Task::is_right(&program, &task.held_out(), 100));
    assert!(!task.more_cells().is_empty());
    assert!(!task.verdict(&Program::of(task.shape)).is_exact());

    let none = Shape {
        base: 0,
        registers: 0,
        lines: 0,
    };
    assert!(search(none, &[], &SearchOptions::default()).is_err());
    assert!(synthesise(none, &[], &SynthOptions::default()).is_err());
    let few = SearchOptions {
        proposals: 10,
        temperature: f64::NAN,
        ..SearchOptions::default()
    };
    let examples = task.training(3, 1);
    assert!(search(task.shape, &examples, &few).is_ok());
    let small = search::random_program(
        Shape {
            base: 2,
            registers: 1,
            lines: 1,
        },
        &mut random,
    );
    assert!((0.0..=1.0).contains(&search::score(&small, &examples, 10)));
    for skeleton in SKELETONS {
        assert_eq!(skeleton.blank(task.shape).check(), Ok(()));
    }
    for plans in [table::plans(true), table::ablation(true)] {
        let mut plan = plans[0].clone();
        assert!(!plan.from.name().is_empty());
        plan.task = "sort";
        let row = table::row(&plan, 1, &Threads::ONE, &|| {});
        assert!(matches!(row, Err(TableError::Task(_))));
    }
    let start = Start::Among {
        programs: Vec::new(),
        gamma: 0.0,
        epsilon: 0.0,
    };
    assert!(start.shape().check().is_err());
    let draw = |_: &mut Random| examples[0].clone();
    assert!(tune(&start, &draw, &examples, &TuneOptions::default(), &|_| {}).is_err());
}

#[test]
fn machines_of_any_text() {
    let words = [
        "halt",
        "jump r0",
        "inc r0 r1",
        ".base",
        "9",
        "L:",
        ":",
        ";",
        "\n",
        ".program",
        "ä",
    ];
    let mut random = Random::new(7);
    for _ in 0..500 {
        let pick = |random: &mut Random| words[random.below(words.len())];
        let text: Vec<&str> = (0..random.below(8)).map(|_| pick(&mut random)).collect();
        let text = text.join(" ");
        if let Ok(read) = assembly::read(&text, Sizes::default()) {
            assert_eq!(read.program.check(), Ok(()));
            let written = assembly::write(&read.program, &|_| None);
            assert!(assembly::read(&written, Sizes::default()).is_ok(), "{text}");
        }
        if let Err(error) = assembly::read_library(&text) {
            assert!(
                error.position.line >= 1 && error.message.len() > 10,
                "{error}"
            );
        }
    }
    for text in TEXTS {
        fails(text, files::read_soft(text));
        fails(
            text,
            files::read_example(
                Shape {
                    base: 2,
                    registers: 1,
                    lines: 1,
                },
                text,
            ),
        );
    }
    let line = Line {
        instruction: Instruction::Jump,
        operands: [usize::MAX; 3],
        label: usize::MAX,
    };
    assert!(assembly::line(&line).starts_with("jump"));
    let shape = Shape {
        base: 2,
        registers: 1,
        lines: 1,
    };
    let state = SoftState::of(shape, &State::of(shape));
    assert!(files::write_soft(&Weights::zeros(shape), &state).starts_with('{'));

    let registry = Registry::new();
    let interpreter = Interpreter::embedded().with_models(&registry);
    fails("no library", registry.insert_machines(&interpreter, "halt"));
    for _ in 0..2 {
        let library = ".program one\n.arguments 0\ninc r0 r0\nhalt\n.program f\n.arguments 2\nsub r0 r1 r0\nhalt";
        registry
            .insert_machines(&interpreter, library)
            .expect("a library");
        let value = |text: &str| {
            let model = interpreter.model(text).expect("a program");
            model.value(&Bindings::new(), &mut Workspace::new())
        };
        assert_eq!(
            value("(machine \"one\")").expect("a number").number(),
            Some(1.0)
        );
        assert_eq!(
            value("(machine \"f\" 2 3)").expect("a number").number(),
            Some(7.0)
        );
        for text in [
            "(machine \"f\" 2)",
            "(machine \"f\" 2 8)",
            "(machine \"f\" 0.5 1)",
            "(machine \"f\" 'a 1)",
            "(machine \"no\" 1)",
        ] {
            fails(text, value(text));
        }
        fails("no name", interpreter.model("(machine f)"));
    }
}
