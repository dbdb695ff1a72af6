//! Previous codes as people write them, and those that are none.

use std::path::Path;

use serde_json::json;

use crate::recode_runs::path;
use crate::recoding::{Row, column, read, recode, write};

#[test]
fn a_code_counts_however_it_is_written_and_what_is_none_counts_for_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let [input, constrained, free] =
        ["in.parquet", "constrained.ndjson", "free.ndjson"].map(|name| path(folder.path(), name));
    // A text that speaks of something else than the code.
    let row =
        |(id, old): (i64, &str)| Row { id, libelle: "vente de pain".to_owned(), nature: None, old: old.to_owned() };
    let olds = ["9602A", "96.02A", " 9602A ", "", "  ", "9999Z", "9621H", "96"];
    write(Path::new(&input), &(0..).zip(olds).map(row).collect::<Vec<Row>>());
    let given = ["--description", "libelle", "--model", "ape-naf2025"];
    let previous = ["--previous-code", "old", "--constrain-to-successors"];
    let summary = recode(&[&[input.as_str(), &constrained], &given[..], &previous].concat());
    recode(&[&[input.as_str(), &free], &given[..]].concat());
    let [constrained, free] = [constrained, free].map(|name| read(Path::new(&name)));
    for name in ["code", "decision", "confidence_gap", "codes", "probabilities"] {
        let [constrained, free] = [&constrained, &free].map(|read| column(read, name));
        assert!(constrained[1..3].iter().all(|cell| *cell == constrained[0]), "{name}: {constrained:?}");
        assert_eq!(constrained[3..], free[3..], "{name} of what is no sub-class of naf2008");
    }
    assert_ne!(column(&constrained, "codes")[0], column(&free, "codes")[0]);
    let successor = column(&constrained, "is_legal_successor");
    assert_eq!(successor, ["true", "true", "true", "", "", "", "", ""]);
    assert_eq!(summary["nomenclatures"]["naf2025"]["legal_successors"], json!({"count": 3, "of": 3}));
}
