//! `codif recode`: the same answers as `/v1/code`, from and to every format.

use std::fs;
use std::path::Path;

use arrow_schema::DataType;
use serde_json::{Value, json};

use crate::recoding::{Row, column, kind, lists, read, recode, rows, write};
use crate::support::Server;

fn path(folder: &Path, name: &str) -> String {
    folder.join(name).to_str().unwrap().to_owned()
}

/// What the server says of the rows.
fn answers(rows: &[Row]) -> Vec<Value> {
    let activity = |row: &Row| json!({"description": row.libelle, "nature": row.nature});
    let body = json!({"activities": rows.iter().map(activity).collect::<Vec<_>>(), "top_k": 3});
    let (status, answer) = Server::start().code(&body);
    assert_eq!(status, 200, "{answer}");
    answer["results"].as_array().unwrap().clone()
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(String::new, str::to_owned)
}

#[test]
fn rows_get_the_answers_of_the_api() {
    let folder = tempfile::tempdir().unwrap();
    let mut rows = rows(400);
    rows[7].libelle = "  ".to_owned();
    rows[9].libelle = "😀 🎉".to_owned();
    rows[11].nature = Some("no such".to_owned());
    let (input, output) = (path(folder.path(), "in.csv"), path(folder.path(), "out.parquet"));
    write(Path::new(&input), &rows);
    let summary = recode(&[&input, &output, "--description", "libelle", "--top-k", "3"]);
    assert_eq!((&summary["rows"], &summary["coded"], &summary["failed"]), (&json!(400), &json!(399), &json!(1)));
    assert_eq!(summary["errors"], json!({"empty_description": 1}));
    let coded = read(Path::new(&output));
    let answers = answers(&rows);
    for nomenclature in ["naf2008", "naf2025"] {
        let of = |name: &str| column(&coded, &format!("{nomenclature}_{name}"));
        let (codes, errors, gaps, models) = (of("code"), of("error"), of("confidence_gap"), of("model"));
        let (decisions, reasons, warnings) = (of("decision"), of("reason"), of("warnings"));
        let best = lists_of_coded(&output, &format!("{nomenclature}_codes"), &rows);
        let probabilities = lists_of_coded(&output, &format!("{nomenclature}_probabilities"), &rows);
        for (place, answer) in answers.iter().enumerate() {
            if place == 7 {
                let error = &answer["error"];
                assert_eq!(errors[place], format!("{}: {}", text(&error["code"]), text(&error["message"])));
                assert_eq!((codes[place].as_str(), models[place].as_str()), ("", ""));
                continue;
            }
            let coding = &answer["codings"][nomenclature];
            assert_eq!(codes[place], text(&coding["code"]), "row {place}");
            assert_eq!(decisions[place], text(&coding["decision"]));
            assert_eq!(reasons[place], text(&coding["reason"]));
            assert_eq!(models[place], format!("{}:{}", text(&coding["model"]["name"]), coding["model"]["version"]));
            assert_eq!(gaps[place].parse::<f64>().unwrap(), coding["confidence_gap"].as_f64().unwrap());
            let predictions = coding["predictions"].as_array().unwrap();
            let expected: Vec<String> = predictions.iter().map(|prediction| text(&prediction["code"])).collect();
            assert_eq!(best[place].as_ref().unwrap(), &expected);
            let found: Vec<f64> =
                probabilities[place].as_ref().unwrap().iter().map(|text| text.parse().unwrap()).collect();
            let expected: Vec<f64> = predictions.iter().map(|one| one["probability"].as_f64().unwrap()).collect();
            assert_eq!(found, expected, "row {place}");
            let expected: Vec<String> = coding["warnings"]
                .as_array()
                .unwrap()
                .iter()
                .map(|warning| format!("{}:{}", text(&warning["field"]), text(&warning["code"])))
                .collect();
            assert_eq!(warnings[place], format!("[{}]", expected.join(", ")));
        }
    }
    let of_one = &summary["nomenclatures"]["naf2008"];
    let automatic = column(&coded, "naf2008_decision").iter().filter(|decision| *decision == "automatic").count();
    assert_eq!(of_one["automatic"], json!(automatic));
    let gaps: u64 = of_one["gaps"].as_array().unwrap().iter().map(|count| count.as_u64().unwrap()).sum();
    let sections = of_one["sections"].as_object().unwrap().values();
    assert_eq!((gaps, sections.map(|section| section["rows"].as_u64().unwrap()).sum()), (399, 399u64));
}

/// The lists of a column, none of the row that was not coded.
fn lists_of_coded(output: &str, name: &str, rows: &[Row]) -> Vec<Option<Vec<String>>> {
    let mut lists = lists(Path::new(output), name).into_iter();
    rows.iter().map(|row| (!row.libelle.trim().is_empty()).then(|| lists.next().unwrap())).collect()
}

#[test]
fn every_format_gives_the_same_rows() {
    let folder = tempfile::tempdir().unwrap();
    let rows = rows(60);
    let mut expected: Option<Vec<Vec<String>>> = None;
    for input in ["in.csv", "in.csv.gz", "in.tsv", "in.tsv.zst", "in.ndjson", "in.ndjson.gz", "in.parquet"] {
        let input = path(folder.path(), input);
        write(Path::new(&input), &rows);
        for output in ["out.parquet", "out.csv", "out.csv.zst", "out.tsv", "out.ndjson", "out.ndjson.gz"] {
            let output = path(folder.path(), output);
            let given = [&input, &output, "--description", "libelle", "--model", "ape-naf2008", "--overwrite"];
            let summary = recode(&[&given[..], &["--top-k", "1"]].concat());
            assert_eq!(summary["coded"], json!(60), "{input} to {output}");
            let read = read(Path::new(&output));
            let cells: Vec<Vec<String>> =
                ["id", "libelle", "nature", "old", "code", "confidence_gap", "decision", "model"]
                    .map(|name| column(&read, name))
                    .to_vec();
            let first = expected.get_or_insert_with(|| cells.clone());
            assert_eq!(*first, cells, "{input} to {output}");
        }
    }
    let kinds = ["id", "nature", "confidence_gap"].map(|name| kind(&folder.path().join("out.parquet"), name));
    assert_eq!(kinds, [DataType::Int64, DataType::Utf8, DataType::Float64], "columns keep their types");
}

#[test]
fn several_inputs_are_one_and_columns_are_chosen() {
    let folder = tempfile::tempdir().unwrap();
    let rows = rows(90);
    for (name, some) in [("b.csv", &rows[..40]), ("a.csv", &rows[40..70]), ("d.csv", &rows[70..])] {
        write(&folder.path().join(name), some);
    }
    let [all, output] = ["*.csv", "out.ndjson"].map(|name| path(folder.path(), name));
    let chosen = ["--keep", "old,id", "--description", "libelle", "--description", "old", "--model", "ape-naf2008"];
    let summary = recode(&[&[all.as_str(), &output], &chosen[..]].concat());
    assert_eq!((&summary["rows"], &summary["errors_file"]), (&json!(90), &Value::Null));
    let read = read(Path::new(&output));
    assert_eq!(read[0][..3], ["old", "id", "code"].map(str::to_owned));
    let ids: Vec<i64> = column(&read, "id").iter().map(|id| id.parse().unwrap()).collect();
    assert_eq!(ids, (40..70).chain(0..40).chain(70..90).collect::<Vec<i64>>(), "in the order of the names");
}

#[test]
fn a_directory_is_laid_out_by_a_column() {
    let folder = tempfile::tempdir().unwrap();
    let mut rows = rows(50);
    rows[3].nature = Some("a/b=c".to_owned());
    rows[4].nature = None;
    let [input, output] = ["in.parquet", "out"].map(|name| path(folder.path(), name));
    write(Path::new(&input), &rows);
    let by_nature =
        ["--partition-by", "nature", "--format", "csv", "--description", "libelle", "--model", "ape-naf2008"];
    recode(&[&[input.as_str(), &output], &by_nature[..]].concat());
    let mut found = 0;
    for entry in fs::read_dir(&output).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if name == "_SUCCESS" {
            continue;
        }
        let read = read(&entry.path().join("part-000001.csv"));
        assert_eq!(read[0][..4], ["id", "libelle", "old", "code"].map(str::to_owned), "{name} has a header");
        for id in column(&read, "id") {
            let nature = rows[id.parse::<usize>().unwrap()].nature.as_deref();
            let value = match nature {
                None => "__HIVE_DEFAULT_PARTITION__".to_owned(),
                Some(nature) => nature.replace('/', "%2F").replace('=', "%3D"),
            };
            assert_eq!(name, format!("nature={value}"));
            found += 1;
        }
    }
    assert_eq!(found, 50);
    assert!(folder.path().join("out/_SUCCESS").exists() && !folder.path().join("out.recode").exists());
}
