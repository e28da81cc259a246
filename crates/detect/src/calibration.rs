//! How many ranks a person moved a head of the score model, for texts of one provenance.
//!
//! An analyst's labels propose such numbers (`bartizan feedback calibrate`); they count once somebody wrote them
//! into the configuration.
//!
//! INVARIANT: no offset goes beyond [`RANK_OFFSET_MAX`], so that calibration cannot switch detection off.

use events::Provenance;

use crate::Head;

/// The most that a rank is moved, up or down: a tenfold rate of false alarms.
pub const RANK_OFFSET_MAX: i8 = 10;

/// An offset beyond [`RANK_OFFSET_MAX`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{offset} is out of range: choose between -{RANK_OFFSET_MAX} and {RANK_OFFSET_MAX}")]
pub struct RankOffsetError {
    /// The offset as given.
    pub offset: i8,
}

/// The offsets that are not 0.
#[derive(Clone, Debug, Default)]
pub(crate) struct Calibration(Vec<(Head, Provenance, i8)>);

impl Calibration {
    pub(crate) fn set(
        &mut self,
        head: Head,
        provenance: Provenance,
        offset: i8,
    ) -> Result<(), RankOffsetError> {
        if offset.unsigned_abs() > RANK_OFFSET_MAX.unsigned_abs() {
            return Err(RankOffsetError { offset });
        }
        self.0.retain(|(one, from, _)| (*one, *from) != (head, provenance));
        self.0.push((head, provenance, offset));
        Ok(())
    }

    /// How far the head's rank is moved for texts of this provenance.
    pub(crate) fn offset(&self, head: Head, provenance: Provenance) -> i8 {
        let found = self.0.iter().find(|(one, from, _)| (*one, *from) == (head, provenance));
        found.map_or(0, |(_, _, offset)| *offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_hold_for_their_head_and_provenance_and_have_a_bound() {
        let mut calibration = Calibration::default();
        calibration.set(Head::Injection, Provenance::User, -10).expect("within the bound");
        calibration.set(Head::Injection, Provenance::User, 3).expect("within the bound");
        assert_eq!(calibration.offset(Head::Injection, Provenance::User), 3);
        assert_eq!(calibration.offset(Head::Injection, Provenance::Output), 0);
        assert_eq!(calibration.offset(Head::Toxicity, Provenance::User), 0);
        for offset in [11, -11, i8::MIN] {
            let refused = calibration.set(Head::Injection, Provenance::User, offset);
            assert_eq!(refused, Err(RankOffsetError { offset }));
        }
    }
}
