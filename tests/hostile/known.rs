//! Checks that fail today, and why: names as the tests have them, `*` at the end for any rest.

/// What fuel does not tell of.
const WALKED: &str = "which lanes share a path is not known beforehand, and one that shares none is walked, \
                      in some microseconds";

pub(crate) const KNOWN: &[(&str, &str)] = &[("cost/own-paths", WALKED)];
