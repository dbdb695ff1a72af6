//! CSV and TSV: every column is text, null where it is empty. The csv crate cuts the rows, we count their columns.

use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use csv::{ErrorKind, StringRecord};

use super::bounded_records::BoundedRecords;
use super::decompression::{self, Bytes};
use super::header::Header;
use super::{
    Chunk, MOST_CHUNK_BYTES, MOST_ROW_BYTES, Position, Rows, SourceError, SourceFile, SourceOptions, UnreadableRow,
};

/// An open CSV or TSV file.
pub(super) struct CsvRows {
    file: String,
    schema: SchemaRef,
    reader: csv::Reader<BoundedRecords<Bytes>>,
    record: StringRecord,
    columns: Vec<StringBuilder>,
    /// The byte where the reader began.
    beginning: u64,
    at: Position,
}

/// What stands where a row should be.
enum Next {
    Row,
    Unreadable(String),
    End,
}

impl CsvRows {
    pub(super) fn open(file: &SourceFile, options: &SourceOptions, at: Position) -> Result<Self, SourceError> {
        let header = Header::read(file, options)?;
        let at = Position { row: at.row, byte: at.byte.max(header.end) };
        let fields: Vec<Field> = header.names.iter().map(|name| Field::new(name, DataType::Utf8, true)).collect();
        let columns = fields.iter().map(|_| StringBuilder::with_capacity(0, 0)).collect();
        Ok(Self {
            file: file.name.clone(),
            schema: Arc::new(Schema::new(fields)),
            reader: header.dialect.reader(decompression::open(file, at)?),
            record: StringRecord::new(),
            columns,
            beginning: at.byte,
            at,
        })
    }

    /// Reads the next row into `record`.
    fn read_record(&mut self) -> Result<Next, SourceError> {
        let row = self.at.row + 1;
        let read = self.reader.read_record(&mut self.record);
        let read_bytes = self.reader.position().byte();
        let bytes = self.reader.get_mut();
        let end = self.beginning + read_bytes.min(bytes.handed_on());
        let too_long = bytes.is_too_long() || end - self.at.byte > MOST_ROW_BYTES;
        let unclosed = bytes.is_past_the_end();
        bytes.end_record();
        if matches!(read, Ok(false)) {
            return Ok(Next::End);
        }
        if too_long {
            return Err(self.wrong(row, "it is longer than 1 MiB: a quote in it may not be closed"));
        }
        if unclosed {
            return Err(self.wrong(row, "a quote in it is not closed before the end of the file"));
        }
        let found = match read.map_err(csv::Error::into_kind) {
            Ok(_) => self.counted(),
            Err(ErrorKind::Utf8 { err, .. }) => {
                let column = self.schema.fields().get(err.field()).map_or("", |field| field.name().as_str());
                Next::Unreadable(format!("its column {column} is not valid UTF-8: save the file as UTF-8"))
            }
            Err(ErrorKind::Io(cause)) => {
                return Err(SourceError::Unreadable { file: self.file.clone(), row: self.at.row, cause });
            }
            Err(other) => return Err(self.wrong(row, &format!("{other:?}"))),
        };
        self.at = Position { row, byte: end };
        Ok(found)
    }

    fn counted(&self) -> Next {
        let (found, named) = (self.record.len(), self.schema.fields().len());
        if found == named {
            return Next::Row;
        }
        Next::Unreadable(format!("it has {found} columns, the first line names {named}"))
    }

    fn wrong(&self, row: u64, reason: &str) -> SourceError {
        SourceError::Row { file: self.file.clone(), row, reason: reason.to_owned() }
    }
}

impl Rows for CsvRows {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn next(&mut self, most: usize) -> Result<Option<Chunk>, SourceError> {
        let begin = self.at;
        let mut numbers = Vec::new();
        let mut unreadable = Vec::new();
        while self.at.row - begin.row < most as u64 && self.at.byte - begin.byte < MOST_CHUNK_BYTES {
            match self.read_record()? {
                Next::Row => {
                    numbers.push(self.at.row);
                    for (column, cell) in self.columns.iter_mut().zip(&self.record) {
                        match cell {
                            "" => column.append_null(),
                            cell => column.append_value(cell),
                        }
                    }
                }
                Next::Unreadable(reason) => unreadable.push(UnreadableRow { row: self.at.row, reason }),
                Next::End => break,
            }
        }
        if self.at.row == begin.row {
            return Ok(None);
        }
        let columns = self.columns.iter_mut().map(|column| Arc::new(column.finish()) as ArrayRef).collect();
        let rows = RecordBatch::try_new(self.schema.clone(), columns)
            .map_err(|error| self.wrong(begin.row + 1, &error.to_string()))?;
        Ok(Some(Chunk { rows, numbers, unreadable, end: self.at }))
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{Sample, compressed};
    use super::super::{Source, SourceOptions};
    use super::*;

    fn columns(sample: &Sample) -> Vec<String> {
        let source = Source::open(&sample.file, &SourceOptions::default(), Position::default()).unwrap();
        source.schema().fields().iter().map(|field| field.name().clone()).collect()
    }

    #[test]
    fn quotes_line_breaks_and_empty_columns_are_read() {
        let sample = Sample::new("rows.csv", b"id,text\r\n1,\"a \"\"b\"\",\r\nc\"\r\n\r\n2,\r\n\"\",x");
        let read = sample.read().unwrap();
        assert_eq!(read.rows, ["1: 1|a \"b\",\r\nc", "2: 2|null", "3: null|x"]);
        assert_eq!(sample.assert_it_resumes(), 3);
    }

    #[test]
    fn a_byte_order_mark_is_skipped_where_the_file_begins_and_nowhere_else() {
        let sample = Sample::new("rows.csv", "\u{feff}id;text\n1;a\n\u{feff}2;b\n".as_bytes());
        assert_eq!(columns(&sample), ["id", "text"]);
        assert_eq!(sample.read().unwrap().rows, ["1: 1|a", "2: \u{feff}2|b"]);
        sample.assert_it_resumes();
    }

    #[test]
    fn the_first_line_tells_the_delimiter() {
        assert_eq!(columns(&Sample::new("rows.csv", b"a;\"b,c,d\";e\n")), ["a", "b,c,d", "e"]);
        assert_eq!(columns(&Sample::new("rows.csv", b"a,b\n;;;;")), ["a", "b"]);
        assert_eq!(columns(&Sample::new("rows.tsv", b"a,b\t\"c\n")), ["a,b", "\"c"]);
        let sample = Sample::new("rows.csv", b"a|b\n1|2\n");
        let options = SourceOptions { delimiter: Some(b'|'), ..SourceOptions::default() };
        let source = Source::open(&sample.file, &options, Position::default()).unwrap();
        assert_eq!(source.schema().fields().len(), 2);
    }

    #[test]
    fn a_header_that_does_not_name_each_column_is_refused() {
        let cases: [(&[u8], &str); 5] = [
            (b"", "it is empty"),
            (b"a,b,a\n1,2,3\n", "\"a\""),
            (b"a,,b\n", "column 2 has no name"),
            (b"a,\"b\n1,2\n", "a quote in it may not be closed"),
            (b"a,\xe9\n", "UTF-8"),
        ];
        for (bytes, reason) in cases {
            let error = Sample::new("rows.csv", bytes).read().unwrap_err().to_string();
            assert!(error.starts_with("rows.csv: ") && error.contains(reason), "{error}");
        }
    }

    #[test]
    fn ragged_rows_and_invalid_utf_8_are_told_and_the_rows_beside_them_kept() {
        let sample = Sample::new("rows.csv", b"id,text\n1,a\n2\n3,\xff\n4,b,c\n5,d\n");
        let read = sample.read().unwrap();
        assert_eq!(read.rows, ["1: 1|a", "5: 5|d"]);
        assert_eq!(
            read.unreadable,
            [
                "2: it has 1 columns, the first line names 2",
                "3: its column text is not valid UTF-8: save the file as UTF-8",
                "4: it has 3 columns, the first line names 2",
            ]
        );
        sample.assert_it_resumes();
    }

    #[test]
    fn a_quote_that_is_not_closed_ends_the_reading_with_its_row() {
        let short = b"id,text\n1,a\n2,\"b\n3,c\n".to_vec();
        let long = [&short[..], &b"4,the lines that the quote swallows\n".repeat(100_000)].concat();
        for (name, bytes) in
            [("rows.csv", short.clone()), ("rows.csv", long.clone()), ("rows.csv.gz", compressed(".gz", &long))]
        {
            let error = Sample::new(name, &bytes).read().unwrap_err().to_string();
            assert!(error.contains("row 2") && error.contains("quote"), "{error}");
        }
    }

    #[test]
    fn a_row_of_one_mebibyte_is_read_and_a_longer_one_is_not() {
        let row = |bytes: usize| [b"text\n1\n".to_vec(), vec![b'x'; bytes - 1], b"\n2\n".to_vec()].concat();
        let longest = MOST_ROW_BYTES as usize;
        assert_eq!(Sample::new("rows.csv", &row(longest)).read().unwrap().rows.len(), 3);
        let error = Sample::new("rows.csv", &row(longest + 1)).read().unwrap_err().to_string();
        assert!(error.contains("row 2: it is longer than 1 MiB"), "{error}");
    }

    #[test]
    fn a_quote_in_a_tsv_file_is_a_character() {
        let sample = Sample::new("rows.tsv", b"id\ttext\n1\t\"a\n2\t5\" b\n");
        assert_eq!(sample.read().unwrap().rows, ["1: 1|\"a", "2: 2|5\" b"]);
    }

    #[test]
    fn a_chunk_is_handed_out_before_it_grows_too_large() {
        let mut bytes = b"text\n".to_vec();
        for _ in 0..20 {
            bytes.extend(vec![b'x'; 1_000_000]);
            bytes.push(b'\n');
        }
        let sample = Sample::new("rows.csv", &bytes);
        let mut source = Source::open(&sample.file, &SourceOptions::default(), Position::default()).unwrap();
        let chunk = source.next(1_000_000).unwrap().unwrap();
        assert!(chunk.numbers.len() <= 18, "{}", chunk.numbers.len());
    }
}
