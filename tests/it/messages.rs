//! What people type, and what they are told: errors and warnings whose words help.
//!
//! A program goes in; the message must say what it should, in every mode, and not what it should not.

use dmci::{Bindings, Interpreter, Kind, Mode, Workspace};

const MODES: [Mode; 3] = [Mode::Interpreter, Mode::Direct, Mode::Nested];

/// The kind and message of a program's error, the same in all modes.
fn error_of(interpreter: &Interpreter, text: &str) -> (Kind, String) {
    let nothing = Bindings::new();
    let errors = MODES.map(|mode| {
        let model = interpreter.model_for(text, &nothing, mode);
        let error = model.and_then(|model| {
            let value = model.value(&nothing, &mut Workspace::new());
            value.map(|value| panic!("`{text}` is {}", value.to_scheme()))
        });
        let error: dmci::Error = match error {
            Ok(never) => never,
            Err(error) => error,
        };
        let position = error.position(text).map(|place| (place.line, place.column));
        (error.kind(), error.to_string(), position)
    });
    assert!(errors.iter().all(|other| *other == errors[0]), "{errors:?}");
    let [(kind, message, _), ..] = errors;
    (kind, message)
}

#[test]
fn what_is_called_is_named() {
    let interpreter = Interpreter::embedded();
    let cases = [
        ("(map car 5)", "`map` wants lists, got a number"),
        (
            "(map square [1 2])",
            "`map` wants lists, got a vector of 2; `vec->list`",
        ),
        (
            "(filter odd? '(1 . 2))",
            "`filter` wants a list, got a list that does not end",
        ),
        ("(fold 'f 0 '())", "`fold` wants a procedure, got a symbol"),
        (
            "(vsum (list 1 2))",
            "`vsum` wants a vector or matrix, got a list; `list->vec`",
        ),
        ("(vector-ref '(1 2) 0)", "`vector-ref` wants"),
        ("(vector-length 5)", "`vector-length` wants"),
        ("(vector-ref [1 2] 5)", "index 5"),
        ("(truncate-quotient 'a 1)", "`truncate-quotient` wants"),
        ("(quotient 'a 1)", "`quotient` wants"),
        ("(define (f x y) x) (f 1)", "`f` takes 2 arguments, got 1"),
        (
            "(let loop ((i 0)) (loop))",
            "`loop` takes 1 argument, got 0",
        ),
        ("((lambda (x) x))", "the procedure takes 1 argument, got 0"),
        (
            "(map (lambda (x y) x) '(1))",
            "the procedure that `map` applies takes 2 arguments, got 1",
        ),
        (
            "(define (f) 1) (apply f '(1))",
            "the procedure that `apply` applies takes 0 arguments",
        ),
        (
            "(define (f g) (g 1)) (f (lambda () 1))",
            "`g` takes 0 arguments, got 1",
        ),
        ("(iota 3 0 1 99)", "`iota` takes 1 to 3 arguments, got 4"),
        ("(map)", "`map` takes at least 2 arguments, got 0"),
        (
            "(define (map f) f) (map 1 2)",
            "`map` takes 1 argument, got 2",
        ),
        (
            "(take '(1 2) 5)",
            "`take` wants 5 elements, and the list has 2",
        ),
        (
            "(string-append \"a\" 'b)",
            "`string-append` wants a string, got a symbol",
        ),
    ];
    for (text, expected) in cases {
        let (_, message) = error_of(&interpreter, text);
        assert!(message.contains(expected), "{text}: {message}");
    }
}

#[test]
fn an_application_behind_a_parenthesis_is_no_argument() {
    let interpreter = Interpreter::embedded();
    for text in [
        "(if(foo) 1 2)",
        "(list(2))",
        "(define (f)(foo 1)) (f)",
        "(list 'a (foo))",
    ] {
        let (_, message) = error_of(&interpreter, text);
        assert!(!message.contains("inside"), "{text}: {message}");
    }
}

#[test]
fn what_other_languages_write_is_told_in_this_one() {
    let interpreter = Interpreter::embedded();
    let cases = [
        ("(ln 2)", Kind::Unbound, "`(log x)`"),
        ("(map ln '(1))", Kind::Unbound, "`(log x)`"),
        ("(math.sin 1)", Kind::Unbound, "it is `sin`"),
        ("(np.log10 1)", Kind::Unbound, "it is `log10`"),
        ("(Math.pow 1 2)", Kind::Unbound, "it is `pow`"),
        ("(std::exp 1)", Kind::Unbound, "it is `exp`"),
        ("(+ 1 sin(x))", Kind::Unbound, "inside: `(sin x)`"),
        ("sin(2)", Kind::NotAFunction, "inside: `(sin 2)`"),
        ("(* 2 exp(y 1))", Kind::Unbound, "inside: `(exp y 1)`"),
        ("exp( y )", Kind::Unbound, "inside: `(exp y )`"),
        ("(exp -ke*t)", Kind::Unbound, "infix? write `(- (* ke t))`"),
        ("(define x 2) (x ^ 2)", Kind::Unbound, "`(expt x 2)`"),
        ("(x ^ 2)", Kind::Unbound, "operator first: `(expt x 2)`"),
        ("(2 * 3)", Kind::NotAFunction, "operator first: `(* 2 3)`"),
        (
            "(define x 2) (x * 3)",
            Kind::NotAFunction,
            "operator first: `(* x 3)`",
        ),
        ("(+ 1 pi)", Kind::Unbound, "3.141592653589793"),
        ("(if (== 1 2) 3 4)", Kind::Unbound, "`(= a b)`"),
        ("(+ 1d2 1)", Kind::Unbound, "`1e2`"),
        ("(foldl + 0 '(1))", Kind::Unbound, "`(fold f start items)`"),
        ("(exit)", Kind::Unsupported, "last expression"),
        ("(eval '1)", Kind::Unsupported, "call a procedure"),
        ("(read-line)", Kind::Unsupported, "input or output"),
        ("(lenght '(1))", Kind::Unbound, "is it `length`?"),
    ];
    for (text, kind, expected) in cases {
        let (found, message) = error_of(&interpreter, text);
        assert!(message.contains(expected), "{text}: {message}");
        assert_eq!(found, kind, "{text}");
    }
    // No guess is better than one of another meaning.
    let names = ["vector-set", "str", "listt-ref!", "exactt-floor", "evn"];
    for name in names {
        let (_, message) = error_of(&interpreter, &format!("({name} 1)"));
        assert!(message.ends_with("is not bound to anything"), "{message}");
    }
}

#[test]
fn literals_that_are_rounded_and_calls_that_must_fail_are_warned_of() {
    let interpreter = Interpreter::embedded();
    let cases = [
        ("(+ 9007199254740993 1)", "its value is 9007199254740992"),
        ("'(1.5e400)", "too large for a double"),
        ("(if #f (2 * 3) 1)", "operator first: `(* 2 3)`"),
        (
            "(if #f (iota 1 2 3 4) 1)",
            "`iota` takes 1 to 3 arguments, and gets 4 here",
        ),
        (
            "(if #f (fold +) 1)",
            "`fold` takes at least 3 arguments, and gets 1 here",
        ),
    ];
    for (text, expected) in cases {
        let model = interpreter.model(text).unwrap();
        let warnings = model.warnings();
        let said: Vec<&str> = warnings
            .iter()
            .map(|warning| warning.message.as_str())
            .collect();
        assert!(
            matches!(said[..], [one] if one.contains(expected)),
            "{text}: {said:?}"
        );
    }
    for text in [
        "(+ 9007199254740992 1e300 0.0 -0.0)",
        "(iota 3 1 2)",
        "(map + '(1) '(2))",
    ] {
        assert!(
            interpreter.model(text).unwrap().warnings().is_empty(),
            "{text}"
        );
    }
}

#[test]
fn ints_that_pass_what_doubles_hold_are_counted() {
    let interpreter = Interpreter::embedded();
    let congruential = "(let loop ((s 42) (n 0)) \
                        (if (= n 10) s (loop (modulo (+ (* 1103515245 s) 12345) 2147483648) (+ n 1))))";
    for mode in MODES {
        let model = interpreter
            .model_for(congruential, &Bindings::new(), mode)
            .unwrap();
        let limits = dmci::Limits::default();
        let mut workspace = Workspace::new();
        let run = model.evaluate(
            &Bindings::new(),
            dmci::Wrt::Nothing,
            &limits,
            &mut workspace,
        );
        assert_eq!(run.unwrap().stats.rounded_ints, 9, "{mode:?}");
    }
}

#[test]
fn messages_are_short_whatever_they_are_about() {
    let interpreter = Interpreter::embedded();
    let cases = [
        (
            "(ref (ones 3) 1e300)",
            "`ref` wants index 1e300 of a vector of 3",
        ),
        (
            "(list-ref (list 1 2 3) 18446744073709551616)",
            "`list-ref` wants index 1.8446744073709552e19 of a list of 3",
        ),
        ("(ref (eye 2) 1 1e20)", "`ref` wants index 1e20 of"),
        (
            "(gcd 1e308 4.9e-324)",
            "`gcd` wants whole numbers, got 5e-324",
        ),
        (
            "(iota 1.5e-300)",
            "`iota` wants a whole number, got 1.5e-300",
        ),
        ("(integer->char 1e300)", "`integer->char` of 1e300"),
        ("(list-ref '(1) -1e300)", "`list-ref` got the index -1e300"),
    ];
    for (text, expected) in cases {
        let (_, message) = error_of(&interpreter, text);
        assert!(message.contains(expected), "{text}: {message}");
    }
    let long = [
        "(error (make-string 100000 #\\a))",
        "(error \"it\" (make-string 100000 #\\a))",
        "(error (string->symbol (make-string 100000 #\\a)))",
    ];
    for text in long {
        let (_, message) = error_of(&interpreter, text);
        let length = message.chars().count();
        assert!((1000..1100).contains(&length), "{text}: {length}");
        assert!(message.contains(" characters)"), "{text}: {message}");
    }
}
