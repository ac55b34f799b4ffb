//! Threads: how many share the work of a call, locks that a panic elsewhere does not close, and tasks
//! with memory of their own.
//!
//! **Invariants**
//! - Results are in the order of the tasks, on any number of threads.
//! - There is never more memory than tasks under way at once; each serves one task after the other.
//! - A process that was forked off has threads of its own: none is waited for that stayed behind.

use arc_swap::ArcSwapOption;
use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The most threads that are made for one number; more than any machine has processors.
const MOST: usize = 1024;

/// From how many operations on threads are made for them: some milliseconds of one.
const WORTH_MAKING: usize = 20_000_000;

/// Whether the target has neither threads nor processes. What would share work is not even compiled there:
/// pages wait for bytes.
const ALWAYS_ONE: bool = cfg!(target_family = "wasm");

/// The calling thread alone, for work that is not worth sharing.
pub(crate) static ALONE: Threads = Threads::ONE;

/// How many threads share the work of a call.
///
/// Results do not depend on it: they have the same bits on any number of threads.
///
/// ```
/// use dmci::{Bindings, Interpreter, Request};
///
/// let request = Request::default().threads(2);
/// let (programs, inputs) = (["(+ a 2)", "(* a 4)"], Bindings::from([("a", 3.0)]));
/// let values = Interpreter::embedded().evaluate_many_with(&programs, &inputs, &request);
/// let values = values.iter().map(|value| value.as_ref().ok()?.value.number());
/// assert_eq!(values.collect::<Vec<_>>(), [Some(5.0), Some(12.0)]);
/// ```
#[derive(Clone, Default)]
pub struct Threads(Chosen);

#[derive(Clone, Default)]
enum Chosen {
    /// As many as the machine has processors, or `RAYON_NUM_THREADS` says; inside a pool of rayon's,
    /// that pool.
    #[default]
    All,
    /// The caller's alone.
    One,
    Pool(Arc<ThreadPool>),
}

impl Threads {
    /// As many threads as the machine has processors, or as the environment variable
    /// `RAYON_NUM_THREADS` says. All calls share them. A call from inside a pool of rayon's stays in
    /// that pool.
    pub const ALL: Self = Self(Chosen::All);

    /// The calling thread alone.
    pub const ONE: Self = Self(Chosen::One);

    /// So many threads, at least 1 and at most 1024, made now and kept with all clones; 1 is
    /// [`Threads::ONE`]. Where the machine has no threads to give, the caller's does all.
    pub fn of(count: usize) -> Self {
        match count {
            _ if ALWAYS_ONE => Self::ONE,
            0 | 1 => Self::ONE,
            _ => make(count.min(MOST)).map_or(Self::ONE, |pool| Self::in_pool(Arc::new(pool))),
        }
    }

    /// The threads of a pool.
    pub const fn in_pool(pool: Arc<ThreadPool>) -> Self {
        Self(Chosen::Pool(pool))
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        match &self.0 {
            _ if ALWAYS_ONE => 1,
            Chosen::One => 1,
            Chosen::Pool(pool) => pool.current_num_threads(),
            Chosen::All if rayon::current_thread_index().is_some() => rayon::current_num_threads(),
            Chosen::All => shared().map_or(1, |shared| shared.pool.current_num_threads()),
        }
    }

    /// These threads, or the caller's alone where they would be made now, for work of no more than so many
    /// operations: to make them, and to hand them their first tasks, takes a millisecond of processors' time.
    pub(crate) fn worth_making(&self, operations: usize) -> Self {
        let are_there = || rayon::current_thread_index().is_some() || is_made();
        match self.0 {
            _ if ALWAYS_ONE => Self::ONE,
            Chosen::All if operations < WORTH_MAKING && !are_there() => Self::ONE,
            _ => self.clone(),
        }
    }

    /// Runs something where rayon's operations use these threads and no others; it is told how many
    /// there are. Where that is one, it uses no operation of rayon's.
    pub(crate) fn run<R: Send>(&self, work: impl FnOnce(usize) -> R + Send) -> R {
        match &self.0 {
            _ if ALWAYS_ONE => work(1),
            Chosen::One => work(1),
            Chosen::Pool(pool) => match pool.current_num_threads() {
                1 => work(1),
                count => pool.install(|| work(count)),
            },
            Chosen::All if rayon::current_thread_index().is_some() => {
                work(rayon::current_num_threads())
            }
            Chosen::All => match shared().as_deref() {
                Some(Shared { pool, .. }) if pool.current_num_threads() > 1 => {
                    pool.install(|| work(pool.current_num_threads()))
                }
                _ => work(1),
            },
        }
    }
}

/// A panic in a task is passed on to whoever asked, and leaves the threads as they were.
impl UnwindSafe for Threads {}

/// As for [`UnwindSafe`].
impl RefUnwindSafe for Threads {}

impl From<usize> for Threads {
    /// As [`Threads::of`].
    fn from(count: usize) -> Self {
        Self::of(count)
    }
}

/// Pools are compared as the same or not.
impl PartialEq for Threads {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Chosen::All, Chosen::All) | (Chosen::One, Chosen::One) => true,
            (Chosen::Pool(a), Chosen::Pool(b)) => Arc::ptr_eq(a, b),
            _ => false,
        }
    }
}

impl fmt::Debug for Threads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Chosen::All => f.write_str("Threads::ALL"),
            Chosen::One => f.write_str("Threads::ONE"),
            Chosen::Pool(pool) => write!(f, "Threads::of({})", pool.current_num_threads()),
        }
    }
}

fn make(count: usize) -> Option<ThreadPool> {
    // None where the target has no threads.
    ThreadPoolBuilder::new().num_threads(count).build().ok()
}

/// The threads that all calls of a process share.
struct Shared {
    process: u32,
    pool: ThreadPool,
}

// Lock-free: a lock might be held by a thread that a fork left behind.
static SHARED: ArcSwapOption<Shared> = ArcSwapOption::const_empty();

/// Whether this process has made its threads.
fn is_made() -> bool {
    let known = SHARED.load();
    known
        .as_ref()
        .is_some_and(|known| known.process == std::process::id())
}

/// Made at the first call, and anew in a process that was forked off: that has none of the threads it
/// was forked from, and whatever waits for one of those waits forever.
fn shared() -> Option<Arc<Shared>> {
    let process = std::process::id();
    let known = SHARED.load_full();
    if known.as_ref().is_some_and(|known| known.process == process) {
        return known;
    }
    // 0 is rayon's word for as many as there are processors.
    let pool = make(0)?;
    let made = Arc::new(Shared { process, pool });
    let before = SHARED.compare_and_swap(&known, Some(made.clone()));
    let (before, known) = (before.as_ref(), known);
    let is_first = match (before, &known) {
        (None, None) => true,
        (Some(before), Some(known)) => Arc::ptr_eq(before, known),
        _ => false,
    };
    // The threads of another process are not there to be ended.
    std::mem::forget(known);
    if is_first {
        Some(made)
    } else {
        SHARED.load_full()
    }
}

/// Locks; what it holds is whole whoever panicked, because it is changed in one step.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Does tasks on some threads, with memory from `pool`, to which it goes back.
pub(crate) fn in_tasks<T: Send, S: Default + Send, R: Send>(
    tasks: Vec<T>,
    threads: &Threads,
    pool: &mut Vec<S>,
    run: &(dyn Fn(T, &mut S) -> R + Sync),
) -> Vec<R> {
    in_tasks_with(tasks, threads, pool, &S::default, run)
}

/// Memory of a pool for one task: the last there is.
pub(crate) fn of_pool<S: Default>(pool: &mut Vec<S>) -> &mut S {
    made_once(pool, &S::default)
}

/// It stays where it is: to be taken out and put back, some hundred bytes, costs what small tasks take.
fn made_once<'p, S>(pool: &'p mut Vec<S>, make: &dyn Fn() -> S) -> &'p mut S {
    if pool.is_empty() {
        pool.push(make());
    }
    let last = pool.len() - 1;
    &mut pool[last]
}

/// The same with memory that is made in some way.
pub(crate) fn in_tasks_with<T: Send, S: Send, R: Send>(
    tasks: Vec<T>,
    threads: &Threads,
    pool: &mut Vec<S>,
    make: &(dyn Fn() -> S + Sync),
    run: &(dyn Fn(T, &mut S) -> R + Sync),
) -> Vec<R> {
    let alone = |tasks: Vec<T>, pool: &mut Vec<S>| {
        let scratch = made_once(pool, make);
        let results = tasks.into_iter().map(|task| run(task, scratch));
        results.collect()
    };
    if ALWAYS_ONE || tasks.len() <= 1 {
        return alone(tasks, pool);
    }
    threads.run(|count| {
        if count <= 1 {
            return alone(tasks, pool);
        }
        let shared = Mutex::new(std::mem::take(pool));
        let results = tasks
            .into_par_iter()
            // One may take a million times as long as another.
            .with_max_len(1)
            .map(|task| {
                let scratch = lock(&shared).pop();
                let mut scratch = scratch.unwrap_or_else(make);
                let result = run(task, &mut scratch);
                lock(&shared).push(scratch);
                result
            })
            .collect();
        *pool = shared.into_inner().unwrap_or_else(PoisonError::into_inner);
        results
    })
}
