//! The real binary, run once or kept serving.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use reqwest::blocking::{Client, ClientBuilder};
use serde_json::Value;

pub fn codif(arguments: &[&str]) -> Output {
    codif_with_input(arguments, b"")
}

pub fn codif_with_environment(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    run(arguments, environment, b"")
}

pub fn codif_with_input(arguments: &[&str], input: &[u8]) -> Output {
    run(arguments, &[], input)
}

fn run(arguments: &[&str], environment: &[(&str, &str)], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_codif"))
        .args(arguments)
        .envs(environment.iter().copied())
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    // A command that reads no input may have closed the pipe before it was all written.
    let _ = writer.join().unwrap();
    output
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

pub fn succeeded(output: Output) -> String {
    assert!(output.status.success(), "{}", stderr(&output));
    stdout(&output)
}

/// What a failed command says, in one line.
pub fn refusal(output: &Output) -> String {
    assert!(!output.status.success(), "it should fail; it printed {}", stdout(output));
    let message = stderr(output);
    let lines: Vec<&str> = message.lines().filter(|line| line.starts_with("codif:")).collect();
    assert_eq!(lines.len(), 1, "one clear message: {message}");
    assert!(!message.contains("panicked"), "{message}");
    lines[0].to_owned()
}

/// An HTTP client; it is told which cryptography it would use, though nothing here is encrypted.
pub fn client() -> Client {
    client_builder().build().unwrap()
}

pub fn client_builder() -> ClientBuilder {
    codif::process::choose_cryptography();
    Client::builder()
}

pub fn get(url: impl reqwest::IntoUrl) -> reqwest::Result<reqwest::blocking::Response> {
    client().get(url).send()
}

pub fn json_lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A server on free ports of loopback, stopped when dropped.
pub struct Server {
    child: Child,
    pub url: String,
    pub operations_url: String,
}

impl Server {
    pub fn start() -> Self {
        Self::start_with(&[], &[])
    }

    /// With more flags of `codif serve`, and variables of its environment.
    pub fn start_with(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_codif"))
            .args(["serve", "--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0"])
            .args(arguments)
            .envs(environment.iter().copied())
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let announced = lines.by_ref().map(Result::unwrap).find(|line| line.starts_with("codif: page")).unwrap();
        let urls: Vec<String> = announced
            .split_whitespace()
            .filter(|word| word.starts_with("http://"))
            .map(|word| word.trim_end_matches(',').to_owned())
            .collect();
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, url: urls[0].clone(), operations_url: urls[1].clone() }
    }

    pub fn code(&self, body: &Value) -> (u16, Value) {
        self.post("/v1/code", body.to_string())
    }

    pub fn post(&self, path: &str, body: impl Into<reqwest::blocking::Body>) -> (u16, Value) {
        let request = crate::support::client().post(format!("{}{path}", self.url));
        let response = request.header("content-type", "application/json").body(body).send().unwrap();
        (response.status().as_u16(), response.json().unwrap())
    }

    pub fn get(&self, path: &str) -> (u16, Value) {
        let response = crate::support::get(format!("{}{path}", self.url)).unwrap();
        (response.status().as_u16(), response.json().unwrap())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// Copies a directory, so that a test may damage it.
pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to.join(entry.file_name()));
        } else {
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}
