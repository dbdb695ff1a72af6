//! `codif recode` killed amid inputs of every kind, and held up at its very end.

use std::fs;
use std::path::Path;

use serde_json::json;

use crate::recode_runs::{PARTS, ROWS, bytes, finished, kill_when, path, started};
use crate::recoding::{Row, recode, rows, write};
use crate::support::{codif, refusal};

fn arguments<'a>(inputs: &'a [String], output: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
    let given = ["--description", "libelle", "--model", "ape-naf2008"];
    [&["recode", "--quiet"][..], &inputs[..], &[output], &given, &PARTS, more].concat()
}

/// Rows among which some cannot be coded, in every part.
fn with_bad_rows(count: usize) -> Vec<Row> {
    let mut rows = rows(count);
    rows.iter_mut().step_by(997).for_each(|row| row.libelle = " ".to_owned());
    rows
}

#[test]
fn a_run_that_was_killed_goes_on_amid_any_input() {
    let (folder, rows) = (tempfile::tempdir().unwrap(), with_bad_rows(ROWS));
    // The second of two files is where the kill comes: a part stands over the end of the first.
    for (place, names) in [&["in.parquet"][..], &["in.ndjson.zst"], &["a.csv.gz", "b.csv.gz"]].into_iter().enumerate() {
        let inputs: Vec<String> = names.iter().map(|name| path(folder.path(), name)).collect();
        for (input, some) in inputs.iter().zip(rows.chunks(ROWS / names.len())) {
            write(Path::new(input), some);
        }
        let [whole, output] = ["whole", "out"].map(|name| path(folder.path(), &format!("{name}-{place}.ndjson.zst")));
        let summary = recode(&arguments(&inputs, &whole, &[])[2..]);
        assert_eq!((&summary["rows"], &summary["failed"]), (&json!(ROWS), &json!(ROWS.div_ceil(997))), "{names:?}");

        let work = folder.path().join(format!("out-{place}.ndjson.zst.recode"));
        kill_when(started(&arguments(&inputs, &output, &[])), "its 12th part", || finished(&work) >= 12);
        let resumed = recode(&arguments(&inputs, &output, &[])[2..]);
        for (name, value) in summary.as_object().unwrap() {
            let is_a_name = name == "output" || name == "errors_file";
            assert!(is_a_name || resumed[name] == *value, "{names:?}: {name} is {} after a kill", resumed[name]);
        }
        for ending in ["ndjson.zst", "errors.parquet"] {
            let [whole, output] =
                ["whole", "out"].map(|name| bytes(&folder.path().join(format!("{name}-{place}.{ending}"))));
            assert!(whole == output, "{names:?}: other bytes in .{ending} after a kill");
        }
    }
}

#[test]
fn an_output_that_cannot_be_placed_keeps_its_parts() {
    let folder = tempfile::tempdir().unwrap();
    let [input, whole, output, work] =
        ["in.csv", "whole.csv", "blocked/out.csv", "work"].map(|name| path(folder.path(), name));
    write(Path::new(&input), &rows(9000));
    let inputs = [input];
    recode(&arguments(&inputs, &whole, &[])[2..]);
    // A file has the name of the folder.
    let blocked = folder.path().join("blocked");
    fs::write(&blocked, "in the way").unwrap();
    let message = refusal(&codif(&arguments(&inputs, &output, &["--work", &work])));
    assert!(message.contains("blocked/out"), "it names the file: {message}");
    assert_eq!(finished(Path::new(&work)), 5, "every part stays");
    let first = Path::new(&work).join("part-000001.json");
    let before = fs::metadata(&first).unwrap().modified().unwrap();

    let message = refusal(&codif(&arguments(&inputs, &output, &["--work", &work])));
    assert!(message.contains("blocked/out"), "{message}");
    assert_eq!(fs::metadata(&first).unwrap().modified().unwrap(), before, "and is not made again");
    fs::remove_file(&blocked).unwrap();
    assert_eq!(recode(&arguments(&inputs, &output, &["--work", &work])[2..])["rows"], json!(9000));
    assert!(bytes(Path::new(&output)) == bytes(Path::new(&whole)));
    assert!(!Path::new(&work).exists());
}
