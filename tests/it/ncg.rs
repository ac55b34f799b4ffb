//! Files of programs and interpreters: what is saved is what is loaded, what is damaged is one error
//! that names the place, and what was made by hand does no harm when it runs.

use crate::random::{Random, base_seed, programs};
use dmci::graph::{NcgError, ncg};
use dmci::{
    Bindings, Error, Interpreter, Limits, Mode, Model, Workspace, Wrt, compile_program, evaluate,
    load_compiled, save_compiled,
};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

const PROGRAMS: [&str; 6] = [
    "(* a (exp (* (- b) x)))",
    "(param k 1.5 (> 0)) (if (> x 0) (* k (log x)) 0.25)",
    "(let loop ((i 0) (s x)) (if (= i 5) s (loop (+ i 1) (* s 1.1))))",
    "(define (f n) (if (= n 0) '() (cons (* n x) (f (- n 1))))) (map (lambda (v) (- v 1)) (f 3))",
    "(list 'a \"text\\n\" #\\x '(1 (2 . 3)) `(,x ,@(list 1 2)) (lambda (y) y))",
    "(define (g . more) (apply + more)) (letrec ((e (lambda (n) (if (= n 0) 1 (o (- n 1))))) \
     (o (lambda (n) (if (= n 0) 0 (e (- n 1)))))) (g x (e 7) (fold-left max 0 (list x 2))))",
];

/// A folder of its own for a test, gone when the test is.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("dmci-it-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("a temporary folder");
        Self(path)
    }

    fn files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.0).expect("the folder is there");
        entries
            .map(|entry| entry.expect("an entry").path())
            .collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn inputs() -> Bindings {
    Bindings::from([("a", 2.5), ("b", 0.8), ("x", 1.5)])
}

fn is_ncg(error: &Error) -> bool {
    matches!(error, Error::Ncg(_))
}

#[test]
fn a_file_of_a_program_evaluates_as_its_text_does() -> Result<(), Error> {
    let folder = Folder::new("programs");
    let interpreter = Interpreter::embedded();
    for text in PROGRAMS {
        let path = folder.0.join("program.ncg");
        ncg::save(&compile_program(&interpreter, text)?, &path)?;
        let graph = ncg::load(&path)?;
        let workspace = &mut Workspace::new();
        let expected = interpreter.model(text)?.value(&inputs(), workspace)?;
        assert_eq!(evaluate(&graph, &inputs())?, expected, "{text}");
        if !expected.is_numeric() {
            continue;
        }
        // Gradients, those of literals too, and the places of errors come along.
        let loaded = Model::from_graph(&graph)?;
        let direct = interpreter.model(text)?;
        let given = direct.inputs().to_vec();
        let names: Vec<&str> = given.iter().map(String::as_str).collect();
        let (_, expected) = direct.value_and_grad(&inputs(), Wrt::Names(&names), workspace)?;
        let (_, found) = loaded.value_and_grad(&inputs(), Wrt::Names(&names), workspace)?;
        assert_eq!(found, expected, "{text}");
    }
    let graph = compile_program(&interpreter, "(+ 1\n   (car x))")?;
    let loaded = ncg::read(&ncg::write(&graph))?;
    let error = evaluate(&loaded, &inputs()).expect_err("a number has no car");
    assert_eq!(
        error.position(&loaded.text).map(|p| (p.line, p.column)),
        Some((2, 4))
    );
    let graph = compile_program(&interpreter, "(* 2.5 x)")?;
    let loaded = Model::from_graph(&ncg::read(&ncg::write(&graph))?)?;
    let (_, gradient) =
        loaded.value_and_grad(&inputs(), Wrt::Names(&["@1:4"]), &mut Workspace::new())?;
    assert_eq!(gradient.get("@1:4"), Some(1.5));
    Ok(())
}

#[test]
fn an_interpreter_saved_and_loaded_is_the_same() -> Result<(), Error> {
    let folder = Folder::new("interpreter");
    let path = folder.0.join("interpreter.ncg");
    let interpreter = Interpreter::embedded();
    save_compiled(&interpreter, &path)?;
    let loaded = load_compiled(&path)?;
    assert_eq!(ncg::write(loaded.graph()), ncg::write(interpreter.graph()));
    for text in PROGRAMS {
        for mode in [Mode::Interpreter, Mode::Direct, Mode::Nested] {
            let value = |interpreter: &Interpreter| -> Result<_, Error> {
                let model = interpreter.model_for(text, &inputs(), mode)?;
                model.value(&inputs(), &mut Workspace::new())
            };
            assert_eq!(value(&loaded)?, value(&interpreter)?, "{mode:?} {text}");
        }
    }
    Ok(())
}

#[test]
fn what_is_no_interpreter_is_refused() -> Result<(), Error> {
    let folder = Folder::new("refused");
    let program = folder.0.join("program.ncg");
    ncg::save(
        &compile_program(&Interpreter::embedded(), "(* 2 x)")?,
        &program,
    )?;
    let missing = folder.0.join("missing.ncg");
    let cases: [(&Path, &str); 3] = [
        (&program, "holds no interpreter"),
        (&missing, "missing.ncg"),
        (&folder.0, &folder.0.to_string_lossy()),
    ];
    for (path, says) in cases {
        let error = Interpreter::load(path).expect_err("no interpreter is there");
        assert!(
            is_ncg(&error) && error.to_string().contains(says),
            "{error}"
        );
    }
    Ok(())
}

#[test]
fn damaged_files_give_one_error_that_names_the_place() {
    let whole = ncg::write(Interpreter::embedded().graph());
    let mut random = Random::new(base_seed());
    let folder = Folder::new("damaged");
    let path = folder.0.join("damaged.ncg");
    for _ in 0..40 {
        let mut bytes = whole.clone().into_bytes();
        if random.percent(50) {
            bytes.truncate(random.below(bytes.len() - 1));
        } else {
            let at = random.below(bytes.len());
            bytes[at] ^= 1 << random.below(8);
            // What says which program wrote the file says nothing about the graph.
            let generator = whole.find("\"generator\":").expect("it is there") + 12;
            let end = generator + whole[generator..].find(',').expect("it goes on");
            if (generator..end).contains(&at) || bytes == whole.as_bytes() {
                continue;
            }
        }
        fs::write(&path, &bytes).expect("it can be written");
        match Interpreter::load(&path) {
            Ok(_) => assert_eq!(
                ncg::write(&ncg::load(&path).expect("it was loaded")),
                whole,
                "a change of the graph passes"
            ),
            Err(error) => {
                let message = error.to_string();
                assert!(is_ncg(&error), "{message}");
                let placed = [
                    "line ",
                    "node ",
                    "block ",
                    "hash ",
                    "version ",
                    "not UTF-8",
                    "format",
                ];
                assert!(placed.iter().any(|p| message.contains(p)), "{message}");
                assert!(!message.contains('\n'), "{message}");
            }
        }
    }
    let newer = whole.replacen("\"version\":1,", "\"version\":2,", 1);
    assert!(matches!(
        ncg::read(&newer),
        Err(NcgError::NewerVersion {
            found: 2,
            supported: 1,
            ..
        })
    ));
    let changed = rehashed(&whole.replacen(
        "\"exports\":[[\"%evaluate\"",
        "\"exports\":[[\"evaluate\"",
        1,
    ));
    if changed != whole {
        let graph = ncg::read(&changed).expect("it is a graph all the same");
        assert!(Interpreter::from_graph(graph).is_err());
    }
}

#[test]
fn what_is_out_of_range_is_named() {
    let graph = compile_program(&Interpreter::embedded(), "(* 2.0 (f x))").expect("it compiles");
    let text = ncg::write(&graph);
    let cases = [
        (
            "[\"%constant\",0]",
            "[\"%constant\",7]",
            "constant 7 does not exist",
        ),
        ("[\"%input\",0]", "[\"%input\",9]", "input 9 does not exist"),
        ("[\"%return\",[", "[\"%return\",[999,", "999"),
        ("[\"*\",", "[\"unheard-of\",", "unheard-of"),
        ("\"floating\":", "\"floating\":1", ""),
    ];
    for (from, to, says) in cases {
        let found = text.contains(from);
        assert!(found || from.contains("return"), "{from} in {text}");
        if found {
            let error = ncg::read(&rehashed(&text.replacen(from, to, 1)));
            let error = error.expect_err(to).to_string();
            assert!(error.contains(says), "{to}: {error}");
        }
    }
}

#[test]
fn a_file_that_cannot_be_written_leaves_nothing_behind() {
    let folder = Folder::new("unwritable");
    let interpreter = Interpreter::embedded();
    let missing = folder.0.join("missing").join("interpreter.ncg");
    let error = save_compiled(&interpreter, &missing).expect_err("there is no such folder");
    assert!(
        is_ncg(&error) && error.to_string().contains("interpreter.ncg"),
        "{error}"
    );
    // A folder stands where the file should.
    let taken = folder.0.join("taken.ncg");
    fs::create_dir(&taken).expect("it can be made");
    fs::write(taken.join("inside"), "x").expect("it can be written");
    assert!(save_compiled(&interpreter, &taken).is_err());
    assert_eq!(
        folder.files(),
        std::slice::from_ref(&taken),
        "a partial file is left"
    );
    assert!(taken.join("inside").exists());
    // A file that was there stays whole where writing a new one fails.
    let kept = folder.0.join("kept.ncg");
    save_compiled(&interpreter, &kept).expect("it can be written");
    let before = fs::read(&kept).expect("it can be read");
    save_compiled(&interpreter, &kept).expect("it can be written again");
    assert_eq!(fs::read(&kept).expect("it can be read"), before);
    let mut files = folder.files();
    files.sort();
    assert_eq!(files, [kept, taken]);
}

// ---- files made by hand ------------------------------------------------------------------------

/// A file's text with the hash that its graph has.
fn rehashed(text: &str) -> String {
    let start = text.find("\"graph\":").expect("there is a graph") + 8;
    let end = text.rfind('}').expect("it ends");
    let mut hash = String::new();
    for byte in Sha256::digest(&text.as_bytes()[start..end]) {
        let _ = write!(hash, "{byte:02x}");
    }
    let at = text.find("\"hash\":\"").expect("there is a hash") + 8;
    let close = at + text[at..].find('"').expect("it is closed");
    format!("{}{hash}{}", &text[..at], &text[close..])
}

/// Where numbers and strings stand in the nodes and functions of a file.
fn tokens(text: &str, from: usize) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut start = None;
    for (at, c) in text.char_indices().skip_while(|(at, _)| *at < from) {
        let separates = matches!(c, '[' | ']' | '{' | '}' | ',' | ':' | '\n');
        match (start, separates) {
            (None, false) => start = Some(at),
            (Some(begin), true) => {
                found.push((begin, at));
                start = None;
            }
            _ => {}
        }
    }
    found
}

/// A file with some of its tokens exchanged.
fn tampered(text: &str, random: &mut Random) -> String {
    let mut text = text.to_owned();
    let from = text.find("\"functions\":").expect("there are functions");
    for _ in 0..=random.below(2) {
        let tokens = tokens(&text, from);
        let target = tokens[random.below(tokens.len())];
        let old = &text[target.0..target.1];
        let new = match old.parse::<i64>() {
            Ok(number) if random.percent(40) => {
                (number + i64::try_from(random.below(5)).unwrap_or(0) - 2)
                    .max(0)
                    .to_string()
            }
            Ok(_) => random.below(40).to_string(),
            Err(_) => {
                let alike: Vec<_> = tokens
                    .iter()
                    .map(|t| &text[t.0..t.1])
                    .filter(|t| t.starts_with('"') == old.starts_with('"'))
                    .collect();
                alike[random.below(alike.len())].to_owned()
            }
        };
        text.replace_range(target.0..target.1, &new);
    }
    rehashed(&text)
}

const LITTLE: Limits = Limits::new().fuel(5_000).heap_bytes(16 << 20).depth(5_000);

fn little() -> Limits {
    LITTLE.deadline(std::time::Instant::now() + std::time::Duration::from_millis(300))
}

#[test]
fn programs_made_by_hand_run_or_fail_but_do_not_panic() {
    let interpreter = Interpreter::embedded();
    let mut ran = 0;
    for seed in base_seed()..base_seed() + programs(1500) {
        let mut random = Random::new(seed);
        let text = PROGRAMS[random.below(PROGRAMS.len())];
        let graph = compile_program(&interpreter, text).expect("it compiles");
        let text = tampered(&ncg::write(&graph), &mut random);
        let Ok(graph) = ncg::read(&text) else {
            continue;
        };
        ran += 1;
        let outcome = std::panic::catch_unwind(|| {
            let model = Model::from_graph(&graph).expect("it was read");
            let mut workspace = Workspace::new();
            for x in [1.5, -1.0, f64::NAN] {
                let mut inputs = inputs();
                inputs.set("x", x);
                let _ = model.evaluate(&inputs, Wrt::All, &little(), &mut workspace);
            }
        });
        assert!(
            outcome.is_ok(),
            "DMCI_SEED={seed} DMCI_PROGRAMS=1: a panic, of\n{text}"
        );
    }
    assert!(ran > 0 || programs(2) < 2, "nothing passed the checks");
}

#[test]
fn interpreters_made_by_hand_run_or_fail_but_do_not_panic() {
    let text = ncg::write(Interpreter::embedded().graph());
    let mut ran = 0;
    for seed in base_seed()..base_seed() + programs(150) {
        let mut random = Random::new(seed);
        let Ok(graph) = ncg::read(&tampered(&text, &mut random)) else {
            continue;
        };
        let Ok(interpreter) = Interpreter::from_graph(graph) else {
            continue;
        };
        ran += 1;
        let outcome = std::panic::catch_unwind(|| {
            for program in PROGRAMS {
                for mode in [Mode::Interpreter, Mode::Direct, Mode::Nested] {
                    let Ok(model) = interpreter.model_for(program, &inputs(), mode) else {
                        continue;
                    };
                    let _ = model.evaluate(&inputs(), Wrt::All, &little(), &mut Workspace::new());
                }
            }
        });
        assert!(outcome.is_ok(), "DMCI_SEED={seed} DMCI_PROGRAMS=1: a panic");
    }
    assert!(ran > 0 || programs(2) < 2, "nothing passed the checks");
}

#[test]
fn fuel_ends_what_no_site_of_a_file_counts() {
    let interpreter = Interpreter::embedded();
    let endless = [
        "(let go () (go))",
        "(define (f x) (g x)) (define (g x) (f x)) (f 1)",
        "(define (f g) (g g)) (f f)",
        "(define (f . r) (apply f r)) (f)",
        "(define (f l) (map f (list l))) (f 1)",
    ];
    for text in endless {
        let graph = compile_program(&interpreter, text).expect("it compiles");
        let written = ncg::write(&graph);
        let changed = rehashed(&written.replace(",true]", ",false]"));
        let graph = ncg::read(&changed).expect("it is sound");
        let model = Model::from_graph(&graph).expect("it was read");
        let limits = Limits::default().fuel(1000).heap_bytes(64 << 20);
        let result = model.evaluate(
            &Bindings::new(),
            Wrt::Nothing,
            &limits,
            &mut Workspace::new(),
        );
        let Err(Error::Eval(error)) = result else {
            panic!("{text} ends");
        };
        assert!(
            error.message.contains("out of fuel: 1000"),
            "{text}: {error}"
        );
        assert!(
            error.stats.nodes < 2_000_000,
            "{text}: {}",
            error.stats.nodes
        );
    }
}
