use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, BooleanArray, Decimal128Array, DictionaryArray, Float32Array, Float64Array, Int64Array, LargeStringArray,
    ListArray, NullArray, StringViewArray, UInt8Array,
};

use super::*;
use crate::coding::activity::Covariate;

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true))).unwrap()
}

fn texts_of(texts: &[Option<&str>]) -> ArrayRef {
    Arc::new(StringArray::from(texts.to_vec()))
}

fn activities(names: &ColumnNames, rows: &RecordBatch) -> Vec<Result<Activity, ActivityError>> {
    ActivityColumns::new(names, rows.schema_ref()).unwrap().activities(rows).unwrap()
}

fn refused(names: &ColumnNames, rows: &RecordBatch) -> String {
    ActivityColumns::new(names, rows.schema_ref()).unwrap_err().to_string()
}

/// The natures that a column is read as, beside a text.
fn natures(column: ArrayRef) -> Vec<Option<String>> {
    let description: ArrayRef = Arc::new(StringArray::from(vec!["vente"; column.len()]));
    let rows = batch(vec![("description", description), ("nature", column)]);
    let nature = |activity: Result<Activity, _>| activity.unwrap().covariate(Covariate::Nature).map(str::to_owned);
    activities(&ColumnNames::default(), &rows).into_iter().map(nature).collect()
}

fn surfaces(column: ArrayRef) -> Vec<Result<Option<f64>, &'static str>> {
    let description: ArrayRef = Arc::new(StringArray::from(vec!["vente"; column.len()]));
    let rows = batch(vec![("description", description), ("surface", column)]);
    let surface = |activity: Result<Activity, ActivityError>| {
        activity.map(|activity| activity.surface()).map_err(|error| error.code())
    };
    activities(&ColumnNames::default(), &rows).into_iter().map(surface).collect()
}

#[test]
fn each_field_is_read_from_its_own_column() {
    let fields =
        ["other_nature", "agricultural_detail", "form_type", "nature", "event", "legal_category", "permanence"];
    let columns = fields.iter().map(|field| (*field, texts_of(&[Some(*field)])));
    let mut columns: Vec<_> = columns.chain([("surface_class", texts_of(&[Some("2")]))]).collect();
    columns.insert(3, ("description", texts_of(&[Some("vente")])));
    let expected = RawActivity {
        id: None,
        description: Some("vente".into()),
        other_nature: Some("other_nature".into()),
        agricultural_detail: Some("agricultural_detail".into()),
        form_type: Some("form_type".into()),
        nature: Some("nature".into()),
        event: Some("event".into()),
        surface: None,
        surface_class: Some("2".into()),
        legal_category: Some("legal_category".into()),
        permanence: Some("permanence".into()),
    };
    assert_eq!(activities(&ColumnNames::default(), &batch(columns)), [Activity::try_from(expected)]);
}

#[test]
fn names_win_over_the_columns_called_as_the_field() {
    let rows = batch(vec![
        ("description", texts_of(&[Some("vente")])),
        ("nature", texts_of(&[Some("03")])),
        ("libelle", texts_of(&[Some("pose")])),
        ("activ_nat_et", texts_of(&[Some("04")])),
    ]);
    let names = ColumnNames {
        description: vec!["libelle".into()],
        nature: Some("activ_nat_et".into()),
        ..ColumnNames::default()
    };
    let activity = activities(&names, &rows).remove(0).unwrap();
    assert_eq!((activity.text(), activity.covariate(Covariate::Nature)), ("pose", Some("04")));
}

#[test]
fn several_descriptions_are_joined_and_blank_ones_left_out() {
    let rows = batch(vec![
        ("a", texts_of(&[Some(" vente "), None, Some("  "), Some(" ")])),
        ("b", texts_of(&[Some("de pain"), Some("pose"), Some("taxi"), None])),
    ]);
    let names = ColumnNames { description: vec!["a".into(), "b".into()], ..ColumnNames::default() };
    let texts: Vec<_> = activities(&names, &rows)
        .into_iter()
        .map(|activity| activity.map(|activity| activity.text().to_owned()).map_err(|error| error.code()))
        .collect();
    assert_eq!(texts, [Ok("vente de pain".into()), Ok("pose".into()), Ok("taxi".into()), Err("empty_description")]);
}

#[test]
fn every_kind_of_text_and_number_is_read() {
    let dictionary: DictionaryArray<Int32Type> = vec![Some("10"), None, Some(" ")].into_iter().collect();
    let ten: ArrayRef = Arc::new(Float64Array::from(vec![10.0]));
    let numbers = DictionaryArray::<Int32Type>::new(vec![Some(0), None, None].into(), ten);
    let decimals = Decimal128Array::from(vec![Some(1000), None, None]).with_precision_and_scale(9, 2).unwrap();
    let columns: [ArrayRef; 9] = [
        texts_of(&[Some("10"), None, Some("")]),
        Arc::new(LargeStringArray::from(vec![Some("10"), None, Some(" ")])),
        Arc::new(StringViewArray::from(vec![Some("10"), None, Some("\t")])),
        Arc::new(dictionary),
        Arc::new(Int64Array::from(vec![Some(10), None, None])),
        Arc::new(Float32Array::from(vec![Some(10.0), None, Some(f32::NAN)])),
        Arc::new(Float64Array::from(vec![Some(10.0), None, Some(f64::NAN)])),
        Arc::new(numbers),
        Arc::new(decimals),
    ];
    for column in columns {
        let kind = column.data_type().clone();
        assert_eq!(natures(column), [Some("10".to_owned()), None, None], "{kind}");
    }
    let told = |column: ArrayRef| natures(column).into_iter().flatten().collect::<Vec<_>>();
    assert_eq!(told(Arc::new(UInt8Array::from(vec![0, 255]))), ["0", "255"]);
    assert_eq!(told(Arc::new(Float64Array::from(vec![-0.0, 2.5]))), ["0", "2.5"]);
    assert_eq!(told(Arc::new(BooleanArray::from(vec![true]))), ["true"]);
    assert_eq!(told(texts_of(&[Some("NaN")])), ["NaN"], "a text is taken as it is, as in /v1/code");
    assert!(told(Arc::new(NullArray::new(2))).is_empty());
}

#[test]
fn surfaces_are_numbers_or_their_texts() {
    let wrong = Err("wrong_type");
    let texts = [Some("120.5"), Some(" 12 "), Some("1e2"), Some(""), Some("NaN"), None, Some("120,5"), Some("inf")];
    let expected = [Ok(Some(120.5)), Ok(Some(12.0)), Ok(Some(100.0)), Ok(None), Ok(None), Ok(None), wrong, wrong];
    assert_eq!(surfaces(texts_of(&texts)), expected);
    let dictionary: DictionaryArray<Int32Type> = texts.into_iter().collect();
    assert_eq!(surfaces(Arc::new(dictionary)), expected);
    let floats = Float64Array::from(vec![Some(120.5), None, Some(f64::NAN), Some(f64::INFINITY)]);
    assert_eq!(surfaces(Arc::new(floats)), [Ok(Some(120.5)), Ok(None), Ok(None), wrong]);
    assert_eq!(surfaces(Arc::new(Int64Array::from(vec![120]))), [Ok(Some(120.0))]);
    let decimals = Decimal128Array::from(vec![12050]).with_precision_and_scale(9, 2).unwrap();
    assert_eq!(surfaces(Arc::new(decimals)), [Ok(Some(120.5))]);
}

#[test]
fn a_row_with_two_surfaces_is_at_fault_alone() {
    let rows = batch(vec![
        ("description", texts_of(&[Some("a"), Some("b")])),
        ("surface", texts_of(&[Some("12"), Some("12")])),
        ("surface_class", texts_of(&[Some("1"), None])),
    ]);
    let read = activities(&ColumnNames::default(), &rows);
    assert_eq!(read[0], Err(ActivityError::TwoSurfaces));
    assert_eq!(read[1].as_ref().unwrap().surface(), Some(12.0));
}

#[test]
fn a_column_that_is_not_there_is_told_with_those_that_are() {
    let columns: Vec<String> = (0..40).map(|number| format!("c{number}")).collect();
    let rows = batch(columns.iter().map(|name| (name.as_str(), texts_of(&[None]))).collect());
    let names = ColumnNames { description: vec!["C1".into()], ..ColumnNames::default() };
    let error = refused(&names, &rows);
    assert!(error.starts_with("no column is called \"C1\": the columns are c0, c1, "), "{error}");
    assert!(error.ends_with("c29 and 10 more"), "{error}");
    let error = refused(&ColumnNames::default(), &rows);
    assert!(error.contains("--description") && error.contains("c0, c1"), "{error}");
}

#[test]
fn a_column_of_lists_or_of_two_places_is_refused() {
    let lists: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>([Some([Some(1)])]));
    let rows = batch(vec![("description", texts_of(&[Some("a")])), ("event", lists)]);
    let error = refused(&ColumnNames::default(), &rows);
    assert!(error.starts_with("the column \"event\", read for event, holds List"), "{error}");
    let twice = batch(vec![("description", texts_of(&[None])), ("description", texts_of(&[None]))]);
    assert!(refused(&ColumnNames::default(), &twice).contains("two columns are called \"description\""));
}

#[test]
fn rows_without_the_column_are_refused() {
    let rows = batch(vec![("x", texts_of(&[None])), ("description", texts_of(&[Some("a")]))]);
    let columns = ActivityColumns::new(&ColumnNames::default(), rows.schema_ref()).unwrap();
    let error = columns.activities(&rows.project(&[0]).unwrap()).unwrap_err().to_string();
    assert!(error.contains("\"description\" cannot be read"), "{error}");
}
