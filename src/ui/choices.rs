//! The closed lists of the form: what the letters and digits of a declaration mean.

/// One option of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// What the form sends.
    pub value: String,
    /// What the coder reads.
    pub label: String,
    /// Whether it is the one shown.
    pub selected: bool,
}

/// Kinds of registration form.
pub const FORM_TYPES: [(&str, &str); 16] = [
    ("A", "Agricole"),
    ("B", "Batellerie"),
    ("C", "Commerçant"),
    ("D", "Origine RCS"),
    ("E", "Entreprise étrangère"),
    ("G", "GIE ou société civile"),
    ("I", "Loueur (impôts)"),
    ("L", "Profession libérale"),
    ("M", "Artisan"),
    ("N", "Origine RM"),
    ("P", "Autre"),
    ("R", "Agent commercial"),
    ("S", "Association"),
    ("X", "Auto-entrepreneur libéral"),
    ("Y", "Auto-entrepreneur commerçant"),
    ("Z", "Auto-entrepreneur artisan"),
];

/// Natures of the activity.
pub const NATURES: [(&str, &str); 21] = [
    ("03", "Extraction"),
    ("04", "Fabrication"),
    ("05", "Montage"),
    ("06", "Réparation"),
    ("07", "Transport"),
    ("08", "Import-export"),
    ("09", "Commerce de gros"),
    ("10", "Commerce de détail en magasin"),
    ("11", "Profession libérale"),
    ("12", "Services"),
    ("14", "Bâtiment, travaux publics"),
    ("16", "Commerce de détail sur marché"),
    ("17", "Commerce sur internet"),
    ("20", "Location de logements"),
    ("21", "Location de terrains"),
    ("22", "Promotion"),
    ("23", "Promotion"),
    ("24", "Promotion"),
    ("25", "Programmes"),
    ("26", "Support de patrimoine"),
    ("99", "Autre"),
];

/// Permanent or seasonal.
pub const PERMANENCES: [(&str, &str); 2] = [("P", "Permanente"), ("S", "Saisonnière")];

/// The options of a list with the given value selected. A value that is not in the list is added at the end, so that
/// sending the form again does not lose it; a blank one selects nothing.
pub fn choices(list: &[(&str, &str)], given: &str) -> Vec<Choice> {
    let known = list.iter().map(|(value, label)| Choice {
        value: (*value).to_owned(),
        label: format!("{value} – {label}"),
        selected: *value == given,
    });
    let is_listed = given.is_empty() || list.iter().any(|(value, _)| *value == given);
    let unlisted = (!is_listed).then(|| Choice {
        value: given.to_owned(),
        label: format!("{given} – valeur hors liste"),
        selected: true,
    });
    known.chain(unlisted).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_given_value_is_selected() {
        let selected: Vec<Choice> = choices(&NATURES, "12").into_iter().filter(|choice| choice.selected).collect();
        assert_eq!(selected.len(), 1);
        assert_eq!(selected[0].label, "12 – Services");
    }

    #[test]
    fn nothing_given_selects_nothing() {
        assert!(choices(&FORM_TYPES, "").iter().all(|choice| !choice.selected));
    }

    #[test]
    fn a_value_out_of_the_list_is_kept() {
        let last = choices(&NATURES, "01").pop().unwrap();
        assert_eq!((last.value.as_str(), last.selected), ("01", true));
    }
}
