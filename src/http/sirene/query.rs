//! `nb_echos_max` and `prob_min`, read as the service before read them.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::extract::Query as FormQuery;
use axum::http::Uri;
use axum::http::request::Parts;
use utoipa::IntoParams;

use super::faults::{Fault, Faults};

/// The parameters of a request's address, as they were sent; of one sent twice the last counts.
#[derive(Clone, Debug, Default)]
pub struct Parameters(Vec<(String, String)>);

/// Which predictions are wanted.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents what Parameters reads")]
pub struct WantedQuery {
    /// How many predictions, 1 or more; 5 by default.
    #[param(minimum = 1)]
    nb_echos_max: Option<i64>,
    /// Least probability of a prediction, itself too small in the older form; 0.01 by default.
    prob_min: Option<f64>,
}

/// One activity of the older form.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents what Parameters reads")]
pub struct LineQuery {
    /// The text.
    #[param(example = "coiffure à domicile")]
    text_description: Option<String>,
    /// Kind of registration form.
    type_liasse: Option<String>,
    /// Nature of the activity, two digits.
    nature: Option<String>,
    /// Class of the surface, 1 to 4.
    surface: Option<String>,
    /// Event, two digits and one of A, P, M, F.
    event: Option<String>,
}

/// How many predictions are wanted, and how probable.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wanted {
    /// At most so many, at least 1.
    pub most: usize,
    /// Of at least this probability.
    pub least: f64,
}

impl Parameters {
    fn read(uri: &Uri) -> Self {
        // Any bytes make some text: nothing is refused here.
        Self(FormQuery::try_from_uri(uri).map(|FormQuery(pairs)| pairs).unwrap_or_default())
    }

    /// The value of a parameter.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// A whole number of at least 1, `default` when it is absent.
    pub fn count(&self, name: &'static str, default: usize) -> Result<usize, Fault> {
        let Some(text) = self.get(name) else { return Ok(default) };
        let loc = || vec!["query".into(), name.into()];
        let message = "Input should be a valid integer, unable to parse string as an integer";
        let number = integer(text.trim()).ok_or_else(|| Fault::new("int_parsing", loc(), message, &text))?;
        let message = "Input should be greater than or equal to 1";
        match usize::try_from(number) {
            Ok(count) if count >= 1 => Ok(count),
            Err(_) if number > 0 => Ok(usize::MAX),
            _ => Err(Fault::new("greater_than_equal", loc(), message, &text)),
        }
    }

    /// A number, `default` when it is absent.
    pub fn number(&self, name: &'static str, default: f64) -> Result<f64, Fault> {
        let Some(text) = self.get(name) else { return Ok(default) };
        text.trim()
            .parse()
            .map_err(|_| Fault::new("float_parsing", vec!["query".into(), name.into()], NO_NUMBER, &text))
    }

    /// `nb_echos_max` and `prob_min`, or what is wrong with either.
    pub fn wanted(&self) -> Result<Wanted, Faults> {
        let mut faults = Faults::default();
        let most = self.count("nb_echos_max", 5).map_err(|fault| faults.push(fault)).unwrap_or_default();
        let least = self.number("prob_min", 0.01).map_err(|fault| faults.push(fault)).unwrap_or_default();
        faults.or(Wanted { most, least })
    }
}

/// What is said of a text that is no number.
pub const NO_NUMBER: &str = "Input should be a valid number, unable to parse string as a number";

/// A whole number, also when written with decimals that are zero.
fn integer(text: &str) -> Option<i128> {
    let whole = text.split_once('.').filter(|(_, decimals)| decimals.bytes().all(|digit| digit == b'0'));
    whole.map_or(text, |(whole, _)| whole).parse().ok()
}

impl<S: Sync> FromRequestParts<S> for Parameters {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::read(&parts.uri))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(query: &str) -> Result<Wanted, String> {
        let parameters = Parameters::read(&format!("/predict/?{query}").parse().unwrap());
        parameters.wanted().map_err(|faults| serde_json::to_string(&faults).unwrap())
    }

    #[test]
    fn defaults_and_values() {
        assert_eq!(wanted(""), Ok(Wanted { most: 5, least: 0.01 }));
        assert_eq!(wanted("nb_echos_max=7&prob_min=0.5&nb_echos_max=3.0"), Ok(Wanted { most: 3, least: 0.5 }));
        assert_eq!(wanted("nb_echos_max=99999999999999999999999").unwrap().most, usize::MAX);
    }

    #[test]
    fn every_fault_is_told_in_order() {
        let faults = wanted("prob_min=x&nb_echos_max=0").unwrap_err();
        assert_eq!(
            faults,
            concat!(
                r#"{"detail":[{"type":"greater_than_equal","loc":["query","nb_echos_max"],"#,
                r#""msg":"Input should be greater than or equal to 1","input":"0"},"#,
                r#"{"type":"float_parsing","loc":["query","prob_min"],"#,
                r#""msg":"Input should be a valid number, unable to parse string as a number","input":"x"}]}"#
            )
        );
        assert!(wanted("nb_echos_max=2.5").unwrap_err().contains("int_parsing"));
    }
}
