//! A declared activity: what a caller sends ([`RawActivity`]) and what codif accepts to code ([`Activity`]).

use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Longest text coded unless told otherwise, in characters, once the text parts are joined.
pub const LONGEST_TEXT: usize = 10_000;
/// Longest identifier echoed, in characters.
pub const LONGEST_ID: usize = 128;

/// One activity as a caller gives it: nothing is checked yet, everything may be absent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RawActivity {
    /// The caller's own identifier, echoed in the answer.
    pub id: Option<String>,
    /// What the founder typed.
    pub description: Option<String>,
    /// Further free text ("autre nature").
    pub other_nature: Option<String>,
    /// Further free text ("précision sur l'activité agricole").
    pub agricultural_detail: Option<String>,
    /// Kind of registration form, a letter.
    pub form_type: Option<String>,
    /// Nature of the activity, two digits.
    pub nature: Option<String>,
    /// Event declared, two digits and a letter.
    pub event: Option<String>,
    /// Surface in square metres.
    pub surface: Option<f64>,
    /// Surface class, "1" to "4".
    pub surface_class: Option<String>,
    /// Legal category, four digits.
    pub legal_category: Option<String>,
    /// Permanent ("P") or seasonal ("S").
    pub permanence: Option<String>,
}

/// Side information that may come with a text. A model says in its manifest which of them it uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Covariate {
    /// Kind of registration form.
    FormType,
    /// Nature of the activity.
    Nature,
    /// Event declared.
    Event,
    /// Class of the surface.
    SurfaceClass,
    /// Legal category.
    LegalCategory,
    /// Permanent or seasonal.
    Permanence,
}

impl Covariate {
    /// Every covariate, in the order in which warnings are given.
    pub const ALL: [Self; 6] =
        [Self::FormType, Self::Nature, Self::Event, Self::SurfaceClass, Self::LegalCategory, Self::Permanence];

    /// The name of the field that carries it.
    pub fn field(self) -> &'static str {
        match self {
            Self::FormType => "form_type",
            Self::Nature => "nature",
            Self::Event => "event",
            Self::SurfaceClass => "surface_class",
            Self::LegalCategory => "legal_category",
            Self::Permanence => "permanence",
        }
    }
}

/// By the name of its field.
impl FromStr for Covariate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = || Self::ALL.map(Self::field).join(", ");
        let found = Self::ALL.into_iter().find(|covariate| covariate.field() == text);
        found.ok_or_else(|| format!("{text:?} is no field of an activity: {}", known()))
    }
}

/// Why an activity cannot be coded. The fault is the activity's own: others beside it are coded.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ActivityError {
    /// No description, or only white space.
    #[error("the description is empty: give the activity in a few words")]
    EmptyDescription,
    /// The joined text is longer than allowed.
    #[error("the text has {characters} characters, more than the {allowed} allowed: shorten it")]
    TextTooLong {
        /// How many characters it has.
        characters: usize,
        /// How many it may have.
        allowed: usize,
    },
    /// The identifier is longer than [`LONGEST_ID`].
    #[error("the id is longer than {LONGEST_ID} characters: shorten it")]
    IdTooLong,
    /// Both a surface and a surface class.
    #[error("surface and surface_class are both given: give one of them")]
    TwoSurfaces,
    /// A field that codif does not know.
    #[error("unknown field {0:?}: remove it or check its spelling")]
    UnknownField(String),
    /// A field of another JSON type than its own.
    #[error("{field} must be {expected}")]
    WrongType {
        /// The field.
        field: &'static str,
        /// What it must be.
        expected: &'static str,
    },
    /// A text or a number of it cannot be read (half a surrogate pair, 1e999).
    #[error("a text or a number of it cannot be read: check its escapes (\\\\u…) and its numbers")]
    Unreadable,
    /// The line holds bytes that are not UTF-8.
    #[error("the text is not valid UTF-8 (byte {0}): save the file as UTF-8")]
    InvalidUtf8(usize),
}

impl ActivityError {
    /// The stable code that programs act on.
    pub fn code(&self) -> &'static str {
        match self {
            Self::EmptyDescription => "empty_description",
            Self::TextTooLong { .. } => "text_too_long",
            Self::IdTooLong => "id_too_long",
            Self::TwoSurfaces => "two_surfaces",
            Self::UnknownField(_) => "unknown_field",
            Self::WrongType { .. } => "wrong_type",
            Self::Unreadable => "unreadable_activity",
            Self::InvalidUtf8(_) => "invalid_utf8",
        }
    }

    /// The field at fault, when there is one.
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::EmptyDescription | Self::TextTooLong { .. } | Self::InvalidUtf8(_) => Some("description"),
            Self::IdTooLong => Some("id"),
            Self::Unreadable => None,
            Self::TwoSurfaces => Some("surface_class"),
            Self::UnknownField(field) => Some(field),
            Self::WrongType { field, .. } => Some(field),
        }
    }
}

/// An activity that can be coded: it has a text, and its covariates are present or absent, never blank.
#[derive(Clone, Debug, PartialEq)]
pub struct Activity {
    /// The text parts joined with a space, never blank.
    text: String,
    covariates: [Option<String>; Covariate::ALL.len()],
    /// The surface, when it was given and not its class.
    surface: Option<f64>,
    /// Which text is the description itself: its length in bytes at the start of `text`.
    description_length: usize,
}

impl Activity {
    /// The text parts, joined with a space.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The description alone, without the white space around it.
    pub fn description(&self) -> &str {
        self.text.get(..self.description_length).unwrap_or(&self.text)
    }

    /// An activity of a text alone; nothing when the text is blank or too long.
    pub fn of_text(text: &str) -> Option<Self> {
        Self::try_from(RawActivity { description: Some(text.to_owned()), ..RawActivity::default() }).ok()
    }

    /// The activity as `/v1/code` takes it; its text parts have become one description.
    pub fn to_json(&self) -> serde_json::Map<String, serde_json::Value> {
        let covariates = Covariate::ALL.into_iter().filter_map(|c| Some((c, self.covariate(c)?)));
        let covariates = covariates.map(|(covariate, value)| match self.surface {
            Some(surface) if covariate == Covariate::SurfaceClass => ("surface".to_owned(), surface.into()),
            _ => (covariate.field().to_owned(), value.into()),
        });
        std::iter::once(("description".to_owned(), self.text().into())).chain(covariates).collect()
    }

    /// The surface in square metres, when it was given and not its class.
    pub fn surface(&self) -> Option<f64> {
        self.surface
    }

    /// The value given for a covariate; `None` when it is absent.
    pub fn covariate(&self, covariate: Covariate) -> Option<&str> {
        self.covariates.get(covariate as usize)?.as_deref()
    }
}

impl TryFrom<RawActivity> for Activity {
    type Error = ActivityError;

    fn try_from(raw: RawActivity) -> Result<Self, ActivityError> {
        Self::checked(raw, LONGEST_TEXT)
    }
}

impl Activity {
    /// The activity, its text at most `allowed` characters long; or the first fault.
    pub fn checked(raw: RawActivity, allowed: usize) -> Result<Self, ActivityError> {
        if raw.id.is_some_and(|id| id.chars().count() > LONGEST_ID) {
            return Err(ActivityError::IdTooLong);
        }
        let mut text = written(raw.description).ok_or(ActivityError::EmptyDescription)?;
        let description_length = text.len();
        for part in [raw.other_nature, raw.agricultural_detail].into_iter().filter_map(written) {
            text.push(' ');
            text.push_str(&part);
        }
        // No text has more characters than bytes: most need no counting.
        if text.len() > allowed {
            let characters = text.chars().count();
            if characters > allowed {
                return Err(ActivityError::TextTooLong { characters, allowed });
            }
        }
        let surface_class = match (raw.surface, filled(raw.surface_class)) {
            (Some(_), Some(_)) => return Err(ActivityError::TwoSurfaces),
            (Some(surface), None) => Some(surface_class(surface).to_owned()),
            (None, class) => class,
        };
        let covariates = [
            filled(raw.form_type),
            filled(raw.nature),
            filled(raw.event),
            surface_class,
            filled(raw.legal_category),
            filled(raw.permanence),
        ];
        Ok(Self { text, covariates, surface: raw.surface, description_length })
    }
}

impl RawActivity {
    /// Cuts the text parts, joined, to at most `allowed` characters: at a word boundary where there is one, the later
    /// parts first. Says whether anything was cut.
    pub fn cut(&mut self, allowed: usize) -> bool {
        let mut left = allowed;
        let mut cut = false;
        for part in [&mut self.description, &mut self.other_nature, &mut self.agricultural_detail] {
            let Some(text) = part.as_deref().filter(|text| !text.trim().is_empty()).map(trimmed) else { continue };
            // What is cut begins with its first word, so that something is left of it.
            match beginning(text, left).map(|_| beginning(text.trim(), left).unwrap_or((text.trim(), true))) {
                Some((kept, whole_words)) => {
                    let kept = if whole_words || left == allowed { kept } else { "" };
                    *part = Some(kept.to_owned());
                    (left, cut) = (0, true);
                }
                // One more for the space that joins the parts.
                None => left = left.saturating_sub(text.chars().count() + 1),
            }
        }
        cut
    }
}

/// The beginning of a text that has more than `allowed` characters, up to the last word boundary, and whether there is
/// one; nothing when it has no more than that.
fn beginning(text: &str, allowed: usize) -> Option<(&str, bool)> {
    let (end, next) = text.char_indices().nth(allowed)?;
    let kept = text.get(..end).unwrap_or_default();
    if next.is_whitespace() {
        return Some((kept.trim_end(), true));
    }
    let boundary = kept.rfind(char::is_whitespace).and_then(|place| kept.get(..place));
    Some(boundary.map_or((kept, false), |whole| (whole.trim_end(), true)))
}

/// A text without the plain white space around it. Other white space may be part of a word, to a model that learned so.
pub fn trimmed(text: &str) -> &str {
    text.trim_matches([' ', '\t', '\n', '\r', '\u{b}', '\u{c}'])
}

/// A text part without the plain white space around it, or nothing when it is blank.
fn written(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.trim().is_empty()).map(|text| trimmed(&text).to_owned())
}

/// The trimmed text, or nothing when it is blank.
fn filled(text: Option<String>) -> Option<String> {
    text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// Class of a surface in square metres: 1 below 121, 2 from 121, 3 from 401, 4 from 2501.
/// A surface that is no surface (zero, negative) is in no class: no model has seen it.
fn surface_class(surface: f64) -> &'static str {
    match surface {
        s if s <= 0.0 || s.is_nan() => "0",
        s if s < 121.0 => "1",
        s if s < 401.0 => "2",
        s if s < 2501.0 => "3",
        _ => "4",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(description: &str) -> RawActivity {
        RawActivity { description: Some(description.to_owned()), ..RawActivity::default() }
    }

    #[test]
    fn text_parts_are_joined_with_a_space() {
        let raw = RawActivity {
            other_nature: Some(" et conseil ".into()),
            agricultural_detail: Some("  ".into()),
            ..described(" élevage ")
        };
        let activity = Activity::try_from(raw).unwrap();
        assert_eq!(activity.text(), "élevage et conseil");
        assert_eq!(activity.description(), "élevage");
    }

    #[test]
    fn a_blank_description_is_refused() {
        for description in ["", "  \t\n", "\u{a0}"] {
            assert_eq!(Activity::try_from(described(description)), Err(ActivityError::EmptyDescription));
        }
        assert_eq!(Activity::try_from(RawActivity::default()), Err(ActivityError::EmptyDescription));
    }

    #[test]
    fn length_is_counted_in_characters() {
        assert!(Activity::try_from(described(&"é".repeat(LONGEST_TEXT))).is_ok());
        let error = Activity::try_from(described(&"é".repeat(LONGEST_TEXT + 1))).unwrap_err();
        assert_eq!(error.code(), "text_too_long");
    }

    #[test]
    fn a_text_is_cut_at_a_word_boundary() {
        let cut = |description: &str, other: Option<&str>, allowed| {
            let mut raw = RawActivity { other_nature: other.map(str::to_owned), ..described(description) };
            let cut = raw.cut(allowed);
            assert!(Activity::checked(raw.clone(), allowed).is_ok());
            (cut, Activity::try_from(raw).unwrap().text().to_owned())
        };
        assert_eq!(cut("vente de pain", None, 13), (false, "vente de pain".into()));
        assert_eq!(cut("vente de pain", None, 12), (true, "vente de".into()));
        assert_eq!(cut("vente de pain", None, 8), (true, "vente de".into()));
        assert_eq!(cut("éééé", None, 3), (true, "ééé".into()));
        assert_eq!(cut("vente", Some("de pain"), 13), (false, "vente de pain".into()));
        assert_eq!(cut("vente", Some("de pain"), 9), (true, "vente de".into()));
        assert_eq!(cut("vente", Some("pain"), 7), (true, "vente".into()));
        assert_eq!(cut("vente", Some("pain"), 6), (true, "vente".into()));
    }

    #[test]
    fn surfaces_fall_in_their_class() {
        for (surface, class) in [(1.0, "1"), (120.9, "1"), (121.0, "2"), (401.0, "3"), (2500.0, "3"), (2501.0, "4")] {
            let raw = RawActivity { surface: Some(surface), ..described("hôtel") };
            assert_eq!(Activity::try_from(raw).unwrap().covariate(Covariate::SurfaceClass), Some(class));
        }
    }

    #[test]
    fn a_blank_covariate_is_absent() {
        let raw = RawActivity { nature: Some(" ".into()), form_type: Some(" M ".into()), ..described("hôtel") };
        let activity = Activity::try_from(raw).unwrap();
        assert_eq!(activity.covariate(Covariate::Nature), None);
        assert_eq!(activity.covariate(Covariate::FormType), Some("M"));
    }
}
