//! The encrypted content buffer: what was said, apart from the record of it, and for a while only.
//!
//! `content/<hour>-<key>.seg` holds what belongs to interactions opened in an hour (hours since 1970 in
//! decimal, eight digits); `keys/content/<hour>-<key>.key` the hour's data key, wrapped by the master key
//! (`keys/content.key`). Every process makes its own files, so none ever appends to another's.
//!
//! ```text
//! .seg   magic "BTZCONT1", hour u64, key 8 bytes; then entries:
//!   0  length       u32   bytes of the sealed part, tag included
//!   4  part         u8    1 request, 2 response, 3 comment
//!   5  zero         3
//!   8  interaction  16
//!  24  nonce        12    zero 4, number of the entry u64: a key encrypts one file
//!  36  crc          u32   CRC32C of bytes 0 to 36
//!  40  sealed             AES-256-GCM of salt (16 bytes) ‖ content; associated data: bytes 0 to 24
//! .key   nonce 12 ‖ AES-256-GCM of the 32-byte data key; associated data: the .seg file's 24-byte header
//! ```
//!
//! The event carries the commitment SHA-256(salt ‖ content). The salt is sealed with the content, so once the
//! data key is gone neither the content nor the meaning of the commitment can be had.
//!
//! INVARIANT: content is never on disk unencrypted. INVARIANT: expiry destroys the key before the file.
//! On flash and copy-on-write file systems an overwritten key may survive in blocks that are not
//! reachable; who fears that keeps `keys` on a disk that is itself encrypted.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use data_encoding::HEXLOWER;
use events::{Digest, InteractionId, commitment};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom as _, SystemRandom};
use stdx::{Reservoir, Secret};

use crate::disk::{Disk, DiskFile};
use crate::error::JournalError;
use crate::keys::{KEYS_FOLDER, MasterKey};

/// The folder of content inside the data folder, and of wrapped keys inside the folder of keys.
pub(crate) const CONTENT_FOLDER: &str = "content";

/// The longest content of one part of one interaction, in bytes.
pub const CONTENT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Bytes that have to find room before a full disk counts as mended.
const ROOM_BYTES: usize = 64 * 1024;
/// Hours whose files are held open at the same time.
const OPEN_HOURS_MAX: usize = 4;
/// Bytes that wait to be written together; one more is written at once.
const WAITING_BYTES_MAX: usize = 256 * 1024;
pub(crate) const HOUR_MS: u64 = 60 * 60 * 1000;
const MAGIC: &[u8; 8] = b"BTZCONT1";
pub(crate) const FILE_HEADER_BYTES: usize = 24;
pub(crate) const ENTRY_HEADER_BYTES: usize = 40;
pub(crate) const BOUND_BYTES: usize = 24;
pub(crate) const SALT_BYTES: usize = 16;
pub(crate) const TAG_BYTES: usize = 16;

/// What of an interaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// The request's body as received.
    Request,
    /// The answer as sent.
    Response,
    /// What a user wrote about the answer.
    Comment,
}

/// When content is written to its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    Now,
    /// Together with others; see [`ContentBuffer::waiting_since`].
    Later,
}

/// Content found again.
#[expect(missing_debug_implementations, reason = "content is not for logs")]
pub struct Content {
    /// What was kept.
    pub bytes: Secret<Vec<u8>>,
    /// Its commitment, to compare with the event's.
    pub commitment: Digest,
}

/// What an expiry removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expired {
    /// Data keys destroyed.
    pub keys: u64,
    /// Content files removed.
    pub files: u64,
}

/// Where content is kept, for the process that writes.
pub(crate) struct ContentBuffer {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    keys_folder: PathBuf,
    master: MasterKey,
    retention_ms: u64,
    random: SystemRandom,
    salts: Reservoir,
    open: Mutex<OpenFiles>,
    /// Whether `open` names files with something that waits; to be read without its lock.
    waits: AtomicBool,
}

#[derive(Default)]
struct OpenFiles {
    /// Least recently made first.
    hours: Vec<Arc<HourFile>>,
    /// What was written since the last sync.
    unsynced: Vec<Arc<dyn DiskFile>>,
    /// Whether files were made since then.
    folders: bool,
    /// Files with something that waits to be written, and since when.
    waiting: Vec<Arc<HourFile>>,
    waiting_since: Option<Instant>,
}

struct HourFile {
    hour: u64,
    path: PathBuf,
    key: LessSafeKey,
    file: Arc<dyn DiskFile>,
    tail: Mutex<Tail>,
}

/// The end of a file.
struct Tail {
    /// Entries so far.
    entries: u64,
    /// Bytes written.
    length: u64,
    /// Entries that are not written yet.
    waiting: Vec<u8>,
    /// It ends with a part of an entry that could not be cut off: nothing readable can follow.
    is_broken: bool,
}

impl Part {
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Request => 1,
            Self::Response => 2,
            Self::Comment => 3,
        }
    }
}

impl ContentBuffer {
    /// Makes the folders. A retention of 0 keeps nothing.
    pub(crate) fn open(
        disk: Arc<dyn Disk>,
        data: &Path,
        master: MasterKey,
        retention_ms: u64,
    ) -> Result<Self, JournalError> {
        let folder = data.join(CONTENT_FOLDER);
        let keys_folder = data.join(KEYS_FOLDER).join(CONTENT_FOLDER);
        for path in [&folder, &keys_folder] {
            disk.create_folder(path).map_err(JournalError::file("create", path))?;
        }
        Ok(Self {
            disk,
            folder,
            keys_folder,
            master,
            retention_ms,
            random: SystemRandom::new(),
            salts: Reservoir::default(),
            open: Mutex::default(),
            waits: AtomicBool::new(false),
        })
    }

    /// Finds out whether there is room, after there was none.
    pub(crate) fn try_room(&self) -> Result<(), JournalError> {
        let path = self.folder.join("room");
        let file = self.disk.open_append(&path).map_err(JournalError::file("create", &path))?;
        let written = file.append(&vec![0; ROOM_BYTES]).map_err(JournalError::file("write", &path));
        let removed = self.disk.remove(&path).map_err(JournalError::file("remove", &path));
        written.and(removed)
    }

    /// Keeps a part of an interaction; returns the commitment for its event.
    pub(crate) fn keep(
        &self,
        interaction: InteractionId,
        part: Part,
        content: &[u8],
        when: When,
    ) -> Result<Digest, JournalError> {
        if content.len() > CONTENT_BYTES_MAX {
            let bytes = content.len();
            return Err(JournalError::ContentTooLong { bytes, max: CONTENT_BYTES_MAX });
        }
        let salt: [u8; SALT_BYTES] =
            self.salts.take(|bytes| self.fill(bytes, "salting content"))?;
        let digest = commitment(&salt, content);
        if self.retention_ms > 0 {
            let file = self.hour_file(interaction.time_ms() / HOUR_MS)?;
            let mut tail = file.tail.lock().unwrap_or_else(PoisonError::into_inner);
            let before = tail.waiting.len();
            tail.seal(&file.key, interaction, part, &salt, content)?;
            if when == When::Now || tail.waiting.len() > WAITING_BYTES_MAX {
                if let Err(error) = self.write(&file, &mut tail) {
                    tail.waiting.truncate(before);
                    return Err(error);
                }
            } else if before == 0 {
                let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
                open.waiting_since.get_or_insert_with(Instant::now);
                open.waiting.push(Arc::clone(&file));
                self.waits.store(true, Ordering::Release);
            }
        }
        Ok(digest)
    }

    /// Since when something waits to be written.
    pub(crate) fn waiting_since(&self) -> Option<Instant> {
        if !self.waits.load(Ordering::Acquire) {
            return None;
        }
        self.open.lock().unwrap_or_else(PoisonError::into_inner).waiting_since
    }

    /// Writes what waits. What cannot be written goes on waiting.
    pub(crate) fn write_waiting(&self) -> Result<(), JournalError> {
        let files = {
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            self.waits.store(false, Ordering::Release);
            open.waiting_since = None;
            std::mem::take(&mut open.waiting)
        };
        let mut written = Ok(());
        for file in files {
            let mut tail = file.tail.lock().unwrap_or_else(PoisonError::into_inner);
            if let Err(error) = self.write(&file, &mut tail) {
                let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
                open.waiting_since.get_or_insert_with(Instant::now);
                open.waiting.push(Arc::clone(&file));
                self.waits.store(true, Ordering::Release);
                written = Err(error);
            }
        }
        written
    }

    /// Whether anything was written since the last [`ContentBuffer::sync`].
    pub(crate) fn has_unsynced(&self) -> bool {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.folders || !open.unsynced.is_empty()
    }

    /// Makes what was kept safe against a power cut.
    pub(crate) fn sync(&self) -> std::io::Result<()> {
        let (files, folders) = {
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            (std::mem::take(&mut open.unsynced), std::mem::take(&mut open.folders))
        };
        for file in files {
            file.sync()?;
        }
        if folders {
            self.disk.sync_folder(&self.keys_folder)?;
            self.disk.sync_folder(&self.folder)?;
        }
        Ok(())
    }

    /// Destroys the keys and removes the files of every hour that ended more than the retention ago.
    pub(crate) fn expire(&self, now_ms: u64) -> Result<Expired, JournalError> {
        let is_over = |hour: u64| {
            hour.saturating_add(1).saturating_mul(HOUR_MS).saturating_add(self.retention_ms)
                <= now_ms
        };
        let mut expired = Expired::default();
        {
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            open.hours.retain(|file| !is_over(file.hour));
        }
        for (folder, suffix, keys) in
            [(&self.keys_folder, ".key", true), (&self.folder, ".seg", false)]
        {
            let names = self.disk.names(folder).map_err(JournalError::file("list", folder))?;
            let over = names.iter().filter(|name| hour_of(name, suffix).is_some_and(is_over));
            for name in over {
                let path = folder.join(name);
                let removed = if keys { self.disk.destroy(&path) } else { self.disk.remove(&path) };
                removed.map_err(JournalError::file("remove", &path))?;
                *(if keys { &mut expired.keys } else { &mut expired.files }) += 1;
            }
            if expired.keys + expired.files > 0 {
                let synced = self.disk.sync_folder(folder);
                synced.map_err(JournalError::file("sync", folder))?;
            }
        }
        Ok(expired)
    }

    fn fill(&self, bytes: &mut [u8], doing: &'static str) -> Result<(), JournalError> {
        self.random.fill(bytes).map_err(|_| JournalError::Cryptography { doing })
    }

    fn hour_file(&self, hour: u64) -> Result<Arc<HourFile>, JournalError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = open.hours.iter().find(|file| file.hour == hour) {
            return Ok(Arc::clone(file));
        }
        let (file, key_file) = self.make_hour_file(hour)?;
        let file = Arc::new(file);
        open.unsynced.push(key_file);
        open.folders = true;
        if open.hours.len() >= OPEN_HOURS_MAX {
            open.hours.remove(0);
        }
        open.hours.push(Arc::clone(&file));
        Ok(file)
    }

    fn make_hour_file(&self, hour: u64) -> Result<(HourFile, Arc<dyn DiskFile>), JournalError> {
        let mut id = [0; 8];
        self.fill(&mut id, "naming a content key")?;
        let data_key: [u8; 32] = ring::rand::generate(&self.random)
            .map_err(|_| JournalError::Cryptography { doing: "making a content key" })?
            .expose();
        let data_key = Secret::new(data_key);
        let header = file_header(hour, id);
        let mut nonce = [0; NONCE_LEN];
        self.fill(&mut nonce, "wrapping a content key")?;
        let failed = || JournalError::Cryptography { doing: "wrapping a content key" };
        let mut wrapped = data_key.expose().to_vec();
        cipher(self.master.expose())
            .ok_or_else(failed)?
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(header),
                &mut wrapped,
            )
            .map_err(|_| failed())?;

        let name = format!("{hour:08}-{}", HEXLOWER.encode(&id));
        let key_path = self.keys_folder.join(format!("{name}.key"));
        let key_file = self.start_file(&key_path, &[nonce.as_slice(), &wrapped].concat())?;
        let path = self.folder.join(format!("{name}.seg"));
        let file = self.start_file(&path, &header)?;
        let key = cipher(data_key.expose()).ok_or_else(failed)?;
        let length = FILE_HEADER_BYTES as u64;
        let tail = Tail { entries: 0, length, waiting: Vec::new(), is_broken: false };
        Ok((HourFile { hour, path, key, file, tail: Mutex::new(tail) }, key_file))
    }

    fn start_file(&self, path: &Path, bytes: &[u8]) -> Result<Arc<dyn DiskFile>, JournalError> {
        let file = self.disk.open_append(path).map_err(JournalError::file("create", path))?;
        file.append(bytes)
            .map_err(|source| JournalError::Write { path: path.to_path_buf(), source })?;
        Ok(file)
    }

    fn write(&self, file: &Arc<HourFile>, tail: &mut Tail) -> Result<(), JournalError> {
        if tail.waiting.is_empty() {
            return Ok(());
        }
        let written = if tail.is_broken {
            Err(std::io::Error::other("its end could not be repaired"))
        } else {
            file.file.append(&tail.waiting)
        };
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        match written {
            Ok(()) => {
                tail.length += tail.waiting.len() as u64;
                tail.waiting.clear();
                if !open.unsynced.iter().any(|known| Arc::ptr_eq(known, &file.file)) {
                    open.unsynced.push(Arc::clone(&file.file));
                }
                Ok(())
            }
            Err(source) => {
                if tail.is_broken || file.file.truncate(tail.length).is_err() {
                    // Nothing readable can follow a partial entry, so the next one begins a new file, and
                    // what waits for this one is lost.
                    tail.is_broken = true;
                    tail.waiting.clear();
                    open.hours.retain(|known| !Arc::ptr_eq(known, file));
                }
                Err(JournalError::Write { path: file.path.clone(), source })
            }
        }
    }
}

impl Tail {
    /// Adds an encrypted entry to what waits.
    fn seal(
        &mut self,
        key: &LessSafeKey,
        interaction: InteractionId,
        part: Part,
        salt: &[u8; SALT_BYTES],
        content: &[u8],
    ) -> Result<(), JournalError> {
        let mut nonce = [0; NONCE_LEN];
        nonce[4..].copy_from_slice(&self.entries.to_be_bytes());
        // Counted before it is used: a number is never used twice.
        self.entries += 1;
        let sealed_bytes = SALT_BYTES + content.len() + TAG_BYTES;
        let header = entry_header(sealed_bytes as u32, part, interaction, &nonce);
        let start = self.waiting.len();
        self.waiting.reserve(ENTRY_HEADER_BYTES + sealed_bytes);
        self.waiting.extend_from_slice(&header);
        self.waiting.extend_from_slice(salt);
        self.waiting.extend_from_slice(content);
        let bound = header.get(..BOUND_BYTES).unwrap_or_default();
        let plain = self.waiting.get_mut(start + ENTRY_HEADER_BYTES..).unwrap_or_default();
        let tag = key.seal_in_place_separate_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(bound),
            plain,
        );
        let Ok(tag) = tag else {
            // It is not encrypted: it must not be written.
            self.waiting.truncate(start);
            return Err(JournalError::Cryptography { doing: "encrypting content" });
        };
        self.waiting.extend_from_slice(tag.as_ref());
        Ok(())
    }
}

pub(crate) fn cipher(key: &[u8; 32]) -> Option<LessSafeKey> {
    UnboundKey::new(&AES_256_GCM, key).ok().map(LessSafeKey::new)
}

fn file_header(hour: u64, id: [u8; 8]) -> [u8; FILE_HEADER_BYTES] {
    let mut header = [0; FILE_HEADER_BYTES];
    header[..8].copy_from_slice(MAGIC);
    header[8..16].copy_from_slice(&hour.to_le_bytes());
    header[16..].copy_from_slice(&id);
    header
}

fn entry_header(
    sealed_bytes: u32,
    part: Part,
    interaction: InteractionId,
    nonce: &[u8; NONCE_LEN],
) -> [u8; ENTRY_HEADER_BYTES] {
    let mut header = [0; ENTRY_HEADER_BYTES];
    header[..4].copy_from_slice(&sealed_bytes.to_le_bytes());
    header[4] = part.code();
    header[8..24].copy_from_slice(&interaction.to_bytes());
    header[24..36].copy_from_slice(nonce);
    let crc = crc32c::crc32c(&header[..36]);
    header[36..].copy_from_slice(&crc.to_le_bytes());
    header
}

/// The hour in a file's name.
pub(crate) fn hour_of(name: &str, suffix: &str) -> Option<u64> {
    name.strip_suffix(suffix)?.split_once('-')?.0.parse().ok()
}
