//! Reading whole small files, within a limit.
//!
//! INVARIANT: nothing is read beyond the caller's limit, whatever the file is: a device, a pipe, a
//! file that grows.

use std::io::Read as _;
use std::path::Path;

/// The bytes of a file of at most `bytes_max` bytes.
pub(crate) fn read_bounded(path: &Path, bytes_max: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(bytes_max + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > bytes_max {
        let message = format!("it has more than {bytes_max} bytes");
        return Err(std::io::Error::new(std::io::ErrorKind::FileTooLarge, message));
    }
    Ok(bytes)
}

/// The text of a file of at most `bytes_max` bytes. A byte order mark is dropped.
pub(crate) fn read_text(path: &Path, bytes_max: u64) -> std::io::Result<String> {
    as_text(read_bounded(path, bytes_max)?)
}

/// The text that a file holds, without a byte order mark.
pub(crate) fn as_text(bytes: Vec<u8>) -> std::io::Result<String> {
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let message = format!("it is not UTF-8 text (byte {at})");
        std::io::Error::new(std::io::ErrorKind::InvalidData, message)
    })?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(content: &[u8], bytes_max: u64) -> Result<String, String> {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(file.path(), content).expect("written");
        read_text(file.path(), bytes_max).map_err(|error| error.to_string())
    }

    #[test]
    fn the_limit_is_exact() {
        assert_eq!(read(b"1234", 4), Ok(String::from("1234")));
        assert_eq!(read(b"12345", 4), Err(String::from("it has more than 4 bytes")));
    }

    #[test]
    fn text_is_utf_8_without_a_mark() {
        assert_eq!(read(b"\xef\xbb\xbfa", 9), Ok(String::from("a")));
        assert_eq!(read(b"ab\xff", 9), Err(String::from("it is not UTF-8 text (byte 2)")));
    }

    #[test]
    fn endless_files_end_at_the_limit() {
        let error = read_bounded(Path::new("/dev/zero"), 10).map_err(|error| error.to_string());
        assert_eq!(error, Err(String::from("it has more than 10 bytes")));
    }
}
