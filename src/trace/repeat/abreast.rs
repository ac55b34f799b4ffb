//! Loops gone through by several lanes at once, each as often as its own guards hold.
//!
//! What lanes begin with goes in; for each lane what it has carried on to its end comes out, and how often
//! it went round. Cotangents of these go back to what it began with.
//!
//! **Invariants**
//! - A lane has the bits that it has alone: an iteration is compiled for lanes from what it is compiled from
//!   for one.
//! - Lanes drop out where their guards fail, and join on the way back where they had dropped out.
//! - What this is not for, such as loops of very many steps, leaves the lanes that are abreast; those have to
//!   be done alone.

use super::super::adjoints::{Adjoints, UNTOUCHED};
use super::super::routine::Routine;
use super::super::routine::lanes::{
    CHUNK, Columns, FailedLane, LaneFile, LaneInput, LaneJob, LaneResults, Sums, Which,
};
use super::super::routine::pullback::Pullback;
use super::super::{Ref, Trace};
use super::{Arrival, Pattern, Repeat, Repeated, compiled, written_out};
use crate::prim::math::Cpu;
use std::ops::Range;

/// How many lanes may be abreast.
pub(crate) const LANES: usize = CHUNK;

/// How many numbers are kept of all loops on their way at the most; few where that is tested.
const KEPT: usize = if cfg!(test) { 1 << 12 } else { 1 << 20 };

/// A number of each lane.
type Column = [f64; LANES];

/// Some of the lanes, a bit each.
type Set = u64;

/// The lanes of a set, in their order.
fn each(set: Set) -> impl Iterator<Item = usize> {
    (0..LANES).filter(move |lane| set >> lane & 1 == 1)
}

/// What an iteration is compiled to for lanes.
#[derive(Debug)]
pub(super) struct Wide {
    many: Routine,
    one: Routine,
}

impl Wide {
    /// The memory it takes, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.many.bytes() + self.one.bytes()
    }
}

/// Steps that lanes took, and the numbers that each began with.
#[derive(Clone, Debug, Default)]
struct Steps {
    /// Who took a step to its end, and where the numbers are that they began it with, number by number.
    taken: Vec<(Set, usize)>,
    numbers: Vec<f64>,
}

impl Steps {
    fn clear(&mut self) {
        self.taken.clear();
        self.numbers.clear();
    }

    fn push(&mut self, who: Set, carried: &[Column]) {
        self.taken.push((who, self.numbers.len()));
        for column in carried {
            self.numbers.extend(each(who).map(|lane| column[lane]));
        }
    }

    /// Who took a step; the numbers that they began it with are put in their places.
    fn put(&self, nth: usize, carried: &mut [Column]) -> Set {
        let (who, start) = self.taken[nth];
        let mut numbers = self.numbers[start..].iter();
        for column in carried {
            for (lane, &x) in each(who).zip(&mut numbers) {
                column[lane] = x;
            }
        }
        who
    }
}

/// A loop that lanes have gone through.
#[derive(Clone, Debug, Default)]
struct Passed {
    /// What lanes were given: the numbers that are carried on as they are now, and those that all iterations
    /// read.
    given: Vec<Column>,
    /// Steps of as many iterations as are written out together, and of one, after those.
    many: Steps,
    one: Steps,
}

impl Passed {
    /// How often a lane went round.
    fn trips(&self, lane: usize, together: usize) -> usize {
        let count = |steps: &Steps| {
            let taken = steps.taken.iter();
            taken.filter(|(who, _)| who >> lane & 1 == 1).count()
        };
        count(&self.many) * together + count(&self.one)
    }
}

/// Memory for steps, to be used again.
#[derive(Clone, Debug, Default)]
struct Scratch {
    file: LaneFile,
    sums: Sums,
    failed: Vec<FailedLane>,
    results: Vec<Column>,
    /// For numbers that may be there or not, whether they are.
    holds: Vec<Column>,
}

impl Scratch {
    /// Does a step for some lanes, where others may do it in vain; gives those whose guards failed.
    fn run(&mut self, routine: &Routine, inputs: &[LaneInput<'_>], who: Set) -> Set {
        let count = routine.outputs.len();
        if self.results.len() < count {
            self.results.resize(count, [0.0; LANES]);
        }
        self.failed.clear();
        routine.begin_once(inputs, &mut self.file);
        let ids: Vec<u32>;
        let is_most = who.count_ones() as usize > LANES / 2;
        let which = if is_most {
            Which::Range(0, LANES)
        } else {
            ids = each(who).map(|lane| lane as u32).collect();
            Which::Listed(&ids)
        };
        let outputs = self.results[..count].iter_mut();
        let columns = Columns {
            outputs: outputs.map(<[f64; LANES]>::as_mut_slice).collect(),
            ..Columns::default()
        };
        let job = LaneJob {
            inputs,
            which,
            cpu: Cpu::detect(),
            late: &|| false,
        };
        let mut results = LaneResults {
            columns,
            sums: &mut self.sums,
            failed: &mut self.failed,
        };
        routine.run_lanes(&job, &mut results, &mut self.file);
        let failed = self.failed.iter();
        failed.fold(0, |all, failed| all | 1 << failed.lane)
    }
}

/// Lanes on their way through a trace.
#[derive(Clone, Debug, Default)]
pub(crate) struct Abreast {
    /// Of each lane the numbers of all nodes; at first those of its inputs.
    pub(crate) values: Vec<Vec<f64>>,
    /// Who has come through so far, a bit each.
    pub(crate) there: u64,
    adjoints: Vec<Adjoints>,
    loops: Vec<Passed>,
    scratch: Scratch,
}

impl Abreast {
    /// Who has come through, in their order.
    pub(crate) fn each(&self) -> impl Iterator<Item = usize> + use<> {
        each(self.there)
    }

    /// The adjoint of an input, once cotangents have gone back.
    pub(crate) fn adjoint(&self, lane: usize, input: usize) -> f64 {
        self.adjoints[lane].of(input)
    }

    /// The memory it takes, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let steps = |of: &Steps| size_of_val(of.numbers.as_slice());
        let loops = self.loops.iter();
        let values = self.values.iter();
        let values: usize = values.map(|of| size_of_val(of.as_slice())).sum();
        values
            + loops
                .map(|of| steps(&of.many) + steps(&of.one))
                .sum::<usize>()
    }
}

impl Repeat {
    fn wide(&self) -> &Wide {
        self.wide.get_or_init(|| {
            let routine = |times: usize| {
                let (body, next) = (&self.body, &self.next);
                let written = written_out(body, next, self.in_turn, times, &self.asked);
                compiled(&written, false)
            };
            Wide {
                many: routine(self.together),
                one: routine(1),
            }
        })
    }

    /// Does a loop for lanes that are `there`, from what they are given on; those that have to be done alone
    /// are there no longer, as those that would take more `room`, in numbers that are kept. False where it is
    /// late.
    fn go_abreast(
        &self,
        passed: &mut Passed,
        there: &mut Set,
        room: usize,
        scratch: &mut Scratch,
        late: &dyn Fn() -> bool,
    ) -> bool {
        let carried = self.carried();
        let Passed { given, many, one } = passed;
        many.clear();
        one.clear();
        let wide = self.wide();
        for (routine, steps, most) in [
            (&wide.many, many, usize::MAX),
            (&wide.one, one, self.together),
        ] {
            let mut going = *there;
            while going != 0 {
                if late() {
                    return false;
                }
                // So long that it pays alone; or past a counter's limit, which is told apart there.
                if steps.numbers.len() > room || steps.taken.len() == most {
                    *there &= !going;
                    break;
                }
                let inputs: Vec<LaneInput<'_>> =
                    given.iter().map(|column| LaneInput::Each(column)).collect();
                going &= !scratch.run(routine, &inputs, going);
                if going == 0 {
                    break;
                }
                steps.push(going, &given[..carried]);
                let next = given[..carried].iter_mut().zip(&scratch.results);
                for (number, next) in next {
                    for lane in each(going) {
                        number[lane] = next[lane];
                    }
                }
            }
        }
        true
    }
}

/// Cotangents of lanes on their way back through a loop.
struct Back<'r> {
    of: &'r Repeat,
    /// Which inputs of an iteration derivatives flow through at all.
    active: Vec<bool>,
    /// Of the numbers carried on, and of whom they are there.
    cts: Vec<(Column, Set)>,
    /// What has arrived at each input before. At those of the numbers carried on that counts in the first
    /// iteration alone.
    before: Vec<(Column, Set)>,
}

impl Back<'_> {
    /// Goes back through a loop that lanes have passed. False where it is late.
    fn sweep(
        &mut self,
        passed: &mut Passed,
        going: Set,
        scratch: &mut Scratch,
        late: &dyn Fn() -> bool,
    ) -> bool {
        let carried = self.of.carried();
        let Passed { given, many, one } = passed;
        for (is_many, steps) in [(false, &*one), (true, many)] {
            for nth in (0..steps.taken.len()).rev() {
                if late() {
                    return false;
                }
                let who = steps.put(nth, &mut given[..carried]) & going;
                if who == 0 {
                    continue;
                }
                // Whose first iteration is in it.
                let first = match (is_many, nth) {
                    (true, 0) => who,
                    (false, 0) => who & !many.taken.first().map_or(0, |(who, _)| *who),
                    _ => 0,
                };
                self.step(is_many, given, who, first, scratch);
            }
        }
        true
    }

    /// Goes back through a step of some lanes.
    fn step(
        &mut self,
        is_many: bool,
        given: &[Column],
        who: Set,
        first: Set,
        scratch: &mut Scratch,
    ) {
        let carried = self.of.carried();
        let arrival = |of: Set| match of & who {
            0 => Arrival::Nothing,
            all if all == who => Arrival::Always,
            _ => Arrival::Where,
        };
        // Of the first iteration alone.
        let at = |nth: usize, of: Set| if nth < carried { of & first } else { of };
        let before = self.before.iter().enumerate();
        let before: Vec<Set> = before.map(|(nth, (_, of))| at(nth, *of)).collect();
        let pattern = Pattern {
            is_many,
            active: self.active.clone(),
            carried: self.cts.iter().map(|(_, of)| arrival(*of)).collect(),
            before: before.iter().map(|&of| arrival(of)).collect(),
            in_turn: Vec::new(),
        };
        let pullback = self.of.pullback(&pattern, false);
        let mut seeds: Vec<(&Column, Set, Arrival)> = Vec::new();
        let befores = self.before.iter().zip(&before).zip(&pattern.before);
        seeds.extend(befores.map(|(((ct, _), &of), &arrival)| (ct, of, arrival)));
        let carries = self.cts.iter().zip(&pattern.carried).zip(&self.active);
        let carries = carries.filter(|(_, active)| **active);
        seeds.extend(carries.map(|(((ct, of), &arrival), _)| (ct, *of, arrival)));
        seeds.retain(|(.., arrival)| *arrival != Arrival::Nothing);
        let mut holds = std::mem::take(&mut scratch.holds);
        holds.clear();
        for (_, of, arrival) in &seeds {
            if *arrival == Arrival::Where {
                holds.push(std::array::from_fn(|lane| (of >> lane & 1) as f64));
            }
        }
        let mut flags = holds.iter();
        let mut inputs: Vec<LaneInput<'_>> =
            given.iter().map(|column| LaneInput::Each(column)).collect();
        for (ct, _, arrival) in &seeds {
            inputs.push(LaneInput::Each(*ct));
            if *arrival == Arrival::Where {
                inputs.extend(flags.next().map(|column| LaneInput::Each(column)));
            }
        }
        // There are no guards in it.
        scratch.run(&pullback.routine, &inputs, who);
        scratch.holds = holds;
        self.arrive(&pullback, who, &scratch.results);
    }

    /// Notes what a step of some lanes has come to.
    fn arrive(&mut self, pullback: &Pullback, who: Set, results: &[Column]) {
        let carried = self.of.carried();
        let mut results = results.iter();
        for (nth, result) in pullback.results.iter().enumerate() {
            let (to, of) = if nth < carried {
                &mut self.cts[nth]
            } else {
                &mut self.before[nth]
            };
            *of &= !who;
            let Some(result) = result else { continue };
            let Some(numbers) = results.next() else {
                return;
            };
            let there = match result.holds.and_then(|_| results.next()) {
                None => who,
                Some(holds) => {
                    let holding = each(who).filter(|&lane| holds[lane] != 0.0);
                    holding.fold(0, |all, lane| all | 1 << lane)
                }
            };
            for lane in each(there) {
                to[lane] = numbers[lane];
            }
            *of |= there;
        }
    }
}

impl Trace {
    /// Whether lanes may go through its loops together.
    pub(crate) fn goes_abreast(&self) -> bool {
        let mut loops = self.each_repeated();
        loops.all(|repeated| repeated.of.in_turn == 0)
    }

    /// Replays lanes whose inputs are in their values, as far as guards hold: those that are there afterwards
    /// have come to the end. False where it is late, and nothing is of use.
    pub(crate) fn replay_abreast(&self, lanes: &mut Abreast, late: &dyn Fn() -> bool) -> bool {
        let Abreast {
            values,
            there,
            loops,
            scratch,
            ..
        } = lanes;
        loops.resize_with(self.repeats.len().max(loops.len()), Passed::default);
        let room = KEPT / self.repeats.len().max(1);
        let go_through = |part: Range<usize>, values: &mut [Vec<f64>], there: &mut Set| {
            for lane in each(*there) {
                if !self.replay_between(part.clone(), &mut values[lane]) {
                    *there &= !(1 << lane);
                }
            }
        };
        let mut begin = 0;
        for (repeated, passed) in self.each_repeated().zip(&mut *loops) {
            let block = repeated.first - self.inputs as usize;
            go_through(begin..block, values, there);
            passed.given.clear();
            for &operand in repeated.operands {
                // Nobody looks at the numbers of those that are not there, but they are computed with.
                let mut column = [1.0; LANES];
                for lane in each(*there) {
                    column[lane] = self.number(operand, &values[lane]);
                }
                passed.given.push(column);
            }
            if !repeated.of.go_abreast(passed, there, room, scratch, late) {
                return false;
            }
            for lane in each(*there) {
                let carried = passed.given[..repeated.of.carried()].iter();
                values[lane].extend(carried.map(|column| column[lane]));
                values[lane].push(passed.trips(lane, repeated.of.together) as f64);
            }
            begin = repeated.trips() + 1 - self.inputs as usize;
        }
        go_through(begin..self.operations.len(), values, there);
        true
    }

    /// Sweeps lanes that have come through a replay, from a node on that has a cotangent in each of them, for the
    /// adjoints of some inputs; one that is 0 contributes nothing. False where it is late, and nothing is of
    /// use.
    pub(crate) fn sweep_abreast(
        &self,
        lanes: &mut Abreast,
        seed: Ref,
        cotangent: &dyn Fn(usize) -> f64,
        by: &[u32],
        late: &dyn Fn() -> bool,
    ) -> bool {
        let Abreast {
            values,
            there,
            adjoints,
            loops,
            scratch,
        } = lanes;
        adjoints.resize_with(values.len().max(adjoints.len()), Adjoints::default);
        for lane in each(*there) {
            adjoints[lane].want(by, self.inputs);
            let seeds = [(seed, cotangent(lane))];
            let is_there = usize::from(seeds[0].1 != 0.0);
            adjoints[lane].begin(self.len(), &seeds[..is_there]);
        }
        let mut end = self.operations.len();
        let repeated: Vec<Repeated<'_>> = self.each_repeated().collect();
        for (repeated, passed) in repeated.iter().zip(loops).rev() {
            let after = repeated.trips() + 1 - self.inputs as usize;
            for lane in each(*there) {
                self.sweep_part(after..end, &values[lane], &mut adjoints[lane], late);
            }
            end = repeated.first - self.inputs as usize;
            if !sweep_loop(repeated, passed, (values, adjoints), *there, scratch, late) {
                return false;
            }
        }
        for lane in each(*there) {
            self.sweep_part(0..end, &values[lane], &mut adjoints[lane], late);
        }
        true
    }
}

/// Passes the cotangents of a loop's numbers to what it was begun with, lane by lane; false where it is late.
fn sweep_loop(
    repeated: &Repeated<'_>,
    passed: &mut Passed,
    (values, adjoints): (&[Vec<f64>], &mut [Adjoints]),
    there: Set,
    scratch: &mut Scratch,
    late: &dyn Fn() -> bool,
) -> bool {
    let (of, operands) = (repeated.of, repeated.operands);
    let carried = of.carried();
    let is_there = |ct: f64| ct.to_bits() != UNTOUCHED;
    let Some(lane) = each(there).next() else {
        return true;
    };
    let flows = operands.iter().map(|r| {
        let node = r.as_node();
        node.is_some_and(|node| adjoints[lane].is_wanted(node))
    });
    let active = of.active(flows.collect());
    let nothing = ([0.0; LANES], 0);
    let mut back = Back {
        of,
        active,
        cts: vec![nothing; carried],
        before: vec![nothing; operands.len()],
    };
    let mut going = 0;
    for lane in each(there) {
        let cts = &adjoints[lane].values[repeated.first..repeated.trips()];
        if !cts.iter().any(|&ct| is_there(ct)) {
            continue;
        }
        if values[lane][repeated.trips()] == 0.0 {
            // What it came to is what it was begun with.
            for (at, operand) in (repeated.first..repeated.trips()).zip(operands) {
                let ct = adjoints[lane].values[at];
                if let Some(node) = operand.as_node().filter(|_| is_there(ct)) {
                    adjoints[lane].add(node as usize, ct);
                }
            }
            continue;
        }
        going |= 1 << lane;
        let put = |(column, of): &mut (Column, Set), ct: f64| {
            if is_there(ct) {
                column[lane] = ct;
                *of |= 1 << lane;
            }
        };
        for (to, &ct) in back.cts.iter_mut().zip(cts) {
            put(to, ct);
        }
        for (nth, (to, operand)) in back.before.iter_mut().zip(operands).enumerate() {
            if let Some(node) = operand.as_node().filter(|_| back.active[nth]) {
                put(to, adjoints[lane].values[node as usize]);
            }
        }
    }
    if going == 0 {
        return true;
    }
    if !back.sweep(passed, going, scratch, late) {
        return false;
    }
    let ends = back.cts.iter().chain(&back.before[carried..]);
    for ((nth, operand), (column, of)) in operands.iter().enumerate().zip(ends) {
        let Some(node) = operand.as_node().filter(|_| back.active[nth]) else {
            continue;
        };
        for lane in each(of & going) {
            adjoints[lane].values[node as usize] = column[lane];
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::super::Repeat;
    use super::{Abreast, LANES};
    use crate::prim::Prim;
    use crate::trace::sweep::Adjoints;
    use crate::trace::{Guard, Operation, Ref, Trace};
    use std::sync::Arc;

    fn operation(prim: Prim, a: Ref, b: Ref) -> Operation {
        Operation { prim, a, b, c: a }
    }

    /// Of x, g and n: as long as i compares with n as is said, i goes on by 1, s is g s or √s - 0.1, as it is
    /// below 1 or not, and s² is added to a sum; it is begun with i = 0, s = x g and the sum x. Then the sum
    /// times g, and, if it is above n, s besides, all times x g.
    fn looped(prim: Prim, expected: f64) -> (Trace, Ref) {
        let [i, s, sum, g, n] = [0, 1, 2, 3, 4].map(Ref::node);
        let node = Ref::node;
        let constant = Ref::constant;
        let mut operations = vec![
            operation(prim, i, n),
            operation(Prim::Lt, s, constant(0)),
            operation(Prim::Mul, g, s),
            operation(Prim::Sqrt, s, s),
            operation(Prim::Sub, node(8), constant(1)),
            operation(Prim::Select, node(7), node(9)),
            operation(Prim::Mul, s, s),
            operation(Prim::Add, sum, node(11)),
            operation(Prim::Add, i, constant(0)),
        ];
        operations[5].c = node(6);
        let guard = |at, node, expected| Guard {
            at,
            node: Ref::node(node),
            expected,
            place: 0,
        };
        let body = Trace {
            inputs: 5,
            operations,
            constants: vec![1.0, 0.1],
            guards: vec![guard(1, 5, expected)],
            ..Trace::default()
        };
        let next = [13, 10, 12].map(node).to_vec();
        let of = Repeat::new(body, next, 0, [1, 0], false).expect("it is an iteration");
        let [x, g, n] = [0, 1, 2].map(node);
        let mut trace = Trace {
            inputs: 3,
            operations: vec![operation(Prim::Mul, x, g), operation(Prim::Mul, x, g)],
            constants: vec![0.0],
            ..Trace::default()
        };
        // What the sum begins with is read by nothing else of the loop.
        trace.operations[1] = operation(Prim::Add, x, constant(0));
        trace.add_repeat(Arc::new(of), &[constant(0), node(3), node(4), g, n]);
        // i, s, the sum and how often are 5 to 8.
        trace.operations.extend([
            operation(Prim::Mul, node(7), g),
            operation(Prim::Gt, node(9), n),
            operation(Prim::Add, node(9), node(6)),
            operation(Prim::Select, node(11), node(9)),
            // What the loop began with is read again.
            operation(Prim::Mul, node(12), node(3)),
        ]);
        trace.operations[9].c = node(10);
        (trace, node(13))
    }

    #[test]
    fn lanes_abreast_have_the_bits_that_they_have_alone() {
        let mut random = crate::random::Random::at(&[20_261_201]);
        for (prim, expected) in [(Prim::Lt, 1.0), (Prim::NumEq, 0.0), (Prim::Ge, 0.0)] {
            let (trace, output) = looped(prim, expected);
            assert!(trace.goes_abreast());
            let mut abreast = Abreast::default();
            let mut done = 0;
            for round in 0..12 {
                let lanes = [LANES, 1, 7, 40][round % 4];
                let inputs: Vec<[f64; 3]> = (0..lanes)
                    .map(|lane| {
                        let n = match (round, lane) {
                            // That takes more steps than are kept.
                            (8, 3) => 1e5,
                            // A counter never comes to that.
                            (9 | 10, _) if prim != Prim::NumEq => 17.5,
                            (11, 2) if prim == Prim::Lt => f64::NAN,
                            _ => random.below(300) as f64,
                        };
                        let x = random.below(4000) as f64 / 1000.0 - 1.0;
                        [x, 0.5 + random.below(1000) as f64 / 900.0, n]
                    })
                    .collect();
                abreast
                    .values
                    .resize(lanes.max(abreast.values.len()), Vec::new());
                for (values, inputs) in abreast.values.iter_mut().zip(&inputs) {
                    values.clear();
                    values.extend(inputs);
                }
                abreast.there = u64::MAX >> (LANES - lanes);
                assert!(trace.replay_abreast(&mut abreast, &|| false));
                let by = [0, 1, 2];
                let weight = |lane: usize| [1.0, -0.3, 0.0][round.min(lane) % 3];
                assert!(trace.sweep_abreast(&mut abreast, output, &weight, &by, &|| false));
                for lane in abreast.each() {
                    let (mut values, mut adjoints) = (Vec::new(), Adjoints::default());
                    let kept = Some(&mut adjoints.kept);
                    let ran = trace.replay_while(&inputs[lane], &mut values, kept, &mut |_| true);
                    assert_eq!(ran, Ok(()));
                    let bits = |numbers: &[f64]| {
                        let bits = numbers.iter().map(|x| x.to_bits());
                        bits.collect::<Vec<u64>>()
                    };
                    let told = format!("{prim:?}, round {round}, {:?}", inputs[lane]);
                    assert_eq!(bits(&abreast.values[lane]), bits(&values), "{told}");
                    adjoints.want(&by, trace.inputs);
                    let seeds = [(output, weight(lane))];
                    let seeds = &seeds[..usize::from(weight(lane) != 0.0)];
                    trace.sweep(&values, seeds, &mut adjoints);
                    for input in [0, 1, 2] {
                        let found = abreast.adjoint(lane, input);
                        let expected = adjoints.of(input);
                        assert!(
                            found.to_bits() == expected.to_bits()
                                || found.is_nan() && expected.is_nan(),
                            "{told}: {found} is not {expected} by {input}"
                        );
                    }
                    done += 1;
                }
                let left = lanes - abreast.each().count();
                match round {
                    8 => assert!(left > 0, "{prim:?}: some are left to be done alone"),
                    _ => assert_eq!(left, 0, "{prim:?}, round {round}"),
                }
            }
            assert!(done > 200);
        }
    }
}
