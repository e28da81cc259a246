//! A file: lines, appended and synced.
//!
//! A batch is taken once it is on the medium. A file that has reached `rotate_bytes` is renamed to `NAME.1` (the one before to
//! `NAME.2`, …) and the oldest beyond `files` is removed. A batch that a full disk left half is cut off; a line that a power cut
//! left half gets its break, so that the next one is whole, and comes again.
//!
//! INVARIANT: no byte is cut off that this very batch did not write. INVARIANT: the folder is there: a sink makes files, no
//! folders.

use std::io::{ErrorKind, Result};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use journal::Disk;

use super::deliver::{Answer, Deliver, Failure, SinkError};
use super::item::Item;
use super::settings::SinkSettings;
use super::webhook::lines;

/// Bytes of a file unless told.
const ROTATE_BYTES_DEFAULT: u64 = 256 << 20;
/// Files that are kept unless told, besides the one that is written.
const FILES_DEFAULT: u64 = 9;
/// The most files that can be asked for.
const FILES_MAX: u64 = 1_000;
/// The smallest file that can be asked for.
const ROTATE_BYTES_MIN: u64 = 4 << 10;

/// Where it goes, and how much of it is kept. Its work is blocking.
#[derive(Clone)]
pub(crate) struct File {
    disk: Arc<dyn Disk>,
    files: u64,
    path: PathBuf,
    rotate_bytes: u64,
}

impl File {
    pub(crate) fn new(
        settings: &SinkSettings,
        disk: Arc<dyn Disk>,
    ) -> std::result::Result<Self, SinkError> {
        let wrong = |detail, why: &str| SinkError::Detail { detail, why: why.to_owned() };
        let path = settings.path.clone().ok_or_else(|| wrong("path", "a file has to be named"))?;
        if path.file_name().is_none() {
            return Err(wrong("path", "this names no file"));
        }
        let number = |name: &'static str, default: u64, min: u64, max: u64| {
            let text = settings.detail(name);
            let number = text.map_or(Ok(default), |text| text.parse().map_err(|_| ()));
            let number = number.ok().filter(|number| (min..=max).contains(number));
            number.ok_or_else(|| wrong(name, &format!("choose between {min} and {max}")))
        };
        let rotate_bytes = number("rotate_bytes", ROTATE_BYTES_DEFAULT, ROTATE_BYTES_MIN, 1 << 40)?;
        let files = number("files", FILES_DEFAULT, 1, FILES_MAX)?;
        Ok(Self { disk, files, path, rotate_bytes })
    }

    fn append(&self, bytes: &[u8]) -> Result<()> {
        self.rotate()?;
        let file = self.disk.open_append(&self.path)?;
        let (end, is_whole) = self.end()?;
        let appended =
            if is_whole { file.append(bytes) } else { file.append(&[b"\n", bytes].concat()) };
        if let Err(error) = appended.and_then(|()| file.sync()) {
            // Our own bytes, and no others.
            drop(file.truncate(end));
            return Err(error);
        }
        self.disk.sync_folder(self.folder())
    }

    fn folder(&self) -> &Path {
        self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
    }

    /// How long the file is, and whether its last line is whole.
    fn end(&self) -> Result<(u64, bool)> {
        let read = self.disk.open_read(&self.path)?;
        let (length, mut byte) = (read.length()?, [0]);
        let is_read = length > 0 && read.read_at(&mut byte, length - 1)? == 1;
        Ok((length, !is_read || byte == *b"\n"))
    }

    fn rotate(&self) -> Result<()> {
        let length = match self.disk.open_read(&self.path) {
            Ok(file) => file.length()?,
            Err(error) if error.kind() == ErrorKind::NotFound => 0,
            Err(error) => return Err(error),
        };
        if length < self.rotate_bytes {
            return Ok(());
        }
        let fine = |result: Result<()>| match result {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
        fine(self.disk.remove(&self.numbered(self.files)))?;
        for number in (1..self.files).rev() {
            fine(self.disk.rename(&self.numbered(number), &self.numbered(number + 1)))?;
        }
        self.disk.rename(&self.path, &self.numbered(1))?;
        self.disk.sync_folder(self.folder())
    }

    fn numbered(&self, number: u64) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{number}"));
        name.into()
    }
}

impl Deliver for File {
    fn deliver<'a>(
        &'a mut self,
        items: &'a [Item],
    ) -> BoxFuture<'a, std::result::Result<Answer, Failure>> {
        let (file, bytes) = (self.clone(), lines(items));
        async move {
            let appended = tokio::task::spawn_blocking(move || file.append(&bytes)).await;
            appended.map_err(|error| Failure::wait(error.to_string()))??;
            Ok(Answer::taken(items.len()))
        }
        .boxed()
    }
}
