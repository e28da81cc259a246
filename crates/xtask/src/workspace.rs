//! What tidy reads: the rooms with their manifests, and every text file of the checkout.
//!
//! INVARIANT: nothing is read beyond [`FILE_BYTES_MAX`], and build outputs and installed packages are
//! never walked. Not here: the rules themselves, which are one file each under `tidy/`.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::rust_source::RustSource;

/// The longest file the checks read, in bytes. A longer one does not belong in a checkout.
const FILE_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// How deep folders may nest before the walk gives up.
const FOLDER_DEPTH_MAX: usize = 24;
/// The endings of the files people write here.
const TEXT_ENDINGS: &[&str] = &[
    "rs",
    "toml",
    "md",
    "py",
    "js",
    "mjs",
    "ts",
    "json",
    "sh",
    "yaml",
    "yml",
    "sql",
    "cedar",
    "cedarschema",
    "css",
    "html",
    "txt",
];

/// A crate of the workspace.
#[derive(Debug)]
pub(crate) struct Room {
    /// The package's name, which is its folder's name.
    pub(crate) name: String,
    /// Its folder, relative to the root, with `/` between parts.
    pub(crate) folder: String,
    /// Its `Cargo.toml`, parsed.
    pub(crate) manifest: toml::Table,
}

/// A text file, whole.
#[derive(Debug)]
pub(crate) struct TextFile {
    /// Relative to the root, with `/` between parts.
    pub(crate) path: String,
    /// All of it.
    pub(crate) text: String,
}

/// Everything the rules look at.
#[derive(Debug)]
pub(crate) struct Workspace {
    /// The checkout's root.
    pub(crate) root: PathBuf,
    /// The crates, by name.
    pub(crate) rooms: Vec<Room>,
    /// The Rust files, parsed.
    pub(crate) sources: Vec<RustSource>,
    /// Every other text file.
    pub(crate) texts: Vec<TextFile>,
}

/// Why the workspace could not be read.
#[derive(Debug)]
pub(crate) struct WorkspaceError(pub(crate) String);

impl std::fmt::Display for WorkspaceError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for WorkspaceError {}

impl Workspace {
    /// The checkout this binary was built from.
    pub(crate) fn root() -> PathBuf {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        here.ancestors().nth(2).unwrap_or(here).to_path_buf()
    }

    /// Reads the whole checkout under `root`.
    pub(crate) fn read(root: &Path) -> Result<Self, WorkspaceError> {
        let mut paths = Vec::new();
        walk(root, 0, is_text, &mut paths)
            .map_err(|error| WorkspaceError(format!("could not list the checkout: {error}")))?;
        paths.sort();
        let mut sources = Vec::new();
        let mut texts = Vec::new();
        for path in paths {
            let relative = relative_name(root, &path);
            let text = read_text(&path)
                .map_err(|error| WorkspaceError(format!("could not read `{relative}`: {error}")))?;
            if has_ending(&relative, "rs") {
                let source = RustSource::parse(&relative, &text)
                    .map_err(|error| WorkspaceError(format!("`{relative}`: {error}")))?;
                sources.push(source);
            } else {
                texts.push(TextFile { path: relative, text });
            }
        }
        let rooms = rooms_of(&texts)?;
        Ok(Self { root: root.to_path_buf(), rooms, sources, texts })
    }

    /// The room a file lies in.
    pub(crate) fn room_of(&self, path: &str) -> Option<&Room> {
        self.rooms.iter().find(|room| {
            path.strip_prefix(room.folder.as_str()).is_some_and(|rest| rest.starts_with('/'))
        })
    }
}

impl Room {
    /// The floor in `[package.metadata.room]`, if it is stated.
    pub(crate) fn floor(&self) -> Option<i64> {
        self.manifest.get("package")?.get("metadata")?.get("room")?.get("floor")?.as_integer()
    }

    /// Whether the crate runs its documentation's examples as tests.
    pub(crate) fn has_doctests(&self) -> bool {
        let stated = self.manifest.get("lib").and_then(|lib| lib.get("doctest"));
        stated.and_then(toml::Value::as_bool).unwrap_or(false)
    }
}

/// Reads a text file, refusing one longer than [`FILE_BYTES_MAX`].
pub(crate) fn read_text(path: &Path) -> io::Result<String> {
    let bytes = read_bytes(path)?;
    String::from_utf8(bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// Reads a file, refusing one longer than [`FILE_BYTES_MAX`].
pub(crate) fn read_bytes(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = fs::File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if read as u64 > FILE_BYTES_MAX {
        let message = format!("longer than {FILE_BYTES_MAX} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    Ok(bytes)
}

fn rooms_of(texts: &[TextFile]) -> Result<Vec<Room>, WorkspaceError> {
    let mut rooms = Vec::new();
    for file in texts {
        let Some(folder) = file.path.strip_suffix("/Cargo.toml") else { continue };
        let Some(name) = folder.strip_prefix("crates/") else { continue };
        if name.contains('/') {
            continue;
        }
        let manifest = file
            .text
            .parse::<toml::Table>()
            .map_err(|error| WorkspaceError(format!("`{}`: {error}", file.path)))?;
        rooms.push(Room { name: name.to_owned(), folder: folder.to_owned(), manifest });
    }
    Ok(rooms)
}

/// Every file under `folder` that belongs to the checkout, whatever it holds, sorted.
pub(crate) fn walk_all(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    walk(folder, 1, |_| true, &mut paths)?;
    paths.sort();
    Ok(paths)
}

fn walk(
    folder: &Path,
    depth: usize,
    is_wanted: fn(&Path) -> bool,
    paths: &mut Vec<PathBuf>,
) -> io::Result<()> {
    if depth > FOLDER_DEPTH_MAX {
        return Ok(());
    }
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let kind = entry.file_type()?;
        if kind.is_dir() {
            if !is_passed_over(&name, depth) {
                walk(&entry.path(), depth + 1, is_wanted, paths)?;
            }
        } else if kind.is_file() && is_wanted(&entry.path()) {
            paths.push(entry.path());
        }
    }
    Ok(())
}

/// Build outputs, installed packages, state, and the version control's own files.
fn is_passed_over(name: &str, depth: usize) -> bool {
    matches!(name, ".git" | "node_modules" | "__pycache__" | "bartizan-data" | ".pytest_cache")
        || (depth == 0 && name.starts_with("target"))
        || name == "proptest-regressions"
}

fn is_text(path: &Path) -> bool {
    let name = path.to_string_lossy();
    // The scripts of the pipeline have no ending.
    let is_pipeline = path.components().any(|part| part.as_os_str() == ".ci");
    let is_written = TEXT_ENDINGS.iter().any(|ending| has_ending(&name, ending));
    (is_written || is_pipeline) && !path.ends_with("package-lock.json")
}

/// Whether a path ends with a dot and `ending`.
pub(crate) fn has_ending(path: &str, ending: &str) -> bool {
    Path::new(path).extension().is_some_and(|found| found == ending)
}

fn relative_name(root: &Path, path: &Path) -> String {
    let relative = path.strip_prefix(root).unwrap_or(path);
    relative.to_string_lossy().replace('\\', "/")
}
