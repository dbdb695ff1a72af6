//! codif beside the peers of `benches/peers/run.sh`: codes texts for some seconds, on one thread or several, and prints one line
//! of JSON. `--answers FILE` writes what came out, for the comparison.
//!
//!     peers --registry DIR --model NAME --texts FILE --threads N --mode batch|single --seconds S [--answers FILE] [--cache on|off]

use std::collections::HashMap;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use codif::coding::activity::{Activity, RawActivity};
use codif::coding::repeats::Repeats;
use codif::coding::{Coder, CodingOptions};
use codif::model::bundle;
use codif::model::options::LoadOptions;
use codif::nomenclature::Nomenclatures;
use rayon::prelude::*;
use serde_json::{Map, Value, json};

/// Texts that one call codes, in a batch.
const BATCH: usize = 1024;

type Error = Box<dyn std::error::Error>;

fn main() -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let given: HashMap<&str, &str> = arguments
        .as_chunks::<2>()
        .0
        .iter()
        .filter_map(|[name, value]| Some((name.strip_prefix("--")?, value.as_str())))
        .collect();
    let get = |name: &str| given.get(name).copied().ok_or_else(|| format!("--{name} is missing"));
    let threads: usize = get("threads")?.parse()?;
    // As the program does: candle leaves the work to the thread that asks.
    codif::process::leave_threads_to_codif();
    rayon::ThreadPoolBuilder::new().num_threads(threads).build_global()?;
    let started = Instant::now();
    let mut coder = load(get("registry")?, get("model")?)?;
    let load_seconds = started.elapsed().as_secs_f64();
    let resident_bytes = resident()?;
    let activities: Vec<Activity> =
        fs::read_to_string(get("texts")?)?.lines().map(activity).collect::<Result<_, _>>()?;
    if let Some(path) = given.get("answers") {
        answers(&coder, &activities, Path::new(path))?;
    }
    let batch = if get("mode")? == "single" { 1 } else { BATCH };
    let seconds: f64 = get("seconds")?.parse()?;
    let is_cached = given.get("cache") == Some(&"on");
    // Each pass begins with an empty cache: it finds what the texts themselves repeat.
    let mut round = || -> candle_core::Result<f64> {
        coder.repeats = Repeats::new(if is_cached { activities.len() } else { 0 });
        let (started, coder) = (Instant::now(), &coder);
        let share = activities.len().div_ceil(threads).max(1);
        activities.par_chunks(share).try_for_each(|share| {
            share.chunks(batch).try_for_each(|batch| coder.code(batch, CodingOptions::default()).map(drop))
        })?;
        Ok(started.elapsed().as_secs_f64())
    };
    round()?;
    let (mut elapsed, mut coded) = (0.0, 0);
    while elapsed < seconds {
        elapsed += round()?;
        coded += activities.len();
    }
    let figures = json!({
        "labels_per_second": coded as f64 / elapsed,
        "microseconds": 1e6 * elapsed / coded as f64,
        "load_seconds": load_seconds,
        "resident_bytes": resident_bytes,
        "stages": stages(&coder, &activities, batch)?,
        "texts": activities.len(),
    });
    println!("{figures}");
    Ok(())
}

/// Microseconds a text and stage, on one thread.
fn stages(coder: &Coder, activities: &[Activity], batch: usize) -> Result<Map<String, Value>, Error> {
    let mut seconds = [0.0; 4];
    let mut before = Instant::now();
    for batch in activities.chunks(batch) {
        coder.code_watched(batch, CodingOptions::default(), &mut |stage| {
            seconds[stage as usize] += before.elapsed().as_secs_f64();
            before = Instant::now();
        })?;
    }
    let names = ["normalise", "features", "classify", "rank"].into_iter().map(str::to_owned);
    Ok(names.zip(seconds.map(|seconds| json!(1e6 * seconds / activities.len() as f64))).collect())
}

/// The newest version of a model.
fn load(registry: &str, model: &str) -> Result<Coder, Error> {
    let versions = Path::new(registry).join(model).join("versions");
    let numbers = fs::read_dir(&versions)?.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    let newest = numbers.max().ok_or("there is no version")?;
    let directory = versions.join(newest.to_string());
    Ok(bundle::load_as(&directory, None, &LoadOptions::default(), &Nomenclatures::embedded()?)?)
}

fn activity(text: &str) -> Result<Activity, Error> {
    Ok(Activity::try_from(RawActivity { description: Some(text.to_owned()), ..RawActivity::default() })?)
}

fn answers(coder: &Coder, activities: &[Activity], path: &Path) -> Result<(), Error> {
    let mut file = std::io::BufWriter::new(fs::File::create(path)?);
    for coding in coder.code(activities, CodingOptions::default())? {
        let best: Vec<_> =
            coding.predictions.iter().map(|p| json!([p.label.code.to_string(), p.probability])).collect();
        writeln!(file, "{}", json!({"label": best[0][0], "p": best}))?;
    }
    Ok(file.flush()?)
}

/// Resident memory of this process.
fn resident() -> Result<u64, Error> {
    let pages: u64 = fs::read_to_string("/proc/self/statm")?.split_whitespace().nth(1).ok_or("no statm")?.parse()?;
    Ok(4096 * pages)
}
