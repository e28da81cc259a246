//! What events of streams say by their types.
//!
//! INVARIANT: one type, one meaning in a table.
//!
//! Not here: the tables of types (`openai/`), how they are looked up (`scope`).

use crate::lane::Channel;

/// What the `type` of an event says about its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EventKind {
    pub(crate) name: &'static str,
    /// The channel of what the event says itself.
    pub(crate) channel: Option<Channel>,
    /// What it ends.
    pub(crate) ends: Ends,
}

/// What an event ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ends {
    Nothing,
    /// The answer: only what says that the stream has ended may come after it.
    Answer,
    /// The stream.
    Stream,
}

impl EventKind {
    /// An event that says something itself.
    pub(crate) const fn saying(name: &'static str, channel: Channel) -> Self {
        Self { name, channel: Some(channel), ends: Ends::Nothing }
    }

    /// An event that nothing comes after.
    pub(crate) const fn ending(name: &'static str) -> Self {
        Self { name, channel: None, ends: Ends::Stream }
    }

    /// An event after which nothing more is said.
    pub(crate) const fn finishing(name: &'static str, channel: Option<Channel>) -> Self {
        Self { name, channel, ends: Ends::Answer }
    }
}
