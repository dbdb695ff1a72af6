//! The fuzz targets on random bytes and on inputs that are nearly right. CODIF_FUZZ_CASES says how many of each; `fuzz/README.md`
//! says how to run them for long.

#[path = "../../fuzz/targets.rs"]
mod targets;

use std::borrow::Cow;
use std::fmt;

use codif::coding::CodingOptions;
use codif::coding::activity::{Activity, RawActivity};
use codif::coding::normalise::presets::codif_1;
use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestRunner};
use serde_json::{Value, json};

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
    fasttext_file: nearly_the_file(&["plain.bin", "ova_cut.ftz", "softmax_qout.ftz"]);
    ngram_file: nearly_json(vec![json_of("ngram-concatenate/ngram.json")]);
    torch_text_mappings: nearly_json(vec![json_of("ngram-concatenate/mappings.json"), json_of("wordpiece-sum/mappings.json")]);
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

const TEXTS: &[&str] = &[
    "coiffure à domicile",
    "LOUEUR EN MEUBLÉ NON PROFESSIONNEL (LMNP), 24h/24",
    "M12 vente de pain, vente d'œufs et de pain",
    "Straße İstanbul Σίσυφος ﷺ e\u{301}\u{323} 東京 \u{1f468}\u{200d}\u{1f469}",
    "\u{a0}\u{2028}anticonstitutionnellement\t\0\r\n",
    "NaN",
    "01P",
    "12",
    "9602A",
    "",
    " ",
];
const CODES: &[&str] = &["S", "96", "96.0", "96.02", "96.02A", "9602a", "01.11Z", "٩٦.02A", "9602AB"];
const REFERENCES: &[&str] = &["ape-naf2008", "ape-naf2008@production", "ape_naf.2025:3", "../a@b", "a:+07", "a@b:1"];
/// What a reader of JSON may trip on.
const SNIPPETS: &[&str] = &[
    "\\ud800", "\\u0000", "\0", "\u{feff}", "\\", "\"", "1e999", "-0", "NaN", "[[[[[[[[", "{\"a\":", "]", "}", ",",
    ":null",
];

/// A fastText file with some bytes changed, or cut short.
fn nearly_the_file(names: &'static [&str]) -> impl Strategy<Value = Vec<u8>> {
    let file =
        prop::sample::select(names).prop_map(|name| std::fs::read(format!("tests/data/fasttext/{name}")).unwrap());
    // The numbers that matter stand at the beginning, and after the dictionary.
    let place = prop_oneof![0usize..140, 0usize..40_000];
    let changes = prop::collection::vec((place, prop::collection::vec(any::<u8>(), 1..8)), 0..4);
    (file, changes, prop::option::of(0usize..40_000)).prop_map(|(mut file, changes, end)| {
        for (place, bytes) in changes {
            let there = file.iter_mut().skip(place).zip(bytes);
            there.for_each(|(there, byte)| *there = byte);
        }
        file.truncate(end.unwrap_or(file.len()).max(1));
        file
    })
}

fn json_of(file: &str) -> Value {
    serde_json::from_slice(&std::fs::read(format!("tests/data/torch-text/{file}")).unwrap()).unwrap()
}

fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![prop::collection::vec(any::<u8>(), 0..300), any_text().prop_map(String::into_bytes)]
}

/// Any characters, or those that people type, or words.
fn any_text() -> impl Strategy<Value = String> {
    let characters = prop::collection::vec(any::<char>(), 0..120);
    let words = prop::collection::vec(prop::sample::select(TEXTS), 0..9);
    prop_oneof![
        characters.prop_map(|characters| characters.iter().collect::<String>()),
        "[ -~À-ÿœ’]{0,120}",
        words.prop_map(|words| words.join(" ")),
    ]
}

/// One of these texts, a few of its bytes changed.
fn nearly_text(texts: impl Into<Cow<'static, [&'static str]>>) -> impl Strategy<Value = Vec<u8>> {
    edited(prop::sample::select::<&str>(texts).prop_map(|text| text.as_bytes().to_vec()))
}

/// One of these documents, a few of its values changed, then a few of its bytes.
fn nearly_json(documents: Vec<Value>) -> impl Strategy<Value = Vec<u8>> {
    let changes = prop::collection::vec((any::<prop::sample::Index>(), change()), 0..4);
    edited((prop::sample::select(documents), changes).prop_map(|(mut document, changes)| {
        for (place, change) in changes {
            let places = places(&document);
            change.make(&mut document, place.get(places.as_slice()).as_str());
        }
        document.to_string().into_bytes()
    }))
}

fn edited(inputs: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let inserted = prop_oneof![
        prop::sample::select(SNIPPETS).prop_map(|snippet| snippet.as_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 0..4),
    ];
    let edits = prop::collection::vec((any::<prop::sample::Index>(), 0usize..3, inserted), 0..3);
    (inputs, edits).prop_map(|(mut bytes, edits)| {
        for (place, removed, inserted) in edits {
            let start = place.index(bytes.len() + 1);
            let end = bytes.len().min(start + removed);
            drop(bytes.splice(start..end, inserted));
        }
        bytes
    })
}

/// A change to one value of a document.
#[derive(Clone, Debug)]
enum Change {
    /// It becomes another.
    Replace(Value),
    /// It goes.
    Remove,
    /// It stands in so many lists, each in the next.
    Deepen(usize),
    /// It gets another value below it.
    Add(String, Value),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        4 => odd_value().prop_map(Change::Replace),
        2 => Just(Change::Remove),
        1 => (1usize..40).prop_map(Change::Deepen),
        1 => (any_text(), odd_value()).prop_map(|(name, value)| Change::Add(name, value)),
    ]
}

fn odd_value() -> impl Strategy<Value = Value> {
    let plain = [json!(null), json!(true), json!(0), json!(-0.0), json!(1e308), json!([]), json!({}), json!([null])];
    prop_oneof![
        any_text().prop_map(Value::String),
        prop::sample::select(TEXTS).prop_map(|text| json!(text)),
        prop::sample::select(plain.to_vec()),
        any::<i64>().prop_map(|number| json!(number)),
        any::<f64>().prop_map(|number| json!(number)),
    ]
}

impl Change {
    fn make(self, document: &mut Value, place: &str) {
        if matches!(self, Self::Remove) {
            return remove(document, place);
        }
        let Some(value) = document.pointer_mut(place) else { return };
        match (self, value) {
            (Self::Replace(other), value) => *value = other,
            (Self::Deepen(levels), value) => {
                *value = (0..levels).fold(value.take(), |inner, _| Value::Array(vec![inner]));
            }
            (Self::Add(name, other), Value::Object(fields)) => {
                fields.insert(name, other);
            }
            (Self::Add(_, other), Value::Array(values)) => values.push(other),
            (Self::Add(..) | Self::Remove, _) => {}
        }
    }
}

fn remove(document: &mut Value, place: &str) {
    let Some((parent, name)) = place.rsplit_once('/') else { return };
    match document.pointer_mut(parent) {
        Some(Value::Object(fields)) => drop(fields.remove(&name.replace("~1", "/").replace("~0", "~"))),
        Some(Value::Array(values)) => drop(values.remove(name.parse().unwrap())),
        _ => {}
    }
}

/// Where the values of a document are, as JSON pointers.
fn places(document: &Value) -> Vec<String> {
    let below: Vec<(String, &Value)> = match document {
        Value::Array(values) => values.iter().enumerate().map(|(place, value)| (place.to_string(), value)).collect(),
        Value::Object(fields) => {
            let pointer = |name: &String| name.replace('~', "~0").replace('/', "~1");
            fields.iter().map(|(name, value)| (pointer(name), value)).collect()
        }
        _ => Vec::new(),
    };
    let below = below.into_iter().flat_map(|(name, value)| {
        places(value).into_iter().map(move |place| format!("/{name}{place}")).collect::<Vec<_>>()
    });
    std::iter::once(String::new()).chain(below).collect()
}

fn activities() -> Vec<Value> {
    vec![
        json!({"description": "coiffure à domicile"}),
        json!({
            "id": "a-1", "description": " LOUEUR EN MEUBLÉ ", "other_nature": "location de courte durée",
            "agricultural_detail": "", "form_type": "M", "nature": "12", "event": "01P", "surface": 120.5,
            "legal_category": "1000", "permanence": "S",
        }),
        json!({"description": "élevage", "agricultural_detail": "de poules, de canards", "surface_class": "4"}),
    ]
}

fn bodies() -> Vec<Value> {
    let all = json!({
        "activities": activities(), "nomenclatures": ["naf2008", "naf2025"], "top_k": 5, "threshold": 0.5, "explain": true,
    });
    vec![all, json!({"activities": [{"description": "vente de pain"}, {}]}), json!({"activities": []})]
}

fn forms() -> Value {
    json!({"forms": [
        {"description_activity": "coiffure à domicile"},
        {
            "description_activity": "LOUEUR EN MEUBLÉ", "other_nature_activity": "location de courte durée",
            "precision_act_sec_agricole": null, "type_form": "M", "nature": "12", "surface": "120.5", "cj": "5499",
            "activity_permanence_status": "P", "channel": "guichet",
        },
        {"description_activity": "hôtel", "type_form": "NaN", "surface": 3000, "activity_permanence_status": "NaN"},
    ]})
}

fn columns() -> Value {
    json!({
        "text_description": ["coiffure à domicile", "LOUEUR EN MEUBLÉ"], "type_": ["M", "NaN"], "nature": ["12", ""],
        "surface": [3, null], "event": ["01P", "99F"], "code": ["96.02A", "6820A"],
    })
}

fn normalisers() -> Vec<Value> {
    let others = json!([
        {"step": "strip-accents"}, {"step": "nfkd"}, {"step": "remove-phrases", "phrases": ["activité de", "l'", "et"]},
        {"step": "replace", "pattern": "(\\w+)[-_]+", "with": "$1 "}, {"step": "drop-digits"}, {"step": "deduplicate-words"},
        {"step": "drop-stop-words", "words": ["de", "la"]}, {"step": "stem"},
    ]);
    vec![json!(codif_1()), others]
}

/// With few of its labels: the others are alike.
fn manifest_of_a_shipped_model() -> Value {
    let model = concat!(env!("CARGO_MANIFEST_DIR"), "/models/ape-naf2008");
    let version = std::fs::read_to_string(format!("{model}/aliases/production")).unwrap();
    let text = std::fs::read_to_string(format!("{model}/versions/{}/manifest.json", version.trim())).unwrap();
    let mut manifest: Value = serde_json::from_str(&text).unwrap();
    manifest["labels"].as_array_mut().unwrap().truncate(3);
    manifest
}
