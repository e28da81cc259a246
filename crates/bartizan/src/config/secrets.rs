//! Sealed secrets: what opens them, and what refers to them.
//!
//! INVARIANT: nothing is decrypted here: the data folder is not open yet. INVARIANT: a sealing key that is named and is not
//! one is a problem; there is no falling back to another.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use connect::{ProviderAdmin, ProviderKind, ProviderSettings};
use stdx::{Secret, SharedSecret};
use store::{KeyWrapper, LocalKey, SECRET_BYTES, Sealing, check_name, parse_secret};

use super::secret::SecretReference;
use super::secrets_options::{ProviderOption, RotationOptions, SecretsOptions};
use super::settings::{Checker, PEM_BYTES_MAX};
use super::upstreams::is_local;
use crate::data_dir::DataDir;
use crate::exit::Failure;
use crate::key_command::KeyCommand;
use crate::rotation::RotationSettings;

/// The longest that the program may take, in milliseconds.
const COMMAND_TIMEOUT_MS_MAX: u64 = 60_000;
/// Variables that the program gets.
const VARIABLES_MAX: usize = 64;
/// Keys that were used before.
const PREVIOUS_KEYS_MAX: usize = 16;
/// The longest that an old key may work after the switch, in seconds: 30 days.
const OVERLAP_S_MAX: u64 = 30 * 24 * 60 * 60;

/// What opens sealed secrets, and who needs which.
pub(crate) struct SecretsSettings {
    command: Option<KeyCommand>,
    key: Option<Secret<[u8; SECRET_BYTES]>>,
    /// What the configuration refers to by these names; empty until they are opened.
    pub(crate) places: BTreeMap<String, SharedSecret>,
    previous: Vec<Secret<[u8; SECRET_BYTES]>>,
    /// How sealed secrets are rotated, by name.
    pub(crate) rotations: BTreeMap<String, RotationSettings>,
}

impl SecretsSettings {
    /// The keys, with those of this data folder. With `may_create`, a folder that has none and needs one gets it.
    pub(crate) fn sealing(&self, data: &DataDir, may_create: bool) -> Result<Sealing, Failure> {
        let mut keys: Vec<Box<dyn KeyWrapper>> = Vec::new();
        let has_command = self.command.is_some();
        if let Some(command) = self.command.clone() {
            keys.push(Box::new(command));
        }
        let named = self.key.is_some();
        let own = || data.sealing_secret(may_create && !has_command);
        // The folder's own key may have sealed what was there before another was named.
        let first = match &self.key {
            Some(key) => Some(key.clone()),
            None if has_command => None,
            None => Some(own()?),
        };
        let later = if named || has_command { data.sealing_secret(false).ok() } else { None };
        for key in first.into_iter().chain(self.previous.iter().cloned()).chain(later) {
            keys.push(Box::new(LocalKey::new(key)));
        }
        let mut keys = keys.into_iter();
        let Some(current) = keys.next() else {
            return Err(Failure::usage("there is no key that seals", "set `[secrets] key`"));
        };
        Ok(Sealing::new(current, keys.collect()))
    }
}

impl Checker<'_> {
    pub(super) fn secrets(&mut self, options: SecretsOptions) -> SecretsSettings {
        let SecretsOptions {
            key,
            previous_keys,
            command,
            command_environment: environment,
            command_timeout_ms,
            rotations,
        } = options;
        let rotations = self.rotations(rotations);
        self.within("secrets.command_timeout_ms", command_timeout_ms, 1, COMMAND_TIMEOUT_MS_MAX);
        if previous_keys.len() > PREVIOUS_KEYS_MAX {
            let message = format!("there are more than {PREVIOUS_KEYS_MAX} keys");
            let help = "`bartizan secrets rewrap`, then remove those that are no longer needed";
            self.problem("secrets.previous_keys", message, help);
        }
        let is_name = |name: &String| {
            !name.is_empty()
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        };
        if environment.len() > VARIABLES_MAX || !environment.iter().all(is_name) {
            let message = format!("these are not up to {VARIABLES_MAX} names of variables");
            let help = "write names such as `AWS_PROFILE`, without values";
            self.problem("secrets.command_environment", message, help);
        }
        let time_max = Duration::from_millis(command_timeout_ms);
        let mut parts = command.into_iter();
        let command = parts.next().and_then(|program| {
            let program = PathBuf::from(program);
            if !program.is_absolute() {
                let help = "write the whole path, so that no other program can take its place";
                self.problem("secrets.command", "the program has no absolute path", help);
                return None;
            }
            Some(KeyCommand { arguments: parts.collect(), environment, program, time_max })
        });
        let previous = previous_keys.into_iter().take(PREVIOUS_KEYS_MAX).enumerate();
        let previous = previous
            .filter_map(|(at, key)| self.sealing_key(&format!("secrets.previous_keys[{at}]"), key))
            .collect();
        SecretsSettings {
            command,
            key: key.and_then(|key| self.sealing_key("secrets.key", key)),
            // Nothing is referred to after this.
            places: std::mem::take(&mut self.sealed),
            previous,
            rotations,
        }
    }

    fn rotations(
        &mut self,
        configured: Vec<RotationOptions>,
    ) -> BTreeMap<String, RotationSettings> {
        let mut rotations = BTreeMap::new();
        for (index, options) in configured.into_iter().enumerate() {
            let path = format!("secrets.rotations[{index}]");
            let below = |key: &str| format!("{path}.{key}");
            if let Err(error) = check_name(&options.name) {
                self.problem(&below("name"), error.to_string(), "write it as `secrets add` did");
            }
            if rotations.contains_key(&options.name) {
                let message = format!("`{}` is rotated in two ways", options.name);
                self.problem(&below("name"), message, "keep one of them");
            }
            self.within(&below("overlap_s"), options.overlap_s, 0, OVERLAP_S_MAX);
            if matches!(&options.admin_key, SecretReference::Sealed(name) if *name == options.name)
            {
                let message = "a key cannot open the administrative API that replaces it";
                self.problem(&below("admin_key"), message, "give the administrative key");
            }
            let urls = [&options.admin_url, &options.service_url, &options.token_url];
            if urls.into_iter().flatten().any(|url| url.starts_with("http://") && !is_local(url)) {
                let message = "keys would be sent without TLS";
                self.problem(&path, message, "write addresses that begin with `https://`");
            }
            let ca = options.ca_file.as_deref();
            let ca_pem = ca.and_then(|file| self.file(&below("ca_file"), file, PEM_BYTES_MAX));
            let Some(credential) = self.secret(&below("admin_key"), options.admin_key) else {
                continue;
            };
            let provider = ProviderAdmin::new(ProviderSettings {
                account: options.account,
                admin_url: options.admin_url,
                ca_pem,
                client_id: options.client_id,
                credential,
                kind: kind(options.provider),
                service_url: options.service_url,
                token_url: options.token_url,
            });
            match provider {
                Ok(provider) => {
                    let settings = RotationSettings {
                        on_exposure: options.on_exposure,
                        overlap_ms: options.overlap_s.saturating_mul(1_000),
                        provider: Arc::new(provider),
                    };
                    rotations.insert(options.name, settings);
                }
                Err(error) => {
                    let help = "`bartizan config example` says what each provider needs";
                    self.problem(&path, error.to_string(), help);
                }
            }
        }
        rotations
    }

    fn sealing_key(
        &mut self,
        path: &str,
        reference: SecretReference,
    ) -> Option<Secret<[u8; SECRET_BYTES]>> {
        let text = self.secret_at_hand(path, reference)?;
        let key = parse_secret(text.expose());
        if key.is_none() {
            let help = "make one with `openssl rand -hex 32`, and keep a copy of it elsewhere";
            self.problem(path, "what is referred to is not 64 hexadecimal digits", help);
        }
        key
    }
}

const fn kind(option: ProviderOption) -> ProviderKind {
    match option {
        ProviderOption::AzureOpenai => ProviderKind::AzureOpenAi,
        ProviderOption::Openai => ProviderKind::OpenAi,
        ProviderOption::Pinecone => ProviderKind::Pinecone,
    }
}
