use std::fs::read;
use std::io::Read;
use std::sync::Arc;

use ::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use ::parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};
use arrow_array::builder::{Float64Builder, ListBuilder, StringBuilder};
use arrow_array::{ArrayRef, Float64Array, Int64Array, StringArray};
use serde_json::Value;
use tempfile::{TempDir, tempdir};

use super::*;
use crate::model::digest::digest;

const EVERY: [(Format, Compression); 10] = [
    (Format::Csv, Compression::None),
    (Format::Csv, Compression::Gzip),
    (Format::Csv, Compression::Zstd),
    (Format::Tsv, Compression::None),
    (Format::Tsv, Compression::Gzip),
    (Format::Tsv, Compression::Zstd),
    (Format::Ndjson, Compression::None),
    (Format::Ndjson, Compression::Gzip),
    (Format::Ndjson, Compression::Zstd),
    (Format::Parquet, Compression::None),
];

fn options(format: Format, compression: Compression) -> SinkOptions {
    let unrepeated = vec!["gap".to_owned(), "probabilities".to_owned()];
    SinkOptions { format, compression, delimiter: None, unrepeated }
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true))).unwrap()
}

/// Rows of plain cells; every third label is absent.
fn flat(numbers: std::ops::Range<i64>) -> RecordBatch {
    let label = |number: i64| (number % 3 > 0).then(|| format!("vente;\t\"{}\",\n", number % 7));
    let labels: StringArray = numbers.clone().map(label).collect();
    let gaps: Float64Array = numbers.clone().map(|number| Some(0.1 + number as f64 / 3.0)).collect();
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(numbers));
    let (labels, gaps): (ArrayRef, ArrayRef) = (Arc::new(labels), Arc::new(gaps));
    batch(vec![("id", ids), ("label", labels), ("gap", gaps)])
}

/// The same with lists.
fn nested(numbers: std::ops::Range<i64>) -> RecordBatch {
    let mut codes = ListBuilder::new(StringBuilder::new());
    let mut probabilities = ListBuilder::new(Float64Builder::new());
    for number in numbers.clone() {
        let coded = number % 5 > 0;
        for place in (0..number % 3).filter(|_| coded) {
            codes.values().append_value(format!("{place:04}Z"));
            probabilities.values().append_value(1.0 / (number + place) as f64);
        }
        codes.append(coded);
        probabilities.append(coded);
    }
    let plain = flat(numbers);
    let (codes, probabilities): (ArrayRef, ArrayRef) = (Arc::new(codes.finish()), Arc::new(probabilities.finish()));
    let names = ["id", "label", "gap"].into_iter().zip(plain.columns().iter().cloned());
    batch(names.chain([("codes", codes), ("probabilities", probabilities)]).collect())
}

/// The rows that a format takes.
fn rows_for(format: Format, numbers: std::ops::Range<i64>) -> RecordBatch {
    if matches!(format, Format::Csv | Format::Tsv) { flat(numbers) } else { nested(numbers) }
}

struct Workplace(TempDir);

impl Workplace {
    fn new() -> Self {
        Self(tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A part of these rows, written a few at a time.
    fn part(&self, name: &str, rows: &RecordBatch, options: &SinkOptions) -> PathBuf {
        let path = self.path(name);
        let mut part = PartWriter::create(&path, rows.schema(), options).unwrap();
        for first in (0..rows.num_rows()).step_by(10) {
            part.write(&rows.slice(first, 10.min(rows.num_rows() - first))).unwrap();
        }
        assert_eq!(part.finish().unwrap(), digest(&read(&path).unwrap()), "what is told of a part is true of it");
        path
    }

    fn joined(&self, parts: &[PathBuf], schema: &Schema, options: &SinkOptions) -> PathBuf {
        let path = self.path("joined");
        let bytes = join(&header(schema, options), parts, &path, options, schema).unwrap();
        assert_eq!(bytes, path.metadata().unwrap().len());
        path
    }
}

/// The bytes of a file without their compression.
fn plain(path: &Path, compression: Compression) -> Vec<u8> {
    let bytes = read(path).unwrap();
    match compression {
        Compression::None => bytes,
        Compression::Gzip => {
            let mut plain = Vec::new();
            flate2::read::MultiGzDecoder::new(bytes.as_slice()).read_to_end(&mut plain).unwrap();
            plain
        }
        Compression::Zstd => zstd::stream::decode_all(bytes.as_slice()).unwrap(),
    }
}

fn as_json<'a>(batches: impl IntoIterator<Item = &'a RecordBatch>) -> Vec<Value> {
    let mut writer = arrow_json::ArrayWriter::new(Vec::new());
    for batch in batches {
        writer.write(batch).unwrap();
    }
    writer.finish().unwrap();
    serde_json::from_slice(&writer.into_inner()).unwrap()
}

fn read_parquet(path: &Path) -> (Vec<Value>, SchemaRef) {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    let schema = Arc::clone(reader.schema());
    let batches: Vec<RecordBatch> = reader.build().unwrap().map(Result::unwrap).collect();
    (as_json(&batches), schema)
}

fn footer(path: &Path) -> ParquetMetaData {
    let reader = ParquetMetaDataReader::new().with_page_index_policy(PageIndexPolicy::Optional);
    reader.parse_and_finish(&File::open(path).unwrap()).unwrap()
}

#[test]
fn cells_are_read_back_as_they_were() {
    let place = Workplace::new();
    for (format, delimiter) in [(Format::Csv, b','), (Format::Tsv, b'\t')] {
        let options = options(format, Compression::None);
        let rows = flat(0..50);
        let joined = place.joined(&[place.part("part", &rows, &options)], &rows.schema(), &options);
        let quoted = format == Format::Csv;
        let mut reader = ::csv::ReaderBuilder::new().delimiter(delimiter).quoting(quoted).from_path(joined).unwrap();
        assert_eq!(reader.headers().unwrap().iter().collect::<Vec<_>>(), ["id", "label", "gap"]);
        let cells = reader.records().map(|record| {
            let record = record.unwrap();
            let number = |place: usize| record[place].parse::<f64>().unwrap();
            (number(0) as i64, record[1].to_owned(), number(2))
        });
        let cells: Vec<(i64, String, f64)> = cells.collect();
        let expected = as_json([&rows]).into_iter().map(|row| {
            let label = row["label"].as_str().unwrap_or_default();
            // TSV has no quotes to put a break between.
            let label = if quoted { label.to_owned() } else { label.replace(['\t', '\n'], " ") };
            (row["id"].as_i64().unwrap(), label, row["gap"].as_f64().unwrap())
        });
        assert_eq!(cells, expected.collect::<Vec<_>>());
    }
}

#[test]
fn the_delimiter_is_the_users() {
    let place = Workplace::new();
    let options = SinkOptions { delimiter: Some(b';'), ..options(Format::Csv, Compression::None) };
    let (id, label): (ArrayRef, ArrayRef) =
        (Arc::new(Int64Array::from(vec![1])), Arc::new(StringArray::from(vec!["a,b;c"])));
    let rows = batch(vec![("id", id), ("label", label)]);
    let joined = place.joined(&[place.part("part", &rows, &options)], &rows.schema(), &options);
    assert_eq!(String::from_utf8(read(joined).unwrap()).unwrap(), "id;label\n1;\"a,b;c\"\n");
}

#[test]
fn every_line_has_every_column() {
    let place = Workplace::new();
    let rows = nested(0..50);
    let part = place.part("part", &rows, &options(Format::Ndjson, Compression::None));
    let text = String::from_utf8(read(part).unwrap()).unwrap();
    let mut lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.iter().all(|line| line.as_object().unwrap().len() == 5));
    assert_eq!((&lines[0]["label"], &lines[0]["codes"]), (&Value::Null, &Value::Null));
    for line in &mut lines {
        line.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    }
    assert_eq!(lines, as_json([&rows]));
}

#[test]
fn parquet_keeps_rows_and_types() {
    let place = Workplace::new();
    let rows = nested(0..50);
    let part = place.part("part", &rows, &options(Format::Parquet, Compression::None));
    assert_eq!(read_parquet(&part), (as_json([&rows]), rows.schema()));
    let metadata = footer(&part);
    let dictionaries = metadata.row_group(0).columns().iter();
    let dictionaries: Vec<bool> = dictionaries.map(|column| column.dictionary_page_offset().is_some()).collect();
    assert_eq!(dictionaries, [true, true, false, true, false], "none for what hardly ever repeats");
    assert!(metadata.file_metadata().created_by().unwrap().starts_with("codif version "));
}

#[test]
fn the_same_rows_give_the_same_bytes() {
    let place = Workplace::new();
    for (format, compression) in EVERY {
        let (options, rows) = (options(format, compression), rows_for(format, 0..200));
        let [one, other] = ["one", "other"].map(|name| read(place.part(name, &rows, &options)).unwrap());
        assert!(one == other, "{format:?} {compression:?}");
    }
}

#[test]
fn joined_parts_are_the_rows_written_at_once() {
    let place = Workplace::new();
    for (format, compression) in EVERY {
        let options = options(format, compression);
        let rows = rows_for(format, 0..90);
        let lengths = [(0, 40), (40, 0), (40, 50)];
        let parts = lengths
            .map(|(first, length)| place.part(&format!("part-{first}-{length}"), &rows.slice(first, length), &options));
        let whole = place.part("whole", &rows, &options);
        let joined = place.joined(&parts, &rows.schema(), &options);
        if format == Format::Parquet {
            assert_eq!(read_parquet(&joined), read_parquet(&whole));
        } else {
            let expected = [header(&rows.schema(), &options), plain(&whole, compression)].concat();
            assert!(plain(&joined, compression) == expected, "{format:?} {compression:?}");
        }
    }
}

#[test]
fn joined_parquet_has_the_row_groups_of_its_parts() {
    let place = Workplace::new();
    let options = options(Format::Parquet, Compression::None);
    let ranges = [("a", 0..40), ("b", 40..90), ("c", 90..91)];
    let parts = ranges.map(|(name, numbers)| place.part(name, &nested(numbers), &options));
    let rows = nested(0..91);
    let joined = place.joined(&parts, &rows.schema(), &options);
    assert_eq!(read_parquet(&joined), (as_json([&rows]), rows.schema()));
    let metadata = footer(&joined);
    let lengths: Vec<i64> = metadata.row_groups().iter().map(|group| group.num_rows()).collect();
    assert_eq!(lengths, [40, 50, 1]);
    let pages = metadata.page_index().unwrap();
    for group in 0..3 {
        for column in 0..5 {
            let start = metadata.row_group(group).column(column).data_page_offset();
            assert_eq!(pages.offset_index(group, column).unwrap().page_locations()[0].offset, start);
            assert!(pages.column_index(group, column).is_some());
        }
    }
}

#[test]
fn nothing_joined_is_a_file_without_rows() {
    let place = Workplace::new();
    for (format, compression) in EVERY {
        let options = options(format, compression);
        let none = rows_for(format, 0..0);
        for parts in [vec![], vec![place.part("none", &none, &options)]] {
            let joined = place.joined(&parts, &none.schema(), &options);
            if format == Format::Parquet {
                assert_eq!(read_parquet(&joined), (Vec::new(), none.schema()));
            } else {
                assert_eq!(plain(&joined, compression), header(&none.schema(), &options), "{format:?} {compression:?}");
            }
        }
    }
}

#[test]
fn lists_in_csv_are_refused_before_anything_is_written() {
    let place = Workplace::new();
    let path = place.path("part");
    let created = PartWriter::create(&path, nested(0..1).schema(), &options(Format::Csv, Compression::None));
    let error = created.err().unwrap().to_string();
    assert!(error.contains("\"codes\" holds List") && error.contains("--keep"), "{error}");
    assert!(!path.exists());
}

#[test]
fn rows_of_other_columns_are_refused() {
    let place = Workplace::new();
    for (format, compression) in EVERY {
        let rows = flat(0..3);
        let path = place.path("part");
        let mut part = PartWriter::create(&path, rows.schema(), &options(format, compression)).unwrap();
        let error = part.write(&rows.project(&[0, 1]).unwrap()).unwrap_err();
        assert!(matches!(error.fault, SinkFault::OtherColumns), "{error}");
    }
}

#[test]
fn a_part_that_is_no_parquet_file_is_named() {
    let place = Workplace::new();
    let options = options(Format::Parquet, Compression::None);
    let rows = nested(0..9);
    let parts = [place.part("good", &rows, &options), place.path("cut")];
    let bytes = read(&parts[0]).unwrap();
    std::fs::write(&parts[1], &bytes[..bytes.len() / 2]).unwrap();
    let error = join(&[], &parts, &place.path("joined"), &options, &rows.schema()).unwrap_err();
    assert!(error.file.ends_with("cut") && matches!(error.fault, SinkFault::Unread(_)), "{error}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told_with_its_file() {
    let full = Path::new("/dev/full");
    let place = Workplace::new();
    for (format, compression) in EVERY {
        let (options, rows) = (options(format, compression), rows_for(format, 0..2_000));
        let mut part = PartWriter::create(full, rows.schema(), &options).unwrap();
        let mut written = Ok(());
        for _ in 0..5 {
            written = written.and_then(|()| part.write(&rows));
        }
        let parted = written.and_then(|()| part.finish().map(drop));
        let parts = [place.part("part", &rows, &options)];
        let joined = join(&header(&rows.schema(), &options), &parts, full, &options, &rows.schema()).map(drop);
        for result in [parted, joined] {
            let error = result.unwrap_err().to_string();
            assert!(error.starts_with("/dev/full: no space left on device"), "{format:?} {compression:?}: {error}");
        }
    }
}
