//! The data of the problems: made here, from the laws.

use dmci::Random;
use std::f64::consts::PI;
use std::fmt::Write as _;

fn table(header: &str, rows: impl IntoIterator<Item = Vec<f64>>) -> String {
    let mut out = format!("{header}\n");
    for row in rows {
        let cells: Vec<String> = row.iter().map(|x| format!("{x:?}")).collect();
        let _ = writeln!(out, "{}", cells.join(","));
    }
    out
}

/// 2 sin(3x) + 0.5 x² at 20 points on [0.5, 3].
pub(crate) fn wave() -> String {
    let x = (0..20).map(|row| 0.5 + 2.5 * f64::from(row) / 19.0);
    table(
        "x,y",
        x.map(|x| vec![x, 2.0 * (3.0 * x).sin() + 0.5 * x * x]),
    )
}

/// q1 q2 / (4 pi eps r²) at 200 points, each between 1 and 5.
pub(crate) fn coulomb() -> String {
    let mut random = Random::new(5);
    let rows = (0..200).map(|_| {
        let [q1, q2, eps, r] = [(); 4].map(|()| 1.0 + 4.0 * random.unit());
        vec![q1, q2, eps, r, q1 * q2 / (4.0 * PI * eps * r * r)]
    });
    table("q1,q2,eps,r,y", rows)
}

/// x' = 20 - x - xy/(1 + 0.5x²), along four trajectories by Runge and Kutta, 100 points each, 0.05 apart.
pub(crate) fn bacres1() -> String {
    let slopes = |[x, y]: [f64; 2]| {
        let eaten = x * y / (1.0 + 0.5 * x * x);
        [20.0 - x - eaten, 10.0 - eaten]
    };
    let mut rows = Vec::new();
    for start in [[5.0, 10.0], [10.0, 5.0], [2.0, 14.0], [15.0, 3.0]] {
        let mut at = start;
        for _ in 0..100 {
            rows.push(vec![at[0], at[1], slopes(at)[0]]);
            for _ in 0..10 {
                let moved = |by: [f64; 2], h: f64| [at[0] + h * by[0], at[1] + h * by[1]];
                let h = 0.005;
                let a = slopes(at);
                let b = slopes(moved(a, 0.5 * h));
                let c = slopes(moved(b, 0.5 * h));
                let d = slopes(moved(c, h));
                at = [0, 1].map(|i| at[i] + h / 6.0 * (a[i] + 2.0 * b[i] + 2.0 * c[i] + d[i]));
            }
        }
    }
    table("x,y0,y", rows)
}

/// The logistic map with r = 3.2 from 0.1.
pub(crate) fn logistic() -> String {
    let states = std::iter::successors(Some(0.1), |y| Some(3.2 * y * (1.0 - y)));
    table("y", states.take(25).map(|y| vec![y]))
}

fn noisy_rows(rows: u32) -> String {
    let mut random = Random::new(9);
    let x = (0..rows).map(|row| 3.0 * f64::from(row) / f64::from(rows));
    let rows = x.map(|x| {
        vec![
            x,
            2.0 * (3.0 * x).sin() + 0.5 * x * x + 0.1 * random.normal(),
        ]
    });
    table("x,y", rows)
}

/// 20 rows that no program explains.
pub(crate) fn noisy() -> String {
    noisy_rows(20)
}

/// The same with 200 rows.
pub(crate) fn noisy_200() -> String {
    noisy_rows(200)
}
