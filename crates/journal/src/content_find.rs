//! Finding content again, and opening it.
//!
//! INVARIANT: any bytes are read without panic; what does not authenticate is reported as changed.
//!
//! Not here: the format, and writing (`content`).

use std::path::Path;

use events::{InteractionId, commitment};
use ring::aead::{Aad, LessSafeKey, NONCE_LEN, Nonce};
use stdx::Secret;

use crate::content::{
    BOUND_BYTES, CONTENT_BYTES_MAX, CONTENT_FOLDER, Content, ENTRY_HEADER_BYTES, FILE_HEADER_BYTES,
    HOUR_MS, Part, SALT_BYTES, TAG_BYTES, cipher, hour_of,
};
use crate::disk::{self, Disk, DiskRead, fill};
use crate::error::ReadError;
use crate::frame::u32_at;
use crate::keys::{KEYS_FOLDER, MasterKey};

/// Finds the content of a part of an interaction: `None` if it was never kept or has expired.
pub(crate) fn find(
    disk: &dyn Disk,
    data: &Path,
    interaction: InteractionId,
    part: Part,
    master: impl Fn() -> Result<MasterKey, ReadError>,
) -> Result<Option<Content>, ReadError> {
    let folder = data.join(CONTENT_FOLDER);
    let hour = interaction.time_ms() / HOUR_MS;
    let mut names = disk.names(&folder).map_err(ReadError::file(&folder))?;
    names.retain(|name| hour_of(name, ".seg") == Some(hour));
    for name in names {
        let path = folder.join(&name);
        let file = disk.open_read(&path).map_err(ReadError::file(&path))?;
        let Some((offset, header)) =
            find_entry(file.as_ref(), interaction, part).map_err(ReadError::file(&path))?
        else {
            continue;
        };
        let key_name = name.replace(".seg", ".key");
        let key_path = data.join(KEYS_FOLDER).join(CONTENT_FOLDER).join(key_name);
        let wrapped = match disk::read_small(disk, &key_path) {
            Ok(wrapped) => wrapped,
            // Expired, and the file is about to go too.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(source) => return Err(ReadError::File { path: key_path, source }),
        };
        let changed = || ReadError::ContentChanged { path: path.clone(), offset };
        let key = unwrap(&wrapped, file.as_ref(), &master()?).ok_or_else(|| ReadError::Keys {
            path: key_path,
            detail: "it was not wrapped by this node's key".into(),
        })?;
        return open_entry(file.as_ref(), &key, offset, &header).map(Some).ok_or_else(changed);
    }
    Ok(None)
}

/// The last entry of an interaction's part. One that runs beyond the end of the file was never finished.
fn find_entry(
    file: &dyn DiskRead,
    interaction: InteractionId,
    part: Part,
) -> std::io::Result<Option<(u64, [u8; ENTRY_HEADER_BYTES])>> {
    let mut found = None;
    let mut offset = FILE_HEADER_BYTES as u64;
    let mut header = [0; ENTRY_HEADER_BYTES];
    let length = file.length()?;
    while fill(file, &mut header, offset)? == ENTRY_HEADER_BYTES
        && u32_at(&header, 36) == crc32c::crc32c(&header[..36])
    {
        let next = offset + ENTRY_HEADER_BYTES as u64 + u64::from(u32_at(&header, 0));
        let is_wanted = header[8..24] == interaction.to_bytes() && header[4] == part.code();
        if is_wanted && next <= length {
            found = Some((offset, header));
        }
        offset = next;
    }
    Ok(found)
}

fn unwrap(wrapped: &[u8], file: &dyn DiskRead, master: &MasterKey) -> Option<LessSafeKey> {
    let mut header = [0; FILE_HEADER_BYTES];
    fill(file, &mut header, 0).ok()?;
    let (nonce, sealed) = wrapped.split_first_chunk::<NONCE_LEN>()?;
    let mut sealed = sealed.to_vec();
    let key = cipher(master.expose())?
        .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(header), &mut sealed)
        .ok()?;
    cipher((&*key).try_into().ok()?)
}

fn open_entry(
    file: &dyn DiskRead,
    key: &LessSafeKey,
    offset: u64,
    header: &[u8; ENTRY_HEADER_BYTES],
) -> Option<Content> {
    let sealed_bytes = u32_at(header, 0) as usize;
    if sealed_bytes > SALT_BYTES + CONTENT_BYTES_MAX + TAG_BYTES {
        return None;
    }
    let mut sealed = vec![0; sealed_bytes];
    let filled = fill(file, &mut sealed, offset + ENTRY_HEADER_BYTES as u64).ok()?;
    let nonce: [u8; NONCE_LEN] = header.get(24..36)?.try_into().ok()?;
    let bound = header.get(..BOUND_BYTES)?;
    if filled != sealed_bytes {
        return None;
    }
    let plain = key
        .open_in_place(Nonce::assume_unique_for_key(nonce), Aad::from(bound), &mut sealed)
        .ok()?;
    let (salt, content) = plain.split_first_chunk::<SALT_BYTES>()?;
    let commitment = commitment(salt, content);
    let bytes = Secret::new(content.to_vec());
    Some(Content { bytes, commitment })
}
