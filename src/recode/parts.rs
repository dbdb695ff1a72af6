//! Coded rows on their way to the files of a part; a part that is full is finished and noted.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray, UInt32Array};
use arrow_cast::cast;
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use arrow_select::take::take_record_batch;

use super::chunk::CodedChunk;
use super::error::RecodeError;
use super::format::{Compression, Format};
use super::plan::Plan;
use super::sink::{PartWriter, SinkOptions};
use super::source::UnreadableRow;
use super::summary::Counts;
use super::work::{FileRecord, PartRecord, Place, Work, part_name};

/// What is written of a chunk.
pub struct Written {
    /// Its rows and their codings.
    pub coded: CodedChunk,
    /// The row number of each of the rows that were read.
    pub numbers: Vec<u64>,
    /// The rows that could not be read.
    pub unreadable: Vec<UnreadableRow>,
    /// Where the input stands after it.
    pub end: Place,
}

/// Writes the parts of a run, one after the other.
pub struct Parts<'a> {
    work: &'a Work,
    plan: &'a Plan,
    options: SinkOptions,
    schema: SchemaRef,
    layout: Option<Layout>,
    /// The part that is being written.
    number: u64,
    open: BTreeMap<Option<String>, (String, PartWriter)>,
    errors: Option<(String, PartWriter)>,
    counts: Counts,
    end: Place,
    /// What earlier parts counted.
    before: Counts,
    max_errors: Option<u64>,
}

impl<'a> Parts<'a> {
    /// Goes on after the parts that are finished.
    pub fn after(
        finished: &[PartRecord],
        (work, plan): (&'a Work, &'a Plan),
        (schema, options): (&SchemaRef, SinkOptions),
        max_errors: Option<u64>,
    ) -> Result<Self, RecodeError> {
        let layout = plan.partition_by.as_ref().map(|column| Layout::new(column, schema)).transpose()?;
        let schema = file_schema(plan, schema)?;
        let mut before = Counts::default();
        finished.iter().for_each(|part| before.add(&part.counts));
        let end = finished.last().map_or_else(Place::default, |part| part.end);
        Ok(Self {
            work,
            plan,
            options,
            schema,
            layout,
            number: finished.len() as u64 + 1,
            open: BTreeMap::new(),
            errors: None,
            counts: Counts::default(),
            end,
            before,
            max_errors,
        })
    }

    /// Writes the rows of a chunk.
    pub fn write(&mut self, written: &Written) -> Result<(), RecodeError> {
        let Written { coded, numbers, unreadable, end } = written;
        match &self.layout {
            None => self.write_rows(None, &coded.rows)?,
            Some(layout) => {
                for (folder, rows) in layout.split(&coded.rows)? {
                    self.write_rows(Some(folder), &rows)?;
                }
            }
        }
        let last_error = self.write_errors(coded, numbers, unreadable, end.input)?;
        written.count(&mut self.counts);
        self.end = *end;
        self.check_errors(last_error)?;
        if self.counts.rows >= self.plan.part_rows {
            self.finish_part(false)?;
        }
        Ok(())
    }

    /// Finishes the last part. One that is empty is noted all the same: nothing comes after it.
    pub fn finish(mut self) -> Result<(), RecodeError> {
        self.finish_part(true)
    }

    fn write_rows(&mut self, folder: Option<String>, rows: &RecordBatch) -> Result<(), RecodeError> {
        if !self.open.contains_key(&folder) {
            let place = self.open.len();
            let extension = extension(self.plan.format, self.plan.compression);
            let name = match &folder {
                None => format!("{}.{extension}", part_name(self.number)),
                Some(_) => format!("{}-{place:04}.{extension}", part_name(self.number)),
            };
            let writer = PartWriter::create(&self.work.path(&name), Arc::clone(&self.schema), &self.options)?;
            self.open.insert(folder.clone(), (name, writer));
        }
        match self.open.get_mut(&folder) {
            Some((_, writer)) => Ok(writer.write(rows)?),
            None => Ok(()),
        }
    }

    /// The rows that could not be coded, each with its file, its number and the reason; gives the last of them.
    fn write_errors(
        &mut self,
        coded: &CodedChunk,
        numbers: &[u64],
        unreadable: &[UnreadableRow],
        input: usize,
    ) -> Result<Option<String>, RecodeError> {
        if coded.faults.is_empty() && unreadable.is_empty() {
            return Ok(None);
        }
        let number = |place: usize| numbers.get(place).copied().unwrap_or_default();
        let faults = coded.faults.iter().map(|(place, fault)| (number(*place), fault.code(), fault.to_string()));
        let unread = unreadable.iter().map(|row| (row.row, UNREADABLE, row.reason.clone()));
        let mut all: Vec<(u64, &str, String)> = faults.chain(unread).collect();
        all.sort_by_key(|(row, ..)| *row);
        let file = self.plan.inputs.get(input).map_or("", |input| input.name.as_str());
        let columns: [ArrayRef; 4] = [
            Arc::new(StringArray::from_iter_values(all.iter().map(|_| file))),
            Arc::new(Int64Array::from_iter_values(all.iter().map(|(row, ..)| *row as i64))),
            Arc::new(StringArray::from_iter_values(all.iter().map(|(_, code, _)| code))),
            Arc::new(StringArray::from_iter_values(all.iter().map(|(.., reason)| reason))),
        ];
        let rows = RecordBatch::try_new(errors_schema(), columns.to_vec());
        let rows = rows.map_err(|error| RecodeError::Internal(error.to_string()))?;
        if self.errors.is_none() {
            let name = format!("{}.errors.parquet", part_name(self.number));
            let writer = PartWriter::create(&self.work.path(&name), errors_schema(), &errors_options())?;
            self.errors = Some((name, writer));
        }
        if let Some((_, writer)) = &mut self.errors {
            writer.write(&rows)?;
        }
        Ok(all.last().map(|(row, _, reason)| format!("{file}, row {row}: {reason}")))
    }

    fn check_errors(&self, last: Option<String>) -> Result<(), RecodeError> {
        let found = self.before.failures() + self.counts.failures();
        match self.max_errors.filter(|allowed| found > *allowed) {
            None => Ok(()),
            Some(allowed) => Err(RecodeError::TooManyErrors { found, allowed, last: last.unwrap_or_default() }),
        }
    }

    fn finish_part(&mut self, is_last: bool) -> Result<(), RecodeError> {
        let mut files = Vec::with_capacity(self.open.len());
        for (folder, (name, writer)) in std::mem::take(&mut self.open) {
            files.push(record(name, folder, writer)?);
        }
        let errors = self.errors.take().map(|(name, writer)| record(name, None, writer)).transpose()?;
        let counts = std::mem::take(&mut self.counts);
        self.before.add(&counts);
        self.work.note(&PartRecord { number: self.number, files, errors, end: self.end, is_last, counts })?;
        self.number += 1;
        Ok(())
    }
}

/// The code of a row that could not be read at all.
const UNREADABLE: &str = "unreadable_row";

fn record(name: String, folder: Option<String>, writer: PartWriter) -> Result<FileRecord, RecodeError> {
    let digest = writer.finish()?;
    Ok(FileRecord { name, folder, bytes: digest.bytes, sha256: digest.sha256 })
}

/// The columns of the files, for rows of this schema.
pub fn file_schema(plan: &Plan, rows: &SchemaRef) -> Result<SchemaRef, RecodeError> {
    match &plan.partition_by {
        Some(column) => Ok(Layout::new(column, rows)?.schema),
        None => Ok(Arc::clone(rows)),
    }
}

impl Written {
    /// Adds what is counted of it.
    pub fn count(&self, counts: &mut Counts) {
        counts.add(&self.coded.counts);
        counts.rows += self.unreadable.len() as u64;
        self.unreadable.iter().for_each(|_| counts.failed(UNREADABLE));
    }
}

/// The columns of the rows that could not be coded.
pub fn errors_schema() -> SchemaRef {
    let text = |name: &str| Field::new(name, DataType::Utf8, false);
    Arc::new(Schema::new(vec![text("file"), Field::new("row", DataType::Int64, false), text("code"), text("reason")]))
}

/// How they are written.
pub fn errors_options() -> SinkOptions {
    SinkOptions { format: Format::Parquet, compression: Compression::None, delimiter: None, unrepeated: Vec::new() }
}

/// The extension of the files of a format.
pub fn extension(format: Format, compression: Compression) -> String {
    let format = match format {
        Format::Csv => "csv",
        Format::Tsv => "tsv",
        Format::Ndjson => "ndjson",
        Format::Parquet => return "parquet".to_owned(),
    };
    match compression {
        Compression::None => format.to_owned(),
        Compression::Gzip => format!("{format}.gz"),
        Compression::Zstd => format!("{format}.zst"),
    }
}

/// Folders by the values of a column, as Hive lays them out: `column=value`, the column itself left out of the files.
struct Layout {
    name: String,
    column: usize,
    schema: SchemaRef,
}

/// The folder of rows without a value, by the name that Hive and Spark give it.
const NO_VALUE: &str = "__HIVE_DEFAULT_PARTITION__";

impl Layout {
    fn new(name: &str, schema: &Schema) -> Result<Self, RecodeError> {
        let column = schema.index_of(name).map_err(|_| super::columns::ColumnError::missing(name, schema))?;
        let others = schema.fields().iter().enumerate().filter(|(place, _)| *place != column);
        let schema = Schema::new(others.map(|(_, field)| Arc::clone(field)).collect::<Vec<_>>());
        Ok(Self { name: name.to_owned(), column, schema: Arc::new(schema) })
    }

    /// The rows of each folder.
    fn split(&self, rows: &RecordBatch) -> Result<Vec<(String, RecordBatch)>, RecodeError> {
        let internal = |error: arrow_schema::ArrowError| RecodeError::Internal(error.to_string());
        let mut rest = rows.clone();
        let values = cast(&rest.remove_column(self.column), &DataType::Utf8).map_err(internal)?;
        let mut places: BTreeMap<Option<&str>, Vec<u32>> = BTreeMap::new();
        for (place, value) in (0..).zip(values.as_string::<i32>().iter()) {
            places.entry(value.filter(|value| !value.is_empty())).or_default().push(place);
        }
        let of_value = |(value, places): (Option<&str>, Vec<u32>)| {
            let folder = format!("{}={}", escaped(&self.name), value.map_or_else(|| NO_VALUE.to_owned(), escaped));
            Ok((folder, take_record_batch(&rest, &UInt32Array::from(places)).map_err(internal)?))
        };
        places.into_iter().map(of_value).collect()
    }
}

/// A value as it may stand in the name of a folder: what is not plain is `%` and its bytes, as Hive writes it.
fn escaped(value: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_. ".contains(&byte) || byte >= 0x80;
    // Only ASCII is escaped: characters beyond it stay whole.
    let each = value.chars().map(|character| match u8::try_from(character) {
        Ok(byte) if character.is_ascii() && !plain(byte) => format!("%{byte:02X}"),
        _ => character.to_string(),
    });
    let escaped: String = each.collect();
    if escaped == "." || escaped == ".." { escaped.replace('.', "%2E") } else { escaped }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_go_to_the_folder_of_their_value() {
        let schema =
            Schema::new(vec![Field::new("n", DataType::Int64, false), Field::new("a/b", DataType::Utf8, true)]);
        let layout = Layout::new("a/b", &schema).unwrap();
        let columns: [ArrayRef; 2] = [
            Arc::new(Int64Array::from_iter_values(0..5)),
            Arc::new(StringArray::from(vec![Some("x=1"), None, Some("é"), Some("x=1"), Some("..")])),
        ];
        let rows = RecordBatch::try_new(Arc::new(schema), columns.to_vec()).unwrap();
        let split = layout.split(&rows).unwrap();
        let numbers =
            |rows: &RecordBatch| rows.column(0).as_primitive::<arrow_array::types::Int64Type>().values().to_vec();
        let split: Vec<_> = split.iter().map(|(folder, rows)| (folder.as_str(), numbers(rows))).collect();
        let expected = [
            ("a%2Fb=__HIVE_DEFAULT_PARTITION__", vec![1]),
            ("a%2Fb=%2E%2E", vec![4]),
            ("a%2Fb=x%3D1", vec![0, 3]),
            ("a%2Fb=é", vec![2]),
        ];
        assert_eq!(split, expected);
        assert_eq!(layout.schema.fields().len(), 1);
    }

    #[test]
    fn a_column_that_is_not_there_is_refused() {
        assert!(Layout::new("x", &Schema::empty()).is_err());
    }
}
