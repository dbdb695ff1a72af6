//! Which column is which field, in the words of the user.

use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

/// The columns a user names. A field without name is read from the column that is called as the field, if there is one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ColumnNames {
    /// What the founder typed: a column, or several that are joined with a space.
    #[schema(value_type = OneOrSeveral)]
    #[serde(deserialize_with = "one_or_several", skip_serializing_if = "Vec::is_empty")]
    pub description: Vec<String>,
    /// Further free text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub other_nature: Option<String>,
    /// Further free text on what a farm does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agricultural_detail: Option<String>,
    /// Kind of registration form.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub form_type: Option<String>,
    /// Nature of the activity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nature: Option<String>,
    /// Event declared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// Surface in square metres.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub surface: Option<String>,
    /// Surface class.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub surface_class: Option<String>,
    /// Legal category.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub legal_category: Option<String>,
    /// Permanent or seasonal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permanence: Option<String>,
}

/// A column, or several.
#[derive(Deserialize, ToSchema)]
#[serde(untagged)]
enum OneOrSeveral {
    /// One.
    One(String),
    /// Several.
    Several(Vec<String>),
}

fn one_or_several<'de, D: Deserializer<'de>>(names: D) -> Result<Vec<String>, D::Error> {
    Ok(match OneOrSeveral::deserialize(names)? {
        OneOrSeveral::One(name) => vec![name],
        OneOrSeveral::Several(names) => names,
    })
}
