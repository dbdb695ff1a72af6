//! Texts and documents that codif reads.

use codif::coding::normalise::empty_labels::EmptyLabels;
use codif::coding::normalise::presets::codif_1;
use serde_json::{Value, json};

pub const TEXTS: &[&str] = &[
    "coiffure à domicile",
    "LOUEUR EN MEUBLÉ NON PROFESSIONNEL (LMNP), 24h/24",
    "M12 vente de pain, vente d'œufs et de pain",
    "Straße İstanbul Σίσυφος ﷺ e\u{301}\u{323} 東京 \u{1f468}\u{200d}\u{1f469}",
    "\u{a0}\u{2028}anticonstitutionnellement\t\0\r\n",
    "NaN",
    "01P",
    "12",
    "9602A",
    "",
    " ",
];
pub const CODES: &[&str] = &["S", "96", "96.0", "96.02", "96.02A", "9602a", "01.11Z", "٩٦.02A", "9602AB"];
pub const REFERENCES: &[&str] =
    &["ape-naf2008", "ape-naf2008@production", "ape_naf.2025:3", "../a@b", "a:+07", "a@b:1"];

pub fn activities() -> Vec<Value> {
    vec![
        json!({"description": "coiffure à domicile"}),
        json!({
            "id": "a-1", "description": " LOUEUR EN MEUBLÉ ", "other_nature": "location de courte durée",
            "agricultural_detail": "", "form_type": "M", "nature": "12", "event": "01P", "surface": 120.5,
            "legal_category": "1000", "permanence": "S",
        }),
        json!({"description": "élevage", "agricultural_detail": "de poules, de canards", "surface_class": "4"}),
    ]
}

pub fn bodies() -> Vec<Value> {
    let all = json!({
        "activities": activities(), "nomenclatures": ["naf2008", "naf2025"], "top_k": 5, "threshold": 0.5, "explain": true,
    });
    vec![all, json!({"activities": [{"description": "vente de pain"}, {}]}), json!({"activities": []})]
}

pub fn forms() -> Value {
    json!({"forms": [
        {"description_activity": "coiffure à domicile"},
        {
            "description_activity": "LOUEUR EN MEUBLÉ", "other_nature_activity": "location de courte durée",
            "precision_act_sec_agricole": null, "type_form": "M", "nature": "12", "surface": "120.5", "cj": "5499",
            "activity_permanence_status": "P", "channel": "guichet",
        },
        {"description_activity": "hôtel", "type_form": "NaN", "surface": 3000, "activity_permanence_status": "NaN"},
    ]})
}

pub fn columns() -> Value {
    json!({
        "text_description": ["coiffure à domicile", "LOUEUR EN MEUBLÉ"], "type_": ["M", "NaN"], "nature": ["12", ""],
        "surface": [3, null], "event": ["01P", "99F"], "code": ["96.02A", "6820A"],
    })
}

pub fn normalisers() -> Vec<Value> {
    let others = json!([
        {"step": "strip-accents"}, {"step": "nfkd"}, {"step": "remove-phrases", "phrases": ["activité de", "l'", "et"]},
        {"step": "replace", "pattern": "(\\w+)[-_]+", "with": "$1 "}, {"step": "drop-digits"}, {"step": "deduplicate-words"},
        {"step": "drop-stop-words", "words": ["de", "la"]}, {"step": "stem"},
    ]);
    vec![json!(codif_1()), others]
}

/// With few of its labels: the others are alike.
pub fn manifest_of_a_shipped_model() -> Value {
    let mut manifest: Value = serde_json::from_str(&file_of_a_shipped_model("manifest.json")).unwrap();
    manifest["labels"].as_array_mut().unwrap().truncate(3);
    manifest
}

/// The first of its golden cases.
pub fn cases_of_a_shipped_model() -> Vec<Value> {
    let text = file_of_a_shipped_model("golden.jsonl");
    text.lines().take(8).map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn file_of_a_shipped_model(file: &str) -> String {
    let model = concat!(env!("CARGO_MANIFEST_DIR"), "/models/ape-naf2008");
    let version = std::fs::read_to_string(format!("{model}/aliases/production")).unwrap();
    std::fs::read_to_string(format!("{model}/versions/{}/{file}", version.trim())).unwrap()
}

/// Phrases that say nothing, few of them.
pub fn empty_phrases() -> Value {
    let EmptyLabels { list_1, list_2 } = EmptyLabels::default();
    json!({"about": "phrases that say nothing", "list_1": list_1[..3], "list_2": list_2})
}
