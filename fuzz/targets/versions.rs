//! The files of a version: its manifest, and the cases whose answers are known.

use codif::model::golden::{self, GoldenCase};
use codif::model::manifest::Manifest;

use super::{coders, one_line, twice};

/// The manifest of a model.
pub fn manifest(data: &[u8]) {
    let Ok(manifest) = serde_json::from_slice::<Manifest>(data) else { return };
    let written = serde_json::to_string(&manifest).unwrap();
    assert_eq!(serde_json::from_str::<Manifest>(&written).unwrap(), manifest);
    twice(|| format!("{:?}", manifest.sizes()));
    match manifest.sizes() {
        Ok(sizes) => {
            let announced = (manifest.architecture.rows, manifest.architecture.dimension, manifest.labels.len());
            assert_eq!((sizes.rows, sizes.dimension, sizes.labels), announced);
            assert!(sizes.kept_buckets.0 <= sizes.rows);
            assert!((0.0..=1.0).contains(&manifest.decision.threshold));
            assert!(manifest.temperature.is_finite() && manifest.temperature > 0.0);
        }
        Err(reason) => assert!(!reason.is_empty()),
    }
}

/// The golden cases of a model: what is read is written the same, and what the shipped models answer today comes out right.
pub fn golden_cases(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let cases = match twice(|| golden::read(text).map_err(|fault| fault.to_string())) {
        Ok(cases) => cases,
        Err(reason) => return one_line(&reason),
    };
    assert!(!cases.is_empty() && cases.len() == text.lines().count());
    let written: Vec<String> = cases.iter().map(|case| serde_json::to_string(case).unwrap()).collect();
    assert_eq!(golden::read(&written.join("\n")).unwrap(), cases);
    for (_, served) in coders().iter() {
        let coder = served.coder.as_ref();
        // Another model made them, or none: any answer but a panic.
        let _ = twice(|| golden::replay(coder, &cases).map_err(|fault| fault.to_string()));
        for case in &cases {
            let Ok(recorded) = GoldenCase::record(coder, case.activity.clone()) else { continue };
            golden::replay(coder, &[recorded]).unwrap();
        }
    }
}
