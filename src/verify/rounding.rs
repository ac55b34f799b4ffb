//! Rounding: how far it may have moved a run's numbers, and what differences that explains.
//!
//! **Invariants**
//! - The noise of derivatives is that of their own operations: a rule that cancels is noisy, too.
//! - Some times the noise is taken off; what is left must be within what is allowed without it.

use super::{Job, TRUST, apart, largest};
use crate::model::AskedNumber;
use crate::paths::Workspace;
#[cfg(feature = "dfdx")]
use crate::walk::Output;

impl Job<'_> {
    /// How far rounding may have moved the value's numbers, the largest of all.
    pub(super) fn noise_of_value(&self) -> f64 {
        largest(&self.noise)
    }

    /// The same of the derivatives of one number of the value; empty where the trace is too long for it.
    pub(super) fn noise_of_gradient(&self, row: usize, workspace: &mut Workspace) -> Vec<f64> {
        const LONGEST: usize = 1 << 21;
        let path = &self.recorded.path;
        let Some(leaf) = path.leaves[row].filter(|_| path.trace.len() <= LONGEST) else {
            return vec![0.0; self.entries.len()];
        };
        let by: Vec<u32> = self.entries.iter().filter_map(|e| e.column).collect();
        let gradient = path.trace.gradient_trace(leaf, &by, false);
        let values = &mut workspace.values;
        if gradient
            .trace
            .replay(&self.recorded.numbers, values)
            .is_err()
        {
            return vec![0.0; self.entries.len()];
        }
        let noise = gradient.trace.noise(values);
        let mut outputs = gradient.outputs.iter();
        let of = |entry: &AskedNumber| {
            let output = entry.column.and_then(|_| outputs.next());
            output
                .and_then(|r| r.as_node())
                .map_or(0.0, |node| noise[node as usize])
        };
        self.entries.iter().map(of).collect()
    }

    /// Whether rounding explains why derivatives differ by more than allowed: some times what it may
    /// have moved them is taken off first.
    pub(super) fn rounding_explains(
        &self,
        rows: &[usize],
        allowed: [f64; 2],
        found: impl Fn(usize) -> Vec<f64>,
        workspace: &mut Workspace,
    ) -> bool {
        const ROWS: usize = 16;
        let others: Vec<Vec<f64>> = (0..self.entries.len()).map(found).collect();
        let mut left = ROWS;
        for (at, &row) in rows.iter().enumerate() {
            let wrong = |entry: usize| {
                let other = others[entry].get(at).copied().unwrap_or(f64::NAN);
                let scale = self.scales[entry].max(largest(&others[entry]));
                (apart(self.usual_by(entry)[row], other), allowed[1] * scale)
            };
            let all = 0..self.entries.len();
            if all.clone().all(|entry| wrong(entry).0 <= wrong(entry).1) {
                continue;
            }
            if left == 0 {
                return false;
            }
            left -= 1;
            let noise = self.noise_of_gradient(row, workspace);
            let explained = |entry: usize| {
                let (apart, allowed) = wrong(entry);
                apart <= allowed + TRUST * noise[entry]
            };
            if !all.into_iter().all(explained) {
                return false;
            }
        }
        true
    }

    /// Whether the value's numbers differ by no more than allowed, and what rounding explains.
    #[cfg(feature = "dfdx")]
    pub(super) fn values_explained(&self, found: &Output, allowed: f64) -> bool {
        let usual: Vec<f64> = self.usual.value.numbers().collect();
        let found: Vec<f64> = found.numbers().collect();
        let allowed = allowed * largest(&usual);
        usual.len() == found.len()
            && usual
                .iter()
                .zip(&found)
                .zip(&self.noise)
                .all(|((a, b), noise)| apart(*a, *b) <= allowed + TRUST * noise)
    }
}

/// A note that rounding explains differences, before what else there is to say.
pub(super) fn with_rounding(explained: bool, note: Option<String>) -> Option<String> {
    if explained {
        Some(before("rounding in the run explains why they differ", note))
    } else {
        note
    }
}

/// A note before another, if there is one.
pub(super) fn before(first: &str, note: Option<String>) -> String {
    match note {
        Some(note) => format!("{first}; {note}"),
        None => first.into(),
    }
}
