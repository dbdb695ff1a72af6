//! Which coder answers on a Sirene route: that of the nomenclature it is mounted under.

use std::sync::Arc;

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;

use crate::http::App;
use crate::http::error::Problem;
use crate::serving::slot::Served;

/// What is set for these routes.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Nomenclature in which they answer.
    pub nomenclature: String,
    /// Decimals of the probabilities; full precision when there is none.
    pub round: Option<u8>,
}

/// What answers: the coder of the path's nomenclature, or of the setting's.
pub struct RouteCoder(pub Arc<Served>);

impl FromRequestParts<App> for RouteCoder {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let parameters = RawPathParams::from_request_parts(parts, app).await;
        let parameters = parameters.map_err(|_| Problem::unknown("no_such_route", "this address is not UTF-8"))?;
        let named = parameters.iter().find(|(name, _)| *name == "nomenclature");
        coder(app, named.map_or(app.sirene.nomenclature.as_str(), |(_, id)| id)).map(Self)
    }
}

/// What serves a nomenclature.
pub fn coder(app: &App, nomenclature: &str) -> Result<Arc<Served>, Problem> {
    app.coders.get(nomenclature).ok_or_else(|| {
        Problem::unknown("unknown_nomenclature", format!("no model serves the nomenclature {nomenclature:?}"))
    })
}
