//! Problems with known answers, for the tests of this stage.
//!
//! Nothing goes in; a problem comes out, with starting points and the answer that others certify.
//!
//! **Invariants**
//! - Jacobians are exact: models are written once, over numbers that carry their derivatives.

use super::objective::{Objective, sum_of_squares};
use std::convert::Infallible;
use std::ops::{Add, Div, Mul, Neg, Sub};

/// A number with its derivatives by N parameters.
#[derive(Clone, Copy)]
pub(crate) struct Dual<const N: usize> {
    value: f64,
    slopes: [f64; N],
}

impl<const N: usize> Dual<N> {
    fn parameters(values: &[f64]) -> [Self; N] {
        std::array::from_fn(|j| {
            let mut dual = Self::from(values[j]);
            dual.slopes[j] = 1.0;
            dual
        })
    }

    fn chain(self, value: f64, slope: f64) -> Self {
        let slopes = self.slopes.map(|s| s * slope);
        Self { value, slopes }
    }

    fn join(self, other: Self, value: f64, by_self: f64, by_other: f64) -> Self {
        let slopes = std::array::from_fn(|j| by_self * self.slopes[j] + by_other * other.slopes[j]);
        Self { value, slopes }
    }

    pub(crate) fn exp(self) -> Self {
        let e = self.value.exp();
        self.chain(e, e)
    }

    pub(crate) fn ln(self) -> Self {
        self.chain(self.value.ln(), self.value.recip())
    }

    pub(crate) fn sin(self) -> Self {
        self.chain(self.value.sin(), self.value.cos())
    }
}

impl<const N: usize> From<f64> for Dual<N> {
    fn from(value: f64) -> Self {
        let slopes = [0.0; N];
        Self { value, slopes }
    }
}

impl<const N: usize, T: Into<Self>> Add<T> for Dual<N> {
    type Output = Self;
    fn add(self, other: T) -> Self {
        let other = other.into();
        self.join(other, self.value + other.value, 1.0, 1.0)
    }
}

impl<const N: usize, T: Into<Self>> Sub<T> for Dual<N> {
    type Output = Self;
    fn sub(self, other: T) -> Self {
        let other = other.into();
        self.join(other, self.value - other.value, 1.0, -1.0)
    }
}

impl<const N: usize, T: Into<Self>> Mul<T> for Dual<N> {
    type Output = Self;
    fn mul(self, other: T) -> Self {
        let other = other.into();
        self.join(other, self.value * other.value, other.value, self.value)
    }
}

impl<const N: usize, T: Into<Self>> Div<T> for Dual<N> {
    type Output = Self;
    fn div(self, other: T) -> Self {
        let other = other.into();
        let quotient = self.value / other.value;
        self.join(
            other,
            quotient,
            other.value.recip(),
            -quotient / other.value,
        )
    }
}

impl<const N: usize> Neg for Dual<N> {
    type Output = Self;
    fn neg(self) -> Self {
        self.chain(-self.value, -1.0)
    }
}

/// Hands the residuals at the parameters to a sink, one by one.
type Model<const N: usize> = dyn Fn(&[Dual<N>; N], &mut dyn FnMut(Dual<N>)) + Send + Sync;

/// A problem with m residuals of N parameters.
pub(crate) struct Problem<const N: usize> {
    m: usize,
    model: Box<Model<N>>,
}

impl<const N: usize> Problem<N> {
    /// The residuals that a model hands over, m of them.
    pub(crate) fn new(
        m: usize,
        model: impl Fn(&[Dual<N>; N], &mut dyn FnMut(Dual<N>)) + Send + Sync + 'static,
    ) -> Self {
        let model = Box::new(model);
        Self { m, model }
    }

    /// Hands each residual over with its number.
    fn each(&self, params: &[f64], mut take: impl FnMut(usize, Dual<N>)) {
        let mut i = 0;
        (self.model)(&Dual::parameters(params), &mut |residual| {
            take(i, residual);
            i += 1;
        });
        assert_eq!(i, self.m, "the residuals said");
    }
}

impl<const N: usize> Objective for Problem<N> {
    type Error = Infallible;

    fn rows(&self) -> usize {
        self.m
    }

    fn value(&mut self, params: &[f64], r: &mut [f64]) -> Result<f64, Infallible> {
        self.each(params, |i, residual| r[i] = residual.value);
        Ok(sum_of_squares(r))
    }

    fn linearize(
        &mut self,
        params: &[f64],
        r: &mut [f64],
        jacobian: &mut [f64],
    ) -> Result<f64, Infallible> {
        self.each(params, |i, residual| {
            r[i] = residual.value;
            for (j, slope) in residual.slopes.iter().enumerate() {
                jacobian[j * self.m + i] = *slope;
            }
        });
        Ok(sum_of_squares(r))
    }
}

/// A problem of one residual and one parameter: its function with the derivative, which may fail.
pub(crate) struct Line<F>(pub(crate) F);

impl<F: FnMut(f64) -> Result<(f64, f64), &'static str>> Objective for Line<F> {
    type Error = &'static str;

    fn rows(&self) -> usize {
        1
    }

    fn value(&mut self, params: &[f64], r: &mut [f64]) -> Result<f64, Self::Error> {
        r[0] = self.0(params[0])?.0;
        Ok(sum_of_squares(r))
    }

    fn linearize(
        &mut self,
        params: &[f64],
        r: &mut [f64],
        jacobian: &mut [f64],
    ) -> Result<f64, Self::Error> {
        (r[0], jacobian[0]) = self.0(params[0])?;
        Ok(sum_of_squares(r))
    }
}

/// Lynx and hare pelts, 1900 to 1920, as a predator and its prey: d hare = alpha hare - beta hare
/// lynx, d lynx = delta hare lynx - gamma lynx, ten Runge-Kutta steps a year, in logarithms. The
/// parameters are alpha, beta, gamma, delta and the two populations of 1900.
pub(crate) fn lynx_hare() -> Problem<6> {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/lynx_hare/pelts.csv");
    let table = super::table::Table::read(file).unwrap();
    let column = |name: &str| table.column(name).unwrap().to_vec();
    let pelts: Vec<(f64, f64)> = column("hare").into_iter().zip(column("lynx")).collect();
    Problem::new(
        2 * pelts.len(),
        move |&[alpha, beta, gamma, delta, mut hare, mut lynx], sink| {
            const STEP: f64 = 0.1;
            let rates = |hare: Dual<6>, lynx: Dual<6>| {
                (
                    alpha * hare - beta * hare * lynx,
                    delta * hare * lynx - gamma * lynx,
                )
            };
            for (year, &(hares, lynxes)) in pelts.iter().enumerate() {
                for _ in 0..if year == 0 { 0 } else { 10 } {
                    let (h1, l1) = rates(hare, lynx);
                    let (h2, l2) = rates(hare + h1 * (STEP / 2.0), lynx + l1 * (STEP / 2.0));
                    let (h3, l3) = rates(hare + h2 * (STEP / 2.0), lynx + l2 * (STEP / 2.0));
                    let (h4, l4) = rates(hare + h3 * STEP, lynx + l3 * STEP);
                    hare = hare + (h1 + h2 * 2.0 + h3 * 2.0 + h4) * (STEP / 6.0);
                    lynx = lynx + (l1 + l2 * 2.0 + l3 * 2.0 + l4) * (STEP / 6.0);
                }
                sink(hare.ln() - hares.ln());
                sink(lynx.ln() - lynxes.ln());
            }
        },
    )
}

/// A problem of NIST's Statistical Reference Datasets with its certified answer.
pub(crate) struct Nist<const N: usize> {
    curve: fn(&[Dual<N>; N], f64) -> Dual<N>,
    pub(crate) starts: [[f64; N]; 2],
    pub(crate) params: [f64; N],
    pub(crate) std_err: [f64; N],
    pub(crate) sse: f64,
    pub(crate) residual_sd: f64,
    /// Pairs of (y, x).
    data: &'static [(f64, f64)],
}

impl<const N: usize> Nist<N> {
    pub(crate) fn problem(&self) -> Problem<N> {
        let (curve, data) = (self.curve, self.data);
        Problem::new(data.len(), move |params, sink| {
            for &(y, x) in data {
                sink(curve(params, x) - y);
            }
        })
    }
}

pub(crate) const MISRA1A: Nist<2> = Nist {
    curve: |&[b1, b2], x| b1 * (-(-b2 * x).exp() + 1.0),
    starts: [[500.0, 1e-4], [250.0, 5e-4]],
    params: [2.389_421_291_8e2, 5.501_564_318_1e-4],
    std_err: [2.707_007_524_1, 7.266_868_843_6e-6],
    sse: 1.245_513_889_4e-1,
    residual_sd: 1.018_787_633_0e-1,
    data: &MISRA1A_DATA,
};

pub(crate) const THURBER: Nist<7> = Nist {
    curve: |&[b1, b2, b3, b4, b5, b6, b7], x| {
        (((b4 * x + b3) * x + b2) * x + b1) / (((b7 * x + b6) * x + b5) * x + 1.0)
    },
    starts: [
        [1000.0, 1000.0, 400.0, 40.0, 0.7, 0.3, 0.03],
        [1300.0, 1500.0, 500.0, 75.0, 1.0, 0.4, 0.05],
    ],
    params: [
        1.288_139_680_0e3,
        1.491_079_253_5e3,
        5.832_383_687_7e2,
        7.541_664_429_1e1,
        9.662_950_286_4e-1,
        3.979_728_579_7e-1,
        4.972_729_734_9e-2,
    ],
    std_err: [
        4.664_796_334_4,
        3.957_115_608_6e1,
        2.869_869_610_2e1,
        5.567_537_027_0,
        3.133_334_068_7e-2,
        1.498_492_819_8e-2,
        6.584_234_462_3e-3,
    ],
    sse: 5.642_708_239_7e3,
    residual_sd: 1.371_460_078_4e1,
    data: &THURBER_DATA,
};

pub(crate) const MGH09: Nist<4> = Nist {
    curve: |&[b1, b2, b3, b4], x| b1 * (b2 * x + x * x) / (b3 * x + b4 + x * x),
    starts: [[25.0, 39.0, 41.5, 39.0], [0.25, 0.39, 0.415, 0.39]],
    params: [
        1.928_069_345_8e-1,
        1.912_823_287_3e-1,
        1.230_565_069_3e-1,
        1.360_623_306_8e-1,
    ],
    std_err: [
        1.143_531_222_7e-2,
        1.963_322_091_1e-1,
        8.084_203_123_2e-2,
        9.002_554_230_8e-2,
    ],
    sse: 3.075_056_038_5e-4,
    residual_sd: 6.627_923_655_1e-3,
    data: &MGH09_DATA,
};

pub(crate) const ECKERLE4: Nist<3> = Nist {
    curve: |&[b1, b2, b3], x| {
        let deviation = (-b3 + x) / b2;
        b1 / b2 * (deviation * deviation * -0.5).exp()
    },
    starts: [[1.0, 10.0, 500.0], [1.5, 5.0, 450.0]],
    params: [1.554_382_717_8, 4.088_832_175_4, 4.515_412_184_4e2],
    std_err: [1.540_805_116_3e-2, 4.680_302_075_3e-2, 4.680_051_881_6e-2],
    sse: 1.463_588_748_7e-3,
    residual_sd: 6.762_924_544_7e-3,
    data: &ECKERLE4_DATA,
};

pub(crate) const RAT43: Nist<4> = Nist {
    curve: |&[b1, b2, b3, b4], x| b1 * (-((b2 - b3 * x).exp() + 1.0).ln() / b4).exp(),
    starts: [[100.0, 10.0, 1.0, 1.0], [700.0, 5.0, 0.75, 1.3]],
    params: [
        6.996_415_127_0e2,
        5.277_125_302_5,
        7.596_293_832_9e-1,
        1.279_248_385_9,
    ],
    std_err: [
        1.630_229_781_7e1,
        2.082_873_582_9,
        1.956_612_345_1e-1,
        6.876_193_638_5e-1,
    ],
    sse: 8.786_404_908_0e3,
    residual_sd: 2.826_241_466_2e1,
    data: &RAT43_DATA,
};

#[rustfmt::skip]
const MISRA1A_DATA: [(f64, f64); 14] = [
    (10.07, 77.6), (14.73, 114.9), (17.94, 141.1), (23.93, 190.8), (29.61, 239.9),
    (35.18, 289.0), (40.02, 332.8), (44.82, 378.4), (50.76, 434.8), (55.05, 477.3),
    (61.01, 536.8), (66.4, 593.1), (75.47, 689.1), (81.78, 760.0),
];

#[rustfmt::skip]
const THURBER_DATA: [(f64, f64); 37] = [
    (80.574, -3.067), (84.248, -2.981), (87.264, -2.921), (87.195, -2.912), (89.076, -2.84),
    (89.608, -2.797), (89.868, -2.702), (90.101, -2.699), (92.405, -2.633), (95.854, -2.481),
    (100.696, -2.363), (101.06, -2.322), (401.672, -1.501), (390.724, -1.46),
    (567.534, -1.274), (635.316, -1.212), (733.054, -1.1), (759.087, -1.046),
    (894.206, -0.915), (990.785, -0.714), (1090.109, -0.566), (1080.914, -0.545),
    (1122.643, -0.4), (1178.351, -0.309), (1260.531, -0.109), (1273.514, -0.103),
    (1288.339, 0.01), (1327.543, 0.119), (1353.863, 0.377), (1414.509, 0.79),
    (1425.208, 0.963), (1421.384, 1.006), (1442.962, 1.115), (1464.35, 1.572),
    (1468.705, 1.841), (1447.894, 2.047), (1457.628, 2.2),
];

#[rustfmt::skip]
const MGH09_DATA: [(f64, f64); 11] = [
    (0.1957, 4.0), (0.1947, 2.0), (0.1735, 1.0), (0.16, 0.5), (0.0844, 0.25), (0.0627, 0.167),
    (0.0456, 0.125), (0.0342, 0.1), (0.0323, 0.0833), (0.0235, 0.0714), (0.0246, 0.0625),
];

#[rustfmt::skip]
const ECKERLE4_DATA: [(f64, f64); 35] = [
    (0.000_157_5, 400.0), (0.000_169_9, 405.0), (0.000_235, 410.0), (0.000_310_2, 415.0),
    (0.000_491_7, 420.0), (0.000_871, 425.0), (0.001_741_8, 430.0), (0.004_64, 435.0),
    (0.006_589_5, 436.5), (0.009_730_2, 438.0), (0.014_900_2, 439.5), (0.023_731, 441.0),
    (0.040_168_3, 442.5), (0.071_255_9, 444.0), (0.126_445_8, 445.5), (0.207_341_3, 447.0),
    (0.290_236_6, 448.5), (0.344_562_3, 450.0), (0.369_804_9, 451.5), (0.366_853_4, 453.0),
    (0.310_672_7, 454.5), (0.207_815_4, 456.0), (0.116_435_4, 457.5), (0.061_676_4, 459.0),
    (0.033_72, 460.5), (0.019_402_3, 462.0), (0.011_783_1, 463.5), (0.007_435_7, 465.0),
    (0.002_273_2, 470.0), (0.000_88, 475.0), (0.000_457_9, 480.0), (0.000_234_5, 485.0),
    (0.000_158_6, 490.0), (0.000_114_3, 495.0), (7.1e-05, 500.0),
];

#[rustfmt::skip]
const RAT43_DATA: [(f64, f64); 15] = [
    (16.08, 1.0), (33.83, 2.0), (65.8, 3.0), (97.2, 4.0), (191.55, 5.0), (326.2, 6.0),
    (386.87, 7.0), (520.53, 8.0), (590.03, 9.0), (651.92, 10.0), (724.93, 11.0),
    (699.56, 12.0), (689.96, 13.0), (637.56, 14.0), (717.41, 15.0),
];
