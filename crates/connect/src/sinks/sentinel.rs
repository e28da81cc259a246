//! Microsoft Sentinel: the Logs Ingestion API of Azure Monitor.
//!
//! Source: Azure Monitor, "Logs Ingestion API" (version 2023-01-01) and its limits: 1 MB a call, 204 when it was taken, 429 with
//! `Retry-After`. A client of Entra gets a token for `https://monitor.azure.com/.default` and posts an array of objects to the stream
//! of a data collection rule. The rule maps what the format calls things to columns; `TimeGenerated` and `BartizanId` are put in front
//! of every object.

use bytes::Bytes;
use export::calendar;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use http::{HeaderMap, StatusCode, header};
use stdx::SharedSecret;

use super::deliver::{Answer, Deliver, Failure, SinkError};
use super::grant::Grants;
use super::http::{Http, failure, key};
use super::item::Item;
use super::settings::SinkSettings;
use crate::form::Form;

const API_VERSION: &str = "2023-01-01";
const SCOPE: &str = "https://monitor.azure.com/.default";
const LOGIN: &str = "https://login.microsoftonline.com";

pub(crate) struct Sentinel {
    client_id: String,
    grants: Grants,
    http: Http,
    key: Option<SharedSecret>,
    path: String,
}

impl Sentinel {
    pub(crate) fn new(settings: &SinkSettings) -> Result<Self, SinkError> {
        let plain = |name: &'static str| {
            let value = settings.detail(name).unwrap_or_default();
            let is_plain =
                |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
            if !value.is_empty() && value.bytes().all(is_plain) {
                return Ok(value);
            }
            let why = String::from("write letters, digits, `-`, `_` and `.`");
            Err(SinkError::Detail { detail: name, why })
        };
        let (tenant, rule, stream) = (plain("tenant")?, plain("rule")?, plain("stream")?);
        let token_url = match settings.detail("token_url") {
            Some(url) => url.to_owned(),
            None => format!("{LOGIN}/{tenant}/oauth2/v2.0/token"),
        };
        Ok(Self {
            client_id: plain("client_id")?.to_owned(),
            grants: Grants::new(Http::at(settings, &token_url)?),
            http: Http::new(settings)?,
            key: settings.key.clone(),
            path: format!("/dataCollectionRules/{rule}/streams/{stream}?api-version={API_VERSION}"),
        })
    }

    async fn send(&mut self, items: &[Item]) -> Result<Answer, Failure> {
        let (client_id, secret) = (self.client_id.clone(), self.key.clone());
        let ask = || {
            let secret = key(secret.as_ref())?;
            Ok(Form::of(&[
                ("client_id", &client_id),
                ("client_secret", secret.expose()),
                ("grant_type", "client_credentials"),
                ("scope", SCOPE),
            ]))
        };
        let token = self.grants.header(ask).await?;
        let headers = HeaderMap::from_iter([(header::AUTHORIZATION, token)]);
        let body = Bytes::from(body(items));
        let answer = self.http.post(&self.path, headers, "application/json", body).await?;
        if answer.status.is_success() {
            return Ok(Answer::taken(items.len()));
        }
        if answer.status == StatusCode::UNAUTHORIZED {
            self.grants.forget();
        }
        Err(failure(&answer, ""))
    }
}

impl Deliver for Sentinel {
    fn deliver<'a>(&'a mut self, items: &'a [Item]) -> BoxFuture<'a, Result<Answer, Failure>> {
        self.send(items).boxed()
    }
}

fn body(items: &[Item]) -> String {
    let objects = items.iter().flat_map(|item| {
        let time = calendar(item.time_ms);
        item.ids().filter_map(move |(id, line)| {
            let rest = line.strip_prefix('{')?;
            Some(format!(r#"{{"TimeGenerated":"{time}","BartizanId":"{id}",{rest}"#))
        })
    });
    format!("[{}]", objects.collect::<Vec<_>>().join(","))
}
