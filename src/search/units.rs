//! Units: whether a program adds metres to seconds.
//!
//! The units of columns, as a task says them, and a program go in; how many of its parts do not agree in
//! dimension comes out.
//!
//! **Invariants**
//! - They guide and never refuse: what does not agree counts in the complexity, as more data would, and a
//!   program that fits better pays for it.
//! - A calibrated constant has whatever unit makes its place agree, and so has what nothing is known of.

use super::tree::{RECURRENCE, STATE, Tree, gives_number};
use crate::prim::{Kind, Prim};
use std::collections::BTreeMap;

/// Units that are products of others: those of the SI that have names of their own.
const DERIVED: [(&str, &str); 17] = [
    ("Hz", "1/s"),
    ("N", "kg*m/s^2"),
    ("Pa", "kg/m/s^2"),
    ("J", "kg*m^2/s^2"),
    ("W", "kg*m^2/s^3"),
    ("C", "A*s"),
    ("V", "kg*m^2/s^3/A"),
    ("F", "A^2*s^4/kg/m^2"),
    ("ohm", "kg*m^2/s^3/A^2"),
    ("Ω", "kg*m^2/s^3/A^2"),
    ("S", "A^2*s^3/kg/m^2"),
    ("Wb", "kg*m^2/s^2/A"),
    ("T", "kg/s^2/A"),
    ("H", "kg*m^2/s^2/A^2"),
    ("rad", "1"),
    ("Gy", "m^2/s^2"),
    ("Bq", "1/s"),
];

/// Exponents this near to each other are the same.
const NEAR: f64 = 1e-9;

/// A product of powers of units, by their names; none of them 0.
#[derive(Clone, Debug, Default, PartialEq)]
struct Dimension(BTreeMap<String, f64>);

impl Dimension {
    /// This one times another to a power.
    fn times(mut self, other: &Self, power: f64) -> Self {
        for (name, exponent) in &other.0 {
            *self.0.entry(name.clone()).or_insert(0.0) += exponent * power;
        }
        self.0.retain(|_, exponent| exponent.abs() > NEAR);
        self
    }

    fn to(&self, power: f64) -> Self {
        Self::default().times(self, power)
    }

    fn is_same(&self, other: &Self) -> bool {
        self.clone().times(other, -1.0).0.is_empty()
    }

    /// Of a text such as `kg*m/s^2`, `m s^-1` or `1`.
    fn read(text: &str) -> Result<Self, String> {
        let mut dimension = Self::default();
        let mut rest = text.trim();
        let mut power = 1.0;
        let mut is_first = true;
        while is_first || !rest.is_empty() {
            let end = rest.find(['*', '/', '·', ' ']).unwrap_or(rest.len());
            let (factor, further) = rest.split_at(end);
            let factor = factor.trim();
            let (name, exponent) = match factor.split_once('^') {
                None => (factor, 1.0),
                Some((name, exponent)) => {
                    let exponent: Option<f64> = exponent.parse().ok();
                    let exponent = exponent.filter(|x| x.abs() <= 100.0);
                    (name, exponent.ok_or_else(|| unreadable(text, factor))?)
                }
            };
            let is_name = name
                .chars()
                .all(|c| c.is_alphabetic() || c == '_' || c == '°' || c == '%');
            if name.is_empty() || !(is_name || name == "1") {
                return Err(unreadable(text, factor));
            }
            if name != "1" {
                let of = DERIVED.iter().find(|(derived, _)| *derived == name);
                let of = match of {
                    Some((_, of)) => Self::read(of)?,
                    None => Self(BTreeMap::from([(name.to_owned(), 1.0)])),
                };
                dimension = dimension.times(&of, power * exponent);
            }
            // What stands behind a stroke is divided by; blanks around signs say nothing.
            let further = further.trim_start();
            let sign = further
                .chars()
                .next()
                .filter(|c| ['*', '/', '·'].contains(c));
            rest = further[sign.map_or(0, char::len_utf8)..].trim_start();
            power = if sign == Some('/') { -1.0 } else { 1.0 };
            is_first = sign.is_some();
        }
        Ok(dimension)
    }
}

fn unreadable(text: &str, factor: &str) -> String {
    format!("`{text}`: `{factor}` is no unit; write units as kg*m/s^2, and 1 where there is none")
}

/// What is wrong with the units of a task with this target and these inputs.
pub(super) fn check(
    units: &BTreeMap<String, String>,
    target: &str,
    inputs: &[String],
) -> Result<(), String> {
    for (name, text) in units {
        if name != target && !inputs.contains(name) {
            return Err(format!(
                "[units] `{name}`: that is no column of the task; there are {target}, {}",
                inputs.join(", ")
            ));
        }
        Dimension::read(text).map_err(|why| format!("[units] {name}: {why}"))?;
    }
    Ok(())
}

/// The units of a task's columns.
#[derive(Clone, Debug, Default)]
pub(super) struct Units {
    columns: BTreeMap<String, Dimension>,
    /// The column that is predicted.
    target: String,
    /// What each part that does not agree counts.
    misfit: f64,
}

impl Units {
    /// Of columns whose units can be read; of what is predicted; and what counts a misfit.
    pub(super) fn new(units: &BTreeMap<String, String>, target: &str, misfit: f64) -> Self {
        let columns = units.iter().filter_map(|(name, text)| {
            let dimension = Dimension::read(text).ok()?;
            Some((name.clone(), dimension))
        });
        Self {
            columns: columns.collect(),
            target: target.to_owned(),
            misfit,
        }
    }

    /// What a program counts for parts that do not agree.
    pub(super) fn complexity(&self, program: &[Tree]) -> f64 {
        if self.columns.is_empty() {
            return 0.0;
        }
        self.misfit * f64::from(self.misfits(program))
    }

    /// How many parts of a program do not agree with what stands beside them.
    fn misfits(&self, program: &[Tree]) -> u32 {
        let mut count = 0;
        let target = self.columns.get(&self.target);
        let Some(last) = program.last() else {
            return 0;
        };
        let parts: &[Tree] = match last.head() {
            Some(RECURRENCE | "observe") => last.arguments(),
            _ => std::slice::from_ref(last),
        };
        // `(observe COLUMN EXPRESSION)` names the column first, and that has its unit.
        for part in parts {
            let found = self.of(part, &mut count);
            agree(found, target.cloned(), &mut count);
        }
        count
    }

    /// The dimension of an expression, where it is known.
    fn of(&self, tree: &Tree, count: &mut u32) -> Option<Dimension> {
        let items = match tree {
            Tree::Int(0.0) | Tree::Constant(_) | Tree::Other(_) => return None,
            Tree::Int(_) => return Some(Dimension::default()),
            Tree::Name(name) if &**name == STATE => return self.columns.get(&self.target).cloned(),
            Tree::Name(name) => return self.columns.get(&**name).cloned(),
            Tree::List(items) => items,
        };
        let head = tree.head()?;
        let arguments = &items[1..];
        let power = |power: f64, count: &mut u32| {
            let of = self.of(arguments.first()?, count)?;
            Some(of.to(power))
        };
        match (head, arguments) {
            ("+" | "-" | "min" | "max" | "hypot" | "abs", _) => self.one_of(arguments, count),
            ("<" | ">" | "<=" | ">=" | "=", _) => {
                self.one_of(arguments, count);
                None
            }
            ("if", [test, then, otherwise]) => {
                self.of(test, count);
                let then = self.of(then, count);
                let otherwise = self.of(otherwise, count);
                agree(then, otherwise, count)
            }
            ("*", _) => {
                // All are looked at, whether the product is known or not.
                let all: Vec<_> = arguments.iter().map(|one| self.of(one, count)).collect();
                let mut product = Dimension::default();
                for one in all {
                    product = product.times(&one?, 1.0);
                }
                Some(product)
            }
            ("/", [one]) => Some(self.of(one, count)?.to(-1.0)),
            ("/", [above, below]) => {
                let (above, below) = (self.of(above, count), self.of(below, count));
                Some(above?.times(&below?, -1.0))
            }
            ("square", [_]) => power(2.0, count),
            ("cube", [_]) => power(3.0, count),
            ("sqrt", [_]) => power(0.5, count),
            ("cbrt", [_]) => power(1.0 / 3.0, count),
            ("expt", [base, Tree::Int(exponent)]) => Some(self.of(base, count)?.to(*exponent)),
            ("expt", [base, exponent]) => {
                let base = self.of(base, count);
                let exponent = self.of(exponent, count);
                agree(exponent, Some(Dimension::default()), count);
                // A calibrated exponent leaves open what comes of a unit.
                base.filter(|base| base.0.is_empty())
            }
            ("atan", [_, _]) => {
                self.one_of(arguments, count);
                Some(Dimension::default())
            }
            (name, _) => {
                let prim = Prim::from_name(name)?;
                if !gives_number(prim) || prim.spec().kind == Kind::Predicate {
                    return None;
                }
                // Sines, exponentials and their like are of plain numbers, and are such.
                for one in arguments {
                    let found = self.of(one, count);
                    agree(found, Some(Dimension::default()), count);
                }
                Some(Dimension::default())
            }
        }
    }

    /// What all of some expressions are to be.
    fn one_of(&self, all: &[Tree], count: &mut u32) -> Option<Dimension> {
        let mut one = None;
        for tree in all {
            let found = self.of(tree, count);
            one = agree(one, found, count);
        }
        one
    }
}

/// What two that are to be the same are; where they are not, that counts.
fn agree(one: Option<Dimension>, other: Option<Dimension>, count: &mut u32) -> Option<Dimension> {
    if let (Some(one), Some(other)) = (&one, &other)
        && !one.is_same(other)
    {
        *count += 1;
    }
    one.or(other)
}

#[cfg(test)]
mod tests {
    use super::super::tree::read_program;
    use super::{Dimension, Units};
    use crate::search::Task;

    fn task(units: &str) -> Result<Task, crate::search::SearchError> {
        let text = format!(
            "[data]\nfile = 'd.csv'\ntarget = 'h'\ninputs = ['t', 'v', 'g', 'm', 'k']\n[units]\n{units}"
        );
        Task::from_toml(&text, ".".as_ref())
    }

    #[test]
    fn units_are_read() {
        let same = |a: &str, b: &str| {
            let [a, b] = [a, b].map(|text| Dimension::read(text).expect(text));
            assert!(a.is_same(&b), "{a:?} {b:?}");
        };
        same("kg*m/s^2", "N");
        same("m s^-2 kg", "N");
        same("J / N", "m");
        same("W·s", "J");
        same("V*A", "W");
        same("1", "rad");
        same("m/m", "1");
        same("Pa^0.5 * Pa^0.5", "N/m^2");
        let [a, b] = ["m/s", "m*s"].map(|text| Dimension::read(text).expect(text));
        assert!(!a.is_same(&b));
        for wrong in ["", "m/", "m^", "m^x", "3", "m//s", "m^1e9", "*m"] {
            assert!(Dimension::read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_does_not_agree_is_counted() {
        let task = task("h = 'm'\nt = 's'\nv = 'm/s'\ng = 'm/s^2'\nm = 'kg'\n").expect("a task");
        let units = Units::new(&task.units, "h", 4.0);
        for (text, misfits) in [
            ("(* v t)", 0),
            ("(- (* v t) (* 0.5 (* g (square t))))", 0),
            ("(/ (square v) (* 2 g))", 0),
            ("(* 3.1 t)", 0),
            ("(+ (* v t) 1.5)", 0),
            ("(+ v t)", 2),
            ("v", 1),
            ("(* v (sin t))", 2),
            ("(* (* v t) (sin (* 2.0 t)))", 0),
            ("(* (* v t) (exp (/ (* g t) v)))", 0),
            ("(* v (sqrt (/ h g)))", 0),
            ("(expt t 2)", 1),
            ("(expt t 2.0)", 0),
            ("(* v (expt t m))", 1),
            ("(if (< t v) (* v t) (* g (* t t)))", 1),
            ("(if (< t 1.0) (* v t) t)", 1),
            ("(+ (* v t) 1)", 1),
            ("(+ (* v t) 0)", 0),
            ("(* (+ t m) v)", 1),
            // Nobody knows what k is.
            ("(* k (+ t k))", 0),
            ("(let ((a t)) (+ a v))", 0),
        ] {
            let program = read_program(text, 100).expect(text);
            assert_eq!(units.misfits(&program), misfits, "{text}");
        }
    }

    #[test]
    fn what_is_no_unit_is_told() {
        let told = |units: &str| task(units).expect_err(units).to_string();
        let message = told("q = 'm'\n");
        assert!(
            message.contains("[units] `q`: that is no column"),
            "{message}"
        );
        let message = told("t = 'm^^2'\n");
        assert!(
            message.contains("[units] t: `m^^2`: `m^^2` is no unit"),
            "{message}"
        );
    }
}
