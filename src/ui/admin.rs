//! The page of those who run codif: the models in service, and how far those on trial agree with them.

use askama::Template;
use jiff::Timestamp;

use super::french::{decimal, percentage};
use crate::serving::shadow::Agreement;
use crate::serving::status::{ModelStatus, Role};

/// The page at `/admin` of the operations port.
#[derive(Clone, Debug, Template)]
#[template(path = "admin.html")]
pub struct AdminPage {
    /// The models that are followed; none while codif starts.
    pub models: Vec<ModelStatus>,
}

impl AdminPage {
    fn role(&self, model: &ModelStatus) -> String {
        let share = || percentage(model.share.unwrap_or_default());
        match model.role {
            Role::Production => "En service".to_owned(),
            Role::Canary => format!("À l’essai\u{a0}: répond pour {} des activités", share()),
            Role::Shadow => format!("En observation\u{a0}: voit {} des activités, ne répond à aucune", share()),
        }
    }

    /// A time as a French reader expects it; UTC, as in the logs.
    fn time(&self, time: &Timestamp) -> String {
        time.strftime("%d/%m/%Y à %H:%M:%S UTC").to_string()
    }

    /// The rows of a table of agreement: all activities first, then each section.
    fn rows(&self, model: &ModelStatus) -> Vec<AgreementRow> {
        let Some(agreement) = &model.agreement else { return Vec::new() };
        let overall = std::iter::once(("Toutes".to_owned(), &agreement.overall));
        let sections =
            agreement.by_section.iter().map(|(section, agreement)| (format!("Section {section}"), agreement));
        overall.chain(sections).map(|(name, agreement)| AgreementRow::new(name, agreement)).collect()
    }
}

/// One row of a table of agreement.
struct AgreementRow {
    name: String,
    activities: u64,
    figures: [String; 5],
}

impl AgreementRow {
    fn new(name: String, agreement: &Agreement) -> Self {
        let share = |count: u64| percentage(count as f64 / agreement.activities.max(1) as f64);
        let figures = [
            share(agreement.same_code),
            share(agreement.same_decision),
            share(agreement.automatic_before),
            share(agreement.automatic_after),
            decimal(agreement.mean_gap_shift, 3),
        ];
        Self { name, activities: agreement.activities, figures }
    }
}
