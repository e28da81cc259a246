//! The little that the journal asks of a disk, so that tests can stand in for one that loses power.
//!
//! INVARIANT: a write is one system call and is in the file, for every reader, when it returns; it is
//! on the medium only after `sync` of the file, and a new name only after `sync_folder`.
//! INVARIANT: files are made readable by their owner alone.
//!
//! Not here: the simulated disk (`testing`).

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::Arc;

/// Names that are read from one folder at most.
pub const FOLDER_NAMES_MAX: usize = 1_000_000;

/// What the journal asks of a disk.
pub trait Disk: std::fmt::Debug + Send + Sync {
    /// Makes a folder and those above it, for the owner alone. Fine if it is there.
    fn create_folder(&self, folder: &Path) -> io::Result<()>;
    /// The names in a folder, unsorted, at most [`FOLDER_NAMES_MAX`]; none if there is no folder.
    fn names(&self, folder: &Path) -> io::Result<Vec<String>>;
    /// Opens a file for appending, making it (mode 0600) if it is not there.
    fn open_append(&self, file: &Path) -> io::Result<Arc<dyn DiskFile>>;
    /// Opens a file for reading while it may still grow.
    fn open_read(&self, file: &Path) -> io::Result<Box<dyn DiskRead>>;
    /// Renames a file within the disk, replacing what has that name.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, file: &Path) -> io::Result<()>;
    /// Overwrites a short file with zeros, syncs it and removes it.
    fn destroy(&self, file: &Path) -> io::Result<()>;
    /// Makes the names in a folder safe against a power cut.
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;
    /// Takes a lock that ends with the process; `WouldBlock` if another has it.
    fn lock(&self, file: &Path) -> io::Result<Box<dyn DiskLock>>;
}

/// A file being appended to.
pub trait DiskFile: Send + Sync {
    /// Writes all bytes at the end. After an error some of them may be there.
    fn append(&self, bytes: &[u8]) -> io::Result<()>;
    /// Cuts the file to a length, in bytes.
    fn truncate(&self, length: u64) -> io::Result<()>;
    /// Makes what was written safe against a power cut (`fdatasync`).
    fn sync(&self) -> io::Result<()>;
}

/// A file being read, perhaps while another process appends to it.
pub trait DiskRead: Send + Sync {
    /// Its length now, in bytes.
    fn length(&self) -> io::Result<u64>;
    /// Reads at an offset; 0 at the end.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
}

/// A lock that is held until dropped.
pub trait DiskLock: Send + Sync {}

/// The files of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealDisk;

struct RealFile(File);
struct RealLock(#[expect(dead_code, reason = "held: closing the file releases the lock")] File);

impl DiskLock for RealLock {}

impl Disk for RealDisk {
    fn create_folder(&self, folder: &Path) -> io::Result<()> {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
    }

    fn names(&self, folder: &Path) -> io::Result<Vec<String>> {
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        bounded(entries.map(|entry| Ok(entry?.file_name())))
    }

    fn open_append(&self, file: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(file)?;
        Ok(Arc::new(RealFile(file)))
    }

    fn open_read(&self, file: &Path) -> io::Result<Box<dyn DiskRead>> {
        Ok(Box::new(RealFile(File::open(file)?)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn remove(&self, file: &Path) -> io::Result<()> {
        std::fs::remove_file(file)
    }

    fn destroy(&self, file: &Path) -> io::Result<()> {
        let open = OpenOptions::new().write(true).open(file)?;
        let length = open.metadata()?.len().min(SMALL_FILE_BYTES_MAX as u64);
        open.write_all_at(&vec![0; length as usize], 0)?;
        open.sync_all()?;
        std::fs::remove_file(file)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        File::open(folder)?.sync_all()
    }

    fn lock(&self, file: &Path) -> io::Result<Box<dyn DiskLock>> {
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(file)?;
        match file.try_lock() {
            Ok(()) => Ok(Box::new(RealLock(file))),
            Err(std::fs::TryLockError::WouldBlock) => Err(io::ErrorKind::WouldBlock.into()),
            Err(std::fs::TryLockError::Error(error)) => Err(error),
        }
    }
}

/// The names that are text, at most [`FOLDER_NAMES_MAX`] of them.
fn bounded(names: impl Iterator<Item = io::Result<OsString>>) -> io::Result<Vec<String>> {
    let mut text = Vec::new();
    for name in names {
        if text.len() == FOLDER_NAMES_MAX {
            return Err(io::Error::other("more files than the journal ever makes"));
        }
        text.extend(name?.into_string().ok());
    }
    Ok(text)
}

impl DiskFile for RealFile {
    fn append(&self, bytes: &[u8]) -> io::Result<()> {
        (&self.0).write_all(bytes)
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.0.set_len(length)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}

impl DiskRead for RealFile {
    fn length(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        loop {
            match self.0.read_at(buffer, offset) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                done => return done,
            }
        }
    }
}

/// The longest file that [`read_small`] accepts, in bytes.
pub(crate) const SMALL_FILE_BYTES_MAX: usize = 4096;

/// Reads a whole file of at most [`SMALL_FILE_BYTES_MAX`] bytes.
pub(crate) fn read_small(disk: &dyn Disk, file: &Path) -> io::Result<Vec<u8>> {
    let open = disk.open_read(file)?;
    let mut bytes = vec![0; SMALL_FILE_BYTES_MAX + 1];
    let filled = fill(open.as_ref(), &mut bytes, 0)?;
    if filled > SMALL_FILE_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the file is too long"));
    }
    bytes.truncate(filled);
    Ok(bytes)
}

/// Reads until the buffer is full or the file ends; says how many bytes were read.
pub(crate) fn fill(file: &dyn DiskRead, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, offset + filled as u64)? {
            0 => break,
            bytes => filled += bytes,
        }
    }
    Ok(filled)
}

/// Makes a file with its whole content or not at all, safe against a power cut.
pub(crate) fn write_whole(
    disk: &dyn Disk,
    folder: &Path,
    name: &str,
    bytes: &[u8],
) -> io::Result<()> {
    let partial = folder.join(format!("{name}.partial"));
    let file = disk.open_append(&partial)?;
    file.truncate(0)?;
    file.append(bytes)?;
    file.sync()?;
    disk.rename(&partial, &folder.join(name))?;
    disk.sync_folder(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_a_limit() {
        let names = |count| (0..count).map(|n: usize| Ok(OsString::from(n.to_string())));
        assert!(bounded(names(FOLDER_NAMES_MAX)).is_ok());
        assert!(bounded(names(FOLDER_NAMES_MAX + 1)).is_err());
    }

    #[test]
    fn a_small_file_has_a_limit() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("file");
        let write = |bytes: usize| std::fs::write(&file, vec![7; bytes]).expect("written");
        write(SMALL_FILE_BYTES_MAX);
        assert_eq!(read_small(&RealDisk, &file).map(|bytes| bytes.len()).ok(), Some(4096));
        write(SMALL_FILE_BYTES_MAX + 1);
        assert!(read_small(&RealDisk, &file).is_err());
    }
}
