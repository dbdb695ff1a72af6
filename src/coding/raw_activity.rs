//! [`RawActivity`] out of one JSON object: every fault is that activity's own and names its field.

use super::activity::{ActivityError, RawActivity};
use super::json_object::JsonObject;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

/// An activity that could not be read, and its id if that could be.
#[derive(Clone, Debug, PartialEq)]
pub struct UnreadActivity {
    /// The caller's identifier.
    pub id: Option<String>,
    /// Why it could not be read.
    pub error: ActivityError,
}

/// The fields of an activity, in the order in which their faults are told: the id first, then the texts, then the number.
pub const FIELDS: [&str; 11] = [
    "id",
    "description",
    "other_nature",
    "agricultural_detail",
    "form_type",
    "nature",
    "event",
    "surface_class",
    "legal_category",
    "permanence",
    "surface",
];

impl RawActivity {
    /// Reads one activity from its JSON text; the first fault is its error.
    pub fn from_json_text(json: &[u8]) -> Result<Self, UnreadActivity> {
        let object = JsonObject::read(json, &FIELDS).map_err(|error| UnreadActivity {
            id: None,
            error: match error.is_data() {
                true => ActivityError::WrongType { field: "activity", expected: "an object" },
                false => ActivityError::Unreadable,
            },
        })?;
        let mut raw = Self::default();
        let mut fault = None;
        for (field, value) in FIELDS.into_iter().zip(object.values) {
            if let Some(Err(error)) = value.map(|value| raw.set(field, value)) {
                fault.get_or_insert(error);
            }
        }
        let unknown = object.unknown.map(|name| ActivityError::UnknownField(name.chars().take(64).collect()));
        match fault.or(unknown) {
            None => Ok(raw),
            Some(error) => Err(UnreadActivity { id: raw.id, error }),
        }
    }

    fn set(&mut self, field: &'static str, value: &RawValue) -> Result<(), ActivityError> {
        match self.text_field(field) {
            Some(slot) => *slot = read(value, field, "a string", |start| start == b'"')?,
            None => self.surface = read(value, field, "a number (m²)", |start| matches!(start, b'-' | b'0'..=b'9'))?,
        }
        Ok(())
    }

    /// The field of this name, when it holds a text: all but the surface do.
    pub fn text_field(&mut self, field: &str) -> Option<&mut Option<String>> {
        Some(match field {
            "id" => &mut self.id,
            "description" => &mut self.description,
            "other_nature" => &mut self.other_nature,
            "agricultural_detail" => &mut self.agricultural_detail,
            "form_type" => &mut self.form_type,
            "nature" => &mut self.nature,
            "event" => &mut self.event,
            "surface_class" => &mut self.surface_class,
            "legal_category" => &mut self.legal_category,
            "permanence" => &mut self.permanence,
            _ => return None,
        })
    }
}

/// A value of the type wanted, which its first byte tells; null is none.
fn read<T: DeserializeOwned>(
    value: &RawValue,
    field: &'static str,
    expected: &'static str,
    begins: impl Fn(u8) -> bool,
) -> Result<Option<T>, ActivityError> {
    match value.get().bytes().next() {
        Some(b'n') => Ok(None),
        Some(start) if begins(start) => {
            serde_json::from_str(value.get()).map(Some).map_err(|_| ActivityError::Unreadable)
        }
        _ => Err(ActivityError::WrongType { field, expected }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn from_json(value: Value) -> Result<RawActivity, UnreadActivity> {
        RawActivity::from_json_text(value.to_string().as_bytes())
    }

    #[test]
    fn the_id_comes_back_with_the_error() {
        let unread = from_json(json!({"naure": "04", "id": "a"})).unwrap_err();
        assert_eq!(unread.id.as_deref(), Some("a"));
        assert_eq!(unread.error, ActivityError::UnknownField("naure".into()));
    }

    #[test]
    fn null_is_absent_and_another_type_is_named() {
        let raw = from_json(json!({"description": "x", "nature": null, "surface": 12})).unwrap();
        assert_eq!((raw.nature, raw.surface), (None, Some(12.0)));
        let unread = from_json(json!({"nature": 4})).unwrap_err();
        assert_eq!(unread.error.to_string(), "nature must be a string");
        let unread = from_json(json!("coiffure")).unwrap_err();
        assert_eq!(unread.error.code(), "wrong_type");
    }
}
