//! `/v1/jobs`: a file is uploaded, coded in the background as `codif recode` would, and its result fetched.

use std::fs;

use serde_json::{Value, json};

use crate::job_client::{Codif, accepted, libelle};
use crate::keys::key_with;
use crate::process;
use crate::recode_runs::{ROWS, path};
use crate::recoding::{column, read, recode, rows, write};
use crate::support::client;
use crate::watching::{eventually, metric};

#[test]
fn the_result_of_a_job_is_that_of_codif_recode() {
    let folder = tempfile::tempdir().unwrap();
    let codif = Codif::in_directory(&folder.path().join("jobs"), &[]);
    for (name, result) in [("a.csv", "result.csv"), ("a.csv.gz", "result.csv"), ("a.parquet", "result.parquet")] {
        let input = folder.path().join(name);
        write(&input, &rows(3000));
        let settings = json!({
            "columns": {"description": ["libelle"], "nature": "nature"}, "keep": ["id", "old"], "top_k": 3,
            "nomenclatures": ["naf2025", "naf2008"], "previous_code": "old", "constrain_to_successors": true,
        });
        let id = codif.submit(name, &fs::read(&input).unwrap(), &settings);
        let job = codif.until(&id, "finished");
        let expected = path(folder.path(), &format!("expected-{result}"));
        let summary = recode(&[
            &path(folder.path(), name),
            &expected,
            "--description=libelle",
            "--nature=nature",
            "--keep=id,old",
            "--top-k=3",
            "--model=ape-naf2025",
            "--model=ape-naf2008",
            "--previous-code=old",
            "--constrain-to-successors",
            "--overwrite",
        ]);
        assert_eq!(codif.made(&id, "result"), fs::read(&expected).unwrap(), "{name}");
        assert_eq!(job["summary"]["nomenclatures"], summary["nomenclatures"]);
        assert_eq!(job["summary"]["output"], result);
        assert_eq!(job["models"], json!(["ape-naf2008:1", "ape-naf2025:1"]));
        assert_eq!((&job["progress"]["rows"], &job["progress"]["share"]), (&json!(3000), &json!(1.0)));
        assert_eq!((&job["attempts"], &job["error"]), (&json!(1), &Value::Null));
        // The upload is of no more use.
        assert!(!folder.path().join("jobs").join(&id).join(format!("upload.{}", &name[2..])).exists());
    }
}

#[test]
fn a_result_is_in_the_format_asked_and_can_be_fetched_in_pieces() {
    let folder = tempfile::tempdir().unwrap();
    let codif = Codif::in_directory(folder.path(), &[]);
    let csv = "libelle;n\ncoiffure à domicile;1\nboulangerie;2\n";
    let settings = json!({
        "columns": {"description": "libelle"}, "nomenclatures": ["naf2008"], "format": "ndjson", "compression": "gzip"
    });
    let id = codif.submit("activités.csv", csv.as_bytes(), &settings);
    codif.until(&id, "finished");
    let url = format!("{}/v1/jobs/{id}/result", codif.url);
    let reply = crate::replies::get(&url, &[("range", "bytes=0-9")]);
    assert_eq!((reply.status, reply.header("content-type")), (206, Some("application/gzip")));
    let attachment = format!("attachment; filename=\"codif-{id}-result.ndjson.gz\"");
    assert_eq!(reply.header("content-disposition"), Some(attachment.as_str()));
    let fetched = folder.path().join("result.ndjson.gz");
    fs::write(&fetched, codif.made(&id, "result")).unwrap();
    let result = read(&fetched);
    assert_eq!((column(&result, "n"), &column(&result, "code")[0]), (vec!["1".into(), "2".into()], &"9602A".into()));
    crate::replies::get(&format!("{}/v1/jobs/{id}/errors", codif.url), &[]).is_problem(404, "nothing_made");
}

#[test]
fn rows_that_cannot_be_coded_are_counted_and_told() {
    let folder = tempfile::tempdir().unwrap();
    let codif = Codif::in_directory(folder.path(), &[]);
    let csv = b"libelle\ncoiffure\n\"\"\nboulangerie\n";
    let id = codif.submit("a.csv", csv, &libelle());
    let job = codif.until(&id, "finished");
    assert_eq!((&job["progress"]["rows"], &job["progress"]["failed"]), (&json!(3), &json!(1)));
    assert_eq!((&job["summary"]["failed"], &job["summary"]["errors_file"]), (&json!(1), &json!("errors.parquet")));
    let errors = folder.path().join("fetched.parquet");
    fs::write(&errors, codif.made(&id, "errors")).unwrap();
    assert_eq!(read(&errors).len(), 2);

    let id = codif.submit("a.csv", csv, &json!({"columns": {"description": "libelle"}, "max_errors": 0}));
    let job = codif.until(&id, "failed");
    assert!(job["error"].as_str().unwrap().contains("more than the 0 of max_errors"), "{job}");
}

#[test]
fn a_job_that_cannot_be_done_says_why_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let codif = Codif::in_directory(folder.path(), &[]);
    for (name, bytes, settings, said) in [
        ("a.csv", &b"texte\ncoiffure\n"[..], json!({}), "say with columns.description which holds the text, of texte"),
        (
            "a.csv",
            b"libelle\ncoiffure\n",
            json!({"columns": {"description": "texte"}}),
            "no column is called \"texte\"",
        ),
        (
            "a.csv",
            b"code,libelle\n1,coiffure\n",
            json!({"nomenclatures": ["naf2008"], "columns": {"description": "libelle"}}),
            "leave out the input's with keep",
        ),
        ("a.parquet", b"PAR1 but no more", libelle(), "upload.parquet"),
        ("a.csv.gz", b"no gzip", libelle(), "upload.csv.gz"),
    ] {
        let id = codif.submit(name, bytes, &settings);
        let job = codif.until(&id, "failed");
        let error = job["error"].as_str().unwrap();
        assert!(error.contains(said), "{error}");
        assert!(!error.contains("--") && !error.contains(folder.path().to_str().unwrap()), "{error}");
        crate::replies::get(&format!("{}/v1/jobs/{id}/result", codif.url), &[]).is_problem(409, "job_not_finished");
        eventually("room", || !folder.path().join(&id).exists());
    }
    assert_eq!(metric(&codif.operations, "codif_jobs_total{outcome=\"failed\"}"), 5.0);
}

#[test]
fn jobs_are_listed_by_pages_and_forgotten_when_told() {
    let folder = tempfile::tempdir().unwrap();
    let codif = Codif::in_directory(folder.path(), &[]);
    let ids: Vec<String> = (0..5).map(|_| codif.submit("a.csv", b"libelle\ncoiffure\n", &libelle())).collect();
    ids.iter().for_each(|id| drop(codif.until(id, "finished")));
    let (mut listed, mut after) = (Vec::new(), String::new());
    loop {
        let page = codif.get(&format!("/v1/jobs?limit=2{after}")).body;
        let jobs = page["jobs"].as_array().unwrap();
        listed.extend(jobs.iter().map(|job| job["id"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        assert_eq!(jobs.len(), 2);
        after = format!("&after={next}");
    }
    let sorted = |mut ids: Vec<String>| {
        ids.sort();
        ids
    };
    assert_eq!(sorted(listed), sorted(ids.clone()));
    assert_eq!((codif.delete(&format!("/v1/jobs/{}", ids[0])), folder.path().join(&ids[0]).exists()), (204, false));
    assert_eq!(codif.delete(&format!("/v1/jobs/{}", ids[0])), 404);
    codif.get(&format!("/v1/jobs/{}", ids[0])).is_problem(404, "unknown_job");
    for query in ["limit=0", "limit=101", "after=x", "limit=a", "page=2"] {
        codif.get(&format!("/v1/jobs?{query}")).is_problem(422, "invalid_query");
    }
}

#[test]
fn a_job_is_cancelled_where_it_stands() {
    let folder = tempfile::tempdir().unwrap();
    let codif = Codif::in_directory(folder.path(), &["--jobs-threads", "1"]);
    let input = folder.path().join("a.csv");
    write(&input, &rows(8 * ROWS));
    let bytes = fs::read(&input).unwrap();
    let (running, waiting) = (codif.submit("a.csv", &bytes, &libelle()), codif.submit("a.csv", &bytes, &libelle()));
    codif.until_under_way(&running);
    assert_eq!(codif.delete(&format!("/v1/jobs/{running}")), 409);
    let cancel = |id: &str| crate::replies::post(&format!("{}/v1/jobs/{id}/cancel", codif.url), &[], "");
    assert_eq!(cancel(&waiting).body["state"], "cancelled");
    assert_eq!(cancel(&running).body["cancel_requested"], true);
    codif.until(&running, "cancelled");
    for id in [running, waiting] {
        eventually("room", || !folder.path().join(&id).exists());
        assert_eq!(cancel(&id).body["state"], "cancelled");
    }
}

#[test]
fn each_key_has_its_own_jobs() {
    let folder = tempfile::tempdir().unwrap();
    let (key, other) = (key_with("code"), key_with("code"));
    let tables = [&key.1, &other.1].map(|file| fs::read_to_string(file.path()).unwrap());
    let tables = [tables[0].clone(), tables[1].replace("name = \"", "name = \"other-")].concat();
    let file = process::configuration(&tables);
    let codif = Codif::in_directory(folder.path(), &["--config", process::path(&file)]);
    assert_eq!(codif.upload("a.csv", b"libelle\ncoiffure\n", &libelle()).status, 401);
    let mine = [("x-api-key", key.0.as_str())];
    let id = accepted(&codif.upload_as(&mine, "a.csv", b"libelle\ncoiffure\n", &libelle()));
    let get = |key: &str, path: &str| crate::replies::get(&format!("{}{path}", codif.url), &[("x-api-key", key)]);
    let address = format!("/v1/jobs/{id}");
    eventually("its end", || get(&key.0, &address).body["state"] == "finished");
    assert_eq!(get(&key.0, &format!("{address}/result")).status, 200);
    for path in [address.clone(), format!("{address}/result"), format!("{address}/errors")] {
        get(&other.0, &path).is_problem(404, "unknown_job");
    }
    let stranger = ("x-api-key", other.0.as_str());
    crate::replies::post(&format!("{}{address}/cancel", codif.url), &[stranger], "").is_problem(404, "unknown_job");
    let deleted = client().delete(format!("{}{address}", codif.url)).header(stranger.0, stranger.1).send().unwrap();
    assert_eq!(deleted.status(), 404);
    assert_eq!(get(&other.0, "/v1/jobs").body["jobs"], json!([]));
    assert_eq!(get(&key.0, "/v1/jobs").body["jobs"][0]["id"], id);
}
