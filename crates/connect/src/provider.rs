//! A provider that makes and deletes its own keys: one interface over the administrative APIs.
//!
//! What a rotation needs is four questions: is this the key in use, what was made under this label, make another,
//! delete this one; and a harmless call with a key, to see whether it works. Each provider is a table of pure functions
//! (`providers/`); this file asks.
//!
//! INVARIANT: keys and credentials are in headers and bodies only, and in no error. INVARIANT: an error says whether the
//! provider has certainly done nothing ([`ProviderError::is_refusal`]) or may have done it. INVARIANT: every answer and every
//! list is bounded.
//!
//! Not here: in which order this is done, and what is on record (`bartizan`).

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use net::{Endpoint, EndpointError, EndpointSettings, Question, UpstreamError};
use serde_json::Value;
use stdx::{Secret, SharedSecret};
use subtle::ConstantTimeEq as _;

use crate::adapter::KeyHeader;
use crate::error::Unreadable;
use crate::providers;

/// Bytes of an answer.
const ANSWER_BYTES_MAX: usize = 1 << 20;
/// Time for one question.
const QUESTION_TIME_MAX: Duration = Duration::from_secs(20);
/// Time for a connection.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(10);
/// Pages of a list of keys.
const PAGES_MAX: usize = 100;
/// Bytes of an id or of what holds the keys.
const NAME_BYTES_MAX: usize = 500;

/// Whose keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProviderKind {
    /// Azure OpenAI, and other accounts of Azure AI services: two keys, of which the other one is made anew.
    AzureOpenAi,
    /// OpenAI: a service account of a project for each key.
    OpenAi,
    /// Pinecone: API keys of a project.
    Pinecone,
}

impl ProviderKind {
    /// All kinds, by name.
    pub const ALL: [Self; 3] = [Self::AzureOpenAi, Self::OpenAi, Self::Pinecone];

    /// The name in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AzureOpenAi => "azure_openai",
            Self::OpenAi => "openai",
            Self::Pinecone => "pinecone",
        }
    }

    pub(crate) const fn contract(self) -> &'static Contract {
        match self {
            Self::AzureOpenAi => &providers::azure_openai::AZURE_OPENAI,
            Self::OpenAi => &providers::openai::OPENAI,
            Self::Pinecone => &providers::pinecone::PINECONE,
        }
    }
}

/// A question to an administrative API, without credentials.
#[derive(Debug, PartialEq)]
pub(crate) struct Call {
    pub(crate) body: Option<Value>,
    pub(crate) method: Method,
    pub(crate) path: String,
}

impl Call {
    pub(crate) fn get(path: String) -> Self {
        Self { body: None, method: Method::GET, path }
    }

    pub(crate) fn post(path: String, body: Value) -> Self {
        Self { body: Some(body), method: Method::POST, path }
    }

    pub(crate) fn delete(path: String) -> Self {
        Self { body: None, method: Method::DELETE, path }
    }
}

/// A key that a provider knows.
pub(crate) struct Known {
    /// What it may do, as far as another has to be told.
    pub(crate) roles: Value,
    /// The key itself, where the provider shows it.
    pub(crate) value: Option<Secret<String>>,
}

/// A part of a list of keys.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Page {
    /// Ids, each with its name.
    pub(crate) keys: Vec<(String, String)>,
    /// Where the next part begins, if there is one.
    pub(crate) next: Option<String>,
}

/// A key that was just made.
#[expect(missing_debug_implementations, reason = "holds the key")]
pub struct NewKey {
    /// What the provider calls it.
    pub id: String,
    /// The key.
    pub value: Secret<String>,
}

/// How a list is asked for, and read.
pub(crate) type List =
    (fn(account: &str, after: Option<&str>) -> Call, fn(&[u8]) -> Result<Page, Unreadable>);

/// How one provider's API is asked and read.
pub(crate) struct Contract {
    /// What it is, for the reference.
    pub(crate) about: &'static str,
    /// Where the administrative API is.
    pub(crate) admin_url: &'static str,
    /// Makes a key under a label, beside the one in use.
    pub(crate) create: fn(account: &str, label: &str, in_use: &str, known: &Known) -> Call,
    pub(crate) delete: fn(account: &str, id: &str) -> Call,
    /// Headers of every question.
    pub(crate) headers: &'static [(&'static str, &'static str)],
    /// Whether this can be what holds the keys, and what to write.
    pub(crate) is_account: (fn(&str) -> bool, &'static str),
    /// Whether this can be the id of a key.
    pub(crate) is_id: fn(&str) -> bool,
    /// Lists keys, where a key that was made and not noted could be lost.
    pub(crate) list: Option<List>,
    /// Asks for one key.
    pub(crate) look: fn(account: &str, id: &str) -> Call,
    /// A harmless question that a key answers.
    pub(crate) probe: &'static str,
    pub(crate) read_created: fn(in_use: &str, &[u8]) -> Result<NewKey, Unreadable>,
    pub(crate) read_known: fn(id: &str, &[u8]) -> Result<Known, Unreadable>,
    /// How the service wants its key.
    pub(crate) service_key: KeyHeader,
    /// Where keys are used, unless each account has a place of its own.
    pub(crate) service_url: Option<&'static str>,
    /// How a client gets a token for the administrative API.
    pub(crate) token: Option<Token>,
}

/// A grant of client credentials: RFC 6749, section 4.4.
pub(crate) struct Token {
    /// The body, and its type, for a client's id and secret.
    pub(crate) ask: fn(client_id: &str, secret: &str) -> (Bytes, HeaderValue),
    /// Where, unless each tenant has a place of its own.
    pub(crate) url: Option<&'static str>,
}

/// A token that was granted.
#[derive(serde::Deserialize)]
struct Granted {
    access_token: String,
}

/// How a provider is reached.
#[expect(missing_debug_implementations, reason = "holds the administrative credential")]
#[derive(Clone)]
pub struct ProviderSettings {
    /// What holds the keys: a project's id; at Azure the id of the resource.
    pub account: String,
    /// Where the administrative API is, unless it is the provider's own.
    pub admin_url: Option<String>,
    /// PEM certificates to trust instead of the host's.
    pub ca_pem: Option<Vec<u8>>,
    /// The client whose secret `credential` is; without it `credential` is a key or token of the administrative API.
    pub client_id: Option<String>,
    /// What opens the administrative API.
    pub credential: SharedSecret,
    /// Whose keys.
    pub kind: ProviderKind,
    /// Where keys are used, unless the provider has one place for all.
    pub service_url: Option<String>,
    /// Where tokens are granted, unless the provider has one place for all.
    pub token_url: Option<String>,
}

/// A provider's settings do not make sense. The operator's to mend.
#[derive(Debug, thiserror::Error)]
pub enum ProviderSettingsError {
    /// What holds the keys.
    #[error("`account` is {0}")]
    Account(&'static str),
    /// The provider has no clients of its own.
    #[error("`{0}` takes an administrative key, and no `client_id`")]
    NoClients(&'static str),
    /// An address that has to be configured.
    #[error("`{kind}` needs `{option}`")]
    Missing {
        /// The option.
        option: &'static str,
        /// The provider.
        kind: &'static str,
    },
    /// An address.
    #[error(transparent)]
    Url(#[from] UpstreamError),
}

/// A provider did not do what it was asked for. Nothing here quotes an answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProviderError {
    /// There is nothing to open the administrative API with.
    #[error("the administrative key is not there, or cannot be sent")]
    NoCredential,
    /// What is said to be the key's id is not, or is not one that can be deleted.
    #[error("`{id}` is not the id of the key that is to be rotated: {why}")]
    NotTheKey {
        /// What it was said to be called.
        id: String,
        /// How that was found out.
        why: String,
    },
    /// It was refused, so nothing was done.
    #[error("{doing} was refused with status {status}")]
    Refused {
        /// What was asked for.
        doing: &'static str,
        /// The answer.
        status: u16,
    },
    /// Whether it was done is not known.
    #[error("{doing} failed: {why}")]
    Unknown {
        /// What was asked for.
        doing: &'static str,
        /// What is known of the failure.
        why: String,
    },
}

impl ProviderError {
    /// Whether it was certainly not done, and asking again would be answered the same.
    pub const fn is_refusal(&self) -> bool {
        matches!(self, Self::NotTheKey { .. } | Self::Refused { .. })
    }
}

/// A provider's administrative API, ready to be asked.
pub struct ProviderAdmin {
    account: String,
    admin: Endpoint,
    client: Option<(String, Endpoint)>,
    contract: &'static Contract,
    credential: SharedSecret,
    service: Endpoint,
}

impl std::fmt::Debug for ProviderAdmin {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("ProviderAdmin")
            .field("about", &self.contract.about)
            .finish_non_exhaustive()
    }
}

impl ProviderAdmin {
    /// Prepares it; nothing is connected yet.
    pub fn new(settings: ProviderSettings) -> Result<Self, ProviderSettingsError> {
        let contract = settings.kind.contract();
        let (is_account, help) = contract.is_account;
        if settings.account.len() > NAME_BYTES_MAX || !is_account(&settings.account) {
            return Err(ProviderSettingsError::Account(help));
        }
        let missing =
            |option| ProviderSettingsError::Missing { option, kind: settings.kind.as_str() };
        let endpoint = |given: Option<String>, default: Option<&str>, option| {
            let url =
                given.or_else(|| default.map(str::to_owned)).ok_or_else(|| missing(option))?;
            let (ca_pem, connect_time_max) = (settings.ca_pem.clone(), CONNECT_TIME_MAX);
            Ok::<_, ProviderSettingsError>(Endpoint::new(&EndpointSettings {
                ca_pem,
                connect_time_max,
                url,
            })?)
        };
        let client = match (settings.client_id, &contract.token) {
            (None, _) => None,
            (Some(_), None) => {
                return Err(ProviderSettingsError::NoClients(settings.kind.as_str()));
            }
            (Some(id), Some(token)) => {
                Some((id, endpoint(settings.token_url, token.url, "token_url")?))
            }
        };
        Ok(Self {
            admin: endpoint(settings.admin_url, Some(contract.admin_url), "admin_url")?,
            service: endpoint(settings.service_url, contract.service_url, "service_url")?,
            account: settings.account,
            client,
            contract,
            credential: settings.credential,
        })
    }

    /// Makes sure that this is what the provider calls the key in use, as far as it can be told.
    pub async fn confirm(&self, id: &str, in_use: &Secret<String>) -> Result<(), ProviderError> {
        let known = self.look(id).await?;
        let is_other = known.value.is_some_and(|value| {
            !bool::from(value.expose().as_bytes().ct_eq(in_use.expose().as_bytes()))
        });
        if is_other {
            Err(not_the_key(id, "the provider has another key of that name"))
        } else {
            Ok(())
        }
    }

    /// The ids of keys that were made under this label.
    pub async fn made_as(&self, label: &str) -> Result<Vec<String>, ProviderError> {
        let doing = "listing the keys";
        let Some((list, read)) = self.contract.list else { return Ok(Vec::new()) };
        let (mut found, mut after) = (Vec::new(), None::<String>);
        for _ in 0..PAGES_MAX {
            let body = self.done(doing, list(&self.account, after.as_deref())).await?;
            let page = read(&body).map_err(|error| unreadable(doing, &error))?;
            found.extend(page.keys.into_iter().filter(|(_, name)| name == label).map(|(id, _)| id));
            match page.next {
                // Round and round ends at the limit, as an error.
                Some(next) => after = Some(next),
                None => return Ok(found),
            }
        }
        Err(ProviderError::Unknown { doing, why: format!("there are more than {PAGES_MAX} pages") })
    }

    /// Makes a key under this label, which may do what the one in use may.
    pub async fn create(&self, label: &str, in_use: &str) -> Result<NewKey, ProviderError> {
        let doing = "making a key";
        let known = self.look(in_use).await?;
        let call = (self.contract.create)(&self.account, label, in_use, &known);
        let body = self.done(doing, call).await?;
        (self.contract.read_created)(in_use, &body).map_err(|error| unreadable(doing, &error))
    }

    /// Whether the service takes this key.
    pub async fn accepts(&self, key: &Secret<String>) -> Result<bool, ProviderError> {
        let doing = "trying the key";
        let (name, value) =
            self.contract.service_key.header(key).ok_or(ProviderError::NoCredential)?;
        let mut headers = self.headers();
        headers.insert(name, value);
        let below = self.contract.probe.to_owned();
        let question = Question { below, headers, ..Question::default() };
        let answer = self.service.ask(question, ANSWER_BYTES_MAX, QUESTION_TIME_MAX).await;
        match answer.map(|(status, _)| status) {
            Ok(status) if status.is_success() => Ok(true),
            Ok(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => Ok(false),
            Ok(status) => Err(failed(doing, status)),
            Err(error) => Err(lost(doing, &error)),
        }
    }

    /// Deletes a key; one that is not there is deleted.
    pub async fn delete(&self, id: &str) -> Result<(), ProviderError> {
        let doing = "deleting the key";
        self.check_id(id)?;
        match self.done(doing, (self.contract.delete)(&self.account, id)).await {
            Ok(_) | Err(ProviderError::Refused { status: 404, .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn look(&self, id: &str) -> Result<Known, ProviderError> {
        let doing = "looking the key up";
        self.check_id(id)?;
        let body = self.done(doing, (self.contract.look)(&self.account, id)).await?;
        (self.contract.read_known)(id, &body).map_err(|error| not_the_key(id, &error.to_string()))
    }

    /// Ids come from people and from answers, and stand in paths.
    fn check_id(&self, id: &str) -> Result<(), ProviderError> {
        let is_plain = (1..=NAME_BYTES_MAX).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        if is_plain && (self.contract.is_id)(id) {
            return Ok(());
        }
        Err(not_the_key(id, "this provider has no such ids"))
    }

    /// The body of an answer that says that it was done.
    async fn done(&self, doing: &'static str, call: Call) -> Result<Bytes, ProviderError> {
        let mut headers = self.headers();
        let credential = self.credential().await?;
        let (name, value) =
            KeyHeader::Bearer.header(&credential).ok_or(ProviderError::NoCredential)?;
        headers.insert(name, value);
        let mut body = Bytes::new();
        if let Some(json) = &call.body {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            body = Bytes::from(json.to_string());
        }
        let question = Question { below: call.path, body, headers, method: call.method };
        match self.admin.ask(question, ANSWER_BYTES_MAX, QUESTION_TIME_MAX).await {
            Ok((status, body)) if status.is_success() => Ok(body),
            Ok((status, _)) => Err(failed(doing, status)),
            Err(error) => Err(lost(doing, &error)),
        }
    }

    fn headers(&self) -> HeaderMap {
        let pairs = self.contract.headers.iter();
        let pairs = pairs
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        pairs.collect()
    }

    /// What opens the administrative API: what is configured, or a token that is granted for it.
    async fn credential(&self) -> Result<Secret<String>, ProviderError> {
        let doing = "getting a token";
        let credential = self.credential.current().ok_or(ProviderError::NoCredential)?;
        let (Some((id, endpoint)), Some(token)) = (&self.client, &self.contract.token) else {
            return Ok(Secret::clone(&credential));
        };
        let (body, content_type) = (token.ask)(id, credential.expose());
        let mut headers = self.headers();
        headers.insert(header::CONTENT_TYPE, content_type);
        let method = Method::POST;
        let question = Question { body, headers, method, ..Question::default() };
        let (status, body) = endpoint
            .ask(question, ANSWER_BYTES_MAX, QUESTION_TIME_MAX)
            .await
            .map_err(|error| lost(doing, &error))?;
        if !status.is_success() {
            return Err(failed(doing, status));
        }
        let granted = serde_json::from_slice::<Granted>(&body);
        granted
            .map(|granted| Secret::new(granted.access_token))
            .map_err(|error| unreadable(doing, &error.into()))
    }
}

/// Statuses that may be answered otherwise another time.
fn failed(doing: &'static str, status: StatusCode) -> ProviderError {
    let is_refusal = status.is_client_error() && !matches!(status.as_u16(), 408 | 409 | 425 | 429);
    let status = status.as_u16();
    if is_refusal {
        ProviderError::Refused { doing, status }
    } else {
        ProviderError::Unknown { doing, why: format!("the answer's status is {status}") }
    }
}

fn not_the_key(id: &str, why: &str) -> ProviderError {
    ProviderError::NotTheKey { id: id.to_owned(), why: why.to_owned() }
}

fn lost(doing: &'static str, error: &EndpointError) -> ProviderError {
    ProviderError::Unknown { doing, why: error.to_string() }
}

fn unreadable(doing: &'static str, error: &Unreadable) -> ProviderError {
    ProviderError::Unknown { doing, why: error.to_string() }
}

/// Whether this is one part of a path.
pub(crate) fn is_path_part(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    !text.is_empty() && text.bytes().all(is_plain)
}
