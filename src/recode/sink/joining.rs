//! Parts made one file, in their order, without reading a row: texts byte after byte, Parquet row group after row
//! group.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_schema::Schema;
use parquet::arrow::{ArrowSchemaConverter, add_encoded_arrow_schema_to_metadata};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::ParquetError;
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::TypePtr;

use super::compressor::Compressor;
use super::parquet::{properties, written};
use super::{BUFFER, Cause, SinkError, SinkFault, SinkOptions, unwritten};
use crate::recode::format::Format;

/// Writes `output` from parts that were written with the same options, and brings it to the disk: its size in bytes.
/// Without parts it is a valid file without rows.
pub fn join(
    header: &[u8],
    parts: &[PathBuf],
    output: &Path,
    options: &SinkOptions,
    schema: &Schema,
) -> Result<u64, SinkError> {
    let file = File::create(output).map_err(|error| unwritten(output, error))?;
    let file = match options.format {
        Format::Parquet => join_row_groups(file, parts, output, options, schema)?,
        Format::Csv | Format::Tsv | Format::Ndjson => join_bytes(file, header, parts, output, options)?,
    };
    let length = file.sync_all().and_then(|()| file.metadata()).map(|metadata| metadata.len());
    length.map_err(|error| unwritten(output, error))
}

/// The header is a member of its own. So is nothing, where there is nothing else: an empty file is no gzip file.
fn join_bytes(
    mut file: File,
    header: &[u8],
    parts: &[PathBuf],
    output: &Path,
    options: &SinkOptions,
) -> Result<File, SinkError> {
    if !header.is_empty() || parts.is_empty() {
        let member = Compressor::new(file, options.compression);
        let ended = member.and_then(|mut member| member.write_all(header).and_then(|()| member.finish()));
        file = ended.map_err(|error| unwritten(output, error))?;
    }
    for part in parts {
        let mut bytes = File::open(part).map_err(|error| unread(part, error))?;
        io::copy(&mut bytes, &mut file).map_err(|error| copying(part, output, error))?;
    }
    Ok(file)
}

fn join_row_groups(
    file: File,
    parts: &[PathBuf],
    output: &Path,
    options: &SinkOptions,
    schema: &Schema,
) -> Result<File, SinkError> {
    let failed = |error: ParquetError| unwritten(output, error);
    // As they were written, that is: types read from a file compare equal with those of another.
    let columns = match parts.first() {
        Some(part) => opened(part)?.1.file_metadata().schema_descr().root_schema_ptr(),
        None => ArrowSchemaConverter::new().convert(schema).map_err(failed)?.root_schema_ptr(),
    };
    let mut writer = empty_file(file, columns, options, schema).map_err(failed)?;
    for part in parts {
        let (bytes, metadata) = opened(part)?;
        append(&bytes, &metadata, &mut writer).map_err(|error| copying(part, output, error))?;
    }
    writer.finish().map_err(failed)?;
    // `finish` has flushed all of it.
    writer.inner().get_ref().try_clone().map_err(|error| unwritten(output, error))
}

fn opened(part: &Path) -> Result<(File, ParquetMetaData), SinkError> {
    let bytes = File::open(part).map_err(|error| unread(part, error))?;
    let reader = ParquetMetaDataReader::new().with_page_index_policy(PageIndexPolicy::Optional);
    let metadata = reader.parse_and_finish(&bytes).map_err(|error| unread(part, error))?;
    Ok((bytes, metadata))
}

type RowGroups = SerializedFileWriter<BufWriter<File>>;

/// A file that tells of arrow's types what its parts tell.
fn empty_file(file: File, columns: TypePtr, options: &SinkOptions, schema: &Schema) -> Result<RowGroups, ParquetError> {
    let schema = written(schema);
    let mut properties = properties(&schema, options)?;
    add_encoded_arrow_schema_to_metadata(&schema, &mut properties);
    SerializedFileWriter::new(BufWriter::with_capacity(BUFFER, file), columns, Arc::new(properties))
}

/// Copies the row groups of a part with what is known of their pages.
fn append(part: &File, metadata: &ParquetMetaData, writer: &mut RowGroups) -> Result<(), ParquetError> {
    let pages = metadata.page_index();
    for (group, row_group) in metadata.row_groups().iter().enumerate() {
        let mut copied = writer.next_row_group()?;
        for (place, column) in row_group.columns().iter().enumerate() {
            let close = ColumnCloseResult {
                bytes_written: column.compressed_size() as u64,
                rows_written: row_group.num_rows() as u64,
                metadata: column.clone(),
                bloom_filter: None,
                column_index: pages.and_then(|pages| pages.column_index(group, place)).cloned(),
                offset_index: pages.and_then(|pages| pages.offset_index(group, place)).cloned(),
            };
            copied.append_column(part, close)?;
        }
        copied.close()?;
    }
    Ok(())
}

fn unread(part: &Path, cause: impl Into<Cause>) -> SinkError {
    SinkError { file: part.to_owned(), fault: SinkFault::Unread(cause.into()) }
}

/// A fault of one of two files: no space left is told as ever, anything else names both.
fn copying(part: &Path, output: &Path, cause: impl Into<Cause>) -> SinkError {
    match unwritten(output, cause) {
        SinkError { file, fault: SinkFault::Unwritten(cause) } => {
            let cause = format!("copying {}: {cause}", part.display());
            SinkError { file, fault: SinkFault::Unwritten(cause.into()) }
        }
        full => full,
    }
}
