//! Long loops kept as one iteration, beside the same loops written out: values, derivatives, counts and
//! errors, and the path run again on other numbers and for other numbers of iterations. `DMCI_SEED` and
//! `DMCI_ROLLED_LOOPS` say which random programs, and how many.

use super::loops_tests::{Writer, fuel, inputs};
use crate::Input;
use crate::random::{Random, from_environment};
use crate::{Bindings, Interpreter, Lane, LaneMut, Limits, Mode, Model, Workspace, Wrt};

/// From how many operations on loops are kept as one iteration in these tests.
const LONG: usize = 20;

fn workspace(rolls: bool) -> Workspace {
    let mut workspace = Workspace::new();
    if rolls {
        workspace.memory.hot.roll_from(LONG);
    } else {
        workspace.memory.hot.rest_for_good();
    }
    workspace
}

/// Those of loops, and two vectors.
fn with_vectors() -> Bindings {
    let mut inputs = inputs();
    for (name, step) in [("v", 0.13), ("w", 0.29)] {
        let numbers = (0..64).map(|nth| (f64::from(nth) * step).sin() + 0.01);
        inputs.set(name, Input::Vector(numbers.collect()));
    }
    inputs
}

fn model(source: &str, mode: Mode) -> Model {
    let inputs = if source.contains(" v)") {
        with_vectors()
    } else {
        inputs()
    };
    let prepared = Interpreter::embedded().model_for(source, &inputs, mode);
    prepared.unwrap_or_else(|error| panic!("{source}\n{error}"))
}

/// What a run comes to, and what it costs.
fn told(model: &Model, inputs: &Bindings, limits: &Limits, workspace: &mut Workspace) -> String {
    match model.evaluate(inputs, Wrt::All, limits, workspace) {
        Ok(run) => {
            let slopes = ["a", "b", "n", "v", "w"].map(|name| {
                let row = run.gradient.jacobian(name).unwrap_or_default();
                let bits = row.iter().map(|x| if x.is_nan() { 1 } else { x.to_bits() });
                bits.collect::<Vec<u64>>()
            });
            let stats = run.stats;
            let counts = (stats.applications, stats.fuel, stats.depth);
            format!("{:?} {slopes:?} {counts:?}", run.value)
        }
        Err(error) => format!("{error}"),
    }
}

/// Holds a program whose loops are kept so against the same where they are written out; gives how many
/// paths have such loops.
fn check(source: &str, limits: &Limits, which: &str) -> usize {
    let mut rolled = 0;
    for mode in [Mode::Interpreter, Mode::Direct] {
        let kept = model(source, mode);
        let mut with = workspace(true);
        let mut others = Vec::new();
        for (scale, n) in [
            (1.0, 60.0),
            (0.9, 60.0),
            (1.0, 61.0),
            (1.3, 200.0),
            (-1.0, 5.0),
            (1.0, 0.0),
            (1.0, 11.0),
            (0.7, 12.0),
            (1.1, 13.0),
            (1.2, 14.0),
            (0.5, 60.5),
            (1.0, f64::NAN),
            (1e200, 33.0),
            (0.0, 64.0),
        ] {
            let mut inputs = with_vectors();
            inputs.set("a", 0.7 * scale);
            inputs.set("b", -1.3 * scale);
            inputs.set("n", n);
            others.push(inputs);
        }
        for inputs in others {
            // Walked, and on whatever path there is.
            let fresh = told(&model(source, mode), &inputs, limits, &mut workspace(false));
            for way in ["first", "again"] {
                let now = told(&kept, &inputs, limits, &mut with);
                assert!(
                    now == fresh,
                    "{which}{mode:?} {way} {inputs:?} fuel {}\n{source}\nwritten out:\n{fresh:.3000}\nkept as one iteration:\n{now:.3000}",
                    limits.fuel
                );
            }
        }
        rolled += kept.inner.paths.count() as usize - kept.inner.paths.len();
    }
    rolled
}

#[test]
fn loops_of_numbers_are_kept_as_one_iteration() {
    let sources = [
        "(loop ((i 0) (s a)) (if (< i 100) (recur (+ i 1) (* s (- 1 (* b s)))) s))",
        "(loop ((i 0) (s a)) (if (< i n) (recur (+ i 1) (+ (* 0.9 s) b)) (list s i)))",
        "(let go ((x 100.0) (k 0)) (if (or (< (abs (- (* x x) 2.0)) 1e-6) (> k 300)) (+ x (* a k)) (go (- x (* 0.1 a (/ (- (* x x) 2.0) x))) (+ k 1))))",
        "(do ((i 0 (+ i 1)) (x a (+ x (* 0.1 y))) (y b (- y (* 0.1 x)))) ((>= i n) (list x y)))",
        // Carried on from register to register, and read by what comes after the loop as well.
        "(loop ((i 0) (x a) (y b) (z 1.0)) (if (< i n) (recur (+ i 1) y z (* 0.5 (+ x (* y z)))) (+ x (* a y) (* b z i))))",
        "(let ((t (* a b))) (loop ((i 0) (x t) (y 0.0)) (if (< i n) (recur (+ i 1) (* 0.9 (+ x (sin y))) (- y (* t x))) (list (* t x) (exp (- (abs y)))))))",
        // Two loops, the second begun with what the first came to.
        "(loop ((i 0) (x a)) (if (< i n) (recur (+ i 1) (+ x (* 0.01 (cos x)))) (loop ((j 0) (y x)) (if (< j i) (recur (+ j 1) (* 0.99 (+ y b))) (* x y)))))",
        // Only some of what is carried on is wanted; one has an infinite slope that nothing reaches.
        "(loop ((i 0) (x a) (y 0.0)) (if (< i n) (recur (+ i 1) (* 0.9 x) (sqrt (* y y))) x))",
        "(loop ((i 0) (x a) (y b)) (if (< i n) (recur (+ i 1) (* 0.9 x) (* 1.01 y)) y))",
        // Forks, whose arms cost alike or not; arguments that count or not.
        "(loop ((i 0) (s a)) (if (< i n) (recur (+ i 1) (if (> s 0.0) (- s 0.3) (+ s 1.1))) (* s b)))",
        "(loop ((i 0) (s a)) (if (< i n) (recur (+ i 1) (if (> s 0.0) (* 0.5 (- s 0.3 b)) 1.0)) s))",
        "(loop ((i 0) (s a) (t b)) (if (< i n) (recur (+ i 1) (max (* 0.9 s) t) (min 0.5 (* -0.8 t))) (list s t)))",
        "(loop ((i 0) (s a) (t b)) (if (< i n) (recur (+ i 1) (* 0.99 s) (if (< (sin (* 3.0 t)) 0.2) (+ t (* 0.1 s)) (if (> t 0.0) 0.0 (- t)))) (+ s (* a t))))",
        "(loop ((i 0) (s a)) (if (or (> i n) (> s 40.0)) (* s b) (recur (+ i 1) (+ s (abs (* b (cos s)))))))",
        // Time that goes on by a step, and a loop that no input ends.
        "(let ((dt 0.01)) (loop ((t 0.0) (x a)) (if (< t 1.0) (recur (+ t dt) (+ x (* dt (- b x)))) x)))",
        "(+ a (loop ((i 0) (s 0.0)) (if (< i 200) (recur (+ i 1) (+ s (/ 1.0 (+ i 1)))) s)))",
    ];
    for source in sources {
        let rolled = check(source, &fuel(5000), "");
        let has_none = source.starts_with("(+ a (loop");
        assert_eq!(rolled == 0, has_none, "{source}");
    }
}

#[test]
fn loops_that_go_along_lists_and_vectors_are_kept_as_one_iteration() {
    let sources = [
        "(let go ((l (vec->list v)) (s a)) (if (null? l) s (go (cdr l) (+ (* 0.9 s) (* b (car l))))))",
        "(let go ((l (vec->list v)) (m a) (p 1.0)) (if (null? l) (+ m p) (let* ((p (+ p 0.1)) (k (/ p (+ p (* b b))))) (go (cdr l) (+ m (* k (- (car l) m))) (* p (- 1.0 k))))))",
        "(loop ((k 0) (x 0.0) (p 1.0) (nll 0.0)) (if (= k 60) nll (let* ((pp (+ p a)) (s (+ pp (* b b))) (e (- (ref v k) x)) (kg (/ pp s))) (recur (+ k 1) (+ x (* kg e)) (* (- 1.0 kg) pp) (+ nll (* 0.5 (+ (log s) (/ (* e e) s))))))))",
        // Fewer than there are, as numbers say; what comes after reads what is left.
        "(let go ((l (vec->list v)) (s a) (i 0)) (if (or (null? l) (>= i n)) (+ s (* b (length l))) (go (cdr l) (+ (* 0.9 s) (car l)) (+ i 1))))",
        "(let go ((l (vec->list v)) (s a)) (if (or (null? (cdr l)) (> s 30.0)) (* s (car l)) (go (cdr l) (+ s (abs (* b (car l)))))))",
        // Two at a time, pairs, two lists, a vector by an index, one after the other.
        "(let go ((l (vec->list v)) (s a)) (if (null? l) s (go (cddr l) (+ (* 0.9 s) (* (car l) (cadr l))))))",
        "(let go ((l (map list (vec->list v) (vec->list w))) (s a)) (if (null? l) s (go (cdr l) (+ (* 0.9 s) (* (caar l) (cadar l))))))",
        "(fold (lambda (x s) (+ (* b s) (* x (abs x)))) a (vec->list v))",
        "(let go ((i 0) (s a)) (if (= i 64) s (go (+ i 1) (+ (* 0.9 s) (* (ref v i) (ref w (- 63 i)))))))",
        "(+ (let go ((i 0) (s a)) (if (= i 64) s (go (+ i 1) (+ (* 0.9 s) (ref v i))))) (let go ((i 0) (s b)) (if (= i 64) s (go (+ i 1) (* 0.9 (+ s (ref v i)))))))",
        // One read by several, and by what comes before and after.
        "(let go ((i 1) (s a)) (if (= i 64) (* s (ref v 5)) (go (+ i 1) (+ (* 0.9 s) (* (ref v i) (ref v (- i 1)) b)))))",
        "(let go ((l (vec->list v)) (s (* a (ref v 7)))) (if (null? (cdr l)) (* s (ref v 9)) (go (cdr l) (+ (* 0.9 s) (- (car l) (cadr l))))))",
        "(let go ((i 0) (s a)) (if (= i 64) s (go (+ i 1) (+ (* (ref w 3) s) (ref v i)))))",
        // Data, whole numbers, a fork.
        "(let go ((l (iota 100)) (s a)) (if (null? l) s (go (cdr l) (+ (* 0.9 s) (* b (car l))))))",
        "(let go ((l (map (lambda (i) (/ i 7.0)) (iota 100))) (s a)) (if (null? l) s (go (cdr l) (+ (* 0.9 s) (if (> (car l) (* 5 a)) (* b (car l)) 0.1)))))",
        "(let go ((l (vec->list v)) (s a)) (if (null? l) s (go (cdr l) (if (> (car l) s) (+ s (* 0.5 b (car l))) (* s (max (car l) 0.3))))))",
    ];
    for source in sources {
        assert_ne!(check(source, &fuel(5000), ""), 0, "{source}");
    }
    // What is no such structure, or begins with what it reads, is written out.
    for source in [
        "(let go ((l (vec->list v)) (s (ref v 0))) (if (null? l) s (go (cdr l) (max (* b s) (car l)))))",
        "(let go ((l (vec->list v)) (s a)) (if (null? l) s (go (cdr l) (* 0.9 (+ s b)))))",
        "(let go ((i 0) (s a)) (if (= i 64) s (go (+ i 1) (+ (* 0.9 s) (ref v (exact (floor (* 60 (abs (sin s)))))))))) ",
        "(fold (lambda (x y s) (+ (* b s) (* x y))) a (vec->list v) (vec->list w))",
        "(let go ((l (append (iota 50) (vec->list v))) (s a)) (if (null? l) s (go (cdr l) (+ (* 0.9 s) (car l)))))",
    ] {
        check(source, &fuel(5000), "");
    }
    for limit in [100, 241, 300, 301, 302] {
        check(sources[0], &fuel(limit), "");
    }
}

#[test]
fn loops_that_carry_nothing_but_sums_are_kept_as_one_iteration() {
    let sources = [
        "(fold (lambda (x s) (let ((e (- (+ a (* x (+ b (* x 0.5)))) 0.5))) (+ s (* e e)))) 0.0 (vec->list v))",
        "(loop ((i 0) (s a)) (if (< i n) (recur (+ i 1) (+ s (* b i))) (* s s)))",
        "(loop ((i 0) (s a) (t 0.0) (u b)) (if (< i n) (recur (+ i 1) (- s (* b b)) (+ (sin (* a i)) t) (+ u 1.0)) (list s (* t u) i)))",
        "(loop ((i 1.0) (h 0.1) (s 0.0)) (if (<= i 40.0) (recur (+ i h) h (+ s (/ a (+ i (exp b))))) s))",
        // What is read in turn is differentiated by, twice in a term and by itself; two lists; one read by several.
        "(let go ((l (vec->list v)) (s a) (t b)) (if (null? l) (* s t) (go (cdr l) (+ s (* (car l) (car l))) (- t (car l)))))",
        "(let go ((l (map list (vec->list v) (vec->list w))) (s a)) (if (null? l) s (go (cdr l) (+ s (* b (caar l) (cadar l) (cadar l))))))",
        "(let go ((i 1) (s a)) (if (= i 64) s (go (+ i 1) (+ s (* (ref v i) (ref v (- i 1)) (+ b (* b (ref v i))))))))",
        // An end that no counter tells, and what arrives in some iterations alone.
        "(let go ((l (vec->list v)) (s a) (i 0)) (if (or (null? l) (> (* a (car l)) 0.65)) (+ s (* b i)) (go (cdr l) (+ s (* b (car l))) (+ i 1))))",
        "(loop ((i 0) (s a)) (if (< i n) (recur (+ i 1) (+ s (max (* b i) (* a a)))) s))",
        "(loop ((i 0) (s a)) (if (< i n) (recur (+ i 1) (+ s (if (> (sin (* i b)) 0.3) (* a b) b))) s))",
        "(loop ((i 0) (s a)) (if (< i n) (recur (+ i 1) (+ s (sqrt (* a i)))) (* 2.0 s)))",
        // Sums that are read, or read others.
        "(loop ((i 0) (s a) (t b)) (if (< i n) (recur (+ i 1) (+ s (* 0.1 t)) (- t (* 0.1 a))) (+ s t)))",
        "(loop ((i 0) (s a)) (if (and (< i n) (< s 20.0)) (recur (+ i 1) (+ s (abs b))) s))",
        "(+ (loop ((i 0) (s 0.0)) (if (< i n) (recur (+ i 1) (+ s (* a (+ i 1)))) s)) (loop ((i 0) (s 0.0)) (if (< i n) (recur (+ i 1) (- s (* b a))) s)))",
    ];
    for source in sources {
        assert_ne!(check(source, &fuel(5000), ""), 0, "{source}");
    }
    for limit in [100, 242, 300, 303, 700] {
        check(sources[1], &fuel(limit), "");
    }
}

#[test]
fn what_a_replay_has_kept_of_one_loop_is_none_of_anothers() {
    // As long as each other; the second one's cotangents go back one iteration after the other.
    let sources = [
        "(loop ((i 0) (s a)) (if (< i n) (recur (+ i 1) (* s (max b 0.9))) s))",
        "(loop ((i 0) (s a)) (if (< i n) (recur (+ i 1) (+ s (max b i))) s))",
    ];
    let models = sources.map(|source| model(source, Mode::Interpreter));
    let mut with = workspace(true);
    for n in [60.0, 150.0, 61.0, 150.0] {
        for (kept, source) in models.iter().zip(sources) {
            let mut inputs = inputs();
            inputs.set("b", 2.5);
            inputs.set("n", n);
            let written_out = model(source, Mode::Interpreter);
            let expected = told(&written_out, &inputs, &fuel(5000), &mut workspace(false));
            for _ in 0..3 {
                let now = told(kept, &inputs, &fuel(5000), &mut with);
                assert_eq!(now, expected, "{n}: {source}");
            }
        }
    }
    for kept in models {
        let paths = &kept.inner.paths;
        assert!(
            paths.count() as usize > paths.len(),
            "it is kept as one iteration"
        );
    }
}

/// A number that is computed from an iteration's, so many levels deep.
fn term(random: &mut Random, leaves: &[&str], depth: usize) -> String {
    if depth == 0 || random.below(5) == 0 {
        return leaves[random.below(leaves.len())].to_owned();
    }
    let [x, y] = [(); 2].map(|()| term(random, leaves, depth - 1));
    match random.below(14) {
        0 => format!("(sin {x})"),
        1 => format!("(exp (- (abs {x})))"),
        2 => format!("(/ {x} (+ 1.5 (* {y} {y})))"),
        3 => format!("(max {x} {y})"),
        4 => format!("(if (> {x} 0.4) {y} (* 0.5 {x}))"),
        5 => format!("(abs {x})"),
        6 => format!("(- {x})"),
        7 | 8 => format!("(- {x} {y})"),
        9 | 10 => format!("(+ {x} {y})"),
        _ => format!("(* {x} {y})"),
    }
}

#[test]
fn random_sums_come_to_the_same() {
    let seed = from_environment("DMCI_SEED", 20_261_202);
    let count = from_environment("DMCI_ROLLED_LOOPS", 40) / 2;
    let mut rolled = 0;
    for nth in 0..count {
        let mut random = Random::at(&[seed, nth, 3]);
        let (head, end, next, leaves): (_, _, _, &[&str]) = match random.below(3) {
            0 => ("(i 0)", "(>= i n)", "(+ i 1)", &["a", "b", "i", "0.3"]),
            1 => (
                "(l (vec->list v))",
                "(null? l)",
                "(cdr l)",
                &["a", "b", "(car l)", "1.7"],
            ),
            _ => (
                "(i 0)",
                "(= i 63)",
                "(+ i 1)",
                &["a", "(ref v i)", "(ref w (+ i 1))", "b"],
            ),
        };
        let sums = 1 + random.below(3);
        let (mut starts, mut terms) = (Vec::new(), Vec::new());
        for sum in 0..sums {
            let start = ["a", "0.0", "(* 2.0 b)", "1.0"][random.below(4)];
            starts.push(format!("(s{sum} {start})"));
            let depth = 1 + random.below(3);
            let term = term(&mut random, leaves, depth);
            terms.push(match random.below(3) {
                0 => format!("(- s{sum} {term})"),
                1 => format!("(+ {term} s{sum})"),
                _ => format!("(+ s{sum} {term})"),
            });
        }
        let (starts, terms) = (starts.join(" "), terms.join(" "));
        let all: Vec<String> = (0..sums).map(|sum| format!("s{sum}")).collect();
        let (all, last) = (all.join(" "), sums - 1);
        let result = match random.below(3) {
            0 => format!("(list {all})"),
            1 => format!("(* a (+ {all}))"),
            _ => format!("(* s0 s{last})"),
        };
        let source = format!("(let go ({head} {starts}) (if {end} {result} (go {next} {terms})))");
        let which = format!("seed {seed}, program {nth}: ");
        rolled += check(&source, &fuel(5000), &which).min(1);
    }
    assert!(
        rolled as u64 * 4 > count,
        "seed {seed}: {rolled} of {count} were kept so"
    );
}

#[test]
fn fuel_ends_them_where_it_ends_a_walk() {
    let source = "(loop ((i 0) (s a)) (if (< i n) (recur (+ i 1) (+ (* 0.9 s) b)) s))";
    for limit in [0, 1, 30, 100, 241, 242, 243, 300, 601, 1000] {
        check(source, &fuel(limit), "");
    }
}

#[test]
fn random_loops_come_to_the_same() {
    let seed = from_environment("DMCI_SEED", 20_261_130);
    let count = from_environment("DMCI_ROLLED_LOOPS", 40);
    let mut rolled = 0;
    for nth in 0..count {
        let mut random = Random::at(&[seed, nth, 1]);
        let limit = if random.below(3) == 0 {
            random.below(2000)
        } else {
            5000
        };
        let limits = fuel(10 + limit as u64);
        let mut writer = Writer::new(random);
        let source = if nth % 2 == 0 {
            writer.of_numbers()
        } else {
            writer.of_elements()
        };
        rolled += check(&source, &limits, &format!("seed {seed}, program {nth}: ")).min(1);
    }
    assert!(
        rolled as u64 * 4 > count,
        "seed {seed}: {rolled} of {count} were kept so"
    );
}

#[test]
fn lanes_of_many_numbers_of_iterations_share_a_path() {
    let sources = [
        "(loop ((i 0) (s a)) (if (< i n) (recur (+ i 1) (* 1.9 (* s (- 1.0 s)))) (* b s)))",
        // Each number of iterations along a list would be a path of its own: it is walked.
        "(let go ((l (iota 200)) (s a) (i 0)) (if (or (null? l) (>= i n)) (* b s) (go (cdr l) (+ (* 0.9 s) (car l)) (+ i 1))))",
        "(loop ((i 0) (s a) (t b)) (if (< i n) (recur (+ i 1) (if (> s t) (* 0.5 (- s t)) (+ s (abs (* b t)))) (sin t)) (+ s (* a t))))",
    ];
    for source in sources {
        let rolls = check_lanes(source, 400, 131, "");
        assert_eq!(rolls, !source.contains("cdr"), "{source}");
    }
}

/// Holds lanes of as many numbers of iterations, where few paths are kept, against each lane walked alone; gives
/// whether a path with a loop kept as one iteration was recorded.
fn check_lanes(source: &str, count: usize, most: usize, which: &str) -> bool {
    let lane = |step: usize, of: usize| (0..count).map(move |lane| (lane * step % of) as f64);
    let n: Vec<f64> = lane(7, most).collect();
    let a: Vec<f64> = lane(11, 13).map(|x| 0.7 + 0.01 * x).collect();
    let b: Vec<f64> = lane(5, 17).map(|x| 0.1 * x - 1.3).collect();
    let kept = model(source, Mode::Interpreter);
    kept.keep_paths(12);
    let all = kept.value_and_grad_lanes(
        &Bindings::new(),
        &[("n", &n), ("a", &a), ("b", &b)],
        &["a", "b", "n"],
        crate::OnError::Collect,
        &fuel(1 << 40),
        &mut Workspace::new(),
    );
    let all = all.unwrap_or_else(|error| panic!("{which}{source}\n{error}"));
    let alone = model(source, Mode::Direct);
    alone.keep_paths(0);
    let mut workspace = workspace(false);
    let mut total = 0;
    for lane in 0..count {
        let mut inputs = inputs();
        for (name, column) in [("n", &n), ("a", &a), ("b", &b)] {
            inputs.set(name, column[lane]);
        }
        let told = format!("{which}{source}, lane {lane}: {inputs:?}");
        let run = alone.evaluate(&inputs, Wrt::All, &Limits::default(), &mut workspace);
        let run = run.unwrap_or_else(|error| panic!("{told}\n{error}"));
        let bits = |x: f64| if x.is_nan() { 1 } else { x.to_bits() };
        let value = all.values[lane].as_ref();
        let value = value.map(|value| value.number().map(bits));
        assert_eq!(value.ok(), Some(run.value.number().map(bits)), "{told}");
        for name in ["a", "b", "n"] {
            let expected = run.gradient.get(name).map(bits);
            let mut columns = all.per_lane.iter();
            let column = columns.find(|(of, _)| of == name).map(|(_, column)| column);
            let found = column.and_then(|column| column[lane]).map(bits);
            assert_eq!(found, expected, "by {name}: {told}");
        }
        total += run.stats.fuel;
    }
    assert_eq!(all.stats.fuel, total, "{which}{source}");
    // The same weighted by cotangents, some of which are 0.
    let weights: Vec<f64> = lane(3, 5).map(|x| 0.4 * x - 0.8).collect();
    let given = [&n, &a, &b, &weights].map(Vec::as_slice);
    let together = weighted(&kept, given);
    for lane in 0..count {
        let one = given.map(|column| &column[lane..=lane]);
        let expected = weighted(&alone, one).map(|column| column[0]);
        let found = [0, 1, 2].map(|at| together[at][lane]);
        assert_eq!(found, expected, "{which}{source}, lane {lane}, weighted");
    }
    kept.inner.paths.count() > kept.inner.paths.len() as u64
}

/// The bits of the derivatives by n, a and b, lane by lane, weighted by the last column.
fn weighted(model: &Model, [n, a, b, weights]: [&[f64]; 4]) -> [Vec<u64>; 3] {
    let names = ["n", "a", "b"];
    let evaluator = model.evaluator(&inputs(), &names, &names, &fuel(1 << 40));
    let mut evaluator = evaluator.expect("names of inputs");
    let mut grads = [n, a, b].map(|column| vec![0.0; column.len()]);
    let lanes = [n, a, b].map(Lane::Each);
    let mut columns = grads.each_mut().map(|column| LaneMut::Each(column));
    let failed = evaluator.vjp(&lanes, &[Lane::Each(weights)], &mut columns);
    assert!(failed.is_ok_and(|failed| failed.is_empty()));
    let bits = |x: f64| if x.is_nan() { 1 } else { x.to_bits() };
    grads.map(|column| column.into_iter().map(bits).collect())
}

#[test]
fn lanes_of_random_loops_come_to_the_same() {
    let seed = from_environment("DMCI_SEED", 20_261_201);
    let count = from_environment("DMCI_ROLLED_LOOPS", 40) / 2;
    let mut rolled = 0;
    for nth in 0..count {
        let mut writer = Writer::new(Random::at(&[seed, nth, 2]));
        // Each lane goes round as often as it has to itself, and has derivatives of one number.
        let source = writer.of_numbers();
        let source = source.replace("i 45)", "i n)").replace("i 300)", "i n)");
        let source = format!("(let ((all (let () {source}))) (if (pair? all) (apply + all) all))");
        let which = format!("seed {seed}, program {nth}: ");
        rolled += u64::from(check_lanes(&source, 150, 90, &which));
    }
    assert!(
        rolled * 4 > count,
        "seed {seed}: {rolled} of {count} were kept so"
    );
}

#[test]
fn what_is_done_alike_again_and_again_is_written_out() {
    let source = "(loop ((i 0) (s a)) (if (< i n) (recur (+ i 1) (+ (* 0.9 s) b)) s))";
    let kept = model(source, Mode::Direct);
    let mut with = workspace(true);
    let first = told(&kept, &inputs(), &Limits::default(), &mut with);
    for _ in 0..80 {
        assert_eq!(told(&kept, &inputs(), &Limits::default(), &mut with), first);
    }
    let paths = &kept.inner.paths;
    assert_eq!((paths.count(), paths.len()), (2, 1));
}
