//! From what a command line names to the files it means: paths, directories, globs, `s3://` addresses with `*` or a `/` at the end.

use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use super::error::RecodeError;
use super::format::{Compression, Format};
use super::plan::Input;
use super::remote::{Buckets, S3_SCHEME};

/// Refuses an output, or a file of bad rows, that is an input.
pub fn check_apart(inputs: &[Input], outputs: &[&str]) -> Result<(), RecodeError> {
    let real = |path: &str| std::fs::canonicalize(path).ok();
    let is_same = |input: &str, output: &str| {
        let below = input.strip_prefix(output.trim_end_matches('/'));
        let is_below = below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        is_below || real(input).is_some_and(|input| real(output).is_some_and(|output| input.starts_with(output)))
    };
    let of_outputs = |input: &&Input| outputs.iter().any(|output| is_same(&input.name, output));
    match inputs.iter().find(of_outputs) {
        Some(input) => Err(RecodeError::NoInput(format!("{} is an input: name another output", input.name))),
        None => Ok(()),
    }
}

/// What the format of the inputs is, where their names are not to be asked.
#[derive(Clone, Copy, Debug, Default)]
pub struct Forced(pub Option<Format>);

/// The files that are meant, in the order named; those of a directory or a glob in the order of their names.
pub fn inputs(named: &[String], forced: Forced, buckets: &Buckets) -> Result<Vec<Input>, RecodeError> {
    let mut found = Vec::new();
    for name in named {
        let some = if name.starts_with(S3_SCHEME) { remote(name, forced, buckets)? } else { local(name, forced)? };
        if some.is_empty() {
            return Err(RecodeError::NoInput(format!("{name}: no file of a format that codif reads ({KNOWN})")));
        }
        found.extend(some);
        if found.len() > MOST_FILES {
            return Err(RecodeError::NoInput(format!(
                "{name}: more than {MOST_FILES} files: code them in several runs"
            )));
        }
    }
    let mut names: Vec<&str> = found.iter().map(|input| input.name.as_str()).collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair.first() == pair.last()) {
        Some(twice) => Err(RecodeError::NoInput(format!("{} is named twice", twice.join(" = ")))),
        None => Ok(found),
    }
}

const KNOWN: &str =
    ".csv, .tsv, .ndjson, .jsonl, also .gz or .zst, and .parquet; --input-format says which where the name does not";
/// What of it is advice for the command line.
pub const OR_SAY: &str = "; --input-format says which where the name does not";
/// Most files of a run.
const MOST_FILES: usize = 1_000_000;

impl Forced {
    /// The format of a file, by its name unless that is not to be asked.
    fn of(self, name: &str) -> Option<(Format, Compression)> {
        let Some(format) = self.0 else { return Format::of(name) };
        let compression = match name.rsplit_once('.').map(|(_, extension)| extension) {
            _ if format == Format::Parquet => Compression::None,
            Some("gz") => Compression::Gzip,
            Some("zst") => Compression::Zstd,
            _ => Compression::None,
        };
        Some((format, compression))
    }
}

fn local(name: &str, forced: Forced) -> Result<Vec<Input>, RecodeError> {
    let path = Path::new(name);
    if path.is_dir() {
        return walk(path, forced);
    }
    if path.exists() || !name.contains(['*', '?', '[']) {
        return Ok(vec![file(path, forced.of(name))?]);
    }
    let refused = |reason: String| RecodeError::NoInput(format!("{name}: {reason}"));
    let mut paths: Vec<PathBuf> = glob::glob(name)
        .map_err(|error| refused(error.to_string()))?
        .collect::<Result<_, _>>()
        .map_err(|error| refused(error.to_string()))?;
    paths.sort();
    let mut found = Vec::new();
    for path in paths {
        let is_hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(['.', '_']));
        match forced.of(&path.to_string_lossy()) {
            _ if is_hidden => {}
            _ if path.is_dir() => found.extend(walk(&path, forced)?),
            Some(format) => found.push(file(&path, Some(format))?),
            None => {}
        }
    }
    Ok(found)
}

/// The files of a known format below a directory; hidden ones and those that begin with `_` are others' own.
fn walk(directory: &Path, forced: Forced) -> Result<Vec<Input>, RecodeError> {
    let entries = std::fs::read_dir(directory).map_err(RecodeError::of_file(directory))?;
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()
        .map_err(RecodeError::of_file(directory))?;
    paths.sort();
    let mut found = Vec::new();
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        match forced.of(&name) {
            _ if name.starts_with(['.', '_']) => {}
            _ if path.is_dir() => found.extend(walk(&path, forced)?),
            Some(format) => found.push(file(&path, Some(format))?),
            None => {}
        }
    }
    Ok(found)
}

/// A file and the state it is in.
fn file(path: &Path, format: Option<(Format, Compression)>) -> Result<Input, RecodeError> {
    let metadata = std::fs::metadata(path).map_err(RecodeError::of_file(path))?;
    let unknown = || RecodeError::NoInput(format!("{}: its name says no format ({KNOWN})", path.display()));
    let (format, compression) = format.ok_or_else(unknown)?;
    if !metadata.is_file() {
        return Err(RecodeError::NoInput(format!(
            "{}: it is no file, and a run reads its input more than once",
            path.display()
        )));
    }
    let (bytes, state) = state(path)?;
    Ok(Input { name: path.to_string_lossy().into_owned(), format, compression, bytes, state })
}

/// Size of a file, and when it was changed last.
pub fn state(path: &Path) -> Result<(u64, String), RecodeError> {
    let metadata = std::fs::metadata(path).map_err(RecodeError::of_file(path))?;
    let changed = metadata.modified().map_err(RecodeError::of_file(path))?;
    Ok((metadata.len(), changed.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos().to_string()))
}

fn remote(name: &str, forced: Forced, buckets: &Buckets) -> Result<Vec<Input>, RecodeError> {
    let objects = buckets.list(name)?;
    let inputs = objects.into_iter().filter_map(|object| {
        let hidden = object.name.rsplit('/').next().is_some_and(|name| name.starts_with(['.', '_']));
        let (format, compression) = forced.of(&object.name).filter(|_| !hidden)?;
        Some(Input { name: object.name, format, compression, bytes: object.bytes, state: object.state })
    });
    Ok(inputs.collect())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn names(named: &[&str], folder: &Path) -> Result<Vec<String>, String> {
        let named: Vec<String> = named.iter().map(|name| folder.join(name).to_string_lossy().into_owned()).collect();
        let found = inputs(&named, Forced::default(), &Buckets::default()).map_err(|error| error.to_string())?;
        let strip = |input: Input| Path::new(&input.name).strip_prefix(folder).unwrap().to_string_lossy().into_owned();
        Ok(found.into_iter().map(strip).collect())
    }

    #[test]
    fn no_input_is_an_output() {
        let folder = tempfile::tempdir().unwrap();
        let name = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
        fs::create_dir(name("in")).unwrap();
        for file in ["in/a.csv", "b.csv"] {
            fs::write(name(file), "x").unwrap();
        }
        std::os::unix::fs::symlink(name("in"), name("link")).unwrap();
        let found = inputs(&[name("in"), name("b.csv")], Forced::default(), &Buckets::default()).unwrap();
        for output in ["in/a.csv", "in", "in/", "link", "link/a.csv", "b.csv", ""] {
            assert!(check_apart(&found, &["elsewhere", &name(output)]).is_err(), "{output}");
        }
        for output in ["out", "in/b.csv", "i", "b.csv.gz", "b"] {
            assert!(check_apart(&found, &[&name(output)]).is_ok(), "{output}");
        }
        assert!(KNOWN.ends_with(OR_SAY));
    }

    #[test]
    fn files_directories_and_globs_are_found_in_their_order() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.csv", "a.parquet", "c.txt", "d/z.ndjson.gz", "d/y.tsv.zst", "d/_SUCCESS.csv", "d/.x.csv"] {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        assert_eq!(names(&["b.csv", "a.parquet"], folder.path()).unwrap(), ["b.csv", "a.parquet"]);
        assert_eq!(names(&["d"], folder.path()).unwrap(), ["d/y.tsv.zst", "d/z.ndjson.gz"]);
        assert_eq!(names(&["*.*"], folder.path()).unwrap(), ["a.parquet", "b.csv"]);
        assert_eq!(names(&["*"], folder.path()).unwrap(), ["a.parquet", "b.csv", "d/y.tsv.zst", "d/z.ndjson.gz"]);
        for (named, reason) in [
            (&["c.txt"][..], "its name says no format"),
            (&["nothing.csv"], "nothing.csv"),
            (&["x*.csv"], "no file of a format"),
            (&["b.csv", "*.csv"], "named twice"),
        ] {
            let error = names(named, folder.path()).unwrap_err();
            assert!(error.contains(reason), "{error}");
        }
    }

    #[test]
    fn a_file_that_changes_has_another_state() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        fs::write(&path, "x").unwrap();
        let before = file(&path, Format::of("a.csv")).unwrap();
        fs::write(&path, "xy").unwrap();
        assert_ne!(file(&path, Format::of("a.csv")).unwrap(), before);
    }
}
