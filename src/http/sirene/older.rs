//! The older form: `GET /predict`, `POST /predict-batch` and `POST /evaluation`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use super::answer::Selection;
use super::columns::Lines;
use super::current::RanksResponse;
use super::faults::{Detail, Faults, Refusal};
use super::form_coder::FormCoder;
use super::query::{LineQuery, Parameters, WantedQuery};
use super::route_coder::RouteCoder;
use crate::coding::Coding;
use crate::coding::activity::RawActivity;
use crate::http::App;
use crate::http::answering::{Job, Piece, admit, answer_each, held_json};
use crate::http::body::Payload;
use crate::http::error::Problem;
use crate::nomenclature::Code;
use crate::serving::admission::Share;
use crate::serving::desk::Size;
use crate::telemetry::stages::{Stage, StageClock};

/// What is said when nothing is probable enough.
const TOO_MUCH_ASKED: &str =
    "The minimal probability requested is higher than the highest prediction probability of the model.";

/// One list a field, one place a line. A cell that is null, "", "NA", "NAN", "NaN", "nan", "None" or "null" is missing.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents what is read column by column")]
pub struct ColumnsRequest {
    /// The texts; none may be missing.
    #[schema(example = json!(["LOUEUR MEUBLE NON PROFESSIONNEL"]))]
    text_description: Vec<Option<String>>,
    /// Kinds of registration form.
    #[schema(example = json!(["I"]))]
    type_: Option<Vec<Option<String>>>,
    /// Natures, two digits.
    #[schema(example = json!([""]))]
    nature: Option<Vec<Option<String>>>,
    /// Classes of surface, "1" to "4".
    #[schema(example = json!([""]))]
    surface: Option<Vec<Option<String>>>,
    /// Events, two digits and one of A, P, M, F.
    #[schema(example = json!(["01P"]))]
    event: Option<Vec<Option<String>>>,
}

/// The columns, and the code that each line should get.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents what is read column by column")]
pub struct EvaluationRequest {
    #[schema(inline)]
    #[serde(flatten)]
    columns: ColumnsRequest,
    /// The right codes.
    #[schema(example = json!(["6820A"]))]
    code: Vec<Option<String>>,
}

/// Columns by line: `{"0": …, "1": …}`.
#[derive(Serialize, ToSchema)]
pub struct EvaluationResponse {
    /// Probability of the best code.
    #[serde(rename = "Probability", serialize_with = "by_line")]
    #[schema(value_type = BTreeMap<String, f64>)]
    probability: Vec<f64>,
    /// The gap.
    #[serde(rename = "IC", serialize_with = "by_line")]
    #[schema(value_type = BTreeMap<String, f64>)]
    gap: Vec<f64>,
    /// The best code.
    #[serde(rename = "Prediction", serialize_with = "by_line")]
    #[schema(value_type = BTreeMap<String, String>)]
    prediction: Vec<Code>,
    /// The code given.
    #[serde(rename = "Code", serialize_with = "by_line")]
    #[schema(value_type = BTreeMap<String, String>)]
    code: Vec<String>,
    /// Whether they are the same.
    #[serde(rename = "Result", serialize_with = "by_line")]
    #[schema(value_type = BTreeMap<String, bool>)]
    result: Vec<bool>,
    /// The text.
    #[serde(rename = "Lib", serialize_with = "by_line")]
    #[schema(value_type = BTreeMap<String, String>)]
    text: Vec<String>,
}

/// Code one activity (older Sirene contract)
#[utoipa::path(
    get,
    path = "/predict",
    tag = "sirene",
    params(
        ("text_feature" = Option<String>, Query, description = "The text; or text_description", example = "coiffure à domicile"),
        LineQuery,
        WantedQuery,
    ),
    responses(
        (status = 200, description = "The predictions", body = RanksResponse),
        (status = 400, description = "What is wrong, in a sentence", body = Detail),
        (status = 422, description = "What is wrong with a number", body = Faults),
    )
)]
pub async fn predict(
    State(app): State<App>,
    RouteCoder(served): RouteCoder,
    parameters: Parameters,
) -> Result<Response, Refusal> {
    let wanted = parameters.wanted()?;
    let lines = Lines::of_address(&parameters, &["text_feature", "text_description"])?;
    let coder = FormCoder::new(served, &app, Selection::older(wanted, &app.sirene));
    let _admitted = app.desk.activities.take(1)?;
    let size = Size::of_body(length(&lines.activities));
    let piece = app.desk.run(size, move || probable_piece(&coder, lines.activities)).await??;
    let mut response = ([(CONTENT_TYPE, "application/json")], piece.json).into_response();
    response.extensions_mut().insert(piece.times);
    Ok(response)
}

/// Code columns of activities (older Sirene contract)
#[utoipa::path(
    post,
    path = "/predict-batch",
    tag = "sirene",
    params(WantedQuery),
    request_body = ColumnsRequest,
    responses(
        (status = 200, description = "One object a line, in order", body = Vec<RanksResponse>),
        (status = 400, description = "What is wrong, in a sentence", body = Detail),
        (status = 422, description = "The body is of another shape", body = Faults),
    )
)]
pub async fn predict_batch(
    State(app): State<App>,
    RouteCoder(served): RouteCoder,
    parameters: Parameters,
    mut payload: Payload,
) -> Result<Response, Refusal> {
    let wanted = parameters.wanted()?;
    let (lines, admitted) = match read(&app, &payload, false).await? {
        Ok(read) => read,
        Err(refusal) => return Ok(*refusal),
    };
    payload.clock.lap(Stage::Parse);
    let coder = FormCoder::new(served, &app, Selection::older(wanted, &app.sirene));
    let job = Job { items: lines.activities, admitted, frame: ("[", "]") };
    answer_each(&app, payload, job, move |lines| probable_piece(&coder, lines)).await
}

/// Measure the coding of activities whose code is known (older Sirene contract)
#[utoipa::path(
    post,
    path = "/evaluation",
    tag = "sirene",
    request_body = EvaluationRequest,
    responses(
        (status = 200, description = "Columns by line", body = EvaluationResponse),
        (status = 400, description = "What is wrong, in a sentence", body = Detail),
        (status = 422, description = "The body is of another shape", body = Faults),
    )
)]
pub async fn evaluation(
    State(app): State<App>,
    RouteCoder(served): RouteCoder,
    parameters: Parameters,
    payload: Payload,
) -> Result<Response, Refusal> {
    let wanted = parameters.wanted()?;
    let (Lines { activities, codes }, admitted) = match read(&app, &payload, true).await? {
        Ok(read) => read,
        Err(refusal) => return Ok(*refusal),
    };
    let coder = FormCoder::new(served, &app, Selection::older(wanted, &app.sirene));
    let selection = *coder.selection();
    let work = move |forms: Vec<RawActivity>| {
        let texts: Vec<_> = forms.iter().map(|form| form.description.clone().unwrap_or_default()).collect();
        Ok((texts, coder.code(forms, &mut StageClock::start())?))
    };
    let size = payload.size().with_activities(activities.len());
    let pieces = app.desk.run_pieces(size, activities, work, |_| Ok::<_, Refusal>(())).await?;
    drop(admitted);
    let memory = payload.memory;
    let answer = app.desk.run(size, move || held_json(&evaluated(pieces, codes, selection), memory));
    Ok(answer.await??)
}

fn evaluated(pieces: Vec<(Vec<String>, Vec<Coding>)>, codes: Vec<String>, selection: Selection) -> EvaluationResponse {
    let (text, codings): (Vec<_>, Vec<_>) = pieces.into_iter().unzip();
    let best: Vec<(Code, f64, f64)> = codings.iter().flatten().filter_map(|coding| best(coding, &selection)).collect();
    let same = |(given, (code, ..)): (&String, &(Code, f64, f64))| {
        given.parse::<Code>().is_ok_and(|given| given == *code) || given == code.as_str()
    };
    EvaluationResponse {
        probability: best.iter().map(|(_, probability, _)| *probability).collect(),
        gap: best.iter().map(|(_, _, gap)| *gap).collect(),
        prediction: best.iter().map(|(code, ..)| code.clone()).collect(),
        result: codes.iter().zip(&best).map(same).collect(),
        code: codes,
        text: text.concat(),
    }
}

/// The columns of a body and their share of what may be in work; a refusal is written where there is time.
async fn read(app: &App, payload: &Payload, evaluated: bool) -> Result<Result<(Lines, Share), Box<Response>>, Problem> {
    let (bytes, asked) = (payload.bytes.clone(), Arc::clone(app));
    let read = move || {
        let limits = &asked.limits;
        let admit = |lines| admit(&asked, lines, limits.sirene_activities);
        Lines::read(&bytes, limits.json_depth, evaluated, admit).map_err(|refusal| Box::new(refusal.into_response()))
    };
    Ok(app.desk.run(payload.size(), read).await?)
}

/// A piece of an answer in which every line has a prediction, as the older form wants it.
fn probable_piece(coder: &FormCoder, forms: Vec<RawActivity>) -> Result<Piece, Refusal> {
    let piece = coder
        .piece_if(forms, |codings| codings.iter().all(|coding| coder.selection().kept(coding).next().is_some()))?;
    piece.ok_or_else(|| Refusal::Sentence(TOO_MUCH_ASKED.to_owned()))
}

fn best(coding: &Coding, selection: &Selection) -> Option<(Code, f64, f64)> {
    let best = coding.predictions.first()?;
    Some((best.label.code.clone(), selection.written(best.probability), selection.gap(coding)))
}

fn length(activities: &[RawActivity]) -> usize {
    activities.iter().filter_map(|activity| activity.description.as_ref()).map(String::len).sum()
}

fn by_line<T: Serialize, S: Serializer>(column: &[T], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(column.iter().enumerate().map(|(line, cell)| (line.to_string(), cell)))
}
