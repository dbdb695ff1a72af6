//! What is known beside the text, as a model reads it: further rows, vectors added to the mean, or words after the text.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::activity::{Activity, Covariate};
use super::features::END_OF_TEXT;

/// The value that stands for one that is missing.
pub const MISSING: &str = "NaN";

/// One covariate of a model.
#[derive(Clone, Debug)]
pub struct CovariateFeature {
    /// Which one.
    pub covariate: Covariate,
    /// How it enters.
    pub enters: Enters,
    /// The classes of a surface, where they are the model's own.
    pub surface_bins: Option<SurfaceBins>,
}

/// How a covariate enters a model.
#[derive(Clone, Debug)]
pub enum Enters {
    /// As one more row of the bag: the row of each value.
    Token(HashMap<Box<str>, u32>),
    /// As a row that is added to the mean; a value that is missing or unknown has the row of [`MISSING`].
    Vector(HashMap<Box<str>, u32>),
    /// As one more word after the text: this prefix and the value.
    Word(String),
}

/// Classes of a surface in square metres: 1 between the first two edges, 2 from the second, 3 from the third to the fourth.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SurfaceBins {
    /// Four edges, ascending.
    pub edges: [f64; 4],
    /// Whether class 3 has no end.
    pub last_open: bool,
}

impl SurfaceBins {
    /// The class of a surface; none outside of all.
    pub fn class(&self, surface: f64) -> Option<&'static str> {
        let [first, second, third, last] = self.edges;
        match surface {
            surface if first < surface && surface < second => Some("1"),
            surface if second <= surface && surface < third => Some("2"),
            surface if third <= surface && (self.last_open || surface <= last) => Some("3"),
            _ => None,
        }
    }

    /// The same of a class that was given: codif's fourth has no end, and is the third here, if that has none either.
    fn of_class<'a>(&self, class: &'a str) -> Option<&'a str> {
        if class != "4" {
            return Some(class);
        }
        self.last_open.then_some("3")
    }
}

impl CovariateFeature {
    /// The value that the model sees.
    pub fn value<'a>(&self, activity: &'a Activity) -> Option<&'a str> {
        let given = activity.covariate(self.covariate)?;
        match (&self.surface_bins, activity.surface()) {
            (Some(bins), Some(surface)) => bins.class(surface),
            (Some(bins), None) => bins.of_class(given),
            (None, _) => Some(given),
        }
    }

    /// The row of the value; none when it is no row or has none.
    pub fn row(&self, activity: &Activity) -> Option<u32> {
        match &self.enters {
            Enters::Token(rows) => rows.get(self.value(activity)?).copied(),
            Enters::Vector(rows) => {
                let row = self.value(activity).and_then(|value| rows.get(value));
                row.or_else(|| rows.get(MISSING)).copied()
            }
            Enters::Word(_) => None,
        }
    }

    /// The word that the value becomes, when it becomes one.
    pub fn word(&self, activity: &Activity) -> Option<String> {
        let Enters::Word(prefix) = &self.enters else { return None };
        let value = self.value(activity).unwrap_or(MISSING);
        // What a caller gives is one word, whatever it holds; fastText ends a word at a zero as well.
        let ends_a_word = |character: char| character.is_whitespace() || character == '\0';
        let value: Cow<'_, str> =
            if value.contains(ends_a_word) { value.replace(ends_a_word, "").into() } else { value.into() };
        let word = format!("{prefix}{value}");
        // Nor does it end the text.
        Some(if word == END_OF_TEXT { format!("{prefix}{MISSING}") } else { word })
    }

    /// Whether the value given is one that the model knows.
    pub fn knows(&self, activity: &Activity) -> bool {
        match &self.enters {
            Enters::Token(rows) | Enters::Vector(rows) => {
                self.value(activity).is_some_and(|value| value != MISSING && rows.contains_key(value))
            }
            Enters::Word(_) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coding::activity::RawActivity;

    fn with_surface(surface: Option<f64>, class: Option<&str>) -> Activity {
        let (description, surface_class) = (Some("hôtel".to_owned()), class.map(str::to_owned));
        Activity::try_from(RawActivity { description, surface, surface_class, ..RawActivity::default() }).unwrap()
    }

    fn of_surface(last_open: bool) -> CovariateFeature {
        let rows = [MISSING, "1", "2", "3"].into_iter().map(Box::from).zip(10..).collect();
        let surface_bins = Some(SurfaceBins { edges: [0.0, 120.0, 400.0, 2499.0], last_open });
        CovariateFeature { covariate: Covariate::SurfaceClass, enters: Enters::Vector(rows), surface_bins }
    }

    #[test]
    fn a_surface_falls_in_the_models_own_classes() {
        let rows = |last_open: bool| {
            let feature = of_surface(last_open);
            [0.0, 1.0, 119.9, 120.0, 400.0, 2499.0, 2500.0].map(|s| feature.row(&with_surface(Some(s), None)).unwrap())
        };
        assert_eq!(rows(false), [10, 11, 11, 12, 13, 13, 10]);
        assert_eq!(rows(true), [10, 11, 11, 12, 13, 13, 13]);
    }

    #[test]
    fn a_class_is_taken_as_it_is() {
        let of_class = |class, open| of_surface(open).row(&with_surface(None, class)).unwrap();
        assert_eq!([Some("2"), Some("4"), Some("x"), None].map(|class| of_class(class, true)), [12, 13, 10, 10]);
        assert_eq!(of_class(Some("4"), false), 10);
        assert!(!of_surface(false).knows(&with_surface(Some(2500.0), None)));
    }

    #[test]
    fn a_word_is_the_prefix_and_the_value() {
        let enters = Enters::Word("NAT_SICORE_".to_owned());
        let feature = CovariateFeature { covariate: Covariate::Nature, enters, surface_bins: None };
        let word = |nature: Option<&str>| {
            let (description, nature) = (Some("hôtel".to_owned()), nature.map(str::to_owned));
            feature.word(&Activity::try_from(RawActivity { description, nature, ..RawActivity::default() }).unwrap())
        };
        assert_eq!(word(Some("10")).unwrap(), "NAT_SICORE_10");
        assert_eq!(word(Some("1 0")).unwrap(), "NAT_SICORE_10");
        assert_eq!(word(Some("1\0 0\u{2028}")).unwrap(), "NAT_SICORE_10");
        assert_eq!(word(None).unwrap(), "NAT_SICORE_NaN");
    }

    #[test]
    fn no_value_ends_the_text() {
        let enters = Enters::Word(String::new());
        let feature = CovariateFeature { covariate: Covariate::Nature, enters, surface_bins: None };
        let raw = RawActivity {
            description: Some("hôtel".to_owned()),
            nature: Some(END_OF_TEXT.to_owned()),
            ..RawActivity::default()
        };
        assert_eq!(feature.word(&Activity::try_from(raw).unwrap()).unwrap(), MISSING);
    }
}
