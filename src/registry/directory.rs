//! Objects as files below a directory. A file appears whole or not at all, and stays after a power cut.

use std::fs::{self, File};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use super::error::RegistryError;
use super::object::{Condition, LARGEST_SMALL, Listed, Sent, Sink, Tag};
use crate::model::digest::FileDigest;

/// Bytes read at once.
const CHUNK: usize = 256 << 10;
/// How the names of files that are being written begin.
const UNFINISHED: &str = ".unfinished-";
/// How long a file that is being written may take until its writer holds it.
const JUST_MADE: Duration = Duration::from_secs(60);
/// Held while an object is replaced.
const LOCK: &str = ".lock";

/// A directory of objects. Hidden files are none of them.
#[derive(Clone, Debug)]
pub struct Directory {
    root: PathBuf,
}

impl Directory {
    /// The objects below `root`, which must be a directory.
    pub fn open(root: &Path) -> Result<Self, RegistryError> {
        if !root.is_dir() {
            let hint = "give its directory with --registry".to_owned();
            return Err(RegistryError::NoRegistry { place: root.display().to_string(), hint });
        }
        Ok(Self { root: root.to_owned() })
    }

    /// The directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// See [`super::objects::Objects::list`].
    pub fn list(&self, prefix: &str) -> Result<Vec<Listed>, RegistryError> {
        let mut listed = Vec::new();
        walk(&self.root.join(prefix), prefix, &mut listed)?;
        listed.sort_by(|one, other| one.key.cmp(&other.key));
        Ok(listed)
    }

    /// See [`super::objects::Objects::get`].
    pub fn get(&self, key: &str) -> Result<Option<(Vec<u8>, Tag)>, RegistryError> {
        let path = self.root.join(key);
        match read_small(&path) {
            Ok(bytes) => {
                let tag = tag(&bytes);
                Ok(Some((bytes, tag)))
            }
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
            Err(error) => Err(RegistryError::of_file(path)(error)),
        }
    }

    /// See [`super::objects::Objects::download`].
    pub fn download(&self, key: &str, offset: u64, sink: &mut Sink<'_>) -> Result<(), RegistryError> {
        let path = self.root.join(key);
        let mut download = || {
            let mut file = File::open(&path)?;
            file.seek(SeekFrom::Start(offset))?;
            each_chunk(&mut file, sink)
        };
        download().map_err(RegistryError::of_file(&path))
    }

    /// See [`super::objects::Objects::put`].
    pub fn put(&self, key: &str, bytes: &[u8], condition: Condition<'_>) -> Result<(), RegistryError> {
        let path = self.root.join(key);
        let conflict =
            || RegistryError::Conflict { what: path.display().to_string(), hint: "look, then try again".into() };
        let folder = made_folder(&path)?;
        let write = || {
            let mut file = temporary(&folder)?;
            file.write_all(bytes)?;
            Ok(file)
        };
        let file = write().map_err(RegistryError::of_file(&path))?;
        let held = match condition {
            Condition::Absent => keep(file, &path).map_err(RegistryError::of_file(&path))?,
            Condition::Unchanged(expected) => {
                let _lock = lock(&folder.join(LOCK)).map_err(RegistryError::of_file(&path))?;
                let unchanged = self.get(key)?.is_some_and(|(_, tag)| tag == *expected);
                if unchanged {
                    replace(file, &path).map_err(RegistryError::of_file(&path))?;
                }
                unchanged
            }
        };
        if held { Ok(()) } else { Err(conflict()) }
    }

    /// See [`super::objects::Objects::upload`].
    pub fn upload(&self, key: &str, file: &Path, digest: &FileDigest, sent: &Sent<'_>) -> Result<(), RegistryError> {
        let path = self.root.join(key);
        let folder = made_folder(&path)?;
        let copy = || {
            let (mut copy, mut hash) = (temporary(&folder)?, Sha256::new());
            each_chunk(&mut File::open(file)?, &mut |chunk| {
                hash.update(chunk);
                sent(chunk.len() as u64);
                copy.write_all(chunk)
            })?;
            Ok((copy, hex::encode(hash.finalize())))
        };
        let (copy, sha256) = copy().map_err(RegistryError::of_file(&path))?;
        if sha256 != digest.sha256 {
            return Err(RegistryError::Refused(format!("{} changed while it was uploaded", file.display())));
        }
        if keep(copy, &path).map_err(RegistryError::of_file(&path))? {
            return Ok(());
        }
        let there = fs::read(&path).map_err(RegistryError::of_file(&path))?;
        if hex::encode(Sha256::digest(&there)) == digest.sha256 {
            return Ok(());
        }
        let hint = "other bytes are there already, and a version never changes".to_owned();
        Err(RegistryError::Conflict { what: path.display().to_string(), hint })
    }

    /// See [`super::objects::Objects::delete`].
    pub fn delete(&self, key: &str) -> Result<(), RegistryError> {
        let path = self.root.join(key);
        match fs::remove_file(&path) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(RegistryError::of_file(path)(error)),
        }
    }
}

/// The state of a file is its content.
fn tag(bytes: &[u8]) -> Tag {
    Tag(hex::encode(Sha256::digest(bytes)))
}

/// The bytes of a file that should be small.
fn read_small(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(LARGEST_SMALL + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST_SMALL {
        return Err(std::io::Error::other("it is too large for what it should be"));
    }
    Ok(bytes)
}

fn walk(folder: &Path, prefix: &str, listed: &mut Vec<Listed>) -> Result<(), RegistryError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(()),
        Err(error) => return Err(RegistryError::of_file(folder)(error)),
    };
    for entry in entries {
        let entry = entry.map_err(RegistryError::of_file(folder))?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        // What is deleted while it is looked at is not there.
        let Ok(metadata) = fs::metadata(entry.path()) else { continue };
        match metadata.is_dir() {
            _ if name.starts_with('.') => {}
            true => walk(&entry.path(), &format!("{prefix}{name}/"), listed)?,
            false => listed.push(Listed { key: format!("{prefix}{name}"), bytes: metadata.len(), tag: None }),
        }
    }
    Ok(())
}

/// Gives the bytes of a reader to a sink.
pub fn each_chunk(reader: &mut impl Read, sink: &mut dyn FnMut(&[u8]) -> std::io::Result<()>) -> std::io::Result<()> {
    let mut chunk = vec![0; CHUNK];
    loop {
        match reader.read(&mut chunk) {
            Ok(0) => return Ok(()),
            Ok(length) => sink(chunk.get(..length).unwrap_or_default())?,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// The folder of a file, made when it is not there.
fn made_folder(path: &Path) -> Result<PathBuf, RegistryError> {
    let folder = path.parent().unwrap_or(path).to_owned();
    fs::create_dir_all(&folder).map_err(RegistryError::of_file(&folder))?;
    sweep(&folder).map_err(RegistryError::of_file(&folder))?;
    Ok(folder)
}

/// Removes what was being written when its writer was killed: files that nobody holds, and that are not just being made.
fn sweep(folder: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if !entry.file_name().to_string_lossy().starts_with(UNFINISHED) || !entry.file_type()?.is_file() {
            continue;
        }
        let Ok(file) = File::open(entry.path()) else { continue };
        let is_old = file.metadata()?.modified()?.elapsed().is_ok_and(|age| age > JUST_MADE);
        if is_old && file.try_lock().is_ok() {
            // Its own name may have been given to it in the meantime.
            let _ = fs::remove_file(entry.path());
        }
    }
    Ok(())
}

/// A hidden file, for every user who may read the registry once it has its name.
fn temporary(folder: &Path) -> std::io::Result<NamedTempFile> {
    let file = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(folder)?;
    file.as_file().lock()?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        file.as_file().set_permissions(fs::Permissions::from_mode(0o644))?;
    }
    Ok(file)
}

/// Gives a file its name unless another has it; whether it could.
fn keep(file: NamedTempFile, path: &Path) -> std::io::Result<bool> {
    file.as_file().sync_all()?;
    match file.persist_noclobber(path) {
        Ok(_) => sync_folder(path).map(|()| true),
        Err(error) if error.error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error.error),
    }
}

/// Gives a file the name of another, at once for every reader.
fn replace(file: NamedTempFile, path: &Path) -> std::io::Result<()> {
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    sync_folder(path)
}

/// How the names of what is being removed begin.
pub const REMOVED: &str = ".removed-";

/// Removes a directory so that it is there whole or not at all: it loses its name first. One that is not there is no error.
pub fn remove_at_once(directory: &Path) -> std::io::Result<()> {
    let beside = directory.parent().unwrap_or(directory);
    let removed = tempfile::Builder::new().prefix(REMOVED).tempdir_in(beside)?;
    match fs::rename(directory, removed.path().join("version")) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => removed.close(),
    }
}

/// A name is safe from a power cut when its folder is.
pub fn sync_folder(path: &Path) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(path);
    // That of a plain name is the one codif runs in.
    File::open(if folder.as_os_str().is_empty() { Path::new(".") } else { folder })?.sync_all()
}

/// Waits until nobody else holds the lock, which is let go when dropped or when the process ends.
pub fn lock(path: &Path) -> std::io::Result<File> {
    let file = File::options().create(true).truncate(false).write(true).open(path)?;
    file.lock()?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_are_conditional() {
        let folder = tempfile::tempdir().unwrap();
        let directory = Directory::open(folder.path()).unwrap();
        directory.put("a/b", b"1", Condition::Absent).unwrap();
        assert!(matches!(directory.put("a/b", b"2", Condition::Absent), Err(RegistryError::Conflict { .. })));
        let (_, first) = directory.get("a/b").unwrap().unwrap();
        directory.put("a/b", b"2", Condition::Unchanged(&first)).unwrap();
        let late = directory.put("a/b", b"3", Condition::Unchanged(&first));
        assert!(matches!(late, Err(RegistryError::Conflict { .. })));
        assert_eq!(directory.get("a/b").unwrap().unwrap().0, b"2");
        assert_eq!(directory.list("").unwrap(), [Listed { key: "a/b".into(), bytes: 1, tag: None }]);
        assert_eq!(directory.list("a/").unwrap().len(), 1);
        directory.delete("a/b").unwrap();
        directory.delete("a/b").unwrap();
        assert_eq!((directory.get("a/b").unwrap(), directory.list("").unwrap()), (None, vec![]));
    }

    #[test]
    fn an_upload_is_never_mixed_with_another() {
        let folder = tempfile::tempdir().unwrap();
        let directory = Directory::open(folder.path()).unwrap();
        let file = folder.path().join("file");
        let digest = |bytes: &[u8]| FileDigest { sha256: tag(bytes).0, bytes: bytes.len() as u64 };
        for _ in 0..2 {
            fs::write(&file, "one").unwrap();
            directory.upload("v/file", &file, &digest(b"one"), &|_| ()).unwrap();
        }
        let changed = directory.upload("v/other", &file, &digest(b"two"), &|_| ());
        assert!(matches!(changed, Err(RegistryError::Refused(_))));
        fs::write(&file, "two").unwrap();
        let other = directory.upload("v/file", &file, &digest(b"two"), &|_| ());
        assert!(matches!(other, Err(RegistryError::Conflict { .. })));
        assert_eq!(fs::read(folder.path().join("v/file")).unwrap(), b"one");
    }

    #[test]
    fn a_directory_that_is_removed_has_lost_its_name_first() {
        let folder = tempfile::tempdir().unwrap();
        let version = folder.path().join("1");
        fs::create_dir(&version).unwrap();
        fs::write(version.join("file"), "1").unwrap();
        remove_at_once(&version).unwrap();
        remove_at_once(&version).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
