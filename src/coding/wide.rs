//! Loops in the widest vector instructions that the processor has: one binary runs everywhere, and fast where it can.

use pulp::Arch;

/// Runs a loop that the compiler turns into vector instructions. It is compiled once for each kind of processor; which one this
/// is was found out at the first call. The closure must be `#[inline(always)]`: left to itself the compiler may make a function of
/// it, which knows of the oldest processor alone.
#[inline(always)]
pub fn wide<R>(run: impl FnOnce() -> R) -> R {
    Arch::new().dispatch(run)
}

/// Asks for numbers from memory before they are needed.
#[inline(always)]
#[expect(unsafe_code, reason = "a hint to the processor, which reads nothing that the program sees")]
pub fn prefetch(values: &[f32]) {
    #[cfg(target_arch = "x86_64")]
    for line in values.chunks(16) {
        // SAFETY: every x86-64 processor has the instruction, and it may be given any address.
        unsafe { std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(line.as_ptr().cast()) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_numbers_may_be_asked_for() {
        let values: Vec<f32> = (0..70u8).map(f32::from).collect();
        for start in 0..20 {
            for length in [0, 1, 15, 16, 17, 31, 33, 50] {
                let some = &values[start..start + length];
                prefetch(some);
                let sum = wide(|| some.iter().sum::<f32>());
                assert_eq!(sum, (start..start + length).map(|value| value as f32).sum::<f32>());
            }
        }
    }
}
