//! Signed statements about one interaction: what was asked, which guards ran, what was decided, what was not
//! scanned.
//!
//! A [`SignedDecision`] is one JSON object of a [`DecisionStatement`] and a signature: Ed25519 (RFC 8032) over
//! `bartizan decision 1`, a line feed, and the canonical JSON (RFC 8785) of the statement. It holds no content.
//! Each of the interaction's records is named by its sequence number and its Merkle leaf, so that whoever has
//! the record, or a proof of inclusion in it, can compare.
//!
//! INVARIANT: a statement is signed only over a record that verifies. INVARIANT: it is checked with nothing but
//! itself and the node's id; the node's id follows from the key that signed.

use std::path::Path;
use std::sync::Arc;

use events::{
    Decision, Digest, Ending, EventBody, GuardReport, InteractionClosed, InteractionId,
    InteractionOpened, NodeId, Unscanned,
};
use ring::signature::{ED25519, UnparsedPublicKey};
use serde::{Deserialize, Serialize};

use crate::checkpoint::hexadecimal;
use crate::disk::Disk;
use crate::error::JournalError;
use crate::frame::RECORD_BYTES_MAX;
use crate::keys::{self, node_of};
use crate::log::now_ms;
use crate::read::{Reader, Record};
use crate::verify::verify;

/// The version of the shape of [`DecisionStatement`].
pub const DECISION_FORMAT: u16 = 1;

/// The longest file with a signed decision worth reading, in bytes: that of two records, and some.
pub const DECISION_BYTES_MAX: usize = 2 * RECORD_BYTES_MAX + 4096;

const CONTEXT: &[u8] = b"bartizan decision 1\n";

/// A statement and its signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedDecision {
    /// Ed25519 over the statement, by its node.
    #[serde(with = "hexadecimal")]
    pub signature: [u8; 64],
    /// What is signed.
    pub statement: DecisionStatement,
}

/// What a node says about an interaction. Fields are alphabetical, so that its JSON is canonical.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecisionStatement {
    /// What became of the answer; nothing, if the interaction has not ended or its end was lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<AnswerStatement>,
    /// [`DECISION_FORMAT`].
    pub format: u16,
    /// Which interaction.
    pub interaction: InteractionId,
    /// Its records.
    pub leaves: Vec<Leaf>,
    /// Whose record.
    pub node: NodeId,
    /// Ed25519 public key of the node.
    #[serde(with = "hexadecimal")]
    pub public_key: [u8; 32],
    /// What was decided about the request.
    pub request: RequestStatement,
    /// When it was signed, in milliseconds since 1970 by the node's clock.
    pub time_ms: u64,
}

/// A record, by its place and its Merkle leaf (RFC 6962 §2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Leaf {
    /// The leaf.
    pub leaf: Digest,
    /// The place.
    pub sequence: u64,
}

/// What was decided about a request. Fields are alphabetical.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestStatement {
    /// Commitment to its body, if content was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Digest>,
    /// What was decided, and by which rules.
    pub decision: Decision,
    /// Its dialect.
    pub dialect: String,
    /// Every guard that is configured for it, and how it did.
    pub guards: Vec<GuardReport>,
    /// Values masked in it.
    pub masked: u32,
    /// The model asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// What was asked.
    pub operation: String,
    /// Its bytes.
    pub request_bytes: u64,
    /// When, in milliseconds since 1970.
    pub time_ms: u64,
    /// Fields that the content map does not know.
    pub unknown_fields: Vec<String>,
    /// What no guard read, and why.
    pub unscanned: Vec<Unscanned>,
}

/// What became of an answer. Fields are alphabetical.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnswerStatement {
    /// Commitment to what was sent, if content was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Digest>,
    /// What was decided, and by which rules.
    pub decision: Decision,
    /// How it ended.
    pub ending: Ending,
    /// Every guard that is configured for it, and how it did.
    pub guards: Vec<GuardReport>,
    /// Values masked in it.
    pub masked: u32,
    /// A stable code, when it did not end well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Bytes sent.
    pub response_bytes: u64,
    /// Values of the caller's own restored in it.
    pub restored: u32,
    /// The HTTP status sent.
    pub status: u16,
    /// When, in milliseconds since 1970.
    pub time_ms: u64,
    /// What no guard read, and why.
    pub unscanned: Vec<Unscanned>,
}

/// A file that is not a signed decision. Not retried.
#[derive(Debug, thiserror::Error)]
pub enum ParseDecisionError {
    /// It is longer than any.
    #[error(
        "a signed decision is at most {max} bytes long; hint: give the file that `bartizan log decision` wrote"
    )]
    TooLong {
        /// [`DECISION_BYTES_MAX`].
        max: usize,
    },
    /// It is not the JSON of one.
    #[error("not a signed decision: {0}; hint: give the file that `bartizan log decision` wrote")]
    Shape(#[from] serde_json::Error),
}

impl SignedDecision {
    /// Reads its JSON. Says nothing about its signature.
    pub fn parse(json: &[u8]) -> Result<Self, ParseDecisionError> {
        if json.len() > DECISION_BYTES_MAX {
            return Err(ParseDecisionError::TooLong { max: DECISION_BYTES_MAX });
        }
        Ok(serde_json::from_slice(json)?)
    }

    /// Whether the signature is the node's own, over exactly this statement. Which node it should be is for whoever asks to
    /// know: from a checkpoint, or from the node's operator.
    pub fn is_signed_by_its_node(&self) -> bool {
        let statement = &self.statement;
        statement.format == DECISION_FORMAT
            && node_of(&statement.public_key) == statement.node
            && signed_bytes(statement).is_ok_and(|bytes| {
                UnparsedPublicKey::new(&ED25519, &statement.public_key)
                    .verify(&bytes, &self.signature)
                    .is_ok()
            })
    }
}

/// Verifies the record in `dir` and signs a statement about one interaction with the node's key, whether or
/// not a process is writing to it. Nothing, if there is no such interaction. Blocking.
pub fn sign_decision(
    dir: &Path,
    interaction: InteractionId,
    disk: &Arc<dyn Disk>,
) -> Result<Option<SignedDecision>, JournalError> {
    let records = Reader::new(dir, Arc::clone(disk)).find(interaction)?;
    let Some((request, answer)) = said(&records) else { return Ok(None) };
    let report = verify(dir, None, disk.as_ref())?;
    if let Some(fault) = report.fault {
        return Err(JournalError::NotIntact { detail: fault.detail });
    }
    let key = keys::node_key(disk.as_ref(), dir, false)?;
    let leaf = |record: &Record| Leaf { leaf: record.leaf, sequence: record.sequence };
    let statement = DecisionStatement {
        answer,
        format: DECISION_FORMAT,
        interaction,
        leaves: records.iter().map(leaf).collect(),
        node: key.node(),
        public_key: key.public(),
        request,
        time_ms: now_ms(),
    };
    let signature = key.sign(&signed_bytes(&statement)?);
    Ok(Some(SignedDecision { signature, statement }))
}

fn signed_bytes(statement: &DecisionStatement) -> Result<Vec<u8>, serde_json::Error> {
    Ok([CONTEXT, &serde_json::to_vec(statement)?].concat())
}

/// What an interaction's records say.
fn said(records: &[Record]) -> Option<(RequestStatement, Option<AnswerStatement>)> {
    let request = records.iter().find_map(|record| match &record.event.body {
        EventBody::InteractionOpened(opened) => Some(of_request(opened, record.event.time_ms)),
        _ => None,
    });
    let answer = records.iter().find_map(|record| match &record.event.body {
        EventBody::InteractionClosed(closed) => Some(of_answer(closed, record.event.time_ms)),
        _ => None,
    });
    Some((request?, answer))
}

fn of_request(opened: &InteractionOpened, time_ms: u64) -> RequestStatement {
    RequestStatement {
        content: opened.content,
        decision: opened.decision.clone(),
        dialect: opened.dialect.clone(),
        guards: opened.guards.clone(),
        masked: opened.masked,
        model: opened.model.clone(),
        operation: opened.operation.clone(),
        request_bytes: opened.request_bytes,
        time_ms,
        unknown_fields: opened.unknown_fields.clone(),
        unscanned: opened.unscanned.clone(),
    }
}

fn of_answer(closed: &InteractionClosed, time_ms: u64) -> AnswerStatement {
    AnswerStatement {
        content: closed.content,
        decision: closed.decision.clone(),
        ending: closed.ending,
        guards: closed.guards.clone(),
        masked: closed.masked,
        reason: closed.reason.clone(),
        response_bytes: closed.response_bytes,
        restored: closed.restored,
        status: closed.status,
        time_ms,
        unscanned: closed.unscanned.clone(),
    }
}
