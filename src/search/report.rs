//! Reports: the front with what it is worth on rows that nothing has seen, baselines, and what it cost.
//!
//! A run goes in; a [`Report`] comes out, which serializes as `dmci search report --json` prints it.
//!
//! **Invariants**
//! - Rows that test are read here and nowhere else, and choose nothing: the best is the one that the rows
//!   that choose say.
//! - Before that, constants are calibrated once more on all rows that are known.

use super::calibrate::Judge;
use super::candidate::Candidate;
use super::error::SearchError;
use super::journal::{Record, each_record};
use super::run::{JOURNAL, Run, TRANSCRIPT};
use super::transcript::Transcript;
use super::tree::{Tree, written};
use crate::prim::math;
use serde::Serialize;
use std::collections::BTreeMap;

/// A program of the front.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct FrontRow {
    /// How long it is.
    pub complexity: f64,
    /// The mean squared error that it was chosen by.
    pub loss: f64,
    /// That of the rows its constants were calibrated on.
    pub fit_loss: f64,
    /// That of rows that nothing has seen, once its constants were calibrated on all others; none where
    /// there are no such rows, or it fails there.
    pub test_loss: Option<f64>,
    /// Its text, with constants as all known rows have them.
    pub program: String,
    /// Which candidate it is.
    pub n: u64,
}

/// What does without a search.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Baseline {
    /// `persistence`, `mean` or `linear`.
    pub name: String,
    /// The mean squared error of the rows that choose.
    pub loss: Option<f64>,
    /// That of the rows that test.
    pub test_loss: Option<f64>,
}

/// A candidate by Schwarz' criterion.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct BicRow {
    /// n log(mean squared error) + (constants + 1) log n, of the rows calibrated on.
    pub bic: f64,
    /// Whether it is so near to the first that the data do not tell them apart: less than 6 above it.
    pub alike: bool,
    /// What proposed it.
    pub by: String,
    /// Its text.
    pub program: String,
    /// Which candidate it is.
    pub n: u64,
}

/// All that is to be told of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// The shortest first.
    pub front: Vec<FrontRow>,
    /// The one that is chosen.
    pub best: Option<FrontRow>,
    /// What does without a search.
    pub baselines: Vec<Baseline>,
    /// Evaluations of candidates.
    pub evaluations: u64,
    /// Candidates.
    pub candidates: u64,
    /// Programs that proposers made.
    pub proposed: u64,
    /// How many of these were known: the same but for names, order and constants.
    pub repeated: u64,
    /// How many candidates were refused, by kind of error.
    pub errors: BTreeMap<String, u64>,
    /// Steps.
    pub steps: u64,
    /// Rows that constants were calibrated on, that chose, and that test.
    pub rows: [usize; 3],
    /// Dollars that were spent, as far as is known.
    pub usd: f64,
    /// Seconds of processor time of each time that it went on, together; none where that is not known.
    pub cpu_s: Option<f64>,
    /// The best ten of all candidates by Schwarz' criterion, which counts constants: what may be told
    /// apart from the first and what may not.
    pub by_bic: Vec<BicRow>,
    /// Where the best comes from: itself, its first parent, and so on.
    pub genealogy: Vec<(u64, String)>,
}

impl Run {
    /// What there is to tell.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn report(&self) -> Result<Report, SearchError> {
        let constants = self.task.calibrate.constants;
        let judge = Judge::new(&self.task, &self.rows, None)?.on(self.rows.final_split(constants));
        let front: Vec<FrontRow> = self
            .state
            .front
            .members()
            .iter()
            .map(|elite| {
                let mut candidate = Candidate::of(elite.program.clone(), &self.grammar);
                let verdict = judge.judge(&mut candidate, f64::INFINITY);
                FrontRow {
                    complexity: elite.complexity,
                    loss: elite.loss,
                    fit_loss: elite.fit,
                    test_loss: verdict.ok().and_then(|verdict| verdict.select),
                    program: written(&candidate.program).0,
                    n: elite.n,
                }
            })
            .collect();
        let best = self.chosen(&front).cloned();
        let genealogy = match &best {
            Some(best) => self.genealogy(best.n)?,
            None => Vec::new(),
        };
        let state = &self.state;
        Ok(Report {
            baselines: self.baselines(&judge)?,
            best,
            front,
            evaluations: state.evaluations,
            candidates: state.candidates,
            proposed: state.proposed,
            repeated: state.repeated,
            errors: state.errors.clone(),
            steps: state.step,
            rows: self.rows.counts(),
            usd: Transcript::open(&self.folder.join(TRANSCRIPT), false)
                .map_or(0.0, |all| all.usd()),
            cpu_s: self.cpu_seconds(),
            by_bic: self.by_bic()?,
            genealogy,
        })
    }

    fn by_bic(&self) -> Result<Vec<BicRow>, SearchError> {
        /// How many are told.
        const MOST: usize = 10;
        /// What counts as strong evidence (Kass, Raftery 1995).
        const ALIKE: f64 = 6.0;
        let rows = self.rows.counts()[0] as f64;
        let mut all: Vec<BicRow> = Vec::new();
        each_record(&self.folder.join(JOURNAL), &mut |record| {
            let Record::Candidate {
                n,
                by,
                program,
                fit,
                ..
            } = record
            else {
                return;
            };
            let error = math::ln(fit.max(1e-30 * self.state.scale));
            let worst = all.get(MOST - 1).map_or(f64::INFINITY, |row| row.bic);
            // The constants count for more than nothing, so reading the program can be spared.
            if rows * error >= worst {
                return;
            }
            let Ok(candidate) = self.shape.read(&program, &self.grammar) else {
                return;
            };
            let constants: usize = candidate.program.iter().map(Tree::constants).sum();
            let bic = rows * error + (constants + 1) as f64 * math::ln(rows);
            let place = all.partition_point(|row| row.bic <= bic);
            all.insert(
                place,
                BicRow {
                    bic,
                    alike: false,
                    by,
                    program,
                    n,
                },
            );
            all.truncate(MOST);
        })?;
        if let Some(first) = all.first().map(|row| row.bic) {
            for row in &mut all {
                row.alike = row.bic < first + ALIKE;
            }
        }
        Ok(all)
    }

    /// The shortest whose loss is that of the best within one standard error (Breiman et al. 1984): the mean
    /// of n squares of normal numbers has the relative error √(2/n).
    fn chosen<'f>(&self, front: &'f [FrontRow]) -> Option<&'f FrontRow> {
        let best = front.last()?;
        let [calibrated, choosing, _] = self.rows.counts();
        let rows = if choosing > 0 { choosing } else { calibrated };
        let within = 1.0 + (2.0 / rows.max(1) as f64).sqrt();
        // Where nothing is left to explain, what is left is rounding.
        let bar = (within * best.loss).max(self.task.search.done * self.state.scale);
        front.iter().find(|row| row.loss <= bar)
    }

    fn baselines(&self, judge: &Judge) -> Result<Vec<Baseline>, SearchError> {
        let [loss, test_loss] = self.rows.persistence();
        let name = if self.task.data.series {
            "persistence"
        } else {
            "mean"
        };
        let mut baselines = vec![Baseline {
            name: name.to_owned(),
            loss,
            test_loss,
        }];
        let inputs = self.task.data.inputs.iter();
        let terms = inputs.map(|name| Tree::call("*", [Tree::Constant(0.5), Tree::name(name)]));
        let line = Tree::call("+", [Tree::Constant(0.5)].into_iter().chain(terms));
        let of = |judge: &Judge| {
            let mut candidate = Candidate::of(vec![line.clone()], &self.grammar);
            judge
                .judge(&mut candidate, f64::INFINITY)
                .ok()
                .and_then(|verdict| verdict.select)
        };
        if self.task.search.form == super::Form::Expression && !self.task.data.inputs.is_empty() {
            let choosing = Judge::new(&self.task, &self.rows, None)?;
            baselines.push(Baseline {
                name: "linear".to_owned(),
                loss: of(&choosing),
                test_loss: of(judge),
            });
        }
        Ok(baselines)
    }

    /// A candidate, its first parent, that one's, and so on.
    fn genealogy(&self, n: u64) -> Result<Vec<(u64, String)>, SearchError> {
        const MOST: usize = 200;
        let mut parents: Vec<Option<u64>> = Vec::new();
        each_record(&self.folder.join(JOURNAL), &mut |record| match record {
            Record::Candidate { parents: all, .. } | Record::Refused { parents: all, .. } => {
                parents.push(all.first().copied());
            }
            _ => {}
        })?;
        let mut line = Vec::new();
        let mut next = Some(n);
        while let Some(n) = next.filter(|_| line.len() < MOST) {
            line.push(n);
            // A parent is older, so this ends.
            next = parents
                .get(n as usize)
                .copied()
                .flatten()
                .filter(|&parent| parent < n);
        }
        let mut texts: BTreeMap<u64, String> = BTreeMap::new();
        each_record(&self.folder.join(JOURNAL), &mut |record| {
            if let Record::Candidate { n, program, .. } = record
                && line.contains(&n)
            {
                texts.insert(n, program);
            }
        })?;
        let of = |n: u64| texts.remove(&n).map(|text| (n, text));
        Ok(line.into_iter().filter_map(of).collect())
    }

    /// The known rows' first input and target, and the best's predictions there, for a figure.
    pub fn curve(&self, program: &str) -> Option<[Vec<f64>; 3]> {
        let candidate = self.shape.read(program, &self.grammar).ok()?;
        let constants = self.task.calibrate.constants;
        let judge = Judge::new(&self.task, &self.rows, None).ok()?;
        let judge = judge.on(self.rows.final_split(constants));
        let y = self.rows.known_column(&self.task.data.target)?;
        let x = match self.task.data.inputs.first() {
            Some(input) => self.rows.known_column(input)?,
            None => (0..y.len()).map(|row| row as f64).collect(),
        };
        let predictions = judge.curve(&candidate);
        (predictions.len() == y.len()).then_some([x, y, predictions])
    }
}
