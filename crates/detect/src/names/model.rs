//! The tagger's model: its file, its weights, its calibration.
//!
//! The file is a digest, a table of ranks per class and group of text, a signed byte per pair of tags, and a signed
//! byte per bucket and tag.
//!
//! INVARIANT: a file whose digest, version or length does not fit is refused.

use std::borrow::Cow;

use events::{Provenance, Rank};
use sha2::{Digest as _, Sha256};

use super::features::BUCKETS;
use super::{CLASSES, Class, TAGS};
use crate::rows::{self, ROW};
use crate::score::model::{CALIBRATED_RANK_MAX, Group};

/// The weights that ship with the program.
static SHIPPED: &[u8] = include_bytes!("../../model/names-v1.bin");

const MAGIC: &[u8; 8] = b"BTZNAM\x00\x01";
const DIGEST_BYTES: usize = 32;
// One weight per tag, and one unused.
const _: () = assert!(TAGS + 1 == ROW);
const TABLES: usize = CLASSES * 2 * CALIBRATED_RANK_MAX;

/// Per class and group of text: the lowest margin of each rank from 1 on.
pub type Calibration = [[[i32; CALIBRATED_RANK_MAX]; 2]; CLASSES];

/// A model. Cheap to clone if it is the shipped one.
#[derive(Clone)]
pub struct NamesModel {
    calibration: Box<Calibration>,
    transitions: [[i32; TAGS]; TAGS],
    weights: Cow<'static, [u8]>,
}

impl std::fmt::Debug for NamesModel {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("NamesModel").finish_non_exhaustive()
    }
}

impl NamesModel {
    /// The model that ships with the program.
    pub fn shipped() -> Result<Self, &'static str> {
        Self::parse(Cow::Borrowed(SHIPPED))
    }

    /// A model from the bytes of a file.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, &'static str> {
        Self::parse(Cow::Owned(bytes))
    }

    /// The bytes of a file. `weights` has one value per bucket and tag, tags side by side.
    pub fn to_bytes(
        calibration: &Calibration,
        transitions: &[[i8; TAGS]; TAGS],
        weights: &[i8],
    ) -> Vec<u8> {
        let mut body = Vec::with_capacity(TABLES * 4 + TAGS * TAGS + weights.len());
        for margin in calibration.iter().flatten().flatten() {
            body.extend_from_slice(&margin.to_le_bytes());
        }
        body.extend(transitions.iter().flatten().map(|weight| weight.cast_unsigned()));
        for row in weights.chunks(TAGS) {
            body.extend(row.iter().map(|weight| weight.cast_unsigned()));
            body.push(0);
        }
        let mut file = MAGIC.to_vec();
        file.extend_from_slice(&Sha256::digest(&body));
        file.extend_from_slice(&body);
        file
    }

    fn parse(bytes: Cow<'static, [u8]>) -> Result<Self, &'static str> {
        let rest = bytes.strip_prefix(MAGIC).ok_or("it is of another version")?;
        let (given, body) = rest.split_at_checked(DIGEST_BYTES).ok_or("it is cut short")?;
        let digest: [u8; DIGEST_BYTES] = Sha256::digest(body).into();
        if digest != given {
            return Err("its digest does not fit");
        }
        let (tables, rest) = body.split_at_checked(TABLES * 4).ok_or("it is cut short")?;
        let (steps, weights) = rest.split_at_checked(TAGS * TAGS).ok_or("it is cut short")?;
        if weights.len() != BUCKETS * ROW {
            return Err("its weights have another length");
        }
        let mut calibration = Box::new([[[i32::MAX; CALIBRATED_RANK_MAX]; 2]; CLASSES]);
        let slots = calibration.iter_mut().flatten().flatten();
        for (slot, bytes) in slots.zip(tables.as_chunks::<4>().0) {
            *slot = i32::from_le_bytes(*bytes);
        }
        let mut transitions = [[0; TAGS]; TAGS];
        for (slot, byte) in transitions.iter_mut().flatten().zip(steps) {
            *slot = i32::from(byte.cast_signed());
        }
        let start = bytes.len() - weights.len();
        let weights = match bytes {
            Cow::Borrowed(bytes) => Cow::Borrowed(bytes.get(start..).unwrap_or_default()),
            Cow::Owned(bytes) => Cow::Owned(bytes.get(start..).unwrap_or_default().to_vec()),
        };
        Ok(Self { calibration, transitions, weights })
    }

    /// The score of every tag for a token with these features.
    pub(crate) fn emission(&self, features: &[u16]) -> [i32; TAGS] {
        let (table, _) = self.weights.as_chunks::<ROW>();
        let [scores @ .., _] = rows::sum(table, features.iter().map(|bucket| usize::from(*bucket)));
        scores
    }

    /// The score of one tag following another.
    pub(crate) fn transition(&self, before: usize, tag: usize) -> i32 {
        self.transitions.get(before).and_then(|row| row.get(tag)).copied().unwrap_or_default()
    }

    /// How rare a name of such a margin is in ordinary texts of this provenance.
    pub fn rank(&self, class: Class, margin: i32, provenance: Provenance) -> Rank {
        let table = self
            .calibration
            .get(class as usize)
            .and_then(|groups| groups.get(Group::of(provenance) as usize));
        let rank =
            table.map_or(0, |table| table.iter().take_while(|lowest| margin >= **lowest).count());
        Rank::new(rank as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tiny() -> Vec<u8> {
        let calibration = [[[7; CALIBRATED_RANK_MAX]; 2]; CLASSES];
        NamesModel::to_bytes(&calibration, &[[1; TAGS]; TAGS], &vec![-1; BUCKETS * TAGS])
    }

    #[test]
    fn a_file_reads_back() {
        let model = NamesModel::from_bytes(tiny()).expect("it is whole");
        assert_eq!(model.rank(Class::Person, 7, Provenance::User).get(), 45);
        assert_eq!(model.rank(Class::Person, 6, Provenance::User).get(), 0);
        assert_eq!(model.emission(&[1, 2]), [-2; TAGS]);
        assert_eq!(model.transition(0, 1), 1);
    }

    #[test]
    fn a_damaged_file_is_refused() {
        for at in [0, 8, 20, 45, 2000, BUCKETS] {
            let mut bytes = tiny();
            bytes[at] ^= 1;
            assert!(NamesModel::from_bytes(bytes).is_err(), "byte {at}");
        }
        assert!(NamesModel::from_bytes(Vec::new()).is_err());
    }

    #[test]
    fn the_shipped_file_is_small_enough() {
        assert!(SHIPPED.len() <= 600 * 1024);
        assert!(NamesModel::shipped().is_ok());
    }
}
