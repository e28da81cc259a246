//! Signing requests to Amazon's services (AWS Signature Version 4).
//!
//! Source: "Create a signed AWS API request" in the IAM user guide, and the published test suite.
//!
//! INVARIANT: what is signed is what is sent: path, `host`, content type and body are the request's own when it is signed,
//! and nothing of a signed request is changed after. INVARIANT: keys are never printed.
//!
//! Not here: where the keys come from (the configuration).

use std::fmt::Write as _;
use std::sync::Arc;

use data_encoding::HEXLOWER;
use http::{HeaderMap, HeaderName, HeaderValue, Request, header};
use ring::digest::{SHA256, digest};
use ring::hmac::{self, HMAC_SHA256};
use stdx::{Secret, SharedSecret};

use crate::counter::civil;
use crate::refusal::Refusal;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const DATE: HeaderName = HeaderName::from_static("x-amz-date");
const TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");
/// Seconds of a day.
const DAY_S: u64 = 86_400;

/// With whose keys requests to an upstream are signed, and for which service. The keys may be replaced while the gateway
/// runs; as long as one is taken away, requests to this upstream are refused.
#[expect(missing_debug_implementations, reason = "holds keys")]
pub struct AwsCredentials {
    /// The access key's id.
    pub access_key_id: SharedSecret,
    /// The access key.
    pub secret_access_key: SharedSecret,
    /// Of temporary keys: their token.
    pub session_token: Option<SharedSecret>,
    /// `eu-central-1`.
    pub region: String,
    /// The name that the service signs by: `bedrock`.
    pub service: String,
}

/// Signs a request that goes to `host` (as its header has it) below `base_path`, at `now_s` seconds since 1970.
pub(crate) fn sign<B: AsRef<[u8]>>(
    request: &mut Request<B>,
    (host, base_path): (&str, &str),
    credentials: &AwsCredentials,
    now_s: u64,
) -> Result<(), Refusal> {
    let (date, moment) = moment(now_s);
    let path = format!("{base_path}{}", request.uri().path());
    let query = request.uri().query().unwrap_or_default().to_owned();
    let payload = hex_digest(request.body().as_ref());
    let method = request.method().to_string();
    let headers = request.headers_mut();
    insert(headers, header::HOST, host)?;
    insert(headers, DATE, &moment)?;
    if let Some(token) = &credentials.session_token {
        insert(headers, TOKEN, current(token)?.expose())?;
    }
    let (named, signed) = signed_headers(headers);
    let canonical = format!("{method}\n{}\n{query}\n{named}\n{signed}\n{payload}", encoded(&path));
    let scope = format!("{date}/{}/{}/aws4_request", credentials.region, credentials.service);
    let text = format!("{ALGORITHM}\n{moment}\n{scope}\n{}", hex_digest(canonical.as_bytes()));
    let key = signing_key(credentials, &date)?;
    let signature = HEXLOWER.encode(hmac::sign(&key, text.as_bytes()).as_ref());
    let id = current(&credentials.access_key_id)?;
    let id = id.expose();
    let authorization = format!(
        "{ALGORITHM} Credential={id}/{scope}, SignedHeaders={signed}, Signature={signature}"
    );
    insert(headers, header::AUTHORIZATION, &authorization)
}

/// Those headers that are signed, with their values, and their names alone.
fn signed_headers(headers: &HeaderMap) -> (String, String) {
    // In alphabetical order.
    let names = [header::CONTENT_TYPE, header::HOST, DATE, TOKEN];
    let present = names.iter().filter_map(|name| Some((name.as_str(), headers.get(name)?)));
    let mut named = String::new();
    let mut signed = Vec::new();
    for (name, value) in present {
        let value = value.to_str().unwrap_or_default().trim();
        named.extend([name, ":", value, "\n"]);
        signed.push(name);
    }
    (named, signed.join(";"))
}

fn signing_key(credentials: &AwsCredentials, date: &str) -> Result<hmac::Key, Refusal> {
    let secret = current(&credentials.secret_access_key)?;
    let first = Secret::new(format!("AWS4{}", secret.expose()));
    let mut key = hmac::Key::new(HMAC_SHA256, first.expose().as_bytes());
    for part in [date, &credentials.region, &credentials.service, "aws4_request"] {
        key = hmac::Key::new(HMAC_SHA256, hmac::sign(&key, part.as_bytes()).as_ref());
    }
    Ok(key)
}

/// A key as it is now.
fn current(secret: &SharedSecret) -> Result<Arc<Secret<String>>, Refusal> {
    secret
        .current()
        .ok_or_else(|| Refusal::internal("upstream_key_missing", "the provider's key is not there"))
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) -> Result<(), Refusal> {
    let mut value = HeaderValue::from_str(value).map_err(|_| {
        Refusal::internal("upstream_key", "the provider's keys cannot be sent as headers")
    })?;
    value.set_sensitive(name == header::AUTHORIZATION || name == TOKEN);
    headers.insert(name, value);
    Ok(())
}

fn hex_digest(bytes: &[u8]) -> String {
    HEXLOWER.encode(digest(&SHA256, bytes).as_ref())
}

/// A path as it is signed: percent-encoded once more than it is sent, but for slashes and the unreserved characters
/// (RFC 3986, §2.3).
fn encoded(path: &str) -> String {
    let mut encoded = String::with_capacity(path.len() + 8);
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _never_fails = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// `20150830` and `20150830T123600Z`.
fn moment(now_s: u64) -> (String, String) {
    let (year, month, day) = civil(now_s / DAY_S);
    let (hour, minute, second) = (now_s % DAY_S / 3600, now_s % 3600 / 60, now_s % 60);
    let date = format!("{year:04}{month:02}{day:02}");
    let moment = format!("{date}T{hour:02}{minute:02}{second:02}Z");
    (date, moment)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2015-08-30 12:36:00, when the test suite signs.
    const NOW_S: u64 = 1_440_938_160;

    fn shared(key: &str) -> SharedSecret {
        SharedSecret::new(Secret::new(key.to_owned()))
    }

    fn credentials(region: &str, service: &str, token: Option<&str>) -> AwsCredentials {
        AwsCredentials {
            access_key_id: shared("AKIDEXAMPLE"),
            secret_access_key: shared("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
            session_token: token.map(shared),
            region: region.to_owned(),
            service: service.to_owned(),
        }
    }

    #[track_caller]
    fn check(
        (method, host, path): (&str, &str, &str),
        (content_type, body): (Option<&str>, &str),
        credentials: &AwsCredentials,
        expected: &str,
    ) {
        let mut request = Request::new(body.to_owned());
        *request.method_mut() = method.parse().expect("a method");
        *request.uri_mut() = path.parse().expect("a path");
        if let Some(kind) = content_type {
            let kind = HeaderValue::from_str(kind).expect("a header");
            request.headers_mut().insert(header::CONTENT_TYPE, kind);
        }
        assert!(sign(&mut request, (host, ""), credentials, NOW_S).is_ok());
        let authorization = request.headers()[header::AUTHORIZATION].to_str().expect("text");
        assert_eq!(authorization.rsplit('=').next(), Some(expected), "{authorization}");
        assert!(request.headers()[header::AUTHORIZATION].is_sensitive());
    }

    #[test]
    fn requests_of_the_published_suite_are_signed_as_published() {
        let suite = credentials("us-east-1", "service", None);
        let host = "example.amazonaws.com";
        for (method, content, expected) in [
            ("GET", (None, ""), "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
            (
                "POST",
                (None, ""),
                "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
            ),
            (
                "POST",
                (Some("application/x-www-form-urlencoded"), "Param1=value1"),
                "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
            ),
        ] {
            check((method, host, "/"), content, &suite, expected);
        }
    }

    /// As Amazon's client for Python (botocore 1.43) signs them.
    #[test]
    fn requests_to_bedrock_are_signed_as_its_client_signs_them() {
        let json = (Some("application/json"), "{\"messages\":[]}");
        check(
            (
                "POST",
                "bedrock-runtime.eu-central-1.amazonaws.com",
                "/model/anthropic.claude-3-5-sonnet-20241022-v2%3A0/converse",
            ),
            json,
            &credentials("eu-central-1", "bedrock", Some("a-session/token==")),
            "7548afbc8eafb3780efaa389de3db79e95500c6f2bbff071c76f8f57dd1969ef",
        );
        check(
            (
                "POST",
                "127.0.0.1:8080",
                "/model/arn%3Aaws%3Abedrock%3Aeu-central-1%3A123456789012%3Ainference-profile%2Feu.m-v1%3A0/converse-stream",
            ),
            json,
            &credentials("eu-central-1", "bedrock", None),
            "9ff19d74fd47dd0ade69122d871cfc0527d4a7d8d9ac47fa5a458818937b5610",
        );
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (now_s, expected) in [
            (0, "19700101T000000Z"),
            (NOW_S, "20150830T123600Z"),
            (951_782_399, "20000228T235959Z"),
            (951_868_799, "20000229T235959Z"),
            (1_795_442_709, "20261123T140509Z"),
        ] {
            assert_eq!(moment(now_s).1, expected);
        }
    }
}
