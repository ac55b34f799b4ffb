//! The first table of "Synthesized Differentiable Programs" (Saldyt 2022) run again: how often tasks
//! are recovered from random programs, from synthesised ones, and by discrete search.
//!
//! A plan goes in: a task, where to start, how many tries of how many iterations, how many runs; a
//! row comes out: in how many of the runs the program was recovered, and how many of those programs
//! do more than was asked.
//!
//! A run is recovered where the program that is read back from its weights is right on all
//! [`HELD_OUT`](super::tasks::HELD_OUT) inputs that no run has seen. Runs differ by their seeds.
//!
//! **Invariants**
//! - A row is a function of its plan and the seed, whatever the number of threads.

use super::loss::Loss;
use super::program::{Program, ProgramError};
use super::search::{SearchOptions, search};
use super::synthesis::{SKELETONS, SynthOptions, synthesise};
use super::tasks::{self, Task, Verdict};
use super::tune::{Start, TuneError, TuneOptions, tune};
use crate::Random;
use crate::threads::{Threads, in_tasks};
use thiserror::Error;

/// Where runs of a row start.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum StartFrom {
    /// At random programs, compiled with noise.
    Random,
    /// At the program that synthesis found, compiled with noise.
    Synthesised,
    /// At the programs that synthesis found nearly right, each try at the next.
    NearMisses,
    /// At a loop that does nothing.
    EmptyLoop,
    /// At random programs of whole numbers, by Metropolis: no gradients.
    Search,
}

impl StartFrom {
    /// What tables call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Random => "random",
            Self::Synthesised => "synthesised",
            Self::NearMisses => "near misses",
            Self::EmptyLoop => "loop of no-ops",
            Self::Search => "discrete search",
        }
    }
}

/// What a row is made of.
#[derive(Clone, PartialEq, Debug)]
pub struct Plan {
    /// The task's name.
    pub task: &'static str,
    /// What sets this row apart from others of the task and start: a variant; empty where nothing does.
    pub variant: &'static str,
    /// Where runs start.
    pub from: StartFrom,
    /// How many tries a run has at most.
    pub tries: usize,
    /// How many iterations a try has, or proposals a search.
    pub iterations: usize,
    /// How many runs there are.
    pub runs: usize,
    /// What the paper reports, of 100 single tries.
    pub paper: Option<usize>,
}

/// A row of the table.
#[derive(Clone, PartialEq, Debug)]
pub struct Row {
    /// What was done.
    pub plan: Plan,
    /// How many runs recovered the program.
    pub recovered: usize,
    /// How many of those programs are right on more cells than they were tuned on.
    pub more_cells: usize,
    /// How many of them are right after more steps.
    pub more_steps: usize,
    /// How many tries were made in all, or programs proposed.
    pub spent: usize,
}

/// Why a row was not made.
#[derive(Clone, PartialEq, Debug, Error)]
#[non_exhaustive]
pub enum TableError {
    /// No task has the name.
    #[error("no task `{0}`; there are inc, map-inc, map-dec, reduce, parity and fibonacci")]
    Task(String),
    /// Synthesis found no program to start from.
    #[error("nothing was synthesised for `{0}` to start from")]
    Nothing(&'static str),
    /// A program that is none.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// Tuning failed.
    #[error(transparent)]
    Tune(#[from] TuneError),
}

/// How many examples programs are synthesised and searched by, and checked on while they are tuned.
const SEEN: usize = 40;

/// γ of random starts and empty loops, which the paper found best.
const GAMMA: f64 = 0.3;

/// γ of near misses.
const NEAR_GAMMA: f64 = 0.1;

/// γ of synthesised programs: with 0.1 tuning leads away from what is exact. Of parity even 0.01 does.
const EXACT_GAMMA: f64 = 0.03;
const PARITY_GAMMA: f64 = 0.003;

const EPSILON: f64 = 1e-3;

/// How tries of a task are made. What is not said is as by default.
fn options(task: &Task, plan: &Plan, seed: u64) -> TuneOptions {
    // A program that halts takes jumps and no-ops that a loop round all lines does without.
    let steps = match plan.from {
        StartFrom::Synthesised => task.steps * 3 / 2,
        _ => task.steps,
    };
    let floor = match task.name {
        "inc" => 1e-6,
        "map-inc" | "map-dec" => 0.03,
        _ => 0.1,
    };
    // What a sum needs, a map does not: large steps in the direction of the moment, with noise. The
    // parts of a sum lower the loss by little, and together.
    let (rate, momentum, jolt) = match (task.name, plan.from) {
        ("reduce" | "parity", StartFrom::Random) => (0.5, 0.0, 0.006),
        (_, StartFrom::Synthesised) => (0.05, 0.9, 0.0),
        _ => (0.1, 0.5, 0.0),
    };
    let (rate, momentum, jolt) = match plan.variant {
        "momentum 0.9" => (rate, 0.9, jolt),
        "without jolts" => (rate, momentum, 0.0),
        "rate 0.1" => (0.1, momentum, jolt),
        "plain" => (0.05, 0.9, 0.0),
        _ => (rate, momentum, jolt),
    };
    TuneOptions {
        steps,
        check_steps: steps,
        tries: plan.tries,
        iterations: plan.iterations,
        rate,
        momentum,
        jolt,
        loss: Loss {
            floor,
            ..Loss::default()
        },
        // What starts at a program that is right has it at once. What is asked is whether it is still
        // there, or there again, when all iterations are done.
        check_every: if plan.from == StartFrom::Synthesised {
            0
        } else {
            20
        },
        seed,
        threads: Threads::ONE,
        ..TuneOptions::default()
    }
}

/// The table's rows; the short form has fewer runs and leaves out what takes long.
pub fn plans(short: bool) -> Vec<Plan> {
    let plan = |task, from, tries, iterations, runs, paper| Plan {
        task,
        variant: "",
        from,
        tries,
        iterations,
        runs: if short { runs / 25 } else { runs },
        paper,
    };
    let random = [19, 86, 56, 41, 95, 4];
    let synthesised = [100, 100, 100, 100, 100, 75];
    let mut plans = Vec::new();
    for ((task, random), synthesised) in tasks::TASKS.iter().zip(random).zip(synthesised) {
        let (name, iterations) = (task.name, if task.name == "inc" { 600 } else { 300 });
        let tunes = |from, tries, paper| plan(name, from, tries, iterations, 100, paper);
        plans.push(tunes(StartFrom::Random, 1, Some(random)));
        plans.push(tunes(StartFrom::Random, 40, None));
        plans.push(tunes(StartFrom::Synthesised, 1, Some(synthesised)));
        plans.push(tunes(StartFrom::Synthesised, 16, None));
        if name == "fibonacci" {
            plans.push(tunes(StartFrom::NearMisses, 16, None));
        }
        if ["map-inc", "map-dec", "fibonacci"].contains(&name) {
            plans.push(tunes(StartFrom::EmptyLoop, 24, None));
        }
        plans.push(plan(name, StartFrom::Search, 1, 300_000, 25, None));
    }
    plans
}

/// What sets the rows of the ablation apart: one thing that is other than in the table, but for `plain`,
/// where rate, momentum, jolts and weights are, and what `of one number` asks for is less.
const VARIANTS: [&str; 9] = [
    "",
    "half zeros",
    "momentum 0.9",
    "without jolts",
    "rate 0.1",
    "random weights",
    "lists of 2",
    "5 lines",
    "plain",
];

/// What makes sums and parities of lists hard or easy to learn from random programs: single tries,
/// each row with one thing other than in the table.
pub fn ablation(short: bool) -> Vec<Plan> {
    let plan = |task, variant| Plan {
        task,
        variant,
        from: StartFrom::Random,
        tries: 1,
        iterations: 300,
        runs: if short { 20 } else { 400 },
        paper: None,
    };
    let mut plans = Vec::new();
    for task in ["reduce", "parity"] {
        plans.extend(VARIANTS.map(|variant| plan(task, variant)));
    }
    plans.push(plan("parity", "of one number"));
    for task in ["map-inc", "reduce", "parity"] {
        plans.extend(
            ["γ 0.1", "γ 0.03", "γ 0.01", "γ 0.003"].map(|variant| Plan {
                from: StartFrom::Synthesised,
                runs: if short { 5 } else { 100 },
                ..plan(task, variant)
            }),
        );
    }
    plans
}

/// A task as a variant has it.
fn task_of(plan: &Plan) -> Result<Task, TableError> {
    let mut task = tasks::named(plan.task).ok_or_else(|| TableError::Task(plan.task.into()))?;
    match plan.variant {
        "half zeros" => task.sizes.filled = 0.5,
        "lists of 2" => {
            task.sizes.most = 2;
            task.steps = 18;
        }
        "5 lines" => {
            task = task.with_lines(5);
            task.steps = 17;
        }
        "of one number" => task = tasks::PARITY_OF_ONE,
        _ => {}
    }
    Ok(task)
}

/// What a run came to.
struct Run {
    verdict: Verdict,
    spent: usize,
}

/// Makes a row: `watch` is told of each run that ends.
///
/// # Errors
/// A task that is none, one that nothing is synthesised for, options that make no sense.
pub fn row(
    plan: &Plan,
    seed: u64,
    threads: &Threads,
    watch: &(dyn Fn() + Sync),
) -> Result<Row, TableError> {
    let task = task_of(plan)?;
    let start = start(&task, plan, seed)?;
    let run = |number: usize, (): &mut ()| {
        let seed = Random::at(&[seed, number as u64]).bits();
        let ended = match &start {
            Some(start) => tuned(&task, start, plan, seed),
            None => searched(&task, plan, seed),
        };
        watch();
        ended
    };
    let mut row = Row {
        plan: plan.clone(),
        recovered: 0,
        more_cells: 0,
        more_steps: 0,
        spent: 0,
    };
    let numbers = (0..plan.runs).collect();
    for ended in in_tasks(numbers, threads, &mut Vec::new(), &run) {
        let Run { verdict, spent } = ended?;
        row.spent += spent;
        row.recovered += usize::from(verdict.held_out);
        row.more_cells += usize::from(verdict.held_out && verdict.more_cells);
        row.more_steps += usize::from(verdict.held_out && verdict.more_steps);
    }
    Ok(row)
}

/// Where tuning starts; nowhere where there is none.
fn start(task: &Task, plan: &Plan, seed: u64) -> Result<Option<Start>, TableError> {
    let epsilon = EPSILON;
    let synthesised = || {
        let options = SynthOptions {
            steps: task.steps,
            seed,
            ..SynthOptions::default()
        };
        synthesise(task.shape, &task.training(SEEN, seed), &options)
    };
    Ok(match plan.from {
        StartFrom::Search => None,
        StartFrom::Random if ["random weights", "plain"].contains(&plan.variant) => {
            Some(Start::Random {
                shape: task.shape,
                deviation: 1.0,
            })
        }
        StartFrom::Random => Some(Start::Anywhere {
            shape: task.shape,
            gamma: GAMMA,
            epsilon,
        }),
        StartFrom::Synthesised => {
            let found = synthesised()?.found.ok_or(TableError::Nothing(task.name))?;
            Some(Start::Near {
                program: found.program,
                gamma: exact_gamma(task, plan),
                epsilon,
            })
        }
        StartFrom::NearMisses => {
            let near = synthesised()?.near;
            let programs: Vec<Program> = near.into_iter().map(|one| one.program).collect();
            if programs.is_empty() {
                return Err(TableError::Nothing(task.name));
            }
            Some(Start::Among {
                programs,
                gamma: NEAR_GAMMA,
                epsilon,
            })
        }
        StartFrom::EmptyLoop => {
            let name = match task.name {
                "fibonacci" => "unfold",
                "reduce" | "parity" => "spinning reduce",
                "inc" => "straight",
                _ => "loop",
            };
            let skeleton = SKELETONS.iter().find(|one| one.name == name);
            let program = skeleton
                .ok_or(TableError::Nothing(task.name))?
                .blank(task.shape);
            Some(Start::Near {
                program,
                gamma: GAMMA,
                epsilon,
            })
        }
    })
}

fn exact_gamma(task: &Task, plan: &Plan) -> f64 {
    match plan.variant {
        "γ 0.1" => 0.1,
        "γ 0.03" => 0.03,
        "γ 0.01" => 0.01,
        "γ 0.003" => 0.003,
        _ if task.name == "parity" => PARITY_GAMMA,
        _ => EXACT_GAMMA,
    }
}

fn tuned(task: &Task, start: &Start, plan: &Plan, seed: u64) -> Result<Run, TableError> {
    let options = options(task, plan, seed);
    let draw = |random: &mut Random| task.example(&task.sizes, random);
    let checks = task.training(SEEN, seed);
    let tuned = match tune(start, &draw, &checks, &options, &|_| {}) {
        Ok(tuned) => tuned,
        // A run in which every try diverges has recovered nothing.
        Err(TuneError::Diverged { tries, .. }) => {
            let verdict = Verdict::default();
            return Ok(Run {
                verdict,
                spent: tries,
            });
        }
        Err(error) => return Err(error.into()),
    };
    let program = tuned.program();
    Ok(Run {
        verdict: program.map_or_else(Verdict::default, |one| task.verdict(&one)),
        spent: tuned.tries.len(),
    })
}

fn searched(task: &Task, plan: &Plan, seed: u64) -> Result<Run, TableError> {
    let options = SearchOptions {
        steps: task.steps,
        proposals: plan.iterations,
        seed,
        ..SearchOptions::default()
    };
    let found = search(task.shape, &task.training(SEEN, seed), &options)?;
    Ok(Run {
        verdict: if found.found {
            task.verdict(&found.program)
        } else {
            Verdict::default()
        },
        spent: found.proposals,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(task: &'static str, from: StartFrom) -> Plan {
        Plan {
            task,
            variant: "",
            from,
            tries: 2,
            iterations: 40,
            runs: 3,
            paper: None,
        }
    }

    #[test]
    fn a_row_is_the_same_on_any_number_of_threads() {
        let plan = plan("map-inc", StartFrom::Random);
        let alone = row(&plan, 5, &Threads::ONE, &|| {}).expect("a row");
        let shared = row(&plan, 5, &Threads::of(3), &|| {}).expect("a row");
        assert_eq!(alone, shared);
        assert!((3..=6).contains(&alone.spent));
    }

    #[test]
    fn every_start_makes_rows() {
        use StartFrom::{EmptyLoop, NearMisses, Random, Search, Synthesised};
        for from in [Random, Synthesised, NearMisses, EmptyLoop, Search] {
            // Of the others it takes some time to enumerate what fills skeletons.
            let is_quick = |task: &Task| {
                ![Synthesised, NearMisses].contains(&from)
                    || ["reduce", "fibonacci"].contains(&task.name)
            };
            for task in tasks::TASKS.into_iter().filter(is_quick) {
                let plan = Plan {
                    iterations: 2,
                    ..plan(task.name, from)
                };
                let row = row(&plan, 1, &Threads::ONE, &|| {});
                let row = row.unwrap_or_else(|error| panic!("{} {from:?}: {error}", task.name));
                assert!(row.recovered <= plan.runs && row.more_steps <= row.recovered);
                assert!(row.spent >= plan.runs);
            }
        }
        let plan = plan("sort", StartFrom::Random);
        let error = row(&plan, 1, &Threads::ONE, &|| {}).expect_err("no task");
        assert!(error.to_string().contains("no task `sort`"));
    }

    #[test]
    fn synthesised_increments_are_recovered_and_exact() {
        let plan = Plan {
            iterations: 200,
            ..plan("inc", StartFrom::Synthesised)
        };
        let row = row(&plan, 1, &Threads::ONE, &|| {}).expect("a row");
        assert_eq!((row.recovered, row.more_cells, row.more_steps), (3, 3, 3));
    }

    #[test]
    fn plans_are_of_tasks_that_there_are() {
        for short in [false, true] {
            let all = plans(short).into_iter().chain(ablation(short));
            for plan in all {
                assert!(task_of(&plan).is_ok() && plan.runs > 0);
            }
        }
        let one = tasks::PARITY_OF_ONE;
        let verdict = one.verdict(&one.reference());
        assert!(verdict.held_out && verdict.more_steps);
    }
}
