//! Bad rows and bad files: each its own reason, and nothing half done.

use std::fs;
use std::path::Path;

use serde_json::json;

use crate::recoding::{column, read, recode, rows, write};
use crate::support::{codif, refusal};

fn path(folder: &Path, name: &str) -> String {
    folder.join(name).to_str().unwrap().to_owned()
}

fn arguments<'a>(input: &'a str, output: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let given = ["recode", "--quiet", input, output, "--description", "libelle", "--model", "ape-naf2008"];
    [&given[..], more].concat()
}

#[test]
fn bad_rows_are_told_one_by_one() {
    let folder = tempfile::tempdir().unwrap();
    let [input, output] = ["in.csv", "out.csv"].map(|name| path(folder.path(), name));
    let mut bytes = b"id,libelle\n1,coiffure\n2,too,many\n3,\n4,\"vente\nde pain\"\n5,caf\xe9\n".to_vec();
    bytes.extend("6,😀\n7,a\0b\n".as_bytes());
    fs::write(&input, bytes).unwrap();
    let summary = recode(&arguments(&input, &output, &[])[2..]);
    assert_eq!((&summary["rows"], &summary["coded"], &summary["failed"]), (&json!(7), &json!(4), &json!(3)));
    assert_eq!(summary["errors"], json!({"empty_description": 1, "unreadable_row": 2}));
    let coded = read(Path::new(&output));
    assert_eq!(column(&coded, "id"), ["1", "3", "4", "6", "7"]);
    assert!(column(&coded, "error")[1].starts_with("empty_description: "));
    let errors = read(&folder.path().join("out.errors.parquet"));
    assert_eq!(column(&errors, "row"), ["2", "3", "5"]);
    assert_eq!(column(&errors, "code"), ["unreadable_row", "empty_description", "unreadable_row"]);
    assert!(column(&errors, "file").iter().all(|file| *file == input));

    let message = refusal(&codif(&arguments(&input, &output, &["--overwrite", "--max-errors", "2"])));
    assert!(message.contains("3 rows could not be coded, more than the 2 of --max-errors"), "{message}");
    let summary = recode(&arguments(&input, &output, &["--overwrite", "--max-errors", "3"])[2..]);
    assert_eq!(summary["failed"], json!(3), "a higher limit goes on");
}

#[test]
fn bad_files_are_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let output = path(folder.path(), "out.csv");
    let good = rows(3000);
    for (name, damage, reason) in [
        ("cut.csv.gz", "cut", "ends too early"),
        ("cut.parquet", "cut", "cut.parquet"),
        ("text.parquet", "text", "text.parquet"),
        ("quote.csv", "quote", "quote"),
        ("empty.csv", "empty", "empty.csv"),
        ("columns.csv", "columns", "no column is called \"libelle\""),
    ] {
        let input = path(folder.path(), name);
        write(Path::new(&input), &good);
        let mut bytes = fs::read(&input).unwrap();
        match damage {
            "cut" => bytes.truncate(bytes.len() / 2),
            "text" => bytes = b"not a Parquet file at all".to_vec(),
            "quote" => bytes.extend(b"1,\"never closed,,\n"),
            "columns" => bytes = b"id,label\n1,coiffure\n".to_vec(),
            _ => bytes.clear(),
        }
        fs::write(&input, bytes).unwrap();
        let message = refusal(&codif(&arguments(&input, &output, &["--restart"])));
        assert!(message.contains(name) || damage == "columns", "{message}");
        assert!(message.contains(reason), "{name}: {message}");
        assert!(!Path::new(&output).exists(), "{name}");
    }
}

#[test]
fn a_file_without_rows_gives_one_without_rows() {
    let folder = tempfile::tempdir().unwrap();
    let input = path(folder.path(), "in.csv");
    fs::write(&input, "id,libelle\n").unwrap();
    for name in ["out.csv", "out.parquet", "out.csv.gz"] {
        let output = path(folder.path(), name);
        assert_eq!(recode(&arguments(&input, &output, &[])[2..])["rows"], json!(0));
        let read = read(Path::new(&output));
        assert_eq!(
            (read.len(), read[0][..3].to_vec()),
            (1, ["id", "libelle", "code"].map(str::to_owned).to_vec()),
            "{name}"
        );
    }
}

#[test]
fn what_cannot_be_written_is_refused_before_anything_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let [input, first, again] = ["in.csv", "first.parquet", "again.csv"].map(|name| path(folder.path(), name));
    write(Path::new(&input), &rows(10));
    recode(&arguments(&input, &first, &[])[2..]);
    let message = refusal(&codif(&arguments(&first, &again, &[])));
    assert!(message.contains("two columns \"code\" would be written") && message.contains("--keep"), "{message}");
    let message = refusal(&codif(&arguments(&first, &again, &["--keep", "codes"])));
    assert!(message.contains("codes"), "{message}");
    let message = refusal(&codif(&arguments(&input, &path(folder.path(), "no/such/in.csv"), &["--keep", "nothing"])));
    assert!(message.contains("no column is called \"nothing\": the columns are id, libelle, nature, old"), "{message}");
    let nothing = path(folder.path(), "nothing-*.csv");
    let message = refusal(&codif(&arguments(&nothing, &again, &[])));
    assert!(message.contains("nothing-*.csv"), "{message}");
}
