//! Redaction: fields that one receiver is not to get, taken out of an event or hashed before any format sees it.
//!
//! The event itself is changed, not what a format made of it, so that no format has to know and what is derived (the
//! message, OCSF's places of its own) has nothing left to derive from. Conditions are on the event as it was.
//!
//! A hashed value stays what it was: an address is an address (of `fd00::/8`), a key's id is ten characters of its kind, so that
//! equal values stay equal and every format still takes them. Whoever has no key cannot compute them.
//!
//! INVARIANT: what is removed or hashed is in no line of any format, also not where a later record says it again.
//! INVARIANT: leaf and chain, which are over the record as it was written, are hashed too: with them, whoever has the rest of an
//! event could try what was taken out until it fits.
//!
//! Not here: the key that hashes, which the caller has.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use events::{
    CampaignNotice, ConversationId, Digest, Event, EventBody, InteractionClosed, InteractionOpened,
    KeyId, Principal, UserReport,
};

use crate::field::Field;

/// What stands for a text that was removed from a list, whose members have their places.
const REMOVED: &str = "-";
/// Hexadecimal characters of a hashed text.
const HASHED_CHARACTERS: usize = 32;

/// What becomes of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Redact {
    /// It is left out.
    Remove,
    /// A keyed hash takes its place.
    Hash,
}

/// What hashes: a keyed hash of a text.
pub type KeyedHash = Arc<dyn Fn(&str) -> [u8; 32] + Send + Sync>;

/// Why a field cannot be redacted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RedactError {
    /// No event has such a field, or what it says identifies nobody.
    #[error("`{0}` cannot be redacted")]
    Field(String),
    /// It has no hash that is one of its kind.
    #[error("`{0}` can only be removed")]
    OnlyRemoved(String),
}

/// The fields that can be redacted, and whether they can be hashed.
const REDACTABLE: [(Field, bool); 23] = [
    (Field::Actor, true),
    (Field::Agent, true),
    (Field::Application, true),
    (Field::Certificate, true),
    (Field::ClientAddress, true),
    (Field::Content, false),
    (Field::Conversation, true),
    (Field::EndUser, true),
    (Field::FindingPaths, true),
    (Field::Issuer, true),
    (Field::Key, true),
    (Field::Message, false),
    (Field::Model, true),
    (Field::Route, true),
    (Field::Target, true),
    (Field::Team, true),
    (Field::Tenant, true),
    (Field::Token, true),
    (Field::TraceId, false),
    (Field::UnknownFields, true),
    (Field::Upstream, true),
    (Field::User, true),
    (Field::Why, true),
];

/// Which fields are redacted, and how.
#[derive(Clone)]
pub struct Redaction {
    hash: KeyedHash,
    rows: Vec<(Field, Redact)>,
}

impl std::fmt::Debug for Redaction {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Redaction").field("rows", &self.rows).finish_non_exhaustive()
    }
}

impl Redaction {
    /// The fields, by our own names. `message` takes out the details of anomalies and notices, `trace.trace` the whole trace, and
    /// `upstream` every place that names one.
    pub fn new<'a>(
        fields: impl IntoIterator<Item = (&'a str, Redact)>,
        hash: KeyedHash,
    ) -> Result<Self, RedactError> {
        let rows = fields.into_iter().map(|(name, how)| {
            let known = REDACTABLE.iter().find(|(field, _)| field.name() == name);
            match (known, how) {
                (None, _) => Err(RedactError::Field(name.to_owned())),
                (Some((_, false)), Redact::Hash) => Err(RedactError::OnlyRemoved(name.to_owned())),
                (Some((field, _)), how) => Ok((*field, how)),
            }
        });
        Ok(Self { hash, rows: rows.collect::<Result<_, _>>()? })
    }

    /// The names of the fields that can be redacted.
    pub fn fields() -> impl Iterator<Item = &'static str> {
        REDACTABLE.iter().map(|(field, _)| field.name())
    }

    /// Whether anything is redacted.
    pub const fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// What stands for a leaf, or the head of a chain.
    pub(crate) fn digest(&self, digest: Digest) -> Digest {
        Digest((self.hash)(&digest.to_string()))
    }

    /// The event without what is redacted.
    pub(crate) fn of(&self, event: &Event) -> Event {
        let mut event = event.clone();
        match &mut event.body {
            EventBody::Administration(change) => {
                self.text(Field::Actor, &mut change.actor);
                self.text(Field::Target, &mut change.target);
                self.maybe(Field::Why, &mut change.why);
            }
            EventBody::Anomaly(found) => {
                self.message(&mut found.detail);
                self.maybe(Field::Model, &mut found.model);
                self.maybe(Field::Upstream, &mut found.upstream);
                self.principal(&mut found.principal);
            }
            EventBody::Campaign(notice) => self.campaign(notice),
            EventBody::InteractionClosed(closed) => self.closed(closed),
            EventBody::InteractionOpened(opened) => self.opened(opened),
            EventBody::Node(notice) => self.message(&mut notice.detail),
            EventBody::UserReport(report) => self.report(report),
        }
        event
    }

    fn campaign(&self, notice: &mut CampaignNotice) {
        let campaign = &mut notice.campaign;
        self.list(Field::ClientAddress, &mut campaign.networks);
        if self.how(Field::ClientAddress) == Some(Redact::Remove) {
            campaign.addresses.clear();
        }
        campaign.addresses.iter_mut().for_each(|address| self.address(address));
        match self.how(Field::Key) {
            None => {}
            Some(Redact::Hash) => campaign.keys.iter_mut().for_each(|key| *key = self.key(*key)),
            Some(Redact::Remove) => campaign.keys.clear(),
        }
        self.list(Field::Application, &mut campaign.applications);
        self.list(Field::EndUser, &mut campaign.end_users);
        self.list(Field::Model, &mut campaign.models);
        self.list(Field::Team, &mut campaign.teams);
        self.list(Field::User, &mut campaign.users);
        for link in &mut campaign.links {
            let fields: &[Field] = match &*link.share {
                "address" | "network" => &[Field::ClientAddress],
                "application" => &[Field::Application],
                "caller" => &[Field::Key, Field::User, Field::EndUser],
                "end_user" => &[Field::EndUser],
                _ => &[],
            };
            if let Some(field) = fields.iter().find(|field| self.how(**field).is_some()) {
                self.texts(*field, std::iter::once(&mut link.what));
            }
        }
        // The sentence names some of them.
        if !self.rows.is_empty() {
            notice.detail.clear();
        }
    }

    fn opened(&self, opened: &mut InteractionOpened) {
        self.address(&mut opened.client_address);
        self.gone(Field::Content, &mut opened.content);
        let hashed = |id: ConversationId| {
            let mut bytes = [0; 16];
            bytes.copy_from_slice(&(self.hash)(&id.to_string())[..16]);
            ConversationId::from_hash(bytes)
        };
        self.id(Field::Conversation, &mut opened.conversation, hashed);
        self.maybe(Field::Certificate, &mut opened.credentials.certificate);
        self.maybe(Field::Token, &mut opened.credentials.token);
        self.texts(Field::FindingPaths, opened.findings.iter_mut().map(|one| &mut one.path));
        self.texts(Field::FindingPaths, opened.unscanned.iter_mut().map(|one| &mut one.path));
        self.maybe(Field::Model, &mut opened.model);
        self.principal(&mut opened.principal);
        self.maybe(Field::Route, &mut opened.route);
        self.gone(Field::TraceId, &mut opened.trace);
        self.texts(Field::UnknownFields, opened.unknown_fields.iter_mut());
        self.texts(Field::Upstream, opened.upstream_fallbacks.iter_mut());
        self.maybe(Field::Upstream, &mut opened.upstream);
    }

    fn closed(&self, closed: &mut InteractionClosed) {
        self.texts(Field::Upstream, closed.attempts.iter_mut().map(|one| &mut one.upstream));
        self.gone(Field::Content, &mut closed.content);
        self.texts(Field::FindingPaths, closed.findings.iter_mut().map(|one| &mut one.path));
        self.texts(Field::FindingPaths, closed.unscanned.iter_mut().map(|one| &mut one.path));
    }

    fn report(&self, report: &mut UserReport) {
        self.gone(Field::Content, &mut report.comment);
        self.principal(&mut report.principal);
    }

    fn principal(&self, who: &mut Principal) {
        self.maybe(Field::Agent, &mut who.agent);
        self.maybe(Field::Application, &mut who.application);
        self.maybe(Field::EndUser, &mut who.end_user);
        self.maybe(Field::Issuer, &mut who.issuer);
        self.id(Field::Key, &mut who.key, |key| self.key(key));
        self.maybe(Field::Team, &mut who.team);
        self.maybe(Field::Tenant, &mut who.tenant);
        self.maybe(Field::User, &mut who.user);
    }

    fn key(&self, key: KeyId) -> KeyId {
        let hash = (self.hash)(key.as_str());
        KeyId::new(u64::from_le_bytes(*hash.first_chunk().unwrap_or(&[0; 8])))
    }

    fn list(&self, field: Field, texts: &mut Vec<String>) {
        match self.how(field) {
            Some(Redact::Remove) => texts.clear(),
            _ => self.texts(field, texts.iter_mut()),
        }
    }

    fn how(&self, field: Field) -> Option<Redact> {
        self.rows.iter().find(|(known, _)| *known == field).map(|(_, how)| *how)
    }

    fn hashed(&self, text: &str) -> String {
        let mut hashed = Digest((self.hash)(text)).to_string();
        hashed.truncate(HASHED_CHARACTERS);
        hashed
    }

    fn text(&self, field: Field, text: &mut String) {
        match self.how(field) {
            None => {}
            Some(Redact::Hash) => *text = self.hashed(text),
            Some(Redact::Remove) => text.clear(),
        }
    }

    fn maybe(&self, field: Field, text: &mut Option<String>) {
        match (self.how(field), text.as_deref()) {
            (Some(Redact::Remove), _) => *text = None,
            (Some(Redact::Hash), Some(known)) => *text = Some(self.hashed(known)),
            _ => {}
        }
    }

    fn texts<'a>(&self, field: Field, texts: impl Iterator<Item = &'a mut String>) {
        let Some(how) = self.how(field) else { return };
        for text in texts {
            *text = match how {
                Redact::Hash => self.hashed(text),
                Redact::Remove => REMOVED.to_owned(),
            };
        }
    }

    fn id<T: Copy>(&self, field: Field, id: &mut Option<T>, hashed: impl Fn(T) -> T) {
        match self.how(field) {
            None => {}
            Some(Redact::Hash) => *id = id.map(hashed),
            Some(Redact::Remove) => *id = None,
        }
    }

    fn gone<T>(&self, field: Field, value: &mut Option<T>) {
        if self.how(field).is_some() {
            *value = None;
        }
    }

    fn message(&self, detail: &mut String) {
        if self.how(Field::Message).is_some() {
            detail.clear();
        }
    }

    /// An address becomes one of the unique local ones (RFC 4193), which no network routes.
    fn address(&self, address: &mut String) {
        match self.how(Field::ClientAddress) {
            Some(Redact::Hash) if address.parse::<IpAddr>().is_ok() => {
                let mut bytes = [0; 16];
                bytes.copy_from_slice(&(self.hash)(address)[..16]);
                bytes[0] = 0xfd;
                *address = Ipv6Addr::from(bytes).to_string();
            }
            Some(_) => address.clear(),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{KeyedHash, Redact, RedactError, Redaction};
    use crate::field::Field;

    fn hash() -> KeyedHash {
        Arc::new(|text| [text.len() as u8; 32])
    }

    #[test]
    fn only_what_identifies_somebody_can_be_redacted() {
        let new = |name, how| Redaction::new([(name, how)], hash()).err();
        assert_eq!(new("principal.user", Redact::Hash), None);
        assert_eq!(new("severity", Redact::Remove), Some(RedactError::Field("severity".into())));
        let trace = RedactError::OnlyRemoved("trace.trace".into());
        assert_eq!(new("trace.trace", Redact::Hash), Some(trace));
        assert_eq!(new("trace.trace", Redact::Remove), None);
        assert!(Redaction::fields().all(|name| Field::ALL.iter().any(|one| one.name() == name)));
    }
}
