//! What a long line says of itself before it is read: its id, and how long it may take.
//!
//! A line goes in that may be a request; the texts of these two members come out, where it has them.
//!
//! **Invariants**
//! - A byte takes about a nanosecond, a tenth of what reading it may: it is done before a deadline is known.
//! - Nothing is believed: a time is parsed as if it stood alone, and so is an id by whoever answers with it.
//! - Members of members, and what strings hold, are not taken for the line's own.

use std::time::Duration;

/// The longest time that is told apart from none, in milliseconds.
pub(super) const LONGEST: f64 = 1e15;

/// The member that says how long a request may take.
const TIMEOUT: &str = "timeout_ms";

/// What a line says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Skimmed<'a> {
    /// As it is written, be it JSON or not.
    pub(super) id: Option<&'a str>,
    pub(super) timeout: Option<Duration>,
}

/// Skims a line; nothing where it has no time of its own, and none is given, as then there is no hurry.
pub(super) fn skim(line: &str, time: Option<Duration>) -> Option<Skimmed<'_>> {
    if time.is_none() && !line.contains("\"timeout_ms\"") {
        return None;
    }
    let mut skimmed = Skimmed::default();
    for (name, value) in members(line) {
        match name {
            "id" => skimmed.id = skimmed.id.or(Some(value)),
            TIMEOUT => {
                let millis: Option<f64> = serde_json::from_str(value).ok();
                let millis = millis.filter(|millis| *millis >= 0.0);
                skimmed.timeout = millis.map(time_of);
            }
            _ => {}
        }
    }
    skimmed.timeout = skimmed.timeout.or(time);
    Some(skimmed)
}

/// The time of so many milliseconds, which are not negative.
pub(super) fn time_of(millis: f64) -> Duration {
    Duration::from_secs_f64(millis.min(LONGEST) / 1e3)
}

/// The names of an object's members, as they are written, and their values, if that is what it is.
fn members(line: &str) -> impl Iterator<Item = (&str, &str)> {
    let bytes = line.as_bytes();
    let mut at = line.find('{').map_or(bytes.len(), |open| open + 1);
    std::iter::from_fn(move || {
        // The name.
        let quote = at + bytes[at..].iter().position(|&byte| byte == b'"')?;
        let end = end_of_string(bytes, quote)?;
        let name = line.get(quote + 1..end - 1)?;
        let colon = end + bytes[end..].iter().position(|&byte| byte == b':')?;
        // The value, up to what follows it.
        let (mut depth, mut to) = (0_usize, colon + 1);
        while let Some(&byte) = bytes.get(to) {
            match byte {
                b'"' => {
                    to = end_of_string(bytes, to)?;
                    continue;
                }
                b'[' | b'{' => depth += 1,
                b',' | b'}' | b']' if depth == 0 => break,
                b']' | b'}' => depth -= 1,
                _ => {}
            }
            to += 1;
        }
        at = (to + 1).min(bytes.len());
        Some((name, line.get(colon + 1..to)?.trim()))
    })
}

/// Where the string ends that begins at a quote.
fn end_of_string(bytes: &[u8], quote: usize) -> Option<usize> {
    let mut at = quote + 1;
    loop {
        at += bytes
            .get(at..)?
            .iter()
            .position(|&byte| byte == b'"' || byte == b'\\')?;
        if bytes[at] == b'"' {
            return Some(at + 1);
        }
        at += 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_its_id_and_its_time_and_no_member_of_a_member_does() {
        let millis = |millis| Some(Duration::from_millis(millis));
        let of = |line| skim(line, None).map(|skimmed| (skimmed.id, skimmed.timeout));
        let line = r#" { "inputs" : {"timeout_ms":1,"id":[{"}":"]"}]} , "id": "a\"{", "source":"\\\"timeout_ms\":3", "timeout_ms" : 1e2 }"#;
        assert_eq!(of(line), Some((Some(r#""a\"{""#), millis(100))));
        assert_eq!(of(r#"{"source":"1"}"#), None);
        let inner = r#"{"inputs":{"timeout_ms":1}}"#;
        assert_eq!(of(inner), Some((None, None)));
        let given = skim(inner, millis(7)).expect("there is a time");
        assert_eq!((given.id, given.timeout), (None, millis(7)));
    }

    #[test]
    fn what_is_no_request_says_nothing() {
        let some = Some(Duration::from_millis(7));
        let nothing = Skimmed {
            id: None,
            timeout: some,
        };
        for line in [
            "",
            "{",
            "}",
            "[",
            "\"",
            "{\"",
            "{\"id",
            "{\"id\"",
            "{\"i\":[}",
            "{\"timeout_ms\":-1}",
            "{\"timeout_ms\":\"1\"}",
            "{\"timeout_ms\":\"\\",
            "{\"a\\",
            "{\"λ",
            "{\"i\":[[[",
            "]]]}",
            "{\"i\":]}",
            "{\"i\":\"\\\"}",
        ] {
            assert_eq!(skim(line, some), Some(nothing), "{line}");
        }
        let huge = skim("{\"timeout_ms\":1e300}", None).expect("there is a time");
        assert_eq!(huge.timeout, Some(time_of(f64::INFINITY)));
    }
}
