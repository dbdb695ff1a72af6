//! `GET /v1/models`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::App;

/// A model in service.
#[derive(Serialize, ToSchema)]
pub struct ModelAnswer {
    /// Its name.
    #[schema(example = "ape-naf2008")]
    name: String,
    /// Its version.
    version: u32,
    /// The nomenclature it codes in.
    #[schema(example = "naf2008")]
    nomenclature: String,
    /// How many codes it can give.
    labels: usize,
    /// The confidence gap from which a code is given automatically.
    threshold: f64,
    /// The covariates it uses.
    covariates: Vec<&'static str>,
}

/// The models in service
#[utoipa::path(
    get,
    path = "/v1/models",
    tag = "models",
    responses((status = 200, description = "One model a nomenclature", body = Vec<ModelAnswer>))
)]
pub async fn list(State(app): State<App>) -> Json<Vec<ModelAnswer>> {
    let models = app.coders.iter().map(|(nomenclature, served)| (nomenclature, Arc::clone(&served.coder)));
    let models = models.map(|(nomenclature, coder)| ModelAnswer {
        name: coder.model.name.clone(),
        version: coder.model.version,
        nomenclature: nomenclature.to_owned(),
        labels: coder.labels.len(),
        threshold: coder.threshold,
        covariates: coder.features.covariates.iter().map(|one| one.covariate.field()).collect(),
    });
    Json(models.collect())
}
