//! Workloads of whole vectors and long loops: programs, and the numbers they run on.
//!
//! A name and a size go in; a [`Case`] comes out, the same on every machine.
//!
//! **Invariants**
//! - Every input is made here by arithmetic and a fixed generator, and peers are given the same bits.

use dmci::{Bindings, Input};
use std::f64::consts::PI;
use std::fs;
use std::io;
use std::path::Path;

/// A program with its inputs.
pub(crate) struct Case {
    pub(crate) group: &'static str,
    pub(crate) size: usize,
    pub(crate) source: String,
    pub(crate) inputs: Vec<(&'static str, Array)>,
    pub(crate) by: Vec<&'static str>,
    /// Inputs with one number a lane, where the case is a sum over lanes.
    pub(crate) lanes: Vec<(&'static str, Vec<f64>)>,
}

/// Numbers of some shape: none for a number, one extent for a vector, two for a matrix.
pub(crate) struct Array {
    pub(crate) shape: Vec<usize>,
    pub(crate) numbers: Vec<f64>,
}

/// Splitmix64, for numbers that no program is likely to treat specially.
struct Random(u64);

impl Random {
    /// A number of mean 0 and variance 1, evenly between bounds.
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let unit = ((x ^ (x >> 31)) >> 11) as f64 / (1_u64 << 53) as f64;
        (2.0 * unit - 1.0) * 3.0_f64.sqrt()
    }

    fn vector(&mut self, n: usize, scale: f64) -> Array {
        Array::vector((0..n).map(|_| scale * self.next()).collect())
    }

    fn matrix(&mut self, n: usize, m: usize, scale: f64) -> Array {
        let numbers = (0..n * m).map(|_| scale * self.next()).collect();
        let shape = vec![n, m];
        Array { shape, numbers }
    }
}

impl Array {
    fn number(x: f64) -> Self {
        let (shape, numbers) = (Vec::new(), vec![x]);
        Self { shape, numbers }
    }

    fn vector(numbers: Vec<f64>) -> Self {
        let shape = vec![numbers.len()];
        Self { shape, numbers }
    }

    /// A square matrix by its entries.
    fn square(n: usize, entry: impl Fn(usize, usize) -> f64) -> Self {
        let numbers = (0..n * n).map(|at| entry(at / n, at % n)).collect();
        let shape = vec![n, n];
        Self { shape, numbers }
    }

    fn input(&self) -> Input {
        match self.shape[..] {
            [] => Input::Number(self.numbers[0]),
            [_] => Input::Vector(self.numbers.clone()),
            [_, columns, ..] => {
                let rows: Vec<Vec<f64>> =
                    self.numbers.chunks(columns).map(<[f64]>::to_vec).collect();
                Input::matrix(&rows).expect("rows are equally long")
            }
        }
    }
}

impl Case {
    pub(crate) fn name(&self) -> String {
        format!("{}:{}", self.group, self.size)
    }

    pub(crate) fn bindings(&self) -> Bindings {
        let mut bindings = Bindings::new();
        for (name, array) in &self.inputs {
            bindings.set(*name, array.input());
        }
        bindings
    }

    /// Writes the numbers for peers: a file for each input, and one that tells their shapes.
    ///
    /// # Errors
    /// When a file can't be written.
    pub(crate) fn write(&self, directory: &Path) -> io::Result<()> {
        let mut shapes = serde_json::Map::new();
        let lanes = self.lanes.iter();
        let lanes = lanes.map(|(name, numbers)| (*name, vec![numbers.len()], numbers));
        let inputs = self.inputs.iter();
        let inputs = inputs.map(|(name, array)| (*name, array.shape.clone(), &array.numbers));
        for (name, shape, numbers) in inputs.chain(lanes) {
            shapes.insert(name.into(), shape.into());
            let bytes: Vec<u8> = numbers.iter().flat_map(|x| x.to_le_bytes()).collect();
            fs::write(directory.join(format!("{name}.f64")), bytes)?;
        }
        let case = serde_json::json!({
            "group": self.group, "size": self.size, "shapes": shapes, "by": self.by,
        });
        fs::write(directory.join("case.json"), case.to_string())
    }
}

const HEAT: &str = "(loop ((i 0) (u u0))
  (if (= i 100) (dot u u) (recur (+ i 1) (+ u (scale a (matvec lap u))))))";

const NBODY: &str = "(let* ((o (ones (vlen px)))
       (dx (- (outer px o) (outer o px)))
       (dy (- (outer py o) (outer o py)))
       (dz (- (outer pz o) (outer o pz)))
       (r (sqrt (+ (+ (* dx dx) (* dy dy)) (+ (* dz dz) 0.01)))))
  (* -0.5 (- (vsum (/ g r)) (* 10.0 (* g (vlen px))))))";

const PARAMS: &str = "(vsum (* x (log (+ 1.0 (exp (* w (* s x)))))))";

const MLP: &str = "(let* ((h1 (tanh (+ (scale x W1) b1)))
       (h2 (tanh (+ (matvec W2 h1) b2)))
       (e (- (+ (dot w3 h2) b3) (sin x))))
  (* e e))";

const MATMUL: &str = "(vsum (* A (matmul A B)))";

const GP: &str =
    "(let* ((K (+ (scale s2 (exp (scale (/ -0.5 (* l l)) d2))) (scale noise (eye (rows d2)))))
       (a (solve K y)))
  (* 0.5 (+ (dot y a) (logdet K))))";

const PENDULUM: &str = "(loop ((i 0) (th 1.2) (om 0.0))
  (if (= i STEPS) th
    (let* ((om2 (+ om (* 0.02 (- (* (- 0.0 gl) (sin th)) (* c om))))))
      (recur (+ i 1) (+ th (* 0.02 om2)) om2))))";

const LOTKA: &str = "(let* ((fx (lambda (x y) (- (* al x) (* be (* x y)))))
       (fy (lambda (x y) (- (* de (* x y)) (* ga y)))))
  (loop ((i 0) (x 1.0) (y 0.5))
    (if (= i STEPS) (+ x y)
      (let* ((k1x (fx x y)) (k1y (fy x y))
             (xa (+ x (* 0.0025 k1x))) (ya (+ y (* 0.0025 k1y)))
             (k2x (fx xa ya)) (k2y (fy xa ya))
             (xb (+ x (* 0.0025 k2x))) (yb (+ y (* 0.0025 k2y)))
             (k3x (fx xb yb)) (k3y (fy xb yb))
             (xc (+ x (* 0.005 k3x))) (yc (+ y (* 0.005 k3y)))
             (k4x (fx xc yc)) (k4y (fy xc yc)))
        (recur (+ i 1)
               (+ x (* 0.0008333333333333334 (+ (+ k1x (* 2.0 k2x)) (+ (* 2.0 k3x) k4x))))
               (+ y (* 0.0008333333333333334 (+ (+ k1y (* 2.0 k2y)) (+ (* 2.0 k3y) k4y)))))))))";

const KALMAN: &str = "(loop ((k 0) (x 0.0) (p 1.0) (nll 0.0))
  (if (= k STEPS) nll
    (let* ((pp (+ p q)) (s (+ pp r)) (e (- (ref ys k) x)) (kg (/ pp s)))
      (recur (+ k 1) (+ x (* kg e)) (* (- 1.0 kg) pp)
             (+ nll (* 0.5 (+ (log s) (/ (* e e) s))))))))";

const FOLD: &str = "(fold (lambda (x s)
        (let ((e (- (+ c0 (* x (+ c1 (* x c2)))) 0.5))) (+ s (* e e))))
      0.0 (vec->list xs))";

/// How many lanes go round as often as each has to itself, or are on pieces.
const TRIP_LANES: usize = 65_536;

const TRIPS: &str =
    "(loop ((i 0) (s x)) (if (< i n) (recur (+ i 1) (* r (* s (- 1.0 s)))) (* s s)))";

/// So many pieces of 0 to 10, each with a path of its own: a loop, and the line after the last test.
fn pieces(count: usize) -> String {
    (1..count)
        .rev()
        .fold("(- (* a x) b)".into(), |rest, piece| {
            let end = 10.0 * piece as f64 / count as f64;
            let part = piece as f64 / count as f64;
            format!(
                "(if (< x {end:?}) (let go ((i 0) (s x)) \
             (if (= i 8) (* a (+ s {piece})) (go (+ i 1) (+ (sin s) (* b {part:?}))))) {rest})"
            )
        })
}

/// All cases, vectors first.
pub(crate) fn cases() -> Vec<(&'static str, Vec<usize>)> {
    vec![
        ("heat", vec![10, 100, 1000]),
        ("mlp", vec![1, 64, 1024, 65_536]),
        ("nbody", vec![10, 30, 100]),
        ("params", vec![100, 1000, 10_000]),
        ("gp", vec![50, 100, 200, 400]),
        ("matmul", vec![10, 30, 100, 200, 500]),
        ("pendulum", vec![100, 10_000, 1_000_000]),
        ("lotka", vec![100, 10_000, 100_000, 1_000_000]),
        ("kalman", vec![100, 10_000, 100_000, 1_000_000]),
        ("fold", vec![100, 10_000, 1_000_000]),
        ("trips", vec![1, 10, 200, 1000]),
        ("pieces", vec![10, 200]),
    ]
}

/// The case of a group, so large.
///
/// # Panics
/// If no group is called so.
pub(crate) fn case(group: &'static str, n: usize) -> Case {
    let mut random = Random(n as u64);
    let number = Array::number;
    let mut lanes = Vec::new();
    let wave = || {
        Array::vector(
            (0..n)
                .map(|i| (PI * i as f64 / (n - 1) as f64).sin())
                .collect(),
        )
    };
    let looped = |text: &str| text.replace("STEPS", &n.to_string());
    let (source, inputs, by) = match group {
        "heat" => {
            let edge = |i: usize| i == 0 || i == n - 1;
            let lap = Array::square(n, |i, j| match i.abs_diff(j) {
                _ if edge(i) => 0.0,
                0 => -2.0,
                1 => 1.0,
                _ => 0.0,
            });
            let inputs = vec![("a", number(0.2)), ("u0", wave()), ("lap", lap)];
            (HEAT.to_owned(), inputs, vec!["a", "u0"])
        }
        "mlp" => {
            let inputs = vec![
                ("W1", random.vector(64, 1.0)),
                ("b1", random.vector(64, 1.0)),
                ("W2", random.matrix(64, 64, 0.125)),
                ("b2", random.vector(64, 1.0)),
                ("w3", random.vector(64, 0.125)),
                ("b3", number(0.1)),
            ];
            let at = |i: usize| -3.0 + 6.0 * i as f64 / (n - 1).max(1) as f64;
            lanes = vec![("x", (0..n).map(at).collect())];
            (
                MLP.to_owned(),
                inputs,
                vec!["W1", "b1", "W2", "b2", "w3", "b3"],
            )
        }
        "nbody" => {
            let mut inputs = vec![("g", number(1.0))];
            inputs.extend(["px", "py", "pz"].map(|name| (name, random.vector(n, 1.0))));
            (NBODY.to_owned(), inputs, vec!["px", "py", "pz"])
        }
        "params" => {
            let inputs = vec![
                ("s", number(1.0)),
                ("w", random.vector(n, 1.0)),
                ("x", random.vector(n, 1.0)),
            ];
            (PARAMS.to_owned(), inputs, vec!["w"])
        }
        "gp" => {
            let at: Vec<f64> = (0..n).map(|i| 10.0 * i as f64 / n as f64).collect();
            let y = Array::vector(at.iter().map(|x| x.sin()).collect());
            let d2 = Array::square(n, |i, j| (at[i] - at[j]).powi(2));
            let inputs = vec![
                ("s2", number(1.0)),
                ("l", number(1.0)),
                ("noise", number(0.1)),
                ("y", y),
                ("d2", d2),
            ];
            (GP.to_owned(), inputs, vec!["s2", "l", "noise"])
        }
        "matmul" => {
            let inputs = ["A", "B"].map(|name| (name, random.matrix(n, n, 1.0)));
            (MATMUL.to_owned(), inputs.into(), vec!["A", "B"])
        }
        "pendulum" => {
            let inputs = vec![("gl", number(9.81)), ("c", number(1e-5))];
            (looped(PENDULUM), inputs, vec!["gl", "c"])
        }
        "lotka" => {
            let inputs = [("al", 1.1), ("be", 0.4), ("de", 0.1), ("ga", 0.4)];
            let inputs = inputs.map(|(name, x)| (name, number(x)));
            (looped(LOTKA), inputs.into(), vec!["al", "be", "de", "ga"])
        }
        "kalman" => {
            let ys = random.vector(n, 1.0);
            let inputs = vec![("q", number(0.05)), ("r", number(0.1)), ("ys", ys)];
            (looped(KALMAN), inputs, vec!["q", "r"])
        }
        "fold" => {
            let mut inputs = vec![("xs", random.vector(n, 0.5))];
            let coefficients = [("c0", 0.3), ("c1", -1.0), ("c2", 0.5)];
            inputs.extend(coefficients.map(|(name, x)| (name, number(x))));
            (FOLD.to_owned(), inputs, vec!["c0", "c1", "c2"])
        }
        "trips" => {
            // Each lane goes round as often as it has to itself, `n` times at the most.
            let at = |i: usize| 0.3 + 0.2 * i as f64 / (TRIP_LANES - 1) as f64;
            let trips = |i: usize| if n > 1 { 1 + i * 7919 % n } else { 100 };
            lanes = vec![
                ("x", (0..TRIP_LANES).map(at).collect()),
                ("n", (0..TRIP_LANES).map(|i| trips(i) as f64).collect()),
            ];
            let inputs = vec![("r", number(3.2))];
            (TRIPS.to_owned(), inputs, vec!["r", "x"])
        }
        "pieces" => {
            let at = |i: usize| 10.0 * i as f64 / (TRIP_LANES - 1) as f64;
            lanes = vec![("x", (0..TRIP_LANES).map(at).collect())];
            let inputs = vec![("a", number(0.3)), ("b", number(0.2))];
            (pieces(n), inputs, vec!["a", "b"])
        }
        _ => unreachable!("no group is called {group}"),
    };
    Case {
        group,
        size: n,
        source,
        inputs,
        by,
        lanes,
    }
}
