//! What is run of a `tokenizer.json`, and what is not: parts that read data of their own, and those that other people's bytes
//! would make panic. Checked before the tokenizer is made, which may be too late.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::super::TokenizerError;

/// Parts of a tokenizer that are run.
const PARTS: [&str; 16] = [
    "BertNormalizer",
    "BertPreTokenizer",
    "BertProcessing",
    "Digits",
    "Lowercase",
    "NFC",
    "NFD",
    "NFKC",
    "NFKD",
    "Punctuation",
    "Sequence",
    "Strip",
    "StripAccents",
    "TemplateProcessing",
    "Whitespace",
    "WhitespaceSplit",
];
/// Their fields: by others a part would be taken for one of another type.
const FIELDS: [&str; 17] = [
    "type",
    "normalizers",
    "clean_text",
    "handle_chinese_chars",
    "strip_accents",
    "lowercase",
    "strip_left",
    "strip_right",
    "pretokenizers",
    "individual_digits",
    "behavior",
    "processors",
    "sep",
    "cls",
    "single",
    "pair",
    "special_tokens",
];
/// Most characters of a word that is looked for in the vocabulary piece by piece: the work grows with their cube.
const LONGEST_WORD: u64 = 1000;

/// What is read of a file before the tokenizer is made.
#[derive(Deserialize)]
struct File {
    model: FileModel,
    #[serde(default)]
    added_tokens: Vec<AddedToken>,
    #[serde(default)]
    normalizer: Value,
    #[serde(default)]
    pre_tokenizer: Value,
    #[serde(default)]
    post_processor: Value,
    #[serde(default, rename = "decoder")]
    _decoder: Option<Decoder>,
}

/// What would make a text of tokens again; codif never does.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Decoder {
    #[serde(rename = "type")]
    _kind: String,
    #[serde(default, rename = "prefix")]
    _prefix: Option<String>,
    #[serde(default, rename = "cleanup")]
    _cleanup: Option<bool>,
}

#[derive(Deserialize)]
struct FileModel {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    max_input_chars_per_word: u64,
}

/// A token that is looked for in the text itself.
#[derive(Deserialize)]
struct AddedToken {
    content: String,
    #[serde(default)]
    lstrip: bool,
    #[serde(default)]
    rstrip: bool,
    #[serde(default)]
    normalized: bool,
}

/// Refuses what is not run.
pub fn check(bytes: &[u8]) -> Result<(), TokenizerError> {
    let file: File = serde_json::from_slice(bytes).map_err(TokenizerError::new)?;
    if file.model.kind != "WordPiece" {
        return Err(foreign(&file.model.kind));
    }
    let longest = file.model.max_input_chars_per_word;
    if longest > LONGEST_WORD {
        let reason = format!("it looks for words of {longest} characters, at most {LONGEST_WORD} are allowed");
        return Err(TokenizerError::new(reason));
    }
    if let Some(token) = file.added_tokens.iter().find(|token| token.lstrip || token.rstrip || token.normalized) {
        let reason = format!("its added token {:?} has lstrip, rstrip or normalized, which are not run", token.content);
        return Err(TokenizerError::new(reason));
    }
    [&file.normalizer, &file.pre_tokenizer, &file.post_processor].into_iter().try_for_each(check_part)
}

/// A model of another kind.
pub fn foreign(kind: &str) -> TokenizerError {
    TokenizerError::new(format!("a tokenizer of model type {kind:?} is not read, only WordPiece"))
}

/// A part, and those that it is a sequence of.
fn check_part(part: &Value) -> Result<(), TokenizerError> {
    let fields = match part {
        Value::Null => return Ok(()),
        part => part.as_object().ok_or_else(|| TokenizerError::new("a part of it is no object"))?,
    };
    let kind = fields.get("type").and_then(Value::as_str).unwrap_or_default();
    if !PARTS.contains(&kind) {
        let reason = format!("its part {kind:?} is not run: those that are, are {}", PARTS.join(", "));
        return Err(TokenizerError::new(reason));
    }
    if let Some(field) = fields.keys().find(|field| !FIELDS.contains(&field.as_str())) {
        return Err(TokenizerError::new(format!("field {field:?} of its part {kind:?} is not run")));
    }
    if kind == "TemplateProcessing" {
        check_template(fields)?;
    }
    let lists =
        ["normalizers", "pretokenizers", "processors"].into_iter().filter_map(|name| fields.get(name)?.as_array());
    for list in lists {
        list.iter().try_for_each(check_part)?;
        let before_the_last = list.iter().rev().skip(1);
        if before_the_last
            .into_iter()
            .any(|part| part.get("type").and_then(Value::as_str) == Some("TemplateProcessing"))
        {
            return Err(TokenizerError::new("its part \"TemplateProcessing\" is not the last of its sequence"));
        }
    }
    Ok(())
}

/// What a template puts around a text.
#[derive(Deserialize)]
struct Template {
    single: Vec<Piece>,
    #[serde(default)]
    special_tokens: BTreeMap<String, SpecialToken>,
}

#[derive(Deserialize)]
enum Piece {
    SpecialToken { id: String },
    Sequence { id: String },
}

#[derive(Deserialize)]
struct SpecialToken {
    ids: Vec<u32>,
    tokens: Vec<String>,
}

/// A template must hold the text once, and no token that it does not describe.
fn check_template(fields: &Map<String, Value>) -> Result<(), TokenizerError> {
    let malformed = |reason: String| TokenizerError::new(format!("its part \"TemplateProcessing\": {reason}"));
    let template: Template =
        serde_json::from_value(Value::Object(fields.clone())).map_err(|error| malformed(error.to_string()))?;
    let mut texts = 0;
    for piece in &template.single {
        match piece {
            Piece::Sequence { id } if id == "A" => texts += 1,
            Piece::Sequence { id } => return Err(malformed(format!("{id:?} is no part of a text"))),
            Piece::SpecialToken { id } => match template.special_tokens.get(id) {
                Some(token) if token.ids.len() == token.tokens.len() => {}
                Some(_) => return Err(malformed(format!("token {id:?} has not one id each"))),
                None => return Err(malformed(format!("token {id:?} is not among its special_tokens"))),
            },
        }
    }
    if texts == 1 { Ok(()) } else { Err(malformed(format!("it holds the text {texts} times"))) }
}

#[cfg(test)]
mod tests {
    use super::super::WordPiece;
    use serde_json::{Value, json};

    /// Why a changed tokenizer is refused.
    fn refusal(change: impl FnOnce(&mut Value)) -> String {
        let file = std::fs::read("tests/data/torch-text/wordpiece-sum/tokenizer.json").unwrap();
        let mut file: Value = serde_json::from_slice(&file).unwrap();
        change(&mut file);
        WordPiece::read(file.to_string().as_bytes()).unwrap_err().to_string()
    }

    fn of_normaliser(normaliser: Value) -> String {
        refusal(|file| file["normalizer"] = normaliser)
    }

    #[test]
    fn parts_that_read_data_of_their_own_are_refused() {
        let precompiled = json!({"type": "Precompiled", "precompiled_charsmap": "AAAAAA=="});
        for normaliser in [precompiled.clone(), json!({"type": "Sequence", "normalizers": [precompiled]})] {
            let message = of_normaliser(normaliser);
            assert!(message.contains("\"Precompiled\" is not run"), "{message}");
        }
        for (normaliser, reason) in [
            (json!({"precompiled_charsmap": "AAAAAA=="}), "part \"\" is not run"),
            (json!({"type": "Lowercase", "precompiled_charsmap": "AAAAAA=="}), "field \"precompiled_charsmap\""),
            (json!({"type": "Strip", "pattern": {"Regex": "a"}, "content": "b"}), "field \"content\""),
            (json!("Lowercase"), "is no object"),
        ] {
            let message = of_normaliser(normaliser);
            assert!(message.contains(reason), "{message}");
        }
    }

    #[test]
    fn endless_words_are_refused() {
        let message = refusal(|file| file["model"]["max_input_chars_per_word"] = json!(100_000));
        assert!(message.contains("words of 100000 characters"), "{message}");
    }

    #[test]
    fn tokens_that_are_looked_for_otherwise_than_as_they_stand_are_refused() {
        for field in ["lstrip", "rstrip", "normalized"] {
            let message = refusal(|file| file["added_tokens"][0][field] = json!(true));
            assert!(message.contains("lstrip, rstrip or normalized"), "{message}");
        }
    }

    #[test]
    fn templates_that_cannot_be_filled_are_refused() {
        let text = |id: &str| json!({"Sequence": {"id": id, "type_id": 0}});
        let token = json!({"SpecialToken": {"id": "[CLS]", "type_id": 0}});
        let described = json!({"[CLS]": {"id": "[CLS]", "ids": [2], "tokens": ["[CLS]"]}});
        let torn = json!({"[CLS]": {"id": "[CLS]", "ids": [2, 3], "tokens": ["[CLS]"]}});
        let template = |single: Value, tokens: Value| json!({"type": "TemplateProcessing", "single": single, "pair": [text("A"), text("B")], "special_tokens": tokens});
        let whole = template(json!([token, text("A")]), described.clone());
        for (processor, reason) in [
            (template(json!([token, text("A")]), json!({})), "\"[CLS]\" is not among"),
            (template(json!([token, text("A")]), torn), "has not one id each"),
            (template(json!([token, text("B")]), described.clone()), "\"B\" is no part"),
            (template(json!([token]), described.clone()), "the text 0 times"),
            (template(json!([text("A"), text("A")]), described.clone()), "the text 2 times"),
            (template(json!("[CLS] $A"), described), "TemplateProcessing"),
            (json!({"type": "Sequence", "processors": [whole, whole]}), "not the last"),
        ] {
            let message = refusal(|file| file["post_processor"] = processor.clone());
            assert!(message.contains(reason), "{message}");
        }
    }
}
