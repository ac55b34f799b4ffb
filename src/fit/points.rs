//! Where starts lie: points around a first guess, by counter.
//!
//! Bounds, a first guess and a seed go in; the point of any start comes out.
//!
//! **Invariants**
//! - A number of a point is a function of (seed, start, parameter, attempt) and of what goes in for
//!   that parameter.
//! - Start 0 is the first guess itself, and start 1 may be; those after it are where a scan found something.
//! - No number is outside its bound.
//!
//! A first guess is often right within a factor of three and sometimes wrong by a hundred, and nobody
//! knows which. So the spread climbs a ladder, start after start: half a decade, one, one and a half,
//! two; attempts climb on from there.
//! - A parameter that is compared with a column, or subtracted from one, lies in the column's range half
//!   of the time, and always where the guess is outside of it.
//! - `Above` and `Below`: the distance from the bound is the guess's times a log-uniform factor
//!   within the spread, because a positive number is a scale.
//! - `Between`: uniform, whatever the guess, because the interval already says where to look;
//!   log-uniform if it is positive and longer than two decades.
//! - `Free`: by turns the guess times a log-uniform factor (it has the right sign, not the right
//!   size), and a normal distribution around it as wide as the spread times the larger of its size
//!   and one (it has not even the right sign).

use crate::fit::bounds::Bound;
use crate::prim::math;
use std::f64::consts::{LN_10, TAU};

/// The ladder of spreads, in decades.
const SPREADS: [f64; 4] = [0.5, 1.0, 1.5, 2.0];

/// Where a parameter may lie, from the lowest to the highest number of a column that a program compares it
/// with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Range {
    pub(crate) low: f64,
    pub(crate) high: f64,
}

/// What starting points are made from.
pub(super) struct Guess<'a> {
    pub(super) bounds: &'a [Bound],
    pub(super) init: &'a [f64],
    pub(super) seed: u64,
    /// None, or one for each parameter.
    pub(super) ranges: &'a [Option<Range>],
    /// Whether start 1 is the first guess once more.
    pub(super) twice: bool,
    /// What a scan found, the best last.
    pub(super) scanned: Vec<Vec<f64>>,
}

impl Guess<'_> {
    /// Whether start `k` has one point and no other.
    pub(super) fn is_fixed(&self, k: usize) -> bool {
        k <= usize::from(self.twice) + self.scanned.len()
    }

    /// The point of start `k` at its given attempt.
    pub(super) fn point(&self, k: usize, attempt: u32) -> Vec<f64> {
        let fixed = 1 + usize::from(self.twice);
        if k < fixed {
            return self.init.to_vec();
        }
        if let Some(point) = self.scanned.iter().rev().nth(k - fixed) {
            return point.clone();
        }
        // Around the first guess and what a scan made of it, by turns of eight.
        let centre = match self.scanned.last() {
            Some(scanned) if (k / (2 * SPREADS.len())).is_multiple_of(2) => scanned,
            _ => self.init,
        };
        let spread = SPREADS[k % SPREADS.len()] * (1.0 + 0.25 * f64::from(attempt));
        let keep_sign = (k / SPREADS.len()).is_multiple_of(2);
        (0..self.init.len())
            .map(|j| {
                let [u, v] = uniforms(self.seed, [k as u32, j as u32, attempt]);
                let factor = spread * LN_10 * (2.0 * u - 1.0);
                let (bound, init) = (self.bounds[j], centre[j]);
                if let Some(Some(range)) = self.ranges.get(j)
                    && (k.is_multiple_of(2) || init < range.low || init > range.high)
                {
                    let value = range.low + u * (range.high - range.low);
                    if bound.contains(value) {
                        return value;
                    }
                }
                match bound {
                    Bound::Above(_) => bound.value(bound.coordinate(init) + factor),
                    Bound::Below(_) => bound.value(bound.coordinate(init) - factor),
                    Bound::Between(low, high) => {
                        let value = if low > 0.0 && high / low > 100.0 {
                            low * math::exp(u * math::ln(high / low))
                        } else {
                            low + u * (high - low)
                        };
                        value.max(low.next_up()).min(high.next_down())
                    }
                    Bound::Free if keep_sign && init != 0.0 => init * math::exp(factor),
                    Bound::Free => {
                        // Box and Muller's transform; 1 - u is never zero.
                        let normal = (-2.0 * math::ln(1.0 - u)).sqrt() * math::cos(TAU * v);
                        init + spread * init.abs().max(1.0) * normal
                    }
                }
            })
            .collect()
    }
}

/// Two numbers in [0, 1) for a counter, by Philox 4x32 with ten rounds (Salmon, Moraes, Dror and
/// Shaw, "Parallel random numbers: as easy as 1, 2, 3", 2011).
fn uniforms(seed: u64, [k, j, attempt]: [u32; 3]) -> [f64; 2] {
    let [a, b, c, d] = philox([k, j, attempt, 0], [seed as u32, (seed >> 32) as u32]);
    [(a, b), (c, d)].map(|(high, low)| {
        let bits = u64::from(high) << 32 | u64::from(low);
        (bits >> 11) as f64 / (1_u64 << 53) as f64
    })
}

fn philox(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    let wide = |x: u32, by: u64| {
        let product = u64::from(x) * by;
        ((product >> 32) as u32, product as u32)
    };
    let ([mut a, mut b, mut c, mut d], [mut k, mut l]) = (counter, key);
    for _ in 0..10 {
        let (high, low) = wide(a, 0xD251_1F53);
        let (other_high, other_low) = wide(c, 0xCD9E_8D57);
        (a, b, c, d) = (other_high ^ b ^ k, other_low, high ^ d ^ l, low);
        (k, l) = (k.wrapping_add(0x9E37_79B9), l.wrapping_add(0xBB67_AE85));
    }
    [a, b, c, d]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_inside_their_bounds() {
        let bounds = [
            Bound::Free,
            Bound::Above(2.0),
            Bound::Below(-1.0),
            Bound::Between(-1.0, 1.0),
            Bound::Between(1e-6, 1e6),
        ];
        let init = [0.0, 2.5, -7.0, 0.99, 1.0];
        let guess = Guess {
            bounds: &bounds,
            init: &init,
            seed: 3,
            ranges: &[],
            twice: false,
            scanned: Vec::new(),
        };
        for k in 1..200 {
            let point = guess.point(k, (k % 16) as u32);
            for (bound, value) in bounds.iter().zip(point) {
                assert!(bound.contains(value), "{bound:?} {value}");
            }
        }
    }

    #[test]
    fn philox_gives_its_authors_numbers() {
        assert_eq!(
            philox([0; 4], [0; 2]),
            [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]
        );
        assert_eq!(
            philox([u32::MAX; 4], [u32::MAX; 2]),
            [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]
        );
        assert_eq!(
            philox(
                [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
                [0xa409_3822, 0x299f_31d0]
            ),
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
        );
    }
}
