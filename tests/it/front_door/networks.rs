//! The front door of programs as layers of networks.

use super::{NAN, ODD, TEXTS, at, fails, model, refused};
use ::dfdx::tensor::Cpu;
use dmci::dfdx::{ParamSet, ProgramModule, prim::differentiate, reference};
use dmci::prim::Prim;
use dmci::syntax::Constraint;
use dmci::{Bindings, Interpreter, Limits, Relaxation, Wrt};

type Module = ProgramModule<1, 1, 1, f64>;

/// Paths of no file.
const NOWHERE: [&str; 3] = ["", ".", "/no/such/folder/file"];

#[test]
fn layers_that_cannot_be() {
    let device = Cpu::default();
    let interpreter = Interpreter::embedded();
    for text in TEXTS {
        fails(text, Module::compile(&device, &interpreter, text, ["x"]));
    }
    fails("no param", Module::new(&device, &model("(* 2 x)"), ["x"]));
    fails(
        "no such input",
        Module::new(&device, &model("(param k 1.0) k"), ["no"]),
    );
    let program = model("(param k 1.0 (> 0)) (* k x)");
    let fixed = Bindings::new();
    for constant in [("no", 1.0), ("k", NAN), ("k", -1.0), ("", 0.0)] {
        let made = Module::with_constants(&device, &program, ["x"], [constant], &fixed);
        fails("a constant", made);
    }
    let mut module = Module::new(&device, &program, ["x"]).expect("a module");
    for (name, value) in [("no", 1.0), ("k", NAN), ("k", 0.0), ("k", f64::INFINITY)] {
        fails("a value", module.set(name, value));
    }
    assert!(module.value("no").is_none() && module.values() == [1.0]);
    assert_eq!(module.constant_names().count(), 1);
    let cold = Relaxation::default().temperature(0.0);
    fails("a temperature", module.relax(cold));
    for path in NOWHERE {
        fails("no file", module.save_constants(path));
        fails("no file", module.load_constants(path));
    }
    assert_eq!(module.values(), [1.0]);
    module.restore();
    let _ = module.with_limits(Limits::default());
}

#[test]
fn sets_of_params() {
    let device = Cpu::default();
    let free = Constraint::Free;
    for params in [
        [("a", 1.0, free), ("a", 2.0, free)],
        [("a", NAN, free), ("b", 1.0, free)],
        [("a", 1.0, Constraint::Between(3.0, 2.0)), ("b", 1.0, free)],
        [("a", 1.0, Constraint::Above(NAN)), ("b", 1.0, free)],
    ] {
        fails("params", ParamSet::<f64>::new(&device, params));
    }
    let empty = ParamSet::<f64>::of_model(&device, &model("x")).expect("no params");
    assert!(empty.is_empty() && empty.gradients(|_| NAN).is_ok());
    let mut set = ParamSet::<f64>::new(&device, [("a", 1.0, Constraint::Above(0.0))]).expect("one");
    assert_eq!(
        (set.len(), set.names().count(), set.iter().count()),
        (1, 1, 1)
    );
    assert!(set.value("no").is_none() && set.coordinate("no").is_none());
    for (name, value) in [("no", 1.0), ("a", NAN), ("a", -1.0)] {
        fails("a value", set.set(name, value));
    }
    let gradients = set.gradients(|_| NAN);
    assert!(gradients.is_ok());
    let on_tape = set.on_tape::<::dfdx::tensor::NoneTape>("no");
    assert!(on_tape.is_ok_and(|tensor| tensor.is_none()));
    for path in NOWHERE {
        fails("no file", set.save_constants(path));
        fails("no file", set.load_constants(path));
    }
    assert_eq!(set.value("a"), Some(1.0));
    set.restore();
    assert_eq!(set.bindings().names().count(), 1);
}

#[test]
fn the_reference_given_anything() {
    let graph = dmci::graph::Graph::default();
    fails(
        "no graph",
        reference::evaluate(&graph, &at(1.0), Wrt::All, &Limits::default()),
    );
    fails(
        "no graph",
        dmci::dfdx::evaluate(&graph, &at(1.0), Wrt::All, &Limits::default()),
    );
    let whole = dmci::compile_program(&Interpreter::embedded(), "(* x x)").expect("a program");
    let wrt = Wrt::Names(&["no"]);
    refused(
        "no such name",
        reference::evaluate(&whole, &at(1.0), wrt, &Limits::default()),
    );
    for &prim in Prim::ALL {
        for a in ODD {
            for b in ODD {
                let _ = differentiate(prim, a, b);
            }
        }
    }
}

#[test]
fn libraries_that_cannot_be() {
    use dmci::dfdx::library::{
        Choice, CircuitEntry, Entry, EntryModule, MachineEntry, Pointed, SchemeEntry, Softmaxed,
        Table,
    };
    use dmci::machine::circuits::Arithmetic;
    use dmci::machine::library::{Argument, assembly};
    use std::sync::Arc;

    for (base, results) in [(0, 1), (1, 0), (129, 2), (2, usize::MAX)] {
        fails("a size", Table::new("no", base, results, &|_, _| 0));
    }
    fails("a result", Table::new("no", 2, 2, &|a, b| a + b));
    fails("a base", Table::of(Arithmetic::Add, 0));
    for digits in [0, 8, usize::MAX] {
        fails("digits", Table::on_digits(Arithmetic::Less, digits));
    }
    fails("a width", CircuitEntry::on_digits(Arithmetic::Add, 257));
    for base in [0, 1, 3, 1 << 13] {
        fails(
            "a base",
            CircuitEntry::on_distributions(Arithmetic::Add, base),
        );
    }
    let code = assembly::read(".program one\ninc r0 r0\nhalt").expect("code");
    fails(
        "no program",
        MachineEntry::new(&code, "two", &[Argument::Soft], 9),
    );
    fails("no input", SchemeEntry::new("f", &model("x"), &["y"], 1));
    fails(
        "a vector",
        SchemeEntry::of_vector("f", &model("x"), "x", 0, 1),
    );

    let add: Arc<dyn Entry> = Arc::new(Table::of(Arithmetic::Add, 2).expect("a table"));
    let less: Arc<dyn Entry> = Arc::new(Table::of(Arithmetic::Less, 3).expect("a table"));
    fails("no entries", Choice::new("no", &[2], Vec::new()));
    for takes in [vec![], vec![0], vec![0, 2], vec![0, usize::MAX]] {
        fails(
            "arguments",
            Choice::new("no", &[2, 2, 3], vec![(add.clone(), takes)]),
        );
    }
    let both = vec![(add.clone(), vec![0, 0]), (less.clone(), vec![1, 1])];
    let choice = Choice::new("both", &[2, 3], both).expect("as many results");
    assert_eq!(choice.names().collect::<Vec<_>>(), ["add", "less"]);
    fails("no argument", Softmaxed::new(add.clone(), &[2]));
    for (first, items) in [(2, 1), (0, 0), (usize::MAX, 1)] {
        fails("no pointers", Pointed::new(add.clone(), first, items));
    }
    fails("widths", Pointed::new(Arc::new(choice), 0, 2));
    assert!(
        Softmaxed::new(add.clone(), &[0, 1])
            .expect("two")
            .hard()
            .row()
            == 4
    );

    let device = Cpu::default();
    fails(
        "sizes",
        EntryModule::<4, 3, 0, f64>::new(&device, add.clone()),
    );
    fails(
        "sizes",
        EntryModule::<5, 2, 0, f64>::new(&device, add.clone()),
    );
    let module = EntryModule::<3, 2, 0, f64>::new(&device, add).expect("a module");
    let mut module = module.with_threads(dmci::Threads::ONE);
    fails("another entry", module.swap(less));
    assert!(module.values().is_empty());
    let x: ::dfdx::tensor::Tensor<::dfdx::shapes::Rank2<2, 3>, f64, _> =
        ::dfdx::tensor::ZerosTensor::zeros(&device);
    for others in [0, 1, 3] {
        fails(
            "numbers",
            module.try_forward_with(x.clone(), &vec![NAN; others]),
        );
    }
    assert!(module.try_forward_with(x, &[NAN; 2]).is_ok());
}
