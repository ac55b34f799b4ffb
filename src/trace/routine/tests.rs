//! Compiled paths against their traces, on random traces and on the workloads: same numbers, to the
//! bit, on one lane and on many, whatever instructions the processor has.

use super::check::check;
use super::lanes::{
    CHUNK, Columns, FailedLane, LaneFile, LaneInput, LaneJob, LaneResults, Sums, Which,
};
use super::vectors::{IN_THE_LOOP, ONE_BY_ONE};
use super::{Failed, File, Opcode, Place, Routine, Wanted};
use crate::prim::math::Cpu;
use crate::prim::{Kind, Prim};
use crate::trace::sweep::Adjoints;
use crate::trace::{Guard, Operation, Ref, Trace};

/// Splitmix64.
pub(super) struct Random(pub(super) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    /// A number like those that make trouble, or any other.
    pub(super) fn number(&mut self) -> f64 {
        const STEEP: [f64; 12] = [
            0.0,
            -0.0,
            1.0,
            -1.0,
            0.5,
            2.0,
            -3.0,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::NAN,
            1e-308,
            1e200,
        ];
        if self.below(4) == 0 {
            STEEP[self.below(STEEP.len())]
        } else {
            (self.next() >> 11) as f64 / (1_u64 << 51) as f64 - 2.0
        }
    }
}

/// The first seed of random traces: that of `DMCI_SEED`, or one that stays the same.
pub(super) fn seed() -> u64 {
    let text = std::env::var("DMCI_SEED").ok();
    text.map_or(1, |text| {
        text.trim().parse().expect("DMCI_SEED is a number")
    })
}

const INPUTS: u32 = 4;

/// A trace of random operations, some of them selects, and the node of its output.
fn random_trace(random: &mut Random, guards: bool) -> (Trace, Ref) {
    let rows: Vec<Prim> = Prim::ALL
        .iter()
        .copied()
        .filter(|prim| !matches!(prim.spec().kind, Kind::Structural))
        .filter(|prim| !matches!(prim, Prim::Gcd | Prim::Lcm | Prim::Gumbel))
        .collect();
    let mut trace = Trace {
        inputs: INPUTS,
        constants: vec![1.0, 0.0, -0.0, 2.0, 0.5, -1.0],
        ..Trace::default()
    };
    let mut tests = Vec::new();
    for _ in 0..3 + random.below(60) {
        let operand = |random: &mut Random| {
            if random.below(6) == 0 {
                Ref::constant(random.below(6) as u32)
            } else {
                // Rather one of the last few.
                let nodes = trace.len();
                let most = nodes.min(1 + random.below(nodes));
                let back = random.below(most);
                Ref::node((nodes - 1 - back) as u32)
            }
        };
        let [a, b] = [operand(random), operand(random)];
        let prim = match random.below(4) {
            // What gradients are made of.
            0 => [Prim::Add, Prim::Sub, Prim::Mul, Prim::Neg, Prim::Div][random.below(5)],
            1 if !tests.is_empty() => Prim::Select,
            _ => rows[random.below(rows.len())],
        };
        let c = if prim == Prim::Select {
            tests[random.below(tests.len())]
        } else {
            a
        };
        let b = if prim.operands() == 1 { a } else { b };
        trace.operations.push(Operation { prim, a, b, c });
        let node = Ref::node(trace.len() as u32 - 1);
        if matches!(prim.spec().kind, Kind::Predicate) {
            tests.push(node);
            if guards && random.below(3) == 0 {
                trace.guards.push(Guard {
                    at: trace.operations.len() as u32,
                    node,
                    expected: f64::from(random.below(2) as u32),
                    place: 0,
                });
            }
        }
    }
    let output = Ref::node(trace.len() as u32 - 1 - random.below(3) as u32);
    (trace, output)
}

fn compile(trace: &Trace, output: Ref, shared: &[bool], summed: bool) -> Routine {
    Routine::new(
        trace,
        &Wanted {
            outputs: &[output],
            by: &(0..INPUTS).collect::<Vec<_>>(),
            shared,
            summed,
            alone: false,
        },
    )
}

/// Value and derivatives of the trace as it is, or the guard that fails.
pub(super) fn expected(trace: &Trace, output: Ref, inputs: &[f64]) -> Result<Vec<f64>, u32> {
    let mut values = Vec::new();
    trace
        .replay(inputs, &mut values)
        .map_err(|diverged| diverged.guard as u32)?;
    let mut adjoints = Adjoints::default();
    trace.sweep(&values, &[(output, 1.0)], &mut adjoints);
    let mut all = vec![trace.number(output, &values)];
    all.extend((0..inputs.len()).map(|input| adjoints.of(input)));
    Ok(all)
}

pub(super) fn same(a: f64, b: f64) -> bool {
    a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())
}

#[test]
fn random_traces_keep_their_bits_on_one_lane() {
    for seed in seed()..seed() + 400 {
        let random = &mut Random(seed);
        let (trace, output) = random_trace(random, true);
        let routine = compile(&trace, output, &[false; INPUTS as usize], false);
        let mut file = File::default();
        for _ in 0..20 {
            let inputs: Vec<f64> = (0..INPUTS).map(|_| random.number()).collect();
            let found = routine.run(&inputs, &mut file);
            match expected(&trace, output, &inputs) {
                Err(guard) => assert_eq!(found.map_err(|f| f.guard), Err(guard), "seed {seed}"),
                Ok(numbers) => {
                    assert_eq!(found, Ok(()), "seed {seed}");
                    let places = routine.outputs.iter().chain(&routine.derivatives);
                    for (number, (&place, &expected)) in places.zip(&numbers).enumerate() {
                        let zero = if number == 0 { -0.0 } else { 0.0 };
                        let found = file.at(place) + zero;
                        assert!(
                            same(found, expected),
                            "DMCI_SEED={seed}: number {number} at {inputs:?} is {found}, not {expected}\n{}",
                            trace.print(&["a", "b", "c", "d"].map(String::from), &[output])
                        );
                    }
                }
            }
        }
    }
}

/// What lanes came to: values, derivatives, and those that failed.
struct Found {
    columns: Vec<Vec<f64>>,
    failed: Vec<FailedLane>,
    totals: Vec<f64>,
}

fn run_lanes(routine: &Routine, inputs: &[LaneInput<'_>], which: Which<'_>, cpu: Cpu) -> Found {
    let lanes = (0..which.len()).map(|place| which.at(place)).max();
    let lanes = lanes.map_or(0, |most| most + 1);
    let mut columns = vec![vec![0.0; lanes]; 1 + INPUTS as usize];
    let mut all = columns.iter_mut().map(Vec::as_mut_slice);
    let targets = Columns {
        first: 0,
        outputs: all.next().into_iter().collect(),
        derivatives: all.collect(),
        ..Columns::default()
    };
    let (mut sums, mut failed) = (Sums::default(), Vec::new());
    let mut file = LaneFile::default();
    routine.reset(&mut sums);
    routine.begin(inputs, &mut file);
    let job = LaneJob {
        inputs,
        which,
        cpu,
        late: &|| false,
    };
    let mut results = LaneResults {
        columns: targets,
        sums: &mut sums,
        failed: &mut failed,
    };
    assert_eq!(
        routine.run_lanes(&job, &mut results, &mut file),
        which.len()
    );
    routine.end(which.len(), sums.totals(), &mut file);
    let places = routine.outputs.iter().chain(&routine.derivatives);
    let totals = places.map(|&place| file.shared_result(place).unwrap_or(f64::NAN));
    Found {
        totals: totals.collect(),
        columns,
        failed,
    }
}

#[test]
fn random_traces_keep_their_bits_on_lanes_on_every_processor() {
    for seed in seed()..seed() + 100 {
        let random = &mut Random(seed);
        let (trace, output) = random_trace(random, true);
        let shared: Vec<bool> = (0..INPUTS).map(|_| random.below(3) == 0).collect();
        let routine = compile(&trace, output, &shared, false);
        let count = [1, 3, 8, 17, 63, CHUNK, CHUNK + 1, 200][random.below(8)];
        let columns: Vec<Vec<f64>> = shared
            .iter()
            .map(|&shared| {
                let x = random.number();
                let lane = |_| if shared { x } else { random.number() };
                (0..count).map(lane).collect()
            })
            .collect();
        let inputs: Vec<LaneInput<'_>> = columns
            .iter()
            .zip(&shared)
            .map(|(column, &shared)| {
                if shared {
                    LaneInput::Shared(column[0])
                } else {
                    LaneInput::Each(column)
                }
            })
            .collect();
        let listed: Vec<u32> = (0..count as u32).filter(|_| random.below(3) > 0).collect();
        for which in [Which::Range(0, count), Which::Listed(&listed)] {
            for cpu in Cpu::available() {
                let found = run_lanes(&routine, &inputs, which, cpu);
                for lane in (0..which.len()).map(|place| which.at(place)) {
                    let numbers: Vec<f64> = columns.iter().map(|column| column[lane]).collect();
                    let failed = found.failed.iter().find(|f| f.lane as usize == lane);
                    match expected(&trace, output, &numbers) {
                        Err(guard) => {
                            let found = failed.map(|f| f.failed.guard);
                            assert_eq!(found, Some(guard), "DMCI_SEED={seed} {cpu:?}");
                        }
                        Ok(expected) => {
                            assert_eq!(failed, None, "DMCI_SEED={seed} {cpu:?}");
                            for (column, &expected) in found.columns.iter().zip(&expected) {
                                assert!(
                                    same(column[lane], expected),
                                    "DMCI_SEED={seed} {cpu:?}: lane {lane} of {count} at {numbers:?} is {}, not {expected}",
                                    column[lane]
                                );
                            }
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn sums_are_those_of_the_lanes_and_the_same_on_every_processor() {
    let mut compared = 0;
    for seed in seed()..seed() + 150 {
        let random = &mut Random(seed);
        let (trace, output) = random_trace(random, false);
        let shared = [true, true, true, false];
        let routine = compile(&trace, output, &shared, true);
        let count = [5, 64, 100, 1000][random.below(4)];
        let column: Vec<f64> = (0..count)
            .map(|_| random.number().clamp(-3.0, 3.0))
            .collect();
        let column: Vec<f64> = column
            .iter()
            .map(|x| if x.is_nan() { 0.25 } else { *x })
            .collect();
        let params: Vec<f64> = (0..3).map(|_| random.number()).collect();
        let mut inputs: Vec<LaneInput<'_>> = params.iter().map(|&x| LaneInput::Shared(x)).collect();
        inputs.push(LaneInput::Each(&column));
        let mut totals = [0.0; INPUTS as usize];
        let mut sizes = [0.0; INPUTS as usize];
        for &x in &column {
            let numbers = [params[0], params[1], params[2], x];
            let lane = expected(&trace, output, &numbers).expect("there are no guards");
            for ((total, size), number) in totals.iter_mut().zip(&mut sizes).zip(lane) {
                *total += number;
                *size += number.abs();
            }
        }
        let found = Cpu::available()
            .into_iter()
            .map(|cpu| run_lanes(&routine, &inputs, Which::Range(0, count), cpu).totals)
            .collect::<Vec<_>>();
        for other in &found {
            let pairs = other.iter().zip(&found[0]);
            assert!(pairs.clone().all(|(a, b)| same(*a, *b)), "DMCI_SEED={seed}");
        }
        for ((&found, total), size) in found[0].iter().zip(totals).zip(sizes) {
            // Where numbers outgrow each other, sums of them mean nothing.
            if size.is_finite() && size < 1e6 {
                compared += 1;
                assert!(
                    (found - total).abs() <= 1e-9 * (1.0 + size),
                    "DMCI_SEED={seed}: {found}, not {total}"
                );
            }
        }
    }
    assert!(compared > 200, "only {compared} sums were compared");
}

/// Sums over lanes are one balanced tree, however many lanes are done at once.
#[test]
fn a_tree_of_sums_does_not_depend_on_how_lanes_are_cut() {
    let random = &mut Random(seed());
    for count in [1, 7, 8, 9, 64, 65, 1000, 4096, 5000] {
        let numbers: Vec<f64> = (0..count)
            .map(|_| 1.0 / (1.0 + random.below(1000) as f64))
            .collect();
        let whole = super::lanes::sum_of_lanes(&numbers);
        for size in [64, 1024, 4096] {
            let mut sums = Sums::default();
            sums.reset(1);
            for part in numbers.chunks(size) {
                sums.append(&[super::lanes::sum_of_lanes(part)]);
            }
            assert_eq!(
                sums.vectors().next(),
                Some(whole),
                "{count} in parts of {size}"
            );
        }
    }
}

#[test]
fn a_guard_tells_what_its_number_was() {
    let trace = Trace {
        inputs: 1,
        operations: vec![Operation {
            prim: Prim::Floor,
            a: Ref::node(0),
            b: Ref::node(0),
            c: Ref::node(0),
        }],
        guards: vec![Guard {
            at: 1,
            node: Ref::node(1),
            expected: 2.0,
            place: 0,
        }],
        ..Trace::default()
    };
    let routine = Routine::new(
        &trace,
        &Wanted {
            outputs: &[Ref::node(0)],
            by: &[],
            shared: &[false],
            summed: false,
            alone: false,
        },
    );
    let mut file = File::default();
    assert_eq!(routine.run(&[2.5], &mut file), Ok(()));
    assert_eq!(
        routine.run(&[3.5], &mut file),
        Err(Failed {
            guard: 0,
            value: 3.0
        })
    );
}

#[test]
fn nothing_is_computed_that_nobody_asked_for() {
    // x * 1 + 0 * y, of which y's part is not needed for the derivative by x.
    let operation = |prim, a, b| Operation { prim, a, b, c: a };
    let trace = Trace {
        inputs: 2,
        constants: vec![1.0, 3.0],
        operations: vec![
            operation(Prim::Mul, Ref::node(0), Ref::constant(0)),
            operation(Prim::Sin, Ref::node(1), Ref::node(1)),
            operation(Prim::Mul, Ref::node(2), Ref::constant(1)),
            operation(Prim::Mul, Ref::node(0), Ref::constant(1)),
        ],
        ..Trace::default()
    };
    let wanted = Wanted {
        outputs: &[Ref::node(4), Ref::node(5)],
        by: &[0],
        shared: &[false, false],
        summed: false,
        alone: false,
    };
    let routine = Routine::new(&trace, &wanted);
    // The sine is nobody's, the product is one, and its derivative is a constant.
    assert_eq!(routine.body.len(), 1);
    let mut file = File::default();
    assert_eq!(routine.run(&[2.0, 0.0], &mut file), Ok(()));
    let at = |places: &[Place]| places.iter().map(|&p| file.at(p)).collect::<Vec<_>>();
    assert_eq!(at(&routine.outputs), [6.0, 6.0]);
    assert_eq!(at(&routine.derivatives), [3.0, 3.0]);
}

/// A change of a routine, whose sine and cosine are the instruction of a number.
type Change = fn(&mut Routine, usize);

/// A routine in which something is changed, and what the check says of it.
fn checked(change: impl FnOnce(&mut Routine)) -> Result<(), String> {
    // sin(3 x) y + cos(3 x), and its derivatives.
    let operation = |prim, a, b| Operation { prim, a, b, c: a };
    let [x, y] = [Ref::node(0), Ref::node(1)];
    let [angle, sine, cosine, product] = [2, 3, 4, 5].map(Ref::node);
    let trace = Trace {
        inputs: 2,
        constants: vec![3.0],
        operations: vec![
            operation(Prim::Mul, x, Ref::constant(0)),
            operation(Prim::Sin, angle, angle),
            operation(Prim::Cos, angle, angle),
            operation(Prim::Mul, sine, y),
            operation(Prim::Add, product, cosine),
        ],
        ..Trace::default()
    };
    let wanted = Wanted {
        outputs: &[Ref::node(6)],
        by: &[0, 1],
        shared: &[false; 2],
        summed: false,
        alone: false,
    };
    let mut routine = Routine::new(&trace, &wanted);
    change(&mut routine);
    check(&routine, [&[], &[]])
}

#[test]
fn the_check_sees_what_unchecked_accesses_rely_on() {
    assert_eq!(checked(|_| {}), Ok(()));
    let sine = |routine: &Routine| {
        let mut code = routine.body.iter();
        let at = code.position(|instr| instr.op == Opcode::SinCos);
        at.expect("sine and cosine of one angle are one instruction")
    };
    let changes: [(&str, Change); 8] = [
        ("has no slot", |p, at| p.body[at].d = p.lane_slots),
        ("has no slot", |p, at| p.body[at].a = u32::MAX),
        ("has no slot", |p, _| p.lane_slots -= 1),
        ("which it reads", |p, at| p.body[at].d = p.body[at].a),
        ("twice", |p, at| p.body[at].d = p.body[at].b),
        ("is written", |p, at| p.body[at].d = 0),
        ("as a slice", |p, at| p.body[at].a = 0),
        ("too early", |p, _| p.body[0] = p.body[1]),
    ];
    for (number, (expected, change)) in changes.into_iter().enumerate() {
        let found = checked(|routine| change(routine, sine(routine)));
        let words = found.expect_err("the change is noticed");
        assert!(words.contains(expected), "change {number}: {words}");
    }
}

/// What to do about a row that lanes would have one by one.
const CURE: &str = "a function of mathematics wants a kernel, a row in `kernels!` in \
    src/prim/math/mod.rs (src/docs/kernels.md says how); arithmetic that becomes a few vector \
    instructions wants its name in `rows!` in src/trace/routine/vectors.rs; and what no loop can do, a \
    line in `ONE_BY_ONE` there, with the reason";

#[test]
fn every_row_has_one_way_over_lanes() {
    let mut complaints = Vec::new();
    for &row in Prim::ALL.iter().filter(|row| row.operands() > 0) {
        let ways = [
            (
                "an operation of its own",
                !matches!(Opcode::of(row), Opcode::One(_) | Opcode::Two(_)),
            ),
            ("a kernel", row.has_kernel()),
            ("a place in `rows!`", IN_THE_LOOP.contains(&row)),
            (
                "a line in `ONE_BY_ONE`",
                ONE_BY_ONE.iter().any(|&(known, _)| known == row),
            ),
        ];
        let ways: Vec<&str> = ways.iter().filter(|way| way.1).map(|way| way.0).collect();
        match ways[..] {
            [] => complaints.push(format!("`{row}` would be done lane by lane: {CURE}")),
            [_] => {}
            _ => complaints.push(format!("`{row}` has {}: one is enough", ways.join(" and "))),
        }
    }
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

/// A call in the loop would be made once a lane.
#[test]
fn what_is_done_in_the_loop_is_arithmetic() {
    const INSTRUCTIONS: [&str; 13] = [
        "a",
        "b",
        "abs",
        "floor",
        "ceil",
        "round_ties_even",
        "trunc",
        "fract",
        "sqrt",
        "is_finite",
        "minimum",
        "not_below_zero",
        "sign",
    ];
    let mut complaints = Vec::new();
    for row in IN_THE_LOOP {
        let written = row.written();
        let words = written.split(|c: char| !c.is_alphanumeric() && c != '_');
        for word in words.filter(|word| word.starts_with(char::is_alphabetic)) {
            if !INSTRUCTIONS.contains(&word) {
                complaints.push(format!(
                    "`{row}` is in `rows!`, but `{word}` is no vector instruction: {CURE}"
                ));
            }
        }
    }
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}
