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
