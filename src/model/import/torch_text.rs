//! An exported torchTextClassifiers model: a directory of `config.json`, `mappings.json`, the tokenizer's file,
//! `model.safetensors` and `golden.jsonl`, as `python/export_torch_text.py` writes it. All of it is checked against the rest,
//! so that what is read can be folded and answer.

pub mod config;
pub mod fold;
pub mod golden;
pub mod mappings;
pub mod tensors;

use std::path::Path;

use crate::coding::tokens::{Tokenizer, TokenizerError};
use crate::model::error::{ModelError, ModelFault};
use crate::model::manifest::TokenizerKind;
use config::Config;
use golden::GoldenLine;
use mappings::Mappings;
use tensors::Tensors;

/// Widest hidden vector read, in numbers.
const WIDEST: usize = 4096;
/// Largest table made of the embeddings, in numbers.
const LARGEST_TABLE: usize = 1 << 30;

/// A torchTextClassifiers model, as exported.
#[derive(Clone, Debug)]
pub struct TorchText {
    /// Sizes and kinds.
    pub config: Config,
    /// Covariates and labels, in the order of their indices.
    pub mappings: Mappings,
    /// Name of the tokenizer's file.
    pub tokenizer_file: &'static str,
    /// The bytes of that file.
    pub tokenizer: Vec<u8>,
    /// One row a token, of the embedding's dimension.
    pub token_embeddings: Vec<f32>,
    /// How many rows those are.
    pub token_rows: usize,
    /// The embeddings of each covariate, in the order of the mappings: one row a value, of the covariate's own dimension.
    pub categorical: Vec<Vec<f32>>,
    /// Labels × width of the hidden vector.
    pub head_weight: Vec<f32>,
    /// One number a label.
    pub head_bias: Vec<f32>,
    /// What the model answered where it was made.
    pub golden: Vec<GoldenLine>,
}

impl TorchText {
    /// Reads a directory, in which the covariate that is a surface is called `surface`.
    pub fn read(directory: &Path, surface: &str) -> Result<Self, ModelError> {
        let config = read_file(directory, "config.json", Config::read)?;
        let mappings = read_file(directory, "mappings.json", |bytes| {
            let mappings = Mappings::read(bytes, surface)?;
            agree(&config, &mappings)?;
            Ok(mappings)
        })?;
        let tensors = read_tensors(directory, &config, &mappings)?;
        let tokenizer_file = config.tokenizer.file();
        let tokenizer = read_file(directory, tokenizer_file, |bytes| {
            check_tokenizer(bytes, config.tokenizer, tensors.token_rows)?;
            Ok(bytes.to_vec())
        })?;
        let golden = read_file(directory, "golden.jsonl", |bytes| golden::read(bytes, &mappings, tensors.token_rows))?;
        Ok(Self {
            config,
            mappings,
            tokenizer_file,
            tokenizer,
            token_embeddings: tensors.token_embeddings,
            token_rows: tensors.token_rows,
            categorical: tensors.categorical,
            head_weight: tensors.head_weight,
            head_bias: tensors.head_bias,
            golden,
        })
    }
}

/// What `read` makes of a file; a fault is that file's.
fn read_file<T>(
    directory: &Path,
    name: &str,
    read: impl FnOnce(&[u8]) -> Result<T, ModelFault>,
) -> Result<T, ModelError> {
    let path = directory.join(name);
    match std::fs::read(&path).map_err(ModelFault::from).and_then(|bytes| read(&bytes)) {
        Ok(value) => Ok(value),
        Err(fault) => Err(fault.of(path)),
    }
}

fn read_tensors(directory: &Path, config: &Config, mappings: &Mappings) -> Result<Tensors, ModelError> {
    let path = directory.join("model.safetensors");
    let read = || {
        let file = std::fs::File::open(&path)?;
        let length = file.metadata()?.len();
        Tensors::read(file, length, config, mappings)
    };
    read().map_err(|fault: ModelFault| fault.of(&path))
}

/// The mappings must be those of a model so configured.
fn agree(config: &Config, mappings: &Mappings) -> Result<(), ModelFault> {
    let malformed = |reason: String| Err(ModelFault::malformed("mapping", reason));
    let (covariates, labels) = (&mappings.covariates, mappings.labels.len());
    if labels != config.num_classes {
        return malformed(format!("it has {labels} labels, the configuration says {}", config.num_classes));
    }
    if !config.joining.suits(covariates.len()) {
        let (count, joining) = (covariates.len(), &config.joining);
        return malformed(format!("it has {count} covariates, the configuration joins them as {joining:?}"));
    }
    if let Some(surface) = covariates.iter().find(|covariate| covariate.is_surface && config.surface_bins.is_none()) {
        return malformed(format!("it has {}, the configuration has no surface_bins", surface.name));
    }
    let width = config.width();
    if width > WIDEST {
        return malformed(format!("the hidden vector has {width} numbers, at most {WIDEST} are read"));
    }
    Ok(())
}

/// Every token must have its row.
fn check_tokenizer(bytes: &[u8], kind: TokenizerKind, rows: usize) -> Result<(), ModelFault> {
    let malformed = |error: TokenizerError| ModelFault::malformed("tokenizer", error);
    let tokenizer = match kind {
        TokenizerKind::WordPiece => Tokenizer::word_piece(bytes),
        TokenizerKind::Ngram => Tokenizer::ngrams(bytes),
    };
    match tokenizer.map_err(malformed)?.size() {
        size if size > rows => {
            Err(ModelFault::malformed("tokenizer", format!("it has {size} tokens, the model has {rows} rows")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::mappings::SURFACE;
    use super::*;
    use std::path::PathBuf;

    pub const FIXTURES: [&str; 3] = ["wordpiece-average", "wordpiece-sum", "ngram-concatenate"];

    pub fn fixture(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/torch-text").join(name)
    }

    /// What reading says of a copy of a fixture in which some text of a file was changed.
    fn refusal(name: &str, file: &str, from: &str, to: &str) -> String {
        let copy = tempfile::tempdir().unwrap();
        for entry in std::fs::read_dir(fixture(name)).unwrap() {
            let path = entry.unwrap().path();
            let mut bytes = std::fs::read(&path).unwrap();
            if path.ends_with(file) {
                let place = bytes.windows(from.len()).position(|window| window == from.as_bytes()).unwrap();
                drop(bytes.splice(place..place + from.len(), to.bytes()));
            }
            std::fs::write(copy.path().join(path.file_name().unwrap()), bytes).unwrap();
        }
        let error = TorchText::read(copy.path(), SURFACE).unwrap_err();
        assert!(error.file.ends_with(file), "{error}");
        error.to_string()
    }

    #[test]
    fn an_export_is_read_whole() {
        let model = TorchText::read(&fixture("wordpiece-average"), SURFACE).unwrap();
        assert_eq!((model.token_rows, model.token_embeddings.len()), (2631, 2631 * 80));
        assert_eq!(model.config.width(), 96);
        assert_eq!((model.head_weight.len(), model.head_bias.len()), (732 * 96, 732));
        let sizes: Vec<usize> = model.categorical.iter().map(|rows| rows.len() / 16).collect();
        assert_eq!(sizes, [156, 24, 16, 4, 3]);
        assert_eq!((model.mappings.labels.len(), model.golden.len()), (732, 46));
        assert_eq!(model.tokenizer_file, "tokenizer.json");
    }

    #[test]
    fn files_that_do_not_agree_are_refused_with_the_reason() {
        for (name, file, from, to, reason) in [
            ("wordpiece-sum", "config.json", r#""mean""#, r#""first""#, r#"aggregation "first""#),
            ("wordpiece-sum", "config.json", r#""mean""#, r#""mean", "attention_config": {}"#, "attention_config"),
            ("wordpiece-sum", "config.json", r#": "wordpiece""#, r#": "bpe""#, "unknown variant `bpe`"),
            ("wordpiece-sum", "mappings.json", r#""labels": {"#, r#""labels": {"x": 41, "#, "42 labels"),
            ("ngram-concatenate", "mappings.json", r#""feature_order": ["SRF", "#, r#""feature_order": ["#, "SRF"),
            ("ngram-concatenate", "ngram.json", r#""num_tokens": 300"#, r#""num_tokens": 301"#, "424 tokens"),
            ("wordpiece-sum", "tokenizer.json", r#""WordPiece","unk"#, r#""BPE","unk"#, r#"type "BPE""#),
            ("wordpiece-sum", "model.safetensors", "[365,12]", "[12,365]", "shape [12, 365]"),
            ("wordpiece-sum", "model.safetensors", "head.net.bias", "attention.abc", "attention variants are not read"),
            (
                "wordpiece-sum",
                "golden.jsonl",
                r#""input_ids": [2"#,
                r#""input_ids": [9999"#,
                "golden case 1: token 9999",
            ),
        ] {
            let error = refusal(name, file, from, to);
            assert!(error.contains(reason), "{error}");
        }
    }
}
