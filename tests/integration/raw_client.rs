//! Clients that do what no HTTP library does: they say half, say nothing, do not listen.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::watching::DEADLINE;

/// How long one look at a socket takes when nothing comes.
const LOOK: Duration = Duration::from_millis(20);

/// An answer, its head in lower case.
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    /// From the bytes received, once they are all there.
    pub fn parse(received: &[u8]) -> Option<Self> {
        let end = received.windows(4).position(|window| window == b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(&received[..end]).to_ascii_lowercase();
        let status = head.split(' ').nth(1)?.parse().ok()?;
        let length: usize = head.lines().find_map(|line| line.strip_prefix("content-length: "))?.parse().ok()?;
        let body = received.get(end + 4..end + 4 + length)?;
        Some(Self { status, head, body: String::from_utf8_lossy(body).into_owned() })
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// A connection to the host of `url`.
pub fn connect(url: &str) -> TcpStream {
    let stream = TcpStream::connect(url.trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(LOOK)).unwrap();
    stream.set_write_timeout(Some(DEADLINE)).unwrap();
    stream
}

/// The head of a request with a body of so many bytes.
pub fn post_head(path: &str, length: usize) -> String {
    format!("POST {path} HTTP/1.1\r\nhost: codif\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n")
}

/// Takes what has come by now; whether the server has closed the connection.
pub fn is_closed(stream: &mut TcpStream, received: &mut Vec<u8>) -> bool {
    let mut piece = [0; 65_536];
    match stream.read(&mut piece) {
        Ok(0) => true,
        Ok(length) => {
            received.extend_from_slice(&piece[..length]);
            false
        }
        Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted),
    }
}

/// All that comes until the server closes the connection, which it must do in time. `beside` goes on all the while.
pub fn until_closed(stream: &mut TcpStream, mut beside: impl FnMut()) -> Vec<u8> {
    let deadline = Instant::now() + DEADLINE;
    let mut received = Vec::new();
    while !is_closed(stream, &mut received) {
        beside();
        assert!(Instant::now() < deadline, "the connection is still open");
    }
    received
}

/// One answer, on a connection that may stay open after it.
pub fn answer(stream: &mut TcpStream) -> Answer {
    let deadline = Instant::now() + DEADLINE;
    let mut received = Vec::new();
    loop {
        if let Some(answer) = Answer::parse(&received) {
            return answer;
        }
        let closed = is_closed(stream, &mut received);
        let text = String::from_utf8_lossy(&received);
        assert!(!closed && Instant::now() < deadline, "no whole answer, but {text:?}");
    }
}

/// The answer to a request without a body.
pub fn ask(stream: &mut TcpStream) -> Answer {
    stream.write_all(b"GET /v1/models HTTP/1.1\r\nhost: codif\r\n\r\n").unwrap();
    answer(stream)
}
