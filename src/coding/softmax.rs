//! Softmax with temperature over the last dimension, as a candle custom op: one pass for the largest logit, one for the
//! exponentials. candle-nn's own calls the C library's `expf` number by number; here the compiler turns the loop into
//! vector instructions.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};

use super::embedding_bag::contiguous;
use super::wide::wide;

/// exp((x − max) / temperature), divided by the sum of its line.
pub fn softmax(logits: &Tensor, temperature: f64) -> Result<Tensor> {
    logits.apply_op1_no_bwd(&Softmax { inverse_temperature: (1.0 / temperature) as f32 })
}

struct Softmax {
    inverse_temperature: f32,
}

impl CustomOp1 for Softmax {
    fn name(&self) -> &'static str {
        "softmax-with-temperature"
    }

    fn cpu_fwd(&self, logits: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (_, labels) = layout.shape().dims2()?;
        let mut values = contiguous(logits.as_slice::<f32>()?, layout)?.to_vec();
        wide(|| {
            for line in values.chunks_exact_mut(labels.max(1)) {
                let largest = largest(line);
                line.iter_mut().for_each(|value| *value = exponential((*value - largest) * self.inverse_temperature));
                let inverse_sum = 1.0 / sum(line);
                line.iter_mut().for_each(|value| *value *= inverse_sum);
            }
        });
        Ok((CpuStorage::F32(values), layout.shape().clone()))
    }
}

/// Numbers taken together: eight partial results become vector instructions, one would not.
const LANES: usize = 8;

#[inline(always)]
fn largest(line: &[f32]) -> f32 {
    let larger = |one: f32, other: f32| if other > one { other } else { one };
    let (chunks, rest) = line.as_chunks::<LANES>();
    let mut lanes = [f32::NEG_INFINITY; LANES];
    for chunk in chunks {
        lanes.iter_mut().zip(chunk).for_each(|(lane, value)| *lane = larger(*lane, *value));
    }
    lanes.iter().chain(rest).copied().fold(f32::NEG_INFINITY, larger)
}

#[inline(always)]
fn sum(line: &[f32]) -> f32 {
    let (chunks, rest) = line.as_chunks::<LANES>();
    let mut lanes = [0f32; LANES];
    for chunk in chunks {
        lanes.iter_mut().zip(chunk).for_each(|(lane, value)| *lane += value);
    }
    lanes.iter().chain(rest).sum()
}

/// e^x for x ≤ 0, within 2 units in the last place; 0 where the result would be subnormal. Without a branch, so that it
/// becomes vector instructions: e^x = 2^n · e^r with n the nearest whole number to x / ln 2, |r| ≤ ln 2 / 2, and e^r by its
/// Taylor series to the seventh degree (Cody and Waite, "Software Manual for the Elementary Functions", 1980).
#[inline(always)]
fn exponential(x: f32) -> f32 {
    // ln 2 in two parts: the first has few enough digits for n · LN_2_HIGH to be exact.
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    // Adding and taking away this number rounds to the nearest whole number.
    const ROUND: f32 = 12_582_912.0;
    let bounded = if x > -87.0 { x } else { -87.0 };
    let rounded = bounded * std::f32::consts::LOG2_E + ROUND;
    let n = rounded - ROUND;
    let r = bounded - n * LN_2_HIGH - n * LN_2_LOW;
    let series = 1.0 / 5040.0;
    let series = series * r + 1.0 / 720.0;
    let series = series * r + 1.0 / 120.0;
    let series = series * r + 1.0 / 24.0;
    let series = series * r + 1.0 / 6.0;
    let series = series * r + 0.5;
    let series = series * r + 1.0;
    let series = series * r + 1.0;
    // The last bits of the rounded number are n itself: moved into the exponent they are 2^n.
    let power_of_two = f32::from_bits(rounded.to_bits().wrapping_add(127) << 23);
    if x < -87.0 { 0.0 } else { series * power_of_two }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;
    use proptest::prelude::*;

    #[test]
    fn exponentials_are_right_to_the_last_digits() {
        for step in 0..=880_000 {
            let x = -(step as f32) / 10_000.0;
            let (found, expected) = (f64::from(exponential(x)), f64::from(x).exp());
            assert!((found - expected).abs() <= 3e-7 * expected || expected < 2e-38, "e^{x} = {expected}, not {found}");
        }
        assert_eq!((exponential(0.0), exponential(-1000.0), exponential(f32::NEG_INFINITY)), (1.0, 0.0, 0.0));
        assert!(exponential(f32::NAN).is_finite() || exponential(f32::NAN).is_nan());
    }

    proptest! {
        #[test]
        fn as_candles_own(logits in prop::collection::vec(-60f32..60.0, 2..200), temperature in 0.5f64..3.0) {
            let columns = logits.len() / 2;
            let logits = Tensor::from_slice(&logits[..2 * columns], (2, columns), &Device::Cpu).unwrap();
            let found: Vec<Vec<f32>> = softmax(&logits, temperature).unwrap().to_vec2().unwrap();
            let scaled = (&logits / temperature).unwrap();
            let expected: Vec<Vec<f32>> = candle_nn::ops::softmax_last_dim(&scaled).unwrap().to_vec2().unwrap();
            for (found, expected) in found.iter().flatten().zip(expected.iter().flatten()) {
                prop_assert!((found - expected).abs() <= 1e-5, "{} instead of {}", found, expected);
            }
        }
    }
}
