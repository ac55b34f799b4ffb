//! `soft-choice` and `soft-if` on dfdx's tensors.
//!
//! Cells and the relaxation go in; a cell comes out, whose numbers each have an entry of the tape that
//! reads one for all shares.

use super::cell::Cell;
use super::machine::{Machine, Outcome};
use super::tape::{Number, constant, value, with_value};
use crate::error::Kind;
use crate::prim::Prim;
use crate::prim::linalg::Shape;
use crate::prim::tagged::{Tagged, TypeTag};
use crate::walk::soft::{counts, differ, wants_weights};

impl Machine<'_> {
    /// s·then + (1-s)·else, where s = sigmoid((b - a) / temperature).
    pub(super) fn soft_if(&mut self, args: &[Cell], site: u32) -> Outcome<Cell> {
        for arg in &args[..2] {
            self.need_number(Prim::SoftIf, arg, site)?;
        }
        let (shape, options) = self.options(Prim::SoftIf, &args[2..], site)?;
        let reads: Vec<usize> = args[..2].iter().filter_map(|cell| cell.node).collect();
        let gap = u64::from(!reads.is_empty());
        let (a, b) = (args[0].number(), args[1].number());
        let share = ((b - a) / self.relaxation.temperature).sigmoid();
        let rest = -share.clone() + 1.0;
        self.blend(shape, &options, &[share, rest], reads, 3 + gap, None)
    }

    /// How many numbers of noise were drawn, or, set back to what an earlier call said, the same again.
    pub(super) fn drawn(&mut self, args: &[Cell]) -> Outcome<Cell> {
        if self.relaxation.gumbel_seed.is_none() {
            return Ok(self.heap.constant(Tagged::bool(false)));
        }
        if let [drawn] = args {
            let drawn = (value(&drawn.number()) as u64).min(self.drawn);
            if drawn != self.drawn {
                self.leave_arms()?;
            }
            self.drawn = drawn;
        }
        Ok(self.heap.constant(Tagged::int(self.drawn as f64)))
    }

    /// The sum of options by the softmax of their weights, which come last.
    pub(super) fn soft_choice(&mut self, args: &[Cell], site: u32) -> Outcome<Cell> {
        let Some((list, options)) = args.split_last() else {
            unreachable!("`soft-choice` has two options or more");
        };
        let (shape, options) = self.options(Prim::SoftChoice, options, site)?;
        let weights = if list.is(TypeTag::Vector) {
            let (shape, numbers) = self.heap.array_of(list);
            matches!(shape, Shape::Vector(_)).then_some(numbers)
        } else {
            self.items(list)
        };
        let Some(weights) = weights else {
            return self.fail(Kind::Type, site, wants_weights(list.kind()));
        };
        for weight in weights.iter().take(options.len()) {
            self.need_number(Prim::SoftChoice, weight, site)?;
        }
        if weights.len() != options.len() {
            let message = counts(options.len(), weights.len());
            return self.fail(Kind::Shape, site, message);
        }
        let reads = weights.iter().filter_map(|cell| cell.node).collect();
        let mut logits: Vec<Number> = weights.iter().map(Cell::number).collect();
        for logit in &mut logits {
            let mut noisy = logit.clone();
            if let Some(seed) = self.relaxation.gumbel_seed {
                self.leave_arms()?;
                let noise = Prim::Gumbel.forward(seed as f64, self.drawn as f64);
                self.drawn += 1;
                noisy = noisy + noise;
            }
            *logit = noisy / self.relaxation.temperature;
        }
        let mut largest = 0;
        for (index, logit) in logits.iter().enumerate() {
            if value(logit) > value(&logits[largest]) {
                largest = index;
            }
        }
        // The largest is taken off as a constant.
        let shift = value(&logits[largest]);
        let parts: Vec<Number> = logits.into_iter().map(|z| (z - shift).exp()).collect();
        let total = parts.iter().cloned().reduce(|sum, part| sum + part);
        let total = total.unwrap_or_else(|| constant(&parts[0], 1.0));
        let shares: Vec<Number> = parts.into_iter().map(|p| p / total.clone()).collect();
        let (n, relaxation) = (options.len() as u64, self.relaxation);
        let noise = 2 * n * u64::from(relaxation.gumbel_seed.is_some());
        let tests = (n - 1) * u64::from(relaxation.hard);
        let chosen = relaxation.hard.then_some(largest);
        self.blend(
            shape,
            &options,
            &shares,
            reads,
            6 * n - 1 + noise + tests,
            chosen,
        )
    }

    /// The cells of options: all are numbers, or all arrays of one shape.
    fn options(
        &mut self,
        prim: Prim,
        options: &[Cell],
        site: u32,
    ) -> Outcome<(Option<Shape>, Vec<Vec<Cell>>)> {
        let mut first = None;
        let mut all = Vec::with_capacity(options.len());
        for option in options {
            let (shape, cells) = if option.is(TypeTag::Vector) {
                let (shape, cells) = self.heap.array_of(option);
                (Some(shape), cells)
            } else {
                self.need_number(prim, option, site)?;
                (None, vec![option.clone()])
            };
            let first = *first.get_or_insert(shape);
            if shape != first {
                return self.fail(Kind::Shape, site, differ(prim, first, shape));
            }
            self.account(cells.len(), site)?;
            all.push(cells);
        }
        Ok((first.flatten(), all))
    }

    /// The sums of the options by their shares; with `chosen`, values of that option. What came about
    /// just now are the shares, from `reads` by so many operations of the engine's, of which the
    /// temperature is an input: so a blend of constants is an entry of the tape too.
    fn blend(
        &mut self,
        shape: Option<Shape>,
        options: &[Vec<Cell>],
        shares: &[Number],
        reads: Vec<usize>,
        operations: u64,
        chosen: Option<usize>,
    ) -> Outcome<Cell> {
        let share = Cell::of_number(shares[0].clone(), TypeTag::Float);
        let share = self.record(share, reads, operations)?;
        let n = options.len() as u64;
        let each = 2 * n - 1 + chosen.map_or(0, |_| n - 1 + 2);
        let mut blend = Vec::with_capacity(options[0].len());
        for at in 0..options[0].len() {
            let cells: Vec<&Cell> = options.iter().map(|option| &option[at]).collect();
            let terms = cells
                .iter()
                .zip(shares)
                .map(|(o, s)| o.number() * s.clone());
            let mut sum = terms.reduce(|sum, term| sum + term).expect("two or more");
            if let Some(chosen) = chosen {
                sum = with_value(sum, cells[chosen].payload(0));
            }
            let read = cells.iter().filter_map(|cell| cell.node).chain(share.node);
            let cell = Cell::of_number(sum, TypeTag::Float);
            blend.push(self.record(cell, read.collect(), each)?);
        }
        Ok(match shape {
            None => blend.swap_remove(0),
            Some(shape) => self.heap.array(shape, blend),
        })
    }
}
