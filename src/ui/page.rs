//! The page as a whole: what it is made of, and what its title says.

use askama::Template;

use super::choices::{Choice, FORM_TYPES, NATURES, PERMANENCES, choices};
use super::french::{beginning, field_name};
use super::views::{ErrorView, FormView, ResultView};

/// What one may try first.
const EXAMPLES: [&str; 3] = ["coiffure à domicile", "vente de vêtements sur internet", "location de logements meublés"];

/// Fields that are folded away until they are of use.
const DETAILS: [&str; 6] = ["other_nature", "agricultural_detail", "event", "surface", "legal_category", "permanence"];

/// Most characters of a description in the title of the page and above the results.
const LONGEST_IN_TITLE: usize = 60;
const LONGEST_SUBJECT: usize = 160;

/// The coder's page: the form, then what is wrong with it or the results. With neither, it offers examples.
#[derive(Clone, Debug, Default, Template)]
#[template(path = "page.html")]
pub struct Page {
    /// The form as it was sent; only its nomenclatures when nothing was.
    pub form: FormView,
    /// What is wrong, in the order of the form.
    pub errors: Vec<ErrorView>,
    /// One result per nomenclature, in the order asked.
    pub results: Vec<ResultView>,
}

impl Page {
    /// What the tab, the history and a screen reader say: what was asked and what came out, or what is wrong.
    fn title(&self) -> String {
        let page = if let Some(error) = self.errors.first() {
            format!("Erreur\u{a0}: {}", error.sentence().trim_end_matches('.'))
        } else if self.results.is_empty() {
            "Coder une activité".to_owned()
        } else {
            let outcomes: Vec<String> = self.results.iter().map(ResultView::outcome).collect();
            let description = beginning(self.form.description.trim(), LONGEST_IN_TITLE);
            format!("{description}\u{a0}: {}", outcomes.join(", "))
        };
        format!("{page} – codif")
    }

    /// The description, as the heading of the results recalls it.
    fn subject(&self) -> String {
        beginning(self.form.description.trim(), LONGEST_SUBJECT)
    }

    /// The name of a field.
    fn label_of<'a>(&self, field: &'a str) -> &'a str {
        field_name(field)
    }

    /// What is wrong with a field.
    fn error_of(&self, field: &str) -> Option<&str> {
        self.errors.iter().find(|error| error.field == field).map(ErrorView::sentence)
    }

    /// Whether a field is the first at fault: the coder's cursor belongs there.
    fn is_first_fault(&self, field: &str) -> bool {
        self.errors.iter().find(|error| !error.field.is_empty()).is_some_and(|error| error.field == field)
    }

    /// Whether something is given or wrong among the folded fields.
    fn shows_details(&self) -> bool {
        let form = &self.form;
        let given = [
            &form.other_nature,
            &form.agricultural_detail,
            &form.event,
            &form.surface,
            &form.legal_category,
            &form.permanence,
        ];
        given.iter().any(|value| !value.is_empty()) || DETAILS.iter().any(|field| self.error_of(field).is_some())
    }

    /// Whether nothing was asked yet.
    fn is_blank(&self) -> bool {
        self.errors.is_empty() && self.results.is_empty()
    }

    fn examples(&self) -> [&'static str; 3] {
        EXAMPLES
    }

    fn form_types(&self) -> Vec<Choice> {
        choices(&FORM_TYPES, &self.form.form_type)
    }

    fn natures(&self) -> Vec<Choice> {
        choices(&NATURES, &self.form.nature)
    }

    fn permanences(&self) -> Vec<Choice> {
        choices(&PERMANENCES, &self.form.permanence)
    }
}

#[cfg(test)]
mod tests;
