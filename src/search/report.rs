//! Reports: the front with what it is worth on rows that nothing has seen, baselines, and what it cost.
//!
//! A run goes in; a [`Report`] comes out, which serializes as `dmci search report --json` prints it.
//!
//! **Invariants**
//! - Rows that test are read here and nowhere else, and choose nothing: the best is the one that the rows
//!   that choose say.
//! - Before that, constants are calibrated once more on all rows that are known.

use super::archive::Elite;
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
    /// Schwarz' criterion on all known rows: n log(mean squared error) + constants log n, where each group's
    /// own constants count; of a population minus twice the logarithm of the marginal likelihood in place of
    /// the first. None where it fails there.
    pub bic: Option<f64>,
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
    /// The one that is chosen: of the front or, where groups have constants of their own, of the best by
    /// Schwarz' criterion.
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

/// The fewest groups whose differences tell how much chance there is in them.
const FEWEST: usize = 3;

/// Whether losses of groups are larger than others by no more than the standard error of the difference.
fn are_alike(losses: &BTreeMap<usize, f64>, best: &BTreeMap<usize, f64>) -> bool {
    let pairs = losses
        .iter()
        .filter_map(|(group, loss)| Some(loss - best.get(group)?));
    let differences: Vec<f64> = pairs.collect();
    let n = differences.len() as f64;
    let mean = differences.iter().sum::<f64>() / n;
    let squares = differences.iter().map(|d| (d - mean).powi(2)).sum::<f64>();
    mean <= (squares / (n - 1.0).max(1.0) / n).sqrt()
}

impl Run {
    /// What there is to tell.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn report(&self) -> Result<Report, SearchError> {
        let constants = self.task.calibrate.constants;
        let judge = Judge::new(&self.task, &self.rows, None)?.on(self.rows.final_split(constants));
        let row = |elite: &Elite| {
            let mut candidate = Candidate::of(elite.program.clone(), &self.grammar);
            let verdict = judge.judge(&mut candidate, f64::INFINITY).ok();
            FrontRow {
                complexity: elite.complexity,
                loss: elite.loss,
                fit_loss: elite.fit,
                test_loss: verdict.as_ref().and_then(|verdict| verdict.select),
                bic: verdict.map(|verdict| verdict.bic),
                program: written(&candidate.program).0,
                n: elite.n,
            }
        };
        let members = self.state.front.members();
        let front: Vec<FrontRow> = members.iter().map(row).collect();
        let (by_bic, others) = self.by_bic()?;
        let best = match self.alike(&others)? {
            Some(alike) => {
                let rows = alike.iter().map(row);
                let bic = |row: &FrontRow| row.bic.unwrap_or(f64::INFINITY);
                rows.min_by(|a, b| bic(a).total_cmp(&bic(b)))
            }
            None => self.shortest(&front).cloned(),
        };
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
            by_bic,
            genealogy,
        })
    }

    /// The best by Schwarz' criterion of the rows calibrated on, and those of them that were chosen by.
    fn by_bic(&self) -> Result<(Vec<BicRow>, Vec<Elite>), SearchError> {
        /// How many are told, and how many are looked at.
        const TOLD: usize = 10;
        const MOST: usize = 20;
        /// What counts as strong evidence (Kass, Raftery 1995).
        const ALIKE: f64 = 6.0;
        let rows = self.rows.counts()[0] as f64;
        let mut all: Vec<(BicRow, Option<Elite>)> = Vec::new();
        each_record(&self.folder.join(JOURNAL), &mut |record| {
            let Record::Candidate {
                n,
                by,
                program,
                complexity,
                fit,
                select,
                ..
            } = record
            else {
                return;
            };
            let error = math::ln(fit.max(1e-30 * self.state.scale));
            let worst = all.get(MOST - 1).map_or(f64::INFINITY, |(row, _)| row.bic);
            // The constants count for more than nothing, so reading the program can be spared.
            if rows * error >= worst {
                return;
            }
            let Ok(candidate) = self.shape.read(&program, &self.grammar) else {
                return;
            };
            let constants: usize = candidate.program.iter().map(Tree::constants).sum();
            let bic = rows * error + (constants + 1) as f64 * math::ln(rows);
            let place = all.partition_point(|(row, _)| row.bic <= bic);
            let elite = select.map(|loss| Elite {
                n,
                program: candidate.program,
                complexity,
                loss,
                fit,
            });
            let row = BicRow {
                bic,
                alike: false,
                by,
                program,
                n,
            };
            all.insert(place, (row, elite));
            all.truncate(MOST);
        })?;
        let (mut told, looked_at): (Vec<BicRow>, Vec<Option<Elite>>) = all.into_iter().unzip();
        told.truncate(TOLD);
        if let Some(first) = told.first().map(|row| row.bic) {
            for row in &mut told {
                row.alike = row.bic < first + ALIKE;
            }
        }
        Ok((told, looked_at.into_iter().flatten().collect()))
    }

    /// Where groups have constants of their own, the programs of the front, and of others, whose loss is that
    /// of the best within one standard error of the groups' differences. Schwarz' criterion chooses of these:
    /// few rows choose by forecasts, and tell which programs go astray, but seldom which is right.
    fn alike(&self, others: &[Elite]) -> Result<Option<Vec<Elite>>, SearchError> {
        let members = self.state.front.members();
        let Some(best) = members.last() else {
            return Ok(None);
        };
        // With constants as the search has them: later rows have no part in those.
        let judge = Judge::new(&self.task, &self.rows, None)?;
        let by_group =
            |elite: &Elite| judge.by_group(&Candidate::of(elite.program.clone(), &self.grammar));
        let nothing = self.task.search.done * self.state.scale;
        let of_best = if best.loss > nothing {
            by_group(best)
        } else {
            None
        };
        let Some(of_best) = of_best.filter(|of_best| of_best.len() >= FEWEST) else {
            return Ok(None);
        };
        let is_new = |elite: &&Elite| members.iter().all(|member| member.n != elite.n);
        let all = members.iter().chain(others.iter().filter(is_new));
        let alike = all.filter(|elite| {
            let is_alike = |losses| are_alike(&losses, &of_best);
            elite.n == best.n || by_group(elite).is_some_and(is_alike)
        });
        Ok(Some(alike.cloned().collect()))
    }

    /// The shortest whose loss is that of the best within one standard error (Breiman et al. 1984): the mean
    /// of n squares of normal numbers has the relative error √(2/n).
    fn shortest<'f>(&self, front: &'f [FrontRow]) -> Option<&'f FrontRow> {
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
