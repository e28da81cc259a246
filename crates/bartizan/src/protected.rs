//! The fingerprints of protected documents, kept in the data folder: one file for each folder that was added.
//!
//! INVARIANT: a file is there whole or not at all, and only its owner can read it: fingerprints say whether somebody has a document.
//! INVARIANT: what cannot be read stops the command or the gateway; it is never as if nothing were protected.
//!
//! Not here: what fingerprints are (`detect`), which files are read (`commands::protect`).

use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use detect::{
    CORPUS_DOCUMENTS_MAX, CORPUS_PRINTS_MAX, Corpus, CorpusError, DOCUMENT_NAME_BYTES_MAX,
};

use crate::exit::Failure;
use crate::files::read_bounded;

/// The longest name of a protected folder, in bytes; it stands before the names of its documents.
pub(crate) const NAME_BYTES_MAX: usize = 24;
/// The most protected folders.
pub(crate) const FOLDERS_MAX: usize = 256;

/// More than any corpus has.
const FILE_BYTES_MAX: u64 =
    64 + (CORPUS_DOCUMENTS_MAX * (DOCUMENT_NAME_BYTES_MAX + 6) + CORPUS_PRINTS_MAX * 12) as u64;
const EXTENSION: &str = "corpus";

/// The protected documents of a data folder.
pub(crate) struct Protected(PathBuf);

impl Protected {
    pub(crate) const fn new(folder: PathBuf) -> Self {
        Self(folder)
    }

    /// The names of what is protected, sorted.
    pub(crate) fn names(&self) -> Result<Vec<String>, Failure> {
        let entries = match std::fs::read_dir(&self.0) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed("read", &self.0, &error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let path = entry.map_err(|error| failed("read", &self.0, &error))?.path();
            if path.extension().is_some_and(|extension| extension == EXTENSION)
                && let Some(name) = path.file_stem().and_then(|name| name.to_str())
            {
                names.push(name.to_owned());
            }
        }
        if names.len() > FOLDERS_MAX {
            return Err(too_many_folders());
        }
        names.sort_unstable();
        Ok(names)
    }

    /// The fingerprints of one folder.
    pub(crate) fn read(&self, name: &str) -> Result<Corpus, Failure> {
        let path = self.file(name);
        let bytes =
            read_bounded(&path, FILE_BYTES_MAX).map_err(|error| failed("read", &path, &error))?;
        Corpus::from_bytes(&bytes).map_err(|_| {
            let message = format!("the fingerprints in `{}` are damaged", path.display());
            let help = format!(
                "make them again with `bartizan protect add DIR --name {name}`, or do without them \
                 with `bartizan protect remove {name}`"
            );
            Failure::environment(message, help)
        })
    }

    /// Everything that is protected.
    pub(crate) fn load(&self) -> Result<Corpus, Failure> {
        let mut all = Corpus::default();
        for name in self.names()? {
            all.merge(&self.read(&name)?).map_err(too_large)?;
        }
        Ok(all)
    }

    /// Keeps the fingerprints of a folder; says whether there were others under its name.
    pub(crate) fn write(&self, name: &str, corpus: &Corpus) -> Result<bool, Failure> {
        let mut all = corpus.clone();
        let mut names = self.names()?;
        names.retain(|other| other != name);
        if names.len() >= FOLDERS_MAX {
            return Err(too_many_folders());
        }
        // What is kept must be fit to be loaded together.
        for other in &names {
            all.merge(&self.read(other)?).map_err(too_large)?;
        }
        let path = self.file(name);
        let is_replaced = path.exists();
        self.replace(&path, &corpus.to_bytes()).map_err(|error| failed("write", &path, &error))?;
        Ok(is_replaced)
    }

    /// Forgets the fingerprints of a folder; says whether there were any.
    pub(crate) fn remove(&self, name: &str) -> Result<bool, Failure> {
        let path = self.file(name);
        match std::fs::remove_file(&path).and_then(|()| self.sync()) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(failed("remove", &path, &error)),
        }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(format!("{name}.{EXTENSION}"))
    }

    /// Writes a file beside its place and moves it there.
    fn replace(&self, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.0)?;
        // Two commands at once each write their own.
        let unfinished = path.with_extension(format!("{}.new", std::process::id()));
        let written = (|| {
            let mut options = std::fs::OpenOptions::new();
            let mut file =
                options.write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            std::fs::rename(&unfinished, path)
        })();
        if written.is_err() {
            let _left_for_the_next = std::fs::remove_file(&unfinished).is_err();
        }
        written?;
        self.sync()
    }

    fn sync(&self) -> std::io::Result<()> {
        std::fs::File::open(&self.0)?.sync_all()
    }
}

fn failed(doing: &str, path: &Path, error: &std::io::Error) -> Failure {
    let message = format!("cannot {doing} `{}`: {error}", path.display());
    Failure::environment(message, "check the permissions and the space of the data folder")
}

fn too_large(error: CorpusError) -> Failure {
    Failure::usage(error, "protect fewer documents; `bartizan protect list` shows what there is")
}

fn too_many_folders() -> Failure {
    let message = format!("more than {FOLDERS_MAX} folders are protected");
    Failure::usage(message, "protect one folder above several of them instead")
}
