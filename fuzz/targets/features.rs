//! From a text to the rows of the table.

use codif::coding::Coder;
use codif::coding::activity::{Activity, Covariate, RawActivity};
use codif::coding::covariates::{CovariateFeature, Enters};
use codif::coding::features::{Buckets, END_OF_TEXT, Features, NgramFeatures, TextFeatures};
use codif::coding::normalise::{NormalisedText, Normaliser};

use super::{coders, twice};

/// The rows of a text, in the shipped models and in a small one.
pub fn features(data: &[u8]) {
    let text = String::from_utf8_lossy(data).into_owned();
    let raw = RawActivity {
        form_type: text.get(..1).map(str::to_owned),
        nature: text.get(1..3).map(str::to_owned),
        description: Some(text),
        ..RawActivity::default()
    };
    let Ok(activity) = Activity::try_from(raw) else { return };
    for (_, served) in coders().iter() {
        let coder = served.coder.as_ref();
        let text = coder.normaliser.normalise(activity.text());
        let rows = bag(&coder.features, &text, &activity);
        // The known words stand summed in the table: fewer rows that add up to the same.
        let each = each_row(&coder.features, &text, &activity);
        let (summed, added) = (sum(coder, &rows), sum(coder, &each));
        assert_eq!(summed.len(), added.len());
        for (summed, added) in summed.iter().zip(&added) {
            assert!((summed - added).abs() <= 1e-4 * each.len() as f64, "{summed} instead of {added}");
        }
    }
    let (small, count) = small_features(data);
    let text = Normaliser::new(Vec::new()).unwrap().normalise(activity.text());
    let rows = bag(&small, &text, &activity);
    assert_eq!(rows, each_row(&small, &text, &activity));
    assert!(rows.iter().all(|row| *row < count), "a row outside the table: {rows:?}");
}

/// The rows of a text in its bag, which stands beside another.
fn bag(features: &Features, text: &NormalisedText, activity: &Activity) -> Vec<u32> {
    let other = Activity::of_text("vente de pain").unwrap();
    let other_text = Normaliser::new(Vec::new()).unwrap().normalise(other.text());
    let both = twice(|| features.bags([(text, activity), (&other_text, &other)].into_iter()));
    let alone = features.bags(std::iter::once((text, activity)));
    let [[start, averaged, middle, divisor], [next, _, end, _]] = both.bounds[..] else { panic!("{:?}", both.bounds) };
    assert_eq!((start, next, end as usize), (0, middle, both.rows.len()));
    assert_eq!(averaged, middle, "no covariate of these models is added to the mean");
    assert_eq!(divisor as usize, each_row(features, text, activity).len());
    assert_eq!(alone.rows.as_slice(), &both.rows[..middle as usize]);
    assert_eq!((alone.bounds[0], alone.known[0]), (both.bounds[0], both.known[0]));
    assert!(!alone.known[0] || middle > 0);
    assert!(features.unused(activity).len() <= Covariate::ALL.len());
    alone.rows
}

fn each_row(features: &Features, text: &NormalisedText, activity: &Activity) -> Vec<u32> {
    let mut rows = Vec::new();
    features.for_each_row(text.as_str(), activity, |row, _, _| rows.push(row));
    rows
}

/// What some rows of the table add to the logits of a few labels; each must stand in it.
fn sum(coder: &Coder, rows: &[u32]) -> Vec<f64> {
    let labels: Vec<usize> = (0..8).collect();
    let mut sum = vec![0.0; labels.len()];
    for products in coder.classifier.row_products(rows, &labels).unwrap() {
        sum.iter_mut().zip(products).for_each(|(sum, product)| *sum += f64::from(product));
    }
    sum
}

/// Features of sizes that the first bytes choose, and how many rows they have.
fn small_features(data: &[u8]) -> (Features, u32) {
    let size = |place: usize, most: usize| data.get(place).map_or(0, |byte| usize::from(*byte) % (most + 1));
    let kept: Vec<u32> = (0..size(0, 64) as u32).step_by(2).collect();
    let text = NgramFeatures {
        words: ["vente", "de", "pain", END_OF_TEXT].into_iter().collect(),
        subword_lengths: (size(1, 4), size(2, 6)),
        longest_word_ngram: size(3, 3),
        buckets: Buckets::new(size(0, 64), &kept, 5),
        labels: None,
        known_words: None,
    };
    let enters = Enters::Token([(Box::from("M"), 4)].into_iter().collect());
    let form_type = CovariateFeature { covariate: Covariate::FormType, enters, surface_bins: None };
    let features = Features { text: TextFeatures::Ngrams(text), covariates: vec![form_type] };
    (features, 5 + kept.len() as u32)
}
