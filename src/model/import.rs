//! Models that other programs made, read as codif's own: they become a version that is verified as any other.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::assembly;
use super::error::{ModelError, ModelFault};
use super::golden::GoldenCase;
use super::manifest::{Architecture, Confidence, CovariateSettings, DecisionSettings, Family, Manifest, Training};
use super::writing::{CARD_FILE, Unpublished};
use crate::coding::Coder;
use crate::coding::activity::Activity;
use crate::coding::normalise::Step;
use crate::coding::scoring::Loss;
use crate::nomenclature::{Level, Nomenclature, Nomenclatures};

pub mod fasttext;
pub mod fasttext_version;
pub mod tensor_file;
pub mod torch_text;
pub mod torch_text_version;

/// Golden cases that are recorded of an imported model.
const GOLDEN_CASES: usize = 40;

/// What an imported model becomes.
#[derive(Clone, Debug)]
pub struct Import<'a> {
    /// The directory of the versions of its name.
    pub versions: &'a Path,
    /// Its name.
    pub name: &'a str,
    /// The nomenclature its labels are of; none when they are of none.
    pub nomenclature: Option<&'a Nomenclature>,
    /// The nomenclatures there are.
    pub nomenclatures: &'a Nomenclatures,
    /// The confidence gap from which a code is given automatically.
    pub threshold: f64,
}

/// A model as it was read, up to what every import does alike.
struct Imported {
    family: Family,
    dimension: usize,
    rows: usize,
    normaliser: Vec<Step>,
    covariates: Vec<CovariateSettings>,
    loss: Loss,
    labels: Vec<String>,
    /// Where it comes from.
    source: Value,
}

impl Import<'_> {
    /// The manifest of a model that was read; what its family has beyond is filled in by whoever read it. Labels outside the
    /// nomenclature are refused here, before anything is written.
    fn manifest(&self, imported: Imported) -> Result<Manifest, ModelFault> {
        let manifest = Manifest {
            format: Manifest::FORMAT,
            name: self.name.to_owned(),
            version: 0,
            created_at: jiff::Timestamp::now(),
            nomenclature: self.nomenclature.map_or(self.name, Nomenclature::id).to_owned(),
            architecture: Architecture {
                family: imported.family,
                dimension: imported.dimension,
                rows: imported.rows,
                quantiser: None,
                head_quantiser: None,
            },
            normaliser: imported.normaliser,
            features: None,
            tokenizer: None,
            covariates: imported.covariates,
            loss: imported.loss,
            temperature: 1.0,
            decision: DecisionSettings {
                confidence: Confidence::Gap,
                threshold: self.threshold,
                target_error: None,
                calibration: None,
            },
            metrics: None,
            training: Training {
                corpus: Vec::new(),
                refitted_on_all_lines: false,
                seed: 0,
                codif: env!("CARGO_PKG_VERSION").to_owned(),
                settings: json!({"imported": imported.source}),
            },
            files: BTreeMap::new(),
            labels: imported.labels,
            free_labels: self.nomenclature.is_none(),
            label_counts: Vec::new(),
        };
        assembly::check_labels(&manifest, self.nomenclatures)?;
        Ok(manifest)
    }

    /// The coder of what was written. What is wrong with it is wrong with what it was made of: `source`.
    fn coder(&self, unpublished: &Unpublished, source: &Path) -> Result<Coder, ModelError> {
        unpublished.coder(self.nomenclatures).map_err(|error| error.fault.of(source))
    }

    /// Records golden cases of what was written, and publishes it. `texts` are of the model's own words.
    fn publish(&self, mut unpublished: Unpublished, source: &Path, texts: Vec<String>) -> Result<PathBuf, ModelError> {
        let coder = self.coder(&unpublished, source)?;
        // One text of our own, for a model that knows no word that could be one.
        let all =
            self.titles(unpublished.manifest()).into_iter().chain(texts).chain(["coiffure à domicile".to_owned()]);
        let texts = all.filter(|text| Activity::of_text(text).is_some());
        let activities = texts.take(GOLDEN_CASES).enumerate().map(|(place, text)| {
            let mut activity = Map::from_iter([("description".to_owned(), Value::from(text))]);
            // Every other case with what is known beside the text.
            if place % 2 == 1 {
                activity.extend(beside(&unpublished.manifest().covariates, place));
            }
            activity
        });
        let cases: Result<Vec<_>, _> = activities.map(|activity| GoldenCase::record(&coder, activity)).collect();
        let cases = cases.map_err(|fault| fault.of(self.versions))?;
        drop(coder);
        unpublished.write_golden(&cases)?;
        unpublished.write(CARD_FILE, card(unpublished.manifest()).as_bytes())?;
        unpublished.publish()
    }

    /// Titles of the nomenclature, spread over it.
    fn titles(&self, manifest: &Manifest) -> Vec<String> {
        let Some(nomenclature) = self.nomenclature else { return Vec::new() };
        let step = manifest.labels.len().div_ceil(GOLDEN_CASES / 2).max(1);
        let entries = nomenclature.entries().iter().filter(|entry| entry.level == Level::SubClass);
        entries.step_by(step).map(|entry| entry.title.clone()).take(GOLDEN_CASES / 2).collect()
    }
}

/// A value of each covariate.
fn beside(covariates: &[CovariateSettings], place: usize) -> impl Iterator<Item = (String, Value)> {
    covariates.iter().filter_map(move |covariate| {
        let known = covariate.values.get(place.checked_rem(covariate.values.len())?)?;
        (known != crate::coding::covariates::MISSING)
            .then(|| (covariate.field.field().to_owned(), known.as_str().into()))
    })
}

/// What people should know of an imported version.
fn card(manifest: &Manifest) -> String {
    let source = serde_json::to_string_pretty(&manifest.training.settings).unwrap_or_default();
    format!(
        "# {}\n\nImported by codif {}: {} labels of {}, {} rows of {} numbers. Its golden cases are what this model answered when it was \
         imported.\n\nIts threshold is {}: codif has not calibrated it. `codif evaluate` measures it on coded activities.\n\n```json\n{source}\n```\n",
        manifest.name,
        manifest.training.codif,
        manifest.labels.len(),
        manifest.nomenclature,
        manifest.architecture.rows,
        manifest.architecture.dimension,
        manifest.decision.threshold,
    )
}
