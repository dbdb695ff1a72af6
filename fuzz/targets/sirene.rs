//! The bodies of the two Sirene forms.

use bytes::Bytes;
use codif::coding::activity::{Activity, RawActivity};
use codif::http::body::json_depth;
use codif::http::sirene::columns::Lines;
use codif::http::sirene::faults::{Refusal, object};
use codif::http::sirene::form::{self, FORM_TYPES};
use serde_json::Value;
use serde_json::value::RawValue;

use super::{LENGTHS, is_described, stands_in, twice};

/// Deepest JSON read.
const DEEPEST: usize = 32;

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
