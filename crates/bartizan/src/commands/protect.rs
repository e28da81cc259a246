//! `bartizan protect add|list|remove`: documents whose verbatim repetition in an answer is a finding.
//!
//! `add` reads the text files under a folder, in the order of their names, and keeps fingerprints of them in the data folder; no text is
//! kept. What is hidden (a name that begins with `.`), a link or not text is passed over. A gateway takes up changes when it starts.
//!
//! INVARIANT: what was passed over is said; a file that should have been read and was not makes the command end as incomplete.
//! INVARIANT: work is bounded: [`FILE_BYTES_MAX`] of a file, [`FILES_MAX`] files, [`DEPTH_MAX`] folders deep.

use std::path::{Path, PathBuf};

use detect::{CORPUS_DOCUMENTS_MAX, Corpus, CorpusError};
use serde::Serialize;

use crate::cli::{ProtectCommand, StateArgs};
use crate::config;
use crate::data_dir::DataDir;
use crate::exit::{Exit, Failure};
use crate::files::{as_text, read_bounded};
use crate::output::{Output, Progress, Table, note, printable};
use crate::protected::{NAME_BYTES_MAX, Protected};

/// Bytes of one file.
const FILE_BYTES_MAX: u64 = 8 << 20;
/// Files that are looked at.
const FILES_MAX: usize = CORPUS_DOCUMENTS_MAX;
/// Folders within folders.
const DEPTH_MAX: usize = 32;
/// What texts in UTF-16 begin with.
const UTF_16_MARKS: [&[u8]; 2] = [b"\xff\xfe", b"\xfe\xff"];
/// Paths that are shown of those passed over.
const SHOWN_MAX: usize = 20;

pub(crate) fn run(command: &ProtectCommand) -> Result<Exit, Failure> {
    let mut output = Output::new();
    let exit = match command {
        ProtectCommand::Add { dir, name, state, format } => {
            add(dir, name.as_deref(), state, format.is_json(), &mut output)?
        }
        ProtectCommand::List { state, format } => list(state, format.is_json(), &mut output)?,
        ProtectCommand::Remove { name, state, format } => {
            remove(name, state, format.is_json(), &mut output)?
        }
    };
    output.finish()?;
    Ok(exit)
}

/// What `add` did. The names are a contract.
#[derive(Serialize)]
struct Added<'a> {
    name: &'a str,
    documents: usize,
    fingerprints: u64,
    /// Whether something of that name was protected before.
    replaced: bool,
    /// Files that have too few words for a fingerprint.
    too_short: usize,
    /// Hidden files and folders, links, and files that are no text.
    passed_over: &'a [PassedOver],
    /// What should have been read.
    unread: &'a [PassedOver],
}

/// A file that is not protected, and why.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct PassedOver {
    path: String,
    why: String,
}

fn add(
    dir: &Path,
    name: Option<&str>,
    state: &StateArgs,
    json: bool,
    output: &mut Output,
) -> Result<Exit, Failure> {
    let name = match name {
        Some(name) => checked_name(name)?,
        None => name_of(dir)?,
    };
    let mut found = Found::under(dir)?;
    let mut corpus = Corpus::default();
    let read = read_all(dir, &name, &mut found);
    corpus.extend(read).map_err(|error| match error {
        CorpusError::TooLarge | CorpusError::Damaged => {
            Failure::usage(error, "protect parts of the folder, those that matter")
        }
    })?;
    if corpus.is_empty() {
        let message = format!("there is no text to protect under `{}`", dir.display());
        return Err(Failure::usage(message, "give a folder with text files of some sentences"));
    }
    let path = config::data_dir(state.data.as_deref(), state.config.as_deref())?;
    let replaced = DataDir::create(&path)?.protected().write(&name, &corpus)?;
    let added = Added {
        name: &name,
        documents: corpus.documents().len(),
        fingerprints: corpus.documents().iter().map(|document| u64::from(document.prints)).sum(),
        replaced,
        too_short: corpus.documents().iter().filter(|document| document.prints == 0).count(),
        passed_over: &found.passed_over,
        unread: &found.unread,
    };
    if json {
        output.json(&added)?;
    } else {
        output.text(&in_words(&added))?;
    }
    note("a gateway that runs takes this up when it starts again");
    Ok(if found.unread.is_empty() { Exit::Fine } else { Exit::Incomplete })
}

fn in_words(added: &Added<'_>) -> String {
    let again = if added.replaced { "protected again" } else { "protected" };
    let mut lines = vec![format!(
        "`{}` is {again}: {} documents, {} fingerprints",
        added.name, added.documents, added.fingerprints
    )];
    if added.too_short > 0 {
        lines.push(format!("  too few words for a fingerprint: {} documents", added.too_short));
    }
    for (what, paths) in [("not protected", added.passed_over), ("not read", added.unread)] {
        for path in paths.iter().take(SHOWN_MAX) {
            lines.push(format!("  {what}: {} ({})", printable(&path.path), path.why));
        }
        if paths.len() > SHOWN_MAX {
            let more = paths.len() - SHOWN_MAX;
            lines.push(format!("  {what}: {more} more; `--json` lists all"));
        }
    }
    lines.push(String::new());
    lines.join("\n")
}

/// The texts of the files that were found, with their names, as they are asked for.
fn read_all<'a>(
    dir: &'a Path,
    name: &'a str,
    found: &'a mut Found,
) -> impl Iterator<Item = (String, String)> + 'a {
    let mut progress = Progress::new("files");
    let files = std::mem::take(&mut found.files);
    (0_u64..).zip(files).filter_map(move |(count, path)| {
        progress.reached(count);
        let inside = path.strip_prefix(dir).unwrap_or(&path).display().to_string();
        // Zeros are data, unless a mark says that they are halves of letters; all else is text and was meant.
        let is_data = |bytes: &[u8]| {
            bytes.contains(&0) && !UTF_16_MARKS.iter().any(|mark| bytes.starts_with(mark))
        };
        let text = match read_bounded(&path, FILE_BYTES_MAX) {
            Ok(bytes) if is_data(&bytes) => {
                found.pass_over(&path, "not text");
                return None;
            }
            Ok(bytes) => as_text(bytes),
            Err(error) => Err(error),
        };
        match text {
            Ok(text) => return Some((format!("{name}/{inside}"), text)),
            Err(error) => found.unread(&path, error.to_string()),
        }
        None
    })
}

/// What lies under a folder.
#[derive(Default)]
struct Found {
    files: Vec<PathBuf>,
    passed_over: Vec<PassedOver>,
    unread: Vec<PassedOver>,
}

impl Found {
    fn under(dir: &Path) -> Result<Self, Failure> {
        let mut found = Self::default();
        let entries = std::fs::read_dir(dir).map_err(|error| {
            let message = format!("cannot read the folder `{}`: {error}", dir.display());
            Failure::usage(message, "give a folder with text files")
        })?;
        found.walk(entries, dir, 1)?;
        found.files.sort_unstable();
        Ok(found)
    }

    fn walk(&mut self, entries: std::fs::ReadDir, dir: &Path, depth: usize) -> Result<(), Failure> {
        for entry in entries {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    self.unread(dir, error.to_string());
                    continue;
                }
            };
            let path = entry.path();
            let Ok(kind) = entry.file_type() else {
                self.unread(&path, "its kind is unknown".to_owned());
                continue;
            };
            if entry.file_name().as_encoded_bytes().starts_with(b".") {
                self.pass_over(&path, "hidden");
            } else if kind.is_dir() && depth >= DEPTH_MAX {
                self.unread(&path, format!("more than {DEPTH_MAX} folders deep"));
            } else if kind.is_dir() {
                match std::fs::read_dir(&path) {
                    Ok(entries) => self.walk(entries, &path, depth + 1)?,
                    Err(error) => self.unread(&path, error.to_string()),
                }
            } else if kind.is_file() {
                self.files.push(path);
            } else {
                self.pass_over(&path, if kind.is_symlink() { "a link" } else { "not a file" });
            }
            if self.files.len() + self.passed_over.len() + self.unread.len() > FILES_MAX {
                let message = format!("there are more than {FILES_MAX} files");
                return Err(Failure::usage(message, "protect parts of the folder, one at a time"));
            }
        }
        Ok(())
    }

    fn pass_over(&mut self, path: &Path, why: &str) {
        let (path, why) = (path.display().to_string(), why.to_owned());
        self.passed_over.push(PassedOver { path, why });
    }

    fn unread(&mut self, path: &Path, why: String) {
        self.unread.push(PassedOver { path: path.display().to_string(), why });
    }
}

/// One protected folder as it is listed. The names are a contract.
#[derive(Serialize)]
struct Listed {
    name: String,
    documents: usize,
    fingerprints: u64,
}

fn list(state: &StateArgs, json: bool, output: &mut Output) -> Result<Exit, Failure> {
    let protected = open(state)?;
    let mut listed = Vec::new();
    for name in protected.names()? {
        let corpus = protected.read(&name)?;
        let fingerprints = corpus.documents().iter().map(|one| u64::from(one.prints)).sum();
        listed.push(Listed { name, documents: corpus.documents().len(), fingerprints });
    }
    if json {
        output.json(&listed)?;
        return Ok(Exit::Fine);
    }
    if listed.is_empty() {
        note("nothing is protected; hint: `bartizan protect add DIR`");
        return Ok(Exit::Fine);
    }
    let mut table = Table::new(&["NAME", "DOCUMENTS", "FINGERPRINTS"]);
    for one in listed {
        table.row([one.name, one.documents.to_string(), one.fingerprints.to_string()]);
    }
    output.text(&table.render())?;
    Ok(Exit::Fine)
}

fn remove(name: &str, state: &StateArgs, json: bool, output: &mut Output) -> Result<Exit, Failure> {
    let name = checked_name(name)?;
    if !open(state)?.remove(&name)? {
        let message = format!("nothing called `{name}` is protected");
        return Err(Failure::usage(message, "`bartizan protect list` shows what is"));
    }
    if json {
        output.json(&serde_json::json!({ "name": name, "removed": true }))?;
    } else {
        output.line(&format!("`{name}` is protected no longer"))?;
    }
    note("a gateway that runs takes this up when it starts again");
    Ok(Exit::Fine)
}

fn open(state: &StateArgs) -> Result<Protected, Failure> {
    let path = config::data_dir(state.data.as_deref(), state.config.as_deref())?;
    Ok(DataDir::open(&path)?.protected())
}

/// A name that may stand in a path and in the kind of a finding.
fn checked_name(name: &str) -> Result<String, Failure> {
    let is_fine = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_'
    };
    if (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(is_fine) {
        return Ok(name.to_owned());
    }
    let help = format!("use 1 to {NAME_BYTES_MAX} of: a to z, 0 to 9, `-`, `_`");
    Err(Failure::usage(format!("`{name}` cannot be a name"), help))
}

/// The name that a folder gives.
fn name_of(dir: &Path) -> Result<String, Failure> {
    let whole = std::fs::canonicalize(dir).unwrap_or_else(|_| dir.to_path_buf());
    let name = whole.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let kept =
        |letter: char| if letter.is_ascii_alphanumeric() || letter == '_' { letter } else { '-' };
    let name: String = name.chars().map(kept).take(NAME_BYTES_MAX).collect();
    checked_name(&name).map_err(|_| {
        let message = format!("`{}` gives no name", dir.display());
        Failure::usage(message, "give one with `--name NAME`")
    })
}
