//! What a file holds and how it is compressed, by the ending of its name.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How rows are written in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// Columns between commas or semicolons, quoted where needed; the first line names them.
    Csv,
    /// Columns between tabs, not quoted; the first line names them.
    Tsv,
    /// One JSON object a line.
    Ndjson,
    /// Apache Parquet.
    Parquet,
}

/// How a whole file is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Compression {
    /// Not at all.
    None,
    /// By gzip, in one member or several.
    Gzip,
    /// By Zstandard, in one frame or several.
    Zstd,
}

impl Format {
    /// The format and the compression that the name of a file tells; `None` where it tells nothing codif reads. Parquet
    /// compresses inside: a compressed Parquet file is refused, because it could not be read from the middle.
    pub fn of(name: &str) -> Option<(Format, Compression)> {
        let name = name.to_ascii_lowercase();
        let (stem, compression) = match name.rsplit_once('.')? {
            (stem, "gz") => (stem, Compression::Gzip),
            (stem, "zst") => (stem, Compression::Zstd),
            _ => (name.as_str(), Compression::None),
        };
        let (_, ending) = stem.rsplit_once('.')?;
        match (ending, compression) {
            ("csv", _) => Some((Format::Csv, compression)),
            ("tsv", _) => Some((Format::Tsv, compression)),
            ("ndjson" | "jsonl", _) => Some((Format::Ndjson, compression)),
            ("parquet", Compression::None) => Some((Format::Parquet, compression)),
            _ => None,
        }
    }

    /// The ending of the names of such files.
    pub fn extension(self, compression: Compression) -> String {
        let format = match self {
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
}

/// What stands between two cells, as people write it: one ASCII character, a tab also as `\t`.
pub fn delimiter(text: &str) -> Option<u8> {
    match text.as_bytes() {
        b"\\t" => Some(b'\t'),
        [byte] if byte.is_ascii() && !b"\"\r\n".contains(byte) => Some(*byte),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ending_of_a_name_tells_format_and_compression() {
        assert_eq!(Format::of("stock.csv"), Some((Format::Csv, Compression::None)));
        assert_eq!(Format::of("s3://bucket/Stock.2026.TSV.GZ"), Some((Format::Tsv, Compression::Gzip)));
        assert_eq!(Format::of("stock.jsonl.zst"), Some((Format::Ndjson, Compression::Zstd)));
        assert_eq!(Format::of("stock.ndjson"), Some((Format::Ndjson, Compression::None)));
        assert_eq!(Format::of("part-0.snappy.parquet"), Some((Format::Parquet, Compression::None)));
    }

    #[test]
    fn a_delimiter_is_one_character() {
        assert_eq!([";", "\\t", "\t", "|"].map(delimiter), [Some(b';'), Some(b'\t'), Some(b'\t'), Some(b'|')]);
        assert!(["", ";;", "é", "\"", "\n"].into_iter().all(|text| delimiter(text).is_none()));
    }

    #[test]
    fn other_names_tell_nothing() {
        for name in ["stock", "stock.gz", "stock.txt", "stock.xlsx", "stock.parquet.gz", "stock.csv.zip", "a.csv/b"] {
            assert_eq!(Format::of(name), None, "{name}");
        }
    }
}
