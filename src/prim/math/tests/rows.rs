//! The rows of the primitive table against the rows of `kernels!`.
//!
//! **Invariants**
//! - What a row of the primitive table computes with a kernel, that kernel serves it for.
//! - No value depends on the system's library, and no kernel loops.

use super::super::Kernel;
use super::{points, random, same};
use crate::prim::Prim;
use std::path::Path;

/// Functions of the standard library whose last bits are the system's.
const OF_THE_SYSTEM: [&str; 30] = [
    "acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "cbrt", "cos", "cosh", "erf",
    "erfc", "exp", "exp2", "exp_m1", "gamma", "hypot", "ln", "ln_1p", "ln_gamma", "log", "log10",
    "log2", "powf", "powi", "sin", "sin_cos", "sinh", "tan", "tanh",
];

/// What to do about a function that is not the crate's own.
const CURE: &str = "write a kernel, and add its row to `kernels!` in src/prim/math/mod.rs \
    (src/docs/kernels.md says how)";

/// The functions of the system's library that a text calls.
fn of_the_system(text: &str) -> Vec<&'static str> {
    let calls =
        |name: &&str| text.contains(&format!(".{name}(")) || text.contains(&format!("f64::{name}"));
    OF_THE_SYSTEM.into_iter().filter(calls).collect()
}

/// The functions of this crate's that a text without blanks calls.
fn own(text: &str) -> impl Iterator<Item = &str> {
    text.split("math::").skip(1).map(|rest| {
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
        &rest[..end.unwrap_or(rest.len())]
    })
}

fn none(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

#[test]
fn rows_have_their_values_from_kernels_that_serve_them() {
    let mut complaints = Vec::new();
    for &row in Prim::ALL {
        let written = row.written();
        for name in own(&written) {
            let serves = |kernel: &&Kernel| kernel.name() == name && kernel.serves() == Some(row);
            if !Kernel::ALL.iter().any(|kernel| serves(&kernel)) {
                complaints.push(format!(
                    "`{row}` takes its value from `math::{name}`, but no row of `kernels!` in \
                     src/prim/math/mod.rs reads `{name}(…) serves {row:?}`: add it (src/docs/kernels.md says how), or lanes go one by \
                     one"
                ));
            }
        }
        for name in of_the_system(&written) {
            complaints.push(format!(
                "`{row}` takes its value from the system's `{name}`, whose last bits differ from system \
                 to system: {CURE}"
            ));
        }
    }
    none(&complaints);
}

#[test]
fn a_row_gives_what_its_kernel_gives() {
    let mut random = random();
    for &kernel in Kernel::ALL {
        let Some(row) = kernel.serves() else { continue };
        assert_eq!(row.operands(), kernel.arguments(), "arguments of `{row}`");
        for (a, b) in points(kernel, 1_000, &mut random) {
            let (value, number) = (row.forward(a, b), kernel.number(a, b));
            assert!(
                same(value, number),
                "`{row}` of {a:e}, {b:e} is {value:e}, but its kernel `{}` gives {number:e}: let \
                 `forward` in src/prim/table.rs be the kernel alone",
                kernel.name()
            );
        }
    }
}

#[test]
fn no_value_depends_on_the_systems_library() {
    let mut complaints = Vec::new();
    // Functions beside the table; those of derivative rules mean rows by such names.
    let table = include_str!("../../table.rs");
    for function in table.split("\nfn ").skip(1) {
        let function = function.split("\n}\n").next().expect("a first part");
        let name = function.split(['(', '<']).next().expect("a name");
        for called in of_the_system(function) {
            if !function.contains("R: Real") {
                complaints.push(format!(
                    "`{name}` in src/prim/table.rs calls the system's `{called}`: {CURE}"
                ));
            }
        }
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/prim/math");
    for entry in std::fs::read_dir(&folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        if path.extension().is_none_or(|e| e != "rs") || name == "tests.rs" {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a text");
        let code: Vec<&str> = text
            .lines()
            .map(|line| line.split("//").next().expect("a part"))
            .collect();
        for called in of_the_system(&code.join("\n")) {
            complaints.push(format!(
                "src/prim/math/{name} calls the system's `{called}`, whose last bits differ from system to \
                 system: build the kernel from src/prim/math/double.rs"
            ));
        }
        // Loops over lanes; a polynomial of so many terms; angles and orders one by one.
        let one_by_one = ["reduction.rs", "polygamma.rs"];
        if ["mod.rs", "lanes.rs", "double.rs"].contains(&&*name) || one_by_one.contains(&&*name) {
            continue;
        }
        for (number, line) in code.iter().enumerate() {
            let word = line.split_whitespace().next().unwrap_or_default();
            if ["for", "while", "loop"].contains(&word) {
                complaints.push(format!(
                    "src/prim/math/{name}:{}: a loop in a kernel keeps the loop over lanes from becoming \
                     vector instructions: write its steps out",
                    number + 1
                ));
            }
        }
    }
    none(&complaints);
}
