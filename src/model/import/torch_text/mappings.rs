//! `mappings.json`: what the indices of a torchTextClassifiers model stand for.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::model::error::ModelFault;

/// What the covariate is called whose index is a class of a surface, 0 for none or an unknown one, unless told otherwise.
pub const SURFACE: &str = "SRF";
/// The value that stands for a missing or unknown one of any other covariate.
const MISSING: &str = "NaN";
/// The classes of a surface.
const SURFACE_CLASSES: [&str; 4] = ["0", "1", "2", "3"];

/// The covariates in the order in which the model takes them, and the labels in that of its output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mappings {
    /// The covariates.
    pub covariates: Vec<CovariateMapping>,
    /// The code of each label.
    pub labels: Vec<String>,
}

/// A covariate and its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CovariateMapping {
    /// Its name in the model.
    pub name: String,
    /// Its values, in the order of their indices.
    pub values: Vec<String>,
    /// Index of the value that stands for a missing or unknown one.
    pub missing: usize,
    /// Whether its values are classes of a surface.
    pub is_surface: bool,
}

/// `mappings.json`.
#[derive(Deserialize)]
struct File {
    feature_order: Vec<String>,
    categorical: BTreeMap<String, BTreeMap<String, usize>>,
    labels: BTreeMap<String, usize>,
}

impl Mappings {
    /// Reads the mappings: indices run from 0 without holes, and every covariate has a value for unknown ones. The classes of a
    /// surface are the values of the covariate called `surface`.
    pub fn read(bytes: &[u8], surface: &str) -> Result<Self, ModelFault> {
        let File { feature_order, mut categorical, labels } = serde_json::from_slice(bytes).map_err(malformed)?;
        let mut covariates: Vec<CovariateMapping> = Vec::new();
        for name in feature_order {
            if covariates.iter().any(|covariate| covariate.name == name) {
                return Err(malformed(format!("feature_order names {name} twice")));
            }
            let values = match categorical.remove(&name) {
                Some(values) => in_order(&name, values)?,
                None if name == surface => SURFACE_CLASSES.map(str::to_owned).to_vec(),
                None => return Err(malformed(format!("covariate {name} has no values"))),
            };
            let is_surface = name == surface;
            covariates.push(CovariateMapping::new(name, values, is_surface)?);
        }
        if let Some(name) = categorical.keys().next() {
            return Err(malformed(format!("covariate {name} is not in feature_order")));
        }
        let labels = in_order("labels", labels)?;
        if labels.is_empty() {
            return Err(malformed("there are no labels"));
        }
        Ok(Self { covariates, labels })
    }
}

impl CovariateMapping {
    fn new(name: String, values: Vec<String>, is_surface: bool) -> Result<Self, ModelFault> {
        let missing = if is_surface { "0" } else { MISSING };
        if is_surface && (values.len() != 4 || !SURFACE_CLASSES.iter().all(|class| values.iter().any(|v| v == class))) {
            return Err(malformed(format!("the values of {name} are not {SURFACE_CLASSES:?}")));
        }
        match values.iter().position(|value| value == missing) {
            Some(missing) => Ok(Self { name, values, missing, is_surface }),
            None => {
                let surface = "a surface by another name than SRF is --covariate NAME=surface";
                let reason =
                    format!("{name} has no value {missing:?}, which stands for a missing or unknown one; {surface}");
                Err(malformed(reason))
            }
        }
    }
}

/// The values in the order of their indices, which must be 0, 1, 2, … without a hole.
fn in_order(what: &str, indices: BTreeMap<String, usize>) -> Result<Vec<String>, ModelFault> {
    let count = indices.len();
    let mut values: Vec<Option<String>> = vec![None; count];
    for (value, index) in indices {
        match values.get_mut(index) {
            Some(slot) if slot.is_none() => *slot = Some(value),
            _ => {
                let reason = format!("{what}: {value:?} has index {index}, which is taken or not below {count}");
                return Err(malformed(reason));
            }
        }
    }
    Ok(values.into_iter().flatten().collect())
}

fn malformed(reason: impl std::fmt::Display) -> ModelFault {
    ModelFault::malformed("mapping", reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(features: &str, categorical: &str, labels: &str) -> Result<Mappings, ModelFault> {
        let text =
            format!(r#"{{"feature_order": [{features}], "categorical": {{{categorical}}}, "labels": {{{labels}}}}}"#);
        Mappings::read(text.as_bytes(), SURFACE)
    }

    const TYPE: &str = r#""TYP": {"A": 1, "NaN": 2, "C": 0}"#;
    const LABELS: &str = r#""B": 0, "A": 1"#;

    #[test]
    fn values_stand_in_the_order_of_their_indices() {
        let mappings = read(r#""SRF", "TYP""#, TYPE, LABELS).unwrap();
        assert_eq!(mappings.labels, ["B", "A"]);
        let covariates = mappings.covariates.iter();
        let covariates: Vec<_> = covariates.map(|one| (one.name.as_str(), one.values.join(" "), one.missing)).collect();
        assert_eq!(covariates, [("SRF", "0 1 2 3".to_owned(), 0), ("TYP", "C A NaN".to_owned(), 2)]);
    }

    #[test]
    fn the_surface_may_be_called_otherwise() {
        let text = br#"{"feature_order": ["AREA"], "categorical": {}, "labels": {"A": 0}}"#;
        let covariate = Mappings::read(text, "AREA").unwrap().covariates.remove(0);
        assert_eq!(
            (covariate.values.join(" "), covariate.missing, covariate.is_surface),
            ("0 1 2 3".to_owned(), 0, true)
        );
        assert!(Mappings::read(text, SURFACE).unwrap_err().to_string().contains("AREA has no values"));
    }

    #[test]
    fn faulty_mappings_are_refused_with_the_reason() {
        for (features, categorical, labels, reason) in [
            (r#""TYP", "TYP""#, TYPE, LABELS, "names TYP twice"),
            (r#""TYP", "NAT""#, TYPE, LABELS, "covariate NAT has no values"),
            ("", TYPE, LABELS, "covariate TYP is not in feature_order"),
            (r#""CRT""#, r#""CRT": {"P": 0, "S": 1}"#, LABELS, r#"CRT has no value "NaN""#),
            (r#""CRT""#, r#""CRT": {"P": 0, "NaN": 2}"#, LABELS, r#""NaN" has index 2"#),
            (r#""SRF""#, r#""SRF": {"0": 0, "1": 1}"#, LABELS, "values of SRF"),
            ("", "", r#""B": 0, "A": 0"#, r#"labels: "B" has index 0"#),
            ("", "", "", "no labels"),
        ] {
            let error = read(features, categorical, labels).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
