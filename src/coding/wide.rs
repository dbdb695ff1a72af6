//! Loops in the widest vector instructions that the processor has: one binary runs everywhere, and fast where it can.

use pulp::Arch;

/// Runs a loop that the compiler turns into vector instructions. It is compiled once for each kind of processor; which one this
/// is was found out at the first call.
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
