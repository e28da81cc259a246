//! Who asks: the holder of a virtual key, of a token, of a client certificate, or of a key of an own provider account.
//!
//! Whatever a caller sends as a key decides; a certificate decides only without one, and is on record in any case.
//! A token from a configured issuer is checked as such on every route, also where callers' provider keys are taken.
//!
//! INVARIANT: a token is never sent on, and never on record: its id is, as a keyed hash. INVARIANT: what is meant as
//! a token and cannot be read is refused and not taken for something else.
//!
//! Not here: what makes a token good and whom it speaks for (`identity`), where its issuer's keys come from (`connect`).

use std::sync::Arc;

use connect::KeySource;
use data_encoding::HEXLOWER;
use events::{Credentials, Ending, Principal};
use http::{StatusCode, request::Parts};
use identity::{
    Admitted, CertificateError, CertificateNames, GrantTable, Issuer, Token, TokenRefusal, Verified,
};
use net::{Shutdown, Tasks};
use ring::hmac;
use store::{Grant, Quota};
use wire::Dialect;

use crate::{
    exchange::now_ms,
    provider_keys,
    refusal::Refusal,
    service::Shared,
    settings::Route,
    speech::{self, ProviderKey},
};

/// Bytes of the keyed hash that stands for an end user, a foreign key or a token.
const NAME_HASH_BYTES: usize = 12;

/// Ways in besides virtual keys.
#[derive(Clone, Debug, Default)]
pub struct IdentitySettings {
    /// Whose tokens are taken.
    pub issuers: Vec<TokenIssuer>,
    /// What holders of client certificates may do.
    pub certificates: GrantTable,
}

/// An issuer of tokens and its keys.
#[derive(Clone, Debug)]
pub struct TokenIssuer {
    /// What its tokens must satisfy and mean.
    pub issuer: Issuer,
    /// Its keys.
    pub keys: KeySource,
}

/// An authenticated caller; the default is nobody.
#[derive(Default)]
pub(crate) struct Caller {
    /// Whom limits and baselines count: the principal, or all strangers together.
    pub(crate) counted: Principal,
    pub(crate) credentials: Credentials,
    pub(crate) grant: Option<Arc<Grant>>,
    /// Whether it comes with a key that no provider has accepted yet: [`provider_keys`].
    pub(crate) is_stranger: bool,
    pub(crate) principal: Principal,
    /// The caller's own provider key, on routes that accept those.
    pub(crate) provider_key: Option<ProviderKey>,
}

impl Caller {
    /// Whom a grant says it is.
    fn granted(grant: Arc<Grant>, credentials: Credentials) -> Self {
        let principal = grant.principal.clone();
        let counted = principal.clone();
        Self { counted, credentials, grant: Some(grant), principal, ..Self::default() }
    }

    /// The request takes this route: strangers are counted with those of the same one.
    pub(crate) fn takes(&mut self, route: &Route) {
        if self.is_stranger {
            self.counted.application = Some(provider_keys::strangers(Some(&route.name)));
        }
    }
}

/// The ways in, ready to be taken.
pub(crate) struct WaysIn {
    key: hmac::Key,
    settings: IdentitySettings,
    verified: Verified,
}

/// The certificate that a client showed, if any.
pub(crate) struct Shown(Option<Result<CertificateNames, CertificateError>>);

impl Shown {
    pub(crate) fn of(certificate: Option<&[u8]>) -> Self {
        Self(certificate.map(|certificate| CertificateNames::read(certificate, now_ms())))
    }

    /// What of it is on record.
    pub(crate) fn credentials(&self) -> Credentials {
        let names = self.0.as_ref().and_then(|names| names.as_ref().ok());
        let certificate = names.and_then(CertificateNames::name).map(str::to_owned);
        Credentials { certificate, token: None }
    }
}

impl WaysIn {
    /// Begins to fetch the issuers' keys.
    pub(crate) fn new(
        settings: IdentitySettings,
        key: hmac::Key,
        tasks: &Tasks,
        shutdown: &Shutdown,
    ) -> Self {
        for issuer in &settings.issuers {
            tasks.spawn(issuer.keys.clone().run(shutdown.clone()));
        }
        Self { key: key.clone(), settings, verified: Verified::new(key) }
    }

    /// Other ways in. Issuers that are asked where they were go on with their keys; what tokens open is found out anew.
    pub(crate) fn changed(
        &self,
        settings: IdentitySettings,
        tasks: &Tasks,
        shutdown: &Shutdown,
    ) -> Self {
        for issuer in &settings.issuers {
            for before in &self.settings.issuers {
                issuer.keys.inherit(&before.keys);
            }
        }
        Self::new(settings, self.key.clone(), tasks, shutdown)
    }

    /// Whom a token lets in; nothing, if this is no token, or one of somebody else.
    async fn token(&self, presented: &str) -> Result<Option<Arc<Admitted>>, TokenRefusal> {
        let issuers = &self.settings.issuers;
        if issuers.is_empty() {
            return Ok(None);
        }
        let now_ms = now_ms();
        let keys_of = |admitted: &Admitted| {
            let name = admitted.principal.issuer.as_deref();
            let from = issuers.iter().find(|from| Some(from.issuer.name()) == name)?;
            from.keys.current()
        };
        if let Some(admitted) = self.verified.get(presented, keys_of, now_ms) {
            return Ok(Some(admitted));
        }
        if !Token::is_meant(presented) {
            return Ok(None);
        }
        let token = Token::parse(presented)?;
        let Some(from) = issuers.iter().find(|from| from.issuer.issued(&token)) else {
            return Ok(None);
        };
        let mut keys = from.keys.current();
        let is_key_missing = keys.as_ref().is_none_or(|keys| from.issuer.lacks_key(&token, keys));
        if is_key_missing {
            let _not_so_soon = !from.keys.fetched_again().await;
            keys = from.keys.current();
        }
        let keys = keys.ok_or(TokenRefusal::NoKeys)?;
        let admitted = Arc::new(from.issuer.verify(&token, &keys, now_ms)?);
        self.verified.keep(presented, Arc::clone(&admitted), keys, now_ms);
        Ok(Some(admitted))
    }
}

/// Finds out who asks.
pub(crate) async fn authenticate(
    shared: &Shared,
    dialect: Dialect,
    head: &Parts,
    shown: &Shown,
) -> Result<Caller, Refusal> {
    if let Shown(Some(Err(error @ CertificateError::Expired))) = shown {
        return Err((*error).into());
    }
    let Some(key) = speech::presented_key(dialect, head)? else {
        return by_certificate(shared, dialect, shown);
    };
    let presented = key.secret.expose().as_str();
    let credentials = shown.credentials();
    if presented.starts_with(events::VIRTUAL_KEY_PREFIX) {
        return by_virtual_key(shared, presented, credentials);
    }
    if let Some(admitted) = shared.ways_in.token(presented).await? {
        let token = admitted.token_id.as_deref().map(|id| {
            let issuer = admitted.principal.issuer.as_deref().unwrap_or_default();
            hashed(shared, &format!("token\0{issuer}\0{id}"))
        });
        return Ok(admit(&admitted, Credentials { token, ..credentials }));
    }
    if shared.routes.accept_provider_keys() {
        return Ok(by_provider_key(shared, key, credentials));
    }
    if !shared.ways_in.settings.issuers.is_empty() && Token::is_meant(presented) {
        return Err(TokenRefusal::Issuer.into());
    }
    by_virtual_key(shared, presented, credentials)
}

fn by_provider_key(shared: &Shared, key: ProviderKey, credentials: Credentials) -> Caller {
    let name = format!("provider-key-{}", hashed(shared, key.secret.expose()));
    let is_stranger = !shared.provider_keys.knows(&name);
    let counted = if is_stranger { provider_keys::strangers(None) } else { name.clone() };
    let named = |application| Principal { application: Some(application), ..Principal::default() };
    Caller {
        counted: named(counted),
        credentials,
        grant: None,
        is_stranger,
        principal: named(name),
        provider_key: Some(key),
    }
}

fn by_virtual_key(
    shared: &Shared,
    presented: &str,
    credentials: Credentials,
) -> Result<Caller, Refusal> {
    match shared.keys.load().authenticate(presented, now_ms()) {
        Ok(grant) => Ok(Caller::granted(grant, credentials)),
        Err(refusal) => {
            let mut answer = Refusal::unauthenticated(refusal.to_string());
            // Clients know `invalid_api_key`; the record knows which fault it was.
            answer.recorded = Some(refusal.code());
            Err(answer)
        }
    }
}

/// Who comes with no key at all.
fn by_certificate(shared: &Shared, dialect: Dialect, shown: &Shown) -> Result<Caller, Refusal> {
    let certificates = &shared.ways_in.settings.certificates;
    match &shown.0 {
        None => Err(speech::no_key(dialect)),
        // It is asked for beside keys, and opens nothing by itself.
        Some(_) if certificates.is_empty() => Err(speech::no_key(dialect)),
        Some(Err(error)) => Err((*error).into()),
        Some(Ok(names)) => match names.admit(certificates) {
            Some(admitted) => Ok(admit(&admitted, shown.credentials())),
            None => Err(not_granted(
                "certificate_not_granted",
                "this client certificate is granted nothing here; ask your platform team",
            )),
        },
    }
}

fn admit(admitted: &Admitted, credentials: Credentials) -> Caller {
    let Admitted { principal, limits, .. } = admitted;
    let grant = Grant {
        name: principal.user.clone().unwrap_or_default(),
        principal: principal.clone(),
        limits: Arc::clone(limits),
        quota: Quota::default(),
    };
    Caller::granted(Arc::new(grant), credentials)
}

/// What stands for an end user, a foreign key or a token in records: the same text, the same name.
pub(crate) fn hashed(shared: &Shared, text: &str) -> String {
    let hash = hmac::sign(&shared.hash_key, text.as_bytes());
    HEXLOWER.encode(&hash.as_ref()[..NAME_HASH_BYTES])
}

fn not_granted(recorded: &'static str, message: &'static str) -> Refusal {
    Refusal {
        ending: Ending::Refused,
        kind: "policy_violation",
        recorded: Some(recorded),
        ..Refusal::request(StatusCode::FORBIDDEN, "not_authorised", message)
    }
}

impl From<TokenRefusal> for Refusal {
    fn from(refusal: TokenRefusal) -> Self {
        let (code, message) = (refusal.code(), refusal.message());
        match refusal {
            TokenRefusal::NoGrant => not_granted(code, message),
            TokenRefusal::NoKeys => Self::internal(code, message),
            _ => Self {
                code: "invalid_token".into(),
                recorded: Some(code),
                ..Self::unauthenticated(message)
            },
        }
    }
}

impl From<CertificateError> for Refusal {
    fn from(error: CertificateError) -> Self {
        let recorded = match error {
            CertificateError::Malformed => "certificate_malformed",
            CertificateError::Names => "certificate_names",
            CertificateError::Nameless => "certificate_nameless",
            CertificateError::Expired => "certificate_expired",
        };
        Self {
            code: "invalid_certificate".into(),
            recorded: Some(recorded),
            ..Self::unauthenticated(format!("{error}; get a new one, or ask your platform team"))
        }
    }
}
