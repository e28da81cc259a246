//! Keys that are seen where keys do not belong, in prompts, tool results, files, answers and users' reports: virtual keys of ours,
//! and the sealed keys of providers.
//!
//! INVARIANT: a key counts as exposed only if the whole of it is right, so that nobody who knows its public id alone can
//! have it revoked; a provider's, only if it is the one in use. INVARIANT: bounded: [`EXPOSED_KEYS_MAX`] keys of one interaction; it is on record with all its
//! findings in any case.
//!
//! Not here: keys inside encodings (they are found and masked, but not told apart), what follows (`bartizan`).

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use events::{
    Administration, Event, EventBody, Finding, InteractionId, KeyId, LocatedFinding,
    VIRTUAL_KEY_PREFIX,
};
use journal::Journal;
use stdx::{Secret, SharedSecret};
use store::KeySnapshot;
use subtle::ConstantTimeEq as _;
use tokio::sync::mpsc;
use wire::Document;

use crate::exchange::now_ms;
use crate::files::Files;
use crate::judge::{Inspected, Place};

/// The operation of a record: a key was seen in plain text. Its actor is the interaction.
pub const KEY_EXPOSED: &str = "key.exposed";
/// The family of kinds that keys are found as.
const FAMILY: &str = "secret";
/// Keys of one interaction that are told apart.
const EXPOSED_KEYS_MAX: usize = 16;

/// A key that was seen in plain text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exposed {
    /// The key of a provider that is sealed under this name.
    Sealed(String),
    /// The key of this upstream, which is not sealed.
    Upstream(String),
    /// A virtual key.
    VirtualKey(KeyId),
}

impl fmt::Display for Exposed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sealed(name) => write!(formatter, "sealed:{name}"),
            Self::Upstream(name) => write!(formatter, "upstream:{name}"),
            Self::VirtualKey(id) => write!(formatter, "{id}"),
        }
    }
}

/// Where exposed keys are put on record and told. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Exposures {
    pub(crate) journal: Journal,
    pub(crate) keys: Arc<ArcSwap<KeySnapshot>>,
    /// The keys of providers that are sealed, by name.
    pub(crate) sealed: Arc<BTreeMap<String, SharedSecret>>,
    pub(crate) told: mpsc::Sender<Exposed>,
}

impl Exposures {
    pub(crate) fn new(
        journal: &Journal,
        keys: &Arc<ArcSwap<KeySnapshot>>,
        sealed: BTreeMap<String, SharedSecret>,
        told: mpsc::Sender<Exposed>,
    ) -> Self {
        let (journal, keys) = (journal.clone(), Arc::clone(keys));
        Self { journal, keys, sealed: Arc::new(sealed), told }
    }

    /// Puts on record, and tells, which of these texts are keys that would open something, except those of the interaction
    /// that are `known` already.
    pub(crate) fn note(
        &self,
        interaction: InteractionId,
        texts: &[Secret<String>],
        known: &mut Vec<Exposed>,
    ) {
        for text in texts {
            if let Some(key) = self.key(text) {
                self.tell(interaction, key, known);
            }
        }
    }

    /// Puts on record, and tells, that an upstream said the key that it was asked with.
    pub(crate) fn note_echo(
        &self,
        interaction: InteractionId,
        (upstream, key): (&str, &Secret<String>),
        known: &mut Vec<Exposed>,
    ) {
        let key = self.key(key).unwrap_or_else(|| Exposed::Upstream(upstream.to_owned()));
        self.tell(interaction, key, known);
    }

    fn tell(&self, interaction: InteractionId, key: Exposed, known: &mut Vec<Exposed>) {
        if known.contains(&key) || known.len() >= EXPOSED_KEYS_MAX {
            return;
        }
        known.push(key.clone());
        let exposed = Administration {
            actor: interaction.to_string(),
            operation: KEY_EXPOSED.to_owned(),
            target: key.to_string(),
            why: None,
        };
        let event = Event::new(now_ms(), EventBody::Administration(exposed));
        if let Err(error) = self.journal.append_later(&event) {
            tracing::error!(%interaction, %key, %error, "the exposure of a key could not be recorded");
        }
        if self.told.try_send(key).is_err() {
            // They are slow, or nobody wants to know; it is on record.
            tracing::debug!(%interaction, "nobody was told of an exposed key");
        }
    }

    /// The key that this text is, if it is one that opens something.
    fn key(&self, text: &Secret<String>) -> Option<Exposed> {
        let text = text.expose();
        if text.starts_with(VIRTUAL_KEY_PREFIX) {
            let grant = self.keys.load().authenticate(text, now_ms()).ok()?;
            return grant.principal.key.map(Exposed::VirtualKey);
        }
        let is_it = |place: &SharedSecret| {
            let key = place.current();
            key.is_some_and(|key| bool::from(key.expose().as_bytes().ct_eq(text.as_bytes())))
        };
        let (name, _) = self.sealed.iter().find(|(_, place)| is_it(place))?;
        Some(Exposed::Sealed(name.clone()))
    }
}

/// Whether the finding may be a key of ours.
pub(crate) fn is_key(finding: &Finding) -> bool {
    finding.kind.family() == FAMILY
}

/// What of a text may be a key of ours.
pub(crate) fn keys_of(text: &str, findings: &[Finding]) -> Vec<Secret<String>> {
    let found = findings.iter().filter(|finding| is_key(finding));
    let texts = found.filter_map(|finding| text.get(finding.span.range()));
    texts.map(|text| Secret::new(text.to_owned())).collect()
}

/// What may be a virtual key in a text that is no message.
pub(crate) fn key_in(text: &str) -> Option<Secret<String>> {
    text.starts_with(VIRTUAL_KEY_PREFIX).then(|| Secret::new(text.to_owned()))
}

/// What of a request may be a key of ours.
pub(crate) fn keys_in(
    document: &Document<'_>,
    files: &Files,
    inspected: &Inspected,
) -> Vec<Secret<String>> {
    let text_at = |place: &Place, located: &LocatedFinding| {
        let range = located.finding.span.range();
        match place {
            Place::Field(index) => document.fields.get(*index)?.text.get(range),
            Place::File(index) => files.texts.get(*index)?.text.get(range),
        }
    };
    let found = inspected.places.iter().zip(&inspected.findings);
    let keys = found.filter(|(_, located)| is_key(&located.finding));
    let texts = keys.filter_map(|(place, located)| text_at(place, located));
    let across = inspected.across.iter().filter(|(kind, _)| kind.family() == FAMILY);
    let texts = texts.chain(across.map(|(_, value)| value.as_str()));
    texts.map(|text| Secret::new(text.to_owned())).collect()
}
