//! `/admin` and `/admin/models`: what is served, how it follows the registry, and how far shadows agree with it.

use std::sync::{Arc, OnceLock};

use askama::Template;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::{Html, IntoResponse, Response};
use serde_json::{Value, json};

use super::error::Problem;
use super::with_header;
use crate::serving::reload::{Looked, Outcome, Reloader};
use crate::serving::status::{ModelStatus, Role};
use crate::ui::admin::AdminPage;

/// What a browser may do with the page: nothing but show it.
const CONTENT_SECURITY_POLICY: &str =
    "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What follows the registry, once models are in service.
#[derive(Clone, Default)]
pub struct Following(pub Arc<OnceLock<Arc<Reloader>>>);

fn reloader(following: &Following) -> Result<Arc<Reloader>, Problem> {
    let starting = || Problem::not_ready("starting: no model is in service yet");
    following.0.get().map(Arc::clone).ok_or_else(starting)
}

fn status(following: &Following) -> Vec<ModelStatus> {
    following.0.get().map(|reloader| reloader.status()).unwrap_or_default()
}

/// For the probe: each version in service, then what may be out of date.
pub fn summary(following: &Following) -> String {
    let status = status(following);
    let versions = status.iter().filter(|model| model.answers()).filter_map(|model| model.version.as_ref());
    let production = status.iter().filter(|model| model.role == Role::Production);
    let stale = production.filter_map(|model| Some((&model.reference, model.stale.as_ref()?)));
    let lines = versions.map(ToString::to_string);
    let stale = stale.map(|(reference, failure)| format!("stale: {reference}: {}", failure.reason));
    let mut text = String::from("ready\n");
    lines.chain(stale).for_each(|line| text.extend([line.as_str(), "\n"]));
    text
}

/// Each model: its version, the one before, since when, why it may be out of date, how far its shadow agrees.
pub async fn models(State(following): State<Following>) -> Result<Json<Vec<ModelStatus>>, Problem> {
    reloader(&following).map(|reloader| Json(reloader.status()))
}

/// Looks at the registry now for one model, and says what came of it. A version that was refused is tried again.
pub async fn reload(
    State(following): State<Following>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Vec<Value>>, Problem> {
    // Browsers say where a request comes from; programs do not.
    if headers.get("sec-fetch-site").is_some_and(|site| site != "same-origin" && site != "none") {
        return Err(Problem::foreign_page());
    }
    let looked = reloader(&following)?.look(Some(name.clone()), true).await.map_err(Problem::internal)?;
    if looked.is_empty() {
        return Err(Problem::unknown("unknown_model", format!("no model {name:?} is followed here")));
    }
    // What is on trial may fail by itself: nothing that answers is concerned.
    let failed = |(_, _, outcome): &Looked| matches!(outcome, Outcome::Failed(_));
    let (all, production) = (looked.iter().all(failed), looked.iter().filter(|(_, role, _)| *role == Role::Production));
    let worst = production.chain(looked.iter().filter(|_| all)).find_map(|(reference, _, outcome)| match outcome {
        Outcome::Failed(reason) => Some(format!("{reference}: {reason}; what was in service goes on")),
        _ => None,
    });
    if let Some(reason) = worst {
        return Err(Problem::reload_failed(reason));
    }
    let told = looked.into_iter().map(|(reference, role, outcome)| match outcome {
        Outcome::Unchanged(version) => {
            json!({"reference": reference, "role": role, "version": version, "changed": false})
        }
        Outcome::Replaced(version) => {
            json!({"reference": reference, "role": role, "version": version, "changed": true})
        }
        Outcome::Failed(reason) => json!({"reference": reference, "role": role, "changed": false, "error": reason}),
    });
    Ok(Json(told.collect()))
}

/// The same for people.
pub async fn page(State(following): State<Following>) -> Result<Response, Problem> {
    let page = AdminPage { models: status(&following) };
    let response = Html(page.render().map_err(Problem::internal)?).into_response();
    Ok(with_header(response, "content-security-policy", CONTENT_SECURITY_POLICY))
}
