//! Traces, received as a collector receives them: OTLP, protobuf over HTTP.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as AnyValue;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use serde_json::json;

use crate::support::Server;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

/// A collector on loopback; what it is sent comes out of the channel.
fn collector() -> (String, Receiver<ExportTraceServiceRequest>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let sender = sender.clone();
            std::thread::spawn(move || receive(stream.unwrap(), &sender));
        }
    });
    (url, receiver)
}

fn receive(stream: TcpStream, sender: &Sender<ExportTraceServiceRequest>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut stream = stream;
    loop {
        let (mut length, mut path) = (0, String::new());
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            if path.is_empty() {
                path = line.split_whitespace().nth(1).unwrap().to_owned();
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        assert_eq!(path, "/v1/traces");
        let request = ExportTraceServiceRequest::decode(body.as_slice()).unwrap();
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n")
            .unwrap();
        if sender.send(request).is_err() {
            return;
        }
    }
}

fn spans(request: &ExportTraceServiceRequest) -> Vec<Span> {
    let scopes = request.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
    scopes.flat_map(|scope| scope.spans.clone()).collect()
}

#[test]
fn a_request_goes_on_in_its_callers_trace() {
    let (url, received) = collector();
    let server = Server::start_with(&["--telemetry-otlp-endpoint", &url], &[]);
    let body = json!({"activities": [{"description": "secretword coiffure"}]}).to_string();
    let response = crate::support::client()
        .post(format!("{}/v1/code?word=secretquery", server.url))
        .header("traceparent", format!("00-{TRACE}-{PARENT}-01"))
        .body(body)
        .send()
        .unwrap();
    assert_eq!(response.status(), 200);
    let request = received.recv_timeout(Duration::from_secs(30)).unwrap();
    let service = request.resource_spans[0].resource.as_ref().unwrap();
    let name = service.attributes.iter().find(|attribute| attribute.key == "service.name").unwrap();
    let name = name.value.as_ref().unwrap().value.as_ref().unwrap();
    assert_eq!(name, &AnyValue::StringValue("codif".to_owned()));
    let spans = spans(&request);
    let hexadecimal = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let span = spans.iter().find(|span| hexadecimal(&span.trace_id) == TRACE).unwrap();
    assert_eq!(hexadecimal(&span.parent_span_id), PARENT);
    assert!(span.end_time_unix_nano > span.start_time_unix_nano);
    let attribute = |key: &str| span.attributes.iter().find(|attribute| attribute.key == key).unwrap().value.clone();
    assert_eq!(attribute("http.response.status_code").unwrap().value, Some(AnyValue::IntValue(200)));
    assert_eq!(attribute("url.path").unwrap().value, Some(AnyValue::StringValue("/v1/code".to_owned())));
    assert!(!format!("{request:?}").contains("secret"), "neither texts nor queries are traced");
}

#[test]
fn without_a_collector_the_service_goes_on() {
    // A port where nobody listens: it was free a moment ago.
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let server = Server::start_with(&["--telemetry-otlp-endpoint", &format!("http://{free}")], &[]);
    for _ in 0..20 {
        assert_eq!(server.code(&json!({"activities": [{"description": "coiffure"}]})).0, 200);
    }
}
