use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, RecordBatch};
use arrow_schema::Schema;
use serde_json::json;

use super::*;
use crate::coding::Label;
use crate::coding::activity::Covariate;
use crate::coding::decision::Decision;
use crate::coding::features::Unused;

fn coding(decision: Decision, codes: &[(&str, f64)], unused: Vec<Unused>) -> Coding {
    let predictions = codes.iter().map(|(code, probability)| Prediction {
        label: Arc::new(Label::new(code.parse().unwrap(), String::new(), Vec::new()).unwrap()),
        probability: *probability,
    });
    Coding {
        model: Arc::new(ModelVersion { name: "ape".to_owned(), version: 3 }),
        decision,
        gap: 0.25,
        threshold: 0.5,
        predictions: predictions.collect(),
        explanation: None,
        unused,
    }
}

/// An automatic row, a manual one with fewer labels than asked, a failed one.
fn answers() -> Vec<Answer> {
    let below = Decision::Manual(ManualReason::BelowThreshold);
    let unused = vec![Unused::UnknownValue(Covariate::Nature), Unused::NotUsed(Covariate::Event)];
    vec![
        Ok(coding(Decision::Automatic, &[("9602A", 0.625), ("9602B", 0.375), ("0111Z", 0.0)], Vec::new())),
        Ok(coding(below, &[("4711B", 0.1)], unused)),
        Err(ActivityError::EmptyDescription),
    ]
}

fn table(columns: &AnswerColumns) -> RecordBatch {
    let schema = Arc::new(Schema::new(columns.fields()));
    RecordBatch::try_new(schema, columns.arrays(&answers())).unwrap()
}

fn texts_in(table: &RecordBatch, name: &str) -> Vec<Option<String>> {
    let column = table.column_by_name(name).unwrap_or_else(|| panic!("no column {name}"));
    column.as_string::<i32>().iter().map(|text| text.map(str::to_owned)).collect()
}

fn numbers_in(table: &RecordBatch, name: &str) -> Vec<Option<f64>> {
    table.column_by_name(name).unwrap().as_primitive::<Float64Type>().iter().collect()
}

fn texts(texts: [Option<&str>; 3]) -> Vec<Option<String>> {
    texts.map(|text| text.map(str::to_owned)).to_vec()
}

fn assert_plain_columns(table: &RecordBatch, prefix: &str) {
    let column = |name: &str| texts_in(table, &format!("{prefix}{name}"));
    assert_eq!(column("code"), texts([Some("9602A"), None, None]), "given when automatic alone");
    assert_eq!(column("decision"), texts([Some("automatic"), Some("manual"), None]));
    assert_eq!(column("reason"), texts([None, Some("below_threshold"), None]));
    assert_eq!(column("model"), texts([Some("ape:3"), Some("ape:3"), None]));
    let error = "empty_description: the description is empty: give the activity in a few words";
    assert_eq!(column("error"), texts([None, None, Some(error)]));
    assert_eq!(numbers_in(table, &format!("{prefix}confidence_gap")), [Some(0.25), Some(0.25), None]);
}

#[test]
fn flat_columns_have_a_place_for_each_label() {
    let columns = AnswerColumns::new(None, 2, Shape::Flat);
    let table = table(&columns);
    let schema = table.schema();
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    let before = ["code", "confidence_gap", "decision", "reason", "code_1", "code_2", "probability_1"];
    assert_eq!(names, [&before[..], &["probability_2", "model", "warnings", "error"]].concat());
    assert_plain_columns(&table, "");
    assert_eq!(texts_in(&table, "code_1"), texts([Some("9602A"), Some("4711B"), None]));
    assert_eq!(texts_in(&table, "code_2"), texts([Some("9602B"), None, None]));
    assert_eq!(numbers_in(&table, "probability_1"), [Some(0.625), Some(0.1), None]);
    assert_eq!(numbers_in(&table, "probability_2"), [Some(0.375), None, None]);
    assert_eq!(texts_in(&table, "warnings"), texts([None, Some("nature:unknown_value;event:not_used"), None]));
    assert_eq!(columns.numbers(), ["confidence_gap", "probability_1", "probability_2"]);
}

#[test]
fn lists_are_as_long_as_there_are_labels() {
    let columns = AnswerColumns::new(Some("naf2025"), 2, Shape::Lists);
    let table = table(&columns);
    assert_eq!(table.num_columns(), 9);
    assert!(table.schema().fields().iter().all(|field| field.name().starts_with("naf2025_")));
    assert_plain_columns(&table, "naf2025_");
    let list = |name: &str, row: usize| {
        let lists = table.column_by_name(name).unwrap().as_list::<i32>().clone();
        lists.is_valid(row).then(|| lists.value(row))
    };
    let texts = |name: &str, row| {
        let list = list(name, row)?;
        Some(list.as_string::<i32>().iter().flatten().collect::<Vec<_>>().join(" "))
    };
    assert_eq!(texts("naf2025_codes", 0).unwrap(), "9602A 9602B");
    assert_eq!(texts("naf2025_codes", 1).unwrap(), "4711B");
    assert_eq!(texts("naf2025_codes", 2), None);
    let probabilities = list("naf2025_probabilities", 0).unwrap();
    assert_eq!(probabilities.as_primitive::<Float64Type>().values()[..], [0.625, 0.375]);
    assert_eq!(texts("naf2025_warnings", 0).unwrap(), "", "no warning is no missing answer");
    assert_eq!(texts("naf2025_warnings", 1).unwrap(), "nature:unknown_value event:not_used");
    assert_eq!(texts("naf2025_warnings", 2), None);
    assert_eq!(columns.numbers(), ["naf2025_confidence_gap", "naf2025_probabilities"]);
}

#[test]
fn each_row_names_its_own_model() {
    let mut answers = vec![answers().swap_remove(0), answers().swap_remove(1), answers().swap_remove(0)];
    answers[1].as_mut().unwrap().model = Arc::new(ModelVersion { name: "ape".to_owned(), version: 4 });
    let models = models(&answers);
    assert_eq!(models.as_string::<i32>().iter().flatten().collect::<Vec<_>>(), ["ape:3", "ape:4", "ape:3"]);
}

#[test]
fn reasons_are_written_as_in_an_answer() {
    for reason in [ManualReason::BelowThreshold, ManualReason::NothingLeft, ManualReason::NothingKnown] {
        assert_eq!(json!(reason), json!(reason.as_str()));
    }
}
