//! Detectors, rules and exceptions: what is looked for, and what follows from it.
//!
//! INVARIANT: names that mean nothing (of detectors, keys, days) are problems, never ignored.
//!
//! Not here: whether rules and exceptions fit together, which the policy engine says itself.

use detect::DetectSettings;
use events::Provenance;
use policy::PolicyOptions;
use wire::UnknownFields;

use super::known_keys::nearest;
use super::options::{ExceptionOptions, GuardOptions, PresetOption, UnknownFieldsOption};
use super::settings::Checker;
use crate::files::read_text;

/// Bytes of a policy file.
const POLICY_BYTES_MAX: u64 = 1 << 20;

impl Checker<'_> {
    pub(super) fn detectors(&mut self, options: &GuardOptions) -> DetectSettings {
        let mut settings = DetectSettings::default();
        for (index, name) in options.detectors_off.iter().enumerate() {
            if let Ok(without) = settings.clone().without(name) {
                settings = without;
                continue;
            }
            let names: Vec<_> = detect::Engine::detectors().iter().map(|card| card.name).collect();
            let help = match nearest(name, &names) {
                Some(name) => format!("did you mean `{name}`?"),
                None => format!("detectors: {}", names.join(", ")),
            };
            let path = format!("guards.detectors_off[{index}]");
            self.problem(&path, format!("there is no detector `{name}`"), &help);
        }
        for (index, canary) in options.canaries.iter().enumerate() {
            match settings.clone().with_canary(canary) {
                Ok(with) => settings = with,
                Err(error) => {
                    let help = "choose a string that no text has by chance";
                    self.problem(&format!("guards.canaries[{index}]"), error.to_string(), help);
                }
            }
        }
        let hosts = |hosts: &[String]| hosts.to_vec();
        settings = settings.with_hosts(hosts(&options.allowed_hosts), hosts(&options.denied_hosts));
        for (index, code) in options.languages.iter().enumerate() {
            if let Err(error) = settings.allow_language(code) {
                let path = format!("guards.languages[{index}]");
                self.problem(&path, error.to_string(), &error.hint());
            }
        }
        self.own_detection(options, &mut settings);
        if !options.enabled {
            self.warn("`guards.enabled` is false: nothing is looked for and nothing is masked");
        } else if options.preset == PresetOption::Observe {
            self.warn("the preset `observe` enforces nothing");
        }
        settings
    }

    pub(super) fn policy_options(
        &mut self,
        guards: &GuardOptions,
        exceptions: &[ExceptionOptions],
    ) -> PolicyOptions {
        let mut sources = Vec::new();
        for (index, file) in guards.policies.iter().enumerate() {
            let file = self.resolve(file);
            match read_text(&file, POLICY_BYTES_MAX) {
                Ok(text) => {
                    sources.push(policy::PolicySource { name: file.display().to_string(), text });
                }
                Err(error) => {
                    let message = format!("cannot read `{}`: {error}", file.display());
                    let help = "relative paths start at the configuration file";
                    self.problem(&format!("guards.policies[{index}]"), message, help);
                }
            }
        }
        let exceptions = exceptions.iter().enumerate();
        PolicyOptions {
            exceptions: exceptions
                .filter_map(|(index, exception)| self.exception(index, exception))
                .collect(),
            preset: match guards.preset {
                PresetOption::Observe => policy::Preset::Observe,
                PresetOption::Balanced => policy::Preset::Balanced,
                PresetOption::Strict => policy::Preset::Strict,
            },
            shadow: guards.shadow.clone(),
            sources,
        }
    }

    fn exception(
        &mut self,
        index: usize,
        options: &ExceptionOptions,
    ) -> Option<policy::ExceptionOptions> {
        let path = format!("exceptions[{index}]");
        let Some(expires_ms) = crate::time::parse_moment(&options.expires) else {
            let message = format!("`{}` is neither a day nor a moment", options.expires);
            let help = "write `2027-04-01` or `2027-04-01T08:00:00Z`";
            self.problem(&format!("{path}.expires"), message, help);
            return None;
        };
        if expires_ms <= self.surroundings.now_ms {
            self.warn(format!("exception `{}` expired on {}", options.id, options.expires));
        }
        let key = options.scope.key.as_deref().map(str::parse).transpose().unwrap_or_else(|_| {
            let help = "`bartizan keys list` shows the ids of keys";
            self.problem(&format!("{path}.scope.key"), "this is not the id of a key", help);
            None
        });
        let scope = &options.scope;
        let provenance = scope.provenance.as_deref().and_then(|name| {
            let known = Provenance::ALL.into_iter().find(|known| known.as_str() == name);
            if known.is_none() {
                let names = Provenance::ALL.map(Provenance::as_str).join("`, `");
                let help = format!("it is one of `{names}`");
                let message = format!("`{name}` is no provenance");
                self.problem(&format!("{path}.scope.provenance"), message, &help);
            }
            known
        });
        Some(policy::ExceptionOptions {
            expires_ms,
            id: options.id.clone(),
            owner: options.owner.clone(),
            reason: options.reason.clone(),
            rule: options.rule.clone(),
            scope: policy::ExceptionScope {
                application: scope.application.clone(),
                key,
                kind: scope.kind.clone(),
                model: scope.model.clone(),
                provenance,
                route: scope.route.clone(),
                team: scope.team.clone(),
                tenant: scope.tenant.clone(),
            },
        })
    }
}

pub(super) fn unknown_fields(guards: &GuardOptions) -> UnknownFields {
    match (guards.unknown_fields, guards.preset) {
        (Some(UnknownFieldsOption::Refuse), _) | (None, PresetOption::Strict) => {
            UnknownFields::Refuse
        }
        (Some(UnknownFieldsOption::Scan) | None, _) => UnknownFields::Scan,
    }
}
