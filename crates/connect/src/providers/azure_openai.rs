//! Azure OpenAI, and other accounts of Azure AI services: two keys, of which the other one is made anew.
//!
//! Source: the reference of the management API, `Microsoft.CognitiveServices` of api-version 2023-05-01 (`Accounts -
//! List Keys`, `Accounts - Regenerate Key`), and of Microsoft's identity platform (client credentials). The id of a key is
//! `key1` or `key2`. A new key is made by regenerating the one that is not in use, so whatever else uses that one stops
//! working; the old key is voided by regenerating it in turn.
//!
//! Keys are shown whenever they are asked for: it is made sure that the key in use is the one it is said to be, and a key
//! that was made and not noted is not lost.

use bytes::Bytes;
use http::HeaderValue;
use serde::Deserialize;
use serde_json::{Value, json};
use stdx::Secret;

use crate::adapter::KeyHeader;
use crate::error::Unreadable;
use crate::form::Form;
use crate::provider::{Call, Contract, Known, NewKey, Token};

const API_VERSION: &str = "2023-05-01";
/// What a token for the management API is asked for.
const SCOPE: &str = "https://management.azure.com/.default";
/// What the id of an account contains.
const ACCOUNTS: &str = "/providers/Microsoft.CognitiveServices/accounts/";

pub(crate) const AZURE_OPENAI: Contract = Contract {
    about: "Azure OpenAI, management API: two keys, made anew in turn.",
    admin_url: "https://management.azure.com",
    create: |account, _, in_use, _| regenerate(account, other(in_use)),
    delete: regenerate,
    headers: &[],
    is_account: (
        is_account,
        "no id of an account: write `/subscriptions/…/resourceGroups/…/providers/Microsoft.CognitiveServices/accounts/NAME`",
    ),
    is_id: |id| matches!(id, "key1" | "key2"),
    list: None,
    look: |account, _| Call::post(path(account, "listKeys"), json!({})),
    probe: "/openai/models?api-version=2024-10-21",
    read_created: |in_use, body| {
        let id = other(in_use);
        Ok(NewKey { id: id.to_owned(), value: read_key(id, body)? })
    },
    read_known: |id, body| Ok(Known { roles: Value::Null, value: Some(read_key(id, body)?) }),
    service_key: KeyHeader::Named("api-key"),
    service_url: None,
    token: Some(Token { ask: form, url: None }),
};

fn is_account(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.()/".contains(&byte);
    text.starts_with("/subscriptions/")
        && text.contains(ACCOUNTS)
        && !text.ends_with('/')
        && text.bytes().all(is_plain)
        && text.split('/').skip(1).all(|part| !matches!(part, "" | "." | ".."))
}

fn other(id: &str) -> &'static str {
    if id == "key1" { "key2" } else { "key1" }
}

fn path(account: &str, what: &str) -> String {
    format!("{account}/{what}?api-version={API_VERSION}")
}

fn regenerate(account: &str, id: &str) -> Call {
    let name = if id == "key1" { "Key1" } else { "Key2" };
    Call::post(path(account, "regenerateKey"), json!({ "keyName": name }))
}

fn read_key(id: &str, body: &[u8]) -> Result<Secret<String>, Unreadable> {
    #[derive(Deserialize)]
    struct Keys {
        key1: String,
        key2: String,
    }
    let Keys { key1, key2 } = serde_json::from_slice(body)?;
    let (one, other) = (Secret::new(key1), Secret::new(key2));
    Ok(if id == "key1" { one } else { other })
}

/// As Microsoft's identity platform has it.
fn form(client_id: &str, secret: &str) -> (Bytes, HeaderValue) {
    let mut form = Form::default();
    form.put("client_id", client_id);
    form.put("client_secret", secret);
    form.put("grant_type", "client_credentials");
    form.put("scope", SCOPE);
    (form.finish(), Form::CONTENT_TYPE)
}
