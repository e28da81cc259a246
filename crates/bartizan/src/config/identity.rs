//! Ways in besides virtual keys, checked: issuers of tokens with their keys, and grants.
//!
//! INVARIANT: an issuer has a name of its own, an audience, asymmetric algorithms and keys from one place, which is
//! reached over TLS unless it is this machine. INVARIANT: what is allowed but easily meant otherwise is a warning:
//! rows that never decide, rows whose order matters, users named by claims that people can change.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use connect::{KeySource, KeySourceSettings};
use gateway::{IdentitySettings, TokenIssuer};
use identity::{
    Algorithm, CERTIFICATE_ISSUER, ClaimPath, Condition, GrantRow, GrantTable, Issuer,
    IssuerSettings, KeySet, Mapping, NAME_BYTES_MAX,
};
use policy::{Grants, NamePattern, Verb};

use super::identity_options::{ClaimOptions, GrantRowOptions, IdentityOptions, JwtOptions};
use super::known_keys::nearest;
use super::settings::{Checker, PEM_BYTES_MAX};
use super::upstreams::{is_local, is_own_address};

/// Issuers of one configuration.
const ISSUERS_MAX: usize = 32;
/// Rows of one table, and texts of one list in it.
const ROWS_MAX: usize = 1_000;
/// Bytes of an issuer's name.
const ISSUER_NAME_BYTES_MAX: usize = 40;
/// The most that clocks may differ, in seconds.
const LEEWAY_S_MAX: u64 = 300;
/// The longest that a token may be valid and keys may be kept, in seconds: thirty days.
const AGE_S_MAX: u64 = 30 * 24 * 60 * 60;
/// Names of the claims of a certificate.
const CERTIFICATE_CLAIMS: [&str; 3] = ["dns", "email", "uri"];
/// Claims that people can change or that are given to somebody else later (OpenID Connect Core 1.0 section 5.7).
const CHANGEABLE: [&str; 6] =
    ["email", "name", "nickname", "preferred_username", "unique_name", "upn"];

/// An issuer of tokens, as it may be shown.
pub(crate) struct IssuerCard {
    pub(crate) algorithms: Vec<&'static str>,
    pub(crate) grants: usize,
    pub(crate) issuer: String,
    /// Where its keys are.
    pub(crate) keys: String,
    pub(crate) name: String,
}

impl Checker<'_> {
    /// `asks_for_certificates` says whether `[tls]` does.
    pub(super) fn identity(
        &mut self,
        options: IdentityOptions,
        listen: SocketAddr,
        asks_for_certificates: bool,
    ) -> (IdentitySettings, Vec<IssuerCard>) {
        let IdentityOptions { jwt, certificates } = options;
        if jwt.len() > ISSUERS_MAX {
            let message = format!("there are more than {ISSUERS_MAX} issuers");
            self.problem("identity.jwt", message, "leave out those whose tokens nobody has");
        }
        if !certificates.is_empty() && !asks_for_certificates {
            let help = "set `[tls] client_ca_file`, or leave the grants out";
            self.problem("identity.certificates", "clients are not asked for certificates", help);
        }
        let (mut issuers, mut cards) = (Vec::new(), Vec::<IssuerCard>::new());
        for (index, options) in jwt.into_iter().enumerate().take(ISSUERS_MAX) {
            let path = format!("identity.jwt[{index}]");
            self.issuer_names(&path, &options, &cards);
            let algorithms = self.algorithms(&path, &options.algorithms);
            let keys = self.key_source(&path, &options, listen);
            cards.push(IssuerCard {
                algorithms: algorithms.iter().map(|one| one.as_str()).collect(),
                grants: options.grants.len(),
                issuer: options.issuer.clone(),
                keys: match (&options.jwks_file, &options.jwks_url) {
                    (Some(file), _) => file.display().to_string(),
                    (None, url) => url.clone().unwrap_or_default(),
                },
                name: options.name.clone(),
            });
            let issuer = self.issuer(&path, options, algorithms);
            issuers.extend(issuer.zip(keys).map(|(issuer, keys)| TokenIssuer { issuer, keys }));
        }
        let certificates = self.grant_table("identity.certificates", &certificates, true);
        (IdentitySettings { issuers, certificates }, cards)
    }

    fn issuer_names(&mut self, path: &str, options: &JwtOptions, cards: &[IssuerCard]) {
        let name = options.name.as_str();
        let is_name = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
        let at = format!("{path}.name");
        if name.is_empty() || name.len() > ISSUER_NAME_BYTES_MAX || !name.bytes().all(is_name) {
            let help = "write up to 40 small letters, digits, `_` and `-`";
            self.problem(&at, format!("`{name}` cannot be a name"), help);
        } else if name == CERTIFICATE_ISSUER || cards.iter().any(|card| card.name == name) {
            self.problem(&at, format!("`{name}` is taken"), "give each issuer a name of its own");
        }
        let at = format!("{path}.issuer");
        if options.issuer.is_empty() {
            self.problem(&at, "is empty", "write what `iss` is in the issuer's tokens");
        } else if cards.iter().any(|card| card.issuer == options.issuer) {
            let message = format!("`{}` is configured twice", options.issuer);
            self.problem(&at, message, "which of them is meant would not be clear: make them one");
        }
        if options.audiences.is_empty() || options.audiences.iter().any(String::is_empty) {
            let help = "write what `aud` is in tokens that are meant for here";
            let message = "tokens for anybody else would be taken too";
            self.problem(&format!("{path}.audiences"), message, help);
        }
        if options.grants.is_empty() {
            self.warn(format!("tokens of `{name}` open nothing: it has no grants"));
        }
    }

    fn algorithms(&mut self, path: &str, names: &[String]) -> Vec<Algorithm> {
        let path = format!("{path}.algorithms");
        let known = Algorithm::ALL.map(Algorithm::as_str);
        if names.is_empty() {
            self.problem(&path, "no token could be signed so", &known.join(", "));
        }
        let mut algorithms = Vec::new();
        for (index, name) in names.iter().enumerate() {
            let algorithm = Algorithm::of_name(name);
            if algorithm.is_none() {
                let message = format!("`{name}` is not taken");
                let help = format!("with public keys: {}", known.join(", "));
                self.problem(&format!("{path}[{index}]"), message, &help);
            }
            algorithms.extend(algorithm);
        }
        algorithms
    }

    fn key_source(
        &mut self,
        path: &str,
        options: &JwtOptions,
        listen: SocketAddr,
    ) -> Option<KeySource> {
        let below = |key: &str| format!("{path}.{key}");
        self.within(&below("refresh_s"), options.refresh_s, 10, AGE_S_MAX);
        self.within(&below("stale_s"), options.stale_s, options.refresh_s, AGE_S_MAX);
        self.within(&below("unknown_key_pause_s"), options.unknown_key_pause_s, 1, 3_600);
        match (&options.jwks_file, &options.jwks_url) {
            (Some(file), None) => {
                if options.ca_file.is_some() {
                    let message = "nothing is fetched";
                    self.problem(&below("ca_file"), message, "leave it out, or set `jwks_url`");
                }
                let bytes_max = identity::KEY_SET_BYTES_MAX as u64;
                let text = self.file(&below("jwks_file"), file, bytes_max)?;
                match KeySet::parse(&text) {
                    Ok(keys) => Some(KeySource::fixed(keys)),
                    Err(error) => {
                        let help = "save what the issuer publishes as its `jwks_uri`";
                        self.problem(&below("jwks_file"), error.to_string(), help);
                        None
                    }
                }
            }
            (None, Some(url)) => self.remote_keys(path, options, url, listen),
            _ => {
                let help = "write `jwks_url` or `jwks_file`";
                self.problem(path, "the issuer's keys must come from one place", help);
                None
            }
        }
    }

    fn remote_keys(
        &mut self,
        path: &str,
        options: &JwtOptions,
        url: &str,
        listen: SocketAddr,
    ) -> Option<KeySource> {
        let at = format!("{path}.jwks_url");
        if is_own_address(url, listen) {
            let message = "this is the address that Bartizan itself listens on";
            self.problem(&at, message, "write the address of the issuer's keys");
        }
        if !url.starts_with("https://") && !is_local(url) {
            let message = "whoever is between could send keys of their own";
            self.problem(&at, message, "write an address that begins with https://");
        }
        let ca_file = options.ca_file.as_deref();
        let ca_at = format!("{path}.ca_file");
        let source = KeySource::remote(KeySourceSettings {
            ca_pem: ca_file.and_then(|file| self.file(&ca_at, file, PEM_BYTES_MAX)),
            name: options.name.clone(),
            refresh: Duration::from_secs(options.refresh_s),
            stale: Duration::from_secs(options.stale_s),
            unknown_key_pause: Duration::from_secs(options.unknown_key_pause_s),
            url: url.to_owned(),
        });
        match source {
            Ok(source) => Some(source),
            Err(error) => {
                let at = if matches!(error, net::UpstreamError::Tls(_)) { ca_at } else { at };
                let help = "an address looks like `https://login.example.com/keys`";
                self.problem(&at, error.to_string(), help);
                None
            }
        }
    }

    fn issuer(
        &mut self,
        path: &str,
        options: JwtOptions,
        algorithms: Vec<Algorithm>,
    ) -> Option<Issuer> {
        let below = |key: &str| format!("{path}.{key}");
        self.within(&below("leeway_s"), options.leeway_s, 0, LEEWAY_S_MAX);
        self.within(&below("lifetime_s_max"), options.lifetime_s_max, 60, AGE_S_MAX);
        if options.types.is_empty() {
            self.problem(&below("types"), "no token is of a type", "write `types = [\"JWT\"]`");
        }
        let mapping = self.mapping(&below("claims"), &options.claims);
        let grants = self.grant_table(&below("grants"), &options.grants, false);
        Some(Issuer::new(IssuerSettings {
            name: options.name,
            issuer: options.issuer,
            audiences: options.audiences,
            algorithms,
            types: options.types,
            leeway_ms: options.leeway_s * 1_000,
            lifetime_ms_max: options.lifetime_s_max * 1_000,
            mapping: mapping?,
            grants,
        }))
    }

    fn mapping(&mut self, path: &str, claims: &ClaimOptions) -> Option<Mapping> {
        if CHANGEABLE.contains(&claims.user.as_str()) {
            self.warn(format!(
                "`{path}.user` is `{}`, which people can change and others can get later; `sub` stays",
                claims.user
            ));
        }
        let named = [&claims.agent, &claims.application, &claims.team, &claims.tenant];
        let mut used: Vec<&str> = Vec::new();
        for claim in std::iter::once(&claims.user).chain(named.into_iter().flatten()) {
            if used.contains(&claim.as_str()) {
                self.warn(format!("`{path}` takes two names from the claim `{claim}`"));
            }
            used.push(claim);
        }
        let mut maybe = |key: &str, claim: &Option<String>| {
            claim.as_ref().map(|claim| self.claim(&format!("{path}.{key}"), claim))
        };
        let agent = maybe("agent", &claims.agent);
        let application = maybe("application", &claims.application);
        let (team, tenant) = (maybe("team", &claims.team), maybe("tenant", &claims.tenant));
        let user = self.claim(&format!("{path}.user"), &claims.user)?;
        Some(Mapping {
            user,
            agent: agent.flatten(),
            application: application.flatten(),
            team: team.flatten(),
            tenant: tenant.flatten(),
        })
    }

    fn claim(&mut self, path: &str, claim: &str) -> Option<ClaimPath> {
        let parsed = ClaimPath::parse(claim);
        if parsed.is_none() {
            let help = "write a claim's name, or a JSON pointer like `/realm_access/roles`";
            self.problem(path, format!("`{claim}` names no claim"), help);
        }
        parsed
    }

    fn grant_table(
        &mut self,
        path: &str,
        rows: &[GrantRowOptions],
        are_certificates: bool,
    ) -> GrantTable {
        if rows.len() > ROWS_MAX {
            let message = format!("there are more than {ROWS_MAX} rows");
            self.problem(path, message, "put what is alike into one, with `*`");
        }
        let rows = rows.iter().take(ROWS_MAX).enumerate();
        let rows = rows
            .map(|(index, row)| self.grant_row(&format!("{path}[{index}]"), row, are_certificates));
        let table = GrantTable::new(rows.collect());
        for (row, before) in table.never_reached() {
            self.warn(format!(
                "`{path}[{row}]` never decides: `{path}[{before}]` fits whoever it fits"
            ));
        }
        for (row, before) in table.overlapping() {
            self.warn(format!(
                "whom both fit gets what `{path}[{before}]` grants, and not what `{path}[{row}]` does"
            ));
        }
        table
    }

    fn grant_row(&mut self, path: &str, row: &GrantRowOptions, are_certificates: bool) -> GrantRow {
        let below = |key: &str| format!("{path}.{key}");
        let mut when = Vec::new();
        for (claim, texts) in &row.when {
            if are_certificates && !CERTIFICATE_CLAIMS.contains(&claim.as_str()) {
                let message = format!("certificates say nothing about `{claim}`");
                let help = format!("they name {}", CERTIFICATE_CLAIMS.join(", "));
                self.problem(&below("when"), message, &help);
            }
            let any_of = self.names(&below("when"), texts.texts());
            when.extend(self.claim(&below("when"), claim).map(|claim| Condition { claim, any_of }));
        }
        let models = self.names(&below("models"), &row.models);
        let [routes, tools] = [("routes", &row.routes), ("tools", &row.tools)]
            .map(|(key, names)| (!names.is_empty()).then(|| self.names(&below(key), names)));
        let addresses: Vec<_> = row.addresses.iter().map(|range| range.0).collect();
        let hours = row.hours.as_ref().and_then(|hours| match hours.parse() {
            Ok(hours) => Some(hours),
            Err(error) => {
                let error: policy::ParseHoursError = error;
                self.problem(&below("hours"), error.to_string(), "hours are in UTC");
                None
            }
        });
        for (key, text) in [
            ("agent", &row.agent),
            ("application", &row.application),
            ("team", &row.team),
            ("tenant", &row.tenant),
        ] {
            if let Some(text) = text {
                self.names(&below(key), std::slice::from_ref(text));
            }
        }
        let limits = Grants {
            actions: self.actions(&below("actions"), &row.actions),
            addresses: (!addresses.is_empty()).then_some(addresses),
            expires_ms: None,
            hours,
            models: Some(models),
            routes,
            tools,
        };
        GrantRow {
            when,
            agent: row.agent.clone(),
            application: row.application.clone(),
            team: row.team.clone(),
            tenant: row.tenant.clone(),
            limits: Arc::new(limits),
        }
    }

    fn actions(&mut self, path: &str, names: &[String]) -> Option<Vec<Verb>> {
        let known = Verb::ALL.map(Verb::as_str);
        let mut actions = Vec::new();
        for (index, name) in names.iter().enumerate() {
            let verb = Verb::ALL.into_iter().find(|verb| verb.as_str() == name);
            if verb.is_none() {
                let help = match nearest(name, &known) {
                    Some(name) => format!("did you mean `{name}`?"),
                    None => known.join(", "),
                };
                let message = format!("there is no action `{name}`");
                self.problem(&format!("{path}[{index}]"), message, &help);
            }
            actions.extend(verb);
        }
        (!names.is_empty()).then_some(actions)
    }

    /// Patterns of names, or names: at least one.
    fn names(&mut self, path: &str, texts: &[String]) -> Vec<NamePattern> {
        if texts.is_empty() {
            self.problem(path, "an empty list fits nothing", "write `[\"*\"]` for everything");
        }
        for text in texts {
            let is_name = !text.trim().is_empty()
                && text.len() <= NAME_BYTES_MAX
                && !text.chars().any(char::is_control);
            if !is_name {
                let help = format!("write one line of up to {NAME_BYTES_MAX} bytes");
                self.problem(path, "a text is empty, too long or more than one line", &help);
            }
        }
        texts.iter().map(|text| NamePattern::new(text)).collect()
    }
}
