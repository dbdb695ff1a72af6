//! `POST /v1/code`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::App;
use super::answering::{Job, Piece, admit, answer_each, code_piece, elements};
use super::body::{Payload, json_depth};
use super::error::Problem;
use crate::coding::CodingOptions;
use crate::coding::activity::RawActivity;
use crate::coding::json_object::array_length;
use crate::serving::Coders;
use crate::serving::answer::{Answer, Sorted};
use crate::serving::desk::Size;
use crate::serving::slot::Served;
use crate::telemetry::Metrics;
use crate::telemetry::stages::{Stage, StageClock};

/// Bytes of one coding as JSON, about.
const ROOM: usize = 1024;

/// Activities to code.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CodeRequest<'a> {
    /// The activities, at most 10,000.
    #[schema(value_type = Vec<ActivityRequest>)]
    #[serde(borrow)]
    activities: &'a RawValue,
    /// Ids of the nomenclatures to code in; all that are served by default.
    #[schema(example = json!(["naf2008", "naf2025"]))]
    nomenclatures: Option<Vec<String>>,
    /// How many predictions to give, 1 to 50.
    #[schema(minimum = 1, maximum = 50, default = 5)]
    top_k: Option<usize>,
    /// Replaces the models' threshold, for every nomenclature asked.
    #[schema(minimum = 0, maximum = 1)]
    threshold: Option<f64>,
    /// Whether to explain the best code.
    #[serde(default)]
    explain: bool,
}

/// One activity. Only the description is required; an unknown field is the activity's own error.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents what RawActivity reads")]
struct ActivityRequest {
    /// Echoed; at most 128 characters.
    id: Option<String>,
    /// What the founder typed.
    #[schema(example = "coiffure à domicile")]
    description: String,
    /// Further free text.
    other_nature: Option<String>,
    /// Further free text of a farm.
    agricultural_detail: Option<String>,
    /// Kind of registration form, a letter.
    #[schema(example = "M")]
    form_type: Option<String>,
    /// Nature of the activity, two digits.
    #[schema(example = "12")]
    nature: Option<String>,
    /// Event declared, two digits and a letter.
    event: Option<String>,
    /// Surface in square metres; not together with `surface_class`.
    surface: Option<f64>,
    /// Surface class, "1" to "4".
    surface_class: Option<String>,
    /// Legal category, four digits.
    legal_category: Option<String>,
    /// P (permanent) or S (seasonal).
    permanence: Option<String>,
}

/// The results, in the order of the activities.
#[derive(Serialize, ToSchema)]
pub struct CodeResponse {
    results: Vec<Answer>,
}

/// Code activities
///
/// Every activity gets its own result or its own error; one that cannot be coded never costs the others theirs.
#[utoipa::path(
    post,
    path = "/v1/code",
    tag = "coding",
    request_body = CodeRequest,
    responses(
        (status = 200, description = "One result or error an activity, in order", body = CodeResponse),
        (status = 400, description = "The body is no JSON", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The body is of another shape", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn code(State(app): State<App>, mut payload: Payload) -> Result<Response, Problem> {
    let (bytes, served, depth) = (payload.bytes.clone(), Arc::clone(&app.coders), app.limits.json_depth);
    let (size, allowed) = (Size::of_skimmed_body(bytes.len()), app.limits.activities);
    let asked = app.desk.run(size, move || Asked::read(&bytes, &served, depth, allowed)).await??;
    payload.clock.lap(Stage::Parse);
    let Asked { activities, coders, options } = asked;
    payload.explained = options.explain;
    let admitted = admit(&app, activities.len(), allowed)?;
    let job = Job { items: activities, admitted, frame: ("{\"results\":[", "]}") };
    let (metrics, longest) = (app.metrics.clone(), app.limits.text);
    let work = move |items: Vec<Bytes>| piece(&items, &coders, options, longest, &metrics);
    answer_each(&app, payload, job, work).await
}

/// A request that was read, its activities not yet.
struct Asked {
    activities: Vec<Bytes>,
    coders: Vec<Arc<Served>>,
    options: CodingOptions,
}

impl Asked {
    fn read(body: &Bytes, served: &Coders, deepest: usize, allowed: usize) -> Result<Self, Problem> {
        let request: CodeRequest = json(body, deepest)?;
        let options = request.options()?;
        let coders = coders(served, request.nomenclatures.as_deref())?;
        let count =
            array_length(request.activities.get()).map_err(|_| Problem::wrong_shape("activities must be an array"))?;
        if count > allowed {
            return Err(Problem::too_many_activities(count, allowed));
        }
        let activities: Vec<&RawValue> = serde_json::from_str(request.activities.get()).map_err(Problem::internal)?;
        let slice = |activity: &&RawValue| body.slice_ref(activity.get().as_bytes());
        Ok(Self { activities: activities.iter().map(slice).collect(), coders, options })
    }
}

/// Codes some of the activities.
fn piece(
    items: &[Bytes],
    coders: &[Arc<Served>],
    options: CodingOptions,
    longest: usize,
    metrics: &Metrics,
) -> Result<Piece, Problem> {
    let mut clock = StageClock::start();
    let sorted = Sorted::new(items.iter().map(|item| RawActivity::from_json_text(item)).collect(), longest);
    sorted.faults().for_each(|fault| metrics.activity_error(fault));
    clock.lap(Stage::Parse);
    let codings = code_piece(coders, &sorted.accepted, &sorted.ids(), options, metrics, &mut clock)?;
    let json = elements(sorted.answers(coders, codings).into_iter(), ROOM * items.len() * coders.len())?;
    clock.lap(Stage::Write);
    Ok(Piece { json, times: clock.times() })
}

/// A body of the shape wanted.
fn json<'a, T: Deserialize<'a>>(body: &'a [u8], deepest: usize) -> Result<T, Problem> {
    let depth = json_depth(body);
    if depth > deepest {
        return Err(Problem::unreadable_body(format!("it nests {depth} levels deep, {deepest} are read")));
    }
    if body.trim_ascii_start().first().is_some_and(|first| *first == b'[') {
        return Err(Problem::wrong_shape("the body must be an object, not an array"));
    }
    serde_json::from_slice(body).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => Problem::wrong_shape(error),
        _ => Problem::unreadable_body(error),
    })
}

impl CodeRequest<'_> {
    fn options(&self) -> Result<CodingOptions, Problem> {
        let top_k = self.top_k.unwrap_or(CodingOptions::default().top_k);
        if !(1..=50).contains(&top_k) {
            return Err(Problem::invalid("invalid_top_k", format!("top_k must be from 1 to 50, it is {top_k}")));
        }
        if let Some(threshold) = self.threshold.filter(|threshold| !(0.0..=1.0).contains(threshold)) {
            let detail = format!("threshold must be between 0 and 1, it is {threshold}");
            return Err(Problem::invalid("invalid_threshold", detail));
        }
        Ok(CodingOptions { top_k, threshold: self.threshold, explain: self.explain })
    }
}

/// What serves the nomenclatures asked for, at this moment; all of them when none is named.
pub fn coders(coders: &Coders, asked: Option<&[String]>) -> Result<Vec<Arc<Served>>, Problem> {
    let Some(asked) = asked else { return Ok(coders.iter().map(|(_, served)| served).collect()) };
    if asked.is_empty() {
        return Err(Problem::invalid("unknown_nomenclature", "nomenclatures is empty: name one, or leave it out"));
    }
    if let Some(unknown) = asked.iter().find(|id| !coders.serves(id)) {
        let ids: Vec<&str> = coders.iter().map(|(id, _)| id).collect();
        let detail = format!("no model serves the nomenclature {unknown:?}; those served are {}", ids.join(", "));
        return Err(Problem::invalid("unknown_nomenclature", detail));
    }
    // In the order served: one asked for twice is coded once.
    let asked = coders.iter().filter(|(id, _)| asked.iter().any(|asked| asked == id));
    Ok(asked.map(|(_, served)| served).collect())
}
