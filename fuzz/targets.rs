//! What holds for any bytes whatever, one function a reader of what comes from outside: nothing panics, the same bytes give
//! the same, and what is accepted keeps its rules. Driven by proptest in `tests/integration/fuzzing.rs` and by libFuzzer in
//! `fuzz_targets/`.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Debug;
use std::io::Cursor;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::LazyLock;

use bytes::Bytes;
use codif::coding::Coder;
use codif::coding::activity::{Activity, ActivityError, Covariate, LONGEST_TEXT, RawActivity, trimmed};
use codif::coding::covariates::{CovariateFeature, Enters};
use codif::coding::explain::letters::attributions;
use codif::coding::features::{Buckets, END_OF_TEXT, Features, NgramFeatures, TextFeatures};
use codif::coding::json_object::array_length;
use codif::coding::normalise::presets::codif_1;
use codif::coding::normalise::{NormalisedText, Normaliser, NormaliserError, Step};
use codif::coding::tokens::{Token, Tokenizer};
use codif::config::ModelOptions;
use codif::http::body::json_depth;
use codif::http::code::CodeRequest;
use codif::http::sirene::columns::Lines;
use codif::http::sirene::faults::{Refusal, object};
use codif::http::sirene::form::{self, FORM_TYPES};
use codif::model::import::fasttext::{self, FasttextFile, KeptBuckets, Matrix};
use codif::model::import::torch_text::mappings::Mappings;
use codif::model::manifest::Manifest;
use codif::nomenclature::{Code, Level};
use codif::registry::{ModelReference, RegistryLocation, Selector};
use codif::serving::Coders;
use codif::serving::answer::{ReadActivity, Sorted};
use serde_json::Value;
use serde_json::value::RawValue;

/// Deepest JSON read.
const DEEPEST: usize = 32;
/// Longest texts allowed, in characters.
const LENGTHS: [usize; 5] = [0, 1, 7, 40, LONGEST_TEXT];

/// The shipped models.
pub fn coders() -> &'static Coders {
    static CODERS: LazyLock<Coders> = LazyLock::new(|| {
        // The tests run in the project's directory, cargo-fuzz there or in this one.
        let registry = ["models", "../models"].into_iter().map(PathBuf::from).find(|path| path.is_dir());
        let registry = RegistryLocation::Directory(registry.unwrap());
        Coders::load(&ModelOptions::in_production(registry)).unwrap()
    });
    &CODERS
}

/// What is made, which must be the same when it is made again.
fn twice<T: Debug + PartialEq>(make: impl Fn() -> T) -> T {
    let first = make();
    assert_eq!(first, make(), "made again it is another");
    first
}

/// The body of `/v1/code`, up to its activities.
pub fn code_body(data: &[u8]) {
    if serde_json::from_slice::<CodeRequest<'_>>(data).is_err() {
        return;
    }
    let Ok(fields) = serde_json::from_slice::<BTreeMap<String, &RawValue>>(data) else { return };
    let activities = serde_json::from_str::<Vec<&RawValue>>(fields["activities"].get());
    assert_eq!(array_length(fields["activities"].get()).ok(), activities.as_ref().ok().map(Vec::len));
    let Ok(activities) = activities else { return };
    let read = || activities.iter().map(|activity| RawActivity::from_json_text(activity.get().as_bytes())).collect();
    for longest in LENGTHS {
        let sorted = Sorted::new(read(), longest);
        assert_eq!(sorted.accepted.len() + sorted.faults().count(), activities.len());
        assert!(sorted.accepted.iter().all(|activity| activity.text().chars().count() <= longest));
    }
    for activity in activities {
        assert!(stands_in(data, activity));
        self::activity(activity.get().as_bytes());
    }
}

/// Whether a value is a part of the bytes it was read from: the routes cut it out of them.
fn stands_in(data: &[u8], value: &RawValue) -> bool {
    let read = data.as_ptr_range();
    let value = value.get().as_bytes().as_ptr_range();
    read.start <= value.start && value.end <= read.end
}

/// One activity: read, checked, cut.
pub fn activity(data: &[u8]) {
    let read = twice(|| RawActivity::from_json_text(data));
    match serde_json::from_slice::<Value>(data) {
        Ok(value) => same_but_for_order(&read, &RawActivity::from_json_text(value.to_string().as_bytes())),
        Err(_) => assert!(read.is_err()),
    }
    match read {
        Ok(raw) => LENGTHS.into_iter().for_each(|allowed| check_and_cut(&raw, allowed)),
        Err(unread) => told(&unread.error),
    }
}

/// Equal, but for which of several unknown fields is named: it is the first, and the two texts have them in other orders.
fn same_but_for_order(one: &ReadActivity, other: &ReadActivity) {
    match (one, other) {
        (Err(one), Err(other)) if matches!(one.error, ActivityError::UnknownField(_)) => {
            assert!(matches!(other.error, ActivityError::UnknownField(_)));
            assert_eq!(one.id, other.id);
        }
        (one, other) => assert_eq!(one, other),
    }
}

fn told(error: &ActivityError) {
    assert!(!error.code().is_empty());
    assert!(!error.to_string().is_empty());
    assert!(error.field().is_some() || *error == ActivityError::Unreadable);
}

fn check_and_cut(raw: &RawActivity, allowed: usize) {
    let whole = joined(raw);
    let is_longer = whole.chars().count() > allowed;
    match twice(|| Activity::checked(raw.clone(), allowed)) {
        Ok(activity) => {
            assert!(!is_longer);
            assert_eq!(activity.text(), whole);
            assert_eq!(Some(activity.description()), raw.description.as_deref().map(trimmed));
            let blank = |covariate| activity.covariate(covariate).is_some_and(|value| value.trim().is_empty());
            assert!(!Covariate::ALL.into_iter().any(blank));
            same_from_json(&activity);
        }
        Err(error) => {
            told(&error);
            assert!(is_longer || !matches!(error, ActivityError::TextTooLong { .. }));
        }
    }
    let mut short = raw.clone();
    let was_cut = short.cut(allowed);
    assert_eq!(was_cut, is_longer);
    assert!(was_cut || short == *raw);
    let kept = joined(&short);
    assert!(kept.chars().count() <= allowed, "{kept:?} is longer than {allowed}");
    assert!(whole.contains(&kept), "{kept:?} is no part of {whole:?}");
    assert!(allowed == 0 || is_described(&short) == is_described(raw));
    let checked = Activity::checked(short, allowed);
    assert!(!matches!(checked, Err(ActivityError::TextTooLong { .. })));
}

/// The text parts of an activity, joined.
fn joined(raw: &RawActivity) -> String {
    let parts = [&raw.description, &raw.other_nature, &raw.agricultural_detail];
    let parts = parts.into_iter().flatten().filter(|part| !part.trim().is_empty()).map(|part| trimmed(part));
    parts.collect::<Vec<_>>().join(" ")
}

fn is_described(raw: &RawActivity) -> bool {
    raw.description.as_ref().is_some_and(|description| !description.trim().is_empty())
}

/// An activity written as JSON is read as the same, its text parts joined.
fn same_from_json(activity: &Activity) {
    let again = RawActivity::from_json_text(Value::Object(activity.to_json()).to_string().as_bytes()).unwrap();
    let again = Activity::try_from(again).unwrap();
    assert_eq!(again.text(), activity.text());
    for covariate in Covariate::ALL {
        assert_eq!(again.covariate(covariate), activity.covariate(covariate));
    }
}

/// The body of the current Sirene form, and each form in it.
pub fn sirene_forms(data: &[u8]) {
    twice(|| format!("{:?}", object(data, &["forms"], DEEPEST)));
    let ([forms], whole) = match object(data, &["forms"], DEEPEST) {
        Ok(fields) => fields,
        Err(fault) => {
            assert!(serde_json::to_string(&fault).is_ok());
            return;
        }
    };
    assert!(json_depth(data) <= DEEPEST);
    assert!(stands_in(data, whole));
    let Some(forms) = forms else { return };
    let Ok(forms) = serde_json::from_str::<Vec<&RawValue>>(forms.get()) else { return };
    for (place, form) in forms.into_iter().enumerate() {
        assert!(stands_in(data, form));
        // Its texts may be none: half a surrogate pair is skimmed as JSON, and read as nothing.
        if let Ok(value) = serde_json::from_str::<Value>(form.get()) {
            sirene_form(&value, place);
        }
    }
}

fn sirene_form(value: &Value, place: usize) {
    let value = &*serde_json::value::to_raw_value(value).unwrap();
    twice(|| format!("{:?}", form::read(value, place)));
    match form::read(value, place) {
        Ok(raw) => {
            assert!(raw.description.is_some());
            keeps_the_contract(&raw);
            is_coded(&raw);
        }
        Err(faults) => {
            let told: Value = serde_json::from_str(&serde_json::to_string(&faults).unwrap()).unwrap();
            let told = told.as_array().unwrap();
            assert!(!told.is_empty());
            for fault in told {
                assert_eq!(fault["loc"].as_array().unwrap()[..3], ["body".into(), "forms".into(), Value::from(place)]);
            }
        }
    }
}

/// The body of the older Sirene form.
pub fn sirene_columns(data: &[u8]) {
    let body = Bytes::copy_from_slice(data);
    for evaluated in [false, true] {
        let read = || {
            Lines::read(&body, DEEPEST, evaluated, Ok).map(|(lines, counted)| {
                assert_eq!(lines.activities.len(), counted);
                lines
            })
        };
        twice(|| format!("{:?}", read()));
        match read() {
            Ok(lines) => {
                assert_eq!(lines.codes.len(), if evaluated { lines.activities.len() } else { 0 });
                for raw in &lines.activities {
                    assert!(is_described(raw));
                    keeps_the_contract(raw);
                    is_coded(raw);
                }
            }
            Err(Refusal::Faults(faults)) => assert!(serde_json::to_string(&faults).is_ok()),
            Err(Refusal::Sentence(sentence)) => assert!(!sentence.is_empty()),
            Err(Refusal::Problem(problem)) => panic!("a body is refused in the contract's form, not with {problem:?}"),
        }
    }
}

/// What either Sirene form lets through.
fn keeps_the_contract(raw: &RawActivity) {
    given(&raw.form_type, |value| FORM_TYPES.contains(&value));
    given(&raw.nature, |value| is_digits(value, 2));
    given(&raw.legal_category, |value| is_digits(value, 4));
    given(&raw.permanence, |value| matches!(value, "P" | "S"));
    given(&raw.surface_class, |value| matches!(value, "1" | "2" | "3" | "4"));
    given(&raw.event, |value| value.is_ascii() && value.len() == 3 && is_digits(&value[..2], 2));
    assert!(raw.surface.is_none_or(|surface| surface > 0.0), "{raw:?}");
    assert_eq!(raw.id, None);
}

/// A covariate that is given keeps its rule.
fn given(value: &Option<String>, keeps: fn(&str) -> bool) {
    assert!(value.as_deref().is_none_or(keeps), "{value:?}");
}

fn is_digits(text: &str, count: usize) -> bool {
    text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A form that was let through can be coded, whatever the longest text: the routes have no answer for another.
fn is_coded(raw: &RawActivity) {
    for allowed in LENGTHS.into_iter().filter(|allowed| *allowed > 0 && is_described(raw)) {
        let mut short = raw.clone();
        short.cut(allowed);
        Activity::checked(short, allowed).unwrap();
    }
}

/// How deep JSON nests.
pub fn depth(data: &[u8]) {
    let depth = twice(|| json_depth(data));
    let opening = data.iter().filter(|byte| matches!(byte, b'[' | b'{')).count();
    assert!(depth <= opening);
    assert!(data.contains(&b'"') || (depth > 0) == (opening > 0));
    if let Ok(value) = serde_json::from_slice::<Value>(data) {
        // Of a field given twice, the value keeps the last.
        assert!(nesting(&value) <= depth);
        assert_eq!(json_depth(value.to_string().as_bytes()), nesting(&value));
        let wrapped = [b"[".as_slice(), data, b"]".as_slice()].concat();
        assert_eq!(json_depth(&wrapped), depth + 1);
    }
}

fn nesting(value: &Value) -> usize {
    match value {
        Value::Array(values) => 1 + values.iter().map(nesting).max().unwrap_or_default(),
        Value::Object(fields) => 1 + fields.values().map(nesting).max().unwrap_or_default(),
        _ => 0,
    }
}

/// Every step of a normaliser alone, and the steps of the models that codif makes.
pub fn normaliser(data: &[u8]) {
    static ALONE: LazyLock<Vec<Normaliser>> = LazyLock::new(|| {
        let words = |words: [&str; 3]| words.map(str::to_owned).to_vec();
        let steps = [
            Step::Lowercase,
            Step::Transliterate,
            Step::StripAccents,
            Step::Nfkd,
            Step::Replace { pattern: "[^a-z0-9]+".to_owned(), with: " ".to_owned() },
            Step::RemovePhrases { phrases: words(["activité de", "et", "l'"]) },
            Step::DropShortWords { min: 2 },
            Step::DropDigits,
            Step::DeduplicateWords,
            Step::DropStopWords { words: words(["de", "la", "et"]) },
            Step::Stem,
            Step::CollapseSpaces,
        ];
        steps.into_iter().map(|step| Normaliser::new(vec![step]).unwrap()).collect()
    });
    static MADE: LazyLock<Normaliser> = LazyLock::new(|| Normaliser::new(codif_1()).unwrap());
    let text = String::from_utf8_lossy(data);
    for normaliser in ALONE.iter() {
        normalised_alone(normaliser, &text);
    }
    let normalised = twice(|| MADE.normalise(&text));
    let words: Vec<&str> = normalised.as_str().split_whitespace().collect();
    let is_word = |word: &&str| {
        let plain = |byte: u8| byte.is_ascii_digit() || byte.is_ascii_lowercase();
        word.len() >= 2 && word.bytes().all(plain)
    };
    assert!(words.iter().all(is_word), "{normalised:?}");
    assert_eq!(words.join(" "), normalised.as_str());
    assert_eq!(normalised.is_empty(), words.is_empty());
    assert_eq!(MADE.normalise(normalised.as_str()), normalised);
}

fn normalised_alone(normaliser: &Normaliser, text: &str) {
    let normalised = twice(|| normaliser.normalise(text));
    let text = normalised.as_str();
    let words: Vec<&str> = text.split_whitespace().collect();
    assert_eq!(normalised.is_empty(), words.is_empty());
    for step in normaliser.steps() {
        match step {
            Step::Transliterate => assert!(text.is_ascii()),
            Step::DropShortWords { min } => assert!(words.iter().all(|word| word.chars().count() >= *min)),
            Step::DropDigits => assert!(!text.bytes().any(|byte| byte.is_ascii_digit())),
            Step::DeduplicateWords => assert_eq!(words.iter().collect::<HashSet<_>>().len(), words.len()),
            Step::DropStopWords { words: dropped } => {
                assert!(!dropped.iter().any(|word| words.contains(&word.as_str())))
            }
            Step::CollapseSpaces => assert_eq!(words.join(" "), text),
            _ => {}
        }
        // A stem may have a stem, and what is left around a phrase may be one.
        if !matches!(step, Step::Stem | Step::RemovePhrases { .. }) {
            assert_eq!(normaliser.normalise(text), normalised, "a second time, {step:?} does more");
        }
    }
}

/// The steps of a normaliser as a manifest writes them.
pub fn steps(data: &[u8]) {
    let Ok(steps) = serde_json::from_slice::<Vec<Step>>(data) else { return };
    let written = serde_json::to_string(&steps).unwrap();
    assert_eq!(serde_json::from_str::<Vec<Step>>(&written).unwrap(), steps);
    // Each replacement may make a text many times as long: two of them, with little to put in.
    let replacements: Vec<&str> = steps.iter().filter_map(replacement).collect();
    if replacements.len() > 2 || replacements.iter().any(|with| with.len() > 16) {
        return;
    }
    match Normaliser::new(steps.clone()) {
        Ok(normaliser) => {
            assert_eq!(normaliser.steps(), steps.as_slice());
            for text in ["", "Coiffure à domicile", "Œuvres d'ART, 24h/24 \u{1f600}\u{301}"] {
                twice(|| normaliser.normalise(text));
            }
        }
        Err(NormaliserError::Pattern { position, .. }) => assert!((1..=steps.len()).contains(&position)),
    }
}

fn replacement(step: &Step) -> Option<&str> {
    match step {
        Step::Replace { with, .. } => Some(with),
        _ => None,
    }
}

/// The rows of a text, in the shipped models and in a small one.
pub fn features(data: &[u8]) {
    let text = String::from_utf8_lossy(data).into_owned();
    let raw = RawActivity {
        form_type: text.get(..1).map(str::to_owned),
        nature: text.get(1..3).map(str::to_owned),
        description: Some(text),
        ..RawActivity::default()
    };
    let Ok(activity) = Activity::try_from(raw) else { return };
    for (_, served) in coders().iter() {
        let coder = served.coder.as_ref();
        let text = coder.normaliser.normalise(activity.text());
        let rows = bag(&coder.features, &text, &activity);
        // The known words stand summed in the table: fewer rows that add up to the same.
        let each = each_row(&coder.features, &text, &activity);
        let (summed, added) = (sum(coder, &rows), sum(coder, &each));
        assert_eq!(summed.len(), added.len());
        for (summed, added) in summed.iter().zip(&added) {
            assert!((summed - added).abs() <= 1e-4 * each.len() as f64, "{summed} instead of {added}");
        }
    }
    let (small, count) = small_features(data);
    let text = Normaliser::new(Vec::new()).unwrap().normalise(activity.text());
    let rows = bag(&small, &text, &activity);
    assert_eq!(rows, each_row(&small, &text, &activity));
    assert!(rows.iter().all(|row| *row < count), "a row outside the table: {rows:?}");
}

/// The rows of a text in its bag, which stands beside another.
fn bag(features: &Features, text: &NormalisedText, activity: &Activity) -> Vec<u32> {
    let other = Activity::of_text("vente de pain").unwrap();
    let other_text = Normaliser::new(Vec::new()).unwrap().normalise(other.text());
    let both = twice(|| features.bags([(text, activity), (&other_text, &other)].into_iter()));
    let alone = features.bags(std::iter::once((text, activity)));
    let [[start, averaged, middle, divisor], [next, _, end, _]] = both.bounds[..] else { panic!("{:?}", both.bounds) };
    assert_eq!((start, next, end as usize), (0, middle, both.rows.len()));
    assert_eq!(averaged, middle, "no covariate of these models is added to the mean");
    assert_eq!(divisor as usize, each_row(features, text, activity).len());
    assert_eq!(alone.rows.as_slice(), &both.rows[..middle as usize]);
    assert_eq!((alone.bounds[0], alone.known[0]), (both.bounds[0], both.known[0]));
    assert!(!alone.known[0] || middle > 0);
    assert!(features.unused(activity).len() <= Covariate::ALL.len());
    alone.rows
}

fn each_row(features: &Features, text: &NormalisedText, activity: &Activity) -> Vec<u32> {
    let mut rows = Vec::new();
    features.for_each_row(text.as_str(), activity, |row, _, _| rows.push(row));
    rows
}

/// What some rows of the table add to the logits of a few labels; each must stand in it.
fn sum(coder: &Coder, rows: &[u32]) -> Vec<f64> {
    let labels: Vec<usize> = (0..8).collect();
    let mut sum = vec![0.0; labels.len()];
    for products in coder.classifier.row_products(rows, &labels).unwrap() {
        sum.iter_mut().zip(products).for_each(|(sum, product)| *sum += f64::from(product));
    }
    sum
}

/// Features of sizes that the first bytes choose, and how many rows they have.
fn small_features(data: &[u8]) -> (Features, u32) {
    let size = |place: usize, most: usize| data.get(place).map_or(0, |byte| usize::from(*byte) % (most + 1));
    let kept: Vec<u32> = (0..size(0, 64) as u32).step_by(2).collect();
    let text = NgramFeatures {
        words: ["vente", "de", "pain", END_OF_TEXT].into_iter().collect(),
        subword_lengths: (size(1, 4), size(2, 6)),
        longest_word_ngram: size(3, 3),
        buckets: Buckets::new(size(0, 64), &kept, 5),
        labels: None,
        known_words: None,
    };
    let enters = Enters::Token([(Box::from("M"), 4)].into_iter().collect());
    let form_type = CovariateFeature { covariate: Covariate::FormType, enters, surface_bins: None };
    let features = Features { text: TextFeatures::Ngrams(text), covariates: vec![form_type] };
    (features, 5 + kept.len() as u32)
}

/// What each letter and each word adds, as the Sirene route tells.
pub fn letters(data: &[u8]) {
    let typed = String::from_utf8_lossy(data);
    let Some(activity) = Activity::of_text(&typed) else { return };
    for (_, served) in coders().iter() {
        let coder = served.coder.as_ref();
        let labels = [0, coder.labels.len() - 1];
        let explained = twice(|| attributions(coder, &activity, &typed, &labels).unwrap());
        assert_eq!(explained.len(), labels.len());
        for attribution in explained {
            assert_eq!(attribution.letters.len(), typed.chars().count());
            assert_eq!(attribution.words.len(), typed.split_whitespace().count());
            assert!(attribution.letters.iter().chain(&attribution.words).all(|added| added.is_finite()));
        }
    }
}

/// A code of a nomenclature.
pub fn code(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    match twice(|| text.parse::<Code>()) {
        Ok(code) => {
            assert!(code.as_str().bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase()));
            assert_eq!(Level::ALL[code.as_str().len() - 1], code.level());
            for written in [code.to_string(), code.dotted(), code.dotted().to_lowercase(), format!(" {code} ")] {
                assert_eq!(written.parse::<Code>(), Ok(code.clone()));
            }
            let known = coders().nomenclatures();
            for nomenclature in known.ids().filter_map(|id| known.get(id)) {
                let above = nomenclature.path(&code).len();
                let is_known = nomenclature.entry(&code).is_some();
                assert_eq!(above, if is_known { code.as_str().len() - 1 } else { 0 });
            }
        }
        Err(error) => assert_eq!(error.0, text),
    }
}

/// A search in the nomenclatures.
pub fn search(data: &[u8]) {
    let query = String::from_utf8_lossy(data);
    let known = coders().nomenclatures();
    for nomenclature in known.ids().filter_map(|id| known.get(id)) {
        let found = twice(|| nomenclature.search(&query, 20));
        let codes: HashSet<&str> = found.iter().map(|entry| entry.code.as_str()).collect();
        assert!(codes.len() == found.len() && found.len() <= 20);
    }
}

/// A model as a user names it.
pub fn model_reference(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let Ok(reference) = twice(|| text.parse::<ModelReference>()) else { return };
    assert_eq!(reference.to_string().parse::<ModelReference>(), Ok(reference.clone()));
    let alias = match &reference.selector {
        Selector::Alias(alias) => alias.as_str(),
        Selector::Default | Selector::Version(_) => "production",
    };
    for name in [reference.name.as_str(), alias] {
        assert!(
            !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\', '\0']),
            "{name:?} may be a path"
        );
    }
}

/// The manifest of a model.
pub fn manifest(data: &[u8]) {
    let Ok(manifest) = serde_json::from_slice::<Manifest>(data) else { return };
    let written = serde_json::to_string(&manifest).unwrap();
    assert_eq!(serde_json::from_str::<Manifest>(&written).unwrap(), manifest);
    twice(|| format!("{:?}", manifest.sizes()));
    match manifest.sizes() {
        Ok(sizes) => {
            let announced = (manifest.architecture.rows, manifest.architecture.dimension, manifest.labels.len());
            assert_eq!((sizes.rows, sizes.dimension, sizes.labels), announced);
            assert!(sizes.kept_buckets.0 <= sizes.rows);
            assert!((0.0..=1.0).contains(&manifest.decision.threshold));
            assert!(manifest.temperature.is_finite() && manifest.temperature > 0.0);
        }
        Err(reason) => assert!(!reason.is_empty()),
    }
}

/// A fastText model file.
pub fn fasttext_file(data: &[u8]) {
    let read = |data: &[u8]| {
        let read = fasttext::read(Cursor::new(data), data.len() as u64);
        read.map_err(|fault| fault.to_string())
    };
    let FasttextFile { arguments, dictionary, input, output } = match twice(|| read(data)) {
        Ok(model) => model,
        Err(reason) => return assert!(!reason.is_empty() && !reason.contains('\n'), "{reason:?}"),
    };
    assert!(read(&data[..data.len() - 1]).is_err(), "a file that was cut is read");
    assert!(arguments.dimension > 0 && arguments.word_ngrams > 0 && !dictionary.labels.is_empty());
    let kept = match &dictionary.kept_buckets {
        KeptBuckets::All => arguments.buckets,
        KeptBuckets::Some(kept) => {
            assert!(kept.iter().all(|bucket| (*bucket as usize) < arguments.buckets));
            assert_eq!(kept.iter().collect::<HashSet<_>>().len(), kept.len());
            kept.len()
        }
    };
    let labels: Vec<&[u8]> = dictionary.labels.iter().map(|(label, _)| label.as_slice()).collect();
    let texts: HashSet<&[u8]> = dictionary.words.iter().map(Vec::as_slice).chain(labels.iter().copied()).collect();
    assert_eq!(texts.len(), dictionary.words.len() + labels.len());
    assert!(texts.iter().all(|text| !text.is_empty() && !text.contains(&b'\n') && !text.contains(&0)));
    let prefix = fasttext::common_prefix(&labels);
    assert!(prefix.is_empty() || labels.iter().all(|label| label.starts_with(prefix.as_bytes())));
    let mut ranges = fasttext_ranges(&input, (dictionary.words.len() + kept, arguments.dimension));
    ranges.extend(fasttext_ranges(&output, (labels.len(), arguments.dimension)));
    let mut end = 0;
    for range in ranges {
        assert!(end <= range.start && range.start <= range.end, "{range:?} begins before {end}");
        end = range.end;
    }
    assert_eq!(end, data.len() as u64);
}

/// Where the numbers of a matrix of these sizes lie, in the order of the file.
fn fasttext_ranges(matrix: &Matrix, sizes: (usize, usize)) -> Vec<Range<u64>> {
    let bytes = |range: &Range<u64>| (range.end - range.start) as usize;
    match matrix {
        Matrix::Dense { rows, columns, values } => {
            assert_eq!(((*rows, *columns), bytes(values)), (sizes, 4 * rows * columns));
            vec![values.clone()]
        }
        Matrix::Quantised { rows, columns, pieces, width, codes, centroids, norms } => {
            assert_eq!((*rows, *columns), sizes);
            assert!((1..=*columns).contains(width) && *pieces == columns.div_ceil(*width));
            assert_eq!((bytes(codes), bytes(centroids)), (rows * pieces, 4 * 256 * columns));
            let mut ranges = vec![codes.clone(), centroids.clone()];
            if let Some((norm_codes, norms)) = norms {
                assert_eq!((bytes(norm_codes), bytes(norms)), (*rows, 4 * 256));
                ranges.extend([norm_codes.clone(), norms.clone()]);
            }
            ranges
        }
    }
}

/// An `ngram.json`: what is accepted gives ids of its own only, and the same by both ways.
pub fn ngram_file(data: &[u8]) {
    let Ok(tokenizer) = Tokenizer::ngrams(data) else { return };
    let text = String::from_utf8_lossy(data);
    for text in ["", "boulanger patissier n 1 uvre", text.as_ref()] {
        let words = text.split_whitespace().count();
        let (mut slow, mut quick, mut known) = (Vec::new(), Vec::new(), false);
        tokenizer.for_each_token(text, &mut |id, token| {
            assert!((id as usize) < tokenizer.size());
            match token {
                Token::Word(place) | Token::Part(place, ..) => {
                    known = true;
                    assert!(place < words);
                }
                Token::Unknown(place) => assert!(place < words),
                Token::Special => {}
            }
            slow.push(id);
        });
        assert_eq!(tokenizer.ids(text, &mut quick), known);
        assert_eq!(quick, slow);
        assert_eq!(slow.last(), Some(&2), "every text ends with its end");
    }
}

/// A `mappings.json`: what is accepted has distinct values, and one of them for unknown ones.
pub fn torch_text_mappings(data: &[u8]) {
    let Ok(mappings) = Mappings::read(data) else { return };
    assert!(twice(|| Mappings::read(data).map_err(|fault| fault.to_string())).is_ok());
    let distinct = |values: &[String]| values.iter().collect::<HashSet<_>>().len() == values.len();
    assert!(!mappings.labels.is_empty() && distinct(&mappings.labels));
    let names: Vec<String> = mappings.covariates.iter().map(|covariate| covariate.name.clone()).collect();
    assert!(distinct(&names));
    for covariate in &mappings.covariates {
        assert!(covariate.missing < covariate.values.len());
        assert!(distinct(&covariate.values));
    }
}
