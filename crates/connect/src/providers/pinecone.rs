//! Pinecone: API keys of a project.
//!
//! Source: the reference of the Admin API of version 2025-04 (`/admin/projects/{project_id}/api-keys`,
//! `/admin/api-keys/{api_key_id}`) and of its tokens (`https://login.pinecone.io/oauth/token`, client credentials of a service
//! account, asked for in JSON). A key is shown once, when it is made; the new one gets the roles of the one in use.

use bytes::Bytes;
use http::HeaderValue;
use serde::Deserialize;
use serde_json::{Value, json};
use stdx::Secret;

use crate::adapter::KeyHeader;
use crate::error::Unreadable;
use crate::provider::{Call, Contract, Known, NewKey, Page, Token, is_path_part};

pub(crate) const PINECONE: Contract = Contract {
    about: "Pinecone, Admin API: API keys of a project.",
    admin_url: "https://api.pinecone.io",
    create: |project, label, _, known| {
        Call::post(of(project), json!({ "name": label, "roles": known.roles }))
    },
    delete: |_, id| Call::delete(one(id)),
    headers: &[("x-pinecone-api-version", "2025-04")],
    is_account: (is_path_part, "no id of a project: write the UUID that the console shows"),
    is_id: |_| true,
    list: Some((|project, _| Call::get(of(project)), read_list)),
    look: |_, id| Call::get(one(id)),
    probe: "/indexes",
    read_created,
    read_known,
    service_key: KeyHeader::Named("api-key"),
    service_url: Some("https://api.pinecone.io"),
    token: Some(Token { ask: ask_token, url: Some("https://login.pinecone.io/oauth/token") }),
};

fn of(project: &str) -> String {
    format!("/admin/projects/{project}/api-keys")
}

fn one(id: &str) -> String {
    format!("/admin/api-keys/{id}")
}

#[derive(Deserialize)]
struct ApiKey {
    id: String,
    name: String,
    #[serde(default)]
    roles: Vec<String>,
}

fn read_list(body: &[u8]) -> Result<Page, Unreadable> {
    #[derive(Deserialize)]
    struct Keys {
        data: Vec<ApiKey>,
    }
    let Keys { data } = serde_json::from_slice(body)?;
    Ok(Page { keys: data.into_iter().map(|key| (key.id, key.name)).collect(), next: None })
}

fn read_created(_: &str, body: &[u8]) -> Result<NewKey, Unreadable> {
    #[derive(Deserialize)]
    struct Created {
        key: ApiKey,
        value: String,
    }
    let Created { key, value } = serde_json::from_slice(body)?;
    Ok(NewKey { id: key.id, value: Secret::new(value) })
}

fn read_known(id: &str, body: &[u8]) -> Result<Known, Unreadable> {
    let key: ApiKey = serde_json::from_slice(body)?;
    if key.id != id {
        return Err(Unreadable("the answer is about another key".to_owned()));
    }
    if key.roles.is_empty() {
        // Without roles, the new key would get those that are usual.
        return Err(Unreadable("it does not say what the key may do".to_owned()));
    }
    Ok(Known { roles: Value::from(key.roles), value: None })
}

fn ask_token(client_id: &str, secret: &str) -> (Bytes, HeaderValue) {
    let body = json!({
        "audience": "https://api.pinecone.io/",
        "client_id": client_id,
        "client_secret": secret,
        "grant_type": "client_credentials",
    });
    (Bytes::from(body.to_string()), HeaderValue::from_static("application/json"))
}
