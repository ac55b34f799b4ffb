//! What a command tells of a thing, said once: in tables and lines for people, as members for machines.
//!
//! A list of [`Field`]s and a record go in; text or members of a JSON object come out.
//!
//! **Invariants**
//! - People and machines are told the same numbers: people a few digits of them, machines all.

use super::json::Object;
use super::report::{self, significant};
use std::fmt::Write as _;

/// One thing to tell of each record.
pub(super) struct Field<T> {
    /// What people call it; nothing where only machines are told.
    label: &'static str,
    /// What machines call it.
    name: &'static str,
    of: fn(&T) -> Content<'_>,
}

/// What a field holds.
pub(super) enum Content<'t> {
    Text(&'t str),
    /// With so many digits for people.
    Number(f64, u8),
    Count(u64),
    /// So many of so many; machines are told the latter apart.
    Share(usize, usize),
    Flag(bool),
    Texts(&'t [String]),
}

impl<T> Field<T> {
    pub(super) const fn new(
        label: &'static str,
        name: &'static str,
        of: fn(&T) -> Content<'_>,
    ) -> Self {
        Self { label, name, of }
    }

    /// For machines alone.
    pub(super) const fn untold(name: &'static str, of: fn(&T) -> Content<'_>) -> Self {
        Self::new("", name, of)
    }
}

impl Content<'_> {
    fn text(&self) -> String {
        match self {
            Self::Text(text) => (*text).to_owned(),
            Self::Number(x, digits) => significant(*x, *digits),
            Self::Count(count) => count.to_string(),
            Self::Share(part, whole) => format!("{part} of {whole}"),
            Self::Flag(flag) => flag.to_string(),
            Self::Texts(texts) => texts.join(", "),
        }
    }
}

/// The fields that people are told, with what they hold.
pub(super) fn told<T>(
    fields: &'static [Field<T>],
    record: &T,
) -> impl Iterator<Item = (&'static str, String)> {
    let fields = fields.iter().filter(|field| !field.label.is_empty());
    fields.map(|field| (field.label, (field.of)(record).text()))
}

/// The labels, and a row of texts for each record.
pub(super) fn cells<T>(
    fields: &'static [Field<T>],
    records: &[T],
) -> (Vec<&'static str>, Vec<Vec<String>>) {
    let header = fields.iter().map(|field| field.label).collect();
    let row = |record| fields.iter().map(|f| (f.of)(record).text()).collect();
    (header, records.iter().map(row).collect())
}

/// A table with a row for each record.
pub(super) fn table<T>(fields: &'static [Field<T>], records: &[T]) -> String {
    let (header, rows) = cells(fields, records);
    report::table(&header, &rows)
}

/// Writes a line for each field, of so many characters for its label and for what it holds.
pub(super) fn lines<T>(
    fields: &'static [Field<T>],
    record: &T,
    [label_width, width]: [usize; 2],
    out: &mut String,
) {
    for (label, text) in told(fields, record) {
        let _ = writeln!(out, "{label:<label_width$}  {text:>width$}");
    }
}

/// Writes a member for each field.
pub(super) fn members<T>(fields: &[Field<T>], record: &T, object: &mut Object<'_>) {
    for Field { name, of, .. } in fields {
        match of(record) {
            Content::Text(text) => object.text(name, text),
            Content::Number(x, _) => object.number(name, x),
            Content::Count(count) => object.plain(name, count),
            Content::Share(part, _) => object.plain(name, part),
            Content::Flag(flag) => object.plain(name, flag),
            Content::Texts(texts) => object.texts(name, texts),
        }
    }
}
