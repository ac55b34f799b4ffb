//! `--stats`: what a run took, for people on standard error and for machines in an answer.
//!
//! The [`Stats`] of a run, or the error that ended it, go in; lines or members come out.
//!
//! **Invariants**
//! - A run that fails tells what it took until then.

use super::cautions::Caution;
use super::fields::{Content, Field, lines};
use super::report::{self, Failure, Source};
use crate::{Error, Stats};
use clap::Args;

/// Whether to tell what a run took.
#[derive(Args, Clone, Copy, Debug)]
pub(super) struct StatsArgs {
    /// Tell on standard error what the run took
    #[arg(long)]
    pub(super) stats: bool,
}

impl StatsArgs {
    /// Tells how a run ended, as [`report::outcome`] does, and what it took.
    pub(super) fn outcome<T>(
        self,
        result: Result<T, Error>,
        stats: &Stats,
        cautions: Vec<Caution>,
        source: &Source,
    ) -> Result<T, Failure> {
        let result = report::outcome(result, cautions, source);
        self.tell(stats);
        result
    }

    /// Tells what a run took.
    pub(super) fn tell(self, stats: &Stats) {
        if self.stats {
            let mut out = String::new();
            lines(&STATS, stats, [16, 10], &mut out);
            report::aside(&out);
        }
    }
}

/// What there is to tell.
pub(super) const STATS: [Field<Stats>; 8] = [
    Field::new("nodes walked", "nodes", |s| Content::Count(s.nodes)),
    Field::new("applications", "applications", |s| {
        Content::Count(s.applications)
    }),
    Field::new("trace operations", "operations", |s| {
        Content::Count(s.operations)
    }),
    Field::new("guards", "guards", |s| Content::Count(s.guards)),
    Field::new("forks joined", "forks_joined", |s| {
        Content::Count(s.forks_joined)
    }),
    Field::new("forks given up", "forks_given_up", |s| {
        Content::Count(s.forks_given_up)
    }),
    Field::new("paths", "paths", |s| Content::Count(s.paths)),
    Field::new("bytes", "bytes", |s| Content::Count(s.bytes)),
];

/// What a run took; of one that failed, until it did.
pub(super) fn stats_of(run: Result<Stats, &Error>) -> Stats {
    run.unwrap_or_else(|error| match error {
        Error::Eval(error) => error.stats,
        _ => Stats::default(),
    })
}
