//! Memory of a batch: beyond what goes in and what comes out, it is that of some lanes at a time.
//!
//! A process of its own runs each batch, since only a whole process knows the most it ever had.

/// Tells a process that it is one that runs a batch, and of how many lanes.
#[cfg(target_os = "linux")]
const LANES: &str = "DMCI_TEST_LANES";

/// The most memory that this process ever had, in bytes.
#[cfg(target_os = "linux")]
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.expect("a number of kB") << 10
}

/// A rollout of 100 steps of a pendulum, differentiated by where it starts and by what is shared.
#[cfg(target_os = "linux")]
fn roll_out(count: usize) {
    use dmci::{Bindings, Interpreter, Limits, OnError, Workspace};
    let source = "(let go ((i 0) (angle a) (speed 0.0))
        (if (= i 100)
            (* angle angle)
            (let ((next (- speed (* dt (+ (* g (sin angle)) (* c speed))))))
              (go (+ i 1) (+ angle (* dt next)) next))))";
    let model = Interpreter::embedded().model(source).expect("well formed");
    let column: Vec<f64> = (0..count).map(|lane| lane as f64 / count as f64).collect();
    let shared = Bindings::from([("dt", 0.01), ("g", 9.81), ("c", 0.1)]);
    let (columns, wrt) = ([("a", column.as_slice())], ["a", "g", "c"]);
    let (limits, mut workspace) = (Limits::default(), Workspace::new());
    for _ in 0..2 {
        let lanes = model.value_and_grad_lanes(
            &shared,
            &columns,
            &wrt,
            OnError::Stop,
            &limits,
            &mut workspace,
        );
        let lanes = lanes.expect("no lane fails");
        assert_eq!(lanes.values.len(), count);
        assert!(lanes.shared.iter().all(|(_, sum)| sum.is_finite()));
    }
}

/// The most memory of a process that runs a batch of so many lanes on two threads.
#[cfg(target_os = "linux")]
fn peak_with(count: usize) -> u64 {
    let test = std::env::current_exe().expect("this program");
    let output = std::process::Command::new(test)
        .args(["--exact", "--nocapture", "--test-threads=1"])
        .arg("replay::memory::batches_of_any_size_take_the_memory_of_a_few_lanes")
        .env(LANES, count.to_string())
        .env("RAYON_NUM_THREADS", "2")
        .output()
        .expect("a process");
    let text = String::from_utf8_lossy(&output.stdout);
    let peak = text.split_once("peak:").and_then(|(_, rest)| {
        let number = rest.split_whitespace().next()?;
        number.parse().ok()
    });
    assert!(output.status.success(), "{text}");
    peak.unwrap_or_else(|| panic!("it says no peak: {text}"))
}

#[test]
#[cfg(target_os = "linux")]
#[expect(clippy::print_stdout, reason = "a process tells the one that began it")]
fn batches_of_any_size_take_the_memory_of_a_few_lanes() {
    use dmci::{Error, Item, Output};
    if let Ok(count) = std::env::var(LANES) {
        roll_out(count.parse().expect("a number of lanes"));
        println!("\npeak: {}", peak());
        return;
    }
    let [few, many] = [4096, 65_536].map(peak_with);
    // In goes a number a lane. Out come a value, whose one item has a block of its own, and a
    // derivative, both perhaps in vectors that have doubled once too often.
    let block = size_of::<Item>() * 4 + 16;
    let derivative = size_of::<Option<f64>>();
    let out = 2 * (size_of::<Result<Output, Error>>() + derivative) + block;
    // What else there is for a lane: some numbers, yet by far not one for each operation.
    let other = 64;
    let grown = many.saturating_sub(few);
    let allowed = (65_536 - 4096) * (8 + out + other) as u64 + (4 << 20);
    assert!(
        grown <= allowed,
        "from {few} to {many} bytes: {grown} more, of which {allowed} are for what goes in and out"
    );
    // A number for each of the some 700 operations of each lane would be noticed.
    assert!(allowed < (65_536 - 4096) * 8 * 100, "allowed {allowed}");
}
