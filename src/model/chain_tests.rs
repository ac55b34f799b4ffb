//! Programs that are a chain of tests, each of which ends in a path of its own: from any of the paths it takes
//! two steps to the one that fits, however many there are.

use super::bindings::{Bindings, Wrt};
use super::interpreter::{Interpreter, Mode};
use crate::Workspace;
use crate::random::{Random, from_environment};
use crate::trace::routine::Failed;

/// How many pieces there are.
const PIECES: usize = 40;

#[test]
fn any_path_of_a_chain_of_tests_leads_to_the_others_in_two_steps() {
    let seed = from_environment("DMCI_SEED", 20_261_201);
    let last = "(* a x)".to_owned();
    // An arm that is left by a call makes two paths of a test.
    let source = (1..PIECES).rev().fold(last, |rest, piece| {
        format!(
            "(if (< x {piece}) (let go ((i 0)) (if (= i {piece}) (+ a x i) (go (+ i 1)))) {rest})"
        )
    });
    for way in 0..3 {
        let mut inputs = Bindings::new();
        inputs.set("a", 1.5);
        inputs.set("x", 0.5);
        let model = Interpreter::embedded().model_for(&source, &inputs, Mode::Direct);
        let model = model.expect("it is a program");
        let mut order: Vec<usize> = (0..PIECES).collect();
        let mut random = Random::at(&[seed, way]);
        match way {
            0 => {}
            1 => order.reverse(),
            _ => order.sort_by_cached_key(|_| random.below(1 << 30)),
        }
        let mut workspace = Workspace::new();
        let x = |piece: usize| piece as f64 + 0.5;
        for &piece in &order {
            inputs.set("x", x(piece));
            let run = model.value_and_grad(&inputs, Wrt::All, &mut workspace);
            run.expect("it has a value");
        }
        let known = model.inner.paths.load();
        assert_eq!(known.len(), PIECES, "seed {seed}, {order:?}");
        // Whether each test of a path, of which the last may end it, comes out as in a piece.
        let leaves = |place: usize, piece: usize| {
            let guards = known[place].trace.guards.iter().enumerate();
            let mut outcomes =
                guards.map(|(nth, guard)| (nth, guard, f64::from(u8::from(nth == piece))));
            let left = outcomes.find(|(_, guard, value)| guard.expected != *value);
            left.map(|(guard, _, value)| Failed {
                guard: guard as u32,
                value,
            })
        };
        for (from, piece) in (0..PIECES).flat_map(|from| (0..PIECES).map(move |to| (from, to))) {
            let (mut at, mut steps) = (from, 0);
            while let Some(failed) = leaves(at, piece) {
                at = known.next_of(at, failed).expect("it is known");
                steps += 1;
                assert!(steps <= 2, "seed {seed}, {order:?}: from {from} to {piece}");
            }
        }
    }
}
