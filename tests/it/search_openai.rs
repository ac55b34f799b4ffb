//! The proposer `openai` against a server that answers as real ones do on their bad days.
//!
//! **Invariants**
//! - The server is of this process: nothing goes over a network.
//! - What is asserted is what was sent and what came of it, not when.
#![allow(
    clippy::format_collect,
    clippy::print_stdout,
    clippy::unnecessary_wraps,
    reason = "tables are short; a seed is told where a test fails; replies may have no body"
)]

use dmci::search::{Effort, Report, Run, SearchError, Stopped, Task};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// An answer of the server: status, headers, body; a body of none closes the connection.
type Reply = (u16, &'static str, Option<String>);

/// What was asked: headers and body.
type Asked = Arc<Mutex<Vec<(String, Value)>>>;

/// Answers requests with replies in their order, the last of them again and again.
fn serve(replies: Vec<Reply>) -> (String, Asked) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    let asked: Asked = Arc::default();
    let seen = asked.clone();
    std::thread::spawn(move || {
        for (count, stream) in listener.incoming().enumerate() {
            let Ok(mut stream) = stream else { return };
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let (mut head, mut length) = (String::new(), 0);
            loop {
                let mut line = String::new();
                if reader.read_line(&mut line).unwrap_or(0) == 0 || line.trim().is_empty() {
                    break;
                }
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                head += &line;
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
            seen.lock().unwrap().push((head, body));
            let (status, headers, text) = &replies[count.min(replies.len() - 1)];
            let Some(text) = text else { continue };
            let _ = write!(
                stream,
                "HTTP/1.1 {status} Said\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n{text}",
                text.len()
            );
        }
    });
    (url, asked)
}

fn said(message: &Value, finish: &str, usage: Option<[u64; 2]>) -> Option<String> {
    let mut answer = json!({"choices": [{"message": message, "finish_reason": finish}]});
    if let Some([prompt, completion]) = usage {
        answer["usage"] = json!({"prompt_tokens": prompt, "completion_tokens": completion});
    }
    Some(answer.to_string())
}

fn content(text: &str) -> Reply {
    (
        200,
        "",
        said(&json!({"content": text}), "stop", Some([100, 50])),
    )
}

const GOOD: &str = "```scheme\n(+ 1.0 (* 2.0 x))\n```";

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("dmci-openai-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        let rows: String = (0..20).map(|x| format!("{x},{}\n", 3 + 2 * x)).collect();
        fs::write(path.join("d.csv"), "x,y\n".to_owned() + &rows).unwrap();
        Self(path)
    }

    fn task(&self, url: &str, search: &str, openai: &str) -> Task {
        let text = format!(
            "[data]\nfile = 'd.csv'\ntarget = 'y'\ninputs = ['x']\n[search]\nproposer = 'openai'\n\
             islands = 1\nbudget_evals = 1\n{search}\n[openai]\nurl = '{url}'\nmodel = 'm'\n{openai}\n"
        );
        Task::from_toml(&text, &self.0).unwrap()
    }

    fn run(&self, task: Task) -> Result<(Stopped, Report), SearchError> {
        let folder = self.0.join("run");
        let _ = fs::remove_dir_all(&folder);
        let mut run = Run::begin(task, &folder, &self.0)?;
        let stopped = run.go(&Effort::default(), &mut |_| {})?;
        Ok((stopped, run.report()?))
    }

    fn transcript(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.0.join("run/transcript.jsonl")).unwrap_or_default();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_model_proposes_programs() {
    let folder = Folder::new("proposes");
    let (url, asked) = serve(vec![content(GOOD)]);
    let task = folder.task(
        &url,
        "",
        "max_tokens = 77\ntemperature = 0.5\nusd_in = 1.0\nusd_out = 2.0",
    );
    let (_, report) = folder.run(task).unwrap();
    assert!(report.best.unwrap().loss < 1e-12);
    assert!(
        (report.usd - (100.0 + 2.0 * 50.0) * 1e-6).abs() < 1e-15,
        "{}",
        report.usd
    );
    let asked = asked.lock().unwrap();
    let (head, body) = &asked[0];
    assert!(head.starts_with("POST /v1/chat/completions "), "{head}");
    assert_eq!(
        (&body["model"], &body["max_tokens"]),
        (&json!("m"), &json!(77))
    );
    assert_eq!(
        (&body["stream"], &body["temperature"]),
        (&json!(false), &json!(0.5))
    );
    assert!(body.get("grammar").is_none() && !head.to_lowercase().contains("authorization"));
    let prompt = body["messages"][0]["content"].as_str().unwrap();
    assert!(
        prompt.contains("column y") && prompt.contains("sqrt"),
        "{prompt}"
    );
    assert_eq!(folder.transcript().len(), 1);
}

#[test]
fn answers_of_all_kinds_are_understood() {
    let folder = Folder::new("kinds");
    let usage = Some([10, 10]);
    for (message, finish, error) in [
        (json!({"content": GOOD}), "stop", None),
        (
            json!({"content": format!("<think>(sin x)?</think>Here:\n{GOOD}")}),
            "stop",
            None,
        ),
        (
            json!({"content": null, "reasoning_content": GOOD}),
            "stop",
            None,
        ),
        (
            json!({"content": [{"type": "text", "text": GOOD}]}),
            "stop",
            None,
        ),
        (
            json!({"content": format!("{GOOD}\n```scheme\n(+ 1.0 (si")}),
            "length",
            Some("cut off"),
        ),
    ] {
        let (url, _) = serve(vec![(200, "", said(&message, finish, usage))]);
        let (_, report) = folder.run(folder.task(&url, "", "")).unwrap();
        assert!(report.best.unwrap().loss < 1e-12, "{message}");
        let told = folder.transcript()[0]["error"].clone();
        match error {
            None => assert!(told.is_null(), "{told}"),
            Some(error) => assert!(told.as_str().unwrap().contains(error), "{told}"),
        }
    }
    // What has no program is told, and the search asks again.
    let (url, _) = serve(vec![
        (200, "", said(&json!({"content": null}), "stop", usage)),
        content("I cannot (sorry)."),
        content(GOOD),
    ]);
    let (_, report) = folder.run(folder.task(&url, "", "")).unwrap();
    assert_eq!(report.steps, 3);
    assert!(
        folder.transcript()[0]["error"]
            .as_str()
            .unwrap()
            .contains("no program")
    );
    // Without usage the tokens are estimated, and that is marked.
    let (url, _) = serve(vec![(
        200,
        "",
        said(&json!({"content": GOOD}), "stop", None),
    )]);
    let (_, report) = folder.run(folder.task(&url, "", "usd_in = 1.0")).unwrap();
    assert!(report.usd > 0.0);
    assert_eq!(folder.transcript()[0]["estimated"], true);
}

#[test]
fn a_server_that_is_busy_is_asked_again() {
    let folder = Folder::new("busy");
    let busy = || Some("{\"error\":{\"message\":\"later\"}}".to_owned());
    let (url, asked) = serve(vec![
        (429, "Retry-After: 0\r\n", busy()),
        (
            503,
            "Retry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
            busy(),
        ),
        (408, "Retry-After: 0.01\r\n", busy()),
        (200, "", Some("{}".to_owned())),
        (500, "", None),
        content(GOOD),
    ]);
    let (_, report) = folder.run(folder.task(&url, "", "tries = 6")).unwrap();
    assert!(report.best.unwrap().loss < 1e-12);
    assert_eq!(asked.lock().unwrap().len(), 6);
    // Not for ever.
    let (url, asked) = serve(vec![(429, "Retry-After: 0\r\n", busy())]);
    let error = folder
        .run(folder.task(&url, "", "tries = 3"))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("429") && error.contains("resumed"),
        "{error}"
    );
    assert_eq!(asked.lock().unwrap().len(), 3);
}

#[test]
fn other_refusals_are_final() {
    let folder = Folder::new("final");
    for status in [401, 403, 404, 400] {
        let body = "{\"error\":{\"message\":\"no such thing\"}}".to_owned();
        let (url, asked) = serve(vec![(status, "", Some(body))]);
        let error = folder
            .run(folder.task(&url, "", ""))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains(&status.to_string()) && error.contains("no such thing"),
            "{error}"
        );
        assert_eq!(asked.lock().unwrap().len(), 1, "{status}");
    }
}

#[test]
fn fields_and_prompts_follow_what_the_server_says() {
    let folder = Folder::new("follow");
    let overflow = "{\"error\":{\"code\":\"context_length_exceeded\",\"message\":\"too long\"}}";
    let field = "{\"error\":{\"message\":\"Use 'max_completion_tokens' instead of 'max_tokens'\"}}";
    let (url, asked) = serve(vec![
        (400, "", Some(field.to_owned())),
        (400, "", Some(overflow.to_owned())),
        content(GOOD),
    ]);
    let programs: Vec<String> = (0..40)
        .map(|n| format!("\"(oops {n} {}\"", "x ".repeat(100)))
        .collect();
    let search = format!("programs = [{}]", programs.join(","));
    let (_, report) = folder
        .run(folder.task(&url, &search, "grammar = 'gbnf'"))
        .unwrap();
    assert!(report.best.unwrap().loss < 1e-12);
    let asked = asked.lock().unwrap();
    assert_eq!(asked.len(), 3);
    assert!(asked[1].1.get("max_tokens").is_none());
    assert_eq!(asked[1].1["max_completion_tokens"], 1024);
    assert!(
        asked[0].1["grammar"]
            .as_str()
            .unwrap()
            .starts_with("root ::=")
    );
    let (url, asked) = serve(vec![content(GOOD)]);
    folder
        .run(folder.task(&url, "", "grammar = 'vllm'"))
        .unwrap();
    assert!(asked.lock().unwrap()[0].1["structured_outputs"]["grammar"].is_string());
}

#[test]
fn no_call_is_made_that_could_cost_more_than_there_is() {
    let folder = Folder::new("cap");
    // Each call costs 1000 tokens of answers at most, a thousandth of a dollar.
    let costly = || {
        (
            200,
            "",
            said(
                &json!({"content": "```\n(oops\n```"}),
                "stop",
                Some([0, 1000]),
            ),
        )
    };
    for (budget, calls) in [(0.0005, 0), (0.0011, 1), (0.0035, 3)] {
        let (url, asked) = serve(vec![costly()]);
        let search = format!("budget_usd = {budget}");
        let mut task = folder.task(&url, &search, "max_tokens = 1000\nusd_out = 1.0");
        task.search.budget_evals = 1000;
        let (stopped, report) = folder.run(task).unwrap();
        assert_eq!(stopped, Stopped::Budget);
        assert_eq!(asked.lock().unwrap().len(), calls, "{budget}");
        assert!(report.usd <= budget, "{} of {budget}", report.usd);
    }
    // A try that nobody answers may have been paid for.
    let (url, asked) = serve(vec![(200, "", None)]);
    let task = folder.task(
        &url,
        "budget_usd = 0.0025",
        "max_tokens = 1000\nusd_out = 1.0\ntries = 10\nseconds = 5.0",
    );
    assert_eq!(folder.run(task).unwrap().0, Stopped::Budget);
    assert_eq!(asked.lock().unwrap().len(), 2);
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(files(&path));
        } else {
            all.push(path);
        }
    }
    all
}

#[test]
fn the_key_is_in_no_file() {
    let folder = Folder::new("key");
    let key = "sk-this-is-secret-4711";
    let (url, asked) = serve(vec![
        content(GOOD),
        (401, "", Some(format!("bad key {key}"))),
    ]);
    let text = folder.task(&url, "", "key_env = 'DMCI_TEST_KEY'").text;
    let task = folder.0.join("task.toml");
    fs::write(&task, text).unwrap();
    let dmci = |arguments: &[&str]| {
        std::process::Command::new(env!("CARGO_BIN_EXE_dmci"))
            .args(arguments)
            .current_dir(&folder.0)
            .env("DMCI_TEST_KEY", key)
            .output()
            .unwrap()
    };
    let mut printed = Vec::new();
    for arguments in [
        &["search", "task.toml", "--out", "run"][..],
        &["search", "resume", "run", "--budget-evals", "1000"],
        &["search", "report", "run"],
    ] {
        let output = dmci(arguments);
        printed.extend(output.stdout);
        printed.extend(output.stderr);
    }
    assert!(
        asked.lock().unwrap()[0]
            .0
            .contains(&format!("Bearer {key}"))
    );
    assert_eq!(asked.lock().unwrap().len(), 2);
    let printed = String::from_utf8_lossy(&printed);
    assert!(
        !printed.contains(key) && printed.contains("401"),
        "{printed}"
    );
    let all = files(&folder.0);
    assert!(all.len() > 5, "{all:?}");
    for file in all {
        let text = String::from_utf8_lossy(&fs::read(&file).unwrap()).into_owned();
        assert!(!text.contains(key), "{}", file.display());
    }
    // Without it nothing is asked.
    let task = folder.task(&url, "", "key_env = 'DMCI_NO_SUCH_KEY'");
    let error = folder.run(task).unwrap_err().to_string();
    assert!(error.contains("DMCI_NO_SUCH_KEY"), "{error}");
}

#[test]
fn the_grammar_admits_programs_alone() {
    let folder = Folder::new("grammar");
    let text = folder.task("http://localhost/v1", "", "").text
        + "[grammar]\noperators = ['+', '-', 'sin', 'expt', 'if', 'min']\n";
    let task = Task::from_toml(&text, &folder.0).unwrap();
    let grammar = task.gbnf();
    let rules: Vec<(&str, &str)> = grammar
        .lines()
        .filter_map(|line| line.split_once(" ::= "))
        .collect();
    let seed = u64::from(std::process::id());
    println!("seed {seed}");
    let mut random = dmci::Random::new(seed);
    let interpreter = dmci::Interpreter::embedded();
    for _ in 0..20 {
        let program = made(&rules, "program", &mut random);
        let model = interpreter.model(&program);
        assert!(model.is_ok(), "{program}: {:?}", model.err());
        // What is a number alone, or has no column, predicts nothing.
        let inputs = model.unwrap().inputs().to_vec();
        assert!(program.starts_with('(') && inputs == ["x"], "{program}");
    }
}

#[test]
fn the_grammar_has_as_many_programs_as_are_asked_for() {
    let folder = Folder::new("count");
    let root = |openai: &str| {
        let grammar = folder.task("http://localhost/v1", "", openai).gbnf();
        grammar.lines().next().unwrap().to_owned()
    };
    assert_eq!(
        root("programs = 4"),
        r#"root ::= program ("\n" program){0,3} "\n"?"#
    );
    assert_eq!(root("programs = 1"), r#"root ::= program "\n"?"#);
    assert!(root("programs = 100000").contains("{0,63}"));
    // A recurrence has no state where it starts.
    let task = folder.task("http://localhost/v1", "form = 'recurrence'", "");
    let grammar = task.gbnf();
    for line in [
        "program ::= \"(recurrence \" start \" \" e5 \")\"",
        "start ::= constant | \"x\"",
        "input ::= \"x\" | \"state\"",
    ] {
        assert!(grammar.lines().any(|other| other == line), "{grammar}");
    }
}

#[test]
fn the_prompt_asks_for_what_the_grammar_admits() {
    let folder = Folder::new("shape");
    for (openai, form, has, lacks) in [
        (
            "",
            "",
            "fence of its own:\n```scheme\n(+ 1.0 (* 0.5 x))\n```",
            "one a line",
        ),
        (
            "grammar = 'gbnf'",
            "",
            "one a line, and nothing else:\n(+ 1.0 (* 0.5 x))\n",
            "```",
        ),
        (
            "grammar = 'vllm'",
            "form = 'recurrence'",
            "(recurrence 1.0 (+ state (* 0.5 x)))\n",
            "```",
        ),
    ] {
        let (url, asked) = serve(vec![content(GOOD)]);
        folder.run(folder.task(&url, form, openai)).unwrap();
        let asked = asked.lock().unwrap();
        let prompt = asked[0].1["messages"][0]["content"].as_str().unwrap();
        assert!(prompt.contains(has) && !prompt.contains(lacks), "{prompt}");
    }
}

#[test]
fn no_more_calls_are_made_than_the_task_allows() {
    let folder = Folder::new("calls");
    // A model that says the same for ever spends no evaluations.
    let (url, asked) = serve(vec![content("(+ 1.0 x)")]);
    let mut task = folder.task(&url, "", "calls = 3");
    task.search.budget_evals = 100_000;
    let (stopped, report) = folder.run(task).unwrap();
    assert_eq!((stopped, report.steps), (Stopped::Budget, 3));
    assert_eq!(asked.lock().unwrap().len(), 3);
    assert_eq!(folder.transcript().len(), 3);
    // A run that is gone on with has made them.
    let mut run = Run::resume(&folder.0.join("run")).unwrap();
    let stopped = run.go(&Effort::default(), &mut |_| {}).unwrap();
    assert_eq!(stopped, Stopped::Budget);
    assert_eq!(asked.lock().unwrap().len(), 3);
}

/// A text of a rule, at random; only what these grammars have is understood.
fn made(rules: &[(&str, &str)], rule: &str, random: &mut dmci::Random) -> String {
    let body = rules
        .iter()
        .find(|(name, _)| *name == rule)
        .unwrap_or_else(|| panic!("{rule}"))
        .1;
    let mut at = 0;
    alternatives(body.as_bytes(), &mut at, rules, random)
}

/// Alternatives up to a closing parenthesis or the end: one of them.
fn alternatives(
    body: &[u8],
    at: &mut usize,
    rules: &[(&str, &str)],
    random: &mut dmci::Random,
) -> String {
    let mut ways = vec![String::new()];
    while *at < body.len() {
        let mut piece = String::new();
        match body[*at] {
            b' ' => {
                *at += 1;
                continue;
            }
            b'|' => {
                *at += 1;
                ways.push(String::new());
                continue;
            }
            b')' => break,
            b'(' => {
                *at += 1;
                piece = alternatives(body, at, rules, random);
                *at += 1;
            }
            b'"' => {
                *at += 1;
                while body[*at] != b'"' {
                    if body[*at] == b'\\' {
                        *at += 1;
                    }
                    piece.push(char::from(body[*at]));
                    *at += 1;
                }
                *at += 1;
            }
            b'[' => {
                piece.push(char::from(b'0' + random.below(10) as u8));
                while body[*at] != b']' {
                    *at += 1;
                }
                *at += 1;
            }
            _ => {
                let begin = *at;
                while *at < body.len() && body[*at].is_ascii_alphanumeric() {
                    *at += 1;
                }
                assert!(*at > begin, "{}", String::from_utf8_lossy(&body[begin..]));
                piece = made(
                    rules,
                    std::str::from_utf8(&body[begin..*at]).unwrap(),
                    random,
                );
            }
        }
        if body.get(*at) == Some(&b'?') {
            *at += 1;
            if random.below(2) == 0 {
                piece.clear();
            }
        }
        ways.last_mut().unwrap().push_str(&piece);
    }
    ways.swap_remove(random.below(ways.len()))
}
