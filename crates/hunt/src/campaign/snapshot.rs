//! What campaigns must remember, as bytes: for a restart, and for whoever continues elsewhere.
//!
//! INVARIANT: reading what was written gives the same campaigns. INVARIANT: bytes that are no snapshot, or whose numbers cannot have been counted, are refused; whoever reads
//! them goes on without.

use std::collections::{BTreeMap, VecDeque};

use events::CampaignId;
use serde::{Deserialize, Serialize};

use super::sighting::Tie;
use super::story::Story;
use super::strand::{Strand, Tally};
use super::texts::{KeptTexts, Texts};
use super::{Campaigns, FLAGGED_MAX, Forgotten, Noted, OPEN_MAX, STRANDS_MAX, UNFLAGGED_MAX};
use crate::snapshot::{SnapshotError, wrong};

/// The version of these shapes.
const VERSION: u32 = 1;
/// Bytes of a snapshot; more are refused unread.
pub const CAMPAIGNS_BYTES_MAX: usize = 96 << 20;

#[derive(Serialize, Deserialize)]
struct Kept {
    everybody: Tally,
    flagged: VecDeque<Noted>,
    forgotten: Forgotten,
    looked_ms: u64,
    open: Vec<Story>,
    strands: Vec<(Tie, Strand)>,
    texts: KeptTexts,
    unflagged: VecDeque<Noted>,
    version: u32,
}

impl Campaigns {
    /// What is known, as bytes.
    pub fn to_snapshot(&self) -> Vec<u8> {
        let kept = Kept {
            everybody: self.everybody,
            flagged: self.flagged.clone(),
            forgotten: self.forgotten,
            looked_ms: self.looked_ms,
            open: self.open.values().cloned().collect(),
            strands: self.strands.iter().map(|(tie, one)| (tie.clone(), one.clone())).collect(),
            texts: self.texts.keep(),
            unflagged: self.unflagged.clone(),
            version: VERSION,
        };
        // Maps are lists of pairs and numbers are finite, so nothing in it could fail.
        serde_json::to_vec(&kept).unwrap_or_default()
    }

    /// What was known, from bytes.
    pub fn from_snapshot(bytes: &[u8]) -> Result<Self, SnapshotError> {
        if bytes.len() > CAMPAIGNS_BYTES_MAX {
            return Err(wrong("it is too long"));
        }
        let kept: Kept =
            serde_json::from_slice(bytes).map_err(|_| wrong("it is of another shape"))?;
        if kept.version != VERSION {
            return Err(wrong("it is of another version"));
        }
        let is_bounded = kept.flagged.len() <= FLAGGED_MAX
            && kept.unflagged.len() <= UNFLAGGED_MAX
            && kept.open.len() <= OPEN_MAX
            && kept.strands.len() <= STRANDS_MAX;
        if !is_bounded {
            return Err(wrong("there is too much in it"));
        }
        let open: BTreeMap<CampaignId, Story> =
            kept.open.into_iter().map(|story| (story.id(), story)).collect();
        let is_sound = kept.everybody.is_sound()
            && open.values().all(Story::is_sound)
            && kept.strands.iter().all(|(_, strand)| strand.is_sound())
            // A strand of a campaign that is not there would claim requests for nothing.
            && kept.strands.iter().filter_map(|(_, one)| one.campaign).all(|id| open.contains_key(&id));
        let texts = Texts::restore(kept.texts).filter(|_| is_sound);
        let texts = texts.ok_or(wrong("a number cannot have been counted"))?;
        Ok(Self {
            everybody: kept.everybody,
            flagged: kept.flagged,
            forgotten: kept.forgotten,
            looked_ms: kept.looked_ms,
            open,
            strands: kept.strands.into_iter().collect(),
            texts,
            unflagged: kept.unflagged,
        })
    }
}
