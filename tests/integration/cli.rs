//! `codif code`, `evaluate`, `model`: what a user types and reads.

use serde_json::Value;

use crate::support::{Server, codif, codif_with_input, json_lines, refusal, succeeded};

#[test]
fn one_label_is_coded_in_both_nomenclatures() {
    let table = succeeded(codif(&["code", "coiffure à domicile"]));
    assert!(table.contains("96.02A") && table.contains("96.21H"), "{table}");
    assert!(!table.contains('\u{1b}'), "no colour when piped");
}

#[test]
fn one_object_a_line_in_order_bad_lines_among_them() {
    let input = b"coiffure\n\n\xff\xfe bad\nma\xc3\xa7onnerie";
    let lines = json_lines(&succeeded(codif_with_input(&["code", "--json"], input)));
    let kinds: Vec<&str> = lines.iter().map(|line| line["error"]["code"].as_str().unwrap_or("coded")).collect();
    assert_eq!(kinds, ["coded", "empty_description", "invalid_utf8", "coded"]);
    assert_eq!(lines[3]["codings"]["naf2008"]["predictions"][0]["code"], "4399C");
}

#[test]
fn the_json_is_that_of_the_api() {
    let line = succeeded(codif(&["code", "boulangerie", "--json", "--nature", "04", "--event", "01P"]));
    let answer: Value = serde_json::from_str(&line).unwrap();
    let server = Server::start();
    let body = serde_json::json!({"activities": [{"description": "boulangerie", "nature": "04", "event": "01P"}]});
    let (status, response) = server.code(&body);
    assert_eq!((status, &response["results"][0]), (200, &answer));
    assert_eq!(answer["codings"]["naf2008"]["warnings"][0]["code"], "not_used");
}

#[test]
fn a_label_that_cannot_be_coded_is_one_clear_message() {
    assert_eq!(refusal(&codif(&["code", "  "])), "codif: the description is empty: give the activity in a few words");
    assert!(refusal(&codif(&["code", &"x".repeat(100_000)])).contains("100000 characters"));
}

#[test]
fn a_missing_registry_model_or_alias_is_named() {
    assert!(refusal(&codif(&["code", "x", "--registry", "/nowhere"])).contains("nothing at /nowhere"));
    let unknown = refusal(&codif(&["code", "x", "--model", "ape"]));
    assert!(unknown.contains("no model \"ape\"") && unknown.contains("ape-naf2008, ape-naf2025"), "{unknown}");
    assert!(refusal(&codif(&["code", "x", "--model", "ape-naf2008@staging"])).contains("production →"));
    assert!(refusal(&codif(&["code", "x", "--model", "ape-naf2008:99"])).contains("version 99"));
}

#[test]
fn two_models_of_one_nomenclature_are_refused_with_their_names() {
    let refused = refusal(&codif(&["code", "x", "--model", "ape-naf2008,ape-naf2008@production"]));
    assert!(refused.contains("both code in naf2008"), "{refused}");
}

#[test]
fn models_are_listed_and_shown() {
    let list = succeeded(codif(&["model", "list"]));
    assert!(list.contains("ape-naf2008") && list.contains("production →") && !list.contains("corpus"), "{list}");
    assert!(succeeded(codif(&["model", "show", "ape-naf2025"])).contains("naf2025, 74"));
}

#[test]
fn an_evaluation_gives_its_figures_and_a_report_in_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let (cases, report) = (folder.path().join("cases.tsv"), folder.path().join("report.html"));
    std::fs::write(&cases, "naf2008\tdescription\n9602A\tcoiffure\n4399C\tmaçonnerie\n9602A\tmaçonnerie\n").unwrap();
    let (cases, report) = (cases.to_str().unwrap(), report.to_str().unwrap());
    let arguments = ["evaluate", "--model", "ape-naf2008", cases, "--json", "--report", report];
    let evaluation: Value = serde_json::from_str(&succeeded(codif(&arguments))).unwrap();
    assert_eq!(evaluation["cases"], 3);
    assert_eq!(evaluation["top_k"][0]["accuracy"], 2.0 / 3.0);
    assert_eq!(evaluation["thresholds"].as_array().unwrap().len(), 100);
    assert_eq!(evaluation["confusions"][0]["predicted"], "4399C");
    let page = std::fs::read_to_string(report).unwrap();
    assert_eq!(page.matches("<svg").count(), 3);
    assert!(!page.contains("src=") && !page.contains("href="), "the report needs no other file");
}

#[test]
fn a_wrong_column_or_line_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cases.csv");
    let refused = |text: &[u8], more: &[&str]| {
        std::fs::write(&path, text).unwrap();
        let file = path.to_str().unwrap();
        refusal(&codif(&[&["evaluate", "--model", "ape-naf2008", file], more].concat()))
    };
    assert!(
        refused(b"naf2008,libelle\n9602A,x\n", &[])
            .contains("no column \"description\"; its columns are naf2008, libelle")
    );
    assert!(
        refused(b"naf2008,description\n9602A,x\n9999Z,y\n", &[])
            .contains("line 3: \"9999Z\" is no sub-class of naf2008")
    );
    assert!(refused(b"naf2008,description\n9602A,\xff\n", &[]).contains("line 2: not valid UTF-8 in column 2"));
    assert!(refused(b"naf2008,description\n9602A,x,z\n", &[]).contains("line 2: it has 3 columns"));
    assert!(refused(b"naf2008,description\n9602A, \n", &[]).contains("line 2: the description is empty"));
    assert!(refused(b"naf2008,description\n", &[]).contains("no coded activity"));
}

#[test]
fn a_missing_file_is_named_once() {
    let arguments = ["train", "/nowhere.tsv", "--name", "x", "--nomenclature", "naf2008"];
    assert_eq!(refusal(&codif(&arguments)), "codif: cannot read /nowhere.tsv: No such file or directory (os error 2)");
}
