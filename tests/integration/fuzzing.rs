//! The fuzz targets on random bytes and on inputs that are nearly right. CODIF_FUZZ_CASES says how many of each; `fuzz/README.md`
//! says how to run them for long.

#[path = "fuzzing/changes.rs"]
mod changes;
#[path = "fuzzing/documents.rs"]
mod documents;
#[path = "fuzzing/inputs.rs"]
mod inputs;
#[path = "fuzzing/models.rs"]
mod models;
#[path = "../../fuzz/targets.rs"]
mod targets;
#[path = "fuzzing/tensors.rs"]
mod tensors;
#[path = "fuzzing/unchanged.rs"]
mod unchanged;

use std::fmt;

use codif::coding::CodingOptions;
use codif::coding::activity::{Activity, RawActivity};
use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestRunner};

use documents::{
    CODES, REFERENCES, TEXTS, activities, bodies, cases_of_a_shipped_model, columns, empty_phrases, forms,
    manifest_of_a_shipped_model, normalisers,
};
use inputs::{any_bytes, any_text, nearly_bytes, nearly_json, nearly_lines, nearly_text};
use models::{exported, exported_answers, json_of, nearly_fasttext, pairs_of_keys, signed, word_piece_files};
use tensors::{exported_tensors, nearly_safetensors, small_weights};

/// Cases a property: always the same 256, or as many other ones as the environment says.
fn config() -> ProptestConfig {
    let (cases, rng_seed) = match std::env::var("CODIF_FUZZ_CASES") {
        Ok(cases) => (cases.parse().unwrap(), RngSeed::Random),
        Err(_) => (256, RngSeed::Fixed(256)),
    };
    ProptestConfig { cases, rng_seed, failure_persistence: None, max_shrink_iters: 20_000, ..ProptestConfig::default() }
}

/// What a target is given; a failure shows it as text.
struct Input(Vec<u8>);

impl fmt::Debug for Input {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "b\"{}\"", self.0.escape_ascii())
    }
}

/// Runs a target; a failure says the smallest input that fails.
fn drive(target: fn(&[u8]), inputs: impl Strategy<Value = Vec<u8>>) {
    let outcome = TestRunner::new(config()).run(&inputs.prop_map(Input), |Input(data)| {
        target(&data);
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

/// A test for each target: on any bytes, and on inputs made for it.
macro_rules! driven {
    ($($target:ident: $inputs:expr;)*) => {$(
        #[test]
        fn $target() {
            drive(targets::$target, any_bytes());
            drive(targets::$target, $inputs);
        }
    )*};
}

driven! {
    code_body: nearly_json(bodies());
    activity: nearly_json(activities());
    sirene_forms: nearly_json(vec![forms()]);
    sirene_columns: nearly_json(vec![columns()]);
    depth: nearly_json([bodies(), activities(), vec![forms(), columns()]].concat());
    normaliser: nearly_text(TEXTS);
    steps: nearly_json(normalisers());
    features: nearly_text(TEXTS);
    letters: nearly_text(TEXTS);
    code: nearly_text(CODES);
    search: nearly_text([CODES, TEXTS].concat());
    model_reference: nearly_text(REFERENCES);
    manifest: nearly_json(vec![manifest_of_a_shipped_model()]);
    fasttext_file: nearly_fasttext(&["plain.bin", "ova_cut.ftz", "softmax_qout.ftz"]);
    ngram_file: nearly_json(vec![json_of("ngram-concatenate/ngram.json")]);
    word_piece_file: nearly_json(word_piece_files());
    torch_text_config: nearly_json(exported("config.json"));
    torch_text_mappings: nearly_json(exported("mappings.json"));
    torch_text_golden: nearly_lines(exported_answers());
    torch_text_tensors: nearly_safetensors(vec![exported_tensors()]);
    weights: nearly_safetensors(small_weights());
    golden_cases: nearly_lines(cases_of_a_shipped_model());
    signature: nearly_bytes(signed());
    signing_keys: nearly_bytes(pairs_of_keys());
    empty_labels: nearly_json(vec![empty_phrases()]);
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_text_is_coded_by_the_shipped_models(text in any_text(), nature in "\\PC{0,3}", surface in any::<f64>()) {
        let raw = RawActivity {
            description: Some(text),
            nature: Some(nature),
            surface: Some(surface),
            ..RawActivity::default()
        };
        // Blank.
        let Ok(activity) = Activity::try_from(raw) else { return Ok(()) };
        for (_, served) in targets::coders().iter() {
            let coder = served.coder.as_ref();
            let options = CodingOptions { top_k: coder.labels.len(), explain: true, ..CodingOptions::default() };
            let code = || coder.code(std::slice::from_ref(&activity), options).unwrap();
            let codings = code();
            prop_assert_eq!(&codings, &code());
            prop_assert_eq!(codings.len(), 1);
            let coding = &codings[0];
            let probabilities: Vec<f64> = coding.predictions.iter().map(|best| best.probability).collect();
            prop_assert_eq!(probabilities.len(), coder.labels.len());
            let sum: f64 = probabilities.iter().sum();
            prop_assert!((sum - 1.0).abs() < 1e-3, "the probabilities sum to {sum}");
            prop_assert!(probabilities.is_sorted_by(|before, after| before >= after));
            prop_assert!(probabilities.iter().all(|probability| (0.0..=1.0).contains(probability)));
            prop_assert!((0.0..=1.0).contains(&coding.gap), "the gap is {}", coding.gap);
            prop_assert_eq!(coding.decision.is_automatic(), coding.automatic_at(coding.threshold));
        }
    }
}
