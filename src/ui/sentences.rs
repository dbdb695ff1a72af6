//! What the views say, in French: the page calls these, so that no figure or sentence is made in a template.

use super::french::{dotted, field_name, gap_and_threshold, percentage, width};
use super::views::{ErrorView, LevelView, PredictionView, ResultView, WarningView};

impl ErrorView {
    /// What the coder reads.
    pub fn sentence(&self) -> &str {
        match self.code.as_str() {
            "empty_description" => "Saisissez la description de l’activité, en quelques mots.",
            "text_too_long" => "Le texte est trop long\u{a0}: raccourcissez la description ou les précisions.",
            "wrong_type" if self.field == "surface" => "La surface doit être un nombre de mètres carrés.",
            "unknown_nomenclature" => "Cette nomenclature n’est pas proposée\u{a0}: choisissez dans la liste.",
            _ => &self.message,
        }
    }
}

impl WarningView {
    /// What the coder reads.
    pub fn sentence(&self) -> String {
        let rest = match self.code.as_str() {
            "unknown_value" => "le modèle ne connaît pas cette valeur et n’en tient pas compte.",
            "not_used" => "le modèle n’utilise pas cette information.",
            _ => &self.message,
        };
        format!("{}\u{a0}: {rest}", field_name(&self.field))
    }
}

impl ResultView {
    /// Why a person decides. A reason that the page does not know is shown as it is.
    pub fn reason_sentence(&self) -> &str {
        match self.reason.as_str() {
            "below_threshold" => "L’écart de confiance est inférieur au seuil\u{a0}: le code reste à choisir.",
            "nothing_left" => {
                "Il ne reste aucun mot utile dans la description\u{a0}: les codes ci-dessous ne la reflètent pas."
            }
            "nothing_known" => {
                "Le modèle ne connaît aucun mot de la description\u{a0}: les codes ci-dessous ne la reflètent pas."
            }
            reason => reason,
        }
    }

    /// The gap in figures.
    pub fn gap_figure(&self) -> String {
        gap_and_threshold(self.gap, self.threshold).0
    }

    /// The threshold in figures.
    pub fn threshold_figure(&self) -> String {
        gap_and_threshold(self.gap, self.threshold).1
    }

    /// Width of the gap's bar.
    pub fn gap_width(&self) -> String {
        width(self.gap)
    }

    /// Place of the threshold's mark on the bar.
    pub fn threshold_place(&self) -> String {
        width(self.threshold)
    }

    /// Which end of the mark's caption stands at the mark, so that it stays within the bar.
    pub fn caption_anchor(&self) -> &'static str {
        if self.threshold > 0.5 { "end" } else { "start" }
    }

    /// The best code, with its dot.
    pub fn best_code(&self) -> String {
        self.predictions.first().map(PredictionView::dotted).unwrap_or_default()
    }

    /// The title of the best code.
    pub fn best_title(&self) -> &str {
        self.predictions.first().map(|best| best.title.as_str()).unwrap_or_default()
    }

    /// Whether a word speaks for the best code.
    pub fn has_deciding_words(&self) -> bool {
        self.words.iter().any(|word| word.weight > 0)
    }

    /// What the tab says of the result: the code given, or that none is.
    pub fn outcome(&self) -> String {
        match self.automatic {
            true => format!("{} ({})", self.best_code(), self.nomenclature_title),
            false => format!("manuel ({})", self.nomenclature_title),
        }
    }
}

impl PredictionView {
    /// The code, with its dot.
    pub fn dotted(&self) -> String {
        dotted(&self.code)
    }

    /// The probability in figures.
    pub fn percentage(&self) -> String {
        percentage(self.probability)
    }

    /// Width of the probability's bar.
    pub fn width(&self) -> String {
        width(self.probability)
    }
}

impl LevelView {
    /// The code, with its dot.
    pub fn dotted(&self) -> String {
        dotted(&self.code)
    }
}
