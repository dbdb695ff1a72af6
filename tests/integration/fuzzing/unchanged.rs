//! What the inputs of the models' readers are made of is read as it is: a change is then all that is wrong with it.

use codif::coding::normalise::empty_labels::EmptyLabels;
use codif::coding::tokens::Tokenizer;
use codif::model::golden;
use codif::model::import::torch_text::config::Config;
use codif::model::import::torch_text::golden as answers;
use codif::model::import::torch_text::mappings::{Mappings, SURFACE};
use codif::model::import::torch_text::tensors::Tensors;
use codif::model::signature::{PublicKey, SigningKey, check};
use codif::model::weights::Weights;
use serde_json::Value;

use super::documents::{cases_of_a_shipped_model, empty_phrases};
use super::models::{exported, exported_answers, pairs_of_keys, signed, word_piece_files};
use super::targets::{SMALL_SIZES, signing_key};
use super::tensors::{exported_tensors, safetensors, small_weights};

#[test]
fn exported_models_are_read_before_they_are_changed() {
    let bytes = |file: &str| exported(file).into_iter().map(|file| file.to_string().into_bytes());
    let configs: Vec<Config> = bytes("config.json").map(|file| Config::read(&file).unwrap()).collect();
    let mappings: Vec<Mappings> = bytes("mappings.json").map(|file| Mappings::read(&file, SURFACE).unwrap()).collect();
    let answered = lines(&exported_answers());
    assert_eq!(answers::read(answered.as_bytes(), &mappings[0], 423).unwrap().len(), 8);
    let (header, numbers) = exported_tensors();
    let file = safetensors(&header, &numbers);
    Tensors::read(file.as_slice(), file.len() as u64, &configs[0], &mappings[0]).unwrap();
    for file in word_piece_files() {
        assert!(Tokenizer::word_piece(file.to_string().as_bytes()).unwrap().size() >= 64);
    }
}

#[test]
fn versions_are_read_before_they_are_changed() {
    let read: Vec<usize> = small_weights().iter().map(|(header, numbers)| read_as(header, numbers)).collect();
    assert_eq!(read, [0, 0, 0, 1]);
    assert_eq!(golden::read(&lines(&cases_of_a_shipped_model())).unwrap().len(), 8);
    let [manifest, signature]: [Vec<u8>; 2] = signed().try_into().unwrap();
    check(&manifest, Some(&signature), &[signing_key().public()]).unwrap();
    let keys = pairs_of_keys().into_iter().map(|key| String::from_utf8(key).unwrap());
    let kinds = keys.map(|key| (SigningKey::from_pem(&key).is_ok(), PublicKey::from_pem(&key).is_ok()));
    assert_eq!(kinds.collect::<Vec<_>>(), [(true, false), (false, true)].repeat(2));
    assert_eq!(serde_json::from_value::<EmptyLabels>(empty_phrases()).unwrap().list_1.len(), 3);
}

/// Which of the small models' sizes a file has.
fn read_as(header: &Value, numbers: &[u8]) -> usize {
    let file = safetensors(header, numbers);
    let read = |sizes| Weights::read(file.as_slice(), file.len() as u64, sizes, 0);
    SMALL_SIZES.into_iter().position(|sizes| read(sizes).is_ok()).unwrap()
}

/// Documents, one a line.
fn lines(documents: &[Value]) -> String {
    documents.iter().map(Value::to_string).collect::<Vec<_>>().join("\n")
}
