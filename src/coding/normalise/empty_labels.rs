//! Phrases that say nothing about an activity: "idem", "néant", "voir ci-dessous".

use serde::Deserialize;
use serde::de::IgnoredAny;

/// The two lists of such phrases that the `sirene-1` normaliser removes: regular expressions over text in lower-case
/// ASCII, tried in order. A file of them may say in `about` what they are.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "Written")]
pub struct EmptyLabels {
    /// Removed while punctuation still stands.
    pub list_1: Vec<String>,
    /// Removed once punctuation has become spaces.
    pub list_2: Vec<String>,
}

/// The lists used where a model brings none of its own.
impl Default for EmptyLabels {
    fn default() -> Self {
        let owned = |list: &[&str]| list.iter().map(|phrase| (*phrase).to_owned()).collect();
        Self { list_1: owned(&LIST_1), list_2: owned(&LIST_2) }
    }
}

const LIST_1: [&str; 11] = [
    r"\b(?:(?:idem|voir|cf|comme)(?: que)? )?ci[ -]?(?:dessus|dessous)\b",
    r"\b(?:idem|voir|cf)(?: que)?(?: aux?| les?| la)? (?:activites?|objet|siege)(?: principales?| social)?\b",
    r"\b(?:voir|cf)(?: les?)? (?:annexes?|statuts|extrait)(?: k[ -]?bis)?\b",
    r"\bactivites? principales?\b",
    r"\bactivites? (?:identiques?|inchangees?|non modifiees?)\b",
    r"\b(?:sans|aucun) (?:changement|modification|objet)\b",
    r"\bnon (?:communique|connu|defini|indique|precise|renseigne)e?s?\b",
    r"\ba (?:completer|definir|preciser)\b",
    r"\bcodes? (?:ape|naf)\b",
    r"\b(?:ape|naf|neant|idem|voir|null|undefined|inconnue?|inchangee?|k[ -]?bis)\b",
    r"\b(?:a{2,}|x{2,}|nc|np)\b",
];

const LIST_2: [&str; 2] =
    [r"\b(?:ape|naf|neant|idem|voir|k ?bis|ci dessus|ci dessous)\b", r"\b(?:a{2,}|x{2,}|nc|np)\b"];

/// The form of a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(rename = "about", default)]
    _about: IgnoredAny,
    list_1: Vec<String>,
    list_2: Vec<String>,
}

impl From<Written> for EmptyLabels {
    fn from(Written { list_1, list_2, .. }: Written) -> Self {
        Self { list_1, list_2 }
    }
}

#[cfg(test)]
mod tests {
    use super::EmptyLabels;

    #[test]
    fn a_file_may_say_what_it_is_and_nothing_else() {
        let read = |json: &str| serde_json::from_str::<EmptyLabels>(json);
        let lists = EmptyLabels { list_1: vec![r"\bidem\b".to_owned()], list_2: Vec::new() };
        assert_eq!(read(r#"{"list_1": ["\\bidem\\b"], "list_2": []}"#).unwrap(), lists);
        assert_eq!(read(r#"{"about": "phrases", "list_1": ["\\bidem\\b"], "list_2": []}"#).unwrap(), lists);
        let refused = read(r#"{"list_1": [], "list_2": [], "list_3": []}"#).unwrap_err().to_string();
        assert!(refused.contains("unknown field `list_3`"), "{refused}");
        let refused = read(r#"{"list_1": []}"#).unwrap_err().to_string();
        assert!(refused.contains("missing field `list_2`"), "{refused}");
    }
}
