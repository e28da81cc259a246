//! Providers' administrative APIs: what is asked, as their references have it, and what is made of any answer.

use connect::{ProviderAdmin, ProviderError, ProviderKind, ProviderSettings};
use stdx::{Secret, SharedSecret};
use testkit::{FakeService, RecordedRequest, Served};

const AZURE_ACCOUNT: &str =
    "/subscriptions/s-1/resourceGroups/g-1/providers/Microsoft.CognitiveServices/accounts/a-1";

fn secret(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

fn account(kind: ProviderKind) -> &'static str {
    match kind {
        ProviderKind::AzureOpenAi => AZURE_ACCOUNT,
        ProviderKind::OpenAi => "proj_abc",
        ProviderKind::Pinecone => "32c8235a-5220-4a80-a9f1-69c24109e6f2",
    }
}

fn settings(kind: ProviderKind, url: &str) -> ProviderSettings {
    ProviderSettings {
        account: account(kind).to_owned(),
        admin_url: Some(url.to_owned()),
        ca_pem: None,
        client_id: None,
        credential: SharedSecret::new(secret("sk-admin")),
        kind,
        service_url: Some(format!("{url}/service")),
        token_url: None,
    }
}

fn admin(kind: ProviderKind, url: &str) -> ProviderAdmin {
    ProviderAdmin::new(settings(kind, url)).expect("settings")
}

/// An answer of the reference of the API.
fn recorded(request: &RecordedRequest) -> Served {
    let azure = |what: &str| format!("{AZURE_ACCOUNT}/{what}?api-version=2023-05-01");
    let target = request.target.as_str();
    let body = match (request.method.as_str(), target) {
        ("GET", "/organization/projects/proj_abc/service_accounts/svc_acct_abc") => {
            r#"{"object":"organization.project.service_account","id":"svc_acct_abc","name":"Service Account","role":"owner","created_at":1711471533}"#
        }
        ("GET", "/organization/projects/proj_abc/api_keys/key_abc") => {
            r#"{"object":"organization.project.api_key","redacted_value":"sk-abc...def","name":"My API Key","created_at":1711471533,"last_used_at":1711471534,"id":"key_abc","owner":{"type":"user","user":{"object":"organization.project.user","id":"user_abc","name":"First Last","email":"user@example.com","role":"owner","created_at":1711471533}}}"#
        }
        ("GET", "/organization/projects/proj_abc/api_keys/key_svc") => {
            r#"{"object":"organization.project.api_key","id":"key_svc","name":"k","owner":{"type":"service_account","service_account":{"id":"svc_acct_abc"}}}"#
        }
        ("GET", "/organization/projects/proj_abc/service_accounts?limit=100") => {
            r#"{"object":"list","data":[{"object":"organization.project.service_account","id":"svc_acct_1","name":"mine","role":"owner","created_at":1711471533}],"first_id":"svc_acct_1","last_id":"svc_acct_1","has_more":true}"#
        }
        ("GET", "/organization/projects/proj_abc/service_accounts?limit=100&after=svc_acct_1") => {
            r#"{"object":"list","data":[{"object":"organization.project.service_account","id":"svc_acct_2","name":"other","role":"owner","created_at":1},{"object":"organization.project.service_account","id":"svc_acct_3","name":"mine","role":"member","created_at":1}],"first_id":"svc_acct_2","last_id":"svc_acct_3","has_more":false}"#
        }
        ("POST", "/organization/projects/proj_abc/service_accounts") => {
            r#"{"object":"organization.project.service_account","id":"svc_acct_new","name":"mine","role":"member","created_at":1711471533,"api_key":{"object":"organization.project.service_account.api_key","value":"sk-new","name":"Secret Key","created_at":1711471533,"id":"key_new"}}"#
        }
        ("DELETE", "/organization/projects/proj_abc/service_accounts/svc_acct_abc") => {
            r#"{"object":"organization.project.service_account.deleted","id":"svc_acct_abc","deleted":true}"#
        }
        ("DELETE", "/organization/projects/proj_abc/api_keys/key_abc") => {
            r#"{"object":"organization.project.api_key.deleted","id":"key_abc","deleted":true}"#
        }
        ("POST", target) if target == azure("listKeys") => r#"{"key1":"sk-old","key2":"sk-idle"}"#,
        ("POST", target) if target == azure("regenerateKey") => {
            match request.json()["keyName"].as_str() {
                Some("Key2") => r#"{"key1":"sk-old","key2":"sk-new"}"#,
                Some("Key1") => r#"{"key1":"sk-newer","key2":"sk-new"}"#,
                _ => return Served::new(400, "{}"),
            }
        }
        ("GET", "/admin/api-keys/62b0dbfe") => {
            r#"{"id":"62b0dbfe","name":"example-api-key","project_id":"32c8235a","roles":["DataPlaneEditor"],"created_at":"2025-10-20T23:39:43.665754Z"}"#
        }
        ("GET", "/admin/projects/32c8235a-5220-4a80-a9f1-69c24109e6f2/api-keys") => {
            r#"{"data":[{"id":"62b0dbfe","name":"mine","project_id":"32c8235a","roles":["ProjectEditor"]},{"id":"0d0d3678","name":"other","project_id":"32c8235a","roles":["ProjectEditor"]}]}"#
        }
        ("POST", "/admin/projects/32c8235a-5220-4a80-a9f1-69c24109e6f2/api-keys") => {
            r#"{"key":{"id":"3fa85f64","name":"mine","project_id":"32c8235a","roles":["DataPlaneEditor"]},"value":"sk-new"}"#
        }
        ("DELETE", "/admin/api-keys/62b0dbfe") => return Served::new(202, ""),
        ("POST", "/token") => {
            r#"{"access_token":"granted","expires_in":1800,"token_type":"Bearer"}"#
        }
        ("GET", target) if target.starts_with("/service/") => "{}",
        _ => return Served::new(404, "{}"),
    };
    Served::new(200, body)
}

fn service() -> FakeService {
    FakeService::start(recorded).expect("a free port")
}

/// Method, target and body of every request.
fn asked(service: &FakeService) -> Vec<String> {
    let said = |one: &RecordedRequest| format!("{} {} {}", one.method, one.target, one.text());
    service.requests().iter().map(|one| said(one).trim_end().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_confirmed_made_tried_and_deleted_as_each_provider_has_it() {
    let pinecone = "/admin/projects/32c8235a-5220-4a80-a9f1-69c24109e6f2/api-keys";
    let list_keys = format!("POST {AZURE_ACCOUNT}/listKeys?api-version=2023-05-01 {{}}");
    let again = format!("POST {AZURE_ACCOUNT}/regenerateKey?api-version=2023-05-01");
    for (kind, old, new, made_as, requests) in [
        (
            ProviderKind::OpenAi,
            "svc_acct_abc",
            "svc_acct_new",
            vec!["svc_acct_1", "svc_acct_3"],
            vec![
                "GET /organization/projects/proj_abc/service_accounts/svc_acct_abc".to_owned(),
                "GET /organization/projects/proj_abc/service_accounts?limit=100".to_owned(),
                "GET /organization/projects/proj_abc/service_accounts?limit=100&after=svc_acct_1"
                    .to_owned(),
                "GET /organization/projects/proj_abc/service_accounts/svc_acct_abc".to_owned(),
                r#"POST /organization/projects/proj_abc/service_accounts {"name":"mine"}"#
                    .to_owned(),
                "GET /service/models".to_owned(),
                "DELETE /organization/projects/proj_abc/service_accounts/svc_acct_abc".to_owned(),
            ],
        ),
        (
            ProviderKind::AzureOpenAi,
            "key1",
            "key2",
            vec![],
            vec![
                list_keys.clone(),
                list_keys,
                format!(r#"{again} {{"keyName":"Key2"}}"#),
                "GET /service/openai/models?api-version=2024-10-21".to_owned(),
                format!(r#"{again} {{"keyName":"Key1"}}"#),
            ],
        ),
        (
            ProviderKind::Pinecone,
            "62b0dbfe",
            "3fa85f64",
            vec!["62b0dbfe"],
            vec![
                "GET /admin/api-keys/62b0dbfe".to_owned(),
                format!("GET {pinecone}"),
                "GET /admin/api-keys/62b0dbfe".to_owned(),
                format!(r#"POST {pinecone} {{"name":"mine","roles":["DataPlaneEditor"]}}"#),
                "GET /service/indexes".to_owned(),
                "DELETE /admin/api-keys/62b0dbfe".to_owned(),
            ],
        ),
    ] {
        let service = service();
        let admin = admin(kind, &service.url());
        admin.confirm(old, &secret("sk-old")).await.expect("it is the key in use");
        assert_eq!(admin.made_as("mine").await.expect("a list"), made_as, "{kind:?}");
        let made = admin.create("mine", old).await.expect("a key");
        assert_eq!((made.id.as_str(), made.value.expose().as_str()), (new, "sk-new"));
        assert_eq!(admin.accepts(&made.value).await, Ok(true));
        admin.delete(old).await.expect("deleted");
        assert_eq!(asked(&service), requests, "{kind:?}");
        for request in service.requests() {
            let is_service = request.target.starts_with("/service/");
            let bearer = request.header("authorization");
            let own = request.header("api-key");
            let expected = match (is_service, kind) {
                (false, _) => (Some("Bearer sk-admin"), None),
                (true, ProviderKind::OpenAi) => (Some("Bearer sk-new"), None),
                (true, _) => (None, Some("sk-new")),
            };
            assert_eq!((bearer, own), expected, "{}", request.target);
            let version = request.header("x-pinecone-api-version");
            assert_eq!(version.is_some(), kind == ProviderKind::Pinecone);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_people_made_are_looked_up_and_deleted_as_such() {
    let service = service();
    let admin = admin(ProviderKind::OpenAi, &service.url());
    admin.confirm("key_abc", &secret("sk-old")).await.expect("it is there");
    admin.delete("key_abc").await.expect("deleted");
    admin.delete("key_gone").await.expect("what is not there is deleted");
    let error = admin.confirm("key_svc", &secret("sk-old")).await.expect_err("not by itself");
    assert!(error.is_refusal() && error.to_string().contains("service account"), "{error}");
    let error = admin.confirm("key_gone", &secret("sk-old")).await.expect_err("not there");
    assert!(matches!(error, ProviderError::Refused { status: 404, .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_the_key_in_use_is_not_rotated() {
    let service = service();
    let azure = admin(ProviderKind::AzureOpenAi, &service.url());
    let error = azure.confirm("key2", &secret("sk-old")).await.expect_err("that is key1");
    assert!(matches!(&error, ProviderError::NotTheKey { id, .. } if id == "key2"), "{error}");
    let asked = service.requests().len();
    for id in ["key3", "Key1", "", "../listKeys", "key1?x=1", &"k".repeat(501)] {
        let error = azure.delete(id).await.expect_err("no id");
        assert!(error.is_refusal(), "{error}");
    }
    assert_eq!(service.requests().len(), asked, "nothing is asked about what is no id");
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_get_a_token_first() {
    for (kind, question) in [
        (
            ProviderKind::AzureOpenAi,
            "client_id=c-1&client_secret=s%2F1%26&grant_type=client_credentials&scope=https%3A%2F%2Fmanagement.azure.com%2F.default",
        ),
        (
            ProviderKind::Pinecone,
            r#"{"audience":"https://api.pinecone.io/","client_id":"c-1","client_secret":"s/1&","grant_type":"client_credentials"}"#,
        ),
    ] {
        let service = service();
        let admin = ProviderAdmin::new(ProviderSettings {
            client_id: Some("c-1".to_owned()),
            credential: SharedSecret::new(secret("s/1&")),
            token_url: Some(format!("{}/token", service.url())),
            ..settings(kind, &service.url())
        });
        let id = if kind == ProviderKind::Pinecone { "62b0dbfe" } else { "key1" };
        admin.expect("settings").confirm(id, &secret("sk-old")).await.expect("confirmed");
        let requests = service.requests();
        assert_eq!(
            (requests[0].target.as_str(), requests[0].text().as_str()),
            ("/token", question)
        );
        assert_eq!(requests[0].header("authorization"), None);
        assert_eq!(requests[1].header("authorization"), Some("Bearer granted"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_are_none_are_errors_without_their_words() {
    let long = " ".repeat((1 << 20) + 1);
    let endless = r#"{"data":[],"has_more":true,"last_id":"a"}"#;
    for (status, body, is_refusal) in [
        (400, "sk-secret", true),
        (401, "sk-secret", true),
        (403, "sk-secret", true),
        (404, "sk-secret", true),
        (408, "sk-secret", false),
        (409, "sk-secret", false),
        (429, "sk-secret", false),
        (500, "sk-secret", false),
        (302, "sk-secret", false),
        (0, "", false),
        (200, "sk-secret", false),
        (200, r#"{"id":"sk-secret"}"#, false),
        (200, r#"{"api_key":{"value":7}}"#, false),
        (200, r#"{"data":[],"has_more":true,"last_id":"../x"}"#, false),
        (200, endless, false),
        (200, long.as_str(), false),
    ] {
        let answer = body.to_owned();
        let service = FakeService::start(move |_| Served::new(status, answer.clone()));
        let service = service.expect("a free port");
        for kind in [ProviderKind::OpenAi, ProviderKind::Pinecone] {
            if kind == ProviderKind::Pinecone && body.contains("has_more") {
                continue;
            }
            let admin = admin(kind, &service.url());
            let error = admin.made_as("mine").await.expect_err("no list");
            assert_eq!(error.is_refusal(), is_refusal, "{status} {error}");
            assert!(!error.to_string().contains("sk-secret"), "{error}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_accepted_refused_or_it_is_not_known() {
    for (status, accepts) in [
        (200, Some(true)),
        (429, None),
        (401, Some(false)),
        (403, Some(false)),
        (404, None),
        (500, None),
        (0, None),
    ] {
        let service = FakeService::start(move |_| Served::new(status, "{}")).expect("a free port");
        let admin = admin(ProviderKind::OpenAi, &service.url());
        assert_eq!(admin.accepts(&secret("sk-1")).await.ok(), accepts, "{status}");
    }
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let why = |change: &dyn Fn(&mut ProviderSettings)| {
        let mut settings = settings(ProviderKind::AzureOpenAi, "http://127.0.0.1:1");
        change(&mut settings);
        ProviderAdmin::new(settings).err().map(|error| error.to_string()).unwrap_or_default()
    };
    assert_eq!(why(&|_| {}), "");
    assert!(why(&|one| one.service_url = None).contains("`service_url`"));
    assert!(why(&|one| one.client_id = Some("c".into())).contains("`token_url`"));
    assert!(why(&|one| one.admin_url = Some("localhost".into())).contains("http"));
    for account in [
        "",
        "proj_abc",
        "/subscriptions/a/../b",
        &format!("{AZURE_ACCOUNT}/"),
        "/subscriptions/a?x",
    ] {
        assert!(why(&|one| one.account = account.to_owned()).contains("`account`"), "{account}");
    }
    let client = |one: &mut ProviderSettings| {
        (one.kind, one.account) = (ProviderKind::OpenAi, "proj_abc".to_owned());
        one.client_id = Some("c".into());
    };
    assert!(why(&client).contains("no `client_id`"));
}
