//! The writer behind the logs: lines are put in a buffer, and a thread of its own writes it every few milliseconds.
//!
//! One write for many lines, and no thread woken for each: under load a line costs little more than its formatting. A
//! standard error that nobody reads costs lines, which are counted, and never an answer.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

/// Most bytes that wait to be written.
const MOST_WAITING: usize = 4 << 20;
/// How long a line waits at most.
const PAUSE: Duration = Duration::from_millis(20);

/// Where lines are put.
#[derive(Clone, Default)]
pub struct LogWriter {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    waiting: Mutex<Vec<u8>>,
    lost: AtomicU64,
    closed: AtomicBool,
}

/// Keeps the writing thread going; what still waits is written when it is dropped.
pub struct Writing {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl LogWriter {
    /// Lines are written to `output` from now on.
    pub fn start(output: impl Write + Send + 'static) -> io::Result<(Self, Writing)> {
        let writer = Self::default();
        let shared = Arc::clone(&writer.shared);
        let thread = std::thread::Builder::new().name("codif-log".to_owned()).spawn(move || shared.write_to(output))?;
        let writing = Writing { shared: Arc::clone(&writer.shared), thread: Some(thread) };
        Ok((writer, writing))
    }

    /// How many lines were lost.
    pub fn lost(&self) -> u64 {
        self.shared.lost.load(Ordering::Relaxed)
    }
}

impl Shared {
    fn write_to(&self, mut output: impl Write) {
        let mut lines = Vec::new();
        loop {
            let closed = self.closed.load(Ordering::Acquire);
            std::mem::swap(&mut lines, &mut self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
            // An output that is gone has no place where that could be told.
            let _ = output.write_all(&lines).and_then(|()| output.flush());
            lines.clear();
            if closed {
                return;
            }
            std::thread::park_timeout(PAUSE);
        }
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

impl Write for LogWriter {
    /// Takes one line, whole or not at all.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut waiting = self.shared.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() + line.len() > MOST_WAITING {
            self.shared.lost.fetch_add(1, Ordering::Relaxed);
        } else {
            waiting.extend_from_slice(line);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for LogWriter {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    /// An output that writes nothing before it is told to.
    struct Gate(Receiver<()>, Sender<Vec<u8>>);

    impl Write for Gate {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.0.recv();
            self.1.send(bytes.to_vec()).unwrap();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_waits_is_written_at_the_end() {
        let (open, gate) = channel();
        let (sender, written) = channel();
        let (mut writer, writing) = LogWriter::start(Gate(gate, sender)).unwrap();
        writer.write_all(b"one\n").unwrap();
        writer.write_all(b"two\n").unwrap();
        drop(open);
        drop(writing);
        assert_eq!(written.iter().flatten().collect::<Vec<u8>>(), b"one\ntwo\n");
        assert_eq!(writer.lost(), 0);
    }

    #[test]
    fn lines_nobody_takes_are_lost_and_counted() {
        let (open, gate) = channel::<()>();
        let (sender, _written) = channel();
        let (mut writer, writing) = LogWriter::start(Gate(gate, sender)).unwrap();
        let line = vec![b'x'; 1 << 20];
        (0..20).for_each(|_| writer.write_all(&line).unwrap());
        assert!(writer.lost() >= 12, "{}", writer.lost());
        drop(open);
        drop(writing);
    }
}
