//! Files for `codif recode`: made in every format, and read back.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_schema::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Value, json};

use crate::support::{codif, succeeded};

/// A row of an input: its number, its text, its nature and the code it had.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub id: i64,
    pub libelle: String,
    pub nature: Option<String>,
    pub old: String,
}

/// Rows of the corpus, as many as asked for: it begins anew at its end, each time with another word.
pub fn rows(count: usize) -> Vec<Row> {
    let corpus = fs::read_to_string("models/corpus/declarations.tsv").unwrap();
    let lines: Vec<Vec<&str>> = corpus.lines().skip(1).step_by(37).map(|line| line.split('\t').collect()).collect();
    let row = |id: usize| {
        let cells = &lines[id % lines.len()];
        let again = id / lines.len();
        let libelle = if again == 0 { cells[4].to_owned() } else { format!("{} lot {again}", cells[4]) };
        let nature = Some(cells[3].to_owned()).filter(|nature| !nature.is_empty());
        Row { id: id as i64, libelle, nature, old: cells[0].to_owned() }
    };
    (0..count).map(row).collect()
}

/// Writes rows in the format and the compression that the name says.
pub fn write(path: &Path, rows: &[Row]) {
    let name = path.to_str().unwrap();
    let (plain, ending) = match name.rsplit_once('.').unwrap() {
        (plain, ending @ ("gz" | "zst")) => (plain, ending),
        _ => (name, ""),
    };
    let bytes = match plain.rsplit_once('.').unwrap().1 {
        "parquet" => return write_parquet(path, rows),
        "ndjson" => rows.iter().map(|row| format!("{}\n", object(row))).collect::<String>().into_bytes(),
        format => {
            let delimiter = if format == "tsv" { b'\t' } else { b',' };
            let mut writer = csv::WriterBuilder::new().delimiter(delimiter).from_writer(Vec::new());
            writer.write_record(["id", "libelle", "nature", "old"]).unwrap();
            for row in rows {
                let nature = row.nature.as_deref().unwrap_or_default();
                writer.write_record([&row.id.to_string(), &row.libelle, nature, &row.old]).unwrap();
            }
            writer.into_inner().unwrap()
        }
    };
    let bytes = match ending {
        "gz" => {
            let mut compressed = Vec::new();
            flate2::read::GzEncoder::new(bytes.as_slice(), flate2::Compression::fast())
                .read_to_end(&mut compressed)
                .unwrap();
            compressed
        }
        "zst" => zstd::encode_all(bytes.as_slice(), 1).unwrap(),
        _ => bytes,
    };
    fs::write(path, bytes).unwrap();
}

fn object(row: &Row) -> Value {
    json!({"id": row.id, "libelle": row.libelle, "nature": row.nature, "old": row.old})
}

fn write_parquet(path: &Path, rows: &[Row]) {
    let text = |name: &str| Field::new(name, DataType::Utf8, true);
    let schema =
        Schema::new(vec![Field::new("id", DataType::Int64, false), text("libelle"), text("nature"), text("old")]);
    let columns: [ArrayRef; 4] = [
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.id))),
        Arc::new(StringArray::from_iter_values(rows.iter().map(|row| &row.libelle))),
        Arc::new(rows.iter().map(|row| row.nature.as_deref()).collect::<StringArray>()),
        Arc::new(StringArray::from_iter_values(rows.iter().map(|row| &row.old))),
    ];
    let batch = RecordBatch::try_new(Arc::new(schema), columns.to_vec()).unwrap();
    let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

/// Runs `codif recode` and gives its summary.
pub fn recode(arguments: &[&str]) -> Value {
    serde_json::from_str(&succeeded(codif(&[&["recode", "--quiet"], arguments].concat()))).unwrap()
}

/// What a file of any format holds, as text: the names of the columns, then the cells of each row; lists as `[a, b]`.
pub fn read(path: &Path) -> Vec<Vec<String>> {
    let name = path.to_str().unwrap();
    if name.ends_with(".parquet") {
        return read_parquet(path);
    }
    let bytes = fs::read(path).unwrap();
    let mut text = String::new();
    match name.rsplit_once('.').unwrap().1 {
        "gz" => drop(flate2::read::MultiGzDecoder::new(bytes.as_slice()).read_to_string(&mut text).unwrap()),
        "zst" => text = String::from_utf8(zstd::decode_all(bytes.as_slice()).unwrap()).unwrap(),
        _ => text = String::from_utf8(bytes).unwrap(),
    }
    if name.contains(".ndjson") {
        return read_ndjson(&text);
    }
    let delimiter = if name.contains(".tsv") { b'\t' } else { b',' };
    let mut reader = csv::ReaderBuilder::new().has_headers(false).delimiter(delimiter).from_reader(text.as_bytes());
    reader.records().map(|record| record.unwrap().iter().map(str::to_owned).collect()).collect()
}

fn read_ndjson(text: &str) -> Vec<Vec<String>> {
    let cell = |value: &Value| match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(values) => {
            let each = values.iter().map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
            format!("[{}]", each.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    };
    let mut read: Vec<Vec<String>> = Vec::new();
    for line in text.lines() {
        // As they stand in the line: serde's own map would sort them.
        let fields: Vec<(String, Value)> = serde_json::from_str::<Fields>(line).unwrap().0;
        if read.is_empty() {
            read.push(fields.iter().map(|(name, _)| name.clone()).collect());
        }
        read.push(fields.iter().map(|(_, value)| cell(value)).collect());
    }
    read
}

/// The fields of an object in their order.
struct Fields(Vec<(String, Value)>);

impl<'de> serde::Deserialize<'de> for Fields {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> serde::de::Visitor<'de> for InOrder {
            type Value = Vec<(String, Value)>;
            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("an object")
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(fields)
            }
        }
        deserializer.deserialize_map(InOrder).map(Self)
    }
}

fn read_parquet(path: &Path) -> Vec<Vec<String>> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    let names = reader.schema().fields().iter().map(|field| field.name().clone()).collect();
    let mut read = vec![names];
    let options = FormatOptions::default();
    for batch in reader.build().unwrap() {
        let batch = batch.unwrap();
        let columns: Vec<_> =
            batch.columns().iter().map(|column| ArrayFormatter::try_new(column, &options).unwrap()).collect();
        for row in 0..batch.num_rows() {
            read.push(columns.iter().map(|column| column.value(row).to_string()).collect());
        }
    }
    read
}

/// The cells of one column.
pub fn column(read: &[Vec<String>], name: &str) -> Vec<String> {
    let place = read[0].iter().position(|other| other == name).unwrap_or_else(|| panic!("{name} in {:?}", read[0]));
    read[1..].iter().map(|row| row[place].clone()).collect()
}

/// The type of a column of a Parquet file.
pub fn kind(path: &Path, name: &str) -> DataType {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    reader.schema().field_with_name(name).unwrap().data_type().clone()
}

/// The texts of a column of a Parquet file that holds lists; of rows without one there is none.
pub fn lists(path: &Path, name: &str) -> Vec<Vec<String>> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    let mut read = Vec::new();
    for batch in reader.build().unwrap() {
        let batch = batch.unwrap();
        for list in batch.column_by_name(name).unwrap().as_list::<i32>().iter().flatten() {
            let options = FormatOptions::default();
            let formatter = ArrayFormatter::try_new(&list, &options).unwrap();
            read.push((0..list.len()).map(|place| formatter.value(place).to_string()).collect());
        }
    }
    read
}
