//! Parses the command line and runs the sub-command.

use std::io::{ErrorKind, IsTerminal};
use std::process::ExitCode;

use codif::cli::run;
use codif::process::{choose_cryptography, leave_threads_to_codif};

fn main() -> ExitCode {
    leave_threads_to_codif();
    choose_cryptography();
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

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let io = error.chain().find_map(|cause| cause.downcast_ref::<std::io::Error>());
    io.is_some_and(|io| io.kind() == ErrorKind::BrokenPipe)
}
