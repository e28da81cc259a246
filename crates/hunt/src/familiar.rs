//! Which texts are told again in other words, and which of them are only an application's own template.
//!
//! A text that differs in few bits from one of the last sixteen is a rephrasing, unless it belongs to a family that was there in several hours of earlier days:
//! applications that fill in templates send nothing else.
//!
//! INVARIANT: fixed size; a family is familiar only after [`HOURS_MIN`] different hours.

use crate::observation::Print;

/// Texts that are compared with the next.
const PRINTS: usize = 16;
/// Families that are remembered.
pub(crate) const FAMILIES: usize = 8;
/// Different hours in which a family must have been seen.
pub(crate) const HOURS_MIN: u8 = 8;
/// Texts that differ in no more bits of 64 are the same in other words (see `detect::TurnPrint`).
const SIMILAR_BITS_MAX: u32 = 14;

/// Texts that are all alike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Family {
    /// The fingerprint of the first of them.
    pub(crate) similar: u64,
    /// The last hour in which one was seen.
    pub(crate) hour: u32,
    /// Different hours in which one was seen.
    pub(crate) hours: u8,
}

/// The last texts.
#[derive(Clone, Debug)]
pub(crate) struct Recent {
    prints: [Print; PRINTS],
    next: usize,
}

impl Default for Recent {
    fn default() -> Self {
        Self { prints: [Print::default(); PRINTS], next: 0 }
    }
}

const fn is_like(one: u64, other: u64) -> bool {
    one != 0 && other != 0 && (one ^ other).count_ones() <= SIMILAR_BITS_MAX
}

impl Recent {
    /// Takes a text; whether it says one of the last again, and is not of a familiar family.
    pub(crate) fn take(
        &mut self,
        print: Print,
        hour: u32,
        families: &mut [Family; FAMILIES],
    ) -> bool {
        if print.similar == 0 {
            return false;
        }
        let again =
            |earlier: &Print| earlier.same != print.same && is_like(earlier.similar, print.similar);
        let found = self.prints.iter().any(again);
        if let Some(place) = self.prints.get_mut(self.next % PRINTS) {
            *place = print;
        }
        self.next = (self.next + 1) % PRINTS;
        found && !is_familiar(print.similar, hour, families)
    }
}

fn is_familiar(similar: u64, hour: u32, families: &mut [Family; FAMILIES]) -> bool {
    if let Some(family) = families.iter_mut().find(|family| is_like(family.similar, similar)) {
        let is_familiar = family.hours >= HOURS_MIN;
        if family.hour != hour {
            family.hour = hour;
            family.hours = (family.hours + 1).min(HOURS_MIN);
        }
        return is_familiar;
    }
    // A new one takes the place of the one that is least known and was silent longest.
    if let Some(least) = families.iter_mut().min_by_key(|family| (family.hours, family.hour)) {
        *least = Family { similar, hour, hours: 1 };
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_become_familiar_and_campaigns_do_not() {
        let (mut recent, mut families) = (Recent::default(), [Family::default(); FAMILIES]);
        let mut take = |base: u64, number: u64, hour: u32| {
            let print = Print { same: number, similar: base ^ (1 << (number % 14)) };
            recent.take(print, hour, &mut families)
        };
        let (template, campaign) = (0x1234_5678_9abc_def0, 0x0fed_cba9_8765_4321_u64);
        assert!(!take(template, 0, 0), "the first is like nothing");
        assert!(take(template, 1, 0));
        for hour in 1..u32::from(HOURS_MIN) {
            take(template, u64::from(hour) + 2, hour);
        }
        assert!(!take(template, 77, 100));
        take(campaign, 0, 100);
        assert!((1..50).all(|number| take(campaign, number, 100)));
    }
}
