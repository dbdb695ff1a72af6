//! `GET /predict-and-explain`: why each of the best codes came out, letter by letter and word by word.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::answer::Selection;
use super::columns::Lines;
use super::faults::{Detail, Faults, Refusal, both};
use super::form_coder::FormCoder;
use super::query::{LineQuery, Parameters, Wanted};
use super::route_coder::RouteCoder;
use crate::coding::activity::Activity;
use crate::coding::explain::letters::attributions;
use crate::http::App;
use crate::http::error::Problem;
use crate::nomenclature::Code;
use crate::serving::desk::Size;
use crate::telemetry::stages::StageClock;

/// Codes explained: at most, and unless told otherwise.
const MOST: usize = 50;
const DEFAULT: usize = 3;

/// One code, with what each part of the text adds to its logit.
#[derive(Serialize, ToSchema)]
pub struct ExplainedEcho {
    /// The code.
    #[schema(value_type = String, example = "9602A")]
    code: Code,
    /// Its probability.
    probabilite: f64,
    /// Its title.
    #[schema(example = "Coiffure")]
    libelle: String,
    /// One number a character of the text as it was sent.
    letter_attr: Vec<f64>,
    /// One number a word of the text, words being separated by white space.
    word_attr: Vec<f64>,
}

/// Code one activity and explain (older Sirene contract)
#[utoipa::path(
    get,
    path = "/predict-and-explain",
    tag = "sirene",
    params(
        LineQuery,
        ("top_k" = Option<i64>, Query, description = "How many codes, 1 to 50; 3 by default", minimum = 1),
        ("prob_min" = Option<f64>, Query, description = "Codes are more probable than this; 0.01 by default"),
    ),
    responses(
        (status = 200, description = "The codes by rank", body = BTreeMap<String, ExplainedEcho>),
        (status = 400, description = "What is wrong, in a sentence", body = Detail),
        (status = 422, description = "What is wrong with a number", body = Faults),
    )
)]
pub async fn predict_and_explain(
    State(app): State<App>,
    RouteCoder(served): RouteCoder,
    parameters: Parameters,
) -> Result<Json<BTreeMap<usize, ExplainedEcho>>, Refusal> {
    let most = parameters.count("top_k", DEFAULT).map_err(Faults::from);
    let least = parameters.number("prob_min", 0.01).map_err(Faults::from);
    let (most, least) = both(most, least)?;
    let typed = ["text_description", "text_feature"].iter().find_map(|name| parameters.get(name));
    let typed = typed.unwrap_or_default().to_owned();
    let lines = Lines::of_address(&parameters, &["text_description", "text_feature"])?;
    let _admitted = app.desk.activities.take(most.min(MOST))?;
    let selection = Selection::older(Wanted { most: most.min(MOST), least }, &app.sirene);
    let (longest, desk) = (app.limits.text, app.desk.clone());
    let form_coder = FormCoder::new(Arc::clone(&served), &app, selection);
    let size = Size::of_explained(typed.len() * selection.most());
    let explain = move || -> Result<_, Problem> {
        let codings = form_coder.code(lines.activities.clone(), &mut StageClock::start())?;
        let Some((coding, mut form)) = codings.first().zip(lines.activities.into_iter().next()) else {
            return Ok(BTreeMap::new());
        };
        let coder = served.coder_of(coding);
        form.cut(longest);
        let activity = Activity::checked(form, longest).map_err(Problem::internal)?;
        let kept: Vec<_> = selection.kept(coding).collect();
        let places = kept.iter().filter_map(|best| coder.labels.iter().position(|label| label.code == best.label.code));
        let attributions = attributions(coder, &activity, &typed, &places.collect::<Vec<_>>())?;
        let explained = kept.into_iter().zip(attributions).map(|(best, attribution)| ExplainedEcho {
            code: best.label.code.clone(),
            probabilite: selection.written(best.probability),
            libelle: best.label.title.clone(),
            letter_attr: attribution.letters,
            word_attr: attribution.words,
        });
        Ok((1..).zip(explained).collect())
    };
    let explained = desk.run(size, explain).await??;
    if explained.is_empty() {
        let sentence = "The model is not confident enough to make a prediction (and explain it).";
        return Err(Refusal::Sentence(sentence.to_owned()));
    }
    Ok(Json(explained))
}
