//! What no job comes of: requests that cannot be done, uploads that do not come, settings that cannot be.

use std::fs;
use std::io::Write;
use std::process::Command;

use serde_json::json;

use crate::job_client::{Codif, form_type, libelle};
use crate::process::Process;
use crate::raw_client::{answer, connect};
use crate::recode_runs::ROWS;
use crate::recoding::{rows, write};
use crate::replies::get;
use crate::support::Server;

/// What is in the place of the jobs beside the database.
fn folders(place: &std::path::Path) -> usize {
    fs::read_dir(place).unwrap().filter(|entry| entry.as_ref().unwrap().file_type().unwrap().is_dir()).count()
}

#[test]
fn without_a_place_no_jobs_are_taken() {
    let server = Server::start();
    get(&format!("{}/v1/jobs", server.url), &[]).is_problem(404, "jobs_off");
    let (status, body) = server.post("/v1/jobs", "{}");
    assert_eq!((status, &body["code"]), (404, &json!("jobs_off")));
}

#[test]
fn requests_that_cannot_be_done_are_refused_and_leave_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let codif = Codif::in_directory(folder.path(), &["--jobs-s3", "s3://open/in"]);
    let file = ("file", Some("a.csv"), &b"libelle\ncoiffure\n"[..]);
    for (fields, status, code) in [
        (vec![file, ("settings", None, &b"{"[..])], 400, "unreadable_body"),
        (vec![file, ("settings", None, b"{\"topk\": 3}")], 422, "wrong_shape"),
        (vec![file, ("settings", None, b"{\"top_k\": 51}")], 422, "invalid_top_k"),
        (vec![file, ("settings", None, b"{\"nomenclatures\": [\"naf1993\"]}")], 422, "unknown_nomenclature"),
        (vec![file, ("settings", None, b"{\"input\": [\"s3://open/in/a.csv\"]}")], 422, "no_input"),
        (vec![file, file], 422, "wrong_shape"),
        (vec![file, ("more", None, b"x")], 422, "wrong_shape"),
        (vec![("settings", None, b"{}")], 422, "wrong_shape"),
        (vec![("file", Some("a.xlsx"), b"PK")], 422, "unknown_format"),
        (vec![("file", Some("../../a"), b"x")], 422, "unknown_format"),
        (vec![("file", None, b"x")], 422, "unknown_format"),
    ] {
        codif.form(&[], &fields).is_problem(status, code);
    }
    for (request, status, code) in [
        (json!({}), 422, "no_input"),
        (json!({"input": ["/etc/passwd"]}), 422, "no_address"),
        (json!({"input": ["file:///etc/passwd"]}), 422, "no_address"),
        (json!({"input": ["s3://secret/a.csv"]}), 403, "forbidden_address"),
        (json!({"input": ["s3://open/inside.csv"]}), 403, "forbidden_address"),
        (json!({"input": ["s3://open/in/a.csv"], "output": "s3://open/out.csv"}), 403, "forbidden_address"),
        (json!({"input": ["s3://open/in/a.csv"], "output": "s3://open/in/out"}), 422, "unknown_format"),
        (json!({"input": ["s3://open/in/a.csv"], "output": "s3://open/in/*.csv"}), 422, "no_address"),
        (json!({"input": ["s3://open/in/../../models/a.csv"]}), 422, "no_address"),
        (json!({"input": ["s3://open/in/a.csv"], "output": "s3://open/in/a.csv"}), 422, "output_is_input"),
        (json!({"input": ["s3://open/in/"], "output": "s3://open/in/out/"}), 422, "output_is_input"),
        (json!({"input": ["s3://open/in/*.csv"], "output": "s3://open/in/out.csv"}), 422, "output_is_input"),
        (json!({"input": "s3://open/in/a.csv"}), 422, "wrong_shape"),
    ] {
        codif.ask(&request).is_problem(status, code);
    }
    assert_eq!(codif.get("/v1/jobs").body["jobs"], json!([]));
    assert_eq!(folders(folder.path()), 0);
    for path in ["/v1/jobs/x", "/v1/jobs/..%2f..%2fetc", "/v1/jobs/0123456789abcdef0123456789abcdef/result"] {
        codif.get(path).is_problem(404, "unknown_job");
    }
}

#[test]
fn an_upload_that_is_too_large_or_never_ends_is_refused_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let codif = Codif::in_directory(folder.path(), &["--jobs-upload", "1MB", "--patience-body", "500ms"]);
    codif.upload("a.csv", &vec![b'x'; 2_000_000], &libelle()).is_problem(413, "body_too_large");
    let mut stalled = connect(&codif.url);
    let boundary = form_type().split_once("boundary=").unwrap().1.to_owned();
    let head = format!(
        "POST /v1/jobs HTTP/1.1\r\nhost: codif\r\ncontent-type: {}\r\ncontent-length: 100000\r\n\r\n--{boundary}\r\n\
         Content-Disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\n\r\nlibelle\n",
        form_type()
    );
    stalled.write_all(head.as_bytes()).unwrap();
    let answer = answer(&mut stalled);
    assert_eq!(answer.json()["code"], "body_too_slow");
    assert_eq!(folders(folder.path()), 0);
    // One that is cut short.
    let codif = Codif::in_directory(&folder.path().join("patient"), &[]);
    let place = folder.path().join("patient");
    let mut cut = connect(&codif.url);
    cut.write_all(head.as_bytes()).unwrap();
    crate::watching::eventually("the upload", || folders(&place) == 1);
    drop(cut);
    crate::watching::eventually("room", || folders(&place) == 0);
    assert_eq!(codif.get("/v1/jobs").body["jobs"], json!([]));
}

#[test]
fn where_there_is_no_room_an_upload_is_refused_and_a_job_says_so() {
    let folder = tempfile::tempdir().unwrap();
    // The largest file a process may write stands for a disk that is full: in blocks of 1,024 bytes; the signal is left out.
    let limited = "trap '' XFSZ; ulimit -f 2048; exec \"$0\" \"$@\"";
    let mut command = Command::new("bash");
    command.args([
        "-c",
        limited,
        env!("CARGO_BIN_EXE_codif"),
        "serve",
        "--listen=127.0.0.1:0",
        "--ops-listen=127.0.0.1:0",
    ]);
    command.args(["--jobs-place", folder.path().to_str().unwrap()]);
    let codif = Codif::start(command);
    codif.upload("a.csv", &vec![b'x'; 3 << 20], &libelle()).is_problem(507, "no_room");
    assert_eq!(folders(folder.path()), 0);
    let input = folder.path().join("a.csv");
    write(&input, &rows(ROWS / 4));
    let id = codif.submit("a.csv", &fs::read(&input).unwrap(), &libelle());
    let error = codif.until(&id, "failed")["error"].as_str().unwrap().to_owned();
    assert!(
        error.contains("part-000001.csv: it cannot be written: File too large")
            && !error.contains(folder.path().to_str().unwrap()),
        "{error}"
    );
    crate::watching::eventually("room", || folders(folder.path()) == 0);
    let small = codif.submit("a.csv", b"libelle\ncoiffure\n", &libelle());
    codif.until(&small, "finished");
}

#[test]
fn pages_of_other_origins_start_and_stop_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let codif = Codif::in_directory(folder.path(), &["--cors-origins", "https://sirene.example.fr"]);
    let upload = |headers: &[(&str, &str)]| codif.upload_as(headers, "a.csv", b"libelle\ncoiffure\n", &libelle());
    for site in ["cross-site", "same-site"] {
        upload(&[("sec-fetch-site", site), ("origin", "https://elsewhere.example.fr")]).is_problem(403, "foreign_page");
    }
    let id = crate::job_client::accepted(&upload(&[("sec-fetch-site", "same-origin")]));
    let cancel = format!("{}/v1/jobs/{id}/cancel", codif.url);
    crate::replies::post(&cancel, &[("sec-fetch-site", "cross-site")], "").is_problem(403, "foreign_page");
    let allowed = [("sec-fetch-site", "cross-site"), ("origin", "https://sirene.example.fr")];
    assert_eq!(upload(&allowed).status, 202);
    // What a form of a page sends without being asked.
    let plain = crate::support::client().post(format!("{}/v1/jobs", codif.url)).header("content-type", "text/plain");
    assert_eq!(plain.body("{}").send().unwrap().status(), 415);
}

#[test]
fn only_so_many_jobs_wait() {
    let folder = tempfile::tempdir().unwrap();
    let codif = Codif::in_directory(folder.path(), &["--jobs-waiting", "1", "--jobs-threads", "1"]);
    let input = folder.path().join("a.csv");
    write(&input, &rows(4 * ROWS));
    let running = codif.submit("a.csv", &fs::read(&input).unwrap(), &libelle());
    codif.until_under_way(&running);
    let waiting = codif.submit("a.csv", b"libelle\ncoiffure\n", &libelle());
    let refused = codif.upload("a.csv", b"libelle\ncoiffure\n", &libelle());
    refused.is_problem(429, "too_many_jobs");
    refused.says_when();
    codif.until(&waiting, "finished");
    codif.submit("a.csv", b"libelle\ncoiffure\n", &libelle());
}

#[test]
fn settings_that_cannot_be_are_refused_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().to_str().unwrap();
    for (arguments, said) in [
        (&["--database-url", "postgres://codif:hunter2@db/codif"][..], "set --jobs-place"),
        (&["--jobs-place", "s3://bucket/jobs"], "needs a database"),
        (&["--jobs-place", place, "--database-url", "postgres://codif:hunter2@db/codif"], "on this machine alone"),
        (&["--jobs-place", place, "--database-url", "mysql://codif:hunter2@db"], "no database"),
        (&["--jobs-place", "/dev/null/jobs"], "/dev/null/jobs"),
        (
            &["--jobs-place", place, "--registry", "s3://bucket/models", "--jobs-s3", "s3://bucket"],
            "s3://bucket and s3://bucket/models/ overlap",
        ),
    ] {
        let refusal = Process::on_loopback(arguments).refusal();
        assert!(refusal.contains(said) && !refusal.contains("hunter2"), "{refusal}");
    }
    let first = Codif::in_directory(folder.path(), &[]);
    let refusal = Process::on_loopback(&["--jobs-place", place]).refusal();
    assert!(refusal.contains("codif.sqlite is held by another codif process"), "{refusal}");
    assert!(refusal.contains("CODIF_DATABASE_URL"), "{refusal}");
    drop(first);
    Codif::in_directory(folder.path(), &[]);
}
