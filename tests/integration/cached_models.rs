//! A registry in S3 that is out of reach, refuses, or has lost something: what was fetched before serves, or codif waits, or
//! says what is wrong.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::thread;

use serde_json::json;

use crate::fault_proxy::{Fault, FaultProxy};
use crate::following::{Follower, ONLY_WHEN_TOLD, PRODUCTION, filled, serve};
use crate::process::Process;
use crate::registries::TestRegistry;
use crate::replies::get;
use crate::watching::{eventually, status};

const OFTEN: [&str; 2] = ["--reload-interval", "200ms"];
const CLOCK: &str = "the clock of this machine and that of the server differ by more than 15 minutes: set the clock";

/// A registry in S3 with two versions, which is reached through a proxy.
fn behind_a_proxy() -> (TestRegistry, FaultProxy) {
    let (registry, proxy) = TestRegistry::behind_a_proxy();
    (filled(registry, 2), proxy)
}

/// Serves once and stops: what is in production is in the cache.
fn fetch(registry: &TestRegistry) {
    Follower::of(registry, &ONLY_WHEN_TOLD).answers_as(1);
}

/// What codif says instead of serving, with the exit status 1; it is given a cache in which there is nothing.
fn refused(mut command: Command) -> String {
    let cache = tempfile::tempdir().unwrap();
    command.env("CODIF_CACHE", cache.path());
    let mut process = Process::start(command);
    assert_eq!(process.wait().code(), Some(1), "{:?}", process.lines());
    process.refusal()
}

#[test]
fn with_s3_out_of_reach_what_served_last_serves_until_s3_is_back() {
    let (registry, proxy) = behind_a_proxy();
    let models: [&[&str]; 3] = [&[], &["--model", "tiny@production"], &["--model", "tiny"]];
    for model in models {
        let arguments = [&OFTEN[..], model].concat();
        proxy.set(Fault::None);
        Follower::of(&registry, &arguments).answers_as(1);
        proxy.set(Fault::Refuse);
        let codif = Follower::of(&registry, &arguments);
        codif.answers_as(1);
        let reference = if model.contains(&"tiny") { "tiny" } else { PRODUCTION };
        let stale = codif.told(reference)["stale"].clone();
        let reason = stale["reason"].as_str().unwrap();
        assert!(reason.contains(&registry.location) && reason.contains("cannot be reached"), "{reason}");
        assert!(stale["version"].is_null() && stale["since"].is_string(), "{stale}");
        let ready = codif.ready();
        assert!(ready.starts_with(&format!("ready\ntiny:1\nstale: {reference}: {}", registry.location)), "{ready}");
        assert_eq!(codif.metric(&format!("codif_model_stale{{reference=\"{reference}\"}}")), 1.0);
        proxy.set(Fault::None);
        eventually("a look that is answered", || codif.told(reference)["stale"].is_null());
        assert_eq!(codif.ready(), "ready\ntiny:1\n");
        assert_eq!(codif.metric(&format!("codif_model_stale{{reference=\"{reference}\"}}")), 0.0);
        codif.answers_as(1);
    }
}

#[test]
fn what_was_promoted_while_s3_was_out_of_reach_serves_when_it_is_back() {
    let (registry, proxy) = behind_a_proxy();
    fetch(&registry);
    registry.said(&["promote", "tiny", "2"]);
    proxy.set(Fault::Refuse);
    let codif = Follower::of(&registry, &OFTEN);
    codif.answers_as(1);
    proxy.set(Fault::None);
    codif.has(PRODUCTION, 2);
    codif.answers_as(2);
    assert!(!codif.is_stale());
    drop(codif);
    // The cache knows the new one by now.
    proxy.set(Fault::Refuse);
    Follower::of(&registry, &ONLY_WHEN_TOLD).answers_as(2);
}

/// codif starting with nothing in its cache and S3 out of reach, once it says why it waits: with the address of its operations
/// port, which nobody has announced yet. The port is free on a loopback address that nothing else uses.
fn waiting(registry: &TestRegistry) -> (Process, String) {
    let address = TcpListener::bind("127.0.0.78:0").unwrap().local_addr().unwrap().to_string();
    let listen = ["serve", "--listen", "127.0.0.1:0", "--ops-listen", address.as_str()];
    let process = Process::start(registry.command(&listen));
    eventually("the operations port", || TcpStream::connect(address.as_str()).is_ok());
    let operations = format!("http://{address}");
    eventually("the reason", || {
        let reply = get(&format!("{operations}/readyz"), &[]);
        reply.is_problem(503, "not_ready");
        let detail = reply.body["detail"].as_str().unwrap();
        detail.contains(&registry.location) && detail.contains("cannot be reached")
    });
    (process, operations)
}

#[test]
fn with_nothing_in_the_cache_codif_lives_and_waits_until_s3_answers() {
    let (registry, proxy) = behind_a_proxy();
    proxy.set(Fault::Refuse);
    let (process, operations) = waiting(&registry);
    for probe in ["/livez", "/startupz", "/metrics", "/admin"] {
        assert_eq!(status(&format!("{operations}{probe}")), 200, "{probe}");
    }
    get(&format!("{operations}/admin/models"), &[]).is_problem(503, "not_ready");
    proxy.set(Fault::None);
    let codif = Follower::announced(process);
    assert_eq!(codif.operations, operations);
    codif.answers_as(1);
    assert!(!codif.is_stale());
    assert_eq!(codif.ready(), "ready\ntiny:1\n");
}

#[test]
fn asked_to_stop_while_it_waits_for_s3_it_stops() {
    let (registry, proxy) = behind_a_proxy();
    proxy.set(Fault::Refuse);
    let (mut process, _) = waiting(&registry);
    process.terminate();
    assert_eq!(process.wait().code(), Some(0));
}

#[test]
fn a_version_that_lost_a_file_is_refused_by_name_and_the_one_before_goes_on() {
    for lost in ["model.safetensors", "golden.jsonl", "manifest.json"] {
        let registry = filled(TestRegistry::in_s3(), 2);
        let codif = Follower::of(&registry, &ONLY_WHEN_TOLD);
        registry.said(&["promote", "tiny", "2"]);
        let file = format!("tiny/versions/2/{lost}");
        registry.delete(&file);
        let names_it = |message: &str| assert!(message.contains(&format!("{}/{file}", registry.location)), "{message}");
        let reply = codif.reload();
        reply.is_problem(502, "reload_failed");
        names_it(reply.body["detail"].as_str().unwrap());
        codif.answers_as(1);
        assert!(codif.is_stale());
        drop(codif);
        // So it is after a restart.
        let codif = Follower::of(&registry, &ONLY_WHEN_TOLD);
        codif.answers_as(1);
        assert!(codif.is_stale());
        let stale = codif.told(PRODUCTION)["stale"].clone();
        assert_eq!(stale["version"], json!({"name": "tiny", "version": 2}));
        names_it(stale["reason"].as_str().unwrap());
        names_it(&refused(serve(&registry, &[])));
    }
}

#[test]
fn wrong_credentials_are_said_to_be_wrong() {
    let registry = filled(TestRegistry::in_s3(), 2);
    fetch(&registry);
    for (variable, code) in
        [("AWS_SECRET_ACCESS_KEY", "SignatureDoesNotMatch"), ("AWS_ACCESS_KEY_ID", "InvalidAccessKeyId")]
    {
        let with_wrong_ones = |arguments: &[&str]| {
            let mut command = serve(&registry, arguments);
            command.env(variable, "0123456789abcdef");
            command
        };
        let is_clear = |message: &str| {
            assert!(message.contains(&format!("{} refuses: {code}", registry.location)), "{message}");
            assert!(message.contains(&format!("look at {variable}, or at the profile")), "{message}");
        };
        is_clear(&refused(with_wrong_ones(&[])));
        is_clear(&refused(with_wrong_ones(&["--model", "tiny"])));
        let codif = Follower::start(with_wrong_ones(&ONLY_WHEN_TOLD));
        codif.answers_as(1);
        assert!(codif.is_stale());
        is_clear(&codif.ready());
    }
}

#[test]
fn a_bucket_that_is_not_there_is_said_not_to_be() {
    let mut registry = TestRegistry::in_s3();
    registry.location = "s3://codif-no-such-bucket/models".to_owned();
    let models: [&[&str]; 2] = [&[], &["--model", "tiny"]];
    for arguments in models {
        let message = refused(serve(&registry, arguments));
        assert!(message.contains("there is nothing at s3://codif-no-such-bucket/models"), "{message}");
        assert!(message.contains("look at the bucket's name, and at the endpoint"), "{message}");
    }
}

/// A server at this address that answers like S3 whose clock shows another time.
fn answers_at_another_time(address: &str) {
    let listener = TcpListener::bind(address).unwrap();
    thread::spawn(move || listener.incoming().flatten().for_each(|stream| drop(thread::spawn(move || refuse(stream)))));
}

fn refuse(mut stream: TcpStream) {
    let xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>RequestTimeTooSkewed</Code><Message>The difference \
        between the request time and the current time is too large.</Message></Error>";
    let head = "HTTP/1.1 403 Forbidden\r\ndate: Tue, 01 Jan 2030 00:00:00 GMT\r\ncontent-type: application/xml";
    let (mut asked, mut piece) = (Vec::new(), [0; 4096]);
    while let Ok(length @ 1..) = stream.read(&mut piece) {
        asked.extend_from_slice(&piece[..length]);
        if asked.ends_with(b"\r\n\r\n") {
            asked.clear();
            let _ = write!(stream, "{head}\r\ncontent-length: {}\r\n\r\n{xml}", xml.len());
        }
    }
}

#[test]
fn a_clock_that_is_wrong_is_named() {
    let (registry, proxy) = behind_a_proxy();
    fetch(&registry);
    // What is at another address is another server, of whose models nothing is in the cache.
    let address = proxy.url();
    drop(proxy);
    answers_at_another_time(address.trim_start_matches("http://"));
    let message = refused(serve(&registry, &[]));
    assert!(message.contains(CLOCK), "{message}");
    let codif = Follower::of(&registry, &ONLY_WHEN_TOLD);
    codif.answers_as(1);
    assert!(codif.is_stale() && codif.ready().contains(CLOCK), "{}", codif.ready());
}
