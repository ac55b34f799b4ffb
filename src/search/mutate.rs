//! Changes of programs: one thing in place of another, grafts of two parents.
//!
//! Programs, a grammar and random numbers go in; another program comes out.
//!
//! **Invariants**
//! - A number stands where a number stood and a test where a test did, so what is well formed stays so.
//! - What is bred has at most the grammar's greatest complexity; otherwise the parent comes back.

use super::grammar::{Grammar, Sort};
use super::simplify::simplify;
use super::tree::Tree;
use crate::Random;
use std::sync::Arc;

/// A place in a program: which part of which part.
type Path = Vec<usize>;

/// The places in a program where something of some sort stands.
fn places(program: &[Tree], is_meant: &dyn Fn(&Tree, Sort) -> bool) -> Vec<Path> {
    fn walk(
        tree: &Tree,
        sort: Sort,
        path: &mut Path,
        is_meant: &dyn Fn(&Tree, Sort) -> bool,
        found: &mut Vec<Path>,
    ) {
        if is_meant(tree, sort) {
            found.push(path.clone());
        }
        if let Tree::List(items) = tree {
            for (place, (item, sort)) in items.iter().zip(Grammar::sorts(items)).enumerate() {
                path.push(place);
                walk(item, sort, path, is_meant, found);
                path.pop();
            }
        }
    }
    let mut found = Vec::new();
    for (place, tree) in program.iter().enumerate() {
        let is_form = matches!(
            tree.head(),
            Some("define" | "param" | "observe" | "observe-series" | super::tree::RECURRENCE)
        );
        let sort = if is_form { Sort::Fixed } else { Sort::Number };
        walk(tree, sort, &mut vec![place], is_meant, &mut found);
    }
    found
}

fn at<'t>(program: &'t [Tree], path: &[usize]) -> Option<&'t Tree> {
    let (&first, rest) = path.split_first()?;
    rest.iter()
        .try_fold(program.get(first)?, |tree, &place| match tree {
            Tree::List(items) => items.get(place),
            _ => None,
        })
}

fn at_mut<'t>(program: &'t mut [Tree], path: &[usize]) -> Option<&'t mut Tree> {
    let (&first, rest) = path.split_first()?;
    let tree = program.get_mut(first)?;
    rest.iter().try_fold(tree, |tree, &place| match tree {
        Tree::List(items) => items.get_mut(place),
        _ => None,
    })
}

fn number(_: &Tree, sort: Sort) -> bool {
    sort == Sort::Number
}

/// Changes a number of a program, at a place drawn, if there is one.
fn change(
    program: &mut [Tree],
    random: &mut Random,
    is_meant: &dyn Fn(&Tree, Sort) -> bool,
    with: impl FnOnce(Tree, &mut Random) -> Tree,
) {
    let places = places(program, is_meant);
    if places.is_empty() {
        return;
    }
    let path = &places[random.below(places.len())];
    if let Some(place) = at_mut(program, path) {
        let old = std::mem::replace(place, Tree::Int(0.0));
        *place = with(old, random);
    }
}

/// A number of another program.
fn graft(other: &[Tree], random: &mut Random) -> Option<Tree> {
    let places = places(other, &number);
    let path = places.get(random.below(places.len()))?;
    at(other, path).cloned()
}

/// A child of a program, or of two.
pub(super) fn child(
    grammar: &Grammar,
    parent: &[Tree],
    other: Option<&[Tree]>,
    random: &mut Random,
) -> Vec<Tree> {
    let mut program = parent.to_vec();
    let changes = 1 + usize::from(random.below(3) == 0) + usize::from(random.below(8) == 0);
    for _ in 0..changes {
        once(grammar, &mut program, other, random);
    }
    for tree in &mut program {
        simplify(tree);
    }
    if grammar.complexity(&program) > grammar.most || program.iter().any(|tree| tree.depth() > 60) {
        return parent.to_vec();
    }
    program
}

fn once(grammar: &Grammar, program: &mut [Tree], other: Option<&[Tree]>, random: &mut Random) {
    let is_list = |tree: &Tree, sort: Sort| sort == Sort::Number && matches!(tree, Tree::List(_));
    let is_leaf = |tree: &Tree, sort: Sort| sort == Sort::Number && !matches!(tree, Tree::List(_));
    let choice = random.below(if other.is_some() { 17 } else { 12 });
    match choice {
        // Another leaf.
        0 | 1 => change(program, random, &is_leaf, |_, random| grammar.leaf(random)),
        // Something new.
        2 => change(program, random, &number, |_, random| {
            let depth = 1 + random.below(3);
            grammar.expression(depth, random)
        }),
        // Another operator with the same arguments.
        3 => change(program, random, &is_list, |old, random| {
            let Tree::List(mut items) = old else {
                return old;
            };
            let names = match items.len() {
                2 => &grammar.unary,
                3 => &grammar.binary,
                _ => return Tree::List(items),
            };
            if !names.is_empty() && matches!(&items[0], Tree::Name(name) if names.contains(name)) {
                items[0] = Tree::Name(names[random.below(names.len())].clone());
            }
            Tree::List(items)
        }),
        // A part in place of the whole.
        4 => change(program, random, &is_list, |old, random| {
            let Tree::List(items) = &old else { return old };
            let sorts = Grammar::sorts(items);
            let numbers: Vec<&Tree> = items
                .iter()
                .zip(sorts)
                .filter(|(_, sort)| *sort == Sort::Number)
                .map(|(item, _)| item)
                .collect();
            match numbers.get(random.below(numbers.len())) {
                Some(&part) => part.clone(),
                None => old,
            }
        }),
        // One more operator around it.
        5 | 6 => change(program, random, &number, |old, random| {
            if !grammar.unary.is_empty() && random.below(2) == 0 {
                let name = grammar.unary[random.below(grammar.unary.len())].clone();
                return Tree::List(vec![Tree::Name(name), old]);
            }
            if grammar.has_if && random.below(4) == 0 {
                let test = grammar.test(random);
                let depth = random.below(2);
                return Tree::call("if", [test, old, grammar.expression(depth, random)]);
            }
            if grammar.binary.is_empty() {
                return old;
            }
            let name = grammar.binary[random.below(grammar.binary.len())].clone();
            let depth = random.below(2);
            let beside = grammar.expression(depth, random);
            let both = if random.below(2) == 0 {
                [old, beside]
            } else {
                [beside, old]
            };
            Tree::List([Tree::Name(name)].into_iter().chain(both).collect())
        }),
        // One more term with a coefficient.
        7 => change(program, random, &number, |old, random| {
            let depth = random.below(3);
            let term = grammar.expression(depth, random);
            let constant = Grammar::constant(random);
            Tree::call("+", [old, Tree::call("*", [constant, term])])
        }),
        // A constant in front of it, or beside it.
        8 => change(program, random, &number, |old, random| {
            let sign = if random.below(3) == 0 { "+" } else { "*" };
            Tree::call(sign, [Grammar::constant(random), old])
        }),
        // Constants that are calibrated from elsewhere.
        9 => {
            for tree in program.iter_mut() {
                tree.each_constant(&mut |value| {
                    if random.below(2) == 0 {
                        *value *= 1.0 + 0.5 * random.normal();
                    }
                    if random.below(8) == 0 || !value.is_finite() {
                        *value = 2.0 * random.normal();
                    }
                });
            }
        }
        // A constant in place of anything.
        10 => change(program, random, &number, |_, random| {
            Grammar::constant(random)
        }),
        // Constants that are nearly whole numbers are, and what they make nothing of goes.
        11 => {
            let near = [1e-9, 1e-6, 1e-3][random.below(3)];
            for tree in program.iter_mut() {
                tidy(tree, near);
            }
        }
        _ => {
            let Some(graft) = other.and_then(|other| graft(other, random)) else {
                return;
            };
            change(program, random, &number, |old, random| match choice {
                // A sum or, where there is such a thing, one course up to where the other takes over.
                12 => {
                    let lesser = |name: &&Arc<str>| matches!(&***name, "min" | "max");
                    let names: Vec<&Arc<str>> = grammar.binary.iter().filter(lesser).collect();
                    let drawn = match names.len() {
                        0 => None,
                        count => names.get(random.below(count + 1)),
                    };
                    Tree::call(drawn.map_or("+", |name| name), [old, graft])
                }
                13 => Tree::call("*", [old, graft]),
                14 => {
                    let constant = Grammar::constant(random);
                    Tree::call("+", [old, Tree::call("*", [constant, graft])])
                }
                _ => graft,
            });
        }
    }
}

/// Makes constants near 0, 1 and -1 those numbers: in products and sums they are the ones that can go.
fn tidy(tree: &mut Tree, near: f64) {
    match tree {
        Tree::Constant(value) => {
            let whole = value.round();
            if (*value - whole).abs() <= near && whole.abs() <= 1.0 {
                *tree = Tree::Int(whole + 0.0);
            }
        }
        Tree::List(items) => items.iter_mut().for_each(|item| tidy(item, near)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::task::Task;
    use super::super::tree::{read_program, written};
    use super::*;

    #[test]
    fn children_are_programs_of_the_grammar() {
        let task = "[data]\nfile='d'\ntarget='y'\ninputs=['x','z']\n\
                    [grammar]\noperators=['+','-','*','/','sin','if','min']\n";
        let task = Task::from_toml(task, ".".as_ref()).unwrap();
        let grammar = Grammar::new(&task);
        let mut random = Random::new(7);
        let mut program = grammar.program(3, &mut random);
        let mut other = grammar.program(3, &mut random);
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..400 {
            let next = child(&grammar, &program, Some(&other), &mut random);
            let (text, _) = written(&next);
            assert_eq!(read_program(&text, 400).unwrap(), next, "{text}");
            assert!(grammar.complexity(&next) <= grammar.most);
            let model = crate::Interpreter::embedded().model(&text);
            assert!(model.is_ok(), "{text}: {:?}", model.err());
            seen.insert(text);
            if random.below(3) == 0 {
                other = std::mem::replace(&mut program, next);
            }
        }
        assert!(seen.len() > 150, "{} different children", seen.len());
    }
}
