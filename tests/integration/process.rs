//! A codif whose end, exit status and standard error are looked at.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use serde_json::Value;
use tempfile::NamedTempFile;

use crate::watching::soon;

const LOOPBACK: [&str; 4] = ["--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0"];

/// A process, killed when dropped if it has not ended.
pub struct Process {
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
    reading: Option<JoinHandle<()>>,
}

impl Process {
    /// `codif serve` with these flags.
    pub fn serve(arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_codif"));
        command.arg("serve").args(arguments);
        Self::start(command)
    }

    /// The codif of this command.
    pub fn start(mut command: Command) -> Self {
        let mut child = command
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let errors = BufReader::new(child.stderr.take().unwrap());
        let lines: Arc<Mutex<Vec<String>>> = Arc::default();
        let kept = Arc::clone(&lines);
        let reading = std::thread::spawn(move || {
            errors.lines().map_while(Result::ok).for_each(|line| kept.lock().unwrap().push(line));
        });
        Self { child, lines, reading: Some(reading) }
    }

    /// The same on free ports of loopback.
    pub fn on_loopback(arguments: &[&str]) -> Self {
        Self::serve(&[&LOOPBACK[..], arguments].concat())
    }

    /// By which addresses this machine reaches the public port and the operations port, once they are announced.
    pub fn urls(&self) -> (String, String) {
        let announced = soon("the announcement", || {
            self.lines().into_iter().find(|line| line.starts_with("codif: page and API on "))
        });
        let urls: Vec<String> = announced
            .split_whitespace()
            .filter(|word| word.starts_with("http://"))
            .map(|word| word.trim_end_matches(',').replace("0.0.0.0", "127.0.0.1"))
            .collect();
        (urls[0].clone(), urls[1].clone())
    }

    /// What it has written to standard error so far.
    pub fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    /// The objects of its log so far.
    pub fn log(&self) -> Vec<Value> {
        let lines = self.lines();
        lines.iter().filter(|line| line.starts_with('{')).map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Sends SIGTERM.
    pub fn terminate(&self) {
        self.send("-TERM");
    }

    /// Sends SIGHUP.
    pub fn hang_up(&self) {
        self.send("-HUP");
    }

    fn send(&self, signal: &str) {
        let process = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, process.as_str()]).status().unwrap().success());
    }

    /// The exit status, which it must have soon; all its lines are there then.
    pub fn wait(&mut self) -> ExitStatus {
        let status = soon("the end of codif", || self.child.try_wait().unwrap());
        if let Some(reading) = self.reading.take() {
            reading.join().unwrap();
        }
        status
    }

    /// What it says instead of starting, in one line.
    pub fn refusal(mut self) -> String {
        let status = self.wait();
        let lines = self.lines();
        assert!(!status.success() && !lines.iter().any(|line| line.contains("panicked")), "{lines:?}");
        let messages: Vec<&String> = lines.iter().filter(|line| line.starts_with("codif:")).collect();
        assert_eq!(messages.len(), 1, "one clear message: {lines:?}");
        messages[0].clone()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A configuration file.
pub fn configuration(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

/// Its path.
pub fn path(file: &NamedTempFile) -> &str {
    file.path().to_str().unwrap()
}
