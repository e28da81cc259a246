//! A collector of OpenTelemetry: OTLP over HTTP, in JSON.
//!
//! Source: OpenTelemetry protocol specification 1.x. Each line of the format is a message with one log record; those of a batch are
//! sent as one. A partial success says how many records were refused and not which, and must not be sent again: so many are
//! refused for good, and the dead letters name the batch.

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use http::HeaderMap;
use serde::Deserialize;
use serde_json::Value;

use super::deliver::{Answer, Deliver, Failure, SinkError, words};
use super::http::{Http, failure};
use super::item::Item;
use super::settings::SinkSettings;

/// What a line of the format is around its records.
const OPEN: &str = r#"{"resourceLogs":["#;
const CLOSE: &str = "]}";

pub(crate) struct Otlp(Http);

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Said {
    partial_success: Option<Partial>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Partial {
    /// A number, or a text: JSON of protocol buffers writes 64 bits as text.
    rejected_log_records: Value,
    error_message: String,
}

impl Otlp {
    pub(crate) fn new(settings: &SinkSettings) -> Result<Self, SinkError> {
        Http::new(settings).map(Self)
    }

    async fn send(&self, items: &[Item]) -> Result<Answer, Failure> {
        let lines = items.iter().flat_map(|item| &item.lines);
        let records: Vec<&str> = lines
            .filter_map(|line| line.strip_prefix(OPEN).and_then(|rest| rest.strip_suffix(CLOSE)))
            .collect();
        let body = Bytes::from([OPEN, &records.join(","), CLOSE].concat());
        let answer = self.0.post("/v1/logs", HeaderMap::new(), "application/json", body).await?;
        if !answer.status.is_success() {
            return Err(failure(&answer, ""));
        }
        let said: Said = serde_json::from_slice(&answer.body).unwrap_or_default();
        let Partial { error_message, rejected_log_records } =
            said.partial_success.unwrap_or_default();
        let rejected = match &rejected_log_records {
            Value::String(text) => text.parse().unwrap_or_default(),
            number => number.as_u64().unwrap_or_default(),
        };
        let mut all = Answer::taken(items.len());
        if rejected > 0 {
            let rejected = rejected.min(items.len() as u64);
            let why = format!(
                "{rejected} of these {} were refused: {}",
                items.len(),
                words(&error_message)
            );
            all.untold = Some((rejected, why));
        }
        Ok(all)
    }
}

impl Deliver for Otlp {
    fn deliver<'a>(&'a mut self, items: &'a [Item]) -> BoxFuture<'a, Result<Answer, Failure>> {
        self.send(items).boxed()
    }
}

#[cfg(test)]
mod tests {
    use export::{Entry, Exporter, Format, Selection, testing};

    use super::{CLOSE, OPEN};

    #[test]
    fn every_line_of_the_format_is_a_message_that_can_be_joined() {
        let mut exporter = Exporter::new(Format::Otel, Selection::default(), "1");
        let mut lines = Vec::new();
        for class in 0..testing::CLASSES {
            let event = testing::event_of(class, &[class; 700]);
            let (leaf, node) = (events::Digest([1; 32]), events::NodeId::new(1));
            let entry = Entry { chain: leaf, event: &event, leaf, node, sequence: 1 };
            exporter.record(&entry, &mut lines);
        }
        let text = String::from_utf8(lines).expect("text");
        assert!(text.lines().all(|line| line.starts_with(OPEN) && line.ends_with(CLOSE)), "{text}");
    }
}
