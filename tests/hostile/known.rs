//! Checks that fail today, and why: names as the tests have them, `*` at the end for any rest.

/// Bounds that hold by a little.
const HURRIED: &str = "depends on what else the machine does";

/// Why many lanes are late.
const WRITTEN: &str = "many lanes' answers are made and written after the deadline";

pub(crate) const KNOWN: &[(&str, &str)] = &[
    (
        "command/fit-of-a-loop",
        "fuel is each row's and evaluation's own",
    ),
    (
        "text/defines-5-MB/heap",
        "82 MB: what tables and the allocator keep while they grow",
    ),
    // 152 to 163 ms on a machine with much else to do.
    ("text/symbols-5-MB/deadline", HURRIED),
    ("text/strings-5-MB/deadline", HURRIED),
    // What was done by then is answered, and what was not: an error each.
    ("data/lanes-10^6-errors/deadline", WRITTEN),
    ("data/lanes-10^6-errors-long/deadline", WRITTEN),
    ("data/lanes-of-lists/deadline", WRITTEN),
    ("doubling/*", HURRIED),
];
