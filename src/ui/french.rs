//! Figures, codes and sentences as a French reader expects them.

/// Decimals a gap and its threshold are shown with, at least and at most.
const FEWEST_DECIMALS: usize = 3;
const MOST_DECIMALS: usize = 9;

/// A number with a decimal comma.
pub fn decimal(number: f64, decimals: usize) -> String {
    format!("{number:.decimals$}").replace('.', ",")
}

/// A probability as a percentage: `93,4 %`. One that is not quite nothing or not quite everything says so
/// (`< 0,1 %`, `> 99,9 %`) rather than being rounded to it.
pub fn percentage(probability: f64) -> String {
    let figure = match probability {
        p if p > 0.0 && p < 0.0005 => "<\u{a0}0,1".to_owned(),
        p if (0.9995..1.0).contains(&p) => ">\u{a0}99,9".to_owned(),
        p => decimal(p * 100.0, 1),
    };
    format!("{figure}\u{202f}%")
}

/// The confidence gap and the threshold with the same number of decimals: as many as it takes to see that they differ.
pub fn gap_and_threshold(gap: f64, threshold: f64) -> (String, String) {
    let shown = |decimals| (decimal(gap, decimals), decimal(threshold, decimals));
    let differing = (FEWEST_DECIMALS..MOST_DECIMALS).map(shown).find(|(left, right)| left != right);
    match differing {
        Some(figures) if gap != threshold => figures,
        _ => shown(FEWEST_DECIMALS),
    }
}

/// Width of a bar for a number from 0 to 1, as an SVG percentage. Anything else is brought back within the bar.
pub fn width(number: f64) -> String {
    let part = if number.is_nan() { 0.0 } else { number.clamp(0.0, 1.0) };
    format!("{:.1}%", part * 100.0)
}

/// A code as it is printed, with its dot: `9602A` is `96.02A`, `960` is `96.0`, `96` and `S` are themselves.
pub fn dotted(code: &str) -> String {
    match code.split_at_checked(2) {
        Some((division, rest)) if !rest.is_empty() && !rest.starts_with('.') => format!("{division}.{rest}"),
        _ => code.to_owned(),
    }
}

/// The first words of a text, cut to at most `longest` characters.
pub fn beginning(text: &str, longest: usize) -> String {
    if text.chars().count() <= longest {
        return text.to_owned();
    }
    let kept: String = text.chars().take(longest.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

/// A field of the form as the coder knows it.
pub fn field_name(field: &str) -> &str {
    match field {
        "description" => "Description de l’activité",
        "form_type" => "Type de formulaire",
        "nature" => "Nature de l’activité",
        "other_nature" => "Autre nature",
        "agricultural_detail" => "Précision sur l’activité agricole",
        "event" => "Évènement",
        "surface" | "surface_class" => "Surface",
        "legal_category" => "Catégorie juridique",
        "permanence" => "Permanence",
        "nomenclatures" => "Nomenclatures",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_are_french_percentages() {
        assert_eq!(percentage(0.934), "93,4\u{202f}%");
        assert_eq!(percentage(0.0), "0,0\u{202f}%");
        assert_eq!(percentage(1.0), "100,0\u{202f}%");
    }

    #[test]
    fn a_probability_is_never_rounded_to_certainty() {
        assert_eq!(percentage(0.0004), "<\u{a0}0,1\u{202f}%");
        assert_eq!(percentage(0.99999), ">\u{a0}99,9\u{202f}%");
    }

    #[test]
    fn a_gap_just_below_the_threshold_does_not_look_equal_to_it() {
        assert_eq!(gap_and_threshold(0.9123, 0.8), ("0,912".into(), "0,800".into()));
        assert_eq!(gap_and_threshold(0.79996, 0.8), ("0,79996".into(), "0,80000".into()));
        assert_eq!(gap_and_threshold(0.8, 0.8), ("0,800".into(), "0,800".into()));
    }

    #[test]
    fn a_bar_never_leaves_its_frame() {
        assert_eq!(width(0.9344), "93.4%");
        for (number, expected) in [(-1.0, "0.0%"), (7.0, "100.0%"), (f64::NAN, "0.0%")] {
            assert_eq!(width(number), expected);
        }
    }

    #[test]
    fn codes_of_every_level_are_dotted() {
        for (code, expected) in [("9602A", "96.02A"), ("9602", "96.02"), ("960", "96.0"), ("96", "96"), ("S", "S")] {
            assert_eq!(dotted(code), expected);
            assert_eq!(dotted(expected), expected);
        }
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(beginning("élevage", 7), "élevage");
        assert_eq!(beginning("élevage équin", 9), "élevage…");
    }
}
