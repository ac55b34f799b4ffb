//! What other systems take, as multiples of code written by hand on the machine they ran on.
//!
//! `peers.json` goes in; a multiple for each system comes out, and the best of all.
//!
//! **Invariants**
//! - One lane is beside `hand_O3`, many beside `hand_Ofast`, as we are beside `limit.cpp`.
//! - Of a system measured in several ways the best counts.

use serde::Deserialize;
use std::collections::BTreeMap;

/// The systems, as the names of their ways begin.
pub(crate) const SYSTEMS: [&str; 5] = ["dmci_", "ndvm_", "torch_", "jax_", "casadi_"];

/// Times in nanoseconds by way.
type Row = BTreeMap<String, Option<f64>>;

/// The figures of `peers.json`.
#[derive(Deserialize)]
pub(crate) struct Peers {
    /// By lanes and workload.
    value_grad: BTreeMap<String, BTreeMap<String, Row>>,
}

/// One workload by all systems.
pub(crate) struct Multiples(Vec<(String, f64)>);

impl Peers {
    pub(crate) fn load() -> Self {
        serde_json::from_str(include_str!("../peers.json")).expect("peers.json is valid")
    }

    pub(crate) fn multiples(&self, workload: &str, lanes: usize) -> Multiples {
        let row = self.value_grad.get(&lanes.to_string());
        let Some(row) = row.and_then(|row| row.get(workload)) else {
            return Multiples(Vec::new());
        };
        let by_hand = if lanes == 1 { "hand_O3" } else { "hand_Ofast" };
        let by_hand = row[by_hand].expect("everything is written by hand");
        let multiple = |(way, time): (&String, &Option<f64>)| {
            let is_peer = SYSTEMS.iter().any(|system| way.starts_with(system));
            time.filter(|_| is_peer)
                .map(|time| (way.clone(), time / by_hand))
        };
        Multiples(row.iter().filter_map(multiple).collect())
    }
}

impl Multiples {
    /// The best of the ways whose names begin so.
    pub(crate) fn best(&self, prefix: &str) -> Option<&(String, f64)> {
        let ways = self.0.iter().filter(|(way, _)| way.starts_with(prefix));
        ways.min_by(|a, b| a.1.total_cmp(&b.1))
    }
}
