//! `codif recode` from and to S3.

use std::fs;
use std::path::Path;

use serde_json::json;

use crate::recoding::{rows, write};
use crate::storage::{TestS3, s3, s3_reader};
use crate::support::{codif_with_environment, refusal, succeeded};

fn run(s3: &TestS3, arguments: &[&str]) -> std::process::Output {
    let environment = s3.environment();
    let environment: Vec<(&str, &str)> =
        environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let given = ["recode", "--quiet", "--description", "libelle", "--model", "ape-naf2008"];
    codif_with_environment(&[&given[..], arguments].concat(), &environment)
}

#[test]
fn inputs_and_outputs_may_be_in_s3() {
    let (s3, folder) = (s3(), tempfile::tempdir().unwrap());
    let (place, rows) = (s3.registry(), rows(5000));
    for (name, some) in [("in/a.csv", &rows[..2500]), ("in/b.csv", &rows[2500..]), ("in/c.txt", &rows[..1])] {
        let local = folder.path().join(name.replace('/', "-").replace(".txt", ".csv"));
        write(&local, some);
        s3.put(&s3.key_of(&place, name), fs::read(&local).unwrap());
    }
    let whole = folder.path().join("whole.csv");
    let [a, b] = ["in-a.csv", "in-b.csv"].map(|name| folder.path().join(name).to_str().unwrap().to_owned());
    succeeded(run(&s3, &[&a, &b, whole.to_str().unwrap()]));

    let [work, input, glob, output, directory] = [
        folder.path().join("work").to_str().unwrap().to_owned(),
        format!("{place}/in/"),
        format!("{place}/in/*.csv"),
        format!("{place}/out.csv"),
        format!("{place}/out/"),
    ];
    let summary = succeeded(run(&s3, &[&input, &output, "--work", &work]));
    let summary: serde_json::Value = serde_json::from_str(&summary).unwrap();
    assert_eq!((&summary["rows"], &summary["output"]), (&json!(5000), &json!(output)));
    assert!(s3.get(&s3.key_of(&place, "out.csv")) == fs::read(&whole).unwrap());
    assert!(!Path::new(&work).exists());

    let in_parts = ["--work", &work, "--format", "ndjson", "--compression", "zstd", "--part-rows", "2048"];
    succeeded(run(&s3, &[&[glob.as_str(), &directory], &in_parts[..]].concat()));
    let keys = s3.keys(&s3.key_of(&place, "out/"));
    let names: Vec<&str> = keys.iter().map(|key| key.rsplit('/').next().unwrap()).collect();
    let parts = (1..=names.len() - 1).map(|number| format!("part-{number:06}.ndjson.zst"));
    assert_eq!(names, ["_SUCCESS".to_owned()].into_iter().chain(parts).collect::<Vec<_>>());
    assert!(names.len() > 2);

    let message = refusal(&run(&s3, &[&input, &output, "--work", &work]));
    assert!(message.contains("out.csv is there already"), "{message}");
    succeeded(run(&s3, &[&a, &output, "--work", &work, "--overwrite"]));
    assert!(s3.get(&s3.key_of(&place, "out.csv")).len() < fs::read(&whole).unwrap().len());
}

#[test]
fn what_s3_refuses_is_told_and_gone_on_with() {
    let (s3, folder) = (s3(), tempfile::tempdir().unwrap());
    let place = s3.registry();
    let local = folder.path().join("in.csv");
    write(&local, &rows(100));
    s3.put(&s3.key_of(&place, "in.csv"), fs::read(&local).unwrap());
    let [work, input, output] = [
        folder.path().join("work").to_str().unwrap().to_owned(),
        format!("{place}/in.csv"),
        format!("{place}/out.csv"),
    ];
    // Who may read alone codes all of it, and is refused at the end.
    let message = refusal(&run(&s3_reader(), &[&input, &output, "--work", &work]));
    assert!(message.contains("out.csv") || message.contains(&place), "{message}");
    assert!(Path::new(&work).join("part-000001.json").exists(), "what was done stays");
    succeeded(run(&s3, &[&input, &output, "--work", &work]));
    assert!(!s3.get(&s3.key_of(&place, "out.csv")).is_empty());

    let message = refusal(&run(&s3, &[&format!("{place}/nothing.csv"), &output, "--work", &work]));
    assert!(message.contains("nothing.csv"), "{message}");
    let mut away = crate::storage::s3();
    away.endpoint = "http://127.0.0.1:9".to_owned();
    let message = refusal(&run(&away, &[&input, &output, "--work", &work]));
    assert!(message.contains("127.0.0.1:9") || message.contains("s3://"), "{message}");
}
