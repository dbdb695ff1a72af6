//! The answer of the contract: ranks by their number, then the gap (`IC`), then the model.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::query::Wanted;
use super::route_coder::Settings;
use crate::coding::{Coding, Prediction};

/// Which predictions of a coding are kept, and in which precision.
#[derive(Clone, Copy, Debug)]
pub struct Selection {
    most: usize,
    /// The least probability.
    least: f64,
    /// Whether that probability itself is too small.
    strict: bool,
    round: Option<u8>,
}

impl Selection {
    /// Of the current form.
    pub fn current(wanted: Wanted, settings: &Settings) -> Self {
        Self { most: wanted.most, least: wanted.least, strict: false, round: settings.round }
    }

    /// Of the older form, where the least probability is too small itself.
    pub fn older(wanted: Wanted, settings: &Settings) -> Self {
        Self { strict: true, ..Self::current(wanted, settings) }
    }

    /// How many predictions a coding must have for this: the gap of rounded probabilities takes two.
    pub fn most(&self) -> usize {
        self.most.max(2)
    }

    /// A probability as it is written.
    pub fn written(&self, probability: f64) -> f64 {
        match self.round {
            None => probability,
            Some(decimals) => {
                let scale = 10f64.powi(i32::from(decimals));
                (probability * scale).round() / scale
            }
        }
    }

    /// The gap as it is written: that of the probabilities as they are written, as it always was.
    pub fn gap(&self, coding: &Coding) -> f64 {
        let [first, second] = [0, 1].map(|place| coding.predictions.get(place).map(|best| best.probability));
        match (self.round, first, second) {
            (Some(_), Some(first), Some(second)) => self.written(self.written(first) - self.written(second)),
            _ => coding.gap,
        }
    }

    /// The predictions kept.
    pub fn kept<'a>(&'a self, coding: &'a Coding) -> impl Iterator<Item = &'a Prediction> {
        let enough = |probability: f64| if self.strict { probability > self.least } else { probability >= self.least };
        coding.predictions.iter().take(self.most).take_while(move |best| enough(self.written(best.probability)))
    }
}

/// One coding in the contract's form.
pub struct Ranks<'a> {
    /// The coding.
    pub coding: &'a Coding,
    /// Which of its predictions are kept.
    pub selection: Selection,
    /// Whether the version of the model stands under `MLversion`, as in the current form.
    pub with_version: bool,
}

impl Serialize for Ranks<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (rank, prediction) in (1..).zip(self.selection.kept(self.coding)) {
            map.serialize_entry(
                &Rank(rank),
                &Echo { prediction, probability: self.selection.written(prediction.probability) },
            )?;
        }
        map.serialize_entry("IC", &self.selection.gap(self.coding))?;
        if self.with_version {
            let model = &self.coding.model;
            map.serialize_entry("MLversion", &format_args!("{}/{}", model.name, model.version))?;
        }
        map.end()
    }
}

/// A rank as a key.
struct Rank(usize);

impl Serialize for Rank {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// One prediction.
struct Echo<'a> {
    prediction: &'a Prediction,
    probability: f64,
}

impl Serialize for Echo<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(3))?;
        map.serialize_entry("code", &self.prediction.label.code)?;
        map.serialize_entry("probabilite", &self.probability)?;
        map.serialize_entry("libelle", &self.prediction.label.written.title)?;
        map.end()
    }
}
