//! How a [`Trace`] reads: the text of `show --stage trace`.

use super::{Ref, Trace};
use crate::prim::Prim;
use std::fmt::Write;

impl Trace {
    /// Prints inputs, operations, guards and arms; `names` are the inputs'.
    pub fn print(&self, names: &[String], outputs: &[Ref]) -> String {
        let mut out = String::new();
        for (index, name) in names.iter().enumerate().take(self.inputs as usize) {
            let _ = writeln!(out, "%{index} = input {name}");
        }
        let mut guards = self.guards.iter().peekable();
        for index in 0..=self.operations.len() {
            while let Some(guard) = guards.next_if(|g| g.at as usize <= index) {
                let _ = writeln!(out, "guard {} = {}", self.text(guard.node), guard.expected);
            }
            for arm in self.arms.iter().rev() {
                if arm.start as usize == index {
                    let not = if arm.when { "" } else { "not " };
                    let _ = writeln!(out, "arm {not}{}:", self.text(arm.test));
                }
            }
            let Some(op) = self.operations.get(index) else {
                break;
            };
            let _ = write!(out, "%{} = ", self.inputs as usize + index);
            let _ = match (op.prim, op.prim.operands()) {
                (Prim::Select, _) => writeln!(
                    out,
                    "select {} {} {}",
                    self.text(op.c),
                    self.text(op.a),
                    self.text(op.b)
                ),
                (prim, 1) => writeln!(out, "{prim} {}", self.text(op.a)),
                (prim, _) => writeln!(out, "{prim} {} {}", self.text(op.a), self.text(op.b)),
            };
        }
        let _ = write!(out, "return");
        for &output in outputs {
            let _ = write!(out, " {}", self.text(output));
        }
        out.push('\n');
        out
    }

    fn text(&self, r: Ref) -> String {
        match r.as_node() {
            Some(node) => format!("%{node}"),
            None => self.constants[r.index()].to_string(),
        }
    }
}
