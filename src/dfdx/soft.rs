//! `soft-choice` and `soft-if` on dfdx's tensors: all options at once.
//!
//! Cells and the relaxation go in; a cell comes out that one entry of the tape made.

use super::cell::Cell;
use super::machine::{Machine, Outcome};
use super::tape::{Number, constant, value, with_value};
use crate::engine::soft::{counts, wants_weights};
use crate::error::Kind;
use crate::prim::Prim;
use crate::prim::linalg::Shape;
use crate::tagged::TypeTag;
use dfdx::prelude::{BroadcastTo, Rank0, SumTo, TryStack};

impl Machine<'_> {
    /// s·then + (1-s)·else, where s = sigmoid((b - a) / temperature).
    pub(super) fn soft_if(&mut self, args: [&Cell; 4], site: u32) -> Outcome<Cell> {
        for arg in args {
            self.need_number(Prim::SoftIf, arg, site)?;
        }
        let reads = args.iter().filter_map(|cell| cell.node).collect();
        let gap = u64::from(args[0].node.or(args[1].node).is_some());
        let [a, b, then, otherwise] = args.map(Cell::number);
        let share = ((b - a) / self.relaxation.temperature).sigmoid();
        let blend = share.clone() * then + (-share + 1.0) * otherwise;
        self.blend(blend, reads, 6 + gap)
    }

    /// The sum of options by the softmax of their weights, which come last.
    pub(super) fn soft_choice(&mut self, args: &[Cell], site: u32) -> Outcome<Cell> {
        let Some((list, options)) = args.split_last() else {
            unreachable!("`soft-choice` has two options or more");
        };
        self.account(options.len(), site)?;
        for option in options {
            self.need_number(Prim::SoftChoice, option, site)?;
        }
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
        let reads = options.iter().chain(&weights).filter_map(|cell| cell.node);
        let reads = reads.collect();
        let options: Vec<Number> = options.iter().map(Cell::number).collect();
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
        let chosen = value(&options[largest]);
        let relaxation = self.relaxation;
        let extra = u64::from(relaxation.gumbel_seed.is_some()) + u64::from(relaxation.hard);
        let operations = (8 + 2 * extra) * options.len() as u64 - 2;
        // An option may stand among the weights too: dfdx wants two tensors for it.
        let zero = constant(&options[0], 0.0);
        let options: Vec<Number> = options.into_iter().map(|o| o + zero.clone()).collect();
        // dfdx's own softmax starts a tape of its own. The largest is taken off as a constant.
        let shift = value(&logits[largest]);
        let parts = (logits.stack() - shift).exp();
        let total = parts.clone().sum::<Rank0, _>();
        let total = total.broadcast_like(&parts);
        let mut blend = (parts / total * options.stack()).sum::<Rank0, _>();
        if self.relaxation.hard {
            blend = with_value(blend, chosen);
        }
        self.blend(blend, reads, operations)
    }

    /// The blend as an entry of the tape, also where it depends on nothing but the temperature, which
    /// is an input to the engine; the operations are as many as the engine's.
    fn blend(&mut self, blend: Number, reads: Vec<usize>, operations: u64) -> Outcome<Cell> {
        let cell = Cell::of_number(blend, TypeTag::Float);
        self.record(cell, reads, operations)
    }
}
