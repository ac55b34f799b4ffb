//! Quarter turns of huge angles, by the bits of 2/π (the method of Payne and Hanek).
//!
//! With `x = m 2^e`, the whole multiples of 4 in `x · 2/π` do not matter, so the product of `m` with
//! 192 bits of 2/π, chosen by `e`, holds the quarter turns and 190 bits of the fraction.
//!
//! **Invariants**
//! - No double is nearer to a multiple of π/2 than about 2^-62, so the fraction keeps 75 bits at least.

use super::double::{fma, power_of_two, product, quick_sum};

/// π/2 in three parts.
pub(super) const HALF_PI: [f64; 3] = [
    std::f64::consts::FRAC_PI_2,
    f64::from_bits(0x3c91_a626_3314_5c07),
    f64::from_bits(0xb91f_1976_b7ed_8fbc),
];

/// An argument reduced: the quarter turns modulo 4 in the low bits, and the rest as a pair.
pub(super) type Reduced = (u64, (f64, f64));

/// The bits of 2/π behind the point, after 64 zeros.
const TWO_OVER_PI: [u64; 21] = [
    0,
    0xa2f9_836e_4e44_1529,
    0xfc27_57d1_f534_ddc0,
    0xdb62_9599_3c43_9041,
    0xfe51_63ab_debb_c561,
    0xb724_6e3a_424d_d2e0,
    0x0649_2eea_09d1_921c,
    0xfe1d_eb1c_b129_a73e,
    0xe882_35f5_2ebb_4484,
    0xe99c_7026_b45f_7e41,
    0x3991_d639_8353_39f4,
    0x9c84_5f8b_bdf9_283b,
    0x1ff8_97ff_de05_980f,
    0xef2f_118b_5a0a_6d1f,
    0x6d36_7ecf_27cb_09b7,
    0x4f46_3f66_9e5f_ea2d,
    0x7527_bac7_ebe5_f17b,
    0x3d07_39f7_8a52_92ea,
    0x6bfb_5fb1_1f8d_5d08,
    0x5603_3046_fc7b_6bab,
    0xf0cf_bc20_9af4_361d,
];

/// The quarter turns and the rest of |x| from 1 up; NaN of infinities and NaN. With its caller's instructions.
#[inline(always)]
pub(super) fn reduce(x: f64) -> Reduced {
    if !x.is_finite() {
        return (0, (f64::NAN, f64::NAN));
    }
    let bits = x.to_bits();
    let exponent = ((bits >> 52) & 0x7ff) as usize; // x = mantissa · 2^(exponent - 1075)
    let mantissa = (bits & ((1 << 52) - 1)) | (1 << 52);
    // The first bit that counts 2 quarter turns: it stands at weight 2^-(exponent - 1076) of 2/π.
    let start = exponent + 64 - 1077;
    let (word, shift) = (start / 64, start % 64);
    let window = [0, 1, 2].map(|i| {
        let (high, low) = (TWO_OVER_PI[word + i], TWO_OVER_PI[word + i + 1]);
        if shift == 0 {
            high
        } else {
            (high << shift) | (low >> (64 - shift))
        }
    });
    let wide = |word: u64| u128::from(mantissa) * u128::from(word);
    let low = wide(window[2]);
    let middle = wide(window[1]) + (low >> 64);
    let high = wide(window[0]) + (middle >> 64);
    let (high, middle, low) = (high as u64, middle as u64, low as u64);
    // Two bits of quarter turns, then the fraction; above a half it is less than the next turn.
    let mut quarters = high >> 62;
    let mut fraction = [
        (high << 2) | (middle >> 62),
        (middle << 2) | (low >> 62),
        low << 2,
    ];
    let above = fraction[0] >> 63 != 0;
    if above {
        quarters += 1;
        fraction = fraction.map(|word| !word);
    }
    let (turn, turn_rest) = pair(fraction);
    let (r, rest) = product(turn, HALF_PI[0]);
    let rest = rest + fma(turn, HALF_PI[1], turn_rest * HALF_PI[0]);
    let (r, rest) = quick_sum(r, rest);
    let negative = x < 0.0;
    if negative {
        quarters = quarters.wrapping_neg();
    }
    let sign = if above == negative { 1.0 } else { -1.0 };
    (quarters, (sign * r, sign * rest))
}

/// A binary fraction as a pair.
#[inline(always)]
fn pair(words: [u64; 3]) -> (f64, f64) {
    let [a, b, c] = words;
    // The fraction has a one among its first 64 bits or so; two words after it are enough.
    let zeros = a.leading_zeros();
    let (a, b, zeros) = if zeros == 64 {
        let more = b.leading_zeros();
        (
            shifted(b, c, more),
            c.checked_shl(more).unwrap_or(0),
            64 + more,
        )
    } else {
        (shifted(a, b, zeros), shifted(b, c, zeros), zeros)
    };
    let scale = power_of_two(-f64::from(zeros));
    // 53 bits, then the 53 after them, each exactly a double.
    let high = a >> 11;
    let low = ((a & 0x7ff) << 42) | (b >> 22);
    (
        high as f64 * (scale * power_of_two(-53.0)),
        low as f64 * (scale * power_of_two(-106.0)),
    )
}

/// The upper word of two words shifted to the left.
#[inline(always)]
fn shifted(high: u64, low: u64, count: u32) -> u64 {
    if count == 0 {
        high
    } else {
        high.checked_shl(count).unwrap_or(0) | (low >> (64 - count))
    }
}
