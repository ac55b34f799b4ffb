//! How a [`Trace`] reads: the text of `show --stage trace`.

use super::roll::Loop;
use super::roll::operations::loops;
use super::{Numbers, Ref, Trace, narrow};
use crate::prim::Prim;
use std::fmt::Write;

impl Trace {
    /// Prints inputs, operations, guards and arms; `names` are the inputs'. Of a loop, the first iteration.
    pub(crate) fn print(&self, names: &[String], outputs: &[Ref]) -> String {
        let mut out = String::new();
        for (index, name) in names.iter().enumerate().take(self.inputs as usize) {
            let _ = writeln!(out, "%{index} = input {name}");
        }
        let mut guards = self.guards.iter().peekable();
        let mut loops = loops(self).into_iter().peekable();
        let mut rest = 0..0;
        for index in 0..=self.operations.len() {
            if rest.contains(&index) {
                while guards.next_if(|g| g.at as usize <= index).is_some() {}
                continue;
            }
            if index > 0 && index == rest.end {
                let last = self.inputs as usize + index - 1;
                let _ = writeln!(out, "and so on, up to %{last}");
            }
            if let Some(of) = loops.next_if(|of| of.start == index) {
                let Loop { period, count, .. } = of;
                let s = if period == 1 { "" } else { "s" };
                let _ = writeln!(out, "loop {count} times {period} operation{s}, at first");
                rest = of.start + period..of.end();
            }
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
            if op.prim == Prim::Part {
                continue;
            }
            if op.prim == Prim::Block {
                self.print_block(index, &mut out);
                continue;
            }
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

    fn print_block(&self, operation: usize, out: &mut String) {
        let block = self.block_at(operation);
        let first = self.inputs + block.first;
        let _ = write!(out, "%{first}..%{} = ", first + block.length - 1);
        let Some(kind) = block.block else {
            let repeated = self.repeated(&block);
            let (what, numbers) = match &repeated {
                Some(repeated) => ("loop from", repeated.operands),
                None => ("gather", self.listed_of(block.a)),
            };
            let _ = write!(out, "{what}");
            for &number in numbers {
                let _ = write!(out, " {}", self.text(number));
            }
            if let Some(count) = repeated
                .map(|of| of.others.len())
                .filter(|&count| count > 0)
            {
                let _ = write!(out, " and {count} more in turn");
            }
            out.push('\n');
            return;
        };
        let _ = write!(out, "{kind:?}");
        for numbers in [block.a, block.b] {
            if let Numbers::Run(first, length) = numbers
                && length > 0
            {
                let last = Ref::node(narrow(first.index()) + length - 1);
                let _ = match first.as_node() {
                    Some(node) => write!(out, " %{node}..{last}"),
                    None => write!(out, " {length} constants"),
                };
            }
        }
        out.push('\n');
    }

    fn text(&self, r: Ref) -> String {
        match r.as_node() {
            Some(node) => format!("%{node}"),
            None => self.constants[r.index()].to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::prim::Prim;
    use crate::trace::{Operation, Ref, Trace};

    #[test]
    fn loops_side_by_side_are_each_told_to_their_end() {
        let mut trace = Trace {
            inputs: 1,
            ..Trace::default()
        };
        for prim in [Prim::Sin, Prim::Cos] {
            for _ in 0..600 {
                let a = Ref::node(trace.len() as u32 - 1);
                let (b, c) = (a, a);
                trace.operations.push(Operation { prim, a, b, c });
            }
        }
        let text = trace.print(&["x".into()], &[Ref::node(1200)]);
        let expected = "%0 = input x\n\
            %1 = sin %0\n\
            loop 599 times 1 operation, at first\n\
            %2 = sin %1\n\
            and so on, up to %600\n\
            loop 600 times 1 operation, at first\n\
            %601 = cos %600\n\
            and so on, up to %1200\n\
            return %1200\n";
        assert_eq!(text, expected);
    }
}
