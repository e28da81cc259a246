//! Tokens and client certificates as ways in: over real sockets, with keys and certificates made here.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use connect::{KeySource, KeySourceSettings};
use data_encoding::BASE64URL_NOPAD;
use events::Ending;
use gateway::{Accept, IdentitySettings, LimitSettings, Per, QuotaSettings, TokenIssuer};
use identity::{
    Algorithm, ClaimPath, Condition, GrantRow, GrantTable, Issuer, IssuerSettings, KeySet, Mapping,
};
use net::ClientCertificates;
use policy::{Grants, NamePattern, Verb};
use rcgen::{
    BasicConstraints, CertificateParams, IsCa, KeyPair as CertificateKey, KeyUsagePurpose, SanType,
};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use serde_json::json;
use store::Quota;
use testkit::{Client, FakeService, FakeUpstream, Request, Served};

use crate::bed::{Bed, PROVIDER_KEY, Plan};

const ISSUER: &str = "https://issuer.example";

fn new_key() -> Ed25519KeyPair {
    let key = Ed25519KeyPair::generate_pkcs8(&ring::rand::SystemRandom::new()).expect("a key");
    Ed25519KeyPair::from_pkcs8(key.as_ref()).expect("a key")
}

static KEY: LazyLock<Ed25519KeyPair> = LazyLock::new(new_key);
static OTHER_KEY: LazyLock<Ed25519KeyPair> = LazyLock::new(new_key);

fn jwk(id: &str, key: &Ed25519KeyPair) -> String {
    let x = BASE64URL_NOPAD.encode(key.public_key().as_ref());
    format!(r#"{{"kty":"OKP","crv":"Ed25519","kid":"{id}","x":"{x}"}}"#)
}

fn key_set(keys: &[String]) -> String {
    format!(r#"{{"keys":[{}]}}"#, keys.join(","))
}

fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}

/// A token with these claims beside the usual ones, which they may replace.
fn token_by(id: &str, key: &Ed25519KeyPair, claims: &serde_json::Value) -> String {
    let mut all = json!({
        "iss": ISSUER, "aud": "bartizan", "sub": "ann.lee", "iat": now_s(), "exp": now_s() + 600,
        "jti": "t-1", "groups": ["ml"],
    });
    all.as_object_mut().expect("an object").extend(claims.as_object().expect("an object").clone());
    let header = json!({"alg": "EdDSA", "kid": id, "typ": "at+jwt"}).to_string();
    let part = |text: &str| BASE64URL_NOPAD.encode(text.as_bytes());
    let signed = format!("{}.{}", part(&header), part(&all.to_string()));
    format!("{signed}.{}", BASE64URL_NOPAD.encode(key.sign(signed.as_bytes()).as_ref()))
}

fn token(claims: &serde_json::Value) -> String {
    token_by("a", &KEY, claims)
}

fn path(text: &str) -> ClaimPath {
    ClaimPath::parse(text).expect("a path")
}

fn row(claim: &str, pattern: &str, team: &str) -> GrantRow {
    GrantRow {
        when: vec![Condition { claim: path(claim), any_of: vec![NamePattern::new(pattern)] }],
        agent: None,
        application: None,
        team: Some(team.to_owned()),
        tenant: None,
        limits: Arc::new(Grants {
            actions: Some(vec![Verb::Infer]),
            models: Some(vec![NamePattern::new("m*")]),
            ..Grants::default()
        }),
    }
}

fn issuer(keys: KeySource) -> IdentitySettings {
    let issuer = Issuer::new(IssuerSettings {
        name: "corp".to_owned(),
        issuer: ISSUER.to_owned(),
        audiences: vec!["bartizan".to_owned()],
        algorithms: Algorithm::ALL.to_vec(),
        types: vec!["at+jwt".to_owned()],
        leeway_ms: 1_000,
        lifetime_ms_max: 3_600_000,
        mapping: Mapping {
            user: path("sub"),
            agent: None,
            application: Some(path("azp")),
            team: None,
            tenant: None,
        },
        grants: GrantTable::new(vec![row("groups", "ml", "research")]),
    });
    let certificates = GrantTable::new(vec![row("uri", "spiffe://example.org/*", "services")]);
    IdentitySettings { issuers: vec![TokenIssuer { issuer, keys }], certificates }
}

fn fixed() -> IdentitySettings {
    let keys = KeySet::parse(key_set(&[jwk("a", &KEY)]).as_bytes()).expect("a key set");
    issuer(KeySource::fixed(keys))
}

fn upstream() -> FakeUpstream {
    FakeUpstream::start().expect("a free port")
}

fn chat() -> Request {
    Request::chat("model-1", "hello", &json!({}))
}

fn as_bearer(bed: &Bed, token: &str) -> testkit::Response {
    Client::new(bed.address).send(&chat().key(token)).expect("an answer")
}

#[test]
#[expect(clippy::disallowed_methods, reason = "reads only files that this test made")]
fn a_token_opens_as_far_as_it_is_granted_and_goes_nowhere() {
    let upstream = upstream();
    let bed = Bed::new(&upstream.base_url(), Plan { identity: fixed(), ..Plan::default() });
    let token = token(&json!({"azp": "shop"}));
    for _ in 0..2 {
        assert_eq!(as_bearer(&bed, &token).status, 200);
    }
    // In the header that Azure's clients have for keys.
    let own = Client::new(bed.address).send(&chat().header("api-key", &token)).expect("an answer");
    assert_eq!(own.status, 200);
    for request in upstream.requests() {
        assert_eq!(request.header("authorization"), Some(&*format!("Bearer {PROVIDER_KEY}")));
        let all = format!("{request:?}");
        assert!(!all.contains(&token), "the token is not sent on");
    }
    let opened = bed.opened();
    let principal = &opened[0].principal;
    assert_eq!(principal.issuer.as_deref(), Some("corp"));
    assert_eq!(principal.user.as_deref(), Some("ann.lee"));
    assert_eq!(principal.application.as_deref(), Some("shop"));
    assert_eq!(principal.team.as_deref(), Some("research"));
    assert_eq!(principal.key, None);
    let id = opened[0].credentials.token.clone().expect("a hash of the token's id");
    assert!(!id.contains("t-1"));
    assert!(opened.iter().all(|one| one.credentials.token.as_ref() == Some(&id)));
    bed.closed(3);
    let signature = token.rsplit('.').next().expect("a signature");
    for file in walk(bed.data()) {
        let bytes = std::fs::read(&file).expect("a file");
        let holds = |text: &str| memchr::memmem::find(&bytes, text.as_bytes()).is_some();
        assert!(!holds(signature) && !holds(&token), "{}", file.display());
    }
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries =
        std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

#[test]
fn what_is_not_granted_or_not_good_is_refused_and_recorded_as_what_it_was() {
    let upstream = upstream();
    let bed = Bed::new(&upstream.base_url(), Plan { identity: fixed(), ..Plan::default() });
    let none = BASE64URL_NOPAD.encode(br#"{"alg":"none","typ":"at+jwt"}"#);
    let good = token(&json!({}));
    let unsigned = format!("{none}.{}.", good.split('.').nth(1).expect("claims"));
    let refusals = [
        (
            token(&json!({"exp": now_s() - 5, "iat": now_s() - 60})),
            401,
            "invalid_token",
            "token_expired",
        ),
        (token(&json!({"aud": "x"})), 401, "invalid_token", "token_audience"),
        (token(&json!({"exp": now_s() + 7_200})), 401, "invalid_token", "token_lifetime"),
        (token(&json!({"iss": "https://evil.example"})), 401, "invalid_token", "token_issuer"),
        (token(&json!({"groups": []})), 403, "not_authorised", "token_not_granted"),
        (token_by("a", &OTHER_KEY, &json!({})), 401, "invalid_token", "token_signature"),
        (token_by("b", &OTHER_KEY, &json!({})), 401, "invalid_token", "token_key_unknown"),
        (unsigned, 401, "invalid_token", "token_algorithm"),
        (format!("{good}.x"), 401, "invalid_api_key", "key_malformed"),
        (format!("{good}x"), 401, "invalid_token", "token_malformed"),
    ];
    for (token, status, code, _) in &refusals {
        let refused = as_bearer(&bed, token);
        assert_eq!(
            (refused.status, refused.error_code().as_deref()),
            (*status, Some(*code)),
            "{}",
            refused.text()
        );
        assert!(!refused.text().contains("ann.lee") && !refused.text().contains(ISSUER));
        assert_eq!(refused.header("www-authenticate").is_some(), *status == 401);
    }
    let reasons: Vec<_> =
        bed.closed(refusals.len()).into_iter().map(|one| (one.ending, one.reason)).collect();
    for ((_, _, _, recorded), found) in refusals.iter().zip(reasons) {
        assert_eq!(found, (Ending::Refused, Some((*recorded).to_owned())));
    }
    assert!(upstream.requests().is_empty(), "nothing is sent on");
    let other_model = Request::chat("other", "hello", &json!({})).key(&token(&json!({})));
    let refused = Client::new(bed.address).send(&other_model).expect("an answer");
    assert_eq!((refused.status, refused.error_code().as_deref()), (403, Some("not_authorised")));
    // Virtual keys go on as before.
    assert_eq!(bed.client().send(&chat()).expect("an answer").status, 200);
}

#[test]
fn limits_count_the_users_teams_and_applications_of_tokens() {
    let limit = |per| LimitSettings {
        name: "few".to_owned(),
        per,
        models: vec![NamePattern::new("*")],
        quota: Quota { requests_per_minute: Some(1), ..Quota::default() },
    };
    for (per, changed, expected) in [
        (Per::Key, json!({"sub": "bob"}), 200),
        (Per::Key, json!({"azp": "else"}), 429),
        (Per::Application, json!({"azp": "else"}), 200),
        (Per::Application, json!({"sub": "bob"}), 429),
        (Per::Team, json!({"sub": "bob", "azp": "else"}), 429),
    ] {
        let upstream = upstream();
        let quotas = QuotaSettings { limits: vec![limit(per)], ..QuotaSettings::default() };
        let plan = Plan { identity: fixed(), quotas, ..Plan::default() };
        let bed = Bed::new(&upstream.base_url(), plan);
        assert_eq!(as_bearer(&bed, &token(&json!({"azp": "shop"}))).status, 200);
        let mut claims = json!({"azp": "shop"});
        claims
            .as_object_mut()
            .expect("an object")
            .extend(changed.as_object().expect("an object").clone());
        assert_eq!(as_bearer(&bed, &token(&claims)).status, expected, "{per:?} {claims}");
    }
}

#[test]
fn where_provider_keys_are_taken_our_issuers_tokens_are_not_sent_on() {
    let upstream = upstream();
    let plan = Plan { identity: fixed(), accept: Accept::ProviderKey, ..Plan::default() };
    let bed = Bed::new(&upstream.base_url(), plan);
    for token in [
        token(&json!({})),
        token(&json!({"aud": "x"})),
        token_by("a", &OTHER_KEY, &json!({})),
        format!("{}x", token(&json!({}))),
    ] {
        let refused = as_bearer(&bed, &token);
        assert_eq!(refused.status, 401, "{}", refused.text());
    }
    assert!(upstream.requests().is_empty());
    // A token of somebody else is a key of the caller's provider.
    let foreign = token(&json!({"iss": "https://sts.provider.example"}));
    assert_eq!(as_bearer(&bed, &foreign).status, 200);
    assert_eq!(upstream.requests()[0].header("authorization"), Some(&*format!("Bearer {foreign}")));
}

#[test]
fn an_issuers_new_key_is_fetched_when_a_token_names_it_and_no_keys_means_no_tokens() {
    let is_rotated = Arc::new(AtomicBool::new(false));
    let is_away = Arc::new(AtomicBool::new(true));
    let (rotated, away) = (Arc::clone(&is_rotated), Arc::clone(&is_away));
    let service = FakeService::start(move |_| {
        if away.load(Ordering::SeqCst) {
            return Served::new(503, "");
        }
        let (first, second) = (jwk("a", &KEY), jwk("b", &OTHER_KEY));
        let keys = if rotated.load(Ordering::SeqCst) { vec![second] } else { vec![first] };
        Served::new(200, key_set(&keys))
    })
    .expect("a free port");
    let keys = KeySource::remote(KeySourceSettings {
        ca_pem: None,
        name: "corp".to_owned(),
        refresh: Duration::from_mins(10),
        stale: Duration::from_mins(10),
        unknown_key_pause: Duration::from_millis(20),
        url: service.url(),
    });
    let upstream = upstream();
    let identity = issuer(keys.expect("a source"));
    let bed = Bed::new(&upstream.base_url(), Plan { identity, ..Plan::default() });
    let (old, new) = (token(&json!({})), token_by("b", &OTHER_KEY, &json!({})));

    let refused = as_bearer(&bed, &old);
    let expected = (503, Some("token_keys_unavailable".to_owned()));
    assert_eq!((refused.status, refused.error_code()), expected);
    is_away.store(false, Ordering::SeqCst);
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(as_bearer(&bed, &old).status, 200);
    is_rotated.store(true, Ordering::SeqCst);
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(as_bearer(&bed, &new).status, 200);
    // It was verified before, and its key is gone.
    assert_eq!(as_bearer(&bed, &old).status, 401);
}

/// An authority, and what it has issued.
struct Authority {
    issuer: rcgen::Issuer<'static, CertificateKey>,
    pem: String,
}

/// A certificate and its key, in DER.
type Held = (Vec<u8>, Vec<u8>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = CertificateKey::generate().expect("a key");
        let pem = params.self_signed(&key).expect("a certificate").pem();
        Self { issuer: rcgen::Issuer::new(params, key), pem }
    }

    fn issue(&self, name: SanType) -> (rcgen::Certificate, CertificateKey) {
        let mut params = CertificateParams::default();
        params.subject_alt_names = vec![name];
        let key = CertificateKey::generate().expect("a key");
        (params.signed_by(&key, &self.issuer).expect("a certificate"), key)
    }

    fn client(&self, uri: &str) -> Held {
        let (certificate, key) = self.issue(SanType::URI(uri.try_into().expect("ASCII")));
        (certificate.der().to_vec(), key.serialize_der())
    }

    /// TLS for a server called `localhost` that asks for certificates of `clients`.
    fn server(&self, clients: &Self, are_required: bool) -> net::TlsSettings {
        let (certificate, key) =
            self.issue(SanType::DnsName("localhost".try_into().expect("ASCII")));
        let clients = ClientCertificates { ca_pem: clients.pem.clone().into_bytes(), are_required };
        let (chain, key) = (certificate.pem(), key.serialize_pem());
        net::server_config(chain.as_bytes(), key.as_bytes(), Some(&clients)).expect("TLS")
    }

    /// Sends a request over TLS; the status and the whole answer, or nothing if the handshake failed.
    fn ask(
        &self,
        address: SocketAddr,
        held: Option<&Held>,
        request: &Request,
    ) -> Option<(u16, String)> {
        let mut roots = rustls::RootCertStore::empty();
        let pem = rcgen_der(&self.pem);
        roots.add(CertificateDer::from(pem)).expect("a root");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots);
        let config = match held {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let key = PrivateKeyDer::try_from(key.clone()).expect("a key");
                let chain = vec![CertificateDer::from(certificate.clone())];
                builder.with_client_auth_cert(chain, key).expect("a certificate")
            }
        };
        let name = ServerName::try_from("localhost").expect("a name");
        let connection = rustls::ClientConnection::new(Arc::new(config), name).expect("a client");
        let socket = TcpStream::connect(address).expect("a connection");
        socket.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
        let mut stream = rustls::StreamOwned::new(connection, socket);
        let request = request.clone().header("connection", "close");
        stream.write_all(&request.bytes(address)).ok()?;
        let mut answer = Vec::new();
        // The server need not say goodbye.
        let _end = stream.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let status = answer.split(' ').nth(1)?.parse().ok()?;
        Some((status, answer))
    }
}

/// The bytes in a PEM text.
fn rcgen_der(pem: &str) -> Vec<u8> {
    use rustls::pki_types::pem::PemObject as _;
    CertificateDer::from_pem_slice(pem.as_bytes()).expect("PEM").as_ref().to_vec()
}

const SERVICE: &str = "spiffe://example.org/ns/ml/sa/search";

#[test]
fn a_client_certificate_opens_as_far_as_its_names_are_granted() {
    let (ours, others) = (Authority::new(), Authority::new());
    let upstream = upstream();
    let tls = Some(ours.server(&ours, false));
    let bed = Bed::new(&upstream.base_url(), Plan { identity: fixed(), tls, ..Plan::default() });
    let status = |held: Option<&Held>, request: &Request| {
        ours.ask(bed.address, held, request).map(|(status, _)| status)
    };

    let service = ours.client(SERVICE);
    assert_eq!(status(Some(&service), &chat()), Some(200));
    assert_eq!(status(Some(&service), &Request::chat("other", "hello", &json!({}))), Some(403));
    assert_eq!(status(Some(&ours.client("spiffe://example.com/x")), &chat()), Some(403));
    assert_eq!(status(None, &chat()), Some(401));
    assert_eq!(status(None, &chat().key(&bed.key)), Some(200));
    assert_eq!(status(Some(&others.client(SERVICE)), &chat()), None, "of another authority");

    let opened = bed.opened();
    let principal = &opened[0].principal;
    assert_eq!(principal.issuer.as_deref(), Some("certificate"));
    assert_eq!(principal.user.as_deref(), Some(SERVICE));
    assert_eq!(principal.application.as_deref(), Some(SERVICE));
    assert_eq!(principal.team.as_deref(), Some("services"));
    assert_eq!(opened[0].credentials.certificate.as_deref(), Some(SERVICE));
    let refused = &opened[2];
    assert_eq!(refused.credentials.certificate.as_deref(), Some("spiffe://example.com/x"));
    assert_eq!(refused.principal, events::Principal::default());
}

#[test]
fn a_key_or_a_token_decides_before_a_certificate_and_both_are_on_record() {
    let ours = Authority::new();
    let upstream = upstream();
    let tls = Some(ours.server(&ours, true));
    let bed = Bed::new(&upstream.base_url(), Plan { identity: fixed(), tls, ..Plan::default() });
    let held = ours.client(SERVICE);
    for request in [chat().key(&bed.key), chat().key(&token(&json!({})))] {
        let answer = ours.ask(bed.address, Some(&held), &request).expect("an answer");
        assert_eq!(answer.0, 200, "{}", answer.1);
    }
    let answer = ours.ask(bed.address, Some(&held), &chat().key("btz_wrong")).expect("an answer");
    assert_eq!(answer.0, 401, "a good certificate does not save a bad key");
    assert!(ours.ask(bed.address, None, &chat().key(&bed.key)).is_none(), "required is required");
    let opened = bed.opened();
    assert!(opened[0].principal.key.is_some() && opened[0].principal.issuer.is_none());
    assert_eq!(opened[1].principal.issuer.as_deref(), Some("corp"));
    assert!(opened[1].credentials.token.is_some());
    for one in &opened {
        assert_eq!(one.credentials.certificate.as_deref(), Some(SERVICE));
    }
}
