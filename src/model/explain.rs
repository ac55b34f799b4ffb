//! Why a run went as it did: walked or replayed, on which guards, with which forks, compiled or not.
//!
//! Inputs go in; the evaluation comes out with an [`Explanation`], which is data and can be printed.
//!
//! **Invariants**
//! - Explaining runs the model once, as evaluating does, and changes nothing else.
//! - Places are spans of the program's text.
//!
//! ```text
//! walked: guard 1 of path 1 expects #t and met #f
//!   1:1    (if (> x 0) (list x) 0)
//! path 2: 1 operation
//! 1 guard
//!   1:1    #f  (if (> x 0) (list x) 0)
//! 1 fork given up
//!   1:1    (if (> x 0) (list x) 0)
//!          an arm comes to a pair, not to a number or boolean
//! not compiled: it has had 0 of the 8 replays before that
//! ```

use super::error::Error;
use super::{Model, RunPath, Want};
use crate::model::bindings::{Bindings, Wrt};
use crate::model::gradient::Evaluation;
use crate::paths::{self, Workspace};
use crate::source::{Position, Span};
use crate::syntax::ast::Part;
use crate::syntax::link::place_in;
use crate::trace::Guard;
use crate::walk::reasons::steering;
use crate::walk::serial::number;
use crate::walk::{ForkGivenUp, Limits, Uncompiled, Way};
use rustc_hash::FxHashMap;
use serde::Serialize;
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;

/// How many characters of an expression are shown.
const SHOWN: usize = 48;

/// How many places of one sort are shown; the fields of an [`Explanation`] hold all.
const PLACES: usize = 20;

/// How many different numbers of one place are shown.
const NUMBERS: usize = 4;

/// What a path relies on.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct GuardReason {
    /// What in the program it stands for: an `if`, or the call that takes an index or a size.
    pub span: Option<Span>,
    /// What the number must be; 1 and 0 stand for #t and #f where it is the outcome of a test.
    #[serde(with = "number")]
    pub expected: f64,
    /// Whether it is the outcome of a test.
    pub is_test: bool,
}

/// Why a run went as it did. Printed, it is the account of `dmci run --explain`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Explanation {
    /// How the run came to its numbers, and why that way.
    pub way: Way,
    /// Whether the run is on a recorded path; what follows is empty if not.
    pub is_recorded: bool,
    /// The number of its path among those the model keeps, from 1; none where it is not kept.
    pub path: Option<u32>,
    /// The operations of the path.
    pub operations: u64,
    /// The guards of the path, in the order they are checked.
    pub guards: Vec<GuardReason>,
    /// The forks whose arms were joined by a select.
    pub forks_joined: Vec<Option<Span>>,
    /// The forks that were given up, in the order that happened.
    pub forks_given_up: Vec<ForkGivenUp>,
    /// Why the next replay would not be one of compiled code, as far as that can be told; none if it
    /// would.
    pub uncompiled: Option<Uncompiled>,
    /// The text, with those of the models that the program calls behind it.
    text: Arc<str>,
    parts: Arc<[Part]>,
}

impl Model {
    /// As [`Model::evaluate`], and tells why the run went as it did.
    ///
    /// ```
    /// use dmci::{Bindings, Interpreter, Limits, Way, Workspace, Wrt};
    ///
    /// let model = Interpreter::embedded().model("(if (> x 0) (list x) 0)")?;
    /// let mut workspace = Workspace::new();
    /// let mut explain = |x: f64| {
    ///     let inputs = Bindings::from([("x", x)]);
    ///     model.explain(&inputs, Wrt::Nothing, &Limits::default(), &mut workspace)
    /// };
    /// let (_, first) = explain(2.0)?;
    /// assert_eq!(first.forks_given_up.len(), 1);
    /// let (evaluation, second) = explain(-1.0)?;
    /// assert_eq!(evaluation.value.number(), Some(0.0));
    /// let Way::Diverged(divergence) = second.way else {
    ///     unreachable!("{second}");
    /// };
    /// assert_eq!((divergence.expected(), divergence.found()), (1.0, 0.0));
    /// # Ok::<(), dmci::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Model::evaluate`]; and when the model is for the reference engine, which records nothing.
    pub fn explain(
        &self,
        bindings: &Bindings,
        wrt: Wrt<'_>,
        limits: &Limits,
        workspace: &mut Workspace,
    ) -> Result<(Evaluation, Explanation), Error> {
        self.check_walks()?;
        let (evaluation, path, by) =
            self.evaluate_on_path(bindings, wrt, Want::Path, limits, workspace)?;
        let explanation = self.explanation(evaluation.stats.way, path, &by);
        Ok((evaluation, explanation))
    }

    /// What a guard of a path stands for.
    pub(super) fn reason(&self, path: &paths::Path, guard: &Guard) -> GuardReason {
        GuardReason {
            span: self.span_of_place(guard.place),
            expected: guard.expected,
            is_test: path.is_test(guard.node),
        }
    }

    fn explanation(&self, way: Way, path: Option<RunPath>, by: &[u32]) -> Explanation {
        let mut explanation = Explanation {
            way,
            is_recorded: path.is_some(),
            path: None,
            operations: 0,
            guards: Vec::new(),
            forks_joined: Vec::new(),
            forks_given_up: Vec::new(),
            uncompiled: None,
            text: self.inner.whole.clone(),
            parts: self.inner.parts.clone(),
        };
        let Some((path, place)) = path else {
            return explanation;
        };
        explanation.path = place.map(|place| place as u32 + 1);
        explanation.operations = path.trace.operations.len() as u64;
        let guards = path.trace.guards.iter();
        explanation.guards = guards.map(|guard| self.reason(&path, guard)).collect();
        let joins = path.trace.joins.iter();
        explanation.forks_joined = joins.map(|&(_, place)| self.span_of_place(place)).collect();
        explanation.forks_given_up = path.given_up.to_vec();
        explanation.uncompiled = if self.inner.monitored {
            Some(Uncompiled::Nodes)
        } else {
            path.uncompiled(by)
        };
        explanation
    }
}

impl Explanation {
    /// An expression as one line: white space drawn together, and cut where it is long.
    pub fn excerpt(&self, span: Span) -> String {
        let words: Vec<&str> = span.text(&self.text).split_whitespace().collect();
        let line = words.join(" ");
        match line.char_indices().nth(SHOWN) {
            Some((end, _)) => format!("{}…", &line[..end]),
            None => line,
        }
    }

    /// Where a span of the text is: the model that it is in, where that is one that the program calls, and
    /// its position there.
    pub(crate) fn place(&self, span: Span) -> (Option<&str>, Position) {
        match place_in(&self.parts, span) {
            Some((part, span)) => {
                let text = part.span.text(&self.text);
                (Some(&*part.name), span.position(text))
            }
            None => (None, span.position(&self.text)),
        }
    }

    /// The text of a place.
    #[cfg(feature = "cli")]
    pub(crate) fn text_of(&self, span: Span) -> &str {
        span.text(&self.text)
    }

    fn told_place(&self, span: Span) -> String {
        match self.place(span) {
            (Some(model), position) => format!("{model}:{position}"),
            (None, position) => position.to_string(),
        }
    }

    /// A line for a place: where it is, what is to be said of it, and its text.
    fn row(&self, f: &mut fmt::Formatter<'_>, span: Option<Span>, says: &str) -> fmt::Result {
        let (position, text) = match span {
            Some(span) => (self.told_place(span), self.excerpt(span)),
            None => ("-".into(), "at no place of the program".into()),
        };
        writeln!(f, "  {position:<6} {says}{text}")
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.way)?;
        if let Way::Diverged(divergence) = &self.way {
            self.row(f, divergence.span(), "")?;
        }
        match (self.is_recorded, self.path) {
            (false, _) => return writeln!(f, "not recorded: it has too many operations"),
            (true, Some(path)) => write!(f, "path {path}: ")?,
            (true, None) => f.write_str("a path that is not kept, for want of room: ")?,
        }
        writeln!(f, "{}", counted(self.operations as usize, "operation"))?;
        self.write_guards(f)?;
        if !self.forks_joined.is_empty() {
            let places = by_place(self.forks_joined.iter().map(|&span| (span, ())));
            writeln!(f, "{} joined", counted(self.forks_joined.len(), "fork"))?;
            for (span, times) in places.iter().take(PLACES) {
                self.row(f, *span, &times_in_words(times.len(), "  "))?;
            }
            write_more(f, places.len())?;
        }
        if !self.forks_given_up.is_empty() {
            writeln!(f, "{} given up", counted(self.forks_given_up.len(), "fork"))?;
            for fork in self.forks_given_up.iter().take(PLACES) {
                self.row(f, fork.span, "")?;
                write!(f, "  {:<6} {}", "", fork.why)?;
                match fork.at {
                    Some(at) => {
                        let position = self.told_place(at);
                        writeln!(f, ", at {position}: {}", self.excerpt(at))?;
                    }
                    None => writeln!(f)?,
                }
            }
            write_more(f, self.forks_given_up.len())?;
        }
        match self.uncompiled {
            // It has been said.
            Some(why) if self.way == Way::Recorded(why) => Ok(()),
            Some(why) => writeln!(f, "not compiled: {why}"),
            None => Ok(()),
        }
    }
}

impl Explanation {
    /// A line for each place with guards: what they hold, and how often.
    fn write_guards(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.guards.is_empty() {
            return writeln!(f, "no guard: it fits all numbers");
        }
        writeln!(f, "{}", counted(self.guards.len(), "guard"))?;
        let told = |guard: &GuardReason| steering(guard.expected, guard.is_test);
        let places = by_place(self.guards.iter().map(|guard| (guard.span, told(guard))));
        for (span, expected) in places.iter().take(PLACES) {
            let numbers = by_place(expected.iter().map(|number| (number, ())));
            let mut told: Vec<String> = numbers
                .iter()
                .take(NUMBERS)
                .map(|(number, times)| format!("{number}{}", times_in_words(times.len(), "")))
                .collect();
            if numbers.len() > NUMBERS {
                told.push(format!("and {} others", numbers.len() - NUMBERS));
            }
            self.row(f, *span, &format!("{}  ", told.join(", ")))?;
        }
        write_more(f, places.len())
    }
}

/// Things gathered by what they belong to, in the order of their first.
fn by_place<P: Copy + Eq + Hash, T>(things: impl Iterator<Item = (P, T)>) -> Vec<(P, Vec<T>)> {
    let mut gathered: Vec<(P, Vec<T>)> = Vec::new();
    let mut known: FxHashMap<P, usize> = FxHashMap::default();
    for (place, thing) in things {
        let at = *known.entry(place).or_insert(gathered.len());
        if at == gathered.len() {
            gathered.push((place, Vec::new()));
        }
        gathered[at].1.push(thing);
    }
    gathered
}

fn times_in_words(times: usize, end: &str) -> String {
    match times {
        1 => String::new(),
        times => format!(" {times} times{end}"),
    }
}

fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

fn write_more(f: &mut fmt::Formatter<'_>, places: usize) -> fmt::Result {
    match places.saturating_sub(PLACES) {
        0 => Ok(()),
        more => writeln!(f, "  and {more} more places"),
    }
}
