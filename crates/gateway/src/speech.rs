//! What a request says in its head, by dialect: whose key it brings, which query and which headers go on.
//!
//! INVARIANT: what is sent on is of a form that admits no sentence, and is listed here. INVARIANT: a key is never
//! guessed at: two that differ are refused.
//!
//! Not here: what the body says (`wire`), whether the key is good (`request`).

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request::Parts};
use stdx::Secret;
use wire::{AddressStyle, Dialect, Operation};

use crate::refusal::Refusal;
use crate::settings::UpstreamKind;
use crate::target::Target;

const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const AZURE_KEY: HeaderName = HeaderName::from_static("api-key");
const GOOGLE_KEY: HeaderName = HeaderName::from_static("x-goog-api-key");
const VERSION: HeaderName = HeaderName::from_static("anthropic-version");
const BETA: HeaderName = HeaderName::from_static("anthropic-beta");
/// Clients of the beta of the Realtime API send [`REALTIME_BETA`] in it.
pub(crate) const OPENAI_BETA: HeaderName = HeaderName::from_static("openai-beta");
pub(crate) const REALTIME_BETA: &str = "realtime=v1";

/// What the header of a request begins with that its sender has signed (AWS Signature Version 4).
const SIGNED: &str = "AWS4-";

/// Beta features that one request may name.
const BETAS_MAX: usize = 64;
/// Characters of the name of a beta feature.
const BETA_CHARS_MAX: usize = 64;
/// Digits of the name of a beta feature, besides its date.
const BETA_DIGITS_MAX: usize = 4;

/// A key of the caller's own provider account, and how it came.
pub(crate) struct ProviderKey {
    pub(crate) is_bearer: bool,
    pub(crate) secret: Secret<String>,
}

/// The member of a query in which clients of the Gemini API may send a key, up to its value.
const KEY_IN_QUERY: &str = "key=";

/// The header in which clients of a dialect send a key, if not as a bearer token: Anthropic's, Google's, or Azure's.
const fn key_header(dialect: Dialect) -> HeaderName {
    match dialect {
        Dialect::Anthropic | Dialect::Bedrock => X_API_KEY,
        Dialect::Gemini => GOOGLE_KEY,
        Dialect::Ollama | Dialect::OpenAi => AZURE_KEY,
    }
}

/// What a request asks for. Some paths belong to several dialects, and then Anthropic's headers, or the place of the key in
/// Google's way, say which is spoken.
pub(crate) fn operation(operation: Operation, head: &Parts) -> Operation {
    if wire::address(head.uri.path()).style != AddressStyle::Standard {
        return operation;
    }
    let has = |name| head.headers.contains_key(name);
    if has(VERSION) || has(X_API_KEY) {
        operation.in_anthropics_dialect()
    } else if has(GOOGLE_KEY) || keys_in_query(Dialect::Gemini, head).next().is_some() {
        operation.in_googles_dialect()
    } else {
        operation
    }
}

/// The key that a request brings: as a bearer token, in the header that the dialect has for it, or in its query. Nothing, if it has no
/// place for keys at all: a key that is not understood is no reason to look for other ways in.
pub(crate) fn presented_key(
    dialect: Dialect,
    head: &Parts,
) -> Result<Option<ProviderKey>, Refusal> {
    let headers = &head.headers;
    if headers.get_all(header::AUTHORIZATION).iter().nth(1).is_some() {
        return Err(Refusal {
            recorded: Some("two_keys"),
            ..Refusal::unauthenticated("`authorization` was sent twice; send one".to_owned())
        });
    }
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let bearer = text(header::AUTHORIZATION)
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim());
    let own = text(key_header(dialect)).map(str::trim);
    let keys: Vec<&str> =
        bearer.into_iter().chain(own).chain(keys_in_query(dialect, head)).collect();
    if keys.windows(2).any(|pair| pair[0] != pair[1]) {
        return Err(Refusal {
            recorded: Some("two_keys"),
            ..Refusal::unauthenticated(format!(
                "two different keys were given; send `authorization` or `{}`, not both",
                key_header(dialect)
            ))
        });
    }
    if let Some(key) = keys.first() {
        let is_bearer = keys.len() == 1 && bearer.is_some();
        return Ok(Some(ProviderKey { is_bearer, secret: Secret::new((*key).to_owned()) }));
    }
    if text(header::AUTHORIZATION).is_some_and(|value| value.starts_with(SIGNED)) {
        return Err(Refusal {
            recorded: Some("signed_by_caller"),
            ..Refusal::unauthenticated(
                "requests that callers sign (SigV4) cannot be checked here: the key that signs them is Amazon's and \
                 theirs; set AWS_BEARER_TOKEN_BEDROCK to a virtual key instead"
                    .to_owned(),
            )
        });
    }
    let names = [header::AUTHORIZATION, X_API_KEY, AZURE_KEY, GOOGLE_KEY];
    match names.iter().find(|name| headers.contains_key(*name)) {
        Some(name) => Err(Refusal {
            recorded: Some("key_not_understood"),
            ..Refusal::unauthenticated(format!(
                "`{name}` is not understood here; send `Authorization: Bearer btz_…`"
            ))
        }),
        None => Ok(None),
    }
}

/// The keys in a query, in the dialect whose clients may send them there. They are read here and never sent on.
fn keys_in_query(dialect: Dialect, head: &Parts) -> impl Iterator<Item = &str> {
    let query = head.uri.query().filter(|_| dialect == Dialect::Gemini).unwrap_or_default();
    query.split('&').filter_map(|member| member.strip_prefix(KEY_IN_QUERY))
}

/// A query without the keys in it.
fn without_keys(query: &str) -> String {
    let others = query.split('&').filter(|member| !member.starts_with(KEY_IN_QUERY));
    others.collect::<Vec<_>>().join("&")
}

/// What is said to somebody who brings no key.
pub(crate) fn no_key(dialect: Dialect) -> Refusal {
    let how = match dialect {
        Dialect::Anthropic => "`x-api-key: btz_…` or `Authorization: Bearer btz_…`",
        Dialect::Bedrock => {
            "`Authorization: Bearer btz_…` (clients of Amazon's: AWS_BEARER_TOKEN_BEDROCK)"
        }
        Dialect::Gemini => "`x-goog-api-key: btz_…` or `Authorization: Bearer btz_…`",
        Dialect::Ollama | Dialect::OpenAi => "`Authorization: Bearer btz_…`",
    };
    Refusal::unauthenticated(format!("no key was given; send {how} (see `bartizan keys create`)"))
}

/// What the body must be, by its headers: JSON, or a form, and then its boundary.
pub(crate) fn check_headers(
    operation: Operation,
    headers: &HeaderMap,
) -> Result<Option<String>, Refusal> {
    let unsupported =
        |code, message| Err(Refusal::request(StatusCode::UNSUPPORTED_MEDIA_TYPE, code, message));
    if headers.get(header::CONTENT_ENCODING).is_some_and(|value| value != "identity") {
        return unsupported(
            "content_encoding",
            "the body is compressed; send it as it is (no `content-encoding`)",
        );
    }
    if !operation.has_body() {
        return Ok(None);
    }
    let mut stated = headers.get_all(header::CONTENT_TYPE).iter();
    let content_type = stated.next().and_then(|value| value.to_str().ok()).unwrap_or_default();
    if stated.next().is_some() {
        return unsupported("content_type", "`content-type` was sent twice; send one");
    }
    // Ollama reads JSON whatever it is called, and its documentation shows `curl -d`, which calls it a form. What is sent on
    // says what it is.
    if operation.dialect() == Dialect::Ollama {
        return Ok(None);
    }
    let kind = content_type.split(';').next().unwrap_or_default();
    if operation.takes_json() && kind.trim().eq_ignore_ascii_case("application/json") {
        return Ok(None);
    }
    if !operation.takes_form() && !operation.is_upload() {
        return unsupported(
            "content_type",
            "the body must be sent as `content-type: application/json`",
        );
    }
    match wire::boundary_of(content_type) {
        Some(boundary) => Ok(Some(boundary.to_owned())),
        None => unsupported(
            "content_type",
            "the body must be sent as `content-type: multipart/form-data`, with a boundary of at most 70 \
             letters, digits and `'()+_,-./:=?`",
        ),
    }
}

/// What of a request's head is sent on, besides what every request has.
#[derive(Debug, Default)]
pub(crate) struct Speech {
    headers: Vec<(HeaderName, HeaderValue)>,
    /// Without `?`.
    query: Option<String>,
}

impl Speech {
    /// Reads a request's head.
    pub(crate) fn of(operation: Operation, head: &Parts) -> Result<Self, Refusal> {
        let is_gemini = operation.dialect() == Dialect::Gemini;
        let query = match head.uri.query() {
            Some(query) if is_gemini => Some(without_keys(query)).filter(|query| !query.is_empty()),
            query => query.map(str::to_owned),
        };
        let address = wire::address(head.uri.path());
        let admits = |query: &String| operation.admits_query(query) || address.admits_query(query);
        let needs_query = is_gemini && operation.is_stream();
        if query.as_ref().map_or(needs_query, |query| !admits(query)) {
            let message = if needs_query {
                "streams are guarded as server-sent events and not as one list; ask with `?alt=sse`"
            } else {
                "this path takes no such query; send parameters in the body"
            };
            return Err(Refusal::request(StatusCode::BAD_REQUEST, "query_not_accepted", message));
        }
        let mut speech = Self { headers: Vec::new(), query };
        if operation.is_session() {
            speech.take(&head.headers, &OPENAI_BETA, |beta| beta == REALTIME_BETA)?;
        }
        if operation.dialect() == Dialect::Anthropic {
            speech.take(&head.headers, &VERSION, is_date)?;
            speech.take(&head.headers, &BETA, are_betas)?;
        }
        Ok(speech)
    }

    fn take(
        &mut self,
        headers: &HeaderMap,
        name: &HeaderName,
        admits: fn(&str) -> bool,
    ) -> Result<(), Refusal> {
        for value in headers.get_all(name) {
            if !value.to_str().is_ok_and(admits) {
                return Err(Refusal {
                    param: Some(name.to_string()),
                    ..Refusal::request(
                        StatusCode::BAD_REQUEST,
                        "invalid_header",
                        format!("`{name}` is not of the form that the API reference gives it"),
                    )
                });
            }
            self.headers.push((name.clone(), value.clone()));
        }
        Ok(())
    }

    /// `path` with the query.
    pub(crate) fn target(&self, path: &str) -> String {
        match &self.query {
            Some(query) => format!("{path}?{query}"),
            None => path.to_owned(),
        }
    }

    /// Adds the headers.
    pub(crate) fn add_to(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.headers {
            headers.append(name.clone(), value.clone());
        }
    }
}

/// Adds the key in the way of the upstream, or in the way that the caller brought it.
pub(crate) fn add_key(
    headers: &mut HeaderMap,
    dialect: Dialect,
    callers: Option<&ProviderKey>,
    target: &Target,
) -> Result<(), Refusal> {
    let is_bearer = match (dialect, callers) {
        (Dialect::Bedrock, _) => true,
        (_, Some(key)) => key.is_bearer,
        (Dialect::Anthropic | Dialect::Gemini, None) => false,
        (Dialect::Ollama | Dialect::OpenAi, None) => target.kind != UpstreamKind::Azure,
    };
    let own = match (callers, &target.api_key) {
        (None, Some(own)) => Some(own.current().ok_or_else(|| {
            Refusal::internal("upstream_key_missing", "the provider's key is not there")
        })?),
        _ => None,
    };
    let Some(key) = callers.map(|key| &key.secret).or(own.as_deref()) else { return Ok(()) };
    let key = key.expose();
    let (name, value) = if is_bearer {
        (header::AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {key}")))
    } else {
        (key_header(dialect), HeaderValue::from_str(key))
    };
    let mut value = value.map_err(|_| {
        Refusal::internal("upstream_key", "the provider's key cannot be sent as a header")
    })?;
    value.set_sensitive(true);
    headers.insert(name, value);
    Ok(())
}

/// `2023-06-01`.
fn is_date(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    parts.iter().map(|part| part.len()).eq([4, 2, 2]) && parts.iter().all(|part| is_number(part))
}

fn is_number(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Names of features, separated by commas.
fn are_betas(text: &str) -> bool {
    let mut betas = text.split(',').map(str::trim);
    text.split(',').count() <= BETAS_MAX && betas.all(is_beta)
}

/// `context-1m-2025-08-07`, `claude-code-20250219`: lower case and a date.
fn is_beta(text: &str) -> bool {
    let date_chars = if text.len() > 10 && text.is_char_boundary(text.len() - 10) {
        if is_date(&text[text.len() - 10..]) { 10 } else { 8 }
    } else {
        8
    };
    let Some((name, date)) =
        text.len().checked_sub(date_chars).and_then(|at| text.split_at_checked(at))
    else {
        return false;
    };
    let of_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    text.len() <= BETA_CHARS_MAX
        && (is_date(date) || is_number(date))
        && name.len() > 1
        && name.ends_with('-')
        && name.bytes().all(of_name)
        && name.bytes().filter(u8::is_ascii_digit).count() <= BETA_DIGITS_MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_that_go_on_admit_no_sentence() {
        for beta in [
            "context-1m-2025-08-07",
            "claude-code-20250219",
            "output-128k-2025-02-19, computer-use-2025-01-24",
        ] {
            assert!(are_betas(beta), "{beta}");
        }
        let long = format!("{}-2025-08-07", "a".repeat(BETA_CHARS_MAX));
        let many = vec!["a-b-2025-08-07"; BETAS_MAX + 1].join(",");
        for beta in [
            "",
            "-2025-08-07",
            "20250807",
            "my ssn is 2025-08-07",
            "a-123-45-6789-2025-08-07",
            "ignore-previous-instructions",
            "A-2025-08-07",
            "é-2025-08-07",
            "a-2025-08-07,",
            &long,
            &many,
        ] {
            assert!(!are_betas(beta), "{beta}");
        }
        assert!(is_date("2023-06-01"));
        for date in ["", "2023-06", "23-06-01", "2023-06-01 x", "2023_06_01", "２023-06-01"] {
            assert!(!is_date(date), "{date}");
        }
    }

    fn head(target: &str, headers: HeaderMap) -> Parts {
        let mut head = http::Request::new(()).into_parts().0;
        head.uri = target.parse().expect("a target");
        head.headers = headers;
        head
    }

    #[test]
    fn keys_in_queries_are_read_and_not_sent_on() {
        let of = |dialect, target: &str, own: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            if let Some(own) = own {
                headers.insert(GOOGLE_KEY, HeaderValue::from_static(own));
            }
            let key = presented_key(dialect, &head(target, headers));
            let said = |key: ProviderKey| (key.secret.expose().clone(), key.is_bearer);
            key.map(|key| key.map(said)).map_err(|refusal| refusal.recorded)
        };
        let found = Ok(Some(("k".to_owned(), false)));
        let gemini = Dialect::Gemini;
        assert_eq!(of(gemini, "/a?key=k", None), found);
        assert_eq!(of(gemini, "/a?alt=sse&key=k", Some("k")), found);
        assert_eq!(of(gemini, "/a", Some("k")), found);
        assert_eq!(of(gemini, "/a?key=j", Some("k")), Err(Some("two_keys")));
        assert_eq!(of(gemini, "/a?key=j&key=k", None), Err(Some("two_keys")));
        assert_eq!(of(Dialect::OpenAi, "/a?key=k", None), Ok(None), "not this dialect's way");
        for (operation, target, query) in [
            (Operation::StreamGenerateContent, "/a?key=k&alt=sse", Some("alt=sse")),
            (Operation::GenerateContent, "/a?key=k", None),
            (Operation::GeminiModelList, "/a?pageSize=5&key=k", Some("pageSize=5")),
        ] {
            let speech = Speech::of(operation, &head(target, HeaderMap::new()));
            assert_eq!(speech.ok().and_then(|speech| speech.query).as_deref(), query, "{target}");
        }
        for (operation, target) in [
            (Operation::StreamGenerateContent, "/a"),
            (Operation::StreamGenerateContent, "/a?key=k"),
            (Operation::GenerateContent, "/a?alt=sse"),
            (Operation::GenerateContent, "/a?Key=k"),
        ] {
            let speech = Speech::of(operation, &head(target, HeaderMap::new()));
            assert!(speech.is_err(), "{target}");
        }
    }

    #[test]
    fn keys_come_as_the_dialects_clients_send_them() {
        let key = |dialect, bearer: Option<&str>, own: Option<&str>| {
            let mut headers = HeaderMap::new();
            let parse = |text: &str| HeaderValue::from_str(text).expect("a header");
            if let Some(bearer) = bearer {
                headers.insert(header::AUTHORIZATION, parse(bearer));
            }
            if let Some(own) = own {
                headers.insert(X_API_KEY, parse(own));
            }
            let key = presented_key(dialect, &head("/", headers));
            let said = |key: ProviderKey| (key.secret.expose().clone(), key.is_bearer);
            key.map(|key| key.map(said)).map_err(|refusal| refusal.recorded)
        };
        let anthropic = Dialect::Anthropic;
        let found = |key: &str, is_bearer| Ok(Some((key.to_owned(), is_bearer)));
        assert_eq!(key(anthropic, None, Some("k")), found("k", false));
        assert_eq!(key(anthropic, Some("Bearer k"), None), found("k", true));
        assert_eq!(key(anthropic, Some("Bearer k"), Some("k")), found("k", false));
        assert_eq!(key(anthropic, Some("Bearer j"), Some("k")), Err(Some("two_keys")));
        assert_eq!(key(anthropic, None, None), Ok(None));
        for (bearer, own) in
            [(None, Some("k")), (Some("Basic a2V5"), None), (Some("btz_bad"), None)]
        {
            assert_eq!(key(Dialect::OpenAi, bearer, own), Err(Some("key_not_understood")));
        }
        assert_eq!(key(Dialect::OpenAi, Some("bearer k"), Some("j")), found("k", true));
        let mut headers = HeaderMap::new();
        headers.insert(AZURE_KEY, HeaderValue::from_static("k"));
        let azure = presented_key(Dialect::OpenAi, &head("/", headers.clone()));
        let azure = azure.ok().flatten().expect("a key");
        assert!(azure.secret.expose() == "k" && !azure.is_bearer);
        assert!(presented_key(anthropic, &head("/", headers.clone())).is_err());
        headers.append(header::AUTHORIZATION, HeaderValue::from_static("Bearer j"));
        headers.append(header::AUTHORIZATION, HeaderValue::from_static("Bearer k"));
        let twice = presented_key(Dialect::OpenAi, &head("/", headers.clone()));
        assert_eq!(twice.err().and_then(|refusal| refusal.recorded), Some("two_keys"));
        headers.insert(header::AUTHORIZATION, HeaderValue::from_static("Bearer j"));
        let both = presented_key(Dialect::OpenAi, &head("/", headers));
        assert_eq!(both.err().and_then(|refusal| refusal.recorded), Some("two_keys"));
    }
}
