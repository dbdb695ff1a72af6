//! Starting, draining, stopping: what the probes say, what becomes of requests under way, the exit status.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;

use crate::process::Process;
use crate::raw_client::{answer, ask, connect, post_head, until_closed};
use crate::replies::{ONE_ACTIVITY, get, post};
use crate::support::copy;
use crate::watching::{eventually, metric, status};

/// Waits until codif knows that it was asked to stop.
fn is_draining(operations: &str) {
    eventually("the drain", || status(&format!("{operations}/readyz")) == 503);
}

/// A request whose body has begun to come: all but its last `missing` bytes.
fn request_under_way(public: &str, operations: &str, missing: usize) -> TcpStream {
    let mut stream = connect(public);
    let sent = &ONE_ACTIVITY[..ONE_ACTIVITY.len() - missing];
    stream.write_all(post_head("/v1/code", ONE_ACTIVITY.len()).as_bytes()).unwrap();
    stream.write_all(sent.as_bytes()).unwrap();
    eventually("the request under way", || metric(operations, "codif_http_requests_in_flight") == 1.0);
    stream
}

#[test]
fn asked_to_stop_it_is_not_ready_and_answers_until_it_stops() {
    let mut process = Process::on_loopback(&["--drain-delay", "2s"]);
    let (public, operations) = process.urls();
    assert_eq!(status(&format!("{operations}/readyz")), 200);
    process.terminate();
    is_draining(&operations);
    get(&format!("{operations}/readyz"), &[]).is_problem(503, "not_ready");
    assert_eq!(status(&format!("{operations}/livez")), 200);
    assert_eq!(status(&format!("{operations}/startupz")), 200);
    assert_eq!(post(&format!("{public}/v1/code"), &[], ONE_ACTIVITY).status, 200);
    assert_eq!(process.wait().code(), Some(0));
}

#[test]
fn a_request_under_way_is_answered() {
    let mut process = Process::on_loopback(&[]);
    let (public, operations) = process.urls();
    let mut stream = request_under_way(&public, &operations, 10);
    process.terminate();
    is_draining(&operations);
    eventually("the closed door", || TcpStream::connect(public.trim_start_matches("http://")).is_err());
    stream.write_all(&ONE_ACTIVITY.as_bytes()[ONE_ACTIVITY.len() - 10..]).unwrap();
    let answer = answer(&mut stream);
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["results"][0]["codings"]["naf2008"]["code"], "9602A");
    assert!(until_closed(&mut stream, || ()).is_empty());
    assert_eq!(process.wait().code(), Some(0));
}

#[test]
fn a_request_that_takes_longer_than_the_deadline_is_cut_and_the_status_says_so() {
    let mut process = Process::on_loopback(&["--drain-deadline", "200ms"]);
    let (public, operations) = process.urls();
    let mut stream = request_under_way(&public, &operations, 10);
    process.terminate();
    assert_eq!(process.wait().code(), Some(3));
    assert!(until_closed(&mut stream, || ()).is_empty());
    assert!(process.log().iter().any(|line| line["level"] == "WARN"), "{:?}", process.lines());
}

#[test]
fn connections_without_a_request_do_not_hold_up_the_stop() {
    let mut process = Process::on_loopback(&[]);
    let (public, operations) = process.urls();
    let (mut idle, mut silent, mut probe) = (connect(&public), connect(&public), connect(&operations));
    assert_eq!(ask(&mut idle).status, 200);
    assert_eq!(ask(&mut probe).status, 404);
    eventually("both connections", || metric(&operations, "codif_connections") == 2.0);
    process.terminate();
    assert_eq!(process.wait().code(), Some(0));
    for stream in [&mut idle, &mut silent, &mut probe] {
        assert!(until_closed(stream, || ()).is_empty());
    }
}

#[test]
fn a_second_signal_is_no_failure_when_no_request_is_under_way() {
    for _ in 0..6 {
        let mut process = Process::on_loopback(&["--drain-delay", "500ms"]);
        let (_, operations) = process.urls();
        process.terminate();
        is_draining(&operations);
        process.terminate();
        assert_eq!(process.wait().code(), Some(0));
    }
}

#[test]
fn a_second_signal_cuts_the_requests_under_way() {
    let mut process = Process::on_loopback(&[]);
    let (public, operations) = process.urls();
    let _stream = request_under_way(&public, &operations, 10);
    process.terminate();
    is_draining(&operations);
    process.terminate();
    assert_eq!(process.wait().code(), Some(3));
}

/// A registry whose manifest comes from a pipe: codif goes on starting until somebody writes it.
fn slow_registry() -> (tempfile::TempDir, std::path::PathBuf, String) {
    let folder = tempfile::tempdir().unwrap();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/ape-naf2008");
    copy(&shipped, &folder.path().join("ape-naf2008"));
    let version = std::fs::read_to_string(shipped.join("aliases/production")).unwrap();
    let manifest = folder.path().join("ape-naf2008/versions").join(version.trim()).join("manifest.json");
    let text = std::fs::read_to_string(&manifest).unwrap();
    std::fs::remove_file(&manifest).unwrap();
    assert!(Command::new("mkfifo").arg(&manifest).status().unwrap().success());
    (folder, manifest, text)
}

/// codif starting, with the address of its operations port, which nobody has announced yet. The port is free on a loopback
/// address that no other test uses.
fn starting(registry: &Path) -> (Process, String) {
    let address = TcpListener::bind("127.0.0.77:0").unwrap().local_addr().unwrap().to_string();
    let registry = registry.to_str().unwrap();
    let process =
        Process::serve(&["--listen", "127.0.0.1:0", "--ops-listen", address.as_str(), "--registry", registry]);
    eventually("the operations port", || TcpStream::connect(address.as_str()).is_ok());
    (process, format!("http://{address}"))
}

#[test]
fn while_it_starts_it_lives_and_is_not_ready() {
    let (folder, manifest, text) = slow_registry();
    let (mut process, operations) = starting(folder.path());
    assert_eq!(status(&format!("{operations}/livez")), 200);
    get(&format!("{operations}/readyz"), &[]).is_problem(503, "not_ready");
    get(&format!("{operations}/startupz"), &[]).is_problem(503, "not_ready");
    std::fs::write(manifest, text).unwrap();
    let (public, announced) = process.urls();
    assert_eq!(announced, operations);
    assert_eq!(status(&format!("{operations}/readyz")), 200);
    assert_eq!(status(&format!("{operations}/startupz")), 200);
    assert_eq!(status(&format!("{public}/v1/models")), 200);
    process.terminate();
    assert_eq!(process.wait().code(), Some(0));
}

#[test]
fn asked_to_stop_while_it_starts_it_stops() {
    let (folder, _, _) = slow_registry();
    let (mut process, operations) = starting(folder.path());
    get(&format!("{operations}/readyz"), &[]).is_problem(503, "not_ready");
    process.terminate();
    assert_eq!(process.wait().code(), Some(0));
    assert!(!process.lines().iter().any(|line| line.starts_with("codif: page")), "{:?}", process.lines());
}

#[test]
fn a_taken_port_is_named_with_the_flag_that_chooses_another() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for (flag, other) in [("--listen", "--ops-listen"), ("--ops-listen", "--listen")] {
        let message = Process::serve(&[flag, address.as_str(), other, "127.0.0.1:0"]).refusal();
        assert!(message.contains(&address) && message.contains(&format!(" {flag}: ")), "{message}");
    }
}
