//! The index of R7RS-small: every name of it is there, or left out with advice.
//!
//! A name goes in, as a program of its own; what it turns out to be is held against
//! `src/docs/scheme-differences.md`, whose last table this test writes anew where snapshots are taken (`INSTA_UPDATE=always`).
//!
//! **Invariants**
//! - The lists below are the libraries of R7RS-small, appendix A, complete; what is true of each name is
//!   asked of the language and stands nowhere else.

use dmci::{Bindings, Interpreter, Item, Kind, Mode, Workspace};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

const BASE: &str = "* + - ... / < <= = => > >= _ abs and append apply assoc assq assv begin \
    binary-port? boolean=? boolean? bytevector bytevector-append bytevector-copy bytevector-copy! \
    bytevector-length bytevector-u8-ref bytevector-u8-set! bytevector? caar cadr \
    call-with-current-continuation call-with-port call-with-values call/cc car case cdar cddr cdr \
    ceiling char->integer char-ready? char<=? char<? char=? char>=? char>? char? close-input-port \
    close-output-port close-port complex? cond cond-expand cons current-error-port \
    current-input-port current-output-port define define-record-type define-syntax define-values \
    denominator do dynamic-wind else eof-object eof-object? eq? equal? eqv? error \
    error-object-irritants error-object-message error-object? even? exact exact-integer-sqrt \
    exact-integer? exact? expt features file-error? floor floor-quotient floor-remainder floor/ \
    flush-output-port for-each gcd get-output-bytevector get-output-string guard if include \
    include-ci inexact inexact? input-port-open? input-port? integer->char integer? lambda lcm \
    length let let* let*-values let-syntax let-values letrec letrec* letrec-syntax list \
    list->string list->vector list-copy list-ref list-set! list-tail list? make-bytevector \
    make-list make-parameter make-string make-vector map max member memq memv min modulo negative? \
    newline not null? number->string number? numerator odd? open-input-bytevector \
    open-input-string open-output-bytevector open-output-string or output-port-open? output-port? \
    pair? parameterize peek-char peek-u8 positive? procedure? quasiquote quote quotient raise \
    raise-continuable rational? rationalize read-bytevector read-bytevector! read-char read-error? \
    read-line read-string read-u8 real? remainder reverse round set! set-car! set-cdr! square \
    string string->list string->number string->symbol string->utf8 string->vector string-append \
    string-copy string-copy! string-fill! string-for-each string-length string-map string-ref \
    string-set! string<=? string<? string=? string>=? string>? string? substring symbol->string \
    symbol=? symbol? syntax-error syntax-rules textual-port? truncate truncate-quotient \
    truncate-remainder truncate/ u8-ready? unless unquote unquote-splicing utf8->string values \
    vector vector->list vector->string vector-append vector-copy vector-copy! vector-fill! \
    vector-for-each vector-length vector-map vector-ref vector-set! vector? when \
    with-exception-handler write-bytevector write-char write-string write-u8 zero?";

/// The other libraries: case-lambda, char, complex, cxr, eval, file, inexact, lazy, load,
/// process-context, read, repl, time, write, what r5rs has more; and the two words of libraries themselves.
const OTHERS: [&str; 16] = [
    "case-lambda",
    "char-alphabetic? char-ci<=? char-ci<? char-ci=? char-ci>=? char-ci>? char-downcase \
     char-foldcase char-lower-case? char-numeric? char-upcase char-upper-case? char-whitespace? \
     digit-value string-ci<=? string-ci<? string-ci=? string-ci>=? string-ci>? string-downcase \
     string-foldcase string-upcase",
    "angle imag-part magnitude make-polar make-rectangular real-part",
    "caaar caadr cadar caddr cdaar cdadr cddar cdddr caaaar caaadr caadar caaddr cadaar cadadr \
     caddar cadddr cdaaar cdaadr cdadar cdaddr cddaar cddadr cdddar cddddr",
    "environment eval",
    "call-with-input-file call-with-output-file delete-file file-exists? open-binary-input-file \
     open-binary-output-file open-input-file open-output-file with-input-from-file \
     with-output-to-file",
    "acos asin atan cos exp finite? infinite? log nan? sin sqrt tan",
    "delay delay-force force make-promise promise?",
    "load",
    "command-line emergency-exit exit get-environment-variable get-environment-variables",
    "read",
    "interaction-environment",
    "current-jiffy current-second jiffies-per-second",
    "display write write-shared write-simple",
    "exact->inexact inexact->exact null-environment scheme-report-environment",
    "import define-library",
];

/// What a name is.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    Procedure,
    Form,
    LeftOut(String),
}

fn index() -> Vec<&'static str> {
    let others = OTHERS.iter().flat_map(|names| names.split_whitespace());
    BASE.split_whitespace().chain(others).collect()
}

/// What a name is in a mode, by what it does as a program, or as the head of one.
fn found(interpreter: &Interpreter, name: &str, mode: Mode) -> Result<Found, String> {
    let nothing = Bindings::new();
    let error = match interpreter.model_for(name, &nothing, mode) {
        Err(error) => error,
        Ok(model) => {
            let value = model.value(&nothing, &mut Workspace::new());
            if value
                .as_ref()
                .is_err_and(|error| error.kind() == Kind::Unbound)
            {
                // A likely name of an input, such as `angle`; applied, it is what Scheme means by it.
                return found(interpreter, &format!("({name})"), mode);
            }
            return match value.as_ref().map(dmci::Output::items) {
                Ok([Item::Procedure]) => Ok(Found::Procedure),
                other => Err(format!("`{name}` is {other:?}")),
            };
        }
    };
    let message = error.to_string();
    match error.kind() {
        Kind::Syntax if message.contains("is a form") => Ok(Found::Form),
        Kind::Unsupported => {
            let advice = message.split_once(" is not in the language: ");
            match advice {
                Some((_, advice)) if advice.len() > 20 => Ok(Found::LeftOut(advice.to_owned())),
                _ => Err(format!("`{name}` is left out without advice: {message}")),
            }
        }
        _ => Err(format!("`{name}`: {error:?}")),
    }
}

/// Words of `syntax-rules`, which mean something in there alone.
fn is_of_patterns(name: &str) -> bool {
    matches!(name, "..." | "_")
}

fn all_found(mode: Mode) -> BTreeMap<&'static str, Found> {
    let interpreter = Interpreter::embedded();
    let mut faults = Vec::new();
    let mut all = BTreeMap::new();
    for name in index().into_iter().filter(|name| !is_of_patterns(name)) {
        match found(&interpreter, name, mode) {
            Ok(what) => _ = all.insert(name, what),
            Err(fault) => faults.push(fault),
        }
    }
    assert!(faults.is_empty(), "{mode:?}:\n{}", faults.join("\n"));
    all
}

#[test]
fn every_name_of_the_index_is_there_or_left_out_with_advice() {
    let names = index();
    let distinct: BTreeSet<&str> = names.iter().copied().collect();
    assert_eq!(distinct.len(), names.len(), "a name stands twice");
    assert_eq!(
        names.len(),
        340,
        "the index is what it was when R7RS was finished"
    );
    let all = all_found(Mode::Interpreter);
    assert!(all == all_found(Mode::Direct), "modes differ");
    let there = |what: &&Found| !matches!(what, Found::LeftOut(_));
    assert!(all.values().filter(there).count() > 180);
    for name in [
        "map",
        "string-append",
        "exact-integer?",
        "vector-append",
        "char-upcase",
    ] {
        assert_eq!(all[name], Found::Procedure);
    }
    assert_eq!(all["cond"], Found::Form);
    assert!(matches!(&all["eval"], Found::LeftOut(advice) if !advice.contains("output")));
}

/// The first line of the table, which ends the page.
const HEAD: &str = "| of the index, left out | instead |\n";

/// The table of what is left out: names by the advice they come with, in the order of the alphabet.
fn table() -> String {
    let mut rows: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (name, what) in all_found(Mode::Interpreter) {
        if let Found::LeftOut(advice) = what {
            rows.entry(advice).or_default().push(name);
        }
    }
    let mut rows: Vec<(Vec<&str>, String)> = rows.into_iter().map(|(a, b)| (b, a)).collect();
    rows.sort();
    let mut table = format!("{HEAD}|---|---|\n");
    for (names, advice) in rows {
        let _ = writeln!(table, "| `{}` | {advice} |", names.join("` `"));
    }
    table
}

#[test]
fn the_book_has_the_table_of_what_is_left_out() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/src/docs/scheme-differences.md"
    );
    let page = std::fs::read_to_string(path).unwrap();
    let table = table();
    if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
        let (before, _) = page.split_once(HEAD).expect("the page has the table");
        std::fs::write(path, format!("{before}{table}")).unwrap();
        return;
    }
    assert!(
        page.contains(&table),
        "src/docs/scheme-differences.md has another table under \"The index of R7RS-small\"; this is the \
         language's:\n\n{table}"
    );
}
