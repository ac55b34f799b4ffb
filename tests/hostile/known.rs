//! Checks that fail today, and why: names as the tests have them, `*` at the end for any rest.

pub(crate) const KNOWN: &[(&str, &str)] = &[];
