//! Archives: the best programs known, by how long and of what kind they are.
//!
//! Candidates with their losses go in; the front of loss and complexity comes out, and parents.
//!
//! **Invariants**
//! - Along the front complexity grows and the loss falls.
//! - Of equals the earlier one stays, so what is kept depends on the order of the candidates alone.

use super::tree::Tree;
use crate::Random;
use crate::prim::math;
use std::collections::BTreeMap;

/// A program that is kept.
#[derive(Clone, Debug)]
pub(super) struct Elite {
    /// Which candidate it is.
    pub(super) n: u64,
    pub(super) program: Vec<Tree>,
    pub(super) complexity: f64,
    /// What it is chosen by: the mean squared error of the rows that choose, or else of those calibrated on.
    pub(super) loss: f64,
    pub(super) fit: f64,
}

impl Elite {
    /// Its loss, not fooled by few rows that choose.
    fn worth(&self) -> f64 {
        self.loss.max(self.fit)
    }

    /// What is kept and what migrates counts length too.
    fn score(&self, scale: f64) -> f64 {
        let loss = self.worth() / scale;
        math::ln(loss.max(1e-30)) + 0.12 * self.complexity
    }
}

/// The front of loss and complexity.
#[derive(Clone, Debug, Default)]
pub(super) struct Front(Vec<Elite>);

impl Front {
    pub(super) fn members(&self) -> &[Elite] {
        &self.0
    }

    pub(super) fn best(&self) -> Option<&Elite> {
        self.0.last()
    }

    /// The shortest of at most that loss.
    pub(super) fn shortest(&self, loss: f64) -> Option<&Elite> {
        self.0.iter().find(|elite| elite.loss <= loss)
    }

    /// Whether a program of that complexity and loss would be on it.
    pub(super) fn admits(&self, complexity: f64, loss: f64) -> bool {
        let below = self
            .0
            .iter()
            .take_while(|elite| elite.complexity <= complexity);
        below.last().is_none_or(|elite| loss < elite.loss)
    }

    /// The loss of the best that is not longer.
    pub(super) fn loss_at(&self, complexity: f64) -> f64 {
        let below = self
            .0
            .iter()
            .take_while(|elite| elite.complexity <= complexity);
        below.last().map_or(f64::INFINITY, |elite| elite.loss)
    }

    /// The least error where constants were calibrated, of those that are not longer.
    pub(super) fn fit_at(&self, complexity: f64) -> f64 {
        let below = self.0.iter().filter(|elite| elite.complexity <= complexity);
        below.map(|elite| elite.fit).fold(f64::INFINITY, f64::min)
    }

    pub(super) fn put(&mut self, elite: Elite) {
        if !self.admits(elite.complexity, elite.loss) {
            return;
        }
        self.0
            .retain(|other| other.complexity < elite.complexity || other.loss < elite.loss);
        let place = self
            .0
            .partition_point(|other| other.complexity < elite.complexity);
        self.0.insert(place, elite);
    }
}

/// What kind of program it is: what it is made of.
fn behavior(program: &[Tree]) -> u16 {
    const KINDS: [&[&str]; 6] = [
        &["sin", "cos", "tan", "asin", "acos", "atan"],
        &[
            "exp", "log", "log2", "log10", "expt", "pow", "tanh", "sigmoid",
        ],
        &["/"],
        &["if", "min", "max", "abs"],
        &["sqrt", "cbrt", "square"],
        &["define", "lambda", "let", "fold-left", "map"],
    ];
    let mut marks = 0;
    for (place, names) in KINDS.iter().enumerate() {
        let is_meant = |name: &str| names.contains(&name);
        if program.iter().any(|tree| tree.mentions(&is_meant)) {
            marks |= 1 << place;
        }
    }
    let constants: usize = program.iter().map(Tree::constants).sum();
    marks | ((constants.min(7) as u16) << KINDS.len())
}

/// A population: the best program of each length and kind.
#[derive(Clone, Debug, Default)]
pub(super) struct Island {
    cells: BTreeMap<(u32, u16), Elite>,
}

/// The most cells: beyond them the worst is given up.
const MOST_CELLS: usize = 300;

impl Island {
    pub(super) fn len(&self) -> usize {
        self.cells.len()
    }

    pub(super) fn put(&mut self, elite: Elite, scale: f64) {
        let key = (elite.complexity.round() as u32, behavior(&elite.program));
        match self.cells.get_mut(&key) {
            Some(known) if known.score(scale) <= elite.score(scale) => return,
            Some(known) => *known = elite,
            None => {
                self.cells.insert(key, elite);
            }
        }
        if self.cells.len() > MOST_CELLS {
            let worst = self.cells.iter().max_by(|(_, a), (_, b)| {
                let (a, b) = (a.score(scale), b.score(scale));
                a.total_cmp(&b)
            });
            if let Some(key) = worst.map(|(key, _)| *key) {
                self.cells.remove(&key);
            }
        }
    }

    /// A parent: of a length that is drawn first, so that long programs, which are always a little better, do
    /// not crowd out what is short; then the best of some of about that length.
    pub(super) fn parent(&self, random: &mut Random) -> Option<&Elite> {
        const DRAWN: usize = 3;
        let elites: Vec<(u32, &Elite)> = self
            .cells
            .iter()
            .map(|(key, elite)| (key.0, elite))
            .collect();
        let (least, most) = (elites.first()?.0, elites.last()?.0);
        // The shorter of two: where there is room to grow.
        let lengths = [(); 2].map(|()| random.below((most - least + 1) as usize) as u32);
        let length = least + lengths[0].min(lengths[1]);
        let end = elites.partition_point(|(other, _)| *other <= length);
        let begin = elites
            .partition_point(|(other, _)| *other + 3 <= length)
            .min(end - 1);
        let near = &elites[begin..end];
        let drawn = (0..DRAWN).map(|_| near[random.below(near.len())].1);
        drawn.min_by(|a, b| a.worth().total_cmp(&b.worth()))
    }

    /// The best, by their scores.
    pub(super) fn best(&self, count: usize, scale: f64) -> Vec<Elite> {
        let mut elites: Vec<&Elite> = self.cells.values().collect();
        elites.sort_by(|a, b| a.score(scale).total_cmp(&b.score(scale)));
        elites.into_iter().take(count).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_front_falls_as_it_grows() {
        let mut random = Random::new(3);
        let mut front = Front::default();
        let mut all = Vec::new();
        for n in 0..500 {
            let (complexity, loss) = (1.0 + random.below(20) as f64, random.unit());
            all.push((complexity, loss));
            front.put(Elite {
                n,
                program: Vec::new(),
                complexity,
                loss,
                fit: loss,
            });
        }
        let members = front.members();
        for pair in members.windows(2) {
            assert!(pair[0].complexity < pair[1].complexity && pair[0].loss > pair[1].loss);
        }
        for (complexity, loss) in all {
            let is_beaten = |elite: &Elite| elite.complexity <= complexity && elite.loss <= loss;
            assert!(members.iter().any(is_beaten));
        }
    }
}
