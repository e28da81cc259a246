//! OpenAI: a service account of a project for each key.
//!
//! Source: the reference of the Administration API (`/v1/organization/projects/{project_id}/service_accounts` and
//! `/api_keys`). Making a service account makes its key, which is shown once; deleting the account deletes the key. The
//! administrative key is an Admin API key (`sk-admin-…`). A key that a person made (`key_…`) can be the one in use: it is
//! deleted by its own id, and a service account takes its place.

use serde::Deserialize;
use serde_json::{Value, json};
use stdx::Secret;

use crate::adapter::KeyHeader;
use crate::error::Unreadable;
use crate::provider::{Call, Contract, Known, NewKey, Page, is_path_part};

/// What ids of keys that people made begin with.
const KEY_ID_PREFIX: &str = "key_";
/// Entries of one page, the most there may be.
const PAGE_ENTRIES: u32 = 100;

pub(crate) const OPENAI: Contract = Contract {
    about: "OpenAI, Administration API: a service account for each key.",
    admin_url: "https://api.openai.com/v1",
    create: |project, label, _, _| {
        Call::post(format!("{}/service_accounts", of(project)), json!({ "name": label }))
    },
    delete: |project, id| Call::delete(one(project, id)),
    headers: &[],
    is_account: (is_path_part, "no id of a project: write `proj_…`"),
    is_id: |_| true,
    list: Some((list, read_list)),
    look: |project, id| Call::get(one(project, id)),
    probe: "/models",
    read_created,
    read_known,
    service_key: KeyHeader::Bearer,
    service_url: Some("https://api.openai.com/v1"),
    token: None,
};

fn of(project: &str) -> String {
    format!("/organization/projects/{project}")
}

fn one(project: &str, id: &str) -> String {
    let kind = if id.starts_with(KEY_ID_PREFIX) { "api_keys" } else { "service_accounts" };
    format!("{}/{kind}/{id}", of(project))
}

fn list(project: &str, after: Option<&str>) -> Call {
    let after = after.map(|after| format!("&after={after}")).unwrap_or_default();
    Call::get(format!("{}/service_accounts?limit={PAGE_ENTRIES}{after}", of(project)))
}

#[derive(Deserialize)]
struct Account {
    id: String,
    name: String,
}

fn read_list(body: &[u8]) -> Result<Page, Unreadable> {
    #[derive(Deserialize)]
    struct Accounts {
        data: Vec<Account>,
        has_more: bool,
        last_id: Option<String>,
    }
    let accounts: Accounts = serde_json::from_slice(body)?;
    let next = accounts.last_id.filter(|id| accounts.has_more && is_path_part(id));
    if accounts.has_more && next.is_none() {
        return Err(Unreadable("there is more, and no id to go on from".to_owned()));
    }
    let keys = accounts.data.into_iter().map(|account| (account.id, account.name));
    Ok(Page { keys: keys.collect(), next })
}

fn read_created(_: &str, body: &[u8]) -> Result<NewKey, Unreadable> {
    #[derive(Deserialize)]
    struct Created {
        api_key: ApiKey,
        id: String,
    }
    #[derive(Deserialize)]
    struct ApiKey {
        value: String,
    }
    let created: Created = serde_json::from_slice(body)?;
    Ok(NewKey { id: created.id, value: Secret::new(created.api_key.value) })
}

fn read_known(id: &str, body: &[u8]) -> Result<Known, Unreadable> {
    #[derive(Deserialize)]
    struct Found {
        id: String,
        owner: Option<Owner>,
    }
    #[derive(Deserialize)]
    struct Owner {
        r#type: String,
    }
    let found: Found = serde_json::from_slice(body)?;
    if found.id != id {
        return Err(Unreadable("the answer is about another key".to_owned()));
    }
    if found.owner.is_some_and(|owner| owner.r#type == "service_account") {
        // Such a key cannot be deleted by itself.
        return Err(Unreadable("it is of a service account, whose id is needed".to_owned()));
    }
    Ok(Known { roles: Value::Null, value: None })
}
