//! When something is tried once more, and how long is waited before.

use std::time::Duration;

use rand::TryRng;

use super::errors::is_of_the_clock;
use crate::registry::error::RegistryError;

/// The first wait; every further one is twice as long, up to the longest.
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(8);

/// Whether an attempt, counted from 1, is worth another one.
pub(super) fn again(error: &RegistryError, attempt: u32) -> bool {
    // The SDK learns the server's clock from its first refusal, and signs by that clock from then on.
    error.may_pass() || (attempt == 1 && is_of_the_clock(error))
}

/// Waits after an attempt, counted from 1, that failed.
pub(super) async fn pause(attempt: u32) {
    tokio::time::sleep(wait(attempt, rand::rngs::SysRng.try_next_u32().unwrap_or_default())).await;
}

/// Between half of the wait and all of it, so that those who were cut off together do not come back together.
fn wait(attempt: u32, random: u32) -> Duration {
    let doublings = 2_u32.saturating_pow(attempt.saturating_sub(1));
    let longest = FIRST_WAIT.saturating_mul(doublings).min(LONGEST_WAIT);
    longest.mul_f64(0.5 + 0.5 * f64::from(random) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_bound_and_are_not_all_alike() {
        assert_eq!(wait(1, u32::MAX), Duration::from_millis(250));
        assert_eq!(wait(1, 0), Duration::from_millis(125));
        assert_eq!(wait(3, u32::MAX), Duration::from_secs(1));
        assert_eq!(wait(60, u32::MAX), LONGEST_WAIT);
    }
}
