//! The body of `/v1/code`, and the activities in it.

use std::collections::BTreeMap;

use codif::coding::activity::{Activity, ActivityError, Covariate, RawActivity, trimmed};
use codif::coding::json_object::array_length;
use codif::http::code::CodeRequest;
use codif::serving::answer::{ReadActivity, Sorted};
use serde_json::Value;
use serde_json::value::RawValue;

use super::{LENGTHS, is_described, stands_in, twice};

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

/// An activity written as JSON is read as the same, its text parts joined.
fn same_from_json(activity: &Activity) {
    let again = RawActivity::from_json_text(Value::Object(activity.to_json()).to_string().as_bytes()).unwrap();
    let again = Activity::try_from(again).unwrap();
    assert_eq!(again.text(), activity.text());
    for covariate in Covariate::ALL {
        assert_eq!(again.covariate(covariate), activity.covariate(covariate));
    }
}
