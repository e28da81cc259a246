//! The configuration: found, read, checked.
//!
//! What a file says ([`options`]) becomes what it means ([`settings`]) in two steps, so that everything
//! behind this module deals with checked values only.
//!
//! INVARIANT: every problem of a file is reported at once, each with its place and what to do.
//! INVARIANT: without a file, the defaults protect.

mod address_range;
mod aws_options;
pub(crate) mod coverage;
pub(crate) mod example;
pub(crate) mod external;
mod external_options;
pub(crate) mod fixed;
mod guards;
mod hunt_options;
mod hunts;
pub(crate) mod identity;
mod identity_options;
mod journal_options;
mod known_keys;
mod limit_options;
mod limits;
mod oauth_options;
mod options;
mod own_detection;
mod own_detection_options;
mod parse;
mod route_options;
mod routes;
pub(crate) mod schema;
mod secret;
pub(crate) mod secrets;
mod secrets_options;
pub(crate) mod settings;
mod shared_limit_options;
mod sink_options;
mod sinks;
pub(crate) mod summary;
mod telemetry;
mod telemetry_options;
mod upstreams;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use stdx::SharedSecret;

use crate::exit::{Exit, Failure, Problem};
use crate::files::read_text;
use options::ConfigOptions;
use parse::ConfigText;
pub(crate) use secret::SecretReference;
use secrets::SecretsSettings;
use settings::{Checker, Guards, Settings};

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
    /// The sealed secrets that are known already, by name.
    pub(crate) sealed: BTreeMap<String, SharedSecret>,
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
        let config = ConfigText::new("defaults", "");
        let checked = Checker::new(&config, None, surroundings).check(ConfigOptions::default());
        return checked.map_err(wrong);
    };
    let (name, text) = read(&path)?;
    let mut config = ConfigText::new(&name, &text);
    let options = config.parse().map_err(wrong)?;
    Checker::new(&config, Some(&path), surroundings).check(options).map_err(wrong)
}

/// Only the guards of the named file: no key has to be there, no upstream to make sense.
pub(crate) fn load_guards(path: &Path, surroundings: &Surroundings<'_>) -> Result<Guards, Failure> {
    let (name, text) = read(path)?;
    let mut config = ConfigText::new(&name, &text);
    let options = config.parse().map_err(wrong)?;
    Checker::new(&config, Some(path), surroundings).check_guards(&options).map_err(wrong)
}

/// Only the rules: of the named file, else of the one that is used when none is named, else those that are shipped.
pub(crate) fn load_policy(
    named: Option<&Path>,
    surroundings: &Surroundings<'_>,
) -> Result<policy::Engine, Failure> {
    match named.map(Path::to_path_buf).or_else(default_file) {
        Some(path) => load_guards(&path, surroundings).map(|guards| guards.policy),
        None => policy::Engine::new(&policy::PolicyOptions::default())
            .map_err(Failure::environment_as_told),
    }
}

/// Only what opens sealed secrets and rotates them; without a file, the defaults.
pub(crate) fn load_secrets(
    named: Option<&Path>,
    surroundings: &Surroundings<'_>,
) -> Result<SecretsSettings, Failure> {
    let Some(path) = named.map(Path::to_path_buf).or_else(default_file) else {
        let config = ConfigText::new("defaults", "");
        let checker = Checker::new(&config, None, surroundings);
        return checker.check_secrets(ConfigOptions::default()).map_err(wrong);
    };
    let (name, text) = read(&path)?;
    let mut config = ConfigText::new(&name, &text);
    let options = config.parse().map_err(wrong)?;
    Checker::new(&config, Some(&path), surroundings).check_secrets(options).map_err(wrong)
}

fn wrong(problems: Vec<Problem>) -> Failure {
    Failure::Problems(Exit::Usage, problems)
}

/// The name and the text of a configuration file.
fn read(path: &Path) -> Result<(String, String), Failure> {
    let text = read_text(path, CONFIG_BYTES_MAX).map_err(|error| {
        Failure::usage(
            format!("cannot read the configuration `{}`: {error}", path.display()),
            "name another file with `--config FILE`, or make one with \
             `bartizan config example > bartizan.toml`",
        )
    })?;
    Ok((path.display().to_string(), text))
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
    let (name, text) = read(&path)?;
    let mut config = ConfigText::new(&name, &text);
    let options = config.parse().map_err(wrong)?;
    Ok(settings::data_dir(&options, &config, Some(&path)))
}

/// The names of the upstreams, without checking the rest of the configuration; without any, those that are built in.
pub(crate) fn upstream_names(config: Option<&Path>) -> Result<Vec<String>, Failure> {
    let built_in = || ["openai", "loopback"].map(String::from).to_vec();
    let Some(path) = config.map(Path::to_path_buf).or_else(default_file) else {
        return Ok(built_in());
    };
    let (name, text) = read(&path)?;
    let options = ConfigText::new(&name, &text).parse().map_err(wrong)?;
    let names: Vec<String> = options.upstreams.into_iter().map(|upstream| upstream.name).collect();
    Ok(if names.is_empty() { built_in() } else { names })
}

/// The names of the sinks, without checking the rest of the configuration.
pub(crate) fn sink_names(config: Option<&Path>) -> Result<Vec<String>, Failure> {
    let Some(path) = config.map(Path::to_path_buf).or_else(default_file) else {
        return Ok(Vec::new());
    };
    let (name, text) = read(&path)?;
    let options = ConfigText::new(&name, &text).parse().map_err(wrong)?;
    Ok(options.sinks.into_iter().map(|sink| sink.name).collect())
}

fn default_file() -> Option<PathBuf> {
    let path = PathBuf::from(CONFIG_FILE_DEFAULT);
    path.exists().then_some(path)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What is said about any text as a configuration.
    fn said(text: &str) -> String {
        let mut config = ConfigText::new("bartizan.toml", text);
        let surroundings = Surroundings { variable: &|_| None, now_ms: 0, sealed: BTreeMap::new() };
        let checked = config.parse().and_then(|options| {
            Checker::new(&config, None, &surroundings).check(options).map(|_| ())
        });
        let problems = checked.err().unwrap_or_default();
        problems.iter().map(crate::output::in_words).collect()
    }

    #[test]
    fn a_problem_at_the_end_of_a_line_is_pointed_at() {
        let said = said("[server]\nlisten =\nhead_bytes_max = 1\n");
        assert!(said.contains("[bartizan.toml:2:9]"), "{said}");
    }

    /// The example with every setting uncommented.
    fn settings() -> Vec<String> {
        let uncomment = |line: &str| line.strip_prefix('#').unwrap_or(line).to_owned();
        let example = example::example();
        let settings = example.lines().filter(|line| !line.starts_with("# "));
        settings.map(uncomment).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100))]

        #[test]
        fn any_text_is_read_without_panic(text in "[\\[\\]{}=\"'.,#a-z0-9_ \n\u{e9}\u{0}]{0,200}") {
            said(&text);
        }

        #[test]
        fn a_damaged_configuration_is_read_without_panic(
            line in 0..100_usize,
            at in 0..60_usize,
            inserted in "[\\[\\]{}=\"'.,#a9é\n -]{0,3}",
            dropped in 0..100_usize,
        ) {
            let mut lines = settings();
            let count = lines.len();
            let line = &mut lines[line % count];
            let at = line.floor_char_boundary(at.min(line.len()));
            line.insert_str(at, &inserted);
            lines.remove(dropped % count);
            said(&lines.join("\n"));
        }
    }
}
