//! Rows that cannot be coded: counted, listed, bounded by `--max-errors`, and gone with the output that had them.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::recode_runs::{PARTS, bytes, finished, path};
use crate::recoding::{Row, column, read, recode, rows, write};
use crate::support::{codif, refusal};

fn arguments<'a>(input: &'a str, output: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let given = ["recode", "--quiet", input, output, "--description", "libelle", "--model", "ape-naf2008"];
    [&given[..], &PARTS, more].concat()
}

/// Rows of which every hundredth is blank.
fn with_blanks(count: usize) -> Vec<Row> {
    let mut rows = rows(count);
    rows.iter_mut().skip(99).step_by(100).for_each(|row| row.libelle = " ".to_owned());
    rows
}

fn sum<'a>(counts: impl Iterator<Item = &'a Value>) -> u64 {
    counts.map(|count| count.as_u64().unwrap()).sum()
}

#[test]
fn more_bad_rows_than_allowed_stop_a_run_and_a_higher_limit_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let [input, whole, output] = ["in.csv", "whole.csv", "out.csv"].map(|name| path(folder.path(), name));
    write(Path::new(&input), &with_blanks(12_288));
    recode(&arguments(&input, &whole, &[])[2..]);

    let message = refusal(&codif(&arguments(&input, &output, &["--max-errors", "90"])));
    assert!(message.contains("more than the 90 of --max-errors"), "{message}");
    assert!(!Path::new(&output).exists() && !folder.path().join("out.errors.parquet").exists());
    let work = folder.path().join("out.csv.recode");
    assert_eq!(finished(&work), 4, "what was done before stays");
    let first = fs::metadata(work.join("part-000001.json")).unwrap().modified().unwrap();
    // The rows of before count: they are not forgiven by running again.
    refusal(&codif(&arguments(&input, &output, &["--max-errors", "90"])));
    assert_eq!(fs::metadata(work.join("part-000001.json")).unwrap().modified().unwrap(), first);

    let summary = recode(&arguments(&input, &output, &["--max-errors", "122"])[2..]);
    assert_eq!(summary["failed"], json!(122), "as many as are allowed are no more than that");
    for ending in ["csv", "errors.parquet"] {
        let [one, other] = ["whole", "out"].map(|name| bytes(&folder.path().join(format!("{name}.{ending}"))));
        assert!(one == other, "other bytes in .{ending}");
    }
}

#[test]
fn bad_rows_are_listed_with_their_file_and_number() {
    let folder = tempfile::tempdir().unwrap();
    let [a, b, output, errors] = ["a.csv", "b.csv", "out.csv", "bad.parquet"].map(|name| path(folder.path(), name));
    let long = "x".repeat(100_000);
    fs::write(&a, format!("\u{feff}libelle,id\r\n{long},1\r\n\"pain\r\net vin\",2\r\n\"le \"\"fournil\"\"\",3\r\n"))
        .unwrap();
    fs::write(&b, b"libelle,id\ncoiffure,4\ncaf\xe9,5\n,6\ntrop,de,cellules\nma\xc3\xa7onnerie,7\n").unwrap();
    let given = [a.as_str(), &b, &output, "--description", "libelle", "--model", "ape-naf2008", "--errors", &errors];
    let summary = recode(&given);
    assert_eq!(summary["errors"], json!({"empty_description": 1, "text_too_long": 1, "unreadable_row": 2}));
    assert_eq!(summary["errors_file"], json!(errors));
    let written = read(Path::new(&output));
    assert_eq!(column(&written, "id"), ["1", "2", "3", "4", "6", "7"], "what can be read stays in the output");
    assert_eq!(column(&written, "libelle")[..3], [long.as_str(), "pain\r\net vin", "le \"fournil\""]);
    let said: Vec<String> =
        column(&written, "error").iter().map(|error| error.split(':').next().unwrap().to_owned()).collect();
    assert_eq!(said, ["text_too_long", "", "", "", "empty_description", ""]);

    let listed = read(Path::new(&errors));
    assert_eq!(listed[0], ["file", "row", "code", "reason"]);
    let expected = [
        (&a, "1", "text_too_long", "100000 characters"),
        (&b, "2", "unreadable_row", "UTF-8"),
        (&b, "3", "empty_description", "the description is empty"),
        (&b, "4", "unreadable_row", "3"),
    ];
    assert_eq!(listed.len(), 1 + expected.len());
    for (row, (file, number, code, reason)) in listed[1..].iter().zip(expected) {
        assert_eq!((&row[0], row[1].as_str(), row[2].as_str()), (file, number, code));
        assert!(row[3].contains(reason), "{}", row[3]);
    }
}

#[test]
fn counts_add_up() {
    let folder = tempfile::tempdir().unwrap();
    let [input, output] = ["in.ndjson", "out"].map(|name| path(folder.path(), name));
    write(Path::new(&input), &with_blanks(5000));
    let summary = recode(&[&input, &output, "--description", "libelle", "--part-rows", "2048"]);
    assert_eq!((&summary["rows"], &summary["coded"], &summary["failed"]), (&json!(5000), &json!(4950), &json!(50)));
    assert_eq!((&summary["parts"], sum(summary["errors"].as_object().unwrap().values())), (&json!(3), 50));
    for nomenclature in ["naf2008", "naf2025"] {
        let of_one = &summary["nomenclatures"][nomenclature];
        let automatic = of_one["automatic"].as_u64().unwrap();
        let sections: Vec<&Value> = of_one["sections"].as_object().unwrap().values().collect();
        assert_eq!(automatic + sum(of_one["manual"].as_object().unwrap().values()), 4950, "{nomenclature}");
        assert_eq!(sum(of_one["gaps"].as_array().unwrap().iter()), 4950, "{nomenclature}");
        assert_eq!(sum(sections.iter().map(|section| &section["rows"])), 4950, "{nomenclature}");
        assert_eq!(sum(sections.iter().map(|section| &section["automatic"])), automatic, "{nomenclature}");
        assert_eq!(of_one["automatic_rate"], json!(automatic as f64 / 4950.0), "{nomenclature}");
    }
}

#[test]
fn an_output_that_is_replaced_leaves_nothing_of_its_own_and_nothing_of_others_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let [bad, good, output] = ["bad.csv", "good.csv", "out"].map(|name| path(folder.path(), name));
    write(Path::new(&bad), &with_blanks(5000));
    write(Path::new(&good), &rows(100));
    recode(&arguments(&bad, &output, &["--partition-by", "nature", "--format", "csv", "--compression", "gzip"])[2..]);
    let before = bytes(Path::new(&output));
    assert!(before.contains_key("_errors.parquet") && before.contains_key("nature=12/part-000003.csv.gz"));
    let notes = ["notes.txt", "nature=12/notes.txt"];
    notes.iter().for_each(|name| fs::write(Path::new(&output).join(name), "somebody's").unwrap());

    assert!(refusal(&codif(&arguments(&good, &output, &[]))).contains("--overwrite"));
    assert_eq!(recode(&arguments(&good, &output, &["--overwrite"])[2..])["errors_file"], Value::Null);
    let left: Vec<String> = bytes(Path::new(&output)).into_keys().collect();
    assert_eq!(left, ["_SUCCESS", "nature=12/notes.txt", "notes.txt", "part-000001.parquet"]);

    // The same beside a file.
    let file = path(folder.path(), "out.csv");
    let errors = folder.path().join("out.errors.parquet");
    recode(&arguments(&bad, &file, &[])[2..]);
    assert!(errors.exists());
    recode(&arguments(&good, &file, &["--overwrite"])[2..]);
    assert!(!errors.exists(), "rows of another file are not said to be bad");
}
