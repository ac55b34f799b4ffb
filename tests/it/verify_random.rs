//! Certificates of random programs: right rules pass, whatever the program.
//!
//! Wrong rules are tried in `src/verify/mutants.rs`.

use crate::generate::{ARRAYS, INPUTS, array_inputs, generate_with_arrays, smooth_inputs};
use crate::random::{Random, base_seed, programs};
use dmci::verify::{Status, Verdict, VerifyOptions, Way, verify_with};
use dmci::{Bindings, Interpreter, Limits};

/// How many programs get a certificate, unless `DMCI_PROGRAMS` says so.
const PROGRAMS: u64 = 40;

/// Programs of about so many expressions are ordinary.
const SIZE: usize = 14;

#[test]
fn ordinary_programs_pass() {
    let interpreter = Interpreter::embedded();
    let wanted = programs(PROGRAMS);
    let limits = Limits::default().fuel(20_000);
    let options = VerifyOptions::default().limits(limits);
    let (mut seed, mut done, mut with_arrays) = (base_seed() * 1_000_000, 0, 0);
    let mut conclusive = [0_u64; 2];
    let mut failed = Vec::new();
    while done < wanted {
        seed += 1;
        let program = generate_with_arrays(seed, SIZE);
        let mut random = Random::new(seed);
        let mut bindings = Bindings::new();
        for (name, value) in INPUTS.into_iter().zip(smooth_inputs(&mut random)) {
            bindings.set(name, value);
        }
        for (name, input) in ARRAYS.into_iter().zip(array_inputs(&mut random)) {
            bindings.set(name, input);
        }
        // Programs may fail, or come to what has no gradient.
        let Ok(certificate) = verify_with(&interpreter, &program.source, &bindings, &options)
        else {
            continue;
        };
        // Where a value is not a finite number, sweeps may differ in what is infinite or NaN.
        if !certificate.largest.is_finite() {
            continue;
        }
        done += 1;
        let mut constants = certificate.constants.iter();
        let has_array = constants.any(|c| c.name.contains('[') && c.derivative != 0.0);
        with_arrays += u64::from(has_array);
        for check in &certificate.checks {
            let at = match check.way {
                Way::Central => 0,
                Way::Second => 1,
                _ => continue,
            };
            conclusive[at] += u64::from(check.status == Status::Pass);
        }
        if certificate.verdict == Verdict::Fail {
            let checks = certificate.checks.iter();
            let checks: Vec<_> = checks.filter(|c| c.status == Status::Fail).collect();
            failed.push(format!(
                "seed {seed}: {checks:?}\n{}\n{bindings:?}",
                program.source
            ));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
    assert!(
        with_arrays * 10 > done,
        "{with_arrays} of {done} have arrays"
    );
    let [central, second] = conclusive;
    assert!(central * 2 > done, "{central} of {done} are conclusive");
    assert!(second * 3 > done, "{second} of {done} are conclusive");
}
