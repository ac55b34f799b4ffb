//! Scratch memory for evaluations.
//!
//! **Invariants**
//! - Nothing in it outlives a call but memory to be used again: results do not depend on which
//!   workspace is passed.

use super::batch::TaskScratch;
use crate::trace::record::Recorder;
use crate::trace::routine::File;
use crate::trace::routine::lanes::LaneFile;
use crate::trace::sweep::Adjoints;
use crate::trace::tangents::Tangents;
use crate::walk::Memory;

/// Scratch memory for evaluations: keep one per thread and pass it to every call.
#[derive(Clone, Debug, Default)]
pub struct Workspace {
    pub(crate) memory: Memory,
    pub(crate) recorder: Recorder,
    pub(crate) inputs: Vec<f64>,
    pub(crate) values: Vec<f64>,
    pub(crate) adjoints: Adjoints,
    pub(crate) tangents: Tangents,
    /// Of compiled paths.
    pub(crate) file: File,
    /// Of those compiled with their tangents.
    pub(crate) seeds: LaneFile,
    /// The numbers of their outputs.
    pub(crate) numbers: Vec<f64>,
    /// The numbers of the last output.
    pub(crate) leaves: Vec<f64>,
    /// Its derivatives, row-major.
    pub(crate) derivatives: Vec<f64>,
    /// Of batches.
    pub(crate) tasks: Vec<TaskScratch>,
}

impl Workspace {
    /// An empty workspace; it grows as it is used.
    pub fn new() -> Self {
        Self::default()
    }
}
