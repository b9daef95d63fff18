//! Reading, replacing and locking private files. Everything here blocks.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use fs4::{FileExt, TryLockError};

use super::{Sealed, StoreError};

/// No entry is larger.
const LARGEST: u64 = 1 << 20;

/// A private file's bytes; `None` if it does not exist.
pub(in crate::store) fn read(path: &Path) -> Result<Option<Sealed>, StoreError> {
    let Some(file) = open(path, OpenOptions::new().read(true))? else { return Ok(None) };
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(|error| unusable(path, "cannot be read", &error))?;
    let bytes = Sealed::new(bytes);
    if bytes.expose().len() as u64 > LARGEST {
        return Err(StoreError::new(named(path), "is larger than any token", "move it away, then log in again"));
    }
    Ok(Some(bytes))
}

/// Replaces a file: a new one is written to the disk, then takes the old one's name. Whoever crashes in between leaves
/// the old one.
pub(in crate::store) fn write(path: &Path, bytes: &Sealed) -> Result<(), StoreError> {
    let fail = |error: io::Error| unusable(path, "cannot be written", &error);
    let draft = path.with_extension(format!("{}.draft", uuid::Uuid::new_v4().simple()));
    let written = private(OpenOptions::new().write(true).create_new(true)).open(&draft).and_then(|mut file| {
        file.write_all(bytes.expose())?;
        file.sync_all()?;
        fs::rename(&draft, path)
    });
    if let Err(error) = written {
        // A draft that cannot be removed does no harm: it is private, and nobody reads it.
        let _ = fs::remove_file(&draft);
        return Err(fail(error));
    }
    settle(path).map_err(fail)
}

/// Removes a file, if it is there.
pub(in crate::store) fn remove(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(unusable(path, "cannot be removed", &error)),
        Ok(()) => settle(path).map_err(|error| unusable(path, "cannot be removed", &error)),
    }
}

/// A lock on a file of its own, until it is dropped.
#[derive(Debug)]
pub(in crate::store) struct Guard(File);

impl Drop for Guard {
    fn drop(&mut self) {
        // Said, and not left to the closing of the file: a forked child may hold a copy of the handle open (E7).
        let _ = FileExt::unlock(&self.0);
    }
}

/// Waits for a lock that is held for short.
pub(in crate::store) fn lock(path: &Path) -> Result<Guard, StoreError> {
    let file = lock_file(path)?;
    FileExt::lock(&file).map_err(|error| unusable(path, "cannot be locked", &error))?;
    Ok(Guard(file))
}

/// A lock, if nobody holds it.
pub(in crate::store) fn try_lock(path: &Path) -> Result<Option<Guard>, StoreError> {
    let file = lock_file(path)?;
    match FileExt::try_lock(&file) {
        Ok(()) => Ok(Some(Guard(file))),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(unusable(path, "cannot be locked", &error)),
    }
}

/// Opens a lock file, made where there is none. It is never removed: whoever waits for it has it open.
fn lock_file(path: &Path) -> Result<File, StoreError> {
    if let Some(parent) = path.parent() {
        make_folder(parent)?;
    }
    let fail = |error: io::Error| unusable(path, "cannot be made", &error);
    if let Some(file) = open(path, OpenOptions::new().read(true).write(true))? {
        return Ok(file);
    }
    match private(OpenOptions::new().read(true).write(true).create_new(true)).open(path) {
        Ok(file) => Ok(file),
        // Another process was faster.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            open(path, OpenOptions::new().read(true).write(true))?.ok_or_else(|| fail(error))
        }
        Err(error) => Err(fail(error)),
    }
}

/// Opens a file that must be this user's own; `None` if it does not exist. What was opened is looked at, and not its
/// name, which may stand for another file by then.
fn open(path: &Path, options: &mut OpenOptions) -> Result<Option<File>, StoreError> {
    let odd = || {
        let remedy = "replace it by a file of your own, or move it away and log in again";
        StoreError::new(named(path), "is not a plain file", remedy)
    };
    let file = match unlinked(options).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(_) if fs::symlink_metadata(path).is_ok_and(|found| !found.is_file()) => return Err(odd()),
        Err(error) => return Err(unusable(path, "cannot be opened", &error)),
    };
    let found = file.metadata().map_err(|error| unusable(path, "cannot be read", &error))?;
    if !found.is_file() {
        return Err(odd());
    }
    ensure_private(path, &found)?;
    Ok(Some(file))
}

/// Neither follows a symbolic link nor waits for the other end of a pipe.
#[cfg(unix)]
fn unlinked(options: &mut OpenOptions) -> &mut OpenOptions {
    use std::os::unix::fs::OpenOptionsExt as _;

    use rustix::fs::OFlags;

    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    options.custom_flags(i32::try_from(flags.bits()).unwrap_or_default())
}

#[cfg(not(unix))]
fn unlinked(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

#[cfg(unix)]
fn ensure_private(path: &Path, found: &Metadata) -> Result<(), StoreError> {
    use std::os::unix::fs::MetadataExt as _;

    let mode = found.mode() & 0o777;
    if mode & 0o077 == 0 {
        return Ok(());
    }
    let problem = format!("can be read or written by others (mode {mode:03o})");
    let remedy = format!("run `chmod 600 {}`, and log in again if it is not yours alone", path.display());
    Err(StoreError::new(named(path), problem, remedy))
}

#[cfg(not(unix))]
fn ensure_private(_: &Path, _: &Metadata) -> Result<(), StoreError> {
    Ok(())
}

#[cfg(unix)]
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    use std::os::unix::fs::OpenOptionsExt as _;
    options.mode(0o600)
}

#[cfg(not(unix))]
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

pub(in crate::store) fn make_folder(folder: &Path) -> Result<(), StoreError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.create(folder).map_err(|error| {
        let place = format!("the folder of tokens {}", folder.display());
        StoreError::new(place, format!("cannot be made: {error}"), "set BITTING_CONFIG_DIR to a folder of your own")
    })
}

/// Puts a new name on the disk, not only the file that it stands for.
#[cfg(unix)]
fn settle(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

#[cfg(not(unix))]
fn settle(_: &Path) -> io::Result<()> {
    Ok(())
}

fn named(path: &Path) -> String {
    format!("the token file {}", path.display())
}

fn unusable(path: &Path, what: &str, error: &io::Error) -> StoreError {
    let remedy = "check who owns the file and its folder, and that the disk has room";
    StoreError::new(named(path), format!("{what}: {error}"), remedy)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// E7: a lock ends when its holder drops it, also while a forked child still has the handle.
    #[test]
    fn a_lock_ends_in_spite_of_copies() {
        let folder = tempfile::TempDir::new().expect("a folder");
        let path = folder.path().join("lease");
        let guard = try_lock(&path).expect("a file").expect("a lock");
        // What a fork leaves in the child: another handle of the same open file.
        let copy = guard.0.try_clone().expect("a handle");
        assert!(try_lock(&path).expect("a file").is_none());
        drop(guard);
        assert!(try_lock(&path).expect("a file").is_some());
        drop(copy);
    }
}
