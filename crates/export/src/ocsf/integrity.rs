//! The profile `record_integrity` of OCSF 1.9.0: two attestations, and what each can prove.
//!
//! The first is of *our record*: its Merkle leaf, the chain it stands in (the node's), its place and the record before it. Its
//! fingerprint is over the record's own canonical bytes, not over this event, which `serialization` says; whoever holds the
//! record can check it, and whoever holds all events of a node sees if one is missing. The second is of *this event*:
//! SHA-256 over its canonical form (RFC 8785) without this fingerprint, so anybody can see that it was not changed since.
//!
//! INVARIANT: neither is a signature: a signed checkpoint of the record (`bartizan log checkpoint`) is what binds the chain to a
//! key. Before 1.9.0 leaf and chain stand in `unmapped.bartizan`.

use sha2::{Digest as _, Sha256};

use events::Digest;
use serde_json::{Value as Json, json};

use super::{OTHER, Release, Source, uid};
use crate::object::{Object, Pair, write_canonical};

const SHA_256: Pair = Pair(3, "SHA-256");
const HEXADECIMAL: Pair = Pair(1, "Hex");
const JCS: Pair = Pair(2, "JCS");
const KEYED: Pair = Pair(OTHER, "HMAC-SHA-256");
/// Of an event that is less than its record.
const REDACTED: Pair = Pair(OTHER, "keyed hash of the record's leaf; the event is redacted");
/// Our own: the leaf of RFC 6962 over the record as [`events::canonical_bytes`] has it, with its node and place.
const RECORD: Pair = Pair(OTHER, "RFC 6962 leaf of the canonical record");

/// Where in an event its own attestation is.
const OWN: &str = "/attestation_list/1";

/// An event with its attestations, if the release has them.
pub(super) fn attested(source: &Source<'_>, event: Json) -> Json {
    if source.release != Release::V1_9 {
        return event;
    }
    let mut event = event;
    let own = Object::new()
        .with("uid", format!("{}-event", event_uid(&event)))
        .with("authority_uid", source.entry.node.to_string());
    event["attestation_list"] = json!([Json::from(of_record(source)), Json::from(own)]);
    let mut canonical = Vec::new();
    write_canonical(&event, &mut canonical);
    let digest = Digest(Sha256::digest(&canonical).into());
    if let Some(Json::Object(own)) = event.pointer_mut(OWN) {
        own.insert("fingerprint".to_owned(), fingerprint(&digest, JCS).into());
    }
    event
}

fn event_uid(event: &Json) -> &str {
    event.pointer("/metadata/uid").and_then(Json::as_str).unwrap_or_default()
}

fn of_record(source: &Source<'_>) -> Object {
    let entry = source.entry;
    let node = entry.node.to_string();
    let of_leaf = |leaf: &Digest| {
        if source.before.is_redacted {
            fingerprint(leaf, REDACTED).pair("algorithm", KEYED)
        } else {
            fingerprint(leaf, RECORD)
        }
    };
    let previous = entry.sequence.checked_sub(1).map(|sequence| {
        let leaf = source.before.leaf.map(|leaf| of_leaf(&leaf));
        Object::new().with("uid", uid(entry, sequence)).maybe("fingerprint", leaf)
    });
    Object::new()
        .with("uid", source.uid())
        .with("authority_uid", node.clone())
        .with("chain_uid", node)
        .with("fingerprint", of_leaf(&entry.leaf))
        .maybe("prev_event", previous)
}

fn fingerprint(digest: &Digest, serialization: Pair) -> Object {
    Object::new()
        .pair("algorithm", SHA_256)
        .pair("encoding", HEXADECIMAL)
        .pair("serialization", serialization)
        .with("value", digest.to_string())
}
