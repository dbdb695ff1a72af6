//! What the OpenAPI document says of the whole.

use utoipa::OpenApi;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "codif",
        description = "Codes what French businesses do: one free-text activity in, ranked NAF (APE) codes out.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    tags(
        (name = "coding", description = "From activities to codes"),
        (name = "nomenclatures", description = "The codes, their titles and their tree"),
        (name = "models", description = "What codes")
    )
)]
struct Description;

/// The document without its routes.
pub fn description() -> utoipa::openapi::OpenApi {
    Description::openapi()
}
