//! Threads: a call uses those it is told to and no others, and a process that was forked off answers.
//!
//! **Invariants**
//! - Answers have the same bits on any number of threads.
//! - A child that was forked off after a batch, after a fit, or before either, does both.

use dmci::fit::{FitOptions, Table, fit_observed};
use dmci::{Bindings, Interpreter, Lane, Limits, Request, Threads};
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};
use std::thread;

const LANES: usize = 65_536;

/// The sum of a batch that is worth sharing, and its gradient.
fn batch(threads: &Threads) -> Vec<u64> {
    let model = Interpreter::embedded()
        .model("(* a (exp (* (- 0 b) x)))")
        .expect("a program");
    let mut evaluator = model
        .evaluator(
            &Bindings::new(),
            &["a", "b", "x"],
            &["a", "b"],
            &Limits::default(),
        )
        .expect("its inputs are numbers")
        .threads(threads.clone());
    let x: Vec<f64> = (0..LANES).map(|lane| lane as f64 / LANES as f64).collect();
    let inputs = [Lane::Shared(2.5), Lane::Shared(0.8), Lane::Each(&x)];
    let mut gradient = [0.0; 2];
    let sum = evaluator.sum(&inputs, &mut gradient).expect("it runs");
    [sum, gradient[0], gradient[1]].map(f64::to_bits).into()
}

/// A fit of some starts; tells the names of the threads on which they ended.
fn fitted(threads: &Threads) -> (Vec<u64>, BTreeSet<String>) {
    let rows = "x,y\n0,2.6\n1,1.1\n2,0.49\n3,0.24\n4,0.09\n5,0.05\n";
    let table = Table::from_reader(rows.as_bytes(), "decay.csv").expect("a table");
    let options = FitOptions::default().threads(threads.clone());
    let model = "(param a 1) (param b 1) (observe y (* a (exp (* (- 0 b) x))))";
    let model = Interpreter::embedded()
        .model(model)
        .expect("it is a program");
    let names = Mutex::new(BTreeSet::new());
    let fit = fit_observed(&model, &table, &options, &|_| {
        let name = thread::current().name().unwrap_or("none").to_owned();
        names.lock().expect("no one panics").insert(name);
        ControlFlow::Continue(())
    });
    let fit = fit.expect("it fits");
    let bits = fit.params.iter().map(|param| param.estimate.to_bits());
    (bits.collect(), names.into_inner().expect("no one panics"))
}

#[test]
fn answers_do_not_depend_on_the_number_of_threads() {
    let (sum, params) = (batch(&Threads::ONE), fitted(&Threads::ONE).0);
    for threads in [Threads::ALL, Threads::of(1), Threads::of(2), 5.into()] {
        assert_eq!(batch(&threads), sum, "{threads:?}");
        assert_eq!(fitted(&threads).0, params, "{threads:?}");
    }
    assert_eq!(Threads::of(0), Threads::ONE);
    assert_eq!(Threads::of(3).count(), 3);
}

#[test]
fn one_thread_is_the_caller() {
    let (_, names) = fitted(&Threads::ONE);
    let here = thread::current().name().unwrap_or("none").to_owned();
    assert_eq!(names, BTreeSet::from([here]));
}

#[test]
fn two_threads_with_a_pool_each_share_nothing() {
    let work = |own: &'static str| {
        thread::spawn(move || {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(2)
                .thread_name(move |index| format!("{own} {index}"))
                .build()
                .expect("threads can be had");
            let threads = Threads::in_pool(Arc::new(pool));
            let names: BTreeSet<String> = (0..5)
                .flat_map(|_| {
                    batch(&threads);
                    fitted(&threads).1
                })
                .collect();
            // The first word on the progress is said before there is work to share.
            let strangers = names.iter().filter(|name| !name.starts_with(own));
            assert!(strangers.count() <= 1, "{names:?}");
            assert!(names.iter().any(|name| name.starts_with(own)), "{names:?}");
        })
    };
    for one in [work("left"), work("right")] {
        one.join().expect("it keeps to its own threads");
    }
}

#[test]
fn many_programs_go_to_the_threads_of_the_request() {
    let request = Request::default().threads(Threads::of(2));
    let programs: Vec<String> = (0..100).map(|i| format!("(* {i} a)")).collect();
    let bindings = Bindings::from([("a", 2.0)]);
    let many = Interpreter::embedded().evaluate_many_with(&programs, &bindings, &request);
    for (i, one) in many.into_iter().enumerate() {
        assert_eq!(one.expect("it runs").value.number(), Some(2.0 * i as f64));
    }
}

/// Whether a child does batches and fits with the answers of its parent. It ends there, and whatever
/// it would print is not printed: other threads, which a child does not have, may hold the lock.
#[cfg(target_os = "linux")]
fn child_answers(expected: &(Vec<u64>, Vec<u64>)) -> Result<(), String> {
    use std::time::{Duration, Instant};
    // SAFETY: the child calls nothing but this crate and `_exit`; memory can be had in it, since the
    // system's allocator is made for forks.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let answer = std::panic::catch_unwind(|| {
            let all = Threads::ALL;
            (batch(&all), fitted(&all).0)
        });
        let same = matches!(&answer, Ok(answer) if answer == expected);
        // SAFETY: ends the child at once, without what is to be done at the end of its parent.
        unsafe { libc::_exit(i32::from(!same)) };
    }
    assert!(child > 0, "no process can be forked off");
    let began = Instant::now();
    loop {
        let mut status = 0;
        // SAFETY: the child is this thread's own, and `status` is there to be written.
        if unsafe { libc::waitpid(child, &raw mut status, libc::WNOHANG) } == child {
            return match (libc::WIFEXITED(status), libc::WEXITSTATUS(status)) {
                (true, 0) => Ok(()),
                _ => Err(format!("the child ends with {status:#x}")),
            };
        }
        if began.elapsed() > Duration::from_mins(1) {
            // SAFETY: the child is this thread's own and has not been waited for.
            unsafe { libc::kill(child, libc::SIGKILL) };
            return Err("the child hangs".into());
        }
        thread::sleep(Duration::from_millis(5));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_child_answers_whatever_its_parent_did_before() {
    let alone = (batch(&Threads::ONE), fitted(&Threads::ONE).0);
    assert_eq!(child_answers(&alone), Ok(()), "before either");
    batch(&Threads::ALL);
    assert_eq!(child_answers(&alone), Ok(()), "after a batch");
    fitted(&Threads::ALL);
    assert_eq!(child_answers(&alone), Ok(()), "after a fit");
}
