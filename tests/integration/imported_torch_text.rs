//! Models of torchTextClassifiers imported: the same tokens, the same best codes, probabilities within 1e-5.

use std::fs;
use std::path::{Path, PathBuf};

use codif::coding::activity::{Activity, RawActivity};
use codif::coding::explain::letters::attributions;
use codif::coding::features::TextFeatures;
use codif::coding::{Coder, CodingOptions};
use codif::model::bundle;
use codif::nomenclature::Nomenclatures;
use serde_json::{Value, json};

use crate::explanations::bias;
use crate::support::{codif, codif_with_input, copy, json_lines, refusal, stdout, succeeded};

const FIXTURES: [&str; 3] = ["wordpiece-average", "wordpiece-sum", "ngram-concatenate"];
const TOLERANCE: f64 = 1e-5;

fn fixture(name: &str) -> PathBuf {
    Path::new("tests/data/torch-text").join(name)
}

fn golden(name: &str) -> Vec<Value> {
    json_lines(&fs::read_to_string(fixture(name).join("golden.jsonl")).unwrap())
}

fn arguments<'a>(directory: &'a Path, registry: &'a Path, more: &[&'a str]) -> Vec<&'a str> {
    let (directory, registry) = (directory.to_str().unwrap(), registry.to_str().unwrap());
    [&["model", "import", "torch-text", directory, "--name", "imported", "--registry", registry][..], more].concat()
}

fn imported(name: &str, more: &[&str]) -> (tempfile::TempDir, Coder) {
    let registry = tempfile::tempdir().unwrap();
    let more = [&["--nomenclature", "naf2008"][..], more].concat();
    let output = succeeded(codif(&arguments(&fixture(name), registry.path(), &more)));
    let (_, directory) = output.trim().split_once(" in ").unwrap();
    let coder = bundle::load(Path::new(directory), &Nomenclatures::embedded().unwrap()).unwrap();
    (registry, coder)
}

/// The activity of a golden line, its text as it was tokenised there.
fn activity(line: &Value) -> Option<Activity> {
    let form = &line["form"];
    let text = |field: &str| form[field].as_str().map(str::to_owned);
    let raw = RawActivity {
        description: Some(line["text"].as_str().unwrap().to_owned()),
        form_type: text("type_form"),
        nature: text("nature"),
        legal_category: text("cj"),
        permanence: text("activity_permanence_status"),
        surface: form["surface"].as_f64(),
        ..RawActivity::default()
    };
    Activity::try_from(raw).ok()
}

#[test]
fn tokens_codes_and_probabilities_are_those_of_the_model() {
    for name in FIXTURES {
        let (_registry, coder) = imported(name, &["--surface-bins-as-is"]);
        let TextFeatures::Tokens(tokenizer) = &coder.features.text else { panic!() };
        let mut compared = 0;
        for line in golden(name) {
            let mut tokens = Vec::new();
            tokenizer.ids(coder.normaliser.normalise(line["text"].as_str().unwrap()).as_str(), &mut tokens);
            assert_eq!(json!(tokens), line["input_ids"], "{name}: {line}");
            // A blank text is nothing to code.
            let Some(activity) = activity(&line) else { continue };
            let coding = coder.code(&[activity], CodingOptions::default()).unwrap().remove(0);
            for (prediction, expected) in coding.predictions.iter().zip(line["top5_full_precision"].as_array().unwrap())
            {
                assert_eq!(prediction.label.code.to_string(), expected[0].as_str().unwrap(), "{name}: {line}");
                let far = (prediction.probability - expected[1].as_f64().unwrap()).abs();
                assert!(far <= TOLERANCE, "{name}: {far}: {line}");
            }
            compared += 1;
        }
        assert!(compared > 40, "{name}: {compared}");
    }
}

#[test]
fn the_last_class_of_the_surface_has_no_end_unless_told() {
    let line = golden("wordpiece-average").into_iter().find(|line| line["form"]["surface"] == 2500.0).unwrap();
    let best = |more: &[&str]| {
        let (_registry, coder) = imported("wordpiece-average", more);
        let coding = coder.code(&[activity(&line).unwrap()], CodingOptions::default()).unwrap().remove(0);
        coding.predictions[0].probability
    };
    let expected = line["top5_full_precision"][0][1].as_f64().unwrap();
    assert!((best(&["--surface-bins-as-is"]) - expected).abs() <= TOLERANCE);
    assert!((best(&[]) - expected).abs() > TOLERANCE, "2500 m² are in a class");
}

#[test]
fn explanations_are_local_and_add_up() {
    for name in FIXTURES {
        let (registry, coder) = imported(name, &[]);
        let text = "Fabrication de piles électriques";
        let of_registry =
            ["code", "--json", "--explain", "--model", "imported:1", "--registry", registry.path().to_str().unwrap()];
        let output = codif_with_input(&[&of_registry[..], &["--nature", "99"]].concat(), text.as_bytes());
        let answer = &json_lines(&stdout(&output))[0]["codings"]["naf2008"];
        assert_eq!(answer["explanation_kind"], "local");
        let added: f64 =
            answer["explanation"].as_array().unwrap().iter().map(|term| term["contribution"].as_f64().unwrap()).sum();
        let raw =
            RawActivity { description: Some(text.to_owned()), nature: Some("99".to_owned()), ..RawActivity::default() };
        let activity = Activity::try_from(raw).unwrap();
        let normalised = coder.normaliser.normalise(activity.text());
        let bags = coder.features.bags(std::iter::once((&normalised, &activity)));
        let logits: Vec<f32> = coder.classifier.logits(&bags).unwrap().flatten_all().unwrap().to_vec1().unwrap();
        let best = answer["predictions"][0]["code"].as_str().unwrap();
        let best = coder.labels.iter().position(|label| label.code.to_string() == best).unwrap();
        let expected = f64::from(logits[best] - bias(&coder, best));
        assert!((added - expected).abs() < 1e-4, "{name}: {added} instead of {expected}");
    }
}

#[test]
fn letters_are_found_again_where_the_model_keeps_capitals() {
    for name in ["wordpiece-average", "wordpiece-sum"] {
        let (_registry, coder) = imported(name, &[]);
        let typed = "Fabrication de PILES Électriques";
        let activity = Activity::of_text(typed).unwrap();
        let attribution = attributions(&coder, &activity, typed, &[0]).unwrap().remove(0);
        assert_eq!(attribution.words.len(), 4);
        assert!(attribution.words.iter().all(|added| *added != 0.0), "{name}: {:?}", attribution.words);
    }
}

#[test]
fn what_is_not_read_is_refused_by_name() {
    let refused = |change: &dyn Fn(&Path)| {
        let (registry, export) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        copy(&fixture("wordpiece-sum"), export.path());
        change(export.path());
        let message = refusal(&codif(&arguments(export.path(), registry.path(), &["--nomenclature", "naf2008"])));
        assert!(!registry.path().join("imported/versions/1").exists());
        message
    };
    let edit = |name: &'static str, change: fn(&mut Value)| {
        move |export: &Path| {
            let path = export.join(name);
            let mut value: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
            change(&mut value);
            fs::write(path, value.to_string()).unwrap();
        }
    };
    let message = refused(&edit("config.json", |config| config["attention_config"] = json!({"n_heads": 4})));
    assert!(message.contains("attention_config"), "{message}");
    let message = refused(&edit("mappings.json", |mappings| {
        mappings["feature_order"][0] = json!("XYZ");
        let values = mappings["categorical"]["CJ"].take();
        mappings["categorical"].as_object_mut().unwrap().remove("CJ");
        mappings["categorical"]["XYZ"] = values;
    }));
    assert!(message.contains("--covariate XYZ=FIELD"), "{message}");
    let message = refused(&|export: &Path| {
        let path = export.join("golden.jsonl");
        let text = fs::read_to_string(&path).unwrap().replacen("\"input_ids\": [", "\"input_ids\": [5, ", 1);
        fs::write(path, text).unwrap();
    });
    assert!(message.contains("golden.jsonl: golden case 1"), "{message}");
}

#[test]
fn covariates_of_other_names_are_the_fields_they_are_said_to_be() {
    let (registry, export) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    copy(&fixture("wordpiece-sum"), export.path());
    let path = export.path().join("mappings.json");
    let text = fs::read_to_string(&path).unwrap().replace("\"SRF\"", "\"AREA\"").replace("\"CJ\"", "\"LEGAL\"");
    fs::write(&path, text).unwrap();
    let import = |more: &[&str]| {
        codif(&arguments(export.path(), registry.path(), &[&["--nomenclature", "naf2008"][..], more].concat()))
    };
    let named = ["--covariate", "LEGAL=legal_category", "--covariate", "AREA=surface"];
    for (more, reason) in [
        (&[][..], "--covariate NAME=surface"),
        (&["--covariate", "AREA=surface"], "--covariate LEGAL=FIELD"),
        (
            &["--covariate", "NAF=event", "--covariate", "AREA=surface"],
            "--covariate NAF: the model has no covariate of this name (LEGAL, NAT, TYP, AREA, CRT)",
        ),
        (&["--covariate", "LEGAL=nature", "--covariate", "AREA=surface"], "LEGAL and NAT are both nature"),
    ] {
        let message = refusal(&import(more));
        assert!(message.contains(reason), "{message}");
    }
    assert_eq!(fs::read_dir(registry.path()).unwrap().count(), 0, "a refusal leaves no folder");
    succeeded(import(&named));
    let (_usual, usual) = imported("wordpiece-sum", &[]);
    let directory = registry.path().join("imported/versions/1");
    let renamed = bundle::load(&directory, &Nomenclatures::embedded().unwrap()).unwrap();
    for line in golden("wordpiece-sum") {
        let Some(activity) = activity(&line) else { continue };
        let code =
            |coder: &Coder| coder.code(std::slice::from_ref(&activity), CodingOptions::default()).unwrap().remove(0);
        assert_eq!(code(&renamed).predictions, code(&usual).predictions);
    }
}

#[test]
fn the_models_serve_and_evaluate_like_any_other() {
    let (registry, _) = imported("ngram-concatenate", &[]);
    let registry = registry.path().to_str().unwrap();
    let file = ["evaluate", "--model", "imported:1", "tests/data/independent.tsv", "--json", "--registry", registry];
    let evaluation = json_lines(&succeeded(codif(&file))).remove(0);
    assert_eq!(evaluation["nomenclature"], "naf2008");
    assert!(evaluation["cases"].as_u64().unwrap() > 300, "{evaluation}");
    let preset = ["model", "normalise", "--preset", "torch-ngram"];
    assert_eq!(stdout(&codif_with_input(&preset, "Œuvres d'art\n  É  \n".as_bytes())), "uvres d art\ne\n");
    let of_model = ["model", "normalise", "--model", "imported:1", "--registry", registry];
    assert_eq!(stdout(&codif_with_input(&of_model, b"L'EAU\n")), "l eau\n");
}
