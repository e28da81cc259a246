//! The kinds of sink: one row each. The configuration is checked against it, and the reference page is this table.
//!
//! INVARIANT: a kind is told nothing that it has no use for, and everything that it needs.

use std::fmt::Write as _;
use std::sync::Arc;

use export::Format;
use journal::Disk;

use super::backoff::RETRY_AFTER_MAX;
use super::courier::REFUSED_IN_A_ROW_MAX;
use super::deliver::{Deliver, SinkError};
use super::settings::SinkSettings;
use super::{elastic, file, nats, otlp, secops, sentinel, splunk, syslog, webhook};

/// What a row is.
struct Row {
    /// What it is, for the reference.
    about: &'static str,
    /// Bytes of a batch, unless the configuration says less.
    batch_bytes_max: usize,
    /// What it sends; the first unless the configuration says.
    formats: &'static [Format],
    name: &'static str,
    needs: &'static [&'static str],
    takes: &'static [&'static str],
}

macro_rules! kinds {
    ($($kind:ident: $row:expr;)+) => {
        /// The contract of a sink.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum SinkKind {
            $(#[doc = "See the reference page of sinks."] $kind),+
        }

        impl SinkKind {
            /// All kinds.
            pub const ALL: &'static [Self] = &[$(Self::$kind),+];

            const fn row(self) -> &'static Row {
                match self { $(Self::$kind => &$row),+ }
            }
        }
    };
}

/// Formats whose lines are objects of JSON, one event each.
const OBJECTS: &[Format] = &[Format::Ocsf, Format::Ocsf19, Format::Ecs, Format::JsonLines];
/// All but messages of OpenTelemetry, which only its own receivers read.
const EVENTS: &[Format] =
    &[Format::Ocsf, Format::Ocsf19, Format::Ecs, Format::JsonLines, Format::Cef, Format::Leef];
const LINES: &[Format] = &[
    Format::JsonLines,
    Format::Cef,
    Format::Ecs,
    Format::Leef,
    Format::Ocsf,
    Format::Ocsf19,
    Format::Otel,
];

kinds! {
    File: Row {
        name: "file",
        about: "A file on this machine: lines, appended and synced. One that has reached `rotate_bytes` is renamed to `NAME.1` \
                (the one before to `NAME.2`, …); `files` of those are kept. The folder has to be there.",
        needs: &["path"],
        takes: &["rotate_bytes", "files"],
        formats: LINES,
        batch_bytes_max: 1 << 20,
    };
    Webhook: Row {
        name: "webhook",
        about: "`POST` of lines, `application/x-ndjson` (CEF and LEEF: `text/plain`). `idempotency-key` is the SHA-256 of the \
                ids of the batch. With a `key`, `x-bartizan-signature: t=SECONDS,v1=HEX` is HMAC-SHA256 with it over \
                `SECONDS.BODY`. A status of 200 to 299 acknowledges all of it.",
        needs: &["url"],
        takes: &["key", "headers", "ca_file"],
        formats: LINES,
        batch_bytes_max: 1 << 20,
    };
    Syslog: Row {
        name: "syslog",
        about: "RFC 5424 at `tls://HOST:6514` (RFC 5425), `tcp://HOST:PORT` (octet counting, RFC 6587), or `udp://127.0.0.1:PORT`, \
                which is for this machine only. The host is the node, the message id the class of the event, and \
                `[bartizan@32473 id=\"…\" sequence=\"…\"]` its id and place. Syslog acknowledges nothing, so each batch is a \
                connection, and is taken once the receiver closes its end after we closed ours, having read all of it; \
                `acknowledge = \"none\"` is for receivers that never close. `facility` is 13 (log audit). Set the \
                receiver's limit of a message (`maxMessageSize` of rsyslog, 8 KiB) above the longest event: what is \
                longer, it cuts.",
        needs: &["url"],
        takes: &["ca_file", "facility", "acknowledge"],
        formats: &[Format::Cef, Format::Leef, Format::JsonLines, Format::Ecs, Format::Ocsf, Format::Ocsf19],
        batch_bytes_max: 1 << 20,
    };
    SplunkHec: Row {
        name: "splunk_hec",
        about: "Splunk's HTTP Event Collector at `URL/services/collector/event`; `key` is its token. A batch is taken once the \
                indexer acknowledges it, so the token needs indexer acknowledgement; `acknowledge = \"none\"` takes an answer \
                for it, which means that events are in a queue in memory. `source_type` is `bartizan:FORMAT`. Each event has \
                the fields `bartizan_id` and `bartizan_sequence`.",
        needs: &["url", "key"],
        takes: &["ca_file", "headers", "index", "source_type", "acknowledge"],
        formats: EVENTS,
        batch_bytes_max: 800 << 10,
    };
    Elastic: Row {
        name: "elastic",
        about: "Elasticsearch or OpenSearch at `URL/INDEX/_bulk`: `create` with the id of each event, so what is sent twice is there \
                once. `index` may be a data stream; formats without `@timestamp` are given one. `key` is an API key, or with \
                `user` that user's password.",
        needs: &["url", "index"],
        takes: &["key", "user", "ca_file", "headers"],
        formats: &[Format::Ecs, Format::Ocsf, Format::Ocsf19, Format::JsonLines],
        batch_bytes_max: 4 << 20,
    };
    Otlp: Row {
        name: "otlp",
        about: "A collector of OpenTelemetry at `URL/v1/logs`: OTLP over HTTP, in JSON. A partial success says how many records \
                were refused and not which, and must not be sent again: so many are `dead`, and the dead letter names the batch.",
        needs: &["url"],
        takes: &["ca_file", "headers"],
        formats: &[Format::Otel],
        batch_bytes_max: 1 << 20,
    };
    Sentinel: Row {
        name: "sentinel",
        about: "Microsoft Sentinel, by the Logs Ingestion API of Azure Monitor. `url` is the endpoint of data collection, `rule` the \
                immutable id of the data collection rule, `stream` its stream; `tenant`, `client_id` and `key` (the secret) are of an \
                application in Entra that may publish metrics to the rule. Each event is an object of the format with \
                `TimeGenerated` and `BartizanId` in front.",
        needs: &["url", "key", "tenant", "client_id", "rule", "stream"],
        takes: &["ca_file", "token_url"],
        formats: OBJECTS,
        // 1 MB a call, with what is put around and in front of each event.
        batch_bytes_max: 800_000,
    };
    GoogleSecops: Row {
        name: "google_secops",
        about: "Google Security Operations, by `logs.import` of the Chronicle API (v1alpha). `key` is the JSON file of a service \
                account; `project`, `location`, `instance`, `log_type` and `forwarder` say where logs go. Without a `url` it is \
                `https://LOCATION-chronicle.googleapis.com`. Each log has the label `bartizan_id`.",
        needs: &["key", "project", "location", "instance", "log_type", "forwarder"],
        takes: &["url", "ca_file", "token_url"],
        formats: EVENTS,
        // 4 MB a call, of which base64 and labels are a part.
        batch_bytes_max: 2 << 20,
    };
    Nats: Row {
        name: "nats",
        about: "NATS JetStream at `nats://HOST:4222`, or `tls://HOST:4222` (TLS begins after the greeting). Each line is published to \
                `subject` with `Nats-Msg-Id`, by which the stream drops what it has within its window of duplicates, and is taken \
                once the stream acknowledges it. `key` is a token, or with `user` that user's password. A stream has to be there.",
        needs: &["url", "subject"],
        takes: &["key", "user", "ca_file"],
        formats: LINES,
        batch_bytes_max: 1 << 20,
    };
}

impl SinkKind {
    /// The name in the configuration.
    pub const fn as_str(self) -> &'static str {
        self.row().name
    }

    /// The settings without which it cannot run.
    pub const fn needs(self) -> &'static [&'static str] {
        self.row().needs
    }

    /// The settings that it may have besides.
    pub const fn takes(self) -> &'static [&'static str] {
        self.row().takes
    }

    /// What it sends.
    pub const fn formats(self) -> &'static [Format] {
        self.row().formats
    }

    /// What it sends unless told.
    pub fn format_default(self) -> Format {
        self.row().formats.first().copied().unwrap_or(Format::JsonLines)
    }

    /// Bytes of a batch at most.
    pub const fn batch_bytes_max(self) -> usize {
        self.row().batch_bytes_max
    }

    pub(crate) fn deliver(
        self,
        settings: &SinkSettings,
        disk: &Arc<dyn Disk>,
    ) -> Result<Box<dyn Deliver>, SinkError> {
        Ok(match self {
            Self::File => Box::new(file::File::new(settings, Arc::clone(disk))?),
            Self::Webhook => Box::new(webhook::Webhook::new(settings)?),
            Self::Syslog => Box::new(syslog::Syslog::new(settings)?),
            Self::SplunkHec => Box::new(splunk::SplunkHec::new(settings)?),
            Self::Elastic => Box::new(elastic::Elastic::new(settings)?),
            Self::Otlp => Box::new(otlp::Otlp::new(settings)?),
            Self::Sentinel => Box::new(sentinel::Sentinel::new(settings)?),
            Self::GoogleSecops => Box::new(secops::SecOps::new(settings)?),
            Self::Nats => Box::new(nats::Nats::new(settings)?),
        })
    }
}

const INTRODUCTION: &str = "\
# Sinks

Generated by `cargo xtask generate`; do not edit.

A sink sends what is on record to where others look at it, in one of the [formats](export.md). Each `[[sinks]]` of the configuration
follows the record by itself: a sink that is down waits and holds up neither requests nor other sinks. The record is the queue.
Never is anything sent of what was said.

`url`, `path`, `key`, `headers` and `ca_file` are settings of a sink; the other names of the table stand in its `details`:
`details = { index = \"bartizan\" }`.

";

const PROMISES: &str = "\
## What is promised

**At least once.** How far a sink came is in `DATA/sinks/NAME.json`, written and synced once a batch is acknowledged. After a crash
between the two, the batch is sent again: the same records with the same ids (their leaves, or keyed hashes of them where
anything is redacted), so a receiver can drop what it has. Only what survives a power cut is sent.

**In order, without gaps.** Records have `sequence`, one after the other. A sink that is sent only some (`where`) has gaps that are
counted as `filtered`. What is sent again comes later than what followed it only where a receiver took a part of a batch.

**Nothing in silence.** Every record ends as `sent`, `filtered`, `dead` or `lost`, or waits; `bartizan log sinks` shows the counts, and
that they add up to what was logged since the sink began. Lost is what could not be read any more (segments that were removed or
damaged) and dead letters that had no room.

";

/// The reference page.
pub fn sinks_markdown() -> String {
    let mut page = INTRODUCTION.to_owned();
    page.push_str("| `kind` | formats, the first unless `format` is given | needs | takes | bytes of a batch |\n|---|---|---|---|---|\n");
    for kind in SinkKind::ALL {
        let Row { batch_bytes_max, formats, name, needs, takes, .. } = kind.row();
        let formats: Vec<&str> = formats.iter().map(|format| format.as_str()).collect();
        let _never_fails = writeln!(
            page,
            "| `{name}` | {} | {} | {} | {batch_bytes_max} |",
            listed(&formats),
            listed(needs),
            listed(takes)
        );
    }
    page.push('\n');
    for kind in SinkKind::ALL {
        let _never_fails = writeln!(page, "## `{}`\n\n{}\n", kind.row().name, kind.row().about);
    }
    page.push_str(PROMISES);
    let _never_fails = write!(
        page,
        "## When a receiver does not take it\n\n\
         | what it says | what follows |\n|---|---|\n\
         | unreachable, cut, too slow, 401, 403, 404, 429, 5xx | the same again, after a pause that doubles up to \
         `retry_ms_max`, less up to a half by chance; `Retry-After` is honoured up to {} seconds |\n\
         | 413 | halves, down to one record; one that is too large is a dead letter |\n\
         | 400, 422 and others about the message | halves, down to one record; that is a dead letter |\n\
         | some records of a bulk | those that may succeed are sent again, those that cannot are dead letters |\n\
         | {REFUSED_IN_A_ROW_MAX} records refused and none taken between them | the sink waits: its configuration is wrong, not each record |\n\n\
         Dead letters are in `DATA/sinks/NAME.dead.jsonl`, with their place, id and why. A cursor that cannot be written (a full disk) \
         stops its sink until it can. A sink that is taken out of the configuration keeps its cursor and goes on there when it comes back; \
         to have it begin anew, remove its cursor while it does not run, or give it another name. If the record is another one than the cursor \
         was in (restored from a copy), all of it is sent.\n",
        RETRY_AFTER_MAX.as_secs()
    );
    page
}

fn listed(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    if names.is_empty() { String::from("-") } else { names.join(", ") }
}
