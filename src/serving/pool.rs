//! The threads of big requests: as many as cores, of low priority, each piece of work in the order of arrival.
//!
//! A big request is cut into small pieces of work; the pieces of several requests take turns, so that one of a hundred
//! activities does not wait for one of fifty thousand. Requests of few activities never come here: they are coded where
//! they arrive, and the low priority of these threads lets them through.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use thread_priority::{ThreadPriority, set_current_thread_priority};
use tokio::sync::{Semaphore, oneshot};

/// The threads of big requests.
#[derive(Clone)]
pub struct BatchPool {
    threads: Arc<rayon::ThreadPool>,
    turns: Arc<Semaphore>,
}

/// The work panicked.
#[derive(Debug)]
pub struct Panicked(pub String);

impl BatchPool {
    /// As many threads as cores.
    pub fn new() -> Result<Self, rayon::ThreadPoolBuildError> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = rayon::ThreadPoolBuilder::new()
            .num_threads(cores)
            .thread_name(|number| format!("codif-batch-{number}"))
            .start_handler(|_| {
                if let Err(error) = set_current_thread_priority(ThreadPriority::Min) {
                    tracing::warn!(?error, "batch threads keep the usual priority");
                }
            })
            .build()?;
        Ok(Self { threads: Arc::new(threads), turns: Arc::new(Semaphore::new(cores)) })
    }

    /// How many pieces of work run at once.
    pub fn size(&self) -> usize {
        self.threads.current_num_threads()
    }

    /// Runs one piece of work when its turn comes.
    pub async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Panicked> {
        let gone = || Panicked("the pool has stopped".to_owned());
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|_| gone())?;
        let (sender, receiver) = oneshot::channel();
        self.threads.spawn(move || {
            let result = caught(work);
            drop(turn);
            // The client may have left: nobody waits for the result then.
            let _ = sender.send(result);
        });
        receiver.await.unwrap_or_else(|_| Err(gone()))
    }
}

/// Runs work, and a panic in it is an error.
pub fn caught<T>(work: impl FnOnce() -> T) -> Result<T, Panicked> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| Panicked(message(panic.as_ref())))
}

/// What a panic says.
pub fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("no message").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_error_and_the_pool_goes_on() {
        let pool = BatchPool::new().unwrap();
        for _ in 0..2 * pool.size() {
            let error = pool.run(|| panic!("as the test wants")).await.err().unwrap();
            assert_eq!(error.0, "as the test wants");
        }
        assert_eq!(pool.run(|| 1).await.unwrap(), 1);
    }
}
