//! Names of variables in a target: what the program calls them, as far as the target allows.
//!
//! **Invariants**
//! - Two variables never have one name in a scope, and none has a word of the target.

use super::code::{Code, Var};
use rustc_hash::{FxHashMap, FxHashSet};

/// The names of a code's variables.
pub(super) struct Names {
    of: FxHashMap<Var, String>,
    used: FxHashSet<String>,
    temporaries: usize,
}

impl Names {
    /// With the names of the inputs, one an input that is a number, one an array; those are given back.
    pub(super) fn new(code: &Code, reserved: &[&str]) -> (Self, Vec<String>) {
        let mut names = Self {
            of: FxHashMap::default(),
            used: reserved.iter().map(|&word| word.to_owned()).collect(),
            temporaries: 0,
        };
        let mut inputs = Vec::new();
        for given in &code.given {
            let name = names.fresh(&given.name);
            if let ([var], true) = (&given.vars[..], given.form == super::code::Form::Number) {
                names.of.insert(*var, name.clone());
            }
            inputs.push(name);
        }
        (names, inputs)
    }

    /// A name that is not used yet, near to one.
    pub(super) fn fresh(&mut self, hint: &str) -> String {
        let mut name: String = hint
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
            .collect::<String>()
            .trim_matches('_')
            .chars()
            .take(40)
            .collect();
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
            name.insert(0, 'v');
        }
        let mut number = 1;
        let mut whole = name.clone();
        // What is derived of a name must be free too.
        let derived = |name: &str| [format!("d_{name}"), format!("passes_{name}")];
        while self.used.contains(&whole)
            || derived(&whole).iter().any(|name| self.used.contains(name))
        {
            number += 1;
            whole = format!("{name}_{number}");
        }
        self.used.extend(derived(&whole));
        self.used.insert(whole.clone());
        whole
    }

    /// A variable's name; it gets one where it has none.
    pub(super) fn of(&mut self, code: &Code, var: Var) -> String {
        if let Some(name) = self.of.get(&var) {
            return name.clone();
        }
        let name = if let Some(hint) = &code.vars[var.0 as usize].name {
            self.fresh(hint)
        } else {
            self.temporaries += 1;
            self.fresh(&format!("t{}", self.temporaries))
        };
        self.of.insert(var, name.clone());
        name
    }
}
