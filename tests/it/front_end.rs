//! The front end is linear in the text, and keeps the caller's limits, whatever the text is.
//!
//! `DMCI_DOUBLING=128000 cargo test --release --test it front_end -- --nocapture --test-threads 1`
//! prints what each kind of text takes at 8000, 16000, … 128000 parts, fails where twice the parts take
//! more than 2.3 times as long, and holds deadlines of 100 ms on texts of 5 MB to 150 ms.

#![allow(
    clippy::print_stdout,
    reason = "what was measured is told where it is asked for"
)]

use dmci::{Bindings, Error, Interpreter, Kind, Limits, Mode};
use std::time::{Duration, Instant};

const MODES: [Mode; 2] = [Mode::Interpreter, Mode::Direct];

/// So many parts, each made of its number.
fn parts(n: usize, part: impl Fn(usize) -> String) -> String {
    (0..n).map(part).collect()
}

/// Nested so deep; the reader refuses more than 10,000.
fn nest(n: usize, open: &str, inner: &str, close: &str) -> String {
    let n = n.min(9000);
    format!("{}{inner}{}", open.repeat(n), close.repeat(n))
}

type Kindred = (&'static str, fn(usize) -> String);

/// Texts of so many parts.
const KINDS: &[Kindred] = &[
    ("a chain of values", |n| {
        let rest = parts(n, |i| format!("(define x{} (+ x{i} 1))\n", i + 1));
        format!("(define x0 1)\n{rest}x{n}")
    }),
    ("mutual recursion", |n| {
        let all = parts(n, |i| {
            format!("(define (f{i} x) (if x (f{} x) 0))\n", i * 7 % n)
        });
        format!("{all}(f5 #f)")
    }),
    ("a ring of procedures", |n| {
        parts(n, |i| format!("(define (v{i} x) (v{} x))", (i + 1) % n)) + "1"
    }),
    ("procedures that reach a value last", |n| {
        let all = parts(n, |i| format!("(define (f{i}) (f{}))", i + 1));
        format!("{all}(define v (* 2 x))(define (f{n}) v)(f0)")
    }),
    ("procedures of a body that reach a value last", |n| {
        let all = parts(n, |i| format!("(define (f{i}) (f{}))", i + 1));
        format!("(define (g x) {all}(define (f{n}) x) 1) (g 1)")
    }),
    ("bodies that call what calls all", |n| {
        let all = parts(n, |i| format!("(define (f{i}) (f{}))", (i + 1) % n));
        let bodies = parts(n, |i| {
            format!("(define (b{i}) (define a (f{i})) (define (h) a) (h))")
        });
        format!("{all}{bodies}1")
    }),
    ("closures that nothing uses", |n| {
        let all = parts(n, |i| format!("(f{} (lambda () (f{i})))", i + 1));
        format!("(lambda (z) (let* ((f0 (lambda () z)){all}) 1))")
    }),
    ("let*", |n| {
        format!("(let* ({}) y0)", parts(n, |i| format!("(y{i} (+ x {i}))")))
    }),
    ("let* of one name", |n| {
        format!("(let* ((a 1){}) a)", "(a (+ a 1))".repeat(n))
    }),
    ("let", |n| {
        format!("(let ({}) y0)", parts(n, |i| format!("(y{i} {i})")))
    }),
    ("letrec", |n| {
        let all = parts(n, |i| format!("(f{i} (lambda (x) (f{} x)))", i * 7 % n));
        format!("(letrec ({all}) 1)")
    }),
    ("definitions of a body", |n| {
        let all = parts(n, |i| format!("(define y{i} (+ x {i}))"));
        format!("(define (f x) {all} y0) (f 1)")
    }),
    ("nested procedures", |n| nest(n, "(lambda () ", "x", ")")),
    ("nested definitions", |n| {
        nest(n, "(define (f) (define a x) ", "x", " (f)) ")
    }),
    ("nested lets", |n| nest(n, "(let ((y (+ x 1))) ", "y", ")")),
    ("nested calls", |n| nest(n, "(list ", "x", ")")),
    ("nested tests", |n| nest(n, "(if ", "x", " 1 2)")),
    ("nested loops", |n| {
        nest(n, "(let go ((i 0)) ", "(go 1)", ")")
    }),
    ("cond", |n| {
        format!("(cond {})", parts(n, |i| format!("((= x {i}) {i})")))
    }),
    ("cond with =>", |n| {
        format!("(cond {})", parts(n, |i| format!("((= x {i}) => list)")))
    }),
    ("case", |n| {
        format!("(case x {})", parts(n, |i| format!("(({i}) {i})")))
    }),
    ("or", |n| format!("(or {})", "x ".repeat(n))),
    ("and", |n| format!("(and {})", "x ".repeat(n))),
    ("arguments", |n| format!("(list {})", "x ".repeat(n))),
    ("comparisons", |n| format!("(< {})", "x ".repeat(n))),
    ("quoted data", |n| format!("'({})", "a1 ".repeat(n))),
    ("a template", |n| format!("`({})", ",x ".repeat(n))),
    ("a template of lists", |n| {
        format!("`({})", ",@x ".repeat(n))
    }),
    ("a deep template", |n| nest(n, "`(a ,(b ", "x", "))")),
    ("a deep template of one level", |n| {
        format!("`{}", nest(n, "(a ", ",x", ")"))
    }),
    ("a deep template with much in it", |n| {
        format!(
            "`{}",
            nest(n, "(a ", &format!("({})", "b ".repeat(n)), " ,x)")
        )
    }),
    ("strings", |n| {
        format!("(list {})", "\"abcdefgh\" ".repeat(n))
    }),
    ("a string", |n| {
        format!("(string-length \"{}\")", "a\\n".repeat(n * 40))
    }),
    ("comments", |n| "; hello\n".repeat(n) + "1"),
    ("nested comments", |n| {
        "#|".repeat(n) + &"|#".repeat(n) + "1"
    }),
    ("commented data", |n| "#;(1 2)".repeat(n) + "1"),
    ("numbers", |n| format!("(list {})", "1.5 ".repeat(n))),
    ("brackets", |n| format!("[{}]", "1.5 ".repeat(n))),
    ("inputs", |n| {
        format!("(list {})", parts(n, |i| format!("s{i} ")))
    }),
    ("unknown procedures", |n| parts(n, |i| format!("(sq{i} 1)"))),
    ("a long name", |n| "a".repeat(8 * n)),
    ("params", |n| {
        parts(n, |i| format!("(param p{i} 1.0 (> 0))")) + "p0"
    }),
    ("definitions again", |n| {
        format!("(define a 1){}a", "(define a (+ a 1))".repeat(n))
    }),
    ("procedures again", |n| {
        format!("(define (a) 1){}1", "(define (a) (+ (a) 1))".repeat(n))
    }),
    ("macros", |n| {
        parts(n, |i| {
            format!("(define-syntax m{i} (syntax-rules () ((_ a) (list a))))")
        }) + "(m1 1)"
    }),
    ("a macro again", |n| {
        "(define-syntax m (syntax-rules () ((_ a) (list a))))".repeat(n) + "(m 1)"
    }),
    ("uses of a macro", |n| {
        let rule = "(define-syntax m (syntax-rules () ((_ a b) (list b a))))";
        rule.to_owned() + &"(m 1 2)".repeat(n.min(30_000))
    }),
    ("do", |n| {
        format!(
            "(do ({}) (#t 1))",
            parts(n, |k| format!("(i{k} 0 (+ i{k} 1))"))
        )
    }),
    ("several values", |n| {
        let names = parts(n, |i| format!("a{i} "));
        format!("(define-values ({names}) (values {})) a0", "1 ".repeat(n))
    }),
    ("records", |n| {
        parts(n, |i| {
            format!("(define-record-type r{i} (mk{i} a) r{i}? (a ra{i}))")
        }) + "1"
    }),
    ("wrong calls", |n| {
        format!("(define (f x) x){}", "(f 1 2)".repeat(n))
    }),
    ("wrong forms", |n| "(if)".repeat(n)),
    ("loops in a row", |n| {
        parts(n, |i| {
            format!("(let l{i} ((i 0)) (if (< i 1) (l{i} (+ i 1)) i))")
        })
    }),
    ("a closure of much", |n| {
        let names = parts(n, |i| format!("a{i} "));
        format!("(define (f {names}) (lambda (x) (+ {names}))) 1")
    }),
    ("infix", |n| "(2 * 3)".repeat(n)),
];

/// The CPU time of this thread.
#[cfg(unix)]
fn cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.cast_unsigned(), time.tv_nsec as u32)
}

/// What preparing a text takes, at the least of a few times.
#[cfg(unix)]
fn cost(text: &str, mode: Mode, times: usize) -> Duration {
    let interpreter = Interpreter::embedded();
    let inputs = Bindings::from([("x", 1.0)]);
    let one = || {
        let before = cpu();
        drop(interpreter.model_for(text, &inputs, mode));
        cpu().checked_sub(before).unwrap()
    };
    (0..times).map(|_| one()).min().unwrap_or_default()
}

fn asked() -> Option<usize> {
    std::env::var("DMCI_DOUBLING").ok()?.parse().ok()
}

#[test]
#[cfg(unix)]
fn twice_the_text_takes_twice_the_time() {
    let mut slow = Vec::new();
    for &(name, make) in KINDS {
        for mode in MODES {
            let Some(most) = asked() else {
                // Eight times the parts: 64 times the time where something is quadratic.
                let few = cost(&make(1000), mode, 2).max(Duration::from_millis(4));
                let many = cost(&make(8000), mode, 2);
                if many > few * 24 {
                    slow.push(format!("{name}, {mode:?}: {few:?} and {many:?}"));
                }
                continue;
            };
            let mut sizes = vec![8000];
            while let Some(&last) = sizes.last()
                && last < most
            {
                sizes.push(2 * last);
            }
            let costs: Vec<Duration> = sizes.iter().map(|&n| cost(&make(n), mode, 3)).collect();
            println!("{name:45} {mode:?} {costs:.1?}");
            for pair in costs.windows(2) {
                if pair[1] > Duration::from_millis(10) && pair[1] > pair[0].mul_f64(2.3) {
                    slow.push(format!("{name}, {mode:?}: {pair:?}"));
                }
            }
        }
    }
    assert!(slow.is_empty(), "{}", slow.join("\n"));
}

/// A text of a kind, of about so many bytes.
fn of_bytes(make: fn(usize) -> String, bytes: usize) -> String {
    let each = make(2000).len().div_ceil(2000);
    make((bytes / each).min(bytes))
}

#[test]
fn deadlines_hold_before_the_run() {
    let interpreter = Interpreter::embedded();
    let inputs = Bindings::from([("x", 1.0)]);
    let (time, most) = match asked() {
        Some(_) => (Duration::from_millis(100), Duration::from_millis(150)),
        // Of a slow build on a busy machine.
        None => (Duration::from_millis(20), Duration::from_millis(1500)),
    };
    let mut late = Vec::new();
    for &(name, make) in KINDS {
        let text = of_bytes(make, 5 << 20);
        for mode in MODES {
            let run = || {
                let began = Instant::now();
                let limits = Limits::default().deadline(began + time);
                let made = interpreter.within(&limits).model_for(&text, &inputs, mode);
                let over = matches!(&made, Err(error) if error.kind() == Kind::Resource);
                drop(made);
                (began.elapsed(), over)
            };
            // The machine may be busy with something else.
            let (took, over) = (0..5).map(|_| run()).min().expect("five runs");
            if asked().is_some() {
                let bytes = text.len();
                println!("{name:45} {mode:?} {bytes} bytes {took:.1?} {over}");
            }
            if took > most {
                late.push(format!("{name}, {mode:?}: {took:?}"));
            }
        }
    }
    assert!(late.is_empty(), "{}", late.join("\n"));
}

#[test]
fn limits_of_text_and_memory_hold_before_the_run() -> Result<(), Error> {
    let interpreter = Interpreter::embedded();
    let inputs = Bindings::from([("x", 1.0)]);
    let short = interpreter.within(&Limits::default().text_bytes(100));
    for mode in [Mode::Interpreter, Mode::Direct, Mode::Nested] {
        let text = "(+ x 1)".repeat(20);
        let error = short.model_for(&text, &inputs, mode).unwrap_err();
        assert_eq!(error.kind(), Kind::Resource);
        assert_eq!(error.to_string(), "a text of 140 bytes; the limit is 100");
        short.model_for("(+ x 1)", &inputs, mode)?;
    }
    assert!(short.compile_program(&"x".repeat(101), &[]).is_err());
    assert!(short.print_anf(&"x".repeat(101), &[]).is_err());
    // What a text is made to may be much larger than the text.
    let small = interpreter.within(&Limits::default().heap_bytes(8 << 20));
    for text in [
        // Closures that capture the variables of all around them.
        format!(
            "(lambda ({0}) {1}(+ {0}){2})",
            parts(4000, |i| format!("a{i} ")),
            "(lambda () ".repeat(4000),
            ")".repeat(4000)
        ),
        // A use of a name that is defined again and again, in many procedures.
        "(define (g) (a))".repeat(2000) + "(g)" + &"(define (a) 1)(g)".repeat(2000),
        format!("(list {})", "(+ x 1) ".repeat(100_000)),
        format!("'({})", "a ".repeat(1_000_000)),
        format!("(string-length \"{}\")", "a".repeat(10 << 20)),
    ] {
        let error = small.model_for(&text, &inputs, Mode::Direct).unwrap_err();
        assert_eq!(error.kind(), Kind::Resource, "{error}");
        let message = "out of heap: the program takes more than 8388608 bytes before it runs";
        assert_eq!(error.to_string(), message);
    }
    // A model does not keep the limits that it was made within.
    let model = interpreter
        .within(
            &Limits::default()
                .text_bytes(10)
                .timeout(Duration::from_mins(1)),
        )
        .model("(* x x)")?;
    assert!(model.value(&inputs, &mut dmci::Workspace::new()).is_ok());
    Ok(())
}

#[test]
fn macros_that_never_end_are_stopped() {
    let interpreter = Interpreter::embedded();
    for text in [
        "(define-syntax m (syntax-rules () ((_) (m)))) (m)",
        "(define-syntax m (syntax-rules () ((_) (list (m))))) (m)",
        "(define-syntax m (syntax-rules () ((_ a ...) (m a ... a ...)))) (m 1 2)",
        "(define-syntax m (syntax-rules () ((_ a) (m (a a))))) (m 1)",
        "(define-syntax m (syntax-rules () ((_ a) (begin (m a) (m a))))) (m 1)",
        "(define-syntax m (syntax-rules () ((_ (a ...) ...) (m (a ... a ...) ...)))) (m (1) (2))",
        "(define (f x) (define-syntax m (syntax-rules () ((_) (m)))) (m)) (f 1)",
    ] {
        let began = Instant::now();
        let error = interpreter.model(text).unwrap_err();
        assert!(
            error.to_string().ends_with("does the expansion end?"),
            "{error}"
        );
        assert!(began.elapsed() < Duration::from_secs(20), "{text}");
    }
}

#[test]
fn names_of_macros_are_found_through_many_of_one_name() {
    // Each use puts in a name whose bindings in the text have to be passed by.
    let text = format!(
        "(define-syntax m (syntax-rules () ((_) a))) (define a 1) (let* ({}) a)",
        "(a (m))".repeat(40_000)
    );
    let began = Instant::now();
    let made = Interpreter::embedded().model(&text);
    if let Err(error) = made {
        assert!(
            error.to_string().contains("macros take too long"),
            "{error}"
        );
    }
    assert!(began.elapsed() < Duration::from_secs(20));
}

#[test]
fn messages_never_echo_long_names() {
    let interpreter = Interpreter::embedded();
    let long = "a".repeat(1_000_000);
    let blank = format!("|{}|", "a b ".repeat(100_000));
    for name in [&long, &blank] {
        for text in [
            format!("(let (({name} 1) ({name} 2)) 1)"),
            format!("(lambda ({name} {name}) 1)"),
            format!("(define-syntax {name} (syntax-rules () ((_ b) b))) {name}"),
            format!("(define-syntax {name} (syntax-rules () ((_ b) b))) ({name})"),
            format!("(param {name} 1) (param {name} 2)"),
            format!("(param {name})"),
            format!("(syntax-error \"{name}\" {name})"),
        ] {
            let error = interpreter.model(&text).unwrap_err();
            let message = error.to_string();
            assert!(message.len() < 5000, "{} bytes", message.len());
            assert!(error.render(&text).to_string().len() < 8000);
        }
        let text = format!("(define ({name} x) x) ({name} 1 2)");
        let model = interpreter.model(&text).expect("it is a program");
        assert!(model.warnings().iter().all(|w| w.message.len() < 5000));
    }
    let began = Instant::now();
    let known = format!("{}(lst 1)", parts(20_000, |i| format!("(define lis{i} 1)")));
    let model = interpreter.model(&known).expect("it is a program");
    let error = model
        .value(&Bindings::new(), &mut dmci::Workspace::new())
        .unwrap_err();
    assert!(error.to_string().ends_with("is it `list`?"), "{error}");
    assert!(began.elapsed() < Duration::from_secs(20));
}

#[test]
fn tables_of_many_columns_and_rows_are_read_in_linear_time() {
    use dmci::fit::Table;
    let began = Instant::now();
    let n = 200_000;
    let wide = format!(
        "{}\n{}\n",
        parts(n, |i| format!("c{i},")).trim_end_matches(','),
        "1.5,".repeat(n).trim_end_matches(',')
    );
    let table = Table::from_reader(wide.as_bytes(), "wide.csv").expect("a table");
    assert_eq!(table.names().len(), n);
    for name in table.names() {
        assert_eq!(table.column(name).expect("numbers"), [1.5]);
    }
    let missing = table.column("d").unwrap_err().to_string();
    assert!(missing.len() < 1000, "{missing}");
    let tall = format!("a,b\n{}", "1,2\n".repeat(n));
    let table = Table::from_reader(tall.as_bytes(), "tall.csv").expect("a table");
    assert_eq!((table.rows(), table.line(n - 1)), (n, Some(n as u64 + 1)));
    let twice = wide.replacen("c199999", "c0", 1);
    let error = Table::from_reader(twice.as_bytes(), "wide.csv").unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("columns 1 and 200000 are both named `c0`"),
        "{error}"
    );
    // What a stranger wrote is told by its beginning.
    let long = "a".repeat(1_000_000);
    for text in [format!("{long},{long}\n1,2\n"), format!("x,y\n{long},1\n")] {
        let message = match Table::from_reader(text.as_bytes(), "long.csv") {
            Ok(table) => table.column("x").unwrap_err().to_string(),
            Err(error) => error.to_string(),
        };
        assert!(message.len() < 300, "{} bytes", message.len());
    }
    assert!(began.elapsed() < Duration::from_mins(1));
}
