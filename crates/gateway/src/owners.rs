//! Whose an interaction was, for reports on it.
//!
//! INVARIANT: bounded: the last [`INTERACTIONS_MAX`] interactions, about 4 MB; of older ones nobody is the owner. INVARIANT: a principal is remembered as a hash with a key that
//! no other process has.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::sync::{Mutex, MutexGuard, PoisonError};

use events::{InteractionId, Principal};

/// Interactions whose owners are remembered.
pub(crate) const INTERACTIONS_MAX: usize = 65_536;
/// Reports on one interaction; more say nothing new.
pub(crate) const REPORTS_MAX: u8 = 8;

/// The owners of the last interactions.
#[derive(Default)]
pub(crate) struct Owners {
    generations: Mutex<Generations>,
    keyed: RandomState,
}

/// When the younger is full it becomes the older.
#[derive(Default)]
struct Generations {
    young: HashMap<InteractionId, Owned>,
    old: HashMap<InteractionId, Owned>,
}

struct Owned {
    by: u64,
    reports: u8,
}

/// Whether a principal may report on an interaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// It made it.
    Granted,
    /// Somebody else made it, or it is not remembered: which of both is nobody's business.
    Unknown,
    /// There are enough reports on it.
    Exhausted,
}

impl Owners {
    /// Notes who made an interaction.
    pub(crate) fn note(&self, interaction: InteractionId, principal: &Principal) {
        let by = self.keyed.hash_one(principal);
        let mut generations = self.generations();
        if generations.young.len() >= INTERACTIONS_MAX / 2 {
            generations.old = std::mem::take(&mut generations.young);
        }
        generations.young.insert(interaction, Owned { by, reports: 0 });
    }

    /// Counts a report of a principal on an interaction, if it is the one that made it.
    pub(crate) fn claim(&self, interaction: InteractionId, principal: &Principal) -> Claim {
        let by = self.keyed.hash_one(principal);
        match self.generations().owned(interaction) {
            Some(owned) if owned.by != by => Claim::Unknown,
            None => Claim::Unknown,
            Some(owned) if owned.reports >= REPORTS_MAX => Claim::Exhausted,
            Some(owned) => {
                owned.reports += 1;
                Claim::Granted
            }
        }
    }

    /// Takes a report that was claimed back: it could not be recorded.
    pub(crate) fn give_back(&self, interaction: InteractionId) {
        if let Some(owned) = self.generations().owned(interaction) {
            owned.reports = owned.reports.saturating_sub(1);
        }
    }

    fn generations(&self) -> MutexGuard<'_, Generations> {
        self.generations.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Generations {
    fn owned(&mut self, interaction: InteractionId) -> Option<&mut Owned> {
        match self.young.get_mut(&interaction) {
            Some(owned) => Some(owned),
            None => self.old.get_mut(&interaction),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn team(name: &str) -> Principal {
        Principal { team: Some(name.to_owned()), ..Principal::default() }
    }

    #[test]
    fn only_the_owner_reports_and_not_for_ever() {
        let owners = Owners::default();
        let interaction = InteractionId::new(1, 1);
        owners.note(interaction, &team("a"));
        assert_eq!(owners.claim(interaction, &team("b")), Claim::Unknown);
        assert_eq!(owners.claim(InteractionId::new(1, 2), &team("a")), Claim::Unknown);
        for _ in 0..REPORTS_MAX {
            assert_eq!(owners.claim(interaction, &team("a")), Claim::Granted);
        }
        assert_eq!(owners.claim(interaction, &team("a")), Claim::Exhausted);
        owners.give_back(interaction);
        assert_eq!(owners.claim(interaction, &team("a")), Claim::Granted);
        assert_eq!(owners.claim(interaction, &team("a")), Claim::Exhausted);
    }

    #[test]
    fn no_more_are_remembered_than_there_is_room_for() {
        let owners = Owners::default();
        for number in 0..2 * INTERACTIONS_MAX as u128 {
            owners.note(InteractionId::new(1, number), &team("a"));
        }
        let kept = owners.generations.lock().expect("not poisoned");
        assert!(kept.young.len() + kept.old.len() <= INTERACTIONS_MAX);
        drop(kept);
        assert_eq!(owners.claim(InteractionId::new(1, 5), &team("a")), Claim::Unknown);
        let last = InteractionId::new(1, 2 * INTERACTIONS_MAX as u128 - 1);
        assert_eq!(owners.claim(last, &team("a")), Claim::Granted);
    }
}
