//! A version made of an exported torchTextClassifiers model, which must answer as it did where it was made.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::tensor_file::TensorFile;
use super::torch_text::TorchText;
use super::torch_text::fold::{Folded, fold};
use super::torch_text::golden::GoldenLine;
use super::torch_text::mappings::{CovariateMapping, SURFACE};
use super::{Import, Imported};
use crate::coding::Coder;
use crate::coding::activity::Covariate;
use crate::coding::covariates::{MISSING, SurfaceBins};
use crate::coding::features::{FeatureBags, TextFeatures};
use crate::coding::normalise::presets;
use crate::coding::scoring::Loss;
use crate::model::error::{ModelError, ModelFault};
use crate::model::manifest::{CovariateSettings, Entry, Family, Manifest, TokenizerKind, TokenizerSettings};
use crate::model::weights;
use crate::model::writing::Unpublished;

/// Which field each covariate of such models is, by the names that Insee gives them.
const FIELDS: [(&str, Covariate); 5] = [
    ("CJ", Covariate::LegalCategory),
    ("NAT", Covariate::Nature),
    ("TYP", Covariate::FormType),
    (SURFACE, Covariate::SurfaceClass),
    ("CRT", Covariate::Permanence),
];
/// How far a probability may be from that of the model where it was made.
const TOLERANCE: f64 = 1e-4;

/// What the export does not say.
#[derive(Clone, Debug, Default)]
pub struct TorchTextOptions {
    /// Which field a covariate of another name is.
    pub fields: Vec<(String, Covariate)>,
    /// Whether the last class of the surface ends where the model says: larger ones are then missing.
    pub surface_bins_as_is: bool,
}

impl TorchTextOptions {
    /// What the covariate is called that is a surface.
    fn surface(&self) -> &str {
        let given = self.fields.iter().find(|(_, field)| *field == Covariate::SurfaceClass);
        given.map_or(SURFACE, |(name, _)| name)
    }
}

impl Import<'_> {
    /// Makes the next version of an export, and gives the directory it stands in.
    pub fn torch_text(&self, directory: &Path, options: &TorchTextOptions) -> Result<PathBuf, ModelError> {
        let model = TorchText::read(directory, options.surface())?;
        let folded = fold(&model);
        let of_mappings = |fault: ModelFault| fault.of(directory.join("mappings.json"));
        let covariates = covariates(&model, options).map_err(of_mappings)?;
        let tokenizer = model.config.tokenizer;
        let rows = folded.table.len() / folded.width.max(1);
        let manifest = self.manifest(Imported {
            family: Family::TorchText,
            dimension: folded.width,
            rows,
            normaliser: if tokenizer == TokenizerKind::Ngram { presets::torch_ngram() } else { Vec::new() },
            covariates,
            loss: Loss::Softmax,
            labels: model.mappings.labels.clone(),
            source: json!({
                "program": "torchTextClassifiers",
                "directory": directory.file_name().map(|name| name.to_string_lossy()),
                "surface_bins_as_is": options.surface_bins_as_is,
            }),
        });
        let mut manifest = manifest.map_err(of_mappings)?;
        manifest.tokenizer = Some(TokenizerSettings { kind: tokenizer, tokens: folded.token_rows });
        let tensors = tensors(&model, &folded, rows).reader();
        let mut unpublished = Unpublished::begin(self.versions, manifest)?;
        unpublished.write(weights::FILE, tensors.map_err(|error| ModelFault::from(error).of(directory))?)?;
        unpublished.write(model.tokenizer_file, model.tokenizer.as_slice())?;
        check(&self.coder(&unpublished, directory)?, unpublished.manifest(), &model.golden)
            .map_err(|fault| fault.of(directory.join("golden.jsonl")))?;
        self.publish(unpublished, directory, model.golden.iter().map(|line| line.text.clone()).collect())
    }
}

/// The covariates as the manifest writes them: each another field, and whatever was said of one must be of one there is.
fn covariates(model: &TorchText, options: &TorchTextOptions) -> Result<Vec<CovariateSettings>, ModelFault> {
    let malformed = |reason: String| Err(ModelFault::malformed("mapping", reason));
    let known = &model.mappings.covariates;
    if let Some((name, _)) = options.fields.iter().find(|(name, _)| known.iter().all(|one| one.name != *name)) {
        let known: Vec<&str> = known.iter().map(|covariate| covariate.name.as_str()).collect();
        return malformed(format!(
            "--covariate {name}: the model has no covariate of this name ({})",
            known.join(", ")
        ));
    }
    let mut covariates: Vec<CovariateSettings> = Vec::with_capacity(known.len());
    for covariate in known {
        let settings = settings(covariate, model, options)?;
        if let Some(place) = covariates.iter().position(|other| other.field == settings.field) {
            let other = known.get(place).map_or("", |other| &other.name);
            let (name, field) = (&covariate.name, settings.field.field());
            return malformed(format!(
                "{other} and {name} are both {field}: say with --covariate NAME=FIELD what they are"
            ));
        }
        covariates.push(settings);
    }
    Ok(covariates)
}

/// A covariate as the manifest writes it.
fn settings(
    covariate: &CovariateMapping,
    model: &TorchText,
    options: &TorchTextOptions,
) -> Result<CovariateSettings, ModelFault> {
    let name = covariate.name.as_str();
    let given = options.fields.iter().find(|(known, _)| known == name).map(|(_, field)| *field);
    let field = given.or_else(|| FIELDS.iter().find(|(known, _)| *known == name).map(|(_, field)| *field));
    let unknown = || {
        let known = FIELDS.map(|(name, _)| name).join(", ");
        format!("{name:?} is no covariate codif knows ({known}): say which field it is with --covariate {name}=FIELD")
    };
    let field = field.ok_or_else(|| ModelFault::malformed("mapping", unknown()))?;
    let mut values = covariate.values.clone();
    values.get_mut(covariate.missing).into_iter().for_each(|missing| *missing = MISSING.to_owned());
    let edges = model.config.surface_bins.filter(|_| covariate.is_surface);
    let surface_bins = edges.map(|edges| SurfaceBins { edges, last_open: !options.surface_bins_as_is });
    Ok(CovariateSettings { field, enters: Entry::Vector, values, surface_bins })
}

fn tensors(model: &TorchText, folded: &Folded, rows: usize) -> TensorFile {
    let labels = model.head_bias.len();
    TensorFile::default()
        .numbers("head.bias", &[labels], &model.head_bias)
        .numbers("head.weight", &[labels, folded.width], &model.head_weight)
        .numbers("table", &[rows, folded.width], &folded.table)
}

/// The model must make the same tokens of the golden lines, and give them the same probabilities.
fn check(coder: &Coder, manifest: &Manifest, golden: &[GoldenLine]) -> Result<(), ModelFault> {
    golden.iter().enumerate().try_for_each(|(place, line)| {
        let fault = |reason: String| ModelFault::Golden { line: place + 1, reason };
        let mut rows = tokens(coder, &line.text);
        if rows != line.input_ids {
            return Err(fault(format!("{rows:?} are its tokens, they should be {:?}", line.input_ids)));
        }
        let averaged = rows.len() as u32;
        let mut first_row = manifest.tokenizer.as_ref().map_or(0, |tokenizer| tokenizer.tokens);
        for (covariate, value) in manifest.covariates.iter().zip(&line.categorical_ids) {
            rows.push((first_row + value) as u32);
            first_row += covariate.values.len();
        }
        let bounds = vec![[0, averaged, rows.len() as u32, averaged]];
        let bags = FeatureBags { rows, bounds, known: vec![true] };
        let probabilities = coder.classifier.logits(&bags).and_then(|logits| coder.classifier.probabilities(&logits));
        let probabilities = probabilities.map_err(|error| fault(error.to_string()))?;
        for (code, expected) in &line.top5_full_precision {
            let label = manifest.labels.iter().position(|label| label == code);
            let found = label.and_then(|label| probabilities.first()?.get(label).copied()).map(f64::from);
            if found.is_none_or(|found| (found - expected).abs() > TOLERANCE) {
                return Err(fault(format!("{code} comes out at {found:?}, it should at {expected:.6}")));
            }
        }
        Ok(())
    })
}

/// The tokens of a text, as the model sees it.
fn tokens(coder: &Coder, text: &str) -> Vec<u32> {
    let mut tokens = Vec::new();
    if let TextFeatures::Tokens(tokenizer) = &coder.features.text {
        tokenizer.ids(coder.normaliser.normalise(text).as_str(), &mut tokens);
    }
    tokens
}
