//! Lanes against numbers to the bit on every processor that can be had.

use super::super::{Cpu, Kernel};
use super::{points, random, same};

#[test]
fn lanes_are_equal_to_numbers_to_the_bit() {
    let mut random = random();
    for &kernel in Kernel::ALL {
        let name = kernel.name();
        let mut points = points(kernel, 4_000, &mut random);
        // Huge angles, poles and NaN among ordinary numbers, so that lanes go different ways.
        for place in (1..points.len()).rev() {
            points.swap(place, random.below(place as u64 + 1) as usize);
        }
        let mut start = 0;
        for length in (1..=70).cycle() {
            if start == points.len() {
                break;
            }
            let end = points.len().min(start + length);
            let (a, b): (Vec<f64>, Vec<f64>) = points[start..end].iter().copied().unzip();
            start = end;
            for cpu in Cpu::available() {
                let lanes = kernel.lanes(cpu, &a, &b);
                for ((&a, &b), &lane) in a.iter().zip(&b).zip(&lanes) {
                    let (number, plain) = (kernel.number(a, b), kernel.plain(a, b));
                    assert!(
                        same(number, lane) && same(plain, lane),
                        "`{name}` of {a:e}, {b:e} is {lane:e} among lanes of {cpu:?}, {number:e} alone, \
                         {plain:e} without FMA: a kernel is made of what src/prim/math/double.rs has, and \
                         gives the same bits everywhere"
                    );
                }
            }
        }
    }
}
