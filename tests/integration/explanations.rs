//! Contributions sum to the logit minus the bias, within 1e-4.

use std::path::Path;

use codif::coding::activity::{Activity, RawActivity};
use codif::coding::explain::letters::attributions;
use codif::coding::features::FeatureBags;
use codif::coding::{Coder, CodingOptions};
use codif::model::bundle;
use codif::nomenclature::Nomenclatures;

fn coder() -> Coder {
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/ape-naf2008");
    let version = std::fs::read_to_string(model.join("aliases/production")).unwrap();
    bundle::load(&model.join("versions").join(version.trim()), &Nomenclatures::embedded().unwrap()).unwrap()
}

/// What the model gives a label where there is nothing: its bias.
pub fn bias(coder: &Coder, label: usize) -> f32 {
    let nothing = FeatureBags { rows: Vec::new(), bounds: vec![[0, 0, 0, 1]], known: vec![false] };
    let logits: Vec<Vec<f32>> = coder.classifier.logits(&nothing).unwrap().to_vec2().unwrap();
    logits[0][label]
}

#[test]
fn contributions_sum_to_the_logit_minus_the_bias() {
    let coder = coder();
    let labels = ["coiffure à domicile", "VENTE VENTE DE VETEMENTS SUR INTERNET ET MARCHES", "zzxqk 😀", "😀"];
    for (label, nature) in labels.into_iter().zip([None, Some("17"), Some("12"), None]) {
        let raw = RawActivity {
            description: Some(label.to_owned()),
            nature: nature.map(str::to_owned),
            ..RawActivity::default()
        };
        let activity = Activity::try_from(raw).unwrap();
        let options = CodingOptions { explain: true, ..CodingOptions::default() };
        let coding = coder.code(std::slice::from_ref(&activity), options).unwrap().remove(0);
        let explanation = coding.explanation.unwrap();
        let text = coder.normaliser.normalise(activity.text());
        let bags = coder.features.bags(std::iter::once((&text, &activity)));
        let logits: Vec<Vec<f32>> = coder.classifier.logits(&bags).unwrap().to_vec2().unwrap();
        let best = coder.labels.iter().position(|l| l.code == coding.predictions[0].label.code).unwrap();
        let expected = f64::from(logits[0][best] - bias(&coder, best));
        let sum: f64 = explanation.contributions.iter().map(|term| term.contribution).sum();
        assert!((sum - expected).abs() < 1e-4, "{label}: {sum} instead of {expected}");
        let covariates = explanation.contributions.iter().filter(|term| term.term.starts_with("nature=")).count();
        assert_eq!(covariates, usize::from(nature.is_some()));
    }
}

#[test]
fn letters_and_words_share_what_the_text_adds() {
    let coder = coder();
    // Typed words, with the normalised words that each of them stands for.
    let typed = "Œuvre  d'ART, Pâtisserie-boulangerie 2 crêpes";
    let terms = [vec!["oeuvre"], vec!["art"], vec!["patisserie", "boulangerie"], vec![], vec!["crepes"]];
    let activity = Activity::of_text(typed).unwrap();
    let options = CodingOptions { explain: true, ..CodingOptions::default() };
    let coding = coder.code(std::slice::from_ref(&activity), options).unwrap().remove(0);
    let contributions = coding.explanation.unwrap().contributions;
    let best = coder.labels.iter().position(|l| l.code == coding.predictions[0].label.code).unwrap();
    let attribution = attributions(&coder, &activity, typed, &[best]).unwrap().remove(0);
    assert_eq!(attribution.letters.len(), typed.chars().count());
    assert_eq!(attribution.words.len(), terms.len());
    for (place, (terms, found)) in terms.iter().zip(&attribution.words).enumerate() {
        let of_term = |term: &&str| contributions.iter().find(|c| c.term == *term).unwrap().contribution;
        let expected: f64 = terms.iter().map(of_term).sum();
        assert!((found - expected).abs() < 1e-4, "word {place}: {found} instead of {expected}");
    }
    let letter = |place: usize| attribution.letters[place];
    assert_ne!(letter(0), 0.0, "œ stands for two letters");
    for (place, character) in typed.chars().enumerate().filter(|(_, character)| !character.is_alphabetic()) {
        assert_eq!(letter(place), 0.0, "{character:?} adds nothing");
    }
    let sum: f64 = attribution.letters.iter().sum();
    assert!((sum - attribution.words.iter().sum::<f64>()).abs() < 1e-9);
}

#[test]
fn one_text_and_many_get_the_same_answer() {
    let coder = coder();
    let activities: Vec<Activity> =
        (0..300).map(|i| Activity::of_text(&format!("vente numéro {i} de fleurs")).unwrap()).collect();
    let together = coder.code(&activities, CodingOptions::default()).unwrap();
    for (activity, coding) in activities.iter().zip(&together).step_by(37) {
        let alone = &coder.code(std::slice::from_ref(activity), CodingOptions::default()).unwrap()[0];
        assert_eq!(alone.predictions[0].label, coding.predictions[0].label);
        assert!((alone.gap - coding.gap).abs() < 1e-5);
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(200))]

    #[test]
    fn any_text_is_coded_the_same_way_twice(text in "\\PC{1,80}", nature in "\\PC{0,3}") {
        static CODER: std::sync::LazyLock<Coder> = std::sync::LazyLock::new(coder);
        let raw = RawActivity { description: Some(text), nature: Some(nature), ..RawActivity::default() };
        proptest::prop_assume!(raw.description.as_deref().is_some_and(|text| !text.trim().is_empty()));
        let activity = Activity::try_from(raw).unwrap();
        let all = CodingOptions { top_k: CODER.labels.len(), ..CodingOptions::default() };
        let coding = CODER.code(std::slice::from_ref(&activity), all).unwrap().remove(0);
        let again = CODER.code(std::slice::from_ref(&activity), all).unwrap().remove(0);
        proptest::prop_assert_eq!(&coding, &again);
        let sum: f64 = coding.predictions.iter().map(|prediction| prediction.probability).sum();
        proptest::prop_assert!((sum - 1.0).abs() < 1e-4, "probabilities sum to {}", sum);
        proptest::prop_assert!((0.0..=1.0).contains(&coding.gap));
    }
}
