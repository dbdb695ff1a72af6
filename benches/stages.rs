//! Each stage of a coding on corpus texts of the test split, at batches of 1, 32 and 1,024, on one thread.
//!
//!     RAYON_NUM_THREADS=1 cargo bench --bench stages

use std::path::Path;
use std::sync::LazyLock;

use codif::coding::activity::Activity;
use codif::coding::normalise::NormalisedText;
use codif::coding::{Coder, CodingOptions};
use codif::model::bundle;
use codif::nomenclature::Nomenclatures;
use codif::training::corpus::{Columns, Corpus};
use codif::training::split::Split;
use divan::Bencher;
use divan::counter::ItemsCount;

const BATCHES: [usize; 3] = [1, 32, 1024];

static CODER: LazyLock<Coder> = LazyLock::new(|| {
    let nomenclatures = Nomenclatures::embedded().unwrap();
    let model = Path::new("models/ape-naf2008");
    let version = std::fs::read_to_string(model.join("aliases/production")).unwrap();
    bundle::load(&model.join("versions").join(version.trim()), &nomenclatures).unwrap()
});

static ACTIVITIES: LazyLock<Vec<Activity>> = LazyLock::new(|| {
    let nomenclatures = Nomenclatures::embedded().unwrap();
    let columns = Columns { code: "naf2008".to_owned(), fields: Vec::new(), header: None };
    let naf2008 = nomenclatures.get("naf2008").unwrap();
    let corpus = Corpus::read(Path::new("models/corpus/declarations.tsv"), &columns, naf2008).unwrap();
    Split::new(&corpus.lines).test.iter().map(|line| line.activity.clone()).collect()
});

fn normalised(activities: &[Activity]) -> Vec<NormalisedText> {
    activities.iter().map(|activity| CODER.normaliser.normalise(activity.text())).collect()
}

fn main() {
    // One thread: candle's own threads would hide what a stage costs.
    if std::env::var("RAYON_NUM_THREADS").as_deref() != Ok("1") {
        eprintln!("set RAYON_NUM_THREADS=1: candle's matmul may use more than one thread otherwise");
    }
    divan::main();
}

#[divan::bench(args = BATCHES)]
fn normalise(bencher: Bencher, batch: usize) {
    let activities = &ACTIVITIES[..batch];
    bencher.counter(ItemsCount::new(batch)).bench(|| normalised(activities));
}

#[divan::bench(args = BATCHES)]
fn features(bencher: Bencher, batch: usize) {
    let activities = &ACTIVITIES[..batch];
    let texts = normalised(activities);
    bencher.counter(ItemsCount::new(batch)).bench(|| CODER.features.bags(texts.iter().zip(activities)));
}

#[divan::bench(args = BATCHES)]
fn classifier(bencher: Bencher, batch: usize) {
    let activities = &ACTIVITIES[..batch];
    let texts = normalised(activities);
    let bags = CODER.features.bags(texts.iter().zip(activities));
    bencher.counter(ItemsCount::new(batch)).bench(|| {
        let logits = CODER.classifier.logits(&bags).unwrap();
        CODER.classifier.rankings(&logits, 5, |_| None).unwrap()
    });
}

#[divan::bench(args = BATCHES)]
fn whole(bencher: Bencher, batch: usize) {
    let activities = &ACTIVITIES[..batch];
    bencher.counter(ItemsCount::new(batch)).bench(|| CODER.code(activities, CodingOptions::default()).unwrap());
}

/// The largest request that is coded where it arrives (`serving/desk.rs`), explained, in one of its two nomenclatures:
/// twice this must stay below half a millisecond.
#[divan::bench]
fn largest_small_request(bencher: Bencher) {
    let text: String = ACTIVITIES.iter().flat_map(|activity| [activity.text(), " "]).collect();
    let quarters =
        text.as_bytes().chunks(500).take(4).map(|part| Activity::of_text(&String::from_utf8_lossy(part)).unwrap());
    let activities: Vec<Activity> = quarters.collect();
    let options = CodingOptions { explain: true, ..CodingOptions::default() };
    bencher.bench(|| CODER.code(&activities, options).unwrap());
}
