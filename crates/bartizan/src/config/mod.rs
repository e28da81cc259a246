//! The configuration: found, read, checked.
//!
//! What a file says ([`options`]) becomes what it means ([`settings`]) in two steps, so that everything
//! behind this module deals with checked values only.
//!
//! INVARIANT: every problem of a file is reported at once, each with its place and what to do.
//! INVARIANT: without a file, the defaults protect.

pub(crate) mod coverage;
pub(crate) mod example;
mod guards;
mod known_keys;
mod options;
mod parse;
pub(crate) mod schema;
mod secret;
pub(crate) mod settings;
pub(crate) mod summary;
mod upstreams;

use std::path::{Path, PathBuf};

use crate::exit::{Exit, Failure};
use crate::files::read_text;
use options::ConfigOptions;
use parse::ConfigText;
use settings::{Checker, Settings};

/// The file that is used when none is named and it is there.
const CONFIG_FILE_DEFAULT: &str = "bartizan.toml";
/// Bytes of a configuration file.
const CONFIG_BYTES_MAX: u64 = 1 << 20;

/// What the configuration depends on besides its file.
pub(crate) struct Surroundings<'a> {
    /// A variable of the environment; empty ones count as missing.
    pub(crate) variable: &'a dyn Fn(&str) -> Option<String>,
    /// Now, in milliseconds since 1970.
    pub(crate) now_ms: u64,
}

/// Where the settings came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// This file.
    File(PathBuf),
    /// No file: built-in defaults and the environment.
    Defaults,
}

/// Reads the named file; without a name `bartizan.toml` in the working directory, if it is there.
pub(crate) fn load(
    named: Option<&Path>,
    surroundings: &Surroundings<'_>,
) -> Result<Settings, Failure> {
    let Some(path) = named.map(Path::to_path_buf).or_else(default_file) else {
        return check(
            &ConfigText::new("defaults", ""),
            ConfigOptions::default(),
            None,
            surroundings,
        );
    };
    let text = read_text(&path, CONFIG_BYTES_MAX).map_err(|error| {
        Failure::usage(
            format!("cannot read the configuration `{}`: {error}", path.display()),
            "name another file with `--config FILE`, or make one with \
             `bartizan config example > bartizan.toml`",
        )
    })?;
    let name = path.display().to_string();
    let mut config = ConfigText::new(&name, &text);
    let options = config.parse().map_err(|problems| Failure::Problems(Exit::Usage, problems))?;
    check(&config, options, Some(&path), surroundings)
}

/// The data folder only, for commands that read state: `--data` if given, else what the configuration
/// says, without checking the rest of it.
pub(crate) fn data_dir(named: Option<&Path>, config: Option<&Path>) -> Result<PathBuf, Failure> {
    if let Some(dir) = named {
        return Ok(dir.to_path_buf());
    }
    let Some(path) = config.map(Path::to_path_buf).or_else(default_file) else {
        return Ok(PathBuf::from(options::DATA_DIR_DEFAULT));
    };
    let text = read_text(&path, CONFIG_BYTES_MAX).map_err(|error| {
        let message = format!("cannot read the configuration `{}`: {error}", path.display());
        Failure::usage(message, "name the data folder with `--data DIR`")
    })?;
    let name = path.display().to_string();
    let mut config = ConfigText::new(&name, &text);
    let options = config.parse().map_err(|problems| Failure::Problems(Exit::Usage, problems))?;
    Ok(settings::data_dir(&options, &config, Some(&path)))
}

fn default_file() -> Option<PathBuf> {
    let path = PathBuf::from(CONFIG_FILE_DEFAULT);
    path.exists().then_some(path)
}

fn check(
    config: &ConfigText<'_>,
    options: ConfigOptions,
    path: Option<&Path>,
    surroundings: &Surroundings<'_>,
) -> Result<Settings, Failure> {
    Checker::new(config, path, surroundings)
        .check(options)
        .map_err(|problems| Failure::Problems(Exit::Usage, problems))
}
