//! The faults of a request as the service before told them: `{"detail": [{"type", "loc", "msg", "input"}]}`, status 422.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::coding::json_object::JsonObject;
use crate::http::answering::held_json;
use crate::http::body::json_depth;
use crate::http::error::{FailureCode, Problem};
use crate::process::Panicked;
use crate::serving::admission::{Exhausted, Share};

/// One fault.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Fault {
    /// The kind of fault.
    #[serde(rename = "type")]
    #[schema(example = "value_error")]
    kind: &'static str,
    /// The way to the value: names and places.
    #[schema(value_type = Vec<Value>, example = json!(["body", "forms", 0, "nature"]))]
    loc: Vec<Value>,
    /// In words.
    #[schema(example = "Value error, nature must be a two-digit number (e.g., '01')")]
    msg: String,
    /// The offending value.
    #[schema(value_type = Value)]
    input: Box<RawValue>,
}

/// All the faults of a request, in order.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct Faults {
    detail: Vec<Fault>,
}

impl Fault {
    /// A fault at `loc`, in the value `input`.
    pub fn new(kind: &'static str, loc: Vec<Value>, msg: impl Into<String>, input: &impl Serialize) -> Self {
        let input = serde_json::value::to_raw_value(input).unwrap_or_else(|_| RawValue::NULL.to_owned());
        Self { kind, loc, msg: msg.into(), input }
    }

    /// One of the contract's own rules.
    pub fn rule(loc: Vec<Value>, msg: impl std::fmt::Display, input: &impl Serialize) -> Self {
        Self::new("value_error", loc, format!("Value error, {msg}"), input)
    }

    /// A value that must be there.
    pub fn missing(loc: Vec<Value>, input: &impl Serialize) -> Self {
        Self::new("missing", loc, "Field required", input)
    }

    /// A value that is no JSON.
    pub fn no_json_at(loc: Vec<Value>) -> Self {
        Self::new("json_invalid", loc, "JSON decode error", &json!({}))
    }

    /// A body that is no JSON from `place` on, in characters.
    pub fn no_json(place: usize) -> Self {
        Self::no_json_at(vec!["body".into(), place.into()])
    }
}

impl Faults {
    /// Adds one.
    pub fn push(&mut self, fault: Fault) {
        self.detail.push(fault);
    }

    /// Adds several.
    pub fn extend(&mut self, faults: impl IntoIterator<Item = Fault>) {
        self.detail.extend(faults);
    }

    /// The answer, with the memory it holds.
    pub fn held(&self, memory: Share) -> Result<Response, Problem> {
        held_json(self, memory).map(Self::as_refusal)
    }

    fn as_refusal(mut response: Response) -> Response {
        *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
        response.extensions_mut().insert(FailureCode("invalid_request"));
        response
    }

    /// The value, when there is no fault.
    pub fn or<T>(self, value: T) -> Result<T, Self> {
        if self.detail.is_empty() { Ok(value) } else { Err(self) }
    }
}

impl From<Fault> for Faults {
    fn from(fault: Fault) -> Self {
        Self { detail: vec![fault] }
    }
}

/// Both values, or the faults of either, those of the first before those of the second.
pub fn both<A, B>(first: Result<A, Faults>, second: Result<B, Faults>) -> Result<(A, B), Faults> {
    match (first, second) {
        (Ok(first), Ok(second)) => Ok((first, second)),
        (Err(mut faults), Err(more)) => {
            faults.extend(more.detail);
            Err(faults)
        }
        (Err(faults), Ok(_)) | (Ok(_), Err(faults)) => Err(faults),
    }
}

/// The known fields of a body that is a JSON object, and the whole of it.
pub fn object<'a, const N: usize>(
    body: &'a [u8],
    names: &[&str; N],
    deepest: usize,
) -> Result<([Option<&'a RawValue>; N], &'a RawValue), Fault> {
    let at_body = || vec!["body".into()];
    if body.is_empty() {
        return Err(Fault::missing(at_body(), &Value::Null));
    }
    if json_depth(body) > deepest {
        return Err(Fault::no_json(0));
    }
    let whole: &RawValue = serde_json::from_slice(body).map_err(|error| Fault::no_json(place(body, &error)))?;
    let object = JsonObject::read(whole.get().as_bytes(), names).map_err(|_| {
        let message = "Input should be a valid dictionary or object to extract fields from";
        Fault::new("model_attributes_type", at_body(), message, &whole)
    })?;
    Ok((object.values, whole))
}

/// Where a body stopped being JSON, in characters.
fn place(body: &[u8], error: &serde_json::Error) -> usize {
    let lines_before = body.split_inclusive(|byte| *byte == b'\n').take(error.line().saturating_sub(1));
    let bytes = lines_before.map(<[u8]>::len).sum::<usize>() + error.column().saturating_sub(1);
    String::from_utf8_lossy(body.get(..bytes).unwrap_or(body)).chars().count()
}

/// Places as Python writes a tuple: `(3,)`, `(0, 2)`.
pub fn tuple(places: &[usize]) -> String {
    match places {
        [one] => format!("({one},)"),
        several => {
            let several: Vec<String> = several.iter().map(usize::to_string).collect();
            format!("({})", several.join(", "))
        }
    }
}

/// Why a Sirene route refuses.
#[derive(Debug)]
pub enum Refusal {
    /// With the faults of the request.
    Faults(Faults),
    /// With a sentence, in the older form.
    Sentence(String),
    /// As any route may.
    Problem(Problem),
}

impl From<Faults> for Refusal {
    fn from(faults: Faults) -> Self {
        Self::Faults(faults)
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self::Faults(fault.into())
    }
}

/// Whatever any route may refuse with.
macro_rules! as_problem {
    ($($kind:ty),*) => {$(
        impl From<$kind> for Refusal {
            fn from(cause: $kind) -> Self {
                Self::Problem(cause.into())
            }
        }
    )*};
}

as_problem!(Problem, Panicked, Exhausted);

/// A refusal in a sentence.
#[derive(Serialize, ToSchema)]
pub struct Detail {
    /// What is wrong.
    #[schema(example = "The text_description is missing for some liasses. See line(s): (3,)")]
    detail: String,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::Faults(faults) => faults.into_response(),
            Self::Problem(problem) => problem.into_response(),
            Self::Sentence(detail) => {
                let mut response = (StatusCode::BAD_REQUEST, Json(Detail { detail })).into_response();
                response.extensions_mut().insert(FailureCode("refused"));
                response
            }
        }
    }
}

impl IntoResponse for Faults {
    fn into_response(self) -> Response {
        Self::as_refusal(Json(self).into_response())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tuples_are_pythons() {
        assert_eq!([tuple(&[3]), tuple(&[0, 2]), tuple(&[])], ["(3,)", "(0, 2)", "()"]);
    }

    #[test]
    fn the_place_of_bad_json_is_counted_in_characters() {
        let place = |body: &str| object(body.as_bytes(), &["a"], 9).map(|_| ()).unwrap_err().loc[1].clone();
        assert_eq!(place("{\"é\": x}"), 6);
        assert_eq!(place("{\n  \"a\": }"), 9);
    }
}
