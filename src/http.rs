//! Every route once. What happens before and after a handler is in [`front`], layer by layer; the sockets are in
//! [`server`].

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;
use axum::routing::get;
use bytesize::ByteSize;
use tower::ServiceBuilder;
use tower_http::decompression::RequestDecompressionLayer;
use tower_http::limit::RequestBodyLimitLayer;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use utoipa_swagger_ui::SwaggerUi;

pub mod admin;
pub mod answering;
pub mod auth;
pub mod body;
pub mod code;
pub mod error;
pub mod front;
pub mod jobs;
pub mod lifecycle;
pub mod models;
pub mod nomenclatures;
pub mod openapi;
pub mod operations;
pub mod page;
pub mod server;
pub mod sirene;

use crate::config::ServeOptions;
use crate::jobs::opening::Desks;
use crate::serving::Coders;
use crate::serving::admission::Budget;
use crate::serving::desk::Desk;
use crate::serving::pool::Pool;
use crate::telemetry::Metrics;
use auth::Access;
use server::accept::{Answers, Sendable};

/// What every handler shares, cheap to hand on.
pub type App = Arc<Application>;

/// The coders in service and all that surrounds them.
pub struct Application {
    /// The coders in service.
    pub coders: Arc<Coders>,
    /// Where requests are worked on.
    pub desk: Desk,
    /// The metrics.
    pub metrics: Arc<Metrics>,
    /// Who may call.
    pub access: Access,
    /// How much is taken.
    pub limits: Limits,
    /// The Sirene routes.
    pub sirene: sirene::route_coder::Settings,
    /// Origins whose pages may call.
    pub cors_origins: Vec<String>,
    /// Where jobs are asked for, if any are taken.
    pub jobs: Option<Desks>,
}

/// How much is taken in one request.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Largest body on `/v1`, in bytes.
    pub body: usize,
    /// Largest body on the Sirene routes, in bytes.
    pub sirene_body: usize,
    /// Most activities on `/v1`.
    pub activities: usize,
    /// Most activities on the Sirene routes.
    pub sirene_activities: usize,
    /// Longest text, in characters.
    pub text: usize,
    /// Deepest JSON.
    pub json_depth: usize,
    /// Largest upload of a job, in bytes.
    pub upload: usize,
    /// Longest time for a body.
    pub body_patience: Duration,
}

impl Application {
    /// From the settings.
    pub fn new(
        options: &ServeOptions,
        access: Access,
        coders: Arc<Coders>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, rayon::ThreadPoolBuildError> {
        let limits = &options.limits;
        let bytes = |size: ByteSize| usize::try_from(size.as_u64()).unwrap_or(usize::MAX);
        Ok(Self {
            coders,
            desk: Desk {
                activities: Budget::new(limits.concurrent_activities, metrics.activities_in_flight.clone()),
                memory: Budget::new(bytes(limits.memory), metrics.memory_in_flight.clone()),
                big: Pool::of_big_requests()?,
                long: Pool::of_long_requests()?,
            },
            metrics,
            access,
            limits: Limits {
                body: bytes(limits.body),
                sirene_body: bytes(limits.sirene_body),
                activities: limits.activities,
                sirene_activities: limits.sirene_activities,
                text: limits.text,
                json_depth: limits.json_depth,
                upload: bytes(options.jobs.upload),
                body_patience: options.patience.body,
            },
            sirene: sirene::route_coder::Settings {
                nomenclature: options.sirene.nomenclature.clone(),
                round: options.sirene.round,
            },
            cors_origins: options.listen.cors_origins.clone(),
            jobs: None,
        })
    }
}

/// The routes of codif's own API that the OpenAPI document describes.
fn own_routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(code::code))
        .routes(routes!(models::list))
        .routes(routes!(nomenclatures::list))
        .routes(routes!(nomenclatures::codes))
        .routes(routes!(nomenclatures::one_code))
}

/// The routes of jobs, of which one takes files.
fn job_routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(jobs::submit, jobs::list))
        .routes(routes!(jobs::one, jobs::delete))
        .routes(routes!(jobs::cancel))
        .routes(routes!(jobs::made::result))
        .routes(routes!(jobs::made::errors))
}

/// The public port: page, API, Sirene routes and the documentation.
pub fn public(app: App) -> impl Answers<Body = impl Sendable> {
    let (own, _) = own_routes().split_for_parts();
    let (jobs, _) = job_routes().split_for_parts();
    let (sirene, _) = sirene::routes().split_for_parts();
    let routes = bounded(own, app.limits.body)
        .merge(bounded(jobs.layer(DefaultBodyLimit::disable()), app.limits.upload))
        .merge(bounded(sirene, app.limits.sirene_body))
        .merge(SwaggerUi::new("/docs").url("/openapi.json", openapi()))
        .route("/", get(page::page_or_model))
        .route("/assets/codif.css", get(page::stylesheet))
        .route("/assets/codif.js", get(page::script))
        .fallback(error::not_found)
        .method_not_allowed_fallback(error::method_not_allowed);
    front::around_all(front::around_each(routes, &app).with_state(Arc::clone(&app)), &app)
}

/// Bodies of at most `largest` bytes, counted once they are inflated.
fn bounded(routes: Router<App>, largest: usize) -> Router<App> {
    let layers = ServiceBuilder::new().layer(RequestDecompressionLayer::new());
    routes.layer(layers.layer(RequestBodyLimitLayer::new(largest)))
}

/// The OpenAPI document.
pub fn openapi() -> utoipa::openapi::OpenApi {
    let mut document = openapi::description();
    document.merge(own_routes().into_openapi());
    document.merge(job_routes().into_openapi());
    document.merge(sirene::openapi());
    openapi::with_common_answers(document)
}

/// A response with a header that never changes.
fn with_header(mut response: Response, name: &'static str, value: &'static str) -> Response {
    response.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_openapi_document_is_as_published() {
        insta::assert_json_snapshot!(openapi(), { ".info.version" => "[version]" });
    }
}
