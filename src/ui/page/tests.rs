use super::super::views::{LevelView, NomenclatureView, PredictionView, WarningView, WordView};
use super::*;

fn form(description: &str) -> FormView {
    let nomenclature =
        |id: &str, title: &str| NomenclatureView { id: id.to_owned(), title: title.to_owned(), checked: true };
    FormView {
        description: description.to_owned(),
        nomenclatures: vec![nomenclature("naf2008", "NAF rév. 2"), nomenclature("naf2025", "NAF 2025")],
        ..FormView::default()
    }
}

fn prediction(rank: usize, code: &str, title: &str, probability: f64) -> PredictionView {
    let level = |code: &str, title: &str| LevelView { code: code.to_owned(), title: title.to_owned() };
    let path = vec![level("S", "Autres activités de services"), level("960", "Autres services personnels")];
    PredictionView { rank, code: code.to_owned(), title: title.to_owned(), probability, path }
}

fn word(text: &str, weight: u8) -> WordView {
    WordView { text: text.to_owned(), weight }
}

fn automatic() -> ResultView {
    ResultView {
        nomenclature: "naf2008".to_owned(),
        nomenclature_title: "NAF rév. 2".to_owned(),
        automatic: true,
        gap: 0.912,
        threshold: 0.8,
        model_name: "naf2008".to_owned(),
        model_version: "3".to_owned(),
        predictions: vec![prediction(1, "9602A", "Coiffure", 0.934), prediction(2, "9602B", "Soins de beauté", 0.022)],
        words: vec![word("coiffure", 3), word("à", 0), word("domicile", 1)],
        ..ResultView::default()
    }
}

fn results(results: Vec<ResultView>) -> String {
    Page { form: form("coiffure à domicile"), results, ..Page::default() }.render().unwrap()
}

fn fault(field: &str, code: &str, message: &str) -> ErrorView {
    ErrorView { field: field.to_owned(), code: code.to_owned(), message: message.to_owned() }
}

#[test]
fn the_blank_page_offers_the_form_and_examples() {
    let html = Page { form: form(""), ..Page::default() }.render().unwrap();
    assert!(html.contains("<title>Coder une activité – codif</title>"));
    assert!(html.contains(r#"href="/?description=coiffure%20%C3%A0%20domicile#results""#));
    assert_eq!(html.matches(r#"type="checkbox""#).count(), 2);
    assert!(!html.contains(r#"id="results""#) && !html.contains(r#"id="errors""#));
}

#[test]
fn an_automatic_result_gives_its_code_and_its_reasons() {
    let html = results(vec![automatic()]);
    assert!(html.contains("<title>coiffure à domicile\u{a0}: 96.02A (NAF rév. 2) – codif</title>"));
    for expected in [
        "Automatique",
        "96.02A",
        "93,4\u{202f}%",
        r#"width="93.4%""#,
        "Écart de confiance&nbsp;: 0,912",
        "seuil&nbsp;: 0,800",
        r#"<mark class="weight-3">coiffure</mark>"#,
        "<strong>96.0</strong> Autres services personnels",
        "Modèle naf2008, version 3",
    ] {
        assert!(html.contains(expected), "{expected} is missing from {html}");
    }
    assert!(!html.contains("Pour essayer"));
}

#[test]
fn a_manual_result_says_why() {
    for (reason, expected) in [
        ("below_threshold", "inférieur au seuil"),
        ("nothing_left", "aucun mot utile"),
        ("nothing_known", "ne connaît aucun mot"),
        ("a_later_rule", "a_later_rule"),
    ] {
        let html = results(vec![ResultView { automatic: false, reason: reason.to_owned(), ..automatic() }]);
        assert!(html.contains("Manuel") && !html.contains("Automatique"));
        assert!(html.contains(expected), "{reason}");
        assert!(html.contains("manuel (NAF rév. 2) – codif</title>"));
    }
}

#[test]
fn warnings_name_the_field_in_french() {
    let warning =
        |code: &str| WarningView { field: "nature".to_owned(), code: code.to_owned(), message: String::new() };
    let html =
        results(vec![ResultView { warnings: vec![warning("unknown_value"), warning("not_used")], ..automatic() }]);
    assert!(html.contains("Nature de l’activité\u{a0}: le modèle ne connaît pas cette valeur"));
    assert!(html.contains("le modèle n’utilise pas cette information"));
}

#[test]
fn an_error_is_told_on_its_field_and_above_the_form() {
    let errors = vec![fault("description", "empty_description", "the description is empty")];
    let html = Page { form: form(""), errors, ..Page::default() }.render().unwrap();
    assert!(html.contains("<title>Erreur\u{a0}: Saisissez la description"));
    assert!(html.contains(r##"<a href="#description">Saisissez la description"##));
    assert!(html.contains(r#"aria-describedby="description-hint description-error""#));
    assert!(html.contains(r#"id="description-error""#));
    assert_eq!(html.matches("aria-invalid").count(), 1);
    assert_eq!(html.matches(" autofocus").count(), 1);
}

#[test]
fn an_error_among_the_folded_fields_unfolds_them() {
    let errors = vec![fault("surface", "wrong_type", "surface must be a number")];
    let html = Page { form: form("hôtel"), errors, ..Page::default() }.render().unwrap();
    assert!(html.contains(r#"<details class="accordion" open>"#));
    assert!(html.contains("La surface doit être un nombre"));
}

#[test]
fn an_error_of_no_field_is_no_link() {
    let errors = vec![fault("", "no_model", "Aucun modèle n’est chargé.")];
    let html = Page { form: form("hôtel"), errors, ..Page::default() }.render().unwrap();
    assert!(html.contains("<li>Aucun modèle n’est chargé.</li>"));
    assert!(!html.contains("aria-invalid"));
}

#[test]
fn what_was_typed_is_only_ever_text() {
    let hostile = r#"</textarea><script>alert("1")</script>"#;
    let result = ResultView { words: vec![word("<script>", 2)], ..automatic() };
    let form = FormView { other_nature: r#"" onfocus="x"#.to_owned(), nature: "<b>".to_owned(), ..form(hostile) };
    let html = Page { form, results: vec![result], ..Page::default() }.render().unwrap();
    assert_eq!(html.matches("<script").count(), 1, "the page's own");
    assert!(!html.contains("<b>") && !html.contains(r#"" onfocus"#));
}

#[test]
fn a_strict_content_security_policy_holds() {
    let html = results(vec![automatic()]);
    assert!(!html.contains("style=") && !html.contains("<style") && !html.contains("onclick"));
    assert_eq!(html.matches("<script").count(), html.matches("<script src=").count());
}
