//! Compiled paths against their traces: same numbers, to the bit.

use super::{File, Place, Program, Wanted};
use crate::bindings::{Bindings, Input};
use crate::engine::Limits;
use crate::interpreter::{Interpreter, Mode};
use crate::trace::sweep::Adjoints;
use crate::{Workspace, model::Recorded};

struct Workload {
    name: String,
    source: String,
    inputs: Bindings,
    wrt: Vec<String>,
}

fn workloads() -> Vec<Workload> {
    let text = include_str!("../../../benches/workloads.json");
    let all: serde_json::Value = serde_json::from_str(text).expect("the file is JSON");
    let text = |v: &serde_json::Value| v.as_str().expect("a string").to_owned();
    all.as_array()
        .expect("an array")
        .iter()
        .map(|w| Workload {
            name: text(&w["name"]),
            source: text(&w["source"]),
            inputs: w["inputs"]
                .as_object()
                .expect("an object")
                .iter()
                .map(|(name, value)| (name.clone(), input(value)))
                .collect(),
            wrt: w["wrt"]
                .as_array()
                .expect("an array")
                .iter()
                .map(text)
                .collect(),
        })
        .collect()
}

fn input(value: &serde_json::Value) -> Input {
    match value.as_array() {
        None => Input::Number(value.as_f64().expect("a number")),
        Some(rows) => {
            let rows: Vec<Vec<f64>> = rows
                .iter()
                .map(|row| {
                    row.as_array()
                        .expect("a row")
                        .iter()
                        .filter_map(serde_json::Value::as_f64)
                        .collect()
                })
                .collect();
            Input::matrix(&rows).expect("rows of one length")
        }
    }
}

fn record(workload: &Workload, workspace: &mut Workspace) -> Recorded {
    let interpreter = Interpreter::embedded();
    let model = interpreter
        .model_for(&workload.source, &workload.inputs, Mode::Direct)
        .expect("the program can be prepared");
    let wrt: Vec<&str> = workload.wrt.iter().map(String::as_str).collect();
    model
        .record(&workload.inputs, &wrt, &Limits::default(), workspace)
        .expect("the program runs")
}

#[test]
fn workloads_have_the_bits_of_their_traces() {
    for workload in workloads() {
        let mut workspace = Workspace::new();
        let recorded = record(&workload, &mut workspace);
        let path = &recorded.path;
        let outputs: Vec<_> = path
            .leaves
            .iter()
            .map(|leaf| leaf.expect("a node"))
            .collect();
        let by: Vec<u32> = recorded
            .columns
            .iter()
            .map(|c| c.expect("an input"))
            .collect();
        let shared = vec![false; recorded.numbers.len()];
        let start = std::time::Instant::now();
        let program = Program::new(
            &path.trace,
            &Wanted {
                outputs: &outputs,
                by: &by,
                shared: &shared,
                summed: false,
            },
        );
        let compiled = start.elapsed();
        let mut values = Vec::new();
        path.trace
            .replay(&recorded.numbers, &mut values)
            .expect("its own inputs");
        let mut adjoints = Adjoints::default();
        path.trace
            .sweep(&values, &[(outputs[0], 1.0)], &mut adjoints);
        let mut file = File::default();
        program
            .run(&recorded.numbers, &mut file)
            .expect("its own inputs");
        let at = |place: Place| file.at(place) + 0.0;
        assert_eq!(
            at(program.outputs[0]).to_bits(),
            values[outputs[0].index()].to_bits()
        );
        for (&place, &column) in program.derivatives.iter().zip(&by) {
            let (got, expected) = (at(place), adjoints.of(column as usize));
            assert_eq!(
                got.to_bits(),
                expected.to_bits(),
                "{}: {got} {expected}",
                workload.name
            );
        }
        let mut times = Vec::new();
        for _ in 0..21 {
            let start = std::time::Instant::now();
            for _ in 0..100 {
                std::hint::black_box(
                    program.run(std::hint::black_box(&recorded.numbers), &mut file),
                )
                .expect("the same path");
            }
            times.push(start.elapsed().as_secs_f64() * 1e7);
        }
        times.sort_by(f64::total_cmp);
        println!(
            "{:12} raw {:6} code {:6} slots {:5} compile {:8.1?} run {:9.1} ns  {:.2} ns/instr",
            workload.name,
            path.trace.operations.len(),
            program.len(),
            program.lane_slots,
            compiled,
            times[10],
            times[10] / program.len() as f64
        );
    }
}

#[test]
fn lanes_have_the_bits_of_one_alone() {
    use super::lanes::{Columns, LaneFile, LaneInput, Sums, Which};
    for workload in workloads() {
        let mut workspace = Workspace::new();
        let recorded = record(&workload, &mut workspace);
        let path = &recorded.path;
        let outputs: Vec<_> = path
            .leaves
            .iter()
            .map(|leaf| leaf.expect("a node"))
            .collect();
        let by: Vec<u32> = recorded
            .columns
            .iter()
            .map(|c| c.expect("an input"))
            .collect();
        let none = vec![false; recorded.numbers.len()];
        let wanted = Wanted {
            outputs: &outputs,
            by: &by,
            shared: &none,
            summed: false,
        };
        let alone = Program::new(&path.trace, &wanted);
        let rows = ["W1", "W2", "W9", "W10"]
            .iter()
            .any(|n| workload.name.starts_with(n));
        let names: Vec<&str> = workload.inputs.names().collect();
        let lane_name = |name: &str| matches!(name, "x" | "r" | "xa" | "xb");
        let mut shared = none.clone();
        for n in 1024..=1024 {
            let mut data: Vec<Vec<f64>> = Vec::new();
            for (i, &x) in recorded.numbers.iter().enumerate() {
                let is_lane = if rows {
                    names.len() == recorded.numbers.len() && lane_name(&path_name(&workload, i))
                } else {
                    by.contains(&(i as u32))
                };
                shared[i] = !is_lane;
                data.push(
                    (0..n)
                        .map(|k| {
                            if is_lane {
                                x * (1.0 + 0.001 * k as f64 / n as f64)
                            } else {
                                x
                            }
                        })
                        .collect(),
                );
            }
            let inputs: Vec<LaneInput> = data
                .iter()
                .zip(&shared)
                .map(|(d, &s)| {
                    if s {
                        LaneInput::Shared(d[0])
                    } else {
                        LaneInput::Each(d)
                    }
                })
                .collect();
            let program = Program::new(
                &path.trace,
                &Wanted {
                    shared: &shared,
                    summed: rows,
                    ..wanted
                },
            );
            let mut file = LaneFile::default();
            let mut sums = Sums::default();
            let mut failed = Vec::new();
            let mut values = vec![0.0; n];
            let mut grads = vec![vec![0.0; n]; by.len()];
            let mut times = Vec::new();
            for _ in 0..11 {
                let reps = 20;
                let start = std::time::Instant::now();
                for _ in 0..reps {
                    failed.clear();
                    let mut columns = Columns {
                        first: 0,
                        outputs: vec![],
                        derivatives: vec![],
                    };
                    if !rows {
                        columns.outputs.push(&mut values);
                        columns
                            .derivatives
                            .extend(grads.iter_mut().map(Vec::as_mut_slice));
                    }
                    program.begin(&inputs, &mut file);
                    sums.reset(program.sums.len());
                    program.run_lanes(
                        &inputs,
                        Which::Range(0, n),
                        &mut columns,
                        &mut sums,
                        &mut failed,
                        &|| false,
                        &mut file,
                    );
                    program.end(n, sums.totals(), &mut file);
                }
                times.push(start.elapsed().as_secs_f64() * 1e9 / f64::from(reps));
            }
            times.sort_by(f64::total_cmp);
            println!(
                "{:12} n {n} code {} {} {} slots {} sums {}: {:9.0} ns, {:.2} ns/lane, {:.3} ns/instr/lane failed {}",
                workload.name,
                program.before.len(),
                program.body.len(),
                program.after.len(),
                program.lane_slots,
                program.sums.len(),
                times[5],
                times[5] / n as f64,
                times[5] / n as f64 / program.body.len() as f64,
                failed.len()
            );
            let mut one = File::default();
            let mut total = vec![0.0; by.len() + 1];
            for lane in 0..n {
                let numbers: Vec<f64> = data.iter().map(|d| d[lane]).collect();
                if alone.run(&numbers, &mut one).is_err() {
                    assert!(failed.iter().any(|f| f.lane as usize == lane));
                    continue;
                }
                let value = one.at(alone.outputs[0]);
                total[0] += value;
                for (k, &place) in alone.derivatives.iter().enumerate() {
                    total[k + 1] += one.at(place);
                    if !rows {
                        assert_eq!((one.at(place) + 0.0).to_bits(), grads[k][lane].to_bits());
                    }
                }
                if !rows {
                    assert_eq!(value.to_bits(), values[lane].to_bits(), "{}", workload.name);
                }
            }
            if rows && failed.is_empty() {
                let all = program.outputs.iter().chain(&program.derivatives);
                for (&place, expected) in all.zip(total) {
                    let got = program.shared_result(place, &file).expect("a sum");
                    assert!(
                        (got - expected).abs() <= 1e-11 * expected.abs() + 1e-9,
                        "{}: {got} {expected}",
                        workload.name
                    );
                }
            }
        }
    }
}

fn path_name(workload: &Workload, index: usize) -> String {
    let model = Interpreter::embedded()
        .model_for(&workload.source, &workload.inputs, Mode::Direct)
        .expect("ok");
    model.inputs()[index].clone()
}
