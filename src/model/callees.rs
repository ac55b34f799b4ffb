//! The models that a program calls, as they were at one moment.
//!
//! Names and their models go in; out come an order in which they can be linked, and what is to be said of
//! a name that is none of theirs.
//!
//! **Invariants**
//! - Models that call one another in a circle have no order; the walk along calls is no recursion.

use super::Model;
use crate::error::cut;
use crate::symbol::nearest;
use crate::syntax::MACHINE;
use rustc_hash::{FxHashMap, FxHashSet};
use std::sync::Arc;

/// How many names of models a message tells.
const NAMES: usize = 8;

/// The models that a program calls, itself or through others.
#[derive(Debug, Default)]
pub(crate) struct Callees {
    pub(crate) found: FxHashMap<Arc<str>, Model>,
    /// What models there are, where one was not found.
    pub(crate) names: Vec<String>,
}

impl Callees {
    /// Says that a name is none of theirs.
    pub(super) fn missing(&self, name: &str) -> String {
        let names = self.names.iter().map(String::as_str);
        if let Some(machine) = name.strip_prefix(MACHINE) {
            let machines = names.filter_map(|name| name.strip_prefix(MACHINE));
            let near = nearest(machine, machines).map(cut);
            let machine = cut(machine);
            return match near {
                Some(near) => {
                    format!("no machine's program is called `{machine}`; is it `{near}`?")
                }
                None => format!(
                    "no machine's program is called `{machine}`; give the library that holds it (`--machines FILE`)"
                ),
            };
        }
        let nearest = nearest(name, names.clone()).map(cut);
        let name = &cut(name);
        if self.names.is_empty() {
            return format!(
                "no model is called `{name}`, and there are no others; insert it into the registry that the \
                 program is prepared with"
            );
        }
        if let Some(near) = nearest {
            return format!("no model is called `{name}`; is it `{near}`?");
        }
        let mut told: Vec<String> = names
            .take(NAMES)
            .map(|name| format!("`{}`", cut(name)))
            .collect();
        let more = self.names.len() - told.len();
        if more > 0 {
            told.push(format!("{more} more"));
        }
        let last = told.pop().unwrap_or_default();
        let (are, all) = if told.is_empty() {
            ("is", last)
        } else {
            ("are", format!("{} and {last}", told.join(", ")))
        };
        format!("no model is called `{name}`; there {are} {all}")
    }

    /// The names in an order in which each stands behind those that it calls.
    ///
    /// # Errors
    /// The names of a circle, from one of it to the same.
    pub(super) fn order(&self, first: &[Arc<str>]) -> Result<Vec<Arc<str>>, Vec<Arc<str>>> {
        let mut order = Vec::new();
        let mut done: FxHashSet<&str> = FxHashSet::default();
        for root in first {
            // The names under way, and which of its calls comes next.
            let mut open: Vec<(&Arc<str>, &[Arc<str>])> = Vec::new();
            let mut is_open: FxHashSet<&str> = FxHashSet::default();
            let mut next = Some(root);
            loop {
                if let Some(name) = next
                    && !done.contains(&**name)
                    && let Some(model) = self.found.get(name)
                {
                    if !is_open.insert(name) {
                        let names = open.iter().map(|(name, _)| *name);
                        let mut circle: Vec<_> =
                            names.skip_while(|n| *n != name).cloned().collect();
                        circle.push(name.clone());
                        return Err(circle);
                    }
                    open.push((name, model.calls()));
                }
                let Some((name, calls)) = open.last_mut() else {
                    break;
                };
                next = calls.split_off_first();
                if next.is_none() {
                    done.insert(name);
                    is_open.remove(&***name);
                    order.push(name.clone());
                    open.pop();
                }
            }
        }
        Ok(order)
    }
}
