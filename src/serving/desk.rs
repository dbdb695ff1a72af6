//! Where requests are worked on: small ones where they arrive, big ones piece by piece in the pool.

use futures_util::{StreamExt, TryStreamExt, stream};

use super::admission::Budget;
use super::pool::Pool;
use crate::process::{Panicked, caught};

/// Activities in a piece of work of a big request.
const PIECE: usize = 64;
/// Most activities, and most bytes of their request, that are worked on where they arrive: such a request keeps its
/// thread for less than half a millisecond (`just bench`).
const FEW_ACTIVITIES: usize = 4;
const FEW_BYTES: usize = 2048;
/// Most bytes of a request whose answer is explained, which reads every row of the text once more.
const FEW_EXPLAINED_BYTES: usize = 512;
/// Most bytes that are skimmed where they arrive: at about a gigabyte a second.
const FEW_SKIMMED_BYTES: usize = 32 << 10;
/// Most bytes of a long request.
const LONG_BYTES: usize = 64 << 10;

/// Where requests are worked on.
#[derive(Clone)]
pub struct Desk {
    /// Activities in work at once.
    pub activities: Budget,
    /// Bytes of bodies and answers held at once.
    pub memory: Budget,
    /// The threads of big requests.
    pub big: Pool,
    /// The thread of long ones.
    pub long: Pool,
}

/// How big a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// It is worked on where it arrives.
    Small,
    /// Few activities, long texts: it has a thread beside the big ones.
    Long,
    /// It goes to the pool, piece by piece.
    Big,
}

impl Size {
    /// Of a request whose body has so many bytes.
    pub fn of_body(bytes: usize) -> Self {
        match bytes {
            bytes if bytes <= FEW_BYTES => Self::Small,
            bytes if bytes <= LONG_BYTES => Self::Long,
            _ => Self::Big,
        }
    }

    /// Of a body of so many bytes that is only skimmed, to count its activities: a refusal does not wait for a thread then.
    pub fn of_skimmed_body(bytes: usize) -> Self {
        if bytes <= FEW_SKIMMED_BYTES { Self::Small } else { Self::Big }
    }

    /// Of a request of so many bytes whose answer is explained.
    pub fn of_explained(bytes: usize) -> Self {
        if bytes <= FEW_EXPLAINED_BYTES { Self::Small } else { Self::of_body(bytes.max(FEW_BYTES + 1)) }
    }

    /// The same, once its activities are counted.
    pub fn with_activities(self, activities: usize) -> Self {
        if activities <= FEW_ACTIVITIES { self } else { Self::Big }
    }
}

impl Desk {
    /// Runs work of one piece.
    pub async fn run<T: Send + 'static>(
        &self,
        size: Size,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Panicked> {
        match size {
            Size::Small => caught(work),
            Size::Long => self.long.run(work).await,
            Size::Big => self.big.run(work).await,
        }
    }

    /// Runs work on items piece by piece; the results come in the order of the items, each seen by `done` as it comes. The
    /// first error ends it.
    pub async fn run_pieces<Item, T, E>(
        &self,
        size: Size,
        items: Vec<Item>,
        work: impl Fn(Vec<Item>) -> Result<T, E> + Clone + Send + 'static,
        mut done: impl FnMut(&T) -> Result<(), E>,
    ) -> Result<Vec<T>, E>
    where
        Item: Send + 'static,
        T: Send + 'static,
        E: From<Panicked> + Send + 'static,
    {
        if size != Size::Big {
            let result = self.run(size, move || work(items)).await??;
            done(&result)?;
            return Ok(vec![result]);
        }
        // Fifty thousand items take milliseconds to be told apart: that too is work for the pool.
        let pieces = self.big.run(move || pieces(items)).await?.into_iter().map(|piece| {
            let work = work.clone();
            async move { self.big.run(move || work(piece)).await? }
        });
        let results = stream::iter(pieces).buffered(self.big.size());
        results.and_then(|result| std::future::ready(done(&result).map(|()| result))).try_collect().await
    }
}

fn pieces<Item>(items: Vec<Item>) -> Vec<Vec<Item>> {
    let mut items = items.into_iter().peekable();
    let mut pieces = Vec::new();
    while items.peek().is_some() {
        pieces.push(items.by_ref().take(PIECE).collect());
    }
    pieces
}
