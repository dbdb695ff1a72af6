//! Codes, what is searched for among them, and names of models.

use std::collections::HashSet;

use codif::nomenclature::{Code, Level};
use codif::registry::{ModelReference, Selector};

use super::{coders, twice};

/// A code of a nomenclature.
pub fn code(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    match twice(|| text.parse::<Code>()) {
        Ok(code) => {
            assert!(code.as_str().bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase()));
            assert_eq!(Level::ALL[code.as_str().len() - 1], code.level());
            for written in [code.to_string(), code.dotted(), code.dotted().to_lowercase(), format!(" {code} ")] {
                assert_eq!(written.parse::<Code>(), Ok(code.clone()));
            }
            let known = coders().nomenclatures();
            for nomenclature in known.ids().filter_map(|id| known.get(id)) {
                let above = nomenclature.path(&code).len();
                let is_known = nomenclature.entry(&code).is_some();
                assert_eq!(above, if is_known { code.as_str().len() - 1 } else { 0 });
            }
        }
        Err(error) => assert_eq!(error.0, text),
    }
}

/// A search in the nomenclatures.
pub fn search(data: &[u8]) {
    let query = String::from_utf8_lossy(data);
    let known = coders().nomenclatures();
    for nomenclature in known.ids().filter_map(|id| known.get(id)) {
        let found = twice(|| nomenclature.search(&query, 20));
        let codes: HashSet<&str> = found.iter().map(|entry| entry.code.as_str()).collect();
        assert!(codes.len() == found.len() && found.len() <= 20);
    }
}

/// A model as a user names it.
pub fn model_reference(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let Ok(reference) = twice(|| text.parse::<ModelReference>()) else { return };
    assert_eq!(reference.to_string().parse::<ModelReference>(), Ok(reference.clone()));
    let alias = match &reference.selector {
        Selector::Alias(alias) => alias.as_str(),
        Selector::Default | Selector::Version(_) => "production",
    };
    for name in [reference.name.as_str(), alias] {
        assert!(
            !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\', '\0']),
            "{name:?} may be a path"
        );
    }
}
