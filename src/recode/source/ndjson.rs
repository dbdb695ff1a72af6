//! NDJSON: one object a line, decoded by arrow-json. A line that cannot be used costs nothing to the lines beside it. A
//! blank line has a row number and gives nothing.

use arrow_array::RecordBatch;
use arrow_json::ReaderBuilder;
use arrow_schema::SchemaRef;
use serde::de::IgnoredAny;

use super::lines::{Lines, ReadLine};
use super::{Chunk, MOST_CHUNK_BYTES, Position, Rows, SourceError, SourceFile, UnreadableRow};

mod numbers;
mod schema;

/// How many values a block may have: the decoder reserves memory for all of them.
const MOST_VALUES: usize = 1 << 20;

/// The most lines of a block.
const MOST_LINES: usize = 8_192;

/// A line with more brackets than this is looked at for how deep they go: deep ones cost stack.
const MOST_BRACKETS: usize = 100;

/// The most characters of a reason: arrow-json repeats the value it cannot use.
const MOST_REASON: usize = 300;

/// An open NDJSON file.
pub(super) struct NdjsonRows {
    file: String,
    schema: SchemaRef,
    /// The schema with text in place of numbers, see [`numbers`].
    written: SchemaRef,
    lines: Lines,
    block: Vec<u8>,
    most_lines: usize,
}

/// A line in the block.
#[derive(Clone, Copy)]
struct Line {
    row: u64,
    from: usize,
    to: usize,
}

impl NdjsonRows {
    pub(super) fn open(file: &SourceFile, at: Position) -> Result<Self, SourceError> {
        let schema = schema::infer(file)?;
        let written = numbers::as_text(&schema);
        let most_lines = (MOST_VALUES / schema.flattened_fields().len().max(1)).clamp(1, MOST_LINES);
        let lines = Lines::open(file, at)?;
        Ok(Self { file: file.name.clone(), schema, written, lines, block: Vec::new(), most_lines })
    }

    /// The lines as rows, or why one of them cannot be one.
    fn decode(&self, lines: &[Line]) -> Result<RecordBatch, String> {
        if lines.is_empty() {
            return Ok(RecordBatch::new_empty(self.schema.clone()));
        }
        let mut decoder = ReaderBuilder::new(self.written.clone())
            .with_batch_size(lines.len())
            .with_coerce_primitive(true)
            .with_strict_mode(true)
            .build_decoder()
            .map_err(|error| error.to_string())?;
        for line in lines {
            decoder.decode(self.text(*line)).map_err(|error| error.to_string())?;
        }
        let written = decoder.flush().map_err(|error| error.to_string())?;
        match written {
            Some(written) if written.num_rows() == lines.len() => numbers::read(&written, &self.schema),
            _ => Err("it is not one JSON object".to_owned()),
        }
    }

    /// Halves the lines until those that cannot be rows are found.
    fn sort_out(&self, lines: &[Line], fitting: &mut Vec<Line>, unreadable: &mut Vec<UnreadableRow>) {
        let Err(reason) = self.decode(lines) else {
            return fitting.extend_from_slice(lines);
        };
        match lines {
            [] => {}
            [line] => {
                let reason = reason.chars().take(MOST_REASON).collect();
                unreadable.push(UnreadableRow { row: line.row, reason });
            }
            _ => {
                let (first, second) = lines.split_at(lines.len() / 2);
                self.sort_out(first, fitting, unreadable);
                self.sort_out(second, fitting, unreadable);
            }
        }
    }

    fn text(&self, line: Line) -> &[u8] {
        self.block.get(line.from..line.to).unwrap_or_default()
    }
}

impl Rows for NdjsonRows {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn next(&mut self, most: usize) -> Result<Option<Chunk>, SourceError> {
        let begin = self.lines.at();
        let most = most.min(self.most_lines) as u64;
        let mut lines = Vec::new();
        let mut unreadable = Vec::new();
        self.block.clear();
        while self.lines.at().row - begin.row < most && self.lines.at().byte - begin.byte < MOST_CHUNK_BYTES {
            let from = self.block.len();
            let Some(read) = self.lines.read(&mut self.block)? else { break };
            let line = Line { row: self.lines.at().row, from, to: self.block.len() };
            let reason = match read {
                ReadLine::TooLong => Some("it is longer than 1 MiB".to_owned()),
                ReadLine::Whole if self.text(line).trim_ascii().is_empty() => continue,
                ReadLine::Whole => fault(self.text(line)),
            };
            match reason {
                Some(reason) => unreadable.push(UnreadableRow { row: line.row, reason }),
                None => lines.push(line),
            }
        }
        let end = self.lines.at();
        if end.row == begin.row {
            return Ok(None);
        }
        if self.decode(&lines).is_err() {
            let mut fitting = Vec::with_capacity(lines.len());
            self.sort_out(&lines, &mut fitting, &mut unreadable);
            unreadable.sort_by_key(|unreadable| unreadable.row);
            lines = fitting;
        }
        let rows = self.decode(&lines).map_err(|reason| SourceError::Row {
            file: self.file.clone(),
            row: begin.row + 1,
            reason,
        })?;
        let numbers = lines.iter().map(|line| line.row).collect();
        Ok(Some(Chunk { rows, numbers, unreadable, end }))
    }
}

/// Why a line is no JSON object; arrow-json would overlook some of it.
fn fault(line: &[u8]) -> Option<String> {
    let Ok(text) = std::str::from_utf8(line) else {
        return Some("it is not valid UTF-8: save the file as UTF-8".to_owned());
    };
    if !text.trim_ascii_start().starts_with('{') {
        return Some("it is no JSON object".to_owned());
    }
    let brackets = text.bytes().filter(|byte| matches!(byte, b'{' | b'[')).count();
    let parsed = match brackets {
        0..MOST_BRACKETS => serde_json::from_str::<IgnoredAny>(text).map(drop),
        _ => serde_json::from_str::<serde_json::Value>(text).map(drop),
    };
    parsed.err().map(|error| format!("it is no JSON object: {error}"))
}

#[cfg(test)]
mod tests {
    use super::super::samples::Sample;
    use super::super::{Source, SourceOptions};
    use super::*;

    fn types(sample: &Sample) -> Vec<String> {
        let source = Source::open(&sample.file, &SourceOptions::default(), Position::default()).unwrap();
        source.schema().fields().iter().map(|field| format!("{} {}", field.name(), field.data_type())).collect()
    }

    #[test]
    fn columns_have_the_order_and_the_types_of_the_first_lines() {
        let bytes = [
            "\u{feff}{\"text\":\"a\",\"id\":1,\"mixed\":1,\"none\":null}\r\n\n",
            "{\"surface\":1,\"mixed\":\"x\",\"yes\":true}\n",
            "{\"surface\":2.5,\"id\":2}",
        ];
        let sample = Sample::new("rows.ndjson", bytes.concat().as_bytes());
        assert_eq!(
            types(&sample),
            ["text Utf8", "id Int64", "mixed Utf8", "none Utf8", "surface Float64", "yes Boolean"]
        );
        let read = sample.read().unwrap();
        assert_eq!(
            read.rows,
            ["1: a|1|1|null|null|null", "3: null|null|x|null|1.0|true", "4: null|2|null|null|2.5|null"]
        );
        assert_eq!(read.unreadable, [""; 0]);
        sample.assert_it_resumes();
    }

    #[test]
    fn lists_and_objects_are_kept() {
        let bytes = b"{\"a\":[1,2],\"b\":{\"c\":1.5,\"d\":null}}\n{\"a\":null,\"b\":null}\n";
        let sample = Sample::new("rows.ndjson", bytes);
        assert_eq!(sample.read().unwrap().rows, ["1: [1, 2]|{c: 1.5, d: null}", "2: null|null"]);
    }

    #[test]
    fn lines_that_cannot_be_rows_are_told_and_the_lines_beside_them_kept() {
        let sample = Sample::new(
            "rows.ndjson",
            b"{\"id\":1}\n[1]\n{\"id\":2\n{\"id\":3}{\"id\":4}\n{\"id\" 5}\n{\"id\":\"\xff\"}\nnull\n{\"id\":6}\n",
        );
        let read = sample.read().unwrap();
        assert_eq!(read.rows, ["1: 1", "8: 6"]);
        let rows: Vec<&str> = read.unreadable.iter().filter_map(|told| told.get(..2)).collect();
        assert_eq!(rows, ["2:", "3:", "4:", "5:", "6:", "7:"]);
        sample.assert_it_resumes();
    }

    #[test]
    fn what_the_first_lines_did_not_have_is_unreadable_later() {
        let mut bytes = b"{\"id\":1,\"text\":\"a\"}\n".repeat(2_000);
        for late in ["{\"id\":2,\"new\":1}", "{\"id\":2.5}", "{\"id\":\"012\"}", "{\"id\":[1]}", "{\"text\":7}"] {
            bytes.extend_from_slice(late.as_bytes());
            bytes.push(b'\n');
        }
        let sample = Sample::new("rows.ndjson", &bytes);
        let read = sample.read().unwrap();
        assert_eq!(read.rows.len(), 2_001);
        assert_eq!(read.rows.last().unwrap(), "2005: null|7");
        let told = |row: usize, part: &str| {
            let told = read.unreadable.get(row).unwrap();
            assert!(told.starts_with(&format!("{}: ", 2_001 + row)) && told.contains(part), "{told}");
        };
        told(0, "new");
        told(1, "2.5");
        told(2, "012");
        told(3, "1");
        assert_eq!(read.unreadable.len(), 4);
    }

    #[test]
    fn a_first_line_that_contradicts_the_others_is_the_only_one_lost() {
        let sample = Sample::new("rows.ndjson", b"{\"a\":1}\n{\"a\":{\"b\":1}}\n{\"a\":2}\n");
        let read = sample.read().unwrap();
        assert_eq!(read.rows, ["1: 1", "3: 2"]);
        assert_eq!(read.unreadable.len(), 1);
    }

    #[test]
    fn large_numbers_lose_no_digit() {
        let sample = Sample::new("rows.ndjson", b"{\"a\":18446744073709551615,\"b\":9007199254740993}\n{\"a\":1}\n");
        assert_eq!(sample.read().unwrap().rows, ["1: 18446744073709551615|9007199254740993", "2: 1|null"]);
    }

    #[test]
    fn a_long_line_and_a_deep_one_are_unreadable() {
        let long = [b"{\"a\":\"".to_vec(), vec![b'x'; 2 << 20], b"\"}\n".to_vec()].concat();
        let deep = [b"{\"a\":".to_vec(), vec![b'['; 500_000], vec![b']'; 500_000], b"}\n".to_vec()].concat();
        let bytes = [b"{\"a\":\"1\"}\n".to_vec(), long, deep, b"{\"a\":\"2\"}\n".to_vec()].concat();
        let sample = Sample::new("rows.ndjson", &bytes);
        let read = sample.read().unwrap();
        assert_eq!(read.rows, ["1: 1", "4: 2"]);
        assert!(read.unreadable.first().unwrap().starts_with("2: it is longer than 1 MiB"));
        assert!(read.unreadable.last().unwrap().starts_with("3: it is no JSON object: recursion limit"));
    }

    #[test]
    fn a_file_without_an_object_is_refused() {
        for bytes in [&b""[..], b"\n\n", b"1\n[]\n", b"{}\n"] {
            let error = Sample::new("rows.ndjson", bytes).read().unwrap_err().to_string();
            assert!(error.starts_with("rows.ndjson: "), "{error}");
        }
    }
}
