//! Loops in the widest vector instructions that the processor has: one binary runs everywhere, and fast where it can.

use pulp::Arch;

/// Runs a loop that the compiler turns into vector instructions. It is compiled once for each kind of processor; which one this
/// is was found out at the first call.
#[inline(always)]
pub fn wide<R>(run: impl FnOnce() -> R) -> R {
    Arch::new().dispatch(run)
}
