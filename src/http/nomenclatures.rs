//! `GET /v1/nomenclatures`, `/v1/nomenclatures/{id}/codes` and `/v1/nomenclatures/{id}/codes/{code}`.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::App;
use super::error::Problem;
use crate::nomenclature::{Code, Entry, Level, Nomenclature};
use crate::serving::desk::Size;

/// Most codes that a search gives.
const MOST_FOUND: usize = 100;
/// Longest query searched, in bytes.
const LONGEST_QUERY: usize = 500;

/// A nomenclature.
#[derive(Serialize, ToSchema)]
pub struct NomenclatureAnswer {
    /// Its id.
    #[schema(example = "naf2008")]
    id: String,
    /// How many sub-classes it has.
    #[schema(example = 732)]
    sub_classes: usize,
    /// Whether a model codes in it.
    served: bool,
}

/// An entry of a nomenclature.
#[derive(Serialize, ToSchema)]
pub struct EntryAnswer {
    /// Compact code.
    #[schema(example = "9602A")]
    code: String,
    /// `section`, `division`, `group`, `class` or `sub_class`.
    #[schema(value_type = String, example = "sub_class")]
    level: Level,
    /// The code above; null for a section.
    parent: Option<String>,
    /// Its title.
    #[schema(example = "Coiffure")]
    title: String,
}

/// An entry with its surroundings.
#[derive(Serialize, ToSchema)]
pub struct EntryDetail {
    /// The entry.
    #[serde(flatten)]
    entry: EntryAnswer,
    /// The entries above, from the section down.
    path: Vec<EntryAnswer>,
    /// The entries just below.
    children: Vec<EntryAnswer>,
    /// Its sub-classes in each other nomenclature: one or several candidates.
    translations: std::collections::BTreeMap<String, Vec<EntryAnswer>>,
}

/// Which codes to list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CodesQuery {
    /// A code or words; accents and case do not matter. At most 100 are given, the best first.
    query: Option<String>,
    /// Only the entries just below this code. Neither query nor parent: the sections.
    parent: Option<String>,
}

impl From<&Entry> for EntryAnswer {
    fn from(entry: &Entry) -> Self {
        Self {
            code: entry.code.to_string(),
            level: entry.level,
            parent: entry.parent.as_ref().map(Code::to_string),
            title: entry.title.clone(),
        }
    }
}

/// The nomenclatures
#[utoipa::path(
    get,
    path = "/v1/nomenclatures",
    tag = "nomenclatures",
    responses((status = 200, description = "Every nomenclature codif knows", body = Vec<NomenclatureAnswer>))
)]
pub async fn list(State(app): State<App>) -> Json<Vec<NomenclatureAnswer>> {
    let known = app.coders.nomenclatures();
    // Labels of no nomenclature make one of their own.
    let free = app.coders.iter().filter(|(id, _)| known.get(id).is_none());
    let free = free.map(|(_, served)| Arc::clone(&served.coder.nomenclature));
    let all = known.ids().filter_map(|id| known.get(id).cloned()).chain(free).map(|nomenclature| NomenclatureAnswer {
        id: nomenclature.id().to_owned(),
        sub_classes: nomenclature.count(Level::SubClass),
        served: app.coders.serves(nomenclature.id()),
    });
    Json(all.collect())
}

/// Search the codes, or walk the tree
#[utoipa::path(
    get,
    path = "/v1/nomenclatures/{id}/codes",
    tag = "nomenclatures",
    params(("id" = String, Path, description = "Id of the nomenclature", example = "naf2008"), CodesQuery),
    responses(
        (status = 200, description = "The entries found", body = Vec<EntryAnswer>),
        (status = 404, description = "No such nomenclature or parent", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "An unknown parameter, or a query that is too long", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn codes(
    State(app): State<App>,
    id: Result<Path<String>, PathRejection>,
    query: Result<Query<CodesQuery>, QueryRejection>,
) -> Result<Json<Vec<EntryAnswer>>, Problem> {
    let Query(asked) = query.map_err(|rejection| Problem::wrong_shape(rejection.body_text()))?;
    let id = segment(id)?;
    if asked.query.as_ref().is_some_and(|query| query.len() > LONGEST_QUERY) {
        return Err(Problem::invalid(
            "invalid_query",
            format!("query is longer than {LONGEST_QUERY} bytes: shorten it"),
        ));
    }
    let desk = app.desk.clone();
    let _admitted = desk.activities.take(1)?;
    desk.run(Size::Long, move || found(&app, &id, &asked)).await?.map(Json)
}

fn found(app: &App, id: &str, asked: &CodesQuery) -> Result<Vec<EntryAnswer>, Problem> {
    let nomenclature = nomenclature(app, id)?;
    let parent = asked.parent.as_ref().map(|code| entry(&nomenclature, code)).transpose()?;
    let found: Vec<&Entry> = match (&asked.query, parent) {
        (None, parent) => nomenclature.children(parent.map(|parent| &parent.code)).collect(),
        (Some(query), None) => nomenclature.search(query, MOST_FOUND),
        (Some(query), Some(parent)) => {
            let below: Vec<&Code> = nomenclature.children(Some(&parent.code)).map(|entry| &entry.code).collect();
            let found = nomenclature.search(query, usize::MAX).into_iter();
            found.filter(|entry| below.contains(&&entry.code)).take(MOST_FOUND).collect()
        }
    };
    Ok(found.into_iter().map(EntryAnswer::from).collect())
}

/// One code with its surroundings
#[utoipa::path(
    get,
    path = "/v1/nomenclatures/{id}/codes/{code}",
    tag = "nomenclatures",
    params(
        ("id" = String, Path, description = "Id of the nomenclature", example = "naf2008"),
        ("code" = String, Path, description = "A code of any level, with or without its dot", example = "96.02A"),
    ),
    responses(
        (status = 200, description = "The entry", body = EntryDetail),
        (status = 404, description = "No such nomenclature or code", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn one_code(
    State(app): State<App>,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Result<Json<EntryDetail>, Problem> {
    let (id, code) = segment(path)?;
    let nomenclature = nomenclature(&app, &id)?;
    let entry = entry(&nomenclature, &code)?;
    let known = app.coders.nomenclatures();
    let translations = known.ids().filter(|other| *other != id).filter_map(|other| {
        let candidates = known.translate(&id, other, &entry.code).ok()?;
        Some((other.to_owned(), candidates.into_iter().map(EntryAnswer::from).collect()))
    });
    let path = nomenclature.path(&entry.code);
    Ok(Json(EntryDetail {
        entry: entry.into(),
        path: path.iter().filter_map(|code| nomenclature.entry(code)).map(EntryAnswer::from).collect(),
        children: nomenclature.children(Some(&entry.code)).map(EntryAnswer::from).collect(),
        translations: translations.collect(),
    }))
}

/// What stands in the address, when it is text.
fn segment<T>(path: Result<Path<T>, PathRejection>) -> Result<T, Problem> {
    path.map(|Path(segment)| segment).map_err(|_| Problem::unknown("no_such_route", "this address is not UTF-8"))
}

/// A nomenclature that codif knows, or that the free labels of a model make.
fn nomenclature(app: &App, id: &str) -> Result<Arc<Nomenclature>, Problem> {
    if let Some(served) = app.coders.get(id) {
        return Ok(Arc::clone(&served.coder.nomenclature));
    }
    let found = app.coders.nomenclatures().nomenclature(id).cloned();
    found.map_err(|error| Problem::unknown("unknown_nomenclature", error.to_string()))
}

fn entry<'a>(nomenclature: &'a Nomenclature, text: &str) -> Result<&'a Entry, Problem> {
    let code: Option<Code> = text.parse().ok();
    code.and_then(|code| nomenclature.entry(&code))
        .or_else(|| nomenclature.sub_class(text))
        .ok_or_else(|| Problem::unknown("unknown_code", format!("{} has no code {text:?}", nomenclature.id())))
}
