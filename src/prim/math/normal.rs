//! The error function, its complement, and the normal distribution: e^(-x²), the logarithm of its
//! distribution function, and the slope of that.
//!
//! For z from 0 up, `erfc z = e^(-z²) F(s) / (1 + 2 z)` with `s = (z - 4) / (z + 4)`, which brings the half
//! line to [-1, 1), and F a polynomial between 1 and 1.3. Likewise the slope of the logarithm of the normal
//! distribution function at -t is `t + U(s) / (1 + t)` with `s = (t - 4) / (t + 4)`: without an exponential,
//! and nothing cancels however far out. The polynomials interpolate at Chebyshev's points of s, in 300 bits;
//! their first coefficients are pairs.
//!
//! **Invariants**
//! - The exponent of e^(-x²) is a pair: squares lose nothing.
//! - The scaling by a power of 2 is the last step and rounds once, so subnormal results are as good as
//!   others.

use super::double::{
    clamp, fma, polynomial, power_of_two, product, quick_sum, quotient, scale, sum, times,
    with_sign,
};
use super::exp::{exp_pair, pair};
use super::log::{of_one_more, of_pair};

/// F: (1 + 2 z) e^(z²) erfc(z) as a polynomial of s, the constant as a pair and the others over s.
const SCALED_FIRST: (f64, f64) = (
    1.232_995_118_625_552_6,
    f64::from_bits(0xbc8a_a27c_5042_c012),
);
const SCALED: [f64; 27] = [
    -0.139_621_116_840_562_5,
    0.015_379_652_102_620_024,
    0.068_097_054_254_691_55,
    -0.101_039_066_036_324_11,
    0.093_732_834_998_396_73,
    -0.066_330_365_811_668_78,
    0.037_167_515_536_625_23,
    -0.016_197_734_065_721_506,
    0.005_031_969_986_096_79,
    -0.000_757_773_221_101_755_7,
    -0.000_199_256_737_047_988_6,
    0.000_150_621_314_282_507_5,
    -2.439_909_541_377_841e-5,
    -1.122_077_333_926_330_8e-5,
    5.709_608_316_143_853e-6,
    2.909_459_896_658_698e-7,
    -8.256_651_243_681_974e-7,
    7.888_001_536_183_222e-8,
    1.110_561_122_044_458e-7,
    -2.186_683_817_996_548e-8,
    -1.554_950_739_140_137e-8,
    3.949_909_948_816_316e-9,
    2.268_368_209_002_785e-9,
    -5.373_765_873_743_771e-10,
    -2.967_975_374_936_183_4e-10,
    4.175_645_306_749_228e-11,
    2.360_301_039_889_444_5e-11,
];

/// U: (1 + t) (h(-t) - t) as a polynomial of s, the same way, with h the slope of the logarithm of the normal
/// distribution function.
const EXCESS_FIRST: (f64, f64) = (
    1.128_035_722_447_355_4,
    f64::from_bits(0xbc83_0c9b_06eb_34eb),
);
const EXCESS: [f64; 29] = [
    -0.062_056_379_981_136_66,
    -0.192_103_748_190_835_4,
    0.192_932_468_879_114_8,
    -0.061_071_084_203_256_88,
    -0.030_769_392_023_150_044,
    0.032_424_205_046_655_42,
    -0.001_129_086_099_902_507_8,
    -0.010_605_538_988_045_528,
    0.003_292_660_371_863_078_7,
    0.002_752_037_466_859_471_4,
    -0.001_693_712_270_434_143,
    -0.000_560_384_590_209_838_1,
    0.000_638_994_027_637_800_9,
    6.874_473_037_213_296e-5,
    -0.000_202_404_350_481_497_85,
    9.202_075_496_785_106e-6,
    5.524_926_538_929_014_6e-5,
    -1.025_572_591_205_455_5e-5,
    -1.267_001_438_707_407e-5,
    4.570_268_917_421_938e-6,
    2.191_194_232_594_838e-6,
    -1.516_624_832_811_036_5e-6,
    -1.687_742_562_969_852_4e-7,
    3.904_065_605_315_447e-7,
    -4.755_996_109_405_799e-8,
    -7.020_088_137_978_052e-8,
    1.937_105_746_469_122_5e-8,
    6.483_189_432_761_145e-9,
    -2.437_018_384_265_447e-9,
];

/// erf(z) / z as a polynomial of z², |z| up to 1/2: the constant 2/√π as a pair, and the others over z².
const ERF_FIRST: (f64, f64) = (
    std::f64::consts::FRAC_2_SQRT_PI,
    f64::from_bits(0x3c69_7001_09f0_b411),
);
const ERF: [f64; 8] = [
    -0.376_126_389_031_834_76,
    0.112_837_916_709_253_53,
    -0.026_866_170_632_887_928,
    0.005_223_977_373_021_47,
    -0.000_854_829_775_367_496_6,
    0.000_120_533_351_243_537_41,
    -1.484_584_925_970_786_9e-5,
    1.472_586_548_055_674_4e-6,
];

/// h(-t) - t as a polynomial of t, up to 1: the constant √(2/π) as a pair, and the others over t.
const NEAR_FIRST: (f64, f64) = (
    0.797_884_560_802_865_4,
    f64::from_bits(0xbc8c_6cc3_b94a_5b66),
);
const NEAR: [f64; 14] = [
    -0.363_380_227_632_418_9,
    0.109_006_807_072_512_84,
    -0.019_128_447_009_546_246,
    -0.000_184_903_678_393_997_7,
    0.001_272_154_382_732_728,
    -0.000_365_119_648_020_004_8,
    1.293_320_068_753_803_4e-5,
    2.566_506_871_767_105_2e-5,
    -9.309_647_887_364_494e-6,
    8.486_415_684_755_082e-7,
    5.234_468_799_325_996e-7,
    -2.592_885_240_320_88e-7,
    5.565_622_933_456_611e-8,
    -5.206_422_122_942_146e-9,
];

/// 1/√2π and log √2π.
const PER_ROOT_2_PI: (f64, f64) = (
    0.398_942_280_401_432_7,
    f64::from_bits(0xbc7c_bc0d_30eb_fd15),
);
const LOG_ROOT_2_PI: (f64, f64) = (
    0.918_938_533_204_672_8,
    f64::from_bits(0xbc86_5b5a_1b7f_f5df),
);

/// Beyond, e^(-x²) is 0.
const END: f64 = 28.0;

/// `(first + s P(s))` as a pair, for the s of a number from 0 up.
#[inline(always)]
fn of_half_line<const N: usize>(x: f64, first: (f64, f64), more: &[f64; N]) -> (f64, f64) {
    let s = (x - 4.0) / (x + 4.0);
    let (high, low) = quick_sum(first.0, s * polynomial(s, more));
    (high, low + first.1)
}

/// `(n, (high, low))` with erfc z = 2^n (high + low), for z from 0 to [`END`].
#[inline(always)]
fn complement(z: f64) -> (f64, (f64, f64)) {
    let (square, rest) = product(z, z);
    let (n, e) = pair(-square, -rest);
    let scaled = quotient(of_half_line(z, SCALED_FIRST, &SCALED), sum(1.0, 2.0 * z));
    (n, times(e, scaled))
}

/// `whole` less what [`complement`] gives.
#[inline(always)]
fn less(whole: f64, (n, (high, low)): (f64, (f64, f64))) -> f64 {
    let power = power_of_two(clamp(n, -200.0, 0.0));
    let (first, rest) = quick_sum(whole, -(power * high));
    first + (rest - power * low)
}

/// `erf z` as a pair, for z from 0 to 1/2.
#[inline(always)]
fn near(z: f64) -> (f64, f64) {
    let square = z * z;
    let (first, rest) = product(z, ERF_FIRST.0);
    let tail = fma(z, fma(square, polynomial(square, &ERF), ERF_FIRST.1), rest);
    (first, tail)
}

/// The error function.
#[inline(always)]
pub(crate) fn erf(x: f64) -> f64 {
    let z = x.abs();
    let far = less(1.0, complement(clamp(z, 0.0, END)));
    let (high, low) = near(z);
    with_sign(if z < 0.5 { high + low } else { far }, x)
}

/// 1 less the error function.
#[inline(always)]
pub(crate) fn erfc(x: f64) -> f64 {
    let z = x.abs();
    let (n, (high, low)) = complement(clamp(z, 0.0, END));
    let positive = scale(high + low, n);
    let negative = less(2.0, (n, (high, low)));
    let far = if x < 0.0 { negative } else { positive };
    // Where the error function is small, 1 less it.
    let (high, low) = near(z);
    let (high, low) = if x < 0.0 { (-high, -low) } else { (high, low) };
    let (first, rest) = quick_sum(1.0, -high);
    if z < 0.5 { first + (rest - low) } else { far }
}

/// e^(-x²).
#[inline(always)]
pub(crate) fn gauss(x: f64) -> f64 {
    let x = clamp(x, -END, END);
    let (square, rest) = product(x, x);
    exp_pair(-square, -rest)
}

/// What the slope at -t is above t, for t from 0 up.
#[inline(always)]
fn excess(t: f64) -> (f64, f64) {
    let t = clamp(t, 0.0, 1e10);
    let far = quotient(of_half_line(t, EXCESS_FIRST, &EXCESS), sum(1.0, t));
    let (high, low) = quick_sum(NEAR_FIRST.0, t * polynomial(t, &NEAR));
    let near = t < 1.0;
    (
        if near { high } else { far.0 },
        if near { low + NEAR_FIRST.1 } else { far.1 },
    )
}

/// The slope at -t.
#[inline(always)]
fn slope(t: f64) -> (f64, f64) {
    let t = clamp(t, 0.0, 1e10);
    let (more, more_rest) = excess(t);
    let (high, rest) = sum(t, more);
    (high, rest + more_rest)
}

/// `(n, (high, low))` with 2^n (high + low) the normal density at t from 0 to 40.
#[inline(always)]
fn density(t: f64) -> (f64, (f64, f64)) {
    let (square, rest) = product(t, t);
    let (n, e) = pair(-0.5 * square, -0.5 * rest);
    (n, times(e, PER_ROOT_2_PI))
}

/// The logarithm of the standard normal distribution function.
#[inline(always)]
pub(crate) fn log_normal_cdf(x: f64) -> f64 {
    let t = x.abs();
    let h = slope(t);
    // Below 0: log φ(t) - log h.
    let (square, square_rest) = product(t, t);
    let (log, log_rest) = of_pair(h.0, h.1);
    let (constant, rest) = sum(LOG_ROOT_2_PI.0, log);
    let rest = rest + (log_rest + LOG_ROOT_2_PI.1);
    let (high, low) = sum(0.5 * square, constant);
    let below = -(high + (low + fma(0.5, square_rest, rest)));
    let below = if t > 1e100 { -(0.5 * t) * t } else { below };
    // Above 0: log(1 - φ(t) / h), where far out the quotient is all of it.
    let (n, phi) = density(clamp(t, 0.0, 40.0));
    let (high, low) = quotient(phi, h);
    let (log, log_rest) = of_one_more(-scale(high, n), -scale(low, n));
    let far = -scale(high + low, n);
    let above = if t > 9.0 { far } else { log + log_rest };
    if x > 0.0 { above } else { below }
}

/// `(n, (high, low))` with 2^n (high + low) the slope of [`log_normal_cdf`] at t, for t from 0 up.
#[inline(always)]
fn slope_above(t: f64) -> (f64, (f64, f64)) {
    // φ h / (h - φ).
    let h = slope(t);
    let (n, phi) = density(clamp(t, 0.0, 40.0));
    let power = power_of_two(clamp(n, -200.0, 0.0));
    let (first, rest) = quick_sum(h.0, -(power * phi.0));
    let rest = rest + (h.1 - power * phi.1);
    (n, times(phi, quotient(h, (first, rest))))
}

/// The slope of [`log_normal_cdf`]: the density over the distribution function.
#[inline(always)]
pub(crate) fn mills(x: f64) -> f64 {
    let t = x.abs();
    let (high, low) = slope(t);
    let below = if t > 1e10 { t } else { high + low };
    let (n, (high, low)) = slope_above(t);
    if x > 0.0 { scale(high + low, n) } else { below }
}

/// What [`mills`] is above -x.
#[inline(always)]
pub(crate) fn mills_excess(x: f64) -> f64 {
    let t = x.abs();
    let (high, low) = excess(t);
    let below = if t > 1e10 { 1.0 / t } else { high + low };
    let (n, (high, low)) = slope_above(t);
    let power = power_of_two(clamp(n, -200.0, 0.0));
    let (first, rest) = sum(x, power * high);
    let above = if t > 40.0 {
        x
    } else {
        first + fma(power, low, rest)
    };
    if x > 0.0 { above } else { below }
}
