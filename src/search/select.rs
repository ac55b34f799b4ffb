//! Rows apart: those that constants are calibrated on, those that choose between programs, and those that
//! nothing but the report sees.
//!
//! A task goes in, its files are read; tables come out, and the baselines that every report has.
//!
//! **Invariants**
//! - A row is calibrated on, chooses or tests, never two of these; which it is depends on the data and the
//!   shares alone, on no seed of the search.
//! - Of a series the rows that choose come after those calibrated on, and those that test after both, in
//!   each group.

use super::candidate::FRESH;
use super::error::SearchError;
use super::task::{Constants, DataTask, Form, Task};
use crate::Random;
use crate::fit::{Missing, Table, TableOptions};
use std::path::Path;

/// The rows of a task, by what they are for.
#[derive(Debug)]
pub(super) struct Rows {
    pub(super) target: String,
    columns: Vec<(String, Vec<f64>)>,
    /// The group of each row.
    groups: Vec<usize>,
    pub(super) group_names: Vec<String>,
    /// What each row is for.
    uses: Vec<Use>,
    form: Form,
    is_series: bool,
    /// The shares of a series that choose and test; for origins.
    select: f64,
    test: f64,
    pub(super) origins: usize,
}

/// The column of standard deviations of the noise, in units of it.
pub(super) const NOISE: &str = "group-noise";

/// What a row is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    Calibrate,
    Select,
    Test,
}

/// Rows to calibrate on, and rows to look at then.
#[derive(Debug)]
pub(super) struct Split {
    /// A table for each group, or one for all.
    pub(super) fit: Vec<Table<'static>>,
    /// One table for all, where constants of groups are of one population.
    pub(super) together: Option<Table<'static>>,
    /// The groups that have tables of their own.
    pub(super) groups: Vec<usize>,
    pub(super) fit_rows: usize,
    /// Likewise; none where there are no such rows.
    pub(super) beyond: Option<Vec<Table<'static>>>,
    pub(super) beyond_rows: usize,
}

impl Rows {
    /// Reads the data of a task.
    ///
    /// # Errors
    /// When the file cannot be read, or a column is not there or holds what is no number.
    pub(super) fn read(task: &Task) -> Result<Self, SearchError> {
        let DataTask {
            file,
            target,
            inputs,
            group,
            ..
        } = &task.data;
        let table = Table::read(file)?;
        let mut columns = Vec::new();
        for name in inputs.iter().chain([target]) {
            columns.push((name.clone(), table.column(name)?.to_vec()));
        }
        let (mut groups, mut group_names) = (vec![0; table.rows()], vec![String::new()]);
        if let Some(group) = group {
            (groups, group_names) = read_groups(file, group, table.rows())?;
        }
        let mut kept: Vec<usize> = (0..table.rows()).collect();
        for (name, &value) in &task.data.only {
            let column = table.column(name)?;
            kept.retain(|&row| column[row] == value);
        }
        // Rows of a group stand together, in the order of the file.
        kept.sort_by_key(|&row| groups[row]);
        let groups: Vec<usize> = kept.iter().map(|&row| groups[row]).collect();
        for (_, column) in &mut columns {
            *column = kept.iter().map(|&row| column[row]).collect();
        }
        let fresh = (0..kept.len()).map(|row| {
            let begins = row == 0 || groups[row] != groups[row - 1];
            f64::from(u8::from(begins))
        });
        columns.push((FRESH.to_owned(), fresh.collect()));
        if task.calibrate.constants == Constants::Pooled {
            columns.push((NOISE.to_owned(), vec![1.0; kept.len()]));
        }
        let mut rows = Self {
            target: target.clone(),
            uses: vec![Use::Calibrate; kept.len()],
            columns,
            groups,
            group_names,
            form: task.search.form,
            is_series: task.data.series,
            select: task.data.select,
            test: task.data.test,
            origins: if task.data.series {
                task.data.origins
            } else {
                1
            },
        };
        rows.part(task.data.select, task.data.test);
        if !rows.uses.contains(&Use::Calibrate) {
            let message = format!(
                "{}: {} rows are left to part, too few to calibrate on",
                file.display(),
                kept.len()
            );
            return Err(SearchError::Task(message));
        }
        Ok(rows)
    }

    fn part(&mut self, select: f64, test: f64) {
        if self.is_series {
            for rows in self.by_group() {
                let [select, test] = [select, test].map(|share| share_of(share, rows.len()));
                let known = rows.len() - test;
                self.uses[rows[0] + known..=rows[rows.len() - 1]].fill(Use::Test);
                self.uses[rows[0] + known.saturating_sub(select)..rows[0] + known]
                    .fill(Use::Select);
            }
            return;
        }
        let mut order: Vec<usize> = (0..self.uses.len()).collect();
        let mut random = Random::new(0x51_7a_11);
        for place in (1..order.len()).rev() {
            order.swap(place, random.below(place + 1));
        }
        let [select, test] = [select, test].map(|share| share_of(share, order.len()));
        for &row in &order[..test] {
            self.uses[row] = Use::Test;
        }
        for &row in &order[test..test + select] {
            self.uses[row] = Use::Select;
        }
    }

    /// The rows of each group that has any.
    fn by_group(&self) -> Vec<Vec<usize>> {
        let mut all: Vec<Vec<usize>> = vec![Vec::new(); self.group_names.len()];
        for (row, &group) in self.groups.iter().enumerate() {
            all[group].push(row);
        }
        all.retain(|rows| !rows.is_empty());
        all
    }

    /// The splits that programs are chosen by, the origin nearest to the end first.
    pub(super) fn splits(&self, constants: Constants) -> Vec<Split> {
        let mut splits = Vec::new();
        for origin in 0..self.origins {
            let mut uses = self.uses.clone();
            for rows in self.by_group().into_iter().filter(|_| origin > 0) {
                // An earlier origin: what came after it is not known yet, and is forecast as far as rows that
                // test are from theirs.
                let [select, test] =
                    [self.select, self.test].map(|share| share_of(share, rows.len()));
                let known = rows.len() - test;
                let begin = known.saturating_sub((origin + 1) * select);
                let end = known.min(begin + select.max(test));
                for (place, &row) in rows.iter().enumerate() {
                    uses[row] = match place {
                        _ if place < begin => Use::Calibrate,
                        _ if place < end => Use::Select,
                        _ => Use::Test,
                    };
                }
            }
            if uses.contains(&Use::Calibrate) && (origin == 0 || uses.contains(&Use::Select)) {
                splits.push(self.split(&uses, Use::Calibrate, Use::Select, constants));
            }
        }
        splits
    }

    /// All that is known, and the rows that test.
    pub(super) fn final_split(&self, constants: Constants) -> Split {
        let uses: Vec<Use> = self
            .uses
            .iter()
            .map(|&one| {
                if one == Use::Test {
                    Use::Test
                } else {
                    Use::Calibrate
                }
            })
            .collect();
        self.split(&uses, Use::Calibrate, Use::Test, constants)
    }

    fn split(&self, uses: &[Use], fit: Use, beyond: Use, constants: Constants) -> Split {
        let mut groups = match constants {
            Constants::Local | Constants::Pooled => self.by_group(),
            Constants::Shared => vec![(0..uses.len()).collect()],
        };
        // Groups too short to be parted have no say.
        let has = |rows: &[usize], what: Use| rows.iter().any(|&row| uses[row] == what);
        let looks_beyond = uses.contains(&beyond);
        groups.retain(|rows| has(rows, fit) && (!looks_beyond || has(rows, beyond)));
        let of = |what: Use| {
            let rows = groups.iter().flatten();
            rows.filter(|&&row| uses[row] == what).count()
        };
        let tables = |what: Use| -> Vec<Table<'static>> {
            groups
                .iter()
                .map(|rows| self.table(rows, uses, what))
                .collect()
        };
        let together = (constants == Constants::Pooled).then(|| {
            let rows: Vec<usize> = groups.iter().flatten().copied().collect();
            self.table(&rows, uses, fit)
        });
        Split {
            fit: tables(fit),
            together,
            groups: groups.iter().map(|rows| self.groups[rows[0]]).collect(),
            fit_rows: of(fit),
            beyond: (of(beyond) > 0).then(|| tables(beyond)),
            beyond_rows: of(beyond),
        }
    }

    /// A table of rows with one use: of recurrences all up to the last of them, with gaps in place of
    /// other targets.
    fn table(&self, rows: &[usize], uses: &[Use], what: Use) -> Table<'static> {
        let kept: Vec<usize> = match self.form {
            Form::Expression => rows
                .iter()
                .copied()
                .filter(|&row| uses[row] == what)
                .collect(),
            Form::Recurrence => rows.to_vec(),
        };
        let columns = self.columns.iter().map(|(name, column)| {
            let numbers = kept.iter().map(|&row| {
                if *name == self.target && uses[row] != what {
                    f64::NAN
                } else {
                    column[row]
                }
            });
            (name.clone(), numbers.collect::<Vec<f64>>())
        });
        let options = TableOptions::default().missing(Missing::Drop);
        options
            .from_columns(columns)
            .expect("the columns are as long as each other, and finite but for gaps")
    }

    /// The targets that are known: calibrated on, or chosen by.
    pub(super) fn known_targets(&self) -> Vec<f64> {
        let target = self.target_column();
        let rows = self.uses.iter().zip(target);
        rows.filter(|(one, _)| **one != Use::Test)
            .map(|(_, y)| *y)
            .collect()
    }

    fn target_column(&self) -> &[f64] {
        let mut columns = self.columns.iter();
        &columns
            .find(|(name, _)| *name == self.target)
            .expect("the target is a column")
            .1
    }

    /// The mean squared error of the last known value of each group (the mean, where rows do not follow each
    /// other), at rows that choose and at rows that test.
    pub(super) fn persistence(&self) -> [Option<f64>; 2] {
        let target = self.target_column();
        [Use::Select, Use::Test].map(|what| {
            let (mut sum, mut count) = (0.0, 0);
            for rows in self.by_group() {
                let known = rows.iter().filter(|&&row| match what {
                    Use::Test => self.uses[row] != Use::Test,
                    _ => self.uses[row] == Use::Calibrate,
                });
                let known: Vec<f64> = known.map(|&row| target[row]).collect();
                let Some(&last) = known.last() else { continue };
                let guess = if self.is_series {
                    last
                } else {
                    known.iter().sum::<f64>() / known.len() as f64
                };
                for &row in rows.iter().filter(|&&row| self.uses[row] == what) {
                    sum += (target[row] - guess).powi(2);
                    count += 1;
                }
            }
            (count > 0).then(|| sum / f64::from(count))
        })
    }

    /// How many rows are calibrated on, choose and test.
    pub(super) fn counts(&self) -> [usize; 3] {
        [Use::Calibrate, Use::Select, Use::Test]
            .map(|what| self.uses.iter().filter(|&&one| one == what).count())
    }

    /// A column of known rows, for figures; with the marks of those that are not calibrated on.
    pub(super) fn known_column(&self, name: &str) -> Option<Vec<f64>> {
        let (_, column) = self.columns.iter().find(|(other, _)| other == name)?;
        let rows = self.uses.iter().zip(column);
        Some(
            rows.filter(|(one, _)| **one != Use::Test)
                .map(|(_, x)| *x)
                .collect(),
        )
    }

    /// The rows of a forecast: inputs without targets.
    pub(super) fn forecast(&self, task: &Task) -> Result<Option<Table<'static>>, SearchError> {
        let Some(file) = &task.data.forecast else {
            return Ok(None);
        };
        let table = Table::read(file)?;
        let mut columns = Vec::new();
        for name in &task.data.inputs {
            columns.push((name.clone(), table.column(name)?.to_vec()));
        }
        // Something to compare with, which nobody looks at.
        columns.push((self.target.clone(), vec![0.0; table.rows()]));
        let mut fresh = vec![0.0; table.rows()];
        fresh[0] = 1.0;
        columns.push((FRESH.to_owned(), fresh));
        Ok(Some(Table::from_columns(columns)?))
    }
}

/// A share of rows, in rows.
fn share_of(share: f64, rows: usize) -> usize {
    (share * rows as f64).round() as usize
}

/// The group of each row, by the cells of a column, which may be text.
fn read_groups(
    file: &Path,
    group: &str,
    rows: usize,
) -> Result<(Vec<usize>, Vec<String>), SearchError> {
    let fault = |message: String| SearchError::Task(format!("{}: {message}", file.display()));
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_path(file)
        .map_err(|error| fault(error.to_string()))?;
    let header = reader.headers().map_err(|error| fault(error.to_string()))?;
    let place = header.iter().position(|name| name == group);
    let place =
        place.ok_or_else(|| fault(format!("[data] group: there is no column `{group}`")))?;
    let (mut groups, mut names): (Vec<usize>, Vec<String>) = (Vec::new(), Vec::new());
    for record in reader.records() {
        let record = record.map_err(|error| fault(error.to_string()))?;
        let cell = record.get(place).unwrap_or_default();
        let known = names.iter().position(|name| name == cell);
        groups.push(known.unwrap_or_else(|| {
            names.push(cell.to_owned());
            names.len() - 1
        }));
    }
    if groups.len() != rows {
        let message = format!(
            "[data] group: {} rows have a group and there are {rows}",
            groups.len()
        );
        return Err(fault(message));
    }
    Ok((groups, names))
}
