//! [`RawActivity`] out of one JSON object: every fault is that activity's own and names its field.

use super::activity::{ActivityError, RawActivity};
use serde_json::Value;

/// An activity that could not be read, and its id if that could be.
#[derive(Clone, Debug, PartialEq)]
pub struct UnreadActivity {
    /// The caller's identifier.
    pub id: Option<String>,
    /// Why it could not be read.
    pub error: ActivityError,
}

impl RawActivity {
    /// Reads one activity from its JSON text, which a reader of JSON has seen before.
    pub fn from_json_text(text: &[u8]) -> Result<Self, UnreadActivity> {
        let fault = |_| UnreadActivity { id: None, error: ActivityError::Unreadable };
        Self::from_json(serde_json::from_slice(text).map_err(fault)?)
    }

    /// Reads one activity; the first fault is its error.
    pub fn from_json(value: Value) -> Result<Self, UnreadActivity> {
        let mut raw = Self::default();
        let Value::Object(fields) = value else {
            let error = ActivityError::WrongType { field: "activity", expected: "an object" };
            return Err(UnreadActivity { id: None, error });
        };
        let mut fault = None;
        for (name, value) in fields {
            if let Err(error) = raw.set(&name, value) {
                fault.get_or_insert(error);
            }
        }
        match fault {
            None => Ok(raw),
            Some(error) => Err(UnreadActivity { id: raw.id, error }),
        }
    }

    fn set(&mut self, name: &str, value: Value) -> Result<(), ActivityError> {
        let (field, slot) = match name {
            "id" => ("id", &mut self.id),
            "description" => ("description", &mut self.description),
            "other_nature" => ("other_nature", &mut self.other_nature),
            "agricultural_detail" => ("agricultural_detail", &mut self.agricultural_detail),
            "form_type" => ("form_type", &mut self.form_type),
            "nature" => ("nature", &mut self.nature),
            "event" => ("event", &mut self.event),
            "surface_class" => ("surface_class", &mut self.surface_class),
            "legal_category" => ("legal_category", &mut self.legal_category),
            "permanence" => ("permanence", &mut self.permanence),
            "surface" => {
                self.surface = match value {
                    Value::Null => None,
                    Value::Number(number) => number.as_f64(),
                    _ => return Err(ActivityError::WrongType { field: "surface", expected: "a number (m²)" }),
                };
                return Ok(());
            }
            unknown => return Err(ActivityError::UnknownField(unknown.chars().take(64).collect())),
        };
        *slot = match value {
            Value::Null => None,
            Value::String(text) => Some(text),
            _ => return Err(ActivityError::WrongType { field, expected: "a string" }),
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_id_comes_back_with_the_error() {
        let unread = RawActivity::from_json(json!({"naure": "04", "id": "a"})).unwrap_err();
        assert_eq!(unread.id.as_deref(), Some("a"));
        assert_eq!(unread.error, ActivityError::UnknownField("naure".into()));
    }

    #[test]
    fn null_is_absent_and_another_type_is_named() {
        let raw = RawActivity::from_json(json!({"description": "x", "nature": null, "surface": 12})).unwrap();
        assert_eq!((raw.nature, raw.surface), (None, Some(12.0)));
        let unread = RawActivity::from_json(json!({"nature": 4})).unwrap_err();
        assert_eq!(unread.error.to_string(), "nature must be a string");
        let unread = RawActivity::from_json(json!("coiffure")).unwrap_err();
        assert_eq!(unread.error.code(), "wrong_type");
    }
}
