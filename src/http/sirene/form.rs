//! A form of the current contract: read, checked against the contract's rules, made an activity.

use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;

use super::faults::Fault;
use super::query::NO_NUMBER;
use crate::coding::activity::RawActivity;
use crate::coding::json_object::JsonObject;

/// Kinds of registration form, in the order in which a fault lists them.
pub const FORM_TYPES: [&str; 16] = ["A", "B", "C", "D", "E", "G", "I", "L", "M", "N", "P", "R", "S", "X", "Y", "Z"];
/// What the contract writes for a missing value.
const MISSING: &str = "NaN";

/// The fields of a form, in the order in which their faults are told.
const FIELDS: [&str; 8] = [
    "description_activity",
    "other_nature_activity",
    "precision_act_sec_agricole",
    "type_form",
    "nature",
    "surface",
    "cj",
    "activity_permanence_status",
];

/// Reads one form; `place` is its place in the list. A blank description is no fault of the form: the whole body is
/// refused for it.
pub fn read(form: &RawValue, place: usize) -> Result<RawActivity, Vec<Fault>> {
    let fields = JsonObject::read(form.get().as_bytes(), &FIELDS).map_err(|_| {
        let message = "Input should be a valid dictionary or object to extract fields from";
        vec![Fault::new("model_attributes_type", form_at(place), message, &form)]
    })?;
    let mut reader = Reader { form, fields: fields.values, place, faults: Vec::new() };
    let activity = RawActivity {
        description: reader.description(),
        other_nature: reader.text("other_nature_activity"),
        agricultural_detail: reader.text("precision_act_sec_agricole"),
        form_type: reader.form_type(),
        nature: reader.digits("nature", 2, "nature must be a two-digit number (e.g., '01')"),
        surface: reader.surface(),
        legal_category: reader.digits("cj", 4, "cj must be a 4-digit number (e.g., '5499')"),
        permanence: reader.permanence(),
        ..RawActivity::default()
    };
    if reader.faults.is_empty() { Ok(activity) } else { Err(reader.faults) }
}

fn form_at(place: usize) -> Vec<Value> {
    vec!["body".into(), "forms".into(), place.into()]
}

struct Reader<'a> {
    form: &'a RawValue,
    fields: [Option<&'a RawValue>; FIELDS.len()],
    place: usize,
    faults: Vec<Fault>,
}

impl<'a> Reader<'a> {
    fn loc(&self, field: &str) -> Vec<Value> {
        [form_at(self.place), vec![field.into()]].concat()
    }

    fn field(&self, name: &str) -> Option<&'a RawValue> {
        let place = FIELDS.iter().position(|field| *field == name)?;
        self.fields.get(place).copied().flatten()
    }

    fn description(&mut self) -> Option<String> {
        const FIELD: &str = "description_activity";
        match self.field(FIELD) {
            Some(null) if null.get() == "null" => {
                self.faults.push(no_string(self.loc(FIELD), null));
                None
            }
            Some(_) => self.text(FIELD),
            None => {
                self.faults.push(Fault::missing(self.loc(FIELD), &self.form));
                None
            }
        }
    }

    fn text(&mut self, field: &str) -> Option<String> {
        let value = self.field(field).filter(|value| value.get() != "null")?;
        if !value.get().starts_with('"') {
            self.faults.push(no_string(self.loc(field), value));
            return None;
        }
        self.value(field, value)
    }

    /// A value that was skimmed as JSON before; it may still be none (half a surrogate pair, 1e999).
    fn value<T: DeserializeOwned>(&mut self, field: &str, json: &RawValue) -> Option<T> {
        let value = serde_json::from_str(json.get()).ok();
        if value.is_none() {
            self.faults.push(Fault::no_json_at(self.loc(field)));
        }
        value
    }

    /// A text that keeps a rule; the fault says which when it does not.
    fn ruled(&mut self, field: &str, keeps: impl Fn(&str) -> bool, rule: impl Fn(&str) -> String) -> Option<String> {
        let text = self.text(field)?;
        if keeps(&text) {
            return Some(text);
        }
        self.faults.push(Fault::rule(self.loc(field), rule(&text), &text));
        None
    }

    fn form_type(&mut self) -> Option<String> {
        let known = |text: &str| text == MISSING || FORM_TYPES.contains(&text);
        let rule = |text: &str| format!("Invalid type_form '{text}', must be one of {}", set(&FORM_TYPES));
        self.ruled("type_form", known, rule).filter(|text| text != MISSING)
    }

    fn permanence(&mut self) -> Option<String> {
        let known = |text: &str| ["P", "S", MISSING].contains(&text);
        let rule = |text: &str| format!("Invalid permanence status '{text}', must be one of {}", set(&["P", "S"]));
        self.ruled("activity_permanence_status", known, rule).filter(|text| text != MISSING)
    }

    fn digits(&mut self, field: &str, count: usize, rule: &str) -> Option<String> {
        let right = |text: &str| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
        self.ruled(field, right, |_| rule.to_owned())
    }

    fn surface(&mut self) -> Option<f64> {
        let given = self.field("surface")?;
        let surface = match given.get().bytes().next() {
            Some(b'n') => return None,
            Some(b't') => 1.0,
            Some(b'f') => 0.0,
            Some(b'"') => match self.value::<String>("surface", given)?.trim().parse() {
                Ok(number) => number,
                Err(_) => {
                    self.faults.push(Fault::new("float_parsing", self.loc("surface"), NO_NUMBER, &given));
                    return None;
                }
            },
            Some(b'[' | b'{') => {
                let message = "Input should be a valid number";
                self.faults.push(Fault::new("float_type", self.loc("surface"), message, &given));
                return None;
            }
            _ => self.value("surface", given)?,
        };
        if surface <= 0.0 {
            let message = "Input should be greater than 0";
            self.faults.push(Fault::new("greater_than", self.loc("surface"), message, &given));
        }
        // "NaN" was parsed to one: it is missing.
        (surface > 0.0).then_some(surface)
    }
}

fn no_string(loc: Vec<Value>, input: &RawValue) -> Fault {
    Fault::new("string_type", loc, "Input should be a valid string", &input)
}

/// A set as Python writes it, sorted, the missing value among the others.
fn set(values: &[&str]) -> String {
    let mut values = [values, &[MISSING]].concat();
    values.sort_unstable();
    let quoted: Vec<String> = values.iter().map(|value| format!("'{value}'")).collect();
    format!("{{{}}}", quoted.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_set_is_sorted_with_the_missing_value() {
        assert_eq!(set(&["S", "P"]), "{'NaN', 'P', 'S'}");
        assert!(set(&FORM_TYPES).contains("'N', 'NaN', 'P'"));
    }

    #[test]
    fn surfaces_are_numbers_or_their_text() {
        let surface = |value: Value| {
            let form = json!({"description_activity": "x", "surface": value});
            let form = serde_json::value::to_raw_value(&form).unwrap();
            read(&form, 0).map(|activity| activity.surface).map_err(|faults| faults.len())
        };
        assert_eq!(surface(json!(2500)), Ok(Some(2500.0)));
        assert_eq!(surface(json!(" 12.5 ")), Ok(Some(12.5)));
        for missing in [json!(null), json!("NaN"), json!("nan")] {
            assert_eq!(surface(missing), Ok(None));
        }
        for wrong in [json!(0), json!(-1), json!("douze"), json!([1]), json!(false)] {
            assert_eq!(surface(wrong), Err(1));
        }
    }
}
