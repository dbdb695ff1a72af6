//! Which columns `codif recode` reads, whatever they are called, and those that it hands on as they are.

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, DictionaryArray, Float32Array, Int32Array,
    LargeStringArray, ListArray, RecordBatch, TimestampMicrosecondArray,
};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Value, json};

use crate::recode_runs::path;
use crate::recoding::{Row, column, read, recode, rows, write};
use crate::support::{Server, codif, refusal};

const ONE_MODEL: [&str; 4] = ["--model", "ape-naf2008", "--top-k", "3"];

/// Activities with all that a form may say; some of it is unknown to the model.
fn activities() -> Vec<Value> {
    let one_of = |values: &[Value], place: usize| values[place % values.len()].clone();
    let activity = |(place, row): (usize, Row)| {
        let mut activity = json!({"description": row.libelle, "nature": row.nature});
        activity["form_type"] = one_of(&[json!("A"), json!("I"), json!("M"), json!("?"), Value::Null], place);
        activity["event"] = one_of(&[json!("01P"), Value::Null], place);
        activity["legal_category"] = one_of(&[json!("1000"), json!("5498"), Value::Null], place);
        activity["permanence"] = one_of(&[json!("P"), json!("S"), Value::Null], place);
        activity["other_nature"] = one_of(&[Value::Null, json!("négoce de bois"), Value::Null], place);
        activity["agricultural_detail"] = one_of(&[Value::Null, Value::Null, json!("vignes"), Value::Null], place);
        // Either of them, never both.
        let (exact, class) = [(json!(30.5), Value::Null), (Value::Null, json!("2"))][place % 2].clone();
        (activity["surface"], activity["surface_class"]) = (exact, class);
        activity
    };
    rows(240).into_iter().enumerate().map(activity).collect()
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(String::new, str::to_owned)
}

#[test]
fn every_field_is_read_from_the_column_named_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let [input, output, without] = ["in.ndjson", "out.csv", "without.csv"].map(|name| path(folder.path(), name));
    let activities = activities();
    // Half of the columns are called as the fields, half otherwise.
    let names = [("description", "libelle"), ("nature", "activ_nat"), ("form_type", "liasse"), ("surface", "m2")];
    let line = |activity: &Value| {
        let mut fields = activity.as_object().unwrap().clone();
        for (field, name) in names {
            let value = fields.remove(field).unwrap();
            fields.insert(name.to_owned(), value);
        }
        format!("{}\n", Value::Object(fields))
    };
    fs::write(&input, activities.iter().map(line).collect::<String>()).unwrap();
    let named = ["--description", "libelle", "--nature", "activ_nat", "--form-type", "liasse", "--surface", "m2"];
    recode(&[&[input.as_str(), &output], &named[..], &ONE_MODEL].concat());
    recode(&[&[input.as_str(), &without], &named[..2], &ONE_MODEL].concat());
    let coded = read(Path::new(&output));
    let of = |name: &str| column(&coded, name);
    assert_ne!(of("confidence_gap"), column(&read(Path::new(&without)), "confidence_gap"), "they say something");

    let (status, answer) = Server::start().code(&json!({"activities": activities, "top_k": 3}));
    assert_eq!(status, 200, "{answer}");
    let mut warned = 0;
    for (place, result) in answer["results"].as_array().unwrap().iter().enumerate() {
        let coding = &result["codings"]["naf2008"];
        let found = ["code", "decision", "reason"].map(|name| of(name)[place].clone());
        assert_eq!(found, ["code", "decision", "reason"].map(|name| text(&coding[name])), "row {place}");
        assert_eq!(of("confidence_gap")[place].parse::<f64>().ok(), coding["confidence_gap"].as_f64(), "row {place}");
        for rank in 0..3 {
            let prediction = &coding["predictions"][rank];
            assert_eq!(of(&format!("code_{}", rank + 1))[place], text(&prediction["code"]), "row {place}");
            let probability = of(&format!("probability_{}", rank + 1))[place].parse::<f64>().ok();
            assert_eq!(probability, prediction["probability"].as_f64(), "row {place}");
        }
        let warning = |warning: &Value| format!("{}:{}", text(&warning["field"]), text(&warning["code"]));
        let warnings: Vec<String> = coding["warnings"].as_array().unwrap().iter().map(warning).collect();
        assert_eq!(of("warnings")[place], warnings.join(";"), "row {place}");
        warned += warnings.len();
    }
    assert!(warned > 100, "the model does not know all of it: {warned}");
}

#[test]
fn texts_of_several_columns_are_one_text() {
    let folder = tempfile::tempdir().unwrap();
    let [apart, together, first, second] =
        ["apart.csv", "together.csv", "first.csv", "second.csv"].map(|name| path(folder.path(), name));
    fs::write(&apart, "a;b;c\ncoiffure;;à domicile\n;vente de pain;\nréparation;de vélos; et location \n;;\n").unwrap();
    fs::write(&together, "t\ncoiffure à domicile\nvente de pain\nréparation de vélos et location\n\"\"\n").unwrap();
    let of_three = ["--description", "a", "--description", "b", "--description", "c", "--keep", "a"];
    recode(&[&[apart.as_str(), &first], &of_three[..], &ONE_MODEL].concat());
    recode(&[&[together.as_str(), &second, "--description", "t"], &ONE_MODEL[..]].concat());
    let [first, second] = [first, second].map(|name| read(Path::new(&name)));
    assert_eq!(first.len(), 5);
    // All but what is kept of the input.
    for (one, other) in first.iter().zip(&second) {
        assert_eq!(one[1..], other[1..]);
    }
    assert!(column(&first, "error")[3].starts_with("empty_description"));
}

#[test]
fn a_directory_is_read_in_the_order_of_its_names() {
    let folder = tempfile::tempdir().unwrap();
    let rows = rows(60);
    let directory = folder.path().join("in");
    fs::create_dir_all(directory.join("nature=12")).unwrap();
    write(&directory.join("b.parquet"), &rows[..20]);
    write(&directory.join("nature=12/a.parquet"), &rows[20..40]);
    write(&folder.path().join("alone.parquet"), &rows[40..]);
    for name in ["_SUCCESS", "_errors.parquet", ".b.parquet", "notes.txt"] {
        fs::write(directory.join(name), "not a row").unwrap();
    }
    let [alone, input, output] = ["alone.parquet", "in", "out.tsv"].map(|name| path(folder.path(), name));
    recode(&[&[alone.as_str(), &input, &output, "--description", "libelle"], &ONE_MODEL[..]].concat());
    let ids: Vec<i64> = column(&read(Path::new(&output)), "id").iter().map(|id| id.parse().unwrap()).collect();
    assert_eq!(ids, (40..60).chain(0..40).collect::<Vec<i64>>());
}

#[test]
fn a_format_that_no_name_tells_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let [input, output] = ["stock.txt", "out.csv"].map(|name| path(folder.path(), name));
    fs::write(&input, "id|libelle\n1|\"vente | de pain\"\n").unwrap();
    let given = [&[input.as_str(), &output, "--description", "libelle"], &ONE_MODEL[..]].concat();
    let message = refusal(&codif(&[&["recode"], &given[..]].concat()));
    assert!(message.contains("stock.txt") && message.contains("--input-format"), "{message}");
    recode(&[&given[..], &["--input-format", "csv", "--delimiter", "|"]].concat());
    let written = fs::read_to_string(&output).unwrap();
    assert!(written.starts_with("id|libelle|code|"), "{written}");
    assert!(written.contains("\n1|\"vente | de pain\"|"), "{written}");
}

/// A file of one column of each type beside the text, of two rows.
fn columns_of_any_type(path: &Path) {
    let list = ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1), None]), None]);
    let columns: [(&str, ArrayRef); 10] = [
        ("libelle", Arc::new(LargeStringArray::from(vec!["coiffure", "boulangerie"]))),
        ("int", Arc::new(Int32Array::from(vec![Some(-1), None]))),
        ("float", Arc::new(Float32Array::from(vec![None, Some(0.25)]))),
        ("boolean", Arc::new(BooleanArray::from(vec![Some(true), None]))),
        ("date", Arc::new(Date32Array::from(vec![Some(20_000), None]))),
        ("instant", Arc::new(TimestampMicrosecondArray::from(vec![Some(1), None]).with_timezone("UTC"))),
        ("decimal", Arc::new(Decimal128Array::from(vec![Some(125), None]).with_precision_and_scale(9, 2).unwrap())),
        ("dictionary", Arc::new([Some("a"), None].into_iter().collect::<DictionaryArray<Int32Type>>())),
        ("binary", Arc::new(BinaryArray::from_opt_vec(vec![Some(&b"\xff"[..]), None]))),
        ("list", Arc::new(list)),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

fn only_batch(path: &str) -> RecordBatch {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    reader.build().unwrap().next().unwrap().unwrap()
}

#[test]
fn columns_of_any_type_are_handed_on_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let [input, output] = ["in.parquet", "out.parquet"].map(|name| path(folder.path(), name));
    columns_of_any_type(Path::new(&input));
    recode(&[&[input.as_str(), &output, "--description", "libelle"], &ONE_MODEL[..]].concat());
    let (before, after) = (only_batch(&input), only_batch(&output));
    for (field, column) in before.schema().fields().iter().zip(before.columns()) {
        assert_eq!(after.column_by_name(field.name()).unwrap(), column, "{}", field.name());
    }
}

#[test]
fn cells_of_text_take_every_type_but_lists() {
    let folder = tempfile::tempdir().unwrap();
    let [input, output] = ["in.parquet", "out.csv"].map(|name| path(folder.path(), name));
    columns_of_any_type(Path::new(&input));
    let given = [&[input.as_str(), &output, "--description", "libelle"], &ONE_MODEL[..]].concat();
    let message = refusal(&codif(&[&["recode"], &given[..], &["--keep", "int,list"]].concat()));
    assert!(message.contains("the column \"list\" holds") && message.contains("--keep"), "{message}");
    // What the message says is enough: nothing was begun that has to be forgotten first.
    let (names, cells) = (["int", "float", "boolean", "date", "decimal", "dictionary", "binary"], &["--keep"][..]);
    recode(&[&given[..], cells, &[&names.join(",")]].concat());
    let written = read(Path::new(&output));
    let of_row = |row: usize| names.map(|name| column(&written, name)[row].clone());
    assert_eq!(of_row(0), ["-1", "", "true", "2024-10-04", "1.25", "a", "ff"]);
    assert_eq!(of_row(1), ["", "0.25", "", "", "", "", ""]);
}

#[test]
fn an_instant_in_a_zone_is_text_where_there_is_only_text() {
    let folder = tempfile::tempdir().unwrap();
    let input = path(folder.path(), "in.parquet");
    columns_of_any_type(Path::new(&input));
    for name in ["out.csv", "out.ndjson"] {
        let output = path(folder.path(), name);
        let given = [input.as_str(), &output, "--description", "libelle", "--keep", "instant"];
        recode(&[&given[..], &ONE_MODEL].concat());
        let instants = column(&read(Path::new(&output)), "instant");
        assert!(instants[0].starts_with("1970-01-01T00:00:00.000001"), "{name}: {instants:?}");
    }
}
