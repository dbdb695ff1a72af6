//! Rows that had a code before: whether the new one agrees, and whether it is a legal successor.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::Path;

use serde_json::json;

use crate::recoding::{column, lists, read, recode, rows, write};

/// The successors of each sub-class of naf2008.
fn successors() -> HashMap<String, HashSet<String>> {
    let mut reader = csv::ReaderBuilder::new().delimiter(b',').from_path("nomenclature/naf2008-naf2025.csv").unwrap();
    let compact = |code: &str| code.replace('.', "");
    let mut successors: HashMap<String, HashSet<String>> = HashMap::new();
    for record in reader.records() {
        let record = record.unwrap();
        successors.entry(compact(&record[0])).or_default().insert(compact(&record[1]));
    }
    assert!(successors.len() > 700);
    successors
}

#[test]
fn a_new_code_is_compared_with_the_one_before() {
    let folder = tempfile::tempdir().unwrap();
    let mut rows = rows(300);
    rows[0].old = "96.02A".to_owned();
    rows[0].libelle = "coiffure à domicile".to_owned();
    rows[1].old = String::new();
    rows[2].old = "no code".to_owned();
    let [input, output] = ["in.csv", "out.parquet"].map(|name| folder.path().join(name));
    write(&input, &rows);
    let [from, to] = [&input, &output].map(|path| path.to_str().unwrap());
    let summary = recode(&[from, to, "--description", "libelle", "--previous-code", "old"]);
    let coded = read(&output);
    let successors = successors();
    let best = |nomenclature: &str| -> Vec<String> {
        lists(&output, &format!("{nomenclature}_codes")).into_iter().map(|mut codes| codes.remove(0)).collect()
    };
    let (agrees, succeeds) =
        (column(&coded, "naf2008_agrees_with_previous"), column(&coded, "naf2025_is_legal_successor"));
    let (same, other) = (best("naf2008"), best("naf2025"));
    assert_eq!((agrees[0].as_str(), agrees[1].as_str(), succeeds[2].as_str()), ("true", "", ""));
    let mut found = 0;
    for (place, row) in rows.iter().enumerate().skip(3) {
        assert_eq!(agrees[place], (same[place] == row.old).to_string());
        assert_eq!(succeeds[place], successors[&row.old].contains(&other[place]).to_string());
        found += u64::from(succeeds[place] == "true");
    }
    let counted = &summary["nomenclatures"]["naf2025"]["legal_successors"];
    assert_eq!(
        (&counted["of"], counted["count"].as_u64().unwrap()),
        (&json!(298), found + u64::from(succeeds[0] == "true"))
    );
}

#[test]
fn a_split_code_is_resolved_among_its_successors() {
    let folder = tempfile::tempdir().unwrap();
    let mut rows = rows(300);
    let successors = successors();
    // Texts that say nothing of it.
    rows.iter_mut().step_by(5).for_each(|row| row.libelle = "zzxq".to_owned());
    rows[1].old = String::new();
    let [input, output] = ["in.ndjson", "out.parquet"].map(|name| folder.path().join(name));
    write(&input, &rows);
    let [from, to] = [&input, &output].map(|path| path.to_str().unwrap());
    let constrained =
        ["--previous-code", "old", "--constrain-to-successors", "--model", "ape-naf2025", "--top-k", "50"];
    recode(&[&[from, to, "--description", "libelle"], &constrained[..]].concat());
    let coded = read(&output);
    let (codes, probabilities) = (lists(&output, "codes"), lists(&output, "probabilities"));
    let (decisions, given) = (column(&coded, "decision"), column(&coded, "code"));
    let mut alone = 0;
    for (place, row) in rows.iter().enumerate() {
        if place == 1 {
            assert_eq!(codes[place].len(), 50, "without a previous code it is coded freely");
            continue;
        }
        let legal = &successors[&row.old];
        let found: HashSet<String> = codes[place].iter().cloned().collect();
        assert_eq!(found, *legal, "row {place}");
        let sum: f64 = probabilities[place].iter().map(|text| text.parse::<f64>().unwrap()).sum();
        assert!((sum - 1.0).abs() < 1e-9, "{sum}");
        if legal.len() == 1 {
            assert_eq!((decisions[place].as_str(), &given[place]), ("automatic", &codes[place][0]), "row {place}");
            alone += 1;
        }
    }
    assert!(alone > 50, "{alone} codes with one successor");
    assert!(fs::metadata(Path::new(to)).unwrap().len() > 0);
}
