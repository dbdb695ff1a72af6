//! The Sirene contract: the routes of the coding service that came before codif, for callers that change one host name.
//!
//! The current form (`POST /predict/`, in `current.rs`) refuses a request whole, with pydantic's faults; the older form
//! (`GET /predict`, `/predict-batch`, `/evaluation`, `/predict-and-explain`) with a sentence. Every route is there a
//! second time under the id of each nomenclature. docs/SIRENE.md has the table of old and new behaviour.

pub mod answer;
pub mod cells;
pub mod columns;
pub mod current;
pub mod explain;
pub mod faults;
pub mod form;
pub mod form_coder;
pub mod older;
pub mod query;
pub mod route_coder;

use axum::routing::post;
use utoipa::openapi::path::{ParameterBuilder, ParameterIn};
use utoipa::openapi::{ObjectBuilder, Required, Type};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::App;

/// The last part of each route's path.
const NAMES: [&str; 5] = ["/predict", "/predict/", "/predict-batch", "/evaluation", "/predict-and-explain"];

/// Whether a route, as it was written when it was mounted, is one of the contract's.
pub fn is_route(route: &str) -> bool {
    route == "/" || route == "/{nomenclature}/" || NAMES.iter().any(|name| route.ends_with(name))
}

/// The routes at the root.
fn at_the_root() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(older::predict))
        .routes(routes!(current::predict))
        // The same without the slash, and without a redirect, which would lose the body.
        .route("/predict", post(current::predict))
        .routes(routes!(older::predict_batch))
        .routes(routes!(older::evaluation))
        .routes(routes!(explain::predict_and_explain))
}

/// All the routes: at the root, and under the id of a nomenclature.
pub fn routes() -> OpenApiRouter<App> {
    at_the_root().routes(routes!(current::model_of_nomenclature)).nest("/{nomenclature}", at_the_root())
}

/// What the OpenAPI document says of them: those at the root, and the same under `{nomenclature}` with their parameter.
pub fn openapi() -> utoipa::openapi::OpenApi {
    let mut document = routes().into_openapi();
    for mount in ["", "/{nomenclature}"] {
        let post = document.paths.paths.get(&format!("{mount}/predict/")).and_then(|item| item.post.clone());
        if let Some((item, mut post)) = document.paths.paths.get_mut(&format!("{mount}/predict")).zip(post) {
            post.operation_id = Some("predict_without_slash".to_owned());
            item.post = Some(post);
        }
    }
    let nomenclature = ParameterBuilder::new()
        .name("nomenclature")
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .description(Some("Id of a nomenclature that is served"))
        .schema(Some(ObjectBuilder::new().schema_type(Type::String).examples(["naf2025"])))
        .build();
    for (path, item) in document.paths.paths.iter_mut().filter(|(path, _)| path.starts_with("/{nomenclature}")) {
        let suffix = path.replace(['/', '{', '}', '-'], "_");
        for operation in [&mut item.get, &mut item.post].into_iter().flatten() {
            operation.parameters.get_or_insert_default().push(nomenclature.clone().into());
            operation.operation_id = operation.operation_id.take().map(|id| format!("{id}{suffix}"));
        }
    }
    document
}
