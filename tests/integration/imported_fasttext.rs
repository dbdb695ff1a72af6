//! fastText files imported: the same rows, the same hidden vectors as far as they show, the same answers as fastText itself gave.

use std::fs;
use std::path::{Path, PathBuf};

use codif::coding::Coder;
use codif::coding::activity::Activity;
use codif::coding::features::FeatureBags;
use codif::coding::label_tree::LabelTree;
use codif::model::bundle;
use codif::nomenclature::Nomenclatures;
use serde::Deserialize;
use serde_json::Value;

use crate::support::{codif, codif_with_input, json_lines, refusal, stdout, succeeded};

const FIXTURES: &str = "tests/data/fasttext";
/// What fastText adds to each probability.
const ADDED: f64 = 1e-5;
const TOLERANCE: f64 = 2e-5;

/// What fastText answered.
#[derive(Deserialize)]
struct Golden {
    input: String,
    ids: Vec<u32>,
    top5: Vec<(String, f64)>,
    /// Every label that it gave, of a hierarchical softmax.
    all: Option<Vec<(String, f64)>>,
}

fn golden(name: &str) -> Vec<Golden> {
    let text = fs::read_to_string(format!("{FIXTURES}/{name}.golden.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Imports a file, and gives the directory of its version.
fn import(file: &str, registry: &Path, arguments: &[&str]) -> PathBuf {
    let path = format!("{FIXTURES}/{file}");
    let of_all = ["model", "import", "fasttext", &path, "--name", "imported", "--registry", registry.to_str().unwrap()];
    let output = succeeded(codif(&[&of_all[..], arguments].concat()));
    let (_, directory) = output.trim().split_once(" in ").unwrap();
    directory.into()
}

/// The coder of a file whose labels are free.
fn imported(file: &str) -> (tempfile::TempDir, Coder) {
    let registry = tempfile::tempdir().unwrap();
    let directory = import(file, registry.path(), &["--free-labels"]);
    (registry, bundle::load(&directory, &Nomenclatures::embedded().unwrap()).unwrap())
}

fn bags(coder: &Coder, text: &str) -> FeatureBags {
    let any = Activity::of_text("x").unwrap();
    coder.features.bags(std::iter::once((&coder.normaliser.normalise(text), &any)))
}

fn each_row(coder: &Coder, text: &str) -> Vec<u32> {
    let any = Activity::of_text("x").unwrap();
    let mut rows = Vec::new();
    coder.features.for_each_row(text, &any, |row, _, _| rows.push(row));
    rows
}

/// The probabilities of a text as fastText would tell them, by label.
fn as_fasttext_tells(coder: &Coder, text: &str, tree: Option<&LabelTree>) -> Vec<(String, f64)> {
    let logits = coder.classifier.logits(&bags(coder, text)).unwrap();
    let probabilities = coder.classifier.probabilities(&logits).unwrap().remove(0);
    let logits: Vec<f32> = logits.flatten_all().unwrap().to_vec1().unwrap();
    let told = probabilities.into_iter().enumerate().map(|(label, probability)| {
        assert!((0.0..=1.0).contains(&probability), "{probability}");
        let at_a_fork = |(fork, turn): (usize, f32)| 1.0 / (1.0 + f64::from(-turn * logits[fork]).exp()) + ADDED;
        let told = match tree {
            Some(tree) => tree.path(label).into_iter().map(at_a_fork).product(),
            None => f64::from(probability) + ADDED,
        };
        (coder.labels[label].code.to_string(), told)
    });
    told.collect()
}

/// The same rows, and the same best labels with the same probabilities; any order inside a tie.
fn answers_as_fasttext(file: &str, prefix: &str) {
    let (registry, coder) = imported(file);
    let manifest = fs::read_to_string(registry.path().join("imported/versions/1/manifest.json")).unwrap();
    let manifest: Value = serde_json::from_str(&manifest).unwrap();
    let counts = manifest.get("label_counts").map(|counts| serde_json::from_value::<Vec<u64>>(counts.clone()).unwrap());
    let tree = counts.map(|counts| LabelTree::new(&counts));
    let cases = golden(file);
    assert!(cases.len() >= 50);
    for case in cases {
        assert_eq!(each_row(&coder, &case.input), case.ids, "{file}: {:?}", case.input);
        let mut told = as_fasttext_tells(&coder, &case.input, tree.as_ref());
        for (label, probability) in case.top5.iter().chain(case.all.iter().flatten()) {
            let label = label.strip_prefix(prefix).unwrap();
            let (_, found) = told.iter().find(|(code, _)| code == label).unwrap();
            let far = (found - probability).abs();
            assert!(far <= TOLERANCE, "{file}: {:?}: {label} at {found}, not {probability}", case.input);
        }
        told.sort_by(|one, other| other.1.total_cmp(&one.1));
        for ((_, found), (label, probability)) in told.iter().zip(&case.top5) {
            assert!((found - probability).abs() <= TOLERANCE, "{file}: {:?}: the place of {label}", case.input);
        }
    }
}

#[test]
fn softmax() {
    answers_as_fasttext("ape_softmax.bin", "__label__");
    answers_as_fasttext("minn1.bin", "__label__");
    answers_as_fasttext("plain.bin", "__label__");
}

#[test]
fn one_vs_all() {
    answers_as_fasttext("ape_ova.bin", "__label__");
    answers_as_fasttext("ova_prefix.bin", "__ape__");
}

#[test]
fn hierarchical_softmax() {
    answers_as_fasttext("hs.bin", "__label__");
}

#[test]
fn negative_sampling() {
    answers_as_fasttext("ns.bin", "__label__");
}

#[test]
fn version_11_has_no_sub_words() {
    answers_as_fasttext("version11.bin", "__label__");
}

#[test]
fn quantised_pruned_with_and_without_lengths_and_with_a_quantised_head() {
    answers_as_fasttext("ape_softmax.ftz", "__label__");
    answers_as_fasttext("hs.ftz", "__label__");
    answers_as_fasttext("softmax_qout.ftz", "__label__");
    answers_as_fasttext("ova_cut.ftz", "__label__");
}

#[test]
fn known_words_summed_or_not_the_answers_are_the_same() {
    use codif::model::options::LoadOptions;
    for file in ["ape_softmax.bin", "ape_softmax.ftz"] {
        let registry = tempfile::tempdir().unwrap();
        let directory = import(file, registry.path(), &["--free-labels"]);
        let nomenclatures = Nomenclatures::embedded().unwrap();
        let load = |sums: &str| {
            let options = LoadOptions { known_words: sums.parse().unwrap(), ..LoadOptions::default() };
            bundle::load_as(&directory, None, &options, &nomenclatures).unwrap()
        };
        let [off, some, all] = ["off", "2kB", "all"].map(load);
        let text = "commerc detail coiffur fabriqu bureau";
        let rows = |coder: &Coder| bags(coder, text).rows.len();
        assert!(rows(&all) < rows(&some) && rows(&some) < rows(&off), "{file}: fewer rows where words are summed");
        for text in golden(file).iter().map(|case| &case.input) {
            let [off, some, all] = [&off, &some, &all].map(|coder| as_fasttext_tells(coder, text, None));
            for ((off, some), all) in off.iter().zip(&some).zip(&all) {
                assert!((off.1 - some.1).abs() < 2e-6 && (off.1 - all.1).abs() < 2e-6, "{text:?}");
            }
        }
    }
}

#[test]
fn a_line_of_codif_code_reaches_the_model_unchanged() {
    let registry = tempfile::tempdir().unwrap();
    import("minn1.bin", registry.path(), &["--free-labels", "--threshold", "0.2"]);
    let cases: Vec<Golden> = golden("minn1.bin");
    // A blank line and one with a line feed in it are no lines with a text.
    let cases: Vec<&Golden> =
        cases.iter().filter(|case| !case.input.trim().is_empty() && !case.input.contains('\n')).collect();
    assert!(cases.iter().any(|case| case.input.contains('\u{a0}')), "a space that is no separator");
    let lines: String = cases.iter().map(|case| case.input.clone() + "\n").collect();
    let of_registry = ["code", "--json", "--model", "imported:1", "--registry", registry.path().to_str().unwrap()];
    let answers = json_lines(&stdout(&codif_with_input(&of_registry, lines.as_bytes())));
    assert_eq!(answers.len(), cases.len());
    for (answer, case) in answers.iter().zip(cases) {
        let best = &answer["codings"]["imported"]["predictions"];
        for (place, (_, probability)) in case.top5.iter().enumerate() {
            let found = best[place]["probability"].as_f64().unwrap() + ADDED;
            assert!((found - probability).abs() <= TOLERANCE, "{:?}: {found} instead of {probability}", case.input);
        }
    }
}

#[test]
fn labels_outside_the_nomenclature_are_listed_and_nothing_is_written() {
    let registry = tempfile::tempdir().unwrap();
    let file = format!("{FIXTURES}/ova_prefix.bin");
    let name = ["--name", "imported", "--registry", registry.path().to_str().unwrap()];
    let refused =
        |arguments: &[&str]| refusal(&codif(&[&["model", "import", "fasttext", &file][..], &name, arguments].concat()));
    let message = refused(&["--nomenclature", "naf2008", "--label-prefix", "__a"]);
    assert!(message.contains("labels that are no sub-class of naf2008: pe__"), "{message}");
    let message = refused(&["--free-labels", "--label-prefix", "__label__"]);
    assert!(message.contains("does not begin with \"__label__\""), "{message}");
    assert_eq!(fs::read_dir(registry.path()).unwrap().count(), 0, "nothing was written");
    let directory = import("ova_prefix.bin", registry.path(), &["--nomenclature", "naf2008"]);
    let coder = bundle::load(&directory, &Nomenclatures::embedded().unwrap()).unwrap();
    assert_eq!(coder.nomenclature.id(), "naf2008");
    assert_eq!(import("ova_prefix.bin", registry.path(), &["--free-labels"]).file_name().unwrap(), "2");
}

#[test]
fn a_file_that_is_none_is_refused_by_name() {
    let registry = tempfile::tempdir().unwrap();
    let output = codif(&[
        "model",
        "import",
        "fasttext",
        "tests/data/README.md",
        "--name",
        "imported",
        "--free-labels",
        "--registry",
        registry.path().to_str().unwrap(),
    ]);
    let message = refusal(&output);
    assert!(message.contains("tests/data/README.md: not a valid fastText file: it begins with"), "{message}");
}
