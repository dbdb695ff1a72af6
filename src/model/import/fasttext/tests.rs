use std::fs;
use std::io::Cursor;

use super::*;

fn file(name: &str) -> Vec<u8> {
    fs::read(format!("tests/data/fasttext/{name}")).unwrap()
}

fn read_bytes(bytes: &[u8]) -> Result<FasttextFile, String> {
    read(Cursor::new(bytes), bytes.len() as u64).map_err(|fault| fault.to_string())
}

fn refusal(bytes: &[u8]) -> String {
    read_bytes(bytes).unwrap_err()
}

/// The file with a number at a place.
fn with_number(bytes: &[u8], place: usize, number: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[place..place + number.len()].copy_from_slice(number);
    bytes
}

#[test]
fn files_are_what_they_say() {
    let softmax = read_bytes(&file("ape_softmax.bin")).unwrap();
    assert_eq!((softmax.arguments.dimension, softmax.arguments.buckets), (16, 5000));
    assert_eq!((softmax.arguments.loss, softmax.dictionary.kept_buckets), (FasttextLoss::Softmax, KeptBuckets::All));
    let pruned = read_bytes(&file("ape_softmax.ftz")).unwrap();
    assert!(matches!(pruned.dictionary.kept_buckets, KeptBuckets::Some(kept) if !kept.is_empty()));
    assert!(matches!(pruned.input, Matrix::Quantised { norms: Some(_), .. }));
    let output = read_bytes(&file("softmax_qout.ftz")).unwrap().output;
    assert!(matches!(output, Matrix::Quantised { columns: 7, pieces: 4, width: 2, norms: Some(_), .. }));
    assert_eq!(read_bytes(&file("hs.bin")).unwrap().arguments.loss, FasttextLoss::HierarchicalSoftmax);
    assert_eq!(read_bytes(&file("version11.bin")).unwrap().arguments.maxn, 0);
}

/// The numbers of rows and of columns of a matrix, and the bytes of it.
fn sizes(matrix: &Matrix) -> (usize, usize, u64) {
    let bytes = |range: &std::ops::Range<u64>| range.end - range.start;
    match matrix {
        Matrix::Dense { rows, columns, values } => (*rows, *columns, bytes(values)),
        Matrix::Quantised { rows, columns, codes, .. } => (*rows, *columns, bytes(codes)),
    }
}

#[test]
fn every_fixture_is_read_as_its_golden_answers_imply() {
    for (name, input, labels) in [
        ("ape_ova.bin", (5894, 16, 377_216), 732),
        ("ape_softmax.bin", (5889, 16, 376_896), 732),
        ("ape_softmax.ftz", (3000, 16, 24_000), 732),
        ("hs.bin", (1066, 8, 34_112), 60),
        ("hs.ftz", (2266, 8, 9064), 60),
        ("minn1.bin", (1183, 7, 33_124), 30),
        ("ns.bin", (887, 7, 24_836), 30),
        ("ova_cut.ftz", (400, 11, 1600), 40),
        ("ova_prefix.bin", (686, 9, 24_696), 30),
        ("plain.bin", (208, 10, 8320), 40),
        ("softmax_qout.ftz", (2441, 7, 9764), 300),
        ("version11.bin", (586, 12, 28_128), 30),
    ] {
        let model = read_bytes(&file(name)).unwrap();
        assert_eq!(sizes(&model.input), input, "{name}");
        let (rows, columns, _) = sizes(&model.output);
        assert_eq!((rows, columns, model.dictionary.labels.len()), (labels, input.1, labels), "{name}");
        assert_eq!(model.dictionary.words[0], b"</s>");
        for line in String::from_utf8(file(&format!("{name}.golden.jsonl"))).unwrap().lines() {
            let case: serde_json::Value = serde_json::from_str(line).unwrap();
            let ids = case["ids"].as_array().unwrap();
            assert!(ids.iter().all(|id| id.as_u64().unwrap() < input.0 as u64), "{name}: {line}");
            for answer in case["top5"].as_array().unwrap() {
                let label = answer[0].as_str().unwrap().as_bytes();
                assert!(model.dictionary.labels.iter().any(|(known, _)| known == label), "{name}: {answer}");
            }
        }
    }
    let kept = read_bytes(&file("ova_cut.ftz")).unwrap().dictionary.kept_buckets;
    let KeptBuckets::Some(kept) = kept else { panic!() };
    assert_eq!((kept.len(), &kept[..3]), (374, &[1173, 1892, 514][..]));
}

#[test]
fn a_faulty_dictionary_is_refused_by_the_name_at_fault() {
    let whole = file("plain.bin");
    // The first entry is </s> and ends with its kind; the second is a word of two letters.
    let (first_kind, second) = (92 + 5 + 8, 92 + 5 + 8 + 1);
    let place = |text: &[u8]| whole.windows(text.len()).position(|window| window == text).unwrap();
    let repeated = place(b"__label__2013B\0");
    let lies: [(usize, &[u8], &str); 11] = [
        (first_kind, b"\x01", r#""</s>" stands out of order"#),
        (first_kind, b"\x02", r#""</s>" is of kind 2"#),
        (second, b" e", r#"" e" is in its dictionary"#),
        (second, b"\n", r#""\ne" is in its dictionary"#),
        (repeated, b"__label__1062Z", r#""__label__1062Z" is there twice"#),
        (repeated + 22, b"\xff", "was seen -"),
        (64, &247i32.to_le_bytes(), "are not 247 entries"),
        (72, &(-1i32).to_le_bytes(), "its number of labels is -1"),
        (84, &(-2i64).to_le_bytes(), "its number of kept buckets is neither"),
        (84, &1i64.to_le_bytes(), "its number of kept buckets is neither"),
        (84, &0i64.to_le_bytes(), "fastText refuses this old form"),
    ];
    for (place, bytes, expected) in lies {
        let reason = refusal(&with_number(&whole, place, bytes));
        assert!(reason.contains(expected), "{place}: {reason}");
    }
    let mut long = whole.clone();
    drop(long.splice(second..second, std::iter::repeat_n(b'a', 70_000)));
    assert!(refusal(&long).ends_with("an entry of its dictionary is longer than 65536 bytes"));
}

#[test]
fn kept_buckets_that_lie_are_refused() {
    let whole = file("ova_cut.ftz");
    // The first pairs: bucket 1648 in row 372, bucket 1879 in row 371.
    const PAIRS: usize = 1526;
    for (place, number, expected) in [
        (PAIRS, 2000i32, "none of its buckets"),
        (PAIRS, -1, "none of its buckets"),
        (PAIRS, 1879, "there twice"),
        (PAIRS + 4, 371, "the same row"),
        (PAIRS + 4, 374, "beyond those that were kept"),
        (PAIRS + 4, -1, "beyond those that were kept"),
    ] {
        let reason = refusal(&with_number(&whole, place, &number.to_le_bytes()));
        assert!(reason.contains(expected), "{place}: {reason}");
    }
    let Matrix::Quantised { codes, .. } = read_bytes(&whole).unwrap().input else { panic!() };
    let reason = refusal(&with_number(&whole, codes.start as usize - 22, &[0]));
    assert!(reason.contains("fastText refuses this old form"), "{reason}");
}

#[test]
fn a_piece_wider_than_the_row_is_as_wide_as_the_row() {
    let ints = |numbers: &[i32]| numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<u8>>();
    let longs = |numbers: &[i64]| numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<u8>>();
    let bytes = [
        // Of dimension 1, with pieces of 2 as fastText makes them unless told otherwise.
        ints(&[793_712_314, 12, 1, 5, 1, 1, 5, 1, 3, 3, 0, 0, 0, 100]),
        vec![0; 8],
        ints(&[2, 1, 1]),
        longs(&[2, -1]),
        [&b"a\0"[..], &[1, 0, 0, 0, 0, 0, 0, 0, 0]].concat(),
        [&b"__label__b\0"[..], &[1, 0, 0, 0, 0, 0, 0, 0, 1]].concat(),
        vec![1, 0],
        longs(&[1, 1]),
        ints(&[1]),
        vec![7],
        ints(&[1, 1, 2, 1]),
        vec![0; 4 * 256],
        vec![0],
        longs(&[1, 1]),
        vec![0; 4],
    ]
    .concat();
    let input = read_bytes(&bytes).unwrap().input;
    assert!(matches!(input, Matrix::Quantised { rows: 1, columns: 1, pieces: 1, width: 1, .. }), "{input:?}");
}

#[test]
fn a_file_that_ends_too_early_is_refused_wherever_it_ends() {
    for name in ["plain.bin", "ova_cut.ftz", "softmax_qout.ftz"] {
        let whole = file(name);
        for end in (0..whole.len()).step_by(97).chain([whole.len() - 1]) {
            let reason = refusal(&whole[..end]);
            assert!(
                reason.contains("it ends in the middle of")
                    || reason.contains("are left")
                    || reason.contains("from 0 to")
                    || reason.contains("kept buckets is neither"),
                "{end}: {reason}"
            );
        }
        assert!(refusal(&[&whole[..], &[0]].concat()).ends_with("1 bytes follow its output matrix"));
    }
}

#[test]
fn numbers_that_lie_are_refused_without_being_believed() {
    let whole = file("plain.bin");
    for (place, number, expected) in [
        (0, 7i32.to_le_bytes().to_vec(), "it begins with 7"),
        (4, 13i32.to_le_bytes().to_vec(), "its version is 13"),
        (8, 0i32.to_le_bytes().to_vec(), "its dimension is 0"),
        (8, (-1i32).to_le_bytes().to_vec(), "its dimension is -1"),
        (8, 11i32.to_le_bytes().to_vec(), "it should be"),
        (28, 0i32.to_le_bytes().to_vec(), ""),
        (32, 5i32.to_le_bytes().to_vec(), "its loss is 5"),
        (36, 2i32.to_le_bytes().to_vec(), "skipgram"),
        (36, 9i32.to_le_bytes().to_vec(), "its kind of model is 9"),
        (40, i32::MAX.to_le_bytes().to_vec(), "its input matrix is"),
        (40, 1i32.to_le_bytes().to_vec(), "its input matrix is"),
        (64, i32::MAX.to_le_bytes().to_vec(), "its number of entries is 2147483647"),
        (68, 0i32.to_le_bytes().to_vec(), "are not"),
    ] {
        let read = read_bytes(&with_number(&whole, place, &number));
        match read {
            Ok(_) => assert_eq!(expected, ""),
            Err(reason) => assert!(!expected.is_empty() && reason.contains(expected), "{place}: {reason}"),
        }
    }
    // The rows of the input matrix stand after the dictionary and one flag.
    let model = read_bytes(&whole).unwrap();
    let Matrix::Dense { values, .. } = &model.input else { panic!() };
    let rows = values.start as usize - 16;
    let reason = refusal(&with_number(&whole, rows, &(1i64 << 40).to_le_bytes()));
    assert!(reason.contains("1099511627776"), "{reason}");
    for number in [1i64 << 31, 207, 0, -1, i64::MIN] {
        let reason = refusal(&with_number(&whole, rows, &number.to_le_bytes()));
        assert!(reason.ends_with(&format!("its input matrix is {number} × 10, it should be 208 × 10")), "{reason}");
    }
    let Matrix::Dense { values, .. } = &model.output else { panic!() };
    let reason = refusal(&with_number(&whole, values.start as usize - 8, &9i64.to_le_bytes()));
    assert!(reason.ends_with("its output matrix is 40 × 9, it should be 40 × 10"), "{reason}");
    let reason = refusal(&with_number(&whole, values.start as usize - 17, &[7]));
    assert!(reason.ends_with("the flag of quantisation of the output is 7, it must be 0 or 1"), "{reason}");
}

#[test]
fn quantisers_that_do_not_fit_are_refused() {
    let whole = file("ova_cut.ftz");
    let Matrix::Quantised { centroids, codes, .. } = read_bytes(&whole).unwrap().input else { panic!() };
    let sizes = centroids.start as usize - 16;
    for (place, number) in [(sizes, 12i32), (sizes + 4, 1), (sizes + 8, 0), (sizes + 12, 3), (sizes + 8, -1)] {
        let reason = refusal(&with_number(&whole, place, &number.to_le_bytes()));
        assert!(reason.contains("the quantiser of its input matrix"), "{reason}");
    }
    let count = codes.start as usize - 4;
    let reason = refusal(&with_number(&whole, count, &i32::MAX.to_le_bytes()));
    assert!(reason.contains("bytes are left"), "{reason}");
}

#[test]
fn the_prefix_is_what_all_labels_begin_with() {
    let prefix = |labels: &[&str]| common_prefix(&labels.iter().map(|label| label.as_bytes()).collect::<Vec<_>>());
    assert_eq!(prefix(&["__label__a", "__label__b__c"]), "__label__");
    assert_eq!(prefix(&["__ape__9602A"]), "__ape__");
    assert_eq!(prefix(&["__label__a", "__other__b"]), "");
    assert_eq!(prefix(&["__label__a", "__label__"]), "");
    assert_eq!([prefix(&["____a"]), prefix(&["label"]), prefix(&[])], ["", "", ""]);
}
