//! The current form: `GET /`, `POST /predict/` and `POST /predict`.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::answer::Selection;
use super::faults::{Fault, Faults, Refusal, both, object, tuple};
use super::form;
use super::form_coder::FormCoder;
use super::query::{Parameters, WantedQuery};
use super::route_coder::{RouteCoder, coder};
use crate::coding::Coder;
use crate::coding::activity::RawActivity;
use crate::coding::json_object::array_length;
use crate::http::App;
use crate::http::answering::{Job, admit, answer_each};
use crate::http::body::Payload;
use crate::http::error::Problem;
use crate::serving::desk::Size;
use crate::telemetry::Metrics;
use crate::telemetry::stages::Stage;

/// The model behind the Sirene routes.
#[derive(Serialize, ToSchema)]
pub struct ModelOfSirene {
    /// What this service does.
    #[serde(rename = "Message")]
    #[schema(example = "Codification de l'APE")]
    message: &'static str,
    /// Name of the model.
    #[serde(rename = "Model_name")]
    #[schema(example = "ape-naf2008")]
    name: String,
    /// Its version.
    #[serde(rename = "Model_version")]
    #[schema(example = "1")]
    version: String,
}

/// The forms of a request.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents what is read field by field")]
pub struct FormsRequest {
    /// At most 50,000.
    forms: Vec<FormRequest>,
}

/// A form; unknown fields are ignored.
#[derive(ToSchema)]
#[expect(dead_code, reason = "documents what is read field by field")]
pub struct FormRequest {
    /// What the founder typed, not blank; an over-long one is cut at a word.
    #[schema(example = "coiffure à domicile")]
    description_activity: String,
    /// Added text.
    other_nature_activity: Option<String>,
    /// Added text of a farm.
    precision_act_sec_agricole: Option<String>,
    /// Kind of registration form: one of A B C D E G I L M N P R S X Y Z, or "NaN".
    #[schema(example = "M")]
    type_form: Option<String>,
    /// Nature of the activity, two digits.
    #[schema(example = "12")]
    nature: Option<String>,
    /// Surface in square metres, above 0; a number or its text; "NaN" is missing.
    #[schema(value_type = Option<SurfaceRequest>)]
    surface: Option<Value>,
    /// Legal category, four digits.
    #[schema(example = "5499")]
    cj: Option<String>,
    /// P (permanent), S (seasonal) or "NaN".
    activity_permanence_status: Option<String>,
}

/// A surface.
#[derive(ToSchema)]
#[schema(examples(120, "120"))]
#[expect(dead_code, reason = "documents what is read by hand")]
enum SurfaceRequest {
    #[schema(value_type = f64)]
    Number(f64),
    Text(String),
}

/// Ranks "1", "2", … with `code`, `probabilite` and `libelle`; the gap `IC`; `MLversion`.
#[derive(ToSchema)]
#[schema(example = json!({"1": {"code": "9602A", "probabilite": 0.93, "libelle": "Coiffure"}, "IC": 0.91, "MLversion": "ape-naf2008/1"}))]
#[expect(dead_code, reason = "documents what is written rank by rank")]
pub struct RanksResponse(BTreeMap<String, Value>);

/// The model that answers on the Sirene routes.
pub fn model(app: &App) -> Result<Json<ModelOfSirene>, Problem> {
    coder(app, &app.sirene.nomenclature).map(|served| model_of(&served.coder))
}

fn model_of(coder: &Coder) -> Json<ModelOfSirene> {
    let (name, version) = (coder.model.name.clone(), coder.model.version.to_string());
    Json(ModelOfSirene { message: "Codification de l'APE", name, version })
}

/// The model of a nomenclature
#[utoipa::path(
    get,
    path = "/{nomenclature}/",
    tag = "sirene",
    responses((status = 200, description = "The model", body = ModelOfSirene))
)]
pub async fn model_of_nomenclature(RouteCoder(served): RouteCoder) -> Json<ModelOfSirene> {
    model_of(&served.coder)
}

/// Code forms (Sirene contract)
#[utoipa::path(
    post,
    path = "/predict/",
    tag = "sirene",
    params(
        WantedQuery,
        ("num_workers" = Option<String>, Query, description = "Ignored"),
        ("batch_size" = Option<String>, Query, description = "Ignored"),
    ),
    request_body = FormsRequest,
    responses(
        (status = 200, description = "One object a form, in order", body = Vec<RanksResponse>),
        (status = 422, description = "What is wrong; the request is refused whole", body = Faults),
    )
)]
pub async fn predict(
    State(app): State<App>,
    RouteCoder(served): RouteCoder,
    parameters: Parameters,
    mut payload: Payload,
) -> Result<Response, Refusal> {
    let wanted = parameters.wanted();
    let (bytes, deepest) = (payload.bytes.clone(), app.limits.json_depth);
    let allowed = app.limits.sirene_activities;
    let skimmed = app.desk.run(Size::of_skimmed_body(bytes.len()), move || forms(&bytes, deepest, allowed)).await??;
    let count = skimmed.as_ref().map_or(0, Vec::len);
    let admitted = admit(&app, count, allowed)?;
    let activities = match skimmed {
        Ok(forms) => read(&app, &payload, forms).await?,
        Err(fault) => Err(fault.into()),
    };
    let (wanted, activities) = match both(wanted, activities) {
        Ok(read) => read,
        // There may be as many faults as forms: they are written where there is time.
        Err(faults) => {
            let (size, memory) = (payload.size(), payload.memory);
            return Ok(app.desk.run(size, move || faults.held(memory)).await??);
        }
    };
    payload.clock.lap(Stage::Parse);
    let coder = FormCoder::new(served, &app, Selection::current(wanted, &app.sirene)).with_version();
    let job = Job { items: activities, admitted, frame: ("[", "]") };
    Ok(answer_each(&app, payload, job, move |forms| coder.piece(forms)).await?)
}

/// The activities of the forms, or all that is wrong with them.
async fn read(
    app: &App,
    payload: &Payload,
    forms: Vec<(usize, Bytes)>,
) -> Result<Result<Vec<RawActivity>, Faults>, Problem> {
    let size = payload.size().with_activities(forms.len());
    let read = |forms: Vec<(usize, Bytes)>| {
        let read = forms.iter().map(|(place, form)| Ok(form::read(serde_json::from_slice(form)?, *place)));
        read.collect::<serde_json::Result<Vec<_>>>().map_err(Problem::internal)
    };
    let pieces = app.desk.run_pieces(size, forms, read, |_| Ok(())).await?;
    let (bytes, metrics) = (payload.bytes.clone(), Arc::clone(&app.metrics));
    app.desk.run(size, move || Ok(gathered(pieces.into_iter().flatten(), &bytes, &metrics))).await?
}

/// All the activities; or the faults of all the forms, and last that some have no description.
fn gathered(
    forms: impl Iterator<Item = Result<RawActivity, Vec<Fault>>>,
    body: &[u8],
    metrics: &Metrics,
) -> Result<Vec<RawActivity>, Faults> {
    let (mut activities, mut faults, mut blank) = (Vec::new(), Faults::default(), Vec::new());
    for (place, form) in forms.enumerate() {
        match form {
            Ok(activity) => {
                let described = activity.description.as_ref().is_some_and(|text| !text.trim().is_empty());
                blank.extend((!described).then_some(place));
                activities.push(activity);
            }
            Err(found) => faults.extend(found),
        }
    }
    if !blank.is_empty() {
        blank.iter().for_each(|_| metrics.activity_error("empty_description"));
        let message = format!("The description_activity is missing at indices: {}", tuple(&blank));
        let body: Option<&RawValue> = serde_json::from_slice(body).ok();
        faults.push(Fault::rule(vec!["body".into()], message, &body));
    }
    faults.or(activities)
}

/// The forms in a body, as they stand there, each with its place; how many they are is known before any is built.
fn forms(body: &Bytes, deepest: usize, allowed: usize) -> Result<Result<Vec<(usize, Bytes)>, Fault>, Problem> {
    let skimmed = object(body, &["forms"], deepest);
    let (forms, count) = match skimmed.and_then(|([forms], whole)| counted(forms, whole)) {
        Ok(found) => found,
        Err(fault) => return Ok(Err(fault)),
    };
    if count > allowed {
        return Err(Problem::too_many_activities(count, allowed));
    }
    let list: Vec<&RawValue> = serde_json::from_str(forms.get()).map_err(Problem::internal)?;
    Ok(Ok(list.into_iter().map(|form| body.slice_ref(form.get().as_bytes())).enumerate().collect()))
}

fn counted<'a>(forms: Option<&'a RawValue>, whole: &RawValue) -> Result<(&'a RawValue, usize), Fault> {
    let forms_at = || vec!["body".into(), "forms".into()];
    let forms = forms.ok_or_else(|| Fault::missing(forms_at(), &whole))?;
    let count = array_length(forms.get());
    let count = count.map_err(|_| Fault::new("list_type", forms_at(), "Input should be a valid list", &forms))?;
    Ok((forms, count))
}
