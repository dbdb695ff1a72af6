//! Codings kept for activities that come again: what founders type repeats a lot.

use quick_cache::sync::Cache;

use super::activity::{Activity, Covariate};
use super::{Coding, CodingOptions};

/// Codings of one model, by all that they depend on; what is asked for seldom makes room for what is asked for often.
pub struct Repeats(Cache<String, Coding>);

impl Repeats {
    /// Keeps at most so many; none when that is 0.
    pub fn new(most: usize) -> Option<Self> {
        (most > 0).then(|| Self(Cache::new(most)))
    }

    /// Codes activities, in their order: `code` those that are not kept.
    pub fn complete<E>(
        &self,
        activities: &[Activity],
        options: CodingOptions,
        code: impl FnOnce(&[&Activity]) -> Result<Vec<Coding>, E>,
    ) -> Result<Vec<Coding>, E> {
        let mut key = String::new();
        let mut missing = Vec::new();
        let kept = activities.iter().map(|activity| {
            write_key(activity, options, &mut key);
            let kept = self.0.get(key.as_str());
            if kept.is_none() {
                missing.push(activity);
            }
            kept
        });
        let kept: Vec<Option<Coding>> = kept.collect();
        if missing.is_empty() {
            return Ok(kept.into_iter().flatten().collect());
        }
        let mut coded = code(&missing)?.into_iter().zip(missing);
        let codings = kept.into_iter().filter_map(|kept| {
            kept.or_else(|| {
                let (coding, activity) = coded.next()?;
                write_key(activity, options, &mut key);
                self.0.insert(key.clone(), coding.clone());
                Some(coding)
            })
        });
        Ok(codings.collect())
    }
}

/// Everything a coding depends on beside the model.
fn write_key(activity: &Activity, options: CodingOptions, key: &mut String) {
    key.clear();
    let threshold = options.threshold.map_or(u64::MAX, f64::to_bits);
    let surface = activity.surface().map_or(u64::MAX, f64::to_bits);
    for number in [options.top_k as u64, threshold, surface] {
        number.to_le_bytes().into_iter().for_each(|byte| key.push(char::from(byte)));
    }
    // The lengths say where each part ends, whatever it holds.
    for value in Covariate::ALL.map(|covariate| activity.covariate(covariate)) {
        let length = value.map_or(u64::MAX, |value| value.len() as u64);
        length.to_le_bytes().into_iter().for_each(|byte| key.push(char::from(byte)));
        key.push_str(value.unwrap_or_default());
    }
    key.push_str(activity.text());
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::Arc;

    use super::*;
    use crate::coding::ModelVersion;
    use crate::coding::activity::RawActivity;
    use crate::coding::decision::Decision;

    fn activity(description: &str, nature: Option<&str>, surface: Option<f64>) -> Activity {
        let (description, nature) = (Some(description.to_owned()), nature.map(str::to_owned));
        Activity::try_from(RawActivity { description, nature, surface, ..RawActivity::default() }).unwrap()
    }

    /// A coding whose gap is its number.
    fn coding(number: usize) -> Coding {
        Coding {
            model: Arc::new(ModelVersion { name: "x".to_owned(), version: 1 }),
            decision: Decision::Automatic,
            gap: number as f64,
            threshold: 0.5,
            predictions: Vec::new(),
            explanation: None,
            unused: Vec::new(),
        }
    }

    #[test]
    fn what_was_coded_before_is_not_coded_again() {
        let repeats = Repeats::new(100).unwrap();
        let mut coded = 0;
        let mut gaps = |activities: &[Activity], options: CodingOptions| -> Vec<f64> {
            let codings = repeats.complete(activities, options, |missing| {
                let codings = missing.iter().map(|_| {
                    coded += 1;
                    coding(coded)
                });
                Ok::<_, Infallible>(codings.collect())
            });
            codings.unwrap().iter().map(|coding| coding.gap).collect()
        };
        let (one, two) = (activity("vente", None, None), activity("vente", Some("12"), None));
        let (three, class) = (activity("vente", None, Some(130.0)), activity("vente", None, Some(131.0)));
        let options = CodingOptions::default();
        assert_eq!(gaps(&[one.clone(), two.clone()], options), [1.0, 2.0]);
        assert_eq!(gaps(&[two.clone(), three.clone(), one.clone()], options), [2.0, 3.0, 1.0]);
        assert_eq!(
            gaps(&[class, activity("vent", None, None)], options),
            [4.0, 5.0],
            "a surface is no class, a text no other"
        );
        assert_eq!(gaps(std::slice::from_ref(&one), CodingOptions { top_k: 6, ..options }), [6.0]);
        assert_eq!(gaps(std::slice::from_ref(&one), CodingOptions { threshold: Some(0.5), ..options }), [7.0]);
        assert_eq!(gaps(&[three, two, one], options), [3.0, 2.0, 1.0]);
        assert!(gaps(&[], options).is_empty() && Repeats::new(0).is_none());
    }
}
