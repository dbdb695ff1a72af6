//! A version made of a fastText file: its matrices are copied as they lie in the file, quantised ones quantised.

use std::fs::File;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::fasttext::{Arguments, FasttextFile, FasttextLoss, KeptBuckets, Matrix, common_prefix, read};
use super::tensor_file::TensorFile;
use super::{Import, Imported};
use crate::coding::normalise::Step;
use crate::coding::quantiser::QuantiserSettings;
use crate::coding::scoring::Loss;
use crate::model::bundle::VOCABULARY_FILE;
use crate::model::error::{ModelError, ModelFault};
use crate::model::manifest::{CovariateSettings, Family, FeatureSettings, Manifest};
use crate::model::weights;
use crate::model::writing::Unpublished;

/// What the file does not say.
#[derive(Clone, Debug, Default)]
pub struct FasttextOptions {
    /// What is done to a text before the model sees it.
    pub normaliser: Vec<Step>,
    /// What the labels begin with; `__word__` when all begin with the same.
    pub label_prefix: Option<String>,
    /// What is known beside the text, as words after it.
    pub covariates: Vec<CovariateSettings>,
}

impl Import<'_> {
    /// Makes the next version of a fastText file, and gives the directory it stands in.
    pub fn fasttext(&self, path: &Path, options: FasttextOptions) -> Result<PathBuf, ModelError> {
        let of_file = |fault: ModelFault| fault.of(path);
        let file = File::open(path).and_then(|file| Ok((file.metadata()?.len(), file)));
        let (length, file) = file.map_err(|error| of_file(error.into()))?;
        let model = read(file, length).map_err(of_file)?;
        let prefix = prefix(&model, options.label_prefix).map_err(of_file)?;
        let labels = labels(&model, &prefix).map_err(of_file)?;
        let words = words(&model);
        let FasttextFile { arguments, dictionary, input, output } = &model;
        let kept = match &dictionary.kept_buckets {
            KeptBuckets::All => arguments.buckets,
            KeptBuckets::Some(kept) => kept.len(),
        };
        let file_name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        let manifest = self.manifest(Imported {
            family: Family::Fasttext,
            dimension: arguments.dimension,
            rows: words.len() + kept,
            normaliser: options.normaliser,
            covariates: options.covariates,
            loss: loss(arguments),
            labels,
            source: json!({"program": "fastText", "file": file_name, "bytes": length}),
        });
        let mut manifest = manifest.map_err(of_file)?;
        manifest.features = Some(FeatureSettings {
            words: words.len(),
            shortest_subword: arguments.minn,
            longest_subword: arguments.maxn,
            longest_word_ngram: arguments.word_ngrams,
            buckets: arguments.buckets,
            kept_buckets: kept,
            label_prefix: Some(prefix),
        });
        manifest.architecture.quantiser = quantiser(input);
        manifest.architecture.head_quantiser = quantiser(output);
        if arguments.loss == FasttextLoss::HierarchicalSoftmax {
            manifest.label_counts = dictionary.labels.iter().map(|(_, count)| *count).collect();
        }
        let tensors = tensors(&model, &manifest, path);
        let mut unpublished = Unpublished::begin(self.versions, manifest)?;
        unpublished.write(weights::FILE, tensors.reader().map_err(|error| of_file(error.into()))?)?;
        unpublished.write(VOCABULARY_FILE, (words.join("\n") + "\n").as_bytes())?;
        let spread = words.len().div_ceil(super::GOLDEN_CASES).max(1);
        let texts = words.chunks(spread).filter_map(|some| some.get(..3.min(some.len()))).map(|some| some.join(" "));
        self.publish(unpublished, path, texts.filter(|text| !text.contains("</s>")).collect())
    }
}

fn loss(arguments: &Arguments) -> Loss {
    match arguments.loss {
        FasttextLoss::Softmax => Loss::Softmax,
        FasttextLoss::HierarchicalSoftmax => Loss::Hierarchical,
        FasttextLoss::OneVsAll | FasttextLoss::NegativeSampling => Loss::TabulatedOneVsAll,
    }
}

fn quantiser(matrix: &Matrix) -> Option<QuantiserSettings> {
    match matrix {
        Matrix::Dense { .. } => None,
        Matrix::Quantised { width, norms, .. } => Some(QuantiserSettings { width: *width, norms: norms.is_some() }),
    }
}

/// What all labels begin with: as it was given, or as the file shows.
fn prefix(model: &FasttextFile, given: Option<String>) -> Result<String, ModelFault> {
    let labels: Vec<&[u8]> = model.dictionary.labels.iter().map(|(label, _)| label.as_slice()).collect();
    let prefix = given.unwrap_or_else(|| common_prefix(&labels));
    match labels.iter().find(|label| !label.starts_with(prefix.as_bytes())) {
        Some(label) => {
            let label = String::from_utf8_lossy(label);
            Err(ModelFault::malformed("fastText file", format!("label {label:?} does not begin with {prefix:?}")))
        }
        None => Ok(prefix),
    }
}

fn labels(model: &FasttextFile, prefix: &str) -> Result<Vec<String>, ModelFault> {
    let labels = model.dictionary.labels.iter().map(|(label, _)| {
        let label = label.get(prefix.len()..).unwrap_or_default().to_vec();
        let malformed = |reason: String| ModelFault::malformed("fastText file", reason);
        match String::from_utf8(label) {
            Ok(label) if label.is_empty() => Err(malformed(format!("a label is nothing but {prefix:?}"))),
            Ok(label) => Ok(label),
            Err(error) => Err(malformed(format!("label {:?} is not UTF-8", String::from_utf8_lossy(error.as_bytes())))),
        }
    });
    labels.collect()
}

/// The words, one a row. One that is no UTF-8 keeps its row under a name that no text has.
fn words(model: &FasttextFile) -> Vec<String> {
    let words = model.dictionary.words.iter();
    words
        .map(|word| String::from_utf8(word.clone()).unwrap_or_else(|_| format!("not UTF-8: {}", hex::encode(word))))
        .collect()
}

fn tensors(model: &FasttextFile, manifest: &Manifest, path: &Path) -> TensorFile {
    let bias = vec![0.0; manifest.labels.len()];
    let file = TensorFile::default().numbers("head.bias", &[bias.len()], &bias);
    let file = matrix(file, &model.output, ["head", "head.weight"], path);
    // All of them may have been kept, in another order.
    let file = match &model.dictionary.kept_buckets {
        KeptBuckets::Some(kept) => file.whole_numbers("buckets", kept),
        KeptBuckets::All => file,
    };
    matrix(file, &model.input, ["table", "table"], path)
}

fn matrix(file: TensorFile, matrix: &Matrix, [name, dense]: [&str; 2], path: &Path) -> TensorFile {
    match matrix {
        Matrix::Dense { rows, columns, values } => file.piece(dense, "F32", &[*rows, *columns], path, values),
        Matrix::Quantised { rows, pieces, codes, centroids, norms, .. } => {
            let numbers = |range: &std::ops::Range<u64>| ((range.end - range.start) / 4) as usize;
            let file = file.piece(&format!("{name}.centroids"), "F32", &[numbers(centroids)], path, centroids);
            let file = file.piece(&format!("{name}.codes"), "U8", &[*rows, *pieces], path, codes);
            let Some((codes, centroids)) = norms else { return file };
            let file = file.piece(&format!("{name}.norms"), "F32", &[numbers(centroids)], path, centroids);
            file.piece(&format!("{name}.norm_codes"), "U8", &[*rows], path, codes)
        }
    }
}
