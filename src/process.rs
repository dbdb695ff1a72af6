//! What holds for the whole process: its allocator, and how many threads candle takes. The one module with `unsafe`.

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

/// Gives back to the system what was freed, at once: after models were loaded, half of what was in use is free.
#[expect(unsafe_code, reason = "the allocator's own function")]
pub fn give_memory_back() {
    // SAFETY: it takes no pointer, and mimalloc's documentation lets any thread call it at any time.
    unsafe { libmimalloc_sys::mi_collect(true) };
}
