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
