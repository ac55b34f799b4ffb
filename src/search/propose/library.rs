//! The proposer `library`: modules alone, their sums, products and chains, each once.
//!
//! Modules are expressions of the inputs; a chain puts one in place of the first input of another.
//!
//! **Invariants**
//! - The order is that of the modules' names: all of one module, then of two.

use super::{Ask, Propose, Proposed};
use crate::search::candidate::Candidate;
use crate::search::error::SearchError;
use crate::search::task::Task;
use crate::search::tree::{Tree, read_program};

/// Compositions and how they are called.
#[derive(Debug)]
pub(in crate::search) struct Library(Vec<(String, Tree)>);

impl Library {
    /// All compositions of a task's modules.
    ///
    /// # Errors
    /// When a module is no expression.
    pub(in crate::search) fn new(task: &Task) -> Result<Self, SearchError> {
        let mut modules = Vec::new();
        for (name, text) in &task.library {
            let fault = |what: &str| SearchError::Task(format!("[library] {name}: {what}"));
            let mut program = read_program(text, task.grammar.most_nodes)
                .map_err(|refusal| fault(&refusal.message))?;
            let (Some(tree), true) = (program.pop(), program.is_empty()) else {
                return Err(fault("give one expression"));
            };
            modules.push((name.clone(), tree));
        }
        let mut all = modules.clone();
        for (sign, word) in [("+", "plus"), ("*", "times")] {
            for (place, (name, tree)) in modules.iter().enumerate() {
                for (other_name, other) in &modules[place..] {
                    let both = Tree::call(sign, [tree.clone(), other.clone()]);
                    all.push((format!("{name} {word} {other_name}"), both));
                }
            }
        }
        if let Some(input) = task.data.inputs.first() {
            for (outer_name, outer) in &modules {
                for (inner_name, inner) in &modules {
                    let chain = put(outer, input, inner);
                    all.push((format!("{outer_name} of {inner_name}"), chain));
                }
            }
        }
        Ok(Self(all))
    }
}

/// A tree with another in place of a name.
fn put(tree: &Tree, name: &str, other: &Tree) -> Tree {
    match tree {
        Tree::Name(this) if &**this == name => other.clone(),
        Tree::List(items) => Tree::List(items.iter().map(|item| put(item, name, other)).collect()),
        other => other.clone(),
    }
}

impl Propose for Library {
    fn propose(&mut self, ask: &Ask<'_>, proposed: &mut Proposed) -> Result<(), SearchError> {
        let first = (ask.step as usize)
            .saturating_mul(ask.task.search.islands)
            .saturating_add(ask.island)
            .saturating_mul(ask.count);
        for (name, tree) in self.0.iter().skip(first).take(ask.count) {
            let candidate = Candidate::of(vec![tree.clone()], ask.grammar);
            proposed.take(ask.state, name, Vec::new(), candidate);
        }
        Ok(())
    }

    fn is_finished(&self, step: u64) -> bool {
        // Each step takes one at least.
        step as usize >= self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write as _;

    #[test]
    fn six_modules_have_84_compositions() {
        let mut text = "[data]\nfile='d'\ntarget='y'\ninputs=['x']\n[library]\n".to_owned();
        for (place, name) in ["a", "b", "c", "d", "e", "f"].iter().enumerate() {
            let _ = writeln!(text, "{name} = '(* 1.0 (+ x {place}))'");
        }
        let task = Task::from_toml(&text, ".".as_ref()).unwrap();
        let library = Library::new(&task).unwrap();
        assert_eq!(library.0.len(), 84);
        let (name, chain) = &library.0[49];
        assert_eq!(name, "a of b");
        let text = crate::search::tree::written(std::slice::from_ref(chain)).0;
        assert_eq!(text, "(* 1.0 (+ (* 1.0 (+ x 1)) 0))");
    }
}
