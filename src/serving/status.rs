//! What is known of each model that is served or that accompanies one: for `/admin/models`, the probes and the metrics.

use std::collections::BTreeMap;

use jiff::{Timestamp, Unit};
use serde::Serialize;

use super::shadow::Agreement;
use crate::coding::ModelVersion;

/// The time, to the millisecond.
pub fn now() -> Timestamp {
    let now = Timestamp::now();
    now.round(Unit::Millisecond).unwrap_or(now)
}

/// What a model is there for.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// It answers.
    Production,
    /// It answers a share of the activities.
    Canary,
    /// It sees a share of the activities, and answers none.
    Shadow,
}

impl Role {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Production => "production",
            Self::Canary => "canary",
            Self::Shadow => "shadow",
        }
    }
}

/// A model that is served, as of now.
#[derive(Clone, Debug, Serialize)]
pub struct ModelStatus {
    /// How it was named: `NAME@ALIAS`.
    pub reference: String,
    /// What it is there for.
    pub role: Role,
    /// Of the activities, the share it answers (canary) or sees (shadow).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share: Option<f64>,
    /// The nomenclature it codes in; null before it was ever loaded.
    pub nomenclature: Option<String>,
    /// The version in service; null before one was loaded.
    pub version: Option<ModelVersion>,
    /// Since when.
    pub since: Option<Timestamp>,
    /// How long its loading took.
    pub load_seconds: Option<f64>,
    /// The version before, while it is at hand.
    pub previous: Option<ModelVersion>,
    /// When the registry was asked last.
    pub checked_at: Option<Timestamp>,
    /// Why what is served may be out of date: the registry's last answer was none, or its version is refused.
    pub stale: Option<Failure>,
    /// Of a shadow: how far it agrees with the version in service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agreement: Option<Agreements>,
}

impl ModelStatus {
    /// Whether it answers requests.
    pub fn answers(&self) -> bool {
        self.role != Role::Shadow
    }
}

/// Something that failed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Failure {
    /// The version that is refused; null when the registry could not be asked.
    pub version: Option<ModelVersion>,
    /// Why.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
}

/// How far a shadow agrees with the version in service.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Agreements {
    /// Over all activities.
    pub overall: Agreement,
    /// By section of the code that the version in service gives.
    pub by_section: BTreeMap<String, Agreement>,
}

impl Agreements {
    /// From those of the sections.
    pub fn new(by_section: BTreeMap<String, Agreement>) -> Self {
        Self { overall: Agreement::sum(by_section.values()), by_section }
    }
}
