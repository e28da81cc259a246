//! A secret of 32 random bytes in a file of its own: the pepper today, other node secrets beside it.
//!
//! The file holds 64 hexadecimal digits and a line end, so that it survives copying and pasting.
//!
//! INVARIANT: the file appears complete or not at all, also when two processes make it at once: it is
//! written under another name, synchronised, and linked into place. INVARIANT: a file that others
//! could have read is refused, because nobody can know whether they did.

use std::io::{Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use ring::rand::{SecureRandom as _, SystemRandom};
use stdx::Secret;
use zeroize::Zeroizing;

/// Bytes of a secret.
pub const SECRET_BYTES: usize = 32;

/// More than a well-formed file has, so that a longer one is noticed.
const SECRET_FILE_BYTES_MAX: u64 = 128;

/// A secret file that cannot be used. Each is the environment's fault, and none is retryable.
#[derive(Debug, thiserror::Error)]
pub enum SecretFileError {
    /// It cannot be made or read.
    #[error("cannot {doing} the secret file `{}`: {source}", path.display())]
    Io {
        /// `create` or `read`.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Its group or everybody may read or write it.
    #[error("the secret file `{}` has mode {mode:04o}: others can read it", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It does not hold 64 hexadecimal digits.
    #[error("the secret file `{}` does not hold 64 hexadecimal digits", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
    },
    /// The system has no randomness to give.
    #[error("the system gave no random bytes")]
    NoRandomness,
}

/// Reads the secret in `path`; makes it, with its folder (mode 0700), if there is none.
pub fn load_or_create_secret(path: &Path) -> Result<Secret<[u8; SECRET_BYTES]>, SecretFileError> {
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => create(path)?,
        _ => {}
    }
    load_secret(path)
}

/// Reads the secret in `path`, which has to be there: a new one could not open what the lost one closed.
pub fn load_secret(path: &Path) -> Result<Secret<[u8; SECRET_BYTES]>, SecretFileError> {
    let failed = |source| SecretFileError::Io { doing: "read", path: path.to_path_buf(), source };
    let file = std::fs::File::open(path).map_err(failed)?;
    let mode = file.metadata().map_err(failed)?.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(SecretFileError::Exposed { path: path.to_path_buf(), mode });
    }
    let mut text = Zeroizing::new(String::new());
    let malformed = || SecretFileError::Malformed { path: path.to_path_buf() };
    file.take(SECRET_FILE_BYTES_MAX).read_to_string(&mut text).map_err(|error| {
        if error.kind() == std::io::ErrorKind::InvalidData { malformed() } else { failed(error) }
    })?;
    parse_secret(text.trim_end()).ok_or_else(malformed)
}

/// The secret that 64 hexadecimal digits stand for.
pub fn parse_secret(text: &str) -> Option<Secret<[u8; SECRET_BYTES]>> {
    let bytes = Zeroizing::new(HEXLOWER.decode(text.as_bytes()).ok()?);
    bytes.as_slice().try_into().ok().map(Secret::new)
}

/// Makes the file, unless another process does so first.
fn create(path: &Path) -> Result<(), SecretFileError> {
    let failed = |source| SecretFileError::Io { doing: "create", path: path.to_path_buf(), source };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let mut random = Zeroizing::new([0; SECRET_BYTES]);
    let mut suffix = [0; 8];
    let source = SystemRandom::new();
    source.fill(random.as_mut()).map_err(|_| SecretFileError::NoRandomness)?;
    source.fill(&mut suffix).map_err(|_| SecretFileError::NoRandomness)?;

    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}.new", HEXLOWER.encode(&suffix)));
    let unfinished = path.with_file_name(name);
    let mut text = Zeroizing::new(HEXLOWER.encode(random.as_ref()));
    text.push('\n');
    let linked = write_synced(&unfinished, text.as_bytes())
        .and_then(|()| std::fs::hard_link(&unfinished, path));
    let removed = std::fs::remove_file(&unfinished);
    match linked {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
        other => other.map_err(failed)?,
    }
    removed.map_err(failed)?;
    std::fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)
}

fn write_synced(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file =
        std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().expect("a temporary folder")
    }

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).expect("metadata").permissions().mode() & 0o7777
    }

    #[test]
    fn the_first_call_makes_it_and_later_calls_read_it() {
        let folder = folder();
        let path = folder.path().join("keys").join("pepper");
        let first = load_or_create_secret(&path).expect("made");
        let again = load_or_create_secret(&path).expect("read");
        assert_eq!(first.expose(), again.expose());
        assert_ne!(first.expose(), &[0; SECRET_BYTES]);
        assert_eq!((mode(&path), mode(&folder.path().join("keys"))), (0o600, 0o700));
        let names = std::fs::read_dir(folder.path().join("keys")).expect("folder").count();
        assert_eq!(names, 1, "nothing unfinished is left behind");
    }

    #[test]
    fn many_at_once_agree() {
        let folder = folder();
        let path = folder.path().join("pepper");
        let secrets: Vec<[u8; SECRET_BYTES]> = std::thread::scope(|scope| {
            let spawn = |_| scope.spawn(|| *load_or_create_secret(&path).expect("secret").expose());
            let threads: Vec<_> = (0..8).map(spawn).collect();
            threads.into_iter().map(|thread| thread.join().expect("thread")).collect()
        });
        assert!(secrets.windows(2).all(|pair| pair[0] == pair[1]));
    }

    #[test]
    fn a_file_that_others_can_read_is_refused() {
        let folder = folder();
        let path = folder.path().join("pepper");
        load_or_create_secret(&path).expect("made");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).expect("chmod");
        let error = load_or_create_secret(&path).err().map(|error| error.to_string());
        let expected =
            format!("the secret file `{}` has mode 0640: others can read it", path.display());
        assert_eq!(error, Some(expected));
    }

    #[test]
    fn a_damaged_file_is_refused() {
        let folder = folder();
        for content in [&b""[..], b"abc\n", &[b'a'; 63], &[b'g'; 64], &[b'a'; 300], &[0xff; 64]] {
            let path = folder.path().join("pepper");
            write_synced(&path, content).expect("written");
            let error = load_or_create_secret(&path).err();
            assert!(matches!(error, Some(SecretFileError::Malformed { .. })), "{content:?}");
            std::fs::remove_file(&path).expect("removed");
        }
    }
}
