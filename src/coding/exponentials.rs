//! What a softmax needs of its exponentials: their sum over a line of logits. The C library's `expf` goes number by number; here
//! the compiler turns the loop into vector instructions.

use super::wide::wide;

/// The sum of e^((x − largest) × scale) over a line whose largest number is known.
pub fn sum_of_exponentials(line: &[f32], largest: f32, scale: f32) -> f32 {
    wide(
        #[inline(always)]
        || {
            let (chunks, rest) = line.as_chunks::<LANES>();
            let mut lanes = [0f32; LANES];
            for chunk in chunks {
                lanes.iter_mut().zip(chunk).for_each(|(lane, x)| *lane += exponential((x - largest) * scale));
            }
            lanes.iter().sum::<f32>() + rest.iter().map(|x| exponential((x - largest) * scale)).sum::<f32>()
        },
    )
}

/// Numbers taken together: partial results become vector instructions, one would not.
const LANES: usize = 16;

/// e^x for x ≤ 0, within 2 units in the last place; 0 where the result would be subnormal. Without a branch, so that it
/// becomes vector instructions: e^x = 2^n · e^r with n the nearest whole number to x / ln 2, |r| ≤ ln 2 / 2, and e^r by its
/// Taylor series to the seventh degree (Cody and Waite, "Software Manual for the Elementary Functions", 1980).
#[inline(always)]
pub fn exponential(x: f32) -> f32 {
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
        fn sums_of_any_length_are_right(line in prop::collection::vec(-60f32..60.0, 1..70), scale in 0.3f32..2.0) {
            let largest = line.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let expected: f64 = line.iter().map(|x| (f64::from(x - largest) * f64::from(scale)).exp()).sum();
            let found = f64::from(sum_of_exponentials(&line, largest, scale));
            prop_assert!((found - expected).abs() <= 1e-5 * expected, "{found} instead of {expected}");
        }
    }
}
