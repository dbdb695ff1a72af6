//! `codif train`: from a small corpus to a model that codes.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::{codif, refusal, succeeded};

const SETTINGS: [&str; 12] = [
    "--nomenclature",
    "naf2008",
    "--epochs",
    "20",
    "--dimension",
    "16",
    "--buckets",
    "20000",
    "--learning-rate",
    "1",
    "--title-copies",
    "1",
];

/// A corpus of three sub-classes, twenty distinct lines each.
fn corpus(folder: &Path) -> String {
    let kinds = [("9602A", "coiffure"), ("4399C", "maçonnerie"), ("1071C", "boulangerie")];
    let mut text = String::from("naf2008\tnature\tdescription\n");
    for (code, word) in kinds {
        for place in 0..20 {
            text.push_str(&format!("{code}\t12\t{word} numéro {}\n", "i".repeat(place + 1)));
        }
    }
    let path = folder.join("corpus.tsv");
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

fn train(corpus: &str, registry: &Path, more: &[&str]) -> std::process::Output {
    let registry = registry.to_str().unwrap();
    codif(&[&["train", corpus, "--name", "small", "--registry", registry], &SETTINGS[..], more].concat())
}

#[test]
fn a_trained_model_codes_and_is_reproducible_with_one_thread() {
    let folder = tempfile::tempdir().unwrap();
    let corpus = corpus(folder.path());
    let registry = folder.path().join("registry");
    let said = succeeded(train(&corpus, &registry, &["--threads", "1", "--alias", "production"]));
    assert!(said.starts_with("small:1"), "{said}");
    succeeded(train(&corpus, &registry, &["--threads", "1"]));
    let weights =
        |version: u32| fs::read(registry.join(format!("small/versions/{version}/model.safetensors"))).unwrap();
    assert!(weights(1) == weights(2), "one thread and one seed give the same weights");
    succeeded(train(&corpus, &registry, &["--threads", "2", "--loss", "one-vs-all", "--refit"]));
    for model in ["small", "small:3"] {
        let table = succeeded(codif(&[
            "code",
            "coiffure numéro iii",
            "--registry",
            registry.to_str().unwrap(),
            "--model",
            model,
        ]));
        assert!(table.lines().any(|line| line.contains("96.02A")), "{table}");
    }
    let card = fs::read_to_string(registry.join("small/versions/3/MODEL_CARD.md")).unwrap();
    assert!(card.contains("trained once more on all 60 lines"), "{card}");
}

#[test]
fn the_split_is_fixed_by_the_texts() {
    let folder = tempfile::tempdir().unwrap();
    let corpus = corpus(folder.path());
    let split = folder.path().join("split");
    succeeded(train(&corpus, folder.path(), &["--write-split", split.to_str().unwrap()]));
    let lines = |part: &str| {
        fs::read_to_string(split.join(part)).unwrap().lines().skip(1).map(str::to_owned).collect::<Vec<_>>()
    };
    let (test, calibration, training) = (lines("test.tsv"), lines("calibration.tsv"), lines("training.tsv"));
    assert_eq!((test.len(), calibration.len(), training.len()), (6, 6, 48));
    let reversed: Vec<String> = fs::read_to_string(&corpus).unwrap().lines().skip(1).map(str::to_owned).collect();
    let header = "naf2008\tnature\tdescription\n";
    fs::write(&corpus, reversed.iter().rev().fold(header.to_owned(), |text, line| text + line + "\n")).unwrap();
    succeeded(train(&corpus, folder.path(), &["--write-split", split.to_str().unwrap()]));
    assert_eq!(lines("test.tsv"), test, "the order of the lines does not matter");
}

#[test]
fn columns_can_have_other_names_or_none() {
    let folder = tempfile::tempdir().unwrap();
    let (path, split) = (folder.path().join("corpus.csv"), folder.path().join("split"));
    fs::write(&path, "96.02A,coiffure\n").unwrap();
    let arguments = ["--header", "ape,libelle", "--code-column", "ape", "--column", "description=libelle"];
    let file = path.to_str().unwrap();
    succeeded(train(file, folder.path(), &[&arguments[..], &["--write-split", split.to_str().unwrap()]].concat()));
    assert_eq!(fs::read_to_string(split.join("training.tsv")).unwrap(), "ape\tlibelle\n96.02A\tcoiffure\n");
    assert!(refusal(&train(file, folder.path(), &arguments)).contains("leaves no line to calibrate on"));
}

#[test]
fn ctrl_c_leaves_no_half_made_version() {
    let folder = tempfile::tempdir().unwrap();
    let (corpus, registry) = (corpus(folder.path()), folder.path().join("registry"));
    let mut child = Command::new(env!("CARGO_BIN_EXE_codif"))
        .args(["train", &corpus, "--name", "small", "--registry", registry.to_str().unwrap()])
        .args(["--nomenclature", "naf2008", "--epochs", "100000000"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stderr.take().unwrap()));
    lines.by_ref().map(Result::unwrap).find(|line| line.starts_with("epoch")).unwrap();
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let message = lines.map(Result::unwrap).find(|line| line.starts_with("codif:")).unwrap();
    assert!(message.contains("training was interrupted: no model version was written"), "{message}");
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert!(!registry.join("small").exists());
}

#[test]
fn parquet_is_read_like_text() {
    use arrow_array::{ArrayRef, Float64Array, RecordBatch, StringArray};
    let folder = tempfile::tempdir().unwrap();
    let (path, split) = (folder.path().join("corpus.parquet"), folder.path().join("split"));
    let write = |codes: Vec<Option<&str>>| {
        let columns: [(&str, ArrayRef); 3] = [
            ("naf2008", std::sync::Arc::new(StringArray::from(codes))),
            ("description", std::sync::Arc::new(StringArray::from(vec!["coiffure", "maçonnerie"]))),
            ("surface", std::sync::Arc::new(Float64Array::from(vec![Some(12.5), None]))),
        ];
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let file = fs::File::create(&path).unwrap();
        let mut writer = parquet::arrow::ArrowWriter::try_new(file, batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        train(path.to_str().unwrap(), folder.path(), &["--write-split", split.to_str().unwrap()])
    };
    succeeded(write(vec![Some("9602A"), Some("4399C")]));
    let training = fs::read_to_string(split.join("training.tsv")).unwrap();
    assert!(training.contains("9602A\tcoiffure\t12.5\n") && training.contains("4399C\tmaçonnerie\t\n"), "{training}");
    assert!(refusal(&write(vec![Some("9602A"), None])).contains("corpus.parquet, line 2: \"\" is no sub-class"));
    fs::write(&path, "not parquet").unwrap();
    assert!(refusal(&train(path.to_str().unwrap(), folder.path(), &[])).contains("corpus.parquet"));
}
