//! What batches allocate once they are warm: a program of its own, whose allocator counts.

use dmci::{Bindings, Error, Evaluator, Interpreter, Lane, LaneMut, Limits, Threads};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

/// How often memory was asked for, by any thread.
static COUNT: AtomicUsize = AtomicUsize::new(0);

struct Counting;

// SAFETY: all is handed on to the system's allocator as it comes.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of this function, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: as above; what is given back came from there.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        COUNT.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn counted<T>(run: impl FnOnce() -> T) -> (usize, T) {
    let before = COUNT.load(Ordering::Relaxed);
    let result = run();
    (COUNT.load(Ordering::Relaxed) - before, result)
}

/// Three numbers, two shared inputs and one of each lane.
fn evaluator(threads: Threads) -> Result<Evaluator, Error> {
    let source = "(list (* a (exp (* (- b) x))) (vec (* x x) (+ a b)))";
    let names = ["a", "b", "x"];
    let model = Interpreter::embedded().model(source)?;
    let evaluator = model.evaluator(&Bindings::new(), &names, &names, &Limits::default())?;
    Ok(evaluator.threads(threads))
}

/// One test alone: others would count beside it.
#[test]
fn warm_batches_allocate_nothing() -> Result<(), Error> {
    const LANES: usize = 65_536;
    let (count, _kept) = counted(|| vec![0_u8; 100]);
    assert!(count > 0, "an allocation is counted");
    let x: Vec<f64> = (0..LANES).map(|lane| lane as f64 / LANES as f64).collect();
    let ct: Vec<f64> = x.iter().flat_map(|x| [1.0 - x, 1.0 + x]).collect();
    let inputs = [Lane::Shared(2.0), Lane::Shared(0.5), Lane::Each(&x)];
    let weights = [
        Lane::Strided {
            numbers: &ct,
            stride: 2,
        },
        Lane::Shared(1.0),
        Lane::Strided {
            numbers: &ct[1..],
            stride: 2,
        },
    ];
    let (mut sums, mut by_x) = ([0.0; 2], vec![0.0; LANES]);
    let mut matrix = vec![0.0; 3 * LANES];
    let mut seen = Vec::new();
    for threads in [Threads::ONE, Threads::of(2)] {
        let count = threads.count();
        let mut evaluator = evaluator(threads)?;
        let mut call = || -> Result<usize, Error> {
            let grads = &mut [LaneMut::Sums(&mut sums), LaneMut::Each(&mut by_x)];
            let failed = evaluator.vjp(&inputs, &weights, grads)?;
            let rows = LaneMut::Rows {
                numbers: &mut matrix,
                width: 3,
                stride: 3,
            };
            let others = evaluator.values(&inputs, &mut [rows])?;
            Ok(failed.len() + others.len())
        };
        // The first calls walk, compile, and grow memory.
        for _ in 0..3 {
            assert_eq!(call()?, 0);
        }
        let (allocations, result) = counted(&mut call);
        assert_eq!(result?, 0);
        if count == 1 {
            assert_eq!(allocations, 0);
        } else {
            // Some for each task, and none for a lane.
            assert!(allocations < 1000, "{allocations}");
        }
        seen.push((sums.map(f64::to_bits), by_x.clone(), matrix.clone()));
    }
    assert!(seen[0] == seen[1]);
    assert_eq!(seen[0].2[3 * 100], 2.0 * (-0.5 * x[100]).exp());
    Ok(())
}
