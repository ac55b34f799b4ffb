//! The grammar of programs in GBNF, for servers that keep a model's answers to one.
//!
//! A task goes in; the text of a grammar comes out.
//!
//! **Invariants**
//! - What the grammar admits reads, expands and has operators with as many arguments as they take: names
//!   and numbers of arguments are those of the table of primitives.
//! - Each program is a list that names a column, and so is each list in it: what is left out are constants
//!   that are written at length. A small model otherwise counts, a number a line.
//! - Nesting is bounded, and so is the number of programs, so an answer ends.
//! - What comes next decides the rule, so a server follows few of them at a time.

use super::task::{Form, Task};
use super::tree::gives_number;
use crate::prim::{Kind, Prim};
use std::fmt::Write as _;

/// How deep operators may nest.
const DEEPEST: usize = 5;

/// The most programs of an answer, whatever the task asks for.
const MOST: usize = 64;

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
        // Where a recurrence starts there is no `state` yet.
        let start = format!("start ::= constant | {}\n", inputs.join(" | "));
        let (program, start) = match self.search.form {
            Form::Expression => (format!("p{DEEPEST}"), String::new()),
            Form::Recurrence => {
                inputs.push(quoted("state"));
                let program = format!("\"(recurrence \" start \" \" e{DEEPEST} \")\"");
                (program, start)
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
        let more = match self.openai.programs.clamp(1, MOST) - 1 {
            0 => String::new(),
            more => format!(" (\"\\n\" program){{0,{more}}}"),
        };
        let mut out = format!("root ::= program{more} \"\\n\"?\nprogram ::= {program}\n{start}");
        let _ = writeln!(out, "input ::= {}", inputs.join(" | "));
        out.push_str("constant ::= \"-\"? [0-9] [0-9]? [0-9]? \".\" [0-9] [0-9]? [0-9]? [0-9]?\n");
        out.push_str("number ::= constant | [0-9]\n");
        let _ = writeln!(
            out,
            "test ::= \"(\" ({}) \" \" input \" \" constant \")\"",
            tests.join(" | ")
        );
        // Of each depth: what has a column in it, any argument, and two of which one has a column.
        for depth in 0..=DEEPEST {
            if depth > 0 {
                let ways = lists([&one, &two, &many], has_if, depth - 1);
                let _ = writeln!(out, "p{depth} ::= {ways}");
            }
            let list = match depth {
                0 => String::new(),
                _ => format!(" | p{depth}"),
            };
            let _ = writeln!(out, "e{depth} ::= input{list}");
            if depth < DEEPEST {
                let _ = writeln!(out, "a{depth} ::= number | e{depth}");
                let _ = writeln!(
                    out,
                    "pair{depth} ::= e{depth} \" \" a{depth} | number \" \" e{depth}"
                );
            }
        }
        out
    }
}

/// The lists whose arguments nest so deep at most, by the names of operators that take one argument, two,
/// and two or more.
fn lists([one, two, many]: [&[String]; 3], has_if: bool, below: usize) -> String {
    let mut ways = Vec::new();
    if !one.is_empty() {
        ways.push(format!("\"(\" ({}) \" \" e{below} \")\"", one.join(" | ")));
    }
    if !two.is_empty() {
        ways.push(format!(
            "\"(\" ({}) \" \" pair{below} \")\"",
            two.join(" | ")
        ));
    }
    if !many.is_empty() {
        ways.push(format!(
            "\"(\" ({}) \" \" pair{below} (\" \" a{below})? \")\"",
            many.join(" | ")
        ));
    }
    if has_if {
        ways.push(format!("\"(if \" test \" \" a{below} \" \" a{below} \")\""));
    }
    if ways.is_empty() {
        ways.push("input".to_owned());
    }
    ways.join(" | ")
}
