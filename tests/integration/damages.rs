//! What can be wrong with a version, and what is said of it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde_json::{Value, json};

use crate::version_files::{GOLDEN, MANIFEST, VOCABULARY, WEIGHTS, edit, edit_manifest, flipped, remake};

/// Something that is wrong with a version.
pub struct Damage {
    /// The file that is named.
    pub file: &'static str,
    /// What is said of it.
    pub says: &'static str,
    /// Does it to a version of `tiny` of the seed 1.
    pub to: fn(&Path),
}

impl Damage {
    /// Asserts that this, and no other, is what a message is about.
    pub fn is_told_by(&self, message: &str) {
        let (file, says) = (self.file, self.says);
        assert!(message.contains(&format!("{file}: ")) && message.contains(says), "{file}, {says}: {message}");
    }
}

/// All that can be wrong.
pub fn damages() -> Vec<Damage> {
    [files(), manifests(), answers(), weights(), sizes()].into_iter().flatten().collect()
}

fn damage(file: &'static str, says: &'static str, to: fn(&Path)) -> Damage {
    Damage { file, says, to }
}

/// Files that are not what the manifest says.
fn files() -> Vec<Damage> {
    vec![
        damage(WEIGHTS, "sha256 is", |version| edit(version, WEIGHTS, flipped)),
        damage(VOCABULARY, "sha256 is", |version| edit(version, VOCABULARY, flipped)),
        damage(GOLDEN, "sha256 is", |version| edit(version, GOLDEN, flipped)),
        damage(WEIGHTS, "size is", |version| edit(version, WEIGHTS, |bytes| bytes[..bytes.len() / 2].to_vec())),
        damage(VOCABULARY, "size is", |version| edit(version, VOCABULARY, |bytes| [&bytes[..], b"mot\n"].concat())),
        damage(WEIGHTS, "No such file", |version| fs::remove_file(version.join(WEIGHTS)).unwrap()),
        damage(GOLDEN, "the manifest lists no file of this name", |version| {
            edit_manifest(version, |manifest| drop(manifest["files"].as_object_mut().unwrap().remove(GOLDEN)));
        }),
    ]
}

/// Manifests that are none, or that say what codif does not know.
fn manifests() -> Vec<Damage> {
    vec![
        damage(MANIFEST, "not a valid manifest: EOF", |version| {
            edit(version, MANIFEST, |bytes| bytes[..bytes.len() / 2].to_vec());
        }),
        damage(MANIFEST, "its format is 2, this codif reads format 1", |version| {
            edit_manifest(version, |manifest| {
                manifest["format"] = json!(2);
                manifest["quantisation"] = json!({"bits": 4});
                manifest["labels"] = json!({"file": "labels.txt"});
            });
        }),
        damage(MANIFEST, "unknown field `quantisation`", |version| {
            edit_manifest(version, |manifest| manifest["quantisation"] = json!({"bits": 4}));
        }),
        damage(MANIFEST, "quantum", |version| {
            edit_manifest(version, |manifest| manifest["architecture"]["family"] = json!("quantum"));
        }),
        damage(MANIFEST, "translate", |version| {
            edit_manifest(version, |manifest| manifest["normaliser"][0]["step"] = json!("translate"));
        }),
        damage(MANIFEST, "normaliser step 1", |version| {
            let step = json!({"step": "replace", "pattern": "(", "with": ""});
            edit_manifest(version, |manifest| manifest["normaliser"][0] = step);
        }),
        damage(MANIFEST, "unknown nomenclature \"naf1993\"", |version| {
            edit_manifest(version, |manifest| manifest["nomenclature"] = json!("naf1993"));
        }),
        damage(MANIFEST, "labels that are no sub-class of naf2025: 1071C, 4399C, 6201Z", |version| {
            edit_manifest(version, |manifest| manifest["nomenclature"] = json!("naf2025"));
        }),
        damage(MANIFEST, "label 1071C is given twice", |version| {
            edit_manifest(version, |manifest| manifest["labels"][1] = json!("1071C"));
        }),
        damage(MANIFEST, "the threshold is 2, it must be between 0 and 1", |version| {
            edit_manifest(version, |manifest| manifest["decision"]["threshold"] = json!(2.0));
        }),
        damage(MANIFEST, "the temperature is 0, it must be above 0", |version| {
            edit_manifest(version, |manifest| manifest["temperature"] = json!(0.0));
        }),
    ]
}

/// Models that answer otherwise than when they were made.
fn answers() -> Vec<Damage> {
    vec![
        damage(GOLDEN, "golden case 1: the gap is", |version| {
            edit_manifest(version, |manifest| manifest["temperature"] = json!(7.5));
        }),
        damage(GOLDEN, "golden case 2: the gap is", |version| {
            edit_case(version, 1, |case| case["gap"] = json!(0.5));
        }),
        damage(GOLDEN, "instead of 9602A at", |version| {
            edit_case(version, 2, |case| case["best"][0][0] = json!("9602A"))
        }),
        damage(GOLDEN, "golden case 6: ", |version| edit_case(version, 5, |case| case["activity"] = json!({}))),
        damage(GOLDEN, "it holds no case", |version| remake(version, GOLDEN, |_| Vec::new())),
    ]
}

/// Weights that are none, or none of this model.
fn weights() -> Vec<Damage> {
    vec![
        damage(WEIGHTS, "tensor \"table\" holds a number that is not finite", |version| {
            edit_tensors(version, |tensors| {
                let (_, _, numbers) = tensors.get_mut("table").unwrap();
                let last = numbers.len() - 2;
                numbers[last..].copy_from_slice(&half::f16::NAN.to_le_bytes());
            });
        }),
        damage(WEIGHTS, "tensor \"head.bias\" holds a number that is not finite", |version| {
            edit_tensors(version, |tensors| {
                tensors.get_mut("head.bias").unwrap().2[..4].copy_from_slice(&f32::INFINITY.to_le_bytes());
            });
        }),
        damage(WEIGHTS, "tensor \"adapter\" is none of a model's", |version| {
            edit_tensors(version, |tensors| {
                drop(tensors.insert("adapter".to_owned(), (Dtype::U8, vec![4], vec![0; 4])))
            });
        }),
        damage(WEIGHTS, "tensor \"head.bias\" is missing", |version| {
            edit_tensors(version, |tensors| drop(tensors.remove("head.bias")));
        }),
        damage(WEIGHTS, "tensor \"head.bias\" holds I32, which codif does not read", |version| {
            edit_tensors(version, |tensors| tensors.get_mut("head.bias").unwrap().0 = Dtype::I32);
        }),
        damage(WEIGHTS, "not a valid safetensors file", |version| {
            remake(version, WEIGHTS, |bytes| [&bytes[..8], b"[", &bytes[9..]].concat());
        }),
    ]
}

/// Sizes that lie: nothing is allocated before they are borne out.
fn sizes() -> Vec<Damage> {
    vec![
        damage(WEIGHTS, "has shape [3, 16], the manifest says [2, 16]", |version| {
            edit_manifest(version, |manifest| drop(manifest["labels"].as_array_mut().unwrap().pop()));
        }),
        damage(WEIGHTS, "its header claims 10000000000 bytes", |version| {
            remake(version, WEIGHTS, |bytes| [&10_000_000_000_u64.to_le_bytes()[..], &bytes[8..]].concat());
        }),
        damage(WEIGHTS, "its header describes", |version| {
            remake(version, WEIGHTS, |bytes| bytes[..bytes.len() - 2].to_vec());
        }),
        damage(WEIGHTS, "its header describes", |version| {
            remake(version, WEIGHTS, |bytes| [&bytes[..], b"more"].concat());
        }),
        damage(WEIGHTS, "its header claims", |version| remake(version, WEIGHTS, |_| vec![0xff; 8])),
        damage(MANIFEST, "a dimension of 1099511627776 is announced", |version| {
            edit_manifest(version, |manifest| manifest["architecture"]["dimension"] = json!(1_u64 << 40));
        }),
        damage(MANIFEST, "1099511627776 rows are announced", |version| {
            edit_manifest(version, |manifest| manifest["architecture"]["rows"] = json!(1_u64 << 40));
        }),
        damage(MANIFEST, "1099511627776 buckets are announced", |version| {
            edit_manifest(version, |manifest| manifest["features"]["buckets"] = json!(1_u64 << 40));
        }),
        damage(MANIFEST, "which makes no tree", |version| {
            edit_manifest(version, |manifest| {
                manifest["loss"] = json!("hierarchical");
                manifest["label_counts"] = json!(vec![u64::MAX; manifest["labels"].as_array().unwrap().len()]);
            });
        }),
        damage(MANIFEST, "a hierarchical loss has one each", |version| {
            edit_manifest(version, |manifest| manifest["loss"] = json!("hierarchical"));
        }),
        damage(VOCABULARY, "words, the manifest says", |version| {
            edit_manifest(version, |manifest| {
                let sizes = &mut manifest["features"];
                for (size, more) in [("words", 1), ("kept_buckets", -1)] {
                    sizes[size] = json!(sizes[size].as_i64().unwrap() + more);
                }
            });
        }),
    ]
}

/// Changes a golden case, counted from 0.
fn edit_case(version: &Path, place: usize, change: impl FnOnce(&mut Value)) {
    remake(version, GOLDEN, |bytes| {
        let text = String::from_utf8(bytes).unwrap();
        let mut cases: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        change(&mut cases[place]);
        cases.iter().map(|case| format!("{case}\n")).collect::<String>().into_bytes()
    });
}

/// Numbers' type, shape and bytes of each tensor.
type Tensors = BTreeMap<String, (Dtype, Vec<usize>, Vec<u8>)>;

fn edit_tensors(version: &Path, change: impl FnOnce(&mut Tensors)) {
    remake(version, WEIGHTS, |bytes| {
        let read = SafeTensors::deserialize(&bytes).unwrap().tensors().into_iter();
        let owned = |view: TensorView<'_>| (view.dtype(), view.shape().to_vec(), view.data().to_vec());
        let mut tensors: Tensors = read.map(|(name, view)| (name, owned(view))).collect();
        change(&mut tensors);
        let views = tensors.iter().map(|(name, (dtype, shape, bytes))| {
            (name.as_str(), TensorView::new(*dtype, shape.clone(), bytes).unwrap())
        });
        safetensors::serialize(views, None).unwrap()
    });
}
