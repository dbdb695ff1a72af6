//! What the OpenAPI document says of the whole.

use utoipa::OpenApi as _;
use utoipa::openapi::{Content, OpenApi, Ref, ResponseBuilder};

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "codif",
        description = "Codes what French businesses do: one free-text activity in, ranked NAF (APE) codes out.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    tags(
        (name = "coding", description = "From activities to codes"),
        (name = "jobs", description = "Files coded in the background"),
        (name = "nomenclatures", description = "The codes, their titles and their tree"),
        (name = "models", description = "What codes"),
        (name = "sirene", description = "The contract of the service before codif; docs/SIRENE.md has its table")
    )
)]
struct Description;

/// The document without its routes.
pub fn description() -> OpenApi {
    Description::openapi()
}

/// The document with what any route may answer: who calls is not known or may not, there is too much to do, or codif
/// failed. The Sirene routes say it as `{"detail": …}`.
pub fn with_common_answers(mut document: OpenApi) -> OpenApi {
    let common = [
        ("401", "The caller did not say who it is, where that is asked"),
        ("403", "The caller's key has not the scope of this route"),
        ("429", "Too much is in work, or the caller asks too often; Retry-After says when to try again"),
        ("500", "codif failed; the cause is in its log"),
    ];
    let with_body = [
        ("400", "The body cannot be read"),
        ("408", "The body did not arrive in time"),
        ("413", "The body, or the number of activities, is larger than allowed"),
        ("415", "The body is compressed in a way codif does not read"),
    ];
    for (path, item) in &mut document.paths.paths {
        let (media_type, schema) = match super::sirene::is_route(path) {
            true => ("application/json", "Detail"),
            false => ("application/problem+json", "Problem"),
        };
        let named = path.starts_with("/{nomenclature}").then_some(("404", "No model serves this nomenclature"));
        for operation in [&mut item.get, &mut item.post, &mut item.delete].into_iter().flatten() {
            let body = with_body.into_iter().filter(|_| operation.request_body.is_some());
            for (status, description) in common.into_iter().chain(body.collect::<Vec<_>>()).chain(named) {
                let response = ResponseBuilder::new()
                    .description(description)
                    .content(media_type, Content::new(Some(Ref::from_schema_name(schema))))
                    .build();
                operation.responses.responses.entry(status.to_owned()).or_insert_with(|| response.into());
            }
        }
    }
    document
}
