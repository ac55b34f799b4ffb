//! Simplification: fewer data for the same model.
//!
//! A tree goes in and is changed in place: constants among constants become one, sums in sums and products
//! in products are taken out, and what changes nothing is dropped.
//!
//! **Invariants**
//! - Predictions stay what they were up to rounding wherever the tree had a value, and nothing is dropped
//!   that could have none: `(- x x)` is 0 where x is made of sums, products and the like alone, `(/ x x)`
//!   stays.
//! - Constants that are folded were constants: what is calibrated afterwards has no less freedom.

use super::tree::Tree;
use crate::prim::{Kind, Prim};

/// Simplifies a tree.
pub(super) fn simplify(tree: &mut Tree) {
    let Tree::List(items) = tree else { return };
    items.iter_mut().for_each(simplify);
    let Some(head) = tree.head().map(str::to_owned) else {
        return;
    };
    let Tree::List(items) = tree else { return };
    if let Some(value) = folded(&head, &items[1..]) {
        *tree = value;
        return;
    }
    match head.as_str() {
        "+" => gather(tree, &head),
        "*" => {
            gather(tree, &head);
            fraction(tree);
            distribute(tree);
        }
        "-" if items.len() == 3 => difference(tree),
        "-" if items.len() == 2
            && items[1].head() == Some("-")
            && items[1].arguments().len() == 1 =>
        {
            let inner = items[1].arguments()[0].clone();
            *tree = inner;
        }
        "/" if items.len() == 3 => quotient_of(tree),
        "if" if items.len() == 4 && items[2] == items[3] && is_total(&items[1]) => {
            let either = items.remove(2);
            *tree = either;
        }
        _ => {}
    }
}

/// The value of a primitive of numbers, one of them a constant.
fn folded(head: &str, arguments: &[Tree]) -> Option<Tree> {
    let prim = Prim::from_name(head)?;
    let spec = prim.spec();
    if !matches!(spec.kind, Kind::Numeric(_)) || !spec.accepts(arguments.len()) {
        return None;
    }
    let numbers: Option<Vec<f64>> = arguments
        .iter()
        .map(|argument| match argument {
            Tree::Constant(value) | Tree::Int(value) => Some(*value),
            _ => None,
        })
        .collect();
    let numbers = numbers?;
    let is_constant = arguments.iter().any(|one| matches!(one, Tree::Constant(_)));
    let value = match (numbers.as_slice(), head) {
        (&[a], "-") => -a,
        (&[a], "/") => 1.0 / a,
        (&[a], "+" | "*" | "min" | "max") => a,
        (&[a], _) if spec.min_args == 1 => prim.forward(a, 0.0),
        (&[a, b], _)
            if spec.min_args == 2 || ["+", "*", "-", "/", "min", "max"].contains(&head) =>
        {
            prim.forward(a, b)
        }
        _ => return None,
    };
    if is_constant {
        return value.is_finite().then_some(Tree::Constant(value));
    }
    // Whole numbers stay whole.
    let stays = matches!(head, "+" | "-" | "*") && value.abs() < 1e9;
    stays.then_some(Tree::Int(value + 0.0))
}

/// Whether a tree has a value wherever its inputs have.
fn is_total(tree: &Tree) -> bool {
    const TOTAL: [&str; 16] = [
        "+", "-", "*", "sin", "cos", "tanh", "atan", "abs", "square", "min", "max", "sigmoid", "<",
        ">", "<=", ">=",
    ];
    match tree {
        Tree::List(_) => {
            tree.head().is_some_and(|head| TOTAL.contains(&head))
                && tree.arguments().iter().all(is_total)
        }
        Tree::Other(_) => false,
        _ => true,
    }
}

/// A sum or product without sums or products in it, and with one constant at most, in front.
fn gather(tree: &mut Tree, head: &str) {
    let Tree::List(items) = tree else { return };
    let neutral = if head == "+" { 0.0 } else { 1.0 };
    let mut flat: Vec<Tree> = Vec::with_capacity(items.len());
    for item in items.drain(1..) {
        if item.head() == Some(head) {
            let Tree::List(inner) = item else { continue };
            flat.extend(inner.into_iter().skip(1));
        } else {
            flat.push(item);
        }
    }
    let join = |a: f64, b: f64| if head == "+" { a + b } else { a * b };
    let (mut constant, mut whole) = (None, neutral);
    flat.retain(|item| match item {
        Tree::Constant(value) => {
            constant = Some(join(constant.unwrap_or(neutral), *value));
            false
        }
        Tree::Int(value) => {
            whole = join(whole, *value);
            false
        }
        _ => true,
    });
    let number = match constant {
        // Nothing is left of a product with 0, and its constant would have no meaning.
        Some(value) if head == "+" || whole != 0.0 => Some(Tree::Constant(join(value, whole))),
        _ if whole == neutral => None,
        _ => Some(Tree::Int(whole)),
    };
    let number = number.filter(|number| match number {
        Tree::Constant(value) | Tree::Int(value) => value.is_finite() && value.abs() < 1e15,
        _ => true,
    });
    if number == Some(Tree::Int(0.0)) && flat.iter().all(is_total) {
        *tree = Tree::Int(0.0);
        return;
    }
    flat.splice(0..0, number);
    *tree = match flat.len() {
        0 => Tree::Int(neutral),
        1 => flat.remove(0),
        _ => Tree::call(head, flat),
    };
}

/// A product with a quotient in it as a quotient.
fn fraction(tree: &mut Tree) {
    let Tree::List(items) = tree else { return };
    let is_quotient = |item: &Tree| item.head() == Some("/") && item.arguments().len() == 2;
    let Some(place) = items.iter().position(is_quotient) else {
        return;
    };
    if items[0] != Tree::name("*") {
        return;
    }
    let Tree::List(mut quotient) = items.remove(place) else {
        return;
    };
    let (Some(below), Some(above)) = (quotient.pop(), quotient.pop()) else {
        return;
    };
    items.push(above);
    gather(tree, "*");
    let above = std::mem::replace(tree, Tree::Int(0.0));
    *tree = Tree::call("/", [above, below]);
    quotient_of(tree);
}

/// A constant times a sum of constants times something: that constant goes into the sum.
fn distribute(tree: &mut Tree) {
    let Tree::List(items) = tree else { return };
    let [Tree::Name(head), Tree::Constant(by), sum] = &items[..] else {
        return;
    };
    if &**head != "*" || sum.head() != Some("+") {
        return;
    }
    let scaled = |term: &Tree| match term {
        Tree::Constant(value) => Some(Tree::Constant(by * value)),
        Tree::List(factors) if term.head() == Some("*") => match factors.get(1) {
            Some(Tree::Constant(value)) => {
                let mut factors = factors.clone();
                factors[1] = Tree::Constant(by * value);
                Some(Tree::List(factors))
            }
            _ => None,
        },
        _ => None,
    };
    let mut left = 0;
    let terms: Vec<Tree> = sum
        .arguments()
        .iter()
        .map(|term| {
            scaled(term).unwrap_or_else(|| {
                left += 1;
                let mut product = Tree::call("*", [Tree::Constant(*by), term.clone()]);
                gather(&mut product, "*");
                product
            })
        })
        .collect();
    let is_finite = |term: &Tree| {
        let mut all = true;
        term.clone()
            .each_constant(&mut |value| all &= value.is_finite());
        all
    };
    if left <= 1 && terms.iter().all(is_finite) {
        *tree = Tree::call("+", terms);
    }
}

fn difference(tree: &mut Tree) {
    let Tree::List(items) = tree else { return };
    match (&items[1], &items[2]) {
        (_, Tree::Constant(value)) => {
            let value = -value;
            let first = items.remove(1);
            *tree = Tree::call("+", [Tree::Constant(value), first]);
            gather(tree, "+");
        }
        (_, Tree::Int(value)) if *value == 0.0 => *tree = items.remove(1),
        (a, b) if a == b && a.constants() == 0 && is_total(a) => *tree = Tree::Int(0.0),
        _ => {}
    }
}

fn quotient_of(tree: &mut Tree) {
    let Tree::List(items) = tree else { return };
    let is_quotient = |item: &Tree| item.head() == Some("/") && item.arguments().len() == 2;
    if items.len() == 3 && is_quotient(&items[1]) {
        let (above, inner) = (
            items[1].arguments()[0].clone(),
            items[1].arguments()[1].clone(),
        );
        let mut below = Tree::call("*", [inner, items[2].clone()]);
        gather(&mut below, "*");
        fraction(&mut below);
        items[1] = above;
        items[2] = below;
    }
    let scaled = |by: f64, what: Tree| {
        let mut product = Tree::call("*", [Tree::Constant(by), what]);
        simplify(&mut product);
        product
    };
    match &items[2] {
        Tree::Int(value) if *value == 1.0 => *tree = items.remove(1),
        Tree::Constant(value) if (1.0 / value).is_finite() && *value != 0.0 => {
            let by = 1.0 / value;
            *tree = scaled(by, items.remove(1));
        }
        // The constant of a product below goes above.
        Tree::List(below) if items[2].head() == Some("*") => {
            let Some(Tree::Constant(value)) = below.get(1) else {
                return;
            };
            let by = 1.0 / value;
            if !by.is_finite() || by == 0.0 {
                return;
            }
            let mut rest: Vec<Tree> = below[2..].to_vec();
            let below = match rest.len() {
                1 => rest.remove(0),
                _ => Tree::call("*", rest),
            };
            let above = scaled(by, items.remove(1));
            *tree = Tree::call("/", [above, below]);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::canonical::key;
    use super::super::tree::{read_program, written};
    use super::*;

    fn simple(text: &str) -> String {
        let mut program = read_program(text, 200).unwrap();
        let before = key(&program);
        program.iter_mut().for_each(simplify);
        assert_eq!(key(&program), before, "{text}");
        written(&program).0
    }

    #[test]
    fn less_is_left_of_the_same() {
        for (text, less) in [
            ("(+ 1.5 (+ x (+ 2.0 z)))", "(+ 3.5 x z)"),
            ("(* 1 (* x (* 2.0 z)))", "(* 2.0 x z)"),
            ("(* 2.0 (exp 0.0))", "2.0"),
            ("(- x 1.5)", "(+ -1.5 x)"),
            ("(/ x 4.0)", "(* 0.25 x)"),
            ("(/ z (* 4.0 x))", "(/ (* 0.25 z) x)"),
            ("(- (- x))", "x"),
            ("(+ 0 x)", "x"),
            ("(- (sin x) (sin x))", "0"),
            ("(if (< x z) x x)", "x"),
        ] {
            let mut program = read_program(text, 200).unwrap();
            program.iter_mut().for_each(simplify);
            assert_eq!(written(&program).0, less);
        }
        assert_eq!(simple("(+ 1.5 (* 2.0 (* 3.0 x)))"), "(+ 1.5 (* 6.0 x))");
    }

    #[test]
    fn what_may_have_no_value_stays() {
        for text in [
            "(/ x x)",
            "(- (log x) (log x))",
            "(* 0 (log x))",
            "(- (/ x z) (/ x z))",
        ] {
            let mut program = read_program(text, 200).unwrap();
            program.iter_mut().for_each(simplify);
            assert_eq!(written(&program).0, text);
        }
    }

    #[test]
    fn numbers_stay_what_they_were() {
        use crate::{Bindings, Interpreter, Workspace};
        let mut random = crate::Random::new(11);
        let task = "[data]\nfile='d'\ntarget='y'\ninputs=['x','z']\n\
                    [grammar]\noperators=['+','-','*','/','sin','if','min','log','sqrt']\n";
        let task = super::super::task::Task::from_toml(task, ".".as_ref()).unwrap();
        let grammar = super::super::grammar::Grammar::new(&task);
        let interpreter = Interpreter::embedded();
        let mut changed = 0;
        for _ in 0..200 {
            let before = grammar.expression(4, &mut random);
            let mut after = before.clone();
            simplify(&mut after);
            changed += usize::from(before != after);
            let at = Bindings::from([("x", 3.0 * random.normal()), ("z", random.normal())]);
            let value = |tree: &Tree| {
                let (text, _) = written(std::slice::from_ref(tree));
                let model = interpreter.model(&text).unwrap();
                model.value(&at, &mut Workspace::new()).unwrap().number()
            };
            let (a, b) = (value(&before).unwrap(), value(&after).unwrap());
            // Products and quotients in another order may overflow in another place.
            if a.is_finite() && a.abs() < 1e6 {
                assert!(
                    (a - b).abs() <= 1e-6 * (1.0 + a.abs()),
                    "{before:?} {after:?}: {a} {b}"
                );
            }
        }
        assert!(changed > 60, "{changed}");
    }
}
