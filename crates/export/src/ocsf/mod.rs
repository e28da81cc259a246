//! Open Cybersecurity Schema Framework: 1.8.0, and 1.9.0 by a switch.
//!
//! | event | class |
//! |---|---|
//! | an interaction opened or closed, a user's report | API Activity 6003 with `ai_operation`, `security_control`, `trace` |
//! | a notable finding of a personal or secret thing, a key that was exposed | Data Security Finding 2006 |
//! | any other notable finding, an anomaly, a campaign | Detection Finding 2004 |
//! | a change of keys, secrets, isolation, break-glass | Entity Management 3004 |
//! | a node that started, stopped, recovered | Application Lifecycle 6002 |
//! | a node that is degraded | Application Error 6008 |
//!
//! A record with findings becomes several events: its own, and one for each kind that was notably found, which names the
//! first as its related event. Whatever has no attribute stands under `unmapped.bartizan` by our own name.
//!
//! INVARIANT: every event has what its class requires, a number with the caption that the schema has for it, times in
//! milliseconds, and nothing that class and profiles do not know; the tests hold it against a table of the schema.
//!
//! Not here: classes whose events do not exist yet (Datastore Activity 6005, Process Activity 1007, Incident Finding 2005,
//! Compliance Finding 2003, inventories, remediation): each is a file beside these when its event comes.

mod administration;
mod api_activity;
mod campaign;
mod finding;
mod integrity;
mod parts;
mod security_control;
mod techniques;

use events::{Event, EventBody};
use serde_json::Value as Json;

use crate::entry::{Before, Entry};
use crate::fact::{Facts, signed};
use crate::field::{Field, UNMAPPED};
use crate::object::{Object, Pair};
use crate::severity::{KEY_EXPOSED, Severity};

/// Which release of the schema is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Release {
    /// 1.8.0, of March 2026.
    V1_8,
    /// 1.9.0, of August 2026: with `record_integrity`.
    V1_9,
}

impl Release {
    const fn version(self) -> &'static str {
        match self {
            Self::V1_8 => "1.8.0",
            Self::V1_9 => "1.9.0",
        }
    }
}

/// A class of the schema.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Class {
    uid: u32,
    name: &'static str,
    category: Pair,
    profiles: &'static [&'static str],
}

/// What the parts of an event are made from.
pub(crate) struct Source<'a> {
    entry: &'a Entry<'a>,
    before: &'a Before,
    facts: &'a Facts<'a>,
    release: Release,
    version: &'a str,
}

/// The activity 99, whose name is the source's own.
const OTHER: u32 = 99;

/// The events that a record becomes.
pub(crate) fn events(
    entry: &Entry<'_>,
    before: &Before,
    facts: &Facts<'_>,
    release: Release,
    version: &str,
) -> Vec<Json> {
    let source = Source { entry, before, facts, release, version };
    let mut events = Vec::new();
    match &entry.event.body {
        EventBody::InteractionOpened(opened) => {
            events.push(api_activity::judged(&source));
            events.extend(finding::located(&source, &opened.decision, &opened.findings));
        }
        EventBody::InteractionClosed(closed) => {
            events.push(api_activity::ended(&source, closed));
            events.extend(finding::located(&source, &closed.decision, &closed.findings));
        }
        EventBody::UserReport(_) => events.push(api_activity::reported(&source)),
        EventBody::Anomaly(anomaly) => events.push(finding::anomaly(&source, anomaly)),
        EventBody::Campaign(notice) => events.push(campaign::told(&source, &notice.campaign)),
        EventBody::Administration(change) if change.operation == KEY_EXPOSED => {
            events.push(finding::exposed(&source, change));
        }
        EventBody::Administration(change) => events.push(administration::change(&source, change)),
        EventBody::Node(notice) => events.push(administration::notice(&source, notice)),
    }
    events.into_iter().map(|event| integrity::attested(&source, event)).collect()
}

impl Source<'_> {
    fn event(&self) -> &Event {
        self.entry.event
    }

    /// The id of the record's own event; those of its findings have a number after it.
    fn uid(&self) -> String {
        uid(self.entry, self.entry.sequence)
    }

    fn severity(&self) -> Severity {
        Severity::of(&self.event().body)
    }

    /// The attributes that every class has.
    fn base(&self, class: Class, activity: Pair, uid: &str) -> Object {
        let Pair(activity_id, activity_name) = activity;
        let known = if activity_id == OTHER { "Other" } else { activity_name };
        let severity = self.severity();
        let caption = severity.words().caption;
        Object::new()
            .pair("activity", activity)
            .renamed("activity", "activity_name")
            .with("category_uid", class.category.0)
            .with("category_name", class.category.1)
            .with("class_uid", class.uid)
            .with("class_name", class.name)
            .with("type_uid", u64::from(class.uid) * 100 + u64::from(activity_id))
            .with("type_name", format!("{}: {known}", class.name))
            .with("time", signed(self.event().time_ms))
            .pair("severity", Pair(severity.number() as u32, caption))
            .maybe("message", self.facts.text(Field::Message))
            .with("metadata", parts::metadata(self, class, uid))
    }

    /// What has no attribute, by our own names.
    fn unmapped(&self) -> Object {
        self.unmapped_if(|_| true)
    }

    /// Of what has no attribute, where the record is that this comes from.
    fn unmapped_record(&self) -> Object {
        self.unmapped_if(|field| matches!(field, Field::Leaf | Field::Chain))
    }

    fn unmapped_if(&self, wanted: impl Fn(Field) -> bool) -> Object {
        use Field::{
            CampaignRequests, Duration, FirstByte, InputTokens, OutputTokens, ParentSpan,
            RequestBytes, ResponseBytes, Sequence, SpanId,
        };
        let mut ours = Object::new();
        for (field, value) in self.facts.iter() {
            if field.row().ocsf == UNMAPPED && wanted(*field) {
                ours.put_nested(field.name(), value.to_json());
            }
        }
        for field in [SpanId, ParentSpan] {
            // The schema takes a span once it has ended, which is in the close record.
            let is_open = matches!(self.event().body, EventBody::InteractionOpened(_));
            if let Some(id) = self.facts.text(field).filter(|_| is_open && wanted(field)) {
                ours.put_nested(field.name(), id.into());
            }
        }
        for field in [Duration, FirstByte] {
            // The schema has milliseconds.
            if let Some(us) = self.facts.number(field).filter(|_| wanted(field)) {
                ours.put_nested(field.name(), signed(us).into());
            }
        }
        let numbers =
            [CampaignRequests, InputTokens, OutputTokens, RequestBytes, ResponseBytes, Sequence];
        for field in numbers {
            // Too large for a whole number of the schema, which many readers hold in 32 bits.
            if let Some(number) = self.facts.number(field).filter(|one| whole(*one).is_none()) {
                ours.put_nested(field.name(), signed(number).into());
            }
        }
        Object::new().with("bartizan", ours)
    }
}

/// The id of the own event of the record at a place.
fn uid(entry: &Entry<'_>, sequence: u64) -> String {
    format!("{}-{sequence}", entry.node)
}

/// A number for an attribute of the schema's type for whole numbers, if it holds it.
fn whole(number: u64) -> Option<i32> {
    i32::try_from(number).ok()
}
