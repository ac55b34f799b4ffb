//! The C ABI from C: `calls.c`, right calls and wrong ones, and the example `examples/c/lynx_hare.c`,
//! compiled, linked with the library and run.
//!
//! **Invariants**
//! - Programs compile without a warning, and the header does in C89 and in C++.
//! - Where there is no compiler for C the tests say so, and pass.

use dmci::Interpreter;
use dmci::fit::{FitOptions, fit, table::Table};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const WARNINGS: [&str; 4] = ["-Wall", "-Wextra", "-Werror", "-pedantic"];

fn root() -> PathBuf {
    let capi = Path::new(env!("CARGO_MANIFEST_DIR"));
    capi.parent().expect("it is in the repository").to_owned()
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn run(command: &mut Command) -> Output {
    let output = command.output();
    output.unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// What a command prints that must go well.
#[track_caller]
fn succeeds(command: &mut Command) -> String {
    let output = run(command);
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{command:?}\n{out}{err}");
    out
}

/// A compiler, or none, and then the reason is printed.
#[allow(clippy::print_stderr, reason = "a test that is skipped says so")]
fn compiler(variable: &str, otherwise: &str) -> Option<Command> {
    let name = std::env::var(variable).unwrap_or_else(|_| otherwise.to_owned());
    if Command::new(&name).arg("--version").output().is_ok() {
        return Some(Command::new(name));
    }
    eprintln!("skipped: there is no `{name}` here");
    None
}

/// The folder of the library, beside this program: cargo builds both.
fn library() -> PathBuf {
    let program = std::env::current_exe().expect("a path");
    program.parent().expect("it is in a folder").to_owned()
}

/// Compiles a program of C with the library, to be run with that one: where cargo has its tests look
/// first, an earlier build may have left another.
fn program(mut cc: Command, source: &str, arguments: &[String]) -> impl Fn() -> Command + use<> {
    let (library, source) = (library(), root().join(source));
    let name = source.file_stem().expect("a name");
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    cc.args(WARNINGS).arg("-std=c99").args(arguments);
    cc.arg("-I").arg(root().join("include")).arg(source);
    cc.arg("-o").arg(&program).arg("-L").arg(&library);
    cc.arg(format!("-Wl,-rpath,{}", library.display()));
    succeeds(cc.args(["-ldmci_c", "-lm"]));
    move || {
        let mut run = Command::new(&program);
        run.env("LD_LIBRARY_PATH", &library);
        run
    }
}

#[test]
fn the_header_is_c_and_cpp() {
    let header = root().join("include/dmci.h");
    for (variable, otherwise, arguments) in [
        ("CC", "cc", ["-std=c89", "-xc"]),
        ("CC", "cc", ["-std=c11", "-xc"]),
        ("CXX", "c++", ["-std=c++98", "-xc++"]),
    ] {
        if let Some(mut compiler) = compiler(variable, otherwise) {
            compiler.args(WARNINGS).args(arguments);
            succeeds(compiler.arg("-fsyntax-only").arg(&header));
        }
    }
}

/// The names `dmci_…` of a text that a parenthesis follows, each after some words.
fn functions(text: &str, after: &str) -> BTreeSet<String> {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let starts = text.match_indices("dmci_");
    let starts = starts.filter(|(at, _)| {
        let before = &text[..*at];
        before.ends_with(after) && !before.ends_with(is_name)
    });
    let names = starts.filter_map(|(at, _)| {
        let rest = &text[at..];
        let end = rest.find(|c| !is_name(c))?;
        rest[end..].starts_with('(').then(|| rest[..end].to_owned())
    });
    names.collect()
}

#[test]
fn the_header_declares_what_the_library_has_and_tests_call_all_of_it() {
    let header = read("include/dmci.h");
    let outside = header.split("*/").map(|part| part.split("/*").next());
    let declared = functions(&outside.flatten().collect::<String>(), "");
    let mut defined = BTreeSet::new();
    for entry in fs::read_dir(root().join("capi/src")).expect("the sources") {
        let path = entry.expect("an entry").path();
        let text = fs::read_to_string(path).expect("text");
        defined.extend(functions(&text, "extern \"C\" fn "));
    }
    assert!(declared.len() > 60, "{declared:?}");
    assert_eq!(declared, defined);
    let calls = read("capi/tests/calls.c");
    let called = functions(&calls, "");
    let uncalled: Vec<_> = declared.difference(&called).collect();
    assert!(uncalled.is_empty(), "calls.c calls none of {uncalled:?}");
}

#[test]
fn the_version_is_the_crates() {
    let version = format!("#define DMCI_VERSION \"{}\"", env!("CARGO_PKG_VERSION"));
    assert!(read("include/dmci.h").contains(&version), "{version}");
    let crates = format!("\nversion = \"{}\"\n", env!("CARGO_PKG_VERSION"));
    assert!(read("Cargo.toml").contains(&crates), "{crates}");
}

#[test]
fn calls_do_what_the_header_says_right_and_wrong_ones() {
    let Some(cc) = compiler("CC", "cc") else {
        return;
    };
    let program = program(cc, "capi/tests/calls.c", &[]);
    let interpreter = root().join("bootstrap/interpreter.ncg");
    assert_eq!(succeeds(program().arg(interpreter)), "");
}

#[test]
fn the_example_prints_the_estimates_of_the_library() {
    let Some(cc) = compiler("CC", "cc") else {
        return;
    };
    let folder = root().join("examples/lynx_hare");
    let model = folder.join("model.scm");
    let define = format!("-DMODEL=\"{}\"", model.display());
    let program = program(cc, "examples/c/lynx_hare.c", &[define]);
    let printed = succeeds(&mut program());
    let table = Table::read(folder.join("pelts.csv")).expect("a table");
    let text = fs::read_to_string(&model).expect("text");
    let model = Interpreter::embedded().model(&text).expect("a model");
    let fitted = fit(&model, &table, &FitOptions::default());
    let fitted = fitted.expect("it fits");
    assert_eq!(fitted.params.len(), 6);
    let lines: Vec<Vec<&str>> = printed
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    for param in &fitted.params {
        let line = lines
            .iter()
            .find(|line| line.first() == Some(&param.name.as_str()));
        let line = line.unwrap_or_else(|| panic!("no {}: {printed}", param.name));
        let numbers = [param.estimate, param.std_err, param.low, param.high];
        for ((word, number), digits) in line[1..].iter().zip(numbers).zip([6, 3, 6, 6]) {
            let told: f64 = word.parse().expect("a number");
            let error = (told / number - 1.0).abs();
            assert!(
                error <= 0.5 * 10_f64.powi(1 - digits),
                "{}: {printed}",
                param.name
            );
        }
        assert_eq!(line.len(), 5);
    }
    let sse: f64 = printed
        .split("sum of squares")
        .nth(1)
        .expect("the sum")
        .split_whitespace()
        .next()
        .expect("a number")
        .parse()
        .expect("a number");
    assert!((sse / fitted.sse - 1.0).abs() < 1e-7);
    // What is no program fails with the place of the fault.
    let output = run(program().arg(folder.join("pelts.csv")));
    assert_eq!(output.status.code(), Some(1));
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("error["),
        "{output:?}"
    );
}
