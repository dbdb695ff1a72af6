//! The known fields of a JSON object, as they stand in its text: whatever else the object holds is skimmed, not built. (A
//! tree of values takes thirty times the memory of a text made for that.)

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The known fields of an object; of one given twice the last counts.
#[derive(Debug)]
pub struct JsonObject<'a, const N: usize> {
    /// The values, in the order of the names asked for.
    pub values: [Option<&'a RawValue>; N],
    /// The first field that is none of them.
    pub unknown: Option<Cow<'a, str>>,
}

impl<'a, const N: usize> JsonObject<'a, N> {
    /// Reads an object; an error of the category `Data` says that the text is another kind of JSON.
    pub fn read(json: &'a [u8], names: &[&str; N]) -> serde_json::Result<Self> {
        let mut reader = serde_json::Deserializer::from_slice(json);
        let object = Names(names).deserialize(&mut reader)?;
        reader.end().map(|()| object)
    }
}

struct Names<'n, const N: usize>(&'n [&'n str; N]);

#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'a, const N: usize> DeserializeSeed<'a> for Names<'_, N> {
    type Value = JsonObject<'a, N>;

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'a, const N: usize> Visitor<'a> for Names<'_, N> {
    type Value = JsonObject<'a, N>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut fields: A) -> Result<Self::Value, A::Error> {
        let mut object = JsonObject { values: [None; N], unknown: None };
        while let Some(Name(name)) = fields.next_key()? {
            let place = self.0.iter().position(|known| *known == name);
            match place.and_then(|place| object.values.get_mut(place)) {
                Some(value) => *value = Some(fields.next_value()?),
                None => {
                    fields.next_value::<IgnoredAny>()?;
                    object.unknown.get_or_insert(name);
                }
            }
        }
        Ok(object)
    }
}

/// How many elements a JSON array has; nothing of them is built.
pub fn array_length(json: &str) -> serde_json::Result<usize> {
    serde_json::from_str::<Vec<IgnoredAny>>(json).map(|elements| elements.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_fields_are_found_and_the_first_other_one_named() {
        let object = JsonObject::read(br#"{"b":[1,{}],"\u0061":"x","c":1,"d":2,"b":null}"#, &["a", "b"]).unwrap();
        assert_eq!(object.values.map(|value| value.unwrap().get()), ["\"x\"", "null"]);
        assert_eq!(object.unknown.as_deref(), Some("c"));
        for (json, data) in [("[]", true), ("1", true), ("{", false), ("{} x", false)] {
            assert_eq!(JsonObject::read(json.as_bytes(), &["a"]).unwrap_err().is_data(), data, "{json}");
        }
        assert_eq!((array_length("[1,[2,3]]").unwrap(), array_length("{}").is_err()), (2, true));
    }
}
