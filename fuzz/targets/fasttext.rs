//! The binary files of fastText.

use std::collections::HashSet;
use std::io::Cursor;
use std::ops::Range;

use codif::model::import::fasttext::{self, FasttextFile, KeptBuckets, Matrix};

use super::{one_line, twice};

/// A fastText model file.
pub fn fasttext_file(data: &[u8]) {
    let read = |data: &[u8]| {
        let read = fasttext::read(Cursor::new(data), data.len() as u64);
        read.map_err(|fault| fault.to_string())
    };
    let FasttextFile { arguments, dictionary, input, output } = match twice(|| read(data)) {
        Ok(model) => model,
        Err(reason) => return one_line(&reason),
    };
    assert!(read(&data[..data.len() - 1]).is_err(), "a file that was cut is read");
    assert!(arguments.dimension > 0 && arguments.word_ngrams > 0 && !dictionary.labels.is_empty());
    let kept = match &dictionary.kept_buckets {
        KeptBuckets::All => arguments.buckets,
        KeptBuckets::Some(kept) => {
            assert!(kept.iter().all(|bucket| (*bucket as usize) < arguments.buckets));
            assert_eq!(kept.iter().collect::<HashSet<_>>().len(), kept.len());
            kept.len()
        }
    };
    let labels: Vec<&[u8]> = dictionary.labels.iter().map(|(label, _)| label.as_slice()).collect();
    let texts: HashSet<&[u8]> = dictionary.words.iter().map(Vec::as_slice).chain(labels.iter().copied()).collect();
    assert_eq!(texts.len(), dictionary.words.len() + labels.len());
    assert!(texts.iter().all(|text| !text.is_empty() && !text.contains(&b'\n') && !text.contains(&0)));
    let prefix = fasttext::common_prefix(&labels);
    assert!(prefix.is_empty() || labels.iter().all(|label| label.starts_with(prefix.as_bytes())));
    let mut ranges = fasttext_ranges(&input, (dictionary.words.len() + kept, arguments.dimension));
    ranges.extend(fasttext_ranges(&output, (labels.len(), arguments.dimension)));
    let mut end = 0;
    for range in ranges {
        assert!(end <= range.start && range.start <= range.end, "{range:?} begins before {end}");
        end = range.end;
    }
    assert_eq!(end, data.len() as u64);
}

/// Where the numbers of a matrix of these sizes lie, in the order of the file.
fn fasttext_ranges(matrix: &Matrix, sizes: (usize, usize)) -> Vec<Range<u64>> {
    let bytes = |range: &Range<u64>| (range.end - range.start) as usize;
    match matrix {
        Matrix::Dense { rows, columns, values } => {
            assert_eq!(((*rows, *columns), bytes(values)), (sizes, 4 * rows * columns));
            vec![values.clone()]
        }
        Matrix::Quantised { rows, columns, pieces, width, codes, centroids, norms } => {
            assert_eq!((*rows, *columns), sizes);
            assert!((1..=*columns).contains(width) && *pieces == columns.div_ceil(*width));
            assert_eq!((bytes(codes), bytes(centroids)), (rows * pieces, 4 * 256 * columns));
            let mut ranges = vec![codes.clone(), centroids.clone()];
            if let Some((norm_codes, norms)) = norms {
                assert_eq!((bytes(norm_codes), bytes(norms)), (*rows, 4 * 256));
                ranges.extend([norm_codes.clone(), norms.clone()]);
            }
            ranges
        }
    }
}
