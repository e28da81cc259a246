//! What a client has been sent of a streamed answer, lane by lane.
//!
//! Some dialects say everything twice: in pieces, and whole when something has ended. What is said whole has
//! to be what the pieces came to after the guards, so it is written down here as it leaves.
//!
//! INVARIANT: at most [`TRANSCRIPT_BYTES_MAX`] bytes are kept; what does not fit is refused, and then the
//! answer cannot go on. INVARIANT: a lane that was closed stays closed, whether its text is still kept or was forgotten.

use std::collections::BTreeMap;

use crate::form::Form;
use crate::json_text::key_hash;
use crate::lane::Lane;

/// Bytes of text kept of one answer.
pub const TRANSCRIPT_BYTES_MAX: usize = 8 << 20;
/// Items of one answer whose ids are kept.
pub const TRANSCRIPT_ITEMS_MAX: usize = 4096;

/// What has been sent of an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transcript {
    lanes: BTreeMap<Lane, Said>,
    items: BTreeMap<u32, String>,
    /// Types of events that the content map does not name, by their hashes.
    unlisted: BTreeMap<u64, String>,
    /// Paths of text that it does not name, by theirs.
    extensions: BTreeMap<u64, String>,
    bytes: usize,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Said {
    text: String,
    is_closed: bool,
    is_forgotten: bool,
}

impl Transcript {
    /// Takes over text that is sent on a lane. `false` when there is no room for it.
    #[must_use]
    pub fn add(&mut self, lane: Lane, text: &str) -> bool {
        let fits = self.bytes + text.len() <= TRANSCRIPT_BYTES_MAX;
        if fits {
            self.bytes += text.len();
            self.lanes.entry(lane).or_default().text.push_str(text);
        }
        fits
    }

    /// Bytes of text that it holds.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Nothing more will be sent on a lane.
    pub fn close(&mut self, lane: Lane) {
        self.lanes.entry(lane).or_default().is_closed = true;
    }

    /// Forgets the text of a lane that was closed.
    pub fn forget(&mut self, lane: Lane) {
        if let Some(said) = self.lanes.get_mut(&lane).filter(|said| said.is_closed) {
            self.bytes -= said.text.len();
            (said.text, said.is_forgotten) = (String::new(), true);
        }
    }

    /// Whether that was said of the lane.
    pub fn is_closed(&self, lane: Lane) -> bool {
        self.lanes.get(&lane).is_some_and(|said| said.is_closed)
    }

    /// The text sent on a lane; `None` for one that has never begun, or whose text was forgotten.
    pub fn text(&self, lane: Lane) -> Option<&str> {
        self.lanes.get(&lane).filter(|said| !said.is_forgotten).map(|said| said.text.as_str())
    }

    /// Takes over the id of an item.
    pub(crate) fn name_item(&mut self, item: u32, id: &str) {
        if self.items.len() < TRANSCRIPT_ITEMS_MAX {
            self.items.entry(item).or_insert_with(|| id.to_owned());
        }
    }

    /// The id of an item; empty if it is not known.
    pub(crate) fn item(&self, item: u32) -> &str {
        self.items.get(&item).map_or("", String::as_str)
    }

    /// Takes over the type of an event, without its last word.
    pub(crate) fn name_unlisted(&mut self, stem: &str) {
        if self.unlisted.len() < TRANSCRIPT_ITEMS_MAX && Form::Id.admits_text(stem) {
            self.unlisted.entry(key_hash(stem)).or_insert_with(|| stem.to_owned());
        }
    }

    /// The type behind a hash.
    pub(crate) fn unlisted(&self, hash: u64) -> Option<&str> {
        self.unlisted.get(&hash).map(String::as_str)
    }

    /// Takes over the path of text that the content map does not name.
    pub(crate) fn name_extension(&mut self, hash: u64, path: &str) {
        // What is not shown of a path cannot be written again.
        let is_shown = !path.contains(['*', '…']);
        if is_shown && self.extensions.len() < TRANSCRIPT_ITEMS_MAX {
            self.extensions.entry(hash).or_insert_with(|| path.to_owned());
        }
    }

    /// The path behind a hash.
    pub(crate) fn extension(&self, hash: u64) -> Option<&str> {
        self.extensions.get(&hash).map(String::as_str)
    }

    /// Every lane with its text, in order.
    pub(crate) fn lanes(&self) -> impl Iterator<Item = (Lane, &str)> {
        self.lanes.iter().map(|(lane, said)| (*lane, said.text.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::{TRANSCRIPT_BYTES_MAX, TRANSCRIPT_ITEMS_MAX, Transcript};
    use crate::lane::{Channel, Lane};

    #[test]
    fn it_is_joined_closed_and_bounded() {
        let lane = Lane { choice: 0, channel: Channel::PartText(1) };
        let mut transcript = Transcript::default();
        assert_eq!(transcript.text(lane), None);
        assert!(transcript.add(lane, "a") && transcript.add(lane, "b"));
        assert_eq!((transcript.text(lane), transcript.is_closed(lane)), (Some("ab"), false));
        transcript.close(lane);
        assert!(transcript.is_closed(lane));
        assert!(transcript.add(lane, &"c".repeat(TRANSCRIPT_BYTES_MAX - 2)), "at the limit");
        assert!(!transcript.add(lane, "d"), "beyond");
        transcript.forget(lane);
        assert_eq!((transcript.text(lane), transcript.is_closed(lane)), (None, true));
        let other = Lane { choice: 1, ..lane };
        assert!(transcript.bytes() == 0 && transcript.add(other, "e"), "there is room again");
        transcript.forget(other);
        assert_eq!(transcript.text(other), Some("e"), "it is not closed");
        for item in 0..=TRANSCRIPT_ITEMS_MAX {
            transcript.name_item(item as u32, "msg");
        }
        assert_eq!(transcript.item(TRANSCRIPT_ITEMS_MAX as u32), "");
    }
}
