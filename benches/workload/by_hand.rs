//! Three workloads as a person would write them in Rust, with adjoints derived by hand.
//!
//! Numbers go in; values and gradients come out, to be timed beside the same by an evaluator.
//!
//! **Invariants**
//! - The arithmetic is that of `limit.cpp`, one lane after another.
//! - [`ByHand::new`] checks value and gradient against `workloads.json` before anything is timed.

use super::Workload;

/// A workload written by hand, with its numbers.
pub(crate) struct ByHand {
    kernel: Kernel,
    /// Of the inputs in the kernel's order: one number, or one a lane.
    inputs: Vec<Vec<f64>>,
    pub(crate) values: Vec<f64>,
    pub(crate) gradients: [Vec<f64>; 2],
}

enum Kernel {
    Decay,
    Pendulum,
    Kalman(Vec<f64>),
}

impl ByHand {
    /// The workload by hand; none where nobody has written it.
    pub(crate) fn new(workload: &Workload, lanes: usize) -> Option<Self> {
        let (kernel, names): (Kernel, &[&str]) = match workload.name.as_str() {
            "W1_decay" => (Kernel::Decay, &["a", "b", "x"]),
            "W3_pendulum" => (Kernel::Pendulum, &["gl", "c"]),
            "W6_kalman1" => (Kernel::Kalman(workload.quoted()), &["q", "r"]),
            _ => return None,
        };
        let single = |name: &str| vec![workload.number(name)];
        let mut by_hand = Self {
            kernel,
            inputs: names.iter().map(|name| single(name)).collect(),
            values: vec![0.0],
            gradients: [vec![0.0], vec![0.0]],
        };
        by_hand.evaluate::<true>();
        let [first, second] = [names[0], names[1]];
        workload.check(Some(by_hand.values[0]), |name| {
            let of = |at: usize| by_hand.gradients[at][0];
            [(first, of(0)), (second, of(1))]
                .into_iter()
                .find_map(|(known, derivative)| (known == name).then_some(derivative))
        });
        let column = |name: &&str| workload.column(name, lanes).unwrap_or_else(|| single(name));
        by_hand.inputs = names.iter().map(column).collect();
        let count = if workload.is_population(lanes) {
            lanes
        } else {
            1
        };
        by_hand.values = vec![0.0; count];
        by_hand.gradients = [vec![0.0; count], vec![0.0; count]];
        Some(by_hand)
    }

    pub(crate) fn evaluate<const GRADIENT: bool>(&mut self) {
        let (inputs, values, gradients) = (&self.inputs, &mut self.values, &mut self.gradients);
        let mut put = |lane: usize, (value, gradient): (f64, [f64; 2])| {
            values[lane] = value;
            for (column, derivative) in gradients.iter_mut().zip(gradient) {
                column[lane] = derivative;
            }
        };
        let (first, second) = (&inputs[0], &inputs[1]);
        match &self.kernel {
            Kernel::Decay => put(0, decay::<GRADIENT>(first[0], second[0], &inputs[2])),
            Kernel::Pendulum => {
                for (lane, (&g, &c)) in first.iter().zip(second).enumerate() {
                    put(lane, pendulum::<GRADIENT>(g, c));
                }
            }
            Kernel::Kalman(observed) => {
                for (lane, (&q, &r)) in first.iter().zip(second).enumerate() {
                    put(lane, kalman::<GRADIENT>(q, r, observed));
                }
            }
        }
    }
}

/// The sum of `a exp(-b x)` over the rows.
fn decay<const GRADIENT: bool>(a: f64, b: f64, rows: &[f64]) -> (f64, [f64; 2]) {
    let (mut sum, mut by_a, mut by_b) = (0.0, 0.0, 0.0);
    for &x in rows {
        let e = (-b * x).exp();
        sum += a * e;
        if GRADIENT {
            by_a += e;
            by_b -= a * x * e;
        }
    }
    (sum, [by_a, by_b])
}

const STEPS: usize = 100;

/// The angle of a damped pendulum after 100 steps.
fn pendulum<const GRADIENT: bool>(g: f64, c: f64) -> (f64, [f64; 2]) {
    let dt = 0.02;
    let (mut angle, mut speed) = (1.2_f64, 0.0);
    let mut kept = [[0.0; 3]; STEPS];
    for kept in &mut kept {
        let sin = angle.sin();
        if GRADIENT {
            *kept = [sin, angle.cos(), speed];
        }
        speed += dt * (-g * sin - c * speed);
        angle += dt * speed;
    }
    let (mut by_g, mut by_c) = (0.0, 0.0);
    if GRADIENT {
        // Adjoints of angle and speed, from the last step to the first.
        let (mut of_angle, mut of_speed) = (1.0, 0.0);
        for &[sin, cos, speed] in kept.iter().rev() {
            let of_next = of_speed + dt * of_angle;
            let step = of_next * dt;
            by_g -= step * sin;
            by_c -= step * speed;
            of_angle -= step * g * cos;
            of_speed = of_next - step * c;
        }
    }
    (angle, [by_g, by_c])
}

const OBSERVED: usize = 80;

/// The negative log likelihood of a random walk with noise, by a Kalman filter.
fn kalman<const GRADIENT: bool>(q: f64, r: f64, observed: &[f64]) -> (f64, [f64; 2]) {
    assert_eq!(observed.len(), OBSERVED, "as many as there is room for");
    let (mut mean, mut variance, mut likelihood) = (0.0, 1.0, 0.0);
    let mut kept = [[0.0; 3]; OBSERVED];
    for (&y, kept) in observed.iter().zip(&mut kept) {
        let predicted = variance + q;
        let total = predicted + r;
        let inverse = 1.0 / total;
        let error = y - mean;
        let gain = predicted * inverse;
        if GRADIENT {
            *kept = [predicted, inverse, error];
        }
        mean += gain * error;
        variance = (1.0 - gain) * predicted;
        likelihood += 0.5 * (total.ln() + error * error * inverse);
    }
    let (mut by_q, mut by_r) = (0.0, 0.0);
    if GRADIENT {
        // Adjoints of mean and variance, from the last observation to the first.
        let (mut of_mean, mut of_variance) = (0.0, 0.0);
        for &[predicted, inverse, error] in kept.iter().rev() {
            let gain = predicted * inverse;
            let of_gain = of_mean * error - of_variance * predicted;
            let of_error = of_mean * gain + error * inverse;
            let weighted = error * inverse;
            let of_total = 0.5 * (inverse - weighted * weighted) - of_gain * gain * inverse;
            let of_predicted = of_variance * (1.0 - gain) + of_gain * inverse + of_total;
            of_mean -= of_error;
            of_variance = of_predicted;
            by_q += of_predicted;
            by_r += of_total;
        }
    }
    (likelihood, [by_q, by_r])
}
