//! The work place: a directory beside the output that holds the plan, the parts that are finished, and a record of each. A part
//! counts once its record is there, and its record is written last.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::error::RecodeError;
use super::plan::Plan;
use super::records::PartRecord;
use crate::registry::directory::{each_chunk, sync_folder};

/// Name of the plan.
const PLAN: &str = "run.json";
/// Name of the file that says that a process is at it.
const LOCK: &str = "lock";

/// A work place that is this process's alone.
pub struct Work {
    folder: PathBuf,
    lock: File,
}

impl Work {
    /// Opens a work place, or makes it. Another process that has it open is an error.
    pub fn open(folder: &Path) -> Result<Self, RecodeError> {
        fs::create_dir_all(folder).map_err(RecodeError::of_file(folder))?;
        let path = folder.join(LOCK);
        let open = File::options().create(true).truncate(false).write(true).open(&path);
        let lock = open.map_err(RecodeError::of_file(&path))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { folder: folder.to_owned(), lock }),
            Err(fs::TryLockError::WouldBlock) => Err(RecodeError::InUse(folder.display().to_string())),
            Err(fs::TryLockError::Error(error)) => Err(RecodeError::of_file(path)(error)),
        }
    }

    /// The path of a file in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// How messages name it.
    pub fn name(&self) -> String {
        self.folder.display().to_string()
    }

    /// The plan that was begun here, if one was.
    pub fn plan(&self) -> Result<Option<Plan>, RecodeError> {
        begun(&self.folder)
    }

    /// Forgets what was begun.
    pub fn clear(&self) -> Result<(), RecodeError> {
        let entries = fs::read_dir(&self.folder).map_err(RecodeError::of_file(&self.folder))?;
        for entry in entries {
            let path = entry.map_err(RecodeError::of_file(&self.folder))?.path();
            if path.file_name().is_some_and(|name| name != LOCK) {
                fs::remove_file(&path).map_err(RecodeError::of_file(path))?;
            }
        }
        Ok(())
    }

    /// Begins with this plan.
    pub fn begin(&self, plan: &Plan) -> Result<(), RecodeError> {
        self.write(PLAN, plan)
    }

    /// The parts that are finished, in their order, up to the first that is missing or damaged: what stands after it is removed.
    pub fn finished(&self) -> Result<Vec<PartRecord>, RecodeError> {
        let mut finished: Vec<PartRecord> = Vec::new();
        loop {
            let number = finished.len() as u64 + 1;
            match read::<PartRecord>(&self.path(&record_name(number)))? {
                Some(record) if record.number == number && self.is_whole(&record)? => finished.push(record),
                _ => break,
            }
            if finished.last().is_some_and(|last| last.is_last) {
                break;
            }
        }
        self.sweep(finished.len() as u64)?;
        Ok(finished)
    }

    /// Notes that a part is finished.
    pub fn note(&self, record: &PartRecord) -> Result<(), RecodeError> {
        self.write(&record_name(record.number), record)
    }

    /// Removes the work place.
    pub fn remove(self) -> Result<(), RecodeError> {
        let Self { folder, lock } = self;
        // The plan goes first: a run that is cut here begins anew rather than with half of its parts.
        for name in [PLAN, LOCK] {
            match fs::remove_file(folder.join(name)) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(RecodeError::of_file(folder)(error));
                }
                _ => {}
            }
        }
        drop(lock);
        fs::remove_dir_all(&folder).map_err(RecodeError::of_file(folder))
    }

    /// Whether the files of a part are what they were.
    fn is_whole(&self, record: &PartRecord) -> Result<bool, RecodeError> {
        for file in record.files.iter().chain(&record.errors) {
            let path = self.path(&file.name);
            let found = match sha256_of(&path) {
                Ok(found) => found,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
                Err(error) => return Err(RecodeError::of_file(path)(error)),
            };
            if found != (file.sha256.clone(), file.bytes) {
                tracing::warn!(file = %path.display(), "a finished part is damaged: it is made again");
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Removes the parts after this one: records first, so that none speaks of files that are gone.
    fn sweep(&self, last: u64) -> Result<(), RecodeError> {
        let entries = fs::read_dir(&self.folder).map_err(RecodeError::of_file(&self.folder))?;
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut later: Vec<String> = names.filter(|name| number_of(name).is_some_and(|number| number > last)).collect();
        later.sort_by_key(|name| !name.ends_with(RECORD));
        for name in later {
            let path = self.path(&name);
            fs::remove_file(&path).map_err(RecodeError::of_file(path))?;
        }
        Ok(())
    }

    /// Writes a file that is there whole or not at all, whatever happens.
    fn write(&self, name: &str, value: &impl Serialize) -> Result<(), RecodeError> {
        let path = self.path(name);
        let write = || {
            let mut file = tempfile::Builder::new().prefix(".").tempfile_in(&self.folder)?;
            file.write_all(serde_json::to_string(value).map_err(std::io::Error::other)?.as_bytes())?;
            file.as_file().sync_all()?;
            file.persist(&path).map_err(|error| error.error)?;
            sync_folder(&path)
        };
        write().map_err(RecodeError::of_file(&path))
    }
}

/// The plan that was begun in a work place, whoever has it open.
pub fn begun(folder: &Path) -> Result<Option<Plan>, RecodeError> {
    read(&folder.join(PLAN))
}

const RECORD: &str = ".json";

/// The name of a file of a part, without its extension.
pub fn part_name(number: u64) -> String {
    format!("part-{number:06}")
}

fn record_name(number: u64) -> String {
    format!("{}{RECORD}", part_name(number))
}

/// The part that a file belongs to.
fn number_of(name: &str) -> Option<u64> {
    let digits = name.strip_prefix("part-")?;
    let end = digits.find(|character: char| !character.is_ascii_digit()).unwrap_or(digits.len());
    digits.get(..end)?.parse().ok()
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, RecodeError> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(RecodeError::of_file(path)(error)),
    };
    let damaged = |error: serde_json::Error| RecodeError::File {
        path: path.to_owned(),
        reason: format!("it is not what codif wrote ({error}): begin anew with --restart"),
    };
    serde_json::from_slice(&bytes).map(Some).map_err(damaged)
}

/// Digest and size of a file.
pub fn sha256_of(path: &Path) -> std::io::Result<(String, u64)> {
    let (mut hash, mut bytes) = (Sha256::new(), 0);
    each_chunk(&mut File::open(path)?, &mut |chunk| {
        hash.update(chunk);
        bytes += chunk.len() as u64;
        Ok(())
    })?;
    Ok((hex::encode(hash.finalize()), bytes))
}

#[cfg(test)]
mod tests {
    use super::super::records::{FileRecord, Place};
    use super::super::source::Position;
    use super::super::summary::Counts;
    use super::*;

    fn part(work: &Work, number: u64, is_last: bool) -> PartRecord {
        let name = format!("{}.csv", part_name(number));
        fs::write(work.path(&name), format!("{number}")).unwrap();
        let (sha256, bytes) = sha256_of(&work.path(&name)).unwrap();
        let files = vec![FileRecord { name, folder: None, bytes, sha256 }];
        let end = Place { input: 0, position: Position { row: number, byte: 0 } };
        let record = PartRecord { number, files, errors: None, end, is_last, counts: Counts::default() };
        work.note(&record).unwrap();
        record
    }

    #[test]
    fn finished_parts_are_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let work = Work::open(folder.path()).unwrap();
        assert_eq!((work.plan().unwrap(), work.finished().unwrap()), (None, vec![]));
        let parts = [part(&work, 1, false), part(&work, 2, false), part(&work, 3, true)];
        fs::write(work.path("part-000004.csv"), "torn").unwrap();
        assert_eq!(work.finished().unwrap(), parts);
        assert!(!work.path("part-000004.csv").exists(), "what is after the last is removed");
    }

    #[test]
    fn a_damaged_part_and_those_after_it_are_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let work = Work::open(folder.path()).unwrap();
        let first = part(&work, 1, false);
        part(&work, 2, false);
        part(&work, 3, true);
        fs::write(work.path("part-000002.csv"), "9").unwrap();
        assert_eq!(work.finished().unwrap(), [first]);
        let mut left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["lock", "part-000001.csv", "part-000001.json"]);
    }

    #[test]
    fn a_record_that_codif_did_not_write_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let work = Work::open(folder.path()).unwrap();
        fs::write(work.path("part-000001.json"), "{").unwrap();
        let error = work.finished().unwrap_err().to_string();
        assert!(error.contains("part-000001.json") && error.contains("--restart"), "{error}");
        work.clear().unwrap();
        assert_eq!(work.finished().unwrap(), []);
    }

    #[test]
    fn one_process_has_a_work_place() {
        let folder = tempfile::tempdir().unwrap();
        let work = Work::open(folder.path()).unwrap();
        assert!(matches!(Work::open(folder.path()), Err(RecodeError::InUse(_))));
        work.remove().unwrap();
        assert!(!folder.path().exists());
    }
}
