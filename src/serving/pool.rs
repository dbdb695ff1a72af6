//! Threads beside those that take requests, each piece of work in the order of arrival.
//!
//! A big request is cut into small pieces of work; the pieces of several requests take turns, so that one of a hundred
//! activities does not wait for one of fifty thousand. Small requests never come here: they are coded where they arrive,
//! and the low priority of the threads of big ones lets them through. Long requests (few activities, long texts) have a
//! thread of their own.

use std::sync::Arc;

use tokio::sync::{Semaphore, oneshot};

use crate::process::{Panicked, caught, give_way};

/// Threads, and whose turn it is.
#[derive(Clone)]
pub struct Pool {
    threads: Arc<rayon::ThreadPool>,
    turns: Arc<Semaphore>,
}

impl Pool {
    /// For big requests: as many threads as cores, of the lowest priority.
    pub fn of_big_requests() -> Result<Self, rayon::ThreadPoolBuildError> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self::new("big", cores, give_way)
    }

    /// For long requests: one thread of the usual priority.
    pub fn of_long_requests() -> Result<Self, rayon::ThreadPoolBuildError> {
        Self::new("long", 1, || ())
    }

    fn new(
        name: &'static str,
        threads: usize,
        start: impl Fn() + Send + Sync + 'static,
    ) -> Result<Self, rayon::ThreadPoolBuildError> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(move |number| format!("codif-{name}-{number}"))
            .start_handler(move |_| start())
            .build()?;
        Ok(Self { threads: Arc::new(pool), turns: Arc::new(Semaphore::new(threads)) })
    }

    /// How many pieces of work run at once.
    pub fn size(&self) -> usize {
        self.threads.current_num_threads()
    }

    /// Runs one piece of work when its turn comes.
    pub async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Panicked> {
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|_| Panicked)?;
        let (sender, receiver) = oneshot::channel();
        self.threads.spawn(move || {
            let result = caught(work);
            drop(turn);
            // The client may have left: nobody waits for the result then.
            let _ = sender.send(result);
        });
        receiver.await.unwrap_or(Err(Panicked))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_error_and_the_pool_goes_on() {
        let pool = Pool::of_big_requests().unwrap();
        for _ in 0..2 * pool.size() {
            assert_eq!(pool.run(|| panic!("as the test wants")).await, Err::<(), _>(Panicked));
        }
        assert_eq!(pool.run(|| 1).await.unwrap(), 1);
    }
}
