//! Programs out of what a language model answered.
//!
//! A text goes in: reasoning between `<think>` and `</think>`, prose, fences; the texts of programs come out.
//!
//! **Invariants**
//! - No text makes it fail; what is no program is left to the reader, which says why.
//! - It takes time in proportion to the text.

use crate::prim::Prim;

/// The most programs of one answer.
const MOST: usize = 64;

/// The programs of an answer.
pub(super) fn programs(text: &str) -> Vec<String> {
    let text = without_thoughts(text);
    let fenced = fences(&text);
    let mut found = Vec::new();
    if fenced.is_empty() {
        forms(&text, true, &mut found);
    } else {
        for block in fenced {
            forms(block, false, &mut found);
        }
    }
    found.truncate(MOST);
    found
}

/// A text without what stands between `<think>` and `</think>`; a thought that is not ended is the rest, and
/// one that was begun elsewhere is all before its end.
fn without_thoughts(text: &str) -> String {
    const PAIRS: [(&str, &str); 2] = [("<think>", "</think>"), ("<thinking>", "</thinking>")];
    let mut out = text.to_owned();
    for (open, close) in PAIRS {
        let mut kept = String::new();
        let mut rest = out.as_str();
        if let Some(end) = rest.find(close)
            && rest.find(open).is_none_or(|begin| begin > end)
        {
            rest = &rest[end + close.len()..];
        }
        while let Some(begin) = rest.find(open) {
            kept.push_str(&rest[..begin]);
            rest = match rest[begin..].find(close) {
                Some(end) => &rest[begin + end + close.len()..],
                None => "",
            };
        }
        kept.push_str(rest);
        out = kept;
    }
    out
}

/// What stands between fences; the last may not be ended.
fn fences(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(begin) = rest.find("```") {
        let after = &rest[begin + 3..];
        // The name of a language stands on the line of the fence.
        let name = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_');
        let body = &after[name.unwrap_or(after.len())..];
        let end = body.find("```").unwrap_or(body.len());
        found.push(&body[..end]);
        rest = body.get(end + 3..).unwrap_or("");
    }
    found
}

/// The forms of a text, those that belong together as one: definitions and what comes after them.
fn forms(text: &str, is_prose: bool, found: &mut Vec<String>) {
    let mut pending = String::new();
    for form in balanced(text, is_prose) {
        let head = form[1..]
            .split(|c: char| c.is_whitespace() || "()".contains(c))
            .next()
            .unwrap_or_default();
        let declares = matches!(head, "define" | "param" | "prior" | "define-record-type");
        let is_code = declares
            || Prim::from_name(head).is_some()
            || matches!(
                head,
                "let" | "let*" | "letrec" | "if" | "cond" | "observe" | "observe-series"
            )
            || head == "recurrence"
            || !pending.is_empty();
        if is_prose && !is_code {
            continue;
        }
        if !pending.is_empty() {
            pending.push(' ');
        }
        pending.push_str(form);
        if !declares {
            found.push(std::mem::take(&mut pending));
        }
    }
    if !pending.is_empty() {
        found.push(pending);
    }
    // A fence with a number or name alone, and one that was cut off.
    if !is_prose && balanced(text, false).is_empty() && !text.trim().is_empty() {
        found.push(text.trim().to_owned());
    }
}

/// The outermost lists of a text that are closed, strings and comments taken for what they are.
fn balanced(text: &str, is_prose: bool) -> Vec<&str> {
    let mut found = Vec::new();
    let (mut depth, mut begin) = (0_usize, 0);
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' if depth > 0 => {
                let mut is_escaped = false;
                for (_, c) in chars.by_ref() {
                    if c == '"' && !is_escaped {
                        break;
                    }
                    is_escaped = c == '\\' && !is_escaped;
                }
            }
            ';' if depth > 0 || !is_prose => {
                for (_, c) in chars.by_ref() {
                    if c == '\n' {
                        break;
                    }
                }
            }
            '(' => {
                if depth == 0 {
                    begin = at;
                }
                depth += 1;
            }
            ')' if depth > 0 => {
                depth -= 1;
                if depth == 0 {
                    found.push(&text[begin..=at]);
                }
            }
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_in_what_models_say() {
        for (text, expected) in [
            ("(+ 1.0 x)", &["(+ 1.0 x)"][..]),
            ("```scheme\n(+ 1.0 x)\n```", &["(+ 1.0 x)"]),
            (
                "```\n(+ 1.0 x)\n(* 2.0 x)\n```",
                &["(+ 1.0 x)", "(* 2.0 x)"],
            ),
            (
                "Sure (as asked):\n```lisp\n(sin x)```\nand\n```scheme\n(cos x)\n```",
                &["(sin x)", "(cos x)"],
            ),
            ("<think>maybe (tan x)?</think>(sin x)", &["(sin x)"]),
            ("maybe (tan x)</think>\n(sin x)", &["(sin x)"]),
            ("<think>never ends (tan x)", &[]),
            (
                "I would try (see above) the form (exp (* -1.0 x)), say.",
                &["(exp (* -1.0 x))"],
            ),
            (
                "```scheme\n(define (f z) (* z z))\n(f x)\n```",
                &["(define (f z) (* z z)) (f x)"],
            ),
            ("```scheme\n(+ 1.0 (sin x)\n```", &["(+ 1.0 (sin x)"]),
            (
                "```scheme\n(+ 1.0 x) ; a (comment\n(- x)",
                &["(+ 1.0 x)", "(- x)"],
            ),
            ("```x```", &[]),
            ("", &[]),
            ("no program here", &[]),
            ("))) (((", &[]),
            ("\"(+ 1 x)\"", &["(+ 1 x)"]),
        ] {
            assert_eq!(programs(text), expected, "{text}");
        }
    }

    #[test]
    fn no_text_makes_it_fail() {
        let mut random = crate::Random::new(1);
        let pieces = [
            "(", ")", "```", "<think>", "</think>", "\"", ";", "\n", "é", "+ 1.0", "define", " ",
        ];
        for _ in 0..1000 {
            let text: String = (0..random.below(30))
                .map(|_| pieces[random.below(pieces.len())])
                .collect();
            let _ = programs(&text);
        }
    }
}
