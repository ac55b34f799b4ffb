//! Programs and quoted data as cells of a heap.
//!
//! A [`Program`] or a datum goes in; an [`Image`] comes out: cells to copy to the start of a heap.
//!
//! **Invariants**
//! - An expression is always the car of a pair of its own; a side table gives that pair's site.
//! - Core forms begin with reserved symbols (`%if`, `%lambda`, …), which no program can spell.
//! - Variables are places: how many ribs out, and where in that rib. They are found once, here, so that
//!   a name costs the same however many there are.
//! - Cells never point outside the image and those below it.
//! - Pairs lie at even addresses, so that halving one tells its site.

use crate::meter::{Meter, Overrun};
use crate::prim::value::{Node, Tag, Value};
use crate::source::Span;
use crate::symbol::{Sym, Symbols};
use crate::syntax::Program;
use crate::syntax::ast::{Constant, Expr, ExprId, VarId};
use crate::syntax::datum::{Data, Datum, DatumId};
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// Set in a site whose application costs fuel.
pub(super) const SITE_COUNTS: u32 = 1 << 31;

/// Cells that start at a given address of the heap.
#[derive(Clone, Debug)]
pub(crate) struct Image {
    pub(super) base: u32,
    pub(super) cells: Vec<Value>,
    /// The site of each pair, by its offset halved.
    pub(super) sites: Vec<u32>,
}

impl Image {
    pub(super) fn new(base: u32) -> Self {
        Self {
            base,
            cells: Vec::new(),
            sites: Vec::new(),
        }
    }

    /// An empty image on top of another.
    pub(super) fn above(other: &Image) -> Self {
        Self::new(other.end())
    }

    /// The address after the last cell.
    pub(super) fn end(&self) -> u32 {
        self.base + self.cells.len() as u32
    }

    /// The bytes of its cells and sites.
    fn bytes(&self) -> usize {
        size_of_val(&self.cells[..]) + size_of_val(&self.sites[..])
    }

    /// How many cells came to it since it was asked last.
    fn weigh_since(&self, told: &mut usize) -> usize {
        let cells = self.cells.len();
        cells - std::mem::replace(told, cells)
    }

    /// A string: a cell for each of its characters, and one more where pairs would come to lie unevenly.
    fn string(&mut self, text: &str) -> Value {
        let address = self.end();
        self.cells.extend(text.chars().map(Value::char));
        let length = self.end() - address;
        if length % 2 == 1 {
            self.cells.push(Value::NIL);
        }
        self.sites.resize(self.cells.len() / 2, 0);
        Value::string(address, length)
    }

    /// A constant as a value.
    pub(super) fn constant(&mut self, constant: &Constant) -> Value {
        match constant {
            Constant::Nil => Value::NIL,
            Constant::Unspecified => Value::UNSPECIFIED,
            Constant::Bool(b) => Value::bool(*b),
            Constant::Int(x) => Value::int(*x),
            Constant::Float(x) => Value::float(*x),
            Constant::Char(c) => Value::char(*c),
            Constant::String(s) => self.string(s),
            Constant::Primitive(prim) => Value::prim(*prim),
        }
    }

    /// A vector: its shape, then its numbers. Sites are told by pairs of cells, so these are even.
    fn array(&mut self, numbers: &[f64]) -> Value {
        let address = self.end();
        let size = numbers.len() as u32;
        self.cells
            .push(Value::new(Tag::Shape, u64::from(size) << 32));
        self.cells.extend(numbers.iter().map(|&x| Value::float(x)));
        if self.cells.len() % 2 == 1 {
            self.cells.push(Value::NIL);
        }
        self.sites.resize(self.cells.len() / 2, 0);
        Value::array(address, size)
    }

    fn pair(&mut self, car: Value, cdr: Value, site: u32) -> Value {
        let address = self.end();
        self.cells.extend([car, cdr]);
        self.sites.push(site);
        Value::pair(address)
    }

    /// Room for `count` pairs in a row, chained by their cdrs; the last cdr is `tail`.
    pub(super) fn chain(&mut self, count: usize, tail: Value) -> u32 {
        let first = self.end();
        for index in 0..count {
            let next = if index + 1 == count {
                tail
            } else {
                Value::pair(first + 2 * (index as u32 + 1))
            };
            self.pair(Value::NIL, next, 0);
        }
        first
    }

    pub(super) fn set_car(&mut self, pair: u32, value: Value, site: u32) {
        let offset = (pair - self.base) as usize;
        self.cells[offset] = value;
        self.sites[offset / 2] = site;
    }

    fn set_cdr(&mut self, pair: u32, value: Value) {
        self.cells[(pair - self.base) as usize + 1] = value;
    }

    /// Quoted data; brackets are lists there.
    ///
    /// # Errors
    /// When a limit is met.
    pub(super) fn datum(
        &mut self,
        data: &Data,
        root: DatumId,
        meter: &Meter,
    ) -> Result<Value, Overrun> {
        enum Put {
            Car(u32),
            Cdr(u32),
            Result,
        }
        let mut result = Value::NIL;
        let mut open = vec![(root, Put::Result)];
        while let Some((id, put)) = open.pop() {
            let cells = match data.get(id) {
                Datum::String(text) => text.len(),
                Datum::Numbers(numbers) => numbers.len(),
                Datum::List(items) | Datum::Bracket(items) | Datum::Dotted(items, _) => {
                    2 * items.len()
                }
                _ => 0,
            };
            self.has_room(cells, size_of_val(&open[..]), meter)?;
            let value = match data.get(id) {
                Datum::Bool(b) => Value::bool(b),
                Datum::Int(x) => Value::int(x),
                Datum::Float(x) => Value::float(x),
                Datum::Char(c) => Value::char(c),
                Datum::Symbol(sym) => Value::symbol(sym),
                Datum::String(s) => self.string(s),
                Datum::Numbers(numbers) => self.array(numbers),
                Datum::List([]) => Value::NIL,
                Datum::List(items) | Datum::Bracket(items) | Datum::Dotted(items, _) => {
                    let first = self.chain(items.len(), Value::NIL);
                    for (index, &item) in items.iter().enumerate().rev() {
                        open.push((item, Put::Car(first + 2 * index as u32)));
                    }
                    if let Datum::Dotted(_, tail) = data.get(id) {
                        open.push((tail, Put::Cdr(first + 2 * (items.len() as u32 - 1))));
                    }
                    if items.is_empty() {
                        Value::NIL
                    } else {
                        Value::pair(first)
                    }
                }
            };
            match put {
                Put::Car(pair) => self.set_car(pair, value, 0),
                Put::Cdr(pair) => self.set_cdr(pair, value),
                Put::Result => result = value,
            }
        }
        Ok(result)
    }

    /// Whether there is room for so many cells more, beside other bytes.
    fn has_room(&self, cells: usize, other: usize, meter: &Meter) -> Result<(), Overrun> {
        if meter.is_due(1 + cells) {
            let more = cells.saturating_mul(size_of::<Value>() + size_of::<u32>() / 2);
            return meter.check(self.bytes() + other + more);
        }
        Ok(())
    }
}

/// The heads of core forms.
#[derive(Clone, Copy, Debug)]
struct Heads {
    quote: Sym,
    branch: Sym,
    lambda: Sym,
    lambda_rest: Sym,
    bind: Sym,
    letrec: Sym,
    begin: Sym,
}

impl Heads {
    fn new(symbols: &mut Symbols) -> Self {
        Self {
            quote: symbols.reserve("%quote"),
            branch: symbols.reserve("%if"),
            lambda: symbols.reserve("%lambda"),
            lambda_rest: symbols.reserve("%lambda-rest"),
            bind: symbols.reserve("%let"),
            letrec: symbols.reserve("%letrec"),
            begin: symbols.reserve("%begin"),
        }
    }
}

/// A program as data for the evaluator.
#[derive(Clone, Debug)]
pub(crate) struct CoreProgram {
    pub(crate) image: Image,
    /// The pair whose car is the program.
    pub(super) here: Value,
    /// Where the literals stand that `wrt` can name: cell, place.
    pub(super) literals: Vec<(u32, Span)>,
    /// What the variables are called that may have no value: inputs, and what is used before its
    /// definition. By the pairs they stand in.
    pub(super) names: Vec<(u32, Sym)>,
    pub(super) spans: Vec<Span>,
    pub(crate) symbols: Arc<Symbols>,
}

impl CoreProgram {
    /// The same with all numbers of its code as inputs of the trace, from the one at `first` on; and what
    /// they are: values and places.
    pub(crate) fn with_numbers_as_inputs(&self, first: u32) -> (Self, Vec<(f64, Span)>) {
        let mut program = self.clone();
        let mut numbers = Vec::new();
        let image = &mut program.image;
        // An expression is the car of a pair that has a site.
        for (pair, &site) in image.cells.chunks_exact_mut(2).zip(&image.sites) {
            let (car, site) = (&mut pair[0], site & !SITE_COUNTS);
            if site == 0 || !car.is_number() || car.node.is_some() {
                continue;
            }
            car.node = Node::at(first + numbers.len() as u32);
            let span = self.spans.get(site as usize);
            numbers.push((car.number(), span.copied().unwrap_or_default()));
        }
        (program, numbers)
    }

    /// The bytes that it takes, about, whether it is walked or not.
    pub(super) fn bytes(&self) -> usize {
        self.image.bytes() + size_of_val(&self.spans[..]) + self.symbols.bytes()
    }

    /// The spans of the sites.
    pub(crate) fn spans(&self) -> &[Span] {
        &self.spans
    }
}

/// Where variables are while a program is laid out.
struct Scope {
    /// For each variable the number of ribs around its own, its index there, and whether it may be
    /// used before it has a value.
    bound: Vec<(u32, u32, bool)>,
    /// The indices of the inputs in the rib outside all others.
    inputs: FxHashMap<Sym, u32>,
}

impl Scope {
    fn bind(&mut self, vars: &[VarId], ribs: u32, is_filled: bool) {
        for (index, var) in (0..).zip(vars) {
            self.bound[var.0 as usize] = (ribs, index, is_filled);
        }
    }
}

/// Writes a program in core forms above `below`. With `places`, its sites are the user's.
/// Its symbols are taken from `symbols`, which are the program's and perhaps more; `inputs` are the
/// names of its inputs, in the order in which their values will come.
///
/// # Errors
/// When a limit is met.
pub(crate) fn lay_out(
    program: &Program,
    mut symbols: Symbols,
    inputs: &[Sym],
    below: &Image,
    places: bool,
    meter: &Meter,
) -> Result<CoreProgram, Overrun> {
    let mut scope = Scope {
        bound: vec![(0, 0, false); program.vars.len()],
        inputs: inputs.iter().copied().zip(0..).collect(),
    };
    let mut names = Vec::new();
    let heads = Heads::new(&mut symbols);
    let mut image = Image::above(below);
    // An expression takes the pair it stands in, and seldom more than two others.
    image.cells.reserve(6 * program.exprs.len());
    image.sites.reserve(3 * program.exprs.len());
    let mut literals = Vec::new();
    let here = image.chain(1, Value::NIL);
    // Expressions to be written, into which pairs, and how many ribs are around them.
    let mut open = vec![(program.root, here, 1)];
    let mut told = 0;
    while let Some((id, pair, ribs)) = open.pop() {
        if meter.is_due(1 + image.weigh_since(&mut told)) {
            meter.check(image.bytes() + size_of_val(&open[..]))?;
        }
        let site = match program.expr(id) {
            _ if !places => 0,
            Expr::Call { counts: true, .. } => (id.0 + 1) | SITE_COUNTS,
            _ => id.0 + 1,
        };
        let mut form = Form {
            image: &mut image,
            open: &mut open,
        };
        let value = match program.expr(id) {
            Expr::Constant(constant) => {
                if places && program.literals.binary_search(&id).is_ok() {
                    literals.push((pair, program.span(id)));
                }
                if let Constant::String(text) = constant {
                    let open = size_of_val(&form.open[..]);
                    form.image.has_room(text.len(), open, meter)?;
                }
                match form.image.constant(constant) {
                    // A list or a symbol would be taken for code.
                    value if value.tag == Tag::Nil => {
                        let datum = form.image.chain(1, Value::NIL);
                        form.image.set_car(datum, value, 0);
                        form.image
                            .pair(Value::symbol(heads.quote), Value::pair(datum), 0)
                    }
                    value => value,
                }
            }
            Expr::Quote(datum) => {
                let value = form.image.datum(&program.data, *datum, meter)?;
                let rest = form.image.chain(1, Value::NIL);
                form.image.set_car(rest, value, 0);
                form.image
                    .pair(Value::symbol(heads.quote), Value::pair(rest), 0)
            }
            Expr::Variable(var) => {
                let (around, index, is_filled) = scope.bound[var.0 as usize];
                if is_filled && places {
                    names.push((pair, program.var(*var).name));
                }
                Value::place(ribs - around - 1, index)
            }
            Expr::Free(name) => match scope.inputs.get(name) {
                Some(&index) => {
                    names.push((pair, *name));
                    Value::place(ribs - 1, index)
                }
                None => Value::symbol(*name),
            },
            Expr::Primitive(_, prim) => Value::prim(*prim),
            Expr::Prelude(name) => Value::symbol(*name),
            Expr::If {
                test,
                then,
                otherwise,
            } => {
                let rest = form.exprs(&[*test, *then, *otherwise], ribs);
                form.image.pair(Value::symbol(heads.branch), rest, 0)
            }
            Expr::Lambda {
                params, rest, body, ..
            } => {
                let head = if *rest {
                    heads.lambda_rest
                } else {
                    heads.lambda
                };
                scope.bind(params, ribs, false);
                let body = form.exprs(&[*body], ribs + 1);
                let required = params.len() - usize::from(*rest);
                let tail = form.count(required, body);
                form.image.pair(Value::symbol(head), tail, 0)
            }
            Expr::Let { vars, inits, body } => {
                scope.bind(vars, ribs, false);
                let body = form.exprs(&[*body], ribs + 1);
                let inits = form.exprs(inits, ribs);
                let tail = form.image.pair(inits, body, 0);
                let tail = form.count(vars.len(), tail);
                form.image.pair(Value::symbol(heads.bind), tail, 0)
            }
            Expr::Letrec { vars, inits, body } => {
                scope.bind(vars, ribs, true);
                let body = form.exprs(&[*body], ribs + 1);
                let inits = form.exprs(inits, ribs + 1);
                let tail = form.image.pair(inits, body, 0);
                let tail = form.count(vars.len(), tail);
                form.image.pair(Value::symbol(heads.letrec), tail, 0)
            }
            Expr::Begin(exprs) => {
                let rest = form.exprs(exprs, ribs);
                form.image.pair(Value::symbol(heads.begin), rest, 0)
            }
            Expr::Call { operator, args, .. } => {
                let rest = form.exprs(args, ribs);
                let first = form.exprs(&[*operator], ribs);
                form.image.set_cdr(first.address(), rest);
                first
            }
        };
        image.set_car(pair, value, site);
    }
    meter.check(image.bytes())?;
    Ok(CoreProgram {
        image,
        here: Value::pair(here),
        literals,
        names,
        spans: std::iter::once(Span::default())
            .chain(program.spans.iter().copied())
            .collect(),
        symbols: Arc::new(symbols),
    })
}

struct Form<'a> {
    image: &'a mut Image,
    open: &'a mut Vec<(ExprId, u32, u32)>,
}

impl Form<'_> {
    /// A list whose cars are expressions, to be written later; so many ribs are around them.
    fn exprs(&mut self, exprs: &[ExprId], ribs: u32) -> Value {
        if exprs.is_empty() {
            return Value::NIL;
        }
        let first = self.image.chain(exprs.len(), Value::NIL);
        for (index, &expr) in exprs.iter().enumerate() {
            self.open.push((expr, first + 2 * index as u32, ribs));
        }
        Value::pair(first)
    }

    /// A number of values, before the rest of a form.
    fn count(&mut self, count: usize, rest: Value) -> Value {
        self.image.pair(Value::int(count as f64), rest, 0)
    }
}
