//! Models on a CUDA device answer as on the processor; where there is no device, codif says so.

use crate::support::{codif, codif_with_environment, refusal};

const CODE: [&str; 4] = ["code", "coiffure à domicile", "--model", "ape-naf2008"];

#[test]
fn without_a_device_codif_says_what_to_do() {
    // No machine has a hundred of them.
    let by_flag = refusal(&codif(&[&CODE[..], &["--device", "cuda:99"]].concat()));
    let by_variable = refusal(&codif_with_environment(&CODE, &[("CODIF_DEVICE", "cuda:99")]));
    assert_eq!(by_flag, by_variable);
    if cfg!(feature = "cuda") {
        assert!(by_flag.starts_with("codif: no CUDA device 99: "), "{by_flag}");
        assert!(by_flag.ends_with("; use --device cpu"), "{by_flag}");
    } else {
        let first = refusal(&codif(&[&CODE[..], &["--device", "cuda:0"]].concat()));
        assert_eq!(first, by_flag);
        let expected = "codif: this codif was built without CUDA: build it with --features cuda, or use --device cpu";
        assert_eq!(first, expected);
    }
}

#[test]
fn the_processor_may_be_asked_for_by_name() {
    let [named, default] = [&["--device", "cpu"][..], &[]].map(|device| codif(&[&CODE[..], device].concat()));
    assert!(named.status.success() && named.stdout == default.stdout);
}

#[cfg(feature = "cuda")]
mod on_a_device {
    use std::io::Write;
    use std::path::{Path, PathBuf};

    use candle_core::{Device, Tensor};
    use codif::coding::activity::Activity;
    use codif::coding::embedding_bag::dense_bags;
    use codif::coding::{Coder, CodingOptions};
    use codif::model::bundle;
    use codif::model::device::DeviceChoice;
    use codif::model::options::LoadOptions;
    use codif::nomenclature::Nomenclatures;

    use crate::support::{codif, succeeded};

    const TOLERANCE: f64 = 1e-5;

    /// The first device; without one it is said that the test did not run, past what captures its output.
    fn device(test: &str) -> Option<Device> {
        DeviceChoice::Cuda(0)
            .open()
            .inspect_err(|error| writeln!(std::io::stderr(), "NOT RUN: {test}: {error}").unwrap())
            .ok()
    }

    /// The same version on the processor and on the device.
    fn both(version: &Path, device: &Device) -> [Coder; 2] {
        let nomenclatures = Nomenclatures::embedded().unwrap();
        [Device::Cpu, device.clone()].map(|device| {
            let options = LoadOptions { device, ..LoadOptions::default() };
            bundle::load_as(version, None, &options, &nomenclatures).unwrap()
        })
    }

    fn shipped(name: &str) -> PathBuf {
        let model = Path::new("models").join(name);
        let version = std::fs::read_to_string(model.join("aliases/production")).unwrap();
        model.join("versions").join(version.trim())
    }

    fn imported(kind: &str, file: &str, registry: &Path, labels: &[&str]) -> PathBuf {
        let (path, registry) = (format!("tests/data/{file}"), registry.to_str().unwrap());
        let import = ["model", "import", kind, &path, "--name", "imported", "--registry", registry];
        let output = succeeded(codif(&[&import[..], labels].concat()));
        output.trim().split_once(" in ").unwrap().1.into()
    }

    /// So many texts from the whole of the corpus, and one of which nothing is left.
    fn activities(count: usize) -> Vec<Activity> {
        let corpus = std::fs::read_to_string("models/corpus/declarations.tsv").unwrap();
        let lines = corpus.lines().skip(1).filter_map(|line| line.rsplit('\t').next());
        let descriptions: Vec<&str> = lines.filter(|text| !text.is_empty()).collect();
        let spread = descriptions.len() / count;
        let texts = descriptions.into_iter().step_by(spread).take(count - 1).chain(["??"]);
        texts.map(|text| Activity::of_text(text).unwrap()).collect()
    }

    /// The probabilities of all labels, all texts computed at once.
    fn probabilities(coder: &Coder, activities: &[Activity]) -> Vec<Vec<f32>> {
        let texts: Vec<_> = activities.iter().map(|activity| coder.normaliser.normalise(activity.text())).collect();
        let bags = coder.features.bags(texts.iter().zip(activities));
        coder.classifier.probabilities(&coder.classifier.logits(&bags).unwrap()).unwrap()
    }

    fn agree(version: &Path, device: &Device, activities: &[Activity], batch: usize) {
        let [cpu, gpu] = both(version, device);
        assert!(gpu.classifier.device().is_cuda());
        for activities in activities.chunks(batch) {
            let (expected, found) = (probabilities(&cpu, activities), probabilities(&gpu, activities));
            assert_eq!((expected.len(), found.len()), (activities.len(), activities.len()));
            for ((expected, found), activity) in expected.iter().zip(&found).zip(activities) {
                assert_eq!(expected.len(), found.len());
                let alike = expected.iter().zip(found).all(|(one, other)| near(*one, *other));
                assert!(alike, "{}, {batch} at once: {:?}", version.display(), activity.text());
            }
        }
    }

    fn near(one: f32, other: f32) -> bool {
        f64::from((one - other).abs()) <= TOLERANCE
    }

    #[test]
    fn the_shipped_models_answer_alike_at_every_size() {
        let Some(device) = device("the_shipped_models_answer_alike_at_every_size") else { return };
        for name in ["ape-naf2008", "ape-naf2025"] {
            let version = shipped(name);
            agree(&version, &device, &activities(300), 1);
            agree(&version, &device, &activities(4096), 1024);
            agree(&version, &device, &activities(4096), 4096);
        }
    }

    #[test]
    fn imported_models_answer_alike() {
        let Some(device) = device("imported_models_answer_alike") else { return };
        let registry = tempfile::tempdir().unwrap();
        for export in ["wordpiece-average", "wordpiece-sum", "ngram-concatenate"] {
            let labels = ["--nomenclature", "naf2008"];
            let version = imported("torch-text", &format!("torch-text/{export}"), registry.path(), &labels);
            agree(&version, &device, &activities(300), 1);
            agree(&version, &device, &activities(1024), 1024);
        }
        // A plain softmax, one yes or no a label, a tree, a tabulated sigmoid; the quantised ones are unfolded.
        for file in ["ape_softmax.bin", "ape_ova.bin", "ns.bin", "ape_softmax.ftz", "hs.ftz", "ova_cut.ftz"] {
            let version = imported("fasttext", &format!("fasttext/{file}"), registry.path(), &["--free-labels"]);
            agree(&version, &device, &activities(300), 1);
            agree(&version, &device, &activities(1024), 1024);
        }
    }

    #[test]
    fn codings_and_explanations_are_alike() {
        let Some(device) = device("codings_and_explanations_are_alike") else { return };
        let activities = activities(2000);
        let options = CodingOptions { explain: true, ..CodingOptions::default() };
        let coders = both(&shipped("ape-naf2008"), &device);
        let [expected, found] = coders.map(|coder| coder.code(&activities, options).unwrap());
        assert_eq!((expected.len(), found.len()), (activities.len(), activities.len()));
        for (expected, found) in expected.iter().zip(&found) {
            assert!((expected.gap - found.gap).abs() <= 2.0 * TOLERANCE, "{} and {}", expected.gap, found.gap);
            for (expected, found) in expected.predictions.iter().zip(&found.predictions) {
                assert!((expected.probability - found.probability).abs() <= TOLERANCE, "{expected:?} and {found:?}");
            }
            // Of two labels that are as likely either may come first, and is explained.
            if expected.gap > 2.0 * TOLERANCE {
                assert_eq!(expected.predictions[0].label, found.predictions[0].label);
                let terms = [expected, found].map(|coding| &coding.explanation.as_ref().unwrap().contributions);
                assert_eq!(terms[0].len(), terms[1].len());
                let sums = terms.map(|terms| terms.iter().map(|term| term.contribution).sum::<f64>());
                assert!((sums[0] - sums[1]).abs() <= 1e-3, "{sums:?}");
            }
        }
    }

    #[test]
    fn threads_share_a_device() {
        let Some(device) = device("threads_share_a_device") else { return };
        let activities = activities(1024);
        let [cpu, gpu] = both(&shipped("ape-naf2008"), &device);
        let expected = probabilities(&cpu, &activities);
        let as_expected = || {
            let found = probabilities(&gpu, &activities);
            expected.iter().flatten().zip(found.iter().flatten()).all(|(one, other)| near(*one, *other))
        };
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| (0..5).all(|_| as_expected()))).collect();
            assert!(threads.into_iter().all(|thread| thread.join().unwrap()));
        });
    }

    #[test]
    fn bags_are_the_same_to_the_last_bit_and_so_are_their_errors() {
        let Some(device) = device("bags_are_the_same_to_the_last_bit_and_so_are_their_errors") else { return };
        const ROWS: usize = 50;
        for dimension in [1, 3, 180, 300] {
            let table: Vec<f32> = (0..ROWS * dimension).map(|number| (number as f32).sin() / 3.0).collect();
            let bags = |ids: &[u32], bounds: &[[u32; 4]], device: &Device| {
                let table = Tensor::from_slice(&table, (ROWS, dimension), device).unwrap();
                let ids = Tensor::from_slice(ids, ids.len(), device).unwrap();
                let bounds = Tensor::from_slice(bounds.as_flattened(), (bounds.len(), 4), device).unwrap();
                let bags = dense_bags(&table, &ids, &bounds).and_then(|bags| bags.to_vec2::<f32>());
                bags.map_err(|error| error.to_string())
            };
            let same = |ids: &[u32], bounds: &[[u32; 4]]| {
                let [cpu, gpu] = [&Device::Cpu, &device].map(|device| bags(ids, bounds, device));
                assert_eq!(cpu, gpu, "{dimension}: {bounds:?}");
                cpu.is_ok()
            };
            let ids: Vec<u32> = (0..40).map(|number| number * 7 % ROWS as u32).collect();
            assert!(same(&ids, &[[0, 30, 30, 30], [30, 33, 40, 3], [5, 5, 5, 0], [5, 5, 9, 7], [0, 40, 40, 1]]));
            assert!(!same(&[0, ROWS as u32, 1], &[[0, 1, 1, 1], [0, 3, 3, 3]]));
            assert!(!same(&[0, u32::MAX, 1], &[[0, 1, 3, 1]]));
            assert!(!same(&ids, &[[0, 1, 41, 1]]));
            assert!(!same(&ids, &[[0, 41, 40, 1]]));
            assert!(!same(&ids, &[[2, 1, 3, 1]]));
            assert!(!same(&ids, &[[9, 9, 3, 1]]));
        }
    }
}
