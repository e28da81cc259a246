//! Receipts of long runs and benches: their figures, and which code they speak of.
//!
//! A receipt is one JSON object: `name`, `date`, `machine` (class, not name), `crates`, `digest` over the crates'
//! files, and `figures` as the run gave them. INVARIANT: the digest changes with any byte of any file of the
//! crates it names. Not here: measuring.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{fs, io};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::command::output_of;
use crate::workspace::{read_bytes, read_text, walk_all};

/// Where receipts are kept, relative to the root.
pub(crate) const RECEIPTS_FOLDER: &str = "docs/reference/receipts";
/// Hexadecimal characters of a digest: enough to tell versions apart, short enough to read aloud.
const DIGEST_CHARS: usize = 32;

/// The digest of the files of `crates`, in their order of name.
pub(crate) fn digest_of(root: &Path, crates: &[&str]) -> io::Result<String> {
    let mut names = crates.to_vec();
    names.sort_unstable();
    let mut digest = Sha256::new();
    for name in names {
        let folder = root.join("crates").join(name);
        for path in walk_all(&folder)? {
            let relative = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
            digest.update(relative.as_bytes());
            digest.update([0]);
            digest.update(Sha256::digest(read_bytes(&path)?));
        }
    }
    Ok(hexadecimal(&digest.finalize(), DIGEST_CHARS))
}

/// The first `chars` hexadecimal characters of a digest.
pub(crate) fn hexadecimal(bytes: &[u8], chars: usize) -> String {
    let mut text = String::new();
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text.truncate(chars);
    text
}

/// Turns the figures a run left in `figures` into a receipt; gives its path.
///
/// The run names the crates it measured under `crates`; everything else it wrote is kept as figures.
pub(crate) fn write(root: &Path, name: &str, figures: &Path) -> Result<PathBuf, String> {
    let text = read_text(figures).map_err(|error| format!("no figures: {error}"))?;
    let mut figures: Value =
        serde_json::from_str(&text).map_err(|error| format!("unreadable figures: {error}"))?;
    let crates = figures.as_object_mut().and_then(|object| object.remove("crates"));
    let crates: Vec<String> = crates
        .and_then(|crates| serde_json::from_value(crates).ok())
        .ok_or("the figures do not name the `crates` they measured")?;
    let names: Vec<&str> = crates.iter().map(String::as_str).collect();
    let digest = digest_of(root, &names).map_err(|error| format!("no digest: {error}"))?;
    let receipt = json!({
        "name": name,
        "date": output_of(root, "date", &["-u", "+%Y-%m-%d"]).unwrap_or_default().trim(),
        "machine": machine_class(),
        "crates": crates,
        "digest": digest,
        "figures": figures,
    });
    let path = root.join(RECEIPTS_FOLDER).join(format!("{name}.json"));
    let text = serde_json::to_string_pretty(&receipt).unwrap_or_default() + "\n";
    let written =
        fs::create_dir_all(root.join(RECEIPTS_FOLDER)).and_then(|()| fs::write(&path, text));
    written.map_err(|error| format!("could not write the receipt: {error}"))?;
    Ok(path)
}

/// What the machine is, without saying which: `2 cores, 24 GB, x86_64 linux`.
fn machine_class() -> String {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let memory = read_text(Path::new("/proc/meminfo")).unwrap_or_default();
    let total = memory.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kilobytes = total.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    let gigabytes = kilobytes.unwrap_or(0).div_ceil(1024 * 1024);
    let (arch, system) = (std::env::consts::ARCH, std::env::consts::OS);
    format!("{cores} cores, {gigabytes} GB, {arch} {system}")
}

#[cfg(test)]
mod tests {
    use super::digest_of;
    use std::fs;

    #[test]
    fn a_digest_changes_with_any_file_of_its_crates() -> std::io::Result<()> {
        let root = std::env::temp_dir().join(format!("bartizan-receipt-{}", std::process::id()));
        let source = root.join("crates/a/src");
        fs::create_dir_all(&source)?;
        fs::create_dir_all(root.join("crates/b"))?;
        fs::write(source.join("weights.bin"), [0xff, 0])?;
        let before = digest_of(&root, &["a"])?;
        fs::write(root.join("crates/b/lib.rs"), "other")?;
        assert_eq!(digest_of(&root, &["a"])?, before, "another crate does not matter");
        assert_ne!(digest_of(&root, &["a", "b"])?, before);
        assert_eq!(digest_of(&root, &["a", "b"])?, digest_of(&root, &["b", "a"])?);
        fs::write(source.join("weights.bin"), [0xff, 1])?;
        assert_ne!(digest_of(&root, &["a"])?, before);
        fs::remove_dir_all(&root)
    }
}
