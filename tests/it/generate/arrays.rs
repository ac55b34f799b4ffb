//! Programs with inputs that are a list, a vector and a matrix, and with expressions that give vectors
//! and matrices.
//!
//! **Invariants**
//! - Vectors have three numbers, matrices three rows and columns, so shapes fit everywhere; what
//!   fails is what is singular, or has no direction, at the numbers at hand.
//! - Factors are of matrices without factors in them: each decides by its numbers, and so lanes would
//!   take a path each, of many operations.

use super::{Generated, Generator, Type};
use crate::random::Random;
use dmci::Input;

/// The inputs that are no numbers: a list of four numbers, a vector, a matrix.
pub(crate) const ARRAYS: [&str; 3] = ["xs", "v", "m"];

/// Makes a program of about `size` expressions and its arrays, whose inputs are [`ARRAYS`] too. More
/// of them fail than of those without arrays, and at some inputs only.
pub(crate) fn generate_with_arrays(seed: u64, size: usize) -> Generated {
    let mut generator = Generator::new(seed, 2 * size);
    generator.arrays = true;
    generator.failures = generator.random.percent(40);
    generator.generated(seed)
}

/// Values for [`ARRAYS`].
pub(crate) fn array_inputs(random: &mut Random) -> [Input; 3] {
    let mut numbers = |count: usize| -> Vec<f64> {
        (0..count)
            .map(|_| {
                if random.percent(30) {
                    [0.0, 1.0, -1.0, 2.0][random.below(4)]
                } else {
                    random.between(-2.0, 2.0)
                }
            })
            .collect()
    };
    let matrix = Input::Matrix {
        rows: 3,
        columns: 3,
        numbers: numbers(9),
    };
    [Input::List(numbers(4)), Input::Vector(numbers(3)), matrix]
}

impl Generator {
    pub(super) fn array_inputs(&mut self) {
        let types = [Type::List, Type::Vector, Type::Matrix];
        for (name, kind) in ARRAYS.into_iter().zip(types) {
            self.scope.push((name.to_owned(), kind));
        }
    }

    /// A number in which inputs decide what happens, so that lanes take several paths.
    pub(super) fn steered_number(&mut self) -> String {
        let input = self.random.pick(&["x", "y", "z"]);
        let (steered, smooth) = (self.choice(Type::Number, 4), self.number(4));
        let (taken, other, array) = (self.number(4), self.number(3), self.of_arrays(3));
        let at = self.leaf();
        format!(
            "(+ (* {input} {smooth}) {steered}\n (if (< {at} {input}) {taken} {other}) {array})"
        )
    }

    /// A failure of some lanes.
    pub(super) fn steered_failure(&mut self, depth: usize) -> String {
        let (failure, number) = (self.failure(depth), self.number(depth));
        let at = self.random.pick(&["0", "0.75", "-1", "2"]);
        let input = self.random.pick(&["x", "y", "z"]);
        format!("(if (> {input} {at}) {failure} {number})")
    }

    /// A number of a vector, a matrix or the list.
    pub(super) fn of_arrays(&mut self, depth: usize) -> String {
        match self.random.below(22) {
            0 => format!("(vsum {})", self.vector(depth)),
            1..=2 => format!("(dot {} {})", self.vector(depth), self.vector(depth)),
            3 => format!("(ref {} {})", self.vector(depth), self.random.below(3)),
            // An index that inputs decide.
            4 => format!(
                "(ref {} (modulo (floor {}) 3))",
                self.vector(depth),
                self.number(depth)
            ),
            5 => format!("(norm {})", self.vector(depth)),
            6 => format!("(det {})", self.matrix(depth)),
            7 => format!("(trace {})", self.matrix(depth)),
            8 => format!("(vsum {})", self.matrix(depth)),
            9 => {
                let name = self.fresh();
                let matrix = self.matrix(depth);
                format!(
                    "(let (({name} {matrix})) (logdet (+ (eye 3) (matmul {name} (transpose {name})))))"
                )
            }
            10 => format!("(apply + (vec->list {}))", self.vector(depth)),
            11 => format!("(ref {} 1 {})", self.matrix(depth), self.random.below(3)),
            12 => {
                let (lambda, start) = (self.lambda(2, depth), self.number(depth));
                format!("(fold-left {lambda} {start} xs)")
            }
            13 => {
                let name = self
                    .random
                    .pick(&["sum", "prod", "mean", "variance", "logsumexp"]);
                let of = match self.random.below(3) {
                    0 => "xs".to_owned(),
                    1 => self.matrix(depth),
                    _ => self.vector(depth),
                };
                format!("({name} {of})")
            }
            14 => {
                let name = self.random.pick(&["cumsum", "softmax", "sort"]);
                format!("(list-ref ({name} xs) {})", self.random.below(4))
            }
            15 => format!(
                "(ref {} (argmax {}))",
                self.vector(depth),
                self.vector(depth)
            ),
            16 => {
                let beyond = self.random.pick(&["'linear", "'constant"]);
                format!(
                    "(interp {} (sort {}) {} {beyond})",
                    self.number(depth),
                    self.vector(depth),
                    self.vector(depth)
                )
            }
            17 => format!("(vsum (sin (car (eigh {}))))", self.matrix(depth.min(1))),
            18 => format!(
                "(ref (cadr (svd {})) {})",
                self.matrix(depth.min(1)),
                self.random.below(3)
            ),
            19 => format!("(list-ref (sort xs {}) 0)", self.random.pick(&["<", ">"])),
            20 => format!(
                "(sum (outer-sum {} {}))",
                self.vector(depth),
                self.vector(depth)
            ),
            _ => format!("(list-ref xs (modulo (floor {}) 4))", self.number(depth)),
        }
    }

    pub(super) fn vector(&mut self, depth: usize) -> String {
        if depth == 0 || self.fuel == 0 {
            return match self.variable(Type::Vector) {
                Some(name) if self.random.percent(70) => name,
                _ => format!("[{} {} 1]", self.leaf(), self.leaf()),
            };
        }
        self.fuel -= 1;
        let depth = depth - 1;
        match self.random.below(24) {
            0..=1 => format!(
                "[{} {} {}]",
                self.number(depth),
                self.number(depth),
                self.leaf()
            ),
            2..=3 => {
                let name = self.random.pick(&["+", "-", "*", "/", "min", "cross"]);
                format!("({name} {} {})", self.vector(depth), self.vector(depth))
            }
            4 => format!("(* {} {})", self.number(depth), self.vector(depth)),
            5 => {
                let name = self.random.pick(&["exp", "sin", "-", "sqrt", "normalize"]);
                format!("({name} {})", self.vector(depth))
            }
            6 => format!("(matvec {} {})", self.matrix(depth), self.vector(depth)),
            7 => format!("(solve {} {})", self.matrix(depth), self.vector(depth)),
            8..=10 => self.choice(Type::Vector, depth),
            11 => self.binding(Type::Vector, depth),
            12..=13 => self.repeated_vector(depth),
            15 => {
                let name = self.random.pick(&["cumsum", "softmax", "sort", "diag"]);
                match name {
                    "diag" => format!("(diag {})", self.matrix(depth)),
                    name => format!("({name} {})", self.vector(depth)),
                }
            }
            16 => {
                let name = self.random.pick(&["row", "col"]);
                format!("({name} {} {})", self.matrix(depth), self.random.below(3))
            }
            17 => format!(
                "(slice (concat {} {}) 1 4)",
                self.number(depth),
                self.vector(depth)
            ),
            18 => {
                let which = self.random.pick(&["'lower", "'upper"]);
                format!(
                    "(solve-triangular (+ (eye 3) {}) {} {which})",
                    self.matrix(depth),
                    self.vector(depth)
                )
            }
            19 => format!("(slice (reshape {} 9) 3 6)", self.matrix(depth)),
            20 => format!("(car (eigh {}))", self.matrix(depth.min(1))),
            21 => format!(
                "(cholesky-solve {} {})",
                self.matrix(depth),
                self.vector(depth)
            ),
            14 => {
                let (a, b) = (self.number(depth), self.leaf());
                format!(
                    "(soft-if {a} {b} {} {})",
                    self.vector(depth),
                    self.vector(depth)
                )
            }
            _ => {
                let (vector, last) = (self.vector(depth), self.number(depth));
                format!("(list->vec (cons {last} (cdr (vec->list {vector}))))")
            }
        }
    }

    /// A loop that carries a vector; its exit depends on inputs or not.
    fn repeated_vector(&mut self, depth: usize) -> String {
        let (name, i, carried) = (self.fresh(), self.fresh(), self.fresh());
        let (start, trips) = (self.vector(depth), self.random.below(5));
        let outside = self.scope.len();
        self.scope.push((carried.clone(), Type::Vector));
        self.scope.push((i.clone(), Type::Number));
        let step = self.vector(depth);
        let early = if self.random.percent(50) {
            format!("(> (vsum {carried}) {})", self.leaf())
        } else {
            "#f".to_owned()
        };
        self.scope.truncate(outside);
        format!(
            "(let {name} (({i} 0) ({carried} {start}))\n  (if (or (= {i} {trips}) {early}) {carried} ({name} (+ {i} 1) {step})))"
        )
    }

    pub(super) fn matrix(&mut self, depth: usize) -> String {
        if depth == 0 || self.fuel == 0 {
            return match self.variable(Type::Matrix) {
                Some(name) if self.random.percent(70) => name,
                _ => "(eye 3)".to_owned(),
            };
        }
        self.fuel -= 1;
        let depth = depth - 1;
        match self.random.below(19) {
            0 => format!(
                "(mat {} {} [0 {} 2])",
                self.vector(depth),
                self.vector(depth),
                self.leaf()
            ),
            1 => format!("(outer {} {})", self.vector(depth), self.vector(depth)),
            2..=3 => format!("(+ (eye 3) {})", self.matrix(depth)),
            4 => format!("(* {} {})", self.number(depth), self.matrix(depth)),
            5 => format!("(transpose {})", self.matrix(depth)),
            6 => format!("(matmul {} {})", self.matrix(depth), self.matrix(depth)),
            7 => format!("(inv {})", self.matrix(depth)),
            8 | 10 => self.choice(Type::Matrix, depth),
            11 => format!("(outer-sum {} {})", self.vector(depth), self.vector(depth)),
            12 => format!("(diag {})", self.vector(depth)),
            13 => format!(
                "(vstack (slice {} 1) {})",
                self.matrix(depth),
                self.vector(depth)
            ),
            14 => format!(
                "(transpose (vstack {} (slice {} 0 2)))",
                self.vector(depth),
                self.matrix(depth)
            ),
            15 => format!("(expm (/ {} 4))", self.matrix(0)),
            16 => {
                let part = self.random.pick(&["car", "cadr"]);
                let of = self.random.pick(&["lu", "qr"]);
                format!("({part} ({of} {}))", self.matrix(0))
            }
            17 => format!("(cadr (eigh {}))", self.matrix(0)),
            18 => {
                let part = self.random.pick(&["car", "caddr"]);
                format!("({part} (svd {}))", self.matrix(0))
            }
            _ => self.binding(Type::Matrix, depth),
        }
    }
}
