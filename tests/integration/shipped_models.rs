//! The models in `models/`: right by learning, small enough, and honest about where they come from.

use std::path::Path;

use crate::support::{codif, codif_with_input, json_lines, succeeded};

#[test]
fn first_answers_are_right() {
    let expected: [(&str, &[&str]); 10] = [
        ("coiffure à domicile", &["9602A"]),
        ("MACONNERIE GENERALE", &["4399C"]),
        ("chauffeur VTC", &["4932Z"]),
        ("LOUEUR EN MEUBLE NON PROFESSIONNEL", &["6820A", "5520Z"]),
        ("développeur web", &["6201Z"]),
        ("food truck", &["5610C"]),
        ("livreur à vélo", &["5320Z"]),
        ("boulangerie pâtisserie", &["1071C"]),
        ("ostéopathe", &["8690E"]),
        ("vente de vêtements sur internet", &["4791A", "4791B"]),
    ];
    let input = expected.map(|(label, _)| label).join("\n");
    let output = codif_with_input(&["code", "--json", "--model", "ape-naf2008"], input.as_bytes());
    let answers = json_lines(&succeeded(output));
    for ((label, codes), answer) in expected.iter().zip(&answers) {
        let best = answer["codings"]["naf2008"]["predictions"][0]["code"].as_str().unwrap();
        assert!(codes.contains(&best), "{label}: {best}");
    }
}

#[test]
fn each_is_at_most_12_megabytes_and_says_that_its_corpus_is_synthetic() {
    for (name, labels) in [("ape-naf2008", 732), ("ape-naf2025", 746)] {
        let shown = succeeded(codif(&["model", "show", name, "--json"]));
        let manifest: serde_json::Value = serde_json::from_str(&shown).unwrap();
        let bytes: u64 = manifest["files"].as_object().unwrap().values().map(|f| f["bytes"].as_u64().unwrap()).sum();
        assert!(bytes <= 12_000_000, "{name}: {bytes} bytes");
        assert_eq!(manifest["labels"].as_array().unwrap().len(), labels);
        let versions = Path::new(env!("CARGO_MANIFEST_DIR")).join("models").join(name).join("versions");
        let card = versions.join(manifest["version"].to_string()).join("MODEL_CARD.md");
        assert!(std::fs::read_to_string(card).unwrap().contains("The corpus is synthetic"));
    }
}

/// The folded descriptions of a file: lower case, ASCII letters and digits.
fn descriptions(path: &str) -> Vec<String> {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
    let description = |line: &str| line.rsplit('\t').next().unwrap().to_owned();
    let folded = text.lines().skip(1).map(description).map(|text| codif::nomenclature::fold::fold(&text));
    folded
        .map(|text| text.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).collect::<Vec<_>>().join(" "))
        .collect()
}

#[test]
fn labels_of_another_kind_are_coded_well_and_were_never_trained_on() {
    let corpus: std::collections::HashSet<String> =
        descriptions("models/corpus/declarations.tsv").into_iter().collect();
    let independent = descriptions("tests/data/independent.tsv");
    assert!(independent.len() >= 300);
    let known: Vec<&String> = independent.iter().filter(|text| corpus.contains(*text)).collect();
    assert!(known.is_empty(), "these stand in the corpus: {known:?}");
    for (model, least) in [("ape-naf2008", 0.92), ("ape-naf2025", 0.90)] {
        let printed = succeeded(codif(&["evaluate", "--model", model, "tests/data/independent.tsv", "--json"]));
        let evaluation: serde_json::Value = serde_json::from_str(&printed).unwrap();
        let accuracy = evaluation["top_k"][0]["accuracy"].as_f64().unwrap();
        assert!(accuracy >= least, "{model}: top-1 is {accuracy}");
    }
}

#[test]
fn capitals_and_accents_do_not_matter() {
    let input = "Pâtisserie à domicile\nPATISSERIE A DOMICILE\npatisserie a domicile";
    let answers = json_lines(&succeeded(codif_with_input(&["code", "--json"], input.as_bytes())));
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0], answers[2]);
}

#[test]
fn a_text_of_which_nothing_is_known_is_manual_with_all_its_predictions() {
    let input = "zq\n😀😀\n??";
    let answers = json_lines(&succeeded(codif_with_input(&["code", "--json", "--threshold", "0"], input.as_bytes())));
    let reasons: Vec<_> = answers.iter().map(|a| a["codings"]["naf2008"]["reason"].as_str().unwrap()).collect();
    assert_eq!(reasons, ["nothing_known", "nothing_left", "nothing_left"]);
    for answer in &answers {
        let coding = &answer["codings"]["naf2025"];
        assert_eq!((coding["predictions"].as_array().unwrap().len(), coding["code"].is_null()), (5, true));
    }
}
