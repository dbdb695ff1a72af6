//! Parses the command line and runs the sub-command.

use std::io::{ErrorKind, IsTerminal};
use std::process::ExitCode;

use codif::cli::run;

/// Gives memory back to the system after a big request, and scales over threads better than the system's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    leave_threads_to_codif();
    let arguments: Vec<_> = std::env::args_os().collect();
    match run(&arguments) {
        Ok(status) => status,
        // `codif … | head` closed the pipe: there is nobody left to tell.
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            let (red, plain) = if std::io::stderr().is_terminal() { ("\u{1b}[31m", "\u{1b}[0m") } else { ("", "") };
            eprintln!("{red}codif:{plain} {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Tells candle to compute on the thread that asks: codif itself spreads texts over threads. Without the variable candle
/// also reads /proc/cpuinfo at every matrix product, which costs more than the product.
#[expect(unsafe_code, reason = "the one place where the environment is changed")]
fn leave_threads_to_codif() {
    // SAFETY: no other thread has been started, so that nobody reads the environment meanwhile.
    unsafe { std::env::set_var("RAYON_NUM_THREADS", "1") };
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let io = error.chain().find_map(|cause| cause.downcast_ref::<std::io::Error>());
    io.is_some_and(|io| io.kind() == ErrorKind::BrokenPipe)
}
