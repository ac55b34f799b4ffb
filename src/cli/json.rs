//! JSON as all commands read and write it.
//!
//! Names and values go in; text comes out, on one line and without blanks. Of what machines send,
//! numbers and inputs come out.
//!
//! **Invariants**
//! - A number is the shortest text that reads back the same, with a point or an exponent, so that equal
//!   text means equal bits; what is not finite is `"inf"`, `"-inf"`, `"nan"`. Counts have neither.
//! - Members stand in the order in which they are written.
//!
//! `serde_json` keeps neither of the first two: it spells small numbers otherwise, and has `null` for
//! what is not finite.

use crate::source::Position;
use crate::walk::output::{Room, Unwritten, json_number, json_string};
use crate::{Evaluation, Output};
use std::convert::Infallible;
use std::fmt::{Display, Write as _};

/// An object under way.
pub(super) struct Object<'o> {
    out: &'o mut String,
    is_empty: bool,
}

/// Writes an object.
pub(super) fn object<R>(out: &mut String, write: impl FnOnce(&mut Object<'_>) -> R) -> R {
    out.push('{');
    let result = write(&mut Object {
        out,
        is_empty: true,
    });
    out.push('}');
    result
}

/// An object as a line of its own.
pub(super) fn line(write: impl FnOnce(&mut Object<'_>)) -> String {
    let mut out = String::new();
    object(&mut out, write);
    out.push('\n');
    out
}

/// The same of what may not be there to be written.
pub(super) fn try_line<E>(
    write: impl FnOnce(&mut Object<'_>) -> Result<(), E>,
) -> Result<String, E> {
    let mut out = String::new();
    object(&mut out, write)?;
    out.push('\n');
    Ok(out)
}

/// Writes a list, of items that may not be there to be written.
pub(super) fn try_list<T, E>(
    items: impl IntoIterator<Item = T>,
    out: &mut String,
    mut write: impl FnMut(T, &mut String) -> Result<(), E>,
) -> Result<(), E> {
    out.push('[');
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write(item, out)?;
    }
    out.push(']');
    Ok(())
}

/// Writes a list.
pub(super) fn list<T>(
    items: impl IntoIterator<Item = T>,
    out: &mut String,
    mut write: impl FnMut(T, &mut String),
) {
    let all: Result<(), Infallible> = try_list(items, out, |item, out| {
        write(item, out);
        Ok(())
    });
    match all {
        Ok(()) => {}
        Err(never) => match never {},
    }
}

impl Object<'_> {
    /// Writes a member's name; its value belongs behind it.
    pub(super) fn member(&mut self, name: &str) -> &mut String {
        if !std::mem::take(&mut self.is_empty) {
            self.out.push(',');
        }
        json_string(name, self.out);
        self.out.push(':');
        self.out
    }

    /// Where the value of the last member belongs.
    pub(super) fn out(&mut self) -> &mut String {
        self.out
    }

    /// What is written by now, to come [`back_to`](Self::back_to).
    pub(super) fn mark(&self) -> Mark {
        Mark(self.out.len(), self.is_empty)
    }

    /// Forgets what was written since.
    pub(super) fn back_to(&mut self, Mark(length, is_empty): Mark) {
        self.out.truncate(length);
        self.is_empty = is_empty;
    }

    /// A member that is written already, as JSON.
    /// What serde writes of something that cannot fail to be written.
    pub(super) fn serialized(&mut self, name: &str, value: &impl serde::Serialize) {
        let json = serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned());
        self.raw(name, &json);
    }

    pub(super) fn raw(&mut self, name: &str, json: &str) {
        self.member(name).push_str(json);
    }

    pub(super) fn number(&mut self, name: &str, x: f64) {
        json_number(x, self.member(name));
    }

    pub(super) fn numbers(&mut self, name: &str, numbers: &[f64]) {
        list(numbers, self.member(name), |&x, out| json_number(x, out));
    }

    /// A whole number, or a truth.
    pub(super) fn plain(&mut self, name: &str, value: impl Display) {
        let _ = write!(self.member(name), "{value}");
    }

    pub(super) fn text(&mut self, name: &str, text: &str) {
        json_string(text, self.member(name));
    }

    pub(super) fn texts<S: AsRef<str>>(&mut self, name: &str, texts: &[S]) {
        list(texts, self.member(name), |text, out| {
            json_string(text.as_ref(), out);
        });
    }

    pub(super) fn object<R>(&mut self, name: &str, write: impl FnOnce(&mut Object<'_>) -> R) -> R {
        object(self.member(name), write)
    }

    /// A list of objects.
    pub(super) fn objects<T>(
        &mut self,
        name: &str,
        items: impl IntoIterator<Item = T>,
        mut write: impl FnMut(T, &mut Object<'_>),
    ) {
        list(items, self.member(name), |item, out| {
            object(out, |object| write(item, object));
        });
    }

    /// A place, as `line` and `column`.
    pub(super) fn place(&mut self, position: Position) {
        self.plain("line", position.line);
        self.plain("column", position.column);
    }

    /// The value of an evaluation, unless there is no room for it.
    pub(super) fn value(&mut self, value: &Output, room: &Room) -> Result<(), Unwritten> {
        value.write_json(self.member("value"), room)
    }

    /// The derivatives of an evaluation by names that were asked for, within as much.
    pub(super) fn grad<'n>(
        &mut self,
        names: impl IntoIterator<Item = &'n str>,
        evaluation: &Evaluation,
        room: &Room,
    ) -> Result<(), Unwritten> {
        let Evaluation {
            gradient, value, ..
        } = evaluation;
        self.object("grad", |grad| {
            gradient.each(names, value, room, |name, write| {
                if !write(grad.member(name))? {
                    grad.out().push_str("null");
                }
                Ok(())
            })
        })
    }
}

/// What an object held at some time.
#[derive(Clone, Copy)]
pub(super) struct Mark(usize, bool);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_parted_and_numbers_keep_their_bits() {
        let names = ["a\"b".to_owned()];
        let text = line(|all| {
            all.number("x", 1e-5);
            all.number("y", f64::NEG_INFINITY);
            all.plain("n", 3_u32);
            all.texts("names", &names);
            all.object("none", |_| {});
            all.objects("places", [(1, 2)], |(line, column), place| {
                place.place(Position { line, column });
            });
        });
        let expected = r#"{"x":1e-5,"y":"-inf","n":3,"names":["a\"b"],"none":{},"places":[{"line":1,"column":2}]}"#;
        assert_eq!(text, format!("{expected}\n"));
    }
}
