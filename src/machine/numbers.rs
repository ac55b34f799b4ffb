//! Numbers two ways: a distribution over all of them, and the chances of their binary digits.
//!
//! A distribution goes in, the chances of the digits come out, the lowest first; and back. Each way has
//! its adjoint.
//!
//! ```text
//! q_k = Σ p_n over the n whose digit k is 1           to_bits: exact, of any distribution
//! p_n = Π (q_k where digit k of n is 1, else 1 - q_k)   from_bits: digits taken as independent
//! ```
//!
//! **Invariants**
//! - Digits to numbers and back is the identity, to rounding. Numbers to digits and back is so where the
//!   distribution is of one number (a Dirac), or any other whose digits are independent: half a 0 and
//!   half a 3 come back as a quarter each of 0, 1, 2 and 3.
//! - Functions are total: digits that a distribution is too short for are 0, numbers that the digits do
//!   not reach have no chance.

/// The most digits of which there is a distribution: one of 2^16 numbers.
pub const MOST_BITS: usize = 16;

/// How many binary digits the numbers below `base` have.
pub fn width(base: usize) -> usize {
    (usize::BITS - base.saturating_sub(1).leading_zeros()) as usize
}

/// The digits of a number, the lowest first, as chances that are 0 or 1.
pub fn digits(number: u64, width: usize) -> Vec<f64> {
    let digit = |k: usize| k < 64 && number >> k & 1 == 1;
    (0..width).map(|k| f64::from(u8::from(digit(k)))).collect()
}

/// The number whose digits are likelier 1 than 0 where it has them; digits beyond 64 are left out.
pub fn likeliest(bits: &[f64]) -> u64 {
    let ones = bits.iter().take(64).enumerate();
    ones.filter(|(_, q)| **q > 0.5)
        .fold(0, |number, (k, _)| number | 1 << k)
}

/// The chances of the digits of a distribution's numbers.
pub fn to_bits(distribution: &[f64], bits: &mut [f64]) {
    for (k, bit) in bits.iter_mut().enumerate() {
        let ones = distribution.iter().enumerate();
        let ones = ones.filter(|(n, _)| k < usize::BITS as usize && n >> k & 1 == 1);
        *bit = ones.map(|(_, p)| p).sum();
    }
}

/// Adds to the cotangent of a distribution what that of its digits comes to.
pub fn to_bits_back(by_bits: &[f64], by_distribution: &mut [f64]) {
    for (n, by) in by_distribution.iter_mut().enumerate() {
        let ones = by_bits.iter().take(usize::BITS as usize).enumerate();
        let ones = ones.filter(|(k, _)| n >> k & 1 == 1);
        *by += ones.map(|(_, ct)| ct).sum::<f64>();
    }
}

/// The distribution of numbers whose digits are independent of each other. Of more than [`MOST_BITS`]
/// digits the lowest are looked at.
pub fn from_bits(bits: &[f64], distribution: &mut [f64]) {
    let bits = &bits[..bits.len().min(MOST_BITS)];
    let reach = 1_usize << bits.len();
    distribution.fill(0.0);
    let Some(first) = distribution.first_mut() else {
        return;
    };
    *first = 1.0;
    // With each digit twice as many numbers have a chance.
    let mut known = 1;
    for q in bits {
        for n in (0..known).rev() {
            let p = distribution.get(n).copied().unwrap_or(0.0);
            if let Some(high) = distribution.get_mut(n + known) {
                *high = p * q;
            }
            if let Some(low) = distribution.get_mut(n) {
                *low = p * (1.0 - q);
            }
        }
        known = (2 * known).min(reach);
    }
}

/// Adds to the cotangent of digits what that of their distribution comes to.
pub fn from_bits_back(bits: &[f64], by_distribution: &[f64], by_bits: &mut [f64]) {
    let bits = &bits[..bits.len().min(MOST_BITS)];
    // Sums of what is left when the digits from the highest on are summed out: Horner's scheme, each
    // digit's derivative being the difference of its halves.
    let mut sums = by_distribution.to_vec();
    sums.resize(1 << bits.len(), 0.0);
    // The chance of the lower digits of each number.
    let mut lower = vec![0.0; 1 << bits.len()];
    for (k, q) in bits.iter().enumerate().rev() {
        let half = 1 << k;
        from_bits(&bits[..k], &mut lower[..half]);
        let mut by = 0.0;
        for n in 0..half {
            by += lower[n] * (sums[n + half] - sums[n]);
            sums[n] = (1.0 - q) * sums[n] + q * sums[n + half];
        }
        if let Some(to) = by_bits.get_mut(k) {
            *to += by;
        }
    }
}
