//! Texts a second in batches, on one thread of the processor and on a CUDA device where there is one: the whole coding, and the
//! classifier alone (feature bags to rankings).
//!
//!     cargo run --release --features cuda --example gpu [-- MODEL-VERSION-DIRECTORY [DEVICE]]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use candle_core::Device;
use codif::coding::activity::Activity;
use codif::coding::{Coder, CodingOptions};
use codif::model::bundle;
use codif::model::device::DeviceChoice;
use codif::model::options::LoadOptions;
use codif::nomenclature::Nomenclatures;

const BATCHES: [usize; 3] = [1024, 4096, 16_384];
const TOP_K: usize = 5;
/// Each figure is taken over at least so long.
const LEAST: Duration = Duration::from_secs(3);

type Error = Box<dyn std::error::Error>;

fn main() -> Result<(), Error> {
    codif::process::leave_threads_to_codif();
    let mut arguments = std::env::args().skip(1);
    let version = arguments.next().map_or_else(shipped, |directory| Ok(PathBuf::from(directory)))?;
    let choice: DeviceChoice = arguments.next().unwrap_or_else(|| "cuda".to_owned()).parse()?;
    let activities = activities()?;
    println!("{}: {} texts of the corpus", version.display(), activities.len());
    println!("cpu, one thread");
    measure(&version, Device::Cpu, &activities)?;
    match choice.open() {
        Ok(device) => {
            println!("{choice}: {}", cards());
            measure(&version, device, &activities)
        }
        Err(error) => {
            println!("{choice}: not measured: {error}");
            Ok(())
        }
    }
}

/// The version of the shipped model in production.
fn shipped() -> Result<PathBuf, Error> {
    let model = Path::new("models/ape-naf2008");
    let version = fs::read_to_string(model.join("aliases/production"))?;
    Ok(model.join("versions").join(version.trim()))
}

/// The texts of the corpus.
fn activities() -> Result<Vec<Activity>, Error> {
    let corpus = fs::read_to_string("models/corpus/declarations.tsv")?;
    let descriptions = corpus.lines().skip(1).filter_map(|line| line.rsplit('\t').next());
    Ok(descriptions.filter_map(Activity::of_text).collect())
}

/// The cards of this machine, as the driver lists them.
fn cards() -> String {
    let listed = Command::new("nvidia-smi").arg("-L").output().ok().filter(|output| output.status.success());
    let names = listed.map(|output| String::from_utf8_lossy(&output.stdout).trim().replace('\n', "; "));
    names.unwrap_or_else(|| "a card whose name nvidia-smi does not tell".to_owned())
}

fn measure(version: &Path, device: Device, activities: &[Activity]) -> Result<(), Error> {
    let options = LoadOptions { device, ..LoadOptions::default() };
    let coder = bundle::load_as(version, None, &options, &Nomenclatures::embedded()?)?;
    for batch in BATCHES {
        let activities = activities.get(..batch).ok_or("the corpus is too small")?;
        let whole = texts_a_second(batch, || coder.code(activities, CodingOptions::default()).map(drop))?;
        let classifier = classifier_alone(&coder, activities)?;
        println!("  batches of {batch:>6}: {whole:>9.0} texts/s, classifier alone {classifier:>9.0} texts/s");
    }
    Ok(())
}

/// The classifier is given the whole batch at once; a coding gives it tiles.
fn classifier_alone(coder: &Coder, activities: &[Activity]) -> Result<f64, Error> {
    let texts: Vec<_> = activities.iter().map(|activity| coder.normaliser.normalise(activity.text())).collect();
    let bags = coder.features.bags(texts.iter().zip(activities));
    texts_a_second(activities.len(), || {
        coder.classifier.rankings(&coder.classifier.logits(&bags)?, TOP_K, |_| None).map(drop)
    })
}

fn texts_a_second(texts: usize, work: impl Fn() -> candle_core::Result<()>) -> Result<f64, Error> {
    // The first time a device compiles and loads its kernels.
    work()?;
    let (started, mut rounds) = (Instant::now(), 0);
    while started.elapsed() < LEAST {
        work()?;
        rounds += 1;
    }
    Ok((rounds * texts) as f64 / started.elapsed().as_secs_f64())
}
