//! How much may be in work at once, counted in what costs: activities, or bytes held. Not in requests, which cost from
//! one to fifty thousand times as much.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use prometheus::IntGauge;

/// A budget shared by all requests.
#[derive(Clone)]
pub struct Budget {
    inner: Arc<Inner>,
}

struct Inner {
    capacity: usize,
    held: AtomicUsize,
    gauge: IntGauge,
}

/// A share of a budget, given back when dropped.
pub struct Share {
    inner: Arc<Inner>,
    held: usize,
    free: usize,
}

/// There is no room now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exhausted;

impl Budget {
    /// A budget of `capacity`, of which `gauge` tells how much is held.
    pub fn new(capacity: usize, gauge: IntGauge) -> Self {
        Self { inner: Arc::new(Inner { capacity, held: AtomicUsize::new(0), gauge }) }
    }

    /// A share of `amount`, at once or not at all.
    pub fn take(&self, amount: usize) -> Result<Share, Exhausted> {
        let mut share = self.share(0);
        share.grow(amount)?;
        Ok(share)
    }

    /// An empty share, whose first `free` amount is not counted: what is small is never refused.
    pub fn share(&self, free: usize) -> Share {
        Share { inner: Arc::clone(&self.inner), held: 0, free }
    }
}

impl Share {
    /// Takes more: what is held by all stays within the capacity, or this share is the only one. So whoever is alone is
    /// always admitted, and one rule serves one and many.
    pub fn grow(&mut self, amount: usize) -> Result<(), Exhausted> {
        let uncounted = amount.min(self.free);
        self.free -= uncounted;
        let amount = amount - uncounted;
        if amount == 0 {
            return Ok(());
        }
        let own = self.held;
        let room = |held: usize| {
            let after = held.checked_add(amount)?;
            (held <= own || after <= self.inner.capacity).then_some(after)
        };
        self.inner.held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, room).map_err(|_| Exhausted)?;
        self.held += amount;
        self.inner.gauge.add(amount as i64);
        Ok(())
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.inner.held.fetch_sub(self.held, Ordering::Relaxed);
        self.inner.gauge.sub(self.held as i64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(capacity: usize) -> (Budget, IntGauge) {
        let gauge = IntGauge::new("held", "held").unwrap();
        (Budget::new(capacity, gauge.clone()), gauge)
    }

    #[test]
    fn shares_are_given_up_to_the_capacity_and_given_back() {
        let (budget, gauge) = budget(10);
        let first = budget.take(6).unwrap();
        let second = budget.take(4).unwrap();
        assert_eq!(budget.take(1).err(), Some(Exhausted));
        assert_eq!(gauge.get(), 10);
        drop(first);
        assert!(budget.take(6).is_ok());
        drop(second);
        assert_eq!(gauge.get(), 0);
    }

    #[test]
    fn what_is_small_is_not_counted() {
        let (budget, gauge) = budget(10);
        let _all = budget.take(50).unwrap();
        let mut small = budget.share(8);
        assert!(small.grow(5).is_ok() && small.grow(3).is_ok());
        assert_eq!((small.grow(1), gauge.get()), (Err(Exhausted), 50));
    }

    #[test]
    fn whoever_is_alone_is_admitted_whatever_the_size() {
        let (budget, _) = budget(10);
        let mut alone = budget.take(50).unwrap();
        assert!(alone.grow(50).is_ok());
        assert_eq!(budget.take(1).err(), Some(Exhausted));
        drop(alone);
        let _one = budget.take(1).unwrap();
        assert_eq!(budget.take(50).err(), Some(Exhausted));
        assert!(budget.take(9).is_ok());
    }
}
