//! Random numbers from a seed: the same on every machine, whoever draws them.
//!
//! **Invariants**
//! - Equal seeds give equal sequences; [`Random::at`] makes a seed of several numbers, so what is
//!   drawn for a try or a step does not depend on what was drawn for others.

/// Splitmix64 (Steele, Lea, Flood 2014).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The sequence of a seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The sequence of several numbers in their order: a seed, a try, a step.
    pub fn at(numbers: &[u64]) -> Self {
        let seed = numbers.iter().fold(0x243f_6a88_85a3_08d3, |seed, &n| {
            Self(seed ^ n.wrapping_mul(0xd134_2543_de82_ef95)).bits()
        });
        Self(seed)
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A whole number below `n`; 0 where `n` is 0.
    pub fn below(&mut self, n: usize) -> usize {
        // The high half of a product: uniform to 2^-64 n, and without a division.
        ((u128::from(self.bits()) * n as u128) >> 64) as usize
    }

    /// A number from 0 up to 1, 1 excluded.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A number of the standard normal distribution, by Box and Muller.
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * crate::prim::math::ln(1.0 - self.unit())).sqrt();
        radius * crate::prim::math::cos(std::f64::consts::TAU * self.unit())
    }
}

/// A number that tests take from outside, such as a seed, or the usual one.
#[cfg(test)]
pub(crate) fn from_environment(name: &str, usual: u64) -> u64 {
    let text = std::env::var(name).ok();
    text.map_or(usual, |text| text.trim().parse().expect("a number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_spread_as_they_should_be() {
        let mut random = Random::new(5);
        let mut counts = [0; 7];
        let (mut sum, mut squares) = (0.0, 0.0);
        for _ in 0..70_000 {
            counts[random.below(7)] += 1;
            let x = random.normal();
            sum += x;
            squares += x * x;
        }
        assert!(
            counts.iter().all(|&n: &i32| (n - 10_000).abs() < 500),
            "{counts:?}"
        );
        assert!((sum / 7e4).abs() < 0.02 && (squares / 7e4 - 1.0).abs() < 0.03);
        assert_eq!(random.below(0), 0);
    }

    #[test]
    fn sequences_differ_by_each_number() {
        let first = |numbers: &[u64]| Random::at(numbers).bits();
        assert_eq!(first(&[1, 2, 3]), first(&[1, 2, 3]));
        let seen = [
            first(&[1, 2]),
            first(&[2, 1]),
            first(&[1]),
            first(&[1, 2, 0]),
            first(&[]),
        ];
        for (at, a) in seen.iter().enumerate() {
            assert!(!seen[..at].contains(a));
        }
    }
}
