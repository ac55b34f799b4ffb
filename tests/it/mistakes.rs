//! All that is wrong with a program is told at once, and a mistake leaves what stands beside it alone.

use dmci::{Error, Interpreter};

/// Kind, line and column of the error and of what it brings with it.
fn mistakes(text: &str) -> Vec<(&'static str, u32, u32)> {
    let error = Interpreter::embedded()
        .model(text)
        .expect_err("it is wrong");
    let place = |kind: dmci::Kind, span: dmci::source::Span| {
        let position = span.position(text);
        (kind.name(), position.line, position.column)
    };
    let Error::Expand(first) = &error else {
        panic!("{text}: {error}");
    };
    let all = std::iter::once(first).chain(error.also());
    all.map(|mistake| place(mistake.kind, mistake.span))
        .collect()
}

#[test]
fn a_program_with_several_mistakes_has_them_all() {
    for (text, expected) in [
        ("(if)", &[("syntax", 1, 1)][..]),
        (
            "(define (f x) (if))\n(define g 1 2)\n(set! g 3)\n(f 1 2)",
            &[
                ("syntax", 1, 15),
                ("syntax", 2, 1),
                ("unsupported", 3, 1),
                ("arity", 4, 1),
            ],
        ),
        // Forms inside each other: the inner one is told, and the outer one goes on.
        (
            "(let ((x (if)) (y (lambda))) (+ x (let)))",
            &[("syntax", 1, 10), ("syntax", 1, 19), ("syntax", 1, 35)],
        ),
        (
            "(param a)\n(param b 1)\n(define b 2)\n(observe)\n(data-matrix)",
            &[
                ("syntax", 1, 1),
                ("syntax", 3, 1),
                ("syntax", 4, 1),
                ("syntax", 5, 1),
            ],
        ),
        ("`(1 ,(if) ,(let))", &[("syntax", 1, 6), ("syntax", 1, 12)]),
    ] {
        assert_eq!(mistakes(text), expected, "{text}");
    }
}

#[test]
fn what_a_mistake_bound_is_not_seen_after_it() {
    // In each, the mistake stands where names that shadow `car` are bound. After it `car` is the
    // primitive, of which a wrong number of arguments is known.
    for mistake in [
        "(lambda (car) (define (g car 1) 2) 3)",
        "(let ((car 1)) (define car))",
        "(let* ((car 1) (cdr (if)) (car 2)) (define car 1))",
        "(letrec ((car (lambda (car . car) 1))) car)",
        "(let car ((cdr 1)) (define car 1))",
        "(do ((car 1 2)) () (if))",
        "(define (f car) (define (g cdr) (lambda (car car) 1)) (if))",
    ] {
        let text = format!("{mistake} (car 1 2)");
        let found = mistakes(&text);
        let column = mistake.len() as u32 + 2;
        assert_eq!(
            found.last(),
            Some(&("arity", 1, column)),
            "{text}: {found:?}"
        );
        assert!(found.len() > 1, "{text}: {found:?}");
    }
}

#[test]
fn mistakes_without_end_are_told_as_far_as_anybody_reads() {
    for many in ["(if) ", "(define) ", "(param) ", "(car (if)) "] {
        assert_eq!(mistakes(&many.repeat(20_000)).len(), 20, "{many}");
    }
    // Deep inside each other, too.
    let deep = "(let ((x (if))) ".repeat(300) + &")".repeat(300);
    assert!(mistakes(&deep).len() > 1);
}

#[test]
fn a_definition_that_is_none_makes_no_further_mistakes_of_its_uses() {
    let text = "(define (f) )\n(f)";
    assert_eq!(mistakes(text), [("syntax", 1, 1)]);
}
