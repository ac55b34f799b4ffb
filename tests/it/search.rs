//! Searches for programs: the same bytes however they are run, hostile candidates, and rows that nothing
//! but the report sees.
//!
//! **Invariants**
//! - No test depends on how fast the machine is: budgets are evaluations.
#![allow(
    clippy::format_collect,
    clippy::print_stdout,
    reason = "tables are short; a seed is told where a test fails"
)]

use dmci::search::{Effort, Run, SearchError, Stopped, Task, Worker};
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A folder that goes when the test does.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("dmci-search-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn table(rows: usize, y: impl Fn(f64) -> f64) -> String {
    let rows = (0..rows).map(|row| {
        let x = 0.5 + 2.5 * row as f64 / rows as f64;
        format!("{x:?},{:?}\n", y(x))
    });
    "x,y\n".to_owned() + &rows.collect::<String>()
}

/// A task on `d.csv`, with more of its sections.
fn task_text(budget: u64, more: &str) -> String {
    format!(
        "[data]\nfile = 'd.csv'\ntarget = 'y'\ninputs = ['x']\n[search]\nseed = 7\nbatch = 4\n\
         islands = 3\nmigrate = 3\nbudget_evals = {budget}\n{more}"
    )
}

fn begun(folder: &Folder, name: &str, text: &str) -> Run {
    let task = Task::from_toml(text, &folder.0).unwrap();
    Run::begin(task, &folder.path(name), &folder.0).unwrap()
}

fn go(run: &mut Run, threads: usize) -> Stopped {
    let mut effort = Effort::default();
    effort.threads = Some(threads.into());
    run.go(&effort, &mut |_| {}).unwrap()
}

fn journal(folder: &Folder, name: &str) -> Vec<u8> {
    fs::read(folder.path(name).join("journal.jsonl")).unwrap()
}

fn front(folder: &Folder, name: &str) -> Vec<u8> {
    fs::read(folder.path(name).join("front.csv")).unwrap()
}

fn dmci() -> Command {
    Command::new(env!("CARGO_BIN_EXE_dmci"))
}

const WAVE: fn(f64) -> f64 = |x| 2.0 * (3.0 * x).sin() + 0.5 * x * x;

/// Two columns have the same numbers, and only one of them the unit that is right.
#[test]
fn units_tell_columns_apart_that_fit_as_well() {
    let folder = Folder::new("units");
    let rows = (0..40).map(|row| {
        let x = 0.5 + 0.1 * f64::from(row);
        format!("{x:?},{x:?},{:?}\n", x * x + 1.5)
    });
    folder.write("d.csv", &("t,x,y\n".to_owned() + &rows.collect::<String>()));
    let task = |units: &str| {
        format!(
            "[data]\nfile = 'd.csv'\ntarget = 'y'\ninputs = ['t', 'x']\n[search]\nseed = 3\n\
             budget_evals = 60_000\n{units}"
        )
    };
    for (right, wrong, units) in [
        ("x", "t", "[units]\nx = 'm'\nt = 's'\ny = 'm^2'\n"),
        ("t", "x", "[units]\nx = 'm'\nt = 's'\ny = 's^2'\n"),
    ] {
        let name = format!("run-{right}");
        let mut run = begun(&folder, &name, &task(units));
        go(&mut run, 2);
        let best = run.report().unwrap().best.unwrap();
        assert!(best.loss < 1e-12, "{best:?}");
        let has = |column: &str| best.program.contains(&format!(" {column}"));
        assert!(has(right) && !has(wrong), "{units}: {}", best.program);
    }
}

#[test]
fn threads_change_no_byte() {
    let folder = Folder::new("threads");
    folder.write("d.csv", &table(20, WAVE));
    let text = task_text(6000, "");
    for threads in [1, 2, 4] {
        let name = threads.to_string();
        assert_eq!(
            go(&mut begun(&folder, &name, &text), threads),
            Stopped::Budget
        );
    }
    let bytes = journal(&folder, "1");
    assert!(bytes.len() > 5000);
    for name in ["2", "4"] {
        assert!(journal(&folder, name) == bytes, "{name} threads");
        assert_eq!(front(&folder, name), front(&folder, "1"));
    }
}

#[test]
fn a_run_cut_off_anywhere_goes_on_to_the_same_bytes() {
    let folder = Folder::new("cut");
    folder.write("d.csv", &table(20, WAVE));
    let text = task_text(3000, "");
    go(&mut begun(&folder, "whole", &text), 1);
    let bytes = journal(&folder, "whole");
    let seed = u64::from(std::process::id());
    println!("seed {seed}");
    let mut random = dmci::Random::new(seed);
    for place in 0..8 {
        let name = format!("cut{place}");
        let _ = begun(&folder, &name, &text);
        let first = bytes.iter().position(|&byte| byte == b'\n').unwrap() + 1;
        let at = first + random.below(bytes.len() - first);
        fs::write(folder.path(&name).join("journal.jsonl"), &bytes[..at]).unwrap();
        let mut run = Run::resume(&folder.path(&name)).unwrap();
        go(&mut run, 1 + place % 2);
        assert!(journal(&folder, &name) == bytes, "cut at {at}");
        assert_eq!(front(&folder, &name), front(&folder, "whole"));
        // What is at its end stays as it is.
        go(&mut Run::resume(&folder.path(&name)).unwrap(), 1);
        assert!(journal(&folder, &name) == bytes);
    }
}

/// Begins a run by the command line, or goes on with it.
#[cfg(unix)]
fn spawned(run: &Path, task: &Path) -> std::process::Child {
    let mut command = dmci();
    command.args(["search"]);
    if run.join("journal.jsonl").exists() {
        command.args(["resume", "--quiet"]).arg(run);
    } else {
        command.args(["--quiet", "--out"]).args([run, task]);
    }
    command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

#[cfg(unix)]
#[test]
fn a_run_that_is_killed_twenty_times_goes_on_to_the_same_bytes() {
    use std::os::unix::process::ExitStatusExt as _;
    const KILLS: usize = 20;
    let folder = Folder::new("killed");
    folder.write("d.csv", &table(20, WAVE));
    // No step is long, so that there is something to kill between any two.
    let text = task_text(6000, "[calibrate]\nstarts = 2\nevaluations = 8\n");
    let task = folder.write("task.toml", &text);
    go(&mut begun(&folder, "whole", &text), 1);
    let whole = journal(&folder, "whole");
    let seed = u64::from(std::process::id());
    println!("seed {seed}");
    let mut random = dmci::Random::new(seed);
    let mut moments: Vec<u64> = (0..KILLS)
        .map(|_| random.below(whole.len() * 9 / 10) as u64)
        .collect();
    moments.sort_unstable();
    let run = folder.path("killed");
    let path = run.join("journal.jsonl");
    let mut killed = 0;
    for moment in moments {
        let mut child = spawned(&run, &task);
        // Moments are what is on disk, not what a clock says, so that a slow machine is killed as often.
        while child.try_wait().unwrap().is_none() {
            if fs::metadata(&path).map_or(0, |file| file.len()) > moment {
                child.kill().unwrap();
                break;
            }
            std::thread::yield_now();
        }
        killed += usize::from(child.wait().unwrap().signal() == Some(9));
        let so_far = fs::read(&path).unwrap_or_default();
        // All that was written stands in the whole; a line may be cut off.
        assert!(whole.starts_with(&so_far), "killed at {moment}");
    }
    // One that was quicker than whoever kills it may be at its end.
    assert!(killed >= KILLS / 2, "{killed} of {KILLS} were killed");
    let last = spawned(&run, &task).wait_with_output().unwrap();
    assert!(last.status.success(), "{last:?}");
    assert!(journal(&folder, "killed") == whole);
    assert_eq!(front(&folder, "killed"), front(&folder, "whole"));
}

/// Two actors of Ray, one of which is killed with its worker while it has jobs.
#[cfg(unix)]
#[test]
fn ray_actors_give_the_bytes_of_this_process_though_one_is_killed() {
    let python = std::env::var("DMCI_RAY_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let has_ray = Command::new(&python)
        .args(["-c", "import ray"])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !has_ray {
        println!(
            "skipped: {python} has no ray; pip install ray, and name the Python in DMCI_RAY_PYTHON"
        );
        return;
    }
    let folder = Folder::new("ray");
    folder.write("d.csv", &table(20, WAVE));
    let text = task_text(6000, "");
    let task = folder.write("task.toml", &text);
    go(&mut begun(&folder, "here", &text), 1);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("python/dmci_ray.py");
    let killed = folder.path("killed");
    // Stands in place of a worker, and ends itself and the actor above it once, in the midst of its jobs.
    let worker = folder.write(
        "worker.sh",
        &format!(
            "#!/bin/sh\nif mkdir '{}' 2>/dev/null; then\n\
             (n=0; while [ $n -lt 40 ] && read -r line; do printf '%s\\n' \"$line\"; n=$((n+1)); done) \
             | '{dmci}' \"$@\"\nkill -9 $PPID; kill -9 $$\nfi\nexec '{dmci}' \"$@\"\n",
            killed.display(),
            dmci = env!("CARGO_BIN_EXE_dmci"),
        ),
    );
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&worker, mode).unwrap();
    let mut effort = Effort::default();
    let via = [
        &python,
        &script.display().to_string(),
        &task.display().to_string(),
        "--actors",
        "2",
        "--dmci",
        &worker.display().to_string(),
    ];
    effort.via = Some(via.map(str::to_owned).to_vec());
    begun(&folder, "there", &text)
        .go(&effort, &mut |_| {})
        .unwrap();
    assert!(killed.exists(), "no actor was killed");
    assert!(journal(&folder, "here") == journal(&folder, "there"));
    assert_eq!(front(&folder, "here"), front(&folder, "there"));
}

#[test]
fn rows_that_test_are_seen_by_the_report_alone() {
    let folder = Folder::new("hidden");
    let text = task_text(2500, "[calibrate]\nstarts = 2\n")
        .replace("inputs = ['x']", "inputs = ['x']\nseries = true");
    let rows = table(30, |x| 1.0 + 0.5 * x);
    folder.write("d.csv", &rows);
    go(&mut begun(&folder, "one", &text), 1);
    let first = Run::open(&folder.path("one")).unwrap().report().unwrap();
    // The last fifth is another world.
    let other: String = rows
        .lines()
        .enumerate()
        .map(|(place, line)| match line.split_once(',') {
            Some((x, _)) if place > 24 => format!("{x},1000.0\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    folder.write("d.csv", &other);
    go(&mut begun(&folder, "two", &text), 1);
    assert!(journal(&folder, "one") == journal(&folder, "two"));
    let second = Run::open(&folder.path("two")).unwrap().report().unwrap();
    assert_eq!(first.rows, [18, 6, 6]);
    let [one, two] = [&first, &second].map(|report| report.best.clone().unwrap());
    assert_eq!((one.n, one.loss), (two.n, two.loss));
    assert!(
        one.test_loss.unwrap() < 1e-9 && two.test_loss.unwrap() > 1e5,
        "{one:?} {two:?}"
    );
    assert_eq!(first.baselines[0].name, "persistence");
    assert!(
        second
            .baselines
            .iter()
            .all(|base| base.test_loss.unwrap() > 1e5)
    );
}

#[test]
fn a_journal_that_was_changed_is_told() {
    let folder = Folder::new("changed");
    folder.write("d.csv", &table(20, WAVE));
    go(&mut begun(&folder, "run", &task_text(800, "")), 1);
    let path = folder.path("run").join("journal.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    let changed = text.replacen("\"evaluations\":", "\"evaluations\":1", 1);
    assert_ne!(changed, text);
    fs::write(&path, &changed).unwrap();
    let message = Run::resume(&folder.path("run")).unwrap_err().to_string();
    assert!(
        message.contains("journal.jsonl:") && message.contains("sum"),
        "{message}"
    );
    // Another task, too.
    fs::write(&path, &text).unwrap();
    fs::write(folder.path("run").join("task.toml"), task_text(801, "")).unwrap();
    let message = Run::resume(&folder.path("run")).unwrap_err().to_string();
    assert!(message.contains("another task.toml"), "{message}");
    // A folder with a run is not begun anew.
    let task = Task::from_toml(&task_text(800, ""), &folder.0).unwrap();
    let again = Run::begin(task, &folder.path("run"), &folder.0).unwrap_err();
    assert!(again.to_string().contains("resume"), "{again}");
}

#[test]
fn tasks_that_cannot_be_done_are_told_by_key() {
    let folder = Folder::new("tasks");
    for (from, to, said) in [
        ("seed = 7", "sed = 7", "sed"),
        ("target = 'y'", "target = 'x'", "`x` is the target"),
        ("islands = 3", "islands = 0", "islands"),
        ("inputs = ['x']", "inputs = []", "inputs"),
        ("seed = 7", "seed = 7\nproposer = 'magic'", "genetic"),
        ("inputs = ['x']", "inputs = ['x']\ntest = 0.95", "test"),
        (
            "[search]",
            "[grammar]\noperators = ['sine']\n[search]",
            "did you mean",
        ),
        (
            "[search]",
            "[calibrate]\nconstants = 'local'\n[search]",
            "group",
        ),
        ("[search]", "[search", "at 5:8: "),
        ("seed = 7", "seed = 7\nproposer = 'openai'", "url"),
        ("seed = 7", "seed = 7\nproposer = 'command'", "[command]"),
        ("seed = 7", "seed = 7\nproposer = 'library'", "[library]"),
        ("seed = 7", "seed = 7\nproposer = 'replay'", "[replay]"),
    ] {
        let text = task_text(100, "").replacen(from, to, 1);
        let error = Task::from_toml(&text, &folder.0).unwrap_err();
        assert!(error.to_string().contains(said), "{to}: {error}");
    }
    let task = Task::from_toml(&task_text(100, ""), &folder.0).unwrap();
    let error = Run::begin(task.clone(), &folder.path("run"), &folder.0).unwrap_err();
    assert!(matches!(error, SearchError::Table(_)), "{error}");
    folder.write("d.csv", "x,z\n1,2\n");
    let error = Run::begin(task, &folder.path("run"), &folder.0).unwrap_err();
    assert!(error.to_string().contains('y'), "{error}");
}

/// Programs that somebody might send.
fn hostile() -> Vec<String> {
    let mut all: Vec<String> = [
        "(let loop ((i 0)) (loop (+ i 1)))",
        "(define (f x) (f (+ x 1))) (f x)",
        "(define (f x) (+ 1 (f x))) (f x)",
        "(let loop ((xs '())) (loop (cons 1.5 xs)))",
        "(let loop ((v (vec 1.0 2.0))) (loop (concat v v)))",
        "(vlen (zeros 100000000))",
        "(ref (matmul (zeros 3000 3000) (zeros 3000 3000)) 0 0)",
        "(log (- 0.0 (square x)))",
        "(/ x 0)",
        "(/ 0.0 0.0)",
        "(sqrt (- -1.0 (square x)))",
        "(exp (exp (exp (exp (* 5.0 x)))))",
        "(expt 10.0 (expt 10.0 x))",
        "(error \"no\" x)",
        "(car x)",
        "(unknown 1.5 x)",
        "(x x)",
        "(",
        ")",
        "",
        "#;",
        "(lambda (x) x)",
        "'(1.5 2.5)",
        "\"text\"",
        "(if)",
        "(let ((x)) x)",
        "(define)",
        "(observe z (* 1.5 x))",
        "(observe y (* 1.5 x)) (observe y x)",
        "(observe-series (y) '(1.5 2.5))",
        "(param a 1.0 (between 3 2)) (* a x)",
        "(param a +nan.0) (* a x)",
        "+nan.0",
        "+inf.0",
        "1e308",
        "(* 1e308 1e308 x)",
        "(set! x 3)",
        "(call/cc (lambda (k) (k x)))",
        "(string->symbol (make-string 100000000 #\\a))",
        "(apply + (iota 100000000))",
        "(fold-left + 0.5 (iota 100000))",
        "(sort (iota 1000000))",
        "(number->string x)",
        "(define-syntax m (syntax-rules () ((_ a) (m (a a))))) (m x)",
        "(root (lambda (z) (+ 1.0 (square z))) 0.5)",
        "(fixed-point (lambda (z) (* 2.0 z)) 1.0)",
        "(inv (zeros 2 2))",
        "(det (outer (vec x x) (vec 1.5 x)))",
        "(letrec ((a (lambda () (b))) (b (lambda () (a)))) (a))",
        "(machine \"none\" 1 2)",
        "(monitor \"x\" x)",
        "(let loop ((i 0) (s 0.5)) (if (> i 1000000) s (loop (+ i 1) (sin (+ s x)))))",
    ]
    .map(str::to_owned)
    .to_vec();
    all.push("(".repeat(100_000) + &")".repeat(100_000));
    all.push(format!("(+ {})", "x ".repeat(500_000)));
    all.push("1.5 ".repeat(250_000));
    all.push(format!("\"{}\"", "a".repeat(1 << 20)));
    all.push(format!("(sin {}", "(sin ".repeat(110)) + " x" + &")".repeat(111));
    all.push("'".repeat(10_000));
    all.push("\u{0}\u{1}\u{7f}\u{feff}".to_owned());
    all.push(format!(
        "(+ {})",
        (0..100)
            .map(|n| format!("(sin (* {n}.5 x)) "))
            .collect::<String>()
    ));
    all
}

#[test]
fn hostile_candidates_end_within_their_limits() {
    let folder = Folder::new("hostile");
    folder.write("d.csv", &table(20, WAVE));
    let more = "[calibrate]\nfuel = 20000\nbytes = 8000000\nstarts = 2\nevaluations = 8\n";
    let task = folder.write("task.toml", &task_text(1, more));
    let mut child = dmci()
        .args(["search", "worker"])
        .arg(&task)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let mut answers = BufReader::new(output).lines();
    let all = hostile();
    assert!(all.len() >= 60, "{}", all.len());
    for (id, program) in all.iter().enumerate() {
        let job = serde_json::json!({"id": id, "program": program});
        writeln!(input, "{job}").unwrap();
        let answer: serde_json::Value =
            serde_json::from_str(&answers.next().unwrap().unwrap()).unwrap();
        assert_eq!(answer["id"], id);
        let has_loss = answer["fit"].as_f64().is_some_and(f64::is_finite);
        let is_told = answer["message"]
            .as_str()
            .is_some_and(|message| !message.is_empty());
        let short: String = program.chars().take(60).collect();
        assert!(has_loss != is_told, "{short}: {answer}");
    }
    // It still works, and what comes again is answered as before.
    for _ in 0..2 {
        writeln!(
            input,
            "{{\"id\":\"good\",\"program\":\"(+ 1.5 (* 0.5 x))\"}}"
        )
        .unwrap();
        let answer = answers.next().unwrap().unwrap();
        assert!(
            answer.contains("\"good\"") && answer.contains("\"fit\""),
            "{answer}"
        );
    }
    #[cfg(target_os = "linux")]
    {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
        let line = status
            .lines()
            .find(|line| line.starts_with("VmHWM"))
            .unwrap();
        let kib: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        assert!(kib < 512 * 1024, "{line}");
    }
    drop(input);
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_search_goes_on_past_hostile_programs() {
    let folder = Folder::new("past");
    folder.write("d.csv", &table(20, |x| 3.0 - 0.25 * x));
    let programs: Vec<String> = hostile()
        .into_iter()
        .filter(|text| text.len() < 2000)
        .map(|text| serde_json::to_string(&text.replace('\u{7f}', "")).unwrap())
        .collect();
    let more = format!(
        "programs = [{}]\n[calibrate]\nfuel = 20000\nbytes = 8000000\nstarts = 2\nevaluations = 8\n",
        programs.join(",")
    );
    let mut run = begun(&folder, "run", &task_text(1500, &more));
    assert_eq!(go(&mut run, 2), Stopped::Budget);
    let report = run.report().unwrap();
    assert!(report.best.unwrap().loss < 1e-12);
    let refused: u64 = report.errors.values().sum();
    assert!(refused > 30, "{:?}", report.errors);
    assert!(report.errors["resource"] >= 3, "{:?}", report.errors);
}

#[cfg(unix)]
#[test]
fn a_command_proposes_and_its_transcript_is_replayed() {
    let folder = Folder::new("command");
    folder.write("d.csv", &table(20, |x| 2.0 / (1.0 + x)));
    let script = folder.write(
        "propose.sh",
        "while read line; do echo \"{\\\"programs\\\":[\\\"(/ 1.0 (+ $((n)) x))\\\",\\\"(oops\\\"]}\"; \
         n=$((n+1)); done\n",
    );
    let run = format!(
        "proposer = 'command'\n[command]\nrun = ['sh', '{}']\nseconds = 100.0\n",
        script.display()
    );
    let text = task_text(200, &run);
    let mut first = begun(&folder, "run", &text);
    go(&mut first, 1);
    let report = first.report().unwrap();
    let is_found = |report: &dmci::search::Report| {
        let best = report.best.as_ref().unwrap();
        best.loss < 1e-20 && best.program.ends_with("(+ 1 x))")
    };
    assert!(is_found(&report), "{:?}", report.best);
    assert!(report.errors["syntax"] > 0, "{:?}", report.errors);
    // Resumed from its beginning, nobody is asked: the script is gone.
    fs::remove_file(script).unwrap();
    let whole = journal(&folder, "run");
    let end = whole.iter().position(|&byte| byte == b'\n').unwrap() + 1;
    fs::write(folder.path("run").join("journal.jsonl"), &whole[..end]).unwrap();
    go(&mut Run::resume(&folder.path("run")).unwrap(), 1);
    assert!(journal(&folder, "run") == whole);
    // And in another run.
    let replay = "proposer = 'replay'\n[replay]\nfile = 'run/transcript.jsonl'\n";
    let mut second = begun(&folder, "again", &task_text(1_000_000, replay));
    assert_eq!(go(&mut second, 1), Stopped::Exhausted);
    assert!(is_found(&second.report().unwrap()));
    // One that says nothing ends the run with words.
    let mute = "proposer = 'command'\n[command]\nrun = ['sleep', '1000']\nseconds = 0.05\n";
    let error = begun(&folder, "mute", &task_text(100, mute))
        .go(&Effort::default(), &mut |_| {})
        .unwrap_err();
    assert!(error.to_string().contains("has not answered"), "{error}");
}

#[cfg(unix)]
#[test]
fn workers_give_the_bytes_of_this_process() {
    let folder = Folder::new("workers");
    folder.write("d.csv", &table(20, WAVE));
    let text = task_text(1500, "");
    let task = folder.write("task.toml", &text);
    go(&mut begun(&folder, "here", &text), 1);
    let worker = format!(
        "{} search worker {}",
        env!("CARGO_BIN_EXE_dmci"),
        task.display()
    );
    let mut effort = Effort::default();
    effort.via = Some(worker.split(' ').map(str::to_owned).collect());
    begun(&folder, "there", &text)
        .go(&effort, &mut |_| {})
        .unwrap();
    assert!(journal(&folder, "here") == journal(&folder, "there"));
    // What is no job is answered, too.
    let mut worker = Worker::new(&Task::read(&task).unwrap()).unwrap();
    for line in ["", "[]", "{\"id\":1}", "{\"id\":1,\"program\":3}", "\u{0}"] {
        let answer = worker.answer(line);
        assert!(answer.contains("\"error\":\"job\""), "{answer}");
    }
}

#[test]
fn a_library_is_composed_and_ranked() {
    let folder = Folder::new("library");
    let seed = u64::from(std::process::id());
    println!("seed {seed}");
    let mut random = dmci::Random::new(seed);
    let rows: String = (0..64)
        .map(|row| {
            let x = 5.0 * f64::from(row) / 64.0;
            let y = 2.0 * (-0.5 * x).exp() + 1.5 * (3.0 * x).sin() + 0.02 * random.normal();
            format!("{x:?},{y:?}\n")
        })
        .collect();
    folder.write("d.csv", &("x,y\n".to_owned() + &rows));
    let more = "proposer = 'library'\n[library]\ndecay = '(* 1.0 (exp (* -1.0 x)))'\n\
                oscillation = '(* 1.0 (sin (+ 0.1 (* 2.0 x))))'\nquadratic = '(+ 1.0 (* 1.0 x) (* 1.0 x x))'\n\
                [calibrate]\nstarts = 16\nevaluations = 30\n";
    let text = task_text(100_000_000, more)
        .replace("inputs = ['x']", "inputs = ['x']\nselect = 0\ntest = 0");
    let mut run = begun(&folder, "run", &text);
    assert_eq!(go(&mut run, 2), Stopped::Exhausted);
    let report = run.report().unwrap();
    assert_eq!(
        report.by_bic[0].by, "decay plus oscillation",
        "{:?}",
        report.by_bic
    );
    assert!(!report.by_bic[1].alike, "{:?}", report.by_bic);
}

#[test]
fn a_recurrence_is_calibrated_on_its_trajectory() {
    let folder = Folder::new("recurrence");
    let mut x = 0.1;
    let mut rows = "k,y\n".to_owned();
    for k in 0..25 {
        let _ = writeln!(rows, "{k},{x:?}");
        x *= 2.8 * (1.0 - x);
    }
    folder.write("d.csv", &rows);
    let more = "form = 'recurrence'\nprograms = ['(recurrence 0.2 (* 2.0 state (- 1 state)))', \
                '(recurrence 0.1 (+ 0.1 state))']\n";
    let text = task_text(200, more).replace("inputs = ['x']", "inputs = ['k']\nseries = true");
    let mut run = begun(&folder, "run", &text);
    go(&mut run, 1);
    let report = run.report().unwrap();
    let best = report.best.unwrap();
    assert!(
        best.loss < 1e-16 && best.test_loss.unwrap() < 1e-16,
        "{best:?}"
    );
    let exported = fs::read_dir(folder.path("run").join("best"))
        .unwrap()
        .count();
    assert!(exported > 0);
}

#[test]
fn constants_of_groups_are_their_own() {
    let folder = Folder::new("groups");
    let mut rows = "cell,x,y\n".to_owned();
    for (cell, slope) in [("a", 1.0), ("b", -2.0), ("c", 0.5)] {
        for x in 0..20 {
            let _ = writeln!(rows, "{cell},{x},{:?}", 3.0 + slope * f64::from(x));
        }
    }
    folder.write("d.csv", &rows);
    let text = |constants: &str| {
        task_text(
            300,
            &format!("programs = ['(+ 1.0 (* 1.0 x))']\n[calibrate]\nconstants = '{constants}'\n"),
        )
        .replace(
            "inputs = ['x']",
            "inputs = ['x']\ngroup = 'cell'\nseries = true",
        )
    };
    let best = |name: &str| {
        let mut run = begun(&folder, name, &text(name));
        go(&mut run, 1);
        run.report().unwrap().best.unwrap()
    };
    let (local, shared) = (best("local"), best("shared"));
    assert!(
        local.loss < 1e-12 && local.test_loss.unwrap() < 1e-12,
        "{local:?}"
    );
    assert!(shared.loss > 1.0, "{shared:?}");
}

/// Cells that bend at a slope of their own; of half of them no more than what comes before it is known.
fn bent(random: &mut dmci::Random) -> String {
    let mut rows = "cell,x,y\n".to_owned();
    for cell in 0..10 {
        let (slope, late) = (1.0 + 0.1 * random.normal(), 2.0 + 0.2 * random.normal());
        let knee = if cell < 5 { 8.0 } else { 20.0 };
        for x in 0..30 {
            let x = f64::from(x);
            let y = slope * x + (late * (x - knee)).max(0.0) + 0.1 * random.normal();
            let _ = writeln!(rows, "{cell},{x:?},{y:?}");
        }
    }
    rows
}

#[test]
fn what_a_group_does_not_tell_the_others_do() {
    let folder = Folder::new("pooled");
    let seed = u64::from(std::process::id());
    println!("seed {seed}");
    folder.write("d.csv", &bent(&mut dmci::Random::new(seed)));
    let answer = "{\"step\":0,\"island\":0,\"programs\":\
                  [\"(+ (* 1.5 x) (max 0 (* 1.0 (- x (if (< cell 5) 8 20)))))\"]}\n";
    folder.write("one.jsonl", answer);
    let errors = ["local", "pooled"].map(|constants| {
        // The knee is that of the column, so that what is not known of half the cells is how it goes on.
        let more = format!(
            "proposer = 'replay'\n[replay]\nfile = 'one.jsonl'\n[calibrate]\nconstants = '{constants}'\n"
        );
        let text = task_text(1000, &more).replace(
            "inputs = ['x']",
            "inputs = ['x', 'cell']\ngroup = 'cell'\nseries = true\nselect = 0.1\ntest = 0.3",
        );
        let mut run = begun(&folder, constants, &text);
        go(&mut run, 1);
        let report = run.report().unwrap();
        report.best.unwrap().test_loss.unwrap().sqrt()
    });
    // Each cell for itself keeps its first guess of what it has not seen.
    let [local, pooled] = errors;
    assert!(local > 3.0 && pooled < 2.0, "seed {seed}: {local} {pooled}");
}

#[test]
fn candidates_that_are_interpreted_give_the_same_front() {
    let folder = Folder::new("modes");
    folder.write("d.csv", &table(20, WAVE));
    let fronts = ["direct", "interpreter"].map(|mode| {
        let text = task_text(1500, &format!("[calibrate]\nmode = '{mode}'\n"));
        go(&mut begun(&folder, mode, &text), 1);
        front(&folder, mode)
    });
    assert!(fronts[0].len() > 200);
    assert_eq!(fronts[0], fronts[1]);
}

/// Searches where forecasts of the law, a program of the task, are refused; gives the task's text.
fn refused_for_its_forecasts(
    folder: &Folder,
    (data, forecast): (&str, &str),
    programs: &str,
    keys: &str,
) -> String {
    folder.write("d.csv", data);
    folder.write("f.csv", forecast);
    let text = task_text(40, &format!("programs = {programs}\n")).replace(
        "inputs = ['x']",
        &format!("inputs = ['x']\nforecast = 'f.csv'\n{keys}"),
    );
    let mut run = begun(folder, "run", &text);
    go(&mut run, 1);
    let report = run.report().unwrap();
    assert!(report.errors["range"] > 0, "{:?}", report.errors);
    assert!(
        report.front.iter().all(|row| row.loss > 1e-3),
        "{:?}",
        report.front
    );
    text
}

#[test]
fn forecasts_against_the_trend_are_refused() {
    let folder = Folder::new("trend");
    // The parabola turns at 2, and is the law.
    let text = refused_for_its_forecasts(
        &folder,
        (
            &table(20, |x| 5.0 - x * (4.0 - x)),
            "x\n0.5\n1.0\n1.5\n2.0\n2.5\n3.0\n",
        ),
        "['(+ 1.0 (* 2.0 x))', '(+ 1.0 (* 2.0 x) (* 1.0 x x))']",
        "range = [-100.0, 100.0]\ntrend = 'falling'",
    );
    let alone = text.replace("forecast = 'f.csv'\n", "");
    let error = Task::from_toml(&alone, &folder.0).unwrap_err();
    assert!(error.to_string().contains("trend"), "{error}");
}

#[test]
fn forecasts_out_of_range_are_refused() {
    refused_for_its_forecasts(
        &Folder::new("forecast"),
        (&table(20, |x| 1.0 + x), "x\n5\n1000\n"),
        "['(+ 1.0 (* 2.0 x))']",
        "range = [0.0, 100.0]",
    );
}

#[test]
fn the_command_line_tells_what_was_found() {
    let folder = Folder::new("told");
    folder.write("d.csv", &table(20, |x| 3.0 + 2.0 * x));
    let task = folder.write("task.toml", &task_text(600, ""));
    let run = folder.path("run");
    let begun = dmci()
        .arg("search")
        .arg(&task)
        .arg("--out")
        .arg(&run)
        .output()
        .unwrap();
    assert!(begun.status.success(), "{begun:?}");
    let report = dmci()
        .args(["search", "report", "--json"])
        .arg(&run)
        .output()
        .unwrap();
    let json: serde_json::Value = serde_json::from_slice(&report.stdout).unwrap();
    assert!(
        json["best"]["test_loss"].as_f64().unwrap() < 1e-12,
        "{json}"
    );
    for key in ["complexity", "loss", "test_loss", "program"] {
        assert!(!json["front"][0][key].is_null(), "{key}: {json}");
    }
    assert!(json["evaluations"].as_u64().unwrap() >= 600);
    let html = fs::read_to_string(run.join("report.html")).unwrap();
    assert!(html.contains("<svg") && html.ends_with("</html>\n"));
    // What was exported is a program for other commands.
    let best = fs::read_dir(run.join("best"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .max();
    let data = folder.path("d.csv");
    let fit = dmci()
        .args(["fit", "--json"])
        .arg(best.unwrap())
        .arg(data)
        .output()
        .unwrap();
    assert!(
        fit.status.success(),
        "{}",
        String::from_utf8_lossy(&fit.stderr)
    );
    for arguments in [
        &["search"][..],
        &["search", "none.toml", "--out", "x"],
        &["search", "report", "none"],
    ] {
        let failed = dmci()
            .args(arguments)
            .current_dir(&folder.0)
            .output()
            .unwrap();
        assert!(
            !failed.status.success() && !failed.stderr.is_empty(),
            "{failed:?}"
        );
    }
    assert!(!Path::new("x").exists());
}
