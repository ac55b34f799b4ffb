//! A small network as a baseline: what it makes of the points that a program is fitted to.

use crate::report::Failure;
use dfdx::optim::{Adam, AdamConfig};
use dfdx::prelude::*;

/// How many points there are.
pub(crate) const ROWS: usize = 20;

type Net = (Linear<3, 32>, Tanh, Linear<32, 32>, Tanh, Linear<32, 1>);

/// The mean squared error after so many steps of Adam on points of up to three inputs; other inputs are 0.
pub(crate) fn fit(
    columns: &[Vec<f64>],
    targets: &[f64],
    seed: u64,
    steps: usize,
) -> Result<f64, Failure> {
    let device = Cpu::seed_from_u64(seed);
    let (mut x, mut y) = ([[0.0; 3]; ROWS], [[0.0]; ROWS]);
    for row in 0..ROWS {
        for (input, column) in columns.iter().take(3).enumerate() {
            x[row][input] = column[row];
        }
        y[row] = [targets[row]];
    }
    let (x, y) = (device.tensor(x), device.tensor(y));
    let mut net = device.build_module::<Net, f64>();
    let config = AdamConfig {
        lr: 0.01,
        ..AdamConfig::default()
    };
    let mut adam = Adam::new(&net, config);
    let mut gradients = net.alloc_grads();
    for _ in 0..steps {
        let loss = mse_loss(net.forward(x.trace(gradients)), y.clone());
        gradients = loss.backward();
        adam.update(&mut net, &gradients)?;
        net.zero_grads(&mut gradients);
    }
    Ok(mse_loss(net.forward(x), y).array())
}
