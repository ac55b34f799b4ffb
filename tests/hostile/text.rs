//! Texts: unfinished, deep, long, of odd characters, and macros that grow.

use super::case::Case;
use super::case::Want::{Answer, AnyValue, At, Holds, Kind, Limit, Value};
use serde_json::json;

/// A piece many times.
pub(crate) fn repeat(piece: &str, times: usize) -> String {
    piece.repeat(times)
}

/// Pieces that are numbered, one a line.
pub(crate) fn numbered(times: usize, piece: impl Fn(usize) -> String) -> String {
    (0..times).map(piece).collect::<Vec<_>>().join("\n")
}

fn nest(open: &str, inner: &str, close: &str, times: usize) -> String {
    format!("{}{inner}{}", open.repeat(times), close.repeat(times))
}

/// Named so that what is too deep or too large may be refused by either.
const REFUSED: &[&str] = &["syntax", "resource", "unsupported"];

pub(crate) fn cases() -> Vec<Case> {
    let fixed = |name, source: &'static str, want| Case::program(name, move || source.into(), want);
    let made = |name, source: fn() -> String, want| Case::program(name, source, want);
    vec![
        // Unfinished.
        fixed("text/empty", "", Answer),
        fixed("text/blank", " \n\t\r\n ", Answer),
        fixed("text/only-comment", "; nothing", Answer),
        fixed("text/open", "(+ 1 2", At("syntax", 1, 1)),
        fixed(
            "text/open-below",
            "(define x 1)\n  (* x",
            At("syntax", 2, 3),
        ),
        fixed("text/close", "1)\n", At("syntax", 1, 2)),
        fixed("text/bracket-closed-by-paren", "[1 2)", Kind(&["syntax"])),
        fixed("text/string-open", "(list \"abc)", At("syntax", 1, 7)),
        fixed("text/string-escape-open", "\"abc\\", Kind(&["syntax"])),
        fixed("text/comment-open", "1 #| #| |# 2", Kind(&["syntax"])),
        fixed("text/datum-comment-open", "(+ 1 #;", Kind(&["syntax"])),
        fixed("text/datum-comment-nothing", "(+ 1 #;)", Kind(&["syntax"])),
        fixed("text/hash-alone", "(list #)", Kind(&["syntax"])),
        fixed("text/hash-nonsense", "#zq", Kind(&["syntax"])),
        fixed("text/character-open", "(list #\\", Kind(&["syntax"])),
        fixed("text/character-huge", "#\\x110000", Kind(&["syntax"])),
        fixed("text/character-surrogate", "#\\xd800", Kind(&["syntax"])),
        fixed("text/string-surrogate", "\"\\xd800;\"", Kind(&["syntax"])),
        fixed(
            "text/string-hex-long",
            "\"\\xffffffffffffffffffff;\"",
            Kind(&["syntax"]),
        ),
        fixed("text/dot-alone", ".", Kind(&["syntax"])),
        fixed("text/dot-first", "'(. 1)", Kind(&["syntax"])),
        fixed("text/dot-twice", "'(1 . 2 . 3)", Kind(&["syntax"])),
        fixed("text/dot-more", "'(1 . 2 3)", Kind(&["syntax"])),
        fixed("text/dot-in-call", "(+ 1 . 2)", Kind(&["syntax"])),
        fixed("text/quote-nothing", "'", Kind(&["syntax"])),
        fixed("text/bar-open", "|abc", Kind(&["syntax", "unsupported"])),
        fixed(
            "text/byte-string",
            "#u8(1 2)",
            Kind(&["syntax", "unsupported"]),
        ),
        fixed(
            "text/label-cycle",
            "'#0=(1 . #0#)",
            Kind(&["syntax", "unsupported"]),
        ),
        // Odd characters.
        fixed("text/nul", "(+ 1 \0 2)", Answer),
        fixed(
            "text/nul-in-string",
            "(string-length \"a\0b\")",
            Value("3.0"),
        ),
        fixed("text/byte-order-mark", "\u{feff}(+ 1 2)", Answer),
        fixed(
            "text/right-to-left",
            "(define \u{202e}x 1) \u{202e}x",
            Answer,
        ),
        fixed(
            "text/combining",
            "(define e\u{301} 1) \u{e9}",
            At("unbound", 1, 15),
        ),
        fixed(
            "text/emoji-then-fault",
            "(list \"🦀🦀\" zzz)",
            At("unbound", 1, 12),
        ),
        fixed("text/no-break-space", "(+\u{a0}1 2)", Answer),
        fixed("text/line-separator", "(+ 1\u{2028}nope)", Answer),
        fixed(
            "text/carriage-returns",
            "(+ 1\r\r\rnope)",
            Kind(&["unbound"]),
        ),
        fixed(
            "text/private-names",
            "(%if #t 1 2)",
            Kind(&["unbound", "syntax", "unsupported"]),
        ),
        fixed("text/private-call", "(apply-at 1 2 3)", Kind(&["unbound"])),
        fixed("text/private-cell", "(cell-ref (cell))", Kind(&["unbound"])),
        made(
            "text/10^6-characters-of-zalgo",
            || format!("(define a{} 1) 7", repeat("\u{301}", 1_000_000)),
            Answer,
        ),
        // Long and deep.
        made("text/parens-10^6", || repeat("(", 1_000_000), Kind(REFUSED)),
        made(
            "text/closing-10^6",
            || repeat(")", 1_000_000),
            At("syntax", 1, 1),
        ),
        made(
            "text/brackets-10^6",
            || repeat("[", 1_000_000),
            Kind(REFUSED),
        ),
        made("text/quotes-10^6", || repeat("'", 1_000_000), Kind(REFUSED)),
        made(
            "text/quasi-10^5",
            || repeat("`", 100_000) + "x",
            Kind(REFUSED),
        ),
        made(
            "text/comments-10^6",
            || repeat("#|", 1_000_000),
            Kind(REFUSED),
        ),
        made(
            "text/comments-nested",
            || nest("#|", "", "|#", 500_000) + "7",
            Value("7.0"),
        ),
        made(
            "text/datum-comments-10^6",
            || repeat("#;", 1_000_000) + "7",
            Kind(REFUSED),
        ),
        made(
            "text/nested-data",
            || format!("'{}", nest("(", "1", ")", 500_000)),
            Kind(REFUSED),
        ),
        made(
            "text/nested-ifs",
            || nest("(if #t ", "1", " 2)", 200_000),
            Kind(REFUSED),
        ),
        made(
            "text/nested-lets",
            || nest("(let ((x 1)) ", "x", ")", 100_000),
            Kind(REFUSED),
        ),
        made(
            "text/nested-lambdas",
            || nest("((lambda (x) ", "1", ") 1)", 100_000),
            Kind(REFUSED),
        ),
        made(
            "text/nested-sums",
            || nest("(+ 1 ", "1", ")", 300_000),
            Kind(REFUSED),
        ),
        made(
            "text/spaces-5-MB",
            || repeat(" ", 5_000_000) + "7",
            Value("7.0"),
        ),
        made(
            "text/lines-5-MB",
            || repeat("\n", 5_000_000) + "nope",
            At("unbound", 5_000_001, 1),
        ),
        made(
            "text/comment-5-MB",
            || format!(";{}\n7", repeat("x", 5_000_000)),
            Value("7.0"),
        ),
        made(
            "text/string-5-MB",
            || format!("(string-length \"{}\")", repeat("x", 5_000_000)),
            Answer,
        ),
        made("text/ones-5-MB", || repeat("1 ", 2_500_000), Answer),
        made(
            "text/list-5-MB",
            || format!("(length '({}))", repeat("1 ", 2_500_000)),
            Answer,
        ),
        made(
            "text/symbols-5-MB",
            || format!("(length '({}))", numbered(500_000, |i| format!("s{i}"))),
            Answer,
        ),
        made(
            "text/sum-5-MB",
            || format!("(+ {})", repeat("1 ", 2_500_000)),
            Answer,
        ),
        made(
            "text/vector-5-MB",
            || format!("(vlen [{}])", repeat("1 ", 2_500_000)),
            Answer,
        ),
        made("text/strings-5-MB", || repeat("\"a\" ", 1_250_000), Answer),
        made(
            "text/defines-5-MB",
            || numbered(200_000, |i| format!("(define x{i} {i})")) + "\nx7",
            Answer,
        ),
        made("text/digits-10^6", || repeat("9", 1_000_000), Answer),
        made(
            "text/fraction-10^6",
            || format!("0.{}1", repeat("0", 1_000_000)),
            Answer,
        ),
        fixed("text/exponent-huge", "1e999999999999999999999", Answer),
        fixed("text/ratio-of-nothing", "1/0", Answer),
        made(
            "text/name-10^6",
            || repeat("a", 1_000_000),
            At("unbound", 1, 1),
        ),
        made(
            "text/names-like-each-other",
            || {
                numbered(3000, |i| format!("(define velocity-of-body-{i} {i})"))
                    + "\n(list "
                    + &numbered(3000, |i| format!("velocity-of-bodx-{i}"))
                    + ")"
            },
            Kind(&["unbound"]),
        ),
        made(
            "text/parameters-10^5",
            || format!("(lambda ({}) 1)", numbered(100_000, |i| format!("p{i}"))),
            Answer,
        ),
        made(
            "text/duplicate-parameters",
            || format!("(lambda ({} p0) 1)", numbered(50_000, |i| format!("p{i}"))),
            Kind(&["syntax"]),
        ),
        made(
            "text/let-10^5",
            || {
                format!(
                    "(let ({}) v7)",
                    numbered(100_000, |i| format!("(v{i} {i})"))
                )
            },
            Answer,
        ),
        made(
            "text/let-star-50000",
            || {
                format!(
                    "(let* ({}) v7)",
                    numbered(50_000, |i| format!("(v{i} {i})"))
                )
            },
            Answer,
        ),
        made(
            "text/letrec-20000",
            || {
                format!(
                    "(letrec ({}) (v7))",
                    numbered(20_000, |i| format!("(v{i} (lambda () {i}))"))
                )
            },
            Answer,
        ),
        made(
            "text/case-10^5",
            || {
                format!(
                    "(case 5 {} (else 7))",
                    numbered(100_000, |i| format!("((a{i}) {i})"))
                )
            },
            Answer,
        ),
        made(
            "text/cond-arrows",
            || {
                format!(
                    "(cond {} (else 7))",
                    repeat("(#f => (lambda (x) x)) ", 50_000)
                )
            },
            Answer,
        ),
        made(
            "text/chain-of-defines",
            || {
                String::from("(define x0 1)\n")
                    + &numbered(16_000, |i| format!("(define x{} (+ x{i} 1))", i + 1))
            },
            Answer,
        ),
        made(
            "text/mutual-10^5",
            || {
                numbered(100_000, |i| {
                    format!("(define (f{i} x) (if x (f{} x) 0))", i * 7 % 100_000)
                }) + "\n(f5 #f)"
            },
            Answer,
        ),
        made(
            "text/same-define-10^5",
            || repeat("(define x 1)\n", 100_000) + "x",
            Answer,
        ),
        made(
            "text/params-20000",
            || numbered(20_000, |i| format!("(param p{i} 1.0)")) + "\np7",
            Answer,
        ),
        made(
            "text/observes-20000",
            || numbered(20_000, |i| format!("(observe y{i} 1.0)")),
            Answer,
        ),
        // Malformed forms.
        fixed("text/lambda-number", "(lambda (1) 1)", Kind(&["syntax"])),
        fixed("text/let-odd", "(let ((x)) x)", Kind(&["syntax"])),
        fixed("text/if-many", "(if 1 2 3 4)", At("syntax", 1, 1)),
        fixed("text/else-alone", "(else)", Kind(&["syntax", "unbound"])),
        fixed("text/ellipsis-alone", "...", Kind(&["syntax", "unbound"])),
        fixed(
            "text/set",
            "(define x 1) (set! x 2)",
            At("unsupported", 1, 14),
        ),
        fixed(
            "text/call-cc",
            "(call/cc (lambda (k) (k 1)))",
            Kind(&["unsupported"]),
        ),
        fixed("text/eval", "(eval '(+ 1 2))", Kind(&["unsupported"])),
        fixed(
            "text/guard",
            "(guard (e (#t 1)) (raise 'x))",
            Kind(&["unsupported"]),
        ),
        fixed(
            "text/unquote-outside",
            ",x",
            Kind(&["syntax", "unsupported"]),
        ),
        fixed(
            "text/splice-outside",
            "`,@'(1 2)",
            Kind(&["syntax", "unsupported", "type"]),
        ),
        fixed(
            "text/if-of-defines",
            "(if #t (define x 1))",
            Kind(&["syntax"]),
        ),
        fixed(
            "text/python",
            "def f(x):\n    return x ** 2\nprint(f(3))",
            Answer,
        ),
        fixed(
            "text/json",
            "{\"a\": [1, 2, {\"b\": null}]}",
            Kind(&["syntax", "unbound", "unsupported"]),
        ),
        fixed("text/markdown", "```scheme\n(+ 1 2)\n```", Answer),
        // Macros.
        fixed(
            "macro/itself",
            "(define-syntax m (syntax-rules () ((_) (m)))) (m)",
            Kind(REFUSED),
        ),
        fixed(
            "macro/growing",
            "(define-syntax m (syntax-rules () ((_ a ...) (m a ... a ...)))) (m 1)",
            Kind(REFUSED),
        ),
        fixed(
            "macro/doubling",
            "(define-syntax m (syntax-rules () ((_ a) (begin (m (a a)) (m (a a)))))) (m 1)",
            Kind(REFUSED),
        ),
        made(
            "macro/laughs",
            || {
                numbered(26, |i| {
                    let (a, b) = (char::from(b'a' + i as u8), char::from(b'b' + i as u8));
                    if i == 25 {
                        "(define-syntax a (syntax-rules () ((_) 1)))".into()
                    } else {
                        format!(
                            "(define-syntax m{b} (syntax-rules () ((_) (+ (m{a}) (m{a}) (m{a}) (m{a})))))"
                        )
                    }
                }) + "\n(define-syntax ma (syntax-rules () ((_) 1)))\n(mz)"
            },
            Kind(REFUSED),
        ),
        fixed(
            "macro/bad-ellipsis",
            "(define-syntax m (syntax-rules () ((_ a ... b ...) 1))) (m 1)",
            Kind(&["syntax"]),
        ),
        fixed(
            "macro/unbound-ellipsis",
            "(define-syntax m (syntax-rules () ((_ a) (list a ...)))) (m 1)",
            Kind(&["syntax"]),
        ),
        made(
            "macro/wide-use",
            || {
                format!(
                    "(define-syntax m (syntax-rules () ((_ a ...) (+ a ...)))) (m {})",
                    repeat("1 ", 100_000)
                )
            },
            Answer,
        ),
        made(
            "macro/many-rules",
            || {
                format!(
                    "(define-syntax m (syntax-rules () {} ((_ a) a))) (m 7)",
                    numbered(20_000, |i| format!("((_ {i} b) b)"))
                )
            },
            Answer,
        ),
        made(
            "macro/nested-ellipses",
            || {
                format!(
                    "(define-syntax m (syntax-rules () ((_ ((a ...) ...)) '(a ... ...)))) (length (m ({})))",
                    repeat("(1 2 3 4 5 6 7 8 9 0) ", 10_000)
                )
            },
            Answer,
        ),
        fixed(
            "macro/of-macros",
            "(define-syntax m (syntax-rules () ((_ n) (define-syntax n (syntax-rules () ((_ k) (begin (m k) (n k)))))))) (m q) (q r)",
            Kind(REFUSED),
        ),
        fixed(
            "macro/shadowing-define",
            "(define-syntax define (syntax-rules () ((_ a b) 1))) (define x 2)",
            Answer,
        ),
        // Messages.
        fixed(
            "text/value-in-message",
            "(error \"x\" '(1 2) \"y\" #\\a 1e300 'z)",
            At("user", 1, 1),
        ),
        made(
            "text/error-10-MB",
            || format!("(error \"{}\")", repeat("a", 10_000_000)),
            Kind(&["user", "resource"]),
        ),
        made(
            "text/irritants-10^5",
            || format!("(error \"x\" {})", repeat("'(1 2) ", 100_000)),
            Kind(&["user", "resource"]),
        ),
        fixed(
            "text/irritant-dag",
            "(define (f n x) (if (= n 0) x (f (- n 1) (cons x x)))) (error \"x\" (f 60 1))",
            Kind(&["user", "resource"]),
        ),
        fixed(
            "text/gcd-message",
            "(gcd 1e308 4.9e-324)",
            Holds(|a| {
                a["error"]["message"]
                    .as_str()
                    .is_some_and(|m| m.len() < 200)
            }),
        ),
        fixed(
            "text/index-message",
            "(ref (ones 3) 1e300)",
            Holds(|a| {
                let message = a["error"]["message"].as_str().unwrap_or_default();
                a["error"]["kind"] == "index" && !message.contains(" 1000000000000000 ")
            }),
        ),
        fixed(
            "text/list-index-message",
            "(list-ref (list 1 2 3) 18446744073709551616)",
            Holds(|a| {
                let message = a["error"]["message"].as_str().unwrap_or_default();
                a["error"]["kind"] == "index" && !message.contains(" 1000000000000000 ")
            }),
        ),
        fixed(
            "text/name-of-spaces",
            "(string->symbol \"a b\\n\")",
            AnyValue,
        ),
        made(
            "text/symbols-made",
            || {
                "(define (f i l) (if (= i 0) (length l) (f (- i 1) (cons (string->symbol (number->string i)) l)))) (f 1000000 '())".into()
            },
            Limit(&["fuel", "heap"]),
        ),
        fixed(
            "text/identity",
            "(if (eq? '(1 2) '(1 2)) (* x x) (* x 3))",
            Value("6.0"),
        )
        .with(json!({"inputs": {"x": 2}})),
        fixed(
            "text/identity-direct",
            "(if (eq? '(1 2) '(1 2)) (* x x) (* x 3))",
            Value("6.0"),
        )
        .with(json!({"inputs": {"x": 2}, "mode": "direct"})),
        fixed(
            "text/procedures",
            "(define (mk) (lambda (x) x)) (eq? (mk) (mk))",
            Value("false"),
        ),
        fixed(
            "text/procedures-direct",
            "(define (mk) (lambda (x) x)) (eq? (mk) (mk))",
            Value("false"),
        )
        .with(json!({"mode": "direct"})),
        fixed(
            "text/procedures-nested",
            "(define (mk) (lambda (x) x)) (eq? (mk) (mk))",
            Value("false"),
        )
        .with(json!({"mode": "nested"})),
    ]
}
