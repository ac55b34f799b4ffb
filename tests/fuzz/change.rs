//! Changes of a text at random: spans taken out, doubled, moved, nested; tokens exchanged.

use crate::random::Random;

/// Tokens that are more often at fault than others.
const ODD: &[&str] = &[
    "0",
    "1",
    "-1",
    "2",
    "1e308",
    "5e-324",
    "-0.0",
    "+inf.0",
    "-inf.0",
    "+nan.0",
    "1/0",
    "1000000",
    "1e10",
    "9007199254740993",
    "18446744073709551616",
    "#t",
    "#f",
    "'()",
    "\"\"",
    "\"a\\n\"",
    "#\\a",
    "#\\x0",
    "'a",
    "x",
    "y",
    "car",
    "cdr",
    "cons",
    "list",
    "map",
    "apply",
    "append",
    "iota",
    "length",
    "reverse",
    "if",
    "let",
    "lambda",
    "define",
    "letrec",
    "cond",
    "case",
    "do",
    "loop",
    "recur",
    "and",
    "or",
    "else",
    "=>",
    "...",
    "_",
    ".",
    "'",
    "`",
    ",",
    ",@",
    "(",
    ")",
    "[",
    "]",
    "#(",
    "#;",
    "#|",
    "|#",
    ";",
    "\n",
    "delay",
    "force",
    "values",
    "call-with-values",
    "syntax-rules",
    "define-syntax",
    "define-record-type",
    "param",
    "observe",
    "soft-if",
    "soft-choice",
    "monitor",
    "error",
    "root",
    "fixed-point",
    "vec",
    "mat",
    "zeros",
    "ones",
    "eye",
    "matmul",
    "inv",
    "solve",
    "svd",
    "eigh",
    "expm",
    "concat",
    "slice",
    "reshape",
    "sort",
    "string-append",
    "make-string",
    "number->string",
    "string->symbol",
    "equal?",
    "eq?",
    "max",
    "\u{0}",
    "\u{feff}",
    "\u{202e}",
    "\u{301}",
    "🦀",
    "λ",
    "\t",
    "\r",
];

/// Tokens of request lines.
const JSON: &[&str] = &[
    "0",
    "-1",
    "1e400",
    "1e-400",
    "18446744073709551615",
    "null",
    "true",
    "\"\"",
    "\"nan\"",
    "\"inf\"",
    "\"-inf\"",
    "[]",
    "[[]]",
    "[1,2]",
    "[[1,2],[3,4]]",
    "{}",
    "{\"list\":[1,2]}",
    "{\"list\":[]}",
    "[1,[2]]",
    "\"\\ud800\"",
    "\"\\u0000\"",
    "\"source\"",
    "\"inputs\"",
    "\"lanes\"",
    "\"wrt\"",
    "\"mode\"",
    "\"fuel\"",
    "\"direct\"",
    "\"nested\"",
    "\"interpreter\"",
    "\"reference\"",
    "\"stats\"",
    "\"temperature\"",
    "\"heap_bytes\"",
    "\"depth\"",
    "\"timeout_ms\"",
    "\"output_bytes\"",
    "\"text_bytes\"",
    "\"trace_bytes\"",
    "\"id\"",
    "\"x\"",
    "\"@1:1\"",
    ",",
    ":",
    "{",
    "}",
    "[",
    "]",
    "\"",
    "\\",
];

/// Where characters begin.
fn place(text: &str, random: &mut Random) -> usize {
    let mut at = random.below(text.len() + 1);
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// From where to where a token, or a form with all that is in it, reaches.
fn span(text: &str, random: &mut Random) -> (usize, usize) {
    let from = place(text, random);
    let bytes = text.as_bytes();
    let inside = |byte: u8| byte.is_ascii_alphanumeric() || b"+-*/<>=?!._@".contains(&byte);
    let start = (from..bytes.len()).find(|&at| inside(bytes[at]) || b"([{\"".contains(&bytes[at]));
    let Some(start) = start else {
        return (from, text.len());
    };
    let mut end = start;
    if inside(bytes[start]) {
        while end < bytes.len() && inside(bytes[end]) {
            end += 1;
        }
        return (start, end);
    }
    let mut depth = 0_usize;
    while end < bytes.len() {
        match bytes[end] {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' if depth <= 1 => return (start, end + 1),
            b')' | b']' | b'}' => depth -= 1,
            _ => {}
        }
        end += 1;
        if depth == 0 && end > start + 1 {
            break;
        }
    }
    while !text.is_char_boundary(end) {
        end += 1;
    }
    (start, end)
}

/// A text with one to four changes; `other` lends pieces.
pub(crate) fn changed(text: &str, other: &str, json: bool, random: &mut Random) -> String {
    let mut text = text.to_owned();
    for _ in 0..=random.below(4) {
        let (from, to) = span(&text, random);
        let piece = text[from..to].to_owned();
        match random.below(12) {
            0 => text.replace_range(from..to, ""),
            1 => text.insert_str(to, &format!(" {piece}")),
            2..=4 => {
                let (a, b) = span(other, random);
                text.replace_range(from..to, &other[a..b]);
            }
            5..=7 => {
                let tokens = if json && random.percent(60) {
                    JSON
                } else {
                    ODD
                };
                text.replace_range(from..to, random.pick(tokens));
            }
            8 => {
                let at = place(&text, random);
                let token = random.pick(if json { JSON } else { ODD });
                text.insert_str(at, token);
            }
            9 => {
                let times = 1 + random.below(60);
                let (open, close) = [
                    ("(list ", ")"),
                    ("(+ 1 ", ")"),
                    ("'", ""),
                    ("(if x ", " 2)"),
                    ("[", "]"),
                ][random.below(5)];
                let nested = format!("{}{piece}{}", open.repeat(times), close.repeat(times));
                text.replace_range(from..to, &nested);
            }
            10 => {
                let (a, b) = span(&text, random);
                if b <= from {
                    let moved = text[a..b].to_owned();
                    text.replace_range(from..to, &moved);
                    text.replace_range(a..b, &piece);
                }
            }
            _ => {
                let at = place(&text, random);
                text.truncate(at);
            }
        }
        if text.len() > 50_000 {
            let mut at = 50_000;
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            text.truncate(at);
        }
    }
    text
}
