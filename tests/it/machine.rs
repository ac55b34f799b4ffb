//! The register machine held against its definition, `examples/register_machine/machine.scm`: the
//! integer machine and the kernel, on whole numbers and on distributions.

use crate::random::{base_seed, programs};
use dmci::Random;
use dmci::fit::{FitOptions, Table, fit};
use dmci::machine::{
    Compilation, Definition, Instruction, Kernel, Loss, Program, Scratch, Shape, SoftState, State,
    Wanted, Weights, assembly, oracle,
};
use dmci::{Bindings, Gradient, Input, Interpreter, Limits, Mode, Model, Threads, Workspace, Wrt};

const DEFINITION: &str = include_str!("../../examples/register_machine/machine.scm");

/// The definition with variants, and an end of its own.
fn text(variants: &[&str], end: &str) -> String {
    let none = "(define variants '())";
    assert!(DEFINITION.contains(none));
    let some = format!("(define variants '({}))", variants.join(" "));
    format!("{}\n{end}", DEFINITION.replace(none, &some))
}

fn model(variants: &[&str], end: &str, inputs: &Bindings, mode: Mode) -> Model {
    let text = text(variants, end);
    Interpreter::embedded()
        .model_for(&text, inputs, mode)
        .expect("a program")
}

fn definition(variants: &[&str]) -> Definition {
    variants.iter().fold(Definition::default(), |all, name| {
        all.with(name).expect("a variant")
    })
}

/// The variants of a set of four bits.
fn variants(set: usize) -> Vec<&'static str> {
    let names = Definition::VARIANTS.into_iter().enumerate();
    names
        .filter(|(at, _)| set >> at & 1 == 1)
        .map(|(_, name)| name)
        .collect()
}

fn matrix(numbers: &[f64], columns: usize) -> Input {
    let rows: Vec<&[f64]> = numbers.chunks_exact(columns).collect();
    Input::matrix(&rows).expect("a matrix")
}

/// What the definition is given.
fn inputs(
    weights: &Weights,
    start: &SoftState,
    wanted: &Wanted,
    steps: usize,
    floor: f64,
) -> Bindings {
    let base = weights.shape().base;
    let mut inputs = Bindings::new();
    for (group, name) in Weights::GROUPS.into_iter().enumerate() {
        inputs.set(
            name,
            Input::matrix(&weights.group(group)).expect("a matrix"),
        );
    }
    inputs.set("registers", matrix(start.registers(), base));
    inputs.set("memory", matrix(start.memory(), base));
    let mut rows = vec![0.0; base * base];
    for (row, wanted) in rows.chunks_exact_mut(base).zip(&wanted.memory) {
        if let Some(wanted) = wanted {
            row[*wanted] = 1.0;
        }
    }
    inputs.set("wanted", matrix(&rows, base));
    inputs.set("steps", steps as f64);
    inputs.set("loss-floor", floor);
    inputs
}

fn state(shape: Shape, random: &mut Random) -> State {
    State {
        registers: (0..shape.registers)
            .map(|_| random.below(shape.base))
            .collect(),
        memory: (0..shape.base).map(|_| random.below(shape.base)).collect(),
        ..State::of(shape)
    }
}

/// What memory is to hold at some addresses.
fn wanted(shape: Shape, random: &mut Random) -> Wanted {
    let mut memory: Vec<Option<usize>> = Vec::new();
    for _ in 0..shape.base {
        let number = random.below(shape.base);
        memory.push((random.below(3) > 0).then_some(number));
    }
    memory[0] = Some(random.below(shape.base));
    let registers = Vec::new();
    Wanted { memory, registers }
}

#[test]
fn of_whole_numbers_oracle_kernel_and_definition_are_one() {
    const STEPS: usize = 64;
    let seed = base_seed();
    let shape = Shape {
        base: 5,
        registers: 3,
        lines: 6,
    };
    let mut random = Random::at(&[seed, 15]);
    let kernel = Kernel::<f64>::new(shape, Definition::default()).expect("a shape");
    let (mut scratch, mut workspace) = (Scratch::default(), Workspace::new());
    let mut model_of_all = None;
    let how = Compilation {
        epsilon: 0.0,
        ..Compilation::default()
    };
    let mut halted = 0;
    for program in 0..programs(1000) {
        let code = Program::random(shape, &mut random);
        let weights = Weights::compile(&code, &how).expect("a program");
        let mut state = state(shape, &mut random);
        let start = SoftState::of(shape, &state);
        let inputs = inputs(&weights, &start, &Wanted::default(), STEPS, 1.0);
        let model =
            model_of_all.get_or_insert_with(|| model(&[], "end", &inputs, Mode::Interpreter));

        oracle::run(&code, &mut state, STEPS);
        halted += usize::from(state.halted);
        let wanted = SoftState::of(shape, &state);
        let wanted = &wanted.numbers()[..wanted.numbers().len() - 1];
        let ends = kernel.run(&weights, &[start], STEPS, &Threads::ONE, &mut scratch);
        let end = &ends.expect("they fit")[0];
        let what = format!("program {program} of seed {seed}");
        assert_eq!(&end.numbers()[..wanted.len()], wanted, "kernel, {what}");
        let by_definition = model.value(&inputs, &mut workspace).expect("a state");
        let numbers: Vec<f64> = by_definition.numbers().collect();
        assert_eq!(numbers, wanted, "definition, {what}");
    }
    // Both sorts were seen.
    let all = programs(1000) as usize;
    assert!(all < 100 || (halted > all / 5 && halted < all), "{halted}");
}

/// Differences in units of what is compared.
fn difference(got: &[f64], wanted: &[f64]) -> f64 {
    assert_eq!(got.len(), wanted.len());
    let pairs = got.iter().zip(wanted);
    let apart = pairs.map(|(got, wanted)| (got - wanted).abs() / (1.0 + wanted.abs()));
    apart.fold(0.0, f64::max)
}

/// Value and gradient of a soft case, by kernel and by definition.
fn soft_case(seed: u64, shape: Shape, set: usize, steps: usize, mode: Mode, within: f64) {
    let variants = variants(set);
    let what = format!("{shape:?}, variants {variants:?}, seed {seed}");
    let mut random = Random::at(&[seed, set as u64, steps as u64]);
    let weights = Weights::random(shape, 1.0, random.bits());
    let mut start = SoftState::zeros(shape);
    let columns = shape.base;
    for half in [true, false] {
        let numbers = if half {
            start.registers_mut()
        } else {
            start.memory_mut()
        };
        for row in numbers.chunks_exact_mut(columns) {
            for x in &mut *row {
                *x = 0.05 + random.unit();
            }
            let sum: f64 = row.iter().sum();
            for x in row {
                *x /= sum;
            }
        }
    }
    start.line_mut()[0] = 1.0;
    let wanted = wanted(shape, &mut random);
    let loss = Loss {
        floor: 0.1,
        ..Loss::default()
    };

    let kernel = Kernel::<f64>::new(shape, definition(&variants)).expect("a shape");
    let pulled = kernel
        .pull_back(
            &weights,
            (std::slice::from_ref(&start), true),
            steps,
            &|_, end, by| loss.of(&wanted, end, by),
            &Threads::ONE,
            &mut Scratch::default(),
        )
        .expect("they fit");

    let inputs = inputs(&weights, &start, &wanted, steps, loss.floor);
    let model = model(&variants, "", &inputs, mode);
    let run = model
        .evaluate(&inputs, Wrt::All, &Limits::default(), &mut Workspace::new())
        .unwrap_or_else(|error| panic!("{error}, {what}"));
    let value = run.value.number().expect("a number");
    assert!(
        difference(&[pulled.value], &[value]) < within,
        "{} {value}, {what}",
        pulled.value
    );
    let by = |gradient: &Gradient, name: &str| {
        gradient.jacobian(name).expect("it is asked for").to_vec()
    };
    let by_weights = Weights::from_numbers(shape, pulled.weights).expect("they are as many");
    for (group, name) in Weights::GROUPS.into_iter().enumerate() {
        let got = by_weights.group(group).concat();
        let apart = difference(&got, &by(&run.gradient, name));
        assert!(apart < within, "{name}: {apart}, {what}");
    }
    for (name, got) in [
        ("registers", pulled.starts[0].registers()),
        ("memory", pulled.starts[0].memory()),
    ] {
        let apart = difference(got, &by(&run.gradient, name));
        assert!(apart < within, "{name}: {apart}, {what}");
    }
}

#[test]
fn of_distributions_kernel_and_definition_are_one() {
    let seed = base_seed();
    let shapes = [
        (4, 3, 5, 9),
        (3, 2, 7, 12),
        (6, 1, 2, 5),
        (2, 4, 1, 3),
        (8, 4, 9, 4),
    ];
    for set in 0..16 {
        let (base, registers, lines, steps) = shapes[set % shapes.len()];
        let shape = Shape {
            base,
            registers,
            lines,
        };
        soft_case(seed, shape, set, steps, Mode::Interpreter, 1e-12);
    }
    for (base, registers, lines, steps) in shapes {
        let shape = Shape {
            base,
            registers,
            lines,
        };
        soft_case(seed + 1, shape, 0, steps, Mode::Interpreter, 1e-12);
    }
}

#[cfg(feature = "dfdx")]
#[test]
fn dfdx_is_of_the_same_opinion() {
    let shape = Shape {
        base: 3,
        registers: 2,
        lines: 2,
    };
    for set in [0, 15] {
        soft_case(base_seed(), shape, set, 2, Mode::Reference, 1e-12);
    }
}

/// A vector as text.
fn written(numbers: &[f64]) -> String {
    format!("{numbers:?}").replace(',', "")
}

/// A definition of a matrix by its rows.
fn defined(name: &str, rows: &[String]) -> String {
    format!("(define {name} (list->vec (list {})))\n", rows.join("\n  "))
}

#[test]
fn a_fit_of_the_definition_finds_a_blank_line() {
    let text = ".base 4\n.registers 2\nread r0 r1\ninc r1 r1\nwrite r0 r1\nhalt";
    let assembly = assembly::read(text, assembly::Sizes::default()).expect("a program");
    let (shape, blank) = (assembly.program.shape, 1);
    let how = Compilation {
        gamma: 0.1,
        ..Compilation::default()
    };
    let weights = Weights::compile(&assembly.program, &how).expect("weights");
    let names: Vec<String> = Instruction::ALL
        .iter()
        .map(|one| format!("line-{one}"))
        .collect();
    let params = names
        .iter()
        .map(|name| format!("(param {name} 0 (between -10 10))\n"));
    let mut program: String = params.collect();
    for (group, name) in Weights::GROUPS.into_iter().enumerate() {
        let rows = weights.group(group);
        let mut rows: Vec<String> = rows.iter().map(|row| written(row)).collect();
        if name == "instructions" {
            rows[blank] = format!("[{}]", names.join(" "));
        }
        program += &defined(name, &rows);
    }
    let start = SoftState::of(shape, &assembly.start);
    let wanted = Wanted {
        memory: vec![Some(1)],
        ..Wanted::default()
    };
    let mut one_hot = vec![0.0; shape.base * shape.base];
    one_hot[1] = 1.0;
    for (name, numbers) in [
        ("registers", start.registers()),
        ("memory", start.memory()),
        ("wanted", &one_hot),
    ] {
        let rows: Vec<String> = numbers.chunks_exact(shape.base).map(written).collect();
        program += &defined(name, &rows);
    }
    program += "(define steps 6)\n(define loss-floor 0.1)\n";
    let blanked = Interpreter::embedded()
        .model(&(program + DEFINITION))
        .expect("a program");
    let options = FitOptions::default().minimize(true).starts(1);
    let found = fit(&blanked, &Table::empty(), &options).expect("it is fitted");
    let highest = found
        .params
        .iter()
        .max_by(|a, b| a.estimate.total_cmp(&b.estimate));
    assert_eq!(highest.expect("a param").name, "line-inc");
    // The line that was there was softer than the one that is found.
    let given = inputs(&weights, &start, &wanted, 6, 0.1);
    let whole = model(&[], "", &given, Mode::Direct);
    let before = whole.value(&given, &mut Workspace::new());
    let before = before.expect("a loss").numbers().sum::<f64>();
    assert!(found.value < before, "{} of {before}", found.value);
    // All weights are as sure as they may be, and then nothing is left to slide down.
    let norm = found.loss.expect("a loss").gradient_norm;
    assert!(norm.is_sign_positive(), "{norm}");
}

#[cfg(feature = "cli")]
mod table {
    //! `dmci machine synth`, `search` and `table1`.

    use std::process::Command;

    fn dmci(arguments: &[&str]) -> (bool, String, String) {
        let ran = Command::new(env!("CARGO_BIN_EXE_dmci"))
            .args(arguments)
            .output()
            .expect("dmci runs");
        let text = |bytes| String::from_utf8(bytes).expect("text");
        (ran.status.success(), text(ran.stdout), text(ran.stderr))
    }

    #[test]
    fn rows_have_what_was_asked_for_on_any_number_of_threads() {
        let asked = ["machine", "table1", "--short", "--task", "inc", "--json"];
        let printed = |threads: &str| {
            let all = [&asked[..], &["--threads", threads]].concat();
            let (well, out, told) = dmci(&all);
            assert!(well, "{told}");
            out
        };
        let out = printed("1");
        assert_eq!(out, printed("2"));
        let all: serde_json::Value = serde_json::from_str(&out).expect("JSON");
        let rows = all["rows"].as_array().expect("rows");
        assert_eq!(rows.len(), 5);
        for row in rows {
            assert_eq!(row["task"], "inc");
            let count = |key: &str| {
                row[key]
                    .as_u64()
                    .unwrap_or_else(|| panic!("{key} of {row}"))
            };
            assert!(count("recovered") <= count("runs"));
            assert!(count("more_cells").max(count("more_steps")) <= count("recovered"));
            assert!(count("spent") >= count("runs") && count("tries") * count("iterations") > 0);
        }
        // Of increments synthesis leaves nothing to be found.
        let from = |from: &'static str| rows.iter().filter(move |row| row["from"] == from);
        assert_eq!(from("synthesised").count(), 2);
        assert!(
            from("synthesised").all(|row| row["more_steps"] == row["runs"]),
            "{out}"
        );
    }

    #[test]
    fn what_is_no_task_is_told() {
        for command in ["synth", "search"] {
            let (well, _, told) = dmci(&["machine", command, "sort"]);
            assert!(
                !well && told.contains("no task `sort`; there are inc, map-inc"),
                "{told}"
            );
        }
        let (well, _, told) = dmci(&["machine", "table1", "--task", "sort"]);
        assert!(!well && told.contains("no rows of a task `sort`"), "{told}");
        let (well, out, _) = dmci(&["machine", "search", "map-dec", "--proposals", "3", "--json"]);
        assert!(well && out.contains("\"found\":false"), "{out}");
    }
}
