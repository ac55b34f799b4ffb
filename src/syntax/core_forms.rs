//! How a program in core forms reads: the text of `show --stage core`.
//!
//! A [`Program`] goes in, indented Scheme comes out, each form with its place in the program.
//!
//! **Invariants**
//! - Names tell variables apart; one that begins with `%`, or ends in `%` and a number, is none that
//!   the program can spell. The self-hosted evaluator sees places instead.
//! - Printing is linear in the program and never recurses: past a depth, forms stand in one line.
//!
//! ```text
//! (or a b)   =>   (let ((%test a)) (if %test %test b))
//! ```

use super::Program;
use super::ast::{Constant, Expr, ExprId, VarId};
use super::datum::{Data, Datum};
use crate::source::{Listing, Span};
use crate::symbol::Sym;

/// Where lines end if they can.
const WIDTH: usize = 92;

/// Of what stands for nothing in the program.
const NOWHERE: Span = Span::new(0, 0);

/// Forms that begin behind this column stand in one line.
const MAX_INDENT: usize = 60;

/// A program in core forms.
pub(crate) fn print(program: &Program) -> Listing {
    let mut printer = Printer {
        program,
        atoms: Data::new(),
        tokens: Vec::new(),
        work: Vec::new(),
    };
    printer.work.push(Work::Expr(program.root));
    while let Some(work) = printer.work.pop() {
        printer.step(work);
    }
    lay_out(&printer.tokens)
}

/// How a list breaks into lines: how many items stay beside the parenthesis, and how far the others
/// are indented.
#[derive(Clone, Copy, Debug)]
struct Style {
    beside: usize,
    indent: usize,
}

/// `(f\n  a\n  b)`.
const CALL: Style = Style {
    beside: 1,
    indent: 2,
};
/// `(let bindings\n  body)`.
const BINDING: Style = Style {
    beside: 2,
    indent: 2,
};
/// `(if test\n    then\n    otherwise)`.
const IF: Style = Style {
    beside: 2,
    indent: 4,
};
/// `(a\n b)`.
const LIST: Style = Style {
    beside: 1,
    indent: 1,
};

/// With the place in the program, of forms and of atoms that stand for one.
enum Token {
    Open(Style, Span),
    Atom(String, Span),
    Close,
}

enum Work {
    Expr(ExprId),
    Token(Token),
}

struct Printer<'a> {
    program: &'a Program,
    /// Constants go through the printer of data.
    atoms: Data,
    tokens: Vec<Token>,
    work: Vec<Work>,
}

impl Printer<'_> {
    fn step(&mut self, work: Work) {
        let id = match work {
            Work::Token(token) => return self.tokens.push(token),
            Work::Expr(id) => id,
        };
        let program = self.program;
        let span = program.span(id);
        match program.expr(id) {
            Expr::Constant(constant) => {
                let text = self.constant(constant);
                self.atom(text, span);
            }
            Expr::Quote(datum) => {
                let mut text = String::from("'");
                program.data.write(*datum, &program.symbols, &mut text);
                self.atom(text, span);
            }
            Expr::Variable(var) => self.atom(self.variable(*var), span),
            Expr::Primitive(name, _) | Expr::Prelude(name) | Expr::Free(name) => {
                let text = self.symbol(*name);
                self.atom(text, span);
            }
            Expr::If {
                test,
                then,
                otherwise,
            } => self.form("if", IF, span, vec![], &[*test, *then, *otherwise]),
            Expr::Lambda {
                params, rest, body, ..
            } => {
                let names = self.params(params, *rest);
                self.form("lambda", BINDING, span, names, &[*body]);
            }
            Expr::Let { vars, inits, body } => {
                let bindings = self.bindings(vars, inits);
                self.form("let", BINDING, span, bindings, &[*body]);
            }
            Expr::Letrec { vars, inits, body } => {
                let bindings = self.bindings(vars, inits);
                self.form("letrec", BINDING, span, bindings, &[*body]);
            }
            Expr::Begin(exprs) => self.form("begin", CALL, span, vec![], exprs),
            Expr::Call { operator, args, .. } => {
                self.tokens.push(Token::Open(CALL, span));
                self.work.push(Work::Token(Token::Close));
                self.work
                    .extend(args.iter().rev().map(|&arg| Work::Expr(arg)));
                self.work.push(Work::Expr(*operator));
            }
        }
    }

    fn atom(&mut self, text: String, from: Span) {
        self.tokens.push(Token::Atom(text, from));
    }

    /// `(keyword inner … exprs …)`.
    fn form(
        &mut self,
        keyword: &str,
        style: Style,
        from: Span,
        inner: Vec<Work>,
        exprs: &[ExprId],
    ) {
        self.tokens.push(Token::Open(style, from));
        self.atom(keyword.into(), NOWHERE);
        self.work.push(Work::Token(Token::Close));
        self.work
            .extend(exprs.iter().rev().map(|&expr| Work::Expr(expr)));
        self.work.extend(inner.into_iter().rev());
    }

    fn params(&self, params: &[VarId], rest: bool) -> Vec<Work> {
        let atom = |text| Work::Token(Token::Atom(text, NOWHERE));
        if let ([only], true) = (params, rest) {
            return vec![atom(self.variable(*only))];
        }
        let mut list = vec![Work::Token(Token::Open(LIST, NOWHERE))];
        for (index, &param) in params.iter().enumerate() {
            if rest && index + 1 == params.len() {
                list.push(atom(".".into()));
            }
            list.push(atom(self.variable(param)));
        }
        list.push(Work::Token(Token::Close));
        list
    }

    fn bindings(&self, vars: &[VarId], inits: &[ExprId]) -> Vec<Work> {
        let mut list = vec![Work::Token(Token::Open(LIST, NOWHERE))];
        for (&var, &init) in vars.iter().zip(inits) {
            list.push(Work::Token(Token::Open(CALL, NOWHERE)));
            list.push(Work::Token(Token::Atom(self.variable(var), NOWHERE)));
            list.push(Work::Expr(init));
            list.push(Work::Token(Token::Close));
        }
        list.push(Work::Token(Token::Close));
        list
    }

    fn variable(&self, var: VarId) -> String {
        let name = self.program.var(var).core_name;
        if self.program.symbols.is_reserved(name) {
            return self.program.symbols.name(name).to_owned();
        }
        let mut atoms = Data::new();
        written(&mut atoms, self.program, Datum::Symbol(name))
    }

    fn symbol(&mut self, name: Sym) -> String {
        written(&mut self.atoms, self.program, Datum::Symbol(name))
    }

    fn constant(&mut self, constant: &Constant) -> String {
        let datum = match constant {
            Constant::Nil => return "'()".into(),
            Constant::Unspecified => return "#<unspecified>".into(),
            Constant::Primitive(prim) => {
                return format!("%{}", prim.name().trim_start_matches('%'));
            }
            Constant::Bool(value) => Datum::Bool(*value),
            Constant::Int(value) => Datum::Int(*value),
            Constant::Float(value) => Datum::Float(*value),
            Constant::Char(value) => Datum::Char(*value),
            Constant::String(text) => Datum::String(text),
        };
        written(&mut self.atoms, self.program, datum)
    }
}

fn written(atoms: &mut Data, program: &Program, datum: Datum<'_>) -> String {
    let mut text = String::new();
    let id = atoms.push(datum, Span::default());
    atoms.write(id, &program.symbols, &mut text);
    text
}

/// A list being printed.
struct Open {
    style: Style,
    /// Whether its items stand in several lines.
    broken: bool,
    column: usize,
    items: usize,
    /// Where it begins in the text, and where it comes from.
    start: usize,
    from: Span,
}

fn lay_out(tokens: &[Token]) -> Listing {
    let widths = widths(tokens);
    let mut listing = Listing::default();
    let mut column = 0;
    let mut lists: Vec<Open> = Vec::new();
    for (token, &width) in tokens.iter().zip(&widths) {
        if matches!(token, Token::Close) {
            listing.text.push(')');
            column += 1;
            if let Some(list) = lists.pop() {
                listing.mark(list.start, list.from);
            }
            continue;
        }
        if let Some(list) = lists.last_mut() {
            if list.broken && list.items >= list.style.beside {
                column = list.column + list.style.indent;
                listing.text.push('\n');
                listing.text.extend(std::iter::repeat_n(' ', column));
            } else if list.items > 0 {
                listing.text.push(' ');
                column += 1;
            }
            list.items += 1;
        }
        match token {
            Token::Open(style, from) => {
                let around = lists.last().is_none_or(|list| list.broken);
                lists.push(Open {
                    style: *style,
                    broken: around && column + width > WIDTH && column <= MAX_INDENT,
                    column,
                    items: 0,
                    start: listing.text.len(),
                    from: *from,
                });
                listing.text.push('(');
                column += 1;
            }
            Token::Atom(text, from) => {
                let start = listing.text.len();
                listing.text.push_str(text);
                listing.mark(start, *from);
                column += width;
            }
            Token::Close => {}
        }
    }
    listing.text.push('\n');
    listing
}

/// How wide each atom, and each list from its beginning, is in one line.
fn widths(tokens: &[Token]) -> Vec<usize> {
    let mut widths = vec![0; tokens.len()];
    let mut open: Vec<usize> = Vec::new();
    for (index, token) in tokens.iter().enumerate() {
        let done = match token {
            Token::Open(..) => {
                widths[index] = 1;
                open.push(index);
                continue;
            }
            Token::Atom(text, _) => {
                widths[index] = text.chars().count();
                index
            }
            Token::Close => {
                let Some(list) = open.pop() else { continue };
                widths[list] += 1;
                list
            }
        };
        if let Some(&list) = open.last() {
            // With the space before it.
            widths[list] += widths[done] + 1;
        }
    }
    widths
}
