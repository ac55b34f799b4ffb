//! Candidates: programs with what is known of them before anything is calibrated.
//!
//! A program, as trees or as text, goes in; the candidate comes out, or why it is none.
//!
//! **Invariants**
//! - The key is that of the program (`canonical`), the complexity what the grammar counts, and neither
//!   depends on the values of constants.
//! - What fits are given is one line of text, and constants are known by their places in it.

use super::canonical;
use super::error::Refusal;
use super::grammar::Grammar;
use super::task::{Form, Task};
use super::tree::{RECURRENCE, STATE, Tree, literal_name, read_program, written};
use rustc_hash::FxHashMap;
use std::fmt::Write as _;

/// A program that may be calibrated.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) program: Vec<Tree>,
    pub(super) key: u64,
    pub(super) complexity: f64,
}

/// What a program is called for: how the text is made that fits are given.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    form: Form,
    target: String,
    inputs: Vec<String>,
    most_nodes: usize,
}

/// The column of ones where a group begins, and zeros elsewhere, that recurrences are given.
pub(super) const FRESH: &str = "group-begins";

/// The text of a candidate as fits have it.
pub(super) struct Fitted {
    pub(super) text: String,
    /// The names of the program's constants as params, in the order of the program.
    names: Vec<String>,
    /// Whether it says itself what it predicts.
    pub(super) observes: bool,
}

impl Shape {
    pub(super) fn new(task: &Task) -> Self {
        Self {
            form: task.search.form,
            target: task.data.target.clone(),
            inputs: task.data.inputs.clone(),
            most_nodes: task.grammar.most_nodes,
        }
    }

    /// A candidate of a text.
    pub(super) fn read(&self, text: &str, grammar: &Grammar) -> Result<Candidate, Refusal> {
        let program = read_program(text, self.most_nodes)?;
        Ok(Candidate::of(program, grammar))
    }

    /// The text that fits are given.
    pub(super) fn fitted(&self, program: &[Tree]) -> Fitted {
        let heads = |names: &[&str]| {
            let mut heads = program.iter().filter_map(Tree::head);
            heads.any(|head| names.contains(&head))
        };
        let (text, places, observes) = match (self.form, program) {
            (Form::Recurrence, [Tree::List(items)])
                if items.len() == 3
                    && matches!(&items[0], Tree::Name(name) if &**name == RECURRENCE) =>
            {
                let (text, places) = self.recurrence(&items[1], &items[2]);
                (text, places, true)
            }
            _ => {
                let (text, places) = written(program);
                (text, places, heads(&["observe", "observe-series"]))
            }
        };
        let names = places.iter().map(|&place| literal_name(&text, place));
        Fitted {
            names: names.collect(),
            text,
            observes,
        }
    }

    /// A series of states, each from the one before and the inputs of its row.
    fn recurrence(&self, start: &Tree, next: &Tree) -> (String, Vec<usize>) {
        let mut places = Vec::new();
        let mut text = format!(
            "(observe-series ({}) (let again (({STATE} 0) (fresh-rows {FRESH}) (made '())",
            self.target
        );
        for input in &self.inputs {
            let _ = write!(text, " ({input}-rows {input})");
        }
        text.push_str(") (if (null? fresh-rows) (reverse made) (let (");
        for input in &self.inputs {
            let _ = write!(text, "({input} (car {input}-rows)) ");
        }
        // The first row of a group is its start; the inputs of any other move the state to that row.
        text.push_str("(fresh (car fresh-rows))) (let ((now (if (> fresh 0.5) ");
        start.write(&mut text, &mut places);
        text.push(' ');
        next.write(&mut text, &mut places);
        text.push_str("))) (again now (cdr fresh-rows) (cons now made)");
        for input in &self.inputs {
            let _ = write!(text, " (cdr {input}-rows)");
        }
        text.push_str("))))))");
        (text, places)
    }
}

impl Candidate {
    pub(super) fn of(program: Vec<Tree>, grammar: &Grammar) -> Self {
        Self {
            key: canonical::key(&program),
            complexity: grammar.complexity(&program),
            program,
        }
    }

    /// Puts what was found in place of constants and of initial values of params.
    pub(super) fn put(&mut self, fitted: &Fitted, found: &[(String, f64)]) {
        let values: FxHashMap<&str, f64> = found
            .iter()
            .map(|(name, value)| (name.as_str(), *value))
            .collect();
        let mut names = fitted.names.iter();
        for tree in &mut self.program {
            tree.each_constant(&mut |constant| {
                if let Some(&value) = names.next().and_then(|name| values.get(name.as_str())) {
                    *constant = value;
                }
            });
            if tree.head() == Some("param")
                && let Tree::List(items) = tree
                && let [_, Tree::Name(name), init, ..] = &mut items[..]
                && let Some(&value) = values.get(&**name)
            {
                *init = Tree::Constant(value);
            }
        }
    }
}
