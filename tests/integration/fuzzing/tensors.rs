//! Files of tensors, whole or with a few changes.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::changes::{change, changed};
use super::models::overwrite;

/// One of these headers and its numbers, a few of either changed, cut short or with more behind.
pub fn nearly_safetensors(files: Vec<(Value, Vec<u8>)>) -> impl Strategy<Value = Vec<u8>> {
    let of_header = prop::collection::vec((any::<prop::sample::Index>(), change()), 0..3);
    let numbers = prop::collection::vec(any::<u8>(), 1..8);
    let of_numbers = prop::collection::vec((any::<prop::sample::Index>(), numbers), 0..4);
    let more = prop_oneof![4 => Just(0_isize), 1 => -8_isize..8];
    let lie = prop_oneof![8 => Just(0_u64), 1 => any::<u64>()];
    (prop::sample::select(files), of_header, of_numbers, more, lie).prop_map(
        |((header, mut numbers), of_header, of_numbers, more, lie)| {
            for (place, bytes) in of_numbers {
                let place = place.index(numbers.len());
                overwrite(&mut numbers, place, bytes);
            }
            numbers.resize(numbers.len().saturating_add_signed(more), 0);
            let header = changed(header, of_header);
            let mut file = safetensors(&header, &numbers);
            let length = u64::from_le_bytes(*file.first_chunk().unwrap()) ^ lie;
            overwrite(&mut file, 0, length.to_le_bytes().to_vec());
            file
        },
    )
}

/// The file of a header and its numbers.
pub fn safetensors(header: &Value, numbers: &[u8]) -> Vec<u8> {
    let header = header.to_string().into_bytes();
    [&(header.len() as u64).to_le_bytes()[..], header.as_slice(), numbers].concat()
}

/// The header of an exported model's tensors, and their numbers.
pub fn exported_tensors() -> (Value, Vec<u8>) {
    let file = std::fs::read("tests/data/torch-text/ngram-concatenate/model.safetensors").unwrap();
    let (length, rest) = file.split_first_chunk().unwrap();
    let (header, numbers) = rest.split_at(u64::from_le_bytes(*length) as usize);
    (serde_json::from_slice(header).unwrap(), numbers.to_vec())
}

/// Weights of `targets::SMALL_SIZES`.
pub fn small_weights() -> Vec<(Value, Vec<u8>)> {
    let dense = |dtype| {
        vec![
            ("buckets", "U32", vec![2]),
            ("head.bias", "F32", vec![3]),
            ("head.weight", "F32", vec![3, 4]),
            ("table", dtype, vec![6, 4]),
        ]
    };
    let quantised = vec![
        ("head.bias", "F32", vec![3]),
        ("head.centroids", "F32", vec![768]),
        ("head.codes", "U8", vec![3, 1]),
        ("table.centroids", "F32", vec![768]),
        ("table.codes", "U8", vec![6, 2]),
        ("table.norm_codes", "U8", vec![6]),
        ("table.norms", "F32", vec![256]),
    ];
    [dense("F16"), dense("BF16"), dense("F32"), quantised].map(tensors).to_vec()
}

/// A header, and numbers that are finite in each type.
fn tensors(tensors: Vec<(&str, &str, Vec<usize>)>) -> (Value, Vec<u8>) {
    let mut header = Map::new();
    let mut end = 0;
    for (name, dtype, shape) in tensors {
        let start = end;
        let width = match dtype {
            "U8" => 1,
            "F16" | "BF16" => 2,
            _ => 4,
        };
        end += width * shape.iter().product::<usize>();
        header.insert(name.to_owned(), json!({"dtype": dtype, "shape": shape, "data_offsets": [start, end]}));
    }
    (Value::Object(header), vec![0x3c; end])
}
