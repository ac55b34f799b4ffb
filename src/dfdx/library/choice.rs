//! What a network decides: which entry to call, and with what.
//!
//! Entries go in, an entry comes out: [`Choice`] mixes what several give by their shares, [`Pointed`]
//! mixes items of a row to arguments, [`Softmaxed`] makes distributions of logits.
//!
//! **Invariants**
//! - Where shares and pointers are one-hot, an entry is called with items as they are, exactly.

use super::entry::{Entry, check};
use crate::dfdx::error::ModuleError;
use crate::machine::library::softmax;
use std::ops::Range;
use std::sync::Arc;

/// Entries of which one is called, softly: Σ share of k times what entry k gives.
#[derive(Clone, Debug)]
pub struct Choice {
    name: String,
    entries: Vec<Called>,
    /// The numbers of each argument that entries take from, behind the shares.
    arguments: Vec<usize>,
    outputs: usize,
}

/// An entry, and where in a row its arguments lie.
#[derive(Clone, Debug)]
struct Called {
    entry: Arc<dyn Entry>,
    takes: Vec<Range<usize>>,
    constants: Range<usize>,
}

impl Choice {
    /// A choice among entries. `arguments` are how many numbers each argument of the choice has; each
    /// entry comes with the places of those that it takes.
    ///
    /// # Errors
    /// No entries, an argument that is not there or of another width, entries of different outputs.
    pub fn new(
        name: &str,
        arguments: &[usize],
        entries: Vec<(Arc<dyn Entry>, Vec<usize>)>,
    ) -> Result<Self, ModuleError> {
        let refuse = |what: String| Err(ModuleError::Request(what));
        let Some(outputs) = entries.first().map(|(entry, _)| entry.outputs()) else {
            return refuse(format!("`{name}` has no entries to choose from"));
        };
        let mut starts = vec![entries.len()];
        for width in arguments {
            starts.push(starts[starts.len() - 1] + width);
        }
        let mut called = Vec::new();
        let mut constants = 0;
        for (entry, takes) in entries {
            let widths = entry.widths();
            let own = entry.name().to_owned();
            let given: Option<Vec<usize>> =
                takes.iter().map(|&at| arguments.get(at).copied()).collect();
            if given.as_ref() != Some(&widths) {
                return refuse(format!(
                    "`{own}` takes arguments of {widths:?} numbers, and `{name}` gives it {takes:?} of \
                     {arguments:?}"
                ));
            }
            if entry.outputs() != outputs {
                return refuse(format!(
                    "`{own}` gives {} numbers, and another entry of `{name}` {outputs}",
                    entry.outputs()
                ));
            }
            let count = entry.constants().len();
            called.push(Called {
                takes: takes.iter().map(|&at| starts[at]..starts[at + 1]).collect(),
                entry,
                constants: constants..constants + count,
            });
            constants += count;
        }
        Ok(Self {
            name: name.to_owned(),
            entries: called,
            arguments: arguments.to_vec(),
            outputs,
        })
    }

    /// The names of the entries, in the order of the shares.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|called| called.entry.name())
    }
}

impl Called {
    fn gather(&self, rows: &[f64], width: usize) -> Vec<f64> {
        let mut own = Vec::with_capacity(rows.len());
        for row in rows.chunks_exact(width) {
            for take in &self.takes {
                own.extend_from_slice(&row[take.clone()]);
            }
        }
        own
    }
}

impl Entry for Choice {
    fn name(&self) -> &str {
        &self.name
    }

    fn widths(&self) -> Vec<usize> {
        let mut widths = vec![self.entries.len()];
        widths.extend(&self.arguments);
        widths
    }

    fn outputs(&self) -> usize {
        self.outputs
    }

    fn constants(&self) -> Vec<(String, f64)> {
        let mut all = Vec::new();
        for called in &self.entries {
            for (name, init) in called.entry.constants() {
                all.push((format!("{}.{name}", called.entry.name()), init));
            }
        }
        all
    }

    fn values(&self, coordinates: &[f64]) -> Vec<f64> {
        let entries = self.entries.iter();
        let values = entries.map(|called| {
            let own = coordinates.get(called.constants.clone());
            called.entry.values(own.unwrap_or_default())
        });
        values.flatten().collect()
    }

    fn run(&self, rows: &[f64], constants: &[f64], out: &mut [f64]) -> Result<(), ModuleError> {
        let count = check(self, rows, constants, out)?;
        let width = self.row();
        out.fill(0.0);
        let mut own_out = vec![0.0; count * self.outputs];
        for (at, called) in self.entries.iter().enumerate() {
            let own = called.gather(rows, width);
            let constants = &constants[called.constants.clone()];
            called.entry.run(&own, constants, &mut own_out)?;
            let outs = out.chunks_exact_mut(self.outputs);
            let own_outs = own_out.chunks_exact(self.outputs);
            for ((row, out), own) in rows.chunks_exact(width).zip(outs).zip(own_outs) {
                for (to, x) in out.iter_mut().zip(own) {
                    *to += row[at] * x;
                }
            }
        }
        Ok(())
    }

    fn pull_back(
        &self,
        rows: &[f64],
        constants: &[f64],
        by_out: &[f64],
        by_rows: &mut [f64],
        by_constants: &mut [f64],
    ) -> Result<(), ModuleError> {
        let count = check(self, rows, constants, by_out)?;
        let width = self.row();
        let mut own_out = vec![0.0; count * self.outputs];
        for (at, called) in self.entries.iter().enumerate() {
            let own = called.gather(rows, width);
            let own_constants = &constants[called.constants.clone()];
            called.entry.run(&own, own_constants, &mut own_out)?;
            let mut cts = by_out.to_vec();
            let each = rows
                .chunks_exact(width)
                .zip(by_rows.chunks_exact_mut(width));
            let each = each.zip(own_out.chunks_exact(self.outputs));
            for (((row, by_row), own), cts) in each.zip(cts.chunks_exact_mut(self.outputs)) {
                by_row[at] += own.iter().zip(&*cts).map(|(x, ct)| x * ct).sum::<f64>();
                for ct in cts {
                    *ct *= row[at];
                }
            }
            let mut by_own = vec![0.0; own.len()];
            let by_constants = &mut by_constants[called.constants.clone()];
            called
                .entry
                .pull_back(&own, own_constants, &cts, &mut by_own, by_constants)?;
            let mut by_own = by_own.as_slice();
            for by_row in by_rows.chunks_exact_mut(width) {
                for take in &called.takes {
                    let by = by_own.split_off(..take.len()).unwrap_or_default();
                    for (to, ct) in by_row[take.clone()].iter_mut().zip(by) {
                        *to += ct;
                    }
                }
            }
        }
        Ok(())
    }
}

/// An entry whose arguments are distributions, of which some are given as logits.
#[derive(Clone, Debug)]
pub struct Softmaxed {
    inner: Arc<dyn Entry>,
    /// The places in a row that are softmaxed, and not those that stay.
    parts: Vec<Range<usize>>,
    /// Whether the likeliest is taken for certain.
    is_hard: bool,
}

impl Softmaxed {
    /// The same entry with the softmax before the arguments at these places.
    ///
    /// # Errors
    /// A place where there is no argument.
    pub fn new(inner: Arc<dyn Entry>, arguments: &[usize]) -> Result<Self, ModuleError> {
        let widths = inner.widths();
        let mut parts = Vec::new();
        for &at in arguments {
            let Some(width) = widths.get(at) else {
                return Err(ModuleError::Request(format!(
                    "`{}` has {} arguments, and none at {at}",
                    inner.name(),
                    widths.len()
                )));
            };
            let start: usize = widths[..at].iter().sum();
            parts.push(start..start + width);
        }
        Ok(Self {
            inner,
            parts,
            is_hard: false,
        })
    }

    /// The same with the likeliest of each distribution taken for certain: what a network decided, read
    /// back. Logits get no derivatives then.
    #[must_use]
    pub fn hard(mut self) -> Self {
        self.is_hard = true;
        self
    }

    fn soft(&self, rows: &[f64]) -> Vec<f64> {
        let mut rows = rows.to_vec();
        for row in rows.chunks_exact_mut(self.inner.row().max(1)) {
            for part in &self.parts {
                let part = &mut row[part.clone()];
                if self.is_hard {
                    let best = (0..part.len())
                        .fold(0, |best, at| if part[at] > part[best] { at } else { best });
                    part.fill(0.0);
                    if let Some(best) = part.get_mut(best) {
                        *best = 1.0;
                    }
                } else {
                    softmax(part);
                }
            }
        }
        rows
    }
}

impl Entry for Softmaxed {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn widths(&self) -> Vec<usize> {
        self.inner.widths()
    }

    fn outputs(&self) -> usize {
        self.inner.outputs()
    }

    fn constants(&self) -> Vec<(String, f64)> {
        self.inner.constants()
    }

    fn values(&self, coordinates: &[f64]) -> Vec<f64> {
        self.inner.values(coordinates)
    }

    fn run(&self, rows: &[f64], constants: &[f64], out: &mut [f64]) -> Result<(), ModuleError> {
        check(self, rows, constants, out)?;
        self.inner.run(&self.soft(rows), constants, out)
    }

    fn pull_back(
        &self,
        rows: &[f64],
        constants: &[f64],
        by_out: &[f64],
        by_rows: &mut [f64],
        by_constants: &mut [f64],
    ) -> Result<(), ModuleError> {
        check(self, rows, constants, by_out)?;
        let soft = self.soft(rows);
        let mut by_soft = vec![0.0; soft.len()];
        self.inner
            .pull_back(&soft, constants, by_out, &mut by_soft, by_constants)?;
        let width = self.row();
        let each = soft
            .chunks_exact(width)
            .zip(by_soft.chunks_exact_mut(width));
        for (row, by) in each {
            for part in &self.parts {
                // p (d - Σ p d).
                let (p, d) = (&row[part.clone()], &mut by[part.clone()]);
                let mean: f64 = p.iter().zip(&*d).map(|(p, d)| p * d).sum();
                for (p, d) in p.iter().zip(d) {
                    *d = p * (*d - mean);
                }
            }
        }
        for (to, ct) in by_rows.iter_mut().zip(by_soft) {
            *to += ct;
        }
        Ok(())
    }
}

/// An entry whose last arguments are mixtures of items that the row brings along.
///
/// A row is: the arguments that stay, then for each of the others a share of every item, then the items,
/// of the arguments' width each.
#[derive(Clone, Debug)]
pub struct Pointed {
    inner: Arc<dyn Entry>,
    kept: usize,
    pointers: usize,
    items: usize,
    width: usize,
}

impl Pointed {
    /// The same entry with pointers to `items` items in place of its arguments from `first` on.
    ///
    /// # Errors
    /// No arguments from there on, or of different widths; no items.
    pub fn new(inner: Arc<dyn Entry>, first: usize, items: usize) -> Result<Self, ModuleError> {
        let widths = inner.widths();
        let pointed = widths.get(first..).unwrap_or_default();
        let width = pointed.first().copied().unwrap_or(0);
        if items == 0 || width == 0 || pointed.iter().any(|other| *other != width) {
            return Err(ModuleError::Request(format!(
                "`{}` takes arguments of {widths:?} numbers: those from {first} on cannot be one of \
                 {items} items",
                inner.name()
            )));
        }
        Ok(Self {
            kept: widths[..first].iter().sum(),
            pointers: pointed.len(),
            items,
            width,
            inner,
        })
    }

    fn pointed(&self, rows: &[f64]) -> Vec<f64> {
        let mut own = Vec::with_capacity(rows.len());
        for row in rows.chunks_exact(self.row()) {
            let (kept, rest) = row.split_at(self.kept);
            let (pointers, items) = rest.split_at(self.pointers * self.items);
            own.extend_from_slice(kept);
            for shares in pointers.chunks_exact(self.items) {
                let from = own.len();
                own.resize(from + self.width, 0.0);
                for (share, item) in shares.iter().zip(items.chunks_exact(self.width)) {
                    for (to, x) in own[from..].iter_mut().zip(item) {
                        *to += share * x;
                    }
                }
            }
        }
        own
    }
}

impl Entry for Pointed {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn widths(&self) -> Vec<usize> {
        let widths = self.inner.widths();
        let mut own = widths[..widths.len() - self.pointers].to_vec();
        own.extend(std::iter::repeat_n(self.items, self.pointers));
        own.push(self.items * self.width);
        own
    }

    fn outputs(&self) -> usize {
        self.inner.outputs()
    }

    fn constants(&self) -> Vec<(String, f64)> {
        self.inner.constants()
    }

    fn values(&self, coordinates: &[f64]) -> Vec<f64> {
        self.inner.values(coordinates)
    }

    fn run(&self, rows: &[f64], constants: &[f64], out: &mut [f64]) -> Result<(), ModuleError> {
        check(self, rows, constants, out)?;
        self.inner.run(&self.pointed(rows), constants, out)
    }

    fn pull_back(
        &self,
        rows: &[f64],
        constants: &[f64],
        by_out: &[f64],
        by_rows: &mut [f64],
        by_constants: &mut [f64],
    ) -> Result<(), ModuleError> {
        check(self, rows, constants, by_out)?;
        let own = self.pointed(rows);
        let mut by_own = vec![0.0; own.len()];
        self.inner
            .pull_back(&own, constants, by_out, &mut by_own, by_constants)?;
        let (row, inner) = (self.row(), self.inner.row());
        let each = rows.chunks_exact(row).zip(by_rows.chunks_exact_mut(row));
        for ((row, by_row), by) in each.zip(by_own.chunks_exact(inner)) {
            let (kept, arguments) = by.split_at(self.kept);
            for (to, ct) in by_row.iter_mut().zip(kept) {
                *to += ct;
            }
            let rest = &row[self.kept..];
            let (pointers, items) = rest.split_at(self.pointers * self.items);
            let rest = &mut by_row[self.kept..];
            let (by_pointers, by_items) = rest.split_at_mut(self.pointers * self.items);
            let pointers = pointers.chunks_exact(self.items);
            let pointers = pointers.zip(by_pointers.chunks_exact_mut(self.items));
            for ((shares, by_shares), cts) in pointers.zip(arguments.chunks_exact(self.width)) {
                let each = items
                    .chunks_exact(self.width)
                    .zip(by_items.chunks_exact_mut(self.width));
                for ((share, by_share), (item, by_item)) in shares.iter().zip(by_shares).zip(each) {
                    for ((x, by_x), ct) in item.iter().zip(by_item).zip(cts) {
                        *by_share += x * ct;
                        *by_x += share * ct;
                    }
                }
            }
        }
        Ok(())
    }
}
