//! What the page shows, as plain values: texts as typed, codes without their dot, numbers from 0 to 1.
//! Escaping, French figures and French sentences are the page's business.

/// The form as the coder left it. A field not filled in is empty; the page never trims what was typed.
#[derive(Clone, Debug, Default)]
pub struct FormView {
    /// What the founder typed.
    pub description: String,
    /// Kind of registration form, a letter.
    pub form_type: String,
    /// Nature of the activity, two digits.
    pub nature: String,
    /// Further free text.
    pub other_nature: String,
    /// Further free text of a farm.
    pub agricultural_detail: String,
    /// Event declared, two digits and a letter.
    pub event: String,
    /// Surface in square metres.
    pub surface: String,
    /// Legal category, four digits.
    pub legal_category: String,
    /// `P` or `S`.
    pub permanence: String,
    /// Every nomenclature served, in the order in which it is offered.
    pub nomenclatures: Vec<NomenclatureView>,
}

/// A nomenclature that can be asked for.
#[derive(Clone, Debug)]
pub struct NomenclatureView {
    /// Its identifier, `naf2008`.
    pub id: String,
    /// Its name, `NAF rév. 2`.
    pub title: String,
    /// Whether it is asked for: all are, when none was named.
    pub checked: bool,
}

/// Why the activity could not be coded.
#[derive(Clone, Debug)]
pub struct ErrorView {
    /// The field of the form at fault; empty when none is (no model is loaded, say).
    pub field: String,
    /// The stable code of the error, `empty_description`.
    pub code: String,
    /// What to read when the page has no French sentence for the code.
    pub message: String,
}

/// The coding of the activity in one nomenclature.
#[derive(Clone, Debug, Default)]
pub struct ResultView {
    /// Identifier of the nomenclature, `naf2008`.
    pub nomenclature: String,
    /// Name of the nomenclature, `NAF rév. 2`.
    pub nomenclature_title: String,
    /// Whether the best code is given; a person decides otherwise.
    pub automatic: bool,
    /// Why a person decides (`below_threshold`, `nothing_left`, `nothing_known`); empty when automatic.
    pub reason: String,
    /// Gap between the two best probabilities.
    pub gap: f64,
    /// Gap from which a coding is automatic.
    pub threshold: f64,
    /// Name of the model.
    pub model_name: String,
    /// Version of the model.
    pub model_version: String,
    /// The codes, best first.
    pub predictions: Vec<PredictionView>,
    /// The words of the description in order, for the first prediction; empty when nothing is explained.
    pub words: Vec<WordView>,
    /// What the model did not take into account.
    pub warnings: Vec<WarningView>,
}

/// One code proposed.
#[derive(Clone, Debug)]
pub struct PredictionView {
    /// Its rank, from 1.
    pub rank: usize,
    /// The code, `9602A`.
    pub code: String,
    /// Its title.
    pub title: String,
    /// Its probability.
    pub probability: f64,
    /// The levels above it, from the section down to the class.
    pub path: Vec<LevelView>,
}

/// One level of the nomenclature.
#[derive(Clone, Debug)]
pub struct LevelView {
    /// Its code, `960`.
    pub code: String,
    /// Its title.
    pub title: String,
}

/// One word of the description.
#[derive(Clone, Debug)]
pub struct WordView {
    /// The word as typed, with its punctuation.
    pub text: String,
    /// How much it speaks for the code: 0 not at all, 1 a little, 2 clearly, 3 most. [`strength`] gives it.
    pub weight: u8,
}

/// A value of the form that the model did not take into account.
#[derive(Clone, Debug)]
pub struct WarningView {
    /// The field.
    pub field: String,
    /// `unknown_value` or `not_used`.
    pub code: String,
    /// What to read when the page has no French sentence for the code.
    pub message: String,
}

/// How much a word speaks for a code, from what it adds to the code's logit and the most that a word adds: thirds of
/// that most, nothing below a tenth of it or when it speaks against the code.
pub fn strength(contribution: f64, most: f64) -> u8 {
    let share = if contribution > 0.0 && most > 0.0 { contribution / most } else { 0.0 };
    match share {
        s if s < 0.1 => 0,
        s if s < 1.0 / 3.0 => 1,
        s if s < 2.0 / 3.0 => 2,
        _ => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::strength;

    #[test]
    fn words_have_three_strengths() {
        let strengths = [2.0, 1.3, 0.6, 0.1, -3.0, f64::NAN].map(|contribution| strength(contribution, 2.0));
        assert_eq!(strengths, [3, 2, 1, 0, 0, 0]);
    }

    #[test]
    fn nothing_stands_out_when_every_word_speaks_against_the_code() {
        assert_eq!(strength(-0.5, -0.5), 0);
        assert_eq!(strength(0.0, 0.0), 0);
    }
}
