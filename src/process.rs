//! What holds for the whole process: its allocator, and how many threads candle takes. With a hint to the processor
//! (`coding/wide.rs`) and the call of the kernel of the feature `cuda`, the only `unsafe` there is.

use std::panic::{AssertUnwindSafe, catch_unwind};

use thread_priority::{ThreadPriority, set_current_thread_priority};

/// Gives memory back to the system after a big request, and scales over threads better than the system's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Tells candle to compute on the thread that asks: codif itself spreads texts over threads. Without the variable candle
/// also reads /proc/cpuinfo at every matrix product, which costs more than the product. To be called before anything else.
#[expect(unsafe_code, reason = "the environment is changed here and nowhere else")]
pub fn leave_threads_to_codif() {
    // SAFETY: main calls this first, when no other thread has been started that could read the environment.
    unsafe { std::env::set_var("RAYON_NUM_THREADS", "1") };
}

/// Chooses ring for all TLS of the process: reqwest asks for it even where nothing is encrypted. The first choice stays.
pub fn choose_cryptography() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// Asks the system for large pages for room that is not touched yet: rows gathered at random then need fewer of the processor's
/// page entries, and the room is had in fewer steps. Nothing happens where the system has none.
#[expect(unsafe_code, reason = "a hint about memory that is the caller's alone")]
pub fn take_large_pages<T>(room: &mut Vec<T>) {
    #[cfg(target_os = "linux")]
    {
        const PAGE: usize = 2 << 20;
        let start = room.as_mut_ptr().cast::<u8>();
        let (before, bytes) = (start.align_offset(PAGE), room.capacity() * size_of::<T>());
        if let Some(whole) = bytes.checked_sub(before).map(|bytes| bytes / PAGE * PAGE).filter(|whole| *whole > 0) {
            // SAFETY: the range lies in the vector's own room, which is borrowed here; the advice changes no content.
            let advised = unsafe {
                rustix::mm::madvise(start.wrapping_add(before).cast(), whole, rustix::mm::Advice::LinuxHugepage)
            };
            if let Err(error) = advised {
                tracing::debug!(%error, "no large pages");
            }
        }
    }
}

/// Gives the calling thread the lowest priority, so that whatever else is to be done comes first.
pub fn give_way() {
    if let Err(error) = set_current_thread_priority(ThreadPriority::Min) {
        tracing::warn!(?error, "a thread of background work keeps the usual priority");
    }
}

/// The work panicked, and the hook of the logs said where. What the panic said stays there: it may quote a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Panicked;

/// Runs work, and a panic in it is an error.
pub fn caught<T>(work: impl FnOnce() -> T) -> Result<T, Panicked> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|_| Panicked)
}

/// Gives back to the system what was freed, at once: after models were loaded, half of what was in use is free.
#[expect(unsafe_code, reason = "the allocator's own function")]
pub fn give_memory_back() {
    // SAFETY: it takes no pointer, and mimalloc's documentation lets any thread call it at any time.
    unsafe { libmimalloc_sys::mi_collect(true) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_pages_change_nothing_of_the_room() {
        // None, less than a page, not a whole number of pages.
        for count in [0usize, 1, 1000, (5 << 20) / 4 + 3] {
            let mut values: Vec<u32> = Vec::with_capacity(count);
            let room = values.capacity();
            take_large_pages(&mut values);
            assert!(values.is_empty() && values.capacity() == room);
            values.extend(0..count as u32);
            take_large_pages(&mut values);
            assert!(values.iter().copied().eq(0..count as u32));
        }
    }
}
