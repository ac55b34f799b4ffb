//! The grammar of programs in GBNF, for servers that keep a model's answers to one.
//!
//! A task goes in; the text of a grammar comes out.
//!
//! **Invariants**
//! - What the grammar admits reads, expands and has operators with as many arguments as they take: names
//!   and numbers of arguments are those of the table of primitives.
//! - Nesting is bounded, so an answer ends.

use super::task::{Form, Task};
use super::tree::gives_number;
use crate::prim::{Kind, Prim};
use std::fmt::Write as _;

/// How deep operators may nest.
const DEEPEST: usize = 5;

impl Task {
    /// The grammar of the programs that this task is about, in GBNF.
    ///
    /// ```
    /// use dmci::search::Task;
    ///
    /// let task = "[data]\nfile = 'd.csv'\ntarget = 'y'\ninputs = ['x']\n";
    /// let grammar = Task::from_toml(task, ".".as_ref())?.gbnf();
    /// assert!(grammar.contains("input ::= \"x\""));
    /// # Ok::<(), dmci::search::SearchError>(())
    /// ```
    pub fn gbnf(&self) -> String {
        let quoted =
            |name: &str| format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""));
        let mut inputs: Vec<String> = self.data.inputs.iter().map(|name| quoted(name)).collect();
        let program = match self.search.form {
            Form::Expression => format!("e{DEEPEST}"),
            Form::Recurrence => {
                inputs.push(quoted("state"));
                format!("\"(recurrence \" e1 \" \" e{DEEPEST} \")\"")
            }
        };
        let (mut one, mut two, mut many) = (Vec::new(), Vec::new(), Vec::new());
        let mut tests = Vec::new();
        for name in &self.grammar.operators {
            let Some(prim) = Prim::from_name(name) else {
                continue;
            };
            let spec = prim.spec();
            match spec.kind {
                Kind::Predicate => tests.push(quoted(name)),
                Kind::Numeric(_) if spec.accepts(3) => many.push(quoted(name)),
                Kind::Numeric(_) if spec.accepts(2) => two.push(quoted(name)),
                Kind::Numeric(_) => one.push(quoted(name)),
                Kind::Structural if gives_number(prim) => one.push(quoted(name)),
                Kind::Structural => {}
            }
        }
        let has_if = self.grammar.operators.iter().any(|name| name == "if");
        if tests.is_empty() {
            tests = vec![quoted("<"), quoted(">")];
        }
        let mut out =
            format!("root ::= program (\"\\n\" program)* \"\\n\"?\nprogram ::= {program}\n");
        let _ = writeln!(out, "input ::= {}", inputs.join(" | "));
        out.push_str("constant ::= \"-\"? [0-9] [0-9]? [0-9]? \".\" [0-9] [0-9]? [0-9]? [0-9]?\n");
        out.push_str("int ::= [0-9]\n");
        let _ = writeln!(
            out,
            "test ::= \"(\" ({}) \" \" input \" \" constant \")\"",
            tests.join(" | ")
        );
        out.push_str("e0 ::= input | constant | int\n");
        for depth in 1..=DEEPEST {
            let below = depth - 1;
            let mut ways = vec!["e0".to_owned()];
            if !one.is_empty() {
                ways.push(format!("\"(\" ({}) \" \" e{below} \")\"", one.join(" | ")));
            }
            if !two.is_empty() {
                ways.push(format!(
                    "\"(\" ({}) \" \" e{below} \" \" e{below} \")\"",
                    two.join(" | ")
                ));
            }
            if !many.is_empty() {
                let more = format!("(\" \" e{below})?");
                ways.push(format!(
                    "\"(\" ({}) \" \" e{below} \" \" e{below} {more} \")\"",
                    many.join(" | ")
                ));
            }
            if has_if {
                ways.push(format!("\"(if \" test \" \" e{below} \" \" e{below} \")\""));
            }
            let _ = writeln!(out, "e{depth} ::= {}", ways.join(" | "));
        }
        out
    }
}
