//! Checks that fail today, and why: names as the tests have them, `*` at the end for any rest.

/// What fuel does not tell of.
const FRESH: &str =
    "a lane that is walked costs 2 microseconds, and a fresh page half of one, whatever the fuel";

pub(crate) const KNOWN: &[(&str, &str)] = &[
    // 20 times but for lanes of their own errors or paths, and programs that do nothing but fill the heap.
    ("cost", FRESH),
];
