//! Noise, sums of vectors, and minimization by L-BFGS.

/// Numbers of mean 0 and variance 1, the sum of twelve uniform ones each, by splitmix64.
pub(crate) fn noise(count: usize, state: &mut u64) -> Vec<f64> {
    let mut uniform = || {
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) as f64 / 2.0_f64.powi(64)
    };
    let mut normal = || (0..12).map(|_| uniform()).sum::<f64>() - 6.0;
    (0..count).map(|_| normal()).collect()
}

pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The sum of `a` and `s` times `b`.
pub(crate) fn add(a: &[f64], s: f64, b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a + s * b).collect()
}

/// Goes down from `x` by L-BFGS: along the gradient, bent by the curvature that all steps met.
pub(crate) fn minimize<E>(
    mut f: impl FnMut(&[f64]) -> Result<(f64, Vec<f64>), E>,
    mut x: Vec<f64>,
    steps: usize,
) -> Result<Vec<f64>, E> {
    let (mut value, mut gradient) = f(&x)?;
    let mut pairs: Vec<[Vec<f64>; 2]> = Vec::new();
    for _ in 0..steps {
        let (mut p, mut shares) = (gradient.clone(), Vec::new());
        for [s, y] in pairs.iter().rev() {
            let share = dot(s, &p) / dot(s, y);
            p = add(&p, -share, y);
            shares.push(share);
        }
        let last = pairs.last().map(|[s, y]| dot(s, y) / dot(y, y));
        let scale = last.unwrap_or(0.1 / dot(&p, &p).sqrt());
        for p in &mut p {
            *p *= scale;
        }
        for ([s, y], share) in pairs.iter().zip(shares.iter().rev()) {
            p = add(&p, share - dot(y, &p) / dot(s, y), s);
        }
        let mut length = 1.0;
        let (next, (below, slope)) = loop {
            let next = add(&x, -length, &p);
            let found = f(&next)?;
            if found.0 <= value - 1e-4 * length * dot(&gradient, &p) {
                break (next, found);
            }
            if length < 1e-9 {
                return Ok(x);
            }
            length /= 2.0;
        };
        let pair = [add(&next, -1.0, &x), add(&slope, -1.0, &gradient)];
        if dot(&pair[0], &pair[1]) > 0.0 {
            pairs.push(pair);
        }
        (x, value, gradient) = (next, below, slope);
    }
    Ok(x)
}
