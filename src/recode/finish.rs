//! The end of a run: its parts become the output. Every step may be cut off and done again.

use std::fs;
use std::path::{Path, PathBuf};

use arrow_schema::Schema;

use super::bad_rows;
use super::error::RecodeError;
use super::format::Format;
use super::plan::Plan;
use super::records::{FileRecord, PartRecord};
use super::remote::{Buckets, S3_SCHEME};
use super::sink::{SinkOptions, header, join};
use super::summary::{Counts, Summary};
use super::work::{Work, sha256_of};
use crate::registry::directory::sync_folder;

/// What a directory has when it is whole, as Hadoop and Spark know it.
const SUCCESS: &str = "_SUCCESS";
/// Where the rows that could not be coded go, in a directory.
const ERRORS: &str = "_errors.parquet";

/// The end of a run.
pub struct Finish<'a> {
    /// What was to be done.
    pub plan: &'a Plan,
    /// Where the parts are.
    pub work: &'a Work,
    /// Where `s3://` addresses are.
    pub buckets: &'a Buckets,
    /// Where the rows that could not be coded go.
    pub errors: &'a str,
}

/// Whether there is something where an output is to be.
pub fn is_there(output: &str, buckets: &Buckets) -> Result<bool, RecodeError> {
    if output.starts_with(S3_SCHEME) {
        return buckets.is_there(output);
    }
    let path = Path::new(output);
    // An empty directory is a place to write to.
    let empty = || fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none());
    Ok(path.exists() && !empty())
}

/// Where the rows that cannot be coded go, unless told otherwise: beside a file, in a directory.
pub fn errors_beside(output: &str, is_directory: bool) -> String {
    let output = output.trim_end_matches('/');
    if is_directory {
        return format!("{output}/{ERRORS}");
    }
    let endings = [".gz", ".zst", ".csv", ".tsv", ".ndjson", ".jsonl", ".parquet"];
    let stem = endings.iter().fold(output, |stem, ending| stem.strip_suffix(ending).unwrap_or(stem));
    format!("{stem}.errors.parquet")
}

impl Finish<'_> {
    /// Makes the output of the parts; gives what was counted.
    pub fn run(&self, parts: &[PartRecord], schema: &Schema, options: &SinkOptions) -> Result<Summary, RecodeError> {
        let mut counts = Counts::default();
        parts.iter().for_each(|part| counts.add(&part.counts));
        let errors: Vec<&FileRecord> = parts.iter().filter_map(|part| part.errors.as_ref()).collect();
        self.replace(&self.plan.output)?;
        self.replace(self.errors)?;
        if !errors.is_empty() {
            self.one_file(&errors, self.errors, &bad_rows::schema(), &bad_rows::options())?;
        }
        let files: Vec<(u64, &FileRecord)> =
            parts.iter().flat_map(|part| part.files.iter().map(|file| (part.number, file))).collect();
        if self.plan.is_directory {
            self.directory(&files, schema, options)?;
        } else {
            let files: Vec<&FileRecord> = files.into_iter().map(|(_, file)| file).collect();
            self.one_file(&files, &self.plan.output, schema, options)?;
        }
        let errors = (!errors.is_empty()).then(|| self.errors.to_owned());
        // The last may be empty: it only says that nothing comes after it.
        let written = parts.iter().filter(|part| !part.files.is_empty()).count() as u64;
        Ok(Summary::new(self.plan.output.clone(), errors, written, counts))
    }

    /// Makes room: what is there was to be replaced, or is what this run itself left when it was cut off here.
    fn replace(&self, output: &str) -> Result<(), RecodeError> {
        if output.starts_with(S3_SCHEME) {
            return self.replace_objects(output);
        }
        let path = Path::new(output);
        if !path.is_dir() {
            // A file is replaced when the new one has its name; no errors leave no file of them.
            return if output == self.errors { remove(path) } else { Ok(()) };
        }
        for name in [SUCCESS, ERRORS] {
            remove(&path.join(name))?;
        }
        remove_parts(path)
    }

    /// The same in S3: other people's objects beside those of a run stay.
    fn replace_objects(&self, output: &str) -> Result<(), RecodeError> {
        let place = output.trim_end_matches('/');
        for object in self.buckets.list(output)? {
            let Some(below) = object.name.strip_prefix(place) else { continue };
            if below.is_empty() || below.strip_prefix('/').is_some_and(is_of_a_run) {
                self.buckets.delete(&object.name)?;
            }
        }
        Ok(())
    }

    /// One file of all of them.
    fn one_file(
        &self,
        files: &[&FileRecord],
        output: &str,
        schema: &Schema,
        options: &SinkOptions,
    ) -> Result<(), RecodeError> {
        let parts: Vec<PathBuf> = files.iter().map(|file| self.work.path(&file.name)).collect();
        let header = header(schema, options);
        if output.starts_with(S3_SCHEME) {
            let joined = self.work.path("joined");
            join(&header, &parts, &joined, options, schema)?;
            let (sha256, bytes) = sha256_of(&joined).map_err(RecodeError::of_file(&joined))?;
            let record = FileRecord { name: "joined".to_owned(), folder: None, bytes, sha256 };
            return self.buckets.send(&joined, &record, output);
        }
        let path = Path::new(output);
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        if let Some(folder) = folder {
            fs::create_dir_all(folder).map_err(RecodeError::of_file(folder))?;
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let unfinished = path.with_file_name(format!(".{name}.unfinished"));
        let joined = join(&header, &parts, &unfinished, options, schema);
        if let Err(error) = joined {
            // What is half there is of no use, and may be what fills the disk.
            let _ = fs::remove_file(&unfinished);
            return Err(error.into());
        }
        fs::rename(&unfinished, path).map_err(RecodeError::of_file(path))?;
        sync_folder(path).map_err(RecodeError::of_file(path))
    }

    /// A directory of them, in folders if they are laid out so.
    fn directory(
        &self,
        files: &[(u64, &FileRecord)],
        schema: &Schema,
        options: &SinkOptions,
    ) -> Result<(), RecodeError> {
        let extension = self.plan.format.extension(self.plan.compression);
        let output = self.plan.output.trim_end_matches('/');
        for (number, file) in files {
            let folder = file.folder.as_ref().map_or_else(String::new, |folder| format!("/{folder}"));
            self.place(file, &format!("{output}{folder}/part-{number:06}.{extension}"), schema, options)?;
        }
        // A file without rows still says which columns there would be.
        if files.is_empty() {
            self.one_file(&[], &format!("{output}/part-000001.{extension}"), schema, options)?;
        }
        let success = format!("{output}/{SUCCESS}");
        if output.starts_with(S3_SCHEME) {
            let path = self.work.path("success");
            fs::write(&path, b"").map_err(RecodeError::of_file(&path))?;
            let (sha256, bytes) = sha256_of(&path).map_err(RecodeError::of_file(&path))?;
            return self.buckets.send(
                &path,
                &FileRecord { name: "success".to_owned(), folder: None, bytes, sha256 },
                &success,
            );
        }
        fs::write(&success, b"").map_err(RecodeError::of_file(&success))?;
        sync_folder(Path::new(&success)).map_err(RecodeError::of_file(success))
    }

    /// A part as a file of its own.
    fn place(
        &self,
        file: &FileRecord,
        target: &str,
        schema: &Schema,
        options: &SinkOptions,
    ) -> Result<(), RecodeError> {
        // Each of them begins with the names of its columns.
        if matches!(options.format, Format::Csv | Format::Tsv) {
            return self.one_file(&[file], target, schema, options);
        }
        let from = self.work.path(&file.name);
        if target.starts_with(S3_SCHEME) {
            return self.buckets.send(&from, file, target);
        }
        let to = Path::new(target);
        let folder = to.parent().unwrap_or(to);
        fs::create_dir_all(folder).map_err(RecodeError::of_file(folder))?;
        // The part stays in the work place until the run is over: a second name costs nothing where the file system has them.
        if fs::hard_link(&from, to).is_err() {
            fs::copy(&from, to).map_err(RecodeError::of_file(to))?;
        }
        fs::File::open(to).and_then(|file| file.sync_all()).map_err(RecodeError::of_file(to))?;
        sync_folder(to).map_err(RecodeError::of_file(to))
    }
}

/// Whether a path in an output directory is that of something that a run writes there.
fn is_of_a_run(path: &str) -> bool {
    let (folders, name) = path.rsplit_once('/').map_or(("", path), |(folders, name)| (folders, name));
    let in_layout = folders.is_empty() || folders.split('/').all(|folder| folder.contains('='));
    in_layout && (is_part(name) || (folders.is_empty() && [SUCCESS, ERRORS].contains(&name)))
}

fn is_part(name: &str) -> bool {
    name.starts_with("part-") && Format::of(name).is_some()
}

fn remove(path: &Path) -> Result<(), RecodeError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(RecodeError::of_file(path)(error)),
        _ => Ok(()),
    }
}

/// Removes the parts that are in a directory, and the folders that are empty without them; other people's files stay.
fn remove_parts(directory: &Path) -> Result<(), RecodeError> {
    let entries = fs::read_dir(directory).map_err(RecodeError::of_file(directory))?;
    for entry in entries {
        let path = entry.map_err(RecodeError::of_file(directory))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && name.contains('=') {
            remove_parts(&path)?;
            // One that holds something else stays.
            let _ = fs::remove_dir(&path);
        } else if is_part(&name) {
            remove(&path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_have_in_a_directory_is_not_of_a_run() {
        for path in ["part-000001.parquet", "_SUCCESS", "_errors.parquet", "nature=10/part-000002.csv.gz"] {
            assert!(is_of_a_run(path), "{path}");
        }
        for path in ["part-1.txt", "notes.csv", "a/part-000001.csv", "nature=10/_SUCCESS", "", "nature=10/x.csv"] {
            assert!(!is_of_a_run(path), "{path}");
        }
    }
}
