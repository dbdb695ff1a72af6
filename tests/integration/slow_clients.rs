//! Clients that keep codif waiting: they are let go in time, and the others notice nothing.

use std::io::Write;
use std::net::TcpStream;
use std::time::Instant;

use reqwest::blocking::Client;
use serde_json::{Value, json};

use crate::raw_client::{Answer, answer, ask, connect, is_closed, post_head, until_closed};
use crate::replies::ONE_ACTIVITY;
use crate::support::Server;
use crate::watching::{DEADLINE, eventually, metric};

/// Another client of the same server, on a connection of its own that stays open.
struct Bystander {
    client: Client,
    url: String,
}

impl Bystander {
    fn of(server: &Server) -> Self {
        let bystander = Self { client: crate::support::client(), url: format!("{}/v1/code", server.url) };
        bystander.is_answered();
        bystander
    }

    fn is_answered(&self) {
        let request = self.client.post(&self.url).header("content-type", "application/json").body(ONE_ACTIVITY);
        let response = request.send().unwrap();
        assert_eq!(response.status().as_u16(), 200);
        assert!(response.text().unwrap().contains("9602A"));
    }
}

/// How many connections were closed because of what they kept codif waiting for.
fn timed_out(server: &Server, waited_for: &str) -> f64 {
    let sample = format!("codif_connections_timed_out_total{{waited_for=\"{waited_for}\"}}");
    metric(&server.operations_url, &sample)
}

fn closed_beside(bystander: &Bystander, stream: &mut TcpStream) -> Vec<u8> {
    until_closed(stream, || bystander.is_answered())
}

fn nothing_is_held(server: &Server) {
    for gauge in ["codif_activities_in_flight", "codif_memory_in_flight_bytes", "codif_http_requests_in_flight"] {
        eventually(gauge, || metric(&server.operations_url, gauge) == 0.0);
    }
}

#[test]
fn a_client_that_sends_nothing_is_let_go() {
    let server = Server::start_with(&["--patience-first-byte", "1s"], &[]);
    let bystander = Bystander::of(&server);
    let mut silent: Vec<TcpStream> = (0..20).map(|_| connect(&server.url)).collect();
    for stream in &mut silent {
        assert!(closed_beside(&bystander, stream).is_empty());
    }
    assert_eq!(timed_out(&server, "first_byte"), 20.0);
}

#[test]
fn half_a_head_is_not_waited_for() {
    let server = Server::start_with(&["--patience-head", "500ms"], &[]);
    let bystander = Bystander::of(&server);
    let halves = ["P", "GET /v1/mo", "POST /v1/code HTTP/1.1\r\nhost: codif\r\n", "GET / HTTP/1.1\r\nx-long: x"];
    let mut streams = halves.map(|half| {
        let mut stream = connect(&server.url);
        stream.write_all(half.as_bytes()).unwrap();
        stream
    });
    for stream in &mut streams {
        closed_beside(&bystander, stream);
    }
    assert_eq!(timed_out(&server, "head"), 4.0);
}

#[test]
fn half_a_head_on_a_connection_kept_alive_is_not_waited_for() {
    let server = Server::start_with(&["--patience-head", "500ms"], &[]);
    let bystander = Bystander::of(&server);
    let mut stream = connect(&server.url);
    assert_eq!(ask(&mut stream).status, 200);
    stream.write_all(b"GET /v1/mo").unwrap();
    closed_beside(&bystander, &mut stream);
    assert_eq!(timed_out(&server, "head"), 1.0);
}

#[test]
fn half_a_head_that_came_with_the_request_before_it_is_waited_for_as_the_next_request_is() {
    let server = Server::start_with(&["--patience-idle", "500ms"], &[]);
    let mut stream = connect(&server.url);
    stream.write_all(b"GET /v1/models HTTP/1.1\r\nhost: codif\r\n\r\nGET /v1/mo").unwrap();
    assert_eq!(answer(&mut stream).status, 200);
    until_closed(&mut stream, || ());
    assert_eq!(timed_out(&server, "next_request"), 1.0);
}

#[test]
fn a_head_that_comes_byte_by_byte_is_not_waited_for() {
    let server = Server::start_with(&["--patience-head", "500ms"], &[]);
    let bystander = Bystander::of(&server);
    let mut stream = connect(&server.url);
    let deadline = Instant::now() + DEADLINE;
    let endless = b"GET /v1/models HTTP/1.1\r\nhost: codif\r\n".iter().chain(b"x-more: 1\r\n".iter().cycle());
    for byte in endless {
        // A look at the socket takes some milliseconds: that is the pause between two bytes.
        if stream.write_all(&[*byte]).is_err() || is_closed(&mut stream, &mut Vec::new()) {
            break;
        }
        bystander.is_answered();
        assert!(Instant::now() < deadline, "the connection is still open");
    }
    assert_eq!(timed_out(&server, "head"), 1.0);
}

/// The refusal of a body that did not come in time, in the form of its route.
fn is_too_slow(answer: &Answer, path: &str) {
    assert_eq!(answer.status, 408, "{path}: {}", answer.body);
    let body = answer.json();
    if path == "/v1/code" {
        assert!(answer.head.contains("content-type: application/problem+json"), "{}", answer.head);
        assert_eq!(body["code"], "body_too_slow");
    } else {
        assert!(answer.head.contains("content-type: application/json"), "{}", answer.head);
        assert!(body["detail"].is_string() && body.get("code").is_none(), "{body}");
    }
}

#[test]
fn half_a_body_is_answered_408_and_let_go() {
    let server = Server::start_with(&["--patience-body", "500ms"], &[]);
    let bystander = Bystander::of(&server);
    let halves = [
        "content-length: 100\r\n\r\n",
        "content-length: 100\r\n\r\n{\"act",
        "transfer-encoding: chunked\r\n\r\n5\r\n{\"act\r\n",
    ];
    for path in ["/v1/code", "/predict/"] {
        for half in halves {
            let mut stream = connect(&server.url);
            let request = format!("POST {path} HTTP/1.1\r\nhost: codif\r\ncontent-type: application/json\r\n{half}");
            stream.write_all(request.as_bytes()).unwrap();
            let received = closed_beside(&bystander, &mut stream);
            is_too_slow(&Answer::parse(&received).unwrap(), path);
        }
        let sample = format!("codif_http_failures_total{{code=\"body_too_slow\",route=\"{path}\"}}");
        assert_eq!(metric(&server.operations_url, &sample), 3.0);
    }
    nothing_is_held(&server);
}

#[test]
fn a_body_that_comes_byte_by_byte_is_answered_408() {
    let server = Server::start_with(&["--patience-body", "500ms"], &[]);
    let bystander = Bystander::of(&server);
    for path in ["/v1/code", "/predict/"] {
        let mut stream = connect(&server.url);
        stream.write_all(post_head(path, 1_000_000).as_bytes()).unwrap();
        let mut received = Vec::new();
        let deadline = Instant::now() + DEADLINE;
        while Answer::parse(&received).is_none() {
            stream.write_all(b" ").unwrap();
            assert!(!is_closed(&mut stream, &mut received), "closed without an answer");
            bystander.is_answered();
            assert!(Instant::now() < deadline, "no answer yet");
        }
        is_too_slow(&Answer::parse(&received).unwrap(), path);
    }
    nothing_is_held(&server);
}

#[test]
fn an_idle_connection_is_closed_whatever_it_asked_before() {
    // No other patience comes to its help.
    let flags = ["--patience-idle", "1s", "--patience-first-byte", "5m", "--patience-head", "5m"];
    let server = Server::start_with(&flags, &[]);
    let bystander = Bystander::of(&server);
    let hundred: Vec<Value> = (0..100).map(|_| json!({"description": "coiffure"})).collect();
    let hundred = json!({"activities": hundred}).to_string();
    let requests = [
        post_head("/v1/code", ONE_ACTIVITY.len()) + ONE_ACTIVITY,
        post_head("/v1/code", hundred.len()) + &hundred,
        post_head("/v1/code", 1) + "{",
        "GET /v1/models HTTP/1.1\r\nhost: codif\r\n\r\n".to_owned(),
        "GET /?description=coiffure HTTP/1.1\r\nhost: codif\r\naccept: text/html\r\n\r\n".to_owned(),
        "GET /v1/nomenclatures/naf2008/codes?query=coiffure HTTP/1.1\r\nhost: codif\r\n\r\n".to_owned(),
        "GET /nothing/at/all HTTP/1.1\r\nhost: codif\r\n\r\n".to_owned(),
    ];
    let mut idle = requests.map(|request| {
        let mut stream = connect(&server.url);
        stream.write_all(request.as_bytes()).unwrap();
        answer(&mut stream);
        stream
    });
    for stream in &mut idle {
        assert!(closed_beside(&bystander, stream).is_empty());
    }
    assert!(timed_out(&server, "next_request") >= 7.0);
}

#[test]
fn a_connection_is_as_idle_as_any_after_a_refused_body() {
    let flags = ["--patience-head", "500ms", "--patience-idle", "2s", "--limits-body", "1KiB"];
    let server = Server::start_with(&flags, &[]);
    let mut stream = connect(&server.url);
    stream.write_all(post_head("/v1/code", 1_000_000).as_bytes()).unwrap();
    stream.write_all(&vec![b' '; 1_000_000]).unwrap();
    assert_eq!(answer(&mut stream).status, 413);
    until_closed(&mut stream, || ());
    assert_eq!((timed_out(&server, "head"), timed_out(&server, "next_request")), (0.0, 1.0));
}

#[test]
fn a_client_that_does_not_read_its_answer_is_let_go() {
    let server = Server::start_with(&["--patience-write", "500ms"], &[]);
    let bystander = Bystander::of(&server);
    let activities: Vec<Value> = (0..10_000).map(|_| json!({"description": "coiffure"})).collect();
    let body = json!({"activities": activities, "top_k": 50}).to_string();
    let mut stream = connect(&server.url);
    stream.write_all(post_head("/v1/code", body.len()).as_bytes()).unwrap();
    stream.write_all(body.as_bytes()).unwrap();
    eventually("the end of codif's patience", || {
        bystander.is_answered();
        timed_out(&server, "reader") == 1.0
    });
    nothing_is_held(&server);
    // What the two sockets held came; the rest of the answer did not.
    let received = closed_beside(&bystander, &mut stream);
    let head = String::from_utf8_lossy(&received[..received.len().min(2000)]).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    assert!(received.len() < length.parse::<usize>().unwrap(), "{} of {length} bytes", received.len());
}

#[test]
fn a_client_that_leaves_before_its_answer_is_counted_and_costs_nothing() {
    let server = Server::start();
    let activities = vec![json!({"description": "vente de fleurs et de plantes"}); 9_000];
    let body = json!({"activities": activities}).to_string();
    let mut stream = connect(&server.url);
    stream.write_all(post_head("/v1/code", body.len()).as_bytes()).unwrap();
    stream.write_all(body.as_bytes()).unwrap();
    drop(stream);
    let count = |sample: &str| metric(&server.operations_url, sample);
    let unanswered = "codif_http_failures_total{code=\"unanswered\",route=\"/v1/code\"}";
    eventually("the request that nobody waits for is counted", || count(unanswered) == 1.0);
    assert_eq!(count("codif_http_requests_total{route=\"/v1/code\"}"), 1.0);
    for gauge in ["codif_activities_in_flight", "codif_memory_in_flight_bytes", "codif_http_requests_in_flight"] {
        eventually("what it held is given back", || count(gauge) == 0.0);
    }
}
