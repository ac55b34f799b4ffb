//! The other doors: commands that read programs, graphs and tables.

use super::process::{all, binary, limited};
use serde_json::json;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

type Check = fn() -> Result<(), String>;

pub(crate) const TRIALS: [(&str, Check); 9] = [
    ("starts-most", starts_most),
    ("starts-10^12", starts_many),
    ("threads-100000", threads),
    ("fit-of-a-loop", fit_of_a_loop),
    ("show-of-a-loop", show_of_a_loop),
    ("run-of-a-loop", run_of_a_loop),
    ("columns-200000", columns),
    ("graph-that-does-not-count", graph),
    ("term-answers-what-is-done", term),
];

fn file(name: &str, content: &str) -> Result<String, String> {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("hostile");
    fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let path = folder.join(name);
    fs::write(&path, content).map_err(|error| error.to_string())?;
    Ok(path.display().to_string())
}

/// Runs a command, which must end by itself and neither panic nor abort.
fn run(arguments: &[&str], wall: Duration) -> Result<Output, String> {
    let mut command = limited(arguments);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| error.to_string())?;
    let wall = if all() { wall } else { 6 * wall };
    let began = Instant::now();
    loop {
        match child.try_wait().map_err(|error| error.to_string())? {
            Some(_) => break,
            None if began.elapsed() > wall => {
                child.kill().ok();
                child.wait().ok();
                return Err(format!("{arguments:?} does not end in {wall:?}"));
            }
            None => std::thread::sleep(Duration::from_millis(5)),
        }
    }
    let output = child
        .wait_with_output()
        .map_err(|error| error.to_string())?;
    let told = String::from_utf8_lossy(&output.stderr);
    match output.status.code() {
        Some(0..=2) if !told.contains("panicked") => Ok(output),
        code => Err(format!("{arguments:.3?}: exit {code:?}: {told:.300}")),
    }
}

/// A refusal, or an answer, in a time.
fn ends(arguments: &[&str]) -> Result<(), String> {
    run(arguments, Duration::from_secs(10)).map(drop)
}

/// A failure of the program or request, in a time, that says so.
fn refused(arguments: &[&str], word: &str) -> Result<(), String> {
    let output = run(arguments, Duration::from_secs(10))?;
    let told = String::from_utf8_lossy(&output.stderr);
    if output.status.code() != Some(1) || !told.contains(word) {
        return Err(format!("{arguments:?}: {:?}: {told:.300}", output.status));
    }
    Ok(())
}

fn line_model() -> Result<[String; 2], String> {
    let model = file("line.scm", "(param k 1.0)\n(observe y (* k x))\n")?;
    let data = file("line.csv", "x,y\n1,2\n2,4\n3,6.1\n")?;
    Ok([model, data])
}

fn starts_most() -> Result<(), String> {
    let [model, data] = line_model()?;
    ends(&["fit", &model, &data, "--starts", "18446744073709551615"])
}

fn starts_many() -> Result<(), String> {
    let [model, data] = line_model()?;
    ends(&["fit", &model, &data, "--starts", "1000000000000"])
}

fn threads() -> Result<(), String> {
    let [model, data] = line_model()?;
    ends(&["fit", &model, &data, "--threads", "100000"])
}

fn fit_of_a_loop() -> Result<(), String> {
    let text = "(param k 1.0)\n(define (g n) (g (+ n 1)))\n(observe y (g k))\n";
    let (model, [_, data]) = (file("loop.scm", text)?, line_model()?);
    refused(&["fit", &model, &data, "--fuel", "1000000"], "fuel")
}

fn show_of_a_loop() -> Result<(), String> {
    let text = "(let go ((i 0)) (go (+ i 1)))";
    let arguments = ["show", "--stage", "trace", "-e", text, "--input", "x=1"];
    refused(&[&arguments[..], &["--fuel", "1000000"]].concat(), "fuel")
}

fn run_of_a_loop() -> Result<(), String> {
    let text = "(let go ((i 0)) (go (+ i 1)))";
    refused(&["run", "-e", text, "--fuel", "1000000"], "fuel")
}

fn columns() -> Result<(), String> {
    let names: Vec<String> = (0..200_000).map(|i| format!("c{i}")).collect();
    let ones = vec!["1"; 200_000];
    let data = format!("x,y,{}\n1,2,{}\n", names.join(","), ones.join(","));
    let [model, _] = line_model()?;
    let data = file("wide.csv", &data)?;
    run(&["fit", &model, &data], Duration::from_secs(2)).map(drop)
}

/// A graph whose hash is right and whose loop says that it need not be counted.
fn graph() -> Result<(), String> {
    let graph = r#"{"reserved":false,"text":"(let go () (go))","inputs":[],"params":[],"constants":[],"functions":[["",0,false,0,1],["go",0,false,0,0]],"exports":[],"sites":[[0,0,false],[11,15,true]],"floating":1,"blocks":[1,1],"nodes":[["%function",1],["%again",[],0],["%tail-call-known",1,[0],1]]}"#;
    let sound = file("sound.ncg", "")?;
    run(
        &["compile", "-e", "(let go () (go))", "-o", &sound],
        Duration::from_secs(10),
    )?;
    let text = fs::read_to_string(&sound).map_err(|error| error.to_string())?;
    let (before, _) = text.split_once("\"hash\":").ok_or("a graph without hash")?;
    let hash = hash_of(graph)?;
    let crafted = format!("{before}\"hash\":\"{hash}\",\"graph\":{graph}}}");
    let crafted = file("crafted.ncg", &crafted)?;
    let output = run(
        &["run", &crafted, "--fuel", "1000"],
        Duration::from_secs(10),
    )?;
    let told = String::from_utf8_lossy(&output.stderr);
    if told.contains("hash") || output.status.code() != Some(1) {
        return Err(format!("{:?}: {told:.300}", output.status));
    }
    Ok(())
}

/// By the system's own `sha256sum`, so that the test trusts nothing of what it tests.
fn hash_of(text: &str) -> Result<String, String> {
    let mut child = std::process::Command::new("sha256sum")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| error.to_string())?;
    let mut input = child.stdin.take().ok_or("no input")?;
    input
        .write_all(text.as_bytes())
        .map_err(|error| error.to_string())?;
    drop(input);
    let output = child
        .wait_with_output()
        .map_err(|error| error.to_string())?;
    let told = String::from_utf8_lossy(&output.stdout);
    Ok(told
        .split_whitespace()
        .next()
        .unwrap_or_default()
        .to_owned())
}

/// Answers that are finished are written before a slow line, and when the process is told to end.
fn term() -> Result<(), String> {
    let mut child = std::process::Command::new(binary())
        .args(["eval", "--jsonl"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| error.to_string())?;
    let slow = json!({"source": "(let go ((i 0)) (go (+ i 1)))", "fuel": 100_000_000_000_u64});
    let lines =
        format!("{{\"source\":\"1\"}}\n{{\"source\":\"2\"}}\n{{\"source\":\"3\"}}\n{slow}\n");
    let mut input = child.stdin.take().ok_or("no input")?;
    input
        .write_all(lines.as_bytes())
        .map_err(|error| error.to_string())?;
    std::thread::sleep(Duration::from_secs(2));
    let id = child.id().to_string();
    let killed = std::process::Command::new("kill")
        .args(["-TERM", &id])
        .status();
    killed.map_err(|error| error.to_string())?;
    let output = child
        .wait_with_output()
        .map_err(|error| error.to_string())?;
    let told = String::from_utf8_lossy(&output.stdout);
    let count = told.lines().count();
    (count >= 3)
        .then_some(())
        .ok_or_else(|| format!("{count} answers: {told:.300}"))
}
