//! The part of the front door that is the search's.
#![allow(clippy::format_collect, reason = "the table is short")]

use super::{TEXTS, fails};
use dmci::search::{Effort, Run, Stopped, Task, Worker};
use std::path::Path;

#[test]
fn searches_for_anything() {
    let nowhere = Path::new("/nowhere/at/all");
    fails("a task of no file", Task::read(nowhere));
    fails("a run of no folder", Run::resume(nowhere));
    fails("a run of no folder", Run::open(nowhere));
    for text in TEXTS {
        fails(text, Task::from_toml(text, nowhere));
    }
    let text = "[data]\nfile = 'd.csv'\ntarget = 'y'\ninputs = ['x']\n[search]\nbudget_evals = 50\nbatch = 2\n";
    let task = Task::from_toml(text, nowhere).unwrap();
    assert!(task.gbnf().starts_with("root ::="));
    fails("data of no file", Worker::new(&task));
    fails("data of no file", Run::begin(task, nowhere, nowhere));
    let folder = std::env::temp_dir().join(format!("dmci-front-door-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    // Targets that do not vary, and the largest there are.
    for (name, y) in [("constant", "1"), ("largest", "1e308")] {
        let rows: String = (0..10).map(|x| format!("{x},{y}\n")).collect();
        std::fs::write(folder.join("d.csv"), "x,y\n".to_owned() + &rows).unwrap();
        let task = Task::from_toml(text, &folder).unwrap();
        let mut worker = Worker::new(&task).unwrap();
        for text in TEXTS {
            assert!(worker.answer(text).contains("error"), "{text}");
        }
        let out = folder.join(name);
        let mut run = Run::begin(task, &out, &folder).unwrap();
        assert_eq!(run.task().data.target, "y");
        run.go(&Effort::default(), &mut |standing| {
            assert!(standing.step > 0);
        })
        .unwrap();
        assert!(run.standing(0).candidates > 0);
        let mut looked_at = Run::open(&out).unwrap();
        fails(
            "a run that is looked at",
            looked_at.go(&Effort::default(), &mut |_| {}),
        );
        assert_eq!(
            looked_at.report().unwrap().evaluations,
            run.report().unwrap().evaluations
        );
        for text in TEXTS {
            assert!(run.curve(text).is_none(), "{text}");
        }
        let stopped = Run::resume(&out)
            .unwrap()
            .go(&Effort::default(), &mut |_| {})
            .unwrap();
        assert!(
            matches!(stopped, Stopped::Budget | Stopped::Done),
            "{stopped:?}"
        );
    }
    std::fs::remove_dir_all(&folder).unwrap();
}
