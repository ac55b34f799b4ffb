//! How an [`Anf`] reads: the text of `show --stage anf`.
//!
//! An `Anf` and the program's symbols go in, indented text comes out, each line with its place.

use super::{Anf, Atom, Atoms, BlockId, End, LambdaId, Op, Site};
use crate::source::Listing;
use crate::symbol::{Sym, Symbols};
use crate::syntax::Program;
use crate::syntax::ast::Constant;
use std::fmt::Write;

impl Anf {
    /// Prints all procedures, the program itself first.
    pub(crate) fn print(&self, program: &Program) -> Listing {
        let mut out = Listing::default();
        for index in 0..self.lambdas.len() {
            Printer { anf: self, program }.lambda(LambdaId(index as u32), &mut out);
        }
        out
    }
}

struct Printer<'a> {
    anf: &'a Anf,
    program: &'a Program,
}

impl Printer<'_> {
    fn symbols(&self) -> &Symbols {
        &self.program.symbols
    }

    fn name(&self, sym: Option<Sym>) -> &str {
        sym.map_or("", |s| self.symbols().name(s))
    }

    fn lambda(&self, id: LambdaId, listing: &mut Listing) {
        let out = &mut listing.text;
        let lambda = self.anf.lambda(id);
        let name = match id.0 {
            0 => "program",
            _ => self.name(lambda.name),
        };
        let _ = write!(out, "{id} {name} (");
        for (index, param) in lambda.params.iter().enumerate() {
            let space = if index == 0 { "" } else { " " };
            let rest = if lambda.rest && index + 1 == lambda.params.len() {
                ". "
            } else {
                ""
            };
            let name = self.name(self.anf.names[param.0 as usize]);
            let _ = write!(out, "{space}{rest}{param}:{name}");
        }
        out.push_str(")\n");
        // An explicit stack: a long `cond` is a deep tree of blocks.
        let mut open = vec![(lambda.body, 1, "")];
        while let Some((block, depth, title)) = open.pop() {
            self.block(block, depth, title, &mut open, listing);
        }
    }

    fn block(
        &self,
        id: BlockId,
        mut depth: usize,
        title: &'static str,
        open: &mut Vec<(BlockId, usize, &'static str)>,
        listing: &mut Listing,
    ) {
        let out = &mut listing.text;
        let block = self.anf.block(id);
        if !title.is_empty() {
            let _ = writeln!(out, "{:depth$}{title} b{}:", "", id.0, depth = depth * 2);
            depth += 1;
        }
        let mut arms = Vec::new();
        for step in &block.steps {
            let out = &mut listing.text;
            let start = out.len() + depth * 2;
            let _ = write!(out, "{:depth$}{} = ", "", step.var, depth = depth * 2);
            match &step.op {
                Op::Prim(prim, args) => {
                    let _ = write!(out, "{prim}");
                    self.atoms(args, out);
                }
                Op::Call {
                    operator,
                    args,
                    known,
                } => {
                    self.call("call", operator, *known, args, out);
                }
                Op::Lambda(id) => {
                    let _ = write!(out, "lambda {id}");
                }
                Op::If {
                    test,
                    then,
                    otherwise,
                } => {
                    arms.extend(self.arms(test, [*then, *otherwise], depth, out));
                }
            }
            self.mark(step.site, start, listing);
        }
        let out = &mut listing.text;
        let start = out.len() + depth * 2;
        let _ = write!(out, "{:depth$}", "", depth = depth * 2);
        let site = match &block.end {
            End::Return(atom) => {
                let _ = write!(out, "return {}", self.atom(atom));
                Site::default()
            }
            End::TailCall {
                operator,
                args,
                known,
                site,
            } => {
                self.call("tail", operator, *known, args, out);
                *site
            }
            End::Again { args, site } => {
                out.push_str("again");
                self.atoms(args, out);
                *site
            }
            End::If {
                test,
                then,
                otherwise,
                site,
            } => {
                arms.extend(self.arms(test, [*then, *otherwise], depth, out));
                *site
            }
        };
        self.mark(site, start, listing);
        open.extend(arms.into_iter().rev());
    }

    /// Ends a line that began at an offset, with the place it stands for.
    fn mark(&self, site: Site, start: usize, listing: &mut Listing) {
        if let Some(expr) = site.expr {
            listing.mark(start, self.program.span(expr));
        }
        listing.text.push('\n');
    }

    fn call(
        &self,
        word: &str,
        operator: &Atom,
        known: Option<LambdaId>,
        args: &Atoms,
        out: &mut String,
    ) {
        let _ = write!(out, "{word} {}", self.atom(operator));
        if let Some(id) = known
            && !matches!(operator, Atom::Function(_))
        {
            let _ = write!(out, "[{id}]");
        }
        self.atoms(args, out);
    }

    /// Writes an `if`; gives its arms, to be written below.
    fn arms(
        &self,
        test: &Atom,
        [then, otherwise]: [BlockId; 2],
        depth: usize,
        out: &mut String,
    ) -> [(BlockId, usize, &'static str); 2] {
        let _ = write!(out, "if {} b{} b{}", self.atom(test), then.0, otherwise.0);
        [(then, depth, "then"), (otherwise, depth, "else")]
    }

    fn atoms(&self, atoms: &Atoms, out: &mut String) {
        for atom in atoms {
            out.push(' ');
            out.push_str(&self.atom(atom));
        }
    }

    fn atom(&self, atom: &Atom) -> String {
        match atom {
            Atom::Var(var) => var.to_string(),
            Atom::Constant(constant, _) => print_constant(constant),
            Atom::Quote(datum, _) => {
                let mut text = String::from("'");
                self.program.data.write(*datum, self.symbols(), &mut text);
                text
            }
            Atom::Input(name) => format!("input:{}", self.symbols().name(*name)),
            Atom::Prim(prim) => format!("prim:{prim}"),
            Atom::Prelude(name) => format!("prelude:{}", self.symbols().name(*name)),
            Atom::Function(id) => id.to_string(),
        }
    }
}

/// A constant as text.
pub(crate) fn print_constant(constant: &Constant) -> String {
    match constant {
        Constant::Nil => "'()".into(),
        Constant::Unspecified => "unspecified".into(),
        Constant::Bool(b) => if *b { "#t" } else { "#f" }.into(),
        Constant::Int(x) => format!("{x}"),
        Constant::Float(x) => format!("{x:?}"),
        Constant::Char(c) => format!("#\\{c}"),
        Constant::String(s) => format!("{s:?}"),
        Constant::Primitive(prim) => format!("prim:{prim}"),
    }
}
