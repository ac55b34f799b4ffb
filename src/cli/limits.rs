//! How far a program may go: the same flags for all commands that run or compile one.
//!
//! Arguments go in; [`Limits`] come out.
//!
//! **Invariants**
//! - A flag that is not given leaves the limit at the command's own.
//! - A time begins when the command asks for its limits.

use crate::walk::{Budget, Limits};
use clap::Args;
use std::time::Duration;

/// How far the program may go.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Limits")]
pub(super) struct LimitArgs {
    /// Stop the program after so many applications of procedures, and what weighs as much: elements
    /// of lists and vectors that they go through
    #[arg(long, value_name = "N", value_parser = count)]
    fuel: Option<u64>,

    /// Stop it when it takes so much memory at once, such as 64MB or 1GiB
    #[arg(long, value_name = "BYTES", value_parser = bytes)]
    heap: Option<usize>,

    /// Stop it when so many procedures are entered and not yet left
    #[arg(long, value_name = "N", value_parser = depth)]
    depth: Option<usize>,

    /// Stop after so long, such as 100ms, 2s or 5min
    #[arg(long, value_name = "TIME", value_parser = time)]
    timeout: Option<Duration>,

    /// Refuse a program with a longer text
    #[arg(long, value_name = "BYTES", value_parser = bytes)]
    text: Option<usize>,

    /// Refuse to print a longer value
    #[arg(long, value_name = "BYTES", value_parser = bytes)]
    output_bytes: Option<usize>,

    /// Keep no more than so much of recorded runs
    #[arg(long, value_name = "BYTES", value_parser = bytes)]
    trace_bytes: Option<usize>,
}

impl LimitArgs {
    /// The limits asked for, the others as everywhere; a time begins now.
    pub(super) fn limits(&self) -> Limits {
        self.within(Limits::new())
    }

    /// The limits asked for, the others as they are; a time begins now.
    pub(super) fn within(&self, limits: Limits) -> Limits {
        let limits = Limits {
            fuel: self.fuel.unwrap_or(limits.fuel),
            heap_bytes: self.heap.unwrap_or(limits.heap_bytes),
            depth: self.depth.unwrap_or(limits.depth),
            text_bytes: self.text.unwrap_or(limits.text_bytes),
            output_bytes: self.output_bytes.unwrap_or(limits.output_bytes),
            trace_bytes: self.trace_bytes.unwrap_or(limits.trace_bytes),
            ..limits
        };
        match self.timeout {
            Some(time) => limits.timeout(time),
            None => limits,
        }
    }

    /// What all evaluations of a command may take together, where the flag says it.
    pub(super) fn budget(&self) -> Option<Budget> {
        self.fuel.map(Budget::new)
    }

    /// How long anything may take.
    pub(super) fn time(&self) -> Option<Duration> {
        self.timeout
    }
}

/// A count, which may be written as 1e6.
pub(super) fn count(argument: &str) -> Result<u64, String> {
    let whole = argument.parse().ok().or_else(|| {
        let number: f64 = argument.parse().ok()?;
        // The first that is none is 2^64.
        let is_count =
            number.fract() == 0.0 && (0.0..18_446_744_073_709_551_616.0).contains(&number);
        is_count.then_some(number as u64)
    });
    whole.ok_or_else(|| "give a whole number, such as 1000000 or 1e6".into())
}

fn depth(argument: &str) -> Result<usize, String> {
    count(argument).map(|count| usize::try_from(count).unwrap_or(usize::MAX))
}

/// A number of bytes: `1000`, `64MB`, `1.5GiB`.
pub(super) fn bytes(argument: &str) -> Result<usize, String> {
    const UNITS: [(&str, f64); 10] = [
        ("", 1.0),
        ("b", 1.0),
        ("kb", 1e3),
        ("mb", 1e6),
        ("gb", 1e9),
        ("tb", 1e12),
        ("kib", 1024.0),
        ("mib", 1_048_576.0),
        ("gib", 1_073_741_824.0),
        ("tib", 1_099_511_627_776.0),
    ];
    let wrong = || "give a number of bytes, such as 1000000, 64MB or 1GiB".to_owned();
    let (number, unit) = in_unit(argument, &UNITS).ok_or_else(wrong)?;
    let bytes = (number * unit).ceil();
    // Saturates: no machine has more.
    Ok(bytes as usize)
}

/// A time: `100ms`, `2s`, `1.5min`.
pub(super) fn time(argument: &str) -> Result<Duration, String> {
    const UNITS: [(&str, f64); 5] = [
        ("us", 1e-6),
        ("ms", 1e-3),
        ("s", 1.0),
        ("min", 60.0),
        ("h", 3600.0),
    ];
    let wrong = || "give a time with its unit, such as 100ms, 2s or 5min".to_owned();
    let (number, unit) = in_unit(argument, &UNITS).ok_or_else(wrong)?;
    Ok(Duration::try_from_secs_f64(number * unit).unwrap_or(Duration::MAX))
}

/// A number that is not negative, and what its unit stands for.
fn in_unit(argument: &str, units: &[(&str, f64)]) -> Option<(f64, f64)> {
    let argument = argument.trim();
    let end = argument
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(argument.len());
    let (number, unit) = argument.split_at(end);
    let unit = unit.trim_start().to_ascii_lowercase();
    let (_, unit) = units.iter().find(|(name, _)| *name == unit)?;
    Some((number.parse().ok()?, *unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_have_units() {
        assert_eq!(bytes("1000"), Ok(1000));
        assert_eq!(bytes("64MB"), Ok(64_000_000));
        assert_eq!(bytes("1.5 GiB"), Ok(3 << 29));
        assert_eq!(bytes("99999999999999999999TB"), Ok(usize::MAX));
        assert_eq!(time("100ms"), Ok(Duration::from_millis(100)));
        assert_eq!(time("1.5min"), Ok(Duration::from_secs(90)));
        assert_eq!(time("99999999999999999999999h"), Ok(Duration::MAX));
        assert_eq!(count("1e6"), Ok(1_000_000));
        assert_eq!(count("18446744073709551615"), Ok(u64::MAX));
        for malformed in [
            "", "-1", "nan", "inf", "1e400", "MB", "1XB", "1..2", "0x10", "1 2",
        ] {
            assert!(bytes(malformed).is_err(), "{malformed}");
            assert!(time(malformed).is_err(), "{malformed}");
        }
        for malformed in [
            "",
            "-1",
            "nan",
            "inf",
            "1.5",
            "18446744073709551616",
            "1e20",
        ] {
            assert!(count(malformed).is_err(), "{malformed}");
        }
        assert!(time("100").is_err());
    }

    #[test]
    fn what_is_not_asked_for_stays_as_it_is() {
        let args = LimitArgs {
            heap: Some(5),
            ..LimitArgs::default()
        };
        let limits = args.within(Limits::new().fuel(7));
        assert_eq!(limits, Limits::new().fuel(7).heap_bytes(5));
        let late = LimitArgs {
            timeout: Some(Duration::ZERO),
            ..LimitArgs::default()
        };
        assert!(late.limits().is_late());
    }
}
