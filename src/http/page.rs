//! `GET /`: the coder's page, and its two assets.

use std::sync::Arc;

use askama::Template;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, RawQuery, State};
use axum::http::header::ACCEPT;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Response};

use super::answering::code_piece;
use super::error::{FailureCode, Problem};
use super::sirene::current::model;
use super::{App, with_header};
use crate::coding::activity::{Activity, ActivityError, RawActivity};
use crate::coding::explain::Contribution;
use crate::coding::{Coder, Coding, CodingOptions};
use crate::nomenclature::Code;
use crate::serving::answer;
use crate::serving::desk::Size;
use crate::serving::slot::Served;
use crate::telemetry::stages::StageClock;
use crate::ui::page::Page;
use crate::ui::views::{
    ErrorView, FormView, LevelView, NomenclatureView, PredictionView, ResultView, WarningView, WordView, strength,
};
use crate::ui::{script as script_text, stylesheet as stylesheet_text};

const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; \
    img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The stylesheet.
pub async fn stylesheet() -> Response {
    with_header(stylesheet_text().into_response(), "content-type", "text/css; charset=utf-8")
}

/// The progressive enhancement.
pub async fn script() -> Response {
    with_header(script_text().into_response(), "content-type", "text/javascript; charset=utf-8")
}

/// `GET /`: the page for whoever asks for HTML, the model for the programs of the Sirene contract.
pub async fn page_or_model(
    State(app): State<App>,
    headers: HeaderMap,
    query: Result<Query<Vec<(String, String)>>, QueryRejection>,
    RawQuery(raw): RawQuery,
) -> Result<Response, Problem> {
    let response = if wants_html(&headers) { page(app, query, raw).await? } else { model(&app)?.into_response() };
    Ok(with_header(response, "vary", "accept"))
}

/// Whether HTML is asked for, and at least as much as JSON.
fn wants_html(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT).iter().filter_map(|accept| accept.to_str().ok()).flat_map(|a| a.split(','));
    let weights = accepted.filter_map(|one| {
        let mut parts = one.split(';').map(|part| part.trim().to_ascii_lowercase());
        let media_type = parts.next()?;
        let weight = parts.find_map(|part| part.strip_prefix("q=")?.parse::<f32>().ok());
        Some((media_type, weight.unwrap_or(1.0)))
    });
    let weights: Vec<(String, f32)> = weights.collect();
    let weight_of = |wanted: &str| weights.iter().find(|(media_type, _)| media_type == wanted).map_or(0.0, |(_, q)| *q);
    weight_of("text/html") > 0.0 && weight_of("text/html") >= weight_of("application/json")
}

/// The form alone, or with its results or what is wrong.
async fn page(
    app: App,
    query: Result<Query<Vec<(String, String)>>, QueryRejection>,
    raw: Option<String>,
) -> Result<Response, Problem> {
    let Query(fields) = query.map_err(|rejection| Problem::wrong_shape(rejection.body_text()))?;
    let desk = app.desk.clone();
    let asked = fields.iter().any(|(field, _)| field == "description");
    let _admitted = desk.activities.take(usize::from(asked))?;
    let size = Size::of_explained(raw.map_or(0, |raw| raw.len()));
    let (errors, html) = desk
        .run(size, move || {
            let page = fill(&app, fields)?;
            Ok::<_, Problem>((!page.errors.is_empty(), page.render().map_err(Problem::internal)?))
        })
        .await??;
    let status = if errors { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let mut response = (status, Html(html)).into_response();
    if errors {
        response.extensions_mut().insert(FailureCode("faulty_form"));
    }
    let response = with_header(response, "content-security-policy", CONTENT_SECURITY_POLICY);
    Ok(with_header(response, "referrer-policy", "no-referrer"))
}

fn fill(app: &App, fields: Vec<(String, String)>) -> Result<Page, Problem> {
    let asked = |name: &str| fields.iter().any(|(field, _)| field == name);
    let form = form(app, &fields);
    if !asked("description") {
        return Ok(Page { form, ..Page::default() });
    }
    let activity =
        raw_activity(&form).and_then(|raw| Activity::checked(raw, app.limits.text).map_err(|error| error_view(&error)));
    let activity = match activity {
        Ok(activity) => activity,
        Err(error) => return Ok(Page { form, errors: vec![error], results: Vec::new() }),
    };
    let wanted = form.nomenclatures.iter().filter(|nomenclature| nomenclature.checked);
    let served: Vec<Arc<Served>> = wanted.filter_map(|wanted| app.coders.get(&wanted.id)).collect();
    let options = CodingOptions { explain: true, ..CodingOptions::default() };
    let activities = std::slice::from_ref(&activity);
    let codings = code_piece(&served, activities, &[], options, &app.metrics, &mut StageClock::start())?;
    let codings = served.iter().zip(codings.iter().flatten());
    let results = codings.map(|(served, coding)| result(served.coder_of(coding), coding, activity.text()));
    Ok(Page { form, errors: Vec::new(), results: results.collect() })
}

/// The form as it was sent; all nomenclatures are asked for when none is named.
fn form(app: &App, fields: &[(String, String)]) -> FormView {
    let value = |name: &str| fields.iter().rev().find(|(field, _)| field == name).map(|(_, value)| value.clone());
    let text = |name: &str| value(name).unwrap_or_default();
    let named: Vec<&str> =
        fields.iter().filter(|(field, _)| field == "nomenclatures").map(|(_, id)| id.as_str()).collect();
    let all = !app.coders.iter().any(|(id, _)| named.contains(&id));
    let nomenclatures = app.coders.iter().map(|(id, _)| NomenclatureView {
        id: id.to_owned(),
        title: title(id),
        checked: all || named.contains(&id),
    });
    FormView {
        description: text("description"),
        form_type: text("form_type"),
        nature: text("nature"),
        other_nature: text("other_nature"),
        agricultural_detail: text("agricultural_detail"),
        event: text("event"),
        surface: text("surface"),
        legal_category: text("legal_category"),
        permanence: text("permanence"),
        nomenclatures: nomenclatures.collect(),
    }
}

/// The name of a nomenclature as people know it.
fn title(id: &str) -> String {
    match id {
        "naf2008" => "NAF rév. 2 (2008)".to_owned(),
        "naf2025" => "NAF 2025".to_owned(),
        other => other.to_owned(),
    }
}

fn raw_activity(form: &FormView) -> Result<RawActivity, ErrorView> {
    let surface = form.surface.trim().replace(',', ".");
    let surface = match surface.as_str() {
        "" => None,
        number => Some(
            number
                .parse()
                .map_err(|_| error_view(&ActivityError::WrongType { field: "surface", expected: "a number (m²)" }))?,
        ),
    };
    let text = |value: &String| Some(value.clone());
    Ok(RawActivity {
        id: None,
        description: text(&form.description),
        other_nature: text(&form.other_nature),
        agricultural_detail: text(&form.agricultural_detail),
        form_type: text(&form.form_type),
        nature: text(&form.nature),
        event: text(&form.event),
        surface,
        surface_class: None,
        legal_category: text(&form.legal_category),
        permanence: text(&form.permanence),
    })
}

fn error_view(error: &ActivityError) -> ErrorView {
    let field = error.field().unwrap_or_default().to_owned();
    ErrorView { field, code: error.code().to_owned(), message: error.to_string() }
}

fn result(coder: &Coder, coding: &Coding, text: &str) -> ResultView {
    let reason = coding.decision.reason().and_then(|reason| serde_json::to_value(reason).ok());
    let level = |code: &Code| LevelView {
        code: code.to_string(),
        title: coder.nomenclature.entry(code).map(|entry| entry.title.clone()).unwrap_or_default(),
    };
    let predictions = (1..).zip(&coding.predictions).map(|(rank, prediction)| PredictionView {
        rank,
        code: prediction.label.code.to_string(),
        title: prediction.label.title.clone(),
        probability: prediction.probability,
        path: prediction.label.path.iter().map(level).collect(),
    });
    let contributions = coding.explanation.iter().flat_map(|explanation| &explanation.contributions);
    ResultView {
        nomenclature: coder.nomenclature.id().to_owned(),
        nomenclature_title: title(coder.nomenclature.id()),
        automatic: coding.decision.is_automatic(),
        reason: reason.as_ref().and_then(|reason| reason.as_str()).unwrap_or_default().to_owned(),
        gap: coding.gap,
        threshold: coding.threshold,
        model_name: coding.model.name.clone(),
        model_version: coding.model.version.to_string(),
        predictions: predictions.collect(),
        words: words(coder, text, &contributions.collect::<Vec<_>>()),
        warnings: coding.unused.iter().map(|unused| warning(answer::Warning::from(*unused))).collect(),
    }
}

fn warning(warning: answer::Warning) -> WarningView {
    WarningView { field: warning.field, code: warning.code.to_owned(), message: warning.message }
}

/// The words as typed, each with the strength of what its normalised words add to the best code.
fn words(coder: &Coder, text: &str, contributions: &[&Contribution]) -> Vec<WordView> {
    let added = |word: &str| -> f64 {
        let normalised = coder.normaliser.normalise(word);
        let terms = normalised.as_str().split_whitespace();
        let of_term = |term: &str| contributions.iter().find(|c| c.term == term).map_or(0.0, |c| c.contribution);
        terms.map(of_term).sum()
    };
    let words: Vec<(&str, f64)> = text.split_whitespace().map(|word| (word, added(word))).collect();
    let most = words.iter().map(|(_, added)| *added).fold(0.0, f64::max);
    let views =
        words.into_iter().map(|(word, added)| WordView { text: word.to_owned(), weight: strength(added, most) });
    views.collect()
}
