//! Changes to the values of a document.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::documents::TEXTS;
use super::inputs::any_text;

/// A change to one value of a document.
#[derive(Clone, Debug)]
pub enum Change {
    /// It becomes another.
    Replace(Value),
    /// It goes.
    Remove,
    /// It stands in so many lists, each in the next.
    Deepen(usize),
    /// It gets another value below it.
    Add(String, Value),
}

pub fn change() -> impl Strategy<Value = Change> {
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

/// A document after these changes, each somewhere.
pub fn changed(mut document: Value, changes: Vec<(prop::sample::Index, Change)>) -> Value {
    for (place, change) in changes {
        let places = places(&document);
        change.make(&mut document, place.get(places.as_slice()).as_str());
    }
    document
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
