//! Models swapped while they run: handles go stale, readers go on, nothing is mixed or lost.

use crate::random::{Random, base_seed};
use dmci::{
    Bindings, Error, Handle, Interpreter, Kind, Model, Output, Registry, RegistryError, Workspace,
    Wrt,
};
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

fn model(text: &str) -> Model {
    Interpreter::embedded()
        .model(text)
        .expect("it is a program")
}

/// Models that differ, each known by its text: `0.0`, `1.0`, ….
fn models(count: usize) -> Vec<Model> {
    let interpreter = Interpreter::embedded();
    let texts = (0..count).map(|i| format!("{i}.0"));
    texts
        .map(|text| interpreter.model(&text).expect("it is a program"))
        .collect()
}

fn value(model: &Model, inputs: &Bindings) -> Result<Output, Error> {
    model.value(inputs, &mut Workspace::new())
}

fn stale(name: &str) -> RegistryError {
    RegistryError::Stale {
        name: Some(name.to_owned()),
    }
}

/// Runs on a thread of its own, and fails where it would wait for ever.
///
/// A failure on one of several threads can make the others wait: its own message comes before.
fn within_a_minute(run: impl FnOnce() + Send + 'static) {
    let (done, waiting) = mpsc::channel();
    let thread = thread::spawn(move || {
        run();
        let _ = done.send(());
    });
    // A thread that panicked has dropped its sender: its own message is the one to show.
    let waited = waiting.recv_timeout(Duration::from_mins(1));
    assert_ne!(waited, Err(mpsc::RecvTimeoutError::Timeout), "a deadlock?");
    thread.join().expect("the test's thread");
}

#[test]
fn a_registry_can_be_shared() {
    fn shared<T: Clone + Send + Sync + 'static>() {}
    shared::<Registry>();
    shared::<Handle>();
    shared::<RegistryError>();

    let registry = Registry::default();
    let clone = registry.clone();
    let handle = registry.insert("one", model("1.0"));
    assert_eq!(clone.get(handle).expect("the same registry").text(), "1.0");
}

#[test]
fn a_swap_gives_the_old_model_and_keeps_handle_and_name() -> Result<(), Error> {
    let registry = Registry::new();
    let handle = registry.insert("f", model("(* 2.0 x)"));
    let got = registry.get(handle)?;

    let old = registry.swap(handle, model("(* 3.0 x)"))?;
    assert_eq!(old.text(), "(* 2.0 x)");
    assert_eq!(registry.get(handle)?.text(), "(* 3.0 x)");
    assert_eq!(registry.name(handle)?, "f");
    assert_eq!(registry.find("f"), Some(handle));
    assert_eq!(registry.len(), 1);

    let inputs = Bindings::from([("x", 5.0)]);
    assert_eq!(value(&got, &inputs)?.number(), Some(10.0));
    assert_eq!(value(&registry.get(handle)?, &inputs)?.number(), Some(15.0));
    assert_eq!(registry.remove(handle)?.text(), "(* 3.0 x)");
    assert!(registry.is_empty());
    assert_eq!(value(&got, &inputs)?.number(), Some(10.0));
    Ok(())
}

#[test]
fn a_model_that_wants_other_inputs_can_be_swapped_in() -> Result<(), Error> {
    let registry = Registry::new();
    let handle = registry.insert("f", model("(* a x)"));
    let inputs = Bindings::from([("a", 2.0), ("x", 3.0)]);
    assert_eq!(value(&registry.get(handle)?, &inputs)?.number(), Some(6.0));

    // One fewer: the binding is ignored, and its derivative is 0.
    registry.swap(handle, model("(* 7.0 x)"))?;
    let mut workspace = Workspace::new();
    let now = registry.get(handle)?;
    let (y, gradient) = now.value_and_grad(&inputs, Wrt::Names(&["a", "x"]), &mut workspace)?;
    assert_eq!(y.number(), Some(21.0));
    assert_eq!(
        (gradient.get("a"), gradient.get("x")),
        (Some(0.0), Some(7.0))
    );

    // One more: the evaluation says which.
    registry.swap(handle, model("(+ x offset)"))?;
    let error = value(&registry.get(handle)?, &inputs).expect_err("`offset` is not given");
    assert_eq!(error.kind(), Kind::Unbound);
    assert!(error.to_string().contains("`offset`"), "{error}");
    Ok(())
}

#[test]
fn a_stale_handle_stays_stale_when_its_place_is_used_again() {
    let registry = Registry::new();
    let mut handles = Vec::new();
    for (i, model) in models(100).into_iter().enumerate() {
        let handle = registry.insert(format!("model {i}"), model);
        registry.remove(handle).expect("it is there");
        handles.push(handle);
    }
    let live = registry.insert("live", model("1.0"));
    for (i, &handle) in handles.iter().enumerate() {
        assert_ne!(handle, live);
        // All had one place, so one name is known: that of the last.
        let error = if i == 99 {
            stale("model 99")
        } else {
            RegistryError::Stale { name: None }
        };
        assert_eq!(registry.get(handle).err(), Some(error.clone()));
        let swapped = registry.swap(handle, model("2.0"));
        assert_eq!(swapped.err(), Some(error.clone()));
        assert_eq!(registry.remove(handle).err(), Some(error.clone()));
        assert_eq!(registry.name(handle).err(), Some(error));
    }
    let untouched = registry.get(live).expect("it is there");
    assert_eq!(untouched.text(), "1.0");
}

#[test]
fn errors_say_what_to_do() {
    let registry = Registry::new();
    let first = registry.insert("pendulum", model("1.0"));
    registry.remove(first).expect("it is there");
    let text = |handle| registry.get(handle).expect_err("no model").to_string();
    assert_eq!(
        text(first),
        "the handle of `pendulum` is stale: that model was removed; insert it again and use the \
         new handle"
    );
    let second = registry.insert("spring", model("2.0"));
    registry.remove(second).expect("it is there");
    assert_eq!(
        text(first),
        "the handle is stale: its model was removed, and so was another in its place since; \
         insert the model again and use the new handle"
    );
    assert_eq!(
        text(Registry::new().insert("pendulum", model("1.0"))),
        "the handle is of another registry; use it there, or insert the model here and use the \
         new handle"
    );
}

#[test]
fn errors_join_those_of_the_crate() {
    let run = || -> Result<Model, Error> {
        let registry = Registry::new();
        let handle = registry.insert("f", model("1.0"));
        registry.remove(handle)?;
        Ok(registry.get(handle)?)
    };
    let error = run().expect_err("the handle is stale");
    assert!(matches!(error, Error::Registry(_)), "{error:?}");
    assert_eq!(error.kind(), Kind::Request);
    assert_eq!(error.span(), None);
    assert_eq!(error.to_string(), stale("f").to_string());
}

#[test]
fn a_handle_of_another_registry_is_an_error() {
    // Registries come and go, so that one may lie where another lay.
    let model = model("1.0");
    let mut strange: Vec<Handle> = Vec::new();
    for _ in 0..100 {
        let registry = Registry::new();
        let own = registry.insert("f", model.clone());
        for &handle in &strange {
            let error = Some(RegistryError::OtherRegistry);
            assert_eq!(registry.get(handle).err(), error);
            assert_eq!(registry.swap(handle, model.clone()).err(), error);
            assert_eq!(registry.remove(handle).err(), error);
            assert_eq!(registry.name(handle).err(), error);
        }
        assert!(registry.get(own).is_ok());
        strange.push(own);
    }
}

#[test]
fn a_name_finds_the_newest_model_that_has_it() {
    let registry = Registry::new();
    let all = models(4);
    // The third goes to the first's place, before the second's.
    let gone = registry.insert("other", all[0].clone());
    let old = registry.insert("twin", all[1].clone());
    registry.remove(gone).expect("it is there");
    let new = registry.insert("twin", all[2].clone());
    let last = registry.insert("", all[3].clone());

    assert_eq!(registry.find("twin"), Some(new));
    assert_eq!(registry.find(""), Some(last));
    assert_eq!(registry.find("other"), None);
    assert_eq!(registry.get(old).expect("it is there").text(), "1.0");
    let named = [(old, "twin"), (new, "twin"), (last, "")];
    let named = named.map(|(handle, name)| (handle, name.to_owned()));
    assert_eq!(registry.handles(), named);

    // A swap makes a model no newer; a removal uncovers the one before.
    registry.swap(old, all[0].clone()).expect("it is there");
    assert_eq!(registry.find("twin"), Some(new));
    registry.remove(new).expect("it is there");
    assert_eq!(registry.find("twin"), Some(old));
    registry.remove(old).expect("it is there");
    assert_eq!(registry.find("twin"), None);
}

/// A program whose five numbers all depend on one constant, with a branch of its own on x, and a
/// gradient that does too: any mixture of two of them shows.
fn entangled(k: usize) -> String {
    format!(
        "(let ((k {k}.5))
           (let go ((i 0) (sum 0.0))
             (if (< i {k})
                 (go (+ i 1) (+ sum (* k x)))
                 (list k (* k x) (exp (/ x k)) sum (if (> x k) (* x x) (- x))))))"
    )
}

#[test]
fn readers_evaluate_while_models_are_swapped() {
    const MODELS: usize = 8;
    const READERS: usize = 3;
    const SWAPS: usize = 4000;
    within_a_minute(|| {
        let interpreter = Interpreter::embedded();
        let prepare = |k| interpreter.model(&entangled(k)).expect("it is a program");
        let xs = [0.5, 3.0, 7.25, 20.0];
        let inputs = xs.map(|x| Bindings::from([("x", x)]));
        let wrt = Wrt::Names(&["x"]);
        let evaluate = |model: &Model, inputs, workspace: &mut Workspace| {
            let result = model.value_and_grad(inputs, wrt, workspace);
            let (value, gradient) = result.expect("it runs");
            let numbers: Vec<u64> = value.numbers().map(f64::to_bits).collect();
            let row = gradient.jacobian("x").expect("x is an input");
            (numbers, row.iter().map(|g| g.to_bits()).collect::<Vec<_>>())
        };
        let expected: HashMap<String, Vec<_>> = (1..=MODELS)
            .map(|k| {
                let of = |inputs| evaluate(&prepare(k), inputs, &mut Workspace::new());
                (entangled(k), inputs.iter().map(of).collect())
            })
            .collect();

        let registry = Registry::new();
        let handle = registry.insert("swapped", prepare(1));
        let running = AtomicBool::new(true);
        // How many readers have met several models: until all have, swapping goes on.
        let varied = AtomicUsize::new(0);
        let read = |offset: usize| {
            let mut workspace = Workspace::new();
            let mut seen = HashSet::new();
            let mut run = offset;
            while running.load(Ordering::Relaxed) {
                run += 1;
                let model = registry.get(handle).expect("it is never removed");
                let place = run % inputs.len();
                let got = evaluate(&model, &inputs[place], &mut workspace);
                let want = &expected[model.text()][place];
                assert_eq!(got, *want, "{} at x = {}", model.text(), xs[place]);
                if seen.insert(model.text().to_owned()) && seen.len() == MODELS / 2 {
                    varied.fetch_add(1, Ordering::Relaxed);
                }
            }
        };
        thread::scope(|scope| {
            let read = &read;
            for offset in 0..READERS {
                scope.spawn(move || read(offset));
            }
            // Every other model is new, so paths are recorded while others are replayed.
            let kept: Vec<Model> = (1..=MODELS).map(prepare).collect();
            let mut before = entangled(1);
            let mut swap = 0;
            while swap < SWAPS || varied.load(Ordering::Relaxed) < READERS {
                let k = swap * 5 % MODELS + 1;
                let next = match swap / MODELS % 2 {
                    0 => prepare(k),
                    _ => kept[k - 1].clone(),
                };
                let old = registry.swap(handle, next).expect("it is never removed");
                assert_eq!(old.text(), before);
                before = entangled(k);
                swap += 1;
            }
            running.store(false, Ordering::Relaxed);
        });
    });
}

#[test]
fn every_model_comes_out_once_whoever_writes() {
    const WRITERS: usize = 2;
    const ROUNDS: usize = 250;
    within_a_minute(|| {
        let all = models(7);
        let texts: Vec<&str> = all.iter().map(Model::text).collect();
        let place = |model: &Model| texts.iter().position(|&text| text == model.text());
        for round in 0..ROUNDS {
            let registry = Registry::new();
            let handle = registry.insert("contested", all[0].clone());
            let swaps = AtomicUsize::new(0);
            // How often each model went in, less how often it came out.
            let write = |writer: usize| {
                let mut balance = [0; 7];
                for i in writer.. {
                    match registry.swap(handle, all[i % 7].clone()) {
                        Ok(old) => {
                            balance[i % 7] += 1;
                            balance[place(&old).expect("it is one of them")] -= 1;
                        }
                        Err(error) => {
                            assert_eq!(error, stale("contested"));
                            break;
                        }
                    }
                    swaps.fetch_add(1, Ordering::Relaxed);
                }
                balance
            };
            let mut balance = thread::scope(|scope| {
                let write = &write;
                let writers: Vec<_> = (0..WRITERS)
                    .map(|writer| scope.spawn(move || write(writer)))
                    .collect();
                // Not before they are at it, so that the removal comes amidst swaps.
                while swaps.load(Ordering::Relaxed) < round {
                    thread::yield_now();
                }
                let last = registry.remove(handle).expect("no one else removes it");
                let mut balance = [0; 7];
                balance[place(&last).expect("it is one of them")] -= 1;
                for writer in writers {
                    let writers = writer.join().expect("a writer");
                    for (sum, one) in balance.iter_mut().zip(writers) {
                        *sum += one;
                    }
                }
                balance
            });
            balance[0] += 1;
            assert_eq!(balance, [0; 7], "round {round}");
        }
    });
}

#[test]
fn handles_are_right_while_others_are_inserted_and_removed() {
    within_a_minute(|| {
        let all = Arc::new(models(400));
        let registry = Registry::new();
        let kept = registry.insert("kept", all[0].clone());
        let workers: Vec<_> = (0..3)
            .map(|worker| {
                let (all, registry) = (all.clone(), registry.clone());
                thread::spawn(move || {
                    for (i, model) in all.iter().enumerate() {
                        let name = format!("{worker} {i}");
                        let handle = registry.insert(&name, model.clone());
                        assert_eq!(registry.find(&name), Some(handle));
                        let got = registry.get(handle).expect("it was just inserted");
                        assert_eq!(got.text(), model.text());
                        let removed = registry.remove(handle).expect("only this thread does");
                        assert_eq!(removed.text(), model.text());
                        let again = registry.get(handle).err();
                        assert!(matches!(again, Some(RegistryError::Stale { .. })));
                        assert_eq!(registry.get(kept).expect("it stays").text(), "0.0");
                    }
                })
            })
            .collect();
        for worker in workers {
            worker.join().expect("a worker");
        }
        assert_eq!(registry.handles(), [(kept, "kept".to_owned())]);
    });
}

/// What a registry should be: what was inserted, in order, and what is still there.
#[derive(Default)]
struct Expected {
    /// Every handle ever given, with name, and text while the model is there.
    all: Vec<(Handle, String, Option<String>)>,
}

impl Expected {
    fn live(&self) -> impl DoubleEndedIterator<Item = (Handle, &str, &str)> {
        let all = self.all.iter();
        all.filter_map(|(handle, name, text)| Some((*handle, name.as_str(), text.as_deref()?)))
    }

    /// Checks everything that can be asked.
    fn check(&self, registry: &Registry, names: &[&str]) {
        let live: HashMap<Handle, (&str, &str)> = self
            .live()
            .map(|(h, name, text)| (h, (name, text)))
            .collect();
        assert_eq!(registry.len(), live.len());
        assert_eq!(registry.is_empty(), live.is_empty());
        let handles = self.live().map(|(h, name, _)| (h, name.to_owned()));
        assert_eq!(registry.handles(), handles.collect::<Vec<_>>());
        for &name in names {
            let newest = self.live().rev().find(|entry| entry.1 == name);
            assert_eq!(registry.find(name), newest.map(|entry| entry.0), "{name}");
        }
        for (handle, name, _) in &self.all {
            match (registry.get(*handle), live.get(handle)) {
                (Ok(model), Some(&(_, text))) => {
                    assert_eq!(model.text(), text);
                    assert_eq!(registry.name(*handle).as_ref(), Ok(name));
                }
                // A name may be forgotten; a wrong one is never told.
                (Err(RegistryError::Stale { name: told }), None) => {
                    assert!(told.is_none() || told.as_ref() == Some(name), "{told:?}");
                }
                (got, want) => panic!("{name}: {got:?}, not {want:?}"),
            }
        }
    }
}

fn random_operations(seed: u64, models: &[Model]) {
    let mut random = Random::new(seed);
    let names = ["a", "b", "c", "pendulum", ""];
    let registry = Registry::new();
    let strange = Registry::new().insert("a", models[0].clone());
    let mut expected = Expected::default();
    // Some sequences grow, some stay near empty, so that places are used again and again.
    let inserts = 20 + random.below(50);
    for _ in 0..60 {
        let model = &models[random.below(models.len())];
        let text = model.text().to_owned();
        if expected.all.is_empty() || random.percent(inserts) {
            let name = random.pick(&names);
            let handle = registry.insert(name, model.clone());
            assert!(expected.all.iter().all(|entry| entry.0 != handle));
            expected.all.push((handle, name.to_owned(), Some(text)));
        } else if random.percent(10) {
            let error = Some(RegistryError::OtherRegistry);
            assert_eq!(registry.swap(strange, model.clone()).err(), error);
            assert_eq!(registry.remove(strange).err(), error);
        } else {
            // Any handle, stale ones too.
            let entry = random.below(expected.all.len());
            let (handle, _, now) = &mut expected.all[entry];
            let (old, next) = if random.percent(50) {
                (registry.swap(*handle, model.clone()), Some(text))
            } else {
                (registry.remove(*handle), None)
            };
            assert_eq!(old.as_ref().ok().map(Model::text), now.as_deref());
            if now.is_some() {
                *now = next;
            }
        }
        expected.check(&registry, &names);
    }
}

#[test]
fn random_operations_agree_with_a_list() {
    let models = models(10);
    for seed in (0..200).map(|i| base_seed().wrapping_add(i)) {
        let run = || random_operations(seed, &models);
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run));
        assert!(result.is_ok(), "seed {seed}: DMCI_SEED={seed} starts there");
    }
}
