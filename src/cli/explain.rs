//! Accounts of runs as JSON: what `dmci run --explain --json` prints.
//!
//! Values, as JSON, with explanations of their runs go in; an object comes out: the first run's value and account,
//! and a list of those of the others.
//!
//! **Invariants**
//! - All is there that the account in words says, and every place has line, column and text.

use super::json::{Object, line, list, object};
use crate::source::Span;
use crate::walk::output::json_number;
use crate::{Explanation, Way};

/// `{"value":…,"explanation":{…},"again":[…]}`, the last where there was more than one run.
pub(super) fn json(runs: &[(String, Explanation)]) -> String {
    line(|all| {
        let Some((first, again)) = runs.split_first() else {
            return;
        };
        run(first, all);
        if !again.is_empty() {
            all.objects("again", again, run);
        }
    })
}

fn run((value, explanation): &(String, Explanation), out: &mut Object<'_>) {
    out.raw("value", value);
    out.object("explanation", |out| account(explanation, out));
}

fn account(explanation: &Explanation, out: &mut Object<'_>) {
    let way = match explanation.way {
        Way::Compiled => "compiled",
        Way::Recorded(_) => "recorded",
        _ => "walked",
    };
    out.text("way", way);
    out.text("why", &explanation.way.to_string());
    if let Way::Diverged(divergence) = explanation.way {
        let is_test = divergence.is_test();
        out.object("diverged", |out| {
            out.plain("path", divergence.path());
            out.plain("guard", divergence.guard());
            place(divergence.span(), explanation, out.member("at"));
            steering(divergence.expected(), is_test, out.member("expected"));
            steering(divergence.found(), is_test, out.member("found"));
        });
    } else {
        out.raw("diverged", "null");
    }
    match explanation.path {
        Some(path) => out.plain("path", path),
        None => out.raw("path", "null"),
    }
    out.plain("operations", explanation.operations);
    out.objects("guards", &explanation.guards, |guard, out| {
        place(guard.span, explanation, out.member("at"));
        steering(guard.expected, guard.is_test, out.member("expected"));
    });
    list(
        &explanation.forks_joined,
        out.member("forks_joined"),
        |&span, out| place(span, explanation, out),
    );
    out.objects(
        "forks_given_up",
        &explanation.forks_given_up,
        |fork, out| {
            place(fork.span, explanation, out.member("at"));
            out.text("why", &fork.why.to_string());
            place(fork.at, explanation, out.member("met"));
        },
    );
    match explanation.uncompiled {
        Some(why) => out.text("uncompiled", &why.to_string()),
        None => out.raw("uncompiled", "null"),
    }
}

/// A place of the program's text, or `null`.
fn place(span: Option<Span>, of: &Explanation, out: &mut String) {
    match span {
        None => out.push_str("null"),
        Some(span) => object(out, |out| {
            let (model, position) = of.place(span);
            out.place(position);
            if let Some(model) = model {
                out.text("model", model);
            }
            out.text("text", of.text_of(span));
        }),
    }
}

/// What a guard is on.
fn steering(number: f64, is_test: bool, out: &mut String) {
    match (is_test, number != 0.0) {
        (true, true) => out.push_str("true"),
        (true, false) => out.push_str("false"),
        (false, _) => json_number(number, out),
    }
}
